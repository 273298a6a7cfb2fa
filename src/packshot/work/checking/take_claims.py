"""Claims on takes: only one process makes a take, and every write checks its claim's token."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.orm import Session

from packshot.database.engine import Database
from packshot.database.models import FAILED, Call, Product, Round, Take
from packshot.database.types import now
from packshot.enhancers.contract import Brief
from packshot.errors import LostClaim, PackshotError
from packshot.products import takes
from packshot.products.object_keys import answer_key, variant_key
from packshot.work.claiming.claim import Claim, ImageRecord, claim_of
from packshot.work.claiming.claims import LANE_DEADLINE_SECONDS
from packshot.work.claiming.round_facts import lane_of

#: Seconds after which a take that could not be paid for is not made any more.
LONGEST_WAIT: Final = 3600.0


class NotMadeAgain(PackshotError):
    """The picture is not made again; `message` tells the reviewer why."""

    code = "not_made_again"


@dataclass(frozen=True, eq=False)
class DueTake:
    """A claimed take, with the facts for its prompt."""

    claim: Claim  # of its product; round, digests, warnings and locks are the take's own
    variant: int
    number: int
    token: str
    facts: tuple[str, ...]
    tries: int  # this one included
    is_late: bool  # waited longer than LONGEST_WAIT

    @property
    def brief(self) -> Brief:
        return replace(self.claim.brief, take=self.number, facts=self.facts)

    @property
    def key(self) -> str:
        return variant_key(*self._place)

    @property
    def answer_key(self) -> str:
        return answer_key(*self._place)

    @property
    def _place(self) -> tuple[str, int, int, int, int]:
        claim = self.claim
        return claim.namespace, claim.product_id, claim.round, self.variant, self.number

    def __str__(self) -> str:
        place = f"picture {self.variant + 1} of product {self.claim.product_id}"
        return f"take {self.number} of {place}"


class TakeClaims:
    """Each method is one transaction."""

    def __init__(
        self,
        database: Database,
        lease_seconds: float,
        lane_deadline: float = LANE_DEADLINE_SECONDS,
    ) -> None:
        self.database = database
        self.lease_seconds, self.lane_deadline = lease_seconds, lane_deadline

    # -- one process at a time ---------------------------------------------------------------

    def claim_next(self) -> DueTake | None:
        """Claim the take that has waited longest; None when none is due."""
        due = select(Take).where(Take.due_at <= now()).order_by(Take.due_at, Take.product_id)
        with self.database.claim_first(due) as found:
            return None if found is None else self._claim(*found)

    def _claim(self, session: Session, row: Take) -> DueTake:
        product = session.get_one(Product, row.product_id)
        this_round = session.get_one(Round, (row.product_id, row.round))
        late = select(Take.opened_at <= now(-LONGEST_WAIT)).where(_is(row))
        row.token, row.due_at, row.tries = str(uuid.uuid4()), now(self.lease_seconds), row.tries + 1
        announced = row.digests or {}
        return DueTake(
            claim=replace(
                claim_of(session, product, this_round),
                round=row.round,  # may be closed by now
                lane=lane_of(session, this_round, self.lane_deadline),
                digests={row.variant: frozenset(announced)},
                warnings={digest: words for digest, words in announced.items() if words},
                locks=row.locks or {},
            ),
            variant=row.variant,
            number=row.number,
            token=row.token,
            facts=tuple(row.facts or ()),
            tries=row.tries,
            is_late=bool(session.scalar(late)),
        )

    def renew(self, due: Sequence[DueTake]) -> None:
        """Lengthen the leases of the takes that this process is making."""
        if not due:
            return
        mine = update(Take).where(Take.token.in_([each.token for each in due]))
        with self.database.write(lasting=False) as session:
            session.execute(mine.values(due_at=now(self.lease_seconds)))

    def check(self, due: DueTake) -> None:
        """Raises LostClaim when the take is no longer this process's."""
        with self.database.read() as session:
            if session.scalar(select(Take.number).where(_is_mine(due))) is None:
                raise _lost(due)

    # -- paying ------------------------------------------------------------------------------

    def check_before_paying(self, due: DueTake) -> None:
        """Raises LostClaim, or NotMadeAgain if the take was paid for before or is not needed."""
        with self.database.read() as session:
            row = session.scalar(select(Take).where(_is_mine(due)))
            if row is None:
                raise _lost(due)
            product, image = session.get(Product, row.product_id), takes.picture_of(session, row)
            if product is None or image is None or not takes.is_undecided(product, image):
                raise _not_needed(product)
            if _was_in_a_job(session, row):
                raise NotMadeAgain("its batch job brought no picture", code="batch")
            if self._is_paid_for(session, row):
                raise NotMadeAgain(
                    "its answer was lost when a process ended, and it is not paid for twice",
                    code="answer_lost",
                )

    def is_paid_for(self, due: DueTake) -> bool:
        """Whether a call for this take was paid for, or may have been."""
        with self.database.read() as session:
            row = session.scalar(select(Take).where(_is_mine(due)))
            return row is not None and self._is_paid_for(session, row)

    def _is_paid_for(self, session: Session, row: Take) -> bool:
        """Whether there is a call with a cost, or one without an end or a known price."""
        costs = or_(Call.completed_at.is_(None), Call.cost.is_(None), Call.cost > 0)
        return bool(session.scalar(select(exists().where(*takes.calls_of(row), costs))))

    # -- results ----------------------------------------------------------------------------

    def announce(
        self, due: DueTake, sha256: str, warning: str | None, lock: dict[str, Any] | None
    ) -> None:
        """Note a picture's digest before storing it: only such pictures are adopted later.
        Raises LostClaim."""
        with self._write_claimed(due) as (_, row):
            before = row.digests or {}
            row.digests = before | {sha256: warning or before.get(sha256)}
            if lock is not None:
                row.locks = (row.locks or {}) | {sha256: lock}

    def record(self, due: DueTake, image: ImageRecord) -> None:
        """Record the stored picture, which must be checked next, unless its photo was replaced.
        Raises LostClaim."""
        with self._write_claimed(due) as (session, row):
            for name, value in vars(image).items():
                if name != "variant":
                    setattr(row, name, value)
            row.state, row.token, row.due_at, row.check_due = takes.MADE, None, None, now()
            row.cost = takes.spent_on(session, row)
            if session.get_one(Product, row.product_id).photo_since > row.round:
                takes.skip_check(row)

    def end(self, due: DueTake, error: PackshotError) -> None:
        """End a take that is not made. Raises LostClaim."""
        with self._write_claimed(due) as (session, row):
            takes.end(row, error.code, error.message)
            row.cost = takes.spent_on(session, row)
            session.get_one(Product, row.product_id).version += 1  # so that open pages show it

    def put_back(self, due: DueTake, seconds: float) -> None:
        """Try the take again after `seconds`, without counting this try. Raises LostClaim."""
        with self._write_claimed(due) as (_, row):
            row.token, row.due_at, row.tries = None, now(seconds), row.tries - 1

    @contextmanager
    def _write_claimed(self, due: DueTake) -> Iterator[tuple[Session, Take]]:
        """A write transaction with the claimed take. Locks the product first, as reviews and
        deletions do, against deadlocks. Raises LostClaim."""
        with self.database.write() as session:
            product = session.get(Product, due.claim.product_id, with_for_update=True)
            row = session.scalar(select(Take).where(_is_mine(due)).with_for_update())
            if product is None or row is None:
                raise _lost(due)
            yield session, row


def _is(row: Take) -> ColumnElement[bool]:
    return takes.is_take(row.product_id, row.round, row.variant, row.number)


def _is_mine(due: DueTake) -> ColumnElement[bool]:
    claim = due.claim
    this = takes.is_take(claim.product_id, claim.round, due.variant, due.number)
    return and_(this, Take.token == due.token)


def _was_in_a_job(session: Session, row: Take) -> bool:
    """Whether it was requested in a batch job, which ended without an answer."""
    return bool(session.scalar(select(exists().where(takes.is_request_for(row)))))


def _not_needed(product: Product | None) -> NotMadeAgain:
    if product is not None and product.status == FAILED:
        return NotMadeAgain("its product was cancelled, or failed, first", code="cancelled")
    return NotMadeAgain("a reviewer decided first", code="decided")


def _lost(due: DueTake) -> LostClaim:
    return LostClaim(f"{due} was taken over by another process, or its product was deleted")
