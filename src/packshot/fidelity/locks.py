"""The pixel lock of one picture, as it is stored and shown. Imports neither NumPy nor OpenCV."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel, ConfigDict

from packshot.pictures.imaging import Encoded

#: Why the photo's pixels were not put over the picture, in a seller's words.
REFUSALS: Final = {
    "no_network": "the cut-out network is missing (`packshot cutout-model`)",
    "no_photo_product": "no product was found in the photo",
    "no_product": "no product was found in the picture",
    "see_through": "the product is see-through, or has parts that are",
    "not_found": "the product could not be aligned with the photo: it was turned, has too little "
    "detail, or is another product",
    "few_points": "the product has too little detail to find its exact position",
    "turned": "the product was turned by {turned:.1f}°",
    "reshaped": "the product was bent, stretched or tilted",
    "enlarged": "the product is shown larger than the photo has pixels for ({enlarged:.1f} times)",
    "unsure": "the cut-out is not sure what belongs to the product",
    "outline": "the outline of the product differs",
    "background_through": "the photo's background shines through the product",
    "differs": "too much of the product looks different",
    "cast": "the photo has a colour cast that would show in the picture",
    "light": "the light on the product was changed: the photo's pixels would stand out",
    "seam": "the seam would show",
    "encoding": "the file format changes the pixels by more than 10 of 255 levels",
    "too_large": "the file would be larger than the limit",
    "failed": "the lock failed; the log says why",
}


#: Counted instead of a refusal's code when the picture is locked.
LOCKED: Final = "locked"
#: Words of materials that light passes through.
SEE_THROUGH: Final = re.compile(
    r"\b(glass(?!.fib)|crystal|transparent|translucent|see-through|plexiglass?|cellophane|tulle"
    r"|clear (plastic|acrylic|resin|vinyl|pvc)|lace(?!-| up)|organza|chiffon)\b",
    re.IGNORECASE,
)


def is_see_through(material: str) -> bool:
    """Whether the background may show through the material that the analysis names."""
    return SEE_THROUGH.search(material) is not None


class Lock(BaseModel):
    """If a picture is not locked, `code` and `words` say why, and only `measures` may be set too.

    A photo pixel at x is shown at x * `scale` + `shift` (px). The errors are differences from the
    photo over the locked pixels of the decoded file, in levels of 255.
    """

    model_config = ConfigDict(frozen=True)
    locked: bool
    code: str | None = None
    words: str | None = None
    share: float | None = None  # of the product's px that are locked, 0..1
    scale: float | None = None
    shift: tuple[float, float] | None = None
    exact: bool = False  # every px was copied, nothing was resampled
    mean_error: float | None = None
    most_error: float | None = None  # 99.9 % of the px are within it
    worst_error: float | None = None
    mask_sha256: str | None = None  # of the locked px, one bit each, row by row
    measures: dict[str, float] = {}


@dataclass(frozen=True)
class LockResult:
    """The lock. If it succeeded: the finished picture, the picture as the model made it (a JPEG of
    1,600 px), and a picture that shows which pixels are locked (WebP)."""

    lock: Lock
    finished: Encoded | None = field(default=None, repr=False)
    made: bytes | None = field(default=None, repr=False)
    mask: bytes | None = field(default=None, repr=False)


class LockRefused(Exception):
    """The photo's pixels can't be put over this picture; `code` is one of REFUSALS."""

    def __init__(self, code: str, measures: dict[str, float] | None = None) -> None:
        super().__init__(code)
        self.code, self.measures = code, measures or {}


def no_lock(code: str, measures: dict[str, float] | None = None) -> Lock:
    found = measures or {}
    words = REFUSALS[code].format(**found)
    return Lock(locked=False, code=code, words=words, measures=found)
