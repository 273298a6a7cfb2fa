"""The tables of the batch lane: jobs at Gemini, and the products' requests in them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from packshot.database.base import CREATED, Base
from packshot.database.types import UTCDateTime


class BatchJob(Base):
    """One job of many requests at Gemini; the row is written before the job is created.

    `display_name` is unique: it identifies a job whose creation was not answered. `token` and
    `lease_until` belong to the process that works on it; `not_before` is the time of the next
    check, after `looks` checks in this state that the service answered.
    """

    __tablename__ = "batch_jobs"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))  # analysis | picture
    model: Mapped[str] = mapped_column(String(100))
    display_name: Mapped[str] = mapped_column(String(100), unique=True)
    state: Mapped[str] = mapped_column(String(20))
    file: Mapped[str | None] = mapped_column(String(200))  # the requests, at Gemini
    name: Mapped[str | None] = mapped_column(String(200))  # Gemini's own
    results: Mapped[str | None] = mapped_column(String(200))  # the file of the answers, at Gemini
    opened_at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=CREATED)
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=CREATED)  # its state
    deadline: Mapped[datetime] = mapped_column(UTCDateTime)
    not_before: Mapped[datetime] = mapped_column(UTCDateTime, server_default=CREATED)
    looks: Mapped[int] = mapped_column(server_default=text("0"))
    token: Mapped[str | None] = mapped_column(String(36))
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    error: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        Index("ix_batch_jobs_state_not_before", "state", "not_before"),
        {"sqlite_autoincrement": True},  # an id is never given twice
    )


class BatchItem(Base):
    """One request of a product that waits for a job, is in one, or was. `variant` is -1 for the
    analysis; `take` is above 1 for a picture that is made again."""

    __tablename__ = "batch_items"

    product_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    round: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    variant: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    take: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, server_default=text("1")
    )
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    asked_at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=CREATED)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("batch_jobs.id"), index=True)
    call_id: Mapped[int | None]

    __table_args__ = (Index("ix_batch_items_state_kind_asked_at", "state", "kind", "asked_at"),)
