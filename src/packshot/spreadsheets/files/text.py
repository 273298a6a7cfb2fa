"""Bytes of a text file -> its text, in the encoding it is in, with no character replaced."""

from __future__ import annotations

import codecs
import re
from typing import Final

from packshot.errors import SpreadsheetError
from packshot.spreadsheets.files.letter_neighbours import WESTERN
from packshot.spreadsheets.files.old_encodings import (
    USUAL_SIGNS,
    find_by_column_names,
    find_encoding,
)

_MARKS: Final = (  # the longer mark first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
#: Bytes of signs that Windows-1252 has, and ISO 8859 has not.
_ONLY_IN_1252: Final = re.compile(rb"[\x80-\x9f]")
_SAMPLE: Final = 4_096
#: No language of Western Europe has so many letters outside ASCII in a row.
_FOREIGN: Final = re.compile("[^\x00-\x7f]{3,}")
#: How Japanese in Shift-JIS reads: every letter begins with one of these signs.
_SHIFT_JIS: Final = re.compile(r"(?:[ƒ‚][^\s,;]){3}")
_SAVE_AS: Final = "save it as CSV UTF-8 (in Excel: Save As, CSV UTF-8)"


def decode(data: bytes) -> tuple[str, str]:
    """The text, and the name of the encoding it was in. Raises SpreadsheetError.

    A mark at the beginning decides. Without one, UTF-16 is recognised by its zero bytes, and text
    that is not UTF-8 is read as Windows-1252 or in the encoding that its letters show, unless half
    of it is UTF-8: then a few bytes are broken.
    """
    text, name = _decode(data)
    text = text.rstrip("\x1a\0")  # the end-of-file sign of old DOS programs, and a block's padding
    if "\0" in text:
        raise SpreadsheetError(
            f"the file has a zero character in {_line_of(text, text.index(chr(0)))}:"
            f" it is not a text file, or it is damaged; {_SAVE_AS}"
        )
    return text, name


def _decode(data: bytes) -> tuple[str, str]:
    for mark, encoding, name in _MARKS:
        if data.startswith(mark):
            return _strict(data[len(mark) :], encoding, name), name
    if unmarked := _unmarked_utf_16(data[:_SAMPLE]):
        return _strict(data, unmarked, "UTF-16"), "UTF-16"
    try:
        return data.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError as error:
        _refuse_mixed(data, error.start)
    if found := find_by_column_names(data) or find_encoding(data):
        return found
    if b"\xa4" in data and not _ONLY_IN_1252.search(data):  # its euro; nobody writes ¤
        return data.decode("iso8859_15"), "ISO-8859-15"
    text = _strict(data, "cp1252", "Windows-1252")
    _refuse_other_alphabet(text)
    return text, "Windows-1252"


def _strict(data: bytes, encoding: str, name: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(encoding, "ignore")
        raise SpreadsheetError(
            f"{_line_of(before, len(before))} has a byte that {name} does not know; {_SAVE_AS}"
        ) from None


def _unmarked_utf_16(sample: bytes) -> str | None:
    """Recognise UTF-16 by its zero bytes: Latin letters have one each, always on the same side."""
    pairs = len(sample) // 2
    if not pairs:
        return None
    first, second = sample[: pairs * 2 : 2].count(0), sample[1 : pairs * 2 : 2].count(0)
    if second > pairs * 0.4 and not first:
        return "utf-16-le"
    return "utf-16-be" if first > pairs * 0.4 and not second else None


def _refuse_mixed(data: bytes, first_bad: int) -> None:
    """Raises when at least half of the non-ASCII text is good UTF-8: then a few bytes are broken.

    Windows-1252 text holds what looks like UTF-8 only by rare accident ("É®").
    """
    text = data.decode("utf-8", "surrogateescape")
    broken = len(re.findall("[\udc80-\udcff]", text))
    good = len(re.findall("[^\x00-\x7f\udc80-\udcff]", text))
    if good >= broken:
        where = _line_of(data[:first_bad].decode("utf-8"), first_bad)
        raise SpreadsheetError(
            f"{where} is not in UTF-8, unlike the rest of the file: two files in different"
            f" encodings may have been joined; correct that row, or {_SAVE_AS}"
        )


def _refuse_other_alphabet(text: str) -> None:
    """Raises if the text is in no language of Windows-1252: Cyrillic, Greek, Chinese and others in
    their own encodings read as rows of accented letters."""
    for run in (*_FOREIGN.finditer(text), *_SHIFT_JIS.finditer(text)):
        if _is_foreign(run[0]):
            where = _line_of(text[: run.start()], run.start())
            raise SpreadsheetError(
                f"{where} is in an encoding that can't be recognised: {_SAVE_AS}"
            )


def _is_foreign(run: str) -> bool:
    if _SHIFT_JIS.match(run):
        return True
    letters = {sign for sign in run.lower() if sign.isalpha()}
    others = {sign for sign in run if not sign.isalpha()} - USUAL_SIGNS
    if len(others) > 1:
        return True
    return len(letters) > 2 and not any(letters <= set(language) for language in WESTERN)


def _line_of(text: str, end: int) -> str:
    """`line 3` of the file: its rows are not known yet."""
    return f"line {one_newline(text[:end]).count(chr(10)) + 1}"


def one_newline(text: str) -> str:
    """CR, LF, CRLF and the CRCRLF of files written twice through a text mode, all as LF."""
    return text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
