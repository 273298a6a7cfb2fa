"""What the last calls taught about Gemini: said once in the log, and in /readyz while it holds."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence

from packshot.enhancers import Health
from packshot.errors import Unavailable

ENOUGH = 3  # failures of one call, each after a success of others: now it counts as its own fault
REMEMBERED = 1000

log = logging.getLogger("packshot.gemini")


class Standing:
    """The present problem, if any, and notes that stay. Safe to use from many threads."""

    def __init__(self, notes: Sequence[str] = ()) -> None:
        self._problem: Unavailable | None = None
        self._notes = list(notes)
        self._lock = threading.Lock()

    def trouble(self, error: Unavailable) -> None:
        """Remember it; log it when it is another one than before."""
        with self._lock:
            known = self._problem is not None and self._problem.code == error.code
            self._problem = error
        if not known:
            log.warning("%s", error.message)

    def fine(self) -> None:
        """A call succeeded: what was wrong is mended."""
        with self._lock:
            mended, self._problem = self._problem, None
        if mended is not None:
            log.info("Gemini answers again.")

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
            problem = self._problem.message if self._problem else None
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
