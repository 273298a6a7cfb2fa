"""What a spreadsheet program shows for a number whose format adds to it: 42 as ART-0042."""

from __future__ import annotations

import re
from typing import Final

#: A text in quotes or after a backslash, a space as wide as a sign, a digit, or a plain sign. A
#: format with others (thousands, dates, exponents, colours) is not read.
_TOKEN: Final = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_(?P<space>.)|(?P<digit>[0#])|(?P<plain>[-. /():+])'
)
#: What a format shows beside the digits: texts, spaces, and colours or currencies in brackets.
_TEXTS: Final = re.compile(r'"[^"]*"|\\.|_.|\[[^\]]*\]')
_DECIMALS: Final = re.compile(r"[0#](?:\.([0#?]+))?(?![0#?,.E])")


def decimals_shown(style: str) -> int | None:
    """How many decimals a format shows of a number; None if it is not one of fixed decimals."""
    places = _TEXTS.sub("", style.partition(";")[0])
    if not (found := _DECIMALS.search(places)):
        return None
    return len(found[1] or "")


def show_number(number: str, style: str | None) -> str | None:
    """The number in its format; None if the format is not one of fixed digits and signs, or would
    hide a part of the number."""
    tokens = _tokens_of((style or "").partition(";")[0])
    digits = [kind for kind, _ in tokens if kind in ("0", "#")]
    points = [index for index, (kind, _) in enumerate(tokens) if kind == "."]
    if not digits or len(points) > 1 or not re.fullmatch(r"\d+(?:\.\d+)?", number):
        return None
    point = points[0] if points else len(tokens)
    decimals = sum(kind in ("0", "#") for kind, _ in tokens[point:])
    whole, _, part = number.partition(".")
    if len(part) > decimals or (decimals and not part):  # 1042 under 0.00 was meant as 1042
        return None
    after_point = _fill_after_point(tokens[point:], part.ljust(decimals, "0"))
    return _fill(tokens[:point], whole) + after_point


def _tokens_of(section: str) -> list[tuple[str, str]]:
    """(kind, text) of each token; none if the section can't be read."""
    tokens: list[tuple[str, str]] = []
    position = 0
    while position < len(section):
        found = _TOKEN.match(section, position)
        if found is None:
            return []
        position = found.end()
        if found["digit"] or found["plain"] == ".":
            tokens.append((found[0], found[0]))
        else:
            text = " " if found["space"] else found["quoted"] or found["escaped"] or found[0]
            tokens.append(("text", text))
    return tokens


def _fill(tokens: list[tuple[str, str]], digits: str) -> str:
    """Put the digits into their places from the right; the first place takes all that are left."""
    shown, left = "", digits if digits != "0" else ""
    first = next((index for index, (kind, _) in enumerate(tokens) if kind != "text"), -1)
    for index, (kind, text) in reversed(list(enumerate(tokens))):
        if kind == "text":
            shown = text + shown
            continue
        taken = left if index == first else left[-1:]
        shown = (taken or ("0" if kind == "0" else "")) + shown
        left = left[:-1]
    return shown


def _fill_after_point(tokens: list[tuple[str, str]], digits: str) -> str:
    rest = iter(digits)
    return "".join(next(rest) if kind in ("0", "#") else text for kind, text in tokens)
