"""Reads which view of the product a photo shows from a part of its name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from packshot.spreadsheets.fields import LONGEST
from packshot.spreadsheets.photo_files import stem_of
from packshot.spreadsheets.photos.machine_names import is_machine_name
from packshot.spreadsheets.view_words import (
    GENERAL,
    IN_ENGLISH,
    TOKEN,
    VIEW_WORDS,
    view_key,
    without_accents,
)

_NUMBERED_WORD: Final = re.compile(r"([^\W\d_]+)(\d{1,3})")
_MAX_WORDS: Final = 4
_WORD_GLUED: Final = re.compile(r"(.*\d)([^\W\d_]{3,})")
_WORD_BEFORE: Final = re.compile(r"([^\W\d_]+)(?: - |([_. -]))(?=[^\W_])(.+)")

#: What systems write behind the name of a copy, after a space too: `A1 copy 2`, `A1 - Kopie (2)`.
_COPIES: Final = frozenset(
    (
        *("copy", "kopie", "copie", "copia", "kopia", "kopi", "kopio", "kopya", "masolat"),
        *("копия", "копія", "αντιγραφο", "コピー", "副本", "사본", "نسخة"),
    )
)
#: What people and programs write of a file: nothing that its picture shows.
_OF_FILES: Final = frozenset(
    (
        *("default", "base", "packshot", "alt", "alternate", "additional", "extra", "hover"),
        *("thumb", "thumbs", "thumbnail", "thumbnails", "final", "edited", "edit", "hires"),
        *("original", "photoroom", "removebg", "preview", "nobg", "cutout", "retouched"),
        *("upscaled", "main", "freigestellt", "freisteller", "clipped", "rgb", "cmyk", "lowres"),
    )
)
_SIDES: Final = frozenset({"front", "back", "side", "left", "right", "detail"})
#: Words beside those of `view_words`, without accents.
_WORDS: Final = (
    _COPIES
    | VIEW_WORDS
    | GENERAL
    | _OF_FILES
    | frozenset(
        (
            *("close", "up", "zoom", "macro", "angle", "angled", "diagonal", "perspective"),
            *("lifestyle", "model", "worn", "inuse", "box", "tag", "open", "closed", "swatch"),
            *("size", "chart", "scale", "flat", "sole", "heel", "texture", "facts", "schrag"),
            *("flatlay", "threequarter", "mannequin", "ambiance", "shot", "shots", "studio"),
            *("overhead", "isometric"),
        )
    )
)
#: How such words are written in a sentence.
_SPELT: Final = {
    "schrag": "angled",
    "inuse": "in use",
    "flatlay": "flat lay",
    "threequarter": "three-quarter",
}
#: `SKU_a` is a view; later letters are sizes (M, S, L, X).
_LETTERS: Final = frozenset("abcdef")
#: Amazon's names of views (seller help, "Image file naming", JV4FNMT7563SF5F).
_AMAZON: Final = {
    "main": "main",
    "frnt": "front",
    "back": "back",
    "left": "left",
    "rght": "right",
    "topp": "top",
    "bott": "bottom",
    "swch": "swatch",
    "fact": "facts",
}
#: What programs add to a name: a size, or WordPress' sign that a picture was edited. `-MIN` is a
#: shop's own word: LAMP-MIN beside LAMP-MAX.
_SIZE: Final = re.compile(
    r"scaled|rotated|(?-i:min)|\d{2,5}x\d{2,5}(?:px)?|\d{3,5}px|e\d{13}", re.IGNORECASE
)
#: A camera's word and number after a SKU: SKU_IMG_0001.
_CAMERAS: Final = frozenset(
    (
        *("img", "dsc", "dscn", "dscf", "image", "photo", "pic", "pxl", "picture", "foto", "bild"),
        *("imagen", "immagine", "afbeelding", "zdjecie", "фото", "写真", "图片"),
    )
)
_VERSION_OR_ANGLE: Final = re.compile(r"v\d{1,2}|\d{1,3}deg", re.IGNORECASE)
#: GS1's names of a product's pictures: GTIN_A1N1, GTIN_C1L1 (GS1 Product Image Specification).
_GS1: Final = re.compile(r"[a-z]\d[clrn]\d", re.IGNORECASE)
_AMAZON_PART: Final = re.compile(r"pt\d{2}", re.IGNORECASE)


def read_view(text: str) -> str | None:
    """The view in `_2`, ` (2)`, `.PT01` or `-front_detail`; None for other words. Sizes that
    programs add (`-scaled`, `_1600px`) are ignored: only these, or only separators, give ""."""
    words = [word for word in TOKEN.findall(text) if not _SIZE.fullmatch(word)]
    if len(words) > _MAX_WORDS or not all(
        _is_view_word(word) or (word.isdecimal() and before.casefold() in _CAMERAS)
        for before, word in zip(["", *words], words, strict=False)
    ):
        return None
    if "on" in map(str.casefold, words) and "model" not in map(str.casefold, words):
        return None
    if any(word.casefold() in _LETTERS for word in words[:-1]):  # `A-1_front` begins with a SKU
        return None
    named = [_AMAZON.get(word.casefold(), word) for word in words]
    return "-".join(_plain_number(word) for word in named)[: LONGEST["view"]]


def _is_view_word(word: str) -> bool:
    if word.isdecimal():
        return len(word) <= 3
    lower = without_accents(word)
    if lower in _WORDS or lower in _AMAZON or lower in _CAMERAS or lower == "on":
        return True
    if any(kind.fullmatch(word) for kind in (_AMAZON_PART, _VERSION_OR_ANGLE, _GS1)):
        return True
    numbered = _NUMBERED_WORD.fullmatch(lower)
    return bool(numbered and numbered[1] in _WORDS | _CAMERAS) or lower in _LETTERS


@dataclass(frozen=True)
class ViewApart:
    """A name with a word for a view that no sign separates as usual: `front`, `_` and `X1` of
    `front_X1`, or `front` and `X1` of `X1front`."""

    view: str
    sign: str
    rest: str


def view_apart(stem: str) -> ViewApart | None:
    """The word for a view at the beginning of a name, or behind a digit at its end."""
    if (before := _WORD_BEFORE.fullmatch(stem)) and without_accents(before[1]) in VIEW_WORDS:
        return ViewApart(before[1].casefold(), before[2] or "-", before[3])
    if (glued := _WORD_GLUED.fullmatch(stem)) and without_accents(glued[2]) in VIEW_WORDS:
        return ViewApart(glued[2].casefold(), "", glued[1])
    return None


def begins_with_copy(text: str) -> bool:
    """Whether the first word says that the file is a copy."""
    word = next(iter(TOKEN.findall(text)), "")
    return without_accents(word) in _COPIES


def begins_with_side(text: str) -> bool:
    """Whether the first word names a side or a detail, as `front`: few products' names have it."""
    word = next(iter(TOKEN.findall(text)), "")
    return IN_ENGLISH.get(without_accents(word)) in _SIDES


def is_of_files(view: str | None) -> bool:
    """Whether a view has only words that programs write of a file: `edited`, `thumb`; or none,
    because only a size is behind the name."""
    return all(without_accents(word) in _OF_FILES for word in TOKEN.findall(view or ""))


def without_copy(view: str) -> str:
    """The view without a copy's word and its number: `front` for `front-kopie-2`."""
    words = TOKEN.findall(view)
    for place, word in enumerate(words):
        if without_accents(word) in _COPIES:
            after = words[place + 1 :]
            return "-".join(words[:place] + after[1 if after and after[0].isdecimal() else 0 :])
    return view


def view_key_of_copy(view: str | None) -> str:
    """`view_key` of the view that a file shows, which may be named as a copy."""
    return view_key(without_copy(view or ""))


def view_in_english(view: str) -> str:
    """The words of a view that say what its picture shows: `back` for `rückseite-2`, nothing for
    `img-1`, `4471`, `DSC0001` or a screenshot's name. Other words than those for views stay."""
    words = [_AMAZON.get(word.casefold(), word) for word in TOKEN.findall(view)]
    if read_view(view) is None:
        has_code = any(any(map(str.isdecimal, w)) and not w.isdecimal() for w in words)
        is_number = all(map(str.isdecimal, words))
        return "" if has_code or is_number or is_machine_name(view) else view
    shown = dict.fromkeys(filter(None, map(_shown_in_english, words)))
    return "" if set(shown) == {"on"} else " ".join(shown)


def _tells_no_side(word: str) -> bool:
    """Whether a word is a number, or one of those that systems number views by."""
    kinds = (_AMAZON_PART, _VERSION_OR_ANGLE, _GS1, _SIZE)
    return word.isdecimal() or any(kind.fullmatch(word) for kind in kinds)


def _shown_in_english(word: str) -> str | None:
    lower = without_accents(word)
    numbered = _NUMBERED_WORD.fullmatch(lower)
    lower = numbered[1] if numbered else lower
    english = IN_ENGLISH.get(lower, _SPELT.get(lower, lower))
    is_debris = english in _COPIES | _OF_FILES | GENERAL | _CAMERAS or len(english) == 1
    return None if is_debris or _tells_no_side(word) else english


def begins_with_word(text: str) -> bool:
    """Whether a view's word comes first, or a size: a number, a letter or a version may as well be
    the end of a SKU."""
    word = next(iter(TOKEN.findall(text)), "")
    if len(word) < 2 or word.isdecimal():
        return False
    if _VERSION_OR_ANGLE.fullmatch(word) or _GS1.fullmatch(word):
        return False
    return bool(_SIZE.fullmatch(word)) or _is_view_word(word)


def views_of_folders(paths: Sequence[str]) -> dict[str, str]:
    """The view that each photo's own folder names, as in `front/A1.jpg` beside `back/A1.jpg`. Only
    folders that share a name show that they are views: `Top/A1.jpg` alone may be a category."""
    views: dict[str, str] = {}
    folders: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        folder = path.rpartition("/")[0].rpartition("/")[2]
        words = TOKEN.findall(without_accents(folder))
        if words and all(word in VIEW_WORDS or word in GENERAL for word in words):
            views[path] = read_view(folder) or ""
            folders[stem_of(path).casefold()].add(views[path])
    shared = {view for several in folders.values() if len(several) > 1 for view in several}
    return {path: view for path, view in views.items() if view in shared}


def below_folder(folder: str | None, view: str | None) -> str | None:
    """The view of a photo in a view's folder: that of the folder, then that of its name."""
    if folder and not (view or "").startswith(folder):
        return "-".join(filter(None, (folder, view)))[: LONGEST["view"]]
    return view


def names_no_side(view: str) -> bool:
    """Whether a view has only words such as `view` and numbers: a side may come before it."""
    return all(word.isdecimal() or word in GENERAL for word in TOKEN.findall(without_accents(view)))


def _plain_number(word: str) -> str:
    """The view in one form: `01` and `1` are the same."""
    return str(int(word)) if word.isdecimal() else word.casefold()


def view_in(name: str) -> str | None:
    """The view in a column's name: `Back image` -> back."""
    general = GENERAL | {"base", "set", "size", "additional", "alternate", "alt", "extra"}
    tokens = TOKEN.findall(name.casefold())
    words = [word for word in tokens if without_accents(word) in _WORDS - general]
    return "-".join(words)[: LONGEST["view"]] or None
