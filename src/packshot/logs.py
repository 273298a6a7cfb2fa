"""Log lines: text on a terminal, JSON elsewhere, with the request or product they are about."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Literal, TextIO

from pythonjsonlogger.json import JsonFormatter

LogFormat = Literal["auto", "json", "text"]
LogFields = dict[str, str | int]
NOISY = ("botocore", "boto3", "urllib3", "httpx2", "httpcore2", "google_genai", "alembic", "pyvips")

_STYLE: Final = re.compile(r"\x1b\[[0-9;]*m")
_VALUES: Final = re.compile(r"^(DETAIL|CONTEXT):.*?\n(?=\[SQL:|\s*\n|\Z)", re.MULTILINE | re.DOTALL)

#: The request or product that this thread works on.
_about: ContextVar[LogFields | None] = ContextVar("about", default=None)


def configure(stream: TextIO | None = None, as_format: LogFormat = "auto") -> None:
    """Send all log lines to `stream` (standard error). May be called again."""
    stream = stream or sys.stderr
    for_people = stream.isatty() if as_format == "auto" else as_format == "text"
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_for_people() if for_people else _for_programs())
    handler.addFilter(_add_fields)
    handler.addFilter(_without_style)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def begin(**fields: str | int) -> None:
    """Replace the fields of this thread's lines: a request begins."""
    _about.set(fields)


@contextmanager
def about(**fields: str | int) -> Iterator[None]:
    """Add these fields to the lines logged inside the `with` block."""
    token = _about.set({**(_about.get() or {}), **fields})
    try:
        yield
    finally:
        _about.reset(token)


def _add_fields(record: logging.LogRecord) -> bool:
    for name, value in (_about.get() or {}).items():
        setattr(record, name, value)
    return True


def _without_style(record: logging.LogRecord) -> bool:
    """Flask's development server colours its lines even when they don't go to a terminal."""
    if record.name == "werkzeug":
        record.msg, record.args = _STYLE.sub("", record.getMessage()), ()
    return True


def one_line(text: str) -> str:
    """Escape characters that could begin a new line or control a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def without_values(trace: str) -> str:
    """Remove the row that PostgreSQL quotes in an error when it refuses it."""
    return _VALUES.sub(r"\1: (not shown)\n", trace)


class _ForPeople(logging.Formatter):
    """One line for a record, whatever untrusted text it contains; a traceback follows, indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return one_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802
        lines = without_values(super().formatException(ei)).split("\n")
        return "\n".join(f"    {one_line(line)}" for line in lines)


class _ForPrograms(JsonFormatter):
    def formatException(self, ei: Any) -> str:  # noqa: N802
        trace = super().formatException(ei)
        return without_values(trace if isinstance(trace, str) else "\n".join(trace))


def _for_people() -> logging.Formatter:
    return _ForPeople("%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")


def _for_programs() -> logging.Formatter:
    return _ForPrograms(
        "%(asctime)s %(levelname)s %(name)s %(process)d %(message)s",
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
    )
