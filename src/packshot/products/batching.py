"""What products ask for in jobs of the batch lane, as far as cancelling and redoing need it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from packshot.database.models import BatchItem, Product

#: States of an item: it waits for a job, is in one, has its answer, or is left to single calls.
WAITING: Final = "waiting"
SENT: Final = "sent"
ANSWERED: Final = "answered"
LEFT: Final = "left"
#: An item that still has to bring something.
OPEN: Final = (WAITING, SENT)
#: The place of an analysis among the variants.
ANALYSIS: Final = -1


def withdraw(session: Session, product_id: int) -> None:
    """Ask for nothing more of this product: what no job has is not sent."""
    of_product = BatchItem.product_id == product_id
    session.execute(delete(BatchItem).where(of_product, BatchItem.state == WAITING))


def is_in_a_job(session: Session, product: Product) -> bool:
    """Is something of the product's current round asked for, and paid, already?"""
    mine = (BatchItem.product_id == product.id, BatchItem.round == product.round)
    sent = select(BatchItem.product_id).where(*mine, BatchItem.state == SENT).limit(1)
    return session.scalar(sent) is not None
