"""Measures the fidelity of pictures that are recorded already; no product waits for it."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from typing import Final

from cachetools import LRUCache

from packshot.errors import NotFound, PackshotError, PictureError, Stopping, Unavailable
from packshot.fidelity.files import Files
from packshot.fidelity.jobs import check_picture, measure_raw
from packshot.fidelity.verdicts import Check, CheckResult, not_measured
from packshot.pictures import model_file
from packshot.pictures.child_processes import Pixels
from packshot.pictures.machine_places import MachinePlaces
from packshot.products.checks import MOST_TRIES, Checks, DueCheck
from packshot.products.object_keys import changes_key, normalised_key
from packshot.storage import Storage
from packshot.work.judging import Judging

log = logging.getLogger("packshot.fidelity")

#: Below the priority of everything that makes pictures (10): the check never delays them.
NICENESS: Final = 19
DEADLINE_SECONDS: Final = 60.0
MEMORY_MB: Final = 1500  # of address space; docs/fidelity.md says how much is used
#: Photos whose side is kept, about 2 MB each: a round's pictures share one.
RAW_SIDES: Final = 8
RETRY_SECONDS: Final = 10.0
AWAY_SECONDS: Final = 60.0
#: The lease while a model is asked, which may take GEMINI_TIMEOUT twice.
JUDGE_SECONDS: Final = 900.0


def checking_pixels() -> Pixels:
    """A separate child, so that checks and pictures of products never wait for each other."""
    return Pixels(1, MEMORY_MB, DEADLINE_SECONDS, niceness=NICENESS)


def checking_places(database_url: str) -> MachinePlaces:
    """For one process per two cores of this machine: a child at work takes up to 700 MB, and each
    of gunicorn's processes would have its own. Other installations have places of their own."""
    name = hashlib.sha256(database_url.encode()).hexdigest()[:16]
    return MachinePlaces(f"packshot-checks-{name}", max(1, (os.cpu_count() or 1) // 2))


class Checker:
    """Takes one picture after another until none is due, where this process has a place."""

    def __init__(
        self,
        checks: Checks,
        storage: Storage,
        pixels: Pixels,
        files: Files,
        stop: threading.Event,
        judging: Judging | None = None,
        places: MachinePlaces | None = None,
    ) -> None:
        self.checks, self.storage, self.pixels = checks, storage, pixels
        self.files, self.stop, self.judging = files, stop, judging
        self.places = places
        self._sides: LRUCache[tuple[int, str | None], bytes] = LRUCache(RAW_SIDES)

    def run(self) -> None:
        """Check all that are due. Raises nothing but Unavailable of the database."""
        if self.places is not None and not self.places.take():
            return  # other processes of this machine check
        try:
            self._run()
        finally:
            # It is kept while the child is there, which needs memory while it is idle, too.
            if self.places is not None and not self.pixels.is_running():
                self.places.leave()

    def _run(self) -> None:
        while not self.stop.is_set():
            due = self.checks.take()
            if due is None:
                return
            self.check_one(due)

    def close(self) -> None:
        """End a running check: its picture is measured later."""
        self.pixels.close()
        if self.places is not None:
            self.places.leave()

    def check_one(self, due: DueCheck) -> None:
        """Check one picture, which stays unchanged whatever happens."""
        try:
            done = self._measure(due)
        except Unavailable as error:  # the storage is away, or this process ends
            self._put_back(due, AWAY_SECONDS, counted=False, why=error.message)
        except PictureError as error:
            self._after_unreadable(due, error)
        except PackshotError as error:
            self._save(due, CheckResult(not_measured(error.code, error.message)))
        except Exception:
            log.exception("unexpected error in the check of picture %d", due.image_id)
            self._after_unexpected(due)
        else:
            self._save(due, done)

    def _after_unreadable(self, due: DueCheck, error: PictureError) -> None:
        if error.retryable and due.tries < MOST_TRIES:  # the child died
            self._put_back(due, RETRY_SECONDS, counted=True, why=error.message)
        else:
            self._save(due, CheckResult(not_measured("unreadable", error.message)))

    def _measure(self, due: DueCheck) -> CheckResult:
        if due.tries > MOST_TRIES:  # each earlier try ended this process
            return CheckResult(not_measured("gave_up", GAVE_UP))
        if not model_file.is_present(self.files.network):
            return CheckResult(not_measured("no_network", NO_NETWORK))
        if due.object_key is None or due.namespace is None:
            return CheckResult(not_measured("gone", "the picture's object is not known"))
        try:
            data = self.storage.get(due.object_key)
            side = self._raw_side(due, normalised_key(due.namespace, due.product_id))
        except NotFound:
            return CheckResult(not_measured("gone", "the photo or the picture was removed"))
        asked = () if self.judging is None else self.judging.asked
        return self.pixels.run(check_picture, side, data, self.files, asked)

    def _raw_side(self, due: DueCheck, key: str) -> bytes:
        """Measured once for all pictures of a photo."""
        cached = (due.product_id, due.raw_sha256)
        if cached not in self._sides:
            self._sides[cached] = self.pixels.run(measure_raw, self.storage.get(key), self.files)
        return self._sides[cached]

    def _save(self, due: DueCheck, done: CheckResult) -> None:
        if done.change_map is not None and due.object_key is not None:
            try:
                self.storage.put(changes_key(due.object_key), done.change_map, "image/webp")
            except Unavailable as error:
                self._put_back(due, AWAY_SECONDS, counted=False, why=error.message)
                return
        try:
            check = self._judged(due, done)
        except Stopping as error:
            self._put_back(due, 0.0, counted=False, why=error.message)
            return
        if check is not None:
            self.checks.save(due, check, has_map=done.change_map is not None)
            _log(due, check)

    def _judged(self, due: DueCheck, done: CheckResult) -> Check | None:
        """The check with a model's vote, if one is asked; None: another process has the picture."""
        if self.judging is None or not self.judging.is_asked(done):
            return done.check
        kept = self.checks.keep(due, JUDGE_SECONDS)
        return self.judging.after(due, done) if kept else None

    def _after_unexpected(self, due: DueCheck) -> None:
        if due.tries < MOST_TRIES:
            self._put_back(due, RETRY_SECONDS, counted=True, why="an unexpected error")
        else:
            self._save(due, CheckResult(not_measured("gave_up", GAVE_UP)))

    def _put_back(self, due: DueCheck, seconds: float, *, counted: bool, why: str) -> None:
        log.info("picture %d is checked again in %.0f s: %s", due.image_id, seconds, why)
        self.checks.put_back(due, seconds, counted=counted)


GAVE_UP: Final = f"measuring failed {MOST_TRIES} times; the log says why"
NO_NETWORK: Final = "not measured: the cut-out network is missing (`packshot cutout-model`)"


def _log(due: DueCheck, check: Check) -> None:
    log.info(
        "picture %d of product %d: fidelity %s",
        due.image_id,
        due.product_id,
        check.verdict or check.reasons[0].code,
        extra={
            "product_id": due.product_id,
            "image_id": due.image_id,
            "verdict": check.verdict,
            "score": check.score,
            "measures": check.measures,
        },
    )
