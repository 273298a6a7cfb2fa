"""Requests that could cost more than they are worth, and what each costs a real server.

`python -m support.costly` in tests/ prints the table; with PYTHONPATH that of another checkout.
"""

from __future__ import annotations

import http.client
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from servers.packshot_process import PackshotProcess, gunicorn

from support.shop import API_KEYS, SECRETS

#: Seconds between two questions to /healthz while a request is at work.
EVERY = 0.02


@dataclass(frozen=True)
class Request:
    """One request as it goes over the wire. `secret` is the key's; None for a stranger."""

    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    secret: str | None = SECRETS["all"]


@dataclass
class Cost:
    """Of one request: seconds of CPU, growth in MB at the peak, the slowest /healthz (seconds)."""

    status: int | None = None  # None: refused before it was read, and the connection reset
    cpu: float = 0.0
    megabytes: float = 0.0
    slowest_health: float = 0.0
    failures: list[str] = field(default_factory=list)


# -- what is sent ----------------------------------------------------------------------------------

BULK, UPLOADS, JSON = "/api/products/bulk", "/api/uploads", "application/json"
ADDRESS = "https://a.example/x.jpg"
#: Bytes; a JSON body and an upload at their limits.
JSON_BYTES, UPLOAD_BYTES = 1_990_000, 20_000_000


def marks(count: int) -> str:
    """A row of combining marks in the worst order for NFC: those that sort first come last."""
    return "a" + "\u0301" * (count // 2) + "\u0316" * (count // 2)


def sent(
    path: str, body: str, method: str = "POST", secret: str | None = SECRETS["all"]
) -> Request:
    return Request(method, path, body.encode(), (("Content-Type", JSON),), secret)


def batch(category: str = "x", raw_image: str = ADDRESS, rows: int = 1) -> Request:
    row = {"category": category, "raw_image": raw_image, "mrp": 5, "price": 4}
    return sent(BULK, json.dumps({"products": [row] * rows}, ensure_ascii=False))


def listed(item: str) -> str:
    """A JSON list of this item, as long as a body may be."""
    return "[" + ",".join([item] * (JSON_BYTES // (len(item) + 1) - 100)) + "]"


def many_fields(rows: int, each: int) -> Request:
    fields = ",".join(f'"{number:x}":0' for number in range(each))
    return sent(BULK, '{"products":[' + ",".join(["{" + fields + "}"] * rows) + "]}")


def multipart(body: bytes) -> Request:
    return Request("POST", UPLOADS, body, (("Content-Type", "multipart/form-data; boundary=x"),))


def in_chunks(path: str, content_type: str, first: bytes = b"") -> Request:
    """Two million chunks of one byte, after a first one."""
    head = b"%x\r\n%b\r\n" % (len(first), first) if first else b""
    headers = (("Content-Type", content_type), ("Transfer-Encoding", "chunked"))
    return Request("POST", path, head + b"1\r\n \r\n" * JSON_BYTES + b"0\r\n\r\n", headers)


def in_header(name: str, unit: str, path: str = "/", method: str = "GET") -> Request:
    """As many and as long headers of this name as gunicorn takes; it joins them with commas."""
    value = (unit * (8_100 // len(unit) + 1))[:8_100]
    return Request(method, path, b"", ((name, value),) * 90, None)


MARKED_HOST = "\u0301\u0316" * 950 + ".example"
PART = b'--x\r\nContent-Disposition: form-data; name="f"'
END = b"\r\n\r\nx\r\n--x--\r\n"
REQUESTS: dict[str, Callable[[], Request]] = {
    "category of marks": lambda: batch(marks(60_000)),
    "category of letters": lambda: batch("a" * JSON_BYTES),
    "note of marks": lambda: sent(
        "/api/products/1/review", '{"status":"approved","note":"' + marks(31_000) + '"}'
    ),
    "instructions of marks": lambda: sent(
        "/api/products/1/enhance", '{"instructions":"' + marks(31_000) + '"}'
    ),
    "picture's note of marks": lambda: sent(
        "/api/product-images/1", '{"status":"approved","note":"' + marks(31_000) + '"}', "PATCH"
    ),
    "field's name of marks": lambda: sent(BULK, '{"' + marks(60_000) + '":1}'),
    "category of more marks": lambda: batch(marks(120_000)),
    "hosts of marks": lambda: batch(raw_image=f"https://{MARKED_HOST}/", rows=480),
    "unknown fields": lambda: many_fields(1000, 200),
    "unknown fields of one row": lambda: many_fields(1, 200_000),
    "lists in a list": lambda: sent(BULK, '{"products":[{"category":' + listed("[]") + "}]}"),
    "objects in a list": lambda: sent(BULK, listed("{}")),
    "fractions": lambda: sent(BULK, '{"products":[{"mrp":' + listed("1.5") + "}]}"),
    "long numbers": lambda: sent(BULK, '{"products":[{"mrp":' + listed("9" * 4299) + "}]}"),
    "one long number": lambda: sent(BULK, '{"products":[{"mrp":1.' + "1" * JSON_BYTES + "}]}"),
    "exponents": lambda: sent(
        BULK, '{"products":[' + ",".join(['{"mrp":1e-99999999,"price":1e9999999}'] * 1000) + "]}"
    ),
    "brackets": lambda: sent(BULK, "[" * JSON_BYTES),
    "pictures to approve": lambda: sent(
        "/api/products/1/review", '{"status":"approved","image_ids":' + listed("1.0") + "}"
    ),
    "a stranger's sign-in": lambda: sent("/session", '{"key":' + listed("[]") + "}", secret=None),
    "query of marks": lambda: Request(
        "GET", "/api/products?category=" + "%CC%81" * 330 + "%CC%96" * 330
    ),
    "part with many headers": lambda: multipart(PART + b"\r\nA: b" * (UPLOAD_BYTES // 6) + END),
    "part with a long header": lambda: multipart(PART + b"\r\nA: " + b"b" * UPLOAD_BYTES + END),
    "part with a folded header": lambda: multipart(
        PART + b"\r\nA: " + b"\r\n b" * (UPLOAD_BYTES // 4) + END
    ),
    "part with many parameters": lambda: multipart(PART + b'; a="b"' * (UPLOAD_BYTES // 7) + END),
    "part with a quoted name": lambda: multipart(
        PART + b'; a="' + b'\\"' * (UPLOAD_BYTES // 2) + b'"' + END
    ),
    "many parts": lambda: multipart((PART + b"\r\n\r\n\r\n") * (UPLOAD_BYTES // 52) + b"--x--"),
    "preamble of lines": lambda: multipart(b"a\r\n" * (UPLOAD_BYTES // 3) + b"--x--\r\n"),
    "chunks of one byte": lambda: in_chunks(BULK, JSON),
    "upload in chunks of one byte": lambda: in_chunks(
        UPLOADS, "multipart/form-data; boundary=x", PART + b'; filename="a"\r\n\r\n'
    ),
    "headers: Accept": lambda: in_header("Accept", "a/b;q=0.1,"),
    "headers: Cookie": lambda: in_header("Cookie", "a; "),
    "headers: If-None-Match": lambda: in_header("If-None-Match", ",", "/static/any/desk/api.js"),
}


# -- what it costs ---------------------------------------------------------------------------------


class Server:
    """gunicorn with one process of 16 threads and no worker of products, and how it fares."""

    def __init__(self, process: PackshotProcess) -> None:
        self.process = process

    def measure(self, request: Request) -> Cost:
        cost, pids = Cost(), self._pids()
        before, resident = self._cpu(), self._memory("VmRSS")
        for pid in pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # forget the peak: proc(5)
        with self._watching(cost):
            cost.status = self._send(request)
        if self._pids() != pids:
            cost.failures.insert(0, "gunicorn killed the process")
        cost.cpu = self._cpu() - before
        cost.megabytes = max(0.0, self._memory("VmHWM") - resident)
        return cost

    def _send(self, request: Request) -> int | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.process.port, timeout=110)
        connection.putrequest(request.method, request.path)
        for name, value in request.headers:
            connection.putheader(name, value)
        if request.secret is not None:
            connection.putheader("Authorization", f"Bearer {request.secret}")
        if request.body and "Transfer-Encoding" not in dict(request.headers):
            connection.putheader("Content-Length", str(len(request.body)))
        try:
            with suppress(BrokenPipeError):
                connection.endheaders(request.body or None)
            return connection.getresponse().status
        except ConnectionError:
            return None
        finally:
            connection.close()

    @contextmanager
    def _watching(self, cost: Cost) -> Iterator[None]:
        over = threading.Event()
        watcher = threading.Thread(target=self._ask_health, args=(cost, over))
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def _ask_health(self, cost: Cost, over: threading.Event) -> None:
        while not over.wait(EVERY):
            began = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", self.process.port, timeout=110)
            try:
                connection.request("GET", "/healthz")
                connection.getresponse().read()
            except OSError as error:
                cost.failures.append(repr(error))
            connection.close()
            cost.slowest_health = max(cost.slowest_health, time.monotonic() - began)

    def _pids(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def _cpu(self) -> float:
        """Seconds, user and system, of all its processes; 10 ms exact (proc(5): fields 14, 15)."""
        seconds = 0.0
        for pid in self._pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            seconds += (int(fields[11]) + int(fields[12])) / 100
        return seconds

    def _memory(self, name: str) -> float:
        """MB of all its processes: VmRSS is now, VmHWM the peak."""
        kilobytes = 0
        for pid in self._pids():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith(name):
                    kilobytes += int(line.split()[1])
        return kilobytes / 1024


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    environment = {"API_KEYS": API_KEYS, "WORKER_ENABLED": "false", "ENHANCER": "local"}
    with PackshotProcess(folder, gunicorn(), environment) as process:
        process.wait_until_serving()
        server = Server(process)
        server.measure(Request("GET", "/api/products"))  # the first request loads modules
        server.measure(batch())
        yield server


def main(names: list[str]) -> None:
    print(f"{'request':28} {'KB':>6} {'status':>6} {'CPU s':>6} {'MB':>5} {'healthz s':>9}")
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
        for name in names or REQUESTS:
            request = REQUESTS[name]()
            size = (len(request.body) + sum(len(value) for _, value in request.headers)) // 1000
            cost = server.measure(request)
            print(
                f"{name:28} {size:6} {cost.status or 'reset':>6} {cost.cpu:6.2f}"
                f" {cost.megabytes:5.0f} {cost.slowest_health:9.2f} {' '.join(cost.failures[:1])}",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
