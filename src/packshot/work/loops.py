"""Background loops: each repeats its work, whatever errors occur."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from packshot.background import start_thread
from packshot.backoff import Chance, add_jitter
from packshot.errors import Unavailable
from packshot.work.outages import LONGEST_PAUSE, Outage

log = logging.getLogger("packshot.worker")


class Loops:
    """The background loops of one worker; all pause while queue or database are unreachable."""

    def __init__(self, outage: Outage, clock: Callable[[], float], chance: Chance) -> None:
        self.outage, self.clock, self.chance = outage, clock, chance
        self.threads: dict[str, threading.Thread] = {}
        self.run_began: dict[str, float] = {}

    def begin(
        self, name: str, work: Callable[[], object], every: float, over: threading.Event
    ) -> None:
        """Run `work` every `every` seconds (0: without a pause) until `over` is set."""
        self.run_began[name] = self.clock()
        self.threads[name] = start_thread(name, lambda: self._run(name, work, every, over))

    def stuck(self, name: str, longest: float) -> str | None:
        """A sentence when a run and its pause take longer than `longest` seconds, else None."""
        seconds = self.clock() - self.run_began.get(name, self.clock())
        if seconds <= longest:
            return None
        return f"the worker's {name} has been stuck for {seconds:.0f} s: restart"

    def _run(
        self, name: str, work: Callable[[], object], every: float, over: threading.Event
    ) -> None:
        while not over.is_set():
            self.run_began[name] = self.clock()
            if pause := self._run_once(name, work, every):
                over.wait(add_jitter(pause, self.chance))

    def _run_once(self, name: str, work: Callable[[], object], every: float) -> float:
        """Do the work once; return the seconds until the next run."""
        try:
            work()
        except Unavailable as error:
            self.outage.begin(error)
            return min(self.outage.pause_seconds(), every or LONGEST_PAUSE)
        # BaseException on purpose: a library's sys.exit() would end this thread silently.
        except BaseException:
            log.exception("unexpected error in the %s; it continues", name)
            return max(1.0, every)
        return every
