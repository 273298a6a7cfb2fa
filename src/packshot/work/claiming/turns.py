"""Takes turns between API keys, and between a key's redos and its other products."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from packshot.work.claiming.claim import Claim
from packshot.work.claiming.waiting import KeyName


class Turns:
    """Orders keys: the one whose products used this process's slots least comes first.

    Of one key, every other product is a redo while any waits: somebody waits for it, but no
    number of redos keeps first rounds from being made. A replaced photo's first round is no redo:
    an upload may replace hundreds.

    One key alone may use all slots. A key without waiting products saves up no turns: when it
    returns, it starts level with the key that was served last.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used: dict[KeyName, float] = {}  # slot seconds of products that have ended
        self._running: dict[str, tuple[KeyName, float]] = {}  # token -> key, and when it began
        self._least = 0.0  # seconds used by the key that was served last
        self._had_redo: set[KeyName] = set()  # keys whose last product was a redo
        self._lock = threading.Lock()

    def order(self, waiting: Mapping[KeyName, bool]) -> list[tuple[KeyName, bool]]:
        """These keys, the next one first; each with whether it has a redo that comes first."""
        with self._lock:
            keys = sorted(waiting, key=self._seconds)
            return [(key, waiting[key] and key not in self._had_redo) for key in keys]

    def begin(self, claim: Claim) -> None:
        with self._lock:
            key = claim.submitted_by
            self._least = max(self._least, self._seconds(key))
            self._used[key] = max(self._least, self._used.get(key, 0.0))
            self._running[claim.token] = (key, self._clock())
            is_redo = claim.round > claim.photo_since
            (self._had_redo.add if is_redo else self._had_redo.discard)(key)

    def end(self, claim: Claim) -> None:
        """Count the time of a product that ended. May be called twice."""
        with self._lock:
            key, began = self._running.pop(claim.token, (claim.submitted_by, self._clock()))
            self._used[key] = self._used.get(key, 0.0) + self._clock() - began

    def _seconds(self, key: KeyName) -> float:
        """The seconds used so far, plus one for each running product, so that it counts at once."""
        running = [began for of_key, began in self._running.values() if of_key == key]
        at_work = sum(1.0 + self._clock() - began for began in running)
        return max(self._least, self._used.get(key, 0.0)) + at_work
