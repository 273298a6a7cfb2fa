"""Rows -> a .xlsx workbook, which every Excel opens alike: a CSV's commas, points and long numbers
it reads by its country's rules (39.9 becomes a date, an EAN 4,00638E+12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from xlsxwriter import Workbook

#: A text stays a text, a Decimal is an amount of money, an int as it is; None is an empty cell.
Cell = str | Decimal | int | None

#: The rows of a sheet without the header, its columns, and the characters of a cell
#: (support.microsoft.com, "Excel specifications and limits").
MOST_ROWS: Final = 1_048_575
MOST_COLUMNS: Final = 16_384
LONGEST_TEXT: Final = 32_767
CUT: Final = "... (the rest is in products.csv)"
#: Rows are written to the disk one after the other, and a text is nothing but a text.
OPTIONS: Final = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}
_IN_MEMORY: Final = 1_000_000  # bytes; a larger workbook waits on the disk
_PIECE: Final = 65_536


def workbook_pieces(names: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    """The bytes of a workbook with one sheet of at most MOST_ROWS rows and MOST_COLUMNS
    columns."""
    from xlsxwriter import Workbook  # 30 ms

    with SpooledTemporaryFile(_IN_MEMORY) as file:
        with Workbook(file, OPTIONS) as book:
            _write_sheet(book, names, rows)
        file.seek(0)
        yield from iter(lambda: file.read(_PIECE), b"")


def _write_sheet(book: Workbook, names: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    sheet = book.add_worksheet("Products")
    text = book.add_format({"num_format": "@"})
    amount = book.add_format({"num_format": "0.00"})
    sheet.set_column(0, max(0, len(names) - 1), 18)
    sheet.freeze_panes(1, 0)
    sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})
    bold = book.add_format({"num_format": "@", "bold": True})
    for across, name in enumerate(names):
        sheet.write_string(0, across, _short(name), bold)
    for down, row in enumerate(rows, 1):
        for across, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(down, across, _short(value), text)
            elif isinstance(value, Decimal):
                sheet.write_number(down, across, value, amount)
            elif value is not None:
                sheet.write_number(down, across, value)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - len(CUT)] + CUT
