"""Finds approved products that have the same SKU and view, whose pictures get mixed in exports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, func, select

from packshot.database.engine import Database
from packshot.database.models import APPROVED, Product, ProductImage
from packshot.products.duplicates import view_key
from packshot.products.export import ALL, Selection

#: The most groups and products of a group that `short` names.
MOST: Final = 20
#: Products in one statement: databases limit the number of parameters.
_TOGETHER: Final = 1_000


WithView = Select[str | None, str | None, int]


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
    exported = chosen.narrow(select(Product.id).join(ProductImage))
    of_view: dict[tuple[str, str], list[int]] = defaultdict(list)
    with database.read() as session:
        for sku, view, product_id in session.execute(_with_view(exported, chosen)):
            if sku is not None:
                of_view[sku, view_key(view)].append(product_id)
        several = {key: ids for key, ids in of_view.items() if len(ids) > 1}
        members = [product_id for ids in several.values() for product_id in ids]
        mine: set[int] = set()
        for start in range(0, len(members), _TOGETHER):
            part = members[start : start + _TOGETHER]
            mine.update(session.scalars(exported.where(Product.id.in_(part))))
    return [
        SameView(sku, view, ids)
        for (sku, view), ids in sorted(several.items())
        if not mine.isdisjoint(ids)
    ]


def _with_view(exported: Select[int], chosen: Selection) -> WithView:
    """The approved products that have a view, of SKUs with several of these."""
    conditions = [
        Product.status == APPROVED,
        Product.sku.is_not(None),
        Product.view.is_not(None),
    ]
    if chosen != ALL:
        of_mine = select(Product.sku).where(Product.id.in_(exported))
        conditions.append(Product.sku.in_(of_mine))
    several = select(Product.sku).where(*conditions).group_by(Product.sku)
    several = several.having(func.count() > 1)
    found = select(Product.sku, Product.view, Product.id).where(*conditions)
    return found.where(Product.sku.in_(several)).order_by(Product.id)


def short(found: Sequence[SameView]) -> str:
    """The products of the first groups, for a header: `8 9, 11 12 15`."""
    return ", ".join(" ".join(map(str, each.products[:MOST])) for each in found[:MOST])
