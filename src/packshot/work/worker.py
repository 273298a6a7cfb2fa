"""The worker: takes products off the queue, holds them with a heartbeat, retries or gives up."""

from __future__ import annotations

import logging
import math
import random
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue

from packshot import faults, logs
from packshot.errors import (
    FetchError,
    LostClaim,
    PackshotError,
    ProductError,
    RateLimited,
    Stopping,
    Unavailable,
)
from packshot.pictures.allocator import give_rest_back
from packshot.products.catalog import Catalog
from packshot.queues import BATCH, Message, Queue
from packshot.webhooks.deliveries import Webhooks
from packshot.work import pipeline
from packshot.work.claims import Claim, NothingToDo, NotNow, Taken

log = logging.getLogger("packshot.worker")

GRACE_SECONDS = 25.0
#: Kept back from the grace time for giving products back to the queue.
GIVE_BACK_SECONDS = 2.0
#: One that is to run alone waits so long for another to leave, then it runs beside those who hang.
ALONE_PATIENCE_SECONDS = 240.0
#: When all that the queue offers is in hand here already, it is asked again after so long.
HELD_ALREADY_SECONDS = 0.5
LONGEST_OUTAGE_PAUSE = 60.0
LONGEST_MESSAGE_DELAY = 900.0
LONGEST_PRODUCT_SECONDS = 900.0
FETCH_PAUSES = 4.0
#: How long the receiver waits for one more idle slot: nothing, to a product that takes seconds.
GATHER_SECONDS = 0.004
#: A fault that nobody met again for this long is over: an idle worker meets no success.
REMEMBERED_SECONDS = 120.0
RESEND_EVERY_SECONDS = 30.0
DELIVER_EVERY_SECONDS = 2.0
TIDY_EVERY_SECONDS = 3600.0
#: A turn of the receiver or the heartbeat that takes longer hangs: all they wait for has a limit.
LONGEST_TURN_SECONDS = 180.0


@dataclass(eq=False)
class Held:
    """A message this process received, and what became of it."""

    message: Message
    claim: Claim | None = None
    thread: threading.Thread | None = None  # the slot that works on it
    began: float = math.inf  # when it had room to run in

    @property
    def product_id(self) -> int:
        return self.message.product_id


class Worker:
    """One per process: a receiver, `concurrency` slots, a heartbeat and a re-sender.

    `start()` returns at once. From `begin_stop()` on it receives nothing, begins no paid call, lets
    what runs finish within `grace` seconds and gives the rest back; `stop()` waits for that, and
    returns True when nothing had to be left behind.
    """

    def __init__(
        self,
        parts: pipeline.Parts,
        queue: Queue,
        catalog: Catalog,
        concurrency: int,
        webhooks: Webhooks | None = None,
        *,
        grace: float = GRACE_SECONDS,
        longest_product: float = LONGEST_PRODUCT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.parts = parts
        self.queue = queue
        self.catalog = catalog
        self.concurrency = concurrency
        self.webhooks = webhooks
        self.grace = grace
        self.longest_product = longest_product
        self.lease_seconds = parts.claims.lease_seconds
        self.clock = clock
        self.chance = chance
        self.stopping = parts.stopping
        self.finished = threading.Event()
        self.slots = threading.Semaphore(concurrency)
        self.work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.room = Room()
        self.held: dict[int, Held] = {}
        self.hanging: set[threading.Thread] = set()  # slots that others took the place of
        self.lock = threading.Lock()
        tell = parts.patience.tell
        self.outage = Outage(clock, chance, tell)  # of what products need
        self.silence = Outage(clock, chance, tell)  # of what tells of them: queue and database
        self.beats: dict[str, float] = {}  # when each loop began its present turn
        self.threads: list[threading.Thread] = []
        self.slot_threads: list[threading.Thread] = []
        self.stop_began: float | None = None
        self.left_behind = 0

    # -- life --------------------------------------------------------------------------------

    def start(self) -> None:
        log.info("Worker thread started")
        loops: list[tuple[str, Callable[[], object], float]] = [
            ("receiver", self._receive, 0.0),
            ("heartbeat", self._beat, self.lease_seconds / 3),
            ("resender", self._resend, RESEND_EVERY_SECONDS),
            ("tidier", self._tidy, TIDY_EVERY_SECONDS),
        ]
        if self.queue.is_external:
            loops.append(("hider", self._keep_hidden, self.lease_seconds / 3))
        if self.webhooks is not None and self.webhooks.urls:
            loops.append(("messenger", self._deliver, DELIVER_EVERY_SECONDS))
        for name, loop, pause in loops:
            self.beats[name] = self.clock()
            self.threads.append(_thread(name, self._forever, name, loop, pause))
        self.drainer = _thread("drainer", self._drain)
        self.slot_threads = [_thread(f"slot-{n}", self._slot) for n in range(self.concurrency)]

    def problem(self) -> str | None:
        """Why the worker can't work, in one sentence; None when it does."""
        if self.stopping.is_set():
            return "the worker is draining"
        return self.broken() or self.silence.reason() or self.outage.reason()

    def broken(self) -> str | None:
        """What only a restart mends: a thread that is dead, or hangs."""
        mine = [*self.threads, *self.slot_threads]
        dead = [thread.name for thread in mine if not thread.is_alive()]
        if dead or not self.threads:
            return f"the worker is not running ({', '.join(dead) or 'not started'}): restart"
        longest = LONGEST_TURN_SECONDS + self.lease_seconds / 3
        for name in ("receiver", "heartbeat"):
            if (seconds := self.clock() - self.beats[name]) > longest:
                return f"the worker's {name} has been stuck for {seconds:.0f} s: restart"
        with self.lock:
            hanging = len(self.hanging) + sum(map(self._hangs, self.held.values()))
        if hanging < self.concurrency:
            return None
        return f"{hanging} products hang, as many as there are slots: restart"

    def begin_stop(self) -> None:
        """Receive nothing more. Safe to call from a signal handler, and twice."""
        if self.stop_began is not None:
            return  # a second signal inside the first one's `set` would wait for itself for ever
        self.stop_began = self.clock()
        self.stopping.set()

    def stop(self, grace: float | None = None) -> bool:
        """Begin to stop, unless that was done, and wait for the end of it, which has a limit."""
        if grace is not None:
            self.grace = grace
        self.begin_stop()
        if not self.threads:
            return True
        self.drainer.join(self._grace_left())
        self.finished.set()
        for _ in self.slot_threads:
            self.work.put(None)
        for thread in (*self.threads, *self.slot_threads):
            thread.join(max(0.01, self._grace_left()))
        return self.left_behind == 0 and not self.held

    def _grace_left(self) -> float:
        """Seconds until everything has to be over."""
        began = self.clock() if self.stop_began is None else self.stop_began
        return max(0.0, began + self.grace - self.clock())

    def _drain(self) -> None:
        """Begins at the signal itself: a server may take its time before it calls `stop`."""
        self.stopping.wait()
        receiver = self.threads[0]
        while self._grace_left() > GIVE_BACK_SECONDS and (self.held or receiver.is_alive()):
            time.sleep(0.02)
        self._give_back_all()
        self.finished.set()

    def _give_back_all(self) -> None:
        """Give back what could not be finished; its attempt does not count."""
        with self.lock:
            rest = list(self.held.values())
            self.held.clear()
        self.left_behind = len(rest)
        if not rest:
            return
        try:
            self.parts.claims.give_back_all([held.claim for held in rest if held.claim is not None])
            self.queue.extend([held.message for held in rest], 0)
        except PackshotError as error:
            log.warning("%d products come back when their leases end: %s", len(rest), error)
        except BaseException:
            log.exception("%d products come back when their leases end", len(rest))

    def _forever(self, name: str, loop: Callable[[], object], pause: float) -> None:
        """Run a loop until the end; whatever it raises, it goes on.

        An order to end too, here and below (`sys.exit()` in some library): it would end this thread
        without a word.
        """
        over = self.stopping if name == "receiver" else self.finished
        while not over.is_set():
            self.beats[name] = self.clock()
            try:
                loop()
            except Unavailable as error:
                self.silence.met(error)
                over.wait(min(self.silence.pause(), pause or LONGEST_OUTAGE_PAUSE))
                continue
            except BaseException:
                log.exception("the %s met a fault that should not be; it goes on", name)
                over.wait(1.0)
            if pause:
                over.wait(pause * (0.8 + 0.2 * self.chance()))

    # -- receive -----------------------------------------------------------------------------

    def _receive(self) -> None:
        """Ask only for as many products as there are idle slots."""
        wait = max(self.outage.remaining(), self.silence.remaining())
        if wait > 0:
            self.stopping.wait(min(wait, 1.0))
            return
        idle = self._take_idle_slots()
        if not idle:
            return
        received: list[Message] = []
        try:
            received = self.queue.lease(idle)
        finally:
            for _ in range(idle - len(received)):
                self.slots.release()
        self.silence.over()
        self._start_work(received)

    def _take_idle_slots(self) -> int:
        """Slots that are idle, and those that follow on their heels: one request for all."""
        if not self.slots.acquire(timeout=0.5):
            return 0
        taken = 1
        while taken < self.concurrency:
            if not self.slots.acquire(timeout=GATHER_SECONDS if taken < BATCH else 0):
                break
            taken += 1
        return taken

    def _start_work(self, received: list[Message]) -> None:
        if self.stopping.is_set():
            self.queue.extend(received, 0)
            return
        held = [each for message in received if (each := self._hold(message))]
        for _ in range(len(received) - len(held)):  # in this very process already: doubled
            self.slots.release()
        if not held:
            if received:  # one that hangs here is offered again and again
                self.stopping.wait(HELD_ALREADY_SECONDS)
            return
        if self.queue.is_external:
            self.work.put(partial(self._share_out, held))  # the receiver asks for more meanwhile
        else:
            self._share_out(held)  # until they are claimed it would be offered them again

    def _share_out(self, held: Sequence[Held]) -> None:
        taken = self._take([each.message for each in held])
        for each in held:
            self.work.put(partial(self._handle, each, taken.get(each.product_id)))

    def _take(self, messages: Sequence[Message]) -> dict[int, Taken]:
        """The claims of all that came together, in one transaction.

        When that fails each product's own thread tries, so that one takes no other with it.
        """
        for message in messages:
            faults.point("after_receive", message.product_id)
        try:
            return self.parts.claims.take_all([each.product_id for each in messages])
        except BaseException as error:
            log.info("claims are taken one by one: %r", error)
            return {}

    def _hold(self, message: Message) -> Held | None:
        with self.lock:
            if message.product_id in self.held:
                return None
            held = self.held[message.product_id] = Held(message)
            return held

    # -- one product ---------------------------------------------------------------------------

    def _slot(self) -> None:
        """One product after the other, until none is to come or another slot took over."""
        me = threading.current_thread()
        while (job := self.work.get()) is not None:
            job()
            if me in self.hanging:
                self.hanging.discard(me)
                return

    def _handle(self, held: Held, taken: Taken | None) -> None:
        try:
            with self._whatever_happens(held.product_id):
                self._process(held, taken)
        finally:
            self._let_go(held)

    @contextmanager
    def _whatever_happens(self, product_id: int) -> Iterator[None]:
        """To one product: its slot goes on."""
        try:
            with logs.about(product_id=product_id):
                yield
        except LostClaim as error:
            log.info("%s", error.message)
        except Unavailable as error:
            self.outage.met(error)
        except BaseException:
            log.exception("product %d met a fault that should not be", product_id)

    def _let_go(self, held: Held) -> None:
        with self.lock:
            if self.held.get(held.product_id) is held:
                del self.held[held.product_id]
            if threading.current_thread() not in self.hanging:
                self.slots.release()

    def _process(self, held: Held, taken: Taken | None) -> None:
        message = held.message
        log.info("Received message for product_id: %d", message.product_id)
        if taken is None:
            taken = self.parts.claims.take(message.product_id)
        if isinstance(taken, NothingToDo):
            log.info("nothing to do for product %d: %s", message.product_id, taken.why)
            self.queue.done([message])
        elif isinstance(taken, NotNow):
            self.queue.extend([message], min(taken.seconds, LONGEST_MESSAGE_DELAY))
        else:
            faults.point("after_claim", taken.product_id)
            self._run(held, taken)

    def _run(self, held: Held, claim: Claim) -> None:
        message = held.message
        with self.lock:
            held.claim, held.thread = claim, threading.current_thread()
        try:
            with self.room.enter(alone=claim.alone):
                held.began = self.clock()
                if claim.alone:
                    self.parts.claims.begin(claim)
                pipeline.run(claim, self.parts)
        except LostClaim:
            raise
        except Stopping:
            self.parts.claims.give_back(claim)
            self.queue.extend([message], 0)
        except RateLimited as error:
            self.outage.rest(error)
            self._give_back(message, claim, error, error.retry_after or 1.0)
        except Unavailable as error:
            self.outage.met(error)
            self._give_back(message, claim, error, error.retry_after or self.outage.pause())
        except ProductError as error:
            self._retry_or_give_up(message, claim, error)
        except BaseException as error:
            log.exception("product %d met a fault that should not be", claim.product_id)
            unknown = ProductError(
                f"an unexpected fault ({type(error).__name__}): see the worker's log",
                code="unexpected",
                retryable=True,
            )
            self._retry_or_give_up(message, claim, unknown)
        else:
            self.outage.over()
            log.info("Successfully processed product %d", claim.product_id)
            faults.point("before_acknowledge", claim.product_id)
            self.queue.done([message])
            faults.point("after_acknowledge", claim.product_id)

    def _give_back(
        self, message: Message, claim: Claim, error: Unavailable, seconds: float
    ) -> None:
        """Nobody's fault: the attempt is given back, the product waits."""
        seconds *= 1 + 0.25 * self.chance()
        # With the database away too nothing else can be done: wait for it, or an attempt is lost.
        self.parts.patience.keep(lambda: self.parts.claims.give_back(claim, seconds, error))
        self.queue.extend([message], min(seconds, LONGEST_MESSAGE_DELAY))

    def _retry_or_give_up(self, message: Message, claim: Claim, error: ProductError) -> None:
        keep, claims = self.parts.patience.keep, self.parts.claims
        if pipeline.is_given_up(claim, error):
            keep(lambda: claims.fail(claim, error))
            log.warning("product %d failed: %s", claim.product_id, error.message)
            self.queue.done([message])
            return
        seconds = self._pause_after(claim.attempts, error)
        log.info("product %d again in %.0f s: %s", claim.product_id, seconds, error.message)
        keep(lambda: claims.pause(claim, error, seconds))
        self.queue.extend([message], min(seconds, LONGEST_MESSAGE_DELAY))

    def _pause_after(self, attempts: int, error: ProductError) -> float:
        """2, 4, 8, 16 s with jitter; a host that names a longer time gets it.

        A photo's host gets four times that, two minutes in all: it may be away for a minute.
        """
        seconds = 2.0**attempts * (0.75 + 0.5 * self.chance())
        seconds *= FETCH_PAUSES if isinstance(error, FetchError) else 1
        asked = error.retry_after if isinstance(error, FetchError) else None
        return max(seconds, min(asked or 0.0, LONGEST_MESSAGE_DELAY))

    # -- the side threads ------------------------------------------------------------------------

    def _beat(self) -> None:
        """Lengthen every lease; tell what was lost, and let go of what hangs."""
        held, hanging = self._by_age()
        claims = [each.claim for each in held if each.claim is not None]
        for claim in self.parts.claims.renew(claims) if claims else []:
            log.info("product %d is no longer held here", claim.product_id)
        faults.point("during_heartbeat")
        for each in hanging:
            self._replace(each)
        if not held:
            give_rest_back()

    def _keep_hidden(self) -> None:
        """Lengthen every message's visibility; beside the heartbeat, which waits for no queue."""
        held, _ = self._by_age()
        self.queue.extend([each.message for each in held], self.lease_seconds)

    def _by_age(self) -> tuple[list[Held], list[Held]]:
        """What is held here, and what hangs."""
        with self.lock:
            every = list(self.held.values())
        hanging = [each for each in every if self._hangs(each)]
        return [each for each in every if each not in hanging], hanging

    def _hangs(self, held: Held) -> bool:
        return self.clock() - held.began > self.longest_product

    def _replace(self, held: Held) -> None:
        """Another slot takes the place of one that hangs at its product, which is tried again.

        No more of them than there are slots: what hangs can't be ended, and keeps its memory.
        """
        with self.lock:
            thread, claim = held.thread, held.claim
            if self.held.get(held.product_id) is not held or thread is None or claim is None:
                return
            if len(self.hanging) >= self.concurrency:
                return
            place = self.slot_threads.index(thread)
            self.slot_threads[place] = _thread(f"slot-{place}", self._slot)
            self.hanging.add(thread)
            del self.held[held.product_id]
            self.slots.release()
        log.error("product %d hangs here:\n%s", held.product_id, _stack(thread))
        self.work.put(partial(self._try_again, held.message, claim))

    def _try_again(self, message: Message, claim: Claim) -> None:
        hung = ProductError(
            f"it took longer than {self.longest_product / 60:.0f} minutes and was let go of:"
            " the worker's log tells at what",
            code="hung",
            retryable=True,
        )
        with self._whatever_happens(claim.product_id):
            self._retry_or_give_up(message, claim, hung)

    def _resend(self) -> None:
        sent = self.catalog.sender.resend()
        if sent:
            log.info("%d waiting products were sent to the queue again", sent)

    def _deliver(self) -> None:
        if self.webhooks is not None:
            self.webhooks.deliver(self.finished.is_set)

    def _tidy(self) -> None:
        self.catalog.forget_old()
        if self.webhooks is not None:
            self.webhooks.forget_old()


def _thread(name: str, target: Callable[..., object], *arguments: object) -> threading.Thread:
    """A daemon: one that hangs must not keep the process from ending."""
    thread = threading.Thread(target=target, args=arguments, name=f"packshot-{name}", daemon=True)
    thread.start()
    return thread


def _stack(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)
    return "".join(traceback.format_stack(frame)) if frame else "it has just ended"


@dataclass
class Outage:
    """How long to keep still while a part is away: 1 to 60 s, growing, jittered."""

    clock: Callable[[], float]
    chance: Callable[[], float]
    tell: Callable[[Unavailable], None]
    in_a_row: int = 0
    until: float = 0.0
    last_met: float = float("-inf")
    last_message: str | None = None

    def met(self, error: Unavailable) -> None:
        moment = self.clock()
        if moment - self.last_met > REMEMBERED_SECONDS:
            self.in_a_row = 0
        self.last_met, self.last_message = moment, error.message
        if moment >= self.until:  # faults of one moment count once
            self.in_a_row += 1
            self.until = moment + self.pause()
        self.tell(error)

    def rest(self, error: RateLimited) -> None:
        """Not a fault: take nothing up for as long as it asks for, it would be refused too."""
        seconds = min(error.retry_after or 1.0, LONGEST_OUTAGE_PAUSE)
        self.until = max(self.until, self.clock() + seconds)
        self.tell(error)

    def pause(self) -> float:
        longest = min(LONGEST_OUTAGE_PAUSE, 2.0 ** max(0, self.in_a_row - 1))
        return longest * (0.5 + 0.5 * self.chance())

    def reason(self) -> str | None:
        lately = self.clock() - self.last_met <= REMEMBERED_SECONDS
        return self.last_message if self.in_a_row and lately else None

    def remaining(self) -> float:
        return self.until - self.clock()

    def over(self) -> None:
        if self.in_a_row:
            self.in_a_row, self.until = 0, 0.0


class Room:
    """Where products run side by side; one whose last claim died runs with nothing beside it.

    Unless those beside it hang: when nobody has left for `patience` seconds it waits no longer.
    """

    def __init__(self, patience: float = ALONE_PATIENCE_SECONDS) -> None:
        self.changed = threading.Condition()
        self.patience = patience
        self.inside = 0
        self.wanting_alone = 0
        self.alone = False

    @contextmanager
    def enter(self, alone: bool) -> Iterator[None]:
        with self.changed:
            self.wanting_alone += alone
            while not self._may_enter(alone):
                left_before = self.inside
                if not self.changed.wait(self.patience) and alone and self.inside == left_before:
                    break
            self.wanting_alone -= alone
            self.inside += 1
            self.alone = alone and self.inside == 1
            self.changed.notify_all()
        try:
            yield
        finally:
            with self.changed:
                self.inside -= 1
                self.alone = False
                self.changed.notify_all()

    def _may_enter(self, alone: bool) -> bool:
        if alone:
            return self.inside == 0
        return not self.alone and not self.wanting_alone
