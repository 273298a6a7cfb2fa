"""Objects in an S3 bucket."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final, cast
from urllib.parse import quote

from packshot.aws import (
    Connection,
    Resource,
    bucket_region,
    code_of,
    elsewhere,
    status_of,
)
from packshot.errors import FetchError, NotFound, Unavailable
from packshot.storage.contract import Chunks, checked, key_below, key_or_none
from packshot.storage.s3_addresses import parse_s3_url

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.exceptions import ClientError
    from mypy_boto3_s3 import S3Client

#: Keys in one DeleteObjects:
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
DELETE_BATCH: Final = 1000
#: Where no object ever is: asked for to see whether others can be read.
UNUSED_KEY: Final = "uploads/none"
#: The right to read, as an error names it.
READ: Final = "s3:GetObject (or s3:ListBucket, without which a missing object looks forbidden)"
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
        with self._s3.asking(READ) as s3, self._refused(s3, key), _absent(key):
            answer = s3.get_object(Bucket=self._bucket, Key=checked(key))
        return S3Chunks(cast(BinaryIO, answer["Body"]), answer["ContentLength"], self._s3)

    @contextmanager
    def _refused(self, s3: S3Client, key: str) -> Iterator[None]:
        """A refusal is this object's own only when the bucket answers for others."""
        try:
            with refused(self._bucket, key):
                yield
        except FetchError:
            self._ask_for_none(s3)
            raise

    def _ask_for_none(self, s3: S3Client) -> None:
        """Raise what is wrong with the bucket as a whole: S3's answer for a key nobody uses."""
        from botocore.exceptions import ClientError

        try:
            s3.get_object(Bucket=self._bucket, Key=UNUSED_KEY)["Body"].close()
        except ClientError as error:
            if code_of(error) != "NoSuchKey":
                raise

    def exists(self, key: str) -> bool:
        try:
            with self._s3.asking(READ) as s3, _absent(key):
                self._head(s3, checked(key))
        except NotFound:
            return False
        return True

    def _head(self, s3: S3Client, key: str) -> None:
        from botocore.exceptions import ClientError

        try:
            s3.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if status_of(error) in {400, 403}:  # a HEAD can't say why: a GET does
                s3.get_object(Bucket=self._bucket, Key=key, Range="bytes=0-0")["Body"].close()
                return
            raise

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
        address = parse_s3_url(raw_image)
        if address is None or address[0] != self._bucket:
            return None
        return key_or_none(address[1])

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


class S3Chunks(Chunks):
    """A body on its way from S3; when it breaks off, that is Unavailable too."""

    def __init__(self, stream: BinaryIO, size: int, connection: Connection[S3Client]) -> None:
        super().__init__(stream, size)
        self._connection = connection

    def __next__(self) -> bytes:
        with self._connection.asking(READ):
            return super().__next__()


@contextmanager
def _absent(key: str) -> Iterator[None]:
    """S3's "there is no such object" as NotFound; its other errors go on."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if code_of(error) in {"NoSuchKey", "404", "NoSuchVersion"}:
            raise NotFound(f"there is no object {key}") from None
        raise


def endpoint_of(endpoint_url: str | None) -> str | None:
    """The address in place of Amazon's: given, or in the environment as boto3 reads it."""
    known = (
        endpoint_url,
        os.environ.get("AWS_ENDPOINT_URL_S3"),
        os.environ.get("AWS_ENDPOINT_URL"),
    )
    return next((url.rstrip("/") for url in known if url), None)


def s3_client(
    region: str | None, endpoint_url: str | None, session: Session, *, pool: int
) -> S3Client:
    from botocore.config import Config

    config = Config(
        connect_timeout=5,
        read_timeout=30,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=pool,
        # Ours is sent with every object; stores that speak S3 don't all know the newer ones.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if endpoint_of(endpoint_url) else "auto"},
    )
    return session.client("s3", region_name=region, endpoint_url=endpoint_url, config=config)


@contextmanager
def refused(bucket: str, key: str) -> Iterator[None]:
    """What S3 says for good of one object, as FetchError; its other errors go on."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if fault := _fault_of(error, bucket, key):
            raise fault from None
        raise


def _fault_of(error: ClientError, bucket: str, key: str) -> FetchError | None:
    what = f"the picture could not be read: s3://{bucket}/{key}"
    match code_of(error):
        case "NoSuchKey":
            return FetchError(f"{what} does not exist", code="no_such_object")
        case "NoSuchBucket":
            return FetchError(f"{what}: there is no such bucket", code="no_such_object")
        case "AccessDenied" if "kms:" in str(error):
            return FetchError(
                f"{what} is encrypted: allow kms:Decrypt on its key in the IAM policy of the AWS"
                " credentials in use",
                code="forbidden_object",
            )
        case "AccessDenied" | "AllAccessDisabled":
            return FetchError(
                f"{what} is forbidden, or does not exist: allow s3:GetObject on"
                f" arn:aws:s3:::{bucket}/* and s3:ListBucket on arn:aws:s3:::{bucket}",
                code="forbidden_object",
            )
        case "InvalidObjectState":
            return FetchError(f"{what} is archived: restore it first", code="archived_object")
        case "InvalidRequest" if "server side encryption" in str(error).casefold():
            return FetchError(
                f"{what} is encrypted with a key of its own (SSE-C): store it without one",
                code="encrypted_object",
            )
        case _:
            return None
