"""`packshot check`: tries every configured part, and says what to fix."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from packshot import logs
from packshot.database.open_file import existing_parent, missing_file
from packshot.database.urls import parse_url
from packshot.errors import PackshotError
from packshot.serving.process import load_environment
from packshot.settings import Settings, load_settings
from packshot.wiring import Services, build


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(as_json: bool) -> None:
    """Try the database, its tables, the queue, the storage (a write) and the enhancer's models.

    The settings are those of this shell and of .env in this folder; no server is asked. Exits with
    1 when something needs fixing. Nothing is paid for, and nothing is left behind.
    """
    logs.configure()
    findings, notes = try_all()
    if as_json:
        click.echo(json.dumps({"parts": findings, "notes": notes}))
    else:
        for part, problem in findings.items():
            verdict = "ok  " if problem is None else "FIX "
            click.echo(f"{verdict} {part:<10} {problem or ''}".rstrip())
        for note in notes:
            click.echo(f"note {note}")
    raise SystemExit(1 if any(findings.values()) else 0)


def try_all() -> tuple[dict[str, str | None], list[str]]:
    """Each part's problem; and notes: the settings used, and what works in an unexpected way."""
    file = Path.cwd() / ".env"
    of_file = f"and of {file}" if file.exists() else f"alone: there is no {file}"
    which = f"these are the settings of this shell {of_file}; no server is asked"
    try:
        load_environment()
        settings = load_settings()
        missing = find_missing(settings)
        with without_missing(settings, missing) as usable:
            services = build(usable)
            try:
                findings = find(services) | missing  # first: the tries are what is noted of a store
                return findings, [which, enhancer_note(settings), *services.notes_now()]
            finally:
                services.close()
    except PackshotError as error:
        return {"settings": error.message}, [which]


def enhancer_note(settings: Settings) -> str:
    """Who makes the pictures, and which setting says so."""
    if settings.enhancer_name == "gemini":
        return f"pictures are made by Gemini: {settings.gemini_image_model}"
    why = "as ENHANCER says" if settings.enhancer else "because GEMINI_API_KEY is not set"
    return f"pictures are made by the local enhancer, {why}"


def find_missing(settings: Settings) -> dict[str, str | None]:
    """The parts whose file or folder does not exist yet, with the problem: trying it would
    create it."""
    missing: dict[str, str | None] = {}
    if no_file := missing_file(parse_url(settings.database_url)):
        missing["database"] = no_file
    if settings.s3_bucket is None and not os.path.lexists(settings.media_dir):
        missing["storage"] = _why_not_creatable(settings.media_dir.absolute())
    return missing


def _why_not_creatable(folder: Path) -> str | None:
    above = existing_parent(folder)
    if above.is_dir() and os.access(above, os.W_OK):
        return None
    return f"MEDIA_DIR={folder} does not exist and can't be created in {above}"


@contextmanager
def without_missing(settings: Settings, missing: Iterable[str]) -> Iterator[Settings]:
    """The settings with a stand-in for each missing part, so that nothing is created for it."""
    with TemporaryDirectory() as folder:
        stand_ins = {
            "database": ("database_url", f"sqlite:///{folder}/stand-in.db"),
            "storage": ("media_dir", Path(folder)),
        }
        yield settings.model_copy(update=dict(stand_ins[part] for part in missing))


def find(services: Services) -> dict[str, str | None]:
    """Each part's problem, found by using the part."""
    services.enhancer.check()
    findings = services.health()
    findings["storage"] = findings["storage"] or try_to_write(services)
    return findings


def try_to_write(services: Services) -> str | None:
    key = f"uploads/check-{uuid.uuid4()}"
    try:
        services.storage.put(key, b"packshot check", "application/octet-stream")
        services.storage.get(key)
        services.storage.delete([key])
    except PackshotError as error:
        return error.message
    return None
