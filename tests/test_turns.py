"""Fair turns: no key's backlog and no slow host keeps other products waiting."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from servers.aws import REGION, Aws
from servers.photo_host import PhotoHost, drip
from servers.ports import wait_until
from sqlalchemy import insert, select, text, update
from support.fakes import FakeEnhancer, photo_bytes
from support.plans import plans
from support.products import BOX
from support.shop import Shop

from packshot.database.engine import Database
from packshot.database.models import Product
from packshot.database.types import now
from packshot.download.fetcher import Fetcher
from packshot.download.host_shares import SLOW_SECONDS, HostShares
from packshot.errors import FetchError, PartlyUnavailable
from packshot.products.lookup import Editor
from packshot.serving.worker import make_worker
from packshot.work.claiming.claim import Claim
from packshot.work.claiming.claims import Claims
from packshot.work.claiming.turns import Turns
from packshot.work.claiming.waiting import KeyName, KeyOrder
from packshot.work.worker import Worker

LEASE = 60.0
SLOTS = 4


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


# -- the whole way, on both queues -----------------------------------------------------------------


@contextmanager
def running(
    shop: Shop, hosts: tuple[PhotoHost, PhotoHost], enhancer: FakeEnhancer | None = None
) -> Iterator[Worker]:
    """A worker that calls a host slow after half a second."""
    fetcher = Fetcher([host.address for host in hosts])
    read = HostShares(fetcher, SLOTS, quick_seconds=0.5).fetch
    shop.services.parts = replace(
        shop.services.parts, enhancer=enhancer or FakeEnhancer(), read_raw=read
    )
    worker = make_worker(shop.services)
    worker.start()
    try:
        yield worker
    finally:
        for host in hosts:
            host.__exit__(None, None, None)  # ends what drips
        worker.stop(5)


@pytest.mark.parametrize("second_key", ["bob", "ann"])
@pytest.mark.parametrize("queue", ["database", pytest.param("sqs", marks=pytest.mark.extra)])
def test_a_host_that_drips_delays_no_other_products(
    queue: str,
    second_key: str,
    sqlite_url: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Another key's products, and the same key's at another host."""
    knobs: dict[str, Any] = {"worker_concurrency": SLOTS, "enhanced_images_count": 1}
    if queue == "sqs":
        aws: Aws = request.getfixturevalue("aws")
        knobs |= {"sqs_queue_url": aws.queue(), "aws_region": REGION}
    shop = Shop(sqlite_url, tmp_path / "media", **knobs)
    slow = PhotoHost({"/photo.jpg": drip(b"x" * 1000, 1.0)}).__enter__()
    quick = PhotoHost({"/photo.jpg": photo_bytes(side=64)}).__enter__()
    with running(shop, (slow, quick)):
        create(shop, slow, "ann", 8 * SLOTS)
        wait_until(lambda: slow.connections >= SLOTS)
        began = time.monotonic()
        ids = create(shop, quick, second_key, 8)
        wait_until(lambda: all_made(shop, ids))
        assert time.monotonic() - began < 80  # 400 s when each waited for its turn behind the drips
        assert slow.connections >= SLOTS, "one host alone may use all slots, until it is slow"
    shop.close()


def create(shop: Shop, host: PhotoHost, key: str, count: int) -> list[int]:
    new = replace(BOX, raw_image=host.url("/photo.jpg"), submitted_by=key)
    ids = [product.id for product in shop.services.catalog.create([new] * count).products]
    shop.services.catalog.sender.flush()
    return ids


def all_made(shop: Shop, ids: list[int]) -> bool:
    return all(shop.services.catalog.product(each).status == "pending_review" for each in ids)


@pytest.mark.parametrize("queue", ["database", pytest.param("sqs", marks=pytest.mark.extra)])
def test_a_redo_comes_before_the_first_rounds_that_wait(
    queue: str, sqlite_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A person waits for it; every other product is still the one that waited longest."""
    knobs: dict[str, Any] = {"worker_concurrency": 1, "enhanced_images_count": 1}
    if queue == "sqs":
        aws: Aws = request.getfixturevalue("aws")
        knobs |= {"sqs_queue_url": aws.queue(), "aws_region": REGION}
    shop, enhancer = Shop(sqlite_url, tmp_path / "media", **knobs), FakeEnhancer()
    host = PhotoHost({"/photo.jpg": photo_bytes(side=64)}).__enter__()
    redone = create(shop, host, "ann", 3)
    for number in redone:
        shop.services.catalog.cancel(number, by=Editor("ann"))
    first = create(shop, host, "ann", 9)
    for number in redone:
        shop.services.catalog.enhance(number, by=Editor("ann"), instructions="whiter, please")
    shop.services.catalog.sender.flush()
    with running(shop, (host, host), enhancer):
        wait_until(lambda: all_made(shop, [*first, *redone]))
    begun = list(dict.fromkeys(number for number, _, _ in enhancer.asked))
    assert begun[:6] == [redone[0], first[0], redone[1], first[1], redone[2], first[2]]
    shop.close()


# -- whose turn it is ------------------------------------------------------------------------------


def claimed(turns: Turns, key: KeyName, token: str) -> Claim:
    claim = Claim(
        1,
        token,
        1,
        False,
        "Boxes",
        "https://shop.example/a.jpg",
        "n",
        key,
        1,
        1,
        None,
        None,
        None,
        frozenset(),
        frozenset(),
    )
    turns.begin(claim)
    return claim


def next_key(turns: Turns) -> KeyName:
    return turns.order({"ann": False, "bob": False})[0][0]


def test_keys_run_onces_by_the_time_that_their_products_take(clock: Clock) -> None:
    """One key's products take 30 s, the other's 1 s: each gets half of the only slot's time."""
    turns, seconds = Turns(clock), dict[KeyName, float]({"ann": 30.0, "bob": 1.0})
    used = dict.fromkeys(seconds, 0.0)
    for number in range(200):
        key = next_key(turns)
        claim = claimed(turns, key, str(number))
        clock.now += seconds[key]
        used[key] += seconds[key]
        turns.end(claim)
    assert abs(used["ann"] - used["bob"]) <= 30


def test_products_at_work_count_at_once(clock: Clock) -> None:
    turns = Turns(clock)
    served = []
    for number in range(8):
        served.append(next_key(turns))
        claimed(turns, served[-1], str(number))
    assert served.count("ann") == served.count("bob") == 4


def test_a_key_that_returns_has_saved_up_no_turns(clock: Clock) -> None:
    turns = Turns(clock)
    for number in range(100):  # ann alone
        claim = claimed(turns, "ann", str(number))
        clock.now += 10
        turns.end(claim)
    served = []
    for number in range(100, 120):
        served.append(next_key(turns))
        claim = claimed(turns, served[-1], str(number))
        clock.now += 10
        turns.end(claim)
    assert 9 <= served.count("bob") <= 11


# -- the claim -------------------------------------------------------------------------------------


def add(database: Database, key: str | None, age: float) -> int:
    row = {"category": "Shoes", "raw_image": "https://example.com/a.jpg", "mrp": 2, "price": 1}
    with database.write() as session:
        new = insert(Product).values(**row, queued_at=now(-age), submitted_by=key)
        return session.scalars(new.returning(Product.id)).one()


def test_the_claim_is_of_the_key_in_turn_and_of_its_oldest_product(database: Database) -> None:
    young, old = add(database, "bob", 10), add(database, "bob", 20)
    nobodys = add(database, None, 5)
    add(database, "ann", 30)
    claims, seen = Claims(database, LEASE, wanted=1), []

    def order(keys: Any) -> list[Any]:
        seen.append(list(keys))
        return [(key, False) for key in ("bob", None, "ann") if key in keys]

    taken = [claims.claim_next(order) for _ in range(3)]
    assert [claim.product_id for claim in taken if isinstance(claim, Claim)] == [
        old,
        young,
        nobodys,
    ]
    assert seen[0] == [None, "ann", "bob"]


def test_a_redo_is_found_among_its_keys_products_and_a_replaced_photo_is_none(
    database: Database,
) -> None:
    others, old = add(database, None, 40), add(database, "bob", 30)
    young, redone = add(database, "bob", 15), add(database, "bob", 10)
    with database.write() as session:
        session.execute(update(Product).where(Product.id == redone).values(round=2))
        replaced = update(Product).where(Product.id == young).values(round=3, photo_since=3)
        session.execute(replaced)
    claims = Claims(database, LEASE, wanted=1)
    taken = [claims.claim_next(bobs_redos_first) for _ in range(3)]
    found = [claim.product_id for claim in taken if isinstance(claim, Claim)]
    assert found == [redone, old, young]
    assert others not in found


def bobs_redos_first(waiting: Mapping[KeyName, bool]) -> list[tuple[KeyName, bool]]:
    return sorted(waiting.items(), key=lambda it: it[0] != "bob")


def many(database: Database, key: str, count: int) -> None:
    """`count` products of this key, each queued a second before the next one."""
    ago = "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-' || i || ' seconds')"
    at = ago if database.is_sqlite else "now() - i * interval '1 second'"
    with database.write() as session:
        session.execute(
            text(
                "INSERT INTO products (category, raw_image, mrp, price, queued_at, submitted_by)"
                " WITH RECURSIVE n(i) AS"
                f" (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
                f" SELECT 'Shoes', 'https://example.com/a.jpg', 2, 1, {at}, '{key}' FROM n"
            )
        )


READS_MANY = "SCAN products|TEMP B-TREE|Seq Scan on products|->  Sort "


def test_a_claim_reads_few_rows_however_many_products_wait(database: Database) -> None:
    for key, count in [("ann", 6_000), ("bob", 20), ("zoe", 4_000)]:
        many(database, key, count)
    of_ann = select(Product.id).where(Product.submitted_by == "ann")
    with database.write() as session:
        newest = session.scalars(of_ann.order_by(Product.queued_at.desc()).limit(1)).one()
        session.execute(update(Product).where(Product.id == newest).values(round=2))
        session.execute(text("ANALYZE"))
    claims = Claims(database, LEASE, wanted=1)
    with plans(database, "products") as found:
        assert taken_by(claims, bobs_redos_first) != newest
        assert taken_by(claims, redos_first) == newest
        assert taken_by(claims, redos_first) != newest  # looks among ann's redos in vain
    assert found
    for plan in found:
        assert not re.search(READS_MANY, plan), plan
        assert all(int(rows) < 20 for rows in re.findall(r"Rows Removed by Filter: (\d+)", plan))
    assert sum("ix_products_redo" in plan for plan in found) > 3  # the keys' and the claims'


def redos_first(waiting: Mapping[KeyName, bool]) -> list[tuple[KeyName, bool]]:
    return sorted(waiting.items(), key=str)


def taken_by(claims: Claims, order: KeyOrder) -> int:
    claim = claims.claim_next(order)
    assert isinstance(claim, Claim)
    return claim.product_id


# -- the hosts' shares -----------------------------------------------------------------------------


class Downloads:
    """Stands in for `Fetcher.fetch`: takes the given time, by the test's clock."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds
        self.within: Callable[[], None] = lambda: None

    def check(self, url: str) -> None:
        return None

    def fetch(self, url: str, seconds: float | None = None) -> bytes:
        within, self.within = self.within, lambda: None
        within()
        limit = 30.0 if seconds is None else seconds
        self.clock.now += min(self.seconds, limit)
        if self.seconds > limit:
            raise FetchError("it took too long", code="timed_out", retryable=True)
        return b"photo"


def test_a_slow_download_beside_its_hosts_share_is_broken_off(clock: Clock) -> None:
    downloads = Downloads(clock, 20.0)
    places = HostShares(downloads, slots=2, clock=clock)  # so one slow one for each host
    broken_off: list[float] = []

    def beside() -> None:
        began = clock.now
        with pytest.raises(PartlyUnavailable):
            places.fetch("https://slow.example/2.jpg")
        broken_off.append(clock.now - began)
        with pytest.raises(PartlyUnavailable):  # and now it is known
            places.fetch("https://slow.example/3.jpg")
        broken_off.append(clock.now - began)

    downloads.within = beside
    assert places.fetch("https://slow.example/1.jpg") == b"photo"
    assert broken_off == [5.0, 5.0]
    assert places.fetch("https://slow.example/2.jpg") == b"photo"  # there is a place again


def test_a_quick_host_may_use_all_slots(clock: Clock) -> None:
    downloads = Downloads(clock, 1.0)
    places = HostShares(downloads, slots=2, clock=clock)
    inside: list[bytes] = []
    downloads.within = lambda: inside.append(places.fetch("https://quick.example/2.jpg"))
    places.fetch("https://quick.example/1.jpg")
    assert inside == [b"photo"]


def test_slow_hosts_together_leave_a_quarter_of_the_slots(clock: Clock) -> None:
    """As many names as an adversary likes, each with one slow download at most."""
    downloads = Downloads(clock, 20.0)
    places = HostShares(downloads, slots=4, clock=clock)
    allowed: list[int] = []

    def nest(number: int) -> None:
        if number < 4:
            downloads.within = lambda: nest(number + 1)
        try:
            places.fetch(f"https://{number}.example/a.jpg")
        except PartlyUnavailable:
            return
        allowed.append(number)

    nest(0)
    assert sorted(allowed) == [0, 1, 2]


def test_with_one_slot_a_slow_host_is_paused_as_long_as_it_took(clock: Clock) -> None:
    downloads = Downloads(clock, 20.0)
    places = HostShares(downloads, slots=1, clock=clock)
    places.fetch("https://slow.example/1.jpg")
    with pytest.raises(PartlyUnavailable):
        places.fetch("https://slow.example/2.jpg")
    downloads.seconds = 1.0
    assert places.fetch("https://quick.example/a.jpg") == b"photo"
    clock.now += 20
    assert places.fetch("https://slow.example/2.jpg") == b"photo"


def test_a_slow_host_may_become_quick(clock: Clock) -> None:
    downloads = Downloads(clock, 20.0)
    places = HostShares(downloads, slots=2, clock=clock)
    places.fetch("https://host.example/1.jpg")
    downloads.seconds = 1.0
    clock.now += SLOW_SECONDS
    inside: list[bytes] = []
    downloads.within = lambda: inside.append(places.fetch("https://host.example/2.jpg"))
    places.fetch("https://host.example/1.jpg")
    assert inside == [b"photo"]
    assert not places._slow_until
