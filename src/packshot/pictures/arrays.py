"""Light and colour arithmetic: sRGB bytes, linear light and Lab."""

from __future__ import annotations

from functools import reduce
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]  # HxWx3 sRGB, or HxW
Floats = NDArray[Any]  # float32; Any, because OpenCV's own types lose it
Mask = NDArray[np.bool_]

_CODES = np.arange(256, dtype=np.float32) / 255
# IEC 61966-2-1: the sRGB transfer curve, one linear value per byte.
LINEAR: Floats = np.where(
    _CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4
).astype(np.float32)
# Rec. 709 weights of linear red, green and blue.
LUMA: Floats = np.array([0.2126, 0.7152, 0.0722], np.float32)
# Log gains of linear red, green and blue from daylight (D65) to tungsten light (CIE A, 2,856 K),
# their mean taken out. A white balance moves colours along this direction; its length is 1.
WARM: Floats = np.array([0.649, 0.104, -0.753])


def to_linear(rgb: Bytes) -> Floats:
    """sRGB bytes -> linear light 0..1, same shape."""
    return LINEAR[rgb]


def to_srgb(linear: Floats) -> Floats:
    """Linear light 0..1 -> sRGB 0..255 as floats, clipped."""
    value = np.clip(linear, 0, 1)
    coded = np.where(value <= 0.0031308, value * 12.92, 1.055 * value ** (1 / 2.4) - 0.055)
    return (coded * 255).astype(np.float32)


def to_lab(rgb: Bytes) -> Floats:
    """sRGB bytes HxWx3 -> CIE Lab floats (L 0..100), D65."""
    return _floats(cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab))


def from_lab(lab: Floats) -> Bytes:
    """CIE Lab floats -> sRGB bytes."""
    return as_bytes(_floats(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)) * 255)


def as_bytes(value: Floats) -> Bytes:
    """Round and clip 0..255 floats to bytes (a saturating cast, three times as fast as NumPy)."""
    value = np.ascontiguousarray(value, np.float32)
    whole = cv2.add(value.reshape(len(value), -1), 0.0, dtype=cv2.CV_8U)  # type: ignore[call-overload]
    return np.asarray(whole, np.uint8).reshape(value.shape)


def lowest(pixels: NDArray[Any]) -> NDArray[Any]:
    """Each pixel's lowest channel: `min(axis=-1)` in a tenth of its time."""
    return reduce(np.minimum, np.moveaxis(pixels, -1, 0))


def highest(pixels: NDArray[Any]) -> NDArray[Any]:
    """Each pixel's highest channel: `max(axis=-1)` in a tenth of its time."""
    return reduce(np.maximum, np.moveaxis(pixels, -1, 0))


def shrink(picture: Bytes, longest: int) -> Bytes:
    """The picture with its longest side at most `longest` px (area averaging); never enlarged."""
    height, width = picture.shape[:2]
    scale = longest / max(height, width)
    return picture if scale >= 1 else resize(picture, *size_at(picture, scale))


def size_at(picture: NDArray[Any], scale: float) -> tuple[int, int]:
    """Width and height of the picture at a scale; at least 1 px."""
    height, width = picture.shape[:2]
    return max(1, round(width * scale)), max(1, round(height * scale))


def resize(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize to exactly width x height: area averaging down, Lanczos up."""
    if (picture.shape[1], picture.shape[0]) == (width, height):
        return picture
    down = width <= picture.shape[1] and height <= picture.shape[0]
    how = cv2.INTER_AREA if down else cv2.INTER_LANCZOS4
    return cv2.resize(picture, (width, height), interpolation=how).astype(np.uint8, copy=False)


def _floats(value: object) -> Floats:
    return np.asarray(value, np.float32)
