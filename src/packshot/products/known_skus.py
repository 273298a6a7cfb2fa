"""Which SKUs have products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from packshot.database.engine import Database
from packshot.database.models import Product

#: SKUs in one statement: databases limit the number of parameters.
_TOGETHER: Final = 1_000


def find_known_skus(database: Database, skus: Sequence[str]) -> set[str]:
    """Those of the SKUs that a product has, of any status."""
    known: set[str] = set()
    with database.read() as session:
        for start in range(0, len(skus), _TOGETHER):
            part = skus[start : start + _TOGETHER]
            found = select(Product.sku).where(Product.sku.in_(part)).distinct()
            known |= {sku for sku in session.scalars(found) if sku is not None}
    return known
