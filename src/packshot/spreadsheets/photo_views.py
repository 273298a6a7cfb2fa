"""Reads which view of the product a photo shows from a part of its name."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: Characters between a SKU and a view, and between the words of a view.
SEPARATORS: Final = "_-–—. ()[]（）+~#,@"
_TOKEN: Final = re.compile(rf"[^{re.escape(SEPARATORS)}]+")
_NUMBERED_WORD: Final = re.compile(r"([^\W\d_]+)(\d{1,3})")
_LONGEST: Final = 40
_MOST_WORDS: Final = 4

#: What systems write behind the name of a copy, after a space too: `A1 copy 2`, `A1 - Kopie (2)`.
_COPIES: Final = frozenset(
    (
        *("copy", "kopie", "copie", "copia", "kopia", "kopi", "kopio", "kopya", "masolat"),
        *("копия", "копія", "αντιγραφο", "コピー", "副本", "사본", "نسخة"),
    )
)
#: Without accents. Words that are styles, too ("retro", "superior"), are left out.
_WORDS: Final = _COPIES | frozenset(
    (
        *("main", "hero", "primary", "cover", "default", "base", "front", "back", "rear"),
        *("left", "right", "top", "bottom", "side", "sideways", "detail", "details", "close"),
        *("closeup", "up", "zoom", "macro", "angle", "angled", "diagonal", "perspective"),
        *("lifestyle", "model", "worn", "inuse", "packshot", "package", "packaging"),
        *("box", "label", "tag", "inside", "inner", "outside", "interior", "open", "closed"),
        *("swatch", "alt", "alternate", "additional", "extra", "image", "img", "photo", "pic"),
        *("picture", "view", "shot", "size", "chart", "scale", "flat"),
        *("profile", "underside", "sole", "heel", "texture", "facts"),
        *("thumb", "thumbs", "thumbnail", "thumbnails", "final", "edited", "edit", "hires"),
        *("original", "vorne", "vorn", "vorderseite", "vorderansicht", "hinten", "ruckseite"),
        *("rueckseite", "ruckansicht", "seite", "seitlich", "seitenansicht", "oben", "unten"),
        *("oberseite", "unterseite", "links", "rechts", "innen", "aussen", "schrag", "ansicht"),
        *("draufsicht", "detailansicht", "nahaufnahme", "verpackung", "etikett"),
        *("avant", "arriere", "devant", "derriere", "cote", "dessus", "dessous", "gauche"),
        *("droite", "face", "dos", "profil", "vue", "interieur", "exterieur", "emballage"),
        *("frente", "frontal", "delantera", "trasera", "atras", "detras", "espalda", "lado"),
        *("lateral", "perfil", "detalle", "arriba", "abajo", "izquierda", "derecha", "principal"),
        *("etiqueta", "fronte", "lato", "laterale", "dettaglio", "sopra", "sotto", "sinistra"),
        *("destra", "interno", "esterno", "confezione", "etichetta"),
        *("voorkant", "voorzijde", "achterkant", "achterzijde", "zijkant", "bovenkant"),
        *("onderkant", "binnenkant", "verpakking", "przod", "tyl", "bok", "gora", "dol", "detal"),
        *("prawy", "lewy", "wnetrze", "costas", "detalhe", "esquerda", "direita", "embalagem"),
        *("framsida", "baksida", "sida", "forside", "bagside", "bakside", "detalj", "detalje"),
        *("спереди", "сзади", "сбоку", "сверху", "снизу", "слева", "справа", "деталь", "вид"),
        *(
            "正面",
            "背面",
            "侧面",
            "側面",
            "细节",
            "主图",
            "顶部",
            "底部",
            "앞면",
            "뒷면",
            "정면",
            "측면",
        ),
    )
)
_ACCENTS: Final = re.compile("[\u0300-\u036f]")
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
#: GS1's names of a product's pictures: GTIN_A1N1, GTIN_C1L1 (GS1 Product Image Specification).
_GS1: Final = re.compile(r"[a-z]\d[clrn]\d", re.IGNORECASE)
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
    lower = _without_accents(word)
    if lower in _WORDS or lower in _AMAZON or lower in _CAMERAS or lower == "on":
        return True
    if any(kind.fullmatch(word) for kind in (_AMAZON_PART, _VERSION_OR_ANGLE, _GS1)):
        return True
    numbered = _NUMBERED_WORD.fullmatch(lower)
    return bool(numbered and numbered[1] in _WORDS) or lower in _LETTERS


def _without_accents(word: str) -> str:
    """In lower case; Japanese and Korean letters keep their marks."""
    lower = word.casefold()
    if lower.isascii():
        return lower
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", lower)).replace("ł", "l")
    return unicodedata.normalize("NFC", bare)


def begins_with_copy(text: str) -> bool:
    """Whether the first word says that the file is a copy."""
    word = next(iter(_TOKEN.findall(text)), "")
    return _without_accents(word) in _COPIES


def begins_with_word(text: str) -> bool:
    """Whether a view's word comes first, or a size: a number, a letter or a version may as well be
    the end of a SKU."""
    word = next(iter(_TOKEN.findall(text)), "")
    if len(word) < 2 or word.isdecimal():
        return False
    if _VERSION_OR_ANGLE.fullmatch(word) or _GS1.fullmatch(word):
        return False
    return bool(_SIZE.fullmatch(word)) or _is_view_word(word)


def _plain_number(word: str) -> str:
    """The view in one form: `01` and `1` are the same."""
    return str(int(word)) if word.isdecimal() else word.casefold()


def view_in(name: str) -> str | None:
    """The view in a column's name: `Back image` -> back."""
    general = {"image", "img", "photo", "pic", "picture", "view", "shot", "base", "set", "size"}
    tokens = _TOKEN.findall(name.casefold())
    words = [word for word in tokens if _without_accents(word) in _WORDS - general]
    return "-".join(words)[:_LONGEST] or None
