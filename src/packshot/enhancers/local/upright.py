"""Straightens a photo: finds how far its longest lines are from level or upright, and rotates."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.pictures.arrays import Floats, Mask, as_bytes, shrink

MEASURE_SIDE = 640  # px
MOST = 12.0  # degrees; a larger tilt is intended
LEAST = 0.4  # degrees; a smaller tilt is not visible


@dataclass(frozen=True)
class Rotation:
    """A rotation of the whole frame about its middle, by `angle` degrees, counter-clockwise."""

    angle: float

    def picture(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """H x W x 3: rotated, and cropped to the part that has pixels everywhere."""
        return self._crop(self._rotate(pixels, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE))

    def mask(self, mask: Mask) -> Mask:
        """A mask of the same frame, of any size, rotated and cropped like the picture."""
        turned = self._rotate(mask.astype(np.uint8) * 255, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)
        return np.asarray(self._crop(turned) > 127)

    def keeps(self, mask: Mask) -> bool:
        """Whether the crop keeps all of the mask."""
        height, width = mask.shape
        y, x = np.nonzero(mask)
        across, down = self._matrix(height, width) @ np.stack([x, y, np.ones_like(x)])
        tall, wide = _covered(height, width, np.deg2rad(abs(self.angle)))
        off_x, off_y = np.abs(across - (width - 1) / 2), np.abs(down - (height - 1) / 2)
        return bool((off_x < wide / 2).all() and (off_y < tall / 2).all())

    def see_through(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """H x W x 4: rotated on a canvas that is large enough for all of it."""
        height, width = pixels.shape[:2]
        sine, cosine = abs(np.sin(np.deg2rad(self.angle))), np.cos(np.deg2rad(self.angle))
        tall = int(np.ceil(height * cosine + width * sine))
        wide = int(np.ceil(width * cosine + height * sine))
        matrix = self._matrix(height, width)
        matrix[:, 2] += (wide - width) / 2, (tall - height) / 2
        # Weighted by alpha, so that colours under alpha 0 do not bleed into the rim.
        alpha = pixels[..., 3:].astype(np.float32) / 255
        weighted = np.dstack([pixels[..., :3] * alpha, pixels[..., 3:]]).astype(np.float32)
        turned = np.asarray(cv2.warpAffine(weighted, matrix, (wide, tall)), np.float32)
        colours = turned[..., :3] / np.maximum(turned[..., 3:] / 255, 1 / 255)
        return as_bytes(np.dstack([colours, turned[..., 3:]]))

    def _rotate(self, pixels: NDArray[np.uint8], how: int, border: int) -> NDArray[np.uint8]:
        height, width = pixels.shape[:2]
        matrix = self._matrix(height, width)
        turned = cv2.warpAffine(pixels, matrix, (width, height), flags=how, borderMode=border)
        return np.asarray(turned, np.uint8)

    def _matrix(self, height: int, width: int) -> Floats:
        return cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), self.angle, 1.0)

    def _crop(self, turned: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = turned.shape[:2]
        tall, wide = _covered(height, width, np.deg2rad(abs(self.angle)))
        top, left = (height - tall) // 2, (width - wide) // 2
        return np.ascontiguousarray(turned[top : top + tall, left : left + wide])


def find_rotation(pixels: NDArray[np.uint8]) -> Rotation | None:
    """The rotation that makes a photo level; None when its lines show no tilt."""
    angle = tilt(pixels)
    return Rotation(angle) if abs(angle) >= LEAST else None


def tilt(pixels: NDArray[np.uint8]) -> float:
    """Degrees, counter-clockwise positive, of the rotation that levels most line length."""
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
    """The angle from level or upright, and the length, of each line within MOST degrees."""
    across, down = lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1]
    degrees = np.rad2deg(np.arctan2(down, across))
    away = (degrees + 45) % 90 - 45
    near = np.abs(away) <= MOST
    return away[near], np.hypot(across, down)[near]


def _mode(angles: Floats, lengths: Floats) -> float:
    """The angle that most line length shares, within half a degree."""
    support = [float(lengths[np.abs(angles - angle) < 0.5].sum()) for angle in angles]
    best = angles[int(np.argmax(support))]
    near = np.abs(angles - best) < 0.5
    return float(np.average(angles[near], weights=lengths[near]))


def _covered(height: int, width: int, angle: float) -> tuple[int, int]:
    """The largest upright rectangle of the same ratio inside the rotated frame."""
    sine, cosine = float(np.sin(angle)), float(np.cos(angle))
    share = min(width / (width * cosine + height * sine), height / (width * sine + height * cosine))
    return int(height * share), int(width * share)
