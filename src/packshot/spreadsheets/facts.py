"""What a spreadsheet says of each SKU: one row's facts, or those in which its rows agree."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from packshot.spreadsheets.fields import NUMBERS, OF_SKU
from packshot.spreadsheets.numbers import shown_amount
from packshot.spreadsheets.rows import ProductRow, plain_amount
from packshot.spreadsheets.table import Level, SheetProblem, list_first

#: Dashes that look like a hyphen.
_DASHES: Final = re.compile("[\u2010-\u2015\u2212]")
#: The most values that a conflict names.
_NAMED: Final = 4
#: The fewest rows with an MRP below their price that may be swapped columns.
_SWAPPED: Final = 3


def facts_of(rows: Iterable[ProductRow]) -> list[dict[str, Any]]:
    """The facts of each SKU that its own cells give, not the defaults, as the corrections' API
    accepts them. A field in which rows of a SKU differ is left out, and so is such an attribute."""
    found: dict[str, dict[str, Any]] = {}
    differing: dict[str, set[str]] = {}
    for row in rows:
        if row.sku is None or not row.ready:
            continue
        known, bad = found.setdefault(row.sku, {}), differing.setdefault(row.sku, set())
        for name, value in _given(row):
            if known.setdefault(name, value) != value:
                bad.add(name)
    return [_as_facts(sku, known, differing[sku]) for sku, known in found.items()]


def _given(row: ProductRow) -> Iterator[tuple[str, Any]]:
    """Fields by their names, attributes by theirs after a colon."""
    product = row.as_product()
    for name in OF_SKU:
        if name in product and name not in row.assumed:
            yield name, product[name]
    if row.low_mrp is not None:  # refused beside the price
        yield "mrp", plain_amount(row.low_mrp)
    for name, text in row.attributes.items():
        yield f":{name}", text


def _as_facts(sku: str, known: Mapping[str, Any], differing: set[str]) -> dict[str, Any]:
    agreed = {name: value for name, value in known.items() if name not in differing}
    facts = {name: value for name, value in agreed.items() if name[0] != ":"}
    attributes = {name[1:]: text for name, text in agreed.items() if name[0] == ":"}
    return {"sku": sku} | facts | ({"attributes": attributes} if attributes else {})


def settle_prices(
    rows: Sequence[ProductRow], columns: Mapping[str, str]
) -> tuple[list[ProductRow], list[SheetProblem]]:
    """The rows without MRPs below their price; those of a SKU with several amounts are not ready.
    `columns` has the column of each field."""
    rows, low = _leave_out_low_mrps(rows, columns)
    rows, conflicts = _refuse_conflicts(rows, columns)
    return rows, [*low, *conflicts]


def _leave_out_low_mrps(
    rows: Sequence[ProductRow], columns: Mapping[str, str]
) -> tuple[list[ProductRow], list[SheetProblem]]:
    """The rows without an MRP that is below their price, and a note for each: their pictures need
    none. Where most rows are so, the columns may be swapped: these are refused later."""
    both = [row for row in rows if row.mrp is not None and row.price is not None]
    low = {row.row: row for row in both if (row.price or 0) > (row.mrp or 0)}
    if len(low) >= _SWAPPED and 2 * sum(row.row in low for row in both) > len(both):
        return list(rows), []
    kept = [replace(row, mrp=None, low_mrp=row.mrp) if row.row in low else row for row in rows]
    return kept, [_note_low_mrp(row, columns) for row in low.values()]


def _note_low_mrp(row: ProductRow, columns: Mapping[str, str]) -> SheetProblem:
    mrp, price = shown_amount(row.mrp or Decimal(0)), shown_amount(row.price or Decimal(0))
    price_column = columns.get("price", "price")
    name = row.sku or row.name or row.category
    detail = f"{name}: {mrp} is left out, below {price_column} {price}"
    return SheetProblem(row.row, columns.get("mrp", "mrp"), detail, "note")


def _refuse_conflicts(
    rows: Sequence[ProductRow], columns: Mapping[str, str]
) -> tuple[list[ProductRow], list[SheetProblem]]:
    """The rows, not ready where their SKU has another amount in another row, and a problem for
    each; other names and categories are noted."""
    by_sku: dict[str, list[ProductRow]] = {}
    for row in rows:
        if row.sku is not None:
            by_sku.setdefault(row.sku, []).append(row)
    problems = [
        problem
        for of_sku in by_sku.values()
        if of_sku[0].row != of_sku[-1].row
        for name in OF_SKU
        for problem in _conflicts(of_sku, name, columns.get(name, name))
    ]
    bad = {problem.row for problem in problems if problem.level == "error"}
    kept = [replace(row, ready=False) if row.row in bad else row for row in rows]
    return kept, [*problems, *_note_spellings(by_sku, columns.get("sku", "sku"))]


def _note_spellings(
    by_sku: Mapping[str, Sequence[ProductRow]], column: str
) -> Iterator[SheetProblem]:
    """A note on each SKU that looks like another one: it may be a slip."""
    first: dict[str, str] = {}
    for sku, rows in by_sku.items():
        plain = unicodedata.normalize("NFKC", _DASHES.sub("-", sku)).casefold()
        other = first.setdefault("".join(plain.split()), sku)
        if other != sku:
            case = other.casefold() == sku.casefold()
            differs = (
                "upper and lower case differ"
                if case
                else "spaces, dashes or forms of letters differ"
            )
            detail = f"{sku} is another SKU than {other}: only {differs}"
            yield SheetProblem(rows[0].row, column, detail, "note")


def _conflicts(rows: Sequence[ProductRow], name: str, column: str) -> Iterator[SheetProblem]:
    """A problem for each row of a SKU, where they differ in this field."""
    given = {
        row.row: value
        for row in rows
        if name not in row.assumed and (value := getattr(row, name)) is not None
    }
    first: dict[Decimal | str, int] = {}
    for number, value in given.items():
        first.setdefault(value, number)
    if len(first) < 2:
        return
    # A SKU has one price: rows that differ in it can't both be right.
    level: Level = "error" if name in NUMBERS else "note"
    found = [f"{_shown(value)} in row {number}" for value, number in first.items()]
    hint = ": correct one of them" if level == "error" else ""
    detail = f"{rows[0].sku} has {list_first(found, _NAMED)}{hint}"
    for number in given:
        yield SheetProblem(number, column, detail, level)


def _shown(value: Decimal | str) -> str:
    return value if isinstance(value, str) else shown_amount(value)
