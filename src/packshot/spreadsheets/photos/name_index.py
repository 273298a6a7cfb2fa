"""Indexes that find photos' names, SKUs and files without searching through all of them."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from packshot.spreadsheets.photo_files import stem_of
from packshot.spreadsheets.photos.views import read_view
from packshot.spreadsheets.picture_cells import path_parts
from packshot.spreadsheets.table import INVISIBLE
from packshot.spreadsheets.view_words import SEPARATORS

_LOOSE: Final = re.compile(r"[\W_]+")
_NUMBER: Final = re.compile(r"\d{1,100}(?![^\W_])")
#: How many characters a name may have more than the SKU it means: `A__1` for A-1.
_MORE: Final = 10
#: The most folders above a photo that are compared with a path in a spreadsheet.
DEEPEST: Final = 6


def same_name(text: str) -> str:
    """The name in one form: Macs write an accent as a separate character, and invisible characters
    come with text that was copied."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", INVISIBLE.sub("", text)).replace("\u00a0", " ")


def caseless(text: str) -> str:
    return same_name(text).casefold()


def _loose(text: str) -> str:
    """A name in a loose form: file names can't hold every character, so A/12 is A-12 or A_12, and
    Japanese programs write the full-width Ａ１２."""
    text = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return _LOOSE.sub("-", caseless(text)).strip("-")


#: How names are compared, the most exact way first, with the note for a match.
_WAYS: Final = (
    (same_name, None),
    (caseless, None),
    (_loose, "signs such as - and _ differ"),
)


@dataclass(frozen=True)
class Fit:
    """A SKU that a photo's name begins with. `view` is what the rest says; None: other words."""

    sku: str
    view: str | None
    hint: str | None
    rest: str = ""


class Skus:
    """The SKUs of a spreadsheet, to be found at the beginning of a name."""

    def __init__(self, skus: Iterable[str]) -> None:
        self._ways: list[dict[str, list[str]]] = []
        known = list(dict.fromkeys(skus))
        for key, _ in _WAYS:
            table: dict[str, list[str]] = defaultdict(list)
            for sku in known:
                if key(sku):
                    table[key(sku)].append(sku)
            self._ways.append(dict(table))
        self._numbers: dict[str, list[str]] = defaultdict(list)
        for sku in known:
            if sku.isdecimal():
                self._numbers[sku.lstrip("0")].append(sku)
        self._longest = max((len(same_name(sku)) for sku in known), default=0)
        self._first_words = {key.partition("-")[0] for key in self._ways[-1]}

    def fits(self, name: str) -> list[Fit]:
        """The longest SKU that the name begins with and whose rest is a view; otherwise the longest
        with any rest. Several if they differ only in what the comparison ignores."""
        name = same_name(name)
        words = _loose(name[: self._longest + _MORE]).partition("-")
        if words[0] not in self._first_words:
            return []
        unsure: list[Fit] = []
        cuts = list(_cuts(name, self._longest + _MORE))
        for (key, hint), table in zip(_WAYS, self._ways, strict=True):
            for cut in cuts:
                skus = table.get(key(name[:cut]))
                if not skus:
                    continue
                view = read_view(name[cut:])
                found = [Fit(sku, view, hint, name[cut:]) for sku in skus]
                if view is not None:
                    return found
                unsure = unsure or found
        return unsure

    def inside(self, name: str) -> Sequence[str]:
        """SKUs that follow other words in the name: front_S1, IMG_S1_2."""
        for position, sign in enumerate(name):
            if sign in SEPARATORS:
                found = [fit.sku for fit in self.fits(name[position + 1 :]) if fit.view is not None]
                if found:
                    return found
        return ()

    def equal_except_zeros(self, name: str) -> Sequence[str]:
        """SKUs that equal the number at the name's beginning except for leading zeros, which
        spreadsheet programs drop."""
        number = _NUMBER.match(name)
        return self._numbers.get(number[0].lstrip("0"), ()) if number else ()

    def before_letter(self, name: str) -> Sequence[str]:
        """SKUs that end with a digit and are the name without its last letter: 1042 of 1042b."""
        if not name[-1:].isalpha() or not name[-2:-1].isdecimal():
            return ()
        return [fit.sku for fit in self.fits(name[:-1]) if fit.view == ""]


def view_of_file(filename: str | None, sku: str | None) -> str | None:
    """The view that a file's name has behind the SKU; None for any other name."""
    if not filename or not sku:
        return None
    fits = Skus([sku]).fits(stem_of(filename))
    return fits[0].view or None if fits else None


def _cuts(name: str, longest: int) -> Iterator[int]:
    """The positions where a SKU may end: the name's end and each separator, the longest first."""
    for cut in range(min(len(name), longest), 0, -1):
        if cut == len(name) or (name[cut] in SEPARATORS and name[cut - 1] not in " "):
            yield cut


class PhotoIndex:
    """Photos by their names and by the folders they are in."""

    def __init__(self, photos: Sequence[str]) -> None:
        self._tails: list[dict[tuple[str, ...], list[str]]] = []
        self._folders: list[dict[tuple[str, str], list[str]]] = []
        self._stems: dict[str, list[str]] = defaultdict(list)
        deepest = {photo: path_parts(photo)[-DEEPEST:] for photo in photos}
        for key, _ in _WAYS[:2]:
            tails: dict[tuple[str, ...], list[str]] = defaultdict(list)
            folders: dict[tuple[str, str], list[str]] = defaultdict(list)
            for photo, own in deepest.items():
                parts = tuple(map(key, own))
                for start in range(len(parts)):
                    tails[parts[start:]].append(photo)
                for folder in dict.fromkeys(parts[:-1]):
                    folders[folder, parts[-1]].append(photo)
            self._tails.append(dict(tails))
            self._folders.append(dict(folders))
        for photo in photos:
            self._stems[caseless(stem_of(photo))].append(photo)

    def find(self, path: str, sku: str | None) -> tuple[Sequence[str], str | None]:
        """The photos that a path in a spreadsheet means, and a hint when it differs. If several
        have its name: those whose folders agree with most of it, else those in a folder named
        `sku`."""
        own = path_parts(path)[-DEEPEST:]
        for (key, hint), tails, folders in zip(_WAYS, self._tails, self._folders, strict=False):
            parts = tuple(map(key, own))
            for start in range(len(parts)):
                if not (found := tails.get(parts[start:])):
                    continue
                if len(found) > 1 and sku and start == len(parts) - 1:
                    found = folders.get((key(sku), parts[-1])) or found
                return found, hint
        if found := self._stems.get(caseless(stem_of(own[-1]))):
            return found, "the endings differ"
        if (plain := unquote(path)) != path:  # as Notion writes it: my%20shoe.jpg
            return self.find(plain, sku)
        return (), None
