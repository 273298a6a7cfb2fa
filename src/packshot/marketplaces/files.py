"""Reads a picture file in any format that a marketplace accepts: first its facts, then its pixels.

This includes GIF and BMP, which Packshot does not accept as photos. A picture beyond the decoding
limits has facts, but no pixels.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from struct import error, unpack_from
from typing import Any, Final

from packshot.errors import PictureError
from packshot.pictures import heif, limits, png
from packshot.pictures.imaging import read_header, to_array
from packshot.pictures.kinds import BMP, recognise
from packshot.pictures.srgb import is_srgb
from packshot.pictures.vips import decoding, vips

#: Error codes of pictures that are intact but beyond the limits, so that they are not decoded.
NOT_DECODED: Final = frozenset(
    [
        "picture_too_large",
        "picture_too_many_pixels",
        "picture_too_small",
        "picture_too_narrow",
        "picture_too_much_memory",
        "picture_animated",
    ]
)
#: IPTC's property in XMP, as attribute or element; C2PA's is spelled digitalSourceType.
_SOURCE_TYPE: Final = re.compile(
    rb":DigitalSourceType(?:>|\s*=\s*[\"']|\s+rdf:resource\s*=\s*[\"'])\s*"
    rb"https?://cv\.iptc\.org/newscodes/digitalsourcetype/([A-Za-z]{1,60})"
)


@dataclass(frozen=True)
class Facts:
    """What the file's header says about the picture; width and height as displayed."""

    width: int
    height: int
    colour_mode: str = "rgb"  # or grey, or cmyk
    bit_depth: int = 8  # per channel
    icc: bytes | None = None


@dataclass(frozen=True)
class PictureFile:
    """`pixels` are uint8, height x width x 3 or 4; None if not decoded, for the given `reason`."""

    kind: str  # jpeg, png, ...
    facts: Facts
    profile: str  # srgb, if browsers treat it as such; or other
    source_type: str  # IPTC's DigitalSourceType in its XMP, or none
    is_animated: bool
    pixels: Any = field(repr=False)
    reason: str = ""


def read_file(data: bytes) -> PictureFile:
    """Raises PictureError if the data is not a picture, or is damaged."""
    kind = kind_of(data)
    facts = FACTS.get(kind, _facts_of_vips)(data)
    managed = facts.icc is not None and not is_srgb(facts.icc)
    pixels, reason, code = None, "", ""
    try:
        if kind in DECODERS:
            pixels = DECODERS[kind](data)
        else:
            managed = read_header(data).colour_managed
            pixels = to_array(data)
    except PictureError as refusal:
        if refusal.code not in NOT_DECODED:
            raise
        reason, code = refusal.message.removesuffix("."), refusal.code
    return PictureFile(
        kind=kind,
        facts=facts,
        profile="other" if managed else "srgb",
        source_type=_source_type(data),
        is_animated=code == "picture_animated",
        pixels=pixels,
        reason=reason,
    )


def kind_of(data: bytes) -> str:
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    found = recognise(data)
    if found is BMP:
        return "bmp"
    if found.mime_type is None:
        raise PictureError(
            f"The file is {found.words}, which can't be measured; {found.advice}.",
            code="not_a_picture",
        )
    return found.mime_type.removeprefix("image/")


def _source_type(data: bytes) -> str:
    """As IPTC's XMP names it (cv.iptc.org/newscodes/digitalsourcetype)."""
    found = _SOURCE_TYPE.search(data)
    return found[1].decode() if found else "none"


# ---- facts


def _facts_of_vips(data: bytes) -> Facts:
    with decoding():
        image = vips().Image.new_from_buffer(data, "", access="sequential")
        fields = image.get_fields()
        width, height = image.width, image.height
        if "orientation" in fields and image.get("orientation") >= 5:
            width, height = height, width
        depth = image.get("bits-per-sample") if "bits-per-sample" in fields else 8
        return Facts(
            width,
            height,
            {"cmyk": "cmyk", "b-w": "grey", "grey16": "grey"}.get(image.interpretation, "rgb"),
            8 if image.format == "uchar" else max(depth, 9),
            image.get("icc-profile-data") if "icc-profile-data" in fields else None,
        )


def _facts_of_png(data: bytes) -> Facts:
    """Reads only the chunks, because a decoder would unpack its texts, perhaps to gigabytes."""
    try:
        width, height, depth, colour = unpack_from(">IIBB", data, 16)
    except error:
        raise limits.damaged("its header is missing") from None
    profile = None
    with suppress(PictureError):
        profile = png.unwrap(data).profile
    return Facts(width, height, "grey" if colour in (0, 4) else "rgb", max(8, depth), profile)


def _facts_of_heic(data: bytes) -> Facts:
    found = heif.open_heic(data)
    grey = found.mode.startswith("L")
    icc = heif.profile_of_heic(found)
    width, height = found.size
    return Facts(width, height, "grey" if grey else "rgb", found.info["bit_depth"], icc)


def _facts_of_bmp(data: bytes) -> Facts:
    """No BMP has more than 8 bits per channel. The height is negative if rows are stored from top
    to bottom. OS/2's header, of 12 bytes, has shorter numbers."""
    try:
        [length] = unpack_from("<I", data, 14)
        width, height = unpack_from("<HH" if length == 12 else "<ii", data, 18)
        return Facts(abs(width), abs(height))
    except error:
        raise limits.damaged("its header is missing") from None


FACTS: Final[dict[str, Callable[[bytes], Facts]]] = {
    "png": _facts_of_png,
    "heic": _facts_of_heic,
    "bmp": _facts_of_bmp,
}


# ---- pixels of formats that Packshot does not accept as photos


def _pixels_of_gif(data: bytes) -> Any:
    with decoding():
        image = vips().Image.new_from_buffer(data, "", access="sequential", fail_on="error")
        limits.check_frames(image.get("n-pages"))
        limits.check_size(image.width, image.height)
        return image.colourspace("srgb").numpy()


def _pixels_of_bmp(data: bytes) -> Any:
    import cv2
    import numpy as np

    facts = _facts_of_bmp(data)
    limits.check_size(facts.width, facts.height)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # None says it
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise limits.damaged()
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


DECODERS: Final[dict[str, Callable[[bytes], Any]]] = {"gif": _pixels_of_gif, "bmp": _pixels_of_bmp}
