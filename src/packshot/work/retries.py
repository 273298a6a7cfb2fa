"""Tries a product again after an error, or gives it up."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from packshot.backoff import Chance, add_jitter, backoff
from packshot.errors import (
    FetchError,
    LostClaim,
    PartlyUnavailable,
    ProductError,
    RateLimited,
    Stopping,
    Unavailable,
    WaitsForBatch,
)
from packshot.queues.contract import Queue
from packshot.work.batches.requests import wait_for_jobs
from packshot.work.claiming.claims import Claims
from packshot.work.keep_trying import KeepTrying
from packshot.work.making.variants import is_given_up
from packshot.work.outages import Outage
from packshot.work.slots import ProductJob

log = logging.getLogger("packshot.worker")

LONGEST_MESSAGE_DELAY = 900.0
#: Pauses after a failed download are this many times longer: a photo's host may be unreachable for
#: a minute, and gets two minutes in all.
FETCH_PAUSES = 4.0


class Retries:
    """Ends failed attempts, in the database and in the queue."""

    def __init__(
        self, claims: Claims, queue: Queue, keep_trying: KeepTrying, outage: Outage, chance: Chance
    ) -> None:
        self.claims, self.queue, self.keep_trying = claims, queue, keep_trying
        self.outage, self.chance = outage, chance

    def end_attempt(self, job: ProductJob, error: BaseException) -> None:
        """End a failed attempt. Raises LostClaim, and Unavailable when the queue is unreachable."""
        match error:
            case Stopping():
                self.give_back_all([job])
            case WaitsForBatch():
                self._wait_for_batch(job, error)
            case PartlyUnavailable():  # no reason to pause: other products don't need it
                self.keep_trying.log_waiting(error)
                self._give_back(job, error, error.retry_after or 1.0)
            case RateLimited():
                self.outage.slow_down(error)
                self._give_back(job, error, error.retry_after or 1.0)
            case Unavailable():
                self.outage.begin(error)
                self._give_back(job, error, error.retry_after or self.outage.pause_seconds())
            case ProductError():
                self._retry_or_give_up(job, error)
            case _:
                self._retry_or_give_up(job, _unexpected(job, error))

    def give_back_all(self, jobs: Sequence[ProductJob]) -> None:
        """Give back what this process can't finish before it ends: the attempts do not count."""
        for job in jobs:
            with suppress(LostClaim):
                self.claims.give_back(job.claim)
        self.queue.extend([job.message for job in jobs], 0)

    def _give_back(self, job: ProductJob, error: Unavailable, seconds: float) -> None:
        """Give the attempt back, and let the product wait: it did not cause the error."""
        seconds = add_jitter(seconds, self.chance)
        # While the database is unreachable too, wait for it: otherwise an attempt is lost.
        self.keep_trying(lambda: self.claims.give_back(job.claim, seconds, error))
        self._delay(job, seconds)

    def _wait_for_batch(self, job: ProductJob, error: WaitsForBatch) -> None:
        wait = partial(wait_for_jobs, self.claims, job.claim, error.variants)
        self.keep_trying(wait)
        log.info("product %d waits for a batch job", job.claim.product_id)
        self.queue.done([job.message])

    def _retry_or_give_up(self, job: ProductJob, error: ProductError) -> None:
        claim = job.claim
        if is_given_up(claim, error):
            self.keep_trying(lambda: self.claims.fail(claim, error))
            log.warning("product %d failed: %s", claim.product_id, error.message)
            self.queue.done([job.message])
            return
        seconds = self.pause_after(claim.attempts, error)
        log.info(
            "product %d is tried again in %.0f s: %s", claim.product_id, seconds, error.message
        )
        self.keep_trying(lambda: self.claims.pause(claim, error, seconds))
        self._delay(job, seconds)

    def pause_after(self, attempts: int, error: ProductError) -> float:
        """2, 4, 8, 16 s; four times that for a photo's host, which may name a longer time."""
        seconds = backoff(attempts, self.chance, first=2.0)
        if not isinstance(error, FetchError):
            return seconds
        asked = min(error.retry_after or 0.0, LONGEST_MESSAGE_DELAY)
        return max(seconds * FETCH_PAUSES, asked)

    def _delay(self, job: ProductJob, seconds: float) -> None:
        self.queue.extend([job.message], min(seconds, LONGEST_MESSAGE_DELAY))


def _unexpected(job: ProductJob, error: BaseException) -> ProductError:
    log.error("unexpected error in product %d", job.claim.product_id, exc_info=error)
    return ProductError(
        f"an unexpected error ({type(error).__name__}): see the worker's log",
        code="unexpected",
        retryable=True,
    )
