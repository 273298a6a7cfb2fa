"""The queue in the database: a query over the products; it stores nothing of its own."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from sqlalchemy import Select, and_, func, not_, select

from packshot.database.engine import Database
from packshot.database.models import PENDING, Product, is_waiting_for_work, lease_is_free
from packshot.database.types import now
from packshot.errors import Unavailable
from packshot.queues.contract import Depth, Message


class DatabaseQueue:
    """The products that wait for work, oldest first.

    `lease` only says that they wait: the claim takes one, and is also what extends, releases and
    finishes it. So `send`, `extend` and `done` have nothing to do.
    """

    name = "database"
    is_external = False
    wait_seconds = 0.5

    def __init__(self, database: Database, lease_seconds: float) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
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
            return [Message(id_) for id_ in session.scalars(self.oldest_waiting(limit))]

    def oldest_waiting(self, limit: int) -> Select[int]:
        """The query that is this queue; the index `ix_products_queue` answers it in order."""
        waiting = is_waiting_for_work(self._lease_seconds)
        oldest_first = select(Product.id).where(waiting).order_by(Product.queued_at, Product.id)
        return oldest_first.limit(limit)

    def extend(self, messages: Sequence[Message], seconds: float) -> list[Message]:
        return []

    def done(self, messages: Sequence[Message]) -> None:
        return None

    def depth(self) -> Depth:
        free = lease_is_free(self._lease_seconds)
        waiting = and_(Product.status == PENDING, Product.queued_at.is_not(None))
        counts = select(
            func.count().filter(free),
            func.count().filter(not_(free)),
            func.min(Product.queued_at).filter(free),
            now(),
        ).where(waiting)
        with self._database.read() as session:
            free_count, claimed, oldest, at = session.execute(counts).one()
        age = max(0.0, (at - oldest).total_seconds()) if oldest else None
        return Depth(waiting=free_count, in_flight=claimed, dead=None, oldest_seconds=age)

    def health(self) -> str | None:
        try:
            with self._database.read() as session:
                session.execute(select(now()))
        except Unavailable as error:
            return error.message
        return None
