"""Twice is once: the same photo under the same SKU and view."""

from __future__ import annotations

import hashlib
import io
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from servers.photo_host import PhotoHost
from servers.ports import wait_until
from sqlalchemy import func, select, text
from support.fakes import photo_bytes
from support.shop import Json, Shop, row

from packshot.database.models import Product, Upload
from packshot.errors import PictureError
from packshot.pictures import imaging
from packshot.pictures.imaging import OutputSpec
from packshot.pictures.provenance import EDITED, Provenance
from packshot.products.intake.duplicates import lock_duplicates, note_upload
from packshot.products.lookup import Editor
from packshot.products.seller_fields import NewProduct
from packshot.work.claiming.claim import Claim
from packshot.work.making.normalised_copy import load_photo

PHOTO, OTHER = photo_bytes(), photo_bytes(side=300)


@pytest.fixture
def each_shop(database_url: str, tmp_path: Path) -> Iterator[Shop]:
    """On each of the two databases."""
    shop = Shop(database_url, tmp_path / "media")
    yield shop
    shop.close()


def uploaded(shop: Shop, photo: bytes = PHOTO) -> str:
    """As `POST /api/uploads` leaves it, without its child process."""
    name = str(uuid.uuid4())
    shop.services.storage.put(f"uploads/{name}", photo, "image/jpeg")
    note_upload(shop.services.database, name, hashlib.sha256(photo).hexdigest())
    return f"/media/uploads/{name}"


def given(shop: Shop, photo: bytes = PHOTO, **fields: Any) -> Json:
    """A row with a fresh upload of the photo."""
    return row(raw_image=uploaded(shop, photo), **{"sku": "A-1", "view": "front"} | fields)


def skip(shop: Shop, *rows: Json, **more: Any) -> Json:
    answer = shop.bulk(*rows, query="?on_duplicate=skip", **more)
    assert answer.status_code == 201
    return dict(answer.get_json()["data"])


def fail(shop: Shop, product_id: int) -> None:
    assert shop.ask("POST", f"/api/products/{product_id}/cancel").status_code == 200


def normalise(shop: Shop) -> None:
    """What a worker does first with the waiting product."""
    parts = shop.services.parts
    claim = parts.claims.claim_next()
    assert isinstance(claim, Claim)
    load_photo(claim, parts)


def test_a_photo_that_has_a_product_is_skipped_and_the_product_named(shop: Shop) -> None:
    [first] = skip(shop, given(shop))["products"]
    assert first["raw_sha256"] == hashlib.sha256(PHOTO).hexdigest()
    again = shop.bulk(
        given(shop, OTHER), given(shop), query="?on_duplicate=skip&on_error=skip"
    ).get_json()
    assert again["data"]["created"] == 1
    assert again["data"]["total"] == 2
    assert again["data"]["skipped"] == [{"index": 1, "product_id": first["id"]}]
    assert "created 1 products" in again["message"]
    assert "skipped 1" in again["message"]


def test_indexes_count_bad_rows_too(shop: Shop) -> None:
    skip(shop, given(shop))
    query = "?on_duplicate=skip&on_error=skip"
    data = shop.bulk(row(price=-1), given(shop), query=query).get_json()["data"]
    assert [each["index"] for each in data["skipped"]] == [1]
    assert [each["index"] for each in data["errors"]] == [0]


@pytest.mark.parametrize(
    "other", [{"sku": "A-2"}, {"view": "back"}, {"view": None}, {"sku": None}, {"sku": "a-1"}]
)
def test_another_sku_or_view_is_another_product(shop: Shop, other: Json) -> None:
    skip(shop, given(shop))
    assert skip(shop, given(shop, **other))["created"] == 1


def test_a_view_in_other_letters_is_the_same(shop: Shop) -> None:
    [first] = skip(shop, given(shop))["products"]
    data = skip(shop, given(shop, view="Front"))
    assert data["skipped"] == [{"index": 0, "product_id": first["id"]}]


def test_a_product_without_a_view_has_its_photo_under_any_view(shop: Shop) -> None:
    """A photo that was given to its row by hand on the page (`1.jpg`) comes again in its folder
    (`A-1/1.jpg`): it would be paid twice, and be two pictures in the shop."""
    [first, other] = skip(
        shop, given(shop, view=None, filename="1.jpg"), given(shop, OTHER, view="2")
    )["products"]
    data = skip(shop, given(shop, view="1"), given(shop, OTHER, view="3"))
    assert data["skipped"] == [{"index": 0, "product_id": first["id"]}]
    assert data["created"] == 1
    assert skip(shop, given(shop, sku="A-2", view="1"))["created"] == 1
    assert skip(shop, given(shop, OTHER, view="2"))["skipped"] == [
        {"index": 0, "product_id": other["id"]}
    ]


@pytest.mark.parametrize("copy", ["kopie", "copy-2", "Front - Kopie (2)", "front-copie"])
def test_a_copy_by_name_and_bytes_is_the_same(shop: Shop, copy: str) -> None:
    """`A-1 - Kopie.jpg` beside `A-1.jpg` would be paid twice, and be two pictures in the shop."""
    view = "front" if "ront" in copy else None
    data = skip(shop, given(shop, view=view), given(shop, view=copy), given(shop, OTHER, view=copy))
    first = data["products"][0]["id"]
    assert data["skipped"] == [{"index": 1, "product_id": first}]
    assert skip(shop, given(shop, view=copy))["skipped"] == [{"index": 0, "product_id": first}]
    assert skip(shop, given(shop, view="back-copy"))["created"] == (1 if view else 0)


def test_without_a_sku_its_names_say_which_product_it_is(shop: Shop) -> None:
    pan: Json = {"sku": None, "name": "Pan", "filename": "pan.jpg"}
    [first] = skip(shop, given(shop, **pan))["products"]
    others: tuple[Json, ...] = ({"name": "Pot"}, {"filename": "b.jpg"}, {"category": "Pans"}, {})
    data = skip(shop, *(given(shop, **pan | other) for other in others))
    assert data["skipped"] == [{"index": 3, "product_id": first["id"]}]


def test_without_any_name_each_is_a_product_of_its_own(shop: Shop) -> None:
    rows = [given(shop, sku=None) for _ in range(2)]
    assert skip(shop, *rows)["created"] == 2
    assert skip(shop, given(shop, sku=None))["created"] == 1


def test_a_photo_twice_in_one_request_is_made_once(shop: Shop) -> None:
    data = skip(shop, given(shop), given(shop, OTHER), given(shop), given(shop))
    first = data["products"][0]["id"]
    assert data["created"] == 2
    assert data["skipped"] == [{"index": n, "product_id": first} for n in (2, 3)]


def test_the_default_creates_each_row(shop: Shop) -> None:
    data = shop.bulk(given(shop), given(shop)).get_json()["data"]
    assert data["created"] == 2
    assert "skipped" not in data


def test_what_failed_or_was_deleted_does_not_count(shop: Shop) -> None:
    [first] = skip(shop, given(shop))["products"]
    fail(shop, first["id"])
    [second] = skip(shop, given(shop))["products"]
    assert shop.ask("DELETE", f"/api/products/{second['id']}").status_code == 200
    assert skip(shop, given(shop))["created"] == 1


def test_the_same_key_gets_the_same_answer(shop: Shop) -> None:
    skip(shop, given(shop))
    rows, once = (given(shop, OTHER), given(shop)), {"Idempotency-Key": "once"}
    first = skip(shop, *rows, headers=once)
    assert first["skipped"]
    assert skip(shop, *rows, headers=once) == first
    other = shop.bulk(*rows, headers=once)
    assert other.get_json()["type"] == "/problems/idempotency_mismatch"


def test_the_same_address_of_a_sku_is_the_same_until_it_is_fetched(shop: Shop) -> None:
    [first] = skip(shop, row(sku="A-1"))["products"]
    assert first["raw_sha256"] is None
    data = skip(shop, row(sku="A-1"), row(sku="A-2"), row(), row())
    assert data["skipped"] == [{"index": 0, "product_id": first["id"]}]


def test_a_fetched_photo_is_known_by_its_bytes(sqlite_url: str, tmp_path: Path) -> None:
    with PhotoHost({"/a.jpg": PHOTO}) as host:
        shop = Shop(sqlite_url, tmp_path / "media", raw_image_hosts=host.address)
        [first] = skip(shop, row(sku="A-1", view="front", raw_image=host.url("/a.jpg")))["products"]
        normalise(shop)
    assert skip(shop, given(shop))["skipped"] == [{"index": 0, "product_id": first["id"]}]
    shop.close()


def test_a_picture_of_packshot_in_a_shop_is_no_photo(sqlite_url: str, tmp_path: Path) -> None:
    """A shop's own export names the pictures that it got: each would be made again."""
    made = imaging.finish(PHOTO, OutputSpec(), Provenance(EDITED, "local-2")).data
    with PhotoHost({"/a.jpg": made}) as host:
        shop = Shop(sqlite_url, tmp_path / "media", raw_image_hosts=host.address)
        skip(shop, row(sku="A-1", raw_image=host.url("/a.jpg")))
        with pytest.raises(PictureError) as caught:
            normalise(shop)
    assert caught.value.code == "picture_made_here"
    shop.close()


def test_the_digest_of_an_upload_is_that_of_the_photo_as_it_came(shop: Shop) -> None:
    """The worker reads a clean copy, which has another."""
    answer = shop.ask("POST", "/api/uploads", data={"file": (io.BytesIO(PHOTO), "a.jpg")})
    [first] = skip(shop, row(**answer.get_json()["data"]))["products"]
    normalise(shop)
    product = shop.services.catalog.product(first["id"])
    assert product.raw_sha256 == hashlib.sha256(PHOTO).hexdigest()


def test_another_photo_for_a_failed_product_has_its_own_digest(shop: Shop) -> None:
    [first] = skip(shop, given(shop))["products"]
    fail(shop, first["id"])
    change = {"raw_image": uploaded(shop, OTHER)}
    answer = shop.ask("PATCH", f"/api/products/{first['id']}", json=change)
    assert answer.get_json()["data"]["product"]["raw_sha256"] == hashlib.sha256(OTHER).hexdigest()


def test_a_failed_product_whose_photo_was_sent_again_is_not_resumed(shop: Shop) -> None:
    """Both would be paid for."""
    [first] = skip(shop, given(shop))["products"]
    fail(shop, first["id"])
    [second] = skip(shop, given(shop))["products"]
    refused = shop.ask("POST", f"/api/products/{first['id']}/enhance")
    assert (refused.status_code, refused.get_json()["type"]) == (409, "/problems/sent_again")
    assert f"product {second['id']} has it" in refused.get_json()["detail"]
    wish = {"instructions": "From the left."}
    assert shop.ask("POST", f"/api/products/{first['id']}/enhance", json=wish).status_code == 200


@pytest.mark.extra
def test_a_failed_product_is_not_resumed_while_its_photo_is_sent_again(
    postgres_url: str, tmp_path: Path
) -> None:
    """On PostgreSQL the two requests run at the same time."""
    shop = Shop(postgres_url, tmp_path / "media")
    [first] = skip(shop, given(shop))["products"]
    fail(shop, first["id"])
    again, codes = given(shop), []

    def resume() -> None:
        codes.append(shop.ask("POST", f"/api/products/{first['id']}/enhance").status_code)

    thread = threading.Thread(target=resume)
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")

    def has_answered_or_waits() -> bool:
        with shop.services.database.read() as session:
            return bool(session.scalar(waiting)) or bool(codes)

    with shop.services.database.write() as session:
        lock_duplicates(session)  # as the request that sends the photo again does
        thread.start()
        wait_until(has_answered_or_waits)
        known = {"batch_id": None, "status": "pending", "raw_sha256": first["raw_sha256"]}
        session.add(
            Product(**{key: again[key] for key in ("category", "raw_image", "sku", "view")} | known)
        )
    thread.join()
    assert codes == [409]
    shop.close()


def test_a_failed_product_is_resumed_beside_an_earlier_one_or_another_view(shop: Shop) -> None:
    """`--again` made it on purpose."""
    skip(shop, given(shop))
    later = shop.bulk(given(shop)).get_json()["data"]["products"][0]["id"]
    fail(shop, later)
    skip(shop, given(shop, view="back"))
    assert shop.ask("POST", f"/api/products/{later}/enhance").status_code == 200


def test_the_digest_goes_with_the_upload(shop: Shop) -> None:
    [first] = skip(shop, given(shop))["products"]
    shop.ask("DELETE", f"/api/products/{first['id']}")
    with shop.services.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Upload)) == 0


def test_which_photos_need_no_upload(shop: Shop) -> None:
    [first] = skip(shop, given(shop))["products"]
    sha256 = hashlib.sha256(PHOTO).hexdigest()
    views = ("back", "front", "back-copy")
    asked = [{"sha256": sha256, "sku": "A-1", "view": view} for view in views]
    found = shop.ask("POST", "/api/products/duplicates", json={"photos": asked}).get_json()["data"]
    assert found["duplicates"] == [{"index": 1, "product_id": first["id"]}]
    assert found["copies"] == [{"index": 2, "first": 0}]


def test_a_photo_of_another_sku_is_found_by_its_bytes(shop: Shop) -> None:
    """As after a corrected SKU: the old spreadsheet would make the product again."""
    first, _ = skip(shop, given(shop, sku="HOO-WHT"), given(shop, view="back"))["products"]
    shop.services.catalog.correct(first["id"], {"sku": "HOO-WHITE"}, by=Editor("ann"))
    photo = {"sha256": hashlib.sha256(PHOTO).hexdigest()}
    asked = [photo | {"sku": "HOO-WHT", "view": "front"}, photo | {"sku": "A-1", "view": "back"}]
    asked += [{"sha256": "0" * 64}, photo]
    found = shop.ask("POST", "/api/products/duplicates", json={"photos": asked}).get_json()["data"]
    assert [one["index"] for one in found["duplicates"]] == [1]
    other = {"product_id": first["id"], "sku": "HOO-WHITE", "view": "front"}
    assert found["elsewhere"] == [{"index": 0} | other, {"index": 3} | other]


def test_what_a_skipped_row_gives_otherwise_is_named(shop: Shop) -> None:
    """A corrected spreadsheet: its new price is not saved, and the answer says so."""
    old: Json = {"mrp": 2999, "price": 2499, "name": "Pan"}
    [first] = skip(shop, given(shop, **old))["products"]
    data = skip(shop, given(shop, **old | {"price": 1999}), given(shop, **old))
    assert data["skipped"] == [
        {"index": 0, "product_id": first["id"], "differs": {"price": 2499}},
        {"index": 1, "product_id": first["id"]},
    ]
    photo = {"sha256": hashlib.sha256(PHOTO).hexdigest(), "sku": "A-1", "view": "front"}
    asked = [photo | {"price": 2499.0, "name": "Pot", "attributes": {"a": "b"}}, photo]
    answer = shop.ask("POST", "/api/products/duplicates", json={"photos": asked})
    [differing, same] = answer.get_json()["data"]["duplicates"]
    assert differing["differs"] == {"name": "Pan", "attributes": None}
    [nobody_named_one] = skip(shop, given(shop, category="Products"))["skipped"]
    assert "category" not in nobody_named_one["differs"]
    assert "differs" not in same


def test_requests_that_come_together_make_it_once(each_shop: Shop) -> None:
    rows = [given(each_shop) for _ in range(6)]
    with ThreadPoolExecutor(6) as threads:
        made = list(threads.map(lambda one: skip(each_shop, one), rows))
    assert sum(data["created"] for data in made) == 1


def test_a_photo_is_looked_for_in_an_index_however_many_products(each_shop: Shop) -> None:
    """Both kinds of look-up read an index, so a million products cost no more."""
    many = [NewProduct("Mugs", f"https://x.example/{n}", sku=f"S-{n}") for n in range(1000)]
    each_shop.services.catalog.create(many)
    looks = (
        "SELECT min(id) FROM products WHERE raw_sha256 IN ('{}') GROUP BY sku, view, name",
        "SELECT id FROM products WHERE sku IN ('S-1') AND raw_image IN ('https://x.example/1')",
    )
    database = each_shop.services.database
    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    with database.write() as session:
        session.execute(text("ANALYZE products" if not database.is_sqlite else "ANALYZE"))
        for look in looks:
            plan = str(session.execute(text(explain + look.format("0" * 64))).all())
            assert "ix_products_" in plan, plan


def test_a_photo_that_comes_later_takes_the_facts_of_its_sku(shop: Shop) -> None:
    facts = {"name": "Hoodie", "category": "Clothes", "mrp": 50, "price": 40, "gst": 19}
    plain = dict.fromkeys(("mrp", "price", "discount", "gst"))
    skip(
        shop,
        row(sku="A-1", view="front", **plain | facts),
        row(sku="A-1", view="back", **plain | facts),
        row(sku="B-2", view="front", **plain | facts),
        row(sku="B-2", view="back", **plain | facts | {"price": 30, "category": "Coats"}),
    )
    photo = plain | {"category": "Products", "raw_image": row()["raw_image"] + "?side"}
    rows = [
        row(**photo | {"sku": "A-1", "view": "side"}),
        row(**photo | {"sku": "A-1", "view": "left", "price": 45, "category": "Sale"}),
        row(**photo | {"sku": "B-2", "view": "side"}),
        row(**photo | {"sku": "C-3", "view": "side"}),
    ]
    shop.create(row(sku="C-3", **plain | facts))  # another seller's
    made = skip(shop, *rows)["products"]
    names = ("name", "category", "mrp", "price", "discount", "gst")
    assert [tuple(one[name] for name in names) for one in made] == [
        ("Hoodie", "Clothes", 50, 40, 10, 19),
        ("Hoodie", "Sale", None, 45, None, None),
        ("Hoodie", "Products", None, None, None, None),
        (None, "Products", None, None, None, None),
    ]


def test_a_category_that_nobody_named_disagrees_with_none(shop: Shop) -> None:
    address = row()["raw_image"]
    for view, category in (("front", "Products"), ("back", "Shoes"), ("side", "Products")):
        one = row(sku="A-1", view=view, category=category, raw_image=f"{address}?{view}")
        [made] = skip(shop, one)["products"]
    assert made["category"] == "Shoes"
