"""Detects holes in a WebP's data, which no decoder notices."""

from __future__ import annotations

from struct import unpack_from

from packshot.pictures.limits import damaged

HOLE = bytes(512)
#: Bits per pixel from which such a run of zero bytes is a gap in a download, not a flat area.
DENSE = {b"VP8 ": 0.1, b"VP8L": 1.0}
MAX_CHUNKS = 1_000


def check_holes(data: bytes, pixels: int) -> None:
    """Raises PictureError when the picture's data has a gap of zero bytes."""
    position = 12
    for _ in range(MAX_CHUNKS):
        if position + 8 > len(data):
            return
        name, length = unpack_from("<4sI", data, position)
        body = position + 8
        dense = length * 8 >= pixels * DENSE.get(name, float("inf"))
        if dense and data.find(HOLE, body, body + length) >= 0:
            raise damaged("part of its data is missing")
        position = body + length + length % 2
