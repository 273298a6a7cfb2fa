"""Windows of a picture in whole pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from packshot.pictures.arrays import Bytes, Mask

#: Left, top, right and bottom: of a Box, or in parts of pixels or shares.
Edges = tuple[float, float, float, float]


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

    def share_of(self, shape: tuple[int, ...]) -> Edges:
        """Its edges as shares of a frame (height, width)."""
        height, width = shape[:2]
        return self.left / width, self.top / height, self.right / width, self.bottom / height


def box_of(mask: Mask) -> Box:
    """The box around the mask; the whole frame when it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return Box(0, 0, mask.shape[1], mask.shape[0])
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def place_of(part: Edges, whole: Edges) -> str:
    """Where a part of something is, in words: "at the top left", "in the middle"."""
    x = ((part[0] + part[2]) / 2 - whole[0]) / max(1, whole[2] - whole[0])
    y = ((part[1] + part[3]) / 2 - whole[1]) / max(1, whole[3] - whole[1])
    across = "left" if x < 1 / 3 else "right" if x > 2 / 3 else ""
    down = "top" if y < 1 / 3 else "bottom" if y > 2 / 3 else ""
    place = " ".join(word for word in (down, across) if word)
    return f"at the {place}" if place else "in the middle"
