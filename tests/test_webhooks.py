"""Webhooks: written with the change, signed, guarded, retried, given up, replayed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console
from servers.ports import wait_until
from servers.receiver import Receiver
from sqlalchemy import func, select, update
from standardwebhooks import Webhook, WebhookVerificationError
from support.shop import Shop, row

from packshot.background import in_background
from packshot.cli import main
from packshot.cli.webhooks import delivery_table
from packshot.database.models import Delivery
from packshot.database.types import now
from packshot.errors import FetchError, SettingsError
from packshot.serving.worker import make_upkeep
from packshot.settings import load_settings
from packshot.webhooks.deliveries import PAUSES, DeliveryView
from packshot.work.claiming.claim import Claim
from packshot.work.worker import Worker

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()

ShopMaker = Callable[..., Shop]


@pytest.fixture
def make(database_url: str, tmp_path: Path) -> Iterator[ShopMaker]:
    shops: list[Shop] = []

    def maker(receiver: Receiver | None, **overrides: object) -> Shop:
        if receiver is not None:
            overrides = {
                "webhook_urls": (receiver.url,),
                "webhook_hosts": (receiver.place,),
                "webhook_secret": SECRET,
            } | overrides
        shops.append(Shop(database_url, tmp_path / "media", **overrides))
        return shops[-1]

    yield maker
    for shop in shops:
        shop.close()


def count(shop: Shop) -> int:
    with shop.services.database.read() as session:
        return session.scalar(select(func.count()).select_from(Delivery)) or 0


def make_due(shop: Shop) -> None:
    with shop.services.database.write() as session:
        waits = Delivery.not_before.is_not(None)
        session.execute(update(Delivery).where(waits).values(not_before=now()))


def taken(shop: Shop, product_id: int) -> Claim:
    claim = shop.services.parts.claims.claim_next()
    assert isinstance(claim, Claim)
    return claim


def test_without_receivers_nothing_is_written(make: ShopMaker) -> None:
    shop = make(None)
    product_id, _ = shop.reviewable()
    shop.services.catalog.review(product_id, "approved", who="ann")
    assert count(shop) == 0


def test_a_review_is_sent_signed_and_small(make: ShopMaker) -> None:
    with Receiver() as receiver:
        shop = make(receiver)
        product_id, _ = shop.reviewable(raw_image="https://shop.example/a.jpg?signature=secret")
        view = shop.services.catalog.review(product_id, "approved", who="ann")
        assert shop.services.webhooks.deliver() == 1
        assert shop.services.webhooks.deliver() == 0
    [(headers, body)] = receiver.received
    event = Webhook(SECRET).verify(body, headers)
    assert event["type"] == "product.reviewed"
    assert event["data"]["id"] == product_id
    assert event["data"]["status"] == "approved"
    assert event["data"]["version"] == view.version
    assert event["timestamp"].endswith("Z")
    assert b"secret" not in body
    assert len(body) < 20_000
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(body, headers)


def test_every_change_of_status_is_sent(make: ShopMaker) -> None:
    with Receiver() as receiver:
        shop = make(receiver)
        [ready, failed] = shop.create(row(), row())
        claims = shop.services.parts.claims
        claims.complete(taken(shop, ready))
        claims.fail(taken(shop, failed), FetchError("x" * 30_000, code="not_found"))
        reviewed, images = shop.reviewable(variants=2)
        catalog = shop.services.catalog
        catalog.decide(images[0], "approved", who="ann")  # half decided: no news yet
        catalog.decide(images[1], "rejected", who="ann")
        catalog.decide(images[1], "pending", who="ann")  # undone: it waits again
        shop.services.webhooks.deliver()
    told = [json.loads(body) for _, body in receiver.received]
    assert [(event["type"], event["data"]["id"], event["data"]["status"]) for event in told] == [
        ("product.ready", ready, "pending_review"),
        ("product.failed", failed, "failed"),
        ("product.reviewed", reviewed, "approved"),
        ("product.ready", reviewed, "pending_review"),
    ]
    assert told[1]["data"]["error_code"] == "not_found"
    assert max(len(body) for _, body in receiver.received) < 20_000


def test_a_repeated_decision_changes_nothing_and_is_not_sent(make: ShopMaker) -> None:
    """A reviewer's program repeats a decision whose answer was lost."""
    with Receiver() as receiver:
        shop = make(receiver)
        product_id, images = shop.reviewable(variants=2)
        catalog = shop.services.catalog
        first = catalog.review(product_id, "approved", who="ann", note="good")
        again = catalog.review(product_id, "approved", who="ann", note="good")
        picture = catalog.decide(images[0], "approved", who="ann")
        assert again.version == picture.version == first.version
        noted = catalog.review(product_id, "approved", who="ann", note="very good")
        shop.services.webhooks.deliver()
    versions = [json.loads(body)["data"]["version"] for _, body in receiver.received]
    assert versions == [first.version, noted.version]


def test_a_product_whose_attempts_are_used_up_is_sent(make: ShopMaker) -> None:
    with Receiver() as receiver:
        shop = make(receiver, lease_seconds=1)
        shop.create(row())
        from packshot.database.models import Product

        with shop.services.database.write() as session:
            session.execute(update(Product).values(attempts=5))
        shop.services.parts.claims.claim_next()
        shop.services.webhooks.deliver()
    [(_, body)] = receiver.received
    assert json.loads(body)["data"]["error_code"] == "worker_died"


def test_what_an_error_undoes_is_not_sent(make: ShopMaker) -> None:
    with Receiver() as receiver:
        shop = make(receiver)
        product_id, _ = shop.reviewable()
        with pytest.raises(RuntimeError), shop.services.database.write() as session:
            shop.services.catalog.outbox.add(session, product_id)
            raise RuntimeError("the transaction is rolled back")
    assert count(shop) == 0


def test_it_is_tried_again_with_the_same_id_and_then_given_up_and_replayed(
    make: ShopMaker, caplog: pytest.LogCaptureFixture
) -> None:
    with Receiver(*[500] * (len(PAUSES) + 1)) as receiver:
        url = f"{receiver.url}/T0/secret-in-its-path"
        shop = make(receiver, webhook_urls=(url,))
        webhooks = shop.services.webhooks
        product_id, _ = shop.reviewable()
        shop.services.catalog.review(product_id, "rejected", who="ann")
        for attempt in range(len(PAUSES) + 1):
            assert webhooks.deliver() == 0
            assert len(receiver.received) == attempt + 1
            webhooks.deliver()  # not due: the pause is kept
            assert len(receiver.received) == attempt + 1
            make_due(shop)
        [view] = webhooks.latest()
        assert (view.state, view.attempts) == ("given_up", len(PAUSES) + 1)
        assert f"gave up on {view.message_id} at http://{receiver.place}: 500" in caplog.text
        assert "secret-in-its-path" not in caplog.text
        assert view.error is not None
        assert view.error.startswith("500 from 127.0.0.1:")
        assert webhooks.replay() == 1
        assert webhooks.deliver() == 1
        assert webhooks.latest()[0].state == "delivered"
        assert webhooks.replay() == 0
        assert webhooks.replay(product_id=product_id) == 1
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 1


def test_an_unreachable_receiver_does_not_delay_another(make: ShopMaker) -> None:
    with Receiver() as here:
        away = "http://127.0.0.1:1/hook"
        shop = make(here, webhook_urls=(away, here.url), webhook_hosts=("127.0.0.1:1", here.place))
        for _ in range(3):
            product_id, _ = shop.reviewable()
            shop.services.catalog.review(product_id, "approved", who="ann")
        assert shop.services.webhooks.deliver() == 3
        states = [(view.url, view.attempts) for view in shop.services.webhooks.latest()]
    assert sorted(attempts for url, attempts in states if url == away) == [0, 0, 1]


def test_a_private_receiver_needs_to_be_listed_and_redirects_are_not_followed(
    make: ShopMaker,
) -> None:
    with Receiver() as inner, Receiver(302, headers={"Location": inner.url}) as receiver:
        with pytest.raises(FetchError, match="port 80 or 443"):
            make(None).services.webhooks.post(receiver.url, b"{}", {})
        assert receiver.received == []  # refused before a byte was sent
        with pytest.raises(FetchError, match="302 from"):
            make(receiver).services.webhooks.post(receiver.url, b"{}", {})
        assert inner.received == []


def test_retry_after_is_followed(make: ShopMaker) -> None:
    with Receiver(429, headers={"Retry-After": "1000"}) as receiver:
        shop = make(receiver)
        product_id, _ = shop.reviewable()
        shop.services.catalog.review(product_id, "approved", who="ann")
        shop.services.webhooks.deliver()
        with shop.services.database.read() as session:
            due, moment = session.execute(select(Delivery.not_before, now())).one()
    assert due is not None
    assert 900 < (due - moment).total_seconds() <= 1001


def test_two_processes_deliver_once(make: ShopMaker) -> None:
    with Receiver() as receiver:
        one, two = make(receiver), make(receiver)
        product_id, _ = one.reviewable()
        one.services.catalog.review(product_id, "approved", who="ann")
        receiver.may_answer.clear()
        delivered = in_background(one.services.webhooks.deliver, "one")
        wait_until(lambda: bool(receiver.received))
        assert two.services.webhooks.deliver() == 0
        receiver.may_answer.set()
        assert delivered.result(10) == 1
    assert len(receiver.received) == 1


def test_a_process_that_froze_does_not_undo_what_another_delivered(make: ShopMaker) -> None:
    with Receiver() as receiver:
        shop = make(receiver)
        product_id, _ = shop.reviewable()
        shop.services.catalog.review(product_id, "approved", who="ann")
        webhooks = shop.services.webhooks
        frozen = webhooks._claim_next(receiver.url)
        assert frozen is not None
        make_due(shop)
        assert webhooks.deliver() == 1
        webhooks._note_failure(frozen, FetchError("it took too long"))
        make_due(shop)
        assert webhooks.deliver() == 0
    [view] = webhooks.latest()
    assert (view.state, view.error) == ("delivered", None)


def test_a_secret_being_replaced_signs_with_both(make: ShopMaker) -> None:
    with Receiver() as receiver:
        shop = make(receiver, webhook_secret=f"{OTHER},{SECRET}")
        product_id, _ = shop.reviewable()
        shop.services.catalog.review(product_id, "approved", who="ann")
        shop.services.webhooks.deliver()
    [(headers, body)] = receiver.received
    for secret in (SECRET, OTHER):
        Webhook(secret).verify(body, headers)


def test_old_deliveries_are_deleted(make: ShopMaker) -> None:
    with Receiver() as receiver:
        shop = make(receiver)
        for _ in range(2):
            product_id, _ = shop.reviewable()
            shop.services.catalog.review(product_id, "approved", who="ann")
        shop.services.webhooks.deliver()
        with shop.services.database.write() as session:
            newest = select(func.max(Delivery.id)).scalar_subquery()
            old = update(Delivery).where(Delivery.id < newest)
            session.execute(old.values(created_at=now(-31 * 86_400)))
        shop.services.webhooks.forget_old()
    assert count(shop) == 1


def test_a_worker_delivers_by_itself(make: ShopMaker, tmp_path: Path) -> None:
    import time

    with Receiver() as receiver:
        shop = make(receiver, worker_concurrency=1)
        product_id, _ = shop.reviewable()
        shop.services.catalog.review(product_id, "approved", who="ann")
        services = shop.services
        with services.database.write() as session:  # the clock was years ahead
            session.execute(update(Delivery).values(not_before=now(10 * 365 * 86_400)))
        worker = Worker(services.parts, services.queue, 1, make_upkeep(services))
        worker.start()
        deadline = time.monotonic() + 10
        while not receiver.received and time.monotonic() < deadline:
            time.sleep(0.02)
        assert worker.stop(6)
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"WEBHOOK_URLS": "https://shop.example/hook"}, "WEBHOOK_URLS needs WEBHOOK_SECRET"),
        ({"WEBHOOK_URLS": "shop.example", "WEBHOOK_SECRET": SECRET}, "must be https://"),
        ({"WEBHOOK_SECRET": "whsec_c2hvcnQ="}, "must be whsec_ and base64"),
        ({"WEBHOOK_SECRET": "planted-secret"}, "must be whsec_ and base64"),
    ],
)
def test_a_bad_setting_stops_the_start_without_showing_a_secret(
    environment: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=message) as raised:
        load_settings()
    assert "planted" not in raised.value.message


@pytest.mark.parametrize(
    ("url", "hosts", "reason"),
    [
        ("http://127.0.0.1:8099/planted", (), "port 80 or 443"),
        ("http://erp/planted", (), "not on the public internet"),
        ("https://shop.example/planted", ("127.0.0.1:8099",), "WEBHOOK_HOSTS"),
    ],
)
def test_a_receiver_that_could_never_get_anything_stops_the_start(
    url: str, hosts: tuple[str, ...], reason: str, make: ShopMaker
) -> None:
    with pytest.raises(SettingsError, match=f"WEBHOOK_URLS: .*{reason}") as raised:
        make(None, webhook_urls=(url,), webhook_hosts=hosts, webhook_secret=SECRET)
    assert "planted" not in raised.value.message


def test_the_webhook_commands_list_and_replay_events(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make: ShopMaker
) -> None:
    runner = CliRunner()
    made = runner.invoke(main, ["webhooks", "secret"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    refused = runner.invoke(main, ["webhooks", "replay"])
    assert refused.exit_code == 1
    assert "WEBHOOK_URLS is not set" in refused.output
    monkeypatch.setenv("WEBHOOK_URLS", "https://shop.example/hook")
    monkeypatch.setenv("WEBHOOK_SECRET", made.output.strip())
    shop = Shop(
        sqlite_url,
        tmp_path / "m",
        webhook_urls=("https://shop.example/hook",),
        webhook_secret=SECRET,
    )
    product_id, _ = shop.reviewable()
    shop.services.catalog.review(product_id, "approved", who="ann")
    shop.close()
    listed = json.loads(runner.invoke(main, ["webhooks", "list", "--json"]).output)
    assert [(found["type"], found["state"]) for found in listed] == [
        ("product.reviewed", "waiting")
    ]
    table = runner.invoke(main, ["webhooks", "list"])
    assert "product.reviewed" in table.output
    again = runner.invoke(main, ["webhooks", "replay", "--hours", "1"])
    assert again.output == "1 delivery is due again.\n"


def test_a_narrow_list_of_deliveries_cuts_no_event_address_or_error() -> None:
    """At 80 columns it listed `product.revi...` to `http://127.0...`."""
    url, error = "https://hooks.shop.example/packshot/events", "it answered 503"
    found = DeliveryView(
        1, "msg_1", "product.reviewed", 17, url, "given_up", 10, error, datetime(2026, 11, 30)
    )
    console = Console(width=80)
    with console.capture() as shown:
        console.print(delivery_table([found]))
    lines = [line.split("  ") for line in shown.get().splitlines()[2:]]
    pieces = [piece.strip() for line in lines for piece in line if piece.strip()]
    assert {"product.reviewed", "given_up"} <= set(pieces)
    assert url == "".join(piece for piece in pieces if piece in url)


def test_a_reviewed_product_names_its_approved_pictures(make: ShopMaker) -> None:
    with Receiver() as receiver:
        shop = make(receiver, script_name="/packshot")
        product_id, images = shop.reviewable(variants=3, sku="M-1", name="Mug", view="front")
        shop.services.catalog.review(product_id, "approved", who="ann", image_ids=images[:2])
        assert shop.services.webhooks.deliver() == 1
    [(_, body)] = receiver.received
    data = json.loads(body)["data"]
    assert data["sku"] == "M-1"
    assert [picture["id"] for picture in data["pictures"]] == images[:2]
    for picture in data["pictures"]:
        assert picture["image_url"].startswith("/packshot/media/enhanced/")
        assert picture["alt_text"] == "Mug, front view"


def test_many_pictures_stay_within_what_a_webhook_may_have(make: ShopMaker) -> None:
    with Receiver() as receiver:
        shop = make(receiver)
        product_id, images = shop.reviewable(variants=200, name="कप" * 40)
        shop.services.catalog.review(product_id, "approved", who="ann")
        assert shop.services.webhooks.deliver() == 1
    [(_, body)] = receiver.received
    data = json.loads(body)["data"]
    assert len(body) < 20_000
    assert len(data["pictures"]) + data["pictures_left_out"] == len(images)
    assert data["pictures"]
