"""Calls that share a run: each is done once, by a run that began after it."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from packshot.database.together import Together


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


class Gate:
    """A run that says when it has begun and goes on when it may."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.done: list[str] = []

    def __call__(self, items: Sequence[str]) -> Sequence[str]:
        self.begun.set()
        assert self.may_end.wait(10)
        self.done += items
        return items


def break_off(thread: threading.Thread) -> None:
    """Have the next step of its Python raise, as Ctrl-C does in the main thread."""
    identity, error = ctypes.c_ulong(thread.ident or 0), ctypes.py_object(KeyboardInterrupt)
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(identity, error) == 1


class Caller(threading.Thread):
    def __init__(self, together: Together[str, str], item: str) -> None:
        super().__init__(daemon=True)
        self.together, self.item = together, item
        self.ended_with: str | type[BaseException] = "nothing"
        self.start()

    def run(self) -> None:
        try:
            self.ended_with = self.together(self.item)
        except BaseException as error:
            self.ended_with = type(error)

    def waits(self) -> bool:
        return any(call.item == self.item for call in self.together._waiting)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_one_that_is_broken_off_while_it_waits_for_its_turn_holds_up_nobody() -> None:
    gate = Gate()
    together = Together[str, str](gate)
    first = Caller(together, "first")
    gate.begun.wait(5)
    chosen = Caller(together, "chosen")  # it would lead the next run
    until(chosen.waits)
    next_one = Caller(together, "next")
    until(next_one.waits)
    break_off(chosen)
    gate.may_end.set()
    for caller in (first, chosen, next_one):
        caller.join(5)
    assert [first.ended_with, chosen.ended_with] == ["first", KeyboardInterrupt]
    assert next_one.ended_with == "next"
    assert together("last") == "last"
