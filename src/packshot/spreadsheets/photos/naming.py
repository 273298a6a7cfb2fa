"""The pattern by which SKU and view are read from a photo's path, as the user gives it.

A pattern is a text with `{sku}`, `{view}` and `{any}`, such as `{sku}_{view}` or `{sku}/{view}`;
` | ` separates alternatives, of which the first that fits is used. A pattern is never evaluated,
nor made into a regular expression.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from packshot.errors import SpreadsheetError
from packshot.spreadsheets.fields import LONGEST
from packshot.spreadsheets.photo_files import stem_of
from packshot.spreadsheets.photos.machine_names import is_machine_name
from packshot.spreadsheets.photos.views import read_view

_LONGEST: Final = 200
_HOLES: Final = ("sku", "view", "any")
_OR: Final = "|"
FOLDER: Final = "{sku}/{view}"
PLAIN: Final = "{sku}"
#: Words that are not a SKU: what cameras and phones write before a number, usual folder names.
_NO_SKUS: Final = frozenset(
    (
        *("img", "dsc", "dscn", "dscf", "pxl", "vid", "mvi", "photo", "image", "pic", "picture"),
        *("scan", "screenshot", "untitled", "file", "foto", "bild", "p", "picsart", "gopr"),
        *("photos", "images", "pics", "pictures", "fotos", "bilder", "dcim", "camera", "raw"),
        *("inbox", "incoming", "upload", "uploads", "downloads", "desktop", "products", "new"),
        *("originals", "raw photos", "raw images", "product photos", "product images"),
        *("web", "print", "hires", "hi-res", "highres", "high res", "lowres", "low res"),
        *("edited", "retouched", "selects", "export", "exports", "final", "finals", "output"),
        *("jpg", "jpeg", "jpegs", "png", "tif", "tiff", "heic", "webp"),
    )
)
#: A day as photographers and cameras name folders and photos: 2026-11-01, 01.11.2026.
_DAY: Final = (
    r"(?:19|20)\d\d([-_.])(?:0[1-9]|1[0-2])\1[0-3]\d"
    r"|[0-3]\d([-_.])(?:0[1-9]|1[0-2])\2(?:19|20)\d\d"
)
#: Folders of a card (JEITA's DCF: a number and five characters of the maker), days and sizes.
_NO_SKU_FOLDER: Final = re.compile(
    rf"1\d\d(?:apple|canon|andro|media|msdcf|olymp|nikon|nc[dz]\w\w|_fuji|_pana|gopro)|{_DAY}"
    r"|\d{2,5}x\d{2,5}(?:px)?|\d{2,4}[ _-]?(?:dpi|ppi|px)",
    re.IGNORECASE,
)
#: A year, perhaps with a month or a day, after a word too: 2026, 2026-11, 20261130, SS2026.
_YEAR_OR_MONTH: Final = re.compile(
    r"[^\W\d_]*[-_. ]?(?:19|20)\d\d(?:[-_.]?\d\d){0,2}|\d{1,2}[-_.]\d{1,2}[-_.]\d{2,4}"
)
_NO_LETTERS: Final = re.compile(r"[\W\d_]+")


def is_no_sku(text: str) -> bool:
    """Whether a name is a camera's, a usual folder's or a view's: many products have photos with
    that name, which would all become views of one SKU."""
    text = text.strip()
    if text.casefold() in _NO_SKUS or _NO_SKU_FOLDER.fullmatch(text) or is_machine_name(text):
        return True
    return len(text) > 1 and not any(map(str.isdecimal, text)) and bool(read_view(text))


def may_be_sku(text: str) -> bool:
    """Whether a name has a digit and is no view, and not a camera's or a usual folder's."""
    return any(map(str.isdecimal, text)) and not (read_view(text) or is_no_sku(text))


def may_be_sku_folder(folder: str) -> bool:
    """Whether a folder may be named by a SKU with a digit, and not by a time or a usual word."""
    letters = _NO_LETTERS.sub(" ", folder).strip().casefold()
    dated = _YEAR_OR_MONTH.fullmatch(folder) or is_no_sku(folder)
    return any(map(str.isdecimal, folder)) and letters not in _NO_SKUS and not dated


def looks_like_sku(folder: str) -> bool:
    """Whether such a folder has a SKU's form: `SHOE-1` or `00123`, not `shoot 3` or `12`."""
    return may_be_sku(folder) and folder == folder.upper() and " " not in folder


@dataclass(frozen=True)
class NameParts:
    """The SKU and view that a photo's path gives."""

    sku: str
    view: str | None = None


@dataclass(frozen=True)
class Pattern:
    """The pattern that the user sees and changes, and its alternatives in order."""

    source: str
    alternatives: tuple[Alternative, ...]

    def read(self, path: str) -> NameParts | None:
        """SKU and view of a photo by the first alternative that its path fits, if one does."""
        return next((named for one in self.alternatives if (named := one.read(path))), None)


@dataclass(frozen=True)
class Alternative:
    """`holes` alternate with `texts`: text, hole, text, hole, ..., text."""

    source: str
    texts: tuple[str, ...]
    holes: tuple[str, ...]

    @property
    def folders(self) -> int:
        return self.source.count("/")

    def read(self, path: str) -> NameParts | None:
        """SKU and view of a photo; None where its path does not fit."""
        *folders, _ = parts = [part for part in path.split("/") if part] or [""]
        if len(folders) < self.folders:
            return None
        subject = "/".join([*parts[len(folders) - self.folders : -1], stem_of(path)])
        found = self._split(subject)
        if found is None or is_no_sku(found["sku"]):
            return None
        if "view" not in found:
            return NameParts(found["sku"])
        view = read_view(found["view"])
        if not view and self.source.endswith("/{view}"):  # any name is allowed in a SKU's folder
            view = found["view"][: LONGEST["view"]]
        if view == "" and any(map(str.isalnum, found["view"])):  # only a size, as A1-1024x768
            return NameParts(found["sku"])
        return NameParts(found["sku"], view) if view else None

    def _split(self, subject: str) -> dict[str, str] | None:
        """Find each text from the right, so that a SKU may contain the pattern's own characters."""
        if not subject.endswith(self.texts[-1]) or not subject.startswith(self.texts[0]):
            return None
        rest = subject[len(self.texts[0]) : len(subject) - len(self.texts[-1])]
        found: dict[str, str] = {}
        for text, hole in zip(self.texts[-2:0:-1], self.holes[:0:-1], strict=True):
            rest, border, value = rest.rpartition(text)
            if not border or not value or (hole != "any" and "/" in value):
                return None
            found[hole] = value
        if not rest or "/" in rest:
            return None
        return found | {self.holes[0]: rest}


def parse_pattern(source: str) -> Pattern:
    """Raises SpreadsheetError, which says what a pattern may contain."""
    if len(source) > _LONGEST:
        raise SpreadsheetError(f"the pattern of names has more than {_LONGEST} characters")
    return Pattern(source.strip(), tuple(_alternative(part.strip()) for part in source.split(_OR)))


def _alternative(source: str) -> Alternative:
    texts, holes = [""], []
    rest = source
    while rest:
        text, brace, rest = rest.partition("{")
        texts[-1] += text
        if brace:
            hole, brace, rest = rest.partition("}")
            if not brace or hole not in _HOLES:
                raise SpreadsheetError(
                    "the pattern of names may only contain {sku}, {view} and {any}"
                )
            holes.append(hole)
            texts.append("")
    if holes.count("sku") != 1 or holes.count("view") > 1:
        raise SpreadsheetError(
            "the pattern of names must contain {sku} once, and {view} at most once"
        )
    if not all(texts[1:-1]):
        raise SpreadsheetError(
            "the pattern of names needs a sign between two parts, such as {sku}_{view}"
        )
    return Alternative(source, tuple(texts), tuple(holes))


def are_folders_skus(paths: Sequence[str]) -> bool:
    """Whether most photos are named by view (`A1/01.jpg`), by a camera or as in other folders, or
    several folders have a photo of the same view."""
    folders: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        folders[stem_of(path).casefold()].add(path.rpartition("/")[0])
    repeated = {stem for stem, where in folders.items() if len(where) > 1}
    if any(is_no_sku(stem) or read_view(stem) for stem in repeated):
        return True
    if 2 * _count_named_by_view(paths) > len(paths):
        return True
    several = len(set().union(*folders.values())) > 1
    alike = sum(
        several and (stem_of(path).casefold() in repeated or _is_camera_in_sku(path))
        for path in paths
    )
    return 2 * alike > len(paths)


def find_inner_folders(paths: Iterable[str]) -> frozenset[str]:
    """The folders of parts of products, such as `large` in `S1/large/1.jpg` beside `S2/large`, or
    `more` in `S1/more/3.jpg` beside `S1/1.jpg`: a SKU's folder holds them. They have no digit, and
    all folders in such a SKU's folder are like them."""
    inside: dict[str, set[str]] = defaultdict(set)
    named_by_view: set[str] = set()
    for path in paths:
        *folders, name = path.split("/")
        if len(folders) > 1 and may_be_sku_folder(folders[-2]):
            inside[folders[-2]].add(folders[-1])
        if folders and read_view(stem_of(name)):
            named_by_view.add(folders[-1])
    counts = Counter(folder for each in inside.values() for folder in each)
    others = set[str]()
    for parent, each in inside.items():
        direct = parent in named_by_view and looks_like_sku(parent)
        if any(map(may_be_sku, each)) or not (direct or all(counts[one] > 1 for one in each)):
            others |= each
    return frozenset(counts.keys() - others)


def _is_camera_in_sku(path: str) -> bool:
    """Whether a camera's name lies in a folder that may be a SKU: a category rarely has a digit."""
    folder = path.rpartition("/")[0].rpartition("/")[2]
    has_digit = any(map(str.isdecimal, folder))
    return has_digit and not is_no_sku(folder) and is_no_sku(stem_of(path))


def _count_named_by_view(paths: Sequence[str]) -> int:
    """Count the names that are views; a letter is a view only if its folder also has `a`."""
    by_hand = [path for path in paths if not is_machine_name(stem_of(path))]
    views = [(path.rpartition("/")[0], read_view(stem_of(path))) for path in by_hand]
    lettered = {folder for folder, view in views if view == "a"}
    letters = [folder in lettered for folder, view in views if view and _is_letter(view)]
    others = [view for _, view in views if view and not _is_letter(view)]
    return sum(letters) + len(others)


def _is_letter(view: str) -> bool:
    return len(view) == 1 and view.isalpha()


def short_paths(photos: Sequence[str]) -> dict[str, str]:
    """Each photo's path without the folders that all share, see `_common_depth`."""
    depth = _common_depth(photos)
    return {photo: photo.split("/", depth)[-1] for photo in photos}


def _common_depth(photos: Sequence[str]) -> int:
    """How many leading folders all photos share, up to one whose photos, perhaps in folders of
    views, are mostly named only by their view: that folder is the SKU."""
    folders = [photo.split("/")[:-1] for photo in photos]
    names = [read_view(stem_of(photo)) for photo in photos]
    depth = 0
    for tops in zip(*folders, strict=False):
        direct = [
            bool(name)
            for parts, name in zip(folders, names, strict=True)
            if all(map(is_no_sku, parts[depth + 1 :]))
        ]
        by_view = any(direct) and 2 * sum(direct) >= len(direct)
        if len(set(tops)) > 1 or by_view or len(direct) == len(photos):
            break
        depth += 1
    return depth
