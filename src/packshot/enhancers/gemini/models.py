"""Names of Gemini models that were shut down, and their successors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Retired:
    """Models whose name matches `pattern` answer 404 since `since`."""

    pattern: str
    since: date
    successor: str


# First match counts. Sources: ai.google.dev/gemini-api/docs/changelog and .../deprecations,
# read 2026-11-23 (2.5: routed to these two successors by Google itself).
RETIRED = (
    Retired("gemini-2.5-flash-image*", date(2026, 10, 2), "gemini-nano-banana-2.1"),
    Retired("gemini-3.1-flash-image-preview", date(2026, 6, 25), "gemini-nano-banana-2.1"),
    Retired("gemini-3.1-flash-image", date(2026, 10, 29), "gemini-nano-banana-2.1"),
    Retired("gemini-3-pro-image-preview", date(2026, 6, 25), "gemini-3-pro-image"),
    Retired("gemini-1.5-flash*", date(2025, 9, 29), "gemini-3.8-flash"),
    Retired("gemini-1.5-pro*", date(2025, 9, 29), "gemini-3.8-flash"),
    Retired("gemini-2.0-flash-lite*", date(2026, 6, 1), "gemini-3.5-flash-lite"),
    Retired("gemini-2.0-*", date(2026, 6, 1), "gemini-3.8-flash"),
    Retired("gemini-2.5-pro", date(2026, 12, 1), "gemini-3.8-flash"),
    Retired("gemini-2.5-flash", date(2026, 12, 1), "gemini-3.5-flash-lite"),
)


def current_name(setting: str, model: str, on: date) -> tuple[str, str | None]:
    """The model's name on that day, and a sentence if it is not the one that `setting` names."""
    name = model.strip().removeprefix("models/")
    for row in RETIRED:
        if fnmatchcase(name, row.pattern) and row.since <= on:
            return row.successor, _sentence(setting, name, row)
    return name, None


def _sentence(setting: str, name: str, row: Retired) -> str:
    return (
        f"{name} was shut down on {row.since}: {row.successor} is used in its place. "
        f"Set {setting}={row.successor}."
    )
