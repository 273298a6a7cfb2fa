"""Spreadsheets as shops have them: each file gives the rows that a person reads in it."""

from __future__ import annotations

import csv
import io
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cpu import slowness

from packshot.errors import SpreadsheetError
from packshot.spreadsheets import (
    NO_SKU_COLUMN,
    Import,
    ImportChoices,
    ImportInput,
    SheetLimits,
    SheetProblem,
    plan_import,
    read_products,
    read_table,
)
from packshot.spreadsheets.fields import PRODUCT_FIELDS
from packshot.spreadsheets.formulas import unescape
from packshot.spreadsheets.header import field_of

CASES = Path("/work/shared/cases/csv")
HTTP = "http://127.0.0.1:47801/pics/good.jpg"
HTTPS = HTTP.replace("http:", "https:")


def imported(data: str | bytes, name: str = "products.csv", **choices: Any) -> Import:
    raw = data.encode() if isinstance(data, str) else data
    return read_products(read_table(raw, name), ImportChoices(**choices))


def products(found: Import) -> list[tuple[int, dict[str, Any]]]:
    """Row and product of all that could be created."""
    return [(row.row, row.as_product()) for row in found.rows if row.ready]


def reported(found: Import, *levels: str) -> list[tuple[int | None, str | None, str]]:
    wanted = levels or ("error", "question")
    return [(one.row, one.column, one.detail) for one in found.problems if one.level in wanted]


def good(row: int = 2, **fields: Any) -> tuple[int, dict[str, Any]]:
    common = {"category": "Shoes", "raw_image": HTTP, "mrp": "10", "price": "9"}
    return row, common | fields


SHOPIFY: dict[str, Any] = {"sku": "SKU-1", "name": "Shoe", "mrp": "10.00", "price": "9.00"}
SHOPIFY |= {"attributes": {"Handle": "shoe", "Body (HTML)": "<p>x</p>", "Vendor": "V"}}
WOO: dict[str, Any] = {"sku": "SKU-1", "name": "Shoe", "category": "Shoes > Men"}
WOO |= {
    "attributes": {
        "Categories": "Shoes, Shoes > Men",
        "ID": "1",
        "Type": "simple",
        "Published": "1",
    }
}
LONG = "Home & Kitchen > Kitchen & Dining > Cookware > Pots & Pans > Frying Pans & Skillets"
LONG += " > Non-stick > 28 cm induction"

EXPECTED: dict[str, list[tuple[int, dict[str, Any]]]] = {
    "cp1252.csv": [good(category="Café")],
    "cr-only.csv": [good(), good(3, category="Hats")],
    "crcrlf.csv": [good(), good(3, category="Hats")],
    "currency.csv": [
        good(mrp="1299", price="999"),
        good(3, mrp="12.99", price="9.99"),
        good(4, mrp="12.99", price="9.99"),
    ],
    "decimal-comma.csv": [good(mrp="1299.00", price="999.50")],
    "decimal-eu-thousand.csv": [good(mrp="1299.00", price="999.50")],
    "empty-lines.csv": [good(), good(6, category="Hats")],
    "gst-percent.csv": [good(gst="18")],
    "header-case-space.csv": [good()],
    "header-only-diff.csv": [good()],
    "hyperlink.csv": [good()],
    "inch-quote.csv": [good(category='6" Pan'), good(3, category='12" Pan')],
    "indian-thousands.csv": [good(mrp="129900.00", price="45000")],
    "long-cat.csv": [
        good(category=LONG.removeprefix("Home & Kitchen > "), attributes={"category": LONG})
    ],
    "multi.csv": [good(row, view=view) for row in (2, 3) for view in ("1", "2")],
    "nbsp.csv": [good()],
    "no-scheme.csv": [good(raw_image=HTTPS)],
    "ok.csv": [good()],
    "pipe.csv": [good()],
    "proto-rel.csv": [good(raw_image=HTTPS)],
    "quoted-newline.csv": [good(category="Shoes Men"), good(3, category="Hats")],
    "sep-hint.csv": [good()],
    "shopify.csv": [good(**SHOPIFY, view="1"), good(3, **SHOPIFY, view="2")],
    "sku.csv": [good(sku="A1")],
    "three-decimals.csv": [],
    "unclosed-quote.csv": [good(3, category="Hats"), good(4, category="Bags")],
    "utf16.csv": [good(category="Café")],
    "win-path.csv": [
        (row, {"category": "Shoes", "filename": "good.jpg", "mrp": "10", "price": "9"})
        for row in (2, 3)
    ],
    "woo.csv": [good(**WOO, view="1"), good(**WOO, view="2")],
}
TO_ANSWER: dict[str, list[tuple[int | None, str | None, str]]] = {
    "three-decimals.csv": [
        (2, "mrp", "10.000 can be 10000 or 10.000: say which is the decimal sign"),
        (2, "price", "9.999 can be 9999 or 9.999: say which is the decimal sign"),
        (3, "mrp", "1E+05 is written with an exponent, which may hide digits: write it out"),
    ],
    "unclosed-quote.csv": [(2, None, "a quote opens a cell in this row and is never closed")],
}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_shared_spreadsheets_are_read_as_expected(name: str) -> None:
    if not (CASES / name).exists():
        pytest.skip(f"no {CASES / name}")
    found = imported((CASES / name).read_bytes(), name)
    assert products(found) == EXPECTED[name]
    assert reported(found) == TO_ANSWER.get(name, [])


def test_every_shared_spreadsheet_has_an_expectation() -> None:
    if not CASES.exists():
        pytest.skip(f"no {CASES}")
    assert {path.name for path in CASES.iterdir()} <= set(EXPECTED)


# -- encodings and dialects -----------------------------------------------------------------------

PLAIN = "sku,name,image,price\nA-1,Café “Größe”,https://shop.example/a.jpg,12.50\n"
PLAIN_ROW = {"sku": "A-1", "name": "Café “Größe”", "price": "12.50", "category": "Cups"}
PLAIN_ROW |= {"raw_image": "https://shop.example/a.jpg"}


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-32"),
        PLAIN.encode("cp1252"),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r\r\n").encode("cp1252"),
        PLAIN.replace(",", "\t").encode("utf-16"),
        PLAIN.replace(",", "|").encode(),
        ("sep=;\r\n" + PLAIN.replace(",", ";")).encode(),
        ('"sep=\t"\n' + PLAIN.replace(",", "\t")).encode("utf-8-sig"),
        (PLAIN + "\x1a\0\0").encode(),
        PLAIN.replace(",", "^").encode(),
        ("sep=;\n" + PLAIN).encode(),
        ("Our products 2026;;;\n\n" + PLAIN.replace(",", ";")).encode(),
        PLAIN.replace("\n", ",,,,\n").encode(),
        PLAIN.replace("sku", "\u200bSKU\u00a0").replace("A-1", "\ufeffA-1\u200b").encode(),
    ],
)
def test_every_form_gives_the_same_row(data: bytes) -> None:
    found = imported(data, defaults={"category": "Cups"})
    assert [row.as_product() for row in found.rows] == [PLAIN_ROW]
    assert reported(found) == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b" \r\n ", "the file is empty"),
        (b"sku,price\nA\x81,1\n", "line 2 has a byte that Windows-1252 does not know"),
        ("sku,name\n1,₹ é\n2,".encode() + b"\xe9\n", "line 3 is not in UTF-8, unlike the rest"),
        (b"sku,name\n1,\0\n", "the file has a zero character in line 2"),
        (b"%PDF-1.7", "the file is a PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "the file is an old .xls file"),
        (b"<html><table>", "the file is a web page"),
        (b'<?xml version="1.0"?>\n<rss><channel>', "the feed is damaged or was cut short"),
        (b"<rss><channel></channel></rss>", "the feed has no products"),
        (b"<rss>" + b"<a/>" * 1_500_001 + b"</rss>", "more than 20,000 rows or 1,000,000 cells"),
        (b'<!DOCTYPE rss [<!ENTITY a "b">]><rss>&a;</rss>', "has a document type or entities"),
        (b"<?xml version='1.0'?><catalog></catalog>", "the file is an XML file: save it as"),
        (b'[{"sku": 1}]', "the file is JSON"),
        (b"PK\x03\x04broken", "the file is damaged: open it in a spreadsheet program"),
        (b"https://shop.example/a.jpg,12\n", "row 1 looks like a product"),
    ],
)
def test_what_can_not_be_read_is_reported(data: bytes, message: str) -> None:
    with pytest.raises(SpreadsheetError, match=message):
        imported(data)


def test_an_xls_with_a_password_is_recognised() -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le")
    with pytest.raises(SpreadsheetError, match="protected with a password"):
        imported(data)


def test_what_is_not_read_is_named() -> None:
    text = "Price list,,\n\nsku,photo,,price\nA,a.jpg,x,1\nsku,photo,,price\nB,b.jpg,,2\n"
    found = imported(text, defaults={"category": "Cups"})
    assert [(row.row, row.attributes) for row in found.rows] == [(4, {"column C": "x"}), (6, {})]
    assert reported(found, "note") == [
        (1, None, "is above the names of the columns and is left out: Price list"),
        (5, None, "repeats the names of the columns and is left out"),
    ]


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ('"6" Pan",a.jpg', ['6" Pan', "a.jpg"]),
        ('12" Pan,a.jpg', ['12" Pan', "a.jpg"]),
        ('"12"" Pan","a.jpg"', ['12" Pan', "a.jpg"]),
        ('"a, ""b""", "a.jpg" ', ['a, "b"', "a.jpg"]),
        ('"",a.jpg', ["", "a.jpg"]),
        ('"""",a.jpg', ['"', "a.jpg"]),
        ('"two\nlines",a.jpg', ["two\nlines", "a.jpg"]),
        ('"6\\" Pan, \\"red\\"","a.jpg"', ['6" Pan, "red"', "a.jpg"]),
        ('"C:\\photos\\","a.jpg"', ["C:\\photos\\", "a.jpg"]),
        ('"said\n""so""\n",a.jpg', ['said\n"so"', "a.jpg"]),
    ],
)
def test_quotes_as_people_write_them(line: str, cells: list[str]) -> None:
    table = read_table(f"name,photo\n{line}\nlast,b.jpg\n".encode(), "a.csv")
    assert [list(record.cells) for record in table.records[1:]] == [cells, ["last", "b.jpg"]]
    assert table.records[-1].number == 3


@pytest.mark.parametrize("after", ['Hats,"b.jpg"', '"Hats",b.jpg', '"Hats, red","b.jpg"', 'x,""'])
def test_an_unclosed_quote_costs_its_own_row_only(after: str) -> None:
    table = read_table(f'name,photo\n"Shoes,a.jpg\n{after}\nBags,c.jpg\n'.encode(), "a.csv")
    bad, next_row, last = table.records[1:]
    assert (bad.number, bool(bad.problem)) == (2, True)
    assert (next_row.number, next_row.problem) == (3, None)
    assert last.cells == ("Bags", "c.jpg")


def test_line_breaks_of_unicode_are_spaces() -> None:
    text = "sku,category,name,image\nA,Cups,Red\u2028cup\x85,https://x.example/a.jpg\n"
    assert [row.name for row in imported(text).rows] == ["Red cup"]


WIDER = (
    "has more cells than the header: nothing names the column E, where 'x' is; a text with the"
    " separator in it must be in quotes"
)


def test_more_cells_than_the_header() -> None:
    found = imported("sku,photo,category\nA,a.jpg,Cups,,\nB,b.jpg,Cups,,x\n")
    assert [row.row for row in found.rows if row.ready] == [2]
    assert reported(found) == [(3, None, WIDER)]


def test_doubled_names() -> None:
    found = imported("sku,image,image,price,price,category\nA,a.jpg,b.jpg,1,2,Cups\n")
    assert [(row.path, row.view) for row in found.rows] == [("a.jpg", "1"), ("b.jpg", "2")]
    assert [row.price for row in found.rows] == [1, 1]
    assert found.rows[0].attributes == {"price (2)": "2"}
    detail = "a second column has the name price: it is kept as an attribute"
    assert reported(found, "note") == [(None, "price (2)", detail)]


CELL = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zl", "Zp"]), max_size=9
)
#: Without an apostrophe before a formula, which is not read back: it shows that a text follows.
NEWLINED = (
    st.lists(CELL, min_size=1, max_size=2)
    .map("\n".join)
    .filter(lambda text: unescape(text.strip()) == text.strip())
)


@settings(max_examples=150)
@given(
    rows=st.lists(st.tuples(NEWLINED, NEWLINED, NEWLINED), max_size=6),
    delimiter=st.sampled_from(",;\t|"),
    newline=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_any_dialect_writes_is_read_back(
    rows: list[tuple[str, str, str]], delimiter: str, newline: str, quoting: Any, encoding: str
) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=newline, quoting=quoting)
    writer.writerows([("sku", "name", "category"), *rows])
    table = read_table(file.getvalue().encode(encoding), "a.csv")
    stripped = [tuple(cell.strip() for cell in row) for row in rows]
    records = {record.number: record.cells for record in table.records[1:]}
    expected = {number: row for number, row in enumerate(stripped, start=2) if any(row)}
    assert records == expected


@settings(max_examples=150)
@given(st.text('",\n a', max_size=60))
def test_no_text_is_lost(text: str) -> None:
    """Whatever the quotes, every letter of the file is in a cell."""
    table = read_table(f"sku,name\n{text}x".encode(), "a.csv")
    read = "".join(cell for record in table.records[1:] for cell in record.cells)
    assert read.count("a") == text.count("a")


@pytest.mark.parametrize(
    "text",
    [
        '"a,' * 50_000,
        '"a\n' * 50_000,
        '"""a\n' * 40_000 + 'x"',
        '"a,"b\n' * 30_000 + '"',
        '"' * 200_001,
        ('" ,' * 100_000) + "\n",
        "a,b\n" * 19_000 + '"' + "a,b\n" * 900,
        "x" * 200_000,
    ],
)
def test_hostile_text_costs_linear_time(text: str) -> None:
    start = time.process_time()
    limits = SheetLimits(rows=10**9, columns=10**9, cells=10**9, cell_characters=10**9)
    read_table(b"sku,name\n" + text.encode(), "a.csv", limits)
    assert time.process_time() - start < 5 * slowness()


@pytest.mark.parametrize(
    ("text", "limits", "message"),
    [
        ("sku\n" + "a\n" * 20, SheetLimits(bytes=10), "larger than 10 bytes"),
        ("sku\n" + "a\n" * 20, SheetLimits(rows=10), "more than 10 rows"),
        ("sku,b\n" + "a,b\n" * 20, SheetLimits(cells=10), "more than .* or 10 cells"),
        ("sku\na,b,c,d\n", SheetLimits(columns=3), "row 2 has 4 cells; at most 3"),
        (
            "sku\nabcdef\n",
            SheetLimits(cell_characters=5),
            "row 2, column A: the cell has more than 5",
        ),
    ],
)
def test_limits(text: str, limits: SheetLimits, message: str) -> None:
    with pytest.raises(SpreadsheetError, match=message):
        read_table(text.encode(), "a.csv", limits)


def test_rows_take_the_same_time_each_however_many_there_are() -> None:
    line = '{0},"Mug {0}, 6"" wide",Mugs,https://shop.example/{0}.jpg,"1,299.00",999.50,18%,Red\n'

    def seconds(rows: int) -> float:
        text = "sku,name,category,image,mrp,price,gst,colour\n"
        start = time.process_time()
        found = imported(text + "".join(line.format(number) for number in range(rows)))
        assert len([row for row in found.rows if row.ready]) == rows
        return time.process_time() - start

    assert seconds(4_000) < 3 * 8 * seconds(500)


# -- columns --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "fields"),
    [
        ("Variant SKU|Title|Image Src|Variant Price", "sku|name|raw_image|price"),
        ("Product Code|Product Name|Photo|Selling Price (₹)", "sku|name|raw_image|price"),
        ("ITEM_NO.|Item Name|File Name|List Price", "sku|name|filename|mrp"),
        ("MPN|description|Main Image URL|R.R.P.", "sku|name|raw_image|mrp"),
        ("part number|SKU|Image 1|Image 2", "attribute|sku|raw_image|raw_image"),
        ("article|image_url_1|other-image-url2|VAT %", "sku|raw_image|raw_image|gst"),
        ("Artikelnummer|Bezeichnung|Bild|Preis", "sku|name|raw_image|price"),
        ("sku*|M.R.P.|Offer price|Brand", "sku|mrp|price|attribute"),
        ("itemCode|productName|imageUrl|sellingPrice", "sku|name|raw_image|price"),
        ("SKUCODE|ImageURL1|MRP Rs.|Price in INR", "sku|raw_image|mrp|price"),
        ("Seller SKU|Main Image URL|Price USD|GST (%)", "sku|raw_image|price|gst"),
        ("Product type|Tax|Image Position|Thumbnail", "category|gst|view|attribute"),
        ("Art.-Nr.|Art.-Bez.|Gruppe|VK-Preis (brutto)", "sku|name|category|price"),
        ("Art.Nr.|Artikel|Warengruppe|MwSt.-Satz", "sku|name|category|gst"),
        ("ArtNr|Produktbild|UVP [€]|Preis inkl. MwSt.", "sku|raw_image|mrp|price"),
        ("N° article|Libellé|Famille|Prix TTC (€)", "sku|name|category|price"),
        ("REFERENCE|Designation|Prix barre|Taux de TVA", "sku|name|mrp|gst"),
        ("Nº de artículo|Nombre|Categoria|P.V.P.", "sku|name|category|price"),
        ("Cod. articolo|Descrizione|Immagine|Prezzo di listino", "sku|name|raw_image|mrp"),
        ("Art.nr.|Omschrijving|Foto's|Verkoopprijs", "sku|name|raw_image|price"),
        ("Kod produktu|Nazwa|Zdjęcie główne|Cena zł", "sku|name|raw_image|price"),
        ("SKU|नाम|श्रेणी|मूल्य", "sku|name|category|price"),
        ("Symbol|ZDJECIE 2|Nazwa pliku|Stawka VAT", "sku|raw_image|filename|gst"),
        ("SKU|Rabat %|Sconto [%]|Korting (in %)", "sku|attribute|attribute|attribute"),
        ("SKU|Rabatt in Prozent|Remise (pourcent)|Price", "sku|attribute|attribute|price"),
        ("Referência|Descrição|Preço|Fotografia", "sku|name|price|raw_image"),
        ("Varenr.|Varenavn|Salgspris|Billede", "sku|name|price|raw_image"),
        ("Tuotekoodi|Tuotenimi|Hinta|Kuva", "sku|name|price|raw_image"),
        ("Cikkszám|Megnevezés|Ár|Kép", "sku|name|price|raw_image"),
        ("Stok Kodu|Ürün Adı|Satış Fiyatı|Resim", "sku|name|price|raw_image"),
        ("Артикул|Название|Цена|Фото", "sku|name|price|raw_image"),
        ("ΚΩΔΙΚΟΣ|Ονομασία|Τιμή (€)|Εικόνα", "sku|name|price|raw_image"),
        ("商品コード|商品名|価格（税込）|画像URL", "sku|name|price|raw_image"),
        ("货号|商品名称|价格|图片1", "sku|name|price|raw_image"),
        ("상품코드|상품명|판매가|이미지", "sku|name|price|raw_image"),
        ("رمز المنتج|اسم المنتج|السعر|الصورة", "sku|name|price|raw_image"),
        ("Title|Item number|Custom label (SKU)|Start price", "name|attribute|sku|price"),
        ("Name|Product ID|Reference|Price (tax incl.)", "name|attribute|sku|price"),
        ("Product Name|Product ID|Product Code/SKU|Price", "name|attribute|sku|price"),
        ("product_number|name|price_net|price_gross", "sku|name|attribute|price"),
        ("Item|EAN|Custom SKU|Default Price", "name|attribute|sku|price"),
        ("sku|id|net price|gross price", "sku|attribute|attribute|price"),
        ("SKU|discount_％|Discount (percent)|Discount (Rs)", "sku|attribute|attribute|discount"),
        ("Artikelnummer|ID|Regulärer Preis|Angebotspreis", "sku|attribute|mrp|price"),
        ("Nº de referencia|EAN13|Precio sin IVA", "sku|attribute|price"),
        ("Indeks #|kod EAN13|Cena bez podatku. (netto)", "sku|attribute|price"),
        ("Indeks|Cena bez podatku|Cena z podatkiem", "sku|attribute|price"),
        ("UGS|ID|Tarif régulier|Tarif promo", "sku|attribute|mrp|price"),
        ("Categorie|Tipo|Prezzo di listino|Prezzo in offerta", "category|attribute|mrp|price"),
        ("Categorieën|Type|Reguliere prijs|Actieprijs", "category|attribute|mrp|price"),
        ("Design No.|MRP|Rate|GST %", "sku|mrp|price|gst"),
        ("Child SKU|Parent SKU|Old price|New price", "sku|attribute|mrp|price"),
        ("Varenummer|Vejl. pris|Pris|Brand", "sku|mrp|price|attribute"),
        ("Kode Produk|Nama Produk|Harga Normal|Harga", "sku|name|mrp|price"),
        ("Mã sản phẩm|Tên sản phẩm|Giá gốc|Giá bán", "sku|name|mrp|price"),
        ('"מק""ט"|שם מוצר|מחיר מחירון|מחיר', "sku|name|mrp|price"),
        ("รหัสสินค้า|ชื่อสินค้า|รูปภาพ|ราคา", "sku|name|raw_image|price"),
        ("SKU|Price in €|UVP €|Brand", "sku|price|mrp|attribute"),
        ("SKU|Price ex VAT|Cost|MRP incl. GST", "sku|price|attribute|mrp"),
        ("SKU|Price (cents)|MRP (in lakhs)|Price (per 100)", "sku|attribute|attribute|attribute"),
        ("My-SKU|SKU name|Parent SKU|MRP (2026)", "sku|attribute|attribute|mrp"),
        (
            "SKU / Artikelnummer|Name / Bezeichnung|Bild / Image|Preis / Price",
            "sku|name|raw_image|price",
        ),
        ("sku|base_image|base_image_label|VK-Preis netto", "sku|raw_image|attribute|price"),
        ("OXARTNUM|OXTITLE|OXPRICE|OXTPRICE|OXPIC1|OXVAT", "sku|name|price|mrp|raw_image|gst"),
        ("p_model|p_name.de|p_image|p_cat.0", "sku|name|raw_image|category"),
        ("Référence vendeur|EAN|Libellé court|Prix TTC", "sku|attribute|name|price"),
        ("판매자 상품코드|상품명|대표이미지|추가이미지", "sku|name|raw_image|raw_image"),
        ("商家编码|宝贝标题|一口价|宝贝图片", "sku|name|price|raw_image"),
        ("تصنيف المنتج|سعر المنتج|السعر المخفض|رمز المنتج sku", "category|mrp|price|sku"),
        ("Nombre|Identificador de URL|Precio|Precio promocional", "name|attribute|mrp|price"),
        ("Код_товара|Название_позиции|Ссылка_изображения", "sku|name|raw_image"),
        ("Sygnatura/SKU Sprzedającego|Tytuł oferty|Cena PL", "sku|name|price"),
        ("sku|family|name-en_US|price-EUR", "sku|category|name|price"),
        ("partner_sku|title_en|Brand|price_en", "sku|name|attribute|price"),
        ("vendorSkuCode|styleId|vendorArticleName", "sku|attribute|name"),
        ("Variation.number|Item.id|Price", "sku|attribute|price"),
        ("SKU|Item ID|Item Name|Rate", "sku|attribute|name|price"),
        ("code|defaultImage|image|image2|percentVat", "sku|raw_image|raw_image|raw_image|gst"),
        ("Kodas|Pavadinimas|Kaina|Nuotrauka", "sku|name|price|raw_image"),
        ("Preces kods|Nosaukums|Cena|Attēls", "sku|name|price|raw_image"),
        ("Tootekood|Nimetus|Hind|Pilt", "sku|name|price|raw_image"),
        ("Šifra|Naziv|Cijena|PDV", "sku|name|price|gst"),
        ("Kód|Názov|Cena s DPH|Obrázok", "sku|name|price|raw_image"),
        ("كود|الاسم|السعر|الصورة", "sku|name|price|raw_image"),
        ("کد محصول|نام محصول|قیمت|تصویر", "sku|name|price|raw_image"),
        ("商品货号|品名|零售价|图片", "sku|name|price|raw_image"),
        ("自社品番|商品名|税込販売価格|画像1", "sku|name|price|raw_image"),
        ("Clave|Descripción|Precio público|Foto", "sku|name|price|raw_image"),
        ("Particulars|Part No.|Rate|GST Rate", "name|sku|price|gst"),
        ("SKU|Price excl. VAT|Price incl. VAT", "sku|attribute|price"),
        ("SKU|Discount pct|% Discount|Price (5% off)", "sku|attribute|attribute|price"),
        ("product_number|name|price_net|list_price_gross", "sku|name|price|mrp"),
        ("Riferimento|Prezzo (tasse escl.)|Prezzo (tasse incl.)", "sku|attribute|price"),
        ("Référence|Prix (HT)|Prix (TTC)|Position", "sku|attribute|price|attribute"),
        ("Varenr.|Pris ekskl. moms|Pris inkl. moms", "sku|attribute|price"),
        ("Varenr.|Pris (uten mva)|Pris|Position", "sku|attribute|price|attribute"),
        ("Артикул|Цена (без НДС)|Цена (с НДС)", "sku|attribute|price"),
        ("Cikkszám|Ár (nettó)|Ár (bruttó)", "sku|attribute|price"),
        ("商品コード|価格（税抜）|価格（税込）", "sku|attribute|price"),
        ("Cod produs|Preț (fără TVA)|Preț (cu TVA)", "sku|attribute|price"),
        ("Stok Kodu|Fiyat (KDV hariç)|Fiyat (KDV dahil)", "sku|attribute|price"),
        ("Variation.number|ItemText.name|VariationSalesPrice.price", "sku|name|price"),
        ("default_code|list_price|standard_price|image_1920", "sku|price|attribute|raw_image"),
        ("Barcode|Internal Reference|Sales Price|Cost", "attribute|sku|price|attribute"),
        ("item_sku|list_price|standard_price", "sku|mrp|price"),
        ("sku|main_image|extra_image_1|Image 2 URL", "sku|raw_image|raw_image|raw_image"),
        ("sku|image|swatch image|image alt text|product", "sku|raw_image|attribute|attribute|name"),
        ("Article Nr.|Price per pc|GST Slab|Category 1", "sku|price|gst|category"),
        ("SKU|Position|Price|Special price", "sku|view|mrp|price"),
        ("SKU|Unit price|Sale price", "sku|attribute|price"),
        ("Art.-Nr.|Bez.|Kat.|Abb.", "sku|name|category|raw_image"),
        ("Cat. No.|Desc.|Cat.|Pic", "sku|name|category|raw_image"),
        ("Prod. Code|Prod. Name|Prod. Cat.|Img 1|Qty", "sku|name|category|raw_image|attribute"),
        ("Réf.|Désig.|Catég.|Img Name", "sku|name|category|filename"),
        ("Kat.-Nr.|Beschr.|Wgr.|Pics", "sku|name|category|raw_image"),
        ("SKU|Cat|Category|Tax Cat.", "sku|attribute|category|attribute"),
        ("SKU|Item Descr|Dept|Sub Cat|Brnd", "sku|name|category|attribute|attribute"),
        ("SKU|Cat Age|Cat Breed|Size Desc", "sku|attribute|attribute|attribute"),
        ("Prod. #|Desc.|Prod. Price (paise)", "sku|name|attribute"),
        ("Prod. Price excl. VAT|Price|ImgUrl2", "attribute|price|raw_image"),
    ],
)
def test_names_of_columns(names: str, fields: str) -> None:
    header = names.replace("|", ",")
    found = imported(f"{header}\na.jpg,b,c,12.5\n", defaults={"category": "Cups"})
    assert list(found.mapping.values()) == fields.split("|")


@pytest.mark.parametrize("marks", ["yes no", "x x", "True False", "0 1", "3 12"])
@pytest.mark.parametrize("name", ["Cat", "Pic", "Pics", "Desc."])
def test_a_shortened_name_stands_for_no_column_of_marks(name: str, marks: str) -> None:
    """What is for cats, or how many pictures there are."""
    one, other = marks.split()
    text = f"sku,{name},Dog,Product Type,Image\nA,{one},{other},Toys,a.jpg\nB,{other},{one},Toys,\n"
    found = imported(text)
    assert found.mapping == {
        "sku": "sku",
        name: "attribute",
        "Dog": "attribute",
        "Product Type": "category",
        "Image": "raw_image",
    }
    alone = imported(f"sku,{name}\nA,{one}\nB,{other}\n", defaults={"category": "Toys"})
    assert alone.mapping[name] == "attribute"
    assert [row.attributes[name] for row in alone.rows] == [one, other]


def test_no_product_for_cats_is_taken_for_the_names_of_columns() -> None:
    """Although `Cat` may be short for a category."""
    found = imported("Thing,Animal\nK1,Dog\nK2,Cat\nK3,Dog\n", defaults={"category": "Toys"})
    assert list(found.mapping) == ["Thing", "Animal"]
    assert [row.attributes["Animal"] for row in found.rows] == ["Dog", "Cat", "Dog"]


def test_each_name_of_a_column_means_one_field() -> None:
    names = [name for each in PRODUCT_FIELDS.values() for name in each.columns]
    assert all(field_of(name) for name in names)
    plain = ["".join(name.split()) for name in names]
    assert [name for name in plain if plain.count(name) > 1] == []


def test_a_column_that_could_be_the_price_as_well_is_noted() -> None:
    found = imported("sku,category,Price (tax excl.),Price (tax incl.)\nA,Cups,10,12\n")
    assert [str(row.price) for row in found.rows] == ["12"]
    detail = "is kept as an attribute: Price (tax incl.) is read as the price"
    assert reported(found, "note") == [(None, "Price (tax excl.)", detail)]


@pytest.mark.parametrize(("mode", "field"), [("PERCENT", "attribute"), ("AMOUNT", "discount")])
def test_a_discount_is_money_unless_its_mode_says_percent(mode: str, field: str) -> None:
    """Wix' columns."""
    text = f"sku,collection,discountMode,discountValue\nA,Cups,AMOUNT,5\nB,Cups,{mode},10\n"
    assert imported(text).mapping["discountValue"] == field


def test_a_percentage_in_a_column_of_discounts_is_left_out() -> None:
    found = imported("sku,category,mrp,price,discount\nA,Cups,100,90,10%\nB,Cups,100,80,20\n")
    assert [(row.discount, row.ready) for row in found.rows] == [(None, True), (20, True)]
    assert reported(found, "note") == [(2, "discount", "10% is read as no amount")]


@pytest.mark.parametrize(
    ("rows", "discounts"),
    [
        (("100,80,20", "250,200,20", "1299,999,23", "5,5,0"), [None] * 4),
        (("100,80,20", "250,200,50"), [20, 50]),
        (("100,80,20", "250,200,7"), [20, 7]),
        (("100,80,20", "250,,20"), [20, 20]),
    ],
)
def test_discounts_that_are_percentages_without_a_sign_are_left_out(
    rows: tuple[str, ...], discounts: list[int | None]
) -> None:
    found = imported("sku,category,mrp,price,discount\n" + "".join(f"A,C,{one}\n" for one in rows))
    assert [row.discount for row in found.rows] == discounts
    noted = [detail for _, column, detail in reported(found, "note") if column == "discount"]
    assert (noted != []) == (discounts[0] is None)


@pytest.mark.parametrize(
    ("rows", "rates"),
    [
        (("9.99,1.60", "19.99,3.19", "5,0.80"), [None] * 3),
        (("100,18", "200,36", "1000,180", "10,"), [None] * 4),
        (("100,18", "200,18", "50,12"), [18, 18, 12]),
        (("100,19%", "100,7%", "50,5%"), [19, 7, 5]),
        (("100,18", "200,36"), [18, 36]),  # too few to say
        (  # 19 % and 7 %
            ("9.99,1.90", "19.99,3.80", "5,0.95", "9.99,0.70", "24.95,1.75", "8,0.56"),
            [None] * 6,
        ),
        (("10,5", "20,6", "30,12", "40,18", "50,19", "60,28"), [5, 6, 12, 18, 19, 28]),
    ],
)
def test_amounts_of_tax_are_no_rates(rows: tuple[str, ...], rates: list[int | None]) -> None:
    found = imported(
        "sku,category,price,tax\n" + "".join(f"{i},C,{row}\n" for i, row in enumerate(rows))
    )
    assert [row.gst for row in found.rows] == rates
    noted = [detail for _, column, detail in reported(found, "note") if column == "tax"]
    assert noted == ([] if rates[0] else ["has amounts of tax, not rates: left out"])
    assert reported(found) == []


def test_the_sku_of_a_product_feed_is_its_id() -> None:
    text = "id,title,image_link,availability,gtin,mpn\nA-1,Mug,https://a.example/1.jpg,x,400,M-9\n"
    found = imported(text, defaults={"category": "Cups"})
    assert [(row.sku, row.attributes["gtin"], row.attributes["mpn"]) for row in found.rows] == [
        ("A-1", "400", "M-9")
    ]


def test_the_mapping_can_be_changed() -> None:
    text = "sku,code,photo,colour\nA,B,a.jpg,Red\n"
    mapping = {"code": "sku", "colour": "view", "photo": "filename"}
    found = imported(text, mapping=mapping, defaults={"category": "Cups"})
    assert found.mapping == {"sku": "attribute"} | mapping
    (row,) = found.rows
    assert (row.sku, row.view, row.filename, row.attributes) == ("B", "Red", "a.jpg", {"sku": "A"})
    left_out = imported(text, mapping={"colour": "left_out"}, defaults={"category": "Cups"})
    assert left_out.rows[0].attributes == {"code": "B"}


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"mapping": {"nothing": "sku"}}, "names a column that does not exist"),
        ({"mapping": {"sku": "colour"}}, "unknown field"),
        ({"mapping": {"sku": "name", "photo": "name"}}, "name can come from one column only"),
        ({"conventions": {"sku": "comma"}}, "names no column of numbers"),
        ({"conventions": {"price": "dot"}}, "must be one of point, comma"),
        ({"defaults": {"price": "x"}}, "price: must be a number"),
        ({"defaults": {"price": "1.299"}}, "price: 1.299 can be 1299 or 1.299: write 1299, or "),
        ({"defaults": {"price": "19 %"}}, "price: must be an amount, not the percentage 19 %"),
    ],
)
def test_choices_that_do_not_fit(choices: dict[str, Any], message: str) -> None:
    with pytest.raises(SpreadsheetError, match=message):
        imported("sku,photo,price\nA,a.jpg,1\n", **choices)


def test_pictures_are_found_by_content() -> None:
    found = imported("sku,where\nA,https://shop.example/a.jpg\n", defaults={"category": "Cups"})
    assert found.mapping["where"] == "raw_image"


@pytest.mark.parametrize(
    ("header", "cells", "views"),
    [
        ("Bild", r"C:\Fotos\Herbst\A-1_front.jpg", ["front"]),
        ("Bild", "A-1 (2).jpg", ["2"]),
        ("Bild", "A-1.jpg", [None]),
        ("Bild", "A-12_front.jpg", [None]),
        ("Bild", "front.jpg", [None]),
        ("Ansicht,Bild", "hinten,A-1_front.jpg", ["hinten"]),
        ("Ansicht,Bild", ",A-1_front.jpg", ["front"]),
        ("Bild,Back image", "A-1.jpg,A-1_rear.jpg", ["1", "back"]),
        ("Bild", "A-1_front.jpg|A-1.jpg|A-1_5.jpg", ["front", "2", "3"]),
        ("Bild", "A-1_front.jpg|new/A-1_front.jpg", ["front", "2"]),
    ],
)
def test_a_file_that_a_column_names_has_the_view_of_its_name(
    header: str, cells: str, views: list[str | None]
) -> None:
    found = imported(f"SKU,Kategorie,{header}\nA-1,Cups,{cells}\n")
    assert [row.view for row in found.rows] == views


def test_attributes_end_at_fifty_and_eight_kilobytes() -> None:
    names = [f"n{number}" for number in range(60)]
    text = ",".join(["sku", "category", *names]) + "\nA,Cups," + ",".join(["v"] * 60) + "\n"
    found = imported(text)
    assert list(found.rows[0].attributes) == names[:50]
    ((row, _, detail),) = reported(found, "note")
    assert row == 2
    assert detail.endswith(": " + ", ".join(names[50:]))
    large = imported(f"sku,category,big,small\nA,Cups,{'é' * 4_200},x\n")
    assert large.rows[0].attributes == {"small": "x"}
    assert reported(large, "note")[0][2].endswith(": big")


def test_texts_that_are_too_long() -> None:
    found = imported(f"sku,category,name\n{'s' * 101},Cups,{'n' * 201}\nB,{'c' * 150},x\n")
    assert reported(found) == [
        (2, "sku", f"has 101 characters; at most 100 are allowed: shorten {'s' * 30}…")
    ]
    (row,) = [row for row in found.rows if row.ready]
    assert row.category == "c" * 99 + "…"
    assert row.attributes == {"category": "c" * 150}


def test_a_row_needs_a_category_and_a_picture_or_a_sku() -> None:
    found = imported("sku,category,image\n,Cups,\nA,,a.jpg\nB,Cups,\n")
    assert reported(found) == [
        (2, None, "has no SKU and no photo"),
        (3, "category", "is required"),
    ]
    assert [row.row for row in found.rows if row.ready] == [4]


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        ([",Total,,30,"], "row 4 (Total 30) is no product and is"),
        (["Summe:,,,30,"], "row 4 (Summe: 30) is no product and is"),
        (["Gesamt,2 Artikel,,30,"], "row 4 (Gesamt 2 Artikel 30) is no product and is"),
        (["合計,,,30,", ",,,30,"], "rows 4 (合計 30), 5 (30) are no products and are"),
        (["---,---,,---:,"], "row 4 (--- --- ---:) is no product and is"),
        (["Page 1 of 3,,,,"], "row 4 (Page 1 of 3) is no product and is"),
        ([",Accessories,,,"], "row 4 (Accessories) is no product and is"),
        (
            [
                "* incl. VAT,,,,",
                "Stand: 1.5.2026,,,,",
                "Prices until May,,,,",
                "end of the list,,,,",
            ],
            "rows 4 (* incl. VAT), 5 (Stand: 1.5.2026), 6 (Prices until May), 7 (end of the list)"
            " are no products and are",
        ),
        (["T-9,Total,Cups,30,"], None),
        (["Total,Engine oil,Cups,9,"], None),
        (["KB 12 red,,Cups,,"], None),
        (["KB 12 red,,,,"], None),
        ([f"Total,,Cups,30,{HTTPS}"], None),
    ],
)
def test_totals_and_remarks_are_no_products(rows: list[str], shown: str | None) -> None:
    head = f"sku,name,category,price,image\nA,a,Cups,10,{HTTPS}\nB,b,Cups,20,{HTTP}\n"
    found = imported(head + "\n".join(rows), defaults={"category": "Cups"})
    said = [(None, None, f"{shown} left out")] if shown else []
    assert [one for one in reported(found, "error", "note") if "left out" in one[2]] == said
    assert len(found.rows) == (2 if shown else 3)


def test_a_remark_that_names_a_photo_is_a_sku() -> None:
    text = b"sku,name,price\nA,a,5\nSUM,,6\nRed cotton shirt,,\n"
    photos = ["SUM.jpg", "Red cotton shirt.jpg"]
    choices = ImportChoices(defaults={"category": "Cups"})
    plan = plan_import(ImportInput(text, "products.csv", photos, choices))
    assert [row.photo for row in plan.rows if row.photo] == photos


@pytest.mark.parametrize(
    ("rows", "left_out"),
    [
        (["Shoes,,", "A1,Red,9", "Bags & Belts,,", "B1,Blue,9"], [2, 4]),
        (["WOMEN,,", "A1,Red,9", "B1,Blue,9"], [2]),
        (["Schuhe,,", "A1,Red,9", "B1,Blue,9", "Röcke,,"], [2, 5]),
        (["MUG,,", "CUP,Red,9", "BOWL,Blue,9"], []),
        (["BOTTLE-RED,,", "A1,Red,9", "B1,Blue,9"], []),
        (["BOTTLE-1,,", "A1,Red,9", "B1,Blue,9"], []),
        (["Kettles,,", "A1,Red,9", "B1,Blue,9"], [2]),
        (["Photo,,", "A1,Red,9", "B1,Blue,9"], []),
        (["A,,", "Shoes,,"], []),
    ],
)
def test_headings_in_the_column_of_skus_are_no_products(
    rows: list[str], left_out: list[int]
) -> None:
    text = "\n".join(["sku,name,price", *rows])
    choices = ImportChoices(defaults={"category": "Cups"})
    plan = plan_import(ImportInput(text.encode(), "a.csv", ["photo_2.jpg"], choices))
    assert plan.found
    read = [row.row for row in plan.found.rows]
    assert read == [at for at in range(2, len(rows) + 2) if at not in left_out]
    said = [one.detail for one in plan.problems if "no product" in one.detail]
    assert len(said) == bool(left_out)


def test_a_sheet_of_one_column_has_no_remarks() -> None:
    found = imported("sku\nRed cup large\nPage 1 of 3\n", defaults={"category": "Cups"})
    assert len(found.rows) == 2


def test_skus_that_differ_in_case_only_are_noted() -> None:
    found = imported("Art.-Nr.,category,price\nAB-1,Cups,9\nab-1,Cups,8\nAB-1,Cups,9\n")
    assert [row.sku for row in found.rows] == ["AB-1", "ab-1", "AB-1"]
    detail = "ab-1 is another SKU than AB-1: only upper and lower case differ"
    assert (3, "Art.-Nr.", detail) in reported(found, "note")


@pytest.mark.parametrize(
    "other",
    ["AB\u20131", "AB\u22121", "\uff21\uff22-1", "ab\u20101", "AB -1", "AB \u2013 1"],
    ids=ascii,
)
def test_skus_that_look_alike_are_noted(other: str) -> None:
    found = imported(f"sku,category\nAB-1,Cups\n{other},Cups\nAB1,Cups\n")
    detail = f"{other} is another SKU than AB-1: only spaces, dashes or forms of letters differ"
    assert reported(found, "note") == [(3, "sku", detail)]
    spaces = imported("sku,category\nAB 1,Cups\nAB\u00a01,Cups\nAB  1,Cups\n")
    assert [row for row, _, _ in reported(spaces, "note")] == [3, 4]


def test_a_sku_is_one_in_all_forms_of_its_letters() -> None:
    """Packshot saves the composed form, and corrects each SKU once."""
    found = imported("sku,category,price\nä-1,Cups,5\na\u0308-1,Cups,6\n")
    assert {row.sku for row in found.rows} == {"ä-1"}
    assert [row for row, _, _ in reported(found)] == [2, 3]  # the price differs


def test_skus_that_a_program_spoiled() -> None:
    found = imported('sku,category\n="00123",Cups\n8.90123E+12,Cups\n')
    assert found.rows[0].sku == "00123"
    assert [(row, column) for row, column, _ in reported(found)] == [(3, "sku")]


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        *(("EAN", "4,00638E+12"), ("EAN", "4.00638E+12"), ("EAN", "4E+12"), ("UPC", "#######")),
        ("EAN", "4.00638133E12"),
        ("EAN", "'4006380000000"),
        *(("ean_code", "4,00638e+12"), ("eanCode", "4,00638E+12"), ("GTIN-13", "4006380000000")),
        *(("Variant Barcode", "4,01E+12"), ("GTIN, UPC, EAN, or ISBN", "4,01E+12")),
        *(("Strichcode", "4,01E+12"), ("Code-barres", "4,01E+12"), ("Code EAN13", "4,01E+12")),
        *(("Código de barras", "4,01E+12"), ("Codice a barre", "4,01E+12")),
        *(("Kod kreskowy", "4,01E+12"), ("EAN-Nummer", "4,01E+12"), ("Streckkod", "4,01E+12")),
        *(("JANコード", "4,01E+12"), ("バーコード", "4,01E+12"), ("штрих-код", "4,01E+12")),
        *(("बारकोड", "4,01E+12"), ("바코드", "4,01E+12"), ("Čárový kód", "4,01E+12")),
    ],
)
def test_a_barcode_that_lost_digits_is_left_out(name: str, cell: str) -> None:
    found = imported(f'SKU;Kategorie;"{name}";Farbe\n00124;Cups;{cell};4E+12\n')
    [row] = found.rows
    assert row.attributes == {"Farbe": "4E+12"}
    [(number, column, detail)] = reported(found, "note")
    assert (number, column) == (2, name)
    shown = cell.removeprefix("'")
    assert detail.startswith(f"00124: {shown} is left out, because it ")


def test_a_barcode_that_may_be_wrong_is_kept_and_noted_once() -> None:
    good = ["4006381333931", "73513537", "036000291452", "978-3-16-148410-0", "0306406152", "A-7"]
    good += ["12E45", "030640615X"]
    good += ["04252614", "01234133", "01234145", "04963406", "01234565", "1-234560-1"]  # UPC-E
    doubtful = ["4006381333932", "04252615", "24252615", "36000291452"]
    decorated = ["4006381333931.0", "'4006381333931"]
    codes = enumerate([*good, *doubtful, *decorated])
    found = imported("SKU,Kategorie,EAN\n" + "".join(f"A{n},Cups,{code}\n" for n, code in codes))
    kept = [row.attributes["EAN"] for row in found.rows]
    assert kept == [*good, *doubtful, "4006381333931", "4006381333931"]
    detail = (
        "4006381333932 in row 16, 04252615 in row 17, 24252615 in row 18 and 1 more: the"
        " check digit is wrong, or digits such as leading zeros are missing; kept as it is"
    )
    assert reported(found, "note") == [(None, "EAN", detail)]


def test_a_cell_that_says_there_is_no_sku_gives_none() -> None:
    found = imported("sku,category,image\nn/a,Cups,a.jpg\n,Cups,b.jpg\n-,Cups,\nA,Cups,c.jpg\n")
    assert [(row.row, row.sku) for row in found.rows if row.ready] == [
        (2, None),
        (3, None),
        (5, "A"),
    ]
    assert reported(found) == [(4, None, "has no SKU and no photo")]
    assert reported(found, "note") == [
        (None, "sku", "gives no SKU in rows 2, 3: exports name their pictures after their photos"),
        (2, "sku", "n/a is read as no SKU"),
        (4, "sku", "- is read as no SKU"),
    ]


def test_the_sign_that_marks_a_text_is_no_part_of_the_sku() -> None:
    found = imported("sku,category\n'00123,Cups\n'A1,Cups\n#######,Cups\n")
    assert [row.sku for row in found.rows if row.ready] == ["00123", "'A1"]
    detail = "the apostrophe before 00123, which marks a text, is left out"
    assert reported(found, "note") == [(2, "sku", detail)]
    [(row, _, detail)] = reported(found)
    assert (row, "its column is too narrow" in detail) == (4, True)


def test_floats_that_were_skus() -> None:
    assert [row.sku for row in imported("sku,category\n1042.0,C\n7.0,C\n").rows] == ["1042", "7"]
    assert [row.sku for row in imported("sku,category\n1042.0,C\nA,C\n").rows] == ["1042.0", "A"]


# -- numbers --------------------------------------------------------------------------------------


def amounts(*cells: str, name: str = "price", **choices: Any) -> Import:
    lines = "".join(f"A{number}\tCups\t{cell}\n" for number, cell in enumerate(cells))
    return imported(f"sku\tcategory\t{name}\n{lines}", **choices)


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1299,00", "1.299,5"], ["1299.00", "1299.5"]),
        (["1,299.00", "1,299"], ["1299.00", "1299"]),
        (["1.299,00", "1.299"], ["1299.00", "1299"]),
        (["1,29,900.00", "45,000"], ["129900.00", "45000"]),
        (["1,29,900", "1,299"], ["129900", "1299"]),
        (["1.299.000"], ["1299000"]),
        (["₹ 1299", "Rs. 12.50", "INR 7", "Rs.1,299.00/-", "1299/-"], "1299 12.50 7 1299.00 1299"),
        (["$12.99", "-$0.00", "12.99 USD"], ["12.99", "0.00", "12.99"]),
        (["12,99 €", "€ 1.299,00", "1.299,-"], ["12.99", "1299.00", "1299.00"]),
        (["CHF 1'299.50", "1’299.–"], ["1299.50", "1299"]),
        (["1.299.-", "Fr. 899.-", "1.499.--"], ["1299.00", "899", "1499.00"]),
        (["12€50", "9 € 90", "=7,50"], ["12.50", "9.90", "7.50"]),
        (["12·50", "S/ 9.90", "R1,299.00", "99 р.", "12.50 ea"], "12.50 9.90 1299.00 99 12.50"),
        (["1.299.000đ", "99.000 VNĐ", "UVP 9000"], "1299000 99000 9000"),
        (["₹1,299.00 (incl. of all taxes)", "€ 12.50 p.st."], "1299.00 12.50"),
        (["1\u00a0299,50", "1\u2009299,00", "1\u202f299"], ["1299.50", "1299.00", "1299"]),
        (["१२९९", "１２．５０"], ["1299", "12.50"]),
        (["0,5"], ["0.5"]),
        (["0.999", "10.00"], []),
        (["10.000", "9.50"], ["10.000", "9.50"]),
        ([".5"], ["0.5"]),
        (['="1299.50"', "KWD 1.50", "NT$99", "99元", "RMB 9"], "1299.50 1.50 99 99 9"),
        (["99 руб.", "99,50 грн", "Rp 99.000", "9,50 лв"], "99 99.50 99000 9.50"),
        (["7,--", "EUR 8,–", "9:-", "1 299:-", "9,"], "7.00 8.00 9 1299 9"),
        (["12,50 € inkl. 19 % MwSt.", "9,00 TTC", "8,50 euros*"], "12.50 9.00 8.50"),
        (
            ["999 + 18% GST", "₹999/- only", "12.50/pc", "税込 980円", "9 (incl. VAT)"],
            "999 999 12.50 980 9",
        ),
        (["MRP ₹999.00", "MRP: 499", "6.00 ex VAT", "9.00 IVA incl."], "999.00 499 6.00 9.00"),
        (["8,00 iva inclusa", "9,00 € *inkl. MwSt."], "8.00 9.00"),
        (
            ["US $12.99", "AU $5", "12.50 (incl. 19%)", "1`299.50", "7 dollars", "Re 1"],
            "12.99 5 12.50 1299.50 7 1",
        ),
        (["'12.50", "฿999", "12.989999999999998", "9.0000000001"], "12.50 999 12.99 9.00"),
    ],
)
def test_numbers(cells: list[str], values: list[str] | str) -> None:
    found = amounts(*cells)
    read = [str(row.price) for row in found.rows if row.ready]
    expected = values.split() if isinstance(values, str) else values
    assert read == (expected or ["10.00"])


@pytest.mark.parametrize(
    ("cell", "detail"),
    [
        ("-5", "must be from 0 to 9999999999.99, not -5"),
        ("(5.00)", "must be from 0 to 9999999999.99, not -5.00"),
        ("5-", "must be from 0 to 9999999999.99, not -5"),
        (
            "12.345,00",
            "12.345,00 does not fit the column's other numbers, such as 9.99 in row 2:"
            " write 12345.00 if it means that",
        ),
        ("99,50", "99,50 does not fit the column's other numbers, such as 9.99 in row 2: write 99"),
        ("1.5555", "must have at most two decimals, not 1.5555"),
        ("1E+05", "1E+05 is written with an exponent"),
        ("10%", "must be an amount, not the percentage 10%"),
        (
            "12 34",
            "12 34 does not fit the column's other numbers, such as 9.99 in row 2: correct it",
        ),
        ("1,2345.00", "1,2345.00 does not fit"),
        ("12,9o", "must be a number, not '12,9o'"),
        ("12¹", "must be a number, not '12¹'"),
        ("99¢", "must be a number, not '99¢'"),
        ("9.00/100 g", "must be a number, not '9.00/100 g'"),
        ("12 + 3", "must be a number, not '12 + 3'"),
        ("9" * 61, "must be a number, not a text"),
        ("12345678901", "must be from 0 to"),
    ],
)
def test_what_is_no_amount_is_reported(cell: str, detail: str) -> None:
    found = amounts("9.99", "1.50", cell)
    ((row, column, said),) = reported(found)
    assert (row, column) == (4, "price")
    assert said.startswith(detail)
    assert len([row for row in found.rows if row.ready]) == 2


@pytest.mark.parametrize("words", ["auf Anfrage", "on request", "Free", "€", "要询价"])
def test_words_for_no_price_leave_it_out(words: str) -> None:
    found = amounts("9.99", "1.50", words)
    assert [(one.row, one.level, one.detail) for one in found.problems] == [
        (4, "note", f"{words} is read as no amount")
    ]
    assert [row.price for row in found.rows] == [Decimal("9.99"), Decimal("1.50"), None]
    assert all(row.ready for row in found.rows)


def test_an_mrp_below_the_price_is_left_out() -> None:
    text = "sku,category,UVP,VK-Preis\nA,Cups,29.90,35.00\nB,Cups,20,10\nC,Cups,5,5\n"
    found = imported(text)
    assert [row.mrp for row in found.rows] == [None, 20, 5]
    assert [row.price for row in found.rows] == [35, 10, 5]
    [note] = [one for one in found.problems if one.row]
    assert (note.row, note.column, note.level) == (2, "UVP", "note")
    assert note.detail == "A: 29.90 is left out, below VK-Preis 35"
    swapped = imported("sku,category,mrp,price\nA,Cups,1,2\nB,Cups,1,3\nC,Cups,1,4\nD,Cups,5,4\n")
    assert [row.mrp for row in swapped.rows] == [1, 1, 1, 5]  # the server refuses them


def test_ambiguous_numbers_are_a_question_that_can_be_answered() -> None:
    found = amounts("1,299", "15", "2,500")
    asked = "1,299 can be 1299 or 1.299: say which is the decimal sign"
    assert reported(found) == [(2, "price", f"{asked} (2 rows wait for this)")]
    assert [row.ready for row in found.rows] == [False, True, False]
    answered = amounts("1,299", "15", "2,500", conventions={"price": "point"})
    assert [row.price for row in answered.rows] == [1299, 15, 2500]
    assert answered.conventions["price"].reason == "chosen"
    other = amounts("1,299", "15", "2,500", conventions={"price": "comma"})
    assert [row.price for row in other.rows] == [Decimal("1.299"), 15, Decimal("2.500")]
    detail = "must have at most two decimals, not 1,299: write 1299 if its sign groups thousands"
    assert reported(other) == [(2, "price", detail)]


def test_a_zero_behind_two_decimals_may_be_one_and_thousandths_are() -> None:
    for cells in (("€12.990", "€5.500"), ("KWD 1.299", "KWD 12.125"), ("$1,299", "$1.299")):
        assert reported(amounts(*cells), "question"), cells


def test_a_column_of_both_kinds_is_a_question() -> None:
    ((row, _, detail),) = reported(amounts("1.299,00", "1,299.00"))
    assert row == 2
    both = "numbers of both kinds, such as 1,299.00 in row 3 and 1.299,00 in row 2: say which"
    assert both in detail


def test_gst_is_a_percentage() -> None:
    found = amounts("18%", "5", "12,5 %", "0,125", "120", name="GST")
    assert [str(row.gst) for row in found.rows[:3]] == ["18", "5", "12.5"]
    assert reported(found) == [
        (5, "GST", "must have at most two decimals, not 0.125"),
        (6, "GST", "must be from 0 to 100, not 120"),
    ]
    for rate, meant in (("0.18", "18"), ("0.2", "20"), ("0.05", "5")):
        [(_, _, said)] = reported(amounts(rate, name="GST"), "note")
        assert said.endswith(f"is read as {rate} %: write {meant} if you mean that")


def test_a_fraction_among_percentages_is_noted_with_its_row() -> None:
    found = amounts("18%", "0.18", "5", name="GST")
    assert [str(row.gst) for row in found.rows] == ["18", "0.18", "5"]
    assert reported(found, "note") == [
        (3, "GST", "0.18 is read as 0.18 %: write 18 if you mean that")
    ]


def test_a_price_of_0_is_noted() -> None:
    detail = "is 0, which is kept as the price: leave it empty for none"
    assert reported(amounts("90", "0", "0.00"), "note") == [
        (3, "price", detail),
        (4, "price", detail),
    ]
    assert [row for row, _, _ in reported(amounts("0", "0"), "note")] == [None]
    none = amounts("90", "0", name="MRP")
    assert [row.mrp for row in none.rows] == [90, None]
    assert reported(none, "note") == [(3, "MRP", "is 0, which is none")]
    assert reported(amounts("0", "5", name="Discount"), "note") == []


def test_cells_without_an_amount_give_none_and_a_note() -> None:
    found = amounts("-", "n/a", "", "5")
    assert [row.price for row in found.rows] == [None, None, None, 5]
    assert [row for row, _, _ in reported(found, "note")] == [2, 3]


@settings(max_examples=100)
@given(
    values=st.lists(st.decimals(0, 9_999_999, places=2), min_size=1, max_size=6),
    style=st.sampled_from([(",", "."), (".", ","), ("'", "."), (" ", ","), ("\u202f", ",")]),
    sign=st.sampled_from(["{}", "₹ {}", "{} €", "$\u00a0{}"]),
)
def test_written_numbers_are_read_back(
    values: list[Decimal], style: tuple[str, str], sign: str
) -> None:
    group, decimal = style
    table = str.maketrans({",": group, ".": decimal})
    found = amounts(*(sign.format(f"{value:,.2f}".translate(table)) for value in values))
    assert [row.price for row in found.rows] == values


# -- pictures in cells ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "addresses"),
    [
        ("//cdn.shop.com/a.jpg", ["https://cdn.shop.com/a.jpg"]),
        (" https://a.example/b c.jpg ", ["https://a.example/b%20c.jpg"]),
        ("www.shop.example/a.jpg", ["https://www.shop.example/a.jpg"]),
        ("cdn.shop.com/a.jpg", ["https://cdn.shop.com/a.jpg"]),
        ("https://a.example/1.jpg,https://a.example/2.jpg", 2),
        ("https://a.example/1.jpg | https://a.example/2.jpg", 2),
        ("https://a.example/1.jpg;//a.example/2.jpg", 2),
        ('["https://a.example/1.jpg","https://a.example/2.jpg"]', 2),
        ("['https://a.example/1', 'https://a.example/2']", 2),
        ("[https://a.example/1.jpg]", ["https://a.example/1.jpg"]),
        ("https//a.example/1.jpg", ["https://a.example/1.jpg"]),
        ("https://a.example/1.jpg (front)", ["https://a.example/1.jpg"]),
        ("https://a.example/a (1).jpg", ["https://a.example/a%20(1).jpg"]),
        ("https://a.example/1.jpg ! alt : Cup | https://a.example/2.jpg ! title : B", 2),
        ("https://a.example/1.jpg ! alt : A cup ! title : T", ["https://a.example/1.jpg"]),
        ("https://a.example/1\nhttps://a.example/2", 2),
        ("https://a.example/1.jpg::https://a.example/2.jpg", 2),
        ("https://a.example/1.jpg#https://a.example/2.jpg", 2),
        ("https://a.example/1.jpghttps://a.example/2.jpg", 2),
        ("https://a.example/1.jpg + https://a.example/2.jpg", 2),
        ("a.jpg (https://a.example/1),b.jpg (https://a.example/2)", 2),
        ("![red](https://a.example/1.jpg) ![blue](https://a.example/2.jpg)", 2),
        ('[{"src": "https:\\/\\/a.example\\/1"}, {"src": "https://a.example/2"}]', 2),
        (
            "https://a.example/x/https://b.example/a.jpg",
            ["https://a.example/x/https://b.example/a.jpg"],
        ),
        ("https://a.example/1.jpg https://a.example/2.jpg", 2),
        ("https://a.example/a.jpg?crop=0,0,10,10", ["https://a.example/a.jpg?crop=0,0,10,10"]),
        ("https://a.example/w_4,h_3/a.jpg", ["https://a.example/w_4,h_3/a.jpg"]),
        ("https://a.example/x?s=1;t=2|3, https://a.example/y", 2),
        ('=IMAGE("https://a.example/a.jpg"; 1)', ["https://a.example/a.jpg"]),
        ("=IMAGE('https://a.example/a.jpg')", ["https://a.example/a.jpg"]),
        ("Red=https://a.example/1.jpg|Blue=https://a.example/2.jpg", 2),
        ("Front: https://a.example/1.jpg Back: https://a.example/2.jpg", 2),
        ("1) https://a.example/1.jpg\n2) https://a.example/2.jpg", 2),
        ("IMG_1 | https://a.example/2.jpg", [None, "https://a.example/2.jpg"]),
        ('<img src="https://a.example/a.jpg">', ["https://a.example/a.jpg"]),
        (r"http:\\a.example\b\a.jpg", ["http://a.example/b/a.jpg"]),
        ("https:/a.example/a.jpg", ["https://a.example/a.jpg"]),
        ("https://a.example/a?w=1&amp;h=2", ["https://a.example/a?w=1&h=2"]),
        ("s3://bucket/raw/a.jpg", ["s3://bucket/raw/a.jpg"]),
        ("/media/uploads/4f1c", ["/media/uploads/4f1c"]),
        (
            "https://drive.google.com/file/d/1AbCdEfGhIjKl/view?usp=sharing",
            ["https://drive.google.com/uc?export=download&id=1AbCdEfGhIjKl"],
        ),
        (
            "https://drive.google.com/open?id=1AbCdEfGhIjKl",
            ["https://drive.google.com/uc?export=download&id=1AbCdEfGhIjKl"],
        ),
        (
            "https://www.dropbox.com/scl/fi/ab/a.jpg?rlkey=k&dl=0",
            ["https://www.dropbox.com/scl/fi/ab/a.jpg?rlkey=k&dl=1"],
        ),
        (
            "https://me.sharepoint.com/:i:/g/a?e=4",
            ["https://me.sharepoint.com/:i:/g/a?e=4&download=1"],
        ),
    ],
)
def test_cells_with_addresses_give_raw_images(cell: str, addresses: list[str | None] | int) -> None:
    quoted = cell.replace('"', '""')
    found = imported(f'sku,category,image\nA,Cups,"{quoted}"\n')
    read = [row.raw_image for row in found.rows if row.ready]
    if isinstance(addresses, int):
        assert len(read) == addresses
        assert [row.view for row in found.rows] == ["1", "2"]
    else:
        assert read == addresses


@pytest.mark.parametrize(
    ("cell", "detail"),
    [
        ("https://drive.google.com/drive/folders/1AbCdEfGhIjKl", "is a link to a folder of Google"),
        ("https://www.dropbox.com/sh/abc/def?dl=0", "is a link to a folder of Dropbox"),
        (
            "https://x.sharepoint.com/sites/a/Shared%20Documents/Forms/AllItems.aspx?id=a.jpg",
            "is a link to a page of SharePoint",
        ),
        ("https://1drv.ms/i/s!abc", "is a link to a page of OneDrive"),
        ("https://photos.app.goo.gl/abc", "is a link to a page of Google Photos"),
        ("data:image/png;base64,AAAA", "contains the picture itself: give it as a photo"),
        ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAA//8=", "contains the picture itself: give it as a photo"),
    ],
)
def test_links_that_lead_to_no_picture(cell: str, detail: str) -> None:
    """What they say to do helps: the row gets a photo of its SKU, and without one it is missing."""
    text = f'sku,category,image\nA1,Cups,"{cell}"\n'
    [note] = reported(imported(text), "note")
    assert note[:2] == (2, "image")
    assert note[2].startswith(detail)
    assert reported(imported(text.replace("A1", "")))[0][2] == "has no SKU and no photo"
    for photos in ([], ["A1_front.jpg"]):
        plan = plan_import(ImportInput(text.encode(), "products.csv", photos))
        assert [row.photo for row in plan.rows if row.photo] == photos
        assert len(plan.photos.missing) == (not photos)


def test_a_marketplaces_row_of_requirements_is_no_product() -> None:
    found = imported(f"sku,category,image\nMandatory,Optional,\nA,Cups,{ADDRESS}\n")
    assert [row.sku for row in found.rows] == ["A"]
    told = (2, None, "says which columns are required and is left out")
    assert reported(found, "note") == [told]


@pytest.mark.parametrize(
    ("cell", "paths"),
    [
        (r"C:\photos\good.jpg", ["C:/photos/good.jpg"]),
        (r"\\server\share\x.jpg", ["//server/share/x.jpg"]),
        ("file:///C:/photos/x.jpg", ["C:/photos/x.jpg"]),
        ("file:///Users/me/x%20y.jpg", ["Users/me/x y.jpg"]),
        ("file://server/share/x.jpg", ["server/share/x.jpg"]),
        ("a.jpg / b.jpg + c.jpg & d.jpg", ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]),
        ("photos/A1/1.jpg", ["photos/A1/1.jpg"]),
        ("a.jpg, b.jpg;c.png | d.webp", ["a.jpg", "b.jpg", "c.png", "d.webp"]),
        ("Hat, red.jpg", ["Hat, red.jpg"]),
        ("a.jpg b.jpg c.PNG", ["a.jpg", "b.jpg", "c.PNG"]),
        ("a.jpg on red.jpg", ["a.jpg on red.jpg"]),
        ("[red] hat.jpg", ["[red] hat.jpg"]),
        ("[a.jpg, b.jpg]", ["a.jpg", "b.jpg"]),
        ("A1_1, A1_2;IMG_3", ["A1_1", "A1_2", "IMG_3"]),
        ("12,5", ["12,5"]),
        ("Hat, red 2", ["Hat, red 2"]),
        ("A1", ["A1"]),
    ],
)
def test_cells_that_name_files_give_paths(cell: str, paths: list[str]) -> None:
    found = imported(f'sku,category,image\nA,Cups,"{cell}"\n')
    assert [row.path for row in found.rows] == paths
    assert [row.filename for row in found.rows] == [path.rsplit("/", 1)[-1] for path in paths]


def test_rows_of_very_many_pictures_are_refused() -> None:
    line = "A\tCups\t" + "a.jpg|" * 250 + "\n"
    with pytest.raises(SpreadsheetError, match="names over 50,000 pictures"):
        imported("sku\tcategory\timage\n" + line * 201)
    found = imported("sku\tcategory\timage\nA\tCups\t" + "a.jpg|" * 251 + "\n")
    assert reported(found) == [(2, "image", "names more than 250 pictures")]


def test_pictures_in_several_columns() -> None:
    text = "sku,category,Front image,Back image,Variant image\nA,Cups,a.jpg,b.jpg,a.jpg\n"
    found = imported(text)
    assert [(row.path, row.view) for row in found.rows] == [("a.jpg", "front"), ("b.jpg", "back")]
    detail = "names the picture of the column Front image again: taken once"
    assert reported(found, "note") == [(2, "Variant image", detail)]


def test_a_file_name_beside_an_address_is_its_name() -> None:
    text = "sku,category,image,filename\nA,Cups,https://shop.example/x?id=4,A_front.jpg\n"
    (row,) = imported(text).rows
    assert (row.raw_image, row.filename, row.path) == (
        "https://shop.example/x?id=4",
        "A_front.jpg",
        None,
    )


# -- exports of shops -----------------------------------------------------------------------------


def test_shopify_with_variants_and_further_pictures() -> None:
    text = (
        "Handle,Title,Type,Option1 Value,Variant SKU,Variant Price,Variant Compare At Price,"
        "Image Src,Image Position,Variant Image\n"
        "mug,Mug,Mugs,Red,M-R,9.00,10.00,//cdn.shop.com/1.jpg,1,\n"
        "mug,,,Blue,M-B,8.00,,//cdn.shop.com/2.jpg,2,//cdn.shop.com/2.jpg\n"
        "mug,,,,,,,//cdn.shop.com/3.jpg,3,\n"
        "mug,,,Green,M-G,7.00,0.00,,,\n"
        "cap,Cap,Caps,,,5.00,,//cdn.shop.com/4.jpg,1,\n"
    )
    found = imported(text)
    assert found.layout == "Shopify"
    assert [(row.row, row.sku, row.name, row.view) for row in found.rows] == [
        (2, "M-R", "Mug", "1"),
        (3, "M-B", "Mug", "2"),
        (4, "M-R", "Mug", "3"),
        (5, "M-G", "Mug", None),
        (6, "cap", "Cap", "1"),
    ]
    assert [row.price for row in found.rows] == [9, 8, 9, 7, 5]
    assert [row.mrp for row in found.rows] == [10, None, 10, None, None]
    assert reported(found) == []
    assert planned(text) == ([2, 3, 4, 6], [5])
    assert planned(text, "M-G_front.jpg") == ([2, 3, 4, 5, 6], [])


def planned(text: str, *photos: str) -> tuple[list[int], list[int]]:
    """The rows that become products, and those that don't for want of a picture of their own.
    None is refused."""
    plan = plan_import(ImportInput(text.encode(), "products.csv", photos))
    assert plan.photos.missing == ()
    levels = {one.level for one in plan.problems}
    without = "has no picture of its own, so nothing is made for it"
    notes = [one.row or 0 for one in plan.problems if one.detail == without]
    assert levels <= {"note"}
    return [row.product.row for row in plan.rows], sorted(notes)


def test_every_variant_has_the_names_of_its_shopify_products_options() -> None:
    """Shopify writes them in the first row only, and imports no option's value without its name."""
    text = (
        "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Image Src\n"
        "kurta,Kurta,Size,S,Colour,Red,K-S,\n"
        "kurta,,,M,,Red,K-M,\n"
        "cap,Cap,,,,,C,\n"
    )
    shown = [dict(row.attributes) for row in imported(text).rows]
    names = {"Handle": "kurta", "Option1 Name": "Size", "Option2 Name": "Colour"}
    assert shown[1] == names | {"Option1 Value": "M", "Option2 Value": "Red"}
    assert shown[2] == {"Handle": "cap"}


def test_shopify_since_2025() -> None:
    text = (
        "Title,URL handle,Product category,Type,SKU,Option1 name,Option1 value,Price,"
        "Compare-at price,Product image URL,Image position,Variant image URL\n"
        "Mug,mug,Home,Mugs,M-R,Color,Red,9.00,10.00,//cdn.shop.com/1.jpg,1,\n"
        ",mug,,,M-B,,Blue,8.00,,//cdn.shop.com/2.jpg,2,//cdn.shop.com/2.jpg\n"
        ",mug,,,,,,,,//cdn.shop.com/3.jpg,3,\n"
    )
    found = imported(text)
    assert found.layout == "Shopify"
    assert [(row.row, row.sku, row.name, row.view, row.category) for row in found.rows] == [
        (2, "M-R", "Mug", "1", "Mugs"),
        (3, "M-B", "Mug", "2", "Mugs"),
        (4, "M-R", "Mug", "3", "Mugs"),
    ]
    assert [row.price for row in found.rows] == [9, 8, 9]
    assert [row.mrp for row in found.rows] == [10, None, 10]
    assert reported(found) == []
    [no_sku] = imported("Title,URL handle,SKU,Image URL\nMug,mug,,//cdn.shop.com/1.jpg\n").rows
    assert no_sku.sku == "mug"


def test_no_variant_of_shopify_has_the_barcode_stock_or_text_of_another() -> None:
    own = "Barcode,Cost per item,Inventory quantity,Weight value (grams)"
    [first, second, picture] = imported(
        f"Title,URL handle,SKU,Price,Vendor,{own},Product image URL,Product image alt text\n"
        "Cup,cup,C-1,5,Acme,4006381333931,2,7,300,https://x.example/1.jpg,Red cup\n"
        ",cup,C-2,6,,,,,,https://x.example/2.jpg,\n"
        ",cup,,,,,,,,https://x.example/3.jpg,\n"
    ).rows
    shared = {"URL handle": "cup", "Vendor": "Acme"}
    numbers = dict(zip(own.split(","), ("4006381333931", "2", "7", "300"), strict=True))
    assert first.attributes == shared | numbers | {"Product image alt text": "Red cup"}
    assert (second.sku, second.attributes) == ("C-2", shared)
    assert (picture.sku, picture.attributes) == ("C-1", shared | numbers)


def test_shopify_pictures_are_made_once_for_the_variant_that_they_show() -> None:
    """Shopify lists all pictures beside the variants, and names a variant's own once more."""
    text = (
        "Handle,Title,Type,Option1 Value,Variant SKU,Variant Price,Image Src,Image Position,"
        "Image Alt Text,Variant Image\n"
        "shoe,Shoe,Shoes,Red 40,R40,50,//cdn.shop.com/red.jpg,1,In red,//cdn.shop.com/red.jpg\n"
        "shoe,,,Red 41,R41,51,//cdn.shop.com/blue.jpg,2,In blue,//cdn.shop.com/red.jpg\n"
        "shoe,,,Blue 40,B40,52,//cdn.shop.com/sole.jpg,3,Sole,//cdn.shop.com/blue.jpg\n"
        "shoe,,,,,,//cdn.shop.com/side.jpg,4,,\n"
        "tee,Tee,Shirts,S,T-S,9,//cdn.shop.com/front.jpg,1,,\n"
        "tee,,,M,T-M,8,//cdn.shop.com/back.jpg,2,,\n"
        "tee,,,L,T-L,7,//cdn.shop.com/front.jpg,3,,\n"
    )
    found = imported(text)
    shown = [(row.row, row.sku, (row.raw_image or "")[21:], row.view) for row in found.rows]
    assert shown == [
        (2, "R40", "red.jpg", "1"),
        (3, "R40", "sole.jpg", "3"),
        (4, "B40", "blue.jpg", "2"),
        (5, "R40", "side.jpg", "4"),
        (6, "T-S", "front.jpg", "1"),
        (7, "T-S", "back.jpg", "2"),
        (8, "T-L", "", None),
    ]
    assert [row.price for row in found.rows] == [50, 50, 52, 50, 9, 9, 7]
    alts = [dict(row.attributes).get("Image Alt Text") for row in found.rows]
    assert alts == ["In red", "Sole", "In blue", None, None, None, None]
    moved = "the picture is the whole product's, not T-M's: read as one of T-S"
    assert (7, "Variant SKU", moved) in reported(found, "note")
    assert reported(found) == []


def test_a_shopify_variant_that_gets_no_picture_stands_with_the_sku_that_does() -> None:
    """Else the file for the shop's import lacks it."""
    text = (
        "Handle,Title,Type,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,"
        "Image Src,Variant Image\n"
        "tee,Tee,Tees,Colour,Red,Size,S,R-S,//cdn.shop.com/red.jpg,//cdn.shop.com/red.jpg\n"
        'tee,,,,Red,,"6,5""",R-M,//cdn.shop.com/side.jpg,//cdn.shop.com/red.jpg\n'
        "tee,,,,Blue,,S,B-S,//cdn.shop.com/blue.jpg,//cdn.shop.com/blue.jpg\n"
        "tee,,,,Blue,,M,B-M,,//cdn.shop.com/blue.jpg\n"
        "tee,,,,Grey,,M,G-M,,\n"
        "cap,Cap,Caps,Title,Default Title,,,CAP,//cdn.shop.com/cap.jpg,\n"
        "cap,,,,,,,,//cdn.shop.com/back.jpg,\n"
    )
    same, none = "variants with the same image", "variants without an image"
    found = imported(text)
    assert [
        (row.sku, row.attributes.get(same), row.attributes.get(none)) for row in found.rows
    ] == [
        ("R-S", 'R-M,Red,"6,5"""', "G-M,Grey,M"),
        ("R-S", 'R-M,Red,"6,5"""', "G-M,Grey,M"),
        ("B-S", "B-M,Blue,M", None),
        ("B-M", None, None),
        ("G-M", None, None),
        ("CAP", None, None),
        ("CAP", None, None),
    ]
    assert reported(found) == []


def test_shopify_sizes_without_an_image_stand_with_the_first() -> None:
    text = (
        "Handle,Title,Type,Option1 Name,Option1 Value,Variant SKU,Image Src\n"
        "tee,Tee,Tees,Size,S,T-S,//cdn.shop.com/tee.jpg\n"
        "tee,,,,M,T-M,\n"
        "tee,,,,L,T-L,\n"
    )
    row, *_ = imported(text).rows
    assert row.attributes["variants without an image"] == "T-M,M\nT-L,L"


@pytest.mark.parametrize("broken", ["mug,,M-2,//cdn.shop.com/2.jpg,2,,extra", 'mug,,"M-2,//cdn,2,'])
def test_a_row_of_shopify_that_is_broken_becomes_no_other_skus_picture(broken: str) -> None:
    header = "Handle,Title,Variant SKU,Image Src,Image Position,Variant Image\n"
    text = f"{header}mug,Mug,M-1,//cdn.shop.com/1.jpg,1,\n{broken}\n"
    found = imported(text, defaults={"category": "Mugs"})
    assert [row.row for row in found.rows if row.ready] == [2]
    assert [row for row, _, _ in reported(found)] == [3]


def test_what_a_shops_import_needs_is_kept_before_a_long_description() -> None:
    """Without its options, Shopify's import deletes a product's variants."""
    text = (
        "Handle,Title,Body (HTML),Option1 Name,Option1 Value,Variant SKU,Image Src,Image Alt Text\n"
        f"mug,Mug,{'x' * 8150},Color,Red,M-R,//cdn.shop.com/1.jpg,A mug\n"
    )
    [row] = imported(text).rows
    assert {"Handle", "Option1 Name", "Option1 Value", "Image Alt Text"} == set(
        dict(row.attributes)
    )


def test_a_row_whose_photos_go_to_another_says_to_which() -> None:
    """A ring's sizes have no SKU of their own: photos are named by its handle."""
    rows = "ring,Ring,Rings,52,,,\nring,,,54,,,\n"
    text = f"Handle,Title,Type,Option1 Value,Variant SKU,Variant Price,Image Src\n{rows}"
    plan = plan_import(ImportInput(text.encode(), "ring.csv", ["ring.jpg"]))
    assert [(row.product.row, row.photo) for row in plan.rows] == [(2, "ring.jpg")]
    detail = "row 2 gets the photos of ring: nothing is made for this one"
    assert (3, detail) in [(one.row, one.detail) for one in plan.problems]


def test_handles_that_become_skus_are_noted() -> None:
    """The shop's import would write them into its products."""
    text = "mug,Mug,,a.jpg\nmug,,,b.jpg\npan,Pan,P-1,c.jpg\npan,,,d.jpg\ncup,Cup,,e.jpg\n"
    found = imported(f"Handle,Title,Variant SKU,Image Src\n{text}")
    assert [row.sku for row in found.rows] == ["mug", "mug", "P-1", "P-1", "cup"]
    noted = "none is given, so the Handle is the SKU: mug, cup"
    assert (2, "Variant SKU", noted) in reported(found, "note")
    whole = imported("Handle,Title,Variant SKU,Image Src\npan,Pan,P-1,c.jpg\npan,,,d.jpg\n")
    assert "is the SKU" not in str(reported(whole, "note"))
    without_column = imported("Handle,Title,Image Src\npan,Pan,c.jpg\n")
    assert "is the SKU" not in str(reported(without_column, "note"))


def test_shopify_without_pictures_waits_for_photos() -> None:
    found = imported("Handle,Title,Type,Variant SKU,Image Src\nmug,Mug,Mugs,M-R,\n")
    assert [(row.sku, row.raw_image, row.ready) for row in found.rows] == [("M-R", None, True)]


def test_the_position_of_a_woocommerce_product_is_no_view() -> None:
    found = imported(
        "SKU,Name,Regular price,Categories,Images,Position\n"
        'A,Cup,5,Cups,"https://x.example/1.jpg, https://x.example/2.jpg",0\n'
        "B,Mug,6,Cups,https://x.example/3.jpg,12\n"
    )
    assert [(row.sku, row.view) for row in found.rows] == [("A", "1"), ("A", "2"), ("B", None)]
    assert found.rows[2].attributes == {"Position": "12"}


@pytest.mark.parametrize(
    "names",
    [
        "ID,Typ,Artikelnummer,Name,Regulärer Preis,Kategorien,Bilder,Position",
        "ID,Type,UGS,Nom,Tarif régulier,Catégories,Images,Position",
    ],
)
def test_woocommerce_in_other_languages(names: str) -> None:
    found = imported(f'{names}\n1,simple,A,Cup,10,"Home, Home > Cups",https://x.example/1.jpg,0\n')
    assert [(row.category, row.view) for row in found.rows] == [("Home > Cups", None)]
    other = names.partition(",")[2]  # without the ID it may be any shop's file
    assert imported(f"{other}\nMug,A,Cup,10,Home,https://x.example/1.jpg,2\n").rows[0].view == "2"


def test_woocommerce_with_variations() -> None:
    text = (
        "ID,Type,SKU,Name,Regular price,Sale price,Categories,Images,Parent\n"
        '7,variable,P,Shirt,,,"Wear, Wear > Shirts",https://a.example/1.jpg,\n'
        "8,variation,P-1,Shirt red,20,,,https://a.example/2.jpg,P\n"
        "9,variation,P-2,Shirt blue,20,15,,https://a.example/3.jpg,id:7\n"
    )
    found = imported(text)
    assert found.layout == "WooCommerce"
    assert [(row.sku, row.category) for row in found.rows] == [
        ("P", "Wear > Shirts"),
        ("P-1", "Wear > Shirts"),
        ("P-2", "Wear > Shirts"),
    ]
    assert [row.mrp for row in found.rows] == [None, 20, 20]
    assert [row.price for row in found.rows] == [None, 20, 15]


@pytest.mark.parametrize(
    ("names", "rows", "photos", "expected"),
    [
        (  # WooCommerce, whose variations name the parent's picture if they have none
            "ID,Typ,SKU,Name,Regulärer Preis,Kategorien,Bilder,Position,Übergeordnetes Produkt",
            [
                '7,variable,P,Tee,,Tees,"@1, @2",0,',
                "8,variation,P-1,Tee S,20,,@1,1,P",
                "9,variation,,Tee M,20,,,2,id:7",
                "10,variation,P-3,Tee L,20,,@3,3,P",
                "11,variation,P-4,Tee XL,20,,,3,P",
            ],
            [],
            ([2, 2, 5], [3, 4, 6]),
        ),
        (  # Amazon, without addresses; the parent is a listing without a photo
            "item_sku,item_name,product_type,parent_sku",
            ["P,Tee,Tees,", "P-1,Tee S,,P", "P-2,Tee M,,P", "Q,Mug,Mugs,"],
            ["P-1.jpg", "Q.jpg"],
            ([3, 5], [2, 4]),
        ),
        (  # Shopware names the parent by its ID
            "id;product_number;categories;cover_media_url;parent_id",
            ["a1f;P;Tees;@1;", "b2f;P-1;;;a1f", "c3f;P-2;;@2;a1f"],
            [],
            ([2, 4], [3]),
        ),
        (  # BigCommerce, whose exports name pictures in rows of their own
            "Item,ID,Name,SKU,Price,Categories,Image URL (Import),Internal Image URL (Export)",
            [
                "Product,1,Tee,P,9,Tees,,",
                "Image,2,,,,,,@1.jpg",
                "Image,3,,,,,,@2.jpg",
                "Variant,4,,P-1,9,,,@3.jpg",
                "Variant,5,,P-2,9,,,",
                "Product,6,Mug,Q,5,Mugs,,@4.jpg",
            ],
            [],
            ([3, 4, 5, 7], [6]),
        ),
        (  # Squarespace
            "Product ID [Non Editable],Variant ID [Non Editable],Title,SKU,Price,Categories,"
            "Hosted Image URLs",
            ["p1,v1,Tee,P,9,Tees,@1", ",v2,,P-1,9,,", ",v3,,P-2,9,,@2"],
            [],
            ([2, 4], [3]),
        ),
        (  # eBay
            "Custom label (SKU);Category;Title;Start price;PicURL;Relationship",
            ["P;Tees;Tee;;@1;", "P-1;;;9,50;Red=@2;Variation", "P-2;;;9,50;;Variation"],
            [],
            ([2, 3], [4]),
        ),
        (  # Wix
            "handleId,fieldType,name,productImageUrl,collection,sku",
            ["p1,Product,Tee,@1,Tees,P", "p1,Variant,,,Tees,P-1", "p2,Product,Mug,@2,Mugs,Q"],
            [],
            ([2, 4], [3]),
        ),
    ],
)
def test_variants_without_a_picture_of_their_own_are_not_refused(
    names: str, rows: list[str], photos: list[str], expected: tuple[list[int], list[int]]
) -> None:
    text = "\n".join([names, *rows]).replace("@", "https://a.example/")
    assert planned(text, *photos) == expected
    assert {row.category for row in imported(text).rows} <= {"Tees", "Mugs"}


@pytest.mark.parametrize(
    ("names", "cells", "views"),
    [
        (  # Shopware
            "product_number;name;cover;media;price_gross;categories",
            "A;Cup;@1;@2|@3;9,90;Cups",
            ["cover", "2", "3"],
        ),
        (  # JTL
            "Artikelnummer;Artikelname;Kategorie Ebene 1;Bild 1 Pfad/URL;Bild 2 Pfad/URL",
            "A;Cup;Cups;@1.jpg;@2.jpg",
            ["1", "2"],
        ),
        (  # Lightspeed, with the code of the article in a column of its own
            "NL_Title_Short;NL_Category;SKU;Article_Code;Title;Category;Images",
            "x;y;;A;Cup;Cups;@1",
            [None],
        ),
        (  # Amazon in Germany
            "Artikelbezeichnung;Kategorie;Händler-SKU;Parent SKU;Bild-URL",
            "Cup;Cups;A;P;@1",
            [None],
        ),
        (  # Myntra
            "vendorSkuCode,productDisplayName,Front Image,Side Image,Back Image,MRP,articleType",
            "A,Cup,@1,@2,@3,12,Cups",
            ["front", "side", "back"],
        ),
        (  # Ecwid
            "type,product_sku,product_name,product_category_1,product_media_main_image_url,"
            "product_media_gallery_image_url_1",
            "product,A,Cup,Cups,@1,@2",
            ["main", "2"],
        ),
        (  # Walmart
            "Spec Product Type,SKU,Product Name,Main Image URL,Additional Image URL (+)",
            "Cups,A,Cup,@1,@2",
            ["main", "2"],
        ),
        (  # Allegro
            "Sygnatura;Tytuł oferty;Kategoria główna;Cena;Zdjęcia",
            "A;Cup;Cups;12,90 zł;@1|@2",
            ["1", "2"],
        ),
        (  # Trendyol
            "Model Kodu;Ürün Adı;Kategori;Trendyol'da Satılacak Fiyat (KDV Dahil);Görsel 1",
            "A;Cup;Cups;12,90;@1",
            [None],
        ),
    ],
)
def test_the_exports_of_more_shops(names: str, cells: str, views: list[str | None]) -> None:
    found = imported(f"{names}\n{cells}\n".replace("@", "https://a.example/"))
    assert {(row.sku, row.name, row.category) for row in found.rows} == {("A", "Cup", "Cups")}
    assert [row.view for row in found.rows] == views
    assert reported(found) == []


@pytest.mark.parametrize(
    ("text", "name", "notes"),
    [
        ("\\N", None, ["\\N is read as empty"]),
        ("NULL", None, ["NULL is read as empty"]),
        ("nan", None, ["nan is read as empty"]),
        ("None", "None", []),
        ("Caf&eacute; &amp; Bar", "Café & Bar", ["Caf&eacute; &amp; Bar is read as Café & Bar"]),
        ("R&D; Q&A", "R&D; Q&A", []),
    ],
)
def test_what_databases_and_web_pages_write_is_read_in_names(
    text: str, name: str | None, notes: list[str]
) -> None:
    found = imported(f'sku,category,name\nA,Cups,"{text}"\n')
    assert [row.name for row in found.rows] == [name]
    assert [detail for _, _, detail in reported(found, "note")] == notes
    missing = imported("sku,category,price\nA,NULL,\\N\n")
    assert reported(missing) == [(2, "category", "is required")]


def test_a_column_of_pictures_that_is_not_read_is_noted() -> None:
    names = "Артикул;Категория;Цена, руб.*;Ссылка на главное фото*;Фото на сайте поставщика"
    text = f"{names}\nA;Cups;990;{HTTPS};{HTTP}\n"
    found = imported(text)
    assert [(row.raw_image, row.price) for row in found.rows] == [(HTTPS, Decimal(990))]
    [(_, column, detail)] = reported(found, "note")
    assert (column, "say that it is raw_image" in detail) == ("Фото на сайте поставщика", True)
    same = "sku,category,base_image,small_image\n" + f"A,Cups,{HTTPS},{HTTPS}\nB,Cups,{HTTP},\n"
    assert reported(imported(same), "note") == []
    chosen = imported(text, mapping={"Фото на сайте поставщика": "attribute"})
    assert reported(chosen, "note") == []


@pytest.mark.parametrize("name", ["Brand logo", "Category image", "Markenbild", "Energy label"])
def test_pictures_of_something_else_are_no_photos(name: str) -> None:
    found = imported(f"sku,category,{name}\nA,Cups,{HTTP}\nB,Pans,{HTTP}\n")
    assert [row.raw_image for row in found.rows] == [None, None]
    [(_, column, detail)] = reported(found, "note")
    assert (column, "say that it is raw_image" in detail) == (name, True)


@pytest.mark.parametrize("name", ["Price B2C", "Preis A", "Händlerpreis", "Prix 1"])
def test_a_price_that_is_not_read_is_noted(name: str) -> None:
    text = f"sku;category;{name};Price group\nA;Cups;9,50;B\nB;Cups;€ 8;B\n"
    detail = "is kept as an attribute: no column is read as the price"
    assert reported(imported(text), "note") == [(None, name, detail)]
    assert reported(imported(text, mapping={name: "attribute"}), "note") == []
    assert imported(text, mapping={name: "price"}).rows[0].price == Decimal("9.5")


@pytest.mark.parametrize("name", ["Preis/Stk.", "Preis pro Stück", "Price per unit"])
def test_the_price_of_a_piece_is_the_price(name: str) -> None:
    assert imported(f"sku,category,{name}\nA,Cups,9.50\n").rows[0].price == Decimal("9.5")


@pytest.mark.parametrize("name", ["Type", "product_type"])
def test_a_kind_of_entry_is_no_category(name: str) -> None:
    text = f"sku,{name},Group\nA,simple,Cups\nB,variable,Pans\nC,,Pans\n"
    assert [row.category for row in imported(text).rows] == ["Cups", "Pans", "Pans"]
    alone = imported(f'sku,{name}\nA,simple\nB,"simple, virtual"\n')
    assert [row.category for row in alone.rows] == [None, None]
    assert alone.rows[0].attributes == {name: "simple"}
    assert imported(f"sku,{name}\nA,simple\nB,Mug\n").rows[1].category == "Mug"


@pytest.mark.parametrize("name", ["Category", "Group", "Collection"])
def test_a_shops_category_may_be_a_word_for_a_kind_of_entry(name: str) -> None:
    assert imported(f"sku,{name}\nA,Bundle\n").rows[0].category == "Bundle"


def test_an_amazon_template_has_two_rows_of_names() -> None:
    text = (
        "TemplateType=mugs,Version=2026.1,,\nSeller SKU,Product Name,Main Image URL,Your Price\n"
        "item_sku,item_name,main_image_url,standard_price\nA,Mug,https://a.example/1.jpg,9.50\n"
    )
    found = imported(text, defaults={"category": "Mugs"})
    assert [(row.row, row.sku, row.name) for row in found.rows] == [(4, "A", "Mug")]
    assert [row for row, _, _ in reported(found, "note")] == [1, 3]
    assert reported(found) == []


@settings(max_examples=300)
@given(
    data=st.one_of(
        st.binary(max_size=200),
        st.text('sku,;|\t"\n\r 1.,€₹-()%=#/\\:.jpg', max_size=120).map(str.encode),
    ),
    header=st.sampled_from(
        [b"", b"sku,image,price,category\n", b"Handle;Image Src;Variant Price\n"]
    ),
)
def test_every_input_is_read_or_refused_with_a_message(data: bytes, header: bytes) -> None:
    try:
        found = imported(header + data)
    except SpreadsheetError as error:
        assert error.message
        return
    assert {row.row for row in found.rows if not row.ready} <= {
        one.row for one in found.problems
    } | {row.row for row in found.rows if any(one.level == "question" for one in found.problems)}


def test_problems_are_in_the_order_of_rows() -> None:
    found = imported("sku,category,price\n,Cups,x\nB,,1\n,Cups,y\n")
    assert [problem.row for problem in found.problems] == [2, 2, 3, 4, 4]
    assert all(isinstance(problem, SheetProblem) for problem in found.problems)


# -- what people and programs leave in cells -------------------------------------------------------


def test_a_currency_may_stand_on_both_sides() -> None:
    prices = ("$12.99 USD", "US$ 12", "USD 12 $", "₹ 1,299.50 INR", "€ 12 USD")
    rows = "".join(f'S{n},Cups,https://x.example/{n}.jpg,"{p}"\n' for n, p in enumerate(prices))
    found = imported(f"sku,category,image,price\n{rows}")
    amounts = [row.price for row in found.rows if row.ready]
    assert amounts == [Decimal("12.99"), Decimal(12), Decimal(12), Decimal("1299.50")]
    assert reported(found, "error") == [(6, "price", "names two currencies (EUR, USD)")]


@pytest.mark.parametrize("cell", ["-", "n/a", "null", "None"])
def test_a_cell_that_says_there_is_no_picture_names_none(cell: str) -> None:
    found = imported(f"sku,category,image\nA-1,Cups,{cell}\n")
    [row] = found.rows
    assert (row.path, row.raw_image, row.ready) == (None, None, True)
    assert reported(found, "note") == [(2, "image", f"{cell} is read as no picture")]


@pytest.mark.parametrize(
    "sku",
    [
        *("05-Jan", "5-Mar-24", "Jan-05", "01/02/2024", "2024-01-05", "05. Jan", "12. Mrz"),
        *("Mai 24", "05-janv", "1-2-2026", "2026/01/05", "01/02/26", "1. März", "01-мар", "1-sty"),
        "3月1日",
    ],
)
def test_a_sku_that_looks_like_a_date_is_kept_and_noted(sku: str) -> None:
    found = imported(f"sku,category,image\n{sku},Cups,https://x.example/a.jpg\n")
    assert [(row.sku, row.ready) for row in found.rows] == [(sku, True)]
    [(_, _, detail)] = reported(found, "note")
    assert "looks like a date" in detail


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Кружка большая", "cp1251"),
        ("Κούπα", "cp1253"),
        ("咖啡杯子", "gb18030"),
        ("머그컵", "euc_kr"),
        ("マグカップ 白", "shift_jis"),
        ("きれいなコップ", "shift_jis"),
        ("ｶｯﾌﾟ", "shift_jis"),
        ("Кружка", "cp866"),
        ("Кружка", "koi8_r"),
        ("כוס", "cp1255"),
    ],
)
def test_an_encoding_that_can_not_be_recognised_is_refused(text: str, encoding: str) -> None:
    data = f"sku,name,image\nA,x,y.jpg\nB,{text},z.jpg\n".encode(encoding)
    with pytest.raises(SpreadsheetError, match=r"^line 3 .*CSV UTF-8"):
        imported(data)


@pytest.mark.parametrize(
    ("names", "text", "encoding"),
    [
        ("Артикул;Название;Категория", "Кружка", "cp1251"),
        ("Артикул;Название;Категория", "Кружка", "koi8_r"),
        ("Артикул;Название;Категория", "Кружка", "cp866"),
        ("Κωδικός;Όνομα;Κατηγορία", "Κούπα", "cp1253"),
        ("商品コード;商品名;カテゴリ", "マグカップ", "shift_jis"),
        ("商品编码;商品名称;类别", "咖啡杯子", "gb18030"),
        ("商品編號;商品名稱;類別", "咖啡杯子", "big5"),
        ("상품코드;상품명;카테고리", "머그컵", "euc_kr"),
        ("رمز المنتج;الاسم;الفئة", "كوب", "cp1256"),
        ("รหัสสินค้า;ชื่อสินค้า;หมวดหมู่", "แก้ว", "cp874"),
        ("Cikkszám;Megnevezés;Kategória", "Cipő", "cp1250"),
        ("Stok Kodu;Ürün Adı;Kategori", "Bardak", "cp1254"),
        ("Référence;Désignation;Catégorie", "Tasse", "mac_roman"),
    ],
)
def test_known_names_of_columns_show_the_encoding(names: str, text: str, encoding: str) -> None:
    found = imported(f"{names}\nA-1;{text};{text}\n".encode(encoding))
    assert [(row.sku, row.name) for row in found.rows] == [("A-1", text)]
    assert "the file is not in UTF-8" in reported(found, "note")[0][2]


def test_the_accents_of_one_name_of_a_column_show_the_encoding() -> None:
    text = "Kod;Nazwa;Kategoria;Zdjęcie\nA-1;But;Buty;https://x.example/a.jpg\n"
    assert "Zdjęcie" in imported(text.encode("cp1250")).mapping
    [row] = imported(text.replace("But;", "źrebię;").encode("iso8859_2")).rows
    assert row.name == "źrebię"


@pytest.mark.parametrize(
    ("texts", "amounts", "reason"),
    [
        (("1,299円", "12,800円"), (1299, 12800), "JPY has no decimals"),
        (("₩12,900", "₩900"), (12900, 900), "KRW has no decimals"),
        (("129.000 ₫", "99.000 ₫"), (129000, 99000), "VND has no decimals"),
        (("¥1,980", "￥12,800"), (1980, 12800), "¥ has no decimals"),
        (("₹ 1,299", "₹ 45,000"), (1299, 45000), "INR has two decimals at most"),
        (("1.299 €", "850 €"), (1299, 850), "EUR has two decimals at most"),
    ],
)
def test_a_currency_without_so_many_decimals_asks_nothing(
    texts: tuple[str, str], amounts: tuple[int, int], reason: str
) -> None:
    found = imported("sku;category;price\n" + "".join(f"A;Cups;{text}\n" for text in texts[:1]))
    assert found.rows[0].price == amounts[0]
    assert found.conventions["price"].reason == reason
    both = imported(f"sku;category;price\nA;Cups;{texts[0]}\nB;Cups;{texts[1]}\n")
    assert [row.price for row in both.rows] == list(amounts)


def test_a_sign_and_a_code_of_one_currency_are_one() -> None:
    cells = ("5 ₽", "5 руб."), ("₺5", "5 TL"), ("₴5", "5 UAH"), ("₪5", "ILS 5")
    found = [amounts(*each).conventions["price"].currencies for each in cells]
    assert found == [("RUB",), ("TRY",), ("UAH",), ("ILS",)]


def test_a_rate_has_its_own_decimal_sign() -> None:
    found = amounts("19,0 %", "7.5", "inkl. 5,5 %", "0,125", name="GST")
    assert [str(row.gst) for row in found.rows[:3]] == ["19.0", "7.5", "5.5"]
    assert reported(found) == [(5, "GST", "must have at most two decimals, not 0.125")]


@pytest.mark.parametrize(
    "text",
    [
        *("%18", "% 18", "18 percent", "18% IGST", "GST 18 per cent", "18 GST"),
        *("Standard (18%)", "18% (VAT on Income)", "CGST 9% + SGST 9%", "MwSt. voll 18 %"),
    ],
)
def test_a_rate_may_stand_among_words(text: str) -> None:
    found = imported(f"sku,category,gst\nA,Cups,{text}\n")
    assert [row.gst for row in found.rows] == [18]


@pytest.mark.parametrize("text", ["Tax class 1", "VAT 2 (reduced)", "GST-free since 2024"])
def test_a_number_among_other_words_is_no_rate(text: str) -> None:
    found = imported(f"sku,category,gst\nA,Cups,{text}\n")
    assert reported(found) == [(2, "gst", f"must be a number, not {text!r}")]


@pytest.mark.parametrize(
    "text",
    [
        *("Crème brûlée “là-bas”", "Größe ½ … €€€€", "Äöüß ÅÄÖ ÆØÅ éèêë", "— ———— —"),
        *("Señor fenêtre Müller", "¿Él? ¡Ñandú!", "PÃO DE AÇÚCAR", "Smørrebrød Ægir", "Þór ýmsir"),
        *("Camões fácil limões", "Sõrmus hõbe ä"),
        *("nº 5 1ª María", "Hermès Málaga Lancôme", "Più però virtù", "Rødvin frø Málaga"),
        *("Këpucë të zeza për burra", "Çantë lëkure", "MÁLA GAEILGE ÓRGA SÍODA"),
        *("šakki pöytä", "100m²Fläche 3×5 cm", "Café¹", "Köln–Bonn", "L’été à 20°C", "5 £ für Öl"),
        *("Möbel", "Fútbol"),  # read alike in Windows-1250
    ],
)
def test_western_texts_in_windows_1252_are_read(text: str) -> None:
    data = f"sku,category,name,image\nA,Cups,{text},https://x.example/a.jpg\n".encode("cp1252")
    found = imported(data)
    assert [row.name for row in found.rows] == [text]
    assert found.form == "CSV, Windows-1252, commas"


@pytest.mark.parametrize(
    ("text", "encoding", "name"),
    [
        ("Kubek żółty duży", "cp1250", "Windows-1250"),
        ("Ręcznik biały Café", "cp1250", "Windows-1250"),
        ("Liść", "cp1250", "Windows-1250"),
        ("Tričko pánské", "cp1250", "Windows-1250"),
        ("Talíř", "cp1250", "Windows-1250"),
        ("Hrnček biely", "cp1250", "Windows-1250"),
        ("Fehér cipő", "cp1250", "Windows-1250"),
        ("Pălărie neagră", "cp1250", "Windows-1250"),
        ("Kırmızı", "cp1254", "Windows-1254"),
        ("Běžecká bota", "iso8859_2", "ISO 8859-2"),
        ("Niño señor", "cp850", "DOS 850"),
        ("Łódź", "cp1250", "Windows-1250"),
        ("Žluťoučký kůň", "cp1250", "Windows-1250"),
        ("Čaša žuta", "cp1250", "Windows-1250"),
        ("Kávéfőző bögre", "cp1250", "Windows-1250"),
        ("Ayakkabı kış", "cp1254", "Windows-1254"),
        ("YEŞİL ÇİÇEKLİ ELBİSE", "cp1254", "Windows-1254"),
        ("İpek kumaş", "cp1254", "Windows-1254"),
        ("KAHVERENGİ ÇANTA", "cp1254", "Windows-1254"),
        ("Puodelis žalias ąčęė", "cp1257", "Windows-1257"),
        ("Żółta łódź", "iso8859_2", "ISO 8859-2"),
        ("są wąż", "iso8859_2", "ISO 8859-2"),
        ("šaty žluté", "iso8859_2", "ISO 8859-2"),
        ("Żółta łódź", "cp852", "DOS 852"),
        ("Café Größe", "mac_roman", "Mac Roman"),
        ("Café Größe", "cp850", "DOS 850"),
    ],
)
def test_an_encoding_that_its_letters_show_is_read(text: str, encoding: str, name: str) -> None:
    data = f"sku,category,name,image\nA,Cups,{text},https://x.example/a.jpg\n".encode(encoding)
    found = imported(data)
    assert [row.name for row in found.rows] == [text]
    assert found.form == f"CSV, {name}, commas"
    [(_, _, detail)] = reported(found, "note")
    assert f"was read as {name}: check its accents" in detail


def test_the_euro_of_iso_8859_15_is_read() -> None:
    data = "sku,category,name,price\nA,Cups,Café,5 €\n".encode("iso8859_15")
    found = imported(data)
    assert (found.form, found.conventions["price"].currencies) == (
        "CSV, ISO-8859-15, commas",
        ("EUR",),
    )
    assert [(row.name, row.price) for row in found.rows] == [("Café", Decimal(5))]


def test_texts_that_were_encoded_twice_are_noted() -> None:
    found = imported("sku,category,name,image\nA,Cups,Café,a.jpg\n".encode().decode("cp1252"))
    [(_, _, detail)] = reported(found, "note")
    assert detail.startswith("the file holds CafÃ©: ")
    portuguese = imported("sku,category,name,image\nA,PÃES,MAÇÃ,a.jpg\n")
    assert reported(portuguese, "note") == []


@pytest.mark.parametrize("cell", ["GST_18", "GST @ 18%", "IGST 18", "18 %"])
def test_a_tax_rate_may_stand_behind_its_name(cell: str) -> None:
    found = imported(f"sku,category,image,gst\nA,Cups,https://x.example/a.jpg,{cell}\n")
    assert [row.gst for row in found.rows if row.ready] == [Decimal(18)]


def test_an_ean_is_the_sku_where_there_is_no_other() -> None:
    row = "8901234567890,A-1,Cups,https://x.example/a.jpg\n"
    both = imported(f"EAN,Article no,category,image\n{row}")
    assert [(one.sku, one.attributes) for one in both.rows] == [("A-1", {"EAN": "8901234567890"})]
    alone = imported(f"EAN,colour,category,image\n{row}")
    assert [one.sku for one in alone.rows] == ["8901234567890"]


# -- what is not lost ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["A1;a.jpg\nA2;b.jpg\n", "A1,Cups,x/a.PNG\nA2,Cups,b.png\n"])
def test_a_row_that_names_a_photo_is_no_header(text: str) -> None:
    with pytest.raises(SpreadsheetError, match="row 1 looks like a product"):
        imported(text)


@pytest.mark.parametrize(
    "text",
    [
        "sku,A1,A2\nname,Cup,Mug\nprice,5,6\n",
        ",Product 1,Product 2\nSKU,A1,A2\nName,Cup,Mug\nPrice,5.00,6.00\nColour,Red,Blue\n",
        "Artikelnummer;A1\nPreis;5,00\n",
    ],
)
def test_a_sheet_with_its_names_in_the_first_column_is_refused(text: str) -> None:
    with pytest.raises(SpreadsheetError, match=r"stand in the first column .*Transpose"):
        imported(text)


def test_a_second_table_that_names_more_columns_is_not_the_first() -> None:
    second = "sku,colour,image,price,name\nC,red,https://x.example/a.jpg,5,Cup\n"
    found = imported(f"sku,category,weight,size\nA,Cups,5,L\nB,Cups,7,M\n\n{second}")
    assert [(row.row, row.sku) for row in found.rows] == [(2, "A"), (3, "B")]
    [(row, _, detail)] = reported(found)
    assert (row, detail.startswith("begins another table")) == (5, True)


@pytest.mark.parametrize(
    "above", ["Seller SKU,Title\nyours,60 signs", "Code,Product\nSPR24,Spring"]
)
def test_names_that_are_said_again_and_more_are_the_header(above: str) -> None:
    """As in a template with explanations between, or below what a list is about."""
    names = "item_sku,item_name,product type,list_price,main_image"
    found = imported(f"{above}\n\n{names}\nA,Mug,Cups,5,a.jpg\n")
    assert [(row.sku, row.category, row.path) for row in found.rows] == [("A", "Cups", "a.jpg")]
    assert not reported(found)


def test_a_second_table_below_is_refused_whole() -> None:
    """Its cells would be read by the names of the first one."""
    second = "sku,colour,image\nC,red,https://x.example/a.jpg\n"
    found = imported(f"sku,category,price\nA,Cups,5\nitem no,Cups,7\n\n{second}")
    assert [(row.row, row.sku) for row in found.rows] == [(2, "A"), (3, "item no")]
    detail = "begins another table (sku, colour, image): put it and what is below into another file"
    assert reported(found) == [(5, None, detail)]


@pytest.mark.parametrize(
    "names",
    [
        "Product,,,Price,,Pictures\nSKU,Name,Category,MRP,Selling price,Image\n",
        "SKU,Name,Category,Price,,Image\n,,,MRP,Selling price,\n",
        ",,,Price,,\nSKU,Name,Category,MRP,Selling price,Image\n",
        "Spring list\n\nSKU,,Category,,,Image\n,Name,,MRP,Selling price,\n",
    ],
)
def test_names_of_columns_may_stand_in_two_rows(names: str) -> None:
    [row] = imported(f"{names}A,Cup,Cups,20,15,{HTTPS}\n").rows
    product = {"sku": "A", "name": "Cup", "mrp": "20", "price": "15", "raw_image": HTTPS}
    assert row.ready
    assert row.as_product() == {**product, "category": "Cups"}


def test_a_row_with_only_a_picture_is_one_of_the_product_above() -> None:
    text = "SKU,Name,Category,Image\nA,Mug,Cups,a.jpg\n,,,b.jpg\n,,,c.jpg\nB,Cup,Cups,d.jpg\n"
    found = imported(f"{text},Bowl,Cups,e.jpg\n")
    assert [(row.sku, row.name, row.path) for row in found.rows if row.ready] == [
        *(("A", "Mug", "a.jpg"), ("A", "Mug", "b.jpg"), ("A", "Mug", "c.jpg")),
        *(("B", "Cup", "d.jpg"), (None, "Bowl", "e.jpg")),
    ]
    [(_, _, detail), *_] = reported(found, "note")
    assert detail == "rows 3 (A), 4 (A): only a picture, so it is one of the SKU above"
    listed = imported("SKU,Image\nA,a.jpg\n,b.jpg\n", defaults={"category": "Cups"})
    assert [row.sku for row in listed.rows] == ["A", None]  # names no product


def test_products_named_as_columns_are_products() -> None:
    found = imported("name,category,price\nCode,Games,5\nPhoto,Games,6\nTitle,Games,7\n")
    assert len(found.rows) == 3


def test_a_header_without_a_known_name_is_noted() -> None:
    [lacking, (row, _, detail)] = reported(imported("A1\nA2\n"), "note")
    assert lacking == (None, None, NO_SKU_COLUMN)
    assert (row, "was read as the names of the columns" in detail) == (1, True)


def test_a_sheet_without_skus_is_noted() -> None:
    found = imported("category,image\nCups,https://x.example/a.jpg\n")
    assert reported(found, "note") == [(None, None, NO_SKU_COLUMN)]


def test_the_column_that_photos_are_named_by_is_offered_as_the_sku() -> None:
    text = "Nummer XY;Kind;Preis\nA-1;Cup;5\nA-2;Cup;6\n"
    photos = ["A-1_front.jpg", "A-2.jpg"]
    choices = ImportChoices(defaults={"category": "Cups"})
    found = plan_import(ImportInput(text.encode(), "list.csv", photos, choices))
    assert found.problems[0].detail == (
        f"{NO_SKU_COLUMN}: photos are named as Nummer XY says, so that may be it"
    )
    assert {left.why for left in found.photos.left_out} == {NO_SKU_COLUMN}


def test_another_column_that_all_photos_are_named_by_is_noted() -> None:
    text = b"sku,category,EAN\nA-1,Cups,4006381333931\nA-2,Cups,4006381333948\n"
    photos = ["4006381333931.jpg", "4006381333948_2.jpg"]
    [note] = plan_import(ImportInput(text, "products.csv", photos)).problems
    detail = "is what the photos are named by: choose it as the SKU to match them"
    assert note == SheetProblem(None, "EAN", detail, "note")
    for others in (["A-1.jpg"], ["B.jpg"], [], ["A-1.jpg", *photos]):
        assert plan_import(ImportInput(text, "products.csv", others)).problems == ()


@pytest.mark.parametrize("column", ["Stock", "price"])
def test_no_price_and_no_column_that_repeats_is_said_to_name_the_photos(column: str) -> None:
    text = f"sku,category,{column}\nA-1,Cups,5\nA-2,Cups,5\nA-3,Cups,7\n".encode()
    assert plan_import(ImportInput(text, "products.csv", ["5.jpg", "6.jpg"])).problems == ()
    different = text.replace(b"A-2,Cups,5", b"A-2,Cups,9")
    found = plan_import(ImportInput(different, "products.csv", ["5.jpg", "6.jpg"]))
    assert [one.column for one in found.problems] == (["Stock"] if column == "Stock" else [])


@pytest.mark.parametrize("sign", [",", ";"])
def test_rows_that_are_quoted_as_a_whole(sign: str) -> None:
    text = '"sku,category,name,image"\n"A,Cups,""6"""" pan"",https://x.example/a.jpg"\n'
    [row] = imported(text.replace(",", sign)).rows
    assert (row.sku, row.name, row.raw_image) == ("A", '6" pan', "https://x.example/a.jpg")


@pytest.mark.parametrize("name", ["Seller SKU ID", "Product ID / Style ID", "SKU"])
def test_the_names_of_indian_marketplaces(name: str) -> None:
    row = "A,Cups,5,https://x.example/a.jpg"
    [row_] = imported(f"{name},category,Your selling price (INR),image\n{row}\n").rows
    assert (row_.sku, row_.price) == ("A", Decimal(5))


def test_pictures_in_columns_named_by_views_are_found_by_content() -> None:
    row = "A,Cups,https://x.example/a.jpg,https://x.example/b.jpg,https://x.example/c.jpg"
    found = imported(f"sku,category,Front,Back,Side\n{row}\n")
    assert [(one.view, one.raw_image) for one in found.rows] == [
        ("front", "https://x.example/a.jpg"),
        ("back", "https://x.example/b.jpg"),
        ("side", "https://x.example/c.jpg"),
    ]


def test_one_broken_character_beside_one_good_one_is_refused() -> None:
    data = "sku,category,name\nA,Cups,Café\n".encode() + b"B,Cups,Caf\xe9\n"
    with pytest.raises(SpreadsheetError, match=r"^line 3 is not in UTF-8"):
        imported(data)


def test_accents_that_may_be_wrong_are_shown() -> None:
    text = "sku,category,name,image\nA,Cups,Café chaud,https://x.example/a.jpg\n"
    [(_, _, detail)] = reported(imported(text.encode("cp1252")), "note")
    assert "check its accents (Café)" in detail
    priced = "sku,category,price\nA,Cups,5 €\n"
    [(_, _, detail)] = reported(imported(priced.encode("cp1252")), "note")
    assert "check its signs (€)" in detail


ADDRESS = "https://x.example/a.jpg"


@pytest.mark.parametrize(
    ("rows", "photos", "told"),
    [
        (
            [f"A-{size},{picture}" for picture in ("tee.jpg", "mug.jpg") for size in "SMLX"],
            ["tee.jpg"],
            "a picture of several SKUs is made, and paid for, once for each:"
            " tee.jpg (A-S, A-M, A-L and 1 more), mug.jpg (A-S, A-M, A-L and 1 more);"
            " keep one row of them if one is enough",
        ),
        (
            [f"A-S,{ADDRESS}", f"A-M,{ADDRESS}"],
            [],
            "a picture of several SKUs is made, and paid for, once for each:"
            f" {ADDRESS} (A-S, A-M); keep one row of them if one is enough",
        ),
        (
            [f"A,{ADDRESS}", "B,"],
            ["A_front.jpg", "A_back.jpg", "B.jpg"],
            "the address in the spreadsheet and the photos of its SKU are all made:"
            " A (A_front.jpg, A_back.jpg); empty the address's cell if the photos replace it",
        ),
        ([f"A,{ADDRESS}", f"A,{ADDRESS}2"], ["B.jpg"], None),
        ([f"A,{ADDRESS}", "A,b.jpg"], ["b.jpg"], None),
        ([f"A,{ADDRESS} | b.jpg"], ["b.jpg"], None),
    ],
)
def test_pictures_that_may_be_paid_for_twice_are_noted(
    rows: list[str], photos: list[str], told: str | None
) -> None:
    text = "\n".join(["sku,image", *rows]).encode()
    choices = ImportChoices(defaults={"category": "Tees"})
    found = plan_import(ImportInput(text, "products.csv", photos, choices))
    assert [one.detail for one in found.problems] == ([told] if told else [])


@pytest.mark.parametrize(
    "cell",
    [
        '{"0": "@a.jpg", "1": "@b.jpg"}',
        '[{"position": 1, "src": "@a.jpg", "alt": "c.jpg"}, {"src": "@b.jpg"}]',
        '{"images": ["https:\\/\\/x.example\\/a.jpg", "@b.jpg"]}',
        "<img src=@a.jpg alt=c.jpg><img alt='c' src='@b.jpg'>",
    ],
)
def test_pictures_in_json_and_html(cell: str) -> None:
    row = "A,Cups," + '"' + cell.replace("@", "https://x.example/").replace('"', '""') + '"'
    found = imported(f"sku,category,images\n{row}\n")
    assert [one.raw_image for one in found.rows] == [
        "https://x.example/a.jpg",
        "https://x.example/b.jpg",
    ]


@pytest.mark.parametrize("cell", ["no_selection", "[]", "n/a"])
def test_a_cell_that_says_no_picture(cell: str) -> None:
    found = imported(f"sku,category,images\nA,Cups,{cell}\n")
    assert reported(found, "note") == [(2, "images", f"{cell} is read as no picture")]
    assert (found.rows[0].path, found.rows[0].ready) == (None, True)


def test_a_sku_of_signs_alone_is_none() -> None:
    text = "sku,category,image\n?,Cups,https://x.example/1.jpg\n👟,Cups,https://x.example/2.jpg\n"
    found = imported(text)
    assert [row.sku for row in found.rows] == [None, "👟"]
    assert (2, "sku", "? is read as no SKU") in reported(found, "note")


@pytest.mark.parametrize("quotes", ["''", "“”", "„“", "«»"])
def test_cells_in_other_quotes_than_a_csv_has(quotes: str) -> None:
    names = ["sku", "category", "name", "image"]
    rows = [names, ["A", "Cups", 'Cup, 6"', "https://x.example/a.jpg"]]
    lines = [",".join(f"{quotes[0]}{cell}{quotes[1]}" for cell in row) for row in rows]
    found = imported("\n".join([*lines, "B,Levi's,Mug,https://x.example/b.jpg"]))
    assert found.columns[0].name == "sku"
    assert products(found) == [
        (2, dict(zip([*names[:3], "raw_image"], rows[1], strict=True))),
        (
            3,
            {
                "sku": "B",
                "category": "Levi's",
                "name": "Mug",
                "raw_image": "https://x.example/b.jpg",
            },
        ),
    ]


@pytest.mark.parametrize("formula", ["=A1", "=B2&$C3", "=CONCAT(A1)", "= sum(C2:C3)"])
def test_a_formula_is_no_text(formula: str) -> None:
    found = imported(f"sku;category;image\n{formula};Cups;{ADDRESS}\nB;Cups;{formula}\n")
    again = "open the file, let it calculate, and save it"
    detail = f"is a formula without a stored value ({formula}): {again}"
    assert reported(found) == [(2, "sku", detail), (3, "image", detail)]


@pytest.mark.parametrize("error", ["#NV", "#WERT!", "#¿NOMBRE?", "#Н/Д", "#BEZUG!", "Err:502"])
def test_an_error_in_any_language_is_no_text(error: str) -> None:
    row = f"Cups,{ADDRESS}"
    found = imported(f"sku,colour,category,image\n{error},#1,{row}\nB,{error},{row}2\n")
    detail = f"holds the error {error}: correct it in the spreadsheet"
    assert reported(found) == [(2, "sku", detail)]
    assert reported(found, "note") == [(3, "colour", f"{detail} (left out)")]
    assert [dict(one.attributes) for one in found.rows] == [{"colour": "#1"}, {}]


def test_what_databases_write_for_nothing_is_no_attribute() -> None:
    found = imported(f"sku,category,image,colour\nA,Cups,{ADDRESS},NULL\n")
    assert reported(found, "note") == [(2, "colour", "NULL is nothing (left out)")]
    assert found.rows[0].attributes == {}


@pytest.mark.parametrize(
    ("name", "field"),
    [("Item#", "sku"), ("Style #", "sku"), ("Item", "name"), ("Image #2", "raw_image")],
)
def test_a_number_sign_says_that_a_column_has_numbers(name: str, field: str) -> None:
    found = field_of(name)
    assert found is not None
    assert found[0] == field


def test_a_sku_that_may_be_several_is_noted() -> None:
    found = imported(f'sku,category,image\n"A1, A2",Cups,{ADDRESS}\n"B,1",Cups,{ADDRESS}2\n')
    detail = "is read as one SKU: if these are several, give each a row of its own"
    assert reported(found, "note") == [(2, "sku", detail)]
    joined = imported(f'sku,category,image\n"RING-1,RING-2",Cups,{ADDRESS}\n')
    assert reported(joined, "note") == [(2, "sku", detail)]
    start = time.process_time()
    unclear = imported(f"sku,category,image\n{'A ; ' * 11}?,Cups,{ADDRESS}\n")
    assert reported(unclear, "note") == []
    # It was four times as long for each further entry.
    assert time.process_time() - start < 0.3 * slowness()


def test_a_listing_of_etsy_has_the_first_sku_of_its_variants() -> None:
    names = "TITLE,PRICE,CURRENCY_CODE,IMAGE1,IMAGE2,VARIATION 1 TYPE,VARIATION 1 VALUES,SKU"
    cells = f'Ring,25.00,USD,{ADDRESS},{ADDRESS}2,Size,"S,M","AAA-1,AAA-2,AAA-2"'
    found = imported(f"{names}\n{cells}\n", defaults={"category": "Rings"})
    assert [(row.sku, row.view) for row in found.rows] == [("AAA-1", "1"), ("AAA-1", "2")]
    assert found.rows[0].attributes["SKU"] == "AAA-1,AAA-2,AAA-2"
    detail = "the listing's pictures are those of AAA-1, and of its variants, too: AAA-2"
    assert reported(found, "note") == [(2, "SKU", detail)]


def test_a_sku_with_html_is_read_as_a_person_sees_it() -> None:
    found = imported(f"sku,category,image\nA&amp;B,Cups,{ADDRESS}\n")
    assert (found.rows[0].sku, reported(found, "note")) == (
        "A&B",
        [(2, "sku", "A&amp;B is read as A&B")],
    )


@pytest.mark.parametrize(
    ("names", "cells", "rates"),
    [
        ("CGST %,SGST %", ["9,9", "2.5,2.5"], ["18", "5"]),
        ("CGST,SGST,IGST", ["9%,9%,18%"], ["18"]),
        ("CGST,UTGST", ["9%,9%", ",", "0%,0%"], ["18", None, "0"]),
        ("Central Tax Rate,State Tax Rate", ["14,14"], ["28"]),
        ("CGST,SGST", ["9,9", "6,6"], ["18", "12"]),
        ("CGST,SGST", ["9,9", "18,18"], [None, None]),  # amounts
        ("CGST Amt,SGST Amt", ["9,9"], [None]),
        ("CGST %,SGST %", ["9,"], [None]),
        ("CGST %,SGST %,GST %", ["9,9,5"], ["5"]),
        ("GST", ["9%+9%", "18% (9% + 9%)", "GST 12%"], ["18", "18", "12"]),
    ],
)
def test_a_tax_in_two_halves(names: str, cells: list[str], rates: list[str | None]) -> None:
    rows = "".join(f"A{at},Cups,100,{cell}\n" for at, cell in enumerate(cells))
    found = imported(f"sku,category,price,{names}\n{rows}")
    assert [None if row.gst is None else f"{row.gst:f}" for row in found.rows] == rates
    halves = [detail for _, _, detail in reported(found, "note") if "halves" in detail]
    assert bool(halves) == (found.mapping[names.split(",")[0]] == "gst" and "," in names)


def test_categories_of_which_one_has_the_others_in_it_are_one() -> None:
    text = 'sku,name,category\nA,x,"Home/Cups/Tea,Home/Cups,Home"\nB,y,"Shoes, Hats"\n'
    rows = imported(text).rows
    assert [row.category for row in rows] == ["Home/Cups/Tea", "Shoes, Hats"]
    assert rows[0].attributes == {"category": "Home/Cups/Tea,Home/Cups,Home"}


FEED = """<?xml version="1.0" encoding="{encoding}"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>
<item><title>Plain</title><g:id>G1</g:id><g:title><![CDATA[Café & Tea]]></g:title>
<link>https://shop.example/g1</link><g:image_link>https://shop.example/a.jpg</g:image_link>
<g:additional_image_link>https://shop.example/b.jpg?x=1,2</g:additional_image_link>
<g:additional_image_link>https://shop.example/c.jpg</g:additional_image_link>
<g:price>15.00 EUR</g:price><g:sale_price>12.00 EUR</g:sale_price>
<g:availability>in stock</g:availability><g:product_type>Food &gt; Tea</g:product_type>
<g:shipping><g:country>DE</g:country><g:price>4.95 EUR</g:price></g:shipping></item>
</channel></rss>
"""


@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1", "UTF-16"])
def test_a_product_feed_is_read_as_a_table(encoding: str) -> None:
    found = imported(FEED.format(encoding=encoding).encode(encoding), defaults={"category": "x"})
    first = {"sku": "G1", "name": "Café & Tea", "category": "Food > Tea"}
    first |= {"price": "12.00", "mrp": "15.00"}
    rest = {"link": "https://shop.example/g1", "availability": "in stock"}
    rest |= {"shipping": "DE, 4.95 EUR"}
    pictures = ("a.jpg", "b.jpg?x=1,2", "c.jpg")
    assert products(found) == [
        (
            1,
            {
                **first,
                "raw_image": f"https://shop.example/{name}",
                "view": view,
                "attributes": rest,
            },
        )
        for name, view in zip(pictures, "123", strict=True)
    ]


def test_an_atom_feed_is_read_too() -> None:
    entry = "<entry><id>urn:1</id><g:id>A1</g:id><title>Mug</title><link href='https://x.example'/>"
    feed = "<feed xmlns='http://www.w3.org/2005/Atom' xmlns:g='http://base.google.com/ns/1.0'>"
    text = f"{feed}{entry}<g:image_link>{ADDRESS}</g:image_link></entry></feed>"
    found = imported(text, "feed.xml", defaults={"category": "Cups"})
    expected = {"sku": "A1", "name": "Mug", "category": "Cups", "raw_image": ADDRESS}
    assert products(found) == [(1, {**expected, "attributes": {"link": "https://x.example"}})]
