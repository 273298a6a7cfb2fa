"""Reads a JPEG's segments, and checks that its pixels are complete."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from packshot.errors import PictureError
from packshot.pictures.limits import damaged, too_many_parts, unsupported

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_SEGMENTS = 10_000  # an ICC profile has up to 255, a phone's depth map some hundreds
MAX_SCANS = 100  # of small pictures; editors write about ten
MAX_SCANNED = 1_500_000_000  # pixels times scans: 49 billion take 31 s (measured)
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")  # FF00 is data, FFD0 to FFD7 are restarts
SOI, EOI, SOS, COM, APP0, APP1, APP2, APP13, APP14 = (
    *(0xD8, 0xD9, 0xDA, 0xFE),
    *(0xE0, 0xE1, 0xE2, 0xED, 0xEE),
)
FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
PROGRESSIVE = {0xC2, 0xCA}
SOF0, DHT, DQT, DRI = 0xC0, 0xC4, 0xDB, 0xDD
#: Of Y, Cb and Cr, as SOF writes it: 4:4:4, 4:2:2, 4:4:0 and 4:2:0.
USUAL_SAMPLING = {(luma, 0x11, 0x11) for luma in (0x11, 0x21, 0x12, 0x22)}
MAX_HEADER_BYTES = 1024  # the standard tables and the frame take about 610; others hide something
#: A restart marker or a filling byte at the end of a scan: no encoder writes one.
FILLING = re.compile(rb"\xff[\xd0-\xd7\xff]|\xff\Z")
#: JFIF 1.01 with square pixels and no thumbnail; it means that the colours are YCbCr (ITU-T T.871).
JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
#: Metadata that is passed to the decoder, by its first bytes.
NEEDED_NOTES = {
    APP0: b"JFIF\0",
    APP1: b"Exif\0",
    APP2: b"ICC_PROFILE\0",
    APP14: b"Adobe",
}
ALL_COEFFICIENTS = 2**64 - 1
EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker 0x(\w\w)")
FILLING_TRIES = 5  # the decoder's buffer hides up to eight bytes from its count
DAMAGED = ("premature end", "bad Huffman code", "instead of RST", "bad arithmetic code")


class Segment(NamedTuple):
    marker: int
    start: int  # of its FF
    body: int  # of what follows its length
    end: int


@dataclass
class FrameHeader:
    """The contents of the SOF segment."""

    marker: int
    precision: int
    height: int
    width: int
    sampling: dict[int, int]  # blocks in one MCU, by component

    @property
    def bytes_held(self) -> int:
        """Bytes of all its coefficients, which a decoder of several scans keeps in memory."""
        share = sum(self.sampling.values()) / max(self.sampling.values(), default=1)
        return round(self.width * self.height * 2 * share)


@dataclass
class Jpeg:
    """The part for the decoder, with an end marker, and facts read from the rest."""

    data: bytes = field(repr=False)
    metadata: tuple[str, ...]
    bytes_held: int  # bytes that a decoder keeps at once: all coefficients when in several scans
    size: tuple[int, int]


def unwrap(data: bytes) -> Jpeg:
    """Raises PictureError for too many parts or scans, an unsupported kind, and missing scans.

    A missing end marker is added: `check_complete` finds out whether the last scan is complete.
    Bytes after the end marker are dropped.
    """
    pieces, metadata, frame, scans = [data[:2]], [], None, Scans()
    for segment in segments(data):
        if segment.marker in FRAMES and frame is None:
            frame = _frame(segment.marker, data[segment.body : segment.end])
            scans.expect(frame)
        if segment.marker == SOS:
            scans.add(data[segment.body : segment.end])
        if _is_needed(segment, data):
            pieces.append(data[segment.start : segment.end])
        metadata += _metadata_name(segment, data)
    if frame is None or not scans.count:
        raise damaged("it holds no pixels")
    scans.check()
    held = frame.bytes_held if scans.buffered else 0
    joined = b"".join([*pieces, b"\xff\xd9"])
    return Jpeg(joined, tuple(dict.fromkeys(metadata)), held, (frame.width, frame.height))


def segments(data: bytes, until: int = EOI) -> Iterator[Segment]:
    """The segments before the first `until`, at most up to the end marker; a scan includes its
    data. Bytes in between are dropped."""
    position = 2
    for _ in range(MAX_SEGMENTS):
        marker = _MARKER.search(data, position)
        if marker is None or marker.group(1)[0] in (until, EOI):
            return
        code, body = marker.group(1)[0], marker.end()
        if code in (0x01, SOI):  # only these two have no length
            position = body
            continue
        position = body + max(int.from_bytes(data[body : body + 2], "big"), 2)
        if code == SOS:
            following = _MARKER.search(data, position)
            position = following.start() if following else len(data)
        yield Segment(code, marker.end() - 2, body + 2, min(position, len(data)))
    raise too_many_parts("JPEG", MAX_SEGMENTS)


def _frame(marker: int, body: bytes) -> FrameHeader:
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise damaged("its header is cut short")
    height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    parts = [body[at : at + 3] for at in range(6, 6 + 3 * body[5], 3)]
    frame = FrameHeader(
        marker, body[0], height, width, {p[0]: (p[1] >> 4) * (p[1] & 15) for p in parts}
    )
    _check_kind(frame)
    return frame


def _check_kind(frame: FrameHeader) -> None:
    if frame.marker in (0xC9, 0xCA):
        raise unsupported("The JPEG is arithmetic-coded")
    if frame.marker not in (0xC0, 0xC1, 0xC2):
        raise unsupported("The JPEG is of a lossless or hierarchical kind")
    if frame.precision != 8:
        raise unsupported(f"The JPEG has {frame.precision} bits per channel")
    if not frame.height:
        raise unsupported("The JPEG says its height only at its end")


def _is_needed(segment: Segment, data: bytes) -> bool:
    if 0xE0 <= segment.marker <= 0xEF:
        start = NEEDED_NOTES.get(segment.marker)
        return start is not None and data.startswith(start, segment.body)
    return segment.marker != COM


def _metadata_name(segment: Segment, data: bytes) -> list[str]:
    if segment.marker == COM:
        return ["jpeg-comment"]
    if segment.marker == APP13:
        return ["iptc-data"]
    if segment.marker == APP1 and data.startswith(b"http://ns.adobe.com/x", segment.body):
        return ["xmp-data"]
    return []


class Scans:
    """The coefficients of each component that are complete."""

    def __init__(self) -> None:
        self.count = 0
        self.buffered = False
        self._progressive = False
        self._pixels = 0
        self._seen: dict[int, int] = {}

    def expect(self, frame: FrameHeader) -> None:
        self._progressive = frame.marker in PROGRESSIVE
        self._pixels = frame.width * frame.height
        self._seen = dict.fromkeys(frame.sampling, 0)

    def add(self, body: bytes) -> None:
        self._count()
        components = body[0] if body else 0
        if len(body) < 4 + 2 * components:
            raise damaged("a scan is cut short")
        first, last, precision = body[1 + 2 * components : 4 + 2 * components]
        self.buffered |= self._progressive or components < len(self._seen)
        if self._progressive and precision & 15:
            return  # a later scan contains the lower bits
        band = (2 ** (min(last, 63) + 1) - 2**first) if self._progressive else ALL_COEFFICIENTS
        for component in body[1 : 1 + 2 * components : 2]:
            self._seen[component] = self._seen.get(component, 0) | max(band, 0)

    def _count(self) -> None:
        self.count += 1
        if self.count > MAX_SCANS or self.count * self._pixels > MAX_SCANNED:
            raise PictureError(
                f"The JPEG has more than {self.count - 1} scans, which no camera writes at its "
                "size; save it again with a picture editor.",
                code="picture_too_many_scans",
            )

    def check(self) -> None:
        if any(seen != ALL_COEFFICIENTS for seen in self._seen.values()):
            raise damaged("its last scans are missing")


def pixels_of(jpeg: Jpeg, colours: str, shrink: int = 1) -> NDArray[np.uint8]:
    """The pixels of a JPEG that is not CMYK, in `colours` ("RGB" or "GRAY"), height x width x 3 or
    1, not turned upright, at 1/`shrink` (1, 2, 4 or 8) of its size. Raises PictureError.

    libjpeg-turbo's own interface decodes it once, to the last byte of its last scan (see
    `check_complete`): libvips gives the same pixels, but would have to decode a second time.
    """
    pixels = pixels_without_warning(jpeg, colours, shrink)
    if pixels is not None:
        return pixels
    check_complete(jpeg.data)  # some warnings are not damage
    try:
        return _decode(jpeg, colours, shrink, strict=False)
    except ValueError as error:
        raise damaged() from error


def pixels_without_warning(jpeg: Jpeg, colours: str, shrink: int) -> NDArray[np.uint8] | None:
    """As `pixels_of`; None if the decoder has a warning about any part of the file."""
    try:
        return _decode(jpeg, colours, shrink, strict=True)
    except ValueError:
        return None


def _decode(jpeg: Jpeg, colours: str, shrink: int, strict: bool) -> NDArray[np.uint8]:
    import simplejpeg

    width, height = (-(-side // shrink) for side in jpeg.size)
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
        jpeg.data, colorspace=colours, min_height=height, min_width=width, strict=strict
    )
    return pixels


def without_metadata(jpeg: Jpeg, orientation: int = 1) -> Jpeg | None:
    """The same coded pixels in a file without metadata but the orientation, not decoded yet.

    None unless it is as cameras and editors write it: baseline, YCbCr in one scan, the usual
    sampling, tables of the usual size and nothing behind its pixels.
    """
    data = jpeg.data
    kept = [each for each in segments(data) if not 0xE0 <= each.marker <= 0xEF]
    if not _are_plain(kept, data) or _colours_of(data) != "YCbCr":
        return None
    pieces = (data[each.start : each.end] for each in kept)
    turned = b"" if orientation == 1 else _exif_of(orientation)
    return replace(jpeg, data=b"".join([data[:2], JFIF, turned, *pieces, data[-2:]]))


def _exif_of(orientation: int) -> bytes:
    """A segment with this orientation and nothing else (Exif 2.32: a TIFF header, and a directory
    with the tag 0x0112, one SHORT)."""
    directory = struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + b"MM\0*" + struct.pack(">I", 8) + directory
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _are_plain(parts: list[Segment], data: bytes) -> bool:
    kinds = [each.marker for each in parts]
    if set(kinds) - {DRI} != {SOF0, DHT, DQT, SOS} or kinds.count(SOS) > 1 or kinds[-1] != SOS:
        return False
    frame, scan = parts[kinds.index(SOF0)], parts[-1]
    sampling = tuple(data[frame.body + 7 : frame.end : 3])
    header_bytes = sum(each.end - each.start for each in parts[:-1])
    ends_in_filling = FILLING.search(data, scan.end - 2, scan.end) is not None
    return sampling in USUAL_SAMPLING and header_bytes <= MAX_HEADER_BYTES and not ends_in_filling


def _colours_of(data: bytes) -> str:
    import simplejpeg

    colours: str = simplejpeg.decode_jpeg_header(data, strict=False)[2]
    return colours


def check_complete(data: bytes) -> None:
    """Decode an unwrapped JPEG at the lowest cost, to the last byte of its last scan.

    libvips stops at the last row, so it never notices the bytes left over when some are lost or
    doubled; libjpeg-turbo's own interface counts them. Raises PictureError if pixels are missing.
    Filling before the end marker, one byte repeated, is not damage.
    """
    words = _last_warning(data)
    for _ in range(FILLING_TRIES):  # the warning about filling replaces an earlier one
        if not (filling := _filling(words, data)):
            break
        data = data[: -2 - filling] + data[-2:]
        words = _last_warning(data)
    if EXTRANEOUS.search(words) or any(sign in words for sign in DAMAGED):
        raise damaged("part of its data is missing, doubled or wrong")


def _last_warning(data: bytes) -> str:
    """The decoder's last warning; empty without one."""
    import simplejpeg

    try:
        _, _, space, _ = simplejpeg.decode_jpeg_header(data, strict=False)
        colours = "CMYK" if space in ("CMYK", "YCCK") else "GRAY"
        simplejpeg.decode_jpeg(data, colours, fastdct=True, min_factor=8, min_height=1, min_width=1)
    except ValueError as error:
        return str(error)
    return ""


def _filling(words: str, data: bytes) -> int:
    """The number of bytes left over before the end marker when all are the same."""
    found = EXTRANEOUS.search(words)
    if found is None or found[2] != "d9":
        return 0
    last = data[-2 - int(found[1]) : -2]
    return 0 if last.strip(last[:1]) else len(last)


def says_adobe_rgb(exif: dict[str, str]) -> bool:
    """Whether Exif names Adobe RGB: "uncalibrated" with the index R03 (DCF 2.0), or 2 (older)."""
    space, _, _ = exif["ColorSpace"].partition(" ")
    return space == "2" or (space != "1" and exif["InteroperabilityIndex"].startswith("R03"))


def with_profile(data: bytes, profile: bytes) -> bytes:
    """The JPEG with a small ICC profile embedded in it (ICC.1:2022, annex B.4)."""
    body = b"ICC_PROFILE\0\1\1" + profile
    return data[:2] + b"\xff\xe2" + (len(body) + 2).to_bytes(2, "big") + body + data[2:]
