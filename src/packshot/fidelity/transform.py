"""Finds the shift and scale that map the photo's product onto the generated picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from packshot.fidelity.sides import Frame
from packshot.pictures.arrays import Bytes, Floats, Mask

CORNERS: Final = 1500
WINDOW: Final = 21  # px, of the tracker
BACK_AND_FORTH: Final = 0.5  # px; corners that are tracked back less exactly are dropped


@dataclass(frozen=True)
class Transform:
    """Photo px -> picture px: x * scale + shift. 0 is the outer corner of the first pixel."""

    scale: float
    dx: float
    dy: float

    def matrix(self) -> Floats:
        """The same for OpenCV, whose 0 is the middle of the first pixel."""
        half = 0.5 * self.scale - 0.5
        return np.array([[self.scale, 0, half + self.dx], [0, self.scale, half + self.dy]])

    def then(self, other: Transform) -> Transform:
        return Transform(
            self.scale * other.scale,
            self.dx * other.scale + other.dx,
            self.dy * other.scale + other.dy,
        )

    def apply(self, points: Floats) -> Floats:
        return np.asarray(points * self.scale + (self.dx, self.dy), np.float32)


def to_whole_picture(points: Floats, frame: Frame) -> Floats:
    """Points of a crop in OpenCV's px -> px of the whole picture, counted as Transform does."""
    return np.asarray((points + 0.5) * frame.scale + (frame.left, frame.top), np.float32)


def fit(source: Floats, target: Floats) -> tuple[Transform, Floats]:
    """The best shift and scale, ignoring outliers, and the error of each point in px."""
    kept = np.ones(len(source), bool)
    found, off = Transform(1.0, 0.0, 0.0), np.zeros(len(source))
    for _ in range(5):
        found = _least_squares(source[kept], target[kept])
        off = np.linalg.norm(found.apply(source) - target, axis=1)
        kept = off <= max(1e-6, 2.5 * float(np.median(off)))
    return found, off


def _least_squares(source: Floats, target: Floats) -> Transform:
    middle, there = source.mean(axis=0), target.mean(axis=0)
    spread = float(((source - middle) ** 2).sum())
    scale = float(((source - middle) * (target - there)).sum()) / max(spread, 1e-6)
    dx, dy = there - middle * scale
    return Transform(scale, float(dx), float(dy))


def rotation(source: Floats, target: Floats) -> float:
    """The product's rotation in degrees; 0 unless it explains half of the misfit."""
    here, there = source - source.mean(axis=0), target - target.mean(axis=0)
    across = float((here[:, 0] * there[:, 1] - here[:, 1] * there[:, 0]).sum())
    angle = np.arctan2(across, float((here * there).sum()))
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    off, left = fit(source, target)[1], fit(here @ back, there)[1]
    explained = float(np.percentile(left, 90)) < 0.5 * float(np.percentile(off, 90))
    return float(np.degrees(angle)) if explained else 0.0


def track_corners(photo: Bytes, picture: Bytes, where: Mask) -> tuple[Floats, Floats]:
    """Corners of the warped photo (RGB, of the picture's size), and where the picture has them."""
    grey, other = _flatten_light(photo, where), _flatten_light(picture, where)
    corners = cv2.goodFeaturesToTrack(
        grey, CORNERS, 0.01, 4, mask=where.astype(np.uint8) * 255, blockSize=5
    )
    if corners is None:
        nothing = np.zeros((0, 2), np.float32)
        return nothing, nothing
    how = {"winSize": (WINDOW, WINDOW), "maxLevel": 3}
    there, found, _ = cv2.calcOpticalFlowPyrLK(grey, other, corners, None, **how)  # type: ignore[call-overload]
    back, again, _ = cv2.calcOpticalFlowPyrLK(other, grey, there, None, **how)  # type: ignore[call-overload]
    same = np.linalg.norm((back - corners)[:, 0], axis=1) < BACK_AND_FORTH
    good = (found.ravel() > 0) & (again.ravel() > 0) & same
    return corners[good, 0] + 0.5, there[good, 0] + 0.5


def _flatten_light(rgb: Bytes, where: Mask) -> Bytes:
    """Grey, without slow changes of light and with the same contrast all over the product."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    sigma = 0.03 * max(grey.shape)
    weight = cv2.GaussianBlur(where.astype(np.float32), (0, 0), sigma) + 1e-3
    mean = cv2.GaussianBlur(grey * where, (0, 0), sigma) / weight
    apart = (grey - mean) * where
    deviation = np.sqrt(cv2.GaussianBlur(apart * apart, (0, 0), sigma) / weight)
    return np.asarray(np.clip(128 + 40 * apart / (deviation + 4), 0, 255), np.uint8)
