"""Photos in a ZIP: their names, decoded, and their bytes, within limits."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Final

from packshot.errors import SpreadsheetError
from packshot.spreadsheets.files.old_encodings import decode_name, find_names_encoding
from packshot.spreadsheets.files.zip_limits import open_zip
from packshot.spreadsheets.photos.matching import LeftOut, sort_files

_UTF_8_FLAG: Final = 0x800
_ENCRYPTED_FLAG: Final = 0x1
#: Info-ZIP's Unicode Path (APPNOTE 4.6.9): version, checksum of the plain name, the name in UTF-8.
_UNICODE_PATH: Final = 0x7075
#: Signs of DOS for drawing frames: a name that shows them was written in another encoding.
_GARBLED: Final = re.compile("[\u2500-\u259f]")
_READABLE: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)

_DAMAGED: Final = "the ZIP is damaged or was cut short: make it again"


@dataclass(frozen=True)
class ArchiveLimits:
    """The limits on a ZIP; all are checked before anything is unpacked."""

    files: int = 20_000
    photo_bytes: int = 20_000_000
    all_bytes: int = 20_000_000_000


class PhotoArchive:
    """The photos of a ZIP by their paths in it; nothing is ever written to a disk.

    `photos` are paths with forward slashes, `left_out` has every other file with the reason, and
    `system_files` counts files that operating systems add, such as a Mac's `__MACOSX/._x`.
    """

    def __init__(self, file: IO[bytes], limits: ArchiveLimits | None = None) -> None:
        """`file` must stay open while photos are read. Raises SpreadsheetError for a damaged ZIP
        and one beyond the limits."""
        self._limits = limits or ArchiveLimits()
        self._zip = open_zip(file, self._limits.files, _DAMAGED)
        self._parts: dict[str, zipfile.ZipInfo] = {}
        refused: list[LeftOut] = []
        parts = self._zip.infolist()
        undeclared = list(filter(None, map(_undeclared, parts)))
        names = dict(zip(undeclared, decode_names(undeclared), strict=True))
        for part in parts:
            path = _path_of(part, names)
            if part.is_dir() or path.endswith("/"):
                continue
            if why := self._why_not(path, part):
                refused.append(LeftOut(path, why))
            else:
                self._parts[path] = part
        self.photos, left_out, self.system_files = sort_files(self._parts)
        self.left_out = [*left_out, *(one for one in refused if not sort_files([one.file])[2])]
        if sum(self._parts[photo].file_size for photo in self.photos) > self._limits.all_bytes:
            raise SpreadsheetError(
                f"the ZIP unpacks to more than {self._limits.all_bytes:,} bytes: split it"
            )

    def _why_not(self, path: str, part: zipfile.ZipInfo) -> str | None:
        if is_garbled(path):
            return "has a name in an unknown encoding: make the ZIP again with names in UTF-8"
        if path in self._parts:
            return "has the name of another file in the ZIP"
        if path.startswith("/") or ".." in path.split("/") or path[1:2] == ":":
            return "has a name that leads outside the ZIP"
        if stat.S_ISLNK(part.external_attr >> 16):
            return "is a link, not a file"
        if part.flag_bits & _ENCRYPTED_FLAG:
            return "is protected with a password: make the ZIP without one"
        if part.compress_type not in _READABLE:
            return "is packed by a method that can't be read: make an ordinary ZIP"
        if not part.file_size:
            return "is empty"
        if part.file_size > self._limits.photo_bytes:
            return f"is larger than {self._limits.photo_bytes:,} bytes"
        return None

    def read(self, photo: str) -> bytes:
        """The bytes of one of `photos`, at most `photo_bytes`. Raises SpreadsheetError."""
        try:
            with self._zip.open(self._parts[photo]) as part:  # unpacks no more than its stated size
                return part.read(self._limits.photo_bytes + 1)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError):
            raise SpreadsheetError(f"{photo} is damaged in the ZIP: make the ZIP again") from None


def decode_names(names: Sequence[bytes]) -> list[str]:
    """All names of one ZIP that neither have the UTF-8 flag nor are UTF-8: in the code page that
    they share, else each in the one that its letters show, else in the old DOS code page."""
    encoding = find_names_encoding(names)
    return [
        (raw.decode(encoding) if encoding else decode_name(raw)) or raw.decode("cp437")
        for raw in names
    ]


def is_garbled(name: str) -> bool:
    return bool(_GARBLED.search(name))


def _path_of(part: zipfile.ZipInfo, names: Mapping[bytes, str]) -> str:
    """The name of an entry. Without the UTF-8 flag it should be in the old DOS code page, but many
    programs write UTF-8, which is taken as such, or another code page, as `names` has it."""
    name = part.filename
    if raw := _undeclared(part):
        name = names[raw]
    elif not part.flag_bits & _UTF_8_FLAG:
        name = _unicode_path(part.extra) or _utf_8(name.encode("cp437")) or name
    return name.replace("\\", "/")


def _undeclared(part: zipfile.ZipInfo) -> bytes | None:
    """A name whose encoding neither the ZIP nor the name itself says."""
    if part.flag_bits & _UTF_8_FLAG or part.filename.isascii():
        return None
    raw = part.filename.encode("cp437")
    return None if _unicode_path(part.extra) or _utf_8(raw) else raw


def _utf_8(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _unicode_path(extra: bytes) -> str | None:
    position = 0
    while position + 4 <= len(extra):
        kind = int.from_bytes(extra[position : position + 2], "little")
        size = int.from_bytes(extra[position + 2 : position + 4], "little")
        if kind == _UNICODE_PATH and size > 5:
            return _utf_8(extra[position + 9 : position + 4 + size])
        position += 4 + size
    return None
