"""Products are sent beside the request that made them, by whoever is left to do it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from fakes import FakeQueue
from sqlalchemy import func, select, update
from test_catalog import BOX, LEASE

from packshot.catalog import Catalog
from packshot.database import Database
from packshot.models import Product, now
from packshot.sender import AT_ONCE


class SlowQueue(FakeQueue):
    """Takes nothing before its gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.sizes: list[int] = []

    def send(self, product_ids: Sequence[int]) -> set[int]:
        self.gate.wait(20)
        self.sizes.append(len(product_ids))
        return super().send(product_ids)


@pytest.fixture
def queue() -> SlowQueue:
    return SlowQueue()


@pytest.fixture
def catalog(database: Database, queue: SlowQueue) -> Catalog:
    return Catalog(database, queue, wanted=2, lease_seconds=LEASE)


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


def test_its_thread_ends_with_the_work_and_the_next_products_begin_one(
    catalog: Catalog, queue: SlowQueue
) -> None:
    queue.gate.set()
    for number in (1, 2):
        catalog.create([BOX])
        catalog.sender.flush()
        assert sent(catalog.database) == number
    assert "packshot-sender" not in {thread.name for thread in threading.enumerate()}


def test_a_fault_that_should_not_be_does_not_end_the_sending(
    catalog: Catalog, queue: SlowQueue
) -> None:
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
    with catalog.database.write() as session:
        session.execute(update(Product).values(queued_at=now(-10)))
    assert catalog.sender.resend() == 1
    assert queue.waiting == [second.id, first.id]


def no_thread_left(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


PROGRAM = """
import sys, time
from test_sender import BOX, LEASE, Catalog, Database, SlowQueue
database, queue = Database(sys.argv[1]), SlowQueue()
queue.gate.wait = lambda seconds: time.sleep(float(sys.argv[2]))
Catalog(database, queue, wanted=2, lease_seconds=LEASE).create([BOX] * 1000)
"""


@pytest.mark.parametrize(("seconds_each", "whole"), [("0.02", True), ("1.0", False)])
def test_a_process_that_ends_sends_what_it_can_in_a_moment(
    sqlite_url: str, seconds_each: str, whole: bool
) -> None:
    """And leaves the rest to the re-sender: a queue that hangs holds up no restart."""
    began = time.monotonic()
    command = [sys.executable, "-c", PROGRAM, sqlite_url, seconds_each]
    subprocess.run(command, check=True, timeout=30, cwd=Path(__file__).parent)
    database = Database(sqlite_url)
    assert (sent(database) == 1000) == whole
    assert sent(database) >= AT_ONCE
    assert time.monotonic() - began < 9
    database.close()
