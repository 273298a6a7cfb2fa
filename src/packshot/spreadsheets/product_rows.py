"""One row of a table -> its products: its texts, its amounts, and one product per picture."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from html import unescape
from typing import Any, Final

from packshot.errors import SpreadsheetError
from packshot.spreadsheets.columns.layouts import (
    Layout,
    deepest_category,
    innermost_category,
    is_needed_back,
)
from packshot.spreadsheets.columns.number_columns import NumberColumn, error_words
from packshot.spreadsheets.columns.sku_cells import (
    is_empty_sku,
    variants_in,
    what_to_check,
    why_spoilt,
)
from packshot.spreadsheets.fields import (
    LONGEST,
    MAX_ATTRIBUTE_BYTES,
    MAX_ATTRIBUTES,
    NUMBERS,
    PERCENTAGES,
    SHARED,
    TEXTS,
)
from packshot.spreadsheets.header import ATTRIBUTE, Column
from packshot.spreadsheets.numbers import NotANumber, is_nothing, read_alone
from packshot.spreadsheets.photos.name_index import view_of_file
from packshot.spreadsheets.photos.views import view_in
from packshot.spreadsheets.picture_cells import PICTURE_IN_CELL, CellPicture, read_pictures
from packshot.spreadsheets.rows import LONGEST_PATH, ProductRow
from packshot.spreadsheets.table import Level, Record, SheetProblem, column_letter, list_first

#: Texts whose only limit is their length.
_PLAIN_TEXTS: Final = [name for name in TEXTS if name not in ("sku", "name", "category", *SHARED)]
_UNESCAPED: Final = ("sku", "name", "category")
#: What databases and programs write for nothing; a product may be called None.
_NULLS: Final = frozenset(("\\N", "NULL", "null", "NaN", "nan", "<NA>"))
#: What Magento writes for no picture.
_NO_PICTURE: Final = "no_selection"
_HTML: Final = re.compile(r"&(?:#\d{2,6}|#x[0-9a-f]{2,5}|[a-z]{2,8}\d{0,2});", re.IGNORECASE)
#: The most attributes that a note names.
_NAMED: Final = 10


@dataclass(frozen=True)
class _Found:
    """A picture, and the column that names it."""

    column: Column
    picture: CellPicture


class RowReader:
    """Reads rows one by one and collects their problems in `problems`."""

    def __init__(
        self,
        columns: Sequence[Column],
        layout: Layout,
        numbers: Sequence[NumberColumn],
        defaults: Mapping[str, str],
        width: int,
    ) -> None:
        self.problems: list[SheetProblem] = []
        self._layout = layout
        self._numbers = numbers
        self._bad_amounts = [(number, number.bad_rows) for number in numbers]
        self._defaults = defaults
        self._default_amounts = read_amounts(defaults)
        self._width = width
        self._texts = {one.field: one for one in columns}
        self._pictures = [one for one in columns if one.field in SHARED]
        self._attributes = [one for one in columns if one.field == ATTRIBUTE]
        self._bad = False
        #: Rows that become products without a SKU.
        self.without_sku: list[int] = []

    def read(self, record: Record) -> list[ProductRow]:
        """The products of a row; none if its cells can't be separated."""
        if record.problem:
            self._report(record, None, record.problem)
            return []
        self._bad = any(record.number in rows for _, rows in self._bad_amounts)
        if any(record.cells[self._width :]):
            self._report(record, None, _without_column(record, self._width))
        row = self._product(record)
        found = self._find_pictures(record)
        if not self._has_sku(record):
            if found:
                self.without_sku.append(record.number)
            else:
                self._report(record, None, "has no SKU and no photo")
        rows = self._with_pictures(row, found) if found else [row]
        return [replace(one, ready=False) for one in rows] if self._bad else rows

    def _has(self, record: Record, field: str) -> bool:
        return field in self._texts and bool(record.cell(self._texts[field].index))

    def _has_sku(self, record: Record) -> bool:
        return self._has(record, "sku") and not is_empty_sku(record.cell(self._texts["sku"].index))

    def _report(
        self, record: Record, column: str | None, detail: str, level: Level = "error"
    ) -> None:
        self._bad = self._bad or level == "error"
        self.problems.append(SheetProblem(record.number, column, detail, level))

    # -- texts and amounts -----------------------------------------------------------------------

    def _product(self, record: Record) -> ProductRow:
        whole: dict[str, str] = {}
        numbers: dict[str, Any] = dict(self._amounts(record))
        sku, name = self._sku(record, whole), self._shorten(record, "name", whole)
        texts: dict[str, Any] = {one: self._limited_text(record, one) for one in _PLAIN_TEXTS}
        return ProductRow(
            record.number,
            sku=sku,
            name=name,
            category=self._category(record, whole),
            assumed=self._assumed(record),
            attributes=self._attribute_texts(record, whole),
            family=record.family,
            **texts,
            **numbers,
        )

    def _text(self, record: Record, field: str) -> str:
        column = self._texts.get(field)
        text = record.text(column.index) if column else ""
        if column and record.kinds.get(column.index) == "error":
            self._report(record, column.name, error_words(text))
            return ""
        if any(sign in text for sign in "\n\t\v\f"):
            assert column
            self._report(record, column.name, "its line breaks are read as spaces", "note")
            text = " ".join(text.split())
        text = text.strip()
        if field in _UNESCAPED and (plain := _plain_words(text)) != text:
            read = f"{text[:60]} is read as {plain[:60] or 'empty'}"
            self._report(record, self._name_of(field), read, "note")
            return plain
        return text

    def _name_of(self, field: str) -> str:
        return self._texts[field].name if field in self._texts else field

    def _limited_text(self, record: Record, field: str) -> str | None:
        text = self._text(record, field)
        if len(text) > LONGEST[field]:
            longest = f"at most {LONGEST[field]} are allowed"
            detail = f"has {len(text)} characters; {longest}: shorten {text[:30]}…"
            self._report(record, self._name_of(field), detail)
            return None
        return text or None

    def _sku(self, record: Record, whole: dict[str, str]) -> str | None:
        sku = self._limited_text(record, "sku")
        if sku is None:
            return None
        sku = unicodedata.normalize("NFC", sku)  # as it is saved: else two SKUs become one there
        sku = self._first_variant(sku, record, whole)
        if is_empty_sku(sku):
            self._report(record, self._name_of("sku"), f"{sku} is read as no SKU", "note")
            return None
        if sku[0] == "'" and sku[1:].isdecimal():
            sku = sku[1:]
            mark = f"the apostrophe before {sku}, which marks a text, is left out"
            self._report(record, self._name_of("sku"), mark, "note")
        if why := why_spoilt(sku, record, self._texts["sku"].index):
            self._report(record, self._name_of("sku"), f"{sku} {why}")
        elif check := what_to_check(sku):
            self._report(record, self._name_of("sku"), check, "note")
        return sku

    def _first_variant(self, sku: str, record: Record, whole: dict[str, str]) -> str:
        """The first SKU of an Etsy listing, whose pictures show all of its variants."""
        first, *others = variants_in(sku) if self._layout == "Etsy" else [sku]
        if others:
            whole[self._name_of("sku")] = sku
            detail = f"the listing's pictures are those of {first}, and of its variants, too:"
            self._report(record, self._name_of("sku"), f"{detail} {list_first(others)}", "note")
        return first

    def _category(self, record: Record, whole: dict[str, str]) -> str | None:
        category = self._shorten(record, "category", whole)
        if not category:
            category = self._defaults.get("category") or None
        if not category:
            self._report(record, self._name_of("category"), "is required")
        return category

    def _shorten(self, record: Record, field: str, whole: dict[str, str]) -> str | None:
        """Shorten a long text to its most exact part; keep the whole as an attribute."""
        text = self._text(record, field)
        short = self._exact_category(text) if field == "category" else text
        if len(short) > LONGEST[field]:
            short = _last_parts(short, LONGEST[field]) if field == "category" else ""
            short = short or text[: LONGEST[field] - 1].rstrip() + "…"
            detail = f"has {len(text)} characters, {LONGEST[field]} are kept: {short}"
            self._report(
                record, self._name_of(field), f"{detail} (the whole is an attribute)", "note"
            )
        if short != text:
            whole[self._name_of(field)] = text
        return short or None

    def _exact_category(self, text: str) -> str:
        is_woo = self._layout == "WooCommerce"
        return deepest_category(text) if is_woo else innermost_category(text)

    def _amounts(self, record: Record) -> dict[str, Decimal]:
        amounts = dict(self._default_amounts)
        for number in self._numbers:
            value = number.values.get(record.number)
            if value is not None:
                amounts[number.field] = value
        if not amounts.get("mrp"):
            amounts.pop("mrp", None)  # shops write 0 when there is no other price
        return amounts

    def _assumed(self, record: Record) -> frozenset[str]:
        """The fields that the row takes from the defaults."""
        given = {number.field for number in self._numbers if record.number in number.values}
        names = self._default_amounts.keys() - given
        return frozenset(names if self._has(record, "category") else {*names, "category"})

    def _attribute_texts(self, record: Record, whole: Mapping[str, str]) -> dict[str, str]:
        texts = {**whole, **record.attributes}
        for column in self._attributes:
            text = record.cell(column.index)
            is_error = record.kinds.get(column.index) == "error"
            if is_error or text in _NULLS:
                why = error_words(text) if is_error else f"{text} is nothing"
                self._report(record, column.name, f"{why} (left out)", "note")
            elif text:
                texts[column.name] = text
        kept = _within_limits(texts)
        self._report_left_out(record, [name for name in texts if name not in kept])
        return kept

    def _report_left_out(self, record: Record, names: Sequence[str]) -> None:
        if names:
            most = f"{MAX_ATTRIBUTES} attributes and {MAX_ATTRIBUTE_BYTES:,} bytes of them"
            detail = f"left out, as a product has at most {most}: {list_first(names, _NAMED)}"
            self._report(record, None, detail, "note")

    # -- pictures --------------------------------------------------------------------------------

    def _find_pictures(self, record: Record) -> list[_Found]:
        found: list[_Found] = []
        for column in self._pictures:
            cell, link = record.cell(column.index), record.links.get(column.index)
            is_error = record.kinds.get(column.index) == "error" and cell != PICTURE_IN_CELL
            if is_error and not link:
                self._report(record, column.name, error_words(cell))
                continue
            if (is_nothing(cell) or cell == _NO_PICTURE) and not link:
                self._report(record, column.name, f"{cell} is read as no picture", "note")
                continue
            pictures = read_pictures(cell, link) if cell or link else []
            found += [_Found(column, one) for one in pictures if self._is_good(record, column, one)]
        return list(self._without_doubles(record, found))

    def _is_good(self, record: Record, column: Column, picture: CellPicture) -> bool:
        error = picture.error
        too_long = len(picture.filename) > LONGEST["filename"] or len(picture.value) > LONGEST_PATH
        if picture.kind == "file" and too_long:
            error = "names a file whose name is too long"
        if error:
            self._report(record, column.name, error)
        if picture.note:
            self._report(record, column.name, picture.note, "note")
        return not error and bool(picture.value)

    def _without_doubles(self, record: Record, found: list[_Found]) -> Iterator[_Found]:
        """Take a picture once if two columns name it; a cell that names it twice means two."""
        first: dict[str, Column] = {}
        for one in found:
            column = first.setdefault(one.picture.value, one.column)
            if column is one.column:
                yield one
            else:
                detail = f"names the picture of the column {column.name} again: taken once"
                self._report(record, one.column.name, detail, "note")

    def _with_pictures(self, row: ProductRow, found: list[_Found]) -> list[ProductRow]:
        addresses = [one for one in found if one.picture.kind == "address"]
        names = [one for one in found if one.column.field == "filename" and one not in addresses]
        if addresses and len(names) == len(addresses):  # a name beside each address
            rows = [
                replace(_with_picture(row, one, found), filename=name.picture.filename)
                for one, name in zip(addresses, names, strict=True)
            ]
            found = addresses
        else:
            rows = [_with_picture(row, one, found) for one in found]
        return _give_views(rows, row.view) if len(rows) > 1 else rows


def _without_column(record: Record, width: int) -> str:
    """What is wrong with a row that is wider than the header."""
    at = next(at for at in range(width, len(record.cells)) if record.cells[at])
    return (
        f"has more cells than the header: nothing names the column {column_letter(at)}, where"
        f" {record.cells[at][:30]!r} is; a text with the separator in it must be in quotes"
    )


def _within_limits(attributes: Mapping[str, str]) -> dict[str, str]:
    """As many attributes as a product may have: first those that the export to the shop needs."""
    kept: dict[str, str] = {}
    size = 0
    for name, text in sorted(attributes.items(), key=lambda item: not is_needed_back(item[0])):
        size_with = size + len(name.encode()) + len(text.encode())
        if len(kept) < MAX_ATTRIBUTES and size_with <= MAX_ATTRIBUTE_BYTES:
            kept[name], size = text, size_with
    return kept


def _plain_words(text: str) -> str:
    """Without what databases write for nothing, and without HTML's signs."""
    text = "" if text in _NULLS else text
    return unescape(text) if _HTML.search(text) else text


def _with_picture(row: ProductRow, one: _Found, found: list[_Found]) -> ProductRow:
    columns = {other.column.name for other in found}
    view = row.view or (view_in(one.column.name) if len(columns) > 1 else None)
    if one.picture.kind == "address":
        return replace(row, raw_image=one.picture.value, view=view)
    name = one.picture.filename
    named = view_of_file(name, row.sku)
    if named and named.isdecimal() and len(found) > 1:  # they are numbered in their order
        named = None
    return replace(row, path=one.picture.value, filename=name, view=view or named)


def read_amounts(defaults: Mapping[str, str]) -> dict[str, Decimal]:
    """The amounts among the defaults. Raises SpreadsheetError for text that is no amount."""
    amounts: dict[str, Decimal] = {}
    for field in NUMBERS:
        if text := defaults.get(field):
            try:
                amounts[field] = read_alone(text, percent=field in PERCENTAGES)
            except NotANumber as error:
                raise SpreadsheetError(f"{field}: {error}") from None
    return amounts


def _give_views(rows: list[ProductRow], given: str | None) -> list[ProductRow]:
    """Give each of a row's pictures a view: that of its column's or file's name, or its number."""
    numbered: list[ProductRow] = []
    taken: set[str] = set()
    for number, row in enumerate(rows, start=1):
        view = row.view or str(number)
        if view in taken:
            view = f"{given} {number}"[-LONGEST["view"] :] if given else str(number)
        taken.add(view)
        numbered.append(replace(row, view=view))
    return numbered


def _last_parts(path: str, longest: int) -> str:
    """As many last parts of `Home > Kitchen > Pans` as fit; "" if not even one does."""
    for border in (" > ", ">", " / ", "/"):
        parts = path.split(border)[-100:]
        while len(parts) > 1:
            parts = parts[1:]
            if len(shortened := border.join(parts).strip()) <= longest:
                return shortened
    return ""
