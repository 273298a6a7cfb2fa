"""Finds what a mask kept of a plain backdrop between parts of the product: beside a sleeve, in a
loop, between straps.

An open gap is connected to the backdrop outside without an edge and is removed. A closed one may
just as well be a print or a label in the backdrop's colour, so it stays and is only reported. A
large one is reported before any backdrop, plain or textured, and in its shade.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from packshot.enhancers.local.backdrop import Backdrop
from packshot.enhancers.local.cut.near import distance_to, shrink_both, slope_of
from packshot.pictures.arrays import Bytes, Floats, Mask, to_lab
from packshot.pictures.boxes import Edges
from packshot.pictures.masks import core_of, grow, hull_of, opened, pieces

SIDE = 640  # px; sizes below are at this size
MIN_PIECE = 60  # px
#: Delta E from the backdrop's surface, and times its spread: more is another colour. The second is
#: for closed gaps: by it a print of nearly the backdrop's colour has other colours, too.
REACH, WIDE_REACH = 2.5, 4.0
#: A gap's colour is the backdrop's: its mean within the first, its median distance within the
#: second (delta E).
SAME, NEAR = 1.0, 1.2
EDGED = 0.95  # of its border with the product has an edge
MIN_EDGE, MAX_ASKED = 0.5, 1.5  # delta E per pixel
NOISE = 3.5  # a slope of this many times the backdrop's median is an edge
SMOOTH, OPEN = 0.95, 0.65  # delta E per pixel; a gap is no steeper inside, nor where it opens
MAX_OPEN = 0.4  # of its border; more is a strip along the outline or a light part of the product
#: No product has a coloured backdrop's colour by chance, so a closed gap may be noisier there.
COLOURED, NOISIER = 8.0, 2.0  # chroma; times NEAR and SMOOTH
#: A gap is removed if at most MAX_FAINT of the outline, up to BESIDE px from where it opens, is
#: fainter than FAINT (delta E per pixel).
MAX_FAINT, BESIDE, FAINT = 0.25, 25, 1.0
SOLID = 0.9  # of its border is the product's or open: it is no island in a part of its own colour
WITHIN = 4  # px inside the product's hull; a light part of the product's outline touches the hull
INVISIBLE = 95.0  # L; nothing can be seen of a lighter backdrop on white
#: A large closed gap: its share of the product, and its light as a share of the backdrop's (the
#: cube root), at the median and in any of its pixels.
LARGE = 0.02
SHADE, DEEPEST_SHADE, LIGHTEST = 0.89, 0.75, 1.05
#: Its tint and slope, in delta E or times those of the backdrop outside, if that is more.
TINT, MEAN_TINT, FARTHEST_TINT, ROUGHER = 1.2, 1.0, 2.5, 1.3
#: Shares of its border: unlike the backdrop, and of that within 6 px of an edge.
MOSTLY_ENCLOSED, LARGE_EDGED = 0.7, 0.85
LARGE_EDGE, CLEARER = 0.6, 2.0  # delta E per pixel, and times the backdrop's slope
OUTSIDE = 60  # px around the product in which the backdrop is measured


@dataclass(frozen=True)
class Gaps:
    """What is to be removed, of the mask's size, and whether something closed may be a gap."""

    open: Mask
    closed: bool


def find_gaps(crop: Bytes, mask: Mask, backdrop: Backdrop, part: Edges) -> Gaps:
    """Find the gaps in the mask of a product. `part` is the crop's place in the photo."""
    none = Gaps(np.zeros_like(mask), closed=False)
    small, inside = shrink_both(crop, mask, SIDE)
    if not inside.any() or inside.all() or backdrop.lightness > INVISIBLE:
        return none
    lab = np.asarray(cv2.GaussianBlur(to_lab(small), (0, 0), 0.8), np.float32)
    slope = slope_of(lab, 0.8)
    surface = backdrop.surface(inside.shape[0], inside.shape[1], part)
    large = _has_large_gap(_Look.of(lab, slope, surface), inside)
    if not backdrop.plain:
        return replace(none, closed=large)
    view = _View.of(lab, slope, inside, backdrop, surface)
    found = np.zeros_like(inside)
    for piece in pieces(opened(view.like & inside), MIN_PIECE):
        if view.is_open_gap(piece):
            found |= grow(piece, 1)
    enclosed = pieces(opened(view.alike & inside), MIN_PIECE)
    closed = large or any(view.is_closed_gap(piece) for piece in enclosed)
    if not found.any():
        return Gaps(none.open, closed)
    soft = cv2.GaussianBlur(found.astype(np.float32), (0, 0), 0.8)
    return Gaps(np.asarray(mask & (cv2.resize(soft, mask.shape[1::-1]) > 0.5)), closed)


@dataclass(frozen=True)
class _View:
    """The crop, compared with the backdrop's surface."""

    inside: Mask
    difference: Floats  # Lab, from the surface
    away: Floats  # its length
    like: Mask  # where it is the backdrop's colour
    alike: Mask  # where it is nearly that
    slope: Floats
    slack: float  # how many times noisier than NEAR and SMOOTH a closed gap may be
    edged: Mask  # within 2 px of an edge
    hull: Floats  # px inside the mask's convex hull

    @classmethod
    def of(
        cls, lab: Floats, slope: Floats, inside: Mask, backdrop: Backdrop, surface: Floats
    ) -> _View:
        difference = lab - surface
        away = np.linalg.norm(difference, axis=2)
        spread = max(1.0, backdrop.spread)
        like, alike = away < REACH * spread, away < WIDE_REACH * spread
        outside = like & ~grow(inside, 2)
        noise = float(np.median(slope[outside])) if outside.any() else 1.0
        edge = min(MAX_ASKED, max(MIN_EDGE, NOISE * noise))
        edged = cv2.dilate(slope, np.ones((5, 5), np.uint8)) > edge
        slack = NOISIER if backdrop.chroma > COLOURED else 1.0
        hull = distance_to(~hull_of(inside))
        return cls(inside, difference, away, like, alike, slope, slack, edged, hull)

    def is_open_gap(self, piece: Mask) -> bool:
        """Whether it opens to the backdrop within the product's hull, without an edge there."""
        ring = _ring(piece)
        mouth = ring & ~self.inside
        return bool(
            0 < mouth.sum() <= MAX_OPEN * ring.sum()
            and _is_one_piece(mouth)
            and self._is_enclosed(ring, mouth, self.like)
            and self._is_backdrop(piece)
            and np.median(self.slope[mouth]) < OPEN
            and self.hull[mouth].min() > WITHIN
            and self._is_visible_beside(mouth)
        )

    def is_closed_gap(self, piece: Mask) -> bool:
        """Whether it may be the backdrop seen through a hole."""
        ring = _ring(piece)
        return bool(
            self.inside[ring].all()
            and self._is_enclosed(ring, np.zeros_like(ring), self.alike)
            and self._is_backdrop(piece, self.slack)
        )

    def _is_visible_beside(self, mouth: Mask) -> bool:
        """Whether the product's outline beside the mouth is clear: where it is hardly visible, what
        looks like a gap may be a part of the product in the backdrop's colour."""
        outline = self.inside & grow(~self.inside, 1)
        beside = outline & grow(mouth, BESIDE) & ~grow(mouth, 4)
        near = cv2.dilate(self.slope, np.ones((5, 5), np.uint8))[beside]
        return not near.size or float((near < FAINT).mean()) <= MAX_FAINT

    def _is_enclosed(self, ring: Mask, mouth: Mask, like: Mask) -> bool:
        """Whether the product surrounds it, except at its mouth, with an edge in between."""
        shore = ring & self.inside & ~like
        if not shore.any() or (shore | mouth).sum() < SOLID * ring.sum():
            return False
        return bool(self.edged[shore].mean() >= EDGED)

    def _is_backdrop(self, piece: Mask, slack: float = 1.0) -> bool:
        core = core_of(piece)
        mean = float(np.linalg.norm(self.difference[core].mean(axis=0)))
        smooth = np.median(self.slope[core]) < SMOOTH * slack
        return bool(smooth and mean < SAME and np.median(self.away[core]) < NEAR * slack)


def _has_large_gap(look: _Look, inside: Mask) -> bool:
    """Whether a large enclosed area has the backdrop's tint and texture, perhaps in less light."""
    away = distance_to(inside)
    outside = (away > 3) & (away < OUTSIDE)
    if not outside.any():
        return False
    usual = look.medians(outside)
    alike = inside & (look.light > DEEPEST_SHADE) & (look.light < LIGHTEST)
    alike &= look.tint < max(FARTHEST_TINT, 2 * usual.tint + 1)
    edge = max(LARGE_EDGE, CLEARER * usual.slope)
    edged = cv2.dilate(look.slope, np.ones((13, 13), np.uint8)) > edge
    for piece in pieces(opened(alike), MIN_PIECE):
        ring = _ring(_filled(piece))
        shore = ring & ~alike
        if (
            piece.sum() > LARGE * inside.sum()
            and inside[ring].all()
            and shore.sum() >= MOSTLY_ENCLOSED * ring.sum()
            and edged[shore].mean() >= LARGE_EDGED
            and look.is_usual(piece, usual)
        ):
            return True
    return False


class _Medians(NamedTuple):
    light: float
    tint: float
    slope: float


@dataclass(frozen=True)
class _Look:
    """The crop beside the backdrop's surface.

    Less light multiplies L + 16, a and b by one factor (the cube roots of CIELAB), so the length
    along the backdrop's colour is the light, and what is across is the tint.
    """

    light: Floats  # 1 is the backdrop's
    across: Floats  # Lab
    tint: Floats  # the length of `across`
    slope: Floats

    @classmethod
    def of(cls, lab: Floats, slope: Floats, surface: Floats) -> _Look:
        black = np.array([16, 0, 0], np.float32)
        colour, full = lab + black, surface + black
        light = (colour * full).sum(axis=2) / (full * full).sum(axis=2)
        across = colour - light[..., None] * full
        tint = np.sqrt((across * across).sum(axis=2))
        return cls(light, across, tint, slope)

    def medians(self, where: Mask) -> _Medians:
        light, tint, slope = (np.median(a[where]) for a in (self.light, self.tint, self.slope))
        return _Medians(float(light), float(tint), float(slope))

    def is_usual(self, piece: Mask, usual: _Medians) -> bool:
        """Whether it looks like the backdrop elsewhere, but for less light."""
        own = self.medians(piece)
        mean = float(np.linalg.norm(self.across[piece].mean(axis=0)))
        return (
            SHADE * usual.light < own.light < LIGHTEST * usual.light
            and own.tint < max(TINT, ROUGHER * usual.tint)
            and mean < max(MEAN_TINT, usual.tint / 2)
            and own.slope < max(SMOOTH, ROUGHER * usual.slope)
        )


def _filled(piece: Mask) -> Mask:
    """The piece with the blotches of a texture that it encloses."""
    outlines, _ = cv2.findContours(piece.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros(piece.shape, np.uint8), outlines, -1, 1, cv2.FILLED) > 0


def _ring(piece: Mask) -> Mask:
    return grow(piece, 3) & ~grow(piece, 1)


def _is_one_piece(mouth: Mask) -> bool:
    """Whether it has one opening; a band around the product would have two."""
    return cv2.connectedComponents(grow(mouth, 2).astype(np.uint8), connectivity=8)[0] == 2
