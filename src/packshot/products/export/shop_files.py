"""Approved pictures as files for the importers of Shopify and WooCommerce."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote, urlsplit

from packshot.errors import Conflict
from packshot.products.export.rows import ApprovedImage, csv_line, own_name
from packshot.spreadsheets.columns.layouts import HANDLES, shops_own
from packshot.spreadsheets.columns.shopify_pictures import (
    NO_IMAGE,
    OPTION_VALUES,
    SAME_IMAGE,
    read_variants,
)
from packshot.storage import Storage

ShopFormat = Literal["shopify", "woocommerce"]
SkuPictures = Sequence[tuple[int, ApprovedImage]]
#: Names and values of Shopify's variants, repeated unchanged: without them an import would
#: take every SKU of a product for the same variant.
OPTION_NAMES: Final = ("Option1 Name", "Option2 Name", "Option3 Name")
VARIANT_IMAGE: Final = "Variant Image"
SHOPIFY: Final = (
    *("Handle", "Title", "Variant SKU"),
    *("Image Src", "Image Position", "Image Alt Text"),
)
WOOCOMMERCE: Final = ("SKU", "Name", "Images")
#: The media library of WordPress, and names that its `sanitize_file_name` leaves alone: it takes
#: `MAIN` in `OIL.MAIN.jpg` for a file extension, and adds `_`.
WORDPRESS: Final = "/wp-content/uploads/"
_KEPT_BY_WORDPRESS: Final = re.compile(
    r"(?!.*(?:--|\.\.|\.[A-Za-z]{2,5}\d?\.))[A-Za-z0-9][A-Za-z0-9._-]*"
)
#: Shopify's files, on its own host or the shop's. Like WordPress' library, they have no folders.
SHOPIFY_FILES: Final = re.compile(r"https?://cdn\.shopify\.com/|/cdn/shop/files(/|$)")
#: SKUs that, in lower case, are handles.
_PLAIN_SKU: Final = re.compile("[A-Za-z0-9]+(-[A-Za-z0-9]+)*")
CsvRow = dict[str, object]
#: The address at which anybody can download the picture, without a query.
AddressOf = Callable[[ApprovedImage], str]


def write_shop_file(
    groups: Iterable[SkuPictures], as_format: ShopFormat, address_of: AddressOf
) -> Iterator[str]:
    """The file's lines. Everything is read before the first one, so that errors come first.

    Each group is the pictures of one SKU with their numbers. `address_of` says where a shop's
    importer can download a picture; what it raises is raised before the first line. Of pictures
    with the same bytes only the first is named.
    """
    groups = map(_without_repeats, groups)
    if as_format == "shopify":
        columns, rows = _shopify(groups, address_of)
    else:
        columns, rows = _woocommerce(groups, address_of)
    return (csv_line(cells, for_people=False) for cells in _table(columns, rows))


def _without_repeats(group: SkuPictures) -> SkuPictures:
    first: dict[str, int] = {}
    return [
        (n, image)
        for n, image in group
        if image.sha256 is None or first.setdefault(image.sha256, n) == n
    ]


def _table(columns: Sequence[str], rows: Iterable[CsvRow]) -> Iterator[Sequence[object]]:
    yield columns
    for row in rows:
        yield [row.get(column) for column in columns]


def address_in_store(storage: Storage, image: ApprovedImage) -> str:
    """The picture's public address in Packshot's own store. Raises Conflict `no_public_address`."""
    address = storage.url(image.object_key) if image.object_key else image.image_url
    parts = urlsplit(address)
    if parts.scheme in ("http", "https") and _is_public(parts.hostname or "") and not parts.query:
        return address
    raise Conflict(
        "a shop can't download pictures from this server:"
        f" {image.sku or f'product {image.product_id}'} has no public address. Upload the ZIP's"
        " pictures to the shop, and give the address of one of them: in the download dialog, as"
        " --pictures-at or as pictures_at. Or set PUBLIC_MEDIA_URL to the public address of the"
        " pictures, or keep them in S3",
        code="no_public_address",
    )


def address_uploaded(paths: Mapping[int, str], base: str, image: ApprovedImage) -> str:
    """The picture's address where the pictures of a ZIP were uploaded; see `paths_in_zip`. Raises
    Conflict `no_public_address` where the shop renamed it."""
    path = paths[image.image_id]
    if WORDPRESS in f"{base}/" and not _KEPT_BY_WORDPRESS.fullmatch(path):
        raise _renamed(f"WordPress renames {path} as it is uploaded (accents, spaces and signs)")
    if SHOPIFY_FILES.search(base) and "/" in path:
        raise _renamed(f"Shopify's files have no folders, and {path} is in one")
    return f"{base}/{quote(path)}"


def _renamed(why: str) -> Conflict:
    return Conflict(
        f"{why}, so the file would name a picture that is not there: make the ZIP and this file"
        ' with plain names, by --names "{id}_{n}", or for the desk by EXPORT_NAMES={id}_{n}',
        code="no_public_address",
    )


def _is_public(host: str) -> bool:
    """Whether others may reach the host, by its name alone: nothing is looked up."""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        name = host.rstrip(".").casefold()
        return "." in name and not name.endswith((".localhost", ".local", ".internal", ".lan"))


# ---- WooCommerce


def _woocommerce(
    groups: Iterable[SkuPictures], address_of: AddressOf
) -> tuple[Sequence[str], list[CsvRow]]:
    """The import gives each product the name in its row, or none where that is empty: where one
    has no name here, names are left out, and the shop keeps its own."""
    rows = [_woocommerce_row(group, address_of) for group in groups]
    if all(row["Name"] for row in rows):
        return WOOCOMMERCE, rows
    return [column for column in WOOCOMMERCE if column != "Name"], rows


def _woocommerce_row(group: SkuPictures, address_of: AddressOf) -> CsvRow:
    """One product; a comma in an address is percent-encoded, so commas only separate."""
    addresses = [address_of(image).replace(",", "%2C") for _, image in group]
    name = next((image.name for _, image in group if image.name), None)
    return {"SKU": group[0][1].sku, "Name": name, "Images": ", ".join(addresses)}


# ---- Shopify


@dataclass
class _Listing:
    """One Shopify product, whose variants are SKUs."""

    title: str
    groups: list[SkuPictures] = field(default_factory=list)


def _shopify(
    groups: Iterable[SkuPictures], address_of: AddressOf
) -> tuple[Sequence[str], list[CsvRow]]:
    listings: dict[str, _Listing] = {}
    own_handles: set[str] = set()
    for group in groups:
        first = group[0][1]
        given = _attribute(group, *HANDLES)
        handle = given or _make_handle(first)
        if given is None:
            handle = handle if handle not in listings else _with_digits(handle, first)
            own_handles.add(handle)
        elif given in own_handles:  # made for an earlier product
            earlier = listings.pop(given)
            listings[_with_digits(given, earlier.groups[0][0][1])] = earlier
            own_handles.remove(given)
        title = next((image.name for _, image in group if image.name), own_name(first))
        listings.setdefault(handle, _Listing(title)).groups.append(group)
    rows = [row for handle, each in listings.items() for row in _listing(handle, each, address_of)]
    options = [
        name
        for pair in zip(OPTION_NAMES, OPTION_VALUES, strict=True)
        for name in pair
        if any(row.get(name) for row in rows)
    ]
    more = [VARIANT_IMAGE] if options else []
    return (*SHOPIFY, *options, *more), rows


def _listing(handle: str, listing: _Listing, address_of: AddressOf) -> Iterator[CsvRow]:
    """A row for each picture; the first of the product and of each variant has more columns; and
    one for each variant without a picture of its own.

    Variants are in the order of their views, which are the shop's own positions if its file had
    them: so the product's main picture stays that of the same variant."""
    groups = sorted(listing.groups, key=_position)
    names = {
        name: value
        for group in reversed(groups)
        for name in OPTION_NAMES
        if (value := _attribute(group, name))
    }
    skus = {group[0][1].sku for group in groups}
    before = 0
    first_row: CsvRow = {"Title": listing.title, **names}
    for group in groups:
        values = {name: value for name in OPTION_VALUES if (value := _attribute(group, name))}
        first = group[0][1]
        variant: CsvRow = {"Variant SKU": first.sku, VARIANT_IMAGE: address_of(first)}
        if before and not values:  # without options this is no second variant, but more pictures
            variant = {}
        more: CsvRow = first_row | variant | values
        for n, image in group:
            yield {
                "Handle": handle,
                "Image Src": address_of(image),
                "Image Position": before + n,
                "Image Alt Text": image.alt_text,
            } | more
            more, first_row = {}, {}
        before += group[-1][0]
        for row in _without_pictures(group, variant, skus) if values else ():
            yield {"Handle": handle} | row


def _without_pictures(
    group: SkuPictures, variant: CsvRow, done: set[str | None]
) -> Iterator[CsvRow]:
    """The variants that the shop's file had beside this one, of which no picture was made."""
    for name, image in ((SAME_IMAGE, variant[VARIANT_IMAGE]), (NO_IMAGE, None)):
        for sku, values in read_variants(_attribute(group, name) or ""):
            if values and sku not in done:
                done.add(sku)
                yield {"Variant SKU": sku, VARIANT_IMAGE: image, **values}


def _position(group: SkuPictures) -> int:
    views = [int(image.view) for _, image in group if image.view and image.view.isdecimal()]
    return min(views, default=sys.maxsize)


def _attribute(group: SkuPictures, *names: str) -> str | None:
    """The value of a column in the shop's own file, whatever the case of its name."""
    wanted = {name.casefold() for name in names}
    return next(filter(None, (shops_own(image.attributes, wanted) for _, image in group)), None)


def _make_handle(image: ApprovedImage) -> str:
    """A handle in Shopify's form, lower case with dashes, the same in every export, and no other
    product's, unless their SKUs differ only in case."""
    if image.sku and _PLAIN_SKU.fullmatch(image.sku):
        return image.sku.lower()
    return _with_digits(own_name(image), image)


def _with_digits(name: str, image: ApprovedImage) -> str:
    """A handle of the name and digits of its SKU, or, because names of photos repeat, the product's
    number."""
    digits = hashlib.sha256(image.sku.encode()).hexdigest()[:6] if image.sku else image.product_id
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    handle = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    return f"{handle or 'product'}-{digits}"
