"""Barcodes (EAN, GTIN, UPC, ISBN) as spreadsheet programs spoil them.

A barcode that lost digits is left out: it would replace a good one. A check digit that is wrong is
only noted, because somebody may have typed it so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from packshot.spreadsheets.columns.sku_cells import ENTER_AGAIN, why_spoilt
from packshot.spreadsheets.header import ATTRIBUTE, Column, index_of
from packshot.spreadsheets.table import Record, SheetProblem, list_first
from packshot.spreadsheets.view_words import without_accents

#: Words of a column's name, without accents and spaces between them: `EAN-Code`, `Variant Barcode`,
#: `GTIN, UPC, EAN, or ISBN`, `Code-barres`.
_NAMES: Final = re.compile(
    r"\b(?:ean|gtin|upc|isbn)(?:[ -]?(?:8|10|12|13|14|a|e|code|codes|nr|no|nummer|number))*\b"
    r"|\bjan ?(?:code|コード)|bar ?codes?|bar ?kode?|\bstrichcode|\bcodes? (?:a )?barres?\b"
    r"|\bcod(?:igo|ice|ici)? (?:de |a )?barr(?:as|e)\b|\bstreepjescode|\bkod(?:y)? kreskow"
    r"|\bstreckkod|\bstre[gk]kode|\bviivakoodi|\bcarovy kod|\bciarovy kod|\bvonalkod|\bcod de bare"
    r"|штрих ?код|γραμμωτος κωδικ|バーコード|条形码|条码|條碼|바코드|باركود|बारकोड"
)
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BETWEEN_WORDS: Final = re.compile(r"[_\s-]+")
#: `'4006381333931`, as Excel marks a text, and `4006381333931.0`, as programs that calculate write.
_DECORATED: Final = re.compile(r"'?(\d{6,14})(?:[.,]0+)?")
_BETWEEN_DIGITS: Final = re.compile(r"[ -]")
#: An exponent shows six digits.
_LOST: Final = "0" * 6
#: Digits of an EAN-8, a UPC, an EAN or ISBN, and a GTIN-14; leading zeros change no check digit.
_LENGTHS: Final = (8, 12, 13, 14)
_ROWS_NAMED: Final = 3


def is_barcode(name: str) -> bool:
    """Whether a column of this name has barcodes."""
    words = _BETWEEN_WORDS.sub(" ", _CAMEL.sub(" ", name))
    return _NAMES.search(without_accents(words)) is not None


def drop_broken_barcodes(
    columns: Sequence[Column], records: list[Record]
) -> tuple[list[Record], list[SheetProblem]]:
    """The records without the barcodes that lost digits, and a note for each of these; one note for
    each column with barcodes that may be wrong. The SKU has its own rules."""
    problems: list[SheetProblem] = []
    sku = index_of(columns, "sku")
    for column in columns:
        if column.field != ATTRIBUTE or not is_barcode(column.name):
            continue
        doubtful: list[Record] = []
        for place, record in enumerate(records):
            written = record.cell(column.index)
            text = plain[1] if (plain := _DECORATED.fullmatch(written)) else written
            if why := why_spoilt(text, record, column.index) or _why_cut_off(text):
                of = record.text(sku) if sku is not None else ""
                detail = f"{f'{of}: ' if of else ''}{text} is left out, because it {why}"
                problems.append(SheetProblem(record.number, column.name, detail, "note"))
                records[place] = record.with_cell(column.index, "")
                continue
            if text != written:
                records[place] = record.with_cell(column.index, text)
            if _is_doubtful(text):
                doubtful.append(records[place])
        problems += _note_doubtful(column, doubtful)
    return records, problems


def _why_cut_off(text: str) -> str | None:
    if text.endswith(_LOST) and len(text) in _LENGTHS[1:] and _is_doubtful(text):
        return f"lost its last digits, as an exponent that is written out: {ENTER_AGAIN}"
    return None


def _is_doubtful(text: str) -> bool:
    """Whether it is a number, but no barcode: its check digit is wrong, or zeros are missing."""
    digits = _BETWEEN_DIGITS.sub("", text)
    if not digits.isdecimal() or not digits.isascii() or len(digits) < 6:
        return False  # empty, a shop's own code, or an ISBN that ends with X
    if len(digits) == 10 and _is_isbn10(digits):
        return False
    if len(digits) not in _LENGTHS:
        return True
    return not (_has_check_digit(digits) or _is_upc_e(digits))


def _has_check_digit(digits: str) -> bool:
    """GS1's check digit: the digits count 1 and 3 times from the right, and sum up to tens."""
    return sum(int(digit) * (1, 3)[at % 2] for at, digit in enumerate(digits[::-1])) % 10 == 0


def _is_upc_e(digits: str) -> bool:
    """A UPC-E is a UPC without some of its zeros; its seventh digit says which, and its check digit
    is that of the UPC (GS1 General Specifications 5.2.2.4.2)."""
    if len(digits) != 8 or digits[0] not in "01":
        return False
    system, maker, rule, check = digits[0], digits[1:6], digits[6], digits[7]
    if rule in "012":
        body = f"{maker[:2]}{rule}0000{maker[2:]}"
    elif rule in "34":
        kept = int(rule)
        body = f"{maker[:kept]}00000{maker[kept:]}"
    else:
        body = f"{maker}0000{rule}"
    return _has_check_digit(f"{system}{body}{check}")


def _is_isbn10(digits: str) -> bool:
    return sum(int(digit) * (10 - at) for at, digit in enumerate(digits)) % 11 == 0


def _note_doubtful(column: Column, records: Sequence[Record]) -> list[SheetProblem]:
    if not records:
        return []
    named = [f"{one.cell(column.index)} in row {one.number}" for one in records]
    detail = (
        f"{list_first(named, _ROWS_NAMED)}: the check digit is wrong, or digits such as leading"
        " zeros are missing; kept as it is"
    )
    return [SheetProblem(None, column.name, detail, "note")]
