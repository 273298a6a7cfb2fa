"""Calls that share a run: each is done once, by a run that began after it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from packshot.together import Together


def test_each_caller_gets_its_own_answer_and_runs_are_shared() -> None:
    runs: list[int] = []
    inside = threading.Lock()

    def square(items: Sequence[int]) -> list[int]:
        assert inside.acquire(blocking=False), "two runs at a time"
        runs.append(len(items))
        time.sleep(0.002)
        inside.release()
        return [item * item for item in items]

    together = Together(square)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(together, range(400)))
    assert answers == [number * number for number in range(400)]
    assert sum(runs) == 400
    assert len(runs) < 200


def test_one_alone_waits_for_nobody() -> None:
    together = Together[int, int](lambda items: [len(items)])
    assert [together(number) for number in range(3)] == [1, 1, 1]


def test_a_run_that_fails_is_told_to_its_callers_and_the_next_one_works() -> None:
    faults = iter([True, False])

    def run(items: Sequence[str]) -> list[str]:
        if next(faults):
            raise OSError("the disk is full")
        return list(items)

    together = Together(run)
    with pytest.raises(OSError, match="full"):
        together("a")
    assert together("b") == "b"


def test_runs_that_come_close_together_wait_for_more_and_the_first_for_nobody() -> None:
    sizes: list[int] = []

    def note(items: Sequence[int]) -> Sequence[int]:
        sizes.append(len(items))
        return items

    together = Together(note, gather=0.2)
    began = time.monotonic()
    together(0)
    assert time.monotonic() - began < 0.15
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(together, range(8)))
    assert sizes == [1, 8]
