"""Reads numbers as shops write them, exactly and by one convention per column, and writes them for
people."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

#: The decimal sign. The other of the two, spaces and apostrophes group digits.
DecimalSign = Literal["point", "comma"]
Evidence = Literal["point", "comma", "none", "open"]
SIGNS: Final[dict[DecimalSign, str]] = {"point": ".", "comma": ","}
#: How each convention looks, for a person to choose.
EXAMPLES: Final[dict[DecimalSign, str]] = {"point": "1,299.00", "comma": "1.299,00"}

_LONGEST: Final = 60
_CODES: Final = (
    *("INR", "USD", "EUR", "GBP", "JPY", "CNY", "AUD", "CAD", "CHF", "AED", "SAR", "SGD", "MYR"),
    *("HKD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "RON", "TRY", "RUB", "BRL", "MXN"),
    *("ZAR", "KRW", "THB", "IDR", "PHP", "VND", "BDT", "PKR", "LKR", "NPR", "ILS", "EGP", "NGN"),
    *("KWD", "BHD", "OMR", "QAR", "JOD", "TWD", "UAH", "BGN", "KZT", "ISK", "COP", "CLP", "ARS"),
    *("PEN", "MAD", "TND", "KES", "GHS", "RSD"),
)
#: Signs and words for a currency, and its code; $ and kr belong to several countries.
_SYMBOLS: Final = (
    "₹ INR|RS INR|RS. INR|RE. INR|RE INR|RUPEES INR|RUPEE INR|DOLLARS $|"
    "€ EUR|EURO EUR|£ GBP|$ $|US$ USD|A$ AUD|AU$ AUD|"
    "C$ CAD|CA$ CAD|HK$ HKD|S$ SGD|NZ$ NZD|R$ BRL|¥ ¥|KR kr|KR. kr|ZŁ PLN|KČ CZK|FT HUF|LEI RON|"
    "FR. CHF|SFR. CHF|TL TRY|DH AED|DHS AED|DHS. AED|RM MYR|NT$ TWD|MX$ MXN|RP IDR|RP. IDR|"
    "РУБ RUB|РУБ. RUB|ГРН UAH|ГРН. UAH|ЛВ BGN|ЛВ. BGN|RMB CNY|元 CNY|円 JPY|원 KRW|₩ KRW|"
    "Р RUB|Р. RUB|R ZAR|S/ PEN|S/. PEN|Đ VND|VNĐ VND|"
    "₽ RUB|₺ TRY|₴ UAH|₪ ILS|₱ PHP|₦ NGN|₸ KZT|₫ VND|৳ BDT|EUROS EUR|฿ THB|د.إ AED|ر.س SAR"
)
#: eBay writes `US $12.99`.
_SPACED_DOLLAR: Final = re.compile(r"(?<=[A-Z]) (?=\$)")
_WORDS: Final = {code: code for code in _CODES} | dict(
    symbol.split(" ") for symbol in _SYMBOLS.split("|")
)
#: Currencies in which prices have no decimals: the sign in `1,299円` groups digits.
_WITHOUT_DECIMALS: Final = frozenset({"JPY", "KRW", "VND", "IDR", "CLP", "ISK"})
#: Currencies of a thousand parts: elsewhere the sign in `$1,299` groups digits.
_OF_THOUSANDTHS: Final = frozenset({"KWD", "BHD", "OMR", "JOD", "TND"})
#: Signs of several currencies: a code beside one says which.
_OF_SEVERAL: Final = frozenset({"$", "¥", "kr"})
_CURRENCY: Final = "|".join(
    [*(re.escape(word) for word in sorted(_WORDS, key=len, reverse=True)), r"[^\W\d]?[₠-⃀¤]"]
)
_BEFORE: Final = re.compile(rf"({_CURRENCY})(?![A-Z])\s*", re.IGNORECASE)
_AFTER: Final = re.compile(rf"\s*(?<![A-Z])({_CURRENCY})", re.IGNORECASE)
#: `1299/-` in India, `1299:-` in Sweden; `1299,-` and `1299.–` elsewhere in Europe, where the dash
#: stands for the decimals.
_DASH_END: Final = re.compile(r"[/:]\s*[-–—=]{1,2}$")
_DASHED_DECIMALS: Final = re.compile(r"(?<=[.,])\s*[-–—]{1,2}$")
#: `MRP 999`, `12,50 € inkl. 19 % MwSt.`, `999 + GST`, `9.00 TTC`, `999/- only`, `12.50/pc` and
#: `12,50*`: words on taxes, one piece and footnotes, which leave the amount as it is.
_TAX: Final = r"(?:mwst|ust|vat|[cis]?gst|tax|taxes|taxe|tva|iva|btw|moms|kdv|ндс)\.?"
_RATE: Final = r"\d{1,2}(?:[.,]\d)?\s*%"
_SAID_BEFORE: Final = re.compile(
    r"^(?:mrp|uvp|rrp|msrp|price|preis|nur|only|now|税込)\s*:?\s*(?=\S)", re.IGNORECASE
)
_SAID_BEHIND: Final = re.compile(
    rf"(?<=\S)\s*(?:[(*]?(?:(?:inkl|incl|inc|exkl|excl|ex|zzgl|plus)\b\.?|including|excluding|\+)\s*"
    rf"(?:(?:of|der|ges|gesetzl|all)\b\.?\s*)*(?:{_RATE}\s*{_TAX}|{_RATE}|{_TAX})\)?"
    rf"|\b{_TAX} (?:incl|inkl|excl)\w*\.?|\(?税[込抜]み?\)?"
    r"|\b(?:ttc|ht|brutto|netto|gross|net|only|each)\.?"
    r"|(?:/|\bper|\bpro|\bje|\bpar)\s*(?:pcs?|piece|pièce|unit|item|nos?|stück|stk|st|pair|paar|set)\.?"
    r"|\bp\.? ?st\.?|\bea\.?"
    r"|\*{1,3})$",
    re.IGNORECASE,
)
#: `12€50` in France: the currency is the decimal sign.
_DECIMAL_CURRENCY: Final = re.compile(r"(?<=\d) ?[€£] ?(?=\d\d\Z)")
#: `9.`, as the format `0.##` shows a whole number.
_BARE_SIGN: Final = re.compile(r"(?<=\d)[.,]$")
_BODY: Final = re.compile(r"[.,]?\d(?:[\d.,' ]*\d)?")
_GROUPS: Final = re.compile(r"\d{1,3}(?:G\d{3})+|\d{1,2}(?:G\d{2})*G\d{3}")
_SCIENTIFIC: Final = re.compile(r"[+-]?\d+(?:[.,]\d+)?E[+-]?\d+", re.IGNORECASE)
_NOTHING: Final = frozenset(
    {"-", "–", "—", "--", "n/a", "n.a.", "k.a.", "na", "nan", "none", "null", "nil", "\\n", "<na>"}
    | {"[]", "{}"}
)
_LOOKALIKES: Final = str.maketrans(
    {"−": "-", "’": "'", "‘": "'", "´": "'", "`": "'", "٫": ".", "٬": "'", "，": ",", "．": "."}
    | {"·": "."}
)


class NotANumber(Exception):
    """The cell holds no usable number; the text says why and follows the column's name."""


@dataclass(frozen=True)
class Amount:
    """The parts of a cell: `digits` with their signs, not yet read by a convention."""

    digits: str
    negative: bool = False
    percent: bool = False
    currency: str | None = None


@dataclass(frozen=True)
class Convention:
    """How a column's numbers are read. `sign` is None until a person chooses it.

    `reason` is for that person; `currencies` are those found in the column.
    """

    sign: DecimalSign | None
    reason: str
    currencies: tuple[str, ...] = ()


def is_nothing(text: str) -> bool:
    """Whether the cell stands for no number: a dash, n/a."""
    return text.casefold() in _NOTHING


def take_apart(text: str) -> Amount:
    """The digits of a cell without currency, percent sign, minus and accountants' brackets.

    Raises NotANumber.
    """
    if len(text) > _LONGEST:
        raise NotANumber("must be a number, not a text")
    if any(sign.isdigit() and not sign.isdecimal() for sign in text):
        raise NotANumber(f"must be a number, not {text!r}")  # the footnote of `12¹` is no digit
    rest = _SAID_BEHIND.sub("", _in_ascii_digits(text)).removeprefix("=").removeprefix("'")
    rest = _SAID_BEFORE.sub("", rest).strip()
    if _SCIENTIFIC.fullmatch(rest):
        raise NotANumber(f"{text} is written with an exponent, which may hide digits: write it out")
    bracketed = rest.startswith("(") and rest.endswith(")")
    rest = rest[1:-1].strip() if bracketed else rest
    rest, negative = _without_minus(rest)
    rest, currency = _without_currency(_DECIMAL_CURRENCY.sub(",", rest))
    rest, inner_minus = _without_minus(_without_dash(rest))
    percent = rest[:1] == "%" or rest[-1:] == "%"
    rest = rest.removeprefix("%").removesuffix("%").strip()
    rest = _BARE_SIGN.sub("", rest)
    if not _BODY.fullmatch(rest):
        raise NotANumber(f"must be a number, not {text!r}")
    return Amount(rest, negative or inner_minus or bracketed, percent, currency)


def _in_ascii_digits(text: str) -> str:
    """Replace full-width, Hindi and Arabic digits, no-break and thin spaces with plain ones."""
    if text.isascii() and "`" not in text:
        return text.strip()
    text = unicodedata.normalize("NFKC", text.translate(_LOOKALIKES)).translate(_LOOKALIKES)
    plain = (
        str(unicodedata.decimal(character)) if character.isdecimal() else character
        for character in text
    )
    return " ".join("".join(plain).split())


def _without_minus(text: str) -> tuple[str, bool]:
    if text.startswith(("-", "+")):
        return text[1:].strip(), text[0] == "-"
    if text.endswith("-") and not (_DASH_END.search(text) or _DASHED_DECIMALS.search(text)):
        return text[:-1].strip(), True
    return text, False


def _without_dash(text: str) -> str:
    """Without the dash of `1299,-`, and without its sign if that groups digits, too: `1.299.-`."""
    plain = _DASHED_DECIMALS.sub("", _DASH_END.sub("", text)).strip()
    if plain == text or plain[-1:] not in (".", ","):
        return plain
    whole, sign = plain[:-1], plain[-1]
    if sign in whole:
        return f"{whole}{'.' if sign == ',' else ','}00"
    return whole if sign == "." else f"{plain}00"


def _without_currency(text: str) -> tuple[str, str | None]:
    """The text without its currency, and the currency. `$12.99 USD` names it on both sides: raises
    NotANumber if the two differ."""
    text = _SPACED_DOLLAR.sub("", text)
    before = _BEFORE.match(text)
    rest = text[before.end() :] if before else text
    after = re.search(_AFTER.pattern + r"\Z", rest, re.IGNORECASE)
    if after:
        rest = rest[: after.start()]
    words = [match[1].upper() for match in (before, after) if match]
    codes = {_WORDS.get(word, word) for word in words}
    exact = codes - _OF_SEVERAL
    if len(exact) > 1:
        raise NotANumber(f"names two currencies ({', '.join(sorted(exact))})")
    return rest.strip(), next(iter(exact or codes), None)


def evidence(digits: str, percent: bool = False) -> Evidence:
    """What the digits say about their decimal sign: "open" if they allow both, as `1,299`
    does."""
    points, commas = digits.count("."), digits.count(",")
    if not points and not commas:
        return "none"
    if points and commas:
        return "point" if digits.rfind(".") > digits.rfind(",") else "comma"
    sign: DecimalSign = "point" if points else "comma"
    if points + commas > 1:
        return "comma" if sign == "point" else "point"
    before, _, after = digits.partition(SIGNS[sign])
    grouped_otherwise = " " in before or "'" in before
    open_ = len(after) == 3 and 1 <= len(before) <= 3 and not before.startswith("0")
    return "open" if open_ and not grouped_otherwise and not percent else sign


def decide(amounts: Sequence[Amount], percent: bool = False) -> Convention:
    """One convention for a column, from all of its amounts. `percent`: they are rates below 100,
    so three digits after a sign are decimals."""
    seen = Counter(evidence(amount.digits, percent) for amount in amounts)
    codes = dict.fromkeys(amount.currency for amount in amounts if amount.currency)
    currencies = tuple(code for code in codes if code)
    if seen["point"] and seen["point"] == seen["comma"]:
        return Convention(None, "the column has numbers of both kinds", currencies)
    if seen["point"] or seen["comma"]:
        sign: DecimalSign = "point" if seen["point"] > seen["comma"] else "comma"
        return Convention(sign, "from the column's own numbers", currencies)
    if seen["open"]:
        if (sign_of_groups := _sign_of_groups(amounts)) and (why := _why_grouped(amounts)):
            return Convention(sign_of_groups, why, currencies)
        return Convention(None, "every number can be read in two ways", currencies)
    return Convention("point", "the column has no decimals", currencies)


def _sign_of_groups(amounts: Sequence[Amount]) -> DecimalSign | None:
    """The convention of amounts that are whole, if all group their digits alike."""
    signs = {sign for amount in amounts for sign in SIGNS.values() if sign in amount.digits}
    if len(signs) != 1:
        return None
    return "point" if signs == {","} else "comma"


def _why_grouped(amounts: Sequence[Amount]) -> str | None:
    """Why amounts that could have three decimals have none: their currencies have not so many."""
    if all(map(_is_whole, amounts)):
        return f"{amounts[0].currency} has no decimals"
    for amount in amounts:
        named = amount.currency and amount.currency not in _OF_THOUSANDTHS
        if named and evidence(amount.digits) == "open" and amount.digits[-1] != "0":
            return f"{amount.currency} has two decimals at most"
    return None


def _is_whole(amount: Amount) -> bool:
    """Whether its currency has no decimals: of ¥ only the yen, but no yuan has a decimal comma."""
    is_yen = amount.currency == "¥" and "," in amount.digits
    return is_yen or amount.currency in _WITHOUT_DECIMALS


def read_amount(amount: Amount, sign: DecimalSign) -> Decimal:
    """The exact number. Raises NotANumber where the digits don't fit the convention."""
    decimal_sign = SIGNS[sign]
    group_sign = "," if decimal_sign == "." else "."
    whole, _, decimals = amount.digits.partition(decimal_sign)
    if decimals and not decimals.isdigit():
        raise _misfit(amount)
    groups = {character for character in whole if not character.isdigit()}
    if len(groups) > 1 or not groups <= {group_sign, " ", "'"}:
        raise _misfit(amount)
    for group in groups:
        if not re.fullmatch(_GROUPS.pattern.replace("G", re.escape(group)), whole):
            raise _misfit(amount)
        whole = whole.replace(group, "")
    value = Decimal(f"{whole or '0'}.{decimals or '0'}" if decimals else whole or "0")
    return -value if amount.negative else value


def _misfit(amount: Amount) -> NotANumber:
    return NotANumber(f"must be a number, not {amount.digits!r}")


def read_alone(text: str, *, percent: bool = False) -> Decimal:
    """An amount that no column explains. Raises NotANumber."""
    amount = take_apart(text)
    if amount.percent and not percent:
        raise NotANumber(f"must be an amount, not the percentage {text}")
    sign = decide([amount], percent).sign
    if sign is None:
        whole, decimals = both_readings(amount.digits)
        raise NotANumber(f"{text} can be {whole} or {decimals}: write {whole}, or {decimals}0")
    return read_amount(amount, sign)


def both_readings(digits: str) -> tuple[str, str]:
    """What an open number can mean: ("1299", "1.299")."""
    signs = re.compile(r"[.,]")
    return signs.sub("", digits), signs.sub(".", digits)


def shown_amount(amount: Decimal) -> str:
    """An amount for people of any country: 1299.50, and 45000 without decimals. A sign between
    thousands would be the decimal sign to some of them."""
    whole = amount == amount.to_integral_value()
    return f"{amount.to_integral_value() if whole else amount:f}"
