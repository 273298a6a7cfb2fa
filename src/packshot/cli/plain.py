"""Prints untrusted text on a terminal as text, never as rich's markup or escape sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from packshot.logs import one_line

if TYPE_CHECKING:
    from rich.console import Console


def escape_text(text: str) -> str:
    """The text for `console.print` and tables, with `[red]` and terminal escapes made visible."""
    return escape(one_line(text))


def pluralise(number: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def print_note(note: str, console: Console) -> None:
    console.print(f"[yellow]note[/] {escape_text(note)}", soft_wrap=True)
