"""The time from the start to serving, and the time of `packshot --help`.

python -m bench start
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from servers.packshot_process import BIN, PackshotProcess, gunicorn

from bench.rig import Rig
from bench.table import Line


def run(rig: Rig) -> list[Line]:
    rounds = rig.size(5, 2)
    serving = best_of(rounds, lambda: until_serving(rig))
    helping = best_of(rounds, lambda: command([str(Path(BIN) / "packshot"), "--help"]))
    bare = best_of(rounds, lambda: command([sys.executable, "-c", "pass"]))
    return [
        Line("start to serving, gunicorn with one process", serving, "s", 1.5, "less"),
        Line("packshot --help", helping, "s", 0.3, "less"),
        Line("python -c pass", bare, "s"),
    ]


def best_of(rounds: int, measure: Callable[[], float]) -> float:
    """The best of several, after one that warms the disk cache: slower ones show other load."""
    measure()
    return min(measure() for _ in range(rounds))


def until_serving(rig: Rig) -> float:
    with PackshotProcess(rig.folder, gunicorn(1)) as web:
        began = time.perf_counter()
        web.wait_until_serving()
        return time.perf_counter() - began


def command(words: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
