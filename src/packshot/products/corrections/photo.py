"""Replaces a product's photo: the next round is made from the new one."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from packshot.database.models import (
    FAILED,
    PENDING,
    Correction,
    Deletion,
    Product,
    ProductImage,
    Round,
    Take,
)
from packshot.database.types import now
from packshot.errors import Conflict
from packshot.products.batch_items import forget
from packshot.products.corrections.product import shown_changes
from packshot.products.intake.duplicates import digests_of_uploads
from packshot.products.object_keys import name_of_upload
from packshot.products.review.redo import open_next_round
from packshot.products.takes import MADE, skip_check


def replace_photo(
    session: Session, product: Product, raw_image: str, wanted: int, who: str
) -> bool:
    """Queue the product with another photo; False where it has this photo already.

    It keeps its number and data. The earlier pictures stay in its history; exports have only those
    of the current round. Raises Conflict (`being_made`) while pictures are made.
    """
    sha256 = digests_of_uploads(session, {raw_image}).get(raw_image)
    same_bytes = sha256 is not None and sha256 == product.raw_sha256
    if product.status != FAILED and (raw_image == product.raw_image or same_bytes):
        return False
    if product.status == PENDING:
        raise Conflict(
            f"pictures of product {product.id} are being made from its photo: wait for them, or"
            " cancel the product, before you replace its photo",
            code="being_made",
        )
    changes = shown_changes(product, {"raw_image": raw_image})
    session.add(Correction(product_id=product.id, who=who, changes=changes))
    _end_checks(session, product)
    forget(session, product.id)
    _remove_upload(session, product)
    before = session.get(Round, (product.id, product.round))
    product.raw_image, product.raw_sha256 = raw_image, sha256
    product.normalised_sha256 = product.raw_removed_at = product.raw_deleted_at = None
    this_round = open_next_round(session, product, wanted, who)
    if before is not None:
        this_round.lane = before.lane
    product.photo_since = product.round
    return True


def _remove_upload(session: Session, product: Product) -> None:
    """Let the upload of the photo be removed, if no other product needs it."""
    upload = name_of_upload(product.raw_image)
    if upload is not None:
        session.add(
            Deletion(product_id=product.id, rounds=0, variants=0, upload=upload, not_before=now())
        )


def _end_checks(session: Session, product: Product) -> None:
    """No earlier picture is compared with the new photo."""
    mine = update(ProductImage).where(ProductImage.product_id == product.id)
    session.execute(mine.values(check_due=None))
    made = select(Take).where(Take.product_id == product.id, Take.state == MADE)
    for take in session.scalars(made):
        skip_check(take)
