"""A test has its own database, with the same statements as every other test's."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.util import LRUCache

#: More than all tests of a process send.
STATEMENTS = 3000


def compile_each_statement_once() -> None:
    """SQLAlchemy compiles every statement again for each engine: a fifth of a worker test's time.
    Engines with equal dialects send the same SQL."""
    compile_statement: Callable[..., Any] = ClauseElement._compile_w_cache
    compiled: LRUCache[Any, Any] = LRUCache(STATEMENTS)
    equal: dict[Hashable, DefaultDialect] = {}

    def remember(
        statement: ClauseElement, dialect: DefaultDialect, *, compiled_cache: Any, **more: Any
    ) -> Any:
        if compiled_cache is not None:
            kind = (type(dialect), dialect.server_version_info, dialect.paramstyle)
            dialect, compiled_cache = equal.setdefault(kind, dialect), compiled
        return compile_statement(statement, dialect, compiled_cache=compiled_cache, **more)

    ClauseElement._compile_w_cache = remember  # type: ignore[method-assign, assignment]
