"""Products are sent beside the request that made them, or later by any worker."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from servers.ports import PATIENCE
from sqlalchemy import func, select
from support.fakes import SlowQueue
from support.products import BOX, age

from packshot.database.engine import Database
from packshot.database.models import Product
from packshot.errors import Unavailable
from packshot.products.catalog import Catalog
from packshot.queues.sender import AT_ONCE, LAST_SECONDS


@pytest.fixture
def queue() -> SlowQueue:
    return SlowQueue()


@pytest.fixture
def catalog(database: Database, queue: SlowQueue) -> Catalog:
    return Catalog(database, queue, wanted=2)


def sent(database: Database) -> int:
    with database.read() as session:
        count = select(func.count()).select_from(Product).where(Product.sent_at.is_not(None))
        return session.scalar(count) or 0


def test_no_request_waits_for_the_queue_and_all_is_sent_in_the_end(
    catalog: Catalog, queue: SlowQueue
) -> None:
    ids = [each.id for _ in range(7) for each in catalog.create([BOX] * 50).products]
    assert (queue.waiting, sent(catalog.database)) == ([], 0)
    queue.gate.set()
    catalog.sender.flush()
    assert queue.waiting == ids
    assert sent(catalog.database) == len(ids)
    assert max(queue.sizes) <= AT_ONCE


def test_its_thread_ends_with_the_work_and_the_next_products_start_one(
    catalog: Catalog, queue: SlowQueue
) -> None:
    queue.gate.set()
    for number in (1, 2):
        catalog.create([BOX])
        catalog.sender.flush()
        assert sent(catalog.database) == number
    deadline = time.monotonic() + 5  # it says that it ends a moment before it does
    while "packshot-sender" in {thread.name for thread in threading.enumerate()}:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_unexpected_error_does_not_end_the_sending(catalog: Catalog, queue: SlowQueue) -> None:
    queue.trouble = SystemExit("somewhere deep inside")
    queue.gate.set()
    catalog.create([BOX])
    catalog.sender.flush()
    queue.trouble = None
    catalog.create([BOX])
    catalog.sender.flush()
    assert len(queue.waiting) == 1


def test_without_a_thread_the_request_is_answered_and_the_products_are_sent_later(
    catalog: Catalog, queue: SlowQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.gate.set()
    with monkeypatch.context() as machine:
        machine.setattr(threading.Thread, "start", no_thread_left)
        first = catalog.create([BOX]).products[0]
    second = catalog.create([BOX]).products[0]
    catalog.sender.flush()
    assert queue.waiting == [second.id]
    age(catalog.database, "queued_at", 60)
    assert catalog.sender.resend() == 1
    assert queue.waiting == [second.id, first.id]


def test_a_thread_that_died_is_replaced(
    catalog: Catalog, queue: SlowQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a lack of memory between two groups, say: nothing can be caught everywhere."""
    queue.gate.set()
    with monkeypatch.context() as machine:
        machine.setattr(threading.Thread, "run", lambda thread: None)
        lost = catalog.create([BOX]).products[0]
        catalog.sender.flush()
    second = catalog.create([BOX]).products[0]
    catalog.sender.flush()
    assert queue.waiting == [lost.id, second.id]


def test_what_was_never_sent_needs_no_count_of_the_queue(
    catalog: Catalog, queue: SlowQueue
) -> None:
    """GetQueueAttributes may be denied, while one sent long ago makes it be asked."""
    queue.gate.set()
    old = catalog.create([BOX]).products[0]
    catalog.sender.flush()
    queue.refuses = {old.id + 1}
    never = catalog.create([BOX]).products[0]
    catalog.sender.flush()
    age(catalog.database, "queued_at", 60)
    age(catalog.database, "sent_at", 500)
    queue.waiting, queue.refuses = [], set()
    queue.untold = Unavailable("sqs:GetQueueAttributes is denied")
    with pytest.raises(Unavailable, match="denied"):
        catalog.sender.resend()
    assert queue.waiting == [never.id]


def test_only_what_the_queue_took_counts_as_sent_again(catalog: Catalog, queue: SlowQueue) -> None:
    queue.gate.set()
    queue.trouble = Unavailable("away")
    catalog.create([BOX, BOX])
    catalog.sender.flush()
    age(catalog.database, "queued_at", 60)
    assert catalog.sender.resend() == 0
    queue.trouble = None
    assert catalog.sender.resend() == 2


def test_a_product_that_a_process_may_still_be_sending_is_left_to_it(
    catalog: Catalog, queue: SlowQueue
) -> None:
    catalog.create([BOX])
    age(catalog.database, "queued_at", 10)
    assert catalog.sender.resend() == 0
    queue.gate.set()
    catalog.sender.flush()
    assert len(queue.waiting) == 1


def test_what_was_sent_hours_ago_is_sent_again_however_full_the_queue_is(
    catalog: Catalog, queue: SlowQueue
) -> None:
    """Strays that stay hidden there must not pass for the lost ones for days."""
    queue.gate.set()
    product = catalog.create([BOX]).products[0]
    catalog.sender.flush()
    queue.waiting = [4711, 4712]
    age(catalog.database, "sent_at", 3600)
    assert catalog.sender.resend() == 0
    age(catalog.database, "sent_at", 7 * 3600)
    assert catalog.sender.resend() == 1
    assert queue.waiting == [4711, 4712, product.id]


def no_thread_left(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


PROGRAM = """
import sys, time
from support.fakes import SlowQueue
from support.products import BOX, Database
from packshot.products.catalog import Catalog
database, queue = Database(sys.argv[1]), SlowQueue()
queue.gate.wait = lambda seconds: time.sleep(float(sys.argv[2]))
Catalog(database, queue, wanted=2).create([BOX] * 1000)
print(time.monotonic())
"""


@pytest.mark.extra
@pytest.mark.parametrize(
    ("seconds_each", "least", "most"), [(0.02, 1000, 1000), (1.0, AT_ONCE, 500), (60.0, 0, 0)]
)
def test_a_process_that_ends_sends_what_it_can_in_a_moment(
    sqlite_url: str, seconds_each: float, least: int, most: int
) -> None:
    """And leaves the rest to the re-sender: a queue that hangs delays no restart."""
    command = [sys.executable, "-c", PROGRAM, sqlite_url, str(seconds_each)]
    folder = Path(__file__).parent
    ran = subprocess.run(command, check=True, timeout=PATIENCE, cwd=folder, stdout=subprocess.PIPE)
    ending = time.monotonic() - float(ran.stdout)
    database = Database(sqlite_url)
    assert least <= sent(database) <= most
    assert ending < LAST_SECONDS + 4
    database.close()
