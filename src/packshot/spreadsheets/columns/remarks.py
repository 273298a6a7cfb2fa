"""Rows that are no products: totals, and remarks such as `Page 1 of 3` or `Prices until May`."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from packshot.spreadsheets.header import Column, index_of, picture_indexes
from packshot.spreadsheets.photos.name_index import caseless
from packshot.spreadsheets.table import Record, SheetProblem, list_first
from packshot.spreadsheets.view_words import without_accents

#: What the first cell of a row of sums says.
_TOTAL: Final = re.compile(
    r"(?:sub|grand|sous)?[ -]?totale?s?|totaal|totais|sum|summe|gesamt(?:summe|betrag|preis)?"
    r"|endsumme|zwischensumme|insgesamt|somme|suma|soma|razem|celkem|spolu|osszesen|yhteensa|toplam|jumlah"
    r"|tong(?: cong)?|итого|всего|разом|всього|συνολο|合計|小計|合计|总计|總計|합계|총계|कुल|योग"
    r"|المجموع|الإجمالي"
)
#: What no SKU is: three words, four groups of signs, `Stand: 1.5.2026`, `* incl. VAT`.
_SENTENCE: Final = re.compile(
    r"(?:[^\sa-z]*[a-z]{2,}[^\sa-z]*(?:\s+|\Z)){3}|\S+(?: \S+){3}|[^:]+: |[*©]|# ", re.IGNORECASE
)
#: A word, or several, without a digit: a heading among SKUs that have one.
_HEADING: Final = re.compile(r"[^\W\d_]{2,}(?:[ &/,]+[^\W\d_]+)*")
#: A line between rows, as in Markdown's tables.
_SIGNS: Final = re.compile(r"[-–—=_*.:|+#~\s]*")
_SHOWN: Final = 40
#: The most rows that the note names.
_NAMED: Final = 10


def drop_remarks(
    columns: Sequence[Column],
    records: list[Record],
    stems: Collection[str],
) -> tuple[list[Record], list[SheetProblem]]:
    """The records without totals and remarks, and one note on all of these. None of them has a
    picture, nor a SKU that is among the photos' `stems`."""
    sku, category = index_of(columns, "sku"), index_of(columns, "category")
    pictures = picture_indexes(columns)
    most = max((sum(map(bool, record.cells)) for record in records), default=0)
    numbered = sku is not None and _have_digits(records, sku)
    found = [
        record
        for record in records
        if not (record.problem or any(record.cell(at) or at in record.links for at in pictures))
        and not (sku is not None and caseless(record.cell(sku)) in stems)
        and (
            _has_signs_only(record)
            or _is_total(record, sku, category)
            or (most > 1 and _is_remark(record, sku, category))
            or (numbered and _is_heading(record, sku, stems))
        )
    ]
    if not found or len(found) == len(records):
        return records, []
    rows = {record.number for record in found}
    shown = [f"{one.number} ({_words(one)})" for one in found]
    row = "row" if len(found) == 1 else "rows"
    no_products = "is no product and is" if len(found) == 1 else "are no products and are"
    detail = f"{row} {list_first(shown, _NAMED)} {no_products} left out"
    left = [record for record in records if record.number not in rows]
    return left, [SheetProblem(None, None, detail, "note")]


def _has_signs_only(record: Record) -> bool:
    return all(map(_SIGNS.fullmatch, record.cells))


def _is_total(record: Record, sku: int | None, category: int | None) -> bool:
    """Whether the first cell says so, and the row has neither a category nor another SKU."""
    at, first = next((at, cell) for at, cell in enumerate(record.cells) if cell)
    if any(one is not None and one != at and record.cell(one) for one in (sku, category)):
        return False
    plain = without_accents(first.partition(":")[0])
    return _TOTAL.fullmatch(plain.strip(" *=()")) is not None


def _is_remark(record: Record, sku: int | None, category: int | None) -> bool:
    """Whether the row's only cell is a remark; one in the column of SKUs is a SKU unless it is a
    sentence."""
    filled = [(at, cell) for at, cell in enumerate(record.cells) if cell]
    at, cell = filled[0]
    if len(filled) > 1 or at == category:
        return False
    return at != sku or _SENTENCE.match(cell) is not None


def _have_digits(records: Sequence[Record], sku: int) -> bool:
    """Whether nearly all SKUs of rows with more than a SKU have a digit."""
    skus = [one.cell(sku) for one in records if one.cell(sku) and sum(map(bool, one.cells)) > 1]
    return len(skus) > 1 and sum(any(map(str.isdecimal, one)) for one in skus) >= 0.9 * len(skus)


def _is_heading(record: Record, sku: int | None, stems: Collection[str]) -> bool:
    """Whether the row's only cell is a word in the column of SKUs that no photo begins with."""
    filled = [(at, cell) for at, cell in enumerate(record.cells) if cell]
    at, cell = filled[0]
    if len(filled) > 1 or at != sku or not _HEADING.fullmatch(cell):
        return False
    return not any(stem.startswith(caseless(cell)) for stem in stems)


def _words(record: Record) -> str:
    return " ".join(filter(None, record.cells))[:_SHOWN].rstrip()
