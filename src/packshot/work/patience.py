"""Keeps in hand what was paid for, while the part that should keep it is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from packshot.errors import Unavailable

log = logging.getLogger("packshot.patience")
T = TypeVar("T")

#: Shorter than a worker holds on to a product that seems to hang (worker.LONGEST_PRODUCT_SECONDS).
LONGEST_SECONDS = 600.0
SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 4.0
TELL_EVERY_SECONDS = 60.0


class Patience:
    """Saves again and again: a picture thrown away because a disk is full was paid for nothing.

    Who waits here holds a slot of the worker, so nothing more is bought in the meantime.
    """

    def __init__(
        self,
        longest: float = LONGEST_SECONDS,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`longest` is in seconds; 0 tries once."""
        self.longest, self.clock, self.sleep = longest, clock, sleep
        self._told = float("-inf")

    def keep(self, save: Callable[[], T]) -> T:
        """`save()`, tried until it goes well; raises its Unavailable after `longest` seconds.

        It must be safe to repeat: an answer may have been lost after the work was done.
        """
        ends, pause = self.clock() + self.longest, SHORTEST_PAUSE
        while True:
            try:
                return save()
            except Unavailable as error:
                if self.clock() + pause > ends:
                    raise
                self.tell(error)
            self.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    def tell(self, error: Unavailable) -> None:
        """One line a minute for all of this process that waits, with what is paid or for work."""
        if self.clock() - self._told >= TELL_EVERY_SECONDS:
            self._told = self.clock()
            log.warning("waiting, nothing is lost: %s", error.message)
