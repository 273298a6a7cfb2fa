"""A cell that names pictures -> its addresses and file names, each in a usable form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal
from urllib.parse import unquote

from packshot.spreadsheets.photo_files import ENDINGS, ending_of
from packshot.spreadsheets.share_links import direct

#: One of our own addresses, as an upload returns it.
UPLOADED: Final = "/media/uploads/"
#: The text of a workbook's cell into which a picture was put.
PICTURE_IN_CELL: Final = "(picture)"
#: The most pictures of one cell; Shopify allows 250 per product.
MOST: Final = 250

_INSIDE: Final = "contains the picture itself: give it as a photo"
#: A PNG, JPEG, WebP or GIF as Odoo exports it.
_BASE64: Final = re.compile(r"(?:iVBORw0KGgo|/9j/|UklGR|R0lGOD)[A-Za-z0-9+/=\s]{12,}+")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]{0,20}://", re.IGNORECASE)
_BROKEN_SCHEME: Final = re.compile(r"(https?)(?::[\\/]+|//)(?=[\w.-]+(?:[\\/]|\Z))", re.IGNORECASE)
_ENDING: Final = "|".join(map(re.escape, ENDINGS))
#: Words after an address, such as the view, or WordPress' ` ! alt : Shoe ! title : Red`.
_WORDS_BEHIND: Final = re.compile(
    r"(?<=\S)\s+(?:\([^()]*\)|! ?[a-z]+ ?:.*|[^/.?=&]+)\Z", re.DOTALL | re.I
)
#: Words before an address: eBay's `Colour=Red=https://`.
_WORDS_BEFORE: Final = re.compile(r"[^/?#&]{1,80}=\s*(?=https?://)", re.IGNORECASE)
_BETWEEN_QUOTES: Final = re.compile(r"[\"']\s*,\s*[\"']")
#: Spaces between two names that have endings and no spaces.
_BETWEEN_NAMES: Final = "|".join(
    rf"(?<={re.escape(ending)})\s++(?=\S{{1,200}}(?:{_ENDING})(?:\s|\Z))" for ending in ENDINGS
)
#: `file:///C:/a.jpg`, `file://server/share/a.jpg` and `file:/Users/a.jpg`.
_FILE_ADDRESS: Final = re.compile(r"file:/{1,3}(?=[^/])", re.IGNORECASE)
_STARTS_ADDRESS: Final = rf"(?:[a-z][a-z0-9+.-]{{1,9}}://|//[\w.-]+\.\w|{UPLOADED}|www\.)"
#: Between two pictures is a line break, or spaces, pipes, commas or semicolons before an address.
#: After a picture's ending other signs separate, too: `a.jpg::https://`, `a.jpg#https://`.
_BETWEEN_ADDRESSES: Final = re.compile(
    "|".join(
        (
            rf"\n|\\n(?={_STARTS_ADDRESS})|(?<![\s,;|])[\s,;|]++(?={_STARTS_ADDRESS})",
            *(rf"(?<={re.escape(ending)})[^\w\s/?=&%.]{{0,3}}(?=https?://)" for ending in ENDINGS),
        )
    ),
    re.IGNORECASE,
)
#: Spaces or one of these signs after a picture's ending also separate. Other commas are part of a
#: name.
_AFTER_ENDING: Final = re.compile(
    "|".join(
        rf"(?<={re.escape(ending)})(?:\s*+(?:[,;|]|&&)\s*+|\s++[/+&]\s++)" for ending in ENDINGS
    )
    + f"|{_BETWEEN_NAMES}",
    re.IGNORECASE,
)
#: Names without an ending, each with a digit and no spaces: `A1_1, A1_2`, `IMG_1;IMG_2`.
_BETWEEN_CODES: Final = re.compile(r" ?[,;] ?")
_CODE: Final = re.compile(r"(?=\D*\d)[\w.-]{1,100}")
_FORMULA: Final = re.compile(r"""=\s*(?:HYPERLINK|IMAGE)\(\s*(["'])([^"']*)\1""", re.IGNORECASE)
_TAG: Final = re.compile(
    r"""<(?:img|a)\b[^<>]*?(?:src|href)\s*=\s*(?:(["'])([^"'<>]*)\1|([^\s"'<>]+))""", re.IGNORECASE
)
#: Airtable's `a.jpg (https://...)` and Markdown's `![a](https://...)`.
_BEHIND_NAME: Final = re.compile(r"\((https?://[^\s()]+)\)", re.IGNORECASE)
#: Names of an address in JSON; other names beside them are its size, or its text.
_IN_JSON: Final = frozenset({"src", "url", "href", "link"})
_HOST: Final = re.compile(
    r"(?:[\w-]+(?:\.[\w-]+)*\.(?P<top>[a-z]{2,24})|\d{1,3}(?:\.\d{1,3}){3}|localhost)"
    r"(?P<port>:\d{1,5})?",
    re.IGNORECASE,
)
#: Top-level domains that shops use, besides a country's two letters. Anything else after a dot may
#: be part of a folder's name.
_TOPS: Final = frozenset(
    (
        *("com", "net", "org", "info", "biz", "shop", "store", "app", "dev", "cloud", "online"),
        *("site", "xyz", "tech", "media", "images", "photos", "fashion", "global", "cdn"),
    )
)


@dataclass(frozen=True)
class CellPicture:
    """One picture that a cell names. An address can be sent as raw_image; a file's `value` is its
    path as the cell gives it, with forward slashes. `note` and `error` go to the user; a `value`
    that is empty is no picture that can be had this way, but a photo of the row's SKU may be."""

    kind: Literal["address", "file"]
    value: str
    note: str | None = None
    error: str | None = None

    @property
    def filename(self) -> str:
        return self.value.rsplit("/", 1)[-1]


def read_pictures(cell: str, link: str | None = None) -> list[CellPicture]:
    """Every picture of a cell, in its order; `link` is where a click on the cell leads.

    At most `MOST`, followed by one whose error says that there are more.
    """
    if cell == PICTURE_IN_CELL:
        return [CellPicture("file", "", _INSIDE)]
    found = list(_pictures(_split(_plain_list(_without_formula(cell)))))
    if link and not any(picture.kind == "address" for picture in found):
        return [_picture(link if "://" in link else unquote(link))]
    if len(found) > MOST:
        return [*found[:MOST], CellPicture("file", "", error=f"names more than {MOST} pictures")]
    return found


def _without_formula(cell: str) -> str:
    """The address of `=HYPERLINK("...")`, `=IMAGE("...")` or an HTML tag; else the cell."""
    if cell.startswith("=") and (match := _FORMULA.match(cell)):
        return match[2]
    if cell.startswith("<"):
        return "\n".join(quoted or bare for _, quoted, bare in _TAG.findall(cell)) or cell
    return cell


def _plain_list(cell: str) -> str:
    """The pictures of a program's list, such as `["https://a", "https://b"]`, one per line."""
    if cell[:1] in ("[", "{") and (texts := _texts_in_json(cell)):
        return "\n".join(texts)
    if not _SCHEME.match(cell) and (addresses := _BEHIND_NAME.findall(cell)):
        return "\n".join(addresses)
    if cell[:1] != "[" or cell[-1:] != "]":
        return cell
    inner = cell[1:-1].strip()
    if inner[:1] not in ("'", '"') and "://" not in inner and ending_of(inner) not in ENDINGS:
        return cell
    return _BETWEEN_QUOTES.sub("\n", inner).replace("\\/", "/")


def _texts_in_json(cell: str) -> list[str]:
    try:
        return list(_texts_of(json.loads(cell)))
    except (ValueError, RecursionError):
        return []


def _texts_of(value: Any) -> Iterator[str]:
    """The texts of a list or of an object; of an object with an address only this."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        named = [each for name, each in value.items() if name.casefold() in _IN_JSON]
        for each in named or value.values():
            yield from _texts_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts_of(each)


def _pictures(texts: list[str]) -> Iterator[CellPicture]:
    """The pictures, with a note where words are left out before an address: `Front: https://`."""
    words = ""
    for text, following in zip(texts, [*texts, ""][1:], strict=True):
        is_name = _CODE.fullmatch(text) or ending_of(text) in ENDINGS or {*"/\\"} & {*text}
        if not is_name and _SCHEME.match(following):
            words = text
            continue
        picture = _picture(text)
        note = picture.note or (f"{words} before it is left out" if words else None)
        words = ""
        yield replace(picture, note=note)


def _split(cell: str) -> list[str]:
    if cell[:5].casefold() == "data:" or _BASE64.fullmatch(cell):  # its signs separate nothing
        return [cell]
    parts = [part for line in _BETWEEN_ADDRESSES.split(cell) for part in _names(line)]
    return [text for part in parts if (text := part.strip(" \t,;|\"'<>\u00a0"))]


def _names(text: str) -> list[str]:
    """Split `a.jpg, b.jpg` into two pictures; a text with a query is one address."""
    if "?" in text:
        return [text]
    codes = _BETWEEN_CODES.split(text)
    if all(map(_CODE.fullmatch, codes)) and not all(map(str.isdecimal, codes)):
        return codes
    return [piece for part in text.split("|") for piece in _AFTER_ENDING.split(part)]


def _picture(text: str) -> CellPicture:
    if text[:5].casefold() == "data:" or _BASE64.fullmatch(text):
        return CellPicture("address", "", _INSIDE)
    if text.startswith(UPLOADED):
        return CellPicture("address", text)
    if match := _FILE_ADDRESS.match(text):
        return _file(unquote(text[match.end() :]))
    if text.startswith("//") and "." in text.split("/")[2]:
        return _address("https:" + text)
    if _SCHEME.match(text):
        return _address(text)
    if match := _WORDS_BEFORE.match(text):
        picture = _address(text[match.end() :])
        return replace(picture, note=picture.note or f"{match[0]} before it is left out")
    if match := _BROKEN_SCHEME.match(text):
        picture = _address(match[1] + "://" + text[match.end() :].replace("\\", "/"))
        return replace(picture, note=picture.note or "its slashes are corrected")
    return _without_scheme(text)


def _without_scheme(text: str) -> CellPicture:
    host, slash, _ = text.partition("/")
    if slash and _is_host(host) and "\\" not in host:
        picture = _address("https://" + text)
        note = "lacks https://, which is assumed"
        return replace(picture, note=picture.note or note)
    return _file(text)


def _is_host(text: str) -> bool:
    match = _HOST.fullmatch(text)
    if not match:
        return False
    top = (match["top"] or "").casefold()
    if match["port"] or not top or text.casefold().startswith("www."):
        return True
    return len(top) == 2 or top in _TOPS


def _address(text: str) -> CellPicture:
    bare = _WORDS_BEHIND.sub("", text)
    bare = bare if ending_of(bare) in ENDINGS else text
    plain = bare.replace("&amp;", "&")
    spaceless = "%20".join(plain.split())
    note = "a space in it is read as %20" if spaceless != plain else None
    if bare != text:
        note = f"{text[len(bare) :].strip()} behind it is left out"
    if plain != bare:
        note = "&amp; in it is read as &"
    link = direct(spaceless)
    if link.error:
        return CellPicture("address", "", link.error)
    return CellPicture("address", link.address, link.note or note)


def _file(text: str) -> CellPicture:
    path = text.replace("\\", "/")
    if not path_parts(path):
        return CellPicture("file", "", error="names no picture")
    return CellPicture("file", path)


def path_parts(path: str) -> list[str]:
    """The folders and the name of a path, without its drive and parts like `.` and `..`."""
    parts = (part.strip() for part in path.replace("\\", "/").split("/"))
    return [part for part in parts if part not in ("", ".", "..", "~") and part[1:] != ":"]
