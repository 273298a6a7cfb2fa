"""Objects by key: a local folder, or an S3 bucket."""

from __future__ import annotations

import errno
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import quote, unquote

from packshot.errors import NotConfigured, NotFound, Unavailable

#: S3's limit, in bytes of UTF-8:
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1024
#: ext4, XFS, APFS and NTFS all allow 255 for one name.
MAX_NAME_BYTES = 255

CHUNK_BYTES = 64 * 1024
#: A temporary file as old as this was left by a process that died.
STALE_SECONDS = 24 * 3600.0


class Chunks:
    """An open object: `size` in bytes, and its content piece by piece. Close it when done."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self.size = size
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = self._stream.read(CHUNK_BYTES)
        if not chunk:
            self.close()
            raise StopIteration
        return chunk

    def close(self) -> None:
        self._stream.close()


class Storage(Protocol):
    """Objects by key. A bad key raises NotFound; every method may raise Unavailable."""

    @property
    def name(self) -> str:
        """`local` or `s3`."""

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store an object whole or not at all, over the one that was there."""

    def get(self, key: str) -> bytes:
        """An object's content; NotFound when there is none."""

    def exists(self, key: str) -> bool:
        """Is there such an object?"""

    def open(self, key: str) -> Chunks:
        """An object to stream, with its size; NotFound when there is none."""

    def delete(self, keys: Sequence[str]) -> None:
        """Remove these objects. One that isn't there is fine."""

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, in order."""

    def url(self, key: str) -> str:
        """The `image_url` of an object."""

    def own_key(self, raw_image: str) -> str | None:
        """The key of our own object that this raw image URL names; None when it isn't ours."""

    def health(self) -> str | None:
        """What keeps the storage from working, naming what to mend; None when nothing does."""


def checked(key: str) -> str:
    """The key itself, when it is one; NotFound for a traversal or anything else that is odd."""
    names = key.split("/")
    odd = any(not name or name.startswith(".") or not _fits(name) for name in names)
    if odd or "\\" in key or not key.isprintable() or len(key.encode()) > MAX_KEY_BYTES:
        raise NotFound("no object can have such a key")
    return key


def _fits(name: str) -> bool:
    return len(name.encode(errors="replace")) <= MAX_NAME_BYTES


def key_below(base: str, url: str) -> str | None:
    """The key in a URL that is `base`/key; None for any other URL."""
    path = url.removeprefix(base.rstrip("/") + "/")
    if path == url or "?" in path or "#" in path:
        return None
    return _key_or_none(unquote(path))


def _key_or_none(key: str) -> str | None:
    try:
        return checked(key)
    except NotFound:
        return None


class LocalStorage:
    """A folder. A file appears under its name only when it is whole and on the disk."""

    name = "local"

    def __init__(self, media_dir: Path, public_media_url: str | None = None) -> None:
        self._root = Path(media_dir)
        self._public = public_media_url.rstrip("/") if public_media_url else None
        self._incoming = self._root / ".incoming"  # no key begins with a dot

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """The content type isn't kept: `/media` tells it from the bytes."""
        target = self._path(key)
        with self._troubles():
            _make_folder(target.parent)
            temporary = self._write_temporary(data)
            try:
                temporary.replace(target)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
            _sync_folder(target.parent)

    def _write_temporary(self, data: bytes) -> Path:
        _make_folder(self._incoming)
        path = self._incoming / uuid.uuid4().hex
        try:
            with path.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return path

    def get(self, key: str) -> bytes:
        with self._troubles(key):
            return self._path(key).read_bytes()

    def exists(self, key: str) -> bool:
        with self._troubles():
            return self._path(key).is_file()

    def open(self, key: str) -> Chunks:
        with self._troubles(key):
            file = self._path(key).open("rb")
            return Chunks(file, os.fstat(file.fileno()).st_size)

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            with self._troubles():
                self._path(key).unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[str]:
        below = prefix.rpartition("/")[0]
        folder = self._root / checked(below) if below else self._root
        for path in sorted(folder.rglob("*")):
            key = path.relative_to(self._root).as_posix()
            if key.startswith(prefix) and not key.startswith(".") and path.is_file():
                yield key

    def url(self, key: str) -> str:
        return f"{self._public or '/media'}/{quote(checked(key))}"

    def own_key(self, raw_image: str) -> str | None:
        key = key_below("/media", raw_image)
        if key is None and self._public:
            key = key_below(self._public, raw_image)
        return key

    def health(self) -> str | None:
        try:
            with self._troubles():
                self._write_temporary(b"packshot").unlink()
                self._sweep(time.time() - STALE_SECONDS)
        except Unavailable as error:
            return error.message
        return None

    def _sweep(self, before: float) -> None:
        for path in self._incoming.iterdir():
            if path.stat().st_mtime < before:
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._root / checked(key)

    @contextmanager
    def _troubles(self, key: str | None = None) -> Iterator[None]:
        """The system's errors in our words; with a `key`, a missing file is NotFound."""
        try:
            yield
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            if key is not None:
                raise NotFound(f"there is no object {key}") from None
            raise Unavailable(f"the folder MEDIA_DIR={self._root} is odd: {error}") from error
        except PermissionError as error:
            raise NotConfigured(
                f"MEDIA_DIR={self._root} can't be used: {error.strerror}; give the user that runs"
                " Packshot the right to read and write there"
            ) from error
        except OSError as error:
            raise Unavailable(_disk_trouble(self._root, error)) from error


def _disk_trouble(root: Path, error: OSError) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"the disk of MEDIA_DIR={root} is full: make room, nothing is lost"
    return f"the disk of MEDIA_DIR={root} does not work: {error.strerror or error}"


def _make_folder(folder: Path) -> None:
    """Make a folder and its parents, so that a power loss can't take them away again."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
