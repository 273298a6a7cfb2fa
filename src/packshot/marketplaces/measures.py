"""Measures the properties of a picture that marketplaces have rules about. No I/O.

Imports NumPy and OpenCV only inside a pixel process, which returns these measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

#: Two pictures have the same shape if their aspect ratios differ by at most this share.
SAME_SHAPE: Final = 0.02
ENDINGS: Final = {
    "jpeg": ("jpg", "jpeg", "jpe", "jfif"),
    "tiff": ("tif", "tiff"),
    "heic": ("heic", "heif"),
    "bmp": ("bmp", "dib"),
}
NO_RAW: Final = "the seller's photo is not available"
OTHER_SHAPE: Final = "the picture's shape differs from the seller's photo"


@dataclass(frozen=True)
class PictureMeasures:
    """Numbers are unrounded fractions or pixels, words are in lower case. None means that it can't
    be measured, for the reason in `unmeasured`."""

    longest_side: int
    shortest_side: int
    megapixels: float
    ratio: float  # width / height
    bytes: int
    format: str
    ending: str | None  # "matches", or the ending that does not
    animation: str  # yes or no
    profile: str  # srgb, or other
    colour_mode: str  # rgb, grey or cmyk
    bit_depth: int  # per channel
    border_white: float | None
    border_light: float | None
    fill: float | None  # share of the width or height that the product takes, the larger one
    edge_contact: str | None
    frame: str | None
    edge_shadow: str | None
    source_type: str  # the IPTC DigitalSourceType, or none
    enlargement: float | None  # its longest side over that of a raw photo of the same shape
    unmeasured: Mapping[str, str] = field(default_factory=dict)


def measure(data: bytes, ending: str | None = None, raw: bytes | None = None) -> PictureMeasures:
    """Measure a picture file; `raw` is the photo that it was made from.

    Raises PictureError when it can't be read.
    """
    from packshot.marketplaces.appearance import look_at
    from packshot.marketplaces.files import read_file

    file = read_file(data)
    seen, unmeasured = look_at(file)
    width, height = file.facts.width, file.facts.height
    enlargement = None if raw is None else _enlargement(width, height, raw)
    if enlargement is None:
        unmeasured["enlargement"] = NO_RAW if raw is None else OTHER_SHAPE
    return PictureMeasures(
        longest_side=max(width, height),
        shortest_side=min(width, height),
        megapixels=width * height / 1e6,
        ratio=width / height,
        bytes=len(data),
        format=file.kind,
        ending=None if ending is None else _ending(ending, file.kind),
        animation="yes" if file.is_animated else "no",
        profile=file.profile,
        colour_mode=file.facts.colour_mode,
        bit_depth=file.facts.bit_depth,
        **vars(seen),
        source_type=file.source_type,
        enlargement=enlargement,
        unmeasured=unmeasured,
    )


def _enlargement(width: int, height: int, raw: bytes) -> float | None:
    """None if the shapes differ: sizes alone don't tell whether it was cropped or padded."""
    from packshot.pictures.imaging import read_header

    header = read_header(raw)
    longest, shortest = max(header.width, header.height), min(header.width, header.height)
    by_longest, by_shortest = max(width, height) / longest, min(width, height) / shortest
    return by_longest if abs(by_longest / by_shortest - 1) <= SAME_SHAPE else None


def _ending(ending: str, kind: str) -> str:
    given = ending.lower().lstrip(".")
    return "matches" if given in ENDINGS.get(kind, (kind,)) else given or "none"
