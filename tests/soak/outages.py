"""Each part is away for a while under work, and the API is asked all the time."""

from __future__ import annotations

import argparse
import math
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

import urllib3
from faults.rig import Rig
from servers.packshot_process import PackshotProcess
from servers.photo_host import refusal
from servers.ports import wait_until
from servers.tcp_proxy import Mode

from soak.shops import shop

#: What the worker logs when it waits for a part.
WAITING = "nothing is lost"
#: Seconds after which a used-up daily quota is tried again (enhancers/gemini/failures.py).
DAY_QUOTA_SECONDS = 600.0
#: Faults after which it can't be known whether Google counted the call.
UNKNOWN_IF_PAID = frozenset({"hang", "reset"})

Away = Callable[[], AbstractContextManager[None]]


def outages(kind: str, options: argparse.Namespace) -> list[str]:
    """Each part is away for `--seconds` under work, while the API is asked every second."""
    with shop(kind) as rig, _disk(rig):
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
    """On the defaults pictures go to a separate disk, which can be made read-only."""
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
    """Calls whose answer came whole, and that were paid again nevertheless."""
    whole = (call.call for call in rig.fake.paid() if call.fault not in UNKNOWN_IF_PAID)
    return [call for call, times in Counter(whole).items() if times > 1]
