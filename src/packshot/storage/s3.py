"""Objects in an S3 bucket."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from packshot.aws import (
    Connection,
    Resource,
    bucket_region,
    code_of,
    elsewhere,
)
from packshot.errors import Unavailable
from packshot.storage.contract import Chunks, checked, key_below, key_or_none
from packshot.storage.s3_addresses import parse_s3_url
from packshot.storage.s3_reading import S3Reader, endpoint_of, s3_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: Keys in one DeleteObjects:
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
DELETE_BATCH: Final = 1000
#: An object never changes under its key.
KEPT: Final = "max-age=31536000, immutable"
#: What shops show under PUBLIC_MEDIA_URL; the rest is for reviewers.
SHOWN: Final = "enhanced/"


class S3Storage:
    """A bucket. `region` must be the bucket's own; the bucket may be private."""

    name = "s3"

    def __init__(
        self,
        bucket: str,
        region: str | None,
        *,
        endpoint_url: str | None = None,
        public_media_url: str | None = None,
        threads: int = 64,
    ) -> None:
        self._bucket = bucket
        self._region = region or os.environ.get("AWS_DEFAULT_REGION")
        self._endpoint = endpoint_of(endpoint_url)
        self._public = public_media_url.rstrip("/") if public_media_url else None
        make = partial(s3_client, region, endpoint_url, pool=threads)
        resource = Resource(f"the S3 bucket {bucket}", "S3_BUCKET")
        self._s3: Connection[S3Client] = Connection(make, resource)
        self._reader = S3Reader(self._s3, bucket, is_ours=True)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        with self._s3.asking("s3:PutObject") as s3:
            self._put(s3, key, data, content_type)

    def put_new(self, key: str, data: bytes, content_type: str) -> bool:
        """By a conditional write (AmazonS3/latest/userguide/conditional-writes.html)."""
        from botocore.exceptions import ClientError

        with self._s3.asking("s3:PutObject") as s3:
            try:
                self._put(s3, key, data, content_type, IfNoneMatch="*")
            except ClientError as error:
                if code_of(error) == "PreconditionFailed":
                    return False
                if code_of(error) != "NotImplemented":  # some stores that speak S3
                    raise
                self._put(s3, key, data, content_type)
        return True

    def _put(
        self, s3: S3Client, key: str, data: bytes, content_type: str, **condition: str
    ) -> None:
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        s3.put_object(
            Bucket=self._bucket,
            Key=checked(key),
            Body=data,
            ContentType=content_type,
            CacheControl=self._cache_control(key),
            ChecksumSHA256=digest,  # S3 refuses bytes that changed on their way
            **condition,  # type: ignore[arg-type]
        )

    def _cache_control(self, key: str) -> str:
        """A CDN may keep what is shown there; of the rest only the reviewer's own browser."""
        shared = self._public and key.startswith(SHOWN)
        return f"{'public' if shared else 'private'}, {KEPT}"

    def get(self, key: str) -> bytes:
        chunks = self.open(key)
        try:
            return b"".join(chunks)
        finally:
            chunks.close()

    def open(self, key: str) -> Chunks:
        return self._reader.open(checked(key))

    def exists(self, key: str) -> bool:
        return self._reader.has(checked(key))

    def delete(self, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), DELETE_BATCH):
            self._delete_batch([checked(key) for key in keys[start : start + DELETE_BATCH]])

    def _delete_batch(self, keys: Sequence[str]) -> None:
        from botocore.exceptions import ClientError

        with self._s3.asking("s3:DeleteObject") as s3:
            answer = s3.delete_objects(
                Bucket=self._bucket,
                Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True},
            )
            for failed in answer.get("Errors", []):
                code, message = failed.get("Code", ""), failed.get("Message", "")
                raise ClientError({"Error": {"Code": code, "Message": message}}, "DeleteObjects")

    def list(self, prefix: str) -> Iterator[str]:
        token: dict[str, str] = {}
        while True:
            with self._s3.asking("s3:ListBucket") as s3:
                page = s3.list_objects_v2(Bucket=self._bucket, Prefix=prefix, **token)  # type: ignore[arg-type]
            yield from (each["Key"] for each in page.get("Contents", []))
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def url(self, key: str) -> str:
        return f"{self._public or self._address()}/{quote(checked(key))}"

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
        from botocore.exceptions import ClientError

        try:
            with self._s3.asking("s3:ListBucket") as s3:
                try:
                    answer = s3.head_bucket(Bucket=self._bucket)
                except ClientError:  # a HEAD can't say why: a GET does
                    s3.list_objects_v2(Bucket=self._bucket, MaxKeys=1)
                    raise
        except Unavailable as error:
            return error.message
        region = bucket_region(answer)
        if region and region != (self._region or "us-east-1"):
            # boto3 finds its way, but the plain URLs in `image_url` would not.
            return elsewhere(self._s3.resource, region)
        return self._s3.problem()
