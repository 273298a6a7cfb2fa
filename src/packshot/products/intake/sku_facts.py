"""Which SKUs have products, and what these agree in: for a photo that comes later without a
spreadsheet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from packshot.database.engine import Database
from packshot.database.models import FAILED, Product
from packshot.spreadsheets.fields import DEFAULT_CATEGORY, NUMBERS

#: The fields that are taken together, and only if none of them is given.
_TOGETHER: Final = (("name",), NUMBERS, ("category",))
#: SKUs in one statement: databases limit the number of parameters.
_AT_ONCE: Final = 1_000


def with_facts_of_skus(session: Session, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the name, the amounts and the category of their SKU's products of the same
    seller, as far as a row gives none and these agree. Nobody sees what another seller gave."""
    skus = {row["sku"] for row in rows if row["sku"] is not None and any(_missing(row))}
    if not skus:
        return list(rows)
    columns = [getattr(Product, name) for names in _TOGETHER for name in names]
    query = select(Product.sku, Product.submitted_by, *columns).distinct()
    known: dict[tuple[Any, Any], list[Mapping[str, Any]]] = defaultdict(list)
    for found in session.execute(query.where(Product.sku.in_(skus), Product.status != FAILED)):
        known[found.sku, found.submitted_by].append(found._asdict())
    return [row | _agreed(row, known.get((row["sku"], row["submitted_by"]), ())) for row in rows]


def _missing(row: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Those of `_TOGETHER` of which the row gives nothing, or the category that nobody named."""
    for names in _TOGETHER:
        if not any(_is_given(name, row[name]) for name in names):
            yield names


def _is_given(name: str, value: Any) -> bool:
    return value is not None and (name, value) != ("category", DEFAULT_CATEGORY)


def _agreed(row: Mapping[str, Any], known: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    agreed: dict[str, Any] = {}
    for names in _missing(row):
        values = {tuple(each[name] for name in names) for each in known}
        values = {each for each in values if any(map(_is_given, names, each))}
        if len(values) == 1:
            agreed |= zip(names, *values, strict=True)
    return agreed


def find_known_skus(database: Database, skus: Sequence[str]) -> set[str]:
    """Those of the SKUs that a product has, of any status."""
    known: set[str] = set()
    with database.read() as session:
        for start in range(0, len(skus), _AT_ONCE):
            part = skus[start : start + _AT_ONCE]
            found = select(Product.sku).where(Product.sku.in_(part)).distinct()
            known |= {sku for sku in session.scalars(found) if sku is not None}
    return known
