"""Windows of a photo: the part that a picture shows, in whole pixels of the photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from packshot.pictures.arrays import Bytes

Box = tuple[int, int, int, int]  # top, left, bottom, right; bottom and right exclusive
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


def pad(box: Box, shape: tuple[int, ...], margin: float) -> Box:
    """The box with a margin of its longer side, cut to the frame."""
    pad = margin * max(box[2] - box[0], box[3] - box[1])
    return (
        max(0, int(box[0] - pad)),
        max(0, int(box[1] - pad)),
        min(shape[0], int(np.ceil(box[2] + pad))),
        min(shape[1], int(np.ceil(box[3] + pad))),
    )


def widest(box: Box, shape: tuple[int, ...], ratio: float) -> Box | None:
    """The largest window of a ratio that contains the box; None when it does not fit the frame."""
    wide = min(float(shape[1]), shape[0] * ratio)
    return _window(box, shape, wide / ratio, wide)


def closest(box: Box, shape: tuple[int, ...], ratio: float) -> Box | None:
    """The smallest window of a ratio that contains the box; None when it does not fit the frame."""
    tall = max(float(box[2] - box[0]), SMALLEST_VIEW)
    wide = max(float(box[3] - box[1]), SMALLEST_VIEW)
    wide = max(wide, tall * ratio)
    return _window(box, shape, wide / ratio, wide)


def _window(box: Box, shape: tuple[int, ...], tall: float, wide: float) -> Box | None:
    """A window of this size around the box's middle, moved into the frame."""
    rows, columns = round(tall), round(wide)
    if rows > shape[0] or columns > shape[1]:
        return None
    if rows < box[2] - box[0] or columns < box[3] - box[1]:
        return None
    top = int(np.clip((box[0] + box[2] - rows) // 2, 0, shape[0] - rows))
    left = int(np.clip((box[1] + box[3] - columns) // 2, 0, shape[1] - columns))
    return (top, left, top + rows, left + columns)
