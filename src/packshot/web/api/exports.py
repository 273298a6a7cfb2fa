"""Approved pictures over HTTP, streamed however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Final

from apiflask import APIBlueprint
from flask import Response

from packshot.products.export import CONTENT_TYPES, approved_images, written
from packshot.web.api import examples
from packshot.web.api.schemas import ExportQuery
from packshot.web.requests.context import services
from packshot.web.requests.endpoints import blueprint, needs
from packshot.web.requests.thread_shares import as_download

#: Lines sent as one piece.
TOGETHER: Final = 100

bp: APIBlueprint = blueprint("exports", "Export")


@bp.get("/api/export")
@bp.input(ExportQuery, location="query", arg_name="query")
@bp.doc(
    operation_id="exportApproved",
    responses={200: "One line for each approved picture, the oldest first"},
    extensions={
        "x-content": {"text/csv": examples.CSV, "application/x-ndjson": examples.JSON_LINES}
    },
)
@needs()
def export_approved(query: ExportQuery) -> Response:
    """Export what is approved

    The approved pictures of approved products' current rounds. In CSV, text that a spreadsheet
    would run as a formula has an apostrophe before it.
    """
    rows = approved_images(services().database, batch=query.batch, category=query.category)
    lines = written(rows, query.format)
    first = next(lines, "")  # what fails, fails here, while it can still be told
    response = Response(_together(chain((first,), lines)), content_type=CONTENT_TYPES[query.format])
    response.headers["Content-Disposition"] = f'attachment; filename="approved.{query.format}"'
    return as_download(response)


def _together(lines: Iterator[str]) -> Iterator[str]:
    while piece := "".join(islice(lines, TOGETHER)):
        yield piece
