"""Buckets besides our own that raw images may be read from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, cast

from packshot.aws import Connection, Resource
from packshot.storage.contract import all_of
from packshot.storage.s3 import READ, S3Chunks, endpoint_of, refused, s3_client
from packshot.storage.s3_addresses import bucket_and_key, parse_s3_url, s3_address

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class RawBuckets:
    """Buckets whose objects are read with the application's own credentials.

    With no names it reads nothing, and boto3 is not loaded.
    """

    def __init__(
        self, names: Sequence[str], region: str | None, endpoint_url: str | None = None
    ) -> None:
        self._names = frozenset(names)
        self._region = region
        self._endpoint_url = endpoint_url
        self._connections: dict[tuple[str, str | None], Connection[S3Client]] = {}

    def read(self, raw_image: str) -> bytes | None:
        """The bytes of an object in one of the buckets, at most 20 MB; None for any other URL.

        Raises FetchError when the object is missing, forbidden, archived or too large.
        """
        address = self._find(raw_image)
        if address is None:
            return None
        bucket, key, region = address
        connection = self._connection(bucket, region or self._region)
        with connection.asking(READ) as s3, refused(bucket, key):
            answer = s3.get_object(Bucket=bucket, Key=key)
        chunks = S3Chunks(cast(BinaryIO, answer["Body"]), answer["ContentLength"], connection)
        return all_of(chunks, f"{key} in the bucket {bucket}")

    def has(self, raw_image: str) -> bool:
        """Is this the address of an object in one of the buckets? Nothing is asked."""
        return self._find(raw_image) is not None

    def _find(self, raw_image: str) -> tuple[str, str, str | None] | None:
        address = parse_s3_url(raw_image) or self._at_endpoint(raw_image)
        return address if address is not None and address[0] in self._names else None

    def _at_endpoint(self, url: str) -> tuple[str, str, str | None] | None:
        """With another endpoint than Amazon's, its own path-style URLs are understood too."""
        endpoint = endpoint_of(self._endpoint_url)
        if endpoint is None or not url.startswith(endpoint + "/"):
            return None
        return s3_address(*bucket_and_key(None, url.removeprefix(endpoint).partition("?")[0]), None)

    def _connection(self, bucket: str, region: str | None) -> Connection[S3Client]:
        """One for each bucket and region; boto3 itself follows a bucket to another region."""
        if (bucket, region) not in self._connections:
            make = partial(s3_client, region, self._endpoint_url, pool=16)
            resource = Resource(f"the S3 bucket {bucket}", "S3_RAW_BUCKETS")
            self._connections.setdefault((bucket, region), Connection(make, resource))
        return self._connections[bucket, region]
