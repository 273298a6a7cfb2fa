"""The services of this process, and the caller of this request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from flask import current_app, g

from packshot.keys import Scope
from packshot.products.lookup import Editor
from packshot.wiring import Services


@dataclass(frozen=True)
class Caller:
    """Who sent the request: a key's name and scopes. `via` says how it was identified."""

    name: str
    scopes: frozenset[Scope]
    via: Literal["key", "session", "local"]

    def may(self, *scopes: Scope) -> bool:
        """Whether the caller has one of these scopes; `admin` has all. True when none are given."""
        return not scopes or "admin" in self.scopes or bool(self.scopes & set(scopes))

    @property
    def as_editor(self) -> Editor:
        """For changes of products: without the scope review only of the caller's own."""
        return Editor(self.name, only_own=not self.may("review"))


def services() -> Services:
    return cast("Services", current_app.extensions["packshot"])


def caller() -> Caller:
    """Who sent this request. Only valid after `auth.py` has authenticated it."""
    return cast("Caller", g.caller)
