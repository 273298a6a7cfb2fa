"""What the API and the desk read and change about products, one short transaction each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from packshot.database.engine import Database
from packshot.database.models import (
    DeskSession,
    IdempotencyKey,
    Product,
    ProductImage,
)
from packshot.database.types import now
from packshot.lanes import Lane
from packshot.products.answers.products import (
    CorrectionOut,
    DecisionOut,
    FullProduct,
    LastDecisionOut,
    RoundOut,
    read_product,
    read_products,
)
from packshot.products.cancelling import cancel_product
from packshot.products.corrections.photo import replace_photo
from packshot.products.corrections.product import correct_product
from packshot.products.figures import Counts, count_shop, read_counts, read_pace
from packshot.products.intake.batch import Created, FirstRound, Intake, create_batch
from packshot.products.intake.idempotency import Idempotency, was_answered
from packshot.products.lists import Facets, Filter, count_facets, list_products
from packshot.products.lookup import Editor, check_may_change, get_product, lock_image, lock_product
from packshot.products.review.decisions import NewDecision, decide_image, review_product
from packshot.products.review.history import corrections_of, decisions_of, last_decisions, rounds_of
from packshot.products.review.redo import check_may_redo, redo
from packshot.products.seller_fields import NewProduct
from packshot.products.slow_answers import SlowAnswers
from packshot.queues.contract import Depth, Queue
from packshot.queues.sender import Sender
from packshot.webhooks.outbox import Outbox

IDEMPOTENCY_HOURS = 24
#: The number of filters whose counts are cached: the last ones used.
FILTERS_KEPT = 64


@dataclass(frozen=True)
class Page:
    """Some products, newest first, and the cursor of the next page."""

    products: list[FullProduct]
    next_cursor: str | None


@dataclass(frozen=True)
class ShopNow:
    """Products by status, those being made or in batch jobs, and those reviewed in an hour."""

    products: dict[str, int]
    in_flight: int
    batched: int
    reviewed_last_hour: int


@dataclass(frozen=True)
class Stats(Counts):
    """Counts for people, and the depth that the queue reports."""

    queue: Depth


class Catalog:
    """Creates, reads, decides on, corrects and redoes products, and sends them to the queue."""

    def __init__(
        self,
        database: Database,
        queue: Queue,
        wanted: int,
        outbox: Outbox = Outbox(),
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.database = database
        self.queue = queue
        self.wanted = wanted
        self.sender = Sender(database, queue, clock=clock)
        self.outbox = outbox
        self._counts = SlowAnswers(kept=FILTERS_KEPT)

    # -- create ----------------------------------------------------------------------------

    def create(
        self,
        products: Sequence[NewProduct],
        *,
        lane: Lane = "standard",
        pixel_lock: bool | None = None,
        idempotency: Idempotency | None = None,
        skip_duplicates: bool = False,
    ) -> Created:
        """Create and queue a batch in one transaction, then send it to the queue.
        The same idempotency key and body creates nothing and gives the same answer. Conflict:
        `idempotency_mismatch` for another body, `idempotency_running` while the first one runs."""
        intake = Intake(FirstRound(self.wanted, lane, pixel_lock), idempotency, skip_duplicates)
        created = create_batch(self.database, products, intake)
        if not created.replayed:
            self.sender.send([product.id for product in created.products])
        return created

    def was_answered(self, idempotency: Idempotency) -> bool:
        """Whether a request with this key was answered before, so that this one creates nothing."""
        with self.database.read() as session:
            return was_answered(session, idempotency)

    # -- read --------------------------------------------------------------------------------

    def products(
        self, chosen: Filter = Filter(), *, limit: int = 50, cursor: str | None = None
    ) -> Page:
        """A page of products, newest first."""
        with self.database.read() as session:
            found, next_cursor = list_products(session, chosen, limit, cursor)
            return Page(read_products(session, found), next_cursor)

    def product(self, product_id: int, all_rounds: bool = False) -> FullProduct:
        """One product with its pictures. Raises NotFound."""
        with self.database.read() as session:
            return read_product(session, get_product(session, product_id), all_rounds)

    def history(self, product_id: int) -> list[DecisionOut]:
        """Every decision on a product's pictures, newest first. Raises NotFound."""
        with self.database.read() as session:
            return decisions_of(session, product_id)

    def last_decisions(self, who: str, limit: int) -> list[tuple[FullProduct, LastDecisionOut]]:
        """The latest decisions of `who` that can be undone, newest first, each with its product."""
        with self.database.read() as session:
            return last_decisions(session, who, limit)

    def corrections(self, product_id: int) -> list[CorrectionOut]:
        """Every correction of the seller's data, newest first."""
        with self.database.read() as session:
            return corrections_of(session, product_id)

    def rounds(self, product_id: int) -> list[RoundOut]:
        """Every round of a product, newest first."""
        with self.database.read() as session:
            return rounds_of(session, product_id)

    def facets(self, chosen: Filter = Filter()) -> Facets:
        """The counts a list shows on its filters; cached like `stats`."""
        return self._counts.answer(chosen, lambda: self._count_facets(chosen))

    def _count_facets(self, chosen: Filter) -> Facets:
        with self.database.read() as session:
            return count_facets(session, chosen)

    def stats(self) -> Stats:
        """Counts for people; cached for some seconds if counting takes long: `slow_answers`."""
        return self._counts.answer("stats", self._count)

    def _count(self) -> Stats:
        with self.database.read() as session:
            counts = read_counts(session)
        return Stats(**vars(counts), queue=self.queue.depth())

    def shop_now(self) -> ShopNow:
        """The whole shop's counts for every page, without the money; cached like `stats`."""
        return self._counts.answer("shop", self._count_shop)

    def _count_shop(self) -> ShopNow:
        with self.database.read() as session:
            products, batched, reviewed = count_shop(session)
        return ShopNow(products, self.queue.depth().in_flight, batched, reviewed)

    def pace(self) -> float | None:
        """Products made per minute in the current run; None while it is too short."""
        with self.database.read() as session:
            return read_pace(session)

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
    ) -> FullProduct:
        """Decide on one picture, or undo the decision (`pending`). Raises NotFound, Conflict."""
        decision = NewDecision(status, who, reason, note)
        with self.database.write() as session:
            product = decide_image(session, image_id, decision, if_version, self.outbox)
            return _read_now(session, product)

    def change_image(
        self,
        image_id: int,
        change: Callable[[Session, Product, ProductImage], None],
        *,
        if_version: int | None = None,
    ) -> FullProduct:
        """Make another change to one picture (`alt_text.write_alt_text`, `takes.choose`).

        Raises as `decide`, and what `change` raises.
        """
        with self.database.write() as session:
            product, image = lock_image(session, image_id, if_version)
            change(session, product, image)
            return _read_now(session, product)

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
    ) -> FullProduct:
        """Decide on a whole product: approving approves the named pictures and rejects the rest."""
        decision = NewDecision(status, who, reason, note)
        with self.database.write() as session:
            product = review_product(
                session, product_id, decision, image_ids, if_version, self.outbox
            )
            return _read_now(session, product)

    def correct(
        self,
        product_id: int,
        given: Mapping[str, Any],
        *,
        by: Editor,
        if_version: int | None = None,
        allow_duplicate: bool = False,
    ) -> FullProduct:
        """Correct the seller's data of a product.

        Raises NotFound, `correct_product`'s, and NotAllowed as `check_may_change` does.
        """
        with self.database.write() as session:
            product = lock_product(session, product_id, if_version)
            check_may_change(product, by)
            correct_product(session, product, by.name, given, allow_duplicate=allow_duplicate)
            return _read_now(session, product)

    def cancel(
        self,
        product_id: int,
        *,
        by: Editor,
        if_version: int | None = None,
    ) -> FullProduct:
        """Cancel a pending product. Raises the errors of `correct`."""
        with self.database.write() as session:
            product = lock_product(session, product_id, if_version)
            check_may_change(product, by)
            cancel_product(session, product, by.name, self.outbox)
            return _read_now(session, product)

    def enhance(
        self,
        product_id: int,
        *,
        by: Editor,
        instructions: str | None = None,
        adjustments: Sequence[str] = (),
        if_version: int | None = None,
    ) -> FullProduct:
        """Redo: resume a failed round, or open the next one with the reviewer's wishes.

        Raises Conflict while the product is already waiting for work; NotAllowed as
        `check_may_redo` does.
        """
        with self.database.write() as session:
            product = lock_product(session, product_id, if_version)
            check_may_redo(session, product, by)
            redo(session, product, self.wanted, by.name, instructions, adjustments)
            changed = _read_now(session, product)
        self.sender.send([product_id])
        return changed

    def replace_photo(
        self,
        product_id: int,
        raw_image: str,
        *,
        by: Editor,
        if_version: int | None = None,
    ) -> tuple[FullProduct, bool]:
        """Make it again from this photo; False if it has it already. Raises as `enhance` does."""
        with self.database.write() as session:
            product = lock_product(session, product_id, if_version)
            check_may_redo(session, product, by)
            is_another = replace_photo(session, product, raw_image, self.wanted, by.name)
            changed = _read_now(session, product)
        if is_another:
            self.sender.send([product_id])
        return changed, is_another

    def forget_old(self) -> None:
        """Remove answered idempotency keys after a day, and sessions that are over."""
        day_ago = now(-3600 * IDEMPOTENCY_HOURS)
        with self.database.write() as session:
            session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < day_ago))
            session.execute(delete(DeskSession).where(DeskSession.expires_at < now()))


def _read_now(session: Session, product: Product) -> FullProduct:
    """The product with this transaction's changes."""
    session.flush()
    session.refresh(product)
    return read_product(session, product)
