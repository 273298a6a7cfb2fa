"""The slots of a worker: threads that each work on one product at a time."""

from __future__ import annotations

import math
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue

from packshot.background import start_thread
from packshot.queues.contract import Message
from packshot.work.claiming.claim import Claim


@dataclass(eq=False)
class ProductJob:
    """A claimed product, and the message that this process received for it."""

    message: Message
    claim: Claim
    thread: threading.Thread | None = None  # of the slot that works on it
    began: float = math.inf  # when its work began, by the worker's clock


class Slots:
    """`count` threads, and which of them are idle. `work` must not raise."""

    def __init__(self, count: int, work: Callable[[ProductJob], None]) -> None:
        self.count = count
        self.threads: list[threading.Thread] = []
        self.jobs: set[ProductJob] = set()  # started and not yet finished
        self.abandoned: set[threading.Thread] = set()  # hanging, and replaced by others
        self._work = work
        self._idle = threading.Semaphore(count)
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()

    def start(self) -> None:
        self.threads = [start_thread(f"slot-{n}", self._serve) for n in range(self.count)]

    def take_idle(self, timeout: float) -> int:
        """Take all idle slots, waiting for the first; the caller must use or release each."""
        if not self._idle.acquire(timeout=timeout):
            return 0
        taken = 1
        while taken < self.count and self._idle.acquire(blocking=False):
            taken += 1
        return taken

    def release(self, count: int) -> None:
        for _ in range(count):
            self._idle.release()

    def give(self, job: ProductJob) -> None:
        """Give this job to one of the taken slots."""
        with self._lock:
            self.jobs.add(job)
        self._tasks.put(partial(self._work_on, job))

    def do(self, task: Callable[[], None]) -> None:
        """Let the next free slot run this before its next product."""
        self._tasks.put(task)

    def current(self) -> list[ProductJob]:
        with self._lock:
            return list(self.jobs)

    def busy(self) -> list[int]:
        """The ids of the products in the slots."""
        return [job.claim.product_id for job in self.current()]

    def take_all(self) -> list[ProductJob]:
        """Take all jobs out of the slots."""
        with self._lock:
            jobs, self.jobs = list(self.jobs), set()
        return jobs

    def replace(self, job: ProductJob) -> str | None:
        """Free the slot of a job that hangs: another thread takes its place.

        Returns where the job hangs; None when it has just ended, or when as many threads hang as
        there are slots: a thread can't be ended, and keeps its memory.
        """
        with self._lock:
            thread = job.thread
            if job not in self.jobs or thread is None or len(self.abandoned) >= self.count:
                return None
            place = self.threads.index(thread)
            self.threads[place] = start_thread(f"slot-{place}", self._serve)
            self.abandoned.add(thread)
            self.jobs.discard(job)
            self._idle.release()
        return _stack(thread)

    def end(self) -> None:
        """End each thread after its product."""
        for _ in self.threads:
            self._tasks.put(None)

    def _serve(self) -> None:
        """Work on one product after the other, until the end or until another thread takes over."""
        me = threading.current_thread()
        while (task := self._tasks.get()) is not None:
            task()
            if me in self.abandoned:
                self.abandoned.discard(me)
                return

    def _work_on(self, job: ProductJob) -> None:
        job.thread = threading.current_thread()
        try:
            self._work(job)
        finally:
            with self._lock:
                self.jobs.discard(job)
                if job.thread not in self.abandoned:
                    self._idle.release()


def _stack(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)
    return "".join(traceback.format_stack(frame)) if frame else "it has just ended"
