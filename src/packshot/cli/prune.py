"""`packshot prune`: removes raw and rejected pictures whose retention time is over."""

from __future__ import annotations

import json

import click

from packshot.cli.direct import open_services
from packshot.cli.plain import pluralise
from packshot.products.retention import Pruned


@click.command()
@click.option(
    "--delete",
    "for_good",
    is_flag=True,
    help="Remove them; without it, only show what would be removed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def prune(for_good: bool, as_json: bool) -> None:
    """Remove raw photos of reviewed products after RAW_KEEP_DAYS, rejected pictures after
    REJECTED_KEEP_DAYS. Approved pictures are never removed. Made for a daily timer."""
    with open_services() as services:
        settings = services.settings
        pruned = services.retention.prune() if for_good else services.retention.plan()
    if as_json:
        click.echo(json.dumps(vars(pruned)))
    elif settings.raw_keep_days is None and settings.rejected_keep_days is None:
        click.echo("Everything is kept: set RAW_KEEP_DAYS or REJECTED_KEEP_DAYS to change that.")
    else:
        click.echo(_describe(pruned, for_good))


def _describe(pruned: Pruned, for_good: bool) -> str:
    what = (
        f"raw photos of {pluralise(pruned.raw_photos, 'product')} and"
        f" {pluralise(pruned.rejected, 'rejected picture')}"
        f" ({pruned.rejected_bytes / 1e6:,.1f} MB)"
    )
    if for_good:
        return f"Removed the {what}."
    return f"Would remove the {what}. Nothing was changed: add --delete to do it."
