"""A web server on 127.0.0.1 that hands out pictures well or badly, page by page."""

from __future__ import annotations

import contextlib
import itertools
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType

Behaviour = Callable[["Conversation"], None]


@dataclass(frozen=True)
class Request:
    """What the client asked; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass(frozen=True)
class Conversation:
    """One connection with its one request, as a behaviour sees it."""

    sock: socket.socket
    request: Request
    closing: threading.Event

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def send_head(self, status: int, headers: Mapping[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {headers[name]}" for name in headers)]
        self.send("\r\n".join([*lines, "", ""]).encode())

    def pause(self, seconds: float) -> bool:
        """Wait; False when the host is closing and the behaviour should leave."""
        return not self.closing.wait(seconds)


def photo(
    body: bytes, status: int = 200, headers: Mapping[str, str] | None = None, *, length: bool = True
) -> Behaviour:
    """The usual answer; `length=False` leaves Content-Length out, so that the close ends it."""

    def answer(conversation: Conversation) -> None:
        head = {"Content-Length": str(len(body))} if length else {}
        conversation.send_head(status, head | dict(headers or {}))
        conversation.send(body)

    return answer


def chunked(*chunks: bytes) -> Behaviour:
    """The same in chunked transfer encoding."""

    def answer(conversation: Conversation) -> None:
        conversation.send_head(200, {"Transfer-Encoding": "chunked"})
        for chunk in (*chunks, b""):
            conversation.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))

    return answer


def refusal(status: int, headers: Mapping[str, str] | None = None) -> Behaviour:
    return photo(b"no", status, headers)


def redirect(location: str, status: int = 302) -> Behaviour:
    return photo(b"", status, {"Location": location})


def raw(data: bytes) -> Behaviour:
    """Exactly these bytes, then the end."""
    return lambda conversation: conversation.send(data)


def drip(body: bytes, pause: float, *, length: bool = True) -> Behaviour:
    """A proper head, then the body byte by byte with a pause (seconds) after each."""

    def answer(conversation: Conversation) -> None:
        conversation.send_head(200, {"Content-Length": str(len(body))} if length else {})
        for byte in body:
            conversation.send(bytes([byte]))
            if not conversation.pause(pause):
                return

    return answer


def endless_body(piece: bytes = b"x" * 65_536) -> Behaviour:
    """A body without Content-Length that does not end while anyone reads it."""

    def answer(conversation: Conversation) -> None:
        conversation.send_head(200, {})
        while conversation.pause(0):
            conversation.send(piece)

    return answer


def endless_header(pause: float, piece: bytes = b"x") -> Behaviour:
    """A status line, then `piece` again and again, with a pause (seconds) after each."""

    def answer(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\nX-Endless: ")
        while conversation.pause(pause):
            conversation.send(piece)

    return answer


def hang() -> Behaviour:
    """Take the request and never answer."""

    def answer(conversation: Conversation) -> None:
        conversation.closing.wait()

    return answer


def reset() -> Behaviour:
    """Take the request, then reset the connection (RST, not FIN)."""

    def answer(conversation: Conversation) -> None:
        linger_for_no_time = struct.pack("ii", 1, 0)
        conversation.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_for_no_time)
        conversation.sock.close()

    return answer


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One after the other, request by request; the last one stays."""
    turns = itertools.chain(behaviours, itertools.repeat(behaviours[-1]))
    lock = threading.Lock()

    def answer(conversation: Conversation) -> None:
        with lock:
            behaviour = next(turns)
        behaviour(conversation)

    return answer


class PhotoHost:
    """`with PhotoHost({"/a.jpg": data}) as host: ... host.url("/a.jpg")`.

    Bytes are served as they are, a `Behaviour` does as it likes, any other path is a 404. `pages`
    may be changed while it runs. `address` is what `RAW_IMAGE_HOSTS` needs; `requests` is what
    came in, in order; `connections` counts also those that never sent a request.
    """

    def __init__(
        self,
        pages: Mapping[str, bytes | Behaviour] | None = None,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.pages: dict[str, bytes | Behaviour] = dict(pages or {})
        self.requests: list[Request] = []
        self.connections = 0
        self._tls = tls
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._server = _Server(("127.0.0.1", 0), self._serve)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="photo-host"
        )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/") -> str:
        return f"{'https' if self._tls else 'http'}://{self.address}{path}"

    def __enter__(self) -> PhotoHost:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._server.server_close()  # joins the threads that serve

    def _serve(self, plain: socket.socket) -> None:
        self.connections += 1
        # The handshake is left for later, so that __exit__ can break it off too.
        sock = (
            self._tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
            if self._tls
            else plain
        )
        self._open.add(sock)
        try:
            with sock, contextlib.suppress(OSError):  # OSError: the client has left
                self._converse(sock)
        finally:
            self._open.discard(sock)

    def _converse(self, sock: socket.socket) -> None:
        if isinstance(sock, ssl.SSLSocket):
            sock.do_handshake()
        request = _read_request(sock)
        if request is not None:
            self.requests.append(request)
            self._behaviour(request)(Conversation(sock, request, self._closing))

    def _behaviour(self, request: Request) -> Behaviour:
        page = self.pages.get(request.target, self.pages.get(request.path))
        if page is None:
            return refusal(404)
        return photo(page) if isinstance(page, bytes) else page


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], serve: Callable[[socket.socket], None]) -> None:
        super().__init__(address, lambda sock, *_: serve(sock))  # type: ignore[arg-type]


def _read_request(sock: socket.socket) -> Request | None:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = sock.recv(65_536)
        if not piece:
            return None
        received += piece
    first, *lines = received.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    return Request(method, target, headers)
