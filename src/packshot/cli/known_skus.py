"""Asks the server which SKUs it has, so that photos' names are read as on the Upload page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from packshot.client import BATCH, ApiError, Client


def find_skus(client: Client, skus: Sequence[str]) -> set[str]:
    """Those of the SKUs, from `possible_skus`, that have products. Raises HTTPError where no
    server answers."""
    known: set[str] = set()
    for start in range(0, len(skus), BATCH):
        known |= _find(client, skus[start : start + BATCH])
    return known


def _find(client: Client, skus: Sequence[str]) -> set[str]:
    """Ask again without the names that the server refuses as SKUs."""
    while skus:
        try:
            found = client.correct_skus([{"sku": sku} for sku in skus], dry_run=True)
        except ApiError as error:
            refused = set(_refused(error))
            if not refused:
                raise
            skus = [sku for place, sku in enumerate(skus) if place not in refused]
        else:
            return {skus[each["index"]] for each in found}
    return set()


def _refused(error: ApiError) -> Iterator[int]:
    """The places that a 422 names."""
    for fault in error.errors:
        match fault["pointer"].split("/")[1:]:
            case ["products", place, *_]:
                yield int(place)
