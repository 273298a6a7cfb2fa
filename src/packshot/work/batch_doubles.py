"""Batch jobs that exist twice at Google, since a list showed the first one too late."""

from __future__ import annotations

import logging

from packshot.enhancers.contract import BatchLane
from packshot.errors import PackshotError
from packshot.work.batch_jobs import Job

log = logging.getLogger("packshot.batches")


def cancel_doubles(lane: BatchLane, job: Job) -> None:
    """Name jobs of the same name, which are paid for too: a list may show a job so late that it
    was created again. Nothing waits for their answers."""
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
        log.warning("doubles of %s were not looked for: %s", job.display_name, error.message)
