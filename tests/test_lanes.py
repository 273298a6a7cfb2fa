"""Lanes: how Gemini is asked, at which price, chosen for each batch of products."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import only_sqlite
from pydantic import SecretStr
from sqlalchemy import select, update
from support.shop import Shop, row

from packshot.cli.estimate import estimate as estimate_command
from packshot.database.models import FAILED, BatchItem, Call, Product
from packshot.enhancers.gemini.lane_words import all_ready_in
from packshot.enhancers.gemini.prices import estimates, expected_cost, price_of
from packshot.lanes import LANES
from packshot.products.batch_items import SENT, WAITING
from packshot.settings import Settings

TODAY = date(2026, 11, 28)
BULK = "/api/products/bulk"
FORM = {"content_type": "multipart/form-data"}


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(database_url, tmp_path / "media", gemini_lane="flex")
    yield made
    made.close()


def created(shop: Shop, **more: Any) -> dict[str, Any]:
    answer = shop.ask("POST", BULK, json={"products": [row()], **more})
    assert answer.status_code == 201, answer.get_json()
    found: dict[str, Any] = answer.get_json()["data"]["products"][0]
    return found


# -- which lane ------------------------------------------------------------------------------------


def test_a_batch_of_products_takes_the_lane_it_names_else_the_settings(shop: Shop) -> None:
    for lane in LANES:
        product = created(shop, lane=lane)
        assert product["lane"] == lane
        kept = shop.ask("GET", f"/api/products/{product['id']}").get_json()["data"]["product"]
        assert (kept["lane"], kept["batched_at"]) == (lane, None)
    assert created(shop)["lane"] == "flex"


@only_sqlite
@pytest.mark.parametrize("lane", ["Batch", "", 5, ["flex"], "priority"])
def test_another_lane_is_refused_whatever_becomes_of_the_rows(shop: Shop, lane: object) -> None:
    for query in ("", "?on_error=skip"):
        answer = shop.ask("POST", BULK + query, json={"products": [row()], "lane": lane})
        assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/lane")


def test_a_batch_with_bad_rows_keeps_its_lane(shop: Shop) -> None:
    body = {"products": [row(category=None), row()], "lane": "batch"}
    data = shop.ask("POST", f"{BULK}?on_error=skip", json=body).get_json()["data"]
    assert [each["lane"] for each in data["products"]] == ["batch"]


@only_sqlite
def test_another_lane_is_another_body_for_the_idempotency_key(shop: Shop) -> None:
    once = {"Idempotency-Key": "order-1"}
    body: dict[str, Any] = {"products": [row()], "lane": "batch"}
    first, again = (shop.ask("POST", BULK, json=body, headers=once).get_json() for _ in range(2))
    assert first["data"] == again["data"]
    other = shop.ask("POST", BULK, json=body | {"lane": "flex"}, headers=once)
    assert other.status_code == 422


def test_a_redo_is_always_standard(shop: Shop) -> None:
    """A round that failed is resumed as standard; another round is opened as standard."""
    resumed, redone = created(shop, lane="batch")["id"], created(shop, lane="batch")["id"]
    set_product(shop, resumed, status=FAILED)
    set_product(shop, redone, status="approved")
    for product_id in (resumed, redone):
        answer = shop.ask("POST", f"/api/products/{product_id}/enhance", json={})
        assert answer.get_json()["data"]["product"]["lane"] == "standard"


@pytest.mark.extra  # a child process reads it
@only_sqlite
def test_an_import_passes_the_lane_on(shop: Shop) -> None:
    sheet = {"defaults": json.dumps({"category": "Boxes"}), "photos": "A_1.jpg"}
    plan = shop.ask("POST", "/api/imports", data=sheet | {"lane": "batch"}, **FORM)
    assert plan.get_json()["data"]["lane"] == "batch"
    assert shop.ask("POST", "/api/imports", data=sheet, **FORM).get_json()["data"]["lane"] is None
    wrong = shop.ask("POST", "/api/imports", data=sheet | {"lane": "slow"}, **FORM)
    assert (wrong.status_code, wrong.get_json()["errors"][0]["pointer"]) == (422, "/lane")


def set_product(shop: Shop, product_id: int, **values: Any) -> None:
    with shop.services.database.write() as session:
        session.execute(update(Product).where(Product.id == product_id).values(**values))


# -- while it waits for a batch job ----------------------------------------------------------------


def wait_in_jobs(shop: Shop, product_id: int, state: str) -> None:
    set_product(shop, product_id, queued_at=None, batched_at=Product.created_at)
    item = {"product_id": product_id, "round": 1, "variant": 0, "kind": "picture"}
    with shop.services.database.write() as session:
        session.add(BatchItem(**item, state=state))


def items_of(shop: Shop, product_id: int) -> list[str]:
    with shop.services.database.read() as session:
        mine = BatchItem.product_id == product_id
        return list(session.scalars(select(BatchItem.state).where(mine)))


def test_a_product_that_waits_for_a_job_is_counted_and_not_asked_for_twice(shop: Shop) -> None:
    product_id = created(shop, lane="batch")["id"]
    wait_in_jobs(shop, product_id, WAITING)
    product = shop.ask("GET", f"/api/products/{product_id}").get_json()["data"]["product"]
    assert (product["status"], product["batched_at"] is None) == ("pending", False)
    stats = shop.ask("GET", "/api/stats").get_json()["data"]
    assert (stats["batched"], stats["queue"]["waiting"]) == (1, 0)
    assert shop.ask("POST", f"/api/products/{product_id}/enhance", json={}).status_code == 409


@pytest.mark.parametrize("how", ["cancel", "delete"])
def test_what_no_job_has_is_not_sent_after_a_cancellation(shop: Shop, how: str) -> None:
    product_id = created(shop, lane="batch")["id"]
    wait_in_jobs(shop, product_id, WAITING)
    if how == "cancel":
        assert shop.ask("POST", f"/api/products/{product_id}/cancel").status_code == 200
    else:
        assert shop.ask("DELETE", f"/api/products/{product_id}").status_code == 200
    assert items_of(shop, product_id) == []


def test_a_redo_waits_for_what_a_job_has_already(shop: Shop) -> None:
    """It is paid for: asked for again, it would be paid twice."""
    product_id = created(shop, lane="batch")["id"]
    wait_in_jobs(shop, product_id, SENT)
    shop.ask("POST", f"/api/products/{product_id}/cancel")
    answer = shop.ask("POST", f"/api/products/{product_id}/enhance", json={})
    product = answer.get_json()["data"]["product"]
    assert (product["status"], product["lane"]) == ("pending", "standard")
    assert product["batched_at"] is not None
    assert shop.ask("GET", "/api/stats").get_json()["data"]["queue"]["waiting"] == 0


# -- prices ----------------------------------------------------------------------------------------


def test_each_lane_has_its_dated_price() -> None:
    analysis = [price_of("gemini-3.8-flash", TODAY, lane) for lane in LANES]
    picture = [price_of("gemini-nano-banana-2.1", TODAY, lane) for lane in LANES]
    assert [each and str(each.input) for each in analysis] == ["0.75", "0.375", "0.375"]
    assert [each and str(each.picture) for each in picture] == ["30", "30", "15"]
    later = price_of("gemini-3.8-flash", date(2027, 1, 1), "batch")
    assert later is not None and later.input == Decimal("0.75")


def test_a_lane_without_a_price_is_counted_at_the_standard_one_and_that_is_said() -> None:
    settings = Settings(gemini_api_key=SecretStr("key"))
    by_lane = {each.lane: each for each in estimates(1000, settings, TODAY)}
    assert by_lane["flex"].picture == by_lane["standard"].picture
    assert "gemini-nano-banana-2.1 has no listed flex price" in " ".join(by_lane["flex"].notes)
    assert by_lane["batch"].total == by_lane["standard"].total / 2  # type: ignore[operator]
    assert expected_cost("picture", "unheard-of", "1K", TODAY, "batch") is None


def test_the_local_enhancer_has_no_lanes() -> None:
    [only] = estimates(1000, Settings(), TODAY)
    assert only.total == 0


def test_without_a_key_the_estimate_says_what_gemini_would_cost(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        words = CliRunner().invoke(estimate_command, ["1000", "--on", "2026-11-28"]).output
    own, gemini = words.split("With Gemini (GEMINI_API_KEY) it would be:")
    assert "all of it: $0.0000" in own
    lines = [line.split() for line in gemini.splitlines() if "$" in line]
    assert [(line[0], line[2]) for line in lines[:3]] == [
        ("standard", "$129.60"),
        ("flex", "$126.90"),
        ("batch", "$64.80"),
    ]


def test_the_estimate_shows_all_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "key")
    monkeypatch.setenv("GEMINI_LANE", "batch")
    words = CliRunner().invoke(estimate_command, ["1000", "--on", "2026-11-28"]).output
    assert "all of it: $64.80" in words
    assert [line.split()[0] for line in words.splitlines() if "$" in line][4:7] == [*LANES]
    figures = CliRunner().invoke(estimate_command, ["1000", "--on", "2026-11-28", "--json"]).output
    lanes = json.loads(figures)["lanes"]
    assert {lane: Decimal(each["total"]) for lane, each in lanes.items()} == {
        "standard": Decimal("129.60"),
        "flex": Decimal("126.90"),
        "batch": Decimal("64.80"),
    }


@pytest.mark.parametrize(
    ("products", "more", "words"),
    [
        (1, {}, "in about 20 seconds with one process, 8 products at a time"),
        (1000, {}, "in about 42 minutes with one process, 8 products at a time"),
        (10_000, {"worker_concurrency": 20}, "in about 3 hours with one process, 20 products"),
        (1000, {"gemini_rpm": 10}, "in about 7 hours, because of GEMINI_RPM=10"),
    ],
)
def test_the_time_of_the_standard_lane_is_that_of_all_products(
    products: int, more: dict[str, Any], words: str
) -> None:
    settings = Settings(gemini_api_key=SecretStr("key"), **more)
    assert all_ready_in("standard", products, settings).startswith(words)


def test_spend_is_shown_by_lane(shop: Shop) -> None:
    with shop.services.database.write() as session:
        for lane, cost in (("standard", "0.5"), ("batch", "0.25"), ("batch", "0.125")):
            call = {"product_id": 1, "round": 1, "kind": "picture", "model": "m", "outcome": "ok"}
            session.add(Call(**call, lane=lane, cost=Decimal(cost)))
    stats = shop.ask("GET", "/api/stats").get_json()["data"]
    assert stats["spent_by_lane"] == {"standard": 0.5, "flex": 0, "batch": 0.375}
    assert stats["spent"] == 0.875
    metrics = shop.ask("GET", "/metrics").text
    assert 'packshot_lane_spent_dollars_total{lane="batch"} 0.375' in metrics
    assert "packshot_spent_dollars_total 0.875" in metrics


@only_sqlite
def test_the_upload_page_shows_price_and_time_of_each_lane(
    database_url: str, tmp_path: Path
) -> None:
    bought = Shop(
        database_url, tmp_path / "media", gemini_api_key=SecretStr("key"), gemini_lane="batch"
    )
    page = bought.ask("GET", "/upload").text
    bought.close()
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert [(each["name"], each["chosen"]) for each in data["lanes"]] == [
        ("standard", False),
        ("flex", False),
        ("batch", True),
    ]
    assert data["lanes"][2]["cost"] < data["lanes"][0]["cost"]
    assert data["lanes"][2]["ready"].startswith("within a day")
