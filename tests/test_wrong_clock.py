"""A clock that was years ahead, and then was set right, makes nothing wait for years."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from support.products import LEASE

from packshot.database.engine import Database
from packshot.database.models import (
    Base,
    BatchItem,
    BatchJob,
    Call,
    Deletion,
    Delivery,
    Product,
    ProductImage,
    Round,
    Take,
)
from packshot.database.types import now
from packshot.work.checking.take_claims import TakeClaims
from packshot.work.far_moments import bring_back

DAY = 86_400.0
YEARS = now(10 * 365 * DAY)
PLACE = {"product_id": 1, "round": 1, "variant": 0}


def rows(past: Any, lease: Any, pause: Any, deadline: Any) -> Iterator[Base]:
    """One of each row that something waits for: its moments in the past, and those ahead."""
    asked = {"queued_at": past, "sent_at": past, "not_before": pause, "lease_until": lease}
    yield Product(id=1, category="Boxes", raw_image="https://shop.example/a.jpg", **asked)
    yield ProductImage(**PLACE, image_url="/media/a", check_due=pause)
    yield Take(**PLACE, number=2, state="waiting", opened_at=past, due_at=lease, check_due=pause)
    yield BatchItem(**PLACE, kind="picture", state="waiting", asked_at=past)
    job = {"kind": "picture", "model": "m", "display_name": "d", "state": "running"}
    moments = {"changed_at": past, "not_before": pause, "lease_until": lease, "deadline": deadline}
    yield BatchJob(**job, **moments)
    sent = {"message_id": "m", "type": "product.ready", "product_id": 1, "url": "u", "body": "{}"}
    yield Delivery(**sent, not_before=pause)
    yield Deletion(product_id=1, rounds=1, variants=1, not_before=pause)
    yield Call(product_id=1, round=1, kind="picture", model="m", sent_at=past)


#: The columns of those moments.
NAMES = (
    *("queued_at", "sent_at", "not_before", "lease_until", "check_due", "due_at"),
    *("asked_at", "changed_at", "deadline", "opened_at"),
)


#: Those that may be the lease of a process at work.
LEASES = (
    *("Product.lease_until", "BatchJob.lease_until", "Take.due_at"),
    *("Take.check_due", "ProductImage.check_due"),
)


def add(database: Database, *moments: Any) -> None:
    with database.write() as session:
        for row in rows(*moments):
            session.add(row)
            session.flush()


def latest(database: Database) -> tuple[dict[str, datetime], datetime]:
    """Each moment that `rows` sets, and the time now."""
    found = {}
    with database.read() as session:
        for table in (Product, ProductImage, Take, BatchItem, BatchJob, Delivery, Deletion, Call):
            row = session.scalars(select(table)).one()
            for name in NAMES:
                if getattr(row, name, None) is not None:
                    found[f"{table.__name__}.{name}"] = getattr(row, name)
        return found, session.execute(select(now())).scalar_one()


def test_no_moment_stays_years_ahead(database: Database) -> None:
    add(database, YEARS, YEARS, YEARS, YEARS)
    bring_back(database, LEASE, DAY)
    found, moment = latest(database)
    assert len(found) == 17
    assert found.pop("BatchJob.deadline") - moment <= timedelta(days=1)
    leases = [found.pop(name) for name in LEASES]
    assert all(timedelta(seconds=50) < each - moment <= timedelta(minutes=5) for each in leases)
    assert max(found.values()) <= moment


def test_what_may_be_ahead_stays(database: Database) -> None:
    add(database, now(-5), now(LEASE), now(1.25 * DAY), now(2 * DAY))
    before, _ = latest(database)
    bring_back(database, LEASE, DAY)
    assert latest(database)[0] == before


def test_while_the_clock_is_years_behind_nothing_paid_for_ages(database: Database) -> None:
    add(database, YEARS, YEARS, YEARS, YEARS)  # as seen by such a clock
    with database.write() as session:
        session.execute(update(Product).values(created_at=YEARS))
    before, _ = latest(database)
    bring_back(database, LEASE, DAY)
    after, moment = latest(database)
    paid = ("BatchItem.", "BatchJob.", "Take.", "Call.")
    assert all((before[name] == after[name]) is name.startswith(paid) for name in before)
    assert after["Product.lease_until"] - moment <= timedelta(seconds=LEASE)


def test_a_take_that_is_being_made_stays_with_its_process(database: Database) -> None:
    add(database, now(-5), now(LEASE), now(5), now(DAY))
    takes = TakeClaims(database, LEASE)
    with database.write() as session:
        session.add(Round(product_id=1, number=1, wanted=1))
        session.execute(update(Product).values(round=1, media_namespace="n"))
        session.execute(update(Take).values(due_at=now(-1)))
    due = takes.claim_next()
    assert due is not None
    with database.write() as session:  # the clock was years ahead during the claim
        session.execute(update(Take).values(due_at=YEARS))
    bring_back(database, LEASE, DAY)
    assert takes.claim_next() is None
    takes.check(due)
