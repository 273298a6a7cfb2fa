"""Drains a worker: running products may finish, the others are given back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from packshot.errors import PackshotError
from packshot.work.checking.remaking import Remaker
from packshot.work.retries import Retries
from packshot.work.slots import Slots

log = logging.getLogger("packshot.worker")

#: Seconds at the end of the grace time for giving products back to the queue.
GIVE_BACK_SECONDS: Final = 2.0


class Drain:
    """Begins when `stopping` is set, and is over within `grace` seconds."""

    def __init__(
        self,
        slots: Slots,
        retries: Retries,
        stopping: threading.Event,
        grace: float,
        clock: Callable[[], float],
        remaker: Remaker | None = None,
    ) -> None:
        self.slots, self.retries, self.remaker = slots, retries, remaker
        self.stopping, self.grace, self.clock = stopping, grace, clock
        self.finished = threading.Event()
        self.began_at: float | None = None
        self.left_behind = 0  # products that had to be given back

    def begin(self) -> None:
        """Safe to call from a signal handler, and more than once."""
        if self.began_at is not None:
            return  # a second signal during the first one's `set` would deadlock
        self.began_at = self.clock()
        self.stopping.set()

    def seconds_left(self) -> float:
        """The seconds until everything must have ended."""
        began = self.clock() if self.began_at is None else self.began_at
        return max(0.0, began + self.grace - self.clock())

    def run(self, receiver: threading.Thread) -> None:
        """Wait for the signal, then for running products.

        Has its own thread, because a server may call `Worker.stop` long after the signal.
        """
        self.stopping.wait()
        while self.seconds_left() > GIVE_BACK_SECONDS and (self._is_busy() or receiver.is_alive()):
            time.sleep(0.02)
        self._give_back_all()
        self.finished.set()

    def _is_busy(self) -> bool:
        return bool(self.slots.jobs) or (self.remaker is not None and self.remaker.is_busy)

    def _give_back_all(self) -> None:
        jobs = self.slots.take_all()
        try:
            self.retries.give_back_all(jobs)
        except PackshotError as error:
            log.warning("%d products come back when their leases end: %s", len(jobs), error)
        except BaseException:
            log.exception("%d products come back when their leases end", len(jobs))
        self.left_behind = len(jobs)
