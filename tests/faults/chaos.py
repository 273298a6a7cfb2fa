"""Killing workers at random moments, and starting others in their place."""

from __future__ import annotations

import random
import signal
import time

from faults.rig import Rig
from faults.warm import WarmWorker


def kill_at_random(
    rig: Rig, kills: int, *, workers: int = 2, pauses: tuple[float, float] = (0.5, 3.0)
) -> None:
    """kill -9 one of the workers again and again; at the end others finish what is left, and what
    is made again."""
    chance = random.Random(1)
    crew = [rig.worker(WORKER_CONCURRENCY="2") for _ in range(workers)]
    try:
        for _ in range(kills):
            time.sleep(chance.uniform(*pauses))
            place = chance.randrange(workers)
            crew[place] = _replaced(rig, crew[place])
        rig.wait_done(seconds=300)
        if rig.environment.get("FIDELITY") == "on":
            rig.until(lambda: not rig.takes_to_come(), seconds=300)
    except BaseException:
        for worker in crew:
            print(f"--- {worker.log_path}\n{worker.log()[-6000:]}")
        raise
    finally:
        for worker in crew:
            worker.stop(signal.SIGKILL)


def _replaced(rig: Rig, victim: WarmWorker) -> WarmWorker:
    victim.send(signal.SIGKILL)
    rig.wait_for_death(victim)
    return rig.worker(WORKER_CONCURRENCY="2")
