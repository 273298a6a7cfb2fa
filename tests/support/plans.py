"""How the database answers a query: by which index, or by reading all rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from packshot.database.engine import Database


@contextmanager
def plans(database: Database, words: str) -> Iterator[list[str]]:
    """The plans of the statements with these words that are executed inside the block.

    PostgreSQL runs a statement for its plan, and says how many rows it read and threw away.
    """
    found: list[str] = []
    how = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN (ANALYZE) "

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if words in statement:
            raw = connection.connection.cursor()
            raw.execute(how + statement, parameters)
            found.append("\n".join(" ".join(map(str, row)) for row in raw.fetchall()))

    event.listen(database.engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(database.engine, "before_cursor_execute", explain)
