"""Photos and the products they show, found by the photos' names."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from packshot.spreadsheets.naming import Named, Pattern, parse_pattern, propose_pattern
from packshot.spreadsheets.photo_files import is_system_file, stem_of, why_not_a_photo
from packshot.spreadsheets.photo_views import SEPARATORS, read_view
from packshot.spreadsheets.picture_cells import path_parts
from packshot.spreadsheets.rows import LONGEST, ProductRow

#: As file systems have them; the cost of comparing grows with the length.
_LONGEST_NAME: Final = 255
_LONGEST_PATH: Final = 1_024
_LOOSE: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Match:
    """A photo and the product to create from it. `hint` says what differs, if anything does."""

    photo: str
    product: ProductRow
    hint: str | None = None


@dataclass(frozen=True)
class Ambiguous:
    """A photo that could show several products, or perhaps one; a person decides."""

    photo: str
    skus: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Missing:
    """A row whose photo did not come, by what it would have been found."""

    row: int
    wanted: str


@dataclass(frozen=True)
class LeftOut:
    """A file that becomes no product, and why."""

    file: str
    why: str


@dataclass(frozen=True)
class Photos:
    """What becomes of every file given. `pattern` is what SKU and view were read by without a
    spreadsheet, else None; `system_files` counts what operating systems leave in folders."""

    matched: tuple[Match, ...] = ()
    ambiguous: tuple[Ambiguous, ...] = ()
    missing: tuple[Missing, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    system_files: int = 0
    pattern: str | None = None


def sort_files(files: Iterable[str]) -> tuple[list[str], list[LeftOut], int]:
    """Photos, what is left out and why, and how many files of operating systems there were."""
    photos: list[str] = []
    left_out: list[LeftOut] = []
    system_files = 0
    for file in files:
        if is_system_file(file):
            system_files += 1
        elif len(file) > _LONGEST_PATH or len(stem_of(file)) > _LONGEST_NAME:
            left_out.append(LeftOut(file[:_LONGEST_NAME], "has a name that is too long"))
        elif why := why_not_a_photo(file):
            left_out.append(LeftOut(file, why))
        else:
            photos.append(file)
    return photos, left_out, system_files


def name_photos(files: Sequence[str], defaults: ProductRow, pattern: str | None = None) -> Photos:
    """Without a spreadsheet: one product a photo, its SKU and view by the pattern, or by the one
    that most names fit. A name that does not fit is a SKU as a whole.

    `defaults` has the fields that all products share. Raises SpreadsheetError for a bad pattern.
    """
    photos, left_out, system_files = sort_files(files)
    parsed = parse_pattern(pattern or propose_pattern(photos))
    matched = _with_doubles_told([_named(photo, parsed, defaults) for photo in photos])
    return Photos(matched, (), (), tuple(left_out), system_files, parsed.source)


def _named(photo: str, pattern: Pattern, defaults: ProductRow) -> Match:
    named = pattern.read(photo)
    hint = None
    if named is None:
        named = Named(stem_of(photo))
        if "{view}" not in pattern.source:
            hint = f"the name does not fit {pattern.source}"
    sku = named.sku.strip()
    if len(sku) > LONGEST["sku"]:
        hint, sku = f"the name has more than {LONGEST['sku']} characters and gives no SKU", ""
    filename = photo.rsplit("/", 1)[-1]
    row = replace(defaults, sku=sku or None, view=named.view, filename=filename, path=photo)
    return Match(photo, row, hint)


def match_photos(files: Sequence[str], rows: Sequence[ProductRow]) -> Photos:
    """With a spreadsheet: each photo goes to the row that names its file, else to the row of its
    SKU, the longest SKU that its name or folder begins with.

    Several photos of one row are products of their own, told apart by their views. The cost grows
    with the length of the names, not with photos times SKUs.
    """
    photos, left_out, system_files = sort_files(files)
    finder = _Finder(photos, rows)
    for row in rows:
        finder.take_named(row)
    for photo in photos:
        if photo not in finder.taken:
            finder.take_by_sku(photo)
    return Photos(
        _with_doubles_told(finder.matched),
        tuple(finder.ambiguous),
        tuple(finder.missing()),
        (*left_out, *finder.left_out),
        system_files,
    )


def _with_doubles_told(matches: Sequence[Match]) -> tuple[Match, ...]:
    """A photo whose SKU and view another one has: perhaps it is the same photo twice."""
    first: dict[tuple[str, str | None], str] = {}
    told = []
    for match in matches:
        sku, view = match.product.sku, match.product.view
        other = first.setdefault((sku, view), match.photo) if sku else match.photo
        if other != match.photo:
            match = replace(match, hint=f"has the same SKU and view as {other}")
        told.append(match)
    return tuple(told)


def _same(text: str) -> str:
    """Macs write an accent as a sign of its own."""
    return unicodedata.normalize("NFC", text)


def _caseless(text: str) -> str:
    return _same(text).casefold()


def _loose(text: str) -> str:
    """A name can't hold every sign of a SKU: A/12 becomes A-12 or A_12."""
    return _LOOSE.sub("-", _caseless(text)).strip("-")


#: How names are compared, the most exact first, and what is said of a match.
_WAYS: Final = (
    (_same, None),
    (_caseless, "small and capital letters differ"),
    (_loose, "signs such as - and _ differ"),
)


@dataclass(frozen=True)
class _Fit:
    """A SKU that a photo's name fits: the view it leaves, or None where it leaves other words."""

    sku: str
    view: str | None
    length: int
    hint: str | None
    rest: str = ""


class _Skus:
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

    def fits(self, name: str) -> list[_Fit]:
        """The longest SKU that the name begins with and that leaves a view; else the longest that
        leaves other words. Several where they differ only in what the way ignores."""
        unsure: list[_Fit] = []
        for (key, hint), table in zip(_WAYS, self._ways, strict=True):
            for cut in _cuts(name):
                skus = table.get(key(name[:cut]))
                if not skus:
                    continue
                view = read_view(name[cut:])
                found = [_Fit(sku, view, cut, hint, name[cut:]) for sku in skus]
                if view is not None:
                    return found
                unsure = unsure or found
        return unsure


def _cuts(name: str) -> Iterator[int]:
    """Where a SKU may end: at the name's end and before each separator, the longest first.

    A Mac writes each accented letter of a SKU as two characters.
    """
    for cut in range(min(len(name), LONGEST["sku"] * 2), 0, -1):
        if cut == len(name) or (name[cut] in SEPARATORS and name[cut - 1] not in " "):
            yield cut


class _Finder:
    """Collects what becomes of each photo."""

    def __init__(self, photos: Sequence[str], rows: Sequence[ProductRow]) -> None:
        self.taken: set[str] = set()
        self.matched: list[Match] = []
        self.ambiguous: list[Ambiguous] = []
        self.left_out: list[LeftOut] = []
        self._rows = rows
        self._served: set[int] = set()
        self._by_sku: dict[str, list[ProductRow]] = defaultdict(list)
        self._places = {id(row): place for place, row in enumerate(rows)}
        for row in rows:
            if row.sku:
                self._by_sku[row.sku].append(row)
        self._skus = _Skus(self._by_sku)
        self._files = [_files_by(key, photos) for key, _ in _WAYS[:2]]
        self._stems = _files_by(lambda name: _caseless(stem_of(name)), photos)

    # -- rows that name a file -------------------------------------------------------------------

    def take_named(self, row: ProductRow) -> None:
        if not row.path:
            return
        candidates, hint = self._named(row.path)
        best = _nearest(row, candidates)
        if len(best) > 1:
            why = f"row {row.row} names {row.filename}, and {len(best)} photos have this name"
            for photo in best:
                if photo not in self.taken:
                    self.taken.add(photo)
                    self.ambiguous.append(Ambiguous(photo, (row.sku,) if row.sku else (), why))
            self._served.add(self._places[id(row)])
        elif best:
            self._take(best[0], row, row.view, hint)

    def _named(self, path: str) -> tuple[Sequence[str], str | None]:
        name = path_parts(path)[-1]
        for table, (key, hint) in zip(self._files, _WAYS[:2], strict=True):
            if found := table.get(key(name)):
                return found, hint
        if found := self._stems.get(_caseless(stem_of(name))):
            return found, "the endings differ"
        return (), None

    def _take(self, photo: str, row: ProductRow, view: str | None, hint: str | None) -> None:
        self.taken.add(photo)
        self._served.add(self._places[id(row)])
        filename = photo.rsplit("/", 1)[-1]
        product = replace(row, raw_image=None, path=photo, filename=filename, view=view)
        self.matched.append(Match(photo, product, hint))

    # -- photos whose name holds a SKU -----------------------------------------------------------

    def take_by_sku(self, photo: str) -> None:
        *folders, _ = parts = path_parts(photo) or [photo]
        by_name = self._skus.fits(stem_of(photo))
        by_folder = self._by_folder(folders, stem_of(parts[-1]))
        sure = [fit for fit in by_name if fit.view is not None]
        named_only_a_view = bool(read_view(stem_of(photo)))
        if by_folder and (named_only_a_view or not sure):
            fits = by_folder
        elif by_folder and {fit.sku for fit in by_folder} != {fit.sku for fit in sure}:
            fits = [*sure, *by_folder]
        else:
            fits = sure or by_name
        self._judge(photo, fits)

    def _by_folder(self, folders: Sequence[str], stem: str) -> list[_Fit]:
        """The deepest folder that is a SKU; what lies below it is the view."""
        for depth in range(len(folders) - 1, -1, -1):
            found = [fit for fit in self._skus.fits(folders[depth]) if fit.view is not None]
            if not found:
                continue
            below = "-".join([*folders[depth + 1 :], stem])
            view = read_view(below)
            if view is None:  # any name may stand in a SKU's folder
                own = [fit for fit in self._skus.fits(stem) if fit.sku == found[0].sku]
                view = own[0].view if own and own[0].view else below[: LONGEST["view"]]
            return [replace(fit, view=_joined(fit.view, view)) for fit in found]
        return []

    def _judge(self, photo: str, fits: Sequence[_Fit]) -> None:
        skus = tuple(dict.fromkeys(fit.sku for fit in fits))
        if not skus:
            self.left_out.append(LeftOut(photo, "its name fits no SKU of the spreadsheet"))
        elif len(skus) > 1:
            self.ambiguous.append(Ambiguous(photo, skus, "its name fits several SKUs"))
        elif fits[0].view is None:
            rest = fits[0].rest.strip(SEPARATORS)
            why = f"its name begins with a SKU, but {rest!r} is no view that is known"
            self.ambiguous.append(Ambiguous(photo, skus, why))
        else:
            self._take_fit(photo, fits[0])

    def _take_fit(self, photo: str, fit: _Fit) -> None:
        rows = self._by_sku[fit.sku]
        same_view = [row for row in rows if row.view and _caseless(row.view) == fit.view]
        waiting = [row for row in rows if not row.raw_image and not row.path]
        row = (same_view or waiting or rows)[0]
        self._take(photo, row, (row.view if same_view else fit.view) or None, fit.hint)

    # -- rows without a photo --------------------------------------------------------------------

    def missing(self) -> Iterator[Missing]:
        served_skus = {self._rows[place].sku for place in self._served}
        told: set[str] = set()
        for place, row in enumerate(self._rows):
            if row.raw_image or place in self._served:
                continue
            if row.path:
                yield Missing(row.row, row.path)
            elif row.sku and row.sku not in served_skus | told:
                told.add(row.sku)
                yield Missing(row.row, row.sku)


def _joined(first: str | None, second: str) -> str:
    return "-".join(filter(None, (first, second)))[: LONGEST["view"]]


def _files_by(key: Callable[[str], str], photos: Sequence[str]) -> Mapping[str, list[str]]:
    """The photos by the keys of their names without folders."""
    table: dict[str, list[str]] = defaultdict(list)
    for photo in photos:
        table[key(photo.rsplit("/", 1)[-1])].append(photo)
    return table


def _nearest(row: ProductRow, photos: Sequence[str]) -> list[str]:
    """The photos whose folders agree longest with the path of the row, or else with its SKU."""
    if len(photos) < 2:
        return list(photos)
    wanted = path_parts(row.path or "")
    agreement = {photo: _agreement(path_parts(photo), wanted) for photo in photos}
    most = max(agreement.values())
    best = [photo for photo in photos if agreement[photo] == most]
    if len(best) > 1 and row.sku:
        in_folder = [photo for photo in best if row.sku in path_parts(photo)[:-1]]
        best = in_folder or best
    return best


def _agreement(path: Sequence[str], wanted: Sequence[str]) -> int:
    count = 0
    for own, other in zip(reversed(path), reversed(wanted), strict=False):
        if _caseless(own) != _caseless(other):
            break
        count += 1
    return count
