"""Masks and their pieces, holes and outlines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.pictures.arrays import Mask

SQUARE: Final = np.ones((3, 3), np.uint8)
SPECK: Final = 0.04  # of the largest piece; smaller pieces are specks
FRAME: Final = 0.01  # of the shorter side: nearer to the frame's edge nothing is an outline


def disc(reach: int) -> NDArray[np.uint8]:
    size = (2 * reach + 1, 2 * reach + 1)
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, size), np.uint8)


def grow(mask: Mask, reach: int) -> Mask:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc(reach)) > 0)


def erode(mask: Mask) -> Mask:
    """The mask without its outermost pixels; the frame's edge is no outline."""
    return np.asarray(cv2.erode(mask.astype(np.uint8), SQUARE) > 0)


def core_of(mask: Mask) -> Mask:
    """The mask without its outermost pixels, if any others are left."""
    core = erode(mask)
    return core if core.any() else mask


def opened(mask: Mask, kernel: NDArray[np.uint8] = SQUARE) -> Mask:
    """The mask without what is thinner than the kernel."""
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel) > 0)


def closed(mask: Mask, kernel: NDArray[np.uint8] = SQUARE) -> Mask:
    """The mask with gaps filled that are thinner than the kernel."""
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, kernel) > 0)


def border(shape: tuple[int, ...], share: float) -> Mask:
    """Mask of the frame's border strip, as wide as `share` of the shorter side."""
    height, width = shape[:2]
    strip = max(2, round(min(height, width) * share))
    mask = np.ones((height, width), bool)
    mask[strip:-strip, strip:-strip] = False
    return mask


def outline_of(mask: Mask) -> Mask:
    """The mask's outermost pixels, except where the frame cuts it off."""
    return np.asarray(mask & ~erode(mask) & ~border(mask.shape, FRAME))


def pieces(mask: Mask, least: float = 1, connectivity: int = 4) -> Iterator[Mask]:
    """The mask's pieces of at least so many pixels, each as a mask."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=connectivity
    )
    for number in 1 + np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= least):
        yield np.asarray(labels == number)


def piece_sizes(mask: Mask) -> NDArray[np.int32]:
    """The pixels of each of the mask's pieces, which may be connected by corners."""
    found = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return np.asarray(found[2][1:, cv2.CC_STAT_AREA])


def large_pieces(mask: Mask, least: float) -> Mask:
    """The mask without pieces of fewer pixels."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    large = stats[:, cv2.CC_STAT_AREA] >= least
    large[0] = False
    return np.asarray(large[labels])


def without_specks(mask: Mask) -> Mask:
    """The mask without pieces under 4 % of the largest."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    return np.asarray((areas >= max(1.0, SPECK * areas.max()))[labels])


def pieces_at(mask: Mask, place: Mask, connectivity: int = 4) -> Mask:
    """The mask's pieces that overlap `place`."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=connectivity)
    return np.asarray(mask & np.isin(labels, labels[place]))


def connected_to_edge(mask: Mask) -> Mask:
    """The part of the mask that is connected to the frame's edge."""
    padded = np.pad(mask.astype(np.uint8), 1, constant_values=1)
    _, labels = cv2.connectedComponents(padded, connectivity=4)
    return np.asarray((labels == labels[0, 0])[1:-1, 1:-1])


def holes_of(mask: Mask) -> Mask:
    """The holes of the mask: the backdrop seen through a handle, or a print that was lost."""
    return ~mask & ~connected_to_edge(~mask)


def hull_of(mask: Mask) -> Mask:
    """The mask's convex hull, filled."""
    hull = np.zeros(mask.shape, np.uint8)
    points = cv2.findNonZero(mask.astype(np.uint8))
    if points is not None:
        cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    return hull > 0


def iou(first: Mask, second: Mask) -> float:
    """Overlap over union; 0 when both are empty."""
    either = int((first | second).sum())
    return float((first & second).sum() / either) if either else 0.0
