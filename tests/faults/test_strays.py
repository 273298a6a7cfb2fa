"""Doubled, late and stray messages, frozen workers and jumping clocks: nothing doubled or stuck."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import missing
from servers.packshot_process import PackshotProcess
from sqlalchemy import delete, update

from faults.rig import LEASE, WANTED, Rig
from faults.warm import WarmWorker
from packshot.database.models import Product, Round
from packshot.database.types import now
from packshot.queues.sqs import SqsQueue


def assert_done_once(rig: Rig, products: int) -> None:
    audit = rig.paid_once()
    assert audit.statuses == {"pending_review": products}
    assert audit.rows == products * WANTED


def shower(rig: Rig, bodies: list[str]) -> None:
    assert rig.aws is not None
    assert isinstance(rig.queue, SqsQueue)
    for body in bodies:
        rig.aws.sqs.send_message(QueueUrl=rig.queue.url, MessageBody=body)


def test_duplicate_and_foreign_messages_are_harmless(on_cloud: Rig) -> None:
    rig = on_cloud
    ids = rig.create(8)
    gone = rig.create(1)
    with rig.database.write() as session:
        session.execute(delete(Round).where(Round.product_id.in_(gone)))
        session.execute(delete(Product).where(Product.id.in_(gone)))
    more = [json.dumps({"product_id": number}) for number in ids * 2]
    more += ["4711", "no json", "{}", '{"product_id": "1; DROP TABLE products"}']
    random.Random(1).shuffle(more)
    shower(rig, more)
    # No worker dies here: the lease is long enough for a starved machine.
    crew = [rig.worker(LEASE_SECONDS="30"), rig.worker(LEASE_SECONDS="30")]
    with rig.running(*crew):
        rig.wait_done()
        shower(rig, more)  # and again after all is done
        rig.until(lambda: rig.queue.depth().waiting == 0)
        assert_done_once(rig, len(ids))
        assert all(worker.stop() == 0 for worker in crew)


def test_messages_lost_in_the_queue_are_sent_again(on_cloud: Rig) -> None:
    rig = on_cloud
    ids = rig.create(3)
    assert rig.aws is not None
    assert isinstance(rig.queue, SqsQueue)
    rig.aws.sqs.purge_queue(QueueUrl=rig.queue.url)
    with rig.database.write() as session:
        session.execute(update(Product).values(sent_at=now(-500)))
    worker = rig.worker()
    with rig.running(worker):
        rig.wait_done()
        assert_done_once(rig, len(ids))


def freeze(rig: Rig, worker: WarmWorker) -> None:
    """Not in the middle of a write: on SQLite that blocks all others until it is woken."""
    for _ in range(50):
        worker.send(signal.SIGSTOP)
        rig.until(lambda: psutil.Process(worker.pid).status() == psutil.STATUS_STOPPED)
        time.sleep(0.1)  # its other threads too
        if not rig.database.is_sqlite:
            return
        connection = sqlite3.connect(str(rig.database.url.database), timeout=0.2)
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError:
            worker.send(signal.SIGCONT)
            time.sleep(0.05)
        finally:
            connection.close()
    raise AssertionError("it writes all the time")


def test_a_worker_frozen_longer_than_its_lease_changes_nothing(rig: Rig) -> None:
    rig.fake.latency = 1.0
    ids = rig.create(2)
    frozen = rig.worker(WORKER_CONCURRENCY="2")
    with rig.running(frozen):
        rig.until(lambda: len(rig.fake.paid()) >= 2)
        freeze(rig, frozen)
        other = rig.worker()
        with rig.running(other):
            # If it froze inside a transaction, PostgreSQL frees its row after 60 s.
            rig.wait_done()
            images = {key: rig.digest(key) for key in rig.object_keys()}
            frozen.send(signal.SIGCONT)
            time.sleep(2)  # longer than its calls take
            assert {key: rig.digest(key) for key in rig.object_keys()} == images
            assert other.stop() == 0
        late = rig.create(1)  # the one that froze is well
        rig.wait_done(late)
        audit = rig.audit()
        assert (audit.faults, audit.statuses) == ([], {"pending_review": len(ids) + 1})
        assert sum(audit.repeated.values()) <= len(ids) * WANTED  # what it had begun
        assert frozen.stop() == 0


@pytest.mark.parametrize("jump", ["+1h", "-1h"])
def test_a_worker_whose_clock_is_an_hour_off_is_killed(rig: Rig, jump: str) -> None:
    """On SQLite the lease is then an hour off too; on PostgreSQL the server's clock counts."""
    if shutil.which("faketime") is None:
        missing("faketime is not installed: apt-get install faketime")
    rig.fake.latency = 1.0
    ids = rig.create(2)
    command = ("faketime", "-f", jump, sys.executable, "-m", "src.worker")
    skewed = PackshotProcess(rig.folder, command, rig.environment).start()
    with rig.running(skewed):
        rig.until(lambda: len(rig.fake.paid()) >= 2)
        os.killpg(skewed.pid, signal.SIGKILL)  # faketime and the worker it started
        skewed.stop(signal.SIGKILL)
    remove_memory_of_faketime(skewed.pid)
    other = rig.worker()
    with rig.running(other):
        rig.wait_done(seconds=LEASE * 4 + 40)
        audit = rig.audit()
        assert (audit.faults, audit.statuses) == ([], {"pending_review": len(ids)})
        assert other.stop() == 0


def remove_memory_of_faketime(pid: int) -> None:
    """What it shares with its children, and removes unless it is killed."""
    for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
        Path("/dev/shm", name).unlink(missing_ok=True)


#: Its clock_nanosleep refuses a moment of a monotonic clock that is not faked, which is how Python
#: sleeps; waiting for an event goes another way.
WORKER_UNDER_FAKETIME = """
import runpy, threading, time
time.sleep = lambda seconds: threading.Event().wait(seconds) and None
runpy.run_module("src.worker", run_name="__main__")
"""


def test_a_clock_that_jumps_an_hour_during_a_lease_changes_nothing(rig: Rig) -> None:
    """Forth and back, while products are claimed; where the server's clock counts, with another
    worker beside it, which would take over what looks abandoned."""
    clock = rig.folder / "clock"
    clock.write_text("+0s")
    more = {
        "LD_PRELOAD": faketime_library(),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # a clock that is set moves no monotonic one
        "LEASE_SECONDS": "30",
        "WORKER_CONCURRENCY": "2",
    }
    rig.fake.latency = 1.0
    command = (sys.executable, "-c", WORKER_UNDER_FAKETIME)
    jumping = PackshotProcess(rig.folder, command, rig.environment | more).start()
    crew = [] if rig.aws is None else [rig.worker(LEASE_SECONDS="30", WORKER_CONCURRENCY="1")]
    with rig.running(jumping, *crew):
        jumping.wait_for_line("Worker thread started")
        for jump in ("+3600s", "+0s"):
            before = jumping.log().count("Received message")
            rig.create(3)  # the last one is claimed after the jump
            jumping.wait_for_line("Received message", before + 1)
            clock.write_text(jump)
            rig.wait_done()
        assert_done_once(rig, 6)
        assert jumping.stop() == 0


def faketime_library() -> str:
    if shutil.which("faketime") is None:
        missing("faketime is not installed: apt-get install faketime")
    show = ["faketime", "-m", "-f", "+0s", "printenv", "LD_PRELOAD"]
    return subprocess.run(show, check=True, capture_output=True, text=True).stdout.strip()


def test_an_old_claim_of_a_dead_process_is_taken_over(rig: Rig) -> None:
    ids = rig.create(2)
    with rig.database.write() as session:
        session.execute(
            update(Product).values(token="of-the-dead", lease_until=now(-1800), attempts=1)
        )
    worker = rig.worker()
    with rig.running(worker):
        rig.wait_done()
        assert_done_once(rig, len(ids))
