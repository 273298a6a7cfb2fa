"""Corrects the products that a spreadsheet's SKUs have already, or shows what would change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import urllib3

from packshot.cli.plain import pluralise
from packshot.cli.rows import Row, without_photo
from packshot.client import ApiError, Client, Json, split_for_requests
from packshot.spreadsheets import facts_of
from packshot.spreadsheets.fields import NUMBERS, PERCENTAGES
from packshot.spreadsheets.numbers import shown_amount

#: SKUs in one request: each may have several products, all corrected in one transaction.
SKUS: Final = 200
#: Bytes counted for each SKU besides its facts, for the rest of the request.
ROOM: Final = 10


@dataclass
class Updated:
    """The products of the SKUs, with their changes, what was refused, of which SKUs, and how
    many SKUs were sent without an answer: their products may be updated. `is_complete`: the server
    was asked for all SKUs."""

    products: list[tuple[str, Json]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    refused_skus: set[str] = field(default_factory=set)
    unanswered: int = 0
    is_complete: bool = True

    @property
    def skus(self) -> set[str]:
        return {sku for sku, _ in self.products}

    @property
    def changed(self) -> list[tuple[str, Json]]:
        return [one for one in self.products if one[1]["changes"]]

    def lines(self) -> Iterator[str]:
        """`CAP-01 (product 7, front): price 990 -> 1090` for each that changes."""
        for sku, product in self.changed:
            yield f"{_named(sku, product)}: {in_words(product['changes'])}"

    def refuse(self, facts: Sequence[Json], words: str) -> None:
        """Record that the server refused a whole request."""
        skus = [each["sku"] for each in facts]
        more = f" and {len(skus) - 1:,} more SKUs" if len(skus) > 1 else ""
        self.refused.append(f"{skus[0]}{more}: {words}")
        self.refused_skus.update(skus)

    def refusals(self) -> list[str]:
        """A line for each product or SKU that keeps its values, with the reason."""
        kept = [
            f"{_named(sku, product)}: {product['refused']}"
            for sku, product in self.products
            if product["refused"]
        ]
        return [*kept, *self.refused]

    def summary(self, done: str) -> str:
        """`2 products updated, 1 unchanged, 1 refused`."""
        kept = sum(1 for _, product in self.products if product["refused"])
        same = len(self.products) - len(self.changed) - kept
        refused = len(self.refusals())
        more = [f"{same:,} unchanged"] if same else []
        more += [f"{refused:,} refused"] if refused else []
        if self.unanswered:
            more += [f"{pluralise(self.unanswered, 'SKU')} without an answer, perhaps updated"]
        return ", ".join([f"{pluralise(len(self.changed), 'product')} {done}", *more])


def _named(sku: str, product: Json) -> str:
    view = f", {product['view']}" if product["view"] else ""
    return f"{sku} (product {product['product_id']}{view})"


def update_products(
    client: Client, rows: Sequence[Row], updated: Updated, *, dry_run: bool
) -> None:
    """Give the products of the rows' SKUs the facts of their spreadsheets; with `dry_run` change
    none. `updated` has what was done, even if an error ends this."""
    for part in parts_of(facts_in(rows)):
        update_part(client, part, updated, dry_run=dry_run)


def facts_in(rows: Sequence[Row]) -> list[Json]:
    """The facts of each SKU in the rows' spreadsheets.

    Rows that make no product count too: an attribute in which a SKU's rows differ is not its fact.
    """
    sheets = {id(row.sheet): row.sheet for row in rows if row.sheet is not None}
    return facts_of(product for sheet in sheets.values() for product in sheet.rows)


def parts_of(facts: Sequence[Json]) -> Iterator[Sequence[Json]]:
    """The facts in parts, each for one request."""
    return split_for_requests(facts, SKUS, lambda each: len(json.dumps(each)) + ROOM)


def update_part(
    client: Client, facts: Sequence[Json], updated: Updated, *, dry_run: bool = False
) -> None:
    """Send one request; if some of its facts are refused, send another without them."""

    def correct(these: Sequence[Json]) -> Sequence[Json]:
        return _correct(client, these, updated, dry_run)

    bad: dict[int, str] = {}
    skus = [each["sku"] for each in facts]
    try:
        products = correct(facts)
    except ApiError as error:
        bad = dict(_refused_facts(facts, error))
        if not bad:
            raise
        facts = [each for place, each in enumerate(facts) if place not in bad]
        products = correct(facts) if facts else []
    updated.refused += bad.values()
    updated.refused_skus |= {sku for place, sku in enumerate(skus) if place in bad}
    updated.products += [(facts[each["index"]]["sku"], each) for each in products]


def _correct(
    client: Client, facts: Sequence[Json], updated: Updated, dry_run: bool
) -> Sequence[Json]:
    try:
        return client.correct_skus(facts, dry_run=dry_run)
    except (ApiError, urllib3.exceptions.HTTPError) as error:
        is_refused = isinstance(error, ApiError) and error.status < 500
        updated.unanswered += 0 if is_refused or dry_run else len(facts)
        raise


def _refused_facts(facts: Sequence[Json], error: ApiError) -> Iterator[tuple[int, str]]:
    for each in error.errors:
        match each["pointer"].split("/")[1:]:
            case ["products", place, *names]:
                sku = facts[int(place)]["sku"]
                yield int(place), f"{sku}: {'/'.join(names)}: {each['detail']}"


def without_known(rows: Sequence[Row], updated: Updated) -> list[Row]:
    """The rows without those that only lack a photo, and whose SKU has products: these are
    corrected, and nothing is to be made; a refused correction is said itself. Where the SKU has
    none, their error says so."""
    done = updated.skus | updated.refused_skus
    left = [row for row in rows if not (row.lacks_photo and row.fields.get("sku") in done)]
    return [_with_unknown_sku(row, updated) for row in left]


def _with_unknown_sku(row: Row, updated: Updated) -> Row:
    sku = row.fields.get("sku")
    if not (row.lacks_photo and sku and updated.is_complete):
        return row
    return without_photo(row, "no product has the SKU {}, and no photo was given to make one", sku)


# -- words ---------------------------------------------------------------------------------------


def in_words(changes: Mapping[str, Sequence[Any]]) -> str:
    """`price 990 -> 1090, Colour red -> blue`."""
    lines = []
    for name, (before, after) in changes.items():
        if name == "attributes":
            old, new = before or {}, after or {}
            names = [one for one in {**old, **new} if old.get(one) != new.get(one)]
            lines += [f"{one} {_text(old.get(one))} -> {_text(new.get(one))}" for one in names]
        else:
            lines.append(f"{name} {value(name, before)} -> {value(name, after)}")
    return ", ".join(lines)


def value(name: str, given: Any) -> str:
    """`1090` for an amount of "1090.00", `89.50` for 89.5; another field's text as it is."""
    if name not in NUMBERS:
        return _text(given)
    try:
        amount = Decimal(str(given))
        return shown_amount(amount if name in PERCENTAGES else round(amount, 2))
    except InvalidOperation:
        return _text(given)


def _text(given: Any) -> str:
    return "nothing" if given is None else str(given)
