"""Other views of a SKU, for an enhancer that uses them: only copies that are already stored."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import aliased

from packshot.database.engine import Database
from packshot.database.models import FAILED, REJECTED, Product
from packshot.enhancers.contract import Photo
from packshot.errors import FetchError, NotFound, PartlyUnavailable, PictureError
from packshot.pictures import imaging
from packshot.products.object_keys import normalised_key
from packshot.spreadsheets.view_words import view_key
from packshot.storage.digests import check_digest
from packshot.work.claiming.claim import Claim
from packshot.work.making.parts import Parts

log = logging.getLogger("packshot.views")

#: The most products of a SKU to look at: of many photos of one view only the first is used.
LOOKED_AT = 50


@dataclass(frozen=True)
class StoredView:
    """A view whose normalised copy is stored, and the digest of that copy."""

    view: str | None
    key: str
    sha256: str


def read_stored_photo(claim: Claim, parts: Parts) -> Photo:
    """The normalised copy as it was stored, with the other views. Raises NotFound, PictureError."""
    key = normalised_key(claim.namespace, claim.product_id, claim.photo_since)
    own = _read(StoredView(None, key, claim.normalised_sha256 or ""), parts)
    return with_other_views(claim, own, parts)


def with_other_views(claim: Claim, photo: Photo, parts: Parts) -> Photo:
    """The photo with up to `parts.reference_views` other views of its SKU by the same seller."""
    if not parts.reference_views or claim.sku is None:
        return photo
    found = find_views(parts.claims.database, claim)
    others = (_read_if_possible(each, parts) for each in found[: parts.reference_views])
    return replace(photo, others=tuple(other for other in others if other is not None))


def find_views(database: Database, claim: Claim) -> list[StoredView]:
    """One product of each other view, oldest first; not of the same photo as the claimed one.

    Without those that failed or were rejected: they may show another product.
    """
    this = aliased(Product)
    own = select(this.normalised_sha256).where(this.id == claim.product_id).scalar_subquery()
    same = select(
        *(Product.id, Product.view, Product.media_namespace),
        *(Product.photo_since, Product.normalised_sha256),
    ).where(
        Product.sku == claim.sku,
        Product.submitted_by.is_not_distinct_from(claim.submitted_by),
        Product.status.not_in((FAILED, REJECTED)),
        Product.media_namespace.is_not(None),
        Product.normalised_sha256.is_not(None),
        Product.normalised_sha256 != own,
        Product.raw_removed_at.is_(None),
    )
    views: dict[str, StoredView] = {}
    with database.read() as session:
        for product_id, view, namespace, since, digest in session.execute(
            same.order_by(Product.id).limit(LOOKED_AT)
        ):
            key = normalised_key(str(namespace), product_id, since)
            views.setdefault(view_key(view), StoredView(view, key, str(digest)))
    views.pop(view_key(claim.view), None)
    return list(views.values())


def _read_if_possible(view: StoredView, parts: Parts) -> Photo | None:
    """None when it is missing or changed: the picture is made without it."""
    try:
        return _read(view, parts)
    except (NotFound, FetchError, PartlyUnavailable, PictureError) as error:
        log.warning("no reference view from %s: %s", view.key, error.message)
        return None


def _read(view: StoredView, parts: Parts) -> Photo:
    data = parts.storage.get(view.key)
    check_digest(view.key, data, {view.sha256})
    header = parts.pixels.run(imaging.read_header, data)
    return Photo(data, header.mime_type, header.width, header.height, view=view.view)
