"""The search terms of a product; a search finds terms by their beginning."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, insert
from sqlalchemy.orm import Session

from packshot.database.models import Product, ProductTerm

#: The fields whose beginnings are searched.
SEARCHED: Final = ("sku", "name", "filename")
LONGEST: Final = 255
#: Sorts after every other character.
LAST: Final = chr(0x10FFFF)


def search_term(text: str) -> str:
    """The form in which a term is stored and searched: case-folded."""
    return text.casefold()[:LONGEST]


def terms_of(product_id: int, values: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """The rows of a product with these values, each term once."""
    terms = {search_term(values[name]) for name in SEARCHED if values.get(name)}
    return ({"term": term, "product_id": product_id} for term in sorted(terms))


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
