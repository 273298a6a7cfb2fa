"""CUTOUT=network: how much each pixel belongs to the product, by U-2-Net's small network.

Qin et al., "U-2-Net: Going deeper with nested U-structure for salient object detection" (2020);
weights u2netp, run by OpenCV alone. Used in pixel processes only: it adds about 230 MB there.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from packshot.pictures import model_file
from packshot.pictures.arrays import Bytes, Floats

SIDE = 256  # px, whatever the photo's ratio; 320 takes 1.6 times as long and finds no better masks
# Mean and deviation of ImageNet's pictures, on which U-2-Net was trained.
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


def likelihood(rgb: Bytes, path: Path) -> Floats:
    """How much each pixel belongs to the product, 0..1, 256 x 256 whatever the picture's ratio."""
    return likelihood_at(SIDE, rgb, path)


def likelihood_at(side: int, rgb: Bytes, path: Path) -> Floats:
    """`likelihood`, with `side` x `side` px."""
    network = load(path)
    network.setInput(as_input(rgb, side))
    return stretch_to_full_range(network.forward(network.getUnconnectedOutLayersNames()[0]))


def as_input(rgb: Bytes, side: int) -> Floats:
    """The picture as the network's input: 1 x 3 x `side` x `side`."""
    small = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    scaled = (small / max(float(small.max()), 1.0) - MEAN) / DEVIATION
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])


def stretch_to_full_range(answer: Floats) -> Floats:
    """The network's answer (1 x 1 x height x width) from 0 to 1."""
    found = np.asarray(answer[0, 0], np.float32)
    spread = float(np.ptp(found))
    return (found - found.min()) / spread if spread > 1e-6 else np.zeros_like(found)


@lru_cache(maxsize=1)
def load(path: Path) -> Any:
    """The network, once for each child; None when its file is missing, or not the one that the
    confidence was fitted on."""
    data = model_file.read_genuine(path)
    return None if data is None else cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
