"""How products per second grow with processes, and with many views of one SKU.

    python -m bench growth

All of Packshot on ministack, PostgreSQL and the fake Gemini at 2 s a call, as in `bench.script`,
with small photos: two products for each slot, of which a process has eight. `make soak
RUNS=backlog` measures the same with 100,000 products waiting.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from servers.packshot_process import PackshotProcess, gunicorn

from bench.rig import Rig
from bench.script import Contest, case_of, stand_in
from bench.table import Line

LATENCY = 2.0
WARM_UP = 4  # the first products of a process start its child and import the SDK
SLOTS = 8
EACH = 10  # products for each slot


def run(rig: Rig) -> list[Line]:
    lines, alone = [], 0.0
    for processes in (1, 2, 4):
        slots = processes * SLOTS
        count = slots * rig.size(EACH, 2)
        with warm(rig, processes) as (contest, process):
            pace = pace_of(contest, process, count)
            alone = alone or pace
            ideal = slots / (2 * LATENCY)  # an analysis, then all pictures at once
            note = f"{pace / alone:.1f} x one process, {100 * pace / ideal:.0f} % of its slots"
            lines.append(Line(f"products a second, {processes} processes", pace, "/s", note=note))
            if processes == 2:
                pace = pace_of(contest, process, count, skus=1)
                lines.append(Line("the same, all of them views of one SKU", pace, "/s"))
    return lines


@contextmanager
def warm(rig: Rig, processes: int) -> Iterator[tuple[Contest, PackshotProcess]]:
    """A program that has made its first products."""
    case = case_of("small", LATENCY, WARM_UP * processes)
    with stand_in(case.latency) as gemini:
        contest = Contest(rig, gunicorn(processes), gemini, case)
        process = contest.start()
        try:
            pace_of(contest, process, case.count)
            yield contest, process
        finally:
            process.stop()


def pace_of(contest: Contest, process: PackshotProcess, count: int, skus: int = 0) -> float:
    """Products a second until these are ready, too."""
    ready, began = contest.ready() + count, time.monotonic()
    contest.create(process, count, skus)
    contest.wait(ready, 300)
    seconds = time.monotonic() - began
    assert contest.ready() == ready
    return count / seconds
