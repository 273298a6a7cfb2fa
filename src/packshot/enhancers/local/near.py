"""Mean colours in the neighbourhood of given pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.pictures.arrays import Floats

LARGE_CROP = 1200  # px


def mean_near(crop: Floats, weight: Floats, side: int, at: tuple[NDArray[np.intp], ...]) -> Floats:
    """Weighted mean colour in a window of `side` px around each pixel of `at`, one row each.

    Computed at half size, or a quarter for a large crop, because means are smooth. A wider window
    is used where the small one has no weight.
    """
    part = 4 if max(crop.shape[:2]) > LARGE_CROP else 2
    size = (max(1, crop.shape[1] // part), max(1, crop.shape[0] // part))
    small = cv2.resize(crop, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    light = cv2.resize(weight.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    rows = np.minimum(at[0] // part, size[1] - 1)
    columns = np.minimum(at[1] // part, size[0] - 1)
    narrow, wide = side // part | 1, 4 * side // part | 1
    total, mass = np.zeros((len(rows), 3), np.float32), np.zeros((len(rows), 1), np.float32)
    weighted = small * light[..., None]
    for window, share in ((narrow, 1.0), (wide, 1e-3)):
        total += share * cv2.blur(weighted, (window, window))[rows, columns]
        mass += share * cv2.blur(light, (window, window))[rows, columns][:, None]
    return np.asarray(total / np.maximum(mass, 1e-6), np.float32)
