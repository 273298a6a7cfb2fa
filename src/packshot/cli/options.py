"""Options that several commands share: the server and the key."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import click
import urllib3

from packshot.cli.retry_notices import RetryNotices, print_to_stderr
from packshot.cli.server_errors import no_answer, refusal
from packshot.client import ApiError, Client

PRODUCT_ID = click.IntRange(1, 2**31 - 1)


def connection(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --url and --key, passes a `client`, and turns its errors into one line each."""

    @click.option(
        "--url",
        envvar="PACKSHOT_URL",
        default="http://127.0.0.1:5000",
        show_default=True,
        help="The running Packshot.",
    )
    @click.option(
        "--key", envvar="PACKSHOT_API_KEY", help="An API key, if the server asks for one."
    )
    @functools.wraps(command)
    def run(*args: Any, url: str, key: str | None, **options: Any) -> Any:
        client = Client(url, key)
        notices = RetryNotices(client, print_to_stderr)
        client.before_retry, client.after_retry = notices.begin, notices.end
        try:
            if not _is_address(client.url):
                raise urllib3.exceptions.LocationParseError(url)
            return command(*args, client=client, **options)
        except ApiError as error:
            raise click.ClickException(refusal(error, url, key)) from error
        except OSError as error:  # of a file: urllib3 raises network errors as its own types
            named = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            raise click.ClickException(named) from error
        except urllib3.exceptions.HTTPError as error:
            raise click.ClickException(no_answer(url, error)) from error

    return run


def _is_address(url: str) -> bool:
    with suppress(ValueError):  # not an IPv6 address in brackets, or a port that is no number
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    return False
