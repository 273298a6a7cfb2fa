"""Corrections of what the seller said of a product: any field but the raw image."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from packshot.database.models import Correction, Product
from packshot.errors import Conflict
from packshot.products.terms import write_terms


def correct_product(session: Session, product: Product, who: str, given: Mapping[str, Any]) -> None:
    """Write what differs, with a line of the audit. Raises Conflict for a price above the MRP."""
    changes = {
        name: [_plain(getattr(product, name)), _plain(value)]
        for name, value in given.items()
        if getattr(product, name) != value
    }
    if not changes:
        return
    for name in changes:
        setattr(product, name, given[name])
    if product.mrp is not None and product.price is not None and product.price > product.mrp:
        raise Conflict(
            f"the price of product {product.id} would be above its MRP: correct both at once",
            code="price_above_mrp",
        )
    session.add(Correction(product_id=product.id, who=who, changes=changes))
    write_terms(session, product)
    product.touch()


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value
