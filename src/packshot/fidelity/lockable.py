"""Measures whether the photo's pixels can be put over the generated product without it showing."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Final

import cv2
import numpy as np

from packshot.fidelity import alignment
from packshot.fidelity.measures import (
    blur_inside,
    drop_neighbours,
    unexplained_difference,
)
from packshot.fidelity.sides import Side
from packshot.fidelity.transform import (
    Transform,
    fit,
    rotation,
    to_whole_picture,
    track_corners,
)
from packshot.pictures.arrays import Bytes, Floats, Mask, to_lab
from packshot.pictures.boxes import Box, box_of
from packshot.pictures.masks import disc, grow, opened, piece_sizes, without_specks

# Lengths are in shares of the product's longer side.
RIM: Final = 0.008  # from the outline inwards: stays as it was generated
FEATHER: Final = 0.012  # from there inwards: blended
INSIDE: Final = 0.03  # from the outline: deeper pixels are the inside of a mask
SOFT: Final = 0.012  # finer differences than this are not compared at the seam
WINDOW: Final = 0.06  # length of a stretch of the seam
SLIVER: Final = 0.02  # thinner differences between two masks are noise
THROUGH: Final = 14.0  # dE; a smaller change of the background would not show through
LIKE: Final = 9.0  # dE; a pixel this near to the background may be see-through
UNLIKE: Final = 20.0  # dE, beyond what 5 px of misalignment explain


@dataclass(frozen=True)
class LockMeasures:
    """What was measured on a photo and its picture; lengths are in shares of the product's longer
    side."""

    points: float  # common points that the alignment found
    off: float  # the points' error after a shift and a scale, 90th percentile
    turned: float  # degrees
    enlarged: float  # picture px per photo px
    outline: float  # intersection over union of the two masks
    piece: float  # largest piece that only one mask has, in shares of the photo's product
    corners: float  # how many corners of the product were found in both
    spread: float  # the share of the product's width or height that they cover, the smaller one
    bent: float  # the corners' error after a shift and a scale, 95th percentile
    unsure: float  # how much the network doubts the inside of its mask, 0..1
    seam: float  # dE, median along the seam
    seam_worst: float  # dE, of the worst stretch of it
    light: float  # L, median of the core, picture minus photo
    cast: float  # a*b*, difference of the medians of the core
    through: float  # share of the core where product and background changed alike
    differs: float  # share of the core that looks clearly different
    core: float  # share of the photo's product that would be locked

    def as_dict(self) -> dict[str, float]:
        return {each.name: round(float(getattr(self, each.name)), 5) for each in fields(self)}


@dataclass(frozen=True)
class LockPlan:
    """How the lock would be made, at work size: `cover` is the photo's share of each pixel, 0..1;
    `product` is the photo's product in the picture; `transform` maps the photo to the picture."""

    measured: LockMeasures
    transform: Transform
    cover: Floats
    product: Mask


def measure(
    raw: Side, enhanced: Side, photo: Bytes, picture: Bytes, full: float
) -> LockPlan | None:
    """None when the two could not be aligned. `photo` and `picture` are RGB at work size;
    `full` turns their scale into that of the original photo and the finished picture."""
    found = alignment.align(raw, enhanced)
    if found is None:
        return None
    source = to_whole_picture(found.source, raw.frame)
    target = to_whole_picture(found.target, enhanced.frame)
    first, off = fit(source, target)
    masks = _masks(raw, enhanced, first, picture.shape[:2])
    if not masks.both.any():
        return None
    transform, bent, corners = _refine(first, photo, picture, masks.both)
    depth = masks.depth
    cover = np.clip((depth / masks.size - RIM) / FEATHER, 0, 1).astype(np.float32)
    labs = (to_lab(warp_photo(photo, transform, picture.shape[:2])), to_lab(picture))
    values = _of_masks(masks, depth) | _of_colours(labs, masks, cover)
    measured = LockMeasures(
        points=float(found.inliers),
        off=float(np.percentile(off, 90)) / masks.size,
        turned=rotation(source, target),
        enlarged=transform.scale * full,
        corners=float(len(corners)),
        spread=_spread(corners, masks.box),
        bent=float(np.percentile(bent, 95)) / masks.size if len(bent) else 1.0,
        **values,
    )
    return LockPlan(measured, transform, cover, masks.ours)


def _of_masks(masks: Masks, depth: Floats) -> dict[str, float]:
    inside = depth > INSIDE * masks.size
    either = masks.ours | masks.theirs
    return {
        "outline": float(masks.both.sum()) / float(either.sum()),
        "piece": _largest(masks.ours ^ masks.theirs, masks.size) / float(masks.ours.sum()),
        "unsure": float(masks.doubt[inside].mean()) if inside.any() else 1.0,
    }


def _of_colours(labs: tuple[Floats, Floats], masks: Masks, cover: Floats) -> dict[str, float]:
    core = cover >= 1
    seam, worst = _seam(labs, masks.both, cover, masks.size)
    apart = _median(labs[1], core) - _median(labs[0], core)
    return {
        "seam": seam,
        "seam_worst": worst,
        "light": float(apart[0]),
        "cast": float(np.linalg.norm(apart[1:])),
        "through": _through(labs, masks.ours | masks.theirs, core, masks.size),
        "differs": _differs(labs, core),
        "core": float(core.sum()) / float(masks.ours.sum()),
    }


def warp_photo(photo: Bytes, transform: Transform, shape: tuple[int, ...]) -> Bytes:
    """The photo, moved so that its product is where the picture shows it; H x W x 3 of `shape`."""
    soft: Floats = photo
    if transform.scale < 0.9:
        soft = cv2.GaussianBlur(photo, (0, 0), 0.45 * (1 / transform.scale**2 - 1) ** 0.5)
    size = (shape[1], shape[0])
    return np.asarray(
        cv2.warpAffine(
            soft, transform.matrix(), size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


@dataclass(frozen=True)
class Masks:
    """In px of the picture at work size: the photo's product, the picture's product, and how
    unsure the network is of either (0..1)."""

    ours: Mask
    theirs: Mask
    doubt: Floats

    @cached_property
    def both(self) -> Mask:
        return self.ours & self.theirs

    @cached_property
    def box(self) -> Box:
        """Around the area that both masks cover."""
        return box_of(self.both)

    @property
    def size(self) -> float:
        return float(self.box.longer)

    @property
    def depth(self) -> Floats:
        """Each px's distance from the outline of the area that both masks cover, in px."""
        padded = np.pad(self.both, 1).astype(np.uint8)
        return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1])


def _masks(raw: Side, enhanced: Side, transform: Transform, shape: tuple[int, ...]) -> Masks:
    likely = _likelihood_in_picture(raw, transform, shape)
    other = _likelihood_in_picture(enhanced, Transform(1.0, 0.0, 0.0), shape)
    ours, theirs = without_specks(likely > 127), without_specks(other > 127)
    ours = drop_neighbours(ours, theirs)
    return Masks(ours, theirs, 1 - np.minimum(likely, other) / np.float32(255))


def _likelihood_in_picture(side: Side, transform: Transform, shape: tuple[int, ...]) -> Bytes:
    frame = side.frame
    put = Transform(frame.scale, frame.left, frame.top).then(transform)
    size = (shape[1], shape[0])
    return np.asarray(cv2.warpAffine(side.likelihood, put.matrix(), size), np.uint8)


def _refine(
    first: Transform, photo: Bytes, picture: Bytes, product: Mask
) -> tuple[Transform, Floats, Floats]:
    """A better transform by the product's corners, the error of each in px, and their positions."""
    warped = warp_photo(photo, first, picture.shape)
    source, target = track_corners(warped, picture, product)
    if len(source) < 20:
        return first, np.zeros(0), source
    rest, off = fit(source, target)
    return first.then(rest), off, source


def _largest(mask: Mask, size: float) -> float:
    """The area of its largest piece, px, without slivers along the outline."""
    thick = opened(mask, disc(max(3, round(SLIVER * size)) // 2))
    return float(piece_sizes(thick).max(initial=0))


def _spread(corners: Floats, box: Box) -> float:
    if len(corners) < 20:
        return 0.0
    low, high = np.percentile(corners, [2, 98], axis=0)
    return float(((high - low) / (box.width, box.height)).min())


def _seam(
    labs: tuple[Floats, Floats], product: Mask, cover: Floats, size: float
) -> tuple[float, float]:
    """dE between the blurred photo and picture where they are blended: median, worst stretch."""
    band = (cover > 0) & (cover < 1)
    if not band.any():
        return 99.0, 99.0
    weight = product.astype(np.float32)
    sigma = max(1.0, SOFT * size / 2)
    known = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None] + 1e-3
    apart = cv2.GaussianBlur((labs[1] - labs[0]) * weight[..., None], (0, 0), sigma) / known
    error = np.linalg.norm(apart, axis=2)
    side = max(5, round(WINDOW * size)) | 1
    held = np.where(band, error, 0).astype(np.float32)
    many = cv2.boxFilter(band.astype(np.float32), -1, (side, side))
    mean = cv2.boxFilter(held, -1, (side, side)) / np.maximum(many, 1e-4)
    return float(np.median(error[band])), float(mean[band].max())


def _median(lab: Floats, where: Mask) -> Floats:
    return np.median(lab[where], axis=0) if where.any() else np.zeros(3)


def _through(labs: tuple[Floats, Floats], product: Mask, core: Mask, size: float) -> float:
    """Share of the core that looks like its background in both, though the backgrounds differ."""
    near = grow(product, max(3, round(0.02 * size)) // 2)
    backgrounds = [_background(lab, ~near) for lab in labs]
    changed = np.linalg.norm(backgrounds[0] - backgrounds[1], axis=2) > THROUGH
    moved = np.linalg.norm(labs[0] - labs[1], axis=2) > THROUGH
    like = [np.linalg.norm(a - b, axis=2) < LIKE for a, b in zip(labs, backgrounds, strict=True)]
    seen = core & changed & moved & like[0] & like[1]
    thick = opened(seen, disc(max(3, round(0.008 * size)) // 2))
    return float(thick.sum()) / max(1.0, float(core.sum()))


def _background(lab: Floats, where: Mask) -> Floats:
    """The background, continued behind the product."""
    blurred, known = blur_inside(lab, where, 0.12 * max(where.shape))
    return np.asarray(cv2.resize(blurred / (known[..., None] + 1e-4), where.shape[::-1]))


def _differs(labs: tuple[Floats, Floats], core: Mask) -> float:
    """Share of the core whose change neither a shift of 5 px nor a change of light explains."""
    if not core.any():
        return 1.0
    lit = labs[0] + (_median(labs[1], core) - _median(labs[0], core))
    return float((unexplained_difference(lit, labs[1])[core] > UNLIKE).mean())
