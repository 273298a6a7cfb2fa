"""The desk's sessions: a row in the database, found by the hash of the cookie's token."""

from __future__ import annotations

import secrets
from typing import Any, Final

from flask import Response, request
from sqlalchemy import delete, insert, or_, select

from packshot.database.models import DeskSession
from packshot.database.types import now
from packshot.keys import ApiKey, Keys, digest_of
from packshot.web.requests.context import Caller, services

HOURS: Final = 12


def _cookie_name() -> str:
    """`__Host-`: https only, this host only, set only by it (RFC 6265bis); it needs the path /.
    Under a prefix `__Secure-`: another application of the host does not get the cookie."""
    if not request.is_secure:
        return "packshot"
    return "__Secure-packshot" if request.script_root else "__Host-packshot"


def _cookie() -> dict[str, Any]:
    """Which cookie to set or delete: a browser deletes one only by the same attributes."""
    return {
        "key": _cookie_name(),
        "path": request.script_root or "/",
        "secure": request.is_secure,
        "httponly": True,
        "samesite": "Lax",
    }


def session_caller(keys: Keys) -> Caller | None:
    """The caller of the session cookie. Removing a key from API_KEYS ends its sessions."""
    token = request.cookies.get(_cookie_name(), "")
    if not token:
        return None
    with services().database.read() as session:
        found = session.scalar(
            select(DeskSession).where(
                DeskSession.token_hash == digest_of(token), DeskSession.expires_at > now()
            )
        )
    key = keys.of_digest(found.key_hash) if found else None
    return Caller(key.name, key.scopes, "session") if key else None


def open_session(key: ApiKey, response: Response) -> Response:
    """Give the browser a session in place of its earlier one."""
    token = secrets.token_urlsafe(32)
    with services().database.write() as session:
        before = digest_of(request.cookies.get(_cookie_name(), ""))
        over = or_(DeskSession.expires_at <= now(), DeskSession.token_hash == before)
        session.execute(delete(DeskSession).where(over))
        session.execute(
            insert(DeskSession).values(
                token_hash=digest_of(token),
                key_hash=key.digest,
                expires_at=now(HOURS * 3600),
            )
        )
    response.set_cookie(**_cookie(), value=token, max_age=HOURS * 3600)
    return response


def end_session(response: Response) -> Response:
    """End the browser's session. A token without a session opens no write transaction."""
    of_token = DeskSession.token_hash == digest_of(request.cookies.get(_cookie_name(), ""))
    with services().database.read() as session:
        found = session.scalar(select(DeskSession.token_hash).where(of_token))
    if found is not None:
        with services().database.write() as session:
            session.execute(delete(DeskSession).where(of_token))
    response.delete_cookie(**_cookie())
    return response
