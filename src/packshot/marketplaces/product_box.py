"""Finds the product on a plain backdrop, without its shadow and reflection; pixels, no I/O.

A soft shadow and a vignette change the backdrop's light, not its colour, and have no edge. So what
is of the backdrop's colour and can be reached from the border without crossing an edge is backdrop,
and the rest is the product. That is decided on a small copy; the box is then measured in the
picture's own pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np

from packshot.marketplaces.reflections import find_reflection

#: A pixel this far (of 255) from the backdrop's colour is not backdrop; JPEG noise stays below.
APART: Final = 12
#: The border looked at: this share of the shorter side, at least one pixel.
BORDER: Final = 0.01
#: A backdrop has one colour when this share of the border is near its median.
ONE_COLOUR: Final = 0.9
#: A product at the edge, or a shadow, is looked for on a light backdrop that has at least this
#: share of the border.
MOSTLY: Final = 0.5
#: "Light", by the darkest channel.
LIGHT: Final = 200
#: Rows and columns of specks: fewer pixels than this share of a line are not the product.
SPECKS: Final = 0.002
#: The longest side of the small copy, in pixels.
SMALL: Final = 512
#: A shadow keeps at least this share of the backdrop's light ...
DARKEST: Final = 0.25
#: ... and its colour, within this share.
TINT: Final = 0.08
#: Lighter than the backdrop's median by at most this share: the middle of a vignette.
LIGHTEST: Final = 1.3
#: Shadows are looked for on backdrops of at least this level: a darker one's noise is like them.
SHADOWS_FROM: Final = 100
#: Along the sides of the product the picture itself is looked at, so many small pixels deep.
STRIP: Final = 10
#: An edge makes at least this share of its step within two pixels; a soft shadow needs more.
STEEP: Final = 0.45
#: Beside a stronger edge, which hides that, a step of so many levels is one on the other side.
STEEP_BESIDE: Final = 0.6
CLEAR: Final = 20
#: An edge has made its whole step within so many pixels.
REACH: Final = 9
#: A pixel of a sharp outline differs by this many levels from one beside it.
SHARP: Final = 10
#: The least step of an edge, in levels ...
LEAST_STEP: Final = 1.6
#: ... and in standard deviations of the backdrop's noise.
OVER_NOISE: Final = 4.0
#: A speck of dust is at most this share of the longer side ...
DUST: Final = 0.02
#: ... and of the product's area.
OF_PRODUCT: Final = 0.005
#: A faint outline is at least this long, as a share of the longer side.
FAINT: Final = 0.03
#: It is larger than what is clearly the product by this share, and by more than one of the blocks
#: in which JPEG makes noise of its own.
BEYOND: Final = 0.015
JPEG_BLOCK: Final = 16
#: In a shadow at the edge the border is darker than the backdrop by this many levels.
SHADED: Final = 5
#: It is longer than this share of a side ...
SHORTEST_SHADOW: Final = 0.012
#: ... and ends in steps of at most this share of light.
FADING: Final = 0.03
#: A vignette, unlike a shadow, is lighter by this share of light ...
VIGNETTE: Final = 0.005
#: ... this share of the shorter side further in.
INWARDS: Final = 0.06
#: A hard shadow keeps this share of light ...
HARD_SHADOW: Final = 0.55
#: ... and its levels have at most this standard deviation.
FLAT: Final = 8
#: Beside a hard shadow the product has at least this share of the picture.
LEAST_REST: Final = 0.01
#: Alpha of what can be seen at all, of what is solid, and of a shadow at most.
SEEN: Final = 8
SOLID: Final = 128
SHADOW_ALPHA: Final = 230

NOT_PLAIN: Final = "the background is not plain"
NOTHING: Final = "nothing stands out from the background"
AS_LIGHT: Final = "parts of the picture can hardly be told from the background"
#: Left, top, right and bottom.
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Backdrop:
    """The colour of the border and whether the picture has one plain backdrop."""

    colour: Any
    border: Any
    is_plain: bool

    @property
    def is_light(self) -> bool:
        return bool(self.colour.min() >= LIGHT)


@dataclass(frozen=True)
class Found:
    """The product's box, or why there is none; `edge_shadow` is None on no light backdrop."""

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


def find_product(rgb: Any, alpha: Any, backdrop: Backdrop) -> Found:
    """In a see-through picture (`alpha` is not None) what is solid; else what is no backdrop."""
    if alpha is not None and float((border_of(alpha[..., None]) < SOLID).mean()) >= MOSTLY:
        return _in_transparency(rgb, alpha)
    if not backdrop.is_plain:
        return Found(None, None, NOT_PLAIN)
    return _on_backdrop(rgb, backdrop)


def _on_backdrop(rgb: Any, backdrop: Backdrop) -> Found:
    view = _look(rgb, backdrop)
    shadow = _has_edge_shadow(view) if backdrop.is_light else None
    box = _Outline(view.product, rgb, backdrop.colour).box()
    if view.faint is not None and (box is None or _reaches_beyond(view, box, rgb)):
        return Found(None, shadow, AS_LIGHT)
    return Found(box, shadow, "" if box else NOTHING)


def _in_transparency(rgb: Any, alpha: Any) -> Found:
    """What is solid; on white it is seen which of it is a shadow that came with the cut-out."""
    view = _look(rgb, Backdrop(np.full(3, 255.0), border_of(rgb), is_plain=True))
    small = _shrunk(alpha)
    solid = SOLID if float((small >= SOLID).mean()) > DUST**2 else SEEN
    product = (small >= solid) & ~(view.ground & (small < SHADOW_ALPHA))
    mask, _ = _parts(product, product, block=0)
    box = _Outline(mask, rgb, alpha=cv2.inRange(alpha, solid, 255)).box()
    return Found(box, _has_edge_shadow(view), "" if box else NOTHING)


def _shrunk(pixels: Any) -> Any:
    height, width = pixels.shape[:2]
    scale = SMALL / max(width, height)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


class _Outline:
    """The product in the picture's own pixels: where its outline is sharp, to the pixel.

    `product` is a mask on the small copy; of a see-through picture the mask of its solid pixels
    decides, of others the difference from the backdrop's colour.
    """

    def __init__(self, product: Any, rgb: Any, colour: Any = None, alpha: Any = None) -> None:
        square = np.ones((5, 5), np.uint8)
        self.around, self.core = cv2.dilate(product, square), cv2.erode(product, square)
        self.rgb, self.colour, self.alpha = rgb, colour, alpha

    def box(self) -> Box | None:
        """Looks first only at strips along the sides, which is much quicker."""
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
        if not all(len(side) for side in sides):  # ends in a fine point
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
    """The channel of each pixel in which it differs most from a light, or a dark backdrop."""
    red, green, blue = cv2.split(rgb)
    which = cv2.min if colour.mean() >= 128 else cv2.max
    return which(which(red, green), blue)


def _box(mask: Any, specks: float = SPECKS) -> Box | None:
    """Around what is not zero; a line needs more than this share of it."""
    height, width = mask.shape
    rows = np.flatnonzero(np.count_nonzero(mask, axis=1) > specks * width)
    columns = np.flatnonzero(np.count_nonzero(mask, axis=0) > specks * height)
    if not len(rows) or not len(columns):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _reaches_beyond(view: _View, box: Box, rgb: Any) -> bool:
    """Whether outlines that hardly show are clearly farther out than the box."""
    scale = max(rgb.shape) / max(view.ground.shape)
    left, top, right, bottom = (side * scale for side in view.faint or (0, 0, 0, 0))
    allowed = max(JPEG_BLOCK, BEYOND * max(rgb.shape))
    beyond = box[0] - left, box[1] - top, right - box[2], bottom - box[3]
    return bool(max(beyond) > allowed)


# ---- on the small copy


@dataclass(frozen=True)
class _View:
    """Masks on the small copy: the `product` without dust; the `ground`, shadows included.

    `light` is each pixel's share of the backdrop's, `neutral` says where it has the backdrop's
    colour, and `faint` is the box of all outlines, those that hardly show too.
    """

    product: Any
    ground: Any
    light: Any
    neutral: Any
    faint: Box | None


def _look(rgb: Any, backdrop: Backdrop) -> _View:
    small = _shrunk(rgb)
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
    return _View(clear, ground, light, neutral, faint)


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
    """Where most of a step in brightness is made within two pixels."""
    grey = cv2.blur(channel.astype(np.float32), (3, 3))
    least = max(LEAST_STEP, OVER_NOISE * _noise(grey, near))
    found = np.zeros(grey.shape, bool)
    for axis in (0, 1):
        step = _range(grey, axis, 1, 1)
        before, behind = _range(grey, axis, REACH, 1), _range(grey, axis, 1, REACH)
        found |= (step >= least) & (step >= STEEP * cv2.max(before, behind))
        found |= (step >= CLEAR) & (step >= STEEP_BESIDE * cv2.min(before, behind))
    return found


def _range(grey: Any, axis: int, before: int, behind: int) -> Any:
    """The difference of the lightest and the darkest within so many pixels before and behind."""
    line = np.ones(1 + before + behind, np.uint8)
    square, anchor = (line[:, None], (0, before)) if axis == 0 else (line[None], (before, 0))
    lightest, darkest = (change(grey, square, anchor=anchor) for change in (cv2.dilate, cv2.erode))
    return cv2.subtract(lightest, darkest)


def _noise(grey: Any, near: Any) -> float:
    """Of the backdrop, as a standard deviation, by the median difference of neighbours."""
    steps = cv2.absdiff(grey[:, 1:], grey[:, :-1])[near[:, 1:]]
    return float(np.median(steps) / 0.6745) if len(steps) else 0.0


def _find_reached(may_be: Any, near: Any) -> Any:
    """What is connected with the backdrop at the border."""
    count, labels = cv2.connectedComponents(may_be.astype(np.uint8), connectivity=4)
    at_border = np.concatenate(
        [line[seen] for line, seen in zip(_lines(labels), _lines(may_be & near), strict=True)]
    )
    reached = np.zeros(count, bool)
    reached[at_border] = True
    return reached[labels]


def _lines(pixels: Any, depth: int = 0) -> tuple[Any, ...]:
    """Those of the four sides, at this depth."""
    behind = -1 - depth
    return pixels[depth], pixels[behind], pixels[:, depth], pixels[:, behind]


def _parts(parts: Any, apart: Any, block: float) -> tuple[Any, Box | None]:
    """The product, of the parts that clearly stand out, without dust; and the box of all outlines,
    faint ones too; None where there is none. `block` is the width of JPEG's noise around dust."""
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


def _has_edge_shadow(view: _View) -> bool:
    """A soft shadow that runs out of the frame, or a hard one: grey, light and flat."""
    shadow = view.ground & view.neutral & (view.light < 1 - SHADED / 255)
    inwards = round(INWARDS * min(shadow.shape))
    sides = zip(
        *(_lines(each) for each in (shadow, view.ground, view.light)),
        _lines(view.light, inwards),
        strict=True,
    )
    return any(
        _has_soft_shadow(shaded & (within <= light + VIGNETTE), ground, light)
        for shaded, ground, light, within in sides
    ) or _has_hard_shadow(view)


def _has_soft_shadow(shaded: Any, ground: Any, light: Any) -> bool:
    """On a line of the border: long enough, and fading into the backdrop at one of its ends, which
    a part of a product does not."""
    ends = np.flatnonzero(np.diff(np.pad(shaded, 1).astype(np.int8))).reshape(-1, 2)
    for start, stop in ends[np.ptp(ends, axis=1) > SHORTEST_SHADOW * len(shaded)]:
        for inside, beyond in ((start, start - 1), (stop - 1, stop)):
            is_ground = 0 <= beyond < len(ground) and ground[beyond]
            if is_ground and abs(light[inside] - light[beyond]) <= FADING:
                return True
    return False


def _has_hard_shadow(view: _View) -> bool:
    """What is one flat light grey and much smaller than the rest, which is the product."""
    product = view.product > 0
    grey = product & view.neutral & (view.light >= HARD_SHADOW) & (view.light <= 1 - APART / 255)
    if not any(line.any() for line in _lines(grey)):
        return False
    _, labels, stats, _ = cv2.connectedComponentsWithStats(grey.astype(np.uint8))
    for number in np.unique(np.concatenate(_lines(labels))):
        area = stats[number, cv2.CC_STAT_AREA]
        rest = np.count_nonzero(product) - area
        if not number or rest < max(area, LEAST_REST * product.size):
            continue
        length = sum(np.count_nonzero(line == number) for line in _lines(labels))
        is_flat = view.light[labels == number].std() <= FLAT / 255
        if is_flat and length > SPECKS * 2 * sum(labels.shape):
            return True
    return False
