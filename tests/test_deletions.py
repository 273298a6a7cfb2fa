"""Deleting removes everything of the product, and nothing else."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from conftest import only_sqlite
from servers.aws import Aws
from servers.ports import wait_until
from servers.tcp_proxy import TcpProxy
from sqlalchemy import func, select, update
from support.fakes import FakeEnhancer, photo_bytes
from support.objects import objects, store, with_photo
from support.shop import Shop

from packshot.database.models import Deletion, Product
from packshot.database.tables import bring_to_head
from packshot.database.types import now
from packshot.products.deletions import REMOVALS, needed_uploads
from packshot.products.lookup import Editor
from packshot.products.object_keys import (
    keys_of_product,
    names_in,
    normalised_key,
    with_previews,
)
from packshot.serving.worker import make_upkeep
from packshot.storage import Storage
from packshot.work import pipeline
from packshot.work.claiming.claim import Claim
from packshot.work.worker import Worker

NAME = "5f3a1c9e-70bd-4d0e-9a61-3e2f8b7c4d10"


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(database_url, tmp_path / "media")
    yield shop
    shop.close()


def on_bucket(url: str, folder: Path, bucket: str, **settings: str) -> Shop:
    return Shop(url, folder, s3_bucket=bucket, aws_region="us-east-1", **settings)


def delete(shop: Shop, product_id: int) -> None:
    assert shop.ask("DELETE", f"/api/products/{product_id}").status_code == 200


def upload(shop: Shop, name: str = NAME) -> list[str]:
    return store(shop, f"uploads/{name}")


# -- nothing of another's --------------------------------------------------------------------------


def test_of_two_databases_on_one_bucket_each_deletes_its_own(
    sqlite_url: str, tmp_path: Path, aws: Aws
) -> None:
    """Also what is found after a restored backup: another product once had the same id."""
    bucket = aws.bucket()
    other_url = f"sqlite:///{tmp_path}/other.db"
    bring_to_head(other_url)
    ours, theirs = (on_bucket(url, tmp_path, bucket) for url in (sqlite_url, other_url))
    product_id, _, _ = with_photo(theirs)
    before = objects(theirs)
    assert with_photo(ours)[0] == product_id
    delete(ours, product_id)
    assert objects(theirs) == before
    delete(theirs, product_id)
    assert objects(theirs) == set()
    ours.close()
    theirs.close()


def test_deleting_a_product_keeps_foreign_objects(shop: Shop) -> None:
    storage = shop.services.storage
    product_id, _, _ = with_photo(shop, "/media/uploads/phone.jpg")
    strange = [f"enhanced/{product_id}/shoe.jpg", "uploads/phone.jpg", f"uploads/{NAME}/a.jpg"]
    for key in strange:
        storage.put(key, b"theirs", "image/jpeg")
    delete(shop, product_id)
    assert objects(shop) == set(strange)


BUCKET = "shop-pictures"
CDN = "https://cdn.example.com/shop"
KEY = f"uploads/{NAME}"
ENCODED = "".join(f"%{ord(each):02X}" for each in KEY)
#: Every way to write one upload, and whether it is certain that it is ours.
SPELLINGS = {
    f"/media/{KEY}": True,
    f"/media/uploads%2F{NAME}": True,
    f"/media/uploads/%{ord(NAME[0]):x}{NAME[1:]}": True,
    f"/media/{ENCODED}": True,
    f"s3://{BUCKET}/{KEY}": True,
    f"{CDN}/{KEY}": True,
    f"{CDN}/{KEY}?width=400#top": True,
    f"https://CDN.example.com:443/shop/{KEY}": True,
    f"https://{BUCKET}.s3.us-east-1.amazonaws.com/{KEY}": True,
    f"https://{BUCKET}.s3.amazonaws.com/{KEY}": True,
    f"http://{BUCKET}.s3.us-east-1.amazonaws.com/{KEY}": True,
    f"https://{BUCKET}.s3-us-east-1.amazonaws.com/{KEY}": True,
    f"https://{BUCKET}.s3.dualstack.us-east-1.amazonaws.com/{KEY}": True,
    f"https://{BUCKET}.s3-accelerate.amazonaws.com/{KEY}": True,
    f"https://s3.us-east-1.amazonaws.com/{BUCKET}/{KEY}": True,
    f"https://s3.amazonaws.com/{BUCKET}/{ENCODED}": True,
    f"https://{BUCKET}.S3.US-EAST-1.AmazonAWS.com/{KEY}": True,
    f"https://{BUCKET}.s3.us-east-1.amazonaws.com:443/{KEY}": True,
    f"https://{BUCKET}.s3.us-east-1.amazonaws.com./{KEY}": True,
    f"https://{BUCKET}.s3.us-east-1.amazonaws.com/{KEY}?X-Amz-Signature=ab&versionId=3": True,
    f"HTTPS://{BUCKET}.s3.us-east-1.amazonaws.com/{KEY}": True,
    f"https://shop.example.com/media/{KEY}": False,
    f"http://localhost:5000/media/{KEY}?size=1600": False,
    f"https://SHOP.example.com./media//{KEY}": False,
    f"https://old-cdn.example.com/{KEY.upper()}": False,
    f"https://images.example.com/resize?from={quote(quote(KEY, safe=''), safe='')}": False,
}


def test_an_upload_is_deleted_when_no_product_names_it_in_any_spelling(
    sqlite_url: str, tmp_path: Path, aws: Aws
) -> None:
    bucket = aws.bucket()
    settings = {"s3_bucket": bucket, "aws_region": "us-east-1", "public_media_url": CDN}
    shop = Shop(sqlite_url, tmp_path / "media", **settings)
    spellings = {each.replace(BUCKET, bucket): ours for each, ours in SPELLINGS.items()}
    spellings[f"{aws.endpoint}/{bucket}/{KEY}"] = True
    wrong = []
    for spelling, is_ours in spellings.items():
        upload(shop)
        plain, odd = (create(shop, each) for each in (f"/media/{KEY}", spelling))
        delete(shop, plain)
        if not set(with_previews(KEY)) <= objects(shop):
            wrong.append(f"taken from {spelling}")
        delete(shop, odd)
        if (objects(shop) == set()) != is_ours:
            wrong.append(f"{'left' if is_ours else 'taken'} by {spelling}")
    assert not wrong
    shop.close()


def create(shop: Shop, raw_image: str) -> int:
    return shop.create({"category": "a", "raw_image": raw_image, "mrp": 2, "price": 1})[0]


def test_addresses_without_its_name_do_not_keep_an_upload(shop: Shop) -> None:
    upload(shop)
    product_id = create(shop, f"/media/{KEY}")
    create(shop, f"/media/uploads/{uuid.uuid4()}")
    create(shop, "https://example.com/a%20photo%3F%25.jpg")
    delete(shop, product_id)
    assert objects(shop) == set()


def test_an_upload_is_needed_while_a_product_waits_for_work(shop: Shop) -> None:
    upload(shop)
    first, second = (create(shop, f"/media/{KEY}") for _ in range(2))
    with shop.services.database.write() as session:
        session.execute(update(Product).where(Product.id == second).values(raw_removed_at=now()))
    delete(shop, first)
    assert KEY in objects(shop)
    delete(shop, second)
    assert objects(shop) == set()


def test_many_uploads_are_looked_for_as_one(shop: Shop) -> None:
    """Pruning asks for a page of them at a time."""
    names = {str(uuid.uuid4()) for _ in range(20)}
    needed = set(sorted(names)[:3])
    for name in needed:
        create(shop, f"https://shop.example.com/media/uploads%2F{name}?a=b")
    with shop.services.database.read() as session:
        assert needed_uploads(session, names) == needed


def test_names_are_found_however_deep_they_are_encoded() -> None:
    address = KEY
    for _ in range(3):
        assert names_in(f"https://example.com/?from={address}") == {NAME}
        address = quote(address, safe="").replace("-", "%2D")


# -- all of its own --------------------------------------------------------------------------------


class Paused(FakeEnhancer):
    """Waits with each picture until it is let go on."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Semaphore(0), threading.Event()
        super().__init__(plan=self._wait, parallel=True)

    def _wait(self, kind: str, variant: int | None) -> None:
        if kind == "picture":
            self.begun.release()
            assert self.go_on.wait(30)


def worker_of(shop: Shop, enhancer: FakeEnhancer, concurrency: int = 4) -> Worker:
    parts = replace(
        shop.services.parts, enhancer=enhancer, read_raw=lambda raw_image: photo_bytes()
    )
    return Worker(parts, shop.services.queue, concurrency)


def test_a_delete_while_the_product_is_worked_on_leaves_no_object(shop: Shop) -> None:
    enhancer = Paused()
    worker = worker_of(shop, enhancer)
    ids = [create(shop, "https://example.com/a.jpg") for _ in range(4)]
    worker.start()
    for _ in range(3 * len(ids)):
        assert enhancer.begun.acquire(timeout=30)
    assert len(objects(shop)) == 3 * len(ids)  # the copies and their previews
    for product_id in ids:
        delete(shop, product_id)
    enhancer.go_on.set()
    wait_until(lambda: not worker.slots.jobs)
    assert objects(shop) == set()
    worker.stop(10)


def test_a_worker_that_lost_its_product_to_another_removes_nothing(shop: Shop) -> None:
    product_id = create(shop, "https://example.com/a.jpg")
    claim = shop.services.parts.claims.claim_next()
    assert isinstance(claim, Claim)
    store(shop, normalised_key(claim.namespace, product_id))
    before = objects(shop)
    shop.services.deletions.delete_late_objects(
        product_id, claim.namespace, claim.round, claim.wanted
    )
    assert objects(shop) == before


def be_due(shop: Shop) -> None:
    with shop.services.database.write() as session:
        session.execute(update(Deletion).values(not_before=now(-1)))


def deletions(shop: Shop) -> int:
    with shop.services.database.read() as session:
        return session.scalar(select(func.count(Deletion.id))) or 0


def test_what_a_killed_worker_stored_late_is_removed(shop: Shop) -> None:
    """Its process is gone, but the store finished its request."""
    product_id = create(shop, "https://example.com/a.jpg")
    claim = shop.services.parts.claims.claim_next()
    assert isinstance(claim, Claim)
    delete(shop, product_id)
    late = list(keys_of_product(claim.namespace, product_id, 1, 3))
    for _ in range(REMOVALS - 1):
        for key in late:
            shop.services.storage.put(key, b"late", "image/jpeg")
        shop.services.deletions.remove_due()  # not yet
        assert objects(shop) == set(late)
        be_due(shop)
        shop.services.deletions.remove_due()
        assert objects(shop) == set()
    assert deletions(shop) == 0


def test_a_worker_deletes_late_objects(shop: Shop) -> None:
    upload(shop)
    delete(shop, create(shop, f"/media/{KEY}"))
    upload(shop)
    be_due(shop)
    services = shop.services
    worker = Worker(services.parts, services.queue, 1, make_upkeep(services))
    worker.start()
    wait_until(lambda: not objects(shop))
    worker.stop(10)


def test_what_can_not_be_removed_now_is_removed_later(
    sqlite_url: str, tmp_path: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TcpProxy(("127.0.0.1", aws.port)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        shop = on_bucket(sqlite_url, tmp_path, aws.bucket())
        product_id, _, _ = with_photo(shop)
        before = objects(shop)
        proxy.mode = "refuse"
        delete(shop, product_id)
        assert shop.ask("GET", f"/api/products/{product_id}").status_code == 404
        proxy.mode = "pass"
        assert objects(shop) == before
        be_due(shop)
        shop.services.deletions.remove_due()
        assert objects(shop) == set()
        shop.close()


class Recorder:
    """A storage that notes what is stored in it."""

    def __init__(self, storage: Storage) -> None:
        self.storage, self.stored = storage, set[str]()

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self.stored.add(key)
        self.storage.put(key, data, content_type)

    def put_new(self, key: str, data: bytes, content_type: str) -> bool:
        self.stored.add(key)
        return self.storage.put_new(key, data, content_type)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.storage, name)


@only_sqlite
def test_every_object_of_a_product_has_a_key_that_is_known(shop: Shop) -> None:
    """`keys_of_product` must name everything that the pipeline stores in two rounds."""
    recorder = Recorder(shop.services.storage)
    parts = replace(
        shop.services.parts,
        enhancer=FakeEnhancer(),
        storage=recorder,
        read_raw=lambda raw_image: photo_bytes(),
    )
    product_id = create(shop, "https://example.com/a.jpg")
    for _ in range(2):  # rounds
        claim = parts.claims.claim_next()
        assert isinstance(claim, Claim)
        pipeline.run(claim, parts)
        shop.services.catalog.review(product_id, "rejected", who="ann")
        shop.services.catalog.enhance(product_id, by=Editor("ann"), instructions="brighter")
        namespace = claim.namespace
    assert recorder.stored <= set(keys_of_product(namespace, product_id, rounds=2, variants=3))
    delete(shop, product_id)
    assert objects(shop) == set()
