"""Judges how far a photo is too dark. A dark product or a dark wall is no sign of it."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from packshot.enhancers.local.backdrop import Backdrop
from packshot.pictures.arrays import (
    LUMA,
    Bytes,
    Floats,
    Mask,
    as_bytes,
    from_lab,
    highest,
    lowest,
    to_lab,
    to_linear,
    to_srgb,
)

MAX_EXPOSURE = 1.5  # EV
LEAST = 0.15  # EV; less is not worth a change
PAPER = 0.8  # linear light that a plain light backdrop is brought to: paper in good light
MAX_FOR_PAPER = 1.0  # EV; a grey wall looks like paper in poor light,
MAX_FOR_TINTED = 0.5  # and a tinted one, of more than this chroma, like paper in coloured light
TINTED = 3.0
NEUTRAL = 9.0  # chroma: more is a coloured backdrop
LIGHT, MIDDLE, DARK = 62.0, 55.0, 30.0  # L of a backdrop; a mid-grey wall has 50
SURER = 5.0  # L above MIDDLE, or LIGHT, from which a backdrop fully counts as paper
LIGHT_BESIDE_GLINTS = 72.0  # the same for a backdrop that only glints outshine
NEUTRAL_BELOW_LIGHT = 5.0  # chroma; there paper is hardly told from a wall
OUTSHINES = 1.6  # times the backdrop's light: what is lighter shows that the backdrop is not white
FEW, MANY = 0.0005, 0.0015  # shares of the frame that outshine a backdrop: none, and enough
CLIPPED = 250  # in all channels: a lamp's reflection, if it is small
GLINT, WHITE_THING = 0.003, 0.006  # shares of the frame that are clipped
GLOW = 9  # px, of a frame of 512: a clipped spot with its soft edge is larger by so much
LIT = 0.45  # linear light; hardly anything of a photo that may be too dark is lighter,
HARDLY = 0.002  # which is a share of the frame
DOUBT = 0.75  # EV that may be lacking without evidence
PEAK = 0.9  # linear light that the lightest part of a dark photo is brought to
DULL, BRIGHT_ENOUGH = 0.6, 0.75  # linear light of a scene's lightest part: surely too dark, and not
MAX_FOR_DULL = 1.0  # EV
METERED = 0.13  # mean linear light: a camera meters a frame a little lighter than this


class Exposure(NamedTuple):
    """What a photo lacks; `unsure` if it may lack much more than this, but a dark backdrop looks
    the same."""

    ev: float  # 0 to MAX_EXPOSURE
    unsure: bool


def estimate(small: Bytes, backdrop: Backdrop, balance: Floats, black: float) -> Exposure:
    """What the photo lacks after the white balance and without haze.

    The evidence is a neutral backdrop that nothing in the frame outshines, so that it is probably
    white; or else a frame that is dark on the whole, or a scene, and in which nothing is light.
    """
    before = to_linear(small)
    clear = np.maximum(before - black, 0) / (1 - black)
    light, brightest = clear * balance @ LUMA, highest(clear)
    metered = max(METERED, float((before @ LUMA).mean()))  # gives back what the haze took
    lacking = float(np.log2(metered / max(float(light.mean()), 0.01)))
    room = _room(brightest, 99.9, PEAK)
    wanted = max(0.0, min(lacking, room))
    if not backdrop.plain:  # many things, none of them light: good photos of scenes have highlights
        dull = _ramp(float(np.percentile(brightest, 99.9)), BRIGHT_ENOUGH, DULL)
        wanted = max(wanted, dull * min(room, MAX_FOR_DULL))
    paper = _light_of_paper(light, backdrop, balance)
    if paper is not None:
        lacking = float(np.log2(PAPER / paper))
        most = MAX_FOR_TINTED if backdrop.chroma > TINTED else MAX_FOR_PAPER
        for_paper = max(0.0, min(lacking, _room(brightest, 99, 1.05), most))
        wanted += _likely_white(small, brightest, backdrop, paper) * (for_paper - wanted)
    ev = round(min(wanted, MAX_EXPOSURE), 2) if wanted >= LEAST else 0.0
    lit = (brightest > LIT) & ~_clipped(small, GLOW)
    return Exposure(ev, bool(lacking - ev > DOUBT and lit.mean() < HARDLY))


def _room(brightest: Floats, percentile: float, limit: float) -> float:
    """EV by which the lightest part of the frame can be lifted."""
    return float(np.log2(limit / max(float(np.percentile(brightest, percentile)), 0.01)))


def _light_of_paper(light: Floats, backdrop: Backdrop, balance: Floats) -> float | None:
    """Linear light of a backdrop that may be white paper; None where it is none."""
    if not backdrop.plain or backdrop.lightness <= DARK:
        return None
    colour = colour_of(backdrop) * balance
    light_enough = backdrop.lightness > LIGHT or backdrop.chroma < NEUTRAL_BELOW_LIGHT
    if not light_enough or _chroma(colour) >= NEUTRAL:
        return None
    return max(float(colour @ LUMA), float(np.percentile(light, 80)))


def _likely_white(small: Bytes, brightest: Floats, backdrop: Backdrop, paper: float) -> float:
    """0..1: less for a darker backdrop, and the more of the frame outshines it. Reflections of
    lamps outshine paper, too: with them a neutral backdrop only has to be lighter."""
    outshines = brightest >= OUTSHINES * paper
    likely = _ramp(float(outshines.mean()), MANY, FEW)
    if backdrop.chroma <= TINTED:
        others = float((outshines & ~_clipped(small, GLOW)).mean())
        glints = _ramp(float(_clipped(small).mean()), WHITE_THING, GLINT)
        light = _ramp(backdrop.lightness, LIGHT, LIGHT_BESIDE_GLINTS)
        likely = max(likely, light * glints * _ramp(others, MANY, FEW))
    least = MIDDLE if backdrop.chroma < NEUTRAL_BELOW_LIGHT else LIGHT
    return likely * _ramp(backdrop.lightness, least, least + SURER)


def _clipped(small: Bytes, reach: int = 1) -> Mask:
    clipped = (lowest(small) >= CLIPPED).astype(np.uint8)
    return np.asarray(cv2.dilate(clipped, np.ones((reach, reach), np.uint8)) > 0)


def _ramp(value: float, none: float, full: float) -> float:
    """0 at `none`, 1 at `full` and beyond."""
    return float(np.clip((value - none) / (full - none), 0, 1))


def colour_of(backdrop: Backdrop) -> Floats:
    """The backdrop's mean colour, linear red, green and blue; never 0."""
    lab = np.array([[[backdrop.lightness, *backdrop.hue_ab]]], np.float32)
    return np.asarray(np.maximum(to_linear(from_lab(lab))[0, 0], 1e-3))


def _chroma(linear: Floats) -> float:
    lab = to_lab(as_bytes(to_srgb(linear[None, None])))[0, 0]
    return float(np.hypot(lab[1], lab[2]))
