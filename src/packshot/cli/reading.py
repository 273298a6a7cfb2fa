"""Options that say how photos and spreadsheets are read."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from packshot.cli.rows import ReadOptions
from packshot.spreadsheets import EXAMPLES, FIELDS, DecimalSign
from packshot.spreadsheets.fields import DEFAULT_CATEGORY, PERCENTAGES
from packshot.spreadsheets.numbers import NotANumber, read_alone

CATEGORY = click.option(
    "--category", default=DEFAULT_CATEGORY, show_default=True, help="If there is none."
)


def reading(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say how photos and spreadsheets are read, as `read_options`."""

    @CATEGORY
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
        help="The decimal sign, if a spreadsheet's numbers can be read in two ways.",
    )
    @click.option("--pattern", help="How photos are named without a spreadsheet: {sku}_{view}.")
    @functools.wraps(command)
    def run(
        *args: Any,
        category: str,
        mrp: str | None,
        price: str | None,
        gst: str | None,
        columns: tuple[str, ...],
        decimals: DecimalSign | None,
        pattern: str | None,
        **options: Any,
    ) -> Any:
        defaults = {"category": category} | _amounts(mrp=mrp, price=price, gst=gst)
        read_options = ReadOptions(defaults, _mapping(columns), decimals, pattern)
        return command(*args, read_options=read_options, **options)

    return run


def _amounts(**given: str | None) -> dict[str, str]:
    """The given amounts in the API's form. Raises BadParameter for text that is none."""
    amounts: dict[str, str] = {}
    for name, text in given.items():
        try:
            if text is not None:
                amounts[name] = f"{read_alone(text, percent=name in PERCENTAGES):f}"
        except NotANumber as error:
            raise click.BadParameter(str(error), param_hint=f"--{name}") from None
    return amounts


def _mapping(columns: tuple[str, ...]) -> dict[str, str]:
    """Read NAME=FIELD options. Raises BadParameter for anything else."""
    pairs = [text.rpartition("=") for text in columns]
    for name, sign, to in pairs:
        if not sign or not name:
            raise click.BadParameter(f"{to}: must be NAME=FIELD", param_hint="--column")
        if to not in FIELDS:
            words = f"{to!r} is not a field ({name}={to}); fields are {', '.join(FIELDS)}"
            raise click.BadParameter(words, param_hint="--column")
    return {name: to for name, _, to in pairs}
