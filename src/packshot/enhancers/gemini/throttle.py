"""Limits the rate of requests to Gemini: adaptive concurrency, pauses, and waiting for a slot."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from packshot.backoff import add_jitter, backoff, no_jitter
from packshot.errors import NotConfigured, RateLimited, Unavailable

HANGING_SECONDS = 30.0  # a request that takes longer no longer delays others
MAX_WAIT = 5.0  # seconds a thread waits here; longer waits go back to the queue
LONGEST_BACKOFF = 60.0
T = TypeVar("T")


@dataclass(frozen=True)
class Pause:
    """Until `until` (by the Throttle's clock) every request raises a copy of the error."""

    until: float
    error: Unavailable


class Throttle:
    """Shared by all threads of a process.

    Concurrency starts at `cap`, halves when Gemini says it is too much (once per burst), and grows
    back by one for every full round of successes (additive increase, multiplicative decrease, as
    TCP does: RFC 5681).
    """

    def __init__(
        self,
        cap: int,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        random: Callable[[], float],
        longest_wait: float = MAX_WAIT,
    ) -> None:
        self._cap = cap
        self._clock, self._sleep, self._random = clock, sleep, random
        self._longest_wait = longest_wait
        self._limit = float(cap)
        self._in_flight: list[float] = []  # when each request began
        self._errors = 0  # bursts of errors without a success between
        self._last_error = float("-inf")
        self._pauses: dict[str | None, Pause] = {}
        self._changed = threading.Condition()
        self._admission = threading.Lock()

    @property
    def limit(self) -> int:
        """Requests that may be in flight in this process now."""
        return max(1, int(self._limit))

    @property
    def errors(self) -> int:
        """Bursts of errors since the last success."""
        return self._errors

    @contextmanager
    def slot(self, model: str) -> Iterator[float]:
        """Wait for a free slot and hold it; yields the time the request began, for `note_error`.

        Raises the error of a pause that is in force, or RateLimited when no slot comes free.
        """
        self._wait_for_pauses(model)
        began = self._enter(model)
        try:
            self._wait_for_pauses(model)
            yield self._clock()
        finally:
            self._leave(began)

    def admit(self, ask: Callable[[], T]) -> T:
        """Call `ask` in one thread at a time and return its result; sleep if the wait is short."""
        with self._admission:
            while True:
                try:
                    return ask()
                except RateLimited as error:
                    seconds = error.retry_after or self._longest_wait
                    if seconds > self._longest_wait:
                        error.retry_after = self.add_jitter(seconds)
                        raise
                self._sleep(seconds)

    def note_success(self) -> None:
        """Note an answer: reset the errors, raise the limit a little."""
        with self._changed:
            self._errors = 0
            self._limit = min(float(self._cap), self._limit + 1 / self._limit)
            self._changed.notify_all()

    def note_error(self, began: float, *, slow_down: bool) -> int:
        """Note an error of a request that began then. Returns the bursts of errors so far.

        Requests of the same burst (begun before the last error) count once.
        """
        with self._changed:
            if began >= self._last_error:
                self._errors += 1
                self._last_error = self._clock()
                if slow_down:
                    self._limit = max(1.0, self._limit / 2)
            return self._errors

    def backoff(self, errors: int) -> float:
        """2, 4, 8 ... at most 60 seconds."""
        return backoff(errors, no_jitter, first=2.0, longest=LONGEST_BACKOFF)

    def add_jitter(self, seconds: float) -> float:
        """A little more than `seconds`, so that waiting threads don't all return at once."""
        return add_jitter(seconds, self._random)

    def pause(self, model: str | None, seconds: float, error: Unavailable) -> None:
        """Send no request to `model` (None: to any model) for `seconds`."""
        with self._changed:
            self._pauses[model] = Pause(self._clock() + seconds, error)

    def single_file(self) -> None:
        """Let one request go first after a pause; the others follow when it succeeds."""
        with self._changed:
            self._limit = 1.0

    def _wait_for_pauses(self, model: str) -> None:
        while True:
            pause = self._pause_for(model)
            if pause is None:
                return
            left = pause.until - self._clock()
            if left > self._longest_wait:
                raise again(pause.error, self.add_jitter(left))
            self._sleep(max(left, 0.0))

    def _pause_for(self, model: str) -> Pause | None:
        with self._changed:
            now = self._clock()
            pauses = [self._pauses.get(None), self._pauses.get(model)]
            return next((each for each in pauses if each and each.until > now), None)

    def _enter(self, model: str) -> float:
        with self._changed:
            if not self._changed.wait_for(self._has_place, self._longest_wait):
                raise RateLimited(
                    f"{self.limit} requests to Gemini may run at once at the moment, and "
                    f"that many are running ({model}).",
                    retry_after=self.add_jitter(self._longest_wait),
                )
            began = self._clock()
            self._in_flight.append(began)
            return began

    def _has_place(self) -> bool:
        """Hanging requests count against `cap`, but not against the limit."""
        since = self._clock() - HANGING_SECONDS
        running = sum(began > since for began in self._in_flight)
        return running < self.limit and len(self._in_flight) < self._cap

    def _leave(self, began: float) -> None:
        with self._changed:
            self._in_flight.remove(began)
            self._changed.notify_all()


def again(error: Unavailable, retry_after: float) -> Unavailable:
    """A copy of the error, with the remaining seconds to wait."""
    kinds = (NotConfigured, RateLimited, Unavailable)
    kind = next(each for each in kinds if isinstance(error, each))
    return kind(error.message, code=error.code, retry_after=retry_after)
