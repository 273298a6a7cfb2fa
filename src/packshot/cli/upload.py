"""`packshot upload`: creates products of a running Packshot from photos and spreadsheets."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import urllib3
from rich.console import Console

from packshot.cli.known_skus import find_skus
from packshot.cli.options import connection
from packshot.cli.plain import escape_text, pluralise
from packshot.cli.progress import bar, print_table, wait_with_bar
from packshot.cli.reading import reading
from packshot.cli.rows import ReadOptions, Row, is_of_photo, read_rows, with_own_spreadsheet
from packshot.cli.sending import (
    ExistingProduct,
    KnownProducts,
    SendOptions,
    SendResult,
    elsewhere_words,
    find_repeated_photos,
    reasons,
    send_rows,
    with_known,
)
from packshot.cli.updating import (
    Updated,
    name_known,
    update_products,
    without_known,
    without_unchanged,
)
from packshot.client import ApiError, Client, Json
from packshot.lanes import LANES
from packshot.spreadsheets.currencies import currency_note

#: The most rows that a dry run shows.
FIRST_ROWS = 5
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
    options = replace(read_options, find_skus=lambda skus: _find_skus(client, skus))
    rows = read_rows(paths, options, lambda note: print_note(note, console))
    rows = rows if update else _without_known(client, rows, options, console)
    _note_on_rows(client, rows, console)
    chosen = SendOptions(update=update, **choices)
    if dry_run:
        how = DryRun(client, console, chosen, show_all, as_json)
        raise SystemExit(_run_dry(how, paths, rows, options))
    raise SystemExit(_upload(client, rows, console, chosen, wait, as_json))


def _without_known(
    client: Client, rows: Sequence[Row], options: ReadOptions, console: Console
) -> list[Row]:
    needed = without_unchanged(client, rows, lambda note: print_note(note, console))
    return list(name_known(needed, options.find_skus))


def _note_on_rows(client: Client, rows: Sequence[Row], console: Console) -> None:
    """Note photos that are given twice, and prices in another currency than the server's."""
    for repeated in find_repeated_photos(rows):
        print_note(repeated, console)
    sheets = {id(row.sheet): row.sheet for row in rows if row.sheet is not None}
    named = [sheet for sheet in sheets.values() if currency_note(sheet, None)]
    with suppress(ApiError, urllib3.exceptions.HTTPError):  # sending says it
        shown = client.stats()["currency"] if named else None
        for note in filter(None, (currency_note(sheet, shown) for sheet in named)):
            print_note(f"{note.column}: {note.detail}", console)


def _find_skus(client: Client, skus: Sequence[str]) -> Collection[str]:
    """Without a server a dry run reads the names alone, and an upload says so when it sends."""
    with suppress(urllib3.exceptions.HTTPError):
        return find_skus(client, skus)
    return ()


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


def print_note(note: str, console: Console) -> None:
    console.print(f"[yellow]note[/] {escape_text(note)}", soft_wrap=True)


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
    refused = _count_sources(sent.refused)
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


def _count_sources(rows: Sequence[Row]) -> str:
    """`2 rows and 3 photos`: a spreadsheet's row counts once, however many photos it has."""
    in_sheets = {row.source for row in rows if row.number}
    photos = sum(1 for row in rows if not row.number)
    counts = [(len(in_sheets), "row"), (photos, "photo")]
    return " and ".join(pluralise(n, noun) for n, noun in counts if n) or "nothing"


def print_skipped(skipped: Sequence[tuple[Row, ExistingProduct]], console: Console) -> None:
    """Print a line for each row whose photo has a product already; many share one."""
    rows = [with_known(row, known, known.difference(row)) for row, known in skipped]
    for line in reasons(rows):
        console.print(f"skipped {escape_text(line)}", soft_wrap=True)


@dataclass(frozen=True)
class DryRun:
    """How a dry run is made and shown."""

    client: Client
    console: Console
    choices: SendOptions
    show_all: bool
    as_json: bool

    def note(self, words: str) -> None:
        print_note(words, self.console)


def _run_dry(how: DryRun, paths: Sequence[Path], rows: list[Row], options: ReadOptions) -> int:
    """Show what an upload would do; return the exit code."""
    from packshot.cli.dry_run import ask_server, check_offline, preview_updates, report_known

    update = how.choices.update
    asked = ask_server(how.client, paths, rows, options, how.note)
    updated = preview_updates(how.client, rows, how.note, update=update)
    asked = without_known(asked, updated) if update else asked
    asked, known = report_known(how.client, asked, how.choices, how.note)
    checked = check_offline(asked, how.console)
    if how.as_json:
        click.echo(json.dumps([_as_json(row, known, at) for at, row in enumerate(checked)]))
    _report_dry_run(checked, known, how)
    is_update_refused = update and bool(updated.refusals())
    return 1 if any(row.errors for row in checked) or is_update_refused else 0


def _as_json(row: Row, known: KnownProducts, index: int) -> Json:
    """A row of a dry run, and what an upload would do with it."""
    product_id = known.skipped.get(index, known.replaced.get(index))
    exists = "exists" if index in known.skipped else "replaces"
    result = "refused" if row.errors else "new" if product_id is None else exists
    photo = None if row.photo is None else str(row.photo)
    found = {"source": row.source, "photo": photo, "product": row.fields, "result": result}
    return found | {"product_id": product_id, "errors": row.errors}


def _report_dry_run(rows: list[Row], known: KnownProducts, how: DryRun) -> None:
    """Print how the rows are read."""
    console = how.console
    bad = [row for row in rows if row.errors]
    good = [row for row in rows if not row.errors]
    for row in good if how.show_all else good[:FIRST_ROWS]:
        console.print(
            f"read {escape_text(row.source)}: {escape_text(_as_read(row))}", soft_wrap=True
        )
    if len(good) > FIRST_ROWS and not how.show_all:
        console.print(f"and {len(good) - FIRST_ROWS:,} more (--all shows them).")
    print_refused(bad, "would be refused", console)
    skipped = sum(1 for place in known.skipped if not rows[place].errors)
    replaced = sum(1 for place in known.replaced if not rows[place].errors)
    kinds = _count_kinds(len(good) - skipped - replaced, replaced, skipped)
    exist = f": {kinds}" if skipped or replaced else ""
    look = "looks" if (len(good) or len(rows)) == 1 else "look"
    share = f"{_share(good, rows)} {look} good{exist}; " if rows else ""
    if how.choices.update and not good:  # the rows that are updated are no longer among these
        share = f"{_count_sources(bad)} would be refused; " if bad else ""
    console.print(f"{share}nothing was sent.")


def _count_kinds(new: int, replaced: int, known: int) -> str:
    words = [f"{new:,} new"]
    if replaced:
        words.append(f"{replaced:,} {'replaces a photo' if replaced == 1 else 'replace photos'}")
    if known:
        exist = "exists already and is skipped" if known == 1 else "exist already and are skipped"
        words.append(f"{known:,} {exist}")
    return ", ".join(words)


def _as_read(row: Row) -> str:
    names = {"sku": "SKU", "view": "view", "name": "name", "mrp": "MRP", "price": "price"}
    given = {word: row.fields.get(name) for name, word in names.items()}
    words = [f"{word} {value}" for word, value in given.items() if value is not None]
    if row.number and row.photo:
        words.append(f"photo {row.fields.get('filename') or row.photo.name}")
    return ", ".join(words) or "no SKU, name or price"


def _share(good: Sequence[Row], rows: Sequence[Row]) -> str:
    """`2 of 3 rows`; `6 products from 4 of 9 rows` where a row has several photos. A photo that
    fits no row of a spreadsheet is none."""
    in_sheets = [row for row in rows if row.number]
    from_rows = len({row.source for row in good})
    of = len({row.source for row in in_sheets or rows})
    share = f"{from_rows:,} of {pluralise(of, 'row')}"
    return share if from_rows == len(good) else f"{pluralise(len(good), 'product')} from {share}"


def print_refused(refused: list[Row], what: str, console: Console) -> None:
    """Print a line for each row with errors, then one for each photo that is left out with it."""
    for line in reasons(refused):
        console.print(f"[red]{what}[/] {escape_text(line)}", soft_wrap=True)
    for row in refused:
        if row.photo and row.number and not any(map(is_of_photo, row.errors)):
            words = f"left out {row.photo.name}: row {row.number} must be corrected first"
            console.print(escape_text(words), soft_wrap=True)
