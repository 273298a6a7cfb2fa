"""A worker's background tasks: sending again, deliveries, checks, and cleaning up."""

from __future__ import annotations

import logging
import threading
from typing import Final

from packshot.products.catalog import Catalog
from packshot.products.deletions import Deletions
from packshot.webhooks.deliveries import Webhooks
from packshot.work.batching import Batching
from packshot.work.checker import Checker
from packshot.work.loops import Loops
from packshot.work.remaking import Remaker

log = logging.getLogger("packshot.worker")

RESEND_EVERY_SECONDS: Final = 30.0
DELIVER_EVERY_SECONDS: Final = 2.0
REMOVE_EVERY_SECONDS: Final = 15.0
BATCHES_EVERY_SECONDS: Final = 5.0
TIDY_EVERY_SECONDS: Final = 3600.0
CHECK_EVERY_SECONDS: Final = 2.0
REMAKE_EVERY_SECONDS: Final = 2.0
#: A lease is renewed this many times before it would end.
RENEWALS: Final = 4


class Upkeep:
    """Loops that every worker runs, so that no other process is needed for them."""

    def __init__(
        self,
        catalog: Catalog,
        deletions: Deletions,
        webhooks: Webhooks | None,
        checker: Checker | None,
        finished: threading.Event,
        batching: Batching | None = None,
        remaker: Remaker | None = None,
    ) -> None:
        self.catalog, self.deletions, self.webhooks = catalog, deletions, webhooks
        self.checker, self.batching, self.finished = checker, batching, finished
        self.remaker = remaker

    def begin(self, loops: Loops) -> None:
        loops.begin("resender", self._resend, RESEND_EVERY_SECONDS, self.finished)
        loops.begin("deletions", self.deletions.remove_due, REMOVE_EVERY_SECONDS, self.finished)
        loops.begin("tidier", self._tidy, TIDY_EVERY_SECONDS, self.finished)
        if self.batching is not None:
            loops.begin("batches", self.batching.turn, BATCHES_EVERY_SECONDS, self.finished)
        if self.webhooks is not None and self.webhooks.urls:
            loops.begin("messenger", self._deliver, DELIVER_EVERY_SECONDS, self.finished)
        if self.checker is not None:
            checker = self.checker
            loops.begin("checker", checker.run, CHECK_EVERY_SECONDS, checker.stop)
        if self.remaker is not None:
            self._begin_remaking(loops, self.remaker)

    def _begin_remaking(self, loops: Loops, remaker: Remaker) -> None:
        renew_every = remaker.takes.lease_seconds / RENEWALS
        loops.begin("remaker", remaker.run, REMAKE_EVERY_SECONDS, remaker.parts.stopping)
        loops.begin("remaker's heartbeat", remaker.renew, renew_every, self.finished)

    def end(self) -> None:
        """End the loops; an interrupted check runs again later."""
        self.finished.set()
        if self.checker is not None:
            self.checker.close()

    def _resend(self) -> None:
        sent = self.catalog.sender.resend()
        if sent:
            log.info("%d waiting products were sent to the queue again", sent)

    def _deliver(self) -> None:
        if self.webhooks is not None:
            self.webhooks.deliver(self.finished.is_set)

    def _tidy(self) -> None:
        self.catalog.forget_old()
        if self.batching is not None:
            self.batching.jobs.forget_old()
        if self.webhooks is not None:
            self.webhooks.forget_old()
