"""Finds a sole or foot in a colour close to the ground's, which a cut by colour leaves out.

Where a thing touches the ground, the ground is darkest. A strip of a third colour between the
lower outline and such a dark line, along a good part of the outline, belongs to the product.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.pictures.arrays import Bytes, Floats

Mask = NDArray[np.bool_]
REACH = 0.045  # of the mask's longer side: how far below the outline it is looked for
DIP = 10.0  # levels that the dark line is below the strip, and below the ground further down
OWN = 12.0  # levels off the mixtures of product and dark line, and off the ground: another colour
ALONG = 0.1  # of the mask's width: the least run of columns
UNIT = 500  # of the picture's longer side in it are a step: the sizes below are in steps
MOST, STRAYS = 0.5, 0.4  # of a run's columns have a strip; of its length it strays among them
INSIDE = 6  # above the outline, where the product's colour is seen


def with_base(picture: Bytes, mask: Mask) -> Mask:
    """The mask with the strip between its lower outline and the dark line where it stands."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return mask
    step = max(1, round(max(mask.shape) / UNIT))
    reach = max(6 * step, round(REACH * max(np.ptp(rows), np.ptp(columns))))
    below, strips = _strips(picture, mask, columns, INSIDE * step, reach)
    ends = _ends(strips, INSIDE * step, reach, 2 * step)
    found = _steady(ends, step, max(5 * step, round(ALONG * len(columns))))
    grown = mask.copy()
    for column, top, depth in zip(columns, below, found, strict=True):
        grown[top : top + depth, column] = True
    return grown


def _strips(
    picture: Bytes, mask: Mask, columns: NDArray[np.intp], inside: int, reach: int
) -> tuple[NDArray[np.intp], Floats]:
    """For each column: its first row below the mask, and the pixels (columns x pixels x 3) from
    `inside` rows above that to a little below the reach; not a number below the picture."""
    height = mask.shape[0]
    soft = cv2.GaussianBlur(picture, (0, 0), sigmaX=1.5, sigmaY=0.8).astype(np.float32)
    below = height - mask[::-1, columns].argmax(axis=0)
    rows = below[:, None] + np.arange(-inside, reach + reach // 4)[None]
    strips = soft[np.clip(rows, 0, height - 1), columns[:, None]]
    return below, np.where((rows < height)[..., None], strips, np.nan)


def _ends(strips: Floats, inside: int, reach: int, least: int) -> NDArray[np.int64]:
    """For each column the strip's length, 0 where no strip ends at a dark line."""
    whole = ~np.isnan(strips).any(axis=(1, 2))
    inner = np.nanmean(strips[:, : inside // 2], axis=1)
    strips = np.nan_to_num(strips[:, inside:])
    light, at = strips.mean(axis=2), np.arange(len(strips))
    dark = _first_dip(light[:, :reach])
    own = _off_line(strips, inner, strips[at, dark])
    own[np.arange(strips.shape[1])[None] >= dark[:, None]] = 0
    ground = np.median(strips[:, reach:], axis=1)
    peak = strips[at, own.argmax(axis=1)]
    lowest = light[at, dark]
    dips = np.minimum(peak.mean(axis=1), ground.mean(axis=1)) - lowest > DIP
    other = (own.max(axis=1) > OWN) & (np.abs(peak - ground).max(axis=1) > OWN)
    return np.where(whole & dips & other & (dark >= least), dark - 1, 0).astype(np.int64)


def _first_dip(light: Floats) -> NDArray[np.int64]:
    """For each column the first darkest row that it gets lighter after; 0 without one."""
    lowest = np.minimum.accumulate(light, axis=1)
    rises = light > lowest + DIP / 2
    after = np.where(rises.any(axis=1), rises.argmax(axis=1), 0)
    before = np.arange(light.shape[1])[None] < after[:, None]
    return np.asarray(np.where(before, light, np.inf).argmin(axis=1), np.int64)


def _off_line(pixels: Floats, first: Floats, second: Floats) -> Floats:
    """How far pixels (columns x pixels x 3) are from any mixture of their column's two colours."""
    axis = (second - first)[:, None]
    length = np.maximum((axis * axis).sum(axis=2), 1.0)
    away = pixels - first[:, None]
    part = np.clip((away * axis).sum(axis=2) / length, 0, 1)
    return np.asarray(np.linalg.norm(away - part[..., None] * axis, axis=2), np.float32)


def _steady(ends: NDArray[np.int64], step: int, run: int) -> NDArray[np.int64]:
    """The lengths, without gaps, where most columns of a run have one, and nearly the same."""
    known, lengths = (ends > 0).astype(np.float32), ends.astype(np.float32)
    share = _mean_of_run(known, run)
    mean = _mean_of_run(known * lengths, run) / np.maximum(share, 1e-3)
    square = _mean_of_run(known * lengths**2, run) / np.maximum(share, 1e-3)
    strays = np.sqrt(np.maximum(square - mean**2, 0))
    steady = (share > MOST) & (strays < STRAYS * mean + step / 2)
    kept = np.flatnonzero((ends > 0) & (np.abs(lengths - mean) < 2 * strays + step))
    if not len(kept):
        return np.zeros_like(ends)
    filled = np.interp(np.arange(len(ends)), kept, lengths[kept]).astype(np.float32)
    smooth = cv2.medianBlur(filled[None], 5)[0]
    return np.where(steady, smooth, 0).round().astype(np.int64)


def _mean_of_run(values: Floats, run: int) -> Floats:
    return np.asarray(cv2.blur(values[None], (2 * (run // 2) + 1, 1))[0], np.float32)
