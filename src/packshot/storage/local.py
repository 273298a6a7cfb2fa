"""Objects in a local folder."""

from __future__ import annotations

import errno
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from packshot.errors import FetchError, NotConfigured, NotFound, Unavailable
from packshot.storage.contract import Chunks, check_key, key_below

#: The folders of files that are not complete; no key has a name that begins with a dot.
INCOMING: Final = ".incoming"
#: A temporary file older than this was left by a process that died.
STALE_SECONDS: Final = 24 * 3600.0
#: What a large photo needs: its original, its copy, and the previews and pictures made of it.
MIN_FREE_BYTES: Final = 100_000_000
#: Errors of file systems without hard links (FAT, some network and container ones).
NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


class LocalStorage:
    """A folder. A file gets its name only after it is complete and on the disk."""

    def __init__(
        self,
        media_dir: Path,
        public_media_url: str | None = None,
        *,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._root = Path(media_dir)
        self._free_bytes = free_bytes
        self._public = public_media_url.rstrip("/") if public_media_url else None
        self._has_links = True

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """The content type isn't stored: `/media` recognises it from the bytes."""
        target = self._path(key)
        with self._translate_errors():
            _make_folder(target.parent)
            temporary = self._write_temporary(data, key)
            try:
                temporary.replace(target)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
            _sync_folder(target.parent)

    def put_new(self, key: str, data: bytes, content_type: str) -> bool:
        target = self._path(key)
        with self._translate_errors():
            _make_folder(target.parent)
            temporary = self._write_temporary(data, key)
            try:
                return self._name_new(temporary, target)
            finally:
                temporary.unlink(missing_ok=True)
                _sync_folder(target.parent)

    def _name_new(self, temporary: Path, target: Path) -> bool:
        """Rename a file unless the name is taken, in one atomic step."""
        try:
            target.hardlink_to(temporary)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            self._has_links = False
            if target.exists():
                return False
            temporary.replace(target)
        return True

    def _write_temporary(self, data: bytes, key: str) -> Path:
        """A file on the disk of the key: each folder of MEDIA_DIR may be a volume."""
        first, slash, _ = key.partition("/")
        incoming = self._root / (first if slash else "") / INCOMING
        _make_folder(incoming)
        path = incoming / uuid.uuid4().hex
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
        with self._reading(key), self._path(key).open("rb", buffering=0) as file:
            return file.read()

    def exists(self, key: str) -> bool:
        with self._translate_errors():
            return self._path(key).is_file()

    def open(self, key: str) -> Chunks:
        with self._reading(key):
            file = self._path(key).open("rb")
            return Chunks(file, os.fstat(file.fileno()).st_size)

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            with self._translate_errors():
                self._path(key).unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[str]:
        below = prefix.rpartition("/")[0]
        folder = self._root / check_key(below) if below else self._root
        for path in sorted(folder.rglob("*")):
            key = path.relative_to(self._root).as_posix()
            if key.startswith(prefix) and "/." not in f"/{key}" and path.is_file():
                yield key

    def url(self, key: str) -> str:
        return f"{self._public or '/media'}/{quote(check_key(key))}"

    def own_key(self, raw_image: str) -> str | None:
        key = key_below("/media", raw_image)
        if key is None and self._public:
            key = key_below(self._public, raw_image)
        return key

    def health(self) -> str | None:
        try:
            with self._translate_errors():
                return self._why_not_writable() or self._why_too_full()
        except Unavailable as error:
            return error.message

    def _why_not_writable(self) -> str | None:
        try:
            with self._translate_errors():
                self._write_temporary(b"packshot", "check").unlink()
                self._delete_stale_files(time.time() - STALE_SECONDS)
        except Unavailable as error:
            return error.message
        return None

    def _why_too_full(self) -> str | None:
        """Whether a photo finds no room where the few bytes that were tried did."""
        for folder in (self._root, *filter(Path.is_dir, self._root.iterdir())):
            free = self._free_bytes(folder)
            if free < MIN_FREE_BYTES:
                return (
                    f"the disk of MEDIA_DIR={folder} has only {free / 1e6:.1f} MB left, too little"
                    " for a photo and its pictures: make room, nothing is lost"
                )
        return None

    def notes(self) -> Sequence[str]:
        if self._has_links:
            return ()
        return (
            f"the file system of MEDIA_DIR={self._root} has no hard links: two workers that store"
            " the same picture in the same moment could overwrite each other's",
        )

    def _delete_stale_files(self, before: float) -> None:
        for incoming in (*self._root.glob(INCOMING), *self._root.glob(f"*/{INCOMING}")):
            for path in incoming.iterdir():
                with suppress(FileNotFoundError):  # complete by now
                    if path.stat().st_mtime < before:
                        path.unlink()

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        """Turns a read error into Packshot's: FetchError if the folder works otherwise."""
        try:
            with self._translate_errors(key):
                yield
        except Unavailable as error:
            if self._why_not_writable() is not None:
                raise
            cause = error.__cause__
            reason = cause.strerror if isinstance(cause, OSError) else error.message
            raise FetchError(
                f"the object {key} can't be read ({reason}), though the folder works: check its"
                f" file under MEDIA_DIR={self._root}",
                code="unreadable_object",
                retryable=True,
            ) from error

    @contextmanager
    def _translate_errors(self, key: str | None = None) -> Iterator[None]:
        """Turns the system's errors into Packshot's; with a `key`, a missing file is NotFound."""
        try:
            yield
        except (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            if key is not None:
                raise NotFound(f"there is no object {key}") from None
            raise Unavailable(
                f"MEDIA_DIR={self._root} can't be used: {error.strerror}; set it to a folder"
            ) from error
        except PermissionError as error:
            raise NotConfigured(
                f"MEDIA_DIR={self._root} can't be used: {error.strerror}; give the user that runs"
                " Packshot the right to read and write there"
            ) from error
        except OSError as error:
            raise _disk_error(self._root, error) from error


def _disk_error(root: Path, error: OSError) -> Unavailable:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Unavailable(
            f"the disk of MEDIA_DIR={root} is full ({error.strerror}): make room, nothing is lost",
            code="disk_full",
        )
    return Unavailable(f"MEDIA_DIR={root}: {error.strerror or error}")


def _make_folder(folder: Path) -> None:
    """Make a folder and its parents, on the disk before it returns."""
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
