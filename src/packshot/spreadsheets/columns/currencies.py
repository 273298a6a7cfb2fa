"""Says if a spreadsheet's prices are in another currency than the one that they are shown in."""

from __future__ import annotations

from packshot.spreadsheets.rows import Import
from packshot.spreadsheets.table import SheetProblem


def currency_note(found: Import, shown: str | None) -> SheetProblem | None:
    """A note if the sheet's prices name one currency, and it is not `shown`, that of CURRENCY."""
    for column, convention in found.conventions.items():
        named = [code for code in convention.currencies if code != shown]
        if len(named) == len(convention.currencies) == 1:
            currency = named[0] if len(named[0]) == 3 else "its code"
            detail = (
                f"the sheet's prices are in {named[0]}: to show that, set CURRENCY={currency}"
                " in .env, and start Packshot again"
            )
            if shown is not None:
                detail = (
                    f"the sheet's prices are in {named[0]}, but are shown in {shown} (CURRENCY)"
                )
            return SheetProblem(None, column, detail, "note")
    return None
