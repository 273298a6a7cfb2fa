"""Estimates the colour of the light, and the gains that make it neutral."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.enhancers.local.backdrop import Backdrop
from packshot.enhancers.local.light import exposure
from packshot.pictures.arrays import LUMA, WARM, Bytes, Floats, highest, lowest, to_lab, to_linear

GAIN_LIMITS = (0.85, 1.18)  # for a mild cast, whose estimate is wrong in one-colour scenes
MAX_GREEN = 0.06  # largest green or magenta log gain attributed to the light
BLUE_SKY = -0.3  # of WARM: the coldest light, that of a clear sky; colder is the things' own blue
TOO_COLOURED = 20.0  # chroma of a backdrop that is no grey card
MIDDLE = 50.0  # L; a lighter backdrop is a better card
CLIPPED = 252  # a channel from here on says nothing about a tint
APART = 8.0  # delta E from the backdrop's surface
TEXTURE = 4.0  # times a backdrop's spread: lighter things are not its own texture
VISIBLE = 25.0  # L; darker tints are noise
MIN_THINGS = 0.02  # of the frame
ALIKE = 0.35  # of the backdrop's tint
SHARES = (0.15, 0.25)  # of the things before a backdrop: no sign, and a certain one


def gains(small: Bytes, backdrop: Backdrop) -> tuple[float, float, float]:
    """Gains of linear red, green and blue that make the light neutral."""
    found = np.exp(-_part_of_light(_light_tint(small, backdrop)))
    found = found / float(np.dot(found, LUMA))
    if np.abs(np.log(found)).max() < 0.03:
        return (1.0, 1.0, 1.0)
    red, green, blue = (round(float(gain), 3) for gain in found)
    return (red, green, blue)


def _light_tint(small: Bytes, backdrop: Backdrop) -> Floats:
    """The tint of the light, by the backdrop if it is plain, or else by the whole frame.

    A coloured backdrop fills the frame, so that the frame is no evidence of coloured light: the
    things before it are, if they have its tint, too."""
    cast = _common_cast(small)
    if not backdrop.plain:
        return _trusted_part(cast)
    card = _tint(exposure.colour_of(backdrop))
    things = _things(small, backdrop, card)
    if backdrop.chroma > TOO_COLOURED:
        return _trusted_part(cast) * things.tinted
    if backdrop.lightness <= MIDDLE:
        trusted = _trusted_part(cast)  # no more than the backdrop shows, if it is dark
        shown = max(0.0, float(card @ trusted)) / max(1e-6, float(trusted @ trusted))
        return trusted * min(1.0, shown)
    agree = float(np.dot(card, cast)) > 0
    strength = _grey_card_strength(backdrop.chroma, agree)
    return np.asarray(card * strength * (1 - things.neutral))


class _Things(NamedTuple):
    """How certainly something before a backdrop is neutral, and has the backdrop's tint, 0..1: in
    light of that tint white and grey things have it, too."""

    neutral: float
    tinted: float


def _things(small: Bytes, backdrop: Backdrop, card: Floats) -> _Things:
    lab = to_lab(small)
    difference = lab - backdrop.surface(*small.shape[:2])
    away = np.linalg.norm(difference, axis=2)
    things = (away > APART) & (lab[..., 0] > VISIBLE) & (lowest(small) < CLIPPED)
    if things.mean() < MIN_THINGS:
        return _Things(0.0, 0.0)
    soft = np.asarray(cv2.GaussianBlur(to_linear(small), (0, 0), 1.0))[things]
    logs = np.log(np.maximum(soft, 1e-4))
    tints = logs - logs.mean(axis=1, keepdims=True)
    near = ALIKE * float(np.linalg.norm(card))
    # Coloured light clips one channel of white things first; a clipped grey is no evidence.
    unclipped = small[things].max(axis=1) < CLIPPED
    neutral = float((unclipped & (np.linalg.norm(tints, axis=1) < near)).mean())
    # What is darker may be the backdrop in shadow; what is hardly lighter, its own texture.
    lighter = difference[..., 0][things] > TEXTURE * backdrop.spread
    tinted = float((lighter & (np.linalg.norm(tints - card, axis=1) < near)).mean())
    none, full = SHARES
    sure = np.clip((np.array([neutral, tinted]) - none) / (full - none), 0, 1)
    return _Things(float(sure[0] * (neutral > tinted)), float(sure[1] * (tinted > neutral)))


def _part_of_light(tint: Floats) -> Floats:
    """The part of a tint that light can have: any step from a blue sky to tungsten light, and
    little green or magenta. The rest is the colour of the things themselves."""
    warm = WARM / float(np.linalg.norm(WARM))
    warmth = float(tint @ warm)
    along, off = max(warmth, BLUE_SKY) * warm, tint - warmth * warm
    size = float(np.linalg.norm(off))
    return np.asarray(along + off * min(1.0, MAX_GREEN / max(size, 1e-6)), np.float32)


def _grey_card_strength(chroma: float, agree: bool) -> float:
    """How much of the backdrop's tint is corrected: all if it is faint, less of a coloured sheet,
    and less if the other estimators disagree."""
    full, none = (9.0, TOO_COLOURED) if agree else (3.0, 8.0)
    return float(np.clip((none - chroma) / (none - full), 0, 1))


def _common_cast(small: Bytes) -> Floats:
    """The tint of the light (logarithms of red, green, blue; mean 0) that three estimators share.

    Shades of grey (p=6; Finlayson and Trezzi 2004), grey edge (van de Weijer 2007) and the
    brightest 3 %. Along their mean direction the weakest estimate is used, so that a red product,
    which misleads one of them, is not taken for red light.
    """
    linear = to_linear(small)
    unclipped = linear[highest(small) < CLIPPED].astype(np.float64)
    if len(unclipped) < 100:
        return np.zeros(3, np.float32)
    shades = np.mean(unclipped**6, axis=0) ** (1 / 6)
    smooth = cv2.GaussianBlur(linear, (0, 0), 1.5)
    edges = np.abs(np.diff(smooth, axis=0)).reshape(-1, 3).mean(axis=0)
    light = unclipped @ LUMA
    brightest = unclipped[light >= np.percentile(light, 97)].mean(axis=0)
    tints = np.stack([_tint(np.maximum(v, 1e-5)) for v in (shades, edges, brightest)])
    mean = tints.mean(axis=0)
    direction = mean / max(1e-6, float(np.linalg.norm(mean)))
    return np.asarray(direction * max(0.0, float((tints @ direction).min())), np.float32)


def _trusted_part(cast: Floats) -> Floats:
    """Half of a mild cast, which may be the colour of the objects; most of a strong one, which only
    coloured light explains."""
    size = float(np.linalg.norm(cast))
    strong = float(np.clip((size - 0.5) / 0.4, 0, 1))
    if strong == 0:
        return np.clip(cast * 0.5, *np.log(GAIN_LIMITS)).astype(np.float32)
    return np.clip(cast * (0.5 + 0.35 * strong), -0.7, 0.7).astype(np.float32)


def _tint(linear: NDArray[np.floating[Any]]) -> Floats:
    logs = np.log(linear)
    return np.asarray(logs - logs.mean(), np.float32)
