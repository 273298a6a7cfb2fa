"""An OpenDocument spreadsheet (.ods) -> a table: the values a person sees, of one sheet."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from packshot.errors import SpreadsheetError
from packshot.spreadsheets.files.sheet_extras import SheetExtras
from packshot.spreadsheets.files.sheets import (
    FoundSheet,
    choose_sheet,
    finish_sheet,
)
from packshot.spreadsheets.files.xml_names import local_name
from packshot.spreadsheets.files.zip_limits import DAMAGED, read_entry
from packshot.spreadsheets.header import SEARCHED_ROWS
from packshot.spreadsheets.table import (
    CellKind,
    Record,
    SheetLimits,
    Table,
    check_length,
    column_letter,
    too_many,
)

_CONTENT: Final = "content.xml"
_MANIFEST: Final = "META-INF/manifest.xml"
_BLANKS: Final = re.compile(r"[ \t\r\n]+")
#: LibreOffice's and Excel's limit.
_MOST_ROWS: Final = 1_048_576
_CENTS: Final = re.compile(r"[.,]\d\d\D*\Z")
_NUMBERS: Final = frozenset({"float", "currency", "percentage"})


def is_open_document(archive: zipfile.ZipFile, limits: SheetLimits) -> bool:
    """Whether a ZIP is an OpenDocument spreadsheet, and not a text or a drawing. Raises
    SpreadsheetError."""
    if _CONTENT not in archive.namelist() or "mimetype" not in archive.namelist():
        return False
    return b"opendocument.spreadsheet" in read_entry(archive, "mimetype", limits.unpacked_bytes)


def read_open_document(archive: zipfile.ZipFile, limits: SheetLimits) -> Table:
    """The visible sheet that names most fields. Raises SpreadsheetError."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError

    if _MANIFEST in archive.namelist():
        manifest = read_entry(archive, _MANIFEST, limits.unpacked_bytes)
        if b"encryption-data" in manifest:
            raise SpreadsheetError("the file is protected with a password: remove it")
    content = read_entry(archive, _CONTENT, limits.unpacked_bytes)
    if content.count(b"<") > limits.all_tags:
        raise too_many(limits)
    try:
        sheets = list(_sheets(content, limits))
    except (DefusedXmlException, ParseError, RecursionError, ValueError):
        raise SpreadsheetError(DAMAGED) from None
    return _choose(sheets, archive, limits)


@dataclass
class _Sheet:
    name: str
    hidden: bool = False
    records: list[Record] = field(default_factory=list)
    extras: SheetExtras = field(default_factory=SheetExtras)
    row: int = 0
    column: int = 0


def _choose(sheets: Sequence[_Sheet], archive: zipfile.ZipFile, limits: SheetLimits) -> Table:
    found = [
        FoundSheet(sheet.name, sheet.hidden, [one.cells for one in sheet.records[:SEARCHED_ROWS]])
        for sheet in sheets
        if sheet.records
    ]
    chosen, notes = choose_sheet(found)
    best = next(sheet for sheet in sheets if sheet.records and sheet.name == chosen)
    pictures = sum(name.startswith("Pictures/") for name in archive.namelist())
    form = f"OpenDocument spreadsheet, sheet {best.name!r}"
    return finish_sheet(form, best.records, best.extras, pictures, notes, limits)


def _sheets(content: bytes, limits: SheetLimits) -> Iterator[_Sheet]:
    from defusedxml.ElementTree import iterparse

    sheet = _Sheet("")
    hidden_styles: set[str] = set()
    cells_read = 0
    file = io.BytesIO(content)
    for event, element in iterparse(file, events=("start", "end"), forbid_dtd=True):
        name = local_name(element.tag)
        if event == "start" and name == "table":
            sheet = _Sheet(_get(element, "name"), _get(element, "style-name") in hidden_styles)
        elif event == "end" and name == "style":
            hidden_styles |= _hidden_style(element)
        elif event == "end" and name == "table-column":
            _add_column(sheet, element)
        elif event == "end" and name == "table-row":
            cells_read += _add_row(sheet, element, limits)
            if len(sheet.records) > limits.rows or cells_read > limits.cells * 2:
                raise too_many(limits)
            element.clear()
        elif event == "end" and name == "table":
            yield sheet
            element.clear()


def _hidden_style(style: Any) -> set[str]:
    hidden = any(_get(child, "display") == "false" for child in style)
    return {_get(style, "name")} if hidden else set()


def _add_column(sheet: _Sheet, column: Any) -> None:
    first = sheet.column
    sheet.column += _times(column, "number-columns-repeated")
    if _get(column, "visibility") in ("collapse", "filter"):
        sheet.extras.hidden_columns.append((first, sheet.column - 1))


def _add_row(sheet: _Sheet, row: Any, limits: SheetLimits) -> int:
    """Add a row as often as it is repeated; returns how many cells it has."""
    number = sheet.row + 1
    repeated = _times(row, "number-rows-repeated")
    sheet.row += repeated
    record = _record(number, row, sheet.extras, limits)
    if record is None:
        return 0
    sheet.extras.hidden_rows += repeated * (_get(row, "visibility") in ("collapse", "filter"))
    for at in range(min(repeated, limits.rows + 1)):
        sheet.records.append(
            Record(number + at, record.cells, record.kinds, record.links, record.formats)
        )
    return len(record.cells) * repeated


def _record(number: int, row: Any, extras: SheetExtras, limits: SheetLimits) -> Record | None:
    cells: list[str] = []
    kinds: dict[int, CellKind] = {}
    links: dict[int, str] = {}
    formats: dict[int, str] = {}
    place = 0
    for cell in row:
        if local_name(cell.tag) not in ("table-cell", "covered-table-cell"):
            continue
        repeated = _times(cell, "number-columns-repeated")
        covered = local_name(cell.tag) == "covered-table-cell"  # by a merged cell
        text, kind = ("", None) if covered else _text_of(cell)
        check_length(number, place, text, limits)
        link = "" if covered else _link_of(cell)
        if text or link:
            if place + repeated > limits.columns:
                where = f"row {number} has a cell in column {column_letter(place + repeated - 1)}"
                raise SpreadsheetError(f"{where}; at most {limits.columns} columns can be read")
            cells += [""] * (place - len(cells)) + [text] * repeated
            for index in range(place, place + repeated):
                kinds |= {index: kind} if kind else {}
                links |= {index: link} if link else {}
                formats |= {index: "0.00"} if kind and _CENTS.search(_shown(cell)) else {}
        if text and (rows := _times(cell, "number-rows-spanned")) > 1:
            extras.merged.append((place, number, number + rows - 1))
        place += repeated
    return Record(number, tuple(cells), kinds, links, formats) if cells else None


def _text_of(cell: Any) -> tuple[str, CellKind | None]:
    """A cell's value as text, and what it is if not a text."""
    kind, shown = _get(cell, "value-type"), _shown(cell)
    if kind in _NUMBERS:
        return _number(_get(cell, "value"), shown, kind == "percentage"), "number"
    if kind == "date":
        return _get(cell, "date-value").replace("T00:00:00", "").replace("T", " "), "date"
    if kind == "boolean":
        return _get(cell, "boolean-value").upper(), None
    is_error = any("value-type" in name and value == "error" for name, value in cell.attrib.items())
    shown = shown or _get(cell, "string-value")
    return shown, "error" if is_error or shown.startswith(("#N/A", "Err:")) else None


def _number(value: str, shown: str, percent: bool) -> str:
    """The exact number, but with the zeros before it that the program shows: 00042."""
    try:
        exact = Decimal(f"{float(value):.15g}") * (100 if percent else 1)
    except ValueError:
        return shown
    if shown.isdecimal() and Decimal(shown) == exact:
        return shown
    text = f"{exact.normalize():f}" if exact.is_finite() else shown
    return f"{text}%" if percent else text


def _shown(cell: Any) -> str:
    """The lines of a cell, without its comment."""
    return "\n".join(_line(child) for child in cell if local_name(child.tag) == "p").strip()


def _line(paragraph: Any) -> str:
    """A paragraph's text; indentation in the file is one blank, as OpenDocument has it."""
    signs = {"s": " ", "tab": "\t", "line-break": "\n"}
    pieces = [_BLANKS.sub(" ", paragraph.text or "")]
    for child in paragraph:
        name = local_name(child.tag)
        if name == "s":
            pieces.append(" " * min(100, int(_get(child, "c") or 1)))
        else:
            pieces.append(signs.get(name) or _line(child))
        pieces.append(_BLANKS.sub(" ", child.tail or ""))
    return "".join(pieces)


def _link_of(cell: Any) -> str:
    return next((_get(each, "href") for each in cell.iter() if local_name(each.tag) == "a"), "")


def _times(element: Any, name: str) -> int:
    """How often a row or cell is repeated, at most as often as a sheet has rows."""
    return min(max(1, int(_get(element, name) or 1)), _MOST_ROWS)


def _get(element: Any, name: str) -> str:
    """An attribute by its name without a namespace."""
    return next((str(v) for key, v in element.attrib.items() if local_name(key) == name), "")
