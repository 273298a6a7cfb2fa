"""Removes what a mask kept of the background along its outline.

A cut by colour may keep a smear of shadow, a strip of wall, wood under a hem. All of these have the
colours of the background beside them, perhaps in less light, and not the product's. The photo has
hardly an edge where the mask ends there, but a clear one between them and the product. Narrow
leftovers are removed before the outline is completed, scraps after that: these are larger, and the
background may be textured. Another piece in a coloured background's colours may be a part of the
product, which seldom has them by chance: it is reported.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from packshot.enhancers.local.cut.near import (
    distance_to,
    is_shade,
    mean_near,
    noise_near,
    shrink_both,
    slope_of,
    without,
)
from packshot.pictures.arrays import Bytes, Floats, Mask, to_lab
from packshot.pictures.masks import disc, grow, large_pieces, opened, pieces, pieces_at

SIDE = 640  # px; sizes below are at this size
SAME = 10.0  # levels: nearer to the background's colour than this is background
OTHER, APART = 30.0, 40.0  # levels: from the product's colour, and between product and background


class Search(NamedTuple):
    """Where something of the background is looked for, and where the product's own colour is."""

    deepest: int  # px inside the outline; what is deeper is not looked at
    own: tuple[int, int]  # px inside the outline
    window: int  # px; colours are averaged over windows of this side
    blur: float  # px
    noisy: float  # times the background's standard deviation: that near is background, too


NARROW = Search(deepest=14, own=(14, 42), window=37, blur=0.7, noisy=0.0)
WIDE = Search(deepest=40, own=(20, 80), window=61, blur=0.8, noisy=1.5)

# Narrow leftovers.
MIN_NARROW, MIN_OUTLINE = 20, 6  # px: its area, and its part of the outline
FAINTER = 0.3  # the edge at the outline, over the edge between leftover and product; less is weak
# Scraps.
MIN_SCRAP, MIN_LENGTH = 40, 8  # px: its area, and its part of the outline
CLEAR, WEAKER = 3.0, 0.25  # delta E per pixel at its inner end, and times that at the outline
CRUMB = 300  # px
REPORTED = 100  # px: the area from which on a piece that may be a scrap is reported
COLOURED = 8.0  # chroma; a product's grey and white parts often have a grey background's colour
NEARER = 0.5  # times as far from the background's colour as from the product's beside it


class WithoutScraps(NamedTuple):
    """The mask without scraps, and whether a piece that may be another one is left in it."""

    mask: Mask
    maybe_left: bool


def remove_leftovers(crop: Bytes, mask: Mask) -> Mask:
    """The mask without narrow pieces of the background along its outline."""
    small, inside = shrink_both(crop, mask, SIDE)
    if not inside.any() or inside.all():
        return mask
    found = _find_leftovers(small, inside)
    if not found.any():
        return mask
    # A little more than the pixels outside: the mask is drawn finer than `inside`.
    return without(mask, found | (grow(found, 2) & ~inside))


def _find_leftovers(small: Bytes, inside: Mask) -> Mask:
    deep, kept = distance_to(~inside), np.zeros_like(inside)
    large = list(pieces(_like_background(small, inside, deep, NARROW), MIN_NARROW))
    if not large:
        return kept
    slope = slope_of(small.astype(np.float32), 0.8)
    for piece in large:
        outline, end = piece & (deep < 1.5), grow(piece, 1) & ~piece & inside
        if outline.sum() < MIN_OUTLINE or not end.any():
            continue
        if np.median(slope[outline]) < FAINTER * np.median(slope[end]):
            kept |= piece
    return kept


def remove_scraps(crop: Bytes, mask: Mask) -> WithoutScraps:
    """Remove the scraps from a mask of the crop's size, which is returned if there is none."""
    small, inside = shrink_both(crop, mask, SIDE)
    if not inside.any() or inside.all():
        return WithoutScraps(mask, maybe_left=False)
    found, maybe_left = _find_scraps(small, inside)
    if not found.any():
        return WithoutScraps(mask, maybe_left)
    gone = grow(found, 2)  # at its border, colours are mixed
    left = inside & ~gone
    crumbs = pieces_at(left & ~large_pieces(left, CRUMB), grow(gone, 1))  # hung on by a scrap only
    return WithoutScraps(without(mask, gone | grow(crumbs, 1)), maybe_left)


def _find_scraps(small: Bytes, inside: Mask) -> tuple[Mask, bool]:
    """The scraps, and whether something else is to be reported."""
    found, maybe_left = np.zeros_like(inside), False
    deep = distance_to(~inside)
    like = _like_background(small, inside, deep, WIDE)
    large = list(pieces(opened(like, disc(2)), MIN_SCRAP))
    if not large:
        return found, maybe_left
    colours = to_lab(small)
    slope, lab = slope_of(colours, 0.8), cv2.GaussianBlur(colours, (0, 0), 0.8)
    for piece in large:
        if (piece & (deep < 3.5)).sum() < MIN_LENGTH:
            continue
        if _is_scrap(piece, inside, deep, slope, lab):
            found |= piece
        elif piece.sum() >= REPORTED:
            beside = lab[grow(piece, 10) & ~grow(inside, 2)]
            maybe_left |= bool(len(beside) and np.hypot(*beside[:, 1:].mean(axis=0)) > COLOURED)
    return found, maybe_left


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


def _like_background(small: Bytes, inside: Mask, deep: Floats, search: Search) -> Mask:
    """The pixels near the outline with the background's colours, where the product has others."""
    away, (nearest, farthest) = distance_to(inside), search.own
    outside = ((away > 3) & (away <= search.window // 2)).astype(np.float32)
    within = ((deep > nearest) & (deep <= farthest)).astype(np.float32)
    at = np.nonzero((deep > 0) & (deep <= search.deepest))
    outer = mean_near(small, outside, search.window, at)
    inner = mean_near(small, within, search.window, at)
    same: float | Floats = SAME
    if search.noisy:
        noise = noise_near(small, outside, search.window, at, outer)
        same = np.maximum(SAME, search.noisy * noise)
    colours = cv2.GaussianBlur(small, (0, 0), search.blur)[at].astype(np.float32)
    from_outer = np.linalg.norm(colours - outer, axis=1)
    from_inner = np.linalg.norm(colours - inner, axis=1)
    other = (from_inner > OTHER) & (np.linalg.norm(inner - outer, axis=1) > APART)
    like = (is_shade(colours, outer) | (from_outer < same)) & (from_outer < from_inner)
    drawn = np.zeros_like(inside)
    drawn[at] = like & other
    return drawn
