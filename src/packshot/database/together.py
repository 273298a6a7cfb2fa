"""Calls that come while another one is under way share the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Together(Generic[T, R]):
    """`run(items)` for all who wait at the time, by one of them; never two runs at a time.

    For what costs as much for many as for one: a sync of the disk, a transaction. A call's run
    begins after the call. What `run` raises, all of its callers get.
    """

    def __init__(self, run: Callable[[Sequence[T]], Sequence[R]]) -> None:
        """`run` gives one result per item, in order."""
        self._run = run
        self._lock = threading.Lock()
        self._waiting: list[_Call[T, R]] = []
        self._led = False  # somebody runs, or has been told to

    def __call__(self, item: T) -> R:
        call = _Call[T, R](item)
        with self._lock:
            self._waiting.append(call)
            leads, self._led = not self._led, True
        if leads or self._is_to_lead(call):
            self._lead()
        return call.result()

    def _is_to_lead(self, call: _Call[T, R]) -> bool:
        try:
            return call.is_to_lead()
        except BaseException:  # broken off: nobody else may wait for this one
            with self._lock:
                if call in self._waiting:
                    self._waiting.remove(call)
                if call.leads:
                    self._hand_on()
            raise

    def _lead(self) -> None:
        group: list[_Call[T, R]] = []
        try:
            group = self._take_waiting()
            for call, answer in zip(group, self._run([call.item for call in group]), strict=True):
                call.answer = answer
        except BaseException as error:
            group = group or self._take_waiting()
            for call in group:
                call.error = error
        with self._lock:
            self._hand_on()
        for call in group:
            call.wake()

    def _take_waiting(self) -> list[_Call[T, R]]:
        with self._lock:
            group, self._waiting = self._waiting, []
            return group

    def _hand_on(self) -> None:
        """With the lock held: the next one leads, if there is one."""
        self._led = bool(self._waiting)
        if self._waiting:
            self._waiting[0].wake(to_lead=True)


class _Call(Generic[T, R]):
    """One caller: its item, and what came of it."""

    answer: R

    def __init__(self, item: T) -> None:
        self.item = item
        self.error: BaseException | None = None
        self.leads = False
        self._woken = threading.Lock()
        self._woken.acquire()

    def wake(self, to_lead: bool = False) -> None:
        self.leads = to_lead
        self._woken.release()

    def is_to_lead(self) -> bool:
        """Wait until it was done by somebody (False), or is to be done here (True)."""
        self._woken.acquire()
        return self.leads

    def result(self) -> R:
        if self.error is not None:
            raise self.error
        return self.answer
