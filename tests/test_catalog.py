"""Creating, deciding, redoing and finding products, on both databases."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event, select, text
from support.fakes import FakeQueue, SentCatalog, analysis_of
from support.products import BOX, LEASE, age, record, taken

from packshot.database.engine import Database
from packshot.database.models import Decision, Round
from packshot.errors import Conflict, NotFound, PackshotError, Unavailable
from packshot.products.catalog import Catalog
from packshot.products.intake.idempotency import Idempotency
from packshot.products.lists import Filter
from packshot.products.lookup import Editor
from packshot.products.seller_fields import NewProduct
from packshot.products.slow_answers import QUICK
from packshot.work.claiming.claim import Claim
from packshot.work.claiming.claims import Claims

MOST = Decimal("9999999999.99")


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def catalog(database: Database, queue: FakeQueue) -> Catalog:
    return SentCatalog(database, queue, wanted=2)


@pytest.fixture
def claims(database: Database) -> Claims:
    return Claims(database, LEASE, wanted=2)


def reviewable(catalog: Catalog, claims: Claims) -> int:
    """A product with two pictures, waiting for its reviewer."""
    product_id = catalog.create([BOX]).products[0].id
    finish(claims, product_id)
    return product_id


def finish(claims: Claims, product_id: int) -> None:
    claim = taken(claims, product_id)
    claims.save_analysis(claim, "local", analysis_of(2).model_dump())
    for variant in claim.missing:
        claims.record_image(claim, record(variant))
    claims.complete(claim)


def test_created_products_are_pending_queued_and_sent(catalog: Catalog, queue: FakeQueue) -> None:
    created = catalog.create([BOX, BOX])
    assert [product.status for product in created.products] == ["pending", "pending"]
    assert queue.waiting == [product.id for product in created.products]
    stored = catalog.product(created.products[0].id)
    assert (stored.mrp, stored.gst, stored.wanted) == (Decimal("10.00"), Decimal("18.00"), 2)


def test_money_is_exact(catalog: Catalog) -> None:
    largest = NewProduct("x", "https://a/b", MOST, MOST, MOST, Decimal("0.10"))
    stored = catalog.product(catalog.create([largest]).products[0].id)
    assert (stored.mrp, stored.gst) == (Decimal("9999999999.99"), Decimal("0.10"))


def test_a_queue_that_is_away_loses_nothing(catalog: Catalog, queue: FakeQueue) -> None:
    queue.trouble = Unavailable("the queue is away")
    product_id = catalog.create([BOX]).products[0].id
    queue.trouble = None
    age(catalog.database, "queued_at", 60)
    assert catalog.sender.resend() == 1
    assert queue.waiting == [product_id]
    assert catalog.sender.resend() == 0


def test_entries_the_queue_refused_are_sent_again(catalog: Catalog, queue: FakeQueue) -> None:
    first = catalog.create([BOX]).products[0].id
    queue.refuses = {first + 1}
    second = catalog.create([BOX, BOX]).products[0].id
    queue.refuses, queue.waiting = set(), []
    age(catalog.database, "queued_at", 60)
    catalog.sender.resend()
    assert queue.waiting == [second]


def test_a_lost_message_is_sent_again_after_a_while(catalog: Catalog, queue: FakeQueue) -> None:
    product_id = catalog.create([BOX]).products[0].id
    queue.waiting = []
    age(catalog.database, "queued_at", 60)
    assert catalog.sender.resend() == 0
    age(catalog.database, "sent_at", 500)
    catalog.sender.resend()
    assert queue.waiting == [product_id]


def test_old_messages_of_a_long_backlog_are_not_sent_again(
    catalog: Catalog, queue: FakeQueue
) -> None:
    ids = [product.id for product in catalog.create([BOX] * 5).products]
    age(catalog.database, "sent_at", 500)
    assert catalog.sender.resend() == 0
    queue.waiting = ids[2:]
    assert catalog.sender.resend() == 2


def test_a_queue_that_is_away_is_not_waited_for_by_every_request(
    database: Database, queue: FakeQueue
) -> None:
    moments = iter([0.0, 1.0, 2.0, 100.0])
    catalog = SentCatalog(database, queue, wanted=2, clock=lambda: next(moments))
    queue.trouble = Unavailable("away")
    catalog.create([BOX])
    queue.trouble = None
    catalog.create([BOX])
    assert queue.waiting == []
    third = catalog.create([BOX]).products[0]
    assert queue.waiting == [third.id]


def test_the_same_key_and_body_create_once(catalog: Catalog) -> None:
    key = Idempotency("shop", "k1", "digest")
    first, second = (catalog.create([BOX], idempotency=key) for _ in range(2))
    assert second.replayed
    assert [p.id for p in first.products] == [p.id for p in second.products]
    assert first.products == second.products
    with pytest.raises(Conflict) as caught:
        catalog.create([BOX], idempotency=Idempotency("shop", "k1", "other"))
    assert caught.value.code == "idempotency_mismatch"
    assert len(catalog.products().products) == 1


def test_one_key_sent_by_many_at_once_creates_once(catalog: Catalog) -> None:
    key = Idempotency("shop", "k1", "digest")
    answers: list[object] = []

    def send() -> None:
        try:
            answers.append(catalog.create([BOX], idempotency=key))
        except PackshotError as error:
            answers.append(error)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(catalog.products().products) == 1
    assert all(getattr(a, "code", "idempotency_running") == "idempotency_running" for a in answers)


def test_pages_are_newest_first_and_join_up(catalog: Catalog) -> None:
    ids = [product.id for product in catalog.create([BOX] * 5).products]
    seen, cursor = [], None
    while True:
        page = catalog.products(limit=2, cursor=cursor)
        seen += [product.id for product in page.products]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == ids[::-1]


@pytest.mark.parametrize("cursor", ["", "x", "////", "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"])
def test_a_strange_cursor_is_refused(catalog: Catalog, cursor: str) -> None:
    with pytest.raises(Conflict):
        catalog.products(cursor=cursor)


def test_lists_filter(catalog: Catalog, claims: Claims) -> None:
    done = reviewable(catalog, claims)
    batch = catalog.create([BOX])
    assert [p.id for p in catalog.products(Filter(status="pending_review")).products] == [done]
    assert [p.id for p in catalog.products(Filter(batch=batch.batch_id)).products] == [
        batch.products[0].id
    ]
    assert catalog.products(Filter(category="Hats")).products == []


def test_lists_filter_by_the_reason_of_a_rejection(catalog: Catalog, claims: Claims) -> None:
    edges, undone, redone, colour = (reviewable(catalog, claims) for _ in range(4))
    for product_id in (edges, undone, redone):
        catalog.review(product_id, "rejected", who="ann", reason="edges")
    catalog.review(undone, "pending", who="ann")
    catalog.review(undone, "rejected", who="ann", reason="background")
    catalog.enhance(redone, by=Editor("ann"))
    finish(claims, redone)
    catalog.review(redone, "rejected", who="ann")
    catalog.decide(catalog.product(colour).images[0].id, "rejected", who="ann", reason="colour")
    catalog.review(colour, "rejected", who="ann", reason="edges")
    catalog.review(colour, "rejected", who="ann", reason="colour")
    catalog.review(colour, "rejected", who="ann", note="all of them")
    found = catalog.products(Filter(status="rejected", reason="edges")).products
    assert [product.id for product in found] == [edges]
    facets = catalog.facets(Filter("rejected", reason="edges"))
    assert facets.reasons == {"edges": 1, "background": 1, "colour": 1}
    assert (facets.statuses, facets.categories) == ({"rejected": 4}, {"Boxes": 1})
    assert catalog.facets(Filter("pending_review")).reasons == {}


def test_a_product_is_approved_when_all_is_decided_and_one_approved(
    catalog: Catalog, claims: Claims
) -> None:
    product_id = reviewable(catalog, claims)
    first, second = catalog.product(product_id).images
    assert (
        catalog.decide(first.id, "rejected", who="ann", reason="edges").status == "pending_review"
    )
    assert catalog.decide(second.id, "approved", who="ann").status == "approved"
    assert catalog.decide(second.id, "rejected", who="bob").status == "rejected"
    assert catalog.decide(first.id, "pending", who="bob").status == "pending_review"
    history = catalog.history(product_id)
    assert [(line.who, line.status, line.previous) for line in history] == [
        ("bob", "pending", "rejected"),
        ("bob", "rejected", "approved"),
        ("ann", "approved", "pending"),
        ("ann", "rejected", "pending"),
    ]


def test_reviewing_a_product_rejects_what_was_not_named(catalog: Catalog, claims: Claims) -> None:
    product_id = reviewable(catalog, claims)
    chosen = catalog.product(product_id).images[1].id
    view = catalog.review(product_id, "approved", who="ann", image_ids=[chosen])
    assert [image.status for image in view.images] == ["rejected", "approved"]
    assert view.status == "approved"
    with pytest.raises(Conflict):
        catalog.review(product_id, "approved", who="ann", image_ids=[chosen + 1000])


def test_the_slower_reviewer_gets_a_conflict(catalog: Catalog, claims: Claims) -> None:
    product_id = reviewable(catalog, claims)
    seen = catalog.product(product_id)
    catalog.review(product_id, "approved", who="ann", if_version=seen.version)
    with pytest.raises(Conflict) as caught:
        catalog.review(product_id, "rejected", who="bob", if_version=seen.version)
    assert caught.value.code == "stale"
    assert getattr(caught.value.state, "status", None) == "approved"


def test_what_is_not_ready_can_not_be_decided(catalog: Catalog) -> None:
    product_id = catalog.create([BOX]).products[0].id
    with pytest.raises(Conflict):
        catalog.review(product_id, "approved", who="ann")
    with pytest.raises(NotFound):
        catalog.decide(77, "approved", who="ann")
    with pytest.raises(NotFound):
        catalog.product(9_999)


def test_a_redo_opens_the_next_round_and_closes_the_old(catalog: Catalog, claims: Claims) -> None:
    product_id = reviewable(catalog, claims)
    first, second = catalog.product(product_id).images
    catalog.decide(first.id, "approved", who="ann")
    redone = catalog.enhance(product_id, by=Editor("ann"), instructions="less blue")
    assert (redone.status, redone.round, redone.instructions) == ("pending", 2, "less blue")
    old = catalog.product(product_id, all_rounds=True).images
    assert [image.status for image in old] == ["approved", "rejected"]
    assert catalog.history(product_id)[0].reason == "superseded"
    finish(claims, product_id)
    with pytest.raises(Conflict) as caught:
        catalog.decide(second.id, "approved", who="ann")
    assert caught.value.code == "round_closed"
    with catalog.database.read() as session:
        assert session.scalar(select(Round.instructions).where(Round.number == 2)) == "less blue"


def test_a_second_reason_for_the_same_decision_is_kept(catalog: Catalog, claims: Claims) -> None:
    product_id = reviewable(catalog, claims)
    catalog.review(product_id, "rejected", who="ann", reason="edges")
    for _ in range(2):  # a repeated decision is kept once
        catalog.review(product_id, "rejected", who="bob", reason="other", note="the zip is gone")
    catalog.review(product_id, "rejected", who="eve")  # says nothing new
    lines = [line for line in catalog.history(product_id) if line.variant == 0]
    assert [(line.who, line.previous, line.reason, line.note) for line in lines] == [
        ("bob", "rejected", "other", "the zip is gone"),
        ("ann", "pending", "edges", None),
    ]


def test_the_requester_of_a_redo_is_recorded(catalog: Catalog, claims: Claims) -> None:
    product_id = reviewable(catalog, claims)
    catalog.review(product_id, "rejected", who="ann")
    catalog.enhance(product_id, by=Editor("bob"), instructions="less blue")
    assert [found.asked_by for found in catalog.rounds(product_id)] == ["bob", None]


def test_a_redo_gets_the_reasons_of_the_rejected_pictures(catalog: Catalog, claims: Claims) -> None:
    product_id = reviewable(catalog, claims)
    first, second = catalog.product(product_id).images
    catalog.decide(first.id, "rejected", who="ann", reason="text_damaged", note="the E is an F")
    catalog.decide(second.id, "rejected", who="ann", reason="edges")
    catalog.review(product_id, "rejected", who="ann", note="less blue")
    catalog.enhance(product_id, by=Editor("ann"), instructions="less blue")
    assert taken(claims, product_id).complaints == ("text damaged: the E is an F", "edges")


def test_the_batches_of_a_filter_come_newest_first_with_their_times(catalog: Catalog) -> None:
    first, second = catalog.create([BOX, BOX]), catalog.create([BOX])
    found = catalog.facets(Filter("pending"))
    assert list(found.batches.items()) == [(second.batch_id, 1), (first.batch_id, 2)]
    created = catalog.product(first.products[0].id).created_at
    assert datetime.fromisoformat(found.batch_times[first.batch_id]) == created


def test_slow_counts_are_cached_for_each_filter(catalog: Catalog, database: Database) -> None:
    catalog.create([BOX])
    asked: list[str] = []

    def count_slowly(*execution: Any) -> None:
        if "GROUP BY products.category" in execution[2]:
            asked.append(execution[2])
            time.sleep(2 * QUICK)

    event.listen(database.engine, "before_cursor_execute", count_slowly)
    for _ in range(3):
        assert catalog.facets(Filter("pending")).categories == {"Boxes": 1}
        assert catalog.facets(Filter("failed")).categories == {}
    assert len(asked) == 2


def test_a_redo_while_pending_is_a_conflict(catalog: Catalog) -> None:
    product_id = catalog.create([BOX]).products[0].id
    with pytest.raises(Conflict):
        catalog.enhance(product_id, by=Editor("ann"))


def test_a_failed_product_resumes_its_round(catalog: Catalog, claims: Claims) -> None:
    product_id = catalog.create([BOX]).products[0].id
    claim = taken(claims, product_id)
    claims.record_image(claim, record(0))
    claims.fail(claim, Unavailable("no luck", code="x"))
    assert catalog.product(product_id).error == "no luck"
    resumed = catalog.enhance(product_id, by=Editor("ann"))
    assert (resumed.round, resumed.status, resumed.error) == (1, "pending", None)
    assert taken(claims, product_id).missing == [1]


def test_a_row_written_by_hand_is_queued_on_request(
    catalog: Catalog, claims: Claims, queue: FakeQueue
) -> None:
    with catalog.database.write() as session:
        session.execute(
            text(
                "INSERT INTO products (category, raw_image, mrp, price)"
                " VALUES ('Hats', 'https://shop.example/hat.jpg', 10, 9)"
            )
        )
    (row,) = catalog.products().products
    assert row.status == "pending"
    assert not isinstance(claims.claim_next(), Claim)
    catalog.enhance(row.id, by=Editor("ann"))
    assert queue.waiting == [row.id]
    assert isinstance(claims.claim_next(), Claim)


def test_the_documents_queries_run_as_printed(catalog: Catalog, claims: Claims) -> None:
    reviewable(catalog, claims)
    with catalog.database.read() as session:
        count = session.scalar(
            text("SELECT COUNT(*) FROM products WHERE status = 'pending_review';")
        )
        rows = session.execute(
            text(
                "SELECT pi.*, p.category FROM product_images pi"
                " JOIN products p ON pi.product_id = p.id ORDER BY pi.created_at DESC LIMIT 10;"
            )
        ).all()
    assert count == 1
    assert [row.category for row in rows] == ["Boxes", "Boxes"]


def test_undoing_twice_writes_one_decision(catalog: Catalog, claims: Claims) -> None:
    product_id = reviewable(catalog, claims)
    for _ in range(2):
        catalog.review(product_id, "approved", who="ann")
    with catalog.database.read() as session:
        assert len(session.scalars(select(Decision)).all()) == 2


def test_an_undone_decision_does_not_count_as_decided(catalog: Catalog, claims: Claims) -> None:
    kept, undone = reviewable(catalog, claims), reviewable(catalog, claims)
    for product_id in (kept, undone):
        catalog.review(product_id, "rejected", who="ann")
    assert catalog.shop_now().reviewed_last_hour == 2
    catalog.review(undone, "pending", who="ann")
    assert catalog.shop_now().reviewed_last_hour == 1


def test_stats_count(catalog: Catalog, claims: Claims) -> None:
    reviewable(catalog, claims)
    catalog.create([BOX])
    stats = catalog.stats()
    assert stats.products == {"pending": 1, "pending_review": 1}
    assert stats.images == {"pending": 2}
    assert stats.made_last_hour == 2
