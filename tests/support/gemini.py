"""Parts around the Gemini enhancer: a ledger in memory, pixels without a child process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from packshot.enhancers.contract import Brief, CallRecord


@dataclass
class Row:
    kind: str
    model: str
    variant: int | None
    record: CallRecord
    complete: bool = False


class MemoryLedger:
    """The calls table as a list."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    @contextmanager
    def call(
        self, kind: str, model: str, brief: Brief, variant: int | None, expected: Decimal | None
    ) -> Iterator[CallRecord]:
        row = Row(kind, model, variant, CallRecord(cost=expected))
        self.rows.append(row)
        try:
            yield row.record
        finally:
            row.complete = True

    @property
    def outcomes(self) -> list[str]:
        return [row.record.outcome for row in self.rows]


def here(function: Callable[..., object], *args: object) -> object:
    """RunPixels without a child process."""
    return function(*args)
