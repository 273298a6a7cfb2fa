"""Checks the fidelity of recorded pictures, in the background."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from typing import Final

from cachetools import LRUCache

from packshot.errors import NotFound, PackshotError, PictureError, Stopping, Unavailable
from packshot.fidelity.jobs import FidelityFiles, check_picture, measure_raw
from packshot.fidelity.verdicts import Check, CheckResult, not_measured
from packshot.pictures import model_file
from packshot.pictures.child_processes import Pixels
from packshot.pictures.machine_limit import MachineLimit
from packshot.products.checks import MAX_TRIES, Checks, DueCheck
from packshot.products.object_keys import changes_key, normalised_key
from packshot.storage import Storage
from packshot.work.checking.judging import Judging

log = logging.getLogger("packshot.fidelity")

#: A lower priority than the processes that make pictures (10), so that checks don't delay them.
NICENESS: Final = 19
MEMORY_MB: Final = 1500  # of address space; docs/fidelity.md says how much is used
#: Measured photos that are cached, about 2 MB each, because a round's pictures share one.
RAW_SIDES: Final = 8
RETRY_SECONDS: Final = 10.0
AWAY_SECONDS: Final = 60.0
#: The lease while a model is asked, which may take GEMINI_TIMEOUT twice.
JUDGE_SECONDS: Final = 900.0

GAVE_UP: Final = f"measuring failed {MAX_TRIES} times; the log says why"
NO_NETWORK: Final = "not measured: the cut-out network is missing (`packshot cutout-model`)"


def checking_pixels() -> Pixels:
    """A separate pixel process, so that checks and the making of pictures never wait for each
    other."""
    return Pixels(1, MEMORY_MB, niceness=NICENESS)


def limit_per_machine(database_url: str) -> MachineLimit:
    """Let one process per two cores of this machine check at the same time: a check takes up to
    700 MB, and every process of gunicorn checks. Each installation has its own limit."""
    name = hashlib.sha256(database_url.encode()).hexdigest()[:16]
    return MachineLimit(f"packshot-checks-{name}", max(1, (os.cpu_count() or 1) // 2))


class Checker:
    """Checks one picture after another until none is due, if the machine's limit allows it."""

    def __init__(
        self,
        checks: Checks,
        storage: Storage,
        pixels: Pixels,
        files: FidelityFiles,
        stop: threading.Event,
        judging: Judging | None = None,
        machine_limit: MachineLimit | None = None,
    ) -> None:
        self.checks, self.storage, self.pixels = checks, storage, pixels
        self.files, self.stop, self.judging = files, stop, judging
        self.machine_limit = machine_limit
        self._sides: LRUCache[tuple[int, str | None], bytes] = LRUCache(RAW_SIDES)

    def run(self) -> None:
        """Check all pictures that are due. Raises Unavailable when the database is unreachable."""
        if self.machine_limit is not None and not self.machine_limit.acquire():
            return  # enough other processes of this machine are checking
        try:
            self._run()
        finally:
            # Only once the pixel process has ended: it needs memory even while it is idle.
            if self.machine_limit is not None and not self.pixels.is_running():
                self.machine_limit.release()

    def _run(self) -> None:
        while not self.stop.is_set():
            due = self.checks.claim_next()
            if due is None:
                return
            self.check_one(due)

    def close(self) -> None:
        """End a running check; its picture is checked later."""
        self.pixels.close()
        if self.machine_limit is not None:
            self.machine_limit.release()

    def check_one(self, due: DueCheck) -> None:
        """Check one picture; the picture itself never changes."""
        try:
            done = self._measure(due)
        except Unavailable as error:  # the storage can't be reached, or this process ends
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
        if error.retryable and due.tries < MAX_TRIES:  # the pixel process died
            self._put_back(due, RETRY_SECONDS, counted=True, why=error.message)
        else:
            self._save(due, CheckResult(not_measured("unreadable", error.message)))

    def _measure(self, due: DueCheck) -> CheckResult:
        if due.tries > MAX_TRIES:  # each earlier try ended this process
            return CheckResult(not_measured("gave_up", GAVE_UP))
        if not model_file.is_present(self.files.network):
            return CheckResult(not_measured("no_network", NO_NETWORK))
        if due.object_key is None or due.namespace is None:
            return CheckResult(not_measured("gone", "the picture's object is not known"))
        try:
            data = self.storage.get(due.object_key)
            side = self._raw_side(
                due, normalised_key(due.namespace, due.product_id, due.photo_since)
            )
        except NotFound:
            return CheckResult(not_measured("gone", "the photo or the picture was removed"))
        with_views = () if self.judging is None else self.judging.verdicts
        return self.pixels.run(check_picture, side, data, self.files, with_views)

    def _raw_side(self, due: DueCheck, key: str) -> bytes:
        """The measured photo, cached for its other pictures."""
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
            check = self._ask_model(due, done)
        except Stopping as error:
            self._put_back(due, 0.0, counted=False, why=error.message)
            return
        if check is not None:
            self.checks.save(due, check, has_map=done.change_map is not None)
            _log(due, check)

    def _ask_model(self, due: DueCheck, done: CheckResult) -> Check | None:
        """Add a model's vote if one is wanted; None when another process has taken the picture."""
        if self.judging is None or not self.judging.is_wanted_for(done):
            return done.check
        is_ours = self.checks.extend_lease(due, JUDGE_SECONDS)
        return self.judging.ask_about(due, done) if is_ours else None

    def _after_unexpected(self, due: DueCheck) -> None:
        if due.tries < MAX_TRIES:
            self._put_back(due, RETRY_SECONDS, counted=True, why="an unexpected error")
        else:
            self._save(due, CheckResult(not_measured("gave_up", GAVE_UP)))

    def _put_back(self, due: DueCheck, seconds: float, *, counted: bool, why: str) -> None:
        log.info("picture %d is checked again in %.0f s: %s", due.image_id, seconds, why)
        self.checks.put_back(due, seconds, counted=counted)


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
