"""Turns measures into a verdict: a score, which is a sum, its two thresholds, and hard limits.

All numbers are data: `weights.toml`, written by bench/fidelity.py. A measure has two points, below
which 75 % and 97 % of faithful edits stay: it counts from the first on, and counts more from the
second. No weight is negative, so what a measure adds shows how much it contributed to the score.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from packshot.errors import SettingsError
from packshot.fidelity.verdicts import FidelityVerdict

#: A hinge grows up to this many times the distance between the two knots.
MOST: Final = 6.0
#: Something of this size that touches the product and differs from it is no handle or strap, but
#: another object.
ANOTHER_OBJECT: Final = 0.15
#: A score below it is certain: a model's vote does not clear it.
CERTAIN: Final = 0.05
WEIGHTS: Final = Path(__file__).parent / "weights.toml"


@dataclass(frozen=True)
class Knots:
    """A measure's two points: where it begins to count (`low`) and where it counts more (`high`),
    with the weight from each on."""

    low: float
    high: float
    weight_low: float
    weight_high: float

    def part(self, value: float) -> float:
        return sum(
            w * h
            for w, h in zip((self.weight_low, self.weight_high), self.hinges(value), strict=True)
        )

    def hinges(self, value: float) -> tuple[float, float]:
        span = self.high - self.low
        return (
            min(MOST, max(0.0, (value - self.low) / span)),
            min(MOST, max(0.0, (value - self.high) / span)),
        )


@dataclass(frozen=True)
class Weights:
    """`version` is the day of the fit. The fields with a default are the hard limits: a measure
    beyond one decides, whatever the score is. A file from before a limit existed lacks it."""

    version: str
    measures: Mapping[str, Knots]
    warn: float  # 5 % of the faithful score higher, hard limits included
    fail: float  # 1 %
    missing_warns: float = 0.005  # share of the product
    missing_fails: float = 0.05
    extra_warns: float = 0.005
    unjudged_warns: float = 0.02
    repainted_warns: float = 0.001  # share of the compared pixels
    patch_warns: float = 25.0  # dE; 99 % of 1,063 other pairs' faithful ones stayed below 19
    stretch_fails: float = 3.0  # %
    letters_fail: float = 0.2  # share of a line's letters
    light_warns: float = 1.0  # EV; the faithful edits of bench/fidelity.py stay below 0.6

    def parts(self, measures: Mapping[str, float]) -> dict[str, float]:
        """What each measure adds to the score, largest first."""
        parts = {name: knots.part(measures[name]) for name, knots in self.measures.items()}
        return dict(sorted(parts.items(), key=lambda one: -one[1]))

    def best_allowed(self, measures: Mapping[str, float]) -> FidelityVerdict:
        """The best verdict that the hard limits allow for these measures."""
        failed = (
            measures["stretch"] > self.stretch_fails
            or measures["letters"] > self.letters_fail
            or measures["missing"] > self.missing_fails
        )
        warned = (
            measures["missing"] > self.missing_warns
            or measures["extra"] > self.extra_warns
            or measures["patch"] > self.patch_warns
            or measures.get("unjudged", 0.0) > self.unjudged_warns
            or self.unjudged_warns < measures.get("beside", 0.0) < ANOTHER_OBJECT
            or measures.get("repainted", 0.0) > self.repainted_warns
            or abs(measures.get("light", 0.0)) > self.light_warns
        )
        return "fail" if failed else "warn" if warned else "pass"

    def is_certain(self, measures: Mapping[str, float]) -> bool:
        """Whether a change was measured that a model's vote does not clear: the score is far from a
        pass, or a hard limit decides. What could not be judged, or may be another object, is no
        such change."""
        seen = {**measures, "unjudged": 0.0, "beside": 0.0}
        return self.best_allowed(seen) != "pass" or self.judge(seen)[1] < CERTAIN

    def judge(self, measures: Mapping[str, float]) -> tuple[FidelityVerdict, float]:
        """The verdict, and a score of 0..1 for people: above 0.5 passes."""
        total = sum(self.parts(measures).values())
        best = self.best_allowed(measures)
        if total > self.fail or best == "fail":
            return "fail", min(to_score(self.warn - total), to_score(self.warn - self.fail))
        if total > self.warn or best == "warn":
            return "warn", min(to_score(self.warn - total), 0.5)
        return "pass", to_score(self.warn - total)


def to_score(margin: float) -> float:
    return round(1 / (1 + math.exp(-max(-30.0, min(30.0, margin)))), 3)


@lru_cache(maxsize=2)
def load_weights(path: Path | None = None) -> Weights:
    """Packshot's own weights, or those of a file that `fidelity report --write` wrote.

    Raises SettingsError when FIDELITY_WEIGHTS names no usable file.
    """
    try:
        found = read_weights(tomllib.loads((path or WEIGHTS).read_text()))
        if path is not None and set(found.measures) != set(load_weights().measures):
            raise ValueError("it was fitted to the measures of another version; fit it again")
        return found
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"FIDELITY_WEIGHTS={path}: can't be used: {error}") from error


def read_weights(data: Mapping[str, Any]) -> Weights:
    """The weights in the file's parsed TOML. Raises KeyError, ValueError or TypeError."""
    measures = {name: Knots(*numbers) for name, numbers in data["measures"].items()}
    return Weights(version=str(data["version"]), measures=measures, **data["limits"])
