"""Removes objects whose retention time is over, never an approved picture."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar, cast

from sqlalchemy import ColumnElement, Select, Update, and_, false, func, inspect, select, update

from packshot.database.engine import Database, update_rows
from packshot.database.models import (
    APPROVED,
    FAILED,
    PENDING,
    REJECTED,
    Product,
    ProductImage,
    Take,
)
from packshot.database.types import now
from packshot.products.deletions import needed_uploads, own_upload
from packshot.products.intake.duplicates import forget_uploads
from packshot.products.object_keys import (
    MAX_TAKES,
    normalised_key,
    upload_key,
    variant_key,
    with_previews,
)
from packshot.products.takes import is_its_picture
from packshot.storage import Storage

log = logging.getLogger("packshot.retention")
R = TypeVar("R")
Picture: TypeAlias = ProductImage | Take

DAY: Final = 86_400
#: Rows marked in one transaction.
PAGE: Final = 200


@dataclass(frozen=True)
class Pruned:
    """The objects that were, or would be, removed: raw photos, rejected pictures, takes that are
    not current; and their bytes."""

    raw_photos: int
    rejected: int
    rejected_bytes: int


class Retention:
    """A product's upload and normalised copy are removed `raw_days` after its review, a picture
    `rejected_days` after its rejection, a take that is not current as long after the decision on
    its picture; None: never.

    A row is marked first and its objects are removed after the commit, so a reviewer never approves
    what is being removed. The removal is recorded last, so the next run removes what a crash left
    behind.
    """

    def __init__(
        self,
        database: Database,
        storage: Storage,
        raw_days: int | None = None,
        rejected_days: int | None = None,
    ) -> None:
        self.database = database
        self.storage = storage
        self.raw_days = raw_days
        self.rejected_days = rejected_days

    # -- prune -------------------------------------------------------------------------------

    def plan(self) -> Pruned:
        """What `prune` would remove now. Changes nothing."""
        raw = select(func.count(Product.id)).where(self._raw_is_over())
        in_bytes = [
            select(ProductImage.bytes).where(self._rejected_is_over()),
            select(Take.bytes).join(ProductImage, is_its_picture()).where(self._take_is_over()),
        ]
        with self.database.read() as session:
            sizes = [size for each in in_bytes for size in session.scalars(each)]
            return Pruned(session.scalar(raw) or 0, len(sizes), sum(size or 0 for size in sizes))

    def prune(self) -> Pruned:
        """Remove everything whose retention time is over; return what was removed."""
        self._finish_last_run()
        raw = rejected = in_bytes = 0
        while products := self._mark_raw():
            raw += len(products)
            self._remove_raw(products)
        while pictures := self._mark_takes() or self._mark_rejected():
            rejected += len(pictures)
            in_bytes += sum(picture.bytes or 0 for picture in pictures)
            self._remove_pictures(pictures)
        return Pruned(raw, rejected, in_bytes)

    def _raw_is_over(self) -> ColumnElement[bool]:
        if self.raw_days is None:
            return false()
        return and_(
            Product.status.in_((APPROVED, REJECTED)),
            Product.updated_at < now(-self.raw_days * DAY),
            Product.raw_removed_at.is_(None),
        )

    def _rejected_is_over(self) -> ColumnElement[bool]:
        if self.rejected_days is None:
            return false()
        return and_(
            ProductImage.status == REJECTED,
            ProductImage.updated_at < now(-self.rejected_days * DAY),
            ProductImage.removed_at.is_(None),
            ProductImage.object_key.is_not(None),
        )

    def _take_is_over(self) -> ColumnElement[bool]:
        if self.rejected_days is None:
            return false()
        return and_(
            Take.object_key.is_not(None),
            Take.removed_at.is_(None),
            Take.object_key != ProductImage.object_key,
            ProductImage.status != PENDING,
            ProductImage.updated_at < now(-self.rejected_days * DAY),
        )

    def _mark_raw(self) -> Sequence[Product]:
        due = select(Product).where(self._raw_is_over()).order_by(Product.id).limit(PAGE)
        with self.database.write() as session:
            products = session.scalars(due.with_for_update()).all()
            marked = update(Product).where(Product.id.in_([product.id for product in products]))
            newer = Product.version + 1
            update_rows(
                session, marked.values(raw_removed_at=now(), raw_deleted_at=None, version=newer)
            )
        return products

    def _mark_rejected(self) -> Sequence[ProductImage]:
        with self.database.write() as session:
            images = session.scalars(
                select(ProductImage)
                .where(self._rejected_is_over())
                .order_by(ProductImage.id)
                .limit(PAGE)
                .with_for_update()
            ).all()
            marked = update(ProductImage).where(ProductImage.id.in_([each.id for each in images]))
            update_rows(session, marked.values(removed_at=now()))
            changed = update(Product).where(Product.id.in_({each.product_id for each in images}))
            session.execute(changed.values(version=Product.version + 1))
        return images

    def _mark_takes(self) -> Sequence[Take]:
        with self.database.write() as session:
            # The picture is locked too, so that nobody undoes its decision meanwhile.
            over = _takes().where(self._take_is_over()).with_for_update(of=(Take, ProductImage))
            takes = session.scalars(over.limit(PAGE)).all()
            for take in takes:
                take.removed_at = now()
        return takes

    def _finish_last_run(self) -> None:
        """Remove what an interrupted run marked but did not record as deleted."""
        while products := self._page(select(Product).where(_is_marked()).order_by(Product.id)):
            self._remove_raw(products)
        rejected = (
            ProductImage.removed_at.is_not(None),
            ProductImage.deleted_at.is_(None),
            ProductImage.status == REJECTED,
        )
        while images := self._page(select(ProductImage).where(*rejected).order_by(ProductImage.id)):
            self._remove_pictures(images)
        marked = and_(Take.removed_at.is_not(None), Take.deleted_at.is_(None))
        while takes := self._page(_takes().where(marked)):
            self._remove_pictures(takes)

    def _page(self, rows: Select[R]) -> Sequence[R]:
        with self.database.read() as session:
            return session.scalars(rows.limit(PAGE)).all()

    def _remove_raw(self, products: Sequence[Product]) -> None:
        """Remove raw photos, except those of products that were queued again after they were
        marked."""
        ids = [product.id for product in products]
        products = self._page(select(Product).where(Product.id.in_(ids), _is_marked()))
        copies = [
            normalised_key(product.media_namespace, product.id, since)
            for product in products
            if product.media_namespace is not None
            for since in range(1, product.photo_since + 1)
        ]
        uploads = self._uploads(products)
        self._remove([*copies, *map(upload_key, uploads)])
        forget_uploads(self.database, uploads)
        ids = [product.id for product in products]
        self._save(update(Product).where(Product.id.in_(ids)).values(raw_deleted_at=now()))

    def _remove_pictures(self, pictures: Sequence[Picture]) -> None:
        self._remove(self._own_keys(pictures))
        with self.database.write() as session:
            for picture in pictures:
                row: Any = session.get(type(picture), cast(Any, inspect(picture)).identity)
                if row is not None:
                    row.deleted_at = now()

    def _own_keys(self, pictures: Sequence[Picture]) -> list[str]:
        """The keys of these pictures. A row that names another object does not own it."""
        namespaces = self._namespaces({picture.product_id for picture in pictures})
        keys = []
        for picture in pictures:
            namespace = namespaces.get(picture.product_id)
            if namespace and picture.object_key in _own(namespace, picture):
                keys.append(picture.object_key)
            else:
                log.warning(
                    "product %d, picture %d: the object %s is not its own and stays",
                    *(picture.product_id, picture.variant + 1),
                    picture.object_key,
                )
        return keys

    def _namespaces(self, ids: Collection[int]) -> dict[int, str | None]:
        chosen = select(Product.id, Product.media_namespace).where(Product.id.in_(ids))
        with self.database.read() as session:
            return {row.id: row.media_namespace for row in session.execute(chosen)}

    def _save(self, deleted: Update) -> None:
        with self.database.write() as session:
            update_rows(session, deleted)

    def _remove(self, keys: Sequence[str]) -> None:
        self.storage.delete([each for key in keys for each in with_previews(key)])

    def _uploads(self, products: Sequence[Product]) -> list[str]:
        """The names of the products' uploads, without those that another product still needs.

        A raw image elsewhere, or under another name, is the seller's.
        """
        found = {own_upload(self.storage, product.raw_image) for product in products}
        names = {name for name in found if name is not None}
        with self.database.read() as session:
            needed = needed_uploads(session, names)
        return sorted(names - needed)


def _own(namespace: str, picture: Picture) -> list[str]:
    """The keys that it can have: a picture has that of its current take."""
    place = (picture.product_id, picture.round, picture.variant)
    takes = [picture.number] if isinstance(picture, Take) else range(1, MAX_TAKES + 1)
    return [variant_key(namespace, *place, take) for take in takes]


def _takes() -> Select[Take]:
    takes = select(Take).join(ProductImage, is_its_picture())
    return takes.order_by(Take.product_id, Take.round, Take.variant, Take.number)


def _is_marked() -> ColumnElement[bool]:
    """The condition that the raw photo is marked: never while the product may need it again."""
    return and_(
        Product.raw_removed_at.is_not(None),
        Product.raw_deleted_at.is_(None),
        Product.status.not_in((PENDING, FAILED)),
    )
