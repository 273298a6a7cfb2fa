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
    type=click.Choice(["csv", "jsonl"]),
    default="csv",
    show_default=True,
)
@click.option("--category", help="Only this category.")
@click.option("--batch", help="Only this batch.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file; else stdout."
)
@connection
def export(
    as_format: str, category: str | None, batch: str | None, output: Path | None, client: Client
) -> None:
    """Write one line for each approved picture. A file appears only when it is whole."""
    given = {"category": category, "batch": batch}
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
