"""Text with delimiters -> records; tolerates what spreadsheet programs and people write.

Python's csv module drops a stray quote (`"6" Pan"` becomes `6 Pan"`) and reads everything after a
quote that is never closed into one cell, so the cells are separated here. Every character is read a
fixed number of times: the cost is linear, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from packshot.errors import SpreadsheetError
from packshot.spreadsheets.formulas import unescape
from packshot.spreadsheets.header import count_recognised
from packshot.spreadsheets.table import CellKind, Record, SheetLimits, check_length, too_many

DELIMITER_NAMES: Final = {
    ",": "commas",
    ";": "semicolons",
    "\t": "tabs",
    "|": "pipes",
    "^": "carets",
    "~": "tildes",
}
DELIMITERS: Final = tuple(DELIMITER_NAMES)
_HINT: Final = re.compile(r'"?sep=(?P<delimiter>[^"\n])"?(?:\n|\Z)', re.IGNORECASE)
_SAMPLE_CHARACTERS: Final = 65_536
_SAMPLE_ROWS: Final = 50
#: A formula's error as Excel and LibreOffice write it into a CSV, in their user's language: `#N/A`,
#: `#NV`, `#WERT!`, `#¿NOMBRE?`, `Err:502`.
_ERROR: Final = re.compile(
    r"#(?:N/A|N/D|NV|I/T|Н/Д|YOK|HIÁNYZIK|PUUTTUU|[¡¿]?[^\W\d_a-z]{2,}(?:/0)?[!?])|Err:5\d\d"
)
#: A formula instead of its value: `=A1&B1`, `=SUM(C2:C3)`. Those of a link have a value, see
#: `picture_cells`.
_UNCALCULATED: Final = re.compile(
    r"=\s*(?!(?:HYPERLINK|IMAGE)\(\s*[\"'])(?:[A-Z][A-Z0-9.]+\(|\$?[A-Z]{1,3}\$?\d+(?:[-+*/&^<>=,;:)]|\Z))",
    re.IGNORECASE,
)
#: Quotes around cells that are not those of a CSV: the opening and the closing one.
_QUOTE_PAIRS: Final = ("''", "“”", "„“", "””", "«»")
_KEPT_QUOTE: Final = "\ue000"
_WHOLE_ROW: Final = re.compile(r'"(?:[^"]|"")++"')
#: A quoted cell with MySQL's and PHP's `\\"` for a quote; `"C:\\photos\\"` is none.
_BACKSLASHED: Final = re.compile(
    r"""(?:^|[,;\t|])"(?:[^"\\\n]|\\[^"\n])*+\\"(?:[^"\\\n]|\\.)*+"(?=[,;\t|\n]|\Z)""", re.MULTILINE
)
_QUOTES: Final = re.compile('"+')


def split_hint(text: str) -> tuple[str | None, str]:
    """The delimiter in Excel's first line `sep=;`, which is not a row, and the text after it."""
    match = _HINT.match(text)
    return (match["delimiter"], text[match.end() :]) if match else (None, text)


def without_outer_quotes(text: str) -> str:
    """Undo the quotes around whole rows: `"sku,price"`."""
    lines = [line.strip() for line in text.split("\n")]
    first = next(filter(None, lines), "")
    if not any(count_recognised(first.strip('"').split(one)) > 1 for one in DELIMITERS):
        return text
    if not all(_WHOLE_ROW.fullmatch(line) for line in lines if line):
        return text
    return "\n".join(line[1:-1].replace('""', '"') for line in lines)


def without_backslashes(text: str) -> str:
    """Write quotes within cells as spreadsheet programs do, if a backslash escapes them."""
    if not _BACKSLASHED.search(text):
        return text
    return re.sub(r'\\(["\\])', lambda found: '""' if found[1] == '"' else found[1], text)


def find_quotes(text: str) -> str | None:
    """The quotes around all names of the columns, if they are others than a CSV's: `'sku','name'`,
    or the ones that word processors make."""
    first = next((line.strip() for line in text.split("\n", 20) if line.strip()), "")
    for opening, closing in _QUOTE_PAIRS:
        for delimiter in DELIMITERS:
            cells = [cell.strip() for cell in first.split(delimiter)]
            quoted = all(c[:1] == opening and c[-1:] == closing and len(c) > 1 for c in cells)
            if len(cells) > 1 and quoted and count_recognised([cell[1:-1] for cell in cells]):
                return opening + closing
    return None


def with_usual_quotes(text: str, quotes: str) -> str:
    """The text with a CSV's quotes in place of these; `with_own_quotes` undoes it in a cell."""
    return text.translate({ord('"'): _KEPT_QUOTE} | {ord(quote): '"' for quote in quotes})


def with_own_quotes(cell: str, quotes: str) -> str:
    return cell.replace('"', quotes[1]).replace(_KEPT_QUOTE, '"')


def find_delimiter(text: str, preferred: str = ",", hint: str | None = None) -> str:
    """The delimiter that gives a row of known column names, else the most even rows. A hint is
    right unless another one gives more known names."""
    sample = text[:_SAMPLE_CHARACTERS]
    if len(sample) < len(text):
        sample = sample[: sample.rfind("\n") + 1] or sample
    order = (preferred, *(one for one in DELIMITERS if one != preferred))
    fits = {delimiter: _fit(sample, delimiter) for delimiter in order}
    best = max(order, key=lambda delimiter: fits[delimiter])
    return hint if hint and _fit(sample, hint)[0] >= fits[best][0] else best


def _fit(sample: str, delimiter: str) -> tuple[int, float]:
    rows = [cells for _, cells, _ in _rows(sample, delimiter, _SAMPLE_ROWS) if any(cells)]
    known = max((count_recognised(cells) for cells in rows), default=0)
    widths = [len(cells) for cells in rows]
    widest = max(widths, default=1)
    evenness = widths.count(widest) / len(widths) if widths else 0.0
    return known, evenness * (widest - 1)


def read_records(
    text: str, delimiter: str, limits: SheetLimits, quotes: str | None = None
) -> Iterator[Record]:
    """Every row of the text (newlines are LF), even blank ones, numbered as in a spreadsheet
    program: a row with line breaks in a quoted cell counts once. `quotes` were replaced by
    `with_usual_quotes`. Raises SpreadsheetError beyond a limit.
    """
    rows_read = cells_read = 0
    for number, cells, problem in _rows(text, delimiter):
        rows_read += any(cells)
        cells_read += len(cells)
        if rows_read > limits.rows or cells_read > limits.cells:
            raise too_many(limits)
        _check(number, cells, limits)
        cells = [with_own_quotes(cell, quotes) for cell in cells] if quotes else cells
        stripped = tuple(unescape(cell).strip() for cell in cells)
        yield Record(number, stripped, _kinds(stripped), problem=problem)


def _kinds(cells: tuple[str, ...]) -> dict[int, CellKind]:
    """The cells that hold a formula or its error, which spreadsheet programs write as text."""
    return {
        index: "error"
        for index, cell in enumerate(cells)
        if (cell[:1] in ("#", "E") and _ERROR.fullmatch(cell))
        or (cell[:1] == "=" and _UNCALCULATED.match(cell))
    }


def _check(number: int, cells: list[str], limits: SheetLimits) -> None:
    if len(cells) > limits.columns and any(cells[limits.columns :]):
        raise SpreadsheetError(
            f"row {number} has {len(cells):,} cells; at most {limits.columns} can be read"
        )
    if sum(map(len, cells)) > limits.cell_characters:
        for index, cell in enumerate(cells):
            check_length(number, index, cell, limits)


def _rows(
    text: str, delimiter: str, most: int | None = None
) -> Iterator[tuple[int, list[str], str | None]]:
    """The number, cells and problem of each row."""
    reader = _Reader(text, delimiter)
    number = 0
    while not reader.at_end and (most is None or number < most):
        number += 1
        yield number, *reader.next_row()


class _Unclosed(Exception):
    """A cell begins with a quote that nothing closes."""


class _Reader:
    """Reads one row after the other from a text. Each two quotes in a quoted cell stand for one."""

    def __init__(self, text: str, delimiter: str) -> None:
        self._text = text
        self._delimiter = delimiter
        self._place = 0
        self._line_end = 0
        self._last_close = self._find_last_close()
        #: No quote before this position closes a cell that opens on an earlier line.
        self._none_before = 0

    @property
    def at_end(self) -> bool:
        return self._place >= len(self._text)

    def next_row(self) -> tuple[list[str], str | None]:
        """The next row's cells, and what is wrong with it."""
        start, self._line_end = self._place, self._newline_after(self._place)
        line = self._text[start : self._line_end]
        cells: list[str] | None = None
        if '"' in line:
            cells = self._quoted_row()
            if cells is None:
                self._place = self._newline_after(start) + 1
                problem = "a quote opens a cell in this row and is never closed"
                return line.split(self._delimiter), problem
            return cells, None
        self._place = self._line_end + 1
        return line.split(self._delimiter), None

    def _quoted_row(self) -> list[str] | None:
        """The cells of a row with quotes; None where one of them is never closed."""
        cells: list[str] = []
        while True:
            try:
                cells.append(self._next_cell())
            except _Unclosed:
                return None
            last = self._text[self._place : self._place + 1] != self._delimiter
            self._place += 1
            if last:
                return cells

    def _next_cell(self) -> str:
        """The cell that begins here; `_place` moves to the delimiter or newline after it."""
        start = self._place
        if self._line_end < start:  # a quoted cell has several lines
            self._line_end = self._newline_after(start)
        opening = self._skip_spaces(start)
        if self._text[opening : opening + 1] == '"':
            return self._quoted_cell(opening)
        end = self._text.find(self._delimiter, start, self._line_end)
        self._place = self._line_end if end < 0 else end
        return self._text[start : self._place]

    def _quoted_cell(self, opening: int) -> str:
        """Read a quoted cell. A quote closes it only at the cell's end; others are text (`6" Pan`).

        A quote that seems to open another cell on a later line shows that this one was never
        closed. Raises _Unclosed.
        """
        pieces: list[str] = []
        piece_start = opening + 1
        hopeless = self._is_hopeless(opening)
        for run in _QUOTES.finditer(self._text, opening + 1):
            if hopeless and run.start() > opening + 1:
                break
            quotes = run.end() - run.start()
            pieces.append(self._text[piece_start : run.start()])
            if self._closes(run):
                self._place = self._skip_spaces(run.end())
                return "".join(pieces) + '"' * (quotes // 2)
            if self._opens_another(run):
                self._none_before = run.start()
                raise _Unclosed
            pieces.append('"' * ((quotes + 1) // 2))
            piece_start = run.end()
        raise _Unclosed

    def _is_hopeless(self, opening: int) -> bool:
        """Whether no quote can close the cell: a failed search is never repeated."""
        return opening >= self._last_close or self._line_end < self._none_before

    def _closes(self, run: re.Match[str]) -> bool:
        odd = (run.end() - run.start()) % 2 == 1
        return odd and self._ends_cell(self._skip_spaces(run.end()))

    def _ends_cell(self, position: int) -> bool:
        return self._text[position : position + 1] in ("", "\n", self._delimiter)

    def _opens_another(self, run: re.Match[str]) -> bool:
        if run.end() - run.start() > 1 or run.start() <= self._line_end:
            return False
        return self._text[run.start() - 1] in (self._delimiter, "\n")

    def _skip_spaces(self, position: int) -> int:
        while self._text[position : position + 1] == " ":
            position += 1
        return position

    def _newline_after(self, position: int) -> int:
        end = self._text.find("\n", position)
        return len(self._text) if end < 0 else end

    def _find_last_close(self) -> int:
        """The position of the last quote that can close a cell; -1 without any."""
        closing = (run.start() for run in _QUOTES.finditer(self._text) if self._closes(run))
        return max(closing, default=-1)
