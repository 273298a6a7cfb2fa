"""Finds approved products that have the same SKU and view, whose pictures get mixed in exports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from sqlalchemy import func, select

from packshot.database.engine import Database
from packshot.database.models import APPROVED, Product, ProductImage
from packshot.products.export import ALL, Selection

#: The most groups and products of a group that `short` names.
MOST: Final = 20


@dataclass(frozen=True)
class SameView:
    """Approved products with one SKU and view."""

    sku: str
    view: str
    products: Sequence[int]

    @property
    def words(self) -> str:
        *others, last = self.products
        these = f"{', '.join(map(str, others))} and {last}"
        return (
            f"products {these} have the same SKU and view ({self.sku}, {self.view}): their pictures"
            " are numbered as those of one product"
        )


def find_same_views(database: Database, chosen: Selection = ALL) -> list[SameView]:
    """Those with a product that an export of this selection has, by SKU. Several products of a SKU
    without a view may well be its views, so they are none of these."""
    view = func.lower(Product.view).label("view")
    approved = select(Product.sku, view).where(
        Product.status == APPROVED, Product.sku.is_not(None), Product.view.is_not(None)
    )
    ids = chosen.narrow(select(Product.id).join(ProductImage))
    if chosen != ALL:
        mine = select(Product.sku).where(Product.id.in_(ids))
        approved = approved.where(Product.sku.in_(mine))
    several = approved.group_by(Product.sku, view).having(func.count() > 1).subquery()
    members = (
        select(Product.sku, several.c.view, Product.id, Product.id.in_(ids).label("chosen"))
        .join(several, (Product.sku == several.c.sku) & (view == several.c.view))
        .where(Product.status == APPROVED)
        .order_by(Product.sku, several.c.view, Product.id)
    )
    with database.read() as session:
        rows = session.execute(members).all()
    groups = [(key, list(group)) for key, group in groupby(rows, lambda row: (row.sku, row.view))]
    return [
        SameView(sku, view, [row.id for row in group])
        for (sku, view), group in groups
        if any(row.chosen for row in group)
    ]


def short(found: Sequence[SameView]) -> str:
    """The products of the first groups, for a header: `8 9, 11 12 15`."""
    return ", ".join(" ".join(map(str, each.products[:MOST])) for each in found[:MOST])
