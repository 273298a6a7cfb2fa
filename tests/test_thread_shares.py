"""Slow requests use a share of the request threads; quick ones always find a thread."""

from __future__ import annotations

import json
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPResponse
from pathlib import Path

import psutil
import pytest
import urllib3
from servers.loopback import served
from servers.packshot_process import PackshotProcess, gunicorn
from servers.ports import wait_until
from support.cpu import slowness
from support.fakes import photo_bytes
from support.shop import Shop

from packshot.client import Client
from packshot.pictures.limits import MAX_BYTES
from packshot.web.requests.thread_shares import REST_SECONDS, ThreadShare, ThreadShares

#: Of gunicorn's 16 threads each slow kind may use a quarter.
QUARTER = 4
CROWD = 24
LATE_SECONDS = 1.0
LARGE = b"\xff\xd8\xff" + b"x" * 12_000_000

Connect = Callable[[str], socket.socket]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PackshotProcess]:
    """The specification's production command, with one process."""
    folder = tmp_path_factory.mktemp("shares")
    with PackshotProcess(folder, gunicorn(1), {"WORKER_ENABLED": "false"}) as process:
        process.wait_until_serving()
        yield process


@pytest.fixture
def connect(server: PackshotProcess) -> Iterator[Connect]:
    """Open a connection and send the beginning of a request; all are closed at the end."""
    with ExitStack() as connections:

        def open_one(beginning: str) -> socket.socket:
            connection = socket.socket()
            connections.callback(connection.close)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.port))
            connection.settimeout(10)
            connection.sendall(beginning.encode())
            return connection

        yield open_one


def post(path: str, content_type: str, length: int) -> str:
    """A request whose body is announced and never comes."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    )


UPLOAD = post("/api/uploads", "multipart/form-data; boundary=x", 15_000_000)
BULK = post("/api/products/bulk", "application/json", 1_500_000)


def status_of(connection: socket.socket, seconds: float) -> str:
    """The status of its answer, or "none" when there is none in time."""
    connection.settimeout(seconds)
    try:
        return connection.recv(12).decode()[-3:]
    except TimeoutError:
        return "none"


@contextmanager
def quick_meanwhile(server: PackshotProcess, *paths: str) -> Iterator[None]:
    """Asks for these until the block ends: each answer is a 200 within a second."""
    over = threading.Event()

    def ask() -> list[tuple[str, int, float]]:
        http, answers = urllib3.PoolManager(retries=False, timeout=60), []
        while not over.wait(0.05):
            for path in paths:
                began = time.monotonic()
                status = http.request("GET", server.url + path).status
                answers.append((path, status, time.monotonic() - began))
        return answers

    with ThreadPoolExecutor(1) as threads:
        asking = threads.submit(ask)
        try:
            yield
        finally:
            over.set()
        answers = asking.result()
    assert {(path, status) for path, status, _ in answers} == {(path, 200) for path in paths}
    assert max(took for *_, took in answers) < LATE_SECONDS


def wait_until_free(server: PackshotProcess) -> None:
    wait_until(lambda: server.call("POST", "/api/uploads", {})[0] != 503)


@pytest.mark.parametrize("begun", [UPLOAD, BULK], ids=["uploads", "bulk"])
def test_bodies_that_never_arrive_use_their_share_and_no_more(
    server: PackshotProcess, connect: Connect, begun: str
) -> None:
    """Others are answered at once, but for the moment in which the crowd comes and is refused."""
    wait_until_free(server)
    crowd = [connect(begun) for _ in range(CROWD)]
    time.sleep(REST_SECONDS)
    wait_until(lambda: server.call("GET", "/api/stats")[0] == 200, seconds=2)
    with quick_meanwhile(server, "/healthz", "/api/stats"):
        answers = Counter(
            status_of(each, 5 if n >= CROWD / 2 else 0.5) for n, each in enumerate(crowd)
        )
    assert answers == {"503": CROWD - QUARTER, "none": QUARTER}


def test_slow_readers_use_their_share_and_no_more(
    server: PackshotProcess, connect: Connect
) -> None:
    key = f"uploads/{uuid.uuid4()}"
    stored = server.folder / "media" / key
    stored.parent.mkdir(parents=True, exist_ok=True)
    stored.write_bytes(LARGE)
    with quick_meanwhile(server, "/healthz", "/api/stats"):
        crowd = [
            connect(f"GET /media/{key} HTTP/1.1\r\nHost: localhost\r\n\r\n") for _ in range(CROWD)
        ]
        answers = Counter(status_of(each, 10) for each in crowd)
    assert answers == {"503": CROWD - QUARTER, "200": QUARTER}


def test_silent_connections_use_no_thread(server: PackshotProcess, connect: Connect) -> None:
    with quick_meanwhile(server, "/healthz"):
        for _ in range(2 * CROWD):
            connect("")
        time.sleep(0.5)


def test_a_refused_upload_hears_when_to_come_again(
    server: PackshotProcess, connect: Connect
) -> None:
    """Though it is still sending: the answer comes after what is on its way was thrown away."""
    wait_until_free(server)
    holders = [connect(UPLOAD) for _ in range(QUARTER)]
    assert {status_of(each, 0.3) for each in holders} == {"none"}
    http = urllib3.PoolManager(retries=False, timeout=20)
    fields = {"file": ("large.jpg", LARGE, "image/jpeg")}
    answer = http.request("POST", f"{server.url}/api/uploads", fields=fields)
    problem = json.loads(answer.data)
    assert (answer.status, problem["type"]) == (503, "/problems/busy")
    assert int(answer.headers["Retry-After"]) >= 1
    assert "uploading" in problem["message"]


POST = "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {}\r\nContent-Length: 2\r\n\r\n{{}}"


@pytest.mark.parametrize("path", ["/api/products/bulk", "/api/products/1/cancel", "/nowhere"])
def test_an_answer_says_that_its_connection_ends(connect: Connect, path: str) -> None:
    """A client's next request on a connection that is kept alive would get no answer."""
    connection = connect(POST.format(path, "text/plain"))
    answer = b"".join(iter(lambda: connection.recv(100_000), b""))  # until it ends
    assert b"\r\nConnection: close\r\n" in answer


def test_a_connection_is_kept_alive_after_a_body_that_was_read(connect: Connect) -> None:
    connection = connect(POST.format("/api/products/bulk", "application/json"))
    answer = HTTPResponse(connection)
    answer.begin()
    answer.read()
    assert answer.getheader("Connection") == "keep-alive"
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert connection.recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.extra
def test_a_refused_anonymous_request_uses_no_thread(tmp_path: Path) -> None:
    """gunicorn would wait for the unread body, and accept no connection meanwhile."""
    environment = {"WORKER_ENABLED": "false", "API_KEYS": "boss:a-secret-of-the-boss"}
    with PackshotProcess(tmp_path, gunicorn(1), environment) as server, ExitStack() as stack:
        server.wait_until_serving()
        with quick_meanwhile(server, "/healthz"):
            for _ in range(2 * CROWD):
                stranger = stack.enter_context(
                    socket.create_connection(("127.0.0.1", server.port), timeout=10)
                )
                stranger.sendall(UPLOAD.encode() + b"x" * 100)
            time.sleep(1)
        assert status_of(stranger, 5) == "401"


def test_the_largest_photo_costs_little_to_receive(server: PackshotProcess, tmp_path: Path) -> None:
    """gunicorn copied what it had received for each small read, until the body was refused."""
    wait_until_free(server)
    photo = tmp_path / "large.jpg"
    photo.write_bytes(photo_bytes(1).ljust(MAX_BYTES, b"a"))
    [serving] = psutil.Process(server.pid).children()
    before = sum(serving.cpu_times()[:2])
    assert Client(server.url).upload(photo).startswith("/media/uploads/")
    assert sum(serving.cpu_times()[:2]) - before < 0.5 * slowness()


def test_many_uploads_at_once_lose_nothing(sqlite_url: str, tmp_path: Path) -> None:
    shop = Shop(sqlite_url, tmp_path / "media")
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        time.sleep(0.1)

    photo = tmp_path / "photo.jpg"
    photo.write_bytes(photo_bytes(1))
    with served(shop.app) as url, ThreadPoolExecutor(16) as threads:
        client = Client(url, tries=1, sleep=pause)
        stored = set(threads.map(lambda _: client.upload(photo), range(48)))
    assert len(stored) == 48
    assert pauses
    assert min(pauses) >= 1  # as told by Retry-After
    shop.close()


def test_a_place_is_waited_for_only_while_others_become_free() -> None:
    share = ThreadShare(1, wait=0.2)
    assert share.take()
    began = time.monotonic()
    assert not share.take()
    assert time.monotonic() - began > 0.15
    began = time.monotonic()
    assert not share.take()  # nothing moved since
    assert time.monotonic() - began < 0.15
    share.give_back()
    assert share.take()


@pytest.mark.extra
@pytest.mark.parametrize("threads", [1, 2, 4, 16, 64])
def test_some_threads_stay_free_for_any_number_of_them(threads: int) -> None:
    shares = ThreadShares.divide(threads)
    taken = sum(shares.requests.take() for _ in range(threads))
    assert taken >= 1
    assert threads == 1 or taken <= threads - threads // 4
