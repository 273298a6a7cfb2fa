"""Random histories of products, claims, messages and decisions keep the promises."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fakes import analysis_of
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from servers.aws import Aws
from servers.postgres import Postgres
from sqlalchemy import select, update
from test_catalog import BOX, record

from packshot.catalog import Catalog, status_of
from packshot.claims import MAX_ATTEMPTS, Claim, Claims, NothingToDo
from packshot.database import Database
from packshot.errors import Conflict, EnhancerError, LostClaim, Unavailable
from packshot.models import (
    APPROVED,
    FAILED,
    IMAGE_STATUSES,
    MOVES,
    PENDING,
    PENDING_REVIEW,
    REJECTED,
    Product,
    ProductImage,
    now,
)
from packshot.queues import DatabaseQueue, Message, Queue, SqsQueue

LEASE = 600.0  # runs out only when the history says so
WANTED = 2
SETTLED = (PENDING_REVIEW, APPROVED, REJECTED, FAILED)
Parts = tuple[Database, Queue]
OpenParts = Callable[[], Any]


class Histories(RuleBasedStateMachine):
    """`held` is what the workers believe; `tokens` is who truly holds each product."""

    open_parts: OpenParts

    def __init__(self) -> None:
        super().__init__()
        self.opened = self.open_parts()
        self.database, self.queue = self.opened.__enter__()
        self.catalog = Catalog(self.database, self.queue, WANTED, LEASE)
        self.claims = Claims(self.database, LEASE, WANTED)
        self.held: list[tuple[Message, Claim]] = []
        self.tokens: dict[int, str | None] = {}
        self.seen: dict[int, str] = {}
        self.paid: set[tuple[int, int, int]] = set()

    # -- what the shop does ----------------------------------------------------------------------

    @rule(count=st.integers(1, 3))
    def create(self, count: int) -> None:
        for product in self.catalog.create([BOX] * count).products:
            self.tokens[product.id] = None
            self.seen[product.id] = PENDING

    @precondition(lambda self: self.tokens)
    @rule(data=st.data(), words=st.sampled_from([None, "brighter"]))
    def redo(self, data: st.DataObject, words: str | None) -> None:
        product_id = data.draw(st.sampled_from(sorted(self.tokens)))
        try:
            self.catalog.enhance(product_id, who="ann", instructions=words)
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
        claim = self.claims.take(message.product_id)
        if isinstance(claim, Claim):
            assert self.tokens[message.product_id] is None, "two workers on one product"
            self.tokens[message.product_id] = claim.token
            self.held.append((message, claim))
            if claim.alone:
                self.claims.begin(claim)
        elif isinstance(claim, NothingToDo):
            self.queue.done([message])
        else:
            self.queue.extend([message], 0)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def heartbeat(self, data: st.DataObject) -> None:
        _, claim = data.draw(st.sampled_from(self.held))
        lost = self.claims.renew([claim])
        assert bool(lost) == (not self._owns(claim))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def lease_runs_out(self, data: st.DataObject) -> None:
        """The worker died or froze: it is not told, so it may go on later."""
        message, claim = data.draw(st.sampled_from(self.held))
        if self._owns(claim):
            with self.database.write() as session:
                session.execute(
                    update(Product)
                    .where(Product.id == claim.product_id)
                    .values(lease_until=now(-1))
                )
            self.queue.extend([message], 0)
            self.tokens[claim.product_id] = None

    @rule()
    def pauses_are_over(self) -> None:
        with self.database.write() as session:
            session.execute(update(Product).values(not_before=None))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), step=st.sampled_from(["analysis", "image", "image", "complete"]))
    def save(self, data: st.DataObject, step: str) -> None:
        message, claim = data.draw(st.sampled_from(self.held))
        try:
            if step == "analysis":
                self.claims.save_analysis(claim, "local", analysis_of(WANTED).model_dump())
            elif step == "image":
                self._save_image(claim)
            elif self._is_whole(claim):
                self.claims.complete(claim)
                self._let_go(message, claim)
                self.queue.done([message])
        except LostClaim:
            assert not self._may_write(claim)
        else:
            assert step == "complete" or self._may_write(claim)

    def _save_image(self, claim: Claim) -> None:
        for variant in claim.missing:
            self.claims.record_image(claim, record(variant))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), end=st.sampled_from(["pause", "fail", "give_back"]))
    def end_in_vain(self, data: st.DataObject, end: str) -> None:
        message, claim = data.draw(st.sampled_from(self.held))
        try:
            if end == "pause":
                self.claims.pause(claim, EnhancerError("nothing came"), 5)
            elif end == "fail":
                self.claims.fail(claim, EnhancerError("nothing came"))
                self.queue.done([message])
            else:
                self.claims.give_back(claim, 5, Unavailable("away"))
        except LostClaim:
            assert not self._may_write(claim)
        else:
            self._let_go(message, claim)
            self.queue.extend([message], 0)

    # -- helpers of the model --------------------------------------------------------------------

    def _owns(self, claim: Claim) -> bool:
        """Nobody else's token is there. One whose lease ran out, untaken, may still go on."""
        with self.database.read() as session:
            token: str | None = session.scalar(
                select(Product.token).where(Product.id == claim.product_id)
            )
        return token == claim.token

    _may_write = _owns

    def _is_whole(self, claim: Claim) -> bool:
        view = self.catalog.product(claim.product_id)
        return view.round == claim.round and len(view.images) == WANTED

    def _let_go(self, message: Message, claim: Claim) -> None:
        self.held.remove((message, claim))
        if self.tokens[claim.product_id] in {claim.token, None}:
            self.tokens[claim.product_id] = None

    # -- what always holds -----------------------------------------------------------------------

    @invariant()
    def every_move_is_an_allowed_one(self) -> None:
        for product in self._products():
            before, after = self.seen[product.id], product.status
            if after != before and not self._reachable(before, after):
                raise AssertionError(f"product {product.id} went from {before} to {after}")
            self.seen[product.id] = after

    def _reachable(self, before: str, after: str) -> bool:
        return after in MOVES[before]

    @invariant()
    def rows_agree(self) -> None:
        with self.database.read() as session:
            images = session.scalars(select(ProductImage)).all()
        assert len({(i.product_id, i.round, i.variant) for i in images}) == len(images)
        for product in self._products():
            assert product.status == PENDING or product.token is None
            assert product.attempts <= MAX_ATTEMPTS
            assert product.status != FAILED or product.error
            current = [
                i.status for i in images if (i.product_id, i.round) == (product.id, product.round)
            ]
            if product.status in (PENDING_REVIEW, APPROVED, REJECTED):
                assert len(current) == WANTED
                assert product.status == status_of(current)

    def _products(self) -> list[Product]:
        with self.database.read() as session:
            return list(session.scalars(select(Product)))

    def teardown(self) -> None:
        """Whatever happened, workers that come now bring everything to an end."""
        try:
            for _ in range(40):
                if not self.catalog.stats().products.get(PENDING):
                    return
                self._one_shift()
            raise AssertionError(f"stuck: {[vars(one) for one in self._products()]}")
        finally:
            self.opened.__exit__(None, None, None)

    def _one_shift(self) -> None:
        self.pauses_are_over()
        with self.database.write() as session:
            session.execute(update(Product).values(lease_until=now(-1), sent_at=now(-900)))
        self.queue.extend([message for message, _ in self.held], 0)
        self.catalog.resend()
        self.held.clear()
        self.tokens = dict.fromkeys(self.tokens)
        self.lease(10)
        for message, claim in list(self.held):
            self._save_image(claim)
            self.claims.complete(claim)
            self.queue.done([message])


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
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(240)
def test_histories_on_the_defaults(sqlite_template: Path) -> None:
    @contextmanager
    def parts() -> Iterator[Parts]:
        with tempfile.TemporaryDirectory() as folder:
            database = Database(f"sqlite:///{shutil.copy(sqlite_template, f'{folder}/p.db')}")
            queue = DatabaseQueue(database, LEASE)
            queue.wait_seconds = 0.0
            yield database, queue
            database.close()

    run(parts, examples=15)


@pytest.mark.timeout(240)
def test_histories_on_postgresql_and_sqs(
    postgres: Postgres, postgres_template: str, aws: Aws
) -> None:
    queue = SqsQueue("", "us-east-1", LEASE, endpoint_url=aws.endpoint, wait_seconds=0, threads=2)

    @contextmanager
    def parts() -> Iterator[Parts]:
        name = postgres.create(postgres_template)
        database = Database(postgres.url(name), pool_size=2)
        queue.url = aws.queue()
        yield database, queue
        database.close()
        aws.sqs.delete_queue(QueueUrl=queue.url)
        postgres.drop(name)

    run(parts, examples=4)
