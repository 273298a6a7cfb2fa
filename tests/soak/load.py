"""Load on the bulk API, on a schedule that no slow answer delays."""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import psutil
import urllib3
from faults.rig import Rig

from soak.shops import shop

#: What 99 of 100 bulk requests may take (docs/performance.md).
MAX_P99_MS = 500


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
    with shop(kind) as rig:
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
    """Megabytes of the serving processes (the pixel processes come and go with the work)."""
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
    if p99 > MAX_P99_MS:
        broken.append(f"p99 is {p99:.0f} ms, more than {MAX_P99_MS}")
    if late > early * 1.2:
        broken.append(f"memory grew from {early:.0f} to {late:.0f} MB")
    return broken
