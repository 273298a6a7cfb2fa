"""How long to wait before the next attempt: the one formula behind every pause."""

from __future__ import annotations

from collections.abc import Callable

Chance = Callable[[], float]  # as random.random: at least 0, less than 1


def backoff(tries: int, chance: Chance, *, first: float = 1.0, longest: float = 60.0) -> float:
    """Seconds to wait after `tries` failures in a row (1, 2, ...).

    `first` after one, doubled after each further one, at most `longest`; with jitter.
    """
    return add_jitter(min(longest, first * 2.0 ** min(tries - 1, 30)), chance)


def no_jitter() -> float:
    """For `chance`, where nobody else waits or jitter is added later."""
    return 0.0


def add_jitter(seconds: float, chance: Chance) -> float:
    """`seconds` plus up to a quarter, so that not all who wait return at the same moment."""
    return seconds * (1 + 0.25 * chance())
