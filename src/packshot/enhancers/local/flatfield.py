"""Whitening a light plain backdrop without any mask: the photo divided by its own backdrop."""

from __future__ import annotations

import cv2
import numpy as np

from packshot.enhancers.local.backdrop import WHOLE, Backdrop, Part
from packshot.enhancers.local.colour import Bytes, as_bytes, from_lab

Sides = tuple[bool, bool, bool, bool]  # top, right, bottom, left
SURFACE_SIDE = 48  # px; a second-order surface needs no more
FULL, START = 0.955, 0.86  # of the backdrop: from here white; from here pulled towards white


def whiten(rgb: Bytes, backdrop: Backdrop, part: Part = WHOLE) -> Bytes:
    """Divide a part of the frame by the backdrop's surface, so that it becomes 255; shadows stay.

    Dividing sRGB codes is dividing light, because the curve is nearly a power. What is within
    4.5 % of the backdrop becomes pure white; a ramp below that leaves no contour.
    """
    height, width = rgb.shape[:2]
    surface = from_lab(backdrop.surface(SURFACE_SIDE, SURFACE_SIDE, part))
    surface = np.asarray(cv2.resize(surface, (width, height), interpolation=cv2.INTER_LINEAR))
    divided = cv2.divide(rgb, np.maximum(surface, 1), scale=255)
    return np.asarray(cv2.LUT(divided, _ramp(backdrop)), np.uint8)


def fade_to_white(rgb: Bytes, sides: Sides, share: float = 0.03) -> Bytes:
    """Fade the named sides to white over a `share` of the longer side: no frame edge shows."""
    reach = max(2, round(max(rgb.shape[:2]) * share))
    faded = rgb.copy()
    for turns, named in enumerate(sides):  # a quarter turn brings the next side to the top
        if named:
            strip = np.rot90(faded, turns)[:reach]
            keep = np.arange(len(strip), dtype=np.float32)[:, None, None] / reach
            strip[:] = as_bytes(255 - (255 - strip.astype(np.float32)) * keep)
    return faded


def _ramp(backdrop: Backdrop) -> Bytes:
    full = FULL - min(backdrop.spread, 3.5) * 0.008
    code = np.arange(256, dtype=np.float32) / 255
    # Smooth: identity up to START, then bent to reach 1 at `full` with the slope still rising.
    part = np.clip((code - START) / (full - START), 0, 1)
    lifted = START + (1 - START) * part
    mixed = code + (lifted - code) * part
    return as_bytes(np.where(code >= full, 1.0, mixed).astype(np.float32) * 255)
