"""`packshot export`: the approved pictures, for the shop's own systems."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urljoin

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from packshot.cli.options import connection
from packshot.cli.plain import pluralise
from packshot.client import ApiError, Client
from packshot.marketplaces.compliance import CHOICE_OF_MAIN_PICTURE, NO_MAIN_PICTURE
from packshot.marketplaces.names import COMPLIANCE, LEFT_OUT, MANIFEST

FORMATS: Final = ("csv", "jsonl", "zip", "shopify", "woocommerce")
#: Ending of a file -> the formats that it can have; the first one is taken without `--format`.
ENDINGS: Final[dict[str, tuple[str, ...]]] = {
    ".csv": ("csv", "shopify", "woocommerce"),
    ".jsonl": ("jsonl",),
    ".ndjson": ("jsonl",),
    ".zip": ("zip",),
    ".xlsx": (),
    ".xls": (),
}
#: How many programs name it.
STDOUT: Final = Path("-")
#: The most failing pictures that one line names.
MAX_NAMED: Final = 5
#: Names of uploaded pictures that Shopify surely leaves as they are.
KEPT_BY_SHOPIFY: Final = re.compile(r"[A-Za-z0-9._-]+")


@click.command()
@click.option(
    "--format",
    "as_format",
    type=click.Choice(FORMATS),
    help="Default: by the ending of the file, else csv.",
)
@click.option("--category", help="Only this category.")
@click.option("--batch", help="Only this batch.")
@click.option("--sku", help="Only this SKU.")
@click.option("--products", help="Only these, by their numbers: 41,42.")
@click.option("--since", help="Only pictures approved after this: 2026-11-28T09:00:00Z.")
@click.option("--names", help="Names in a ZIP; default: EXPORT_NAMES, else {sku}_{n}.")
@click.option("--preset", help="For a marketplace: amazon, google, ... (`packshot comply`).")
@click.option(
    "--pictures-at",
    help="For shopify, woocommerce: where you uploaded the ZIP's pictures, https://...",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file; else, and for -, stdout.",
)
@connection
def export(as_format: str | None, output: Path | None, client: Client, **given: str | None) -> None:
    """Write one line for each approved picture, or a ZIP of them under the shop's own names.

    The file appears only when it is complete, and replaces an earlier one of its name.
    """
    output, as_format = _target(output, as_format)
    filters: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    warnings = Warnings(client.url)
    if output is None:
        for piece in client.export(as_format, begun=warnings.read, **filters):
            click.echo(piece, nl=False)
        warnings.report()
        return
    unfinished = output.with_name(f".{output.name}.unfinished")
    try:
        _write(unfinished, client, as_format, warnings, filters)
        notes = _read_notes(unfinished) if as_format == "zip" else ZipNotes()
        words = _contents(unfinished, as_format, notes.pictures)
        earlier = "; it replaced the earlier file" if output.exists() else ""
        unfinished.replace(output)
    except ApiError as error:
        if error.code != "nothing_approved" or not given["since"]:
            raise
        click.echo(f"Nothing was approved after {given['since']}: there is no file.")
        return
    except OSError as error:  # urllib3 raises network errors as its own types
        raise click.ClickException(f"{output} can't be written: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    click.echo(f"Wrote {output}: {words}{earlier}.")
    warnings.report()
    if as_format == "shopify" and given["pictures_at"]:
        _name_renamed(output)
    _report_notes(notes, given["preset"])


def _write(
    path: Path, client: Client, as_format: str, warnings: Warnings, filters: Mapping[str, str]
) -> None:
    with ProgressBar() as bar, path.open("wb") as file:

        def begin(headers: Mapping[str, str]) -> None:
            warnings.read(headers)
            bar.expect(int(headers.get("Packshot-Pictures", 0)))

        for piece in client.export(as_format, begun=begin, **filters):
            file.write(bar.count(piece))


def _report_notes(notes: ZipNotes, preset: str | None) -> None:
    if notes.failures:
        click.echo(f"{preset}: {notes.failures}", err=True)
    if notes.left_out:
        _name_left_out(notes.left_out)


def _name_renamed(shop_file: Path) -> None:
    """Name the uploaded pictures that Shopify may have renamed: its import would not find them."""
    with shop_file.open(encoding="utf-8-sig", newline="") as file:
        addresses = [row["Image Src"] for row in csv.DictReader(file) if row["Image Src"]]
    files = dict.fromkeys(unquote(each.rpartition("/")[2]) for each in addresses)
    if unsure := [each for each in files if not KEPT_BY_SHOPIFY.fullmatch(each)]:
        click.echo(
            "Shopify may rename pictures as they are uploaded (accents, spaces and signs):"
            f" {', '.join(_first(unsure))}. Compare one with its address there; if they differ,"
            ' make the ZIP and this file with --names "{id}_{n}"',
            err=True,
        )


def _name_left_out(left_out: Sequence[str]) -> None:
    click.echo(f"{len(left_out):,} left out, see {LEFT_OUT} in it:", err=True)
    for line in _first(left_out):
        click.echo(f"  {line}", err=True)


class Warnings:
    """What to look at in an export: pictures that were approved before their fidelity check found
    a change, and products of one SKU that no view tells apart."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pictures = 0
        self.groups: list[list[str]] = []
        self.more = 0  # groups

    def read(self, headers: Mapping[str, str]) -> None:
        """Read the headers of the export."""
        self.pictures = int(headers.get("Packshot-Found-After-Approval", 0))
        groups = [
            group.split() for group in headers.get("Packshot-Same-View", "").split(", ") if group
        ]
        self.groups = [group for group in groups if group[-1] != "more"]
        self.more = sum(int(group[0]) for group in groups if group[-1] == "more")

    def report(self) -> None:
        for line in (*self._of_pictures(), *self._of_products()):
            click.echo(line, err=True)

    def _of_pictures(self) -> Iterator[str]:
        if self.pictures:
            were = "was" if self.pictures == 1 else "were"
            grid = urljoin(self.url, "grid?status=all&doubt=after_approval")
            yield (
                f"{pluralise(self.pictures, 'picture')} in it {were} approved before the fidelity"
                f" check ended, and it found a change. Look at what it found: {grid}"
            )

    def _of_products(self) -> Iterator[str]:
        if not self.groups:
            return
        named = [f"{', '.join(group[:-1])} and {group[-1]}" for group in self.groups[:MAX_NAMED]]
        if more := self.more + len(self.groups) - len(named):
            named.append(pluralise(more, "more such group"))
        yield (
            f"Products with the same SKU, and no views that tell them apart: {'; '.join(named)}."
            " Their pictures are numbered as those of one product. Name their views, or correct the"
            f" SKU of another product: {urljoin(self.url, f'products/{self.groups[0][-1]}')}"
        )


def _target(output: Path | None, as_format: str | None) -> tuple[Path | None, str]:
    """Where to write, None for stdout, and the format."""
    output = None if output == STDOUT else output
    return output, _format_of(as_format, output)


def _format_of(given: str | None, output: Path | None) -> str:
    """The format to request. Raises UsageError if the file's ending names another one."""
    if output is None:
        if given == "zip":
            raise click.UsageError("a ZIP goes into a file: add -o FILE.zip")
        return given or "csv"
    possible = ENDINGS.get(output.suffix.lower(), FORMATS)
    if not possible:
        raise click.UsageError(f"{output}: an export is a .csv, .jsonl or .zip file")
    if given is not None and given not in possible:
        ending = next(end for end, formats in ENDINGS.items() if given in formats)
        raise click.UsageError(f"{output} does not fit --format {given}: name it {ending}")
    return given or possible[0]


def _contents(path: Path, as_format: str, pictures: int) -> str:
    """What a file contains, and its size."""
    size = readable_size(path.stat().st_size)
    if as_format == "zip":
        return f"{pluralise(pictures, 'picture')}, {size}"
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = sum(1 for _ in file) if as_format == "jsonl" else _rows_of_csv(file)
    return f"{pluralise(rows, 'row')}, {size}"


def _rows_of_csv(file: Iterable[str]) -> int:
    csv.field_size_limit(sys.maxsize)  # a cell may be longer than the 131,072 characters of csv
    return max(0, sum(1 for _ in csv.reader(file)) - 1)  # without its header


def readable_size(size: int) -> str:
    """`812 bytes`, `4.1 kB`, `25.0 MB`."""
    if size < 1000:
        return pluralise(size, "byte")
    return f"{size / 1e3:,.1f} kB" if size < 1e6 else f"{size / 1e6:,.1f} MB"


@dataclass(frozen=True)
class ZipNotes:
    """How many pictures a ZIP has, the lines about those that it lacks, and a sentence about those
    that fail the marketplace's rules."""

    pictures: int = 0
    left_out: Sequence[str] = ()
    failures: str = ""


def _read_notes(path: Path) -> ZipNotes:
    """Raises ClickException for an incomplete ZIP."""
    try:
        with zipfile.ZipFile(path) as archive:
            pictures = len(json.loads(archive.read(MANIFEST))["pictures"])
            left_out = _text(archive, LEFT_OUT).splitlines()
            return ZipNotes(pictures, left_out, name_failures(_text(archive, COMPLIANCE)))
    except zipfile.BadZipFile:
        raise click.ClickException(
            "the export was cut off, and nothing was written: see the server's log, then try again"
        ) from None


def _text(archive: zipfile.ZipFile, name: str) -> str:
    return archive.read(name).decode() if name in archive.namelist() else ""


def name_failures(compliance: str) -> str:
    """The rules that pictures fail and the SKUs without a main picture, from a compliance.csv;
    empty if there are neither."""
    rows = list(csv.DictReader(io.StringIO(compliance, newline="")))
    failed: dict[str, list[str]] = {}
    for row in rows:
        if row["verdict"] == "fail":
            failed.setdefault(row["file"], []).append(row["rule"])
    mains = _name_mainless([row["file"] for row in rows if row["rule"] == NO_MAIN_PICTURE])
    if not failed:
        return mains
    all_of_them = len({row["file"] for row in rows})
    named = _by_rules(failed) if len(failed) > MAX_NAMED else _by_file(failed)
    choices = [row["measured"] for row in rows if row["rule"] == CHOICE_OF_MAIN_PICTURE]
    hint = (
        f" {pluralise(len(choices), 'product')} could have another main picture." if choices else ""
    )
    number = f"{len(failed):,} of {pluralise(all_of_them, 'picture')} fail"
    found = f"{number}: {', '.join(_first(named))}; see {COMPLIANCE} in it.{hint}"
    return f"{found} {mains}".rstrip()


def _by_file(failed: Mapping[str, Sequence[str]]) -> list[str]:
    return [f"{file} ({', '.join(rules)})" for file, rules in failed.items()]


def _by_rules(failed: Mapping[str, Sequence[str]]) -> list[str]:
    """`border white (JAR-9.MAIN.jpg and 111 more)`, the most frequent first."""
    files: dict[str, list[str]] = {}
    for file, rules in failed.items():
        files.setdefault(", ".join(rules), []).append(file)
    alike = sorted(files.items(), key=lambda each: -len(each[1]))
    return [f"{rules} ({' '.join(_first(names, 1))})" for rules, names in alike]


def _name_mainless(files: Sequence[str]) -> str:
    if not files:
        return ""
    skus = f"{pluralise(len(files), 'SKU')} {'has' if len(files) == 1 else 'have'}"
    return f"{skus} no main picture in it: {', '.join(_first(files))}; see {COMPLIANCE} in it."


def _first(named: Sequence[str], most: int = MAX_NAMED) -> list[str]:
    more = [f"and {len(named) - most:,} more"] if len(named) > most else []
    return [*named[:most], *more]


class ProgressBar:
    """The progress of a file: in pictures if the server says how many a ZIP has."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: TaskID | None = None
        self._tail = b""
        self.pictures = self.expected = 0

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._progress.stop()

    def expect(self, pictures: int) -> None:
        self.expected = pictures
        if pictures:
            self._task = self._progress.add_task("Pictures", total=pictures)

    def count(self, piece: bytes) -> bytes:
        """Count a piece's files, each with a header (APPNOTE 6.3.10, 4.3.7); return the piece."""
        if self._task is not None:
            joined = self._tail + piece
            self._tail = joined[-3:]
            self.pictures = min(self.expected, self.pictures + joined.count(b"PK\x03\x04"))
            self._progress.update(self._task, completed=self.pictures)
        return piece
