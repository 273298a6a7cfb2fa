"""kill -9 at every step of the story: everything is finished, nothing is paid twice."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from sqlalchemy import select, update

from faults.chaos import kill_at_random
from faults.killing import create_killed_at, worker_killed_at
from faults.rig import WANTED, Rig
from faults.warm import WarmWorker, run_worker
from packshot.database.models import Product, Take
from packshot.database.types import now

POINTS = (
    "after_receive",
    "after_claim",
    "after_fetch",
    "before_previews",
    "after_normalise",
    "after_analysis",
    "after_answer",
    "after_picture",
    "after_upload",
    "after_record",
    "after_complete",
    "before_acknowledge",
    "after_acknowledge",
)
#: Steps at which a call for the product's other picture may be in flight.
BESIDE_A_CALL = ("after_answer", "after_picture", "after_upload", "after_record")
#: Where it had last used the queue, the database or the storage of the cloud.
AT_A_PART_OF_THE_CLOUD = (
    "after_receive",
    "after_claim",
    "before_previews",
    "after_upload",
    "after_complete",
    "before_acknowledge",
    "after_acknowledge",
)


def test_a_worker_killed_at_each_step_loses_nothing_and_pays_nothing_twice(rig: Rig) -> None:
    """One worker after the other is killed at its step; the last one finishes what they left."""
    points = POINTS if rig.aws is None else AT_A_PART_OF_THE_CLOUD
    ids = rig.create(len(points))
    kill_one_at_each(rig, points, slots=1)
    last = rig.worker()
    with rig.running(last):
        rig.wait_done()
        audit = rig.audit()
        assert last.stop() == 0, last.log()
    print(audit)
    assert audit.faults == []
    assert audit.statuses == {"pending_review": len(ids)}
    assert audit.rows == len(ids) * WANTED
    assert audit.deaths == len(points)
    assert sum(audit.repeated.values()) <= len(BESIDE_A_CALL) * (WANTED - 1)
    assert not rig.repeats_without_a_death()


def kill_one_at_each(rig: Rig, points: Sequence[str], slots: int) -> None:
    """One worker after the other dies at its point."""
    for point in points:
        killed = rig.worker(partial(worker_killed_at, point), WORKER_CONCURRENCY=str(slots))
        with rig.running(killed):
            rig.wait_for_death(killed)


TAKE_POINTS = (
    "take_claimed",
    "take_before_paying",
    "after_answer",
    "after_picture",
    "after_upload",
    "take_recorded",
    "take_measured",
    "take_settled",
)


@pytest.mark.extra
def test_a_worker_killed_at_each_step_of_a_take_pays_for_none_twice(rig: Rig) -> None:
    """Each has a take of its own to die with; the last one finishes what they left."""
    ids = rig.create(len(TAKE_POINTS) + 1)
    first = rig.worker(FIDELITY="off")
    with rig.running(first):
        rig.wait_done()
        assert first.stop() == 0
    for product_id, point in zip(ids, TAKE_POINTS, strict=False):
        rig.fail_check(product_id)
        killed = remaking(rig, partial(worker_killed_at, point))
        with rig.running(killed):
            rig.wait_for_death(killed)
        come_again(rig, 3600)
    rig.fail_check(ids[-1])
    kill_in_flight(rig, f"{ids[-1]}/1/0/take2")
    come_again(rig, 0)
    last = remaking(rig)
    with rig.running(last):
        rig.until(lambda: not rig.takes_to_come())
        assert last.stop() == 0, last.log()
    audit = rig.audit()
    print(audit)
    assert (audit.faults, audit.repeated) == ([], {})
    assert audit.statuses == {"pending_review": len(ids)}
    paid = sorted(call.call for call in rig.fake.paid() if "take" in call.call)
    assert paid == sorted(f"{product_id}/1/0/take2" for product_id in ids)
    with rig.database.read() as session:
        takes = session.scalars(select(Take).where(Take.number == 2)).all()
    assert Counter(take.outcome for take in takes) == {
        "not_better": len(TAKE_POINTS),
        "answer_lost": 1,  # of the call in flight
    }


def come_again(rig: Rig, seconds: float) -> None:
    """The takes that a killed worker had come back after so long."""
    with rig.database.write() as session:
        for column in (Take.due_at, Take.check_due):
            waiting = update(Take).where(column.is_not(None))
            session.execute(waiting.values({column: now(seconds)}))


def remaking(rig: Rig, door: Callable[[], int] = run_worker) -> WarmWorker:
    """A worker with checks, which say: not measured, for want of the network's file."""
    return rig.worker(door, FIDELITY="on", MODEL_DIR=str(rig.folder))


def kill_in_flight(rig: Rig, call: str) -> None:
    rig.fake.latency = 5.0
    killed = remaking(rig)
    with rig.running(killed):
        rig.until(lambda: rig.fake.in_flight > 0)
        killed.send(signal.SIGKILL)
        rig.wait_for_death(killed)
    rig.until(lambda: bool(rig.fake.paid(call)))
    rig.fake.latency = 0.1


def test_a_request_killed_before_its_commit_made_nothing_and_after_it_all(rig: Rig) -> None:
    """The products of the second and third one are waiting, and are finished like any others."""
    for point, made in [("before_commit", 0), ("before_send", 2), ("before_mark", 2)]:
        if point == "before_mark" and rig.aws is None:
            continue  # nothing is marked there: the rows are the queue
        before = sum(rig.statuses().values())
        bulk = partial(create_killed_at, point, [rig.product()] * 2)
        killed = WarmWorker(rig.folder, rig.environment, bulk)
        with rig.running(killed.start()):
            rig.wait_for_death(killed)
        assert sum(rig.statuses().values()) == before + made, point
    with rig.database.write() as session:  # unsent for longer than it is left to its process
        session.execute(update(Product).values(queued_at=now(-60)))
    last = rig.worker(LEASE_SECONDS="30")
    with rig.running(last):
        rig.wait_done()
        assert rig.paid_once().statuses == {"pending_review": 2 if rig.aws is None else 4}
        assert last.stop() == 0


def test_a_worker_killed_during_its_background_tasks_loses_nothing(rig: Rig) -> None:
    """In its heartbeat; where there is SQS also while it sends again, and while it deletes."""
    rig.fake.latency = (
        0.6  # so that even a fast machine sends a heartbeat while a product is claimed
    )
    rig.create(4)
    with rig.database.write() as session:
        session.execute(update(Product).values(sent_at=None, queued_at=now(-60)))
    here = ["during_heartbeat"]
    if rig.aws is not None:
        here = ["before_mark", *here, "before_acknowledge"]
    kill_one_at_each(rig, here, slots=2)
    last = rig.worker()
    with rig.running(last):
        rig.wait_done()
        if rig.aws is not None:
            rig.until(lambda: rig.queue.depth().waiting + rig.queue.depth().in_flight == 0)
        audit = rig.audit()
        assert (audit.faults, audit.statuses) == ([], {"pending_review": 4})
        assert not rig.repeats_without_a_death()
        assert last.stop() == 0


def test_workers_killed_at_random_lose_nothing_and_pay_only_what_was_in_flight(rig: Rig) -> None:
    """The long one, over 200 products, is in tests/soak."""
    ids = rig.create(20)
    kill_at_random(rig, kills=5)
    audit = rig.audit()
    print(audit)
    assert audit.faults == []
    assert audit.statuses == {"pending_review": len(ids)}
    assert not rig.repeats_without_a_death()
