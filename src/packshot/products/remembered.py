"""An answer that was dear to find out is believed for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

T = TypeVar("T")

#: What takes less (seconds) is asked anew each time.
CHEAP: Final = 0.25
#: What takes more is believed for so many times what it took: at most 5 % of a core.
TIMES: Final = 20.0
#: And so much longer (seconds) while it is asked anew beside: who polls never waits.
LONGEST: Final = 60.0


@dataclass(frozen=True)
class _Known(Generic[T]):
    answer: T
    took: float
    found_at: float


class Remembered(Generic[T]):
    """`ask()`, never twice at a time; a slow answer serves those who come soon after it too."""

    def __init__(
        self, ask: Callable[[], T], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.ask, self.clock = ask, clock
        self._asking = threading.Lock()
        self._known: _Known[T] | None = None

    def answer(self) -> T:
        """The answer now, or a remembered one. Raises what `ask` raises."""
        known = self._known
        if known is None or known.took < CHEAP or self._age(known) > LONGEST + TIMES * known.took:
            return self._ask_anew(known)
        if self._age(known) > TIMES * known.took and not self._asking.locked():
            threading.Thread(target=self._ask_anew, args=(known,), daemon=True).start()
        return known.answer

    def _age(self, known: _Known[T]) -> float:
        return self.clock() - known.found_at

    def _ask_anew(self, known: _Known[T] | None) -> T:
        with self._asking:
            if self._known is not None and self._known is not known and self._known.took >= CHEAP:
                return self._known.answer  # somebody else asked meanwhile
            began = self.clock()
            answer = self.ask()
            self._known = _Known(answer, self.clock() - began, self.clock())
            return answer
