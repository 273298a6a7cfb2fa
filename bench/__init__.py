"""Benchmarks: compare Packshot with other tools in the same run."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The benchmarks use the emulator and the PostgreSQL of the tests.
sys.path.insert(0, str(ROOT / "tests"))
