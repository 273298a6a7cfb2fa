"""gunicorn's settings, what it imports before it forks, and what it knows of the process that loads
the application."""

from __future__ import annotations

import gc
import math
import os
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from packshot.aws import read_descriptions
from packshot.database.urls import POSTGRESQL
from packshot.env_file import plain_value, read_env_file
from packshot.errors import SettingsError
from packshot.work.worker import GRACE_SECONDS

#: The exit code that makes gunicorn give up (`Arbiter.WORKER_BOOT_ERROR`). After any other code it
#: starts the process again, which is right when only the database is unreachable.
GIVES_UP = 3


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


def ignore_path_headers() -> None:
    """Ignore the header SCRIPT_NAME: gunicorn takes it from trusted peers (`forwarder_headers`) and
    a proxy passes on what a client sent. A value that does not begin the path causes a 500.

    So does the setting, for a health check and behind a proxy that takes the prefix off:
    `web.requests.prefix` does its work instead of gunicorn."""
    if (gunicorn := gunicorn_configuration()) is not None:
        gunicorn.set("forwarder_headers", "")
        os.environ.pop("SCRIPT_NAME", None)


def gunicorn_configuration() -> Any:
    """The configuration of the gunicorn that is loading the application; None without one."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        owner = frame.f_locals.get("self")
        if type(owner).__module__ == "gunicorn.arbiter":
            return owner.cfg  # type: ignore[union-attr]
        frame = frame.f_back
    return None


def request_threads() -> int | None:
    """The number of request threads of this process; None where the server starts as many as it
    needs, and for gunicorn's worker classes without threads (gevent, sync)."""
    gunicorn = gunicorn_configuration()
    if gunicorn is None or gunicorn.worker_class_str != "gthread":
        return None
    return int(gunicorn.threads)


def import_before_forks() -> None:
    """Import in gunicorn's master what each process would import, so that they share its memory.

    Google's SDK alone takes 0.6 s of CPU and 41 MB a process, AWS's descriptions take 15 MB,
    psycopg 6 MB and what SQLAlchemy works out about the tables 4 MB. The garbage collector ignores
    all objects made until then (gc.freeze): it would write to those pages, and so copy them.
    """
    from sqlalchemy.orm import configure_mappers

    import packshot.web.app

    configure_mappers()
    if POSTGRESQL.match(early_setting("DATABASE_URL")):
        import psycopg  # noqa: F401
        import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401
    if early_setting("GEMINI_API_KEY"):
        import google.genai  # noqa: F401

        import packshot.enhancers.gemini.enhancer  # noqa: F401
    if early_setting("SQS_QUEUE_URL"):
        read_descriptions("sqs")
    if early_setting("S3_BUCKET"):
        read_descriptions("s3")
    gc.collect()
    gc.freeze()


def early_setting(name: str) -> str:
    """A setting as text, before all are read; a bad value is refused then."""
    try:
        return os.environ.get(name) or read_env_file(Path.cwd() / ".env").values.get(name) or ""
    except SettingsError:
        return ""
