"""What a batch job leaves at Google: the job itself, the file of its requests, and its answers."""

from __future__ import annotations

import logging
from contextlib import suppress

from packshot.enhancers.contract import BatchLane
from packshot.errors import NotFound, PackshotError
from packshot.work.batch_jobs import LeasedJob

log = logging.getLogger("packshot.batches")


def delete_leftovers(lane: BatchLane, job: LeasedJob) -> None:
    """Delete all that is left of a job; may be called again after it was interrupted.

    A job that still runs stays in Google's list, where a person finds it: deleting does not cancel
    it.
    """
    if job.name is not None:
        with suppress(NotFound):
            if job.results or lane.look(job.name).ended:
                lane.delete(job.name)
            else:
                log.warning("batch job %s still runs at Gemini: %s", job.display_name, job.name)
    for file in filter(None, (job.file, job.results)):
        lane.delete(file)


def try_to_delete(lane: BatchLane, file: str | None) -> None:
    """Try to delete a file that is replaced: Google deletes it after two days anyway."""
    if file is not None:
        with suppress(PackshotError):
            lane.delete(file)
