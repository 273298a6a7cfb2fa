"""Caches slow answers for a multiple of the time they took."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from cachetools import TLRUCache

T = TypeVar("T")

#: An answer that took less (seconds) is not cached.
QUICK: Final = 0.25
#: A slower answer is cached for this multiple of its time, so it costs at most 5 % of a core.
TIMES: Final = 20.0


@dataclass(frozen=True)
class _Answer:
    value: object
    took: float


class SlowAnswers:
    """A cache of the last `kept` answers used; computes one answer at a time."""

    def __init__(self, kept: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._cache: TLRUCache[Hashable, _Answer] = TLRUCache(kept, ttu=_until, timer=clock)

    def answer(self, key: Hashable, ask: Callable[[], T]) -> T:
        """The result of `ask`, computed now or cached. Raises what `ask` raises."""
        with self._lock:
            known = self._cache.get(key)
            if known is None:
                began = self._clock()
                value = ask()
                known = self._cache[key] = _Answer(value, self._clock() - began)
        return cast("T", known.value)


def _until(_key: Any, answer: _Answer, now: float) -> float:
    return now + TIMES * answer.took if answer.took >= QUICK else now
