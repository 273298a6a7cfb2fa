"""A product's fields: the one list that spreadsheets, the command line and the pages go by.

Each has the names that shops give its column, the most certain first. They come from Shopify's,
WooCommerce's, Magento's, Amazon's and Google's templates and public import threads, in the form of
`header.plain_name`: lower case, one space between words, no punctuation.
"""
# ruff: noqa: RUF009 -- `_text` and `_number` return dataclass fields

from __future__ import annotations

from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, Final, Literal

FieldKind = Literal["text", "money", "percentage"]


@dataclass(frozen=True)
class ProductField:
    """How people write and read a field. `of_sku`: all products of a SKU have the same value, so
    that a spreadsheet's row corrects it in each. `shared`: several columns may fill it, because
    each picture is a view of its own."""

    label: str  # on the pages
    kind: FieldKind
    longest: int | None  # characters of a text
    columns: tuple[str, ...]
    of_sku: bool
    shared: bool


def _text(
    label: str, longest: int | None, *columns: str, of_sku: bool = False, shared: bool = False
) -> Any:
    found = ProductField(label, "text", longest, columns, of_sku, shared)
    return field(default=None, metadata={"field": found})


def _number(label: str, kind: FieldKind, *columns: str) -> Any:
    found = ProductField(label, kind, None, columns, of_sku=True, shared=False)
    return field(default=None, metadata={"field": found})


@dataclass(frozen=True, kw_only=True)
class Fields:
    """A product's fields as a spreadsheet gives them; each is optional there."""

    sku: str | None = _text(
        "SKU",
        100,
        *("sku", "variant sku", "product sku", "item sku", "seller sku", "vendor sku", "skus"),
        *("seller sku id", "product id style id", "style id", "seller product id"),
        *("sku code", "sku id", "sku no", "sku number", "stock keeping unit", "merchant sku"),
        *("product code", "item code", "article code", "style code", "stock code", "code"),
        *("item no", "item number", "item id", "product no", "product number"),
        *("article no", "article number", "article", "art no", "artno", "style no", "style"),
        *("part number", "part no", "partnumber", "mpn", "manufacturer part number", "model no"),
        *("model number", "model", "product id", "g id", "ref", "reference", "asin"),
        *("artikelnummer", "artikelnr", "artikel nr", "référence", "référence produit"),
        *("referencia", "codice", "codice articolo", "código", "artikelcode", "kod"),
        *("ean", "ean code", "ean 13", "gtin", "gtin 13", "gtin 14", "upc", "upc code", "jan"),
        *("isbn", "barcode", "bar code", "id"),
    )
    name: str | None = _text(
        "Name",
        200,
        *("name", "product name", "title", "product title", "item name", "item title"),
        *("variant title", "display name", "product", "item", "short description", "description"),
        *("product description", "item description", "long description"),
        *("bezeichnung", "produktname", "artikelbezeichnung", "nom", "nom du produit", "nombre"),
        *("nome", "titel", "naam", "libellé", "désignation", "नाम"),
        of_sku=True,
    )
    view: str | None = _text(
        "View",
        40,
        *("view", "image position", "image view", "photo view", "image no", "image number"),
        *("position", "angle", "side", "shot", "image order", "ansicht", "vue", "vista"),
    )
    category: str | None = _text(
        "Category",
        100,
        *("category", "categories", "product category", "item category", "category name"),
        *("category path", "main category", "product type", "type", "item type", "department"),
        *("collection", "collections", "google product category", "sub category", "subcategory"),
        *("kategorie", "kategorien", "warengruppe", "catégorie", "catégories", "categoría"),
        *("categoria", "categorie", "श्रेणी"),
        of_sku=True,
    )
    raw_image: str | None = _text(
        "Picture (address or file)",
        None,
        *("raw image", "image", "images", "image src", "image url", "image urls", "image link"),
        *("image links", "image address", "image path", "main image", "main image url"),
        *("main image src", "base image", "primary image", "primary image url"),
        *("featured image", "product image", "product images", "product image url"),
        *("product image urls", "variant image", "photo", "photos", "photo url", "photo urls"),
        *("photo link", "product photo", "picture", "pictures", "picture url", "img", "img url"),
        *("img src", "imgs", "image src url", "raw photo", "front image", "back image"),
        *("additional image", "additional images", "additional image link", "additional image url"),
        *("additional image src", "other image", "other images", "other image url"),
        *("gallery", "gallery images", "media", "media url", "media gallery"),
        *("bild", "bilder", "bild url", "foto"),
        *("fotos", "bild link", "imagen", "imágenes", "immagine", "immagini", "afbeelding", "चित्र"),
        shared=True,
    )
    filename: str | None = _text(
        "File name",
        255,
        *("filename", "file name", "file names", "filenames", "file", "files", "image file"),
        *("image filename", "image file name", "image name", "image names", "photo file"),
        *("photo filename", "photo file name", "photo name", "picture name", "picture file"),
        *("picture filename", "dateiname", "bilddatei", "bildname", "nom de fichier", "fichier"),
        shared=True,
    )
    mrp: Decimal | None = _number(
        "MRP",
        "money",
        *("mrp", "m r p", "maximum retail price", "max retail price", "mrp price"),
        *("variant compare at price", "compare at price", "compare price", "regular price"),
        *("list price", "rrp", "msrp", "uvp", "srp", "recommended retail price"),
        *("suggested retail price", "retail price", "original price", "old price", "full price"),
        *("price before discount", "strike price", "listenpreis", "prix public", "prix barré"),
    )
    price: Decimal | None = _number(
        "Price",
        "money",
        *("price", "variant price", "sale price", "selling price", "sell price", "sp"),
        *("offer price", "special price", "our price", "discounted price", "discount price"),
        *("current price", "final price", "unit price", "net price", "your price"),
        *("your selling price", "meesho price"),
        *("standard price", "web price", "price inc tax", "price incl tax", "price inc gst"),
        *("price incl gst", "preis", "verkaufspreis", "vk", "vk preis", "prix", "prix de vente"),
        *("precio", "prezzo", "preço", "prijs", "cena", "pris", "कीमत", "मूल्य"),
    )
    discount: Decimal | None = _number(
        "Discount",
        "money",
        *("discount", "discount amount", "discount value", "rabatt", "remise", "descuento"),
    )
    gst: Decimal | None = _number(
        "GST",
        "percentage",
        *("gst", "gst rate", "gst percent", "gst percentage", "tax", "tax rate", "tax percent"),
        *("tax percentage", "vat", "vat rate", "vat percent", "igst", "igst rate", "sales tax"),
        *("mwst", "mehrwertsteuer", "ust", "steuersatz", "tva", "iva", "btw"),
    )


PRODUCT_FIELDS: Final[dict[str, ProductField]] = {
    each.name: each.metadata["field"] for each in fields(Fields)
}


def _names(**wanted: Any) -> tuple[str, ...]:
    return tuple(
        name
        for name, found in PRODUCT_FIELDS.items()
        if all(getattr(found, key) == value for key, value in wanted.items())
    )


TEXTS: Final = _names(kind="text")
MONEY: Final = _names(kind="money")
PERCENTAGES: Final = _names(kind="percentage")
NUMBERS: Final = (*MONEY, *PERCENTAGES)
SHARED: Final = _names(shared=True)
#: What a spreadsheet's row says of all products of its SKU.
OF_SKU: Final = (*NUMBERS, *_names(kind="text", of_sku=True))
#: The most characters of each text.
LONGEST: Final = {name: found.longest for name, found in PRODUCT_FIELDS.items() if found.longest}
