"""Repeats a call while the part it needs is unreachable, so that nothing paid for is lost."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from packshot.backoff import backoff
from packshot.errors import Unavailable

log = logging.getLogger("packshot.keep_trying")
T = TypeVar("T")

#: Must be less than hanging.LONGEST_PRODUCT_SECONDS.
LONGEST_SECONDS = 600.0
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 4.0
LOG_EVERY_SECONDS = 60.0


class KeepTrying:
    """`keep_trying(call)` repeats a call while a part is unreachable. The thread keeps its slot of
    the worker while it waits, so that nothing more is paid for in the meantime."""

    def __init__(
        self,
        longest: float = LONGEST_SECONDS,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`longest` is in seconds; 0 tries once."""
        self.longest, self.clock, self.sleep = longest, clock, sleep
        self._logged_at = float("-inf")

    def __call__(self, call: Callable[[], T]) -> T:
        """Repeat `call()` until it succeeds; raises its Unavailable after `longest` seconds.

        It must be safe to repeat: an answer may have been lost after the work was done.
        """
        ends, tries = self.clock() + self.longest, 0
        while True:
            try:
                return call()
            except Unavailable as error:
                tries += 1
                pause = backoff(tries, random.random, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
                if self.clock() + pause > ends:
                    raise
                self.log_waiting(error)
            self.sleep(pause)

    def log_waiting(self, error: Unavailable) -> None:
        """Log at most once a minute per process that something is waiting."""
        if self.clock() - self._logged_at >= LOG_EVERY_SECONDS:
            self._logged_at = self.clock()
            log.warning("waiting, nothing is lost: %s", error.message)
