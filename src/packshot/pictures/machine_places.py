"""Limits how many processes of a machine do the same heavy work at the same time."""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
from pathlib import Path
from typing import IO

log = logging.getLogger("packshot.worker")


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
                self._place = next(filter(None, map(_locked, self._paths)), None)
            except OSError as error:
                if not self._is_warned:  # once a process, not every two seconds
                    log.warning("checks are not limited on this machine: %s", error)
                self._is_warned = True
                return True
        return self._place is not None

    def leave(self) -> None:
        """Give the place to another process."""
        if self._place is not None:
            self._place.close()
            self._place = None


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
