"""What a cell in the column of SKUs says, and what programs made of it."""

from __future__ import annotations

import re
from typing import Final

from packshot.spreadsheets.numbers import is_nothing
from packshot.spreadsheets.table import Record

#: `4,01E+12`, `4.01E12`, `4E+12`; but `12E45` is a shop's own code.
_EXPONENT: Final = re.compile(r"\d+(?:[.,]\d*E\+?|E\+)\d+", re.IGNORECASE)
#: `5-1` becomes `05-Jan` or `Jan-05` in a file that Excel saved as CSV, `05. Jan` or `Jan 05` in a
#: German one.
_MONTH: Final = (
    "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mär|mrz|mai|okt|dez|janv|févr|mars|avr|juin"
    "|juil|août|sept|déc|ene|abr|ago|dic|gen|mag|giu|lug|set|ott|mrt|mei|märz|fev|out|sty|lut|kwi"
    "|maj|cze|lip|sie|wrz|paź|lis|gru|янв|фев|мар|апр|май|июн|июл|авг|сен|окт|ноя|дек)"
)
_LIKE_A_DATE: Final = re.compile(
    rf"\d{{1,2}}(?:-|\. ?){_MONTH}\.?(?:[- ]\d{{2,4}})?|{_MONTH}\.?[- ]\d{{2,4}}"
    r"|\d{1,2}([/.-])\d{1,2}\1\d{4}|\d{1,2}/\d{1,2}/\d\d"
    r"|(?:19|20)\d\d([-/])\d\d\2\d\d(?:[ T][\d:]+)?|\d{1,2}[月월] ?\d{1,2}[日일]",
    re.IGNORECASE,
)
_BETWEEN_SKUS: Final = re.compile("[;|]|, ")
#: What a program shows, and exports, of a number that is wider than its column.
_TOO_NARROW: Final = re.compile("#{3,}")
#: Excel keeps 15 digits of a number and replaces the rest with zeros.
_EXACT_DIGITS: Final = 15
ENTER_AGAIN: Final = "format the column as text, and enter it again"


def is_empty_sku(text: str) -> bool:
    """Whether a cell says nothing, or has only signs, as `?`; an emoji is more."""
    only_signs = text.isascii() and not any(map(str.isalnum, text))
    return is_nothing(text) or (only_signs and not _TOO_NARROW.fullmatch(text))


def why_spoilt(text: str, record: Record, index: int) -> str | None:
    """What a spreadsheet program did to the SKU or barcode in this cell, so that it is no longer
    that."""
    kind = record.kinds.get(index)
    if kind == "date":
        return f"is a date that the program made: {ENTER_AGAIN}"
    if _TOO_NARROW.fullmatch(text):
        return "was hidden because its column is too narrow: widen it, and save the file again"
    if _EXPONENT.fullmatch(text):
        return f"was shortened to an exponent and lost digits: {ENTER_AGAIN}"
    if kind == "number" and len(record.cell(index)) > _EXACT_DIGITS:
        return f"has more digits than a number keeps exactly: {ENTER_AGAIN}"
    return None


def what_to_check(sku: str) -> str | None:
    """What a person should look at, because the cell may mean something else than this SKU."""
    if _LIKE_A_DATE.fullmatch(sku):
        return f"{sku} looks like a date that a spreadsheet program made of a SKU: check it"
    if _may_be_several(sku):
        return "is read as one SKU: if these are several, give each a row of its own"
    return None


def _may_be_several(text: str) -> bool:
    """`A1, A2`, `A1;A2`, `RING-1,RING-2`: several SKUs, or one with such a sign."""
    spaced, joined = _BETWEEN_SKUS.split(text), text.split(",")
    return (len(spaced) > 1 and all(map(_may_be_listed, spaced))) or (
        len(joined) > 1 and all(map(_may_be_joined, joined))
    )


def _may_be_listed(part: str) -> bool:
    return "," not in part and any(map(str.isalnum, part))


def _may_be_joined(part: str) -> bool:
    is_one_word = len(part) >= 3 and part.split() == [part]
    return is_one_word and any(map(str.isdecimal, part))


def variants_in(text: str) -> list[str]:
    """The SKUs of a listing's variants, as Etsy joins them: `RING-S,RING-M`."""
    return list(dict.fromkeys(filter(None, map(str.strip, text.split(",")))))
