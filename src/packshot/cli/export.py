"""`packshot export`: what is approved, for the shop's own systems."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click

from packshot.cli.options import connection
from packshot.client import Client


@click.command()
@click.option(
    "--format",
    "as_format",
    type=click.Choice(["csv", "jsonl", "zip", "shopify", "woocommerce"]),
    default="csv",
    show_default=True,
)
@click.option("--category", help="Only this category.")
@click.option("--batch", help="Only this batch.")
@click.option("--sku", help="Only this SKU.")
@click.option("--products", help="Only these, by their numbers: 41,42.")
@click.option("--since", help="Only what was approved after this: 2026-11-28T09:00:00Z.")
@click.option("--names", help="Names in a ZIP: {sku}_{n} unless EXPORT_NAMES says otherwise.")
@click.option("--preset", help="For a marketplace: amazon, google, ... (`packshot comply`).")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file; else stdout."
)
@connection
def export(as_format: str, output: Path | None, client: Client, **given: str | None) -> None:
    """Write one line for each approved picture, or a ZIP of them under the shop's own names.

    The file appears only when it is complete.
    """
    if as_format == "zip" and output is None:
        raise click.UsageError("a ZIP goes into a file: add -o FILE.zip")
    filters = {name: value for name, value in given.items() if value is not None}
    pieces = client.export(as_format, **filters)
    if output is None:
        _write(pieces, None)
        return
    unfinished = output.with_name(f".{output.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            _write(pieces, file)
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)
    click.echo(f"Wrote {output}.")


def _write(pieces: Iterator[bytes], file: IO[bytes] | None) -> None:
    for piece in pieces:
        click.echo(piece, file=file, nl=False)
