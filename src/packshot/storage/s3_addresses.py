"""S3 addresses, judged by their text: nothing is asked."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

#: The hosts of S3, from https://docs.aws.amazon.com/general/latest/gr/s3.html: regional, old
#: dashed, dual-stack, FIPS, accelerated, and without a region. Before them a bucket, dots and all.
S3_HOST: Final = re.compile(
    r"^(?:(?P<bucket>.+)\.)?s3(?:-accelerate|-fips)?(?:\.dualstack)?"
    r"(?:[.-](?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com(?:\.cn)?$"
)
BUCKET: Final = re.compile(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")


def parse_s3_url(url: str) -> tuple[str, str, str | None] | None:
    """(bucket, key, region or None) of an S3 address; None for any other URL.

    Understood: `s3://bucket/key` (the key as it stands), and http(s) with the bucket in the host
    or in the path (percent-encoded), see S3_HOST. A query is dropped: a signature is not needed
    by one who has credentials. Only `versionId` names other bytes: that is None, a plain download.
    """
    if url.startswith("s3://"):
        bucket, _, key = url.removeprefix("s3://").partition("/")
        return s3_address(bucket, key, None)
    try:
        parts = urlsplit(url)
        odd = parts.scheme not in {"http", "https"} or parts.port or parts.username is not None
    except ValueError:
        return None
    host = S3_HOST.match(parts.hostname or "")
    if odd or host is None or "versionId" in parse_qs(parts.query):
        return None
    return s3_address(*bucket_and_key(host["bucket"], parts.path), host["region"])


def bucket_and_key(bucket: str | None, path: str) -> tuple[str, str]:
    key = unquote(path.removeprefix("/"))
    if bucket is None:
        bucket, _, key = key.partition("/")
    return bucket, key


def s3_address(bucket: str, key: str, region: str | None) -> tuple[str, str, str | None] | None:
    return (bucket, key, region) if key and BUCKET.match(bucket) else None
