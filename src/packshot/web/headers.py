"""What every answer carries: a request's id, and the headers that keep a browser strict."""

from __future__ import annotations

import uuid
from typing import Final

from flask import Flask, Response, g, request

_OWN_FILES: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:;"
    " connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
#: Pages: nothing but our own files; no inline code; no text turned into markup or code.
PAGE_POLICY: Final = f"{_OWN_FILES}; require-trusted-types-for 'script'; trusted-types 'none'"
#: For /docs alone: Swagger UI 4 draws its icons through innerHTML. Own files only, all the same.
DOCS_POLICY: Final = _OWN_FILES
#: Anything that is no page has no business to load or run anything.
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


def register(app: Flask) -> None:
    app.before_request(_number)
    app.after_request(_harden)


def _number() -> None:
    g.request_id = str(uuid.uuid4())


def _harden(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    policy = PAGE_POLICY if response.mimetype == "text/html" else BARE_POLICY
    response.headers.setdefault("Content-Security-Policy", policy)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Request-Id"] = g.get("request_id", "")
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    return response
