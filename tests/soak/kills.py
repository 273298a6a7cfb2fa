"""`kill -9` at random: every product must be whole at the end."""

from __future__ import annotations

import argparse
import time

from faults.chaos import kill_at_random
from faults.rig import Rig

from soak.shops import shop


def kills(kind: str, options: argparse.Namespace) -> list[str]:
    """Workers are killed every 0.5 to 3 s until `--kills` died; every product must be whole."""
    with shop(kind) as rig:
        ids = rig.create(options.products)
        began = time.monotonic()
        kill_at_random(rig, options.kills or max(1, options.products // 5))
        make_again(rig, ids, options)
        audit = rig.audit()
        print(f"  {audit}; {time.monotonic() - began:.0f} s")
        broken = [*audit.faults, *rig.repeats_without_a_death()]
        broken += [f"{call} was paid for again" for call in audit.repeated if "take" in call]
        if sum(audit.takes.values()) != options.products or audit.takes["waiting"]:
            broken.append(f"not all were made again, or say why not: {dict(audit.takes)}")
        if audit.statuses != {"pending_review": options.products}:
            broken.append(f"not all are pending_review: {dict(audit.statuses)}")
        return broken


def make_again(rig: Rig, ids: list[int], options: argparse.Namespace) -> None:
    """Every first picture fails its check, and workers are killed while they make it again; the
    second one is not measured, for want of the network's file: that takes seconds each."""
    for product_id in ids:
        rig.fail_check(product_id)
    rig.environment |= {"FIDELITY": "on", "MODEL_DIR": str(rig.folder)}
    kill_at_random(rig, max(1, options.products // 5))
