"""The tables, the statuses, and the moves that a product may make from one status to another."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final, cast

from sqlalchemy import (
    JSON,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    false,
    or_,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from packshot.database.base import CREATED as CREATED
from packshot.database.base import IS_REDO, partial_index
from packshot.database.base import Base as Base
from packshot.database.batch_models import BatchItem as BatchItem
from packshot.database.batch_models import BatchJob as BatchJob
from packshot.database.request_models import Counter as Counter
from packshot.database.request_models import DeskSession as DeskSession
from packshot.database.request_models import IdempotencyKey as IdempotencyKey
from packshot.database.take_models import PictureColumns as PictureColumns
from packshot.database.take_models import Take as Take
from packshot.database.types import Money, UTCDateTime, now
from packshot.errors import Conflict

PENDING: Final = "pending"
PENDING_REVIEW: Final = "pending_review"
APPROVED: Final = "approved"
REJECTED: Final = "rejected"
FAILED: Final = "failed"

PRODUCT_STATUSES: Final = (PENDING, PENDING_REVIEW, APPROVED, REJECTED, FAILED)
IMAGE_STATUSES: Final = (PENDING, APPROVED, REJECTED)

#: Every move a product may make; `Product.move` refuses any other.
MOVES: Final[dict[str, frozenset[str]]] = {
    PENDING: frozenset({PENDING_REVIEW, FAILED}),
    PENDING_REVIEW: frozenset({APPROVED, REJECTED, PENDING}),
    APPROVED: frozenset({PENDING_REVIEW, REJECTED, PENDING}),
    REJECTED: frozenset({PENDING_REVIEW, APPROVED, PENDING}),
    FAILED: frozenset({PENDING}),
}


class Product(Base):
    """One product with its one raw image and its status.

    `queued_at` is when it was requested: a row written by hand has none and is not worked on.
    `token` and `lease_until` are the claim. `not_before` is the pause before the next attempt.
    `batched_at` is when it left the queue to wait for the answers of batch jobs. `submitted_by` is
    the name of the key that submitted it. `view` is which side of `sku` the photo shows ("front",
    "2"); `attributes` are the other columns of its row in a spreadsheet.
    """

    __tablename__ = "products"

    id: Mapped[int] = mapped_column(primary_key=True)
    category: Mapped[str] = mapped_column(String(100))
    raw_image: Mapped[str] = mapped_column(Text)
    mrp: Mapped[Decimal | None] = mapped_column(Money())
    price: Mapped[Decimal | None] = mapped_column(Money())
    discount: Mapped[Decimal | None] = mapped_column(Money())
    gst: Mapped[Decimal | None] = mapped_column(Money(), server_default=text("0"))
    status: Mapped[str] = mapped_column(String(20), server_default=PENDING)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=CREATED)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=CREATED)

    sku: Mapped[str | None] = mapped_column(String(100))
    name: Mapped[str | None] = mapped_column(String(200))
    view: Mapped[str | None] = mapped_column(String(40))
    filename: Mapped[str | None] = mapped_column(String(255))
    attributes: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))

    version: Mapped[int] = mapped_column(server_default=text("1"))
    batch_id: Mapped[str | None] = mapped_column(String(36))
    submitted_by: Mapped[str | None] = mapped_column(String(100))
    round: Mapped[int] = mapped_column(server_default=text("0"))
    queued_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    not_before: Mapped[datetime | None] = mapped_column(UTCDateTime)
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    token: Mapped[str | None] = mapped_column(String(36))
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    batched_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    error_code: Mapped[str | None] = mapped_column(String(50))
    error: Mapped[str | None] = mapped_column(Text)
    media_namespace: Mapped[str | None] = mapped_column(String(36))
    raw_sha256: Mapped[str | None] = mapped_column(String(64))  # of the uploaded bytes
    normalised_sha256: Mapped[str | None] = mapped_column(String(64))  # of the stored copy
    photo_since: Mapped[int] = mapped_column(server_default=text("1"))  # the photo's first round
    #: The photo's removal has two times: when it was marked, and when its objects were deleted.
    raw_removed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    raw_deleted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    def move(self, status: str) -> None:
        """Set this status, which it may have already. Raises Conflict for a forbidden move."""
        if status != self.status and status not in MOVES[self.status]:
            raise Conflict(f"product {self.id} is {self.status}: it can't become {status}")
        self.status = status

    def touch(self) -> None:
        """Raise the version, which is the product's ETag."""
        self.version += 1
        self.updated_at = now()

    __table_args__ = (
        # The queue: products that are due, oldest first.
        Index("ix_products_queue", "status", "queued_at", "id"),
        # The same for each key, and of its redos.
        Index("ix_products_turn", "status", "submitted_by", "queued_at", "id"),
        partial_index("ix_products_redo", "status", "submitted_by", "queued_at", where=IS_REDO),
        # The lists, newest first. `round` lets counts of the current rounds read no row.
        Index("ix_products_status_id", "status", "id", "round"),
        Index("ix_products_batch_id_id", "batch_id", "id"),
        Index("ix_products_category_id", "category", "id"),
        Index("ix_products_sku_id", "sku", "id"),
        Index("ix_products_raw_sha256_sku_view", "raw_sha256", "sku", "view"),
        {"sqlite_autoincrement": True},  # an id is never given twice: objects are named by it
    )


class ProductTerm(Base):
    """A word that a product is found by: its SKU, name, file name and barcodes, as `search_term`
    writes them.

    The collation "C" orders by code points on both databases, so a beginning is a range of the key.
    """

    __tablename__ = "product_terms"

    term: Mapped[str] = mapped_column(
        String(255).with_variant(String(255, collation="C"), "postgresql"), primary_key=True
    )
    product_id: Mapped[int] = mapped_column(
        ForeignKey("products.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class Upload(Base):
    """The SHA-256 of an upload's bytes; the stored clean copy has another.

    `name` is that of its key (`products.object_keys.upload_name`).
    """

    __tablename__ = "uploads"

    name: Mapped[str] = mapped_column(String(36), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))


class Correction(Base):
    """One correction of a product's fields; rows are only added.

    `changes` maps each field to its values before and after.
    """

    __tablename__ = "corrections"

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(
        ForeignKey("products.id", ondelete="CASCADE"), index=True
    )
    changes: Mapped[dict[str, list[Any]]] = mapped_column(JSON)
    who: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=CREATED)


#: The product was requested, and waits for work or is worked on.
IS_QUEUED: Final = and_(Product.status == PENDING, Product.queued_at.is_not(None))
#: The product is not claimed, or its lease has ended.
IS_FREE: Final = or_(Product.lease_until.is_(None), Product.lease_until <= now())
#: The condition of the embedded queue: requested, pending, not claimed, and its pause is over.
IS_WAITING_FOR_WORK: Final = and_(
    IS_QUEUED, or_(Product.not_before.is_(None), Product.not_before <= now()), IS_FREE
)


class Round(Base):
    """One run of `wanted` variants; one analysis each. `refusals` are variants refused for good.

    `seconds` has the time of each step in the run that finished it.
    """

    __tablename__ = "rounds"

    product_id: Mapped[int] = mapped_column(
        ForeignKey("products.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    wanted: Mapped[int]
    instructions: Mapped[str | None] = mapped_column(Text)
    adjustments: Mapped[list[str] | None] = mapped_column(JSON)
    enhancer: Mapped[str | None] = mapped_column(String(20))
    analysis: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    refusals: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON)
    #: variant -> the sha256 of each picture that was about to be stored: only these are adopted.
    digests: Mapped[dict[str, list[str]] | None] = mapped_column(JSON)
    #: sha256 -> the warning about that picture, for when it is adopted.
    warnings: Mapped[dict[str, str] | None] = mapped_column(JSON)
    #: Whether the batch asks for the pixel lock; None: as PIXEL_LOCK says.
    pixel_lock: Mapped[bool | None]
    #: sha256 -> the record of that picture's pixel lock, when it is adopted.
    locks: Mapped[dict[str, dict[str, Any]] | None] = mapped_column(JSON)
    opened_at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=CREATED)
    ready_at: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)
    seconds: Mapped[dict[str, list[float]] | None] = mapped_column(JSON)
    asked_by: Mapped[str | None] = mapped_column(String(100))  # of a redo
    lane: Mapped[str] = mapped_column(String(10), server_default="standard")
    #: Gemini's answer with the analysis, from a batch job.
    answer: Mapped[str | None] = mapped_column(Text)

    # Enhancers are counted from the index alone: the rows are long.
    __table_args__ = (Index("ix_rounds_enhancer", "product_id", "number", "enhancer"),)


#: The condition of a picture that is excluded from approval by default: `products.answers.doubt`.
IS_DOUBTFUL: Final = text(
    "(product_images.warning IS NOT NULL"
    " OR product_images.verdict IN ('warn', 'fail', 'not_comparable'))"
)


class ProductImage(PictureColumns, Base):
    """One enhanced picture. The row exists only once its object is stored.

    For a picture that was made again it is a copy of the current take.
    """

    __tablename__ = "product_images"

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"))
    image_url: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(20), server_default=PENDING)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=CREATED)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=CREATED)

    round: Mapped[int] = mapped_column(server_default=text("1"))
    variant: Mapped[int] = mapped_column(server_default=text("0"))
    number: Mapped[int | None]  # among its SKU's, see `products.export.numbers`
    alt_text: Mapped[str | None] = mapped_column(String(125))  # a reviewer's own
    #: A check that ended after the approval found a change, and nobody has decided again since.
    found_after_approval: Mapped[bool] = mapped_column(server_default=false())
    removed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # see Product.raw_removed_at
    deleted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        UniqueConstraint("product_id", "round", "variant"),
        Index("ix_product_images_created_at", "created_at"),
        Index("ix_product_images_status", "status"),
        Index("ix_product_images_check_due", "check_due", "id"),
        # Counted from the index alone.
        Index("ix_product_images_verdict", "verdict", "enhancer", "prompt_version"),
        Index("ix_product_images_lock_code", "lock_code"),
        partial_index(
            "ix_product_images_found_after_approval",
            *("product_id", "round"),
            where=text("found_after_approval"),
        ),
        partial_index("ix_product_images_doubtful", "product_id", "round", where=IS_DOUBTFUL),
        {"sqlite_autoincrement": True},
    )


class Decision(Base):
    """One decision of a reviewer on one picture; rows are only added."""

    __tablename__ = "decisions"

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(
        ForeignKey("products.id", ondelete="CASCADE"), index=True
    )
    image_id: Mapped[int] = mapped_column(
        ForeignKey("product_images.id", ondelete="CASCADE"), index=True
    )
    status: Mapped[str] = mapped_column(String(20))
    previous: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(String(50))
    note: Mapped[str | None] = mapped_column(Text)
    who: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=CREATED, index=True)

    __table_args__ = (Index("ix_decisions_who_id", "who", "id"),)


class Call(Base):
    """One paid request: written before it is sent, completed after it."""

    __tablename__ = "calls"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: Not a foreign key: a deleted product's costs still count.
    product_id: Mapped[int] = mapped_column(index=True)
    round: Mapped[int]
    variant: Mapped[int | None]
    kind: Mapped[str] = mapped_column(String(20))  # analysis | picture | remake | judge
    model: Mapped[str] = mapped_column(String(100))
    model_version: Mapped[str | None] = mapped_column(String(100))
    lane: Mapped[str] = mapped_column(String(10), server_default="standard")  # paid in
    sent_at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=CREATED)
    completed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    outcome: Mapped[str | None] = mapped_column(String(50))
    tokens_in: Mapped[int] = mapped_column(server_default=text("0"))
    tokens_out: Mapped[int] = mapped_column(server_default=text("0"))
    tokens_image: Mapped[int] = mapped_column(server_default=text("0"))
    images: Mapped[int] = mapped_column(server_default=text("0"))
    cost: Mapped[Decimal | None] = mapped_column(Money(12, 6))  # US dollars

    __table_args__ = (
        # Spend and outcomes are summed from the indexes alone: they have all the columns needed.
        Index("ix_calls_sent_at_cost", "sent_at", "cost"),
        Index("ix_calls_kind_outcome_lane_cost", "kind", "outcome", "lane", "cost"),
    )


class Delivery(Base):
    """One event on its way to one receiver. `not_before` is the time of its next attempt: None when
    it is delivered or given up."""

    __tablename__ = "deliveries"

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[str] = mapped_column(String(36))
    type: Mapped[str] = mapped_column(String(50))
    product_id: Mapped[int] = mapped_column(index=True)  # kept when the product is deleted
    url: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=CREATED)
    not_before: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    delivered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    error: Mapped[str | None] = mapped_column(Text)


class Deletion(Base):
    """The objects of a deleted product or a replaced photo: removed at growing intervals, because a
    worker that had claimed the product may store one later. `not_before` is the next removal."""

    __tablename__ = "deletions"

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int]
    namespace: Mapped[str | None] = mapped_column(String(36))  # none: it was never worked on
    rounds: Mapped[int]
    variants: Mapped[int]  # of the largest round
    upload: Mapped[str | None] = mapped_column(String(36))
    removals: Mapped[int] = mapped_column(server_default=text("0"))
    not_before: Mapped[datetime] = mapped_column(UTCDateTime, index=True)


class Shop(Base):
    """One row: the shop that this database belongs to, see `products.shop`.

    `strangers`: for each part (queue, storage) the other shop that was found there, and when.
    """

    __tablename__ = "shop"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # always 1
    id: Mapped[str] = mapped_column(String(36))
    strangers: Mapped[dict[str, Any] | None] = mapped_column(JSON)


# For statements on the tables alone: the mapped classes cost more than many of them.
PRODUCTS: Final = cast(Table, Product.__table__)
ROUNDS: Final = cast(Table, Round.__table__)
IMAGES: Final = cast(Table, ProductImage.__table__)
