"""The part of a photo that a picture shows, in whole pixels of the photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from packshot.pictures.arrays import Bytes
from packshot.pictures.boxes import Box

SMALLEST_VIEW = 128  # px of the photo; a smaller crop shows nothing useful


@dataclass(frozen=True)
class FramedPicture:
    """A finished variant, and the part of the photo that it shows.

    The photo's point (x, y) is shown at ((x - left) * scale, (y - top) * scale).
    """

    picture: Bytes
    top: float
    left: float
    scale: float


def overlap(one: Box, other: Box) -> float:
    """The area that two windows share, as a share of the larger one."""
    wide = min(one.right, other.right) - max(one.left, other.left)
    tall = min(one.bottom, other.bottom) - max(one.top, other.top)
    larger = max(one.width * one.height, other.width * other.height)
    return max(0, wide) * max(0, tall) / larger


def scale_box(box: Box, of: tuple[int, ...], to: tuple[int, ...], margin: float) -> Box:
    """The box, found at size `of`, with a margin, at size `to` (both height, width)."""
    pad = margin * box.longer
    tall, wide = to[0] / of[0], to[1] / of[1]
    return Box(
        max(0, int((box.left - pad) * wide)),
        max(0, int((box.top - pad) * tall)),
        min(to[1], int(np.ceil((box.right + pad) * wide))),
        min(to[0], int(np.ceil((box.bottom + pad) * tall))),
    )


def pad(box: Box, shape: tuple[int, ...], margin: float) -> Box:
    """The box with a margin of its longer side, cut to the frame."""
    return scale_box(box, shape, shape, margin)


def widest(box: Box, shape: tuple[int, ...], ratio: float) -> Box | None:
    """The largest window of a ratio that contains the box; None when it does not fit the frame."""
    wide = min(float(shape[1]), shape[0] * ratio)
    return _window(box, shape, wide / ratio, wide)


def closest(box: Box, shape: tuple[int, ...], ratio: float) -> Box | None:
    """The smallest window of a ratio that contains the box; None when it does not fit the frame."""
    tall = max(float(box.height), SMALLEST_VIEW)
    wide = max(float(box.width), SMALLEST_VIEW)
    wide = max(wide, tall * ratio)
    return _window(box, shape, wide / ratio, wide)


def _window(box: Box, shape: tuple[int, ...], tall: float, wide: float) -> Box | None:
    """A window of this size around the box's middle, moved into the frame."""
    rows, columns = round(tall), round(wide)
    if rows > shape[0] or columns > shape[1]:
        return None
    if rows < box.height or columns < box.width:
        return None
    top = int(np.clip((box.top + box.bottom - rows) // 2, 0, shape[0] - rows))
    left = int(np.clip((box.left + box.right - columns) // 2, 0, shape[1] - columns))
    return Box(left, top, left + columns, top + rows)
