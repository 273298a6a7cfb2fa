"""Says in one sentence why the server refused, or did not answer."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import urljoin

import urllib3

from packshot.client import ApiError, Client

#: Seconds for the question which part of the server does not work.
PROBE_SECONDS: Final = 5.0


def reason_to_wait(client: Client, error: BaseException) -> str:
    """The error in words. Where the answer does not name the part that does not work, `/readyz`
    does, to callers who are signed in."""
    unnamed = isinstance(error, ApiError) and error.code == "unavailable"
    return (unnamed and _problems(client)) or error_text(client.url.rstrip("/"), error)


def _problems(client: Client) -> str:
    """Empty where all works again, or nobody says."""
    try:
        address = urljoin(client.url, "readyz")
        headers, seconds = client.headers, PROBE_SECONDS
        answer = client.http.request("GET", address, headers=headers, timeout=seconds)
        parts = json.loads(answer.data).get("parts") or {}
    except (urllib3.exceptions.HTTPError, ValueError):
        return ""
    return "; ".join(problem for problem in parts.values() if problem != "ok")


def error_text(url: str, error: BaseException) -> str:
    """Any error of the client's, in words."""
    if isinstance(error, urllib3.exceptions.HTTPError):
        return no_answer(url, error)
    return error.explanation if isinstance(error, ApiError) else str(error)


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
