"""Runs the benchmarks and prints a table of the results with their aims.

python -m bench                     all of them, in about ten minutes
python -m bench waiting memory      only these
python -m bench --share 1           at full size: longer runs, steadier figures
python -m bench --markdown FILE     the table for docs/performance.md too
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from bench import (
    api,
    catalogue,
    desk,
    growth,
    in_and_out,
    local,
    many_workers,
    memory,
    pages,
    pixels,
    script,
    start,
    waiting,
)
from bench.rig import Rig
from bench.table import Line, as_markdown, show

BENCHMARKS = {
    "script": ("All of it, beside the specification followed literally", script.run),
    "waiting": ("Waiting: 1 s calls, 32 in flight", waiting.run),
    "api": ("The API", api.run),
    "in_and_out": ("A catalogue in and out", in_and_out.run),
    "pages": ("Pages of 100,000 products, in Chromium", pages.run),
    "growth": ("How it grows", growth.run),
    "pixels": ("Pixels", pixels.run),
    "local": ("The local enhancer", local.run),
    "catalogue": ("A catalogue with the local enhancer", catalogue.run),
    "memory": ("Memory", memory.run),
    "start": ("Start-up", start.run),
    "many_workers": ("Many workers", many_workers.run),
    "desk": ("The desk, in Chromium", desk.run),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--share", type=float, default=0.2, help="of the full sizes")
    parser.add_argument("--markdown", type=Path, help="write the tables here")
    options = parser.parse_args()
    began = time.monotonic()
    tables: list[tuple[str, list[Line]]] = []
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {time.strftime('%Y-%m-%d')}")
    with Rig(options.share) as rig:
        for name in options.names or BENCHMARKS:
            title, run = BENCHMARKS[name]
            since = time.monotonic()
            tables.append((title, run(rig)))
            show(*tables[-1])
            print(f"  ({time.monotonic() - since:.0f} s)")
    print(f"\n{time.monotonic() - began:.0f} s in all")
    if options.markdown:
        texts = [as_markdown(title, lines) for title, lines in tables]
        options.markdown.write_text("\n\n".join(texts) + "\n")


if __name__ == "__main__":
    main()
