"""A product feed in XML (RSS or Atom with Google's `g:` fields) -> a table, a row for each item.

Every shop system can export one, for Google Shopping and Meta.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, Final

from packshot.errors import SpreadsheetError
from packshot.spreadsheets.files.xml_names import local_name
from packshot.spreadsheets.table import (
    Record,
    SheetLimits,
    Table,
    invisible_note,
    too_many,
    visible_cells,
)

_ITEMS: Final = frozenset({"item", "entry"})
_GOOGLE: Final = "{http://base.google.com/ns/1.0}"
_PICTURES: Final = "image_link"
_BEGINNING: Final = 2_000
#: Byte order marks and blanks.
_MARKS: Final = b"\xef\xbb\xbf\xff\xfe \t\r\n"


def is_product_feed(data: bytes) -> bool:
    start = data[:_BEGINNING].replace(b"\0", b"").lstrip(_MARKS).lower()
    return start.startswith(b"<") and (b"<rss" in start or b"<feed" in start)


def read_product_feed(data: bytes, limits: SheetLimits) -> Table:
    """The items as rows, numbered from 1; the header has number 0. Entities and document types are
    refused, because a small file could grow without end. Raises SpreadsheetError."""
    if data.count(b"<") - data.count(b"</") > limits.tags:
        raise too_many(limits)
    columns: dict[str, None] = {}
    items: list[dict[str, str]] = []
    for item in _items(data):
        columns |= dict.fromkeys(item)
        items.append(item)
        if len(columns) > limits.columns:
            raise SpreadsheetError(f"the feed has more than {limits.columns} fields")
        if len(items) > limits.rows or len(items) * len(columns) > limits.cells:
            raise too_many(limits)
    if not items:
        raise SpreadsheetError("the feed has no products: it has neither <item> nor <entry>")
    invisible = 0
    records = [Record(0, tuple(columns))]
    for number, item in enumerate(items, start=1):
        cells, count = visible_cells([item.get(name, "") for name in columns])
        invisible += count
        for name, text in zip(columns, cells, strict=True):
            if len(text) > limits.cell_characters:
                words = f"more than {limits.cell_characters:,} characters"
                raise SpreadsheetError(f"item {number}: {name} has {words}")
        records.append(Record(number, cells))
    form = "product feed in XML, a row for each item"
    return Table(tuple(records), form, tuple(invisible_note(invisible)))


def _items(data: bytes) -> Iterator[dict[str, str]]:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, iterparse

    try:
        for _, element in iterparse(io.BytesIO(data), forbid_dtd=True):
            if local_name(element.tag) in _ITEMS:
                yield _fields(element)
                element.clear()
    except DefusedXmlException:
        raise SpreadsheetError(
            "the feed has a document type or entities, which are not read: export it without them"
        ) from None
    except (ParseError, LookupError, ValueError) as error:
        raise SpreadsheetError(f"the feed is damaged or was cut short: {error}"[:200]) from None


def _fields(item: Any) -> dict[str, str]:
    """The texts of an item by their names; several of one name are one text, pictures by lines. A
    field of Google's counts before one of the same name without its namespace."""
    found: dict[str, list[str]] = {}
    googles = {local_name(child.tag) for child in item if child.tag.startswith(_GOOGLE)}
    for child in item:
        name = local_name(child.tag)
        text = _text(child)
        if text and (name not in googles or child.tag.startswith(_GOOGLE)):
            found.setdefault(name, []).append(text)
    return {
        name: ("\n" if name.endswith(_PICTURES) else ", ").join(texts)
        for name, texts in found.items()
    }


def _text(child: Any) -> str:
    parts = [" ".join(text.split()) for text in child.itertext()]
    return ", ".join(filter(None, parts)) or child.get("href", "").strip()
