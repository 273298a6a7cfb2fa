"""`packshot upload`: creates products of a running Packshot from photos and spreadsheets."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from packshot.cli.options import connection
from packshot.cli.plain import counted, shown
from packshot.cli.progress import bar, table, wait_with_bar
from packshot.cli.rows import Row, Sheets, read_rows, unreadable
from packshot.client import BATCH, ApiError, Client, Json
from packshot.spreadsheets import EXAMPLES, FIELDS, DecimalSign

UPLOADS_AT_ONCE = 4


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--category", default="Products", show_default=True, help="Where none is given.")
@click.option("--mrp", help="For photos without a spreadsheet.")
@click.option("--price", help="For photos without a spreadsheet.")
@click.option("--gst", help="For photos without a spreadsheet.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="NAME=FIELD",
    help=f"What a column of a spreadsheet is: {', '.join(FIELDS)}.",
)
@click.option(
    "--decimals",
    type=click.Choice(tuple(EXAMPLES)),
    help="The sign before the decimals, where a spreadsheet's numbers can be read in two ways.",
)
@click.option("--pattern", help="How photos are named without a spreadsheet: {sku}_{view}.")
@click.option("--dry-run", is_flag=True, help="Show what the server would accept; create nothing.")
@click.option("--wait", is_flag=True, help="Wait until the pictures are made.")
@click.option("--json", "as_json", is_flag=True, help="Print the created products as JSON.")
@connection
def upload(
    paths: tuple[Path, ...],
    category: str,
    mrp: str | None,
    price: str | None,
    gst: str | None,
    columns: tuple[str, ...],
    decimals: DecimalSign | None,
    pattern: str | None,
    dry_run: bool,
    wait: bool,
    as_json: bool,
    client: Client,
) -> None:
    """Upload PATHS (photos, folders or ZIPs of photos, a spreadsheet) and create their products.

    With a spreadsheet, photos are matched with its rows by their names: SKU_2.jpg, SKU/front.jpg.
    Without one, SKU and view are read from the names. Whatever is left out is named.

    A spreadsheet is a CSV of any kind or an .xlsx file, also as Shopify and WooCommerce export it.
    Its columns are recognised by their names: sku, name, view, category, image (an address, or a
    file beside the spreadsheet), mrp, price, discount, gst; others are kept as attributes. Ends
    with 1 when a row was refused or a product failed.
    """
    console = Console(stderr=as_json)
    given = {"category": category, "mrp": mrp, "price": price, "gst": gst}
    defaults = {name: value for name, value in given.items() if value is not None}
    sheets = Sheets(_mapping(columns), decimals, pattern)
    rows = read_rows(paths, defaults, sheets, lambda note: _note(note, console))
    if dry_run:
        from packshot.cli.rehearsal import ask_server

        asked = ask_server(client, paths, rows, defaults, sheets, lambda n: _note(n, console))
        raise SystemExit(_report_dry_run(asked, console))
    created, refused = send(client, rows, console)
    products = created
    if wait and created:
        products = wait_with_bar(client, [product["id"] for product in created], console)
    if as_json:
        click.echo(json.dumps(products))
    else:
        _report(products, refused, console)
    failed = any(product["status"] == "failed" for product in products)
    raise SystemExit(1 if refused or failed else 0)


def _mapping(columns: tuple[str, ...]) -> dict[str, str]:
    """Read NAME=FIELD options. Raises BadParameter for anything else."""
    pairs = [text.rpartition("=") for text in columns]
    for name, sign, to in pairs:
        if not sign or to not in FIELDS:
            raise click.BadParameter(f"{name or to}: must be NAME=FIELD", param_hint="--column")
    return {name: to for name, _, to in pairs}


def _note(note: str, console: Console) -> None:
    console.print(f"[yellow]note[/] {shown(note)}", soft_wrap=True)


def send(client: Client, rows: list[Row], console: Console) -> tuple[list[Json], list[Row]]:
    """Upload the photos, create the products; returns the products and the refused rows."""
    good = [row for row in rows if not row.errors]
    refused = [row for row in rows if row.errors]
    uploaded = _upload_photos(client, good, console)
    refused += [row for row in uploaded if row.errors]
    ready = [row for row in uploaded if not row.errors]
    created: list[Json] = []
    for start in range(0, len(ready), BATCH):
        products, bad = _create(client, ready[start : start + BATCH])
        created += products
        refused += bad
    return created, refused


def _upload_photos(client: Client, rows: list[Row], console: Console) -> list[Row]:
    with bar(console) as progress, ThreadPoolExecutor(UPLOADS_AT_ONCE) as threads:
        task = progress.add_task("Uploading", total=len(rows), note="")
        done = []
        for row in threads.map(lambda row: _upload_photo(client, row), rows):
            done.append(row)
            progress.update(task, advance=1, note=shown(row.source))
        return done


def _upload_photo(client: Client, row: Row) -> Row:
    if row.photo is None:
        return row
    try:
        fields = row.fields | {"raw_image": client.upload(row.photo)}
    except ApiError as error:
        return replace(row, errors=[f"raw_image: {error.message}"])
    except OSError as error:
        return replace(row, errors=[unreadable(row.photo, error)])
    return replace(row, fields=fields)


def _create(client: Client, rows: list[Row]) -> tuple[list[Json], list[Row]]:
    try:
        data = client.create([row.fields for row in rows], skip_bad_rows=True)
    except ApiError as error:
        if error.status != 422:
            raise
        return [], _with_errors(rows, error.errors)
    return data["products"], _with_errors(rows, _flat(data.get("errors") or []))


def _flat(errors: list[Json]) -> list[Json]:
    return [fault for error in errors for fault in error.get("errors", [error])]


def _with_errors(rows: list[Row], errors: list[Json]) -> list[Row]:
    by_row: dict[int, list[str]] = {}
    for error in errors:
        parts = error["pointer"].split("/")
        by_row.setdefault(int(parts[2]), []).append(f"{'/'.join(parts[3:])}: {error['detail']}")
    return [replace(rows[index], errors=reasons) for index, reasons in by_row.items()]


def _report(products: list[Json], refused: list[Row], console: Console) -> None:
    if products:
        console.print(table(products))
    print_refused(refused, "refused", console)
    created = counted(len(products), "product")
    console.print(f"{created} created, {counted(len(refused), 'row')} refused.")


def _report_dry_run(rows: list[Row], console: Console) -> int:
    from packshot.cli.rehearsal import check_offline

    bad = [row for row in map(check_offline, rows) if row.errors]
    print_refused(bad, "would be refused", console)
    good = f"{len(rows) - len(bad)} of {counted(len(rows), 'row')}"
    console.print(f"{good} look good; nothing was sent.")
    return 1 if bad else 0


def print_refused(refused: list[Row], what: str, console: Console) -> None:
    """One line each: where the row came from, and all that is wrong with it."""
    for row in refused:
        reasons = shown("; ".join(row.errors))
        console.print(f"[red]{what}[/] {shown(row.source)}: {reasons}", soft_wrap=True)
