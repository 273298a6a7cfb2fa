"""A reviewer's decisions on pictures and products."""

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
)
from packshot.database.types import now
from packshot.errors import Conflict
from packshot.products.answers.alt_text import alt_text, analyses_of
from packshot.products.lookup import current_images, lock_image, lock_product
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
    if decide(session, product, image, decision):
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
    images = current_images(session, product)
    chosen = _ids_to_decide(product, images, image_ids)
    if images and not chosen and decision.status != REJECTED:
        raise _removed_error(product)
    changed = False
    for image in images:
        of_image = decision if image.id in chosen else replace(decision, status=REJECTED)
        changed = decide(session, product, image, of_image) or changed
    if changed:
        _update_status(session, product, outbox)
    return product


def _update_status(session: Session, product: Product, outbox: Outbox) -> None:
    """Set the product's status from those of its current round's pictures."""
    before = product.status
    product.move(status_of([image.status for image in current_images(session, product)]))
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
        for image in current_images(session, product)
        if image.status == APPROVED
    ]


def status_of(statuses: Sequence[str]) -> str:
    """A product's status from those of its current round's pictures."""
    if not statuses or PENDING in statuses:
        return PENDING_REVIEW
    return APPROVED if APPROVED in statuses else REJECTED


def _check_decidable(product: Product) -> None:
    if product.status in (PENDING, FAILED):
        raise Conflict(
            f"product {product.id} is {product.status}: there is nothing to decide yet",
            code="not_reviewable",
        )


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


def decide(session: Session, product: Product, image: ProductImage, decision: NewDecision) -> bool:
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
