"""Approved pictures over HTTP, streamed however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Final

from apiflask import APIBlueprint
from flask import Response

from packshot.errors import Conflict
from packshot.products.export import (
    CONTENT_TYPES,
    Selection,
    approved_groups,
    approved_images,
    write_lines,
)
from packshot.products.export_names import Template
from packshot.products.export_zip import zip_pieces
from packshot.web.api import examples
from packshot.web.api.schemas import ExportQuery
from packshot.web.requests.context import services
from packshot.web.requests.endpoints import blueprint, needs, refuses
from packshot.web.requests.thread_shares import as_download

#: Lines sent as one piece.
TOGETHER: Final = 100

bp: APIBlueprint = blueprint("exports", "Export")


@bp.get("/api/export")
@bp.input(ExportQuery, location="query", arg_name="query")
@bp.doc(
    operation_id="exportApproved",
    responses={200: "One line for each approved picture, the oldest first; or a ZIP of them"},
    extensions={
        "x-content": {"text/csv": examples.CSV, "application/x-ndjson": examples.JSON_LINES}
    },
)
@needs()
@refuses("nothing_approved")
def export_approved(query: ExportQuery) -> Response:
    """Export what is approved

    The approved pictures of approved products' current rounds. In CSV, text that a spreadsheet
    would run as a formula has an apostrophe before it. A ZIP contains the pictures under the shop's
    own names, `manifest.json` and `products.csv`. If something fails while it is made, it ends
    early, so that it can't be opened.
    """
    chosen = query.as_selection()
    if query.format == "zip":
        return _sent(_zip(chosen, query.names), "application/zip", "zip")
    lines = write_lines(approved_images(services().database, chosen), query.format)
    first = next(lines, "")  # an error comes here, while a status can still be sent
    return _sent(_together(chain((first,), lines)), CONTENT_TYPES[query.format], query.format)


def _zip(chosen: Selection, names: str | None) -> Iterator[bytes]:
    parts = services()
    groups = approved_groups(parts.database, chosen)
    first = next(groups, None)
    if first is None:
        raise Conflict("nothing is approved that this export asks for", code="nothing_approved")
    template = Template.parse(names or parts.settings.export_names)
    return zip_pieces(chain((first,), groups), template, parts.storage, datetime.now(UTC))


def _sent(pieces: Iterator[str] | Iterator[bytes], content_type: str, ending: str) -> Response:
    response = Response(pieces, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="approved.{ending}"'
    return as_download(response)


def _together(lines: Iterator[str]) -> Iterator[str]:
    while piece := "".join(islice(lines, TOGETHER)):
        yield piece
