"""Limits how many processes of a machine do the same heavy work at the same time."""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

log = logging.getLogger("packshot.worker")

POLL_SECONDS: Final = 0.01  # a file lock can't be waited for with a time limit


class MachinePlaces:
    """A few places, shared by the processes of this machine and user with the same `name`.

    A place is the lock of a file in `folder` (None: the temp folder). The kernel frees it when the
    process ends, however it ends. If no such file can be made, nothing is limited.
    """

    def __init__(self, name: str, places: int, folder: Path | None = None) -> None:
        folder = folder or Path(tempfile.gettempdir())
        self._paths = [folder / f"{name}-{os.getuid()}-{number}.lock" for number in range(places)]
        self._place: IO[bytes] | None = None
        self._is_warned = False

    def take(self) -> bool:
        """Whether this process has a place, from before or because one is free now."""
        if self._place is None:
            try:
                self._place = self._find()
            except OSError as error:
                self._warn(error)
                return True
        return self._place is not None

    def leave(self) -> None:
        """Give the place to another process."""
        if self._place is not None:
            self._place.close()
            self._place = None

    @contextmanager
    def taken(self, longest: float) -> Iterator[None]:
        """A place for the block, besides that of `take`; without one after `longest` seconds, so
        that work that hangs delays others but does not stop them."""
        place = self._wait(longest)
        try:
            yield
        finally:
            if place is not None:
                place.close()

    def _wait(self, longest: float) -> IO[bytes] | None:
        ends = time.monotonic() + longest
        try:
            while (place := self._find()) is None and time.monotonic() < ends:
                time.sleep(POLL_SECONDS)
        except OSError as error:
            self._warn(error)
            return None
        return place

    def _find(self) -> IO[bytes] | None:
        """The file of a free place, locked; None when all are taken."""
        return next(filter(None, map(_locked, self._paths)), None)

    def _warn(self, error: OSError) -> None:
        if not self._is_warned:  # once a process, not every two seconds
            log.warning("work is not limited on this machine: %s", error)
        self._is_warned = True


def _locked(path: Path) -> IO[bytes] | None:
    """The file, locked; None when somebody else has locked it."""
    # Follow no link: everybody can write to the temp folder.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    file = os.fdopen(os.open(path, flags, 0o600), "rb+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
