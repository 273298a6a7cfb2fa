"""The database: one engine per process, safe write transactions, and the migrations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Connection, CursorResult, Engine, Update, event, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from packshot import __version__
from packshot.after_fork import after_fork
from packshot.database import ids, locks
from packshot.database.failures import translate_errors
from packshot.database.open_file import OpenFile, missing_file
from packshot.database.postgresql import (
    ANSWER_SECONDS,
    check_encoding,
    check_schema,
    connect_within,
    postgresql_engine,
)
from packshot.database.sqlite import SYNC, WriteLock, share_syncs, sqlite_engine
from packshot.database.urls import DatabaseUrl, read_url
from packshot.errors import NotConfigured, SettingsError, Unavailable

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


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


@contextmanager
def _migrating(url: str) -> Iterator[tuple[URL, Engine]]:
    """An engine for one change of the tables, closed afterwards, so that no fork inherits it.

    Without foreign keys: SQLite changes a table by making another one, and would cascade the drop.
    """
    database = read_url(url)
    if database.url.get_backend_name() == "sqlite":
        engine = sqlite_engine(database.url, pool_size=1, foreign_keys=False)
    else:
        engine = postgresql_engine(database, pool_size=1, limits=False)
    try:
        with translate_errors():
            yield database.url, engine
    finally:
        engine.dispose()


def bring_to_head(url: str) -> list[str]:
    """Create or upgrade the tables under a lock; return the revisions that were applied.

    Any number of processes may call it together: one does the work, in one transaction. Raises
    SettingsError for a database that can't hold the tables, NotConfigured if a right is missing.
    """
    with _migrating(url) as (parsed, engine):
        with engine.connect() as connection:
            if _is_at_head(connection) and not ids.tables_behind(connection):
                return []
        with _migration_lock(parsed, engine) as connection:
            given = ids.last_given(connection)
            applied = [] if _is_at_head(connection) else _upgrade(connection)
            ids.move_ahead(connection, ids.tables_behind(connection, given))
            connection.commit()
            return applied


@contextmanager
def _migration_lock(url: URL, engine: Engine) -> Iterator[Connection]:
    """A connection with the lock, on PostgreSQL until its transaction ends: behind a pooler, a lock
    of the session would stay with a connection that others get later."""
    if url.get_backend_name() == "sqlite":
        from filelock import FileLock

        with FileLock(f"{url.database}.migrating"), engine.connect() as connection:
            yield connection
        return
    with engine.connect() as connection:
        locks.hold_lock(connection, locks.MIGRATION)
        yield connection


def _upgrade(connection: Connection) -> list[str]:
    from alembic import command  # takes a third of the start-up time, and is rarely needed

    applied: list[str] = []
    command.upgrade(_alembic(connection, applied), "head")
    return applied


def migrate_back(url: str, revision: str) -> None:
    """Change the tables back for an older program; all processes must have ended.

    Data that does not fit into its tables is lost. Raises SettingsError for an unknown revision,
    for a newer one, and without a database.
    """
    if revision not in revisions():
        raise SettingsError(f"there is no revision {revision}: {', '.join(revisions())} are known")
    if no_file := missing_file(read_url(url).url):
        raise SettingsError(no_file)
    with _migrating(url) as (parsed, engine), _migration_lock(parsed, engine) as connection:
        from alembic import command

        _is_at_head(connection)
        present = _revision(connection) or "none"
        if present == "none" or present < revision:
            raise SettingsError(
                f"the tables can't go back to revision {revision}: theirs is {present}"
            )
        given = ids.last_given(connection)
        command.downgrade(_alembic(connection, []), revision)
        ids.move_ahead(connection, ids.tables_behind(connection, given))
        connection.commit()


def _alembic(connection: Connection, applied: list[str]) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    config.attributes["applied"] = applied
    return config


def problem_with_tables(database: Database) -> str | None:
    """Why this program can't work with the tables, in the words of the start; None when it can."""
    with database.read_rows() as rows:
        try:
            if _is_at_head(rows):
                return None
        except (NotConfigured, SettingsError) as error:
            return error.message
    return "its tables are missing or old: run `packshot migrate` (run.py does it as it starts)"


def _is_at_head(rows: Connection) -> bool:
    """Whether the tables are up to date; False: this program may create or upgrade them here.

    Raises SettingsError when they are newer than this program, or another one's, and when this
    database can't be used for another reason.
    """
    if rows.dialect.name == "postgresql":
        check_encoding(rows)
    revision = _revision(rows)
    _check_revision(revision)
    if revision != newest_revision() and rows.dialect.name == "postgresql":
        check_schema(rows)
    return revision == newest_revision()


def _check_revision(revision: str | None) -> None:
    """Raises SettingsError for a revision that is not one of this program's."""
    if revision is not None and revision not in revisions():
        raise SettingsError(
            f"the database is at revision {revision}, which Packshot {__version__} does not know:"
            " a newer Packshot upgraded it, so start that one, or go back as docs/operate.md says"
        )


def revisions() -> list[str]:
    """All of this program's migrations, oldest first; their files are numbered."""
    return sorted(file.name[:4] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def newest_revision() -> str:
    """The head of the migrations."""
    return revisions()[-1]


def _revision(rows: Connection) -> str | None:
    if not inspect(rows).has_table("alembic_version"):
        return None
    revision: str | None = rows.scalar(text("SELECT version_num FROM alembic_version"))
    return revision
