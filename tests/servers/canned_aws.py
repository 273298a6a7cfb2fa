"""An AWS endpoint with a test's answers: for refusals that no emulator makes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from servers.ports import HOST


@dataclass(frozen=True)
class Answer:
    """One response: a dict is sent as JSON (SQS), text (S3's XML) and bytes as they stand."""

    body: Mapping[str, Any] | str | bytes = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0  # seconds


def sqs_error(code: str, status: int = 400) -> Answer:
    return Answer({"__type": f"com.amazonaws.sqs#{code}", "message": f"{code} it is"}, status)


def s3_error(code: str, status: int, message: str = "it is", **headers: str) -> Answer:
    body = f"<Error><Code>{code}</Code><Message>{code} {message}</Message></Error>"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(body, status, {"Content-Type": "application/xml", **named})


class CannedAws:
    """Gives the answers in turn, the last one forever, and keeps what was asked.

    `by_path` comes first: the answer of the first entry that is part of the request's path.
    """

    def __init__(self, *answers: Answer, by_path: Mapping[str, Answer] | None = None) -> None:
        self.answers = list(answers)
        self.by_path = dict(by_path or {})
        self.asked: list[tuple[str, bytes]] = []  # operation or method and path, body
        self.headers: list[dict[str, str]] = []
        self.connections = 0  # accepted so far
        self.hang_up = False  # True: close the connection after each answer
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                owner.connections += 1
                super().setup()

            def answer(self) -> None:
                owner.reply(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815

            def log_message(self, format: str, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.endpoint = f"http://{HOST}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def reply(self, request: BaseHTTPRequestHandler) -> None:
        size = int(request.headers.get("Content-Length", 0))
        target = request.headers.get("X-Amz-Target", f"{request.command} {request.path}")
        self.asked.append((target.removeprefix("AmazonSQS."), request.rfile.read(size)))
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self._send(request, self._answer_to(request.path))

    def _answer_to(self, path: str) -> Answer:
        for part, answer in self.by_path.items():
            if part in path:
                return answer
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def _send(self, request: BaseHTTPRequestHandler, answer: Answer) -> None:
        data = _as_bytes(answer.body)
        time.sleep(answer.delay)
        request.send_response(answer.status)
        for name, value in answer.headers.items():
            request.send_header(name, value)
        if not answer.headers.keys() & {"Content-Length", "Transfer-Encoding"}:
            request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(data)
        if self.hang_up:
            request.close_connection = True

    def __enter__(self) -> CannedAws:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _as_bytes(body: Mapping[str, Any] | str | bytes) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()
