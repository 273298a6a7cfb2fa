"""Recognises the encoding of a text from before Unicode, by what stands beside its letters.

Windows-1252 is what such a file is in most often. The others differ in a few letters only, so that
`Łódź` reads as `£ódŸ`, and `tričko` as `trièko`: another encoding is right if more of its letters
stand where a language has them. Words that could be in both, as `męski` read as `mêski`, show
nothing: with only such words a file is read as Windows-1252.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from math import inf
from operator import itemgetter
from typing import Final

from packshot.spreadsheets.fields import PRODUCT_FIELDS
from packshot.spreadsheets.files.letter_neighbours import (
    BALTIC,
    CENTRAL,
    TURKISH,
    WESTERN,
    Neighbours,
)
from packshot.spreadsheets.header import SEARCHED_ROWS, count_recognised, plain_name

#: Signs that are no letters, but usual in texts of all languages.
USUAL_SIGNS: Final = frozenset("“”‘’„‚«»‹›–—…•€£©®™°²³½¼¾×±§\xa0")
_USUAL_HERE: Final = USUAL_SIGNS | frozenset("¿¡ªºµ´·")
#: Those of them that may stand right before a letter, within a word, and not right behind a letter.
_BEFORE_LETTERS: Final = frozenset("“”‘’„‚«»‹›–—…•°™\xa0¿¡´·")
_WITHIN_WORDS: Final = frozenset("‘’–—…´·\xa0")
_NOT_BEHIND_LETTERS: Final = frozenset("¿±§‚„")
#: (codec, name, languages that are written in it), the most usual first.
_LATIN: Final = (
    ("cp1252", "Windows-1252", WESTERN),
    ("cp1250", "Windows-1250", CENTRAL),
    ("cp1254", "Windows-1254", TURKISH),
    ("cp1257", "Windows-1257", BALTIC),
    ("iso8859_2", "ISO 8859-2", CENTRAL),
    ("cp852", "DOS 852", CENTRAL),
    ("mac_roman", "Mac Roman", WESTERN),
    ("cp850", "DOS 850", WESTERN),
)
#: Those that are still usual: others need one letter more that shows them.
_USUAL: Final = frozenset({"cp1252", "cp1250", "cp1254", "cp1257"})
#: Points of a letter where it stands in a language, and where it stands in none.
_FITS: Final = 1
_MISFIT: Final = -2
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
_BETWEEN_CELLS: Final = re.compile("[,;\t|]")
#: Code pages of DOS, in which old programs for Windows write names into ZIPs, and their languages'
#: letters. The first in which all letters are those of one language counts.
_DOS: Final = (
    ("cp437", tuple(map(frozenset, WESTERN))),
    ("cp850", tuple(map(frozenset, WESTERN))),
    ("cp852", tuple(map(frozenset, CENTRAL))),
    ("cp857", tuple(map(frozenset, TURKISH))),
    ("cp866", (frozenset("абвгдежзийклмнопрстуфхцчшщъыьэюяё"),)),
    ("cp737", (frozenset("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώ"),)),
    ("cp1252", tuple(map(frozenset, WESTERN))),
)
#: Code pages in which Windows writes names into ZIPs in East Asia, and the words in them.
_JAPANESE: Final = ("cp932", re.compile("[々ぁ-ゖァ-ー一-鿿０-９Ａ-Ｚａ-ｚ]+"))
_KANA: Final = re.compile("[ぁ-ゖァ-ヺ]")
_KOREAN: Final = ("cp949", re.compile("[가-힣]+"))
_CHINESE: Final = ("gb2312", re.compile("[一-鿿]+"))
#: Fewer different syllables may as well be Chinese.
_SYLLABLES: Final = 8
_BESIDE_LATIN: Final = re.compile("[A-Za-z][^\x00-\x7f]|[^\x00-\x7f][A-Za-z]")
_GREEK_OR_CYRILLIC: Final = re.compile("[Ͱ-ӿ]{2}")
_NOT_ASCII: Final = re.compile("[^\x00-\x7f]+")
_SAMPLE: Final = 1_000_000  # bytes
_WORDS_JUDGED: Final = 500
#: A word with a byte outside ASCII, and with what is glued to it.
_FOREIGN_WORD: Final = re.compile(rb"[0-9A-Za-z]*[\x80-\xff][0-9A-Za-z\x80-\xff]*")
_WORD: Final = re.compile(r"[^\W\d_]+")


def find_encoding(data: bytes) -> tuple[str, str] | None:
    """The text in an old encoding other than Windows-1252, and its name; None if its words show no
    other."""
    words = list(dict.fromkeys(_FOREIGN_WORD.findall(data[:_SAMPLE])))[:_WORDS_JUDGED]
    named = _count_columns_named(data)
    scores = [
        (_score(words, codec, languages), named(codec), codec, name)
        for codec, name, languages in _LATIN
    ]
    score, _, codec, name = max(scores, key=itemgetter(0, 1))
    text = _decode(data, codec)
    if text is None or score <= -len(words) or text == _decode(data, "cp1252"):
        return None
    return text, name


def _score(words: Sequence[bytes], codec: str, languages: Sequence[Neighbours]) -> float:
    """How well the words fit the languages; each may be in another one. A western word that
    Windows-1252 reads alike, as `Café`, says nothing against an encoding."""
    score = 0 if codec in _USUAL else -_FITS
    for word in words:
        text = _decode(word, codec)
        if text is None:
            return -inf
        points = _best_fit(text, languages)
        if points < 0 and text == _decode(word, "cp1252"):
            points = max(points, min(0, _best_fit(text, WESTERN)))
        score += points
    return score


def _best_fit(word: str, languages: Sequence[Neighbours]) -> int:
    return max(_fit(word, language) for language in languages)


def _fit(word: str, language: Neighbours) -> int:
    around = zip(f" {word}", word, f"{word} "[1:], strict=False)
    return sum(_fit_sign(*three, language) for three in around if not three[1].isascii())


def _fit_sign(before: str, sign: str, behind: str, language: Neighbours) -> int:
    if sign in _USUAL_HERE or not sign.isalpha():
        return 0 if _is_usual_there(before, sign, behind) else _MISFIT
    if not before.isalpha() and not behind.isalpha():  # £ may be a letter in another encoding
        return 0
    if before.islower() and sign.isupper():
        return _MISFIT
    usual_before, usual_behind = language.get(_plain(sign), ("", ""))
    fits = _plain(before) in usual_before and _plain(behind) in usual_behind
    return _FITS if fits else _MISFIT


def _is_usual_there(before: str, sign: str, behind: str) -> bool:
    if before.isalpha() and (behind.isalpha() or sign in _NOT_BEHIND_LETTERS):
        return sign in _WITHIN_WORDS
    return sign in _USUAL_HERE and (sign in _BEFORE_LETTERS or not behind.isalpha())


def _plain(sign: str) -> str:
    """As in the table; a Turkish İ becomes i, without the dot that Python adds."""
    return sign.lower()[0] if sign.isalpha() else "_"


def find_by_column_names(data: bytes) -> tuple[str, str] | None:
    """The text in the encoding of another alphabet in which the most columns have names that are
    known, and the encoding's name; None if Windows-1252 or more than one shows as many."""
    count = _count_columns_named(data)
    named = {one: count(one[0]) for one in _OTHER_ALPHABETS}
    most = max(named.values())
    found = [one for one in named if named[one] == most]
    if len(found) > 1 or most[0] < _COLUMNS_NAMED or count("cp1252") >= most:
        return None
    [(codec, name)] = found
    text = _decode(data, codec)
    return None if text is None else (text, name)


def _count_columns_named(data: bytes) -> Callable[[str], tuple[int, int]]:
    """In a codec: the most fields that a row names, and how many of the names have the right
    accents."""
    lines = data[:_HEADER_BYTES].splitlines()
    beginning = b"\n".join(lines[: min(SEARCHED_ROWS, max(1, len(lines) - 1))])

    def count(codec: str) -> tuple[int, int]:
        text = _decode(beginning, codec) or ""
        rows = ([one.strip(' "') for one in _BETWEEN_CELLS.split(row)] for row in text.split("\n"))
        foreign = [[cell for cell in row if not cell.isascii()] for row in rows]
        return max(
            (count_recognised(row), sum(plain_name(one) in _NAMES for one in row))
            for row in foreign
        )

    return count


def find_names_encoding(names: Sequence[bytes]) -> str | None:
    """The code page of East Asia that all of a ZIP's names are in, or, if they may be Korean or
    Chinese, cp437, which shows them garbled; None for any other."""
    if all(map(_is_greek_or_cyrillic, names)):
        return None
    if _KANA.search(_words_in(names, *_JAPANESE)):
        return "cp932"
    if korean := _words_in(names, *_KOREAN):
        return "cp949" if len(set(korean)) >= _SYLLABLES else "cp437"
    return "gb2312" if _words_in(names, *_CHINESE) else None


def _is_greek_or_cyrillic(name: bytes) -> bool:
    """Two such letters may be the bytes of one sign as well, but seldom with the case of a word."""
    text = decode_name(name) or ""
    return bool(_GREEK_OR_CYRILLIC.search(text)) and not _BESIDE_LATIN.search(text)


def _words_in(names: Sequence[bytes], codec: str, words: re.Pattern[str]) -> str:
    """All words outside ASCII; "" if some name is not in the code page. None stands beside a Latin
    letter."""
    texts = [text for raw in names if (text := _decode(raw, codec)) is not None]
    found = [word for text in texts for word in _NOT_ASCII.findall(text)]
    if len(texts) < len(names) or any(map(_BESIDE_LATIN.search, texts)):
        return ""
    return "".join(found) if all(map(words.fullmatch, found)) else ""


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
        if any(_letters(text) <= letters for letters in languages):
            return text
    return None


def _decode(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return None


def _letters(text: str) -> set[str]:
    """The letters outside ASCII, in lower case."""
    return {letter for letter in set(text.lower()) if letter > "\x7f" and letter.isalpha()}
