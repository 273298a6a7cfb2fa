"""The commands that run processes: serve, worker, migrate."""

from __future__ import annotations

import click

from packshot import serving


@click.command()
@click.option("--workers", default=1, show_default=True, help="Processes to serve with.")
def serve(workers: int) -> None:
    """Serve on HOST and PORT with gunicorn; every process has its worker thread."""
    serving.run_gunicorn(workers)


@click.command()
def worker() -> None:
    """Take products off the queue until SIGTERM or Ctrl-C."""
    raise SystemExit(serving.run_worker())


@click.command()
def migrate() -> None:
    """Create the tables of DATABASE_URL, or bring them up to date. Safe to run twice."""
    raise SystemExit(serving.run_migrations())
