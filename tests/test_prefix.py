"""Packshot under a path of a proxy: every address carries the prefix, over real sockets."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from servers.packshot_process import PackshotProcess, gunicorn
from servers.prefix_proxy import PREFIX, prefix_proxy
from support.desk_shop import DeskShop, desk_shop
from support.fakes import photo_bytes

from packshot.client import Client
from packshot.errors import SettingsError
from packshot.settings import Settings, load_settings

SECRET = "ps_a-secret-of-asha"
HEADERS = {"Authorization": f"Bearer {SECRET}"}
http = urllib3.PoolManager(retries=False, timeout=20)


@pytest.fixture
def shop(sqlite_url: str, tmp_path: Path) -> Iterator[DeskShop]:
    with desk_shop(sqlite_url, tmp_path / "media", f"asha:{SECRET}") as shop:
        yield shop


@pytest.fixture
def url(shop: DeskShop) -> Iterator[str]:
    """Where the shop is behind its proxy."""
    with prefix_proxy(shop.url) as url:
        yield url


def ask(method: str, url: str, **more: Any) -> urllib3.BaseHTTPResponse:
    headers = HEADERS | more.pop("headers", {})
    return http.request(method, url, headers=headers, redirect=False, **more)


def addresses(body: Any) -> set[str]:
    """Every text in an answer that is an address of ours."""
    if isinstance(body, dict):
        return set().union(*map(addresses, body.values()))
    if isinstance(body, list):
        return set().union(*map(addresses, body))
    return {body} if isinstance(body, str) and body.startswith("/") else set()


def test_every_address_in_an_answer_can_be_requested(shop: DeskShop, url: str) -> None:
    [number] = shop.stock(1)
    for path in (f"/api/products/{number}?rounds=all", "/api/products", f"/desk/products/{number}"):
        found = addresses(json.loads(ask("GET", url + path).data))
        assert len(found) > 5
        for address in found:
            assert address.startswith(f"{PREFIX}/media/")
    origin = url.removesuffix(PREFIX)
    assert {ask("GET", origin + address).status for address in found} == {200}


def test_decisions_and_exports_answer_with_the_prefix(shop: DeskShop, url: str) -> None:
    [number] = shop.stock(1)
    review = {"status": "approved"}
    decided = ask("POST", f"{url}/api/products/{number}/review", json=review)
    picture = json.loads(decided.data)["data"]["product"]["images"][0]
    assert picture["image_url"].startswith(f"{PREFIX}/media/")
    changed = ask("PATCH", f"{url}/api/product-images/{picture['id']}", json={"status": "pending"})
    assert all(found.startswith(PREFIX) for found in addresses(json.loads(changed.data)))
    assert ask("PATCH", f"{url}/api/product-images/{picture['id']}", json=review).status == 200
    for line in ask("GET", f"{url}/api/export?format=jsonl").data.splitlines():
        row = json.loads(line)
        assert row["image_url"].startswith(f"{PREFIX}/media/")
        assert row["media_url"].startswith(f"{PREFIX}/media/")
    archive = zipfile.ZipFile(io.BytesIO(ask("GET", f"{url}/api/export?format=zip").data))
    for entry in json.loads(archive.read("manifest.json"))["pictures"]:
        assert entry["image_url"].startswith(f"{PREFIX}/media/")


def test_a_client_uploads_creates_and_downloads_through_the_prefix(
    shop: DeskShop, url: str, tmp_path: Path
) -> None:
    photo = tmp_path / "mug.jpg"
    photo.write_bytes(photo_bytes())
    client = Client(url, SECRET)
    raw_image = client.upload(photo)
    assert raw_image.startswith(f"{PREFIX}/media/uploads/")
    created = ask("POST", f"{url}/api/products/bulk", json=bulk(raw_image))
    assert created.status == 201
    assert created.headers["Location"].startswith(f"{PREFIX}/api/products?batch=")
    [product] = json.loads(created.data)["data"]["products"]
    assert product["raw_image"] == raw_image
    [kept] = Client(shop.url, SECRET).products()
    assert kept["raw_image"] == raw_image.removeprefix(PREFIX)
    shop.stock(1)
    images = next(client.products(status="pending_review"))["images"]
    assert client.download(images[0], tmp_path).read_bytes()[:3] == b"\xff\xd8\xff"


def bulk(raw_image: str) -> dict[str, Any]:
    return {"products": [{"category": "Mugs", "raw_image": raw_image, "mrp": 10, "price": 9}]}


def test_pages_sign_in_and_the_cookie_stay_under_the_prefix(url: str) -> None:
    page = http.request("GET", url + "/", headers={"Accept": "text/html"}, redirect=False)
    assert page.headers["Location"] == f"{PREFIX}/sign-in"
    door = http.request("GET", f"{url}/sign-in").data.decode()
    links = re.findall(r'(?:href|src|action)="(/[^"]*)"', door)
    assert len(links) >= 5
    assert all(link.startswith(f"{PREFIX}/") for link in links)
    links.remove(f"{PREFIX}/session")  # the form's
    assert {http.request("GET", url.removesuffix(PREFIX) + link).status for link in links} == {200}
    entered = http.request("POST", f"{url}/session", json={"key": SECRET})
    assert f"Path={PREFIX};" in f"{entered.headers['Set-Cookie']};"
    cookie = entered.headers["Set-Cookie"].partition(";")[0]
    left = http.request("DELETE", f"{url}/session", headers={"Cookie": cookie})
    assert f"Path={PREFIX};" in f"{left.headers['Set-Cookie']};"
    desk = ask("GET", f"{url}/grid", headers={"Accept": "text/html"}).data.decode()
    links = re.findall(r'(?:href|src|action)="(/[^"]*)"', desk)
    assert all(link.startswith(f"{PREFIX}/") for link in links)


def test_over_https_the_cookie_has_a_name_that_a_path_allows(url: str, shop: DeskShop) -> None:
    """`__Host-` needs the path /: a browser would drop the cookie."""
    app = shop.app
    entered = app.test_client().post(
        "/session",
        json={"key": SECRET},
        base_url="https://shop.example",
        headers={"X-Forwarded-Prefix": PREFIX},
    )
    cookie = entered.headers["Set-Cookie"]
    assert cookie.startswith("__Secure-packshot=")
    assert "Secure" in cookie


@pytest.mark.parametrize(
    ("peer", "header"),
    [
        ("192.0.2.7", PREFIX),
        ("127.0.0.1", "//evil.example"),
        ("127.0.0.1", "/../x"),
        ("127.0.0.1", 'x"/packshot'),
        ("127.0.0.1", '/"><script>'),
        ("127.0.0.1", "https://evil.example"),
        ("127.0.0.1", "/pack shot"),
        ("127.0.0.1", "/" + "x" * 2000),
    ],
)
def test_a_header_that_is_not_a_trusted_proxys_path_changes_nothing(
    shop: DeskShop, peer: str, header: str
) -> None:
    [number] = shop.stock(1, kinds=1)
    plain = shop.app.test_client().get(f"/api/products/{number}", headers=HEADERS)
    found = shop.app.test_client().get(
        f"/api/products/{number}",
        headers=HEADERS | {"X-Forwarded-Prefix": header},
        environ_overrides={"REMOTE_ADDR": peer},
    )
    assert found.get_data() == plain.get_data()
    assert PREFIX not in found.text


def test_the_last_of_several_prefixes_is_the_nearest_proxys(shop: DeskShop) -> None:
    found = shop.app.test_client().get(
        "/", headers={"Accept": "text/html", "X-Forwarded-Prefix": f"/stranger, {PREFIX}/"}
    )
    assert found.headers["Location"] == f"{PREFIX}/sign-in"


def test_a_prefix_never_changes_which_path_is_served(shop: DeskShop) -> None:
    """A proxy's rules for paths would be worth nothing otherwise."""
    for path in ("/x/metrics", "/x/api/products"):
        found = shop.app.test_client().get(path, headers=HEADERS | {"X-Forwarded-Prefix": "/x"})
        assert found.status_code == 404


# -- SCRIPT_NAME, where the operator says it ------------------------------------------------------


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PackshotProcess]:
    environment = {
        "API_KEYS": f"asha:{SECRET}",
        "WORKER_ENABLED": "false",
        "SCRIPT_NAME": f"{PREFIX}/",
    }
    with PackshotProcess(tmp_path_factory.mktemp("prefix"), gunicorn(1), environment) as process:
        process.wait_until_serving()  # at /healthz, which does not begin with the prefix
        yield process


@pytest.mark.parametrize("strips", [True, False])
def test_script_name_serves_proxies_that_strip_and_that_do_not(
    process: PackshotProcess, strips: bool
) -> None:
    with prefix_proxy(process.url, strips=strips, announces=False) as url:
        client = Client(url, SECRET)
        raw_image = client._data(
            "POST", "api/uploads", fields={"file": ("a.jpg", photo_bytes(), "image/jpeg")}
        )["raw_image"]
        assert raw_image.startswith(f"{PREFIX}/media/uploads/")
        [product] = client.create(bulk(raw_image)["products"])["products"]
        assert product["raw_image"] == raw_image
        assert ask("GET", url.removesuffix(PREFIX) + raw_image).status == 200
        assert json.loads(ask("GET", f"{url}/openapi.json").data)["servers"] == [{"url": PREFIX}]


@pytest.mark.parametrize("value", ["packshot", "//x", "/a/../b", "https://x/y", "/pack shot"])
def test_a_script_name_that_is_no_path_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPT_NAME", value)
    with pytest.raises(SettingsError, match=r"SCRIPT_NAME=.*must be a path such as /packshot"):
        load_settings()
    assert Settings(script_name="/packshot/").script_name == PREFIX
