"""Says why a command waits for the server, while it asks again."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

from packshot.cli.server_errors import reason_to_wait
from packshot.client import Client
from packshot.logs import one_line

#: A reason that was given is not given again sooner, however often the server comes and goes.
QUIET_SECONDS: Final = 30.0


def print_to_stderr(line: str) -> None:
    """Above a bar, and beside what a command prints for a program."""
    print(one_line(line), file=sys.stderr, flush=True)


class RetryNotices:
    """Prints a line for each reason to wait, and one when the server answers again. Threads may
    share it."""

    def __init__(self, client: Client, print_line: Callable[[str], None]) -> None:
        self._client, self._print_line = client, print_line
        self._printed_at: dict[str, float] = {}
        self._reasons: set[str] = set()  # printed in this outage
        self._lock = threading.Lock()

    def begin(self, error: BaseException) -> None:
        """A request is repeated after this error."""
        reason = reason_to_wait(self._client, error).rstrip(".")
        with self._lock:
            moment = time.monotonic()
            is_known = reason in self._reasons
            if is_known or moment - self._printed_at.get(reason, -math.inf) < QUIET_SECONDS:
                return
            self._printed_at[reason] = moment
            self._reasons.add(reason)
            self._print_line(f"waiting: {reason}; trying again")

    def end(self) -> None:
        """A repeated request was answered."""
        with self._lock:
            if self._reasons:
                self._reasons.clear()
                self._print_line("the server answers again")
