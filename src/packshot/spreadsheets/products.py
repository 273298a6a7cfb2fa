"""A table -> products: the columns' fields, the numbers' conventions, and the rows' problems."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Final

from packshot.errors import SpreadsheetError
from packshot.spreadsheets.columns.barcodes import drop_broken_barcodes
from packshot.spreadsheets.columns.layouts import (
    Layout,
    complete,
    layout_of,
    with_layout,
    without_picture,
)
from packshot.spreadsheets.columns.number_columns import NumberColumn, read_numbers
from packshot.spreadsheets.columns.remarks import drop_remarks
from packshot.spreadsheets.columns.sale_prices import SalePrices, find_sale_prices
from packshot.spreadsheets.columns.shopify_pictures import keep_variants, share_pictures
from packshot.spreadsheets.columns.tax_halves import add_halves, with_halves
from packshot.spreadsheets.facts import settle_prices
from packshot.spreadsheets.header import (
    ATTRIBUTE,
    LAST_RANK,
    NET_RANK,
    Column,
    column_of,
    columns_of,
    count_recognised,
    field_of,
    find_another_table,
    guess_mapping,
    index_of,
    picture_indexes,
    plain_name,
    read_header,
    repeats,
    with_choices,
)
from packshot.spreadsheets.photo_files import ENDINGS, ending_of
from packshot.spreadsheets.photos.views import view_in
from packshot.spreadsheets.picture_cells import UPLOADED
from packshot.spreadsheets.product_rows import RowReader
from packshot.spreadsheets.rows import MAX_PRODUCTS, Import, ImportChoices, ProductRow
from packshot.spreadsheets.table import Record, SheetProblem, Table, list_first
from packshot.spreadsheets.view_words import without_accents

NO_SKU_COLUMN: Final = "no column was read as the SKU"
#: The most rows that a note names.
_ROWS_NAMED: Final = 5
#: Of a variant's row whose product has pictures in other rows.
NO_OWN_PICTURE: Final = "has no picture of its own, so nothing is made for it"
_DIGITS: Final = re.compile(r"\d+")
_FLOAT: Final = re.compile(r"\d+\.0")
#: Names of columns whose pictures show something else than a product.
_NO_PHOTOS: Final = re.compile(
    r"logo|icon|brand|marke(?!t)|marque|marca|manufacturer|hersteller|categor|kategor|swatch|banner"
    r"|badge|chart|guide|label|etikett|certificat|qr|barcode"
)
_REQUIREMENTS: Final = frozenset(
    (
        *("mandatory", "optional", "required", "not required", "recommended", "preferred"),
        *("conditional", "conditionally required", "conditional mandatory", "pflichtfeld"),
    )
)
_PRICE_WORDS: Final = re.compile(
    r"price|preis|prix|precio|prezz|prijs|\bcena|preco|\bpris|цена|价|価格"
)


def read_products(
    table: Table, choices: ImportChoices = ImportChoices(), stems: Collection[str] = ()
) -> Import:
    """Every product of the table. Each row becomes products or has a problem, except blank rows.
    `stems` are the photos' names without endings, `caseless`: such a SKU is no remark.

    Raises SpreadsheetError if there is no header, and for a choice that names what does not exist.
    """
    above, header, records = read_header(table.records)
    columns = columns_of(header, records)
    layout = layout_of(columns)
    mapping, sales = _map_columns(layout, columns, records, choices)
    columns = [replace(column, field=mapping[column.name]) for column in columns]
    records, repeated = _drop_repeated_headers(header, records)
    records, handles = complete(layout, columns, records)
    records, remarks = drop_remarks(columns, records, stems)
    records = sales.complete(mapping, records) if sales else records
    records, corrected = _correct_cells(layout, columns, records)
    numbers = read_numbers(columns, records, choices.conventions, choices.decimals)
    reader = RowReader(columns, layout, numbers, choices.defaults, len(header.cells))
    rows = _read_rows(reader, records)
    rows, conflicts = settle_prices(rows, {to: name for name, to in mapping.items()})
    problems = [
        *(*table.notes, *_notes_before(above)),
        *(*_unknown(header, mapping, choices), *repeated, *handles),
        *(*remarks, *corrected, *_note_without_sku(reader.without_sku, columns)),
        *(*_number_problems(numbers), *reader.problems, *conflicts),
        *(sales.notes(mapping) if sales else ()),
        *_note_columns(columns, records, choices),
    ]
    return Import(
        table.form,
        layout,
        tuple(columns),
        {number.column.name: number.convention for number in numbers},
        tuple(rows),
        tuple(sorted(problems, key=lambda problem: problem.row or 0)),
    )


def _correct_cells(
    layout: Layout, columns: Sequence[Column], records: list[Record]
) -> tuple[list[Record], list[SheetProblem]]:
    records, halves = add_halves(columns, records)
    records, floats = _drop_float_skus(columns, records)
    records, barcodes = drop_broken_barcodes(columns, records)
    records, moved = _settle_pictures(layout, columns, records)
    return records, [*halves, *floats, *barcodes, *moved]


def _map_columns(
    layout: Layout, columns: Sequence[Column], records: Sequence[Record], choices: ImportChoices
) -> tuple[dict[str, str], SalePrices | None]:
    guessed = guess_mapping(columns, empty_last=layout == "plain")
    guessed = with_halves(guessed, columns, records)
    guessed = with_layout(layout, guessed, columns, records)
    guessed = _with_pictures_by_content(guessed, columns, records)
    sales = find_sale_prices(guessed, columns, records)
    return with_choices(sales.guess(guessed) if sales else guessed, choices.mapping), sales


def _read_rows(reader: RowReader, records: Sequence[Record]) -> list[ProductRow]:
    rows: list[ProductRow] = []
    for record in records:
        rows += reader.read(record)
        if len(rows) > MAX_PRODUCTS:
            raise SpreadsheetError(
                f"the spreadsheet names over {MAX_PRODUCTS:,} pictures: split it"
            )
    return rows


def _number_problems(numbers: Sequence[NumberColumn]) -> Iterator[SheetProblem]:
    for number in numbers:
        yield from number.problems


def _notes_before(records: Sequence[Record]) -> Iterator[SheetProblem]:
    for record in records:
        words = " ".join(filter(None, record.cells))[:60]
        detail = f"is above the names of the columns and is left out: {words}"
        yield SheetProblem(record.number, None, detail, "note")


def _unknown(
    header: Record, mapping: dict[str, str], choices: ImportChoices
) -> Iterator[SheetProblem]:
    """Notes on a sheet that may lack names, so that its first product would be lost, or SKUs."""
    if not count_recognised(header.cells) and not choices.mapping:
        detail = (
            "was read as the names of the columns, but none of them is known: if it is a product,"
            " put a row with names such as sku, category and image above it"
        )
        yield SheetProblem(header.number, None, detail, "note")
    if "sku" not in mapping.values():
        yield SheetProblem(None, None, NO_SKU_COLUMN, "note")


def _note_without_sku(rows: Sequence[int], columns: Sequence[Column]) -> Iterator[SheetProblem]:
    """One note on all rows whose SKU is missing, although there is a column for it."""
    column = column_of(columns, "sku")
    if column is None or not rows:
        return
    if len(rows) == 1:
        detail = "gives no SKU: exports name the pictures of this row after their photos"
        yield SheetProblem(rows[0], column.name, detail, "note")
        return
    named = list_first(list(map(str, rows)), _ROWS_NAMED)
    detail = f"gives no SKU in rows {named}: exports name their pictures after their photos"
    yield SheetProblem(None, column.name, detail, "note")


def _note_columns(
    columns: Sequence[Column], records: Sequence[Record], choices: ImportChoices
) -> Iterator[SheetProblem]:
    yield from _note_doubles(columns)
    kept = [one for one in columns if one.field == ATTRIBUTE and one.name not in choices.mapping]
    yield from _note_pictures(kept, picture_indexes(columns), records)
    if column_of(columns, "price") is None:
        yield from _note_prices(kept, records)


def _note_doubles(columns: Sequence[Column]) -> Iterator[SheetProblem]:
    """Note each second column for one field that its name fits as well: it becomes an attribute."""
    used = {column.field: column.name for column in columns}
    for column in columns:
        found = field_of(column.name)
        if not found or column.field != ATTRIBUTE or found[0] not in used:
            continue
        other = used[found[0]]
        if column.name.rpartition(" (")[0] == other:
            detail = f"a second column has the name {other}: it is kept as an attribute"
        elif found == field_of(other) or NET_RANK <= found[1] < LAST_RANK:
            detail = f"is kept as an attribute: {other} is read as the {found[0]}"
        else:
            continue
        yield SheetProblem(None, column.name, detail, "note")


def _note_pictures(
    columns: Sequence[Column], read: Sequence[int], records: Sequence[Record]
) -> Iterator[SheetProblem]:
    """Note a column that names pictures that none of those that are read names."""
    for column in columns:
        others = (
            record
            for record in records
            if not any(record.cell(column.index) in record.cell(index) for index in read)
        )
        if _mostly_names_pictures(column, records) and any(others):
            detail = "names pictures and is kept as an attribute: say that it is raw_image if they"
            yield SheetProblem(None, column.name, f"{detail} are products' photos", "note")


def _note_prices(columns: Sequence[Column], records: Sequence[Record]) -> Iterator[SheetProblem]:
    """Note columns of numbers that may be prices, because none is read as the price."""
    for column in columns:
        texts = [text for record in records if (text := record.cell(column.index))]
        if (
            _PRICE_WORDS.search(without_accents(plain_name(column.name)))
            and texts
            and all(text[0].isdecimal() or text[-1].isdecimal() for text in texts)
        ):
            detail = "is kept as an attribute: no column is read as the price"
            yield SheetProblem(None, column.name, detail, "note")


def _drop_repeated_headers(
    header: Record, records: list[Record]
) -> tuple[list[Record], list[SheetProblem]]:
    """Drop repeated headers, as in files that were joined, and a marketplace's row below them that
    says which columns are required."""
    words = "repeats the names of the columns and is left out"
    left_out = {record.number: words for record in records if repeats(header, record)}
    for record in records[:_ROWS_NAMED]:
        given = {cell.casefold() for cell in record.cells if cell}
        if len(given) > 1 and given <= _REQUIREMENTS:
            left_out[record.number] = "says which columns are required and is left out"
    kept = [record for record in records if record.number not in left_out]
    notes = [SheetProblem(row, None, detail, "note") for row, detail in left_out.items()]
    if (place := find_another_table(header, kept)) is None:
        return kept, notes
    names = list_first([cell for cell in kept[place].cells if cell])
    detail = f"begins another table ({names}): put it and what is below into another file"
    return kept[:place], [*notes, SheetProblem(kept[place].number, None, detail)]


def _drop_float_skus(
    columns: Sequence[Column], records: list[Record]
) -> tuple[list[Record], list[SheetProblem]]:
    """Read SKUs like 1042.0 as 1042 if all end so: programs that calculate write them that way."""
    column = column_of(columns, "sku")
    skus = [sku for record in records if column and (sku := record.cell(column.index))]
    if not column or not skus or not all(map(_FLOAT.fullmatch, skus)):
        return records, []
    index = column.index
    without = [one.with_cell(index, one.cell(index).removesuffix(".0")) for one in records]
    detail = "every SKU ends with .0, which is left out"
    return without, [SheetProblem(None, column.name, detail, "note")]


def _settle_pictures(
    layout: Layout, columns: Sequence[Column], records: list[Record]
) -> tuple[list[Record], list[SheetProblem]]:
    """The rows, each picture in one of them. A variant without a picture of its own waits for a
    photo of its SKU; without a SKU of its own it is left out with a note."""
    shared, notes = share_pictures(layout, columns, records)
    lacking = without_picture(columns, shared)
    of_sku = index_of(columns, "sku")
    sku = len(columns) if of_sku is None else of_sku
    skus = Counter(record.cell(sku) for record in shared)
    needless = {
        record.number
        for record in shared
        if record.number in lacking and not (record.cell(sku) and skus[record.cell(sku)] == 1)
    }
    pictured = [record for record in shared if record.number not in lacking]
    shown = {record.cell(sku) for record in pictured} - {""}
    notes += [
        SheetProblem(record.number, None, NO_OWN_PICTURE, "note")
        for record in shared
        if record.number in needless and record.cell(sku) not in shown
    ]
    kept = {one.number: one for one in keep_variants(layout, columns, records, pictured)}
    left = [record for record in shared if record.number not in needless]
    return [kept.get(record.number, record) for record in left], notes


def _with_pictures_by_content(
    mapping: dict[str, str], columns: Sequence[Column], records: Sequence[Record]
) -> dict[str, str]:
    """The columns of pictures if none with content is named for them: the first that mostly names
    pictures, and others that do and have a view's name (Front, Back) or differ in a number."""
    if any(mapping[one.name] in ("raw_image", "filename") and not one.is_empty for one in columns):
        return mapping
    found = [
        column.name
        for column in columns
        if mapping[column.name] in (ATTRIBUTE, "view")
        and not _NO_PHOTOS.search(without_accents(plain_name(column.name)))
        and _mostly_names_pictures(column, records)
    ]
    alike = {_DIGITS.sub("", name) for name in found[:1]}
    others = (name for name in found[1:] if view_in(name) or _DIGITS.sub("", name) in alike)
    pictures = [*found[:1], *others]
    return mapping | dict.fromkeys(pictures, "raw_image")


def _mostly_names_pictures(column: Column, records: Sequence[Record]) -> bool:
    texts = [text for record in records[:200] if (text := record.cell(column.index))]
    return sum(map(_names_a_picture, texts)) * 2 > len(texts)


def _names_a_picture(text: str) -> bool:
    address, _, _ = text.partition("?")
    return text.startswith(UPLOADED) or ending_of(address) in ENDINGS
