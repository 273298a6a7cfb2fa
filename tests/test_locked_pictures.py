"""Pixel lock in the pipeline: asked for by the setting or a batch; it never costs a picture."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import only_sqlite
from pydantic import SecretStr
from sqlalchemy import update
from support.fakes import FakeEnhancer, photo_bytes
from support.products import taken
from support.shop import Shop, row

from packshot.database.models import Product, ProductImage
from packshot.database.types import now
from packshot.enhancers.contract import Analysis, Brief, Photo
from packshot.errors import PartlyUnavailable, PictureError, Unavailable
from packshot.fidelity.jobs import lock_pixels
from packshot.fidelity.locks import Lock, LockResult, no_lock
from packshot.pictures.arrays import resize
from packshot.pictures.imaging import OutputSpec, encode_to_spec, to_array
from packshot.products.object_keys import keys_of_product, lock_key, made_key, variant_key
from packshot.storage.digests import sha256_of
from packshot.testing.fake_gemini import FakeGemini
from packshot.testing.fake_gemini.painting import BgrPixels, encode
from packshot.testing.fake_gemini.scenes import Scene
from packshot.work import pipeline
from packshot.work.claiming.claim import Claim, ImageRecord
from packshot.work.claiming.claims import Claims
from packshot.work.making.pixel_lock import PixelLock

PIXELS = np.full((1024, 1024, 3), (30, 90, 60), np.uint8)
DONE = Lock(
    locked=True,
    share=0.8812,
    scale=1.0,
    shift=(0.0, 4.0),
    exact=True,
    mean_error=0.6,
    most_error=5.0,
    worst_error=11.0,
    mask_sha256="0" * 64,
)


def locked() -> LockResult:
    return LockResult(
        DONE, encode_to_spec(PIXELS, OutputSpec()), b"as it was made", b"RIFF the mask"
    )


class LockingPixels:
    """Stands in for the pixel processes: locks as a test says, and does everything else here."""

    def __init__(self) -> None:
        self.answer: Callable[[], LockResult] = locked
        self.asked = 0

    def run(self, function: Callable[..., Any], *args: Any, **more: Any) -> Any:
        if function is lock_pixels:
            self.asked += 1
            return self.answer()
        return function(*args)


class GlassEnhancer(FakeEnhancer):
    def analyse(self, photo: Photo, brief: Brief, answer: str | None = None) -> Analysis:
        found = super().analyse(photo, brief, answer)
        return found.model_copy(update={"material": "clear glass"})


class Locking:
    """A shop with a generative enhancer and the lock on; products go through the real pipeline."""

    def __init__(self, shop: Shop, folder: Path) -> None:
        network = folder / "u2netp.onnx"
        with network.open("wb") as file:
            file.truncate(4_574_861)
        self.shop, self.pixels = shop, LockingPixels()
        self.enhancer = FakeEnhancer(name="gemini", made_by_ai=True)
        self.parts = replace(
            shop.services.parts,
            enhancer=self.enhancer,
            read_raw=lambda url: photo_bytes(),
            pixels=self.pixels,  # type: ignore[arg-type]
            locking=PixelLock(True, network),
        )

    def create(self, **batch: Any) -> int:
        body = {"products": [row()]} | batch
        answer = self.shop.ask("POST", "/api/products/bulk", json=body)
        assert answer.status_code == 201, answer.text
        return int(answer.get_json()["data"]["products"][0]["id"])

    def run(self, number: int) -> None:
        pipeline.run(taken(self.parts.claims, number), self.parts)

    def product(self, number: int) -> dict[str, Any]:
        answer = self.shop.ask("GET", f"/api/products/{number}").get_json()
        return dict(answer["data"]["product"])

    def made(self, **batch: Any) -> dict[str, Any]:
        number = self.create(**batch)
        self.run(number)
        return self.product(number)


@pytest.fixture
def locking(database_url: str, tmp_path: Path) -> Iterator[Locking]:
    shop = Shop(database_url, tmp_path / "media", enhanced_images_count=1)
    yield Locking(shop, tmp_path)
    shop.close()


def test_a_locked_picture_is_what_is_stored_shown_counted_and_exported(locking: Locking) -> None:
    product = locking.made()
    [picture] = product["images"]
    lock = picture["pixel_lock"]
    assert (lock["locked"], lock["share"], lock["worst_error"]) == (True, 0.8812, 11.0)
    assert locking.shop.ask("GET", picture["media_url"]).data == locked().finished.data  # type: ignore[union-attr]
    assert locking.shop.ask("GET", lock["mask"]).data == b"RIFF the mask"
    assert locking.shop.ask("GET", lock["made"]).data == b"as it was made"
    assert 'packshot_pixel_locks{result="locked"} 1.0' in locking.shop.ask("GET", "/metrics").text
    locking.shop.services.catalog.review(product["id"], "approved", who="ann")
    lines = locking.shop.ask("GET", "/api/export?format=csv").text.splitlines()
    assert '"lock_code","own_pixels"' in lines[0] and '"locked","0.8812"' in lines[1]
    archive = zipfile.ZipFile(io.BytesIO(locking.shop.ask("GET", "/api/export?format=zip").data))
    [entry] = json.loads(archive.read("manifest.json"))["pictures"]
    assert entry["pixel_lock"]["mask_sha256"] == "0" * 64
    with locking.shop.services.database.read() as session:
        namespace = session.get_one(Product, product["id"]).media_namespace
    key = picture["media_url"].removeprefix("/media/")
    every = set(keys_of_product(namespace or "", product["id"], 1, 1))
    assert {lock_key(key), made_key(key)} <= every  # so that they are deleted with it


@only_sqlite
def test_a_batch_says_whether_it_is_locked_and_a_redo_keeps_that(locking: Locking) -> None:
    wrong = {"products": [row()], "pixel_lock": "perhaps"}
    assert locking.shop.ask("POST", "/api/products/bulk", json=wrong).status_code == 422
    assert locking.made(pixel_lock=False)["images"][0]["pixel_lock"] is None
    locking.parts = replace(locking.parts, locking=replace(locking.parts.locking, on=False))
    assert locking.made()["images"][0]["pixel_lock"] is None
    product = locking.made(pixel_lock=True)
    assert product["pixel_lock"] is True and product["images"][0]["pixel_lock"]["locked"]
    body = {"instructions": "lighter"}
    again = locking.shop.ask("POST", f"/api/products/{product['id']}/enhance", json=body)
    assert again.status_code == 200, again.text
    locking.run(product["id"])
    [picture] = locking.product(product["id"])["images"]
    assert (picture["round"], picture["pixel_lock"]["locked"]) == (2, True)


def refusing() -> LockResult:
    return LockResult(no_lock("turned", {"turned": 2.44}))


def dying() -> LockResult:
    raise PictureError("the child died", code="picture_crashed", retryable=True)


def broken() -> LockResult:
    raise ZeroDivisionError


@only_sqlite
@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (refusing, "turned", "the product was turned by 2.4°"),
        (dying, "failed", "the lock failed; the log says why"),
        (broken, "failed", "the lock failed; the log says why"),
    ],
)
def test_a_picture_that_is_not_locked_stays_as_it_was_made_and_says_why(
    locking: Locking, answer: Callable[[], LockResult], code: str, words: str
) -> None:
    plain = locking.made(pixel_lock=False)["images"][0]
    locking.pixels.answer = answer
    product = locking.made()
    [picture] = product["images"]
    lock = picture["pixel_lock"]
    assert (lock["locked"], lock["code"], lock["words"]) == (False, code, words)
    assert (lock["mask"], product["status"]) == (None, "pending_review")
    sizes = (picture["width"], picture["height"], picture["bytes"] // 1000)
    assert sizes == (plain["width"], plain["height"], plain["bytes"] // 1000)
    assert f'result="{code}"' in locking.shop.ask("GET", "/metrics").text


@only_sqlite
def test_without_the_network_and_for_glass_nothing_is_tried(locking: Locking) -> None:
    glass = GlassEnhancer(name="gemini", made_by_ai=True)
    locking.parts = replace(locking.parts, enhancer=glass)
    assert locking.made()["images"][0]["pixel_lock"]["code"] == "see_through"
    there = locking.parts.locking.network
    locking.parts = replace(locking.parts, enhancer=locking.enhancer)
    there.unlink()
    assert locking.made()["images"][0]["pixel_lock"]["code"] == "no_network"
    assert locking.pixels.asked == 0


@only_sqlite
def test_a_local_picture_is_not_locked_and_the_shop_ending_costs_no_attempt(
    locking: Locking,
) -> None:
    def ending() -> LockResult:
        raise Unavailable("this process ends")

    locking.enhancer.made_by_ai = False
    assert locking.made()["images"][0]["pixel_lock"] is None
    locking.enhancer.made_by_ai = True
    locking.pixels.answer = ending
    number = locking.create()
    with pytest.raises(Unavailable):
        locking.run(number)
    before = sum(locking.enhancer.asked.values())
    locking.pixels.answer = locked
    free(locking)
    locking.run(number)
    assert locking.product(number)["images"][0]["pixel_lock"]["locked"]
    assert sum(locking.enhancer.asked.values()) == before  # its paid answer was kept


@only_sqlite
def test_a_picture_that_was_stored_and_not_recorded_keeps_its_record(locking: Locking) -> None:
    number = locking.create()
    claims = locking.parts.claims
    claim = taken(claims, number)

    class DyingClaims(Claims):
        def record_image(self, claim: Claim, image: ImageRecord) -> None:
            raise KeyboardInterrupt  # as a kill: nothing catches it

    dying = DyingClaims(claims.database, claims.lease_seconds, claims.wanted)
    with pytest.raises(KeyboardInterrupt):
        pipeline.run(claim, replace(locking.parts, claims=dying))
    free(locking)
    locking.run(number)
    [picture] = locking.product(number)["images"]
    assert locking.pixels.asked == 1
    assert picture["pixel_lock"]["share"] == 0.8812
    stored = locking.shop.ask("GET", picture["media_url"]).data
    assert sha256_of(stored) == picture["sha256"]
    with locking.shop.services.database.read() as session:
        assert session.get_one(ProductImage, picture["id"]).lock_code == "locked"


@only_sqlite
def test_a_picture_that_a_late_worker_stored_first_keeps_what_shows_its_lock(
    locking: Locking,
) -> None:
    number = locking.create()
    claims, storage = locking.parts.claims, locking.parts.storage
    late, photo = taken(claims, number), photo_bytes(9)
    claims.announce_picture(late, 0, sha256_of(photo), None, DONE.model_dump(mode="json"))
    free(locking)
    key = variant_key(late.namespace, number, 1, 0)

    def store_late(kind: str, variant: int | None) -> None:
        if variant == 0:
            storage.put(lock_key(key), b"the late mask", "image/webp")
            storage.put(made_key(key), b"the late picture", "image/jpeg")
            assert storage.put_new(key, photo, "image/jpeg")

    locking.enhancer.plan = store_late
    with pytest.raises(PartlyUnavailable):
        locking.run(number)
    free(locking)
    locking.run(number)
    [picture] = locking.product(number)["images"]
    assert picture["sha256"] == sha256_of(photo)
    assert locking.shop.ask("GET", picture["pixel_lock"]["mask"]).data == b"the late mask"
    assert locking.shop.ask("GET", picture["pixel_lock"]["made"]).data == b"the late picture"


def free(locking: Locking) -> None:
    """The process with the claim is gone."""
    with locking.shop.services.database.write() as session:
        session.execute(update(Product).values(lease_until=now(-1)))


SAMPLES = Path(__file__).resolve().parents[1] / "samples"


def faithful(photo: BgrPixels, scene: Scene, aspect: str | None, side: int) -> bytes:
    """The product as it is, on the scene's own ground; a word of its label is another one."""
    mask = to_array((SAMPLES / "masks/bottle-paper.png").read_bytes())[..., 0]
    cover = cv2.resize(mask, photo.shape[1::-1])[..., None] / np.float32(255)
    shown = photo.copy()
    middle = (photo.shape[0] * 3 // 5, photo.shape[1] // 2)
    shown[middle[0] : middle[0] + 20, middle[1] - 30 : middle[1] + 30] = (40, 40, 200)
    mixed = shown * cover + np.array(scene.wall, np.float32) * (1 - cover)
    return encode(resize(mixed.astype(np.uint8), 768, 1024))


@pytest.mark.extra
@only_sqlite
def test_a_batch_of_gemini_is_locked_by_the_real_children(
    database_url: str, tmp_path: Path, network: Path
) -> None:
    """From the bulk request to the desk's data, against the fake Gemini, with the real network."""
    photo = (SAMPLES / "photos/bottle-paper.jpg").read_bytes()
    with FakeGemini(painter=faithful) as gemini:
        shop = Shop(
            database_url,
            tmp_path / "media",
            gemini_api_key=SecretStr("key"),
            google_gemini_base_url=gemini.url,
            enhanced_images_count=1,
            model_dir=network.parent,
        )
        body = {"products": [row()], "pixel_lock": True}
        shop.ask("POST", "/api/products/bulk", json=body)
        parts = replace(shop.services.parts, read_raw=lambda url: photo)
        pipeline.run(taken(parts.claims, 1), parts)
        product = shop.ask("GET", "/api/products/1").get_json()["data"]["product"]
        page = shop.ask("GET", "/").text
        shop.close()
    assert page.count("-lock.webp") == 1
    for picture in product["images"]:
        lock = picture["pixel_lock"]
        assert lock["locked"] and lock["share"] > 0.7 and lock["most_error"] <= 10
        stored = to_array((tmp_path / picture["media_url"].removeprefix("/")).read_bytes())
        red = (stored[..., 0] > 150) & (stored[..., 1] < 90) & (stored[..., 2] < 90)
        assert not red.any()  # the wrong word is gone
