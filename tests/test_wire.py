"""Two-faced and broken requests over a raw socket to gunicorn: never two answers, never a 5xx."""

from __future__ import annotations

import errno
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.packshot_process import PackshotProcess, gunicorn
from support.shop import row

KEY = "wire-secret"
HEAD = (
    "POST /api/products/bulk HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    f"Authorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
)
#: What an attacker smuggles in behind the first request, for the next client to receive.
HIDDEN = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n"
#: Proxies and servers disagree on where these end: one of them reads a second request.
TWO_FACED = {
    "two lengths": f"{HEAD}Content-Length: 2\r\nContent-Length: 40\r\n\r\n{{}}{HIDDEN}",
    "listed lengths": f"{HEAD}Content-Length: 2, 2\r\n\r\n{{}}{HIDDEN}",
    "length, then chunked": (
        f"{HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"
    ),
    "chunked, then length": (
        f"{HEAD}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{HIDDEN}"
    ),
    "chunked twice": f"{HEAD}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n{HIDDEN}",
    "chunked and more": f"{HEAD}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{HIDDEN}",
    "chunked after a tab": f"{HEAD}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n{HIDDEN}",
    "blank before the colon": f"{HEAD}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{HIDDEN}",
    "folded header": f"{HEAD}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n{HIDDEN}",
    "signed length": f"{HEAD}Content-Length: +2\r\n\r\n{{}}{HIDDEN}",
    "bare line feeds": f"{HEAD}Content-Length: 2\r\n\r\n{{}}{HIDDEN}".replace("\r\n", "\n"),
    "two hosts": f"{HEAD}Host: evil.example\r\nContent-Length: 2\r\n\r\n{{}}",
    "hexadecimal chunk": f"{CHUNKED}0x2\r\n{{}}\r\n0\r\n\r\n{HIDDEN}",
    "signed chunk": f"{CHUNKED}+2\r\n{{}}\r\n0\r\n\r\n{HIDDEN}",
    "negative chunk": f"{CHUNKED}-2\r\n{{}}\r\n0\r\n\r\n{HIDDEN}",
    "chunk without a size": f"{CHUNKED}\r\n{{}}\r\n0\r\n\r\n{HIDDEN}",
    "longer chunk than it says": f"{CHUNKED}1\r\n{{}}\r\n0\r\n\r\n{HIDDEN}",
}
#: These end early, or ask for too much; nothing is hidden in them.
BROKEN = {
    "chunk of 2^72": f"{CHUNKED}ffffffffffffffffff\r\n{{}}",
    "chunk that breaks off": f"{CHUNKED}ff\r\n{{}}",
    "body that breaks off": f"{HEAD}Content-Length: 100\r\n\r\n{{}}",
    "stranger's broken sign-in": (
        "POST /session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\nzz\r\n"
    ),
    "long query": f"GET /api/products?category={'a' * 100_000} HTTP/1.1\r\nHost: x\r\n\r\n",
    "long cookie": f"GET / HTTP/1.1\r\nHost: x\r\nCookie: packshot={'a' * 100_000}\r\n\r\n",
    "many headers": "GET / HTTP/1.1\r\nHost: x\r\n" + "A: 1\r\n" * 200 + "\r\n",
    "another server's tunnel": "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n",
    "another server's page": "GET http://evil.example/grid HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PackshotProcess]:
    environment = {"API_KEYS": f"shop:{KEY}", "WORKER_ENABLED": "false"}
    folder = tmp_path_factory.mktemp("wire")
    with PackshotProcess(folder, gunicorn(1), environment) as process:
        process.wait_until_serving()
        yield process


def statuses(process: PackshotProcess, request: str) -> list[int]:
    """Of every answer that this gets before the server closes the connection."""
    answers = b""
    address = ("127.0.0.1", process.port)
    with socket.create_connection(address, timeout=30) as sock:
        try:
            sock.sendall(request.encode())
            sock.shutdown(socket.SHUT_WR)
            while piece := sock.recv(65_536):
                answers += piece
        except OSError as error:  # it closed before it had read all
            assert error.errno in {errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN}
    return [int(status) for status in re.findall(rb"^HTTP/1\.1 (\d{3}) ", answers, re.MULTILINE)]


@pytest.mark.parametrize("name", TWO_FACED | BROKEN)
def test_one_refusal_is_all_it_gets(process: PackshotProcess, name: str) -> None:
    found = statuses(process, (TWO_FACED | BROKEN)[name])
    assert len(found) <= 1
    # 501: gunicorn's word for a transfer coding that it does not know.
    assert all(400 <= status < 500 or status == 501 for status in found), found
    assert "Traceback" not in process.log()


#: What some servers and proxies take from headers: where the application is, and what was asked.
NAMES = (
    "SCRIPT_NAME",
    "PATH_INFO",
    "X-Forwarded-Prefix",
    "X-Script-Name",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Forwarded-Path",
    "X-Forwarded-Uri",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Server",
    "X-Forwarded-Proto",
    "X-Forwarded-Protocol",
    "X-Forwarded-Ssl",
    "Forwarded",
    "REMOTE_ADDR",
    "REMOTE_USER",
    "REQUEST_METHOD",
    "QUERY_STRING",
    "CONTENT_LENGTH",
    "wsgi.url_scheme",
    "HTTP_HOST",
    "X_Forwarded_For",
)
VALUES = (
    "",
    "x",
    "/x",
    "/",
    "/healthz",
    "//evil.example",
    "https",
    "on",
    "99999",
    "\xff",
    "*",
    "GET",
)


@pytest.fixture(scope="module", params=["127.0.0.1", pytest.param("*", marks=pytest.mark.extra)])
def behind_a_proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PackshotProcess]:
    """Whose headers are trusted, and which passes on what strangers send; once on gunicorn's file
    as it is, once on an operator's own."""
    environment = {
        "API_KEYS": f"shop:{KEY}",
        "WORKER_ENABLED": "false",
        "FORWARDED_ALLOW_IPS": request.param,
    }
    theirs = ("-c", str(Path(__file__).parent / "servers" / "foreign_gunicorn_conf.py"))
    command = gunicorn(1, *theirs) if request.param == "*" else gunicorn(1)
    with PackshotProcess(tmp_path_factory.mktemp("proxy"), command, environment) as process:
        process.wait_until_serving()
        yield process


@pytest.mark.parametrize("name", NAMES)
def test_no_header_moves_a_request_elsewhere(behind_a_proxy: PackshotProcess, name: str) -> None:
    for value in VALUES:
        for path, right in (("/healthz", 200), ("/api/products", 401), ("/metrics", 401)):
            asked = f"GET {path} HTTP/1.1\r\nHost: x\r\n{name}: {value}\r\n\r\n"
            # 400: a scheme, or a length, that gunicorn itself refuses.
            assert statuses(behind_a_proxy, asked) in ([right], [400]), (name, value)
    assert "Traceback" not in behind_a_proxy.log()


def test_a_complete_request_is_accepted(process: PackshotProcess) -> None:
    """So that the refusals above are for what is wrong there."""
    body = json.dumps({"products": [row()]})
    chunks = f"{len(body):x}\r\n{body}\r\n0\r\n\r\n"
    assert statuses(process, f"{HEAD}Content-Length: {len(body)}\r\n\r\n{body}") == [201]
    assert statuses(process, CHUNKED + chunks) == [201]
