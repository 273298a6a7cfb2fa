"""Downloads take what browsers take, and ask as a browser would where a host wants that."""

from __future__ import annotations

import gzip
import zlib

import pytest
from servers.photo_host import Behaviour, Conversation, PhotoHost, photo, raw, redirect, refusal
from support.fetching import fetch_from, refused, refused_by

from packshot.download.fetcher import Fetcher
from packshot.download.request_headers import RequestHeaders
from packshot.errors import SettingsError

PICTURE = b"\xff\xd8\xff" + bytes(range(256)) * 40
TOKEN = "t0p-secret"


# -- answers ---------------------------------------------------------------------------------------


def behind(*informational: bytes) -> Behaviour:
    """The picture after informational answers, each with a header."""

    def answer(conversation: Conversation) -> None:
        for line in informational:
            conversation.send(b"HTTP/1.1 " + line + b"\r\nLink: </a.css>; rel=preload\r\n\r\n")
        photo(PICTURE)(conversation)

    return answer


@pytest.mark.parametrize(
    "page",
    [
        behind(b"100 Continue"),
        behind(b"102 Processing", b"102 Processing"),
        behind(b"103 Early Hints"),
        behind(b"100 Continue", b"103 Early Hints", b"199 Odd"),
        photo(PICTURE, 203),
        photo(PICTURE, 226),
        raw(b"HTTP/1.0 200\r\n\r\n" + PICTURE),
    ],
)
def test_the_picture_is_accepted_with_unusual_headers(page: Behaviour) -> None:
    with PhotoHost({"/a.jpg": page}) as host:
        assert fetch_from(host, "/a.jpg") == PICTURE


@pytest.mark.parametrize(("count", "size"), [(200, 300), (200, 1000), (900, 20), (3, 60_000)])
def test_many_and_long_headers_are_accepted(count: int, size: int) -> None:
    headers = {f"X-Trace-{n}": "x" * size for n in range(count)}
    with PhotoHost({"/a.jpg": photo(PICTURE, headers=headers)}) as host:
        assert fetch_from(host, "/a.jpg") == PICTURE


@pytest.mark.parametrize(
    ("count", "size", "limit"),
    [(1001, 1, "1000 headers"), (300, 1000, "256 KB of headers"), (1, 70_000, "longer than 64 KB")],
)
def test_the_limit_that_headers_exceed_is_named(count: int, size: int, limit: str) -> None:
    headers = {f"X-Trace-{n}": "x" * size for n in range(count)}
    with PhotoHost({"/a.jpg": photo(PICTURE, headers=headers)}) as host:
        assert limit in refused_by(host, "/a.jpg").message


NOT_ENCODINGS = ["aws-chunked", "utf-8", "UTF8", "binary", "none", "identity", "8bit", "", "jpeg"]


@pytest.mark.parametrize("name", [*NOT_ENCODINGS, "aws-chunked, identity", "gzip", "br", "deflate"])
def test_a_wrong_content_encoding_changes_nothing(name: str) -> None:
    with PhotoHost({"/a.jpg": photo(PICTURE, headers={"Content-Encoding": name})}) as host:
        assert fetch_from(host, "/a.jpg") == PICTURE


RAW_DEFLATE = zlib.compressobj(wbits=-15)
ENCODED = {
    "gzip": gzip.compress(PICTURE),
    "X-GZIP": gzip.compress(PICTURE[:99]) + gzip.compress(PICTURE[99:]),
    "aws-chunked,gzip": gzip.compress(PICTURE),
    "gzip, utf-8": gzip.compress(PICTURE),
    "deflate": zlib.compress(PICTURE),
    "deflate ": RAW_DEFLATE.compress(PICTURE) + RAW_DEFLATE.flush(),
    "deflate, gzip": gzip.compress(zlib.compress(PICTURE)),
}


@pytest.mark.parametrize("name", ENCODED)
def test_an_answer_compressed_without_being_asked_is_unpacked(name: str) -> None:
    page = photo(ENCODED[name], headers={"Content-Encoding": name})
    with PhotoHost({"/a.jpg": page}) as host:
        assert fetch_from(host, "/a.jpg") == PICTURE


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("br", b"\x0b\x02\x80abc\x03", "sent it as br, which"),
        ("zstd", b"\x28\xb5\x2f\xfd\x04\x00", "sent it as zstd, which"),
        ("gzip", gzip.compress(PICTURE)[:-50], "sent it as incomplete gzip"),
        ("gzip", b"\x1f\x8b\x08" + bytes(7) + b"\xff" * 99, "sent it as damaged gzip"),
    ],
)
def test_what_cannot_be_unpacked_is_named(name: str, body: bytes, words: str) -> None:
    with PhotoHost({"/a.jpg": photo(body, headers={"Content-Encoding": name})}) as host:
        error = refused_by(host, "/a.jpg")
    assert (error.code, error.retryable) == ("encoded", False)
    assert words in error.message


# -- redirects -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "asked"),
    [
        ("/my photo.jpg", "/my%20photo.jpg"),
        ("  /a.jpg  ", "/a.jpg"),
        ("/big\\size\\a.jpg", "/big/size/a.jpg"),
        ("/größe.jpg", "/gr%C3%B6%C3%9Fe.jpg"),
        ("/a.jpg?name=my photo", "/a.jpg?name=my%20photo"),
        ("/a.jpg?token=" + "x" * 8000, "/a.jpg?token=" + "x" * 8000),
        ("/a.jpg#top", "/a.jpg"),
    ],
)
def test_a_location_is_read_as_browsers_read_it(location: str, asked: str) -> None:
    with PhotoHost({"/1": redirect(location), asked: PICTURE}) as host:
        assert fetch_from(host, "/1") == PICTURE
        assert host.requests[-1].target == asked


def test_a_location_in_latin_1_is_requested_byte_by_byte() -> None:
    page = raw(b"HTTP/1.1 302 Found\r\nLocation: /gr\xf6\xdfe.jpg\r\n\r\n")
    with PhotoHost({"/1": page, "/gr%F6%DFe.jpg": PICTURE}) as host:
        assert fetch_from(host, "/1") == PICTURE


@pytest.mark.parametrize(
    ("headers", "words"),
    [({}, "redirects in a circle; give"), ({"Set-Cookie": "seen=1"}, "circle and sets a cookie")],
)
def test_a_redirect_loop_is_named(headers: dict[str, str], words: str) -> None:
    there, back = ({"Location": path} | headers for path in ("/2", "/1"))
    with PhotoHost({"/1": photo(b"", 302, there), "/2": photo(b"", 302, back)}) as host:
        error = refused_by(host, "/1")
        assert (error.code, error.retryable, len(host.requests)) == ("too_many_redirects", False, 2)
        assert words in error.message


# -- what is asked with ----------------------------------------------------------------------------


def wanting(name: str, value: str) -> Behaviour:
    """A host that refuses requests without this header."""

    def answer(conversation: Conversation) -> None:
        sent = conversation.request.headers.get(name)
        (photo(PICTURE) if sent == value else refusal(403))(conversation)

    return answer


def test_downloads_accept_any_type() -> None:
    with PhotoHost({"/a.jpg": PICTURE}) as host:
        fetch_from(host, "/a.jpg")
        assert host.requests[0].headers["accept"].endswith("*/*")


def test_a_host_that_wants_more_opens_by_settings() -> None:
    pages = {
        "/agent": wanting("user-agent", "Mozilla/5.0 (X11; Linux)"),
        "/referer": wanting("referer", "https://shop.example/a,b;c"),
        "/token": wanting("authorization", f"Bearer {TOKEN}"),
    }
    with PhotoHost(pages) as host:
        for path in pages:
            assert "FETCH_USER_AGENT or FETCH_HEADERS" in refused_by(host, path).message
        headers = RequestHeaders(
            "Mozilla/5.0 (X11; Linux)",
            f"{host.address} Referer: https://shop.example/a,b;c |"
            f"{host.address} Authorization: Bearer {TOKEN}",
        )
        fetcher = Fetcher([host.address], headers=headers)
        for path in pages:
            assert fetcher.fetch(host.url(path)) == PICTURE


def test_a_hosts_own_headers_go_to_no_other_host() -> None:
    with PhotoHost({"/a.jpg": PICTURE}) as other, PhotoHost() as host:
        host.pages["/a.jpg"] = redirect(other.url("/a.jpg"))
        headers = RequestHeaders(None, f"{host.address} X-Token: {TOKEN}")
        Fetcher([host.address, other.address], headers=headers).fetch(host.url("/a.jpg"))
        assert host.requests[0].headers["x-token"] == TOKEN
        assert TOKEN not in repr(other.requests)


def test_a_hosts_own_headers_come_out_in_no_message() -> None:
    with PhotoHost({"/a.jpg": refusal(403)}) as host:
        headers = RequestHeaders(None, f"{host.address} X-Token: {TOKEN}")
        error = refused(Fetcher([host.address], headers=headers), host.url("/a.jpg"))
    assert TOKEN not in error.message + repr(headers)


@pytest.mark.parametrize(
    "wrong",
    [
        TOKEN,
        f"shop.example {TOKEN}",
        f"https://shop.example Token: {TOKEN}",
        f"shop.example To ken: {TOKEN}",
        f"shop.example Token: {TOKEN}\r\nHost: evil",
        f"shop.example Host: {TOKEN}",
        "shop.example Token:",
    ],
)
def test_headers_that_cannot_be_read_stop_the_start_without_being_shown(wrong: str) -> None:
    with pytest.raises(SettingsError, match=r"FETCH_HEADERS=\(not shown\)") as caught:
        RequestHeaders(None, wrong)
    assert TOKEN not in caught.value.message


def test_a_user_agent_of_two_lines_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="FETCH_USER_AGENT"):
        RequestHeaders("Mozilla\r\nHost: evil")
