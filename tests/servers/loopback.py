"""An application of this process on a free port of loopback, over real sockets."""

from __future__ import annotations

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
