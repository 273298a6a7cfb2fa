"""SKU, name, view, file name and attributes: kept, shown, searched, corrected."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import delete, insert, select, text, update
from support.fakes import FakeQueue, SentCatalog
from support.plans import plans
from support.shop import Shop, row

from packshot.database.engine import Database
from packshot.database.models import FAILED, PENDING, Product, ProductTerm
from packshot.database.tables import MIGRATIONS
from packshot.products.catalog import Catalog
from packshot.products.lists import Filter
from packshot.products.lookup import Editor
from packshot.products.seller_fields import NewProduct
from packshot.products.terms import terms_of

MUG = NewProduct(
    "Mugs",
    "https://shop.example/mug.jpg",
    sku="MUG-7",
    name="Straße mug, blue",
    view="front",
    filename="MUG-7_front.jpg",
    attributes={"Colour": "blue", "Handle": "mug-7"},
)


@pytest.fixture
def catalog(database: Database) -> Catalog:
    return SentCatalog(database, FakeQueue(), wanted=2)


def test_what_a_shop_calls_its_product_comes_back(catalog: Catalog) -> None:
    [created] = catalog.create([MUG]).products
    stored = catalog.product(created.id)
    for view in (created, stored):
        assert (view.sku, view.name, view.view) == ("MUG-7", "Straße mug, blue", "front")
        assert (view.filename, view.attributes) == (MUG.filename, MUG.attributes)
        assert (view.mrp, view.price, view.discount, view.gst) == (None, None, None, None)


def test_a_product_without_attributes_has_none(catalog: Catalog) -> None:
    [created] = catalog.create([NewProduct("Mugs", "https://shop.example/a.jpg")]).products
    with catalog.database.read() as session:
        null = "SELECT count(*) FROM products WHERE attributes IS NULL AND mrp IS NULL"
        assert session.scalar(text(null)) == 1
    assert catalog.product(created.id).attributes is None


def skus(catalog: Catalog, **asked: Any) -> list[str | None]:
    return [product.sku for product in catalog.products(Filter(**asked)).products]


def test_a_sku_finds_exactly_its_products(catalog: Catalog) -> None:
    catalog.create([MUG, MUG, NewProduct("Mugs", "https://shop.example/b.jpg", sku="MUG-70")])
    assert skus(catalog, sku="MUG-7") == ["MUG-7", "MUG-7"]
    assert skus(catalog, sku="mug-7") == []


@pytest.mark.parametrize("q", ["mug-7", "MUG-7_FR", "strasse", "Straße M", "M"])
def test_a_search_takes_beginnings_in_any_case(catalog: Catalog, q: str) -> None:
    catalog.create([MUG, NewProduct("Hats", "https://shop.example/hat.jpg", sku="HAT", name="Hat")])
    assert skus(catalog, q=q) == ["MUG-7"]
    assert catalog.facets(Filter(q=q)).categories == {"Mugs": 1}


@pytest.mark.parametrize(
    "q", ["pierscionek", "Pierścionek Z BURSZTYNEM", "bursztynem", "złoty", "Zloty", "unas"]
)
def test_a_search_finds_words_inside_names_with_and_without_accents(
    catalog: Catalog, q: str
) -> None:
    ring = "Pierścionek z bursztynem „Żółty”, złoty"
    catalog.create([MUG, NewProduct("Rings", "https://shop.example/r.jpg", sku="UÑAS", name=ring)])
    assert skus(catalog, q=q) == ["UÑAS"]


def test_a_search_finds_barcodes_and_no_other_attribute(catalog: Catalog) -> None:
    codes = {"EAN": "4006381333931", "Code-barres": "978-3-16-148410-0", "Stock": "400"}
    catalog.create([MUG, replace(MUG, sku="EAN-1", attributes=codes)])
    for q in ("4006381333931", "400638", "978-3-16", "9783161484100"):
        assert skus(catalog, q=q) == ["EAN-1"], q
    found = catalog.products(Filter(q="EAN-1")).products[0].id
    catalog.correct(found, {"attributes": {"Stock": "400", "EAN": "73513537"}}, by=Editor("me"))
    assert [skus(catalog, q=q) for q in ("400", "73513537")] == [[], ["EAN-1"]]


def test_products_from_before_are_found_by_words_of_names_and_barcodes(catalog: Catalog) -> None:
    """The migrations have their own copies of how terms are made, which must make the same."""
    name = "Łódź: Ø 3 cm, kolczyki-kółka z bursztynem; Größe İ"
    codes = {"GTIN, UPC, EAN oder ISBN": "978-3-16 Ł", "variantBarcode": "42", "Größe": "9"}
    ring = NewProduct("Rings", "https://shop.example/r.jpg", sku="É 1", name=name)
    catalog.create([MUG, replace(ring, attributes=codes)])
    scripts = ScriptDirectory(str(MIGRATIONS))
    migrations = [scripts.get_revision(each) for each in ("0028", "0030")]
    every = select(ProductTerm.product_id, ProductTerm.term).order_by(ProductTerm.term)
    with catalog.database.write() as session:
        made = session.execute(every).all()
        session.execute(delete(ProductTerm))
        context = MigrationContext.configure(session.connection())
        with Operations.context(context):
            for migration in (*migrations, *migrations):
                assert migration is not None
                migration.module.upgrade()
        assert session.execute(every).all() == made


@pytest.mark.parametrize("q", ["7", "%", "_", "mug-8", "\U0010ffff"])
def test_a_search_finds_nothing_else(catalog: Catalog, q: str) -> None:
    catalog.create([MUG])
    assert skus(catalog, q=q) == []


def test_pages_of_a_search_join_up_and_have_each_product_once(catalog: Catalog) -> None:
    batch = [
        NewProduct("Mugs", "https://shop.example/m.jpg", sku=f"M-{n:02}", name=f"M mug {n}")
        for n in range(23)
    ]
    catalog.create(batch)
    seen: list[str | None] = []
    cursor = None
    while True:
        page = catalog.products(Filter(q="m"), limit=5, cursor=cursor)
        seen += [product.sku for product in page.products]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(filter(None, seen)) == [f"M-{n:02}" for n in range(23)]


def test_a_search_narrows_with_the_other_filters(catalog: Catalog) -> None:
    batch = catalog.create([MUG])
    catalog.create([MUG])
    assert skus(catalog, q="mug", batch=batch.batch_id, status=PENDING) == ["MUG-7"]
    assert skus(catalog, q="mug", category="Hats") == []


def test_a_page_of_a_search_reads_an_index_however_many_match(
    catalog: Catalog, database: Database
) -> None:
    """The plan, not the time: 6,000 products share their beginning."""
    rows = [
        {"category": "Mugs", "raw_image": "https://shop.example/m.jpg", "sku": f"SKU-{n:06}"}
        for n in range(6_000)
    ]
    with database.write() as session:
        session.execute(insert(Product), rows)
        made = session.execute(select(Product.id, Product.sku)).all()
        terms = [term for id_, sku in made for term in terms_of(id_, {"sku": sku})]
        session.execute(insert(ProductTerm), terms)
    if not database.is_sqlite:
        with database.write() as session:
            session.execute(text("ANALYZE"))
    with plans(database, "SELECT products") as found:
        page = catalog.products(Filter(q="SKU"), limit=50)
    assert [product.sku for product in page.products] == [f"SKU-{n:06}" for n in range(50)]
    [plan] = [each for each in found if "product_terms" in each]
    assert "TEMP B-TREE" not in plan, plan
    assert "Sort" not in plan, plan


def correct(shop: Shop, product_id: int, body: dict[str, Any], **headers: str) -> Any:
    return shop.ask("PATCH", f"/api/products/{product_id}", json=body, headers=headers)


@pytest.fixture
def shop(sqlite_url: str, tmp_path: Any) -> Shop:
    return Shop(sqlite_url, tmp_path / "media")


def test_a_correction_changes_what_was_sent_and_is_written_down(shop: Shop) -> None:
    [product_id] = shop.create()
    before = shop.ask("GET", f"/api/products/{product_id}")
    answer = correct(
        shop, product_id, {"sku": "A-1", "name": "Box"}, **{"If-Match": before.headers["ETag"]}
    )
    assert answer.status_code == 200, answer.text
    product = answer.get_json()["data"]["product"]
    assert (product["sku"], product["name"], product["view"]) == ("A-1", "Box", None)
    assert answer.headers["ETag"] != before.headers["ETag"]
    history = shop.ask("GET", f"/api/products/{product_id}/history").get_json()["data"]
    [line] = history["corrections"]
    assert line["changes"] == {"sku": [None, "A-1"], "name": [None, "Box"]}
    assert skus(shop.services.catalog, q="box") == ["A-1"]
    assert correct(shop, product_id, {"sku": None}).get_json()["data"]["product"]["sku"] is None
    assert skus(shop.services.catalog, sku="A-1") == []


def test_a_correction_that_changes_nothing_writes_nothing(shop: Shop) -> None:
    [product_id] = shop.create()
    first = correct(shop, product_id, {"sku": "A-1"})
    again = correct(shop, product_id, {"sku": "A-1"})
    assert again.headers["ETag"] == first.headers["ETag"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"raw_image": "http://127.0.0.1/b.jpg"}, "/raw_image"),
        ({"category": None}, "/category"),
        ({"sku": "x" * 101}, "/sku"),
        ({"view": "x" * 41}, "/view"),
        ({"name": ""}, "/name"),
        ({"attributes": {f"a{n}": "x" for n in range(51)}}, "/attributes"),
        ({"attributes": {"a": "x" * 8192}}, "/attributes"),
        ({"attributes": {"a": 7}}, "/attributes/a"),
    ],
)
def test_a_bad_correction_is_refused(shop: Shop, body: dict[str, Any], pointer: str) -> None:
    [product_id] = shop.create()
    answer = correct(shop, product_id, body)
    assert answer.status_code == 422
    [fault] = answer.get_json()["errors"]
    assert pointer.startswith(fault["pointer"])


def test_a_stale_correction_changes_nothing(shop: Shop) -> None:
    [product_id] = shop.create()
    assert correct(shop, product_id, {"sku": "A"}, **{"If-Match": '"99"'}).status_code == 412
    assert shop.services.catalog.product(product_id).sku is None


def test_a_price_above_the_known_mrp_is_a_conflict(shop: Shop) -> None:
    [product_id] = shop.create()
    mrp = shop.services.catalog.product(product_id).mrp
    assert mrp is not None
    answer = correct(shop, product_id, {"price": float(mrp) + 1})
    assert answer.status_code == 409
    assert answer.get_json()["type"] == "/problems/price_above_mrp"


def test_a_discount_follows_the_prices_it_came_from(shop: Shop) -> None:
    own, given = shop.create(
        row(mrp=1200, price=990, discount=210), row(mrp=1200, price=990, discount=5)
    )
    for product_id, discount in ((own, 110), (given, 5)):
        answer = correct(shop, product_id, {"price": 1090})
        assert answer.get_json()["data"]["product"]["discount"] == discount
    history = shop.ask("GET", f"/api/products/{own}/history").get_json()["data"]
    assert history["corrections"][0]["changes"]["discount"] == ["210.00", "110.00"]
    correct(shop, own, {"mrp": 1300, "price": 1190})
    history = shop.ask("GET", f"/api/products/{own}/history").get_json()["data"]
    assert set(history["corrections"][0]["changes"]) == {"mrp", "price"}  # the difference is 110
    assert correct(shop, own, {"price": None}).get_json()["data"]["product"]["discount"] is None


@pytest.mark.parametrize("view", ["front", "Front", "\u00c9tage"])
def test_a_sku_and_view_that_another_product_has_is_accepted_only_on_purpose(
    shop: Shop, view: str
) -> None:
    mug, _ = shop.reviewable(sku="MUG-MTY", view=view.lower(), name="Mug")
    glasses, _ = shop.reviewable(sku="GLASSES", view=view)
    refused = correct(shop, glasses, {"sku": "MUG-MTY"})
    assert refused.status_code == 409
    assert refused.get_json()["type"] == "/problems/view_taken"
    assert refused.get_json()["detail"].startswith(f"product {mug} (Mug) has this SKU and view")
    assert shop.services.catalog.product(glasses).sku == "GLASSES"
    assert correct(shop, glasses, {"sku": "MUG-MTY", "view": "box"}).status_code == 200
    assert correct(shop, glasses, {"view": view}).status_code == 409
    url = f"/api/products/{glasses}?on_duplicate=allow"
    assert shop.ask("PATCH", url, json={"view": view}).status_code == 200
    assert correct(shop, glasses, {"name": "Glasses"}).status_code == 200  # it is no new repeat


@pytest.mark.parametrize("view", [None, "front"])
def test_a_sku_of_another_product_needs_a_view_or_a_purpose(shop: Shop, view: str | None) -> None:
    mug, _ = shop.reviewable(sku="MUG-MTY", name="Mug", view=view)
    other, _ = shop.reviewable(sku="GLASSES", name="Mug")
    refused = correct(shop, other, {"sku": "MUG-MTY"})
    assert refused.status_code == 409
    assert refused.get_json()["type"] == "/problems/view_taken"
    assert refused.get_json()["detail"].startswith(f"product {mug} (Mug) has this SKU already, and")
    assert shop.services.catalog.product(other).sku == "GLASSES"
    answer = correct(shop, other, {"sku": "MUG-MTY", "view": "back"})
    assert answer.status_code == 200
    assert (
        f"; exports number its pictures with those of product {mug} (Mug)"
        in answer.get_json()["message"]
    )
    removed = correct(shop, other, {"view": None})
    assert removed.status_code == (409 if view is None else 200)


def test_another_name_says_that_a_sku_may_be_mistyped(shop: Shop) -> None:
    mug, _ = shop.reviewable(sku="MUG-MTY", name="Mug", view="front")
    other, _ = shop.reviewable(sku="GLASSES", name="Glasses", view="back")
    refused = correct(shop, other, {"sku": "MUG-MTY"})
    assert refused.status_code == 409
    assert (
        f"product {mug} (Mug) has this SKU already, and its name is not Glasses"
        in (refused.get_json()["detail"])
    )
    assert correct(shop, other, {"sku": "MUG-MTY", "name": "mug"}).status_code == 200
    assert correct(shop, other, {"view": "left"}).status_code == 200


def test_the_sku_and_view_of_a_failed_product_are_free(shop: Shop) -> None:
    failed, _ = shop.reviewable(sku="MUG-MTY", view="front")
    with shop.services.database.write() as session:
        session.execute(update(Product).where(Product.id == failed).values(status=FAILED))
    glasses, _ = shop.reviewable(sku="GLASSES", view="front")
    assert correct(shop, glasses, {"sku": "MUG-MTY"}).status_code == 200


# -- by SKU, as a corrected spreadsheet says ------------------------------------------------------


def correct_skus(shop: Shop, *facts: dict[str, Any], query: str = "", **more: Any) -> Any:
    answer = shop.ask(
        "POST", f"/api/products/corrections{query}", json={"products": list(facts)}, **more
    )
    assert answer.status_code == 200, answer.text
    return answer.get_json()["data"]["products"]


def test_every_product_of_a_sku_is_corrected_and_its_pictures_stay(shop: Shop) -> None:
    front, pictures = shop.reviewable(sku="A-1", view="front", mrp=1200, price=990)
    [back] = shop.create(row(sku="A-1", view="back", mrp=1200, price=1090))
    shop.services.catalog.review(front, "approved", who="ann")
    facts = {"sku": "A-1", "price": 1090}
    wanted = [
        {"index": 1, "product_id": front, "view": "front", "refused": None}
        | {"changes": {"price": ["990.00", "1090.00"]}},
        {"index": 1, "product_id": back, "view": "back", "refused": None, "changes": {}},
    ]
    assert correct_skus(shop, {"sku": "NEW"}, facts, query="?dry_run=true") == wanted
    assert shop.services.catalog.product(front).price == 990
    assert correct_skus(shop, {"sku": "NEW"}, facts) == wanted
    product = shop.services.catalog.product(front)
    assert product.price == 1090
    assert product.status == "approved"
    assert [picture.id for picture in product.images] == pictures
    assert len(shop.services.catalog.corrections(front)) == 1
    assert not shop.services.catalog.corrections(back)
    again = correct_skus(shop, facts)
    assert not any(product["changes"] for product in again)
    assert len(shop.services.catalog.corrections(front)) == 1


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_a_malformed_idempotency_key_is_refused_in_a_dry_run_too(shop: Shop, query: str) -> None:
    body, headers = {"products": [{"sku": "A-1", "price": 1}]}, {"Idempotency-Key": "k" * 256}
    path = f"/api/products/corrections{query}"
    assert shop.ask("POST", path, json=body, headers=headers).status_code == 400


def test_an_idempotency_key_belongs_to_one_body(shop: Shop) -> None:
    [product_id] = shop.create(row(sku="A-1", mrp=1200, price=990))
    key, facts = {"Idempotency-Key": "k"}, {"sku": "A-1", "price": 1090}
    first, second = (correct_skus(shop, facts, headers=key) for _ in range(2))
    assert first == second
    assert first[0]["changes"]
    body = {"products": [{"sku": "A-1", "price": 1}]}
    other = shop.ask("POST", "/api/products/corrections", json=body, headers=key)
    assert other.status_code == 422
    assert shop.services.catalog.product(product_id).price == 1090


def test_attributes_that_a_sheet_does_not_have_are_kept(shop: Shop) -> None:
    [product_id] = shop.create(row(sku="A-1", attributes={"Colour": "red", "Size": "M"}))
    correct_skus(shop, {"sku": "A-1", "attributes": {"Colour": "blue"}})
    found = shop.services.catalog.product(product_id).attributes
    assert found == {"Colour": "blue", "Size": "M"}
    many = {f"a{n}": "x" for n in range(49)}
    [refused] = correct_skus(shop, {"sku": "A-1", "attributes": many})
    assert "51 attributes" in refused["refused"]


def test_what_can_not_be_corrected_says_why_and_the_others_are(shop: Shop) -> None:
    shop.create(row(sku="A-1", mrp=1200, price=990), row(sku="B-1", mrp=1200, price=990))
    low, good = correct_skus(shop, {"sku": "A-1", "mrp": 900}, {"sku": "B-1", "mrp": 1100})
    assert low["refused"].startswith("the price of product 1 would be 990.00, above its MRP of 900")
    assert (low["changes"], good["changes"]) == ({}, {"mrp": ["1200.00", "1100.00"]})
    assert shop.services.catalog.product(1).mrp == 1200


def test_a_sku_is_named_once(shop: Shop) -> None:
    body = {"products": [{"sku": "A-1", "price": 1}, {"sku": "A-1", "price": 2}]}
    assert shop.ask("POST", "/api/products/corrections", json=body).status_code == 422


def test_an_unknown_field_is_named(shop: Shop) -> None:
    row = {"category": "Mugs", "raw_image": "https://shop.example/m.jpg", "colour code": "7"}
    answer = shop.ask("POST", "/api/products/bulk", json={"products": [row]})
    assert answer.status_code == 422
    [fault] = answer.get_json()["errors"]
    assert 'unknown field "colour code"' in fault["detail"]


def test_prices_need_not_be_known(shop: Shop) -> None:
    row = {"category": "Mugs", "raw_image": "https://shop.example/m.jpg"}
    answer = shop.ask("POST", "/api/products/bulk", json={"products": [row]})
    assert answer.status_code == 201, answer.text
    [product] = answer.get_json()["data"]["products"]
    assert [product[name] for name in ("mrp", "price", "discount", "gst")] == [None] * 4
