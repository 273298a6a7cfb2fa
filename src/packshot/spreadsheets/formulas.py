"""Escapes text that a spreadsheet would run as a formula with an apostrophe, and undoes that."""

from __future__ import annotations

import re
from typing import Final

#: What a spreadsheet may read as the beginning of a formula: OWASP's list, full-width and small
#: forms included (owasp.org/www-community/attacks/CSV_Injection), and the minus sign.
_FORMULA: Final = r"[=+\-@＝＋－＠﹦﹢﹣﹫\u2212]"
#: What it may skip before a formula: spaces, quotes, control and invisible characters.
_SKIPPED: Final = (
    r"[\s\"\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u180e"
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]*"
)
#: Positions at which a cell begins: at its first character and, for a spreadsheet that does not
#: split lines at commas (Excel in most of Europe: semicolons), after each of these, quoted or not.
_SEPARATOR: Final = r"[,;|\t\r\n\v\f]"
_BEGINS: Final = re.compile(rf"(^(?=[\t\r\n])|(?:^|{_SEPARATOR})(?={_SKIPPED}{_FORMULA}))")
_JSON_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
#: Written so that Excel keeps a text as it is, such as leading zeros: `="00123"`.
_TEXT: Final = re.compile(r'="([^"]*)"')
_ESCAPED: Final = re.compile(rf"(^|{_SEPARATOR})'(?={_SKIPPED}{_FORMULA})")


def escape(text: str) -> str:
    """The text of a CSV cell with an apostrophe wherever a formula would begin."""
    return _BEGINS.sub(r"\1'", text)


def escape_json(text: str) -> str:
    """The JSON of a CSV cell with `\\u003d` and the like wherever a formula would begin."""
    if not _BEGINS.search(text):
        return text
    return _JSON_STRING.sub(
        lambda string: re.sub(_FORMULA, lambda sign: f"\\u{ord(sign[0]):04x}", string[0]), text
    )


def unescape(text: str) -> str:
    """The text that `escape` was given, and that of a formula which is only a text; other shops'
    exports escape a cell's beginning too."""
    if match := _TEXT.fullmatch(text.strip()):
        return match[1]
    return _ESCAPED.sub(r"\1", text) if "'" in text else text
