"""Downloads a URL from an untrusted source: only from public hosts, and within limits.

For each hop the text of the URL is checked, its name is looked up once, every address found is
checked, and the socket is connected to a checked address. Nothing after that looks up a name, so
DNS can't change its answer between check and connect. A redirect is a new hop.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import io
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import BaseHTTPResponse

from packshot.background import in_background
from packshot.download.addresses import ParsedUrl, allow_list, check_url, is_public
from packshot.download.answers import HttpAnswer, NotDecoded, TooLarge, decode, normalise_location
from packshot.download.deadlines import Deadline, Watchdog
from packshot.download.failures import (
    NOT_DOWNLOADED,
    check_resources,
    connection_error,
    failed,
    handshake_error,
    no_such_host,
    seconds_until_retry,
    status_error,
    timed_out,
    too_large,
    unreachable,
)
from packshot.download.families import Families, look_up
from packshot.download.request_headers import RequestHeaders
from packshot.errors import FetchError

Resolver = Callable[[str, int], Sequence[str]]
Connector = Callable[[str, int, float], socket.socket]

_CHUNK_BYTES = 65_536
_REDIRECTS = {301, 302, 303, 307, 308}
_WHOLE_ANSWERS = {200, 203, 226}  # 203 and 226: something was changed on the way
_TIMEOUTS = (TimeoutError, urllib3.exceptions.TimeoutError)
# A name that does not exist, or has no address: permanent until someone changes the DNS.
_NO_SUCH_HOST = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
_MAX_REDIRECT = 16_384  # characters of an address that a host redirects to: signed ones are long
_REFUSAL_BYTES = 8192  # bytes of a refusal's body that are read for its reason


def connect(address: str, port: int, seconds: float) -> socket.socket:
    """A TCP connection to an IP address (never to a name); OSError if there is none in time."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect((address, port))
    except BaseException:
        connection.close()
        raise
    return connection


@dataclass(frozen=True)
class FetchLimits:
    """`connect` and `total` in seconds (`total` covers all hops and the look-ups)."""

    connect: float = 5
    total: float = 30
    max_bytes: int = 20_000_000
    redirects: int = 5


class Fetcher:
    """Downloads pictures from untrusted addresses. Safe to share between threads.

    `allowed_hosts` as in `RAW_IMAGE_HOSTS` (`SettingsError` if unreadable), `headers` has the
    headers for each host. `resolver`, `connector` and `tls` are there for tests and for private
    certificate authorities.
    """

    def __init__(
        self,
        allowed_hosts: Sequence[str] = (),
        limits: FetchLimits = FetchLimits(),
        resolver: Resolver = look_up,
        *,
        headers: RequestHeaders | None = None,
        connector: Connector = connect,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        allow_list(allowed_hosts)
        self._allowed_hosts = tuple(allowed_hosts)
        self._limits = limits
        self._headers = headers or RequestHeaders()
        self._resolver = resolver
        self._connector = connector
        self._families = Families()
        self._given_tls = tls

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        # Made when first needed: loading the system's authorities takes tens of milliseconds.
        return self._given_tls or ssl.create_default_context()

    def check(self, url: str) -> None:
        """Raise a permanent `FetchError` if the text of an address rules out a download."""
        check_url(url, self._allowed_hosts)

    def fetch(self, url: str, seconds: float | None = None) -> bytes:
        """The bytes behind `url`, at most `limits.max_bytes`; not yet known to be a picture.

        `seconds` shortens `limits.total`. Raises `FetchError`: `retryable` says
        whether it may work later, `retry_after` when.
        """
        deadline = Deadline.after(min(seconds or self._limits.total, self._limits.total))
        page = check_url(url, self._allowed_hosts)
        seen: set[str] = set()
        for _ in range(self._limits.redirects + 1):
            seen.add(page.url)
            answer = self._ask(page, deadline)
            if isinstance(answer, bytes):
                return answer
            if answer.page.url in seen:
                raise _redirect_loop(page, answer)
            page = answer.page
        raise failed(
            f"{page.place} redirects again after {self._limits.redirects} redirects; "
            "give the address of the picture itself",
            code="too_many_redirects",
        )

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Send `body` to `url`, whose address is checked as for downloads.

        The answer's body is not read, and redirects are not followed. Raises `FetchError` unless
        the answer is a 2xx.
        """
        deadline = Deadline.after(self._limits.total)
        try:
            page = check_url(url, self._allowed_hosts)
            sent = {**headers, "User-Agent": "Packshot (webhook)", "Connection": "close"}
            with self._request(page, deadline, "POST", sent, body) as response:
                if not 200 <= response.status < 300:
                    raise FetchError(
                        f"{response.status} from {page.place}",
                        code="refused",
                        retryable=True,
                        retry_after=seconds_until_retry(response.headers.get("Retry-After")),
                    )
        except FetchError as error:
            error.message = error.message.removeprefix(NOT_DOWNLOADED)
            raise

    def _ask(self, page: ParsedUrl, deadline: Deadline) -> bytes | _Redirect:
        """Make one hop; return the body, or the redirect."""
        with self._request(page, deadline, "GET", self._headers.to(page)) as response:
            if response.status in _REDIRECTS and "Location" in response.headers:
                return self._redirect(page, response)
            return self._body(page, response)

    @contextlib.contextmanager
    def _request(
        self,
        page: ParsedUrl,
        deadline: Deadline,
        method: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Iterator[BaseHTTPResponse]:
        """The answer from a checked address, within the deadline."""
        with (
            self._open_socket(page, deadline) as sock,
            Watchdog(sock, deadline.remaining()) as watchdog,
            _translate_errors(page, deadline, watchdog),
            contextlib.closing(self._connection(page, sock, deadline)) as connection,
        ):
            with _handshake(page, watchdog):
                connection.connect()
            # urllib3 logs the address it was given when headers are malformed: the query, which
            # may be a signature, goes in by `target` instead.
            connection.request(
                method,
                page.target.partition("?")[0],
                body=body,
                headers=headers,
                preload_content=False,
                decode_content=False,
            )
            with contextlib.closing(connection.getresponse()) as response:
                yield response

    def _open_socket(self, page: ParsedUrl, deadline: Deadline) -> socket.socket:
        """A socket to the first address that answers, after all of them were checked."""
        failures: list[OSError] = []
        addresses = self._families.in_turn(self._checked_addresses(page, deadline))
        for address in addresses:
            seconds = min(self._limits.connect, deadline.remaining())
            if seconds <= 0:
                raise timed_out(page, deadline.seconds)
            try:
                connected = self._connector(address, page.port, seconds)
            except OSError as error:
                check_resources(error)
                failures.append(error)
            else:
                self._families.note(addresses, address)
                return connected
        raise unreachable(page, addresses, failures, self._limits.connect) from failures[-1]

    def _checked_addresses(self, page: ParsedUrl, deadline: Deadline) -> Sequence[str]:
        addresses = [page.host] if page.is_literal else self._look_up(page, deadline)
        if not addresses:
            raise no_such_host(page)
        # One bad address is enough to refuse the name: any of them might be used.
        if not page.listed and not all(is_public(address) for address in addresses):
            raise failed(
                f"{page.place} has an address that is not on the public internet",
                code="blocked_address",
            )
        return addresses

    def _look_up(self, page: ParsedUrl, deadline: Deadline) -> Sequence[str]:
        try:
            return _in_time(deadline, lambda: self._resolver(page.host, page.port))
        except TimeoutError as error:
            raise failed(
                f"looking up the name {page.host} took longer than {deadline.seconds:g} s",
                code="timed_out",
                retryable=True,
            ) from error
        except UnicodeError as error:  # a label that the system's resolver can't take
            raise no_such_host(page) from error
        except OSError as error:
            if isinstance(error, socket.gaierror) and error.errno in _NO_SUCH_HOST:
                raise no_such_host(page) from error
            check_resources(error)
            raise failed(
                f"the name {page.host} can't be looked up ({error.strerror or error})",
                code="dns",
                retryable=True,
            ) from error

    def _connection(
        self, page: ParsedUrl, sock: socket.socket, deadline: Deadline
    ) -> _CheckedConnection:
        # No `assert_hostname`: it would make urllib3 turn `check_hostname` off on a context that
        # threads share. Without it OpenSSL itself matches the certificate with the host.
        timeout = deadline.remaining() + 0.001
        connection = (
            _CheckedTlsConnection(page.host, page.port, timeout=timeout, ssl_context=self._tls)
            if page.scheme == "https"
            else _CheckedConnection(page.host, page.port, timeout=timeout)
        )
        connection.connected, connection.target = sock, page.target
        return connection

    def _redirect(self, page: ParsedUrl, response: BaseHTTPResponse) -> _Redirect:
        following = self._check_location(page, response.headers["Location"])
        if page.scheme == "https" and following.scheme == "http":
            raise failed(
                f"{page.place} redirects from https to http, which is not followed;"
                " give the address it ends at",
                code="insecure_redirect",
            )
        return _Redirect(following, sets_cookie="Set-Cookie" in response.headers)

    def _check_location(self, page: ParsedUrl, location: str) -> ParsedUrl:
        address = normalise_location(location)
        try:
            return check_url(urljoin(page.url, address), self._allowed_hosts, longest=_MAX_REDIRECT)
        except (FetchError, ValueError) as error:
            why = error.message if isinstance(error, FetchError) else "it can't be read"
            code = error.code if isinstance(error, FetchError) else "bad_url"
            raise failed(
                f"{page.place} redirects to an address that is not followed: {why}", code=code
            ) from error

    def _body(self, page: ParsedUrl, response: BaseHTTPResponse) -> bytes:
        if response.status not in _WHOLE_ANSWERS:
            raise status_error(page, response, _beginning(response))
        transfer = response.headers.get("Transfer-Encoding", "").strip().lower()
        if transfer not in ("", "identity", "chunked"):
            raise failed(
                f"{page.place} sent it in the transfer encoding {transfer[:40]!r}, which is not"
                " read; serve the file as it is",
                code="encoded",
            )
        encodings = response.headers.get("Content-Encoding", "")
        limit = self._limits.max_bytes
        try:
            return decode(self._read(page, response), encodings, limit)
        except TooLarge:
            raise too_large(page, limit) from None
        except NotDecoded as error:
            raise failed(
                f"{page.place} sent it as {error}, which can't be unpacked; serve the file as it"
                " is",
                code="encoded",
            ) from error

    def _read(self, page: ParsedUrl, response: BaseHTTPResponse) -> bytes:
        """The received bytes, at most `limits.max_bytes`."""
        limit = self._limits.max_bytes
        if (response.length_remaining or 0) > limit:
            raise too_large(page, limit)
        body = io.BytesIO()
        while chunk := response.read(_CHUNK_BYTES):
            body.write(chunk)
            if body.tell() > limit:
                raise too_large(page, limit)
        return body.getvalue()


@dataclass(frozen=True)
class _Redirect:
    page: ParsedUrl
    sets_cookie: bool


def _redirect_loop(page: ParsedUrl, redirect: _Redirect) -> FetchError:
    cookie = " and sets a cookie, which is never sent back" if redirect.sets_cookie else ""
    return failed(
        f"{page.place} redirects in a circle{cookie}; give the address of the picture itself",
        code="too_many_redirects",
    )


def _beginning(response: BaseHTTPResponse) -> bytes:
    """The beginning of a refusal's body; empty when it can't be read."""
    try:
        return response.read(_REFUSAL_BYTES)
    except (OSError, urllib3.exceptions.HTTPError, http.client.HTTPException):
        return b""


class _CheckedConnection(HTTPConnection):
    """HTTP over a socket that is already connected, so it never looks up a name."""

    connected: socket.socket
    target: str
    response_class = HttpAnswer

    def _new_conn(self) -> socket.socket:
        return self.connected

    def putrequest(
        self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False
    ) -> None:
        super().putrequest(method, self.target, skip_host, skip_accept_encoding)


class _CheckedTlsConnection(_CheckedConnection, HTTPSConnection):
    """HTTPS over a connected socket; the certificate must be for the host's name."""


@contextlib.contextmanager
def _translate_errors(page: ParsedUrl, deadline: Deadline, watchdog: Watchdog) -> Iterator[None]:
    """Turn the errors of a socket, TLS and HTTP into a `FetchError`."""
    try:
        yield
    except (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError) as error:
        check_resources(error)
        if watchdog.fired or isinstance(error, _TIMEOUTS):
            raise timed_out(page, deadline.seconds) from error
        raise connection_error(page, error) from error
    # The shut-down socket looks like the plain end of a body that has no Content-Length.
    if watchdog.fired:
        raise timed_out(page, deadline.seconds)


@contextlib.contextmanager
def _handshake(page: ParsedUrl, watchdog: Watchdog) -> Iterator[None]:
    """Turn the errors of the TLS handshake into a `FetchError`: the socket is connected."""
    try:
        yield
    except OSError as error:
        if watchdog.fired or isinstance(error, TimeoutError):
            raise
        check_resources(error)
        raise handshake_error(page, error) from error


def _in_time(deadline: Deadline, call: Callable[[], Sequence[str]]) -> Sequence[str]:
    """Return or raise what `call` does; raise TimeoutError when time is up.

    `getaddrinfo` can't be interrupted: its thread runs on, and ends when the system's resolver
    gives up.
    """
    return in_background(call, "look-up").result(deadline.remaining())
