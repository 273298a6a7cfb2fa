"""A Gemini call for one view of a SKU carries other views of it, distinguished in words."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import update
from support.fakes import photo_bytes
from support.shop import Json, Shop, row

from packshot.database.models import FAILED, REJECTED, Product
from packshot.database.types import now
from packshot.enhancers.contract import Photo
from packshot.enhancers.gemini.pixels import inspect
from packshot.enhancers.gemini.prices import estimates, expected_cost
from packshot.products.object_keys import normalised_key
from packshot.settings import Settings
from packshot.testing.fake_gemini import FakeGemini
from packshot.work import pipeline
from packshot.work.claiming.claim import Claim
from packshot.work.making.normalised_copy import load_photo
from packshot.work.making.reference_views import find_views, with_other_views

WANTED = 2
DAY = date(2026, 11, 28)


@pytest.fixture(scope="module")
def gemini() -> Iterator[FakeGemini]:
    with FakeGemini(side=256) as fake:
        yield fake


@pytest.fixture
def shop(sqlite_url: str, tmp_path: Path, gemini: FakeGemini) -> Iterator[Shop]:
    gemini.requests.clear()
    shop = Shop(
        sqlite_url,
        tmp_path / "media",
        gemini_api_key="test",
        google_gemini_base_url=gemini.url,
        enhanced_images_count=WANTED,
    )
    yield shop
    shop.close()


def add(shop: Shop, seed: int, **fields: Any) -> int:
    """A waiting product with an upload of this photo."""
    shop.services.storage.put(f"uploads/{seed}", photo_bytes(seed), "image/jpeg")
    given = row(raw_image=f"/media/uploads/{seed}", **{"sku": "A-1"} | fields)
    return shop.create(given)[0]


def take(shop: Shop) -> Claim:
    claim = shop.services.parts.claims.claim_next()
    assert isinstance(claim, Claim)
    return claim


def make(shop: Shop) -> None:
    pipeline.run(take(shop), shop.services.parts)


def normalise(shop: Shop, seed: int, **fields: Any) -> int:
    """A product whose normalised copy is stored, and that waits no more."""
    product_id = add(shop, seed, **fields)
    claim = take(shop)
    load_photo(claim, shop.services.parts)
    change(shop, product_id, status="pending_review", token=None)
    return product_id


def change(shop: Shop, product_id: int, **columns: Any) -> None:
    with shop.services.database.write() as session:
        session.execute(update(Product).where(Product.id == product_id).values(**columns))


def parts_of(request: Json) -> list[Json]:
    [content] = request["contents"]
    return list(content["parts"])


def pictures_in(request: Json) -> list[bytes]:
    blobs = [part["inlineData"]["data"] for part in parts_of(request) if "inlineData" in part]
    return [base64.urlsafe_b64decode(data + "=" * (-len(data) % 4)) for data in blobs]


def words_of(request: Json) -> str:
    return "\n".join(part["text"] for part in parts_of(request) if "text" in part)


def test_each_call_carries_the_views_that_are_stored(shop: Shop, gemini: FakeGemini) -> None:
    add(shop, 1, view="front")
    make(shop)
    first = list(gemini.requests)
    assert [len(pictures_in(request)) for request in first] == [1] * (1 + WANTED)
    assert "other sides" not in words_of(first[0])
    for seed, view in enumerate(("back", "left", "top"), 2):
        add(shop, seed, view=view)
        make(shop)
    last = gemini.requests[-(1 + WANTED) :]
    front = pictures_in(first[0])[0]
    for request in last:
        photo, *others = pictures_in(request)
        assert len(others) == 2, "GEMINI_REFERENCE_VIEWS is 2 by default"
        assert inspect(others[0], front).copied
        assert not inspect(photo, front, others[1:]).copied
        assert '(their names, data: ["front", "back"])' in words_of(request)
        assert "The first picture is the photo" in words_of(request)
    assert "Keep the side of the first picture" in words_of(last[-1])
    assert len(gemini.requests) == 4 * (1 + WANTED)


def test_only_good_views_of_the_same_seller_are_carried(shop: Shop) -> None:
    good = normalise(shop, 1, view="front", submitted_by="ana")
    normalise(shop, 2, view="front", submitted_by="ana")  # another photo of that view
    normalise(shop, 3, view="left", submitted_by="ben")
    normalise(shop, 4, view="top", submitted_by="ana", sku="A-2")
    change(shop, normalise(shop, 5, view="side", submitted_by="ana"), status=FAILED)
    change(shop, normalise(shop, 6, view="inside", submitted_by="ana"), status=REJECTED)
    change(shop, normalise(shop, 7, view="box", submitted_by="ana"), raw_removed_at=now())
    normalise(shop, 9, view="same photo", submitted_by="ana")
    add(shop, 9, view="back", submitted_by="ana")
    claim = take(shop)
    load_photo(claim, shop.services.parts)
    found = find_views(shop.services.database, claim)
    assert [view.view for view in found] == ["front"]
    with shop.services.database.read() as session:
        product = session.get_one(Product, good)
    assert found[0].key == normalised_key(str(product.media_namespace), good)


def test_one_side_in_two_languages_is_one_view(shop: Shop) -> None:
    for seed, view in enumerate(("Vorne", "hinten", "back", "Rückseite"), 1):
        normalise(shop, seed, view=view)
    add(shop, 5, view="front")
    claim = take(shop)
    load_photo(claim, shop.services.parts)
    assert [view.view for view in find_views(shop.services.database, claim)] == ["hinten"]


def test_a_missing_view_is_left_out(shop: Shop) -> None:
    first = normalise(shop, 1, view="front")
    with shop.services.database.read() as session:
        product = session.get_one(Product, first)
    shop.services.storage.delete([normalised_key(str(product.media_namespace), first)])
    add(shop, 2, view="back")
    make(shop)
    assert shop.services.catalog.product(first + 1).status == "pending_review"


@pytest.mark.parametrize("settings", [{"gemini_reference_views": 0}, {"enhancer": "local"}])
def test_unused_views_are_not_read(
    sqlite_url: str, tmp_path: Path, settings: dict[str, Any]
) -> None:
    shop = Shop(sqlite_url, tmp_path / "media", gemini_api_key="test", **settings)
    normalise(shop, 1, view="front")
    add(shop, 2, view="back")
    claim = take(shop)
    photo = Photo(b"", "image/jpeg", 1, 1)
    assert with_other_views(claim, photo, shop.services.parts) is photo
    shop.close()


def test_a_copy_of_another_view_is_no_picture() -> None:
    front, back = photo_bytes(1), photo_bytes(2)
    assert inspect(back, front, [back]).copied
    assert not inspect(back, front).copied


def test_other_views_are_in_the_price() -> None:
    model, image_model = "gemini-3.8-flash", "gemini-nano-banana-2.1"
    for kind, name, size in (("analysis", model, None), ("picture", image_model, "1K")):
        alone, with_two = (expected_cost(kind, name, size, DAY, references=n) for n in (0, 2))
        assert alone is not None and with_two is not None
        assert with_two > alone
    settings = Settings(gemini_api_key=SecretStr("test"))
    plain, more = (estimates(3, settings, DAY, n)[0].total for n in (0, 3))
    assert plain is not None and more is not None
    # three views: an analysis at $0.75 and three pictures at $1.50 a million tokens look at each
    assert more - plain == 3 * 1100 * (Decimal("0.75") + 3 * Decimal("1.50")) / 1_000_000
