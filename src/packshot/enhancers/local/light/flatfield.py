"""Whitens a light plain backdrop without a mask: divides the photo by a model of its backdrop."""

from __future__ import annotations

import cv2
import numpy as np

from packshot.enhancers.local.backdrop import WHOLE, Backdrop
from packshot.enhancers.local.light.tone import WHITE
from packshot.pictures.arrays import Bytes, Mask, as_bytes, from_lab, lowest, shrink, to_lab
from packshot.pictures.boxes import Edges
from packshot.pictures.masks import hull_of, opened

Sides = tuple[bool, bool, bool, bool]  # top, right, bottom, left
SAFETY_SIDE = 512  # px
MAX_LOST = 0.001  # of the product's hull may become white
LIGHTER = 3.0  # L; what is lighter than the backdrop by more than this is not the backdrop
OUTSHINES = 1.15  # times the backdrop's code in a channel: glints aside, white paper has the most
MAX_OUTSHINING = 0.02  # of the product's hull
FULL, START = 0.955, 0.86  # shares of the backdrop: white from the first, lightened from the second


def whiten(rgb: Bytes, backdrop: Backdrop, part: Edges = WHOLE) -> Bytes:
    """Divide a part of the frame by the backdrop's surface, so that it becomes 255; shadows stay.

    sRGB codes can be divided like light, because their curve is nearly a power. What is within
    4.5 % of the backdrop becomes pure white; a ramp below that avoids a visible contour. A backdrop
    that is white already stays as it is, with all light parts in front of it.
    """
    if backdrop.white:
        return rgb
    height, width = rgb.shape[:2]
    surface = from_lab(backdrop.small_surface(part))
    surface = np.asarray(cv2.resize(surface, (width, height), interpolation=cv2.INTER_LINEAR))
    divided = cv2.divide(rgb, np.maximum(surface, 1), scale=255)
    return np.asarray(cv2.LUT(divided, _ramp(backdrop)), np.uint8)


def fade_to_white(rgb: Bytes, sides: Sides, share: float = 0.03) -> Bytes:
    """Fade the chosen sides to white over a `share` of the longer side, hiding the photo's edge."""
    reach = max(2, round(max(rgb.shape[:2]) * share))
    faded = rgb.copy()
    for turns, chosen in enumerate(sides):  # a quarter turn brings the next side to the top
        if chosen:
            strip = np.rot90(faded, turns)[:reach]
            keep = np.arange(len(strip), dtype=np.float32)[:, None, None] / reach
            strip[:] = as_bytes(255 - (255 - strip.astype(np.float32)) * keep)
    return faded


def _ramp(backdrop: Backdrop) -> Bytes:
    full = FULL - min(backdrop.spread, 3.5) * 0.008
    code = np.arange(256, dtype=np.float32) / 255
    # Unchanged up to START, then rising to 1 at `full` without a kink.
    part = np.clip((code - START) / (full - START), 0, 1)
    lifted = START + (1 - START) * part
    mixed = code + (lifted - code) * part
    return as_bytes(np.where(code >= full, 1.0, mixed).astype(np.float32) * 255)


def is_safe(rgb: Bytes, backdrop: Backdrop, extent: Mask) -> bool:
    """Whether nothing that may be the product would become white, judged at 512 px.

    `extent`, a mask of any size, is all that may belong to the product. Its convex hull is
    checked, since masks lose light parts first, and everything lighter than the backdrop.
    """
    small = shrink(rgb, SAFETY_SIDE)
    after = whiten(small, backdrop)
    newly = (lowest(after) >= WHITE) & (lowest(small) < WHITE)
    hull = _hull(extent, small.shape)
    surface = backdrop.surface(*small.shape[:2])[..., 0]
    lighter = newly & (to_lab(small)[..., 0] > surface + LIGHTER)
    kept = bool((newly & hull).sum() <= MAX_LOST * hull.sum() and not opened(lighter).any())
    return kept and not _outshines(small, backdrop, hull)


def _outshines(small: Bytes, backdrop: Backdrop, hull: Mask) -> bool:
    """Whether the product is lighter than the backdrop in red, green or blue, as nothing is beside
    white paper: with the backdrop made white, that colour would become another one."""
    sheet = from_lab(backdrop.surface(*small.shape[:2]))
    beyond = (small > cv2.multiply(sheet, OUTSHINES)).any(axis=2)  # type: ignore[call-overload]
    return bool((beyond & hull).sum() > MAX_OUTSHINING * hull.sum())


def _hull(extent: Mask, shape: tuple[int, ...]) -> Mask:
    """The convex hull of a mask, at another size."""
    filled = hull_of(extent).astype(np.uint8)
    return np.asarray(cv2.resize(filled, shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0)
