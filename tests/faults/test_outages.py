"""Parts go away in the middle of the work: all is finished by itself when they are back."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from servers.packshot_process import PackshotProcess
from servers.photo_host import refusal
from servers.postgres import Postgres

from faults.rig import WANTED, Rig
from packshot.database.postgresql import ANSWER_SECONDS
from packshot.database.sqlite import BUSY_SECONDS

AWAY = 5.0  # seconds; a minute in tests/soak


def post(web: PackshotProcess, rig: Rig, count: int = 2) -> tuple[int, dict[str, str]]:
    """A bulk request; its status and headers."""
    row = {"category": "Boxes", "raw_image": rig.host.url("/photo.jpg"), "mrp": 10, "price": 9}
    response = web.http.request(
        "POST", f"{web.url}/api/products/bulk", json={"products": [row] * count}, timeout=40
    )
    return response.status, dict(response.headers)


@contextmanager
def away(rig: Rig, part: str, mode: str, postgres: Postgres | None = None) -> Iterator[None]:
    if postgres is not None:
        postgres.stop()
    rig.proxies[part].mode = mode  # type: ignore[assignment]
    try:
        yield
    finally:
        if postgres is not None:
            postgres.start()
        rig.proxies[part].mode = "pass"


def assert_all_is_well(rig: Rig, products: int) -> None:
    audit = rig.paid_once()
    assert audit.statuses == {"pending_review": products}
    assert audit.rows == products * WANTED


@pytest.mark.parametrize(
    ("part", "mode"),
    [
        ("queue", "refuse"),
        pytest.param("queue", "hang", marks=pytest.mark.extra),
        ("storage", "cut"),
        pytest.param("storage", "hang", marks=pytest.mark.extra),
        pytest.param("database", "refuse", marks=pytest.mark.extra),
        pytest.param("database", "hang", marks=pytest.mark.extra),
    ],
)
def test_a_part_of_the_cloud_goes_away_and_comes_back(on_cloud: Rig, part: str, mode: str) -> None:
    rig = on_cloud
    web = rig.web(LEASE_SECONDS="6", WORKER_CONCURRENCY="4")
    with rig.running(web):
        web.wait_until_serving()
        rig.fake.latency = 0.5
        assert post(web, rig, 8)[0] == 201
        rig.until(lambda: len(rig.fake.paid()) >= 4)
        with away(rig, part, mode):
            began = time.monotonic()
            status, headers = post(web, rig)
            answered = time.monotonic() - began
            time.sleep(max(0.0, AWAY - answered))
        assert status == (503 if part == "database" else 201), web.log()
        assert "Retry-After" in headers or status == 201
        assert answered < (15 if (part, mode) != ("database", "hang") else ANSWER_SECONDS * 2)
        created = 8 + (2 if status == 201 else 0)
        rig.wait_done()
        rig.until(lambda: web.call("GET", "/readyz")[0] == 200)
        assert_all_is_well(rig, created)
        assert web.log().count("waiting, nothing is lost") <= 1
        assert "Traceback" not in web.log()


def test_postgresql_is_restarted(on_cloud: Rig, postgres: Postgres) -> None:
    rig = on_cloud
    worker = rig.worker(LEASE_SECONDS="6", WORKER_CONCURRENCY="4")
    with rig.running(worker):
        rig.fake.latency = 0.5
        rig.create(8)
        rig.until(lambda: len(rig.fake.paid()) >= 4)
        with away(rig, "database", "refuse", postgres):
            time.sleep(2)
        rig.wait_done()
        assert_all_is_well(rig, 8)
        assert "Traceback" not in worker.log()


@pytest.mark.parametrize("seconds", [BUSY_SECONDS + 2, 35])
def test_sqlite_is_locked_by_another_program(on_defaults: Rig, seconds: int) -> None:
    """For longer than a writer waits."""
    rig = on_defaults
    worker = rig.worker(LEASE_SECONDS="20", WORKER_CONCURRENCY="4")
    with rig.running(worker):
        rig.fake.latency = 0.5
        rig.create(6)
        rig.until(lambda: len(rig.fake.paid()) >= 3)
        lock = sqlite3.connect(str(rig.database.url.database), isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        time.sleep(seconds)
        lock.execute("ROLLBACK")
        lock.close()
        rig.wait_done()
        assert_all_is_well(rig, 6)
        assert "Traceback" not in worker.log()


@pytest.mark.parametrize("fault", ["quota_minute", "overloaded", "reset", "hang", "quota_day"])
def test_gemini_goes_away_and_comes_back(on_defaults: Rig, fault: str) -> None:
    rig = on_defaults
    worker = rig.worker(LEASE_SECONDS="6", WORKER_CONCURRENCY="4", GEMINI_TIMEOUT="10")
    with rig.running(worker):
        rig.create(3)
        rig.wait_done()
        rig.fake.misbehave(fault, times=1000)
        rig.create(6)
        asked = len(rig.fake.calls)
        time.sleep(AWAY)
        in_vain = len(rig.fake.calls) - asked
        rig.fake.behave()
        if fault == "quota_day":  # it waits ten minutes; a restart looks at once
            return_to_now(rig)
            worker.stop()
            worker = rig.worker()
        rig.wait_done()
        # Whether a broken call is paid for can't be known.
        audit = rig.audit() if fault in {"reset", "hang"} else rig.paid_once()
        assert (audit.faults, audit.statuses) == ([], {"pending_review": 9})
        assert in_vain <= 15, f"{in_vain} requests in {AWAY} s"
        assert worker.log().count("waiting, nothing is lost") <= 1
        worker.stop()


def return_to_now(rig: Rig) -> None:
    from sqlalchemy import update

    from packshot.database.models import Product

    with rig.database.write() as session:
        session.execute(update(Product).values(not_before=None))


def test_the_photos_host_goes_away_and_comes_back(on_defaults: Rig) -> None:
    rig = on_defaults
    photo = rig.host.pages["/photo.jpg"]
    worker = rig.worker(WORKER_CONCURRENCY="4")
    with rig.running(worker):
        rig.host.pages["/photo.jpg"] = refusal(503, {"Retry-After": "1"})
        rig.create(4)
        rig.until(lambda: len(rig.host.requests) >= 4)
        rig.host.pages["/photo.jpg"] = photo
        rig.wait_done()
        assert_all_is_well(rig, 4)
