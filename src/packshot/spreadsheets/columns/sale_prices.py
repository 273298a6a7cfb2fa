"""Finds a column of sale prices beside one of usual prices, and reads both together: a product on
sale costs its sale price, and the usual one is its MRP."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from packshot.spreadsheets.fields import REGULAR_PRICES, SALE_PRICES, split_names
from packshot.spreadsheets.header import ATTRIBUTE, Column, field_of, plain_name
from packshot.spreadsheets.numbers import NotANumber, is_nothing, take_apart
from packshot.spreadsheets.table import Record, SheetProblem
from packshot.spreadsheets.view_words import without_accents

#: As `plain_name` gives them, without accents.
_SALE: Final = frozenset(map(without_accents, split_names(SALE_PRICES)))
_REGULAR: Final = frozenset(map(without_accents, split_names(REGULAR_PRICES)))
#: `special_price_from_date`, `Sale End Date`, and WooCommerce's `Date sale price starts`.
_DATES: Final = re.compile(
    r"(?:sale|special|offer|promo|aktion|angebot).*\b(?:date|dates|datum|from|to|start|end|until)"
    r"|(?:date|datum|data)\b.*\b(?:sale|promo|angebot|offerta|actie)"
)
#: Squarespace keeps a sale price while a product is not on sale.
_ON_SALE: Final = frozenset({"on sale", "is on sale"})
_NO: Final = frozenset({"no", "n", "false", "0", "nein", "non"})


@dataclass(frozen=True)
class SalePrices:
    """The columns of sale prices and of usual prices. `dated`: sales begin and end at dates in
    other columns, so a sale price may not count today."""

    sale: Column
    usual: Column
    on_sale: Column | None
    dated: bool

    def guess(self, mapping: Mapping[str, str]) -> dict[str, str]:
        """The guessed mapping, with sale prices as prices, and usual ones as MRPs if no other
        column has these."""
        if self.dated:
            return {**mapping, self.sale.name: ATTRIBUTE, self.usual.name: "price"}
        others = [to for name, to in mapping.items() if name != self.usual.name]
        usual = ATTRIBUTE if "mrp" in others else "mrp"
        return {**mapping, self.sale.name: "price", self.usual.name: usual}

    def complete(self, mapping: Mapping[str, str], records: list[Record]) -> list[Record]:
        """The rows: what is not on sale costs its usual price. One that is no number is not read
        twice, where the MRP's column names it."""
        if not self._is_read(mapping):
            return records
        both = mapping[self.usual.name] == "mrp"
        return [
            record
            if self._is_on_sale(record) or (both and not self._has_usual_price(record))
            else record.with_cell_of(record, self.usual.index, self.sale.index)
            for record in records
        ]

    def notes(self, mapping: Mapping[str, str]) -> Iterator[SheetProblem]:
        sale, usual = self.sale.name, self.usual.name
        if self.dated and mapping[usual] == "price":
            detail = f"is kept as an attribute, because it counts only between dates: {usual} is"
            yield SheetProblem(None, sale, f"{detail} read as the price", "note")
        elif self._is_read(mapping):
            detail = f"is read as the price where a row has one, else {usual} is"
            if mapping[usual] == "mrp":
                detail += f"; {usual} is read as the MRP, too"
            yield SheetProblem(None, sale, detail, "note")

    def _is_read(self, mapping: Mapping[str, str]) -> bool:
        return mapping[self.sale.name] == "price" and mapping[self.usual.name] in ("mrp", ATTRIBUTE)

    def _is_on_sale(self, record: Record) -> bool:
        if self.on_sale and record.cell(self.on_sale.index).casefold() in _NO:
            return False
        return not _is_no_price(record.cell(self.sale.index))

    def _has_usual_price(self, record: Record) -> bool:
        try:
            take_apart(record.cell(self.usual.index))
        except NotANumber:
            return False
        return True


def find_sale_prices(
    mapping: Mapping[str, str], columns: Sequence[Column], records: Sequence[Record]
) -> SalePrices | None:
    """Sale prices beside usual ones, if the sheet has both; `mapping` is the guessed one."""
    names = {column.name: without_accents(plain_name(column.name)) for column in columns}
    usual = next((one for one in columns if mapping[one.name] == "price"), None)
    sale = next((one for one in columns if _is_sale_price(one, mapping, names)), None)
    if usual and names[usual.name] in _SALE:
        sale, usual = usual, next((one for one in columns if names[one.name] in _REGULAR), None)
    if usual is None or sale is None:
        return None
    on_sale = next((one for one in columns if names[one.name] in _ON_SALE), None)
    dates = [one for one in columns if _DATES.match(names[one.name])]
    dated = any(record.cell(column.index) for record in records for column in dates)
    return SalePrices(sale, usual, on_sale, dated)


def _is_no_price(text: str) -> bool:
    """Whether the cell is empty, a dash or zero, also with a currency: `-`, `n/a`, `0,00 €`."""
    if not text or is_nothing(text):
        return True
    try:
        return not take_apart(text).digits.strip("0.,' ")
    except NotANumber:  # the reading of its column says so
        return False


def _is_sale_price(column: Column, mapping: Mapping[str, str], names: Mapping[str, str]) -> bool:
    if mapping[column.name] != ATTRIBUTE or names[column.name] not in _SALE:
        return False
    found = field_of(column.name)
    return found is not None and found[0] == "price"
