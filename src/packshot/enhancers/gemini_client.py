"""Google's SDK behind one narrow door: one client a process, one deadline a call, our errors."""

from __future__ import annotations

import os
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2

from packshot.enhancers import gemini_outcomes as outcomes
from packshot.errors import PackshotError, SettingsError

if TYPE_CHECKING:
    from google import genai
    from google.genai import types

API_VERSION = "v1beta"  # what Google's REST samples and all recorded traffic use; the SDK's is v1
DEFAULT_BASE_URL = "https://generativelanguage.googleapis.com/"
CONNECT_SECONDS = 10.0
CHECK_SECONDS = 15.0
MAX_ANSWER_BYTES = 100_000_000  # a 4K picture with its signature is about 40 MB on the wire
CALL_HEADER = "x-packshot-call"  # product/round/variant, for the logs of a proxy


@dataclass(frozen=True)
class Request:
    """One generateContent request. `schema` asks for JSON, `aspect` and `size` for a picture."""

    model: str
    photo: bytes  # JPEG
    words: str
    call: str  # product/round/variant
    system: str | None = None
    schema: Mapping[str, Any] | None = None
    aspect: str | None = None
    size: str | None = None


class GeminiClient:
    """Sends requests. The SDK is imported, and its client made, at the first one in a process."""

    def __init__(
        self,
        api_key: str,
        base_url: str | None,
        *,
        timeout: float,
        connections: int,
        deadline: float | None = None,
    ) -> None:
        """`timeout` (seconds) is told to Google; `deadline` (the same, if None) ends a call here.

        Raises SettingsError for a key or an address that can't be one.
        """
        self._api_key = _checked_key(api_key)
        self._base_url = _checked_url(base_url or DEFAULT_BASE_URL)
        self._timeout = timeout
        self._deadline = timeout if deadline is None else deadline
        self._connections = connections
        self._lock = threading.Lock()
        self._client: genai.Client | None = None
        self._pid = 0

    def generate(self, request: Request) -> str:
        """Send one request, once; return the answer's body.

        Raises Unavailable, RateLimited, NotConfigured or EnhancerError.
        """
        client = self._current()
        with self._own_errors(request.model), _within(self._deadline):
            answer = client.models.generate_content(
                model=request.model, contents=_contents(request), config=_config(request)
            )
        raw = answer.sdk_http_response
        return (raw.body if raw else None) or ""

    def check(self, model: str) -> None:
        """Ask Google whether it knows `model` (free); raise what is wrong."""
        client = self._current()
        with self._own_errors(model), _within(min(CHECK_SECONDS, self._deadline)):
            client.models.get(model=model)

    def close(self) -> None:
        """Close the connections this process opened."""
        with self._lock:
            client, self._client = self._client, None
            if client is not None and self._pid == os.getpid():
                client.close()

    @contextmanager
    def _own_errors(self, model: str) -> Iterator[None]:
        """Turn what the SDK and its transport raise into our errors.

        The originals are cut off: they hold the request, and that holds the key.
        """
        try:
            yield
        except Exception as error:
            translated = _translated(error, model)
            if isinstance(translated, PackshotError):  # a proxy's page may echo the headers
                translated.message = translated.message.replace(self._api_key, "(key)")
                translated.args = (translated.message,)
            raise translated from None

    def _current(self) -> genai.Client:
        """The client of this process: a forked child must not share its parent's sockets."""
        with self._lock:
            if self._client is None or self._pid != os.getpid():
                self._client, self._pid = self._new(), os.getpid()
            return self._client

    def _new(self) -> genai.Client:
        from google import genai  # half a second and 41 MB: only when Gemini is really used
        from google.genai import types

        transport = _DeadlineTransport(self._base_url, self._connections)
        options = types.HttpOptions(
            base_url=self._base_url,
            api_version=API_VERSION,
            timeout=int(self._timeout * 1000),  # milliseconds; also sent as X-Server-Timeout
            # A redirect would carry the key to whatever host it names.
            client_args={
                "transport": transport,
                "follow_redirects": False,
                "trust_env": False,
                "verify": _tls(),  # unused beside our transport; else the SDK loads its own
            },
            async_client_args={"verify": _tls(), "trust_env": False},
        )
        return genai.Client(vertexai=False, api_key=self._api_key, http_options=options)


@cache
def _tls() -> ssl.SSLContext:
    """The machine's trusted certificates; loading them takes a tenth of a second."""
    return httpx2.create_ssl_context()


def _checked_key(key: str) -> str:
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise SettingsError("GEMINI_API_KEY=(not shown): it has characters that no key has.")
    return key


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError("GOOGLE_GEMINI_BASE_URL is not an address like https://host/path.")
    return url


def _contents(request: Request) -> Sequence[Any]:
    from google.genai import types

    return [types.Part.from_bytes(data=request.photo, mime_type="image/jpeg"), request.words]


def _config(request: Request) -> types.GenerateContentConfig:
    from google.genai import types

    config = types.GenerateContentConfig(
        http_options=types.HttpOptions(headers={CALL_HEADER: request.call}),
        should_return_http_response=True,  # the SDK's own parsing drops finishMessage
        automatic_continuation=False,  # else it sends follow-ups without a cap
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        system_instruction=request.system,
    )
    if request.schema is not None:
        config.response_mime_type = "application/json"
        config.response_json_schema = request.schema
    if request.size is not None:
        config.response_modalities = ["IMAGE"]
        config.image_config = types.ImageConfig(
            aspect_ratio=request.aspect, image_size=request.size
        )
    return config


def _translated(error: Exception, model: str) -> Exception:
    from google.genai import errors

    if isinstance(error, errors.APIError):
        retry_after = getattr(error.response, "headers", {}).get("retry-after")
        return outcomes.of_status(error.code, error.details, model, retry_after)
    if isinstance(error, (httpcore2.TimeoutException, httpx2.TimeoutException)):
        return outcomes.timed_out(model)
    if isinstance(error, (httpcore2.ConnectError, httpx2.ConnectError)):
        return outcomes.unreachable(model)
    if isinstance(error, _CUT):
        return outcomes.cut_off(model)
    if isinstance(error, (errors.UnknownApiResponseError, UnicodeError, httpx2.HTTPError)):
        return outcomes.garbled(model)
    return error


_CUT = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpx2.NetworkError,
    httpx2.ProtocolError,
)


# --- The deadline --------------------------------------------------------------------------------
# The SDK's timeout is per socket read: a server that drips one byte a second never meets it. So
# every socket operation of a call gets what is left of the call's own time, and no more. The
# synchronous transport does all the reading in the calling thread, hence the thread's own clock.

_clock = threading.local()


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Everything this thread reads and writes in here ends within `seconds`, in all."""
    _clock.ends = time.monotonic() + seconds
    try:
        yield
    finally:
        _clock.ends = None


def _left(timeout: float | None, late: type[Exception]) -> float:
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
        return self._stream.read(max_bytes, _left(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # In pieces: the stream below grants the timeout to each send, not to the whole buffer.
        view = memoryview(buffer)
        for start in range(0, len(view), 65_536):
            piece = bytes(view[start : start + 65_536])
            self._stream.write(piece, _left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = _left(timeout, httpcore2.ConnectTimeout)
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _DeadlineBackend(httpcore2.NetworkBackend):
    """Opens sockets that know the deadline of the call they serve."""

    def __init__(self) -> None:
        self._backend = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        left = min(CONNECT_SECONDS, _left(timeout, httpcore2.ConnectTimeout))
        stream = self._backend.connect_tcp(host, port, left, local_address, socket_options)
        return _DeadlineStream(stream)


class _DeadlineTransport(httpx2.BaseTransport):
    """httpx2's own transport, but over sockets that know the deadline; honours HTTPS_PROXY."""

    def __init__(self, base_url: str, connections: int) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=_tls(),
            proxy=_proxy_for(base_url),
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=30.0,
            network_backend=_DeadlineBackend(),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        target = httpcore2.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        answer = self._pool.handle_request(
            httpcore2.Request(
                request.method,
                target,
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx2.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx2.SyncByteStream):
    """An answer's body, of a limited size."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        total = 0
        for chunk in self._stream:
            total += len(chunk)
            if total > MAX_ANSWER_BYTES:
                raise httpcore2.RemoteProtocolError("the answer is too large")
            yield chunk

    def close(self) -> None:
        self._stream.close()


def _proxy_for(base_url: str) -> httpcore2.Proxy | None:
    """The proxy the environment names for this address; never for this machine itself."""
    address = urlsplit(base_url)
    host = address.hostname or ""
    if host in {"localhost", "::1"} or host.startswith("127.") or proxy_bypass(host):
        return None
    proxies = getproxies()
    named = proxies.get(address.scheme) or proxies.get("all")
    return _proxy(named) if named else None


def _proxy(address: str) -> httpcore2.Proxy:
    parts = urlsplit(address if "//" in address else f"http://{address}")
    netloc = parts.netloc.rpartition("@")[2]
    auth = None
    with suppress(TypeError):
        auth = ((parts.username or "").encode(), (parts.password or "").encode())
    return httpcore2.Proxy(f"{parts.scheme}://{netloc}", auth=auth if parts.username else None)
