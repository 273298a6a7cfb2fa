"""Pictures in the store: written once, found again after a crash."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from packshot.errors import NotFound, PictureError
from packshot.fidelity.locks import LockResult
from packshot.pictures import imaging
from packshot.products.object_keys import lock_key, made_key, preview_key
from packshot.storage import Storage
from packshot.storage.digests import check_digest, other_bytes, seal, unseal
from packshot.work.making.parts import Parts

JPEG = "image/jpeg"


def store(key: str, picture: imaging.Encoded, parts: Parts) -> imaging.Encoded:
    """Store a picture with its previews, unless there is one; return the stored one.

    A picture is never overwritten: a worker that froze and lost its claim finds the picture of
    its successor, which a reviewer may have seen. Safe to repeat.
    """
    if not parts.storage.put_new(key, picture.data, picture.mime_type):
        data = parts.storage.get(key)
        if data != picture.data:
            picture = read_again(key, data, parts)
    put_previews(key, picture.previews, parts.storage)
    return picture


def adopt(key: str, digests: Collection[str], parts: Parts) -> imaging.Encoded:
    """Return a stored picture whose record was lost; make its previews again.

    `digests` are those noted before storing; without any, an older version stored it.
    """
    data = parts.storage.get(key)
    if digests:
        check_digest(key, data, digests)
    found = read_again(key, data, parts)
    put_previews(key, found.previews, parts.storage)
    return found


def read_again(key: str, data: bytes, parts: Parts) -> imaging.Encoded:
    """Decode a stored picture in full: Packshot stores only complete ones."""
    try:
        header = parts.pixels.run(imaging.read_header, data)
        previews = parts.pixels.run(imaging.make_previews, data)
    except PictureError as error:
        if error.retryable:  # the child process ended
            raise
        raise other_bytes(key) from error
    return imaging.Encoded(data, header.mime_type, header.width, header.height, previews)


def put_previews(key: str, previews: Mapping[int, bytes], storage: Storage) -> None:
    for side, preview in previews.items():
        storage.put(preview_key(key, side), preview, JPEG)


def put_maps(object_key: str, locked: LockResult | None, storage: Storage) -> None:
    """Store what shows a picture's lock: the locked pixels, and the picture without the lock.

    Before the picture: if that is there, another worker stored it, and what shows its lock.
    """
    if locked is None or locked.mask is None or locked.made is None:
        return
    if not storage.exists(object_key):
        storage.put(lock_key(object_key), locked.mask, "image/webp")
        storage.put(made_key(object_key), locked.made, JPEG)


class PaidAnswer:
    """The enhancer's answer for one variant, stored until the finished picture is stored.

    An attempt after a crash in between finds it here, and does not pay again. See
    `enhancers.contract.Answers`.
    """

    def __init__(
        self, key: str, check: Callable[[], None], parts: Parts, *, may_be_there: bool = True
    ) -> None:
        """`check` raises LostClaim: a worker that lost its claim stores nothing."""
        self._key, self._check, self._parts = key, check, parts
        self._kept = self._find_stored() if may_be_there else None
        self._in_store = self._kept is not None

    def _find_stored(self) -> bytes | None:
        try:
            return unseal(self._key, self._parts.storage.get(self._key))
        except NotFound:
            return None

    @property
    def is_kept(self) -> bool:
        return self._kept is not None

    @property
    def is_in_store(self) -> bool:
        """Whether an answer is stored, from an earlier attempt or from this one."""
        return self._in_store

    def take(self) -> bytes | None:
        kept, self._kept = self._kept, None
        return kept

    def keep(self, data: bytes) -> None:
        def save() -> None:
            self._check()
            sealed = seal(self._key, data)
            self._parts.storage.put(self._key, sealed, "application/octet-stream")

        self._parts.keep_trying(save)
        self._in_store = True

    def drop(self) -> None:
        """Delete the stored answer: the finished picture replaces it, or it is unusable."""
        if self._in_store:
            self._parts.keep_trying(lambda: self._parts.storage.delete([self._key]))
            self._in_store = False
