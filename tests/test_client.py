"""The Python client: what it repeats, how long it waits, and how it watches many products."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from servers.loopback import Application, losing_answers, served
from support.shop import SECRETS, Json, Shop, becomes, row

from packshot.client import ApiError, Client
from packshot.database.models import FAILED, PENDING_REVIEW


def test_its_key_goes_with_every_request(sqlite_url: str, tmp_path: Path) -> None:
    shop = Shop(sqlite_url, tmp_path / "media", api_keys=f"boss:{SECRETS['admin']}:admin")
    with served(shop.app) as url:
        client = Client(url, SECRETS["admin"])
        [product] = client.create([row()])["products"]
        becomes(shop, [product["id"]], FAILED)
        assert client.enhance(product["id"])["status"] == "pending"
        with pytest.raises(ApiError, match="401"):
            Client(url).stats()
    shop.close()


@pytest.mark.parametrize("status", [FAILED, PENDING_REVIEW])
def test_a_redo_whose_answer_was_lost_succeeds(shop: Shop, status: str) -> None:
    [product_id] = shop.create()
    becomes(shop, [product_id], status)
    with served(losing_answers(shop.app, "/enhance")) as url:
        redone = Client(url, sleep=lambda _: None).enhance(product_id)
    assert redone["status"] == "pending"
    assert redone["round"] == (1 if status == FAILED else 2)


def test_a_redo_is_not_repeated_after_the_first_succeeded(shop: Shop) -> None:
    """Its answer was lost and its pictures were made meanwhile: another round costs money."""
    [product_id] = shop.create()
    becomes(shop, [product_id], PENDING_REVIEW)
    with served(losing_answers(shop.app, "/enhance")) as url:
        made = Client(url, sleep=lambda _: becomes(shop, [product_id], PENDING_REVIEW))
        assert made.enhance(product_id)["round"] == 2


def test_a_redo_of_what_is_pending_is_refused(shop: Shop) -> None:
    [product_id] = shop.create()
    with served(shop.app) as url, pytest.raises(ApiError, match="already waiting") as refused:
        Client(url).enhance(product_id)
    assert refused.value.status == 409


def test_creating_twice_by_a_lost_answer_creates_once(shop: Shop) -> None:
    with served(losing_answers(shop.app, "/bulk")) as url:
        client = Client(url, sleep=lambda _: None)
        [product] = client.create([row()])["products"]
        assert [each["id"] for each in client.products()] == [product["id"]]


def test_corrections_whose_answer_was_lost_are_reported(shop: Shop) -> None:
    """Each is reported as the first request did it, though the second finds nothing to do."""
    changed, same = shop.create(row(sku="A-1", price=990), row(sku="B-2", price=500))
    facts: list[Json] = [{"sku": "A-1", "price": 1090}, {"sku": "B-2", "price": 500}]
    with served(losing_answers(shop.app, "/corrections")) as url:
        client = Client(url, sleep=lambda _: None)
        first = client.correct_skus(facts)
        second = client.correct_skus(facts)
    changes = [{each["product_id"]: each["changes"] for each in found} for found in (first, second)]
    assert changes == [
        {changed: {"price": ["990.00", "1090.00"]}, same: {}},
        {changed: {}, same: {}},
    ]
    assert len(shop.services.catalog.corrections(changed)) == 1


def test_it_waits_for_the_same_request_that_still_runs(shop: Shop) -> None:
    """Its connection ended, but the server still works on it: on PostgreSQL the repeat is
    refused."""
    problem = {"type": "/problems/idempotency_running", "message": "still running"}
    refused: list[str] = []

    def running_once(environ: Json, start_response: Any) -> Iterable[bytes]:
        if refused:
            return shop.app(environ, start_response)
        refused.append(environ["PATH_INFO"])
        start_response("409 CONFLICT", [("Content-Type", "application/problem+json")])
        return [json.dumps(problem).encode()]

    with served(running_once) as url:
        [product] = Client(url, sleep=lambda _: None).create([row()])["products"]
    assert (product["id"], refused) == (1, ["/api/products/bulk"])


def busy(retry_after: str) -> Application:
    def application(environ: Json, start_response: Any) -> Iterable[bytes]:
        headers = [("Retry-After", retry_after), ("Content-Type", "application/problem+json")]
        start_response("429 TOO MANY REQUESTS", headers)
        return [json.dumps({"message": "1,000 products a day are used up"}).encode()]

    return application


def test_it_follows_retry_after_but_not_for_half_a_day() -> None:
    slept: list[float] = []
    with served(busy("3")) as url, pytest.raises(ApiError):
        Client(url, tries=3, sleep=slept.append).stats()
    assert slept == [3, 3]
    slept.clear()
    with served(busy("40000")) as url, pytest.raises(ApiError, match="used up") as refused:
        Client(url, sleep=slept.append).stats()
    assert slept == []
    assert refused.value.retry_after == 40_000


def crowded(times: int) -> Application:
    """Busy with others so many times, then it answers."""
    return unavailable(times, "too many others", "/problems/busy", [("Retry-After", "5")])


def unavailable(
    times: int, message: str, problem: str = "", headers: Sequence[tuple[str, str]] = ()
) -> Application:
    left = [times]

    def application(environ: Json, start_response: Any) -> Iterable[bytes]:
        if left[0] == 0:
            start_response("200 OK", [("Content-Type", "application/json")])
            return [b'{"data": {"products": 1}}']
        left[0] -= 1
        as_json = ("Content-Type", "application/problem+json")
        start_response("503 SERVICE UNAVAILABLE", [*headers, as_json])
        return [json.dumps({"type": problem, "message": message}).encode()]

    return application


def test_a_busy_server_is_asked_again_beyond_the_tries_but_not_forever() -> None:
    slept: list[float] = []
    with served(crowded(20)) as url:
        assert Client(url, tries=1, sleep=slept.append).stats() == {"products": 1}
    assert len(slept) == 20
    assert min(slept) >= 5  # and never all at the same moment
    assert len(set(slept)) > 1
    slept.clear()
    with served(crowded(10_000)) as url, pytest.raises(ApiError, match="too many others"):
        Client(url, tries=1, sleep=slept.append).stats()
    assert 600 <= sum(slept) < 610


def test_an_outage_is_waited_for_and_its_reason_is_passed_on() -> None:
    """Beyond the tries, as long as the caller allows; a success after it is passed on, too."""
    client, heard = Client("", tries=2, sleep=lambda seconds: heard.append(seconds)), list[Any]()
    client.before_retry, client.after_retry = heard.append, lambda: heard.append("well")
    client.outage_wait = 100.0
    down = unavailable(5, "the disk is full")
    with served(down) as url:
        client.url = f"{url}/"
        assert client.stats() == {"products": 1}
    assert [str(each) for each in heard[:-1:2]] == ["503: the disk is full"] * 5
    assert heard[1::2] == [0.5, 1, 2, 4, 8]
    assert heard[-1] == "well"
    with served(unavailable(1000, "the disk is full")) as url, pytest.raises(ApiError):
        client.url = f"{url}/"
        heard.clear()
        client.stats()
    assert 100 <= sum(heard[1::2]) < 120
    assert max(heard[1::2]) == 15


def test_a_client_that_gives_up_ends_its_pauses() -> None:
    client = Client("", tries=1)
    client.outage_wait = 100.0
    client.before_retry = lambda error: client.give_up()
    with served(unavailable(1000, "down")) as url, pytest.raises(ApiError, match="down"):
        client.url = f"{url}/"
        client.stats()


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        ("200 OK", [], "HTTP 200, but not an answer of Packshot's"),
        ("301 Moved", [("Location", "https://shop.example/")], "leads to https://shop.example/"),
        ("404 Not Found", [], "HTTP 404"),
    ],
)
def test_another_program_in_packshots_place_is_named(
    status: str, headers: list[tuple[str, str]], words: str
) -> None:
    """As behind an address with a typing error, or one that a proxy redirects to https."""

    def page(environ: Json, start_response: Any) -> Iterable[bytes]:
        start_response(status, [*headers, ("Content-Type", "text/html; charset=utf-8")])
        return [b"<h1>Welcome</h1>"]

    with served(page) as url, pytest.raises(ApiError, match=words):
        Client(url).stats()
    with served(page) as url, pytest.raises(ApiError, match=words):
        list(Client(url).export())


def test_it_waits_for_many_and_sees_each_change(shop: Shop) -> None:
    """120 products in one batch, of which the oldest never get ready until the end."""
    ids = shop.create(*[row(gst=0) for _ in range(120)])
    slow, quick = ids[:60], ids[60:]
    steps = [quick[:30], quick[30:], slow]
    seen: list[int] = []

    def sleep(_: float) -> None:
        becomes(shop, steps.pop(0), PENDING_REVIEW)

    asked: list[str] = []

    def counting(environ: Json, start_response: Any) -> Iterable[bytes]:
        asked.append(environ["PATH_INFO"])
        return shop.app(environ, start_response)

    def progress(product: Json) -> None:
        if product["status"] != "pending":
            seen.append(product["id"])

    with served(counting) as url:
        done = Client(url, sleep=sleep).wait(ids, progress)
    assert [product["id"] for product in done] == ids
    assert set(seen[:30]) == set(quick[:30])
    assert set(seen[30:60]) == set(quick[30:])
    assert len(seen) == 120
    assert len(asked) < 20


def test_waiting_ends_with_its_time(shop: Shop) -> None:
    ids = shop.create()
    with served(shop.app) as url, pytest.raises(TimeoutError, match="1 product is still waiting"):
        Client(url, sleep=lambda _: None).wait(ids, timeout=0.0)
