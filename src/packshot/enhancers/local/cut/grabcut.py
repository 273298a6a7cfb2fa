"""OpenCV's GrabCut (Rother 2004), made deterministic and safe for degenerate input."""

from __future__ import annotations

import contextlib

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.pictures.arrays import Bytes, Mask


def grab_cut(picture: Bytes, seed: NDArray[np.uint8]) -> Mask:
    """The foreground mask that GrabCut computes from a seed map of cv2.GC_* labels.

    If nothing can be fitted (a picture of one colour, a seed without product or background), the
    seed is returned. One iteration: a second does not improve the masks.
    """
    labels = seed.copy()
    product, background = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(7)  # its k-means draws its starts from the global generator
    with contextlib.suppress(cv2.error):
        cv2.grabCut(picture, labels, (0, 0, 0, 0), background, product, 1, cv2.GC_INIT_WITH_MASK)
    return np.asarray((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))
