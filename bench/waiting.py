"""How near to the ideal many slow calls run: an enhancer that sleeps 1 s, 32 products in flight.

    python -m bench waiting

The ideal is 32 products a second. The database is on the disk, as in production.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from servers.aws import REGION

from bench import ROOT
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
    """One run of one contestant, in a separate process and on a separate queue."""
    options = {"items": items, "sleep": SLEEP, "slots": SLOTS, "folder": rig.folder}
    command = [sys.executable, "-m", "bench.contestants", name]
    command += [f"--{option}={value}" for option, value in options.items()]
    more = {"AWS_DEFAULT_REGION": REGION, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        command,
        env=os.environ | rig.aws.environment | more,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=400,
    )
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    if not isinstance(answer, dict):
        raise SystemExit(f"{name}: {answer}")
    return Ran(**answer)


def line(what: str, ran: Ran, aim: float | None = None) -> Line:
    note = f"{ran.doubled} doubled" if ran.doubled else ""
    return Line(what, 100 * ran.items_per_second / (SLOTS / SLEEP), "% of ideal", aim, note=note)
