"""`packshot restored`: prepares a database that was restored from a backup, or copied."""

from __future__ import annotations

import click

from packshot.cli.direct import open_services
from packshot.database.open_file import missing_file_or_left_log
from packshot.products.restored import continue_ids


@click.command()
@click.option(
    "--copy",
    "is_copy",
    is_flag=True,
    help="This database is a copy, and the original stays in use: give the copy a new shop id.",
)
def restored(is_copy: bool) -> None:
    """Move ids past all those that were given since the backup was made.

    Run it before you start anything else on the restored database. It searches the keys of the
    storage for the highest id.
    """
    with open_services(missing_file_or_left_log) as services:
        following = continue_ids(services.database, services.storage)
        click.echo(f"The next product gets the id {following}.")
        if is_copy:
            services.batching.jobs.end_all()
            click.echo(f"This database has the new shop id {services.shop.replace_id()}.")
