"""Fits the score's weights and thresholds to labelled measures; see `scoring`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import numpy as np

from packshot.fidelity import scoring
from packshot.fidelity.checking import MEASURED
from packshot.fidelity.verdicts import FAILING

#: One labelled pair: `faithful`, `kind`, `problem` (None, or why it can't be compared), `measures`.
LabelledRow = dict[str, Any]
FALSE_ALARMS: Final = 0.05  # share of faithful pairs that may get a "warn", hard limits included
FAILED: Final = 0.01  # share of faithful pairs that may get a "fail"
PARTS: Final = 5  # of the cross-validation
ROUNDED: Final = 1e-3  # what rounding the numbers in the file may add to a score


@dataclass(frozen=True)
class FittedWeights:
    """Weights, with the score and verdict that they give to a row."""

    weights: scoring.Weights

    def total(self, row: LabelledRow) -> float:
        """The score, raised where a hard limit decides; infinite when they can't be compared."""
        if row["problem"] is not None:
            return float("inf")
        score = sum(self.weights.parts(row["measures"]).values())
        least = {"fail": self.weights.fail, "warn": self.weights.warn, "pass": 0.0}
        return max(score, least[self.weights.best_allowed(row["measures"])] + 1e-3)

    def verdict(self, row: LabelledRow) -> str:
        if row["problem"] is not None:
            return "fail" if row["problem"] in FAILING else "not_comparable"
        return self.weights.judge(row["measures"])[0]


def fit(rows: Sequence[LabelledRow]) -> FittedWeights:
    """Fit weights and limits. The limits also hold for cross-validated scores, where a row is
    scored by weights fitted without its family: a fit looks too good on its own rows."""
    found = _draft(rows)
    own = _scores(found, rows)
    unseen = [score for part in _parts(rows) for score in _unseen(rows, part)]
    warn, fail = (
        max(_limit([score[place] for score in scores], share) for scores in (own, unseen)) + ROUNDED
        for place, share in enumerate((FALSE_ALARMS, FAILED))
    )
    return FittedWeights(replace(found, warn=warn, fail=max(fail, warn + 0.5)))


def _parts(rows: Sequence[LabelledRow]) -> list[set[int]]:
    """The row numbers of each part. All rows of a family are in one part; a row without a family
    (a reviewer's decision) is a family by itself."""
    families = [row.get("family", number) for number, row in enumerate(rows)]
    names = sorted(set(families), key=str)
    order = np.random.default_rng(5).permutation(len(names))
    part_of = {names[int(index)]: place % PARTS for place, index in enumerate(order)}
    parts = [{n for n, family in enumerate(families) if part_of[family] == p} for p in range(PARTS)]
    return [part for part in parts if part]


def _unseen(rows: Sequence[LabelledRow], part: set[int]) -> list[tuple[float, float]]:
    """The part's scores by weights fitted to the other parts."""
    draft = _draft([row for number, row in enumerate(rows) if number not in part])
    return _scores(draft, [rows[number] for number in sorted(part)])


def _scores(draft: scoring.Weights, rows: Sequence[LabelledRow]) -> list[tuple[float, float]]:
    """Scores of the faithful rows. A hard limit makes the first infinite when it gives at least
    "warn", the second when it gives "fail"."""
    flagged, failed = FittedWeights(draft), FittedWeights(replace(draft, warn=0.0))
    return [(flagged.total(row), failed.total(row)) for row in rows if row["faithful"]]


def _draft(rows: Sequence[LabelledRow]) -> scoring.Weights:
    """Knots from the faithful rows, and weights by logistic regression: none negative, and each
    kind of damage with the same total importance. The limits come later, in `fit`."""
    usable = [row for row in rows if row["problem"] is None]
    kept = [row for row in usable if row["faithful"]]
    knots = {}
    for name in MEASURED:
        values = np.array([row["measures"][name] for row in kept])
        low, high = np.percentile(values, [75, 97])
        knots[name] = (float(low), float(max(high, low + MIN_SPAN.get(name, 0.02))))
    features = np.array([_hinges(row, knots) for row in usable])
    labels = np.array([0.0 if row["faithful"] else 1.0 for row in usable])
    found = _regression(features, labels, _balance(usable))
    measures = {
        name: scoring.Knots(*knots[name], float(found[2 * i]), float(found[2 * i + 1]))
        for i, name in enumerate(MEASURED)
    }
    never = float("inf")
    return scoring.Weights(date.today().isoformat(), measures, never, never)


#: The least distance between a measure's two knots, for measures that are nearly always 0.
MIN_SPAN = {"missing": 0.006, "extra": 0.004, "letters": 0.1, "text_drop": 0.15}


def _limit(totals: Sequence[float], share: float) -> float:
    """The lowest score that at most `share` of the totals exceed. Where hard limits alone (infinite
    totals) flag more than that, `share` of the others: else the score would flag nothing."""
    ordered = sorted(totals)
    finite = [one for one in ordered if np.isfinite(one)]
    if len(ordered) - len(finite) > share * len(ordered):
        ordered = finite
    return ordered[min(len(ordered) - 1, int(np.ceil(len(ordered) * (1 - share))) - 1)]


def _hinges(row: LabelledRow, knots: dict[str, tuple[float, float]]) -> list[float]:
    return [
        hinge
        for name, (low, high) in knots.items()
        for hinge in scoring.Knots(low, high, 0, 0).hinges(row["measures"][name])
    ]


def _balance(rows: Sequence[LabelledRow]) -> Any:
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        counts["faithful" if row["faithful"] else row["kind"]] += 1
    kinds = len(counts) - 1
    return np.array(
        [
            1 / counts["faithful"] if row["faithful"] else 1 / counts[row["kind"]] / kinds
            for row in rows
        ]
    )


def _regression(features: Any, labels: Any, importance: Any, ridge: float = 0.002) -> Any:
    """Logistic regression with weights >= 0, by projected Adam."""
    columns = np.column_stack([features, np.ones(len(features))])
    found = np.full(columns.shape[1], 0.1)
    first, second = np.zeros_like(found), np.zeros_like(found)
    importance = importance / importance.sum()
    for step in range(1, 3001):
        likely = 1 / (1 + np.exp(-np.clip(columns @ found, -30, 30)))
        slope = columns.T @ (importance * (likely - labels))
        slope[:-1] += ridge * found[:-1]
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        found -= 0.03 * first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        found[:-1] = np.maximum(found[:-1], 0)
    return found[:-1]


def as_toml(found: scoring.Weights, note: str) -> str:
    """The data file that `scoring.load_weights` reads."""
    limits = [name for name in vars(found) if name not in ("version", "measures")]
    lines = [
        f"# {note}",
        f'version = "{found.version}"',
        "",
        "# The score's two thresholds and the hard limits, as scoring.py explains them.",
        "[limits]",
        *(f"{name} = {round(getattr(found, name), 4)}" for name in limits),
        "",
        "# Where a measure begins to count, where it counts more, and the two weights.",
        "[measures]",
    ]
    for name, knots in found.measures.items():
        numbers = (knots.low, knots.high, knots.weight_low, knots.weight_high)
        lines.append(f"{name} = [{', '.join(f'{number:.5f}' for number in numbers)}]")
    return "\n".join(lines) + "\n"


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    if count == 0:
        return 0.0, 1.0
    z, share = 1.96, hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * (share * (1 - share) / count + z * z / (4 * count**2)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)
