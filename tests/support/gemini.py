"""Parts around the Gemini enhancer: a ledger in memory, pixels without a child process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from packshot.enhancers.contract import CallRecord, Purchase


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
    def call(self, purchase: Purchase) -> Iterator[CallRecord]:
        record = CallRecord(cost=purchase.expected, lane=purchase.lane)
        row = Row(purchase.kind, purchase.model, purchase.variant, record)
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
