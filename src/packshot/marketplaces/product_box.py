"""Finds the product on a plain backdrop, without its shadow and reflection. No I/O.

A soft shadow or a vignette changes the backdrop's light, not its colour, and has no edge. So all
pixels of the backdrop's colour that can be reached from the border without crossing an edge are
background; the rest is the product. This is decided on a small copy; the box is then measured at
full size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np

from packshot.marketplaces.reflections import find_reflection

#: A pixel that differs from the backdrop's colour by more than this (of 255) is not backdrop.
#: JPEG noise differs by less.
APART: Final = 12
#: The width of the border, as a share of the shorter side; at least one pixel.
BORDER: Final = 0.01
#: The backdrop is plain if this share of the border is near its median colour.
ONE_COLOUR: Final = 0.9
#: For a light backdrop this share is enough: the rest of the border may be product or shadow.
MOSTLY: Final = 0.5
#: A backdrop is light if its darkest channel has at least this level.
LIGHT: Final = 200
#: A row or column with no more than this share of product pixels shows only specks.
SPECKS: Final = 0.002
#: The longest side of the small copy, in pixels.
SMALL: Final = 512
# Shadows and vignettes:
#: A shadow has at least this share of the backdrop's light.
DARKEST: Final = 0.25
#: In a shadow, the channels' shares of the backdrop's light differ by at most this.
TINT: Final = 0.08
#: The middle of a vignette has at most this many times the light of the backdrop's median.
LIGHTEST: Final = 1.3
#: Shadows are only recognised on backdrops of at least this level; noise looks like a shadow on
#: darker ones.
SHADOWS_FROM: Final = 100
# Edges:
#: At full size the outline is measured in strips of this many pixels of the small copy.
STRIP: Final = 10
#: Within two pixels an edge makes at least this share of its step; a soft shadow makes less.
STEEP: Final = 0.45
#: Beside a stronger edge this share is needed, and a step of at least CLEAR levels.
STEEP_BESIDE: Final = 0.6
CLEAR: Final = 20
#: The whole step of an edge is measured within this many pixels.
REACH: Final = 9
#: Neighbouring pixels at a sharp outline differ by at least this many levels.
SHARP: Final = 10
#: The step of an edge has at least this many levels.
MIN_STEP: Final = 1.6
#: The step of an edge is at least this many standard deviations of the backdrop's noise.
OVER_NOISE: Final = 4.0
# Dust and faint outlines:
#: Dust is at most this long, as a share of the longer side.
DUST: Final = 0.02
#: Dust is at most this large, as a share of the product's area.
OF_PRODUCT: Final = 0.005
#: A faint outline is longer than this, as a share of the longer side.
FAINT: Final = 0.03
#: A faint outline counts if it reaches further than the product by more than this share of the
#: longer side, and by more than one of JPEG's blocks, whose noise may be around the product.
BEYOND: Final = 0.015
JPEG_BLOCK: Final = 16
# Shadows that reach the edge of the picture:
#: There the border is darker than the backdrop by at least this many levels.
SHADED: Final = 5
#: Such a shadow is longer than this share of a side.
SHORTEST_SHADOW: Final = 0.012
#: At its end such a shadow and the backdrop beside it differ by at most this share of light.
FADING: Final = 0.03
#: A vignette differs from a shadow: INWARDS (a share of the shorter side) from the edge it is
#: lighter by more than VIGNETTE (a share of light).
VIGNETTE: Final = 0.005
INWARDS: Final = 0.06
#: A hard shadow has at least this share of the backdrop's light.
HARD_SHADOW: Final = 0.55
#: The levels of a hard shadow have at most this standard deviation.
FLAT: Final = 8
#: The product beside a hard shadow covers at least this share of the picture.
MIN_REST: Final = 0.01
#: A visible pixel has at least this alpha.
SEEN: Final = 8
#: A solid pixel has at least this alpha.
SOLID: Final = 128
#: A shadow has less than this alpha.
SHADOW_ALPHA: Final = 230

NOT_PLAIN: Final = "the background is not plain"
NOTHING: Final = "nothing stands out from the background"
AS_LIGHT: Final = "parts of the picture hardly differ from the background"
#: Left, top, right and bottom.
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Backdrop:
    """The border's pixels and median colour, and whether the picture has one plain backdrop."""

    colour: Any
    border: Any
    is_plain: bool

    @property
    def is_light(self) -> bool:
        return bool(self.colour.min() >= LIGHT)


@dataclass(frozen=True)
class FoundProduct:
    """The product's box, or the reason why there is none. `edge_shadow` is None unless the backdrop
    is light."""

    box: Box | None
    edge_shadow: bool | None
    reason: str = ""


def border_of(pixels: Any) -> Any:
    """The outermost pixels, as (n, channels)."""
    height, width = pixels.shape[:2]
    deep = max(1, round(BORDER * min(width, height)))
    sides = (pixels[:deep], pixels[-deep:], pixels[deep:-deep, :deep], pixels[deep:-deep, -deep:])
    return np.concatenate([side.reshape(-1, pixels.shape[2]) for side in sides])


def find_backdrop(rgb: Any) -> Backdrop:
    border = border_of(rgb)
    colour = np.median(border[:: max(1, len(border) // 20_000)], axis=0)
    near = share_of(cv2.inRange(border[None], colour - APART, colour + APART))
    return Backdrop(colour, border, near >= (MOSTLY if colour.min() >= LIGHT else ONE_COLOUR))


def share_of(mask: Any) -> float:
    return float(np.count_nonzero(mask) / mask.size)


def find_product(rgb: Any, alpha: Any, backdrop: Backdrop) -> FoundProduct:
    """Find the product: in a transparent picture (with `alpha`) by alpha, else by the backdrop."""
    if alpha is not None and float((border_of(alpha[..., None]) < SOLID).mean()) >= MOSTLY:
        return _in_transparency(rgb, alpha)
    if not backdrop.is_plain:
        return FoundProduct(None, None, NOT_PLAIN)
    return _on_backdrop(rgb, backdrop)


def _on_backdrop(rgb: Any, backdrop: Backdrop) -> FoundProduct:
    masks = _make_masks(rgb, backdrop)
    shadow = _has_edge_shadow(masks) if backdrop.is_light else None
    box = _Outline(masks.product, rgb, backdrop.colour).box()
    if masks.faint is not None and (box is None or _reaches_beyond(masks, box, rgb)):
        return FoundProduct(None, shadow, AS_LIGHT)
    return FoundProduct(box, shadow, "" if box else NOTHING)


def _in_transparency(rgb: Any, alpha: Any) -> FoundProduct:
    """The solid pixels, without a shadow that was drawn into the cut-out."""
    masks = _make_masks(rgb, Backdrop(np.full(3, 255.0), border_of(rgb), is_plain=True))
    small = _shrink(alpha)
    solid = SOLID if float((small >= SOLID).mean()) > DUST**2 else SEEN
    product = (small >= solid) & ~(masks.ground & (small < SHADOW_ALPHA))
    mask, _ = _parts(product, product, block=0)
    box = _Outline(mask, rgb, alpha=cv2.inRange(alpha, solid, 255)).box()
    return FoundProduct(box, _has_edge_shadow(masks), "" if box else NOTHING)


def _shrink(pixels: Any) -> Any:
    height, width = pixels.shape[:2]
    scale = SMALL / max(width, height)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


class _Outline:
    """Measures the product's box at full size, exact to the pixel where its outline is sharp.

    `product` is a mask on the small copy. In a transparent picture `alpha` decides which pixels are
    product, in others their difference from the backdrop's `colour`.
    """

    def __init__(self, product: Any, rgb: Any, colour: Any = None, alpha: Any = None) -> None:
        square = np.ones((5, 5), np.uint8)
        self.around, self.core = cv2.dilate(product, square), cv2.erode(product, square)
        self.rgb, self.colour, self.alpha = rgb, colour, alpha

    def box(self) -> Box | None:
        """Measures only strips along the sides, if possible, which is much faster."""
        rough = _box(self.around, 0)
        if rough is None:
            return None
        height, width = self.rgb.shape[:2]
        small_height, small_width = self.around.shape
        left, right = (side * width // small_width for side in rough[::2])
        top, bottom = (side * height // small_height for side in rough[1::2])
        deep = STRIP * max(1, round(width / small_width))
        everywhere = slice(0, width), slice(0, height)
        sides = (
            self._lines(slice(left, left + deep), everywhere[1], 0),
            self._lines(everywhere[0], slice(top, top + deep), 1),
            self._lines(slice(max(0, right - deep), right), everywhere[1], 0),
            self._lines(everywhere[0], slice(max(0, bottom - deep), bottom), 1),
        )
        if not all(len(side) for side in sides):  # a side ends in a fine point
            return _box(self._mask(*everywhere))
        return int(sides[0][0]), int(sides[1][0]), int(sides[2][-1]) + 1, int(sides[3][-1]) + 1

    def _lines(self, across: slice, down: slice, axis: int) -> Any:
        """The columns (axis 0) or rows of this part in which the product is."""
        mask = self._mask(across, down)
        start = (across, down)[axis].start
        return start + np.flatnonzero(np.count_nonzero(mask, axis=axis) > SPECKS * mask.shape[axis])

    def _mask(self, across: slice, down: slice) -> Any:
        if self.alpha is not None:
            return (self.alpha[down, across] > 0) & self._enlarge(self.around, across, down)
        part, colour = self.rgb[down, across], self.colour
        apart = cv2.bitwise_not(cv2.inRange(part, colour - APART, colour + APART))
        steps = cv2.morphologyEx(
            _contrast(part, colour), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)
        )
        near, inside = (self._enlarge(mask, across, down) for mask in (self.around, self.core))
        return (apart > 0) & (inside | (near & (steps >= SHARP)))

    def _enlarge(self, mask: Any, across: slice, down: slice) -> Any:
        rows, columns = (
            np.arange(part.start, part.stop) * small // whole
            for part, small, whole in zip((down, across), mask.shape, self.rgb.shape, strict=False)
        )
        return mask[rows[:, None], columns] > 0


def _contrast(rgb: Any, colour: Any) -> Any:
    """Each pixel's darkest channel on a light backdrop, its lightest on a dark one."""
    red, green, blue = cv2.split(rgb)
    which = cv2.min if colour.mean() >= 128 else cv2.max
    return which(which(red, green), blue)


def _box(mask: Any, specks: float = SPECKS) -> Box | None:
    """The box around the mask. Rows and columns with no more than this share of pixels are specks
    and don't count."""
    height, width = mask.shape
    rows = np.flatnonzero(np.count_nonzero(mask, axis=1) > specks * width)
    columns = np.flatnonzero(np.count_nonzero(mask, axis=0) > specks * height)
    if not len(rows) or not len(columns):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _reaches_beyond(masks: _Masks, box: Box, rgb: Any) -> bool:
    """Whether the faint outlines reach clearly beyond the box."""
    scale = max(rgb.shape) / max(masks.ground.shape)
    left, top, right, bottom = (side * scale for side in masks.faint or (0, 0, 0, 0))
    allowed = max(JPEG_BLOCK, BEYOND * max(rgb.shape))
    beyond = box[0] - left, box[1] - top, right - box[2], bottom - box[3]
    return bool(max(beyond) > allowed)


# ---- on the small copy


@dataclass(frozen=True)
class _Masks:
    """Masks on the small copy: the `product` without dust; the `ground`: backdrop and shadows.

    `light` is each pixel's light over the backdrop's; `neutral`: it has the backdrop's colour;
    `faint` is the box of all outlines, including faint ones.
    """

    product: Any
    ground: Any
    light: Any
    neutral: Any
    faint: Box | None


def _make_masks(rgb: Any, backdrop: Backdrop) -> _Masks:
    small = _shrink(rgb)
    channels = [
        cv2.multiply(channel, 1 / max(level, 1), dtype=cv2.CV_32F)
        for channel, level in zip(cv2.split(small), backdrop.colour.tolist(), strict=True)
    ]
    most = cv2.max(cv2.max(channels[0], channels[1]), channels[2])
    least = cv2.min(cv2.min(channels[0], channels[1]), channels[2])
    light = (most + least) / 2
    neutral = most - least <= TINT
    near = cv2.inRange(small, backdrop.colour - APART, backdrop.colour + APART) > 0
    may_be = near
    if backdrop.colour.min() >= SHADOWS_FROM:
        may_be = near | (neutral & (light >= DARKEST) & (light <= LIGHTEST))
    ground = _find_reached(may_be & ~_edges(_contrast(small, backdrop.colour), near), near)
    clear, faint = _parts(~ground, ~near, JPEG_BLOCK * len(small) / len(rgb))
    if backdrop.is_light:
        clear, faint = _without_reflection(clear, faint, backdrop.colour - small)
    return _Masks(clear, ground, light, neutral, faint)


def _without_reflection(product: Any, faint: Box | None, contrast: Any) -> tuple[Any, Box | None]:
    box = _box(product, 0)
    if box is None:
        return product, faint
    left, top, right, bottom = box
    begins = find_reflection(contrast[top:bottom, left:right].astype(np.float32))
    if begins is None:
        return product, faint
    row = top + round(begins * (bottom - top))
    product[row:] = 0
    return product, faint and (*faint[:3], min(faint[3], row))


def _edges(channel: Any, near: Any) -> Any:
    """Where brightness changes by most of a step within two pixels."""
    grey = cv2.blur(channel.astype(np.float32), (3, 3))
    least = max(MIN_STEP, OVER_NOISE * _noise(grey, near))
    found = np.zeros(grey.shape, bool)
    for axis in (0, 1):
        step = _range(grey, axis, 1, 1)
        before, behind = _range(grey, axis, REACH, 1), _range(grey, axis, 1, REACH)
        found |= (step >= least) & (step >= STEEP * cv2.max(before, behind))
        found |= (step >= CLEAR) & (step >= STEEP_BESIDE * cv2.min(before, behind))
    return found


def _range(grey: Any, axis: int, before: int, behind: int) -> Any:
    """The lightest minus the darkest value, `before` pixels before to `behind` pixels behind."""
    line = np.ones(1 + before + behind, np.uint8)
    square, anchor = (line[:, None], (0, before)) if axis == 0 else (line[None], (before, 0))
    lightest, darkest = (change(grey, square, anchor=anchor) for change in (cv2.dilate, cv2.erode))
    return cv2.subtract(lightest, darkest)


def _noise(grey: Any, near: Any) -> float:
    """Standard deviation of the backdrop's noise, from the median difference of neighbours."""
    steps = cv2.absdiff(grey[:, 1:], grey[:, :-1])[near[:, 1:]]
    return float(np.median(steps) / 0.6745) if len(steps) else 0.0


def _find_reached(may_be: Any, near: Any) -> Any:
    """Everything that is connected with the backdrop at the border."""
    count, labels = cv2.connectedComponents(may_be.astype(np.uint8), connectivity=4)
    at_border = np.concatenate(
        [
            line[seen]
            for line, seen in zip(_side_lines(labels), _side_lines(may_be & near), strict=True)
        ]
    )
    reached = np.zeros(count, bool)
    reached[at_border] = True
    return reached[labels]


def _side_lines(pixels: Any, depth: int = 0) -> tuple[Any, ...]:
    """The row or column of pixels `depth` px inside each side."""
    behind = -1 - depth
    return pixels[depth], pixels[behind], pixels[:, depth], pixels[:, behind]


def _parts(parts: Any, apart: Any, block: float) -> tuple[Any, Box | None]:
    """The product: the parts that clearly differ, without dust. And the box of all outlines,
    including faint ones, or None. `block` is the width of JPEG's noise around dust."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(parts.astype(np.uint8))
    areas, extents = np.bincount(labels[apart & parts], minlength=count), stats[:, 2:4].max(axis=1)
    areas[0] = 0
    dust = extents <= max(DUST * max(labels.shape), 2 * block)
    dust &= areas <= OF_PRODUCT * areas.max()
    clear = (areas > 0) & ~dust
    outlines = (extents > FAINT * max(labels.shape)) & ~dust
    outlines[0] = False
    return clear[labels].astype(np.uint8), _around(stats[outlines])


def _around(stats: Any) -> Box | None:
    if not len(stats):
        return None
    left, top = stats[:, 0], stats[:, 1]
    right, bottom = left + stats[:, 2], top + stats[:, 3]
    return int(left.min()), int(top.min()), int(right.max()), int(bottom.max())


# ---- shadows at the edge


def _has_edge_shadow(masks: _Masks) -> bool:
    """Whether a soft or a hard (grey, light, flat) shadow reaches the picture's edge."""
    shadow = masks.ground & masks.neutral & (masks.light < 1 - SHADED / 255)
    inwards = round(INWARDS * min(shadow.shape))
    sides = zip(
        *(_side_lines(each) for each in (shadow, masks.ground, masks.light)),
        _side_lines(masks.light, inwards),
        strict=True,
    )
    return any(
        _has_soft_shadow(shaded & (within <= light + VIGNETTE), ground, light)
        for shaded, ground, light, within in sides
    ) or _has_hard_shadow(masks)


def _has_soft_shadow(shaded: Any, ground: Any, light: Any) -> bool:
    """Whether a line of the border has a dark stretch that is long enough and fades into the
    backdrop at one end, which a product does not."""
    ends = np.flatnonzero(np.diff(np.pad(shaded, 1).astype(np.int8))).reshape(-1, 2)
    for start, stop in ends[np.ptp(ends, axis=1) > SHORTEST_SHADOW * len(shaded)]:
        for inside, beyond in ((start, start - 1), (stop - 1, stop)):
            is_ground = 0 <= beyond < len(ground) and ground[beyond]
            if is_ground and abs(light[inside] - light[beyond]) <= FADING:
                return True
    return False


def _has_hard_shadow(masks: _Masks) -> bool:
    """Whether a flat light grey area at the edge is smaller than the rest, which is the product."""
    product = masks.product > 0
    grey = product & masks.neutral & (masks.light >= HARD_SHADOW) & (masks.light <= 1 - APART / 255)
    if not any(line.any() for line in _side_lines(grey)):
        return False
    _, labels, stats, _ = cv2.connectedComponentsWithStats(grey.astype(np.uint8))
    for number in np.unique(np.concatenate(_side_lines(labels))):
        area = stats[number, cv2.CC_STAT_AREA]
        rest = np.count_nonzero(product) - area
        if not number or rest < max(area, MIN_REST * product.size):
            continue
        length = sum(np.count_nonzero(line == number) for line in _side_lines(labels))
        is_flat = masks.light[labels == number].std() <= FLAT / 255
        if is_flat and length > SPECKS * 2 * sum(labels.shape):
            return True
    return False
