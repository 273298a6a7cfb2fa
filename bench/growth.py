"""How products per second grow with processes, and with many views of one SKU.

    python -m bench growth

All of Packshot on ministack, PostgreSQL and the fake Gemini at 2 s a call, as in `bench.script`,
with small photos: two products for each slot, of which a process has eight. `make soak
RUNS=backlog` measures the same with 100,000 products waiting.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from servers.packshot_process import gunicorn

from bench.rig import Rig
from bench.script import Contest, at_once, case_of, stand_in
from bench.table import Line

LATENCY = 2.0
WARM_UP = 4  # the first products of a process start its child and import the SDK
SLOTS = 8
EACH = 10  # products for each slot
PROCESSES = (1, 2, 4)


def run(rig: Rig) -> list[Line]:
    assert rig.aws and rig.postgres  # started by one thread, not by three
    with ExitStack() as stack:
        warm_ones = at_once(*(partial(Warm, rig, processes) for processes in PROCESSES))
        for each in warm_ones:
            stack.callback(each.close)
        return measured(rig, warm_ones)


def measured(rig: Rig, warm_ones: Sequence[Warm]) -> list[Line]:
    """One after the other; the processes of the others wait meanwhile."""
    lines, alone = [], 0.0
    for processes, warm in zip(PROCESSES, warm_ones, strict=True):
        slots = processes * SLOTS
        count = slots * rig.size(EACH, 2)
        pace = warm.pace_of(count)
        alone = alone or pace
        ideal = slots / (2 * LATENCY)  # an analysis, then all pictures at once
        note = f"{pace / alone:.1f} x one process, {100 * pace / ideal:.0f} % of its slots"
        lines.append(Line(f"products a second, {processes} processes", pace, "/s", note=note))
        if processes == 2:
            pace = warm.pace_of(count, skus=1)
            lines.append(Line("the same, all of them views of one SKU", pace, "/s"))
    return lines


class Warm:
    """A program of so many processes that has made its first products."""

    def __init__(self, rig: Rig, processes: int) -> None:
        case = case_of("small", LATENCY, WARM_UP * processes)
        with ExitStack() as stack:
            gemini = stack.enter_context(stand_in(case.latency))
            self._contest = Contest(rig, gunicorn(processes), gemini, case)
            self._process = self._contest.start()
            stack.callback(self._process.stop)
            self.pace_of(case.count)
            self.close = stack.pop_all().close

    def pace_of(self, count: int, skus: int = 0) -> float:
        """Products a second until these are ready, too."""
        contest, began = self._contest, time.monotonic()
        ready = contest.ready() + count
        contest.create(self._process, count, skus)
        contest.wait(ready, 300)
        seconds = time.monotonic() - began
        assert contest.ready() == ready
        return count / seconds
