"""Another photo of a SKU and view that a product has: it is never made silently."""

from __future__ import annotations

import hashlib
import io
import json
import time
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from servers.loopback import served
from sqlalchemy import select
from support.commands import run_upload as run
from support.fakes import FakeEnhancer, photo_bytes
from support.shop import Json, Shop, becomes, row

from packshot.database.models import Product, ProductImage
from packshot.products.intake.duplicates import note_upload
from packshot.products.lookup import Editor
from packshot.products.object_keys import normalised_key
from packshot.work.worker import Worker

OLD, NEW = photo_bytes(), photo_bytes(side=300)


def uploaded(shop: Shop, photo: bytes) -> str:
    name = str(uuid.uuid4())
    shop.services.storage.put(f"uploads/{name}", photo, "image/jpeg")
    note_upload(shop.services.database, name, hashlib.sha256(photo).hexdigest())
    return f"/media/uploads/{name}"


@pytest.fixture
def worker(shop: Shop) -> Iterator[Worker]:
    services = shop.services
    parts = replace(services.parts, enhancer=FakeEnhancer())
    worker = Worker(parts, services.queue, 1)
    worker.start()
    yield worker
    worker.stop()


def approve(shop: Shop, product: int) -> None:
    """Approve the product's pictures once a worker has made them."""
    deadline = time.monotonic() + 120
    while shop.services.catalog.product(product).status == "pending":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    shop.services.catalog.review(product, "approved", who="ann")


def front(shop: Shop, **fields: str) -> int:
    """A product with the old photo as A-1, front."""
    [product] = shop.create(row(raw_image=uploaded(shop, OLD), sku="A-1", view="front", **fields))
    return product


def approved(shop: Shop) -> int:
    product = front(shop)
    becomes(shop, [product], "approved")
    return product


def replaced(shop: Shop, product: int, photo: bytes = NEW, **more: Any) -> Json:
    body = {"raw_image": uploaded(shop, photo)}
    answer = shop.ask("PUT", f"/api/products/{product}/photo", json=body, **more)
    return dict(answer.get_json()) | {"status": answer.status_code}


def names(shop: Shop) -> dict[str, str]:
    """File in a ZIP -> the SHA-256 of its seller's photo."""
    answer = shop.ask("GET", "/api/export?format=zip")
    manifest = zipfile.ZipFile(io.BytesIO(answer.get_data())).read("manifest.json")
    return {one["file"]: one["raw_sha256"] for one in json.loads(manifest)["pictures"]}


def sha256(photo: bytes) -> str:
    return hashlib.sha256(photo).hexdigest()


@pytest.mark.usefixtures("worker")
def test_a_replaced_photo_keeps_the_product_and_the_names_of_its_pictures(
    shop: Shop, tmp_path: Path
) -> None:
    product = front(shop, name="Mug")
    approve(shop, product)
    before = names(shop)
    assert set(before.values()) == {sha256(OLD)}
    assert replaced(shop, product)["status"] == 200
    with shop.services.database.read() as session:
        found = session.get_one(Product, product)
        assert (found.round, found.photo_since, found.name) == (2, 2, "Mug")
        namespace = str(found.media_namespace)
    approve(shop, product)
    after = names(shop)
    assert (after.keys(), set(after.values())) == (before.keys(), {sha256(NEW)})
    old_copy, new_copy = (
        shop.services.storage.get(normalised_key(namespace, product, since)) for since in (1, 2)
    )
    assert old_copy != new_copy
    history = shop.services.catalog.product(product, all_rounds=True)
    assert {image.round for image in history.images} == {1, 2}
    [line] = shop.services.catalog.corrections(product)
    assert list(line.changes) == ["raw_image"]
    shop.ask("DELETE", f"/api/products/{product}")
    assert not [
        *(tmp_path / "media" / "normalised").rglob("*.jpg"),
        *(tmp_path / "media" / "enhanced").rglob("*.jpg"),
    ]


def test_the_same_photo_changes_nothing(shop: Shop) -> None:
    product = approved(shop)
    assert replaced(shop, product, OLD)["message"] == f"Product {product} has this photo already"
    assert shop.services.catalog.product(product).status == "approved"


def test_a_photo_is_not_replaced_while_its_pictures_are_made(shop: Shop) -> None:
    [product] = shop.create(row(raw_image=uploaded(shop, OLD), sku="A-1"))
    assert replaced(shop, product)["type"] == "/problems/being_made"
    shop.services.catalog.cancel(product, by=Editor("ann"))
    assert replaced(shop, product)["status"] == 200


def test_a_product_that_somebody_changed_meanwhile_keeps_its_photo(shop: Shop) -> None:
    product = approved(shop)
    version = shop.services.catalog.product(product).version
    shop.services.catalog.correct(product, {"name": "Cup"}, by=Editor("ben"))
    answer = replaced(shop, product, headers={"If-Match": f'"{version}"'})
    assert answer["status"] == 412


@pytest.mark.parametrize("how", ["photo", "correction"])
def test_the_upload_of_a_replaced_photo_is_removed(shop: Shop, how: str) -> None:
    old, new = uploaded(shop, OLD), uploaded(shop, NEW)
    first, second = shop.create(row(raw_image=old), row(raw_image=old))
    becomes(shop, [first, second], "failed")

    def replace_in(product: int) -> None:
        path = f"/api/products/{product}"
        method, path = ("PUT", f"{path}/photo") if how == "photo" else ("PATCH", path)
        assert shop.ask(method, path, json={"raw_image": new}).status_code == 200
        shop.services.deletions.remove_due()

    storage = shop.services.storage
    replace_in(first)
    assert all(storage.exists(one.removeprefix("/media/")) for one in (old, new))
    replace_in(second)
    assert not storage.exists(old.removeprefix("/media/"))
    assert storage.exists(new.removeprefix("/media/"))


def test_no_picture_of_the_old_photo_is_compared_with_the_new_one(shop: Shop) -> None:
    product, _ = shop.reviewable()
    with shop.services.database.write() as session:
        for image in session.scalars(select(ProductImage)):
            image.check_due = image.created_at
    replaced(shop, product)
    with shop.services.database.read() as session:
        assert set(session.scalars(select(ProductImage.check_due))) == {None}


def test_a_photo_whose_sku_and_view_a_product_has_is_found(shop: Shop) -> None:
    product = approved(shop)
    photos = [
        {"sha256": sha256(NEW), "sku": "A-1", "view": "Vorne"},
        {"sha256": sha256(NEW), "sku": "A-1", "view": "back"},
    ]
    found = shop.ask("POST", "/api/products/duplicates", json={"photos": photos}).get_json()
    [same] = found["data"]["same_view"]
    assert (same["index"], same["product_id"], same["view"]) == (0, product, "front")
    photos.append({"sha256": sha256(OLD), "sku": "A-1", "view": "front"})
    found = shop.ask("POST", "/api/products/duplicates", json={"photos": photos}).get_json()
    assert found["data"]["same_view"] == [], "both photos are given: they are two pictures"


@pytest.mark.parametrize("view", [None, "2"])
def test_a_product_without_the_view_of_its_file_name_is_found(
    shop: Shop, tmp_path: Path, view: str | None
) -> None:
    """As from a spreadsheet whose column named the file."""
    given = row(raw_image=uploaded(shop, OLD), sku="A-1", view=view, filename="A-1_front.jpg")
    [product] = shop.create(given)
    becomes(shop, [product], "approved")
    photo = tmp_path / "A-1_Front.jpg"
    main = tmp_path / "A-1.jpg"
    main.write_bytes(photo_bytes(side=320))
    with served(shop.app) as url:
        photo.write_bytes(OLD)
        known = run(photo, "--url", url)
        photo.write_bytes(NEW)
        asked = run(photo, main, "--url", url, "--dry-run")
        update = run(photo, "--update", "--url", url)
    assert "0 products created, nothing refused, 1 photo skipped" in known.output
    assert f"A-1_Front.jpg: photo: product {product} (A-1" in asked.output
    assert "1 of 2 rows looks good" in asked.output, "the other photo is another picture"
    assert "0 products created, 1 photo replaced, nothing refused." in update.output
    with shop.services.database.read() as session:
        assert session.get_one(Product, product).view == view


def test_the_same_file_name_with_another_view_is_another_photo(shop: Shop) -> None:
    for view in ("front", "left"):
        shop.create(
            row(raw_image=uploaded(shop, OLD), sku="A-1", view=view, filename="A-1_front.jpg"),
            row(raw_image=uploaded(shop, OLD), sku="B-2", view=view, filename="1.jpg"),
        )
    photos = [
        {"sha256": sha256(NEW), "sku": "A-1", "view": "back", "filename": "A-1_front.jpg"},
        {"sha256": sha256(NEW), "sku": "B-2", "view": "back", "filename": "1.jpg"},
        {"sha256": sha256(NEW), "sku": "A-1", "view": "back", "filename": "A-1_back.jpg"},
    ]
    found = shop.ask("POST", "/api/products/duplicates", json={"photos": photos}).get_json()
    assert found["data"]["same_view"] == []


def test_of_products_with_one_file_name_the_one_with_the_same_view_is_found(shop: Shop) -> None:
    """As from `red/A-1_front.jpg` and `blue/A-1_front.jpg` in the columns of one row."""
    file = {"sku": "A-1", "filename": "A-1_front.jpg"}
    products = shop.create(
        row(raw_image=uploaded(shop, OLD), view="1", **file),
        row(raw_image=uploaded(shop, photo_bytes(side=320)), view="2", **file),
    )
    photos = [
        {"sha256": sha256(NEW), "view": "2", **file},
        {"sha256": sha256(NEW + b"1"), "view": "1", **file},
    ]
    found = shop.ask("POST", "/api/products/duplicates", json={"photos": photos}).get_json()
    same = {one["index"]: one["product_id"] for one in found["data"]["same_view"]}
    assert same == {0: products[1], 1: products[0]}


def test_the_command_asks_before_it_makes_another_product(shop: Shop, tmp_path: Path) -> None:
    product = approved(shop)
    photo = tmp_path / "A-1_front.jpg"
    photo.write_bytes(NEW)
    words = f"product {product} (A-1, front) has another photo"
    with served(shop.app) as url:
        dry = run(photo, "--dry-run", "--url", url)
        sent = run(photo, "--url", url)
        again = run(photo, "--again", "--url", url)
        to_update = run(photo, "--dry-run", "--update", "--url", url)
        update = run(photo, "--update", "--url", url)
        at_once = run(photo, "--update", "--url", url)
        (tmp_path / "other").mkdir()
        photo = tmp_path / "other" / photo.name
        photo.write_bytes(photo_bytes(side=320))
        made = run(photo, "--update", "--url", url)
        further = run(photo, "--further", "--url", url)
    assert (dry.exit_code, sent.exit_code, again.exit_code) == (1, 1, 1)
    assert all(words in done.output for done in (dry, sent, again, to_update))
    assert "1 replaces a photo" in to_update.output
    assert "0 products created, 1 photo replaced, nothing refused." in update.output
    assert update.exit_code == 0
    assert "1 photo skipped" in at_once.output
    assert "pictures of product 1 are being made" in made.output
    assert made.exit_code == 1
    assert "1 product created" in further.output
