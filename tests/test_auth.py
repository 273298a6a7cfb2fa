"""Who gets in: every route x every scope, loopback without keys, sessions, cross-site, limits."""

from __future__ import annotations

import gc
import http.client
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import product as every_pair
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import needs_shared
from servers.loopback import served
from sqlalchemy import text
from support.shop import API_KEYS, RAW_IMAGE, SECRETS, Json, Shop, becomes, row
from werkzeug.test import TestResponse

from packshot.cli import main
from packshot.errors import SettingsError
from packshot.keys import digest_of, new_key
from packshot.products.lookup import Editor
from packshot.settings import Settings, load_settings
from packshot.web.requests.visitors import WRONG_KEYS, client_address


@pytest.fixture
def shop(sqlite_url: str, tmp_path: Path) -> Iterator[Shop]:
    """With keys."""
    shop = Shop(sqlite_url, tmp_path / "media", api_keys=API_KEYS)
    yield shop
    shop.close()


@pytest.fixture
def home(sqlite_url: str, tmp_path: Path) -> Iterator[Shop]:
    """Without keys: this machine only."""
    shop = Shop(sqlite_url, tmp_path / "media")
    yield shop
    shop.close()


# -- every route x every scope -------------------------------------------------------------------

ANYBODY = {None, "submit", "review", "admin", "all"}
SIGNED_IN = ANYBODY - {None}
SUBMITTERS = SIGNED_IN - {"review"}
REVIEWERS = SIGNED_IN - {"submit"}

WHO_MAY: dict[tuple[str, str], set[str | None]] = {
    ("POST", "/api/products/bulk"): SUBMITTERS,
    ("POST", "/api/products/duplicates"): SUBMITTERS,
    ("POST", "/api/uploads"): SUBMITTERS,
    ("POST", "/api/imports"): SUBMITTERS,
    ("POST", "/api/imports/names"): SUBMITTERS,
    ("GET", "/api/products"): SIGNED_IN,
    ("GET", "/api/products/{product_id}"): SIGNED_IN,
    ("PATCH", "/api/products/{product_id}"): SIGNED_IN,
    ("POST", "/api/products/corrections"): SIGNED_IN,
    ("DELETE", "/api/products/{product_id}"): {"admin", "all"},
    ("GET", "/api/products/{product_id}/history"): SIGNED_IN,
    ("GET", "/api/products/{product_id}/compliance"): SIGNED_IN,
    ("PATCH", "/api/product-images/{image_id}"): REVIEWERS,
    ("POST", "/api/products/{product_id}/review"): REVIEWERS,
    ("POST", "/api/products/{product_id}/enhance"): SIGNED_IN,
    ("PUT", "/api/products/{product_id}/photo"): SIGNED_IN,
    ("POST", "/api/products/{product_id}/cancel"): SIGNED_IN,
    ("GET", "/api/stats"): SIGNED_IN,
    ("GET", "/api/export"): SIGNED_IN,
    ("GET", "/media/{key}"): SIGNED_IN,
    ("GET", "/metrics"): SIGNED_IN,
    ("GET", "/openapi.json"): SIGNED_IN,
    ("GET", "/docs"): SIGNED_IN,
    ("GET", "/docs/{name}"): SIGNED_IN,
    ("GET", "/problems/{code}"): ANYBODY,
    ("GET", "/session"): SIGNED_IN,
    ("POST", "/session"): ANYBODY,
    ("DELETE", "/session"): ANYBODY,
    ("GET", "/static/{version}/{filename}"): ANYBODY,
    ("GET", "/healthz"): ANYBODY,
    ("GET", "/readyz"): ANYBODY,
    ("GET", "/"): SIGNED_IN,
    ("GET", "/grid"): SIGNED_IN,
    ("GET", "/waiting"): SIGNED_IN,
    ("GET", "/failed"): SIGNED_IN,
    ("GET", "/products/{product_id}"): SIGNED_IN,
    ("GET", "/desk/products/{product_id}"): SIGNED_IN,
    ("GET", "/desk/state"): SIGNED_IN,
    ("GET", "/desk/views"): SIGNED_IN,
    ("GET", "/upload"): SUBMITTERS,
    ("GET", "/sign-in"): ANYBODY,
}
#: With these a request that is allowed also succeeds.
BODIES: dict[tuple[str, str], Json] = {
    ("POST", "/api/products/bulk"): {"products": [row()]},
    ("POST", "/api/products/duplicates"): {"photos": [{"sha256": "0" * 64}]},
    ("POST", "/api/products/corrections"): {"products": [{"sku": "A-1"}]},
    ("POST", "/api/imports/names"): {"names": ["82"]},
    ("PATCH", "/api/products/{product_id}"): {"name": "Cap"},
    ("PUT", "/api/products/{product_id}/photo"): {"raw_image": "https://shop.example/new.jpg"},
    ("PATCH", "/api/product-images/{image_id}"): {"status": "approved"},
    ("POST", "/api/products/{product_id}/review"): {"status": "approved"},
    ("POST", "/session"): {"key": SECRETS["all"]},
}


def routes(shop: Shop) -> set[tuple[str, str]]:
    """(method, path) of everything that is served."""
    found = set()
    for rule in shop.app.url_map.iter_rules():
        path = "".join("{" + part + "}" if is_name else part for is_name, part in rule._trace)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            found.add((method, path.replace("|", "")))
    return found


def filled_in(shop: Shop, path: str) -> str:
    """The path with what there is, freshly made, in its gaps."""
    if "{" not in path:
        return path
    if path.endswith("/compliance"):
        path += "?preset=amazon"
    product_id, [image_id, *_] = shop.reviewable(submitted_by="seller")
    if path.endswith("/cancel"):
        becomes(shop, [product_id], "pending")
    [image, *_] = shop.services.catalog.product(product_id).images
    return path.format(
        product_id=product_id,
        image_id=image_id,
        key=str(image.media_url).removeprefix("/media/"),
        name="swagger-ui.css",
        code="stale",
        version="any",
        filename="docs.js",
    )


def test_the_table_has_every_route(shop: Shop) -> None:
    assert routes(shop) == set(WHO_MAY)


@pytest.mark.parametrize(("method", "path"), WHO_MAY, ids=lambda part: str(part))
def test_every_route_and_scope(shop: Shop, method: str, path: str) -> None:
    body = BODIES.get((method, path))
    for scope in ("submit", "review", "admin", "all", None):
        secret = SECRETS[scope] if scope else None
        response = shop.ask(method, filled_in(shop, path), secret, json=body)
        if scope not in WHO_MAY[method, path]:
            assert response.status_code == (403 if scope else 401), scope
        elif path in {"/api/uploads", "/api/imports"}:
            assert response.status_code == 415, scope  # let in, but with no picture
        else:
            assert response.status_code in {200, 201, 204, 303}, (scope, response.get_json())


@pytest.mark.parametrize(("method", "path"), WHO_MAY, ids=lambda part: str(part))
def test_no_other_method_gets_further(shop: Shop, method: str, path: str) -> None:
    address = filled_in(shop, path)
    everybody = ANYBODY in [who for (_, other), who in WHO_MAY.items() if other == path]
    for other in ("HEAD", "OPTIONS", "TRACE", "DELETE", "QUERY"):
        if (other, path) in WHO_MAY:
            continue
        status = shop.ask(other, address).status_code
        assert status == 401 or (everybody and other in {"HEAD", "OPTIONS"}), other
    assert shop.ask("TRACE", address, SECRETS["all"]).status_code == 405


def test_no_header_changes_the_method(shop: Shop) -> None:
    product_id, _ = shop.reviewable()
    address = f"/api/products/{product_id}"
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        for method in ("GET", "POST"):
            shop.ask(method, f"{address}?_method=DELETE", SECRETS["all"], headers={name: "DELETE"})
    assert shop.ask("GET", address, SECRETS["all"]).status_code == 200


def test_an_anonymous_browser_is_sent_to_sign_in(shop: Shop) -> None:
    for (method, path), who in WHO_MAY.items():
        if method == "GET" and None not in who:
            page = shop.ask("GET", filled_in(shop, path), headers={"Accept": "text/html"})
            assert (page.status_code, page.headers["Location"]) == (303, "/sign-in"), path


def test_a_view_without_a_mark_is_for_admins(shop: Shop) -> None:
    shop.app.add_url_rule("/forgotten", "forgotten", lambda: "hidden")
    assert shop.ask("GET", "/forgotten").status_code == 401
    assert shop.ask("GET", "/forgotten", SECRETS["review"]).status_code == 403
    assert shop.ask("GET", "/forgotten", SECRETS["admin"]).status_code == 200


def test_anonymous_callers_do_not_learn_which_addresses_exist(shop: Shop) -> None:
    assert shop.ask("GET", "/nothing").status_code == 401
    assert shop.ask("PUT", "/api/products").status_code == 401


# -- who may change what: the table of docs/api.md, row by row ----------------------------------

RIVAL = "rival-secret-5"
#: The table's columns after the first two, and the secret of such a caller.
CALLERS = (SECRETS["submit"], RIVAL, SECRETS["review"], SECRETS["admin"])
TABLE = re.findall(
    r"^\| `(\S+) (\S+)` \| ([^|]+) \| (yes|no) \| (yes|no) \| (yes|no) \| (yes|no) \|$",
    (Path(__file__).parents[1] / "docs" / "api.md").read_text(),
    re.MULTILINE,
)
WISHES: dict[str, Json] = {
    "/api/products/bulk": {"products": [row()]},
    "/api/products/duplicates": {"photos": [{"sha256": "0" * 64}]},
    "/api/products/corrections": {"products": [{"sku": "A-1"}]},
    "/api/products/{id}": {"name": "Cap"},
    "/api/products/{id}/review": {"status": "pending"},
    "/api/products/{id}/enhance": {"instructions": "whiter"},
    "/api/products/{id}/photo": {"raw_image": "https://shop.example/new.jpg"},
    "/api/product-images/{id}": {"status": "pending"},
}


@pytest.fixture
def rivals(sqlite_url: str, tmp_path: Path) -> Iterator[Shop]:
    """With two sellers."""
    shop = Shop(sqlite_url, tmp_path / "media", api_keys=f"{API_KEYS},rival:{RIVAL}:submit")
    yield shop
    shop.close()


def in_state(shop: Shop, state: str) -> tuple[int, int]:
    """A product of the key `seller` that is as the table says, and one of its pictures."""
    submitted_by = None if state.startswith("created without a key") else "seller"
    product_id, [image_id, *_] = shop.reviewable(submitted_by=submitted_by)
    if state == "pending_review, one picture decided":
        shop.services.catalog.decide(image_id, "approved", who="reviewer")
    elif state in {"approved", "rejected"}:
        shop.services.catalog.review(product_id, state, who="reviewer")
    elif state in {"failed", "pending"}:
        becomes(shop, [product_id], state)
    return product_id, image_id


def test_the_table_has_every_request_that_changes_something(rivals: Shop) -> None:
    changing = {
        (method, re.sub(r"\{\w+_id\}", "{id}", path))
        for method, path in routes(rivals)
        if method != "GET" and path != "/session"  # everybody's own
    }
    assert {(method, path) for method, path, *_ in TABLE} == changing


@pytest.mark.parametrize("line", TABLE, ids=lambda line: " ".join(line[:3]))
def test_who_may_change_what(rivals: Shop, line: tuple[str, ...]) -> None:
    method, path, state, *allowed = line
    for secret, may in zip(CALLERS, allowed, strict=True):
        product_id, image_id = in_state(rivals, state)
        before = rivals.services.catalog.product(product_id)
        place = path.replace("{id}", str(image_id if "images" in path else product_id))
        wish = WISHES.get(path)
        status = rivals.ask(method, place, secret, json=wish).status_code
        if may == "no":
            assert status == 403, (secret, status)
            assert rivals.services.catalog.product(product_id) == before, "it was changed"
        else:
            assert status in {200, 201, 415}, (secret, status)  # 415: let in, with no picture


def test_a_key_corrects_only_its_own_products_by_their_sku(rivals: Shop) -> None:
    product_id, _ = in_state(rivals, "approved")
    rivals.services.catalog.correct(product_id, {"sku": "A-1"}, by=Editor("seller"))
    wish = {"products": [{"sku": "A-1", "name": "Cap"}]}
    for secret, may in zip(CALLERS, (True, False, True, True), strict=True):
        rivals.services.catalog.correct(product_id, {"name": None}, by=Editor("seller"))
        for query in ("?dry_run=true", ""):
            answer = rivals.ask("POST", f"/api/products/corrections{query}", secret, json=wish)
            [product] = answer.get_json()["data"]["products"]
            assert bool(product["changes"]) is may
            assert (product["refused"] is None) is may
        assert (rivals.services.catalog.product(product_id).name == "Cap") is may


def test_a_refused_redo_costs_nothing_and_says_why(rivals: Shop) -> None:
    product_id, _ = in_state(rivals, "approved")
    for secret, words in (
        (SECRETS["submit"], "was reviewed"),
        (RIVAL, "was submitted with another key"),
    ):
        refused = rivals.ask("POST", f"/api/products/{product_id}/enhance", secret)
        assert refused.get_json()["type"] == "/problems/forbidden"
        assert words in refused.get_json()["message"]
    with rivals.services.database.read() as session:
        counted = text("SELECT amount FROM counters WHERE what = 'products per day'")
        assert set(session.execute(counted).scalars()) <= {0}


def test_a_desk_session_may_no_more_than_its_key(rivals: Shop) -> None:
    product_id, _ = in_state(rivals, "approved")
    client = sign_in(rivals, "submit")
    assert client.post(f"/api/products/{product_id}/enhance").status_code == 403


def test_a_round_that_nobody_decided_on_may_be_redone_by_its_key(rivals: Shop) -> None:
    """Though the round before was: its reviewer asked for this one."""
    product_id, _ = in_state(rivals, "rejected")
    path = f"/api/products/{product_id}/enhance"
    assert rivals.ask("POST", path, SECRETS["review"]).status_code == 200
    assert rivals.ask("POST", path, SECRETS["submit"]).status_code == 409  # still waiting
    becomes(rivals, [product_id], "failed")
    assert rivals.ask("POST", path, RIVAL).status_code == 403
    assert rivals.ask("POST", path, SECRETS["submit"]).status_code == 200


# -- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer seller-secret-1"},
        {"Authorization": "bearer  seller-secret-1 "},
        {"X-API-Key": "seller-secret-1"},
    ],
)
def test_a_key_is_accepted(shop: Shop, headers: dict[str, str]) -> None:
    response = shop.ask("GET", "/session", headers=headers)
    assert response.get_json()["data"] == {"name": "seller", "scopes": ["submit"]}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer seller-secret-1x"},
        {"Authorization": "Bearer seller"},
        {"Authorization": "Bearer seller:seller-secret-1"},
        {"Authorization": "Basic c2VsbGVyOnNlbGxlci1zZWNyZXQtMQ=="},
        {"Authorization": "seller-secret-1"},
        {"X-API-Key": ""},
        {"X-API-Key": "\xff"},
        {"X-API-Key": "wrong", "Authorization": "Bearer seller-secret-1"},
    ],
)
def test_anything_else_is_a_401(shop: Shop, headers: dict[str, str]) -> None:
    response = shop.ask("GET", "/api/products", headers=headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="packshot"'
    assert response.get_json()["type"] == "/problems/unauthorized"


def test_loopback_needs_a_key_too_once_there_are_keys(shop: Shop) -> None:
    assert shop.ask("GET", "/api/products").status_code == 401


def test_only_hashes_of_secrets_are_kept(monkeypatch: pytest.MonkeyPatch, shop: Shop) -> None:
    """In no attribute, container or closure of ours. The process environment keeps them, for the
    master that gunicorn puts in its own place at SIGUSR2."""
    monkeypatch.setenv("API_KEYS", API_KEYS)
    kept = "\n".join(reachable_text(shop.app, shop.services, load_settings()))
    for secret in SECRETS.values():
        assert secret not in kept
        assert digest_of(secret) in kept  # so it was looked at
    assert os.environ["API_KEYS"] == API_KEYS


def reachable_text(*roots: object) -> Iterator[str]:
    seen: dict[int, object] = {}
    left = list(roots)
    while left:
        thing = left.pop()
        if id(thing) in seen or isinstance(thing, ModuleType | type):
            continue
        seen[id(thing)] = thing  # held, so that its id is not given again
        if isinstance(thing, str | bytes):
            yield thing if isinstance(thing, str) else thing.decode("latin-1")
        elif isinstance(thing, FunctionType):  # not its globals: they are this test's too
            left += [thing.__closure__, thing.__defaults__, thing.__kwdefaults__, vars(thing)]
        elif thing is not os.environ:
            left += gc.get_referents(thing)


def test_a_new_key_can_be_read_back() -> None:
    made = new_key("shop", ("submit", "review"))
    [key] = Settings(api_keys=made).api_keys
    assert (key.name, sorted(key.scopes)) == ("shop", ["review", "submit"])
    assert len(made.split(":")[1]) >= 43  # 256 bits
    assert new_key("shop") != new_key("shop")


def test_a_new_key_is_shown_as_its_person_signs_in_with_it() -> None:
    done = CliRunner().invoke(main, ["key", "priya", "--scope", "review"])
    entry, secret = done.output.splitlines()[1::2]
    assert entry == f"priya:{secret}:review"


@pytest.mark.parametrize(
    "api_keys",
    [
        "hunter2",
        ":hunter2",
        "a:",
        "a b:hunter2",
        "a:hunter2:root",
        "a:hunter2:submit:review",
        "a:hunter2,a:hunter3",
        "a:hunter2,b:hunter2",
        "a:hunter 2",
    ],
)
def test_keys_that_can_t_be_read_stop_the_start(
    monkeypatch: pytest.MonkeyPatch, api_keys: str
) -> None:
    monkeypatch.setenv("API_KEYS", api_keys)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "API_KEYS" in caught.value.message
    assert "hunter" not in caught.value.message


# -- without keys: this machine ------------------------------------------------------------------


def ask_from(
    shop: Shop, address: str, host: str, path: str = "/api/products", **headers: str
) -> TestResponse:
    environ = {"REMOTE_ADDR": address, "HTTP_HOST": host}
    return shop.ask("GET", path, environ_overrides=environ, headers=headers)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:5000", "127.0.0.1:5000", "[::1]:5000"])
def test_this_machine_is_served(home: Shop, address: str, host: str) -> None:
    assert ask_from(home, address, host).status_code == 200


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("192.168.1.7", "localhost"),
        ("10.0.0.1", "10.0.0.2"),
        ("::ffff:10.0.0.1", "localhost"),
        ("", "localhost"),
        ("127.0.0.1", "evil.example"),
        ("127.0.0.1", "evil.example:5000"),
        ("127.0.0.1", "localhost.evil.example"),
        ("127.0.0.1", "127.0.0.1.evil.example"),
        ("127.0.0.1", "localhost:5000@evil.example"),
        ("127.0.0.1", "0.0.0.0:5000"),
        ("127.0.0.1", "192.168.1.7"),
        ("127.0.0.1", ""),
        ("127.0.0.1", "2130706433"),
    ],
)
def test_everyone_else_gets_a_401_that_explains_keys(home: Shop, address: str, host: str) -> None:
    for path in ("/api/products", "/openapi.json", "/static/any/docs.js", "/nothing", "/session"):
        response = ask_from(home, address, host, path)
        assert response.status_code == 401, path
        assert "set API_KEYS=name:secret" in response.get_json()["message"]
    ready = ask_from(home, address, host, "/readyz")
    assert (ready.status_code, ready.get_json()) == (200, {"ok": True})


@pytest.mark.parametrize(
    "header",
    [
        "Forwarded",
        "Via",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Original-Host",
        "X-Real-IP",
        "CDN-Loop",
        "X-Envoy-External-Address",
    ],
)
def test_a_proxy_is_not_this_machine(home: Shop, header: str) -> None:
    assert ask_from(home, "127.0.0.1", "localhost", **{header: "127.0.0.1"}).status_code == 401


def test_a_proxy_that_adds_no_header_is_known_by_its_http(home: Shop) -> None:
    """nginx's bare `proxy_pass` asks in HTTP/1.0 for the name it was given: 127.0.0.1:5000."""
    environ = {"HTTP_HOST": "127.0.0.1:5000", "SERVER_PROTOCOL": "HTTP/1.0"}
    assert home.ask("GET", "/api/products", environ_overrides=environ).status_code == 401


def test_rebinding_fails_over_a_socket(home: Shop) -> None:
    """As a browser would send it that was led to 127.0.0.1 by evil.example's DNS."""
    with served(home.app) as url:
        port = int(url.rpartition(":")[2])
        for host, status in (
            (f"127.0.0.1:{port}", 200),
            (f"evil.example:{port}", 401),
        ):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/api/products", headers={"Host": host})
            assert connection.getresponse().status == status
            connection.close()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.putrequest("GET", "/api/products", skip_host=True)
        connection.putheader("Host", "localhost")
        connection.putheader("Host", "evil.example")
        connection.endheaders()
        assert connection.getresponse().status in {400, 401}
        connection.close()


# -- cross-site ----------------------------------------------------------------------------------

SAME = {"Sec-Fetch-Site": "same-origin"}
CROSS_SITE: list[tuple[dict[str, str], bool]] = [
    ({}, True),  # not a browser
    (SAME, True),
    ({"Sec-Fetch-Site": "none"}, True),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, False),
    ({"Origin": "http://localhost"}, True),
    ({"Origin": "http://evil.example"}, False),
    ({"Origin": "http://localhost.evil.example"}, False),
    ({"Origin": "http://localhost:81"}, False),
    ({"Origin": "null"}, False),
    ({"Origin": ""}, False),
    ({"Origin": "http://["}, False),
    ({"Origin": "http://a]b"}, False),
    ({"Origin": "http://[x]"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Authorization": "Basic eDp5"}, False),
]


@pytest.mark.parametrize(("headers", "allowed"), CROSS_SITE)
def test_changes_come_from_our_own_pages(
    home: Shop, headers: dict[str, str], allowed: bool
) -> None:
    response = home.bulk(headers=headers)
    assert response.status_code == (201 if allowed else 403)
    assert allowed or response.get_json()["type"] == "/problems/cross_site"
    assert home.ask("GET", "/api/products", headers=headers).status_code == 200


def test_sign_in_and_sessions_are_guarded_too(shop: Shop) -> None:
    client = sign_in(shop, "all")
    body = {"products": [row()]}
    evil = {"Sec-Fetch-Site": "cross-site"}
    assert client.post("/api/products/bulk", json=body, headers=evil).status_code == 403
    assert client.post("/api/products/bulk", json=body, headers=SAME).status_code == 201
    given = {"key": SECRETS["all"]}
    assert shop.ask("POST", "/session", json=given, headers=evil).status_code == 403


def test_a_key_header_needs_no_origin(shop: Shop) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://shop.example"}
    assert shop.bulk(secret=SECRETS["submit"], headers=headers).status_code == 201


def test_no_other_origin_may_read(home: Shop) -> None:
    headers = home.ask("GET", "/api/products", headers={"Origin": "http://evil.example"}).headers
    assert "Access-Control-Allow-Origin" not in headers
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


# -- sessions ------------------------------------------------------------------------------------


def sign_in(shop: Shop, scope: str, **more: Any) -> Any:
    client = shop.app.test_client()
    response = client.post("/session", json={"key": SECRETS[scope]}, **more)
    assert response.status_code == 201, response.get_json()
    return client


def test_the_desk_signs_in_and_out(shop: Shop) -> None:
    client = sign_in(shop, "review")
    assert client.get("/session").get_json()["data"] == {"name": "reviewer", "scopes": ["review"]}
    assert client.post("/api/products/bulk", json={}).status_code == 403
    cookie = client.get_cookie("packshot")
    assert client.delete("/session").status_code == 204
    client.set_cookie("packshot", cookie.value)  # whoever kept it
    assert client.get("/session").status_code == 401


def test_a_session_can_not_be_fixed_beforehand(shop: Shop) -> None:
    """A cookie from before the sign-in is worth nothing after it."""
    planted = sign_in(shop, "submit").get_cookie("packshot").value
    client = shop.app.test_client()
    for cookie in ("made-up", planted):
        client.set_cookie("packshot", cookie)
        assert client.post("/session", json={"key": SECRETS["admin"]}).status_code == 201
        made = client.get_cookie("packshot")
        assert made is not None and made.value != cookie
        attacker = shop.app.test_client()
        attacker.set_cookie("packshot", cookie)
        assert attacker.get("/session").status_code == 401


def test_over_https_only_the_host_s_own_cookie_counts(shop: Shop) -> None:
    """A sibling domain, or the same host over http, can set a cookie without the prefix."""
    token = sign_in(shop, "all").get_cookie("packshot").value
    for name, status in (("packshot", 401), ("__Host-packshot", 200)):
        headers = {"Cookie": f"{name}={token}"}
        client = shop.app.test_client(use_cookies=False)  # or its jar replaces the header
        asked = client.get("/session", headers=headers, base_url="https://shop.example")
        assert asked.status_code == status


def test_the_cookie_is_guarded(shop: Shop) -> None:
    given = {"key": SECRETS["all"]}
    plain = shop.ask("POST", "/session", json=given).headers["Set-Cookie"]
    assert plain.startswith("packshot=")
    assert "HttpOnly" in plain and "SameSite=Lax" in plain and "Secure" not in plain
    safe = shop.ask("POST", "/session", json=given, base_url="https://shop.example")
    cookie = safe.headers["Set-Cookie"]
    assert cookie.startswith("__Host-packshot=")
    assert "Secure" in cookie and "Path=/" in cookie and "Domain" not in cookie
    assert safe.headers["Strict-Transport-Security"]


def test_only_the_token_s_hash_is_stored(shop: Shop) -> None:
    client = sign_in(shop, "all")
    with shop.services.database.read() as session:
        stored = str(session.execute(text("SELECT * FROM sessions")).all())
    assert client.get_cookie("packshot").value not in stored
    assert SECRETS["all"] not in stored


def test_a_session_ends_in_time_and_with_its_key(shop: Shop, tmp_path: Path) -> None:
    client = sign_in(shop, "review")
    cookie = client.get_cookie("packshot").value
    fewer = Shop(shop.settings.database_url, tmp_path, api_keys="boss:boss-secret-3:admin")
    other = fewer.app.test_client()
    other.set_cookie("packshot", cookie)
    assert other.get("/session").status_code == 401
    fewer.close()
    with shop.services.database.write() as session:
        session.execute(text("UPDATE sessions SET expires_at = '2020-01-01 00:00:00.000000'"))
    assert client.get("/session").status_code == 401


def test_a_wrong_key_fails_beside_a_valid_session(shop: Shop) -> None:
    client = sign_in(shop, "all")
    assert client.get("/session", headers={"X-API-Key": "wrong"}).status_code == 401


def test_sign_in_refuses_what_is_no_key(shop: Shop, home: Shop) -> None:
    for given in ({"key": "wrong"}, {"key": "seller"}):
        assert shop.ask("POST", "/session", json=given).status_code == 401
    assert shop.ask("POST", "/session", json={"key": ""}).status_code == 422
    assert home.ask("POST", "/session", json={"key": "x"}).status_code == 409


def test_sign_in_attempts_are_limited(shop: Shop) -> None:
    shop.clock.moment = 900_000.0 * 900
    for _ in range(10):
        assert shop.ask("POST", "/session", json={"key": "guess"}).status_code == 401
    response = shop.ask("POST", "/session", json={"key": SECRETS["all"]})
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "900"
    elsewhere = {"REMOTE_ADDR": "10.0.0.9"}
    given = {"key": SECRETS["all"]}
    other = shop.ask("POST", "/session", json=given, environ_overrides=elsewhere)
    assert other.status_code == 201
    shop.clock.moment += 900
    assert shop.ask("POST", "/session", json=given).status_code == 201


def show(shop: Shop, secret: str, path: str = "/session", peer: str = "10.0.0.8") -> TestResponse:
    return shop.ask("GET", path, secret, environ_overrides={"REMOTE_ADDR": peer})


def test_wrong_keys_are_limited_by_address(shop: Shop) -> None:
    shop.clock.moment = 900_000.0 * 900
    assert show(shop, SECRETS["review"]).status_code == 200
    for path in ("/api/products", "/readyz", "/sign-in", "/nothing") * (WRONG_KEYS // 4):
        show(shop, "guess", path)
    for path in ("/api/products", "/readyz"):
        refused = show(shop, "guess", path)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "900")
        # A right key that was not seen here before gets the same answer: guesses stay blind.
        right = show(shop, SECRETS["all"], path)
        assert (right.status_code, right.get_json()["message"]) == (
            429,
            refused.get_json()["message"],
        )
    assert show(shop, SECRETS["review"]).status_code == 200
    assert shop.ask("GET", "/readyz").status_code == 200
    assert show(shop, SECRETS["all"], peer="10.0.0.9").status_code == 200
    shop.clock.moment += 900
    assert show(shop, SECRETS["all"]).status_code == 200


def test_wrong_keys_make_the_database_write_nothing(shop: Shop) -> None:
    for _ in range(WRONG_KEYS + 10):
        show(shop, "guess")
    with shop.services.database.read() as session:
        assert session.execute(text("SELECT COUNT(*) FROM counters")).scalar() == 0


def test_wrong_keys_of_this_machine_itself_are_counted_too(shop: Shop) -> None:
    """What forwards bytes and no header (a tunnel, a TCP proxy) shows its own address."""
    shop.clock.moment = 900_000.0 * 900
    assert show(shop, SECRETS["review"], peer="127.0.0.1").status_code == 200
    for _ in range(WRONG_KEYS):
        assert show(shop, "guess", peer="127.0.0.1").status_code == 401
    assert show(shop, "guess", peer="127.0.0.1").status_code == 429
    assert show(shop, SECRETS["review"], peer="127.0.0.1").status_code == 200


@pytest.mark.parametrize(
    ("peer", "forwarded", "allowed", "counted"),
    [
        ("203.0.113.9", None, None, "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", None, "203.0.113.9"),  # only the proxy's own entry counts
        ("127.0.0.1", "198.51.100.1", None, "198.51.100.1"),
        ("127.0.0.1", "10.9.9.9, 198.51.100.1", None, "198.51.100.1"),  # the first is hearsay
        ("127.0.0.1", "no address", None, "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1:4711", None, "198.51.100.1"),
        ("127.0.0.1", "[2001:db8:1:2:3::4]:4711", None, "2001:db8:1:2::/64"),
        (
            "127.0.0.1",
            "198.51.100.1, 10.0.0.9",
            "127.0.0.1,10.0.0.9",
            "198.51.100.1",
        ),  # two proxies
        ("127.0.0.1", "10.7.7.7, 198.51.100.1, 10.0.0.9", "127.0.0.1,10.0.0.9", "198.51.100.1"),
        ("127.0.0.1", "10.7.7.7, 198.51.100.1", "*", "198.51.100.1"),
        ("127.0.0.1", ", " * 5000, None, "127.0.0.1"),
        ("10.0.0.2", "198.51.100.1", "10.0.0.0/8", "198.51.100.1"),
        ("10.0.0.2", "198.51.100.1", "*", "198.51.100.1"),
        ("10.0.0.2", "198.51.100.1", "nonsense", "10.0.0.2"),
        ("2001:db8:1:2:3::4", None, None, "2001:db8:1:2::/64"),  # one line's addresses are endless
        ("::ffff:203.0.113.9", None, None, "203.0.113.9"),
        ("", None, None, "unknown"),
    ],
)
def test_attempts_count_for_the_client_behind_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
    peer: str,
    forwarded: str | None,
    allowed: str | None,
    counted: str,
) -> None:
    if allowed is not None:
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", allowed)
    assert client_address(peer, forwarded) == counted


def try_to_sign_in(shop: Shop, secret: str, forwarded: str | None, peer: str = "127.0.0.1") -> int:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    environ = {"REMOTE_ADDR": peer}
    given = {"key": secret}
    return shop.ask(
        "POST", "/session", json=given, headers=headers, environ_overrides=environ
    ).status_code


def numbered(many: int) -> list[str]:
    return [f"198.51.{number // 250}.{number % 250}" for number in range(many)]


def test_behind_an_appending_proxy_each_client_is_counted_alone(shop: Shop) -> None:
    """A client that guesses does not lock out others, whatever addresses it claims."""
    for forged in numbered(40):
        try_to_sign_in(shop, "guess", f"{forged}, 203.0.113.66")
    assert try_to_sign_in(shop, "guess", "203.0.113.66") == 429
    assert try_to_sign_in(shop, SECRETS["review"], "203.0.113.7") == 201


def test_a_forged_address_is_no_way_past_the_limit(shop: Shop) -> None:
    """An unnamed proxy on this machine may pass on the header as the client sent it."""
    assert try_to_sign_in(shop, SECRETS["review"], "203.0.113.7") == 201
    statuses = [try_to_sign_in(shop, "guess", forged) for forged in numbered(40)]
    assert statuses == [401] * 30 + [429] * 10
    # Who signed in from there before is not locked out, and a key not seen there stays hidden.
    assert try_to_sign_in(shop, SECRETS["review"], "203.0.113.7") == 201
    assert try_to_sign_in(shop, SECRETS["all"], "203.0.113.8") == 429
    assert try_to_sign_in(shop, SECRETS["all"], None, peer="203.0.113.8") == 201


def test_a_named_proxy_is_trusted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.1")
    statuses = [try_to_sign_in(shop, "guess", client) for client in numbered(40)]
    assert statuses == [401] * 40  # forty clients


def test_forged_addresses_do_not_hide_who_guesses_with_key_headers(shop: Shop) -> None:
    def shown(secret: str, forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded, "X-API-Key": secret}
        return shop.ask("GET", "/session", headers=headers).status_code

    assert shown(SECRETS["review"], "203.0.113.7") == 200
    statuses = [shown("guess", forged) for forged in numbered(3 * WRONG_KEYS + 10)]
    assert statuses == [401] * 3 * WRONG_KEYS + [429] * 10
    assert shown(SECRETS["review"], "203.0.113.7") == 200


def test_a_stranger_who_only_fails_does_not_lock_out_who_signed_in_before(shop: Shop) -> None:
    """Clients that share an address: an office, or an unnamed proxy."""
    assert try_to_sign_in(shop, SECRETS["review"], None, peer="10.0.0.2") == 201
    for _ in range(12):
        try_to_sign_in(shop, "guess", None, peer="10.0.0.2")
    assert try_to_sign_in(shop, "guess", None, peer="10.0.0.2") == 429
    assert try_to_sign_in(shop, SECRETS["review"], None, peer="10.0.0.2") == 201


@contextmanager
def nobody_may_write(shop: Shop) -> Iterator[None]:
    """Another connection holds SQLite's write lock."""
    path = shop.settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_what_is_refused_or_has_nothing_to_do_opens_no_write_transaction(shop: Shop) -> None:
    """Otherwise anonymous callers could delay every write."""
    for _ in range(11):
        try_to_sign_in(shop, "guess", None)
    asked: list[tuple[str, str, Json, int]] = [
        ("DELETE", "/session", {}, 204),
        ("DELETE", "/session", {"Cookie": "packshot=made-up"}, 204),
        ("GET", "/api/products", {}, 401),
        ("GET", "/api/products", {"Cookie": "packshot=made-up"}, 401),
        ("GET", "/api/products", {"X-API-Key": "guess"}, 401),
        ("GET", "/sign-in", {}, 200),
        ("GET", "/healthz", {}, 200),
        ("POST", "/session", {}, 429),
    ]
    with nobody_may_write(shop):
        for method, path, headers, status in asked:
            body = {"key": "guess"} if method == "POST" else None
            client = shop.app.test_client(use_cookies=False)
            answer = client.open(path, method=method, json=body, headers=headers)
            assert answer.status_code == status, (method, path)


def test_a_key_over_its_limit_writes_nothing_more(limited: list[Shop]) -> None:
    shop = limited[0]
    secret = SECRETS["submit"]
    for _ in range(6):
        shop.ask("GET", "/session", secret)
    if shop.services.database.is_sqlite:
        with nobody_may_write(shop):
            assert shop.ask("GET", "/session", secret).status_code == 429


def test_right_sign_ins_are_not_counted(shop: Shop) -> None:
    for _ in range(12):
        sign_in(shop, "all")


# -- limits --------------------------------------------------------------------------------------


@pytest.fixture
def limited(database_url: str, tmp_path: Path) -> Iterator[list[Shop]]:
    """Two processes' applications on one database, on SQLite and on PostgreSQL."""
    overrides = {"rate_limit_per_minute": 5, "products_per_day": 10, "upload_mb_per_day": 1}
    shops = [Shop(database_url, tmp_path, api_keys=API_KEYS, **overrides) for _ in range(2)]
    yield shops
    for shop in shops:
        shop.close()


def test_requests_per_minute_over_all_processes(limited: list[Shop]) -> None:
    secret = SECRETS["submit"]
    statuses = [limited[turn % 2].ask("GET", "/session", secret).status_code for turn in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    response = limited[0].ask("GET", "/session", secret)
    assert response.get_json()["type"] == "/problems/too_many_requests"
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert limited[0].ask("GET", "/session", SECRETS["review"]).status_code == 200
    for shop in limited:
        shop.clock.moment += 60
    assert limited[1].ask("GET", "/session", secret).status_code == 200


def test_products_per_day_over_all_processes(limited: list[Shop]) -> None:
    first, second = limited
    secret = SECRETS["submit"]
    assert first.bulk(*[row()] * 6, secret=secret).status_code == 201
    response = second.bulk(*[row()] * 5, secret=secret)
    assert response.status_code == 429
    assert 1 <= int(response.headers["Retry-After"]) <= 86_400
    assert "per day has 4 left, and this request has 5; wait " in response.get_json()["detail"]
    many = second.bulk(*[row()] * 11, secret=secret).get_json()["detail"]
    assert many == "the limit of products per day is 10, and this request alone has 11"
    assert second.bulk(*[row()] * 4, secret=secret).status_code == 201
    none_left = second.bulk(secret=secret)
    assert none_left.status_code == 429
    assert "the limit of products per day is used up; wait " in none_left.get_json()["detail"]
    assert second.services.catalog.stats().products == {"pending": 10}
    second.clock.moment += 86_400
    assert second.bulk(secret=secret).status_code == 201


def test_a_replay_or_a_refusal_costs_no_products(limited: list[Shop]) -> None:
    shop = limited[0]
    key = {"Idempotency-Key": "k"}
    for _ in range(2):
        ten = shop.bulk(*[row()] * 10, secret=SECRETS["all"], headers=key)
        assert ten.status_code == 201
    assert shop.bulk(row(price=-1), secret=SECRETS["all"]).status_code == 422


def test_a_redo_costs_a_product_and_a_resumption_does_not(limited: list[Shop]) -> None:
    """A round is bought again: who may only review could spend without end."""
    shop = limited[0]
    product_id, _ = shop.reviewable()
    path = f"/api/products/{product_id}/enhance"
    assert shop.bulk(*[row()] * 9, secret=SECRETS["all"]).status_code == 201
    assert shop.ask("POST", path, SECRETS["all"]).status_code == 200
    other, _ = shop.reviewable()
    again = shop.ask("POST", f"/api/products/{other}/enhance", SECRETS["all"])
    assert again.status_code == 429
    assert shop.services.catalog.product(other).status == "pending_review"
    with shop.services.database.write() as session:
        session.execute(text("UPDATE products SET status = 'failed' WHERE id = :id"), {"id": other})
    shop.clock.moment += 60  # five requests a minute
    resumed = shop.ask("POST", f"/api/products/{other}/enhance", SECRETS["all"])
    assert resumed.status_code == 200


def test_bytes_per_day(limited: list[Shop]) -> None:
    shop = limited[0]
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    body = head + bytes(1_000_001) + b"\r\n--x--\r\n"
    content_type = "multipart/form-data; boundary=x"
    more = {"data": body, "content_type": content_type}
    assert shop.ask("POST", "/api/uploads", SECRETS["submit"], **more).status_code == 429


def test_this_machine_has_no_limits(sqlite_url: str, tmp_path: Path) -> None:
    shop = Shop(sqlite_url, tmp_path, rate_limit_per_minute=1, products_per_day=1)
    assert [shop.bulk(row(), row()).status_code for _ in range(3)] == [201] * 3
    shop.close()


def test_requests_are_counted_in_shares(shop: Shop) -> None:
    """3,000 a minute means one write for 60 requests, and never more than 3,000."""
    for _ in range(60):
        shop.ask("GET", "/session", SECRETS["all"])
    with shop.services.database.read() as session:
        amounts = session.execute(text("SELECT amount FROM counters")).scalars().all()
    assert amounts == [60]


def test_old_counters_are_forgotten(shop: Shop) -> None:
    shop.ask("GET", "/session", SECRETS["all"])
    shop.clock.moment += 3 * 86_400
    shop.ask("GET", "/session", SECRETS["all"])
    with shop.services.database.read() as session:
        assert session.execute(text("SELECT COUNT(*) FROM counters")).scalar() == 1


# -- what others may see -------------------------------------------------------------------------


SIGNED_IMAGE = f"{RAW_IMAGE}?X-Amz-Signature=s3cret"


def test_a_signature_is_shown_only_to_the_key_it_came_with(shop: Shop) -> None:
    key = {"Idempotency-Key": "k"}
    created = [
        shop.bulk(row(raw_image=SIGNED_IMAGE), secret=SECRETS["submit"], headers=key)
        for _ in range(2)  # a replay too
    ]
    assert all("s3cret" in answer.get_data(as_text=True) for answer in created)
    [product] = created[0].get_json()["data"]["products"]
    for scope, secret in SECRETS.items():
        for path in pages_of(product["id"]):
            body = shop.ask("GET", path, secret).get_data(as_text=True)
            assert ("s3cret" in body) == (scope == "submit"), (scope, path)
            assert RAW_IMAGE in body, (scope, path)
    session = sign_in(shop, "submit").get(f"/products/{product['id']}")
    assert "s3cret" in session.get_data(as_text=True)


def pages_of(product_id: int) -> tuple[str, ...]:
    """Where a pending product's raw image is shown."""
    one = f"products/{product_id}"
    return ("/api/products", f"/api/{one}", f"/{one}", f"/desk/{one}", "/waiting")


def test_a_signature_is_shown_to_no_key_that_others_had_before(shop: Shop, home: Shop) -> None:
    """A row written by hand belongs to no key; without keys the one user sees everything."""
    [product_id] = shop.create(row(raw_image=SIGNED_IMAGE))
    for shown, asked, secrets in ((False, shop, SECRETS.values()), (True, home, [None])):
        for path, secret in every_pair(pages_of(product_id), secrets):
            body = asked.ask("GET", path, secret).get_data(as_text=True)
            assert ("s3cret" in body) == shown, path


def test_changes_and_conflicts_show_no_signature_to_others(shop: Shop) -> None:
    product_id, [image_id, *_] = shop.reviewable(raw_image=SIGNED_IMAGE)
    answers = [
        shop.ask(method, f"/api/{path}", SECRETS["all"], json=body, headers=headers)
        for method, path, body, headers in (
            ("PATCH", f"product-images/{image_id}", {"status": "approved"}, {"If-Match": '"9"'}),
            ("PATCH", f"product-images/{image_id}", {"status": "approved"}, {}),
            ("POST", f"products/{product_id}/review", {"status": "approved"}, {}),
            ("POST", f"products/{product_id}/enhance", {}, {}),
        )
    ]
    assert [answer.status_code for answer in answers] == [412, 200, 200, 200]
    for answer in answers:
        assert RAW_IMAGE in answer.get_data(as_text=True)
        assert "s3cret" not in answer.get_data(as_text=True)


def test_anonymous_callers_get_only_the_readiness_status(shop: Shop) -> None:
    assert shop.ask("GET", "/readyz").get_json() == {"ok": True}
    assert "parts" in shop.ask("GET", "/readyz", SECRETS["review"]).get_json()


def test_planted_secrets_are_in_no_answer(shop: Shop) -> None:
    signed: Json = row(raw_image=f"{RAW_IMAGE}?X-Amz-Signature=planted")
    shop.create(signed)
    everything = ""
    for method, path in sorted(WHO_MAY):
        response = shop.ask(method, filled_in(shop, path), SECRETS["review"])
        everything += f"{response.headers}{response.data!r}"
    assert "planted" not in everything
    assert not [secret for secret in SECRETS.values() if secret in everything]


#: Its text says nothing; the worker's one resolution does (test_fetch.py).
NEEDS_DNS = "http://company.127.0.0.1.nip.io/"


def test_hostile_addresses_are_never_queued(home: Shop) -> None:
    lines = needs_shared("hostile", "ssrf", "urls.tsv").read_text().splitlines()[1:]
    for expected, url in (line.split("\t")[:2] for line in lines):
        status = home.bulk(row(raw_image=url)).status_code
        assert status == (201 if expected == "allowed" or url == NEEDS_DNS else 422), url
