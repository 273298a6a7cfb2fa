"""A worker's time-limited hold on a product, and every write that the hold allows."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, Update, case, insert, select, update
from sqlalchemy.orm import Session

from packshot.database import Database
from packshot.errors import LostClaim, PackshotError
from packshot.models import (
    FAILED,
    PENDING,
    PENDING_REVIEW,
    Product,
    ProductImage,
    Round,
    is_due,
    lease_is_free,
    now,
)
from packshot.outbox import Outbox

#: Claims in a row without a saved step before a product is given up.
MAX_ATTEMPTS = 5

KILLED = (
    "processing this product ended the worker process {attempts} times in a row;"
    " the picture is probably broken: upload it again, re-saved as JPEG"
)


@dataclass(frozen=True)
class Claim:
    """One product in one worker's hands, as it stood when the claim was taken."""

    product_id: int
    token: str
    attempts: int
    alone: bool  # the last claim died: run it with nothing else beside it
    category: str
    raw_image: str
    namespace: str
    round: int
    wanted: int
    instructions: str | None
    analysis: dict[str, Any] | None
    made: frozenset[int]  # variants already recorded
    refused: frozenset[int]  # variants refused for good

    @property
    def missing(self) -> list[int]:
        return [n for n in range(self.wanted) if n not in self.made | self.refused]


@dataclass(frozen=True)
class NotNow:
    """Somebody else holds it, or it is not due yet: look again after `seconds`."""

    seconds: float


@dataclass(frozen=True)
class NothingToDo:
    """There is no such product, or it is not waiting for work: the message can go."""

    why: str


@dataclass(frozen=True)
class ImageRecord:
    """What is written down about a stored picture."""

    variant: int
    image_url: str
    object_key: str
    title: str
    prompt: str
    enhancer: str
    model: str
    width: int
    height: int
    bytes: int
    sha256: str
    warning: str | None


class Claims:
    """Takes, renews and gives back claims; every write is fenced by the claim's token."""

    def __init__(
        self,
        database: Database,
        lease_seconds: float,
        wanted: int,
        outbox: Outbox = Outbox(),
    ) -> None:
        self.database = database
        self.lease_seconds = lease_seconds
        self.wanted = wanted  # for a round that is opened here
        self.outbox = outbox

    def take(self, product_id: int) -> Claim | NotNow | NothingToDo:
        """Claim by compare-and-set. Counts the attempt; the fifth in vain fails the product.

        The attempt of a claim that is to run `alone` counts when it begins, see `begin`.
        """
        with self.database.write() as session:
            product = session.get(Product, product_id)
            if product is None:
                return NothingToDo("no such product")
            if product.status != PENDING:
                return NothingToDo(f"it is {product.status}")
            if product.queued_at is None:
                return NothingToDo("nobody asked for it: POST /api/products/{id}/enhance queues it")
            if product.attempts >= MAX_ATTEMPTS and self._free(session, product_id):
                self._give_up(session, product)
                return NothingToDo("its attempts are used up")
            return self._compare_and_set(session, product)

    def _free(self, session: Session, product_id: int) -> bool:
        condition = select(Product.id).where(
            Product.id == product_id, lease_is_free(self.lease_seconds)
        )
        return session.scalar(condition) is not None

    def _give_up(self, session: Session, product: Product) -> None:
        given_up = (
            update(Product)
            .where(Product.id == product.id, Product.version == product.version)
            .values(
                status=FAILED,
                **_reason(product),
                **_let_go(),
            )
        )
        if _changed(session, given_up):
            self.outbox.add(session, product.id)

    def _compare_and_set(self, session: Session, product: Product) -> Claim | NotNow:
        token = str(uuid.uuid4())
        namespace = product.media_namespace or str(uuid.uuid4())
        taken = _changed(
            session,
            update(Product)
            .where(
                Product.id == product.id,
                Product.status == PENDING,
                Product.attempts == product.attempts,
                Product.token.is_not_distinct_from(product.token),
                lease_is_free(self.lease_seconds),
                is_due(),
            )
            .values(
                token=token,
                lease_until=now(self.lease_seconds),
                attempts=product.attempts + (product.token is None),
                media_namespace=namespace,
                round=max(product.round, 1),
            ),
        )
        if not taken:
            return NotNow(self._seconds_until_free(session, product.id))
        return self._claim(session, product, token, namespace)

    def _claim(self, session: Session, product: Product, token: str, namespace: str) -> Claim:
        number = max(product.round, 1)
        this_round = session.get(Round, (product.id, number))
        if this_round is None:
            this_round = Round(product_id=product.id, number=number, wanted=self.wanted)
            session.add(this_round)
        made = session.scalars(
            select(ProductImage.variant).where(
                ProductImage.product_id == product.id, ProductImage.round == number
            )
        )
        return Claim(
            product_id=product.id,
            token=token,
            attempts=product.attempts + 1,
            alone=product.token is not None,
            category=product.category,
            raw_image=product.raw_image,
            namespace=namespace,
            round=number,
            wanted=this_round.wanted,
            instructions=this_round.instructions,
            analysis=this_round.analysis,
            made=frozenset(made),
            refused=frozenset(entry["variant"] for entry in this_round.refusals or ()),
        )

    def _seconds_until_free(self, session: Session, product_id: int) -> float:
        row = session.execute(
            select(Product.lease_until, Product.not_before, now()).where(Product.id == product_id)
        ).one()
        waits = [(moment - row[2]).total_seconds() for moment in row[:2] if moment is not None]
        return max(1.0, *waits) if waits else 1.0

    def begin(self, claim: Claim) -> None:
        """Count the attempt of a claim that had to wait until it was alone. Raises LostClaim.

        Had it been counted before, a picture that kills the process would use up the attempts of
        those who wait beside it.
        """
        with self.database.write() as session:
            if not _changed(session, _held(claim).values(attempts=claim.attempts)):
                raise _lost(claim)

    def renew(self, claims: Sequence[Claim]) -> set[str]:
        """Lengthen the leases; return the tokens of the claims that are lost."""
        lost = set()
        with self.database.write() as session:
            for claim in sorted(claims, key=lambda held: held.product_id):
                if not _changed(session, _held(claim).values(lease_until=now(self.lease_seconds))):
                    lost.add(claim.token)
        return lost

    def check(self, claim: Claim) -> None:
        """Raises LostClaim when the hold is gone; for what can't be fenced by a transaction."""
        with self.database.read() as session:
            held = select(Product.id).where(
                Product.id == claim.product_id, Product.token == claim.token
            )
            if session.scalar(held) is None:
                raise _lost(claim)

    def save_analysis(self, claim: Claim, enhancer: str, analysis: dict[str, Any]) -> None:
        """Keep what was paid for. Raises LostClaim, and writes nothing, when the hold is gone."""
        with self.database.write() as session:
            self._progress(session, claim, raw_removed_at=None)  # it was fetched again
            session.execute(
                update(Round)
                .where(Round.product_id == claim.product_id, Round.number == claim.round)
                .values(enhancer=enhancer, analysis=analysis)
            )

    def record_image(self, claim: Claim, image: ImageRecord) -> None:
        """Add the row of a picture whose object is stored, once. Raises LostClaim."""
        with self.database.write() as session:
            self._progress(session, claim)
            if self._is_recorded(session, claim, image.variant):
                return  # by an earlier try, whose answer was lost
            values = vars(image) | {"product_id": claim.product_id, "round": claim.round}
            values |= {"created_at": now(), "updated_at": now()}  # finer than the column's default
            session.execute(insert(ProductImage).values(**values))

    def _is_recorded(self, session: Session, claim: Claim, variant: int) -> bool:
        row = select(ProductImage.id).filter_by(
            product_id=claim.product_id, round=claim.round, variant=variant
        )
        return session.scalar(row) is not None

    def record_refusal(self, claim: Claim, variant: int, refusal: PackshotError) -> None:
        """Remember that a variant was refused for good, so that it is not asked for again."""
        with self.database.write() as session:
            self._progress(session, claim)
            this_round = session.get_one(
                Round, (claim.product_id, claim.round), with_for_update=True
            )
            entry = {"variant": variant, "code": refusal.code, "detail": refusal.message}
            this_round.refusals = [*(this_round.refusals or ()), entry]

    def complete(self, claim: Claim) -> None:
        """The last write: the product waits for its reviewer. Raises LostClaim."""
        values = {"status": PENDING_REVIEW, "error": None, "error_code": None}
        self._end(claim, values | {"attempts": 0})

    def fail(self, claim: Claim, error: PackshotError) -> None:
        """Give the product up, with the reason a seller can act on. Raises LostClaim."""
        self._end(claim, {"status": FAILED, "error": error.message, "error_code": error.code})

    def pause(self, claim: Claim, error: PackshotError, seconds: float) -> None:
        """The attempt was in vain and stays counted; the next one comes after `seconds`."""
        waiting = {"error": error.message, "error_code": error.code}
        self._end(claim, waiting | {"not_before": now(seconds)})

    def give_back(
        self, claim: Claim, seconds: float = 0.0, error: PackshotError | None = None
    ) -> None:
        """It was not the product's fault: the attempt is given back."""
        before = claim.attempts - 1
        values: dict[str, Any] = {
            "attempts": case((Product.attempts > before, before), else_=Product.attempts)
        }
        if seconds > 0:
            values["not_before"] = now(seconds)
        if error is not None:
            values |= {"error": error.message, "error_code": error.code}
        self._end(claim, values)

    def _end(self, claim: Claim, values: dict[str, Any]) -> None:
        with self.database.write() as session:
            if not _changed(session, _held(claim).values(**(_let_go() | values))):
                raise _lost(claim)
            if "status" in values:
                self.outbox.add(session, claim.product_id)

    def _progress(self, session: Session, claim: Claim, **values: Any) -> None:
        """A step is about to be saved: the attempts start anew. Raises LostClaim."""
        values |= {"attempts": 0, "version": Product.version + 1, "updated_at": now()}
        saved = _held(claim).values(**values)
        if not _changed(session, saved):
            raise _lost(claim)


def _reason(product: Product) -> dict[str, str]:
    """Why it is given up: its last claim died, else what the last attempt ended with."""
    died = product.token is not None or product.error_code is None
    code, killed = "worker_died", KILLED.format(attempts=product.attempts)
    if died:
        return {"error_code": code, "error": killed}
    return {"error_code": product.error_code or code, "error": product.error or killed}


def _lost(claim: Claim) -> LostClaim:
    return LostClaim(f"product {claim.product_id} was taken over by another worker")


def _changed(session: Session, statement: Update) -> bool:
    # The loaded product stays as it was before the update: the claim tells what it found.
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return cast("CursorResult[Any]", result).rowcount > 0


def _held(claim: Claim) -> Update:
    return update(Product).where(Product.id == claim.product_id, Product.token == claim.token)


def _let_go() -> dict[str, Any]:
    return {
        "token": None,
        "lease_until": None,
        "not_before": None,
        "version": Product.version + 1,
        "updated_at": now(),
    }
