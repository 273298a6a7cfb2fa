"""A worker's time-limited hold on a product, and every write that the hold allows."""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Row,
    Select,
    Update,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from packshot.database.engine import Database
from packshot.database.models import (
    FAILED,
    IMAGES,
    PENDING,
    PENDING_REVIEW,
    PRODUCTS,
    REJECTED,
    ROUNDS,
    Decision,
    ProductImage,
    Round,
    is_due,
    lease_is_free,
    lock_in_order,
    now,
)
from packshot.database.together import Together
from packshot.errors import LostClaim, PackshotError, Unavailable
from packshot.webhooks.outbox import Outbox

OF_ROUND: Final = ("wanted", "instructions", "enhancer", "analysis", "refusals")

#: Claims in a row without a saved step before a product is given up.
MAX_ATTEMPTS = 5
#: A hold that the database confirmed is believed for so long: a lease is several times that.
BELIEVED_SECONDS = 1.0
#: Steps that come thick and fast wait so long for each other: a transaction for many of them.
GATHER_SECONDS = 0.001
#: Different reasons of one round that a redo is told.
COMPLAINTS = 10

KILLED = (
    "processing this product ended the worker process {attempts} times in a row;"
    " the picture is probably broken: upload it again, re-saved as JPEG"
)


class Steps:
    """How far a claim has come, and how long each step took, in seconds; its variants' threads may
    share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds: dict[str, list[float]] = {}
        self.any_saved = False  # then this claim was not in vain
        self.held_at = -math.inf  # when the lease last began anew, by the clock of `Claims`
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
    complaints: tuple[str, ...] = ()  # why the pictures of the round before were rejected
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


Pair: TypeAlias = tuple[int, str]  # a product's id and a claim's token
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


@dataclass(frozen=True)
class Step:
    """What is to be saved of a claim's work, if the claim still holds."""

    claim: Claim
    statement: Insert | Update  # ANALYSED or RECORD
    values: dict[str, Any]


class Claims:
    """Takes, renews and gives back claims; every write is fenced by the claim's token.

    What several threads ask for at the same time is one transaction: it costs little more than
    for one of them, and an outage that ends sets all of them going at once.
    """

    def __init__(
        self,
        database: Database,
        lease_seconds: float,
        wanted: int,
        outbox: Outbox = Outbox(),
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.database = database
        self.lease_seconds = lease_seconds
        self.wanted = wanted  # for a round that is opened here
        self.outbox = outbox
        self.clock = clock
        self._look, self._hold = _look(lease_seconds), _hold(lease_seconds)
        self._renew, self._stepped = _renew(lease_seconds), _stepped(lease_seconds)
        self._checked = Together(self._check_all, GATHER_SECONDS)
        self._saved = Together(self._save_all, GATHER_SECONDS)
        self._completed = Together(self._complete_all, GATHER_SECONDS)

    def take(self, product_id: int) -> Taken:
        """Take one if it is free and due. Counts the attempt; the fifth in vain fails the product.

        The attempt of a claim that is to run `alone` counts when it begins, see `begin`.
        """
        return self.take_all([product_id])[product_id]

    def take_all(self, product_ids: Sequence[int]) -> dict[int, Taken]:
        """Take each of these in one transaction: all that were received together."""
        asked_at = self.clock()
        with self.database.write_rows(lasting=False) as rows:  # a power cut frees them anyway
            lock_in_order(rows, product_ids)  # and only then look: what others saved is seen
            looked = rows.execute(self._look, {"wanted_ids": list(product_ids)})
            found = {row.id: row for row in looked}
            judged = {each: self._judge(rows, found.get(each)) for each in product_ids}
            free = [found[each] for each, verdict in judged.items() if verdict is None]
            held = self._hold_all(rows, free) if free else {}
        for claim in held.values():
            claim.steps.held_at = asked_at
        return {each: verdict or held[each] for each, verdict in judged.items()}

    def _judge(self, rows: Connection, found: Row[Any] | None) -> NotNow | NothingToDo | None:
        """Why this one can't be taken; None when it can."""
        if found is None:
            return NothingToDo("no such product")
        if found.status != PENDING:
            return NothingToDo(f"it is {found.status}")
        if found.queued_at is None:
            return NothingToDo("nobody asked for it: POST /api/products/{id}/enhance queues it")
        if found.attempts >= MAX_ATTEMPTS and found.free:
            self._give_up(rows, found)
            return NothingToDo("its attempts are used up")
        return None if found.free and found.due else NotNow(_seconds_until_free(found))

    def _give_up(self, rows: Connection, found: Row[Any]) -> None:
        given_up = update(PRODUCTS).where(PRODUCTS.c.id == found.id)
        rows.execute(given_up.values(status=FAILED, **_reason(found), **_let_go()))
        self._tell(rows, found.id)

    def _hold_all(self, rows: Connection, found: Sequence[Row[Any]]) -> dict[int, Claim]:
        ids, token = [each.id for each in found], str(uuid.uuid4())
        rows.execute(self._hold, {"wanted_ids": ids, "token": token})
        by_hand = [each for each in found if each.wanted is None or each.media_namespace is None]
        namespaces = {each.id: self._complete_by_hand(rows, each) for each in by_hand}
        made: dict[int, set[int]] = {each: set() for each in ids}
        rounds = {each.id: each.number for each in found}
        for product_id, number, variant in rows.execute(MADE, {"products": ids}):
            if rounds[product_id] == number:
                made[product_id].add(variant)
        return {
            each.id: self._claim(rows, each, token, namespaces.get(each.id), made[each.id])
            for each in found
        }

    def _complete_by_hand(self, rows: Connection, found: Row[Any]) -> str:
        """What a row written by hand has not; its new namespace."""
        namespace: str = found.media_namespace or str(uuid.uuid4())
        named = update(PRODUCTS).where(PRODUCTS.c.id == found.id)
        rows.execute(named.values(media_namespace=namespace))
        if found.wanted is None:
            opened = {"product_id": found.id, "number": found.number, "wanted": self.wanted}
            rows.execute(insert(ROUNDS), opened)
        return namespace

    def _claim(
        self,
        rows: Connection,
        found: Row[Any],
        token: str,
        namespace: str | None,
        made: set[int],
    ) -> Claim:
        return Claim(
            product_id=found.id,
            token=token,
            attempts=found.attempts + 1,
            alone=found.token is not None,
            category=found.category,
            raw_image=found.raw_image,
            namespace=namespace or found.media_namespace,
            round=found.number,
            wanted=found.wanted or self.wanted,
            instructions=found.instructions,
            analysis=found.analysis,
            analysed_by=found.enhancer,
            made=frozenset(made),
            refused=frozenset(entry["variant"] for entry in found.refusals or ()),
            complaints=self._complaints(rows, found) if found.number > 1 else (),
        )

    def _complaints(self, rows: Connection, found: Row[Any]) -> tuple[str, ...]:
        """Why what is still rejected of the round before was, each reason once, in its words."""
        told = rows.execute(
            select(Decision.reason, Decision.note)
            .join(ProductImage, ProductImage.id == Decision.image_id)
            .where(
                ProductImage.product_id == found.id,
                ProductImage.round == found.number - 1,
                ProductImage.status == REJECTED,
                Decision.status == REJECTED,
            )
            .order_by(Decision.id)
        )
        reasons = dict.fromkeys(_complaint(reason, note) for reason, note in told)
        # A redo on the desk gives its wishes as the note of the rejection too.
        unsaid = [words for words in reasons if words and words != found.instructions]
        return tuple(unsaid[-COMPLAINTS:])

    def begin(self, claim: Claim) -> None:
        """Count the attempt of a claim that had to wait until it was alone. Raises LostClaim.

        Had it been counted before, a picture that kills the process would use up the attempts of
        those who wait beside it.
        """
        with self.database.write_rows() as rows:
            counted = _held().values(attempts=claim.attempts)
            if not _changed(rows, counted, _by(claim)):
                raise _lost(claim)

    def renew(self, claims: Sequence[Claim]) -> list[Claim]:
        """Lengthen the leases; return the claims that are lost."""
        asked_at = self.clock()
        with self.database.write_rows(lasting=False) as rows:
            lock_in_order(rows, {claim.product_id for claim in claims})
            held = {tuple(each) for each in rows.execute(self._renew, _pairs(claims))}
        lost = [claim for claim in claims if _pair(claim) not in held]
        for claim in claims:
            claim.steps.held_at = -math.inf if claim in lost else asked_at
        return lost

    def check(self, claim: Claim) -> None:
        """Raises LostClaim when the hold is gone; for what can't be fenced by a transaction.

        A lease that was surely begun or lengthened a moment ago is not asked after again.
        """
        asked_at = self.clock()
        if asked_at - claim.steps.held_at < BELIEVED_SECONDS:
            return
        if not self._checked(claim):
            raise _lost(claim)

    def _check_all(self, claims: Sequence[Claim]) -> list[bool]:
        with self.database.read_rows() as rows:
            held = {tuple(each) for each in rows.execute(STILL_HELD, _pairs(claims))}
        return [_pair(claim) in held for claim in claims]

    def save_analysis(self, claim: Claim, enhancer: str, analysis: dict[str, Any]) -> None:
        """Keep what was paid for. Raises LostClaim, and writes nothing, when the hold is gone."""
        of_round = {"product": claim.product_id, "in_round": claim.round}
        self._save(Step(claim, ANALYSED, {"enhancer": enhancer, "analysis": analysis} | of_round))

    def record_image(self, claim: Claim, image: ImageRecord) -> None:
        """Add the row of a picture whose object is stored, once. Raises LostClaim."""
        of_round = {"product_id": claim.product_id, "round": claim.round}
        self._save(Step(claim, RECORD, vars(image) | of_round))

    def _save(self, step: Step) -> None:
        asked_at = self.clock()
        saved = self._saved(step)
        if isinstance(saved, Exception):
            raise saved
        if not saved:
            raise _lost(step.claim)
        step.claim.steps.any_saved, step.claim.steps.held_at = True, asked_at

    def _save_all(self, steps: Sequence[Step]) -> Sequence[bool | Exception]:
        """One transaction for all steps that are saved at the same time: was each claim held?

        Should the database refuse one of them, each is saved alone: none takes another with it.
        """
        try:
            return self._save_in_one(steps)
        except Unavailable:
            raise
        except Exception as error:
            if len(steps) == 1:
                return [error]
            return [saved for step in steps for saved in self._save_all([step])]

    def _save_in_one(self, steps: Sequence[Step]) -> list[bool]:
        with self.database.write_rows() as rows:
            held = self._progress(rows, [step.claim for step in steps])
            for statement in (ANALYSED, RECORD):
                values = [
                    step.values
                    for step in steps
                    if step.statement is statement and _pair(step.claim) in held
                ]
                if values:
                    rows.execute(statement, values)
        return [_pair(step.claim) in held for step in steps]

    def record_refusal(self, claim: Claim, variant: int, refusal: PackshotError) -> None:
        """Remember that a variant was refused for good, so that it is not asked for again."""
        with self.database.write() as session:
            if not self._progress(session.connection(), [claim]):
                raise _lost(claim)
            claim.steps.any_saved = True
            this_round = session.get_one(
                Round, (claim.product_id, claim.round), with_for_update=True
            )
            entry = {"variant": variant, "code": refusal.code, "detail": refusal.message}
            others = [each for each in this_round.refusals or () if each["variant"] != variant]
            this_round.refusals = [*others, entry]

    def complete(self, claim: Claim) -> None:
        """The last write: the product waits for its reviewer. Raises LostClaim."""
        if not self._completed(claim):
            raise _lost(claim)

    def _complete_all(self, claims: Sequence[Claim]) -> list[bool]:
        """One transaction for all that become ready at the same time: was each still held?"""
        if len({claim.product_id for claim in claims}) < len(claims):  # one of two is stale
            return [each for claim in claims for each in self._complete_all([claim])]
        with self.database.write_rows() as rows:
            lock_in_order(rows, {claim.product_id for claim in claims})
            held = set(rows.execute(COMPLETED, _pairs(claims)).scalars())
            ready = [
                {"product": each.product_id, "in_round": each.round, "took": each.steps.seconds}
                for each in claims
                if each.product_id in held
            ]
            if ready:
                rows.execute(MADE_READY, ready)
            for product_id in held:
                self._tell(rows, product_id)
        return [claim.product_id in held for claim in claims]

    def _tell(self, rows: Connection, product_id: int) -> None:
        """Write the event down, where somebody is to be told."""
        if self.outbox.urls:
            with Session(rows) as session, session.begin():
                self.outbox.add(session, product_id)

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
        with self.database.write_rows() as rows:
            for claim in sorted(claims, key=lambda held: held.product_id):
                _changed(rows, _ending(**_attempt_back(claim)), _by(claim))

    def _end(self, claim: Claim, ending: Update) -> None:
        with self.database.write_rows() as rows:
            if not _changed(rows, ending, _by(claim)):
                raise _lost(claim)
            self._tell(rows, claim.product_id)

    def _progress(self, rows: Connection, claims: Sequence[Claim]) -> set[Pair]:
        """A step of each is about to be saved: attempts and leases start anew. Those still held."""
        lock_in_order(rows, {claim.product_id for claim in claims})
        return {(id_, token) for id_, token in rows.execute(self._stepped, _pairs(claims))}


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


def _changed(rows: Connection, statement: Update, values: dict[str, Any]) -> bool:
    return rows.execute(statement, values).rowcount > 0


def _seconds_until_free(found: Row[Any]) -> float:
    waits = [moment - found.at for moment in (found.lease_until, found.not_before) if moment]
    return max(1.0, *(wait.total_seconds() for wait in waits)) if waits else 1.0


def _complaint(reason: str | None, note: str | None) -> str:
    told = None if reason in {"superseded", "other"} else reason
    return ": ".join(part for part in (told and told.replace("_", " "), note) if part)


# -- the statements every product needs ------------------------------------------------------------
# Made once: for SQLAlchemy it is dearer to build and compile a statement than to run it.


def _look(lease_seconds: float) -> Select[Any]:
    """Products with their rounds, and whether each is free and due.

    Before a product has a round it is round 1.
    """
    number = func.coalesce(func.nullif(PRODUCTS.c.round, 0), 1)
    this_round = and_(ROUNDS.c.product_id == PRODUCTS.c.id, ROUNDS.c.number == number)
    query = select(
        PRODUCTS,
        number.label("number"),
        lease_is_free(lease_seconds).label("free"),
        is_due().label("due"),
        now().label("at"),
        *(ROUNDS.c[name] for name in OF_ROUND),
    )
    return query.select_from(PRODUCTS.outerjoin(ROUNDS, this_round)).where(
        PRODUCTS.c.id.in_(bindparam("wanted_ids", expanding=True))
    )


def _hold(lease_seconds: float) -> Update:
    """Take what was found free and is locked. One token for all: it fences with the id."""
    return (
        update(PRODUCTS)
        .where(PRODUCTS.c.id.in_(bindparam("wanted_ids", expanding=True)))
        .values(
            token=bindparam("token"),
            # The attempt of one that is to run alone counts when it begins.
            attempts=PRODUCTS.c.attempts + case((PRODUCTS.c.token.is_(None), 1), else_=0),
            round=func.coalesce(func.nullif(PRODUCTS.c.round, 0), 1),
            lease_until=now(lease_seconds),
        )
    )


def _held() -> Update:
    return update(PRODUCTS).where(*IS_HELD)


def _pair(claim: Claim) -> Pair:
    return claim.product_id, claim.token


def _pairs(claims: Sequence[Claim]) -> dict[str, list[Pair]]:
    """What `_is_one_of_them` asks for."""
    return {"pairs": sorted({_pair(claim) for claim in claims})}


def _by(claim: Claim) -> dict[str, Any]:
    """What `_held` asks for."""
    return {"held_id": claim.product_id, "held_by": claim.token}


def _is_one_of_them() -> ColumnElement[bool]:
    """Held by one of the claims of `_pairs`."""
    pair = tuple_(PRODUCTS.c.id, PRODUCTS.c.token)
    return pair.in_(bindparam("pairs", expanding=True))


def _all_of_them() -> Update:
    return update(PRODUCTS).where(_is_one_of_them())


def _renew(lease_seconds: float) -> ReturningUpdate[int, str | None]:
    longer = _all_of_them().values(lease_until=now(lease_seconds))
    return longer.returning(PRODUCTS.c.id, PRODUCTS.c.token)


def _stepped(lease_seconds: float) -> ReturningUpdate[Any]:
    stepped = _all_of_them().values(
        attempts=0,
        lease_until=now(lease_seconds),
        version=PRODUCTS.c.version + 1,
        updated_at=now(),
        raw_removed_at=None,  # the raw image was fetched again
    )
    return stepped.returning(PRODUCTS.c.id, PRODUCTS.c.token)


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


def _record() -> Insert:
    """Once: an earlier try may have been saved and its answer lost. The claim fences the rest.

    With its own moments: finer than the column's default.
    """
    given = ["product_id", "round", *(each.name for each in fields(ImageRecord))]
    values = {name: bindparam(name, type_=IMAGES.c[name].type) for name in given}
    is_there = exists().where(
        *(IMAGES.c[name] == values[name] for name in ("product_id", "round", "variant"))
    )
    row = select(*values.values(), now(), now()).where(~is_there)
    return insert(IMAGES).from_select([*given, "created_at", "updated_at"], row)


IS_HELD: Final = (
    PRODUCTS.c.id == bindparam("held_id"),
    PRODUCTS.c.token == bindparam("held_by"),
)
STILL_HELD: Final = select(PRODUCTS.c.id, PRODUCTS.c.token).where(_is_one_of_them())
COMPLETED: Final = (
    _all_of_them()
    .values(
        _let_go() | {"status": PENDING_REVIEW, "error": None, "error_code": None, "attempts": 0}
    )
    .returning(PRODUCTS.c.id)
)
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
RECORD: Final = _record()
MADE: Final = select(IMAGES.c.product_id, IMAGES.c.round, IMAGES.c.variant).where(
    IMAGES.c.product_id.in_(bindparam("products", expanding=True))
)
