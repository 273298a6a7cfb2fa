"""The result of a spreadsheet: products to create, and notes about them for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from packshot.spreadsheets.fields import NUMBERS, TEXTS, Fields
from packshot.spreadsheets.header import Column
from packshot.spreadsheets.numbers import Convention, DecimalSign
from packshot.spreadsheets.table import SheetProblem

#: The most products of one spreadsheet: rows may name many pictures each.
MAX_PRODUCTS: Final = 50_000
LONGEST_PATH: Final = 1_024
#: In `ImportChoices.assigned`: the photo belongs to no row.
NO_ROW: Final = "0"


@dataclass(frozen=True)
class ProductRow(Fields):
    """One product of the row `row`; a row that names several pictures becomes several products.

    It has a `raw_image` (an address), or a `path` (the file that its cell names), or neither: then
    the photos are found by its SKU. `ready` is False while one of its problems is not a note.
    `assumed` are the fields that come from the defaults, not from its cells. `low_mrp` is an MRP
    below the price, which a new product does without. Rows of one product with its variants have
    the same `family`.
    """

    row: int
    attributes: Mapping[str, str] = field(default_factory=dict)
    path: str | None = None
    ready: bool = True
    assumed: frozenset[str] = frozenset()
    low_mrp: Decimal | None = None
    family: str = ""

    def as_product(self) -> dict[str, Any]:
        """The known fields, as the bulk API accepts them; amounts as exact texts."""
        product: dict[str, Any] = {name: getattr(self, name) for name in TEXTS}
        product |= {name: plain_amount(getattr(self, name)) for name in NUMBERS}
        product["attributes"] = dict(self.attributes)
        return {name: value for name, value in product.items() if value}


def plain_amount(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount, "f")


@dataclass(frozen=True)
class ImportChoices:
    """What the user decided: column name -> field, column name -> decimal sign, the values of
    fields that a row leaves empty, and photo -> number of its row, or `NO_ROW` to leave it out.
    `decimals` is the sign of columns without one of their own."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    conventions: Mapping[str, DecimalSign] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    assigned: Mapping[str, str] = field(default_factory=dict)
    decimals: DecimalSign | None = None


@dataclass(frozen=True)
class Import:
    """The result of reading a spreadsheet. `form` and `layout` say how, for a person to check;
    `conventions` has the columns that are read as numbers."""

    form: str
    layout: str
    columns: tuple[Column, ...]
    conventions: Mapping[str, Convention]
    rows: tuple[ProductRow, ...]
    problems: tuple[SheetProblem, ...]

    @property
    def mapping(self) -> dict[str, str]:
        """Column name -> field."""
        return {column.name: column.field for column in self.columns}
