"""`packshot fidelity`: measures whether an enhanced picture still shows the photo's product."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import click

from packshot.cli.plain import escape_text
from packshot.errors import PictureError
from packshot.fidelity.verdicts import VERDICTS, CheckResult
from packshot.serving.process import load_environment
from packshot.settings import load_settings
from packshot.spreadsheets.photo_files import CHANGES

WORDS = {
    "pass": "PASS: no change was found in what could be compared",
    "warn": "WARN: check it closely",
    "fail": "FAIL: the product was changed",
    "not_comparable": "NOT COMPARABLE: the two could not be aligned",
}
LIT = "PASS: only the light changed in what could be compared"
assert set(WORDS) == set(VERDICTS)


class CompareByDefault(click.Group):
    """`packshot fidelity RAW ENHANCED` is short for `packshot fidelity compare RAW ENHANCED`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = args[0] in self.commands
        return super().resolve_command(ctx, args if known else ["compare", *args])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0].startswith("-") and args[0] not in ("-h", "--help"):
            args = ["compare", *args]
        return super().parse_args(ctx, args)


@click.group(cls=CompareByDefault, invoke_without_command=False)
def fidelity() -> None:
    """Measure whether the product is unchanged: packshot fidelity RAW ENHANCED.

    `packshot fidelity report` compares the verdicts with what reviewers decided.
    """


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@fidelity.command()
@click.argument("raw", type=FILE)
@click.argument("enhanced", type=FILE)
@click.option("--map", "target", type=click.Path(dir_okay=False, path_type=Path),
              help="Where the change map goes; default: ENHANCED.changes.webp, with -2 where that"
              " is taken. An upload skips such files.")  # fmt: skip
@click.option("--no-map", is_flag=True, help="Write no change map.")
def compare(raw: Path, enhanced: Path, target: Path | None, no_map: bool) -> None:
    """Compare two pictures; needs no server. Exits with 0 for a pass, with 1 for anything else.

    Prints the verdict, and writes a picture of the changes next to ENHANCED.
    """
    load_environment()
    try:
        done = _compare(raw, enhanced)
        if done.change_map is not None and not no_map:
            written = write_map(done.change_map, enhanced, target)
            click.echo(f"Wrote the change map: {written}")
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
    raise SystemExit(0 if done.check.verdict == "pass" else 1)


def write_map(data: bytes, enhanced: Path, target: Path | None) -> Path:
    """Write a change map to `target`, or beside the picture under an unused name."""
    if target is not None:
        target.write_bytes(data)
        return target
    for number in count(1):
        suffix = f"-{number}" if number > 1 else ""
        path = enhanced.with_name(f"{enhanced.stem}.{CHANGES}{suffix}.webp")
        with suppress(FileExistsError), path.open("xb") as file:
            file.write(data)
            return path
    raise AssertionError("unreachable: numbers do not end")


def _compare(raw: Path, enhanced: Path) -> CheckResult:
    # Loads the pixel libraries, which `packshot --help` need not wait for.
    from packshot.fidelity.jobs import FidelityFiles, check_picture, measure_raw
    from packshot.pictures.child_processes import Pixels
    from packshot.pictures.model_file import model_path

    settings = load_settings()
    files = FidelityFiles(model_path(settings.model_dir), settings.fidelity_weights)
    pixels = Pixels()
    try:
        with _name_in_errors(raw):
            side = pixels.run(measure_raw, raw.read_bytes(), files)
        with _name_in_errors(enhanced):
            done = pixels.run(check_picture, side, enhanced.read_bytes(), files)
    finally:
        pixels.close()
    check = done.check
    verdict = check.verdict or "not_comparable"
    lit = verdict == "pass" and any(reason.code == "light" for reason in check.reasons)
    said = LIT if lit else WORDS[verdict]
    click.echo(f"{said} (score {check.score or 0:.2f}; above 0.5 passes)")
    for reason in check.reasons:
        click.echo(f"- {escape_text(reason.words)}{_place(reason.enhanced)}")
    if check.judged is not None:
        click.echo(
            f"{math.floor(100 * check.judged)} % of the product was compared pixel by pixel; for"
            " edges and thin parts only the outline was compared."
        )
    click.echo(text_read(check.lines))
    return done


@contextmanager
def _name_in_errors(path: Path) -> Iterator[None]:
    """Put the file's name before an error, because there are two files."""
    try:
        yield
    except PictureError as error:
        raise click.ClickException(f"{path}: {error.message}") from error


def _place(box: list[float] | None) -> str:
    if box is None:
        return ""
    left, top, right, bottom = (round(100 * share) for share in box)
    return f" (left {left} to {right} %, top {top} to {bottom} % of the picture)"


def text_read(lines: int | None) -> str:
    if lines is None:
        return 'No text was read: pip install "packshot[fidelity]" adds it.'
    if lines == 0:
        return "No printed text was compared: none on the product can be read in both pictures."
    return f"{lines} line{'s' if lines > 1 else ''} of printed text compared."


# ---- what reviewers decided

MIN_APPROVED = 100
MIN_REJECTED = 30  # for a reason that concerns the product


@fidelity.command()
@click.option(
    "--write",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Fit weights to the decisions and write them there, for FIDELITY_WEIGHTS.",
)
def report(target: Path | None) -> None:
    """Compare the verdicts with what reviewers decided.

    Approved pictures count as unchanged. Rejected pictures count as changed if the reason is the
    product, its colour or its text.
    """
    from packshot.cli.direct import open_services
    from packshot.products.checks import Checks

    with open_services() as services:
        rows = Checks(services.database).read_labels()
    kept = [row for row in rows if row["faithful"]]
    changed = [row for row in rows if not row["faithful"]]
    _share("approved pictures were flagged (false alarms)", kept)
    _share("pictures rejected for the product were flagged", changed)
    if len(kept) < MIN_APPROVED or len(changed) < MIN_REJECTED:
        click.echo(
            f"Too few decisions to fit weights: {MIN_APPROVED} approved pictures and "
            f"{MIN_REJECTED} rejected for the product are needed."
        )
        raise SystemExit(1 if target else 0)
    _fit(rows, target)


def _share(words: str, rows: list[dict[str, Any]]) -> None:
    from packshot.fidelity.fitting import wilson

    flagged = sum(row["verdict"] != "pass" for row in rows)
    low, high = wilson(flagged, len(rows))
    share = f" ({low:.0%} to {high:.0%})" if rows else ""
    click.echo(f"{flagged} of {len(rows)} {words}{share}")


def _fit(rows: list[dict[str, Any]], target: Path | None) -> None:
    from packshot.fidelity.fitting import as_toml, fit

    found = fit(rows)
    flagged = [found.verdict(row) != "pass" for row in rows]
    alarms = sum(f for f, row in zip(flagged, rows, strict=True) if row["faithful"])
    caught = sum(f for f, row in zip(flagged, rows, strict=True) if not row["faithful"])
    click.echo(
        f"Fitted to these decisions (not cross-validated): {alarms} false alarms, {caught} caught."
    )
    if target is not None:
        note = f"Written by `packshot fidelity report --write` from {len(rows)} decisions."
        target.write_text(as_toml(found.weights, note))
        click.echo(f"Weights: {target}. Set FIDELITY_WEIGHTS to it.")
