"""Creates and upgrades the tables, changes them back for an older program, and checks them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.engine import URL

from packshot import __version__
from packshot.database import ids, locks
from packshot.database.engine import Database
from packshot.database.failures import translate_errors
from packshot.database.open_file import missing_file
from packshot.database.postgresql import check_encoding, check_schema, postgresql_engine
from packshot.database.sqlite import sqlite_engine
from packshot.database.urls import read_url
from packshot.errors import NotConfigured, SettingsError

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
#: With less room on SQLite's disk a change may fail; reading goes on.
MIN_FREE_BYTES: Final = 20_000_000


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


def problem_with_tables(
    database: Database,
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> str | None:
    """Why this program can't work with the tables, in the words of the start; None when it can."""
    if database.is_sqlite:
        folder = Path(database.url.database or "").absolute().parent
        if folder.is_dir() and (free := free_bytes(folder)) < MIN_FREE_BYTES:
            return (
                f"the disk of SQLite's file, in {folder}, has only {free / 1e6:.1f} MB left: make"
                " room, nothing is lost"
            )
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
