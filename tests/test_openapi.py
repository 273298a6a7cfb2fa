"""The OpenAPI document is true: valid, complete, and schemathesis finds nothing to complain of."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest
from shop import API_KEYS, SECRETS, Json, Shop, row
from werkzeug.serving import WSGIRequestHandler, make_server

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def shop(sqlite_url: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(sqlite_url, tmp_path / "media", api_keys=API_KEYS, rate_limit_per_minute=0)
    yield shop
    shop.close()


@pytest.fixture
def document(shop: Shop) -> Json:
    body: Json = shop.ask("GET", "/openapi.json", SECRETS["all"]).get_json()
    return body


def operations(document: Json) -> dict[str, Json]:
    """operationId -> operation."""
    return {
        operation["operationId"]: operation
        for path in document["paths"].values()
        for method, operation in path.items()
        if method in METHODS
    }


def test_every_route_of_the_api_is_in_it(shop: Shop, document: Json) -> None:
    pages = ("desk.", "openapi_pages.", "static")
    served = {
        rule.endpoint
        for rule in shop.app.url_map.iter_rules()
        if not rule.endpoint.startswith(pages)
    }
    assert len(operations(document)) == len(served)


def test_every_reference_leads_somewhere(document: Json) -> None:
    text = json.dumps(document)
    for name in document["components"]["schemas"]:
        assert "." not in name
        text = text.replace(f'"#/components/schemas/{name}"', "found")
    assert "#/components/schemas/" not in text
    assert "HTTPError" not in text


def test_every_operation_says_who_may_and_how_it_fails(document: Json) -> None:
    for name, operation in operations(document).items():
        assert operation["summary"], name
        if name in {"isAlive", "isReady"}:
            continue
        assert {"400", "401", "429", "503"} <= operation["responses"].keys(), name
        if name not in {"signIn", "signOut"}:
            assert operation["security"] == [{"bearer": []}, {"header": []}], name
            assert "403" in operation["responses"], name
    scopes = operations(document)["createProducts"]["description"]
    assert scopes.endswith("Scope: submit.")


def test_a_bulk_answer_is_what_its_schema_says(shop: Shop, document: Json) -> None:
    answer = shop.bulk(row(), secret=SECRETS["all"]).get_json()
    problem = shop.bulk(row(price=-1), secret=SECRETS["all"]).get_json()
    for body, name in ((answer, "BulkAnswer"), (problem, "Problem")):
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(body)


def test_no_secret_is_in_it(document: Json) -> None:
    assert not [secret for secret in SECRETS.values() if secret in json.dumps(document)]


def test_its_page_loads_our_own_files_only(shop: Shop) -> None:
    """Seen in Chromium too: without Trusted Types nothing of the policy is broken by the page."""
    page = shop.ask("GET", "/docs", SECRETS["review"])
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy and "unsafe" not in policy
    files = re.findall(r'(?:src|href)="([^"]+)"', page.get_data(as_text=True))
    assert len(files) == 5
    for file in files:
        assert file.startswith("/")
        assert shop.ask("GET", file, SECRETS["review"]).status_code == 200
    other = shop.ask("GET", "/static/docs.js").headers["Content-Security-Policy"]
    assert other.startswith("default-src 'none'")


#: What a schema can't say is refused all the same: a host that isn't public, a stale version.
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "304", "401", "403", "404", "409", "412", "422", "429"]
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "429"]
"""


class Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        """Hundreds of lines would hide the one that counts."""


@pytest.mark.timeout(120)
def test_schemathesis_finds_nothing(shop: Shop, tmp_path: Path) -> None:
    """All its checks and phases, over a socket; some hundreds of requests."""
    for _ in range(3):
        shop.reviewable()
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    server = make_server("127.0.0.1", 0, shop.app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
        command += [f"http://127.0.0.1:{server.port}/openapi.json", "--checks", "all"]
        command += ["--header", f"Authorization: Bearer {SECRETS['all']}", "--no-color"]
        command += ["--header", f"X-API-Key: {SECRETS['all']}"]
        command += ["--max-examples", "5", "--generation-deterministic"]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-2000:]
    assert "Unresolvable references" not in ended.stdout
