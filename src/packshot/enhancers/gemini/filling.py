"""Puts pictures into a request while it is sent.

Google's SDK keeps each picture four times until the answer comes: as bytes, as base64, and in two
forms of the whole request. So the SDK gets a short placeholder for each picture, and the transport
replaces it by the picture.
"""

from __future__ import annotations

import base64
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

PIECE = 3 * 16_384  # bytes whose base64 is sent at once; a multiple of three: without padding

_sending = threading.local()


@contextmanager
def with_placeholders(*pictures: bytes) -> Iterator[Sequence[bytes]]:
    """A placeholder for each picture; requests that this thread sends in the block get the pictures
    in their place, by `fill_in`."""
    placeholders = [uuid.uuid4().bytes for _ in pictures]
    _sending.pictures = {
        _base64(each): one for each, one in zip(placeholders, pictures, strict=True)
    }
    try:
        yield placeholders
    finally:
        _sending.pictures = {}


def fill_in(
    headers: list[tuple[bytes, bytes]], body: Iterable[bytes]
) -> tuple[list[tuple[bytes, bytes]], Iterable[bytes]]:
    """The headers and the body to send: placeholders of this thread replaced by the pictures."""
    pictures: dict[bytes, bytes] = getattr(_sending, "pictures", {})
    if not pictures:
        return headers, body
    whole = FilledBody(b"".join(body), pictures)
    length = (b"Content-Length", str(whole.length).encode())
    return [each for each in headers if each[0].lower() != b"content-length"] + [length], whole


class FilledBody:
    """A request's body with its pictures. It can be read several times, and is never in memory as a
    whole."""

    def __init__(self, body: bytes, pictures: dict[bytes, bytes]) -> None:
        self._pieces: list[tuple[bytes, bytes]] = []  # some JSON, and the picture after it
        for placeholder, picture in pictures.items():
            before, found, body = body.partition(placeholder)
            if not found:
                raise ValueError("Google's SDK sends pictures in another form than base64")
            self._pieces.append((before, picture))
        self._end = body
        sizes = (len(before) + 4 * -(-len(picture) // 3) for before, picture in self._pieces)
        self.length = sum(sizes) + len(body)

    def __iter__(self) -> Iterator[bytes]:
        for before, picture in self._pieces:
            yield before
            for start in range(0, len(picture), PIECE):
                yield base64.b64encode(picture[start : start + PIECE])
        yield self._end


def _base64(data: bytes) -> bytes:
    """As the SDK writes it."""
    return base64.urlsafe_b64encode(data)
