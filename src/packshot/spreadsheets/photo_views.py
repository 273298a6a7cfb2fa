"""Reads which view of the product a photo shows from a part of its name."""

from __future__ import annotations

import re
from typing import Final

#: Characters between a SKU and a view, and between the words of a view.
SEPARATORS: Final = "_-. ()[]+~#,@"
_TOKEN: Final = re.compile(rf"[^{re.escape(SEPARATORS)}]+")
_NUMBERED_WORD: Final = re.compile(r"([^\W\d_]+)(\d{1,3})")
_LONGEST: Final = 40
_MOST_WORDS: Final = 4

_WORDS: Final = frozenset(
    (
        *("main", "hero", "primary", "cover", "default", "base", "front", "back", "rear"),
        *("left", "right", "top", "bottom", "side", "sideways", "detail", "details", "close"),
        *("closeup", "up", "zoom", "macro", "angle", "angled", "diagonal", "perspective"),
        *("lifestyle", "model", "worn", "inuse", "packshot", "package", "packaging"),
        *("box", "label", "tag", "inside", "inner", "outside", "interior", "open", "closed"),
        *("swatch", "alt", "alternate", "additional", "extra", "image", "img", "photo", "pic"),
        *("picture", "view", "shot", "size", "chart", "scale", "flat"),
        *("profile", "underside", "sole", "heel", "texture", "facts"),
        *("thumb", "thumbnail", "copy", "final", "edited", "edit", "hires", "original"),
        *("kopie", "vorne", "hinten", "seite", "oben", "unten", "links", "rechts", "detailansicht"),
        *("avant", "arriere", "face", "dos", "profil", "frente", "atras", "lado", "principal"),
    )
)
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
_SIZE: Final = re.compile(r"scaled|\d{2,5}x\d{2,5}", re.IGNORECASE)
#: A camera's word and number after a SKU: SKU_IMG_0001.
_CAMERAS: Final = frozenset(("img", "dsc", "dscn", "dscf", "image", "photo", "pic", "pxl"))
_VERSION_OR_ANGLE: Final = re.compile(r"v\d{1,2}|\d{1,3}deg", re.IGNORECASE)
_AMAZON_PART: Final = re.compile(r"pt\d{2}", re.IGNORECASE)


def read_view(text: str) -> str | None:
    """The view in `_2`, ` (2)`, `.PT01` or `-front_detail`; None for other words. Sizes that
    programs add (`-scaled`, `-1024x768`) are ignored: only these, or only separators, give ""."""
    words = [word for word in _TOKEN.findall(text) if not _SIZE.fullmatch(word)]
    if len(words) > _MOST_WORDS or not all(
        _is_view_word(word) or (word.isdecimal() and before.casefold() in _CAMERAS)
        for before, word in zip(["", *words], words, strict=False)
    ):
        return None
    if "on" in map(str.casefold, words) and "model" not in map(str.casefold, words):
        return None
    if any(word.casefold() in _LETTERS for word in words[:-1]):  # `A-1_front` begins with a SKU
        return None
    named = [_AMAZON.get(word.casefold(), word) for word in words]
    return "-".join(_plain_number(word) for word in named)[:_LONGEST]


def _is_view_word(word: str) -> bool:
    if word.isdecimal():
        return len(word) <= 3
    lower = word.casefold()
    if lower in _WORDS or lower in _AMAZON or lower in _CAMERAS or lower == "on":
        return True
    if _AMAZON_PART.fullmatch(word) or _VERSION_OR_ANGLE.fullmatch(word):
        return True
    numbered = _NUMBERED_WORD.fullmatch(lower)
    return bool(numbered and numbered[1] in _WORDS) or lower in _LETTERS


def begins_with_word(text: str) -> bool:
    """Whether a view's word comes first, or a size: a number, a letter or a version may as well be
    the end of a SKU."""
    word = next(iter(_TOKEN.findall(text)), "")
    if len(word) < 2 or word.isdecimal() or _VERSION_OR_ANGLE.fullmatch(word):
        return False
    return bool(_SIZE.fullmatch(word)) or _is_view_word(word)


def _plain_number(word: str) -> str:
    """The view in one form: `01` and `1` are the same."""
    return str(int(word)) if word.isdecimal() else word.casefold()


def view_in(name: str) -> str | None:
    """The view in a column's name: `Back image` -> back."""
    general = {"image", "img", "photo", "pic", "picture", "view", "shot", "base", "set", "size"}
    words = [word for word in _TOKEN.findall(name.casefold()) if word in _WORDS - general]
    return "-".join(words)[:_LONGEST] or None
