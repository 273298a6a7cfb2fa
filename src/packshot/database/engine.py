"""The database: one engine per process, and safe write transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, CursorResult, Engine, Select, Update, event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from packshot.after_fork import after_fork
from packshot.database import ids, locks
from packshot.database.failures import translate_errors
from packshot.database.open_file import OpenFile
from packshot.database.postgresql import (
    ANSWER_SECONDS,
    connect_within,
    postgresql_engine,
)
from packshot.database.sqlite import SYNC, WriteLock, share_syncs, sqlite_engine
from packshot.database.urls import DatabaseUrl, read_url
from packshot.errors import Unavailable

R = TypeVar("R")


class IdsWereBehind(Unavailable):
    """The database gave an id that a row already has. Its sequence is corrected: try again."""

    def __init__(self) -> None:
        super().__init__(
            "the database gave an id that a row already has (a restored backup?); its sequence was"
            " corrected, try again"
        )


class Database:
    """Sessions on one engine. Safe to make before a fork; connections are opened after it.

    `pool_size` should be at least the number of threads that use it at the same time.
    """

    def __init__(
        self,
        url: str,
        pool_size: int = 20,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        sync: Callable[[int], None] = SYNC,
    ) -> None:
        read = read_url(url)
        self.url = read.url
        self.ignored = read.ignored  # names of parameters of the URL that have no effect
        self.engine = _engine(read, pool_size)
        if self.is_sqlite:
            event.listen(self.engine, "do_connect", self._check_file)
            event.listen(self.engine, "connect", self._note_file)
        else:
            event.listen(self.engine, "do_connect", connect_within(answer_seconds))
        self._writer = self.engine.execution_options(write=True)  # see _begin_sqlite
        self._sync = sync
        self._set_up_file()
        after_fork(self._forget_parent)

    def _forget_parent(self) -> None:
        self.engine.dispose(close=False)
        self._set_up_file()

    def _set_up_file(self) -> None:
        self._write_lock: AbstractContextManager[None] = (
            WriteLock() if self.is_sqlite else nullcontext()
        )
        self._file = OpenFile(self.url.database or "") if self.is_sqlite else None
        self._to_disk = share_syncs(self._file.log, self._sync) if self._file else None

    def _check_file(self, *_: Any) -> None:
        if self._file is not None:
            self._file.check()

    def _note_file(self, *_: Any) -> None:
        if self._file is not None:
            self._file.note_opened()

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only reads."""
        with self.read_rows() as connection, Session(connection, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self, *, lasting: bool = True) -> Iterator[Session]:
        """A session in one write transaction: committed at the end, rolled back on an error.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE), so that no read made inside can
        be stale when the write follows. It returns when the commit is on the disk, or at once if a
        power cut may lose the change (`lasting=False`).
        """
        with (
            self.write_rows(lasting=lasting) as connection,
            Session(connection, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def has(self, *rows: Select[Any]) -> bool:
        """Whether any of these queries finds a row. Takes no lock."""
        with self.read() as session:
            return any(session.scalar(each.limit(1)) is not None for each in rows)

    @contextmanager
    def claim_first(self, due: Select[R]) -> Iterator[tuple[Session, R] | None]:
        """A write transaction with the first row that is due, locked, to be marked as this
        process's; None if there is none, which takes no lock. One that another process is claiming
        is skipped. A power cut ends a claim anyway: it does not wait for the disk.
        """
        if not self.has(due):
            yield None
            return
        with self.write(lasting=False) as session:
            row = session.scalar(due.limit(1).with_for_update(skip_locked=True))
            yield None if row is None else (session, row)

    @contextmanager
    def read_rows(self) -> Iterator[Connection]:
        """Like `read`, for statements on tables alone: a session costs more than many of them."""
        self._check_file()
        with translate_errors(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write_rows(self, *, lasting: bool = True) -> Iterator[Connection]:
        """Like `write`, for statements on tables alone."""
        self._check_file()
        with translate_errors(), self._correct_ids():
            with self._write_lock, self._writer.connect() as connection:
                with connection.begin():
                    yield connection
                if self._file is not None:
                    self._file.check_log(connection.info)
            if lasting and self._to_disk is not None:
                self._to_disk()
        self._check_file()  # do not acknowledge a write to a file that is gone

    @contextmanager
    def _correct_ids(self) -> Iterator[None]:
        """Correct the sequences of ids when a row was refused because its id exists."""
        try:
            yield
        except IntegrityError as error:
            if not ids.is_given_twice(error):
                raise
            with self._writer.connect() as connection, connection.begin():
                locks.hold_lock(connection, locks.IDS)
                ids.move_ahead(connection, ids.tables_behind(connection))
            raise IdsWereBehind() from error

    def close(self) -> None:
        self.engine.dispose()


def update_rows(session: Session, change: Update) -> int:
    """Change rows of the database, and none that are in memory; return how many were changed."""
    done = session.execute(change, execution_options={"synchronize_session": False})
    return cast("CursorResult[Any]", done).rowcount


def _engine(database: DatabaseUrl, pool_size: int) -> Engine:
    if database.url.get_backend_name() == "sqlite":
        return sqlite_engine(database.url, pool_size, foreign_keys=True)
    return postgresql_engine(database, pool_size)
