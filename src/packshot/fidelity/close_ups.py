"""Makes the crops that a model compares: the product, and the worst place, enlarged."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from packshot.fidelity.comparing import Comparison, RawSide
from packshot.fidelity.sides import Frame, Side, corners_of
from packshot.fidelity.verdicts import Reason
from packshot.pictures.arrays import Bytes, Floats, resize, size_at
from packshot.pictures.boxes import Edges
from packshot.pictures.imaging import encode_array, to_array

MIN_SHARE: Final = 0.2  # of the product's crop: the smallest close-up
AROUND: Final = 1.3  # how many times larger than its place a close-up is
WHOLE: Final = 0.8  # of the crop: a place larger than this gets no close-up
ENLARGED: Final = 640  # px of the longer side
QUALITY: Final = 90


def draw(
    raw: RawSide, side: Side, rgb: Bytes, compared: Comparison, reasons: list[Reason]
) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """JPEGs of the photo and of the picture `rgb`: the product, and, if the two could be aligned,
    the place where they differ most."""
    products = (encode_array(raw.side.rgb, QUALITY), encode_array(side.rgb, QUALITY))
    place = _worst_place(raw.side, compared, reasons)
    if place is None or compared.found is None:
        return (products[0],), (products[1],)
    photo = to_array(raw.picture, max(raw.side.frame.width, raw.side.frame.height))
    ours = _enlarge(photo, raw.side.frame, corners_of(place))
    theirs = _enlarge(rgb, side.frame, compared.found.apply(corners_of(place)))
    return (products[0], ours), (products[1], theirs)


def _worst_place(raw: Side, compared: Comparison, reasons: list[Reason]) -> Edges | None:
    """The place of the first reason that has one; else where the pixels differ most. In px of the
    raw crop."""
    height, width = raw.mask.shape
    for reason in reasons:
        if reason.raw is not None:
            place = _around(_in_crop(reason.raw, raw.frame), (width, height))
            if max((place[2] - place[0]) / width, (place[3] - place[1]) / height) < WHOLE:
                return place
    if compared.maps is None or not compared.maps.judged.any():
        return None
    y, x = np.unravel_index(int(compared.maps.patch.argmax()), (height, width))
    return _around((float(x), float(y), float(x), float(y)), (width, height))


def _in_crop(shares: list[float], frame: Frame) -> Edges:
    size = np.array([frame.width, frame.height], np.float32)
    left, top, right, bottom = frame.to_crop(np.reshape(shares, (2, 2)) * size).ravel()
    return float(left), float(top), float(right), float(bottom)


def _around(place: Edges, size: tuple[int, int]) -> Edges:
    """The place with a margin around it, moved and cut to fit into the crop."""
    spans = []
    least = MIN_SHARE * max(size)
    for low, high, end in ((place[0], place[2], size[0]), (place[1], place[3], size[1])):
        half = max(AROUND * (high - low), least) / 2
        middle = min(max((low + high) / 2, half), max(half, end - half))
        spans.append((max(0.0, middle - half), min(float(end), middle + half)))
    (left, right), (top, bottom) = spans
    return left, top, right, bottom


def _enlarge(rgb: Bytes, frame: Frame, corners: Floats) -> bytes:
    """A JPEG of the box around the corners (px of the frame's crop), from the full picture."""
    points = frame.to_picture(corners)
    low = np.clip(np.floor(points.min(axis=0)), 0, (frame.width - 2, frame.height - 2))
    high = np.clip(np.ceil(points.max(axis=0)), low + 2, (frame.width, frame.height))
    (left, top), (right, bottom) = low.astype(int), high.astype(int)
    part = np.ascontiguousarray(rgb[top:bottom, left:right, :3])
    scale = ENLARGED / max(part.shape[:2])
    size = size_at(part, scale)
    if scale < 1:
        return encode_array(resize(part, *size), QUALITY)
    larger = cv2.resize(part, size, interpolation=cv2.INTER_CUBIC)
    return encode_array(np.asarray(larger, np.uint8), QUALITY)
