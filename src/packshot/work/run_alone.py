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
        self.waiting_alone = 0
        self.alone = False

    @contextmanager
    def enter(self, alone: bool) -> Iterator[None]:
        with self.changed:
            self.waiting_alone += alone
            while not self._may_enter(alone):
                left_before = self.inside
                left = self.changed.wait(self.longest_wait)
                if not left and alone and self.inside == left_before:
                    break
            self.waiting_alone -= alone
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

    def _may_enter(self, alone: bool) -> bool:
        if alone:
            return self.inside == 0
        return not self.alone and not self.waiting_alone
