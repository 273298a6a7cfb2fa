"""Variants on a new background: a cut-out placed on it, or a light backdrop turned white."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from packshot.enhancers.local import compose, flatfield, scenes, tone
from packshot.enhancers.local.findings import Findings
from packshot.enhancers.local.framing import Box, FramedPicture
from packshot.pictures.arrays import Bytes, resize

LOOSER, TIGHTER = 0.82, 1.1  # times the fill, as a reviewer asked
FULLEST = 0.96  # of the canvas


def place_on_backdrop(
    title: str, fill: float = compose.FILL
) -> Callable[[Findings], FramedPicture]:
    """A recipe that puts the cut-out product on a backdrop of compose.BACKDROPS."""

    def make(findings: Findings) -> FramedPicture:
        top, left, bottom, right = findings.product.box
        part = _fill(findings, fill)
        side = compose.canvas_side(max(bottom - top, right - left), part)
        return compose.put_on(findings.prepared(side, part), compose.BACKDROPS[title](side))

    return make


def whiten_backdrop(title: str, fill: float = compose.FILL) -> Callable[[Findings], FramedPicture]:
    """A recipe that makes the photo's own backdrop white, or tints it like a sweep."""

    def make(findings: Findings) -> FramedPicture:
        made = _frame_on_white(findings, _fill(findings, fill))
        photo = made.picture
        if title in ("studio", "warm"):
            sweep = compose.BACKDROPS[title](max(photo.shape[:2]))
            sweep = resize(sweep, photo.shape[1], photo.shape[0])
            photo = cv2.multiply(photo, sweep, scale=1 / 255).astype(np.uint8)
        picture = tone.sharpen(photo, made.scale, findings.tone.noise)
        return FramedPicture(picture, made.top, made.left, made.scale)

    return make


def _fill(findings: Findings, fill: float) -> float:
    asked = findings.options.direction("tighter", "looser")
    return min(FULLEST, fill * {1: TIGHTER, 0: 1.0, -1: LOOSER}[asked])


def _frame_on_white(findings: Findings, fill: float) -> FramedPicture:
    """The whitened photo with the product filling `fill` of a square.

    If the photo's frame cuts the product, the frame stays: in the middle the cut would show.
    """
    height, width = findings.rgb.shape[:2]
    box = findings.box
    if any(_touching(box, height, width)):
        scale = min(1.0, compose.MAX_SIDE / max(height, width))
        return FramedPicture(_whiten_window(findings, (0, 0, height, width), scale), 0, 0, scale)
    longer = max(box[2] - box[0], box[3] - box[1])
    side = compose.canvas_side(longer, fill)
    scale = fill * side / longer
    reach = side / scale / 2
    y, x = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    window = (round(y - reach), round(x - reach), round(y + reach), round(x + reach))
    inside = (max(0, window[0]), max(0, window[1]), min(height, window[2]), min(width, window[3]))
    sides = (inside[0] == 0, inside[3] == width, inside[2] == height, inside[1] == 0)
    photo = flatfield.fade_to_white(_whiten_window(findings, inside, scale), sides)
    canvas = compose.white(side)
    top, left = round((inside[0] - window[0]) * scale), round((inside[1] - window[1]) * scale)
    photo = photo[: side - top, : side - left]
    canvas[top : top + photo.shape[0], left : left + photo.shape[1]] = photo
    return FramedPicture(canvas, window[0], window[1], scale)


def _whiten_window(findings: Findings, window: Box, scale: float) -> Bytes:
    """A window of the photo with its backdrop made white."""
    height, width = findings.rgb.shape[:2]
    top, left, bottom, right = window
    part = (top / height, left / width, bottom / height, right / width)
    # Dividing by the backdrop corrects exposure and white balance already.
    corrected = scenes.correct(findings, window, scale, neutral_exposure=True)
    return flatfield.whiten(corrected, findings.backdrop, part)


def _touching(box: Box, height: int, width: int) -> tuple[bool, bool, bool, bool]:
    slack = 0.006 * max(height, width)
    return (box[0] <= slack, box[3] >= width - slack, box[2] >= height - slack, box[1] <= slack)
