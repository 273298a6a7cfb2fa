"""Readable messages for the database's errors, each saying only what is known."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from packshot.errors import NotConfigured, Unavailable

#: PostgreSQL's insufficient_privilege.
DENIED: Final = "42501"
#: PostgreSQL's undefined_table, as while a backup is being restored or the search path is another.
NO_TABLE: Final = "42P01"
#: What a person can do about an error, by PostgreSQL's code
#: (https://www.postgresql.org/docs/current/errcodes-appendix.html).
ADVICE: Final = {
    NO_TABLE: "if no backup is being restored, check DATABASE_URL and its role's search path",
    "25006": "a standby accepts no changes: check DATABASE_URL if this persists",
    "53100": "make room on the database server's disk",
}
#: The same, by words, for errors without a useful code: libpq gives none for a failed connection.
ADVICE_BY_WORDS: Final = (
    (
        r"too many (clients|connections)|connection slots are reserved|no more connections allowed",
        "raise max_connections there (in PgBouncer max_client_conn), or run fewer processes",
    ),
    (
        "query_wait_timeout",
        "PgBouncer has too few connections to the database: set its pool_mode to transaction, or"
        " raise default_pool_size",
    ),
    ("statement pooling", "set PgBouncer's pool_mode to transaction"),
    ("disk is full", "make room on the disk of SQLite's file"),
    (
        "readonly database|unable to open database",
        "check that this user may write to SQLite's file and its folder",
    ),
)
#: Characters of the server's words in a message: host names of a cloud take a hundred of them.
LONGEST_QUOTE: Final = 400


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn SQLAlchemy's operational errors into Unavailable: wait and try again.

    A missing right and a damaged file become NotConfigured.
    """
    try:
        yield
    except PoolTimeout as error:
        raise Unavailable(
            "the database: all connections of this process were in use for too long"
        ) from error
    except DBAPIError as error:
        no_bug = isinstance(error, OperationalError) or error.connection_invalidated
        known = _sqlstate(error) in {DENIED, NO_TABLE} or _is_damaged(error)
        if not (no_bug or known):
            raise
        raise as_unavailable(error) from error


def as_unavailable(error: Exception) -> Unavailable:
    """A driver's error, or SQLAlchemy's around it, as Unavailable or NotConfigured."""
    said, code = _first_line(error), _sqlstate(error)
    if _is_damaged(error):
        return NotConfigured(
            f"DATABASE_URL: the file is damaged, or is no SQLite database ({said}): stop Packshot"
            " and restore a backup of it"
        )
    advice = _advice(said, code)
    is_sqlite = isinstance(getattr(error, "orig", None), sqlite3.Error)
    # Without a statement PostgreSQL's driver failed to connect; SQLite's also fails to commit.
    if isinstance(error, DBAPIError) and error.statement is None and not (code or is_sqlite):
        return Unavailable(
            f"no connection to the database: {said}; {advice or 'check DATABASE_URL'}"
        )
    if code == DENIED:
        return NotConfigured(
            f"the database refuses the role of DATABASE_URL: {said}; as the owner of its tables"
            " GRANT it the right, or make it their owner"
        )
    if code is not None or is_sqlite:
        return Unavailable(f"the database answered: {said}{advice and '; '}{advice}")
    return Unavailable(f"the database does not answer: {said}")


def _advice(said: str, code: str | None) -> str:
    """What a person can do; empty when nothing is known."""
    by_words = (advice for words, advice in ADVICE_BY_WORDS if re.search(words, said))
    return next(by_words, ADVICE.get(code or "", ""))


def _sqlstate(error: Exception) -> str | None:
    """PostgreSQL's code; None when it did not answer, and for SQLite."""
    code: str | None = getattr(getattr(error, "orig", error), "sqlstate", None)
    return code


def _is_damaged(error: Exception) -> bool:
    """Whether SQLite can't read its file, as after half a copy."""
    name = getattr(getattr(error, "orig", error), "sqlite_errorname", "")
    return name == "SQLITE_NOTADB" or name.startswith("SQLITE_CORRUPT")


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    said = str(cause).strip()
    return said.splitlines()[0][:LONGEST_QUOTE] if said else type(cause).__name__
