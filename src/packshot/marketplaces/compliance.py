"""Checks a picture against a preset: a row for each rule, with what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from packshot.marketplaces.measures import PictureMeasures
from packshot.marketplaces.presets import Preset, Rule, RuleVerdict, amount_in_words

#: Rules that Packshot adds to a marketplace's, for a file, and for all pictures of a SKU.
NAME_FOR_AMAZON: Final = "name"
NO_MAIN_PICTURE: Final = "no main picture"
CHOICE_OF_MAIN_PICTURE: Final = "choice of main picture"


@dataclass(frozen=True)
class RuleResult:
    """One rule: what is required, what was measured, and what to do if that is not enough."""

    rule: str
    required: str
    measured: str
    verdict: RuleVerdict
    advice: str
    source: str
    confidence: str


def check(measures: PictureMeasures, preset: Preset, main: bool = True) -> list[RuleResult]:
    """A row for each rule of the preset, in its order. With `main` false, the rules for main
    pictures are skipped."""
    return [_row(rule, measures) for rule in preset.rules if main or rule.only is None]


def fails(rows: Sequence[RuleResult]) -> bool:
    """Whether the marketplace would refuse the picture."""
    return any(row.verdict == "fail" for row in rows)


def _row(rule: Rule, measures: PictureMeasures) -> RuleResult:
    measured: float | str | None = getattr(measures, rule.measure)
    verdict = _verdict(rule, measured)
    return RuleResult(
        rule=rule.measure.replace("_", " "),
        required=rule.required,
        measured=_in_words(rule.measure, measured, measures.unmeasured.get(rule.measure, "")),
        verdict=verdict,
        advice="" if verdict == "pass" else rule.advice,
        source=rule.source,
        confidence=rule.confidence,
    )


def _verdict(rule: Rule, measured: float | str | None) -> RuleVerdict:
    if measured is None:
        return "unknown"
    if isinstance(measured, str):
        return "pass" if measured in rule.allowed else rule.severity
    too_small = rule.least is not None and measured < rule.least
    too_large = rule.most is not None and measured > rule.most
    return rule.severity if too_small or too_large else "pass"


def _in_words(measure: str, measured: float | str | None, reason: str) -> str:
    if measured is None:
        return f"can't be measured: {reason}" if reason else "can't be measured"
    return measured if isinstance(measured, str) else amount_in_words(measure, measured)
