"""Measures the properties of a picture that marketplaces have rules about; pixels, no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

#: A pixel this far (of 255) from the backdrop's colour is not backdrop; JPEG noise stays below.
APART: Final = 12
#: The border looked at: this share of the shorter side, at least one pixel.
BORDER: Final = 0.01
#: A backdrop has one colour when this share of the border is near its median.
ONE_COLOUR: Final = 0.9
#: A product at the edge, or a shadow, is looked for on a light backdrop that has at least this
#: share of the border.
MOSTLY: Final = 0.5
#: "White" and "light", by the darkest channel.
WHITE: Final = 255
LIGHT: Final = 200
#: sRGB in the description of a profile (ICC.1:2022, 9.2.41), as ASCII and as UTF-16.
SRGB: Final = (b"sRGB", "sRGB".encode("utf-16-be"))
#: Rows and columns of specks: fewer pixels than this share of a line are not the product.
SPECKS: Final = 0.002
#: Two pictures have one shape when their sides' ratios differ by at most this share.
SAME_SHAPE: Final = 0.02
#: The longest frame looked for, as a share of the shorter side.
FRAME: Final = 0.06


@dataclass(frozen=True)
class Measures:
    """Numbers as fractions or pixels, words in lower case; None where it can't be measured."""

    longest_side: int
    shortest_side: int
    megapixels: float
    ratio: float  # width / height
    bytes: int
    format: str
    ending: str | None  # "matches", or the ending that does not
    profile: str  # srgb, or other
    border_white: float
    border_light: float
    fill: float | None  # of the longer side of the frame's box that the product takes
    edge_contact: str | None
    frame: str
    edge_shadow: str | None
    source_type: str  # the IPTC DigitalSourceType, or none
    enlargement: float | None  # its longest side by that of a raw photo of the same shape


def measure(data: bytes, ending: str | None = None, raw: bytes | None = None) -> Measures:
    """Measure a picture as it would be uploaded; `raw` is the photo that it was made of.

    Raises PictureError when it can't be read.
    """
    import numpy as np

    from packshot.pictures.imaging import read_header, to_array

    kind = read_header(data).mime_type.removeprefix("image/")
    rgb = _on_white(to_array(data)).astype(np.int16)
    height, width = rgb.shape[:2]
    border = _border(rgb)
    backdrop = np.median(border, axis=0)
    box = _box(rgb, backdrop) if _is_plain(border, backdrop) else None
    return Measures(
        longest_side=max(width, height),
        shortest_side=min(width, height),
        megapixels=round(width * height / 1e6, 2),
        ratio=round(width / height, 3),
        bytes=len(data),
        format=kind,
        ending=None if ending is None else _ending(ending, kind),
        profile=_profile(data),
        border_white=round(float((border.min(axis=1) >= WHITE).mean()), 4),
        border_light=round(float((border.min(axis=1) >= LIGHT).mean()), 4),
        fill=None if box is None else _fill(box, width, height),
        edge_contact=None if box is None else _edge_contact(box, width, height),
        frame="yes" if _has_frame(rgb) else "no",
        edge_shadow=_edge_shadow(border, backdrop),
        source_type=_source_type(data),
        enlargement=None if raw is None else _enlargement(width, height, raw),
    )


def _enlargement(width: int, height: int, raw: bytes) -> float | None:
    """None where the shapes differ: a crop and a margin can't be told apart by the sizes."""
    from packshot.pictures.imaging import read_header

    header = read_header(raw)
    longest, shortest = max(header.width, header.height), min(header.width, header.height)
    by_longest, by_shortest = max(width, height) / longest, min(width, height) / shortest
    if abs(by_longest / by_shortest - 1) > SAME_SHAPE:
        return None
    return round(by_longest, 3)


def _on_white(pixels: Any) -> Any:
    """What a shop's page shows of a see-through picture."""
    import numpy as np

    if pixels.shape[2] == 3:
        return pixels
    alpha = pixels[..., 3:].astype(np.float32) / 255
    return np.rint(pixels[..., :3] * alpha + 255 * (1 - alpha))


def _profile(data: bytes) -> str:
    """`srgb` where a browser takes it for sRGB: no profile at all, or one that says so."""
    from packshot.pictures.imaging import read_header
    from packshot.pictures.vips import decoding, vips

    if not read_header(data).colour_managed:
        return "srgb"
    with decoding():
        image = vips().Image.new_from_buffer(data, "")
        fields = image.get_fields()
        profile = image.get("icc-profile-data") if "icc-profile-data" in fields else b""
    named = any(name in profile for name in SRGB)
    return "srgb" if named and image.interpretation != "cmyk" else "other"


def _border(rgb: Any) -> Any:
    """The outermost pixels, as (n, 3)."""
    import numpy as np

    height, width = rgb.shape[:2]
    deep = max(1, round(BORDER * min(width, height)))
    sides = (rgb[:deep], rgb[-deep:], rgb[deep:-deep, :deep], rgb[deep:-deep, -deep:])
    return np.concatenate([side.reshape(-1, 3) for side in sides])


def _is_plain(border: Any, backdrop: Any) -> bool:
    """A light backdrop may be covered by a product that runs out of the frame."""
    of_backdrop = float((abs(border - backdrop).max(axis=1) <= APART).mean())
    return of_backdrop >= (MOSTLY if backdrop.min() >= LIGHT else ONE_COLOUR)


def _box(rgb: Any, backdrop: Any) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of what is not backdrop; None when everything is."""
    import numpy as np

    # Channel by channel: NumPy takes ten times as long to reduce an axis of three.
    channels = zip(np.moveaxis(rgb, 2, 0), backdrop, strict=True)
    apart = np.logical_or.reduce(
        [(channel < level - APART) | (channel > level + APART) for channel, level in channels]
    )
    height, width = apart.shape
    rows = np.flatnonzero(apart.sum(axis=1) > SPECKS * width)
    columns = np.flatnonzero(apart.sum(axis=0) > SPECKS * height)
    if not len(rows) or not len(columns):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _fill(box: tuple[int, int, int, int], width: int, height: int) -> float:
    left, top, right, bottom = box
    return round(max((right - left) / width, (bottom - top) / height), 3)


def _edge_contact(box: tuple[int, int, int, int], width: int, height: int) -> str:
    left, top, right, bottom = box
    sides = {
        "left": left <= 0,
        "top": top <= 0,
        "right": right >= width,
        "bottom": bottom >= height,
    }
    return ", ".join(side for side, touches in sides.items() if touches) or "none"


def _edge_shadow(border: Any, backdrop: Any) -> str | None:
    """Grey at the border that is darker than a light backdrop: a shadow that runs out of frame."""
    of_backdrop = float((abs(border - backdrop).max(axis=1) <= APART).mean())
    if of_backdrop < MOSTLY or backdrop.min() < LIGHT:
        return None
    grey = (border.max(axis=1) - border.min(axis=1)) <= APART
    darker = border.max(axis=1) < backdrop.max() - APART
    return "yes" if float((grey & darker).mean()) > SPECKS else "no"


def _has_frame(rgb: Any) -> bool:
    """A dark ring of one colour that ends in one sharp step, at the same depth everywhere.

    A light ring is the margin around a product.
    """
    height, width = rgb.shape[:2]
    outer = rgb[0, 0]
    if outer.min() >= LIGHT:
        return False
    for depth in range(1, max(2, round(FRAME * min(width, height)))):
        inside = (
            rgb[depth, depth : width - depth],
            rgb[height - 1 - depth, depth : width - depth],
            rgb[depth : height - depth, depth],
            rgb[depth : height - depth, width - 1 - depth],
        )
        differs = [float((abs(line - outer).max(axis=1) > APART).mean()) for line in inside]
        if min(differs) > ONE_COLOUR:
            return _is_one_colour(rgb, depth, outer)
        if max(differs) > 1 - ONE_COLOUR:
            return False
    return False


def _is_one_colour(rgb: Any, depth: int, outer: Any) -> bool:
    ring = _ring(rgb, depth)
    return float((abs(ring - outer).max(axis=1) <= APART).mean()) >= ONE_COLOUR


def _ring(rgb: Any, depth: int) -> Any:
    import numpy as np

    sides = (rgb[:depth], rgb[-depth:], rgb[:, :depth], rgb[:, -depth:])
    return np.concatenate([side.reshape(-1, 3) for side in sides])


ENDINGS: Final = {
    "jpeg": ("jpg", "jpeg", "jpe", "jfif"),
    "tiff": ("tif", "tiff"),
    "heic": ("heic", "heif"),
}


def _ending(ending: str, kind: str) -> str:
    given = ending.lower().lstrip(".")
    return "matches" if given in ENDINGS.get(kind, (kind,)) else given or "none"


_SOURCE_TYPE: Final = re.compile(rb"cv\.iptc\.org/newscodes/digitalsourcetype/([A-Za-z]{1,60})")


def _source_type(data: bytes) -> str:
    """As IPTC's XMP names it (cv.iptc.org/newscodes/digitalsourcetype)."""
    found = _SOURCE_TYPE.search(data)
    return found[1].decode() if found else "none"
