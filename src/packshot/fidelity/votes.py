"""Combines the measured verdict and a model's opinion."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from packshot.fidelity.verdicts import Check, FidelityVerdict, Reason

Vote = Literal["same", "changed", "unsure"]
#: Verdicts that a model is asked about with FIDELITY_JUDGE=doubtful. A "fail" is sure enough.
WORTH_ASKING: Final[tuple[FidelityVerdict, ...]] = ("warn", "not_comparable")

#: (the measured verdict, the model's vote) -> the verdict. A picture that could not be aligned with
#: the photo never passes, and a model's vote changes a verdict by at most one step.
TABLE: Final[dict[tuple[FidelityVerdict, Vote], FidelityVerdict]] = {
    ("pass", "same"): "pass",
    ("pass", "unsure"): "pass",
    ("pass", "changed"): "warn",
    ("warn", "same"): "pass",
    ("warn", "unsure"): "warn",
    ("warn", "changed"): "fail",
    ("fail", "same"): "warn",
    ("fail", "unsure"): "fail",
    ("fail", "changed"): "fail",
    ("not_comparable", "same"): "not_comparable",
    ("not_comparable", "unsure"): "not_comparable",
    ("not_comparable", "changed"): "fail",
}


class Opinion(BaseModel):
    """A model's opinion on the two pictures. `calls` is how often it was asked: twice, the second
    time with the pictures swapped, if its first vote contradicted the measured verdict."""

    model_config = ConfigDict(frozen=True)
    vote: Vote
    reasons: list[Reason] = []
    model: str = ""
    calls: int = 1


def differs(verdict: FidelityVerdict, vote: Vote) -> bool:
    """Whether the vote contradicts the measured verdict: then the model is asked a second time."""
    if vote == "unsure":
        return False
    return (vote == "same") != (verdict == "pass")


def combine(first: Opinion, second: Opinion) -> Opinion:
    """One opinion from two answers with the pictures swapped: what both say, else unsure."""
    vote: Vote = first.vote if first.vote == second.vote else "unsure"
    return first.model_copy(update={"vote": vote, "calls": first.calls + second.calls})


def add_opinion(check: Check, opinion: Opinion) -> Check:
    """The check after the model's vote; a vote "changed" adds the model's reasons."""
    if check.verdict is None:
        return check
    verdict = TABLE[check.verdict, opinion.vote]
    added = opinion.reasons if opinion.vote == "changed" else []
    changed = {
        "verdict": verdict,
        "reasons": [*check.reasons, *added] if verdict != "pass" else [],
        "judge": opinion.model_dump(mode="json") | {"measured": check.verdict},
    }
    return check.model_copy(update=changed)
