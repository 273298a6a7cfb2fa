"""SKUs of a spreadsheet that Packshot has in another spelling: most of them are slips."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from packshot.spreadsheets.table import SheetProblem, list_first

#: Returns those of the SKUs that have products.
FindSkus = Callable[[Sequence[str]], Collection[str]]
_SIGNS: Final = "-_ "
_ANY_SIGN: Final = re.compile(f"[{_SIGNS}]")
#: The most SKUs that the note names.
_NAMED: Final = 5


def note_known_spellings(
    skus: Iterable[str | None], column: str, find_skus: FindSkus
) -> SheetProblem | None:
    """A note on the SKUs that have no product, while one that differs only in upper and lower case
    or in signs has one: a new product would be made beside it, or a correction not find it."""
    given = list(dict.fromkeys(filter(None, skus)))
    known = set(find_skus(given)) if given else set()
    spellings = {sku: _other_spellings(sku) for sku in given if sku not in known}
    asked = list(dict.fromkeys(each for others in spellings.values() for each in others))
    found = set(find_skus(asked)) if asked else set()
    pairs = [
        f"{sku} (Packshot has {other})"
        for sku, others in spellings.items()
        if (other := next((each for each in others if each in found), None))
    ]
    if not pairs:
        return None
    detail = (
        f"{list_first(pairs, _NAMED)}: only upper and lower case or signs differ."
        " Write the SKU as Packshot has it if it is the same product"
    )
    return SheetProblem(None, column, detail, "note")


def _other_spellings(sku: str) -> list[str]:
    signed = [sku, *(_ANY_SIGN.sub(sign, sku) for sign in _SIGNS)]
    cased = dict.fromkeys(each for text in signed for each in (text, text.upper(), text.lower()))
    return [each for each in cased if each != sku]
