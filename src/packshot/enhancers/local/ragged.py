"""Says whether a cut's outline is ragged: many small teeth and notches, as cuts along a busy
background have where product and background have nearly the same colours."""

from __future__ import annotations

import cv2
import numpy as np

from packshot.enhancers.local.near import disc
from packshot.pictures.arrays import Mask, shrink

SIDE = 640  # px; sizes below are at this size
TOOTH = (2, 16)  # px; less is a step of a smooth line, more a thread or a corner
LEAST = 10  # teeth; a small smooth product has a few, too
MAX_TEETH = 0.012  # per px of outline; bench/cutout.py's good cuts have up to 0.0095


def is_ragged(mask: Mask) -> bool:
    """Whether the mask's outline has more teeth than a product's."""
    inside = (shrink(mask.astype(np.uint8) * 255, SIDE) > 127).astype(np.uint8)
    teeth = _count_small(cv2.subtract(inside, cv2.morphologyEx(inside, cv2.MORPH_OPEN, disc(2))))
    teeth += _count_small(cv2.subtract(cv2.morphologyEx(inside, cv2.MORPH_CLOSE, disc(2)), inside))
    outline = cv2.subtract(inside, cv2.erode(inside, np.ones((3, 3), np.uint8)))
    return teeth >= LEAST and teeth > MAX_TEETH * int(outline.sum())


def _count_small(pieces: cv2.typing.MatLike) -> int:
    areas = cv2.connectedComponentsWithStats(pieces, connectivity=8)[2][1:, cv2.CC_STAT_AREA]
    return int(((areas >= TOOTH[0]) & (areas <= TOOTH[1])).sum())
