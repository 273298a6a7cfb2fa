"""The pixel work around a call to Gemini; every function here runs in a pixel process.

Only such a process imports NumPy: the serving process does not need it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any

from packshot.pictures import imaging
from packshot.pictures.decoding import Header

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SENT_SIDE = 1536  # more pixels cost more tokens and add nothing Gemini would see
#: Pictures are compared at this size (px), where noise from encoding has averaged out.
COMPARED_SIDE = 64
READ_SIDE = 512  # decoded at this size (px), then averaged: decoders shrink differently
#: Levels of 255, measured on 25 photos. Copies encoded again stay below both on 24 of them at
#: quality 85, on 22 at quality 75; light 1 % stronger never does (mean 0.86 and more). A copy that
#: is missed is "hardly changed", which the reviewer sees; an edit taken for a copy would be
#: paid for again.
SAME_MEAN, SAME_LARGEST = 0.8, 12.0
SIMILAR_MEAN = 3.5  # light 2 % stronger stays below it on 23 of the photos, 5 % stronger on none
BACKGROUND_LEVELS = 12.0  # pixels this near to the colour of the photo's edge are its background
BLANK_LEVELS = 4.0  # a picture that varies by no more shows nothing, not even a shadow
MIN_PRODUCT = 0.01  # of the photo; with less, no product was found: the whole is compared


@dataclass(frozen=True)
class Inspection:
    """The picture that came back, compared with the photo that was sent."""

    width: int
    height: int
    copied: bool  # it shows the same picture
    hardly_changed: bool = False
    blank: bool = False  # it has one colour


def shrink(data: bytes) -> bytes:
    """The photo in the form that Gemini gets: a JPEG of at most 1,536 px, white where
    transparent."""
    return imaging.fit(data, SENT_SIDE)


def inspect(picture: bytes, sent: bytes, references: Sequence[bytes] = ()) -> Inspection:
    """Decode what Gemini made and compare it with what it was given. Raises PictureError."""
    header = imaging.read_header(picture)
    width, height = header.width, header.height
    small = cache(partial(_small, picture))  # decoded once for all comparisons

    def difference_to(other: bytes) -> tuple[float, float]:
        return (0.0, 0.0) if picture == other else _difference(small, header, other)

    if any(_is_same(*difference_to(other)) for other in references):
        return Inspection(width, height, copied=True)
    mean, largest = difference_to(sent)
    copied = _is_same(mean, largest)
    blank = _is_blank(small(min(READ_SIDE, _longest(header))))
    return Inspection(width, height, copied, not copied and mean < SIMILAR_MEAN, blank)


def _is_same(mean: float, largest: float) -> bool:
    return mean < SAME_MEAN and largest <= SAME_LARGEST


def _is_blank(levels: NDArray[np.float32]) -> bool:
    return bool((levels.max(axis=(0, 1)) - levels.min(axis=(0, 1))).max() <= BLANK_LEVELS)


def _difference(
    small: Callable[[int], NDArray[np.float32]], header: Header, sent: bytes
) -> tuple[float, float]:
    """Mean and largest difference in levels. The mean is that of the whole or of the product's own
    area, whichever is more: relighting a product on white leaves most of the frame unchanged."""
    side = min(READ_SIDE, _longest(header), _longest(imaging.read_header(sent)))
    made, given = small(side), _small_of_sent(sent, side)
    if abs(made.shape[0] - given.shape[0]) > 1 or abs(made.shape[1] - given.shape[1]) > 1:
        return 255.0, 255.0  # the ratios differ
    rows, columns = (min(each) for each in zip(made.shape[:2], given.shape[:2], strict=True))
    given = given[:rows, :columns]
    difference = abs(made[:rows, :columns] - given)
    mean = max(difference.mean(), difference[_product_area(given)].mean())
    return float(mean), float(difference.max())


def _product_area(photo: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The area where the photo differs from the colour of its edge; if none, the whole."""
    import numpy as np

    sides = (photo[0], photo[-1], photo[:, 0], photo[:, -1])
    edge = np.median(np.concatenate(sides), axis=0)
    area: NDArray[np.bool_] = abs(photo - edge).max(axis=2) > BACKGROUND_LEVELS
    return area if area.mean() >= MIN_PRODUCT else np.ones_like(area)


def _longest(header: Header) -> int:
    return max(header.width, header.height)


def _small(data: bytes, side: int) -> NDArray[np.float32]:
    """RGB levels of the picture fitted into `side` pixels, averaged in blocks: about 64 a side."""
    pixels = _opaque(imaging.to_array(data, side))
    block = max(1, round(side / COMPARED_SIDE))
    rows, columns = pixels.shape[0] // block, pixels.shape[1] // block
    whole = pixels[: rows * block, : columns * block]
    return _means(whole.reshape(rows, block, columns * block * 3), block)


def _means(lines: NDArray[np.uint8], block: int) -> NDArray[np.float32]:
    """RGB means of blocks; `lines`: rows of blocks x lines of a block x levels of a line. Added up
    line by line first, in whole numbers: a third of the time of a mean over both sides."""
    columns = lines.sum(axis=1, dtype="uint32").reshape(len(lines), -1, block, 3)
    means: NDArray[np.float32] = columns.sum(axis=2).astype("float32") / block**2
    return means


#: All pictures of a product are compared with the same photo: a child decodes it once.
_small_of_sent = lru_cache(maxsize=16)(_small)


def _opaque(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.shape[2] == 3:
        return pixels
    alpha = pixels[:, :, 3:].astype("float32") / 255
    flat = pixels[:, :, :3] * alpha + 255 * (1 - alpha)
    whole: NDArray[np.uint8] = flat.round().astype("uint8")
    return whole
