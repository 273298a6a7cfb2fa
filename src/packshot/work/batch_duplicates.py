"""Duplicates of batch jobs at Google."""

from __future__ import annotations

import logging

from packshot.enhancers.contract import BatchLane
from packshot.errors import PackshotError
from packshot.work.batch_jobs import LeasedJob

log = logging.getLogger("packshot.batches")


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
