"""Calls that share a run: each returns after a run that began after it."""

from __future__ import annotations

import ctypes
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from servers.ports import wait_until as until

from packshot.database.sqlite import SharedRun


def test_each_call_returns_after_a_run_that_began_after_it_and_runs_are_shared() -> None:
    runs: list[float] = []  # when each began
    inside = threading.Lock()

    def work() -> None:
        assert inside.acquire(blocking=False), "two runs at a time"
        runs.append(time.monotonic())
        time.sleep(0.002)
        inside.release()

    shared = SharedRun(work)

    def call(_: int) -> tuple[float, float]:
        began = time.monotonic()
        shared()
        return began, time.monotonic()

    with ThreadPoolExecutor(16) as pool:
        spans = list(pool.map(call, range(400)))
    for began, ended in spans:
        assert any(began <= run <= ended for run in runs)
    assert len(runs) < 200


def test_a_single_call_does_not_wait() -> None:
    runs = itertools.count()
    shared = SharedRun(lambda: print(next(runs)))
    for _ in range(3):
        shared()
    assert next(runs) == 3


def test_a_run_that_fails_raises_in_its_callers_and_the_next_one_works() -> None:
    errors = iter([True, False])

    def work() -> None:
        if next(errors):
            raise OSError("the disk is full")

    shared = SharedRun(work)
    with pytest.raises(OSError, match="full"):
        shared()
    shared()


class Gate:
    """A run that signals its begin and waits until it may end; the second one can fail."""

    def __init__(self, fails: bool = False) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.fails, self.runs = fails, 0

    def __call__(self) -> None:
        self.begun.set()
        assert self.may_end.wait(10)
        self.runs += 1
        if self.fails and self.runs == 2:
            raise OSError("the disk is full")


class Caller(threading.Thread):
    def __init__(self, shared: SharedRun) -> None:
        super().__init__(daemon=True)
        self.shared = shared
        self.ended_with: type[BaseException] | str = "nothing"
        self.start()

    def run(self) -> None:
        try:
            self.shared()
        except BaseException as error:
            self.ended_with = type(error)
        else:
            self.ended_with = "success"


def waiting(shared: SharedRun) -> int:
    return len(shared._changed._waiters)  # type: ignore[attr-defined]


def test_all_that_share_a_run_that_fails_raise() -> None:
    gate = Gate(fails=True)
    shared = SharedRun(gate)
    first = Caller(shared)
    gate.begun.wait(5)
    others = [Caller(shared) for _ in range(3)]
    until(lambda: waiting(shared) == 3)
    gate.may_end.set()
    for caller in (first, *others):
        caller.join(5)
    assert first.ended_with == "success"
    assert [caller.ended_with for caller in others] == [OSError] * 3
    assert gate.runs == 2


def test_a_call_interrupted_while_it_waits_blocks_no_other() -> None:
    gate = Gate()
    shared = SharedRun(gate)
    first = Caller(shared)
    gate.begun.wait(5)
    interrupted, other = Caller(shared), Caller(shared)
    until(lambda: waiting(shared) == 2)
    interrupt(interrupted)
    gate.may_end.set()
    for caller in (first, interrupted, other):
        caller.join(5)
    assert [first.ended_with, other.ended_with] == ["success"] * 2
    shared()


def interrupt(thread: threading.Thread) -> None:
    """Have the next step of its Python raise, as Ctrl-C does in the main thread."""
    identity, error = ctypes.c_ulong(thread.ident or 0), ctypes.py_object(KeyboardInterrupt)
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(identity, error) == 1
