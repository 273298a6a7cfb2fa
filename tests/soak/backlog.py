"""What the database costs per product behind a long backlog."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path

from servers.postgres import Postgres
from support.fakes import analysis_of
from support.products import record

from packshot.database.engine import Database
from packshot.database.tables import bring_to_head
from packshot.products.catalog import Catalog
from packshot.products.seller_fields import NewProduct
from packshot.queues.database import DatabaseQueue
from packshot.work.claiming.claim import Claim
from packshot.work.claiming.claims import Claims
from soak.shops import scratch

PRODUCT = NewProduct(
    "Boxes", "https://shop.example/a.jpg", Decimal(10), Decimal(9), Decimal(1), Decimal(0)
)


def backlog(kind: str, options: argparse.Namespace) -> list[str]:
    """What the database costs per product (lease, claim, save, complete), behind 1,000 waiting
    products and behind 100,000; alternating, so that a busy machine affects both."""
    with scratch() as folder, _databases(kind, Path(folder)) as make:
        short, long = make(), make()
        _fill(short, 1000)
        _fill(long, options.backlog)
        costs: dict[str, list[float]] = {"1,000": [], f"{options.backlog:,}": []}
        for _ in range(options.turns):
            for (_name, taken), database in zip(costs.items(), (short, long), strict=True):
                taken.append(_cost(database, 100))
        for database in (short, long):
            database.close()
    few, many = (statistics.median(taken) * 1000 for taken in costs.values())
    names = " and ".join(costs)
    print(
        f"  {kind}: cost per product behind {names} waiting: {few:.2f} and {many:.2f} ms"
        f" (x {many / few:.2f}; medians of {options.turns} turns of 100)"
    )
    return [f"{kind}: x {many / few:.2f} is more than 1.25"] if many > few * 1.25 else []


@contextmanager
def _databases(kind: str, folder: Path) -> Iterator[Callable[[], Database]]:
    if kind == "embedded":
        names = iter(("short", "long"))

        def new() -> Database:
            url = f"sqlite:///{folder}/{next(names)}.db"
            bring_to_head(url)
            return Database(url)

        yield new
        return
    postgres = Postgres()

    def new_postgres() -> Database:
        url = postgres.url(postgres.create())
        bring_to_head(url)
        return Database(url)

    try:
        yield new_postgres
    finally:
        postgres.close()


def _fill(database: Database, count: int) -> None:
    catalog = Catalog(database, DatabaseQueue(database), wanted=3)
    for start in range(0, count, 1000):
        catalog.create([PRODUCT] * min(1000, count - start))
    # Else the first turn pays for what the filling left in SQLite's log, and PostgreSQL plans for
    # the few rows it knew of: its autovacuum comes within a minute.
    tidy = "PRAGMA wal_checkpoint(TRUNCATE)" if database.is_sqlite else "VACUUM ANALYZE"
    with closing(database.engine.raw_connection()) as connection:  # VACUUM needs no transaction
        connection.cursor().execute(tidy)


def _cost(database: Database, count: int) -> float:
    """Seconds per product, for `count` of them; their number is put back afterwards."""
    queue, claims = DatabaseQueue(database), Claims(database, 60, wanted=3)
    done, began = 0, time.perf_counter()
    while done < count:
        for _ in queue.lease(8):
            claim = claims.claim_next()
            if not isinstance(claim, Claim):
                continue
            claims.save_analysis(claim, "gemini", analysis_of(3).model_dump())
            for variant in claim.missing:
                claims.record_image(claim, record(variant))
            claims.complete(claim)
            done += 1
    spent = (time.perf_counter() - began) / done
    _fill(database, done)
    return spent
