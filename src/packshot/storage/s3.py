"""Objects in an S3 bucket."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from packshot.after_fork import after_fork
from packshot.aws import (
    Connection,
    Resource,
    bucket_region,
    code_of,
    status_of,
    unlike_aws,
    wrong_region,
)
from packshot.errors import Unavailable
from packshot.storage.contract import Chunks, check_key, key_below, key_or_none
from packshot.storage.s3_addresses import parse_s3_url
from packshot.storage.s3_dialect import Fallbacks, is_refusal
from packshot.storage.s3_reading import (
    ABSENT,
    S3Reader,
    content_md5,
    endpoint_of,
    is_amazon,
    s3_client,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: Keys in one DeleteObjects:
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
DELETE_BATCH: Final = 1000
#: An object never changes under its key.
KEPT: Final = "max-age=31536000, immutable"
#: What shops show through PUBLIC_MEDIA_URL; the rest is for reviewers.
SHOWN: Final = "enhanced/"
#: Seconds between two test writes of `health` while the last one worked.
WRITE_EVERY_SECONDS: Final = 300.0
#: Connections of a process: about as many as threads use the store at the same time.
CONNECTIONS: Final = 64
PRECONDITION_FAILED: Final = 412
#: Notes for the operator about what a compatible store lacks of the protocol.
ONLY_MD5: Final = "it accepts no SHA-256 checksums: objects are sent with Content-MD5 instead"
NO_SUMS: Final = (
    "it accepts no checksums: objects are sent without, and a change on the way is only"
    " found when the object is read"
)
NO_CONDITIONS: Final = (
    "it ignores If-None-Match: Packshot checks whether a picture exists before it stores one,"
    " so two workers that store the same one at the same moment could overwrite each other's"
)
ONE_BY_ONE: Final = "it does not accept DeleteObjects: objects are deleted one by one"
LIST_VERSION_1: Final = "it does not know ListObjectsV2: version 1 is used"


class S3Storage:
    """A bucket. `region` must be the bucket's own; the bucket may be private."""

    def __init__(
        self,
        bucket: str,
        region: str | None,
        *,
        endpoint_url: str | None = None,
        public_media_url: str | None = None,
    ) -> None:
        self._bucket = bucket
        self._region = region or os.environ.get("AWS_DEFAULT_REGION")
        self._endpoint = endpoint_of(endpoint_url)
        self._public = public_media_url.rstrip("/") if public_media_url else None
        make = partial(s3_client, region, endpoint_url, pool=CONNECTIONS)
        resource = Resource(f"the S3 bucket {bucket}", "S3_BUCKET")
        self._s3: Connection[S3Client] = Connection(make, resource)
        may_change = not is_amazon(self._endpoint)
        self._reader = S3Reader(self._s3, bucket, is_ours=True, may_change=may_change)
        self._set_up_ways(may_change)
        self._check_id = uuid.uuid4()
        self._writing = threading.Lock()
        self._wrote_at = float("-inf")
        after_fork(self._unlock)

    def _set_up_ways(self, may_change: bool) -> None:
        self._sums = Fallbacks(
            (_sha256, None), (_md5, ONLY_MD5), (_no_sum, NO_SUMS), may_change=may_change
        )
        self._conditions = Fallbacks((True, None), (False, NO_CONDITIONS), may_change=may_change)
        self._deletes = Fallbacks(
            (self._delete_together, None), (self._delete_singly, ONE_BY_ONE), may_change=may_change
        )
        self._lists = Fallbacks((_list_v2, None), (_list_v1, LIST_VERSION_1), may_change=may_change)
        self._is_known = not may_change

    def _unlock(self) -> None:
        self._writing = threading.Lock()

    def put(self, key: str, data: bytes, content_type: str) -> None:
        with self._s3.client_for("s3:PutObject") as s3:
            self._put(s3, key, data, content_type)

    def put_new(self, key: str, data: bytes, content_type: str) -> bool:
        """Put an object by a conditional write (AmazonS3/latest/userguide/conditional-writes.html).

        If the store ignores the condition, check first whether the object exists. A worker that
        lost its claim does not get this far, unless it froze just before.
        """
        check_key(key)
        if not self._is_known:
            self._try_write()
        if self._conditions.way:
            with self._s3.client_for("s3:PutObject") as s3:
                return self._put_if_new(s3, key, data, content_type)
        if self.exists(key):
            return False
        self.put(key, data, content_type)
        return True

    def _put_if_new(self, s3: S3Client, key: str, data: bytes, content_type: str) -> bool:
        from botocore.exceptions import ClientError

        try:
            self._put(s3, key, data, content_type, IfNoneMatch="*")
        except ClientError as error:
            if status_of(error) == PRECONDITION_FAILED:
                return False
            raise
        return True

    def _put(
        self, s3: S3Client, key: str, data: bytes, content_type: str, **condition: str
    ) -> None:
        """Put an object, with a checksum: S3 refuses bytes that changed in transit.

        A store answers with the object's tag. Without one the object is looked for: a web page with
        status 200 stored nothing.
        """
        answer = self._sums.ask(
            lambda sum_of: s3.put_object(
                Bucket=self._bucket,
                Key=check_key(key),
                Body=data,
                ContentType=content_type,
                CacheControl=self._cache_control(key),
                **sum_of(data),
                **condition,  # type: ignore[arg-type]
            )
        )
        if not answer.get("ETag"):
            found = s3.head_object(Bucket=self._bucket, Key=key)
            if found.get("ContentLength") != len(data):
                raise unlike_aws(self._s3.resource)

    def _cache_control(self, key: str) -> str:
        """A CDN may cache what shops show; only a reviewer's own browser may cache the rest."""
        shared = self._public and key.startswith(SHOWN)
        return f"{'public' if shared else 'private'}, {KEPT}"

    def get(self, key: str) -> bytes:
        chunks = self.open(key)
        try:
            return b"".join(chunks)
        finally:
            chunks.close()

    def open(self, key: str) -> Chunks:
        return self._reader.open(check_key(key))

    def exists(self, key: str) -> bool:
        return self._reader.has(check_key(key))

    def delete(self, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), DELETE_BATCH):
            self._delete_batch([check_key(key) for key in keys[start : start + DELETE_BATCH]])

    def _delete_batch(self, keys: Sequence[str]) -> None:
        with self._s3.client_for("s3:DeleteObject") as s3:
            self._deletes.ask(lambda delete: delete(s3, keys))

    def _delete_together(self, s3: S3Client, keys: Sequence[str]) -> None:
        from botocore.exceptions import ClientError

        answer = s3.delete_objects(
            Bucket=self._bucket,
            Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True},
        )
        for failed in answer.get("Errors", []):
            code, message = failed.get("Code", ""), failed.get("Message", "")
            if code in ABSENT:
                continue
            raise ClientError({"Error": {"Code": code, "Message": message}}, "DeleteObjects")

    def _delete_singly(self, s3: S3Client, keys: Sequence[str]) -> None:
        from botocore.exceptions import ClientError

        for key in keys:
            try:
                s3.delete_object(Bucket=self._bucket, Key=key)
            except ClientError as error:  # some stores answer this for a missing one
                if code_of(error) not in ABSENT:
                    raise

    def list(self, prefix: str) -> Iterator[str]:
        page: dict[str, Any] = {"IsTruncated": True}
        last = ""
        while page.get("IsTruncated"):
            page = self._page(prefix, last, page.get("NextContinuationToken"))
            keys = [each["Key"] for each in page.get("Contents", [])]
            if keys and keys[0] <= last:  # it does not know version 2: begin again
                if self._lists.way is _list_v1:
                    return
                self._lists.give_up()
                page = {"IsTruncated": True}
                continue
            yield from keys
            last = keys[-1] if keys else last

    def _page(self, prefix: str, last: str, token: str | None) -> dict[str, Any]:
        """The keys after `last`, or those that the previous page's token leads to."""
        with self._s3.client_for("s3:ListBucket") as s3:
            return self._lists.ask(lambda ask: ask(s3, self._bucket, prefix, last, token))

    def url(self, key: str) -> str:
        return f"{self._public or self._address()}/{quote(check_key(key))}"

    def _address(self) -> str:
        if self._endpoint:
            return f"{self._endpoint}/{self._bucket}"
        region = f".{self._region}" if self._region else ""
        host = f"s3{region}.amazonaws.com{'.cn' if region.startswith('.cn-') else ''}"
        if "." in self._bucket:  # the certificate of *.s3... does not cover another dot
            return f"https://{host}/{self._bucket}"
        return f"https://{self._bucket}.{host}"

    def own_key(self, raw_image: str) -> str | None:
        for base in ("/media", self._public, self._endpoint and self._address()):
            key = key_below(base, raw_image) if base else None
            if key is not None:
                return key
        bucket, key = parse_s3_url(raw_image) or (None, "")
        return key_or_none(key) if bucket == self._bucket else None

    def health(self) -> str | None:
        try:
            answer = self._head_bucket()
            with self._writing:
                if time.monotonic() - self._wrote_at > WRITE_EVERY_SECONDS:
                    self._write_and_delete()
        except Unavailable as error:
            return error.message
        region = bucket_region(answer)
        if region and region != (self._region or "us-east-1"):
            # boto3 follows the redirect, but clients of the plain URLs in `image_url` would not.
            return wrong_region(self._s3.resource, region)
        return self._s3.problem()

    def _head_bucket(self) -> Any:
        from botocore.exceptions import ClientError

        with self._s3.client_for("s3:ListBucket") as s3:
            try:
                return s3.head_bucket(Bucket=self._bucket)
            except ClientError as error:  # a HEAD can't say why: a GET does
                self._lists.ask(lambda ask: ask(s3, self._bucket, "", "", None))
                if is_refusal(error):
                    return {}  # it does not support HEAD for a bucket, but works
                raise

    def notes(self) -> Sequence[str]:
        ways = (self._sums, self._conditions, self._deletes, self._lists)
        return [f"the store at {self._endpoint}: {each.note}" for each in ways if each.note]

    def _try_write(self) -> None:
        """Find the store's dialect, once per process, before the first write that depends on it."""
        with self._writing:
            if not self._is_known:
                self._write_and_delete()

    def _write_and_delete(self) -> None:
        """Write and delete an object, as the worker would; this finds the dialect of the store."""
        key = f"uploads/check-{self._check_id}-{os.getpid()}"
        with self._s3.client_for("s3:PutObject") as s3:
            self._put(s3, key, b"packshot", "text/plain")
            if not self._is_known and self._conditions.ask(
                lambda condition: condition and self._put_if_new(s3, key, b"packshot", "text/plain")
            ):
                self._conditions.give_up()  # it accepted the condition, but overwrote
        self._is_known = True
        self._delete_batch([key])
        self._wrote_at = time.monotonic()


def _sha256(data: bytes) -> dict[str, Any]:
    return {"ChecksumSHA256": base64.b64encode(hashlib.sha256(data).digest()).decode()}


def _md5(data: bytes) -> dict[str, Any]:
    return {"ContentMD5": content_md5(data)}


def _no_sum(data: bytes) -> dict[str, Any]:
    return {}


def _list_v2(s3: Any, bucket: str, prefix: str, last: str, token: str | None) -> dict[str, Any]:
    more = {"ContinuationToken": token} if token else {"StartAfter": last} if last else {}
    page: dict[str, Any] = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, **more)
    return page


def _list_v1(s3: Any, bucket: str, prefix: str, last: str, _: str | None) -> dict[str, Any]:
    more = {"Marker": last} if last else {}
    page: dict[str, Any] = s3.list_objects(Bucket=bucket, Prefix=prefix, **more)
    return page
