"""Adds a sole or foot to the mask: a cut by colour misses one that looks like the ground.

Where an object touches the ground, there is a thin line of dark shadow. A strip between the mask's
lower outline and such a line belongs to the product, if it has a third colour (neither the
product's nor the ground's) along a good part of the outline.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.enhancers.local.cut.near import distance_to_mixtures
from packshot.pictures.arrays import Bytes, Floats, Mask

SEARCH_DEPTH = 0.045  # of the mask's longer side: how far below the outline a strip is searched
DARKER = 10.0  # levels by which the line is darker than the strip and than the ground below it
#: Levels by which a strip's colour differs from the ground's, and from any mixture of the product's
#: and the line's: an outline that is only blurred has such a mixture.
OTHER_COLOUR = 12.0
SHORTEST_RUN = 0.1  # of the mask's width: neighbouring columns are judged together in runs
STEPS = 500  # in the picture's longer side; lengths are measured in steps
MIN_SHARE = 0.5  # of a run's columns need a strip
LARGEST_SPREAD = 0.4  # of the mean length: the standard deviation of a run's strips
INSIDE = 6  # steps above the outline, where the product's colour is measured


def add_base_strip(picture: Bytes, mask: Mask) -> Mask:
    """The mask, enlarged by the strip between its lower outline and the dark line below it."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return mask
    step = max(1, round(max(mask.shape) / STEPS))
    reach = max(6 * step, round(SEARCH_DEPTH * max(np.ptp(rows), np.ptp(columns))))
    below, strips = _read_strips(picture, mask, columns, INSIDE * step, reach)
    lengths = _measure_lengths(strips, INSIDE * step, reach, 2 * step)
    found = _keep_steady_runs(lengths, step, max(5 * step, round(SHORTEST_RUN * len(columns))))
    grown = mask.copy()
    for column, top, depth in zip(columns, below, found, strict=True):
        grown[top : top + depth, column] = True
    return grown


def _read_strips(
    picture: Bytes, mask: Mask, columns: NDArray[np.intp], inside: int, reach: int
) -> tuple[NDArray[np.intp], Floats]:
    """For each column: its first row below the mask, and its pixels (columns x pixels x 3) from
    `inside` rows above that row to a little more than `reach` below it; NaN below the picture."""
    height = mask.shape[0]
    soft = cv2.GaussianBlur(picture, (0, 0), sigmaX=1.5, sigmaY=0.8).astype(np.float32)
    below = height - mask[::-1, columns].argmax(axis=0)
    rows = below[:, None] + np.arange(-inside, reach + reach // 4)[None]
    strips = soft[np.clip(rows, 0, height - 1), columns[:, None]]
    return below, np.where((rows < height)[..., None], strips, np.nan)


def _measure_lengths(strips: Floats, inside: int, reach: int, least: int) -> NDArray[np.int64]:
    """For each column the length of its strip; 0 where no strip ends at a dark line."""
    whole = ~np.isnan(strips).any(axis=(1, 2))
    inner = np.nanmean(strips[:, : inside // 2], axis=1)
    strips = np.nan_to_num(strips[:, inside:])
    light, at = strips.mean(axis=2), np.arange(len(strips))
    dark = _find_dark_line(light[:, :reach])
    own = distance_to_mixtures(strips, inner[:, None], strips[at, dark][:, None])
    own[np.arange(strips.shape[1])[None] >= dark[:, None]] = 0
    ground = np.median(strips[:, reach:], axis=1)
    peak = strips[at, own.argmax(axis=1)]
    lowest = light[at, dark]
    dips = np.minimum(peak.mean(axis=1), ground.mean(axis=1)) - lowest > DARKER
    other = (own.max(axis=1) > OTHER_COLOUR) & (np.abs(peak - ground).max(axis=1) > OTHER_COLOUR)
    return np.where(whole & dips & other & (dark >= least), dark - 1, 0).astype(np.int64)


def _find_dark_line(light: Floats) -> NDArray[np.int64]:
    """For each column its darkest row before it first gets lighter again; 0 where it never does."""
    lowest = np.minimum.accumulate(light, axis=1)
    rises = light > lowest + DARKER / 2
    after = np.where(rises.any(axis=1), rises.argmax(axis=1), 0)
    before = np.arange(light.shape[1])[None] < after[:, None]
    return np.asarray(np.where(before, light, np.inf).argmin(axis=1), np.int64)


def _keep_steady_runs(lengths: NDArray[np.int64], step: int, run: int) -> NDArray[np.int64]:
    """The lengths where most columns of a run have nearly the same, gaps filled; 0 elsewhere."""
    known, values = (lengths > 0).astype(np.float32), lengths.astype(np.float32)
    share = _mean_of_run(known, run)
    mean = _mean_of_run(known * values, run) / np.maximum(share, 1e-3)
    square = _mean_of_run(known * values**2, run) / np.maximum(share, 1e-3)
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    steady = (share > MIN_SHARE) & (spread < LARGEST_SPREAD * mean + step / 2)
    kept = np.flatnonzero((lengths > 0) & (np.abs(values - mean) < 2 * spread + step))
    if not len(kept):
        return np.zeros_like(lengths)
    filled = np.interp(np.arange(len(lengths)), kept, values[kept]).astype(np.float32)
    smooth = cv2.medianBlur(filled[None], 5)[0]
    return np.where(steady, smooth, 0).round().astype(np.int64)


def _mean_of_run(values: Floats, run: int) -> Floats:
    return np.asarray(cv2.blur(values[None], (2 * (run // 2) + 1, 1))[0], np.float32)
