"""Every known way in which the real Gemini misbehaves, by name."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from packshot.testing.fake_gemini.painting import decode, encode
from packshot.testing.fake_gemini.strict import CheckedRequest, ErrorAnswer, bad_key, unknown_model

GoodAnswer = dict[str, Any]
HTML = "<html><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>"


@dataclass(frozen=True)
class Reply:
    """A reply as it is sent. `wire` names a way to break the connection, see server.py."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)
    wire: str = "whole"
    paid: bool = True


@dataclass(frozen=True)
class Fault:
    """`spoil` makes the reply of the good answer; `works` says whether the model does the work."""

    spoil: Callable[[GoodAnswer, CheckedRequest], Reply]
    works: bool = True


def reply_of(answer: Any, status: int = 200, **more: Any) -> Reply:
    """A JSON reply."""
    return Reply(status, json.dumps(answer).encode(), **more)


def reply_of_refusal(refused: ErrorAnswer) -> Reply:
    """Google's error body; nothing is charged."""
    return reply_of(refused.body, refused.code, paid=False)


# --- Errors by status ----------------------------------------------------------------------------


def _error(code: int, status: str, message: str, *details: dict[str, Any]) -> Fault:
    reply = reply_of_refusal(ErrorAnswer(code, status, message, list(details)))
    return Fault(lambda good, asked: reply, works=False)


def _page(status: int, text: str) -> Fault:
    reply = Reply(status, text.encode(), content_type="text/html", paid=False)
    return Fault(lambda good, asked: reply, works=False)


def _quota(quota: str, value: str = "1000") -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [
            {
                "quotaMetric": "generativelanguage.googleapis.com/generate_requests",
                "quotaId": quota,
                "quotaDimensions": {"model": "fake", "location": "global"},
                "quotaValue": value,
            }
        ],
    }


def retry_info(delay: str) -> dict[str, Any]:
    """Google's hint when to try again ("48s")."""
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


EXCEEDED = (
    "You exceeded your current quota, please check your plan and billing details. For more "
    "information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits."
)
_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel"
_DAY = "GenerateRequestsPerDayPerProjectPerModel"


def quota_minute(delay: str) -> Fault:
    """429 with that RetryInfo."""
    return _error(429, "RESOURCE_EXHAUSTED", EXCEEDED, _quota(_MINUTE), retry_info(delay))


def _error_info(reason: str) -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    }


#: Refusals of the whole account. Wordings: ai.google.dev/gemini-api/docs/troubleshooting and
#: .../billing, and what users report.
ACCOUNT_FAULTS = {
    "location": _error(
        400, "FAILED_PRECONDITION", "User location is not supported for the API use."
    ),
    "free_tier_location": _error(
        400,
        "FAILED_PRECONDITION",
        "Gemini API free tier is not available in your country. Please enable billing on your "
        "project in Google AI Studio.",
    ),
    "api_disabled": _error(
        403,
        "PERMISSION_DENIED",
        "Generative Language API has not been used in project 123456 before or it is disabled. "
        "Enable it by visiting https://console.developers.google.com/apis/api/"
        "generativelanguage.googleapis.com/overview?project=123456 then retry.",
        _error_info("SERVICE_DISABLED"),
    ),
    "suspended": _error(
        403,
        "PERMISSION_DENIED",
        "Permission denied: Consumer 'projects/123456' has been suspended.",
        _error_info("CONSUMER_SUSPENDED"),
    ),
    "leaked_key": _error(
        403,
        "PERMISSION_DENIED",
        "Your API key was reported as leaked. Please use another API key.",
    ),
    "expired_key": _error(
        400,
        "INVALID_ARGUMENT",
        "API key expired. Please renew the API key.",
        _error_info("API_KEY_INVALID"),
    ),
    "blocked_key": _error(
        403,
        "PERMISSION_DENIED",
        "Requests to this API generativelanguage.googleapis.com method "
        "google.ai.generativelanguage.v1beta.GenerativeService.GenerateContent are blocked.",
        _error_info("API_KEY_SERVICE_BLOCKED"),
    ),
    "credits_depleted": _error(
        429,
        "RESOURCE_EXHAUSTED",
        "Your prepayment credits are depleted. Please go to AI Studio at https://ai.studio/projects"
        " to manage your project and billing.",
    ),
    "spending_cap": _error(
        429,
        "RESOURCE_EXHAUSTED",
        "Your project has exceeded its monthly spending cap. Please go to AI Studio at "
        "https://ai.studio/spend to manage your project spend cap.",
    ),
    "project_denied": _error(
        403,
        "PERMISSION_DENIED",
        "Your project has been denied access. Please contact support.",
    ),
    "billed_users_only": _error(
        400,
        "INVALID_ARGUMENT",
        "This model is only accessible to billed users at this time.",
    ),
}

STATUS_FAULTS = {
    "quota_minute": quota_minute("2s"),
    "quota_long": quota_minute("48.9s"),
    "quota_bare": _error(429, "RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later."),
    "quota_day": _error(429, "RESOURCE_EXHAUSTED", EXCEEDED, _quota(_DAY), retry_info("30s")),
    "no_billing": _error(429, "RESOURCE_EXHAUSTED", EXCEEDED, _quota(_MINUTE, "0")),
    "billing_disabled": _error(
        403,
        "PERMISSION_DENIED",
        "This API method requires billing to be enabled.",
        _error_info("BILLING_DISABLED"),
    ),
    "bad_key": Fault(lambda good, asked: reply_of_refusal(bad_key()), works=False),
    "forbidden": _error(403, "PERMISSION_DENIED", "The caller does not have permission"),
    "not_signed_in": _error(
        401, "UNAUTHENTICATED", "Request had invalid authentication credentials."
    ),
    "unknown_model": Fault(
        lambda good, asked: reply_of_refusal(unknown_model(asked.model)), works=False
    ),
    "bad_request": _error(400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
    "error_500": _error(
        500, "INTERNAL", "An internal error has occurred. Please retry or report it."
    ),
    "overloaded": _error(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "timeout_504": _error(504, "DEADLINE_EXCEEDED", "Deadline expired before operation."),
    "aborted": _error(409, "ABORTED", "The operation was aborted."),
    "cancelled": _error(499, "CANCELLED", "The operation was cancelled."),
    "proxy_sign_in": _page(407, HTML),
    "bad_image": _error(400, "INVALID_ARGUMENT", "Provided image is not valid."),
    "html_404": _page(404, HTML),
    "html_413": _page(413, HTML),
    "html_502": _page(502, HTML),
    "html_200": _page(200, HTML),
    "redirect": Fault(
        lambda good, asked: Reply(
            307, headers={"Location": "http://127.0.0.1:9/elsewhere"}, paid=False
        ),
        works=False,
    ),
    "error_200": Fault(
        lambda good, asked: reply_of(
            {"error": {"code": 503, "status": "UNAVAILABLE", "message": "overloaded"}}, paid=False
        ),
        works=False,
    ),
}


# --- Answers that are a success to HTTP ----------------------------------------------------------


def _spoil(change: Callable[[GoodAnswer, CheckedRequest], Any]) -> Fault:
    """A fault that changes a copy of the good answer."""

    def spoil(good: GoodAnswer, asked: CheckedRequest) -> Reply:
        good = copy.deepcopy(good)
        changed = change(good, asked)
        return reply_of(good if changed is None else changed)

    return Fault(spoil)


def _body(text: bytes) -> Fault:
    return Fault(lambda good, asked: Reply(body=text))


def _finish(reason: str, message: str | None = None) -> Fault:
    def change(good: GoodAnswer, asked: CheckedRequest) -> None:
        candidate: GoodAnswer = {"content": {}, "finishReason": reason, "index": 0}
        if message:
            candidate["finishMessage"] = message
        good["candidates"] = [candidate]
        good["usageMetadata"].pop("candidatesTokensDetails", None)
        good["usageMetadata"]["candidatesTokenCount"] = 0

    return _spoil(change)


def _blocked(good: GoodAnswer, asked: CheckedRequest) -> None:
    del good["candidates"]
    good["promptFeedback"] = {"blockReason": "PROHIBITED_CONTENT"}


def _parts(good: GoodAnswer) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = good["candidates"][0]["content"]["parts"]
    return parts


def _blob(data: bytes) -> dict[str, Any]:
    return {"inlineData": {"mimeType": "image/jpeg", "data": base64.b64encode(data).decode()}}


def _flat(width: int, height: int, grey: int = 90) -> bytes:
    return encode(np.full((height, width, 3), grey, np.uint8))


def _two_tone(width: int, height: int) -> bytes:
    pixels = np.full((height, width, 3), 90, np.uint8)
    pixels[height // 4 : height // 2] = 160
    return encode(pixels)


def _lighter(photo: bytes) -> bytes:
    """The photo in light 1.5 % stronger."""
    found = decode(photo)
    assert found is not None
    pixels = found.astype(np.float32) * 1.015
    return encode(np.clip(pixels.round(), 0, 255).astype(np.uint8))


def recolour(degrees: float) -> Fault:
    """An unfaithful picture: the good one with every hue turned by that angle."""

    def change(good: GoodAnswer, asked: CheckedRequest) -> None:
        [blob] = [part["inlineData"] for part in _parts(good)]
        found = decode(base64.b64decode(blob["data"]))
        assert found is not None
        hsv = cv2.cvtColor(found, cv2.COLOR_BGR2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(np.int32) + round(degrees / 2)) % 180
        turned = encode(np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR), np.uint8))
        blob["data"] = base64.b64encode(turned).decode()

    return _spoil(change)


def _instead(make: Callable[[CheckedRequest], dict[str, Any]]) -> Fault:
    """A picture of ours in place of the good one."""

    def change(good: GoodAnswer, asked: CheckedRequest) -> None:
        _parts(good)[:] = [make(asked)]

    return _spoil(change)


def _thoughts_first(good: GoodAnswer, asked: CheckedRequest) -> None:
    thought = {**_blob(_flat(640, 640)), "thought": True}
    _parts(good)[:0] = [{"text": "Let me think.", "thought": True}, thought]


def _thoughts_last(good: GoodAnswer, asked: CheckedRequest) -> None:
    _parts(good).append({**_blob(_flat(640, 640)), "thought": True})


def _thoughts_only(good: GoodAnswer, asked: CheckedRequest) -> None:
    for part in _parts(good):
        part["thought"] = True


def _continuation(good: GoodAnswer, asked: CheckedRequest) -> None:
    good["candidates"][0] |= {"finishReason": "CONTINUATION", "continuationToken": "YWJj"}
    good["candidates"][0]["content"] = {}


def _unknown_finish(good: GoodAnswer, asked: CheckedRequest) -> None:
    good["candidates"][0]["finishReason"] = "SOMETHING_NEW"


def _analysis_text(change: Callable[[str], str]) -> Fault:
    def spoil(good: GoodAnswer, asked: CheckedRequest) -> None:
        for part in _parts(good):
            if "text" in part:
                part["text"] = change(part["text"])

    return _spoil(spoil)


def _fewer_variants(text: str) -> str:
    analysis = json.loads(text)
    return json.dumps({**analysis, "variants": analysis["variants"][:-1]})


def _more_variants(text: str) -> str:
    analysis = json.loads(text)
    more = {"title": "One too many", "prompt": "A scene that nobody asked for."}
    return json.dumps({**analysis, "variants": [*analysis["variants"], more]})


REASONS = [
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_OTHER",
    "NO_IMAGE",
    "IMAGE_RECITATION",
    "MALFORMED_RESPONSE",
    "MODEL_ARMOR",
    "ESCALATION",
]
UNABLE = "Unable to show the generated image. The image is not in line with the policy."

ANSWER_FAULTS = {
    **{f"finish_{reason}": _finish(reason) for reason in REASONS},
    "finish_IMAGE_SAFETY": _finish("IMAGE_SAFETY", UNABLE),
    "blocked_prompt": _spoil(_blocked),
    "no_candidates": _spoil(lambda good, asked: good.pop("candidates") and None),
    "empty_200": _body(b""),
    "list_200": _body(b"[]"),
    "string_200": _body(b'"x"'),
    "text_only": _instead(lambda asked: {"text": "Here is your picture! Shall I change it?"}),
    "thoughts_first": _spoil(_thoughts_first),
    "thoughts_last": _spoil(_thoughts_last),
    "thoughts_only": _spoil(_thoughts_only),
    "bad_base64": _instead(lambda asked: {"inlineData": {"mimeType": "image/jpeg", "data": "#!"}}),
    "no_picture_bytes": _instead(lambda asked: _blob(b"this is no picture")),
    "copied_input": _instead(lambda asked: _blob(asked.photo or b"")),
    "hardly_changed": _instead(lambda asked: _blob(_lighter(asked.photo or b""))),
    "changed_product": recolour(120),
    "tiny_picture": _instead(lambda asked: _blob(_flat(64, 64))),
    "wrong_ratio": _instead(lambda asked: _blob(_two_tone(1408, 768))),
    "blank_picture": _instead(lambda asked: _blob(_flat(1024, 1024, 0))),
    "continuation": _spoil(_continuation),
    "unknown_finish": _spoil(_unknown_finish),
    "analysis_prose": _analysis_text(lambda text: "A red shoe on a table."),
    "analysis_cut": _analysis_text(lambda text: text[: len(text) // 2]),
    "analysis_fenced": _analysis_text(lambda text: f"```json\n{text}\n```"),
    "analysis_few": _analysis_text(_fewer_variants),
    "analysis_many": _analysis_text(_more_variants),
    "status_203": Fault(lambda good, asked: reply_of(good, 203)),
}


# --- The wire ------------------------------------------------------------------------------------


def _broken(wire: str) -> Fault:
    return Fault(lambda good, asked: reply_of(good, wire=wire))


WIRE_FAULTS = {
    wire: _broken(wire)
    for wire in (
        "cut_body",
        "cut_json",
        "reset",
        "close_early",
        "hang",
        "stall",
        "drip",
        "drip_headers",
    )
}

FAULTS: dict[str, Fault] = {**STATUS_FAULTS, **ACCOUNT_FAULTS, **ANSWER_FAULTS, **WIRE_FAULTS}


def read_chance(text: str) -> tuple[str, float]:
    """`overloaded=0.1` -> its name and chance, which is 1 when left out. Raises ValueError."""
    name, _, chance = text.partition("=")
    if name not in FAULTS:
        raise ValueError(f"there is no fault {name!r}; there are {', '.join(sorted(FAULTS))}")
    try:
        share = float(chance or 1)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise ValueError(f"the chance of {name} must be from 0 to 1, as in {name}=0.1")
    return name, share
