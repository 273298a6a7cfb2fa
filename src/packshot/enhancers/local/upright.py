"""Straightening: the tilt of the longest lines that should be level or upright, turned away."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.enhancers.local.colour import Floats, shrink

MEASURE_SIDE = 640  # px
MOST = 12.0  # degrees; a steeper tilt is meant
LEAST = 0.4  # degrees; less is not seen


def straightened(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The photo (H x W x 3 or 4) turned level and cropped to what it still covers; itself when no
    lines say that it is tilted."""
    angle = tilt(pixels)
    if abs(angle) < LEAST:
        return pixels
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
    turned = cv2.warpAffine(
        pixels, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    tall, wide = _covered(height, width, np.deg2rad(abs(angle)))
    top, left = (height - tall) // 2, (width - wide) // 2
    return np.ascontiguousarray(turned[top : top + tall, left : left + wide])


def tilt(pixels: NDArray[np.uint8]) -> float:
    """Degrees, counter-clockwise positive, by which turning makes most line length level."""
    small = shrink(np.ascontiguousarray(pixels[..., :3]), MEASURE_SIDE)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    rim = cv2.Canny(cv2.GaussianBlur(grey, (0, 0), 1.2), 40, 110)
    least = max(small.shape[:2]) // 8
    lines = cv2.HoughLinesP(rim, 1, np.pi / 360, 40, minLineLength=least, maxLineGap=4)
    if lines is None:
        return 0.0
    angles, lengths = _deviations(np.asarray(lines, np.float32).reshape(-1, 4))
    return _mode(angles, lengths) if len(angles) else 0.0


def _deviations(lines: Floats) -> tuple[Floats, Floats]:
    """How far each line is from level or upright, when that is little, and its length."""
    across, down = lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1]
    degrees = np.rad2deg(np.arctan2(down, across))
    away = (degrees + 45) % 90 - 45
    near = np.abs(away) <= MOST
    return away[near], np.hypot(across, down)[near]


def _mode(angles: Floats, lengths: Floats) -> float:
    """The deviation that most line length shares, within half a degree."""
    support = [float(lengths[np.abs(angles - angle) < 0.5].sum()) for angle in angles]
    best = angles[int(np.argmax(support))]
    near = np.abs(angles - best) < 0.5
    return float(np.average(angles[near], weights=lengths[near]))


def _covered(height: int, width: int, angle: float) -> tuple[int, int]:
    """The largest upright rectangle of the same ratio inside the turned frame."""
    sine, cosine = float(np.sin(angle)), float(np.cos(angle))
    share = min(width / (width * cosine + height * sine), height / (width * sine + height * cosine))
    return int(height * share), int(width * share)
