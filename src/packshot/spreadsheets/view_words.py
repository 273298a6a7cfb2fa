"""The words for views in many languages, and the order of a product's views: the front first.

Photos' names are read with these words, and plans, pages and exports have views in this order.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from packshot.spreadsheets.fields import split_names

#: Characters between a SKU and a view, and between the words of a view.
SEPARATORS: Final = "_-–—. ()[]（）+~#,@"
TOKEN: Final = re.compile(rf"[^{re.escape(SEPARATORS)}]+")
#: A view in English -> the words for it, without accents. Words that are styles, too ("retro",
#: "superior"), are left out.
_WORDS: Final = {
    "main": """
        main, hero, primary, cover, hauptbild, hauptansicht, principal, principale, hoofdfoto,
        hoofdbeeld, 主图, メイン, huvudbild, hlavni, glowne, главное, 대표
    """,
    "front": """
        front, vorne, vorn, vorderseite, vorderansicht, frontansicht, avant, devant, face, recto,
        frente, frontal, delantera, delantero, fronte, frontale, davanti, anteriore, dianteira,
        voorkant, voorzijde, vooraanzicht, przod, framsida, forside, framside, спереди, 正面, 前面,
        앞면, 정면, onden, zepredu, predni, elol, elolrol, edesta, etupuoli, fata, framifran,
        forfra, fremside, εμπρος, μπροστα, أمامي, सामने
    """,
    "back": """
        back, rear, hinten, ruckseite, rueckseite, ruckansicht, rueckansicht, hinteransicht,
        arriere, derriere, dos, verso, trasera, trasero, atras, detras, espalda, dietro, posteriore,
        costas, traseira, achterkant, achterzijde, achteraanzicht, tyl, baksida, bagside, bakside,
        сзади, 背面, 뒷면, arkadan, zezadu, zadni, hatul, hatulrol, takaa, takapuoli, spate,
        bakifran, bagfra, bakfra, πισω, خلفي, पीछे
    """,
    "side": """
        side, sideways, profile, seite, seitlich, seitenansicht, cote, profil, lado, lateral,
        perfil, lato, laterale, fianco, zijkant, zijaanzicht, bok, sida, сбоку, 侧面, 側面, 측면,
        yandan, bocni, boczny, oldal, oldalrol, sivulta, πλαγια, 옆면, جانبي
    """,
    "left": """
        left, links, gauche, izquierda, sinistra, esquerda, linkerkant, lewy, слева, izq, soldan,
        vlevo, balrol, vasen, stanga, vanster, venstre, 左侧, 左側
    """,
    "right": """
        right, rechts, droite, derecha, destra, direita, rechterkant, prawy, справа, dcha, sagdan,
        vpravo, jobbrol, oikea, dreapta, hojre, hoyre, 右侧, 右側
    """,
    "top": """
        top, oben, oberseite, draufsicht, dessus, arriba, sopra, bovenkant, gora, сверху, 顶部,
        ustten, shora, felul, felulrol, ylhaalta, ovanifran, ovenfra, πανω, 上面, 윗면, ऊपर
    """,
    "bottom": """
        bottom, underside, unten, unterseite, dessous, abajo, sotto, onderkant, dol, снизу, 底部,
        alttan, zespodu, alul, alulrol, alhaalta, underifran, nedenfra, κατω, 底面, 밑면, नीचे
    """,
    "inside": """
        inside, inner, interior, innen, interieur, interno, binnenkant, wnetrze, icten, uvnitr,
        belul, внутри, 内側, 内部
    """,
    "outside": "outside, aussen, exterieur, esterno, buitenkant",
    "detail": """
        detail, details, detailansicht, nahaufnahme, closeup, detalle, dettaglio, detalhe, detal,
        detalj, detalje, деталь, 细节, detay, reszlet, yksityiskohta, detaliu, λεπτομερεια, 詳細,
        상세, विवरण
    """,
    "packaging": """
        packaging, package, verpackung, emballage, confezione, verpakking, embalagem, opakowanie,
        ambalaj, csomagolas, pakkaus, упаковка, 包装
    """,
    "label": "label, etikett, etiqueta, etichetta, etykieta, etiketti, этикетка",
}
IN_ENGLISH: Final = {word: view for view, words in _WORDS.items() for word in split_names(words)}
VIEW_WORDS: Final = frozenset(IN_ENGLISH)
#: Views of which a product has one, and the words for them.
_SIDES: Final = frozenset({"front", "back", "left", "right", "top", "bottom"})
_ONE_SIDE: Final = {word: view for word, view in IN_ENGLISH.items() if view in _SIDES}
#: Words that say that a picture shows a view, and not which one.
GENERAL: Final = frozenset(
    split_names("image, img, photo, pic, picture, view, shot, ansicht, vue, вид")
)
#: Views that show the product as a whole, best first.
_FIRST: Final = {"main": 0, "front": 1}
_ACCENTS: Final = re.compile("[\u0300-\u036f]")
_PART: Final = re.compile(r"\d+|[^\W\d_]+")
_BETWEEN_WORDS: Final = re.compile(rf"[{re.escape(SEPARATORS)}]+")
_GENERAL_WORD: Final = re.compile(
    rf"(?<![^\W\d_])(?:{'|'.join(GENERAL)})(?![^\W\d_])[{re.escape(SEPARATORS)}]*"
)
ViewPlace = tuple[int, str, tuple[int, ...]]


def view_key(view: str | None) -> str:
    """How views are compared: `Vorne`, `back view` and `Top left` are `front`, `back`, `top-left`.
    Only words for a side that a product has once are translated: it may have several details. Not
    in SQL, whose `lower` leaves É as it is on some databases."""
    text = unicodedata.normalize("NFC", (view or "").casefold())
    key = _PART.sub(lambda word: _ONE_SIDE.get(without_accents(word[0]), word[0]), text)
    if not _SIDES.isdisjoint(_PART.findall(key)):
        key = _GENERAL_WORD.sub("", key)
    return _BETWEEN_WORDS.sub("-", key).strip("-")


def place_of_view(view: str | None) -> ViewPlace:
    """Where a view comes among those of its product: main and front, none, numbers, then other
    words in the order of their English ones. `front-2` comes behind `front`."""
    parts = [IN_ENGLISH.get(part, part) for part in _PART.findall(without_accents(view or ""))]
    words = "-".join(part for part in parts if not part.isdecimal() and part not in GENERAL)
    numbers = tuple(int(part) for part in parts if part.isdecimal())
    if words:
        return _FIRST.get(words, 4), words, numbers
    return 3 if numbers else 2, "", numbers


def without_accents(word: str) -> str:
    """In lower case; Japanese and Korean letters keep their marks."""
    lower = word.casefold()
    if lower.isascii():
        return lower
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", lower)).replace("ł", "l")
    return unicodedata.normalize("NFC", bare)
