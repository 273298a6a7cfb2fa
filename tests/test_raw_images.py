"""Addresses of photos that can't be had: refused at the door, failed alone, or waited for alone."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from servers.aws import CREDENTIALS, REGION
from servers.canned_aws import Answer, CannedAws, s3_error
from servers.certificates import Authority
from servers.photo_host import PhotoHost
from servers.tcp_proxy import TcpProxy
from support.fakes import photo_bytes

from packshot.download.fetcher import Fetcher, FetchLimits
from packshot.errors import FetchError, NotConfigured, PartlyUnavailable, Unavailable
from packshot.settings import Settings
from packshot.storage import LocalStorage, RawBuckets, S3Storage, read_own
from packshot.wiring import raw_buckets
from packshot.work.making.raw_images import RawImages

JPEG = "image/jpeg"
NO_SUCH_KEY = s3_error("NoSuchKey", 404)
NO_SUCH_BUCKET = s3_error("NoSuchBucket", 404)
PICTURE = Answer(photo_bytes())
V6 = "2606:4700:4700::1111"


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


def raw_images(own: str = "shop", *listed: str, endpoint: str | None = None) -> RawImages:
    storage = S3Storage(own, REGION, endpoint_url=endpoint)
    return RawImages(storage, RawBuckets(listed, REGION, endpoint), Fetcher())


# -- at the door -----------------------------------------------------------------------------------

DOTTED = [
    "../other/x.jpg",
    "a/../../other/x.jpg",
    "./x.jpg",
    "a/..",
    "..",
    "..\\other\\x.jpg",
    "%2e%2e/other/x.jpg",
    "%252e%252e%252fother/x.jpg",
    "..%2fother/x.jpg",
    "..;a=1/other/x.jpg",
    ".. /other/x.jpg",
]
UNUSABLE = [
    ("s3://{bucket}/" + "k" * 1025, "1,024 bytes"),
    ("s3://{bucket}/" + "\u20b9" * 342, "1,024 bytes"),
    ("s3://{bucket}/a\nb.jpg", "invisible"),
    ("s3://{bucket}/a\x00b.jpg", "invisible"),
    ("s3://{bucket}/\ud800.jpg", "invisible"),
    ("s3://{bucket}/\u202egpj.a", "invisible"),
    ("s3://{bucket}", "s3://bucket/key"),
    ("s3://{bucket}/", "s3://bucket/key"),
    ("s3:///raw/a.jpg", "s3://bucket/key"),
    ("s3://{bucket}:443/a.jpg", "s3://bucket/key"),
    ("s3://me@{bucket}/a.jpg", "s3://bucket/key"),
    ("s3://UPPER/a.jpg", "s3://bucket/key"),
    ("s3://no_such/a.jpg", "s3://bucket/key"),
    ("s3://stranger/a.jpg", "S3_RAW_BUCKETS"),
    ("/media/uploads/../a", "must be"),
    ("/media/enhanced/1/a.jpg", "made itself"),
]


@pytest.mark.parametrize("bucket", ["shop", "listed"])
@pytest.mark.parametrize(("address", "words"), UNUSABLE, ids=range(len(UNUSABLE)))
def test_an_address_that_leads_nowhere_is_refused(address: str, words: str, bucket: str) -> None:
    with pytest.raises(FetchError, match=words) as caught:
        raw_images("shop", "listed").check(address.format(bucket=bucket))
    assert not caught.value.retryable
    assert "k" * 20 not in caught.value.message


@pytest.mark.parametrize(
    "address", ["https://listed.s3.amazonaws.com/%ff.jpg", "s3://listed/a\x7f"]
)
def test_bytes_that_no_key_has_are_refused(address: str) -> None:
    with pytest.raises(FetchError, match="not UTF-8"):
        raw_images("shop", "listed").check(address)


@pytest.mark.parametrize("key", DOTTED)
@pytest.mark.parametrize("bucket", ["shop", "listed"])
@pytest.mark.usefixtures("credentials")
def test_a_key_never_leaves_its_bucket(key: str, bucket: str) -> None:
    """Nothing is sent that a store which cleans paths could read as another bucket's object."""
    with CannedAws(PICTURE) as server:
        images = raw_images("shop", "listed", endpoint=server.endpoint)
        with pytest.raises(FetchError, match="as a name in its key"):
            images.check(f"s3://{bucket}/{key}")
        for address in (f"s3://{bucket}/{key}", f"{server.endpoint}/{bucket}/{key}"):
            with pytest.raises(FetchError):
                images.read(address)
        with pytest.raises(FetchError):
            RawBuckets(["listed"], REGION, server.endpoint).read(f"s3://listed/{key}")
        assert server.asked == []


@pytest.mark.parametrize(
    "key", ["a//b.jpg", "/a.jpg", "...jpg", "a..b/c.jpg", "100%25.jpg", "a;b/c"]
)
@pytest.mark.usefixtures("credentials")
def test_keys_that_only_look_odd_are_read(key: str) -> None:
    with CannedAws(PICTURE) as server:
        images = raw_images("shop", "listed", endpoint=server.endpoint)
        assert images.read(f"s3://listed/{key}") == PICTURE.body


@pytest.mark.usefixtures("credentials")
def test_our_own_work_is_not_read_by_another_spelling() -> None:
    with CannedAws(PICTURE) as server:
        settings = Settings(s3_bucket="shop", s3_raw_buckets=("shop", "listed"))
        storage = S3Storage("shop", REGION, endpoint_url=server.endpoint)
        images = RawImages(storage, raw_buckets(settings), Fetcher())
        for key in ("enhanced/1/a.jpg", "/enhanced/1/a.jpg", "enhanced//1/a.jpg"):
            with pytest.raises(FetchError):
                images.read(f"s3://shop/{key}")
        assert server.asked == []


# -- what S3 answers over one object ---------------------------------------------------------------

#: Answer for the object; how its product ends: failed at once, tried again (counted).
OF_ONE_OBJECT: list[tuple[str, int, bool]] = [
    ("KeyTooLongError", 400, False),
    ("InvalidURI", 400, False),
    ("InvalidArgument", 400, False),
    ("AuthorizationHeaderMalformed", 400, False),
    ("ExpiredToken", 400, True),
    ("RequestTimeout", 400, True),
    ("AccessDenied", 403, False),
    ("AllAccessDisabled", 403, False),
    ("InvalidObjectState", 403, False),
    ("InvalidAccessKeyId", 403, True),
    ("SignatureDoesNotMatch", 403, True),
    ("Forbidden", 403, False),
    ("MethodNotAllowed", 405, False),
    ("PermanentRedirect", 301, False),
    ("TemporaryRedirect", 307, True),
    ("NotImplemented", 501, False),
    ("InternalError", 500, True),
    ("KMS.DisabledException", 400, False),
]


@pytest.mark.parametrize(("code", "status", "again"), OF_ONE_OBJECT)
@pytest.mark.parametrize("bucket", ["shop", "listed"])
@pytest.mark.usefixtures("credentials")
def test_what_s3_says_of_one_object_concerns_its_product(
    code: str, status: int, again: bool, bucket: str
) -> None:
    with CannedAws(NO_SUCH_KEY, by_path={"/raw/odd": s3_error(code, status)}) as server:
        images = raw_images("shop", "listed", endpoint=server.endpoint)
        with pytest.raises(FetchError, match=f"s3://{bucket}/raw/odd") as caught:
            images.read(f"s3://{bucket}/raw/odd.jpg")
        assert caught.value.retryable is again


OF_THE_BUCKET = [
    ("ExpiredToken", 400, "expired"),
    ("InvalidAccessKeyId", 403, "AWS_ACCESS_KEY_ID"),
    ("SignatureDoesNotMatch", 403, "AWS_SECRET_ACCESS_KEY"),
    ("RequestTimeTooSkewed", 403, "clock"),
    ("InternalError", 500, "500"),
    ("SlowDown", 503, "slow down"),
    ("IllegalLocationConstraintException", 400, "region"),
    ("PermanentRedirect", 301, "AWS_ENDPOINT_URL"),  # HEAD too: boto3 would ask for ever
]


@pytest.mark.parametrize(("code", "status", "words"), OF_THE_BUCKET)
@pytest.mark.parametrize("bucket", ["shop", "listed"])
@pytest.mark.usefixtures("credentials")
def test_what_s3_says_of_the_whole_bucket_costs_no_attempt(
    code: str, status: int, words: str, bucket: str
) -> None:
    """Of our own bucket it pauses the worker, of a seller's only the products that need it."""
    with CannedAws(s3_error(code, status)) as server:
        images = raw_images("shop", "listed", endpoint=server.endpoint)
        with pytest.raises(Unavailable, match=words) as caught:
            images.read(f"s3://{bucket}/raw/a.jpg")
        assert isinstance(caught.value, PartlyUnavailable) is (bucket == "listed")


@pytest.mark.parametrize(("code", "status"), [("NoSuchBucket", 404), ("AccessDenied", 403)])
@pytest.mark.usefixtures("credentials")
def test_a_sellers_bucket_that_is_not_there_or_closed_fails_its_products(
    code: str, status: int
) -> None:
    with CannedAws(s3_error(code, status)) as server:
        images = raw_images("shop", "listed", endpoint=server.endpoint)
        with pytest.raises(FetchError):
            images.read("s3://listed/raw/a.jpg")
        with pytest.raises(NotConfigured):  # without our own nothing can be made
            images.read("s3://shop/raw/a.jpg")


@pytest.mark.usefixtures("credentials")
def test_credentials_that_may_only_get_objects_are_enough_to_tell() -> None:
    """Without s3:ListBucket a key that nobody uses is answered by AccessDenied."""
    odd = {"/raw/odd": s3_error("KeyTooLongError", 400)}
    with CannedAws(s3_error("AccessDenied", 403), by_path=odd) as server:
        buckets = RawBuckets(["listed"], REGION, server.endpoint)
        with pytest.raises(FetchError, match="KeyTooLong"):
            buckets.read("s3://listed/raw/odd.jpg")


@pytest.mark.parametrize("bucket", ["shop", "listed"])
@pytest.mark.usefixtures("credentials")
def test_one_object_whose_answer_always_breaks_off_concerns_its_product(bucket: str) -> None:
    half = {"/raw/half": Answer("half", headers={"Content-Length": "8"})}
    with CannedAws(NO_SUCH_KEY, by_path=half) as server:
        server.hang_up = True
        images = raw_images("shop", "listed", endpoint=server.endpoint)
        with pytest.raises(FetchError, match="cut off") as caught:
            images.read(f"s3://{bucket}/raw/half.jpg")
        assert caught.value.retryable


# -- a seller's bucket that is away ----------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.moment = 0.0

    def __call__(self) -> float:
        return self.moment


@pytest.mark.usefixtures("credentials")
def test_an_unreachable_bucket_is_tried_once_for_each_pause_and_others_are_read() -> None:
    clock = Clock()
    answers = {"/away/": s3_error("ExpiredToken", 400), "/fine/": PICTURE}
    with CannedAws(NO_SUCH_KEY, by_path=answers) as server:
        buckets = RawBuckets(
            ["away", "fine"], REGION, server.endpoint, clock=clock, chance=lambda: 0.0
        )

        def ask() -> PartlyUnavailable:
            with pytest.raises(PartlyUnavailable, match="expired") as caught:
                buckets.read("s3://away/a.jpg")
            assert buckets.read("s3://fine/a.jpg") == PICTURE.body
            return caught.value

        pauses = []
        for _ in range(12):
            first = ask()
            asked = len(server.asked)
            for _ in range(5):  # products that come meanwhile wait without asking
                assert 0 < (ask().retry_after or 0) <= (first.retry_after or 0)
            assert sum("/away/" in path for path, _ in server.asked[asked:]) == 0
            pauses.append(first.retry_after or 0)
            clock.moment += first.retry_after or 0
        assert pauses[:4] == [1, 2, 4, 8]
        assert pauses[-1] == 300
        server.by_path = {"/": PICTURE}
        assert buckets.read("s3://away/a.jpg") == PICTURE.body
        server.by_path = answers
        assert ask().retry_after == 1


@pytest.mark.usefixtures("credentials")
def test_a_sellers_bucket_behind_a_dead_network_makes_only_its_products_wait() -> None:
    with CannedAws(NO_SUCH_KEY) as server, TcpProxy(("127.0.0.1", server.port)) as proxy:
        proxy.mode = "refuse"
        with pytest.raises(PartlyUnavailable, match="no connection to the S3 bucket listed"):
            RawBuckets(["listed"], REGION, proxy.url).read("s3://listed/a.jpg")


@pytest.mark.usefixtures("credentials")
def test_invented_regions_get_no_client() -> None:
    with CannedAws(PICTURE) as server:
        buckets = RawBuckets(["listed"], REGION, server.endpoint)
        for letter in "abcdefghijklmnopqrst":
            address = f"https://listed.s3.xx-{letter}-9.amazonaws.com/a.jpg"
            assert buckets.read(address) == PICTURE.body
        signed = {headers["authorization"].split("/")[2] for headers in server.headers}
        assert signed == {REGION}
        assert server.connections == 1


# -- one file of the local folder ------------------------------------------------------------------


def test_a_file_that_cannot_be_read_concerns_its_product(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.put("uploads/fine", b"fine", JPEG)
    loop = tmp_path / "uploads" / "loop"
    loop.symlink_to(loop)  # ELOOP: whoever asks, root too
    with pytest.raises(FetchError, match="uploads/loop") as caught:
        read_own(storage, "uploads/loop")
    assert caught.value.retryable
    assert str(os.strerror(errno.ELOOP)) in caught.value.message
    assert read_own(storage, "uploads/fine") == b"fine"


# -- strangers' hosts ------------------------------------------------------------------------------


def refusing(*numbers: int) -> Callable[[str, int, float], socket.socket]:
    """A connector that fails with each of these in turn."""
    left = list(numbers)

    def connect(address: str, port: int, seconds: float) -> socket.socket:
        number = left.pop(0)
        raise TimeoutError if number == errno.ETIMEDOUT else OSError(number, os.strerror(number))

    return connect


HOSTS: list[tuple[Sequence[str], Sequence[int], str, str]] = [
    ([V6], [errno.EADDRNOTAVAIL], "unreachable", "only an IPv6 address"),
    ([V6], [errno.ENETUNREACH], "unreachable", "only an IPv6 address"),
    ([V6], [errno.EAFNOSUPPORT], "unreachable", "only an IPv6 address"),
    ([V6], [errno.ECONNREFUSED], "unreachable", "refuses connections on port 443"),
    (["1.1.1.1", V6], [errno.ECONNREFUSED, errno.EADDRNOTAVAIL], "unreachable", "refuses"),
    ([V6, "1.1.1.1"], [errno.EADDRNOTAVAIL, errno.ETIMEDOUT], "timed_out", "within 5 s"),
    (["1.1.1.1", V6], [errno.ETIMEDOUT, errno.EADDRNOTAVAIL], "timed_out", "within 5 s"),
    (["1.1.1.1"], [errno.EADDRNOTAVAIL], "unreachable", "can't be reached"),
    (["1.1.1.1"], [errno.EHOSTUNREACH], "unreachable", "can't be reached"),
    (["1.1.1.1"], [errno.ENETUNREACH], "unreachable", "can't be reached"),
    (["1.1.1.1"], [errno.EACCES], "unreachable", "can't be reached"),
    (["1.1.1.1"], [errno.ECONNRESET], "unreachable", "can't be reached"),
]


@pytest.mark.parametrize(("addresses", "errors", "code", "words"), HOSTS)
def test_a_host_that_cannot_be_reached_concerns_its_product(
    addresses: Sequence[str], errors: Sequence[int], code: str, words: str
) -> None:
    fetcher = Fetcher(resolver=lambda host, port: addresses, connector=refusing(*errors))
    with pytest.raises(FetchError, match=words) as caught:
        fetcher.fetch("https://shop.example/a.jpg")
    assert (caught.value.code, caught.value.retryable) == (code, True)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_a_lack_of_resources_here_is_not_the_hosts_fault(number: int) -> None:
    def out_of_means(host: str, port: int) -> Sequence[str]:
        raise OSError(number, os.strerror(number))

    connecting = Fetcher(resolver=lambda host, port: ["1.1.1.1"], connector=refusing(number))
    looking_up = Fetcher(resolver=out_of_means)
    for fetcher in (connecting, looking_up):
        with pytest.raises(Unavailable, match="ulimit"):
            fetcher.fetch("https://shop.example/a.jpg")


NAMES: list[tuple[Exception, str, bool]] = [
    (socket.gaierror(socket.EAI_NONAME, "no such name"), "no_such_host", False),
    (socket.gaierror(socket.EAI_NODATA, "no address"), "no_such_host", False),
    (UnicodeError("label empty or too long"), "no_such_host", False),
    (socket.gaierror(socket.EAI_AGAIN, "SERVFAIL"), "dns", True),
    (socket.gaierror(socket.EAI_FAIL, "refused"), "dns", True),
]


@pytest.mark.parametrize(("error", "code", "again"), NAMES)
def test_a_name_that_leads_nowhere_concerns_its_product(
    error: Exception, code: str, again: bool
) -> None:
    def look_up(host: str, port: int) -> Sequence[str]:
        raise error

    with pytest.raises(FetchError) as caught:
        Fetcher(resolver=look_up, limits=FetchLimits(total=5)).fetch("https://shop.example/a.jpg")
    assert (caught.value.code, caught.value.retryable) == (code, again)


# -- share links -----------------------------------------------------------------------------------

DRIVE = "https://drive.google.com/file/d/1a2B3c4D5e6F7g8H9i0J/view?usp=sharing"
DOWNLOAD = "/uc?export=download&id=1a2B3c4D5e6F7g8H9i0J"


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[tuple[PhotoHost, RawImages]]:
    """drive.google.com, which is a host of ours here."""
    trust = Authority()
    server = trust.server(trust.issue("drive.google.com"), tmp_path)
    with PhotoHost(tls=server) as host:
        fetcher = Fetcher(
            resolver=lambda *_: ["1.1.1.1"],
            connector=lambda address, port, seconds: socket.create_connection(
                ("127.0.0.1", host.port), seconds
            ),
            tls=trust.client(),
        )
        storage = LocalStorage(tmp_path / "media")
        yield host, RawImages(storage, RawBuckets([], REGION), fetcher)


def test_a_share_link_is_read_in_its_download_form(drive: tuple[PhotoHost, RawImages]) -> None:
    host, images = drive
    host.pages["/uc"] = photo_bytes()
    assert images.read(DRIVE) == photo_bytes()
    assert host.requests[0].target == DOWNLOAD


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (b"<!doctype html><title>Sign in</title>", "a login page"),
        (b"<html><body>Too large to scan for viruses</body></html>", "a web page"),
    ],
)
def test_a_share_link_to_a_page_says_what_came_and_what_to_do(
    drive: tuple[PhotoHost, RawImages], page: bytes, words: str
) -> None:
    host, images = drive
    host.pages["/uc"] = page
    with pytest.raises(FetchError, match=words) as caught:
        images.read(DRIVE)
    assert (caught.value.code, caught.value.retryable) == ("share_link", False)
    assert "everybody who has the link" in caught.value.message


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("https://drive.google.com/drive/folders/1a2B3c4D5e6F7g8H9i0J", "folder of Google Drive"),
        ("https://photos.app.goo.gl/abc", "page of Google Photos"),
        ("https://www.dropbox.com/sh/abc/def", "folder of Dropbox"),
    ],
)
def test_a_share_link_without_a_picture_is_refused_by_the_api(address: str, words: str) -> None:
    with pytest.raises(FetchError, match=words) as caught:
        raw_images().check(address)
    assert "download the pictures" in caught.value.message
