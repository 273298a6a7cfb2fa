"""Lists in another order and through more filters: pages, and what each filter counts."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from support.plans import plans
from support.shop import Shop, row

from packshot.database.models import Product, ProductImage, Round
from packshot.database.types import now
from packshot.fidelity.verdicts import DOUBTFUL, VERDICTS
from packshot.products.lists import Filter
from packshot.products.lookup import Editor


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.extra)])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    url = request.getfixturevalue(f"{request.param}_url")
    shop = Shop(url, tmp_path / "media")
    yield shop
    shop.close()


def warn(shop: Shop, product: int, pictures: int) -> None:
    with shop.services.database.write() as session:
        warned = update(ProductImage).where(
            ProductImage.product_id == product, ProductImage.variant < pictures
        )
        session.execute(warned.values(warning="the label may have changed"))


def paged(shop: Shop, query: str) -> list[int]:
    """The list's products, asked for one by one."""
    found: list[int] = []
    cursor = ""
    while True:
        answer = shop.ask("GET", f"/api/products?limit=1&cursor={cursor}&{query}").get_json()
        found += [product["id"] for product in answer["data"]["products"]]
        cursor = answer["data"]["next_cursor"]
        if cursor is None:
            return found


def test_the_most_doubtful_come_first_on_every_page(shop: Shop) -> None:
    ids = [shop.reviewable()[0] for _ in range(5)]
    warn(shop, ids[1], 1)
    warn(shop, ids[3], 2)
    assert paged(shop, "order=doubt") == [ids[3], ids[1], ids[0], ids[2], ids[4]]
    assert paged(shop, "doubt=yes") == [ids[3], ids[1]]
    assert paged(shop, "doubt=no&order=doubt") == [ids[0], ids[2], ids[4]]
    assert shop.services.catalog.facets(Filter()).doubts == {
        "yes": 2,
        "no": 3,
        "after_approval": 0,
    }


def test_those_without_a_sku_come_last(shop: Shop) -> None:
    ids = [shop.reviewable()[0] for _ in range(4)]
    for number, sku in ((ids[0], "B"), (ids[2], "A"), (ids[3], "B")):
        shop.services.catalog.correct(
            number, {"sku": sku}, by=Editor("local"), allow_duplicate=True
        )
    assert paged(shop, "order=sku") == [ids[2], ids[0], ids[3], ids[1]]


@pytest.mark.parametrize("shop", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "query", ["products?status=failed&status=pending", "export?format=csv&products=1&products=2"]
)
def test_a_repeated_parameter_is_refused_rather_than_ignored(shop: Shop, query: str) -> None:
    problem = shop.ask("GET", f"/api/{query}")
    assert problem.status_code == 422
    [error] = problem.get_json()["errors"]
    assert error["pointer"] == f"/query/{query.rpartition('&')[2].partition('=')[0]}"
    assert error["code"] == "repeated"


@pytest.mark.parametrize("shop", ["sqlite"], indirect=True)
@pytest.mark.parametrize("query", ["", "doubt=yes", "doubt=no", "order=doubt"])
def test_doubtful_pictures_are_found_by_their_index(shop: Shop, query: str) -> None:
    with plans(shop.services.database, " product_images.verdict IN ") as found:
        shop.ask("GET", f"/desk/state?status=pending_review&{query}")
        shop.ask("GET", f"/api/products?status=pending_review&{query}")
    assert found
    for plan in found:
        assert "product_images USING INDEX ix_product_images_doubtful" in plan, plan


@pytest.mark.parametrize("shop", ["sqlite"], indirect=True)
def test_enhancers_are_counted_from_indexes_alone(shop: Shop) -> None:
    with plans(shop.services.database, "GROUP BY rounds.enhancer") as found:
        shop.ask("GET", "/desk/state?status=pending_review")
    assert "products USING COVERING INDEX ix_products_status_id" in found[0]
    assert "rounds USING COVERING INDEX ix_rounds_enhancer" in found[0]


def test_a_picture_is_doubtful_by_these_verdicts(shop: Shop) -> None:
    """The words of the queries' index are written out; the rest asks for `DOUBTFUL`."""
    found = {}
    for verdict in VERDICTS:
        product, [image] = shop.reviewable(variants=1)
        with shop.services.database.write() as session:
            checked = update(ProductImage).where(ProductImage.id == image)
            session.execute(checked.values(verdict=verdict))
        found[product] = verdict
    assert {found[product] for product in paged(shop, "doubt=yes")} == set(DOUBTFUL)


def test_the_views_of_a_sku_come_in_their_own_order(shop: Shop) -> None:
    """Also where a page would end within a SKU; what a page can't hold is newest first."""
    views = [("A", "back"), ("A", "front"), ("B", "2"), ("B", "1"), ("B", "main"), (None, None)]
    ids = [shop.create(row(sku=sku, view=view))[0] for sku, view in views]
    backs, fronts, second, first, main, single = ids
    page = shop.ask("GET", "/api/products?limit=5&order=views").get_json()["data"]
    assert [product["id"] for product in page["products"]] == [single, main, first, second]
    rest = shop.ask("GET", f"/api/products?order=views&cursor={page['next_cursor']}").get_json()
    assert [product["id"] for product in rest["data"]["products"]] == [fronts, backs]
    assert paged(shop, "order=views") == ids[::-1]


def test_an_order_counts_in_a_search_too(shop: Shop) -> None:
    ids = [shop.create(row(sku=sku))[0] for sku in ("A-2", "A-1", "B-1")]
    assert paged(shop, "q=a") == paged(shop, "q=a&order=sku") == [ids[1], ids[0]]
    assert paged(shop, "q=a&order=views") == [ids[1], ids[0]]
    assert paged(shop, "q=a&order=doubt") == [ids[0], ids[1]]


LISTS = ("", "order=sku", "order=doubt", "order=views", "q=a", "status=pending", "sku=A")


def test_a_cursor_continues_only_its_own_list(shop: Shop) -> None:
    shop.create(row(sku="A"), row(sku="A", view="2"))
    page = "/api/products?limit=1"
    cursors = {
        query: shop.ask("GET", f"{page}&{query}").get_json()["data"]["next_cursor"]
        for query in LISTS
    }
    for query in LISTS:
        for other, cursor in cursors.items():
            answer = shop.ask("GET", f"/api/products?{query}&cursor={cursor}")
            assert answer.status_code == (200 if query == other else 422), (query, other)
            if query != other:
                assert answer.get_json()["type"].endswith("/bad_cursor")
                assert "other filters or another order" in answer.get_json()["detail"]


@pytest.mark.parametrize(
    ("place", "order"),
    [
        ("5 " + "9" * 30, "doubt"),
        ("5 -" + "9" * 30, "doubt"),
        ("5 2147483648", "doubt"),
        ("5 x", "doubt"),
        ("2147483648 0", "doubt"),
        ("2147483648 A", "sku"),
        ("2147483648 ", ""),
        (" 5 ", ""),
        ("+5 ", ""),
        ("5", ""),
        ("5 \0", "sku"),
    ],
)
def test_a_cursor_of_no_list_is_refused(shop: Shop, place: str, order: str) -> None:
    shop.create(*[row()] * 2)
    query = f"/api/products?limit=1&order={order}"
    good = shop.ask("GET", query).get_json()["data"]["next_cursor"]
    listed = base64.urlsafe_b64decode(good + "==").decode()[:9]
    cursor = base64.urlsafe_b64encode(f"{listed}{place}".encode()).decode().rstrip("=")
    refused = shop.ask("GET", f"{query}&cursor={cursor}")
    assert refused.status_code == 422
    assert refused.get_json()["type"].endswith("/bad_cursor")
    assert "other filters" not in refused.get_json()["detail"]


def test_a_rejected_picture_says_why(shop: Shop) -> None:
    product, [first, second, *_] = shop.reviewable()
    catalog = shop.services.catalog
    catalog.decide(first, "rejected", who="ben", reason="edges")
    catalog.decide(second, "rejected", who="ben", reason="edges")
    catalog.decide(second, "pending", who="ben")
    catalog.decide(second, "rejected", who="ben")
    reasons = [image.reason for image in catalog.product(product).images]
    assert reasons[:2] == ["edges", None]


def made_at(shop: Shop, moments: list[datetime]) -> None:
    for moment in moments:
        product, _ = shop.reviewable()
        with shop.services.database.write() as session:
            this = update(Round).where(Round.product_id == product)
            opened = min(moments) - timedelta(seconds=10)
            session.execute(this.values(ready_at=moment, opened_at=opened))


def test_the_pace_is_of_the_present_run_and_in_products(shop: Shop) -> None:
    with shop.services.database.read() as session:
        moment = session.scalar(now().select())
    assert isinstance(moment, datetime) and shop.services.catalog.pace() is None
    earlier = [moment - timedelta(minutes=40, seconds=n) for n in range(10)]  # another run
    made_at(shop, earlier)
    made_at(shop, [moment - timedelta(seconds=10 * n) for n in range(7)])
    assert shop.services.catalog.pace() == 6.0
    made_at(shop, [moment - timedelta(seconds=200 + 10 * n) for n in range(3)])
    assert shop.services.catalog.pace() == 6.0  # without the time in which nothing waited
    with shop.services.database.write() as session:
        session.execute(update(Product).values(status="pending"))
    assert shop.services.catalog.pace() == 6.0
