"""What each lane costs: real workers at the fake Gemini; compares both ledgers' sums.

`python -m bench.lanes [PRODUCTS] [KILLS]`: KILLS workers are killed (SIGKILL) in each lane.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
from sqlalchemy import select

from bench import ROOT
from packshot.database.engine import Database
from packshot.database.models import PENDING, BatchJob, Call, Product, ProductImage
from packshot.database.tables import bring_to_head
from packshot.enhancers.gemini.prices import price_of
from packshot.lanes import LANES
from packshot.pictures import imaging
from packshot.products.catalog import Catalog
from packshot.products.seller_fields import NewProduct
from packshot.queues.database import DatabaseQueue
from packshot.storage import LocalStorage
from packshot.testing.fake_gemini import FakeGemini, PaidCall

WORKERS = 2
JOB_SECONDS = 3.0
LEASE = 5


def main(products: int, kills: int) -> None:
    for lane in LANES:
        with TemporaryDirectory() as folder, FakeGemini(side=300, latency=0.2) as fake:
            fake.batches.delay = JOB_SECONDS
            print(run(lane, Path(folder), fake, products, kills), flush=True)


def run(lane: str, folder: Path, fake: FakeGemini, products: int, kills: int) -> str:
    url = f"sqlite:///{folder}/shop.db"
    bring_to_head(url)
    database = Database(url)
    create(lane, folder, database, products)
    began, chance = time.monotonic(), random.Random(7)
    with workers(folder, url, fake) as alive:
        for _ in range(kills):
            time.sleep(chance.uniform(1.0, 4.0))
            replace_one(alive, folder, url, fake, chance)
        while statuses(database)[PENDING]:
            time.sleep(0.5)
            assert time.monotonic() - began < 900, (statuses(database), states(database))
    return report(lane, database, fake, time.monotonic() - began)


def create(lane: str, folder: Path, database: Database, products: int) -> None:
    pixels = np.random.default_rng(3).integers(0, 255, (15, 15, 3), np.uint8)
    photo = imaging.encode_array(pixels.repeat(20, 0).repeat(20, 1))
    storage = LocalStorage(folder / "media")
    rows = []
    for number in range(products):
        storage.put(f"uploads/{number}", photo, "image/jpeg")
        rows.append(NewProduct("Boxes", f"/media/uploads/{number}", Decimal(10), Decimal(9)))
    catalog = Catalog(database, DatabaseQueue(database), 3)
    catalog.create(rows, lane=cast(Any, lane))


@contextmanager
def workers(folder: Path, url: str, fake: FakeGemini) -> Iterator[list[subprocess.Popen[bytes]]]:
    alive = [worker(folder, url, fake) for _ in range(WORKERS)]
    try:
        yield alive
    finally:
        for each in alive:
            each.kill()
            each.wait()


def worker(folder: Path, url: str, fake: FakeGemini) -> subprocess.Popen[bytes]:
    given = {
        "DATABASE_URL": url,
        "MEDIA_DIR": str(folder / "media"),
        "GEMINI_API_KEY": "AIza-bench",
        "GOOGLE_GEMINI_BASE_URL": fake.url,
        "LEASE_SECONDS": str(LEASE),
        "FIDELITY": "off",
    }
    with (folder / "worker.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "src.worker"], cwd=ROOT, env=os.environ | given, stderr=log
        )


def replace_one(
    alive: list[subprocess.Popen[bytes]],
    folder: Path,
    url: str,
    fake: FakeGemini,
    chance: random.Random,
) -> None:
    place = chance.randrange(len(alive))
    alive[place].kill()
    alive[place].wait()
    alive[place] = worker(folder, url, fake)


def statuses(database: Database) -> Counter[str]:
    with database.read() as session:
        return Counter(session.scalars(select(Product.status)))


def states(database: Database) -> Counter[str]:
    with database.read() as session:
        return Counter(session.scalars(select(BatchJob.state)))


def report(lane: str, database: Database, fake: FakeGemini, seconds: float) -> str:
    with database.read() as session:
        calls = session.scalars(select(Call)).all()
        pictures = len(session.scalars(select(ProductImage.id)).all())
    ours = sum((call.cost or Decimal(0) for call in calls), Decimal(0))
    paid = fake.paid()
    theirs = sum(map(bill, paid), Decimal(0))
    times = Counter(call.call for call in paid)
    lanes = Counter(call.lane for call in paid)
    return (
        f"{lane:>8}: {dict(statuses(database))}, {pictures} pictures, {seconds:.0f} s; "
        f"database ${ours:.6f} ({len(calls)} calls), Gemini's ledger ${theirs:.6f} "
        f"({len(paid)} paid: {dict(lanes)}), paid beyond the first: "
        f"{sum(count - 1 for count in times.values())}, jobs {dict(states(database))}"
    )


def bill(call: PaidCall) -> Decimal:
    """US dollars of one call, as our column has it."""
    price = price_of(call.model, datetime.now(UTC).date(), cast(Any, call.lane))
    assert price is not None
    cost = price.cost(call.tokens_in, call.tokens_out, call.tokens_image)
    assert cost is not None
    return cost.quantize(Decimal("0.000001"))


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:]]
    main(*(numbers + [200, 0][len(numbers) :]))
