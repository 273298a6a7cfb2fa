"""SKU and view from photos' own names, where neither a spreadsheet nor a pattern says more.

The longest SKU that fits wins, of those that Packshot has and those that photos surely name:
by `_`, ` (2)`, a folder, or a view's word. After a dash or a dot a number may be part of the SKU,
so it is a view only if the name before it is such a SKU: A1-2 beside A1, but BOTL-1 alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from packshot.spreadsheets.fields import LONGEST
from packshot.spreadsheets.photo_files import stem_of
from packshot.spreadsheets.photos.name_index import caseless, same_name
from packshot.spreadsheets.photos.name_readings import (
    BRACKETS,
    CLOSE_BRACKETS,
    JOINED,
    SPACE,
    SQUARE_BRACKETS,
    SURE,
    UNDERSCORE,
    VIEW_FIRST,
    Reading,
    ReadNames,
    by_form,
)
from packshot.spreadsheets.photos.naming import (
    FOLDER,
    NameParts,
    are_folders_skus,
    find_inner_folders,
    is_no_sku,
    looks_like_sku,
    may_be_sku,
    may_be_sku_folder,
    parse_pattern,
)
from packshot.spreadsheets.photos.views import (
    begins_with_copy,
    begins_with_side,
    begins_with_word,
    below_folder,
    is_of_files,
    names_no_side,
    read_view,
    view_apart,
    views_of_folders,
)
from packshot.spreadsheets.view_words import SEPARATORS

#: A view has at most four words, and perhaps a size.
_MAX_CUTS: Final = 6
_LAST_SIGN: Final = re.compile(r"[-_](?=[^-_]+\Z)")


def read_names(paths: Sequence[str], known: Collection[str] = ()) -> ReadNames:
    """Read every path, in the form in which Packshot saves SKUs. `known` are SKUs that Packshot
    has, see `possible_skus`."""
    composed = {path: same_name(path) for path in paths}
    exact = frozenset(known)
    spellings = _spellings(paths, exact)
    found = _read(list(dict.fromkeys(composed.values())), exact | spellings.keys())
    readings = {path: _in_full(found.readings[one], spellings) for path, one in composed.items()}
    return replace(found, readings=readings)


def _spellings(paths: Sequence[str], known: frozenset[str]) -> dict[str, str]:
    """The SKUs that Packshot has by the names that photos have for them: a file's name can't have
    a slash (47-12 is 47/12), and people write it in lower case. What fits two SKUs is none."""
    slashed = ((sku.replace("/", sign), sku) for sku in known if "/" in sku for sign in "-_")
    forms = by_form(slashed) | by_form((sku, sku) for sku in known)
    return {
        name: next(iter(skus))
        for name in (possible_skus(paths) if known else ())
        if name not in known and len(skus := forms.get(caseless(name), set())) == 1
    }


def _in_full(reading: Reading, spellings: Mapping[str, str]) -> Reading:
    """The reading with its SKU as Packshot writes it."""
    sku = spellings.get(reading.named.sku)
    return replace(reading, named=replace(reading.named, sku=sku)) if sku else reading


def _read(paths: Sequence[str], known: frozenset[str]) -> ReadNames:
    found = ReadNames()
    skus = dict.fromkeys(known, True)  # whether more than a number shows the SKU
    by_folder = are_folders_skus([path for path in paths if "/" in path])
    beside = _skus_beside_views(paths) | known
    inner = find_inner_folders(paths) - known
    repeated = _skus_of_two_folders(paths, inner, known) if by_folder else {}
    for path in paths:
        reading = (
            _read_folder(path, known, inner) if by_folder else _read_lone_folder(path, known, found)
        )
        reading = reading or _read_view_apart(stem_of(path), known, beside)
        reading = reading or _read_surely(stem_of(path), known)
        if reading:
            if reading.pattern == FOLDER and (both := repeated.get(path)):
                found.folders_repeated |= {} if both in known else {both: None}
                reading = replace(reading, named=replace(reading.named, sku=both))
            found.readings[path] = reading
            sku = reading.named.sku
            skus[sku] = skus.get(sku, False) or not _is_numbered(reading)
            _doubt_folder(path, reading, found)
    left = [path for path in paths if path not in found.readings]
    for sure in (True, False):  # a view's word first: it names another SKU for certain
        for path in sorted(left, key=lambda path: len(stem_of(path))):
            if path not in found.readings and (reading := _read_joined(path, skus, found, sure)):
                found.readings[path] = reading
                skus[reading.named.sku] = True
    for path, view in views_of_folders(paths).items():
        found.readings[path] = _below(view, found.readings[path])
    return found


def _is_numbered(reading: Reading) -> bool:
    """Whether only a number shows the SKU: CUP of `CUP_14`, which may be a SKU itself, as CUP-2."""
    named = reading.named
    has_digit = any(map(str.isdecimal, named.sku))
    return reading.pattern == UNDERSCORE and (named.view or "").isdecimal() and not has_digit


def _below(view: str, reading: Reading) -> Reading:
    """The reading of a photo in a view's folder."""
    if reading.pattern == FOLDER:  # has the view already
        return reading
    named = NameParts(reading.named.sku, below_folder(view, reading.named.view))
    return replace(reading, named=named)


def _doubt_folder(path: str, reading: Reading, found: ReadNames) -> None:
    """A name in a SKU's folder that may be a SKU itself: `red/A1.jpg`, `red/101.jpg`."""
    stem = stem_of(path)
    large = stem.isdecimal() and len(stem) > 2 and stem[0] != "0"
    if (large or may_be_sku(stem)) and reading.pattern == FOLDER and stem == reading.named.view:
        found.doubtful_folders.setdefault(stem, []).append(reading.named.sku)


def possible_skus(paths: Sequence[str]) -> list[str]:
    """The SKUs that the names may begin with: those among them that Packshot has are `known`."""
    skus: dict[str, None] = {}
    for path in map(same_name, paths):
        stem = stem_of(path)
        skus["/".join(path.split("/")[-3:-1])] = None
        folder, _ = _folder_of_sku(path)
        skus |= dict.fromkeys((stem.strip(), folder.strip()))
        skus |= dict.fromkeys(sku for sku, _ in _cuts(stem))
        if split := view_apart(stem):
            skus[split.rest] = None
    skus |= dict.fromkeys(_LAST_SIGN.sub("/", sku) for sku in list(skus))  # A-12 may be A/12
    skus |= dict.fromkeys(each for sku in list(skus) for each in (sku.upper(), sku.lower()))
    return [sku for sku in skus if 0 < len(sku) <= LONGEST["sku"] and not is_no_sku(sku)]


def _read_folder(path: str, known: Collection[str], inner: Collection[str] = ()) -> Reading | None:
    """The folder is the SKU, unless Packshot has only one that the name begins with."""
    folder, views = _folder_of_sku(path, inner)
    named = parse_pattern(FOLDER).read(f"{folder}/{path.rpartition('/')[2]}")
    stem = stem_of(path)
    if named is None or (named.sku not in known and _fit(stem, known)):
        return None
    if stem.startswith(named.sku) and (view := read_view(stem[len(named.sku) :])):
        named = NameParts(named.sku, view)
    view = "-".join(filter(None, (*views, named.view)))
    return Reading(NameParts(named.sku, view[: LONGEST["view"]] or None), FOLDER)


def _read_lone_folder(path: str, known: Collection[str], found: ReadNames) -> Reading | None:
    """Where folders are no SKUs in general: this one is, if Packshot has it or a camera's name lies
    in a folder of a SKU's form."""
    folder, _ = _folder_of_sku(path)
    stem = stem_of(path)
    if folder in known:
        return None if may_be_sku(stem) else _read_folder(path, known)
    if not (may_be_sku_folder(folder) and is_no_sku(stem)):
        return None
    if looks_like_sku(folder):
        found.folders_taken.add(folder)
        return _read_folder(path, known)
    found.folders_left.add(folder)
    return None


def _folder_of_sku(path: str, inner: Collection[str] = ()) -> tuple[str, list[str]]:
    """The deepest folder that may be a SKU, and the views that the folders below it name:
    `A1/front/1.jpg`, `A1/images/1.jpg`."""
    folders, views = path.split("/")[:-1], list[str]()
    while folders and (folders[-1] in inner or is_no_sku(folders[-1])):
        folder = folders.pop()
        views.insert(0, read_view(folder) or ("" if is_no_sku(folder) else folder))
    return (folders[-1] if folders else ""), views


def _skus_of_two_folders(
    paths: Sequence[str], inner: Collection[str], known: Collection[str]
) -> dict[str, str]:
    """The SKUs of photos in folders such as Red/S and Blue/S that hold photos of the same names: S
    alone would be one SKU with the photos of both. A folder that looks like a SKU is one; otherwise
    Packshot may have a SKU Red/S."""
    parents: dict[tuple[str, str], set[str]] = defaultdict(set)
    above: dict[str, tuple[str, str]] = {}
    for path in paths:
        folder, views = _folder_of_sku(path, inner)
        parts = path.split("/")[:-1]
        at = len(parts) - 1 - parts[::-1].index(folder) if folder else 0
        if at and not may_be_sku(folder) and not is_no_sku(parts[at - 1]):
            above[path] = parts[at - 1], folder
            parents[folder, "-".join((*views, stem_of(path).casefold()))].add(parts[at - 1])
    several = set[str]().union(*(each for each in parents.values() if len(each) > 1))
    return {
        path: f"{top}/{folder}"
        for path, (top, folder) in above.items()
        if f"{top}/{folder}" in known or (top in several and folder not in known)
    }


def _skus_beside_views(paths: Sequence[str]) -> frozenset[str]:
    """What stands beside several words for views: X1 of front_X1 and back_X1, or of X1front and
    X1back. A number, or what stands beside one word only, may be a part of a SKU: TOP-123 and
    BOTTOM-123."""
    views: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        if split := view_apart(stem_of(path)):
            views[split.rest].add(split.view)
    several = (rest for rest, words in views.items() if len(words) > 1)
    return frozenset(rest for rest in several if may_be_sku(rest) and not rest.isdecimal())


def _read_view_apart(stem: str, known: Collection[str], beside: Collection[str]) -> Reading | None:
    split = None if stem in known else view_apart(stem)
    if split is None or split.rest not in beside or is_no_sku(split.rest):
        return None
    return Reading(NameParts(split.rest, split.view), VIEW_FIRST.get(split.sign))


def _read_surely(stem: str, known: Collection[str]) -> Reading | None:
    """By a SKU that Packshot has, or by `_` or ` (2)` before the view; the longer SKU wins."""
    of_known = _fit(stem, known)
    if of_known and of_known.named.sku == stem:
        return of_known
    if is_no_sku(stem):  # FB_IMG_1 is not the SKU FB
        return Reading(NameParts(stem))
    sure = _read_sign(stem)
    if of_known and not (sure and len(sure.named.sku) >= len(of_known.named.sku)):
        joined = _read_words(stem)
        if not (joined and len(joined.named.sku) > len(of_known.named.sku)):
            return of_known
    return sure


def _read_sign(stem: str) -> Reading | None:
    found: Reading | None = None
    for sku, rest in _cuts(stem):
        reading = _reading(sku, rest)
        if reading is None:
            continue
        if found is None and reading.pattern in SURE:
            found = reading
        elif found and begins_with_word(rest) and found.pattern in (reading.pattern, SPACE):
            found = reading  # A1_left_2, A1_left copy
        elif found and reading.pattern == found.pattern and is_of_files(found.named.view):
            found = reading  # A1_2_edited, A1_2_1600px
        elif found and begins_with_copy(rest):
            found = reading  # A1 - Kopie (2)
        elif found:
            break
    return found


def _read_words(stem: str) -> Reading | None:
    """By a view's word, or a size, after a dash or a dot; `-back-view` are two of one view."""
    found: Reading | None = None
    for sku, rest in _cuts(stem):
        reading = _reading(sku, rest)
        if not reading or not reading.sure:
            continue
        if found is None or may_be_sku(sku) or names_no_side(found.named.view or ""):
            found = reading
    return found


def _read_joined(
    path: str, skus: Mapping[str, bool], found: ReadNames, sure: bool
) -> Reading | None:
    stem = stem_of(path)
    if sure:
        return None if stem in skus else _read_words(stem)
    fit = _fit(stem, skus)
    if fit and fit.named.view and not skus[fit.named.sku]:
        fit = None
    if fit is None:
        for sku, rest in _cuts(stem)[:1]:
            if _reading(sku, rest):
                found.doubtful.setdefault(sku, []).append(stem)
    return fit or Reading(NameParts(stem))


def _fit(stem: str, skus: Collection[str]) -> Reading | None:
    """The longest of these SKUs that the name begins with and whose rest is a view."""
    if stem.strip() in skus:
        return Reading(NameParts(stem.strip()))
    readings = (_reading(sku, rest) for sku, rest in _cuts(stem) if sku in skus)
    return next(filter(None, readings), None)


def _cuts(stem: str) -> list[tuple[str, str]]:
    """The ways to cut a view off a name, the longest SKU first."""
    cuts = (
        (stem[:cut].strip(), stem[cut:])
        for cut in range(len(stem) - 1, 0, -1)
        if stem[cut] in SEPARATORS and stem[cut - 1] not in " -_.(["
    )
    return list(islice(cuts, _MAX_CUTS))


def _reading(sku: str, rest: str) -> Reading | None:
    """A cut as a reading; None where the sign is none that precedes a view, or the rest is none."""
    sign = rest[: len(rest) - len(rest.lstrip(SEPARATORS))]
    pattern = _pattern_of(sign, rest)
    if sign == " " and begins_with_side(rest) and may_be_sku(sku):
        pattern = SPACE
    if pattern is None or is_no_sku(sku) or not any(map(str.isalnum, rest)):
        return None
    view = read_view(rest)
    if view is None:
        return None
    sure = pattern in SURE or not view or begins_with_word(rest)
    return Reading(NameParts(sku, view or None), pattern, sure)


def _pattern_of(sign: str, rest: str) -> str | None:
    if sign == " (" and rest.endswith(")"):
        return BRACKETS
    if sign == "(" and rest.endswith(")") and rest[1:-1].isdecimal():
        return CLOSE_BRACKETS
    if sign == "[" and rest.endswith("]") and rest[1:-1].isdecimal():
        return SQUARE_BRACKETS
    if sign == " " and begins_with_copy(rest):
        return SPACE
    signs = set(sign.strip())
    if signs == {"_"}:
        return UNDERSCORE
    return JOINED.get(signs.pop()) if len(signs) == 1 else None
