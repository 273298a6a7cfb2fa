"""Prints what became of rows: lines that rows with the same result share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console

from packshot.cli.plain import escape_text, pluralise
from packshot.cli.rows import NAMED_ROWS, Row, is_of_photo
from packshot.cli.sending import ExistingProduct, with_known
from packshot.spreadsheets.table import list_first


def print_skipped(skipped: Sequence[tuple[Row, ExistingProduct]], console: Console) -> None:
    """Print a line for each row whose photo has a product already; many share one."""
    rows = [with_known(row, known, known.difference(row)) for row, known in skipped]
    for line in reasons(rows):
        console.print(f"skipped {escape_text(line)}", soft_wrap=True)


def print_refused(refused: list[Row], what: str, console: Console) -> None:
    """Print a line for each row with errors, then one for each photo that is left out with it."""
    for line in reasons(refused):
        console.print(f"[red]{what}[/] {escape_text(line)}", soft_wrap=True)
    for row in refused:
        if row.photo and row.number and not any(map(is_of_photo, row.errors)):
            words = f"left out {row.photo.name}: row {row.number} must be corrected first"
            console.print(escape_text(words), soft_wrap=True)


def count_sources(rows: Sequence[Row]) -> str:
    """`2 rows and 3 photos`: a spreadsheet's row counts once, however many photos it has."""
    in_sheets = {row.source for row in rows if row.number}
    photos = sum(1 for row in rows if not row.number)
    counts = [(len(in_sheets), "row"), (photos, "photo")]
    return " and ".join(pluralise(n, noun) for n, noun in counts if n) or "nothing"


def reasons(rows: Sequence[Row]) -> Iterator[str]:
    """One line for each refused row: its source, and all its errors. Rows of a spreadsheet with
    the same errors share one, and so do many with a shared error."""
    kinds: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        is_shared = row.shared is not None and len(row.errors) == 1
        words = [row.shared.words] if row.shared and is_shared else row.errors
        of = _file_of(row) if row.number else "" if is_shared else row.source
        kinds.setdefault((of, *words), []).append(row)
    for of_kind in kinds.values():
        shared = [row.shared for row in of_kind if row.shared]
        names = list(dict.fromkeys(each.of for each in shared))
        if len(names) > NAMED_ROWS:
            yield f"{_sources(of_kind)}: {shared[0].words.format(list_first(names, NAMED_ROWS))}"
        else:
            yield from _reasons_of_few(of_kind)


def _reasons_of_few(rows: Sequence[Row]) -> Iterator[str]:
    alike: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        key = tuple(row.errors) if row.number else (row.source, *row.errors)
        alike.setdefault(key, []).append(row)
    for same in alike.values():
        yield f"{_sources(same)}: {'; '.join(same[0].errors)}"


def _sources(rows: Sequence[Row]) -> str:
    """`a.csv row 2`, `a.csv rows 2-5, 7`, `300 photos`."""
    if len(dict.fromkeys(row.source for row in rows)) == 1:
        return rows[0].source
    if not rows[0].number:
        return f"{len(rows):,} photos"
    numbers = list(dict.fromkeys(row.number for row in rows))
    return f"{_file_of(rows[0])} rows {', '.join(_ranges(numbers))}"


def _ranges(numbers: Sequence[int]) -> Iterator[str]:
    """`2-5` for rows that follow each other, else their numbers."""
    start = before = numbers[0]
    for number in (*numbers[1:], None):
        if number != before + 1:
            yield str(start) if start == before else f"{start}-{before}"
            start = number or 0
        before = number or 0


def _file_of(row: Row) -> str:
    """The spreadsheet of a row."""
    return row.source.removesuffix(f" row {row.number}")
