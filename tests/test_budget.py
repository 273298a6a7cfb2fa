"""The budget of docs/performance.md, counted: calls, bytes, objects, requests, and SQL statements
each with what it is for."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from servers.aws import REGION, Aws
from servers.ports import wait_until
from sqlalchemy import Engine, event, update
from support.fakes import photo_bytes
from support.shop import Shop, row

from packshot.database.models import FAILED, PENDING_REVIEW, Product
from packshot.enhancers.gemini.pixels import SENT_SIDE
from packshot.queues.sqs import SqsQueue
from packshot.storage import LocalStorage
from packshot.testing.fake_gemini import FakeGemini
from packshot.work import pipeline
from packshot.work.claiming.claim import Claim
from packshot.work.making.normalised_copy import load_photo
from packshot.work.making.parts import Parts
from packshot.work.worker import Worker

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
WANTED = 3
TOGETHER = 20


def budget() -> dict[str, float]:
    """The rows of the table under "The budget": what -> at most."""
    text = DOCUMENT.read_text().split("## The budget", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (.+?) \| ([\d.,]+)(?: KB)? \|", text, re.M)
    return {what: float(most.replace(",", "")) for what, most in rows}


BUDGET = budget()

#: What each SQL statement is for: its beginning and its end (patterns), and how often it may come.
Purposes = dict[str, tuple[str, int]]
OF_A_CLAIM: Purposes = {
    "the keys that have products waiting": (r"WITH RECURSIVE keys", 1),
    "the oldest waiting product of the key in turn, locked": (r"SELECT products\.id, ", 1),
    "the claim: token, lease, attempt": (r"UPDATE products SET attempts", 1),
    "its round: instructions, analysis, digests": (r"SELECT rounds\.", 1),
    "the pictures made before": (r"SELECT product_images\.variant", 1),
}
#: Saved steps: the digest of the normalised copy; the analysis; for each picture its digest and its
#: row; the end.
PAID_CALLS = 1 + WANTED
OF_A_PRODUCT: Purposes = {
    "the end: the product, locked by its token": (
        r"SELECT products\.id, .* AND products\.token = \?$",
        1,
    ),
    "before each picture is stored: is the claim still ours?": (
        r"UPDATE products SET token",
        WANTED,
    ),
    "the digests of the raw image and the normalised copy": (
        r"UPDATE products SET (raw_sha256=\?, )?normalised_sha256",
        1,
    ),
    "before each paid call and each stored answer: is the claim still ours?": (
        r"SELECT products\.id FROM .* AND products\.token = \?$",
        PAID_CALLS + WANTED,
    ),
    "a row for each paid call, before it is sent": (r"INSERT INTO calls", PAID_CALLS),
    "what each paid call cost": (r"UPDATE calls SET", PAID_CALLS),
    "after the analysis and each picture: a new lease, a new version": (
        r"UPDATE products SET (?!status).*version=\(?",
        1 + WANTED,
    ),
    "the digests noted before": (r"SELECT rounds\.digests", WANTED),
    "the end: its round": (r"SELECT rounds\.product_id", 1),
    "the analysis": (r"UPDATE rounds SET enhancer", 1),
    "the digest of each picture, before it is stored": (r"UPDATE rounds SET digests", WANTED),
    "was this picture recorded before?": (r"SELECT product_images\.id FROM", WANTED),
    "the row of each picture": (r"INSERT INTO product_images", WANTED),
    "ready for review, the claim ends": (r"UPDATE products SET status", 1),
    "when the round was ready, and how long its steps took": (r"UPDATE rounds SET ready_at", 1),
}
OF_A_BULK_REQUEST: Purposes = {
    "the digests of uploads as they came": (r"SELECT uploads\.name", 1),
    "one time for the whole batch": (r"SELECT \(strftime", 1),
    "the products": (r"INSERT INTO products", 1),
    "their first rounds": (r"INSERT INTO rounds", 1),
}
OF_A_PAGE: Purposes = {
    "the products": (r"SELECT products\.id, ", 1),
    "their rounds": (r"SELECT rounds\.", 1),
    "what their calls cost": (r"SELECT calls\.", 1),
    "their pictures": (r"SELECT product_images\.", 1),
}


class CountingStorage(LocalStorage):
    """A local folder that counts what is asked of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.asked: Counter[str] = Counter()

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self.asked["put"] += 1
        super().put(key, data, content_type)

    def put_new(self, key: str, data: bytes, content_type: str) -> bool:
        self.asked["put"] += 1
        return super().put_new(key, data, content_type)

    def get(self, key: str) -> bytes:
        self.asked["get"] += 1
        return super().get(key)

    def exists(self, key: str) -> bool:
        self.asked["head"] += 1
        return super().exists(key)


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """Every statement sent to the database, except BEGIN and COMMIT."""
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture(scope="module")
def gemini() -> Iterator[FakeGemini]:
    with FakeGemini(side=1024) as fake:
        yield fake


@pytest.fixture
def shop(sqlite_url: str, tmp_path: Path, gemini: FakeGemini) -> Iterator[Shop]:
    shop = Shop(
        sqlite_url,
        tmp_path / "media",
        gemini_api_key="test",
        google_gemini_base_url=gemini.url,
        enhanced_images_count=WANTED,
    )
    yield shop
    shop.close()


def claim_one(shop: Shop, parts: Parts) -> Claim:
    """One claimed product, with a photo of 12 megapixels."""
    parts.storage.put("uploads/photo", photo_bytes(side=3464), "image/jpeg")
    shop.create(row(raw_image="/media/uploads/photo"))
    claim = parts.claims.claim_next()
    assert isinstance(claim, Claim)
    return claim


def check_purposes(seen: list[str], purposes: Purposes) -> None:
    """Every statement has a purpose, and comes no more often than that needs."""
    found: Counter[str] = Counter()
    for statement in seen:
        text = " ".join(statement.split())
        fits = [what for what, (pattern, _) in purposes.items() if re.match(pattern, text)]
        assert len(fits) == 1, (fits, text)
        found[fits[0]] += 1
    most = Counter({what: count for what, (_, count) in purposes.items()})
    assert found <= most, found - most


def within(what: str, measured: float) -> None:
    assert measured <= BUDGET[what], f"{what}: {measured}, the budget says {BUDGET[what]}"


def test_one_product_stays_within_the_budget(
    shop: Shop, gemini: FakeGemini, tmp_path: Path
) -> None:
    storage = CountingStorage(tmp_path / "media")
    parts = Parts(**vars(shop.services.parts) | {"storage": storage})
    parts.pixels.run(len, b"")  # starts the child
    before = len(gemini.calls)
    gemini.headers.clear()
    with statements(shop.services.database.engine) as seen:
        claim = claim_one(shop, parts)
        before_the_run = len(seen)
        storage.asked.clear()
        pipeline.run(claim, parts)
    sent = sum(int(each.get("content-length", 0)) for each in gemini.headers)
    assert shop.services.catalog.product(claim.product_id).status == PENDING_REVIEW
    assert len(gemini.calls) - before == BUDGET["Gemini calls for a product"] == 1 + WANTED
    within("sent to Gemini for a product", sent / 1000)
    within("SQL statements for a product, after its claim", len(seen) - before_the_run)
    check_purposes(seen[before_the_run:], OF_A_PRODUCT)
    within("objects written for a product", storage.asked["put"])
    within("objects read for a product", storage.asked["get"])
    within("existence checks of objects for a product", storage.asked["head"])


def test_only_the_copy_that_gemini_uses_stays_in_memory(shop: Shop) -> None:
    """Nor decoded a second time for it: the smaller copy is made with the normalised one."""
    claim = claim_one(shop, shop.services.parts)
    photo = load_photo(claim, shop.services.parts)
    assert (photo.width, photo.height) == (SENT_SIDE, SENT_SIDE)
    stored = load_photo(claim, shop.services.parts)
    assert stored.width == 3464


def test_a_claim_stays_within_the_budget(shop: Shop) -> None:
    shop.create()
    with statements(shop.services.database.engine) as seen:
        assert isinstance(shop.services.parts.claims.claim_next(), Claim)
    within("SQL statements for a claim", len(seen))
    check_purposes(seen, OF_A_CLAIM)


def test_a_bulk_request_takes_as_many_statements_however_many_products(shop: Shop) -> None:
    counts = []
    for products in (1, 1000):
        rows = [row(raw_image=f"/media/uploads/{uuid.uuid4()}") for _ in range(products)]
        with statements(shop.services.database.engine) as seen:
            assert shop.bulk(*rows).status_code == 201
        counts.append(len(seen))
        check_purposes(seen, OF_A_BULK_REQUEST)
    within("SQL statements for a bulk request", max(counts))


def test_a_page_takes_as_many_statements_however_many_products(shop: Shop) -> None:
    shop.create(*[row(raw_image="https://x.example/a.jpg")] * 60)
    with statements(shop.services.database.engine) as seen:
        assert len(shop.services.catalog.products(limit=50).products) == 50
    within("SQL statements for a page of products", len(seen))
    check_purposes(seen, OF_A_PAGE)


def test_requests_to_sqs_stay_within_the_budget(shop: Shop, aws: Aws) -> None:
    queue = SqsQueue(aws.queue(), REGION, 30, wait_seconds=1)
    asked = count_requests(queue)
    services = shop.services
    services.catalog.queue = services.catalog.sender.queue = queue
    worker = Worker(services.parts, queue, concurrency=TOGETHER)
    shop.create(*[row(raw_image="https://x.example/a.jpg")] * TOGETHER)
    services.catalog.sender.flush()
    give_up(shop)
    worker.start()
    wait_until(lambda: worker.queue.depth().waiting + worker.queue.depth().in_flight == 0)
    worker.stop(8)
    assert min(asked["SendMessageBatch"], asked["DeleteMessageBatch"]) > 0, "nothing was counted"
    within("SQS requests to send ten products", asked["SendMessageBatch"] * 10 / TOGETHER)
    within("SQS requests to receive and delete a product", count_handled(asked) / TOGETHER)


def give_up(shop: Shop) -> None:
    """Fail all products: their messages are only received, looked up and deleted."""
    with shop.services.database.write() as session:
        session.execute(update(Product).values(status=FAILED))


def count_handled(asked: Counter[str]) -> int:
    """Requests that received or deleted something: without the last two polls."""
    return asked["DeleteMessageBatch"] + asked["ReceiveMessage"] - 2


def count_requests(queue: SqsQueue) -> Counter[str]:
    asked: Counter[str] = Counter()
    for connection in (queue._poller, queue._sqs, queue._sender):
        with connection.client_for("counting") as sqs:
            sqs.meta.events.register(
                "before-call.sqs.*", lambda model, **_: asked.update([model.name])
            )
    return asked
