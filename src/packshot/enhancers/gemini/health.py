"""What the last calls taught about Gemini: said once in the log, and in /readyz while it holds."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from packshot.enhancers.contract import Health
from packshot.errors import Unavailable

ENOUGH = 3  # failures of one call, each after a success of others: now it counts as its own fault
REMEMBERED = 1000
FRESH_SECONDS = 60.0  # what was learnt longer ago is looked at again, where that is free
MARGIN_SECONDS = 120.0  # a problem is over when nobody met it again for so long after its pause
# What the free question after a model can tell to be mended; of the rest (a quota, billing, the
# budget, overload) it knows nothing.
CHECKED = frozenset({"gemini_unreachable", "bad_key", "unknown_model", "gemini_redirect"})

log = logging.getLogger("packshot.gemini")


class Standing:
    """The present problem, if any, and notes that stay. Safe to use from many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._problem: Unavailable | None = None
        self._until = float("-inf")  # an idle process meets no success that would end a problem
        self._met = self._learnt = float("-inf")
        self._notes: list[str] = []
        self._lock = threading.Lock()

    def trouble(self, error: Unavailable) -> None:
        """Remember it beyond its pause; log it when it is another one than before."""
        with self._lock:
            present = self._present()
            self._problem, self._met = error, self._clock()
            self._learnt = self._met
            self._until = self._met + (error.retry_after or 0.0) + MARGIN_SECONDS
        if present is None or present.code != error.code:
            log.warning("%s", error.message)

    def fine(self, began: float) -> None:
        """A call that began then succeeded: what was wrong before is mended."""
        self._learn(lambda problem: began >= self._met)

    def checked(self) -> None:
        """Key, models and connection are good."""
        self._learn(lambda problem: problem.code in CHECKED)

    def _learn(self, is_mended: Callable[[Unavailable], bool]) -> None:
        with self._lock:
            self._learnt = self._clock()
            mended = self._problem is not None and is_mended(self._problem)
            if mended:
                self._problem = None
        if mended:
            log.info("Gemini answers again.")

    def is_stale(self) -> bool:
        """True when it is time to look again: to one who asks, once in FRESH_SECONDS."""
        with self._lock:
            stale = self._clock() - self._learnt >= FRESH_SECONDS
            if stale:
                self._learnt = self._clock()
            return stale

    def _present(self) -> Unavailable | None:
        return self._problem if self._clock() < self._until else None

    def note(self, sentence: str) -> None:
        """Something to know that stops nothing; said once."""
        with self._lock:
            if sentence in self._notes:
                return
            self._notes.append(sentence)
        log.warning("%s", sentence)

    def health(self) -> Health:
        """Can Gemini be used, as far as the last calls say?"""
        with self._lock:
            present = self._present()
            problem = present.message if present else None
            return Health(ok=problem is None, problem=problem, notes=tuple(self._notes))


class Suspects:
    """Finds the call that fails again and again while others succeed.

    An outage is nobody's fault and gives attempts back; without this, a photo on which Gemini
    always times out would be paid for again and again.
    """

    def __init__(self) -> None:
        self._successes = 0
        self._seen: OrderedDict[str, tuple[int, int]] = OrderedDict()  # failures, successes then
        self._lock = threading.Lock()

    def struck(self, call: str) -> bool:
        """It failed. True when it failed often enough while others went well."""
        with self._lock:
            failures, successes = self._seen.pop(call, (0, -1))
            if successes != self._successes:
                failures += 1
            self._seen[call] = failures, self._successes
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
            return failures >= ENOUGH

    def cleared(self, call: str) -> None:
        """It went well."""
        with self._lock:
            self._successes += 1
            self._seen.pop(call, None)
