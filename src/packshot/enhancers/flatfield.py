"""Whitening a light plain backdrop without any mask: the photo divided by its own backdrop."""

from __future__ import annotations

import cv2
import numpy as np

from packshot.enhancers.backdrop import Backdrop
from packshot.enhancers.colour import Bytes, Floats, as_bytes, from_lab

SURFACE_SIDE = 48  # px; a second-order surface needs no more
FULL, START = 0.955, 0.86  # of the backdrop: from here white; from here pulled towards white


def whiten(rgb: Bytes, backdrop: Backdrop) -> Bytes:
    """Divide by the backdrop's surface, so that it becomes 255 and shadows stay.

    Dividing sRGB codes is dividing light, because the curve is nearly a power. What is within
    4.5 % of the backdrop becomes pure white; a ramp below that leaves no contour.
    """
    height, width = rgb.shape[:2]
    surface = from_lab(backdrop.surface(SURFACE_SIDE, SURFACE_SIDE))
    surface = np.asarray(cv2.resize(surface, (width, height), interpolation=cv2.INTER_LINEAR))
    divided = cv2.divide(rgb, np.maximum(surface, 1), scale=255)
    return np.asarray(cv2.LUT(divided, _ramp(backdrop)), np.uint8)


def fade_to_white(rgb: Bytes, sides: tuple[bool, bool, bool, bool], share: float = 0.03) -> Bytes:
    """Fade the named sides (top, right, bottom, left) to white, so that no frame edge shows."""
    height, width = rgb.shape[:2]
    rows, columns = _edge_ramp(height, share), _edge_ramp(width, share)
    top, right, bottom, left = sides
    down = np.minimum(rows if top else 1.0, rows[::-1] if bottom else 1.0)
    across = np.minimum(columns if left else 1.0, columns[::-1] if right else 1.0)
    keep = (np.ones((height, 1), np.float32) * np.reshape(down, (-1, 1))) * np.reshape(
        across, (1, -1)
    )
    return as_bytes(255 - (255 - rgb.astype(np.float32)) * keep[..., None].astype(np.float32))


def _ramp(backdrop: Backdrop) -> Bytes:
    full = FULL - min(backdrop.spread, 3.5) * 0.008
    code = np.arange(256, dtype=np.float32) / 255
    # Smooth: identity up to START, then bent to reach 1 at `full` with the slope still rising.
    part = np.clip((code - START) / (full - START), 0, 1)
    lifted = START + (1 - START) * part
    mixed = code + (lifted - code) * part
    return as_bytes(np.where(code >= full, 1.0, mixed).astype(np.float32) * 255)


def _edge_ramp(length: int, share: float) -> Floats:
    reach = max(2.0, length * share)
    return np.asarray(np.clip(np.arange(length) / reach, 0, 1), np.float32)
