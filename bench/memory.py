"""Memory of one serving process with its pixel child, under large photos and under many.

    python -m bench memory

A gunicorn process with its worker: first 32 products with a 24 MP photo each, all in flight; then
1,000 products in a row with a small one and one picture each. Memory is resident, of the process
and its children, in MB; a page that several processes share counts for each in part (PSS).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from servers.packshot_process import PackshotProcess, gunicorn
from support.fakes import photo_bytes

from bench import pixels
from bench.rig import Rig
from bench.table import Line
from packshot.client import Client
from packshot.testing.fake_gemini import FakeGemini

ROW = {"category": "Shoes", "mrp": 5, "price": 4}
IN_FLIGHT = 32


def run(rig: Rig) -> list[Line]:
    large = rig.folder / "24mp.jpg"
    large.write_bytes(pixels.make_photo(*pixels.PHOTOS["24 MP"]))
    small = rig.folder / "small.jpg"
    small.write_bytes(photo_bytes(side=400))
    with serving(
        rig.folder / "large", FakeGemini(side=1024, latency=1.0), LEASE_SECONDS="9"
    ) as web:
        lines = in_flight(web, large)
    with serving(rig.folder / "small", FakeGemini(side=256), ENHANCED_IMAGES_COUNT="1") as web:
        return lines + in_a_row(web, small, rig.size(1000, 100))


@contextmanager
def serving(folder: Path, gemini: FakeGemini, **overrides: str) -> Iterator[PackshotProcess]:
    folder.mkdir()
    environment = {"GEMINI_API_KEY": "test", "WORKER_CONCURRENCY": str(IN_FLIGHT)} | overrides
    with gemini:
        environment["GOOGLE_GEMINI_BASE_URL"] = gemini.url
        with PackshotProcess(folder, gunicorn(1), environment) as web:
            web.wait_until_serving()
            yield web


def in_flight(web: PackshotProcess, photo: object) -> list[Line]:
    client = Client(web.url)
    cold = at_rest(web)
    make(client, photo, 1)  # imports the SDK, starts the child
    warm = at_rest(web)
    watch = Watch(web)
    make(client, photo, IN_FLIGHT)
    peak = watch.stop()
    after = at_rest(web)
    return [
        Line(f"{IN_FLIGHT} products of 24 MP in flight: peak", peak, "MB", 700, "less"),
        Line("before any product", cold, "MB"),
        Line("after the first one: the baseline", warm, "MB"),
        Line("after them all", after, "MB"),
    ]


def at_rest(web: PackshotProcess) -> float:
    """An idle worker returns memory with every heartbeat, here every 3 s."""
    time.sleep(5)
    return Watch(web).stop()


def in_a_row(web: PackshotProcess, photo: object, count: int) -> list[Line]:
    client = Client(web.url)
    make(client, photo, max(20, count // 5))
    early = Watch(web).stop()
    make(client, photo, count)
    late = Watch(web).stop()
    return [
        Line(f"growth over {count:,} products in a row", late - early, "MB", 20, "less"),
        Line("after them", late, "MB"),
    ]


def make(client: Client, photo: object, count: int) -> None:
    raw_image = client.upload(photo)  # type: ignore[arg-type]
    created = client.create([ROW | {"raw_image": raw_image}] * count)["products"]
    done = client.wait([product["id"] for product in created], timeout=300)
    assert {product["status"] for product in done} == {"pending_review"}


class Watch:
    """Samples the memory of the serving process and its children, 20 times a second."""

    def __init__(self, web: PackshotProcess) -> None:
        self.master = psutil.Process(web.pid)
        self.peak = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def now(self) -> float:
        """MB of all but gunicorn's master, which only supervises."""
        total = 0
        for process in self.master.children(recursive=True):
            try:
                total += process.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
        return total / 1e6

    def _look(self) -> None:
        while not self._stopped.wait(0.05):
            self.peak = max(self.peak, self.now())

    def stop(self) -> float:
        """The peak so far."""
        time.sleep(0.2)
        self._stopped.set()
        self._thread.join()
        return self.peak
