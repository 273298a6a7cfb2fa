"""Plans the products of a spreadsheet and photos, before anything is sent or created."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any, Final

from packshot.errors import SpreadsheetError
from packshot.spreadsheets.fields import NUMBERS
from packshot.spreadsheets.files.reading import read_table
from packshot.spreadsheets.header import Column
from packshot.spreadsheets.photo_files import stem_of
from packshot.spreadsheets.photos.matching import (
    NO_FIT,
    LeftOut,
    Match,
    MatchedPhotos,
    match_photos,
    name_photos,
)
from packshot.spreadsheets.photos.name_index import caseless
from packshot.spreadsheets.photos.names_alone import possible_skus
from packshot.spreadsheets.product_rows import read_amounts
from packshot.spreadsheets.products import NO_OWN_PICTURE, NO_SKU_COLUMN, read_products
from packshot.spreadsheets.rows import Import, ImportChoices, ProductRow
from packshot.spreadsheets.table import SheetProblem, Table, list_first

#: The most cells of a column to show as examples, and characters of each.
_SAMPLES: Final = 3
_SAMPLE_CHARACTERS: Final = 80
#: Why a photo is left out while a question about its row's column has no answer.
WAITS: Final = "its row waits for the answer to a question"

#: Further problems of a product: pairs of a field and a sentence.
Rules = Callable[[ProductRow], Sequence[tuple[str, str]]]


@dataclass(frozen=True)
class ImportInput:
    """What to import: a spreadsheet, photos by their names, or both.

    `filename` is the spreadsheet's. Without a spreadsheet, `pattern` reads SKUs from photos' names;
    without one, they are those of the names that fit, with the SKUs `known` to Packshot.
    """

    spreadsheet: bytes | None = None
    filename: str = ""
    photos: Sequence[str] = ()
    choices: ImportChoices = field(default_factory=ImportChoices)
    pattern: str | None = None
    known: Collection[str] = ()


@dataclass(frozen=True)
class PlannedRow:
    """One product to create; `photo` is the file to upload for it, by the name that was given.

    A row whose photo is missing has neither a photo nor an address: it can't be created yet.
    """

    product: ProductRow
    photo: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class Plan:
    """What will be created and what will not. `found` is None without a spreadsheet.

    `rows` are the products without errors; those whose photo is missing are also in
    `photos.missing`. Rows with errors are in `problems` only. `samples` are a few cells of each
    column.
    """

    rows: tuple[PlannedRow, ...]
    problems: tuple[SheetProblem, ...]
    photos: MatchedPhotos
    found: Import | None = None
    samples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def plan_import(given: ImportInput, rules: Rules = lambda row: ()) -> Plan:
    """Read the spreadsheet and match the photos; create nothing. Raises SpreadsheetError."""
    if given.spreadsheet is None:
        return _plan_photos(given, rules)
    table, found = _read(given.spreadsheet, given)
    found = _apply_rules(found, rules)
    ready = [row for row in found.rows if row.ready]
    photos = _explain(
        _drop_refused(match_photos(given.photos, ready, given.choices.assigned), rules), found
    )
    found = _with_sku_column_named(found, table, given.photos, bool(photos.matched))
    photos, lacking = _leave_out_variants(photos, found)
    rows = tuple(_plan_rows(found, photos))
    problems = (
        *found.problems,
        *lacking,
        *_sharing(found, photos),
        *_note_shared_pictures(rows),
        *_note_photos_beside_addresses(rows, found),
    )
    in_order = tuple(sorted(problems, key=lambda problem: problem.row or 0))
    return Plan(rows, in_order, photos, found, _samples(table, found))


def _plan_photos(given: ImportInput, rules: Rules) -> Plan:
    defaults = given.choices.defaults
    category = defaults.get("category") or None
    amounts: dict[str, Any] = read_amounts(defaults)
    shared = ProductRow(0, category=category, **amounts)
    problems = tuple(SheetProblem(None, *wrong) for wrong in rules(shared))
    if not category:
        problems = (SheetProblem(None, "category", "is required"), *problems)
    photos = name_photos(given.photos, shared, given.pattern, given.known)
    if not problems:
        photos = _drop_refused(photos, rules)
    matched = () if problems else photos.matched
    if photos.question:
        problems += (SheetProblem(None, "Names of photos", photos.question, "note"),)
    return Plan(tuple(map(_row_of, matched)), problems, photos)


def _row_of(match: Match) -> PlannedRow:
    return PlannedRow(match.product, match.photo, match.hint)


def _read(spreadsheet: bytes, given: ImportInput) -> tuple[Table, Import]:
    table = read_table(spreadsheet, given.filename)
    stems = {caseless(stem_of(photo)) for photo in given.photos}
    found = read_products(table, given.choices, stems)
    if not found.rows and all(problem.level == "note" for problem in found.problems):
        raise SpreadsheetError("the spreadsheet has no products below the names of its columns")
    return table, found


def _apply_rules(found: Import, rules: Rules) -> Import:
    """The result with the problems that the rules find; their rows are no longer ready."""
    columns = columns_by_field(found)
    rows, problems = [], list(found.problems)
    for row in found.rows:
        wrong = rules(row) if row.ready else ()
        rows.append(replace(row, ready=False) if wrong else row)
        for name, detail in wrong:
            column, detail = in_columns(name, detail, columns)
            problem = SheetProblem(row.row, column, detail)
            problems += [problem] if problem not in problems[-len(wrong) - 1 :] else []
    problems.sort(key=lambda problem: problem.row or 0)
    return replace(found, rows=tuple(rows), problems=tuple(problems))


def columns_by_field(found: Import) -> dict[str, str]:
    """Field -> the column that is read as it."""
    return {to: name for name, to in found.mapping.items()}


def in_columns(field: str, detail: str, columns: Mapping[str, str]) -> tuple[str, str]:
    """A field's error with the sheet's column names, even for other amounts that it mentions."""
    words = "|".join(NUMBERS)
    detail = re.sub(rf"\b(?:{words})\b", lambda found: columns.get(found[0], found[0]), detail)
    return columns.get(field, field), detail


def _drop_refused(photos: MatchedPhotos, rules: Rules) -> MatchedPhotos:
    """The result without the matches whose file name or view the rules refuse."""
    matched, left_out = [], list(photos.left_out)
    for match in photos.matched:
        if wrong := rules(match.product):
            why = "; ".join(f"{name} {detail}" for name, detail in wrong)
            left_out.append(LeftOut(match.photo, why))
        else:
            matched.append(match)
    return replace(photos, matched=tuple(matched), left_out=tuple(left_out))


def _explain(photos: MatchedPhotos, found: Import) -> MatchedPhotos:
    """Explain photos that fit only a row with an error: the reason names that row, unless all rows
    wait for the answer to a question. Such a row may lack its photo, too."""
    waiting = [row for row in found.rows if not row.ready and not row.raw_image]
    unmatched = [left.file for left in photos.left_out]
    others = match_photos(unmatched, waiting)
    wrong = {problem.row for problem in found.problems if problem.level == "error"}
    rows = {
        match.photo: f"row {match.product.row} must be corrected first"
        if match.product.row in wrong
        else WAITS
        for match in others.matched
    }
    if "sku" not in found.mapping.values():
        rows = {left.file: NO_SKU_COLUMN for left in photos.left_out if left.why == NO_FIT} | rows
    left_out = [replace(left, why=rows.get(left.file, left.why)) for left in photos.left_out]
    missing = sorted((*photos.missing, *others.missing), key=lambda one: one.row)
    return replace(photos, left_out=tuple(left_out), missing=tuple(missing))


def _leave_out_variants(
    photos: MatchedPhotos, found: Import
) -> tuple[MatchedPhotos, list[SheetProblem]]:
    """The result without missing photos of variants whose product has pictures in other rows, such
    as sizes, and a note on each."""
    pictured = {match.product.family for match in photos.matched}
    pictured |= {row.family for row in found.rows if row.ready and (row.raw_image or row.path)}
    variants = {
        row.row
        for row in found.rows
        if row.family in pictured - {""} and row.ready and not row.path
    }
    lacking = [one.row for one in photos.missing if one.row in variants]
    missing = tuple(one for one in photos.missing if one.row not in variants)
    notes = [SheetProblem(row, None, NO_OWN_PICTURE, "note") for row in lacking]
    return replace(photos, missing=missing), notes


def _with_sku_column_named(found: Import, table: Table, photos: Sequence[str], fit: bool) -> Import:
    """A first note on the column that the most photos' names fit, if no column was read as the SKU,
    or no photo fits it."""
    lacking = [problem for problem in found.problems if problem.detail == NO_SKU_COLUMN]
    if fit and not lacking:
        return found
    names, fits = set(possible_skus(photos)), Counter[str]()
    for column in found.columns if lacking else _as_distinct_as_skus(found, table):
        fits[column.name] = len(names & {record.cell(column.index) for record in table.records})
    name, most = max(fits.items(), key=itemgetter(1), default=("", 0))
    others = [problem for problem in found.problems if problem not in lacking]
    if lacking:
        hint = f": photos are named as {name} says, so that may be it" if most else ""
        others.insert(0, replace(lacking[0], detail=f"{NO_SKU_COLUMN}{hint}"))
    elif most:
        detail = "is what the photos are named by: choose it as the SKU to match them"
        others.insert(0, SheetProblem(None, name, detail, "note"))
    return replace(found, problems=tuple(others))


def _as_distinct_as_skus(found: Import, table: Table) -> Iterator[Column]:
    """The columns that may be the SKU instead: no numbers, and no more repeated than the SKU is."""

    def count_repeated(column: Column) -> int:
        texts = [text for record in table.records if (text := record.cell(column.index))]
        return len(texts) - len(set(texts))

    columns = found.columns
    most = sum(count_repeated(column) for column in columns if column.field == "sku")
    for column in columns:
        if column.field not in ("sku", *NUMBERS) and count_repeated(column) <= most:
            yield column


def _plan_rows(found: Import, photos: MatchedPhotos) -> Iterator[PlannedRow]:
    """Products with an address, with a photo and with a missing one, in the sheet's order."""
    missing = {(one.row, one.wanted) for one in photos.missing}
    rows = [_row_of(match) for match in photos.matched]
    rows += [
        PlannedRow(row)
        for row in found.rows
        if row.ready and (row.raw_image or (row.row, row.path or row.sku) in missing)
    ]
    yield from sorted(rows, key=lambda planned: planned.product.row)


def _sharing(found: Import, photos: MatchedPhotos) -> Iterator[SheetProblem]:
    """Rows whose photos all went to another row with their SKU: they create nothing."""
    missing = {row.row for row in photos.missing}
    named = missing | {match.product.row for match in photos.matched}
    takers = {row.sku: row.row for row in reversed(found.rows) if row.row in named}
    for row in found.rows:
        if not row.ready or row.raw_image or row.path or row.row in named:
            continue
        if row.sku in takers:
            taker = takers[row.sku]
            detail = f"row {taker} gets the photos of {row.sku}: nothing is made for this one"
            yield SheetProblem(row.row, None, detail, "note")


def _note_shared_pictures(rows: Sequence[PlannedRow]) -> Iterator[SheetProblem]:
    """One note on pictures that several SKUs name, such as sizes: each SKU's own costs money."""
    skus: dict[str, dict[str, None]] = {}
    for row in rows:
        picture = row.photo or row.product.raw_image or row.product.path
        if picture and row.product.sku:
            skus.setdefault(picture, {})[row.product.sku] = None
    shared = {picture: of for picture, of in skus.items() if len(of) > 1}
    if shared:
        detail = (
            f"a picture of several SKUs is made, and paid for, once for each: {_listed(shared)};"
            " keep one row of them if one is enough"
        )
        yield SheetProblem(None, None, detail, "note")


def _note_photos_beside_addresses(
    rows: Sequence[PlannedRow], found: Import
) -> Iterator[SheetProblem]:
    """One note on rows that name addresses only and get photos of their SKU, too: all are made."""
    addresses = {row.row for row in found.rows if row.raw_image}
    addresses -= {row.row for row in found.rows if row.path}
    photos: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.photo and row.product.row in addresses:
            photos.setdefault(row.product.sku or "", {})[row.photo] = None
    if photos:
        detail = (
            "the address in the spreadsheet and the photos of its SKU are all made:"
            f" {_listed(photos)}; empty the address's cell if the photos replace it"
        )
        yield SheetProblem(None, None, detail, "note")


def _listed(found: Mapping[str, Collection[str]]) -> str:
    """`a.jpg (A-S, A-M), b.jpg (B-S, B-M) and 5 more`."""
    named = [f"{name} ({list_first(list(of))})" for name, of in found.items()]
    return list_first(named)


def _samples(table: Table, found: Import) -> dict[str, tuple[str, ...]]:
    numbers = {row.row for row in found.rows[: _SAMPLES * 10]}
    records = [record for record in table.records if record.number in numbers]
    return {
        column.name: tuple(
            text[:_SAMPLE_CHARACTERS] for record in records if (text := record.cell(column.index))
        )[:_SAMPLES]
        for column in found.columns
    }
