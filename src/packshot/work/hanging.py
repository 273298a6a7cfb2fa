"""Detects products that hang; each is tried again, and its slot is replaced."""

from __future__ import annotations

import logging
from collections.abc import Callable

from packshot.errors import ProductError
from packshot.work.slots import ProductJob, Slots

log = logging.getLogger("packshot.worker")

LONGEST_PRODUCT_SECONDS = 900.0


class Hanging:
    """Finds jobs that take longer than `longest_product` seconds, or `longest_flex` in the flex
    lane."""

    def __init__(
        self,
        slots: Slots,
        longest_product: float,
        clock: Callable[[], float],
        longest_flex: float | None = None,
    ) -> None:
        self.slots = slots
        self.longest_product = longest_product
        self.longest_flex = longest_product if longest_flex is None else longest_flex
        self.clock = clock

    def split(self) -> tuple[list[ProductJob], list[ProductJob]]:
        """The jobs in the slots that don't hang, and those that do."""
        jobs = self.slots.current()
        hanging = [job for job in jobs if self.hangs(job)]
        return [job for job in jobs if job not in hanging], hanging

    def hangs(self, job: ProductJob) -> bool:
        return self.clock() - job.began > self.longest(job)

    def longest(self, job: ProductJob) -> float:
        """Seconds that a job may take before it counts as hanging."""
        return self.longest_flex if job.claim.lane == "flex" else self.longest_product

    def problem(self) -> str | None:
        """A sentence when as many products hang as there are slots: hanging threads can't be
        ended."""
        count = len(self.slots.abandoned) + sum(map(self.hangs, self.slots.current()))
        if count < self.slots.count:
            return None
        return f"{count} products hang, as many as there are slots: restart"

    def replace(
        self, job: ProductJob, try_again: Callable[[ProductJob, ProductError], None]
    ) -> None:
        """Free the job's slot, and let another slot end its attempt with `try_again`."""
        where = self.slots.replace(job)
        if where is None:
            return
        log.error("product %d hangs here:\n%s", job.claim.product_id, where)
        error = ProductError(
            f"it took longer than {self.longest(job) / 60:.0f} minutes and was abandoned:"
            " the worker's log says where it hangs",
            code="hung",
            retryable=True,
        )
        self.slots.do(lambda: try_again(job, error))
