"""Combines the measured verdict and a model's opinion."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from packshot.fidelity.verdicts import (
    OF_A_PASS,
    Check,
    CheckResult,
    FidelityVerdict,
    Reason,
)

Vote = Literal["same", "changed", "unsure"]
#: Verdicts that a model is asked about with FIDELITY_JUDGE=doubtful. A "fail" is sure enough.
WORTH_ASKING: Final[tuple[FidelityVerdict, ...]] = ("warn", "not_comparable")

#: (the measured verdict, the model's vote) -> the verdict. A vote changes a verdict by at most one
#: step. "same" clears nothing but a "warn", and no "warn" that `CheckResult.is_certain`.
TABLE: Final[dict[tuple[FidelityVerdict, Vote], FidelityVerdict]] = {
    ("pass", "same"): "pass",
    ("pass", "unsure"): "pass",
    ("pass", "changed"): "warn",
    ("warn", "same"): "pass",
    ("warn", "unsure"): "warn",
    ("warn", "changed"): "fail",
    ("fail", "same"): "fail",
    ("fail", "unsure"): "fail",
    ("fail", "changed"): "fail",
    ("not_comparable", "same"): "not_comparable",
    ("not_comparable", "unsure"): "not_comparable",
    ("not_comparable", "changed"): "fail",
}

TOO_CERTAIN: Final = "the measured change is too certain for a vote to clear it"


class Opinion(BaseModel):
    """A model's opinion on the two pictures. `calls` is how often it was asked: twice, the second
    time with the pictures swapped, if its first vote would overrule the measured verdict."""

    model_config = ConfigDict(frozen=True)
    vote: Vote
    reasons: list[Reason] = []
    model: str = ""
    calls: int = 1


def verdict_after(done: CheckResult, vote: Vote) -> FidelityVerdict | None:
    """The verdict after a model's vote; None if nothing could be measured."""
    measured = done.check.verdict
    if measured is None or (vote == "same" and done.is_certain):
        return measured
    return TABLE[measured, vote]


def overrules(done: CheckResult, vote: Vote) -> bool:
    """Whether the vote would turn what was measured into its opposite: then the model is asked a
    second time."""
    measured = done.check.verdict
    contradicts = vote != "unsure" and (vote == "same") != (measured == "pass")
    return contradicts and verdict_after(done, vote) != measured


def combine(first: Opinion, second: Opinion) -> Opinion:
    """One opinion from two answers with the pictures swapped: what both say, else unsure."""
    vote: Vote = first.vote if first.vote == second.vote else "unsure"
    return first.model_copy(update={"vote": vote, "calls": first.calls + second.calls})


def add_opinion(done: CheckResult, opinion: Opinion) -> Check:
    """The check after the model's vote; a vote "changed" adds the model's reasons."""
    check, verdict = done.check, verdict_after(done, opinion.vote)
    if verdict is None:
        return check
    added = opinion.reasons if opinion.vote == "changed" else []
    judge = opinion.model_dump(mode="json") | {"measured": check.verdict}
    if opinion.vote == "same" and verdict in ("warn", "fail"):
        judge["why"] = TOO_CERTAIN
    reasons = [*check.reasons, *added]
    if verdict == "pass":
        reasons = [reason for reason in reasons if reason.code in OF_A_PASS]
    changed = {"verdict": verdict, "reasons": reasons, "judge": judge}
    return check.model_copy(update=changed)
