"""The names that shops give to a product's fields, the most certain first. Only data.

From Shopify's, WooCommerce's, Magento's, Amazon's and Google's templates and public import threads;
in the form of `header.plain_name`: lower case, one space between words, no punctuation.
"""

from __future__ import annotations

from typing import Final

NAMES: Final[dict[str, tuple[str, ...]]] = {
    "sku": (
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
    ),
    "name": (
        *("name", "product name", "title", "product title", "item name", "item title"),
        *("variant title", "display name", "product", "item", "short description", "description"),
        *("product description", "item description", "long description"),
        *("bezeichnung", "produktname", "artikelbezeichnung", "nom", "nom du produit", "nombre"),
        *("nome", "titel", "naam", "libellé", "désignation", "नाम"),
    ),
    "view": (
        *("view", "image position", "image view", "photo view", "image no", "image number"),
        *("position", "angle", "side", "shot", "image order", "ansicht", "vue", "vista"),
    ),
    "category": (
        *("category", "categories", "product category", "item category", "category name"),
        *("category path", "main category", "product type", "type", "item type", "department"),
        *("collection", "collections", "google product category", "sub category", "subcategory"),
        *("kategorie", "kategorien", "warengruppe", "catégorie", "catégories", "categoría"),
        *("categoria", "categorie", "श्रेणी"),
    ),
    "raw_image": (
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
    ),
    "filename": (
        *("filename", "file name", "file names", "filenames", "file", "files", "image file"),
        *("image filename", "image file name", "image name", "image names", "photo file"),
        *("photo filename", "photo file name", "photo name", "picture name", "picture file"),
        *("picture filename", "dateiname", "bilddatei", "bildname", "nom de fichier", "fichier"),
    ),
    "mrp": (
        *("mrp", "m r p", "maximum retail price", "max retail price", "mrp price"),
        *("variant compare at price", "compare at price", "compare price", "regular price"),
        *("list price", "rrp", "msrp", "uvp", "srp", "recommended retail price"),
        *("suggested retail price", "retail price", "original price", "old price", "full price"),
        *("price before discount", "strike price", "listenpreis", "prix public", "prix barré"),
    ),
    "price": (
        *("price", "variant price", "sale price", "selling price", "sell price", "sp"),
        *("offer price", "special price", "our price", "discounted price", "discount price"),
        *("current price", "final price", "unit price", "net price", "your price"),
        *("your selling price", "meesho price"),
        *("standard price", "web price", "price inc tax", "price incl tax", "price inc gst"),
        *("price incl gst", "preis", "verkaufspreis", "vk", "vk preis", "prix", "prix de vente"),
        *("precio", "prezzo", "preço", "prijs", "cena", "pris", "कीमत", "मूल्य"),
    ),
    "discount": ("discount", "discount amount", "discount value", "rabatt", "remise", "descuento"),
    "gst": (
        *("gst", "gst rate", "gst percent", "gst percentage", "tax", "tax rate", "tax percent"),
        *("tax percentage", "vat", "vat rate", "vat percent", "igst", "igst rate", "sales tax"),
        *("mwst", "mehrwertsteuer", "ust", "steuersatz", "tva", "iva", "btw"),
    ),
}
