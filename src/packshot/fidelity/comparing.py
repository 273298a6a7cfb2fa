"""Compares one enhanced picture with its photo: aligned, measured, read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from packshot.fidelity import alignment, text
from packshot.fidelity.alignment import Alignment
from packshot.fidelity.measures import Maps, Measures, common_mask, measure
from packshot.fidelity.sides import Frame, Mask, Side, mirrored, prepare
from packshot.pictures.arrays import Bytes, Floats
from packshot.pictures.imaging import encode_array

LEAST_OVERLAP: Final = 0.35  # of the smaller mask
LEAST_VISIBLE: Final = 0.3  # of the product; a detail that shows less is not compared
#: Common points. Mirror images have 470 and more; of products stood on their head, mirrored, up to
#: 43 fit, by their outlines (bench/fidelity.py's pairs and the samples).
SURELY: Final = 100
READS_AS_WORDS: Final = 0.75
PICTURE_QUALITY: Final = 92


@dataclass(frozen=True)
class RawSide:
    """What is measured once for a photo. `lines` is None where no text was read; `picture` is the
    photo as it was measured (JPEG of at most 1,280 px)."""

    side: Side
    lines: tuple[text.Line, ...] | None
    picture: bytes


@dataclass(frozen=True)
class Compared:
    """`problem` says why the two can't be compared; then there is nothing else."""

    problem: str | None = None  # no_product, no_common_view, mirrored, little_overlap, detail_only
    measures: Measures | None = None
    maps: Maps | None = None
    lines: tuple[text.ReadAgain, ...] | None = None
    frames: tuple[Frame, Frame] | None = None
    found: Alignment | None = None


def read_raw(data: bytes, network: Path, *, with_text: bool = True) -> RawSide:
    """The photo's side. Raises PictureError; NoProduct when there is none."""
    side, rgb = prepare(data, network)
    lines = text.lines_of(rgb, product_box(side)) if with_text else None
    return RawSide(side, lines, encode_array(rgb, PICTURE_QUALITY))


def product_box(side: Side) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the product in its picture, px."""
    rows, columns = np.flatnonzero(side.mask.any(1)), np.flatnonzero(side.mask.any(0))
    corners = np.array([[columns[0], rows[0]], [columns[-1], rows[-1]]], np.float32)
    (left, top), (right, bottom) = side.frame.to_picture(corners)
    return int(left), int(top), int(np.ceil(right)), int(np.ceil(bottom))


def compare(raw: RawSide, enhanced: Side, rgb: Bytes) -> Compared:
    """`rgb` is the enhanced picture that `enhanced` was made of."""
    frames = (raw.side.frame, enhanced.frame)
    found = alignment.align(raw.side, enhanced)
    if _is_mirrored(found, raw.side, enhanced):
        return Compared("mirrored", frames=frames)
    if found is None:
        return Compared("no_common_view", frames=frames)
    ours, theirs, both = common_mask(raw.side, enhanced, found.positions())
    if problem := _problem(ours, theirs, both):
        return Compared(problem, frames=frames)
    found = alignment.with_flow(found, raw.side, enhanced, both)
    values, maps = measure(raw.side, enhanced, found)
    lines = None if raw.lines is None else _read_lines(raw, enhanced, found, both, rgb)
    words = [line for line in lines or () if line.line.confidence >= READS_AS_WORDS]
    measures = Measures(
        **values,
        text_drop=max((line.drop for line in words), default=0.0),
        text_unlike=max((line.unlike for line in words), default=0.0),
    )
    return Compared(None, measures, maps, lines, frames, found)


def _is_mirrored(found: Alignment | None, raw: Side, enhanced: Side) -> bool:
    """Whether the two fit surely where one is mirrored, and hardly or not as they are."""
    if found is not None and found.inliers >= SURELY:
        return False
    turned = alignment.align(raw, mirrored(enhanced))
    return turned is not None and turned.inliers >= SURELY


def _problem(ours: Mask, theirs: Mask, both: Mask) -> str | None:
    smaller = min(int(ours.sum()), int(theirs.sum()))
    if int(both.sum()) < LEAST_OVERLAP * max(1, smaller):
        return "little_overlap"
    if int(both.sum()) < LEAST_VISIBLE * max(1, int(ours.sum())):
        return "detail_only"
    return None


def _read_lines(
    raw: RawSide, enhanced: Side, found: Alignment, both: Mask, rgb: Bytes
) -> tuple[text.ReadAgain, ...]:
    read = []
    for line in raw.lines or ():
        quad = raw.side.frame.to_crop(line.quad)
        if not _inside(quad, both):
            continue
        again = text.read_again(rgb, line, enhanced.frame.to_picture(_moved(quad, found)))
        if again is not None:
            read.append(again)
    return tuple(read)


def _inside(quad: Floats, mask: Mask) -> bool:
    """Whether the whole line lies on the product in both pictures."""
    drawn = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(drawn, quad.round().astype(np.int32), 1)
    area = int(drawn.sum())
    return area > 0 and float(mask[drawn > 0].mean()) > 0.9


def _moved(quad: Floats, found: Alignment) -> Floats:
    """The quad in the enhanced crop, by the homography and the flow at its middle."""
    if found.flow is None:
        return found.apply(quad)
    height, width = found.flow.shape[:2]
    x, y = quad.mean(axis=0).round().astype(int)
    shift = found.flow[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return found.apply(quad + shift)
