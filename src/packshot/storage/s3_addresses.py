"""S3 addresses, read from their text alone: no request is made."""

from __future__ import annotations

import re
from typing import Final, NoReturn
from urllib.parse import parse_qs, unquote, urlsplit

from packshot.errors import FetchError
from packshot.storage.contract import MAX_KEY_BYTES

#: The hosts of S3, from https://docs.aws.amazon.com/general/latest/gr/s3.html: regional, old
#: dashed, dual-stack, FIPS, accelerated, and without a region. A bucket may come first.
S3_HOST: Final = re.compile(
    r"^(?:(?P<bucket>.+)\.)?s3(?:-accelerate|-fips)?(?:\.dualstack)?"
    r"(?:[.-][a-z]{2}(?:-[a-z]+)+-\d)?\.amazonaws\.com(?:\.cn)?$"
)
BUCKET: Final = re.compile(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")


def parse_s3_url(url: str) -> tuple[str, str] | None:
    """(bucket, key) of an S3 address; None for any other URL.

    Understood: `s3://bucket/key` (the key as it stands), and http(s) with the bucket in the host
    or in the path (percent-encoded), see S3_HOST. The region is ignored: S3 itself says where a
    bucket is. A query is dropped: with credentials no signature is needed. Only `versionId` names
    other bytes: such an address is None, a plain download.
    """
    if url.startswith("s3://"):
        bucket, _, key = url.removeprefix("s3://").partition("/")
        return s3_address(bucket, key)
    try:
        parts = urlsplit(url)
        odd = parts.scheme not in {"http", "https"} or parts.port or parts.username is not None
    except ValueError:
        return None
    host = S3_HOST.match(parts.hostname or "")
    if odd or host is None or "versionId" in parse_qs(parts.query):
        return None
    return s3_address(*bucket_and_key(host["bucket"], parts.path))


def bucket_and_key(bucket: str | None, path: str) -> tuple[str, str]:
    key = unquote(path.removeprefix("/"))
    if bucket is None:
        bucket, _, key = key.partition("/")
    return bucket, key


def s3_address(bucket: str, key: str) -> tuple[str, str] | None:
    return (bucket, key) if key and BUCKET.match(bucket) else None


def check_object_key(key: str) -> None:
    """Raise FetchError for a key that no photo can have; the message does not echo it.

    To S3 itself `..` is a name like any other. S3-compatible stores that keep files read it as the
    parent folder, which may be another bucket, some after decoding it once more. Empty names
    (`a//b`) are common on S3, and stay inside the bucket even where they are dropped.
    """
    if len(key.encode(errors="replace")) > MAX_KEY_BYTES:
        _refuse(f"has a key longer than the {MAX_KEY_BYTES:,} bytes that S3 allows")
    if not key.isprintable() or "\ufffd" in key:
        _refuse("has an invisible character in its key, or one that is not UTF-8")
    if _has_dots(key):
        _refuse('has "." or ".." as a name in its key')


def _has_dots(key: str) -> bool:
    """Whether a name is `.` or `..`, however often it is encoded, and with any separator."""
    while True:
        names = re.split(r"[/\\]", key)
        if any(name.partition(";")[0].strip() in {".", ".."} for name in names):
            return True
        decoded = unquote(key)
        if decoded == key:
            return False
        key = decoded


def _refuse(reason: str) -> NoReturn:
    raise FetchError(f"the address {reason}", code="bad_url", retryable=False)
