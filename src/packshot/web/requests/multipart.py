"""Reads multipart bodies piece by piece, with a limit on everything that is kept."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from flask import Request
from werkzeug.exceptions import HTTPException
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from packshot.pictures.limits import MAX_BYTES
from packshot.web.requests.field_errors import MAX_UNKNOWN_NAMED, unknown_field
from packshot.web.requests.reading import read_pieces
from packshot.web.requests.refusals import (
    BodyTooLarge,
    FieldError,
    InvalidRequest,
    Refused,
    malformed,
)

#: Characters; RFC 2046, section 5.1.1, allows 70, but some clients (Werkzeug's) send a few more.
MAX_BOUNDARY: Final = 100
#: The file, and a few other fields of the form.
MAX_PARTS: Final = 10
#: Bytes that are buffered until the end of a part's headers. The decoder gets pieces of half that
#: size, so headers of 8 KB always fit.
MAX_HEADERS: Final = 16 * 1024
DECODED_BYTES: Final = MAX_HEADERS // 2


@dataclass
class Part:
    """A field (then `filename` is None) or a file, and the bytes kept of it."""

    name: str
    filename: str | None
    _data: io.BytesIO = field(default_factory=io.BytesIO)

    @property
    def data(self) -> bytes:
        return self._data.getvalue()

    def add(self, piece: bytes, most: int) -> None:
        if self._data.tell() + len(piece) > most:
            raise Refused("too_large", f"{self.name[:40]!a} has more than {most:,} bytes")
        self._data.write(piece)


#: The most bytes to keep of a part, by its name and file name; None skips the part.
Keep = Callable[[str, str | None], int | None]


def read_file(request: Request, name: str, limit: int) -> bytes:
    """The bytes of the file named `name`; the body has at most `limit` bytes.

    Raises Refused, and InvalidRequest when there is no such file, or something else.
    """
    keeps = iter([limit])

    def keep(part: str, filename: str | None) -> int | None:
        return next(keeps, None) if part == name and filename is not None else None

    try:
        parts = read_parts(request, limit, keep)
    except BodyTooLarge as error:
        most = f"a photo may have at most {MAX_BYTES / 1e6:.0f} MB"
        raise Refused(error.code, f"{error.detail}: {most}") from None
    errors = find_other_parts(parts, (name,))
    files = [part for part in parts if part.name == name and part.filename is not None]
    if not files:
        errors.append(FieldError(f"/{name}", "required", "is required: a file, with a filename"))
    if errors:
        raise InvalidRequest(errors)
    return files[0].data


def find_other_parts(
    parts: list[Part], known: Sequence[str], several: str | None = None
) -> list[FieldError]:
    """Errors for the parts that would be ignored: unknown ones, and repeated ones but `several`."""
    counts = Counter(part.name for part in parts)
    unknown = [name for name in counts if name not in known]
    repeated = [name for name in known if name != several and counts[name] > 1]
    return [
        *(
            FieldError("", "unknown_field", unknown_field(name, known))
            for name in unknown[:MAX_UNKNOWN_NAMED]
        ),
        *(FieldError(f"/{name}", "repeated", "must be given only once") for name in repeated),
    ]


def read_parts(request: Request, limit: int, keep: Keep, most: int = MAX_PARTS) -> list[Part]:
    """At most `most` parts of a body of at most `limit` bytes. Raises Refused.

    The body is read to its end, so its size and its end are always checked.
    """
    if request.mimetype != "multipart/form-data":
        raise Refused("unsupported_media_type", "send the body as multipart/form-data")
    try:
        return _collect(_events(request, limit, most), keep)
    except HTTPException:  # the decoder's own RequestEntityTooLarge
        raise Refused("too_large", "the multipart body has too many or too long parts") from None
    except ValueError:
        raise malformed("the multipart body can't be read") from None


def _collect(events: Iterator[Event], keep: Keep) -> list[Part]:
    parts: list[Part] = []
    most: int | None = None
    for event in events:
        if isinstance(event, File | Field):
            parts.append(Part(event.name or "", getattr(event, "filename", None)))
            most = keep(parts[-1].name, parts[-1].filename)
        elif isinstance(event, Data) and most is not None:
            parts[-1].add(event.data, most)
    return parts


def _events(request: Request, limit: int, most: int) -> Iterator[Event]:
    decoder = MultipartDecoder(_boundary(request), MAX_HEADERS, max_parts=most)
    for piece in chain(_split(read_pieces(request, limit)), (None,)):
        decoder.receive_data(piece)
        while not isinstance(event := decoder.next_event(), NeedData | Epilogue):
            yield event


def _split(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), DECODED_BYTES):
            yield piece[start : start + DECODED_BYTES]


def _boundary(request: Request) -> bytes:
    boundary = request.mimetype_params.get("boundary", "")
    if not 1 <= len(boundary) <= MAX_BOUNDARY:
        raise malformed(f"the multipart boundary must have 1 to {MAX_BOUNDARY} characters")
    return boundary.encode("ascii")
