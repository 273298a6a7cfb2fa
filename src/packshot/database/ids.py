"""Ids are never given twice: sequences are kept ahead of every id that was ever seen.

After a restored backup, or after rows were written with explicit ids, PostgreSQL's sequences are
behind their tables: the next insert conflicts, or a new product gets the id of a deleted one, and
with it that one's pictures and costs.
"""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

#: Tables that number their rows, and the other columns that hold their ids, even of deleted rows.
NUMBERED: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "products": (
        ("calls", "product_id"),
        ("deliveries", "product_id"),
        ("deletions", "product_id"),
    ),
    "product_images": (),
    "decisions": (),
    "corrections": (),
    "calls": (),
    "deliveries": (),
    "deletions": (),
    "batch_jobs": (("batch_items", "job_id"),),
}
#: SQLite's next id is above those of all rows; in these tables, also above deleted ones.
OF_SQLITE: Final = ("products", "product_images")
UNIQUE_VIOLATION: Final = "23505"  # PostgreSQL's


def tables_behind(rows: Connection, at_least: dict[str, int] | None = None) -> dict[str, int]:
    """Tables whose next id may have been used before, each with the highest known id.

    `at_least` has ids that are known from other sources.
    """
    found = {}
    for table in _numbered_tables(rows):
        highest = max(_highest(rows, table), (at_least or {}).get(table, 0))
        if _last_given(rows, table) < highest:
            found[table] = highest
    return found


def move_ahead(rows: Connection, highest: dict[str, int]) -> None:
    """Make each table's next id higher than the given one."""
    for table, last in highest.items():
        if rows.dialect.name == "sqlite":
            _move_sqlite(rows, table, last)
        else:
            sequence = _sequence(rows, table)
            rows.execute(text("SELECT setval(:name, :last)"), {"name": sequence, "last": last})


def last_given(rows: Connection) -> dict[str, int]:
    """The last id that each table gave, for `tables_behind` after its tables were created again."""
    return {table: _last_given(rows, table) for table in _numbered_tables(rows)}


def is_given_twice(error: IntegrityError) -> bool:
    """Whether a row was refused because it was given the id of another row."""
    diagnosis = getattr(error.orig, "diag", None)
    if diagnosis is None or diagnosis.sqlstate != UNIQUE_VIOLATION:
        return False
    table = diagnosis.table_name
    return table in NUMBERED and diagnosis.constraint_name in {f"pk_{table}", f"{table}_pkey"}


def _numbered_tables(rows: Connection) -> list[str]:
    """The tables that exist and number their rows."""
    if rows.dialect.name == "sqlite":
        if not _exists_in_sqlite(rows, "sqlite_sequence"):
            return []
        return [table for table in OF_SQLITE if _exists_in_sqlite(rows, table)]
    return [table for table in NUMBERED if _sequence(rows, table) is not None]


def _exists_in_sqlite(rows: Connection, table: str) -> bool:
    named = text("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = :name")
    return rows.scalar(named, {"name": table}) is not None


def _highest(rows: Connection, table: str) -> int:
    """The highest id of all rows and of all references to one."""
    places = [(table, "id"), *NUMBERED[table]]
    if rows.dialect.name == "sqlite":
        places = [place for place in places if _exists_in_sqlite(rows, place[0])]
    else:
        there = text("SELECT to_regclass(:name)")
        places = [place for place in places if rows.scalar(there, {"name": place[0]}) is not None]
    # Our own names. Each is indexed.
    maxima = [text(f"SELECT MAX({column}) FROM {other}") for other, column in places]  # noqa: S608
    return max(0, *(rows.scalar(each) or 0 for each in maxima))


def _last_given(rows: Connection, table: str) -> int:
    if rows.dialect.name == "sqlite":
        given = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        return rows.scalar(given, {"name": table}) or 0
    sequence = _sequence(rows, table)  # quoted by PostgreSQL where it must be
    last = text(f"SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM {sequence}")  # noqa: S608
    return rows.scalar(last) or 0


def _sequence(rows: Connection, table: str) -> str | None:
    """PostgreSQL's name of the sequence that numbers a table; None when there is none.

    It is the one in the column's default, which may be written by hand, or an identity column's
    own.
    """
    columns = text(
        "SELECT CASE WHEN to_regclass(:name) IS NULL THEN NULL"
        " ELSE pg_get_serial_sequence(:name, 'id') END,"
        " (SELECT column_default FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND table_name = :name AND column_name = 'id')"
    )
    owned, default = rows.execute(columns, {"name": table}).one()
    named = re.match(r"nextval\('(.+)'::regclass\)", default or "")
    sequence: str | None = named[1] if named else owned
    return sequence


def _move_sqlite(rows: Connection, table: str, last: int) -> None:
    given = {"name": table, "last": last}
    moved = text("UPDATE sqlite_sequence SET seq = :last WHERE name = :name")
    if rows.execute(moved, given).rowcount == 0:
        rows.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), given)
