"""`packshot restored`: what a database needs that was restored from a backup, or copied."""

from __future__ import annotations

import click

from packshot.cli.direct import opened
from packshot.products.restored import continue_ids


@click.command()
@click.option(
    "--copy",
    "is_copy",
    is_flag=True,
    help="The original goes on elsewhere: this database becomes a shop of its own.",
)
def restored(is_copy: bool) -> None:
    """Have ids go on above all that were given since the backup was made.

    Run it before anything else is started on the restored database. It looks through the keys of
    the storage for the highest id.
    """
    with opened() as services:
        following = continue_ids(services.database, services.storage)
        click.echo(f"The next product gets the id {following}.")
        if is_copy:
            click.echo(f"This database is the shop {services.shop.become_another()} now.")
