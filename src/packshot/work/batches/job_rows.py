"""The rows of batch jobs: one process at a time works on a job, and every write checks
its lease.

A job's row exists before the service knows of it; its display name is its identity there.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from packshot.database.engine import Database, update_rows
from packshot.database.models import (
    PENDING,
    BatchItem,
    BatchJob,
    Call,
    Product,
    Round,
    Take,
)
from packshot.database.types import now
from packshot.enhancers.contract import BatchLane, Brief, CallRecord, Purchase
from packshot.errors import LostClaim
from packshot.products import batch_items
from packshot.products.batch_items import (
    ANALYSIS,
    ANSWERED,
    IS_BATCHED,
    LATE,
    LEFT,
    SENT,
    WAITING,
)
from packshot.products.takes import REMAKE, is_take
from packshot.work.batches import takes
from packshot.work.claiming.claim import Claim, claim_of
from packshot.work.making.ledger import DatabaseLedger, call_of

#: The most requests in a job: the results of 1,000 pictures can't be fetched
#: (python-genai#2519).
LARGEST_JOB: Final = 100
#: The most jobs at the same time; Google allows 100 (ai.google.dev/gemini-api/docs/rate-limits).
MAX_JOBS: Final = 50
#: Seconds of a process's lease on a job; every request about the job ends sooner.
JOB_LEASE_SECONDS: Final = 300.0

#: A job that was cancelled at its deadline is given up if it does not end within these seconds.
END_SECONDS: Final = 3600.0

#: Seconds after which a job that is done is removed, and how many at once.
FORGET_SECONDS: Final = 7 * 86_400.0
FORGET_AT_ONCE: Final = 500

# The states of a job, in this order; a person must look at one that is `aside`.
GATHERED: Final = "gathered"  # nothing of it was sent to the service
UPLOADED: Final = "uploaded"  # the service has its file
CREATING: Final = "creating"  # the service may have it, or not
RUNNING: Final = "running"
CANCELLING: Final = "cancelling"
COLLECTING: Final = "collecting"  # it has ended: its answers are saved once it names them
SALVAGING: Final = "salvaging"  # it ended early: it may have some answers
ASIDE: Final = "aside"
DELETING: Final = "deleting"  # nothing more of it is needed: it is deleted at the service
DONE: Final = "done"


@dataclass(frozen=True)
class LeasedJob:
    """A job leased by this process."""

    id: int
    token: str
    kind: str
    model: str
    display_name: str
    state: str
    file: str | None
    name: str | None
    results: str | None
    looks: int  # answered checks in this state
    age: float  # seconds in this state
    is_late: bool  # past its deadline
    is_overdue: bool  # past its deadline by END_SECONDS: no more answers are expected


@dataclass(frozen=True)
class Item:
    """One open request of a job. `claim` describes its product; None: the product is gone, or
    another round replaced this one."""

    variant: int
    call_id: int | None
    product_id: int
    round: int
    claim: Claim | None
    waits: bool  # the product, or its take, still waits for it
    take: int = 1
    brief: Brief | None = None

    @property
    def key(self) -> str:
        """Its name in a job's file: product/round/variant, and the number of a later take."""
        part = "analysis" if self.variant == ANALYSIS else self.variant
        again = "" if self.take == 1 else f"/take{self.take}"
        return f"{self.product_id}/{self.round}/{part}{again}"


class BatchJobs:
    """Every method is one transaction."""

    def __init__(
        self, database: Database, ledger: DatabaseLedger, deadline: float, most: int
    ) -> None:
        """`deadline`: seconds that a request may wait for a job, and that each job may take;
        `most`: how often a picture may be made again."""
        self.database, self.ledger, self.deadline = database, ledger, deadline
        self.most = most

    # -- a new job -------------------------------------------------------------------------------

    def gather(self, kind: str, lane: BatchLane, seconds: float) -> bool:
        """Make a job of waiting requests once it is full or the oldest has waited for `seconds`.

        Its calls are recorded and counted against the budget in the same transaction. Raises
        Unavailable `budget_reached`.
        """
        if not self._is_time(kind, seconds):
            return False
        with self.database.write() as session:
            items = self._waiting(session, kind)
            if not items:
                return False
            price = lane.expected(kind)
            items = items[: self.ledger.affordable(session, price, len(items))]
            job = self._add(session, kind, lane.model_of(kind))
            for item in items:
                self._record_call(session, job, item, price)
            return True

    def _waiting(self, session: Session, kind: str) -> Sequence[BatchItem]:
        ended = BatchJob.state.in_((DELETING, DONE))
        going_on = select(func.count()).select_from(BatchJob).where(~ended)
        if (session.scalar(going_on) or 0) >= MAX_JOBS:
            return []
        oldest_first = (
            select(BatchItem)
            .where(BatchItem.state == WAITING, BatchItem.kind == kind)
            .order_by(BatchItem.asked_at, BatchItem.product_id, BatchItem.variant)
            .limit(LARGEST_JOB)
        )
        return session.scalars(oldest_first.with_for_update(skip_locked=True)).all()

    def _is_time(self, kind: str, seconds: float) -> bool:
        waiting = select(BatchItem.asked_at).where(
            BatchItem.state == WAITING, BatchItem.kind == kind
        )
        old = waiting.where(BatchItem.asked_at <= now(-seconds))
        return self.database.has(old, waiting.offset(LARGEST_JOB - 1))

    def _add(self, session: Session, kind: str, model: str) -> BatchJob:
        job = BatchJob(
            kind=kind,
            model=model,
            display_name=f"packshot-{kind}-{uuid.uuid4()}",
            state=GATHERED,
            deadline=now(self.deadline),
            opened_at=now(),
            changed_at=now(),
            not_before=now(),
        )
        session.add(job)
        session.flush()
        return job

    def _record_call(
        self, session: Session, job: BatchJob, item: BatchItem, price: Decimal | None
    ) -> None:
        product = session.get(Product, item.product_id)
        this_round = session.get(Round, (item.product_id, item.round))
        item.state, item.job_id = SENT, job.id
        if product is None or this_round is None:
            return
        brief = claim_of(session, product, this_round).brief
        variant = None if item.variant == ANALYSIS else item.variant
        kind = job.kind if item.take == 1 else REMAKE
        call = call_of(Purchase(kind, job.model, brief, variant, price, "batch"))
        session.add(call)
        session.flush()
        item.call_id = call.id

    # -- one process at a time -------------------------------------------------------------------

    def lease_next(self, but: Collection[int] = ()) -> LeasedJob | None:
        """Lease the job that has been due for longest and is not one of `but`, or return None."""
        due = select(BatchJob).where(
            BatchJob.state != DONE,
            BatchJob.id.not_in(but),
            BatchJob.not_before <= now(),
            or_(BatchJob.lease_until.is_(None), BatchJob.lease_until <= now()),
        )
        with self.database.claim_first(due.order_by(BatchJob.not_before, BatchJob.id)) as found:
            if found is None:
                return None
            session, job = found
            job.token, job.lease_until = str(uuid.uuid4()), now(JOB_LEASE_SECONDS)
            session.flush()
            return self._read(session, job)

    def move(self, job: LeasedJob, state: str, **columns: Any) -> LeasedJob:
        """Put the job into this state. Raises LostClaim."""
        with self._write_claimed(job) as session:
            row = session.get_one(BatchJob, job.id, populate_existing=True)
            row.state, row.changed_at, row.looks, row.error = state, now(), 0, None
            for name, value in columns.items():
                setattr(row, name, value)
            session.flush()
            return self._read(session, row)

    def renew_lease(self, job: LeasedJob) -> None:
        """Extend the lease of the job. Raises LostClaim."""
        with self._write_claimed(job):
            pass

    def put_back(
        self, job: LeasedJob, seconds: float, error: str | None = None, *, counted: bool = True
    ) -> None:
        """End the lease: any process may take the job after `seconds`. Raises LostClaim.

        `counted`: whether this is one of the job's `looks`.
        """
        this = update(BatchJob).where(BatchJob.id == job.id)
        free = {"token": None, "lease_until": None, "not_before": now(seconds)}
        with self._write_claimed(job) as session:
            session.execute(this.values(**free, looks=BatchJob.looks + int(counted), error=error))

    @contextmanager
    def _write_claimed(self, job: LeasedJob) -> Iterator[Session]:
        """A write transaction that renews the lease first. Raises LostClaim."""
        mine = update(BatchJob).where(BatchJob.id == job.id, BatchJob.token == job.token)
        with self.database.write() as session:
            if not update_rows(session, mine.values(lease_until=now(JOB_LEASE_SECONDS))):
                raise LostClaim(f"batch job {job.id} was taken over by another process")
            yield session

    def _read(self, session: Session, row: BatchJob) -> LeasedJob:
        session.refresh(row)
        moment = session.execute(select(now())).scalar_one()
        return LeasedJob(
            id=row.id,
            token=row.token or "",
            kind=row.kind,
            model=row.model,
            display_name=row.display_name,
            state=row.state,
            file=row.file,
            name=row.name,
            results=row.results,
            looks=row.looks,
            age=(moment - row.changed_at).total_seconds(),
            is_late=row.deadline <= moment,
            is_overdue=row.deadline <= moment - timedelta(seconds=END_SECONDS),
        )

    # -- its requests ----------------------------------------------------------------------------

    def items(self, job: LeasedJob) -> list[Item]:
        """The requests of the job that have no answer yet."""
        open_ones = select(BatchItem).where(BatchItem.job_id == job.id, BatchItem.state == SENT)
        with self.database.read() as session:
            in_order = (BatchItem.take, BatchItem.product_id, BatchItem.variant)
            rows = session.scalars(open_ones.order_by(*in_order)).all()
            return [_item(session, row, self.most) for row in rows]

    def save_answer(
        self, job: LeasedJob, item: Item, record: CallRecord, answer: str | None
    ) -> list[int]:
        """Record that the answer is saved: a picture's in the storage, an analysis's as `answer`.

        Returns the products that it queued. Raises LostClaim.
        """
        with self._write_claimed(job) as session:
            return _finish(session, item, ANSWERED, record, answer)

    def hand_to_single_calls(
        self, job: LeasedJob, items: Sequence[Item], outcome: str, *, paid: bool
    ) -> list[int]:
        """End requests that this job does not answer: single calls repeat them.

        Unless they certainly cost nothing, they count at their expected cost. Returns the products
        that it queued. Raises LostClaim.
        """
        record = CallRecord(outcome=outcome, lane="batch", cost=None if paid else Decimal(0))
        state = LATE if job.is_late else LEFT
        with self._write_claimed(job) as session:
            return [id_ for item in items for id_ in _finish(session, item, state, record)]

    def end_all(self) -> None:
        """End all jobs in this copy of a database, and hand their requests to single calls.

        The original continues the jobs: both would fetch the answers, and the first to do so
        deletes the files.
        """
        with self.database.write() as session:
            sent = update(BatchItem).where(BatchItem.state == SENT)
            session.execute(sent.values(state=LEFT))
            running = update(BatchJob).where(BatchJob.state != DONE)
            session.execute(running.values(state=DONE, changed_at=now()))

    # -- products that no longer wait ----------------------------------------------------------

    def queue_forgotten(self, wait_at_most: float | None) -> list[int]:
        """Queue products whose jobs are over, or that waited for one for `wait_at_most` seconds
        (None: without limit)."""
        waiting = select(Take.number).where(takes.WAITS)
        if not self.database.has(select(Product.id).where(IS_BATCHED), waiting):
            return []  # as usually
        with self.database.write() as session:
            if wait_at_most is not None:
                batch_items.hand_late_to_single_calls(session, wait_at_most)
            queued = batch_items.queue_forgotten(session)  # products are locked before takes
            takes.make_due(session, ~takes.has_open_request())
            return queued

    def end_takes(self) -> None:
        """End the takes that wait for a job, because the day's budget is spent."""
        with self.database.write() as session:
            takes.end_for_budget(session)

    def forget_old(self) -> None:
        """Remove jobs that ended a week ago; their costs stay in `calls`."""
        old = and_(BatchJob.state == DONE, BatchJob.changed_at < now(-FORGET_SECONDS))
        with self.database.write() as session:
            ids = session.scalars(select(BatchJob.id).where(old).limit(FORGET_AT_ONCE)).all()
            session.execute(delete(BatchItem).where(BatchItem.job_id.in_(ids)))
            session.execute(delete(BatchJob).where(BatchJob.id.in_(ids)))

    def problems(self) -> list[str]:
        """The problem of each job that a person must look at."""
        with self.database.read() as session:
            aside = select(BatchJob.error, BatchJob.display_name).where(BatchJob.state == ASIDE)
            return [error or f"{name} is set aside" for error, name in session.execute(aside)]


def _item(session: Session, row: BatchItem, most: int) -> Item:
    product = session.get(Product, row.product_id)
    this_round = session.get(Round, (row.product_id, row.round))
    claim, waits, brief = None, False, None
    if product is not None and this_round is not None and product.round == row.round:
        claim = claim_of(session, product, this_round)
        waits = product.status == PENDING and product.batched_at is not None
        if (take := takes.take_of(session, row)) is not None:
            waits = takes.is_wanted(session, product, take, most)
            brief = takes.brief_of(claim, take)
        elif row.take == 1:
            brief = claim.brief
    place = (row.variant, row.call_id, row.product_id, row.round)
    return Item(*place, claim, waits, row.take, brief)


def _finish(
    session: Session, item: Item, state: str, record: CallRecord, answer: str | None = None
) -> list[int]:
    """Record the end of a request, once: a second answer, or one to a request that was forgotten
    meanwhile, changes nothing."""
    mine = and_(
        BatchItem.product_id == item.product_id,
        BatchItem.round == item.round,
        BatchItem.variant == item.variant,
        BatchItem.take == item.take,
        BatchItem.state == SENT,
    )
    if update_rows(session, update(BatchItem).where(mine).values(state=state)):
        booked = {name: value for name, value in vars(record).items() if value is not None}
        call = update(Call).where(Call.id == item.call_id)
        session.execute(call.values(completed_at=now(), **booked))
        if answer is not None:
            of_round = and_(Round.product_id == item.product_id, Round.number == item.round)
            session.execute(update(Round).where(of_round).values(answer=answer))
    if item.take > 1:
        this = is_take(item.product_id, item.round, item.variant, item.take)
        takes.make_due(session, this)
        return []
    return [item.product_id] if batch_items.queue_again(session, item.product_id) else []
