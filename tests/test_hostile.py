"""Hostile requests at every address cause no 500, no change and no echo."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from itertools import product as every_pair
from pathlib import Path

import pytest
from conftest import needs_shared
from sqlalchemy import text
from support.shop import API_KEYS, SECRETS, Shop
from werkzeug.test import create_environ, run_wsgi_app

FILLED_IN = {
    "product_id": "1",
    "image_id": "1",
    "key": "uploads/x",
    "name": "swagger-ui.css",
    "code": "stale",
    "version": "any",
    "filename": "docs.js",
}
READ_A_BODY = (
    ("POST", "/api/products/bulk"),
    ("POST", "/api/products/corrections"),
    ("POST", "/api/products/bulk?on_error=skip"),
    ("POST", "/api/products/bulk?on_duplicate=skip"),
    ("POST", "/api/products/duplicates"),
    ("PATCH", "/api/products/<int:product_id>"),
    ("PUT", "/api/products/<int:product_id>/photo"),
    ("PATCH", "/api/product-images/<int:image_id>"),
    ("POST", "/api/products/<int:product_id>/review"),
    ("POST", "/api/products/<int:product_id>/enhance"),
    ("POST", "/api/products/<int:product_id>/cancel"),
    ("POST", "/api/uploads"),
    ("POST", "/api/imports"),
    ("POST", "/api/imports/names"),
    ("POST", "/session"),
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PAGE_QUERY = "status={0}&category={0}&batch={0}&product={0}&q={0}&sku={0}&enhancer={0}&order={0}"
API_FILTERS = ("status", "category", "batch", "sku", "q", "enhancer", "doubt", "order", "cursor")
API_QUERIES = (
    *(f"/api/products?{name}=" for name in API_FILTERS),
    *(f"/api/export?{name}=" for name in ("format", "category", "batch", "sku")),
    "/api/export?format=zip&names=",
    "/api/export?format=zip&since=",
    "/api/products/1?rounds=",
    "/api/products?unknown=",
)
QUERY_VALUES = (
    "%00",
    "%0d%0aX-Injected:1",
    "%ff%fe",
    "%ed%a0%80",
    "'%3BDROP%20TABLE%20products%3B--",
    "%3Cscript%3E",
    "%E2%80%AE",
    "9" * 30,
    "-1",
    "../" * 20,
    "x" * 3000,
)
HEADERS = (
    "Accept",
    "Accept-Language",
    "Authorization",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Forwarded",
    "Host",
    "Idempotency-Key",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "Origin",
    "Range",
    "Referer",
    "Sec-Fetch-Site",
    "Transfer-Encoding",
    "X-API-Key",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Prefix",
    "X-Forwarded-Proto",
    "X-HTTP-Method-Override",
)
#: Those that say who asks: sent to a shop with keys too.
WHO = ("Authorization", "Cookie", "Host", "Sec-Fetch-Site", "X-API-Key", "X-Forwarded-For")
#: As WSGI has them: bytes above ASCII are Latin-1.
HEADER_VALUES = (
    "",
    "http://[",
    "http://a]b",
    "http://[x]",
    "[::1]:x",
    "localhost:99999999",
    "xn--",
    "a" * 300 + ".example",
    "//",
    ",;=",
    '"',
    'W/"1',
    '"99999999999999999999"',
    "\xff\xfe",
    "\xed\xa0\x80",
    "\x01",
    "%00%ff",
    "-1",
    "9" * 30,
    "NaN",
    "bytes=9999999999999999999999-",
    "bytes=5-1,a-b",
    "bytes=-0",
    "multipart/form-data",
    'multipart/form-data; boundary="',
    "application/json; charset=\xff",
    "application/json; charset=nope",
    "text/html;q=nan, */*;q=inf",
    "text/html," * 500,
    'packshot="\\400"; __Host-packshot=;;=',
    "a=b; " * 300,
    "Basic ====",
    "Bearer \xff",
    'Digest username="',
    "gzip, identity",
    "chunked, chunked",
    'for="[::1',
    "1.2.3.4, [",
    "Thu, 99 Foo 99999 99:99:99 GMT",
    "Fri, 31 Dec 9999 23:59:59 -9999",
)


@pytest.fixture
def shop(postgres_url: str, tmp_path: Path) -> Iterator[Shop]:
    """On PostgreSQL, which refuses more than SQLite: NUL, long numbers."""
    shop = Shop(postgres_url, tmp_path / "media")
    yield shop
    shop.close()


def addresses(shop: Shop) -> list[str]:
    """Every address, its placeholders filled in."""
    found = set()
    for rule in shop.app.url_map.iter_rules():
        parts = [FILLED_IN[part] if is_name else part for is_name, part in rule._trace]
        found.add("".join(parts).replace("|", ""))
    return sorted(found)


def hostile_bodies() -> list[bytes]:
    return [path.read_bytes() for path in sorted(needs_shared("hostile", "json").iterdir())]


def test_every_route_that_reads_a_body_is_in_the_list(shop: Shop) -> None:
    found = {
        (method, rule.rule)
        for rule in shop.app.url_map.iter_rules()
        for method in (rule.methods or set()) & {"POST", "PUT", "PATCH"}
    }
    assert found == {(method, path.partition("?")[0]) for method, path in READ_A_BODY}


@pytest.mark.parametrize(("method", "path"), READ_A_BODY)
def test_no_body_breaks_what_reads_it_or_passes(shop: Shop, method: str, path: str) -> None:
    product, [image, *_] = shop.reviewable()
    if path.endswith("/enhance"):  # an empty body is good there; a pending product refuses all
        [product] = shop.create()
    address = path.replace("<int:product_id>", str(product)).replace("<int:image_id>", str(image))
    before = shop.services.catalog.stats()
    for body in hostile_bodies():
        response = shop.ask(method, address, data=body, content_type="application/json")
        assert 400 <= response.status_code < 500, body[:80]
    after = shop.services.catalog.stats()
    assert (after.products, after.images) == (before.products, before.images)


def test_no_body_breaks_what_reads_none(shop: Shop) -> None:
    """Methods that an address does not take included."""
    bodies = hostile_bodies()[::40]
    shop.reviewable()
    before = shop.services.catalog.stats()
    for address, method in every_pair(addresses(shop), METHODS):
        if (method, address) == ("DELETE", "/api/products/1"):
            continue  # it needs no body, and deletes as requested
        for body in bodies:
            response = shop.ask(method, address, data=body, content_type="application/json")
            assert response.status_code < 500, (method, address, body[:80])
            assert method == "GET" or response.status_code >= 400 or address == "/session"
    after = shop.services.catalog.stats()
    assert (after.products, after.images) == (before.products, before.images)


@pytest.mark.extra
def test_no_query_breaks_any_page(shop: Shop) -> None:
    shop.reviewable()
    asked = [f"{address}?{PAGE_QUERY}" for address in addresses(shop)]
    asked += [f"{address}{{0}}" for address in API_QUERIES]
    for address, value in every_pair(asked, QUERY_VALUES):
        response = shop.ask("GET", address.format(value))
        assert response.status_code < 500, (address, value)
        assert "X-Injected" not in response.headers
    with shop.services.database.read() as session:
        assert session.execute(text("SELECT COUNT(*) FROM products")).scalar() == 1


def test_no_header_breaks_any_route(shop: Shop, sqlite_url: str, tmp_path: Path) -> None:
    """Each header gets every value, once on a route that reads and once on one that changes."""
    guarded = Shop(sqlite_url, tmp_path / "guarded", api_keys=API_KEYS, rate_limit_per_minute=0)
    for methods in (("GET",), ("POST", "PATCH", "DELETE")):
        routes = [place for place in every_pair(addresses(shop), methods) if knows(shop, *place)]
        for asked, name in (
            *((shop, name) for name in HEADERS),
            *((guarded, name) for name in WHO),
        ):
            key = {"HTTP_X_API_KEY": SECRETS["all"]} if asked is guarded and name == "Host" else {}
            rounds = max(len(routes), len(HEADER_VALUES))
            pairs = zip(cycle(routes), cycle(HEADER_VALUES), strict=False)
            for (address, method), value in islice(pairs, rounds):
                status = status_of(asked, method, address, key | {in_wsgi(name): value})
                assert status < 500, (method, address, name, value)
    guarded.close()


def status_of(shop: Shop, method: str, address: str, variables: dict[str, str]) -> int:
    """Without the test client, which rejects such headers itself."""
    environ = create_environ(address, method=method, json={}) | variables
    body, status, _ = run_wsgi_app(shop.app, environ, buffered=True)
    getattr(body, "close", lambda: None)()
    return int(status[:3])


def knows(shop: Shop, address: str, method: str) -> bool:
    return shop.app.url_map.bind("localhost").test(address, method)


def in_wsgi(name: str) -> str:
    variable = name.upper().replace("-", "_")
    return variable if variable.startswith("CONTENT_") else f"HTTP_{variable}"


def test_no_path_leaves_its_folder(shop: Shop) -> None:
    (Path(shop.settings.media_dir).parent / "secret.txt").write_text("pl4nted")
    starts = ("/media/uploads/", "/media/", "/static/", "/docs/", "/")
    steps = ("..", "%2e%2e", "..%2f..", "..%5c", "%252e%252e", ".%00.", "....//")
    for start, step in every_pair(starts, steps):
        for end in ("secret.txt", "settings.py"):
            response = shop.ask("GET", f"{start}{step}/{end}")
            assert response.status_code in {308, 404}, (start, step, end)
            assert b"pl4nted" not in response.data
