"""Compares rows with what the server has, before any is sent: which need nothing, what to note."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

import urllib3

from packshot.cli.plain import pluralise
from packshot.cli.rows import Report, Row, without_photo
from packshot.cli.sending import find_repeated_photos
from packshot.cli.updating import Updated, update_part, update_products
from packshot.client import BATCH, ApiError, Client
from packshot.spreadsheets.columns.currencies import currency_note
from packshot.spreadsheets.columns.known_spellings import note_known_spellings

#: The error of rows without a photo whose SKUs the server has.
WITHOUT_UPDATE: Final = "no photo was given for {}, which Packshot has: --update corrects it"


def check_rows(client: Client, rows: Sequence[Row], report: Report, *, update: bool) -> list[Row]:
    """The rows; unless they `update`, without those that lack a photo and need none. `report` gets
    a line for each note."""
    left = list(rows)
    if not update:
        left = _name_known(client, _without_unchanged(client, rows, report))
    for note in find_repeated_photos(left):
        report(note)
    _note_currencies(client, left, report)
    _note_spellings(client, left, report)
    return left


# -- which SKUs the server has -------------------------------------------------------------------


def find_skus(client: Client, skus: Sequence[str]) -> set[str]:
    """Those of the SKUs that have products; none where no server answers: an upload says so when it
    sends, and a dry run reads photos' names alone."""
    found = Updated()
    facts = [{"sku": sku} for sku in skus]
    with suppress(urllib3.exceptions.HTTPError):
        for start in range(0, len(facts), BATCH):
            update_part(client, facts[start : start + BATCH], found, dry_run=True)
    return found.skus


# -- rows without a photo ------------------------------------------------------------------------


def _without_unchanged(client: Client, rows: Sequence[Row], report: Report) -> list[Row]:
    """The rows without those that lack a photo and need none: their SKUs have products, and
    nothing of them differs. Says how many these are."""
    if not any(row.lacks_photo for row in rows):
        return list(rows)
    found = Updated()
    with _left_to_sending(), suppress(urllib3.exceptions.HTTPError):
        update_products(client, rows, found, dry_run=True)
    differ = {sku for sku, product in found.products if product["changes"] or product["refused"]}
    same = found.skus - differ - found.refused_skus
    left = [row for row in rows if not (row.lacks_photo and row.fields.get("sku") in same)]
    if done := len(rows) - len(left):
        of = "its SKU has" if done == 1 else "their SKUs have"
        report(f"{pluralise(done, 'row')} without a photo: {of} products, and nothing differs")
    return left


def _name_known(client: Client, rows: Sequence[Row]) -> list[Row]:
    """The rows; those without a photo whose SKU the server has say what corrects its products."""
    skus = [sku for row in rows if row.lacks_photo and (sku := row.fields.get("sku"))]
    known: set[str] = set()
    with _left_to_sending():
        known = find_skus(client, list(dict.fromkeys(skus)))
    return [
        without_photo(row, WITHOUT_UPDATE, row.fields["sku"])
        if row.lacks_photo and row.fields.get("sku") in known
        else row
        for row in rows
    ]


@contextmanager
def _left_to_sending() -> Iterator[None]:
    """Leave it to the sending to say an error, but not one of the key: rows without a photo are
    never sent."""
    try:
        yield
    except ApiError as error:
        if error.status in (401, 403):
            raise


# -- notes ---------------------------------------------------------------------------------------


def _note_currencies(client: Client, rows: Sequence[Row], report: Report) -> None:
    """Note prices in another currency than the server's."""
    sheets = {id(row.sheet): row.sheet for row in rows if row.sheet is not None}
    named = [sheet for sheet in sheets.values() if currency_note(sheet, None)]
    with suppress(ApiError, urllib3.exceptions.HTTPError):  # sending says it
        shown = client.stats()["currency"] if named else None
        for note in filter(None, (currency_note(sheet, shown) for sheet in named)):
            report(f"{note.column}: {note.detail}")


def _note_spellings(client: Client, rows: Sequence[Row], report: Report) -> None:
    """Note the SKUs of spreadsheets that the server has in another spelling."""
    by_column: dict[str, list[str | None]] = {}
    for row in rows:
        if row.number:  # the SKU of a photo's name is read by those that the server has
            by_column.setdefault(row.columns.get("sku", "sku"), []).append(row.fields.get("sku"))
    for column, skus in by_column.items():
        with suppress(ApiError):  # sending says it
            if note := note_known_spellings(skus, column, partial(find_skus, client)):
                report(f"{note.column}: {note.detail}")
