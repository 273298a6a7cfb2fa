"""A client of its own for each process, closed when its last call ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from packshot.errors import Stopping


class Closable(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=Closable)


class PerProcess(Generic[C]):
    """Made at the first use: a forked child must not share its parent's sockets."""

    def __init__(self, make: Callable[[], C]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._client: C | None = None
        self._pid = self._users = 0
        self._is_closed = False

    @contextmanager
    def use(self) -> Iterator[C]:
        """The client of this process, open during the block. Raises Stopping after `close`."""
        with self._lock:
            if self._is_closed:
                raise Stopping()
            if self._client is None or self._pid != os.getpid():
                self._client, self._pid, self._users = self._make(), os.getpid(), 0
            client = self._client
            self._users += 1
        try:
            yield client
        finally:
            with self._lock:
                self._users -= 1
                self._close_unused()

    def close(self) -> None:
        """Close the client, at once or after the calls that other threads are making."""
        with self._lock:
            self._is_closed = True
            self._close_unused()

    def _close_unused(self) -> None:
        unused = self._is_closed and not self._users
        if unused and self._client is not None and self._pid == os.getpid():
            self._client.close()
            self._client = None
