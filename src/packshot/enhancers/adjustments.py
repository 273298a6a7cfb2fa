"""What a reviewer can ask of a redo without free words, and how several redos add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

#: What each means: the local enhancer carries it out itself, others get these words.
ADJUSTMENTS: Final = {
    "lighter": "Make the picture lighter.",
    "darker": "Make the picture darker.",
    "warmer": "Make the light warmer.",
    "cooler": "Make the light cooler.",
    "keep_light": "Leave light and colour as they are in the photo.",
    "tighter": "Show the product larger, with less room around it.",
    "looser": "Show the product smaller, with more room around it.",
    "keep_background": "Keep the photo's own background.",
    "cut_out": "Cut the product out, on a plain white background.",
    "straighten": "Straighten the picture: upright lines upright, level lines level.",
}
#: What one redo can't ask for together.
OPPOSITES: Final = (
    ("lighter", "darker"),
    ("warmer", "cooler"),
    ("tighter", "looser"),
    ("keep_background", "cut_out"),
)
LIGHT_STEPS: Final = ("lighter", "darker", "warmer", "cooler")
STEPS: Final = (*LIGHT_STEPS, "tighter", "looser")  # can be asked for again, for more


def sum_up(rounds: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """The adjustments of successive rounds as those of one, since each round begins with the photo:
    steps add up, opposite ones cancel out, and of the other choices the last one counts."""
    opposite = {a: b for pair in OPPOSITES for a, b in (pair, pair[::-1])}
    asked: list[str] = []
    for adjustments in rounds:
        if "keep_light" in adjustments:
            asked = [name for name in asked if name not in LIGHT_STEPS]
        for name in adjustments:
            other = opposite.get(name, "")
            cancels = other in asked
            if cancels:
                asked.remove(other)
            if (name in STEPS and not cancels) or name not in (*STEPS, *asked):
                asked.append(name)
    return tuple(asked)
