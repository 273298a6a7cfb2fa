"""A .xlsx workbook -> a table: the values a person sees, of the sheet that holds the products."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from packshot.errors import SpreadsheetError
from packshot.spreadsheets.files.sheet_extras import SheetExtras, read_extras
from packshot.spreadsheets.files.sheets import (
    FoundSheet,
    choose_sheet,
    finish_sheet,
)
from packshot.spreadsheets.files.text import one_newline
from packshot.spreadsheets.files.zip_limits import DAMAGED, read_entry
from packshot.spreadsheets.header import SEARCHED_ROWS
from packshot.spreadsheets.picture_cells import PICTURE_IN_CELL
from packshot.spreadsheets.table import (
    CellKind,
    Record,
    SheetLimits,
    Table,
    check_length,
    column_letter,
    too_many,
)

_MEDIA: Final = "xl/media/"
_SMALL: Final = 100_000
#: The namespace of "Strict Open XML", which openpyxl does not read.
_STRICT: Final = b"http://purl.oclc.org/ooxml/spreadsheetml/main"
#: How Excel's files write a control character: `_x000D_` is a line's end.
_ESCAPED: Final = re.compile("_x00(0[9AD])_", re.IGNORECASE)


def read_workbook(data: bytes, archive: zipfile.ZipFile, limits: SheetLimits) -> Table:
    """`archive` is `data` opened as a ZIP. Raises SpreadsheetError."""
    from openpyxl import load_workbook  # takes 0.2 s

    _check_size(archive, limits)
    try:
        if _STRICT in archive.read("xl/workbook.xml"):
            raise SpreadsheetError(
                "the workbook is in Excel's strict form: save it as an ordinary .xlsx file"
            )
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        return _read(book, archive, limits)
    except (SpreadsheetError, MemoryError):  # a lack of memory says nothing about the file
        raise
    except Exception as error:  # openpyxl raises whatever a wrong part makes Python raise
        raise SpreadsheetError(DAMAGED) from error


def _check_size(archive: zipfile.ZipFile, limits: SheetLimits) -> None:
    """Check sizes before anything is unpacked: Python unpacks no more than a part's stated size.

    Pictures are not counted, because they are never read. Any part could have a picture's name, so
    only parts that hardly compress, as pictures do, count as pictures.
    """
    unpacked = sum(
        part.file_size
        for part in archive.infolist()
        if not (part.filename.startswith(_MEDIA) and part.file_size <= part.compress_size * 2)
    )
    if unpacked > limits.unpacked_bytes:
        raise SpreadsheetError(
            f"the workbook unpacks to more than {limits.unpacked_bytes:,} bytes:"
            " split it, or delete rows and columns that are empty but formatted"
        )
    tags = [_tags(archive, part, limits) for part in archive.infolist()]
    if max(tags) > limits.tags or sum(tags) > limits.all_tags:
        raise too_many(limits)


def _tags(archive: zipfile.ZipFile, part: zipfile.ZipInfo, limits: SheetLimits) -> int:
    """The cost of parsing a part, in XML tags. Tags after a sheet's cells (merged cells, links,
    rules) count thirty times, because openpyxl takes that much longer for them."""
    if part.file_size < _SMALL:
        return 0
    text = read_entry(archive, part.filename, limits.unpacked_bytes)
    after = text.rfind(b"sheetData>")
    return text.count(b"<") + (text.count(b"<", after) * 30 if after >= 0 else 0)


def _read(book: Any, archive: zipfile.ZipFile, limits: SheetLimits) -> Table:
    first = [
        [record.cells for record in _records(sheet, SheetExtras(), limits, few=True)]
        for sheet in book.worksheets
    ]
    found = [
        FoundSheet(sheet.title, sheet.sheet_state != "visible", rows)
        for sheet, rows in zip(book.worksheets, first, strict=True)
        if any(map(any, rows))
    ]
    chosen, notes = choose_sheet(found)
    sheet = book[chosen]
    # openpyxl reads no links, formulas and merged cells of a sheet that it reads row by row.
    extras = read_extras(archive, sheet._worksheet_path)
    records = list(_records(sheet, extras, limits))
    pictures = sum(name.startswith(_MEDIA) for name in archive.namelist())
    form = f"Excel workbook, sheet {sheet.title!r}"
    return finish_sheet(form, records, extras, pictures, notes, limits)


def _records(
    sheet: Any, extras: SheetExtras, limits: SheetLimits, few: bool = False
) -> Iterator[Record]:
    """The rows that hold something. `few`: only the first, to find the header."""
    sheet.reset_dimensions()  # the file's own size is often wrong, and rows would be padded to it
    read = cells_seen = 0
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells_seen += len(row)
        record = _record(number, row, extras, limits)
        read += record is not None
        if read > limits.rows or cells_seen > limits.cells * 2:
            raise too_many(limits)
        if record:
            yield record
        if few and read >= SEARCHED_ROWS:
            return


def _record(number: int, row: Any, extras: SheetExtras, limits: SheetLimits) -> Record | None:
    cells: list[str] = []
    kinds: dict[int, CellKind] = {}
    links: dict[int, str] = {}
    formats: dict[int, str] = {}
    for index, cell in enumerate(row):
        formula = extras.uncalculated.get((number, index))
        text, kind = _text_of(cell)
        if kind == "number" and cell.number_format not in (None, "General"):
            formats[index] = cell.number_format
        if formula:
            text, kind = formula, "error"
        if (number, index) in extras.pictures:
            text, kind = PICTURE_IN_CELL, "error"
        check_length(number, index, text, limits)
        cells.append(text.strip())
        if kind:
            kinds[index] = kind
        if link := extras.links.get((number, index)):
            links[index] = link
    while cells and not cells[-1] and len(cells) - 1 not in links:
        cells.pop()
    if not cells:
        return None
    if len(cells) > limits.columns:
        where = f"row {number} has a cell in column {column_letter(len(cells) - 1)}"
        raise SpreadsheetError(f"{where}; at most {limits.columns} columns can be read")
    return Record(number, tuple(cells), kinds, links, formats)


def _text_of(cell: Any) -> tuple[str, CellKind | None]:
    """A cell's value as a spreadsheet program shows it, without the format's decoration."""
    value = cell.value
    if value is None:
        return "", None
    if isinstance(value, bool):
        return str(value).upper(), None
    if isinstance(value, int | float):
        return _number_text(value, cell.number_format or "General"), "number"
    if isinstance(value, datetime):
        day = value.date().isoformat()
        return day if value.time() == time() else value.isoformat(sep=" "), "date"
    if isinstance(value, date | time):
        return value.isoformat(), "date"
    text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), str(value))
    return one_newline(text), "error" if cell.data_type == "e" else None


def _number_text(value: float, style: str) -> str:
    """As many digits as Excel keeps: 1042.0 -> 1042, 0.1 + 0.2 -> 0.3; 0.18 as 0% -> 18%; 42 under
    the format 00000 -> 00042."""
    exact = Decimal(value) if isinstance(value, int) else Decimal(f"{value:.15g}")
    if not exact.is_finite():
        return str(value)
    percent = "%" in style
    exact = exact * 100 if percent else exact
    whole = exact == exact.to_integral_value()
    text = str(int(exact)) if whole else format(exact.normalize(), "f")
    if whole and len(style) > 1 and not style.strip("0"):
        text = text.zfill(len(style))
    return text + ("%" if percent else "")
