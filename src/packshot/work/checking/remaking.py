"""Makes pictures again whose fidelity check failed, in the background.

Nothing is paid for twice: an answer is stored as it arrives, as for a first picture, and a take
that was paid for but has no answer is not requested again.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from functools import partial
from typing import Final

from packshot import logs
from packshot.background import in_background
from packshot.backoff import add_jitter
from packshot.enhancers.contract import Analysis, Photo, Picture
from packshot.errors import (
    FetchError,
    LostClaim,
    NotFound,
    PackshotError,
    Stopping,
    Unavailable,
)
from packshot.products.checks import skip_checks
from packshot.products.deletions import Deletions
from packshot.products.takes import NO_BUDGET
from packshot.work.checking.take_claims import DueTake, NotMadeAgain, TakeClaims
from packshot.work.claiming.claim import ImageRecord
from packshot.work.making.parts import Parts
from packshot.work.making.reference_views import read_stored_photo
from packshot.work.making.stored_pictures import PaidAnswer
from packshot.work.making.variants import adopt_variant, finish_and_sign, store_variant

log = logging.getLogger("packshot.remaking")

#: Takes that one process makes at the same time.
AT_ONCE: Final = 4
#: How many processes may die while they make a take before it is given up.
MAX_TRIES: Final = 3
PAUSE_SECONDS: Final = 20.0
GAVE_UP: Final = f"its process ended {MAX_TRIES} times; the log says why"
OFF: Final = "FIDELITY, FIDELITY_RETRIES or the enhancer was changed"
UNEXPECTED: Final = "an unexpected error: see the worker's log"


class Remaker:
    """Makes due takes; one per process. `most` is how often a picture may be made again."""

    def __init__(self, takes: TakeClaims, parts: Parts, most: int) -> None:
        self.takes, self.parts, self.most = takes, parts, most
        self.deletions = Deletions(takes.database, parts.storage)
        self._making: set[DueTake] = set()
        self._lock = threading.Lock()

    @property
    def is_busy(self) -> bool:
        """Whether this process is making a take: a paid call may be in flight."""
        with self._lock:
            return bool(self._making)

    def run(self) -> None:
        """Begin due takes, up to AT_ONCE at the same time. Raises Unavailable."""
        if not self.parts.with_checks:
            skip_checks(self.takes.database)
        while not self.parts.stopping.is_set() and len(self._making) < AT_ONCE:
            due = self.takes.claim_next()
            if due is None:
                return
            with self._lock:
                self._making.add(due)
            in_background(partial(self._make_one, due), f"take-{due.claim.product_id}")

    def renew(self) -> None:
        """Lengthen the leases of the takes that are being made. Raises Unavailable."""
        with self._lock:
            making = list(self._making)
        self.takes.renew(making)

    def _make_one(self, due: DueTake) -> None:
        try:
            with logs.about(product_id=due.claim.product_id):
                self.make(due)
        finally:
            with self._lock:
                self._making.discard(due)

    def make(self, due: DueTake) -> None:
        """Make one take. The picture itself does not change before the take is checked."""
        try:
            self._record(due)
        except LostClaim as error:
            log.info("%s", error.message)
            self._delete_late_objects(due)
        except Stopping:
            self._after(due, lambda: self.takes.put_back(due, 0.0))
        except (Unavailable, FetchError) as error:  # the latter: only one object can't be read
            self._wait_or_end(due, error)
        except PackshotError as error:
            self._end(due, error)
        except Exception:
            log.exception("unexpected error in %s", due)
            self._end(due, NotMadeAgain(UNEXPECTED, code="unexpected"))

    def _record(self, due: DueTake) -> None:
        self._check_is_wanted(due)
        answer = PaidAnswer(due.answer_key, partial(self.takes.check, due), self.parts)
        record = self._make_picture(due, answer)
        answer.drop()
        self.parts.keep_trying(lambda: self.takes.record(due, record))
        log.info("%s is made, and is checked next", due)

    def _check_is_wanted(self, due: DueTake) -> None:
        if due.number > self.most + 1 or due.claim.analysed_by != self.parts.enhancer.name:
            raise NotMadeAgain(OFF, code="off")
        if due.tries > MAX_TRIES:
            raise NotMadeAgain(GAVE_UP, code="gave_up")

    def _make_picture(self, due: DueTake, answer: PaidAnswer) -> ImageRecord:
        analysis = Analysis.model_validate(due.claim.analysis)
        if self.parts.storage.exists(due.key):
            return adopt_variant(due.claim, due.key, due.variant, analysis, answer, self.parts)
        try:
            photo = read_stored_photo(due.claim, self.parts)
        except NotFound:
            raise NotMadeAgain("its photo was removed", code="gone") from None
        if not answer.is_kept:
            self._check_before_paying(due)
        picture = self._picture(due, photo, analysis, answer)
        finished = finish_and_sign(due.claim, photo, analysis, picture, self.parts)
        announce = partial(self.takes.announce, due)
        return store_variant(due.variant, due.key, finished, announce, self.parts)

    def _check_before_paying(self, due: DueTake) -> None:
        if self.parts.stopping.is_set():
            raise Stopping()
        self.takes.check_before_paying(due)

    def _picture(
        self, due: DueTake, photo: Photo, analysis: Analysis, answer: PaidAnswer
    ) -> Picture:
        """Raises NotMadeAgain for an error that leaves open whether the picture was paid for."""
        try:
            return self.parts.enhancer.generate(photo, analysis, due.brief, due.variant, answer)
        except Stopping:
            raise
        except Unavailable as error:
            if self.takes.is_paid_for(due) and not answer.is_in_store:
                raise NotMadeAgain(error.message, code=error.code) from error
            raise

    # -- takes that could not be made --------------------------------------------------------

    def _wait_or_end(self, due: DueTake, error: Unavailable | FetchError) -> None:
        if error.code == "budget_reached":
            self._end(due, NotMadeAgain(NO_BUDGET, code="budget"))
        elif self._is_hopeless(due, error):
            self._end(due, error)
        else:
            seconds = add_jitter(max(PAUSE_SECONDS, error.retry_after or 0.0), random.random)
            log.info("%s is tried again in %.0f s: %s", due, seconds, error.message)
            self._after(due, lambda: self.takes.put_back(due, seconds))

    def _is_hopeless(self, due: DueTake, error: Unavailable | FetchError) -> bool:
        """What is paid for waits for the end of an outage, but not for ever for one object."""
        if isinstance(error, FetchError):
            return due.is_late or not error.retryable
        return due.is_late and not self.takes.is_paid_for(due)

    def _end(self, due: DueTake, error: PackshotError) -> None:
        log.warning("%s is not made: %s", due, error.message)

        def end() -> None:
            self.takes.check(due)  # another process may need the answer
            self.parts.storage.delete([due.answer_key])
            self.takes.end(due, error)

        self._after(due, end)

    def _after(self, due: DueTake, save: Callable[[], None]) -> None:
        try:
            self.parts.keep_trying(save)
        except LostClaim:
            self._delete_late_objects(due)
        except Unavailable as error:  # the lease will end, and another process continues
            log.warning("%s: %s", due, error.message)

    def _delete_late_objects(self, due: DueTake) -> None:
        """If the product was deleted meanwhile, remove the objects stored since then."""
        try:
            self.deletions.delete_late_objects(*due.claim.key_parts)
        except Unavailable as error:  # they are removed later
            log.warning("%s: %s", due, error.message)
