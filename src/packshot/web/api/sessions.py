"""Sign in and out at the desk over HTTP."""

from __future__ import annotations

from typing import ClassVar

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from packshot.keys import Scope
from packshot.web.api import examples
from packshot.web.api.answer_models import SessionAnswer, SessionData
from packshot.web.requests.auth import keys
from packshot.web.requests.context import caller
from packshot.web.requests.endpoints import answer, blueprint, needs, open_to_all, refuses
from packshot.web.requests.limits import charge_sign_in
from packshot.web.requests.reading import StrictModel
from packshot.web.requests.refusals import Refused
from packshot.web.requests.sessions import end_session, open_session
from packshot.web.requests.visitors import gate, visitors

bp: APIBlueprint = blueprint("sessions", "Sessions")


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
    if not keys():
        raise Refused("sign_in_not_needed", "no API_KEYS are set: this machine needs no sign-in")
    key = keys().of_secret(given.key)
    give_back = charge_sign_in(key)
    if key is None:
        raise Refused("unauthorized", "this is not a key of API_KEYS")
    give_back()
    gate().remember(key, visitors())
    return open_session(key, answer(_who(key.name, key.scopes), 201))


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
    return end_session(Response(status=204))


def _who(name: str, scopes: frozenset[Scope]) -> SessionAnswer:
    return SessionAnswer(
        message=f"Signed in as {name}", data=SessionData(name=name, scopes=sorted(scopes))
    )
