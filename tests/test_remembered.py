"""Dear answers are believed for a while, cheap ones are asked anew."""

from __future__ import annotations

import threading
from collections.abc import Callable

from servers.ports import wait_until

from packshot.products.remembered import LONGEST, TIMES, Remembered


class Slow:
    """Answers 1, 2, 3, ... and each takes so long by a clock of its own."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.moment, self.asked = seconds, 0.0, 0
        self.lock = threading.Lock()

    def clock(self) -> float:
        return self.moment

    def __call__(self) -> int:
        with self.lock:
            self.moment += self.seconds
            self.asked += 1
            return self.asked


def of(slow: Slow) -> Callable[[], int]:
    return Remembered(slow, clock=slow.clock).answer


def test_what_is_cheap_is_asked_anew() -> None:
    answer = of(Slow(0.01))
    assert [answer(), answer(), answer()] == [1, 2, 3]


def test_what_is_dear_is_believed_for_a_while() -> None:
    slow = Slow(1.0)
    answer = of(slow)
    assert answer() == 1
    slow.moment += TIMES - 1
    assert answer() == 1
    assert slow.asked == 1


def test_who_polls_gets_the_old_answer_while_it_is_asked_anew() -> None:
    slow = Slow(1.0)
    answer = of(slow)
    answer()
    slow.moment += TIMES + 1
    assert answer() == 1
    wait_until(lambda: slow.asked == 2)
    wait_until(lambda: answer() == 2)
    assert slow.asked == 2


def test_an_old_answer_is_not_given() -> None:
    slow = Slow(1.0)
    answer = of(slow)
    answer()
    slow.moment += TIMES + LONGEST + 1
    assert answer() == 2
