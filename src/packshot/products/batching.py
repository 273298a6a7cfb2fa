"""Requests of products in jobs of the batch lane, for cancelling and redoing."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from packshot.database.models import BatchItem, Product

# States of an item:
WAITING: Final = "waiting"  # for a job
SENT: Final = "sent"  # in a job
ANSWERED: Final = "answered"
LEFT: Final = "left"  # it continues as a single call
LATE: Final = "late"  # its deadline passed; the whole round continues as single calls
#: States of an item that is still needed.
OPEN: Final = (WAITING, SENT)
#: The number of an analysis among the variants.
ANALYSIS: Final = -1


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
