"""`kill -9` at random: every product must be whole at the end."""

from __future__ import annotations

import argparse
import time

from faults.chaos import kill_at_random

from soak.shops import shop


def kills(kind: str, options: argparse.Namespace) -> list[str]:
    """Workers are killed every 0.5 to 3 s until `--kills` died; every product must be whole."""
    with shop(kind) as rig:
        rig.create(options.products)
        began = time.monotonic()
        kill_at_random(rig, options.kills or max(1, options.products // 5))
        audit = rig.audit()
        print(f"  {audit}; {time.monotonic() - began:.0f} s")
        broken = [*audit.faults, *rig.repeats_without_a_death()]
        if audit.statuses != {"pending_review": options.products}:
            broken.append(f"not all are pending_review: {dict(audit.statuses)}")
        return broken
