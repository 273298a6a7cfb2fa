"""The desk's sessions: a row in the database, found by the hash of the cookie's token."""

from __future__ import annotations

import hashlib
import secrets
from typing import ClassVar, Final, cast

from apiflask import APIBlueprint
from flask import Response, current_app, request
from pydantic import Field
from sqlalchemy import delete, insert, or_, select

from packshot.database.models import DeskSession
from packshot.database.types import now
from packshot.keys import ApiKey, Keys, Scope
from packshot.web.api import examples
from packshot.web.api.answer_models import SessionAnswer, SessionData
from packshot.web.requests.context import Caller, caller, services
from packshot.web.requests.endpoints import answer, blueprint, needs, open_to_all, refuses
from packshot.web.requests.limits import charge_sign_in
from packshot.web.requests.reading import StrictModel
from packshot.web.requests.refusals import Refused
from packshot.web.requests.visitors import gate, visitors

HOURS: Final = 12
bp: APIBlueprint = blueprint("sessions", "Sessions")


def _cookie_name() -> str:
    """`__Host-`: https only, this host only, set only by it (RFC 6265bis); it needs the path /.
    Under a prefix `__Secure-`: another application of the host does not get the cookie."""
    if not request.is_secure:
        return "packshot"
    return "__Secure-packshot" if request.script_root else "__Host-packshot"


def _cookie_path() -> str:
    return request.script_root or "/"


def session_caller(keys: Keys) -> Caller | None:
    """The caller of the session cookie. Removing a key from API_KEYS ends its sessions."""
    token = request.cookies.get(_cookie_name(), "")
    if not token:
        return None
    with services().database.read() as session:
        found = session.scalar(
            select(DeskSession).where(
                DeskSession.token_hash == _hash(token), DeskSession.expires_at > now()
            )
        )
    key = keys.of_digest(found.key_hash) if found else None
    return Caller(key.name, key.scopes, "session") if key else None


class SignInIn(StrictModel):
    """The sign-in body; anyone can send it, so its limit is small."""

    max_bytes: ClassVar[int] = 4_000

    key: str = Field(min_length=1, max_length=500)


@bp.post("/session")
@bp.input(SignInIn, arg_name="given", example=examples.SIGN_IN)
@bp.output(SessionAnswer, status_code=201, example=examples.SESSION)
@bp.doc(operation_id="signIn")
@open_to_all
@refuses("sign_in_not_needed")
def sign_in(given: SignInIn) -> Response:
    """Sign in at the desk with a key's secret

    The answer sets an HttpOnly cookie for 12 hours. An earlier session of this browser ends.
    """
    keys = cast("Keys", current_app.extensions["packshot_keys"])
    if not keys:
        raise Refused("sign_in_not_needed", "no API_KEYS are set: this machine needs no sign-in")
    key = keys.of_secret(given.key)
    give_back = charge_sign_in(key)
    if key is None:
        raise Refused("unauthorized", "this is not a key of API_KEYS")
    give_back()
    gate().remember(key, visitors())
    response = answer(_who(key.name, key.scopes), 201)
    return _with_cookie(response, _open(key))


def _open(key: ApiKey) -> str:
    token = secrets.token_urlsafe(32)
    with services().database.write() as session:
        before = _hash(request.cookies.get(_cookie_name(), ""))
        over = or_(DeskSession.expires_at <= now(), DeskSession.token_hash == before)
        session.execute(delete(DeskSession).where(over))
        session.execute(
            insert(DeskSession).values(
                token_hash=_hash(token),
                name=key.name,
                scopes="+".join(sorted(key.scopes)),
                key_hash=key.digest,
                expires_at=now(HOURS * 3600),
            )
        )
    return token


def _with_cookie(response: Response, token: str) -> Response:
    response.set_cookie(
        _cookie_name(),
        token,
        max_age=HOURS * 3600,
        path=_cookie_path(),
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
    return response


@bp.get("/session")
@bp.output(SessionAnswer, example=examples.SESSION)
@bp.doc(operation_id="whoAmI")
@needs()
def who_am_i() -> Response:
    """The caller's name and scopes"""
    return answer(_who(caller().name, caller().scopes))


@bp.delete("/session")
@bp.doc(operation_id="signOut", responses={204: "Signed out"})
@open_to_all
def sign_out() -> Response:
    """Sign out: the session ends on the server, so a copy of the cookie is worthless"""
    _end(request.cookies.get(_cookie_name(), ""))
    response = Response(status=204)
    response.delete_cookie(
        _cookie_name(),
        path=_cookie_path(),
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
    return response


def _end(token: str) -> None:
    """Delete the token's session. A token without a session opens no write transaction."""
    of_token = DeskSession.token_hash == _hash(token)
    with services().database.read() as session:
        found = session.scalar(select(DeskSession.token_hash).where(of_token))
    if found is not None:
        with services().database.write() as session:
            session.execute(delete(DeskSession).where(of_token))


def _who(name: str, scopes: frozenset[Scope]) -> SessionAnswer:
    return SessionAnswer(
        message=f"Signed in as {name}", data=SessionData(name=name, scopes=sorted(scopes))
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
