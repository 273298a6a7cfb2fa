"""Prepares one of the two pictures for comparison: the product, cropped, and its features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from packshot.errors import PictureError
from packshot.fidelity import network
from packshot.pictures.arrays import Bytes, Floats, Mask, resize
from packshot.pictures.boxes import Edges, box_of
from packshot.pictures.imaging import to_array
from packshot.pictures.masks import disc, without_specks

WORK_SIDE = 1280  # px of the longer side of the picture; the measures gain nothing from more
CROP_SIDE = 640  # px of the longer side of the product's crop
MARGIN = 0.08  # of the product's longer side, kept around it
FEATURES = 2000
MIN_SIDE = 120  # px of the product's longer side; smaller products can't be measured well


@dataclass(frozen=True)
class Frame:
    """The position of the crop in its picture of `width` x `height` px."""

    left: float
    top: float
    scale: float  # picture px per crop px
    width: int
    height: int

    def to_picture(self, points: Floats) -> Floats:
        """Crop px (n x 2) -> picture px."""
        return np.asarray(points * self.scale + (self.left, self.top), np.float32)

    def to_crop(self, points: Floats) -> Floats:
        """Picture px (n x 2) -> crop px."""
        return np.asarray((points - (self.left, self.top)) / self.scale, np.float32)

    def shares(self, box: Edges) -> list[float]:
        """A box in crop px -> shares of the picture, 0..1."""
        corners = self.to_picture(np.array([box[:2], box[2:]], np.float32))
        shares = np.clip(corners / (self.width, self.height), 0, 1)
        return [round(float(value), 4) for value in shares.ravel()]


@dataclass(frozen=True)
class Side:
    """One of the two pictures, cropped to its product: the pixels, how likely each of them is
    product (0..255), and its ORB features (`points` in crop px)."""

    rgb: Bytes
    likelihood: Bytes
    frame: Frame
    points: Floats
    descriptors: Bytes

    @property
    def mask(self) -> Mask:
        return self.likelihood > 127


class NoProduct(PictureError):
    """No product that is large enough to measure was found in the picture."""


def prepare(data: bytes, model: Path) -> tuple[Side, Bytes]:
    """The product's side, and the picture (at most 1,280 px) in which its text is read.

    Raises PictureError, and NoProduct when no product is found.
    """
    pixels = to_array(data, WORK_SIDE)
    rgb, likelihood = _with_likelihood(pixels, model)
    return side_of(rgb, likelihood), rgb


def _with_likelihood(pixels: Bytes, model: Path) -> tuple[Bytes, Floats]:
    """The alpha of a transparent picture says where the product is; otherwise the network does."""
    if pixels.shape[2] == 4:
        alpha = pixels[..., 3:] / np.float32(255)
        rgb = (pixels[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
        if 0.01 < float(alpha.mean()) < 0.95:
            return rgb, alpha[..., 0]
    else:
        rgb = pixels
    rgb = np.ascontiguousarray(rgb[..., :3])
    return rgb, likelihood_of(rgb, model)


def likelihood_of(rgb: Bytes, model: Path) -> Floats:
    """The network's likelihood (0..1) that each pixel is product, at the picture's size."""
    found = network.likelihood(rgb, model)
    return np.asarray(cv2.resize(found, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR))


def side_of(rgb: Bytes, likelihood: Floats) -> Side:
    """Crop to the product. `likelihood` is 0..1, of the picture's size. Raises NoProduct."""
    product = without_specks(likelihood > 0.5)
    left, top, right, bottom = box_of(product)
    side = max(right - left, bottom - top)
    if side < MIN_SIDE or not product.any():
        raise NoProduct("no product of 120 pixels or more was found", code="no_product")
    margin = round(side * MARGIN)
    left, top = max(0, left - margin), max(0, top - margin)
    right, bottom = min(rgb.shape[1], right + margin), min(rgb.shape[0], bottom + margin)
    scale = max(right - left, bottom - top) / CROP_SIDE
    size = (round((right - left) / scale), round((bottom - top) / scale))
    crop = resize(np.ascontiguousarray(rgb[top:bottom, left:right]), *size)
    likely = cv2.resize(likelihood[top:bottom, left:right], size, interpolation=cv2.INTER_LINEAR)
    bytes_of = np.clip(likely * 255, 0, 255).astype(np.uint8)
    frame = Frame(left, top, scale, rgb.shape[1], rgb.shape[0])
    points, descriptors = features(crop, bytes_of > 127)
    return Side(crop, bytes_of, frame, points, descriptors)


def features(rgb: Bytes, mask: Mask) -> tuple[Floats, Bytes]:
    """ORB's points (n x 2) and descriptors (n x 32) of the product and its edge."""
    around = cv2.dilate(mask.astype(np.uint8), disc(3))
    orb = cv2.ORB_create(FEATURES, fastThreshold=7)  # type: ignore[attr-defined]
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    found, descriptors = orb.detectAndCompute(grey, around)
    if descriptors is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8)
    return np.array([point.pt for point in found], np.float32), descriptors


def mirror(side: Side) -> Side:
    """The same side, mirrored left to right."""
    rgb = np.ascontiguousarray(side.rgb[:, ::-1])
    likelihood = np.ascontiguousarray(side.likelihood[:, ::-1])
    return Side(rgb, likelihood, side.frame, *features(rgb, likelihood > 127))


def corners_of(box: Edges) -> Floats:
    """Clockwise from the top left (4 x 2)."""
    left, top, right, bottom = box
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
