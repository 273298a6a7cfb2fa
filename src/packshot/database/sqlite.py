"""SQLite for many threads and processes: one write at a time, each on the disk before it counts."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

from packshot.errors import SettingsError, Unavailable

BUSY_SECONDS = 10  # how long a write waits for another one, in any process
SYNC: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class WriteLock:
    """One write at a time in this process; the next begins as soon as the last one ends.

    SQLite allows one write at a time anyway, but a second one sleeps up to 0.1 s between tries.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=BUSY_SECONDS):
            raise Unavailable(f"the database is busy: earlier writes took over {BUSY_SECONDS} s")

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class SharedRun:
    """Runs `work` in one of the calling threads, on behalf of all that wait.

    A call returns after a run that began after the call, and raises what that run raised. For work
    that costs the same for many calls as for one, such as a sync of the disk.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._changed = threading.Condition()
        self._begun = self._ended = self._succeeded = 0  # the number of the last such run
        self._error: BaseException | None = None  # of the last run that failed

    def __call__(self) -> None:
        with self._changed:
            needed = self._begun + 1  # a run that is under way began too early
            self._changed.wait_for(lambda: self._ended >= needed or self._ended == self._begun)
            leads = self._ended < needed  # no run is under way: this thread runs for all that wait
            self._begun += leads
        if leads:
            self._run()
        if self._succeeded < needed and self._error is not None:
            raise self._error

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._work()
        except BaseException as raised:
            error = raised
        with self._changed:
            self._ended = self._begun
            if error is None:
                self._succeeded = self._ended
            else:
                self._error = error
            self._changed.notify_all()


def share_syncs(path: Path, sync: Callable[[int], None]) -> SharedRun:
    """Sync SQLite's write-ahead log to the disk, once for all threads that commit together.

    With synchronous=FULL every commit syncs alone, holding the write lock: 200 commits a second on
    a disk with 5 ms per sync. So SQLite runs with NORMAL (it syncs at its checkpoints, which keeps
    the file intact), and `write` returns only after a sync that began after its commit. When there
    is no log, all of it is checkpointed, and so synced.
    """

    def to_disk() -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return
        except OSError as error:
            raise Unavailable(f"the database's log can't be opened: {error}") from error
        try:
            sync(descriptor)
        except OSError as error:
            raise Unavailable(f"the database's log can't be saved to the disk: {error}") from error
        finally:
            os.close(descriptor)

    return SharedRun(to_disk)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"DATABASE_URL: the folder {folder} can't be created: {error.strerror}"
        ) from None


def sqlite_engine(url: URL, pool_size: int, foreign_keys: bool) -> Engine:
    _make_folder(Path(str(url.database)).parent)
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=5,
        hide_parameters=True,  # errors are logged, and a raw image's address may be signed
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )
    pragmas = ["synchronous=NORMAL"]  # see `share_syncs`
    pragmas += ["foreign_keys=ON"] if foreign_keys else []
    event.listen(engine, "connect", lambda connection, _: _prepare_sqlite(connection, pragmas))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, pragmas: list[str]) -> None:
    connection.isolation_level = None  # our code sends BEGIN: the driver's default loses updates
    cursor = connection.cursor()
    _switch_to_log(cursor)
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _switch_to_log(cursor: sqlite3.Cursor) -> None:
    """Processes that open a new file together can lock each other out here: SQLite sees that none
    would get on, and refuses at once what it would wait for elsewhere."""
    latest = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > latest:
                raise
        time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("write", False)
    driver: Any = connection.connection.driver_connection  # SQLAlchemy's own way costs a statement
    try:
        driver.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    except sqlite3.OperationalError as error:
        raise Unavailable(f"the database answered: {error}") from error
