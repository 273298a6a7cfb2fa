"""Speaks Gemini's protocol with prepared answers, so that it needs little CPU.

    python -m bench.stand_in --latency 2

The fake Gemini paints every picture again, which takes more CPU than the programs that are
compared. This server lets it answer the first request of each kind, keeps the bytes, and sends
them to all further requests after `latency` seconds. GET /calls has the number of answers.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from packshot.testing.fake_gemini.strict import IMAGE_MODELS, read_request
from packshot.testing.fake_gemini.writing import answer

SIDE = 1024


class StandIn(ThreadingHTTPServer):
    """Listens on a free port of this host; `latency` is in seconds for each answer."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, latency: float) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.latency = latency
        self.answered = 0
        self._prepared: dict[bool, bytes] = {}
        self._lock = threading.Lock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing is printed: a caller that was killed does not read its answer."""

    def reply(self, model: str, body: bytes) -> bytes:
        wants_picture = model in IMAGE_MODELS
        with self._lock:
            self.answered += 1
            if wants_picture not in self._prepared:
                asked = read_request(model, json.loads(body))
                self._prepared[wants_picture] = json.dumps(answer(asked, SIDE)).encode()
            return self._prepared[wants_picture]


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandIn

    def do_POST(self) -> None:
        began = time.monotonic()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        model = self.path.rsplit("/", 1)[-1].partition(":")[0]
        reply = self.server.reply(model, body)
        time.sleep(max(0.0, began + self.server.latency - time.monotonic()))
        self._send(reply)

    def do_GET(self) -> None:
        model = self.path.partition("?")[0].rpartition("/")[2]
        known = {"name": f"models/{model}"}
        self._send(json.dumps(self.server.answered if model == "calls" else known).encode())

    def _send(self, reply: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=2.0)
    server = StandIn(parser.parse_args().latency)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
