"""An application of this process on a free port of loopback, over real sockets."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

Application = Callable[..., Iterable[bytes]]


class Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Hundreds of lines would hide the one that counts, or end in what a command prints."""


@contextmanager
def served(application: Any, port: int = 0) -> Iterator[str]:
    """Its address, without a slash at the end."""
    server = make_server("127.0.0.1", port, application, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def refusing(application: Application, path: str, status: str, words: str) -> Application:
    """Answers requests of `path` whose body has `words` with this status."""

    def wrapped(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not environ["PATH_INFO"].endswith(path):
            return application(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        if words.encode() not in body:
            return application(environ, start_response)
        start_response(status, [("Content-Type", "application/problem+json")])
        return [b'{"message": "refused by a rule"}']

    return wrapped


def losing_answers(application: Application, path: str) -> Application:
    """Does what is asked, and drops the connection in place of the first answer of `path`."""
    lost: list[str] = []

    def wrapped(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer = application(environ, start_response)
        if environ["PATH_INFO"].endswith(path) and not lost:
            lost.append(path)
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionResetError
        return answer

    return wrapped
