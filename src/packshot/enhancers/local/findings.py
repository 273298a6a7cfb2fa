"""Everything that is measured on one photo, once, and remembered while its variants are made."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.enhancers.local import backdrop as backdrops
from packshot.enhancers.local import compose, cutout, cutout_rembg, edges, tone
from packshot.enhancers.local.backdrop import Backdrop
from packshot.enhancers.local.colour import Bytes
from packshot.enhancers.local.cutout import CutOut
from packshot.enhancers.local.edges import Product
from packshot.enhancers.local.tone import Tone
from packshot.pictures.imaging import to_array

Method = Literal["classical", "rembg", "off"]
# alpha: the file's own transparency; cut: a trusted mask; whiten: a light plain backdrop divided
# away; scene: the background stays.
Ground = Literal["alpha", "cut", "whiten", "scene"]
SEE_THROUGH = 250  # an alpha that never goes below this cuts nothing out
SMALLEST = 64  # px of the shorter side; below it there is no outline worth cutting
Box = tuple[int, int, int, int]  # top, left, bottom, right


@dataclass(frozen=True, eq=False)
class Findings:
    """One decoded photo and what is known about it."""

    rgb: Bytes  # HxWx3; a see-through picture: laid on white
    rgba: NDArray[np.uint8] | None  # HxWx4, when the file brought its own transparency
    backdrop: Backdrop
    tone: Tone
    cut: CutOut | None
    ground: Ground
    why: str  # one clause: how the background is dealt with, and why so

    @property
    def box(self) -> Box:
        """The product's likely place in the photo's pixels; the whole frame when unknown."""
        if self.rgba is not None:
            return edges.box_of(edges.solid_of(self.rgba[..., 3]))
        if self.cut is None:
            return (0, 0, self.rgb.shape[0], self.rgb.shape[1])
        mask = self.cut.mask if self.ground == "cut" else self.cut.extent
        return edges.window(edges.box_of(mask), mask.shape, self.rgb.shape, 0.0)

    @cached_property
    def product(self) -> Product:
        """The product alone with its light and colour corrected; for `alpha` and `cut` only."""
        longest = round(compose.MAX_SIDE * compose.FILL)
        if self.rgba is not None:
            return edges.from_alpha(self.rgba, longest)
        if self.cut is None:
            raise ValueError("this photo has no product mask")
        return edges.cut(tone.curves(self.rgb, self.tone), self.cut.mask, longest)


_recent: dict[str, Findings] = {}


def look(data: bytes, method: Method) -> Findings:
    """Decode and measure a photo; the last one is remembered, since its variants follow it."""
    key = f"{method}:{hashlib.sha256(data).hexdigest()}"
    if key not in _recent:
        _recent.clear()  # before decoding: two large photos need not fit side by side
        _recent[key] = _look(data, method)
    return _recent[key]


def _look(data: bytes, method: Method) -> Findings:
    cv2.setNumThreads(1)  # the pool of children is the parallelism
    pixels = to_array(data)
    if pixels.shape[2] == 4 and int(pixels[..., 3].min()) < SEE_THROUGH:
        return _look_through(pixels)
    rgb = np.ascontiguousarray(pixels[..., :3])
    backdrop = backdrops.measure(rgb)
    cut = _cut(rgb, backdrop, method)
    ground, why = _ground(backdrop, cut)
    return Findings(rgb, None, backdrop, tone.measure(rgb, backdrop), cut, ground, why)


def _cut(rgb: Bytes, backdrop: Backdrop, method: Method) -> CutOut | None:
    """By the network when asked for and when it is sure of itself, else by classical means."""
    if method == "off" or min(rgb.shape[:2]) < SMALLEST:
        return None
    if method == "rembg":
        answer = cutout.from_likelihood(cutout_rembg.likelihood(rgb), rgb)
        if answer is not None and answer.trusted:
            return answer
    return cutout.find(rgb, backdrop)


def _look_through(rgba: NDArray[np.uint8]) -> Findings:
    """A picture with its own transparency was made by hand: nothing in it needs correcting."""
    cover = cv2.cvtColor(np.ascontiguousarray(rgba[..., 3]), cv2.COLOR_GRAY2RGB)
    shown = cv2.multiply(np.ascontiguousarray(rgba[..., :3]), cover, scale=1 / 255)
    rgb = np.asarray(cv2.add(shown, cv2.bitwise_not(cover)), np.uint8)
    why = "the file's own transparency"
    return Findings(rgb, rgba, backdrops.measure(rgb), Tone(), None, "alpha", why)


def _ground(backdrop: Backdrop, cut: CutOut | None) -> tuple[Ground, str]:
    """A trusted cut-out, else whitening where a light backdrop allows it, else the scene."""
    if cut is not None and cut.trusted:
        return "cut", cut.why()
    doubt = "no cut-out found" if cut is None else cut.why()
    if backdrop.light_grey:
        return "whiten", f"backdrop whitened without a mask ({doubt})"
    return "scene", f"background kept ({doubt})"
