"""What is near the pixels along an outline: mean colours, noise, shade, edges, distances."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.pictures.arrays import (
    Bytes,
    Floats,
    Mask,
    as_bytes,
    highest,
    lowest,
    shrink,
    to_linear,
)

LARGE_CROP = 1200  # px
DARKEST_SHADE = 0.08  # of the background's light; darker is no shadow

At = tuple[NDArray[np.intp], ...]  # rows and columns of pixels


def mean_near(crop: Floats, weight: Floats, side: int, at: At) -> Floats:
    """Weighted mean colour in a window of `side` px around each pixel of `at`, one row each.

    Computed at half size, or a quarter for a large crop, because means are smooth. A wider window
    is used where the small one has no weight.
    """
    part = 4 if max(crop.shape[:2]) > LARGE_CROP else 2
    size = (max(1, crop.shape[1] // part), max(1, crop.shape[0] // part))
    small = cv2.resize(crop, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    light = cv2.resize(weight.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    rows = np.minimum(at[0] // part, size[1] - 1)
    columns = np.minimum(at[1] // part, size[0] - 1)
    narrow, wide = side // part | 1, 4 * side // part | 1
    total, mass = np.zeros((len(rows), 3), np.float32), np.zeros((len(rows), 1), np.float32)
    weighted = small * light[..., None]
    for window, share in ((narrow, 1.0), (wide, 1e-3)):
        total += share * cv2.blur(weighted, (window, window))[rows, columns]
        mass += share * cv2.blur(light, (window, window))[rows, columns][:, None]
    return np.asarray(total / np.maximum(mass, 1e-6), np.float32)


def noise_near(crop: Bytes, weight: Floats, side: int, at: At, mean: Floats) -> Floats:
    """The standard deviation of the colours whose `mean` is that of `mean_near`."""
    square = mean_near(crop.astype(np.float32) ** 2, weight, side, at)
    return np.asarray(np.sqrt(np.maximum(square - mean**2, 0).sum(axis=1)), np.float32)


def distance_to_mixtures(colours: Floats, first: Floats, second: Floats) -> Floats:
    """How far colours are from any mixture of two; colours are on the last axis."""
    axis, off = second - first, colours - first
    length = np.maximum((axis * axis).sum(axis=-1), 1.0)
    part = np.clip((off * axis).sum(axis=-1) / length, 0, 1)
    return np.asarray(np.linalg.norm(off - part[..., None] * axis, axis=-1), np.float32)


def is_shade(colours: Floats, background: Floats) -> Mask:
    """Where colours, one row each, may be the background's in less light."""
    light, full = to_linear(as_bytes(colours)), to_linear(as_bytes(background))
    return is_less_light(light, full, DARKEST_SHADE)


def is_less_light(light: Floats, full: Floats, darkest: float) -> Mask:
    """Where red, green and blue, on the last axis, are the same share of the full linear light; at
    least the share `darkest`."""
    floor = np.float32(0.004)  # of full light; darker bytes have no usable colour
    shares = np.log((light + floor) / (full + floor))
    level = shares.mean(axis=-1)
    colour = highest(np.abs(shares - level[..., None]))
    slack = np.minimum(0.05 + 0.012 / np.maximum(lowest(full), 0.02), 0.2)
    return np.asarray((level > np.log(darkest)) & (level < 0.03) & (colour < slack))


def shrink_both(crop: Bytes, mask: Mask, side: int) -> tuple[Bytes, Mask]:
    """A picture and its mask with at most `side` px."""
    small = shrink(crop, side)
    size = (small.shape[1], small.shape[0])
    inside = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    return small, np.asarray(inside)


def without(mask: Mask, gone: Mask) -> Mask:
    """The mask without what is gone at the smaller scale of `shrink_both`."""
    soft = cv2.GaussianBlur(gone.astype(np.float32), (0, 0), 0.8)
    return np.asarray(mask & (cv2.resize(soft, mask.shape[1::-1]) < 0.5))


def slope_of(colours: Floats, sigma: float) -> Floats:
    """The colours' change per pixel: in levels, or in delta E if they are Lab."""
    smooth = cv2.GaussianBlur(colours, (0, 0), sigma)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    squares = cv2.transform(across * across + down * down, np.ones((1, 3), np.float32))
    return np.asarray(np.sqrt(squares) / 8, np.float32)  # Sobel's weights add up to 8


def distance_to(mask: Mask) -> Floats:
    """Pixels to the nearest pixel of the mask; very far if it is empty."""
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5), np.float32)
