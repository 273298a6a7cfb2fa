"""How far a network's mask can be trusted, by how it was drawn: no classical mask is needed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.enhancers.local import backdrop as backdrops
from packshot.enhancers.local import trust
from packshot.enhancers.local.colour import Bytes, Floats

Mask = NDArray[np.bool_]
THRESHOLD = 0.5
FAIR = 0.2


@dataclass(frozen=True)
class Sureness:
    """Of one mask. Shares are of the product's area, 0..1 or a little more."""

    width: float  # px, at the network's own size: how wide its outline wavers
    unsure: float  # share of in-betweens
    elsewhere: float  # what it half believes in, well away from the mask
    overlap: float  # Bhattacharyya coefficient of the colours inside and around
    touch: float  # share of the frame's edge that the mask covers
    area: float  # share of the frame


def measure(likelihood: Floats, at_size: Floats, mask: Mask, small: Bytes) -> Sureness:
    """Measure a mask; `at_size` is the likelihood at the size of the mask and the small photo."""
    between = int(((likelihood > 0.1) & (likelihood < 0.9)).sum())
    likely = (likelihood > 0.5).astype(np.uint8)
    rim = int((likely - cv2.erode(likely, np.ones((3, 3), np.uint8))).sum())
    far = cv2.dilate((at_size > 0.5).astype(np.uint8), np.ones((7, 7), np.uint8)) == 0
    return Sureness(
        width=between / max(1, rim),
        unsure=between / max(1, int(likely.sum())),
        elsewhere=float(at_size[far].sum() / max(1, int(mask.sum()))),
        overlap=trust.colour_overlap(trust.smooth_lab(small), mask),
        touch=float(mask[backdrops.border(mask.shape, 0.008)].mean()),
        area=float(mask.mean()),
    )


def confidence(measured: Sureness) -> float:
    score = 6 - 2.2 * measured.width - 60 * max(0, measured.elsewhere - 0.01)
    return round(float(1 / (1 + np.exp(-score))), 3)


def doubts(measured: Sureness) -> tuple[str, ...]:
    reasons = (
        (measured.touch > 0.012, trust.EDGE),
        (measured.area < 0.02, trust.SMALL),
    )
    return tuple(words for applies, words in reasons if applies)
