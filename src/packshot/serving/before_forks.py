"""What gunicorn's master process prepares before it forks, so that its children share it."""

from __future__ import annotations

import gc
import os
from pathlib import Path

from packshot.aws import read_descriptions
from packshot.database.urls import POSTGRESQL
from packshot.env_file import read_env_file
from packshot.errors import SettingsError


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
