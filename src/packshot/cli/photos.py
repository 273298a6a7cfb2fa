"""Photos on this machine by their paths: single files, folders with subfolders, and ZIPs."""

from __future__ import annotations

import errno
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from packshot.client import Photo
from packshot.errors import SpreadsheetError
from packshot.spreadsheets import LeftOut, PhotoArchive

ZIP = ".zip"
NOT_UTF_8 = "has a name that is not UTF-8: rename it"


@dataclass(frozen=True)
class ZippedPhoto:
    """A photo in a ZIP. Reading it raises OSError if the ZIP is damaged."""

    archive: PhotoArchive
    path: str

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    def read_bytes(self) -> bytes:
        try:
            return self.archive.read(self.path)
        except SpreadsheetError as error:
            raise OSError(errno.EIO, error.message, self.path) from None

    def __str__(self) -> str:
        return self.path


@dataclass
class PhotoFiles:
    """Files by the names that are matched; some may not be photos. `left_out` can't be used."""

    files: dict[str, Photo] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    def add_file(self, name: str, path: Path) -> None:
        if not is_utf_8(name):
            self.left_out.append(LeftOut(in_utf_8(name), NOT_UTF_8))
        elif path.is_dir():
            self.left_out.append(LeftOut(name, "is a link to a folder: give that folder itself"))
        elif is_endless(path):
            self.left_out.append(LeftOut(name, "is not an ordinary file"))
        else:
            self.add(name, path)

    def add(self, name: str, photo: Photo) -> None:
        if name in self.files:
            self.left_out.append(LeftOut(str(photo), f"has the name of {self.files[name]}"))
        else:
            self.files[name] = photo

    def forget(self, paths: Sequence[Path]) -> None:
        """Spreadsheets that are given as such are no files of their folder that are left out."""
        given = {path.resolve() for path in paths}
        self.files = {
            name: photo
            for name, photo in self.files.items()
            if not (isinstance(photo, Path) and photo.resolve() in given)
        }


def in_utf_8(name: str) -> str:
    """A name of this machine as it can be sent and shown: its other bytes become `?`."""
    return name.encode("utf-8", "replace").decode()


def is_utf_8(name: str) -> bool:
    return in_utf_8(name) == name


def is_endless(path: Path) -> bool:
    """Whether a path is a device, a pipe or a socket: reading it may never end."""
    return path.exists() and not path.is_file()


def collect_photos(paths: Sequence[Path]) -> PhotoFiles:
    """Every file of the paths. Raises ClickException for a damaged ZIP."""
    found = PhotoFiles()
    for path in paths:
        if path.is_dir():
            for name, file in _files_of(path):
                found.add_file(name, file)
        elif path.suffix.lower() == ZIP:
            add_archive(path, found)
        else:
            found.add_file(path.name, path)
    return found


def _files_of(folder: Path) -> Iterator[tuple[str, Path]]:
    """A folder's files and its links to folders, which are not followed: they may lead in circles.
    They are named with the folder, which may be a SKU."""
    top = folder.resolve().name
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            yield f"{top}/{path.relative_to(folder).as_posix()}", path


def add_archive(path: Path, found: PhotoFiles) -> None:
    """A ZIP's photos by their paths in it. Raises ClickException for a damaged ZIP."""
    archive = open_archive(path)
    for photo in archive.photos:
        found.add(photo, ZippedPhoto(archive, photo))
    found.left_out += archive.left_out


def open_archive(path: Path) -> PhotoArchive:
    """Open a ZIP until none of its photos is in use. Raises ClickException for a damaged ZIP."""
    file = path.open("rb")
    try:
        archive = PhotoArchive(file)
    except SpreadsheetError as error:
        file.close()
        raise click.ClickException(f"{path.name}: {error.message}") from None
    weakref.finalize(archive, file.close)
    return archive
