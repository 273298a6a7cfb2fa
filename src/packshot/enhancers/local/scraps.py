"""Finds scraps of the old background that a mask kept beside the product: wood under a hem, a
shadow beside a sole.

A scrap has the colours of the background just outside, plain or textured, perhaps in less light.
The photo has hardly an edge where the mask ends there, but a clear one between scrap and product.
Another piece in a coloured background's colours may be a part of the product, which seldom has them
by chance: it is reported.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from packshot.enhancers.local.near import (
    disc,
    distance_to,
    grow,
    is_shade,
    mean_near,
    noise_near,
    shrink_both,
    slope_of,
    without,
)
from packshot.pictures.arrays import Bytes, Floats, Mask, to_lab

SIDE = 640  # px; sizes below are at this size
DEEPEST = 40  # px inside the outline; what is deeper is not looked at
WINDOW = 61  # px; colours are averaged over windows of this side
#: Levels, and times the background's standard deviation: nearer to its mean is background.
SAME, NOISY = 10.0, 1.5
OTHER, APART = 30.0, 40.0  # levels: from the product's colour, and between product and background
MIN_PIECE, MIN_LENGTH = 40, 8  # px: its area, and its part of the outline
CLEAR, WEAKER = 3.0, 0.25  # delta E per pixel at its inner end, and times that at the outline
CRUMB = 300  # px
REPORTED = 100  # px: the area from which on a piece that may be a scrap is reported
COLOURED = 8.0  # chroma; a product's grey and white parts often have a grey background's colour
NEARER = 0.5  # times as far from the background's colour as from the product's beside it


class WithoutScraps(NamedTuple):
    """The mask without scraps, and whether a piece that may be another one is left in it."""

    mask: Mask
    maybe_left: bool


def remove_scraps(crop: Bytes, mask: Mask) -> WithoutScraps:
    """Remove the scraps from a mask of the crop's size, which is returned if there is none."""
    small, inside = shrink_both(crop, mask, SIDE)
    if not inside.any() or inside.all():
        return WithoutScraps(mask, maybe_left=False)
    found, maybe_left = _find_scraps(small, inside)
    if not found.any():
        return WithoutScraps(mask, maybe_left)
    gone = grow(found, 2)  # at its border, colours are mixed
    gone |= _crumbs(inside & ~gone, gone)
    return WithoutScraps(without(mask, gone), maybe_left)


def _crumbs(left: Mask, gone: Mask) -> Mask:
    """Small pieces that hung on the product only by a scrap."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(left.astype(np.uint8), connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] < CRUMB
    small[0] = False
    small &= np.bincount(labels[grow(gone, 1)], minlength=len(stats)) > 0
    return grow(np.asarray(small[labels]), 1)


def _find_scraps(small: Bytes, inside: Mask) -> tuple[Mask, bool]:
    """The scraps, and whether something else is to be reported."""
    found, maybe_left = np.zeros_like(inside), False
    deep = distance_to(~inside)
    like = _like_background(small, inside, deep).astype(np.uint8)
    opened = cv2.morphologyEx(like, cv2.MORPH_OPEN, disc(2))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    large = 1 + np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= MIN_PIECE)
    if not len(large):
        return found, maybe_left
    colours = to_lab(small)
    slope, lab = slope_of(colours, 0.8), cv2.GaussianBlur(colours, (0, 0), 0.8)
    for number in large:
        piece = np.asarray(labels == number)
        if (piece & (deep < 3.5)).sum() < MIN_LENGTH:
            continue
        if _is_scrap(piece, inside, deep, slope, lab):
            found |= piece
        elif stats[number, cv2.CC_STAT_AREA] >= REPORTED:
            beside = lab[grow(piece, 10) & ~grow(inside, 2)]
            maybe_left |= bool(len(beside) and np.hypot(*beside[:, 1:].mean(axis=0)) > COLOURED)
    return found, maybe_left


def _like_background(small: Bytes, inside: Mask, deep: Floats) -> Mask:
    """The pixels near the outline with the background's colours, where the product has others."""
    away = distance_to(inside)
    outside = ((away > 3) & (away <= WINDOW // 2)).astype(np.float32)
    within = ((deep > DEEPEST // 2) & (deep <= 2 * DEEPEST)).astype(np.float32)
    at = np.nonzero((deep > 0) & (deep <= DEEPEST))
    outer, inner = mean_near(small, outside, WINDOW, at), mean_near(small, within, WINDOW, at)
    noise = noise_near(small, outside, WINDOW, at, outer)
    colours = cv2.GaussianBlur(small, (0, 0), 0.8)[at].astype(np.float32)
    from_outer = np.linalg.norm(colours - outer, axis=1)
    from_inner = np.linalg.norm(colours - inner, axis=1)
    other = (from_inner > OTHER) & (np.linalg.norm(inner - outer, axis=1) > APART)
    like = is_shade(colours, outer) | (from_outer < np.maximum(SAME, NOISY * noise))
    drawn = np.zeros_like(inside)
    drawn[at] = like & (from_outer < from_inner) & other
    return drawn


def _is_scrap(piece: Mask, inside: Mask, deep: Floats, slope: Floats, lab: Floats) -> bool:
    """Whether it goes on outside without an edge, but has a clear one to the product."""
    outline, end = piece & (deep < 2.5), grow(piece, 2) & ~grow(piece, 1) & inside
    beyond = grow(piece, 10) & ~grow(inside, 2)
    if outline.sum() < MIN_LENGTH // 2 or not end.any() or not beyond.any():
        return False
    clear = float(np.median(slope[end]))
    if clear < CLEAR or np.median(slope[outline]) > WEAKER * clear:
        return False
    own, behind, beside = (lab[where].mean(axis=0) for where in (piece, beyond, end))
    return bool(np.linalg.norm(own - behind) < NEARER * np.linalg.norm(own - beside))
