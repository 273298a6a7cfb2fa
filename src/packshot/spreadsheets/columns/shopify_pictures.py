"""Which of a Shopify product's SKUs a picture belongs to.

Shopify lists all pictures of a product (Image Src) beside its variants, whichever these are, and
names those of a variant once more in the variant's row (Variant Image). Variants that get no
picture stand in attributes of those that do, so that the file for the shop's import has them all.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from packshot.spreadsheets.columns.layouts import ALT_TEXTS, HANDLES, Layout
from packshot.spreadsheets.header import (
    Column,
    column_of,
    index_named,
    index_of,
    picture_indexes,
    plain_name,
)
from packshot.spreadsheets.table import Record, SheetProblem

#: Attributes with a line of CSV for each variant of which nothing is made: SKU, options' values.
SAME_IMAGE: Final = "variants with the same image"
NO_IMAGE: Final = "variants without an image"
OPTION_VALUES: Final = ("Option1 Value", "Option2 Value", "Option3 Value")
_VARIANT_IMAGES: Final = frozenset({"variant image", "variant image url"})


def share_pictures(
    layout: Layout, columns: Sequence[Column], records: list[Record]
) -> tuple[list[Record], list[SheetProblem]]:
    """The rows, each picture of a product in one of them: that of the first variant whose picture
    it is, else one that becomes a row of the first SKU; and a note on each row that does."""
    named = picture_indexes(columns)
    variants = [one.index for one in columns if plain_name(one.name) in _VARIANT_IMAGES]
    handle = index_named(columns, HANDLES)
    if layout != "Shopify" or handle is None or len(named) != 2:
        return records, []
    if len(variants) != 1 or variants[0] not in named:
        return records, []
    variant = variants[0]
    moving = [index for index in named if index != variant] + [
        one.index for one in columns if one.field == "view" or plain_name(one.name) in ALT_TEXTS
    ]
    products: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        products[record.cell(handle)].append(record)
    shared: list[Record] = []
    for key, rows in products.items():
        broken = any(row.problem or any(row.cells[len(columns) :]) for row in rows)
        shared += rows if broken or not key else _share(rows, moving, variant)
    return shared, list(_note_moved(columns, records, shared))


def _share(product: list[Record], moving: Sequence[int], variant: int) -> list[Record]:
    """The rows of one product; unchanged if a variant's picture is not among the product's."""
    pictures: dict[str, Record] = {}
    for row in product:
        if row.cell(moving[0]):
            pictures.setdefault(row.cell(moving[0]), row)
    of_variants = dict.fromkeys(row.cell(variant) for row in product if row.cell(variant))
    if not pictures or not of_variants.keys() <= pictures.keys():
        return product
    others = [row for address, row in pictures.items() if address not in of_variants]
    waiting = {address: pictures[address] for address in of_variants}
    shared = []
    for row in product:
        picture = waiting.pop(row.cell(variant), None)
        if picture is None and others:
            picture = others.pop(0)
            row = replace(product[0], number=row.number)
        cells = [*row.cells, *[""] * (max(*moving, variant) + 1 - len(row.cells))]
        for index in moving:
            cells[index] = picture.cell(index) if picture else ""
        cells[variant] = ""
        shared.append(replace(row, cells=tuple(cells)))
    return shared


def _note_moved(
    columns: Sequence[Column], before: Sequence[Record], after: Sequence[Record]
) -> Iterator[SheetProblem]:
    if (column := column_of(columns, "sku")) is None:
        return
    skus = {record.number: record.cell(column.index) for record in before}
    for record in after:
        given, first = skus[record.number], record.cell(column.index)
        if given != first:
            detail = f"the picture is the whole product's, not {given}'s: read as one of {first}"
            yield SheetProblem(record.number, column.name, detail, "note")


def keep_variants(
    layout: Layout,
    columns: Sequence[Column],
    before: Sequence[Record],
    after: list[Record],
) -> list[Record]:
    """The rows that are left, with the variants of the others: each as an attribute of the SKU
    whose picture it shares, or, without a picture, of its product's first."""
    sku, handle = index_of(columns, "sku"), index_named(columns, HANDLES)
    if layout != "Shopify" or sku is None or handle is None:
        return after
    variant_image = index_named(columns, _VARIANT_IMAGES)
    image = len(columns) if variant_image is None else variant_image
    named = {plain_name(one.name): one.index for one in reversed(columns)}
    places = [named.get(name.lower(), len(columns)) for name in OPTION_VALUES]
    skus = {row.cell(sku) for row in after}
    owners: dict[tuple[str, str], str] = {}
    for row in before:
        if row.cell(sku) in skus:
            for address in (row.cell(image), ""):
                owners.setdefault((row.cell(handle), address), row.cell(sku))
    kept: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for row in before:
        owner = owners.get((row.cell(handle), row.cell(image)))
        if owner and row.cell(sku) not in skus and not row.problem:
            name = SAME_IMAGE if row.cell(image) else NO_IMAGE
            if any(map(row.cell, places)):
                kept[owner][name][row.cell(sku)] = _write_variant(map(row.cell, (sku, *places)))
    return [_with_variants(row, kept.get(row.cell(sku), {})) for row in after]


def _with_variants(row: Record, kept: Mapping[str, Mapping[str, str]]) -> Record:
    return replace(row, attributes={name: "\n".join(each.values()) for name, each in kept.items()})


def _write_variant(cells: Iterable[str]) -> str:
    plain = [" ".join(cell.split()) for cell in cells]
    while not plain[-1]:
        plain.pop()
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(plain)
    return line.getvalue()


def read_variants(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The SKUs in such an attribute, each with its options' values by their names."""
    for sku, *values in csv.reader(filter(None, text.split("\n"))):
        yield sku, dict(zip(OPTION_VALUES, values, strict=False))
