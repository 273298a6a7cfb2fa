"""Lifts what is dark on the product in both pictures alike, so that a faint difference there counts
as much as one in enough light."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from packshot.pictures.arrays import LUMA, Bytes, Floats, Mask, as_bytes, resize, to_linear

MIDDLE: Final = 0.18  # linear light; what has less around it is lifted
MOST: Final = 6.0  # times as much light; beyond it the photo's noise would be measured
AROUND: Final = 20.0  # px of blur
SMALLER: Final = 8  # the gain is smooth, so an eighth of the size is enough to compute it


def gain_of(rgb: Bytes, product: Mask) -> Floats:
    """By how much sRGB values are multiplied at each place; 1 where the product is well lit."""
    height, width = product.shape
    size = (max(1, width // SMALLER), max(1, height // SMALLER))
    weight = cv2.resize(product.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    light = (to_linear(resize(rgb, *size)) @ LUMA) * weight
    around, known = (
        cv2.GaussianBlur(one.astype(np.float32), (0, 0), AROUND / SMALLER)
        for one in (light, weight)
    )
    gain = np.clip(MIDDLE * known / np.maximum(around, 1e-4), 1.0, MOST) ** (1 / 2.2)
    return np.asarray(cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR))


def lift(rgb: Bytes, gain: Floats) -> Bytes:
    return as_bytes(rgb * gain[..., None])
