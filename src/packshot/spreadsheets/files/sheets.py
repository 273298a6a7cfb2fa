"""One of a spreadsheet's sheets: which has the products, and what is said of it and the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from packshot.errors import SpreadsheetError
from packshot.spreadsheets.files.sheet_extras import SheetExtras
from packshot.spreadsheets.header import count_recognised, find_header
from packshot.spreadsheets.table import (
    Record,
    SheetLimits,
    SheetProblem,
    Table,
    column_letter,
    drop_empty,
    invisible_note,
    list_first,
    too_many,
    visible_cells,
)

#: The most hidden columns that a note names.
_NAMED: Final = 10


@dataclass(frozen=True)
class FoundSheet:
    """A sheet that has cells, and its first rows."""

    name: str
    is_hidden: bool
    rows: Sequence[Sequence[str]]


def choose_sheet(sheets: Sequence[FoundSheet]) -> tuple[str, list[SheetProblem]]:
    """The name of the visible sheet whose first rows name most fields, and notes on the others.
    Raises SpreadsheetError."""
    scores = [(_score(sheet.rows), sheet) for sheet in sheets if not sheet.is_hidden]
    if not scores:
        raise SpreadsheetError("the spreadsheet has no visible sheet with anything on it")
    most, best = max(scores, key=lambda score: score[0])
    others = [(score, sheet.name) for score, sheet in scores if sheet is not best]
    further = [name for score, name in others if score >= max(2, most)]
    hidden = [f"{sheet.name} (hidden)" for sheet in sheets if sheet.is_hidden]
    return best.name, list(_note_others([*(name for _, name in others), *hidden], further))


def _note_others(others: Sequence[str], further: Sequence[str]) -> Iterator[SheetProblem]:
    """Of all sheets that have cells, and of those that seem to have products."""
    if others:
        names = ", ".join(repr(name) for name in others[:10])
        yield SheetProblem(None, None, f"other sheets were not read: {names}", "note")
    if further:
        names = list_first([repr(name) for name in further])
        detail = f"sheets with the same columns may have products, too: save {names} as files"
        yield SheetProblem(None, None, detail, "note")


def _score(rows: Sequence[Sequence[str]]) -> int:
    """How many fields the header names; 0 if nothing is below it, as on a sheet of instructions."""
    counts = [count_recognised(row) for row in rows]
    best = max(counts)
    return best if counts.index(best) + 1 < len(rows) else 0


def finish_sheet(
    form: str,
    records: list[Record],
    extras: SheetExtras,
    pictures: int,
    notes: Sequence[SheetProblem],
    limits: SheetLimits,
) -> Table:
    """The rows that are not empty, with merged cells and without invisible characters. `pictures`
    is how many are inside the file; `notes` are those on its other sheets."""
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
    every = [*invisible_note(invisible), *_note_hidden_columns(kept, extras), *notes]
    return Table(kept, form, (*every, *_note_extras(extras, pictures)))


def _note_extras(extras: SheetExtras, pictures: int) -> Iterator[SheetProblem]:
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
                record = records[indexes[number]]
                if not record.cell(column):
                    records[indexes[number]] = record.with_cell_of(source, column, column)
    return records
