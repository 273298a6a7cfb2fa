"""Splits what is sent into parts that each fit into one request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from packshot.client import BULK_BYTES

Sent = TypeVar("Sent")


def split(
    items: Sequence[Sent], most: int, size_of: Callable[[Sent], int]
) -> Iterator[Sequence[Sent]]:
    """Parts of at most `most` items, and of BULK_BYTES in all."""
    part: list[Sent] = []
    size = 0
    for item in items:
        needed = size_of(item)
        if part and (len(part) == most or size + needed > BULK_BYTES):
            yield part
            part, size = [], 0
        part.append(item)
        size += needed
    if part:
        yield part
