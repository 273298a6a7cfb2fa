"""HEIC and AVIF: only the primary image, upright, in the colour that its boxes specify."""

from __future__ import annotations

import re
from typing import Any

from packshot.pictures.heif_items import check_whole
from packshot.pictures.limits import check_frames, damaged

SEQUENCES = (b"avis", b"msf1", b"hevc", b"hevx", b"hevm", b"hevs")
META_BYTES = 1_000_000  # the boxes that describe the images come first
#: Bytes per pixel by (more than 8 bits, 4:2:0), measured: the decoder keeps several copies.
AVIF_BYTES = {(False, True): 14, (False, False): 17, (True, True): 16, (True, False): 22}
_NCLX = re.compile(rb"colrnclx(..)(..)", re.DOTALL)


def open_heic(data: bytes) -> Any:
    """pi-heif's image, not decoded yet: `size`, `mode`, `info`, and `data` once it is asked for.

    A phone's photo holds more than one (thumbnail, depth, gain map for HDR): those are skipped.
    Raises PictureError for a file that its decoder, libheif with libde265, can't read.
    """
    import pi_heif

    check_whole(data)
    _check_names(data)
    pi_heif.options.THUMBNAILS = False
    pi_heif.options.DEPTH_IMAGES = False
    pi_heif.options.AUX_IMAGES = False
    pi_heif.options.DECODE_THREADS = 1
    try:
        file = pi_heif.open_heif(data, convert_hdr_to_8bit=False)
        return file[file.primary_index]
    except MemoryError:
        raise
    except Exception as error:
        raise damaged() from error


def _check_names(data: bytes) -> None:
    """Refuse a file whose items have names that are not text: pi-heif 1.4 crashes on those."""
    head = data[:META_BYTES]
    for found in re.finditer(rb"infe([\0-\3])", head):
        start = found.end() + (9 if found[1] == b"\3" else 7)
        end = found.start() - 4 + int.from_bytes(head[found.start() - 4 : found.start()], "big")
        try:
            head[start:end].decode()
        except UnicodeDecodeError:
            raise damaged() from None


def pixels_of(image: Any) -> Any:
    """uint8 or uint16, height x width (x channels); the file's rotation is applied already."""
    import numpy

    try:
        return numpy.asarray(image)
    except (ValueError, RuntimeError, EOFError, OSError, SyntaxError) as error:
        raise damaged() from error


def metadata_of(image: Any) -> tuple[str, ...]:
    names = {"exif": "exif-data", "xmp": "xmp-data", "icc_profile": "icc-profile-data"}
    return tuple(name for key, name in names.items() if image.info.get(key))


def check_still(data: bytes) -> None:
    """Refuse an animation: a file of one of the sequence brands."""
    check_frames(2 if data[8:12] in SEQUENCES else 1)


def profile_of_heic(image: Any) -> bytes | None:
    """The primary image's ICC profile, embedded or made for its colour codes; None for sRGB."""
    from packshot.pictures import colour

    codes = image.info.get("nclx_profile")
    embedded: bytes | None = image.info.get("icc_profile")
    if embedded or not codes:
        return embedded
    return colour.profile_for_codes(codes["color_primaries"], codes["transfer_characteristics"])


def profile_of_avif(data: bytes) -> bytes | None:
    """The ICC profile for H.273's codes in the first `colr` box of kind nclx; None for sRGB."""
    from packshot.pictures import colour

    found = _NCLX.search(data, 0, META_BYTES)
    if found is None:
        return None
    primaries, transfer = (int.from_bytes(code, "big") for code in found.groups())
    return colour.profile_for_codes(primaries, transfer)


# ---- the bytes that a decoder keeps at once


def bytes_held_by_heic(image: Any) -> int:
    """The bytes of the colour planes, and of the image made from them."""
    sample = 2 if image.info["bit_depth"] > 8 else 1
    planes = 1.5 if image.info.get("chroma", 420) == 420 else 3
    width, height = image.size
    held: int = round(width * height * sample * (planes + len(image.mode.partition(";")[0])))
    return held


def bytes_held_by_avif(data: bytes, pixels: int) -> int:
    """The bytes, from depth and subsampling in the box av1C (AV1-ISOBMFF 2.3)."""
    at = data.find(b"av1C", 0, META_BYTES)
    flags = data[at + 6] if 0 <= at < len(data) - 6 else 0x40
    return pixels * AVIF_BYTES[bool(flags & 0x40), flags & 0x0C == 0x0C]
