"""Adds the product's own rim to the mask: the piping of a cushion, a hem, a frame, a lid's edge.

A cut by colour may end inside such a rim, because the edge between rim and product is stronger than
the one between rim and background. What lies just outside the mask belongs to the product if it has
a third colour (no mixture of product and background, and no shadow), and if it ends sharply and
before long, with the background behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from packshot.enhancers.local.cut.near import (
    At,
    distance_to,
    distance_to_mixtures,
    is_shade,
    mean_near,
    noise_near,
    shrink_both,
    slope_of,
)
from packshot.pictures.arrays import Bytes, Floats, Mask
from packshot.pictures.masks import disc, grow, opened, pieces, pieces_at

SIDE = 640  # px; sizes below are at this size
WIDEST = 9  # px; what is wider is not a rim
BESIDE = 3  # px outside the mask, where a rim's colour is measured
WINDOW = 4 * WIDEST + 1  # px; colours are averaged over windows of this side
OTHER_COLOUR = 15.0  # levels by which a rim differs from the background and from any mixture
MORE_THAN_NOISE = 1.5  # times the background's standard deviation, likewise
MIN_SUPPORT = 0.3  # of the pixels beside the mask, in a window, have the rim's colour
SHORTEST, LEAST = 0.02, 0.05  # of the outline: one strip of a rim, and all of them
SPECK = 12  # px; smaller pieces are not looked at
SHARP, SHARP_SHARE = 1.3, 0.6  # times the slope at a coarser scale, on this share of its outer edge
BEHIND = 3  # px behind the rim, where its background is measured
BACKGROUND = 0.25  # of the rim's difference from the background: there it differs less
MAX_SHADE = 0.5  # of a rim looks like the background in less light
# The background behind it is in shadow if more than IN_SHADOW of it looks so, and of the rim less
# than HARDLY_SHADE; then its difference may be larger.
IN_SHADOW, HARDLY_SHADE, SHADOWED = 0.7, 0.2, 0.4


@dataclass(frozen=True)
class _Ring:
    """The pixels around the mask, `at`, and one row for each: its colour, and the mean colours of
    the background and of the product near it."""

    small: Bytes
    inside: Mask
    away: Floats  # px of every pixel of the picture from the mask
    outside: Floats  # weights: where the background's colours are measured
    at: At
    colours: Floats
    outer: Floats
    inner: Floats
    shade: Mask  # whether it may be the background in less light

    def drawn(self, rows: Mask) -> Mask:
        """The pixels of these rows as a mask."""
        mask = np.zeros_like(self.inside)
        mask[self.at] = rows
        return mask


def add_rim(crop: Bytes, mask: Mask) -> Mask:
    """The mask, enlarged by the product's rim where it lacks it."""
    small, inside = shrink_both(crop, mask, SIDE)
    if not inside.any() or inside.all():
        return mask
    ring = _measure(small, inside)
    found = _find_rim(ring, _without_long_parts(ring.drawn(_like_a_rim(ring)), ring))
    if not found.any():
        return mask
    soft = cv2.GaussianBlur((inside | found).astype(np.float32), (0, 0), 0.8)
    grown = cv2.resize(soft, mask.shape[1::-1], interpolation=cv2.INTER_CUBIC) > 0.5
    near = cv2.resize(grow(found, 2).astype(np.float32), mask.shape[1::-1]) > 0.5
    return np.asarray(mask | (grown & near))


def _measure(small: Bytes, inside: Mask) -> _Ring:
    away, deep = distance_to(inside), distance_to(~inside)
    outside = ((away > WIDEST + 2) & (away <= 2 * WIDEST)).astype(np.float32)
    within = ((deep > BESIDE + 1) & (deep <= 3 * WIDEST)).astype(np.float32)
    at = np.nonzero((away > 0) & (away <= WIDEST + BEHIND + 1))
    soft = cv2.GaussianBlur(small, (0, 0), 0.7)
    outer = mean_near(small, outside, WINDOW, at)
    inner = mean_near(small, within, WINDOW, at)
    colours = soft[at].astype(np.float32)
    shade = is_shade(colours, outer)
    return _Ring(small, inside, away, outside, at, colours, outer, inner, shade)


def _like_a_rim(ring: _Ring) -> Mask:
    """Which pixels have the third colour that is found just outside the mask near them."""
    from_outer = np.linalg.norm(ring.colours - ring.outer, axis=1)
    from_mixture = distance_to_mixtures(ring.colours, ring.outer, ring.inner)
    beside = ring.away[ring.at] <= BESIDE
    third = (np.minimum(from_mixture, from_outer) > OTHER_COLOUR) & ~ring.shade
    if (third & beside).sum() < LEAST * beside.sum() / BESIDE:  # too few for a rim
        return np.zeros_like(third)
    noise = noise_near(ring.small, ring.outside, WINDOW, ring.at, ring.outer)
    third &= np.minimum(from_mixture, from_outer) > MORE_THAN_NOISE * noise
    first = ring.drawn(third & beside)
    support = _box(first)[ring.at] / np.maximum(_box(ring.drawn(beside))[ring.at], 1e-6)
    rim = mean_near(ring.small, first.astype(np.float32), WINDOW, ring.at)
    from_rim = np.linalg.norm(ring.colours - rim, axis=1)
    like = (from_rim < from_outer) & (from_rim < from_mixture)
    return np.asarray((like | (third & beside)) & (support > MIN_SUPPORT))


def _without_long_parts(strips: Mask, ring: _Ring) -> Mask:
    """What is connected to the mask, without the places where it goes on beyond the ring, and
    without tendrils."""
    strips = strips & (ring.away <= WIDEST)
    if not strips.any():
        return strips
    strips &= pieces_at(strips | ring.inside, ring.inside)
    kept = strips & (distance_to(strips & (ring.away > WIDEST - 1)) > WIDEST)
    return np.asarray(kept & opened(kept | ring.inside, disc(1)))


def _find_rim(ring: _Ring, strips: Mask) -> Mask:
    """The strips that are long enough, and end sharply before the background."""
    kept, along = np.zeros_like(strips), np.zeros_like(strips)
    if not strips.any():
        return kept
    outline = ring.inside & (distance_to(~ring.inside) < 1.5)
    length = int(outline.sum())
    likely = [
        strip
        for strip in pieces(strips, SPECK, connectivity=8)
        if _beside(strip, outline).sum() >= SHORTEST * length
        and _is_lit_before_background(strip, ring)
    ]
    if not likely:  # the slopes take longest
        return kept
    colours = ring.small.astype(np.float32)
    sharp = slope_of(colours, 0.8) > SHARP * slope_of(colours, 2.5)
    for strip in likely:
        end = grow(strip, 1) & ~strip & (ring.away > 1)
        if end.any() and sharp[end].mean() > SHARP_SHARE:
            kept |= strip
            along |= _beside(strip, outline)
    return kept if along.sum() > LEAST * length else np.zeros_like(kept)


def _beside(strip: Mask, outline: Mask) -> Mask:
    """The part of the outline along the strip."""
    return grow(strip, 2) & outline


def _is_lit_before_background(strip: Mask, ring: _Ring) -> bool:
    """Whether most of it is no shadow, and the background is just behind it, perhaps in shadow."""
    behind = (grow(strip, BEHIND + 1) & ~grow(strip, 1) & (ring.away > 1))[ring.at]
    off, shaded = ring.colours - ring.outer, ring.shade[strip[ring.at]].mean()
    there, here = off[behind], off[strip[ring.at]]
    if not len(there) or shaded > MAX_SHADE:
        return False
    less = float(np.linalg.norm(there.mean(0)) / max(1.0, float(np.linalg.norm(here.mean(0)))))
    in_shadow = ring.shade[behind].mean() > IN_SHADOW and shaded < HARDLY_SHADE
    return less < (SHADOWED if in_shadow else BACKGROUND)


def _box(mask: Mask) -> Floats:
    return np.asarray(cv2.blur(mask.astype(np.float32), (WINDOW, WINDOW)))
