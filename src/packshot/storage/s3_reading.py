"""Reads objects of a bucket, and distinguishes one object's problem from the bucket's."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast
from urllib.parse import urlsplit

from packshot.aws import (
    CLOCK,
    EXPIRED,
    REFUSED_KEYS,
    Connection,
    asks_to_slow_down,
    code_of,
    status_of,
    unlike_aws,
    what_failed,
)
from packshot.errors import FetchError, NotFound
from packshot.storage.contract import Chunks
from packshot.storage.digests import other_bytes
from packshot.storage.s3_dialect import Fallbacks

if TYPE_CHECKING:
    from boto3.session import Session
    from mypy_boto3_s3 import S3Client

#: No object has this key: reading it shows whether the bucket works.
UNUSED_KEY: Final = "uploads/none"
#: The permission to read, as errors name it.
READ: Final = "s3:GetObject (or s3:ListBucket, without which a missing object looks forbidden)"
ABSENT: Final = frozenset({"404", "NoSuchKey", "NoSuchVersion"})
#: Codes that may be temporary even though the bucket works: credentials may have been renewed
#: between the two requests.
PASSING_STATUS: Final = frozenset({307, 408, 429, 500, 502, 503, 504})
PASSING_CODES: Final = EXPIRED | REFUSED_KEYS | CLOCK | {"RequestTimeout"}
#: MinIO's code where too few drives answer: perhaps those of this object alone.
TOO_FEW_DRIVES: Final = "SlowDownRead"


class S3Reader:
    """Reads one bucket. Where an object can't be read, the answer for a key that no object has
    shows whether the bucket works.

    `is_ours`: it is S3_BUCKET, which must answer that there is no such key. A seller's bucket may
    deny access instead; a product whose photo it denies fails.
    """

    def __init__(
        self,
        connection: Connection[S3Client],
        bucket: str,
        *,
        is_ours: bool,
        may_change: bool = False,
    ) -> None:
        self._connection = connection
        self._bucket = bucket
        self._is_ours = is_ours
        # Where the store supports it, the checksum from the upload is compared.
        self._modes: Fallbacks[dict[str, Any]] = Fallbacks(
            ({"ChecksumMode": "ENABLED"} if is_ours else {}, None),
            ({}, None),
            may_change=may_change,
        )

    def open(self, key: str) -> Chunks:
        """An object to stream, with its size.

        Raises NotFound; FetchError for a problem of this object alone; PartlyUnavailable when its
        bytes are not those that were stored; else Unavailable, here and while it is read.
        """
        with self._reading_client(key) as s3:
            answer = self._modes.ask(
                lambda mode: s3.get_object(Bucket=self._bucket, Key=key, **mode)
            )
        body = cast(BinaryIO, answer["Body"])
        if "ContentLength" not in answer:  # as of a proxy's page
            body.close()
            raise unlike_aws(self._connection.resource)
        return _S3Chunks(body, answer["ContentLength"], self, key)

    def has(self, key: str) -> bool:
        """Whether the object exists. Raises as `open` does."""
        try:
            with self._reading_client(key) as s3:
                self._head(s3, key)
        except NotFound:
            return False
        return True

    def _head(self, s3: S3Client, key: str) -> None:
        from botocore.exceptions import ClientError

        try:
            s3.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if status_of(error) in {400, 403, 503}:  # a HEAD can't say why: a GET does
                s3.get_object(Bucket=self._bucket, Key=key, Range="bytes=0-0")["Body"].close()
                return
            raise

    @contextmanager
    def _reading_client(self, key: str) -> Iterator[S3Client]:
        with self._connection.client_for(READ) as s3, self._translate_errors(s3, key):
            yield s3

    @contextmanager
    def _translate_errors(self, s3: S3Client, key: str) -> Iterator[None]:
        """Turns boto3's errors about this object into Packshot's; raises others unchanged."""
        from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError

        try:
            yield
        except FlexibleChecksumError as error:
            raise other_bytes(key) from error
        except (BotoCoreError, ClientError) as error:
            if _code(error) in ABSENT:
                raise NotFound(f"there is no object {key}") from None
            if _concerns_all(error):
                raise
            known = _known_error(error, self._bucket, key)
            if known is None or self._is_ours:
                self._read_unused_key(s3)
            raise known or _unreadable(error, self._bucket, key) from error

    def _read_unused_key(self, s3: S3Client) -> None:
        """Raise the bucket's problem, if any; found by reading a key that no object has."""
        from botocore.exceptions import ClientError

        try:
            s3.get_object(Bucket=self._bucket, Key=UNUSED_KEY)["Body"].read()
        except ClientError as error:
            fine = ABSENT if self._is_ours else ABSENT | {"AccessDenied"}
            if code_of(error) not in fine:
                raise


class _S3Chunks(Chunks):
    """A body that is being read from S3, with the errors of `S3Reader.open`."""

    def __init__(self, stream: BinaryIO, size: int, reader: S3Reader, key: str) -> None:
        super().__init__(stream, size)
        self._reader, self._key = reader, key

    def __next__(self) -> bytes:
        with self._reader._reading_client(self._key):
            return super().__next__()


def _code(error: Exception) -> str:
    from botocore.exceptions import ClientError

    return code_of(error) if isinstance(error, ClientError) else ""


def _concerns_all(error: Exception) -> bool:
    """Whether it can't be about one object: there was no connection, or S3 asks to slow down."""
    from botocore import exceptions as boto

    if isinstance(error, boto.ClientError):
        return asks_to_slow_down(error) and code_of(error) != TOO_FEW_DRIVES
    return isinstance(error, (boto.EndpointConnectionError, boto.ConnectTimeoutError))


def _unreadable(error: Exception, bucket: str, key: str) -> FetchError:
    from botocore.exceptions import ClientError

    answered, passes = what_failed(error), True
    if isinstance(error, ClientError):
        status, code = status_of(error), code_of(error)
        answered = f"the bucket answered {status} {code}".rstrip()
        passes = status in PASSING_STATUS or code in PASSING_CODES
    return FetchError(
        f"the picture could not be read: s3://{bucket}/{key}: {answered}, though it answers for"
        " other keys",
        code="unreadable_object",
        retryable=passes,
    )


def _known_error(error: Exception, bucket: str, key: str) -> FetchError | None:
    what = f"the picture could not be read: s3://{bucket}/{key}"
    match _code(error):
        case "NoSuchBucket":
            return FetchError(f"{what}: there is no such bucket", code="no_such_object")
        case "AccessDenied" if "kms:" in str(error):
            return FetchError(
                f"{what} is encrypted: allow kms:Decrypt on its key for the credentials in use",
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
                f"{what} is encrypted with a key that each request must bring (SSE-C): store it"
                " without one",
                code="encrypted_object",
            )
        case _:
            return None


def endpoint_of(endpoint_url: str | None) -> str | None:
    """The address in place of Amazon's: given, or in the environment as boto3 reads it."""
    known = (
        endpoint_url,
        os.environ.get("AWS_ENDPOINT_URL_S3"),
        os.environ.get("AWS_ENDPOINT_URL"),
    )
    return next((url.rstrip("/") for url in known if url), None)


def is_amazon(endpoint: str | None) -> bool:
    """Whether this is S3 itself, whose dialect is known."""
    host = urlsplit(endpoint).hostname if endpoint else None
    return endpoint is None or (host or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))


def content_md5(data: bytes) -> str:
    digest = hashlib.md5(data, usedforsecurity=False)
    return base64.b64encode(digest.digest()).decode()


def _send_md5(params: dict[str, Any], **_: Any) -> None:
    """DeleteObjects needs a checksum of its body; every store knows this one."""
    body = params["body"]
    params["headers"]["Content-MD5"] = content_md5(body.encode() if isinstance(body, str) else body)
    params["context"].get("checksum", {}).pop("request_algorithm", None)


def s3_client(
    region: str | None, endpoint_url: str | None, session: Session, *, pool: int, attempts: int = 3
) -> S3Client:
    from botocore.config import Config

    config = Config(
        connect_timeout=5,
        read_timeout=30,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=pool,
        # Packshot sends its own with every object; not every compatible store knows the newer ones.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if endpoint_of(endpoint_url) else "auto"},
    )
    client = session.client("s3", region_name=region, endpoint_url=endpoint_url, config=config)
    client.meta.events.register("before-call.s3.DeleteObjects", _send_md5)
    return client
