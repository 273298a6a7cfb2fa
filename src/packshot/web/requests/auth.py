"""Authentication: loopback without API_KEYS, else a key header or a desk session; and CSRF."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

from flask import Flask, current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response

from packshot.keys import ALL_SCOPES, Keys
from packshot.web.requests.context import Caller
from packshot.web.requests.endpoints import ACCESS, Access
from packshot.web.requests.refusals import Refused
from packshot.web.requests.sessions import session_caller
from packshot.web.requests.visitors import Gate, gate, visitors

SAFE_METHODS: Final = {"GET", "HEAD", "OPTIONS"}
#: Headers that a proxy adds. Behind a proxy the loopback address is the proxy's, not the client's.
FORWARDING: Final = (
    "Forwarded",
    "Via",
    "Cdn-Loop",
    "X-Envoy-External-Address",
    "X-Real-Ip",
    "X-Client-Ip",
    "X-Cluster-Client-Ip",
    "True-Client-Ip",
    "Cf-Connecting-Ip",
    "Fastly-Client-Ip",
)
FORWARDING_FAMILIES: Final = ("x-forwarded", "x-original-")
#: The caller who opened the desk page. Refuses a request from a page that another caller opened.
PAGE_CALLER: Final = "X-Packshot-Caller"
_HOST: Final = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(:[0-9]{1,5})?")

NO_KEYS: Final = (
    "no API_KEYS are set, so only this machine itself is served, without a proxy and under the name"
    " localhost; set API_KEYS=name:secret (`packshot key shop` makes one) and send it as"
    " Authorization: Bearer secret"
)
WITH_KEYS: Final = (
    "send a key of API_KEYS as Authorization: Bearer secret or X-API-Key, or sign in at the desk"
)


def register(app: Flask, keys: Keys, clock: Callable[[], float]) -> None:
    """Authenticate every request. A view without a decorator of `endpoints.py` needs `admin`.

    `clock` gives Unix time.
    """
    app.extensions["packshot_keys"] = keys
    app.extensions["packshot_gate"] = Gate(keys, clock)
    app.before_request(_authenticate)


def keys() -> Keys:
    found: Keys = current_app.extensions["packshot_keys"]
    return found


def _authenticate() -> Response | None:
    access = _required_access()
    if access == "probe":
        return None
    _check_same_site()
    g.caller = identify()
    if g.caller is None or not _opened_page(g.caller):
        return _refuse_stranger(access)
    if access != "open" and not g.caller.may(*access):
        raise Refused("forbidden", f"this needs a key with the scope {' or '.join(access)}")
    return None


def _opened_page(who: Caller) -> bool:
    return unquote(request.headers.get(PAGE_CALLER, who.name)) == who.name


def _required_access() -> Access:
    if request.endpoint is None:
        return ()  # an unknown address: any signed-in caller gets the 404
    view = current_app.view_functions[request.endpoint]
    access: Access = getattr(view, ACCESS, ("admin",))
    return access


def _refuse_stranger(access: Access) -> Response | None:
    if not keys():
        raise Refused("unauthorized", NO_KEYS)
    if access == "open":
        return None
    if _is_page() and "desk.sign_in" in current_app.view_functions:
        return redirect(url_for("desk.sign_in"), 303)
    raise Refused("unauthorized", WITH_KEYS, {"WWW-Authenticate": 'Bearer realm="packshot"'})


def _is_page() -> bool:
    wants = request.accept_mimetypes
    return request.method == "GET" and wants["text/html"] > wants["application/json"]


# -- who ---------------------------------------------------------------------------------------


def identify() -> Caller | None:
    """Who sent this request; None for an anonymous caller.

    A wrong key fails even with a valid session.

    Raises Refused (429) for an address that sent too many wrong keys.
    """
    if not keys():
        return Caller("local", frozenset(ALL_SCOPES), "local") if is_local() else None
    secret = _given_secret()
    if secret is None:
        return session_caller(keys())
    key = gate().key_of(secret, visitors())
    return Caller(key.name, key.scopes, "key") if key else None


def _given_secret() -> str | None:
    """The secret of the key header; None when there is none.

    Basic does not count as a key header: another site's page can make a browser send it.
    """
    if "X-API-Key" in request.headers:
        return request.headers["X-API-Key"].strip()
    if "Authorization" not in request.headers:
        return None
    scheme, _, secret = request.headers["Authorization"].partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def is_local() -> bool:
    """Whether the peer is this machine, without a proxy, and Host a loopback name.

    Checking Host stops DNS rebinding: a page at evil.example that resolves to 127.0.0.1 still sends
    its own name.
    """
    host = _HOST.fullmatch(request.headers.get("Host", ""))
    if host is None or _is_forwarded():
        return False
    return _is_loopback(request.remote_addr or "") and _is_loopback_name(host["name"])


def _is_forwarded() -> bool:
    """Whether a proxy sent the request. nginx's bare `proxy_pass` adds no header, but speaks
    HTTP/1.0."""
    if request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        return True
    names = [name.lower() for name in request.headers.keys()]  # noqa: SIM118 - not a mapping
    return any(name in request.headers for name in FORWARDING) or any(
        name.startswith(FORWARDING_FAMILIES) for name in names
    )


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def _is_loopback_name(name: str) -> bool:
    return name.lower().removesuffix(".") == "localhost" or _is_loopback(name.strip("[]"))


# -- cross-site --------------------------------------------------------------------------------


def _check_same_site() -> None:
    """Refuse a change without a key header unless one of our pages, or no browser, sent it.

    By Fetch Metadata, or by Origin for browsers without it (OWASP's CSRF cheat sheet; Go's
    CrossOriginProtection does the same). Another site can't send a key header: that needs a CORS
    preflight, which Packshot never answers.
    """
    if request.method in SAFE_METHODS or _given_secret() is not None:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        allowed = site in {"same-origin", "none"}
    else:
        # Compared as text: browsers send exactly this form, so nothing has to be parsed.
        host = request.headers.get("Host", "")
        allowed = origin in {None, f"http://{host}", f"https://{host}"}
    if not allowed:
        raise Refused("cross_site", "this came from a page of another site")
