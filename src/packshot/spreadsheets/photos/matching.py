"""Matches photos with the products they show, by the photos' names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from packshot.spreadsheets.fields import LONGEST
from packshot.spreadsheets.photo_files import is_system_file, stem_of, why_not_a_photo
from packshot.spreadsheets.photos.name_index import DEEPEST, Fit, PhotoIndex, Skus
from packshot.spreadsheets.photos.names_alone import read_names
from packshot.spreadsheets.photos.naming import NameParts, is_no_sku, parse_pattern, short_paths
from packshot.spreadsheets.photos.near_names import NearNames
from packshot.spreadsheets.photos.views import (
    below_folder,
    read_view,
    view_apart,
    view_in,
    view_key_of_copy,
    views_of_folders,
)
from packshot.spreadsheets.picture_cells import path_parts
from packshot.spreadsheets.rows import LONGEST_PATH, NO_ROW, ProductRow
from packshot.spreadsheets.view_words import SEPARATORS, place_of_view, view_key

#: The most photos that may be mistyped: if more fit no SKU, they are others'.
_MOST_MISTYPED: Final = 1_000
#: The characters at the beginning of a name in which a SKU is searched after other words.
_SEARCHED_CHARACTERS: Final = 120
#: The most slashes of a SKU that are folders.
MAX_SLASHES: Final = 2
NO_FIT: Final = "its name fits no SKU of the spreadsheet"
_WITHOUT_ZEROS: Final = "its number is that of a SKU, except for leading zeros"
_LOST_ZEROS: Final = (
    "spreadsheet programs drop leading zeros: if its SKU has them, format that column as text and"
    " enter the SKU again; its number is that of a SKU without them"
)


@dataclass(frozen=True)
class Match:
    """A photo and the product to create from it. `hint` says what differs, if anything does."""

    photo: str
    product: ProductRow
    hint: str | None = None


@dataclass(frozen=True)
class Ambiguous:
    """A photo that could show several products, or perhaps one; a person decides which of `rows`
    it belongs to."""

    photo: str
    skus: tuple[str, ...]
    why: str
    rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class Missing:
    """A row without its photo, and the names it was searched by."""

    row: int
    wanted: str
    sku: str | None


@dataclass(frozen=True)
class LeftOut:
    """A file that does not become a product, and the reason."""

    file: str
    why: str

    @property
    def fits_no_row(self) -> bool:
        return self.why == NO_FIT


@dataclass(frozen=True)
class MatchedPhotos:
    """The result for every given file. Without a spreadsheet, `pattern` is how SKU and view were
    read from the names, else None, and `question` what only a person knows of them; `system_files`
    counts what operating systems leave in folders.
    """

    matched: tuple[Match, ...] = ()
    ambiguous: tuple[Ambiguous, ...] = ()
    missing: tuple[Missing, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    system_files: int = 0
    pattern: str | None = None
    question: str | None = None


def sort_files(files: Iterable[str]) -> tuple[list[str], list[LeftOut], int]:
    """The photos, the other files and why they are skipped, and the number of system files."""
    photos: list[str] = []
    left_out: list[LeftOut] = []
    system_files = 0
    for file in files:
        if is_system_file(file):
            system_files += 1
        elif len(file) > LONGEST_PATH or len(stem_of(file)) > LONGEST["filename"]:
            left_out.append(LeftOut(file[: LONGEST["filename"]], "has a name that is too long"))
        elif why := why_not_a_photo(file):
            left_out.append(LeftOut(file, why))
        else:
            photos.append(file)
    return photos, left_out, system_files


def name_photos(
    files: Sequence[str],
    defaults: ProductRow,
    pattern: str | None = None,
    known: Collection[str] = (),
) -> MatchedPhotos:
    """Without a spreadsheet: one product per photo, its SKU and view by the pattern, or as
    `read_names` finds them. A name that does not fit is a SKU as a whole.

    `defaults` has the fields that all products share, `known` are SKUs that Packshot has. Raises
    SpreadsheetError for a bad pattern.
    """
    photos, left_out, system_files = sort_files(files)
    if pattern:
        parsed, question = parse_pattern(pattern), None
        read = {photo: parsed.read(photo) for photo in photos}
        source = parsed.source
    else:
        short = short_paths(photos)
        found = read_names(list(short.values()), known)
        read = {photo: found.readings[short[photo]].named for photo in photos}
        source, question = found.pattern, found.question()
    named = [_match_by_name(photo, read[photo], source, defaults) for photo in photos]
    matched = _mark_doubles(_front_first(named))
    return MatchedPhotos(matched, (), (), tuple(left_out), system_files, source, question)


def _match_by_name(
    photo: str, named: NameParts | None, pattern: str, defaults: ProductRow
) -> Match:
    hint = None
    if named is None:
        named = NameParts(stem_of(photo))
        if "{view}" not in pattern:
            hint = f"the name does not fit {pattern}"
    sku = named.sku.strip()
    if is_no_sku(sku):
        hint, sku = "the name is a view's or a camera's, not a SKU", ""
    if len(sku) > LONGEST["sku"]:
        hint, sku = f"the name has more than {LONGEST['sku']} characters and is not a SKU", ""
    filename = photo.rsplit("/", 1)[-1]
    row = replace(defaults, sku=sku or None, view=named.view, filename=filename, path=photo)
    return Match(photo, row, hint)


def match_photos(
    files: Sequence[str],
    rows: Sequence[ProductRow],
    assigned: Mapping[str, str] = MappingProxyType({}),
) -> MatchedPhotos:
    """With a spreadsheet: each photo goes to the row that it is assigned to, else to the row that
    names its file, else to the row of its SKU, the longest that its name or folder begins with.

    Several photos of one row become several products, each with its view. The cost grows
    with the length of the names, not with photos times SKUs.
    """
    photos, left_out, system_files = sort_files(files)
    finder = _Finder(photos, rows)
    for photo in photos:
        if photo in assigned:
            finder.assign_by_hand(photo, assigned[photo])
    for row in rows:
        finder.assign_named(row)
    for photo in photos:
        if photo not in finder.taken:
            finder.take_by_sku(photo)
    finder.ask_for_nearly_named()
    return MatchedPhotos(
        _mark_doubles(_front_first(finder.matched)),
        tuple(finder.ambiguous),
        tuple(finder.missing()),
        (*left_out, *finder.left_out),
        system_files,
    )


def _front_first(matches: Sequence[Match]) -> list[Match]:
    """The photos of each row, and of each SKU without a spreadsheet, beside its first one and in
    the order of their views."""
    first: dict[tuple[int, str | None], int] = {}
    places = []
    for index, match in enumerate(matches):
        row, sku = match.product.row, match.product.sku
        group = first.setdefault((row, sku), index) if row or sku else index
        places.append((group, place_of_view(match.product.view), index))
    return [matches[index] for _, _, index in sorted(places)]


def _mark_doubles(matches: Sequence[Match]) -> tuple[Match, ...]:
    """Add a hint to a photo whose SKU and view another one has, or that is named as its copy: they
    may be the same photo."""
    first: dict[tuple[str, str], Match] = {}
    marked = []
    for match in matches:
        sku, view = match.product.sku, match.product.view
        other = first.setdefault((sku, view_key_of_copy(view)), match) if sku else match
        if view_key(other.product.view) != view_key(view):
            hint = f"is named as a copy of {other.photo}, and skipped if it is the same photo"
            match = replace(match, hint=hint)
        elif other is not match:
            match = replace(match, hint=f"has the same SKU and view as {other.photo}")
        marked.append(match)
    return tuple(marked)


class _Finder:
    """Collects the result for each photo."""

    def __init__(self, photos: Sequence[str], rows: Sequence[ProductRow]) -> None:
        self.taken: set[str] = set()
        self.matched: list[Match] = []
        self.ambiguous: list[Ambiguous] = []
        self.left_out: list[LeftOut] = []
        self._rows = rows
        self._with_photo: set[int] = set()
        self._by_sku: dict[str, list[ProductRow]] = defaultdict(list)
        self._by_number: dict[str, list[ProductRow]] = defaultdict(list)
        self._indexes = {id(row): index for index, row in enumerate(rows)}
        for row in rows:
            self._by_number[str(row.row)].append(row)
            if row.sku:
                self._by_sku[row.sku].append(row)
        self._skus = Skus(self._by_sku)
        self._files = PhotoIndex(photos)
        self._views_of_folders = views_of_folders(photos)
        self._doubted: set[int] = set()
        self._by_hand: set[str] = set()

    # -- photos that a person assigned -----------------------------------------------------------

    def assign_by_hand(self, photo: str, number: str) -> None:
        """Assign a photo; its view is the rest of its name beside the SKU. Of another name it is a
        word for a view; without one, the whole name of a further photo, which tells them apart."""
        self._by_hand.add(photo)
        row = self._row_without_photo(number)
        if row is None:
            self.taken.add(photo)
            why = "was left out by hand" if number == NO_ROW else f"there is no row {number} for it"
            self.left_out.append(LeftOut(photo, why))
            return
        fits = [fit for fit in self._skus.fits(stem_of(photo)) if fit.sku == row.sku]
        is_first = self._indexes[id(row)] not in self._with_photo
        rest = view_in(stem_of(photo)) or ("" if is_first else stem_of(photo))
        if fits:
            rest = fits[0].view or fits[0].rest.strip(SEPARATORS)
        view = row.view if row.path else rest[: LONGEST["view"]] or row.view
        self._take(photo, row, view, "assigned by hand")

    def _row_without_photo(self, number: str) -> ProductRow | None:
        """The first of a row's products that has no photo yet."""
        rows = self._by_number.get(number, [])
        waiting = [row for row in rows if self._indexes[id(row)] not in self._with_photo]
        return next(iter(waiting or rows), None)

    # -- rows that name a file -------------------------------------------------------------------

    def assign_named(self, row: ProductRow) -> None:
        if not row.path or self._indexes[id(row)] in self._with_photo:
            return
        if row.path.isdecimal() and any(fit.view == "" for fit in self._skus.fits(row.path)):
            return  # a number of photos; a photo with this name is that of a SKU
        candidates, hint = self._files.find(row.path, row.sku)
        if any(photo in self._by_hand for photo in candidates):
            candidates = [photo for photo in candidates if photo not in self._by_hand]
        if len(candidates) == 1:
            self._take(candidates[0], row, row.view, hint)
        elif candidates:
            self._with_photo.add(self._indexes[id(row)])
            self._doubt(row, candidates)

    def _doubt(self, row: ProductRow, candidates: Sequence[str]) -> None:
        if id(candidates) in self._doubted:  # another row names the same photos
            return
        self._doubted.add(id(candidates))
        why = f"row {row.row} names {row.filename}, and {len(candidates)} photos have this name"
        for photo in candidates:
            if photo not in self.taken:
                self.taken.add(photo)
                skus = (row.sku,) if row.sku else ()
                self.ambiguous.append(Ambiguous(photo, skus, why, (row.row,)))

    def _take(self, photo: str, row: ProductRow, view: str | None, hint: str | None) -> None:
        self.taken.add(photo)
        self._with_photo.add(self._indexes[id(row)])
        filename = photo.rsplit("/", 1)[-1]
        product = replace(row, raw_image=None, path=photo, filename=filename, view=view)
        self.matched.append(Match(photo, product, hint))

    # -- photos whose name contains a SKU --------------------------------------------------------

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
            fits = sure or by_name or self._across_folders(folders, stem_of(photo))
            fits = fits or self._beside_view(stem_of(photo)) or self._whole_name(parts[-1])
        self._judge(photo, fits or self._unsure_folder(folders))

    def _folder_fits(self, folders: Sequence[str], depth: int) -> list[Fit]:
        """The SKUs that a folder names, with those above it if one has slashes: Red/S."""
        name = folders[depth]
        several = self._across_folders(folders[:depth], name)
        slashed = [fit for fit in several if "/" in fit.sku and fit.view == ""]
        return slashed or [fit for fit in self._skus.fits(name) if fit.view is not None]

    def _across_folders(self, folders: Sequence[str], name: str) -> list[Fit]:
        """A SKU with slashes is folders and a name: AB/12.jpg."""
        for first in range(max(0, len(folders) - MAX_SLASHES), len(folders)):
            fits = self._skus.fits("/".join([*folders[first:], name]))
            if found := [fit for fit in fits if fit.view is not None]:
                return found
        return []

    def _whole_name(self, name: str) -> list[Fit]:
        """A SKU that is the name with its ending: A1.jpg."""
        return [fit for fit in self._skus.fits(name) if fit.view == ""]

    def _beside_view(self, stem: str) -> list[Fit]:
        """A SKU behind a word for a view, or right before one: front_A1.jpg, A1front.jpg."""
        split = view_apart(stem)
        fits = self._skus.fits(split.rest) if split else []
        return [replace(fit, view=split.view) for fit in fits if split and fit.view == ""]

    def _by_folder(self, folders: Sequence[str], stem: str) -> list[Fit]:
        """The deepest folder that is a SKU; what lies below it is the view."""
        for depth in range(len(folders) - 1, max(-1, len(folders) - 1 - DEEPEST), -1):
            found = self._folder_fits(folders, depth)
            if not found:
                continue
            below = "-".join([*folders[depth + 1 :], stem])
            view = read_view(below)
            if view is None:  # any name is allowed in a SKU's folder
                own = [fit for fit in self._skus.fits(stem) if fit.sku == found[0].sku]
                view = own[0].view if own and own[0].view else below[: LONGEST["view"]]
            return [replace(fit, view=_join_view(fit.view, view)) for fit in found]
        return []

    def _unsure_folder(self, folders: Sequence[str]) -> list[Fit]:
        """The deepest folder that begins with a SKU and continues with other words: A1 (Blue)."""
        deepest = reversed(folders[-DEEPEST:])
        return next(filter(None, map(self._skus.fits, deepest)), [])

    def _judge(self, photo: str, fits: Sequence[Fit]) -> None:
        skus = tuple(dict.fromkeys(fit.sku for fit in fits))
        if not skus and (alike := self._skus.equal_except_zeros(stem_of(photo))):
            self._ask(photo, alike, _LOST_ZEROS if stem_of(photo)[0] == "0" else _WITHOUT_ZEROS)
        elif not skus and (alone := self._skus.before_letter(stem_of(photo))):
            self._ask(photo, alone, "its name is a SKU with a letter behind it")
        elif not skus and (inside := self._skus.inside(stem_of(photo)[:_SEARCHED_CHARACTERS])):
            self._ask(photo, inside, "its name contains a SKU, but does not begin with it")
        elif not skus:
            self.left_out.append(LeftOut(photo, NO_FIT))
        elif len(skus) > 1:
            self._ask(photo, skus, "its name fits several SKUs")
        elif fits[0].view is None:
            rest = fits[0].rest.strip(SEPARATORS)
            own = self._skus.fits(stem_of(photo))
            where = "name" if own else "folder"
            why = f"its {where} begins with a SKU, but {rest!r} is not a known view"
            self._ask(photo, skus, why)
        else:
            view = below_folder(self._views_of_folders.get(photo), fits[0].view)
            self._take_fit(photo, replace(fits[0], view=view))

    def _ask(self, photo: str, skus: Sequence[str], why: str) -> None:
        rows = tuple(self._by_sku[sku][0].row for sku in skus)
        self.ambiguous.append(Ambiguous(photo, tuple(skus), why, rows))

    def _take_fit(self, photo: str, fit: Fit) -> None:
        rows = self._by_sku[fit.sku]
        same_view = [row for row in rows if row.view and view_key(row.view) == view_key(fit.view)]
        waiting = [row for row in rows if not row.raw_image and not row.path]
        row = (same_view or waiting or rows)[0]
        self._take(photo, row, (row.view if same_view else fit.view) or None, fit.hint)

    def ask_for_nearly_named(self) -> None:
        """Ask of photos that fit no SKU whether they are those of a SKU or file named nearly so."""
        unknown = [left.file for left in self.left_out if left.why == NO_FIT]
        if not 0 < len(unknown) <= _MOST_MISTYPED:
            return
        rows = {stem_of(row.path): row for row in reversed(self._rows) if row.path}
        rows |= {row.sku: row for row in reversed(self._rows) if row.sku}
        near = NearNames(rows)
        found = {photo: name for photo in unknown if (name := near.find(stem_of(photo)))}
        for photo, name in found.items():
            row = rows[name]
            letters = "" if name.isascii() == photo.isascii() else " (in other letters)"
            why = f"its name is nearly {name}{letters}, which row {row.row} names"
            self.ambiguous.append(Ambiguous(photo, (row.sku,) if row.sku else (), why, (row.row,)))
        self.left_out = [left for left in self.left_out if left.file not in found]

    # -- rows without a photo --------------------------------------------------------------------

    def missing(self) -> Iterator[Missing]:
        skus_with_photo = {self._rows[index].sku for index in self._with_photo}
        listed: set[str] = set()
        for index, row in enumerate(self._rows):
            if row.raw_image or index in self._with_photo:
                continue
            if row.path:
                yield Missing(row.row, row.path, row.sku)
            elif row.sku and row.sku not in skus_with_photo and row.sku not in listed:
                listed.add(row.sku)
                yield Missing(row.row, row.sku, row.sku)


def _join_view(first: str | None, second: str) -> str:
    return "-".join(filter(None, (first, second)))[: LONGEST["view"]]
