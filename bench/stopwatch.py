"""Work that only sleeps, and a stopwatch for all items of a run."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Ran:
    """`doubled`: items that were worked on more than once."""

    items_per_second: float
    doubled: int


class Work:
    """Works on an item by sleeping; the clock runs from the first item's start to the end of the
    last one."""

    def __init__(self, items: int, sleep: float, slots: int) -> None:
        self.items, self.sleep, self.slots = items, sleep, slots
        self.done: Counter[int] = Counter()
        self._started = self._ended = 0.0
        self._lock = threading.Lock()
        self._all = threading.Event()

    def __call__(self, item: int) -> None:
        with self._lock:
            self._started = self._started or time.monotonic()
        time.sleep(self.sleep)
        with self._lock:
            self.done[item] += 1
            if len(self.done) == self.items and not self._all.is_set():
                self._ended = time.monotonic()
                self._all.set()

    def report_and_exit(self) -> None:
        """Wait for the last item, print, and end this process."""
        if not self._all.wait(300):
            print(f'"only {len(self.done)} of {self.items} items in 300 s"', flush=True)
            os._exit(1)
        doubled = sum(count > 1 for count in self.done.values())
        ran = Ran(self.items / (self._ended - self._started), doubled)
        print(json.dumps(asdict(ran)), flush=True)
        os._exit(0)

    def watch(self) -> None:
        threading.Thread(target=self.report_and_exit, daemon=True).start()
