"""S3-compatible stores, each with its own dialect: Packshot keeps its promises on all of them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner
from servers.aws import CREDENTIALS, REGION
from servers.s3_store import Dialect, S3Store

from packshot.cli import main
from packshot.errors import NotConfigured, NotFound
from packshot.storage import S3Storage

JPEG = "image/jpeg"
KEY = "enhanced/12/3f1d6c1e.jpg"
SUMS = ("x-amz-checksum-sha256", "x-amz-sdk-checksum-algorithm", "aws-chunked", "x-amz-trailer")
INVALID, UNKNOWN = (400, "InvalidArgument"), (501, "NotImplemented")
OLD = Dialect(
    headers=dict.fromkeys((*SUMS, "if-none-match", "x-amz-checksum-mode"), UNKNOWN),
    delete_together=UNKNOWN,
    list_v2=UNKNOWN,
    head_bucket=501,
)

#: Each with what it is noted for.
DIALECTS = {
    "minio": (Dialect(), ()),
    "b2": (
        Dialect(headers=dict.fromkeys((*SUMS, "if-none-match", "x-amz-checksum-crc32"), INVALID)),
        ("Content-MD5", "If-None-Match"),
    ),
    "gcs": (
        Dialect(
            headers=dict.fromkeys((*SUMS, "if-none-match"), (403, "SignatureDoesNotMatch")),
            delete_together=INVALID,
        ),
        ("Content-MD5", "If-None-Match", "one by one"),
    ),
    "r2": (Dialect(headers=dict.fromkeys(SUMS, UNKNOWN)), ("Content-MD5",)),
    "ceph": (
        Dialect(ignores_condition=True, delete_wants_md5=True, delete_names_missing=True),
        ("If-None-Match",),
    ),
    "no sums": (
        Dialect(headers=dict.fromkeys((*SUMS, "content-md5"), (400, "InvalidRequest"))),
        ("without", "one by one"),
    ),
    "lists anew": (Dialect(list_v2="as version 1", no_tags=True), ()),
    "old": (OLD, ("Content-MD5", "If-None-Match", "one by one")),
}


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def store(dialect: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Store]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with S3Store(DIALECTS[dialect][0]) as store:
        yield store


@pytest.fixture
def storage(store: S3Store) -> S3Storage:
    return S3Storage("kivoa", REGION, endpoint_url=store.endpoint)


def test_an_object_is_stored_and_read(storage: S3Storage) -> None:
    storage.put(KEY, b"first", JPEG)
    storage.put(KEY, b"second", JPEG)
    assert storage.get(KEY) == b"second"
    assert storage.exists(KEY)
    assert not storage.exists("uploads/none")
    with pytest.raises(NotFound):
        storage.get("uploads/none")


def test_a_stored_picture_is_never_overwritten(storage: S3Storage, store: S3Store) -> None:
    assert storage.put_new(KEY, b"first", JPEG)
    assert not storage.put_new(KEY, b"second", JPEG)
    assert storage.get(KEY) == b"first"
    assert list(store.objects) == [KEY]  # what was tried has been removed


def test_objects_are_deleted(storage: S3Storage, store: S3Store) -> None:
    storage.put(KEY, b"first", JPEG)
    storage.put("uploads/1", b"second", JPEG)
    storage.delete([KEY, "uploads/1", "uploads/none"])
    assert store.objects == {}


def test_all_pages_are_listed_once(storage: S3Storage, store: S3Store) -> None:
    keys = [f"uploads/{number:02}" for number in range(10)]
    store.objects.update(dict.fromkeys(keys, b""))
    assert list(storage.list("uploads/")) == keys
    assert list(storage.list("uploads/1")) == []


def test_the_dialect_is_found_out_once(storage: S3Storage, store: S3Store, dialect: str) -> None:
    assert storage.health() is None
    storage.delete([KEY])
    list(storage.list(""))
    store.asked.clear()
    assert storage.health() is None
    # The bucket alone: its write is remembered for five minutes.
    assert not [line for line in store.asked if line.startswith(("PUT", "POST", "DELETE"))]
    store.asked.clear()
    assert storage.put_new(KEY, b"first", JPEG)
    asks_first = any("If-None-Match" in note for note in storage.notes())
    asked = ["HEAD"] * asks_first + ["PUT"] + ["HEAD"] * store.dialect.no_tags
    assert [line.partition(" ")[0] for line in store.asked] == asked
    for words in DIALECTS[dialect][1]:
        assert any(words in note for note in storage.notes()), storage.notes()


def test_threads_that_find_it_out_together_agree(storage: S3Storage, store: S3Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        new = list(pool.map(lambda n: storage.put_new(f"uploads/{n}", b"x", JPEG), range(8)))
    assert new == [True] * 8
    assert len(store.objects) == 8


@pytest.mark.parametrize("dialect", ["b2"])
def test_check_names_what_the_store_does_not_support(
    store: S3Store, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"S3_BUCKET": "kivoa", "AWS_REGION": REGION, "AWS_ENDPOINT_URL_S3": store.endpoint}
    for name, value in (named | {"DATABASE_URL": sqlite_url}).items():
        monkeypatch.setenv(name, value)
    said = CliRunner().invoke(main, ["check"])
    assert said.exit_code == 0, said.output
    assert f"note the store at {store.endpoint}: it ignores If-None-Match" in said.output
    assert store.objects == {}


@pytest.mark.parametrize("dialect", ["minio"])
@pytest.mark.parametrize("refusal", [(403, "AccessDenied"), (400, "Odd"), (507, "StorageFull")])
def test_health_tries_the_write_that_work_needs(
    storage: S3Storage, store: S3Store, refusal: tuple[int, str]
) -> None:
    store.dialect = Dialect(writes=refusal)
    assert "the S3 bucket kivoa" in (storage.health() or "")
    with pytest.raises(Exception, match="the S3 bucket kivoa"):
        storage.put_new(KEY, b"first", JPEG)
    store.dialect = Dialect()
    assert storage.put_new(KEY, b"first", JPEG)
    assert storage.health() is None


@pytest.mark.parametrize("dialect", ["minio"])
def test_bytes_that_changed_on_their_way_are_not_sent_without_a_checksum(
    storage: S3Storage, store: S3Store
) -> None:
    """A refusal of the bytes is none of the header."""
    store.dialect = Dialect(writes=(400, "BadDigest"))
    with pytest.raises(Exception, match="BadDigest"):
        storage.put(KEY, b"first", JPEG)
    assert len(store.asked) == 1
    assert storage.notes() == []


@pytest.mark.parametrize("dialect", ["minio"])
def test_keys_that_are_refused_are_named(storage: S3Storage, store: S3Store) -> None:
    store.dialect = Dialect(writes=(403, "InvalidAccessKeyId"))
    with pytest.raises(NotConfigured, match="refuses the credentials"):
        storage.put(KEY, b"first", JPEG)
