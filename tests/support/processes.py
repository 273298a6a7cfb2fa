"""Work in a fork of the test's process."""

from __future__ import annotations

import os
from collections.abc import Callable


def in_a_child(work: Callable[[], bool]) -> int:
    """Run it in a fork, which exits with 0 when it says True; return the child's id."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)  # never back into pytest
    return child
