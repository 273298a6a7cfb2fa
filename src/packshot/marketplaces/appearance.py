"""Measures what a picture shows: background, product, shadow, frame. Works on pixels, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np

from packshot.marketplaces.files import PictureFile
from packshot.marketplaces.frames import has_frame
from packshot.marketplaces.product_box import (
    LIGHT,
    Box,
    FoundProduct,
    find_backdrop,
    find_product,
    share_of,
)

#: A pixel is white if its darkest channel has this level.
WHITE: Final = 255
NOT_LIGHT: Final = "the background is not plain and light"


@dataclass(frozen=True)
class Appearance:
    """What is measured on the pixels."""

    border_white: float | None = None
    border_light: float | None = None
    fill: float | None = None
    edge_contact: str | None = None
    frame: str | None = None
    edge_shadow: str | None = None


def look_at(file: PictureFile) -> tuple[Appearance, dict[str, str]]:
    """The measures, and for each that is None the reason."""
    if file.pixels is None:
        return Appearance(), dict.fromkeys(vars(Appearance()), file.reason)
    cv2.setNumThreads(1)  # parallel work comes from several pixel processes
    rgb, alpha = _on_white(file.pixels)
    backdrop = find_backdrop(rgb)
    red, green, blue = cv2.split(backdrop.border[None])
    darkest = cv2.min(cv2.min(red, green), blue)
    found = find_product(rgb, alpha, backdrop)
    height, width = rgb.shape[:2]
    seen = Appearance(
        border_white=share_of(darkest >= WHITE),
        border_light=share_of(darkest >= LIGHT),
        fill=None if found.box is None else _fill(found.box, width, height),
        edge_contact=None if found.box is None else _edge_contact(found.box, width, height),
        frame=_in_a_word(has_frame(rgb)),
        edge_shadow=None if found.edge_shadow is None else _in_a_word(found.edge_shadow),
    )
    return seen, _reasons(found)


def _in_a_word(seen: bool) -> str:
    return "yes" if seen else "no"


def _reasons(found: FoundProduct) -> dict[str, str]:
    reasons = {}
    if found.box is None:
        reasons = dict.fromkeys(("fill", "edge_contact"), found.reason)
    if found.edge_shadow is None:
        reasons["edge_shadow"] = NOT_LIGHT
    return reasons


def _on_white(pixels: Any) -> tuple[Any, Any]:
    """The picture as a white page shows it, and its alpha; None if it is opaque."""
    if pixels.shape[2] == 3:
        return np.ascontiguousarray(pixels), None
    rgb, alpha = np.ascontiguousarray(pixels[..., :3]), np.ascontiguousarray(pixels[..., 3])
    if alpha.min() == WHITE:
        return rgb, None
    deep = cv2.merge([alpha] * 3)
    return cv2.add(cv2.multiply(rgb, deep, scale=1 / 255), cv2.bitwise_not(deep)), alpha


def _fill(box: Box, width: int, height: int) -> float:
    left, top, right, bottom = box
    return max((right - left) / width, (bottom - top) / height)


def _edge_contact(box: Box, width: int, height: int) -> str:
    left, top, right, bottom = box
    sides = {
        "left": left <= 0,
        "top": top <= 0,
        "right": right >= width,
        "bottom": bottom >= height,
    }
    return ", ".join(side for side, touches in sides.items() if touches) or "none"
