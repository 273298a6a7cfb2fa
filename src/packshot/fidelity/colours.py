"""Measures how far the product's colours changed, beyond what light and grading explain.

It searches for the likeliest change of light and vividness that turns the photo's colours into the
picture's. What no such change explains is a changed colour, and so is a change that is unlikely.
For a product of a single colour only the second can be measured: another shade and another light
look the same there.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from packshot.pictures.arrays import LUMA, WARM, Bytes, Floats, Mask, to_linear

SOFTENED: Final = 2.0  # px of blur, so that a misalignment of 2 px compares no wrong colours
MAX_PIXELS: Final = 8000
MIN_PIXELS: Final = 50
CLIPPED: Final = (10, 245)  # of 255: a channel outside this range has lost its true value
MIN_UNCLIPPED: Final = 0.1  # of the product; else the clipped pixels count, too
BIN: Final = 12.0  # Lab units: pixels within one cell of this size count as one colour
MAX_COLOURS: Final = 40
GREEN: Final = np.array([0.495, -0.810, 0.315])  # perpendicular to WARM: green against magenta
#: How much a good edit changes colours, as standard deviations: along WARM, along GREEN, and the
#: log of vividness.
LIKELY: Final = np.array([0.7, 0.04, 0.1])
APART: Final = 1.15  # a*b* units: standard deviation of a colour's change in a good edit
ROUNDS: Final = 5
STEP: Final = 1e-3


def colour_measures(raw: Bytes, other: Bytes, core: Mask) -> dict[str, float]:
    """`colour`: the unexplained change in a*b* units; `cast`: how unlikely the change of light is,
    in standard deviations. `other` is aligned with `raw` (both H x W x 3 sRGB); `core` is the
    product."""
    if int(core.sum()) < MIN_PIXELS:
        return {"colour": 0.0, "cast": 0.0}
    was, now, share = _colours(raw, other, core)
    light = _likeliest(was, now, share)
    remains, cast = np.split(_unlikeness(light, was, now, share), [-len(LIKELY)])
    return {
        "colour": APART * float(np.linalg.norm(remains)),
        "cast": float(np.linalg.norm(cast)),
    }


def _colours(raw: Bytes, other: Bytes, core: Mask) -> tuple[Floats, Floats, Floats]:
    """The photo's main colours (n x 3, linear light), those of the same pixels in the picture, and
    the share of pixels of each."""
    places = np.flatnonzero(core)
    places = places[:: max(1, len(places) // MAX_PIXELS)]
    exact = np.concatenate([one.reshape(-1, 3)[places] for one in (raw, other)], axis=1)
    whole = (exact.min(axis=1) > CLIPPED[0]) & (exact.max(axis=1) < CLIPPED[1])
    if whole.mean() > MIN_UNCLIPPED:
        places = places[whole]
    was, now = (
        to_linear(
            np.asarray(cv2.GaussianBlur(one, (0, 0), SOFTENED), np.uint8).reshape(-1, 3)[places]
        )
        for one in (raw, other)
    )
    _, kind, count = np.unique(
        np.floor(_lab(was) / BIN), axis=0, return_inverse=True, return_counts=True
    )
    largest = np.argsort(-count)[:MAX_COLOURS]
    was, now = (
        np.stack([np.bincount(kind.ravel(), one[:, c]) / count for c in range(3)], axis=1)[largest]
        for one in (was, now)
    )
    return was, now, count[largest] / count[largest].sum()


def _likeliest(was: Floats, now: Floats, share: Floats) -> Floats:
    """The change of light that explains most (three numbers, in units of LIKELY): Gauss-Newton."""
    light = np.zeros(len(LIKELY))
    for _ in range(ROUNDS):
        here = _unlikeness(light, was, now, share)
        beside = (_unlikeness(light + step, was, now, share) for step in STEP * np.eye(len(LIKELY)))
        slope = np.stack([(there - here) / STEP for there in beside], axis=1)
        light = light - np.linalg.lstsq(slope, here, rcond=None)[0]
    return light


def _unlikeness(light: Floats, was: Floats, now: Floats, share: Floats) -> Floats:
    """In standard deviations: the a* and b* error of each colour, then the light's numbers.

    Lightness does not count: an edit may move light and shadow.
    """
    warm, green, vivid = light * LIKELY
    lit = was * np.exp(warm * WARM + green * GREEN)
    lit = lit * ((now @ LUMA) / np.maximum(lit @ LUMA, 1e-5))[:, None]
    off = _lab(lit)[:, 1:] * np.exp(vivid) - _lab(now)[:, 1:]
    return np.concatenate([(off * (share**0.5)[:, None] / APART).ravel(), light])


def _lab(linear: Floats) -> Floats:
    """Linear light 0..1 (n x 3) -> Lab."""
    return np.asarray(cv2.cvtColor(linear[None].astype(np.float32), cv2.COLOR_LRGB2Lab)[0])
