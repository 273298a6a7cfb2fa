"""API_KEYS: names, scopes, and only the hashes of the secrets."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Any, Literal, cast

Scope = Literal["submit", "review", "admin"]
ALL_SCOPES: tuple[Scope, ...] = ("submit", "review", "admin")

NAME = re.compile(r"[A-Za-z0-9._-]{1,50}")
SECRET = re.compile(r"[!-+\--9;-~]{1,200}")  # visible ASCII but `,` and `:`


@dataclass(frozen=True)
class ApiKey:
    """One key; `digest` is the SHA-256 of its secret, in hex."""

    name: str
    digest: str = field(repr=False)
    scopes: frozenset[Scope]


class Keys:
    """The keys of API_KEYS. Contains no secret."""

    def __init__(self, keys: tuple[ApiKey, ...]) -> None:
        self.keys = keys

    def __bool__(self) -> bool:
        return bool(self.keys)

    def of_secret(self, secret: str) -> ApiKey | None:
        """The key with this secret, or None. The time it takes is the same for every key."""
        return self.of_digest(digest_of(secret))

    def of_digest(self, digest: str) -> ApiKey | None:
        found = None
        for key in self.keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found


def digest_of(secret: str) -> str:
    """The SHA-256 of a secret; secrets are long and random, so nothing slower is needed."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def new_key(name: str, scopes: tuple[Scope, ...] = ALL_SCOPES) -> str:
    """A fresh `name:secret:scopes` for API_KEYS; the secret has 256 random bits."""
    return f"{name}:ps_{secrets.token_urlsafe(32)}:{'+'.join(scopes)}"


def read_keys(value: Any) -> Any:
    """`name:secret[:submit+review+admin],...` as ApiKeys; ValueError, without a secret in it."""
    if not isinstance(value, str):
        return value
    entries = [entry.strip() for entry in value.split(",")]
    keys = tuple(_read(entry, place) for place, entry in enumerate(entries, 1) if entry)
    for taken in ({key.name for key in keys}, {key.digest for key in keys}):
        if len(taken) < len(keys):
            raise ValueError("two keys have the same name or the same secret")
    return keys


def _read(entry: str, place: int) -> ApiKey:
    name, _, rest = entry.partition(":")
    secret, _, scopes = rest.partition(":")
    if not NAME.fullmatch(name) or not SECRET.fullmatch(secret):
        raise ValueError(
            f"entry {place} must be name:secret or name:secret:scopes; a name has"
            " letters, digits, dot, dash and underscore, a secret no comma, colon or space"
        )
    return ApiKey(name, digest_of(secret), _scopes(scopes, name))


def _scopes(text: str, name: str) -> frozenset[Scope]:
    wanted = frozenset(text.split("+")) if text else frozenset(ALL_SCOPES)
    if not wanted <= set(ALL_SCOPES):
        raise ValueError(f"the scopes of {name} must be {', '.join(ALL_SCOPES)}, joined by +")
    return cast("frozenset[Scope]", wanted)
