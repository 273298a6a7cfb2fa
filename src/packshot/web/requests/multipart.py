"""One file out of a multipart body, read piece by piece, with a bound on everything around it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import chain
from typing import Final

from flask import Request
from werkzeug.exceptions import HTTPException
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from packshot.web.requests.reading import read_pieces
from packshot.web.requests.refusals import Fault, InvalidRequest, Refused, malformed

#: Characters; RFC 2046, section 5.1.1.
MAX_BOUNDARY: Final = 70
#: The file, and a few fields that a form may send along.
MAX_PARTS: Final = 10
#: Bytes that are held while the end of a part's headers is looked for. They are read in pieces of
#: half of it, so headers of 8 KB always fit.
MAX_HEADERS: Final = 16 * 1024


def read_file(request: Request, name: str, limit: int) -> bytes:
    """The bytes of the first file named `name`; the body has at most `limit` bytes.

    Other parts are read past. Raises Refused, and InvalidRequest when there is no such file.
    """
    if request.mimetype != "multipart/form-data":
        raise Refused("unsupported_media_type", "send the picture as multipart/form-data")
    try:
        file = _find(_events(request, limit), name)
    except HTTPException:  # the decoder's own RequestEntityTooLarge
        raise Refused("too_large", "the multipart body has too many or too long parts") from None
    except ValueError:
        raise malformed("the multipart body can't be read") from None
    if file is None:
        raise InvalidRequest([Fault(f"/{name}", "required", "is required: the picture's bytes")])
    return file.getvalue()


def _find(events: Iterator[Event], name: str) -> io.BytesIO | None:
    """The file, read to the end of the body, so that the body's limit and end are checked."""
    found = current = None
    for event in events:
        if isinstance(event, File) and event.name == name and found is None:
            found = current = io.BytesIO()
        elif isinstance(event, File | Field):
            current = None
        elif isinstance(event, Data) and current is not None:
            current.write(event.data)
    return found


def _events(request: Request, limit: int) -> Iterator[Event]:
    decoder = MultipartDecoder(_boundary(request), MAX_HEADERS, max_parts=MAX_PARTS)
    pieces = read_pieces(request, limit, MAX_HEADERS // 2)
    for piece in chain(pieces, (None,)):
        decoder.receive_data(piece)
        while not isinstance(event := decoder.next_event(), NeedData | Epilogue):
            yield event


def _boundary(request: Request) -> bytes:
    boundary = request.mimetype_params.get("boundary", "")
    if not 1 <= len(boundary) <= MAX_BOUNDARY:
        raise malformed(f"the multipart boundary must have 1 to {MAX_BOUNDARY} characters")
    return boundary.encode("ascii")
