"""A check that ends after its picture was approved: what it found is said wherever it counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import only_sqlite
from servers.loopback import served
from sqlalchemy import update
from support.plans import plans
from support.shop import Shop

from packshot.cli import main
from packshot.database.models import ProductImage
from packshot.database.types import now
from packshot.fidelity.verdicts import Check, Reason
from packshot.products.checks import Checks

FOUND = Check(
    verdict="fail", score=0.1, reasons=[Reason(code="missing", words="a part is missing")]
)
LATER = "/api/products?doubt=after_approval"


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(database_url, tmp_path / "media", fidelity="on")
    yield shop
    shop.close()


def check(shop: Shop, image_id: int, found: Check) -> None:
    """As a process that checks does it."""
    with shop.services.database.write() as session:
        session.execute(
            update(ProductImage).where(ProductImage.id == image_id).values(check_due=now())
        )
    checks = Checks(shop.services.database)
    due = checks.claim_next()
    assert due is not None and due.image_id == image_id
    checks.save(due, found, has_map=False)


def decide(shop: Shop, image_id: int, status: str) -> None:
    path = f"/api/product-images/{image_id}"
    assert shop.ask("PATCH", path, json={"status": status}).status_code == 200


def listed(shop: Shop, query: str = LATER) -> list[int]:
    found = shop.ask("GET", query).get_json()["data"]["products"]
    return [product["id"] for product in found]


def header(shop: Shop, query: str = "format=csv") -> Any:
    return shop.ask("HEAD", f"/api/export?{query}").headers["Packshot-Found-After-Approval"]


def count(shop: Shop, query: str = "status=pending_review") -> Any:
    return shop.ask("GET", f"/desk/state?{query}").get_json()["doubts"]["after_approval"]


@only_sqlite
def test_they_are_counted_without_reading_all_pictures(shop: Shop) -> None:
    with plans(shop.services.database, "WHERE product_images.found_after_approval") as found:
        assert count(shop) == 0
    assert "USING INDEX ix_product_images_found_after_approval" in found[0]


def test_a_finding_on_an_approved_picture_is_listed_counted_and_exported(shop: Shop) -> None:
    number, [image_id] = shop.reviewable(variants=1)
    other, [other_image] = shop.reviewable(variants=1)
    decide(shop, image_id, "approved")
    decide(shop, other_image, "approved")
    check(shop, image_id, FOUND)
    check(shop, other_image, Check(verdict="pass", score=0.9))
    assert listed(shop) == [number]
    assert count(shop) == 1
    assert header(shop) == "1"
    assert header(shop, f"format=zip&products={other}") == "0"
    [first, second] = shop.ask("GET", "/api/export?format=jsonl").text.splitlines()
    assert '"found_after_approval": true' in first
    assert '"found_after_approval": false' in second
    shown = shop.ask("GET", f"/api/products/{number}").get_json()["data"]["product"]["images"]
    assert [(one["found_after_approval"], one["doubt"]) for one in shown] == [
        (True, "A part is missing")
    ]


def test_a_decision_since_then_ends_it_and_is_recorded(shop: Shop) -> None:
    number, [image_id] = shop.reviewable(variants=1)
    decide(shop, image_id, "approved")
    check(shop, image_id, FOUND)
    decide(shop, image_id, "approved")
    assert (listed(shop), header(shop)) == ([], "0")
    history = [(one.previous, one.status) for one in shop.services.catalog.history(number)]
    assert history == [("approved", "approved"), ("pending", "approved")]
    decide(shop, image_id, "approved")  # now nothing new is said
    assert len(shop.services.catalog.history(number)) == 2


def test_a_picture_that_was_approved_as_it_was_found_is_none(shop: Shop) -> None:
    _, [image_id] = shop.reviewable(variants=1)
    check(shop, image_id, FOUND)
    decide(shop, image_id, "approved")
    assert (listed(shop), count(shop), header(shop)) == ([], 0, "0")
    assert len(listed(shop, "/api/products?doubt=yes")) == 1


def test_a_new_round_leaves_it_behind(shop: Shop) -> None:
    number, [image_id] = shop.reviewable(variants=1)
    decide(shop, image_id, "approved")
    check(shop, image_id, FOUND)
    assert shop.ask("POST", f"/api/products/{number}/enhance", json={}).status_code == 200
    assert (listed(shop), count(shop)) == ([], 0)


def test_the_export_command_says_it_and_where_to_look(shop: Shop, tmp_path: Path) -> None:
    _, [image_id] = shop.reviewable(variants=1)
    decide(shop, image_id, "approved")
    run = CliRunner().invoke
    target = str(tmp_path / "approved.csv")
    with served(shop.app) as url:
        before = run(main, ["export", "--url", url, "-o", target])
        check(shop, image_id, FOUND)
        after = run(main, ["export", "--url", url, "-o", target])
        shown = run(main, ["export", "--url", url])
    assert "found a change" not in before.output
    for done in (after, shown):
        assert done.exit_code == 0
        assert "1 picture in it was approved before the fidelity check ended" in done.stderr
        assert f"{url}/grid?status=all&doubt=after_approval" in done.stderr.replace("\n", "")
