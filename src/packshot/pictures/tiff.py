"""The directories of a TIFF, read before decoding: its pages, and how they are stored."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from packshot.errors import PictureError
from packshot.pictures.limits import check_held, unsupported

MAX_DIRECTORIES = 100
REDUCED, MASK = 1, 4  # bits of NewSubfileType
UNSPECIFIED = 0  # a value of ExtraSamples
MAX_VALUES = 64  # of one tag: enough for every tag that is read
#: struct letters by field type (TIFF 6.0, section 2); signed and floating types are not needed.
TYPES = {1: "B", 2: "B", 3: "H", 4: "I", 7: "B", 13: "I"}


class Tag(IntEnum):
    """The tags that are read, by their numbers in TIFF 6.0 and DNG 1.7."""

    SUBFILE_TYPE = 254
    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    MAKE = 271
    SAMPLES = 277
    TILE_HEIGHT = 323
    SUB_DIRECTORIES = 330
    EXTRA_SAMPLES = 338
    DNG_VERSION = 50706


Directory = dict[int, Sequence[int]]

#: Values of PHOTOMETRIC that the decoder can't convert, and their names.
COLOURS = {
    8: "Lab colour (CIELab)",
    9: "Lab colour (ICCLab)",
    10: "Lab colour (ITULab)",
    32803: "a sensor's colours (CFA)",
    32844: "HDR colour (LogL)",
    32845: "HDR colour (LogLuv)",
    34892: "a sensor's colours (LinearRaw)",
}
#: Values of COMPRESSION that the decoder reads, and the names of others.
READ = {1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 50001}
COMPRESSIONS = {
    34712: "JPEG 2000",
    34887: "LERC",
    34925: "LZMA",
    50000: "Zstandard",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
#: The decoder converts YCbCr only where it unpacks JPEG (old and new); else it shows it as RGB.
YCBCR, JPEG = 6, (6, 7)


def read_directories(data: bytes, most: int = MAX_DIRECTORIES) -> list[Directory]:
    """The main chain of directories, at most `most`; it ends early if it can't be read."""
    order = "<" if data[:2] == b"II" else ">"
    found: list[Directory] = []
    seen: set[int] = set()
    try:
        [position] = struct.unpack_from(f"{order}I", data, 4)
        while position and position not in seen and len(found) < most:
            seen.add(position)
            directory, position = _read_directory(data, order, position)
            found.append(directory)
    except struct.error:
        pass
    return found


def _read_directory(data: bytes, order: str, position: int) -> tuple[Directory, int]:
    [entries] = struct.unpack_from(f"{order}H", data, position)
    directory: Directory = {}
    for number in range(entries):
        at = position + 2 + 12 * number
        tag, kind, count = struct.unpack_from(f"{order}HHI", data, at)
        if tag in Tag.__members__.values() and kind in TYPES:
            directory[tag] = _values(data, order, at + 8, TYPES[kind], min(count, MAX_VALUES))
    [following] = struct.unpack_from(f"{order}I", data, position + 2 + 12 * entries)
    return directory, following


def _values(data: bytes, order: str, at: int, letter: str, count: int) -> Sequence[int]:
    layout = f"{order}{count}{letter}"
    if struct.calcsize(layout) > 4:  # the field holds the position of the values
        [at] = struct.unpack_from(f"{order}I", data, at)
    values: tuple[int, ...] = struct.unpack_from(layout, data, at)
    return values or (0,)


# ---- checks


def check_pages(directories: list[Directory]) -> int:
    """The index of the only full page; previews and masks are skipped. Raises PictureError."""
    full = [
        index
        for index, directory in enumerate(directories)
        if not directory.get(Tag.SUBFILE_TYPE, (0,))[0] & (REDUCED | MASK)
    ]
    if len(full) > 1:
        raise PictureError(
            f"The TIFF has {len(full)} pages; save the one with the photo on its own.",
            code="picture_many_pages",
        )
    return full[0] if full else 0


def check_layout(image: Any) -> None:
    """Check a libvips image before it is decoded: 8 or 16 bits, at most CMYK with alpha."""
    if image.format not in ("uchar", "ushort") or image.bands > 5 or image.coding != "none":
        raise unsupported(f"The TIFF has {image.bands} channels of type {image.format}")


def check_colours(directory: Directory) -> None:
    photometric = directory.get(Tag.PHOTOMETRIC, (2,))[0]
    name = COLOURS.get(photometric)
    if photometric == YCBCR and directory.get(Tag.COMPRESSION, (1,))[0] not in JPEG:
        name = "YCbCr colour without JPEG"
    if name is not None:
        raise unsupported(f"The TIFF is in {name}")


def check_compression(directory: Directory) -> None:
    stored = directory.get(Tag.COMPRESSION, (1,))[0]
    if stored not in READ:
        name = COMPRESSIONS.get(stored, f"a rare method (number {stored})")
        raise unsupported(f"The TIFF is compressed by {name}")


def without_extra_channels(image: Any, directory: Directory) -> Any:
    """The image without channels that are neither colour nor alpha (ExtraSamples 0): an editor's
    saved selection would make the rest of the product transparent."""
    kinds = directory.get(Tag.EXTRA_SAMPLES, ())
    colours = image.bands - len(kinds)
    alphas = [number for number, kind in enumerate(kinds) if kind != UNSPECIFIED]
    if not kinds or colours not in (1, 3, 4) or len(kinds) == len(alphas) == 1:
        return image
    kept = image.extract_band(0, n=colours)
    kept = kept.bandjoin(image[colours + alphas[0]]) if alphas else kept
    return kept.copy(interpretation=image.interpretation)


def check_tiles(directory: Directory) -> None:
    """Check the size of tiles: decoding keeps two rows of them. Strips are read line by line."""
    first = {tag: values[0] for tag, values in directory.items()}
    width, height = first.get(Tag.WIDTH, 0), first.get(Tag.HEIGHT, 0)
    sample = max(first.get(Tag.BITS, 8), 8) // 8 * first.get(Tag.SAMPLES, 1)
    check_held(2 * width * first.get(Tag.TILE_HEIGHT, 0) * sample, width, height, "in large tiles")
