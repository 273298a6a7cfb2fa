"""The Gemini enhancer: one analysis per round, one picture per variant, nothing paid twice."""

from __future__ import annotations

import logging
import math
import random as random_module
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeVar

from packshot.enhancers.contract import (
    NOTHING_KEPT,
    Analysis,
    Answers,
    Brief,
    CallRecord,
    Health,
    Ledger,
    Photo,
    Picture,
    RunPixels,
)
from packshot.enhancers.gemini import outcomes as outcomes
from packshot.enhancers.gemini import prompts
from packshot.enhancers.gemini.answers import Answer, NotJson, picture_bytes, read_answer, tokens_of
from packshot.enhancers.gemini.client import GeminiClient, Request
from packshot.enhancers.gemini.health import Standing, Suspects, WrongRequests
from packshot.enhancers.gemini.models import current_name
from packshot.enhancers.gemini.pace import Pace
from packshot.enhancers.gemini.photos import Photos
from packshot.enhancers.gemini.pixels import Inspected, inspect
from packshot.enhancers.gemini.prices import expected_cost, price_of
from packshot.enhancers.gemini.sizes import nominal_side
from packshot.errors import (
    EnhancerError,
    NotConfigured,
    PackshotError,
    PictureError,
    RateLimited,
    SettingsError,
    Unavailable,
)
from packshot.settings import Settings

log = logging.getLogger("packshot.gemini")
T = TypeVar("T")

LEAST_SIDE = 256  # pixels; the smallest size Gemini offers has 512
FAR_SMALLER = 0.7  # of the side that was asked for
MOST_ASPECT = 8.5  # Gemini's longest ratio is 8:1
LOOK_TRIES = 3
LASTING_STRIKES = 3  # bursts of errors without a success between: from here on /readyz says so
LASTING_FIRST = 2  # what lasts pauses for 8, 16, 32, 60 s, so that it is found to be over soon


def today_utc() -> date:
    """The day prices and retired names are looked up for."""
    return datetime.now(UTC).date()


@dataclass(frozen=True)
class _Call:
    """One paid request, and whom it is for."""

    kind: str  # "analysis" or "picture"
    request: Request
    brief: Brief
    variant: int | None
    subject: str  # for messages: "product 12, picture 2"


class GeminiEnhancer:
    """See `Enhancer`. One per process; all its state is shared by the process's threads."""

    name = "gemini"
    parallel = True

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
        self._settings, self._ledger, self._run_pixels = settings, ledger, run_pixels
        self._today = today
        self.model, note = current_name("GEMINI_MODEL", settings.gemini_model, today())
        self.image_model, image_note = current_name(
            "GEMINI_IMAGE_MODEL", settings.gemini_image_model, today()
        )
        self._standing = Standing(clock)
        for sentence in (note, image_note):
            if sentence:
                self._standing.note(sentence)
        self._check_prices()
        cap = settings.concurrency * settings.enhanced_images_count
        self._pace = Pace(cap, clock=clock, sleep=sleep, random=random)
        self._client = GeminiClient(
            _key(settings),
            settings.google_gemini_base_url,
            timeout=settings.gemini_timeout,
            connections=cap + 1,
        )
        self._photos = Photos(run_pixels, keep=settings.concurrency + 8)
        self._suspects = Suspects()
        self._wrong_requests = WrongRequests()

    # --- The contract ---------------------------------------------------------------------------

    def analyse(self, photo: Photo, brief: Brief) -> Analysis:
        """Read the photo, plan `brief.wanted` pictures; an unusable answer is asked for again."""
        try:
            return self._analyse_once(photo, brief, None)
        except EnhancerError as error:
            if error.code not in outcomes.ONCE_MORE:
                raise
            log.info("%s Asking again.", error.message)
            return self._analyse_once(photo, brief, str(error.__cause__ or "it contained no JSON"))

    def generate(
        self,
        photo: Photo,
        analysis: Analysis,
        brief: Brief,
        variant: int,
        answers: Answers = NOTHING_KEPT,
    ) -> Picture:
        """Make one picture from the original photo; an answer without one is asked for again."""
        call = self._picture_call(photo, analysis, brief, variant)
        title = analysis.variants[variant].title
        kept = answers.take()
        try:
            if kept is not None:
                return self._accepted(kept, call, title, call.request.model)
            return self._paid(call, lambda answer: self._picture(answer, call, title, answers))
        except EnhancerError as error:
            if error.code not in outcomes.ONCE_MORE:
                raise
            log.info("%s Asking again.", error.message)
            return self._paid(call, lambda answer: self._picture(answer, call, title, answers))

    def health(self) -> Health:
        """What the last calls taught. When that is old, it is looked at again, behind the answer:
        a process without a worker learns nothing from calls.
        """
        if self._standing.is_stale():
            threading.Thread(target=self.check, name="packshot-gemini-check", daemon=True).start()
        return self._standing.health()

    # --- Besides the contract -------------------------------------------------------------------

    def startup_notes(self) -> Sequence[str]:
        """Sentences to say once at start: retired model names, models without a price."""
        return self._standing.health().notes

    def check(self) -> Health:
        """Ask Google (free) whether key and models are good; remembered for `health()`."""
        served = [self._is_served(model) for model in (self.model, self.image_model)]
        if all(served):
            self._standing.checked()
        return self._standing.health()

    def _is_served(self, model: str) -> bool:
        try:
            self._client.check(model)
        except Unavailable as error:
            self._standing.trouble(error, model)
            return False
        except PackshotError as error:
            self._standing.trouble(NotConfigured(error.message, code=error.code), model)
            return False
        return True

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    # --- One call of each kind ------------------------------------------------------------------

    def _analyse_once(self, photo: Photo, brief: Brief, remark: str | None) -> Analysis:
        request = Request(
            model=self.model,
            photo=self._photos.shrunk(photo),
            words=prompts.analysis_words(brief, remark),
            call=f"{brief.product_id}/{brief.round}/analysis",
            system=prompts.ANALYSIS_SYSTEM,
            schema=prompts.analysis_schema(brief.wanted),
        )
        subject = f"the analysis of product {brief.product_id}"
        call = _Call("analysis", request, brief, None, subject)
        return self._paid(call, lambda answer: _analysis(answer, call))

    def _picture_call(self, photo: Photo, analysis: Analysis, brief: Brief, variant: int) -> _Call:
        request = Request(
            model=self.image_model,
            photo=self._photos.shrunk(photo),
            words=prompts.picture_words(analysis, brief, variant),
            call=f"{brief.product_id}/{brief.round}/{variant}",
            aspect=self._settings.enhanced_image_aspect,
            size=self._settings.enhanced_image_size,
        )
        subject = f"picture {variant + 1} of product {brief.product_id}"
        return _Call("picture", request, brief, variant, subject)

    def _picture(self, answer: Answer, call: _Call, title: str, answers: Answers) -> Picture:
        """The picture in an answer, kept as it came, when it is one that can be shown."""
        blob = answer.picture
        if blob is None:
            raise outcomes.nothing_usable(answer, call.subject, "picture")
        data = picture_bytes(blob)
        if data is None:
            raise EnhancerError(
                f"Gemini's data for {call.subject} is not base64.", code="no_picture"
            )
        answers.keep(data)
        return self._accepted(data, call, title, answer.model_version or call.request.model)

    def _accepted(self, data: bytes, call: _Call, title: str, model: str) -> Picture:
        inspected = self._inspected(data, call)
        return Picture(
            data=data,
            title=title,
            prompt=call.request.words,
            model=model,
            warning=_warning(inspected, call.request),
            made_by_ai=True,
        )

    def _inspected(self, data: bytes, call: _Call) -> Inspected:
        seen = self._looked_at(data, call)
        if seen.copied:
            raise EnhancerError(
                f"Gemini gave back the photo itself as {call.subject}.", code="copied_input"
            )
        if not _plausible(seen):
            raise EnhancerError(
                f"Gemini gave {seen.width} x {seen.height} pixels as {call.subject}, "
                "which is no product picture.",
                code="implausible_size",
            )
        return seen

    def _looked_at(self, data: bytes, call: _Call) -> Inspected:
        """Decode it; a child process that dies is tried again, for the picture is paid."""
        for tries_left in reversed(range(LOOK_TRIES)):
            try:
                seen = self._run_pixels(inspect, data, call.request.photo)
            except PictureError as error:
                if error.retryable and tries_left:
                    continue
                raise EnhancerError(
                    f"Gemini gave no picture that is taken as {call.subject}: {error.message}",
                    code=error.code if error.retryable else "no_picture",
                ) from None
            assert isinstance(seen, Inspected)
            return seen
        raise AssertionError("unreachable")

    # --- Paying ---------------------------------------------------------------------------------

    def _paid(self, call: _Call, accept: Callable[[Answer], T]) -> T:
        """Wait for our turn, write the call down, send it, and take what `accept` makes of it."""
        with ExitStack() as stack:
            began = stack.enter_context(self._pace.slot(call.request.model))
            record = self._pace.admitted(lambda: self._written(call, stack))
            return self._sent(call, record, began, accept)

    def _written(self, call: _Call, stack: ExitStack) -> CallRecord:
        """The call's row in the ledger, at what it is expected to cost."""
        model, size = call.request.model, call.request.size
        expected = expected_cost(call.kind, model, size, self._today())
        row = self._ledger.call(call.kind, model, call.brief, call.variant, expected)
        try:
            return stack.enter_context(row)
        except Unavailable as error:
            if error.code == "budget_reached":
                self._standing.trouble(error)
            raise

    def _sent(
        self, call: _Call, record: CallRecord, began: float, accept: Callable[[Answer], T]
    ) -> T:
        answer = None
        try:
            answer = self._answer(call, began)
            self._book(record, call, answer)
            refused = outcomes.refusal(answer, call.subject)
            if refused is not None:
                raise refused
            result = accept(answer)
        except PackshotError as error:
            record.outcome = error.code
            if answer is None and error.code in outcomes.UNBILLED:
                record.cost = Decimal(0)
            raise
        record.outcome = "ok"
        return result

    def _answer(self, call: _Call, began: float) -> Answer:
        model = call.request.model
        try:
            answer = read_answer(self._client.generate(call.request))
            if answer.error is not None:
                raise outcomes.of_status(answer.error.code or 500, answer.error.model_dump(), model)
        except NotJson:
            raise self._struck(outcomes.garbled(model), call, began) from None
        except Unavailable as error:
            raise self._struck(error, call, began) from None
        except EnhancerError as error:
            raise self._wrong_request(error, call, began) from None
        self._wrong_requests.succeeded(model)
        self._pace.succeeded()
        self._suspects.succeeded(call.request.call)
        self._standing.fine(model, began)
        return answer

    def _struck(self, error: Unavailable, call: _Call, began: float) -> PackshotError:
        """Slow down or pause after an error, and say how long to wait."""
        if error.code in outcomes.MAY_BE_THE_PRODUCT and self._suspects.failed(call.request.call):
            return EnhancerError(
                f"Gemini fails again and again at {call.subject}, while other requests succeed: "
                f"{error.message}",
                code=error.code,
            )
        model = call.request.model
        strikes = self._pace.struck(began, slow_down=error.code in outcomes.TOO_FAST)
        lasting = error.code in outcomes.LASTING
        if lasting:
            strikes = LASTING_FIRST + self._standing.in_a_row(model, began)
            self._pace.single_file()
        seconds = error.retry_after or self._pace.backoff(strikes)
        error.retry_after = self._pace.jittered(seconds)
        if strikes >= LASTING_STRIKES:
            self._standing.trouble(error, model, began)
        if lasting or isinstance(error, RateLimited) or strikes > 1:
            self._pace.pause(None if lasting else model, seconds, error)
        return error

    def _wrong_request(self, error: EnhancerError, call: _Call, began: float) -> PackshotError:
        """Google calls a request wrong: the product's fault, or that of settings."""
        about = f"{error.message} It is about {call.subject}: "
        if error.code == "gemini_bad_photo":
            return EnhancerError(f"{about}use another photo.", code=error.code, retryable=False)
        if not self._wrong_requests.is_general(call.request.model, call.brief.product_id):
            return EnhancerError(
                f"{about}other requests to this model succeeded before it. Use another photo, or "
                "ask for a redo with other words.",
                code=error.code,
                retryable=False,
            )
        wrong = NotConfigured(
            f"{error.message} It says so of every request at the moment: check GEMINI_MODEL, "
            "GEMINI_IMAGE_MODEL, ENHANCED_IMAGE_SIZE and ENHANCED_IMAGE_ASPECT.",
            code=error.code,
        )
        return self._struck(wrong, call, began)

    def _book(self, record: CallRecord, call: _Call, answer: Answer) -> None:
        """Note what the call used and cost; the model that answered may be another one.

        An answer that does not say what it used stays at what was expected.
        """
        tokens = tokens_of(answer)
        record.tokens_in, record.tokens_out = tokens.input, tokens.output
        record.tokens_image = tokens.image
        record.images = 1 if answer.picture else 0
        record.model_version = answer.model_version
        price = None
        if answer.model_version:
            price = price_of(answer.model_version, self._today())
        price = price or price_of(call.request.model, self._today())
        if price is not None and answer.usage_metadata is not None:
            known = price.cost(tokens.input, tokens.output, tokens.image)
            record.cost = record.cost if known is None else known

    def _check_prices(self) -> None:
        """Raises SettingsError when a budget is to be kept with calls whose price is unknown."""
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
            self._standing.note(f"{unknown}: such calls are counted without cost.")


def _key(settings: Settings) -> str:
    if settings.gemini_api_key is None:
        raise NotConfigured("GEMINI_API_KEY is not set.", code="no_key")
    return settings.gemini_api_key.get_secret_value()


def _analysis(answer: Answer, call: _Call) -> Analysis:
    if not answer.text:
        raise outcomes.nothing_usable(answer, call.subject, "analysis")
    try:
        return prompts.read_analysis(answer.text, call.brief.wanted)
    except prompts.BadAnalysis as error:
        raise EnhancerError(
            f"Gemini's answer for {call.subject} is not the JSON that was asked for: {error}.",
            code="bad_analysis",
        ) from error


def _plausible(seen: Inspected) -> bool:
    short, long = sorted((seen.width, seen.height))
    return short >= LEAST_SIDE and long <= MOST_ASPECT * short


def _warning(seen: Inspected, request: Request) -> str | None:
    """What the reviewer should know: Gemini sometimes ignores the ratio, which the finishing step
    pads, or the size, or changes next to nothing."""
    assert request.aspect is not None and request.size is not None
    across, down = (int(each) for each in request.aspect.split(":"))
    ignored, remarks = [], []
    if abs(seen.width * down / (seen.height * across) - 1) >= 0.05:
        ignored.append(request.aspect)
    if math.sqrt(seen.width * seen.height) < FAR_SMALLER * nominal_side(request.size):
        ignored.append(request.size)
    if ignored:
        asked = " and ".join(ignored)
        remarks.append(
            f"Gemini made {seen.width} x {seen.height} pixels where {asked} was asked for."
        )
    if seen.hardly_changed:
        remarks.append("The picture is hardly changed: compare it with the photo.")
    return " ".join(remarks) or None
