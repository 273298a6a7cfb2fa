"""One serving process: the application with its worker, started and drained as it should be."""

from __future__ import annotations

import atexit
import logging
import math
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from dotenv import dotenv_values

from packshot import logs
from packshot.database.engine import bring_to_head, go_back
from packshot.database.urls import shown_url
from packshot.errors import PackshotError, SettingsError
from packshot.pictures.allocator import give_large_blocks_back
from packshot.settings import Settings, load_settings
from packshot.wiring import Services, build
from packshot.work.hanging import LONGEST_PRODUCT_SECONDS
from packshot.work.worker import GRACE_SECONDS, Worker

if TYPE_CHECKING:
    from apiflask import APIFlask

log = logging.getLogger("packshot.serving")

#: The exit code at which gunicorn gives up (`Arbiter.WORKER_BOOT_ERROR`); after any other one it
#: starts the process again, which is right when only the database is away.
GUNICORN_GIVES_UP = 3

#: How often a worker on its own says that it is alive.
ALIVE_EVERY_SECONDS = 5.0


def accept_with_data(server: Any) -> None:
    """gunicorn's `when_ready`: a connection without a request yet takes no thread (tcp(7)).

    It would hold one for five seconds otherwise.
    """
    for listener in server.LISTENERS:
        if listener.sock.family != socket.AF_UNIX and hasattr(socket, "TCP_DEFER_ACCEPT"):
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)


#: For gunicorn, see `gunicorn_settings`.
GUNICORN: dict[str, Any] = {
    "when_ready": accept_with_data,
    "worker_class": "gthread",
    "threads": 16,
    "keepalive": 5,
    "control_socket_disable": True,  # it would be one file for all gunicorns of a user
    "capture_output": True,
    "logger_class": "packshot.web.gunicorn_log.GunicornLog",
    "errorlog": "-",
    "loglevel": "info",
}


def load_environment(folder: Path | None = None) -> None:
    """Put `.env` into the process environment; the process wins, an empty value counts as unset."""
    for name, value in dotenv_values((folder or Path.cwd()) / ".env").items():
        if value and not os.environ.get(name):
            os.environ[name] = value


@contextmanager
def ending_in_one_line() -> Iterator[None]:
    """A start that fails by an error of ours exits with its message in place of a traceback."""
    try:
        yield
    except PackshotError as error:
        print(f"packshot: {error.message}", file=sys.stderr)
        for_good = isinstance(error, SettingsError) and gunicorn_configuration() is not None
        raise SystemExit(GUNICORN_GIVES_UP if for_good else 1) from None


@ending_in_one_line()
def open_door() -> Settings:
    """What every door does first: logs, environment, settings. Exits with one line if it can't."""
    give_large_blocks_back()
    logs.configure()
    load_environment()
    settings = load_settings()
    logs.configure(as_format=settings.log_format)
    return settings


@ending_in_one_line()
def create_app(*, with_worker: bool = True) -> APIFlask:
    """The application on its settings, its tables at head, and its worker attached."""
    from packshot.web import create_app as create_web_app

    settings = open_door()
    take_no_path_from_headers()
    bring_to_head(settings.database_url)
    services = build(settings)
    app = create_web_app(services, threads=request_threads())
    if with_worker and settings.worker_enabled and not is_reloader_parent():
        attach_worker(services)
    return app


def take_no_path_from_headers() -> None:
    """From a trusted peer gunicorn takes SCRIPT_NAME as a header (`forwarder_headers`), and a proxy
    passes on what a stranger sent: any value that is not the path's beginning is a 500."""
    if (gunicorn := gunicorn_configuration()) is not None:
        gunicorn.set("forwarder_headers", "")


def gunicorn_settings() -> dict[str, Any]:
    """For gunicorn.conf.py: its limits are longer than GRACE_SECONDS, so nothing is cut off."""
    graceful = math.ceil(_grace_seconds()) + 5
    return GUNICORN | {"graceful_timeout": graceful, "timeout": max(60, graceful + 5)}


def _grace_seconds() -> float:
    """Read here before any settings are; a value that can't be used is theirs to refuse."""
    name = "GRACE_SECONDS"
    given = os.environ.get(name) or dotenv_values(Path.cwd() / ".env").get(name)
    try:
        return float(given or GRACE_SECONDS)
    except ValueError:
        return GRACE_SECONDS


# -- the worker of this process ----------------------------------------------------------------


def make_worker(services: Services) -> Worker:
    worker = Worker(
        services.parts,
        services.queue,
        services.catalog,
        services.settings.concurrency,
        services.webhooks,
        grace=services.settings.grace_seconds,
        longest_product=longest_product(services.settings),
    )
    services.worker = worker
    threading.Thread(target=say_how_it_stands, args=(services,), daemon=True).start()
    return worker


def longest_product(settings: Settings) -> float:
    """Seconds until a product seems to hang: two analyses, two tries of its pictures, the rest."""
    return max(LONGEST_PRODUCT_SECONDS, 5 * settings.gemini_timeout)


def say_how_it_stands(services: Services) -> None:
    """At the start, beside the work: what is configured oddly, and what does not answer."""
    services.enhancer.check()
    with suppress(PackshotError):  # the report below says why
        services.shop.mark_storage()
    for note in services.notes():
        log.warning("%s", note)
    for part, problem in services.health().items():
        if problem and part != "worker":  # it is only just starting
            log.warning("%s: %s", part, problem)


def attach_worker(services: Services) -> None:
    """Start the worker after the last fork of this process, and drain it before the end.

    Under gunicorn this is done by its hooks, set here on its configuration, so that it works with
    `--preload` and with any `-c` file; elsewhere the worker starts at once.
    """
    gunicorn = gunicorn_configuration()
    if gunicorn is not None:
        hook_into_gunicorn(gunicorn, services)
        return
    worker = make_worker(services)
    worker.start()
    drain_at_signals(worker)
    atexit.register(end, worker, services)


def end(worker: Worker, services: Services) -> None:
    worker.stop()
    services.close()


def request_threads() -> int | None:
    """How many request threads this process has; None where the server starts as many as it needs,
    and where they are no threads (gevent) or only one (sync)."""
    gunicorn = gunicorn_configuration()
    if gunicorn is None or gunicorn.worker_class_str != "gthread":
        return None
    return int(gunicorn.threads)


def gunicorn_configuration() -> Any:
    """The configuration of the gunicorn that is loading the application, if one is."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        owner = frame.f_locals.get("self")
        if type(owner).__module__ == "gunicorn.arbiter":
            return owner.cfg  # type: ignore[union-attr]
        frame = frame.f_back
    return None


def hook_into_gunicorn(configuration: Any, services: Services) -> None:
    """Add ours to whatever hooks the operator's own file has."""
    theirs_init, theirs_exit = configuration.post_worker_init, configuration.worker_exit
    running: list[Worker] = []

    def post_worker_init(process: Any) -> None:
        worker = make_worker(services)
        running.append(worker)
        worker.start()
        drain_at_signals(worker)
        theirs_init(process)

    def worker_exit(server: Any, process: Any) -> None:
        theirs_exit(server, process)
        for worker in running:
            end(worker, services)

    configuration.set("post_worker_init", post_worker_init)
    configuration.set("worker_exit", worker_exit)


def drain_at_signals(worker: Worker) -> None:
    """Begin to drain at the signal itself, then do what the server does with it."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        before = signal.getsignal(number)
        if before is not signal.SIG_IGN:  # nohup, `&` in a script: the server goes on, so must we
            signal.signal(number, _draining_handler(worker, before))


def _draining_handler(worker: Worker, before: Any) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        worker.begin_stop()
        if callable(before):
            before(number, frame)
        else:
            raise SystemExit(0)

    return handle


def is_reloader_parent() -> bool:
    """Is this the parent of `flask run --reload`, which only restarts its child?"""
    import click
    from flask.helpers import get_debug_flag
    from werkzeug.serving import is_running_from_reloader

    context = click.get_current_context(silent=True)
    if context is None or "reload" not in context.params or is_running_from_reloader():
        return False
    wanted = context.params["reload"]
    return get_debug_flag() if wanted is None else bool(wanted)


# -- ways to run ---------------------------------------------------------------------------------


def run_development() -> None:
    """`python run.py`: the development server on HOST and PORT; FLASK_DEBUG=1 reloads."""
    from flask.helpers import get_debug_flag
    from werkzeug.serving import is_running_from_reloader, run_simple

    settings = open_door()
    reloading = get_debug_flag()
    app = create_app(with_worker=not reloading or is_running_from_reloader())
    run_simple(settings.host, settings.port, app, use_reloader=reloading, threaded=True)


def run_gunicorn(workers: int = 1) -> None:
    """`packshot serve`: gunicorn on HOST and PORT, configured as `gunicorn.conf.py` does."""
    from gunicorn.app.base import BaseApplication

    settings = open_door()

    class Application(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in gunicorn_settings().items():
                self.cfg.set(name, value)
            self.cfg.set("bind", f"{settings.host}:{settings.port}")
            self.cfg.set("workers", workers)

        def load(self) -> APIFlask:
            return create_app()

    Application().run()


@ending_in_one_line()
def run_worker(alive: Path | None = None) -> int:
    """`python -m src.worker`: a worker on its own until SIGTERM or Ctrl-C; the exit code.

    One that hangs ends by itself with 1, so that whoever supervises it starts it anew. `alive` is
    touched every few seconds while it works, and systemd's watchdog is told.
    """
    settings = open_door()
    bring_to_head(settings.database_url)
    services = build(settings)
    worker = make_worker(services)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.begin_stop())
    worker.start()
    broken = watch(worker, alive)
    if broken:
        log.critical("%s; this process ends, its products come back", broken)
        give_up_at(settings.grace_seconds + 5)
    end(worker, services)
    return 1 if broken else 0


def watch(worker: Worker, alive: Path | None) -> str | None:
    """Until it is told to stop (None), or is broken (why)."""
    told = -math.inf
    # Polled: the signal may come while this thread has the lock of the event that it sets.
    while not worker.is_stopping:
        time.sleep(0.2)
        broken = worker.broken()
        if broken and not worker.is_stopping:
            return broken
        if time.monotonic() - told > ALIVE_EVERY_SECONDS:
            tell_alive(alive)
            told = time.monotonic()
    return None


def tell_alive(file: Path | None) -> None:
    if file is not None:
        with suppress(OSError):  # a full disk is no reason to end
            file.touch()
    if systemd := os.environ.get("NOTIFY_SOCKET"):  # sd_notify(3); "@" means an abstract name
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, suppress(OSError):
            notify.sendto(b"WATCHDOG=1", re.sub("^@", "\0", systemd))


def give_up_at(seconds: float) -> None:
    """What hangs may hang the orderly end too."""
    timer = threading.Timer(seconds, os._exit, [1])
    timer.daemon = True
    timer.start()


@ending_in_one_line()
def run_migrations(back_to: str | None = None) -> int:
    """`scripts/create_product_images_table.py`: bring the tables to head, say what was done.

    With `back_to` change them back to an older program's revision.
    """
    settings = open_door()
    where = shown_url(settings.database_url)
    if back_to is not None:
        go_back(settings.database_url, back_to)
        print(f"The tables in {where} are back at revision {back_to}: start the older Packshot.")
        return 0
    applied = bring_to_head(settings.database_url)
    done = f"applied {', '.join(applied)}" if applied else "nothing to do, they are up to date"
    print(f"Tables products and product_images in {where}: {done}.")
    return 0
