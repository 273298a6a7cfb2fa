"""Opens a ZIP whose directory is small enough, and unpacks entries that are."""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from typing import IO, Final

from packshot.errors import SpreadsheetError

#: PKWARE's APPNOTE 6.3.10, sections 4.3.16 and 4.3.14: the record at the end of every ZIP, and the
#: one of large ZIPs.
_END: Final = b"PK\x05\x06"
_END_64: Final = b"PK\x06\x06"
_END_SIZE: Final = 22
_LONGEST_COMMENT: Final = 65_535
#: Bytes that an entry's name and fields take in the directory, with room.
_ENTRY_BYTES: Final = 600
DAMAGED: Final = "the file is damaged: open it in a spreadsheet program and save it again"
#: What unpacking raises: RuntimeError for a password, OSError for damaged bzip2.
_CANNOT_UNPACK: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
)


def open_zip(file: IO[bytes], most_entries: int, damaged: str = DAMAGED) -> zipfile.ZipFile:
    """The ZIP, opened. Raises SpreadsheetError when it is `damaged` or lists too many files: Python
    reads the whole list into memory, so its size is checked first."""
    try:
        if _directory_bytes(file) > most_entries * _ENTRY_BYTES:
            raise _too_many(most_entries)
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, struct.error, ValueError, OSError):
        raise SpreadsheetError(damaged) from None
    if len(archive.infolist()) > most_entries:
        raise _too_many(most_entries)
    return archive


def read_entry(archive: zipfile.ZipFile, name: str, most_bytes: int) -> bytes:
    """Unpack one entry: Python unpacks no more than the size that the directory states. Raises
    SpreadsheetError when it is larger than `most_bytes`, encrypted or damaged."""
    entry = archive.getinfo(name)
    if entry.file_size > most_bytes:
        raise SpreadsheetError(f"{name} in the file unpacks to more than {most_bytes:,} bytes")
    try:
        return archive.read(entry)
    except _CANNOT_UNPACK:
        raise SpreadsheetError(DAMAGED) from None


def _too_many(most: int) -> SpreadsheetError:
    return SpreadsheetError(f"the ZIP holds more than {most:,} files: split it")


def _directory_bytes(file: IO[bytes]) -> int:
    """As the ZIP states it; 0 where no end is found (then opening it fails)."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _LONGEST_COMMENT - _END_SIZE - 100))
    tail = file.read()
    stated = 0
    end = tail.rfind(_END)
    if end >= 0:
        stated = struct.unpack_from("<L", tail, end + 12)[0]
    end_64 = tail.rfind(_END_64)
    if end_64 >= 0:
        (large,) = struct.unpack_from("<Q", tail, end_64 + 40)
        stated = large if stated == 0xFFFFFFFF else max(stated, large)
    return stated
