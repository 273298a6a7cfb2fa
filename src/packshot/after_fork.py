"""Runs a method in every forked child, without keeping its object alive."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable


def after_fork(method: Callable[[], None]) -> None:
    """Call a bound method in every child forked from now on.

    `os.register_at_fork` keeps its argument until the process ends: it gets a weak reference.
    """
    weak = weakref.WeakMethod(method)

    def in_the_child() -> None:
        alive = weak()
        if alive is not None:
            alive()

    os.register_at_fork(after_in_child=in_the_child)
