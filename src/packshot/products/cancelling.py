"""Cancels a waiting product: no more pictures of it are made until someone requests them again."""

from __future__ import annotations

from typing import Final

from sqlalchemy.orm import Session

from packshot.database.models import FAILED, PENDING, Product
from packshot.errors import Conflict
from packshot.products.batch_items import withdraw
from packshot.webhooks.outbox import Outbox

CANCELLED: Final = "cancelled"


def cancel_product(session: Session, product: Product, who: str, outbox: Outbox) -> None:
    """Fail the product with the code `cancelled`, so that it can be tried again or deleted.

    A worker that has it loses its claim: what it has saved stays, and it saves nothing more. A call
    in flight is still paid for; requests that wait for a batch job are not sent. Raises Conflict
    unless the product is pending.
    """
    if product.status != PENDING:
        raise Conflict(
            f"product {product.id} is {product.status}: only a pending product can be cancelled"
        )
    product.move(FAILED)
    product.error_code, product.error = CANCELLED, f"cancelled by {who}; try again to make it"
    product.token = product.lease_until = product.not_before = product.batched_at = None
    withdraw(session, product.id)
    product.touch()
    session.flush()
    outbox.add(session, product.id)
