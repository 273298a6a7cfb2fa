"""PostgreSQL, directly and behind a pooler that gives each transaction another connection.

PgBouncer refuses most startup parameters. In transaction pooling nothing in a session survives a
transaction: no setting, no lock, no prepared statement. So every transaction begins with its own
settings, in one message with its BEGIN.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, text

from packshot.database.failures import as_unavailable
from packshot.database.urls import DatabaseUrl
from packshot.errors import NotConfigured, SettingsError

#: Seconds that a statement may take, and that one may wait for a lock.
STATEMENT_SECONDS: Final = 20
LOCK_SECONDS: Final = 10
#: Seconds after which this process gives up waiting for any answer: a server that hangs, or a
#: network that drops everything, never ends a call itself.
ANSWER_SECONDS: Final = 25
#: The planner's cost of a random read. PostgreSQL's default (4) is for spinning disks; with this it
#: uses an index where it would read a table: the counts of a million products take half as long.
PAGE_COST: Final = 1.1
READ_ONLY: Final = "25006"  # PostgreSQL's read_only_sql_transaction
ENCODING: Final = "UTF8"


def postgresql_engine(database: DatabaseUrl, pool_size: int, *, limits: bool = True) -> Engine:
    """An engine whose statements have time limits; without `limits` for migrations."""
    engine = create_engine(
        database.url,
        pool_size=pool_size,
        max_overflow=5,
        pool_timeout=LOCK_SECONDS,
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,
        use_native_hstore=False,
        connect_args={
            "connect_timeout": 5,
            "client_encoding": ENCODING,  # a role or PGCLIENTENCODING may set another
            "autocommit": True,  # our code sends BEGIN with its settings
            "prepare_threshold": None,
        },
    )
    begin = _begin(database.schema, limits)
    event.listen(engine, "begin", lambda connection: _run_begin(connection, begin))
    event.listen(engine, "handle_error", _leave_standby)
    return engine


def _begin(schema: str | None, limits: bool) -> str:
    """BEGIN with the settings of one transaction. A role or a database may have others."""
    settings = [
        "timezone = 'UTC'",
        "datestyle = 'ISO'",
        f"statement_timeout = '{STATEMENT_SECONDS if limits else 0}s'",
        f"lock_timeout = '{LOCK_SECONDS if limits else 0}s'",
        "idle_in_transaction_session_timeout = '60s'",
        f"random_page_cost = {PAGE_COST}",
    ]
    if schema is not None:
        settings.append(f'search_path = "{schema}"')
    # Each statement sees what was committed before it: the migration lock relies on that.
    return "; ".join(
        ["BEGIN ISOLATION LEVEL READ COMMITTED", *(f"SET LOCAL {each}" for each in settings)]
    )


def _run_begin(connection: Connection, begin: str) -> None:
    import psycopg

    driver: Any = connection.connection.driver_connection
    try:
        driver.execute(begin)
    except psycopg.Error as error:
        connection.invalidate(error)
        raise as_unavailable(error) from error


def connect_within(seconds: float) -> Callable[..., Any]:
    """A connect function whose connections wait at most `seconds` for an answer."""

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
    """Connect again after a failover: the pool may lead to a server that is now a standby."""
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True


def check_encoding(rows: Connection) -> None:
    """Raises SettingsError unless the database can store every character."""
    encoding = rows.scalar(text("SHOW server_encoding"))
    if encoding != ENCODING:
        name = rows.scalar(text("SELECT current_database()"))
        raise SettingsError(
            f"DATABASE_URL: the database {name} has the encoding {encoding}, which can't store"
            f" every name: use CREATE DATABASE ... TEMPLATE template0 ENCODING '{ENCODING}'"
        )


def check_schema(rows: Connection) -> None:
    """Raises NotConfigured unless this role may create tables where they belong.

    Since version 15 PostgreSQL gives that right in the schema public to a database's owner alone.
    """
    asked = "SELECT current_user, current_setting('search_path'), current_schema()"
    user, path, schema = rows.execute(text(asked)).one()
    if schema is None:
        raise NotConfigured(
            f"the database has no schema that the role {user} may use for the tables (its search"
            f" path is {path}): as its owner run GRANT USAGE, CREATE ON SCHEMA ... TO {_name(user)}"
        )
    allowed = text("SELECT has_schema_privilege(:schema, 'CREATE')")
    if not rows.scalar(allowed, {"schema": schema}):
        raise NotConfigured(
            f"the role {user} may not create tables in the schema {schema} of the database: as its"
            f" owner run GRANT USAGE, CREATE ON SCHEMA {_name(schema)} TO {_name(user)}"
        )


def _name(name: str) -> str:
    """The name, quoted where SQL needs it."""
    return name if name.isidentifier() and name == name.lower() else f'"{name}"'
