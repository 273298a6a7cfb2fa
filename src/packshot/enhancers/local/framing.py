"""Windows of a photo: the part that a picture shows, in whole pixels of the photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from packshot.pictures.arrays import Bytes, Mask

SMALLEST_VIEW = 128  # px of the photo; a smaller crop shows nothing useful


class Box(NamedTuple):
    """In pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def longer(self) -> int:
        return max(self.width, self.height)

    def crop(self, pixels: Bytes) -> Bytes:
        return pixels[self.top : self.bottom, self.left : self.right]

    def share_of(self, shape: tuple[int, ...]) -> tuple[float, float, float, float]:
        """Left, top, right and bottom as shares of a frame (height, width)."""
        height, width = shape[:2]
        return self.left / width, self.top / height, self.right / width, self.bottom / height


@dataclass(frozen=True)
class FramedPicture:
    """A finished variant, and the part of the photo that it shows.

    The photo's point (x, y) is shown at ((x - left) * scale, (y - top) * scale).
    """

    picture: Bytes
    top: float
    left: float
    scale: float


def place_of(part: Box, whole: Box) -> str:
    """Where a part of something is, in words: "at the top left", "in the middle"."""
    x = ((part.left + part.right) / 2 - whole.left) / max(1, whole.width)
    y = ((part.top + part.bottom) / 2 - whole.top) / max(1, whole.height)
    across = "left" if x < 1 / 3 else "right" if x > 2 / 3 else ""
    down = "top" if y < 1 / 3 else "bottom" if y > 2 / 3 else ""
    place = " ".join(word for word in (down, across) if word)
    return f"at the {place}" if place else "in the middle"


def overlap(one: Box, other: Box) -> float:
    """The area that two windows share, as a share of the larger one."""
    wide = min(one.right, other.right) - max(one.left, other.left)
    tall = min(one.bottom, other.bottom) - max(one.top, other.top)
    larger = max(one.width * one.height, other.width * other.height)
    return max(0, wide) * max(0, tall) / larger


def box_of(mask: Mask) -> Box:
    """The box around the mask; the whole frame when it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return Box(0, 0, mask.shape[1], mask.shape[0])
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


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
