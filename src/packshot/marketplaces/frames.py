"""Finds frames around a picture: rings, lines inside the edge, and bars on two sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from packshot.marketplaces.product_box import LIGHT

#: Pixels whose channels differ by at most this (of 255) have the same colour.
ALIKE: Final = 12
#: The colours of two sides of a frame differ by at most this.
SIDES_ALIKE: Final = 24
#: A frame's line has one colour along this share of its length.
ALONG: Final = 0.93
#: Just inside a frame at most this share of a line has the frame's colour.
LEFT_OVER: Final = 0.1
#: This share is left out at both ends of each line, because frames may have rounded corners.
ENDS: Final = 0.12
# Depths, as shares of the shorter side:
#: Three sides of a ring are at most this deep. An inner line is also searched up to this depth.
DEEPEST: Final = 0.08
#: The fourth side of a ring is at most this deep.
DEEPEST_SIDE: Final = 0.25
#: An inner line is at most this thick.
THICKEST: Final = 0.03
#: A bar is at most this deep.
DEEPEST_BAR: Final = 0.4
#: JPEG blurs an edge over this many lines.
BLURRED: Final = 3
#: JPEG's noise beside an edge reaches this many lines.
NOISY: Final = 8
#: About this many pixels of each line are compared.
SAMPLES: Final = 200
#: The least standard deviation along a line of a scene, in levels.
BUSY: Final = 12
#: The channels of a coloured frame differ by more than this.
COLOURED: Final = 20


@dataclass(frozen=True)
class _Band:
    """A band of one colour along a whole side, with a sharp inner edge."""

    colour: Any
    depth: int
    inside: Any  # the line just inside it, as (n, 3)

    @property
    def is_like_a_backdrop(self) -> bool:
        return bool(self.colour.min() >= LIGHT and np.ptp(self.colour) <= COLOURED)

    @property
    def ends_on_a_backdrop(self) -> bool:
        colour = np.median(self.inside, axis=0)
        return bool(colour.min() >= LIGHT and _share(self.inside, colour) >= 1 - LEFT_OVER)

    @property
    def ends_on_a_scene(self) -> bool:
        return bool(self.inside.std(axis=0).max() >= BUSY)


def has_frame(rgb: Any) -> bool:
    """Whether the picture has a ring, a line inside its edge, or bars on two opposite sides.

    A light margin is normal for a product. It counts only if another light backdrop begins inside
    it, or if a scene is between two margins.
    """
    turned = rgb.swapaxes(0, 1)
    sides = [_lines(each) for each in (rgb, rgb[::-1], turned, turned[::-1])]
    shortest = min(rgb.shape[:2])
    centres = [_without_ends(lines) for lines in sides]
    bands = [_band(lines) for lines in centres]
    ring = [band for band in bands if band is not None]
    if len(ring) == 4 and _is_ring(ring, shortest):
        return True
    if all(_has_inner_line(lines, shortest) for lines in centres):
        return True
    opposite = (sides[:2], sides[2:]), (sides[2:], sides[:2])
    return any(_are_bars([_band(lines) for lines in two], others) for two, others in opposite)


def _lines(pixels: Any) -> Any:
    """The lines from the first side inwards, as (depth, samples, 3)."""
    depth, length = round(DEEPEST_BAR * pixels.shape[0]), pixels.shape[1]
    return pixels[: max(2, depth), :: max(1, length // SAMPLES)].astype(np.int16)


def _without_ends(lines: Any) -> Any:
    ends = round(ENDS * lines.shape[1])
    return lines[:, ends : lines.shape[1] - ends]


def _is_near(pixels: Any, colour: Any) -> Any:
    """Which pixels have the colour. By channel: NumPy is slow at reducing an axis of three."""
    red, green, blue = (
        abs(pixels[..., channel] - colour[..., channel]) <= ALIKE for channel in range(3)
    )
    return red & green & blue


def _share(line: Any, colour: Any) -> float:
    return float(_is_near(line, colour).mean())


def _band(lines: Any) -> _Band | None:
    colour = np.median(lines[0], axis=0)
    if _share(lines[0], colour) < ALONG:
        return None
    shares = _is_near(lines, colour).mean(axis=1)
    ends = np.flatnonzero(shares < ALONG)
    if not len(ends):
        return None
    depth = int(ends[0])
    beside = np.flatnonzero(shares[depth : depth + NOISY] <= LEFT_OVER)
    if not len(beside) or not _is_sharp(lines[max(0, depth - BLURRED) : depth + 2 * NOISY]):
        return None
    inside = min(depth + int(beside[0]) + NOISY, len(lines) - 1)
    return _Band(colour, depth, lines[inside])


def _is_sharp(lines: Any) -> bool:
    """Whether the colour changes within a few lines; in a shadow it changes slowly."""
    changes = abs(lines[BLURRED:] - lines[:-BLURRED]).mean(axis=1)
    return bool(changes.size and changes.max() > ALIKE)


def _is_ring(bands: Sequence[_Band], shortest: int) -> bool:
    depths = sorted(band.depth for band in bands)
    if depths[2] > DEEPEST * shortest or depths[3] > DEEPEST_SIDE * shortest:
        return False
    if not _are_alike(bands):
        return False
    if bands[0].is_like_a_backdrop:
        return all(band.ends_on_a_backdrop for band in bands)
    return True


def _are_alike(bands: Sequence[_Band]) -> bool:
    return all(abs(band.colour - bands[0].colour).max() <= SIDES_ALIKE for band in bands)


def _are_bars(bands: Sequence[_Band | None], others: Sequence[Any]) -> bool:
    """Whether two opposite sides have bars. Light bars count only with another backdrop between
    them, or with a scene that reaches both other sides."""
    found = [band for band in bands if band is not None]
    if len(found) < 2 or not _are_alike(found):
        return False
    if not found[0].is_like_a_backdrop or all(band.ends_on_a_backdrop for band in found):
        return True
    reaches = all(_without_ends(lines)[0].std(axis=0).max() >= BUSY for lines in others)
    return reaches and all(band.ends_on_a_scene for band in found)


def _has_inner_line(lines: Any, shortest: int) -> bool:
    """Whether there is a line of one colour near the side, with other colours on both sides."""
    deepest, thickest = round(DEEPEST * shortest), round(THICKEST * shortest) + 1
    colours = np.median(lines[:deepest], axis=1)
    whole = _is_near(lines[:deepest], colours[:, None]).mean(axis=1) >= ALONG
    backdrop = colours[0] if len(whole) and whole[0] else None
    for start in range(1, len(whole)):
        before = lines[max(0, start - BLURRED)]
        if not whole[start] or _share(before, colours[start]) > LEFT_OVER:
            continue
        behind = lines[start + 1 : start + thickest + 2 * NOISY]
        if backdrop is None:
            ends = _ends_on_a_scene(whole[start:], behind, colours[start])
        else:
            ends = _share(before, backdrop) >= ALONG and _ends_on(backdrop, behind, thickest)
        if ends:
            return True
    return False


def _ends_on(backdrop: Any, behind: Any, thickest: int) -> bool:
    """Whether the backdrop continues behind the line, which it does not at a product's outline."""
    again = _is_near(behind, backdrop).mean(axis=1) >= 0.5
    return bool(again[:thickest].any() and again[-NOISY:].all())


def _ends_on_a_scene(whole: Any, behind: Any, colour: Any) -> bool:
    """Whether a scene begins behind the line: there the next lines have more than one colour."""
    ends = np.flatnonzero(~whole)
    if not len(ends):
        return False
    return _share(behind[min(int(ends[0]) + 1, len(behind) - 1)], colour) <= LEFT_OVER
