"""Tables made by hand as specified are adopted: rows kept, and then as good as our own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from support.shop import Shop, row

from packshot.database.models import Base
from packshot.database.tables import bring_to_head
from packshot.errors import FetchError
from packshot.work.claiming.claim import Claim
from packshot.work.claiming.claims import Claims

FOUR = "('pending', 'pending_review', 'approved', 'rejected')"
#: Ways to say what a status may be.
STATUS = {
    "named": f"VARCHAR(14) DEFAULT 'pending' CONSTRAINT known CHECK (status IN {FOUR})",
    "nameless": f"VARCHAR(14) NOT NULL CHECK (status IN {FOUR})",
    "enum": "product_status DEFAULT 'pending'",
}
TABLES = """
CREATE TABLE products (
  id INTEGER PRIMARY KEY, category VARCHAR(50), raw_image VARCHAR(255), mrp NUMERIC(10,2),
  price NUMERIC(10,2), discount NUMERIC(10,2), gst NUMERIC(5,2), status {status},
  created_at TIMESTAMP, updated_at TIMESTAMP, shelf VARCHAR(9));
CREATE TABLE product_images (
  id INTEGER PRIMARY KEY, product_id INTEGER REFERENCES products(id), image_url VARCHAR(255),
  status VARCHAR(20), created_at TIMESTAMP, updated_at TIMESTAMP);
INSERT INTO products (id, category, raw_image, mrp, price, status, created_at, shelf)
  VALUES (7, 'a', 'https://shop.example/7.jpg', 2, 1, 'pending', '2025-03-01T10:00:00', 'B4');
INSERT INTO products (id, category, raw_image, mrp, price, status)
  VALUES (8, 'b', 'https://shop.example/8.jpg', 2, 1, 'pending_review');
INSERT INTO product_images (id, product_id, image_url) VALUES (1, 8, 'https://shop.example/1.jpg');
INSERT INTO product_images (id, product_id, image_url, status)
  VALUES (2, 8, 'https://shop.example/2.jpg', 'pending')
"""
KINDS = [
    ("sqlite", "named"),
    ("sqlite", "nameless"),
    ("postgres", "named"),
    ("postgres", "enum"),
]


@pytest.fixture(params=KINDS, ids="-".join)
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """An application on tables that were there before it."""
    database, status = request.param
    if database == "sqlite":
        url = f"sqlite:///{tmp_path}/hand.db"
    else:
        postgres = request.getfixturevalue("postgres")
        url = postgres.url(postgres.create())
    make_by_hand(url, STATUS[status])
    assert bring_to_head(url)[0] == "0001"
    assert bring_to_head(url) == []
    shop = Shop(url, tmp_path / "media")
    yield shop
    shop.close()


def make_by_hand(url: str, status: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        if status.startswith("product_status"):
            connection.execute(text(f"CREATE TYPE product_status AS ENUM {FOUR}"))
        for statement in TABLES.format(status=status).split(";"):
            connection.execute(text(statement))
    engine.dispose()


def test_rows_are_kept_and_columns_match_the_models(shop: Shop) -> None:
    with shop.services.database.read() as session:
        seven, eight = session.execute(text("SELECT * FROM products ORDER BY id")).mappings()
    assert (seven["id"], seven["shelf"], seven["status"]) == (7, "B4", "pending")
    assert (seven["queued_at"], seven["version"], seven["round"]) == (None, 1, 0)
    assert (eight["id"], eight["status"], eight["round"]) == (8, "pending_review", 1)
    product = shop.ask("GET", "/api/products/7").get_json()["data"]["product"]
    assert (product["discount"], product["gst"]) == (1, 0)
    assert product["created_at"] == "2025-03-01T10:00:00Z"
    assert product["updated_at"] is not None
    with shop.services.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, Base.metadata)
    columns = [difference[0] for difference in found if isinstance(difference, list)]
    changed = [change for change in columns if change[3] not in ("id", "product_id")]
    assert changed == []


def test_what_the_api_accepts_fits_and_can_fail(shop: Shop) -> None:
    address = f"https://shop.example/{'a' * 300}.jpg"
    large = row(raw_image=address, mrp=9999999999.99, price=100000000, category="c" * 100)
    answered = shop.bulk(large, row())
    assert answered.status_code == 201, answered.get_json()
    first, second = answered.get_json()["data"]["products"]
    assert second["id"] == first["id"] + 1 > 9
    product = shop.ask("GET", f"/api/products/{first['id']}").get_json()["data"]["product"]
    assert (product["raw_image"], product["mrp"]) == (address, 9999999999.99)
    claims = Claims(shop.services.database, 60, wanted=3)
    claim = claims.claim_next()
    assert isinstance(claim, Claim)
    claims.fail(claim, FetchError("404 from shop.example", code="not_found", retryable=False))
    assert shop.services.catalog.product(first["id"]).status == "failed"


def test_pictures_that_were_there_are_reviewed(shop: Shop) -> None:
    product = shop.ask("GET", "/api/products/8").get_json()["data"]["product"]
    assert [(image["id"], image["variant"]) for image in product["images"]] == [(1, 0), (2, 1)]
    assert [image["status"] for image in product["images"]] == ["pending", "pending"]
    assert product["wanted"] == 2
    assert shop.ask("GET", "/api/products/8?rounds=all").status_code == 200
    assert shop.ask("GET", "/api/stats").get_json()["data"]["images"] == {"pending": 2}
    decided = shop.ask("PATCH", "/api/product-images/1", json={"status": "approved"})
    assert decided.status_code == 200, decided.get_json()
    whole = shop.ask("POST", "/api/products/8/review", json={"status": "approved"})
    assert whole.get_json()["data"]["product"]["status"] == "approved"
    redone = shop.ask("POST", "/api/products/8/enhance", json={"instructions": "brighter"})
    assert redone.get_json()["data"]["product"]["round"] == 2
