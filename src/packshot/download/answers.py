"""An HTTP answer as hosts really send it, read within limits: its head, and its encodings."""

from __future__ import annotations

import http.client
import re
import string
import zlib
from typing import Any, BinaryIO
from urllib.parse import quote

from packshot.download.failures import HeadTooLarge

MAX_HEADERS = 1000
MAX_HEAD_BYTES = 262_144  # what Chromium takes
#: The headers that are read; of the others only the size counts.
_HEADERS = {
    b"connection",
    b"content-encoding",
    b"content-length",
    b"content-type",
    b"location",
    b"retry-after",
    b"set-cookie",
    b"transfer-encoding",
}
#: Encodings that need a library of their own; any other unknown name is ignored.
_NOT_READ = {"br", "zstd", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip"}
_CONTROLS = "".join(map(chr, range(0x21)))  # with the space
_PICTURE = re.compile(rb"\xff\xd8\xff|\x89PNG|RIFF|II\*\0|MM\0\*|....ftyp", re.DOTALL)


class HttpAnswer(http.client.HTTPResponse):
    """http.client's response, but with any number of informational answers before it and of headers
    within it."""

    def begin(self) -> None:
        if self.headers is None:
            wire: Any = self.fp
            self.fp = _Head(wire)
            try:
                super().begin()
            finally:
                if self.fp is not None:  # else it was closed
                    self.fp = wire

    def _read_status(self) -> tuple[str, int, str]:
        """Skip 100, 102 and 103; 101 is an answer, but to an upgrade that was never requested."""
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status == 101 or not 100 <= status < 200:
                return version, status, reason
            while self.fp.readline(http.client._MAXLINE + 1).strip(b"\r\n"):  # type: ignore[attr-defined]
                pass


class _Head:
    """The lines of a head: skips headers that nobody reads, but counts all."""

    def __init__(self, wire: BinaryIO) -> None:
        self._wire = wire
        self._lines = self._bytes = 0
        self._wanted = True  # whether the current header is one that is read

    def readline(self, limit: int) -> bytes:
        """The next status line, wanted header or empty line. Raises HeadTooLarge."""
        while True:
            line = self._wire.readline(limit)
            if not line and self._lines:  # http.client would take this for the head's end
                raise http.client.IncompleteRead(b"")
            self._count(line)
            if len(line) > limit - 1:
                return line
            if self._is_wanted(line):
                return line

    def _is_wanted(self, line: bytes) -> bool:
        if not line.strip(b"\r\n") or line.startswith(b"HTTP/") or self._lines == 1:
            return True
        if line[:1] not in b" \t":  # otherwise it continues the header above
            self._wanted = line.partition(b":")[0].strip().lower() in _HEADERS
        return self._wanted

    def _count(self, line: bytes) -> None:
        self._lines += 1
        self._bytes += len(line)
        if self._lines > MAX_HEADERS:
            raise HeadTooLarge(f"more than {MAX_HEADERS} headers")
        if self._bytes > MAX_HEAD_BYTES:
            raise HeadTooLarge(f"more than {MAX_HEAD_BYTES // 1024} KB of headers")

    def close(self) -> None:
        self._wire.close()


def normalise_location(location: str) -> str:
    """A Location header read as the URL standard (url.spec.whatwg.org) requires: trimmed, without
    line breaks and tabs, with spaces, backslashes and raw bytes encoded."""
    raw = re.sub(r"[\t\r\n]", "", location).strip(_CONTROLS)
    path, mark, query = raw.partition("?")
    raw = (path.replace("\\", "/") + mark + query.replace("\\", "%5C")).replace(" ", "%20")
    # http.client reads headers as Latin-1. UTF-8 is decoded: a host may be written in it.
    try:
        return raw.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return quote(raw.encode("latin-1"), safe=string.punctuation)


class NotDecoded(ValueError):
    """The body has an encoding that can't be undone; the message names it."""


class TooLarge(ValueError):
    """The body unpacks to more than the limit."""


def decode(body: bytes, encodings: str, limit: int) -> bytes:
    """`body` without the Content-Encodings that a header lists, at most `limit` bytes long.

    Unknown encodings, and encodings that the bytes contradict, are ignored: programs that store
    objects leave names such as aws-chunked, utf-8, binary or none. Raises NotDecoded and TooLarge.
    """
    names = [name.strip().lower() for name in encodings.split(",")]
    for name in reversed(names):
        if name in ("gzip", "x-gzip"):
            body = _gunzip(body, limit) if body.startswith(b"\x1f\x8b") else body
        elif name == "deflate" and not _PICTURE.match(body):
            body = _inflate(body, limit)
        elif name in _NOT_READ and not _PICTURE.match(body):
            raise NotDecoded(name)
    return body


def _gunzip(body: bytes, limit: int) -> bytes:
    """All members of a gzip file."""
    whole = b""
    while body.startswith(b"\x1f\x8b"):
        part, body = _unpack(body, 31, limit - len(whole), "gzip")
        whole += part
    return whole


def _inflate(body: bytes, limit: int) -> bytes:
    """Undo `deflate`: with zlib's header, as RFC 9110 says, or without, as some servers send it."""
    try:
        return _unpack(body, zlib.MAX_WBITS, limit, "deflate")[0]
    except NotDecoded:
        return _unpack(body, -zlib.MAX_WBITS, limit, "deflate")[0]


def _unpack(body: bytes, window: int, limit: int, name: str) -> tuple[bytes, bytes]:
    """One decompressed stream, and the bytes that follow it."""
    unpacking = zlib.decompressobj(window)
    try:
        part = unpacking.decompress(body, limit + 1)
    except zlib.error as error:
        raise NotDecoded(f"damaged {name}") from error
    if len(part) > limit:
        raise TooLarge
    if not unpacking.eof:
        raise NotDecoded(f"incomplete {name}")
    return part, unpacking.unused_data
