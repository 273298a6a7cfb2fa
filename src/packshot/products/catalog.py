"""The products of a shop: create a batch, list, decide, redo, count."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Row,
    Select,
    and_,
    bindparam,
    column,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.dml import ReturningInsert

from packshot.database.engine import Database
from packshot.database.models import (
    APPROVED,
    FAILED,
    PENDING,
    PENDING_REVIEW,
    PRODUCTS,
    REJECTED,
    ROUNDS,
    Decision,
    DeskSession,
    IdempotencyKey,
    Product,
    ProductImage,
    Round,
    now,
)
from packshot.errors import Conflict, NotFound
from packshot.products.figures import Counts, read_counts
from packshot.products.slow_answers import SlowAnswers
from packshot.products.views import (
    DecisionOut,
    ProductView,
    RoundOut,
    columns_of,
    new_view,
    view_of,
    views_of,
)
from packshot.queues.contract import Depth, Queue
from packshot.queues.sender import Sender
from packshot.webhooks.outbox import Outbox

Chosen = TypeVar("Chosen", bound=Select[*tuple[Any, ...]])

IDEMPOTENCY_HOURS = 24
#: Categories listed in a filter: the largest ones.
FACETS = 100
#: Filters whose counts are cached: those looked at last.
FILTERS_KEPT = 64


@dataclass(frozen=True)
class NewProduct:
    """One product as the seller gives it; money in the currency itself.

    `submitted_by` is the name of the key it came with: who may see `raw_image` whole.
    """

    category: str
    raw_image: str
    mrp: Decimal
    price: Decimal
    discount: Decimal
    gst: Decimal
    submitted_by: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Idempotency:
    """The client's Idempotency-Key, whose it is, and a digest of the body it came with."""

    who: str
    key: str
    fingerprint: str


@dataclass(frozen=True)
class Created:
    """The answer to a bulk request; `replayed` when it was given before."""

    batch_id: str
    products: list[ProductView]
    replayed: bool = False


@dataclass(frozen=True)
class Page:
    """Some products, newest first, and where the next page starts."""

    products: list[ProductView]
    next_cursor: str | None


@dataclass(frozen=True)
class Facets:
    """How many products there are by status, category and reason, each within the other filters.

    `reasons` of those decided only; `statuses` are without regard to the reason, which is one of a
    status.
    """

    statuses: dict[str, int]
    categories: dict[str, int]
    reasons: dict[str, int]


@dataclass(frozen=True)
class Stats(Counts):
    """Counts for people, and how full the queue says it is."""

    queue: Depth


def _insert_arrays() -> ReturningInsert[int]:
    """For PostgreSQL: each column of the rows is one array.

    As VALUES a thousand rows are 14,000 parameters, and the driver reads the statement, which is
    as long, anew each time: four tenths of what a request costs.
    """
    arrays = [bindparam(name, type_=ARRAY(PRODUCTS.c[name].type)) for name in OF_ROW]
    columns = [column(name, PRODUCTS.c[name].type) for name in OF_ROW]
    rows = func.unnest(*arrays).table_valued(*columns, with_ordinality="place").render_derived()
    same = [bindparam(name, type_=PRODUCTS.c[name].type) for name in OF_BATCH]
    in_order = select(*(rows.c[name] for name in OF_ROW), *same).order_by(rows.c.place)
    return insert(PRODUCTS).from_select([*OF_ROW, *OF_BATCH], in_order).returning(PRODUCTS.c.id)


#: What `Catalog.create` writes of each row, and what is the same for all of a batch.
OF_ROW = (*(each.name for each in fields(NewProduct)), "media_namespace")
OF_BATCH = ("status", "batch_id", "round", "queued_at", "created_at", "updated_at")
INSERT_ARRAYS = _insert_arrays()


class Catalog:
    """Everything the API and the desk do with products; one short transaction each."""

    def __init__(
        self,
        database: Database,
        queue: Queue,
        wanted: int,
        lease_seconds: float = 60.0,
        outbox: Outbox = Outbox(),
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.database = database
        self.queue = queue
        self.wanted = wanted
        self.sender = Sender(database, queue, lease_seconds, clock=clock)
        self.outbox = outbox
        self._counts = SlowAnswers(kept=FILTERS_KEPT)

    # -- create ----------------------------------------------------------------------------

    def create(
        self, products: Sequence[NewProduct], *, idempotency: Idempotency | None = None
    ) -> Created:
        """Create and queue a batch in one transaction, then tell the queue.

        The same idempotency key and body gives the same answer and creates nothing. Raises
        Conflict: `idempotency_mismatch` for another body, `idempotency_running` while the first
        request is still at work.
        """
        try:
            with self.database.write() as session:
                before = _replay(session, idempotency)
                if before is not None:
                    return before
                created = self._insert(session, products)
                _remember(session, idempotency, created)
        except IntegrityError as error:
            if idempotency is None:
                raise
            raise Conflict(
                "a request with this Idempotency-Key is still running; ask again in a second",
                code="idempotency_running",
            ) from error
        self.sender.send([product.id for product in created.products])
        return created

    def answered(self, idempotency: Idempotency) -> bool:
        """Was a request with this key answered before, so that it creates nothing now?"""
        with self.database.read() as session:
            return session.get(IdempotencyKey, (idempotency.who, idempotency.key)) is not None

    def _insert(self, session: Session, products: Sequence[NewProduct]) -> Created:
        batch_id = str(uuid.uuid4())
        moment: datetime = session.execute(select(now())).scalar_one()
        of_batch = {
            "status": PENDING,
            "batch_id": batch_id,
            "round": 1,
            "queued_at": moment,
            "created_at": moment,
            "updated_at": moment,
        }
        rows = [vars(product) | {"media_namespace": str(uuid.uuid4())} for product in products]
        ids = self._insert_rows(session, rows, of_batch)
        opened = select(PRODUCTS.c.id, literal(1), literal(self.wanted), literal(moment))
        session.execute(
            insert(ROUNDS).from_select(
                ["product_id", "number", "wanted", "opened_at"],
                opened.where(PRODUCTS.c.batch_id == batch_id),
            )
        )
        made = [
            new_view(row | of_batch | {"id": product_id, "wanted": self.wanted})
            for product_id, row in zip(ids, rows, strict=True)
        ]
        return Created(batch_id=batch_id, products=made)

    def _insert_rows(
        self, session: Session, rows: list[dict[str, Any]], of_batch: dict[str, Any]
    ) -> Sequence[int]:
        """The new ids, in the order of the rows: both databases number rows as they come."""
        if self.database.is_sqlite:
            # Asked for them in order SQLAlchemy would send a thousand statements.
            numbered = insert(PRODUCTS).returning(PRODUCTS.c.id)
            given: Any = [row | of_batch for row in rows]
        else:
            numbered = INSERT_ARRAYS
            given = of_batch | {name: [row[name] for row in rows] for name in OF_ROW}
        return sorted(session.connection().scalars(numbered, given).all())

    # -- look --------------------------------------------------------------------------------

    def products(
        self,
        *,
        status: str | None = None,
        category: str | None = None,
        batch: str | None = None,
        reason: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """A page of products, newest first, by key and not by offset.

        With `reason`, those with a picture of the present round that stands rejected for it.
        """
        query = select(Product).order_by(Product.id.desc()).limit(limit + 1)
        query = _only(query, reason, status=status, category=category, batch_id=batch)
        if cursor is not None:
            query = query.where(Product.id < _read_cursor(cursor))
        with self.database.read() as session:
            found = session.scalars(query).all()
            views = views_of(session, found[:limit])
        more = len(found) > limit
        return Page(views, _write_cursor(found[limit - 1].id) if more else None)

    def product(self, product_id: int, all_rounds: bool = False) -> ProductView:
        """One product with its pictures. Raises NotFound."""
        with self.database.read() as session:
            return view_of(session, _get(session, product_id), all_rounds)

    def history(self, product_id: int) -> list[DecisionOut]:
        """Every decision on a product's pictures, newest first. Raises NotFound."""
        with self.database.read() as session:
            _get(session, product_id)
            rows = session.execute(
                select(Decision, ProductImage.variant, ProductImage.round)
                .join(ProductImage, ProductImage.id == Decision.image_id)
                .where(Decision.product_id == product_id)
                .order_by(Decision.id.desc())
            ).all()
        return [
            DecisionOut(**columns_of(decision, DecisionOut), variant=variant, round=round_number)
            for decision, variant, round_number in rows
        ]

    def rounds(self, product_id: int) -> list[RoundOut]:
        """Every round of a product, newest first."""
        with self.database.read() as session:
            rounds = session.scalars(
                select(Round).where(Round.product_id == product_id).order_by(Round.number.desc())
            ).all()
        return [RoundOut.model_validate(found) for found in rounds]

    def facets(
        self,
        status: str | None = None,
        category: str | None = None,
        batch: str | None = None,
        reason: str | None = None,
    ) -> Facets:
        """The counts a list shows on its filters; each ignores its own filter's choice.

        Now, or a few seconds ago where that takes long, as `stats`.
        """
        chosen = (status, category, batch, reason)
        return self._counts.answer(chosen, lambda: self._count_facets(*chosen))

    def _count_facets(
        self, status: str | None, category: str | None, batch: str | None, reason: str | None
    ) -> Facets:
        by_status = _only(select(Product.status, func.count()), category=category, batch_id=batch)
        by_category = _only(
            select(Product.category, func.count()), reason, status=status, batch_id=batch
        )
        by_reason = _only(
            select(Decision.reason, func.count(Product.id.distinct())),
            status=status,
            category=category,
            batch_id=batch,
        )
        with self.database.read() as session:
            statuses = session.execute(by_status.group_by(Product.status)).all()
            categories = session.execute(
                by_category.group_by(Product.category).order_by(func.count().desc()).limit(FACETS)
            ).all()
            reasons = dict(_reasons(session, by_reason)) if status in {APPROVED, REJECTED} else {}
        return Facets(_as_dict(statuses), _as_dict(categories), reasons)

    def stats(self) -> Stats:
        """Counts for people, read from the database: now, or a few seconds ago where that takes
        long (see `slow_answers`)."""
        return self._counts.answer("stats", self._count)

    def _count(self) -> Stats:
        with self.database.read() as session:
            counts = read_counts(session)
        return Stats(**vars(counts), queue=self.queue.depth())

    # -- decide ------------------------------------------------------------------------------

    def decide(
        self,
        image_id: int,
        status: str,
        *,
        who: str,
        reason: str | None = None,
        note: str | None = None,
        if_version: int | None = None,
    ) -> ProductView:
        """Decide one picture, or undo it (`pending`). Raises NotFound, Conflict."""
        with self.database.write() as session:
            image = session.get(ProductImage, image_id)
            if image is None:
                raise NotFound(f"there is no picture {image_id}")
            product = _lock(session, image.product_id, if_version)
            _check_decidable(product)
            if image.round != product.round:
                raise Conflict(
                    f"picture {image_id} belongs to round {image.round}, which is closed:"
                    f" product {product.id} is at round {product.round}",
                    code="round_closed",
                )
            _decide(session, product, image, status, who, reason, note)
            return self._settle(session, product)

    def review(
        self,
        product_id: int,
        status: str,
        *,
        who: str,
        image_ids: Sequence[int] | None = None,
        reason: str | None = None,
        note: str | None = None,
        if_version: int | None = None,
    ) -> ProductView:
        """Decide a whole product: approving approves the named pictures and rejects the rest."""
        with self.database.write() as session:
            product = _lock(session, product_id, if_version)
            _check_decidable(product)
            images = _images(session, product)
            chosen = _chosen(product, images, image_ids)
            if images and not chosen and status != REJECTED:
                raise _removed(product)
            for image in images:
                verdict = status if image.id in chosen else REJECTED
                _decide(session, product, image, verdict, who, reason, note)
            return self._settle(session, product)

    def _settle(self, session: Session, product: Product) -> ProductView:
        statuses = [image.status for image in _images(session, product)]
        before = product.status
        product.move(status_of(statuses))
        product.touch()
        session.flush()
        if product.status != before or product.status != PENDING_REVIEW:
            self.outbox.add(session, product.id)
        session.refresh(product)
        return view_of(session, product)

    def enhance(
        self,
        product_id: int,
        *,
        who: str,
        instructions: str | None = None,
        if_version: int | None = None,
    ) -> ProductView:
        """Redo: resume a failed round, or open the next one with the reviewer's words.

        Raises Conflict while the product is already waiting for work.
        """
        with self.database.write() as session:
            product = _lock(session, product_id, if_version)
            if product.status == PENDING and product.queued_at is not None:
                raise Conflict(f"product {product_id} is already waiting for its pictures")
            if product.status == FAILED and not instructions:
                self._open_round_if_none(session, product)
            else:
                self._open_next_round(session, product, who, instructions)
            _queue(product)
            session.flush()
            session.refresh(product)
            view = view_of(session, product)
        self.sender.send([product_id])
        return view

    def _open_round_if_none(self, session: Session, product: Product) -> None:
        product.round = max(product.round, 1)
        if session.get(Round, (product.id, product.round)) is None:
            session.add(Round(product_id=product.id, number=product.round, wanted=self.wanted))

    def _open_next_round(
        self, session: Session, product: Product, who: str, instructions: str | None
    ) -> None:
        for image in _images(session, product):
            if image.status == PENDING:
                _decide(session, product, image, REJECTED, who, "superseded", None)
        product.round += 1
        session.add(
            Round(
                product_id=product.id,
                number=product.round,
                wanted=self.wanted,
                instructions=instructions,
                asked_by=who,
            )
        )

    # -- keep tidy -----------------------------------------------------------------------------

    def forget_old(self) -> None:
        """Remove answered idempotency keys after a day, and sessions that are over."""
        day_ago = now(-3600 * IDEMPOTENCY_HOURS)
        with self.database.write() as session:
            session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < day_ago))
            session.execute(delete(DeskSession).where(DeskSession.expires_at < now()))


def status_of(statuses: Sequence[str]) -> str:
    """A product's status from those of its current round's pictures."""
    if not statuses or PENDING in statuses:
        return PENDING_REVIEW
    return APPROVED if APPROVED in statuses else REJECTED


# -- idempotency ---------------------------------------------------------------------------------


def _replay(session: Session, idempotency: Idempotency | None) -> Created | None:
    """The answer given before to this key; or take the key, so that a twin has to wait."""
    if idempotency is None:
        return None
    known = session.get(IdempotencyKey, (idempotency.who, idempotency.key))
    if known is None:
        session.add(
            IdempotencyKey(
                who=idempotency.who, key=idempotency.key, fingerprint=idempotency.fingerprint
            )
        )
        session.flush()
        return None
    if known.fingerprint != idempotency.fingerprint:
        raise Conflict(
            "this Idempotency-Key was used with another body", code="idempotency_mismatch"
        )
    answer = known.response or {}
    products = session.scalars(
        select(Product).where(Product.batch_id == answer["batch_id"]).order_by(Product.id)
    ).all()
    rows = [_as_created(view) for view in views_of(session, products)]
    return Created(batch_id=answer["batch_id"], products=rows, replayed=True)


def _as_created(view: ProductView) -> ProductView:
    """The product as the first answer showed it, whatever became of it since."""
    return new_view(dict(view) | {"updated_at": view.created_at})


def _remember(session: Session, idempotency: Idempotency | None, created: Created) -> None:
    if idempotency is None:
        return
    known = session.get_one(IdempotencyKey, (idempotency.who, idempotency.key))
    known.response = {"batch_id": created.batch_id}


# -- decisions -------------------------------------------------------------------------------------


def _get(session: Session, product_id: int) -> Product:
    product = session.get(Product, product_id)
    if product is None:
        raise NotFound(f"there is no product {product_id}")
    return product


def _lock(session: Session, product_id: int, if_version: int | None) -> Product:
    product = session.get(Product, product_id, with_for_update=True, populate_existing=True)
    if product is None:
        raise NotFound(f"there is no product {product_id}")
    if if_version is not None and product.version != if_version:
        raise Conflict(
            f"product {product_id} was changed in the meantime",
            code="stale",
            state=view_of(session, product),
        )
    return product


def _check_decidable(product: Product) -> None:
    if product.status in (PENDING, FAILED):
        raise Conflict(
            f"product {product.id} is {product.status}: it has nothing to decide yet",
            code="not_reviewable",
        )


def _images(session: Session, product: Product) -> Sequence[ProductImage]:
    return session.scalars(
        select(ProductImage)
        .where(ProductImage.product_id == product.id, ProductImage.round == product.round)
        .order_by(ProductImage.variant)
    ).all()


def _chosen(
    product: Product, images: Sequence[ProductImage], image_ids: Sequence[int] | None
) -> set[int]:
    if image_ids is None:
        return {image.id for image in images if image.removed_at is None}
    strangers = set(image_ids) - {image.id for image in images}
    if strangers:
        raise Conflict(
            f"pictures {sorted(strangers)} are not in the current round of product {product.id}",
            code="not_in_round",
        )
    return set(image_ids)


def _decide(
    session: Session,
    product: Product,
    image: ProductImage,
    status: str,
    who: str,
    reason: str | None,
    note: str | None,
) -> None:
    if image.status == status and not _is_news(session, image, reason, note):
        return
    if image.removed_at is not None and image.status != status:
        raise _removed(product)
    session.add(
        Decision(
            product_id=product.id,
            image_id=image.id,
            status=status,
            previous=image.status,
            reason=reason,
            note=note,
            who=who,
        )
    )
    image.status = status
    image.updated_at = now()


def _is_news(session: Session, image: ProductImage, reason: str | None, note: str | None) -> bool:
    """Does the same decision once more say why, or say it otherwise? Silence takes nothing back."""
    if reason is None and note is None:
        return False
    last = session.scalars(
        select(Decision).where(Decision.image_id == image.id).order_by(Decision.id.desc()).limit(1)
    ).first()
    return last is None or (last.reason, last.note) != (reason, note)


def _removed(product: Product) -> Conflict:
    return Conflict(
        f"the rejected pictures of product {product.id} were removed to save space: redo it",
        code="removed",
    )


def _queue(product: Product) -> None:
    """Put the product (again) in the line of those who wait for work."""
    product.move(PENDING)
    product.queued_at = now()
    product.sent_at = product.not_before = None
    product.token = product.lease_until = None
    product.error = product.error_code = None
    product.attempts = 0
    product.touch()


# -- lists and counts ----------------------------------------------------------------------------


def _only(query: Chosen, reason: str | None = None, **equal: str | None) -> Chosen:
    """Of the products only those that are as asked for; None asks for nothing."""
    for name, value in equal.items():
        query = query.where(getattr(Product, name) == value) if value is not None else query
    if reason is None:
        return query
    return query.where(exists().where(_stands_rejected(), Decision.reason == reason))


def _stands_rejected() -> ColumnElement[bool]:
    """The decision rejects a picture of its product's present round, and none since says otherwise.

    The same once more without a reason takes none back.
    """
    later = aliased(Decision)
    superseded = exists().where(
        later.image_id == Decision.image_id,
        later.id > Decision.id,
        or_(later.status != REJECTED, later.reason.is_not(None)),
    )
    return and_(
        Decision.product_id == Product.id,
        Decision.status == REJECTED,
        Decision.reason.is_not(None),
        ProductImage.id == Decision.image_id,
        ProductImage.round == Product.round,
        ~superseded,
    )


def _reasons(session: Session, counts: Select[str | None, int]) -> Iterator[tuple[str, int]]:
    rows = session.execute(counts.where(_stands_rejected()).group_by(Decision.reason))
    return ((reason, count) for reason, count in rows if reason is not None)


def _as_dict(rows: Sequence[Row[str, int]]) -> dict[str, int]:
    return {name: count for name, count in rows}  # noqa: C416  (a Row is no tuple to mypy)


def _write_cursor(product_id: int) -> str:
    return base64.urlsafe_b64encode(str(product_id).encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> int:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        number = int(base64.urlsafe_b64decode(padded.encode("ascii")).decode("ascii"))
    except ValueError:
        raise Conflict("the cursor is not one of ours", code="bad_cursor") from None
    if not 0 < number < 2**63:
        raise Conflict("the cursor is not one of ours", code="bad_cursor")
    return number
