"""No id is given twice: after a restored backup, rows with their own ids, tables made again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, text
from support.products import BOX, record, taken
from support.shop import Shop, row

from packshot.database.engine import Database, IdsWereBehind
from packshot.database.ids import NUMBERED
from packshot.database.models import Base, Call, Product
from packshot.database.tables import bring_to_head, migrate_back
from packshot.products.catalog import Catalog
from packshot.queues.database import DatabaseQueue
from packshot.work.claiming.claims import Claims


def count_from_1(database: Database) -> None:
    """As a restore by hand leaves it: the rows are there, what numbers them begins at 1."""
    with database.write_rows() as rows:
        if database.is_sqlite:
            rows.execute(text("DELETE FROM sqlite_sequence"))
            return
        for table in NUMBERED:
            rows.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 1, false)"))


def test_every_table_that_numbers_its_rows_is_known() -> None:
    """By itself: `shop` has one row, and its number is given."""
    tables = Base.metadata.tables.values()
    assert {each.name for each in tables if "id" in each.primary_key.columns} == set(NUMBERED)


def catalog_of(database: Database) -> Catalog:
    return Catalog(database, DatabaseQueue(database), wanted=2)


def create(database: Database, count: int = 1) -> list[int]:
    return [product.id for product in catalog_of(database).create([BOX] * count).products]


def test_at_the_start_they_are_moved_ahead_of_the_rows(
    database: Database, database_url: str
) -> None:
    ids = create(database, 5)
    count_from_1(database)
    assert bring_to_head(database_url) == []
    assert create(database)[0] > max(ids)


def test_the_id_of_a_deleted_product_with_costs_is_not_given_again(
    database: Database, database_url: str
) -> None:
    *_, last = create(database, 5)
    with database.write() as session:
        session.add(Call(product_id=last, round=1, kind="image", model="m"))
        session.execute(delete(Product).where(Product.id == last))
    count_from_1(database)
    bring_to_head(database_url)
    assert create(database) == [last + 1]


def test_recreated_tables_continue_their_ids(tmp_path: Path) -> None:
    """A migration on SQLite makes a table again, which then begins after its highest row."""
    url = f"sqlite:///{tmp_path}/old.db"
    bring_to_head(url)
    database = Database(url)
    *_, last = create(database, 5)
    with database.write() as session:
        session.execute(delete(Product).where(Product.id == last))
    database.close()
    migrate_back(url, "0006")
    assert bring_to_head(url)[0] == "0007"
    database = Database(url)
    assert create(database) == [last + 1]
    database.close()


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "once"}])
def test_while_it_runs_a_request_gets_no_error(
    key: dict[str, str], postgres_url: str, tmp_path: Path
) -> None:
    shop = Shop(postgres_url, tmp_path)
    ids = shop.create(*[row()] * 3)
    count_from_1(shop.services.database)
    answers = [shop.bulk(row(), row(), headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    first, second = (
        [each["id"] for each in answer.get_json()["data"]["products"]] for answer in answers
    )
    assert min(first) > max(ids)
    assert (second == first) == bool(key)
    shop.close()


def test_requests_that_meet_it_together_all_succeed(postgres_url: str) -> None:
    database = Database(postgres_url)
    before = create(database, 20)
    count_from_1(database)
    with ThreadPoolExecutor(8) as pool:
        made = [each for ids in pool.map(lambda _: create(database, 3), range(8)) for each in ids]
    assert len({*before, *made}) == 20 + 24
    database.close()


def test_a_row_written_with_an_explicit_id_is_skipped(postgres_url: str) -> None:
    database = Database(postgres_url)
    [first] = create(database)
    with database.write() as session:
        session.add(Product(id=first + 2, category="a", raw_image="b", mrp=2, price=1))
    assert create(database, 3) == [first + 3, first + 4, first + 5]
    database.close()


def test_a_worker_saves_its_picture_at_the_next_try(postgres_url: str) -> None:
    database = Database(postgres_url)
    claims = Claims(database, 60, wanted=2)
    create(database, 2)
    claims_of = [taken(claims, product_id) for product_id in (1, 2)]
    claims.record_image(claims_of[0], record(0))
    count_from_1(database)
    with pytest.raises(IdsWereBehind, match="try again"):
        claims.record_image(claims_of[1], record(0))
    claims.record_image(claims_of[1], record(0))
    assert len(catalog_of(database).product(2).images) == 1
    database.close()


def test_a_table_may_count_by_a_sequence_of_another_name(postgres_url: str) -> None:
    database = Database(postgres_url)
    with database.write_rows() as rows:
        rows.execute(text('CREATE SEQUENCE "Mine"'))
        mine = """ALTER TABLE products ALTER COLUMN id SET DEFAULT nextval('"Mine"')"""
        rows.execute(text(mine))
        rows.execute(insert(Product).values(id=7, **vars(BOX)))
    bring_to_head(postgres_url)
    assert create(database) == [8]
    with database.write_rows() as rows:  # as the next test wants to find it
        rows.execute(
            text("ALTER TABLE products ALTER COLUMN id SET DEFAULT nextval('products_id_seq')")
        )
        rows.execute(text('DROP SEQUENCE "Mine"'))
    database.close()
