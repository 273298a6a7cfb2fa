"""Approved pictures over HTTP, streamed in any number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from typing import Final

from apiflask import APIBlueprint
from flask import Response, request

from packshot.errors import Conflict
from packshot.marketplaces.names import NameTemplate
from packshot.marketplaces.presets import Preset
from packshot.marketplaces.rendering import ENDINGS
from packshot.products.export.rows import (
    CONTENT_TYPES,
    ApprovedImage,
    Selection,
    approved_groups,
    approved_images,
    count_approved,
    why_nothing,
    write_lines,
)
from packshot.products.export.same_views import find_same_views, notes_of, short
from packshot.products.export.shop_files import (
    ShopFormat,
    address_in_store,
    address_uploaded,
    write_shop_file,
)
from packshot.products.export.zip_file import paths_in_zip, zip_pieces
from packshot.web.api import examples
from packshot.web.api.marketplace_pictures import named_preset, prepare_for_marketplace
from packshot.web.api.schemas import ExportQuery
from packshot.web.requests.context import services
from packshot.web.requests.endpoints import (
    blueprint,
    needs,
    reads_query,
    refuses,
)
from packshot.web.requests.prefix import under_prefix
from packshot.web.requests.thread_shares import as_download

#: The header with the number of pictures in a ZIP, for a progress bar.
PICTURES: Final = "Packshot-Pictures"
#: The header with the number of pictures whose check found a change after they were approved.
FOUND_AFTER_APPROVAL: Final = "Packshot-Found-After-Approval"
#: The header with the products that have one SKU and view: `8 9, 11 12`, at most 20 such groups.
SAME_VIEW: Final = "Packshot-Same-View"
#: Lines sent as one piece.
TOGETHER: Final = 100
#: Bytes of a ZIP that are sent at once, and less than twice as many at most: gunicorn copies each
#: piece, which takes new memory from the system when it is large, and a client reads 65,536.
PIECE: Final = 60_000

bp: APIBlueprint = blueprint("exports", "Export")


@bp.get("/api/export")
@reads_query(bp, ExportQuery)
@bp.doc(
    operation_id="exportApproved",
    responses={200: "One line for each approved picture, oldest first; or a ZIP of them"},
    extensions={
        "x-content": {
            "text/csv": examples.CSV,
            "application/x-ndjson": examples.JSON_LINES,
            "application/zip": None,
        }
    },
)
@needs()
@refuses("nothing_approved", "no_public_address")
def export_approved(query: ExportQuery) -> Response:
    """Export the approved pictures

    The approved pictures of approved products' current rounds. In CSV, text that a spreadsheet
    would run as a formula has an apostrophe before it. A ZIP contains the pictures under the shop's
    own names, `manifest.json`, `products.csv` and, for Excel, `products.xlsx`. If something fails
    on the way, it ends early and can't be opened. `shopify` and `woocommerce` are files for the
    importers of these shops, with the public addresses of the pictures, or those that a ZIP's
    pictures have once they were uploaded at `pictures_at`. The header
    `Packshot-Found-After-Approval` is the number of pictures that were approved before their
    fidelity check found a change: look at them (`GET /api/products?doubt=after_approval`). The
    header `Packshot-Same-View` names products of one SKU with the same view, or without one, `8 9,
    11 12`: their pictures are numbered as those of one product. Of more than 20 groups it names 20,
    and then how many more there are (`9 more`). `HEAD` returns both alone.
    """
    chosen = query.as_selection()
    same = find_same_views(services().database, chosen)
    response = _export(chosen, query, notes_of(same))
    found = count_approved(services().database, chosen, only_found_later=True)
    response.headers[FOUND_AFTER_APPROVAL] = str(found)
    if same:
        response.headers[SAME_VIEW] = short(same)
    return response


def _export(chosen: Selection, query: ExportQuery, notes: Sequence[str]) -> Response:
    if query.format == "zip":
        ending = "zip" if query.preset is None else f"{query.preset}.zip"
        response = _stream(_in_even_pieces(_zip(chosen, query, notes)), "application/zip", ending)
        response.headers[PICTURES] = str(count_approved(services().database, chosen))
        return response
    if query.format == "shopify" or query.format == "woocommerce":
        rows = _shop_file(chosen, query, query.format)
        return _stream(_together(rows), CONTENT_TYPES["csv"], f"{query.format}.csv")
    approved = approved_images(services().database, chosen)
    if prefix := request.script_root:
        approved = map(partial(_with_prefix, prefix), approved)
    lines = write_lines(approved, query.format)
    first = next(lines, "")  # errors are raised here, while a status can still be sent
    return _stream(_together(chain((first,), lines)), CONTENT_TYPES[query.format], query.format)


def _shop_file(chosen: Selection, query: ExportQuery, as_format: ShopFormat) -> Iterator[str]:
    # WooCommerce's importer replaces a product's pictures with those in the file.
    groups = _groups(chosen, whole=as_format == "woocommerce")
    if query.pictures_at is None:
        return write_shop_file(groups, as_format, partial(address_in_store, services().storage))
    preset = named_preset(query.preset) if query.preset is not None else None
    known = list(groups)
    paths = paths_in_zip(known, _names(query, preset), _ending(preset))
    there = [[each for each in group if each[1].image_id in paths] for group in known]
    address_of = partial(address_uploaded, paths, query.pictures_at)
    return write_shop_file(filter(None, there), as_format, address_of)


def _names(query: ExportQuery, preset: Preset | None) -> NameTemplate:
    """The names of the pictures in a ZIP."""
    own_names = preset.render.names if preset is not None else None
    return NameTemplate.parse(query.names or own_names or services().settings.export_names)


def _ending(preset: Preset | None) -> str | None:
    return ENDINGS[preset.render.format] if preset is not None else None


def _with_prefix(prefix: str, image: ApprovedImage) -> ApprovedImage:
    """The row with the addresses that the client must request."""
    media_url = under_prefix(image.media_url, prefix) if image.media_url else None
    return _with_public_address(prefix, image).model_copy(update={"media_url": media_url})


def _with_public_address(prefix: str, image: ApprovedImage) -> ApprovedImage:
    """The row with `image_url` as the client must request it; a ZIP reads `media_url` unchanged."""
    return image.model_copy(update={"image_url": under_prefix(image.image_url, prefix)})


def _zip(chosen: Selection, query: ExportQuery, notes: Sequence[str]) -> Iterator[bytes]:
    parts = services()
    preset = named_preset(query.preset) if query.preset is not None else None
    groups = _groups(chosen)
    pieces = partial(
        zip_pieces,
        groups,
        _names(query, preset),
        parts.storage,
        made=datetime.now(UTC),
        notes=notes,
        complete=chosen.since is None,
    )
    if preset is None:
        return pieces()
    prepare = partial(prepare_for_marketplace, preset, parts)
    return pieces(prepare=prepare, ending=_ending(preset))


def _groups(chosen: Selection, *, whole: bool = False) -> Iterator[list[tuple[int, ApprovedImage]]]:
    """The pictures by SKU. Raises Conflict when there is none."""
    groups = approved_groups(services().database, chosen, whole=whole)
    if prefix := request.script_root:
        groups = (
            [(n, _with_public_address(prefix, image)) for n, image in group] for group in groups
        )
    first = next(groups, None)
    if first is None:
        words = why_nothing(services().database, chosen)
        raise Conflict(words, code="nothing_approved")
    return chain((first,), groups)


def _stream(pieces: Iterator[str] | Iterator[bytes], content_type: str, ending: str) -> Response:
    response = Response(pieces, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="approved.{ending}"'
    return as_download(response)


def _in_even_pieces(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, small pieces joined and large ones cut. The first piece is sent at once, so
    that the download begins."""
    yield next(pieces, b"")
    waiting = b""
    for piece in pieces:
        for start in range(0, len(piece), PIECE):
            waiting += piece[start : start + PIECE]
            if len(waiting) >= PIECE:
                yield waiting
                waiting = b""
    yield waiting


def _together(lines: Iterator[str]) -> Iterator[str]:
    while piece := "".join(islice(lines, TOGETHER)):
        yield piece
