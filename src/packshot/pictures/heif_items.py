"""Finds a HEIC's coded pictures, and checks that their data is complete (ISO/IEC 14496-12)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from packshot.pictures.limits import damaged, too_many_parts

MAX_ITEMS = 10_000  # a phone's photo of 48 MP consists of some 200 tiles
#: Bytes that no HEVC unit may contain (ITU-T H.265, 7.4.2): encoders break up such runs.
_FORBIDDEN = re.compile(rb"\0\0[\0-\2]")


def check_whole(data: bytes) -> None:
    """Raises PictureError if coded data ends early, or has bytes that only lost data leaves.

    The decoder, libde265, silently paints over both.
    """
    prefix, together = _length_bytes(data), 0
    try:
        for start, end in coded_extents(data):
            together += end - start
            if end > len(data) or together > len(data):
                raise damaged("it ends within its pixels")
            _check_units(data, start, end, prefix)
    except (struct.error, IndexError):
        raise damaged() from None


def coded_extents(data: bytes) -> Iterator[tuple[int, int]]:
    """(start, end) of every stretch of HEVC data in the file."""
    meta = next((box for box in _boxes(data, 0, len(data)) if box[0] == b"meta"), None)
    if meta is None:
        return
    inside = {name: (start, end) for name, start, end in _boxes(data, meta[1] + 4, meta[2])}
    if b"iloc" in inside and b"iinf" in inside:
        coded = set(_coded_items(data, *inside[b"iinf"]))
        for item, start, end in _extents(data, inside[b"iloc"][0]):
            if item in coded:
                yield start, end


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, start of its body, end)"""
    for _ in range(MAX_ITEMS):
        if start + 8 > end:
            return
        size, name = struct.unpack_from(">I4s", data, start)
        body = start + 8
        if size == 1:
            [size] = struct.unpack_from(">Q", data, body)
            body += 8
        following = end if size == 0 else start + size
        if following < body:
            return
        yield name, body, min(following, end)
        start = following
    raise too_many_parts("HEIC", MAX_ITEMS)


def _coded_items(data: bytes, start: int, end: int) -> Iterator[int]:
    """The numbers of the items of type hvc1, by the infe boxes within iinf."""
    first = start + (6 if data[start] == 0 else 8)
    for name, body, _ in _boxes(data, first, end):
        if name == b"infe" and data[body] in (2, 3):
            layout = ">HH4s" if data[body] == 2 else ">IH4s"
            item, _, kind = struct.unpack_from(layout, data, body + 4)
            if kind == b"hvc1":
                yield item


def _extents(data: bytes, body: int) -> Iterator[tuple[int, int, int]]:
    """(item, start, end) of every extent that lies in the file itself (iloc, 8.11.3)."""
    reader = _Reader(data, body + 4)
    version = data[body]
    sizes = reader.number(2)
    offset_size, length_size = sizes >> 12, sizes >> 8 & 15
    base_size, index_size = sizes >> 4 & 15, (sizes & 15) * (version > 0)
    seen = 0
    for _ in range(reader.number(4 if version == 2 else 2)):
        item = reader.number(4 if version == 2 else 2)
        method = reader.number(2) & 15 if version else 0
        reader.number(2)
        base, extents = reader.number(base_size), reader.number(2)
        seen += 1 + extents
        if seen > MAX_ITEMS:
            raise too_many_parts("HEIC", MAX_ITEMS)
        for _ in range(extents):
            reader.number(index_size)
            start = base + reader.number(offset_size)
            length = reader.number(length_size)
            if method == 0:
                yield item, start, start + length if length else len(data)


class _Reader:
    """Reads numbers one after the other."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data, self._position = data, position

    def number(self, size: int) -> int:
        start, self._position = self._position, self._position + size
        if self._position > len(self._data):
            raise IndexError
        return int.from_bytes(self._data[start : self._position], "big")


def _length_bytes(data: bytes) -> int:
    """The number of bytes in each unit's length, from the box hvcC (ISO/IEC 14496-15, 8.3.3)."""
    at = data.find(b"hvcC")
    return (data[at + 25] & 3) + 1 if 0 <= at < len(data) - 25 else 4


def _check_units(data: bytes, start: int, end: int, prefix: int) -> None:
    while start < end:
        body = start + prefix
        start = body + int.from_bytes(data[start:body], "big")
        if start > end or _FORBIDDEN.search(data, body, start):
            raise damaged("part of its data is missing or wrong")
