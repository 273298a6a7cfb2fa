"""Alternative texts: from what is known, or as a reviewer wrote them, wherever pictures go."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update
from support.shop import Shop

from packshot.database.models import Product, ProductImage, Round
from packshot.enhancers.contract import NOT_ANALYSED
from packshot.products.answers.alt_text import LONGEST, alt_text

MUG = {"product": "Ceramic mug", "colours": ["blue", "white"], "material": "ceramic"}


def words(analysis: dict[str, Any] | None = None, **fields: Any) -> str:
    return alt_text(Product(**{"category": "Mugs"} | fields), ProductImage(), analysis)


def test_the_text_of_an_analysed_picture_describes_it() -> None:
    assert words(MUG, sku="M-1", view="back") == "Ceramic mug, blue and white, back view"
    assert words(MUG, name="Sunrise") == "Sunrise, Ceramic mug, blue and white"


def test_without_an_analysis_the_text_is_name_or_sku_and_view() -> None:
    local = {"product": NOT_ANALYSED, "colours": [], "material": NOT_ANALYSED}
    assert words(local, name="Sunrise", sku="M-1", view="front") == "Sunrise, front view"
    assert words(local, sku="M-1", view="2") == "Mugs M-1"
    assert words(None, view="main") == "Mugs"
    assert words(None, category="Products", sku="M-1") == "M-1"  # nobody named a category


def test_a_shops_own_text_stays_until_a_reviewer_writes_one() -> None:
    """A Shopify export brings it, and the file for the import would replace it."""
    attributes = {"Vendor": "Acme", "Image Alt Text": "Rote Tasse von hinten"}
    product = Product(category="Mugs", name="Sunrise", view="back", attributes=attributes)
    assert alt_text(product, ProductImage(), MUG) == "Rote Tasse von hinten"
    assert alt_text(product, ProductImage(alt_text="A red mug"), MUG) == "A red mug"
    product.attributes = {"Image Alt Text": " "}
    assert alt_text(product, ProductImage()) == "Sunrise, back view"


@pytest.mark.parametrize(
    ("view", "said"),
    [
        ("rückseite", ", back view"),
        ("vorne-1", ", front view"),
        ("arrière-détail2", ", back detail view"),
        ("left-front", ", left front view"),
        ("front-view", ", front view"),
        ("schräg", ", angled view"),
        ("on-model", ", on model view"),
        ("close-up-2", ", close up view"),
        ("rght", ", right view"),
        ("front-kopie-2", ", front view"),
        ("blue cover, open", ", blue cover, open view"),  # a seller's own words
        *((no_side, "") for no_side in ("img-1", "DSC0001", "kopie", "copy-2", "2", "a", "main")),
        *((no_side, "") for no_side in ("pt01", "c1l1", "45deg", "v2", "hauptbild", "P1020304_x")),
        *((no_side, "") for no_side in ("PXL_20261012_101500", "Zrzut ekranu 2026-11-02 o 10.15")),
        *(
            (no_side, "")
            for no_side in ("removebg-preview", "photo", "final-2", "-", "4471", "4471_213")
        ),
    ],
)
def test_a_view_is_said_in_english_and_a_files_name_is_not(view: str, said: str) -> None:
    assert words(None, name="Tasse", view=view) == f"Tasse{said}"


@pytest.mark.parametrize("said", ["unclear.", "not known", "Not specified", "cannot be determined"])
def test_what_a_model_could_not_tell_is_left_out(said: str) -> None:
    assert words({"product": "Mug", "colours": ["Unknown"], "material": said}) == "Mug"


texts = st.text(max_size=300)


@given(texts, st.none() | texts, st.none() | st.text(max_size=40), st.lists(texts, max_size=5))
def test_it_is_one_line_of_at_most_125_characters(
    product: str, name: str | None, view: str | None, colours: list[str]
) -> None:
    made = words({"product": product, "colours": colours, "material": ""}, name=name, view=view)
    assert 0 < len(made) <= LONGEST
    assert made.replace("\u200c", "").replace("\u200d", "").isprintable()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("नमस्\u200dते कप", "नमस्\u200dते कप"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🍳 apron", "👩\u200d🍳 apron"),
        ("Woll\u00adpullover", "Wollpullover"),
        ("\u200fשלום", "שלום"),
        ("a\u200bb\u2028c\x07d", "ab c d"),
        ("\u200d", "Mugs"),
    ],
)
def test_what_is_invisible_breaks_no_word(name: str, said: str) -> None:
    assert words(None, name=name) == said


def test_a_reviewers_text_is_everywhere_and_in_the_history(shop: Shop) -> None:
    product_id, [image] = shop.reviewable(variants=1)
    with shop.services.database.write() as session:
        session.execute(update(Round).values(analysis=MUG))
        session.execute(update(Product).values(sku="M-1"))
    change = f"/api/product-images/{image}"
    of_product = shop.ask("GET", f"/api/products/{product_id}").get_json()["data"]["product"]
    assert of_product["images"][0]["alt_text"] == "Ceramic mug, blue and white"
    text = "A blue mug with a white rim"
    answer = shop.ask(
        "PATCH",
        change,
        json={"alt_text": text},
        headers={"If-Match": f'"{of_product["version"]}"'},
    )
    [shown] = answer.get_json()["data"]["product"]["images"]
    assert (shown["alt_text"], shown["status"]) == (text, "pending")
    history = shop.ask("GET", f"/api/products/{product_id}/history").get_json()["data"]
    [line] = history["corrections"]
    assert line["changes"] == {f"alt_text of picture {image}": [None, text]}

    shop.services.catalog.review(product_id, "approved", who="ann")
    [row] = csv.DictReader(io.StringIO(shop.ask("GET", "/api/export").text))
    [line] = shop.ask("GET", "/api/export?format=jsonl").text.splitlines()
    archive = shop.ask("GET", "/api/export?format=zip").get_data()
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        [entry] = json.loads(opened.read("manifest.json"))["pictures"]
    assert row["alt_text"] == json.loads(line)["alt_text"] == entry["alt_text"] == text

    answer = shop.ask("PATCH", change, json={"alt_text": None})
    [shown] = answer.get_json()["data"]["product"]["images"]
    assert (shown["alt_text"], shown["status"]) == ("Ceramic mug, blue and white", "approved")


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"alt_text": "x" * 126},
        {"alt_text": "two", "status": "approved"},
        {"reason": "edges"},
        {"status": None},
        {"alt_text": 5},
    ],
)
def test_a_change_is_a_decision_or_a_text(shop: Shop, change: dict[str, Any]) -> None:
    _, [image] = shop.reviewable(variants=1)
    answer = shop.ask("PATCH", f"/api/product-images/{image}", json=change)
    assert answer.status_code == 422, answer.text


def test_a_stale_text_is_refused(shop: Shop) -> None:
    _, [image] = shop.reviewable(variants=1)
    answer = shop.ask(
        "PATCH",
        f"/api/product-images/{image}",
        json={"alt_text": "A mug"},
        headers={"If-Match": '"1"'},
    )
    assert answer.status_code == 412
    assert shop.ask("PATCH", "/api/product-images/999", json={"alt_text": "x"}).status_code == 404
