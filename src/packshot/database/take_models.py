"""The columns of a made picture, and the takes of a picture that was made again."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from packshot.database.base import CREATED, Base
from packshot.database.types import Money, UTCDateTime


class PictureColumns:
    """The columns that a picture and its takes share: how it was made, and its fidelity.

    `check_due` is the time from which its fidelity may be checked, None when that is done or not
    wanted. A process that checks it moves the time ahead: if it dies, another one checks later.
    """

    object_key: Mapped[str | None] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(Text)
    prompt: Mapped[str | None] = mapped_column(Text)
    enhancer: Mapped[str | None] = mapped_column(String(20))
    model: Mapped[str | None] = mapped_column(String(100))
    prompt_version: Mapped[str | None] = mapped_column(String(20))  # of the enhancer's own words
    width: Mapped[int | None]
    height: Mapped[int | None]
    bytes: Mapped[int | None]
    sha256: Mapped[str | None] = mapped_column(String(64))
    warning: Mapped[str | None] = mapped_column(Text)
    #: The metadata in the model's answer, see `pictures.answer_metadata`; only exports read it.
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), deferred=True)
    verdict: Mapped[str | None] = mapped_column(String(20))
    fidelity_score: Mapped[float | None] = mapped_column(Float)  # 0..1; above 0.5 passes
    fidelity: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    pixel_lock: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    #: "locked", or why it is not (`fidelity.locks`); None where no lock was asked for.
    lock_code: Mapped[str | None] = mapped_column(String(30))
    check_due: Mapped[datetime | None] = mapped_column(UTCDateTime)
    check_tries: Mapped[int] = mapped_column(server_default=text("0"))


class Take(PictureColumns, Base):
    """One making of a picture whose fidelity check failed: take 1 is the first, take 2 the next.

    The row of the picture is a copy of the current take. `state` is "waiting" for its picture
    until `due_at`, which a process moves ahead while it makes it (`token`), "made" until it is
    checked, then "measured"; or "not_made". `outcome` is its result in a word, `words` in a
    sentence.
    """

    __tablename__ = "takes"

    product_id: Mapped[int] = mapped_column(
        ForeignKey("products.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    round: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    variant: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(String(20))
    outcome: Mapped[str | None] = mapped_column(String(50))
    words: Mapped[str | None] = mapped_column(Text)
    facts: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))  # for its prompt
    opened_at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=CREATED)
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    token: Mapped[str | None] = mapped_column(String(36))
    #: The sha256 of each picture that was about to be stored -> its warning; only these are
    #: adopted.
    digests: Mapped[dict[str, str | None] | None] = mapped_column(JSON(none_as_null=True))
    #: sha256 -> the record of that picture's pixel lock, for when it is adopted.
    locks: Mapped[dict[str, dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    image_url: Mapped[str | None] = mapped_column(Text)
    cost: Mapped[Decimal | None] = mapped_column(Money(12, 6))  # US dollars, without its check
    removed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # see Product.raw_removed_at
    deleted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        Index("ix_takes_due_at", "due_at"),
        Index("ix_takes_check_due", "check_due"),
        # Counted from the index alone.
        Index("ix_takes_state_outcome", "state", "outcome"),
    )
