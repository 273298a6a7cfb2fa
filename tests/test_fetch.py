"""Downloads from untrusted addresses: what is never reached, and what never takes too long."""

from __future__ import annotations

import contextlib
import csv
import datetime
import email.utils
import gzip
import ipaddress
import logging
import os
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from conftest import needs_shared
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import photo_host
from servers.photo_host import Conversation, PhotoHost, photo, redirect, refusal
from support.fetching import fetch_from, refused, refused_by

from packshot.download.addresses import check_url, is_public, redact
from packshot.download.fetcher import Fetcher, FetchLimits
from packshot.download.fetcher import connect as connect_for_real
from packshot.errors import FetchError, SettingsError

PUBLIC = "93.184.216.34"
PICTURE = b"\xff\xd8\xff" + bytes(range(256)) * 400
QUICK = FetchLimits(connect=0.3, total=0.4)


class Names:
    """A resolver with a script: each name's answers in turn, the last one stays."""

    def __init__(self, **answers: Sequence[str] | OSError) -> None:
        self.answers = {name.replace("_", "."): [answer] for name, answer in answers.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        script = self.answers.get(host, [socket.gaierror(socket.EAI_NONAME, "no such name")])
        answer = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(answer, OSError):
            raise answer
        return answer


class Wires:
    """A connector that notes where it was sent, and connects to one of our own hosts instead."""

    def __init__(self, *hosts: PhotoHost) -> None:
        self.ports = {443 if host.url().startswith("https") else 80: host.port for host in hosts}
        self.calls: list[tuple[str, int]] = []

    def __call__(self, address: str, port: int, seconds: float) -> socket.socket:
        self.calls.append((address, port))
        if port not in self.ports:
            raise ConnectionRefusedError
        return connect_for_real("127.0.0.1", self.ports[port], seconds)


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """No thread and no descriptor outlives a test."""
    descriptors = Path("/proc/self/fd")
    before = len(os.listdir(descriptors)) if descriptors.exists() else 0
    threads = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= threads
    assert not descriptors.exists() or len(os.listdir(descriptors)) <= before


# --- what may be reached ---------------------------------------------------------------------


def rows(name: str) -> list[dict[str, str]]:
    with needs_shared("hostile", "ssrf", name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_every_address_is_judged_as_listed() -> None:
    verdict = {True: "allow", False: "deny"}
    wrong = [
        row["address"]
        for row in rows("addresses.tsv")
        if row["expected"] not in ("either", verdict[is_public(row["address"])])
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True),
        ("2606:4700:4700::1111", True),
        ("64:ff9b::1.1.1.1", True),  # DNS64's way to write a public IPv4 host
        ("64:ff9b::127.0.0.1", False),
        ("::127.0.0.1", False),
        ("::ffff:0:127.0.0.1", False),
        ("::ffff:10.1.2.3", False),
        ("2002:7f00:1::", False),
        ("2001::ffff", False),
        ("2606:4700::5efe:a00:1", False),
        ("fe80::1%lo", False),
        ("2606:4700:4700::1111%eth0", False),
        ("fd00::1", False),
        ("ff0e::1", False),
        ("3fff::1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("100.100.100.200", False),
        ("172.32.0.1", True),
        ("172.31.255.255", False),
        ("0177.0.0.1", False),
        ("2130706433", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_addresses_are_public_or_not(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_every_private_block_of_the_standard_library_is_refused() -> None:
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7"):
        block = ipaddress.ip_network(network)
        assert not is_public(str(block[0]))
        assert not is_public(str(block[-1]))


LOCAL_NAMES = {
    "localhost": ["127.0.0.1", "::1"],
    "ip6-localhost": ["::1"],
    "metadata.google.internal": ["169.254.169.254"],
    "kubernetes.default.svc.cluster.local": ["10.96.0.1"],
    "company.127.0.0.1.nip.io": ["127.0.0.1"],
}


def test_every_blocked_url_is_refused_before_a_byte_is_sent() -> None:
    wires = Wires()
    for row in rows("urls.tsv"):
        if row["expected"] != "blocked":
            continue
        # Anything else resolves to a public address: the text alone has to be refused.
        fetcher = Fetcher(resolver=lambda host, _: LOCAL_NAMES.get(host, [PUBLIC]), connector=wires)
        assert not refused(fetcher, row["url"]).retryable, row
    assert wires.calls == []


def test_every_allowed_url_is_connected_to() -> None:
    allowed = [row["url"] for row in rows("urls.tsv") if row["expected"] == "allowed"]
    wires = Wires()
    for url in allowed:
        check_url(url)
        refused(Fetcher(resolver=lambda *_: [PUBLIC], connector=wires), url)
    assert wires.calls == [(PUBLIC, 443), (PUBLIC, 80), ("2606:4700:4700::1111", 80)]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://shop.example:8080/a.jpg", "blocked_address"),
        ("http://shop.example:0/a.jpg", "bad_url"),
        ("http://shop.example:99999/a.jpg", "bad_url"),
        ("http://shop.example:٨٠/a.jpg", "bad_url"),
        ("http://printer/a.jpg", "blocked_address"),
        ("http://shop.local/a.jpg", "blocked_address"),
        ("http://LOCALHOST./a.jpg", "blocked_address"),
        ("http://a.localhost/a.jpg", "blocked_address"),
        ("http://１２７.0.0.1/a.jpg", "blocked_address"),
        ("http://0X7F.1/a.jpg", "blocked_address"),
        ("http://shop℀.example/a.jpg", "bad_url"),  # NFKC makes a slash of it
        ("http://shop..example/a.jpg", "bad_url"),
        ("http://-shop.example/a.jpg", "bad_url"),
        ("http://" + "a" * 64 + ".example/a.jpg", "bad_url"),
        ("http://" + "a." * 127 + "example/a.jpg", "bad_url"),
        ("http://shop.example/" + "a" * 2048, "bad_url"),
        ("http://shop.example/a b.jpg", "bad_url"),
        (" http://shop.example/a.jpg", "bad_url"),
        ("http://shop.example/a\n.jpg", "bad_url"),
        ("http://shop.example/\ud800.jpg", "bad_url"),
        ("http://shop.example/\u202egpj.exe", "bad_url"),
        ("http://[::1/a.jpg", "bad_url"),
        ("http://[]/a.jpg", "bad_url"),
        ("http://[1.1.1.1]/a.jpg", "bad_url"),
        ("http://user@shop.example/a.jpg", "bad_url"),
        ("http:///a.jpg", "bad_url"),
        ("s3://bucket/a.jpg", "bad_url"),
        ("", "bad_url"),
    ],
)
def test_an_address_that_is_wrong_by_its_text_alone(url: str, code: str) -> None:
    with pytest.raises(FetchError) as caught:
        check_url(url)
    assert (caught.value.code, caught.value.retryable) == (code, False)
    assert "shop" not in caught.value.message  # the API answers with it, and never echoes


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("HTTPS://Shop.EXAMPLE", "shop.example", 443, "/"),
        ("http://shop.example.:80?a=1#top", "shop.example", 80, "/?a=1"),
        ("http://shop.example:443/a%20b.jpg", "shop.example", 443, "/a%20b.jpg"),
        ("https://müller.example/größe.jpg", "xn--mller-kva.example", 443, "/gr%C3%B6%C3%9Fe.jpg"),
        ("https://my_bucket.example/a|b.jpg?u=http://x@y", "my_bucket.example", 443, None),
        ("http://shop。example/", "shop.example", 80, "/"),
        ("http://[2606:4700:4700:0::1111]/", "2606:4700:4700::1111", 80, "/"),
    ],
)
def test_an_address_in_the_form_of_the_request(
    url: str, host: str, port: int, target: str | None
) -> None:
    parsed = check_url(url)
    assert (parsed.host, parsed.port) == (host, port)
    assert target in (None, parsed.target)


@settings(max_examples=150)
@given(st.one_of(st.text(), st.text().map("http://{}/a".format), st.text().map("https://a.b".join)))
def test_no_text_raises_anything_but_our_own_error(text: str) -> None:
    with contextlib.suppress(FetchError):
        parsed = check_url(text)
        assert parsed.host.isascii()
        assert parsed.target.isascii()
        assert check_url(parsed.url) == parsed
    assert redact(text).isprintable()


def test_the_name_is_looked_up_once_and_the_judged_address_is_connected_to() -> None:
    names = Names()
    names.answers["shop.example"] = [[PUBLIC], ["127.0.0.1"]]  # the second would be a rebinding
    with PhotoHost({"/a.jpg": PICTURE}) as host:
        wires = Wires(host)
        assert Fetcher((), resolver=names, connector=wires).fetch("http://shop.example/a.jpg")
        assert host.requests[0].headers["host"] == "shop.example"
    assert names.asked == ["shop.example"]
    assert wires.calls == [(PUBLIC, 80)]


def test_one_private_address_among_public_ones_condemns_the_name() -> None:
    wires = Wires()
    names = Names(shop_example=[PUBLIC, "10.0.0.1"])
    error = refused(Fetcher(resolver=names, connector=wires), "http://shop.example/a.jpg")
    assert (error.code, error.retryable) == ("blocked_address", False)
    assert "10.0.0.1" not in error.message  # nobody learns our inner addresses from us
    assert wires.calls == []


def test_the_next_address_is_tried_when_the_first_is_dead() -> None:
    """IPv6 without a way out costs one wait, not one for each address and picture."""
    tried = []
    with PhotoHost({"/a.jpg": PICTURE}) as host:

        def connector(address: str, port: int, seconds: float) -> socket.socket:
            tried.append(address)
            if ":" in address:
                raise OSError("network is unreachable")
            return connect_for_real("127.0.0.1", host.port, seconds)

        dead = [f"2606:4700:4700::{number}" for number in range(1111, 1119)]
        names = Names(shop_example=[*dead, PUBLIC])
        fetcher = Fetcher(resolver=names, connector=connector)
        for _ in range(2):
            assert fetcher.fetch("http://shop.example/a.jpg") == PICTURE
    assert tried == [dead[0], PUBLIC, PUBLIC]


def test_connecting_accepts_an_ipv6_address() -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with listener, connect_for_real("::1", listener.getsockname()[1], 1) as sock:
        assert sock.getpeername()[0] == "::1"


# --- the allow-list --------------------------------------------------------------------------


def test_a_list_narrows_to_its_hosts_and_ports() -> None:
    allowed = ["Photos.example", "intra.example:8080", "[::1]:9000", "::1"]
    for good in ("https://photos.EXAMPLE/a", "http://photos.example/a", "http://[0::1]:9000/a"):
        assert check_url(good, allowed).listed
    assert check_url("http://intra.example:8080/a", allowed).listed
    for bad in ("https://other.example/a", "http://intra.example/a", "http://photos.example:81/a"):
        with pytest.raises(FetchError) as caught:
            check_url(bad, allowed)
        assert (caught.value.code, caught.value.retryable) == ("not_allowed", False)


def test_a_listed_host_may_be_private_by_name_and_by_address() -> None:
    with PhotoHost({"/a.jpg": PICTURE}) as host:
        assert fetch_from(host, "/a.jpg") == PICTURE
        listed = f"minio:{host.port}"
        fetcher = Fetcher([listed], resolver=Names(minio=["127.0.0.1"]))
        assert fetcher.fetch(f"http://{listed}/a.jpg") == PICTURE
        assert host.requests[-1].headers["host"] == listed


@pytest.mark.parametrize(
    "entry", ["", "http://shop.example", "shop.example/photos", "a:b", "*.com"]
)
def test_a_list_that_cannot_be_read_stops_the_start(entry: str) -> None:
    with pytest.raises(SettingsError, match="RAW_IMAGE_HOSTS"):
        Fetcher([entry])


def test_a_password_in_the_list_is_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        Fetcher(["user:hunter2@shop.example"])
    assert "hunter2" not in caught.value.message


# --- redirects -------------------------------------------------------------------------------


def test_redirects_are_followed_relative_and_absolute() -> None:
    with PhotoHost({"/dir/end": PICTURE, "/größe": PICTURE}) as host:
        host.pages["/1"] = redirect("/dir/2", 301)
        host.pages["/dir/2"] = redirect("3?x=1", 307)
        host.pages["/dir/3"] = redirect(host.url("/dir/end"), 308)
        assert fetch_from(host, "/1") == PICTURE
        assert [request.target for request in host.requests][2:] == ["/dir/3?x=1", "/dir/end"]


def test_a_redirect_in_raw_utf8_arrives_percent_encoded() -> None:
    with PhotoHost({"/1": redirect("/größe"), "/gr%C3%B6%C3%9Fe": PICTURE}) as host:
        assert fetch_from(host, "/1") == PICTURE


def endless_redirects() -> dict[str, photo_host.Behaviour]:
    return {f"/{n}": redirect(f"/{n + 1}") for n in range(99)}


def test_five_redirects_are_followed_and_no_more() -> None:
    with PhotoHost(endless_redirects()) as host:
        error = refused_by(host, "/0")
        assert (error.code, error.retryable, len(host.requests)) == ("too_many_redirects", False, 6)
        assert "redirects again after 5 redirects" in error.message
        host.pages["/5"] = PICTURE
        assert fetch_from(host, "/0") == PICTURE


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://169.254.169.254/latest/meta-data/", "blocked_address"),
        ("http://inside.example/", "blocked_address"),
        ("//127.0.0.1/", "blocked_address"),
        ("http://[::ffff:10.0.0.1]/", "blocked_address"),
        ("http://shop.example:8080/", "blocked_address"),
        ("http://missing.example/", "no_such_host"),
        ("file:///etc/passwd", "bad_url"),
        ("gopher://shop.example/", "bad_url"),
        ("http://user:hush@shop.example/", "bad_url"),
        ("http://[", "bad_url"),
    ],
)
def test_a_redirect_is_judged_like_the_first_address(location: str, code: str) -> None:
    names = Names(shop_example=[PUBLIC], inside_example=["192.168.1.1"])
    with PhotoHost({"/a.jpg": redirect(location)}) as host:
        wires = Wires(host)
        error = refused(Fetcher(resolver=names, connector=wires), "http://shop.example/a.jpg")
        assert (error.code, error.retryable) == (code, False)
        assert "hush" not in error.message
    assert wires.calls == [(PUBLIC, 80)]


def test_a_redirect_off_the_list_is_refused() -> None:
    with PhotoHost({"/a.jpg": redirect("https://shop.example/a.jpg")}) as host:
        assert refused_by(host, "/a.jpg").code == "not_allowed"


def test_a_redirect_without_an_address_is_an_error_not_a_loop() -> None:
    with PhotoHost({"/a.jpg": refusal(302)}) as host:
        error = refused_by(host, "/a.jpg")
        assert (error.code, error.retryable, len(host.requests)) == ("refused", False, 1)


# --- limits ----------------------------------------------------------------------------------


def dripping_interim_answers(conversation: Conversation) -> None:
    while conversation.pause(0.01):
        conversation.send(b"HTTP/1.1 100 Continue\r\n\r\n")


def dripping_trailer(conversation: Conversation) -> None:
    conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
    while conversation.pause(0.01):
        conversation.send(b"X: y\r\n")


@pytest.mark.parametrize(
    "behaviour",
    [
        photo_host.hang(),
        photo_host.drip(PICTURE, 0.02),
        photo_host.drip(PICTURE, 0.02, length=False),  # its end looks like the end of the body
        photo_host.endless_header(0.02),
        photo_host.endless_header(0.02, b"y\r\nX: "),
        dripping_interim_answers,
        dripping_trailer,
    ],
)
def test_the_total_deadline_ends_every_slow_download(behaviour: photo_host.Behaviour) -> None:
    with PhotoHost({"/a.jpg": behaviour}) as host:
        began = time.monotonic()
        error = refused_by(host, "/a.jpg", QUICK)
        assert 0.35 < time.monotonic() - began < 5
        assert (error.code, error.retryable) == ("timed_out", True)


def test_the_deadline_covers_all_hops_together() -> None:
    def slow_redirect(conversation: Conversation) -> None:
        if conversation.pause(0.3):
            redirect(f"/{len(host.requests)}")(conversation)

    with PhotoHost() as host:
        host.pages = {f"/{n}": slow_redirect for n in range(9)}
        # Were the time per hop, this would be too many redirects.
        assert refused_by(host, "/0", FetchLimits(total=0.9)).code == "timed_out"
        assert len(host.requests) > 1


@contextlib.contextmanager
def dripping_handshake() -> Iterator[int]:
    """A port where a TLS record of 16 KB comes byte by byte."""
    closing = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client, contextlib.suppress(OSError):
                client.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03")
                while not closing.wait(0.02):
                    client.sendall(b"x")

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        closing.set()
        thread.join()


def test_the_deadline_covers_a_tls_handshake_that_drips() -> None:
    with dripping_handshake() as port:
        began = time.monotonic()
        error = refused(Fetcher([f"127.0.0.1:{port}"], QUICK), f"https://127.0.0.1:{port}/a.jpg")
        assert time.monotonic() - began < 5
        assert (error.code, error.retryable) == ("timed_out", True)


def test_the_deadline_covers_a_tls_handshake_that_never_starts() -> None:
    with PhotoHost() as host:  # speaks plain HTTP, so it waits for a request that never comes
        fetcher = Fetcher([host.address], QUICK)
        assert refused(fetcher, host.url("/a.jpg").replace("http:", "https:")).code == "timed_out"


def test_the_deadline_covers_a_slow_look_up() -> None:
    release = threading.Event()

    def slow(host: str, port: int) -> Sequence[str]:
        release.wait(10)
        return [PUBLIC]

    wires = Wires()
    began = time.monotonic()
    error = refused(Fetcher((), QUICK, slow, connector=wires), "http://shop.example/a.jpg")
    assert time.monotonic() - began < 5
    assert (error.code, error.retryable, wires.calls) == ("timed_out", True, [])
    release.set()
    for thread in threading.enumerate():
        if thread.name == "packshot-look-up":
            thread.join()


def test_connecting_has_a_separate_limit() -> None:
    asked: list[float] = []

    def connector(address: str, port: int, seconds: float) -> socket.socket:
        asked.append(seconds)
        raise TimeoutError

    fetcher = Fetcher(resolver=lambda *_: [PUBLIC, "1.1.1.1"], connector=connector)
    error = refused(fetcher, "http://shop.example/a.jpg")
    assert (asked, error.code, error.retryable) == ([5, 5], "timed_out", True)


SMALL = FetchLimits(max_bytes=len(PICTURE))


@pytest.mark.parametrize(
    "behaviour",
    [photo(PICTURE), photo(PICTURE, length=False), photo_host.chunked(PICTURE[:9], PICTURE[9:])],
)
def test_a_picture_of_exactly_the_limit_arrives_whole(behaviour: photo_host.Behaviour) -> None:
    with PhotoHost({"/a.jpg": behaviour}) as host:
        assert fetch_from(host, "/a.jpg", SMALL) == PICTURE


@pytest.mark.parametrize(
    "behaviour",
    [
        photo(PICTURE + b"x"),
        photo(PICTURE + b"x", length=False),
        photo_host.chunked(PICTURE, b"x"),
        photo_host.endless_body(),
        photo_host.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"),
    ],
)
def test_a_byte_more_than_the_limit_is_refused(behaviour: photo_host.Behaviour) -> None:
    with PhotoHost({"/a.jpg": behaviour}) as host:
        error = refused_by(host, "/a.jpg", SMALL)
        assert (error.code, error.retryable) == ("too_large", False)


def test_a_declared_size_is_refused_without_reading_the_body() -> None:
    with PhotoHost({"/a.jpg": photo_host.drip(PICTURE + b"x", 5)}) as host:
        began = time.monotonic()
        assert refused_by(host, "/a.jpg", SMALL).code == "too_large"
        assert time.monotonic() - began < 3


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip"])
def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(encoding: str) -> None:
    bomb = bytes(300_000_000)
    for name in encoding.split(", "):
        bomb = gzip.compress(bomb, 1) if name == "gzip" else zlib.compress(bomb, 1)
    with PhotoHost({"/a.jpg": photo(bomb, headers={"Content-Encoding": encoding})}) as host:
        tracemalloc.start()
        error = refused_by(host, "/a.jpg")
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (error.code, error.retryable) == ("too_large", False)
        assert most < 80_000_000
        host.pages["/quiet"] = photo(bomb)
        assert fetch_from(host, "/quiet") == bomb  # without the header, bytes stay as they were
        assert host.requests[0].headers["accept-encoding"] == "identity"


def test_a_compressed_transfer_is_refused_as_that() -> None:
    packed = gzip.compress(PICTURE)
    page = photo(packed, headers={"Transfer-Encoding": "gzip"}, length=False)
    with PhotoHost({"/a.jpg": page}) as host:
        error = refused_by(host, "/a.jpg")
    assert (error.code, error.retryable) == ("encoded", False)
    assert "transfer encoding 'gzip'" in error.message


# --- what a server answers -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (202, "busy", True),
        (204, "refused", False),
        (304, "refused", False),
        (400, "refused", False),
        (401, "forbidden", False),
        (403, "forbidden", False),
        (404, "not_found", False),
        (408, "busy", True),
        (410, "not_found", False),
        (418, "refused", False),
        (425, "busy", True),
        (429, "busy", True),
        (500, "server_error", True),
        (503, "server_error", True),
    ],
)
def test_a_status_decides_whether_to_try_again(status: int, code: str, retryable: bool) -> None:
    with PhotoHost({"/a.jpg": refusal(status)}) as host:
        error = refused_by(host, "/a.jpg?signature=hush")
        assert (error.code, error.retryable) == (code, retryable)
        assert error.message.startswith(
            f"the picture could not be downloaded: {status} from {host.address}"
        )
        assert "hush" not in error.message


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), ("99999999", 3600), ("9" * 5000, None), ("soon", None), ("-1", None)],
)
def test_retry_after_is_passed_on_within_reason(header: str, seconds: float | None) -> None:
    with PhotoHost({"/a.jpg": refusal(503, {"Retry-After": header})}) as host:
        assert refused_by(host, "/a.jpg").retry_after == seconds


def test_retry_after_may_be_a_date() -> None:
    then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=100)
    headers = {"Retry-After": email.utils.format_datetime(then, usegmt=True)}
    with PhotoHost({"/a.jpg": refusal(429, headers)}) as host:
        assert refused_by(host, "/a.jpg").retry_after == pytest.approx(100, abs=5)


@pytest.mark.parametrize(
    "behaviour",
    [
        photo_host.reset(),
        photo_host.raw(b""),
        photo_host.raw(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"),
        photo_host.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
        photo_host.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"),
        photo_host.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
        photo_host.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 99_999),
        photo_host.endless_header(0, b"x" * 65_536),
    ],
)
def test_a_connection_that_breaks_off_is_worth_another_try(
    behaviour: photo_host.Behaviour,
) -> None:
    with PhotoHost({"/a.jpg": behaviour}) as host:
        error = refused_by(host, "/a.jpg")
        assert (error.code, error.retryable) == ("broken_off", True)


def test_a_closed_port_is_worth_another_try() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = refused(Fetcher([f"127.0.0.1:{port}"]), f"http://127.0.0.1:{port}/a.jpg")
    assert (error.code, error.retryable) == ("unreachable", True)


@pytest.mark.parametrize(
    ("answer", "code", "retryable"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "no_such_host", False),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "dns", True),
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"), "dns", True),
        (OSError("no resolver"), "dns", True),
        ([], "no_such_host", False),
    ],
)
def test_a_name_that_does_not_resolve(
    answer: Sequence[str] | OSError, code: str, retryable: bool
) -> None:
    error = refused(Fetcher(resolver=Names(shop_example=answer)), "http://shop.example/a.jpg")
    assert (error.code, error.retryable) == (code, retryable)


def test_the_system_resolver_gives_addresses() -> None:
    with PhotoHost({"/a.jpg": PICTURE}) as host:
        listed = f"localhost:{host.port}"
        assert Fetcher([listed]).fetch(f"http://{listed}/a.jpg") == PICTURE


# --- TLS -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a self-signed certificate for shop.example, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "shop.example")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("shop.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "shop.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def server_names() -> list[str | None]:
    """The names that clients asked for in their TLS greetings (SNI)."""
    return []


@pytest.fixture
def tls_host(certificate: Path, server_names: list[str | None]) -> Iterator[PhotoHost]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _, name, __: server_names.append(name)
    with PhotoHost({"/a.jpg": PICTURE}, tls=context) as host:
        yield host


def tls_fetcher(
    certificate: Path,
    wires: Wires,
    limits: FetchLimits = FetchLimits(),
    **names: Sequence[str] | OSError,
) -> Fetcher:
    trust = ssl.create_default_context(cafile=str(certificate))
    return Fetcher(limits=limits, resolver=Names(**names), connector=wires, tls=trust)


def test_tls_is_for_the_name_while_the_socket_is_for_the_address(
    certificate: Path, tls_host: PhotoHost, server_names: list[str | None]
) -> None:
    wires = Wires(tls_host)
    fetcher = tls_fetcher(certificate, wires, shop_example=[PUBLIC])
    assert fetcher.fetch("https://shop.example/a.jpg?x=1") == PICTURE
    assert (server_names, wires.calls) == (["shop.example"], [(PUBLIC, 443)])
    assert tls_host.requests[0].headers["host"] == "shop.example"
    assert tls_host.requests[0].target == "/a.jpg?x=1"


def test_a_certificate_for_another_name_is_refused_every_time(
    certificate: Path, tls_host: PhotoHost
) -> None:
    wires = Wires(tls_host)
    fetcher = tls_fetcher(certificate, wires, shop_example=[PUBLIC], other_example=[PUBLIC])
    for _ in range(2):  # twice: one client context serves all
        error = refused(fetcher, "https://other.example/a.jpg")
        assert (error.code, error.retryable) == ("bad_certificate", False)
        assert fetcher.fetch("https://shop.example/a.jpg") == PICTURE
    assert {request.headers["host"] for request in tls_host.requests} == {"shop.example"}


def test_a_certificate_without_a_trusted_issuer_is_refused(tls_host: PhotoHost) -> None:
    fetcher = Fetcher(resolver=Names(shop_example=[PUBLIC]), connector=Wires(tls_host))
    assert refused(fetcher, "https://shop.example/a.jpg").code == "bad_certificate"
    assert tls_host.requests == []


def test_a_redirect_from_https_to_http_is_refused(certificate: Path, tls_host: PhotoHost) -> None:
    tls_host.pages["/a.jpg"] = redirect("http://shop.example/a.jpg")
    wires = Wires(tls_host)
    fetcher = tls_fetcher(certificate, wires, shop_example=[PUBLIC])
    error = refused(fetcher, "https://shop.example/a.jpg")
    assert (error.code, error.retryable) == ("insecure_redirect", False)
    assert wires.calls == [(PUBLIC, 443)]


def test_a_redirect_from_http_to_https_is_followed(certificate: Path, tls_host: PhotoHost) -> None:
    with PhotoHost({"/a.jpg": redirect("https://shop.example/a.jpg")}) as plain:
        fetcher = tls_fetcher(certificate, Wires(plain, tls_host), shop_example=[PUBLIC])
        assert fetcher.fetch("http://shop.example/a.jpg") == PICTURE


@pytest.mark.parametrize("length", [True, False])
def test_the_deadline_ends_a_drip_inside_tls(
    certificate: Path, tls_host: PhotoHost, length: bool
) -> None:
    tls_host.pages["/a.jpg"] = photo_host.drip(PICTURE, 0.02, length=length)
    fetcher = tls_fetcher(certificate, Wires(tls_host), QUICK, shop_example=[PUBLIC])
    began = time.monotonic()
    assert refused(fetcher, "https://shop.example/a.jpg").code == "timed_out"
    assert time.monotonic() - began < 5


# --- what leaks ------------------------------------------------------------------------------


def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with PhotoHost({"/a.jpg": PICTURE}) as host, PhotoHost() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url())
            monkeypatch.setenv(name.upper(), proxy.url())
        assert fetch_from(host, "/a.jpg") == PICTURE
        assert proxy.connections == 0


def test_a_signed_query_reaches_the_server_but_no_log_and_no_repr(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    malformed = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n no colon\r\nLocation\r\n\r\nok"
    with PhotoHost({"/a.jpg": photo_host.raw(malformed)}) as host:
        fetch_from(host, "/a.jpg?X-Amz-Signature=hush")
        assert host.requests[0].target == "/a.jpg?X-Amz-Signature=hush"
        assert "hush" not in repr(check_url(host.url("/?k=hush"), [host.address]))
    assert "Failed to parse headers" in caplog.text  # urllib3 did log the address
    assert "hush" not in caplog.text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://shop.example/a.jpg", "https://shop.example/a.jpg"),
        ("https://shop.example:8443/a.jpg?sig=hush#hush", "https://shop.example:8443/a.jpg?..."),
        ("https://shop.example?hush", "https://shop.example?..."),
        ("https://user:hush@shop.example/a@b.jpg", "https://shop.example/a@b.jpg"),
        ("https://user:hush@[::1]:80/a", "https://[::1]:80/a"),
        ("https://us@er:hush@shop.example/a", "https://shop.example/a"),
        ("s3://bucket/a.jpg?versionId=hush", "s3://bucket/a.jpg?..."),
        ("/media/uploads/1?hush", "/media/uploads/1?..."),
        ("https://user:hu/sh@shop.example/a", "(unreadable address)"),
        ("https://user:hu?sh@shop.example/a", "(unreadable address)"),
        ("user:hush@shop.example/a", "(unreadable address)"),
        ("//user:hush@shop.example/a", "(unreadable address)"),
        ("http:user:hush@shop.example/a", "(unreadable address)"),
        ("https://shop.example/a\nINFO all well\x1b[2J", None),
        ("https://shop.example/\ud800", "https://shop.example/\ufffd"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str | None) -> None:
    assert shown in (None, redact(url))
    assert "hush" not in redact(url)
    assert redact(url).isprintable()
