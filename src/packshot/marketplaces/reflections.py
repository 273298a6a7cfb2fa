"""Finds where a product's reflection in a glossy ground begins; pixels, no I/O."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np

#: The height of the copy that is looked at, in pixels.
HEIGHT: Final = 160
#: A reflection is as similar to what it mirrors as this (their normalised product) ...
SIMILAR: Final = 0.9
#: ... has at first at most this share of its contrast, ...
FIRST: Final = 0.75
#: (in this many rows, and in its first third) ...
STEP: Final = 3
#: ... in its last third at most this share of that in its first third, ...
FADED: Final = 0.6
#: ... and at least this share of the product's height.
SHORTEST: Final = 0.04


def find_reflection(contrast: Any) -> float | None:
    """Where the reflection begins, as a share of the height of `contrast`: height x width x 3, by
    which the product's box differs from its backdrop. None where there is none."""
    rows = min(HEIGHT, len(contrast))
    width = max(1, round(contrast.shape[1] * rows / len(contrast)))
    pixels = cv2.resize(contrast, (width, rows), interpolation=cv2.INTER_AREA)
    found = [
        (similar, start)
        for start in range((rows + 1) // 2, rows - max(STEP, round(SHORTEST * rows)))
        if (similar := _similarity(pixels, start)) >= SIMILAR
    ]
    return max(found)[1] / rows if found else None


def _similarity(pixels: Any, start: int) -> float:
    """Of the rows from `start` on with those before, mirrored; 0 where they do not fade."""
    below = pixels[start:].reshape(len(pixels) - start, -1)
    above = pixels[:start][::-1][: len(below)].reshape(len(below), -1)
    strength = (above * above).sum(axis=1)
    shares = (below * above).sum(axis=1) / np.maximum(strength, 1e-6)
    third = max(1, len(shares) // 3)
    if max(shares[:STEP].mean(), shares[:third].mean()) > FIRST:
        return 0.0
    if shares[-third:].mean() > FADED * shares[:third].mean():
        return 0.0
    mirrored = above * _smooth(shares)[:, None]
    size = float(np.sqrt((mirrored * mirrored).sum() * (below * below).sum()))
    return float((mirrored * below).sum()) / size if size else 0.0


def _smooth(shares: Any) -> Any:
    return cv2.blur(shares[:, None], (1, 5))[:, 0]
