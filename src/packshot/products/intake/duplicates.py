"""Finds products that were created before from the same photo.

Photos are the same when their uploaded bytes have the same SHA-256. Of a photo that is not fetched
yet only the address is known: under the same SKU and view, the same address is the same photo.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from packshot.database import locks
from packshot.database.engine import Database
from packshot.database.models import FAILED, Product, Upload
from packshot.products.object_keys import name_of_upload
from packshot.spreadsheets.fields import DEFAULT_CATEGORY, OF_SKU
from packshot.spreadsheets.photos.name_index import caseless, view_of_file
from packshot.spreadsheets.photos.views import view_key_of_copy
from packshot.spreadsheets.view_words import view_key

DuplicateKey = tuple[str, ...]


@dataclass(frozen=True)
class Identity:
    """A photo, and what says which product it shows: the SKU, else the names and the category.

    A photo without a SKU and names is always a product of its own.
    """

    sha256: str | None
    raw_image: str | None
    sku: str | None
    view: str | None
    name: str | None = None
    filename: str | None = None
    category: str | None = None

    def duplicate_keys(self) -> Iterator[DuplicateKey]:
        """The keys of the photo: products that share one are the same. A file that is named as a
        copy is one if its bytes are the same."""
        view = view_key_of_copy(self.view)
        if self.sku is not None:
            group: DuplicateKey = ("sku", self.sku)
        elif self.name or self.filename:
            group = ("names", self.name or "", self.filename or "", self.category or "")
        else:
            return
        if self.sha256 is not None:
            yield ("sha256", self.sha256, *group, view)
            if (name := self.name_of_view()) is not None:
                yield ("sha256", self.sha256, *group, "", name)
        if self.raw_image is not None and self.sku is not None:
            yield ("address", self.raw_image, *group, view)

    def key_without_view(self) -> DuplicateKey | None:
        """The key of a product of this SKU and photo that has no view: the photo was given to its
        row by hand, or named by a cell, so that it may come again under any view."""
        if self.sku is None or self.sha256 is None:
            return None
        return ("sha256", self.sha256, "sku", self.sku, "")

    def name_of_view(self) -> str | None:
        """The file's name, if that names the view: `A-1_front.jpg`. A product may have such a name
        and no view, or only a number: the cell of a spreadsheet named the file."""
        view = view_of_file(self.filename, self.sku)
        if view is None or view.isdecimal():
            return None
        is_free = self.view is None or self.view.isdecimal()
        return (
            caseless(self.filename or "")
            if is_free or view_key(self.view) == view_key(view)
            else None
        )


#: The columns of an identity, in the order of its fields.
_FIELDS: Final = ("raw_sha256", "raw_image", "sku", "view", "name", "filename", "category")


def identity_of(row: Mapping[str, Any]) -> Identity:
    """The identity of a row of `products`."""
    return Identity(*(row[name] for name in _FIELDS))


def note_upload(database: Database, name: str, sha256: str) -> None:
    """Save the digest of a new upload's bytes.

    A power cut may lose it: then the same photo may become a product again.
    """
    with database.write(lasting=False) as session:
        session.add(Upload(name=name, sha256=sha256))


def forget_uploads(database: Database, names: Collection[str]) -> None:
    """Delete the digests of uploads whose objects are removed."""
    if names:
        with database.write(lasting=False) as session:
            session.execute(delete(Upload).where(Upload.name.in_(names)))


def look_for_duplicates(database: Database, photos: Sequence[Identity]) -> dict[int, int]:
    """`find_duplicates` for photos that are not uploaded yet."""
    with database.read() as session:
        return find_duplicates(session, photos)


def find_elsewhere(
    database: Database, photos: Sequence[Identity], found: Collection[int]
) -> dict[int, tuple[int, Identity]]:
    """Index in `photos` -> the oldest product, not failed, that has the same bytes under another
    SKU or view, as after a corrected SKU; without those `found` by `look_for_duplicates`."""
    others = {index: photo for index, photo in enumerate(photos) if index not in found}
    with database.read() as session:
        oldest: dict[str | None, tuple[int, Identity]] = {}
        for product_id, identity in sorted(
            _by_digest(session, list(others.values())), key=itemgetter(0)
        ):
            oldest.setdefault(identity.sha256, (product_id, identity))
    return {
        index: oldest[photo.sha256] for index, photo in others.items() if photo.sha256 in oldest
    }


def digests_of_uploads(session: Session, raw_images: Collection[str]) -> dict[str, str]:
    """raw_image -> SHA-256 of the uploaded bytes, for those that are uploads."""
    names = {raw_image: name_of_upload(raw_image) for raw_image in raw_images}
    wanted = {name for name in names.values() if name is not None}
    if not wanted:
        return {}
    found = select(Upload.name, Upload.sha256).where(Upload.name.in_(wanted))
    known = {name: sha256 for name, sha256 in session.execute(found)}  # noqa: C416
    return {raw: known[name] for raw, name in names.items() if name in known}


def lock_duplicates(session: Session) -> None:
    """Keep other requests from looking for duplicates until the commit.

    Two simultaneous requests with the same photo would both find none.
    """
    locks.hold_lock(session.connection(), locks.DUPLICATES)


def find_duplicates(session: Session, photos: Sequence[Identity]) -> dict[int, int]:
    """Index in `photos` -> the id of the oldest product, not failed, with the same photo."""
    known: dict[DuplicateKey, int] = {}
    for product_id, identity in (*_by_digest(session, photos), *_by_address(session, photos)):
        for key in identity.duplicate_keys():
            known[key] = min(known.get(key, product_id), product_id)
    found = {index: _product_of(photo, known) for index, photo in enumerate(photos)}
    return {index: product_id for index, product_id in found.items() if product_id is not None}


def _product_of(photo: Identity, known: Mapping[DuplicateKey, int]) -> int | None:
    same = [known[key] for key in photo.duplicate_keys() if key in known]
    return min(same) if same else known.get(photo.key_without_view() or ())


def find_sent_again(session: Session, failed: Product) -> int | None:
    """The id of a later product, not failed, with the same photo."""
    photo = identity_of({name: getattr(failed, name) for name in _FIELDS})
    same = find_duplicates(session, [photo]).get(0)
    return same if same is not None and same > failed.id else None


def find_repeated(photos: Sequence[Identity]) -> dict[int, int]:
    """Index -> the first index with the same photo, for those that are not the first."""
    first: dict[DuplicateKey, int] = {}
    repeated: dict[int, int] = {}
    for index, photo in enumerate(photos):
        before = [first[key] for key in photo.duplicate_keys() if key in first]
        if before:
            repeated[index] = min(before)
        for key in photo.duplicate_keys():
            first.setdefault(key, repeated.get(index, index))
    return repeated


def others_of_sku(session: Session, product_id: int, sku: str | None) -> Sequence[Product]:
    """The other products with this SKU that have not failed, oldest first."""
    if sku is None:
        return ()
    of_sku = select(Product).where(
        Product.sku == sku, Product.id != product_id, Product.status != FAILED
    )
    return session.scalars(of_sku.order_by(Product.id)).all()


@dataclass(frozen=True)
class TakenView:
    """A product that has the SKU and view of a photo, and another photo."""

    product_id: int
    sku: str
    view: str | None
    status: str
    version: int


def find_taken_views(
    database: Database, photos: Sequence[Identity], found: Mapping[int, int]
) -> dict[int, TakenView]:
    """Index in `photos` -> the oldest such product that has not failed: one whose photo had the
    same name, see `name_of_view`, and best the same view, too; else one with the same view. Not a
    product that another of the photos has, by `found` of `look_for_duplicates`: they are given as
    different pictures."""
    others = {index: photo for index, photo in enumerate(photos) if index not in found}
    by_name: dict[tuple[str, ...], TakenView] = {}
    by_view: dict[tuple[str, str], TakenView] = {}
    with database.read() as session:
        for row in session.execute(_of_skus(others.values(), set(found.values()))):
            same = TakenView(row.id, row.sku, row.view, row.status, row.version)
            product = Identity(None, None, row.sku, row.view, filename=row.filename)
            for name in _names_of_view(product):
                by_name.setdefault(name, same)
            by_view.setdefault((same.sku, view_key(same.view)), same)
    named = {
        index: by_name[names[0]]
        for index, photo in others.items()
        if (names := [name for name in _names_of_view(photo) if name in by_name])
    }
    taken = {same.product_id for same in named.values()}
    keys = {index: (photo.sku or "", view_key(photo.view)) for index, photo in others.items()}
    of_view = {
        index: by_view[key]
        for index, key in keys.items()
        if key in by_view and by_view[key].product_id not in taken
    }
    return of_view | named


def _names_of_view(photo: Identity) -> Sequence[tuple[str, ...]]:
    """Its SKU and `name_of_view` with its view, and without: two folders may have one name."""
    name = photo.name_of_view()
    if photo.sku is None or name is None:
        return ()
    return (photo.sku, name, view_key(photo.view)), (photo.sku, name)


def _of_skus(photos: Iterable[Identity], without: Collection[int]) -> Select[Any]:
    """The products of the photos' SKUs, oldest first, that have a photo whose bytes are known:
    another one may be the same."""
    columns = ("id", "sku", "view", "filename", "status", "version")
    return (
        select(*(getattr(Product, name) for name in columns))
        .where(
            Product.sku.in_({photo.sku for photo in photos if photo.sku is not None}),
            Product.id.not_in(without),
            Product.status != FAILED,
            Product.raw_sha256.is_not(None),
        )
        .order_by(Product.id)
    )


#: The fields in which a row may differ from the product that has its photo.
COMPARED: Final = (*OF_SKU, "attributes")


def find_differences(
    database: Database, found: Mapping[int, int], rows: Sequence[Mapping[str, Any]]
) -> dict[int, dict[str, Any]]:
    """Index -> the fields in which the row differs from its product, with the product's values.

    A field that is not in the row does not differ, nor does a category that nobody named.
    """
    query = select(Product.id, *(getattr(Product, name) for name in COMPARED))
    with database.read() as session:
        chosen = query.where(Product.id.in_(set(found.values())))
        kept = {row.id: row._mapping for row in session.execute(chosen)} if found else {}
    return {
        index: {
            name: kept[product_id][name]
            for name in COMPARED
            if rows[index].get(name) not in (None, kept[product_id][name])
            and (name, rows[index][name]) != ("category", DEFAULT_CATEGORY)
        }
        for index, product_id in found.items()
        if product_id in kept
    }


def _by_digest(session: Session, photos: Sequence[Identity]) -> Iterator[tuple[int, Identity]]:
    """One product of each SKU, view and names, for one photo may have made many."""
    digests = {photo.sha256 for photo in photos if photo.sha256 is not None}
    if not digests:
        return
    same = [getattr(Product, name) for name in _FIELDS if name != "raw_image"]
    oldest = select(func.min(Product.id), *same).group_by(*same)
    oldest = oldest.where(Product.raw_sha256.in_(digests), Product.status != FAILED)
    for product_id, sha256, *names in session.execute(oldest):
        yield product_id, Identity(sha256, None, *names)


def _by_address(session: Session, photos: Sequence[Identity]) -> Iterator[tuple[int, Identity]]:
    skus = {photo.sku for photo in photos if photo.raw_image is not None and photo.sku is not None}
    addresses = {photo.raw_image for photo in photos if photo.raw_image is not None}
    if not skus:
        return
    columns = (getattr(Product, name) for name in _FIELDS)
    same = select(Product.id, *columns).where(
        Product.sku.in_(skus), Product.raw_image.in_(addresses), Product.status != FAILED
    )
    for product_id, _, *names in session.execute(same):
        yield product_id, Identity(None, *names)
