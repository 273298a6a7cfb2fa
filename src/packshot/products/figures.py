"""Figures for people and Prometheus, read from the database: every process reports the same."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import and_, case, exists, func, literal, not_, or_, select
from sqlalchemy.orm import Session, aliased

from packshot.database.engine import Database
from packshot.database.models import (
    APPROVED,
    FAILED,
    PENDING,
    REJECTED,
    BatchJob,
    Call,
    Decision,
    Delivery,
    Product,
    ProductImage,
    Round,
    Take,
)
from packshot.database.types import now
from packshot.lanes import LANES
from packshot.products.batch_items import IS_BATCHED
from packshot.products.spending import read_spending, spent_today
from packshot.products.takes import GOING_ON
from packshot.queues.database import read_depth

HOUR: Final = 3600
#: The most rounds read for the times of the last hour, latest first.
ROUNDS: Final = 5000
#: The pause, in seconds, that ends a run; and the number of its last products that count.
RUN_ENDS_AFTER: Final = 300
RUN_FEWEST: Final = 3
RUN_PRODUCTS: Final = 60
QUANTILES: Final = (0.5, 0.95)


@dataclass(frozen=True)
class Times:
    """How often a step ran in the last hour, and the quantiles of its seconds."""

    count: int
    quantiles: dict[float, float]


@dataclass(frozen=True)
class Counts:
    """Figures for people: current counts, money in US dollars, times in seconds.

    A redone product counts again in `products_paid_for`. `spent` includes the calls in flight, at
    their expected cost.
    """

    products: dict[str, int]
    images: dict[str, int]
    batched: int  # products that wait for the answers of batch jobs
    being_checked: int  # pictures that wait for their fidelity check
    spent_by_lane: dict[str, Decimal]  # all lanes
    spent_today: Decimal
    products_paid_for: int
    made_last_hour: int
    reviewed_last_hour: int
    products_reviewed_last_hour: int

    @property
    def spent(self) -> Decimal:
        return sum(self.spent_by_lane.values(), Decimal(0))

    @property
    def cost_per_product(self) -> Decimal | None:
        """The average cost of a product that calls were paid for; None before there is one."""
        return self.spent / self.products_paid_for if self.products_paid_for else None

    @property
    def cost_per_approved(self) -> Decimal | None:
        """All money spent, divided by the approved pictures; None before there is one."""
        approved = self.images.get(APPROVED, 0)
        return self.spent / approved if approved else None


@dataclass(frozen=True)
class Figures(Counts):
    """Further figures, for operators.

    `first_pass` is the share of reviewed products that were approved in the first round that
    reached a reviewer, None before there is one. `paid` is `spent_by_lane` without the calls in
    flight: their real cost may be less, and a Prometheus counter must never decrease.
    """

    failed: dict[str, int]  # error code -> products
    rejections: dict[str, int]  # reason -> decisions so far
    calls: dict[tuple[str, str], int]  # (kind, outcome) -> paid requests so far
    paid: dict[str, Decimal]  # by lane
    batch_jobs: dict[str, int]  # state -> jobs
    waiting: int
    in_flight: int
    oldest_seconds: float
    first_pass: float | None
    steps: dict[str, Times]
    ready: Times
    webhooks: dict[str, int]  # waiting, given_up
    verdicts: dict[tuple[str, str, str], int]  # (verdict, enhancer, prompt version) -> pictures
    remakes: dict[str, int]  # outcome, or "waiting" -> pictures to make again
    locks: dict[str, int]  # "locked", or why not -> pictures


def read_counts(session: Session) -> Counts:
    spent, paid_for = read_spending(session)
    return Counts(
        products=_by(session, Product.status),
        images=_by(session, ProductImage.status),
        batched=_count_batched(session),
        being_checked=_count_being_checked(session),
        spent_by_lane=dict.fromkeys(LANES, Decimal(0)) | spent,
        spent_today=spent_today(session),
        products_paid_for=paid_for,
        made_last_hour=_count_last_hour(session, ProductImage.created_at),
        reviewed_last_hour=_count_last_hour(session, Decision.at),
        products_reviewed_last_hour=_count_reviewed_products(session),
    )


def count_shop(session: Session) -> tuple[dict[str, int], int, int]:
    """Products by status, those that wait for batch jobs, and those reviewed in the last hour."""
    return _by(session, Product.status), _count_batched(session), _count_reviewed_products(session)


def read_figures(database: Database) -> Figures:
    """Read all figures. Raises Unavailable."""
    with database.read() as session:
        depth = read_depth(session)
        calls, paid = _calls(session)
        steps, ready = _times(session)
        return Figures(
            **vars(read_counts(session)),
            failed=_by(session, Product.error_code, Product.status == FAILED),
            rejections=_by(session, Decision.reason, Decision.status == REJECTED),
            calls=calls,
            paid=paid,
            batch_jobs=_by(session, BatchJob.state),
            waiting=depth.waiting,
            in_flight=depth.in_flight,
            oldest_seconds=depth.oldest_seconds or 0.0,
            first_pass=_first_pass(session),
            steps=steps,
            ready=ready,
            webhooks=_webhooks(session),
            verdicts=_verdicts(session),
            remakes=_remakes(session),
            locks=_by(session, ProductImage.lock_code, ProductImage.lock_code.is_not(None)),
        )


def _calls(session: Session) -> tuple[dict[tuple[str, str], int], dict[str, Decimal]]:
    """Calls by kind and outcome, and the cost of the completed ones by lane."""
    per = (Call.kind, Call.outcome, Call.lane)
    rows = session.execute(select(*per, func.count(), func.sum(Call.cost)).group_by(*per)).all()
    counts: Counter[tuple[str, str]] = Counter()
    paid: dict[str, Decimal] = defaultdict(Decimal)
    for kind, outcome, lane, count, cost in rows:
        counts[kind, outcome or "under_way"] += count
        if outcome:
            paid[lane] += Decimal(str(cost or 0))
    return dict(counts), dict(paid)


def _count_batched(session: Session) -> int:
    return session.scalar(select(func.count()).where(IS_BATCHED)) or 0


def _count_being_checked(session: Session) -> int:
    """Pictures, and those that a fidelity check had made again."""
    both = (
        select(func.count()).where(table.check_due.is_not(None)).scalar_subquery()
        for table in (ProductImage, Take)
    )
    return session.scalar(select(sum(both, literal(0)))) or 0


def _by(session: Session, column: Any, *where: Any) -> dict[str, int]:
    rows = session.execute(select(column, func.count()).where(*where).group_by(column)).all()
    return {value or "none": count for value, count in rows}


def _count_last_hour(session: Session, column: Any) -> int:
    return session.scalar(select(func.count()).where(column >= now(-HOUR))) or 0


def _count_reviewed_products(session: Session) -> int:
    """Products decided on in the last hour; what was undone since does not count."""
    later = aliased(Decision)
    undone = exists().where(
        later.image_id == Decision.image_id, later.id > Decision.id, later.status == PENDING
    )
    products = select(func.count(Decision.product_id.distinct())).where(
        Decision.at >= now(-HOUR), Decision.status != PENDING, ~undone
    )
    return session.scalar(products) or 0


def read_pace(session: Session) -> float | None:
    """Products made per minute in the current run; None while it is too short.

    A run is a series of products without a pause longer than `RUN_ENDS_AFTER`; its last
    `RUN_PRODUCTS` count. A time in which no product waited does not count.
    """
    ready = select(Round.ready_at, Round.opened_at).where(Round.ready_at >= now(-HOUR))
    latest = session.execute(ready.order_by(Round.ready_at.desc()).limit(RUN_PRODUCTS)).all()
    made, seconds = 0, 0.0
    opened = latest[0].opened_at if latest else None
    for later, earlier in pairwise(latest):
        if (later.ready_at - earlier.ready_at).total_seconds() > RUN_ENDS_AFTER:
            break
        opened = min(opened, later.opened_at)  # of all products that were made since
        seconds += max(0.0, (later.ready_at - max(earlier.ready_at, opened)).total_seconds())
        made += 1
    if made + 1 < RUN_FEWEST or not seconds:
        return None
    return round(60 * made / seconds, 2)


def _first_pass(session: Session) -> float | None:
    """A product with a later round did not pass the first time, whatever happened since.

    A round that failed was never reviewed.
    """
    earlier = and_(
        Round.product_id == Product.id, Round.number < Product.round, Round.ready_at.is_not(None)
    )
    sent_back = and_(Product.round > 1, exists().where(earlier))
    at_once = and_(Product.status == APPROVED, not_(sent_back))
    reviewed = select(func.count(case((at_once, 1))), func.count())
    reviewed = reviewed.where(or_(Product.status.in_((APPROVED, REJECTED)), sent_back))
    accepted, all_of_them = session.execute(reviewed).one()
    return accepted / all_of_them if all_of_them else None


def _times(session: Session) -> tuple[dict[str, Times], Times]:
    rounds = session.execute(
        select(Round.seconds, Round.opened_at, Round.ready_at)
        .where(Round.ready_at >= now(-HOUR))
        .order_by(Round.ready_at.desc())
        .limit(ROUNDS)
    ).all()
    took: dict[str, list[float]] = defaultdict(list)
    for seconds, _, _ in rounds:
        for step, each in (seconds or {}).items():
            took[step] += each
    until_ready = [max(0.0, (r - o).total_seconds()) for _, o, r in rounds if r is not None]
    return {step: times_of(each) for step, each in took.items()}, times_of(until_ready)


def times_of(seconds: Sequence[float]) -> Times:
    """Quantiles by the nearest rank; empty without values."""
    ranked = sorted(seconds)
    if not ranked:
        return Times(0, {})
    return Times(
        len(ranked), {q: ranked[max(0, math.ceil(q * len(ranked)) - 1)] for q in QUANTILES}
    )


def _verdicts(session: Session) -> dict[tuple[str, str, str], int]:
    """Count all pictures that were checked, the removed ones included."""
    by = (ProductImage.verdict, ProductImage.enhancer, ProductImage.prompt_version)
    rows = session.execute(
        select(*by, func.count()).where(ProductImage.verdict.is_not(None)).group_by(*by)
    ).all()
    return {(verdict or "", name or "", version or ""): n for verdict, name, version, n in rows}


def _remakes(session: Session) -> dict[str, int]:
    """Count takes by outcome, without the first ones, which have none."""
    by = (Take.state, Take.outcome)
    rows = session.execute(select(*by, func.count()).group_by(*by)).all()
    ended = {outcome: count for _, outcome, count in rows if outcome}
    waiting = sum(count for state, outcome, count in rows if state in GOING_ON)
    return ended | {"waiting": waiting}


def _webhooks(session: Session) -> dict[str, int]:
    waits = Delivery.not_before.is_not(None)
    given_up = and_(Delivery.not_before.is_(None), Delivery.delivered_at.is_(None))
    row = session.execute(select(func.count().filter(waits), func.count().filter(given_up))).one()
    return {"waiting": row[0], "given_up": row[1]}
