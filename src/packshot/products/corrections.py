"""Corrects the seller's data of a product, and the raw image of a failed one."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from packshot.database.engine import Database
from packshot.database.models import FAILED, Correction, Deletion, Product, ProductImage, Round
from packshot.database.types import now
from packshot.download.addresses import redact
from packshot.errors import Conflict
from packshot.products.batching import forget
from packshot.products.duplicates import digests_of_uploads, find_same_view, lock_duplicates
from packshot.products.terms import SEARCHED, write_terms

#: Field -> its values before and after.
Changes = dict[str, list[Any]]


def correct_product(
    session: Session,
    product: Product,
    who: str,
    given: Mapping[str, Any],
    *,
    allow_duplicate: bool = False,
) -> Changes:
    """Save the fields that differ, with an entry in the audit; return them as it shows them.

    Raises Conflict: `price_above_mrp`, `raw_image_fixed` for a product that has pictures or
    has not failed, and, unless `allow_duplicate`, `view_taken` if another product has the new
    SKU and view. Without a view several products of a SKU may be its views: see `note_on_view`.
    """
    values = find_changes(product, given)
    if not values:
        return {}
    if values.keys() & {"sku", "view"} and not allow_duplicate:
        _check_view(session, product, values)
    if "raw_image" in values:
        _replace_raw_image(session, product, values["raw_image"])
    changes = shown_changes(product, values)
    for name, value in values.items():
        setattr(product, name, value)
    if "sku" in values:
        _forget_numbers(session, product)
    session.add(Correction(product_id=product.id, who=who, changes=changes))
    if values.keys() & set(SEARCHED):
        write_terms(session, product)
    product.touch()
    return changes


def find_changes(product: Product, given: Mapping[str, Any]) -> dict[str, Any]:
    """The given fields that differ, with their new values. A discount that was the difference of
    the prices follows them.

    Raises Conflict (`price_above_mrp`).
    """
    values = {name: value for name, value in given.items() if getattr(product, name) != value}
    mrp, price = (values.get(name, getattr(product, name)) for name in ("mrp", "price"))
    if mrp is not None and price is not None and price > mrp:
        raise Conflict(
            f"the price of product {product.id} would be {price:,f}, above its MRP of {mrp:,f}:"
            " correct both at once",
            code="price_above_mrp",
        )
    follows = product.discount is not None and product.discount == _difference(
        product.mrp, product.price
    )
    if follows and "discount" not in given and values.keys() & {"mrp", "price"}:
        values["discount"] = _difference(mrp, price)
    return values


def _check_view(session: Session, product: Product, values: Mapping[str, Any]) -> None:
    """Raises Conflict (`view_taken`)."""
    sku, view = (values.get(name, getattr(product, name)) for name in ("sku", "view"))
    if not view:
        return
    lock_duplicates(session)
    other = find_same_view(session, product.id, sku, view)
    if other is not None:
        raise Conflict(
            f"{_named(other)} has this SKU and view already: exports would number the"
            " pictures of both as those of one product",
            code="view_taken",
        )


def note_on_view(database: Database, product_id: int, sku: str | None) -> str | None:
    """For a product without a view: which other one has its SKU and no view either."""
    with database.read() as session:
        other = find_same_view(session, product_id, sku, None)
        if other is None:
            return None
        named = _named(other)
    return f"{named} has this SKU without a view too: name their views if they are views"


def _named(product: Product) -> str:
    return f"product {product.id} ({product.name})" if product.name else f"product {product.id}"


def _difference(mrp: Decimal | None, price: Decimal | None) -> Decimal | None:
    return None if mrp is None or price is None else mrp - price


def shown_changes(product: Product, values: Mapping[str, Any]) -> Changes:
    """Each field with its value now and its new one, as the audit has them."""
    return {
        name: [_plain(name, getattr(product, name)), _plain(name, value)]
        for name, value in values.items()
    }


def _replace_raw_image(session: Session, product: Product, raw_image: str) -> None:
    """Start over with another photo: nothing from the old one is used."""
    pictures = select(func.count()).where(ProductImage.product_id == product.id)
    if product.status != FAILED or session.scalar(pictures):
        raise Conflict(
            f"product {product.id} keeps its raw image: only a failed product without pictures"
            " takes another one",
            code="raw_image_fixed",
        )
    rounds = session.scalars(select(Round).where(Round.product_id == product.id)).all()
    for each in rounds:
        each.enhancer = each.analysis = each.answer = each.refusals = None
        each.digests = each.warnings = None
    forget(session, product.id)
    if product.media_namespace is not None:  # a copy of the old photo may be stored there
        session.add(
            Deletion(
                product_id=product.id,
                namespace=product.media_namespace,
                rounds=max(product.round, 1),
                variants=max((each.wanted for each in rounds), default=0),
                not_before=now(),
            )
        )
    product.media_namespace = product.normalised_sha256 = None
    product.raw_sha256 = digests_of_uploads(session, {raw_image}).get(raw_image)
    product.raw_removed_at = product.raw_deleted_at = None


def _forget_numbers(session: Session, product: Product) -> None:
    """Drop the pictures' numbers: the next export numbers them among those of the new SKU."""
    mine = update(ProductImage).where(ProductImage.product_id == product.id)
    session.execute(mine.values(number=None))


def _plain(name: str, value: Any) -> Any:
    """A value as the audit shows it: an address without its query, which may be signed."""
    if name == "raw_image":
        return redact(value)
    return str(value) if isinstance(value, Decimal) else value
