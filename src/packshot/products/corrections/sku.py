"""Corrects every product of a SKU at once, as the rows of a spreadsheet say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from packshot.database.engine import Database
from packshot.database.locks import lock_products
from packshot.database.models import Product
from packshot.errors import Conflict, NotAllowed
from packshot.products.corrections.product import (
    Changes,
    correct_product,
    find_changes,
    shown_changes,
)
from packshot.products.intake.idempotency import (
    Idempotency,
    earlier_answer,
    refuse_while_running,
    remember_answer,
)
from packshot.products.lookup import Editor, check_may_change
from packshot.spreadsheets.fields import MAX_ATTRIBUTE_BYTES, MAX_ATTRIBUTES


@dataclass(frozen=True)
class SkuFacts:
    """What a spreadsheet says of a SKU. Of the attributes only those named change."""

    sku: str
    given: Mapping[str, Any]


@dataclass(frozen=True)
class SkuProduct:
    """A product of the SKU at this index, and its changes; `refused` says why it keeps its own."""

    index: int
    product_id: int
    view: str | None
    changes: Changes = field(default_factory=dict)
    refused: str | None = None


def preview_corrections(
    database: Database, facts: Sequence[SkuFacts], by: Editor
) -> list[SkuProduct]:
    """What `correct_skus` would do now."""

    def preview(product: Product, given: Mapping[str, Any]) -> Changes:
        return shown_changes(product, find_changes(product, given))

    with database.read() as session:
        found = _products(session, facts)
        return list(_each(found, facts, by, preview))


def correct_skus(
    database: Database,
    facts: Sequence[SkuFacts],
    by: Editor,
    idempotency: Idempotency | None = None,
) -> list[SkuProduct]:
    """Correct the products of these SKUs in one transaction, each with an entry in the audit.

    The same idempotency key changes nothing and gives the same answer. Raises Conflict, as
    `create_batch` does.
    """
    with refuse_while_running(), database.write() as session:
        before = earlier_answer(session, idempotency)
        if before is not None:
            return [SkuProduct(**each) for each in before["products"]]

        def correct(product: Product, given: Mapping[str, Any]) -> Changes:
            return correct_product(session, product, by.name, given)

        ids = {product.id for product in _products(session, facts)}
        lock_products(session.connection(), ids)
        session.expire_all()
        # A product that was created meanwhile has no lock, and is as new as the facts.
        locked = [product for product in _products(session, facts) if product.id in ids]
        found = list(_each(locked, facts, by, correct))
        remember_answer(session, idempotency, {"products": [vars(each) for each in found]})
        return found


def _products(session: Session, facts: Sequence[SkuFacts]) -> Sequence[Product]:
    skus = [each.sku for each in facts]
    return session.scalars(
        select(Product).where(Product.sku.in_(skus)).order_by(Product.sku, Product.id)
    ).all()


def _each(
    products: Sequence[Product], facts: Sequence[SkuFacts], by: Editor, change: Any
) -> Iterator[SkuProduct]:
    indexes = {each.sku: index for index, each in enumerate(facts)}
    for product in products:
        index = indexes[product.sku or ""]
        try:
            check_may_change(product, by)
            changes = change(product, _with_attributes(product, facts[index].given))
            yield SkuProduct(index, product.id, product.view, changes)
        except (Conflict, NotAllowed) as error:
            yield SkuProduct(index, product.id, product.view, refused=error.message)


def _with_attributes(product: Product, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The facts with the product's other attributes. Raises Conflict where these are too many."""
    if not given.get("attributes"):
        return {name: value for name, value in given.items() if name != "attributes"}
    both = (product.attributes or {}) | given["attributes"]
    size = sum(len(f"{name}{text}".encode()) for name, text in both.items())
    if len(both) > MAX_ATTRIBUTES or size > MAX_ATTRIBUTE_BYTES:
        raise Conflict(
            f"product {product.id} would have {len(both)} attributes of {size:,} bytes: at most"
            f" {MAX_ATTRIBUTES} and {MAX_ATTRIBUTE_BYTES:,} are kept"
        )
    return {**given, "attributes": both}
