"""The worker: slots, retries and pauses, doubled messages, outages, and an orderly end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import only_sqlite
from servers.ports import wait_until as until
from sqlalchemy import update
from support.fakes import FakeEnhancer, FakeQueue, SentCatalog, photo_bytes
from support.products import BOX

from packshot.database.engine import Database
from packshot.database.models import Product
from packshot.database.types import now
from packshot.errors import (
    EnhancerError,
    FetchError,
    PackshotError,
    PartlyUnavailable,
    RateLimited,
    Unavailable,
    UnusableAnswer,
)
from packshot.pictures import imaging
from packshot.pictures.child_processes import Pixels
from packshot.products.catalog import Catalog
from packshot.queues.contract import Message, Queue
from packshot.queues.database import DatabaseQueue
from packshot.serving.worker import longest_product, watch
from packshot.settings import Settings
from packshot.storage import LocalStorage
from packshot.work.claiming.claim import Claim
from packshot.work.claiming.claims import MAX_ATTEMPTS, Claims, NextClaim
from packshot.work.keep_trying import KeepTrying
from packshot.work.making.parts import Parts
from packshot.work.outages import Outage
from packshot.work.run_alone import RunAlone
from packshot.work.slots import ProductJob
from packshot.work.worker import FRUITLESS_PAUSE, LONGEST_RUN_SECONDS, Worker

LEASE = 3.0


@pytest.fixture(scope="module")
def pixels() -> Iterator[Pixels]:
    pixels = Pixels()
    yield pixels
    pixels.close()


class Shop:
    """A worker and its surroundings; `chance` is 0, so that every pause is the shortest."""

    def __init__(self, database: Database, folder: Path, pixels: Pixels) -> None:
        self.database, self.folder, self.pixels = database, folder, pixels
        self.enhancer = FakeEnhancer()
        self.queue: Queue = DatabaseQueue(database)
        self.workers: list[Worker] = []

    def worker(
        self, concurrency: int = 2, clock: Callable[[], float] = time.monotonic, **others: Any
    ) -> Worker:
        """`others` are parts in place of the usual ones."""
        parts = Parts(
            claims=Claims(self.database, LEASE, wanted=1),
            read_raw=lambda url: photo_bytes(),
            storage=LocalStorage(self.folder),
            pixels=self.pixels,
            enhancer=self.enhancer,
            output=imaging.OutputSpec(),
        )
        parts = replace(parts, **others)
        worker = Worker(parts, self.queue, concurrency, clock=clock, chance=lambda: 0.0)
        self.workers.append(worker)
        return worker

    @property
    def catalog(self) -> Catalog:
        return SentCatalog(self.database, self.queue, wanted=1)

    def create(self, count: int = 1) -> list[int]:
        return [product.id for product in self.catalog.create([BOX] * count).products]

    def status(self, product_id: int) -> str:
        return self.catalog.product(product_id).status

    def hurry(self) -> None:
        """Skip the pauses between attempts."""
        with self.database.write() as session:
            session.execute(
                update(Product).where(Product.not_before.is_not(None)).values(not_before=now(-1))
            )


@pytest.fixture
def shop(database: Database, tmp_path: Path, pixels: Pixels) -> Iterator[Shop]:
    shop = Shop(database, tmp_path / "media", pixels)
    yield shop
    for worker in shop.workers:
        worker.stop(6)


@pytest.mark.parametrize(("timeout", "longest"), [(10, 900), (180, 900), (900, 4500)])
def test_a_product_of_slow_calls_does_not_count_as_hanging(timeout: int, longest: int) -> None:
    assert longest_product(Settings(gemini_timeout=timeout)) == longest


def all_idle(worker: Worker) -> bool:
    return worker.slots._idle._value == worker.slots.count


def test_products_are_done_and_the_documents_lines_are_logged(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    ids = shop.create(5)
    worker = shop.worker()
    worker.start()
    until(lambda: all(shop.status(number) == "pending_review" for number in ids))
    assert worker.problem() is None
    assert worker.stop(6)
    assert "Worker thread started" in caplog.messages
    for number in ids:
        assert f"Received message for product_id: {number}" in caplog.messages
        assert f"Successfully processed product {number}" in caplog.messages


def test_no_slot_is_lost_after_any_failure(shop: Shop) -> None:
    """Errors in every method of the queue and in the claims leave as many slots as before."""
    queue = FakeQueue(trouble=Unavailable("away"))
    shop.queue = queue
    ids = shop.create(6)
    claims = FaultyClaims(shop.database, LEASE, wanted=1)
    worker = shop.worker(concurrency=2, claims=claims)
    worker.start()
    until(lambda: worker.problem() is not None)
    queue.trouble, queue.waiting = None, list(ids[:3])
    until(lambda: not queue.waiting and not worker.slots.jobs)
    claims.broken = False
    queue.waiting = list(ids)
    until(lambda: all(shop.status(number) == "pending_review" for number in ids))
    until(lambda: all_idle(worker))


class FaultyClaims(Claims):
    """Takes no claim: an unexpected error."""

    broken = True

    def claim_next(self, *args: Any, **named: Any) -> NextClaim:
        if self.broken:
            raise ZeroDivisionError
        return super().claim_next(*args, **named)


@only_sqlite
@pytest.mark.parametrize("end", [SystemExit, MemoryError])
@pytest.mark.parametrize("kind", ["analysis", "picture"])
def test_an_exit_raised_inside_a_product_ends_no_slot(
    shop: Shop, kind: str, end: type[BaseException]
) -> None:
    """A library's `sys.exit()` would end the thread silently, and its slot with it."""
    ordered = [1, 1]  # once for each slot

    def plan(asked: str, variant: int | None) -> None:
        if asked == kind and ordered:
            ordered.pop()
            raise end("from the depths")

    shop.enhancer.plan = plan
    ids = shop.create(4)
    worker = shop.worker(concurrency=2)
    worker.start()
    until(lambda: not ordered and not worker.slots.jobs)
    shop.hurry()
    until(lambda: all(shop.status(number) == "pending_review" for number in ids))
    assert all(thread.is_alive() for thread in worker.slots.threads)
    assert worker.problem() is None


@only_sqlite
@pytest.mark.parametrize("end", [SystemExit, MemoryError])
def test_an_exit_raised_inside_a_loop_ends_no_loop(shop: Shop, end: type[BaseException]) -> None:
    """The receiver, whatever it was doing: it releases the slots it took, and continues."""
    queue = shop.queue = FakeQueue()
    claims = EndingClaims(shop.database, LEASE, wanted=1)
    ids = shop.create(2)
    queue.trouble, queue.waiting = end("from the depths"), []
    worker = shop.worker(concurrency=2, claims=claims)
    worker.start()
    until(lambda: all_idle(worker))
    claims.end = end("from the depths")
    queue.trouble, queue.waiting = None, list(ids)
    until(lambda: claims.end is None)
    until(lambda: not worker.slots.jobs)
    queue.waiting = list(ids)
    until(lambda: all(shop.status(number) == "pending_review" for number in ids))
    until(lambda: all_idle(worker))
    assert worker.problem() is None


class EndingClaims(Claims):
    """Raises `end` once."""

    end: BaseException | None = None

    def claim_next(self, *args: Any, **named: Any) -> NextClaim:
        end, self.end = self.end, None
        if end is not None:
            raise end
        return super().claim_next(*args, **named)


@only_sqlite
def test_a_slot_that_ended_is_reported(shop: Shop) -> None:
    worker = shop.worker(concurrency=2)
    worker.start()
    worker.slots._tasks.put(None)
    until(lambda: worker.broken() is not None)
    assert "packshot-slot-" in str(worker.problem())


def test_an_idle_worker_of_this_process_starts_at_once(shop: Shop) -> None:
    queue = shop.queue = DatabaseQueue(shop.database)
    queue.wait_seconds = 60.0  # it would not look again before
    ids = shop.create()
    worker = shop.worker()
    worker.start()
    until(lambda: shop.status(ids[0]) == "pending_review")  # and the worker is idle
    ids += shop.create()
    until(lambda: shop.status(ids[1]) == "pending_review")
    worker.begin_stop()
    queue.send([])  # so that the test need not wait either


def test_no_more_in_flight_than_slots(shop: Shop) -> None:
    inside, most, lock, two = [0], [0], threading.Lock(), threading.Event()

    def count(kind: str, variant: int | None) -> None:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            if inside[0] == 2:
                two.set()
        two.wait(10)  # the first one is not done before another has begun
        time.sleep(0.05)
        with lock:
            inside[0] -= 1

    shop.enhancer.plan = count
    ids = shop.create(8)
    shop.worker(concurrency=3).start()
    until(lambda: all(shop.status(number) == "pending_review" for number in ids))
    assert 2 <= most[0] <= 3


def test_a_permanent_error_fails_its_product_at_once_and_no_other(shop: Shop) -> None:
    def broken(kind: str, variant: int | None) -> None:
        if sum(shop.enhancer.asked.values()) == 1:
            raise FetchError("the picture could not be downloaded: 404 from shop.example")

    shop.enhancer.plan = broken
    ids = shop.create(3)
    shop.worker(concurrency=1).start()
    until(lambda: all(shop.status(number) != "pending" for number in ids))
    failed = [shop.catalog.product(n) for n in ids if shop.status(n) == "failed"]
    assert [product.error for product in failed] == [
        "the picture could not be downloaded: 404 from shop.example"
    ]
    assert failed[0].attempts == 1


@pytest.mark.parametrize(
    ("error", "attempts"), [(EnhancerError, MAX_ATTEMPTS), (UnusableAnswer, 2)]
)
def test_a_temporary_error_is_retried(
    shop: Shop, error: type[EnhancerError], attempts: int
) -> None:
    def never(kind: str, variant: int | None) -> None:
        raise error("no picture came")

    shop.enhancer.plan = never
    (product_id,) = shop.create()
    shop.worker().start()

    def given_up() -> bool:
        shop.hurry()
        return shop.status(product_id) == "failed"

    until(given_up)
    assert shop.enhancer.asked[product_id, 1, None] == attempts
    assert shop.catalog.product(product_id).error == "no picture came"


@pytest.mark.parametrize("error", [Unavailable("away"), RateLimited("slow", retry_after=0.2)])
def test_an_outage_costs_no_attempt(shop: Shop, error: Unavailable) -> None:
    times = [0]

    def away(kind: str, variant: int | None) -> None:
        times[0] += 1
        if times[0] <= MAX_ATTEMPTS + 2:
            raise error

    shop.enhancer.plan = away
    (product_id,) = shop.create()
    worker = shop.worker()
    worker.start()

    def done() -> bool:
        shop.hurry()
        worker.outage.end()
        return shop.status(product_id) == "pending_review"

    until(done)


@only_sqlite
def test_what_one_product_waits_for_pauses_no_other(shop: Shop) -> None:
    bad = shop.create()[0]

    def plan(kind: str, variant: int | None) -> None:
        if not healthy:
            raise PartlyUnavailable("its bucket is away", retry_after=60)

    healthy: list[int] = []
    shop.enhancer.plan = plan
    worker = shop.worker(1)
    worker.start()
    until(lambda: shop.catalog.product(bad).error is not None)
    healthy += shop.create(3)
    until(lambda: all(shop.status(number) == "pending_review" for number in healthy))
    assert worker.problem() is None
    waiting = shop.catalog.product(bad)
    assert (waiting.status, waiting.attempts, waiting.error) == ("pending", 0, "its bucket is away")
    shop.hurry()
    until(lambda: shop.status(bad) == "pending_review")


def test_an_unexpected_error_costs_an_attempt_and_no_slot(shop: Shop) -> None:
    def bug(kind: str, variant: int | None) -> None:
        if kind == "analysis":
            raise ZeroDivisionError

    shop.enhancer.plan = bug
    (product_id,) = shop.create()
    worker = shop.worker(concurrency=1)
    worker.start()

    def paused() -> bool:
        return shop.catalog.product(product_id).error_code == "unexpected"

    until(paused)
    shop.enhancer.plan = lambda kind, variant: None
    (other,) = shop.create()
    until(lambda: shop.status(other) == "pending_review")


def test_duplicate_and_stray_messages_are_harmless(shop: Shop) -> None:
    queue = FakeQueue()
    shop.queue = queue
    (product_id,) = shop.create()
    queue.waiting = [product_id] * 3 + [4711]
    shop.worker(concurrency=2).start()
    until(lambda: shop.status(product_id) == "pending_review" and not queue.waiting)
    queue.waiting = [4711]  # it was put off while the product was at work, and comes again
    until(lambda: 4711 in queue.finished)
    assert sum(shop.enhancer.asked.values()) == 2


def test_a_heartbeat_carries_long_work_past_its_lease(shop: Shop) -> None:
    shop.enhancer.plan = lambda kind, variant: time.sleep(LEASE * 0.75)
    (product_id,) = shop.create()
    for _ in range(2):
        shop.worker(concurrency=1).start()
    until(lambda: shop.status(product_id) == "pending_review")
    assert sum(shop.enhancer.asked.values()) == 2


def test_a_stop_lets_a_paid_call_finish(shop: Shop) -> None:
    shop.enhancer.plan = lambda kind, variant: time.sleep(0.3)
    (product_id,) = shop.create()
    worker = shop.worker()
    worker.start()
    until(lambda: shop.enhancer.asked[product_id, 1, 0] == 1)
    assert worker.stop(20)
    assert shop.status(product_id) == "pending_review"


def test_after_a_stop_no_paid_call_begins(shop: Shop) -> None:
    shop.enhancer.plan = lambda kind, variant: time.sleep(0.3)
    (product_id,) = shop.create()
    worker = shop.worker()
    worker.start()
    until(lambda: shop.enhancer.asked[product_id, 1, None] == 1)
    assert worker.stop(20)
    product = shop.catalog.product(product_id)
    assert (product.status, product.attempts, product.error) == ("pending", 0, None)
    assert shop.catalog.rounds(product_id)[0].analysis is not None  # what was paid is saved
    assert sum(shop.enhancer.asked.values()) == 1
    shop.worker().start()
    until(lambda: shop.status(product_id) == "pending_review")
    assert sum(shop.enhancer.asked.values()) == 2


def test_a_product_that_made_progress_is_not_given_up(shop: Shop) -> None:
    """Four claims without progress; the fifth saves its analysis, then fails for now."""

    def no_picture(kind: str, variant: int | None) -> None:
        if kind == "picture":
            raise EnhancerError("no picture came")

    shop.enhancer.plan = no_picture
    (product_id,) = shop.create()
    with shop.database.write() as session:
        session.execute(update(Product).values(attempts=MAX_ATTEMPTS - 1))
    shop.worker().start()
    until(lambda: shop.catalog.product(product_id).error == "no picture came")
    assert shop.status(product_id) == "pending"


def test_slots_that_all_hang_are_reported(shop: Shop) -> None:
    released = threading.Event()

    def hang(kind: str, variant: int | None) -> None:
        released.wait(20)

    shop.enhancer.plan = hang
    shop.create()
    worker = shop.worker(concurrency=1)
    worker.hanging.longest_product = 0.0
    worker.start()
    until(lambda: bool(shop.enhancer.asked))
    until(lambda: "as many as there are slots" in (worker.broken() or ""))
    worker.hanging.longest_product = 900.0
    released.set()
    until(lambda: not worker.slots.jobs)


def test_a_product_that_hangs_is_tried_again_and_its_slot_replaced(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """In the same process, whose only slot it was: a network folder may hang for a while."""
    released, hung = threading.Event(), threading.Event()

    def hang_once(kind: str, variant: int | None) -> None:
        if not hung.is_set():
            hung.set()
            released.wait(30)

    shop.enhancer.plan = hang_once
    (stuck,) = shop.create()
    worker = shop.worker(concurrency=1)
    worker.hanging.longest_product = 1.5
    worker.start()
    hung.wait(10)
    (other,) = shop.create()
    until(lambda: shop.status(other) == "pending_review")
    until(lambda: shop.catalog.product(stuck).error_code == "hung")
    assert "released.wait(30)" in caplog.text, "where it hangs"
    until(lambda: shop.status(stuck) == "pending_review")
    released.set()
    until(lambda: not worker.slots.abandoned)
    assert worker.problem() is None
    assert worker.stop(6)
    assert all_idle(worker)


@only_sqlite
@pytest.mark.parametrize("code", ["picture_crashed", "fetch_failed"])
def test_a_failed_attempt_is_saved_when_the_database_is_back(shop: Shop, code: str) -> None:
    def fault(kind: str, variant: int | None) -> None:
        raise FetchError("no picture came", code=code, retryable=code == "picture_crashed")

    shop.enhancer.plan = fault
    (product_id,) = shop.create()
    claims = AwayAtTheEnd(shop.database, LEASE, wanted=1)
    keep_trying = KeepTrying(sleep=lambda _: None)
    worker = shop.worker(concurrency=1, claims=claims, keep_trying=keep_trying)
    worker.start()
    until(lambda: shop.catalog.product(product_id).error_code == code)
    assert shop.catalog.product(product_id).attempts == 1


class AwayAtTheEnd(Claims):
    """The database answers again at the third try."""

    tries = 0

    def _away(self) -> None:
        self.tries += 1
        if self.tries < 3:
            raise Unavailable("away")

    def fail(self, claim: Claim, error: PackshotError) -> None:
        self._away()
        super().fail(claim, error)

    def pause(self, claim: Claim, error: PackshotError, seconds: float) -> None:
        self._away()
        super().pause(claim, error, seconds)


def test_the_drain_begins_at_the_signal_not_at_the_call_of_stop(shop: Shop) -> None:
    (product_id,) = shop.create()
    released = threading.Event()

    def hang(kind: str, variant: int | None) -> None:
        released.wait(20)

    shop.enhancer.plan = hang
    worker = shop.worker()
    worker.drain.grace = 2.5
    worker.start()
    until(lambda: bool(shop.enhancer.asked))
    worker.begin_stop()  # and nobody calls stop(): gunicorn still waits for a slow request
    until(lambda: worker.drain.left_behind == 1)
    assert shop.catalog.product(product_id).attempts == 0
    released.set()
    until(lambda: all_idle(worker))  # it is done with the database


def test_a_stop_gives_back_what_can_not_finish(shop: Shop) -> None:
    released = threading.Event()

    def hang(kind: str, variant: int | None) -> None:
        released.wait(20)

    shop.enhancer.plan = hang
    (product_id,) = shop.create()
    worker = shop.worker()
    worker.start()
    until(lambda: bool(shop.enhancer.asked))
    began = time.monotonic()
    assert not worker.stop(6)
    assert time.monotonic() - began < 6.5
    product = shop.catalog.product(product_id)
    assert (product.status, product.attempts) == ("pending", 0)
    assert isinstance(shop.worker().parts.claims.claim_next(), Claim)
    released.set()
    until(lambda: all_idle(worker))  # it is done with the database


def test_messages_that_come_after_the_stop_are_released(shop: Shop) -> None:
    queue = FakeQueue()
    shop.queue = queue
    (product_id,) = shop.create()
    worker = shop.worker()
    worker.begin_stop()
    worker._receive()
    assert queue.extended == [(product_id, 0)]


def test_the_worker_outlives_a_queue_that_is_away(shop: Shop) -> None:
    queue = FakeQueue(trouble=Unavailable("the queue is away"))
    shop.queue = queue
    (product_id,) = shop.create()
    worker = shop.worker()
    worker.start()
    until(lambda: worker.problem() == "the queue is away")
    queue.trouble = None
    queue.waiting = [product_id]
    until(lambda: shop.status(product_id) == "pending_review")


def test_a_product_that_hangs_does_not_block_one_that_runs_alone_for_ever() -> None:
    running = RunAlone(longest_wait=0.2)
    released = threading.Event()

    def hang() -> None:
        with running.enter(alone=False):
            released.wait(10)

    hanging = threading.Thread(target=hang)
    hanging.start()
    until(lambda: running.inside == 1)
    with running.enter(alone=True), running.enter(alone=False):  # nor those who come after them
        assert running.inside == 3
    released.set()
    hanging.join(5)


def test_a_product_whose_worker_died_runs_alone() -> None:
    running = RunAlone()
    order: list[str] = []
    inside = threading.Event()

    def normal(name: str, seconds: float) -> None:
        with running.enter(alone=False):
            inside.set()
            time.sleep(seconds)
            order.append(name)

    def alone() -> None:
        with running.enter(alone=True):
            assert running.inside == 1
            time.sleep(0.1)
            assert running.inside == 1
            order.append("alone")

    threads = [threading.Thread(target=normal, args=("first", 0.2))]
    threads[0].start()
    inside.wait(2)
    threads += [threading.Thread(target=alone)]
    threads[1].start()
    until(lambda: len(running.waiting_alone) == 1)
    threads += [threading.Thread(target=normal, args=("last", 0.0))]
    threads[2].start()
    for thread in threads:
        thread.join(5)
    assert order == ["first", "alone", "last"]


class Moment:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def moment() -> Moment:
    return Moment()


def test_an_outage_is_logged_once_a_minute(
    moment: Moment, caplog: pytest.LogCaptureFixture
) -> None:
    keep_trying = KeepTrying(clock=moment)
    outage, queue_outage = (Outage(moment, lambda: 0.0, keep_trying.log_waiting) for _ in range(2))
    for second in range(180):
        moment.now = 1000.0 + second
        outage.begin(Unavailable("away"))
        queue_outage.begin(Unavailable("the queue too"))
        if second % 7 == 0:
            outage.end()  # it comes and goes
    assert len(caplog.records) == 3


def test_pauses_grow_to_a_minute_and_are_forgotten(moment: Moment) -> None:
    outage = Outage(moment, lambda: 0.0, lambda error: None)
    waits = []
    for _ in range(8):
        outage.begin(Unavailable("away"))
        waits.append(outage.remaining())
        moment.now = outage.until
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    moment.now += 1000
    assert outage.reason() is None
    outage.begin(Unavailable("away"))
    assert outage.remaining() == 1


def test_a_rate_limit_pauses_the_receiver_and_is_no_error(moment: Moment) -> None:
    outage = Outage(moment, lambda: 0.0, lambda error: None)
    outage.slow_down(RateLimited("slow down", retry_after=20))
    assert outage.remaining() == 20
    assert outage.reason() is None


def test_an_idle_worker_is_well_again_when_the_queue_is_back(shop: Shop) -> None:
    queue = FakeQueue(trouble=Unavailable("the queue is away"))
    shop.queue = queue
    worker = shop.worker()
    worker.start()
    until(lambda: worker.problem() == "the queue is away")
    queue.trouble = None
    until(lambda: worker.problem() is None)


def test_a_photos_host_may_be_away_for_a_minute(shop: Shop) -> None:
    worker = shop.worker()
    fault = FetchError("no answer", retryable=True)
    assert (
        sum(worker.retries.pause_after(attempt, fault) for attempt in range(1, MAX_ATTEMPTS)) > 60
    )


class Interrupted(threading.Event):
    """An event in whose `set` a second signal arrives."""

    def __init__(self, signal: Callable[[], None]) -> None:
        super().__init__()
        self.signal = signal
        self.inside = 0

    def set(self) -> None:
        self.inside += 1
        assert self.inside == 1, "its lock is held already: this would hang for ever"
        self.signal()
        super().set()
        self.inside -= 1


def test_a_signal_inside_another_ones_handler_does_not_hang(shop: Shop) -> None:
    worker = shop.worker(stopping=Interrupted(lambda: worker.begin_stop()))
    worker.begin_stop()
    assert worker.parts.stopping.is_set()


class Waits(threading.Event):
    """Notes how long it was waited for, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout)
        return self.is_set()


def test_a_product_whose_lease_seems_over_is_not_tried_without_a_pause(shop: Shop) -> None:
    """It is worked on here, but the clock jumped: the embedded queue names it again at once."""
    [number] = shop.create()
    stopping = Waits()
    worker = shop.worker(stopping=stopping)
    claim = worker.parts.claims.claim_next()
    assert isinstance(claim, Claim)
    worker.slots.give(ProductJob(Message(number), claim))
    with shop.database.write() as session:
        session.execute(update(Product).values(lease_until=now(-1)))
    worker._receive()
    assert stopping.seconds == [FRUITLESS_PAUSE]


class Hanging(FakeQueue):
    """Its `lease` never comes back, as a socket without a time limit would not."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()

    def lease(self, limit: int) -> list[Message]:
        self.released.wait()
        return []


def test_a_receiver_that_hangs_is_reported(shop: Shop) -> None:
    queue = Hanging()
    shop.queue = queue
    moment = [0.0]
    worker = shop.worker(clock=lambda: moment[0])
    worker.start()
    until(lambda: worker.slots._idle._value == 0)
    assert worker.problem() is None
    moment[0] = LONGEST_RUN_SECONDS + LEASE
    worker.loops.run_began["heartbeat"] = moment[0]
    assert worker.problem() == "the worker's receiver has been stuck for 183 s: restart"
    queue.released.set()
    until(lambda: worker.problem() is None)
    worker.loops.run_began["heartbeat"] = 0.0
    assert "heartbeat has been stuck" in str(worker.broken())
    assert "heartbeat has been stuck" in str(watch(worker, None))  # a worker on its own ends
