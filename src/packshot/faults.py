"""Named points of the story at which a test may kill the process, to show that nothing is lost."""

from __future__ import annotations

import os
import signal


def point(name: str, product_id: int | None = None) -> None:
    """Kill this process (as `kill -9` does) when PACKSHOT_KILL_AT names this point.

    `after_claim@7` means product 7 only, as if its picture killed whoever works on it.
    """
    wanted, _, of_product = os.environ.get("PACKSHOT_KILL_AT", "").partition("@")
    if wanted == name and of_product in {"", str(product_id)}:
        os.kill(os.getpid(), signal.SIGKILL)
