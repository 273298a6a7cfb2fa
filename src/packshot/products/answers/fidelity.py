"""A picture's fidelity check and pixel lock, as the API, the desk and exports show them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from packshot.database.models import PictureColumns
from packshot.fidelity.locks import Lock
from packshot.fidelity.verdicts import FidelityVerdict, Placement, Reason
from packshot.fidelity.votes import Vote
from packshot.products.object_keys import changes_key, lock_key, made_key, media_url


class JudgeOut(BaseModel):
    """A model's vote next to the measure's own verdict (`measured`). `why`: the reason for which
    there is no `vote`, or it changed nothing. `calls`: 2 if the model was asked again, with the
    pictures swapped, because its vote would have overruled the measure."""

    vote: Vote | None
    measured: FidelityVerdict | None = None
    model: str | None = None
    calls: int | None = None
    why: str | None = None


class FidelityOut(BaseModel):
    """Whether the picture still shows the photo's product. `verdict` is null until it is measured,
    or when it can't be: `reasons` says which. Boxes are left, top, right and bottom in shares of
    the picture."""

    verdict: FidelityVerdict | None
    score: float | None = Field(description="0 to 1; above 0.5 passes")
    reasons: list[Reason]
    measures: dict[str, float]
    judged: float | None = Field(
        description="share of the product compared pixel by pixel; of the rest only the outline was"
    )
    lines: int | None = Field(description="printed lines compared; null: no text was read")
    placement: Placement | None = Field(
        description="where the photo lies in the picture so that their products cover each other"
    )
    change_map: str | None = Field(description="the picture with the differences drawn over it")
    judge: JudgeOut | None = Field(description="a model's second opinion, if it was asked")
    version: str | None = Field(description="the day on which the check's weights were fitted")


NOT_YET = Reason(code="not_measured_yet", words="not measured yet")


def fidelity_of(made: PictureColumns, *, removed: bool) -> FidelityOut | None:
    """The check's result; None for a picture that is not checked: FIDELITY=off, or made before
    checks existed."""
    found: dict[str, Any] = made.fidelity or {}
    if not found and made.check_due is None:
        return None
    shown = found.get("has_map") and made.object_key and not removed
    return FidelityOut(
        verdict=found.get("verdict"),
        score=found.get("score"),
        reasons=found.get("reasons") or ([] if found else [NOT_YET]),
        measures=found.get("measures") or {},
        judged=found.get("judged"),
        lines=found.get("lines"),
        placement=found.get("placement"),
        change_map=media_url(changes_key(made.object_key or "")) if shown else None,
        judge=found.get("judge"),
        version=found.get("version"),
    )


class PixelLockOut(Lock):
    """Whether the product's pixels are the photo's own, and why they are not. `mask` and `made` are
    addresses: the picture with only those pixels in colour, and as it was before the lock."""

    mask: str | None = Field(None, description="shows which pixels are the photo's own")
    made: str | None = Field(None, description="the picture before the lock, at most 1,600 px")


def pixel_lock_of(made: PictureColumns, *, removed: bool) -> PixelLockOut | None:
    """None for a picture that no lock was asked for."""
    if made.pixel_lock is None:
        return None
    found = PixelLockOut.model_validate(made.pixel_lock)
    if not found.locked or made.object_key is None or removed:
        return found
    key = made.object_key
    shown = {"mask": media_url(lock_key(key)), "made": media_url(made_key(key))}
    return found.model_copy(update=shown)
