"""Opens the database and the storage for commands that need no server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from packshot.database.open_file import missing_file
from packshot.database.tables import problem_with_tables
from packshot.database.urls import parse_url
from packshot.errors import PackshotError
from packshot.serving.process import prepare_process
from packshot.wiring import Services, build


@contextmanager
def open_services() -> Iterator[Services]:
    """The parts that the environment and `.env` select. A PackshotError is printed as one line."""
    try:
        settings = prepare_process()
        if no_file := missing_file(parse_url(settings.database_url)):
            raise click.ClickException(no_file)
        services = build(settings)
        try:
            if problem := problem_with_tables(services.database):
                raise click.ClickException(problem)
            yield services
        finally:
            services.close()
    except PackshotError as error:
        raise click.ClickException(error.message) from error
