"""Where the photo lies in the picture, so that a page can lay one product over the other."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from packshot.fidelity.comparing import Comparison
from packshot.fidelity.transform import to_whole_picture
from packshot.fidelity.verdicts import Placement
from packshot.pictures.arrays import Floats

POINTS: Final = 2000  # of the product's pixels; more change nothing


def placement_of(compared: Comparison) -> Placement | None:
    """The similarity that lays the photo's product over the picture's; None if not comparable."""
    if compared.maps is None or compared.frames is None:
        return None
    rows, columns = np.nonzero(compared.maps.product)
    few = slice(None, None, max(1, len(rows) // POINTS))
    there = compared.maps.positions[rows[few], columns[few]]
    raw, enhanced = compared.frames
    source = to_whole_picture(np.column_stack([columns[few], rows[few]]).astype(np.float32), raw)
    target = to_whole_picture(there, enhanced)
    cv2.setRNGSeed(11)
    matrix, _ = cv2.estimateAffinePartial2D(source, target, method=cv2.LMEDS)
    if matrix is None:
        return None
    return _box_of(np.asarray(matrix), (raw.width, raw.height), (enhanced.width, enhanced.height))


def _box_of(matrix: Floats, photo: tuple[int, int], picture: tuple[int, int]) -> Placement:
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    half = np.array(photo) * scale / 2
    middle = matrix @ (photo[0] / 2, photo[1] / 2, 1)
    corners = np.concatenate([middle - half, middle + half]) / (*picture, *picture)
    return Placement(
        box=[round(float(value), 4) for value in corners],
        degrees=round(float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))), 2),
    )
