"""Finds places of the product that were painted over or printed on.

What is dark on the product is lifted in both pictures alike first, so that a faint difference there
counts as much as one in enough light.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from packshot.pictures.arrays import LUMA, Bytes, Floats, Mask, as_bytes, resize, to_linear
from packshot.pictures.masks import disc, grow

STRUCTURE_FLOOR: Final = 12.0  # squared levels of Lab; flatter areas have no structure to compare
FAINT: Final = 0.35  # of the other picture's variance; where less is left, the structure is gone
REPAINTED: Final = 4.0  # dE of a window; light and sharpness change structure by less
NEAR: Final = 4  # px; structure within this distance is only displaced
MIN_EDGE: Final = 0.0003  # of the compared pixels; smaller pieces are not worth a look
AROUND: Final = 10  # px; what is compared on both sides of an edge
DARK: Final = 0.01  # linear light; ratios of less are noise
SHADOW: Final = (0.2, 1.0)  # log ratio: how much a shadow takes of the light
SAME_HUE: Final = 0.3  # log ratio between channels; a shadow takes about the same of each
EVEN: Final = 0.08  # log ratio; the spread on each side of a shadow's edge
WIDE: Final = 7.5  # px from the rim; strokes of print are thinner on one side
MIDDLE: Final = 0.18  # linear light; what has less around it is lifted
MOST: Final = 6.0  # times as much light; beyond it the photo's noise would be measured
LIFT_BLUR: Final = 20.0  # px; an eighth of the size is enough to compute so smooth a gain


@dataclass(frozen=True)
class Repainted:
    """Places where only the photo has structure (`gone`: print or a seam that was painted over), or
    only the picture (`added`), and the colours differ. `share` of the compared pixels have that in
    the largest place; places under a quarter of it are left out."""

    gone: Mask
    added: Mask
    share: float


def find_repainted(
    variances: tuple[Floats, Floats], patch: Floats, core: Mask, pictures: tuple[Floats, Floats]
) -> Repainted:
    """Where one picture's structure has no counterpart near that place in the other. Pieces that
    nearly touch are one place. The edges of new shadows are left out."""
    kernel, possible = disc(NEAR), core & (patch > REPAINTED)
    gone, added = (
        possible & (here > STRUCTURE_FLOOR) & (cv2.dilate(there, kernel) < FAINT * here)
        for here, there in (variances, variances[::-1])
    )
    added = _without_shadows(added, core, pictures)
    wide = [grow(mask, NEAR) for mask in (gone, added)]
    _, places = cv2.connectedComponents((wide[0] | wide[1]).astype(np.uint8))
    areas = np.bincount(places[gone | added], minlength=1)
    largest = int(areas.max())
    kept = (areas >= max(1, largest // 4))[places]
    return Repainted(kept & wide[0], kept & wide[1], largest / max(1, int(core.sum())))


def _without_shadows(added: Mask, core: Mask, pictures: tuple[Floats, Floats]) -> Mask:
    least = MIN_EDGE * float(core.sum())
    if float(added.sum()) < least:
        return added
    raw, enhanced = (cv2.GaussianBlur(to_linear(p), (0, 0), 1.0) + DARK for p in pictures)
    ratio = np.log(enhanced / raw)
    _, pieces = cv2.connectedComponents(grow(added, NEAR).astype(np.uint8))
    areas = np.bincount(pieces[added])
    for piece in np.flatnonzero(areas >= max(least, 1.0)):
        here = added & (pieces == piece)
        if _is_shadow_edge(here, ratio, core):
            added = added & ~here
    return added


def _is_shadow_edge(edge: Mask, ratio: Floats, core: Mask) -> bool:
    """Whether the picture is darker by one even factor on one side, and that side is wide and
    reaches the product's outline. Print is thin, coloured, or lies inside the product."""
    near = grow(edge, AROUND) & core
    light = ratio.mean(axis=2)
    middle = float(np.percentile(light[near], (3, 97)).mean())
    dark, bright = core & (light < middle), core & (light >= middle)
    medians = []
    for side in (dark, bright):
        inside = near & (cv2.erode(side.astype(np.uint8), disc(2)) > 0)
        depth = cv2.distanceTransform(side.astype(np.uint8), cv2.DIST_L2, 3)[near]
        if not inside.any() or float(depth.max()) < WIDE:
            return False
        away = np.abs(light[inside] - np.median(light[inside]))
        if 1.48 * float(np.median(away)) > EVEN:
            return False
        medians.append(np.median(ratio[inside], axis=0))
    step = medians[1] - medians[0]
    even = SHADOW[0] <= float(step.mean()) <= SHADOW[1] and float(np.ptp(step)) <= SAME_HUE
    return even and _reaches_outline(dark, near, core)


def _reaches_outline(dark: Mask, near: Mask, core: Mask) -> bool:
    _, areas = cv2.connectedComponents(dark.astype(np.uint8))
    outline = core & (cv2.erode(core.astype(np.uint8), disc(1), borderValue=0) == 0)
    return bool(np.isin(areas[outline & dark], areas[near & dark]).any())


def gain_of(rgb: Bytes, product: Mask) -> Floats:
    """By how much sRGB values are multiplied at each place; 1 where the product is well lit."""
    height, width = product.shape
    size = (max(1, width // 8), max(1, height // 8))
    weight = cv2.resize(product.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    light = (to_linear(resize(rgb, *size)) @ LUMA) * weight
    around, known = (
        cv2.GaussianBlur(one.astype(np.float32), (0, 0), LIFT_BLUR / 8) for one in (light, weight)
    )
    gain = np.clip(MIDDLE * known / np.maximum(around, 1e-4), 1.0, MOST) ** (1 / 2.2)
    return np.asarray(cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR))


def lift(rgb: Bytes, gain: Floats) -> Bytes:
    return as_bytes(rgb * gain[..., None])
