"""The tables of requests: answers that are repeated, who is signed in, what counts for limits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from packshot.database.base import CREATED, Base
from packshot.database.types import UTCDateTime


class IdempotencyKey(Base):
    """A request that was answered: the same key and body gets the same answer."""

    __tablename__ = "idempotency_keys"

    who: Mapped[str] = mapped_column(String(100), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    response: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=CREATED, index=True)


class DeskSession(Base):
    """A reviewer signed in at the desk; found by the hash of the cookie's token."""

    __tablename__ = "sessions"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    key_hash: Mapped[str] = mapped_column(String(64))  # of its key, which gives name and scopes
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=CREATED)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)


class Counter(Base):
    """How much of a limit a key has used in one period."""

    __tablename__ = "counters"

    who: Mapped[str] = mapped_column(String(100), primary_key=True)
    what: Mapped[str] = mapped_column(String(50), primary_key=True)
    starts_at: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # Unix time
    amount: Mapped[int] = mapped_column(BigInteger)
