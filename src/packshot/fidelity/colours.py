"""How far the product's colours are from the photo's, beyond what light and grading explain.

The likeliest change of light and vividness is sought that makes the enhanced picture's colours of
the photo's. What remains speaks of another colour, and so does a change that is not likely. A
product of one colour has nothing that remains: there another shade looks like another light.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from packshot.fidelity.sides import Mask
from packshot.pictures.arrays import LUMA, Bytes, Floats, to_linear

SOFTENED: Final = 2.0  # px: a misplacement of as much mixes no colours
MOST_PIXELS: Final = 8000
LEAST_PIXELS: Final = 50
CLIPPED: Final = (10, 245)  # of 255: a channel beyond has lost its value
LEAST_UNCLIPPED: Final = 0.1  # of the product; else the clipped pixels count, too
BIN: Final = 12.0  # Lab units: pixels as alike as that are one colour
MOST_COLOURS: Final = 40
#: Log gains of red, green and blue from daylight (D65) to tungsten light (CIE A, 2,856 K), their
#: mean taken out: 1.48 long. What a white balance changes lies on this line.
WARM: Final = np.array([0.649, 0.104, -0.753])
GREEN: Final = np.array([0.495, -0.810, 0.315])  # off the line, as far as it may be
#: What a good edit does to colours, as standard deviations: along that line half of its length, off
#: it, and the log of vividness.
LIKELY: Final = np.array([0.7, 0.04, 0.1])
APART: Final = 1.15  # units of a*b* that colours differ by in a good edit, as a standard deviation
ROUNDS: Final = 5
STEP: Final = 1e-3


def colour_measures(raw: Bytes, other: Bytes, core: Mask) -> dict[str, float]:
    """`colour`: a*b* units that remain; `cast`: how unlikely the change of light is, in standard
    deviations. `other` lies over `raw` (both H x W x 3 sRGB), `core` is the product."""
    if int(core.sum()) < LEAST_PIXELS:
        return {"colour": 0.0, "cast": 0.0}
    was, now, share = _colours(raw, other, core)
    light = _likeliest(was, now, share)
    remains, cast = np.split(_unlikeness(light, was, now, share), [-len(LIKELY)])
    return {
        "colour": APART * float(np.linalg.norm(remains)),
        "cast": float(np.linalg.norm(cast)),
    }


def _colours(raw: Bytes, other: Bytes, core: Mask) -> tuple[Floats, Floats, Floats]:
    """The photo's colours (n x 3, linear light), the same pixels' now, and their shares."""
    places = np.flatnonzero(core)
    places = places[:: max(1, len(places) // MOST_PIXELS)]
    exact = np.concatenate([one.reshape(-1, 3)[places] for one in (raw, other)], axis=1)
    whole = (exact.min(axis=1) > CLIPPED[0]) & (exact.max(axis=1) < CLIPPED[1])
    if whole.mean() > LEAST_UNCLIPPED:
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
    largest = np.argsort(-count)[:MOST_COLOURS]
    was, now = (
        np.stack([np.bincount(kind.ravel(), one[:, c]) / count for c in range(3)], axis=1)[largest]
        for one in (was, now)
    )
    return was, now, count[largest] / count[largest].sum()


def _likeliest(was: Floats, now: Floats, share: Floats) -> Floats:
    """The change of light (in units of LIKELY's three) that explains most, by Gauss-Newton."""
    light = np.zeros(len(LIKELY))
    for _ in range(ROUNDS):
        here = _unlikeness(light, was, now, share)
        beside = (_unlikeness(light + step, was, now, share) for step in STEP * np.eye(len(LIKELY)))
        slope = np.stack([(there - here) / STEP for there in beside], axis=1)
        light = light - np.linalg.lstsq(slope, here, rcond=None)[0]
    return light


def _unlikeness(light: Floats, was: Floats, now: Floats, share: Floats) -> Floats:
    """In standard deviations: what each colour is off in a* and b*, then the light's own three.

    How light a colour is does not count: light and shadow fall where they like.
    """
    warm, green, vivid = light * LIKELY
    lit = was * np.exp(warm * WARM + green * GREEN)
    lit = lit * ((now @ LUMA) / np.maximum(lit @ LUMA, 1e-5))[:, None]
    off = _lab(lit)[:, 1:] * np.exp(vivid) - _lab(now)[:, 1:]
    return np.concatenate([(off * (share**0.5)[:, None] / APART).ravel(), light])


def _lab(linear: Floats) -> Floats:
    """Linear light 0..1 (n x 3) -> Lab."""
    return np.asarray(cv2.cvtColor(linear[None].astype(np.float32), cv2.COLOR_LRGB2Lab)[0])
