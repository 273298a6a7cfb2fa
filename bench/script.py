"""Packshot beside the specification followed literally (bench/handwritten.py): all of it.

    python -m bench script
    python -m bench.script --latency 10 --photo small      one row of it

Both at the specified `gunicorn -w 4`, with the same photos (of 12 MP one is upright, one turned by
its metadata, in turn), ministack (SQS, S3), PostgreSQL
and Gemini stand-in: `--count` products from one bulk request to the last one's `pending_review`.
CPU and memory (PSS) are those of the program's processes; servers and stand-in run beside them on
the same cores. With 2 s calls some products come before the clock starts: what each process does
once (imports, the start of its pixel child) is little for the 200 products of a full run, and would
be much for fewer. At the end each is killed with kill -9 in the middle of its work and started
again: products lost, calls paid more than needed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import cv2
import numpy as np
import psutil
from servers.aws import REGION
from servers.packshot_process import BIN, PackshotProcess, gunicorn
from sqlalchemy import create_engine, text
from support.fakes import photo_bytes

from bench import ROOT, pixels
from bench.rig import Rig
from bench.table import Line, show
from bench.watch import Watch

VARIANTS = 3
SLOTS = 32  # of four processes
HANDWRITTEN = (
    str(BIN / "gunicorn"),
    *("-w", "4", "-b", "127.0.0.1:{port}", "--timeout", "120"),
    "bench.handwritten:create_app()",
)
PROGRAMS = {"Packshot": gunicorn(4), "handwritten": HANDWRITTEN}
START_SECONDS = 120  # for both programs at once, on a busy machine
VISIBLE_AGAIN = 10  # seconds after which SQS delivers a killed process's messages again

T = TypeVar("T")


@dataclass(frozen=True)
class Ran:
    """The results of one program."""

    seconds: float
    cpu_ms: float  # each product
    memory: float  # MB, at most, of all processes
    ready: int
    calls: int


@dataclass(frozen=True)
class Case:
    photos: tuple[bytes, ...]  # one product each, in turn
    ending: str
    latency: float
    count: int
    warm_up: int = 0  # products before the clock starts
    slots: int | None = None  # in each process of Packshot; None: its default


def run(rig: Rig) -> list[Line]:
    lines = []
    for name in ("12 MP", "small"):
        case = case_of(name, 2.0, rig.size(200, SLOTS), warm_up=8)
        # The script makes one product at a time in each process, so a few products are enough.
        few = replace(case, count=max(8, case.count // 8), warm_up=4)
        with warm(rig, case, few) as (ours, theirs):
            lines += compared(f"{name}, 2 s calls", case, few, ours.measure(), theirs.measure())
    lines += compared_while_waiting(rig)
    return lines + killed(rig)


def compared_while_waiting(rig: Rig) -> list[Line]:
    case = case_of("12 MP", 10.0, SLOTS)
    few = replace(case, count=4)
    with warm(rig, case, few) as (ours, theirs):
        both = at_once(ours.measure, theirs.measure)
    # Not the CPU: it is that of few products, beside the other program's.
    pace, _, memory = compared("12 MP, 10 s calls", case, few, *both)
    return [pace, memory]


def compared(what: str, case: Case, few: Case, ours: Ran, theirs: Ran) -> list[Line]:
    pace, their_pace = case.count / ours.seconds, few.count / theirs.seconds
    return [
        Line(
            f"{what}: products a second, times the script's",
            pace / their_pace,
            "x",
            10,
            note=f"{pace:.2f}/s against {their_pace:.2f}/s; {ours.ready} of {case.count} ready",
        ),
        Line(
            "CPU a product, times the script's",
            ours.cpu_ms / theirs.cpu_ms,
            "x",
            1.3,
            "less",
            note=f"{ours.cpu_ms:.0f} ms against {theirs.cpu_ms:.0f} ms",
        ),
        Line(
            "memory, times the script's",
            ours.memory / theirs.memory,
            "x",
            1.2,
            "less",
            note=f"{ours.memory:.0f} MB against {theirs.memory:.0f} MB",
        ),
    ]


def at_once(*calls: Callable[[], T]) -> list[T]:
    """Make all calls at the same time; their results."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [each.result() for each in [pool.submit(call) for call in calls]]


def case_of(name: str, latency: float, count: int, warm_up: int = 0) -> Case:
    if name == "small":
        return Case((small_png(),), "png", latency, count, warm_up)
    # One upright, one turned by its metadata, as a phone writes what it took on its side.
    photos = (pixels.make_photo(*pixels.PHOTOS[name], orientation) for orientation in (1, 6))
    return Case(tuple(photos), "jpg", latency, count, warm_up)


def small_png() -> bytes:
    """A PNG of 600 x 600 px with some noise."""
    decoded = cv2.imdecode(np.frombuffer(photo_bytes(side=600), np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return cv2.imencode(".png", decoded)[1].tobytes()


# --- one program --------------------------------------------------------------------------------


@contextmanager
def stand_in(latency: float) -> Iterator[str]:
    """Start a stand-in for Gemini in a separate process, whose CPU is not counted; its address."""
    command = [sys.executable, "-m", "bench.stand_in", "--latency", str(latency)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def answered(url: str) -> int:
    with urllib.request.urlopen(url + "/calls") as answer:
        return int(json.load(answer))


class Contest:
    """One program with a new queue, bucket, database and stand-in."""

    def __init__(
        self, rig: Rig, command: Sequence[str], gemini: str, case: Case, lease: int = 300
    ) -> None:
        bucket = rig.aws.bucket()
        keys = [f"raw/photo-{number}.{case.ending}" for number in range(len(case.photos))]
        for key, photo in zip(keys, case.photos, strict=True):
            rig.aws.s3.put_object(Bucket=bucket, Key=key, Body=photo)
        self.raw_images = [f"s3://{bucket}/{key}" for key in keys]
        self.url = rig.postgres.url(rig.postgres.create())
        environment = rig.aws.environment | {
            "DATABASE_URL": self.url,
            "SQS_QUEUE_URL": rig.aws.queue({"VisibilityTimeout": str(lease)}),
            "S3_BUCKET": bucket,
            "AWS_REGION": REGION,
            "GEMINI_API_KEY": "test",
            "GOOGLE_GEMINI_BASE_URL": gemini,
            "LEASE_SECONDS": str(lease),
            "FIDELITY": "off",  # the script has none; bench/fidelity.py says what it costs
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", ROOT, ROOT / "tests"))),
        }
        if case.slots is not None:
            environment["WORKER_CONCURRENCY"] = str(case.slots)
        self.rig, self.command, self.environment = rig, command, environment
        self.gemini = gemini

    def start(self) -> PackshotProcess:
        folder = self.rig.folder
        # In ROOT gunicorn would read Packshot's gunicorn.conf.py for the script, too.
        at = folder if self.command == HANDWRITTEN else ROOT
        process = PackshotProcess(folder, self.command, self.environment, working_folder=at).start()
        process.wait_until_serving(START_SECONDS)
        times = int(self.command[2])
        process.wait_for_line("Worker thread started", times, START_SECONDS)
        return process

    def create(self, process: PackshotProcess, count: int, skus: int = 0) -> None:
        """Create `count` products, spread evenly over `skus` SKUs; 0: without SKUs."""
        row = {"category": "Shoes", "mrp": 5, "price": 4}
        photos = itertools.cycle(self.raw_images)
        rows = [
            row | {"raw_image": photo} | _view_of(n, skus)
            for n, photo in zip(range(count), photos, strict=False)
        ]
        status, answer = process.call("POST", "/api/products/bulk", {"products": rows})
        assert status == 201, answer

    def ready(self) -> int:
        engine = create_engine(self.url)
        asked = text("SELECT count(*) FROM products WHERE status = 'pending_review'")
        with engine.connect() as connection:
            found = connection.scalar(asked)
        engine.dispose()
        return int(found or 0)

    def wait(self, count: int, seconds: float) -> None:
        """Wait until `count` products are ready, or for so many seconds."""
        deadline = time.monotonic() + seconds
        while self.ready() < count and time.monotonic() < deadline:
            time.sleep(0.1)


def _view_of(n: int, skus: int) -> dict[str, str]:
    return {"sku": f"SKU-{n % skus}", "view": str(n // skus)} if skus else {}


class Warm:
    """A program that has made its first products, if its case has such."""

    def __init__(self, rig: Rig, name: str, case: Case) -> None:
        self._case = case
        with ExitStack() as stack:
            self._gemini = stack.enter_context(stand_in(case.latency))
            self._contest = Contest(rig, PROGRAMS[name], self._gemini, case)
            self._process = self._contest.start()
            stack.callback(self._process.stop)
            if case.warm_up:
                self._contest.create(self._process, case.warm_up)
                self._contest.wait(case.warm_up, 600)
            self.close = stack.pop_all().close

    def measure(self) -> Ran:
        case, contest = self._case, self._contest
        watch = Watch(self._process.pid, with_master=True, every=0.25)
        began, paid = time.monotonic(), answered(self._gemini)
        contest.create(self._process, case.count)
        contest.wait(case.warm_up + case.count, 600)
        seconds = time.monotonic() - began
        cpu, memory = watch.cpu(), watch.stop()
        ready, calls = contest.ready() - case.warm_up, answered(self._gemini) - paid
        return Ran(seconds, 1000 * cpu / case.count, memory, ready, calls)


@contextmanager
def warm(rig: Rig, case: Case, few: Case) -> Iterator[tuple[Warm, Warm]]:
    """Packshot and the script, which start at the same time: nothing is measured yet."""
    assert rig.aws and rig.postgres  # started by one thread, not by both
    with ExitStack() as stack:
        both = at_once(partial(Warm, rig, "Packshot", case), partial(Warm, rig, "handwritten", few))
        for each in both:
            stack.callback(each.close)
        yield both[0], both[1]


def measure(rig: Rig, name: str, case: Case) -> Ran:
    """Measure one program alone."""
    program = Warm(rig, name, case)
    try:
        return program.measure()
    finally:
        program.close()


def killed(rig: Rig) -> list[Line]:
    """Kill each program after about half of its products, and start it again; both at once, as
    nothing here is timed. Packshot gets more products than slots: otherwise it would make all at
    the same time, and nothing would be in flight after half of them."""
    ours, theirs = at_once(
        partial(kill_and_restart, rig, "Packshot", 48),
        partial(kill_and_restart, rig, "handwritten", 8),
    )
    return ours + theirs


def kill_and_restart(rig: Rig, name: str, count: int) -> list[Line]:
    case = case_of("small", 1.0, count)
    with stand_in(case.latency) as gemini:
        contest = Contest(rig, PROGRAMS[name], gemini, case, lease=VISIBLE_AGAIN)
        kill(contest, case.count)
        again = contest.start()
        contest.wait(count, VISIBLE_AGAIN + 60)
        ready = contest.ready()
        again.stop()
        extra = answered(gemini) - count * (VARIANTS + 1)
    what = f"{name}, killed -9 in the middle"
    return [
        Line(f"{what}: products of {count} not made", count - ready),
        Line("calls paid more than needed", extra),
    ]


def kill(contest: Contest, count: int) -> None:
    process = contest.start()
    contest.create(process, count)
    contest.wait(count // 2, 60)
    family = psutil.Process(process.pid).children(recursive=True)
    process.stop(9)
    for each in family:
        if each.is_running():
            each.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photo", choices=["12 MP", "small"], default="12 MP")
    parser.add_argument("--latency", type=float, default=2.0)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--warm-up", type=int, default=8, help="products before the clock starts")
    parser.add_argument("--slots", type=int, help="of Packshot; 1: as many as the script has")
    parser.add_argument("--only", choices=list(PROGRAMS), help="run one of them")
    options = parser.parse_args()
    case = case_of(options.photo, options.latency, options.count, options.warm_up)
    case = replace(case, slots=options.slots)
    with Rig() as rig:
        for name in [options.only] if options.only else PROGRAMS:
            ran = measure(rig, name, case)
            lines = [
                Line("products a second", case.count / ran.seconds),
                Line("CPU a product", ran.cpu_ms, "ms"),
                Line("memory at most", ran.memory, "MB"),
                Line(f"ready of {case.count}", ran.ready),
                Line("calls", ran.calls),
            ]
            show(name, lines)


if __name__ == "__main__":
    main()
