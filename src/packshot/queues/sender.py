"""Sends waiting products to the queue, after the request that created them."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select, update

from packshot.background import start_thread
from packshot.database.engine import Database
from packshot.database.locks import lock_products
from packshot.database.models import IS_WAITING_FOR_WORK, PENDING, PRODUCTS, Product
from packshot.database.types import now
from packshot.errors import PackshotError
from packshot.queues.contract import Queue

log = logging.getLogger("packshot.sender")

#: Products that are sent, then marked as sent, together: ten requests to SQS, one transaction.
AT_ONCE: Final = 100
#: Seconds that an ending process keeps sending; a worker sends the rest.
LAST_SECONDS: Final = 3.0
#: Seconds of pause after the queue refused a product; `resend` sends it later.
PAUSE_SECONDS: Final = 15.0
#: A product younger than this may still be sent by the process that created it.
UNSENT_SECONDS: Final = 30.0
#: A product that was sent and is still waiting after this long may be lost: see `resend`.
RESEND_AFTER_SECONDS: Final = 120.0
#: After this long it counts as lost, however many messages the queue has.
SURELY_LOST_SECONDS: Final = 6 * 3600.0
RESEND_AT_MOST: Final = 1000


class Sender:
    """Sends after the commit, in a thread that ends when nothing is left to send.

    No request waits for the queue, however slow or far away. `resend`, which every worker calls,
    finds in the database what was not sent because the queue or the process went away.
    """

    def __init__(
        self,
        database: Database,
        queue: Queue,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.database, self.queue = database, queue
        self.clock = clock
        self._paused_until = float("-inf")
        self._waiting: deque[int] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def send(self, product_ids: Sequence[int]) -> None:
        """Send these soon, in the background. The products must be committed."""
        if not self.queue.is_external:
            self.queue.send(product_ids)  # the rows are the queue: this only wakes our worker
            return
        with self._lock:
            self._waiting.extend(product_ids)
            if self._thread is None or not self._thread.is_alive():
                self._begin()

    def _begin(self) -> None:
        try:
            self._thread = start_thread("sender", self._work)
        except RuntimeError as error:  # no thread is left, but the products are committed
            log.warning("%d products are sent later: %s", len(self._waiting), error)
            self._waiting.clear()
        else:
            atexit.register(self.close)  # an orderly end waits for it, but only LAST_SECONDS

    def flush(self) -> None:
        """Wait until all products are sent or left to `resend`, at most LAST_SECONDS."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(LAST_SECONDS)

    def close(self) -> None:
        """At the end of the process: what takes longer than LAST_SECONDS is left to `resend`."""
        atexit.unregister(self.close)
        self.flush()
        with self._lock:
            self._waiting.clear()

    def _work(self) -> None:
        while ids := self._next():
            if self.clock() < self._paused_until:
                continue  # left to `resend`
            try:
                self._send(ids)
            except BaseException:
                log.exception("product %d and %d more are sent later", ids[0], len(ids) - 1)

    def _next(self) -> list[int]:
        with self._lock:
            ids = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            if not ids:
                self._thread = None
                atexit.unregister(self.close)
            return ids

    def _send(self, product_ids: Sequence[int]) -> int:
        """Send and mark these; return how many the queue took."""
        try:
            taken = self.queue.send(product_ids)
            self._mark_sent(taken)
            return len(taken)
        except PackshotError as error:
            self._paused_until = self.clock() + PAUSE_SECONDS
            log.warning(
                "committed products (%d and perhaps others) are sent to the queue later: %s",
                product_ids[0],
                error.message,
            )
            return 0

    def _mark_sent(self, product_ids: Collection[int]) -> None:
        with self.database.write_rows(lasting=False) as rows:  # unsent ones are sent again
            lock_products(rows, product_ids)
            sent = update(PRODUCTS).where(PRODUCTS.c.id.in_(product_ids))
            rows.execute(sent.values(sent_at=now()))

    def resend(self) -> int:
        """Send again products that wait for work but were never sent, or whose message was lost.

        At most as many count as lost as the queue has messages too few: in a long backlog most
        messages are old, and sending them again would only make it longer. Stray and duplicate
        messages could hide lost ones forever, so after some hours a product is sent again in any
        case. Raises Unavailable.
        """
        if not self.queue.is_external:
            return 0
        never = Product.sent_at.is_(None) & (Product.queued_at <= now(-UNSENT_SECONDS))
        # These first: they need no count of the queue's messages, which may be denied.
        uncounted = self._overdue(or_(never, Product.sent_at <= now(-SURELY_LOST_SECONDS)))
        sent = self._send(uncounted) if uncounted else 0
        old = self._overdue(Product.sent_at <= now(-RESEND_AFTER_SECONDS))
        lost = old[: self._too_few_in_queue()] if old else []
        if lost:
            sent += self._send(lost)
        return sent

    def _overdue(self, condition: ColumnElement[bool]) -> list[int]:
        with self.database.read() as session:
            oldest_first = (
                select(Product.id)
                .where(IS_WAITING_FOR_WORK, condition)
                .order_by(Product.queued_at)
                .limit(RESEND_AT_MOST)
            )
            return list(session.scalars(oldest_first))

    def _too_few_in_queue(self) -> int:
        sent = (Product.status == PENDING) & Product.sent_at.is_not(None)
        with self.database.read() as session:
            should = session.scalar(select(func.count()).select_from(Product).where(sent)) or 0
        depth = self.queue.depth()
        return max(0, should - depth.waiting - depth.in_flight)
