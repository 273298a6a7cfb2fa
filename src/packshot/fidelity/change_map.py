"""Draws the change map: the enhanced picture, paler, with the differences drawn over it.

Warm: areas over their threshold. Red frames: lines that read differently. Blue: missing. Orange:
added. Grey: parts of the product that could not be judged. Two swatches: the product's colour in
the photo, and in the picture. Differences below their threshold are not drawn.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np

from packshot.fidelity.comparing import Comparison
from packshot.fidelity.scoring import Weights
from packshot.fidelity.verdicts import Reason
from packshot.pictures.arrays import Bytes, Floats, shrink
from packshot.pictures.vips import vips

SIDE: Final = 1024  # px
QUALITY: Final = 82
EFFORT: Final = 2  # of 6: half the time of 4, and 7 % more bytes
WARM: Final = (255, 70, 0)
BLUE: Final = (0, 90, 255)
ORANGE: Final = (255, 165, 0)
GREY: Final = (128, 128, 128)
RED: Final = (220, 0, 40)


def draw(rgb: Bytes, compared: Comparison, reasons: list[Reason], weights: Weights) -> bytes:
    """A WebP with the enhanced picture's aspect ratio, at most 1,024 px."""
    small = shrink(rgb, SIDE)
    canvas = 0.55 * small.astype(np.float32) + 0.45 * 255
    if compared.maps is not None and compared.found is not None:
        _paint(canvas, compared, {reason.code for reason in reasons}, weights)
    drawn = np.clip(canvas, 0, 255).astype(np.uint8)
    for reason in reasons:
        if reason.enhanced is not None and reason.code == "text":
            _frame(drawn, reason.enhanced)
    if compared.maps is not None and any(reason.code == "colour" for reason in reasons):
        _swatches(drawn, (compared.maps.colours.was, compared.maps.colours.now))
    return encode_webp(drawn)


def encode_webp(rgb: Bytes) -> bytes:
    image = vips().Image.new_from_array(np.ascontiguousarray(rgb), interpretation="srgb")
    data: bytes = image.webpsave_buffer(Q=QUALITY, effort=EFFORT, keep="none")
    return data


def _paint(canvas: Floats, compared: Comparison, codes: set[str], weights: Weights) -> None:
    maps = compared.maps
    assert maps is not None
    matrix = _to_canvas(compared, canvas.shape[1])
    shown = maps.judged | maps.parts.missing | maps.parts.extra | maps.parts.scraps
    unjudged = maps.product & ~shown
    _tint(canvas, unjudged.astype(np.float32) * 0.35, GREY, matrix)
    heat = np.zeros(maps.patch.shape, np.float32)
    for code, values in (("patch", maps.patch), ("detail", maps.detail)):
        if code in codes or "texture" in codes:
            knots = weights.measures[code]
            heat = np.maximum(heat, _heat(values, knots.high if code in codes else knots.low))
    _tint(canvas, heat, WARM, matrix)
    parts = (
        ("missing", maps.parts.missing, BLUE),
        ("extra", maps.parts.extra | maps.parts.scraps, ORANGE),
        ("repainted", maps.repainted.gone, BLUE),
        ("repainted", maps.repainted.added, ORANGE),
    )
    for code, mask, colour in parts:
        if code in codes:
            _tint(canvas, mask.astype(np.float32) * 0.75, colour, matrix)


def _heat(values: Floats, limit: float) -> Floats:
    """0 up to the limit; beyond it 0.3 to 0.8, growing with the distance."""
    beyond = np.clip((values - limit) / max(limit, 1e-6), 0, 1) * 0.5
    return np.asarray(np.where(values > limit, 0.3 + beyond, 0), np.float32)


def _tint(canvas: Floats, weight: Floats, colour: tuple[int, int, int], matrix: Floats) -> None:
    """Lay a colour over the canvas; `weight` (0..1) has the raw crop's size."""
    if not weight.any():
        return
    size = (canvas.shape[1], canvas.shape[0])
    moved = cv2.warpPerspective(weight.astype(np.float32), matrix, size)[..., None]
    canvas *= 1 - moved
    canvas += moved * np.array(colour, np.float32)


def _to_canvas(compared: Comparison, width: int) -> Floats:
    """Raw crop px -> px of the canvas, by the homography."""
    assert compared.frames is not None and compared.found is not None
    frame = compared.frames[1]
    scale = width / frame.width
    put: Any = np.array(
        [
            [frame.scale * scale, 0, frame.left * scale],
            [0, frame.scale * scale, frame.top * scale],
            [0, 0, 1],
        ]
    )
    return np.asarray(put @ compared.found.homography)


def _frame(drawn: Bytes, shares: list[float]) -> None:
    height, width = drawn.shape[:2]
    left, top, right, bottom = np.array(shares) * (width, height, width, height)
    corners = (round(left) - 3, round(top) - 3), (round(right) + 3, round(bottom) + 3)
    cv2.rectangle(drawn, *corners, RED, 3)


def _swatches(drawn: Bytes, colours: tuple[Floats, Floats]) -> None:
    """The product's colour in the photo and in the picture, side by side in the corner."""
    side = max(24, drawn.shape[1] // 12)
    for number, colour in enumerate(colours):
        left = 12 + number * side
        drawn[12 : 12 + side, left : left + side] = np.round(colour).astype(np.uint8)
    cv2.rectangle(drawn, (11, 11), (12 + 2 * side, 12 + side), RED, 2)
