"""One serving process: starts the application with its worker, and drains the worker at the end."""

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
from functools import cache
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from packshot import logs
from packshot.before_forks import early_setting, import_before_forks
from packshot.database.engine import bring_to_head, migrate_back
from packshot.database.urls import redact_url
from packshot.env_file import plain_value, read_env_file
from packshot.errors import PackshotError, SettingsError
from packshot.listening import browser_warning, check_port
from packshot.pictures.allocator import give_large_blocks_back
from packshot.settings import SETTING_NAMES, Settings, load_settings
from packshot.wiring import Services, build
from packshot.work.hanging import LONGEST_PRODUCT_SECONDS
from packshot.work.worker import GRACE_SECONDS, Worker

if TYPE_CHECKING:
    from apiflask import APIFlask

log = logging.getLogger("packshot.serving")

#: The exit code that makes gunicorn give up (`Arbiter.WORKER_BOOT_ERROR`). After any other code it
#: starts the process again, which is right when only the database is unreachable.
GUNICORN_GIVES_UP = 3

#: Seconds between two health signals of a stand-alone worker.
ALIVE_EVERY_SECONDS = 5.0


def accept_with_data(server: Any) -> None:
    """gunicorn's `when_ready`: a connection gets a thread only when its request arrives (tcp(7)).

    Otherwise an idle one would occupy a thread for five seconds.
    """
    for listener in server.LISTENERS:
        if listener.sock.family != socket.AF_UNIX and hasattr(socket, "TCP_DEFER_ACCEPT"):
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)


#: See `gunicorn_settings`.
GUNICORN: dict[str, Any] = {
    "when_ready": accept_with_data,
    "worker_class": "gthread",
    "threads": 16,
    "keepalive": 5,
    "control_socket_disable": True,  # by default all gunicorns of a user share one file
    "capture_output": True,
    "logger_class": "packshot.web.gunicorn_log.GunicornLog",
    "errorlog": "-",
    "loglevel": "info",
}


def load_environment(folder: Path | None = None) -> None:
    """Load `.env` into the environment, which takes precedence; an empty value counts as unset."""
    found = read_env_file((folder or Path.cwd()) / ".env", SETTING_NAMES)
    for name, value in found.values.items():
        if value and not os.environ.get(name):
            os.environ[name] = value
    for remark in found.remarks:
        warn_once(remark)


@cache
def warn_once(words: str) -> None:
    log.warning("%s", words)


@contextmanager
def exit_with_one_line() -> Iterator[None]:
    """Exit with the message of a PackshotError, without a traceback."""
    try:
        yield
    except PackshotError as error:
        print(f"packshot: {error.message}", file=sys.stderr)
        for_good = isinstance(error, SettingsError) and gunicorn_configuration() is not None
        raise SystemExit(GUNICORN_GIVES_UP if for_good else 1) from None


@exit_with_one_line()
def prepare_process() -> Settings:
    """The first steps of a command: logs, environment, settings. Exits with a line on failure."""
    give_large_blocks_back()
    logs.configure()
    load_environment()
    settings = load_settings()
    logs.configure(as_format=settings.log_format)
    return settings


@exit_with_one_line()
def prepare_server() -> Settings:
    """`prepare_process` for a command that listens on HOST and PORT: it fails before it starts
    anything."""
    settings = prepare_process()
    check_port(settings.host, settings.port)
    if warning := browser_warning(settings.port):
        warn_once(warning)
    return settings


@exit_with_one_line()
def create_app(*, with_worker: bool = True) -> APIFlask:
    """The application with its settings, up-to-date tables and its worker."""
    from packshot.web.app import create_app as create_web_app

    settings = prepare_process()
    ignore_path_headers()
    bring_to_head(settings.database_url)
    services = build(settings)
    app = create_web_app(services, threads=request_threads())
    if with_worker and settings.worker_enabled and not is_reloader_parent():
        attach_worker(services)
    return app


def ignore_path_headers() -> None:
    """Ignore the header SCRIPT_NAME: gunicorn takes it from trusted peers (`forwarder_headers`) and
    a proxy passes on what a client sent. A value that does not begin the path causes a 500.

    So does the setting, for a health check and behind a proxy that takes the prefix off:
    `web.requests.prefix` does its work instead of gunicorn."""
    if (gunicorn := gunicorn_configuration()) is not None:
        gunicorn.set("forwarder_headers", "")
        os.environ.pop("SCRIPT_NAME", None)


def gunicorn_settings() -> dict[str, Any]:
    """For gunicorn.conf.py: timeouts longer than GRACE_SECONDS, so that no drain is cut short."""
    import_before_forks()
    graceful = math.ceil(_grace_seconds()) + 5
    return GUNICORN | {"graceful_timeout": graceful, "timeout": max(60, graceful + 5)}


def _grace_seconds() -> float:
    try:
        return float(plain_value(early_setting("GRACE_SECONDS")) or GRACE_SECONDS)
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
        services.checker,
        services.batching,
        services.remaker,
        grace=services.settings.grace_seconds,
        longest_product=longest_product(services.settings),
        longest_flex=longest_flex(services.settings),
    )
    services.worker = worker
    threading.Thread(target=log_health, args=(services,), daemon=True).start()
    return worker


def longest_product(settings: Settings) -> float:
    """Seconds until a product hangs: two analyses, each picture twice, and the rest."""
    return max(LONGEST_PRODUCT_SECONDS, 5 * settings.gemini_timeout)


def longest_flex(settings: Settings) -> float:
    """`longest_product` in the flex lane, where each call may time out before it is sent as
    standard."""
    return longest_product(settings) + 4 * settings.gemini_flex_timeout


def log_health(services: Services) -> None:
    """Log at the start, in the background: doubtful settings, and parts that do not answer."""
    services.enhancer.check()
    with suppress(PackshotError):  # the report below gives the reason
        services.shop.mark_storage()
    for note in services.notes():
        log.warning("%s", note)
    for part, problem in services.health().items():
        if problem and part != "worker":  # the process has only just started
            log.warning("%s: %s", part, problem)


def attach_worker(services: Services) -> None:
    """Start the worker after the last fork of this process, and drain it before the end.

    Under gunicorn, hooks do this. They are set here on its configuration, so that it works with
    `--preload` and with any `-c` file. Elsewhere the worker starts at once.
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
    """The number of request threads of this process; None where the server starts as many as it
    needs, and for gunicorn's worker classes without threads (gevent, sync)."""
    gunicorn = gunicorn_configuration()
    if gunicorn is None or gunicorn.worker_class_str != "gthread":
        return None
    return int(gunicorn.threads)


def gunicorn_configuration() -> Any:
    """The configuration of the gunicorn that is loading the application; None without one."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        owner = frame.f_locals.get("self")
        if type(owner).__module__ == "gunicorn.arbiter":
            return owner.cfg  # type: ignore[union-attr]
        frame = frame.f_back
    return None


def hook_into_gunicorn(configuration: Any, services: Services) -> None:
    """Add our hooks to those of the operator's configuration file."""
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
    """Begin to drain in the signal handler, then call the server's handler."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        before = signal.getsignal(number)
        # Ignored (nohup, `&` in a script): the server continues, and so does the worker.
        if before is not signal.SIG_IGN:
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
    """Whether this is the parent process of `flask run --reload`, which only restarts its child."""
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

    settings = prepare_server()
    reloading = get_debug_flag()
    app = create_app(with_worker=not reloading or is_running_from_reloader())
    log.info("Open %s in a browser; Ctrl-C stops it", browser_address(settings))
    run_simple(settings.host, settings.port, app, use_reloader=reloading, threaded=True)


def browser_address(settings: Settings) -> str:
    """The address on this machine, also where all its addresses are served."""
    host = "localhost" if settings.host in {"", "0.0.0.0", "::", "127.0.0.1"} else settings.host  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}/"


def run_gunicorn(workers: int = 1) -> None:
    """`packshot serve`: gunicorn on HOST and PORT, configured as `gunicorn.conf.py` does."""
    from gunicorn.app.base import BaseApplication

    settings = prepare_server()

    class Application(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in gunicorn_settings().items():
                self.cfg.set(name, value)
            self.cfg.set("bind", f"{settings.host}:{settings.port}")
            self.cfg.set("workers", workers)

        def load(self) -> APIFlask:
            return create_app()

    log.info("Open %s in a browser; Ctrl-C stops it", browser_address(settings))
    Application().run()


@exit_with_one_line()
def run_worker(alive: Path | None = None) -> int:
    """`python -m src.worker`: a stand-alone worker until SIGTERM or Ctrl-C; returns the exit code.

    A worker that hangs exits with 1, so that its supervisor restarts it. While it works, the file
    `alive` is touched every few seconds and systemd's watchdog is notified.
    """
    settings = prepare_process()
    bring_to_head(settings.database_url)
    services = build(settings)
    worker = make_worker(services)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.begin_stop())
    worker.start()
    broken = watch(worker, alive)
    if broken:
        log.critical("%s; this process ends, its products go back to the queue", broken)
        give_up_at(settings.grace_seconds + 5)
    end(worker, services)
    return 1 if broken else 0


def watch(worker: Worker, alive: Path | None) -> str | None:
    """Wait until the worker is to stop (None) or hangs (the reason)."""
    reported_at = -math.inf
    # Polled: the signal may arrive while this thread has the lock of the event that the handler
    # sets.
    while not worker.is_stopping:
        time.sleep(0.2)
        broken = worker.broken()
        if broken and not worker.is_stopping:
            return broken
        if time.monotonic() - reported_at > ALIVE_EVERY_SECONDS:
            report_alive(alive)
            reported_at = time.monotonic()
    return None


def report_alive(file: Path | None) -> None:
    if file is not None:
        with suppress(OSError):  # a full disk must not end the worker
            file.touch()
    if systemd := os.environ.get("NOTIFY_SOCKET"):
        # sd_notify(3): a leading "@" stands for an abstract socket name.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, suppress(OSError):
            notify.sendto(b"WATCHDOG=1", re.sub("^@", "\0", systemd))


def give_up_at(seconds: float) -> None:
    """Exit at the deadline, for a hanging part may block the orderly end, too."""
    timer = threading.Timer(seconds, os._exit, [1])
    timer.daemon = True
    timer.start()


@exit_with_one_line()
def run_migrations(back_to: str | None = None) -> int:
    """`scripts/create_product_images_table.py`: bring the tables up to date and print what was
    done. With `back_to`, change them back to an older program's revision.
    """
    settings = prepare_process()
    where = redact_url(settings.database_url)
    if back_to is not None:
        migrate_back(settings.database_url, back_to)
        print(f"The tables in {where} are back at revision {back_to}: start the older Packshot.")
        return 0
    applied = bring_to_head(settings.database_url)
    done = f"applied {', '.join(applied)}" if applied else "nothing to do, they are up to date"
    print(f"Tables products and product_images in {where}: {done}.")
    return 0
