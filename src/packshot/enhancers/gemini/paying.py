"""Sends paid requests: waits for a slot, records the call, and adapts to its outcome."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TypeVar

from packshot.enhancers.contract import CallRecord, Ledger, Purchase
from packshot.enhancers.gemini import failures
from packshot.enhancers.gemini.answers import GeminiAnswer, NotJson, Tokens, read_answer, tokens_of
from packshot.enhancers.gemini.causes import FailingCalls, WrongRequests
from packshot.enhancers.gemini.client import GeminiClient
from packshot.enhancers.gemini.health import Problems
from packshot.enhancers.gemini.paid_requests import PaidRequest
from packshot.enhancers.gemini.prices import expected_cost, price_of
from packshot.enhancers.gemini.throttle import Throttle
from packshot.errors import (
    EnhancerError,
    NotConfigured,
    PackshotError,
    PaidInVain,
    PartlyUnavailable,
    RateLimited,
    Stopping,
    Unavailable,
)
from packshot.lanes import Lane

log = logging.getLogger("packshot.gemini")
T = TypeVar("T")

LASTING_ERRORS = 3  # bursts of errors without a success between, from which on /readyz says so
REJECTED_SECONDS = 10.0  # a rejected request is sent again after this, then after twice this
LASTING_FIRST = 2  # lasting problems pause for 8, 16, 32, 60 s, so that their end is noticed soon


class PaidCalls:
    """One per process; its state is shared by the process's threads."""

    def __init__(
        self,
        client: GeminiClient,
        ledger: Ledger,
        throttle: Callable[[], Throttle],
        problems: Problems,
        today: Callable[[], date],
    ) -> None:
        """Each lane has its own throttle: what Google drops in one says nothing about the other."""
        self._client, self._ledger = client, ledger
        self._throttles: dict[Lane, Throttle] = {lane: throttle() for lane in ("standard", "flex")}
        self._problems, self._today = problems, today
        self._not_in_flex: set[str] = set()  # models
        self._failing = FailingCalls()
        self._wrong_requests = WrongRequests()

    def send(self, paid: PaidRequest, accept: Callable[[GeminiAnswer], T]) -> T:
        """Wait for a slot, record the call, send it, and return what `accept` makes of the answer.

        Raises Unavailable and its kinds, EnhancerError or VariantRefused. If a model does not serve
        the request's lane, or did not finish there, the call is sent as standard.
        """
        if paid.request.lane != "flex" or paid.request.model in self._not_in_flex:
            return self._send(in_standard(paid), accept)
        try:
            return self._send(paid, accept)
        except _NotServed as error:
            if error.is_certain:
                self._remember(paid.request.model, error)
            result = self._send(in_standard(paid), accept)
            self._remember(paid.request.model, error)  # the request itself was valid
            return result
        except Unavailable as error:
            if error.code == "gemini_timeout":
                log.info("%s Sending it again as standard.", error.message)
                return self._send(in_standard(paid), accept)
            raise _only_this_product(error) if error.code in failures.TOO_FAST else error from None

    def _remember(self, model: str, error: _NotServed) -> None:
        self._not_in_flex.add(model)
        self._problems.note(
            f"{model} is not served in the flex lane ({error.message}): it is called as standard,"
            " at the full price, until this process ends."
        )

    def _send(self, paid: PaidRequest, accept: Callable[[GeminiAnswer], T]) -> T:
        throttle = self._throttles[paid.request.lane]
        with ExitStack() as stack:
            began = stack.enter_context(throttle.slot(paid.request.model))
            record = throttle.admit(lambda: self._record(paid, stack))
            return self._request(paid, record, began, accept)

    def _record(self, paid: PaidRequest, stack: ExitStack) -> CallRecord:
        """The call's row in the ledger, at its expected cost."""
        try:
            return stack.enter_context(self._ledger.call(purchase_of(paid, self._today())))
        except Unavailable as error:
            if error.code == "budget_reached":
                self._problems.note_problem(error)
            raise

    def _request(
        self,
        paid: PaidRequest,
        record: CallRecord,
        began: float,
        accept: Callable[[GeminiAnswer], T],
    ) -> T:
        answer = None
        try:
            answer = self._answer(paid, began)
            book(record, paid.request.model, answer, self._today())
            failures.check_refusal(answer, paid.subject)
            result = accept(answer)
        except PackshotError as error:
            record.outcome = error.code
            if answer is None and error.code in failures.UNBILLED:
                record.cost = Decimal(0)
            raise
        record.outcome = "ok"
        return result

    def _answer(self, paid: PaidRequest, began: float) -> GeminiAnswer:
        model = paid.request.model
        try:
            answer = read_answer(self._client.generate(paid.request))
            if answer.error is not None:
                raise failures.of_status(answer.error.code or 500, answer.error.model_dump(), model)
        except NotJson:
            raise self._after_error(failures.not_json(model), paid, began) from None
        except Stopping:
            raise
        except Unavailable as error:
            raise self._after_error(error, paid, began) from None
        except EnhancerError as error:
            if paid.request.lane == "flex" and error.code == "gemini_bad_request":
                raise _NotServed(error.message, code="flex_refused") from None
            raise self._wrong_request(error, paid, began) from None
        self._wrong_requests.note_success(model)
        self._throttles[paid.request.lane].note_success()
        self._failing.note_success(paid.request.call)
        self._problems.note_success(model, began)
        return answer

    def _after_error(self, error: Unavailable, paid: PaidRequest, began: float) -> PackshotError:
        """Slow down or pause after an error, and say how long to wait."""
        if error.code in failures.MAY_BE_THE_PRODUCT and self._failing.note_failure(
            paid.request.call
        ):
            return PaidInVain(
                f"Gemini fails repeatedly for {paid.subject}, while other requests succeed: "
                f"{error.message}",
                code=error.code,
            )
        model, throttle = paid.request.model, self._throttles[paid.request.lane]
        too_fast = error.code in failures.TOO_FAST
        errors = throttle.note_error(began, slow_down=too_fast)
        lasting = error.code in failures.LASTING
        if lasting:
            errors = LASTING_FIRST + self._problems.count_in_a_row(model, began)
            throttle.single_file()
        seconds = error.retry_after or throttle.backoff(errors)
        error.retry_after = throttle.add_jitter(seconds)
        if errors >= LASTING_ERRORS and not (too_fast and paid.request.lane == "flex"):
            self._problems.note_problem(error, model, began)
        if lasting or isinstance(error, RateLimited) or errors > 1:
            throttle.pause(None if lasting else model, seconds, error)
        return error

    def _wrong_request(
        self, error: EnhancerError, paid: PaidRequest, began: float
    ) -> PackshotError:
        """The error for a rejected request: the product, or what affects every request, is the
        cause. The first two times nobody knows, so the product waits: a rejection costs nothing.
        """
        of_photo = error.code == "gemini_bad_photo"
        if self._wrong_requests.is_general(
            paid.request.model, paid.brief.product_id, of_photo=of_photo
        ):
            wrong = NotConfigured(
                f"{error.message} It rejects every request at the moment: check the proxy, "
                "GEMINI_MODEL, GEMINI_IMAGE_MODEL, ENHANCED_IMAGE_SIZE and ENHANCED_IMAGE_ASPECT. "
                "If only products with bad photos are left, cancel them and give them other "
                "photos.",
                code="gemini_bad_request",
            )
            return self._after_error(wrong, paid, began)
        times, is_cause = self._wrong_requests.count(paid.request.call, paid.brief.product_id)
        if not is_cause:
            return PartlyUnavailable(
                f"{error.message} It is about {paid.subject}, and will be sent again.",
                code=error.code,
                retry_after=times * REJECTED_SECONDS,
            )
        remedy = "" if of_photo else ", or ask for a redo with other words"
        return EnhancerError(
            f"{error.message} It rejected {paid.subject} {times} times: use another photo{remedy}.",
            code=error.code,
            retryable=False,
        )


class _NotServed(EnhancerError):
    """A request was rejected in the flex lane: the tier may be the only cause."""

    @property
    def is_certain(self) -> bool:
        return failures.is_about_the_tier(self.message)


def in_standard(paid: PaidRequest) -> PaidRequest:
    """The same request in the standard lane, at the full price."""
    if paid.request.lane == "standard":
        return paid
    return replace(paid, request=replace(paid.request, lane="standard"))


def _only_this_product(error: Unavailable) -> PartlyUnavailable:
    """Google drops calls of the flex lane first: only this product waits, no other one."""
    return PartlyUnavailable(error.message, code=error.code, retry_after=error.retry_after)


def purchase_of(paid: PaidRequest, on: date) -> Purchase:
    """What the ledger records before the request is sent, with its expected cost on that day."""
    request, others = paid.request, len(paid.request.references)
    expected = expected_cost(paid.kind, request.model, request.size, on, request.lane, others)
    return Purchase(paid.kind, request.model, paid.brief, paid.variant, expected, request.lane)


def book(record: CallRecord, model: str, answer: GeminiAnswer, on: date) -> None:
    """Note what a call of `model` used and cost; the model that answered may be another one.

    An answer that does not say what it used, or not of its picture, counts at its expected cost.
    """
    tokens = tokens_of(answer)
    record.tokens_in, record.tokens_out = tokens.input, tokens.output
    record.tokens_image = tokens.image
    record.images = 1 if answer.picture else 0
    record.model_version = answer.model_version
    # The lane in the answer counts, but answers of a job never cost more than the job.
    record.lane = "batch" if record.lane == "batch" else answer.lane or record.lane
    if tokens.image if answer.picture else tokens.input + tokens.output:
        cost = _cost_of(tokens, (answer.model_version, model), on, record.lane)
        record.cost = record.cost if cost is None else cost


def _cost_of(tokens: Tokens, models: Sequence[str | None], on: date, lane: Lane) -> Decimal | None:
    """US dollars at the price of the first of the `models` that has one; None: not known."""
    prices = (price_of(model, on, lane) for model in models if model)
    price = next((each for each in prices if each is not None), None)
    return None if price is None else price.cost(tokens.input, tokens.output, tokens.image)
