"""Compares one enhanced picture with its photo: aligns the two, measures them, reads the print."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from packshot.fidelity import alignment, text
from packshot.fidelity.alignment import Alignment
from packshot.fidelity.measures import FidelityMeasures, Maps, common_mask, measure
from packshot.fidelity.sides import Frame, Side, mirror, prepare, side_of
from packshot.pictures.arrays import Bytes, Floats, Mask
from packshot.pictures.imaging import encode_array, to_array
from packshot.pictures.masks import grow

MIN_OVERLAP: Final = 0.35  # of the smaller mask
MIN_VISIBLE: Final = 0.3  # of the product; a picture of a smaller detail is not compared
#: Matched points that make an alignment certain. Measured on bench/fidelity.py's pairs and the
#: samples: true mirror images match in 470 points or more; an upside-down product matches its own
#: mirror image in at most 43, along its outline.
SURE_INLIERS: Final = 100
#: Matched points beside the product that show it once more: measured on the samples, two copies
#: match in 126 or more, one in none.
SHOWN_TWICE: Final = 50
PICTURE_QUALITY: Final = 92


@dataclass(frozen=True)
class RawSide:
    """What is measured once for each photo. `lines` is None when no text was read; `picture` is
    the photo at the size it was measured (a JPEG of at most 1,280 px)."""

    side: Side
    lines: tuple[text.Line, ...] | None
    picture: bytes


@dataclass(frozen=True)
class Comparison:
    """`problem` says why the two can't be compared; all other fields are None then."""

    problem: str | None = None  # a key of PROBLEMS
    measures: FidelityMeasures | None = None
    maps: Maps | None = None
    lines: tuple[text.SecondReading, ...] | None = None
    frames: tuple[Frame, Frame] | None = None
    found: Alignment | None = None


def read_raw(data: bytes, network: Path) -> RawSide:
    """Measure the photo. Raises PictureError, and NoProduct when there is no product in it."""
    side, rgb = prepare(data, network)
    lines = text.lines_of(rgb, product_box(side))
    return RawSide(side, lines, encode_array(rgb, PICTURE_QUALITY))


def product_box(side: Side) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the product in its picture, px."""
    rows, columns = np.flatnonzero(side.mask.any(1)), np.flatnonzero(side.mask.any(0))
    corners = np.array([[columns[0], rows[0]], [columns[-1], rows[-1]]], np.float32)
    (left, top), (right, bottom) = side.frame.to_picture(corners)
    return int(left), int(top), int(np.ceil(right)), int(np.ceil(bottom))


def compare(raw: RawSide, enhanced: Side, rgb: Bytes) -> Comparison:
    """Compare; `rgb` is the enhanced picture that `enhanced` was made from."""
    frames = (raw.side.frame, enhanced.frame)
    found = alignment.align(raw.side, enhanced)
    if _is_mirrored(found, raw.side, enhanced):
        return Comparison("mirrored", frames=frames)
    if found is None:
        return Comparison("no_common_view", frames=frames)
    if _is_shown_again(raw.side, enhanced, found) and not _photo_has_several(raw):
        return Comparison("shown_twice", frames=frames)
    ours, theirs, both = common_mask(raw.side, enhanced, found.positions())
    if problem := _problem(ours, theirs, both):
        return Comparison(problem, frames=frames)
    found = alignment.add_flow(found, raw.side, enhanced, both)
    values, maps = measure(raw.side, enhanced, found, rgb)
    lines = None if raw.lines is None else _read_lines(raw, enhanced, found, both, rgb)
    measures = FidelityMeasures(
        **values,
        text_drop=max((line.drop for line in lines or ()), default=0.0),
        text_unlike=max((line.unlike for line in lines or ()), default=0.0),
    )
    return Comparison(None, measures, maps, lines, frames, found)


def _is_mirrored(found: Alignment | None, raw: Side, enhanced: Side) -> bool:
    """Whether the photo surely aligns with the mirrored picture, and not with the picture."""
    if found is not None and found.inliers >= SURE_INLIERS:
        return False
    turned = alignment.align(raw, mirror(enhanced))
    return turned is not None and turned.inliers >= SURE_INLIERS


def _is_shown_again(raw: Side, enhanced: Side, found: Alignment) -> bool:
    again = alignment.align_again(raw, enhanced, found)
    return again is not None and again.inliers >= SHOWN_TWICE


def _photo_has_several(raw: RawSide) -> bool:
    """Whether the photo shows the product beside itself, too, where the network did not see it."""
    rgb, frame = to_array(raw.picture), raw.side.frame
    size = tuple(round(length * frame.scale) for length in raw.side.mask.shape[::-1])
    own = cv2.resize(raw.side.mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    rest = np.ones(rgb.shape[:2], np.float32)
    area = rest[round(frame.top) :, round(frame.left) :][: size[1], : size[0]]
    area[grow(own, alignment.BESIDE_PX)[: area.shape[0], : area.shape[1]]] = 0
    return alignment.align(raw.side, side_of(rgb, rest)) is not None


def _problem(ours: Mask, theirs: Mask, both: Mask) -> str | None:
    smaller = min(int(ours.sum()), int(theirs.sum()))
    if int(both.sum()) < MIN_OVERLAP * max(1, smaller):
        return "little_overlap"
    if int(both.sum()) < MIN_VISIBLE * max(1, int(ours.sum())):
        return "detail_only"
    return None


def _read_lines(
    raw: RawSide, enhanced: Side, found: Alignment, both: Mask, rgb: Bytes
) -> tuple[text.SecondReading, ...]:
    read = []
    for line in raw.lines or ():
        quad = raw.side.frame.to_crop(line.quad)
        if not _is_on_product(quad, both):
            continue
        again = text.read_again(rgb, line, enhanced.frame.to_picture(_map_quad(quad, found)))
        if again is not None:
            read.append(again)
    return tuple(read)


def _is_on_product(quad: Floats, mask: Mask) -> bool:
    """Whether the whole line is on the product in both pictures."""
    drawn = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(drawn, quad.round().astype(np.int32), 1)
    area = int(drawn.sum())
    return area > 0 and float(mask[drawn > 0].mean()) > 0.9


def _map_quad(quad: Floats, found: Alignment) -> Floats:
    """The quad in the enhanced crop, by the homography and the flow at its middle."""
    if found.flow is None:
        return found.apply(quad)
    height, width = found.flow.shape[:2]
    x, y = quad.mean(axis=0).round().astype(int)
    shift = found.flow[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return found.apply(quad + shift)
