"""The reason of a failed download names what was seen, and says what to do about it."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from servers.certificates import Authority, self_signed
from servers.photo_host import Behaviour, PhotoHost, photo, raw, refusal, reset
from support.fetching import refused, refused_by

from packshot.download.fetcher import Fetcher
from packshot.errors import FetchError

PICTURE = b"\xff\xd8\xff" + bytes(1000)
NAME = "shop.example"


# -- TLS -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def old(context: ssl.SSLContext) -> None:
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")


def weak(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")


def wants_a_certificate(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED


def as_it_is(context: ssl.SSLContext) -> None:
    pass


def contexts(authority: Authority, folder: Path, kind: str) -> ssl.SSLContext:
    issued = {
        "expired": lambda: authority.issue(NAME, days=(-9, -1)),
        "not yet valid": lambda: authority.issue(NAME, days=(1, 9)),
        "another name": lambda: authority.issue("other.example"),
        "self-signed": lambda: self_signed(NAME),
        "unknown authority": lambda: Authority().issue(NAME),
        "no intermediate": lambda: authority.issue_by_intermediate(NAME, send_it=False),
        "short key": lambda: authority.issue(NAME, key=rsa.generate_private_key(65537, 1024)),
    }.get(kind, lambda: authority.issue(NAME))()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    file = folder / "certificate.pem"
    file.write_bytes(issued.pem())
    context.load_cert_chain(file)
    return context


def fetch_by_name(host: PhotoHost, trust: ssl.SSLContext) -> FetchError:
    """Why https://shop.example/a.jpg can't be downloaded from a host of ours."""
    fetcher = Fetcher(
        resolver=lambda *_: ["1.1.1.1"],
        connector=lambda address, port, seconds: socket.create_connection(
            ("127.0.0.1", host.port), seconds
        ),
        tls=trust,
    )
    began = time.monotonic()
    error = refused(fetcher, f"https://{NAME}/a.jpg")
    assert time.monotonic() - began < 5
    return error


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("expired", as_it_is, "the certificate of shop.example has expired"),
        ("not yet valid", as_it_is, "is not valid yet"),
        ("another name", as_it_is, "is for another name"),
        ("self-signed", as_it_is, "is self-signed"),
        ("unknown authority", as_it_is, "no chain to an authority that this machine trusts"),
        ("no intermediate", as_it_is, "does not send its intermediate certificate"),
        ("short key", as_it_is, "key that is too short"),
        ("old", old, "offers only TLS versions older than 1.2"),
        ("weak", weak, "either its ciphers are no longer safe"),
        ("closed", wants_a_certificate, "or it wants a certificate from its clients"),
    ],
)
def test_why_tls_failed_is_named_and_fails_at_once(
    authority: Authority,
    tmp_path: Path,
    kind: str,
    change: Callable[[ssl.SSLContext], None],
    words: str,
) -> None:
    server = contexts(authority, tmp_path, kind)
    change(server)
    trust = authority.client()
    trust.set_ciphers("ECDHE+AESGCM")
    with PhotoHost({"/a.jpg": PICTURE}, tls=server) as host:
        error = fetch_by_name(host, trust)
    assert words in error.message
    assert not error.retryable


def test_a_complete_chain_is_trusted(authority: Authority, tmp_path: Path) -> None:
    issued = authority.issue_by_intermediate("127.0.0.1", send_it=True)
    with PhotoHost({"/a.jpg": PICTURE}, tls=authority.server(issued, tmp_path)) as host:
        fetcher = Fetcher([host.address], tls=authority.client())
        assert fetcher.fetch(host.url("/a.jpg")) == PICTURE


@contextmanager
def speaking(answer: bytes) -> Iterator[int]:
    """A port that answers whatever comes with these bytes."""
    from threading import Thread

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(65_536)
                client.sendall(answer)
                client.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionResetError):
                    client.recv(65_536)

        thread = Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    ("answer", "words", "retryable"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak TLS on port {port}", False),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "does not speak TLS on port {port}", False),
        (b"\x15\x03\x01\x00\x02\x02\x28", "refuses the TLS handshake: either", False),
        (b"\x15\x03\x01\x00\x02\x02\x47", "offers no TLS cipher that is still safe", False),
        (b"\x15\x03\x01\x00\x02\x02\x46", "offers only TLS versions older than 1.2", False),
        (b"\x15\x03\x03\x00\x02\x02\x70", "serves no site with that name", False),
        (b"\x15\x03\x03\x00\x02\x02\x50", "ended the connection while TLS was being set", True),
        (b"", "ended the connection while TLS was being set up", True),
    ],
)
def test_what_answers_in_place_of_tls_is_named(answer: bytes, words: str, retryable: bool) -> None:
    with speaking(answer) as port:
        error = refused(Fetcher([f"127.0.0.1:{port}"]), f"https://127.0.0.1:{port}/a.jpg")
    assert words.format(port=port) in error.message
    assert error.retryable is retryable


def test_tls_instead_of_http_is_named() -> None:
    with speaking(b"\x15\x03\x01\x00\x02\x02\x46") as port:
        error = refused(Fetcher([f"127.0.0.1:{port}"]), f"http://127.0.0.1:{port}/a.jpg")
    assert f"speaks TLS on port {port}; write https://" in error.message
    assert not error.retryable


# -- connections -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (reset(), "reset the connection"),
        (raw(b""), "closed the connection without an answer|reset the connection"),
        (raw(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"), "answered with something that is not HTTP"),
        (
            raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"),
            "closed the connection before its answer was complete",
        ),
        (raw(b"HTTP/1.1 200 OK\r\nServer: x\r\n"), "closed the connection before its answer was"),
        (raw(b"HTTP/1.1 302 Found\r\nLocation: /pic"), "closed the connection before its answer"),
        (
            raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
            "closed the connection before its answer was complete",
        ),
        (
            raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
            "contradicts itself about the length of its answer",
        ),
    ],
)
def test_how_a_connection_ended_is_named(behaviour: Behaviour, words: str) -> None:
    with PhotoHost({"/a.jpg": behaviour}) as host:
        error = refused_by(host, "/a.jpg")
        assert re.search(f"{host.address} ({words})", error.message)
    assert (error.code, error.retryable) == ("broken_off", True)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (" https://shop.example/a.jpg", "begins or ends with a space"),
        ("https://shop.example/a.jpg\n", "line break or a tab"),
        ("https://shop.example/a b.jpg", "write it as %20"),
        ("https://shop .example/a.jpg", "a space in its host"),
        ("https://shop.example\\a.jpg", "backslash"),
        ("https://shop.example/\u200b.jpg", "invisible"),
        ("https://shop.example:99999/a.jpg", "not a number from 1 to 65535"),
    ],
)
def test_what_is_wrong_with_an_address_is_named(url: str, words: str) -> None:
    with pytest.raises(FetchError, match=words):
        Fetcher().check(url)


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "401 from {} (a sign-in or a token is missing); if the address opens"),
        (403, "403 from {} (refused); if the address opens"),
        (404, "404 from {} (not found); check"),
        (406, "406 from {} (not acceptable)"),
        (410, "410 from {} (gone)"),
        (418, "418 from {}; check that the address opens in a browser"),
        (206, "206 from {}; check that"),
        (302, "302 from {} (a redirect that leads nowhere)"),
    ],
)
def test_a_refusal_is_named_with_its_status(status: int, words: str) -> None:
    with PhotoHost({"/a.jpg": refusal(status)}) as host:
        assert words.format(host.address) in refused_by(host, "/a.jpg").message


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDenied", "(refused: AccessDenied); the object is not public, or not there"),
        ("SignatureDoesNotMatch", "(refused: SignatureDoesNotMatch); the signature does not fit"),
        ("InvalidObjectState", "(refused: InvalidObjectState); the object is in an archive"),
        ("AccountProblem", "(refused: AccountProblem)"),
    ],
)
def test_a_stores_own_reason_is_named(code: str, words: str) -> None:
    page = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()
    with PhotoHost({"/a.jpg": photo(page, 403)}) as host:
        error = refused_by(host, "/a.jpg")
    assert words in error.message
    assert "FETCH_USER_AGENT" not in error.message
    assert (error.code, error.retryable) == ("forbidden", False)


S3_EXPIRED = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
GCS_EXPIRED = b"<?xml version='1.0'?><Error><Code>ExpiredToken</Code></Error>"
AZURE_EXPIRED = (
    b"<Error><Code>AuthenticationFailed</Code><AuthenticationErrorDetail>Signature not valid in the"
    b" specified time frame: Start [...] - Expiry [...]</AuthenticationErrorDetail></Error>"
)
POLICY = base64.b64encode(
    json.dumps({"Statement": [{"Condition": {"DateLessThan": {"AWS:EpochTime": 1.7e9}}}]}).encode()
).translate(bytes.maketrans(b"+=/", b"-_~"))


@pytest.mark.parametrize(
    ("status", "query", "body"),
    [
        (403, "X-Amz-Date=20240101T000000Z&X-Amz-Expires=3600&X-Amz-Signature=hush", b""),
        (403, "AWSAccessKeyId=AKIA&Expires=1700000000&Signature=hush", b""),
        (400, "X-Goog-Date=20240101T000000Z&X-Goog-Expires=3600&X-Goog-Signature=hush", b""),
        (403, "sv=2024-11-04&se=2024-01-01T00%3A00%3A00Z&sig=hush", b""),
        (403, "Expires=1700000000&Signature=hush&Key-Pair-Id=K", b""),
        (403, f"Policy={POLICY.decode()}&Signature=hush&Key-Pair-Id=K", b""),
        (403, "X-Amz-Signature=hush", S3_EXPIRED),
        (400, "X-Goog-Signature=hush", GCS_EXPIRED),
        (403, "sig=hush", AZURE_EXPIRED),
        (410, "token=hush", b'{"error": "URL has expired"}'),
    ],
)
def test_an_expired_address_is_called_that(status: int, query: str, body: bytes) -> None:
    with PhotoHost({"/a.jpg": photo(body, status)}) as host:
        error = refused_by(host, f"/a.jpg?{query}")
    assert (error.code, error.retryable) == ("address_expired", False)
    assert "expired" in error.message
    assert "hush" not in error.message


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Date=29990101T000000Z&X-Amz-Expires=3600&X-Amz-Signature=hush",
        "Expires=1700000000",  # no signature: a word of the page's own
        "Expires=soon&Signature=hush",
        "X-Amz-Date=x&X-Amz-Expires=x&X-Amz-Signature=hush",
        "Policy=%%%&Signature=hush",
    ],
)
def test_an_address_that_has_not_expired_is_only_refused(query: str) -> None:
    with PhotoHost({"/a.jpg": refusal(403)}) as host:
        assert refused_by(host, f"/a.jpg?{query}").code == "forbidden"
