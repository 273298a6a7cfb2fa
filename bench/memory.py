"""Memory of one serving process with its pixel process, with large photos and with many.

    python -m bench memory

A gunicorn process with its worker: first 32 products with a 24 MP photo each, all in flight; then
500 products in a row with a small one and one picture each, after a fifth as many. Memory is
resident, of the process and its children, in MB; a page that several processes share counts for
each in part (PSS).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.packshot_process import PackshotProcess, gunicorn
from support.fakes import photo_bytes

from bench import pixels
from bench.rig import Rig
from bench.table import Line
from bench.watch import Watch
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
    # The process of the fidelity check would start and end meanwhile, which is no growth.
    few = {"ENHANCED_IMAGES_COUNT": "1", "FIDELITY": "off"}
    with serving(rig.folder / "small", FakeGemini(side=256), **few) as web:
        return lines + in_a_row(web, small, rig.size(500, 100))


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
    cold = Watch(web.pid).stop()
    make(client, photo, 1)  # imports the SDK, starts the child
    warm = at_rest(web)
    watch = Watch(web.pid)
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
    time.sleep(4)
    return Watch(web.pid).stop()


def in_a_row(web: PackshotProcess, photo: object, count: int) -> list[Line]:
    client = Client(web.url)
    make(client, photo, max(20, count // 5))
    early = Watch(web.pid).stop()
    make(client, photo, count)
    late = Watch(web.pid).stop()
    return [
        Line(f"growth over {count:,} products in a row", late - early, "MB", 20, "less"),
        Line("after them", late, "MB"),
    ]


def make(client: Client, photo: object, count: int) -> None:
    raw_image = client.upload(photo)  # type: ignore[arg-type]
    created = client.create([ROW | {"raw_image": raw_image}] * count)["products"]
    done = client.wait([product["id"] for product in created], timeout=300)
    assert {product["status"] for product in done} == {"pending_review"}
