"""Buckets of sellers that raw images may be read from."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from packshot.aws import Connection, Resource
from packshot.backoff import Chance, backoff
from packshot.errors import FetchError, NotFound, PartlyUnavailable, Unavailable
from packshot.storage.contract import read_all
from packshot.storage.s3_addresses import (
    bucket_and_key,
    check_object_key,
    parse_s3_url,
    s3_address,
)
from packshot.storage.s3_reading import S3Reader, endpoint_of, s3_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: The longest pause (seconds) before an unreachable bucket is tried again.
LONGEST_PAUSE: Final = 300.0
#: Few: a product is tried again anyway, and a slot should not wait for an unreachable bucket.
ATTEMPTS: Final = 2


class RawBuckets:
    """Buckets whose objects are read with the application's own credentials.

    With no names it reads nothing, and boto3 is not loaded. Each named bucket has one client,
    whatever region an address names: boto3 follows a bucket to its region.
    """

    def __init__(
        self,
        names: Sequence[str],
        region: str | None,
        endpoint_url: str | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Chance = random.random,
    ) -> None:
        make = partial(s3_client, region, endpoint_url, pool=16, attempts=ATTEMPTS)
        self._endpoint = endpoint_of(endpoint_url)
        self._buckets = {name: _SellerBucket(name, make, clock, chance) for name in names}

    def read(self, raw_image: str) -> bytes | None:
        """The bytes of an object in one of the buckets, at most 20 MB; None for any other URL.

        Raises FetchError for a problem of this object: no such key, forbidden, archived, too
        large. Raises PartlyUnavailable when its bucket does not answer for other objects either.
        """
        address = self._find(raw_image)
        if address is None:
            return None
        bucket, key = address
        check_object_key(key)
        return self._buckets[bucket].read(key)

    def check(self, raw_image: str) -> bool:
        """Whether a URL names an object in one of the buckets. Raises FetchError for a bad key."""
        address = self._find(raw_image)
        if address is not None:
            check_object_key(address[1])
        return address is not None

    def _find(self, raw_image: str) -> tuple[str, str] | None:
        address = parse_s3_url(raw_image) or self._at_endpoint(raw_image)
        return address if address is not None and address[0] in self._buckets else None

    def _at_endpoint(self, url: str) -> tuple[str, str] | None:
        """With another endpoint than Amazon's, its own path-style URLs are understood too."""
        if self._endpoint is None or not url.startswith(self._endpoint + "/"):
            return None
        path = url.removeprefix(self._endpoint).partition("?")[0]
        return s3_address(*bucket_and_key(None, path))


class _SellerBucket:
    """One bucket. No thread waits while it is unreachable: its products are tried again later."""

    def __init__(
        self,
        name: str,
        make: Callable[..., S3Client],
        clock: Callable[[], float],
        chance: Chance,
    ) -> None:
        connection = Connection(make, Resource(f"the S3 bucket {name}", "S3_RAW_BUCKETS"))
        self._name = name
        self._reader = S3Reader(connection, name, is_ours=False)
        self._clock, self._chance = clock, chance
        self._error: PartlyUnavailable | None = None
        self._in_a_row = 0  # pauses
        self._ends = 0.0  # of the current pause, by the clock

    def read(self, key: str) -> bytes:
        left = self._ends - self._clock()
        if self._error is not None and left > 0:
            raise _again(self._error, left)
        try:
            data = self._read(key)
        except Unavailable as error:
            raise self._begin_pause(error) from error
        except FetchError:
            self._end_pause()
            raise
        self._end_pause()
        return data

    def _read(self, key: str) -> bytes:
        try:
            return read_all(self._reader.open(key), f"{key} in the bucket {self._name}")
        except NotFound:
            raise FetchError(
                f"the picture could not be read: s3://{self._name}/{key} does not exist",
                code="no_such_object",
            ) from None

    def _begin_pause(self, error: Unavailable) -> PartlyUnavailable:
        """Begin a pause; several threads that find the bucket unreachable together begin one."""
        if self._clock() >= self._ends:
            self._in_a_row += 1
            pause = backoff(self._in_a_row, self._chance, longest=LONGEST_PAUSE)
            self._ends = self._clock() + max(pause, error.retry_after or 0.0)
        self._error = _again(error, self._ends - self._clock())
        return self._error

    def _end_pause(self) -> None:
        self._error, self._ends, self._in_a_row = None, 0.0, 0


def _again(error: Unavailable, seconds: float) -> PartlyUnavailable:
    return PartlyUnavailable(error.message, code=error.code, retry_after=seconds)
