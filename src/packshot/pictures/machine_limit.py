"""Limits how many processes of one machine do the same heavy work at the same time."""

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


class MachineLimit:
    """Lets at most `most` processes of this machine and user work at a time under one `name`.

    Each working process locks a file in `folder` (None: the temp folder). The kernel unlocks it
    when the process ends, however it ends. If no such file can be made, nothing is limited.
    """

    def __init__(self, name: str, most: int, folder: Path | None = None) -> None:
        folder = folder or Path(tempfile.gettempdir())
        self._paths = [folder / f"{name}-{os.getuid()}-{number}.lock" for number in range(most)]
        self._locked: IO[bytes] | None = None
        self._is_warned = False

    def acquire(self) -> bool:
        """Whether this process may work: it has a lock already, or fewer than `most` others do."""
        if self._locked is None:
            try:
                self._locked = self._lock_any()
            except OSError as error:
                self._warn(error)
                return True
        return self._locked is not None

    def release(self) -> None:
        """Let another process work."""
        if self._locked is not None:
            self._locked.close()
            self._locked = None

    @contextmanager
    def wait(self, longest: float) -> Iterator[None]:
        """Count the block as work, in addition to `acquire`. Wait at most `longest` seconds for it,
        so that work that hangs delays others but does not stop them."""
        file = self._wait(longest)
        try:
            yield
        finally:
            if file is not None:
                file.close()

    def _wait(self, longest: float) -> IO[bytes] | None:
        ends = time.monotonic() + longest
        try:
            while (file := self._lock_any()) is None and time.monotonic() < ends:
                time.sleep(POLL_SECONDS)
        except OSError as error:
            self._warn(error)
            return None
        return file

    def _lock_any(self) -> IO[bytes] | None:
        """One of the files, locked; None when other processes have locked them all."""
        return next(filter(None, map(_try_lock, self._paths)), None)

    def _warn(self, error: OSError) -> None:
        if not self._is_warned:  # once a process, not every two seconds
            log.warning("work is not limited on this machine: %s", error)
        self._is_warned = True


def _try_lock(path: Path) -> IO[bytes] | None:
    """The file, locked; None when another process has locked it."""
    # Follow no link: everybody can write to the temp folder.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    file = os.fdopen(os.open(path, flags, 0o600), "rb+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
