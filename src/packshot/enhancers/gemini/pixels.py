"""The pixel work around a call to Gemini; every function here runs in a pixel child process.

Which imports NumPy: the serving process has no use for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packshot.pictures import imaging

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SENT_SIDE = 1536  # more pixels cost more tokens and add nothing Gemini would see
SENT_QUALITY = 90
COMPARED_SIDE = 128
# Mean difference in grey levels of 255, measured on 25 photos: a copy scaled and encoded anew at
# quality 60 to 85 stays below it in 64 of 75 cases; the faintest edit (5 % more light) never does.
# A missed copy meets the reviewer's eye; an edit taken for a copy would fail the product.
SAME_MEAN = 0.9


@dataclass(frozen=True)
class Inspected:
    """What came back, in pixels; `copied` when it shows just what was sent."""

    width: int
    height: int
    copied: bool


def shrink(data: bytes, max_side: int = SENT_SIDE, quality: int = SENT_QUALITY) -> bytes:
    """The photo as JPEG of at most `max_side` pixels; white below see-through parts."""
    return imaging.encode_array(_opaque(imaging.to_array(data, max_side)), quality)


def inspect(picture: bytes, sent: bytes) -> Inspected:
    """Decode what Gemini made and compare it with what it was given. Raises PictureError."""
    pixels = imaging.to_array(picture)
    height, width = pixels.shape[:2]
    return Inspected(width, height, picture == sent or _same(picture, sent))


def _same(picture: bytes, sent: bytes) -> bool:
    made, given = _small(picture), _small(sent)
    if abs(made.shape[0] - given.shape[0]) > 2 or abs(made.shape[1] - given.shape[1]) > 2:
        return False
    rows, columns = (min(each) for each in zip(made.shape, given.shape, strict=True))
    difference = abs(made[:rows, :columns] - given[:rows, :columns])
    return bool(difference.mean() < SAME_MEAN)


def _small(data: bytes) -> NDArray[np.float32]:
    """Grey levels of the picture fitted into 128 pixels: both sizes agree when the ratios do."""
    pixels = _opaque(imaging.to_array(data, COMPARED_SIDE))
    grey: NDArray[np.float32] = pixels.astype("float32").mean(axis=2)
    return grey


def _opaque(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.shape[2] == 3:
        return pixels
    alpha = pixels[:, :, 3:].astype("float32") / 255
    flat = pixels[:, :, :3] * alpha + 255 * (1 - alpha)
    whole: NDArray[np.uint8] = flat.round().astype("uint8")
    return whole
