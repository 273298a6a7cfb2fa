"""The application with its worker, under gunicorn and as the development server."""

from __future__ import annotations

import atexit
import logging
from typing import TYPE_CHECKING, Any

from packshot.database.tables import bring_to_head
from packshot.serving.gunicorn_settings import (
    accept_with_data,
    gunicorn_configuration,
    gunicorn_settings,
    ignore_path_headers,
    request_threads,
)
from packshot.serving.process import exit_with_one_line, prepare_process, prepare_server
from packshot.serving.worker import drain_at_signals, end, make_worker
from packshot.settings import Settings
from packshot.wiring import Services, build
from packshot.work.worker import Worker

if TYPE_CHECKING:
    from apiflask import APIFlask

log = logging.getLogger("packshot.serving")


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

    def when_ready(server: Any) -> None:
        accept_with_data(server)
        log.info("Open %s in a browser; Ctrl-C stops it", browser_address(settings))

    class Application(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in gunicorn_settings().items():
                self.cfg.set(name, value)
            self.cfg.set("bind", f"{settings.host}:{settings.port}")
            self.cfg.set("workers", workers)
            self.cfg.set("when_ready", when_ready)

        def load(self) -> APIFlask:
            return create_app()

    Application().run()
