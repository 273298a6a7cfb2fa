"""Approved pictures as a ZIP: whole, under the shop's own names, or visibly broken."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
import threading
import time
import warnings
import zipfile
from collections.abc import Generator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import urllib3
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from servers.aws import REGION, Aws
from servers.loopback import served
from servers.ports import HOST
from servers.tcp_proxy import TcpProxy
from sqlalchemy import select, update
from support.shop import Shop

from packshot.cli import main
from packshot.client import Client
from packshot.database.models import Product, ProductImage
from packshot.database.tables import bring_to_head, migrate_back
from packshot.errors import SettingsError
from packshot.marketplaces.names import LONGEST_NAME, NameTemplate, UniqueNames, amazon_code
from packshot.products.export.rows import ALL, approved_groups
from packshot.products.export.zip_file import AHEAD, zip_pieces
from packshot.products.lookup import Editor
from packshot.settings import Settings
from packshot.spreadsheets import read_products, read_table
from packshot.storage.local import LocalStorage
from packshot.wiring import build


def approved(shop: Shop, variants: int = 1, **fields: Any) -> int:
    product_id, _ = shop.reviewable(variants=variants)
    if fields:
        with shop.services.database.write() as session:
            session.execute(update(Product).where(Product.id == product_id).values(**fields))
    shop.services.catalog.review(product_id, "approved", who="ann")
    return product_id


def download(shop: Shop, query: str = "") -> zipfile.ZipFile:
    answer = shop.ask("GET", f"/api/export?format=zip{query}")
    assert answer.status_code == 200, answer.text
    archive = zipfile.ZipFile(io.BytesIO(answer.get_data()))
    assert archive.testzip() is None
    return archive


def pictures(archive: zipfile.ZipFile) -> list[str]:
    return [name for name in archive.namelist() if name.endswith(".jpg")]


def test_pictures_are_named_by_their_sku_main_view_first(shop: Shop) -> None:
    approved(shop, sku="SKU-1042", view="back")
    approved(shop, sku="SKU-1042", view="front", variants=2)
    archive = download(shop)
    assert pictures(archive) == ["SKU-1042_1.jpg", "SKU-1042_2.jpg", "SKU-1042_3.jpg"]
    manifest = json.loads(archive.read("manifest.json"))["pictures"]
    assert [entry["view"] for entry in manifest] == ["front", "front", "back"]
    for entry in manifest:
        assert hashlib.sha256(archive.read(entry["file"])).hexdigest() == entry["sha256"]
        assert (entry["sku"], entry["approved_by"]) == ("SKU-1042", "ann")


@pytest.mark.parametrize(
    ("front", "back"),
    [
        *(("vorne", "hinten"), ("Vorderseite", "R\u00fcckseite"), ("frontansicht", "detail")),
        *(("avant", "arri\u00e8re"), ("Vue avant", "Vue arriere"), ("fronte", "dietro")),
        *(("frente", "espalda"), ("voorkant", "achterkant"), ("frente", "costas")),
        *(("front-1", "back-1"), ("hauptbild", "Seite"), ("vorne", "2"), ("front-1", "front-2")),
    ],
)
def test_the_front_comes_first_in_any_language(shop: Shop, front: str, back: str) -> None:
    approved(shop, sku="A", view=back)
    approved(shop, sku="A", view=front)
    manifest = json.loads(download(shop).read("manifest.json"))["pictures"]
    assert [entry["view"] for entry in manifest] == [front, back]


def test_the_spreadsheet_has_what_came_in_with_the_pictures_added(shop: Shop) -> None:
    approved(shop, sku="A", name="=cmd", attributes={"Colour": "blue"})
    approved(shop, sku="B", attributes={"Size": "XL"})
    archive = download(shop)
    rows = list(csv.DictReader(io.StringIO(archive.read("products.csv").decode("utf-8-sig"))))
    assert [row["sku"] for row in rows] == ["A", "B"]
    assert [row["pictures"] for row in rows] == ["A_1.jpg", "B_1.jpg"]
    manifest = json.loads(archive.read("manifest.json"))["pictures"]
    texts = [entry["alt_text"] for entry in manifest]
    assert [row["alt_texts"].removeprefix("'") for row in rows] == texts
    assert (rows[0]["Colour"], rows[0]["Size"], rows[1]["Size"]) == ("blue", "", "XL")
    assert rows[0]["name"] == "'=cmd"


class SlowStorage(LocalStorage):
    """Answers later the earlier it is asked, and counts the pictures that are being read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.begun, self.reading, self.most = 0, 0, 0
        self.lock = threading.Lock()

    def get(self, key: str) -> bytes:
        with self.lock:
            self.begun, self.reading = self.begun + 1, self.reading + 1
            self.most, pause = max(self.most, self.reading), 0.2 / self.begun
        time.sleep(pause)
        with self.lock:
            self.reading -= 1
        return super().get(key)


def slow_zip(
    shop: Shop, media: Path, skus: int, names: str = "{sku}_{n}"
) -> tuple[SlowStorage, Generator[bytes, None, None]]:
    for n in range(skus):
        approved(shop, sku=f"SKU-{n}")
    storage = SlowStorage(media)
    groups = approved_groups(shop.services.database, ALL)
    return storage, zip_pieces(groups, NameTemplate.parse(names), storage, datetime.now(UTC))


def test_a_workbook_with_too_many_columns_is_left_out_and_named(shop: Shop, tmp_path: Path) -> None:
    approved(shop, sku="A")
    [[(n, image)]] = approved_groups(shop.services.database, ALL)
    wide = image.model_copy(update={"attributes": {f"Size {n}": "1" for n in range(16_400)}})
    storage, names = LocalStorage(tmp_path / "media"), NameTemplate.parse("{sku}_{n}")
    pieces = zip_pieces(iter([[(n, wide)]]), names, storage, datetime.now(UTC))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
    assert "products.xlsx" not in archive.namelist()
    [line] = json.loads(archive.read("manifest.json"))["left_out"]
    assert line.startswith("products.xlsx was left out: a sheet holds at most")
    assert archive.read("LEFT-OUT.txt").decode().strip() == line


def test_pictures_are_read_ahead_and_come_in_their_order(shop: Shop, tmp_path: Path) -> None:
    storage, pieces = slow_zip(shop, tmp_path / "media", 8)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
    assert pictures(archive) == [f"SKU-{n}_1.jpg" for n in range(8)]
    for entry in json.loads(archive.read("manifest.json"))["pictures"]:
        assert hashlib.sha256(archive.read(entry["file"])).hexdigest() == entry["sha256"]
    assert 2 <= storage.most <= AHEAD


def test_a_download_that_is_given_up_reads_no_further(shop: Shop, tmp_path: Path) -> None:
    storage, pieces = slow_zip(shop, tmp_path / "media", 12)
    next(pieces)
    pieces.close()
    assert storage.begun <= AHEAD + 2
    assert storage.reading == 0


def test_one_file_that_can_not_be_read_is_left_out_and_named(shop: Shop, tmp_path: Path) -> None:
    """As on a disk with one bad block: the other pictures come, and the ZIP is whole."""
    bad, good = approved(shop, sku="A"), approved(shop, sku="B")
    [picture] = shop.services.catalog.product(bad).images
    file = shop.services.settings.media_dir / str(picture.media_url).removeprefix("/media/")
    file.unlink()
    file.symlink_to(file)
    words = f"A_1.jpg: picture {picture.id} can't be read from the store"
    archive = download(shop)
    assert pictures(archive) == ["B_1.jpg"]
    [left_out] = json.loads(archive.read("manifest.json"))["left_out"]
    assert left_out.startswith(words)
    assert left_out in archive.read("LEFT-OUT.txt").decode()
    with served(shop.app) as url:
        done = CliRunner().invoke(
            main, ["export", "--format", "zip", "-o", str(tmp_path / "a.zip"), "--url", url]
        )
    assert done.exit_code == 0
    assert words in done.output
    checked = shop.ask("GET", f"/api/products/{bad}/compliance?preset=amazon").get_json()["data"]
    assert checked["pictures"][0]["rows"][0]["rule"] == "readable"
    assert shop.services.catalog.product(good).status == "approved"


def test_without_a_sku_the_file_keeps_its_own_name_else_its_number(shop: Shop) -> None:
    first = approved(shop, filename="photos\\IMG_7.JPG")
    second = approved(shop)
    assert first < second
    assert pictures(download(shop)) == ["IMG_7_1.jpg", f"{second}_1.jpg"]


def test_a_part_of_a_sku_keeps_its_numbers(shop: Shop) -> None:
    approved(shop, sku="A", view="1", category="Mugs")
    approved(shop, sku="A", view="2", category="Hats")
    assert pictures(download(shop, "&category=Hats")) == ["A_2.jpg"]
    assert pictures(download(shop, "&sku=A")) == ["A_1.jpg", "A_2.jpg"]


def test_no_folder_has_the_name_of_a_file_beside_it(shop: Shop) -> None:
    approved(shop, sku="Manifest.json")
    archive = download(shop, "&names={sku}/{n}")
    assert pictures(archive) == ["_Manifest.json/1.jpg"]
    assert json.loads(archive.read("manifest.json"))["pictures"]


def test_named_products_come_alone_and_are_counted_beforehand(shop: Shop) -> None:
    first, second, _ = (approved(shop, 2, sku=sku) for sku in "ABC")
    answer = shop.ask("GET", f"/api/export?format=zip&products={second},{first}")
    assert answer.headers["Packshot-Pictures"] == "4"
    archive = zipfile.ZipFile(io.BytesIO(answer.get_data()))
    assert pictures(archive) == ["A_1.jpg", "A_2.jpg", "B_1.jpg", "B_2.jpg"]
    too_many = ",".join(map(str, range(1, 302)))
    for wrong in ("x", "1,,2", "1,", "-1", "0", "9999999999", "1.5", too_many):
        refused = shop.ask("GET", f"/api/export?format=zip&products={wrong}")
        assert (refused.status_code, wrong) == (422, wrong)
        assert refused.get_json()["errors"][0]["pointer"].startswith("/query/products")


def test_a_view_that_is_approved_later_changes_no_name(shop: Shop) -> None:
    """A nightly export with `since` would replace another picture otherwise."""
    front, _ = shop.reviewable(variants=1)
    late, _ = shop.reviewable(variants=1)
    for number, view in ((front, "front"), (late, "top")):
        shop.services.catalog.correct(number, {"sku": "A", "view": view}, by=Editor("ann"))
    approved(shop, sku="A", view="back")
    assert pictures(download(shop)) == ["A_2.jpg"]
    shop.services.catalog.review(front, "approved", who="ann")
    assert pictures(download(shop)) == ["A_1.jpg", "A_2.jpg"]
    shop.services.catalog.review(late, "rejected", who="ann")
    assert pictures(download(shop)) == ["A_1.jpg", "A_2.jpg"]


def reviewable(shop: Shop, variants: int, **fields: Any) -> int:
    product_id, _ = shop.reviewable(variants=variants)
    shop.services.catalog.correct(product_id, fields, by=Editor("ann"))
    return product_id


def image_names(shop: Shop) -> dict[int, str]:
    manifest = json.loads(download(shop).read("manifest.json"))
    return {row["image_id"]: row["file"] for row in manifest["pictures"]}


def test_no_picture_takes_the_name_of_another(shop: Shop) -> None:
    """In the shop it would replace it, and the other would be there twice."""
    front = reviewable(shop, 2, sku="A", view="front")
    back = reviewable(shop, 1, sku="A", view="back")
    review = shop.services.catalog.review
    review(back, "approved", who="ann")
    before = image_names(shop)
    assert list(before.values()) == ["A_2.jpg"]
    review(front, "approved", who="ann")
    both = image_names(shop)
    assert both.items() > before.items()
    assert sorted(both.values()) == ["A_1.jpg", "A_2.jpg", "A_3.jpg"]
    review(front, "rejected", who="ann")
    assert image_names(shop) == before
    review(reviewable(shop, 1, sku="A", view="top"), "approved", who="ann")
    assert sorted(image_names(shop).values()) == ["A_2.jpg", "A_4.jpg"]
    review(front, "approved", who="ann")
    assert image_names(shop).items() > both.items()


def test_a_new_round_takes_the_names_of_the_one_it_replaces(shop: Shop) -> None:
    front, back = approved(shop, 1, sku="A", view="front"), approved(shop, 1, sku="A", view="back")
    assert pictures(download(shop)) == ["A_1.jpg", "A_2.jpg"]
    with shop.services.database.write() as session:
        session.execute(update(Product).where(Product.id == front).values(round=2))
        for variant in (0, 1):
            session.add(
                ProductImage(
                    product_id=front,
                    round=2,
                    variant=variant,
                    status="approved",
                    image_url="https://cdn.example/new.jpg",
                )
            )
    rows = [image for group in approved_groups(shop.services.database) for image in group]
    assert [(n, image.product_id, image.variant) for n, image in rows] == [
        (1, front, 0),
        (2, back, 0),
        (3, front, 1),
    ]


def test_pictures_with_numbers_are_exported_without_a_write(shop: Shop, sqlite_url: str) -> None:
    """A write waits for the disk, and for other writes."""
    approved(shop, sku="A")
    before = list(approved_groups(shop.services.database))
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as other:
        other.execute("BEGIN IMMEDIATE")
        assert list(approved_groups(shop.services.database)) == before


def test_a_product_that_changes_its_sku_is_numbered_there(shop: Shop) -> None:
    approved(shop, 2, sku="A")
    moved = approved(shop, 1, sku="B")
    assert pictures(download(shop)) == ["A_1.jpg", "A_2.jpg", "B_1.jpg"]
    shop.services.catalog.correct(moved, {"sku": "A"}, by=Editor("ann"), allow_duplicate=True)
    assert pictures(download(shop)) == ["A_1.jpg", "A_2.jpg", "A_3.jpg"]


def test_what_was_approved_before_the_numbers_keeps_its_names(
    sqlite_url: str, tmp_path: Path
) -> None:
    shop = Shop(sqlite_url, tmp_path / "media")
    check_the_numbers_of_older_pictures(shop, sqlite_url)


@pytest.mark.extra
def test_what_was_approved_before_the_numbers_keeps_its_names_on_postgresql(
    postgres_url: str, tmp_path: Path
) -> None:
    shop = Shop(postgres_url, tmp_path / "media")
    check_the_numbers_of_older_pictures(shop, postgres_url)


def check_the_numbers_of_older_pictures(shop: Shop, url: str) -> None:
    back = reviewable(shop, 1, sku="A", view="back")
    waiting = reviewable(shop, 1, sku="A", view="front")
    ten, two = (reviewable(shop, 1, sku="A", view=view) for view in ("10", "2"))
    for number in (back, ten, two):
        shop.services.catalog.review(number, "approved", who="ann")
    list(approved_groups(shop.services.database))
    shop.services.database.close()
    migrate_back(url, "0018")
    bring_to_head(url)
    with shop.services.database.read() as session:
        numbers = session.execute(
            select(ProductImage.product_id, ProductImage.number).order_by(ProductImage.number)
        ).all()
    assert {(two, 2), (ten, 3), (back, 4), (waiting, None)} == {tuple(row) for row in numbers}
    shop.services.catalog.review(waiting, "approved", who="ann")
    assert pictures(download(shop)) == [f"A_{n}.jpg" for n in range(1, 5)]
    shop.close()


def test_the_manifest_says_what_a_picture_was_made_of(shop: Shop) -> None:
    number = approved(shop, raw_sha256="a" * 64)
    with shop.services.database.write() as session:
        made = {"prompt": "On white.", "enhancer": "gemini", "model": "m", "warning": "look"}
        session.execute(update(ProductImage).values(**made))
    [entry] = json.loads(download(shop).read("manifest.json"))["pictures"]
    assert {name: entry[name] for name in made} == made
    assert (entry["raw_sha256"], entry["product_id"]) == ("a" * 64, number)
    assert "raw_key" not in entry


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("sku=NONE", "no product matches this export"),
        ("sku=NEW", "not approved (2 pending_review): approve"),
        ("sku=OLD&since=2030-01-01T00:00:00Z", "approved after 2030-01-01T00:00:00+00:00"),
    ],
)
def test_an_export_without_a_picture_says_why(query: str, says: str, shop: Shop) -> None:
    approved(shop, sku="OLD")
    shop.reviewable(sku="NEW")
    shop.reviewable(sku="NEW", view="back")
    answer = shop.ask("GET", f"/api/export?format=zip&{query}")
    assert says in answer.get_json()["message"]


def test_only_what_was_approved_since_comes(shop: Shop) -> None:
    approved(shop, sku="OLD")
    [old] = json.loads(download(shop).read("manifest.json"))["pictures"]
    moment = old["approved_at"]
    answer = shop.ask("GET", f"/api/export?format=zip&since={moment}")
    assert (answer.status_code, answer.get_json()["type"]) == (409, "/problems/nothing_approved")
    approved(shop, sku="NEW")
    found = pictures(download(shop, "&since=2020-01-01T00:00:00Z"))
    assert sorted(found) == ["NEW_1.jpg", "OLD_1.jpg"]


@pytest.mark.parametrize(
    "moment",
    [
        *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00%2B23:59"),  # beyond it in UTC
        *("2026-11-28T09:00:00", "2026-13-28T09:00:00Z", "1796031705", "yesterday"),
    ],
)
def test_what_is_no_moment_is_refused_with_an_example(shop: Shop, moment: str) -> None:
    refused = shop.ask("GET", f"/api/export?since={moment}")
    assert refused.status_code == 422
    [error] = refused.get_json()["errors"]
    assert error["pointer"] == "/query/since"
    assert error["detail"] == "must be a moment such as 2026-11-28T09:00:00Z"


def test_names_that_would_be_equal_are_distinguished(shop: Shop) -> None:
    approved(shop, sku="mug")
    second = approved(shop, sku="MUG")
    found = pictures(download(shop))
    assert len({name.casefold() for name in found}) == 2
    third = approved(shop, sku="m:ug")
    fourth = approved(shop, sku="m?ug")
    found = pictures(download(shop))
    assert {"m-ug_1.jpg", f"m-ug_1-{fourth}.jpg"} <= set(found), (second, third, found)


def test_a_template_makes_folders_and_codes(shop: Shop) -> None:
    approved(shop, sku="A/1", view="front", variants=2)
    assert pictures(download(shop, "&names={sku}/{n:03}_{view}")) == [
        "A-1/001_front.jpg",
        "A-1/002_front.jpg",
    ]
    assert pictures(download(shop, "&names={sku}.{code}")) == ["A-1.MAIN.jpg", "A-1.PT01.jpg"]


BAD_TEMPLATES = """plain|{sku|sku}|{price}|{sku.x}|{sku[0]}|{sku!r}|{n:99999999}|{n:>3}|{sku:3}
|{n:9}|{n:0}|{sku}\\{n}|{sku}:{n}|/{sku}|../{sku}|{sku}//{n}|{sku}/.|{}|{sku}.jpg|{sku}.PNG|{sku}/a/b/c/d/e/{n}""".replace(
    "\n", ""
).split("|")


@pytest.mark.parametrize("names", ["", "x" * 201, *BAD_TEMPLATES])
def test_a_bad_template_is_refused_before_anything_is_made(names: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|has)"):
        NameTemplate.parse(names)


def test_a_bad_template_in_the_settings_stops_the_start(sqlite_url: str) -> None:
    with pytest.raises(SettingsError, match=r"EXPORT_NAMES={colour}: has an unknown field"):
        build(Settings(database_url=sqlite_url, export_names="{colour}"))


def test_a_bad_template_is_a_422(shop: Shop) -> None:
    approved(shop)
    answer = shop.ask("GET", "/api/export?format=zip&names={sku.x}")
    assert answer.status_code == 422
    assert "unknown field" in answer.get_json()["errors"][0]["detail"]


ANY_TEXT = st.text(max_size=300)


@given(
    st.lists(st.tuples(ANY_TEXT, ANY_TEXT), min_size=1, max_size=8),
    st.sampled_from(["{sku}", "{sku}/{name}_{n:02}", "{name} {view}"]),
)
def test_every_name_is_safe_and_given_once(texts: list[tuple[str, str]], template: str) -> None:
    names = UniqueNames(NameTemplate.parse(template))
    given_names = []
    for n, (sku, name) in enumerate(texts, 1):
        values: dict[str, str | int] = {"sku": sku, "n": n, "name": name, "view": name, "id": "7"}
        given_names.append(names.give(values, ".jpg"))
    assert len({name.casefold() for name in given_names}) == len(given_names)
    for path in given_names:
        assert path.endswith(".jpg")
        for part in path.split("/"):
            assert part.strip(" .") == part
            assert 0 < len(part.encode()) <= 255
            assert not set('<>:"\\|?*') & set(part)
            assert part.isprintable() or " " in part
            assert part.partition(".")[0].casefold() not in {"con", "nul", "com1", "lpt9"}


@pytest.mark.parametrize(
    ("template", "ending"),
    [("{sku}_{name}_{n}", "_2"), ("{name}/{sku}_{n}", "_2"), ("{sku}.{code}", ".PT01")],
)
def test_a_long_name_keeps_its_number(template: str, ending: str) -> None:
    """Else a picture's name would depend on the others in the ZIP."""
    values: dict[str, str | int] = {"sku": "\u978b" * 100, "name": "\u0915\u092a" * 100}
    values |= {"n": 2, "code": amazon_code(2)}
    path = NameTemplate.parse(template).fill(values)
    assert path.endswith(ending)
    assert all(len(part.encode()) <= LONGEST_NAME for part in path.split("/"))


@pytest.mark.parametrize("name", ["CON", "com\u00b9", "CONIN$", "nul .x", "LPT0.txt"])
def test_a_name_that_is_a_device_of_windows_is_changed(name: str) -> None:
    given = NameTemplate.parse("{sku}").fill({"sku": name})
    assert given.startswith("_")


def test_picture_numbers_become_amazons_codes() -> None:
    assert [amazon_code(n) for n in (1, 2, 12)] == ["MAIN", "PT01", "PT11"]


def test_a_name_keeps_the_joiners_that_its_script_needs() -> None:
    names = UniqueNames(NameTemplate.parse("{name}"))
    hindi = "\u0930\u094d\u200d\u092f"
    assert names.give({"name": hindi, "id": "1"}, ".jpg") == f"{hindi}.jpg"
    assert names.give({"name": hindi.replace("\u200d", ""), "id": "2"}, ".jpg").endswith("-2.jpg")
    assert names.give({"name": "a\u200db", "id": "3"}, ".jpg") == "ab.jpg"


def test_pictures_of_one_name_are_counted_within_their_sku() -> None:
    names = UniqueNames(NameTemplate.parse("{sku}"))
    values: list[dict[str, str | int]] = [
        {"sku": sku, "n": n, "id": "7"} for sku, n in (("J", 1), ("J", 2), ("J", 3), ("j", 1))
    ]
    given_names = [names.give(each, ".jpg") for each in values]
    assert given_names == ["J.jpg", "J_2.jpg", "J_3.jpg", "j-7.jpg"]


def test_a_picture_that_amazon_has_no_code_for_is_named_and_left_out(shop: Shop) -> None:
    approved(shop, 2, sku="A")
    list(approved_groups(shop.services.database))
    with shop.services.database.write() as session:
        session.execute(update(ProductImage).where(ProductImage.variant == 1).values(number=10))
    archive = download(shop, "&names={sku}.{code}")
    assert pictures(archive) == ["A.MAIN.jpg"]
    assert b"number 10 of its SKU, and Amazon accepts only 9" in archive.read("LEFT-OUT.txt")


def test_a_picture_that_gets_no_name_is_not_read(shop: Shop, tmp_path: Path) -> None:
    storage, pieces = slow_zip(shop, tmp_path / "media", 3, "{sku}.{code}")
    second = select(Product.id).where(Product.sku == "SKU-1").scalar_subquery()
    with shop.services.database.write() as session:
        numbered = update(ProductImage).where(ProductImage.product_id == second)
        session.execute(numbered.values(number=10))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
    assert pictures(archive) == ["SKU-0.MAIN.jpg", "SKU-2.MAIN.jpg"]
    assert storage.begun == 2


def test_packshots_own_csv_is_read_back_as_it_was(shop: Shop) -> None:
    approved(shop, sku="-A1", name="Pan, +lid; =b", category="@home")
    table = read_table(download(shop).read("products.csv"), "products.csv")
    assert {"-A1", "Pan, +lid; =b", "@home"} <= set(table.records[-1].cells)


def test_the_workbook_keeps_what_excel_changes_in_a_csv(shop: Shop) -> None:
    """Leading zeros, an EAN, a comma as decimal sign, what looks like a formula."""
    facts = {"EAN": "4006381333931", "Size": "1,5", "Note": "a<b> & ü 🪴"}
    approved(shop, sku="00123", name="=cmd", price=1249, mrp=Decimal("1399.90"), attributes=facts)
    data = download(shop).read("products.xlsx")
    with warnings.catch_warnings(action="error"):
        sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    names, values = ([*row] for row in sheet.iter_rows())
    cells = {name.value: cell for name, cell in zip(names, values, strict=True)}
    assert {name: cells[name].value for name in ("sku", "name", "EAN", "Size")} == {
        "sku": "00123", "name": "=cmd", "EAN": "4006381333931", "Size": "1,5",
    }  # fmt: skip
    assert cells["name"].data_type == "s"
    assert [cells["EAN"].number_format, cells["price"].number_format] == ["@", "0.00"]
    [row] = read_products(read_table(data, "products.xlsx")).rows
    assert (row.sku, row.name, row.price) == ("00123", "=cmd", Decimal(1249))
    assert row.mrp == Decimal("1399.90")
    assert dict(row.attributes) == facts


@pytest.mark.parametrize("as_format", ["csv", "xlsx", "zip"])
def test_packshots_own_exports_correct_only_what_a_seller_gave(shop: Shop, as_format: str) -> None:
    """Their prices are corrected in a spreadsheet and given back with --update."""
    approved(shop, sku="A", price=9, attributes={"Brand": "B"})
    data = download(shop).read("products.csv")
    if as_format == "csv":
        data = shop.ask("GET", "/api/export?format=csv").get_data()
    if as_format == "xlsx":
        data = download(shop).read("products.xlsx")
    rows = read_products(read_table(data, "products.csv")).rows
    assert {(row.sku, row.raw_image, row.path) for row in rows} == {("A", None, None)}
    assert all(row.price == 9 for row in rows)
    kept = {} if as_format == "csv" else {"Brand": "B"}
    assert all(dict(row.attributes) == kept for row in rows)


def test_a_picture_removed_meanwhile_is_named(shop: Shop) -> None:
    product_id = approved(shop, sku="A", variants=2)
    image = shop.services.catalog.product(product_id).images[0]
    shop.services.storage.delete([str(image.media_url).removeprefix("/media/")])
    archive = download(shop)
    assert pictures(archive) == ["A_2.jpg"]
    left_out = archive.read("LEFT-OUT.txt").decode()
    assert "A_1.jpg" in left_out and "restore the file from a backup" in left_out
    assert "A_1.jpg" in json.loads(archive.read("manifest.json"))["left_out"][0]


def test_a_picture_with_other_bytes_is_named_and_keeps_no_other_back(
    shop: Shop, tmp_path: Path
) -> None:
    product_id = approved(shop, sku="A", variants=2)
    image = shop.services.catalog.product(product_id).images[1]
    key = str(image.media_url).removeprefix("/media/")
    shop.services.storage.put(key, b"other bytes", "image/jpeg")
    target = tmp_path / "out.zip"
    with served(shop.app) as url:
        common = ["export", "--url", url, "--format", "zip"]
        done = CliRunner().invoke(main, [*common, "-o", str(target)])
    assert done.exit_code == 0
    assert "1 left out" in done.stderr and "A_2.jpg" in done.stderr
    assert f"Wrote {target}: 1 picture, " in done.stdout
    with zipfile.ZipFile(target) as archive:
        assert pictures(archive) == ["A_1.jpg"]
        assert "not the file that was approved" in archive.read("LEFT-OUT.txt").decode()


def test_a_picture_comes_once_however_often_it_was_made(shop: Shop) -> None:
    product_id, images = shop.reviewable(variants=3, sku="CAP-1")
    with shop.services.database.write() as session:
        one, two, three = (session.get(ProductImage, number) for number in images)
        assert one and two and three
        shop.services.storage.put(two.object_key or "", b"\xff\xd8\xffsame", "image/jpeg")
        shop.services.storage.put(three.object_key or "", b"\xff\xd8\xffsame", "image/jpeg")
        two.sha256 = three.sha256 = hashlib.sha256(b"\xff\xd8\xffsame").hexdigest()
    shop.services.catalog.review(product_id, "approved", who="ann")
    archive = download(shop)
    assert pictures(archive) == ["CAP-1_1.jpg", "CAP-1_2.jpg"]
    line = (
        f"CAP-1_3.jpg: picture {images[2]} was left out: it is byte for byte the same as"
        " CAP-1_2.jpg"
    )
    assert json.loads(archive.read("manifest.json"))["left_out"] == [line]
    assert archive.read("LEFT-OUT.txt").decode().splitlines() == [line]


def test_pictures_of_one_photo_given_twice_name_its_products(shop: Shop) -> None:
    products = [approved(shop, sku="CAP-1", view=view) for view in ("front", "kopie")]
    with shop.services.database.write() as session:
        session.execute(update(Product).values(raw_sha256="a" * 64))
        for image in session.scalars(select(ProductImage)):
            shop.services.storage.put(image.object_key or "", b"\xff\xd8\xffsame", "image/jpeg")
            image.sha256 = hashlib.sha256(b"\xff\xd8\xffsame").hexdigest()
    archive = download(shop)
    [line] = json.loads(archive.read("manifest.json"))["left_out"]
    assert pictures(archive) == ["CAP-1_1.jpg"]
    assert line.endswith(f"products {products[0]} and {products[1]} have the same photo")


def test_products_of_one_sku_and_view_are_named_with_an_export(shop: Shop, tmp_path: Path) -> None:
    mug = approved(shop, sku="MUG", view="front")
    approved(shop, sku="MUG", view="back")
    approved(shop, sku="CAP")
    approved(shop, sku="CAP", view="back")
    assert json.loads(download(shop).read("manifest.json"))["notes"] == []
    glasses = approved(shop, sku="MUG", view="Front")
    [note] = json.loads(download(shop).read("manifest.json"))["notes"]
    assert note.startswith(f"products {mug} and {glasses} have the same SKU and view (MUG, front)")
    for query, named in (("", True), (f"?products={glasses}", True), ("?sku=CAP", False)):
        headers = shop.ask("HEAD", f"/api/export{query}").headers
        assert headers.get("Packshot-Same-View") == (f"{mug} {glasses}" if named else None)
    with served(shop.app) as url:
        done = CliRunner().invoke(main, ["export", "--url", url, "-o", str(tmp_path / "a.zip")])
    assert (
        f"Products with the same SKU, and no views that tell them apart: {mug} and {glasses}."
        in (done.stderr)
    )
    assert f"{url}/products/{glasses}" in done.stderr


def test_of_many_products_that_no_view_tells_apart_some_are_named(
    shop: Shop, tmp_path: Path
) -> None:
    """A client may give no views at all."""
    ids = [approved(shop, sku=f"A-{n // 2:02}") for n in range(46)]
    many = [approved(shop, sku="A") for _ in range(22)]
    notes = json.loads(download(shop).read("manifest.json"))["notes"]
    assert len(notes) == 21
    assert f", {many[19]} and 2 more have the same SKU (A)" in notes[0]
    assert notes[-1].startswith("4 more groups of products have the same SKU")
    named = shop.ask("HEAD", "/api/export").headers["Packshot-Same-View"].split(", ")
    assert (len(named), named[1], named[-1]) == (21, f"{ids[0]} {ids[1]}", "4 more")
    with served(shop.app) as url:
        done = CliRunner().invoke(main, ["export", "--url", url, "-o", str(tmp_path / "a.csv")])
    [line] = [line for line in done.stderr.splitlines() if "same SKU" in line]
    assert f"; {ids[0]} and {ids[1]}; " in line
    assert f"; {ids[6]} and {ids[7]}; 19 more such groups. Their pictures" in line


def test_products_of_one_sku_without_views_are_named_with_an_export(shop: Shop) -> None:
    sneaker = approved(shop, sku="SNEAK")
    cushion = approved(shop, sku="CUSHION")
    assert json.loads(download(shop).read("manifest.json"))["notes"] == []
    shop.services.catalog.correct(cushion, {"sku": "SNEAK"}, by=Editor("ann"), allow_duplicate=True)
    [note] = json.loads(download(shop).read("manifest.json"))["notes"]
    assert note.startswith(
        f"products {sneaker} and {cushion} have the same SKU (SNEAK) and no view"
    )
    headers = shop.ask("HEAD", "/api/export?format=zip&preset=amazon").headers
    assert headers.get("Packshot-Same-View") == f"{sneaker} {cushion}"


def test_views_are_compared_alike_for_an_export_and_a_correction(shop: Shop) -> None:
    one = approved(shop, sku="MUG", view="\u00e9tage")
    other = approved(shop, sku="MUG", view="\u00c9TAGE")
    approved(shop, sku="CUP", view="\u00c9TAGE")
    [note] = json.loads(download(shop).read("manifest.json"))["notes"]
    assert note.startswith(
        f"products {one} and {other} have the same SKU and view (MUG, \u00e9tage)"
    )


def test_the_command_writes_a_whole_zip(shop: Shop, tmp_path: Path) -> None:
    approved(shop, sku="A")
    target = tmp_path / "out.zip"
    with served(shop.app) as url:
        common = ["export", "--url", url, "--format", "zip"]
        refused = CliRunner().invoke(main, common)
        without = ["export", "--url", url, "-o", str(target)]  # its ending says the format
        wrong = CliRunner().invoke(main, [*without, "--names", "{skuu}", "--since", "x"])
        unknown = CliRunner().invoke(main, [*without, "--preset", "amazn"])
        done = CliRunner().invoke(main, [*without, "--names", "{sku}"])
        again = CliRunner().invoke(main, [*without, "--names", "{sku}"])
        nothing = CliRunner().invoke(main, [*common, "--sku", "none", "-o", str(tmp_path / "n")])
        since = ["--since", "2099-01-01T00:00:00Z", "-o", str(tmp_path / "night.zip")]
        quiet = CliRunner().invoke(main, [*common, *since])
    assert "-o FILE.zip" in refused.output
    assert "\nnames: has an unknown field; known are sku, " in wrong.output
    assert "\nsince: " in wrong.output
    assert "\npreset: " in unknown.output
    assert "amazon" in unknown.output
    assert "nothing was changed" not in unknown.output
    assert f"Wrote {target}: 1 picture, " in done.output
    assert "it replaced the earlier file" not in done.output
    assert "; it replaced the earlier file." in again.output
    assert done.exit_code == 0, done.output
    assert pictures(zipfile.ZipFile(target)) == ["A.jpg"]
    assert quiet.exit_code == 0, quiet.output
    assert "Nothing was approved after 2099" in quiet.output
    assert {path.name for path in tmp_path.glob("*.zip")} == {"out.zip"}
    assert nothing.exit_code != 0
    assert "no product matches this export" in nothing.output


@pytest.mark.extra
@pytest.mark.parametrize("breaks", [False, True])
def test_a_bucket_that_breaks_off_breaks_the_archive_visibly(
    aws: Aws, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breaks: bool
) -> None:
    proxy = TcpProxy((HOST, aws.port))
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    shop = Shop(sqlite_url, tmp_path / "media", s3_bucket=aws.bucket(), aws_region=REGION)
    for _ in range(20):
        approved(shop)
    make_larger(shop, 1_000_000)
    received = b""
    with served(shop.app) as url:
        try:
            for piece in Client(url).export("zip"):
                received += piece
                proxy.mode = "refuse" if breaks else "pass"
        except urllib3.exceptions.HTTPError:
            assert breaks
    shop.close()
    proxy.close()
    whole = io.BytesIO(received)
    assert zipfile.is_zipfile(whole) is not breaks
    assert breaks or len(pictures(zipfile.ZipFile(whole))) == 20


def make_larger(shop: Shop, size: int) -> None:
    """More than the sockets hold: the store is asked while the ZIP is sent."""
    data = b"\xff\xd8\xff" + bytes(size)
    for product in shop.services.catalog.products().products:
        key = str(product.images[0].media_url).removeprefix("/media/")
        shop.services.storage.put(key, data, "image/jpeg")
    with shop.services.database.write() as session:
        digest = hashlib.sha256(data).hexdigest()
        session.execute(update(ProductImage).values(sha256=digest))


def test_a_full_disk_leaves_no_file(shop: Shop, tmp_path: Path) -> None:
    approved(shop)
    (tmp_path / ".out.zip.unfinished").symlink_to("/dev/full")
    with served(shop.app) as url:
        done = CliRunner().invoke(
            main, ["export", "--format", "zip", "--url", url, "-o", str(tmp_path / "out.zip")]
        )
    assert done.exit_code == 1
    assert "out.zip can't be written: No space left on device" in done.output
    assert list(tmp_path.glob("*.zip")) == list(tmp_path.glob(".*unfinished")) == []


def test_more_skus_than_a_page_come_in_order_each_once(shop: Shop) -> None:
    [product_id] = [approved(shop, sku="SKU-000")]
    with shop.services.database.write() as session:
        product = session.get_one(Product, product_id)
        [image] = session.query(ProductImage).filter_by(product_id=product_id).all()
        for number in range(1, 230):
            row = {c.name: getattr(product, c.name) for c in Product.__table__.columns}
            copy = Product(**row | {"id": None, "sku": f"SKU-{number:03}"})
            session.add(copy)
            session.flush()
            of_image = {c.name: getattr(image, c.name) for c in ProductImage.__table__.columns}
            session.add(ProductImage(**of_image | {"id": None, "product_id": copy.id}))
    assert pictures(download(shop)) == [f"SKU-{number:03}_1.jpg" for number in range(230)]
