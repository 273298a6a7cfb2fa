"""A store that gives other bytes than were stored: nothing is paid for or made of them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from conftest import only_sqlite
from servers.aws import CREDENTIALS, REGION, Aws
from servers.canned_aws import Answer, CannedAws
from sqlalchemy import delete, update
from support.fakes import FakeEnhancer, photo_bytes
from support.products import BOX, LEASE, taken

from packshot.database.engine import Database
from packshot.database.models import Product, ProductImage, Round
from packshot.database.types import now
from packshot.errors import PartlyUnavailable, Unavailable
from packshot.pictures import imaging
from packshot.pictures.child_processes import Pixels
from packshot.products.catalog import Catalog
from packshot.products.lookup import Editor
from packshot.queues.database import DatabaseQueue
from packshot.storage import LocalStorage, S3Storage, Storage
from packshot.storage.digests import check_digest, seal, sha256_of, unseal
from packshot.work import pipeline
from packshot.work.claiming.claims import Claims
from packshot.work.keep_trying import KeepTrying
from packshot.work.making.parts import Parts

Change = Callable[[bytes], bytes]
CHANGES: dict[str, Change] = {
    "one bit": lambda data: data[:-100] + bytes([data[-100] ^ 1]) + data[-99:],
    "cut short": lambda data: data[: len(data) // 2],
    "another picture": lambda data: photo_bytes(99),
    "a page": lambda data: b"<html>sign in</html>",
    "nothing": lambda data: b"",
}


@pytest.fixture(scope="module")
def pixels() -> Iterator[Pixels]:
    pixels = Pixels()
    yield pixels
    pixels.close()


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return LocalStorage(tmp_path / "media")
    aws: Aws = request.getfixturevalue("aws")
    return S3Storage(aws.bucket(), REGION)


class Shop:
    """One product of three pictures, whose attempts a test ends where it wants to."""

    def __init__(self, database: Database, storage: Storage, pixels: Pixels) -> None:
        self.database, self.storage = database, storage
        self.enhancer = FakeEnhancer()
        self.parts = Parts(
            claims=Claims(database, LEASE, wanted=3),
            read_raw=lambda url: photo_bytes(),
            storage=storage,
            pixels=pixels,
            enhancer=self.enhancer,
            output=imaging.OutputSpec(aspect="1:1"),
            keep_trying=KeepTrying(0),
        )
        self.catalog = Catalog(database, DatabaseQueue(database), wanted=3)
        self.product_id = self.catalog.create([BOX]).products[0].id

    def run(self) -> None:
        self.set(lease_until=now(-1))  # the last attempt's process is gone
        pipeline.run(taken(self.parts.claims, self.product_id), self.parts)

    def run_until_unavailable(self, kind: str, variant: int | None = None) -> None:
        """An attempt that ends before this call is answered."""

        def plan(asked: str, number: int | None) -> None:
            if (asked, number) == (kind, variant):
                raise Unavailable("away")

        self.enhancer.plan = plan
        with pytest.raises(Unavailable, match="away"):
            self.run()
        self.enhancer.plan = lambda kind, variant: None

    def set(self, **values: object) -> None:
        with self.database.write() as session:
            session.execute(update(Product).values(**values))

    def change(self, prefix: str, change: Change) -> Callable[[], None]:
        """Change every object below it; what is returned restores them."""
        before = {key: self.storage.get(key) for key in self.storage.list(prefix)}
        assert before
        for key, data in before.items():
            self.storage.put(key, change(data), "image/jpeg")

        def restore() -> None:
            for key, data in before.items():
                self.storage.put(key, data, "image/jpeg")

        return restore

    def paid(self) -> int:
        return sum(self.enhancer.asked.values())

    def refuses(self, prefix: str) -> None:
        """The next attempt waits, names the object, and pays for nothing."""
        paid = self.paid()
        with pytest.raises(PartlyUnavailable, match=f"other bytes under {prefix}") as caught:
            self.run()
        assert (caught.value.code, self.paid()) == ("other_bytes", paid)

    def is_done(self, paid: int) -> None:
        self.run()
        product = self.catalog.product(self.product_id)
        assert (product.status, len(product.images)) == ("pending_review", 3)
        assert self.paid() == paid
        for image in product.images:
            data = self.storage.get(f"enhanced{(image.media_url or '').partition('/enhanced')[2]}")
            assert sha256_of(data) == image.sha256


@pytest.fixture
def shop(database: Database, storage: Storage, pixels: Pixels) -> Shop:
    return Shop(database, storage, pixels)


@only_sqlite
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_normalised_copy_is_not_analysed(shop: Shop, change: Change) -> None:
    shop.run_until_unavailable("analysis")
    restore = shop.change("normalised/", change)
    shop.refuses("normalised/")
    restore()
    shop.is_done(paid=5)  # with the call that was not answered


@only_sqlite
def test_another_normalised_copy_makes_no_picture_and_no_redo(shop: Shop) -> None:
    shop.run_until_unavailable("picture", 1)
    restore = shop.change("normalised/", CHANGES["another picture"])
    shop.refuses("normalised/")
    restore()
    shop.is_done(paid=5)
    shop.catalog.enhance(shop.product_id, by=Editor("boss"), instructions="warmer")
    restore = shop.change("normalised/", CHANGES["one bit"])
    shop.refuses("normalised/")
    restore()
    shop.is_done(paid=9)


@only_sqlite
def test_a_normalised_copy_of_an_older_version_is_noted_when_it_is_read(shop: Shop) -> None:
    shop.run_until_unavailable("analysis")
    shop.set(normalised_sha256=None)
    shop.run_until_unavailable("analysis")
    shop.change("normalised/", CHANGES["one bit"])
    shop.refuses("normalised/")


class LostAnswers:
    """A store that stores, but whose answers do not arrive."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> object:
        return getattr(self._storage, name)

    def put_new(self, key: str, data: bytes, content_type: str) -> bool:
        self._storage.put_new(key, data, content_type)
        raise Unavailable("its answer was lost")


@only_sqlite
def test_a_copy_that_is_made_again_of_a_changed_photo_is_used_after_a_lost_answer(
    shop: Shop,
) -> None:
    shop.run_until_unavailable("analysis")
    shop.storage.delete(list(shop.storage.list("normalised/")))
    good = shop.parts
    lost = cast(Storage, LostAnswers(shop.storage))
    shop.parts = replace(good, read_raw=lambda url: photo_bytes(99), storage=lost)
    with pytest.raises(Unavailable, match="lost"):
        shop.run()
    shop.parts = good
    shop.is_done(paid=5)


class StoredMeanwhile:
    """A store in which another worker stores a copy of the same product first."""

    def __init__(self, storage: Storage, other: bytes) -> None:
        self._storage, self._other = storage, other

    def __getattr__(self, name: str) -> object:
        return getattr(self._storage, name)

    def put_new(self, key: str, data: bytes, content_type: str) -> bool:
        if key.startswith("normalised/"):
            self._storage.put(key, self._other, content_type)
        return self._storage.put_new(key, data, content_type)


@only_sqlite
def test_a_copy_that_another_worker_stored_first_is_used(shop: Shop) -> None:
    good = shop.parts
    slow = cast(Storage, StoredMeanwhile(shop.storage, photo_bytes(99)))
    shop.parts = replace(good, storage=slow)
    shop.run_until_unavailable("analysis")
    shop.parts = good
    shop.is_done(paid=5)


class NoPictures:
    """A store that refuses enhanced pictures, so that paid answers stay."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> object:
        return getattr(self._storage, name)

    def put_new(self, key: str, data: bytes, content_type: str) -> bool:
        if key.startswith("enhanced/"):
            raise Unavailable("no space left")
        return self._storage.put_new(key, data, content_type)


def keep_answers(shop: Shop) -> None:
    """End an attempt with all three answers paid for, and no picture stored."""
    whole = shop.parts
    shop.enhancer.parallel = True
    full = NoPictures(shop.storage)
    shop.parts = replace(whole, storage=full)  # type: ignore[arg-type]
    with pytest.raises(Unavailable, match="no space"):
        shop.run()
    shop.parts = whole
    assert len(list(shop.storage.list("answers/"))) == 3


@only_sqlite
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_answer_is_not_used_as_the_paid_one(shop: Shop, change: Change) -> None:
    keep_answers(shop)
    restore = shop.change("answers/", change)
    shop.refuses("answers/")
    assert list(shop.storage.list("enhanced/")) == []
    restore()
    shop.is_done(paid=4)


@only_sqlite
def test_the_answer_of_another_variant_is_not_used(shop: Shop) -> None:
    keep_answers(shop)
    [first, second, third] = shop.storage.list("answers/")
    answers = [shop.storage.get(key) for key in (second, third, first)]
    for key, data in zip((first, second, third), answers, strict=True):
        shop.storage.put(key, data, "image/jpeg")
    shop.refuses("answers/")


@only_sqlite
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_picture_is_not_adopted(shop: Shop, change: Change) -> None:
    shop.run()
    with shop.database.write() as session:
        session.execute(delete(ProductImage).where(ProductImage.variant == 1))
    shop.set(status="pending")
    restore = shop.change("enhanced/", change)
    shop.refuses("enhanced/")
    restore()
    shop.is_done(paid=4)


@only_sqlite
def test_a_picture_that_an_older_version_stored_is_adopted_when_it_is_whole(shop: Shop) -> None:
    shop.run()
    with shop.database.write() as session:
        session.execute(delete(ProductImage))
        session.execute(update(Round).values(digests=None))
    shop.set(status="pending")
    restore = shop.change("enhanced/", CHANGES["cut short"])
    shop.refuses("enhanced/")
    restore()
    shop.is_done(paid=4)


@pytest.mark.parametrize(
    "stored", [b"", b"x", bytes(32), seal("b", b"data"), seal("a", b"data")[1:]]
)
def test_only_what_was_sealed_for_a_key_is_unsealed(stored: bytes) -> None:
    assert unseal("a", seal("a", b"data")) == b"data"
    assert unseal("a", seal("a", b"")) == b""
    with pytest.raises(PartlyUnavailable, match="under a"):
        unseal("a", stored)


def test_a_digest_is_one_of_those_known() -> None:
    check_digest("a", b"data", {sha256_of(b"data"), "other"})
    with pytest.raises(PartlyUnavailable, match="under a"):
        check_digest("a", b"data", set())


def test_a_bucket_whose_bytes_differ_from_its_own_checksum_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    checksum = base64.b64encode(hashlib.sha256(b"stored").digest()).decode()
    with CannedAws(Answer("others", headers={"x-amz-checksum-sha256": checksum})) as server:
        storage = S3Storage("shop", REGION, endpoint_url=server.endpoint)
        with pytest.raises(PartlyUnavailable, match="other bytes under uploads/a"):
            storage.get("uploads/a")
        server.answers = [Answer("stored", headers={"x-amz-checksum-sha256": checksum})]
        assert storage.get("uploads/a") == b"stored"
