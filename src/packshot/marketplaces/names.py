"""Names exported pictures by a template: safe on every file system, and no name is used twice."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import PurePosixPath
from typing import Final

FIELDS: Final = ("sku", "n", "view", "name", "id", "title", "category", "code")
LONGEST_TEMPLATE: Final = 200
#: Bytes of UTF-8 of one name: 255 are allowed everywhere; the rest is for a number and extension.
LONGEST_NAME: Final = 200
#: Bytes of each text in a name that is too long: its number and code must not be cut off.
_SHORTER: Final = (150, 100, 60, 30)
#: Not allowed in names by Windows, and the separators of paths
#: (learn.microsoft.com/windows/win32/fileio/naming-a-file).
_FORBIDDEN: Final = re.compile(r'[<>:"/\\|?*]')
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{n}" for port in ("com", "lpt") for n in (*range(10), "\u00b9", "\u00b2", "\u00b3")}
)
#: Files that a ZIP has beside its pictures: no picture or folder may have such a name.
MANIFEST: Final = "manifest.json"
SPREADSHEET: Final = "products.csv"
WORKBOOK: Final = "products.xlsx"
COMPLIANCE: Final = "compliance.csv"
LEFT_OUT: Final = "LEFT-OUT.txt"
_OWN: Final = frozenset(
    each.casefold() for each in (MANIFEST, SPREADSHEET, WORKBOOK, COMPLIANCE, LEFT_OUT)
)
#: Invisible characters that choose the form of the letters around them (Unicode 16, section 23.2).
JOINERS: Final = "\u200c\u200d"
#: MAIN and PT01 to PT08: Amazon accepts no more pictures of a SKU (seller central JV4FNMT7563SF5F).
MAX_CODES: Final = 9
#: With a name of LONGEST_NAME bytes each, a path stays below the 4,096 bytes of Linux.
MAX_FOLDERS: Final = 5
_ENDING: Final = re.compile(r"\.(jpe?g|png|webp|avif)$", re.IGNORECASE)
_NUMBER_FORMAT: Final = re.compile(r"0[1-9]")


@dataclass(frozen=True)
class NameTemplate:
    """A name as literal text and fields: (text, field or None, digits) piece by piece."""

    pieces: tuple[tuple[str, str | None, int], ...]

    @classmethod
    def parse(cls, text: str) -> NameTemplate:
        """Read `{sku}/{n:02}`; nothing in it is evaluated. Raises ValueError with a sentence."""
        if not 1 <= len(text) <= LONGEST_TEMPLATE:
            raise ValueError(f"must have 1 to {LONGEST_TEMPLATE} characters")
        try:
            parsed = list(string.Formatter().parse(text))
        except ValueError:
            raise ValueError(
                "has a brace without its partner; fields are written like {sku}"
            ) from None
        pieces = tuple(
            (literal, field, _digits(field, form, conversion))
            for literal, field, form, conversion in parsed
        )
        if not any(field for _, field, _ in pieces):
            raise ValueError(f"must have a field: {', '.join(f'{{{name}}}' for name in FIELDS)}")
        written = "".join(literal for literal, _, _ in pieces).replace("/", "")
        if forbidden := _FORBIDDEN.search(written):
            raise ValueError(
                f"has {forbidden[0]}, which can't be in a name; folders are {{sku}}/{{n}}"
            )
        literals = "".join(
            literal if field is None else f"{literal}x" for literal, field, _ in pieces
        )
        if literals.startswith("/") or any(part in ("", ".", "..") for part in literals.split("/")):
            raise ValueError("must name folders inside the ZIP, as in {sku}/{n}")
        if ending := _ENDING.search(text):
            raise ValueError(f"must not end with {ending[0]}: the file extension is added")
        if literals.count("/") > MAX_FOLDERS:
            raise ValueError(f"must have at most {MAX_FOLDERS} nested folders")
        return cls(pieces)

    def fill(self, values: Mapping[str, str | int]) -> str:
        """A path without its extension; each part is a valid file name on every system."""
        for most in (LONGEST_NAME, *_SHORTER):
            text = "".join(
                literal + (_value(values[field], digits, most) if field else "")
                for literal, field, digits in self.pieces
            )
            if all(len(part.encode()) <= LONGEST_NAME for part in text.split("/")):
                break
        return "/".join(_safe(part) for part in text.split("/"))


def _digits(field: str | None, form: str | None, conversion: str | None) -> int:
    if field is None:
        return 0
    if field not in FIELDS or conversion:
        raise ValueError(f"has an unknown field; known are {', '.join(FIELDS)}")
    if not form:
        return 0
    if field != "n" or not _NUMBER_FORMAT.fullmatch(form):
        raise ValueError("has a format that is not known; only {n:02} (digits of n) is")
    return int(form)


def _value(value: str | int, digits: int, most: int) -> str:
    """A value as a part of a path, a text of at most so many bytes: its slashes are replaced, so
    that it makes no folder."""
    if isinstance(value, int):
        return _in_digits(value, digits)
    return _FORBIDDEN.sub("-", value).encode()[:most].decode(errors="ignore")


def _in_digits(value: str | int, digits: int) -> str:
    return f"{value:0{digits}}" if isinstance(value, int) else value


def _safe(part: str) -> str:
    text = unicodedata.normalize("NFC", part)
    if text.isascii() and text.isprintable():
        text = _FORBIDDEN.sub("-", text)
    else:
        text = "".join(_safe_character(text[i - 1 : i], c) for i, c in enumerate(text))
    text = re.sub(r"\s+", " ", text).strip(" .").rstrip("_- .") or "picture"
    if text.partition(".")[0].rstrip().casefold() in _DEVICES or text.casefold() in _OWN:
        text = f"_{text}"
    return text.encode()[:LONGEST_NAME].decode(errors="ignore").rstrip(" .")


def _safe_character(before: str, c: str) -> str:
    """Drop invisible characters, except joiners inside a word, which Indic scripts need."""
    if c in JOINERS and before > "\x7f" and unicodedata.category(before)[0] in "LM":
        return c
    return "" if unicodedata.category(c)[0] == "C" else _FORBIDDEN.sub("-", c)


class UniqueNames:
    """The paths used so far; two that differ only in case or Unicode form count as equal."""

    def __init__(self, template: NameTemplate) -> None:
        self._template = template
        self._given: set[str] = set()

    def give(self, values: Mapping[str, str | int], ending: str) -> str:
        """The template's path. If another picture has it already, the number within the SKU is
        added (JAR-9_2); if that is taken too, or is 1, the product's id."""
        path = self._template.fill(values)
        candidates = (f"{path}{mark}{ending}" for mark in _marks(values))
        given = next(filter(self._is_free, candidates))
        self._given.add(_fold(given))
        return given

    def reason_without_name(self, n: int) -> str | None:
        """Why the n-th picture of a SKU can't get a name; None if it can."""
        if not self._is_coded or n <= MAX_CODES:
            return None
        return f"it is number {n} of its SKU, and Amazon accepts only {MAX_CODES}"

    def name_for_amazon(self, values: Mapping[str, str | int]) -> str | None:
        """The name without extension that has the SKU as it is, by which Amazon finds its product;
        None if the template has no code of Amazon's."""
        if not self._is_coded:
            return None
        exact = "".join(
            literal + (_in_digits(values[field], digits) if field else "")
            for literal, field, digits in self._template.pieces
        )
        return unicodedata.normalize("NFC", exact)

    @property
    def _is_coded(self) -> bool:
        return any(field == "code" for _, field, _ in self._template.pieces)

    def _is_free(self, path: str) -> bool:
        return _fold(path) not in self._given


def _marks(values: Mapping[str, str | int]) -> Iterator[str]:
    """Suffixes to try one after the other until a name is free; endless."""
    yield ""
    if int(values.get("n", 1)) > 1:
        yield f"_{values['n']}"
    yield f"-{values['id']}"
    yield from (f"-{values['id']}-{number}" for number in count(2))


def _fold(path: str) -> str:
    return unicodedata.normalize("NFC", re.sub(f"[{JOINERS}]", "", path.casefold()))


def amazon_code(n: int) -> str:
    """Amazon's name of the n-th picture: MAIN, PT01, PT02, ... (seller central JV4FNMT7563SF5F)."""
    return "MAIN" if n == 1 else f"PT{n - 1:02}"


def own_stem(filename: str | None) -> str | None:
    """`photos\\IMG_1.JPG` -> `IMG_1`."""
    return PurePosixPath(filename.replace("\\", "/")).stem or None if filename else None
