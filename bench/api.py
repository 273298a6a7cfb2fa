"""The API: bulk creation beside a bare insert, latency beside a busy worker, a large shop.

    python -m bench api

Bulk requests of 1,000 products go over a socket to gunicorn with one process. The bare insert uses
SQLAlchemy Core in this process: the same rows, only the table `products`, the same database.
The databases are in memory, because otherwise the disk's fsync would hide the difference.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from statistics import median
from typing import Any, cast

from servers.packshot_process import PackshotProcess, gunicorn
from sqlalchemy import Table, insert

from bench import pixels
from bench.million import fill
from bench.rig import Rig
from bench.table import Line
from packshot.client import Client
from packshot.database.engine import Database
from packshot.database.models import Product
from packshot.database.tables import bring_to_head
from packshot.database.types import now
from packshot.products.catalog import Catalog
from packshot.products.lists import Filter
from packshot.queues.database import DatabaseQueue
from packshot.testing.fake_gemini import FakeGemini

ROW = {"category": "Shoes", "raw_image": "https://x.example/a.jpg", "mrp": 5, "price": 4}
BATCH = 1000
Measure = Callable[[], object]


def run(rig: Rig) -> list[Line]:
    lines = []
    for name, url in databases(rig).items():
        lines += bulk(rig, name, url)
    lines += latency(rig)
    for name, url in databases(rig).items():
        lines += large_shop(rig, name, url)
    return lines


def databases(rig: Rig) -> dict[str, str]:
    """A new database of each kind."""
    lite = rig.in_memory / f"{time.monotonic_ns()}.db"
    return {"SQLite": f"sqlite:///{lite}", "PostgreSQL": rig.postgres.url(rig.postgres.create())}


def milliseconds(measure: Measure) -> float:
    began = time.perf_counter()
    measure()
    return 1000 * (time.perf_counter() - began)


# ---- bulk creation


def bulk(rig: Rig, name: str, url: str) -> list[Line]:
    bring_to_head(url)
    database = Database(url)
    body = {"products": [ROW] * BATCH}
    bare, ours = [], []
    with PackshotProcess(
        rig.folder, gunicorn(1), {"DATABASE_URL": url, "WORKER_ENABLED": "false"}
    ) as web:
        web.wait_until_serving()
        for _ in range(rig.size(8, 3)):  # they take turns
            bare.append(milliseconds(lambda: bare_insert(database)))
            ours.append(milliseconds(lambda: post(web, body)))
    database.close()
    return [
        Line(f"{name}: bulk request of 1,000", median(ours), "ms", 500, "less"),
        Line(f"{name}: bare Core insert of 1,000", median(bare), "ms"),
        Line(f"{name}: bulk request over bare insert", median(ours) / median(bare), "x"),
    ]


def bare_insert(database: Database) -> None:
    row = ROW | {"discount": 1, "gst": 0, "status": "pending"}
    with database.write() as session:
        session.execute(
            insert(cast(Table, Product.__table__)).values(queued_at=now()), [row] * BATCH
        )


def post(web: PackshotProcess, body: Any) -> None:
    status, answer = web.call("POST", "/api/products/bulk", body)
    assert status == 201, answer


# ---- one product, while the worker of the same process is idle and while it is busy


def latency(rig: Rig) -> list[Line]:
    photo = rig.folder / "12mp.jpg"
    photo.write_bytes(pixels.make_photo(*pixels.PHOTOS["12 MP"]))
    with FakeGemini(side=1024, latency=0.2) as gemini:
        environment = {
            "GEMINI_API_KEY": "test",
            "GOOGLE_GEMINI_BASE_URL": gemini.url,
            "WORKER_CONCURRENCY": "16",
        }
        with PackshotProcess(rig.folder, gunicorn(1), environment) as web:
            web.wait_until_serving()
            client = Client(web.url)
            idle = looks_at_one(web, rig.size(200, 50), not_queued=True)
            raw_image = client.upload(photo)
            client.create([ROW | {"raw_image": raw_image}] * rig.size(300, 60))
            web.wait_for_line("Successfully processed product", times=4)
            busy = looks_at_one(web, rig.size(200, 50), not_queued=False)
            still_busy = client.stats()["queue"]["waiting"] > 0
    note = "" if still_busy else "the worker had nothing left to do"
    return [
        Line("GET one product, idle: p50", quantile(idle, 0.5), "ms"),
        Line("GET one product, idle: p99", quantile(idle, 0.99), "ms"),
        Line("GET one product, worker saturated: p50", quantile(busy, 0.5), "ms", note=note),
        Line("GET one product, worker saturated: p99", quantile(busy, 0.99), "ms", note=note),
    ]


def looks_at_one(web: PackshotProcess, count: int, *, not_queued: bool) -> list[float]:
    """Milliseconds of repeated requests for one product."""
    if not_queued:
        web.call("POST", "/api/products/bulk", {"products": [ROW]})
        web.wait_for_line("failed")  # x.example does not exist: the worker stays idle
    taken = []
    for _ in range(count):
        taken.append(milliseconds(lambda: look(web)))
        time.sleep(0.02)  # spread over more of the worker's time
    return taken


def look(web: PackshotProcess) -> None:
    status, answer = web.call("GET", "/api/products/1")
    assert status == 200, answer


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


# ---- half a million products


def large_shop(rig: Rig, name: str, url: str) -> list[Line]:
    count = rig.size(500_000, 10_000)
    database = fill(url, count)
    catalog = Catalog(database, DatabaseQueue(database), 3)

    def best(measure: Measure, rounds: int = 5) -> float:
        return min(milliseconds(measure) for _ in range(rounds))

    def search(term: str) -> float:
        return best(lambda: catalog.products(Filter(q=term)))

    failed = Filter("failed")
    first = milliseconds(catalog.stats)
    last = last_cursor(catalog)
    lines = [
        Line(f"{name}, {count:,}: first page", best(catalog.products), "ms"),
        Line(f"{name}, {count:,}: last page", best(lambda: catalog.products(cursor=last)), "ms"),
        Line(f"{name}, {count:,}: a status", best(lambda: catalog.products(failed)), "ms"),
        Line(f"{name}, {count:,}: a SKU searched", search("sku-9999"), "ms", 100, "less"),
        Line(f"{name}, {count:,}: what all begin with", search("p"), "ms", 100, "less"),
        Line(f"{name}, {count:,}: a search that finds none", search("x"), "ms", 100, "less"),
        Line(f"{name}, {count:,}: what waits for work", best(lambda: catalog.queue.lease(1)), "ms"),
        Line(f"{name}, {count:,}: stats, counted (first)", first, "ms", 300, "less"),
        Line(f"{name}, {count:,}: stats, as polled", best(catalog.stats), "ms", 300, "less"),
    ]
    database.close()
    return lines


def last_cursor(catalog: Catalog) -> str:
    """Where the last page begins: the cursor of the first page, with another id."""
    first = catalog.products().next_cursor or ""
    place = base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)).split()
    return base64.urlsafe_b64encode(place[0] + b" 51 ").decode().rstrip("=")
