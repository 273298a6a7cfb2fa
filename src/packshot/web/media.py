"""Pictures over HTTP, from either store, for callers who are signed in."""

from __future__ import annotations

import hashlib
import logging
from itertools import chain
from typing import Final

from apiflask import APIBlueprint
from flask import Response, request

from packshot.errors import FetchError, NotFound
from packshot.pictures.kinds import sniff
from packshot.storage import Chunks
from packshot.web.requests.context import services
from packshot.web.requests.endpoints import blueprint, needs
from packshot.web.requests.thread_shares import QUICK_BYTES, as_download

log = logging.getLogger(__name__)

#: Prefixes of Packshot's own objects. Nothing else in a shop's bucket is shown.
PREFIXES: Final = ("enhanced/", "normalised/", "previews/", "uploads/")
#: A picture that is opened as a page can't run or load anything.
POLICY: Final = "default-src 'none'; sandbox; frame-ancestors 'none'"

bp: APIBlueprint = blueprint("media", "Media")


@bp.get("/media/<path:key>")
@bp.doc(
    operation_id="getMedia",
    responses={200: "The picture", 304: "Not modified"},
    extensions={"x-content": {"image/*": None}},
)
@needs()
def get_media(key: str) -> Response:
    """Stream a picture: enhanced, normalised, a preview or an upload"""
    if not key.startswith(PREFIXES):
        raise NotFound("there is no picture at this address")
    etag = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:32]
    if request.if_none_match.contains_weak(etag):
        return _allow_caching(Response(status=304), etag)
    return _allow_caching(_stream(_open(key)), etag)


def _open(key: str) -> Chunks:
    try:
        return services().storage.open(key)
    except NotFound:
        # The key comes from the client: do not repeat it.
        raise NotFound("there is no picture at this address") from None
    except FetchError as error:
        log.warning("a picture can't be shown: %s", error.message)
        raise NotFound("this picture can't be read; the log says why") from None


def _stream(chunks: Chunks) -> Response:
    first = next(chunks, b"")
    content_type = sniff(first) or "application/octet-stream"
    response = Response(chain((first,), chunks), content_type=content_type)
    response.content_length = chunks.size
    response.call_on_close(chunks.close)
    return as_download(response) if chunks.size > QUICK_BYTES else response


def _allow_caching(response: Response, etag: str) -> Response:
    """Allow browsers to cache, for the bytes under a key never change; shared caches may not."""
    response.set_etag(etag)
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Content-Disposition"] = "inline"
    return response
