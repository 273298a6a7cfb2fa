"""`packshot upload`: creates products of a running Packshot from photos and spreadsheets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import urllib3
from rich.console import Console

from packshot.cli.options import connection
from packshot.cli.plain import escape_text, pluralise, print_note
from packshot.cli.progress import bar, print_table, wait_with_bar
from packshot.cli.reading import reading
from packshot.cli.row_checks import check_rows, find_skus
from packshot.cli.row_reports import count_sources, print_refused, print_skipped
from packshot.cli.rows import ReadOptions, Row, read_rows, with_own_spreadsheet
from packshot.cli.sending import (
    SendOptions,
    SendResult,
    elsewhere_words,
    send_rows,
)
from packshot.cli.updating import Updated, update_products, without_known
from packshot.client import ApiError, Client, Json
from packshot.lanes import LANES

#: Seconds in all for which a request is repeated while the server is away: a restart, a full disk.
OUTAGE_SECONDS = 600.0


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@reading
@click.option("--again", is_flag=True, help="Make photos again that have products already.")
@click.option(
    "--update",
    is_flag=True,
    help="Give products that exist the prices, names and other facts of the spreadsheet, by SKU,"
    " and another photo, by SKU and view.",
)
@click.option(
    "--further",
    is_flag=True,
    help="Make a further product of a photo whose SKU and view a product has with another photo.",
)
@click.option(
    "--lane",
    type=click.Choice(LANES),
    help="When Gemini is asked: at once, or later for half the price. Default: the server's.",
)
@click.option(
    "--pixel-lock/--no-pixel-lock",
    default=None,
    help="Put the photo's own pixels over the product if measurements allow it, or never."
    " Default: the server's.",
)
@click.option("--dry-run", is_flag=True, help="Show what the server would accept; create nothing.")
@click.option(
    "--all", "show_all", is_flag=True, help="With --dry-run: show every row that is read."
)
@click.option("--wait", is_flag=True, help="Wait until the pictures are made.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print the created products as JSON; with --dry-run every row and what becomes of it.",
)
@connection
def upload(
    paths: tuple[Path, ...],
    read_options: ReadOptions,
    update: bool,
    dry_run: bool,
    show_all: bool,
    wait: bool,
    as_json: bool,
    client: Client,
    **choices: Any,
) -> None:
    """Upload PATHS (photos, folders or ZIPs of photos, a spreadsheet) and create their products.

    With a spreadsheet, named or in a folder, photos are matched with its rows by their names:
    SKU_2.jpg, SKU/front.jpg. Without one, SKU and view are read from the names. A photo that
    already has a product of the same SKU and view is skipped, and every file left out is named.

    With --update, the products of each SKU in the spreadsheet get its facts; no photos are needed.
    A photo whose SKU and view a product has with another photo is refused: --update replaces that
    photo, and pictures are made again; --further keeps both.

    A server must answer at the start; if it goes away later, it is tried for ten minutes.

    A spreadsheet is a CSV of any kind, a .txt with tabs as Amazon's, an .xlsx or .ods file, or
    a product feed in XML, as for Google Shopping. Its columns are recognised by their names, or
    said with --column; a picture is an address, or a file beside the spreadsheet; other columns are
    kept as attributes. Exits with 1 if a row or product failed.
    """
    console = Console(stderr=as_json)
    paths = tuple(with_own_spreadsheet(paths))
    options = replace(read_options, find_skus=partial(find_skus, client))
    rows = _read(client, paths, options, console, update)
    chosen = SendOptions(update=update, **choices)
    if dry_run:
        from packshot.cli.dry_run import DryRun, run_dry  # loads the pixel libraries

        how = DryRun(client, console, chosen, show_all, as_json)
        raise SystemExit(run_dry(how, paths, rows, options))
    raise SystemExit(_upload(client, rows, console, chosen, wait, as_json))


def _read(
    client: Client, paths: Sequence[Path], options: ReadOptions, console: Console, update: bool
) -> list[Row]:
    def note(words: str) -> None:
        print_note(words, console)

    return check_rows(client, read_rows(paths, options, note), note, update=update)


def _upload(
    client: Client,
    rows: list[Row],
    console: Console,
    choices: SendOptions,
    wait: bool,
    as_json: bool,
) -> int:
    """Send the rows and print the result; return the exit code."""
    client.outage_wait = OUTAGE_SECONDS
    updated = _update(client, rows, console) if choices.update else None
    rows = rows if updated is None else without_known(rows, updated)
    sent = send(client, rows, console, choices)
    print_skipped(sent.skipped, console)
    for row, other in sent.elsewhere:
        print_note(elsewhere_words(row, other, "now also"), console)
    products = sent.products
    if wait and products:
        products = _wait(client, products, console)
    if as_json:
        click.echo(json.dumps(products))
    elif sent.rows or (rows and sent.stopped is None):
        _report(sent, products, console, currency_of(client, products))
        _say_what_next(sent, client.url, console)
    _raise_if_stopped(sent, len(rows), console)
    is_update_refused = updated is not None and bool(updated.refusals())
    return 1 if sent.refused or _has_failed(products) or is_update_refused else 0


def _wait(client: Client, products: Sequence[Json], console: Console) -> list[Json]:
    try:
        return wait_with_bar(client, [product["id"] for product in products], console)
    except (KeyboardInterrupt, ApiError, urllib3.exceptions.HTTPError):
        created = pluralise(len(products), "product")
        console.print(
            f"[red]stopped:[/] {created} created; the server goes on with the pictures"
            " (packshot status).",
            soft_wrap=True,
        )
        raise


def _has_failed(products: Sequence[Json]) -> bool:
    return any(product["status"] == "failed" for product in products)


def _update(client: Client, rows: Sequence[Row], console: Console) -> Updated:
    """Update and print what was updated, also where an error ended it."""
    updated = Updated()
    try:
        update_products(client, rows, updated, dry_run=False)
    finally:
        for line in updated.lines():
            console.print(f"updated {escape_text(line)}", soft_wrap=True)
        for line in updated.refusals():
            console.print(f"[red]not updated[/] {escape_text(line)}", soft_wrap=True)
        console.print(f"{updated.summary('updated')}.")
    return updated


def _raise_if_stopped(sent: SendResult, rows: int, console: Console) -> None:
    if sent.stopped is None:
        return
    if sent.rows or sent.uploaded or isinstance(sent.stopped, KeyboardInterrupt):
        created = pluralise(len(sent.created), "product")
        photos = pluralise(sent.uploaded, "photo")
        rest = pluralise(rows - sent.rows, "row")
        console.print(
            f"[red]stopped:[/] {created} created, {photos} sent, {rest} without a result;"
            " the same command continues.",
            soft_wrap=True,
        )
    raise sent.stopped


def send(
    client: Client, rows: list[Row], console: Console, choices: SendOptions = SendOptions()
) -> SendResult:
    """Call `send_rows` and show a bar."""
    with bar(console) as progress:
        task = progress.add_task("Uploading", total=len(rows), note="")

        def show(row: Row) -> None:
            progress.update(task, advance=1, note=escape_text(row.source))

        return send_rows(client, rows, choices, show)


def currency_of(client: Client, products: Sequence[Json]) -> str | None:
    """The server's currency; only requested if there is a price."""
    priced = any(product.get("price") is not None for product in products)
    return client.stats()["currency"] if priced else None


def _report(sent: SendResult, products: list[Json], console: Console, currency: str | None) -> None:
    if products:
        begun = {product["id"]: product["updated_at"] for _, product in sent.replaced}
        print_table(products, console, currency, begun)
    print_refused(sent.refused, "refused", console)
    created = pluralise(len(sent.created), "product")
    replaced = f", {pluralise(len(sent.replaced), 'photo')} replaced" if sent.replaced else ""
    skipped = f", {pluralise(len(sent.skipped), 'photo')} skipped" if sent.skipped else ""
    refused = count_sources(sent.refused)
    console.print(f"{created} created{replaced}, {refused} refused{skipped}.")


def _say_what_next(sent: SendResult, url: str, console: Console) -> None:
    if sent.products:
        console.print(f"Review them at {url}", soft_wrap=True)
    if sent.refused and sent.stopped is None:
        console.print(
            "Correct what was refused, and run the same command again: photos that have products"
            " are skipped.",
            soft_wrap=True,
        )
