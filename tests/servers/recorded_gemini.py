"""Plays recorded answers back over a socket, in order, whatever is asked."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self


class RecordedGemini:
    """`url` for GOOGLE_GEMINI_BASE_URL; the last answer repeats; `asked` counts requests."""

    def __init__(self, recording: Path) -> None:
        interactions = json.loads(recording.read_text())["interactions"]
        self._answers = [each["response"] for each in interactions]
        self.asked = 0
        player = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                answer = player.next_answer()
                body = json.dumps(answer["body"]).encode()
                self.send_response(answer["status"])
                self.send_header("content-type", answer["headers"]["content-type"])
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def next_answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        return answer

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
