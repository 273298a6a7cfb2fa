"""How fast the core is that a test runs on: limits are those of an ordinary one."""

from __future__ import annotations

import time
from typing import Final

ADDITIONS: Final = 200_000
#: CPU seconds of an ordinary core of 2026 for them.
ORDINARY: Final = 0.010


def slowness() -> float:
    """How many times slower than an ordinary core this one is now, at least 1. Virtual cores may be
    a fifth as fast at some hours as at others."""
    total, start = 0, time.process_time()
    for number in range(ADDITIONS):
        total += number
    return max(1.0, (time.process_time() - start) / ORDINARY)
