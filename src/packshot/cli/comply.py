"""`packshot comply`: checks any pictures against a marketplace's rules; needs no server."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from packshot.cli.photos import is_endless
from packshot.errors import PackshotError
from packshot.marketplaces.compliance import RuleResult, check, fails
from packshot.marketplaces.presets import Preset, preset_names, read_preset

#: A bitmap of 50 megapixels has 150 MB.
MAX_BYTES = 200_000_000
SIGNS = {"pass": "pass", "warn": "WARN", "fail": "FAIL", "unknown": "?"}


@dataclass(frozen=True)
class JudgedFile:
    """A picture and its rows, or the error why it has none."""

    path: Path
    main: bool
    rows: list[RuleResult] = field(default_factory=list)
    error: str | None = None

    @property
    def complies(self) -> bool:
        return self.error is None and not fails(self.rows)

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"file": str(self.path), "main": self.main}
        if self.error is not None:
            return found | {"error": self.error}
        return found | {"rows": [asdict(row) for row in self.rows]}


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--preset", "name", help="amazon, google, shopify, ...; alone, `packshot comply` lists them."
)
@click.option("--secondary", is_flag=True, help="Leave out the rules for a main picture only.")
@click.option(
    "--presets-dir",
    envvar="PRESETS_DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with your presets.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON, as the API does.")
def comply(
    files: tuple[Path, ...],
    name: str | None,
    secondary: bool,
    presets_dir: Path | None,
    as_json: bool,
) -> None:
    """Measure pictures against a preset: a line for each rule. Exits with 1 when a rule
    fails or a picture can't be read; the other pictures are still measured.

    JPEG, PNG, WebP, AVIF, HEIC, TIFF, GIF and BMP. Each is judged as a product's main picture; with
    --secondary, or named as Amazon names them (.PT01.jpg), as one of the others.
    """
    if name is None and files:
        raise click.UsageError("name a marketplace with --preset; without pictures, all are listed")
    if name is None:
        names = preset_names(presets_dir)
        click.echo(json.dumps(names) if as_json else "\n".join(names))
        return
    if not files:
        raise click.UsageError("name the pictures to check")
    preset = read_preset(name, presets_dir)
    judged = []
    for path in files:
        found = _judge(path, preset, main=not secondary and not _is_other(path))
        judged.append(found)
        if not as_json:
            _show(found, preset)
    if as_json:
        _print_json(judged, name, preset)
    if not all(found.complies for found in judged):
        raise SystemExit(1)


def _is_other(path: Path) -> bool:
    """Whether Amazon's code in the name says that it is not a main picture."""
    return re.search(r"\.PT\d\d$", path.stem) is not None


def _judge(path: Path, preset: Preset, main: bool) -> JudgedFile:
    # Loads the pixel libraries, which `packshot --help` need not wait for.
    from packshot.marketplaces.measures import measure

    try:
        return JudgedFile(path, main, check(measure(_read(path), path.suffix), preset, main))
    except OSError as error:
        return JudgedFile(path, main, error=f"can't be read: {error.strerror}")
    except PackshotError as error:
        return JudgedFile(path, main, error=error.message)


def _read(path: Path) -> bytes:
    """The file's bytes. Raises OSError, and PackshotError for a file too large, or endless."""
    if is_endless(path) and not path.is_dir():
        raise PackshotError("It is not an ordinary file.")
    if (size := path.stat().st_size) > MAX_BYTES:
        raise PackshotError(
            f"The file has {size / 1e6:,.0f} MB; at most {MAX_BYTES / 1e6:.0f} are measured."
        )
    return path.read_bytes()


def _show(found: JudgedFile, preset: Preset) -> None:
    if found.error is not None:
        click.echo(f"{found.path}: {found.error}")
        return
    click.echo(f"{found.path}: {preset.title}, rules of {preset.checked}")
    table = Table()
    for heading in ("", "rule", "required", "measured", "what to do"):
        table.add_column(heading)
    for row in found.rows:
        table.add_row(SIGNS[row.verdict], row.rule, row.required, row.measured, row.advice)
    Console().print(table)


def _print_json(judged: list[JudgedFile], name: str, preset: Preset) -> None:
    head = {"preset": name, "title": preset.title, "checked": str(preset.checked)}
    click.echo(json.dumps(head | {"pictures": [found.as_json() for found in judged]}))
