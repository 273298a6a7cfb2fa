"""Reads the number columns of a table: each one's convention, and the exact amounts of its rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as made_by
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final

from packshot.errors import SpreadsheetError
from packshot.spreadsheets.columns.tax_halves import with_sum
from packshot.spreadsheets.fields import MAX_MONEY, MONEY, NUMBERS, PERCENTAGES, split_names
from packshot.spreadsheets.header import Column
from packshot.spreadsheets.number_formats import decimals_shown
from packshot.spreadsheets.numbers import (
    EXAMPLES,
    SIGNS,
    Amount,
    Convention,
    DecimalSign,
    NotANumber,
    both_readings,
    decide,
    evidence,
    is_nothing,
    read_amount,
    take_apart,
)
from packshot.spreadsheets.picture_cells import PICTURE_IN_CELL
from packshot.spreadsheets.table import Record, SheetProblem

_CENT: Final = Decimal("0.01")
#: What programs write for 12.99 is 12.989999999999998 at times.
_BINARY_NOISE: Final = Decimal("0.000001")
#: A cell with a percentage has a rate, whatever else it says: `Standard (20%)`, `9% + SGST 9%`.
_SAYS_RATE: Final = re.compile(r"[%٪]|per ?cent|pct", re.IGNORECASE)
#: One with only these words has one, too: Flipkart's `GST_18`; but not `Tax class 1`.
_OF_RATES: Final = frozenset(
    split_names("inkl, incl, zzgl, plus, gst, cgst, sgst, igst, ugst, vat, tax, mwst, rate, slab")
)
_WORDS: Final = re.compile(r"(?:[^\W\d]+\.?|[_:@=()-])+")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)?")
#: Different taxes for each rate that show what a column has, the most rates, and how far each tax
#: is off by being rounded.
_TAXES: Final = 3
_RATES: Final = 4
_ROUNDED: Final = Decimal("0.02")
_LONGEST_DETAIL: Final = 120
_OPEN: Final = "every number can be read in two ways"


@dataclass
class NumberColumn:
    """One column mapped onto a number; `cells` are its amounts by row number."""

    column: Column
    convention: Convention = made_by(default_factory=lambda: Convention("point", ""))
    cells: dict[int, Amount] = made_by(default_factory=dict)
    values: dict[int, Decimal] = made_by(default_factory=dict)
    problems: list[SheetProblem] = made_by(default_factory=list)

    @property
    def field(self) -> str:
        return self.column.field

    @property
    def is_percentage(self) -> bool:
        return self.field in PERCENTAGES

    @property
    def bad_rows(self) -> set[int]:
        """Rows whose amount can't be used yet."""
        undecided = self._open_rows() if self.convention.sign is None else set()
        bad = {one.row for one in self.problems if one.level == "error" and one.row is not None}
        return bad | undecided

    def _open_rows(self) -> set[int]:
        return {row for row, amount in self.cells.items() if self.evidence(amount) != "none"}

    def evidence(self, amount: Amount) -> str:
        return evidence(amount.digits, percent=self.is_percentage or amount.percent)

    def report(self, row: int | None, detail: str) -> None:
        self.problems.append(SheetProblem(row, self.column.name, detail))

    def note(self, row: int | None, detail: str) -> None:
        self.problems.append(SheetProblem(row, self.column.name, detail, "note"))


def read_numbers(
    columns: Sequence[Column],
    records: Sequence[Record],
    chosen: Mapping[str, DecimalSign],
    otherwise: DecimalSign | None,
) -> list[NumberColumn]:
    """Read every mapped number column; `otherwise` is the sign of those for which none was chosen.
    Raises SpreadsheetError for a choice that does not fit."""
    found = [NumberColumn(column) for column in columns if column.field in NUMBERS]
    _check_choices(found, chosen)
    for column in found:
        _take_apart(column, records)
        column.convention = _convention(column, chosen.get(column.column.name, otherwise))
    _settle_by_neighbours(found)
    for column in found:
        _read(column)
    _leave_out_percentages({column.field: column for column in found})
    _leave_out_taxes({column.field: column for column in found})
    return found


def _leave_out_percentages(by_field: Mapping[str, NumberColumn]) -> None:
    """Leave out discounts that are percentages without a sign: 20 of 250 and 200."""
    if not {"mrp", "price", "discount"} <= by_field.keys():
        return
    mrps, prices, column = (by_field[field] for field in ("mrp", "price", "discount"))
    rows = [
        (mrps.values[row], prices.values[row], discount)
        for row, discount in column.values.items()
        if discount and row in mrps.values and row in prices.values
    ]
    if all(mrp - price == discount for mrp, price, discount in rows):
        return
    if all(abs(mrp * discount / 100 - (mrp - price)) <= mrp / 100 for mrp, price, discount in rows):
        column.values.clear()
        column.note(None, "has percentages, not amounts: left out, because MRP and price say them")


def _leave_out_taxes(by_field: Mapping[str, NumberColumn]) -> None:
    """Leave out amounts of tax in a column of rates: 1.80, 3.60 and 5.40 of 10, 20 and 30, also if
    other rows have another rate."""
    prices, column = by_field.get("price"), by_field.get("gst")
    if not prices or not column or any(amount.percent for amount in column.cells.values()):
        return
    rows = [(prices.values.get(row), tax) for row, tax in column.values.items() if tax]
    left = [(price, tax) for price, tax in rows if price]
    if not left or len(left) < len(rows):
        return
    for _ in range(min(len({tax for _, tax in left}) // _TAXES, _RATES)):
        most, its_tax = max(left, default=(Decimal(1), Decimal()))
        left = [(price, tax) for price, tax in left if abs(price * its_tax / most - tax) > _ROUNDED]
    if not left:
        column.values.clear()
        column.problems.clear()  # of rates above 100 or below 1
        column.note(None, "has amounts of tax, not rates: left out")


def _check_choices(found: Sequence[NumberColumn], chosen: Mapping[str, DecimalSign]) -> None:
    names = {column.column.name for column in found}
    for name, sign in chosen.items():
        if name not in names:
            raise SpreadsheetError(f"a convention names no column of numbers: {name[:60]!r}")
        if sign not in SIGNS:
            raise SpreadsheetError(f"a convention must be one of {', '.join(SIGNS)}")


def _take_apart(column: NumberColumn, records: Sequence[Record]) -> None:
    index = column.column.index
    for record in records:
        text = record.cell(index)
        if not text or record.problem:
            continue
        kind = record.kinds.get(index)
        if is_nothing(text) or (kind not in ("error", "number") and _is_words(text)):
            column.note(record.number, f"{text} is read as no amount"[:_LONGEST_DETAIL])
        elif kind == "error":
            column.report(record.number, error_words(text))
        elif kind == "number":
            _take_number(column, record, text)
        else:
            _take_text(column, record.number, text)


def _is_words(text: str) -> bool:
    """Whether a cell says something else than an amount, as `on request`: it is left empty."""
    return not any(map(str.isdecimal, text))


def error_words(text: str) -> str:
    if text == PICTURE_IN_CELL:
        return "contains a picture, which is not read"
    if text.startswith("="):
        again = "open the file, let it calculate, and save it"
        return f"is a formula without a stored value ({text[:40]}): {again}"
    return f"holds the error {text[:20]}: correct it in the spreadsheet"


def _take_number(column: NumberColumn, record: Record, text: str) -> None:
    """Read a number that the workbook stores as a number: it needs no convention. A price that was
    calculated is rounded to cents if the program shows no more decimals: 11.8881 is 11.89."""
    row = record.number
    try:
        value = Decimal(text.removesuffix("%"))
    except InvalidOperation:
        column.report(row, "must be a number")
        return
    if text.endswith("%") and not column.is_percentage:
        _report_percentage(column, row, text)
        return
    shown = decimals_shown(record.formats.get(column.column.index, ""))
    if shown is not None and shown <= 2 and not column.is_percentage and 0 < value < MAX_MONEY:
        rounded = value.quantize(_CENT, ROUND_HALF_UP)
        value = value if value == rounded else rounded  # 12.5 stays as it is
    column.values[row] = value


def _report_percentage(column: NumberColumn, row: int, text: str) -> None:
    """Report a percentage among amounts. A discount is left out: MRP and price say it, too."""
    if column.field == "discount":
        column.note(row, f"{text} is read as no amount"[:_LONGEST_DETAIL])
    else:
        column.report(row, f"must be an amount, not the percentage {text}")


def _take_text(column: NumberColumn, row: int, text: str) -> None:
    rate = _without_words(text) if column.is_percentage else text
    try:
        amount = take_apart(with_sum(rate) if column.is_percentage and "+" in rate[1:] else rate)
    except NotANumber as error:
        column.report(row, str(error))
        return
    if amount.percent and not column.is_percentage:
        _report_percentage(column, row, text)
        return
    column.cells[row] = amount


def _without_words(text: str) -> str:
    """The rate, or the sum of rates, in a cell that says more: `18%` of `GST @ 18%`."""
    words = set(_LETTERS.findall(text.casefold()))
    if not words or not (_SAYS_RATE.search(text) or words <= _OF_RATES):
        return text
    numbers = _NUMBER.findall(text)
    return f"{numbers[0]}%" if len(numbers) == 1 else _WORDS.sub(" ", text).strip()


def _convention(column: NumberColumn, chosen: DecimalSign | None) -> Convention:
    if column.values and not column.cells:
        return Convention("point", "the workbook's own numbers")
    found = decide(list(column.cells.values()), percent=column.is_percentage)
    if column.is_percentage and found.sign is None:  # each rate says its own, see `_read_cell`
        found = replace(found, sign="point", reason="each rate has its own sign")
    return replace(found, sign=chosen, reason="chosen") if chosen else found


def _settle_by_neighbours(found: Sequence[NumberColumn]) -> None:
    """Read an open column by the other columns' convention, because a file has one; note it."""
    money = [column for column in found if column.field in MONEY]
    sure = {
        column.convention.sign: column.column.name
        for column in money
        if any(column.evidence(amount) in SIGNS for amount in column.cells.values())
    }
    if len(sure) != 1 or None in sure:
        return
    ((sign, name),) = sure.items()
    for column in money:
        if column.convention.sign is None and column.convention.reason == _OPEN:
            reason = f"as in the column {name}"
            column.convention = replace(column.convention, sign=sign, reason=reason)
            row, amount = next(_open_cells(column))
            column.note(row, f"{amount.digits} could be read in two ways: read {reason}")


def _open_cells(column: NumberColumn) -> Iterator[tuple[int, Amount]]:
    return (
        (row, amount)
        for row, amount in column.cells.items()
        if column.evidence(amount) not in ("none", "")
    )


def _read(column: NumberColumn) -> None:
    sign = column.convention.sign
    misfits: list[int] = []
    if sign is None:
        _ask(column)
    for row, amount in column.cells.items():
        if sign is None and column.evidence(amount) != "none":
            continue
        try:
            column.values[row] = _read_cell(column, amount, sign or "point")
        except NotANumber:
            misfits.append(row)
    _report_misfits(column, misfits, sign or "point")
    for row, value in list(column.values.items()):
        _check(column, row, value)
    _note_currencies(column)
    _note_fractions(column)
    _note_zeros(column)


def _read_cell(column: NumberColumn, amount: Amount, sign: DecimalSign) -> Decimal:
    """By the column's convention; a rate, which has no thousands, by its own sign."""
    own = column.evidence(amount)
    if column.is_percentage and own in SIGNS:
        sign = "point" if own == "point" else "comma"
    return read_amount(amount, sign)


def _report_misfits(column: NumberColumn, rows: Sequence[int], sign: DecimalSign) -> None:
    """Report amounts that can't be read by the column's convention, and what to write if they are
    in the other one: `99,50` among `1'049.00`."""
    example = next(
        (row for row in column.values if row in column.cells and _shows(column, row, sign)), None
    )
    like = EXAMPLES[sign] if example is None else _place(column, example)
    for row in rows:
        amount = column.cells[row]
        words = f"{amount.digits} does not fit the column's other numbers, such as {like}"
        try:
            meant = abs(read_amount(amount, "comma" if sign == "point" else "point"))
        except NotANumber:
            column.report(row, f"{words}: correct it")
        else:
            plain = f"{meant:f}".replace(".", SIGNS[sign])
            column.report(row, f"{words}: write {plain} if it means that")


def _shows(column: NumberColumn, row: int, sign: DecimalSign) -> bool:
    return column.evidence(column.cells[row]) == sign


def _place(column: NumberColumn, row: int) -> str:
    return f"{column.cells[row].digits} in row {row}"


def _ask(column: NumberColumn) -> None:
    row, amount = next(_open_cells(column))
    rows = sum(1 for _ in _open_cells(column))
    whole, decimals = both_readings(amount.digits)
    which = f"{amount.digits} can be {whole} or {decimals}"
    if column.convention.reason != _OPEN:
        shown = [
            _place(column, next(row for row in column.cells if _shows(column, row, sign)))
            for sign in SIGNS
        ]
        which = f"{column.convention.reason}, such as {' and '.join(shown)}"
    more = f" ({rows:,} rows wait for this)" if rows > 1 else ""
    detail = f"{which}: say which is the decimal sign{more}"
    column.problems.append(SheetProblem(row, column.column.name, detail, "question"))


def _check(column: NumberColumn, row: int, value: Decimal) -> None:
    most = Decimal(100) if column.is_percentage else MAX_MONEY
    if not 0 <= value <= most:
        column.report(row, f"must be from 0 to {most}, not {value:f}"[:_LONGEST_DETAIL])
        return
    cents = value.quantize(_CENT)
    if abs(value - cents) >= _BINARY_NOISE:
        column.report(row, _too_exact(column, row, value)[:_LONGEST_DETAIL])
    elif value != cents:
        column.values[row] = cents


def _too_exact(column: NumberColumn, row: int, value: Decimal) -> str:
    """Three decimals may be thousands, in a column that has decimals after the same sign."""
    amount = column.cells.get(row)
    if amount is None or column.evidence(amount) != "open":
        return f"must have at most two decimals, not {value:f}"
    whole, _ = both_readings(amount.digits)
    words = f"must have at most two decimals, not {amount.digits}"
    return f"{words}: write {whole} if its sign groups thousands"


def _note_currencies(column: NumberColumn) -> None:
    if len(column.convention.currencies) > 1:
        names = ", ".join(column.convention.currencies)
        column.note(None, f"has several currencies ({names}): amounts are kept as plain numbers")


def _note_fractions(column: NumberColumn) -> None:
    """Note rates such as 0.18, which may mean 18 %: a workbook's cell may lack its format."""
    if not column.is_percentage:
        return
    rates = sum(1 for value in column.values.values() if value)
    fractions = {row: value for row, value in column.values.items() if 0 < value < 1}
    for row in _rows_to_note(list(fractions), rates):
        value = fractions[row or next(iter(fractions))]
        meant = (value * 100).normalize()
        column.note(row, f"{value} is read as {value} %: write {meant:f} if you mean that")


def _note_zeros(column: NumberColumn) -> None:
    """Nothing is sold for 0: shops' exports write it when there is no price."""
    zeros = [row for row, value in column.values.items() if not value]
    for row in _rows_to_note(zeros, len(column.values)) if column.field in ("mrp", "price") else ():
        kept = "kept as the price: leave it empty for none" if column.field == "price" else "none"
        column.note(row, f"is 0, which is {kept}")


def _rows_to_note(rows: Sequence[int], of: int) -> Sequence[int | None]:
    """The rows that get a note each; if that is all of several, None: one note on the column."""
    return [None] if len(rows) == of > 1 else rows
