"""Deletes products with their objects, and nothing that belongs to another product."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from packshot.backoff import backoff, no_jitter
from packshot.database.engine import Database
from packshot.database.models import (
    PENDING,
    Decision,
    Deletion,
    Product,
    ProductImage,
    Round,
    Take,
)
from packshot.database.types import now
from packshot.errors import Unavailable
from packshot.products.batch_items import withdraw
from packshot.products.intake.duplicates import forget_uploads
from packshot.products.lookup import lock_product
from packshot.products.object_keys import (
    keys_of_product,
    names_in,
    plain_address,
    upload_key,
    upload_name,
    with_previews,
)
from packshot.storage import Storage

log = logging.getLogger("packshot.deletions")

#: Seconds until the objects of a deleted product are removed again; each pause is twice the last.
FIRST_PAUSE: Final = 30
#: Removals in all, the last one four hours after the first. By then any worker that had the
#: product has ended, or abandoned it (`work.hanging.LONGEST_PRODUCT_SECONDS`).
REMOVALS: Final = 10
#: Deletions read in one query.
PAGE: Final = 200
#: Up to this many uploads, the database searches for each name; for more, it returns all addresses
#: that contain a name of this form.
FEW: Final = 8
ANY_NAME: Final = "%________-____-____-____-____________%"
#: Beginnings of an encoded character of such a name: of a digit, a letter from a to f, a hyphen, or
#: an encoded percent sign.
ENCODED: Final = ("%3", "%6", "%2d", "%2D", "%4", "%25")


class Deletions:
    """Deletes the rows first, in one transaction that also records which objects to remove.

    From then on a worker that still works on the product saves nothing, and deletes what it stored
    when it notices (`delete_late_objects`). A killed worker can't, so `remove_due` removes the
    objects again until no worker can store one any more.
    """

    def __init__(self, database: Database, storage: Storage) -> None:
        self.database = database
        self.storage = storage

    def delete_product(self, product_id: int, if_version: int | None = None) -> None:
        """Delete a product, its pictures, rounds, decisions and objects. Raises NotFound, Conflict.

        While the storage is unreachable the objects stay; `remove_due` removes them later.
        """
        deletion = self._delete_rows(product_id, if_version)
        try:
            self._remove_objects(deletion)
        except Unavailable as error:
            log.warning("the objects of product %d are removed later: %s", product_id, error)

    def _delete_rows(self, product_id: int, if_version: int | None) -> Deletion:
        with self.database.write() as session:
            product = lock_product(session, product_id, if_version)
            deletion = self._deletion_of(session, product)
            session.add(deletion)
            withdraw(session, product_id)
            for table in (Decision, Take, ProductImage, Round):
                session.execute(delete(table).where(table.product_id == product_id))
            session.delete(product)
        return deletion

    def _deletion_of(self, session: Session, product: Product) -> Deletion:
        of_product = Round.product_id == product.id
        largest = session.scalar(select(func.max(Round.wanted)).where(of_product))
        return Deletion(
            product_id=product.id,
            namespace=product.media_namespace,
            rounds=max(product.round, 1),
            variants=largest or 0,
            upload=own_upload(self.storage, product.raw_image),
            removals=1,
            not_before=now(FIRST_PAUSE),
        )

    def _remove_objects(self, deletion: Deletion) -> None:
        uploads = self._unneeded_upload(deletion)
        keys = [key for name in uploads for key in with_previews(upload_key(name))]
        self.storage.delete([*_own_keys(deletion), *keys])
        forget_uploads(self.database, uploads)

    def _unneeded_upload(self, deletion: Deletion) -> set[str]:
        if deletion.upload is None:
            return set()
        with self.database.read() as session:
            return {deletion.upload} - needed_uploads(session, {deletion.upload})

    # -- remove again ------------------------------------------------------------------------------

    def remove_due(self) -> None:
        """Remove again the objects that are due. Raises Unavailable; the rest stays due."""
        while due := self._due():
            for deletion in due:
                self._remove_objects(deletion)
                self._schedule_next(deletion)

    def _due(self) -> Sequence[Deletion]:
        with self.database.read() as session:
            due = select(Deletion).where(Deletion.not_before <= now())
            return session.scalars(due.order_by(Deletion.not_before).limit(PAGE)).all()

    def _schedule_next(self, deletion: Deletion) -> None:
        this = Deletion.id == deletion.id
        with self.database.write() as session:
            if deletion.removals + 1 >= REMOVALS:
                session.execute(delete(Deletion).where(this))
                return
            removals = deletion.removals + 1
            later = now(backoff(removals, no_jitter, first=FIRST_PAUSE, longest=math.inf))
            again = update(Deletion).where(this)
            session.execute(again.values(removals=removals, not_before=later))

    def delete_late_objects(
        self, product_id: int, namespace: str, rounds: int, variants: int
    ) -> None:
        """Remove what a worker stored for a product it lost, if the product was deleted.

        A product that another worker took over has the same namespace and keeps its objects.
        """
        with self.database.read() as session:
            known = session.scalar(select(Product.media_namespace).where(Product.id == product_id))
        if known != namespace:
            self.storage.delete(list(keys_of_product(namespace, product_id, rounds, variants)))


def _own_keys(deletion: Deletion) -> Iterator[str]:
    if deletion.namespace is not None:
        yield from keys_of_product(
            deletion.namespace, deletion.product_id, deletion.rounds, deletion.variants
        )


def own_upload(storage: Storage, raw_image: str) -> str | None:
    """The name of the upload that this address names in our storage; None when it isn't one."""
    key = storage.own_key(raw_image) or storage.own_key(plain_address(raw_image))
    return upload_name(key)


def needed_uploads(session: Session, names: Collection[str]) -> set[str]:
    """The uploads of these that a product still needs. It needs the upload that its address names
    in any spelling (see `names_in`) until its raw photo is removed, and again while it waits for
    work.
    """
    if not names:
        return set()
    needing = or_(Product.raw_removed_at.is_(None), Product.status == PENDING)
    needed: set[str] = set()
    for raw_image in session.scalars(select(Product.raw_image).where(needing, _may_name(names))):
        needed |= names_in(raw_image) & set(names)
    return needed


def _may_name(names: Collection[str]) -> ColumnElement[bool]:
    """A condition in SQL: an address that does not match names none of these uploads."""
    written = Product.raw_image
    encoded = [written.contains(each, autoescape=True) for each in ENCODED]
    if len(names) > FEW:
        return or_(*encoded, written.like(ANY_NAME))
    return or_(*encoded, *(func.lower(written).contains(name) for name in names))
