"""Makes a product again: resumes its failed round, or opens the next one."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from packshot.database.models import APPROVED, FAILED, PENDING, REJECTED, Product, Round
from packshot.database.types import now
from packshot.errors import Conflict, NotAllowed
from packshot.products.batch_items import is_in_a_job
from packshot.products.intake.duplicates import find_sent_again, lock_duplicates
from packshot.products.lookup import Editor, check_may_change, current_images
from packshot.products.review.decisions import NewDecision, decide
from packshot.products.review.reasons import SUPERSEDED


def check_may_redo(session: Session, product: Product, by: Editor) -> None:
    """Let a key that only submits redo only its own products that nobody has decided on.

    A redo spends money and undoes decisions. Raises NotAllowed.
    """
    if not by.only_own:
        return
    check_may_change(product, by)
    decided = any(image.status != PENDING for image in current_images(session, product))
    if decided or product.status in (APPROVED, REJECTED):
        raise NotAllowed(
            f"product {product.id} was reviewed: only a key with the scope review may redo it"
        )


def redo(
    session: Session,
    product: Product,
    wanted: int,
    who: str,
    instructions: str | None,
    adjustments: Sequence[str] = (),
) -> None:
    """Queue the product again: resume a failed round, or open the next one with these wishes.

    Someone is waiting for it: the missing parts are requested at once, in any lane. Raises Conflict
    while the product is already waiting for work, and for a failed one whose photo was sent again.
    """
    if product.status == PENDING and (product.queued_at or product.batched_at):
        raise Conflict(f"product {product.id} is already waiting for its pictures")
    if product.status == FAILED and not instructions and not adjustments:
        _check_not_sent_again(session, product)
        _open_round_if_none(session, product, wanted)
        _queue(product)
    else:
        this_round = open_next_round(session, product, wanted, who)
        this_round.instructions = instructions
        this_round.adjustments = list(adjustments) or None
    if is_in_a_job(session, product):  # it is paid for: wait for its answers
        product.queued_at, product.batched_at = None, now()


def _check_not_sent_again(session: Session, product: Product) -> None:
    """Resuming both would pay for the pictures of one photo twice."""
    lock_duplicates(session)
    if (again := find_sent_again(session, product)) is not None:
        raise Conflict(
            f"the photo of product {product.id} was sent again after it failed: product {again} has"
            f" it, so product {product.id} can be deleted",
            code="sent_again",
        )


def _open_round_if_none(session: Session, product: Product, wanted: int) -> None:
    product.round = max(product.round, 1)
    this_round = session.get(Round, (product.id, product.round))
    if this_round is None:
        session.add(Round(product_id=product.id, number=product.round, wanted=wanted))
    else:
        this_round.lane = "standard"


def open_next_round(session: Session, product: Product, wanted: int, who: str) -> Round:
    """Close the current round, and queue the product for the next one."""
    _close_round(session, product, who)
    before = session.get(Round, (product.id, product.round))
    product.round += 1
    this_round = Round(
        product_id=product.id,
        number=product.round,
        wanted=wanted,
        pixel_lock=before.pixel_lock if before else None,
        asked_by=who,
    )
    session.add(this_round)
    _queue(product)
    return this_round


def _close_round(session: Session, product: Product, who: str) -> None:
    superseded = NewDecision(REJECTED, who, SUPERSEDED)
    for image in current_images(session, product):
        if image.status == PENDING:
            decide(session, product, image, superseded)


def _queue(product: Product) -> None:
    """Put the product into the queue."""
    product.move(PENDING)
    product.queued_at = now()
    product.batched_at = None
    product.sent_at = product.not_before = None
    product.token = product.lease_until = None
    product.error = product.error_code = None
    product.attempts = 0
    product.touch()
