"""The check of one enhanced picture, as a pixel child runs it: a verdict with its reasons."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from packshot.fidelity import change_map, close_ups, comparing
from packshot.fidelity.comparing import Compared, RawSide
from packshot.fidelity.explaining import reasons_of
from packshot.fidelity.files import Files
from packshot.fidelity.measures import NAMES
from packshot.fidelity.scoring import Weights, weights
from packshot.fidelity.sides import NoProduct, prepare
from packshot.fidelity.verdicts import PROBLEMS, Check, Checked, Reason, Verdict

#: The measures that the score is made of.
MEASURED: Final = (*NAMES, "letters")


def values_of(compared: Compared) -> dict[str, float]:
    """The measures, and `letters`: the share of letters that differ in the worst line."""
    assert compared.measures is not None
    worst = min((line.similarity for line in compared.lines or ()), default=1.0)
    return compared.measures.as_dict() | {"letters": round(1 - worst, 4)}


def read_raw(data: bytes, files: Files) -> RawSide | None:
    """What is measured once for a photo; None when no product was found in it."""
    try:
        return comparing.read_raw(data, files.network)
    except NoProduct:
        return None


def check(
    raw: RawSide | None, data: bytes, files: Files, asked: Collection[Verdict | None] = ()
) -> Checked:
    """Check one enhanced picture. With a verdict among those `asked` about there are views of both
    for a model. Raises NoNetwork, PictureError when it can't be decoded."""
    used = weights(files.weights)
    if raw is None:
        return Checked(_not_comparable("no_raw_product", used))
    try:
        side, rgb = prepare(data, files.network)
    except NoProduct:
        return Checked(_not_comparable("no_product", used))
    compared = comparing.compare(raw, side, rgb)
    done = judge(compared, None if raw.lines is None else len(compared.lines or ()), used)
    views = None
    if done.verdict in asked:
        views = close_ups.shown(raw, side, rgb, compared, done.reasons)
    return Checked(done, change_map.draw(rgb, compared, done.reasons, used), views)


def judge(compared: Compared, lines: int | None, found: Weights) -> Check:
    """The verdict on what was measured."""
    values = {} if compared.measures is None else values_of(compared)
    verdict: Verdict = "fail" if compared.problem == "mirrored" else "not_comparable"
    score = 0.0
    if compared.problem is None:
        verdict, score = found.judge(values)
    return Check(
        verdict=verdict,
        score=score,
        reasons=reasons_of(compared, verdict, found, values),
        measures=values,
        lines=lines,
        version=found.version,
    )


def _not_comparable(problem: str, found: Weights) -> Check:
    reason = Reason(code=problem, words=PROBLEMS[problem])
    return Check(verdict="not_comparable", score=0.0, reasons=[reason], version=found.version)
