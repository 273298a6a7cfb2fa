"""Removes what a mask kept of the backdrop along its outline: a smear of shadow, a strip of wall.

A cut by colour may keep a dark shadow beside the product. Such a leftover has the colour of the
background beside it, in as much or less light, not the product's; and the photo has hardly an edge
where the mask ends, but a clear one between leftover and product.
"""

from __future__ import annotations

import cv2
import numpy as np

from packshot.enhancers.local.near import (
    distance_to,
    grow,
    is_shade,
    mean_near,
    shrink_both,
    slope_of,
    without,
)
from packshot.pictures.arrays import Bytes, Floats, Mask

SIDE = 640  # px; sizes below are at this size
DEEPEST = 14  # px inside the outline; what is deeper is not removed
WINDOW = 37  # px; colours are averaged over windows of this side
SAME = 10.0  # levels: nearer to the background's colour than this is background
OTHER, APART = 30.0, 40.0  # levels: from the product's colour, and between product and background
MIN_PIECE, MIN_LENGTH = 20, 6  # px: its area, and its part of the outline
WEAKER = 0.3  # the edge at the outline, over the edge between leftover and product; less is weak


def remove_leftovers(crop: Bytes, mask: Mask) -> Mask:
    """The mask without pieces of the background along its outline."""
    small, inside = shrink_both(crop, mask, SIDE)
    if not inside.any() or inside.all():
        return mask
    found = _find_leftovers(small, inside)
    if not found.any():
        return mask
    # A little more than the pixels outside: the mask is drawn finer than `inside`.
    return without(mask, found | (grow(found, 2) & ~inside))


def _find_leftovers(small: Bytes, inside: Mask) -> Mask:
    deep = distance_to(~inside)
    candidates = _like_background(small, inside, deep)
    kept = np.zeros_like(inside)
    _, labels = cv2.connectedComponents(candidates.astype(np.uint8), connectivity=4)
    sizes = np.bincount(labels.ravel())
    large = 1 + np.flatnonzero(sizes[1:] >= MIN_PIECE)
    slope = slope_of(small.astype(np.float32), 0.8) if len(large) else np.zeros_like(deep)
    for number in large:
        piece = np.asarray(labels == number)
        outline, end = piece & (deep < 1.5), grow(piece, 1) & ~piece & inside
        if outline.sum() < MIN_LENGTH or not end.any():
            continue
        if np.median(slope[outline]) < WEAKER * np.median(slope[end]):
            kept |= piece
    return kept


def _like_background(small: Bytes, inside: Mask, deep: Floats) -> Mask:
    """The pixels near the outline with the background's colour, where the product has another."""
    away = distance_to(inside)
    outside = ((away > 3) & (away <= WINDOW // 2)).astype(np.float32)
    within = ((deep > DEEPEST) & (deep <= 3 * DEEPEST)).astype(np.float32)
    at = np.nonzero((deep > 0) & (deep <= DEEPEST))
    outer, inner = mean_near(small, outside, WINDOW, at), mean_near(small, within, WINDOW, at)
    colours = cv2.GaussianBlur(small, (0, 0), 0.7)[at].astype(np.float32)
    from_outer = np.linalg.norm(colours - outer, axis=1)
    from_inner = np.linalg.norm(colours - inner, axis=1)
    other = (from_inner > OTHER) & (np.linalg.norm(inner - outer, axis=1) > APART)
    like = (is_shade(colours, outer) | (from_outer < SAME)) & (from_outer < from_inner)
    drawn = np.zeros_like(inside)
    drawn[at] = like & other
    return drawn
