"""Runs a product whose last process died with nothing beside it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds without any product leaving after which one that is to run alone waits no longer.
LONGEST_WAIT_SECONDS = 240.0


class Room:
    """Products run in it side by side, or one alone.

    Unless those beside it hang: when none has left for `longest_wait` seconds, it starts anyway.
    """

    def __init__(self, longest_wait: float = LONGEST_WAIT_SECONDS) -> None:
        self.changed = threading.Condition()
        self.longest_wait = longest_wait
        self.inside = 0
        self.waiting_alone: list[object] = []  # in the order in which they came
        self.alone = False

    @contextmanager
    def enter(self, alone: bool) -> Iterator[None]:
        me = object()
        with self.changed:
            if alone:
                self.waiting_alone.append(me)
            while not self._may_enter(me):
                inside_before = self.inside
                changed = self.changed.wait(self.longest_wait)
                if not changed and alone and self.inside == inside_before:
                    break
            if alone:
                self.waiting_alone.remove(me)
            self.inside += 1
            self.alone = alone and self.inside == 1
            self.changed.notify_all()
        try:
            yield
        finally:
            with self.changed:
                self.inside -= 1
                self.alone = False
                self.changed.notify_all()

    def _may_enter(self, me: object) -> bool:
        if self.waiting_alone:
            return self.inside == 0 and self.waiting_alone[0] is me
        return not self.alone
