"""Spending in US dollars, from the calls table."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from packshot.database.models import Call
from packshot.database.types import now


def read_spending(session: Session) -> tuple[dict[str, Decimal], int]:
    """US dollars so far in each lane that was used, calls in flight at their expected cost; and the
    products that were paid for, counting redone ones again: each round has one analysis.

    All from one pass over an index, in its order: any other order takes SQLite twice as long, and
    so does FILTER instead of CASE. Distinct products would take seconds at a million.
    """
    paid = func.count(case((Call.cost > 0, 1)))
    rows = select(Call.kind, Call.lane, func.coalesce(func.sum(Call.cost), 0), paid)
    spent: dict[str, Decimal] = defaultdict(Decimal)
    products = 0
    for kind, lane, cost, count in session.execute(
        rows.group_by(Call.kind, Call.outcome, Call.lane)
    ):
        spent[lane] += Decimal(str(cost))
        products += count if kind == "analysis" else 0
    return dict(spent), products


def spent_today(session: Session) -> Decimal:
    """US dollars since midnight UTC, by all processes; calls in flight at their expected cost."""
    moment = session.execute(select(now())).scalar_one()
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    spent = select(func.coalesce(func.sum(Call.cost), 0)).where(Call.sent_at >= midnight)
    return Decimal(str(session.scalar(spent)))
