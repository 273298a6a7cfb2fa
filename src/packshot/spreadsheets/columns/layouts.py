"""What is known about the exports of shop systems: which columns mean what, and which cells they
leave empty, to be filled in from other rows."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

from packshot.spreadsheets.columns.families import find_picture_rows, with_families
from packshot.spreadsheets.fields import NUMBERS, PRODUCT_FIELDS
from packshot.spreadsheets.header import (
    ATTRIBUTE,
    LEFT_OUT,
    NET_RANK,
    Column,
    field_of,
    guess_mapping,
    index_named,
    index_of,
    picture_indexes,
    plain_name,
)
from packshot.spreadsheets.table import Record, SheetProblem, list_first

Layout = Literal["plain", "Shopify", "WooCommerce", "Google", "Etsy"]

#: Attributes that are one variant's or one picture's, not the whole product's.
_OWN: Final = re.compile(r"option\d+ value|(?:variant|(?:product )?image) ?.*|(?:url )?handle")
#: What Shopify says of each variant in columns that are not named so.
_OF_VARIANT: Final = re.compile(r"barcode|cost per item|(?:inventory|weight|unit price) .*")
#: Shopify's names of the column that all rows of a product share, until 2025 and since.
HANDLES: Final = frozenset({"handle", "url handle"})
#: A shop's own text for the picture, as Shopify exports it.
ALT_TEXTS: Final = frozenset({"image alt text", "product image alt text"})
#: Columns that only Packshot's own exports have together: a CSV, and a ZIP's products.csv.
_OWN_CSV: Final = frozenset({"product id", "image id", "media url"})
_OWN_SHEET: Final = frozenset({"id", "pictures", "alt texts"})
#: What a shop's import can't do without: it deletes variants whose options it is not given.
_NEEDED_BACK: Final = re.compile(
    r"option\d+ (?:name|value)|(?:url )?handle|.*alt text|variants with.* image"
)
_PICTURES: Final = frozenset({"raw_image", "filename", "view"})
#: Names that only Odoo's exports have. Its list price is what a customer pays, its standard price
#: the cost; elsewhere they are the price before a discount and the price (Amazon).
_OF_ODOO: Final = frozenset({"default code", "categ id", "lst price", "image 1920"})
_DISCOUNT_MODES: Final = frozenset({"discount mode", "discount type", "discount unit"})
_PERCENT_MODE: Final = re.compile(r"%|percent", re.IGNORECASE)
_POSITIONS: Final = frozenset({"position", "posizione", "positie", "posición"})
#: Columns that all of WooCommerce's exports have, in several languages.
_OF_WOO: Final = (frozenset({"id"}), frozenset({"type", "typ", "tipo"}), _POSITIONS)
#: Columns that Etsy's lists of listings have together.
_OF_ETSY: Final = frozenset({"title", "currency code", "image1", "variation 1 values", "sku"})
#: What WooCommerce and Magento call their kinds of entries, in a column named `Type` or `Tipo`. A
#: shop may have a category of bundles, too.
_KINDS: Final = frozenset(
    (
        *("simple", "variable", "variation", "grouped", "external", "virtual", "downloadable"),
        *("configurable", "bundle"),
    )
)
_OF_KINDS: Final = re.compile("typ|tip")
#: Woo escapes a comma in a category's name with a backslash.
_CATEGORY_BORDER: Final = re.compile(r"(?<!\\)\s*,\s*")


def layout_of(columns: Sequence[Column]) -> Layout:
    """The shop system of an export, by names of columns that only it uses together."""
    names = {plain_name(column.name) for column in columns}
    if names & HANDLES and names & {"image src", "variant sku", "variant price", "title"}:
        return "Shopify"
    if {"regular price", "sku"} <= names and names & {"images", "categories", "published"}:
        return "WooCommerce"
    fields = {found[0] for name in names if (found := field_of(name))}
    if all(names & each for each in _OF_WOO) and fields >= {"sku", "mrp", "category", "raw_image"}:
        return "WooCommerce"
    if {"id", "title", "image link", "availability"} <= names and "sku" not in names:
        return "Google"
    return "Etsy" if names >= _OF_ETSY else "plain"


def is_needed_back(name: str) -> bool:
    """Whether an attribute is kept before others, because the export to the shop needs it."""
    return bool(_NEEDED_BACK.fullmatch(plain_name(name)))


def with_layout(
    layout: Layout, mapping: dict[str, str], columns: Sequence[Column], records: Sequence[Record]
) -> dict[str, str]:
    """The guessed mapping, corrected by what is known about the export."""
    mapping = _without_pictures_made(mapping)
    mapping = _without_kinds(mapping, columns, records)
    mapping = _without_percent_discount(mapping, columns, records)
    mapping = _without_place_in_list(_with_prices_of_odoo(mapping))
    by_name = {plain_name(column.name): column for column in reversed(columns)}
    if layout == "Google":  # a product's own number; gtin and mpn are its maker's
        mapping = {name: ATTRIBUTE if to == "sku" else to for name, to in mapping.items()}
        return mapping | {by_name["id"].name: "sku"}
    if layout == "WooCommerce":  # its position is the product's, in its category
        places = {by_name[name].name for name in by_name.keys() & _POSITIONS}
        return mapping | dict.fromkeys(places, ATTRIBUTE)
    if layout != "Shopify":
        return mapping
    if "sku" not in mapping.values():
        handle = next(by_name[name] for name in by_name if name in HANDLES)
        mapping = mapping | {handle.name: "sku"}
    own_type = by_name.get("type")
    if own_type and any(record.cell(own_type.index) for record in records):
        # The shop's own word; "Product Category" is a path of Shopify's taxonomy.
        mapping = {name: ATTRIBUTE if to == "category" else to for name, to in mapping.items()}
        mapping[own_type.name] = "category"
    return mapping


def _without_pictures_made(mapping: dict[str, str]) -> dict[str, str]:
    """Leave out what Packshot's own exports say about the pictures that it made: they are read to
    correct products, and the rest is no seller's attribute."""
    names = {plain_name(name): name for name in mapping}
    if names.keys() >= _OWN_CSV:
        return {name: to if name in PRODUCT_FIELDS else LEFT_OUT for name, to in mapping.items()}
    if names.keys() >= _OWN_SHEET and "gst" in names:
        return mapping | {names[each]: LEFT_OUT for each in _OWN_SHEET}
    return mapping


def _with_prices_of_odoo(mapping: dict[str, str]) -> dict[str, str]:
    names = {plain_name(name): name for name in mapping}
    if "list price" not in names or not names.keys() & _OF_ODOO:
        return mapping
    others = {name: ATTRIBUTE if to == "price" else to for name, to in mapping.items()}
    return others | {names["list price"]: "price"}


def _without_place_in_list(mapping: dict[str, str]) -> dict[str, str]:
    """The mapping without a Position as the view if there is a price with tax and one without, as
    in PrestaShop's list of products: there it is the product's place in its category."""
    found = {name: field_of(name) for name in mapping}
    prices = {one[1] >= NET_RANK for one in found.values() if one and one[0] == "price"}
    if prices != {True, False}:
        return mapping
    return {
        name: ATTRIBUTE if to == "view" and plain_name(name) in _POSITIONS else to
        for name, to in mapping.items()
    }


def _without_kinds(
    mapping: dict[str, str], columns: Sequence[Column], records: Sequence[Record]
) -> dict[str, str]:
    """The mapping with another category if the guessed one says `simple` or `variable`."""
    column = next((one for one in columns if mapping[one.name] == "category"), None)
    texts = {record.cell(column.index) for record in records} - {""} if column else set()
    words = {word.strip().casefold() for text in texts for word in text.split(",")}
    if not column or not _OF_KINDS.search(plain_name(column.name)):
        return mapping
    if not words or not words <= _KINDS:
        return mapping
    others = guess_mapping([one for one in columns if one is not column])
    return {**mapping, **others, column.name: ATTRIBUTE}


def _without_percent_discount(
    mapping: dict[str, str], columns: Sequence[Column], records: Sequence[Record]
) -> dict[str, str]:
    """The mapping without the discount if a column beside it (Wix' discountMode) says that some are
    percentages: they are no amounts of money."""
    mode = index_named(columns, _DISCOUNT_MODES)
    if mode is None or not any(_PERCENT_MODE.search(record.cell(mode)) for record in records):
        return mapping
    return {name: ATTRIBUTE if to == "discount" else to for name, to in mapping.items()}


def complete(
    layout: Layout, columns: Sequence[Column], records: list[Record]
) -> tuple[list[Record], list[SheetProblem]]:
    """The rows, filled in from other rows and columns, and notes."""
    if layout == "Shopify":
        completed = _complete_shopify(columns, records)
        return completed, list(_note_handles(columns, records, completed))
    completed = _complete_variants(layout, columns, records)
    return completed, list(_note_picture_rows(columns, records, completed))


def _note_picture_rows(
    columns: Sequence[Column], given: Sequence[Record], completed: Sequence[Record]
) -> Iterator[SheetProblem]:
    """One note on rows without a SKU that became pictures of the product above them."""
    if (sku := index_of(columns, "sku")) is None:
        return
    taken = [
        f"{after.number} ({after.cell(sku)})"
        for before, after in zip(given, completed, strict=True)
        if not before.cell(sku) and after.cell(sku)
    ]
    if taken:
        rows = "row" if len(taken) == 1 else "rows"
        detail = f"{rows} {list_first(taken)}: only a picture, so it is one of the SKU above"
        yield SheetProblem(None, None, detail, "note")


def _note_handles(
    columns: Sequence[Column], given: Sequence[Record], completed: Sequence[Record]
) -> Iterator[SheetProblem]:
    """A note if handles became SKUs: the shop's import would write them into its products."""
    handle, sku = index_named(columns, HANDLES), index_of(columns, "sku")
    if handle is None or sku is None:
        return
    taken = {
        after.cell(handle): after.number
        for before, after in reversed(list(zip(given, completed, strict=True)))
        if not before.cell(sku) and after.cell(sku) == after.cell(handle) != ""
    }
    if taken:
        names = {column.index: column.name for column in columns}
        handles = sorted(taken, key=lambda each: taken[each])
        detail = f"none is given, so the {names[handle]} is the SKU: {list_first(handles)}"
        yield SheetProblem(min(taken.values()), names[sku], detail, "note")


def _complete_shopify(columns: Sequence[Column], records: list[Record]) -> list[Record]:
    """Complete Shopify's rows: a row with only a handle and a picture adds the picture to the
    handle's first row; without any SKU the handle is the SKU."""
    handle, sku = index_named(columns, HANDLES), index_of(columns, "sku")
    if handle is None:
        return records
    inherited = [
        column.index
        for column in columns
        if column.field not in _PICTURES
        and not (column.field == ATTRIBUTE and _OWN.fullmatch(plain_name(column.name)))
    ]
    of_variant = {
        column.index
        for column in columns
        if column.field in NUMBERS or _OF_VARIANT.fullmatch(plain_name(column.name))
    }
    first: dict[str, Record] = {}
    completed = []
    for record in records:
        key = record.cell(handle)
        record = replace(record, family=key)
        source = first.setdefault(key, record)
        if key and source is not record:
            is_variant = any(record.cell(index) for index in of_variant)
            wanted = [index for index in inherited if not (is_variant and index in of_variant)]
            record = _fill_from(record, source, wanted)
        if key and sku is not None and not record.cell(sku):
            record = record.with_cell(sku, key)
        completed.append(record)
    return completed


def without_picture(columns: Sequence[Column], records: list[Record]) -> set[int]:
    """The rows of variants without a picture whose product has one, such as sizes of a shoe."""
    indexes = picture_indexes(columns)
    pictured = {
        record.number: any(record.cell(index) or index in record.links for index in indexes)
        for record in records
    }
    families = {record.family for record in records if record.family and pictured[record.number]}
    return {
        record.number
        for record in records
        if record.family in families and not pictured[record.number]
    }


def _complete_variants(
    layout: Layout, columns: Sequence[Column], records: list[Record]
) -> list[Record]:
    """Complete the rows of variants: each has its parent's category, and its name if it has none; a
    row that is only a picture is one of its product. WooCommerce names the
    parent's picture for a variation that has none."""
    records, parents = with_families(columns, records)
    shared = [one.index for one in columns if one.field in ("category", "name")]
    images = picture_indexes(columns)
    every = [one.index for one in columns if one.index not in images]
    picture_rows = find_picture_rows(columns, records)
    completed = []
    for record in records:
        if parent := parents.get(record.number):
            filled = every if record.number in picture_rows else shared
            record = _fill_from(record, parent, filled)
            if layout == "WooCommerce":
                record = _without_pictures_of(parent, record, images)
        completed.append(record)
    return completed


def _without_pictures_of(parent: Record, record: Record, indexes: Sequence[int]) -> Record:
    for index in indexes:
        if record.cell(index) in map(str.strip, parent.cell(index).split(",")):
            record = record.with_cell(index, "")
    return record


def _fill_from(record: Record, source: Record, indexes: Sequence[int]) -> Record:
    for index in indexes:
        if not record.cell(index) and source.cell(index):
            record = record.with_cell_of(source, index, index)
    return record


def deepest_category(text: str) -> str:
    """The most exact one of WooCommerce's categories: `Shoes > Men` of `Shoes, Shoes > Men`."""
    parts = [part.strip() for part in _CATEGORY_BORDER.split(text) if part.strip()]
    deepest = max(parts, key=lambda part: part.count(">"), default=text)
    return deepest.replace("\\,", ",")


def innermost_category(text: str) -> str:
    """`Men/Tops` of Magento's `Men/Tops,Men`, whose first category has all others in it."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    longest = max(parts, key=len, default=text)
    inside = (longest == part or re.match(rf"{re.escape(part)}\s*[/>]", longest) for part in parts)
    return longest if all(inside) else text


def shops_own(attributes: Mapping[str, str] | None, names: Collection[str]) -> str | None:
    """What the shop's own file says in the first of these columns (named in lower case)."""
    for given, value in (attributes or {}).items():
        if given.strip().casefold() in names and value.strip():
            return value.strip()
    return None
