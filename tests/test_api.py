"""The contract over HTTP: bulk, lists, review, uploads, media, operations, and every refusal."""

from __future__ import annotations

import errno
import http.client
import io
import json
import time
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from conftest import needs_shared, only_sqlite
from flask import Flask
from pydantic import ValidationError
from servers.loopback import served
from servers.ports import wait_until
from sqlalchemy import text
from support.cpu import slowness
from support.fakes import photo_bytes
from support.pictures import HEIC
from support.shop import RAW_IMAGE, Json, Shop, row
from werkzeug.test import TestResponse

from packshot.cli.status import _lines
from packshot.database.engine import Database
from packshot.database.models import Call
from packshot.errors import Unavailable
from packshot.storage import LocalStorage
from packshot.web import operations
from packshot.web.api.schemas import BulkIn
from packshot.web.requests.reading import MAX_JSON_BYTES
from packshot.work.claiming.claim import Claim
from packshot.work.claiming.claims import Claims


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(database_url, tmp_path / "media", s3_raw_buckets=("listed",))
    yield shop
    shop.close()


def problem(response: TestResponse, status: int, code: str) -> Json:
    """The problem document of an answer that must be one."""
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.mimetype == "application/problem+json"
    body: Json = response.get_json()
    assert body["type"] == f"/problems/{code}"
    assert (body["status"], body["success"]) == (status, False)
    assert body["message"] == body["detail"]
    assert body["instance"] == f"urn:uuid:{response.headers['X-Request-Id']}"
    return body


def faults(response: TestResponse) -> dict[str, str]:
    """pointer -> code of a 422."""
    body = problem(response, 422, "invalid_request")
    assert all(fault["detail"] for fault in body["errors"])
    return {fault["pointer"]: fault["code"] for fault in body["errors"]}


def post(shop: Shop, raw: bytes, **headers: str) -> TestResponse:
    return shop.ask(
        "POST",
        "/api/products/bulk",
        data=raw,
        headers={"Content-Type": "application/json", **headers},
    )


# -- bulk ----------------------------------------------------------------------------------------


def test_bulk_answers_as_the_document_prints_it(shop: Shop) -> None:
    response = shop.bulk(*[row() for _ in range(5)])
    assert response.status_code == 201
    body = response.get_json()
    assert list(body) == ["success", "message", "data"]
    assert body["success"] is True
    assert body["message"] == "Successfully created 5 products and queued for processing"
    assert list(body["data"]) == ["created", "total", "products"]
    assert (body["data"]["created"], body["data"]["total"]) == (5, 5)
    first = body["data"]["products"][0]
    wanted = {"status": "pending", "mrp": 50000, "price": 45000, "discount": 5000, "gst": 18}
    assert wanted.items() <= first.items()
    assert first["category"] == "Electronics"
    assert first["created_at"].endswith("Z")


def test_one_product_is_1_products(shop: Shop) -> None:
    message = shop.bulk().get_json()["message"]
    assert message == "Successfully created 1 products and queued for processing"


def test_location_lists_the_batch(shop: Shop) -> None:
    shop.bulk()
    response = shop.bulk(row(category="A"), row(category="B"))
    listed = shop.ask("GET", response.headers["Location"]).get_json()["data"]["products"]
    assert [product["category"] for product in listed] == ["B", "A"]


def test_discount_and_gst_have_defaults_and_discount_is_not_forced(shop: Shop) -> None:
    rows = [row(discount=None, gst=None), row(discount=1)]
    first, second = shop.bulk(*rows).get_json()["data"]["products"]
    assert (first["discount"], first["gst"]) == (5000, 0)
    assert second["discount"] == 1


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (45000.5, 45000.5),
        ("45000.50", 45000.5),
        (0.1, 0.1),
        ("9999999999.99", 9999999999.99),
        (9999999999.99, 9999999999.99),
        ("0", 0),
        (-0.0, 0),
        (1e3, 1000),
        ("007.10", 7.1),
    ],
)
def test_money_is_exact(shop: Shop, given: Any, stored: float) -> None:
    response = shop.bulk(row(mrp="9999999999.99", price=given, discount=0))
    assert response.status_code == 201, response.get_json()
    product_id = response.get_json()["data"]["products"][0]["id"]
    again = shop.ask("GET", f"/api/products/{product_id}").get_json()["data"]["product"]
    assert again["price"] == stored
    assert response.get_json()["data"]["products"][0]["price"] == stored


@only_sqlite
@pytest.mark.parametrize(
    ("given", "code"),
    [
        (True, "not_money"),
        (False, "not_money"),
        ("", "not_money"),
        ("1_000", "not_money"),
        ("١٢", "not_money"),
        (" 5", "not_money"),
        ("5 ", "not_money"),
        ("+5", "not_money"),
        ("5.", "not_money"),
        (".5", "not_money"),
        ("1e3", "not_money"),
        ("0x10", "not_money"),
        ("NaN", "not_money"),
        ("Infinity", "not_money"),
        ([], "not_money"),
        ({}, "not_money"),
        (-1, "out_of_range"),
        (10_000_000_000, "out_of_range"),
        (1e22, "out_of_range"),
        ("99999999999999999999", "out_of_range"),
        (0.30000000000000004, "too_precise"),
        (1.005, "too_precise"),
        ("1.005", "too_precise"),
    ],
)
def test_money_that_is_none_is_refused(shop: Shop, given: Any, code: str) -> None:
    assert faults(shop.bulk(row(price=given)))["/products/0/price"] == code


@only_sqlite
@pytest.mark.parametrize("digits", ["1e400", "-1e400", "1e-400", "1e99999999999999999999", "1E22"])
def test_numbers_too_large_for_a_double_are_refused(shop: Shop, digits: str) -> None:
    raw = json.dumps({"products": [row(price=-7)]}).replace("-7", digits).encode()
    assert faults(post(shop, raw)).keys() == {"/products/0/price"}


def test_more_digits_than_a_double_shows_are_seen(shop: Shop) -> None:
    raw = json.dumps({"products": [row(price=-7)]}).replace("-7", "0.10000000000000000001")
    assert faults(post(shop, raw.encode()))["/products/0/price"] == "too_precise"


@only_sqlite
@pytest.mark.parametrize("gst", [-1, 100.01, "101", True])
def test_gst_is_0_to_100(shop: Shop, gst: Any) -> None:
    assert faults(shop.bulk(row(gst=gst))).keys() == {"/products/0/gst"}
    assert shop.bulk(row(gst=100)).status_code == 201


@only_sqlite
def test_price_is_not_above_mrp(shop: Shop) -> None:
    response = shop.bulk(row(price="50000.01"))
    assert faults(response) == {"/products/0/price": "price_above_mrp"}


@only_sqlite
def test_a_bad_row_creates_nothing_and_every_bad_row_is_listed(shop: Shop) -> None:
    rows = [row(), row(category=None), row(), row(price="x", gst=500), row(pric=1), "row"]
    response = shop.ask("POST", "/api/products/bulk", json={"products": rows})
    assert faults(response) == {
        "/products/1/category": "required",
        "/products/3/price": "not_money",
        "/products/3/gst": "out_of_range",
        "/products/4": "unknown_field",
        "/products/5": "not_an_object",
    }
    assert shop.services.catalog.stats().products == {}


@only_sqlite
def test_an_unknown_field_is_named_by_what_it_may_have_meant(shop: Shop) -> None:
    body = shop.bulk(row(categroy="x")).get_json()
    assert "did you mean category?" in body["errors"][0]["detail"]
    body = shop.ask("POST", "/api/products/bulk", json={"product": []}).get_json()
    assert {fault["pointer"] for fault in body["errors"]} == {"", "/products"}


@only_sqlite
def test_a_row_full_of_unknown_fields_hides_no_other_bad_row(shop: Shop) -> None:
    noise = {f"field{number}": 1 for number in range(10_001)}
    pointers = faults(shop.bulk(noise, {"category": "a"}))
    assert {pointer.split("/")[2] for pointer in pointers} == {"0", "1"}
    answered = shop.bulk(noise, row(), {"category": "a"}, query="?on_error=skip")
    assert answered.get_json()["data"]["created"] == 1


def test_an_error_in_the_log_does_not_have_the_values() -> None:
    with pytest.raises(ValidationError) as caught:
        BulkIn.model_validate({"products": [row(mrp="s3cret")]})
    assert "s3cret" not in str(caught.value)


def test_skip_creates_the_good_rows_and_says_which_are_bad(shop: Shop) -> None:
    rows = [row(category="A"), row(price=-1), row(category="B"), row(raw_image="ftp://x/y")]
    body = shop.bulk(*rows, query="?on_error=skip").get_json()
    data = body["data"]
    assert body["message"] == "Successfully created 2 products and queued for processing"
    assert (data["created"], data["total"]) == (2, 4)
    assert [product["category"] for product in data["products"]] == ["A", "B"]
    assert [fault["index"] for fault in data["errors"]] == [1, 3]
    assert data["errors"][0]["errors"][0]["pointer"] == "/products/1/price"


@only_sqlite
def test_skip_with_no_good_row_is_a_422(shop: Shop) -> None:
    assert faults(shop.bulk(row(price=-1), query="?on_error=skip"))
    assert faults(shop.bulk(query="?on_error=maybe")) == {"/query/on_error": "not_allowed"}


@only_sqlite
def test_no_products_is_a_422(shop: Shop) -> None:
    response = shop.ask("POST", "/api/products/bulk", json={"products": []})
    assert faults(response).keys() == {"/products"}


def test_a_thousand_products_fit_in_well_under_a_second(shop: Shop) -> None:
    shop.bulk()  # whatever is done once
    took = []
    for _ in range(3):
        started = time.process_time()
        response = shop.bulk(*[row()] * 1000)
        took.append(time.process_time() - started)
        assert response.get_json()["data"]["created"] == 1000
    # 0.3 s on two quiet cores; a busy machine doubles a process's time, too.
    assert min(took) < 1.0 * slowness()


@only_sqlite
def test_a_thousand_and_one_do_not(shop: Shop) -> None:
    problem(shop.bulk(*[row()] * 1001), 413, "too_large")
    problem(shop.bulk(*[{"rubbish": 1}] * 1001), 413, "too_large")


@only_sqlite
@pytest.mark.parametrize(
    "category",
    ["shoes", "Women's Clothing", "Food & Drink", "कपड़े", "👟", "x" * 100, "می‌خواهم", "👩‍👩‍👧"],
)
def test_ordinary_categories_are_kept_unchanged(shop: Shop, category: str) -> None:
    body = shop.bulk(row(category=category)).get_json()
    assert body["data"]["products"][0]["category"] == category


@only_sqlite
@pytest.mark.parametrize(
    "category",
    [
        "",
        " ",
        "\u00a0",
        "x" * 101,
        "a\x00b",
        "a\nb",
        "\t=1+1",
        "\x1b[31mred",
        "shoes\u202egpj.exe",
        "a\u2066b",
        "a\u200bb",
        "\ufeffa",
        "a\u2028b",
        "a\x9bb",
        5,
        None,
        ["shoes"],
    ],
)
def test_unusable_categories_are_refused(shop: Shop, category: Any) -> None:
    assert faults(shop.bulk(row() | {"category": category})).keys() == {"/products/0/category"}


TIBETAN = "\u0f67\u0f90\u0fb5\u0fa8\u0fb3\u0fba\u0fbc\u0fbb\u0f82"


@only_sqlite
@pytest.mark.parametrize("given", [TIBETAN, "\u1112\u1161\u11ab" * 100, "\u1f82" * 100, "שָׁלוֹם"])
def test_text_that_normalising_shortens_has_its_full_length(shop: Shop, given: str) -> None:
    """100 characters may come decomposed, as macOS writes them; each is up to four code points."""
    given = unicodedata.normalize("NFD", given)
    created = shop.bulk(row(category=given)).get_json()["data"]["products"][0]
    assert created["category"] == unicodedata.normalize("NFC", given)


@only_sqlite
@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("a" + "\u0301" * 11, "too_many_marks"),
        ("a" + "\u0301\u200d" * 11, "too_many_marks"),  # an invisible joiner ends no row
        ("a\u0489" * 50, None),
        ("a" * 401, "bad_length"),
        (" " * 401, "bad_length"),
        ("a" + "\u0301" * 400, "bad_length"),  # before anything is counted
    ],
)
def test_rows_of_marks_are_bounded(shop: Shop, given: str, code: str | None) -> None:
    response = shop.bulk(row(category=given))
    assert (
        faults(response) == {"/products/0/category": code} if code else response.status_code == 201
    )


def test_every_text_has_the_same_limits(shop: Shop) -> None:
    """Wherever text comes in: the body's fields, and what a query filters by."""
    product_id, [image_id, *_] = shop.reviewable()
    marks = "a" + "\u0301" * 11
    for method, path, body in (
        ("POST", "/api/products/bulk", {"products": [row(category=marks)]}),
        ("POST", f"/api/products/{product_id}/review", {"status": "approved", "note": marks}),
        ("PATCH", f"/api/product-images/{image_id}", {"status": "approved", "note": marks}),
        ("POST", f"/api/products/{product_id}/enhance", {"instructions": marks}),
        ("GET", f"/api/products?category={quote(marks)}", None),
        ("GET", f"/api/export?category={quote(marks)}", None),
    ):
        [code] = faults(shop.ask(method, path, json=body)).values()
        assert code == "too_many_marks", path
    assert shop.ask("GET", f"/grid?category={quote(marks)}").status_code == 200  # unset


@only_sqlite
def test_a_lone_surrogate_is_refused(shop: Shop) -> None:
    raw = json.dumps({"products": [row(category="XX")]}).replace("XX", "a\\ud800").encode()
    assert faults(post(shop, raw)).keys() == {"/products/0/category"}


def test_a_category_is_stored_in_nfc(shop: Shop) -> None:
    body = shop.bulk(row(category=" Cafe\u0301 ")).get_json()
    assert body["data"]["products"][0]["category"] == "Caf\u00e9"


def test_every_hostile_category_is_harmless(shop: Shop) -> None:
    path = needs_shared("hostile", "text", "category_field.json")
    for entry in json.loads(path.read_text()):
        response = shop.bulk(row(category=entry["value"]))
        assert response.status_code in ((201,) if entry["legit"] else (201, 422))
        if response.status_code == 201:
            created = response.get_json()["data"]["products"][0]["category"]
            assert created == entry["value"]


@only_sqlite
@pytest.mark.parametrize(
    "raw_image",
    [
        RAW_IMAGE,
        "http://example.com/a.jpg?x=1",
        "/media/uploads/8f5f30cc-6082-4e39-92f9-3fa0d4cf557f",
        "s3://listed/raw/a b.jpg",
        "https://listed.s3.ap-south-1.amazonaws.com/raw/a.jpg?X-Amz-Signature=x",
    ],
)
def test_addresses_that_can_be_fetched(shop: Shop, raw_image: str) -> None:
    assert shop.bulk(row(raw_image=raw_image)).status_code == 201


@only_sqlite
@pytest.mark.parametrize(
    "raw_image",
    [
        "",
        "phone.jpg",
        "ftp://example.com/a.jpg",
        "file:///etc/passwd",
        "http://127.0.0.1/a.jpg",
        "http://169.254.169.254/latest/meta-data/",
        "http://user:secret@example.com/a.jpg",
        "https://example.com:22/",
        "s3://not-listed/raw/a.jpg",
        "s3://listed/",
        "s3://listed/a\x00b",
        "/etc/passwd",
        "/media/../etc/passwd",
        "/media/enhanced/1/8f5f30cc-6082-4e39-92f9-3fa0d4cf557f.jpg",
        "/media/usb/phone.jpg",
        "/media/uploads/",
        "https://example.com/" + "a" * 2048,
        "https://exa\x00mple.com/",
        5,
    ],
)
def test_addresses_that_can_never_be_fetched_are_refused(shop: Shop, raw_image: Any) -> None:
    assert faults(shop.bulk(row(raw_image=raw_image))).keys() == {"/products/0/raw_image"}


# -- bodies --------------------------------------------------------------------------------------


@only_sqlite
def test_a_body_of_another_type_is_a_415(shop: Shop) -> None:
    raw = json.dumps({"products": [row()]})
    for content_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        response = shop.ask(
            "POST", "/api/products/bulk", data=raw, headers={"Content-Type": content_type}
        )
        problem(response, 415, "unsupported_media_type")
    problem(post(shop, raw.encode(), **{"Content-Encoding": "gzip"}), 415, "unsupported_media_type")


@only_sqlite
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"products": NaN}',
        b'{"products": ' + b"9" * 5000 + b"}",
        "{}".encode("utf-16"),
        b'{"products": "\xff"}',
    ],
)
def test_what_is_not_json_is_a_400(shop: Shop, raw: bytes) -> None:
    problem(post(shop, raw), 400, "malformed")


@only_sqlite
def test_two_megabytes_is_the_limit(shop: Shop) -> None:
    """A byte order mark, as Windows' editors write it, is no part of the JSON."""
    raw = b"\xef\xbb\xbf" + json.dumps({"products": [row()]}).encode()
    assert post(shop, raw.ljust(MAX_JSON_BYTES)).status_code == 201
    problem(post(shop, raw.ljust(MAX_JSON_BYTES + 1)), 413, "too_large")


@only_sqlite
def test_a_body_is_limited_by_its_real_size(shop: Shop) -> None:
    """A batch may have 2 MB; a decision needs little, and a sign-in less."""
    product_id, [image_id, *_] = shop.reviewable()
    for method, path, most in (
        ("POST", f"/api/products/{product_id}/review", 64_000),
        ("PATCH", f"/api/product-images/{image_id}", 64_000),
        ("POST", f"/api/products/{product_id}/enhance", 64_000),
        ("POST", "/session", 4_000),
    ):
        for size, refused in ((most, False), (most + 1, True)):
            more: Json = {"data": b"{}".ljust(size), "content_type": "application/json"}
            status = shop.ask(method, path, **more).status_code
            assert (status == 413) == refused, (path, size)
    product_id, _ = shop.reviewable()
    longest = json.dumps({"status": "approved", "note": "👟" * 2000})  # escaped: 24 KB
    path = f"/api/products/{product_id}/review"
    answer = shop.ask("POST", path, data=longest, content_type="application/json")
    assert answer.status_code == 200


@only_sqlite
def test_values_and_fields_are_counted_before_they_are_read(shop: Shop) -> None:
    for unit in (b"[],", b"{},", b"0,"):
        problem(post(shop, b"[" + unit * 100_000 + b"0]"), 413, "too_large")
    full = [row(category="a, b, c", raw_image=RAW_IMAGE + "?w_1,h_2,c_fill")] * 1000
    assert shop.bulk(*full).status_code == 201
    unknown = {f"field{number}": 0 for number in range(51)}
    assert faults(shop.bulk(row(), row() | unknown)) == {"/products/1": "too_many_fields"}
    assert faults(post(shop, json.dumps(unknown).encode())) == {"": "too_many_fields"}


@only_sqlite
def test_headers_are_bounded_before_they_are_read(shop: Shop) -> None:
    for name in ("ACCEPT", "IF_NONE_MATCH", "X_ANYTHING"):
        for path in ("/", "/api/products", "/static/any/docs.js", "/healthz", "/nothing"):
            long = {f"HTTP_{name}": "a," * 16_000}
            problem(shop.ask("GET", path, environ_overrides=long), 431, "headers_too_large")
    usual = {"HTTP_USER_AGENT": "b" * 8_000, "HTTP_REFERER": "https://a.example/" * 400}
    assert shop.ask("GET", "/", environ_overrides=usual).status_code == 200


@pytest.fixture
def address(shop: Shop) -> Iterator[tuple[str, int]]:
    """The same shop behind a real socket."""
    with served(shop.app) as url:
        yield "127.0.0.1", int(url.rpartition(":")[2])


@only_sqlite
@pytest.mark.parametrize(("size", "status"), [(MAX_JSON_BYTES, 201), (MAX_JSON_BYTES + 1, 413)])
def test_a_chunked_body_has_the_same_limit(
    address: tuple[str, int], size: int, status: int
) -> None:
    raw = json.dumps({"products": [row()]}).encode().ljust(size)
    pieces = (raw[start : start + 50_000] for start in range(0, size, 50_000))
    connection = http.client.HTTPConnection(*address, timeout=10)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/api/products/bulk", pieces, headers, encode_chunked=True)
    response = connection.getresponse()
    response.read()
    connection.close()
    assert response.status == status


@only_sqlite
def test_a_truncated_body_is_refused(shop: Shop) -> None:
    raw = json.dumps({"products": [row()]}).encode()
    response = shop.ask(
        "POST",
        "/api/products/bulk",
        input_stream=io.BytesIO(raw),
        content_type="application/json",
        # As gunicorn has it:
        environ_overrides={"wsgi.input_terminated": True, "CONTENT_LENGTH": str(len(raw) + 1)},
    )
    problem(response, 400, "malformed")
    assert shop.services.catalog.stats().products == {}


@only_sqlite
def test_the_input_is_never_sent_back(shop: Shop) -> None:
    canary = "c4n4ry"
    hostile = row(category=f"\x00{canary}", raw_image=f"ftp://{canary}", price=canary)
    asked = [
        shop.bulk(hostile),
        post(shop, f'{{"{canary}'.encode()),
        shop.ask("GET", f"/api/products?status={canary}&cursor={canary}"),
        shop.ask("GET", f"/{canary}"),
        shop.ask("GET", f"/media/uploads/{canary}"),
        shop.ask("GET", f"/problems/{canary}"),
        shop.ask("PATCH", "/api/product-images/1", json={"status": canary, "note": canary}),
        shop.ask("GET", f"/api/products/{canary}"),
        shop.bulk(headers={"Idempotency-Key": f"{canary}\x7f"}),
    ]
    for response in asked:
        assert 400 <= response.status_code < 500
        assert canary not in response.get_data(as_text=True) + str(response.headers)


# -- idempotency ---------------------------------------------------------------------------------


def test_the_same_key_and_body_creates_once(shop: Shop) -> None:
    key = {"Idempotency-Key": '"order-17"'}
    first = shop.bulk(row(), row(), headers=key)
    second = shop.bulk(row(), row(), headers={"Idempotency-Key": "order-17"})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.get_json() == second.get_json()
    assert first.headers["Location"] == second.headers["Location"]
    assert shop.services.catalog.stats().products == {"pending": 2}


def test_the_same_key_with_another_body_is_a_422(shop: Shop) -> None:
    key = {"Idempotency-Key": "k"}
    shop.bulk(headers=key)
    problem(shop.bulk(row(price=1), headers=key), 422, "idempotency_mismatch")
    problem(shop.bulk(query="?on_error=skip", headers=key), 422, "idempotency_mismatch")
    assert shop.services.catalog.stats().products == {"pending": 1}


def test_a_refused_request_does_not_use_up_its_key(shop: Shop) -> None:
    key = {"Idempotency-Key": "k"}
    assert shop.bulk(row(price=-1), headers=key).status_code == 422
    assert shop.bulk(row(), headers=key).status_code == 201


def test_a_second_request_while_the_first_runs_is_a_409(postgres_url: str, tmp_path: Path) -> None:
    """On PostgreSQL, where two can write at a time; a lock on products holds the first one up."""
    shop = Shop(postgres_url, tmp_path / "media")
    key = {"Idempotency-Key": "k"}
    database = shop.services.database
    with ThreadPoolExecutor(2) as threads:
        with database.write() as session:
            session.execute(text("LOCK TABLE products IN EXCLUSIVE MODE"))
            first = threads.submit(shop.bulk, headers=key)
            wait_until(lambda: waiting_for_locks(database) == 1)
            twin = threads.submit(shop.bulk, headers=key)
            wait_until(lambda: waiting_for_locks(database) == 2)
        problem(twin.result(), 409, "idempotency_running")
        assert first.result().status_code == 201
    again = shop.bulk(headers=key)
    assert (again.status_code, again.get_json()) == (201, first.result().get_json())
    assert shop.services.catalog.stats().products == {"pending": 1}
    shop.close()


def waiting_for_locks(database: Database) -> int:
    with database.read() as session:
        count = session.scalar(
            text(
                "SELECT COUNT(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        )
    return int(count or 0)


@only_sqlite
@pytest.mark.parametrize("key", ["", '""', "x" * 256, "a b", '"a', "é"])
def test_a_key_that_is_none_is_a_400(shop: Shop, key: str) -> None:
    problem(shop.bulk(headers={"Idempotency-Key": key}), 400, "malformed")


# -- lists and products --------------------------------------------------------------------------


def listed(shop: Shop, query: str) -> Json:
    response = shop.ask("GET", f"/api/products{query}")
    assert response.status_code == 200, response.get_json()
    data: Json = response.get_json()["data"]
    return data


def test_pages_cover_everything_once_newest_first(shop: Shop) -> None:
    ids = shop.create(*[row()] * 7)
    seen: list[int] = []
    cursor = ""
    for _ in range(3):
        page = listed(shop, f"?limit=3&cursor={cursor}")
        seen += [product["id"] for product in page["products"]]
        shop.create()  # newer ones do not disturb
        cursor = page["next_cursor"]
    assert seen == sorted(ids, reverse=True)
    assert cursor is None


def test_products_are_filtered_by_category_status_and_batch(shop: Shop) -> None:
    shop.create(row(category="A"), row(category="B"))
    product_id, _ = shop.reviewable(category="A")
    assert len(listed(shop, "?category=A")["products"]) == 2
    found = listed(shop, "?category=A&status=pending_review&batch=")["products"]
    assert [product["id"] for product in found] == [product_id]
    assert listed(shop, "?status=failed") == {"products": [], "next_cursor": None}


@only_sqlite
@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "limit=1.5", "status=gone", "batch=1", "cursor=%00", "a=1"],
)
def test_a_bad_query_is_a_422(shop: Shop, query: str) -> None:
    assert len(faults(shop.ask("GET", f"/api/products?{query}"))) == 1


@only_sqlite
def test_a_cursor_of_ones_own_making_is_a_422(shop: Shop) -> None:
    problem(shop.ask("GET", "/api/products?cursor=zz"), 422, "bad_cursor")


@pytest.mark.parametrize("path", ["/api/products", "/api/products/{id}", "/api/stats"])
def test_an_unchanged_state_is_a_304(shop: Shop, path: str) -> None:
    path = path.format(id=shop.create()[0])
    first = shop.ask("GET", path)
    etag = {"If-None-Match": first.headers["ETag"]}
    if path != "/api/stats":  # its ages move on
        again = shop.ask("GET", path, headers=etag)
        assert (again.status_code, again.get_data()) == (304, b"")
    with shop.services.database.write() as session:
        session.execute(text("UPDATE products SET status = 'failed', version = version + 1"))
    # A slow count is cached for a while: on a busy machine this one too.
    wait_until(lambda: shop.ask("GET", path, headers=etag).status_code == 200)


def test_a_product_has_its_pictures(shop: Shop) -> None:
    product_id, images = shop.reviewable()
    response = shop.ask("GET", f"/api/products/{product_id}")
    product = response.get_json()["data"]["product"]
    assert [image["id"] for image in product["images"]] == images
    assert response.headers["ETag"] == f'"{product["version"]}"'
    assert "error" not in product
    media = shop.ask("GET", product["images"][0]["media_url"])
    assert (media.status_code, media.mimetype) == (200, "image/jpeg")


def test_a_failed_product_says_why(shop: Shop) -> None:
    [product_id] = shop.create()
    with shop.services.database.write() as session:
        session.execute(text("UPDATE products SET status='failed', error='404', error_code='gone'"))
    product = shop.ask("GET", f"/api/products/{product_id}").get_json()["data"]["product"]
    assert (product["error"], product["error_code"]) == ("404", "gone")


@pytest.mark.parametrize("number", ["0", "1", "-1", "2147483648", "99999999999999999999", "x"])
def test_an_unknown_product_is_a_404(shop: Shop, number: str) -> None:
    problem(shop.ask("GET", f"/api/products/{number}"), 404, "not_found")
    problem(shop.ask("GET", f"/api/products/{number}/history"), 404, "not_found")


# -- review --------------------------------------------------------------------------------------


def decide(shop: Shop, image_id: int, status: str, **more: Any) -> TestResponse:
    headers = more.pop("headers", {})
    body = {"status": status, **more}
    return shop.ask("PATCH", f"/api/product-images/{image_id}", json=body, headers=headers)


def review(shop: Shop, product_id: int, **body: Any) -> TestResponse:
    return shop.ask("POST", f"/api/products/{product_id}/review", json=body)


def test_pictures_one_by_one_and_undone(shop: Shop) -> None:
    product_id, [first, second] = shop.reviewable(variants=2)
    answers = [
        decide(shop, first, "rejected", reason="colour", note="too  blue\nhere"),
        decide(shop, second, "approved"),
        decide(shop, second, "pending"),
    ]
    statuses = [answer.get_json()["data"]["product"]["status"] for answer in answers]
    assert statuses == ["pending_review", "approved", "pending_review"]
    history = shop.ask("GET", f"/api/products/{product_id}/history").get_json()["data"]
    assert [line["status"] for line in history["decisions"]] == ["pending", "approved", "rejected"]
    assert history["decisions"][-1]["reason"] == "colour"
    assert history["decisions"][-1]["note"] == "too  blue\nhere"
    assert history["decisions"][-1]["who"] == "local"


def test_approving_one_picture_rejects_the_others(shop: Shop) -> None:
    product_id, [first, second, third] = shop.reviewable()
    product = review(shop, product_id, status="approved", image_ids=[second]).get_json()["data"]
    statuses = {image["id"]: image["status"] for image in product["product"]["images"]}
    assert statuses == {first: "rejected", second: "approved", third: "rejected"}
    assert product["product"]["status"] == "approved"
    assert review(shop, product_id, status="rejected").status_code == 200


@only_sqlite
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/status"),
        ({"status": "done"}, "/status"),
        ({"status": "rejected", "image_ids": [1]}, "/image_ids"),
        ({"status": "approved", "image_ids": []}, "/image_ids"),
        ({"status": "approved", "image_ids": ["1"]}, "/image_ids/0"),
        ({"status": "approved", "image_ids": [True]}, "/image_ids/0"),
        ({"status": "approved", "image_ids": [1.5]}, "/image_ids/0"),
        ({"status": "approved", "image_ids": [2**40]}, "/image_ids/0"),
        ({"status": "approved", "reason": "superseded"}, "/reason"),
        ({"status": "approved", "note": "a\x00"}, "/note"),
        ({"status": "approved", "note": "x" * 2001}, "/note"),
        ([], ""),
    ],
)
def test_a_bad_review_is_a_422(shop: Shop, body: Any, pointer: str) -> None:
    product_id, _ = shop.reviewable()
    response = shop.ask("POST", f"/api/products/{product_id}/review", json=body)
    assert faults(response).keys() == {pointer}


def test_a_picture_of_another_product_is_a_409(shop: Shop) -> None:
    product_id, _ = shop.reviewable()
    _, [other, *_] = shop.reviewable()
    response = review(shop, product_id, status="approved", image_ids=[other])
    problem(response, 409, "not_in_round")


def test_a_pending_product_can_t_be_decided(shop: Shop) -> None:
    [product_id] = shop.create()
    problem(review(shop, product_id, status="approved"), 409, "not_reviewable")
    problem(review(shop, 999, status="approved"), 404, "not_found")
    problem(decide(shop, 999, "approved"), 404, "not_found")


@only_sqlite
@pytest.mark.parametrize("tag", ['"1"', 'W/"1"', '"x"', '"99999999999"', '""', '"2", "3"'])
def test_a_stale_etag_is_a_412_with_the_current_state(shop: Shop, tag: str) -> None:
    product_id, [image, *_] = shop.reviewable()
    response = decide(shop, image, "approved", headers={"If-Match": tag})
    body = problem(response, 412, "stale")
    assert body["data"]["product"]["id"] == product_id
    assert body["data"]["product"]["images"][0]["status"] == "pending"
    assert response.headers["ETag"] == f'"{body["data"]["product"]["version"]}"'


@only_sqlite
@pytest.mark.parametrize("tag", ["v{}", "", '"{}', "W/{}"])
def test_a_version_without_its_quotes_is_not_called_stale(shop: Shop, tag: str) -> None:
    product_id, [image, *_] = shop.reviewable()
    version = shop.ask("GET", f"/api/products/{product_id}").headers["ETag"].strip('"')
    response = decide(shop, image, "approved", headers={"If-Match": tag.format(version)})
    assert "with its quotes" in problem(response, 400, "malformed")["detail"]


@pytest.mark.parametrize("tag", ['"{}"', 'W/"{}"', "{}", "*"])
def test_a_current_etag_passes_and_moves_on(shop: Shop, tag: str) -> None:
    product_id, [image, *_] = shop.reviewable()
    etag = shop.ask("GET", f"/api/products/{product_id}").headers["ETag"]
    headers = {"If-Match": tag.format(etag.strip('"'))}
    response = decide(shop, image, "approved", headers=headers)
    assert response.status_code == 200
    assert response.headers["ETag"] != etag


def test_redo_opens_the_next_round(shop: Shop) -> None:
    product_id, [image, *_] = shop.reviewable()
    path = f"/api/products/{product_id}/enhance"
    product = shop.ask("POST", path, json={"instructions": "less blue"}).get_json()["data"]
    assert (product["product"]["status"], product["product"]["round"]) == ("pending", 2)
    assert product["product"]["instructions"] == "less blue"
    problem(shop.ask("POST", path), 409, "conflict")
    problem(decide(shop, image, "approved"), 409, "not_reviewable")
    rounds = shop.ask("GET", f"/api/products/{product_id}?rounds=all").get_json()["data"]
    assert [image["status"] for image in rounds["product"]["images"]] == ["rejected"] * 3


@only_sqlite
def test_a_redo_keeps_its_adjustments_with_the_round(shop: Shop) -> None:
    product_id, _ = shop.reviewable()
    path = f"/api/products/{product_id}/enhance"
    for wrong in (["lighter", "darker"], ["prettier"]):
        refused = shop.ask("POST", path, json={"adjustments": wrong})
        assert refused.status_code == 422 and "adjustments" in refused.get_data(as_text=True)
    wish = {"adjustments": ["straighten", "lighter", "straighten"]}
    product = shop.ask("POST", path, json=wish).get_json()["data"]["product"]
    assert (product["round"], product["adjustments"]) == (2, ["straighten", "lighter"])
    assert product["instructions"] is None
    claim = Claims(shop.services.database, 60, wanted=3).claim_next()
    assert isinstance(claim, Claim)
    assert claim.brief.adjustments == ("straighten", "lighter")
    assert "lighter" in claim.brief.wishes
    kept = {each.number: each.adjustments for each in shop.services.catalog.rounds(product_id)}
    assert kept == {1: None, 2: ["straighten", "lighter"]}


@only_sqlite
def test_a_redo_goes_on_from_what_the_redos_before_it_changed(shop: Shop) -> None:
    """Every round begins with the photo: "darker" asked for twice is two steps of it."""
    product_id, _ = shop.reviewable()
    path, seen = f"/api/products/{product_id}/enhance", []
    as_reviewed = "status = 'pending_review', queued_at = NULL, token = NULL, lease_until = NULL"
    wishes: list[list[str]] = [
        ["darker", "cut_out"],
        ["darker", "warmer"],
        ["lighter", "keep_background"],
        ["keep_light"],
        ["darker", "keep_light"],
        [],
        ["tighter"],
    ]
    for adjustments in wishes:
        with shop.services.database.write() as session:
            session.execute(text(f"UPDATE products SET {as_reviewed} WHERE id = {product_id}"))
        answer = shop.ask("POST", path, json={"adjustments": adjustments}).get_json()["data"]
        assert answer["product"]["adjustments"] == adjustments
        claim = Claims(shop.services.database, 60, wanted=3).claim_next()
        assert isinstance(claim, Claim)
        seen.append(claim.brief)
    assert [brief.adjustments for brief in seen] == [
        ("darker", "cut_out"),
        ("darker", "cut_out", "darker", "warmer"),
        ("darker", "warmer", "keep_background"),
        ("keep_background", "keep_light"),
        ("keep_background", "keep_light", "darker"),
        (),
        ("tighter",),
    ]
    assert "Make the picture darker. By 2 steps." in seen[1].wishes


def test_retry_of_a_failed_product_needs_no_body(shop: Shop) -> None:
    [product_id] = shop.create()
    with shop.services.database.write() as session:
        session.execute(text("UPDATE products SET status = 'failed'"))
    product = shop.ask("POST", f"/api/products/{product_id}/enhance").get_json()["data"]["product"]
    assert (product["status"], product["round"]) == ("pending", 1)


# -- uploads and media ---------------------------------------------------------------------------


def upload(shop: Shop, data: bytes, field: str = "file") -> TestResponse:
    head = f'Content-Disposition: form-data; name="{field}"; filename="../../x.jpg"'
    body = b"--frontier\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n--frontier--\r\n"
    content_type = "multipart/form-data; boundary=frontier"
    return shop.ask("POST", "/api/uploads", data=body, content_type=content_type)


@only_sqlite
def test_an_upload_is_cleaned_stored_and_shown(shop: Shop) -> None:
    photo = needs_shared("photos", "f_coffee.png").read_bytes()
    response = upload(shop, photo)
    assert response.status_code == 201, response.get_json()
    raw_image = response.get_json()["data"]["raw_image"]
    assert raw_image.startswith("/media/uploads/")
    assert shop.bulk(row(raw_image=raw_image)).status_code == 201
    shown = shop.ask("GET", raw_image)
    assert shown.mimetype in {"image/png", "image/jpeg"}
    assert shown.get_data() != photo
    assert shown.headers["Content-Security-Policy"].startswith("default-src 'none'; sandbox")
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert shown.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    etag = {"If-None-Match": shown.headers["ETag"]}
    assert shop.ask("GET", raw_image, headers=etag).status_code == 304


@only_sqlite
@pytest.mark.parametrize("data", [b"", b"GIF89a", b"<svg onload=alert(1)>", b"\xff\xd8\xff"])
def test_what_is_not_a_picture_is_a_422(shop: Shop, data: bytes) -> None:
    response = upload(shop, data)
    assert response.status_code == 422
    body = response.get_json()
    assert body["errors"][0]["code"] in {"picture_empty", "not_a_picture", "picture_damaged"}
    assert shop.ask("GET", body["type"]).status_code == 200


@only_sqlite
def test_a_phones_heic_is_accepted_under_any_name(shop: Shop) -> None:
    response = upload(shop, HEIC)
    assert response.status_code == 201, response.get_json()
    shown = shop.ask("GET", response.get_json()["data"]["raw_image"])
    assert shown.mimetype == "image/jpeg"


@only_sqlite
def test_a_refused_upload_is_named(shop: Shop) -> None:
    message = upload(shop, b"<html><input type=password>").get_json()["message"]
    assert message.startswith("The file is a login page (HTML), not a JPEG, ")


@only_sqlite
def test_uploads_that_are_no_uploads(shop: Shop) -> None:
    assert faults(upload(shop, b"x", field="picture")) == {
        "": "unknown_field",
        "/file": "required",
    }
    problem(shop.ask("POST", "/api/uploads", json={}), 415, "unsupported_media_type")
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    for data in (b"", b"--x", b"--x\r\nrubbish", b"--y--"):
        response = shop.ask("POST", "/api/uploads", data=data, headers=broken)
        assert response.status_code in (400, 422), data
    none = {"Content-Type": "multipart/form-data"}
    assert shop.ask("POST", "/api/uploads", data=b"x", headers=none).status_code in (400, 422)


@only_sqlite
@pytest.mark.parametrize(
    ("parts", "status"),
    [
        (b"A: " + b"b" * 8_000 + b"\r\n", 422),  # read, and no picture
        (b"A: " + b"b" * 20_000 + b"\r\n", 413),
        (b"A: b\r\n" * 4_000, 413),
        (b'Content-Disposition: form-data; name="a"\r\n\r\n\r\n--x\r\n' * 9, 422),
        (b'Content-Disposition: form-data; name="a"\r\n\r\n\r\n--x\r\n' * 10, 413),
    ],
)
def test_parts_and_their_headers_are_bounded(shop: Shop, parts: bytes, status: int) -> None:
    last = b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--x--\r\n'
    more: Json = {
        "data": b"--x\r\n" + parts + last,
        "content_type": "multipart/form-data; boundary=x",
    }
    assert shop.ask("POST", "/api/uploads", **more).status_code == status


@only_sqlite
def test_multipart_boundaries_have_at_most_100_characters(shop: Shop) -> None:
    for length, status in ((100, 422), (101, 400)):
        boundary = "x" * length
        data = f"--{boundary}--\r\n".encode()
        more: Json = {"data": data, "content_type": f"multipart/form-data; boundary={boundary}"}
        assert shop.ask("POST", "/api/uploads", **more).status_code == status


@only_sqlite
@pytest.mark.parametrize(
    ("path", "names", "wanted"),
    [
        ("uploads", ["file", "file"], {"/file": "repeated"}),
        ("uploads", ["file", "note"], {"": "unknown_field"}),
        ("imports", ["spreadsheet", "spreadsheet"], {"/spreadsheet": "repeated"}),
        ("imports", ["photos", "photos"], {"/photos": "repeated"}),
        ("imports", ["photos", "colour"], {"": "unknown_field"}),
    ],
)
def test_no_part_of_a_form_is_ignored(
    shop: Shop, path: str, names: list[str], wanted: dict[str, str]
) -> None:
    """A second photo or ZIP was left out without a word."""
    head = '--x\r\nContent-Disposition: form-data; name="{}"; filename="a.zip"\r\n\r\nx\r\n'
    body = "".join(head.format(name) for name in names) + "--x--\r\n"
    more: Json = {"data": body, "content_type": "multipart/form-data; boundary=x"}
    assert faults(shop.ask("POST", f"/api/{path}", **more)) == wanted


@only_sqlite
def test_no_query_is_ignored(shop: Shop) -> None:
    """Those without parameters took any: `cancel?dry_run=true` cancelled."""
    paths = [
        ("GET", "/api/stats"),
        ("GET", "/api/products/1/history"),
        ("POST", "/api/products/duplicates"),
        ("POST", "/api/products/1/review"),
        ("POST", "/api/products/1/cancel"),
        ("DELETE", "/api/products/1"),
        ("POST", "/api/uploads"),
        ("PATCH", "/api/product-images/1"),
    ]
    for method, path in paths:
        refused = shop.ask(method, f"{path}?dry_run=true")
        assert faults(refused) == {"/query": "unknown_field"}, path
        assert '"dry_run"; known are none' in refused.get_json()["errors"][0]["detail"]
    for path in ("/api/products?category=%ff", "/api/stats?%ff"):
        problem(shop.ask("GET", path), 400, "malformed")
    assert shop.ask("GET", "/healthz?cache=1").status_code == 200  # a load balancer's


@only_sqlite
def test_a_name_twice_in_one_object_is_a_400(shop: Shop) -> None:
    body = b'{"products": [{"category": "A", "price": 5, "price": 50}]}'
    problem(post(shop, body), 400, "malformed")


@only_sqlite
def test_a_product_that_changed_is_not_deleted(shop: Shop) -> None:
    product_id, _ = shop.reviewable()
    path = f"/api/products/{product_id}"
    stale = shop.ask("DELETE", path, headers={"If-Match": '"1"'})
    problem(stale, 412, "stale")
    etag = shop.ask("GET", path).headers["ETag"]
    assert shop.ask("DELETE", path, headers={"If-Match": etag}).status_code == 200


@only_sqlite
def test_an_unknown_address_says_so(shop: Shop) -> None:
    for path in ("/api/stat", "/api/stats/"):
        words = shop.ask("GET", path).get_json()["detail"]
        assert words.startswith("there is nothing at this address")
        assert words.endswith("leave out the / at its end") == path.endswith("/")


@only_sqlite
def test_an_upload_has_a_limit(shop: Shop) -> None:
    problem(upload(shop, bytes(20_100_000)), 413, "too_large")


@only_sqlite
@pytest.mark.parametrize(
    "key",
    [
        "raw/phone.jpg",
        "uploads/../../packshot.db",
        "uploads/%2e%2e/%2e%2e/packshot.db",
        "uploads//etc/passwd",
        "uploads/a%00b",
        "uploads/" + "x" * 2000,
        ".incoming/x",
        "uploads",
        "uploads/",
        "%2e%2e/packshot.db",
    ],
)
def test_media_shows_only_what_is_ours(shop: Shop, key: str) -> None:
    problem(shop.ask("GET", f"/media/{key}"), 404, "not_found")


# -- operations ----------------------------------------------------------------------------------


def test_health_and_readiness(shop: Shop) -> None:
    assert shop.ask("GET", "/healthz").get_json() == {"ok": True}
    ready = shop.ask("GET", "/readyz")
    assert ready.status_code == 200
    assert set(ready.get_json()["parts"].values()) == {"ok"}


def test_many_probes_at_once_look_once() -> None:
    """Each look asks the database, the store and the queue: strangers must not multiply it."""
    asked: list[int] = []

    def look() -> dict[str, str | None]:
        asked.append(1)
        time.sleep(0.2)
        return {}

    app = Flask(__name__)
    operations.register(app, look, time.monotonic)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: app.extensions["packshot_readiness"](), range(8)))
    assert asked == [1]


def test_readiness_names_the_part_that_is_broken(shop: Shop) -> None:
    class Stopping:
        def problem(self) -> str:
            return "the worker is stopping"

    shop.services.worker = Stopping()
    ready = shop.ask("GET", "/readyz")
    assert ready.status_code == 503
    assert ready.get_json()["parts"]["worker"] == "the worker is stopping"
    assert ready.headers["Retry-After"]


def test_metrics_come_from_the_database(shop: Shop) -> None:
    shop.create(row(), row())
    shop.reviewable(variants=2)
    lines = shop.ask("GET", "/metrics").get_data(as_text=True).splitlines()
    assert 'packshot_products{status="pending"} 2.0' in lines
    assert 'packshot_products{status="pending_review"} 1.0' in lines
    assert 'packshot_images{status="pending"} 2.0' in lines
    assert 'packshot_queue_products{state="waiting"} 2.0' in lines


def test_stats(shop: Shop) -> None:
    shop.create(row(), row())
    data = shop.ask("GET", "/api/stats").get_json()["data"]
    assert data["products"] == {"pending": 2}
    assert data["queue"]["waiting"] == 2
    assert (data["spent"], data["cost_per_product"]) == (0, None)


def test_stats_have_the_cost_of_a_product(shop: Shop) -> None:
    with shop.services.database.write() as session:
        for kind, cost in (
            ("analysis", "0.05"),
            ("picture", "0.04"),
            ("analysis", "0.03"),
            ("analysis", "0"),
            ("analysis", None),
        ):
            price = None if cost is None else Decimal(cost)
            session.add(Call(product_id=1, round=1, kind=kind, model="m", cost=price))
    data = shop.ask("GET", "/api/stats").get_json()["data"]
    assert (data["spent"], data["cost_per_product"]) == (0.12, 0.06)
    assert ("pictures being checked", "3") in _lines(data | {"being_checked": 3}, "")
    assert ("products in batch jobs", "3") in _lines(data | {"batched": 3}, "")
    left_out = _lines(data | {"images": {"approved": 1, "rejected": 2}}, "")
    assert ("pictures rejected or left out, of all rounds", "2") in left_out
    assert ("cost per product", "$0.0600") in _lines(data, "http://127.0.0.1:5000")


@only_sqlite
def test_head_options_and_405(shop: Shop) -> None:
    head = shop.ask("HEAD", "/api/products")
    assert (head.status_code, head.get_data()) == (200, b"")
    assert "GET" in shop.ask("OPTIONS", "/api/products").headers["Allow"]
    response = shop.ask("DELETE", "/api/products")
    problem(response, 405, "method_not_allowed")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    problem(shop.ask("GET", "/api/products/bulk"), 405, "method_not_allowed")


def test_an_unreachable_database_is_a_503(shop: Shop) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise Unavailable("the database does not answer: password=hunter2")

    shop.services.catalog.products = away  # type: ignore[method-assign]
    response = shop.ask("GET", "/api/products")
    problem(response, 503, "unavailable")
    assert response.headers["Retry-After"] == "5"
    assert "hunter2" not in response.get_data(as_text=True)


@only_sqlite
def test_a_full_disk_is_named(shop: Shop) -> None:
    """Whoever uploads can do something about it, or tell somebody."""

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    shop.services.storage._write_temporary = full  # type: ignore[attr-defined]
    photo = {"file": (io.BytesIO(photo_bytes()), "a.jpg")}
    response = shop.ask("POST", "/api/uploads", data=photo)
    problem(response, 503, "disk_full")
    assert "is full (No space left on device): make room" in response.get_json()["message"]


@only_sqlite
def test_a_disk_without_room_for_a_photo_is_not_ready(shop: Shop, tmp_path: Path) -> None:
    """With 8 KB left `/readyz` said that the storage works, and each upload got a 503."""
    media = tmp_path / "media"
    full = LocalStorage(media, free_bytes=lambda folder: 8_000)
    full.put("a/b", b"kept", "image/jpeg")
    assert full.get("a/b") == b"kept"
    shop.services.storage = full
    response = shop.ask("GET", "/readyz")
    assert response.status_code == 503
    assert response.get_json()["parts"]["storage"] == (
        f"the disk of MEDIA_DIR={media} has only 0.0 MB left, too little for a photo and its"
        " pictures: make room, nothing is lost"
    )
    assert LocalStorage(media, free_bytes=lambda folder: 100_000_000).health() is None


@only_sqlite
def test_a_surprise_is_a_500_without_details(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("s3cret detail")

    shop.services.catalog.products = broken  # type: ignore[method-assign]
    response = shop.ask("GET", "/api/products")
    problem(response, 500, "internal")
    assert "s3cret" not in response.get_data(as_text=True)
    assert response.headers["X-Request-Id"] in caplog.text


@only_sqlite
def test_every_problem_type_has_a_page(shop: Shop) -> None:
    kind = shop.ask("GET", "/nothing").get_json()["type"]
    page = shop.ask("GET", kind)
    assert (page.status_code, page.mimetype) == (200, "text/plain")


@only_sqlite
def test_every_answer_is_hardened(shop: Shop) -> None:
    for path in ("/api/products", "/nothing", "/docs", "/healthz"):
        headers = shop.ask("GET", path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Frame-Options"] == "DENY"
