"""The fake's sockets: threads, HTTP/1.1, the faults to come, and the ledger."""

from __future__ import annotations

import contextlib
import json
import random
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import packshot.testing.fake_gemini.strict as strict
from packshot.testing.fake_gemini.batches import LIFE_FAULTS, Batches, owns
from packshot.testing.fake_gemini.faults import FAULTS, Fault, Reply, reply_of, reply_of_refusal
from packshot.testing.fake_gemini.painting import Painter, paint
from packshot.testing.fake_gemini.writing import PaidCall, answer, used

ROUTE = re.compile(r".*/(?:v1|v1beta)/models/(?P<model>[^:/?]+)(?P<verb>:\w+)?(?:\?.*)?")
DRIP_SECONDS = 0.05
HANG_SECONDS = 600.0
MAX_BODY = 2_000_000_000


@dataclass
class _Order:
    """A fault to come: for the next `times` requests that match."""

    fault: Fault
    name: str
    times: int
    kind: str | None
    call: str | None

    def matches(self, kind: str, call: str) -> bool:
        return self.times > 0 and self.kind in {None, kind} and self.call in {None, call}


class FakeGemini:
    """Use as a context manager; `url` is for GOOGLE_GEMINI_BASE_URL.

    `latency` is in seconds per answer, give or take a third; `chances` are faults by name with
    their probability; `key` is the only key taken (None: any); `side` makes pictures of that size,
    whatever was asked for (small ones make fast tests); `painter` makes them; `tls` serves https.
    `calls` is the ledger: the requests that reached a model, and whether they were paid for.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        latency: float = 0.0,
        key: str | None = None,
        side: int | None = None,
        painter: Painter = paint,
        tls: ssl.SSLContext | None = None,
        chances: dict[str, float] | None = None,
        flex_models: Collection[str] = strict.ANALYSIS_MODELS,
        seed: int = 0,
    ) -> None:
        self.latency, self.key, self.side, self.painter = latency, key, side, painter
        self.flex_models = flex_models
        self.calls: list[PaidCall] = []
        self.requests: list[dict[str, Any]] = []  # bodies, for tests
        self.headers: list[dict[str, str]] = []
        self.keep_bodies = 50
        self.in_flight = 0
        self.most_in_flight = 0
        self.stopping = threading.Event()
        self._chances, self._random = dict(chances or {}), random.Random(seed)
        self._orders: list[_Order] = []
        self._lock = threading.Lock()
        self.batches = Batches(self.work_on)
        self._server = _Server(("127.0.0.1", port), _handler_for(self))
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.wrap(tls)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`, or https."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    @property
    def connections(self) -> int:
        """The number of connections accepted so far."""
        return self._server.accepted

    def start(self) -> Self:
        """Serve in a thread of this process."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving, and release all waiting requests."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.close_connections()
        self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def misbehave(
        self,
        fault: str | Fault,
        times: int = 1,
        *,
        kind: str | None = None,
        call: str | None = None,
    ) -> None:
        """The next `times` requests (of a kind, "analysis" or "picture"; of a call) go wrong."""
        if isinstance(fault, str) and fault in LIFE_FAULTS:
            return self.batches.misbehave(fault, times)
        named = FAULTS[fault] if isinstance(fault, str) else fault
        name = fault if isinstance(fault, str) else "own"
        with self._lock:
            self._orders.append(_Order(named, name, times, kind, call))
        return None

    def behave(self) -> None:
        """Forget all orders and chances."""
        with self._lock:
            self._orders.clear()
            self._chances.clear()

    def paid(self, call: str | None = None) -> list[PaidCall]:
        """The calls that were paid for, or those of one product/round/variant."""
        with self._lock:
            return [each for each in self.calls if each.paid and call in {None, each.call}]

    # --- For the handler ------------------------------------------------------------------------

    def fault_for(self, kind: str, call: str) -> tuple[str, Fault] | None:
        with self._lock:
            for order in self._orders:
                if order.matches(kind, call):
                    order.times -= 1
                    return order.name, order.fault
            for name, chance in self._chances.items():
                if self._random.random() < chance:
                    return name, FAULTS[name]
        return None

    def enter(self, headers: dict[str, str], body: dict[str, Any]) -> None:
        with self._lock:
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            self.headers.append(headers)
            self.requests.append(body)
            del self.headers[: -self.keep_bodies], self.requests[: -self.keep_bodies]

    def leave(self) -> None:
        with self._lock:
            self.in_flight -= 1

    def work_on(self, key: str, asked: strict.CheckedRequest) -> dict[str, Any]:
        """Answer one request of a job: the rest of its line in the results."""
        kind, began = asked.kind, time.time()
        name, fault = self.fault_for(kind, key) or (None, None)
        reply, tokens = _work(asked, fault, self)
        paid = PaidCall(began, time.time(), key, kind, asked.model, reply.status, reply.paid, name)
        self.write_down(replace(paid, lane="batch", **tokens))
        body = json.loads(reply.body)
        return {"error": body["error"]} if reply.status >= 400 else {"response": body}

    def write_down(self, call: PaidCall) -> None:
        with self._lock:
            self.calls.append(call)

    def wait(self, seconds: float) -> None:
        """Sleep, but not beyond the server's end."""
        self.stopping.wait(seconds)

    def think(self) -> None:
        """The latency of one answer."""
        if self.latency:
            self.wait(self.latency * (0.67 + 0.66 * self._random.random()))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self.accepted = 0

    def wrap(self, tls: ssl.SSLContext) -> None:
        """Speak TLS; each connection's own thread shakes hands, at its first read."""
        self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, so that it ends with the server."""
        with self._open_lock:
            self._open.add(request)
            self.accepted += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """End all connections, idle ones too."""
        with self._open_lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that disconnected: that is not an error."""


def _handler_for(fake: FakeGemini) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        gemini = fake

    return Handler


class _Handler(BaseHTTPRequestHandler):
    gemini: FakeGemini
    protocol_version = "HTTP/1.1"
    server_version = "fake-gemini"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        """Models, files and jobs."""
        if owns(self.path):
            return self._serve_batches("GET")
        try:
            self._check_access()
            self._reply(_model(self._route().group("model")))
        except strict.ErrorAnswer as refused:
            self._reply(reply_of_refusal(refused))
        return None

    def do_DELETE(self) -> None:
        """Files and jobs."""
        self._serve_batches("DELETE")

    def do_POST(self) -> None:
        """generateContent, batches and uploads."""
        raw = self._raw_body()
        if owns(self.path):
            return self._serve_batches("POST", raw)
        body = _json_in(raw)
        self.gemini.enter({name.lower(): value for name, value in self.headers.items()}, body)
        try:
            self._generate(body)
        finally:
            self.gemini.leave()
        return None

    def _serve_batches(self, method: str, raw: bytes = b"") -> None:
        """Answer requests about files and jobs."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            if not headers.get("x-goog-upload-command", "").startswith("upload"):
                self._check_access()  # otherwise the upload's address is its permission
            batches, url = self.gemini.batches, self.gemini.url
            self._reply(batches.reply(method, self.path, headers, raw, url))
        except strict.ErrorAnswer as refused:
            self._reply(reply_of_refusal(refused))

    def _generate(self, body: Any) -> None:
        try:
            self._check_access()
            found = self._route()
            if found.group("verb") != ":generateContent":
                raise strict.ErrorAnswer(404, "NOT_FOUND", "no such method")
            asked = strict.read_request(str(found.group("model")), body)
        except strict.ErrorAnswer as refused:
            return self._reply(reply_of_refusal(refused))
        return self._serve(asked)

    def _serve(self, asked: strict.CheckedRequest) -> None:
        began, kind = time.time(), asked.kind
        call = self.headers.get("x-packshot-call", "")
        name, fault = self.gemini.fault_for(kind, call) or (None, None)
        reply, tokens = self._answer(asked, fault)
        if reply.paid:
            self.gemini.think()
        ended = time.time()
        paid = PaidCall(began, ended, call, kind, asked.model, reply.status, reply.paid, name)
        self.gemini.write_down(replace(paid, lane=asked.tier, **tokens))
        self._reply(reply)

    def _answer(
        self, asked: strict.CheckedRequest, fault: Fault | None
    ) -> tuple[Reply, dict[str, Any]]:
        try:
            strict.check_tier(asked, self.gemini.flex_models)
            return _work(asked, fault, self.gemini)
        except strict.ErrorAnswer as refused:
            return reply_of_refusal(refused), {}

    def _check_access(self) -> None:
        strict.check_key(self.headers.get("x-goog-api-key"), self.gemini.key)
        strict.check_deadline(self.headers.get("x-server-timeout"))

    def _route(self) -> re.Match[str]:
        found = ROUTE.fullmatch(self.path)
        if found is None:
            raise strict.ErrorAnswer(404, "NOT_FOUND", f"no such path: {self.path}")
        return found

    def _raw_body(self) -> bytes:
        length = int(self.headers.get("content-length") or 0)
        if length > MAX_BODY:
            self.close_connection = True
            return b""
        return self.rfile.read(length)

    # --- Onto the wire --------------------------------------------------------------------------

    def _reply(self, reply: Reply) -> None:
        if reply.wire == "reset":
            return self._reset()
        if reply.wire == "close_early":
            self.close_connection = True
            return None
        if reply.wire == "hang":
            self.close_connection = True
            return self.gemini.wait(HANG_SECONDS)
        if reply.wire == "drip_headers":
            return self._send_slowly(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a")
        return self._write(reply)

    def _write(self, reply: Reply) -> None:
        body = reply.body[: len(reply.body) // 2] if reply.wire == "cut_json" else reply.body
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.wire == "cut_body":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        elif reply.wire == "stall":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.close_connection = True
            self.gemini.wait(HANG_SECONDS)
        elif reply.wire == "drip":
            self._send_slowly(b"", b" ")
        else:
            self.wfile.write(body)

    def _send_slowly(self, first: bytes, drop: bytes) -> None:
        """One byte at a time, until the client disconnects."""
        self.close_connection = True
        self.wfile.write(first)
        ends = time.monotonic() + HANG_SECONDS
        while time.monotonic() < ends and not self.gemini.stopping.is_set():
            self.wfile.write(drop)
            self.wfile.flush()
            self.gemini.wait(DRIP_SECONDS)

    def _reset(self) -> None:
        """Close with RST, at once."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def _work(
    asked: strict.CheckedRequest, fault: Fault | None, gemini: FakeGemini
) -> tuple[Reply, dict[str, Any]]:
    """The reply, and the tokens it is paid for."""
    good = answer(asked, gemini.side, gemini.painter) if fault is None or fault.works else {}
    reply = reply_of(good) if fault is None else fault.spoil(good, asked)
    return reply, used(good) if reply.paid else {}


def _json_in(raw: bytes) -> Any:
    try:
        return json.loads(raw or b"null")
    except ValueError:
        return None


def _model(name: str) -> Reply:
    """models.get."""
    strict.check_model(name)
    return reply_of(
        {
            "name": f"models/{name}",
            "displayName": name,
            "version": "fake",
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        }
    )
