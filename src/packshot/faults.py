"""Named points of the story at which a test may kill the process, to show that nothing is lost."""

from __future__ import annotations

import os
import signal


def point(name: str) -> None:
    """Kill this process (as `kill -9` does) when PACKSHOT_KILL_AT names this point."""
    if os.environ.get("PACKSHOT_KILL_AT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
