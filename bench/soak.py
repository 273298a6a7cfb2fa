"""The long runs: random kills, parts away for a minute, load on the bulk API, and long backlogs.

`make soak` runs all of them and prints one report; `python bench/soak.py kills --products 50` runs
one, smaller. Each prints what it measured and ends with 1 when a promise did not hold.

On two idle cores, on the embedded defaults and then on the cloud parts, they take about:
  kills     4 and 6 minutes for 200 products and 40 deaths; --products 40 a minute and a half each
  outages   25 and 35 minutes; --seconds 10 takes 4 and 6 (without the day's quota)
  load      2 minutes each
  backlog   2 and 3 minutes
"""

from __future__ import annotations

import argparse
import math
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import psutil
import urllib3

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from faults.chaos import kill_at_random
from faults.rig import Rig, cloud, embedded
from servers.aws import start_ministack
from servers.packshot_process import PackshotProcess
from servers.photo_host import refusal
from servers.ports import wait_until
from servers.postgres import Postgres
from servers.tcp_proxy import Mode
from support.fakes import analysis_of
from support.products import record

from packshot.database.engine import Database, bring_to_head
from packshot.products.catalog import Catalog
from packshot.products.intake import NewProduct
from packshot.queues.database import DatabaseQueue
from packshot.work.claims import Claim, Claims

PRODUCT = NewProduct(
    "Boxes", "https://shop.example/a.jpg", Decimal(10), Decimal(9), Decimal(1), Decimal(0)
)


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder; a child that was just killed may still write its last picture into it."""
    return tempfile.TemporaryDirectory(ignore_cleanup_errors=True)


@contextmanager
def shops(kind: str, folder: Path) -> Iterator[Rig]:
    """The embedded defaults, or PostgreSQL with SQS and S3."""
    if kind == "embedded":
        url = f"sqlite:///{folder}/packshot.db"
        bring_to_head(url)
        with embedded(folder, url) as rig:
            yield rig
        return
    postgres, aws = Postgres(), start_ministack(folder)
    try:
        os.environ.update(aws.environment)
        url = postgres.url(postgres.create())
        bring_to_head(url)
        with cloud(folder, postgres, url, aws) as rig:
            yield rig
    finally:
        aws.close()
        postgres.close()


# -- kill -9 at random -----------------------------------------------------------------------------


def kills(kind: str, options: argparse.Namespace) -> list[str]:
    """Workers are killed every 0.5 to 3 s until `--kills` died; every product must be whole."""
    with scratch() as folder, shops(kind, Path(folder)) as rig:
        rig.create(options.products)
        began = time.monotonic()
        kill_at_random(rig, options.kills or max(1, options.products // 5))
        audit = rig.audit()
        print(f"  {audit}; {time.monotonic() - began:.0f} s")
        broken = [*audit.faults, *rig.repeats_without_a_death()]
        if audit.statuses != {"pending_review": options.products}:
            broken.append(f"not all are pending_review: {dict(audit.statuses)}")
        return broken


# -- parts away for a minute -----------------------------------------------------------------------

#: The worker's own words when it waits for a part.
WAITING = "nothing is lost"
#: A used-up day's quota is looked at again after this long (enhancers/gemini_outcomes.py).
DAY_QUOTA_SECONDS = 600.0
#: Whether Google counted a call whose answer never came, nobody can know.
UNKNOWN_IF_PAID = frozenset({"hang", "reset"})

Away = Callable[[], AbstractContextManager[None]]


def outages(kind: str, options: argparse.Namespace) -> list[str]:
    """Each part is away for `--seconds` under work, while the API is asked every second."""
    with scratch() as folder, shops(kind, Path(folder)) as rig, _disk(rig):
        rig.fake.latency = 0.5
        more = {"LEASE_SECONDS": "60", "WORKER_CONCURRENCY": "4", "GEMINI_TIMEOUT": "10"}
        more |= {"RATE_LIMIT_PER_MINUTE": "0", "PRODUCTS_PER_DAY": "0"}
        web = rig.web(workers=1, **more)
        broken: list[str] = []
        with rig.running(web):
            web.wait_until_serving()
            for name, away in _ways(rig, options.seconds):
                broken += [
                    f"{name}: {fault}" for fault in _one_outage(rig, web, name, away, options)
                ]
            audit = rig.audit()
            print(f"  in all: {audit}")
            broken += audit.faults
        return broken


def _ways(rig: Rig, seconds: float) -> Iterator[tuple[str, Away]]:
    """What can be away here, and how."""
    for part in rig.proxies:
        for mode in ("refuse", "hang"):
            yield f"{part} {mode}", partial(_proxy, rig, part, mode)
    if rig.database.is_sqlite:
        yield "database locked", partial(_locked, rig)
    if "MEDIA_DIR" in rig.environment:
        yield "storage read-only", partial(_read_only, rig)
    yield "photo's host 503", partial(_no_photos, rig)
    for fault in ("hang", "reset", "quota_minute", "overloaded"):
        yield f"Gemini {fault}", partial(_misbehaving, rig, fault)
    if seconds >= 60:
        yield "Gemini quota_day", partial(_misbehaving, rig, "quota_day")
    else:
        print("  Gemini quota_day is left out: it takes ten minutes, however short the rest")


@contextmanager
def _proxy(rig: Rig, part: str, mode: Mode) -> Iterator[None]:
    rig.proxies[part].mode = mode
    yield
    rig.proxies[part].mode = "pass"


@contextmanager
def _locked(rig: Rig) -> Iterator[None]:
    lock = sqlite3.connect(str(rig.database.url.database), isolation_level=None, timeout=30)
    lock.execute("BEGIN EXCLUSIVE")
    yield
    lock.execute("ROLLBACK")
    lock.close()


@contextmanager
def _disk(rig: Rig) -> Iterator[None]:
    """On the defaults pictures go to a disk of their own, that can be made read-only."""
    if rig.aws is not None:
        yield
        return
    disk = rig.folder / "media"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512m", "packshot-soak", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        print("  storage read-only is left out: no right to mount a disk for it")
        yield
        return
    rig.environment["MEDIA_DIR"] = str(disk)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@contextmanager
def _read_only(rig: Rig) -> Iterator[None]:
    disk = rig.environment["MEDIA_DIR"]
    wait_until(lambda: not subprocess.run(["mount", "-o", "remount,ro", disk]).returncode)
    yield
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)


@contextmanager
def _no_photos(rig: Rig) -> Iterator[None]:
    photo, rig.host.pages["/photo.jpg"] = rig.host.pages["/photo.jpg"], refusal(503)
    yield
    rig.host.pages["/photo.jpg"] = photo


@contextmanager
def _misbehaving(rig: Rig, fault: str) -> Iterator[None]:
    rig.fake.misbehave(fault, times=1_000_000)
    yield
    rig.fake.behave()


def _one_outage(
    rig: Rig, web: PackshotProcess, name: str, away: Away, options: argparse.Namespace
) -> list[str]:
    answers: Counter[str] = Counter()
    asked, paid, log_before = len(rig.fake.calls), len(rig.fake.paid()), len(web.log())
    products = sum(rig.statuses().values())
    _ask(web, rig, answers, 12)
    rig.until(lambda: len(rig.fake.paid()) > paid)
    began = time.monotonic()
    with away():
        while time.monotonic() < began + options.seconds:
            _ask(web, rig, answers)
            time.sleep(1)
    back = time.monotonic()
    rig.wait_done(seconds=300 + (DAY_QUOTA_SECONDS * 1.5 if "quota_day" in name else 0))
    took, minutes = time.monotonic() - back, (time.monotonic() - began) / 60
    lines = web.log()[log_before:].count(WAITING)
    made = sum(rig.statuses().values()) - products
    twice = _paid_twice(rig)
    print(
        f"  {name}: the API said {dict(answers)}; {made} products, {len(rig.fake.calls) - asked}"
        f" requests to Gemini, all done {took:.0f} s after it, {lines} lines about waiting,"
        f" {len(twice)} calls paid twice",
        flush=True,
    )
    broken = [f"paid twice: {twice}"] if twice else []
    if set(answers) - {"201", "503 with Retry-After"}:
        broken.append(f"the API said {dict(answers)}")
    if made < 11 + answers["201"]:
        broken.append(f"{made} products of {11 + answers['201']} accepted")
    if set(rig.statuses()) != {"pending_review"}:
        broken.append(f"not all are pending_review: {dict(rig.statuses())}")
    if lines > math.ceil(minutes):  # one a minute
        broken.append(f"{lines} lines about waiting in {minutes:.1f} minutes")
    return broken


def _ask(web: PackshotProcess, rig: Rig, answers: Counter[str], count: int = 1) -> None:
    """One bulk request, and what became of it."""
    row = {"category": "Boxes", "raw_image": rig.host.url("/photo.jpg"), "mrp": 10, "price": 9}
    body = {"products": [row] * count}
    try:
        answer = web.http.request("POST", f"{web.url}/api/products/bulk", json=body, timeout=60)
        known = answer.status == 503 and "Retry-After" in answer.headers
        answers["503 with Retry-After" if known else str(answer.status)] += 1
    except urllib3.exceptions.HTTPError as error:
        answers[type(error).__name__] += 1


def _paid_twice(rig: Rig) -> list[str]:
    """Calls whose answer came whole, and that were paid again all the same."""
    whole = (call.call for call in rig.fake.paid() if call.fault not in UNKNOWN_IF_PAID)
    return [call for call, times in Counter(whole).items() if times > 1]


# -- load on the bulk API --------------------------------------------------------------------------


@dataclass
class Load:
    """What came back from the bulk API, and how big the processes were meanwhile."""

    seconds: list[float] = field(default_factory=list)  # per request, from when it was due
    answers: Counter[object] = field(default_factory=Counter)
    megabytes: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def load(kind: str, options: argparse.Namespace) -> list[str]:
    """`--rate` requests a second of 100 products for `--seconds`, on a schedule: a slow answer
    makes no later request wait (no coordinated omission)."""
    with scratch() as folder, shops(kind, Path(folder)) as rig:
        rig.fake.latency = 2.0
        more = {"WORKER_CONCURRENCY": "4", "LEASE_SECONDS": "60", "RATE_LIMIT_PER_MINUTE": "0"}
        more |= {"PRODUCTS_PER_DAY": "0"}
        web = rig.web(workers=2, **more)
        with rig.running(web):
            web.wait_for_line("Worker thread started", 2)
            run = Load()
            _fire(run, rig, f"{web.url}/api/products/bulk", web.pid, options)
            stored = sum(rig.statuses().values())
    return _judge(run, stored, options)


def _fire(run: Load, rig: Rig, url: str, pid: int, options: argparse.Namespace) -> None:
    row = {"category": "Boxes", "raw_image": rig.host.url("/photo.jpg"), "mrp": 10, "price": 9}
    body = {"products": [row] * 100}
    total = int(options.rate * options.seconds)
    numbers, began = iter(range(total)), time.monotonic() + 0.5
    http = urllib3.PoolManager(retries=False, timeout=30, maxsize=64)

    def customer() -> None:
        while True:
            with run.lock:
                number = next(numbers, None)
            if number is None:
                return
            due = began + number / options.rate
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                answer: object = http.request("POST", url, json=body).status
            except urllib3.exceptions.HTTPError as error:
                answer = type(error).__name__
            with run.lock:
                run.seconds.append(time.monotonic() - due)
                run.answers[answer] += 1

    threads = [threading.Thread(target=customer) for _ in range(32)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        run.megabytes.append(_memory(pid))
        time.sleep(1)
    http.clear()


def _memory(pid: int) -> float:
    """Megabytes of the serving processes (the pixel children come and go with the work)."""
    family = [psutil.Process(pid), *psutil.Process(pid).children()]
    return sum(each.memory_info().rss for each in family) / 2**20


def _judge(run: Load, stored: int, options: argparse.Namespace) -> list[str]:
    ordered = sorted(run.seconds)
    p50, p99 = (ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.99))
    third = max(1, len(run.megabytes) // 3)
    early, late = (
        statistics.median(part) for part in (run.megabytes[: third * 2], run.megabytes[-third:])
    )
    print(
        f"  {len(ordered)} requests of 100 products at {options.rate:g}/s: {dict(run.answers)}; "
        f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, worst {ordered[-1] * 1000:.0f} ms; "
        f"{stored} products; memory {early:.0f} -> {late:.0f} MB"
    )
    broken = []
    if set(run.answers) != {201} or stored != 100 * run.answers[201]:
        broken.append(f"answers {dict(run.answers)}, {stored} products stored")
    if p99 > 250:
        broken.append(f"p99 is {p99:.0f} ms, more than 250")
    if late > early * 1.2:
        broken.append(f"memory grew from {early:.0f} to {late:.0f} MB")
    return broken


# -- a long backlog --------------------------------------------------------------------------------


def backlog(kind: str, options: argparse.Namespace) -> list[str]:
    """What the database costs per product (lease, claim, save, complete), behind 1,000 waiting
    products and behind 100,000; by turns, so that a busy machine hits both."""
    with tempfile.TemporaryDirectory() as folder, _databases(kind, Path(folder)) as make:
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
    catalog = Catalog(database, DatabaseQueue(database, 60), wanted=3)
    for start in range(0, count, 1000):
        catalog.create([PRODUCT] * min(1000, count - start))
    # Else the first turn pays for what the filling left in SQLite's log, and PostgreSQL plans for
    # the few rows it knew of: its autovacuum comes within a minute.
    tidy = "PRAGMA wal_checkpoint(TRUNCATE)" if database.is_sqlite else "VACUUM ANALYZE"
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(tidy)


def _cost(database: Database, count: int) -> float:
    """Seconds per product, for `count` of them; their number is put back afterwards."""
    queue, claims = DatabaseQueue(database, 60), Claims(database, 60, wanted=3)
    done, began = 0, time.perf_counter()
    while done < count:
        for _ in queue.lease(8):
            claim = claims.take()
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


RUNS: dict[str, Callable[[str, argparse.Namespace], list[str]]] = {
    "kills": kills,
    "outages": outages,
    "load": load,
    "backlog": backlog,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="*", choices=[*RUNS, []], help="default: all")
    parser.add_argument("--on", choices=["embedded", "cloud"], help="default: both")
    parser.add_argument("--products", type=int, default=200, help="for kills")
    parser.add_argument("--kills", type=int, help="default: one for every 5 products")
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second, for load")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="how long load lasts, and each part is away"
    )
    parser.add_argument("--backlog", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=5, help="for backlog")
    options = parser.parse_args()
    broken: list[str] = []
    words = " ".join(sys.argv[1:])
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores: {words}")
    for name in options.runs or RUNS:
        for kind in [options.on] if options.on else ["embedded", "cloud"]:
            print(f"{name} on {kind}", flush=True)
            broken += [f"{name} on {kind}: {fault}" for fault in RUNS[name](kind, options)]
    print("\n".join(["BROKEN:", *broken] if broken else ["every promise held"]))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
