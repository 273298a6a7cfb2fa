"""Doubt: a product has it while a picture of its current round has a warning."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, and_, exists, func, select

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


def count_doubtful() -> ScalarSelect[Any]:
    """How many pictures of the product are doubtful."""
    return select(func.count()).where(_doubtful()).correlate(Product).scalar_subquery()
