"""How long a worker pauses while a part it needs is unreachable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from packshot.backoff import Chance, backoff
from packshot.errors import RateLimited, Unavailable

LONGEST_PAUSE = 60.0
#: Seconds without an error after which an outage is over: an idle worker has no success to end it.
REMEMBERED_SECONDS = 120.0


@dataclass
class Outage:
    """Pauses of 1 to 60 s that grow with each error in a row, until a success."""

    clock: Callable[[], float]
    chance: Chance
    log: Callable[[Unavailable], None]
    in_a_row: int = 0
    until: float = 0.0
    last_at: float = float("-inf")
    last_message: str | None = None

    def begin(self, error: Unavailable) -> None:
        """Begin a pause: a part is unreachable. Errors during a pause count once."""
        moment = self.clock()
        if moment - self.last_at > REMEMBERED_SECONDS:
            self.in_a_row = 0
        self.last_at, self.last_message = moment, error.message
        if moment >= self.until:
            self.in_a_row += 1
            self.until = moment + self.pause_seconds()
        self.log(error)

    def slow_down(self, error: RateLimited) -> None:
        """Pause for as long as the service asks; this does not count as an error."""
        seconds = min(error.retry_after or 1.0, LONGEST_PAUSE)
        self.until = max(self.until, self.clock() + seconds)
        self.log(error)

    def pause_seconds(self) -> float:
        """Seconds to pause after this number of errors in a row."""
        return backoff(max(1, self.in_a_row), self.chance, longest=LONGEST_PAUSE)

    def reason(self) -> str | None:
        """A sentence that names the unreachable part; None if there is none."""
        lately = self.clock() - self.last_at <= REMEMBERED_SECONDS
        return self.last_message if self.in_a_row and lately else None

    def remaining(self) -> float:
        """Seconds left of the pause; negative when it is over."""
        return self.until - self.clock()

    def end(self) -> None:
        """End the outage after a success."""
        if self.in_a_row:
            self.in_a_row, self.until = 0, 0.0
