"""Takes: a picture whose fidelity check failed is made again, and the better of the two is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from packshot.database.models import (
    PENDING,
    PENDING_REVIEW,
    BatchItem,
    Call,
    Correction,
    PictureColumns,
    Product,
    ProductImage,
    Round,
    Take,
)
from packshot.database.types import now
from packshot.errors import Conflict, NotFound
from packshot.fidelity.facts import facts_of
from packshot.fidelity.verdicts import Reason
from packshot.products.batch_items import late_requests, waiting_item

WAITING: Final = "waiting"
MADE: Final = "made"
MEASURED: Final = "measured"
NOT_MADE: Final = "not_made"
#: States of an unfinished take: a reviewer may want to wait for it.
GOING_ON: Final = (WAITING, MADE)
#: The kind of a take's calls in the ledger.
REMAKE: Final = "remake"

#: Why a take is not made when the day's budget is spent.
NO_BUDGET: Final = "the day's budget is spent"

#: The outcomes of a take that was checked, and their words.
BETTER: Final = "better"
NOT_BETTER: Final = "not_better"
DECIDED: Final = "decided"
UNCHECKED: Final = "unchecked"
WORDS: Final = {
    BETTER: "made again: the new picture is better and was kept",
    NOT_BETTER: "made again: the new picture is no better, so the earlier one was kept",
    DECIDED: "made again, but a reviewer had already decided: the earlier picture was kept",
    UNCHECKED: "made again, but not checked (FIDELITY=off, or its photo was replaced): the earlier"
    " picture was kept",
}
#: A better verdict has a higher rank; no verdict has the lowest.
RANKS: Final = {"fail": 1, "not_comparable": 2, "warn": 3, "pass": 4}
#: The columns that the picture's row copies from the current take.
COPIED: Final = (*PictureColumns.__annotations__, "image_url")


@dataclass(frozen=True)
class Remakes:
    """Pictures of this enhancer are made again, each at most `most` times."""

    enhancer: str
    most: int


def is_undecided(product: Product, image: ProductImage) -> bool:
    """Whether the picture still waits for a decision."""
    waits = product.status in (PENDING, PENDING_REVIEW) and product.round == image.round
    return waits and image.status == PENDING and image.removed_at is None


def open_next(
    session: Session, product: Product, image: ProductImage, remakes: Remakes
) -> Take | None:
    """Open the next take of a picture whose check failed, if it may be made again."""
    if image.verdict != "fail" or image.enhancer != remakes.enhancer:
        return None
    takes = takes_of(session, image)
    made = takes[-1].number if takes else 1
    if made > remakes.most or not is_undecided(product, image):
        return None
    if not takes:
        session.add(_first_take(session, image))
    following = _next_take(image, made + 1)
    _wait_in_batch_lane(session, following)
    session.add(following)
    return following


def _first_take(session: Session, image: ProductImage) -> Take:
    """A copy of the first picture, which is current until there is a better one."""
    first = Take(**_place_of(image), number=1, state=MEASURED, opened_at=image.created_at)
    _copy(image, first)
    first.check_due = None  # its check is over
    first.cost = spent_on(session, first, "picture")
    return first


def spent_on(session: Session, take: Take, kind: str = REMAKE) -> Decimal | None:
    """The cost of the calls that made a take, in US dollars, without those that checked it."""
    return session.scalar(select(func.sum(Call.cost)).where(*calls_of(take, kind)))


def calls_of(take: Take, kind: str = REMAKE) -> tuple[ColumnElement[bool], ...]:
    """The calls that made a take: those since it was opened, as takes never overlap."""
    place = (Call.product_id == take.product_id, Call.round == take.round)
    mine = (*place, Call.variant == take.variant, Call.kind == kind)
    return mine if kind != REMAKE else (*mine, Call.sent_at >= take.opened_at)


def _next_take(image: ProductImage, number: int) -> Take:
    reasons = [Reason.model_validate(one) for one in (image.fidelity or {}).get("reasons") or []]
    return Take(
        **_place_of(image),
        number=number,
        state=WAITING,
        facts=facts_of(reasons),
        opened_at=now(),
        due_at=now(),
    )


def _wait_in_batch_lane(session: Session, take: Take) -> None:
    """In the batch lane, let the take wait for a batch job instead of being due at once."""
    place = (take.product_id, take.round)
    this_round = session.get(Round, place)
    late = session.scalar(late_requests(*place).limit(1)) is not None
    if this_round is None or this_round.lane != "batch" or late:
        return
    take.due_at = None
    session.add(waiting_item(*place, take.variant, take.number))


def end(take: Take, outcome: str, why: str) -> None:
    """End a take that could not be made."""
    take.state, take.outcome, take.words = NOT_MADE, outcome, f"not made again: {why}"
    take.due_at = take.token = None


def skip_check(take: Take) -> None:
    """Finish a take without a check: the earlier picture stays."""
    take.state, take.outcome, take.words = MEASURED, UNCHECKED, WORDS[UNCHECKED]
    take.check_due = None


def finish_check(
    session: Session,
    product: Product,
    image: ProductImage,
    take: Take,
    remakes: Remakes | None,
) -> None:
    """After a take's check, keep the better of the two, unless a reviewer decided meanwhile."""
    take.state, take.outcome = MEASURED, NOT_BETTER
    if not is_undecided(product, image):
        take.outcome = DECIDED
    elif is_better(take, image):
        take.outcome = BETTER
        _copy(take, image)
        image.updated_at = now()
    take.words = WORDS[take.outcome]
    session.flush()
    if remakes is not None:
        open_next(session, product, image, remakes)


def choose(who: str, number: int, session: Session, product: Product, image: ProductImage) -> None:
    """Make this take the current one, as a reviewer asked. Raises NotFound, Conflict."""
    takes = takes_of(session, image)
    chosen = next((take for take in takes if take.number == number), None)
    if chosen is None or chosen.object_key is None:
        raise NotFound(f"picture {image.id} has no take {number}")
    if product.status != PENDING_REVIEW or not is_undecided(product, image):
        raise Conflict(
            f"picture {image.id} is decided, or its round is closed: undo that first",
            code="not_reviewable",
        )
    if any(take.state in GOING_ON for take in takes):
        raise Conflict(f"picture {image.id} is being made again: wait", code="being_made_again")
    if chosen.removed_at is not None:
        raise Conflict(f"take {number} was removed to save space", code="removed")
    if chosen.object_key == image.object_key:
        return
    before = next(take.number for take in takes if take.object_key == image.object_key)
    changes = {f"take of picture {image.id}": [before, number]}
    session.add(Correction(product_id=product.id, who=who, changes=changes))
    _copy(chosen, image)
    image.updated_at = now()
    product.touch()


def is_better(new: PictureColumns, old: PictureColumns) -> bool:
    """Compare by verdict, then by score; the old one stays if both are equal."""
    return _rank(new) > _rank(old)


def _rank(made: PictureColumns) -> tuple[int, float]:
    return RANKS.get(made.verdict or "", 0), made.fidelity_score or 0.0


def is_its_picture() -> ColumnElement[bool]:
    """The condition that joins a take with its picture."""
    return and_(
        ProductImage.product_id == Take.product_id,
        ProductImage.round == Take.round,
        ProductImage.variant == Take.variant,
    )


def is_take(product_id: int, round_number: int, variant: int, number: int) -> ColumnElement[bool]:
    """The condition that selects one take."""
    return and_(
        Take.product_id == product_id,
        Take.round == round_number,
        Take.variant == variant,
        Take.number == number,
    )


def is_request_for(take: Take | type[Take]) -> ColumnElement[bool]:
    """The condition that selects a take's requests in batch jobs; with `Take`, a join."""
    return and_(
        BatchItem.product_id == take.product_id,
        BatchItem.round == take.round,
        BatchItem.variant == take.variant,
        BatchItem.take == take.number,
    )


def picture_of(session: Session, take: Take) -> ProductImage | None:
    """The picture that this is a take of; None if it was deleted."""
    place = {"product_id": take.product_id, "round": take.round, "variant": take.variant}
    return session.scalar(select(ProductImage).filter_by(**place))


def takes_of(session: Session, image: ProductImage) -> Sequence[Take]:
    """All takes of a picture in order; none if it was made only once."""
    mine = select(Take).filter_by(**_place_of(image))
    return session.scalars(mine.order_by(Take.number)).all()


def _place_of(image: ProductImage) -> dict[str, int]:
    return {"product_id": image.product_id, "round": image.round, "variant": image.variant}


def _copy(source: PictureColumns, target: PictureColumns) -> None:
    for name in COPIED:
        setattr(target, name, getattr(source, name))
