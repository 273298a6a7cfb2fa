"""What went wrong with a download, in words, and whether it is the host's fault or ours."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Sequence

import urllib3
from urllib3.response import BaseHTTPResponse

from packshot.download.addresses import ParsedUrl
from packshot.errors import FetchError, Unavailable

_RETRYABLE_STATUS = {408, 425, 429}  # and every 5xx
_STATUS_ADVICE = {
    401: ("forbidden", "; the picture must be readable without signing in"),
    403: ("forbidden", "; the picture must be readable without signing in"),
    404: ("not_found", ""),
    410: ("not_found", ""),
}
NOT_DOWNLOADED = "the picture could not be downloaded: "
_LONGEST_RETRY_AFTER = 3600  # seconds: a stranger's header must not park a product for a year
# What this process or machine has too few of, whatever the host. Not EADDRNOTAVAIL: that is what a
# machine without IPv6 says of an IPv6 address, or one host to which all ports are in use.
_OURS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
# What a machine says of an IPv6 address that has no IPv6, or no way out by it.
_NO_IPV6 = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENETUNREACH, errno.EHOSTUNREACH}


def failed(
    reason: str, *, code: str, retryable: bool = False, retry_after: float | None = None
) -> FetchError:
    return FetchError(
        f"{NOT_DOWNLOADED}{reason}",
        code=code,
        retryable=retryable,
        retry_after=retry_after,
    )


def check_means(error: Exception) -> None:
    """Raise Unavailable when it is this process or machine that lacks something."""
    if isinstance(error, OSError) and error.errno in _OURS:
        raise Unavailable(
            f"this process can open no connection ({error.strerror}): raise its limit"
            " (ulimit -n), or find what uses them up"
        ) from error


def unreachable(
    page: ParsedUrl, addresses: Sequence[str], failures: Sequence[OSError]
) -> FetchError:
    """What most tells of the host: one address of several is often of a kind we can't reach."""
    if any(isinstance(failure, TimeoutError) for failure in failures):
        return timed_out(page)
    reason = "does not accept connections"
    if all(":" in address for address in addresses) and all(
        failure.errno in _NO_IPV6 for failure in failures
    ):
        reason = "has only an IPv6 address, and this machine can't reach those"
    return failed(f"{page.place} {reason}", code="unreachable", retryable=True)


def timed_out(page: ParsedUrl) -> FetchError:
    return failed(f"{page.place} took too long to answer", code="timed_out", retryable=True)


def no_such_host(page: ParsedUrl) -> FetchError:
    return failed(
        f"there is no host named {page.host}; check the address for a typing error",
        code="no_such_host",
    )


def too_large(page: ParsedUrl, limit: int) -> FetchError:
    return failed(
        f"the file at {page.place} is larger than {limit / 1_000_000:g} MB; give a smaller one",
        code="too_large",
    )


def connection_error(page: ParsedUrl, error: Exception, *, out_of_time: bool) -> FetchError:
    if out_of_time or isinstance(error, (TimeoutError, urllib3.exceptions.TimeoutError)):
        return timed_out(page)
    if isinstance(error, ssl.SSLCertVerificationError):
        return failed(
            f"the certificate of {page.place} is not valid ({error.verify_message})",
            code="bad_certificate",
        )
    return failed(f"the connection to {page.place} broke off", code="broken_off", retryable=True)


def status_error(page: ParsedUrl, response: BaseHTTPResponse) -> FetchError:
    status = response.status
    code, advice = _STATUS_ADVICE.get(status, ("refused", ""))
    if status in _RETRYABLE_STATUS or status >= 500:
        return failed(
            f"{status} from {page.place}",
            code="server_error" if status >= 500 else "busy",
            retryable=True,
            retry_after=seconds_until_retry(response.headers.get("Retry-After")),
        )
    return failed(f"{status} from {page.place}{advice}", code=code)


def seconds_until_retry(header: str | None) -> float | None:
    """Seconds from now; None when the server did not say, or nothing that can be read."""
    if header is None:
        return None
    try:
        return urllib3.Retry(retry_after_max=_LONGEST_RETRY_AFTER).parse_retry_after(header)
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return None
