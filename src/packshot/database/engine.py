"""The database: one engine per process, safe write transactions, and the way to head."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from packshot import __version__
from packshot.after_fork import after_fork
from packshot.database import ids
from packshot.database.open_file import OpenFile
from packshot.database.sqlite import BUSY_SECONDS, SYNC, Turn, sqlite_engine, syncing
from packshot.errors import SettingsError, Unavailable

if TYPE_CHECKING:
    from alembic.config import Config

#: PostgreSQL: seconds a statement may take there, and seconds after which nobody waits here for an
#: answer any more. A server that hangs, or a network that swallows everything, ends nothing itself.
STATEMENT_SECONDS = 20
ANSWER_SECONDS = 25
#: PostgreSQL plans for disks with heads (4). On others an index answers what it would read a table
#: for: the counts of a million products take half as long.
PAGE_COST = 1.1
MIGRATION_LOCK = 0x7061636B  # PostgreSQL advisory lock: "pack"
IDS_LOCK = MIGRATION_LOCK + 1
READ_ONLY = "25006"  # PostgreSQL's read_only_sql_transaction
MIGRATIONS = Path(__file__).parent / "migrations"


class IdsWereBehind(Unavailable):
    """The database gave an id that a row has already, and was set right. Nothing was written."""

    def __init__(self) -> None:
        super().__init__(
            "the database gave an id twice (a restored backup?); it was set right, try again"
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
        self.url = parse_url(url)
        self.engine = _engine(self.url, pool_size)
        if self.is_sqlite:
            event.listen(self.engine, "do_connect", self._check_file)
            event.listen(self.engine, "connect", self._note_file)
        else:
            event.listen(self.engine, "do_connect", _connect_within(answer_seconds))
        self._writer = self.engine.execution_options(write=True)  # see _begin_sqlite
        self._sync = sync
        self._take_turns()
        after_fork(self._forget_parent)

    def _forget_parent(self) -> None:
        self.engine.dispose(close=False)
        self._take_turns()

    def _take_turns(self) -> None:
        on_disk = self.is_sqlite and self.url.database not in {None, "", ":memory:"}
        self._turn: AbstractContextManager[None] = Turn() if self.is_sqlite else nullcontext()
        self._file = OpenFile(self.url.database or "") if on_disk else None
        self._to_disk = syncing(self._file.log, self._sync) if self._file else None

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
        """A session to read with; nothing is written."""
        with self.read_rows() as connection, Session(connection, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self, *, lasting: bool = True) -> Iterator[Session]:
        """A session in one write transaction: committed at the end, rolled back on an error.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE), so that no read made inside
        can be stale when the write follows. It returns when the commit is on the disk; what need
        not outlive a power cut (`lasting=False`) is not waited for there.
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
        with away_is_unavailable(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write_rows(self, *, lasting: bool = True) -> Iterator[Connection]:
        """Like `write`, for statements on tables alone."""
        self._check_file()
        with away_is_unavailable(), self._no_id_twice():
            with self._turn, self._writer.connect() as connection:
                with connection.begin():
                    yield connection
                if self._file is not None:
                    self._file.check_log(connection.info)
            if lasting and self._to_disk is not None:
                self._to_disk()
        self._check_file()  # what was written to a file that is gone is not acknowledged

    @contextmanager
    def _no_id_twice(self) -> Iterator[None]:
        """A row that was given another one's id was refused: see to it that the next try is not."""
        try:
            yield
        except IntegrityError as error:
            if not ids.is_given_twice(error):
                raise
            with self._writer.connect() as connection, connection.begin():
                connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": IDS_LOCK})
                ids.move_ahead(connection, ids.behind(connection))
            raise IdsWereBehind() from error

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def away_is_unavailable() -> Iterator[None]:
    """SQLAlchemy's operational errors become Unavailable: nobody's fault, wait and try again."""
    try:
        yield
    except (OperationalError, PoolTimeout) as error:
        said = f"the database does not answer: {_first_line(error)}"
        raise Unavailable(f"{said}; check DATABASE_URL, and that it runs") from error
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise Unavailable(f"the database closed the connection: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().splitlines()[0][:200] if str(cause).strip() else type(cause).__name__


def parse_url(url: str) -> URL:
    """DATABASE_URL as SQLAlchemy wants it: psycopg 3 whenever PostgreSQL is meant."""
    try:
        parsed = make_url(url)
    except Exception:
        raise SettingsError("DATABASE_URL is not a database URL") from None
    if parsed.drivername in {"postgres", "postgresql", "postgresql+psycopg2"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise SettingsError("DATABASE_URL must be sqlite:///... or postgresql+psycopg://...")
    if (parsed.database or "").startswith("file:"):
        raise SettingsError("DATABASE_URL must name SQLite's file by its path, not as file:...")
    return parsed


def shown_url(url: str) -> str:
    """DATABASE_URL for people: without its password, and without its query, which may hold one."""
    return parse_url(url).set(query={}).render_as_string(hide_password=True)


def _engine(url: URL, pool_size: int, foreign_keys: bool = True) -> Engine:
    if url.get_backend_name() == "sqlite":
        return sqlite_engine(url, pool_size, foreign_keys)
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=5,
        pool_timeout=BUSY_SECONDS,
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,
        connect_args={
            "connect_timeout": 5,
            "options": f"-c timezone=UTC -c statement_timeout={STATEMENT_SECONDS}s"
            f" -c lock_timeout={BUSY_SECONDS}s -c idle_in_transaction_session_timeout=60s"
            f" -c random_page_cost={PAGE_COST}",
        },
    )
    event.listen(engine, "handle_error", _leave_standby)
    return engine


def _connect_within(seconds: float) -> Callable[..., Any]:
    """A way to connect to PostgreSQL so that nobody waits longer than that for an answer."""

    def connect(dialect: Any, record: Any, arguments: Any, options: dict[str, Any]) -> Any:
        return _connection_within(seconds).connect(*arguments, **options)

    return connect


@cache
def _connection_within(seconds: float) -> Any:
    import psycopg

    class Connection(psycopg.Connection[Any]):
        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            try:
                return super().wait(gen, interval, timeout or seconds)
            except psycopg.errors._WaitTimeout:
                self.pgconn.finish()
                raise psycopg.OperationalError(f"no answer in {seconds:g} s") from None

    return Connection


def _leave_standby(context: ExceptionContext) -> None:
    """After a failover the pool may still lead to what is a standby now: connect anew."""
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True


def bring_to_head(url: str) -> list[str]:
    """Create or upgrade the tables under a lock; return the revisions that were applied.

    Any number of processes may call it together: one does the work. Its engine is thrown away,
    so nothing of it is inherited by a fork.
    """
    parsed = parse_url(url)
    # Without foreign keys: SQLite changes a table by making it anew, and would cascade the drop.
    engine = _engine(parsed, pool_size=1, foreign_keys=False)
    try:
        with away_is_unavailable():
            with engine.connect() as connection:
                if _is_at_head(connection) and not ids.behind(connection):
                    return []
            with _migration_lock(parsed, engine) as connection:
                given = ids.last_given(connection)
                applied = [] if _is_at_head(connection) else _upgrade(connection)
                ids.move_ahead(connection, ids.behind(connection, given))
                connection.commit()
                return applied
    finally:
        engine.dispose()


@contextmanager
def _migration_lock(url: URL, engine: Engine) -> Iterator[Connection]:
    if url.get_backend_name() == "sqlite":
        from filelock import FileLock

        with FileLock(f"{url.database}.migrating"), engine.connect() as connection:
            yield connection
        return
    with engine.connect() as connection:
        connection.execute(text("SET lock_timeout = 0"))
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_lock(:id)"), {"id": MIGRATION_LOCK})
        connection.commit()
        try:
            yield connection
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:id)"), {"id": MIGRATION_LOCK})
            connection.commit()


def _upgrade(connection: Connection) -> list[str]:
    from alembic import command  # a third of the start-up, and seldom needed

    applied: list[str] = []
    command.upgrade(_alembic(connection, applied), "head")
    return applied


def go_back(url: str, revision: str) -> None:
    """Change the tables back to what an older program knows; all else must have ended.

    What its tables have no place for is lost. Raises SettingsError for an unknown revision.
    """
    if revision not in revisions():
        raise SettingsError(f"there is no revision {revision}: {', '.join(revisions())} are known")
    parsed = parse_url(url)
    engine = _engine(parsed, pool_size=1, foreign_keys=False)
    try:
        with away_is_unavailable(), _migration_lock(parsed, engine) as connection:
            from alembic import command

            _is_at_head(connection)
            given = ids.last_given(connection)
            command.downgrade(_alembic(connection, []), revision)
            ids.move_ahead(connection, ids.behind(connection, given))
            connection.commit()
    finally:
        engine.dispose()


def _alembic(connection: Connection, applied: list[str]) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    config.attributes["applied"] = applied
    return config


def problem_with_tables(database: Database) -> str | None:
    """What keeps this program from working with the tables; None when they are as it wants them."""
    with database.read_rows() as rows:
        try:
            if _is_at_head(rows):
                return None
        except SettingsError as error:
            return error.message
    return "its tables are missing or old: run `packshot migrate` (run.py does it as it starts)"


def _is_at_head(rows: Connection) -> bool:
    """Raises SettingsError when they are newer than this program, or another one's."""
    revision = _revision(rows)
    if revision is not None and revision not in revisions():
        raise SettingsError(
            f"the database is at revision {revision}, which Packshot {__version__} does not know:"
            " a newer Packshot upgraded it, so start that one, or go back as docs/operate.md says"
        )
    return revision == newest_revision()


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
