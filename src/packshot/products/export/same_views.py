"""Finds approved products of one SKU that no view tells apart: exports mix their pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Select, func, select

from packshot.database.engine import Database
from packshot.database.models import APPROVED, Product, ProductImage
from packshot.products.export.rows import ALL, Selection
from packshot.spreadsheets.view_words import view_key

#: The most groups, and products of a group, that are named.
MOST: Final = 20
#: Products in one statement: databases limit the number of parameters.
_TOGETHER: Final = 1_000


@dataclass(frozen=True)
class SameView:
    """Approved products with one SKU and view; without a view it is empty."""

    sku: str
    view: str
    products: Sequence[int]

    @property
    def words(self) -> str:
        *others, last = map(str, self.products[:MOST])
        if (more := len(self.products) - MOST) > 0:
            others, last = [*others, last], f"{more:,} more"
        these = f"{', '.join(others)} and {last}"
        if self.view:
            alike = f"have the same SKU and view ({self.sku}, {self.view})"
        else:
            alike = f"have the same SKU ({self.sku}) and no view that tells them apart"
        return f"products {these} {alike}: their pictures are numbered as those of one product"


def find_same_views(database: Database, chosen: Selection = ALL) -> list[SameView]:
    """Those with a product that an export of this selection has, by SKU."""
    of_view: dict[tuple[str, str], list[int]] = defaultdict(list)
    with database.read_rows() as connection:
        for sku, view, product_id, status in connection.execute(_of_repeated_skus(chosen)):
            if sku is not None and status == APPROVED:
                of_view[sku, view_key(view)].append(product_id)
        several = {key: sorted(ids) for key, ids in of_view.items() if len(ids) > 1}
        members = [product_id for ids in several.values() for product_id in ids]
        exported = _exported(connection, chosen, members)
    return [
        SameView(sku, view, ids)
        for (sku, view), ids in sorted(several.items())
        if not exported.isdisjoint(ids)
    ]


def _of_repeated_skus(chosen: Selection) -> Select[str | None, str | None, int, str]:
    """The products of SKUs that several products have and the selection may export.

    The SKUs are counted from their index alone. The status is compared by the caller: here, SQLite
    would read all approved products instead of those of these SKUs.
    """
    mine = [Product.sku.is_not(None)]
    if chosen != ALL:
        exported = chosen.narrow(select(Product.sku).join(ProductImage))
        mine.append(Product.sku.in_(exported))
    repeated = select(Product.sku).where(*mine).group_by(Product.sku).having(func.count() > 1)
    products = select(Product.sku, Product.view, Product.id, Product.status)
    return products.where(*mine, Product.sku.in_(repeated))


def _exported(connection: Connection, chosen: Selection, products: Sequence[int]) -> set[int]:
    """Those of these products that an export of this selection has."""
    query = chosen.narrow(select(Product.id).join(ProductImage))
    found: set[int] = set()
    for start in range(0, len(products), _TOGETHER):
        part = products[start : start + _TOGETHER]
        found.update(connection.scalars(query.where(ProductImage.product_id.in_(part))))
    return found


def short(found: Sequence[SameView]) -> str:
    """The products of the first groups, for a header: `8 9, 11 12 15, 9980 more`."""
    groups = [" ".join(map(str, each.products[:MOST])) for each in found[:MOST]]
    return ", ".join([*groups, f"{len(found) - MOST} more"] if len(found) > MOST else groups)


def notes_of(found: Sequence[SameView]) -> list[str]:
    """A sentence for each of the first groups, and one for the others."""
    notes = [each.words for each in found[:MOST]]
    if (more := len(found) - MOST) > 0:
        groups = "group of products has" if more == 1 else "groups of products have"
        notes.append(f"{more:,} more {groups} the same SKU, and no view that tells them apart")
    return notes
