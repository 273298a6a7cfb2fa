"""Variants on a new background: a cut-out placed on it, or a light backdrop turned white."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from packshot.enhancers.local import compose, scenes
from packshot.enhancers.local.findings import Findings
from packshot.enhancers.local.framing import FramedPicture
from packshot.enhancers.local.light import flatfield, tone
from packshot.enhancers.local.light.tone import Tone
from packshot.pictures.arrays import Bytes, as_bytes, lowest
from packshot.pictures.boxes import Box

LOOSER, TIGHTER = 0.82, 1.1  # times the fill, as a reviewer asked
FULLEST, LOOSEST = 0.96, 0.2  # of the canvas
STILL_ASKED = 220  # a byte; lighter colours of a whitened picture follow a wish less and less


def place_on_backdrop(
    title: str, fill: float = compose.FILL
) -> Callable[[Findings], FramedPicture]:
    """A recipe that puts the cut-out product on a backdrop of compose.BACKDROPS."""

    def make(findings: Findings) -> FramedPicture:
        part = _fill(findings, fill)
        side = compose.canvas_side(findings.product.box.longer, part)
        return compose.put_on(findings.prepared(side, part), compose.BACKDROPS[title](side))

    return make


def whiten_backdrop(fill: float = compose.FILL) -> Callable[[Findings], FramedPicture]:
    """A recipe that makes the photo's own backdrop white."""

    def make(findings: Findings) -> FramedPicture:
        made = _frame_on_white(findings, _fill(findings, fill))
        picture = tone.sharpen(made.picture, made.scale, findings.tone.noise)
        return FramedPicture(picture, made.top, made.left, made.scale)

    return make


def _fill(findings: Findings, fill: float) -> float:
    asked = findings.options.direction("tighter", "looser")
    times = TIGHTER**asked if asked > 0 else LOOSER**-asked
    return float(min(FULLEST, max(LOOSEST, fill * times)))


def _frame_on_white(findings: Findings, fill: float) -> FramedPicture:
    """The whitened photo with the product filling `fill` of a square.

    If the photo's frame cuts the product, the frame stays: in the middle the cut would show.
    """
    height, width = findings.rgb.shape[:2]
    box = findings.box
    if any(_touching(box, height, width)):
        scale = min(1.0, compose.MAX_SIDE / max(height, width))
        whole = Box(0, 0, width, height)
        return FramedPicture(_whiten_window(findings, whole, scale), 0, 0, scale)
    side = compose.canvas_side(box.longer, fill)
    scale = fill * side / box.longer
    reach = side / scale / 2
    y, x = (box.top + box.bottom) / 2, (box.left + box.right) / 2
    left, top, right, bottom = (
        round(edge) for edge in (x - reach, y - reach, x + reach, y + reach)
    )
    inside = Box(max(0, left), max(0, top), min(width, right), min(height, bottom))
    sides = (inside.top == 0, inside.right == width, inside.bottom == height, inside.left == 0)
    photo = flatfield.fade_to_white(_whiten_window(findings, inside, scale), sides)
    canvas = compose.white(side)
    down, across = round((inside.top - top) * scale), round((inside.left - left) * scale)
    photo = photo[: side - down, : side - across]
    canvas[down : down + photo.shape[0], across : across + photo.shape[1]] = photo
    return FramedPicture(canvas, top, left, scale)


def _whiten_window(findings: Findings, window: Box, scale: float) -> Bytes:
    """A window of the photo with its backdrop made white."""
    # Dividing by the backdrop corrects exposure and white balance already.
    corrected = scenes.correct(findings, window, scale, neutral_exposure=True)
    part = window.share_of(findings.rgb.shape)
    white = flatfield.whiten(corrected, findings.backdrop, part)
    return _in_light(white, findings.asked)


def _in_light(white: Bytes, asked: Tone) -> Bytes:
    """The whitened picture in the light that a reviewer asked for; what is white stays white."""
    relit = tone.curves(white, asked)
    if relit is white:
        return white
    rise = np.clip((np.arange(256) - STILL_ASKED) / (255 - STILL_ASKED), 0, 1)
    keep = cv2.LUT(lowest(white), as_bytes(rise * 255))
    weight = cv2.merge([keep, keep, keep])
    kept = cv2.multiply(white, weight, scale=1 / 255)
    moved = cv2.multiply(relit, cv2.bitwise_not(weight), scale=1 / 255)
    return np.asarray(cv2.add(kept, moved), np.uint8)


def _touching(box: Box, height: int, width: int) -> tuple[bool, bool, bool, bool]:
    slack = 0.006 * max(height, width)
    return (
        box.top <= slack,
        box.right >= width - slack,
        box.bottom >= height - slack,
        box.left <= slack,
    )
