"""What an object does in a forked child, for as long as it lives."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable


def after_fork(method: Callable[[], None]) -> None:
    """Call a bound method in every child forked from now on.

    What `os.register_at_fork` is given is never let go of: the object is held weakly.
    """
    weak = weakref.WeakMethod(method)

    def in_the_child() -> None:
        alive = weak()
        if alive is not None:
            alive()

    os.register_at_fork(after_in_child=in_the_child)
