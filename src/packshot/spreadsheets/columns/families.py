"""Which rows are one product with its variants: by a column that names each variant's parent or its
group. Shopify's handles are its layout's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from packshot.spreadsheets.header import (
    ATTRIBUTE,
    Column,
    index_of,
    picture_indexes,
    plain_name,
)
from packshot.spreadsheets.table import Record
from packshot.spreadsheets.view_words import without_accents

#: Words in the names of columns that name the parent: Amazon's parent_sku, Shopware's parent_id,
#: JTL's Vaterartikel, and WooCommerce's in the languages that it is used in most.
_PARENT: Final = re.compile(
    r"\bparente?\b|vater|ubergeordnet|\bpadre|genitore|\bsuperior|\bhoofd|nadrz[ae]d|nadrazen"
    r"|ascendente|overordnad|foralder|родител|ebeveyn|^親|^父"
)
_OF_CATEGORIES: Final = re.compile(r"[ck]ategor|rubri")
#: Google's item_group_id and Wix' handleId: the same for all rows of a product.
_GROUPS: Final = frozenset({"item group id", "group id", "handle id"})
#: Columns that say what a row is, and what belongs to the product above it: BigCommerce's, eBay's.
_KINDS: Final = frozenset({"item", "item type", "relationship", "row type"})
_FOLLOWING: Final = frozenset({"variant", "variation", "sku", "rule", "image"})
_IDS: Final = frozenset({"id", "product id"})


def with_families(
    columns: Sequence[Column], records: Sequence[Record]
) -> tuple[list[Record], dict[int, Record]]:
    """The records, each product's with its family, and the parent of each variant by its row."""
    names = {
        column.index: without_accents(plain_name(column.name))
        for column in columns
        if column.field == ATTRIBUTE
    }
    groups = [index for index, name in names.items() if name in _GROUPS]
    of_parents = [index for index, name in names.items() if _names_parents(name)]
    above = find_rows_above(columns, records)
    if not groups and not of_parents and not above:
        return list(records), {}
    numbered = _numbered(columns, records)
    parents: dict[int, Record] = {}
    families: dict[int, str] = {}
    for record in records:
        families[record.number] = "".join(record.cell(index) for index in groups)
        found = [numbered[cell] for at in of_parents if (cell := record.cell(at)) in numbered]
        found += [above[record.number]] if record.number in above else []
        if found and found[0] is not record:
            parents[record.number] = found[0]
            families[record.number] = families[found[0].number] = f"row {found[0].number}"
    return [replace(one, family=families[one.number]) for one in records], parents


def find_rows_above(columns: Sequence[Column], records: Sequence[Record]) -> dict[int, Record]:
    """The product above each row that belongs to it: its column of kinds says so, or it has a
    variant's ID without a product's (Squarespace)."""
    places = {plain_name(column.name): column.index for column in reversed(columns)}
    kinds = [
        index
        for index in map(places.get, _KINDS)
        if index is not None
        and {one.cell(index).casefold() for one in records} <= {"", "product", *_FOLLOWING}
    ]
    variant, product = places.get("variant id"), places.get("product id")
    pictures = find_picture_rows(columns, records)
    above: dict[int, Record] = {}
    last: Record | None = None
    for record in records:
        follows = any(record.cell(index).casefold() in _FOLLOWING for index in kinds)
        if variant is not None and product is not None and not record.cell(product):
            follows = follows or bool(record.cell(variant))
        follows = follows or record.number in pictures
        if not follows:
            last = record
        elif last is not None:
            above[record.number] = last
    return above


def find_picture_rows(columns: Sequence[Column], records: Sequence[Record]) -> set[int]:
    """The rows that are only pictures of the product above them: BigCommerce's `Image`, and those
    with nothing but a picture below a row with a SKU and other cells."""
    kinds = [one.index for one in columns if plain_name(one.name) == "item"]
    sku, pictures = index_of(columns, "sku"), set(picture_indexes(columns))
    of_pictures = pictures | {one.index for one in columns if one.field == "view"}
    found: set[int] = set()
    is_product_above = False
    for record in records:
        filled = {index for index, cell in enumerate(record.cells) if cell}
        named = any(record.cell(index).casefold() == "image" for index in kinds)
        if named or (is_product_above and filled & pictures and filled <= of_pictures):
            found.add(record.number)
        else:
            is_product_above = sku in filled and not filled <= {sku, *of_pictures}
    return found


def _names_parents(name: str) -> bool:
    return bool(_PARENT.search(name)) and not _OF_CATEGORIES.search(name)


def _numbered(columns: Sequence[Column], records: Sequence[Record]) -> dict[str, Record]:
    """The records by what a column can name them: their SKU, else their ID; WooCommerce writes
    `id:7`."""
    numbered: dict[str, Record] = {}
    ids = [one.index for one in columns if plain_name(one.name) in _IDS]
    skus = [one.index for one in columns if one.field == "sku"]
    for prefix, indexes in (("id:", ids), ("", skus), ("", ids)):
        for record in records:
            for index in indexes:
                if cell := record.cell(index):
                    numbered.setdefault(f"{prefix}{cell}", record)
    return numbered
