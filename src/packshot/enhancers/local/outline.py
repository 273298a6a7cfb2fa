"""What the photo says against a finished cut: an outline where the photo has no edge, and parts of
the product left outside it before a light backdrop: laces, cables, what is as light as that."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.enhancers.local import backdrop as backdrops
from packshot.enhancers.local import trust
from packshot.enhancers.local.backdrop import Backdrop
from packshot.enhancers.local.edges import Product
from packshot.pictures.arrays import Bytes, Floats, shrink

Mask = NDArray[np.bool_]
SIDE = 512  # px; sizes below are at this size
NOISE = 3.5  # times the border's median slope: an edge
LEAST_EDGE, MOST_ASKED = 0.5, 1.5  # delta E over a pixel: never less; of an outline never more
MOST_TORN, MOST_TORN_ON_PALE = 0.06, 0.02  # of the outline
TORN = "its outline follows no edge of the photo"
LEFT_OUT = "a thin or light part of it may be left out"
SHARP = 1.3  # times the slope at a coarser scale; a soft shadow has the same at both
DARKEST = -6.0  # L against the backdrop: beside anything darker an edge is a shadow's
THIN, DARK = 11, 12.0  # px across, and L below both sides: a lace, a cable, a wire
NEAR, HANGING = 9, 21  # px across: blurred with the outline; still hanging together with it
LEAST_PIECE = 36  # px
LEAST_PEAK = 0.87  # delta E over a pixel, somewhere in a piece: JPEG's blocks have less
MOST_CHROMA = 15.0  # of a backdrop that is nearly white


@dataclass(frozen=True)
class Judged:
    """The doubts about one cut, in words, and what it left out (at 512 px)."""

    doubts: tuple[str, ...]
    left_out: Mask


def judge(rgb: Bytes, backdrop: Backdrop, product: Product) -> Judged:
    """Compare a product that was cut out of a photo with the photo's edges."""
    lab = trust.smooth_lab(shrink(rgb, SIDE))
    inside = product.in_frame(rgb.shape, lab.shape) > 127
    slope = _slope(lab, 0.8)
    edge = max(LEAST_EDGE, NOISE * float(np.median(slope[backdrops.border(lab.shape)])))
    pale = backdrop.plain and backdrop.lightness > trust.LIGHT and backdrop.chroma < MOST_CHROMA
    left_out = np.zeros_like(inside)
    if pale:
        sharp = (slope > edge) & (slope > SHARP * _slope(lab, 2.5))
        left_out = _hanging(sharp & (~_in_shadow(lab, backdrop) | _thin(lab)), inside, slope)
    torn = _torn(inside, slope, min(edge, MOST_ASKED))
    reasons = (
        (torn > (MOST_TORN_ON_PALE if pale else MOST_TORN), TORN),
        (bool(left_out.any()), LEFT_OUT),
    )
    return Judged(tuple(words for applies, words in reasons if applies), left_out)


def _torn(inside: Mask, slope: Floats, edge: float) -> float:
    """The share of the outline without an edge of the photo within 2 px."""
    outline = inside & ~trust.shrunk(inside) & ~backdrops.border(inside.shape, 0.01)
    near = cv2.dilate(slope, np.ones((5, 5), np.uint8))
    return float((near[outline] < edge).mean()) if outline.any() else 1.0


def _hanging(sharp: Mask, inside: Mask, slope: Floats) -> Mask:
    """Pieces with clear edges outside the cut, close to it."""
    outside = sharp & ~_around(inside, NEAR)
    closed = cv2.morphologyEx(outside.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    _, found, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    labels = np.asarray(found, np.int64)
    peaks = np.zeros(len(stats), np.float32)
    np.maximum.at(peaks, labels.ravel(), slope.ravel())
    kept = np.zeros(len(stats), bool)
    kept[labels[_around(inside, HANGING)]] = True
    kept &= (stats[:, cv2.CC_STAT_AREA] >= LEAST_PIECE) & (peaks >= LEAST_PEAK)
    kept[0] = False
    return np.asarray(kept[labels])


def _in_shadow(lab: Floats, backdrop: Backdrop) -> Mask:
    darker = lab[..., 0] - backdrop.surface(*lab.shape[:2])[..., 0]
    return np.asarray(cv2.erode(darker, np.ones((5, 5), np.uint8)) < DARKEST)


def _thin(lab: Floats) -> Mask:
    """In and beside what is thin and dark: no product's shadow is."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (THIN, THIN))
    dark = cv2.morphologyEx(np.ascontiguousarray(lab[..., 0]), cv2.MORPH_BLACKHAT, disc) > DARK
    return np.asarray(cv2.dilate(dark.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)


def _around(mask: Mask, width: int) -> Mask:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc) > 0)


def _slope(lab: Floats, sigma: float) -> Floats:
    """Delta E over a pixel."""
    smooth = cv2.GaussianBlur(lab, (0, 0), sigma)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    return np.asarray(np.sqrt((across**2 + down**2).sum(axis=2)) / 8, np.float32)
