"""Which product to look at next: a query over the products, or a queue at SQS."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import and_, func, not_, select

from packshot.database import Database
from packshot.errors import Unavailable
from packshot.models import PENDING, Product, is_waiting_for_work, lease_is_free, now

#: Candidates looked at for each one wanted, so that many processes seldom pick the same.
CANDIDATES_EACH = 4


@dataclass(frozen=True)
class Message:
    """One product to look at. `handle` is the queue's receipt for this delivery, if it has any."""

    product_id: int
    handle: str | None = None


@dataclass(frozen=True)
class Depth:
    """How full the queue is. `dead` is None where there is no dead-letter queue to look into,
    `oldest_seconds` (the age of the oldest waiting product) where the queue can't tell."""

    waiting: int
    in_flight: int
    dead: int | None
    oldest_seconds: float | None


class Queue(Protocol):
    """Says which product to look at. Every method may raise Unavailable or NotConfigured.

    A message is only a hint: it may come twice, late or never, and the claim decides.
    """

    @property
    def name(self) -> str:
        """`database` or `sqs`."""

    @property
    def is_external(self) -> bool:
        """True: products must be sent to it, and are sent again when they got lost there."""

    @property
    def wait_seconds(self) -> float:
        """How long one `lease` call may wait for work."""

    def send(self, product_ids: Sequence[int]) -> set[int]:
        """Queue these products; return the ids the queue took. The rest is to be sent again."""

    def lease(self, limit: int) -> list[Message]:
        """Up to `limit` products to look at, waiting up to `wait_seconds` for the first."""

    def extend(self, messages: Sequence[Message], seconds: float) -> list[Message]:
        """Keep these for `seconds` from now; 0 gives them back. Return those that are gone."""

    def done(self, messages: Sequence[Message]) -> None:
        """Forget these messages. One that is gone already is fine."""

    def depth(self) -> Depth:
        """How full the queue is."""

    def health(self) -> str | None:
        """What keeps the queue from working, naming what to mend; None when nothing does."""


class DatabaseQueue:
    """The products that wait for work, oldest first. Nothing is stored besides them.

    `lease` only names candidates: taking one is the claim's compare-and-set, which is also what
    extends, releases and finishes it. So `send`, `extend` and `done` have nothing to do.
    """

    name = "database"
    is_external = False
    wait_seconds = 0.5

    def __init__(
        self, database: Database, lease_seconds: float, rng: random.Random | None = None
    ) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._rng = rng or random.Random()
        self._sent = threading.Event()

    def send(self, product_ids: Sequence[int]) -> set[int]:
        self._sent.set()  # a worker in this process need not wait for its next look
        return set(product_ids)

    def lease(self, limit: int) -> list[Message]:
        self._sent.clear()
        found = self._candidates(limit)
        if not found and self._sent.wait(self.wait_seconds):
            found = self._candidates(limit)
        return found

    def _candidates(self, limit: int) -> list[Message]:
        oldest = (
            select(Product.id)
            .where(is_waiting_for_work(self._lease_seconds))
            .order_by(Product.queued_at, Product.id)
            .limit(limit * CANDIDATES_EACH)
        )
        with self._database.read() as session:
            ids = list(session.scalars(oldest))
        return [Message(id_) for id_ in self._rng.sample(ids, min(limit, len(ids)))]

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
            free_count, held, oldest, at = session.execute(counts).one()
        age = max(0.0, (at - oldest).total_seconds()) if oldest else None
        return Depth(waiting=free_count, in_flight=held, dead=None, oldest_seconds=age)

    def health(self) -> str | None:
        try:
            with self._database.read() as session:
                session.execute(select(now()))
        except Unavailable as error:
            return error.message
        return None
