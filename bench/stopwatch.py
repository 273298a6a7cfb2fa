"""Work that only sleeps, and a stopwatch for all items of a run."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

REGION = "us-east-1"


@dataclass(frozen=True)
class Ran:
    """`doubled`: items that were worked on more than once; `saved`: items whose end was saved."""

    seconds: float
    cpu_ms_each: float
    items_per_second: float
    doubled: int
    saved: int
    pace: float  # items per second between the first tenth and the last tenth


class Work:
    """Works on an item by sleeping, and measures all items."""

    def __init__(self, items: int, sleep: float, slots: int) -> None:
        self.items, self.sleep, self.slots = items, sleep, slots
        self.done: Counter[int] = Counter()
        self.moments: list[float] = []
        self.saved = 0
        self._lock = threading.Lock()
        self._all = threading.Event()

    def __call__(self, item: int) -> None:
        with self._lock:
            if not self.moments:
                self.started, self.cpu = time.monotonic(), time.process_time()
                self.moments.append(self.started)
        if self.sleep:
            time.sleep(self.sleep)
        with self._lock:
            self.done[item] += 1
            self.moments.append(time.monotonic())
            if len(self.done) == self.items and not self._all.is_set():
                self.ended, self.cpu_ended = time.monotonic(), time.process_time()
                self._all.set()

    def report_and_exit(self, saved: Callable[[], int]) -> None:
        """Wait for the last item, wait until its end is saved, print, and end this process."""
        if not self._all.wait(300):
            print(f'"only {len(self.done)} of {self.items} items in 300 s"', flush=True)
            os._exit(1)
        deadline = time.monotonic() + 10
        while saved() < self.items and time.monotonic() < deadline:
            time.sleep(0.05)
        seconds = self.ended - self.started
        tenth = max(1, self.items // 10)
        ran = Ran(
            seconds=seconds,
            cpu_ms_each=1000 * (self.cpu_ended - self.cpu) / self.items,
            items_per_second=self.items / seconds,
            doubled=sum(count > 1 for count in self.done.values()),
            saved=saved(),
            pace=(self.items - 2 * tenth) / (self.moments[-tenth] - self.moments[tenth]),
        )
        print(json.dumps(asdict(ran)), flush=True)
        os._exit(0)

    def watch(self, saved: Callable[[], int]) -> None:
        threading.Thread(target=self.report_and_exit, args=(saved,), daemon=True).start()


def left_in(sqs: Any, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(value) for value in found.values())
