"""Records events for webhooks in the transaction that changes a product."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import insert
from sqlalchemy.orm import Session

from packshot.database.models import APPROVED, FAILED, PENDING_REVIEW, REJECTED, Delivery, Product
from packshot.database.types import now

#: The event for each new status of a product; `pending` causes none.
EVENTS: Final = {
    PENDING_REVIEW: "product.ready",
    FAILED: "product.failed",
    APPROVED: "product.reviewed",
    REJECTED: "product.reviewed",
}
#: Events stay small (the Standard Webhooks specification asks for less than 20 KB).
LONGEST_ERROR: Final = 500
LONGEST_BODY: Final = 19_000
#: The fields of a product that every event carries.
IDENTITY: Final = (
    *("id", "status", "version", "round", "batch_id"),
    *("category", "sku", "name", "view"),
)


class Outbox:
    """Records events for these receivers; without receivers, nothing is written.

    `prefix` is the path that Packshot is served under: pictures' own addresses begin with it.
    """

    def __init__(self, urls: Sequence[str] = (), prefix: str = "") -> None:
        self.urls = tuple(urls)
        self.prefix = prefix

    def add(
        self, session: Session, product_id: int, pictures: Sequence[Mapping[str, object]] = ()
    ) -> None:
        """Record the product's status for every receiver: after the change, before the commit.

        `pictures` are the approved ones of a reviewed product; only those that fit are sent, and
        `pictures_left_out` says how many do not.
        """
        if not self.urls:
            return
        product = session.get_one(Product, product_id, populate_existing=True)
        if event := EVENTS.get(product.status):
            self._insert(session, event, product, pictures)

    def _insert(
        self,
        session: Session,
        event: str,
        product: Product,
        pictures: Sequence[Mapping[str, object]],
    ) -> None:
        row = {
            "message_id": f"msg_{uuid.uuid4().hex}",
            "type": event,
            "product_id": product.id,
            "body": self._as_json(event, product, pictures),
            "created_at": now(),
            "not_before": now(),
        }
        for url in self.urls:
            session.execute(insert(Delivery).values(**row, url=url))

    def _as_json(
        self, event: str, product: Product, pictures: Sequence[Mapping[str, object]]
    ) -> str:
        return _body(_event(event, product), [self._with_prefix(each) for each in pictures])

    def _with_prefix(self, picture: Mapping[str, object]) -> Mapping[str, object]:
        address = str(picture["image_url"])
        if not address.startswith("/"):
            return picture
        return {**picture, "image_url": self.prefix + address}


def _body(event: dict[str, Any], pictures: Sequence[Mapping[str, object]]) -> str:
    """The event with as many of the pictures as fit into LONGEST_BODY bytes."""
    if event["type"] != "product.reviewed":
        return json.dumps(event)
    data, sent = event["data"], list(pictures)
    while True:
        left_out = len(pictures) - len(sent)
        more = {"pictures": sent} | ({"pictures_left_out": left_out} if left_out else {})
        body = json.dumps(event | {"data": data | more})
        if len(body) <= LONGEST_BODY or not sent:
            return body
        sent.pop()


def _event(event: str, product: Product) -> dict[str, Any]:
    """The event's content: what identifies the product, without raw_image, which may be signed."""
    data: dict[str, object] = {name: getattr(product, name) for name in IDENTITY}
    if product.status == FAILED:
        data["error_code"] = product.error_code
        data["error"] = (product.error or "")[:LONGEST_ERROR]
    moment = product.updated_at.isoformat().replace("+00:00", "Z")
    return {"type": event, "timestamp": moment, "data": data}
