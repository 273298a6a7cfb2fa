"""Recognises the encoding of a text from before Unicode, if its own letters show it.

Windows-1252 is what such a file is in most often. The others differ in a few letters only, so that
`Łódź` reads as `£ódŸ`: what no language writes shows that, and a language that has all letters of
the other reading confirms it.
"""

from __future__ import annotations

import re
from typing import Final

from packshot.spreadsheets.fields import PRODUCT_FIELDS
from packshot.spreadsheets.header import count_recognised, plain_name

#: Signs that are no letters, but usual in texts of all languages.
USUAL_SIGNS: Final = frozenset("“”‘’„‚«»‹›–—…•€£©®™°²³½¼¾×±§\xa0")
#: The letters outside ASCII of single languages of Western Europe, for a row of such letters.
WESTERN: Final = tuple(
    map(frozenset, ("äöüß", "åäöæøéü", "àâæçèéêëîïôœùûüÿ", "áéíóúüñç", "àèéìíòóùú", "ãáâàçéêíóôõú"))
)
#: A file may hold names in several of them.
_ANY_WESTERN: Final = frozenset[str]().union(*WESTERN)
#: Of Icelandic and Finnish, each with those that no text of it lacks: Turkish reads as ý and þ.
_OTHER_WESTERN: Final = (
    (frozenset("áðéíóúýþæö"), frozenset("áéíóúæ")),
    (frozenset("åäöõüšž"), frozenset("äö")),
)
_CENTRAL: Final = (
    *("ąćęłńóśźż", "áčďéěíňóřšťúůýžö", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čćđšž", "ăâîşţșț"),
)
#: (codec, name, letters of each language that is written in it)
_OTHERS: Final = (
    ("cp1250", "Windows-1250", _CENTRAL),
    ("cp1254", "Windows-1254", ("çğıiöşüâîû",)),
    ("cp1257", "Windows-1257", ("ąčęėįšųūž", "āčēģīķļņšūž")),
)
_RARE: Final = (
    ("iso8859_2", "ISO 8859-2", _CENTRAL),
    ("cp852", "DOS 852", _CENTRAL),
    ("mac_roman", "Mac Roman", (_ANY_WESTERN,)),
    ("cp850", "DOS 850", (_ANY_WESTERN,)),
)
#: Encodings of other alphabets, of which each may read the others' texts.
_OTHER_ALPHABETS: Final = (
    *(("cp1251", "Windows-1251"), ("koi8_u", "KOI8"), ("cp866", "DOS 866")),
    *(("cp1253", "Windows-1253"), ("cp1255", "Windows-1255"), ("cp1256", "Windows-1256")),
    *(("cp932", "Shift-JIS"), ("euc_jp", "EUC-JP"), ("gb18030", "GB 18030"), ("big5", "Big5")),
    *(("cp949", "Korean 949"), ("cp874", "Windows-874")),
)
_COLUMNS_NAMED: Final = 2
_NAMES: Final = frozenset(name for field in PRODUCT_FIELDS.values() for name in field.columns)
_HEADER_BYTES: Final = 65_536
_HEADER_LINES: Final = 30
_BETWEEN_CELLS: Final = re.compile("[,;\t|]")
#: Code pages of DOS, in which old programs for Windows write names into ZIPs, and their languages.
#: The first in which all letters are those of one language counts.
_DOS: Final = (
    *(("cp437", WESTERN), ("cp850", (*WESTERN, "áéíóúæðþöý"))),
    ("cp852", _CENTRAL),
    ("cp857", _OTHERS[1][2]),
    ("cp866", ("абвгдежзийклмнопрстуфхцчшщъыьэюяё",)),
    ("cp737", ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώ",)),
    ("cp1252", WESTERN),
)
_SAMPLE: Final = 1_000_000  # bytes: judging takes 0.3 s for as many
_WORD: Final = re.compile(r"[^\W\d_]+")
_LETTER: Final = r"[^\W\d_]"
#: A sign within a word, except those that words do contain, or at its end or beginning.
_SIGN_WITHIN: Final = re.compile(
    rf"(?<={_LETTER})(?![’‘´–—…®™©°ºª•\xa0\xad])[^\x00-\x7f\w](?={_LETTER})|(?<={_LETTER})[¹²³¼½¾](?={_LETTER})"
    rf"|(?<={_LETTER})[±¶¿]|[¹¶](?={_LETTER})"
)
#: A sign that belongs to numbers, beside a letter with an accent.
_ACCENTED: Final = r"[^\W\d_\x00-\x7f]"
_SIGN_BESIDE: Final = re.compile(
    rf"[¤¢£¥¦§¨¬¯¶¸ƒ†‡ˆ‰˜×÷](?={_ACCENTED})|(?<={_ACCENTED})[¤¢¥¦¨¬¯¶¸ƒ†‡ˆ˜]"
)
#: Hungarian ő and ű as Windows-1252 reads them, beside vowels that no Estonian text has. In
#: Portuguese an e follows õ.
_HUNGARIAN: Final = re.compile(r"õ(?!e)", re.IGNORECASE)
_HUNGARIAN_VOWELS: Final = frozenset("áíóú")
#: Two letters, of which the second, or else the first, has an accent.
_PAIR: Final = re.compile(rf"({_LETTER})(?=({_ACCENTED}))")
_PAIR_BEFORE: Final = re.compile(rf"({_ACCENTED})(?=({_LETTER}))")


def find_encoding(data: bytes) -> tuple[str, str] | None:
    """The text in an old encoding other than Windows-1252, and its name; None if Windows-1252 may
    be right, or not exactly one other is."""
    sample = data[:_SAMPLE]
    western = _decode(sample, "cp1252")
    if western is not None and not _is_odd(western) and _may_be_western(western):
        return None
    return _only(_find_fitting(sample), data)


def _find_fitting(sample: bytes) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for encodings in (_OTHERS, _RARE):
        found = found or [
            (codec, name) for codec, name, languages in encodings if _fits(sample, codec, languages)
        ]
    return found


def _only(found: list[tuple[str, str]], data: bytes) -> tuple[str, str] | None:
    """The text in the encoding that was found, and its name; None if several were."""
    if len(found) != 1:
        return None
    [(codec, name)] = found
    text = _decode(data, codec)
    return None if text is None else (text, name)


def find_by_column_names(data: bytes) -> tuple[str, str] | None:
    """The text in the encoding in which the most columns have names that are known, and the
    encoding's name; None if Windows-1252 or more than one other shows as many."""
    lines = data[:_HEADER_BYTES].splitlines()
    beginning = b"\n".join(lines[: min(_HEADER_LINES, max(1, len(lines) - 1))])

    def count(codec: str) -> tuple[int, int]:
        return _count_columns_named(_decode(beginning, codec) or "")

    latin = [(codec, name) for codec, name, _ in (*_OTHERS, *_RARE)]
    named = {one: count(one[0]) for one in (*latin, *_OTHER_ALPHABETS)}
    most = max(named.values())
    found = [one for one in named if named[one] == most]
    enough = 1 if found[0] in latin else _COLUMNS_NAMED
    if most[0] < enough or count("cp1252") >= most:
        return None
    if len(found) > 1 and _OTHERS[0][:2] in found:  # its letters show which of these
        return _only(_find_fitting(data[:_SAMPLE]) or found[:1], data)
    return _only(found, data)


def _count_columns_named(text: str) -> tuple[int, int]:
    """The most fields that a row names, and how many of the names have the right accents."""
    rows = ([cell.strip(' "') for cell in _BETWEEN_CELLS.split(line)] for line in text.split("\n"))
    foreign = [[cell for cell in row if not cell.isascii()] for row in rows]
    return max(
        (count_recognised(row), sum(plain_name(one) in _NAMES for one in row)) for row in foreign
    )


def decode_name(raw: bytes) -> str | None:
    """A file's name in the code page that its letters show; None if none does."""
    for codec, languages in _DOS:
        text = _decode(raw, codec)
        if text is None:
            continue
        if any(sign > "\x7f" and not sign.isalpha() for sign in text):
            continue
        words = (word for word in _WORD.findall(text) if not word.isascii())
        if not all(word[1:].islower() or word.isupper() or len(word) == 1 for word in words):
            continue
        if any(_letters(text) <= set(language) for language in languages):
            return text
    return None


def _decode(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return None


def _is_odd(text: str) -> bool:
    """Whether it holds what no language writes, such as signs within words."""
    if _SIGN_WITHIN.search(text) or _SIGN_BESIDE.search(text):
        return True
    if _HUNGARIAN.search(text) and _letters(text) & _HUNGARIAN_VOWELS:
        return True
    return _has_capital_within(_PAIR, text)


def _has_capital_within(pairs: re.Pattern[str], text: str) -> bool:
    return any(first.islower() and second.isupper() for first, second in pairs.findall(text))


def _may_be_western(text: str) -> bool:
    letters = _letters(text)
    if letters <= _ANY_WESTERN:
        return True
    return any(letters <= possible and letters & usual for possible, usual in _OTHER_WESTERN)


def _fits(data: bytes, codec: str, languages: tuple[str | frozenset[str], ...]) -> bool:
    text = _decode(data, codec)
    if text is None:
        return False
    signs = {sign for sign in set(text) if sign > "\x7f" and not sign.isalpha()}
    if signs - USUAL_SIGNS or _is_odd(text) or _has_capital_within(_PAIR_BEFORE, text):
        return False
    letters = _letters(text)
    return bool(letters) and any(letters <= frozenset(language) for language in languages)


def _letters(text: str) -> set[str]:
    """The letters outside ASCII, in lower case."""
    return {letter for letter in set(text.lower()) if letter > "\x7f" and letter.isalpha()}
