"""Measures CPU and memory (PSS) of gunicorn's processes and their children.

A page that several processes share counts for each in part (PSS).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import psutil


class Watch:
    """CPU seconds and peak memory (MB) of a gunicorn from now on. It looks only `every` so many
    seconds, because that takes CPU itself.

    `with_master` includes gunicorn's master process, which only supervises.
    """

    def __init__(self, pid: int, *, with_master: bool = False, every: float = 0.05) -> None:
        self._master, self._with_master = psutil.Process(pid), with_master
        self._every = every
        self.peak = 0.0
        self._before = self._cpu()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Stop; returns the peak of memory so far."""
        time.sleep(0.2)
        self._stopped.set()
        self._thread.join()
        return self.peak

    def cpu(self) -> float:
        """Seconds since the start, those of children that have ended included."""
        return self._cpu() - self._before

    def _cpu(self) -> float:
        return self._sum(lambda process: sum(process.cpu_times()[:4]))  # with ended children

    def _memory(self) -> float:
        return self._sum(lambda process: process.memory_full_info().pss) / 1e6

    def _sum(self, value: Callable[[psutil.Process], float]) -> float:
        total = 0.0
        first = [self._master] if self._with_master else []
        for process in [*first, *self._master.children(recursive=True)]:
            try:
                total += value(process)
            except psutil.NoSuchProcess:
                continue
        return total

    def _look(self) -> None:
        while not self._stopped.wait(self._every):
            self.peak = max(self.peak, self._memory())
