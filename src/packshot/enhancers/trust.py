"""How far a cut-out can be trusted: measured features, a fitted confidence, and vetoes in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.enhancers import backdrop as backdrops
from packshot.enhancers.backdrop import Backdrop
from packshot.enhancers.colour import Bytes, Floats, to_lab

Mask = NDArray[np.bool_]
THRESHOLD = 0.8  # bench/cutout.py measures what it lets through


@dataclass(frozen=True)
class Scene:
    """What all candidates of one photo are judged by, at work size."""

    lab: Floats
    distance: Floats  # delta E from the backdrop's surface
    texture: Floats  # local gradient of L
    soft_shadow: Mask  # the backdrop's colour, darker, without edges
    backdrop: Backdrop

    @classmethod
    def of(cls, small: Bytes, backdrop: Backdrop) -> Scene:
        """Measure a small picture against its backdrop."""
        lab = cv2.GaussianBlur(to_lab(small), (0, 0), 0.7)
        difference = lab - backdrop.surface(*lab.shape[:2])
        colour = np.hypot(difference[..., 1], difference[..., 2])
        distance = np.sqrt((0.8 * difference[..., 0]) ** 2 + (1.3 * colour) ** 2)
        texture = _gradient(lab[..., 0])
        shadow = _shadow_like(lab, difference) & (cv2.blur(texture, (5, 5)) < 2.2)
        return cls(lab, distance.astype(np.float32), texture, shadow, backdrop)


@dataclass(frozen=True)
class Features:
    """Of one mask. Shares are 0..1; distances are delta E."""

    agreement: float  # mean IoU with the other candidates
    best_agreement: float  # the highest of them
    overlap: float  # Bhattacharyya coefficient of the colours inside and around
    edge: float  # median colour step across the outline
    weak_edge: float  # share of the outline with hardly any step
    touch: float  # share of the frame's edge that the mask covers
    area: float
    solidity: float  # area over its convex hull
    pieces: float  # area outside the largest piece, share
    left_over: float  # clearly not backdrop, not in the mask, against the mask
    swallowed: float  # looks like backdrop or its shadow, but in the mask, share of the mask
    spread: float  # of the backdrop
    followed: float  # of the backdrop
    flood: float  # 1 when made by flooding


def features(scene: Scene, mask: Mask, others: Sequence[Mask], *, flood: bool) -> Features:
    """Measure one candidate; `others` are the candidates it can agree with."""
    inner, outer = _rings(mask)
    step = _steps(scene.lab, mask)
    overlaps = [_iou(mask, other) for other in others] or [0.0]
    labels, sizes = _pieces(mask)
    del labels
    area = float(mask.mean())
    return Features(
        agreement=float(np.mean(overlaps)),
        best_agreement=max(overlaps),
        overlap=_bhattacharyya(scene.lab, mask, outer | ~(mask | inner)),
        edge=float(np.median(step)),
        weak_edge=float((step < 6).mean()),
        touch=float(mask[backdrops.border(*mask.shape, 0.008)].mean()),
        area=area,
        solidity=_solidity(mask),
        pieces=1 - max(sizes) / sum(sizes),
        left_over=_left_over(scene, mask),
        swallowed=_swallowed(scene, mask),
        spread=min(scene.backdrop.spread, 20.0),
        followed=scene.backdrop.followed,
        flood=float(flood),
    )


# Logistic regression over the features, fitted by `bench/cutout.py --fit`.
BIAS = -4.0
WEIGHTS: dict[str, float] = {
    "agreement": 5.0,
    "best_agreement": 2.0,
    "overlap": -3.0,
    "edge": 0.04,
    "weak_edge": -4.0,
    "touch": -8.0,
    "solidity": 1.0,
    "left_over": -4.0,
    "swallowed": -4.0,
    "followed": 1.0,
    "flood": 0.5,
}


def confidence(measured: Features) -> float:
    """The chance, 0..1, that the mask overlaps the truth by more than 0.9."""
    values = asdict(measured)
    score = BIAS + sum(weight * values[name] for name, weight in WEIGHTS.items())
    return round(float(1 / (1 + np.exp(-score))), 3)


def doubts(measured: Features) -> tuple[str, ...]:
    """Vetoes: what no confidence outweighs."""
    found = []
    if measured.followed < 0.7:
        found.append("the background is not plain")
    if measured.touch > 0.02:
        found.append("the product reaches the frame's edge")
    if measured.left_over > 0.06:
        found.append("parts that differ from the background would be lost")
    if measured.swallowed > 0.12:
        found.append("a shadow or piece of background would be kept")
    if measured.weak_edge > 0.3:
        found.append("the outline fades into the background")
    return tuple(found)


def _shadow_like(lab: Floats, difference: Floats) -> Mask:
    """Darker than the backdrop by the same colour: both chroma and hue follow the light."""
    expected = lab - difference
    ratio = lab[..., 0] / np.maximum(expected[..., 0], 1)
    # In the dark the same surface has less chroma: compare with the backdrop's, scaled.
    shift = np.hypot(lab[..., 1] - expected[..., 1] * ratio, lab[..., 2] - expected[..., 2] * ratio)
    return np.asarray((ratio > 0.45) & (ratio < 1.0) & (shift < 4.5))


def _left_over(scene: Scene, mask: Mask) -> float:
    """Clearly different pixels outside, against the mask; only where the border is a surface."""
    if scene.backdrop.followed < 0.8:
        return 0.0
    reach = max(12.0, 4.0 * scene.backdrop.spread)
    different = (scene.distance > reach) & ~scene.soft_shadow
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    near = cv2.dilate(mask.astype(np.uint8), kernel).astype(bool)
    return float((different & ~near).sum() / max(1, mask.sum()))


def _swallowed(scene: Scene, mask: Mask) -> float:
    """Pixels of the mask that are the backdrop's own colour or its shadow, from its rim inwards."""
    if scene.backdrop.followed < 0.6:
        return 0.0
    reach = max(4.0, 2.0 * scene.backdrop.spread)
    suspect = ((scene.distance < reach) | scene.soft_shadow) & mask
    _, labels = cv2.connectedComponents((suspect | ~mask).astype(np.uint8), connectivity=4)
    outside = np.unique(labels[~mask])
    return float((np.isin(labels, outside) & suspect).sum() / max(1, mask.sum()))


def _rings(mask: Mask, width: int = 9) -> tuple[Mask, Mask]:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    byte = mask.astype(np.uint8)
    return (
        mask & ~cv2.erode(byte, kernel).astype(bool),
        cv2.dilate(byte, kernel).astype(bool) & ~mask,
    )


def _steps(lab: Floats, mask: Mask) -> Floats:
    """Colour step across the outline, one value per outline pixel, 2 px in against 2 px out."""
    inner, outer = _local_mean(lab, mask), _local_mean(lab, ~mask)
    outline = mask & ~cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    outline &= ~backdrops.border(*mask.shape, 0.01)
    step = np.linalg.norm(inner - outer, axis=2)[outline]
    return np.asarray(step if len(step) else np.zeros(1), np.float32)


def _local_mean(lab: Floats, where: Mask, side: int = 7) -> Floats:
    weight = where.astype(np.float32)
    total = cv2.blur(lab * weight[..., None], (side, side))
    return np.asarray(total / np.maximum(cv2.blur(weight, (side, side)), 1e-4)[..., None])


def _bhattacharyya(lab: Floats, inside: Mask, outside: Mask) -> float:
    first, second = _histogram(lab[inside]), _histogram(lab[outside])
    return float(np.sqrt(first * second).sum())


def _histogram(colours: Floats) -> NDArray[np.float64]:
    bins = [(0, 100), (-70, 70), (-70, 70)]
    counts, _ = np.histogramdd(colours, bins=(10, 14, 14), range=bins)
    return np.asarray(counts / max(1.0, counts.sum()))


def _solidity(mask: Mask) -> float:
    points = cv2.findNonZero(mask.astype(np.uint8))
    hull = cv2.contourArea(cv2.convexHull(points)) if points is not None else 0.0
    return float(min(1.0, mask.sum() / max(1.0, hull)))


def _pieces(mask: Mask) -> tuple[NDArray[np.int32], list[int]]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return labels.astype(np.int32), [int(area) for area in stats[1:, cv2.CC_STAT_AREA]] or [1]


def _iou(first: Mask, second: Mask) -> float:
    either = int((first | second).sum())
    return float((first & second).sum() / either) if either else 0.0


def _gradient(plane: Floats) -> Floats:
    across, down = cv2.Sobel(plane, cv2.CV_32F, 1, 0), cv2.Sobel(plane, cv2.CV_32F, 0, 1)
    return (np.hypot(across, down) / 4).astype(np.float32)
