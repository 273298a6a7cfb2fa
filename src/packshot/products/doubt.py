"""Doubt: a product is doubtful while a picture of its current round has a warning."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Subquery, and_, exists, func, select

from packshot.database.models import Product, ProductImage


def _doubtful() -> ColumnElement[bool]:
    return and_(
        ProductImage.product_id == Product.id,
        ProductImage.round == Product.round,
        ProductImage.warning.is_not(None),
    )


def has_doubt() -> ColumnElement[bool]:
    """At least one picture of the product is doubtful."""
    return exists().where(_doubtful())


def count_doubtful() -> Subquery:
    """The products that have doubtful pictures (`product_id`), and how many (`pictures`).

    Read once for all products: a query for each would cost five times as much.
    """
    pictures = func.count().label("pictures")
    rows = select(ProductImage.product_id, pictures).join(Product, _doubtful())
    return rows.group_by(ProductImage.product_id).subquery()
