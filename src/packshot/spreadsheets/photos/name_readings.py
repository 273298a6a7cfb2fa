"""How photos' names were read without a spreadsheet, and what only a person knows of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from packshot.spreadsheets.photos.name_index import caseless
from packshot.spreadsheets.photos.naming import FOLDER, PLAIN, NameParts, is_no_sku
from packshot.spreadsheets.table import list_first

#: Signs before a view, and the pattern that reads it.
UNDERSCORE: Final = "{sku}_{view}"
BRACKETS: Final = "{sku} ({view})"
CLOSE_BRACKETS: Final = "{sku}({view})"
SQUARE_BRACKETS: Final = "{sku}[{view}]"
SPACE: Final = "{sku} {view}"  # before a word for a copy, or for a side and behind a digit
SURE: Final = (BRACKETS, CLOSE_BRACKETS, SQUARE_BRACKETS, UNDERSCORE, SPACE)
JOINED: Final = {sign: "{sku}.{view}" if sign == "." else "{sku}-{view}" for sign in ".-–—"}
VIEW_FIRST: Final = {sign: f"{{view}}{sign}{{sku}}" for sign in "_-. "}
ORDER: Final = tuple(dict.fromkeys((FOLDER, *SURE, *JOINED.values(), *VIEW_FIRST.values())))


@dataclass(frozen=True)
class Reading:
    """One way to read a name; `pattern` is what reads it so, None: the whole name is the SKU."""

    named: NameParts
    pattern: str | None = None
    sure: bool = True


@dataclass
class ReadNames:
    """The SKU and view of each path. `doubtful`: what comes before a number -> the names that were
    read as SKUs with that number. `doubtful_folders`: names that were read as views -> the folders
    that were read as their SKUs. `folders_taken` were read as SKUs for their form alone, and
    `folders_left` were not: names in them say no SKU. `folders_repeated`: SKUs that are two
    folders' names."""

    readings: dict[str, Reading] = field(default_factory=dict)
    doubtful: dict[str, list[str]] = field(default_factory=dict)
    doubtful_folders: dict[str, list[str]] = field(default_factory=dict)
    folders_taken: set[str] = field(default_factory=set)
    folders_left: set[str] = field(default_factory=set)
    folders_repeated: dict[str, None] = field(default_factory=dict)

    @property
    def pattern(self) -> str:
        """The patterns by which names were read, for a person to see and change."""
        used = {reading.pattern for reading in self.readings.values()}
        return " | ".join(source for source in ORDER if source in used) or PLAIN

    def question(self) -> str | None:
        """What only a person knows: which names are SKUs, and which are views."""
        return (
            self._question_of_folders()
            or self._question_of_repeated_folders()
            or self._question_of_taken_folders()
            or self._question_of_left_folders()
            or self._question_of_numbers()
            or self._question_of_spellings()
        )

    def _question_of_folders(self) -> str | None:
        if not self.doubtful_folders:
            return None
        skus = sorted({sku for each in self.doubtful_folders.values() for sku in each})
        return (
            f"photos' names ({list_first(list(self.doubtful_folders))}) are read as views of"
            f" their folders' SKUs ({list_first(skus)}); if the names are SKUs, and the folders are"
            " not, give the pattern {any}/{sku}"
        )

    def _question_of_repeated_folders(self) -> str | None:
        if not self.folders_repeated:
            return None
        skus = list(self.folders_repeated)
        return (
            f"photos in {list_first(skus)} get the names of both folders as their SKU, because"
            f" {skus[0].rpartition('/')[2]} is in several; if it is the SKU alone, give the pattern"
            f" {FOLDER}"
        )

    def _question_of_taken_folders(self) -> str | None:
        if not self.folders_taken:
            return None
        return (
            f"photos in {list_first(sorted(self.folders_taken))} get their folder's name as their"
            f" SKU; if it is none, give the pattern {PLAIN}"
        )

    def _question_of_left_folders(self) -> str | None:
        if not self.folders_left:
            return None
        return (
            "photos named by a camera get no SKU; if it is that of their folder"
            f" ({list_first(sorted(self.folders_left))}), give the pattern {FOLDER}"
        )

    def _question_of_numbers(self) -> str | None:
        """Several numbers after one name may be views of one product."""
        named = {reading.named.sku for reading in self.readings.values()}
        several = {
            base: skus for base, skus in self.doubtful.items() if len(skus) > 1 or base in named
        }
        if not several:
            return None
        skus = sorted(sku for each in several.values() for sku in each)
        base, (example, *_) = next(iter(several.items()))
        pattern = JOINED["-" if example[len(base.rstrip()) :].lstrip().startswith("-") else "."]
        pattern = f"{self.pattern} | {pattern}" if base in named else pattern
        return (
            f"{list_first(skus)} are read as SKUs of their own; if they are views of"
            f" one product ({base}), give the pattern {pattern}"
        )

    def _question_of_spellings(self) -> str | None:
        """SKUs that may be one, if a person did not write all names alike."""
        skus = (reading.named.sku for reading in self.readings.values())
        forms = by_form((sku, sku) for sku in skus if not is_no_sku(sku))
        several = [sku for same in forms.values() if len(same) > 1 for sku in sorted(same)]
        if not several:
            return None
        return (
            f"{list_first(several)} are read as SKUs of their own, though only upper and lower case"
            " differ: rename the photos if they are one SKU's"
        )


def by_form(written: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    forms: dict[str, set[str]] = defaultdict(set)
    for name, sku in written:
        forms[caseless(name)].add(sku)
    return dict(forms)
