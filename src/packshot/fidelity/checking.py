"""Checks one enhanced picture, inside a pixel process: gives a verdict with its reasons."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from packshot.fidelity import change_map, close_ups, comparing
from packshot.fidelity.comparing import Comparison, RawSide
from packshot.fidelity.explaining import reasons_of
from packshot.fidelity.jobs import FidelityFiles
from packshot.fidelity.measures import NAMES
from packshot.fidelity.placement import placement_of
from packshot.fidelity.scoring import Weights, load_weights
from packshot.fidelity.sides import NoProduct, prepare
from packshot.fidelity.verdicts import (
    FAILING,
    PROBLEMS,
    Check,
    CheckResult,
    FidelityVerdict,
    Reason,
)

#: The measures that add to the score.
MEASURED: Final = (*NAMES, "letters")


def values_of(compared: Comparison) -> dict[str, float]:
    """All measures by name; `letters` is the share of letters that differ in the worst line. The
    last four, `unjudged`, `beside`, `repainted` and `light` (EV), only have a hard limit."""
    assert compared.measures is not None and compared.maps is not None
    worst = min((line.similarity for line in compared.lines or ()), default=1.0)
    maps = compared.maps
    return compared.measures.as_dict() | {
        "letters": round(1 - worst, 4),
        "unjudged": round(maps.shares.unjudged, 4),
        "beside": round(maps.shares.beside, 4),
        "repainted": round(maps.repainted.share, 5),
        "light": maps.colours.light,
    }


def check(
    raw: RawSide | None,
    data: bytes,
    files: FidelityFiles,
    with_views: Collection[FidelityVerdict | None] = (),
) -> CheckResult:
    """Check one enhanced picture; `raw` is None when no product was found in the photo.

    For the verdicts in `with_views` the result has pictures to show to a model. Raises NoNetwork,
    and PictureError when the picture can't be decoded.
    """
    weights = load_weights(files.weights)
    if raw is None:
        return CheckResult(_not_comparable("no_raw_product", weights))
    try:
        side, rgb = prepare(data, files.network)
    except NoProduct:
        return CheckResult(_not_comparable("no_product", weights))
    compared = comparing.compare(raw, side, rgb)
    done = judge(compared, None if raw.lines is None else len(compared.lines or ()), weights)
    views = None
    if done.verdict in with_views:
        views = close_ups.draw(raw, side, rgb, compared, done.reasons)
    changes = change_map.draw(rgb, compared, done.reasons, weights)
    certain = bool(done.measures) and weights.is_certain(done.measures)
    return CheckResult(done, changes, views, certain)


def judge(compared: Comparison, lines: int | None, weights: Weights) -> Check:
    """Turn what was measured into a verdict with its reasons."""
    values = {} if compared.measures is None else values_of(compared)
    verdict: FidelityVerdict = "fail" if compared.problem in FAILING else "not_comparable"
    score = 0.0
    if compared.problem is None:
        verdict, score = weights.judge(values)
    return Check(
        verdict=verdict,
        score=score,
        reasons=reasons_of(compared, verdict, weights, values),
        measures=values,
        judged=None if compared.maps is None else round(compared.maps.shares.judged, 3),
        lines=lines,
        placement=placement_of(compared),
        version=weights.version,
    )


def _not_comparable(problem: str, weights: Weights) -> Check:
    reason = Reason(code=problem, words=PROBLEMS[problem])
    return Check(verdict="not_comparable", score=0.0, reasons=[reason], version=weights.version)
