"""Keeps request threads free: each kind of slow request may use only a share of them.

gunicorn has a fixed number of threads per process. Without shares a few dozen uploads, slow readers
or requests that wait for a database occupy all of them, and `/healthz` has to wait.
"""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, cast

from flask import Flask, Response, current_app, request
from werkzeug.wsgi import ClosingIterator

from packshot.web.requests.refusals import Refused

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]

#: The liveness probe: it checks nothing, so it needs no share.
ALWAYS_ANSWERED: Final = "/healthz"
#: These endpoints' views take a share of their own.
UPLOADS: Final = ("/api/uploads", "/api/imports")
#: A body or a picture up to this size is quick: `deploy/Caddyfile` buffers such a body until it is
#: complete, and such an answer fits into a connection's buffers, so its thread is free at once.
QUICK_BYTES: Final = 128 * 1024
#: For servers that start a thread for each connection (`python run.py`): in effect no limit.
UNLIMITED: Final = 10_000
#: Seconds to wait for a place: longer than most requests take, too short to delay others.
WAIT_SECONDS: Final = 0.1
RETRY_AFTER_SECONDS: Final = 5
#: Seconds after which a client that receives or sends nothing is disconnected.
STALLED_SECONDS: Final = 30.0
#: Seconds for reading the rest of a refused request: in all, and for its next bytes.
REST_SECONDS: Final = 0.2
REST_IDLE_SECONDS: Final = 0.1
#: A buffer that all threads write to and none reads.
_DISCARDED: Final = bytearray(256 * 1024)
_BUSY: Final = "packshot.busy"


class ThreadShare:
    """At most `most` threads of this process at the same time for one kind of request.

    A request without a place waits up to `wait` seconds for one, but not at all when the ones
    before it waited in vain: nothing is moving then, and a waiting request occupies a thread too.
    """

    def __init__(self, most: int, wait: float = 0.0) -> None:
        self._places = threading.Semaphore(most)
        self._wait = wait
        self._moving = True

    def take(self) -> bool:
        """Take a place in the share if one is free or becomes free in time."""
        self._moving = self._places.acquire(timeout=self._wait if self._moving else 0.0)
        return self._moving

    def take_for(self, holder: ExitStack) -> bool:
        """Like `take`; the place is given back when the holder is closed."""
        taken = self.take()
        if taken:
            holder.callback(self.give_back)
        return taken

    def give_back(self) -> None:
        self._moving = True
        self._places.release()

    @contextmanager
    def occupy(self, doing: str) -> Iterator[None]:
        """Occupy a place, or refuse with 503 and Retry-After. `doing` is for the message."""
        if not self.take():
            raise busy(doing)
        try:
            yield
        finally:
            self.give_back()


@dataclass(frozen=True)
class ThreadShares:
    """The shares of one process: all requests together, and of these the slow kinds."""

    requests: ThreadShare
    large_bodies: ThreadShare
    uploads: ThreadShare
    downloads: ThreadShare

    @classmethod
    def divide(cls, threads: int | None) -> ThreadShares:
        """Of `threads` a quarter always stays free, and each slow kind may use a quarter.

        None: the server starts as many threads as it needs, which share processor and memory.
        """
        quarter = max(1, threads // 4) if threads else 4
        return cls(
            requests=ThreadShare(max(1, threads - quarter) if threads else UNLIMITED, WAIT_SECONDS),
            large_bodies=ThreadShare(quarter, WAIT_SECONDS),
            uploads=ThreadShare(quarter),
            downloads=ThreadShare(quarter if threads else UNLIMITED, WAIT_SECONDS),
        )


def thread_shares() -> ThreadShares:
    return cast("ThreadShares", current_app.extensions["packshot_thread_shares"])


def as_download(response: Response) -> Response:
    """The response, with a place among the downloads until it is sent; refuses without one."""
    share = thread_shares().downloads
    if not share.take():
        response.close()
        raise busy("downloading")
    response.call_on_close(share.give_back)
    return response


def busy(doing: str) -> Refused:
    return Refused(
        "busy",
        f"too many others are {doing} now; try again in {RETRY_AFTER_SECONDS} seconds",
        {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def register(app: Flask, threads: int | None) -> None:
    """Give every request but `/healthz` a place, until its answer is sent; refuse the others.

    Register it before `auth`, which may wait for the database.
    """
    shares = ThreadShares.divide(threads)
    app.extensions["packshot_thread_shares"] = shares
    app.before_request(_refuse_without_place)
    app.wsgi_app = _with_places(app.wsgi_app, shares)  # type: ignore[assignment,method-assign]


def _refuse_without_place() -> None:
    if request.environ.get(_BUSY):
        raise busy("asking this server")


def _with_places(inner: Application, shares: ThreadShares) -> Application:
    def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"] = _Body(environ)
        places = ExitStack()
        environ[_BUSY] = not all(
            share.take_for(places) for share in _shares_for(environ, body, shares)
        )
        places.callback(body.close_if_unread)  # called first
        try:
            answer = inner(environ, start_response)
            body.discard_rest()
            body.announce_close_if_unread(start_response)
            return ClosingIterator(answer, places.close)
        except BaseException:  # places are given back whatever ends this request
            places.close()
            raise

    return application


def _shares_for(environ: Environ, body: _Body, shares: ThreadShares) -> list[ThreadShare]:
    """The shares in which this request needs a place before it is handled."""
    path = environ.get("PATH_INFO")
    if path == ALWAYS_ANSWERED:
        return []
    if path not in UPLOADS and body.size > QUICK_BYTES:
        return [shares.requests, shares.large_bodies]
    return [shares.requests]


# -- slow clients --------------------------------------------------------------------------------


class _Body:
    """A request's body, which knows whether it was read to its end. Its client must not stall."""

    def __init__(self, environ: Environ) -> None:
        self._stream = environ["wsgi.input"]
        self._chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        length = environ.get("CONTENT_LENGTH") or "0"
        self._left = int(length) if length.isdecimal() else 0
        #: Bytes, by Content-Length.
        self.size: float = math.inf if self._chunked else self._left
        #: None where the server itself deals with slow clients.
        self._connection: socket.socket | None = environ.get("gunicorn.socket") or environ.get(
            "werkzeug.socket"
        )
        self._bound_pauses(STALLED_SECONDS)

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(size)
        self._left -= len(data)
        if not data and size:
            self._left, self._chunked = 0, False
        return data

    def discard_rest(self) -> None:
        """Read what the application did not, while it arrives quickly.

        A client that is still sending when the connection ends may never see the answer. Reads from
        the socket itself: the server's small pieces would block the other threads.
        """
        if self._connection is None or not self._is_unread():
            return
        ends = time.monotonic() + REST_SECONDS
        self._bound_pauses(REST_IDLE_SECONDS)
        with suppress(OSError):
            while time.monotonic() < ends and self._connection.recv_into(_DISCARDED):
                pass
        self._bound_pauses(STALLED_SECONDS)

    def announce_close_if_unread(self, start_response: Any) -> None:
        """Have gunicorn answer `Connection: close` where `close_if_unread` ends the connection.

        Otherwise the client's next request on it would get no answer. gunicorn ignores the header
        of an application.
        """
        response: Any = getattr(start_response, "__self__", None)
        if self._is_unread() and hasattr(response, "force_close"):
            response.force_close()

    def close_if_unread(self) -> None:
        """End the connection if the body was not read to its end.

        gunicorn would wait for the rest: in this thread for 5 s, then for 2 s in the one that
        accepts connections. It keeps the socket, after a `shutdown`: otherwise reading would open
        the window again for a client that may wait for minutes, and a closed connection would be
        counted twice.
        """
        if self._connection is None or not self._is_unread():
            return
        ended, other = socket.socketpair()
        other.close()
        with ended, suppress(OSError):
            os.dup2(ended.fileno(), self._connection.fileno(), inheritable=False)

    def _is_unread(self) -> bool:
        return self._chunked or self._left > 0

    def _bound_pauses(self, seconds: float) -> None:
        """Disconnect a client that receives or sends nothing for this many seconds."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.settimeout(seconds)
