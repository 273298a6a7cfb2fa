"""Profiles a product's CPU time: the whole pipeline with one variant and calls without latency.

    python -m bench.profile

One thread, SQLite in memory. First without the profiler, which doubles everything, then with it.
"""

from __future__ import annotations

import cProfile
import pstats
import tempfile
import time
from collections.abc import Iterable

from bench.products import services_for
from bench.stopwatch import Work
from packshot.work import pipeline
from packshot.work.claim import Claim

PRODUCTS = 200
LINES = 40


def main() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        work = Work(2 * PRODUCTS + 1, sleep=0.0, slots=1)
        worker, _ = services_for(work, f"sqlite:///{folder}/packshot.db", None)
        parts = worker.parts
        taken = [parts.claims.claim_next() for number in range(2 * PRODUCTS)]
        claims = [each for each in taken if isinstance(each, Claim)]

        def run(some: Iterable[Claim]) -> None:
            for claim in some:
                pipeline.run(claim, parts)

        began = time.process_time()
        run(claims[:PRODUCTS])
        print(f"{1000 * (time.process_time() - began) / PRODUCTS:.2f} ms CPU after its claim")
        # CPU time: wall time would include the time in which steps wait for each other.
        profile = cProfile.Profile(time.process_time)
        profile.runcall(run, claims[PRODUCTS:])
    pstats.Stats(profile).sort_stats("cumulative").print_stats(LINES)


if __name__ == "__main__":
    main()
