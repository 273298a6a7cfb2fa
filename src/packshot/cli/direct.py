"""Opens the database and the storage for commands that need no server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from sqlalchemy.engine import URL

from packshot.database.open_file import missing_file
from packshot.database.tables import problem_with_tables
from packshot.database.urls import parse_url
from packshot.serving.process import prepare_process
from packshot.wiring import Services, build


@contextmanager
def open_services(
    refusal: Callable[[URL], str | None] = missing_file,
) -> Iterator[Services]:
    """The parts that the environment and `.env` select, unless there is a `refusal` to open this
    database."""
    settings = prepare_process()
    if refused := refusal(parse_url(settings.database_url)):
        raise click.ClickException(refused)
    services = build(settings)
    try:
        if problem := problem_with_tables(services.database):
            raise click.ClickException(problem)
        yield services
    finally:
        services.close()
