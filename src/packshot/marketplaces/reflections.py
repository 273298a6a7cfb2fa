"""Finds where a product's reflection in a glossy surface begins. Works on pixels, no I/O."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np

#: The height of the copy that is searched, in pixels.
HEIGHT: Final = 160
#: A reflection correlates with the mirrored rows above it by at least this much.
SIMILAR: Final = 0.9
#: In its first STEP rows, and in its first third, a reflection has at most this share of the
#: contrast of the mirrored rows above.
FIRST: Final = 0.75
STEP: Final = 3
#: In its last third a reflection has at most this share of the contrast in its first third.
FADED: Final = 0.6
#: A reflection has at least this share of the product's height.
SHORTEST: Final = 0.04


def find_reflection(contrast: Any) -> float | None:
    """Where the reflection begins, as a share of the height; None if there is no reflection.

    `contrast` (height x width x 3) is the difference of the product's box from its backdrop.
    """
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
    """How similar the rows from `start` on are to the mirrored rows above; 0 unless they fade."""
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
