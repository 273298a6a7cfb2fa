"""A worker's time-limited hold on a product, and every write that the hold allows."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast

from sqlalchemy import (
    CursorResult,
    Row,
    Select,
    String,
    Table,
    Update,
    and_,
    bindparam,
    case,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
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

PRODUCTS: Final = cast(Table, Product.__table__)
ROUNDS: Final = cast(Table, Round.__table__)
IMAGES: Final = cast(Table, ProductImage.__table__)
OF_ROUND: Final = ("wanted", "instructions", "enhancer", "analysis", "refusals")

#: Claims in a row without a saved step before a product is given up.
MAX_ATTEMPTS = 5

KILLED = (
    "processing this product ended the worker process {attempts} times in a row;"
    " the picture is probably broken: upload it again, re-saved as JPEG"
)


class Steps:
    """How long each step of a claim took, in seconds; its variants' threads may share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds: dict[str, list[float]] = {}
        self._clock = clock
        self._lock = threading.Lock()

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Time a step that succeeds."""
        began = self._clock()
        yield
        with self._lock:
            self.seconds.setdefault(step, []).append(round(self._clock() - began, 3))


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
    analysed_by: str | None  # the enhancer whose analysis it is
    made: frozenset[int]  # variants already recorded
    refused: frozenset[int]  # variants refused for good
    steps: Steps = field(default_factory=Steps, compare=False)

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


Taken: TypeAlias = Claim | NotNow | NothingToDo


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
        self._look, self._hold, self._renew = (
            _look(lease_seconds),
            _hold(lease_seconds),
            _renew(lease_seconds),
        )

    def take(self, product_id: int) -> Taken:
        """Claim by compare-and-set. Counts the attempt; the fifth in vain fails the product.

        The attempt of a claim that is to run `alone` counts when it begins, see `begin`.
        """
        return self.take_all([product_id])[product_id]

    def take_all(self, product_ids: Sequence[int]) -> dict[int, Taken]:
        """Take each of these in one transaction: all that were received together."""
        with self.database.write() as session:
            # In order, so that two processes never wait for each other's rows.
            return {each: self._take(session, each) for each in sorted(product_ids)}

    def _take(self, session: Session, product_id: int) -> Taken:
        found = session.execute(self._look, {"wanted_id": product_id}).one_or_none()
        if found is None:
            return NothingToDo("no such product")
        if found.status != PENDING:
            return NothingToDo(f"it is {found.status}")
        if found.queued_at is None:
            return NothingToDo("nobody asked for it: POST /api/products/{id}/enhance queues it")
        if found.attempts >= MAX_ATTEMPTS and found.free:
            self._give_up(session, found)
            return NothingToDo("its attempts are used up")
        return self._compare_and_set(session, found)

    def _give_up(self, session: Session, found: Row[Any]) -> None:
        given_up = (
            update(PRODUCTS)
            .where(PRODUCTS.c.id == found.id, PRODUCTS.c.version == found.version)
            .values(status=FAILED, **_reason(found), **_let_go())
        )
        if _changed(session, given_up):
            self.outbox.add(session, found.id)

    def _compare_and_set(self, session: Session, found: Row[Any]) -> Claim | NotNow:
        token = str(uuid.uuid4())
        namespace = found.media_namespace or str(uuid.uuid4())
        as_found = {"wanted_id": found.id, "before": found.attempts, "holder": found.token}
        values = {
            "token": token,
            "attempts": found.attempts + (found.token is None),
            "media_namespace": namespace,
            "round": found.number,
        }
        if not _changed(session, self._hold, as_found | values):
            return NotNow(self._seconds_until_free(session, found.id))
        return self._claim(session, found, token, namespace)

    def _claim(self, session: Session, found: Row[Any], token: str, namespace: str) -> Claim:
        if found.wanted is None:  # written by hand
            opened = {"product_id": found.id, "number": found.number, "wanted": self.wanted}
            session.execute(insert(ROUNDS), opened)
        made = session.scalars(MADE, {"product": found.id, "in_round": found.number})
        return Claim(
            product_id=found.id,
            token=token,
            attempts=found.attempts + 1,
            alone=found.token is not None,
            category=found.category,
            raw_image=found.raw_image,
            namespace=namespace,
            round=found.number,
            wanted=found.wanted or self.wanted,
            instructions=found.instructions,
            analysis=found.analysis,
            analysed_by=found.enhancer,
            made=frozenset(made),
            refused=frozenset(entry["variant"] for entry in found.refusals or ()),
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
            counted = _held().values(attempts=claim.attempts)
            if not _changed(session, counted, _by(claim)):
                raise _lost(claim)

    def renew(self, claims: Sequence[Claim]) -> set[str]:
        """Lengthen the leases; return the tokens of the claims that are lost."""
        lost = set()
        with self.database.write() as session:
            for claim in sorted(claims, key=lambda held: held.product_id):
                if not _changed(session, self._renew, _by(claim)):
                    lost.add(claim.token)
        return lost

    def check(self, claim: Claim) -> None:
        """Raises LostClaim when the hold is gone; for what can't be fenced by a transaction."""
        with self.database.read() as session:
            if session.scalar(STILL_HELD, _by(claim)) is None:
                raise _lost(claim)

    def save_analysis(self, claim: Claim, enhancer: str, analysis: dict[str, Any]) -> None:
        """Keep what was paid for. Raises LostClaim, and writes nothing, when the hold is gone."""
        with self.database.write() as session:
            self._progress(session, claim, FETCHED)
            read_off = {"enhancer": enhancer, "analysis": analysis}
            session.execute(
                ANALYSED, read_off | {"product": claim.product_id, "in_round": claim.round}
            )

    def record_image(self, claim: Claim, image: ImageRecord) -> None:
        """Add the row of a picture whose object is stored, once. Raises LostClaim."""
        values = vars(image) | {"product_id": claim.product_id, "round": claim.round}
        try:
            with self.database.write() as session:
                self._progress(session, claim)
                session.execute(RECORD, values)
        except IntegrityError:
            if not self._is_recorded(claim, image.variant):
                raise
            # by an earlier try, whose answer was lost

    def _is_recorded(self, claim: Claim, variant: int) -> bool:
        with self.database.read() as session:
            made = session.scalars(MADE, {"product": claim.product_id, "in_round": claim.round})
            return variant in made.all()

    def record_refusal(self, claim: Claim, variant: int, refusal: PackshotError) -> None:
        """Remember that a variant was refused for good, so that it is not asked for again."""
        with self.database.write() as session:
            self._progress(session, claim)
            this_round = session.get_one(
                Round, (claim.product_id, claim.round), with_for_update=True
            )
            entry = {"variant": variant, "code": refusal.code, "detail": refusal.message}
            others = [each for each in this_round.refusals or () if each["variant"] != variant]
            this_round.refusals = [*others, entry]

    def complete(self, claim: Claim) -> None:
        """The last write: the product waits for its reviewer. Raises LostClaim."""
        took = {"product": claim.product_id, "in_round": claim.round, "took": claim.steps.seconds}
        with self.database.write() as session:
            self._write_end(session, claim, COMPLETED)
            session.execute(MADE_READY, took)

    def fail(self, claim: Claim, error: PackshotError) -> None:
        """Give the product up, with the reason a seller can act on. Raises LostClaim."""
        self._end(claim, _ending(status=FAILED, error=error.message, error_code=error.code))

    def pause(self, claim: Claim, error: PackshotError, seconds: float) -> None:
        """The attempt was in vain and stays counted; the next one comes after `seconds`."""
        waiting = {"error": error.message, "error_code": error.code}
        self._end(claim, _ending(**waiting, not_before=now(seconds)))

    def give_back(
        self, claim: Claim, seconds: float = 0.0, error: PackshotError | None = None
    ) -> None:
        """It was not the product's fault: the attempt is given back."""
        values = _attempt_back(claim)
        if seconds > 0:
            values["not_before"] = now(seconds)
        if error is not None:
            values |= {"error": error.message, "error_code": error.code}
        self._end(claim, _ending(**values))

    def give_back_all(self, claims: Sequence[Claim]) -> None:
        """At the end of a process: all it still holds, in one transaction."""
        with self.database.write() as session:
            for claim in sorted(claims, key=lambda held: held.product_id):
                _changed(session, _ending(**_attempt_back(claim)), _by(claim))

    def _end(self, claim: Claim, ending: Update) -> None:
        with self.database.write() as session:
            self._write_end(session, claim, ending)

    def _write_end(self, session: Session, claim: Claim, ending: Update) -> None:
        if not _changed(session, ending, _by(claim)):
            raise _lost(claim)
        if self.outbox.urls:
            self.outbox.add(session, claim.product_id)

    def _progress(self, session: Session, claim: Claim, saved: Update | None = None) -> None:
        """A step is about to be saved: the attempts start anew. Raises LostClaim."""
        if not _changed(session, STEPPED if saved is None else saved, _by(claim)):
            raise _lost(claim)


def _attempt_back(claim: Claim) -> dict[str, Any]:
    before = claim.attempts - 1
    return {"attempts": case((PRODUCTS.c.attempts > before, before), else_=PRODUCTS.c.attempts)}


def _reason(product: Row[Any]) -> dict[str, str]:
    """Why it is given up: its last claim died, else what the last attempt ended with."""
    died = product.token is not None or product.error_code is None
    code, killed = "worker_died", KILLED.format(attempts=product.attempts)
    if died:
        return {"error_code": code, "error": killed}
    return {"error_code": product.error_code or code, "error": product.error or killed}


def _lost(claim: Claim) -> LostClaim:
    return LostClaim(f"product {claim.product_id} was taken over by another worker")


def _changed(session: Session, statement: Update, values: dict[str, Any] | None = None) -> bool:
    result = session.execute(statement, values)
    return cast("CursorResult[Any]", result).rowcount > 0


# -- the statements every product needs ------------------------------------------------------------
# Made once: for SQLAlchemy it is dearer to build and compile a statement than to run it.


def _look(lease_seconds: float) -> Select[Any]:
    """A product with its round, and whether anyone holds it; before a round it is round 1."""
    number = func.coalesce(func.nullif(PRODUCTS.c.round, 0), 1)
    this_round = and_(ROUNDS.c.product_id == PRODUCTS.c.id, ROUNDS.c.number == number)
    free = lease_is_free(lease_seconds).label("free")
    query = select(PRODUCTS, number.label("number"), free, *(ROUNDS.c[name] for name in OF_ROUND))
    return query.select_from(PRODUCTS.outerjoin(ROUNDS, this_round)).where(
        PRODUCTS.c.id == bindparam("wanted_id")
    )


def _hold(lease_seconds: float) -> Update:
    """The compare-and-set: only if the product is as it was found."""
    return (
        update(PRODUCTS)
        .where(
            PRODUCTS.c.id == bindparam("wanted_id"),
            PRODUCTS.c.status == PENDING,
            PRODUCTS.c.attempts == bindparam("before"),
            PRODUCTS.c.token.is_not_distinct_from(bindparam("holder", type_=String)),
            lease_is_free(lease_seconds),
            is_due(),
        )
        .values(
            token=bindparam("token"),
            attempts=bindparam("attempts"),
            media_namespace=bindparam("media_namespace"),
            round=bindparam("round"),
            lease_until=now(lease_seconds),
        )
    )


def _held() -> Update:
    return update(PRODUCTS).where(*IS_HELD)


def _by(claim: Claim) -> dict[str, Any]:
    """What `_held` asks for."""
    return {"held_id": claim.product_id, "held_by": claim.token}


def _renew(lease_seconds: float) -> Update:
    return _held().values(lease_until=now(lease_seconds))


def _ending(**values: Any) -> Update:
    return _held().values(**(_let_go() | values))


def _let_go() -> dict[str, Any]:
    return {
        "token": None,
        "lease_until": None,
        "not_before": None,
        "version": PRODUCTS.c.version + 1,
        "updated_at": now(),
    }


IS_HELD: Final = (
    PRODUCTS.c.id == bindparam("held_id"),
    PRODUCTS.c.token == bindparam("held_by"),
)
STILL_HELD: Final = select(PRODUCTS.c.id).where(*IS_HELD)
STEPPED: Final = _held().values(attempts=0, version=PRODUCTS.c.version + 1, updated_at=now())
FETCHED: Final = STEPPED.values(raw_removed_at=None)  # the raw image was fetched again
COMPLETED: Final = _ending(status=PENDING_REVIEW, error=None, error_code=None, attempts=0)
ANALYSED: Final = (
    update(ROUNDS)
    .where(ROUNDS.c.product_id == bindparam("product"), ROUNDS.c.number == bindparam("in_round"))
    .values(enhancer=bindparam("enhancer"), analysis=bindparam("analysis"))
)
MADE_READY: Final = (
    update(ROUNDS)
    .where(ROUNDS.c.product_id == bindparam("product"), ROUNDS.c.number == bindparam("in_round"))
    .values(ready_at=now(), seconds=bindparam("took"))
)
# With its own moments: finer than the column's default.
RECORD: Final = insert(IMAGES).values(created_at=now(), updated_at=now())
MADE: Final = select(IMAGES.c.variant).where(
    IMAGES.c.product_id == bindparam("product"), IMAGES.c.round == bindparam("in_round")
)
