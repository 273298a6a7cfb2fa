"""One suite over both stores, and what is special about each."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from servers.aws import CREDENTIALS, REGION, Aws
from servers.canned_aws import Answer, CannedAws, s3_error
from servers.tcp_proxy import Mode, TcpProxy

from packshot.download.fetcher import Fetcher
from packshot.errors import (
    FetchError,
    NotConfigured,
    NotFound,
    PartlyUnavailable,
    RateLimited,
    Unavailable,
)
from packshot.pictures.limits import MAX_BYTES
from packshot.storage import (
    LocalStorage,
    RawBuckets,
    S3Storage,
    Storage,
    check_key,
    parse_s3_url,
    read_own,
)
from packshot.work.making.raw_images import RawImages

AWAY = r"no connection to the S3 bucket|the S3 bucket .* does not answer"
JPEG = "image/jpeg"
KEY = "enhanced/12/3f1d6c1e.jpg"
SHM = "/dev/shm"  # a disk of its own
PICTURE = bytes(range(256)) * 1000


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return LocalStorage(tmp_path / "media")
    aws: Aws = request.getfixturevalue("aws")
    return S3Storage(aws.bucket(), REGION)


# -- the contract ----------------------------------------------------------------------------------


def test_what_was_put_is_got(storage: Storage) -> None:
    storage.put(KEY, PICTURE, JPEG)
    assert storage.get(KEY) == PICTURE
    assert storage.exists(KEY)


def test_an_object_may_be_empty(storage: Storage) -> None:
    storage.put(KEY, b"", JPEG)
    assert storage.get(KEY) == b""


def test_the_second_put_wins(storage: Storage) -> None:
    storage.put(KEY, b"first", JPEG)
    storage.put(KEY, b"second", JPEG)
    assert storage.get(KEY) == b"second"
    assert list(storage.list("")) == [KEY]


def test_of_many_new_puts_the_first_wins_and_stays(storage: Storage) -> None:
    with ThreadPoolExecutor(8) as pool:
        contents = [f"content {number}".encode() * 1000 for number in range(8)]
        won = list(pool.map(lambda content: storage.put_new(KEY, content, JPEG), contents))
    assert won.count(True) == 1
    assert storage.get(KEY) == contents[won.index(True)]
    assert list(storage.list("")) == [KEY]


def test_an_object_is_streamed_with_its_size(storage: Storage) -> None:
    storage.put(KEY, PICTURE, JPEG)
    chunks = storage.open(KEY)
    assert chunks.size == len(PICTURE)
    parts = list(chunks)
    assert b"".join(parts) == PICTURE
    assert len(parts) > 1


def test_a_stream_may_be_closed_before_its_end(storage: Storage) -> None:
    storage.put(KEY, PICTURE, JPEG)
    chunks = storage.open(KEY)
    next(chunks)
    chunks.close()
    chunks.close()
    assert storage.get(KEY) == PICTURE


def test_what_is_not_there_is_not_found(storage: Storage) -> None:
    with pytest.raises(NotFound):
        storage.get(KEY)
    with pytest.raises(NotFound):
        storage.open(KEY)
    assert not storage.exists(KEY)
    storage.put(KEY, PICTURE, JPEG)
    assert not storage.exists("enhanced/12")  # a folder is no object
    with pytest.raises(NotFound):
        storage.get("enhanced/12")


def test_deleting_removes_what_exists_and_ignores_the_rest(storage: Storage) -> None:
    storage.put("uploads/a", PICTURE, JPEG)
    storage.put("uploads/b", PICTURE, JPEG)
    storage.delete(["uploads/a", "uploads/none"])
    storage.delete([])
    assert list(storage.list("")) == ["uploads/b"]


def test_keys_are_listed_by_prefix_in_order(storage: Storage) -> None:
    for key in (
        "previews/enhanced/1/a-320.jpg",
        "enhanced/12/a.jpg",
        "enhanced/1/b.jpg",
        "uploads/a",
    ):
        storage.put(key, b"x", JPEG)
    assert list(storage.list("enhanced/1")) == ["enhanced/1/b.jpg", "enhanced/12/a.jpg"]
    assert list(storage.list("enhanced/1/")) == ["enhanced/1/b.jpg"]
    assert list(storage.list("nothing/")) == []
    assert len(list(storage.list(""))) == 4


#: A bucket that no test gets through to.
UNASKED = S3Storage("bucket", REGION)

BAD_KEYS = [
    "",
    "/etc/passwd",
    "../secret",
    "enhanced/../../secret",
    "enhanced/./a",
    "enhanced//a",
    "enhanced/",
    "a\\b",
    "a\nb",
    "a\x00b",
    "\ud800",
    ".incoming/a",
    "a" * 256,
    "a/" * 600 + "a",
]


@pytest.mark.parametrize("key", BAD_KEYS, ids=lambda key: repr(key)[:20])
def test_a_bad_key_reaches_nothing(key: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    with pytest.raises(NotFound):
        check_key(key)
    for storage in (LocalStorage(tmp_path / "media"), UNASKED):
        with pytest.raises(NotFound):
            storage.get(key)
        with pytest.raises(NotFound):
            storage.put(key, b"x", JPEG)
        with pytest.raises(NotFound):
            storage.delete([key])
    assert sorted(path.name for path in tmp_path.iterdir()) in (["secret"], ["media", "secret"])


@pytest.mark.parametrize("key", ["uploads/caf\u00e9 100% #1?.jpg", "a" * 255, "previews/a-320.jpg"])
def test_an_odd_but_good_key_survives_its_url(key: str, storage: Storage) -> None:
    storage.put(key, PICTURE, JPEG)
    assert storage.own_key(storage.url(key)) == key
    assert list(storage.list("")) == [key]


def test_an_upload_is_known_by_its_media_address(storage: Storage) -> None:
    assert storage.own_key("/media/uploads/4f1c") == "uploads/4f1c"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/media/uploads/4f1c",
        "/media/../secret",
        "/media/%2e%2e/secret",
        "/media/",
        "/mediauploads/4f1c",
        "media/uploads/4f1c",
        "//media/uploads/4f1c",
        "s3://another-bucket/uploads/4f1c",
        "",
    ],
)
def test_other_addresses_are_not_ours(url: str, storage: Storage) -> None:
    assert storage.own_key(url) is None


def test_a_working_store_has_no_problem(storage: Storage) -> None:
    assert storage.health() is None
    assert list(storage.list("")) == []


def test_a_raw_image_of_our_own_is_read(storage: Storage) -> None:
    storage.put("uploads/a", PICTURE, JPEG)
    assert read_own(storage, "uploads/a") == PICTURE
    with pytest.raises(FetchError, match="uploads/b") as caught:
        read_own(storage, "uploads/b")
    assert not caught.value.retryable


def test_a_raw_image_of_our_own_may_not_be_too_large(storage: Storage) -> None:
    storage.put("uploads/a", bytes(MAX_BYTES + 1), JPEG)
    with pytest.raises(FetchError, match="20 MB") as caught:
        read_own(storage, "uploads/a")
    assert caught.value.code == "too_large"


def test_many_threads_put_and_get(storage: Storage) -> None:
    def round_trip(number: int) -> bool:
        data = PICTURE + bytes([number])
        storage.put(f"enhanced/{number % 4}/{number}.jpg", data, JPEG)
        return storage.get(f"enhanced/{number % 4}/{number}.jpg") == data

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(round_trip, range(32)))


def test_an_address_under_the_public_url(tmp_path: Path) -> None:
    public = "https://cdn.example.com/shop/"
    stores: list[Storage] = [
        LocalStorage(tmp_path, public),
        S3Storage("bucket", REGION, public_media_url=public),
    ]
    for storage in stores:
        assert storage.url(KEY) == f"https://cdn.example.com/shop/{KEY}"
        assert storage.own_key(storage.url(KEY)) == KEY
        assert storage.own_key("https://cdn.example.com/other/a.jpg") is None


# -- the local folder ------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from packshot.storage import LocalStorage
storage = LocalStorage(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    for letter in b"ab":
        storage.put("enhanced/1/a.jpg", bytes([letter]) * 3_000_000, "image/jpeg")
"""


def test_a_killed_writer_leaves_no_half_written_object(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    for delay in (0.0, 0.01, 0.02, 0.03):
        command = [sys.executable, "-c", WRITER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(delay)
            writer.kill()
        if storage.exists("enhanced/1/a.jpg"):
            data = storage.get("enhanced/1/a.jpg")
            assert len(data) == 3_000_000
            assert len(set(data)) == 1
    assert list(storage.list("")) in ([], ["enhanced/1/a.jpg"])


def test_a_reader_never_sees_half_an_object(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.put(KEY, b"a" * 500_000, JPEG)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for letter in (b"a", b"b"):
                storage.put(KEY, letter * 500_000, JPEG)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(200):
            data = storage.get(KEY)
            assert len(data) == 500_000
            assert len(set(data)) == 1
    finally:
        stop.set()
        writer.join()


def test_a_full_disk_of_one_of_its_folders_is_a_problem(tmp_path: Path) -> None:
    def free_bytes(folder: Path) -> int:
        return 5_000_000 if folder == tmp_path / "enhanced" else 10**9

    storage = LocalStorage(tmp_path, free_bytes=free_bytes)
    assert storage.health() is None
    storage.put(KEY, b"x", JPEG)
    problem = storage.health() or ""
    assert f"the disk of MEDIA_DIR={tmp_path}/enhanced has only 5.0 MB left" in problem


def test_files_that_others_write_are_no_problem(tmp_path: Path) -> None:
    storage, stop = LocalStorage(tmp_path), threading.Event()

    def write() -> None:
        while not stop.is_set():
            storage.put(KEY, b"x", JPEG)

    with ThreadPoolExecutor(4) as threads:
        for _ in range(4):
            threads.submit(write)
        problems = [storage.health() for _ in range(200)]
        stop.set()
    assert set(problems) == {None}


@pytest.mark.parametrize("key", [KEY, "whole"])
def test_what_a_dead_process_left_is_swept_away(key: str, tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.put(key, b"whole", JPEG)
    [incoming] = tmp_path.rglob(".incoming")
    old, young = incoming / "old", incoming / "young"
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(old, (time.time() - 90_000,) * 2)
    assert storage.health() is None
    assert [path.name for path in incoming.iterdir()] == ["young"]
    assert list(storage.list("")) == [key]


@pytest.mark.skipif(not os.path.isdir(SHM), reason="no second disk")
def test_the_pictures_may_be_on_another_disk(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=SHM) as disk:
        (tmp_path / "enhanced").symlink_to(disk)
        storage = LocalStorage(tmp_path)
        assert storage.put_new(KEY, b"first", JPEG)
        assert not storage.put_new(KEY, b"second", JPEG)
        assert storage.get(KEY) == b"first"
        storage.put(KEY, b"third", JPEG)
        assert storage.get(KEY) == b"third"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    storage = LocalStorage(tmp_path / "file" / "media")
    assert "MEDIA_DIR" in (storage.health() or "")
    with pytest.raises(Unavailable, match="MEDIA_DIR"):
        storage.put(KEY, PICTURE, JPEG)


NOBODY = """
import os, sys
from pathlib import Path
from packshot.errors import NotConfigured
from packshot.storage import LocalStorage
os.seteuid(65534)
storage = LocalStorage(Path(sys.argv[1]) / "media")
print(storage.health())
try:
    storage.put("a", b"x", "image/jpeg")
except NotConfigured as error:
    print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try it as somebody else")
def test_a_folder_that_we_may_not_use_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    health, put = run(NOBODY, tmp_path).splitlines()
    assert health == put
    assert "MEDIA_DIR" in put
    assert "Permission denied" in put


FULL = """
import resource, signal, sys
from pathlib import Path
from packshot.errors import Unavailable
from packshot.storage import LocalStorage
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
storage = LocalStorage(Path(sys.argv[1]))
try:
    storage.put("a", bytes(5000), "image/jpeg")
except Unavailable as error:
    print(error)
"""


def test_a_write_that_fails_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    assert "MEDIA_DIR" in run(FULL, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def run(script: str, folder: Path) -> str:
    command = [sys.executable, "-c", script, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


# -- the bucket ------------------------------------------------------------------------------------


def test_an_object_carries_its_type_cache_rules_and_checksum(aws: Aws) -> None:
    bucket = aws.bucket()
    S3Storage(bucket, REGION).put(KEY, PICTURE, JPEG)
    head = aws.s3.head_object(Bucket=bucket, Key=KEY, ChecksumMode="ENABLED")
    assert head["ContentType"] == JPEG
    assert head["CacheControl"] == "private, max-age=31536000, immutable"
    digest = hashlib.sha256(PICTURE).digest()
    assert head["ChecksumSHA256"] == base64.b64encode(digest).decode()


def test_a_cdn_may_keep_enhanced_pictures_and_nothing_else(aws: Aws) -> None:
    bucket = aws.bucket()
    storage = S3Storage(bucket, REGION, public_media_url="https://cdn.example.com")
    keys = [KEY, f"previews/{KEY}", "normalised/12/3f1d6c1e", "uploads/3f1d6c1e"]
    for key in keys:
        storage.put_new(key, PICTURE, JPEG)
    kept = [aws.s3.head_object(Bucket=bucket, Key=key)["CacheControl"] for key in keys]
    assert kept[0] == "public, max-age=31536000, immutable"
    assert set(kept[1:]) == {"private, max-age=31536000, immutable"}


def test_moto_agrees(moto: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in moto.environment.items():
        monkeypatch.setenv(name, value)
    storage = S3Storage(moto.bucket(), REGION)
    storage.put(KEY, PICTURE, JPEG)
    assert storage.get(KEY) == PICTURE
    assert storage.health() is None
    storage.delete([KEY, "uploads/none"])
    assert not storage.exists(KEY)
    assert list(storage.list("")) == []


def page_of(keys: list[str], more: str) -> Answer:
    contents = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys)
    truncated = f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>"
    token = f"<NextContinuationToken>{more}</NextContinuationToken>" if more else ""
    return Answer(f"<ListBucketResult>{truncated}{token}{contents}</ListBucketResult>")


@pytest.mark.usefixtures("credentials")
def test_more_keys_than_one_page_are_listed() -> None:
    with CannedAws(page_of(["a", "b"], "next"), page_of(["c"], "")) as server:
        storage = S3Storage("kivoa", REGION, endpoint_url=server.endpoint)
        assert list(storage.list("")) == ["a", "b", "c"]
        assert "continuation-token=next" in server.asked[1][0]


@pytest.mark.usefixtures("credentials")
def test_more_keys_than_s3_takes_at_once_are_deleted() -> None:
    with CannedAws(Answer("<DeleteResult/>")) as server:
        storage = S3Storage("kivoa", REGION, endpoint_url=server.endpoint)
        storage.delete([f"uploads/{number}" for number in range(2001)])
        assert [body.count(b"<Key>") for _, body in server.asked] == [1000, 1000, 1]


ADDRESSES = [
    ("kivoa", "ap-south-1", f"https://kivoa.s3.ap-south-1.amazonaws.com/{KEY}"),
    ("kivoa", None, f"https://kivoa.s3.amazonaws.com/{KEY}"),
    ("shop.kivoa.in", "eu-west-1", f"https://s3.eu-west-1.amazonaws.com/shop.kivoa.in/{KEY}"),
    ("kivoa", "cn-north-1", f"https://kivoa.s3.cn-north-1.amazonaws.com.cn/{KEY}"),
]


@pytest.mark.parametrize(("bucket", "region", "address"), ADDRESSES)
def test_the_plain_address_of_an_object(bucket: str, region: str | None, address: str) -> None:
    storage = S3Storage(bucket, region)
    assert storage.url(KEY) == address
    assert storage.own_key(address) == KEY
    assert storage.own_key(f"s3://{bucket}/{KEY}") == KEY


def test_another_endpoint_is_addressed_path_style() -> None:
    storage = S3Storage("kivoa", REGION, endpoint_url="http://127.0.0.1:9000/")
    assert storage.url(KEY) == f"http://127.0.0.1:9000/kivoa/{KEY}"


@pytest.mark.parametrize("mode", ["refuse", "cut"])
@pytest.mark.usefixtures("aws")
def test_a_bucket_that_is_away_is_unavailable_and_comes_back(ministack: Aws, mode: Mode) -> None:
    with TcpProxy(("127.0.0.1", ministack.port)) as proxy:
        storage = S3Storage(ministack.bucket(), REGION, endpoint_url=proxy.url)
        storage.put(KEY, PICTURE, JPEG)
        proxy.mode = mode
        with pytest.raises(Unavailable, match=AWAY):
            storage.get(KEY)
        assert re.search(AWAY, storage.health() or "")
        proxy.mode = "pass"
        assert storage.get(KEY) == PICTURE
        assert storage.health() is None


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


REFUSALS = [
    ("NoSuchBucket", 404, "S3_BUCKET"),
    ("AccessDenied", 403, "s3:PutObject"),
    ("ExpiredToken", 400, "expired"),
    ("InvalidAccessKeyId", 403, "AWS_ACCESS_KEY_ID"),
    ("SignatureDoesNotMatch", 403, "AWS_SECRET_ACCESS_KEY"),
    ("KMS.DisabledException", 400, "kms:Decrypt"),
    ("RequestTimeTooSkewed", 403, "clock"),
]


STORED = Answer("", headers={"ETag": '"1"'})


@pytest.mark.parametrize(("code", "status", "names"), REFUSALS)
@pytest.mark.usefixtures("credentials")
def test_a_refusal_names_what_to_fix(code: str, status: int, names: str) -> None:
    with CannedAws(s3_error(code, status)) as server:
        storage = S3Storage("kivoa", REGION, endpoint_url=server.endpoint)
        with pytest.raises(NotConfigured, match=names):
            storage.put(KEY, PICTURE, JPEG)
        server.answers = [Answer(""), s3_error(code, status)]  # the bucket as such is fine
        assert names in (storage.health() or "")
        server.answers = [STORED]
        storage.put(KEY, PICTURE, JPEG)
        assert storage.health() is None


@pytest.mark.usefixtures("credentials")
def test_a_bucket_in_another_region_is_named() -> None:
    with CannedAws(s3_error("PermanentRedirect", 301, x_amz_bucket_region="ap-south-1")) as server:
        storage = S3Storage("kivoa", REGION, endpoint_url=server.endpoint)
        with pytest.raises(NotConfigured, match="AWS_REGION=ap-south-1"):
            storage.put(KEY, PICTURE, JPEG)
        # boto3 follows by itself, but the addresses in `image_url` would lead nowhere
        server.answers = [Answer("", headers={"ETag": "1", "x-amz-bucket-region": "ap-south-1"})]
        assert "AWS_REGION=ap-south-1" in (storage.health() or "")


@pytest.mark.usefixtures("credentials")
def test_a_head_that_is_refused_is_explained_by_a_get() -> None:
    with CannedAws(s3_error("ExpiredToken", 400)) as server:
        storage = S3Storage("kivoa", REGION, endpoint_url=server.endpoint)
        with pytest.raises(NotConfigured, match="expired"):
            storage.exists(KEY)
        assert "expired" in (storage.health() or "")


@pytest.mark.usefixtures("credentials")
def test_a_missing_object_that_looks_forbidden_names_the_permission() -> None:
    """Without s3:ListBucket S3 answers 403, not 404, for what isn't there."""
    with CannedAws(s3_error("AccessDenied", 403)) as server:
        storage = S3Storage("kivoa", REGION, endpoint_url=server.endpoint)
        for ask in (storage.get, storage.exists):
            with pytest.raises(NotConfigured, match=r"s3:GetObject .*s3:ListBucket"):
                ask(KEY)


@pytest.mark.usefixtures("credentials")
def test_the_region_that_a_refusal_names_is_the_one_to_set() -> None:
    body = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-central-1</Region></Error>"
    with CannedAws(Answer(body, 400, {"Content-Type": "application/xml"})) as server:
        storage = S3Storage("kivoa", REGION, endpoint_url=server.endpoint)
        with pytest.raises(NotConfigured, match="set AWS_REGION=eu-central-1"):
            storage.get(KEY)


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("code", "status"), [("SlowDown", 503), ("SlowDownRead", 503), ("TooManyRequests", 429)]
)
def test_slow_down_is_rate_limited(code: str, status: int) -> None:
    with CannedAws(s3_error(code, status)) as server:
        storage = S3Storage("kivoa", REGION, endpoint_url=server.endpoint)
        with pytest.raises(RateLimited):
            storage.get(KEY)


@pytest.mark.usefixtures("credentials")
def test_slow_down_costs_no_attempt_where_other_keys_are_answered() -> None:
    busy = {KEY: s3_error("SlowDown", 503)}
    with CannedAws(s3_error("NoSuchKey", 404), by_path=busy) as server:
        storage = S3Storage("kivoa", REGION, endpoint_url=server.endpoint)
        for ask in (storage.get, storage.exists):
            with pytest.raises(RateLimited):
                ask(KEY)


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("code", ["SlowDownRead", "InternalError"])
def test_an_object_that_a_store_cannot_read_delays_no_other(code: str) -> None:
    """MinIO says SlowDownRead of an object on too few working drives."""
    broken = {KEY: s3_error(code, 503)}
    with CannedAws(s3_error("NoSuchKey", 404), by_path=broken) as server:
        storage = S3Storage("kivoa", REGION, endpoint_url=server.endpoint)
        for ask in (storage.get, storage.exists):
            with pytest.raises(FetchError, match=f"503 {code}, though it answers") as caught:
                ask(KEY)
            assert caught.value.retryable


@pytest.mark.usefixtures("credentials")
def test_an_answer_without_a_length_is_not_the_products_fault() -> None:
    page = "d\r\n<html></html>\r\n0\r\n\r\n"
    with CannedAws(Answer(page, headers={"Transfer-Encoding": "chunked"})) as server:
        storage = S3Storage("kivoa", REGION, endpoint_url=server.endpoint)
        with pytest.raises(Unavailable, match="not as AWS does; check AWS_ENDPOINT_URL"):
            storage.get(KEY)


@pytest.mark.usefixtures("credentials")
def test_a_delete_that_s3_refuses_for_one_key_is_not_passed_over() -> None:
    body = (
        "<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
        "</DeleteResult>"
    )
    with CannedAws(Answer(body)) as server:
        storage = S3Storage("kivoa", REGION, endpoint_url=server.endpoint)
        with pytest.raises(NotConfigured, match="s3:DeleteObject"):
            storage.delete(["a"])


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    "page",
    [
        Answer("<html>sign in</html>"),
        Answer("<html>sign in</html>", 403),
        Answer("d\r\n<html></html>\r\n0\r\n\r\n", headers={"Transfer-Encoding": "chunked"}),
    ],
)
def test_a_web_page_in_place_of_s3_has_stored_nothing(page: Answer) -> None:
    with CannedAws(page) as server:
        storage = S3Storage("kivoa", REGION, endpoint_url=server.endpoint)
        with pytest.raises(Unavailable, match="not as AWS does; check AWS_ENDPOINT_URL"):
            storage.put_new(KEY, b"x", "image/jpeg")
        assert "not as AWS does" in (storage.health() or "")


@pytest.mark.usefixtures("credentials")
def test_an_answer_that_breaks_off_is_unavailable() -> None:
    with CannedAws(Answer("half", headers={"Content-Length": "8"})) as server:
        storage = S3Storage("kivoa", REGION, endpoint_url=server.endpoint)
        server.hang_up = True
        with pytest.raises(Unavailable, match="cut off"):
            storage.get(KEY)


def test_missing_credentials_are_named_and_picked_up_without_a_restart(
    ministack: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = S3Storage(ministack.bucket(), REGION, endpoint_url=ministack.endpoint)
    with pytest.raises(NotConfigured, match="AWS_ACCESS_KEY_ID"):
        storage.put(KEY, PICTURE, JPEG)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    storage.put(KEY, PICTURE, JPEG)
    assert storage.exists(KEY)


@pytest.mark.usefixtures("aws")
def test_a_missing_bucket_is_named_everywhere() -> None:
    storage = S3Storage("no-such-bucket", REGION)
    for ask in (lambda: storage.put(KEY, b"", JPEG), lambda: storage.get(KEY)):
        with pytest.raises(NotConfigured, match="S3_BUCKET"):
            ask()
    assert "S3_BUCKET" in (storage.health() or "")


# -- raw images in buckets -------------------------------------------------------------------------

S3_URLS = [
    "https://kivoa.s3.ap-south-1.amazonaws.com/raw/phone.jpg",
    "http://kivoa.s3.ap-south-1.amazonaws.com/raw/phone.jpg",
    "https://kivoa.s3.amazonaws.com/raw/phone.jpg",
    "https://kivoa.s3-ap-south-1.amazonaws.com/raw/phone.jpg",
    "https://kivoa.s3.dualstack.ap-south-1.amazonaws.com/raw/phone.jpg",
    "https://kivoa.s3-fips.us-gov-west-1.amazonaws.com/raw/phone.jpg",
    "https://kivoa.s3-accelerate.amazonaws.com/raw/phone.jpg",
    "https://kivoa.s3-accelerate.dualstack.amazonaws.com/raw/phone.jpg",
    "https://kivoa.s3.cn-north-1.amazonaws.com.cn/raw/phone.jpg",
    "https://s3.ap-south-1.amazonaws.com/kivoa/raw/phone.jpg",
    "https://s3-ap-south-1.amazonaws.com/kivoa/raw/phone.jpg",
    "https://s3.dualstack.ap-south-1.amazonaws.com/kivoa/raw/phone.jpg",
    "https://s3.amazonaws.com/kivoa/raw/phone.jpg",
    "https://KIVOA.S3.AP-SOUTH-1.AMAZONAWS.COM/raw/phone.jpg",
    "https://kivoa.s3.amazonaws.com/raw/phone.jpg?X-Amz-Signature=1&X-Amz-Expires=60",
    "https://kivoa.s3.amazonaws.com/raw/phone.jpg#top",
    "https://kivoa.s3.amazonaws.com/raw%2Fphone.jpg",
    "s3://kivoa/raw/phone.jpg",
]


@pytest.mark.parametrize("url", S3_URLS)
def test_an_s3_address_is_understood(url: str) -> None:
    assert parse_s3_url(url) == ("kivoa", "raw/phone.jpg")


ODD_KEYS = [
    (
        "https://my.shop.in.s3.eu-west-1.amazonaws.com/a b.jpg",
        ("my.shop.in", "a b.jpg"),
    ),
    ("https://kivoa.s3.amazonaws.com/caf%C3%A9+1%2B.jpg", ("kivoa", "caf\u00e9+1+.jpg")),
    ("s3://kivoa/100%25.jpg", ("kivoa", "100%25.jpg")),  # no encoding in s3://
    ("s3://kivoa//a//b?c#d", ("kivoa", "/a//b?c#d")),
    ("https://kivoa.s3.amazonaws.com//a", ("kivoa", "/a")),
]


@pytest.mark.parametrize(("url", "parts"), ODD_KEYS)
def test_unusual_keys_are_parsed_unchanged(url: str, parts: tuple[str, str]) -> None:
    assert parse_s3_url(url) == parts


NOT_S3 = [
    "https://example.com/raw/phone.jpg",
    "https://kivoa.s3.amazonaws.com.evil.com/raw/phone.jpg",
    "https://evil-s3.amazonaws.com.evil.com/a",
    "https://kivoas3.amazonaws.com/a",
    "https://kivoa.s3-website.ap-south-1.amazonaws.com/a",
    "https://kivoa.s3.amazonaws.com:8443/a",
    "https://user@kivoa.s3.amazonaws.com/a",
    "https://kivoa.s3.amazonaws.com/a?versionId=2",
    "https://kivoa.s3.amazonaws.com/",
    "https://s3.amazonaws.com/kivoa",
    "https://s3.amazonaws.com/",
    "ftp://kivoa.s3.amazonaws.com/a",
    "s3://kivoa",
    "s3://UPPER/a",
    "s3:///a",
    "https://[kivoa.s3.amazonaws.com/a",
    "/media/uploads/a",
    "",
]


@pytest.mark.parametrize("url", NOT_S3)
def test_other_addresses_are_no_s3_addresses(url: str) -> None:
    assert parse_s3_url(url) is None


@pytest.fixture
def bucket(aws: Aws) -> str:
    name = aws.bucket()
    aws.s3.put_object(Bucket=name, Key="raw/phone.jpg", Body=PICTURE)
    return name


def addresses(bucket: str) -> Iterator[str]:
    for url in S3_URLS:
        yield url.lower().replace("kivoa", bucket)


def test_a_listed_bucket_is_read_by_every_address(bucket: str) -> None:
    buckets = RawBuckets([bucket], REGION)
    for url in addresses(bucket):
        if "gov" not in url and "cn-" not in url:
            assert buckets.read(url) == PICTURE, url


def test_at_another_endpoint_its_own_addresses_are_read(bucket: str, aws: Aws) -> None:
    url = f"{aws.endpoint}/{bucket}/raw/phone.jpg"
    assert RawBuckets([bucket], REGION).read(url) == PICTURE
    assert RawBuckets([], REGION).read(url) is None


def test_other_buckets_are_left_to_a_plain_download(bucket: str) -> None:
    for url in addresses(bucket):
        assert RawBuckets([], REGION).read(url) is None
        assert RawBuckets(["kivoa"], REGION).read(url) is None
    assert RawBuckets([bucket], REGION).read("https://example.com/a.jpg") is None


@pytest.mark.parametrize("own", [True, False])
def test_a_space_may_be_a_plus_as_the_s3_console_writes_it(own: bool, aws: Aws) -> None:
    bucket = aws.bucket()
    storage = S3Storage(bucket if own else aws.bucket(), REGION)
    read = RawImages(storage, RawBuckets([bucket], REGION), Fetcher()).read
    for key in ("raw/my photo.jpg", "raw/1+1.jpg", "raw/1 1.jpg"):
        aws.s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    https = f"https://{bucket}.s3.{REGION}.amazonaws.com"
    assert read(f"{https}/raw/my+photo.jpg") == b"raw/my photo.jpg"
    assert read(f"{https}/raw/1+1.jpg") == b"raw/1+1.jpg"
    for missing in (f"{https}/raw/no+photo.jpg", f"s3://{bucket}/raw/my+photo.jpg"):
        with pytest.raises(FetchError) as caught:
            read(missing)
        assert caught.value.code == "no_such_object"


@pytest.mark.usefixtures("aws")
def test_a_missing_object_or_bucket_fails_for_good(bucket: str) -> None:
    buckets = RawBuckets([bucket, "no-such-bucket"], REGION)
    for url in (f"s3://{bucket}/raw/none.jpg", "s3://no-such-bucket/raw/phone.jpg"):
        with pytest.raises(FetchError, match="no") as caught:
            buckets.read(url)
        assert caught.value.code == "no_such_object"
        assert not caught.value.retryable


def test_an_object_that_is_too_large_is_not_read(bucket: str, aws: Aws) -> None:
    aws.s3.put_object(Bucket=bucket, Key="raw/large.jpg", Body=bytes(MAX_BYTES + 1))
    with pytest.raises(FetchError, match="20 MB") as caught:
        RawBuckets([bucket], REGION).read(f"s3://{bucket}/raw/large.jpg")
    assert caught.value.code == "too_large"


SSE_C = Answer(
    "<Error><Code>InvalidRequest</Code><Message>The object was stored using a form of Server Side"
    " Encryption. The correct parameters must be provided to retrieve the object.</Message>"
    "</Error>",
    400,
)
RAW_FAULTS: list[tuple[Answer, str, str]] = [
    (s3_error("AccessDenied", 403), "forbidden_object", "s3:GetObject"),
    (s3_error("AccessDenied", 403, "not authorized: kms:Decrypt"), "forbidden_object", "kms:"),
    (s3_error("InvalidObjectState", 403), "archived_object", "restore"),
    (SSE_C, "encrypted_object", "SSE-C"),
]
NO_SUCH_KEY = s3_error("NoSuchKey", 404)
RAW_IMAGE = "https://kivoa.s3.ap-south-1.amazonaws.com/raw/phone.jpg"


@pytest.fixture(params=["own", "listed"])
def read_raw(request: pytest.FixtureRequest) -> Callable[[CannedAws], bytes]:
    """Reads RAW_IMAGE from its bucket: our own, or one of S3_RAW_BUCKETS."""

    def read(server: CannedAws) -> bytes:
        if request.param == "own":
            storage = S3Storage("kivoa", "ap-south-1", endpoint_url=server.endpoint)
            return read_own(storage, storage.own_key(RAW_IMAGE) or "")
        data = RawBuckets(["kivoa"], "ap-south-1", endpoint_url=server.endpoint).read(RAW_IMAGE)
        assert data is not None
        return data

    return read


@pytest.mark.parametrize(("answer", "kind", "words"), RAW_FAULTS)
@pytest.mark.usefixtures("credentials")
def test_what_s3_refuses_of_one_object_fails_for_good(
    answer: Answer, kind: str, words: str, read_raw: Callable[[CannedAws], bytes]
) -> None:
    with CannedAws(answer, NO_SUCH_KEY) as server:
        with pytest.raises(FetchError, match=r"s3://kivoa/raw/phone\.jpg") as caught:
            read_raw(server)
        assert caught.value.code == kind
        assert words in caught.value.message
        assert not caught.value.retryable


@pytest.mark.parametrize(("code", "status"), [("AccessDenied", 403), ("NoSuchBucket", 404)])
@pytest.mark.usefixtures("credentials")
def test_what_s3_refuses_of_our_whole_bucket_waits(code: str, status: int) -> None:
    with CannedAws(s3_error(code, status)) as server:
        storage = S3Storage("kivoa", REGION, endpoint_url=server.endpoint)
        with pytest.raises(NotConfigured):
            read_own(storage, "raw/phone.jpg")


@pytest.mark.usefixtures("credentials")
def test_a_fault_that_is_not_the_objects_waits() -> None:
    with CannedAws(s3_error("ExpiredToken", 400)) as server:
        buckets = RawBuckets(["kivoa"], REGION, endpoint_url=server.endpoint)
        with pytest.raises(PartlyUnavailable, match="expired"):
            buckets.read("s3://kivoa/raw/phone.jpg")


@pytest.mark.usefixtures("credentials")
def test_a_bucket_in_another_region_is_followed() -> None:
    elsewhere = s3_error("PermanentRedirect", 301, x_amz_bucket_region="ap-south-1")
    with CannedAws(elsewhere, Answer("picture")) as server:
        buckets = RawBuckets(["kivoa"], REGION, endpoint_url=server.endpoint)
        assert buckets.read("s3://kivoa/raw/phone.jpg") == b"picture"
        regions = [headers["authorization"].split("/")[2] for headers in server.headers]
        assert regions == ["us-east-1", "ap-south-1"]


def test_boto3_is_loaded_only_when_it_is_used() -> None:
    script = (
        "import sys, packshot.queues.sqs, packshot.storage as s;"
        "s.RawBuckets([], None).read('s3://kivoa/a'); s.S3Storage('kivoa', None);"
        "packshot.queues.sqs.SqsQueue('https://sqs.us-east-1.amazonaws.com/1/q', None, 60);"
        "print('boto3' in sys.modules or 'botocore' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


@pytest.mark.usefixtures("credentials")
def test_an_answer_is_repeated_without_botos_wrapping() -> None:
    with CannedAws(Answer("<html>", status=502)) as server:
        storage = S3Storage("kivoa", REGION, endpoint_url=server.endpoint)
        with pytest.raises(Unavailable, match=r"^the S3 bucket kivoa answered 502: Bad Gateway$"):
            list(storage.list(""))
