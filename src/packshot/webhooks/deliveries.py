"""Delivers the outbox's events to the shop's own servers: signed, retried, replayable."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from standardwebhooks import Webhook

from packshot.backoff import add_jitter
from packshot.database.engine import Database, update_rows
from packshot.database.models import Delivery
from packshot.database.types import now
from packshot.download.addresses import receiver_of
from packshot.errors import FetchError

log = logging.getLogger("packshot.webhooks")

#: Seconds from one attempt to the next, as the Standard Webhooks specification recommends
#: (github.com/standard-webhooks/standard-webhooks, "Deliverability and reliability").
PAUSES: Final = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
#: Every attempt ends within this; if its process dies, the next attempt follows after it.
ATTEMPT_SECONDS: Final = 60
#: Deliveries to one receiver before the next receiver's turn.
AT_ONCE: Final = 100
KEPT_DAYS: Final = 30

#: `post(url, body, headers)`; raises FetchError unless the answer is a 2xx.
Post = Callable[[str, bytes, Mapping[str, str]], None]


@dataclass(frozen=True)
class DeliveryView:
    """One event on its way to one receiver. `state` is waiting, delivered or given_up."""

    id: int
    message_id: str
    type: str
    product_id: int
    url: str
    state: str
    attempts: int
    error: str | None
    created_at: datetime


class Webhooks:
    """Sends events that are due. Any number of processes may share the work; one may arrive twice,
    with the same `webhook-id`. `secrets` are `whsec_...`: the first and, while one is being
    replaced, the others too."""

    def __init__(
        self,
        database: Database,
        post: Post,
        urls: Sequence[str] = (),
        secrets: Sequence[str] = (),
    ) -> None:
        self.database = database
        self.post = post
        self.urls = tuple(urls)
        self.signers = [Webhook(secret) for secret in secrets]

    # -- deliver -----------------------------------------------------------------------------

    def deliver(self, enough: Callable[[], bool] = lambda: False) -> int:
        """Send what is due, receiver by receiver, until `enough`; return the number delivered."""
        return sum(self._deliver_to(url, enough) for url in self.urls)

    def _deliver_to(self, url: str, enough: Callable[[], bool]) -> int:
        """Send to one receiver. A failure ends its turn: it is probably unreachable."""
        delivered = 0
        while delivered < AT_ONCE and not enough():
            delivery = self._claim_next(url)
            if delivery is None:
                break
            try:
                self.post(url, delivery.body.encode(), self._headers(delivery))
            except FetchError as error:
                self._note_failure(delivery, error)
                break
            self._update(delivery, delivered_at=now(), not_before=None, error=None)
            delivered += 1
        return delivered

    def _claim_next(self, url: str) -> Delivery | None:
        """Claim the next attempt: it counts now, and no other process makes it."""
        due = select(Delivery).where(Delivery.url == url, Delivery.not_before <= now())
        with self.database.claim_first(due.order_by(Delivery.not_before, Delivery.id)) as found:
            if found is None:
                return None
            _, delivery = found
            delivery.attempts += 1
            delivery.not_before = now(ATTEMPT_SECONDS)
            return delivery

    def _headers(self, delivery: Delivery) -> dict[str, str]:
        moment = datetime.now(UTC)
        signatures = [
            signer.sign(delivery.message_id, moment, delivery.body) for signer in self.signers
        ]
        return {
            "Content-Type": "application/json",
            "webhook-id": delivery.message_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    def _note_failure(self, delivery: Delivery, error: FetchError) -> None:
        """Only of the last attempt: another process may have delivered it after a long pause."""
        is_last = Delivery.attempts == delivery.attempts
        if delivery.attempts > len(PAUSES):
            self._update(delivery, is_last, not_before=None, error=error.message)
            place = receiver_of(delivery.url)
            log.error("gave up on %s at %s: %s", delivery.message_id, place, error.message)
            return
        pause = add_jitter(PAUSES[delivery.attempts - 1], random.random)
        pause = max(pause, error.retry_after or 0.0)
        self._update(delivery, is_last, not_before=now(pause), error=error.message)
        log.warning("%s is tried again in %.0f s: %s", delivery.message_id, pause, error.message)

    def _update(self, delivery: Delivery, *where: ColumnElement[bool], **values: Any) -> None:
        this = update(Delivery).where(Delivery.id == delivery.id, *where)
        with self.database.write() as session:
            session.execute(this.values(**values))

    # -- operate ----------------------------------------------------------------------------

    def latest(self, limit: int = 20) -> list[DeliveryView]:
        """The latest events, newest first."""
        with self.database.read() as session:
            rows = session.scalars(select(Delivery).order_by(Delivery.id.desc()).limit(limit)).all()
        return [_view(row) for row in rows]

    def replay(self, *, product_id: int | None = None, since_hours: float | None = None) -> int:
        """Send again: all events of a product, or of the last hours, or all that were given up.

        Returns how many. They keep their `webhook-id`, so a receiver recognises them.
        """
        with self.database.write() as session:
            again = (
                update(Delivery)
                .where(Delivery.url.in_(self.urls), *_selection(product_id, since_hours))
                .values(attempts=0, not_before=now(), delivered_at=None, error=None)
            )
            return update_rows(session, again)

    def forget_old(self) -> None:
        """After 30 days, remove events that were delivered or given up, or have no receiver now."""
        over = or_(Delivery.not_before.is_(None), Delivery.url.not_in(self.urls))
        old = Delivery.created_at < now(-KEPT_DAYS * 86_400)
        with self.database.write() as session:
            session.execute(delete(Delivery).where(old, over))


def _view(row: Delivery) -> DeliveryView:
    state = "delivered" if row.delivered_at else "waiting" if row.not_before else "given_up"
    return DeliveryView(
        id=row.id,
        message_id=row.message_id,
        type=row.type,
        product_id=row.product_id,
        url=row.url,
        state=state,
        attempts=row.attempts,
        error=row.error,
        created_at=row.created_at,
    )


def _selection(product_id: int | None, since_hours: float | None) -> Iterator[ColumnElement[bool]]:
    if product_id is not None:
        yield Delivery.product_id == product_id
    if since_hours is not None:
        yield Delivery.created_at >= now(-3600 * since_hours)
    if product_id is None and since_hours is None:
        yield and_(Delivery.not_before.is_(None), Delivery.delivered_at.is_(None))
