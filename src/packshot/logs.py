"""Log lines: for people on a terminal, as JSON elsewhere."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

from pythonjsonlogger.json import JsonFormatter

NOISY = ("botocore", "boto3", "urllib3", "httpx2", "httpcore2", "google_genai", "alembic", "PIL")


def configure(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send everything to `stream` (standard error). Called by the doors, once."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_for_people() if stream.isatty() else _for_programs())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _for_people() -> logging.Formatter:
    return logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")


def _for_programs() -> logging.Formatter:
    return JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(process)d %(message)s",
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
    )
