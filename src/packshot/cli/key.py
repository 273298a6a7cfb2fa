"""`packshot key`: a new API key, shown once."""

from __future__ import annotations

import click

from packshot.keys import ALL_SCOPES, NAME, Scope, new_key


@click.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(ALL_SCOPES),
    help="What the key may do; can be given several times; without it, everything.",
)
def key(name: str, scopes: tuple[Scope, ...]) -> None:
    """Make a key for NAME, as an entry for API_KEYS in the environment or `.env`."""
    if not NAME.fullmatch(name):
        raise click.UsageError("a name is 1 to 50 letters, digits, dots, dashes or underscores")
    entry = new_key(name, scopes or ALL_SCOPES)
    click.echo("For API_KEYS, separated by commas:")
    click.echo(entry)
    click.echo(f"{name} signs in with the part between the colons, for --key and on the desk:")
    click.echo(entry.split(":")[1])
