"""A product's requests in batch jobs, and their answers, stored where single calls' would be."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from packshot.database.types import now
from packshot.enhancers.contract import Analysis, BatchLane, CallRecord, JobResult
from packshot.errors import FetchError, NotFound, PackshotError, PartlyUnavailable, PictureError
from packshot.products.batch_items import waiting_item
from packshot.products.object_keys import answer_key
from packshot.storage.digests import seal
from packshot.work.batches.job_rows import BatchJobs, Item, LeasedJob
from packshot.work.claiming.claim import Claim
from packshot.work.claiming.claims import Claims
from packshot.work.making.parts import Parts
from packshot.work.making.reference_views import read_stored_photo

log = logging.getLogger("packshot.batches")


def wait_for_jobs(claims: Claims, claim: Claim, variants: Sequence[int]) -> None:
    """Make the product wait for batch jobs that make these variants. Raises LostClaim.

    The claim ends, and its attempt is not counted.
    """
    with claims.write_claimed(claim) as (session, product):
        for variant in variants:
            session.merge(waiting_item(claim.product_id, claim.round, variant))
        product.attempts = min(product.attempts, claim.attempts - 1)
        product.queued_at, product.sent_at, product.batched_at = None, None, now()
        product.error = product.error_code = None
        claims.release(session, product)


def request_of(item: Item, kind: str, lane: BatchLane, parts: Parts) -> bytes | None:
    """One request; None when its product no longer waits for it, or has no photo to send."""
    claim = item.claim
    if claim is None or item.brief is None or not item.waits:
        return None
    try:
        photo = read_stored_photo(claim, parts)
        analysis = Analysis.model_validate(claim.analysis) if kind == "picture" else None
        return lane.request(photo, item.brief, analysis, item.variant)
    except (NotFound, FetchError, PartlyUnavailable, PictureError, ValueError) as error:
        log.warning("product %d is not sent in a job: %s", claim.product_id, error)
        return None


def save_result(
    jobs: BatchJobs, job: LeasedJob, item: Item, result: JobResult, lane: BatchLane, parts: Parts
) -> list[int]:
    """Save an answer as it came, or hand its request to a single call; return the products that
    this queued. Raises LostClaim."""
    if result.answer is None:
        log.info("%s of batch job %s: %s", result.key, job.display_name, result.error)
        return jobs.hand_to_single_calls(job, [item], "batch_error", paid=False)
    try:
        return _save_answer(jobs, job, item, result.answer, lane, parts)
    except PackshotError:  # of the service, the storage or the database, or the lease is lost
        raise
    except Exception:
        log.exception("%s of batch job %s can't be saved", result.key, job.display_name)
        return jobs.hand_to_single_calls(job, [item], "unexpected", paid=True)


def _save_answer(
    jobs: BatchJobs, job: LeasedJob, item: Item, answer: str, lane: BatchLane, parts: Parts
) -> list[int]:
    record = CallRecord(outcome="ok", lane="batch")
    lane.book(record, job.model, answer)
    if job.kind == "analysis":
        return jobs.save_answer(job, item, record, answer)
    if item.claim is not None:
        jobs.renew_lease(job)
        store_answer(item, answer, parts)
    return jobs.save_answer(job, item, record, None)


def store_answer(item: Item, answer: str, parts: Parts) -> None:
    """Store a picture's answer unchanged: the next attempt makes the picture from it."""
    assert item.claim is not None
    place = (item.claim.namespace, item.product_id, item.round, item.variant, item.take)
    key = answer_key(*place)
    data = seal(key, answer.encode())
    parts.storage.put(key, data, "application/octet-stream")
