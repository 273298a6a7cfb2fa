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
from packshot.products.batch_items import forget
from packshot.products.intake.duplicates import (
    digests_of_uploads,
    lock_duplicates,
    others_of_sku,
)
from packshot.products.object_keys import name_of_upload
from packshot.products.terms import SEARCHED, write_terms
from packshot.spreadsheets.view_words import view_key

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
    has not failed, and, unless `allow_duplicate`, `view_taken` if exports would mix its pictures
    with those of another product: see `_why_mixed`.
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
    discount = _difference(mrp, price)
    if follows and "discount" not in given and discount != product.discount:
        values["discount"] = discount
    return values


def _check_view(session: Session, product: Product, values: Mapping[str, Any]) -> None:
    """Raises Conflict (`view_taken`)."""
    sku, view, name = (values.get(one, getattr(product, one)) for one in ("sku", "view", "name"))
    lock_duplicates(session)
    for other in others_of_sku(session, product.id, sku):
        if why := _why_mixed(other, view, name, is_moved="sku" in values):
            raise Conflict(
                f"{_named(other)} has {why}: exports would number the pictures of both as those"
                " of one product",
                code="view_taken",
            )


def _why_mixed(other: Product, view: str | None, name: str | None, *, is_moved: bool) -> str | None:
    """Why a product with this view and name is not surely another view of what the other one of
    its SKU shows; None if it is. A product that keeps its SKU needs only another view."""
    if view_key(other.view) == view_key(view):
        return "this SKU and view already" if view else "this SKU already, and no view either"
    if is_moved and not view:
        return "this SKU already, and this product has no view that tells them apart"
    if is_moved and name and other.name and name.casefold() != other.name.casefold():
        return f"this SKU already, and its name is not {name}"
    return None


def note_on_sku(database: Database, product_id: int, sku: str | None) -> str | None:
    """Which other product shows the same SKU, for the answer to a correction."""
    with database.read() as session:
        others = others_of_sku(session, product_id, sku)
        if not others:
            return None
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        return f"exports number its pictures with those of {_named(others[0])}{more}, of SKU {sku}"


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
    session.add(
        Deletion(
            product_id=product.id,
            namespace=product.media_namespace,  # a copy of the old photo may be stored there
            rounds=max(product.round, 1),
            variants=max((each.wanted for each in rounds), default=0),
            upload=name_of_upload(product.raw_image),
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
