"""Messages for failed downloads: only what was observed, and what can be done about it."""

from __future__ import annotations

import errno
import http.client
import re
import ssl
from collections.abc import Iterator, Sequence

import urllib3
from urllib3.response import BaseHTTPResponse

from packshot.download.addresses import ParsedUrl
from packshot.download.signed_addresses import find_expiry
from packshot.errors import FetchError, Unavailable

#: And every 5xx. 202: the picture is still being made, as by services that resize on demand.
_RETRYABLE_STATUS = {202, 408, 425, 429}
_WANTS_MORE = (
    "if the address opens in a browser, the host may want a browser's User-Agent, a Referer or a"
    " token: Packshot's operator can set FETCH_USER_AGENT or FETCH_HEADERS"
)
_IN_A_BROWSER = "; check that the address opens in a browser"
_STATUS_ADVICE = {
    401: ("forbidden", f" (a sign-in or a token is missing); {_WANTS_MORE}"),
    403: ("forbidden", f" (refused); {_WANTS_MORE}"),
    404: ("not_found", " (not found); check the address"),
    406: ("refused", f" (not acceptable); {_WANTS_MORE}"),
    407: ("refused", " (a proxy wants a sign-in)"),
    410: ("not_found", " (gone); give another address"),
    451: ("refused", " (not shown for legal reasons)"),
} | dict.fromkeys(
    (301, 302, 303, 307, 308), ("refused", f" (a redirect that leads nowhere){_IN_A_BROWSER}")
)
#: What S3 and compatible stores call a refusal, in XML.
_STORE_CODE = re.compile(rb"<Code>([A-Za-z]{1,60})</Code>")
_STORE_ADVICE = {
    "AccessDenied": "; the object is not public, or not there: make it public, or sign its address",
    "InvalidObjectState": "; the object is in an archive: restore it first",
    "SignatureDoesNotMatch": "; the signature does not fit the address: copy it whole",
}
NOT_DOWNLOADED = "the picture could not be downloaded: "
_LONGEST_RETRY_AFTER = 3600  # seconds: a host's header can't make a product wait for a year
_TLS_RECORD = ("\x15\x03", "\x16\x03")  # an alert or a handshake of TLS 1.0 or later
# This process or machine ran out of a resource; the host is not the cause. Not EADDRNOTAVAIL: a
# machine reports that if it has no IPv6 for an IPv6 address, or if its ports to one host are all in
# use.
_OURS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
# Errors for an IPv6 address on a machine without IPv6, or without an IPv6 route.
_NO_IPV6 = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENETUNREACH, errno.EHOSTUNREACH}

# OpenSSL's X509_V_ERR_... (openssl/x509_vfy.h) -> what is wrong with a host's certificate.
_CERTIFICATES = {
    9: "is not valid yet; check this machine's clock, or have the host's operator replace it",
    10: "has expired; the host's operator has to renew it",
    18: "is self-signed, and this machine does not trust it; the host needs one from a public"
    " authority",
    19: "comes from an authority that this machine does not trust",
    20: "has no chain to an authority that this machine trusts; either the host does not send its"
    " intermediate certificate, or a private authority issued it",
    21: "has no chain to an authority that this machine trusts; either the host does not send its"
    " intermediate certificate, or a private authority issued it",
    62: "is for another name; check the address for a typing error",
    64: "is for another name than this IP address; give the address with the host's name",
    66: "has a key that is too short to be safe",
    67: "comes from an authority whose key is too short to be safe",
    68: "is signed with a method that is no longer safe",
}
# Parts of OpenSSL's reasons (openssl/sslerr.h) -> what the two sides could not agree on.
_HANDSHAKES = (
    (
        ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "UNKNOWN_PROTOCOL"),
        "does not speak TLS on port {port}; if it serves plain HTTP there, write http://",
    ),
    (
        ("UNSUPPORTED_PROTOCOL", "PROTOCOL_VERSION", "VERSION_TOO_LOW", "NO_PROTOCOLS_AVAILABLE"),
        "offers only TLS versions older than 1.2, which are no longer safe; its operator has to"
        " allow TLS 1.2 or 1.3",
    ),
    (
        ("DH_KEY_TOO_SMALL", "KEY_TOO_SMALL", "MD_TOO_WEAK", "BAD_ECPOINT", "LEGACY_RENEGOTIATION",
         "LEGACY_SIGALG", "WRONG_SIGNATURE_TYPE"),
        "uses a key or a method for TLS that is no longer safe; its operator has to replace it",
    ),
    (
        ("NO_SHARED_CIPHER", "INSUFFICIENT_SECURITY", "WRONG_CIPHER",
         "NO_SUITABLE_", "UNKNOWN_CIPHER"),
        "offers no TLS cipher that is still safe; its operator has to allow a newer one",
    ),
    (
        ("HANDSHAKE_FAILURE",),
        "refuses the TLS handshake: either its ciphers are no longer safe, or it wants a"
        " certificate from its clients; its operator has to allow a newer cipher",
    ),
    (("UNRECOGNIZED_NAME",), "serves no site with that name; check the address"),
    (
        ("CERTIFICATE_REQUIRED", "ALERT_BAD_CERTIFICATE", "ALERT_CERTIFICATE_UNKNOWN"),
        "wants a certificate from its clients; give an address that everybody can read",
    ),
)  # fmt: skip


def failed(
    reason: str, *, code: str, retryable: bool = False, retry_after: float | None = None
) -> FetchError:
    return FetchError(
        f"{NOT_DOWNLOADED}{reason}",
        code=code,
        retryable=retryable,
        retry_after=retry_after,
    )


def check_resources(error: Exception) -> None:
    """Raise Unavailable when this process or machine has run out of a resource."""
    if isinstance(error, OSError) and error.errno in _OURS:
        raise Unavailable(
            f"this process can't open a connection ({error.strerror}): raise its limit"
            " (ulimit -n), or find out what uses up its files"
        ) from error


# --- before there is an answer ---------------------------------------------------------------


def unreachable(
    page: ParsedUrl, addresses: Sequence[str], failures: Sequence[OSError], seconds: float
) -> FetchError:
    """The error when no address of the host accepted a connection. Often some kinds of address
    can't be reached from here; then the errors of the others say more."""
    if any(isinstance(failure, TimeoutError) for failure in failures):
        reason = f"accepted no connection within {seconds:g} s"
        return failed(f"{page.place} {reason}", code="timed_out", retryable=True)
    reason = _why_unreachable(page, addresses, failures)
    return failed(f"{page.place} {reason}", code="unreachable", retryable=True)


def _why_unreachable(page: ParsedUrl, addresses: Sequence[str], failures: Sequence[OSError]) -> str:
    if all(":" in address for address in addresses) and all(
        failure.errno in _NO_IPV6 for failure in failures
    ):
        return "has only an IPv6 address, and this machine can't reach those"
    if any(isinstance(failure, ConnectionRefusedError) for failure in failures):
        return f"refuses connections on port {page.port}"
    return f"can't be reached ({failures[-1].strerror or 'no connection'})"


def timed_out(page: ParsedUrl, seconds: float) -> FetchError:
    """The error when time is up; `seconds` cover look-ups and redirects too."""
    return failed(
        f"{page.place} did not deliver it within {seconds:g} s", code="timed_out", retryable=True
    )


def no_such_host(page: ParsedUrl) -> FetchError:
    return failed(
        f"the name {page.host} has no address; check it for a typing error, and that this"
        " machine reaches the internet",
        code="no_such_host",
    )


# --- the connection --------------------------------------------------------------------------


class HeadTooLarge(http.client.HTTPException):
    """The headers of an answer exceed a limit; the message says which."""


def connection_error(page: ParsedUrl, error: Exception) -> FetchError:
    """The error for a failure of HTTP, or of the connection below it."""
    causes = list(_causes(error))
    if any(isinstance(each, HeadTooLarge) for each in causes):
        return failed(f"{page.place} sent {causes[-1]}", code="too_many_headers")
    if _is_tls_answer(causes):
        return failed(
            f"{page.place} speaks TLS on port {page.port}; write https://", code="not_http"
        )
    return failed(f"{page.place} {_broken(causes)}", code="broken_off", retryable=True)


def _broken(causes: Sequence[BaseException]) -> str:
    """The most specific cause in the chain; the first match counts."""
    for kinds, words in _BROKEN:
        if any(isinstance(each, kinds) for each in causes):
            return words
    return f"ended the connection ({type(causes[-1]).__name__})"


_BROKEN: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((ConnectionResetError, BrokenPipeError), "reset the connection"),
    ((http.client.RemoteDisconnected,), "closed the connection without an answer"),
    (
        (urllib3.exceptions.InvalidChunkLength, urllib3.exceptions.IncompleteRead,
         http.client.IncompleteRead, ssl.SSLEOFError),
        "closed the connection before its answer was complete",
    ),
    ((urllib3.exceptions.InvalidHeader,), "contradicts itself about the length of its answer"),
    ((http.client.LineTooLong,), "sent a header longer than 64 KB"),
    (
        (http.client.BadStatusLine, http.client.UnknownProtocol),
        "answered with something that is not HTTP",
    ),
)  # fmt: skip


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it wraps: urllib3 puts http.client's among its arguments."""
    yield error
    for each in error.args:
        if isinstance(each, BaseException):
            yield from _causes(each)


def _is_tls_answer(causes: Sequence[BaseException]) -> bool:
    lines = [str(each) for each in causes if isinstance(each, http.client.BadStatusLine)]
    return any(line.startswith(_TLS_RECORD) for line in lines)


def handshake_error(page: ParsedUrl, error: OSError) -> FetchError:
    """The error of a failed TLS handshake. If the two sides disagree, someone has to act."""
    if isinstance(error, ssl.SSLCertVerificationError):
        problem = _CERTIFICATES.get(error.verify_code, f"is not valid ({error.verify_message})")
        return failed(f"the certificate of {page.place} {problem}", code="bad_certificate")
    reason = (error.reason or "") if isinstance(error, ssl.SSLError) else ""
    for parts, words in _HANDSHAKES:
        if any(part in reason for part in parts):
            return failed(f"{page.place} {words.format(port=page.port)}", code="tls_failed")
    ended = not isinstance(error, ssl.SSLError) or isinstance(
        error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)
    )
    if ended or "INTERNAL_ERROR" in reason:
        return failed(
            f"{page.place} ended the connection while TLS was being set up",
            code="broken_off",
            retryable=True,
        )
    return failed(
        f"no TLS connection to {page.place} could be set up ({reason})", code="tls_failed"
    )


# --- the answer ------------------------------------------------------------------------------


def too_large(page: ParsedUrl, limit: int) -> FetchError:
    return failed(
        f"the file at {page.place} is larger than {limit / 1_000_000:g} MB; give a smaller one",
        code="too_large",
    )


def status_error(page: ParsedUrl, response: BaseHTTPResponse, body: bytes) -> FetchError:
    """The error for a status; `body` is the beginning of what came with it."""
    status = response.status
    if status in _RETRYABLE_STATUS or status >= 500:
        return _busy(page, response)
    expired = find_expiry(status, page.target, body)
    if expired is not None:
        return failed(
            f"{status} from {page.place}: {expired}; give one that is valid for longer, or"
            " one that never expires",
            code="address_expired",
        )
    code, advice = _STATUS_ADVICE.get(status, ("refused", _IN_A_BROWSER))
    if status == 403 and (said := _STORE_CODE.search(body)):
        word = said[1].decode()
        advice = f" (refused: {word}){_STORE_ADVICE.get(word, '')}"
    return failed(f"{status} from {page.place}{advice}", code=code)


def _busy(page: ParsedUrl, response: BaseHTTPResponse) -> FetchError:
    not_ready = " (accepted, but not ready yet)" if response.status == 202 else ""
    return failed(
        f"{response.status} from {page.place}{not_ready}",
        code="server_error" if response.status >= 500 else "busy",
        retryable=True,
        retry_after=seconds_until_retry(response.headers.get("Retry-After")),
    )


def seconds_until_retry(header: str | None) -> float | None:
    """Retry-After in seconds from now; None when it is missing or unreadable."""
    if header is None:
        return None
    try:
        return urllib3.Retry(retry_after_max=_LONGEST_RETRY_AFTER).parse_retry_after(header)
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return None
