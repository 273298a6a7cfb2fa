"""The headers of every answer: the request's id, and restrictions for browsers."""

from __future__ import annotations

import logging
import time
import uuid
from typing import Final

from flask import Flask, Response, g, request

from packshot import logs
from packshot.web.requests.refusals import Refused

log = logging.getLogger("packshot.web")

_OWN_FILES: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:;"
    " connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
#: For pages: only our own files, no inline code, no text turned into markup or code.
PAGE_POLICY: Final = f"{_OWN_FILES}; require-trusted-types-for 'script'; trusted-types 'none'"
#: For /docs alone: Swagger UI 4 draws its icons through innerHTML. Still only our own files.
DOCS_POLICY: Final = _OWN_FILES
#: For everything that is not a page: it loads and runs nothing.
BARE_POLICY: Final = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",  # a raw image's address may be signed
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "X-Permitted-Cross-Domain-Policies": "none",
}
HSTS: Final = "max-age=31536000"
#: Bytes of all values together. Browsers send a few KB; gunicorn's limit is 8,190 for one line.
MAX_HEADER_BYTES: Final = 32_000
#: Methods that change nothing; logged only when they fail, because there are so many.
QUIET: Final = {"GET", "HEAD", "OPTIONS"}


def register(app: Flask) -> None:
    app.before_request(_begin)
    app.before_request(_limit_headers)
    app.after_request(_log)
    app.after_request(_add_headers)


def _begin() -> None:
    g.request_id, g.began = str(uuid.uuid4()), time.monotonic()
    logs.begin(request_id=g.request_id, **_product())


def _limit_headers() -> None:
    """Refuse large headers before any is used: gunicorn accepts 800 KB of them, and joins those
    with the same name into one value."""
    sizes = (len(value) for name, value in request.environ.items() if name.startswith("HTTP_"))
    if sum(sizes) > MAX_HEADER_BYTES:
        raise Refused(
            "headers_too_large", f"the headers are larger than {MAX_HEADER_BYTES:,} bytes"
        )


def _product() -> dict[str, int]:
    given = (request.view_args or {}).get("product_id")
    return {"product_id": given} if given is not None else {}


def _log(response: Response) -> Response:
    """Log one line for a change or an error, without the query, which may contain a secret."""
    if request.method not in QUIET or response.status_code >= 500:
        took = (time.monotonic() - g.began) * 1000 if "began" in g else 0.0
        path = request.path if request.url_rule is not None else "(unknown address)"
        who = g.get("caller")
        fields = {"status": response.status_code, "who": who.name if who else None}
        log.info(
            "%s %s %d in %.0f ms", request.method, path, response.status_code, took, extra=fields
        )
    return response


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    policy = PAGE_POLICY if response.mimetype == "text/html" else BARE_POLICY
    response.headers.setdefault("Content-Security-Policy", policy)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Request-Id"] = g.get("request_id", "")
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    return response
