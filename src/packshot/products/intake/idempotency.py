"""Answers a request that is sent again like the first one, by its Idempotency-Key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from packshot.database.models import IdempotencyKey
from packshot.errors import Conflict


@dataclass(frozen=True)
class Idempotency:
    """The client's Idempotency-Key, its owner, and a digest of the body it came with."""

    who: str
    key: str
    fingerprint: str


def was_answered(session: Session, idempotency: Idempotency) -> bool:
    """Whether a request with this key was answered before, so that this one does nothing."""
    return session.get(IdempotencyKey, (idempotency.who, idempotency.key)) is not None


def earlier_answer(session: Session, idempotency: Idempotency | None) -> dict[str, Any] | None:
    """The earlier answer to this key; without one, reserve it, so that a second request waits.

    Raises Conflict: `idempotency_mismatch` for another request under the same key.
    """
    if idempotency is None:
        return None
    known = session.get(IdempotencyKey, (idempotency.who, idempotency.key))
    if known is None:
        session.add(IdempotencyKey(**vars(idempotency)))
        session.flush()
        return None
    if known.fingerprint != idempotency.fingerprint:
        raise Conflict(
            "this Idempotency-Key was used with another request: send this one with a new key",
            code="idempotency_mismatch",
        )
    return known.response or {}


def remember_answer(
    session: Session, idempotency: Idempotency | None, answer: dict[str, Any]
) -> None:
    """Keep the answer of a request whose key is reserved, for `earlier_answer`."""
    if idempotency is not None:
        known = session.get_one(IdempotencyKey, (idempotency.who, idempotency.key))
        known.response = answer


@contextmanager
def refuse_while_running() -> Iterator[None]:
    """Around the transaction. Raises Conflict `idempotency_running` while the first request is
    still running."""
    try:
        yield
    except IntegrityError as error:
        if IdempotencyKey.__tablename__ not in str(error.orig):
            raise
        raise Conflict(
            "a request with this Idempotency-Key is still running; try again in a second",
            code="idempotency_running",
        ) from error
