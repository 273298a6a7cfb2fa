"""Objects by key: a local folder, or an S3 bucket."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import re
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, cast
from urllib.parse import parse_qs, quote, unquote, urlsplit

from packshot.aws import (
    Connection,
    Resource,
    bucket_region,
    code_of,
    elsewhere,
    status_of,
)
from packshot.errors import FetchError, NotConfigured, NotFound, Unavailable
from packshot.pictures.imaging import MAX_BYTES

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.exceptions import ClientError
    from mypy_boto3_s3 import S3Client

#: S3's limit, in bytes of UTF-8:
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES: Final = 1024
#: ext4, XFS, APFS and NTFS all allow 255 for one name.
MAX_NAME_BYTES: Final = 255

CHUNK_BYTES: Final = 64 * 1024
#: A temporary file as old as this was left by a process that died.
STALE_SECONDS: Final = 24 * 3600.0

#: Keys in one DeleteObjects:
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
DELETE_BATCH: Final = 1000
#: What a file system without hard links says (FAT, some network and container ones).
NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
#: Where no object ever is: asked for to see whether others can be read.
UNUSED_KEY: Final = "uploads/none"
#: The right to read, as an error names it.
READ: Final = "s3:GetObject (or s3:ListBucket, without which a missing object looks forbidden)"
#: An object never changes under its key.
KEPT: Final = "max-age=31536000, immutable"
#: What shops show under PUBLIC_MEDIA_URL; the rest is for reviewers.
SHOWN: Final = "enhanced/"

#: The hosts of S3, from https://docs.aws.amazon.com/general/latest/gr/s3.html: regional, old
#: dashed, dual-stack, FIPS, accelerated, and without a region. Before them a bucket, dots and all.
S3_HOST: Final = re.compile(
    r"^(?:(?P<bucket>.+)\.)?s3(?:-accelerate|-fips)?(?:\.dualstack)?"
    r"(?:[.-](?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com(?:\.cn)?$"
)
BUCKET: Final = re.compile(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")


class Chunks:
    """An open object: `size` in bytes, and its content piece by piece. Close it when done."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self.size = size
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = self._stream.read(CHUNK_BYTES)
        if not chunk:
            self.close()
            raise StopIteration
        return chunk

    def close(self) -> None:
        self._stream.close()


class Storage(Protocol):
    """Objects by key. A bad key raises NotFound; every method may raise Unavailable."""

    @property
    def name(self) -> str:
        """`local` or `s3`."""

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store an object whole or not at all, over the one that was there."""

    def put_new(self, key: str, data: bytes, content_type: str) -> bool:
        """Store an object where none is yet, whole or not at all; False when there is one."""

    def get(self, key: str) -> bytes:
        """An object's content, see `open`."""

    def exists(self, key: str) -> bool:
        """Is there such an object?"""

    def open(self, key: str) -> Chunks:
        """An object to stream, with its size; NotFound when there is none.

        FetchError when the store gives others but not this one: archived, or forbidden.
        """

    def delete(self, keys: Sequence[str]) -> None:
        """Remove these objects. One that isn't there is fine."""

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, in order."""

    def url(self, key: str) -> str:
        """The `image_url` of an object."""

    def own_key(self, raw_image: str) -> str | None:
        """The key of our own object that this raw image URL names; None when it isn't ours."""

    def health(self) -> str | None:
        """What keeps the storage from working, naming what to mend; None when nothing does."""


def checked(key: str) -> str:
    """The key itself, when it is one; NotFound for a traversal or anything else that is odd."""
    names = key.split("/")
    odd = any(not name or name.startswith(".") or not _fits(name) for name in names)
    if odd or "\\" in key or not key.isprintable() or len(key.encode()) > MAX_KEY_BYTES:
        raise NotFound("no object can have such a key")
    return key


def _fits(name: str) -> bool:
    return len(name.encode(errors="replace")) <= MAX_NAME_BYTES


def key_below(base: str, url: str) -> str | None:
    """The key in a URL that is `base`/key; None for any other URL."""
    path = url.removeprefix(base.rstrip("/") + "/")
    if path == url or "?" in path or "#" in path:
        return None
    return _key_or_none(unquote(path))


def _key_or_none(key: str) -> str | None:
    try:
        return checked(key)
    except NotFound:
        return None


class LocalStorage:
    """A folder. A file appears under its name only when it is whole and on the disk."""

    name = "local"

    def __init__(self, media_dir: Path, public_media_url: str | None = None) -> None:
        self._root = Path(media_dir)
        self._public = public_media_url.rstrip("/") if public_media_url else None
        self._incoming = self._root / ".incoming"  # no key begins with a dot

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """The content type isn't kept: `/media` tells it from the bytes."""
        target = self._path(key)
        with self._troubles():
            _make_folder(target.parent)
            temporary = self._write_temporary(data)
            try:
                temporary.replace(target)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
            _sync_folder(target.parent)

    def put_new(self, key: str, data: bytes, content_type: str) -> bool:
        target = self._path(key)
        with self._troubles():
            _make_folder(target.parent)
            temporary = self._write_temporary(data)
            try:
                return _link(temporary, target)
            finally:
                temporary.unlink(missing_ok=True)
                _sync_folder(target.parent)

    def _write_temporary(self, data: bytes) -> Path:
        _make_folder(self._incoming)
        path = self._incoming / uuid.uuid4().hex
        try:
            with path.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return path

    def get(self, key: str) -> bytes:
        with self._troubles(key):
            return self._path(key).read_bytes()

    def exists(self, key: str) -> bool:
        with self._troubles():
            return self._path(key).is_file()

    def open(self, key: str) -> Chunks:
        with self._troubles(key):
            file = self._path(key).open("rb")
            return Chunks(file, os.fstat(file.fileno()).st_size)

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            with self._troubles():
                self._path(key).unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[str]:
        below = prefix.rpartition("/")[0]
        folder = self._root / checked(below) if below else self._root
        for path in sorted(folder.rglob("*")):
            key = path.relative_to(self._root).as_posix()
            if key.startswith(prefix) and not key.startswith(".") and path.is_file():
                yield key

    def url(self, key: str) -> str:
        return f"{self._public or '/media'}/{quote(checked(key))}"

    def own_key(self, raw_image: str) -> str | None:
        key = key_below("/media", raw_image)
        if key is None and self._public:
            key = key_below(self._public, raw_image)
        return key

    def health(self) -> str | None:
        try:
            with self._troubles():
                self._write_temporary(b"packshot").unlink()
                self._sweep(time.time() - STALE_SECONDS)
        except Unavailable as error:
            return error.message
        return None

    def _sweep(self, before: float) -> None:
        for path in self._incoming.iterdir():
            if path.stat().st_mtime < before:
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._root / checked(key)

    @contextmanager
    def _troubles(self, key: str | None = None) -> Iterator[None]:
        """The system's errors in our words; with a `key`, a missing file is NotFound."""
        try:
            yield
        except (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            if key is not None:
                raise NotFound(f"there is no object {key}") from None
            raise Unavailable(
                f"MEDIA_DIR={self._root} can't be used: {error.strerror}; set it to a folder"
            ) from error
        except PermissionError as error:
            raise NotConfigured(
                f"MEDIA_DIR={self._root} can't be used: {error.strerror}; give the user that runs"
                " Packshot the right to read and write there"
            ) from error
        except OSError as error:
            raise Unavailable(_disk_trouble(self._root, error)) from error


def _link(temporary: Path, target: Path) -> bool:
    """Give a file its name unless the name is taken: the one step that no other can get between."""
    try:
        target.hardlink_to(temporary)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if target.exists():
            return False
        temporary.replace(target)
    return True


def _disk_trouble(root: Path, error: OSError) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"the disk of MEDIA_DIR={root} is full: make room, nothing is lost"
    return f"the disk of MEDIA_DIR={root} does not work: {error.strerror or error}"


def _make_folder(folder: Path) -> None:
    """Make a folder and its parents, so that a power loss can't take them away again."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
        self._endpoint = _endpoint(endpoint_url)
        self._public = public_media_url.rstrip("/") if public_media_url else None
        make = partial(_s3_client, region, endpoint_url, pool=threads)
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
            with _refused(self._bucket, key):
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
        return _key_or_none(address[1])

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


def _endpoint(endpoint_url: str | None) -> str | None:
    """The address in place of Amazon's: given, or in the environment as boto3 reads it."""
    known = (
        endpoint_url,
        os.environ.get("AWS_ENDPOINT_URL_S3"),
        os.environ.get("AWS_ENDPOINT_URL"),
    )
    return next((url.rstrip("/") for url in known if url), None)


def _s3_client(
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
        s3={"addressing_style": "path" if _endpoint(endpoint_url) else "auto"},
    )
    return session.client("s3", region_name=region, endpoint_url=endpoint_url, config=config)


# -- raw images that lie in a store ---------------------------------------------------------------


def parse_s3_url(url: str) -> tuple[str, str, str | None] | None:
    """(bucket, key, region or None) of an S3 address; None for any other URL.

    Understood: `s3://bucket/key` (the key as it stands), and http(s) with the bucket in the host
    or in the path (percent-encoded), see S3_HOST. A query is dropped: a signature is not needed
    by one who has credentials. Only `versionId` names other bytes: that is None, a plain download.
    """
    if url.startswith("s3://"):
        bucket, _, key = url.removeprefix("s3://").partition("/")
        return _address(bucket, key, None)
    try:
        parts = urlsplit(url)
        odd = parts.scheme not in {"http", "https"} or parts.port or parts.username is not None
    except ValueError:
        return None
    host = S3_HOST.match(parts.hostname or "")
    if odd or host is None or "versionId" in parse_qs(parts.query):
        return None
    return _address(*_bucket_and_key(host["bucket"], parts.path), host["region"])


def _bucket_and_key(bucket: str | None, path: str) -> tuple[str, str]:
    key = unquote(path.removeprefix("/"))
    if bucket is None:
        bucket, _, key = key.partition("/")
    return bucket, key


def _address(bucket: str, key: str, region: str | None) -> tuple[str, str, str | None] | None:
    return (bucket, key, region) if key and BUCKET.match(bucket) else None


def read_own(storage: Storage, key: str) -> bytes:
    """A raw image that is our own object, at most 20 MB; FetchError when it can't be had."""
    try:
        chunks = storage.open(key)
    except NotFound:
        raise FetchError(
            f"there is no object {key} in our storage: upload the picture again",
            code="no_such_object",
        ) from None
    return _all_of(chunks, key)


def _all_of(chunks: Chunks, key: str) -> bytes:
    try:
        if chunks.size > MAX_BYTES:
            raise FetchError(
                f"the object {key} has {chunks.size / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB"
                " are allowed: give a smaller file",
                code="too_large",
            )
        return b"".join(chunks)
    finally:
        chunks.close()


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
        with connection.asking(READ) as s3, _refused(bucket, key):
            answer = s3.get_object(Bucket=bucket, Key=key)
        chunks = S3Chunks(cast(BinaryIO, answer["Body"]), answer["ContentLength"], connection)
        return _all_of(chunks, f"{key} in the bucket {bucket}")

    def has(self, raw_image: str) -> bool:
        """Is this the address of an object in one of the buckets? Nothing is asked."""
        return self._find(raw_image) is not None

    def _find(self, raw_image: str) -> tuple[str, str, str | None] | None:
        address = parse_s3_url(raw_image) or self._at_endpoint(raw_image)
        return address if address is not None and address[0] in self._names else None

    def _at_endpoint(self, url: str) -> tuple[str, str, str | None] | None:
        """With another endpoint than Amazon's, its own path-style URLs are understood too."""
        endpoint = _endpoint(self._endpoint_url)
        if endpoint is None or not url.startswith(endpoint + "/"):
            return None
        return _address(*_bucket_and_key(None, url.removeprefix(endpoint).partition("?")[0]), None)

    def _connection(self, bucket: str, region: str | None) -> Connection[S3Client]:
        """One for each bucket and region; boto3 itself follows a bucket to another region."""
        if (bucket, region) not in self._connections:
            make = partial(_s3_client, region, self._endpoint_url, pool=16)
            resource = Resource(f"the S3 bucket {bucket}", "S3_RAW_BUCKETS")
            self._connections.setdefault((bucket, region), Connection(make, resource))
        return self._connections[bucket, region]


@contextmanager
def _refused(bucket: str, key: str) -> Iterator[None]:
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
