"""The commands that run processes: serve, worker, migrate."""

from __future__ import annotations

import os

import click

from packshot import serving


@click.command()
@click.option("--workers", default=1, show_default=True, help="Processes to serve with.")
@click.option("--fake-gemini", is_flag=True, help="Use a Gemini of our own: no key, no cost.")
def serve(workers: int, fake_gemini: bool) -> None:
    """Serve on HOST and PORT with gunicorn; every process has its worker thread.

    --fake-gemini runs the whole Gemini path against a server on this machine that answers as
    Google's does, with pictures it paints itself, so that the path can be seen without a key.
    """
    if fake_gemini:
        start_fake_gemini()
    serving.run_gunicorn(workers)


def start_fake_gemini() -> None:
    """In a process of its own (ours will fork), ended together with this one."""
    import atexit
    import subprocess
    import sys

    process = subprocess.Popen(
        [sys.executable, "-m", "packshot.fake_gemini", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    owner = os.getpid()  # gunicorn's forked workers run this at their end too

    def end() -> None:
        if os.getpid() == owner:
            process.terminate()

    atexit.register(end)
    assert process.stdout is not None
    os.environ["GOOGLE_GEMINI_BASE_URL"] = process.stdout.readline().strip()
    os.environ["GEMINI_API_KEY"] = "fake"
    click.echo(f"A fake Gemini answers at {os.environ['GOOGLE_GEMINI_BASE_URL']}")


@click.command()
def worker() -> None:
    """Take products off the queue until SIGTERM or Ctrl-C."""
    raise SystemExit(serving.run_worker())


@click.command()
def migrate() -> None:
    """Create the tables of DATABASE_URL, or bring them up to date. Safe to run twice."""
    raise SystemExit(serving.run_migrations())
