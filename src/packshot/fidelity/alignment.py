"""Aligns the enhanced product with the photo's: a homography from features, then a smooth flow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from packshot.fidelity.sides import Side
from packshot.pictures.arrays import Floats, Mask
from packshot.pictures.masks import disc, grow

RATIO: Final = 0.85  # Lowe's ratio test, generous: MAGSAC drops wrong matches
INLIER_PX: Final = 4.0
MIN_INLIERS: Final = 12
MAX_DEGREES: Final = 40.0
MAX_STRETCH: Final = 2.0
MAX_SCALE: Final = 4.0
BESIDE_PX: Final = 15  # features nearer to the product are still its own
FLOW_SMOOTH: Final = 21.0  # px; much larger than a letter, so that no single letter is moved
MAX_FLOW: Final = 12.0  # px


@dataclass(frozen=True)
class Alignment:
    """Raw crop px -> enhanced crop px: `homography`, then `flow` (H x W x 2, in raw crop px, None
    until it is known). `source` and `target` are the inliers."""

    homography: Floats
    source: Floats
    target: Floats
    size: tuple[int, int]  # of the raw crop, width x height
    flow: Floats | None = None

    @property
    def inliers(self) -> int:
        return len(self.source)

    def positions(self) -> Floats:
        """The position of each pixel of the raw crop in the enhanced crop (H x W x 2)."""
        width, height = self.size
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        grid = np.dstack([x, y])
        if self.flow is not None:
            grid = grid + self.flow
        return self.apply(grid.reshape(-1, 2)).reshape(height, width, 2)

    def apply(self, points: Floats) -> Floats:
        """Points of the raw crop (n x 2) in the enhanced crop, by the homography alone."""
        moved = cv2.perspectiveTransform(points.astype(np.float32)[None], self.homography)
        return np.asarray(moved[0], np.float32)

    def linear(self) -> Floats:
        """The homography's linear part (2 x 2) at the middle of the crop."""
        width, height = self.size
        middle = np.array([width / 2, height / 2], np.float32)
        step = 0.1 * max(width, height)
        corners = middle + np.array([[0, 0], [step, 0], [0, step]])
        origin, right, down = self.apply(corners)
        return np.stack([right - origin, down - origin], axis=1) / step


def align(raw: Side, enhanced: Side) -> Alignment | None:
    """None when the two show no common view: the product was turned, is blank, or is another."""
    source, target = _matches(raw, enhanced)
    if len(source) < MIN_INLIERS:
        return None
    cv2.setRNGSeed(11)
    homography, kept = cv2.findHomography(
        source, target, cv2.USAC_MAGSAC, INLIER_PX, maxIters=5000, confidence=0.999
    )
    if homography is None or int(kept.sum()) < MIN_INLIERS:
        return None
    inside = kept.ravel() > 0
    size = (raw.rgb.shape[1], raw.rgb.shape[0])
    found = Alignment(homography, source[inside], target[inside], size)
    return found if _is_plausible(found) else None


def align_again(raw: Side, enhanced: Side, found: Alignment) -> Alignment | None:
    """Align the photo's product with what lies beside it in the picture; None unless it is shown
    there once more."""
    if not len(enhanced.points):
        return None
    back = np.linalg.inv(found.homography)
    places = cv2.perspectiveTransform(enhanced.points[None], back)[0].round()
    height, width = raw.mask.shape
    within = ((places >= 0) & (places < (width, height))).all(axis=1)
    x, y = np.where(within[:, None], places, 0).astype(int).T
    around = grow(raw.mask, BESIDE_PX)
    beside = ~(within & around[y, x])
    points, descriptors = enhanced.points[beside], enhanced.descriptors[beside]
    return align(raw, replace(enhanced, points=points, descriptors=descriptors))


def _matches(raw: Side, enhanced: Side) -> tuple[Floats, Floats]:
    nothing = np.zeros((0, 2), np.float32)
    if len(raw.descriptors) < 2 or len(enhanced.descriptors) < 2:
        return nothing, nothing
    matcher = cv2.BFMatcher(cv2.NORM_HAMMING)
    pairs = matcher.knnMatch(raw.descriptors, enhanced.descriptors, k=2)
    good = [p[0] for p in pairs if len(p) == 2 and p[0].distance < RATIO * p[1].distance]
    if not good:
        return nothing, nothing
    return (
        raw.points[[match.queryIdx for match in good]],
        enhanced.points[[match.trainIdx for match in good]],
    )


def _is_plausible(found: Alignment) -> bool:
    linear = found.linear()
    if not np.isfinite(linear).all() or np.linalg.det(linear) <= 0:
        return False
    large, small = np.linalg.svd(linear, compute_uv=False)
    turned = abs(float(np.degrees(np.arctan2(linear[1, 0], linear[0, 0]))))
    sane = small > 1 / MAX_SCALE and large < min(MAX_SCALE, MAX_STRETCH * small)
    return turned < MAX_DEGREES and bool(sane)


def stretch_of(source: Floats, target: Floats) -> float:
    """By how many % one direction is enlarged more than the other, in the best affine map."""
    if len(source) < 3:
        return 0.0
    both = np.column_stack([source, np.ones(len(source))])
    linear = np.linalg.lstsq(both, target, rcond=None)[0][:2]
    large, small = np.linalg.svd(linear, compute_uv=False)
    return float(100 * (large / max(small, 1e-6) - 1))


def warp(picture: Floats, positions: Floats, border: int = cv2.BORDER_REPLICATE) -> Floats:
    """The enhanced crop's pixels, sampled at `positions` (H x W x 2)."""
    return np.asarray(cv2.remap(picture, positions, None, cv2.INTER_LINEAR, borderMode=border))  # type: ignore[call-overload]


def add_flow(found: Alignment, raw: Side, enhanced: Side, common: Mask) -> Alignment:
    """Add what the homography can't express: a dense flow, smoothed by how much texture there is.

    The background is hidden first, because it differs and would distort the product's edge.
    """
    positions = found.positions()
    grey_raw = cv2.cvtColor(raw.rgb, cv2.COLOR_RGB2GRAY)
    grey_enhanced = warp(cv2.cvtColor(enhanced.rgb, cv2.COLOR_RGB2GRAY), positions)
    grey_enhanced = _match_tone(grey_enhanced, grey_raw, common)
    hidden = ~common
    grey_raw, grey_enhanced = grey_raw.copy(), grey_enhanced.copy()
    grey_raw[hidden] = grey_enhanced[hidden] = 128
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)  # type: ignore[attr-defined]
    flow = np.clip(dis.calc(grey_raw, grey_enhanced, None), -MAX_FLOW, MAX_FLOW)
    weight = _texture(grey_raw) * cv2.erode(common.astype(np.uint8), disc(4)) + 1e-4
    smooth = _smooth(np.dstack([flow * weight[..., None], weight]))
    total = smooth[..., 2:]
    known = np.clip(total / 0.5, 0, 1)  # where nothing has texture, nothing is moved
    flow = (smooth[..., :2] / total * known).astype(np.float32)
    return Alignment(found.homography, found.source, found.target, found.size, flow)


def _smooth(values: Floats) -> Floats:
    """Blur by FLOW_SMOOTH px, at a quarter of the size: the same result in a tenth of the time."""
    height, width = values.shape[:2]
    size = (max(1, width // 4), max(1, height // 4))
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), FLOW_SMOOTH / 4)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def _match_tone(grey: Floats, like: Floats, where: Mask) -> Floats:
    """Give `grey` the mean and deviation that `like` has inside the product."""
    if not where.any():
        return grey
    mean, deviation = float(grey[where].mean()), float(grey[where].std()) + 1e-3
    scaled = (grey - mean) / deviation * float(like[where].std()) + float(like[where].mean())
    return np.clip(scaled, 0, 255).astype(np.uint8)


def _texture(grey: Floats) -> Floats:
    """The local deviation, in levels, 0..40."""
    x = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=0.25)
    y = cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=0.25)
    return np.minimum(cv2.magnitude(x, y), 40.0)
