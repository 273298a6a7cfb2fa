"""The result of every reader: the filled rows of one sheet as texts, and notes for a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from packshot.errors import SpreadsheetError
from packshot.spreadsheets.number_formats import show_number

#: An error keeps its row (or the file) out, a question must be answered first, a note only informs.
Level = Literal["error", "question", "note"]
#: What a cell of a workbook was, where its text does not say: a number (always with a decimal
#: point), a date, or a formula's error such as #N/A.
CellKind = Literal["number", "date", "error"]


@dataclass(frozen=True)
class SheetLimits:
    """The most that is read of one spreadsheet; a larger one is refused before it is parsed."""

    bytes: int = 20_000_000
    #: Bytes of a workbook's XML, unpacked: Excel writes about 40 per cell. Also the characters of
    #: all its cells, because a file may repeat one cell in thousands of rows.
    unpacked_bytes: int = 40_000_000
    #: XML tags in one part of a workbook (a sheet, or its texts), and in all parts. A filled cell
    #: has four; openpyxl takes about 5 microseconds for each. `tags` is also for a feed's elements.
    tags: int = 1_500_000
    all_tags: int = 4_000_000
    rows: int = 20_000
    columns: int = 500
    cells: int = 1_000_000
    #: Excel's own limit of characters in a cell.
    cell_characters: int = 32_767


@dataclass(frozen=True)
class SheetProblem:
    """What a person should correct, decide or know. `row` is the number that the spreadsheet
    program shows, `column` the header's name; each None where the problem is not one row's or one
    column's."""

    row: int | None
    column: str | None
    detail: str
    level: Level = "error"


@dataclass(frozen=True)
class Record:
    """One row of the sheet: its number there, and its cells as texts without outer blanks."""

    number: int
    cells: tuple[str, ...]
    kinds: Mapping[int, CellKind] = field(default_factory=dict)
    #: The addresses that cells lead to when clicked, by the cell's index.
    links: Mapping[int, str] = field(default_factory=dict)
    #: How the program shows numbers, by the cell's index; none for most.
    formats: Mapping[int, str] = field(default_factory=dict)
    #: What other rows say of this one, by the name of the attribute that it becomes.
    attributes: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None
    #: What all rows of one product with its variants have in common; empty for most.
    family: str = ""

    def cell(self, index: int) -> str:
        return self.cells[index] if index < len(self.cells) else ""

    def text(self, index: int) -> str:
        """The cell as a person sees it, even if it is a number: 42 as ART-0042."""
        text = self.cell(index)
        return show_number(text, self.formats.get(index)) or text

    def with_cell(self, index: int, text: str) -> Record:
        cells = [*self.cells, *[""] * (index + 1 - len(self.cells))]
        cells[index] = text
        return replace(self, cells=tuple(cells))

    def with_cell_of(self, other: Record, source: int, target: int) -> Record:
        """The row with a copy of another one's cell, and of what that is."""
        return replace(
            self.with_cell(target, other.cell(source)),
            kinds=_with_copy(self.kinds, other.kinds, source, target),
            formats=_with_copy(self.formats, other.formats, source, target),
        )


def _with_copy(
    own: Mapping[int, Any], others: Mapping[int, Any], source: int, target: int
) -> dict[int, Any]:
    kept = {index: value for index, value in own.items() if index != target}
    return kept | ({target: others[source]} if source in others else {})


@dataclass(frozen=True)
class Table:
    """The rows of one sheet that are not empty, in order, from the header or above it.

    `form` says how the file was read ("CSV, UTF-8, semicolons"), for a person to check.
    """

    records: tuple[Record, ...]
    form: str
    notes: tuple[SheetProblem, ...] = ()


#: Invisible characters that come with text copied from web pages: zero-width space, word joiner,
#: byte order mark, marks of direction, soft hyphen. The joiners U+200C and U+200D stay: Hindi,
#: Persian and emoji need them.
INVISIBLE: Final = re.compile("[\u200b\u200e\u200f\u2060\u202a-\u202e\u2066-\u2069\ufeff\u00ad]")
#: Unicode's own line breaks, which end no row.
_LINE_BREAKS: Final = str.maketrans("\x85\u2028\u2029", "   ")


def without_invisible(text: str) -> tuple[str, int]:
    """The text without invisible characters, and how many there were."""
    return INVISIBLE.subn("", text.translate(_LINE_BREAKS))


def visible_cells(cells: Iterable[str]) -> tuple[tuple[str, ...], int]:
    """The cells without invisible characters and the blanks around them, and how many invisible
    characters there were."""
    cleaned = [without_invisible(cell) for cell in cells]
    return tuple(cell.strip() for cell, _ in cleaned), sum(count for _, count in cleaned)


def invisible_note(count: int) -> list[SheetProblem]:
    if not count:
        return []
    characters = "1 invisible character" if count == 1 else f"{count:,} invisible characters"
    return [SheetProblem(None, None, f"{characters} (such as zero-width spaces) left out", "note")]


def too_many(limits: SheetLimits) -> SpreadsheetError:
    return SpreadsheetError(
        f"the spreadsheet has more than {limits.rows:,} rows or {limits.cells:,} cells:"
        " split it, or delete rows and columns that are empty but formatted"
    )


def check_length(number: int, index: int, text: str, limits: SheetLimits) -> None:
    """Raises SpreadsheetError when a cell has too many characters."""
    if len(text) > limits.cell_characters:
        where = f"row {number}, column {column_letter(index)}"
        raise SpreadsheetError(
            f"{where}: the cell has more than {limits.cell_characters:,} characters"
        )


def drop_empty(records: Iterable[Record]) -> tuple[Record, ...]:
    """The records that are not empty or have a problem."""
    return tuple(record for record in records if record.problem or any(record.cells))


def column_letter(index: int) -> str:
    """0 -> A, 26 -> AA: as a spreadsheet program names a column."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def list_first(words: Sequence[str], most: int = 3) -> str:
    """For a message: the first of these words, and how many more there are: `a, b and 3 more`."""
    more = f" and {len(words) - most:,} more" if len(words) > most else ""
    return f"{', '.join(words[:most])}{more}"
