"""Measures how far a cut-out can be trusted: features, a fitted confidence, and doubts in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.enhancers.local import backdrop as backdrops
from packshot.enhancers.local.backdrop import Backdrop
from packshot.enhancers.local.cut.near import is_less_light
from packshot.enhancers.local.cut.saliency import saliency
from packshot.pictures.arrays import Bytes, Floats, Mask, from_lab, to_lab, to_linear
from packshot.pictures.masks import (
    border,
    closed,
    connected_to_edge,
    core_of,
    disc,
    grow,
    holes_of,
    iou,
    opened,
    outline_of,
    piece_sizes,
    pieces,
    pieces_at,
)

EDGE = "the product reaches the frame's edge"
PIECES = "it falls into several pieces"
SMALL = "it is too small in the frame"
EDGELESS = "its outline follows no edge of the photo"
FATAL = frozenset((EDGE, PIECES, SMALL, EDGELESS))  # a cut with such a doubt is not even offered
MAX_TEXTURE = 2.0  # L per pixel; a smooth backdrop has less
LIGHT = 70.0  # L; light parts of a product may be lost in a backdrop lighter than this
FADING = "a light part of it may be lost"
MAX_FADING = 0.012  # of the mask
HOLLOW = "a light print on it looks like the backdrop"
MAX_HOLLOW = 0.002  # of the mask
MIN_LIGHT = 0.2  # of the backdrop's; darker is no shade
SAME_COLOUR = 1.0  # delta E of means
THRESHOLD = 0.85  # least confidence for a cut; bench/cutout.py measures what passes
LIKELY = 0.6  # least confidence, doubts aside, to take a mask for the product's place


@dataclass(frozen=True)
class PhotoMaps:
    """The photo at work size, with the maps by which all its candidate masks are judged."""

    lab: Floats
    distance: Floats  # delta E from the backdrop's surface
    texture: Floats  # local gradient of L
    soft_shadow: Mask  # the backdrop's colour, darker, without edges
    shade: Mask  # the backdrop's colour in less light, with or without edges: hard shadows too
    salient: Floats  # 0..1
    backdrop: Backdrop

    @classmethod
    def of(cls, small: Bytes, backdrop: Backdrop) -> PhotoMaps:
        """Measure a small picture against its backdrop."""
        lab = smooth_lab(small)
        difference = lab - backdrop.surface(*lab.shape[:2])
        colour = np.hypot(difference[..., 1], difference[..., 2])
        distance = np.sqrt((0.8 * difference[..., 0]) ** 2 + (1.3 * colour) ** 2)
        texture = _gradient(lab[..., 0])
        shadow = _shadow_like(lab, difference) & (cv2.blur(texture, (5, 5)) < 2.2)
        shade = _shade(small, backdrop)
        salient = saliency(lab)
        return cls(lab, distance.astype(np.float32), texture, shadow, shade, salient, backdrop)


@dataclass(frozen=True)
class Features:
    """Measurements of one mask at work size; all except `ragged` are shares, 0..1 or a little
    more."""

    accord: float  # 4th power of the mean IoU with the other candidates
    least_agreement: float  # the lowest IoU with any of them
    disputed_in: float  # largest piece that at least two others lack, over the rest
    disputed_out: float  # largest piece, not in shade, that two others have and this one lacks
    overlap: float  # Bhattacharyya coefficient of the colours inside and around
    ragged: float  # outline length over that of a circle of the same area
    touch: float  # share of the frame's edge that the mask covers
    close: float  # the same for a wider strip, as GrabCut never labels the edge itself as product
    area: float  # share of the frame
    solidity: float  # area over its convex hull
    pieces: float  # area outside the largest piece
    thin: float  # share that an opening by 5 px removes
    left_over: float  # area outside the mask that clearly is not backdrop, over the mask's area
    left_piece: float  # the largest piece of that, over the mask's area
    salient: float  # mean saliency inside
    followed: float  # how much of the border is one smooth surface
    fading: float  # light parts connected to the mask, but outside, over the mask's area
    hollow: float  # holes that may be a light print instead of backdrop, over the mask's area


def features(maps: PhotoMaps, mask: Mask, others: Sequence[Mask]) -> Features:
    """Measure one candidate; `others` are the candidates to compare it with."""
    overlaps = [iou(mask, other) for other in others] or [0.0]
    votes = np.sum(others, axis=0) if len(others) else np.zeros(mask.shape, int)
    sizes = [int(size) for size in piece_sizes(mask)] or [1]
    shade = maps.shade | maps.soft_shadow
    different = (maps.distance > max(12.0, 4.0 * maps.backdrop.spread)) & ~shade
    return Features(
        accord=float(np.mean(overlaps)) ** 4,
        least_agreement=min(overlaps),
        disputed_in=_largest_piece(mask & (votes <= len(others) - 2), mask & (votes >= 2)),
        disputed_out=_largest_piece((votes >= 2) & ~shade, mask),
        overlap=colour_overlap(maps.lab, mask),
        ragged=int(outline_of(mask).sum()) / (2 * float(np.sqrt(np.pi * max(1, mask.sum())))),
        touch=float(mask[border(mask.shape, 0.008)].mean()),
        close=float(mask[border(mask.shape, 0.022)].mean()),
        area=float(mask.mean()),
        solidity=_solidity(mask),
        pieces=1 - max(sizes) / sum(sizes),
        thin=_thin(mask),
        left_over=float((different & ~grow(mask, 2)).sum() / max(1, mask.sum())),
        left_piece=_largest_piece(different, mask),
        salient=float(maps.salient[mask].mean()) if mask.any() else 0.0,
        followed=maps.backdrop.followed,
        fading=fading(maps, mask),
        hollow=hollow(maps, mask),
    )


# Logistic regression: weight, and the range it was fitted in (values are clipped to it).
# Fitted and printed by `bench/cutout.py --fit`; "good" is IoU > 0.9, no part over 1.5 % of the
# product lost and no more than 3 % of something else kept.
BIAS = -3.649
WEIGHTS: dict[str, tuple[float, float, float]] = {
    "accord": (12.308, 0.002, 0.993),
    "least_agreement": (-11.713, 0.067, 0.998),
    "disputed_in": (-1.731, 0.000, 1.000),
    "overlap": (-5.930, 0.010, 0.782),
    "ragged": (0.819, 1.131, 6.508),
    "touch": (-10.454, 0.000, 0.377),
    "area": (-4.048, 0.043, 0.690),
    "solidity": (7.162, 0.202, 1.000),
    "pieces": (-15.073, 0.000, 0.657),
    "thin": (-28.750, 0.000, 0.104),
    "left_over": (-0.464, 0.000, 6.544),
}


def confidence(measured: Features) -> float:
    """The chance, 0..1, that the mask is good enough to cut by."""
    return logistic(BIAS, WEIGHTS, asdict(measured))


def fading(maps: PhotoMaps, mask: Mask, *, lighter: bool = False) -> float:
    """The area of light parts that a cut by this mask may lose, over the mask's area."""
    return float(fading_parts(maps, mask, lighter=lighter).sum() / max(1, mask.sum()))


def fading_parts(maps: PhotoMaps, mask: Mask, *, lighter: bool) -> Mask:
    """Parts connected to the mask that an edge separates from a plain light backdrop, without
    shade: a white cap, a toe, a sole. `lighter`: only those lighter than the backdrop, which can't
    be a shadow. Empty if the backdrop is not plain and light.
    """
    backdrop = maps.backdrop
    if not backdrop.plain or backdrop.lightness < LIGHT:
        return np.zeros_like(mask)
    outside = ~grow(mask, 2)
    smooth = (colour_edges(maps.lab) < max(1.0, 1.5 * backdrop.spread)) & outside
    apart = ~grow(connected_to_edge(smooth), 2) & outside
    apart &= (maps.distance > 2.0) & ~(maps.shade & (maps.distance > 4.0))
    hanging = pieces_at(opened(apart, np.ones((2, 2), np.uint8)), grow(mask, 7), connectivity=8)
    if not lighter:
        return hanging
    found, above = np.zeros_like(mask), maps.lab[..., 0] - backdrop.surface(*mask.shape)[..., 0]
    for piece in pieces(hanging, connectivity=8):
        if above[piece].mean() > 0:
            found |= piece
    return found


def without_false_holes(maps: PhotoMaps, mask: Mask) -> Mask:
    """Fill the holes of the mask that do not look like the backdrop.

    A true hole shows a plain backdrop's colour, lit or in shade, without edges; or, if the backdrop
    is not plain, the colours around the product, with no more edges than there.
    """
    filled = mask.copy()
    for hole in pieces(holes_of(mask)):
        if maps.backdrop.plain:
            is_backdrop = _like_plain_backdrop(maps, hole)
        else:
            is_backdrop = _like_surroundings(maps, mask, hole)
        if not is_backdrop:
            filled |= hole
    return filled


def _like_plain_backdrop(maps: PhotoMaps, hole: Mask) -> bool:
    near = (maps.distance < backdrop_reach(maps.backdrop)) | maps.shade | maps.soft_shadow
    inner = core_of(hole)
    return bool(near[inner].mean() > 0.8 and np.median(maps.texture[inner]) < MAX_TEXTURE)


def _like_surroundings(maps: PhotoMaps, mask: Mask, hole: Mask) -> bool:
    around = grow(mask, 7) & ~mask & ~holes_of(mask)
    if not around.any():
        return False
    bins = colour_cells(maps.lab)
    shared = float(np.sqrt(histogram(bins[hole]) * histogram(bins[around])).sum())
    busier = float(maps.texture[hole].mean()) > 2 * float(maps.texture[around].mean()) + 1
    return shared > 0.3 and not busier


def hollow(maps: PhotoMaps, mask: Mask) -> float:
    """The area of light prints that a cut by this mask may lose, over the mask's area.

    In front of a plain light backdrop a white label looks like a hole; only a true hole has exactly
    the colour that the backdrop has at that place.
    """
    if not maps.backdrop.plain or maps.backdrop.lightness < LIGHT:
        return 0.0
    difference = maps.lab - maps.backdrop.surface(*mask.shape)
    holes = pieces(holes_of(mask))
    doubtful = sum(int(hole.sum()) for hole in holes if _is_printed(hole, difference))
    return float(doubtful / max(1, mask.sum()))


def _is_printed(hole: Mask, difference: Floats) -> bool:
    """Whether its colour differs from the backdrop's."""
    return bool(np.linalg.norm(difference[core_of(hole)].mean(axis=0)) > SAME_COLOUR)


def with_light_parts(maps: PhotoMaps, mask: Mask) -> Mask:
    """The mask plus the light parts that it missed, joined to it."""
    parts = fading_parts(maps, mask, lighter=True)
    if parts.sum() <= MAX_FADING * mask.sum():  # small ones are mostly shadow
        return mask
    outlined = grow(parts, 2)  # their edges, which were left out
    near = grow(outlined, 4)  # gaps elsewhere are the product's own
    return np.asarray(mask | (closed(mask | outlined, disc(4)) & near))


def backdrop_reach(backdrop: Backdrop) -> float:
    """The delta E from a backdrop's surface up to which a pixel counts as backdrop."""
    return max(5.0, 3.0 * backdrop.spread)


def colour_edges(lab: Floats) -> Floats:
    """The colour's change per pixel (delta E), the largest within one pixel of each."""
    smooth = cv2.GaussianBlur(lab, (0, 0), 0.8)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    edge = np.sqrt((across**2 + down**2).sum(axis=2)) / 4
    return np.asarray(cv2.dilate(edge, np.ones((3, 3), np.uint8)), np.float32)


def logistic(
    bias: float, weights: Mapping[str, tuple[float, float, float]], values: Mapping[str, float]
) -> float:
    """A logistic regression, 0..1; each value is clipped to the range beside its weight."""
    score = bias
    for name, (weight, low, high) in weights.items():
        score += weight * min(max(values[name], low), high)
    return round(float(1 / (1 + np.exp(-score))), 3)


def doubts(measured: Features) -> tuple[str, ...]:
    """Reasons, in words, not to cut, however high the confidence is.

    The limits are beyond what good masks in the bench show. They cover what the bench has too few
    of: hands, shelves, worn clothes, lost parts.
    """
    plain = measured.followed > backdrops.FOLLOWED
    reasons = (
        (measured.touch > 0.005 or measured.close > 0.02, EDGE),
        (measured.pieces > 0.03, PIECES),
        (measured.overlap > 0.2, "the background has the product's colours"),
        (plain and measured.left_piece > 0.005, "a part of it would be lost"),
        (measured.disputed_out > 0.02, "other methods find more of the product"),
        (measured.thin > 0.02, "parts of it are too thin"),
        (measured.salient < 0.5, "it does not stand out"),
        (measured.area < 0.02, SMALL),
        (measured.fading > MAX_FADING, FADING),
        (measured.hollow > MAX_HOLLOW, HOLLOW),
    )
    return tuple(words for applies, words in reasons if applies)


def _shadow_like(lab: Floats, difference: Floats) -> Mask:
    """Where a pixel has the backdrop's colour, only darker: its chroma and hue follow the light."""
    expected = lab - difference
    ratio = lab[..., 0] / np.maximum(expected[..., 0], 1)
    # In the dark the same surface has less chroma: compare with the backdrop's, scaled.
    shift = np.hypot(lab[..., 1] - expected[..., 1] * ratio, lab[..., 2] - expected[..., 2] * ratio)
    return np.asarray((ratio > 0.45) & (ratio < 1.0) & (shift < 4.5))


def _shade(small: Bytes, backdrop: Backdrop) -> Mask:
    """Where red, green and blue are all the same share of the backdrop's light."""
    surface = to_linear(from_lab(backdrop.surface(*small.shape[:2])))
    light = to_linear(cv2.GaussianBlur(small, (0, 0), 1.0).astype(np.uint8))
    return is_less_light(light, surface, MIN_LIGHT)


def _thin(mask: Mask) -> float:
    return float((mask & ~opened(mask, disc(2))).sum() / max(1, mask.sum()))


def colour_overlap(lab: Floats, mask: Mask) -> float:
    """Overlap of the colours inside and outside; the surroundings count as much as all the rest."""
    bins = colour_cells(lab)
    around = grow(mask, 4) & ~mask
    outside = histogram(bins[~mask])
    near = histogram(bins[around]) if around.any() else outside
    return float(np.sqrt(histogram(bins[mask]) * (0.5 * outside + 0.5 * near)).sum())


def smooth_lab(small: Bytes) -> Floats:
    """Lab, slightly blurred against pixel noise; masks are judged by these colours."""
    return np.asarray(cv2.GaussianBlur(to_lab(small), (0, 0), 0.7), np.float32)


def colour_cells(lab: Floats) -> NDArray[np.int64]:
    """The number of each pixel's colour cell, of 10 x 10 x 10 delta E."""
    cells = np.clip(lab / 10 + np.array([0, 7, 7]), 0, [9, 13, 13]).astype(np.int64)
    return np.asarray(cells @ np.array([196, 14, 1]))


def histogram(bins: NDArray[np.int64]) -> NDArray[np.float64]:
    counts = np.bincount(bins, minlength=1960).astype(np.float64)
    return np.asarray(counts / max(1.0, counts.sum()))


def _largest_piece(what: Mask, but: Mask) -> float:
    """The area of the largest piece of `what` at least 2 px away from `but`, over `but`'s area."""
    apart = what & ~grow(but, 2)
    return min(1.0, float(piece_sizes(apart).max(initial=0) / max(1, int(but.sum()))))


def _solidity(mask: Mask) -> float:
    points = cv2.findNonZero(mask.astype(np.uint8))
    hull = cv2.contourArea(cv2.convexHull(points)) if points is not None else 0.0
    return float(min(1.0, mask.sum() / max(1.0, hull)))


def _gradient(plane: Floats) -> Floats:
    across, down = cv2.Sobel(plane, cv2.CV_32F, 1, 0), cv2.Sobel(plane, cv2.CV_32F, 0, 1)
    return (np.hypot(across, down) / 4).astype(np.float32)
