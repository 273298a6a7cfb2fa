"""Only so many processes of a machine work at the same time, and none makes others wait forever."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from packshot.pictures.child_processes import Pixels
from packshot.pictures.machine_limit import MachineLimit


def work(seconds: float) -> tuple[float, float]:
    """In a child: when it began and ended."""
    began = time.monotonic()
    time.sleep(seconds)
    return began, time.monotonic()


def test_children_of_two_processes_work_one_after_the_other(tmp_path: Path) -> None:
    def pool() -> Pixels:
        return Pixels(machine_limit=MachineLimit("pixels", 1, tmp_path), limit_seconds=60)

    with closing(pool()) as ours, closing(pool()) as theirs, ThreadPoolExecutor(2) as threads:
        jobs = [threads.submit(pixels.run, work, 0.3) for pixels in (ours, theirs)]
        first, second = sorted(job.result() for job in jobs)
    assert second[0] >= first[1]


def test_work_begins_anyway_when_another_process_never_ends(tmp_path: Path) -> None:
    """A picture may hang for a minute: the others must not wait for it."""
    ours, theirs = (MachineLimit("pixels", 1, tmp_path) for _ in range(2))
    with theirs.wait(0):
        began = time.monotonic()
        with ours.wait(0.2):
            assert 0.2 <= time.monotonic() - began < 5


def test_a_job_that_somebody_waits_for_begins_sooner(tmp_path: Path) -> None:
    limit = MachineLimit("pixels", 1, tmp_path)
    pixels = Pixels(machine_limit=limit, limit_seconds=3600)
    with closing(pixels), MachineLimit("pixels", 1, tmp_path).wait(0):
        pixels.run(work, 0, wait=60)  # without a `wait` it would take an hour


def test_work_begins_as_soon_as_another_process_ends(tmp_path: Path) -> None:
    ours, theirs = (MachineLimit("pixels", 1, tmp_path) for _ in range(2))
    is_taken, may_leave = threading.Event(), threading.Event()

    def occupy() -> None:
        with theirs.wait(0):
            is_taken.set()
            may_leave.wait()

    thread = threading.Thread(target=occupy)
    thread.start()
    is_taken.wait()
    threading.Timer(0.1, may_leave.set).start()
    began = time.monotonic()
    with ours.wait(60):
        assert time.monotonic() - began < 30
        assert not theirs.acquire()
    thread.join()
    assert theirs.acquire()
    theirs.release()
