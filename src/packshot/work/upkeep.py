"""A worker's background tasks: sending again, deliveries, checks, and cleaning up."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from functools import partial
from typing import Final

from packshot.products.catalog import Catalog
from packshot.products.deletions import Deletions
from packshot.webhooks.deliveries import Webhooks
from packshot.work.batches.runner import Batching
from packshot.work.checking.checker import Checker
from packshot.work.checking.remaking import Remaker
from packshot.work.far_moments import bring_back
from packshot.work.loops import Loops

log = logging.getLogger("packshot.worker")

RESEND_EVERY_SECONDS: Final = 30.0
DELIVER_EVERY_SECONDS: Final = 2.0
REMOVE_EVERY_SECONDS: Final = 15.0
BATCHES_EVERY_SECONDS: Final = 5.0
TIDY_EVERY_SECONDS: Final = 3600.0
CHECK_EVERY_SECONDS: Final = 2.0
REMAKE_EVERY_SECONDS: Final = 2.0
CLOCK_EVERY_SECONDS: Final = 15.0
#: A lease is renewed this many times before it would end.
RENEWALS: Final = 4


@dataclass(frozen=True)
class Upkeep:
    """Loops that every worker runs, so that no other process is needed for them. With FIDELITY=off
    there is no `checker`."""

    catalog: Catalog
    deletions: Deletions
    webhooks: Webhooks
    batching: Batching
    remaker: Remaker
    checker: Checker | None

    def begin(self, loops: Loops, finished: threading.Event) -> None:
        """Begin the loops, which run until `finished` is set. Pictures are made again, and checked,
        only until the worker is to stop."""
        loops.begin("resender", self._resend, RESEND_EVERY_SECONDS, finished)
        loops.begin("deletions", self.deletions.remove_due, REMOVE_EVERY_SECONDS, finished)
        loops.begin("tidier", self._tidy, TIDY_EVERY_SECONDS, finished)
        loops.begin("clock", self._bring_back, CLOCK_EVERY_SECONDS, finished)
        loops.begin("batches", self.batching.run, BATCHES_EVERY_SECONDS, finished)
        if self.webhooks.urls:
            deliver = partial(self.webhooks.deliver, finished.is_set)
            loops.begin("messenger", deliver, DELIVER_EVERY_SECONDS, finished)
        if self.checker is not None:
            loops.begin("checker", self.checker.run, CHECK_EVERY_SECONDS, self.checker.stop)
        remaker = self.remaker
        renew_every = remaker.takes.lease_seconds / RENEWALS
        loops.begin("remaker", remaker.run, REMAKE_EVERY_SECONDS, remaker.parts.stopping)
        loops.begin("remaker's heartbeat", remaker.renew, renew_every, finished)

    def end(self) -> None:
        """End a running check, which runs again later."""
        if self.checker is not None:
            self.checker.close()

    def _resend(self) -> None:
        sent = self.catalog.sender.resend()
        if sent:
            log.info("%d waiting products were sent to the queue again", sent)

    def _bring_back(self) -> None:
        lease_seconds, deadline = self.remaker.takes.lease_seconds, self.batching.jobs.deadline
        bring_back(self.catalog.database, lease_seconds, deadline)

    def _tidy(self) -> None:
        self.catalog.forget_old()
        self.batching.jobs.forget_old()
        self.webhooks.forget_old()
