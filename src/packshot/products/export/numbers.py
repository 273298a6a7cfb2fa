"""The number of a picture among those of its SKU, given by the first export that names it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from packshot.database import locks
from packshot.database.engine import Database
from packshot.database.models import APPROVED, PENDING, PENDING_REVIEW, Product, ProductImage
from packshot.spreadsheets.view_words import ViewPlace, place_of_view

SortKey = tuple[ViewPlace, int, int]


def give_numbers(database: Database, column: Any, keys: Sequence[Any]) -> None:
    """Number the approved pictures of these SKUs (or products without one) that have no number.

    Main view first. A later round takes over the numbers of earlier rounds, whose pictures it
    replaces. Otherwise a number is never given twice, even if its picture was rejected since. One
    is left free for each view that comes first and still waits. Writes nothing if all have one: a
    write waits for the disk, and for other writes.
    """
    if not _are_missing(database, column, keys):
        return
    with database.write() as session:
        locks.hold_lock(session.connection(), locks.NUMBERS)
        given = [
            {"id": image_id, "number": number}
            for _, group in groupby(_all(session, column, keys), attrgetter("key"))
            for image_id, number in _numbers(list(group))
        ]
        if given:
            session.execute(update(ProductImage), given)


def _are_missing(database: Database, column: Any, keys: Sequence[Any]) -> bool:
    without = (
        select(ProductImage.id)
        .join(Product, Product.id == ProductImage.product_id)
        .where(
            column.in_(keys),
            Product.status == APPROVED,
            ProductImage.status == APPROVED,
            ProductImage.round == Product.round,
            ProductImage.number.is_(None),
        )
    )
    return database.has(without)


def find_main(database: Database, product_id: int) -> int | None:
    """The id of the picture that exports name as the first of this product's SKU."""
    with database.read() as session:
        sku = session.scalar(select(Product.sku).where(Product.id == product_id))
        column = Product.id if sku is None else Product.sku
        rows = _all(session, column, [product_id if sku is None else sku])
    first = {row.product_id for row in rows if row.number == 1}
    current = [row for row in rows if row.image_id is not None and row.of_round == row.round]
    candidates = [row for row in current if row.product_id in first] or current
    best = min(candidates, key=lambda row: (row.number != 1, _sort_key(row)), default=None)
    return best.image_id if best is not None else None


def _all(session: Session, column: Any, keys: Sequence[Any]) -> Sequence[Any]:
    """Every product of these keys with each of its pictures, or with None."""
    return session.execute(
        select(
            column.label("key"),
            Product.id.label("product_id"),
            Product.view,
            Product.status,
            Product.round,
            ProductImage.id.label("image_id"),
            ProductImage.round.label("of_round"),
            ProductImage.variant,
            ProductImage.status.label("decided"),
            ProductImage.number,
        )
        .outerjoin(ProductImage, ProductImage.product_id == Product.id)
        .where(column.in_(keys))
        .order_by(column)
    ).all()


def _numbers(group: list[Any]) -> Iterator[tuple[int, int]]:
    """Ids of pictures with their new numbers."""
    taken = {row.number for row in group}
    numbered = {row.product_id for row in group if row.number is not None}
    free = (number for number in count(1) if number not in taken)
    replaced = _find_replaced(group)
    for row in sorted(group, key=_sort_key):
        approved = row.status == row.decided == APPROVED and row.of_round == row.round
        if approved and row.number is None:
            mine = replaced.get(row.product_id)
            yield row.image_id, mine.pop(0) if mine else next(free)
        elif row.status in (PENDING, PENDING_REVIEW) and row.product_id not in numbered:
            numbered.add(row.product_id)
            next(free)


def _find_replaced(group: list[Any]) -> dict[int, list[int]]:
    """By product: the numbers from its earlier rounds that its current one does not use."""
    numbered = [row for row in group if row.number is not None]
    taken_over = {(row.product_id, row.number) for row in numbered if row.of_round == row.round}
    earlier = {(row.product_id, row.number) for row in numbered} - taken_over
    replaced: dict[int, list[int]] = {}
    for product_id, number in sorted(earlier):
        replaced.setdefault(product_id, []).append(number)
    return replaced


def _sort_key(row: Any) -> SortKey:
    """The sort key of a picture within its SKU."""
    return place_of_view(row.view), row.product_id, row.variant or 0
