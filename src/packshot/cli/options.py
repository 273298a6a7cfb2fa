"""Options that several commands share: the server and the key."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click
import urllib3

from packshot.client import ApiError, Client


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
        try:
            return command(*args, client=Client(url, key), **options)
        except ApiError as error:
            raise click.ClickException(refusal(error, url, key)) from error
        except OSError as error:  # of a file: urllib3 raises network errors as its own types
            named = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            raise click.ClickException(named) from error
        except urllib3.exceptions.HTTPError as error:
            raise click.ClickException(no_answer(url, error)) from error

    return run


def refusal(error: ApiError, url: str, key: str | None) -> str:
    """Why the server refused, in a shell's terms: the error in each option, or the key."""
    if not error.asks_for_key:
        return error.explanation
    if key:
        return f"{url} does not know this key: check --key or PACKSHOT_API_KEY"
    return f"{url} asks for a key: give one with --key or PACKSHOT_API_KEY"


def no_answer(url: str, error: urllib3.exceptions.HTTPError) -> str:
    """Why no answer came from the server and what to do, in one sentence."""
    cause = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
    match cause:
        case urllib3.exceptions.NameResolutionError():
            return f"the name in {url} has no address: check --url for a typing error"
        case urllib3.exceptions.NewConnectionError() | urllib3.exceptions.ConnectTimeoutError():
            return (
                f"no Packshot answers at {url}: start one with `packshot serve`, or name another"
                " with --url"
            )
        case urllib3.exceptions.TimeoutError():
            return f"{url} accepted the request, but did not answer in time: see the server's log"
        case urllib3.exceptions.SSLError():
            return f"no TLS connection to {url} could be set up ({cause}): check --url"
        case urllib3.exceptions.LocationParseError() | urllib3.exceptions.URLSchemeUnknown():
            return f"{url} is not an address like http://127.0.0.1:5000: check --url"
        case _:
            return f"the connection to {url} ended without an answer: see the server's log"
