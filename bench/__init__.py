"""The benchmarks: Packshot beside what people would pick instead, each measured in the same run."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The emulator and the PostgreSQL of the tests serve the benchmarks too.
sys.path.insert(0, str(ROOT / "tests"))
