"""The first steps of every command: logs, `.env`, settings, tables."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Final

from packshot import logs
from packshot.database.tables import bring_to_head, migrate_back
from packshot.database.urls import redact_url
from packshot.env_file import EnvFile, read_env_file
from packshot.errors import PackshotError, SettingsError
from packshot.pictures.allocator import give_large_blocks_back
from packshot.serving.gunicorn_settings import GIVES_UP, gunicorn_configuration
from packshot.serving.listening import browser_warning, check_port
from packshot.settings import SETTING_NAMES, Settings, load_settings

log = logging.getLogger("packshot.serving")

#: Names of other programs that are nearly names of settings: gunicorn's number of workers.
OTHER_PROGRAMS: Final = frozenset({"WEB_CONCURRENCY"})
#: How alike two names are at least, of 1: GEMINI_KEY and GEMINI_API_KEY are.
ALIKE: Final = 0.83
#: Seconds until a process whose parts are unreachable ends: gunicorn starts it again at once, which
#: was three times a second for each process while a database was down.
PAUSE_BEFORE_RESTART: Final = 5.0


def load_environment(folder: Path | None = None) -> None:
    """Load `.env` into the environment, which takes precedence; an empty value counts as unset."""
    found = read_env_file((folder or Path.cwd()) / ".env", SETTING_NAMES)
    for name, value in found.values.items():
        if value and not os.environ.get(name):
            os.environ[name] = value
    for remark in (*found.remarks, *_misspelt(found)):
        warn_once(remark)


def _misspelt(found: EnvFile) -> Iterator[str]:
    """A remark for each name in `.env` that is nearly the name of a setting that is not set."""
    unset = [name for name in SETTING_NAMES if not os.environ.get(name)]
    for name in found.values:
        if name.upper() in SETTING_NAMES or name in OTHER_PROGRAMS:
            continue
        for meant in get_close_matches(name.upper(), unset, n=1, cutoff=ALIKE):
            yield (
                f"{found.path}: {name} is no setting of Packshot and has no effect on it;"
                f" {meant} may be meant"
            )


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
        under_gunicorn = gunicorn_configuration() is not None
        for_good = isinstance(error, SettingsError)
        if under_gunicorn and not for_good:
            time.sleep(PAUSE_BEFORE_RESTART)
        raise SystemExit(GIVES_UP if under_gunicorn and for_good else 1) from None


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
