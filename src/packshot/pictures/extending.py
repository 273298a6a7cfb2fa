"""Continues a plain backdrop beyond a picture's sides, where it is smooth enough to be known."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from packshot.pictures.arrays import Floats, highest

# As shares of the picture's side across the padding:
#: The strips along a side from which its colours and their slope are read.
STRIP: Final = 0.01
#: The slope of the colours fades out over this distance.
FADES: Final = 0.1
#: Pixels of a smooth side differ from its course by at most this (of 255), except for 1 %.
SMOOTH_WITHIN: Final = 6
#: The mean colour of a strip's column differs from its course by at most this: more is something
#: in front of the backdrop. Of 25 photos' smooth backdrops none has more than 7.
THING: Final = 12
#: The colours along a backdrop's side differ by at most this.
RANGE: Final = 60
#: Points between which the course of a side is drawn straight.
POINTS: Final = 24


def extend(pixels: NDArray[Any], width: int, height: int) -> NDArray[np.uint8] | None:
    """The picture (H x W x 3) in the middle of a canvas of this size, larger in one direction, with
    its backdrop continued; None if a side that must be continued is not smooth."""
    if width > pixels.shape[1]:
        turned = extend(pixels.swapaxes(0, 1), height, width)
        return None if turned is None else turned.swapaxes(0, 1)
    before = (height - pixels.shape[0]) // 2
    above = _continue(pixels, before)
    below = _continue(pixels[::-1], height - pixels.shape[0] - before)
    if above is None or below is None:
        return None
    return np.concatenate([above[::-1], pixels, below])


def _continue(pixels: NDArray[Any], rows: int) -> NDArray[np.uint8] | None:
    """The rows before the first one, nearest first; None if the first ones are not backdrop
    alone, and smooth."""
    if pixels.shape[1] < 2 * POINTS:
        return None
    deep = max(4, round(STRIP * pixels.shape[0]))
    strips = pixels[:deep], pixels[deep : 2 * deep]
    first, second = (_course(strip) for strip in strips)
    differs = highest(np.abs(strips[0] - first))
    if (differs <= SMOOTH_WITHIN).mean() < 0.99 or np.ptp(first, axis=0).max() > RANGE:
        return None
    if any(map(_shows_thing, strips, (first, second))):
        return None
    slope = _slope(first - second)[:, None] / deep
    fades = FADES * pixels.shape[0]
    away = np.arange(1, rows + 1, dtype=np.float32)[:, None, None] + deep / 2
    drawn = first + slope * fades * (1 - np.exp(-away / fades))
    grain = np.random.default_rng(7).random(drawn.shape[:2], np.float32)  # against banding
    return np.asarray(np.clip(drawn + grain[..., None], 0, 255), np.uint8)


def _shows_thing(strip: NDArray[Any], course: Floats) -> bool:
    """Whether something in front of the backdrop reaches into the strip: a boot's toe, a cord.
    Drawn out it would be a smear, and a slope measured beside it would colour the corners."""
    return bool(np.abs(strip.mean(axis=0) - course).max() > THING)


def _slope(change: Floats) -> Floats:
    """The change between two strips along them, as light alone and as a parabola: carried far, the
    smallest difference of colour or noise of a few columns would become a blotch."""
    at = np.linspace(-1, 1, len(change))
    return np.asarray(np.polyval(np.polyfit(at, change.mean(axis=1), 2), at), np.float32)


def _course(strip: NDArray[Any]) -> Floats:
    """The colours along a strip without their noise: W x 3."""
    along = strip.mean(axis=0)
    parts = np.array_split(np.arange(len(along)), POINTS)
    places = [part.mean() for part in parts]
    means = np.array([along[part].mean(axis=0) for part in parts])
    # The last points lie half a part inside the picture: draw on to its corners.
    places = [2 * places[0] - places[1], *places, 2 * places[-1] - places[-2]]
    means = np.vstack([2 * means[0] - means[1], means, 2 * means[-1] - means[-2]])
    at = np.arange(len(along))
    return np.stack([np.interp(at, places, means[:, c]) for c in range(3)], 1).astype(np.float32)
