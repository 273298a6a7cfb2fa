"""What Packshot itself costs: products whose calls answer at once.

    python -m bench overhead

First only the queue, the claim, the fence and the commit, against a plain boto3 loop (the floor:
it has no database) and Celery, on the same broker; then with the records of the whole story. The
database is in memory, so that fsync is not what is compared. The contestants take turns; the
median of the rounds counts, and ratios are taken within each round.
"""

from __future__ import annotations

from statistics import median

from bench.contestants import Ran
from bench.rig import Rig
from bench.table import Line

SLOTS = 64  # as in `waiting`
RUNS: dict[str, tuple[str, ...]] = {
    "plain": ("plain",),
    "celery": ("celery",),
    "dramatiq": ("dramatiq",),
    "sqs": ("packshot-sqs", "--story", "claim"),
    "sqs, whole": ("packshot-sqs", "--story", "whole"),
    "embedded": ("packshot-database", "--story", "claim"),
    "embedded, whole": ("packshot-database", "--story", "whole"),
}


def run(rig: Rig) -> list[Line]:
    rounds = [one_round(rig) for _ in range(rig.size(3, 1))]

    def speed(name: str, floor: str | None = None) -> float:
        return median(
            each[name].items_per_second / (each[floor].items_per_second if floor else 1)
            for each in rounds
        )

    def cpu(name: str) -> float:
        return median(each[name].cpu_ms_each for each in rounds)

    lines = [
        Line(
            "queue + claim + fence + commit, of the plain loop's items/s",
            100 * speed("sqs", "plain"),
            "%",
            60,
        ),
        Line("the same, times Celery's items/s", speed("sqs", "celery"), "x", 3),
    ]
    for name in RUNS:
        note = f"{cpu(name):.2f} ms CPU each"
        lines.append(Line(f"items/s: {name}", speed(name), "/s", note=note))
    return lines


def one_round(rig: Rig) -> dict[str, Ran]:
    return {name: once(rig, options) for name, options in RUNS.items()}


def once(rig: Rig, options: tuple[str, ...]) -> Ran:
    items = rig.size(2000, 200)
    sizes = ("--items", str(items), "--slots", str(SLOTS), "--folder", str(rig.in_memory))
    return rig.contest(*options, *sizes)
