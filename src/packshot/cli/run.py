"""The commands that run processes: serve, worker, migrate."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from packshot.serving.process import load_environment, prepare_server, run_migrations
from packshot.serving.server import run_development, run_gunicorn
from packshot.serving.worker import run_worker
from packshot.settings import FAKE_KEY

#: With one of these set, the fake's products would be mixed with real ones.
REAL = ("SQS_QUEUE_URL", "S3_BUCKET", "WEBHOOK_URLS")


class FaultOption(click.Option):
    """Its help lists the faults, which are imported only for it: serving needs none of them."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from packshot.testing.fake_gemini.faults import FAULTS

        option, words = super().get_help_record(ctx) or ("", "")
        return option, f"{words} Names: {', '.join(sorted(FAULTS))}."


def _check_faults(
    ctx: click.Context, param: click.Parameter, given: tuple[str, ...]
) -> tuple[str, ...]:
    """A wrong fault ends the command before the fake is started."""
    if given:
        from packshot.testing.fake_gemini.faults import read_chance
    for fault in given:
        try:
            read_chance(fault)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return given


port_option = click.option(
    "--port", type=click.IntRange(1, 65_535), help="The port to serve on.  [default: PORT, or 5000]"
)


def _set_port(port: int | None) -> None:
    """What the command says takes precedence over the environment and `.env`."""
    if port is not None:
        os.environ["PORT"] = str(port)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@port_option
def develop(port: int | None) -> None:
    """Serve for development, with a worker. Settings are environment variables or lines of .env."""
    _set_port(port)
    run_development()


@click.command()
@port_option
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes to serve with.",
)
@click.option("--fake-gemini", is_flag=True, help="A fake Gemini on this machine: no key, no cost.")
@click.option(
    "--fake-fault",
    "faults",
    multiple=True,
    metavar="NAME=CHANCE",
    cls=FaultOption,
    callback=_check_faults,
    help="With --fake-gemini: make it fail at random, as in overloaded=0.1; default: never.",
)
def serve(port: int | None, workers: int, fake_gemini: bool, faults: tuple[str, ...]) -> None:
    """Serve with gunicorn on HOST and PORT; every process has its worker thread.

    --fake-gemini runs the whole Gemini path against a server on this machine that answers as
    Google's does, with pictures it paints itself, so no key is needed. Its products and
    pictures are kept apart, and removed at the end. Every page and picture says that
    it is a sample, and costs are marked as simulated.
    """
    if faults and not fake_gemini:
        raise click.UsageError("--fake-fault goes with --fake-gemini")
    _set_port(port)
    if fake_gemini:
        _refuse_real_services()
        prepare_server()
        keep_apart()
        start_fake_gemini(faults)
    run_gunicorn(workers)


def _refuse_real_services() -> None:
    load_environment()
    for name in REAL:
        if os.environ.get(name):
            raise click.UsageError(f"--fake-gemini can't be used with {name}: unset it")


def keep_apart() -> None:
    """Use a separate database and folder: the fake's calls must not count as spent."""
    folder = tempfile.mkdtemp(prefix="packshot-fake-")
    at_our_end(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ["DATABASE_URL"] = f"sqlite:///{folder}/packshot.db"
    os.environ["MEDIA_DIR"] = f"{folder}/media"
    click.echo(f"Products and pictures are kept in {folder} until the end")


def start_fake_gemini(faults: Sequence[str] = ()) -> None:
    """Start the fake in a process of its own (this one will fork), which ends with this one."""
    address = _run_fake_gemini(faults)
    if not address:  # without an address, photos would go to Google
        raise click.ClickException("the fake Gemini did not start: see above")
    os.environ["GOOGLE_GEMINI_BASE_URL"] = address
    os.environ["GEMINI_API_KEY"] = FAKE_KEY
    os.environ["ENHANCER"] = "gemini"
    click.echo(f"A fake Gemini answers at {address}")


def _run_fake_gemini(faults: Sequence[str]) -> str:
    """Start the process; return its address, or "" when it ended."""
    process = subprocess.Popen(  # noqa: S603 - our own interpreter
        [
            *(sys.executable, "-m", "packshot.testing.fake_gemini"),
            *(word for fault in faults for word in ("--fault", fault)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    at_our_end(process.terminate)
    assert process.stdout is not None
    return process.stdout.readline().strip()


def at_our_end(do: Callable[[], object]) -> None:
    """Run at the end of this process, not of gunicorn's forked workers, which inherit it."""
    owner = os.getpid()
    atexit.register(lambda: do() if os.getpid() == owner else None)


@click.command()
@click.option(
    "--alive",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file to touch every 5 s while it works, for a health check.",
)
def worker(alive: Path | None) -> None:
    """Work on queued products until SIGTERM or Ctrl-C.

    Exits with 1 when it hangs: let a supervisor restart it (Restart=always, restart:
    unless-stopped).
    """
    raise SystemExit(run_worker(alive))


@click.command()
@click.option(
    "--back-to",
    metavar="REVISION",
    help="Change the tables back for an older Packshot; stop everything else first.",
)
def migrate(back_to: str | None) -> None:
    """Create the tables of DATABASE_URL, or bring them up to date. Safe to run twice."""
    raise SystemExit(run_migrations(back_to))
