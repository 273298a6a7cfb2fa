"""The path under which a proxy serves Packshot, such as `/packshot`; usually none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import has_request_context, request

from packshot.settings import PREFIX
from packshot.web.requests.visitors import is_trusted_proxy

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class PrefixMiddleware:
    """WSGI middleware that sets SCRIPT_NAME, so that every address begins with the prefix.

    The operator's SCRIPT_NAME may be at the beginning of the path or taken off by the proxy. An
    X-Forwarded-Prefix counts from a trusted proxy alone, and never changes the path: a proxy may
    pass on a client's header, which could bypass the proxy's rules for paths.
    """

    def __init__(self, app: WSGIApplication, prefix: str) -> None:
        self.app, self.prefix = app, prefix

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if self.prefix and not environ.get("SCRIPT_NAME"):
            self._take_off(environ)
        elif not environ.get("SCRIPT_NAME"):
            environ["SCRIPT_NAME"] = _forwarded_prefix(environ)
        return self.app(environ, start)

    def _take_off(self, environ: WSGIEnvironment) -> None:
        environ["SCRIPT_NAME"] = self.prefix
        path = environ.get("PATH_INFO", "")
        if f"{path}/".startswith(f"{self.prefix}/"):
            environ["PATH_INFO"] = path.removeprefix(self.prefix) or "/"


def _forwarded_prefix(environ: WSGIEnvironment) -> str:
    """The prefix that the nearest proxy states; "" if it is not trusted or states none."""
    given = environ.get("HTTP_X_FORWARDED_PREFIX", "").rpartition(",")[2].strip().rstrip("/")
    if not PREFIX.fullmatch(given) or not is_trusted_proxy(environ.get("REMOTE_ADDR") or ""):
        return ""
    return str(given)


def under_prefix(address: str, prefix: str | None = None) -> str:
    """One of our own addresses (`/media/...`, `/api/...`) as the client must request it; others
    stay unchanged. Give `prefix` (`request.script_root`) if the request may be over."""
    if not address.startswith("/"):
        return address
    return (request.script_root if prefix is None else prefix) + address


def without_prefix(address: str) -> str:
    """Undo `under_prefix`: the address as it is stored."""
    if not has_request_context():
        return address
    root = request.script_root
    return address.removeprefix(root) if address.startswith(f"{root}/media/") else address
