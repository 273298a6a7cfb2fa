"""Checks that an object's bytes are the stored ones, before anything relies on them.

`check_digest` compares with a digest from the database. An object without a row is sealed: a digest
of its key and its bytes is stored in front of it, so that another object's bytes are not accepted.
Neither needs a feature of the store, so both work for a folder and for every bucket.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Final

from packshot.errors import PartlyUnavailable

#: Seconds between two checks of an object with other bytes, which a person must restore or delete.
OTHER_BYTES_SECONDS: Final = 60.0
OTHER_BYTES: Final = "other_bytes"
SEAL_BYTES: Final = hashlib.sha256().digest_size


def sha256_of(data: bytes) -> str:
    """The SHA-256 in hexadecimal, as in the database."""
    return hashlib.sha256(data).hexdigest()


def check_digest(key: str, data: bytes, known: Collection[str]) -> None:
    """Raise PartlyUnavailable unless the digest of `data` is one of `known`."""
    if sha256_of(data) not in known:
        raise other_bytes(key)


def seal(key: str, data: bytes) -> bytes:
    """What to store under `key` for `data`; see `unseal`."""
    return _seal_of(key, data) + data


def unseal(key: str, stored: bytes) -> bytes:
    """The data that was sealed for this key. Raises PartlyUnavailable for anything else."""
    data = stored[SEAL_BYTES:]
    if stored[:SEAL_BYTES] != _seal_of(key, data):
        raise other_bytes(key)
    return data


def _seal_of(key: str, data: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + data).digest()


def other_bytes(key: str) -> PartlyUnavailable:
    """The error that makes only this object's product wait: other objects may be intact."""
    return PartlyUnavailable(
        f"the storage returns other bytes under {key} than were stored: restore this object"
        " from a backup, or delete it so that it is made again",
        code=OTHER_BYTES,
        retry_after=OTHER_BYTES_SECONDS,
    )
