"""`packshot upload --dry-run`: checks the rows at the server, and the photos on this machine."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import urllib3
from rich.console import Console

from packshot.cli.photos import in_utf_8
from packshot.cli.plain import escape_text, pluralise, print_note
from packshot.cli.progress import bar
from packshot.cli.row_reports import count_sources, print_refused, reasons
from packshot.cli.rows import (
    PHOTO,
    ReadOptions,
    Report,
    Row,
    is_spreadsheet,
    of_photo,
    unreadable,
)
from packshot.cli.sending import (
    SAME_VIEW_CHOICES,
    FoundPhotos,
    KnownProducts,
    SendOptions,
    elsewhere_words,
    find_known,
    with_known,
    with_same_view,
)
from packshot.cli.updating import Updated, update_products, without_known
from packshot.client import BATCH, Client, Json
from packshot.download.addresses import check_url
from packshot.errors import FetchError, PictureError
from packshot.pictures import imaging
from packshot.pictures.child_processes import Pixels
from packshot.pictures.provenance import check_not_made_here
from packshot.spreadsheets import in_columns
from packshot.spreadsheets.picture_cells import UPLOADED
from packshot.web.api.product_schemas import NewProductIn
from packshot.web.requests.field_errors import check
from packshot.web.requests.refusals import InvalidRequest

#: The most rows that a dry run shows.
FIRST_ROWS = 5
#: The most photos' names in one request; the API accepts twice as many.
NAMES_AT_ONCE = 10_000


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


def run_dry(how: DryRun, paths: Sequence[Path], rows: list[Row], options: ReadOptions) -> int:
    """Show what an upload would do; return the exit code."""
    update = how.choices.update
    asked = _ask_server(how.client, paths, rows, options, how.note)
    updated = _preview_updates(how.client, rows, how.note, update=update)
    asked = without_known(asked, updated) if update else asked
    asked, known = _report_known(how.client, asked, how.choices, how.note)
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
        share = f"{count_sources(bad)} would be refused; " if bad else ""
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


def _ask_server(
    client: Client,
    paths: Sequence[Path],
    rows: Sequence[Row],
    options: ReadOptions,
    report: Report,
) -> list[Row]:
    """The rows, with the server's errors for spreadsheets among the paths, or for the photos: it
    knows which hosts and buckets it reads. If no server answers, `report` says so."""
    tables = [path for path in paths if is_spreadsheet(path)]
    try:
        if tables:
            problems = _sheet_problems(client, tables, options)
        else:
            problems = _photo_problems(client, rows, options)
    except urllib3.exceptions.HTTPError:
        problems = {}
        report(
            f"no Packshot answers at {client.url}: rows are checked by this machine's rules only"
        )
    return [
        row if row.errors else replace(row, errors=problems.get(row.source, [])) for row in rows
    ]


def _report_known(
    client: Client, rows: Sequence[Row], choices: SendOptions, report: Report
) -> tuple[list[Row], KnownProducts]:
    """Report photos that have products already and would be skipped, and those whose SKU and view
    a product has with another photo. Those that would be refused have an error in the answer."""
    asked, found = list(rows), KnownProducts()
    noted: list[Row] = []
    good = [place for place, row in enumerate(rows) if not row.errors]
    with suppress(urllib3.exceptions.HTTPError):  # `_ask_server` said so
        for start in range(0, len(good), BATCH):
            part = good[start : start + BATCH]
            photos = find_known(client, [rows[each] for each in part])
            if not choices.again:
                _report_skipped(rows, part, photos, found, report)
            for place, same in photos.same_view.items():
                row = rows[part[place]]
                if choices.further:
                    noted.append(with_same_view(row, same, "; both would be kept"))
                elif choices.update:
                    found.replaced[part[place]] = same["product_id"]
                    noted.append(with_same_view(row, same, _replaced_words(same)))
                else:
                    asked[part[place]] = with_same_view(row, same, SAME_VIEW_CHOICES)
    for line in reasons(noted):
        report(line)
    return asked, found


def _report_skipped(
    rows: Sequence[Row],
    part: Sequence[int],
    photos: FoundPhotos,
    found: KnownProducts,
    report: Report,
) -> None:
    for place, other in photos.elsewhere.items():
        report(elsewhere_words(rows[part[place]], other, "it would be made again as"))
    skipped = []
    for place, known in photos.known.items():
        row = rows[part[place]]
        found.skipped[part[place]] = known.product_id
        by_sku = row.product is not None and row.product.sku  # `_preview_updates` says it
        skipped.append(with_known(row, known, "" if by_sku else known.difference(row)))
    for line in reasons(skipped):
        report(f"would skip {line}")


def _replaced_words(same: Json) -> str:
    if same["status"] == "pending":
        return "; not replaced now, because pictures are being made from it"
    return "; the new one would replace it, and the pictures be made again"


def _preview_updates(
    client: Client, rows: Sequence[Row], report: Report, *, update: bool
) -> Updated:
    """Show what --update would change, or what stays without it."""
    found = Updated()
    try:
        update_products(client, rows, found, dry_run=True)
    except urllib3.exceptions.HTTPError:  # `_ask_server` said so
        found.is_complete = False
        return found
    if not update:
        found.refused.clear()  # their rows are refused, and say why
    for line in found.lines():
        report(f"would update {line}" if update else f"differs from {line} (--update)")
    for line in found.refusals():
        report(f"would not be updated: {line}" if update else f"--update would refuse {line}")
    if found.skus:
        kept = "would be updated" if update else "would be updated by --update"
        report(f"{pluralise(len(found.skus), 'SKU')} in Packshot already: {found.summary(kept)}")
    return found


def _sheet_problems(
    client: Client, tables: Sequence[Path], options: ReadOptions
) -> dict[str, list[str]]:
    """Source of a row -> its errors."""
    problems: dict[str, list[str]] = defaultdict(list)
    for path in tables:
        for problem in _plan(client, path, options)["problems"]:
            if problem["level"] == "error" and problem["row"]:
                problems[f"{path.name} row {problem['row']}"].append(_words_of(problem))
    return problems


def _photo_problems(
    client: Client, rows: Sequence[Row], options: ReadOptions
) -> dict[str, list[str]]:
    """Name of a photo -> its errors. Errors in their shared fields are repeated for each."""
    problems: dict[str, list[str]] = defaultdict(list)
    for start in range(0, len(rows), NAMES_AT_ONCE):
        names = [row.source for row in rows[start : start + NAMES_AT_ONCE]]
        plan = client.plan_import(_plan_fields(names, options))
        of_all = [_words_of(problem) for problem in plan["problems"] if problem["level"] == "error"]
        for name in names if of_all else ():
            problems[name] += of_all
        for left in plan["photos"]["left_out"]:
            problems[left["file"]].append(left["why"])
    return problems


def _plan_fields(names: Sequence[str], options: ReadOptions) -> list[tuple[str, str]]:
    fields = [("photos", json.dumps(names)), ("defaults", json.dumps(dict(options.defaults)))]
    if options.pattern:
        fields.append(("pattern", options.pattern))
    return fields


def _words_of(problem: Json) -> str:
    column = PHOTO if problem["column"] == "raw_image" else problem["column"]
    return ": ".join(filter(None, (column, problem["detail"])))


def _plan(client: Client, path: Path, options: ReadOptions) -> Json:
    fields: list[tuple[str, Any]] = [
        ("spreadsheet", (in_utf_8(path.name), path.read_bytes())),
        ("mapping", json.dumps(dict(options.mapping))),
        ("defaults", json.dumps(options.category)),
    ]
    plan = client.plan_import(fields)
    if options.decimals is None:
        return plan
    chosen = dict.fromkeys(plan["conventions"], options.decimals)
    return client.plan_import([*fields, ("conventions", json.dumps(chosen))])


def check_offline(rows: Sequence[Row], console: Console) -> list[Row]:
    """The rows with every error that the API's rules find: `column: what is wrong`. A bar counts
    them, because the photos of a large folder take minutes."""
    checked = []
    with closing(Pixels()) as pixels, bar(console) as progress:
        task = progress.add_task("Checking", total=len(rows), note="")
        for row in rows:
            checked.append(_check(row, pixels))
            progress.update(task, advance=1, note=escape_text(row.source))
    return checked


def _check(row: Row, pixels: Pixels) -> Row:
    if not row.fields:  # it could not be read: its errors say why
        return row
    said = {error.partition(": ")[2] for error in row.errors}  # of an address, its column says it
    photo = [one for one in _picture_errors(row, pixels) if one.partition(": ")[2] not in said]
    found = [*row.errors, *_field_errors(row), *photo]
    return replace(row, errors=list(dict.fromkeys(found)))


def _field_errors(row: Row) -> Iterator[str]:
    # A row with errors says already that it has no photo.
    has_photo = row.photo is not None or bool(row.errors)
    fields = row.fields | {"raw_image": UPLOADED} if has_photo else row.fields
    said = {error.partition(": ")[0] for error in row.errors}  # a column has one error
    try:
        check(NewProductIn, fields)
    except InvalidRequest as refused:
        for error in refused.errors:
            name = error.pointer.removeprefix("/")
            column, detail = in_columns(name, error.detail, {"raw_image": PHOTO, **row.columns})
            if column not in said:
                yield f"{column}: {detail}"


def _picture_errors(row: Row, pixels: Pixels) -> Iterator[str]:
    """Decode the photo as an upload does, or check the form of its address. Fetches nothing."""
    raw_image = row.fields.get("raw_image", "")
    try:
        if row.photo is not None:
            data = row.photo.read_bytes()
            check_not_made_here(data)
            pixels.run(imaging.normalise, data)
        elif raw_image and not raw_image.startswith(("s3://", UPLOADED)):
            check_url(raw_image)
    except (FetchError, PictureError) as error:
        yield of_photo(row, error.message)
    except OSError as error:
        yield unreadable(error.filename, error)
