"""An AWS endpoint that answers what a test tells it to: for refusals no emulator makes."""

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
    """One response: a dict is sent as JSON (SQS), text as it stands (S3's XML)."""

    body: Mapping[str, Any] | str = field(default_factory=dict)
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
    """Gives the answers in turn, the last one for ever, and keeps what was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, bytes]] = []  # operation or method and path, body
        self.headers: list[dict[str, str]] = []
        self.hang_up = False  # True: close the connection after each answer
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                owner.reply(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815

            def log_message(self, format: str, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://{HOST}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def reply(self, request: BaseHTTPRequestHandler) -> None:
        size = int(request.headers.get("Content-Length", 0))
        target = request.headers.get("X-Amz-Target", f"{request.command} {request.path}")
        self.asked.append((target.removeprefix("AmazonSQS."), request.rfile.read(size)))
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self._send(request, answer)

    def _send(self, request: BaseHTTPRequestHandler, answer: Answer) -> None:
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        data = text.encode()
        time.sleep(answer.delay)
        request.send_response(answer.status)
        for name, value in answer.headers.items():
            request.send_header(name, value)
        if "Content-Length" not in answer.headers:
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
