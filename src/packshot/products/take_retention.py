"""Removes the pictures of takes that are not current, some days after the decision."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, and_, false, func, select
from sqlalchemy.orm import Session

from packshot.database.engine import Database
from packshot.database.models import PENDING, Product, ProductImage, Take
from packshot.database.types import now
from packshot.products.object_keys import variant_key, with_previews
from packshot.products.takes import is_its_picture
from packshot.storage import Storage

log = logging.getLogger("packshot.retention")
DAY: Final = 86_400
#: Rows marked in one transaction.
PAGE: Final = 200
Found = Sequence[tuple[Take, str | None]]  # each with the namespace of its product


class TakeRetention:
    """Removes them `days` after the decision on the picture, like rejected pictures; None: never.
    They are marked first and removed after the commit, as in `Retention`."""

    def __init__(self, database: Database, storage: Storage, days: int | None) -> None:
        self.database, self.storage, self.days = database, storage, days

    def plan(self) -> tuple[int, int]:
        """The number of pictures that `prune` would remove now, and their bytes."""
        counts = select(func.count(), func.coalesce(func.sum(Take.bytes), 0)).select_from(Take)
        with self.database.read() as session:
            over = counts.join(ProductImage, is_its_picture()).where(self._is_over())
            count, in_bytes = session.execute(over).one()
        return count, in_bytes or 0

    def prune(self) -> tuple[int, int]:
        """Remove the pictures, first those that an interrupted run left. Returns the number of
        pictures that this run marked and removed, and their bytes."""
        while left := self._find_marked():
            self._remove(left)
        count = in_bytes = 0
        while found := self._mark():
            count += len(found)
            in_bytes += sum(take.bytes or 0 for take, _ in found)
            self._remove(found)
        return count, in_bytes

    def _is_over(self) -> ColumnElement[bool]:
        if self.days is None:
            return false()
        return and_(
            Take.object_key.is_not(None),
            Take.removed_at.is_(None),
            Take.object_key != ProductImage.object_key,
            ProductImage.status != PENDING,
            ProductImage.updated_at < now(-self.days * DAY),
        )

    def _mark(self) -> Found:
        with self.database.write() as session:
            found = _find(session, self._is_over(), to_change=True)
            for take, _ in found:
                take.removed_at = now()
        return found

    def _find_marked(self) -> Found:
        with self.database.read() as session:
            return _find(session, and_(Take.removed_at.is_not(None), Take.deleted_at.is_(None)))

    def _remove(self, found: Found) -> None:
        keys = [key for take, namespace in found for key in _own_key(take, namespace)]
        self.storage.delete([each for key in keys for each in with_previews(key)])
        with self.database.write() as session:
            for take, _ in found:
                there = session.get(Take, (take.product_id, take.round, take.variant, take.number))
                if there is not None:
                    there.deleted_at = now()


def _find(session: Session, which: ColumnElement[bool], *, to_change: bool = False) -> Found:
    """A page of takes, each with its product's namespace."""
    query = (
        select(Take, Product.media_namespace)
        .join(Product, Product.id == Take.product_id)
        .join(ProductImage, is_its_picture())
        .where(which)
        .order_by(Take.product_id, Take.round, Take.variant, Take.number)
        .limit(PAGE)
    )
    if to_change:  # lock the picture too, so that nobody undoes its decision meanwhile
        query = query.with_for_update(of=(Take, ProductImage))
    return [(take, namespace) for take, namespace in session.execute(query)]


def _own_key(take: Take, namespace: str | None) -> list[str]:
    """The key of a take's picture. A row that names another object does not own it."""
    place = (take.product_id, take.round, take.variant, take.number)
    own = namespace and variant_key(namespace, *place)
    if own and own == take.object_key:
        return [own]
    log.warning(
        "product %d, take %d of picture %d: the object %s is not its own and stays",
        *(take.product_id, take.number, take.variant + 1),
        take.object_key,
    )
    return []
