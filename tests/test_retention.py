"""Retention: what is past its time goes, the approved stays; deleting leaves nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from servers.aws import Aws
from sqlalchemy import select, update
from support.fakes import FakeEnhancer, photo_bytes
from support.objects import objects, product_of, store, upload, with_photo
from support.shop import API_KEYS, SECRETS, Shop

from packshot.cli import main
from packshot.database.models import Call, Product, ProductImage
from packshot.database.types import now
from packshot.errors import FetchError
from packshot.products.lookup import Editor
from packshot.products.object_keys import variant_key, with_previews
from packshot.products.retention import Retention
from packshot.storage import S3Storage
from packshot.work.claiming.claim import Claim
from packshot.work.making.normalised_copy import load_photo
from packshot.work.making.parts import Parts

DAYS = {"raw_keep_days": 30, "rejected_keep_days": 7}


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(database_url, tmp_path / "media", **DAYS)
    yield shop
    shop.close()


@pytest.fixture
def s3_shop(sqlite_url: str, tmp_path: Path, aws: Aws) -> Iterator[Shop]:
    shop = Shop(
        sqlite_url, tmp_path / "media", s3_bucket=aws.bucket(), aws_region="us-east-1", **DAYS
    )
    yield shop
    shop.close()


def age(shop: Shop, days: float) -> None:
    """Everything was last changed that long ago."""
    with shop.services.database.write() as session:
        session.execute(update(Product).values(updated_at=now(-days * 86_400)))
        session.execute(update(ProductImage).values(updated_at=now(-days * 86_400)))


def review(shop: Shop, product_id: int, status: str, images: list[int] | None = None) -> None:
    shop.services.catalog.review(product_id, status, who="ann", image_ids=images)


def test_expired_objects_go_and_approved_ones_stay(shop: Shop) -> None:
    product_id, [kept, gone], normalised = with_photo(shop)
    review(shop, product_id, "approved", [kept])
    _, _, waiting_normalised = with_photo(shop)
    age(shop, 31)
    before = objects(shop)
    plan = shop.services.retention.plan()
    assert (plan.raw_photos, plan.rejected) == (1, 1)
    assert objects(shop) == before  # a plan changes nothing
    assert shop.services.retention.prune() == plan
    view = shop.services.catalog.product(product_id)
    images = {image.id: image for image in view.images}
    assert view.normalised is None
    assert images[gone].media_url is None
    assert images[gone].previews == {}
    assert images[gone].removed_at is not None
    assert images[kept].media_url is not None
    left = objects(shop)
    assert str(images[kept].media_url).removeprefix("/media/") in left
    assert not left & set(with_previews(normalised))
    assert set(with_previews(waiting_normalised)) <= left
    upload_key = view.raw_image.removeprefix("/media/")
    assert not left & set(with_previews(upload_key))
    # The copy, the upload, the picture, each with two previews; and the picture's change map, its
    # lock's mask, and the picture as it was made.
    assert len(before - left) == 12
    assert shop.services.retention.prune() == type(plan)(0, 0, 0)
    assert objects(shop) == left


def test_nothing_is_removed_before_its_time_or_without_a_setting(shop: Shop) -> None:
    product_id, images, _ = with_photo(shop)
    review(shop, product_id, "approved", images[:1])
    age(shop, 6)
    before = objects(shop)
    shop.services.retention.prune()
    assert objects(shop) == before
    age(shop, 6000)
    forever = Retention(shop.services.database, shop.services.storage)
    assert forever.prune().raw_photos == forever.prune().rejected == 0
    assert objects(shop) == before


def test_pruning_removes_objects_on_s3(s3_shop: Shop) -> None:
    product_id, images, _ = with_photo(s3_shop)
    review(s3_shop, product_id, "approved", images[:1])
    age(s3_shop, 31)
    assert isinstance(s3_shop.services.storage, S3Storage)
    before = objects(s3_shop)
    s3_shop.services.retention.prune()
    assert len(before - objects(s3_shop)) == 12
    s3_shop.services.deletions.delete_product(product_id)
    assert objects(s3_shop) == set()


def test_a_shared_upload_stays_while_a_product_needs_it(shop: Shop) -> None:
    shared = upload(shop)
    first, _, _ = with_photo(shop, shared)
    review(shop, first, "rejected")
    second, _, _ = with_photo(shop, shared)
    age(shop, 31)
    shop.services.retention.prune()
    assert shared.removeprefix("/media/") in objects(shop)
    review(shop, second, "rejected")
    age(shop, 31)
    shop.services.retention.prune()
    assert shared.removeprefix("/media/") not in objects(shop)


def test_the_sellers_own_objects_are_never_removed(s3_shop: Shop) -> None:
    bucket = s3_shop.settings.s3_bucket
    s3_shop.services.storage.put("raw/phone.jpg", b"the seller's", "image/jpeg")
    product_id, _, _ = with_photo(s3_shop, f"s3://{bucket}/raw/phone.jpg")
    review(s3_shop, product_id, "rejected")
    age(s3_shop, 31)
    s3_shop.services.retention.prune()
    s3_shop.services.deletions.delete_product(product_id)
    assert objects(s3_shop) == {"raw/phone.jpg"}


def test_what_a_crash_left_is_removed_by_the_next_run(shop: Shop) -> None:
    product_id, _, normalised = with_photo(shop)
    review(shop, product_id, "rejected")
    age(shop, 31)
    retention = shop.services.retention
    retention._mark_raw()
    retention._mark_rejected()  # and here the process dies
    with shop.services.database.write() as session:  # the timer that runs it is a weekly one
        session.execute(update(Product).values(raw_removed_at=now(-7 * 86_400)))
        session.execute(update(ProductImage).values(removed_at=now(-7 * 86_400)))
    assert normalised in objects(shop)
    retention.prune()
    assert not [key for key in objects(shop) if f"/{product_id}/" in key]


def test_a_deleted_object_is_not_deleted_again(shop: Shop) -> None:
    """Otherwise every night would ask the store about everything that was ever removed."""
    product_id, _, normalised = with_photo(shop)
    review(shop, product_id, "rejected")
    age(shop, 31)
    shop.services.retention.prune()
    store(shop, normalised)
    shop.services.retention.prune()
    assert normalised in objects(shop)


def test_the_second_removal_is_finished_too(shop: Shop) -> None:
    """A redo fetched the photo again after it was removed; then it is removed again."""
    product_id, _, normalised = with_photo(shop, "https://shop.example/box.jpg")
    review(shop, product_id, "rejected")
    age(shop, 31)
    retention = shop.services.retention
    retention.prune()
    store(shop, normalised)
    with shop.services.database.write() as session:
        session.execute(update(Product).values(raw_removed_at=None))  # as the worker notes it
    retention._mark_raw()  # and here the process dies
    retention.prune()
    assert normalised not in objects(shop)


def test_an_object_that_is_not_the_pictures_own_stays(shop: Shop) -> None:
    """A row may name any object: only what its product's namespace gives is removed."""
    product_id, images, _ = with_photo(shop)
    others, _, _ = with_photo(shop)
    review(shop, product_id, "rejected")
    with shop.services.database.write() as session:
        anothers = select(ProductImage.object_key).where(ProductImage.product_id == others)
        key = session.scalars(anothers).first()
        named = update(ProductImage).where(ProductImage.id == images[0])
        session.execute(named.values(object_key=key))
    age(shop, 8)
    assert shop.services.retention.prune().rejected == 2
    assert key in objects(shop)


def test_a_copy_that_is_needed_again_stays(shop: Shop) -> None:
    """A run that died had marked it; then a reviewer asked for another round."""
    product_id, _, normalised = with_photo(shop)
    review(shop, product_id, "approved")
    with shop.services.database.write() as session:
        session.execute(update(Product).values(raw_removed_at=now()))
    shop.services.catalog.enhance(product_id, by=Editor("ann"))
    before = objects(shop)
    shop.services.retention.prune()
    assert objects(shop) == before
    assert normalised in before


def test_a_removed_picture_can_not_be_approved(shop: Shop) -> None:
    product_id, images, _ = with_photo(shop)
    review(shop, product_id, "rejected")
    age(shop, 8)
    shop.services.retention.prune()
    for path, body in (
        (f"/api/product-images/{images[0]}", {"status": "approved"}),
        (f"/api/product-images/{images[0]}", {"status": "pending"}),
    ):
        answer = shop.ask("PATCH", path, json=body)
        assert (answer.status_code, answer.get_json()["type"]) == (409, "/problems/removed")
    answer = shop.ask("POST", f"/api/products/{product_id}/review", json={"status": "approved"})
    assert (answer.status_code, answer.get_json()["type"]) == (409, "/problems/removed")
    answer = shop.ask("POST", f"/api/products/{product_id}/review", json={"status": "rejected"})
    assert answer.status_code == 200


def test_approving_the_rest_leaves_the_removed_ones_rejected(shop: Shop) -> None:
    product_id, [kept, gone], _ = with_photo(shop)
    review(shop, product_id, "approved", [kept])
    age(shop, 8)
    shop.services.retention.prune()
    review(shop, product_id, "pending")
    review(shop, product_id, "approved")
    statuses = {each.id: each.status for each in shop.services.catalog.product(product_id).images}
    assert statuses == {kept: "approved", gone: "rejected"}


@pytest.mark.parametrize("own", [True, False])
def test_a_redo_fetches_the_photo_again_or_says_why_not(
    own: bool, sqlite_url: str, tmp_path: Path
) -> None:
    shop = Shop(sqlite_url, tmp_path / "media", **DAYS)
    raw_image = upload(shop) if own else "https://shop.example/box.jpg"
    product_id, _, _ = with_photo(shop, raw_image)
    review(shop, product_id, "rejected")
    age(shop, 31)
    shop.services.retention.prune()
    catalog, parts = shop.services.catalog, shop.services.parts
    assert catalog.enhance(product_id, by=Editor("ann")).normalised is None
    claim = parts.claims.claim_next()
    assert isinstance(claim, Claim)
    if own:
        with pytest.raises(FetchError, match="upload the picture again"):
            load_photo(claim, parts)
    else:
        there = Parts(**vars(parts) | {"read_raw": lambda url: photo_bytes()})
        load_photo(claim, there)
        parts.claims.save_analysis(claim, FakeEnhancer().name, {})
        assert catalog.product(product_id).normalised is not None
    shop.close()


def test_deleting_a_product_leaves_only_its_costs(shop: Shop) -> None:
    product_id, _, _ = with_photo(shop)
    other, _, _ = with_photo(shop)
    review(shop, product_id, "approved")
    with shop.services.database.write() as session:
        session.add(Call(product_id=product_id, round=1, kind="image", model="m", cost="0.04"))
    store(shop, variant_key(product_of(shop, product_id).media_namespace or "", product_id, 1, 2))
    others = {key for key in objects(shop) if f"/{other}/" in key}
    assert shop.ask("DELETE", f"/api/products/{product_id}").get_json()["success"]
    assert shop.ask("DELETE", f"/api/products/{product_id}").status_code == 404
    assert shop.ask("GET", f"/api/products/{product_id}").status_code == 404
    assert shop.ask("GET", f"/api/products/{other}").status_code == 200
    assert others <= objects(shop)
    assert not [key for key in objects(shop) if f"/{product_id}/" in key]
    assert float(shop.services.catalog.stats().spent) == pytest.approx(0.04)


def test_only_admins_delete(sqlite_url: str, tmp_path: Path) -> None:
    shop = Shop(sqlite_url, tmp_path / "media", api_keys=API_KEYS)
    product_id, _ = shop.reviewable()
    for scope, status in (("submit", 403), ("review", 403), ("admin", 200)):
        answer = shop.ask("DELETE", f"/api/products/{product_id}", SECRETS[scope])
        assert answer.status_code == status
    shop.close()


def test_the_command_asks_before_it_removes(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = tmp_path / "media"
    shop = Shop(sqlite_url, media, **DAYS)
    product_id, _, _ = with_photo(shop)
    review(shop, product_id, "rejected")
    age(shop, 31)
    monkeypatch.chdir(tmp_path)
    for name, value in {"DATABASE_URL": sqlite_url, "MEDIA_DIR": str(media)}.items():
        monkeypatch.setenv(name, value)
    run = CliRunner().invoke
    for nothing in (["prune"], ["prune", "--delete"]):  # a daily timer must not fail
        kept = run(main, nothing)
        assert (kept.exit_code, kept.output.partition(":")[0]) == (0, "Everything is kept")
    monkeypatch.setenv("RAW_KEEP_DAYS", "30")
    monkeypatch.setenv("REJECTED_KEEP_DAYS", "7")
    before = objects(shop)
    assert run(main, ["prune"]).output == (
        "Would remove the raw photos of 1 product and 2 rejected pictures (0.0 MB)."
        " Nothing was changed: add --delete to do it.\n"
    )
    assert objects(shop) == before
    done = json.loads(run(main, ["prune", "--delete", "--json"]).output)
    assert done == {"raw_photos": 1, "rejected": 2, "rejected_bytes": 0}
    assert objects(shop) == set()
    shop.close()
