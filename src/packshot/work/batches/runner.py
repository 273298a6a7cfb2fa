"""Runs batch jobs: gathers requests, sends them, polls, and saves the answers before anything else.

Any process may run it; each job is leased by one process at a time. When the lease of a killed
process ends, another continues its job from the state that was written before the step.
"""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from sqlalchemy.exc import DBAPIError

from packshot.backoff import backoff, no_jitter
from packshot.database.types import now
from packshot.enhancers.contract import BatchLane, JobStatus
from packshot.errors import (
    EnhancerError,
    LostClaim,
    NotFound,
    PackshotError,
    Unanswered,
    Unavailable,
)
from packshot.work.batches.job_rows import (
    ASIDE,
    CANCELLING,
    COLLECTING,
    CREATING,
    DELETING,
    DONE,
    GATHERED,
    RUNNING,
    SALVAGING,
    UPLOADED,
    BatchJobs,
    LeasedJob,
)
from packshot.work.batches.leftovers import cancel_duplicates, end_at_google, try_to_delete
from packshot.work.batches.requests import request_of, save_result
from packshot.work.making.parts import Parts

log = logging.getLogger("packshot.batches")

#: Seconds for which requests are gathered before a job that is not full begins.
GATHER_SECONDS: Final = 60.0
#: Seconds between two checks of a job: at first, and at most.
FIRST_LOOK: Final = 10.0
LONGEST_LOOK: Final = 600.0
#: After this many seconds a job that may have been created, but is in no list, counts as not
#: created. Lists are more than a minute apart: another process's request has ended in between.
SURELY_NOT_CREATED: Final = 900.0
FEWEST_LISTS: Final = 4
#: How many times Packshot checks before a job or answers count as lost at Google.
LOOKS: Final = 5
#: How many seconds Google keeps answers for (ai.google.dev/gemini-api/docs/batch-api).
KEPT_SECONDS: Final = 48 * 3600.0

Send = Callable[[Sequence[int]], object]


class Batching:
    """One per process; `run` does what is due and returns."""

    def __init__(
        self,
        jobs: BatchJobs,
        lane: BatchLane | None,
        parts: Parts,
        send: Send,
        *,
        gather_seconds: float = GATHER_SECONDS,
        first_look: float = FIRST_LOOK,
        surely_not_created: float = SURELY_NOT_CREATED,
    ) -> None:
        """Without a `lane`, products stop waiting for jobs. `send` notifies the queue."""
        self.jobs, self.parts, self.send = jobs, parts, send
        self._lane = lane
        self.gather_seconds, self.first_look = gather_seconds, first_look
        self.surely_not_created = surely_not_created
        self.stopping: threading.Event = parts.stopping

    def run(self) -> None:
        """Make jobs of waiting requests, and take each job that is due as far as it goes."""
        if self._lane is None:
            self._notify(self.jobs.queue_forgotten(wait_at_most=0.0))
            self._end_late_jobs()
            return
        over_budget = [self._gather(kind) for kind in ("analysis", "picture")]
        wait_at_most = None if any(over_budget) else self.jobs.deadline
        self._notify(self.jobs.queue_forgotten(wait_at_most))
        for job in self._due():
            self._work_on(job)

    def _due(self) -> Iterator[LeasedJob]:
        """Yield each job that is due, once."""
        seen: list[int] = []
        while not self.stopping.is_set() and (job := self.jobs.lease_next(seen)) is not None:
            seen.append(job.id)
            yield job

    @property
    def lane(self) -> BatchLane:
        assert self._lane is not None
        return self._lane

    def _end_late_jobs(self) -> None:
        """Give up late jobs: without a lane, their answers can't be requested."""
        for job in self._due():
            if job.is_late:
                items = self.jobs.items(job)
                self._notify(self.jobs.hand_to_single_calls(job, items, "batch_late", paid=True))
                self.jobs.move(job, DONE)
            else:
                self.jobs.put_back(job, LONGEST_LOOK)

    def _gather(self, kind: str) -> bool:
        """Make jobs of this kind; True if the daily budget blocks these requests."""
        try:
            while not self.stopping.is_set():
                if not self.jobs.gather(kind, self.lane, self.gather_seconds):
                    break
        except Unavailable as error:
            if error.code != "budget_reached":
                raise
            self.parts.keep_trying.log_waiting(error)
            self.jobs.end_takes()
            return True
        return False

    def _work_on(self, job: LeasedJob) -> None:
        """Take the job from step to step until it has to wait."""
        try:
            at: LeasedJob | None = job
            while at is not None and not self.stopping.is_set():
                job = at
                at = self._step(at)
            if at is not None:
                self.jobs.put_back(at, 0.0, counted=False)
        except LostClaim as error:
            log.info("%s", error.message)
        except PackshotError as error:
            # The service or the storage failed; if the database did, this raises too.
            log.warning("batch job %s: %s", job.display_name, error.message)
            with suppress(LostClaim):
                if isinstance(error, Unavailable):  # it says nothing about the job: not a look
                    pause = min(LONGEST_LOOK, max(self.first_look, job.age))  # doubles that time
                    pause = max(error.retry_after or 0.0, pause)
                    self.jobs.put_back(job, pause, error.message, counted=False)
                else:
                    self._wait(job, error.message)

    def _step(self, job: LeasedJob) -> LeasedJob | None:
        """Take one step; return None when the job has to wait, or is over."""
        if job.is_late and job.state in {GATHERED, UPLOADED}:
            return self._give_up(job, "batch_late", paid=False)
        saving = job.state in {COLLECTING, SALVAGING}
        if job.state != DELETING and (job.age > KEPT_SECONDS if saving else job.is_overdue):
            log.error("batch job %s is given up: it was %s", job.display_name, job.state)
            return self._give_up(job, "batch_late", paid=True)
        return STEPS[job.state](self, job)

    def _wait(self, job: LeasedJob, error: str | None = None) -> LeasedJob | None:
        self.jobs.put_back(job, self._pause(job), error)
        return None

    def _pause(self, job: LeasedJob) -> float:
        return backoff(job.looks + 1, no_jitter, first=self.first_look, longest=LONGEST_LOOK)

    # -- to the service --------------------------------------------------------------------------

    def _upload(self, job: LeasedJob) -> LeasedJob | None:
        renew, count = partial(self.jobs.renew_lease, job), 0
        with tempfile.TemporaryFile() as file:
            for item in self.jobs.items(job):
                line = request_of(item, job.kind, self.lane, self.parts)
                renew()
                if line is None:
                    queued = self.jobs.hand_to_single_calls(job, [item], "not_sent", paid=False)
                    self._notify(queued)
                else:
                    count += file.write(line) > 0
            if not count:
                return self._give_up(job, "not_sent", paid=False)
            name = self.lane.upload(job.display_name, file, renew)
        return self.jobs.move(job, UPLOADED, file=name)

    def _create(self, job: LeasedJob) -> LeasedJob | None:
        """Create the job. The state comes first: after a crash, another process looks for it."""
        items = self.jobs.items(job)
        if not items or not all(item.waits for item in items):
            # Products were cancelled since the upload: make the file again without them.
            again = self.jobs.move(job, GATHERED, file=None)
            try_to_delete(self.lane, job.file)
            return again
        creating = self.jobs.move(job, CREATING)
        try:
            status = self.lane.create(job.model, job.display_name, job.file or "")
        except Unanswered as error:
            log.warning("batch job %s: %s Looking for it.", job.display_name, error.message)
            return self._wait(creating, error.message)
        except (EnhancerError, NotFound) as error:
            return self._handle_refusal(creating, error)
        except Unavailable as error:  # it was refused before it began
            if error.code == "unknown_model":
                return self._handle_refusal(creating, error)
            self.jobs.move(creating, UPLOADED, changed_at=now(-job.age))  # its pauses grow
            raise
        return self._note_created(creating, status)

    def _note_created(self, job: LeasedJob, status: JobStatus) -> LeasedJob | None:
        log.info("batch job %s is %s at Gemini", job.display_name, status.name)
        return self._wait(self.jobs.move(job, RUNNING, name=status.name))

    def _handle_refusal(self, job: LeasedJob, error: PackshotError) -> LeasedJob | None:
        words = "batch job %s is refused; its requests are sent one by one at the full price: %s"
        log.warning(words, job.display_name, error.message)
        return self._give_up(job, error.code, paid=False)

    def _find(self, job: LeasedJob) -> LeasedJob | None:
        """Look by name for a job that may have been created; never make a second one."""
        found = self.lane.find(job.display_name)
        if len(found) == 1:
            return self._note_created(job, found[0])
        if len(found) > 1:
            return self._set_aside(job, found)
        if job.is_late:
            return self._give_up(job, "batch_late", paid=job.state == ASIDE)
        sure = job.age >= self.surely_not_created and job.looks >= FEWEST_LISTS
        if sure and job.state == CREATING:
            return self.jobs.move(job, UPLOADED)
        return self._wait(job, f"batch job {job.display_name} is in no list of Gemini's")

    def _set_aside(self, job: LeasedJob, found: Sequence[JobStatus]) -> LeasedJob | None:
        names = ", ".join(each.name for each in found)
        words = f"Gemini has {len(found)} jobs of the name {job.display_name}: {names}"
        if job.is_late:
            return self._give_up(job, "batch_ambiguous", paid=True)
        if job.state != ASIDE:
            log.error("%s. Delete all but one: it is set aside until then.", words)
            job = self.jobs.move(job, ASIDE)
        return self._wait(job, words)

    # -- from the service ------------------------------------------------------------------------

    def _poll(self, job: LeasedJob) -> LeasedJob | None:
        try:
            status = self.lane.look(job.name or "")
        except NotFound as error:
            if job.looks < LOOKS or self.lane.find(job.display_name):
                return self._wait(job, error.message)
            log.error("Gemini has no job %s any more (%s)", job.name, job.display_name)
            return self._give_up(job, "batch_lost", paid=True)
        if status.results and status.ended:
            state = COLLECTING if status.state == "SUCCEEDED" else SALVAGING
            ended = self.jobs.move(job, state, results=status.results)
            cancel_duplicates(self.lane, job)
            return ended
        if status.state == "SUCCEEDED" and (job.state != COLLECTING or job.looks < LOOKS):
            # The state changes first: looks at a running job don't count.
            ended = job if job.state == COLLECTING else self.jobs.move(job, COLLECTING)
            return self._wait(ended, "it has ended, but does not name its answers yet")
        if status.ended:
            words = status.error or "it names neither answers nor a reason"
            log.warning("batch job %s ended as %s: %s", job.display_name, status.state, words)
            paid = status.state == "SUCCEEDED"
            cancel_duplicates(self.lane, job)  # before its requests are sent again
            return self._give_up(job, f"batch_{status.state.lower()}", paid=paid)
        if job.is_late and job.state == RUNNING:
            log.warning("batch job %s is past its deadline: it is cancelled", job.display_name)
            self.lane.cancel(status.name)
            return self.jobs.move(job, CANCELLING)
        return self._wait(job)

    def _collect(self, job: LeasedJob) -> LeasedJob | None:
        """Save each answer as it came; a product's next attempt makes the picture from it."""
        if job.results is None:
            return self._poll(job)
        items = {item.key: item for item in self.jobs.items(job)}
        try:
            for result in self.lane.results(job.results):
                item = items.pop(result.key, None)
                if item is None:  # it arrived twice, or was saved before
                    self.jobs.renew_lease(job)
                else:
                    self._notify(save_result(self.jobs, job, item, result, self.lane, self.parts))
        except NotFound as error:
            if job.looks < LOOKS:
                return self._wait(job, error.message)
            log.error("the answers of batch job %s are no longer kept", job.display_name)
            return self._give_up(job, "batch_expired", paid=True)
        if items:
            if job.state == COLLECTING and job.looks < LOOKS:  # the download may be cut short
                return self._wait(job, f"{len(items)} of its answers are missing")
            log.warning("batch job %s has no answer to %d requests", job.display_name, len(items))
        return self._give_up(job, "batch_missing", paid=job.state == COLLECTING)

    def _give_up(self, job: LeasedJob, outcome: str, *, paid: bool) -> LeasedJob | None:
        """Hand the job's unanswered requests to single calls; nothing more of it is needed then."""
        self._notify(self.jobs.hand_to_single_calls(job, self.jobs.items(job), outcome, paid=paid))
        return self.jobs.move(job, DELETING)

    def _delete(self, job: LeasedJob) -> LeasedJob | None:
        end_at_google(self.jobs, self.lane, job, self._pause(job))
        return None

    def _notify(self, product_ids: Sequence[int]) -> None:
        if product_ids:
            self.send(product_ids)


#: What is done with a job in each of its states.
STEPS: Final[dict[str, Callable[[Batching, LeasedJob], LeasedJob | None]]] = {
    GATHERED: Batching._upload,
    UPLOADED: Batching._create,
    CREATING: Batching._find,
    RUNNING: Batching._poll,
    CANCELLING: Batching._poll,
    COLLECTING: Batching._collect,
    SALVAGING: Batching._collect,
    ASIDE: Batching._find,
    DELETING: Batching._delete,
}


def notes_of(jobs: BatchJobs) -> list[str]:
    """One sentence for each job that a person must look at; none while the database is unreachable
    or has no tables, which the health report says itself."""
    try:
        return jobs.problems()
    except (PackshotError, DBAPIError):
        return []
