"""How far a network's mask can be trusted: how it was drawn, and what the classical ways say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.enhancers.local import backdrop as backdrops
from packshot.enhancers.local import trust
from packshot.enhancers.local.colour import Floats

Mask = NDArray[np.bool_]
THRESHOLD = 0.68  # bench/cutout.py measures what it lets through
FAIR = 0.5  # from here on a reviewer is shown the cut, with a warning
LEAST_EDGE = 2.0  # delta E over a pixel; less is no edge in the photo


@dataclass(frozen=True)
class Sureness:
    """Of one mask at work size. Shares are of the product's area, unless they say otherwise."""

    width: float  # px, at the network's own size: how wide its outline wavers
    unsure: float  # share of in-betweens
    elsewhere: float  # what it half believes in, well away from the mask
    inside: float  # how much it doubts what lies well inside
    faint: float  # share of the outline without an edge in the photo
    overlap: float  # the rest: as in trust.Features
    touch: float
    area: float
    pieces: float
    solidity: float
    thin: float
    ragged: float
    salient: float
    left_piece: float
    disputed_in: float
    disputed_out: float
    fading: float
    nearest: float  # the best overlap with a classical candidate
    accord: float  # the mean overlap with them
    flood: float  # the best overlap with those that follow a plain backdrop; 0 without one


def measure(
    likelihood: Floats, scene: trust.Scene, mask: Mask, candidates: Mapping[str, Mask]
) -> Sureness:
    """Measure a mask, drawn from `likelihood` (0..1, of any size), in its scene."""
    at_size = cv2.resize(likelihood, mask.shape[1::-1], interpolation=cv2.INTER_AREA)
    core, far = _well_inside(at_size > 0.5), _well_inside(at_size <= 0.5)
    between = int(((likelihood > 0.1) & (likelihood < 0.9)).sum())
    likely = likelihood > 0.5
    shared = asdict(trust.features(scene, mask, list(candidates.values())))
    overlaps = {name: trust.iou(mask, other) for name, other in candidates.items()}
    return Sureness(
        width=between / max(1, int((likely & ~trust.shrunk(likely)).sum())),
        unsure=between / max(1, int(likely.sum())),
        elsewhere=float(at_size[far].sum() / max(1, int(mask.sum()))),
        inside=float((1 - at_size[core]).mean()) if core.any() else 1.0,
        faint=_faint(scene.lab, mask),
        nearest=max(overlaps.values(), default=0.0),
        accord=float(np.mean(list(overlaps.values()))) if overlaps else 0.0,
        fading=trust.fading(scene, mask, lighter=True),
        flood=max(overlaps.get("flood", 0.0), overlaps.get("lit", 0.0)),
        **{name: shared[name] for name in SHARED},
    )


SHARED = (
    "overlap",
    "touch",
    "area",
    "pieces",
    "solidity",
    "thin",
    "ragged",
    "salient",
    "left_piece",
    "disputed_in",
    "disputed_out",
)

# Logistic regression as in trust.py: weight, and the range it was fitted in. Fitted and printed by
# `bench/cutout.py --fit-network`, on its pictures and on real photos that were judged by eye.
BIAS = -2.36
WEIGHTS: dict[str, tuple[float, float, float]] = {
    "width": (-0.579, 1.131, 10.000),
    "unsure": (-1.305, 0.028, 1.826),
    "elsewhere": (-14.124, 0.000, 0.228),
    "inside": (-18.474, 0.000, 0.213),
    "overlap": (-2.553, 0.011, 0.785),
    "touch": (-37.541, 0.000, 0.290),
    "faint": (-5.227, 0.000, 0.105),
    "area": (-0.179, 0.033, 0.641),
    "pieces": (0.061, 0.000, 0.565),
    "solidity": (5.326, 0.277, 1.000),
    "thin": (18.508, 0.000, 0.117),
    "ragged": (0.459, 1.134, 4.652),
    "nearest": (2.541, 0.028, 0.997),
    "accord": (0.366, 0.025, 0.992),
    "disputed_out": (-1.505, 0.000, 1.000),
    "disputed_in": (0.813, 0.000, 1.000),
    "salient": (-1.923, 0.147, 0.955),
    "left_piece": (-1.057, 0.000, 1.000),
    "flood": (-0.416, 0.000, 0.991),
}


def confidence(measured: Sureness) -> float:
    """The chance, 0..1, that the mask is good enough to cut by."""
    return trust.logistic(BIAS, WEIGHTS, asdict(measured))


def doubts(measured: Sureness) -> tuple[str, ...]:
    """Vetoes in words: no confidence outweighs them."""
    reasons = (
        (measured.touch > 0.012, trust.EDGE),
        (measured.area < 0.02, trust.SMALL),
        (measured.fading > trust.MOST_FADING, trust.FADING),
    )
    return tuple(words for applies, words in reasons if applies)


def _well_inside(mask: Mask) -> Mask:
    """What is more than 3 px away from the mask's outline; at the frame's edge there is none."""
    return np.asarray(cv2.erode(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0)


def _faint(lab: Floats, mask: Mask) -> float:
    edge = trust.colour_edges(lab)
    outline = mask & ~trust.shrunk(mask) & ~backdrops.border(mask.shape, 0.01)
    return float((edge[outline] < LEAST_EDGE).mean()) if outline.any() else 1.0
