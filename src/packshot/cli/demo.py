"""`packshot demo`: all of Packshot on one machine, from raw photos to the desk."""

from __future__ import annotations

import ctypes
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import click
import urllib3
from rich.console import Console

from packshot.cli.plain import pluralise, print_note
from packshot.cli.progress import print_table, wait_with_bar
from packshot.cli.row_reports import print_refused, print_skipped
from packshot.cli.rows import ReadOptions, Report, Row, read_rows, with_own_spreadsheet
from packshot.cli.sending import SendOptions
from packshot.cli.upload import send
from packshot.client import Client, Json
from packshot.settings import Settings
from packshot.spreadsheets.fields import DEFAULT_CATEGORY

HOME = Path("var/demo")
SAMPLES = Path("samples")
START_SECONDS = 60.0
STOP_SECONDS = 60.0
TOGETHER_SECONDS = 5.0
INTERRUPTED = 130  # a shell's exit code after Ctrl-C
#: What ends the demo and its server; closing the terminal is SIGHUP.
ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
USUAL_PORT: Final = 5000
FRESH: Final = "--fresh or `make demo FRESH=1`"
PR_SET_PDEATHSIG: Final = 1
#: Settings that affect the pictures or their making. All others are dropped: they would
#: replace the embedded defaults, or prevent the start.
KEPT = frozenset(
    {
        "CUTOUT",
        "ENHANCED_IMAGES_COUNT",
        "ENHANCED_IMAGE_ASPECT",
        "PIXEL_PROCESSES",
        "WORKER_CONCURRENCY",
    }
)


@click.command()
@click.option(
    "--photos",
    type=click.Path(exists=True, path_type=Path),
    help="A folder of your own photos, instead of the samples.",
)
@click.option("--once", is_flag=True, help="Exit when all is done; with 1 when a product failed.")
@click.option("--fresh", is_flag=True, help="Start over: delete what an earlier demo made.")
def demo(photos: Path | None, once: bool, fresh: bool) -> None:
    """Start Packshot with its embedded defaults and run photos through it."""
    console = Console()
    rows = demo_rows(photos, lambda note: print_note(note, console))
    port = choose_port()
    if fresh:
        shutil.rmtree(HOME, ignore_errors=True)
    console.print(f"Starting Packshot in {HOME} (SQLite, a local folder, no key) ...")
    raise_interrupts()
    try:
        with server(port) as url:
            client = Client(url)
            if photos is None and not once and (there := sum(client.stats()["products"].values())):
                kept = pluralise(there, "product")
                console.print(f"{kept} kept from an earlier demo: {FRESH} starts over.")
                all_well = True
            else:
                all_well = run_through(client, rows, console)
            if not once:
                console.print(f"\nReview them at the desk: [bold]{url}/[/]")
                console.print(f"The same data without the demo: {same_data_command()}")
                with suppress(KeyboardInterrupt):
                    console.print("Ctrl-C stops the server.")
                    while True:  # not signal.pause: a signal just before it would be missed
                        time.sleep(1)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    raise SystemExit(1 if once and not all_well else 0)


def demo_rows(photos: Path | None, report: Report = lambda note: None) -> list[Row]:
    """The samples with facts of a shop, or the user's own photos with those of a spreadsheet that
    lies beside them. `report` is called with a line for each note."""
    if photos is not None:
        options = ReadOptions({"category": DEFAULT_CATEGORY})
        return read_rows(with_own_spreadsheet([photos]), options, report)
    defaults = {"category": "Demo", "mrp": "100", "price": "90", "gst": "18"}
    listed = SAMPLES / "products.csv"
    samples = listed if listed.exists() else SAMPLES / "photos"
    return read_rows([samples], ReadOptions(defaults))


def run_through(client: Client, rows: list[Row], console: Console) -> bool:
    """Create products and wait; return whether every photo became one with its pictures."""
    console.print(f"Uploading {pluralise(len(rows), 'photo')} through the API ...")
    started = time.monotonic()
    sent = send(client, rows, console, SendOptions(further=True))
    print_refused(sent.refused, "refused", console)
    print_skipped(sent.skipped, console)
    if sent.skipped:
        console.print(f"{FRESH} starts over, with all photos.")
    if sent.stopped is not None:
        raise sent.stopped
    console.print("The worker makes the pictures ...")
    products = wait_with_bar(client, [product["id"] for product in sent.products], console)
    _print_products(products, time.monotonic() - started, console)
    return not sent.refused and all(product["status"] != "failed" for product in products)


def _print_products(products: list[Json], seconds: float, console: Console) -> None:
    console.print()
    if products:
        print_table(products, console)
    pictures = sum(len(product["images"]) for product in products)
    console.print(f"{pluralise(pictures, 'picture')} in {seconds:.1f} s.", end=" ")
    console.print("A product's seconds include its wait in the queue.")
    console.print(f"The pictures are in {HOME / 'media' / 'enhanced'}.")


def raise_interrupts() -> None:
    """Raise KeyboardInterrupt once for several signals: `timeout 9 make demo` sends its own to make
    and to this process, make sends one more, and each would interrupt the handling of the last."""
    last = -math.inf

    def interrupt(*_: object) -> None:
        nonlocal last
        if time.monotonic() - last > TOGETHER_SECONDS:
            last = time.monotonic()
            raise KeyboardInterrupt

    for number in ENDING:
        signal.signal(number, interrupt)


def ignore_signals() -> None:
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def server(port: int) -> Iterator[str]:
    """Start a separate Packshot on its defaults, in the demo's folder; stop it at the end."""
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "packshot.cli", "serve"],
            cwd=HOME,
            env=demo_environment(port),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is only sent to this process
            preexec_fn=end_with_parent,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url, process)
            raise_when_ended(process)
            yield url
        finally:
            stop(process)


def end_with_parent() -> None:
    """On Linux, end the server also if this process is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def raise_when_ended(process: subprocess.Popen[bytes]) -> None:
    """Interrupt what this process does when the server ends by itself."""

    def check(*_: object) -> None:
        if process.poll() is not None:
            raise click.ClickException(f"the server ended by itself; {log_end()}")

    signal.signal(signal.SIGCHLD, check)
    check()


def stop(process: subprocess.Popen[bytes]) -> None:
    ignore_signals()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if process.poll() is not None:
        return
    click.echo("\nStopping the server ...")
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def demo_environment(port: int) -> dict[str, str]:
    others = {name.upper() for name in Settings.model_fields} - KEPT
    kept = {name: value for name, value in os.environ.items() if name.upper() not in others}
    home = HOME.resolve()
    return kept | {
        "DATABASE_URL": f"sqlite:///{home}/packshot.db",
        "MEDIA_DIR": str(home / "media"),
        "ENHANCER": "local",
        "HOST": "127.0.0.1",
        "PORT": str(port),
    }


def same_data_command() -> str:
    """The command that serves the demo's products."""
    return (
        f"DATABASE_URL=sqlite:///{HOME}/packshot.db MEDIA_DIR={HOME}/media ENHANCER=local"
        " python run.py"
    )


def choose_port() -> int:
    """PORT, which must be free; without it 5000, or another one if that is taken."""
    given = os.environ.get("PORT")
    wanted = given or str(USUAL_PORT)
    if not wanted.isdecimal() or int(wanted) > 65_535:
        raise click.ClickException(f"PORT must be a number from 0 to 65535, not {wanted!r}")
    if port := free_port(int(wanted)):
        return port
    if given:
        raise click.ClickException(
            f"port {wanted} is in use by another program: stop it, or choose another PORT"
        )
    if not (port := free_port(0)):
        raise click.ClickException("there is no free port on 127.0.0.1")
    click.echo(f"Port {wanted} is in use by another program: using {port} instead")
    return port


def free_port(wanted: int) -> int | None:
    """The port, or for 0 any free one; None if it is in use."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return None
        return int(probe.getsockname()[1])


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    http = urllib3.PoolManager(retries=False, timeout=2.0)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if http.request("GET", f"{url}/healthz").status == 200:
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.1)
    raise click.ClickException(f"the server did not start; {log_end()}")


def log_end() -> str:
    log = (HOME / "server.log").read_text(errors="replace")[-2000:]
    return f"the end of its log:\n{log}"
