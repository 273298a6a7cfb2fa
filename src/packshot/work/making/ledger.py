"""Paid requests: admitted and recorded before they are sent, completed after."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from packshot.database import locks
from packshot.database.engine import Database
from packshot.database.models import Call
from packshot.database.types import now
from packshot.enhancers.contract import CallRecord, Purchase
from packshot.errors import PackshotError, RateLimited, Stopping, Unavailable
from packshot.products.spending import spent_today
from packshot.work.keep_trying import KeepTrying

log = logging.getLogger("packshot.ledger")

WINDOW_SECONDS = 60.0
BUDGET_SECONDS = 300.0  # between checks of a used-up budget; a new one starts at midnight


class DatabaseLedger:
    """The `calls` table, which all processes share, and the limits on all their calls."""

    def __init__(
        self,
        database: Database,
        *,
        rpm: int | None = None,
        daily_budget: Decimal | None = None,
        keep_trying: KeepTrying | None = None,
        stopping: threading.Event | None = None,
    ) -> None:
        """`rpm` in requests per minute, `daily_budget` in US dollars per day (UTC); None: no limit.

        Once `stopping` is set no call begins, even one that is waiting for its turn.
        """
        self.database = database
        self.rpm, self.daily_budget = rpm, daily_budget
        self.keep_trying = keep_trying or KeepTrying()
        self.stopping = stopping or threading.Event()

    @contextmanager
    def call(self, purchase: Purchase) -> Iterator[CallRecord]:
        """A row for one request; its outcome is the error's code when the block raises.

        See `Ledger.call`. The calls of a process that died keep their expected cost.
        """
        record = CallRecord(cost=purchase.expected, lane=purchase.lane)
        call_id = self._begin(purchase)
        try:
            yield record
        except BaseException as error:
            record.outcome = error.code if isinstance(error, PackshotError) else "crashed"
            raise
        finally:
            self._save_outcome(call_id, record)

    def _begin(self, purchase: Purchase) -> int:
        """Check the limits and write the row in one transaction: no two use the same allowance."""
        if self.stopping.is_set():
            raise Stopping()
        with self.database.write() as session:
            self._check_limits(session, purchase.expected or Decimal(0))
            call = call_of(purchase)
            session.add(call)
            session.flush()
            return call.id

    def _check_limits(self, session: Session, expected: Decimal) -> None:
        if self.rpm is None and self.daily_budget is None:
            return
        locks.hold_lock(session.connection(), locks.ADMISSION)
        if self.rpm is not None:
            _check_minute(session, self.rpm)
        if self.daily_budget is not None:
            _check_day(session, self.daily_budget, expected)

    def affordable(self, session: Session, price: Decimal | None, count: int) -> int:
        """How many of `count` calls of this price the day's budget allows, in this transaction.

        Raises Unavailable `budget_reached` when it allows none.
        """
        if self.daily_budget is None or not price:
            return count
        locks.hold_lock(session.connection(), locks.ADMISSION)
        left = self.daily_budget - spent_today(session)
        if left < price:
            _check_day(session, self.daily_budget, price)
        return min(count, int(left / price))

    def _save_outcome(self, call_id: int, record: CallRecord) -> None:
        """Save how the call ended. An error here must not lose the paid answer."""
        try:
            self.keep_trying(lambda: self._complete(call_id, record))
        except Unavailable as error:
            log.warning("call %d stays without its outcome: %s", call_id, error.message)

    def _complete(self, call_id: int, record: CallRecord) -> None:
        with self.database.write() as session:
            session.execute(
                update(Call).where(Call.id == call_id).values(completed_at=now(), **vars(record))
            )


def call_of(purchase: Purchase) -> Call:
    """The row of a call that is sent now."""
    brief = purchase.brief
    return Call(
        product_id=brief.product_id,
        round=brief.round,
        variant=purchase.variant,
        kind=purchase.kind,
        model=purchase.model,
        lane=purchase.lane,
        sent_at=now(),
        cost=purchase.expected,
    )


def _check_minute(session: Session, rpm: int) -> None:
    """Raises RateLimited when the `rpm`-th newest request is less than a minute old."""
    lately = Call.sent_at > now(-WINDOW_SECONDS)  # batch jobs have limits of their own at Google
    newest = select(Call.sent_at, now()).where(lately, Call.lane != "batch")
    full = session.execute(newest.order_by(Call.sent_at.desc()).offset(rpm - 1).limit(1)).first()
    if full is not None:
        age = (full[1] - full[0]).total_seconds()
        raise RateLimited(
            f"GEMINI_RPM={rpm} requests were sent in the last minute.",
            retry_after=max(0.01, WINDOW_SECONDS - age),
        )


def _check_day(session: Session, budget: Decimal, expected: Decimal) -> None:
    """Raises Unavailable when a call of `expected` US dollars would go over the day's budget."""
    spent = spent_today(session)
    if spent + expected > budget or spent >= budget:
        raise Unavailable(
            f"GEMINI_DAILY_BUDGET={budget} is reached: ${spent:.4f} spent today, calls under way "
            f"included, and the next one costs about ${expected:.4f}. Products wait until "
            "midnight UTC; raise the budget to continue.",
            code="budget_reached",
            retry_after=BUDGET_SECONDS,
        )
