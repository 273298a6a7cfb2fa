"""Requests of products in batch jobs.

A product that waits for a job is not claimed: it leaves the queue, and returns when none of its
items is open. A job's answers are saved like those of a killed worker: the product's next attempt
finds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.orm import Session

from packshot.database.models import PENDING, BatchItem, Product
from packshot.database.types import now
from packshot.products.batching import ANALYSIS, LATE, OPEN, WAITING
from packshot.work.claims import Claim, Claims


def wait_for_jobs(claims: Claims, claim: Claim, variants: Sequence[int]) -> None:
    """Make the product wait for batch jobs that make these variants. Raises LostClaim.

    The claim ends, and its attempt is not counted.
    """
    with claims.write_claimed(claim) as (session, product):
        for variant in variants:
            session.merge(
                BatchItem(
                    product_id=claim.product_id,
                    round=claim.round,
                    variant=variant,
                    take=1,
                    kind="analysis" if variant == ANALYSIS else "picture",
                    state=WAITING,
                    asked_at=now(),
                )
            )
        product.attempts = min(product.attempts, claim.attempts - 1)
        product.queued_at, product.sent_at, product.batched_at = None, None, now()
        product.error = product.error_code = None
        claims.release(session, product)


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


def queue_forgotten(session: Session, limit: int = 1000) -> list[int]:
    """Queue every product that waits for jobs but has no open request."""
    waiting = select(Product.id).where(Product.status == PENDING, Product.batched_at.is_not(None))
    idle = waiting.where(~_waits(Product.id, Product.round)).limit(limit)
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
