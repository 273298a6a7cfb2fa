"""Files for a shop's importer, read back by the importer's own rules."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from click.testing import CliRunner
from servers.loopback import served
from sqlalchemy import update
from support.shop import Shop

from packshot.cli import main
from packshot.database.models import Product, ProductImage

CDN = "https://cdn.shop.example/pictures"
Maker = Callable[..., Shop]
Rows = list[dict[str, str]]


@pytest.fixture
def make(sqlite_url: str, tmp_path: Path) -> Iterator[Maker]:
    shops: list[Shop] = []

    def maker(**settings: Any) -> Shop:
        shops.append(Shop(sqlite_url, tmp_path / "media", **settings))
        return shops[-1]

    yield maker
    for shop in shops:
        shop.close()


def approve(shop: Shop, variants: int = 1, **fields: Any) -> int:
    product_id, _ = shop.reviewable(variants=variants)
    with shop.services.database.write() as session:
        session.execute(update(Product).where(Product.id == product_id).values(**fields))
    shop.services.catalog.review(product_id, "approved", who="ann")
    return product_id


def read(shop: Shop, as_format: str, query: str = "") -> Rows:
    answer = shop.ask("GET", f"/api/export?format={as_format}{query}")
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def import_to_shopify(rows: Rows) -> dict[str, Rows]:
    """Products by handle: rows stand together, only the first has a title, positions are unique."""
    products: dict[str, Rows] = defaultdict(list)
    last = None
    for row in rows:
        handle = row["Handle"]
        assert handle
        assert handle == last or handle not in products, "a product's rows stand together"
        assert bool(row["Title"]) is (handle not in products)
        parts = urlsplit(row["Image Src"])
        assert parts.scheme == "https"
        assert not parts.query
        assert len(row["Image Alt Text"]) <= 512
        products[handle].append(row)
        last = handle
    for found in products.values():
        positions = [int(row["Image Position"]) for row in found]
        assert positions == sorted(set(positions))
    return products


def test_shopify_gets_a_row_for_each_picture(make: Maker) -> None:
    shop = make(public_media_url=CDN)
    approve(shop, sku="MUG 1", name="Mug, blue", view="back")
    approve(shop, sku="MUG 1", name="Mug, blue", view="front", variants=2)
    photo = approve(shop, filename="IMG_7.JPG")
    products = import_to_shopify(read(shop, "shopify"))
    assert set(products) == {"mug-1-c50b8b", f"img-7-{photo}"}
    mug = products["mug-1-c50b8b"]
    assert [row["Image Position"] for row in mug] == ["1", "2", "3"]
    assert [row["Variant SKU"] for row in mug] == ["MUG 1", "", ""]
    assert mug[0]["Title"] == "Mug, blue"
    assert mug[0]["Image Alt Text"] == "Mug, blue, front view"
    assert mug[2]["Image Alt Text"] == "Mug, blue, back view"
    assert all(row["Image Src"].startswith(f"{CDN}/enhanced/") for row in mug)


@pytest.mark.parametrize("as_format", ["shopify", "woocommerce"])
def test_an_importer_gets_a_picture_once(make: Maker, as_format: str) -> None:
    shop = make(public_media_url=CDN)
    approve(shop, 2, sku="OIL")
    with shop.services.database.write() as session:
        session.execute(update(ProductImage).values(sha256="a" * 64))
    assert as_format == "shopify" or "," not in read(shop, as_format)[0]["Images"]
    assert len(read(shop, as_format)) == 1


@pytest.mark.parametrize("name", ["Handle", "URL handle"])
def test_the_handles_and_options_of_the_shops_own_file_come_back(make: Maker, name: str) -> None:
    shop = make(public_media_url=CDN)
    both = {name: "shirt"}
    red = both | {"Option1 Name": "Colour", "Option1 Value": "red"}
    approve(shop, sku="S-B", name="Shirt", attributes=both | {"Option1 Value": "blue"})
    approve(shop, sku="OTHER", name="Cap")
    approve(shop, sku="S-R", name="Shirt", attributes=red, variants=2)
    products = import_to_shopify(read(shop, "shopify"))
    assert set(products) == {"shirt", "other"}
    shirt = products["shirt"]
    assert [row["Variant SKU"] for row in shirt] == ["S-B", "S-R", ""]
    assert [row["Option1 Value"] for row in shirt] == ["blue", "red", ""]
    assert shirt[0]["Option1 Name"] == "Colour"
    assert shirt[1]["Variant Image"] == shirt[1]["Image Src"]


def test_a_shopify_products_main_picture_stays_that_of_the_same_variant(make: Maker) -> None:
    shop = make(public_media_url=CDN)
    for sku, view in (("B40", "2"), ("R40", "1"), ("R40", "3")):
        approve(shop, sku=sku, view=view, attributes={"Handle": "shoe", "Option1 Value": sku})
    rows = import_to_shopify(read(shop, "shopify"))["shoe"]
    assert [row["Variant SKU"] for row in rows] == ["R40", "", "B40"]


def test_shopify_gets_a_row_for_each_variant_of_which_no_picture_was_made(make: Maker) -> None:
    shop = make(public_media_url=CDN)
    red = {
        "Handle": "tee",
        "Option1 Name": "Colour",
        "Option1 Value": "Red",
        "Option2 Name": "Size",
        "Option2 Value": "S",
        "Variants with the same image": 'R-M,Red,"6,5"""\nR-L,Red,L\n\nR-L,Red,L\nby hand',
        "variants without an image": "G-S,Grey,S\nB-S,Blue,S",
    }
    blue = {"Handle": "tee", "Option1 Value": "Blue", "Option2 Value": "S"}
    approve(shop, sku="R-S", view="1", attributes=red)
    approve(shop, sku="R-S", view="3", attributes=red)
    approve(shop, sku="B-S", view="2", attributes=blue)
    rows = read(shop, "shopify")
    names = ("Variant SKU", "Option1 Value", "Option2 Value", "Image Position")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("R-S", "Red", "S", "1"),
        ("", "", "", "2"),
        ("R-M", "Red", '6,5"', ""),
        ("R-L", "Red", "L", ""),
        ("G-S", "Grey", "S", ""),
        ("B-S", "Blue", "S", "3"),
    ]
    images = [row["Variant Image"] for row in rows]
    assert images[0] == images[2] == images[3] == rows[0]["Image Src"]
    assert images[1] == images[4] == ""
    assert {row["Handle"] for row in rows} == {"tee"}


def test_two_products_never_share_a_handle(make: Maker) -> None:
    shop = make(public_media_url=CDN)
    approve(shop, sku="A 1")
    approve(shop, sku="A-1")
    approve(shop, sku="B", attributes={"handle": "a-1"})
    approve(shop, sku="कप")
    assert len(import_to_shopify(read(shop, "shopify"))) == 4


def test_exports_on_different_nights_give_no_product_the_handle_of_another(make: Maker) -> None:
    """Shopify's import overwrites the product that has the handle."""
    shop = make(public_media_url=CDN)
    skus = ("A 1", "A-1", "A_1", "A--1", "Á-1", "कप-1", "बाल्टी-1", "1", "लोटा")
    products = [approve(shop, sku=sku) for sku in skus]
    products += [approve(shop, filename="A-1.jpg") for _ in range(2)]
    together = set(import_to_shopify(read(shop, "shopify")))
    alone = [import_to_shopify(read(shop, "shopify", f"&products={each}")) for each in products]
    assert together == set().union(*alone)
    assert len(together) == len(products)
    assert {"a-1", "1"} <= together


def test_woocommerce_gets_a_row_for_each_sku(make: Maker) -> None:
    shop = make(public_media_url=f"{CDN},1")
    approve(shop, sku="M-1", name="Mug", view="2")
    approve(shop, sku="M-1", name="Mug", view="1")
    approve(shop, sku="M-2", name="Cup")
    rows = read(shop, "woocommerce")
    assert [(row["SKU"], row["Name"]) for row in rows] == [("M-1", "Mug"), ("M-2", "Cup")]
    images = [[address.strip() for address in row["Images"].split(",")] for row in rows]
    assert [len(each) for each in images] == [2, 1]
    for address in (address for each in images for address in each):
        assert address.startswith("https://cdn.shop.example/pictures%2C1/enhanced/")
        assert not urlsplit(address).query


def test_woocommerce_renames_no_product_to_its_sku(make: Maker) -> None:
    """Its importer overwrites the names of the products that it updates."""
    shop = make(public_media_url=CDN)
    approve(shop, sku="M-1", name="Mug")
    approve(shop, sku="M-2")
    assert [list(row) for row in read(shop, "woocommerce")] == [["SKU", "Images"]] * 2


@pytest.mark.parametrize("as_format", ["shopify", "woocommerce"])
def test_an_importer_gets_names_and_skus_as_they_are(make: Maker, as_format: str) -> None:
    shop = make(public_media_url=CDN)
    approve(shop, sku="-A1", name="Pan, +lid")
    [row] = read(shop, as_format)
    assert (row.get("SKU") or row["Variant SKU"]) == "-A1"
    assert (row.get("Name") or row["Title"]) == "Pan, +lid"


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:9000", "http://localhost", "https://[::1]", "http://10.0.0.7", "http://nas"],
)
def test_an_address_inside_the_shops_network_is_not_public(make: Maker, address: str) -> None:
    shop = make(public_media_url=address)
    approve(shop, sku="A")
    answer = shop.ask("GET", "/api/export?format=woocommerce")
    assert answer.get_json()["type"] == "/problems/no_public_address"


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ("", ["OIL%207_1.jpg", "OIL%207_2.jpg"]),
        ("&names={sku}.{code}", ["OIL%207.MAIN.jpg", "OIL%207.PT01.jpg"]),
        ("&preset=shopify", None),
    ],
)
def test_a_shops_file_names_the_pictures_of_the_zip_where_they_were_uploaded(
    make: Maker, more: str, names: list[str] | None
) -> None:
    shop = make()
    approve(shop, sku="OIL 7", variants=2)
    approve(shop, sku="A")
    archive = zipfile.ZipFile(io.BytesIO(shop.ask("GET", f"/api/export?format=zip{more}").data))
    manifest = json.loads(archive.read("manifest.json"))
    in_zip = {picture["file"] for picture in manifest["pictures"]}
    in_zip |= {line.partition(": ")[0] for line in manifest["left_out"]}  # not really pictures
    folder = "https://cdn.shopify.com/s/files/1/9/files"
    for given in (folder, f"{folder}/", f"{folder}/OIL-7_1.jpg?v=17"):
        found = f"{more}&pictures_at={quote(given)}"
        rows = read(shop, "shopify", found)
        assert {row["Image Src"] for row in rows} == {f"{folder}/{quote(name)}" for name in in_zip}
        images = {row["SKU"]: row["Images"].split(", ") for row in read(shop, "woocommerce", found)}
        assert len(images["OIL 7"]) == 2
        assert names is None or images["OIL 7"] == [f"{folder}/{name}" for name in names]


@pytest.mark.parametrize("sku", ["Świeca-L", "OIL 7", "A+B", "A--1", "A..1", "A.XL.1"])
def test_a_picture_that_wordpress_renames_is_not_named(make: Maker, sku: str) -> None:
    """The import would find none of these pictures."""
    shop = make()
    approve(shop, sku="PLAIN-1")
    uploads = "pictures_at=https://shop.example/wp-content/uploads/2026/12"
    assert shop.ask("GET", f"/api/export?format=woocommerce&{uploads}").status_code == 200
    approve(shop, sku=sku)
    refused = shop.ask("GET", f"/api/export?format=woocommerce&{uploads}")
    assert (refused.status_code, refused.get_json()["type"]) == (409, "/problems/no_public_address")
    assert f"WordPress renames {sku}_1.jpg" in refused.get_json()["detail"]
    plain = f"format=woocommerce&names={quote('{id}_{n}')}&{uploads}"
    assert shop.ask("GET", f"/api/export?{plain}").status_code == 200


@pytest.mark.parametrize(
    ("folder", "names"),
    [
        ("https://cdn.shopify.com/s/files/1/9/files", "{sku}/{n}"),
        ("https://shop.example/cdn/shop/files", "{sku}/{n}"),
        ("https://shop.example/wp-content/uploads/2026/12", "{sku}/{n}"),
        ("https://shop.example/wp-content/uploads/2026/12", "{sku}.{code}"),
    ],
)
def test_a_picture_that_an_upload_moves_or_renames_is_not_named(
    make: Maker, folder: str, names: str
) -> None:
    """Uploaded files are in no folder, and WordPress makes OIL.MAIN.jpg OIL.MAIN_.jpg."""
    shop = make()
    approve(shop, sku="OIL")
    path = f"/api/export?format=shopify&names={quote(names)}&pictures_at="
    refused = shop.ask("GET", path + quote(folder))
    assert refused.get_json()["type"] == "/problems/no_public_address"
    assert shop.ask("GET", path + quote("https://shop.example/pictures")).status_code == 200


@pytest.mark.parametrize(
    "query", ["format=csv&pictures_at=https://a.example", "format=shopify&pictures_at=files"]
)
def test_pictures_at_is_an_address_for_a_shops_file(make: Maker, query: str) -> None:
    assert make().ask("GET", f"/api/export?{query}").status_code == 422


@pytest.mark.parametrize("as_format", ["shopify", "woocommerce"])
def test_without_public_addresses_it_says_so(make: Maker, as_format: str) -> None:
    shop = make()
    path = f"/api/export?format={as_format}"
    assert shop.ask("GET", path).get_json()["type"] == "/problems/nothing_approved"
    approve(shop, sku="M-1")
    answer = shop.ask("GET", path)
    assert (answer.status_code, answer.get_json()["type"]) == (409, "/problems/no_public_address")
    detail = answer.get_json()["detail"]
    for said in (
        "M-1 has no public address",
        "the download dialog",
        "--pictures-at",
        "PUBLIC_MEDIA_",
    ):
        assert said in detail


def test_woocommerce_gets_all_pictures_of_a_sku_of_which_one_is_chosen(make: Maker) -> None:
    """Its importer replaces a product's pictures by those in the file."""
    shop = make(public_media_url=CDN)
    approve(shop, sku="M-1", view="1", category="Mugs")
    approve(shop, sku="M-1", view="2", category="Hats")
    approve(shop, sku="M-2", category="Mugs")
    [row] = read(shop, "woocommerce", "&category=Hats")
    assert (row["SKU"], row["Images"].count("https://")) == ("M-1", 2)


def test_a_part_of_a_product_keeps_its_positions(make: Maker) -> None:
    shop = make(public_media_url=CDN)
    approve(shop, sku="M-1", view="1", category="Mugs")
    approve(shop, sku="M-1", view="2", category="Hats")
    [row] = read(shop, "shopify", "&category=Hats")
    assert row["Image Position"] == "2"


def test_names_and_presets_are_refused(make: Maker) -> None:
    shop = make(public_media_url=CDN)
    approve(shop, sku="M-1")
    for query in ("names={sku}", "preset=amazon"):
        assert shop.ask("GET", f"/api/export?format=shopify&{query}").status_code == 422


def test_the_command_writes_a_file(make: Maker, tmp_path: Path) -> None:
    shop = make(public_media_url=CDN)
    approve(shop, sku="M-1")
    out = tmp_path / "shopify.csv"
    with served(shop.app) as url:
        done = CliRunner().invoke(
            main, ["export", "--url", url, "--format", "shopify", "-o", str(out)]
        )
    assert done.exit_code == 0, done.output
    assert import_to_shopify(list(csv.DictReader(io.StringIO(out.read_text()))))


@pytest.mark.parametrize(("sku", "is_said"), [("CHÁVENA-1", True), ("MUG 1", True), ("M-1", False)])
def test_the_command_names_pictures_that_shopify_may_rename(
    make: Maker, tmp_path: Path, sku: str, is_said: bool
) -> None:
    """Its rule is not known, so the file is written; the import may find none of these."""
    shop = make()
    approve(shop, sku=sku)
    at = ("--pictures-at", "https://cdn.shopify.com/s/files/1/9/files")
    asked = ["export", "--format", "shopify", "-o", str(tmp_path / "shopify.csv"), *at]
    with served(shop.app) as url:
        done = CliRunner().invoke(main, [*asked, "--url", url])
        plain = CliRunner().invoke(main, [*asked, "--url", url, "--names", "{id}_{n}"])
    assert (done.exit_code, plain.exit_code) == (0, 0), done.output
    said = (
        f"Shopify may rename pictures as they are uploaded (accents, spaces and signs): {sku}_1.jpg"
    )
    assert (said in done.output) is is_said, done.output
    assert "rename" not in plain.output
