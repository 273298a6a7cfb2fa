"""Claims: one worker's time-limited right to work on a product, and every write it allows."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, insert, select, update
from sqlalchemy.orm import Session

from packshot.database.engine import Database
from packshot.database.models import (
    FAILED,
    IMAGES,
    PENDING_REVIEW,
    PRODUCTS,
    ROUNDS,
    Product,
    Round,
)
from packshot.database.types import now
from packshot.errors import LostClaim, PackshotError
from packshot.webhooks.outbox import Outbox
from packshot.work.claiming.claim import Claim, ImageRecord, claim_of
from packshot.work.claiming.round_facts import lane_of
from packshot.work.claiming.waiting import (
    KeyOrder,
    NothingToDo,
    NotNow,
    as_they_come,
    oldest_in_turn,
    why_none,
)

NextClaim: TypeAlias = Claim | NotNow | NothingToDo

MAX_ATTEMPTS = 5  # claims in a row without a saved step before a product is given up
LANE_DEADLINE_SECONDS = 86_400.0  # see GEMINI_LANE_DEADLINE

KILLED = (
    "processing this product ended the worker process {attempts} times in a row;"
    " the picture is probably broken: upload it again, re-saved as JPEG"
)


class Claims:
    """Makes, renews and ends claims; every write checks the claim's token.

    Each method is one transaction.
    """

    def __init__(
        self,
        database: Database,
        lease_seconds: float,
        wanted: int,
        outbox: Outbox = Outbox(),
        lane_deadline: float = LANE_DEADLINE_SECONDS,
    ) -> None:
        """`wanted` is the number of variants of a round that is opened here."""
        self.database = database
        self.lease_seconds = lease_seconds
        self.wanted = wanted
        self.outbox = outbox
        self.lane_deadline = lane_deadline

    # -- claim -------------------------------------------------------------------------------

    def claim_next(
        self, order: KeyOrder = as_they_come, named: int | None = None, busy: Collection[int] = ()
    ) -> NextClaim:
        """Claim the next product: the one that waits longest, of the key whose turn it is.

        Never one of `busy`, which this process is working on: after the clock jumps, their leases
        may seem to have ended, and they would be paid for twice.

        Counts the attempt; after five attempts the product fails. The attempt of a claim that is to
        run `alone` is counted by `begin`. `named` is the product that the message names: when none
        can be claimed now, the message waits for that one, if it is pending.
        """
        # A power cut ends the claim anyway, so do not wait for the disk.
        with self.database.write(lasting=False) as session:
            for oldest in oldest_in_turn(session, order, busy):
                while (product := session.scalar(oldest)) is not None:
                    if product.attempts < MAX_ATTEMPTS:
                        return self._claim(session, product)
                    self._give_up(session, product)
            return why_none(session, named, busy)

    def _give_up(self, session: Session, product: Product) -> None:
        if product.token is not None or product.error_code is None:  # its last claim died
            product.error_code = "worker_died"
            product.error = KILLED.format(attempts=product.attempts)
        product.move(FAILED)
        self.release(session, product)

    def _claim(self, session: Session, product: Product) -> Claim:
        alone, attempts = product.token is not None, product.attempts + 1
        product.token = token = str(uuid.uuid4())
        product.attempts = product.attempts if alone else attempts
        product.lease_until = now(self.lease_seconds)
        this_round = self._current_round(session, product)
        return replace(
            claim_of(session, product, this_round),
            token=token,
            attempts=attempts,
            alone=alone,
            lane=lane_of(session, this_round, self.lane_deadline),
        )

    def _current_round(self, session: Session, product: Product) -> Round:
        product.round = product.round or 1  # a row written by hand has neither round
        product.media_namespace = product.media_namespace or str(uuid.uuid4())  # nor namespace
        this_round = session.get(Round, (product.id, product.round))
        if this_round is None:
            this_round = Round(product_id=product.id, number=product.round, wanted=self.wanted)
            session.add(this_round)
        return this_round

    def begin(self, claim: Claim) -> None:
        """Count the attempt of a claim that had to wait until it was alone. Raises LostClaim.

        Counting it earlier would let a picture that kills the process use up the attempts of
        products that wait beside it.
        """
        with self.write_claimed(claim) as (_, product):
            product.attempts = claim.attempts
            product.queued_at = now()  # if it kills the process, the others go first next

    # -- renew -------------------------------------------------------------------------------

    def renew(self, claims: Sequence[Claim]) -> list[Claim]:
        """Lengthen the leases; return the claims that are lost."""
        with self.database.write_rows(lasting=False) as rows:
            return [
                claim
                for claim in sorted(claims, key=lambda each: each.product_id)
                if not rows.execute(
                    update(PRODUCTS)
                    .where(*_is_mine(claim))
                    .values(lease_until=now(self.lease_seconds))
                ).rowcount
            ]

    def check(self, claim: Claim) -> None:
        """Raises LostClaim if the claim is gone. For work outside the database: paid calls, stored
        objects."""
        with self.database.read_rows() as rows:
            if rows.scalar(select(PRODUCTS.c.id).where(*_is_mine(claim))) is None:
                raise _lost(claim)

    # -- save --------------------------------------------------------------------------------

    def save_digest(self, claim: Claim, normalised: str, raw: str | None = None) -> None:
        """Note the digest of the normalised copy and, if given, of the raw image.

        Raises LostClaim.
        """
        of_raw = {} if raw is None else {"raw_sha256": raw}
        with self._change(claim, normalised_sha256=normalised, **of_raw):
            pass

    def announce_picture(
        self,
        claim: Claim,
        variant: int,
        sha256: str,
        warning: str | None,
        lock: dict[str, Any] | None,
    ) -> None:
        """Note a picture's digest, warning and pixel lock before it is stored: only noted ones are
        adopted.

        Raises LostClaim: a worker that lost its claim stores nothing.
        """
        with self._change(claim, token=claim.token) as rows:
            columns = select(ROUNDS.c.digests, ROUNDS.c.warnings, ROUNDS.c.locks)
            digests, warnings, locks = rows.execute(columns.where(*_is_its_round(claim))).one()
            before = digests or {}
            noted = before | {str(variant): sorted({*before.get(str(variant), ()), sha256})}
            values: dict[str, object] = {"digests": noted}
            if warning is not None:
                values["warnings"] = (warnings or {}) | {sha256: warning}
            if lock is not None:
                values["locks"] = (locks or {}) | {sha256: lock}
            rows.execute(update(ROUNDS).where(*_is_its_round(claim)).values(values))

    def save_analysis(self, claim: Claim, enhancer: str, analysis: dict[str, Any]) -> None:
        """Save a paid analysis. Raises LostClaim, and writes nothing, when the claim is gone."""
        with self._progress(claim) as rows:
            saved = update(ROUNDS).where(*_is_its_round(claim))
            rows.execute(saved.values(enhancer=enhancer, analysis=analysis))

    def record_image(self, claim: Claim, image: ImageRecord) -> None:
        """Add the row of a picture whose object is stored. Raises LostClaim.

        Only once: an earlier call may have succeeded without its answer arriving.
        """
        row = {"product_id": claim.product_id, "round": claim.round, "variant": image.variant}
        existing = select(IMAGES.c.id).filter_by(**row)
        moments = {"created_at": now(), "updated_at": now()}  # finer than the default
        with self._progress(claim) as rows:
            if rows.scalar(existing) is None:
                rows.execute(insert(IMAGES).values(**vars(image) | row | moments))

    def record_refusal(self, claim: Claim, variant: int, refusal: PackshotError) -> None:
        """Save that a variant was refused for good, so that it is not requested again."""
        with self._progress(claim) as rows, Session(rows) as session, session.begin():
            this_round = session.get_one(Round, (claim.product_id, claim.round))
            entry = {"variant": variant, "code": refusal.code, "detail": refusal.message}
            others = [each for each in this_round.refusals or () if each["variant"] != variant]
            this_round.refusals = [*others, entry]

    # -- end ---------------------------------------------------------------------------------

    def complete(self, claim: Claim) -> None:
        """Pass the product on to its reviewer: the claim's last write. Raises LostClaim."""
        with self.write_claimed(claim) as (session, product):
            this_round = session.get_one(Round, (claim.product_id, claim.round))
            this_round.ready_at, this_round.seconds = now(), claim.progress.seconds
            product.move(PENDING_REVIEW)
            product.error = product.error_code = None
            product.attempts = 0
            self.release(session, product)

    def fail(self, claim: Claim, error: PackshotError) -> None:
        """Give the product up, with the reason a seller can act on. Raises LostClaim."""
        with self.write_claimed(claim) as (session, product):
            product.move(FAILED)
            product.error, product.error_code = error.message, error.code
            self.release(session, product)

    def pause(self, claim: Claim, error: PackshotError, seconds: float) -> None:
        """End a failed attempt, which stays counted; the next one comes after `seconds`."""
        with self.write_claimed(claim) as (session, product):
            product.error, product.error_code = error.message, error.code
            self.release(session, product, seconds)

    def give_back(
        self, claim: Claim, seconds: float = 0.0, error: PackshotError | None = None
    ) -> None:
        """End the attempt without counting it: the product is not to blame. Raises LostClaim."""
        with self.write_claimed(claim) as (session, product):
            product.attempts = min(product.attempts, claim.attempts - 1)
            if error is not None:
                product.error, product.error_code = error.message, error.code
            self.release(session, product, seconds)

    # -- helpers -----------------------------------------------------------------------------

    @contextmanager
    def write_claimed(self, claim: Claim) -> Iterator[tuple[Session, Product]]:
        """A write transaction with the claimed product, locked. Raises LostClaim."""
        mine = select(Product).where(*_is_mine(claim)).with_for_update()
        with self.database.write() as session:
            product = session.scalar(mine)
            if product is None:
                raise _lost(claim)
            yield session, product

    @contextmanager
    def _change(self, claim: Claim, **columns: Any) -> Iterator[Connection]:
        """A write transaction that changes these columns of the claimed product. Raises LostClaim.

        Does not load the product: this runs several times for every product and should be quick.
        """
        change = update(PRODUCTS).where(*_is_mine(claim)).values(**columns)
        with self.database.write_rows() as rows:
            if not rows.execute(change).rowcount:
                raise _lost(claim)
            yield rows

    @contextmanager
    def _progress(self, claim: Claim) -> Iterator[Connection]:
        """A write transaction that saves a step: it resets the count of attempts and the lease."""
        with self._change(
            claim,
            attempts=0,
            lease_until=now(self.lease_seconds),
            raw_removed_at=None,  # the raw image was fetched again
            version=PRODUCTS.c.version + 1,
            updated_at=now(),
        ) as rows:
            yield rows
        claim.progress.any_saved = True

    def release(self, session: Session, product: Product, seconds: float = 0.0) -> None:
        """End the claim; the product may be claimed again after `seconds`."""
        product.token = product.lease_until = None
        product.not_before = now(seconds) if seconds > 0 else None
        product.touch()
        session.flush()
        self.outbox.add(session, product.id)


def _is_mine(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    """The condition of every write: the product still has the claim's token."""
    return PRODUCTS.c.id == claim.product_id, PRODUCTS.c.token == claim.token


def _is_its_round(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return ROUNDS.c.product_id == claim.product_id, ROUNDS.c.number == claim.round


def _lost(claim: Claim) -> LostClaim:
    return LostClaim(f"product {claim.product_id} was taken over by another worker")
