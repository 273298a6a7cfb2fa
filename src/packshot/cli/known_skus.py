"""Asks the server which SKUs it has, so that photos' names are read as on the Upload page."""

from __future__ import annotations

from collections.abc import Sequence

from packshot.client import BATCH, ApiError, Client


def find_skus(client: Client, skus: Sequence[str]) -> set[str]:
    """Those of the SKUs that have products. Raises HTTPError where no server answers."""
    known: set[str] = set()
    for start in range(0, len(skus), BATCH):
        part = skus[start : start + BATCH]
        try:
            found = client.correct_skus([{"sku": sku} for sku in part], dry_run=True)
        except ApiError as error:
            if error.status != 422:  # a name that can't be a SKU: none of this part is looked for
                raise
            continue
        known |= {part[each["index"]] for each in found}
    return known
