"""Packshot's use of APIFlask: decorators, its own reading of requests, and plain answers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias, TypeVar
from urllib.parse import unquote_to_bytes

from apiflask import APIBlueprint
from apiflask.schema_adapters import registry
from apiflask.schema_adapters.pydantic import PydanticAdapter
from flask import Request, Response, current_app, request
from pydantic import BaseModel
from werkzeug.datastructures import MultiDict

from packshot.errors import NotFound
from packshot.keys import Scope
from packshot.web.requests.field_errors import MAX_UNKNOWN_NAMED, check, unknown_field
from packshot.web.requests.reading import MAX_ID, MAX_SMALL_JSON_BYTES, read_json
from packshot.web.requests.refusals import FieldError, InvalidRequest, malformed, pointer

View = TypeVar("View", bound=Callable[..., Any])
#: Who may call a view: anyone, anyone without a key, or callers with one of these scopes.
Access: TypeAlias = Literal["probe", "open"] | tuple[Scope, ...]
ACCESS, REFUSALS, READS_QUERY = "packshot_access", "packshot_refusals", "packshot_reads_query"
ETAG = re.compile(r'(?:W/)?"(?P<version>[0-9]{1,9})"|(?P<bare>[0-9]{1,9})')
QUOTED = re.compile(r'(W/)?".*"', re.DOTALL)


class StrictAdapter(PydanticAdapter):
    """Reads with `reading.py`: APIFlask itself answers 500 to 100,000 brackets, accepts other
    content types, silently truncates chunked bodies, and turns decimals into floats."""

    def validate_input(self, request: Request, location: str, **kwargs: Any) -> Any:
        if location == "query":
            return check(self.model_class, self._read_query(request), "/query")
        if location == "headers":
            given = {name: request.headers.get(name) for name in self._header_names()}
            present = {name: value for name, value in given.items() if value is not None}
            return check(self.model_class, present, "/headers")
        optional = not any(field.is_required() for field in self.model_class.model_fields.values())
        most = getattr(self.model_class, "max_bytes", MAX_SMALL_JSON_BYTES)
        data = read_json(request, most, optional=optional)
        read = getattr(self.model_class, "read", None)
        return read(data) if read is not None else check(self.model_class, data)

    def _read_query(self, request: Request) -> dict[str, str]:
        """Each parameter once: of `status=failed&status=pending` one would be ignored silently."""
        args = read_args(request)
        repeated = [
            FieldError(pointer(("query", name)), "repeated", "must be given only once")
            for name in self.model_class.model_fields
            if len(args.getlist(name)) > 1
        ]
        if repeated:
            raise InvalidRequest(repeated)
        return args.to_dict()

    def _header_names(self) -> list[str]:
        fields = self.model_class.model_fields
        return [field.alias or name for name, field in fields.items()]


registry.register("pydantic", StrictAdapter)


def read_args(request: Request) -> MultiDict[str, str]:
    """The query; werkzeug would replace what is not UTF-8, and find nothing for it."""
    try:
        unquote_to_bytes(request.query_string).decode()
    except UnicodeDecodeError:
        raise malformed("the query is not UTF-8") from None
    return request.args


def refuse_unread_query() -> None:
    """Refuse the query of a request to the API whose view reads none, as other views refuse an
    unknown parameter."""
    if request.endpoint is None or not request.path.startswith("/api/") or not request.args:
        return
    if not hasattr(current_app.view_functions[request.endpoint], READS_QUERY):
        names = list(read_args(request))[:MAX_UNKNOWN_NAMED]
        raise InvalidRequest(
            [FieldError("/query", "unknown_field", unknown_field(name, ())) for name in names]
        )


def refuse_impossible_ids() -> None:
    """Answer 404 to an id that no column can store. (A limit in the route's converter gives a 405
    as soon as the same address has two methods.)"""
    for name, value in (request.view_args or {}).items():
        if name.endswith("_id") and value > MAX_ID:
            raise NotFound("there is no product or picture with this id")


def blueprint(name: str, tag: str) -> APIBlueprint:
    return APIBlueprint(name, __name__, tag=tag)


def reads_query(bp: APIBlueprint, model: type[BaseModel]) -> Callable[[View], View]:
    """Pass the query to the view as `query`, a `model`. Other views of the API refuse a query."""
    read: Callable[[View], View] = bp.input(model, location="query", arg_name="query")

    def mark(view: View) -> View:
        setattr(view, READS_QUERY, True)
        return read(view)

    return mark


def needs(*scopes: Scope) -> Callable[[View], View]:
    """Allow callers with one of these scopes to call a view; without any, everyone signed in."""

    def mark(view: View) -> View:
        setattr(view, ACCESS, scopes)
        return view

    return mark


def refuses(*codes: str) -> Callable[[View], View]:
    """Name the error codes that only this view answers, for the OpenAPI document."""

    def mark(view: View) -> View:
        setattr(view, REFUSALS, codes)
        return view

    return mark


def open_to_all(view: View) -> View:
    """Require no key: for the sign-in page and its files. Without API_KEYS, still loopback only."""
    setattr(view, ACCESS, "open")
    return view


def probe(view: View) -> View:
    """Answer anyone, from anywhere: the view must show only public facts."""
    setattr(view, ACCESS, "probe")
    return view


def answer(
    body: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A success as JSON, as its model defines it."""
    return Response(body.model_dump_json(), status, headers, mimetype="application/json")


def conditional(response: Response, etag: str | None = None) -> Response:
    """Add an ETag (a digest of the body unless one is given); answer 304 when the client has it."""
    response.set_etag(etag or hashlib.sha256(response.get_data()).hexdigest()[:32])
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response


def wanted_version() -> int | None:
    """The product's version that If-Match names; None when any version will do.

    A weak tag counts too: proxies that compress weaken ours. Any tag that is not ours gives -1,
    which no product has. A version without quotes is taken; nothing else without them is a tag, and
    "changed in the meantime" would mislead.
    """
    header = request.headers.get("If-Match")
    if header is None or header == "*":
        return None
    if tag := ETAG.fullmatch(header):
        return int(tag["version"] or tag["bare"])
    if QUOTED.fullmatch(header):
        return -1
    raise malformed('If-Match must be the ETag with its quotes, such as "7"')
