"""What to upload: photos, folders and spreadsheets, read into rows that can be checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from packshot.errors import SpreadsheetError
from packshot.pictures.kinds import sniff
from packshot.spreadsheets import (
    ATTRIBUTE,
    ENDINGS,
    LEFT_OUT,
    Choices,
    DecimalSign,
    Import,
    ProductRow,
    path_parts,
    read_products,
    read_table,
)

PHOTO_ENDINGS = ENDINGS
SNIFFED_BYTES = 65_536
#: Files that are read as spreadsheets, or refused as spreadsheets with a message.
SPREADSHEETS = (".csv", ".tsv", ".tab", ".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".numbers")
#: How an upload's address begins; anything else that begins with a slash is a local file.
UPLOADED = "/media/uploads/"
#: The most rows named in one note.
NAMED_ROWS = 5

Report = Callable[[str], None]


@dataclass(frozen=True)
class Row:
    """One product to create: where it came from, its fields, and its photo when that is a file."""

    source: str
    fields: dict[str, Any]
    photo: Path | None
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sheets:
    """How spreadsheets are to be read: column name -> field, and the sign before decimals; None
    leaves each to the reader."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    decimals: DecimalSign | None = None


def read_rows(
    paths: Sequence[Path],
    defaults: dict[str, Any],
    sheets: Sheets | None = None,
    report: Report = lambda note: None,
) -> list[Row]:
    """Rows from photos, folders of photos and spreadsheets, in the order given.

    `defaults` are a photo's fields; a spreadsheet's row takes its category from them where it has
    none. `report` is called with a line for each note. Raises ClickException for a folder without
    photos and a file that is no spreadsheet of products.
    """
    found = sheets or Sheets()
    return [row for path in paths for row in _rows_of(path, defaults, found, report)]


def _rows_of(path: Path, defaults: dict[str, Any], sheets: Sheets, report: Report) -> list[Row]:
    if path.suffix.lower() in SPREADSHEETS and not path.is_dir():
        rows, wanted = _sheet_rows(path, defaults, sheets, report), "rows"
    else:
        rows = [Row(str(photo), dict(defaults), photo) for photo in _photos_of(path)]
        wanted = f"photos ({', '.join(PHOTO_ENDINGS)})"
    if not rows:
        raise click.ClickException(f"there are no {wanted} in {path}")
    return rows


def _photos_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(filter(_is_photo, path.iterdir()))


def _is_photo(path: Path) -> bool:
    """By its ending, or by its content: browsers and phones save some without an ending."""
    if path.suffix.lower() in PHOTO_ENDINGS:
        return True
    try:
        with path.open("rb") as file:
            return sniff(file.read(SNIFFED_BYTES)) is not None
    except OSError:
        return False


def _sheet_rows(path: Path, defaults: dict[str, Any], sheets: Sheets, report: Report) -> list[Row]:
    category = {"category": defaults["category"]} if defaults.get("category") else {}
    try:
        table = read_table(path.read_bytes(), path.name)
        choices = Choices(sheets.mapping, defaults=category)
        found = read_products(table, choices)
        if sheets.decimals:
            chosen = dict.fromkeys(found.conventions, sheets.decimals)
            found = read_products(table, replace(choices, conventions=chosen))
    except SpreadsheetError as error:
        raise click.ClickException(f"{path.name}: {error.message}") from None
    for note in _notes(found):
        report(f"{path.name}: {note}")
    return [*_good_rows(path, found), *_unread_rows(path, found)]


def _good_rows(path: Path, found: Import) -> Iterator[Row]:
    faults = _faults(found)
    questions = [words for words in faults.pop(None, []) if words]
    for row in found.rows:
        errors = faults.get(row.row, [])
        if not row.ready and not errors:
            errors = questions
        yield _row(path, row, list(errors))


def _row(path: Path, row: ProductRow, errors: list[str]) -> Row:
    source = f"{path.name} row {row.row}"
    if row.raw_image:
        return Row(source, row.as_product(), None, errors)
    if row.path:
        return Row(source, row.as_product(), _photo_of(path.parent, row.path), errors)
    return Row(source, row.as_product(), None, errors or ["raw_image: is required"])


def _photo_of(folder: Path, given: str) -> Path:
    """The file that a row names: at its path, or else under its name beside the spreadsheet, as a
    path of another machine does not exist here."""
    parts = path_parts(given)
    for photo in (folder / given, folder.joinpath(*parts), folder / parts[-1]):
        if photo.exists():
            return photo
    return folder / given


def _unread_rows(path: Path, found: Import) -> Iterator[Row]:
    """Rows with a problem that gave no product."""
    known = {row.row for row in found.rows}
    for number, errors in _faults(found).items():
        if number is not None and number not in known:
            yield Row(f"{path.name} row {number}", {}, None, errors)


def _faults(found: Import) -> dict[int | None, list[str]]:
    """The errors by row; under None, questions about a whole column."""
    faults: dict[int | None, list[str]] = defaultdict(list)
    for problem in found.problems:
        words = f"{problem.column}: {problem.detail}" if problem.column else problem.detail
        if problem.level == "error":
            faults[problem.row].append(words)
        elif problem.level == "question":
            faults[None].append(f"{words} (--decimals)")
    return faults


def _notes(found: Import) -> Iterator[str]:
    """How columns were understood where their names don't say it, and each kind of note once, with
    its first rows."""
    renamed = [
        f"{name} is {to}"
        for name, to in found.mapping.items()
        if to not in (ATTRIBUTE, LEFT_OUT) and name.lower() != to
    ]
    kept = [name for name, to in found.mapping.items() if to == ATTRIBUTE]
    if renamed:
        yield f"read as {found.form}; {', '.join(renamed)} (--column NAME=FIELD changes it)"
    if kept:
        yield f"kept as attributes: {', '.join(kept)}"
    rows: dict[str, list[int]] = defaultdict(list)
    for problem in found.problems:
        if problem.level == "note":
            words = f"{problem.column}: {problem.detail}" if problem.column else problem.detail
            rows[words] += [problem.row] if problem.row else []
    for words, numbers in rows.items():
        yield f"{_named(numbers)}{words}"


def _named(numbers: Sequence[int]) -> str:
    if not numbers:
        return ""
    shown = ", ".join(map(str, numbers[:NAMED_ROWS]))
    more = f" and {len(numbers) - NAMED_ROWS} more" if len(numbers) > NAMED_ROWS else ""
    return f"row{'s' * (len(numbers) > 1)} {shown}{more}: "


def unreadable(photo: Path, error: OSError) -> str:
    return f"raw_image: can't read {photo}: {error.strerror}"
