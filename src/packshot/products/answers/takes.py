"""The takes of a picture that is made again, as the API and the desk show them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from packshot.database.models import ProductImage, Take
from packshot.products.answers.fidelity import FidelityOut, fidelity_of
from packshot.products.object_keys import media_url, previews
from packshot.products.seller_fields import AmountOut
from packshot.products.takes import GOING_ON, WAITING

Place = tuple[int, int, int]  # product, round, variant
Takes = Mapping[Place, Sequence[Take]]
BEING_MADE: Final = "being made again"
BEING_MEASURED: Final = "made again, and being checked"


class TakeOut(BaseModel):
    """One making of a picture: 1 is the first. The current one is the picture itself."""

    number: int
    state: Literal["waiting", "made", "measured", "not_made"]
    outcome: str | None = Field(
        description="better, not_better, decided, unchecked, or the reason it was not made"
    )
    stands: bool = Field(description="it is the one that is shown and exported")
    facts: list[str] = Field(
        description="what the photo shows and the previous take got wrong; added to its prompt"
    )
    media_url: str | None
    previews: dict[int, str]
    prompt: str | None
    model: str | None
    width: int | None
    height: int | None
    bytes: int | None
    sha256: str | None
    fidelity: FidelityOut | None
    cost: AmountOut | None = Field(description="US dollars, without its check")
    opened_at: datetime
    removed_at: datetime | None


class RemakeOut(BaseModel):
    """A picture that failed its check and is made again; `words` give the result."""

    going_on: bool = Field(description="do not approve it in bulk yet")
    words: str
    takes: list[TakeOut]


def read_takes(session: Session, images: Sequence[ProductImage]) -> Takes:
    """The takes of these pictures, in one query, or in none if no picture was checked."""
    ids = {image.product_id for image in images if image.fidelity}
    found: dict[Place, list[Take]] = defaultdict(list)
    if ids:
        rows = select(Take).where(Take.product_id.in_(ids)).order_by(Take.number)
        for take in session.scalars(rows):
            found[take.product_id, take.round, take.variant].append(take)
    return found


def remake_of(image: ProductImage, takes: Takes) -> RemakeOut | None:
    """The remakes of a picture; None if it was made only once."""
    mine = takes.get((image.product_id, image.round, image.variant))
    if not mine:
        return None
    last = mine[-1]
    words = BEING_MADE if last.state == WAITING else last.words or BEING_MEASURED
    shown = [_take_out(take, image) for take in mine]
    return RemakeOut(going_on=last.state in GOING_ON, words=words, takes=shown)


def _take_out(take: Take, image: ProductImage) -> TakeOut:
    stands = take.object_key is not None and take.object_key == image.object_key
    removed = image.removed_at if stands else take.removed_at
    key = take.object_key if removed is None else None
    names = TakeOut.model_fields.keys() & take.__table__.columns.keys()
    columns = {name: getattr(take, name) for name in names}
    return TakeOut(
        **columns
        | {
            "stands": stands,
            "facts": take.facts or [],
            "media_url": media_url(key) if key else None,
            "previews": previews(key, take.width, take.height) if key else {},
            "fidelity": fidelity_of(take, removed=removed is not None) if key else None,
            "removed_at": removed,
        }
    )
