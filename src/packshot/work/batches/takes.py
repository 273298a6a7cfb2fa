"""Takes in batch jobs: a picture of the batch lane is made again in a batch job, too.

The take is not due while its request waits in a job. When the job has ended, the take is due, and
the remaker finds the job's answer, or that there is none.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import ColumnElement, and_, exists, select, update
from sqlalchemy.orm import Session

from packshot.database.engine import update_rows
from packshot.database.models import BatchItem, Product, Take
from packshot.database.types import now
from packshot.enhancers.contract import Brief
from packshot.products import batch_items, takes
from packshot.work.claiming.claim import Claim

#: The take waits for a batch job to begin or to end.
WAITS = and_(Take.state == takes.WAITING, Take.due_at.is_(None))


def brief_of(claim: Claim, take: Take) -> Brief:
    """The request to the enhancer for this take of the claimed product."""
    return replace(claim.brief, take=take.number, facts=tuple(take.facts or ()))


def take_of(session: Session, item: BatchItem) -> Take | None:
    """The take of a request; None if it is for a first picture, or the product was deleted."""
    if item.take == 1:
        return None
    return session.get(Take, (item.product_id, item.round, item.variant, item.take))


def is_wanted(session: Session, product: Product, take: Take, most: int) -> bool:
    """Whether the take still waits, the settings allow it, and nobody decided the picture yet."""
    if take.state != takes.WAITING or take.number > most + 1:
        return False
    image = takes.picture_of(session, take)
    return image is not None and takes.is_undecided(product, image)


def make_due(session: Session, condition: ColumnElement[bool]) -> int:
    """Let the remaker continue with takes that waited for jobs; returns how many."""
    waiting = update(Take).where(WAITS, condition).values(due_at=now())
    return update_rows(session, waiting)


def has_open_request() -> ColumnElement[bool]:
    return exists().where(takes.is_request_for(Take), BatchItem.state.in_(batch_items.OPEN))


def end_for_budget(session: Session) -> None:
    """End the takes that wait for a batch job, because the day's budget is spent."""
    waiting = select(BatchItem).where(BatchItem.state == batch_items.WAITING, BatchItem.take > 1)
    for item in session.scalars(waiting).all():
        take = take_of(session, item)
        session.delete(item)
        product = session.get(Product, item.product_id)
        if take is not None and product is not None:
            takes.end(take, "budget", takes.NO_BUDGET)
            product.version += 1
