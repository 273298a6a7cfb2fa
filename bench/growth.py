"""How products per second grow with processes, and with many views of few SKUs.

    python -m bench growth

All of Packshot on ministack, PostgreSQL and the fake Gemini at 2 s a call, as in `bench.script`,
with small photos. `make soak RUNS=backlog` measures the same with 100,000 products waiting.
"""

from __future__ import annotations

import time

from servers.packshot_process import gunicorn

from bench.rig import Rig
from bench.script import Case, Contest, case_of, stand_in
from bench.table import Line

LATENCY = 2.0
WARM_UP = 8  # the first products of a process start its child and import the SDK
SLOTS = 8


def run(rig: Rig) -> list[Line]:
    case = case_of("small", LATENCY, rig.size(160, 32))
    lines, alone = [], 0.0
    for processes in (1, 2, 4):
        pace = pace_of(rig, case, processes, 0)
        alone = alone or pace
        ideal = processes * SLOTS / (2 * LATENCY)  # an analysis, then all pictures at once
        note = f"{pace / alone:.1f} x one process, {100 * pace / ideal:.0f} % of its slots"
        lines.append(Line(f"products a second, {processes} processes", pace, "/s", note=note))
    for skus in (1, 8):
        pace = pace_of(rig, case, 2, skus)
        lines.append(Line(f"2 processes, all views of {skus} SKUs", pace, "/s"))
    return lines


def pace_of(rig: Rig, case: Case, processes: int, skus: int) -> float:
    """Products a second, after the first ones."""
    with stand_in(case.latency) as gemini:
        contest = Contest(rig, gunicorn(processes), gemini, case)
        process = contest.start()
        try:
            warm_up = WARM_UP * processes
            contest.create(process, warm_up)
            contest.wait(warm_up, 120)
            began = time.monotonic()
            contest.create(process, case.count, skus)
            contest.wait(warm_up + case.count, 300)
            assert contest.ready() == warm_up + case.count
            return case.count / (time.monotonic() - began)
        finally:
            process.stop()
