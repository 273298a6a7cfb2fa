"""Checks a finished cut against the photo.

Finds outlines that are ragged or where the photo has no edge, background along the outline, and
parts that were left out in front of a plain backdrop: laces, cords, and, on a light one, light
parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from packshot.enhancers.local.backdrop import BORDER, Backdrop
from packshot.enhancers.local.cut import trust
from packshot.enhancers.local.cut.edges import CutProduct
from packshot.enhancers.local.cut.near import distance_to, slope_of
from packshot.pictures.arrays import Bytes, Floats, Mask, lowest, shrink
from packshot.pictures.masks import (
    border,
    closed,
    disc,
    erode,
    grow,
    opened,
    outline_of,
    piece_sizes,
    pieces,
    pieces_at,
)

SIDE = 512  # px; sizes below are at this size
NOISE = 3.5  # a slope of this many times the border's median is an edge
# Delta E per pixel: an edge's slope is at least the first; no outline needs more than the second.
MIN_EDGE, MAX_ASKED = 0.5, 1.5
MAX_EDGELESS, MAX_EDGELESS_ON_PALE = 0.06, 0.02  # of the outline
FAINT, MAX_FAINT = 1.0, 0.02  # delta E per pixel, and of the outline: most cuts have none
MAX_MIXED = 0.15  # of the band just inside the outline; good cuts have up to 0.05
MIXED = "it has the background's colours along its outline"
#: Deeper than this inside the product, colours are its own; within this outside, they are the
#: background's. In square roots of the product's area.
BAND = 0.08
#: A colour is the background's if more than COMMON of the pixels around the product have it, and
#: it is more than MORE times as common there as inside.
COMMON, MORE = 0.01, 4
LEFT_ON_WHITE = "something beside it may be a part of it"
NOT_WHITE, MAX_BESIDE = 250, 0.15  # a byte in any channel; of the cut's area: a sole, a reflection
FAINT_ON_WHITE = "a part of its outline is hardly visible"  # a white backdrop needs no cut
LEFT_OUT = "a thin or light part of it may be left out"
SHARP = 1.3  # times the slope at a coarser scale; a soft shadow has the same slope at both
DARKEST = -6.0  # L relative to the backdrop; an edge beside anything darker may be a shadow's
THIN, CONTRAST = 5, 12.0  # px: half its width; L from both sides: a lace, a cable, a wire
NEAR, HANGING = 4, 10  # px: nearer is part of the outline; farther does not belong to the cut
AWAY = 40  # px: on a darker backdrop a cord leads farther away than a hard shadow's edge
RIM = 3  # px: there colours are mixed with the product's
MIN_PIECE = 36  # px
MIN_PEAK = 0.87  # delta E per pixel at a piece's strongest edge; JPEG's blocks have less
#: JPEG's ringing beside a strong edge, up to 16 px of the file away: its mean colour is within the
#: first of the backdrop's (delta E), and of its pixels NEARLY all (percent) are as light (L).
MAX_RINGING, NEARLY = 1.0, 97
MAX_CHROMA = 15.0  # of a backdrop that counts as nearly white
# Small teeth and notches, as cuts have along a busy background of nearly the product's colours.
RAGGED_SIDE = 640  # px; sizes below are at this size
TOOTH = (2, 16)  # px; less is a step of a smooth line, more a thread or a corner
LEAST_TEETH = 10  # a small smooth product has a few, too
MAX_TEETH = 0.012  # per px of outline; bench/cutout.py's good cuts have up to 0.0095


@dataclass(frozen=True)
class CutDoubts:
    """Doubts about one cut, in words, and a mask of what it left out (at 512 px)."""

    doubts: tuple[str, ...]
    left_out: Mask
    faint: bool  # a part of the outline is hardly visible
    ragged: bool  # the outline has many small teeth


def find_doubts(rgb: Bytes, backdrop: Backdrop, product: CutProduct) -> CutDoubts:
    """Compare a product that was cut out of a photo with the photo's edges."""
    small = shrink(rgb, SIDE)
    lab = trust.smooth_lab(small)
    inside = product.in_frame(rgb.shape, lab.shape) > 127
    slope = slope_of(lab, 0.8)
    edge = least_edge(slope)
    pale = backdrop.plain and backdrop.lightness > trust.LIGHT and backdrop.chroma < MAX_CHROMA
    left_out = np.zeros_like(inside)
    if backdrop.plain:
        off = lab - backdrop.surface(*inside.shape)
        light = ~_in_shadow(off[..., 0]) if pale else _thin(lab, cv2.MORPH_TOPHAT)
        parts = find_sharp(lab, slope) & (light | _thin(lab, cv2.MORPH_BLACKHAT))
        hanging = _hanging(parts, inside, slope, 0 if pale else AWAY)
        left_out = _without_ringing(hanging, inside, off)
    edgeless = _edgeless_share(inside, slope, min(edge, MAX_ASKED))
    faint = _edgeless_share(inside, slope, FAINT) > MAX_FAINT
    reasons = (
        (edgeless > (MAX_EDGELESS_ON_PALE if pale else MAX_EDGELESS), trust.EDGELESS),
        (bool(left_out.any()), LEFT_OUT),
        (not backdrop.plain and _mixed_share(lab, inside) > MAX_MIXED, MIXED),
        (faint and backdrop.white, FAINT_ON_WHITE),
        (backdrop.white and _share_beside(small, inside) > MAX_BESIDE, LEFT_ON_WHITE),
    )
    said = tuple(words for applies, words in reasons if applies)
    return CutDoubts(said, left_out, faint, is_ragged(product.alpha > 127))


def _share_beside(small: Bytes, inside: Mask) -> float:
    """How much of a picture on white the cut leaves out, over the cut's area."""
    beside = (lowest(small) < NOT_WHITE) & ~grow(inside, NEAR)
    return float(beside.sum() / max(1, inside.sum()))


def find_edges(rgb: Bytes) -> Mask:
    """Where a photo with a plain backdrop has clear edges, at 512 px: parts of the product, even
    where it is as light as the backdrop. Soft shadows have none."""
    lab = trust.smooth_lab(shrink(rgb, SIDE))
    slope = slope_of(lab, 0.8)
    return _strong_pieces(find_sharp(lab, slope), slope)


def find_sharp(lab: Floats, slope: Floats) -> Mask:
    """Where the photo has a sharp edge."""
    return np.asarray((slope > least_edge(slope)) & (slope > SHARP * slope_of(lab, 2.5)))


def least_edge(slope: Floats) -> float:
    """The slope, delta E per pixel, from which something is an edge: noise has less."""
    return max(MIN_EDGE, NOISE * float(np.median(slope[border(slope.shape, BORDER)])))


def _edgeless_share(inside: Mask, slope: Floats, edge: float) -> float:
    """The share of the outline that has no edge of the photo within 2 px."""
    outline = outline_of(inside)
    near = cv2.dilate(slope, np.ones((5, 5), np.uint8))
    return float((near[outline] < edge).mean()) if outline.any() else 1.0


def _mixed_share(lab: Floats, inside: Mask) -> float:
    """The share of the band just inside the outline in pieces whose colours are common around the
    product and rare in its middle: a cloth seen through glass or left beside it."""
    width = int(BAND * np.sqrt(inside.sum()))
    core = ~grow(~inside, width)
    around = grow(inside, width) & ~grow(inside, 2)
    if not core.any() or not around.any():
        return 0.0
    cells = trust.colour_cells(lab)
    outer, own = trust.histogram(cells[around])[cells], trust.histogram(cells[core])[cells]
    foreign = (outer > COMMON) & (outer > MORE * own) & inside & ~core
    band = ~grow(~inside, 2) & grow(~inside, 4)
    return float(opened(foreign)[band].mean()) if band.any() else 0.0


def _hanging(sharp: Mask, inside: Mask, slope: Floats, away: int) -> Mask:
    """Pieces with clear edges that are outside the cut, begin close to it, and lead `away` px."""
    strong = _strong_pieces(sharp & ~grow(inside, NEAR), slope)
    close = pieces_at(strong, grow(inside, HANGING), connectivity=8)
    return pieces_at(close, distance_to(inside) > away, connectivity=8)


def _strong_pieces(sharp: Mask, slope: Floats) -> Mask:
    """The pieces that are large and clear enough."""
    strong = np.zeros_like(sharp)
    for piece in pieces(closed(sharp), MIN_PIECE, connectivity=8):
        if slope[piece].max() >= MIN_PEAK:
            strong |= piece
    return strong


def _without_ringing(parts: Mask, inside: Mask, off: Floats) -> Mask:
    """The pieces whose colours differ from the backdrop's (by `off`, Lab) as a part's would."""
    kept, clear = parts.copy(), ~grow(inside, RIM)
    for piece in pieces(parts, connectivity=8):
        colours = off[grow(piece, 2) & clear]
        swing = float(np.percentile(np.abs(colours[:, 0]), NEARLY))
        if swing < MAX_RINGING and np.linalg.norm(colours.mean(axis=0)) < MAX_RINGING:
            kept &= ~piece
    return kept


def is_ragged(mask: Mask) -> bool:
    """Whether the mask's outline has more teeth and notches than a product's."""
    inside = shrink(mask.astype(np.uint8) * 255, RAGGED_SIDE) > 127
    teeth = _count_teeth(inside & ~opened(inside, disc(2)))
    teeth += _count_teeth(closed(inside, disc(2)) & ~inside)
    length = int((inside & ~erode(inside)).sum())
    return teeth >= LEAST_TEETH and teeth > MAX_TEETH * length


def _count_teeth(parts: Mask) -> int:
    areas = piece_sizes(parts)
    return int(((areas >= TOOTH[0]) & (areas <= TOOTH[1])).sum())


def _in_shadow(darker: Floats) -> Mask:
    return np.asarray(cv2.erode(darker, np.ones((5, 5), np.uint8)) < DARKEST)


def _thin(lab: Floats, kind: int) -> Mask:
    """Where something thin is, and beside it: light by MORPH_TOPHAT, or dark, as no shadow is, by
    MORPH_BLACKHAT."""
    thin = cv2.morphologyEx(np.ascontiguousarray(lab[..., 0]), kind, disc(THIN)) > CONTRAST
    return np.asarray(cv2.dilate(thin.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
