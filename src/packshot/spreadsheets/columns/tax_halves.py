"""Reads India's GST where a sheet has its two halves: CGST for the country and SGST, or UTGST, for
the state."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from packshot.spreadsheets.header import ATTRIBUTE, Column, plain_name
from packshot.spreadsheets.numbers import NotANumber, read_alone
from packshot.spreadsheets.table import Record, SheetProblem

_OF_RATE: Final = r"(?: (?:rate|percent|percentage|pct))?"
_CENTRAL: Final = re.compile(rf"(?:cgst|central (?:tax|gst)){_OF_RATE}")
_STATE: Final = re.compile(
    rf"(?:sgst|utgst|sgst utgst|(?:state|ut|state ut) (?:tax|gst)){_OF_RATE}"
)
_SAYS_RATE: Final = re.compile(r"%|\b(?:rate|percent|percentage|pct)\b", re.IGNORECASE)
#: Half of each rate that India has had: other numbers without a percent sign may be amounts.
_HALF_RATES: Final = frozenset(
    map(Decimal, ("0", "0.05", "0.125", "0.5", "0.75", "1.5", "2.5", "3", "6", "9", "14", "20"))
)
_AMOUNT: Final = r"\d{1,2}(?:[.,]\d{1,3})?\s*%?"
#: `9% + 9%`, `18% (9% + 9%)`.
_SUM: Final = re.compile(
    rf"(?:(?P<whole>{_AMOUNT})\s*\(\s*)?(?P<one>{_AMOUNT})\s*\+\s*(?P<other>{_AMOUNT})\s*(?(whole)\))"
)


def _find_halves(
    columns: Sequence[Column], records: Sequence[Record]
) -> tuple[Column, Column] | None:
    """The columns of the two halves, if they have the same rates in every row."""
    names = {column.index: plain_name(column.name) for column in columns}
    central = next((one for one in columns if _CENTRAL.fullmatch(names[one.index])), None)
    state = next((one for one in columns if _STATE.fullmatch(names[one.index])), None)
    if central is None or state is None:
        return None
    rates: set[Decimal] = set()
    signed = bool(_SAYS_RATE.search(central.name))
    for record in records:
        one, other = record.cell(central.index), record.cell(state.index)
        rate, same = _rate(one), _rate(other)
        if (one or other) and (rate is None or rate != same):
            return None
        rates |= {rate} if rate is not None else set()
        signed = signed or "%" in one
    return (central, state) if rates and (signed or rates <= _HALF_RATES) else None


def with_halves(
    mapping: dict[str, str], columns: Sequence[Column], records: Sequence[Record]
) -> dict[str, str]:
    """The guessed mapping, the first half as the GST if no column has the whole."""
    if "gst" in mapping.values() or not (halves := _find_halves(columns, records)):
        return mapping
    return {**mapping, halves[0].name: "gst", halves[1].name: ATTRIBUTE}


def add_halves(
    columns: Sequence[Column], records: list[Record]
) -> tuple[list[Record], list[SheetProblem]]:
    """The rows with the whole GST in the column of the first half, if that is read as the GST."""
    halves = _find_halves(columns, records)
    if halves is None or halves[0].field != "gst":
        return records, []
    central, state = halves
    wholes = [
        record.with_cell(central.index, f"{(rate * 2).normalize():f}%")
        if (rate := _rate(record.cell(central.index))) is not None
        else record
        for record in records
    ]
    detail = f"is read as the GST together with {state.name}: they are its halves, 9 + 9 is 18"
    return wholes, [SheetProblem(None, central.name, detail, "note")]


def with_sum(text: str) -> str:
    """`18%` for `9% + 9%` and for `18% (9% + 9%)`. Raises NotANumber for another sum."""
    found = _SUM.fullmatch(text.strip())
    one, other = (_rate(found[name]) if found else None for name in ("one", "other"))
    if found is None or one is None or one != other:
        raise NotANumber(f"must be one rate, not {text!r}")
    whole = (one * 2).normalize()
    if found["whole"] and _rate(found["whole"]) != whole:
        raise NotANumber(f"must be one rate, not {text!r}")
    return f"{whole:f}%"


def _rate(text: str) -> Decimal | None:
    try:
        return read_alone(text, percent=True).normalize() if text else None
    except NotANumber:
        return None
