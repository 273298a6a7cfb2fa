"""One of a spreadsheet's sheets: which has the products, and what is said of it and the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from packshot.errors import SpreadsheetError
from packshot.spreadsheets.header import count_recognised, find_header
from packshot.spreadsheets.sheet_extras import SheetExtras
from packshot.spreadsheets.table import (
    Record,
    SheetLimits,
    SheetProblem,
    column_letter,
    drop_empty,
    invisible_note,
    list_first,
    too_many,
    visible_cells,
)

#: The rows in which the header is searched.
SEARCHED_ROWS: Final = 30
#: The most hidden columns that a note names.
_NAMED: Final = 10


@dataclass(frozen=True)
class FoundSheet:
    """A sheet that has cells, and its first rows."""

    name: str
    is_hidden: bool
    rows: Sequence[Sequence[str]]


def choose_sheet(sheets: Sequence[FoundSheet]) -> tuple[FoundSheet, list[str], list[str]]:
    """The visible sheet whose first rows name most fields, the names of the others, and of those
    among them that seem to have products, too. Raises SpreadsheetError."""
    scores = [(_score(sheet.rows), sheet) for sheet in sheets if not sheet.is_hidden]
    if not scores:
        raise SpreadsheetError("the spreadsheet has no visible sheet with anything on it")
    most, best = max(scores, key=lambda score: score[0])
    others = [(score, sheet.name) for score, sheet in scores if sheet is not best]
    further = [name for score, name in others if score >= max(2, most)]
    hidden = [f"{sheet.name} (hidden)" for sheet in sheets if sheet.is_hidden]
    return best, [*(name for _, name in others), *hidden], further


def _score(rows: Sequence[Sequence[str]]) -> int:
    """How many fields the header names; 0 if nothing is below it, as on a sheet of instructions."""
    counts = [count_recognised(row) for row in rows]
    best = max(counts)
    return best if counts.index(best) + 1 < len(rows) else 0


def finish_sheet(
    records: list[Record], extras: SheetExtras, limits: SheetLimits
) -> tuple[tuple[Record, ...], list[SheetProblem]]:
    """The rows that are not empty, with merged cells and without invisible characters; notes."""
    records = _with_merged(records, extras, limits)
    if sum(sum(map(len, record.cells)) for record in records) > limits.unpacked_bytes:
        most = f"{limits.unpacked_bytes:,}"
        raise SpreadsheetError(f"the sheet has more than {most} characters: split it")
    invisible = 0
    for index, record in enumerate(records):
        cells, count = visible_cells(record.cells)
        if count:
            records[index], invisible = replace(record, cells=cells), invisible + count
    kept = drop_empty(records)
    return kept, [*invisible_note(invisible), *_note_hidden_columns(kept, extras)]


def note_sheets(
    extras: SheetExtras, others: Sequence[str], further: Sequence[str], pictures: int
) -> Iterator[SheetProblem]:
    """Notes on what is not read, and on hidden and merged cells. `others` and `further` are names
    of sheets: all that have cells, and those that seem to have products."""
    if others:
        names = ", ".join(repr(name) for name in others[:10])
        yield SheetProblem(None, None, f"other sheets were not read: {names}", "note")
    if further:
        names = list_first([repr(name) for name in further])
        detail = f"sheets with the same columns may have products, too: save {names} as files"
        yield SheetProblem(None, None, detail, "note")
    if pictures:
        found = "1 picture" if pictures == 1 else f"{pictures:,} pictures"
        was, them = ("was", "it as a file") if pictures == 1 else ("were", "them as files")
        detail = f"{found} inside the workbook {was} not read: give {them}"
        yield SheetProblem(None, None, detail, "note")
    if extras.hidden_rows:
        one = extras.hidden_rows == 1
        hidden = "1 hidden row is" if one else f"{extras.hidden_rows:,} hidden rows are"
        detail = f"{hidden} read like the others"
        yield SheetProblem(None, None, detail, "note")
    if extras.merged:
        detail = "cells merged over several rows count for each of these rows"
        yield SheetProblem(None, None, detail, "note")


def _note_hidden_columns(records: Sequence[Record], extras: SheetExtras) -> Iterator[SheetProblem]:
    """One note on the hidden columns that have a cell, by the names that the header gives them."""
    hidden = [
        index
        for index in range(max((len(record.cells) for record in records), default=0))
        if any(first <= index <= last for first, last in extras.hidden_columns)
        and any(record.cell(index) for record in records)
    ]
    if not hidden:
        return
    header = records[find_header(records)]
    names = [header.cell(index) or f"column {column_letter(index)}" for index in hidden]
    columns = "1 hidden column is" if len(names) == 1 else f"{len(names):,} hidden columns are"
    detail = f"{columns} read like the others: {list_first(names, _NAMED)}"
    yield SheetProblem(None, None, detail, "note")


def _with_merged(records: list[Record], extras: SheetExtras, limits: SheetLimits) -> list[Record]:
    """Each row under a merged cell gets its value: one SKU beside several pictures."""
    indexes = {record.number: index for index, record in enumerate(records)}
    filled_cells = 0
    for column, first, last in extras.merged:
        filled_cells += last - first
        if filled_cells > limits.cells:
            raise too_many(limits)
        if first not in indexes:
            continue
        source = records[indexes[first]]
        for number in range(first + 1, last + 1):
            if number in indexes and source.cell(column):
                records[indexes[number]] = _with_cell(records[indexes[number]], column, source)
    return records


def _with_cell(record: Record, index: int, source: Record) -> Record:
    """The record with the other one's cell, if it has none of its own."""
    if record.cell(index):
        return record
    cells = [*record.cells, *[""] * (index + 1 - len(record.cells))]
    cells[index] = source.cell(index)
    formats = {index: source.formats[index]} if index in source.formats else {}
    return replace(record, cells=tuple(cells), formats={**record.formats, **formats})
