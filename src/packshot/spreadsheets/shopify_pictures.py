"""Which of a Shopify product's SKUs a picture belongs to.

Shopify lists all pictures of a product (Image Src) beside its variants, whichever these are, and
names those of a variant once more in the variant's row (Variant Image).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from packshot.spreadsheets.fields import SHARED
from packshot.spreadsheets.header import Column, plain_name
from packshot.spreadsheets.layouts import HANDLES, Layout
from packshot.spreadsheets.table import Record, SheetProblem

_VARIANT_IMAGES: Final = frozenset({"variant image", "variant image url"})
_ALT_TEXTS: Final = frozenset({"image alt text", "product image alt text"})


def share_pictures(
    layout: Layout, mapping: Mapping[str, str], columns: Sequence[Column], records: list[Record]
) -> tuple[list[Record], list[SheetProblem]]:
    """The rows, each picture of a product in one of them: that of the first variant whose picture
    it is, else one that becomes a row of the first SKU; and a note on each row that does."""
    named = [one.index for one in columns if mapping[one.name] in SHARED]
    variants = [one.index for one in columns if plain_name(one.name) in _VARIANT_IMAGES]
    handles = [one.index for one in columns if plain_name(one.name) in HANDLES]
    if layout != "Shopify" or len(named) != 2 or len(variants) != 1 or variants[0] not in named:
        return records, []
    variant = variants[0]
    moving = [index for index in named if index != variant] + [
        one.index
        for one in columns
        if mapping[one.name] == "view" or plain_name(one.name) in _ALT_TEXTS
    ]
    products: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        products[record.cell(handles[0])].append(record)
    shared: list[Record] = []
    for handle, rows in products.items():
        broken = any(row.problem or any(row.cells[len(columns) :]) for row in rows)
        shared += rows if broken or not handle else _share(rows, moving, variant)
    return shared, list(_note_moved(mapping, columns, records, shared))


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
    mapping: Mapping[str, str],
    columns: Sequence[Column],
    before: Sequence[Record],
    after: Sequence[Record],
) -> Iterator[SheetProblem]:
    for column in columns:
        if mapping[column.name] != "sku":
            continue
        skus = {record.number: record.cell(column.index) for record in before}
        for record in after:
            given, first = skus[record.number], record.cell(column.index)
            if given != first:
                detail = (
                    f"the picture is the whole product's, not {given}'s: read as one of {first}"
                )
                yield SheetProblem(record.number, column.name, detail, "note")
