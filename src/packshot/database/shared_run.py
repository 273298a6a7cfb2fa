"""Lets calls that arrive during a run share the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable


class SharedRun:
    """Runs `work` in one of the calling threads, on behalf of all that wait.

    A call returns after a run that began after the call, and raises what that run raised. For work
    that costs the same for many calls as for one, such as a sync of the disk.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._changed = threading.Condition()
        self._begun = self._ended = self._succeeded = 0  # the number of the last such run
        self._error: BaseException | None = None  # of the last run that failed

    def __call__(self) -> None:
        with self._changed:
            needed = self._begun + 1  # a run that is under way began too early
            self._changed.wait_for(lambda: self._ended >= needed or self._ended == self._begun)
            leads = self._ended < needed  # no run is under way: this thread runs for all that wait
            self._begun += leads
        if leads:
            self._run()
        if self._succeeded < needed and self._error is not None:
            raise self._error

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._work()
        except BaseException as raised:
            error = raised
        with self._changed:
            self._ended = self._begun
            if error is None:
                self._succeeded = self._ended
            else:
                self._error = error
            self._changed.notify_all()
