"""The contract of a queue: it says that products wait for work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Message:
    """A product that waits. `handle` is the queue's receipt for this delivery, if it has any."""

    product_id: int
    handle: str | None = None


@dataclass(frozen=True)
class Depth:
    """How full the queue is. `dead` is None without a readable dead-letter queue, `oldest_seconds`
    (the age of the oldest waiting product) where the queue does not report it."""

    waiting: int
    in_flight: int
    dead: int | None
    oldest_seconds: float | None


class Queue(Protocol):
    """Says that products wait. Every method may raise Unavailable or NotConfigured.

    A message is only a hint: it may come twice, late or never. The claim decides which product is
    next, and whether it may be worked on (`Claims.claim_next`).
    """

    @property
    def is_external(self) -> bool:
        """True: products must be sent to it, and are sent again when lost."""

    @property
    def wait_seconds(self) -> float:
        """How long one `lease` call may wait for work."""

    def send(self, product_ids: Sequence[int]) -> set[int]:
        """Queue these products; return the ids that were accepted. The rest must be sent again."""

    def lease(self, limit: int) -> list[Message]:
        """Up to `limit` products that wait; waits up to `wait_seconds` for the first."""

    def extend(self, messages: Sequence[Message], seconds: float) -> list[Message]:
        """Hide these for `seconds` from now; 0 gives them back. Return those that are gone."""

    def done(self, messages: Sequence[Message]) -> None:
        """Delete these messages. One that is already gone is not an error."""

    def depth(self) -> Depth:
        """How full the queue is."""

    def health(self) -> str | None:
        """What stops the queue from working and what to fix; None when it works."""
