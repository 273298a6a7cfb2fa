"""What a batch job leaves at Google: the job itself, its files, and a job that was made twice."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Final

from packshot.enhancers.contract import BatchLane
from packshot.errors import NotFound, PackshotError, Unavailable
from packshot.work.batches.job_rows import DONE, BatchJobs, LeasedJob

log = logging.getLogger("packshot.batches")


#: After this many refusals, the next one ends the attempts to delete a job.
REFUSALS: Final = 5
#: Seconds for which an outage only delays a deletion.
OUTAGE_SECONDS: Final = 48 * 3600.0


def end_at_google(jobs: BatchJobs, lane: BatchLane, job: LeasedJob, pause: float) -> None:
    """Delete at Google what is left of a job, and end it; after a refusal, try again after `pause`.

    No product waits for this. Raises LostClaim, and Unavailable in an outage.
    """
    try:
        delete_leftovers(lane, job)
    except Unavailable as error:
        if job.age < OUTAGE_SECONDS:
            raise
        _log_left(job, error)
    except PackshotError as error:
        if job.looks < REFUSALS:
            jobs.put_back(job, pause, error.message)
            return
        _log_left(job, error)
    jobs.move(job, DONE)


def _log_left(job: LeasedJob, error: PackshotError) -> None:
    words = "batch job %s (%s) can't be deleted at Gemini and is left there: %s"
    log.warning(words, job.display_name, job.name, error.message)


def delete_leftovers(lane: BatchLane, job: LeasedJob) -> None:
    """Delete all that is left of a job; may be called again after it was interrupted.

    The files come first, because they contain photos. An error about one of them is raised after
    the other was deleted too.
    """
    error: PackshotError | None = None
    for file in filter(None, (job.file, job.results)):
        try:
            lane.delete(file)
        except PackshotError as this:
            error = this
    if error is not None:
        raise error
    if job.name is not None:
        _delete_job(lane, job, job.name)


def _delete_job(lane: BatchLane, job: LeasedJob, name: str) -> None:
    """Delete the job, unless it still runs, which deleting does not end, or has answers that were
    never read: a person finds those in Google's list."""
    with suppress(NotFound):
        status = None if job.results else lane.look(name)
        if status is None:
            lane.delete(name)
        elif not status.ended:
            log.warning("batch job %s still runs at Gemini: %s", job.display_name, name)
        elif status.results or status.state == "SUCCEEDED":
            words = "the answers of %s were never read: it is left at Gemini as %s"
            log.error(words, job.display_name, name)
        else:
            lane.delete(name)


def try_to_delete(lane: BatchLane, file: str | None) -> None:
    """Try to delete a file that is replaced: Google deletes it after two days anyway."""
    if file is not None:
        with suppress(PackshotError):
            lane.delete(file)


def cancel_duplicates(lane: BatchLane, job: LeasedJob) -> None:
    """Log and cancel duplicates of this job.

    It showed up late in Google's list, so it was created twice; the duplicate is paid for, and
    nobody uses its answers.
    """
    try:
        for other in lane.find(job.display_name):
            if other.name == job.name:
                continue
            words = "has ended" if other.ended else "is cancelled"
            log.error(
                "Gemini has a second job of the name %s beside %s: %s; it %s, and what it"
                " answered is paid for but not in the ledger",
                *(job.display_name, job.name, other.name, words),
            )
            if not other.ended:
                lane.cancel(other.name)
    except PackshotError as error:
        log.warning("can't look for duplicates of %s: %s", job.display_name, error.message)
