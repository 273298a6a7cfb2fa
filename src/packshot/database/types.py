"""Column types that behave the same on both databases, and the one clock."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import DateTime, Float, Numeric, literal
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


class UTCDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes in Python; SQLite keeps them naive, PostgreSQL with their zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Money(TypeDecorator[Decimal]):
    """NUMERIC, as exact Decimals in Python.

    SQLite keeps such a number as a double, which holds 15 digits: our 12 survive the rounding.
    """

    impl = Numeric
    cache_ok = True

    def __init__(self, precision: int = 12, scale: int = 2) -> None:
        super().__init__(precision, scale)
        self.precision, self.scale = precision, scale
        self.unit = Decimal(1).scaleb(-scale)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Numeric(self.precision, self.scale, asdecimal=False))
        return dialect.type_descriptor(Numeric(self.precision, self.scale))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        return float(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(str(value)).quantize(self.unit)


class now(FunctionElement[datetime]):  # noqa: N801  (reads as SQL in a query)
    """The database's clock, plus some seconds: the one clock all processes share.

    A worker's own clock may be an hour off without moving a single lease.
    """

    inherit_cache = True
    type = UTCDateTime()

    def __init__(self, plus: float = 0.0) -> None:
        # The seconds are a parameter, so that SQLAlchemy compiles each statement only once.
        super().__init__(*([literal(float(plus), Float())] if plus else []))


@compiles(now, "postgresql")
def _now_postgresql(element: now, compiler: SQLCompiler, **how: Any) -> str:
    # Not clock_timestamp(): it may differ from row to row, so no index could be used with it.
    plus = compiler.process(element.clauses, **how)
    moment = "statement_timestamp()"
    return f"({moment} + make_interval(secs => {plus}))" if plus else moment


@compiles(now, "sqlite")
def _now_sqlite(element: now, compiler: SQLCompiler, **how: Any) -> str:
    # Exactly the text that SQLAlchemy stores for a datetime, so that the two compare as strings.
    plus = compiler.process(element.clauses, **how)
    later = f", {plus} || ' seconds'" if plus else ""
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now'{later}) || '000')"
