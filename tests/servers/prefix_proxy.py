"""A reverse proxy that serves a Packshot under /packshot, and nothing else."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PREFIX = "/packshot"
#: Hop by hop (RFC 9110, 7.6.1), and headers that are rewritten.
DROPPED = {"connection", "transfer-encoding", "keep-alive", "date", "server"}


@contextmanager
def prefix_proxy(upstream: str, *, strips: bool = True, announces: bool = True) -> Iterator[str]:
    """The proxy's own address with the prefix. `strips` takes the prefix off the path, `announces`
    sends it as X-Forwarded-Prefix. Any other path is a 404 of the proxy itself."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            if not f"{self.path}/".startswith(f"{PREFIX}/"):
                self.send_error(404, "outside the prefix")
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = dict(self.headers.items()) | {"X-Forwarded-For": self.client_address[0]}
            if announces:
                headers["X-Forwarded-Prefix"] = PREFIX
            path = (self.path.removeprefix(PREFIX) or "/") if strips else self.path
            self.answer(path, body, headers)

        def answer(self, path: str, body: bytes, headers: dict[str, str]) -> None:
            connection = http.client.HTTPConnection(urlsplit(upstream).netloc, timeout=30)
            connection.request(self.command, path, body or None, headers)
            found = connection.getresponse()
            data = found.read()
            self.send_response(found.status)
            for name, value in found.getheaders():
                if name.lower() not in DROPPED | {"content-length"}:
                    self.send_header(name, value)
            if found.status not in (204, 304):
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)
            connection.close()

        def log_message(self, *args: object) -> None:
            pass

    for method in ("GET", "HEAD", "POST", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.forward)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
