"""Puts a product on a canvas: white, studio grey or another backdrop, with a soft shadow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.enhancers.local.cut.edges import CutProduct
from packshot.enhancers.local.framing import FramedPicture
from packshot.enhancers.local.light import tone
from packshot.pictures.arrays import Bytes, Floats, as_bytes, resize, size_at
from packshot.pictures.boxes import Box

#: The product's longer side in shares of the canvas. Amazon wants 85 %; 86 leaves some tolerance.
FILL = 0.86
MAX_SIDE = 2048  # px
#: A shadow begins to fade at most this far from the canvas's edge, in shares of its side.
FADE = 0.15
#: Within this share of the side from the edge no shadow is left: marketplaces measure the rim.
CLEAR = 0.012
#: A product whose canvas would be smaller than this is enlarged, in px.
GOOD_SIDE = 1000
#: A product is enlarged at most this many times, because the picture would look blurred.
MAX_ENLARGE = 1.5


def canvas_side(product_side: int, fill: float = FILL) -> int:
    """The side of the square canvas for a product of this size: at most 2048 px; at least 1000 px,
    if the product need not be enlarged by more than 1.5."""
    own = product_side / fill
    return int(min(MAX_SIDE, max(own, min(GOOD_SIDE, own * MAX_ENLARGE))))


@dataclass(frozen=True)
class PlacedProduct:
    """A product at its size and place on a square canvas, ready for any background."""

    colours: Bytes
    alpha: NDArray[np.uint8]
    light: NDArray[np.uint8] | None  # what the shadow leaves of the light; None: none is drawn
    at: tuple[slice, slice]  # its place on the canvas
    top: float  # as in FramedPicture
    left: float
    scale: float


def prepare(
    product: CutProduct, side: int, fill: float = FILL, noise: float = 0.0
) -> PlacedProduct:
    """Sharpen the product and centre it on a canvas of `side` px, filling `fill` of it.

    It gets a soft shadow unless the file already contains one. `noise` is as in tone.Tone.
    """
    left, top, right, bottom = product.box
    scale = fill * side / product.box.longer
    colours, alpha = _scale_product(product, scale)
    dx = round(side / 2 - (left + right) / 2 * scale)
    dy = round(side / 2 - (top + bottom) / 2 * scale)
    # A shadow in the file may be larger than the canvas: crop.
    here = np.s_[max(0, dy) : dy + alpha.shape[0], max(0, dx) : dx + alpha.shape[1]]
    there = np.s_[max(0, -dy) : side - dy, max(0, -dx) : side - dx]
    alpha = np.ascontiguousarray(alpha[there])
    if product.has_shadow:
        edges = (np.array(product.box) * scale - (there[1].start, there[0].start) * 2).round()
        alpha = _fade_shadow(alpha, Box(*(int(edge) for edge in edges)), side)
    cover = np.zeros((side, side), np.uint8)
    cover[here] = alpha
    light = None if product.has_shadow else _light(cover)
    scale *= product.scale
    sharp = tone.sharpen(np.ascontiguousarray(colours[there]), scale, noise)
    return PlacedProduct(
        sharp,
        alpha,
        light,
        here,
        product.top - dy / scale,
        product.left - dx / scale,
        scale,
    )


def _fade_shadow(alpha: NDArray[np.uint8], box: Box, side: int) -> NDArray[np.uint8]:
    """Fade the shadow of a file out towards each side, so that no line shows where the photo's
    frame or the canvas cuts it off. Only outside the product's box: the product, its see-through
    parts and its smooth outline stay as they are."""
    faded = alpha.copy()
    left, top, right, bottom = box
    height, width = alpha.shape
    clear = round(CLEAR * side)
    for turns, gap in enumerate((top, width - right, height - bottom, left)):
        reach = min(round(FADE * side), gap)
        if reach > clear:  # else there is no shadow on this side, only the product's outline
            strip = np.rot90(faded, turns)[:reach]  # a quarter turn brings the next side to the top
            keep = (np.arange(reach, dtype=np.float32)[:, None] - clear) / (reach - clear)
            strip[:] = as_bytes(strip * np.maximum(keep, 0))
    return faded


def put_on(prepared: PlacedProduct, background: Bytes) -> FramedPicture:
    """Put the product and its shadow on a square background of the prepared size."""
    light, here = prepared.light, prepared.at
    canvas = background.copy()
    if light is not None:
        shade = cv2.merge([light, light, light])
        canvas = np.asarray(cv2.multiply(background, shade, scale=1 / 255), np.uint8)
    weight = cv2.cvtColor(prepared.alpha, cv2.COLOR_GRAY2RGB)
    above = cv2.multiply(prepared.colours, weight, scale=1 / 255)
    below = cv2.multiply(np.ascontiguousarray(canvas[here]), cv2.bitwise_not(weight), scale=1 / 255)
    canvas[here] = cv2.add(above, below)
    return FramedPicture(canvas, prepared.top, prepared.left, prepared.scale)


def _light(cover: NDArray[np.uint8]) -> NDArray[np.uint8]:
    light = as_bytes(255 * (1 - soft_shadow(cover)))
    return np.asarray(cv2.resize(light, cover.shape[::-1], interpolation=cv2.INTER_CUBIC))


def soft_shadow(cover: NDArray[np.uint8]) -> Floats:
    """Darkness 0..1 at a quarter of the size: a faint shadow all around and, if the product stands
    on a base, a contact shadow. It fades to exactly 0, so that white stays 255.
    """
    quarter = max(1, cover.shape[0] // 4)
    small = cv2.resize(cover, (quarter, quarter), interpolation=cv2.INTER_AREA)
    solid = small.astype(np.float32) / 255
    unit = quarter / 100
    around = cv2.GaussianBlur(_shift(solid, round(0.8 * unit)), (0, 0), 1.6 * unit) * 0.10
    dark = np.maximum(around, _contact(solid, unit))
    return np.asarray(np.clip(dark - 0.012, 0, 1), np.float32)


def white(side: int) -> Bytes:
    """A pure white canvas."""
    return np.full((side, side, 3), 255, np.uint8)


@lru_cache(maxsize=1)
def studio(side: int) -> Bytes:
    """A soft grey sweep: light behind the product, darker towards the corners."""
    return _sweep(
        side, np.array([238, 238, 239], np.float32), np.array([205, 206, 208], np.float32)
    )


@lru_cache(maxsize=1)
def cream(side: int) -> Bytes:
    """A pale warm sweep."""
    return _sweep(
        side, np.array([250, 246, 238], np.float32), np.array([232, 224, 211], np.float32)
    )


def charcoal(side: int) -> Bytes:
    """A dark sweep."""
    return _sweep(side, np.array([92, 93, 96], np.float32), np.array([38, 38, 41], np.float32))


BACKDROPS: dict[str, Callable[[int], Bytes]] = {
    "white": white,
    "tight": white,
    "studio": studio,
    "warm": cream,
    "dark": charcoal,
}


def _sweep(side: int, light: Floats, deep: Floats) -> Bytes:
    """A radial glow behind the product over a vertical gradient, dithered against banding."""
    small = max(2, side // 8)  # nothing in it is finer
    y, x = np.mgrid[0 : 1 : small * 1j, 0 : 1 : small * 1j].astype(np.float32)
    glow = np.exp(-(((x - 0.5) / 0.55) ** 2 + ((y - 0.42) / 0.5) ** 2))
    floor = np.clip((y - 0.72) / 0.28, 0, 1) ** 2 * 0.25
    part = np.clip(glow * (1 - floor) + 0.15, 0, 1)[..., None]
    smooth = cv2.resize((deep + (light - deep) * part).astype(np.float32), (side, side))
    grain = np.random.default_rng(7).random((side, side), np.float32) - 0.5
    return as_bytes(smooth + grain[..., None])


def _scale_product(product: CutProduct, scale: float) -> tuple[Bytes, NDArray[np.uint8]]:
    size = size_at(product.alpha, scale)
    colours = resize(product.colours, *size)
    if scale > 1:  # enlarging by Lanczos makes a white line around dark print
        smooth = cv2.resize(product.colours, size, interpolation=cv2.INTER_LINEAR)
        colours = tone.keep_below_white(colours, np.asarray(smooth, np.uint8))
    return colours, resize(product.alpha, *size)


def _contact(cover: Floats, unit: float) -> Floats:
    """The contact shadow under the lowest points of the outline, if they form a base."""
    solid = cover > 0.5
    if not solid.any():
        return np.zeros_like(cover)
    has = solid.any(axis=0)
    lowest = np.where(has, cover.shape[0] - 1 - solid[::-1].argmax(axis=0), -1)
    base = has & (lowest >= lowest.max() - 3.0 * unit)
    if base.sum() < 0.12 * has.sum():
        return np.zeros_like(cover)
    ground = np.zeros_like(cover)
    thick = max(1, round(0.9 * unit))
    for column in np.flatnonzero(base):
        ground[lowest[column] - thick // 2 : lowest[column] + thick, column] = 1.0
    return _soften(ground, unit)


def _soften(ground: Floats, unit: float) -> Floats:
    """The contact shadow: dark near the ground line, fainter further away."""
    near = cv2.GaussianBlur(ground, (0, 0), sigmaX=1.2 * unit, sigmaY=0.6 * unit) * 0.55
    far = cv2.GaussianBlur(ground, (0, 0), sigmaX=4.0 * unit, sigmaY=1.6 * unit) * 0.45
    return np.asarray(np.maximum(near, far), np.float32)


def _shift(plane: Floats, down: int) -> Floats:
    moved = np.zeros_like(plane)
    moved[down:] = plane[: plane.shape[0] - down]
    return moved
