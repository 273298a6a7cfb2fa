"""The OpenAPI document is true: valid, complete, and schemathesis finds nothing to complain of."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from servers.loopback import served
from support.fakes import photo_bytes
from support.shop import API_KEYS, SECRETS, Json, Shop, row
from werkzeug.test import TestResponse

from packshot.storage.digests import sha256_of
from packshot.web.api import examples

ASHA = "a-secret-of-asha-5"
JSON = "application/json"
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def shop(sqlite_url: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(
        sqlite_url,
        tmp_path / "media",
        api_keys=f"{API_KEYS},asha:{ASHA}:review",
        rate_limit_per_minute=0,
    )
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


def test_every_reference_resolves(document: Json) -> None:
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


def examples_in(content: Json) -> list[tuple[Json, Any]]:
    """(schema, example) of each content type."""
    return [
        (media["schema"], example["value"])
        for media in content.values()
        for example in (media.get("examples") or {"": {"value": media.get("example")}}).values()
    ]


def resolved(node: Any, document: Json) -> Any:
    """With every reference outside of the schemas replaced by what it leads to."""
    if isinstance(node, list):
        return [resolved(each, document) for each in node]
    if not isinstance(node, dict):
        return node
    _, _, place = node.get("$ref", "").partition("#/components/")
    kind, _, name = place.partition("/")
    if kind in {"responses", "examples"}:
        return resolved(document["components"][kind][name], document)
    return {key: resolved(value, document) for key, value in node.items()}


@pytest.fixture
def described(document: Json) -> dict[str, Json]:
    return operations(resolved(document, document))


#: Bytes have no example.
BYTES = {"multipart/form-data", "image/*", "application/zip"}


def test_every_body_has_examples_that_are_what_their_schemas_say(
    document: Json, described: dict[str, Json]
) -> None:
    for name, operation in described.items():
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in [body["content"] for body in bodies if "content" in body]:
            texts = {kind: content[kind] for kind in content.keys() - BYTES}
            for schema, example in examples_in(texts):
                assert example is not None, name
                whole = schema | {"components": document["components"]}
                jsonschema.Draft202012Validator(whole).validate(example)


#: Only the statuses and the parts that there are.
IN_PARTS = {"/data/products", "/data/images", "/parts"}


def same_shape(example: Any, real: Any, place: str = "") -> None:
    """The same keys and kinds of values all the way down; null goes with anything."""
    if isinstance(example, dict) and isinstance(real, dict):
        assert real.keys() <= example.keys(), place
        assert place in IN_PARTS or real.keys() == example.keys(), place
        for key, value in real.items():
            same_shape(example[key], value, f"{place}/{key}")
    elif isinstance(example, list) and isinstance(real, list):
        for one, other in zip(example, real, strict=False):
            same_shape(one, other, f"{place}/0")
    elif place in {"/message", "/data/product/status"}:
        assert re.sub(r"\d+", "N", example) == re.sub(r"\d+", "N", real), place
    elif example is not None and real is not None:
        numbers = (int, float)
        kind = numbers if type(example) in numbers else type(example)
        assert isinstance(real, kind), place


def answers(shop: Shop) -> Iterator[tuple[str, TestResponse]]:
    """Each operation once, asked as its example says; (operationId, what the server answered)."""

    def ask(method: str, path: str, body: Json | None = None) -> TestResponse:
        more = {} if body is None else {"json": body}
        return shop.ask(method, path, SECRETS["all"], **more)

    yield "createProducts", ask("POST", "/api/products/bulk", examples.CREATE)
    photo = {"file": (io.BytesIO(photo_bytes()), "photo.jpg")}
    yield (
        "uploadPicture",
        (uploaded := shop.ask("POST", "/api/uploads", SECRETS["all"], data=photo)),
    )
    shop.bulk(row(sku="A-9", **uploaded.get_json()["data"]), secret=SECRETS["all"])
    same = {"photos": [{"sha256": sha256_of(photo_bytes()), "sku": "A-9"}]}
    yield "findDuplicates", ask("POST", "/api/products/duplicates", same)
    facts = {"products": [{"sku": "A-9", "name": "Phone"}]}
    yield "correctSkus", ask("POST", "/api/products/corrections", facts)
    sheet = 'SKU,Type,MRP,Colour\nSKU-1042,Electronics,"45,000.00",black\n'
    files = {"spreadsheet": (io.BytesIO(sheet.encode()), "a.csv"), "photos": "SKU-1042_front.jpg"}
    yield "planImport", shop.ask("POST", "/api/imports", SECRETS["all"], data=files)
    yield "readNames", ask("POST", "/api/imports/names", examples.READ_NAMES)
    first, [image] = shop.reviewable(variants=1)
    yield "listProducts", ask("GET", "/api/products?limit=1")
    yield "getProduct", ask("GET", f"/api/products/{first}")
    yield "correctProduct", ask("PATCH", f"/api/products/{first}", examples.CORRECT)
    yield "decideImage", ask("PATCH", f"/api/product-images/{image}", examples.DECIDE)
    yield "getProductHistory", ask("GET", f"/api/products/{first}/history")
    yield "checkCompliance", ask("GET", f"/api/products/{first}/compliance?preset=amazon")
    yield "enhanceProduct", ask("POST", f"/api/products/{first}/enhance", examples.ENHANCE)
    replaced, _ = shop.reviewable()
    other = examples.REPLACE_PHOTO
    yield "replacePhoto", ask("PUT", f"/api/products/{replaced}/photo", other)
    [waiting] = shop.create()
    yield "cancelProduct", ask("POST", f"/api/products/{waiting}/cancel")
    second, [image] = shop.reviewable(variants=1)
    approved = examples.REVIEW | {"image_ids": [image]}
    yield "reviewProduct", ask("POST", f"/api/products/{second}/review", approved)
    yield "getStats", ask("GET", "/api/stats")
    yield "exportApproved", ask("GET", "/api/export?format=csv")
    yield "exportApproved", ask("GET", "/api/export?format=jsonl")
    yield "getMetrics", ask("GET", "/metrics")
    yield "deleteProduct", ask("DELETE", f"/api/products/{first}")
    yield "isAlive", ask("GET", "/healthz")
    yield "isReady", ask("GET", "/readyz")
    shop.services.storage.health = lambda: "away"  # type: ignore[method-assign]
    shop.clock.moment += 10
    yield "isReady", ask("GET", "/readyz")
    yield "signIn", ask("POST", "/session", examples.SIGN_IN | {"key": ASHA})
    yield "whoAmI", shop.ask("GET", "/session", ASHA)


def test_every_example_is_what_the_server_answers(shop: Shop, described: dict[str, Json]) -> None:
    asked = set()
    for name, answer in answers(shop):
        asked.add(name)
        content = described[name]["responses"][str(answer.status_code)]["content"]
        example = content[answer.mimetype]["example"]
        first, *_ = answer.text.splitlines()
        if answer.is_json:
            same_shape(example, answer.get_json())
        elif answer.mimetype == "application/x-ndjson":
            same_shape(json.loads(example), json.loads(first))
        elif answer.mimetype == "text/csv":
            assert example.startswith(first)  # the columns
        else:
            assert set(example.splitlines()[:-1]) <= set(answer.text.splitlines())
    assert described.keys() - asked == {"getMedia", "signOut"}  # bytes, and nothing


def refusals(shop: Shop) -> Iterator[tuple[str, TestResponse]]:
    """(operationId, a refusal); what else is in the document, other files try."""

    def ask(method: str, path: str, **more: Any) -> TestResponse:
        return shop.ask(method, path, SECRETS["all"], **more)

    [waiting], (ready, _) = shop.create(), shop.reviewable()
    review, stale = f"/api/products/{ready}/review", {"If-Match": '"99"'}
    once = {"Idempotency-Key": "once"}
    shop.bulk(secret=SECRETS["all"], headers=once)
    approve = {"status": "approved"}
    yield "createProducts", shop.bulk(row(price=-1), secret=SECRETS["all"])
    yield "createProducts", shop.bulk(row(), row(), secret=SECRETS["all"], headers=once)
    yield "createProducts", ask("POST", "/api/products/bulk", data=b"{", content_type=JSON)
    yield "createProducts", ask("POST", "/api/products/bulk", data=b"{}")
    yield "createProducts", shop.bulk(*[row()] * 1001, secret=SECRETS["all"])
    yield "createProducts", shop.bulk(secret=SECRETS["review"])
    yield "uploadPicture", ask("POST", "/api/uploads", data={"file": (io.BytesIO(b"x"), "x.jpg")})
    yield "listProducts", shop.ask("GET", "/api/products")
    yield "listProducts", ask("GET", "/api/products?cursor=x")
    yield "getStats", ask("GET", "/api/stats?day=1")
    yield "getProduct", ask("GET", "/api/products/999999")
    yield "reviewProduct", ask("POST", review, json=approve, headers=stale)
    yield "reviewProduct", ask("POST", review, json=approve | {"image_ids": [999999]})
    yield "reviewProduct", ask("POST", f"/api/products/{waiting}/review", json=approve)
    yield "enhanceProduct", ask("POST", f"/api/products/{waiting}/enhance")
    other = {"raw_image": "https://shop.example/other.jpg"}
    yield "replacePhoto", ask("PUT", f"/api/products/{waiting}/photo", json=other)
    other_site = {"Origin": "https://evil.example"}
    yield "signIn", shop.ask("POST", "/session", json=examples.SIGN_IN, headers=other_site)
    yield "signOut", shop.ask("DELETE", "/session", headers=other_site)
    cancel = f"/api/products/{waiting}/cancel"
    yield "cancelProduct", ask("POST", cancel, json={"dry_run": True})
    yield "cancelProduct", shop.ask("POST", cancel, headers=other_site)
    yield "deleteProduct", shop.ask("DELETE", f"/api/products/{waiting}", headers=other_site)


def test_every_refusal_is_the_example_of_its_code(shop: Shop, described: dict[str, Json]) -> None:
    for name, answer in refusals(shop):
        real = answer.get_json()
        code = real["type"].removeprefix("/problems/")
        shown = described[name]["responses"][str(answer.status_code)]["content"][answer.mimetype]
        example = shown["examples"][code]["value"]
        same_shape(example | {"message": real["message"]}, real)
        assert (example["title"], example["status"]) == (real["title"], real["status"])


def test_it_names_every_form_of_an_export(described: dict[str, Json]) -> None:
    content = described["exportApproved"]["responses"]["200"]["content"]
    assert content.keys() == {"text/csv", "application/x-ndjson", "application/zip"}


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
    other = shop.ask("GET", "/static/any/docs.js").headers["Content-Security-Policy"]
    assert other.startswith("default-src 'none'")


#: What a schema can't say is refused all the same: a host that isn't public, a stale version.
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "304", "401", "403", "404", "409", "412", "422", "429"]
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "429"]
"""


@pytest.mark.extra
def test_schemathesis_finds_nothing(shop: Shop, tmp_path: Path) -> None:
    """All its checks and phases, over a socket; some hundreds of requests."""
    for _ in range(3):
        shop.reviewable()
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    with served(shop.app) as url:
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
        command += [f"{url}/openapi.json", "--checks", "all"]
        command += ["--header", f"Authorization: Bearer {SECRETS['all']}", "--no-color"]
        command += ["--header", f"X-API-Key: {SECRETS['all']}"]
        command += ["--max-examples", "3", "--generation-deterministic"]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=500)
    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-2000:]
    assert "Unresolvable references" not in ended.stdout
