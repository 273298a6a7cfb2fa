"""The errors with which the web layer refuses a request, or values in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple


class Meaning(NamedTuple):
    """The meaning of an error code: its HTTP status, and a sentence for people."""

    status: int
    words: str


#: Every error code. The page at /problems/{code} and the OpenAPI document use these sentences.
MEANINGS: Final[dict[str, Meaning]] = {
    "malformed": Meaning(
        400, "The request can't be read: its JSON, a header or its multipart body is broken."
    ),
    "unauthorized": Meaning(401, "Nobody is signed in: send a key, or sign in at the desk."),
    "forbidden": Meaning(403, "The key is valid, but may not do this."),
    "cross_site": Meaning(
        403, "A web page of another site sent this; only Packshot's own pages may."
    ),
    "not_found": Meaning(404, "Not found."),
    "method_not_allowed": Meaning(
        405, "This address accepts other methods: the Allow header lists them."
    ),
    "conflict": Meaning(409, "The current state does not allow it."),
    "stale": Meaning(412, "Somebody changed it in the meantime: the answer has the current state."),
    "not_reviewable": Meaning(409, "A pending or failed product has nothing to decide on."),
    "round_closed": Meaning(409, "The picture belongs to an older round, which is closed."),
    "removed": Meaning(
        409, "The rejected picture was removed to save space; a redo makes new ones."
    ),
    "being_made_again": Meaning(409, "The picture is being made again: another take may come."),
    "not_in_round": Meaning(409, "A named picture is not in the product's current round."),
    "no_public_address": Meaning(
        409, "A picture has no public address that a shop could download it from."
    ),
    "nothing_approved": Meaning(409, "No approved picture matches the export."),
    "price_above_mrp": Meaning(409, "The correction would leave the price above the MRP."),
    "view_taken": Meaning(
        409,
        "Another product has this SKU, and the views don't tell them apart, or the names differ:"
        " `on_duplicate=allow` accepts that.",
    ),
    "raw_image_fixed": Meaning(
        409, "Only a failed product without pictures can get another raw image."
    ),
    "sent_again": Meaning(409, "A later product has the photo of this failed one."),
    "being_made": Meaning(409, "Pictures are being made from the product's photo."),
    "idempotency_running": Meaning(409, "A request with this Idempotency-Key is still running."),
    "idempotency_mismatch": Meaning(
        422, "This Idempotency-Key was used with another address, query or body: send a new one."
    ),
    "sign_in_not_needed": Meaning(409, "No API_KEYS are set, so there is nothing to sign in with."),
    "too_large": Meaning(413, "The request is larger than allowed."),
    "unsupported_media_type": Meaning(415, "The body's content type is not the expected one."),
    "invalid_request": Meaning(
        422, "Some values are missing or wrong: `errors` lists each with its JSON pointer."
    ),
    "bad_cursor": Meaning(422, "The cursor does not come from this list."),
    "bad_spreadsheet": Meaning(
        422, "The spreadsheet, the ZIP or a choice made for it can't be used."
    ),
    "bad_picture": Meaning(422, "The file is not a picture Packshot can use."),
    "too_many_requests": Meaning(429, "A limit is used up: wait as long as Retry-After says."),
    "headers_too_large": Meaning(431, "The request's headers are larger than allowed."),
    "internal": Meaning(500, "An internal error occurred. The log has the request's id."),
    "busy": Meaning(
        503, "Too many requests of this kind at the same time: wait as long as Retry-After says."
    ),
    "disk_full": Meaning(503, "The disk for pictures is full. Nothing is lost: try again later."),
    "unavailable": Meaning(
        503, "A part that Packshot needs is unreachable. Nothing is lost: try again."
    ),
}


class Refused(Exception):
    """Refuses the request as a whole: a code of `MEANINGS`, a sentence, headers to send along.

    The sentence never contains the client's input.
    """

    def __init__(self, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})


class BodyTooLarge(Refused):
    """The body is larger than the limit."""


def malformed(detail: str) -> Refused:
    return Refused("malformed", detail)


@dataclass(frozen=True)
class FieldError:
    """One error: where (a JSON pointer, RFC 6901), a stable code, a sentence."""

    pointer: str
    code: str
    detail: str


class InvalidRequest(Exception):
    """The request was understood, and some of its values are missing or wrong: 422."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = list(errors)
        super().__init__(f"{len(self.errors)} values are missing or wrong")


def pointer(location: Iterable[int | str]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)
