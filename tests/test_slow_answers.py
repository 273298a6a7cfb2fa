"""Slow answers are cached for a while, quick ones are worked out every time."""

from __future__ import annotations

from packshot.products.slow_answers import TIMES, SlowAnswers


class Slow:
    """Answers 1, 2, 3, ... and each takes so long by a clock of its own."""

    def __init__(self, seconds: float, kept: int = 2) -> None:
        self.seconds, self.moment, self.asked = seconds, 0.0, 0
        self.answers = SlowAnswers(kept, clock=lambda: self.moment)

    def ask(self) -> int:
        self.moment += self.seconds
        self.asked += 1
        return self.asked

    def answer(self, key: str = "a") -> int:
        return self.answers.answer(key, self.ask)


def test_a_quick_answer_is_worked_out_every_time() -> None:
    quick = Slow(0.01)
    assert [quick.answer(), quick.answer(), quick.answer()] == [1, 2, 3]


def test_a_slow_answer_is_cached_in_proportion_to_its_cost() -> None:
    slow = Slow(1.0)
    assert slow.answer() == 1
    slow.moment += TIMES - 0.5
    assert slow.answer() == 1
    slow.moment += 1
    assert slow.answer() == 2


def test_only_the_answers_asked_for_last_are_kept() -> None:
    slow = Slow(1.0, kept=2)
    for key in ("a", "b", "c"):
        slow.answer(key)
    assert (slow.answer("c"), slow.answer("b"), slow.answer("a")) == (3, 2, 4)
