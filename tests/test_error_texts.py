"""The sentences of the API's errors: they name the place, and say what to change."""

from __future__ import annotations

from typing import Any

import pytest
from support.shop import Json, Shop, row


def refused(shop: Shop, method: str, path: str, **more: Any) -> list[tuple[str, str]]:
    """The pointer and the sentence of each error of a 422."""
    response = shop.ask(method, path, **more)
    assert response.status_code == 422, response.text
    return [(fault["pointer"], fault["detail"]) for fault in response.get_json()["errors"]]


@pytest.mark.parametrize(
    ("changes", "pointer", "detail"),
    [
        ({"attributes": {"a": 5}}, "/attributes/a", "must be a string"),
        ({"attributes": {"x/y": ""}}, "/attributes/x~1y", "must have 1 to 8192 characters"),
        ({"attributes": {"": "5"}}, "/attributes", "must have 1 to 100 characters in each name"),
        ({"raw_image": ""}, "/raw_image", "must not be empty"),
        ({"raw_image": "x" * 2049}, "/raw_image", "must have at most 2048 characters"),
        ({"raw_image": 5}, "/raw_image", "must be a string"),
    ],
)
def test_a_row_s_errors(shop: Shop, changes: Json, pointer: str, detail: str) -> None:
    body = {"products": [row() | changes]}
    found = refused(shop, "POST", "/api/products/bulk", json=body)
    assert found == [(f"/products/0{pointer}", detail)]


def test_a_name_that_can_t_be_shown_is_in_no_pointer(shop: Shop) -> None:
    body = {"products": [row() | {"attributes": {"a\u202eb": 5}}]}
    [(pointer, detail)] = refused(shop, "POST", "/api/products/bulk", json=body)
    assert pointer == "/products/0/attributes"
    assert detail.endswith("in each name")


@pytest.mark.parametrize("given", ["yes", "true", 1, 0])
def test_true_and_false_are_no_words_or_numbers(shop: Shop, given: Any) -> None:
    body = {"products": [row()], "pixel_lock": given}
    found = refused(shop, "POST", "/api/products/bulk", json=body)
    assert found == [("/pixel_lock", "must be true or false")]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("batch=nope", "must be a batch_id: 36 of the characters 0-9, a-f and -"),
        ("cursor=!", "must be the next_cursor of an answer"),
        ("enhancer=GPT", "must be the name of an enhancer: local or gemini"),
        ("limit=many", "must be a whole number"),
        ("limit=201", "must be at most 200"),
        ("limit=0", "must be at least 1"),
    ],
)
def test_a_query_s_errors(shop: Shop, query: str, detail: str) -> None:
    found = refused(shop, "GET", f"/api/products?{query}")
    assert found == [(f"/query/{query.partition('=')[0]}", detail)]


def test_a_change_s_errors(shop: Shop) -> None:
    number, [image] = shop.reviewable(variants=1)
    assert refused(shop, "PATCH", f"/api/products/{number}", json={}) == [
        ("", "has nothing to correct")
    ]
    path = f"/api/product-images/{image}"
    one = "takes a status, an alt_text or a take, one at a time"
    assert refused(shop, "PATCH", path, json={}) == [("", one)]
    assert refused(shop, "PATCH", path, json={"alt_text": "x" * 126}) == [
        ("/alt_text", "must have 1 to 125 characters")
    ]
    assert refused(shop, "PATCH", path, json={"take": "1"}) == [("/take", "must be a whole number")]


def test_a_photo_that_is_too_large_says_how_large_it_may_be(shop: Shop) -> None:
    form = "multipart/form-data; boundary=photo"
    response = shop.ask("POST", "/api/uploads", data=bytes(21_000_000), content_type=form)
    assert response.status_code == 413
    assert response.get_json()["detail"].endswith("a photo may have at most 20 MB")
