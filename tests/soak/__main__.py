"""The long runs: random kills, parts away for a minute, load on the bulk API, and long backlogs.

`make soak` runs all of them and prints one report; `make soak RUNS="kills --products 50"` runs one,
smaller. Each prints what it measured; the exit code is 1 when a promise did not hold.

On two idle cores, on the embedded defaults and then on the cloud parts, they take about:
  kills     4 and 6 minutes for 200 products and 40 deaths; --products 40 a minute and a half each
  outages   25 and 35 minutes; --seconds 10 takes 4 and 6 (without the day's quota)
  load      2 minutes each
  backlog   2 and 3 minutes
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from servers import guard
from servers.settings import forget_settings

from soak.backlog import backlog
from soak.kills import kills
from soak.load import load
from soak.outages import outages

RUNS: dict[str, Callable[[str, argparse.Namespace], list[str]]] = {
    "kills": kills,
    "outages": outages,
    "load": load,
    "backlog": backlog,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make soak RUNS=...",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="*", choices=[*RUNS, []], help="default: all")
    parser.add_argument("--on", choices=["embedded", "cloud"], help="default: both")
    parser.add_argument("--products", type=int, default=200, help="for kills")
    parser.add_argument("--kills", type=int, help="default: one for every 5 products")
    parser.add_argument("--rate", type=float, default=50.0, help="requests per second, for load")
    parser.add_argument(
        "--seconds",
        type=float,
        default=60.0,
        help="how long the load lasts, and how long each part is away",
    )
    parser.add_argument("--backlog", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=5, help="for backlog")
    options = parser.parse_args()
    forget_settings()
    guard.begin()
    broken: list[str] = []
    words = " ".join(sys.argv[1:])
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores: {words}")
    for name in options.runs or RUNS:
        for kind in [options.on] if options.on else ["embedded", "cloud"]:
            print(f"{name} on {kind}", flush=True)
            broken += [f"{name} on {kind}: {fault}" for fault in RUNS[name](kind, options)]
    print("\n".join(["BROKEN:", *broken] if broken else ["every promise held"]))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
