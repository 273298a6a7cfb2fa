"""Spending in US dollars, from the calls table."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from packshot.database.models import Call
from packshot.database.types import now


def spent_by_lane(session: Session) -> dict[str, Decimal]:
    """US dollars so far in each lane that was used; calls in flight at their expected cost.

    Grouped in the order of an index: any other order takes SQLite twice as long.
    """
    rows = select(Call.lane, func.coalesce(func.sum(Call.cost), 0))
    spent: dict[str, Decimal] = defaultdict(Decimal)
    for lane, cost in session.execute(rows.group_by(Call.kind, Call.outcome, Call.lane)):
        spent[lane] += Decimal(str(cost))
    return dict(spent)


def spent_today(session: Session) -> Decimal:
    """US dollars since midnight UTC, by all processes; calls in flight at their expected cost."""
    moment = session.execute(select(now())).scalar_one()
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    spent = select(func.coalesce(func.sum(Call.cost), 0)).where(Call.sent_at >= midnight)
    return Decimal(str(session.scalar(spent)))


def products_paid_for(session: Session) -> int:
    """Products that were paid for, counting redone ones again: each round has one analysis.

    An index alone answers this; distinct products would take seconds at a million.
    """
    analyses = select(func.count()).where(Call.kind == "analysis", Call.cost > 0)
    return session.scalar(analyses) or 0
