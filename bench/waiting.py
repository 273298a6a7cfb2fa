"""How near to the ideal many slow calls run: an enhancer that sleeps 1 s, 32 products in flight.

    python -m bench waiting

The ideal is 32 products a second. The database is on the disk, as in production.
"""

from __future__ import annotations

from bench.rig import Rig
from bench.stopwatch import Ran
from bench.table import Line

SLEEP, SLOTS = 1.0, 32
AIM = 97.0


def run(rig: Rig) -> list[Line]:
    items = SLOTS * rig.size(8, 8)
    lines = []
    for name, queue in (("packshot-database", "embedded queue"), ("packshot-sqs", "SQS")):
        ran = contest(rig, name, items)
        lines.append(line(f"Packshot, {queue}", ran, AIM))
    lines.append(line("plain boto3 loop", contest(rig, "plain", items)))
    return lines


def contest(rig: Rig, name: str, items: int) -> Ran:
    options = ("--items", str(items), "--sleep", str(SLEEP), "--slots", str(SLOTS))
    return rig.contest(name, *options, "--folder", str(rig.folder))


def line(what: str, ran: Ran, aim: float | None = None) -> Line:
    note = f"{ran.doubled} doubled" if ran.doubled else ""
    return Line(what, 100 * ran.items_per_second / (SLOTS / SLEEP), "% of ideal", aim, note=note)
