"""Reads photos, folders and spreadsheets into rows that can be checked and uploaded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import unquote

import click

from packshot.cli.photos import PhotoFiles, collect_photos, is_endless
from packshot.cli.plain import pluralise
from packshot.client import Photo
from packshot.errors import SpreadsheetError
from packshot.pictures.limits import MAX_BYTES
from packshot.spreadsheets import (
    ATTRIBUTE,
    ENDINGS,
    LEFT_OUT,
    NO_SKU_COLUMN,
    SHEET_ENDINGS,
    TABLE_BYTES,
    DecimalSign,
    Import,
    ImportChoices,
    ImportInput,
    LeftOut,
    MatchedPhotos,
    PlannedRow,
    ProductRow,
    SheetProblem,
    columns_by_field,
    is_text_table,
    name_photos,
    path_parts,
    plan_import,
    possible_skus,
    sort_files,
)
from packshot.spreadsheets.photo_files import is_system_file
from packshot.spreadsheets.table import list_first

#: The ending of texts, some of which are tables.
TEXTS = (".txt", ".xml")
#: What an error of a row's photo begins with.
PHOTO = "photo"
#: The most rows named in one note.
NAMED_ROWS = 5

Report = Callable[[str], None]


@dataclass(frozen=True)
class Shared:
    """An error that many rows may have, each about something of its own: `words` say it of all,
    with {} in the place of these, `of`."""

    words: str
    of: str


@dataclass(frozen=True)
class Row:
    """One product to create: where it came from, its fields, and its photo when that is a file.

    `product` is what its spreadsheet, `sheet`, says. `lacks_photo`: its only error is that it has
    no photo. `shared` says its only error for many rows at once.
    """

    source: str
    fields: dict[str, Any]
    photo: Photo | None
    errors: list[str] = field(default_factory=list)
    origin: str = ""  # the file of a watched folder that it belongs to
    number: int = 0  # in its spreadsheet; 0 for a photo without one
    product: ProductRow | None = None
    sheet: Import | None = field(default=None, repr=False, compare=False)
    lacks_photo: bool = False
    shared: Shared | None = None

    @property
    def columns(self) -> Mapping[str, str]:
        """The column of each field in its spreadsheet."""
        return {} if self.sheet is None else columns_by_field(self.sheet)


@dataclass(frozen=True)
class ReadOptions:
    """How to read spreadsheets (column name -> field, decimal sign), and photos' names without one
    (the pattern). None: Packshot chooses.

    `defaults` are a photo's fields; a spreadsheet's row without a category takes it from them.
    `find_skus` returns those SKUs that the server has.
    """

    defaults: Mapping[str, Any] = field(default_factory=dict)
    mapping: Mapping[str, str] = field(default_factory=dict)
    decimals: DecimalSign | None = None
    pattern: str | None = None
    find_skus: Callable[[Sequence[str]], Collection[str]] = field(default=lambda skus: ())

    @property
    def category(self) -> dict[str, str]:
        """The only default of a spreadsheet's rows, if there is one."""
        category = self.defaults.get("category")
        return {"category": category} if category else {}


def read_rows(
    paths: Sequence[Path],
    options: ReadOptions = ReadOptions(),
    report: Report = lambda note: None,
) -> list[Row]:
    """Rows from photos, folders and ZIPs of photos, and spreadsheets.

    With one spreadsheet the photos are matched with its rows; without one, their names say SKU and
    view. `report` is called with a line for each note. Raises ClickException for a folder without
    photos and a file that is not a spreadsheet of products.
    """
    tables = [path for path in paths if is_spreadsheet(path)]
    others = [path for path in paths if not is_spreadsheet(path)]
    if len(tables) > 1 and others:
        raise click.ClickException("photos can be matched with one spreadsheet at a time")
    photos = collect_photos(others)
    photos.forget(tables)
    if tables:
        rows = [row for path in tables for row in rows_of_sheet(path, photos, options, report)]
        for note in _unnamed_photos(rows, photos):
            report(note)
        return rows
    rows = rows_of_photos(photos, options, report)
    if not rows:
        names = ", ".join(map(str, others))
        raise click.ClickException(f"there are no photos ({', '.join(ENDINGS)}) in {names}")
    return rows


def _unnamed_photos(rows: Sequence[Row], photos: PhotoFiles) -> Iterator[str]:
    """Note photos that no row names, in folders from which rows name photos by their path."""
    given = {photo.resolve() for photo in photos.files.values() if isinstance(photo, Path)}
    named = {row.photo.resolve() for row in rows if isinstance(row.photo, Path)}
    for folder in sorted({photo.parent for photo in named - given if photo.parent.is_dir()}):
        files = {file.name for file in folder.iterdir() if file.is_file()}
        others = files - {photo.name for photo in named | given if photo.parent == folder}
        found, _, _ = sort_files(sorted(others))
        if found:
            names = list_first(found, NAMED_ROWS)
            yield f"left out {names}: no row names it, though it lies in {folder}"


def is_spreadsheet(path: Path) -> bool:
    """By its ending; a text, or XML, by its first lines."""
    ending = path.suffix.lower()
    if ending in TEXTS and path.is_file():
        with suppress(OSError), path.open("rb") as file:
            return is_text_table(file.read(TABLE_BYTES))
    return ending in SHEET_ENDINGS and not path.is_dir()


def with_own_spreadsheet(paths: Sequence[Path]) -> list[Path]:
    """The paths, and the one spreadsheet that lies in a folder among them, if none was named.

    Raises ClickException where it is one of several.
    """
    if any(map(is_spreadsheet, paths)):
        return list(paths)
    found = [table for path in paths if path.is_dir() for table in _spreadsheets_in(path)]
    if len(found) > 1:
        names = ", ".join(map(str, found[:NAMED_ROWS]))
        command = " ".join(["packshot upload", *map(str, (found[0], *paths))])
        raise click.ClickException(
            f"there are {len(found):,} spreadsheets ({names}): name the one to read, as in"
            f" `{command}`"
        )
    return [*found, *paths]


def _spreadsheets_in(folder: Path) -> list[Path]:
    """Without hidden files, and Excel's own of a workbook that is open (`~$`)."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if not path.name.startswith((".", "~$"))
        and not is_system_file(path.relative_to(folder).as_posix())
        and is_spreadsheet(path)
    ]


def rows_of_photos(photos: PhotoFiles, options: ReadOptions, report: Report) -> list[Row]:
    """One row per photo, its SKU and view from its name; adds others to `photos.left_out`."""
    names = list(photos.files)
    known = () if options.pattern else options.find_skus(possible_skus(names))
    try:
        found = name_photos(names, ProductRow(0), options.pattern, known)
    except SpreadsheetError as error:
        raise click.ClickException(error.message) from None
    if found.question:
        report(f"{found.question} (--pattern)")
    _report_photos(found, photos, report)
    return [
        Row(
            match.photo,
            match.product.as_product() | dict(options.defaults),
            photos.files[match.photo],
        )
        for match in found.matched
    ]


def _report_photos(found: MatchedPhotos, photos: PhotoFiles, report: Report) -> None:
    """Report every file that does not become a product, with the reason."""
    photos.left_out += found.left_out
    for match in found.matched:
        if match.hint:
            sku = f" ({match.product.sku})" if match.product.sku else ""
            report(f"{match.photo}{sku}: {match.hint}")
    for line in left_out_lines(photos.left_out):
        report(line)
    if found.system_files:
        was = "was" if found.system_files == 1 else "were"
        report(f"{pluralise(found.system_files, 'file')} of operating systems {was} ignored")


def left_out_lines(left_out: Sequence[LeftOut]) -> Iterator[str]:
    """A line for each file, or for all that are left out for the same reason if they are many."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for left in left_out:
        by_reason[left.why].append(left.file)
    for why, files in by_reason.items():
        if len(files) <= NAMED_ROWS:
            yield from (f"left out {file}: {why}" for file in files)
        else:
            yield f"left out {len(files):,} files: {why}: {', '.join(files)}"


def rows_of_sheet(
    path: Path, photos: PhotoFiles, options: ReadOptions, report: Report
) -> list[Row]:
    """The rows of a spreadsheet with the photos that fit them; adds others to `photos.left_out`.

    Raises ClickException where it can't be read as a spreadsheet of products.
    """
    choices = ImportChoices(options.mapping, defaults=options.category, decimals=options.decimals)
    names = list(photos.files)
    try:
        plan = plan_import(ImportInput(path.read_bytes(), path.name, names, choices))
    except SpreadsheetError as error:
        raise click.ClickException(f"{path.name}: {error.message}") from None
    found = plan.found
    assert found is not None  # there is a spreadsheet
    for note in _notes(found, plan.problems):
        report(f"{path.name}: {note}")
    _report_photos(plan.photos, photos, report)
    rows = [_planned_row(path, planned, photos) for planned in plan.rows]
    ambiguous = _ambiguous(plan.photos, photos)
    rows += [*_bad_rows(path, found), *_unread_rows(path, found)]
    rows = [replace(row, sheet=found) for row in rows]
    return [*sorted(rows, key=lambda row: row.number), *ambiguous]


def _planned_row(path: Path, planned: PlannedRow, photos: PhotoFiles) -> Row:
    if planned.photo:
        number = planned.product.row
        photo, product = photos.files[planned.photo], planned.product
        source = f"{path.name} row {number}"
        return Row(source, product.as_product(), photo, number=number, product=product)
    return _row(path, planned.product, [])


def _ambiguous(found: MatchedPhotos, photos: PhotoFiles) -> Iterator[Row]:
    stems = {PurePath(name).stem for name in photos.files}
    without_photo = {row.row for row in found.missing}
    for one in found.ambiguous:
        skus = f" ({', '.join(one.skus)})" if one.skus else ""
        name = one.skus[0].replace("/", "-") if one.skus else "SKU"
        if not without_photo.intersection(one.rows):
            name = next(each for n in count(2) if (each := f"{name}_{n}") not in stems)
        name += PurePath(one.photo).suffix
        words = f"is ambiguous: {one.why}{skus}; name it as {name} if it belongs there"
        yield Row(one.photo, {}, photos.files[one.photo], [words])


def _bad_rows(path: Path, found: Import) -> Iterator[Row]:
    """Rows with errors of their own, and those that wait for the answer to a question."""
    errors = _errors_by_row(found)
    questions = [words for words in errors.pop(None, []) if words]
    for row in found.rows:
        if not row.ready:
            yield _row(path, row, list(errors.get(row.row) or questions))


def _row(path: Path, row: ProductRow, errors: list[str]) -> Row:
    source = f"{path.name} row {row.row}"
    made = Row(source, row.as_product(), None, errors, number=row.row, product=row)
    if row.raw_image:
        return made
    if row.path and (photo := _photo_of(path.parent, row.path)):
        wrong = _why_not_read(photo)
        return replace(made, photo=None if wrong else photo, errors=[*errors, *wrong])
    if errors:
        return made
    if wanted := row.path or row.sku:
        return without_photo(made, "no photo was given for {}", wanted)
    return replace(made, errors=["has no SKU and no photo"], lacks_photo=True)


def without_photo(row: Row, words: str, of: str) -> Row:
    """The row with the error that it lacks a photo, in these words."""
    return replace(row, errors=[words.format(of)], lacks_photo=True, shared=Shared(words, of))


def _photo_of(folder: Path, given: str) -> Path | None:
    """The file that a row names: at its path, or beside the spreadsheet, because a path of another
    machine does not exist here. None if there is none."""
    places = [
        place
        for path in dict.fromkeys((given, unquote(given)))
        for parts in [path_parts(path)]
        for place in (folder / path, folder.joinpath(*parts), folder / parts[-1])
    ]
    other = next((photo for photo in places if photo.exists()), None)
    return next((photo for photo in places if photo.is_file()), other)


def _why_not_read(photo: Path) -> list[str]:
    """The error of a file that must not be read: a spreadsheet may name anything on this machine,
    even something endless or too large. A missing file is reported when it is read."""
    if is_endless(photo):
        return [f"{PHOTO}: {photo} is not an ordinary file"]
    if photo.exists() and photo.stat().st_size > MAX_BYTES:
        return [f"{PHOTO}: {photo} has more than {MAX_BYTES / 1e6:.0f} MB"]
    return []


def _unread_rows(path: Path, found: Import) -> Iterator[Row]:
    """Rows whose problem left no product."""
    known = {row.row for row in found.rows}
    for number, errors in _errors_by_row(found).items():
        if number is not None and number not in known:
            yield Row(f"{path.name} row {number}", {}, None, errors, number=number)


def _errors_by_row(found: Import) -> dict[int | None, list[str]]:
    """The errors by row; questions about a whole column are under None."""
    errors: dict[int | None, list[str]] = defaultdict(list)
    for problem in found.problems:
        words = f"{problem.column}: {problem.detail}" if problem.column else problem.detail
        if problem.level == "error":
            errors[problem.row].append(words)
        elif problem.level == "question":
            errors[None].append(f"{words} (--decimals)")
    return errors


def _notes(found: Import, problems: Sequence[SheetProblem]) -> Iterator[str]:
    """Report how columns were read if their names don't say it, and each kind of note once, with
    its first rows."""
    lacking = [one.detail for one in problems if one.detail.startswith(NO_SKU_COLUMN)]
    if lacking:
        yield f"{lacking[0]} (--column NAME=sku says which it is)"
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
    for problem in problems:
        if problem.level == "note" and problem.detail not in lacking:
            words = f"{problem.column}: {problem.detail}" if problem.column else problem.detail
            rows[words] += [problem.row] if problem.row else []
    for words, numbers in rows.items():
        yield f"{_list_rows(numbers)}{words}"


def _list_rows(numbers: Sequence[int]) -> str:
    if not numbers:
        return ""
    return f"row{'s' * (len(numbers) > 1)} {list_first([*map(str, numbers)], NAMED_ROWS)}: "


def is_of_photo(error: str) -> bool:
    """Whether a row's error is its photo's own."""
    return error.startswith(f"{PHOTO}: ")


def of_photo(row: Row, error: str) -> str:
    """The error of a row's photo; a spreadsheet's row may have several, so it is named."""
    named = f"{row.photo.name}: " if row.photo and row.number else ""
    return f"{PHOTO}: {named}{error}"


def unreadable(photo: object, error: OSError) -> str:
    return f"{PHOTO}: can't read {photo}: {error.strerror}"
