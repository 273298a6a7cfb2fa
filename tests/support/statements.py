"""A test has its own database, with the same statements as every other test's."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.default import DefaultDialect

Key = tuple[Any, ...]  # SQLAlchemy's: the engine's dialect, then what makes the statement


class SharedStatements(dict[Hashable, Any]):
    """Compiled statements: engines with equal dialects send the same SQL."""

    def get(self, key: Key, default: Any = None) -> Any:  # type: ignore[override]
        return super().get(_without_engine(*key), default)

    def __setitem__(self, key: Key, compiled: Any) -> None:  # type: ignore[override]
        super().__setitem__(_without_engine(*key), compiled)


def _without_engine(dialect: DefaultDialect, *statement: Hashable) -> Hashable:
    return type(dialect), dialect.server_version_info, dialect.paramstyle, statement


def compile_each_statement_once() -> None:
    """SQLAlchemy compiles every statement again for each engine: an eighth of the tests' CPU."""
    statements = SharedStatements()

    def share(connection: Connection) -> None:
        connection.execution_options(compiled_cache=statements)

    event.listen(Engine, "engine_connect", share)
