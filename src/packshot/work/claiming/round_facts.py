"""Facts about a claim's round: its lane, its requests in batch jobs, and why it is a redo."""

from __future__ import annotations

from itertools import takewhile

from sqlalchemy import select
from sqlalchemy.orm import Session

from packshot.database.models import (
    REJECTED,
    BatchItem,
    Decision,
    Product,
    ProductImage,
    Round,
)
from packshot.database.types import now
from packshot.enhancers.adjustments import sum_up
from packshot.lanes import LANES, Lane
from packshot.products.batch_items import late_requests

#: The most reasons from a rejected round that the enhancer gets for the next one.
COMPLAINTS = 10


def lane_of(session: Session, this_round: Round, deadline: float) -> Lane:
    """The round's lane, or standard when it is late: flex `deadline` seconds after the round was
    opened, batch once a request waited that long for a job or its answer.
    """
    if this_round.lane not in LANES[1:]:  # None: the round is not in the database yet
        return "standard"
    late = select(Round.number).where(
        Round.product_id == this_round.product_id,
        Round.number == this_round.number,
        Round.opened_at <= now(-deadline),
    )
    if this_round.lane == "batch":
        late = late_requests(this_round.product_id, this_round.number)
    return "standard" if session.scalar(late.limit(1)) is not None else this_round.lane


def batched_variants(session: Session, this_round: Round) -> frozenset[int]:
    """The variants of the round that were requested in a batch job."""
    if this_round.lane != "batch":
        return frozenset()
    mine = (BatchItem.product_id == this_round.product_id, BatchItem.round == this_round.number)
    first = BatchItem.take == 1
    return frozenset(session.scalars(select(BatchItem.variant).where(*mine, first)))


def adjustments_of(session: Session, product: Product, this_round: Round) -> tuple[str, ...]:
    """What a redo should change of the photo: what was chosen for it, beyond what was chosen for
    the redos right before it. A round without choices starts over."""
    if not this_round.adjustments:
        return ()
    earlier = session.scalars(
        select(Round.adjustments)
        .where(
            Round.product_id == product.id,
            Round.number >= product.photo_since,
            Round.number < this_round.number,
        )
        .order_by(Round.number.desc())
    )
    chain = [this_round.adjustments, *takewhile(bool, earlier)]
    return sum_up(each for each in reversed(chain) if each)


def complaints_of(session: Session, product: Product, this_round: Round) -> tuple[str, ...]:
    """Why the pictures of the previous round are rejected: each reason once, unchanged.

    None for the first round of a photo. Without the wishes of the redo, which the desk also sends
    as the note of the rejection.
    """
    if this_round.number <= product.photo_since:
        return ()
    given = session.execute(
        select(Decision.reason, Decision.note)
        .join(ProductImage, ProductImage.id == Decision.image_id)
        .where(
            ProductImage.product_id == product.id,
            ProductImage.round == this_round.number - 1,
            ProductImage.status == REJECTED,
            Decision.status == REJECTED,
        )
        .order_by(Decision.id)
    )
    reasons = dict.fromkeys(_complaint(reason, note) for reason, note in given)
    others = [words for words in reasons if words and words != this_round.instructions]
    return tuple(others[-COMPLAINTS:])


def _complaint(reason: str | None, note: str | None) -> str:
    given = None if reason in {"superseded", "other"} else reason
    return ": ".join(part for part in (given and given.replace("_", " "), note) if part)
