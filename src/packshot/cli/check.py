"""`packshot check`: tries every configured part, and says what to fix."""

from __future__ import annotations

import json
import uuid

import click

from packshot import logs
from packshot.errors import PackshotError
from packshot.serving import load_environment
from packshot.settings import load_settings
from packshot.wiring import Services, build


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(as_json: bool) -> None:
    """Try the database, its tables, the queue, the storage (a write) and the enhancer's models.

    Exits with 1 when something needs fixing. Nothing is paid for, and nothing is left behind.
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
    """Each part's problem, and notes on what works in an unexpected way."""
    try:
        load_environment()
        services = build(load_settings())
    except PackshotError as error:
        return {"settings": error.message}, []
    try:
        return find(services), services.notes()
    finally:
        services.close()


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
