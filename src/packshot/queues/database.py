"""The queue in the database: a query over the products; it stores nothing of its own."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from sqlalchemy import Select, exists, func, not_, select
from sqlalchemy.orm import Session

from packshot.database.engine import Database
from packshot.database.models import IS_FREE, IS_QUEUED, IS_WAITING_FOR_WORK, Product
from packshot.database.types import now
from packshot.errors import Unavailable
from packshot.queues.contract import Depth, Message


def read_depth(session: Session) -> Depth:
    """Count the products that wait or are claimed: correct with either queue."""
    oldest = func.min(Product.queued_at).filter(IS_FREE)
    counts = (func.count().filter(IS_FREE), func.count().filter(not_(IS_FREE)))
    waiting, claimed, since, moment = session.execute(
        select(*counts, oldest, now()).where(IS_QUEUED)
    ).one()
    age = max(0.0, (moment - since).total_seconds()) if since else None
    return Depth(waiting=waiting, in_flight=claimed, dead=None, oldest_seconds=age)


def read_untaken(session: Session) -> float | None:
    """For how many seconds the oldest due product has waited while none is claimed; None if one
    is claimed, or none waits."""
    claimed = exists().where(IS_QUEUED, not_(IS_FREE))
    oldest = (
        select(Product.queued_at, Product.not_before, now())
        .where(IS_WAITING_FOR_WORK, not_(claimed))
        .order_by(Product.queued_at, Product.id)
    )
    if (found := session.execute(oldest.limit(1)).first()) is None:
        return None
    queued_at, not_before, moment = found
    due = max(each for each in (queued_at, not_before) if each is not None)
    return max(0.0, (moment - due).total_seconds())


class DatabaseQueue:
    """The products that wait for work, oldest first.

    `lease` only says that they wait: the claim takes one, and is also what extends, releases and
    finishes it. So `send`, `extend` and `done` have nothing to do.
    """

    is_external = False
    wait_seconds = 0.5

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sent = threading.Event()

    def send(self, product_ids: Sequence[int]) -> set[int]:
        self._sent.set()  # wakes a worker of this process at once
        return set(product_ids)

    def lease(self, limit: int) -> list[Message]:
        self._sent.clear()
        found = self._candidates(limit)
        if not found and self._sent.wait(self.wait_seconds):
            found = self._candidates(limit)
        return found

    def _candidates(self, limit: int) -> list[Message]:
        with self._database.read() as session:
            return [Message(id_) for id_ in session.scalars(self._oldest_waiting(limit))]

    def _oldest_waiting(self, limit: int) -> Select[int]:
        """The query that is this queue; the index `ix_products_queue` answers it in order."""
        oldest_first = select(Product.id).where(IS_WAITING_FOR_WORK)
        return oldest_first.order_by(Product.queued_at, Product.id).limit(limit)

    def extend(self, messages: Sequence[Message], seconds: float) -> list[Message]:
        return []

    def done(self, messages: Sequence[Message]) -> None:
        return None

    def depth(self) -> Depth:
        with self._database.read() as session:
            return read_depth(session)

    def health(self) -> str | None:
        try:
            with self._database.read() as session:
                session.execute(select(now()))
        except Unavailable as error:
            return error.message
        return None
