"""Turns every error into a status and a problem document (RFC 9457), in one place."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from packshot.errors import (
    Conflict,
    NotAllowed,
    NotFound,
    PackshotError,
    PictureError,
    Unavailable,
)
from packshot.products.answers.products import FullProduct
from packshot.web.requests.prefix import under_prefix
from packshot.web.requests.refusals import MEANINGS, FieldError, InvalidRequest, Refused
from packshot.web.requests.visibility import present

log = logging.getLogger("packshot.web")

MIME_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 5

HTTP_CODES: Final = {
    400: "malformed",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
}


@dataclass(frozen=True)
class Problem:
    """One problem document before it is written as JSON."""

    status: int
    code: str
    detail: str
    errors: list[FieldError] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def body(self, request_id: str) -> dict[str, Any]:
        return {
            "type": f"/problems/{self.code}",
            "title": MEANINGS[self.code].words,
            "status": self.status,
            "detail": self.detail,
            "instance": f"urn:uuid:{request_id}",
            "success": False,
            "message": self.detail,
            "errors": [asdict(error) for error in self.errors],
            **self.extra,
        }

    def response(self) -> Response:
        body = self.body(g.get("request_id", ""))
        body["type"] = under_prefix(body["type"])
        return Response(json.dumps(body), self.status, self.headers, mimetype=MIME_TYPE)


def register(app: Flask) -> None:
    """Answer every error with a problem document."""
    app.register_error_handler(PackshotError, lambda error: _of_ours(error).response())
    app.register_error_handler(InvalidRequest, lambda error: _of_values(error).response())
    app.register_error_handler(Refused, lambda error: _of_refusal(error).response())
    app.register_error_handler(HTTPException, answer_http_error)
    app.register_error_handler(Exception, lambda error: _of_unexpected(error).response())


def _of_ours(error: PackshotError) -> Problem:
    """Turn an error of `errors.py` into its status; nothing else does."""
    match error:
        case NotFound():
            return Problem(404, "not_found", error.message)
        case NotAllowed():
            return Problem(403, "forbidden", error.message)
        case Conflict():
            return _of_conflict(error)
        case PictureError():
            return Problem(
                422, "bad_picture", error.message, [FieldError("", error.code, error.message)]
            )
        case Unavailable():
            return _of_unavailable(error)
        case _:
            return _of_unexpected(error)


def _of_conflict(error: Conflict) -> Problem:
    status = MEANINGS[error.code].status
    if not isinstance(error.state, FullProduct):
        return Problem(status, error.code, error.message)
    return Problem(
        status,
        error.code,
        error.message,
        headers={"ETag": f'"{error.state.version}"'},
        extra={"data": {"product": present(error.state).model_dump(mode="json")}},
    )


def _of_unavailable(error: Unavailable) -> Problem:
    log.warning("request %s: %s", g.get("request_id"), error.message)
    seconds = math.ceil(error.retry_after or RETRY_AFTER_SECONDS)
    headers = {"Retry-After": str(seconds)}
    if error.code in ("busy", "disk_full"):
        return Problem(503, error.code, error.message, headers=headers)
    detail = "a part Packshot needs does not answer; nothing is lost, try again"
    return Problem(503, "unavailable", detail, headers=headers)


def _of_values(error: InvalidRequest) -> Problem:
    many = len(error.errors)
    detail = f"{many} values are missing or wrong" if many > 1 else "a value is missing or wrong"
    if request.method not in ("GET", "HEAD"):
        detail += "; nothing was changed"
    return Problem(422, "invalid_request", detail, error.errors)


def _of_refusal(error: Refused) -> Problem:
    status = MEANINGS[error.code].status
    return Problem(status, error.code, error.detail, headers=error.headers)


def answer_http_error(error: HTTPException) -> Response | HTTPException:
    """Answer errors of Flask and Werkzeug without their sentences, which may contain the input."""
    status = error.code or 500
    if status < 400:
        return error  # a redirect
    code = HTTP_CODES.get(status, "malformed" if status < 500 else "internal")
    passed_on = {"Allow", "Retry-After", "Content-Range"}
    headers = {name: value for name, value in error.get_headers() if name in passed_on}
    words = _of_unknown_address() if status == 404 else MEANINGS[code].words
    return Problem(status, code, words, headers=headers).response()


def _of_unknown_address() -> str:
    slash = request.path.endswith("/")
    return f"there is nothing at this address{'; leave out the / at its end' * slash}"


def _of_unexpected(error: Exception) -> Problem:
    log.error("request %s failed unexpectedly", g.get("request_id"), exc_info=error)
    return Problem(500, "internal", "an internal error occurred; the log has this request's id")
