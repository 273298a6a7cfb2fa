"""How fast the core is that a test runs on: limits are those of an ordinary one."""

from __future__ import annotations

import time
from typing import Final

ADDITIONS: Final = 200_000
#: CPU seconds of an ordinary core of 2026 for them.
ORDINARY: Final = 0.010


def slowness() -> float:
    """How many times slower than an ordinary core this one is at its slowest since this process
    began, at least 1. Virtual cores may be a fifth as fast at some moments as at others."""
    _measured.append(_measure())
    return max(_measured)


def _measure() -> float:
    total, start = 0, time.process_time()
    for number in range(ADDITIONS):
        total += number
    return (time.process_time() - start) / ORDINARY


#: What was found, from the import on, so that a limit knows the moments before its test, too.
_measured: Final = [1.0, _measure()]
