"""What the web layer needs from the process it runs in, and who is asking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from flask import current_app, g

from packshot.keys import Scope
from packshot.wiring import Services


@dataclass(frozen=True)
class Caller:
    """Who asks: a key's name, and what it may do. `via` says how it was shown."""

    name: str
    scopes: frozenset[Scope]
    via: Literal["key", "session", "local"]

    def may(self, *scopes: Scope) -> bool:
        """Has the caller one of these scopes? `admin` has them all; none asked: yes."""
        return not scopes or "admin" in self.scopes or bool(self.scopes & set(scopes))


def services() -> Services:
    return cast("Services", current_app.extensions["packshot"])


def caller() -> Caller:
    """Who sent this request. Only after `auth.py` has let it in."""
    return cast("Caller", g.caller)
