"""The search terms of a product; a search finds terms by their beginning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, insert
from sqlalchemy.orm import Session

from packshot.database.models import Product, ProductTerm
from packshot.spreadsheets.columns.barcodes import is_barcode
from packshot.spreadsheets.view_words import without_accents

#: The fields whose beginnings are searched; of a name also the beginning of each further word.
_TEXTS: Final = ("sku", "name", "filename")
#: The fields that terms are made of: of the attributes only the barcodes are searched.
SEARCHED: Final = (*_TEXTS, "attributes")
LONGEST: Final = 255
#: The most further words of a name: each is a row.
_MAX_WORDS: Final = 6
#: Words to search for: numbers and words such as `z`, `de` and `of` are in too many names.
_WORD: Final = re.compile(r"(?<=[\W_])[^\W\d_]\w{2,}")
_BETWEEN_DIGITS: Final = re.compile(r"[ -]")
#: Letters whose marks are a part of them.
_LETTERS: Final = str.maketrans({"ø": "o", "đ": "d", "ı": "i"})
#: Sorts after every other character.
LAST: Final = chr(0x10FFFF)


def search_term(text: str) -> str:
    """The form in which a term is stored and searched: case-folded, without accents."""
    return without_accents(text).translate(_LETTERS)[:LONGEST]


def terms_of(product_id: int, values: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """The rows of a product with these values, each term once."""
    terms = {search_term(values[name]) for name in _TEXTS if values.get(name)}
    terms.update(_further_words(search_term(values.get("name") or "")))
    terms.update(_barcodes(values.get("attributes") or {}))
    return ({"term": term, "product_id": product_id} for term in sorted(terms))


def _further_words(name: str) -> Iterator[str]:
    """The rest of a name from each further word on: `blue mug` of `Large blue mug`, and `mug`."""
    for word, _ in zip(_WORD.finditer(name), range(_MAX_WORDS), strict=False):
        yield name[word.start() :]


def _barcodes(attributes: Mapping[str, str]) -> Iterator[str]:
    """Each as it is written, and as a scanner types it: `978-3-16-1`, and `9783161`."""
    for name, code in attributes.items():
        if code and _names_barcodes(name):
            yield search_term(code)
            yield search_term(_BETWEEN_DIGITS.sub("", code))


#: A shop's columns have few names.
_names_barcodes: Final = lru_cache(1_000)(is_barcode)


def write_terms(session: Session, product: Product) -> None:
    """Replace the terms of a product after a correction."""
    session.execute(delete(ProductTerm).where(ProductTerm.product_id == product.id))
    values = {name: getattr(product, name) for name in SEARCHED}
    if rows := list(terms_of(product.id, values)):
        session.execute(insert(ProductTerm), rows)


def begins_with(term: Any, text: str) -> ColumnElement[bool]:
    """The column `term` begins with `text`: a range, so that an index answers it."""
    beginning = search_term(text)
    return and_(term >= beginning, term < beginning + LAST)
