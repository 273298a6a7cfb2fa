"""Random histories of products, claims, messages and decisions keep the promises."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from servers.aws import Aws
from servers.postgres import Postgres
from sqlalchemy import select, update
from support.fakes import SentCatalog
from support.products import BOX

from faults.strands import PaidFor, Strand, Till, parts_of
from packshot.database.engine import Database
from packshot.database.models import (
    APPROVED,
    FAILED,
    IMAGE_STATUSES,
    MOVES,
    PENDING,
    PENDING_REVIEW,
    REJECTED,
    Product,
    ProductImage,
)
from packshot.database.types import now
from packshot.errors import Conflict, EnhancerError, LostClaim, Unavailable
from packshot.products.lookup import Editor
from packshot.products.review.decisions import status_of
from packshot.queues.contract import Message, Queue
from packshot.queues.database import DatabaseQueue
from packshot.queues.sqs import SqsQueue
from packshot.work.claiming.claim import Claim
from packshot.work.claiming.claims import MAX_ATTEMPTS, Claims
from packshot.work.claiming.waiting import NothingToDo

LEASE = 600.0  # runs out only when the history says so
WANTED = 2
Parts = tuple[Database, Queue]
OpenParts = Callable[[], Any]


class Histories(RuleBasedStateMachine):
    """`claimed` is what the workers work on; `tokens` has the claim that the database knows.

    The workers tell the real story, step by step (see strands.py), so that any of them may die or
    freeze between any two steps, and go on long after another one took its product.
    """

    open_parts: OpenParts

    def __init__(self) -> None:
        super().__init__()
        self.opened = self.open_parts()
        self.database, self.queue = self.opened.__enter__()
        self.catalog = SentCatalog(self.database, self.queue, WANTED)
        self.claims = Claims(self.database, LEASE, WANTED)
        self.parts = parts_of(self.claims)
        self.claimed: list[Strand] = []
        self.tokens: dict[int, str | None] = {}
        self.seen: dict[int, str] = {}
        self.forgiven: Counter[PaidFor] = Counter()  # in flight when their worker died or froze

    # -- what the shop does ----------------------------------------------------------------------

    @initialize()
    def open_shop(self) -> None:
        self.create(2)
        self.lease(2)

    @precondition(lambda self: len(self.tokens) < 4)  # the fewer, the more meet at one of them
    @rule(count=st.integers(1, 2))
    def create(self, count: int) -> None:
        for product in self.catalog.create([BOX] * count).products:
            self.tokens[product.id] = None
            self.seen[product.id] = PENDING

    @precondition(lambda self: self.tokens)
    @rule(data=st.data(), words=st.sampled_from([None, "brighter"]))
    def redo(self, data: st.DataObject, words: str | None) -> None:
        product_id = data.draw(st.sampled_from(sorted(self.tokens)))
        try:
            self.catalog.enhance(product_id, by=Editor("ann"), instructions=words)
        except Conflict:
            assert self.seen[product_id] == PENDING
        else:
            assert self.seen[product_id] != PENDING

    @precondition(lambda self: self.tokens)
    @rule(data=st.data(), status=st.sampled_from(IMAGE_STATUSES))
    def decide(self, data: st.DataObject, status: str) -> None:
        product_id = data.draw(st.sampled_from(sorted(self.tokens)))
        images = self.catalog.product(product_id, all_rounds=True).images
        if not images:
            return
        image = data.draw(st.sampled_from(images))
        try:
            self.catalog.decide(image.id, status, who="ann")
        except Conflict as error:
            assert error.code in {"not_reviewable", "round_closed"}

    # -- what the workers do ---------------------------------------------------------------------

    @rule(limit=st.integers(1, 4))
    def lease(self, limit: int) -> None:
        for message in self.queue.lease(limit):
            self._take(message)

    @precondition(lambda self: self.tokens)
    @rule(data=st.data())
    def stray_message(self, data: st.DataObject) -> None:
        """A doubled or late one, for any product."""
        self._take(Message(data.draw(st.sampled_from(sorted(self.tokens)))))

    def _take(self, message: Message) -> None:
        claim = self.claims.claim_next()
        if isinstance(claim, Claim):
            assert self.tokens[claim.product_id] is None, "two workers on one product"
            self.tokens[claim.product_id] = claim.token
            self.claimed.append(Strand(message, claim, self.parts))
            if claim.alone:
                self.claims.begin(claim)
        elif isinstance(claim, NothingToDo):
            self.queue.done([message])
        else:
            self.queue.extend([message], 0)

    @precondition(lambda self: self.claimed)
    @rule(data=st.data())
    def heartbeat(self, data: st.DataObject) -> None:
        claim = self._draw(data).claim
        lost = self.claims.renew([claim])
        assert bool(lost) == (not self._owns(claim))

    @precondition(lambda self: self.claimed)
    @rule(data=st.data(), steps=st.integers(0, 15), dies=st.booleans())
    def lose(self, data: st.DataObject, steps: int, dies: bool) -> None:
        """It dies, or it freezes: its lease runs out unnoticed, so it may continue later."""
        strand = self._draw(data)
        self._go_on(strand, steps)
        if strand in self.claimed:
            self._lease_runs_out(strand)
            if dies:
                self._drop(strand)
        self.lease(4)

    def _lease_runs_out(self, strand: Strand) -> None:
        self._forgive(strand)
        if self._owns(strand.claim):
            product_id = strand.claim.product_id
            with self.database.write() as session:
                over = update(Product).where(Product.id == product_id)
                session.execute(over.values(lease_until=now(-1)))
            self.queue.extend([strand.message], 0)
            self.tokens[product_id] = None

    def _forgive(self, strand: Strand) -> None:
        """Whether a call in flight is paid for can't be known: it may be sent again."""
        if strand.in_flight is not None:
            self.forgiven[strand.in_flight] += 1
            strand.in_flight = None

    @rule()
    def pauses_are_over(self) -> None:
        with self.database.write() as session:
            session.execute(update(Product).values(not_before=None))

    @precondition(lambda self: self.claimed)
    @rule(data=st.data(), steps=st.sampled_from([1, 2, 3, 5, 8, 30]))
    def go_on(self, data: st.DataObject, steps: int) -> None:
        self._go_on(self._draw(data), steps)

    def _go_on(self, strand: Strand, steps: int) -> None:
        held = self._owns(strand.claim)
        strand.go_on(steps)
        if not strand.over:
            return
        self.claimed.remove(strand)
        if strand.outcome is None:
            assert held, "it finished what was not its own"
            self.queue.done([strand.message])
            self.tokens[strand.claim.product_id] = None
        elif not isinstance(strand.outcome, LostClaim):
            raise strand.outcome
        else:
            assert not held
            self.queue.extend([strand.message], 0)  # in time it comes back by itself

    @precondition(lambda self: self.claimed)
    @rule(data=st.data(), end=st.sampled_from(["pause", "fail", "give_back"]))
    def end_with_an_error(self, data: st.DataObject, end: str) -> None:
        """The story ends with an error, or its process with a signal."""
        strand = self._draw(data)
        claim, held = strand.claim, self._owns(strand.claim)
        self._forgive(strand)
        self._drop(strand)
        try:
            if end == "pause":
                self.claims.pause(claim, EnhancerError("nothing came"), 5)
            elif end == "fail":
                self.claims.fail(claim, EnhancerError("nothing came"))
            else:
                self.claims.give_back(claim, 5, Unavailable("away"))
        except LostClaim:
            assert not held
        else:
            assert held
            self.tokens[claim.product_id] = None

    # -- helpers of the model --------------------------------------------------------------------

    def _owns(self, claim: Claim) -> bool:
        """No other worker's token is there. One whose lease ran out, untaken, may still go on."""
        with self.database.read() as session:
            token: str | None = session.scalar(
                select(Product.token).where(Product.id == claim.product_id)
            )
        return token == claim.token

    def _draw(self, data: st.DataObject) -> Strand:
        return self.claimed[data.draw(st.integers(0, len(self.claimed) - 1))]

    def _drop(self, strand: Strand) -> None:
        strand.die()
        self.claimed.remove(strand)
        self.queue.extend([strand.message], 0)

    # -- what always holds -----------------------------------------------------------------------

    @invariant()
    def nothing_is_paid_twice(self) -> None:
        assert isinstance(self.parts.enhancer, Till)
        for call, times in self.parts.enhancer.asked.items():
            assert times <= 1 + self.forgiven[call], f"{call} was paid {times} times"

    @invariant()
    def rows_agree(self) -> None:
        with self.database.read() as session:
            products = session.scalars(select(Product)).all()
            images = session.scalars(select(ProductImage)).all()
        assert len({(i.product_id, i.round, i.variant) for i in images}) == len(images)
        for product in products:
            self._move(product.id, product.status)
            assert product.status == PENDING or product.token is None
            assert product.attempts <= MAX_ATTEMPTS
            assert product.status != FAILED or product.error
            current = [
                i.status for i in images if (i.product_id, i.round) == (product.id, product.round)
            ]
            if product.status in (PENDING_REVIEW, APPROVED, REJECTED):
                assert len(current) == WANTED
                assert product.status == status_of(current)

    def _move(self, product_id: int, after: str) -> None:
        before = self.seen[product_id]
        assert after == before or after in MOVES[before], f"{product_id}: {before} to {after}"
        self.seen[product_id] = after

    def teardown(self) -> None:
        """After any history, new workers finish everything."""
        try:
            for _ in range(40):
                if PENDING not in self.seen.values():
                    return
                self._one_shift()
            raise AssertionError(f"stuck: {self.seen}")
        finally:
            for strand in self.claimed:
                strand.die()
            self.opened.__exit__(None, None, None)

    def _one_shift(self) -> None:
        self.pauses_are_over()
        for strand in list(self.claimed):
            self._forgive(strand)
            self._drop(strand)
        with self.database.write() as session:
            session.execute(update(Product).values(lease_until=now(-1), sent_at=now(-900)))
        self.tokens = dict.fromkeys(self.tokens)
        self.catalog.sender.resend()
        self.lease(10)
        for strand in list(self.claimed):
            self._go_on(strand, 100)
        self.rows_agree()
        self.nothing_is_paid_twice()


def run(open_parts: OpenParts, examples: int) -> None:
    machine = type("Machine", (Histories,), {"open_parts": staticmethod(open_parts)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],  # the history that failed is printed; shrinking takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_histories_on_the_defaults(sqlite_template: Path) -> None:
    @contextmanager
    def parts() -> Iterator[Parts]:
        with tempfile.TemporaryDirectory() as folder:
            database = Database(f"sqlite:///{shutil.copy(sqlite_template, f'{folder}/p.db')}")
            queue = DatabaseQueue(database)
            queue.wait_seconds = 0.0
            yield database, queue
            database.close()

    run(parts, examples=20)


@pytest.mark.extra
def test_histories_on_postgresql_and_sqs(
    postgres: Postgres, postgres_template: str, aws: Aws
) -> None:
    queue = SqsQueue("", "us-east-1", LEASE, endpoint_url=aws.endpoint, wait_seconds=0, threads=2)

    name = postgres.create(postgres_template)
    database = Database(postgres.url(name), pool_size=2)

    @contextmanager
    def parts() -> Iterator[Parts]:
        postgres.empty(name)  # a database for each history would be the slowest step
        queue.url = aws.queue()
        yield database, queue
        aws.sqs.delete_queue(QueueUrl=queue.url)

    try:
        run(parts, examples=10)
    finally:
        database.close()
        postgres.drop(name)
