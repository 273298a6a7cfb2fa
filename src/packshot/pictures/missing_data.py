"""Detects missing data that no decoder notices: a gap in a download, grey painted in its place."""

from __future__ import annotations

from struct import unpack_from
from typing import Any

from packshot.pictures.limits import damaged

HOLE = bytes(512)
#: Bits per pixel from which such a run of zero bytes is a gap in a download, not a flat area.
DENSE = {b"VP8 ": 0.1, b"VP8L": 1.0}
MAX_CHUNKS = 1_000

GREY = 128  # what JPEG's zero coefficients give in every channel
WITHIN = 1  # level
MIN_SHARE = 0.03  # of the height
BLOCK_ROWS = 16  # the first missing block row may begin in the middle of a line
MAX_GREY = 0.1  # of the line above it: otherwise the picture itself is grey


def check_webp(data: bytes, pixels: int) -> None:
    """Raises PictureError when the WebP's data has a gap of zero bytes."""
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


def check_lower_part(image: Any) -> None:
    """Raises PictureError when the lower part is JPEG's own grey over the full width.

    `image` is a decoded libvips image. A grey backdrop has noise or a gradient, and continues
    beside the product; this part is uniform, and a line separates it from the part above.
    """
    import numpy

    last = image.crop(0, image.height - 1, image.width, 1).numpy()
    if numpy.abs(last.astype(int) - GREY).max() > WITHIN:
        return
    is_grey = (numpy.abs(image.numpy().astype(int) - GREY) <= WITHIN).all(axis=2)
    others = numpy.flatnonzero(~is_grey.all(axis=1))
    if not len(others):
        return  # one flat picture
    rows = image.height - 1 - int(others[-1])
    above = max(int(others[-1]) - BLOCK_ROWS, 0)
    if rows >= MIN_SHARE * image.height and is_grey[above].mean() <= MAX_GREY:
        raise damaged(
            f"its lower {100 * rows / image.height:.0f} % are the flat grey that programs paint "
            "where data is missing"
        )
