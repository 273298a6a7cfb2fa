"""Finds parts of the product that a cut left out in front of a plain backdrop: a handle, a strap.

Such a part has another colour than the backdrop, not only less light, begins beside the cut, and
ends sharply all around. A shadow fails at the first or the last.
"""

from __future__ import annotations

import cv2
import numpy as np

from packshot.enhancers.local.backdrop import Backdrop
from packshot.enhancers.local.cut import trust
from packshot.enhancers.local.cut.edges import CutProduct
from packshot.enhancers.local.cut.near import is_less_light, slope_of
from packshot.enhancers.local.cut.outline import FAINT, find_sharp
from packshot.pictures.arrays import Bytes, Floats, Mask, from_lab, shrink, to_linear
from packshot.pictures.masks import closed, disc, erode, grow, pieces

SIDE = 512  # px; sizes below are at this size
MAX_SPREAD = 1.6  # of a plain backdrop, delta E; with more it may have things on it
OTHER = 3.0  # delta E from the backdrop's surface, and times its spread: less is the backdrop
RIM, REACH = 2, 10  # px from the cut: a part begins beyond its soft rim and within reach
LEAST, MOST = 0.01, 0.5  # of the cut's area: less is a hair or a thorn, more another object
SHARP = 0.9  # of the part's outline has such an edge


def find_left_out(rgb: Bytes, backdrop: Backdrop, product: CutProduct) -> Mask:
    """The parts that this cut left out, in a mask of the photo at 512 px."""
    small = shrink(rgb, SIDE)
    inside = product.in_frame(rgb.shape, small.shape) > 127
    found = np.zeros_like(inside)
    if not backdrop.plain or backdrop.spread > MAX_SPREAD or not inside.any():
        return found
    lab = trust.smooth_lab(small)
    candidates = _unlike_backdrop(small, lab, backdrop) & ~grow(inside, RIM)
    area, near = inside.sum(), grow(inside, REACH)
    large = pieces(closed(candidates), LEAST * area, connectivity=8)
    likely = [part for part in large if part.sum() <= MOST * area and part[near].any()]
    sharp = _sharp_edges(lab) if likely else found
    for part in likely:
        outline = part & ~erode(part) & ~grow(inside, 2 * RIM)
        if outline.any() and sharp[outline].mean() > SHARP:
            found |= part
    return _joined(found, inside)


def _joined(parts: Mask, inside: Mask) -> Mask:
    """The parts with what is between them and the cut, whose rim is soft."""
    joined = closed(parts | inside, disc(RIM + 1))
    return np.asarray(parts | (joined & grow(parts, 2 * RIM) & ~inside))


def _unlike_backdrop(small: Bytes, lab: Floats, backdrop: Backdrop) -> Mask:
    """Where the colour is not the backdrop's, in as much or less light."""
    surface = backdrop.surface(*small.shape[:2])
    away = np.linalg.norm(lab - surface, axis=2)
    soft = cv2.GaussianBlur(small, (0, 0), 1.0).astype(np.uint8)
    shade = is_less_light(to_linear(soft), to_linear(from_lab(surface)), trust.MIN_LIGHT)
    return np.asarray((away > OTHER * max(1.0, backdrop.spread)) & ~shade)


def _sharp_edges(lab: Floats) -> Mask:
    """Everything within 2 px of a sharp edge that can be seen: in the dark, colours that nobody can
    tell apart have edges, too."""
    slope = slope_of(lab, 0.8)
    return grow(find_sharp(lab, slope) & (slope > FAINT), 2)
