"""The worker: claims products, works on them in its slots, and keeps their claims alive."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Final

from packshot import logs
from packshot.background import start_thread
from packshot.backoff import Chance
from packshot.errors import LostClaim, PackshotError, Unavailable
from packshot.products.deletions import Deletions
from packshot.queues.contract import Message, Queue
from packshot.work import pipeline
from packshot.work.claiming.turns import Turns
from packshot.work.claiming.waiting import NothingToDo, NotNow
from packshot.work.draining import Drain
from packshot.work.hanging import LONGEST_PRODUCT_SECONDS, Hanging
from packshot.work.loops import Loops
from packshot.work.making.parts import Parts
from packshot.work.outages import Outage
from packshot.work.retries import LONGEST_MESSAGE_DELAY, Retries
from packshot.work.run_alone import RunAlone
from packshot.work.slots import ProductJob, Slots
from packshot.work.upkeep import RENEWALS, Upkeep

log = logging.getLogger("packshot.worker")

GRACE_SECONDS: Final = 25.0
#: Seconds after which the receiver or the heartbeat counts as hanging: whatever it waits for has
#: a shorter limit.
LONGEST_RUN_SECONDS: Final = 180.0
#: Seconds until the queue is asked again after none of its messages led to a claim.
FRUITLESS_PAUSE: Final = 0.2


class Worker:
    """One per process: a receiver, `concurrency` slots, a heartbeat and the loops of `upkeep`
    (None: it only makes pictures).

    `start()` returns at once. After `begin_stop()` it receives nothing, begins no paid call, lets
    running products finish within `grace` seconds and gives the rest back; `stop()` waits for
    that, and returns True when nothing had to be given back.
    """

    def __init__(
        self,
        parts: Parts,
        queue: Queue,
        concurrency: int,
        upkeep: Upkeep | None = None,
        *,
        grace: float = GRACE_SECONDS,
        longest_product: float = LONGEST_PRODUCT_SECONDS,
        longest_flex: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        chance: Chance = random.random,
    ) -> None:
        self.parts, self.queue, self.upkeep = parts, queue, upkeep
        self.deletions = Deletions(parts.claims.database, parts.storage)
        self.lease_seconds = parts.claims.lease_seconds
        self.clock, log_waiting = clock, parts.keep_trying.log_waiting
        self.outage = Outage(clock, chance, log_waiting)  # of the parts that products need
        self.queue_outage = Outage(clock, chance, log_waiting)  # of the queue and the database
        self.slots = Slots(concurrency, self._work_on)
        self.hanging = Hanging(self.slots, longest_product, clock, longest_flex)
        self.retries = Retries(parts.claims, queue, parts.keep_trying, self.outage, chance)
        remaker = upkeep.remaker if upkeep is not None else None
        self.drain = Drain(self.slots, self.retries, parts.stopping, grace, clock, remaker)
        self.run_alone = RunAlone()
        self.turns = Turns(clock)
        self.loops = Loops(self.queue_outage, clock, chance)

    def start(self) -> None:
        log.info("Worker thread started")
        self.slots.start()
        finished, renew_every = self.drain.finished, self.lease_seconds / RENEWALS
        self.loops.begin("heartbeat", self._renew_claims, renew_every, finished)
        if self.queue.is_external:  # separate from the heartbeat, which must not wait for a queue
            self.loops.begin("hider", self._renew_messages, renew_every, finished)
        if self.upkeep is not None:
            self.upkeep.begin(self.loops, finished)
        self.loops.begin("receiver", self._receive, 0.0, self.parts.stopping)
        receiver = self.loops.threads["receiver"]
        self.drainer = start_thread("drainer", lambda: self.drain.run(receiver))

    @property
    def is_stopping(self) -> bool:
        return self.drain.began_at is not None

    def problem(self) -> str | None:
        """Why the worker can't work, in one sentence; None when it does."""
        if self.parts.stopping.is_set():
            return "the worker is draining"
        return self.broken() or self.queue_outage.reason() or self.outage.reason()

    def broken(self) -> str | None:
        """The problem that only a restart fixes: a thread that ended, or hangs."""
        threads = self._threads()
        dead = [thread.name for thread in threads if not thread.is_alive()]
        if dead or not threads:
            return f"the worker is not running ({', '.join(dead) or 'not started'}): restart"
        longest = LONGEST_RUN_SECONDS + self.lease_seconds / RENEWALS
        stuck = (self.loops.stuck(name, longest) for name in ("receiver", "heartbeat"))
        return next(filter(None, stuck), None) or self.hanging.problem()

    def _threads(self) -> list[threading.Thread]:
        return [*self.loops.threads.values(), *self.slots.threads]

    def begin_stop(self) -> None:
        """Receive nothing more. Safe to call from a signal handler, and more than once."""
        self.drain.begin()

    def stop(self, grace: float | None = None) -> bool:
        """Begin to stop, unless it did already, and wait for the end within the grace time."""
        if grace is not None:
            self.drain.grace = grace
        self.begin_stop()
        if not self._threads():
            return True
        self.drainer.join(self.drain.seconds_left())
        self.drain.finished.set()
        if self.upkeep is not None:
            self.upkeep.end()
        self.slots.end()
        for thread in self._threads():
            thread.join(max(0.01, self.drain.seconds_left()))
        return self.drain.left_behind == 0 and not self.slots.jobs

    def _receive(self) -> None:
        """Ask for as many products as there are idle slots."""
        wait = max(self.outage.remaining(), self.queue_outage.remaining())
        if wait > 0:
            self.parts.stopping.wait(min(wait, 1.0))
            return
        taken = idle = self.slots.take_idle(timeout=0.5)
        if not idle:
            return
        try:
            messages = self.queue.lease(idle)
            self.queue_outage.end()
            for message in messages:
                idle -= self._begin_safely(message)
            if messages and idle == taken:  # the embedded queue may name the same ones at once
                self.parts.stopping.wait(FRUITLESS_PAUSE)
        finally:
            self.slots.release(idle)

    def _begin_safely(self, message: Message) -> bool:
        """Claim products; an error about one must not keep others from being claimed."""
        try:
            return self._begin(message)
        except Unavailable:
            raise
        except BaseException:
            log.exception("unexpected error: no product was claimed")
            return False

    def _begin(self, message: Message) -> bool:
        """Claim the next product and give it to a slot; False when none is due.

        A message says that a product waits; the database says which one is next. The message is
        deleted when that product ends, even if it names another one.
        """
        if self.parts.stopping.is_set():
            self.queue.extend([message], 0)
            return False
        match self.parts.claims.claim_next(self.turns.order, message.product_id, self.slots.busy()):
            case NothingToDo():
                self.queue.done([message])
            case NotNow(seconds):
                self.queue.extend([message], min(seconds, LONGEST_MESSAGE_DELAY))
            case claim:
                log.info("Received message for product_id: %d", claim.product_id)
                self.turns.begin(claim)
                self.slots.give(ProductJob(message, claim))
                return True
        return False

    def _work_on(self, job: ProductJob) -> None:
        with logs.about(product_id=job.claim.product_id):
            self._guard(job, lambda: self._run_and_clean_up(job))
        self.turns.end(job.claim)

    def _run_and_clean_up(self, job: ProductJob) -> None:
        """Run a job; if the product was deleted meanwhile, remove the objects stored since then."""
        try:
            self._run(job)
        except LostClaim:
            self.deletions.delete_late_objects(*job.claim.key_parts)
            raise

    def _guard(self, job: ProductJob, work: Callable[[], None]) -> None:
        """Run `work`; whatever happens to one product, its slot continues."""
        try:
            work()
        except LostClaim as error:
            log.info("%s", error.message)
        except Unavailable as error:
            self.outage.begin(error)
        except BaseException:
            log.exception("unexpected error in product %d", job.claim.product_id)

    def _run(self, job: ProductJob) -> None:
        try:
            with self.run_alone.enter(alone=job.claim.alone):
                job.began = self.clock()
                if job.claim.alone:
                    self.parts.claims.begin(job.claim)
                pipeline.run(job.claim, self.parts)
        except LostClaim:
            raise
        except BaseException as error:
            self.retries.end_attempt(job, error)
        else:
            self.outage.end()
            log.info("Successfully processed product %d", job.claim.product_id)
            self.queue.done([job.message])

    def _renew_claims(self) -> None:
        """Renew every lease, except those of hanging products, which are tried again."""
        working, hanging = self.hanging.split()
        for claim in self.parts.claims.renew([job.claim for job in working]):
            log.info("product %d is no longer claimed here", claim.product_id)
        for job in hanging:
            self.hanging.replace(job, self._retry_hung)

    def _retry_hung(self, job: ProductJob, error: PackshotError) -> None:
        self.turns.end(job.claim)
        self._guard(job, lambda: self.retries.end_attempt(job, error))

    def _renew_messages(self) -> None:
        """Keep the messages of running products hidden."""
        working, _ = self.hanging.split()
        self.queue.extend([job.message for job in working], self.lease_seconds)
