"""The requests of products in batch jobs.

A product that waits for a job is not claimed: it leaves the queue, and returns when none of its
items is open. A job's answers are saved like those of a killed worker: the product's next attempt
finds them.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, delete, exists, select, update
from sqlalchemy.orm import Session

from packshot.database.models import PENDING, BatchItem, Product
from packshot.database.types import now

# States of an item:
WAITING: Final = "waiting"  # for a job
SENT: Final = "sent"  # in a job
ANSWERED: Final = "answered"
LEFT: Final = "left"  # it continues as a single call
LATE: Final = "late"  # its deadline passed; the whole round continues as single calls
#: States of an item that is still needed.
OPEN: Final = (WAITING, SENT)
#: The most products to queue again in one transaction.
QUEUED_AT_ONCE: Final = 1000
#: The number of an analysis among the variants.
ANALYSIS: Final = -1
#: The product waits for the answers of batch jobs.
IS_BATCHED: Final = and_(Product.status == PENDING, Product.batched_at.is_not(None))


def waiting_item(product_id: int, round_number: int, variant: int, take: int = 1) -> BatchItem:
    """A request that waits for a job."""
    return BatchItem(
        product_id=product_id,
        round=round_number,
        variant=variant,
        take=take,
        kind="analysis" if variant == ANALYSIS else "picture",
        state=WAITING,
        asked_at=now(),
    )


def late_requests(product_id: int, round_number: int) -> Select[int]:
    """Late requests of first pictures: since then the round's lane is standard."""
    return select(BatchItem.round).where(
        BatchItem.product_id == product_id,
        BatchItem.round == round_number,
        BatchItem.take == 1,
        BatchItem.state == LATE,
    )


def withdraw(session: Session, product_id: int) -> None:
    """Withdraw the requests of this product that are in no job yet."""
    of_product = BatchItem.product_id == product_id
    session.execute(delete(BatchItem).where(of_product, BatchItem.state == WAITING))


def forget(session: Session, product_id: int) -> None:
    """Take no answer to any request of this product: they are about another photo. Those in a job
    keep counting at their expected cost."""
    session.execute(delete(BatchItem).where(BatchItem.product_id == product_id))


def is_in_a_job(session: Session, product: Product) -> bool:
    """Whether any request of the product's current round was already made, and paid for."""
    mine = (BatchItem.product_id == product.id, BatchItem.round == product.round)
    first = (BatchItem.take == 1, BatchItem.state == SENT)
    sent = select(BatchItem.product_id).where(*mine, *first).limit(1)
    return session.scalar(sent) is not None


def queue_again(session: Session, product_id: int) -> bool:
    """Queue the product if it no longer waits for anything.

    It is locked first: of two processes that save its last answers, the second sees both.
    """
    product = session.get(Product, product_id, with_for_update=True, populate_existing=True)
    if product is None or product.status != PENDING or product.batched_at is None:
        return False
    if session.scalar(select(_waits(product.id, product.round))):
        return False
    product.batched_at, product.queued_at, product.not_before = None, now(), None
    product.touch()
    return True


def queue_forgotten(session: Session) -> list[int]:
    """Queue every product that waits for jobs but has no open request."""
    idle = (
        select(Product.id)
        .where(IS_BATCHED, ~_waits(Product.id, Product.round))
        .limit(QUEUED_AT_ONCE)
    )
    return [id_ for id_ in session.scalars(idle).all() if queue_again(session, id_)]


def hand_late_to_single_calls(session: Session, seconds: float) -> None:
    """Hand requests that waited `seconds` for a job to single calls."""
    late = (BatchItem.state == WAITING, BatchItem.asked_at <= now(-seconds))
    session.execute(update(BatchItem).where(*late).values(state=LATE))


def _waits(product_id: Any, round_number: Any) -> ColumnElement[bool]:
    return exists().where(
        BatchItem.product_id == product_id,
        BatchItem.round == round_number,
        BatchItem.take == 1,  # no product waits for what is made again
        BatchItem.state.in_(OPEN),
    )
