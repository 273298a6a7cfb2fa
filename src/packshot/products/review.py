"""A reviewer's decisions on pictures and products, and the redo that opens the next round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from packshot.database.models import (
    APPROVED,
    FAILED,
    PENDING,
    PENDING_REVIEW,
    REJECTED,
    Decision,
    Product,
    ProductImage,
    Round,
)
from packshot.database.types import now
from packshot.errors import Conflict, NotAllowed, NotFound
from packshot.products.alt_text import alt_text, analyses_of
from packshot.products.batch_items import is_in_a_job
from packshot.products.duplicates import find_sent_again
from packshot.products.reasons import SUPERSEDED
from packshot.products.views import view_of
from packshot.webhooks.outbox import Outbox


@dataclass(frozen=True)
class NewDecision:
    """A decision on a picture or a product, with its author and reason."""

    status: str
    who: str
    reason: str | None = None
    note: str | None = None


def decide_image(
    session: Session, image_id: int, decision: NewDecision, if_version: int | None, outbox: Outbox
) -> Product:
    """Decide on one picture, or undo the decision (`pending`). Raises NotFound, Conflict."""
    product, image = lock_image(session, image_id, if_version)
    _check_decidable(product)
    if image.round != product.round:
        raise Conflict(
            f"picture {image_id} belongs to round {image.round}, which is closed:"
            f" product {product.id} is at round {product.round}",
            code="round_closed",
        )
    if _decide(session, product, image, decision):
        _update_status(session, product, outbox)
    return product


def review_product(
    session: Session,
    product_id: int,
    decision: NewDecision,
    image_ids: Sequence[int] | None,
    if_version: int | None,
    outbox: Outbox,
) -> Product:
    """Decide on a whole product: approving approves the named pictures and rejects the rest."""
    product = lock_product(session, product_id, if_version)
    _check_decidable(product)
    images = _images(session, product)
    chosen = _ids_to_decide(product, images, image_ids)
    if images and not chosen and decision.status != REJECTED:
        raise _removed_error(product)
    changed = False
    for image in images:
        of_image = decision if image.id in chosen else replace(decision, status=REJECTED)
        changed = _decide(session, product, image, of_image) or changed
    if changed:
        _update_status(session, product, outbox)
    return product


def check_is_own(product: Product, who: str, only_submits: bool) -> None:
    """Let a key that only submits change only what it created itself. Raises NotAllowed."""
    if only_submits and product.submitted_by != who:
        raise NotAllowed(
            f"product {product.id} was submitted with another key: only one with the scope review"
            " may change it"
        )


def check_may_redo(session: Session, product: Product, who: str, only_submits: bool) -> None:
    """Let a key that only submits redo only its own products that nobody has decided on.

    A redo spends money and undoes decisions. Raises NotAllowed.
    """
    if not only_submits:
        return
    check_is_own(product, who, only_submits)
    decided = any(image.status != PENDING for image in _images(session, product))
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
    if (again := find_sent_again(session, product)) is not None:
        raise Conflict(
            f"the photo of product {product.id} was sent again after it failed: product {again} has"
            f" it, so product {product.id} can be deleted",
            code="sent_again",
        )


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


def _open_round_if_none(session: Session, product: Product, wanted: int) -> None:
    product.round = max(product.round, 1)
    this_round = session.get(Round, (product.id, product.round))
    if this_round is None:
        session.add(Round(product_id=product.id, number=product.round, wanted=wanted))
    else:
        this_round.lane = "standard"


def _close_round(session: Session, product: Product, who: str) -> None:
    superseded = NewDecision(REJECTED, who, SUPERSEDED)
    for image in _images(session, product):
        if image.status == PENDING:
            _decide(session, product, image, superseded)


def _update_status(session: Session, product: Product, outbox: Outbox) -> None:
    """Set the product's status from those of its current round's pictures."""
    before = product.status
    product.move(status_of([image.status for image in _images(session, product)]))
    product.touch()
    session.flush()
    if product.status != before or product.status != PENDING_REVIEW:
        outbox.add(session, product.id, _approved_pictures(session, product))


def _approved_pictures(session: Session, product: Product) -> list[dict[str, object]]:
    """The approved pictures of the current round, as a webhook lists them."""
    analysis = analyses_of(session, [product.id]).get((product.id, product.round))
    return [
        {
            "id": image.id,
            "image_url": image.image_url,
            "alt_text": alt_text(product, image, analysis),
            "verdict": image.verdict,
            "fidelity_score": image.fidelity_score,
        }
        for image in _images(session, product)
        if image.status == APPROVED
    ]


def status_of(statuses: Sequence[str]) -> str:
    """A product's status from those of its current round's pictures."""
    if not statuses or PENDING in statuses:
        return PENDING_REVIEW
    return APPROVED if APPROVED in statuses else REJECTED


def get_product(session: Session, product_id: int) -> Product:
    product = session.get(Product, product_id)
    if product is None:
        raise NotFound(f"there is no product {product_id}")
    return product


def lock_product(session: Session, product_id: int, if_version: int | None) -> Product:
    product = session.get(Product, product_id, with_for_update=True, populate_existing=True)
    if product is None:
        raise NotFound(f"there is no product {product_id}")
    if if_version is not None and product.version != if_version:
        raise Conflict(
            f"product {product_id} was changed in the meantime",
            code="stale",
            state=view_of(session, product),
        )
    return product


def lock_image(
    session: Session, image_id: int, if_version: int | None
) -> tuple[Product, ProductImage]:
    """A picture with its product. The product is locked before the picture is read, so that no
    decision, take or removal can change the picture afterwards. Raises NotFound, Conflict."""
    product_id = session.scalar(select(ProductImage.product_id).filter_by(id=image_id))
    product = lock_product(session, product_id, if_version) if product_id else None
    image = session.get(ProductImage, image_id) if product else None
    if product is None or image is None:
        raise NotFound(f"there is no picture {image_id}")
    return product, image


def _check_decidable(product: Product) -> None:
    if product.status in (PENDING, FAILED):
        raise Conflict(
            f"product {product.id} is {product.status}: there is nothing to decide yet",
            code="not_reviewable",
        )


def _images(session: Session, product: Product) -> Sequence[ProductImage]:
    return session.scalars(
        select(ProductImage)
        .where(ProductImage.product_id == product.id, ProductImage.round == product.round)
        .order_by(ProductImage.variant)
    ).all()


def _ids_to_decide(
    product: Product, images: Sequence[ProductImage], image_ids: Sequence[int] | None
) -> set[int]:
    if image_ids is None:
        return {image.id for image in images if image.removed_at is None}
    unknown = set(image_ids) - {image.id for image in images}
    if unknown:
        raise Conflict(
            f"pictures {sorted(unknown)} are not in the current round of product {product.id}",
            code="not_in_round",
        )
    return set(image_ids)


def _decide(session: Session, product: Product, image: ProductImage, decision: NewDecision) -> bool:
    """Record the decision; False if it repeats the last one, and so changes nothing."""
    if image.status == decision.status and not _adds_something(session, image, decision):
        return False
    if image.removed_at is not None and image.status != decision.status:
        raise _removed_error(product)
    session.add(_record_of(product, image, decision))
    image.status = decision.status
    image.found_after_approval = False
    image.updated_at = now()
    return True


def _record_of(product: Product, image: ProductImage, decision: NewDecision) -> Decision:
    return Decision(
        product_id=product.id,
        image_id=image.id,
        status=decision.status,
        previous=image.status,
        reason=decision.reason,
        note=decision.note,
        who=decision.who,
    )


def _adds_something(session: Session, image: ProductImage, decision: NewDecision) -> bool:
    """Whether a repeated decision says more: a reason, a note, or that a later finding was seen."""
    if image.found_after_approval:
        return True
    if decision.reason is None and decision.note is None:
        return False
    last = session.scalars(
        select(Decision).where(Decision.image_id == image.id).order_by(Decision.id.desc()).limit(1)
    ).first()
    return last is None or (last.reason, last.note) != (decision.reason, decision.note)


def _removed_error(product: Product) -> Conflict:
    return Conflict(
        f"the rejected pictures of product {product.id} were removed to save space: request a redo",
        code="removed",
    )


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
