"""kill -9 at every step of the story: everything is finished, nothing is paid twice."""

from __future__ import annotations

import pytest

from faults.chaos import kill_at_random
from faults.rig import WANTED, Rig

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


@pytest.mark.timeout(180)
def test_a_worker_killed_at_each_step_loses_nothing_and_pays_nothing_twice(rig: Rig) -> None:
    """One worker after the other is killed at its step; the last one finishes what they left."""
    ids = rig.create(len(POINTS))
    for point in POINTS:
        killed = rig.worker(PACKSHOT_KILL_AT=point, WORKER_CONCURRENCY="1")
        with rig.running(killed):
            rig.wait_for_death(killed)
    last = rig.worker()
    with rig.running(last):
        rig.wait_done(seconds=90)
        audit = rig.audit()
        assert last.stop() == 0, last.log()
    print(audit)
    assert audit.faults == []
    assert audit.statuses == {"pending_review": len(ids)}
    assert audit.rows == len(ids) * WANTED
    assert audit.deaths == len(POINTS)
    assert sum(audit.repeated.values()) <= len(BESIDE_A_CALL) * (WANTED - 1)
    assert not rig.repeats_without_a_death()


@pytest.mark.timeout(240)
def test_workers_killed_at_random_lose_nothing_and_pay_only_what_was_in_flight(rig: Rig) -> None:
    """The long one, over 200 products, is in bench/soak.py."""
    ids = rig.create(20)
    kill_at_random(rig, kills=5)
    audit = rig.audit()
    print(audit)
    assert audit.faults == []
    assert audit.statuses == {"pending_review": len(ids)}
    assert not rig.repeats_without_a_death()
