"""Connections to Gemini that end at a call's deadline, however slowly a server sends.

A client's usual timeout is per socket read: a server that sends one byte a second never exceeds it.
So every socket operation of a call gets only the remaining time of the call; once an answer has
begun, it may not pause for long. The synchronous transport does all the reading in the calling
thread, hence a clock per thread.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2

from packshot.download.families import Families, look_up
from packshot.enhancers.gemini import filling
from packshot.errors import SettingsError

CONNECT_SECONDS = 10.0
STALL_SECONDS = 20.0  # Gemini thinks before it answers, not in the middle of it
#: Statuses of answers with content: a proxy that changed one sends 203. The SDK takes any but 200
#: for an error, and the call would be paid for again.
WITH_CONTENT = frozenset({201, 202, 203, 206})
MAX_ANSWER_BYTES = 100_000_000  # a 4K picture with its signature is about 40 MB on the wire

_clock = threading.local()


class Stalled(httpcore2.ReadTimeout):
    """An answer began, and then nothing came for too long."""


@contextmanager
def within(seconds: float, stall: float = STALL_SECONDS) -> Iterator[None]:
    """End all that this thread reads and writes in the block within `seconds` in total.

    Raises Stalled when an answer pauses for `stall` seconds.
    """
    _clock.ends, _clock.stall, _clock.answering = time.monotonic() + seconds, stall, False
    try:
        yield
    finally:
        _clock.ends = None


def _seconds_left(timeout: float | None, late: type[Exception]) -> float:
    """Seconds this thread may still wait: `timeout`, or what is left of the call if less."""
    ends: float | None = getattr(_clock, "ends", None)
    if ends is None:
        return CONNECT_SECONDS if timeout is None else timeout
    left = ends - time.monotonic()
    if left <= 0:
        raise late("the call's own deadline has passed")
    return left if timeout is None else min(left, timeout)


class _DeadlineStream(httpcore2.NetworkStream):
    """A socket whose every operation stays inside the call's deadline."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = _seconds_left(timeout, httpcore2.ReadTimeout)
        stall = _clock.stall if getattr(_clock, "answering", False) else left
        try:
            data = self._stream.read(max_bytes, min(left, stall))
        except httpcore2.ReadTimeout as error:
            raise error if left <= stall else Stalled(str(error)) from error
        _clock.answering = True
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        _clock.answering = False  # bytes before now answered a proxy, or an earlier request
        # In pieces: the stream below grants the timeout to each send, not to the whole buffer.
        view = memoryview(buffer)
        for start in range(0, len(view), 65_536):
            piece = bytes(view[start : start + 65_536])
            self._stream.write(piece, _seconds_left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = _seconds_left(timeout, httpcore2.ConnectTimeout)
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class DeadlineBackend(httpcore2.NetworkBackend):
    """Opens sockets that know the deadline of the call they serve.

    The addresses of a host are tried as a download tries them: IPv6 without a way out costs one
    wait. TLS still checks the name.
    """

    def __init__(self, resolver: Callable[[str, int], Sequence[str]] = look_up) -> None:
        self._backend, self._resolver = httpcore2.SyncBackend(), resolver
        self._families = Families()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        try:
            addresses = self._families.in_turn(self._resolver(host, port))
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(str(error)) from error
        for address in addresses:
            left = min(CONNECT_SECONDS, _seconds_left(timeout, httpcore2.ConnectTimeout))
            try:
                stream = self._backend.connect_tcp(
                    address, port, left, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if address == addresses[-1]:
                    raise
            else:
                self._families.note(addresses, address)
                break
        return _DeadlineStream(stream)


class DeadlineTransport(httpx2.BaseTransport):
    """httpx2's own transport, but over sockets that know the deadline; honours HTTPS_PROXY.

    Pictures are filled into a request while it is sent, see `filling`.
    """

    def __init__(
        self,
        base_url: str,
        connections: int,
        tls: ssl.SSLContext,
        longest_answer: int = MAX_ANSWER_BYTES,
    ) -> None:
        self._longest_answer = longest_answer
        self._pool = httpcore2.ConnectionPool(
            ssl_context=tls,
            proxy=proxy_for(base_url),
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=30.0,
            network_backend=DeadlineBackend(),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        target = httpcore2.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        stream = request.stream
        assert isinstance(stream, httpx2.SyncByteStream)
        headers, content = filling.fill_in(request.headers.raw, stream)
        answer = self._pool.handle_request(
            httpcore2.Request(
                request.method,
                target,
                headers=headers,
                content=content,
                extensions=request.extensions,
            )
        )
        return httpx2.Response(
            200 if answer.status in WITH_CONTENT else answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream, self._longest_answer),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx2.SyncByteStream):
    """An answer's body, of a limited size."""

    def __init__(self, stream: Any, longest: int) -> None:
        self._stream, self._longest = stream, longest

    def __iter__(self) -> Iterator[bytes]:
        total = 0
        for chunk in self._stream:
            total += len(chunk)
            if total > self._longest:
                raise httpcore2.RemoteProtocolError("the answer is too large")
            yield chunk

    def close(self) -> None:
        self._stream.close()


def proxy_for(base_url: str) -> httpcore2.Proxy | None:
    """The proxy the environment names for this address; never for this machine itself.

    Raises SettingsError for one that can't be read.
    """
    address = urlsplit(base_url)
    host = address.hostname or ""
    if host in {"localhost", "::1"} or host.startswith("127.") or proxy_bypass(host):
        return None
    proxies = getproxies()
    named = proxies.get(address.scheme) or proxies.get("all")
    try:
        return _proxy(named) if named else None
    except ValueError:  # its words may have a part of the password
        raise SettingsError(
            "HTTPS_PROXY (or HTTP_PROXY, ALL_PROXY) is not like http://user:password@host:port:"
            " write special characters of the password percent-encoded (@ as %40, # as %23)"
        ) from None


def _proxy(address: str) -> httpcore2.Proxy:
    parts = urlsplit(address if "//" in address else f"http://{address}")
    if parts.scheme not in {"http", "https", "socks5", "socks5h"} or not parts.hostname:
        raise ValueError
    netloc = parts.netloc.rpartition("@")[2]
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    auth = (user.encode(), password.encode()) if user else None
    return httpcore2.Proxy(f"{parts.scheme}://{netloc}", auth=auth)


@cache
def system_tls() -> ssl.SSLContext:
    """The machine's trusted certificates; loading them takes a tenth of a second."""
    return httpx2.create_ssl_context()
