"""Judges how far a photo is too dark. A dark product or a dark wall is no sign of it."""

from __future__ import annotations

import numpy as np

from packshot.enhancers.local.backdrop import Backdrop
from packshot.pictures.arrays import (
    LUMA,
    Bytes,
    Floats,
    as_bytes,
    from_lab,
    to_lab,
    to_linear,
    to_srgb,
)

MAX_EXPOSURE = 1.5  # EV
LEAST = 0.15  # EV; less is not worth a change
PAPER = 0.8  # linear light that a plain light backdrop is brought to: paper in good light
MOST_FOR_PAPER = 1.0  # EV; a grey wall looks like paper in poor light,
MOST_FOR_TINTED = 0.5  # and a tinted one, of more than this chroma, like paper in coloured light
TINTED = 3.0
NEUTRAL = 9.0  # chroma: more is a coloured backdrop
LIGHT, MIDDLE = 62.0, 55.0  # L of a backdrop; a mid-grey wall has 50
NEUTRAL_BELOW_LIGHT = 5.0  # chroma; there paper is hardly told from a wall
OUTSHINES = 1.6  # times the backdrop's light: what is lighter shows that the backdrop is not white
PEAK = 0.9  # linear light that the lightest part of a dark photo is brought to
METERED = 0.13  # mean linear light: a camera meters a frame a little lighter than this


def estimate(small: Bytes, backdrop: Backdrop, balance: Floats, black: float) -> float:
    """EV that the photo lacks, 0 to MAX_EXPOSURE, after the white balance and without haze.

    The evidence is a neutral backdrop that nothing in the frame outshines, so that it is probably
    white; or else a frame that is dark on the whole and in which nothing is light.
    """
    before = to_linear(small)
    clear = np.maximum(before - black, 0) / (1 - black)
    light, brightest = clear * balance @ LUMA, clear.max(axis=2)
    paper = _light_of_paper(light, backdrop, balance)
    peak = max(float(np.percentile(brightest, 99.9)), 0.01)
    if paper is not None and peak < OUTSHINES * paper:
        room = np.log2(1.05 / max(float(np.percentile(brightest, 99)), 0.01))
        most = MOST_FOR_TINTED if backdrop.chroma > TINTED else MOST_FOR_PAPER
        wanted = min(float(np.log2(PAPER / paper)), float(room), most)
    else:
        metered = max(METERED, float((before @ LUMA).mean()))  # gives back what the haze took
        mean = max(float(light.mean()), 0.01)
        wanted = min(float(np.log2(PEAK / peak)), float(np.log2(metered / mean)))
    ev = min(max(wanted, 0.0), MAX_EXPOSURE)
    return round(ev, 2) if ev >= LEAST else 0.0


def _light_of_paper(light: Floats, backdrop: Backdrop, balance: Floats) -> float | None:
    """Linear light of a backdrop that may be white paper; None where it is none."""
    if not backdrop.plain or backdrop.lightness <= MIDDLE:
        return None
    colour = colour_of(backdrop) * balance
    light_enough = backdrop.lightness > LIGHT or backdrop.chroma < NEUTRAL_BELOW_LIGHT
    if not light_enough or _chroma(colour) >= NEUTRAL:
        return None
    return max(float(colour @ LUMA), float(np.percentile(light, 80)))


def colour_of(backdrop: Backdrop) -> Floats:
    """The backdrop's mean colour, linear red, green and blue; never 0."""
    lab = np.array([[[backdrop.lightness, *backdrop.hue_ab]]], np.float32)
    return np.asarray(np.maximum(to_linear(from_lab(lab))[0, 0], 1e-3))


def _chroma(linear: Floats) -> float:
    lab = to_lab(as_bytes(to_srgb(linear[None, None])))[0, 0]
    return float(np.hypot(lab[1], lab[2]))
