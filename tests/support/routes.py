"""A test starts its own application, with the same routes as every other test's."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from werkzeug.routing import Rule

Builder = Callable[..., tuple[str, str]]


def compile_each_route_once() -> None:
    """Werkzeug compiles two functions for each route: most of the 20 ms that an application takes.
    They hold nothing of their application."""
    compile_builder: Callable[[Rule, bool], Builder] = Rule._compile_builder
    compiled: dict[Hashable, Builder] = {}

    def remember(rule: Rule, append_unknown: bool = True) -> Builder:
        defaults: dict[str, Any] = dict(rule.defaults or {})
        key = (rule.rule, tuple(rule._trace), tuple(sorted(defaults.items())), append_unknown)
        if key not in compiled:
            compiled[key] = compile_builder(rule, append_unknown)
        return compiled[key]

    Rule._compile_builder = remember  # type: ignore[method-assign, assignment]
