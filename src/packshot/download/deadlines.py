"""Ends a download on time, whatever the other side does."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass
from types import TracebackType

from packshot.download.failures import check_resources


@dataclass(frozen=True)
class Deadline:
    seconds: float
    ends: float  # on time.monotonic()

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        return cls(seconds, time.monotonic() + seconds)

    def remaining(self) -> float:
        return max(0.0, self.ends - time.monotonic())


class Watchdog:
    """Shuts the connection down when time is up.

    A read timeout starts again with every byte, so it never stops a server that sends one byte now
    and then (measured: httpx, requests and urllib3).
    """

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self.fired = False
        # A copy, because TLS detaches the original's descriptor; the connection is the same.
        try:
            self._sock = sock.dup()
        except OSError as error:
            check_resources(error)
            raise
        self._timer = threading.Timer(seconds, self._fire)
        self._timer.daemon = True

    def __enter__(self) -> Watchdog:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        self._timer.join()
        self._sock.close()

    def _fire(self) -> None:
        self.fired = True
        # OSError: the other side has closed it already.
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
