"""Every way a call to Gemini can fail, as one of Packshot's errors with a message."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import httpcore2
import httpx2

from packshot.enhancers.gemini import account
from packshot.enhancers.gemini.answers import GeminiAnswer
from packshot.enhancers.gemini.prompts import clean
from packshot.enhancers.gemini.transport import Stalled
from packshot.errors import (
    EnhancerError,
    NotConfigured,
    PackshotError,
    RateLimited,
    Unavailable,
    UnusableAnswer,
    VariantRefused,
)

NO_CONNECTION = (
    httpcore2.ConnectError,
    httpcore2.ConnectTimeout,
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
)
CUT = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpx2.NetworkError,
    httpx2.ProtocolError,
)

# Seconds to wait before the next request when Google names no time.
DAY_QUOTA_SECONDS = 600.0  # the quota may be raised before midnight Pacific
MAX_RETRY_AFTER = 3600.0
LONGEST_QUOTE = 200  # characters of Google's words in a message

SAFETY = frozenset(
    {
        "SAFETY",
        "IMAGE_SAFETY",
        "PROHIBITED_CONTENT",
        "IMAGE_PROHIBITED_CONTENT",
        "BLOCKLIST",
        "SPII",
        "MODEL_ARMOR",
        "JAILBREAK",
        "ESCALATION",
    }
)
RECITATION = frozenset({"RECITATION", "IMAGE_RECITATION"})


TOO_FAST = frozenset({"rate_limited", "gemini_overloaded"})  # fewer at a time may help
# Errors that one product can cause, by a photo or words that Gemini can't process.
MAY_BE_THE_PRODUCT = frozenset(
    {"gemini_timeout", "gemini_fault", "gemini_cut", "gemini_garbled", "gemini_stalled"}
)
# No request will succeed for a while.
LASTING = account.CODES | {
    "gemini_day_quota",
    "unknown_model",
    "gemini_redirect",
    "gemini_gateway",
    "gemini_bad_request",
}
# Statuses by which a photo or words may be refused; no product causes any other.
OF_THE_REQUEST = frozenset({400, 413, 422})
# Statuses that pass: conflicts and cancellations at Google, and connections that were mixed up.
PASSING = frozenset({409, 421, 425, 499})
# Never reached the model: rejected first (4xx, 429, 503), or never connected. Calls that broke
# later may have been processed: they count at their expected cost.
UNBILLED = LASTING | {
    "flex_refused",
    "rate_limited",
    "gemini_overloaded",
    "gemini_bad_photo",
    "gemini_unreachable",
}


# --- Answers -------------------------------------------------------------------------------------


def check_refusal(answer: GeminiAnswer, subject: str) -> None:
    """Raise VariantRefused if the answer is a refusal. `subject` names product and picture."""
    reason, said = _reason(answer)
    if reason in RECITATION:
        raise VariantRefused(
            f"Gemini refuses {subject}: the result would copy protected work ({reason}){said}. "
            "Ask for a redo with other words.",
            code="refused_recitation",
        )
    if reason in SAFETY:
        raise VariantRefused(
            f"Gemini refuses {subject} for safety ({reason}){said}. "
            "Use another photo, or ask for a redo with other words.",
            code="refused_safety",
        )


def nothing_usable(answer: GeminiAnswer, subject: str, wanted: str) -> UnusableAnswer:
    """The error for an answer without `wanted`: it says what came instead."""
    reason, said = _reason(answer)
    came = f"only words ({_short(answer.text)!r})" if answer.text else "nothing"
    ended = f" (finish reason {reason})" if reason and reason != "STOP" else ""
    return UnusableAnswer(
        f"Gemini gave {came} and no {wanted} for {subject}{ended}{said}.", code=f"no_{wanted}"
    )


def _reason(answer: GeminiAnswer) -> tuple[str | None, str]:
    """Why the answer ended: the block reason, else the finish reason, with Google's words."""
    feedback, candidate = answer.prompt_feedback, answer.candidate
    if feedback and feedback.block_reason:
        return _short(feedback.block_reason), _after_colon(feedback.block_reason_message)
    reason = candidate.finish_reason
    return reason and _short(reason), _after_colon(candidate.finish_message)


def _after_colon(message: str | None) -> str:
    return f": {_short(message).rstrip('.')}" if message else ""


def _short(text: str) -> str:
    text = clean(text, LONGEST_QUOTE + 1)
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"


# --- The wire ------------------------------------------------------------------------------------


def not_json(model: str) -> Unavailable:
    """The error for an answer that is not JSON: cut short, or a page of a proxy."""
    return Unavailable(
        f"The answer from {model} is not JSON (incomplete, or the page of a proxy): "
        "if this persists, check the proxy and GOOGLE_GEMINI_BASE_URL.",
        code="gemini_garbled",
    )


def of_transport(error: Exception, model: str, setting: str, stall: float) -> Unavailable | None:
    """The error for one of the HTTP library; None for any other. `setting` has the time that a call
    may take, `stall` the longest pause in an answer, in seconds."""
    if isinstance(error, NO_CONNECTION):
        return Unavailable(
            f"No connection to Gemini could be made ({model}): check the network, the proxy and "
            "GOOGLE_GEMINI_BASE_URL.",
            code="gemini_unreachable",
        )
    if isinstance(error, Stalled):
        return Unavailable(
            f"{model} stopped in the middle of its answer: nothing came for {stall:g} s.",
            code="gemini_stalled",
        )
    if isinstance(error, (httpcore2.TimeoutException, httpx2.TimeoutException)):
        return Unavailable(
            f"{model} gave no complete answer within {setting}.", code="gemini_timeout"
        )
    if isinstance(error, CUT):
        return Unavailable(
            f"The connection to {model} ended before its answer was complete.", code="gemini_cut"
        )
    return not_json(model) if isinstance(error, httpx2.HTTPError) else None


# --- Status codes --------------------------------------------------------------------------------


def of_status(
    code: int, details: object, model: str, retry_after: str | None = None
) -> PackshotError:
    """The error for an HTTP status. `details` is the body as far as it was JSON."""
    body = _error_object(details)
    whole = str(body.get("message") or "no message")
    message = "a proxy's page" if whole.lstrip().startswith("<") else _short(whole)
    refusal = account.find(
        code,
        str(body.get("status") or ""),
        _with_quota(whole, body),
        [str(detail.get("reason")) for detail in _details(body)],
    )
    if refusal is not None and not (code in {400, 403} and is_about_the_tier(whole)):
        return _account_error(refusal, code, message, model)
    # Any other 404 is a proxy's, whose page may name the path, and so the model.
    if code == 404 and body.get("status") == "NOT_FOUND":
        return NotConfigured(
            f"Gemini has no model {model!r} (404: {message}): set GEMINI_MODEL and "
            "GEMINI_IMAGE_MODEL to names it has.",
            code="unknown_model",
        )
    if code == 429:
        return _too_many(body, message, model, retry_after)
    if code >= 500 or code == 408 or code in PASSING:
        return _server_error(code, message, model)
    return _refused_request(code, message, model)


def is_about_the_tier(message: str) -> bool:
    """Whether Google refuses the lane rather than the request."""
    return re.search(r"service[ _]?tier|\bflex\b", message, re.IGNORECASE) is not None


def _error_object(details: object) -> Mapping[str, Any]:
    """The `error` object of Google's error body; a bare body counts as one."""
    if not isinstance(details, Mapping):
        return {}
    body = details.get("error")
    return body if isinstance(body, Mapping) else details


def _with_quota(message: str, body: Mapping[str, Any]) -> str:
    """The message; it also says so when the quota is 0, as without billing for a paid model."""
    none = any(str(each.get("quotaValue")) == "0" for each in _violations(body))
    return f"{message} limit: 0" if none else message


def _account_error(
    refusal: account.AccountRefusal, code: int, message: str, model: str
) -> Unavailable:
    what = "the key" if refusal.code == "bad_key" else f"requests to {model}"
    kind = Unavailable if refusal.code in account.MONEY_OR_PLACE else NotConfigured
    return kind(
        f"Gemini refuses {what} ({code}: {message.rstrip('.')}): {refusal.advice}. Products wait.",
        code=refusal.code,
    )


def _too_many(body: Mapping[str, Any], message: str, model: str, header: str | None) -> Unavailable:
    quotas = [str(each.get("quotaId", "")) for each in _violations(body)]
    if any("PerDay" in quota for quota in quotas):
        return Unavailable(
            f"The day's quota of {model} is used up ({_short(', '.join(quotas))}): products wait "
            "until midnight Pacific time, or until the quota is raised.",
            code="gemini_day_quota",
            retry_after=DAY_QUOTA_SECONDS,
        )
    return RateLimited(
        f"{model} accepts no more requests at the moment (429: {message}).",
        retry_after=_retry_delay(body, header),
    )


def _retry_delay(body: Mapping[str, Any], header: str | None) -> float | None:
    """Seconds from RetryInfo ("48s", "34.4s"), else from a Retry-After header in seconds."""
    delays = [str(detail["retryDelay"]) for detail in _details(body) if "retryDelay" in detail]
    for text in [*delays, header or ""]:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)s?", text.strip())
        if found:
            return min(float(found[1]), MAX_RETRY_AFTER)
    return None


def _server_error(code: int, message: str, model: str) -> Unavailable:
    if code in {408, 504}:
        return Unavailable(
            f"{model} did not finish in time ({code}: {message}).", code="gemini_timeout"
        )
    kind = "gemini_overloaded" if code == 503 else "gemini_fault"
    return Unavailable(f"{model} answers with an error ({code}: {message}).", code=kind)


def _refused_request(code: int, message: str, model: str) -> PackshotError:
    """Google rejects the request itself: because of this photo, these words, or our settings.

    See WrongRequests for which.
    """
    if 300 <= code < 400:
        return _redirected(code)
    if code not in OF_THE_REQUEST:
        return _refused_by_gateway(code, message, model)
    of_photo = code == 413 or re.search(r"(input|provided|uploaded) image", message, re.IGNORECASE)
    return EnhancerError(
        f"{model} rejects the request ({code}: {message}).",
        code="gemini_bad_photo" if of_photo else "gemini_bad_request",
        retryable=False,
    )


def _redirected(code: int) -> NotConfigured:
    return NotConfigured(
        f"Gemini's address answers with a redirect ({code}), which would carry the key "
        "elsewhere: set GOOGLE_GEMINI_BASE_URL to the final address.",
        code="gemini_redirect",
    )


def _refused_by_gateway(code: int, message: str, model: str) -> NotConfigured:
    return NotConfigured(
        f"A request to {model} is refused ({code}: {message}), which no product causes: check the "
        "proxy and GOOGLE_GEMINI_BASE_URL. Products wait.",
        code="gemini_gateway",
    )


def _details(body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found = body.get("details")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _violations(body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return [
        violation
        for detail in _details(body)
        for violation in detail.get("violations") or []
        if isinstance(violation, Mapping)
    ]
