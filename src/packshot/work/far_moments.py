"""Moments that a wrong clock wrote: nothing waits for one that is further ahead than any can be.

The queries that find due work compare a moment with the clock and need not know this.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, select, true, update
from sqlalchemy.orm import Session

from packshot.database.engine import Database, update_rows
from packshot.database.models import (
    PENDING,
    BatchItem,
    BatchJob,
    Call,
    Deletion,
    Delivery,
    Product,
    ProductImage,
    Take,
)
from packshot.database.types import now
from packshot.products.checks import LEASE_SECONDS as CHECK_SECONDS
from packshot.products.takes import GOING_ON
from packshot.work.batches.job_rows import JOB_LEASE_SECONDS

log = logging.getLogger("packshot.worker")

#: Seconds that the time of something past may be ahead: two clocks differ a little.
SLACK: Final = 60.0
#: No pause is longer: a webhook's last one is a day, and a quarter of it at most is added.
LONGEST_PAUSE: Final = 2 * 86_400.0
#: No lease ends later than after this many times its length.
MAX_LEASES: Final = 4
#: The longest that GEMINI_LANE_DEADLINE may be.
LONGEST_DEADLINE: Final = 2 * 86_400.0
ALL_ROWS: Final = true()


@dataclass(frozen=True)
class Moment:
    """A column whose value is at most `longest` seconds ahead; one that is later becomes `again`
    seconds from now. `rows`: those that wait, where all would be too many to read."""

    column: Any
    longest: float
    again: float = 0.0
    rows: ColumnElement[bool] = ALL_ROWS

    @property
    def is_too_far(self) -> ColumnElement[bool]:
        return and_(self.rows, self.column > now(self.longest))


def bring_back(database: Database, lease_seconds: float, deadline: float) -> None:
    """Correct the moments that are too far ahead. `deadline`: GEMINI_LANE_DEADLINE.

    A live process renews its lease before the corrected one ends, and keeps what it works on.
    """
    moments = [*_pauses(lease_seconds)]
    with database.read() as session:
        if not _is_behind(session):
            moments += _of_paid_work(lease_seconds, deadline)
        far = [
            each
            for each in moments
            if session.scalar(select(each.column).where(each.is_too_far).limit(1)) is not None
        ]
    for moment in far:
        with database.write() as session:
            again = {moment.column.key: now(moment.again)}
            change = update(moment.column.class_).where(moment.is_too_far).values(again)
            count = update_rows(session, change)
        log.warning("the clock was wrong: %s is corrected in %d rows", moment.column, count)


def _is_behind(session: Session) -> bool:
    """Whether the clock is wrong now, like one without a battery: the first product is ahead."""
    oldest = select(Product.created_at > now(SLACK)).order_by(Product.id).limit(1)
    return bool(session.scalar(oldest))


def _pauses(lease: float) -> Iterator[Moment]:
    waiting = Product.status == PENDING
    yield Moment(Product.queued_at, SLACK, rows=waiting)
    yield Moment(Product.sent_at, SLACK, rows=waiting)
    yield Moment(Product.not_before, LONGEST_PAUSE, rows=waiting)
    yield Moment(Product.lease_until, MAX_LEASES * lease, lease, rows=waiting)
    yield Moment(ProductImage.check_due, LONGEST_PAUSE, CHECK_SECONDS)
    yield Moment(Delivery.not_before, LONGEST_PAUSE)
    yield Moment(Deletion.not_before, LONGEST_PAUSE)


def _of_paid_work(lease: float, deadline: float) -> Iterator[Moment]:
    """Those that say what is paid for, or how old it is, and the pauses of such work. While the
    clock is behind they stay: corrected, a running job would be years old once it is right."""
    yield Moment(BatchItem.asked_at, SLACK)
    yield Moment(BatchJob.changed_at, SLACK)
    yield Moment(BatchJob.deadline, LONGEST_DEADLINE, deadline)
    yield Moment(BatchJob.not_before, LONGEST_PAUSE)
    yield Moment(BatchJob.lease_until, MAX_LEASES * JOB_LEASE_SECONDS, JOB_LEASE_SECONDS)
    # What was paid for a take is found by the time since it was opened: first this, then its calls,
    # and only then it may be due.
    yield Moment(Take.opened_at, SLACK, rows=Take.state.in_(GOING_ON))
    yield Moment(Call.sent_at, SLACK)  # it counts towards GEMINI_RPM and the day's budget
    yield Moment(Take.due_at, LONGEST_PAUSE, lease)  # this is its lease, too
    yield Moment(Take.check_due, LONGEST_PAUSE, CHECK_SECONDS)
