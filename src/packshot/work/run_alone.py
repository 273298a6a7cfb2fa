"""Runs a product alone when its last attempt ended the process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds after which a product that is to run alone starts anyway, if no other one has ended.
LONGEST_WAIT_SECONDS = 240.0


class RunAlone:
    """A gate: products run side by side, or one alone.

    When none of the others has ended for `longest_wait` seconds (they hang), that one starts
    anyway.
    """

    def __init__(self, longest_wait: float = LONGEST_WAIT_SECONDS) -> None:
        self.changed = threading.Condition()
        self.longest_wait = longest_wait
        self.inside = 0
        self.waiting_alone: list[object] = []  # in the order in which they arrived
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
