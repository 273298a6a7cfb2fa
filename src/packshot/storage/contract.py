"""The contract of a store of objects, and the keys that it accepts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, Protocol
from urllib.parse import unquote

from packshot.errors import FetchError, NotFound
from packshot.pictures.limits import MAX_BYTES

#: S3's limit, in bytes of UTF-8:
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES: Final = 1024
#: ext4, XFS, APFS and NTFS all allow 255 for one name.
MAX_NAME_BYTES: Final = 255

CHUNK_BYTES: Final = 64 * 1024


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
    """Objects by key. A bad key raises NotFound; every method may raise Unavailable.

    Problems of one object are distinguished from problems of the store: a method that reads raises
    FetchError for the first, after a check that the store works.
    """

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store an object completely or not at all; replaces an existing one."""

    def put_new(self, key: str, data: bytes, content_type: str) -> bool:
        """Store an object completely or not at all, unless one exists; then return False."""

    def get(self, key: str) -> bytes:
        """An object's content, see `open`."""

    def exists(self, key: str) -> bool:
        """Whether the object exists."""

    def open(self, key: str) -> Chunks:
        """An object to stream, with its size; NotFound when there is none.

        FetchError when only this one can't be read: archived, or forbidden.
        """

    def delete(self, keys: Sequence[str]) -> None:
        """Remove these objects. A missing one is not an error."""

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, in order."""

    def url(self, key: str) -> str:
        """The `image_url` of an object."""

    def own_key(self, raw_image: str) -> str | None:
        """The key of our object that a raw image URL names; None for any other URL."""

    def health(self) -> str | None:
        """Why the storage does not work and what to change; None when it works.

        From time to time it stores and deletes an object.
        """

    def notes(self) -> Sequence[str]:
        """What works differently from what one would expect; one sentence each."""


def check_key(key: str) -> str:
    """Return a valid key; raise NotFound for a traversal or any other odd key."""
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
    return key_or_none(unquote(path))


def key_or_none(key: str) -> str | None:
    try:
        return check_key(key)
    except NotFound:
        return None


def read_own(storage: Storage, key: str) -> bytes:
    """A raw image that is our own object, at most 20 MB; FetchError when it can't be read."""
    try:
        chunks = storage.open(key)
    except NotFound:
        raise FetchError(
            f"there is no object {key} in our storage: upload the picture again",
            code="no_such_object",
        ) from None
    return read_all(chunks, key)


def read_all(chunks: Chunks, key: str) -> bytes:
    try:
        if chunks.size > MAX_BYTES:
            raise FetchError(
                f"the object {key} has {chunks.size / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB"
                " are allowed: give a smaller file",
                code="too_large",
            )
        return b"".join(chunks)
    finally:
        chunks.close()
