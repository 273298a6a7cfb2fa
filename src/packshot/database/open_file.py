"""Detects that SQLite's file is missing, or was replaced while this process has it open."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy.engine import URL

from packshot.errors import Unavailable

#: Device and inode: the file that a path leads to, whatever its content.
FileIdentity: TypeAlias = tuple[int, int]


def missing_file(url: URL) -> str | None:
    """Why there is no SQLite file to work on, and what to do; None if there is one, or if another
    error says why there can't be one. A connection would create it, empty."""
    if url.get_backend_name() != "sqlite":
        return None
    file = Path(str(url.database)).absolute()
    if file.exists() or not existing_parent(file).is_dir():
        return None
    return (
        f"there is no database {file}: run `packshot migrate` to create it"
        " (run.py does it as it starts), or run this in Packshot's folder"
    )


def missing_file_or_left_log(url: URL) -> str | None:
    """`missing_file`, or why a restored file must not be opened yet: beside it lies the log of the
    one before, as a killed process leaves it, which SQLite would write into it."""
    if (missing := missing_file(url)) or url.get_backend_name() != "sqlite":
        return missing
    log = OpenFile(str(url.database)).log
    if not (log.exists() and log.stat().st_size):
        return None
    return (
        f"{log} is the log of the database that was here before: SQLite would write it into the"
        " restored one, and damage it. Stop every process, delete this log, copy the backup here"
        " again, and run this again. (If the log came with the backup, run"
        f' `sqlite3 {url.database} "PRAGMA wal_checkpoint(TRUNCATE)"` instead.)'
    )


def existing_parent(path: Path) -> Path:
    """The nearest parent that exists, even if it is a file."""
    return next(parent for parent in path.absolute().parents if parent.exists())


class OpenFile:
    """Detects a deleted file, which SQLite itself goes on reading and writing: everything would be
    acknowledged, and lost at the restart. Two `stat` calls detect it, in microseconds.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path).absolute()
        self.log = Path(f"{os.path.realpath(path)}-wal")  # SQLite follows links too
        self._opened: FileIdentity | None = None
        self._has_log = True

    def note_opened(self) -> None:
        """Remember, at the first connection, which file this process works on."""
        if self._opened is None:
            self._opened = _identity(self.path)

    def check(self) -> None:
        """Raises Unavailable when the path leads elsewhere now."""
        if self._opened is not None and _identity(self.path) != self._opened:
            raise Unavailable(
                f"the database file {self.path} was moved, deleted or replaced while Packshot has"
                " it open: put it back, or restart Packshot to work on the file that is there now"
            )
        if not self._has_log:
            raise self._without_log()

    def check_log(self, connection: MutableMapping[str, Any]) -> None:
        """Like `check`, for the write-ahead log; call it after a commit, while the connection is
        open: SQLite keeps the log until its last connection is closed. Once this has raised,
        `check` raises, too. `connection` is SQLAlchemy's `info` of one.
        """
        present = _identity(self.log)
        if connection.setdefault("log", present) != present:
            self._has_log = False
            raise self._without_log()

    def _without_log(self) -> Unavailable:
        return Unavailable(
            f"the database's log {self.log} was moved, deleted or replaced while Packshot has it"
            " open: restart Packshot, and check whether the last changes are there"
        )


def _identity(path: Path) -> FileIdentity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
