"""The Gemini enhancer: one analysis per round, one picture per variant, nothing paid twice."""

from __future__ import annotations

import logging
import random as random_module
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial

from packshot.enhancers.contract import (
    NO_ANSWERS,
    Analysis,
    Answers,
    Brief,
    Health,
    Judgement,
    Ledger,
    Photo,
    Picture,
    RunPixels,
    Views,
)
from packshot.enhancers.gemini.answers import GeminiAnswer
from packshot.enhancers.gemini.batch_client import BatchClient
from packshot.enhancers.gemini.batches import GeminiBatches
from packshot.enhancers.gemini.client import GeminiClient
from packshot.enhancers.gemini.health import Problems
from packshot.enhancers.gemini.judge import judgement_in
from packshot.enhancers.gemini.models import current_name
from packshot.enhancers.gemini.paid_requests import PaidRequest, PaidRequests
from packshot.enhancers.gemini.paying import PaidCalls
from packshot.enhancers.gemini.photos import ShrunkPhotos
from packshot.enhancers.gemini.pixels import SENT_SIDE
from packshot.enhancers.gemini.prices import expected_cost
from packshot.enhancers.gemini.results import (
    analysis_in,
    picture_data_in,
    picture_of,
    read_whole_answer,
)
from packshot.enhancers.gemini.throttle import Throttle
from packshot.errors import (
    NotConfigured,
    PackshotError,
    SettingsError,
    Stopping,
    Unavailable,
    UnusableAnswer,
)
from packshot.settings import Settings

log = logging.getLogger("packshot.gemini")


def today_utc() -> date:
    """The day for which prices and retired names are looked up."""
    return datetime.now(UTC).date()


class GeminiEnhancer:
    """See `Enhancer`. One per process; all its state is shared by the process's threads."""

    name = "gemini"
    parallel = True
    sees_side: int | None = SENT_SIDE

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        run_pixels: RunPixels,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = random_module.random,
        today: Callable[[], date] = today_utc,
    ) -> None:
        self._settings, self._run_pixels, self._today = settings, run_pixels, today
        self._problems = Problems(clock)
        self.model = self._current("GEMINI_MODEL", settings.gemini_model)
        self.image_model = self._current("GEMINI_IMAGE_MODEL", settings.gemini_image_model)
        self._check_prices()
        self._check_grace()
        cap = settings.concurrency * settings.enhanced_images_count
        self._client = GeminiClient(
            _key(settings),
            settings.google_gemini_base_url,
            timeout=settings.gemini_timeout,
            flex_timeout=settings.gemini_flex_timeout,
            connections=2 * cap + 1,  # each lane has its own calls
        )
        throttle = partial(Throttle, cap, clock=clock, sleep=sleep, random=random)
        self._calls = PaidCalls(self._client, ledger, throttle, self._problems, today)
        of_each = 1 + settings.gemini_reference_views
        photos = ShrunkPhotos(run_pixels, keep=settings.concurrency * of_each + 8)
        self._requests = PaidRequests(settings, photos, self.model, self.image_model)
        rest = BatchClient(_key(settings), settings.google_gemini_base_url)
        self.batches = GeminiBatches(rest, self._requests, today)

    # --- The contract ---------------------------------------------------------------------------

    def analyse(self, photo: Photo, brief: Brief, answer: str | None = None) -> Analysis:
        """Read the photo, plan `brief.wanted` pictures; after an unusable answer, ask once more."""
        try:
            if answer is not None:
                paid = self._requests.analysis(photo, brief)
                return analysis_in(read_whole_answer(answer, paid), paid)
            return self._analyse_once(photo, brief, None)
        except UnusableAnswer as error:
            log.info("%s Asking again.", error.message)
            return self._analyse_once(photo, brief, str(error.__cause__ or "it contained no JSON"))

    def generate(
        self,
        photo: Photo,
        analysis: Analysis,
        brief: Brief,
        variant: int,
        answers: Answers = NO_ANSWERS,
    ) -> Picture:
        """Make one picture from the original photo; after an answer without one, ask once more."""
        paid = self._requests.picture(photo, analysis, brief, variant)
        title = analysis.variants[variant].title
        accept = partial(self._picture, paid=paid, title=title, answers=answers)
        kept = answers.take()
        try:
            if kept is not None:
                return self._read_stored(kept, paid, title)
            return self._calls.send(paid, accept)
        except UnusableAnswer as error:
            log.info("%s Asking again.", error.message)
            return self._calls.send(paid, accept)

    def health(self) -> Health:
        """What the last calls showed. When that is old, it is checked again in the background: a
        process without a worker makes no calls.
        """
        if self._problems.is_stale():
            threading.Thread(target=self.check, name="packshot-gemini-check", daemon=True).start()
        return self._problems.health()

    def check(self) -> Health:
        """Ask Google (free) whether key and models are valid; `health()` shows the result."""
        served = [self._is_served(model) for model in (self.model, self.image_model)]
        if all(served):
            self._problems.note_check()
        return self._problems.health()

    def _is_served(self, model: str) -> bool:
        try:
            self._client.check(model)
        except Stopping:  # no problem of the model's, and nobody asks any more
            return False
        except Unavailable as error:
            self._problems.note_problem(error, model)
            return False
        except PackshotError as error:
            self._problems.note_problem(NotConfigured(error.message, code=error.code), model)
            return False
        return True

    # --- Beyond the contract -------------------------------------------------------------------

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self.batches.close()

    def compare(
        self, a: Views, b: Views, brief: Brief, variant: int, *, swapped: bool = False
    ) -> Judgement:
        """See `Judge`: one call, never repeated."""
        paid = self._requests.judgement(a, b, brief, variant, swapped=swapped)
        return self._calls.send(
            paid, partial(judgement_in, subject=paid.subject, model=paid.request.model)
        )

    # --- One call of each kind ------------------------------------------------------------------

    def _analyse_once(self, photo: Photo, brief: Brief, remark: str | None) -> Analysis:
        paid = self._requests.analysis(photo, brief, remark)
        return self._calls.send(paid, partial(analysis_in, paid=paid))

    def _picture(
        self, answer: GeminiAnswer, *, paid: PaidRequest, title: str, answers: Answers
    ) -> Picture:
        """The picture in an answer, stored as it came, if it can be shown."""
        data = picture_data_in(answer, paid)
        answers.keep(data)
        return picture_of(data, paid, title, answer.model_version, self._run_pixels)

    def _read_stored(self, kept: bytes, paid: PaidRequest, title: str) -> Picture:
        """The picture that an earlier attempt stored; a batch job's answer is stored whole."""
        if not kept.startswith(b"{"):
            return picture_of(kept, paid, title, None, self._run_pixels)
        answer = read_whole_answer(kept.decode(), paid)
        data = picture_data_in(answer, paid)
        return picture_of(data, paid, title, answer.model_version, self._run_pixels)

    # --- At the start ---------------------------------------------------------------------------

    def _current(self, setting: str, named: str) -> str:
        """The model that is called; a retired name is replaced, and that is noted."""
        model, note = current_name(setting, named, self._today())
        if note:
            self._problems.note_setting(note)
        return model

    def _check_grace(self) -> None:
        grace, flex = self._settings.grace_seconds, self._settings.gemini_flex_timeout
        if self._settings.gemini_lane == "flex" and grace < flex:
            self._problems.note_setting(
                f"GRACE_SECONDS={grace:g} is less than GEMINI_FLEX_TIMEOUT={flex:g}: a stop ends"
                " calls of the flex lane that are paid for. Set it to at least that, and"
                " let what stops this process (systemd, Docker) wait longer."
            )

    def _check_prices(self) -> None:
        """Raises SettingsError for a budget with calls whose price is unknown."""
        size = self._settings.enhanced_image_size
        for kind, model, of_size in (
            ("analysis", self.model, None),
            ("picture", self.image_model, size),
        ):
            if expected_cost(kind, model, of_size, self._today()) is not None:
                continue
            unknown = f"prices.toml has no price for {model}" + (f" at {size}" if of_size else "")
            if self._settings.gemini_daily_budget is not None:
                raise SettingsError(
                    f"GEMINI_DAILY_BUDGET={self._settings.gemini_daily_budget:g} can't be kept: "
                    f"{unknown}. Use a model that has one, or unset the budget."
                )
            self._problems.note_setting(f"{unknown}: such calls are counted without cost.")


def _key(settings: Settings) -> str:
    if settings.gemini_api_key is None:
        raise NotConfigured("GEMINI_API_KEY is not set.", code="no_key")
    return settings.gemini_api_key.get_secret_value()
