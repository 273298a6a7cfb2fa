"""Measures how far a network's mask can be trusted: how sharp it is, and whether the classical
methods agree with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import cv2
import numpy as np

from packshot.enhancers.local.cut import trust
from packshot.pictures.arrays import Floats, Mask
from packshot.pictures.masks import erode, grow, iou, opened, outline_of, pieces

THRESHOLD = 0.76  # least confidence for a cut; bench/cutout.py measures what passes
OFFERED = 0.4  # least confidence for a cut that a reviewer sees with a warning
# Share of a mask outside its largest piece: below the first there are only specks, above the
# second a pair, which is one product.
SPECKS, PAIR = 0.02, 0.35
MAX_SHADOWED = 0.2  # of the outline
MIN_EDGE = 2.0  # delta E per pixel; less is not an edge in the photo


@dataclass(frozen=True)
class MaskMeasures:
    """Measurements of one mask at work size. Shares are of the product's area, unless noted."""

    width: float  # px at the network's size: width of the uncertain band along the outline
    unsure: float  # share of pixels with a likelihood between 0.1 and 0.9
    elsewhere: float  # total likelihood well away from the mask
    inside: float  # mean doubt (1 - likelihood) well inside the mask
    faint: float  # share of the outline without an edge in the photo
    overlap: float  # this and the next ten are as in trust.Features
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
    accord: float  # the mean overlap with the classical candidates
    flood: float  # the best overlap with "flood" or "lit", which need a plain backdrop; else 0
    shadowed: float  # share of the outline along a piece that may be a hard shadow


def measure(
    likelihood: Floats, maps: trust.PhotoMaps, mask: Mask, candidates: Mapping[str, Mask]
) -> MaskMeasures:
    """Measure a mask, drawn from `likelihood` (0..1, of any size), in the maps of its photo."""
    at_size = cv2.resize(likelihood, mask.shape[1::-1], interpolation=cv2.INTER_AREA)
    core, far = _well_inside(at_size > 0.5), _well_inside(at_size <= 0.5)
    between = int(((likelihood > 0.1) & (likelihood < 0.9)).sum())
    likely = likelihood > 0.5
    shared = asdict(trust.features(maps, mask, list(candidates.values())))
    overlaps = {name: iou(mask, other) for name, other in candidates.items()}
    return MaskMeasures(
        width=between / max(1, int((likely & ~erode(likely)).sum())),
        unsure=between / max(1, int(likely.sum())),
        elsewhere=float(at_size[far].sum() / max(1, int(mask.sum()))),
        inside=float((1 - at_size[core]).mean()) if core.any() else 1.0,
        faint=_faint_share(maps.lab, mask),
        nearest=max(overlaps.values(), default=0.0),
        accord=float(np.mean(list(overlaps.values()))) if overlaps else 0.0,
        fading=trust.fading(maps, mask, lighter=True),
        shadowed=_shadowed_share(maps, mask),
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
# `bench/cutout.py --real FOLDER`, on its pictures and on real photos that were judged by eye.
BIAS = -1.345
WEIGHTS: dict[str, tuple[float, float, float]] = {
    "width": (-0.166, 1.127, 18.257),
    "unsure": (-0.650, 0.040, 3.842),
    "elsewhere": (-0.856, 0.000, 0.631),
    "inside": (-12.508, 0.000, 0.249),
    "overlap": (-0.407, 0.016, 0.782),
    "touch": (-12.175, 0.000, 0.275),
    "faint": (7.605, 0.000, 0.136),
    "area": (-1.855, 0.025, 0.643),
    "pieces": (-1.688, 0.000, 0.511),
    "solidity": (3.666, 0.321, 1.000),
    "thin": (9.779, 0.000, 0.113),
    "ragged": (-0.014, 1.076, 4.374),
    "nearest": (0.753, 0.004, 0.997),
    "accord": (0.630, 0.004, 0.973),
    "disputed_out": (-0.653, 0.000, 1.000),
    "disputed_in": (-1.476, 0.000, 1.000),
    "salient": (-1.088, 0.137, 0.955),
    "left_piece": (-0.355, 0.000, 1.000),
    "flood": (-0.813, 0.000, 0.988),
    "agreed": (0.958, 0.000, 0.987),
    "well_agreed": (1.423, 0.000, 1.000),
    "flooded": (-0.192, 0.000, 0.953),
    "plain": (-0.721, 0.000, 1.000),
}


def terms(measured: MaskMeasures) -> dict[str, float]:
    """The values that WEIGHTS applies to: the measures, and stronger versions of the agreement."""
    return asdict(measured) | {
        "agreed": measured.nearest**4,
        "well_agreed": float(measured.nearest > 0.9),
        "flooded": measured.flood**4,
        "plain": float(measured.flood > 0),
    }


def confidence(measured: MaskMeasures) -> float:
    """The chance, 0..1, that the mask is good enough to cut by."""
    return trust.logistic(BIAS, WEIGHTS, terms(measured))


def doubts(measured: MaskMeasures) -> tuple[str, ...]:
    """Reasons, in words, not to cut, however high the confidence is."""
    reasons = (
        (measured.touch > 0.012, trust.EDGE),
        (measured.area < 0.02, trust.SMALL),
        (SPECKS < measured.pieces < PAIR, "something beside it may have been kept"),
        (measured.fading > trust.MAX_FADING, trust.FADING),
        (measured.shadowed > MAX_SHADOWED, "a hard shadow may have been kept"),
    )
    return tuple(words for applies, words in reasons if applies)


def _well_inside(mask: Mask) -> Mask:
    """The mask without the 3 px along its outline; the frame's edge is not an outline."""
    return np.asarray(cv2.erode(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0)


def _faint_share(lab: Floats, mask: Mask) -> float:
    edge = trust.colour_edges(lab)
    outline = outline_of(mask)
    return float((edge[outline] < MIN_EDGE).mean()) if outline.any() else 1.0


def _shadowed_share(maps: trust.PhotoMaps, mask: Mask) -> float:
    """The share of the outline along the largest piece that looks like backdrop in shadow. 0 if
    that piece is most of the mask: then it is a grey product."""
    if not maps.backdrop.plain:
        return 0.0
    shaded = pieces(opened(maps.shade & mask), connectivity=8)
    largest = max(shaded, key=np.count_nonzero, default=None)
    if largest is None or largest.sum() > 0.5 * mask.sum():
        return 0.0
    outline = mask & ~erode(mask)
    return float((grow(largest, 2) & outline).sum() / max(1, outline.sum()))
