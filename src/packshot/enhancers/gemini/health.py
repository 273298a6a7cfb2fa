"""Problems that the last calls showed: logged once, and in /readyz while they last."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from packshot.enhancers.contract import Health
from packshot.errors import Unavailable

FRESH_SECONDS = 60.0  # older findings are checked again, where that is free
LONGEST_PAUSE = 60.0  # before a call is tried again, unless the error names a longer one
MARGIN_SECONDS = 120.0  # a problem is over when no call ran into it for this long after its pause
# Problems that are over when Google answers the free request that `GeminiClient.check` sends. Its
# answer says nothing about a quota, billing, the budget or overload.
CHECKED = frozenset(
    {"gemini_unreachable", "bad_key", "unknown_model", "gemini_redirect", "gemini_gateway"}
)
# These concern every model; all others are over when the model that had them succeeds.
ANY_MODEL = frozenset({"gemini_unreachable", "budget_reached"})

log = logging.getLogger("packshot.gemini")


@dataclass(frozen=True)
class _Problem:
    error: Unavailable
    seen: float  # when a call last ran into it, by Problems's clock, like `until`
    until: float  # when it ends without a success, as in an idle process
    in_a_row: int


class Problems:
    """The present problem of each model, and notes that stay. Safe to use from many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._problems: dict[str | None, _Problem] = {}
        self._known_at = float("-inf")
        self._notes: list[str] = []
        self._lock = threading.Lock()

    def note_problem(
        self, error: Unavailable, model: str | None = None, began: float | None = None
    ) -> None:
        """Remember a problem of `model` beyond its pause; log it unless one like it is present.

        `began` is when the call began, by the clock.
        """
        model = None if error.code in ANY_MODEL else model
        with self._lock:
            present = {each.error.code for each in self._present()}
            moment = self._clock()
            until = moment + max(error.retry_after or 0.0, LONGEST_PAUSE) + MARGIN_SECONDS
            count = self._count_with_next(model, began)
            self._problems[model] = _Problem(error, moment, until, count)
            self._known_at = moment
        if error.code not in present:
            log.warning("%s", error.message)

    def count_in_a_row(self, model: str, began: float) -> int:
        """How many problems in a row `model` has, with the one of a call that began at `began`.

        A call that began before the last problem was seen belongs to the same burst.
        """
        with self._lock:
            return self._count_with_next(model, began)

    def _count_with_next(self, model: str | None, began: float | None) -> int:
        before = self._problems.get(model)
        if before is None:
            return 1
        same_burst = began is not None and began < before.seen
        return before.in_a_row + (not same_burst)

    def note_success(self, model: str, began: float) -> None:
        """End earlier problems of `model`: a call that began then succeeded."""
        self._end(lambda which, each: which in (None, model) and began >= each.seen)

    def note_check(self) -> None:
        """End what a check clears: key, models and connection are good."""
        self._end(lambda model, each: each.error.code in CHECKED)

    def _end(self, is_over: Callable[[str | None, _Problem], bool]) -> None:
        with self._lock:
            self._known_at = self._clock()
            before = bool(self._present())
            self._problems = {
                model: each for model, each in self._problems.items() if not is_over(model, each)
            }
            all_over = before and not self._present()
        if all_over:
            log.info("Gemini answers again.")

    def is_stale(self) -> bool:
        """Whether it is time to check again: True at most once every FRESH_SECONDS."""
        with self._lock:
            stale = self._clock() - self._known_at >= FRESH_SECONDS
            if stale:
                self._known_at = self._clock()
            return stale

    def _present(self) -> list[_Problem]:
        """The problems that last, the latest one at the end."""
        moment = self._clock()
        present = [each for each in self._problems.values() if moment < each.until]
        return sorted(present, key=lambda each: each.seen)

    def note_setting(self, sentence: str) -> None:
        """Note a sentence on the settings; a server logs it at its start, a command does not."""
        with self._lock:
            self._notes.append(sentence)

    def note(self, sentence: str) -> None:
        """Note a sentence for operators that stops nothing; log it once."""
        with self._lock:
            if sentence in self._notes:
                return
            self._notes.append(sentence)
        log.warning("%s", sentence)

    def health(self) -> Health:
        """Whether Gemini can be used, as far as the last calls showed."""
        with self._lock:
            present = self._present()
            problem = present[-1].error.message if present else None
            return Health(problem, notes=tuple(self._notes))
