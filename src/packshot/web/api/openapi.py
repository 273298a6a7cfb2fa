"""The OpenAPI document, the page that shows it, and the pages of the error codes."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import swagger_ui_bundle
from apiflask import APIBlueprint, APIFlask
from flask import (
    Response,
    abort,
    current_app,
    make_response,
    render_template,
    request,
    send_from_directory,
)

from packshot.lanes import LANES
from packshot.pictures.kinds import ACCEPTED_WORDS
from packshot.web.api import examples
from packshot.web.requests import problems
from packshot.web.requests.auth import SAFE_METHODS
from packshot.web.requests.endpoints import ACCESS, REFUSALS, Access, needs, probe
from packshot.web.requests.headers import DOCS_POLICY
from packshot.web.requests.reading import MAX_ID
from packshot.web.requests.refusals import MEANINGS, FieldError

Json = dict[str, Any]
SWAGGER_UI: Final = Path(swagger_ui_bundle.swagger_ui_path)
DOCS_FILES: Final = "'swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'"
#: The operations whose bodies may be missing.
OPTIONAL_BODIES: Final = {"enhanceProduct", "cancelProduct"}
DESCRIPTION: Final = (
    "Raw product photos in, enhanced and checked pictures out. Errors are problem documents"
    " (RFC 9457) with `errors: [{pointer, code, detail}]`. Amounts are in the currency's main unit."
)
SECURITY_SCHEMES: Final[Json] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A secret of API_KEYS"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}

bp = APIBlueprint("openapi_pages", __name__, enable_openapi=False)


def configure(app: APIFlask) -> None:
    app.config.update(
        AUTO_404_RESPONSE=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        AUTO_SERVERS=False,
        HTTP_ERROR_SCHEMA=_problem_schema(),
    )
    app.security_schemes = SECURITY_SCHEMES
    app.description = DESCRIPTION
    app.license = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    app.register_blueprint(bp)
    app.spec_processor(lambda spec: finish_document(app, spec))


#: Fields of multipart bodies.
MULTIPART: Final[dict[str, Json]] = {
    "upload": {"file": {"type": "string", "format": "binary", "description": ACCEPTED_WORDS}},
    "import": {
        "spreadsheet": {
            "type": "string",
            "format": "binary",
            "description": "CSV, TSV, .xlsx, .ods or a product feed in XML",
        },
        "photos": {
            "type": "array",
            "items": {"type": "string"},
            "description": "photos' names, a JSON list of names, files, or a ZIP",
        },
        "mapping": {"type": "string", "description": "JSON: column to field"},
        "conventions": {"type": "string", "description": "JSON: column to `point` or `comma`"},
        "defaults": {"type": "string", "description": "JSON: field to what rows without it get"},
        "assigned": {"type": "string", "description": "JSON: photo to its row, or to 0 for none"},
        "pattern": {"type": "string", "description": "such as {sku}_{view}"},
        "lane": {"type": "string", "enum": list(LANES)},
    },
}

# -- the document --------------------------------------------------------------------------------

HEADERS: Final[dict[str, tuple[str, Json]]] = {
    "Idempotency-Key": (
        "The same key and body gives the same answer for a day, and creates nothing twice.",
        {"type": "string", "pattern": r"^[!#-~]{1,255}$"},
    ),
    "If-Match": (
        "The product's version from its ETag; 412 when somebody changed it in the meantime.",
        {"type": "string", "pattern": r'^(\*|(W/)?"[^"]*"|[0-9]{1,9})$'},
    ),
    "If-None-Match": ("An ETag: 304 when nothing changed.", {"type": "string"}),
}


def finish_document(app: APIFlask, spec: Any) -> Any:
    """APIFlask's document, completed with names, limits, scopes and problem documents."""
    document = _with_short_names(spec)
    problem_responses: Json = {}
    document["components"]["examples"] = {code: _refusal(code) for code in MEANINGS}
    document["components"]["responses"] = problem_responses
    for path, method, view in _operations(app):
        operation = document["paths"].get(path, {}).get(method)
        if operation is not None:
            _finish(path, method, operation, view, problem_responses)
    return document


def _operations(app: APIFlask) -> list[tuple[str, str, Any]]:
    found = []
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<([^<:]+:)?", "{", rule.rule).replace(">", "}")
        view = app.view_functions[rule.endpoint]
        found += [(path, method.lower(), view) for method in rule.methods or ()]
    return found


def _finish(path: str, method: str, operation: Json, view: Any, problem_responses: Json) -> None:
    access: Access = getattr(view, ACCESS, ("admin",))
    refusals = set(getattr(view, REFUSALS, ()))
    _finish_request(operation, refusals)
    if access == "probe":
        _finish_probe(operation)
        return
    refusals |= _refusals_of(path, method, operation, access)
    problem_responses.update(_finish_responses(operation, refusals))
    if access == "open":
        return
    operation["security"] = [{"bearer": []}, {"header": []}]
    if access:
        said = operation.get("description", "")
        operation["description"] = f"{said}\n\nScope: {' or '.join(access)}.".strip()


def _finish_request(operation: Json, own_refusals: set[str]) -> None:
    if kind := operation.pop("x-multipart", None):
        operation["requestBody"] = _multipart(MULTIPART[kind])
    if "requestBody" in operation:
        operation["requestBody"]["required"] = operation["operationId"] not in OPTIONAL_BODIES
    for parameter in operation["parameters"]:
        if parameter["in"] == "path" and parameter["name"].endswith("_id"):
            parameter["schema"] = {"type": "integer", "minimum": 1, "maximum": MAX_ID}
    headers = _headers_of(operation, own_refusals)
    operation["parameters"] += [_header_parameter(name) for name in headers]


def _header_parameter(name: str) -> Json:
    description, schema = HEADERS[name]
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": schema,
    }


def _headers_of(operation: Json, own_refusals: set[str]) -> list[str]:
    names = ["Idempotency-Key"] if "idempotency_running" in own_refusals else []
    names += ["If-Match"] if "stale" in own_refusals else []
    names += ["If-None-Match"] if "304" in operation["responses"] else []
    return names


def _finish_probe(operation: Json) -> None:
    """Describe the probes' 503: the same body as 200, not a problem document."""
    if (body := operation.pop("x-not-working", None)) is not None:
        answer = copy.deepcopy(operation["responses"]["200"])
        answer["description"] = "Some part does not work"
        answer["content"]["application/json"]["example"] = body
        operation["responses"]["503"] = answer


def _finish_responses(operation: Json, refusals: set[str]) -> Json:
    """Refer to shared responses, one for each status and set of codes, and return them."""
    responses, shared = operation["responses"], {}
    if content := operation.pop("x-content", None):
        responses["200"]["content"] = {kind: _text(example) for kind, example in content.items()}
    if "304" in responses:
        responses["304"] = {"description": "Not modified: the client has the current state"}
    by_status = sorted(refusals, key=lambda code: (MEANINGS[code].status, code))
    for status, of_status in groupby(by_status, key=lambda code: MEANINGS[code].status):
        codes = list(of_status)
        name = "-".join(codes)
        responses[str(status)] = {"$ref": f"#/components/responses/{name}"}
        shared[name] = _problem_response(codes)
    return shared


def _text(example: str | None) -> Json:
    plain: Json = {"schema": {"type": "string"}}
    return plain if example is None else plain | {"example": example}


def _refusals_of(path: str, method: str, operation: Json, access: Access) -> set[str]:
    """The error codes that any view may answer to a request of this kind."""
    codes = {"malformed", "unauthorized", "too_many_requests", "headers_too_large"}
    codes |= {"busy", "unavailable"}
    codes |= {"forbidden"} if access != "open" else set()
    codes |= {"not_found"} if "{" in path else set()
    codes |= {"cross_site"} if method.upper() not in SAFE_METHODS else set()
    # The API refuses an unknown query everywhere: `refuse_unread_query`.
    codes |= {"invalid_request"} if path.startswith("/api/") else set()
    if "requestBody" in operation:
        codes |= {"disk_full", "too_large", "unsupported_media_type", "invalid_request"}
    return codes


def _multipart(fields: Json) -> Json:
    required = ["file"] if "file" in fields else []
    body = {"type": "object", "properties": fields, "required": required}
    return {"content": {"multipart/form-data": {"schema": body}}}


def _with_short_names(spec: Any) -> Any:
    """`BulkIn.NewProductIn` -> `NewProductIn`: APIFlask names a nested model after its parent."""

    def shorten(node: Any) -> Any:
        if isinstance(node, list):
            return [shorten(item) for item in node]
        if not isinstance(node, dict):
            return node
        return {
            key: f"#/components/schemas/{_last(value)}"
            if key == "$ref" and isinstance(value, str) and "/schemas/" in value
            else shorten(value)
            for key, value in node.items()
        }

    document = shorten(copy.deepcopy(spec))
    schemas = document["components"].get("schemas", {})
    schemas["Problem"] = schemas.pop("HTTPError", None) or _problem_schema()
    document["components"]["schemas"] = {
        _last(name): schema for name, schema in sorted(schemas.items())
    }
    return document


def _last(name: str) -> str:
    return name.rpartition("/")[2].rpartition(".")[2]


def _problem_schema() -> Json:
    error = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in ("pointer", "code", "detail")},
        "required": ["pointer", "code", "detail"],
    }
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "instance": {"type": "string", "description": "The request's id, as in the log"},
            "success": {"const": False},
            "message": text,
            "errors": {"type": "array", "items": error},
            "data": {"type": "object", "description": "With 412: the current state"},
        },
        "required": ["type", "title", "status", "detail", "success", "message", "errors"],
    }


def _problem_response(codes: Iterable[str]) -> Json:
    shown = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": shown}
    return {
        "description": "; ".join(MEANINGS[code].words.rstrip(".") for code in shown),
        "content": {problems.MIME_TYPE: content},
    }


def _refusal(code: str) -> Json:
    status, words = MEANINGS[code]
    errors = [FieldError("/products/3/price", "price_above_mrp", "1090 is above the mrp of 990")]
    problem = problems.Problem(
        status,
        code,
        words,
        errors if code == "invalid_request" else [],
        extra={"data": examples.PRODUCT["data"]} if code == "stale" else {},
    )
    return {"summary": words, "value": problem.body("3e0c9f52-61b7-4c8a-9a0f-5d7e2b41c6d8")}


# -- pages ---------------------------------------------------------------------------------------


@bp.get("/openapi.json")
@needs()
def openapi_document() -> Response:
    app: Any = current_app._get_current_object()  # type: ignore[attr-defined]
    spec = _document_of(app)
    if request.script_root:
        spec = spec | {"servers": [{"url": request.script_root}]}
    response: Response = app.json.response(spec)
    return response


@lru_cache(maxsize=1)
def _document_of(app: Any) -> Json:
    """`app.spec` makes it again each time, which takes 0.1 s."""
    document: Json = app.spec
    return document


@bp.get("/docs")
@needs()
def docs() -> Response:
    """Swagger UI, from the installed package: nothing is loaded from another host."""
    response = make_response(render_template("docs.html"))
    response.headers["Content-Security-Policy"] = DOCS_POLICY
    return response


@bp.get(f"/docs/<any({DOCS_FILES}):name>")
@needs()
def docs_file(name: str) -> Response:
    return send_from_directory(SWAGGER_UI, name, max_age=86_400)


@bp.get("/problems/<code>")
@probe
def problem_page(code: str) -> Response:
    """The page that a problem's `type` points to: documentation, also for who gets a 401."""
    if code not in MEANINGS:
        abort(404)
    return Response(f"{code}\n\n{MEANINGS[code].words}\n", mimetype="text/plain")
