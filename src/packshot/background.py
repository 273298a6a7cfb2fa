"""Threads that do not keep the process from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


def start_thread(name: str, target: Callable[[], object]) -> threading.Thread:
    """A daemon thread: if it hangs it must not keep the process from ending."""
    thread = threading.Thread(target=target, name=f"packshot-{name}", daemon=True)
    thread.start()
    return thread


def in_background(call: Callable[[], T], name: str) -> Future[T]:
    """Start `call` in its own daemon thread; its log lines carry the caller's fields.

    An executor's threads are not daemons: one that hangs would block the exit. When this machine
    can't start a thread, `call` runs in the caller's.
    """
    future: Future[T] = Future()
    context = copy_context()

    def run() -> None:
        try:
            future.set_result(context.run(call))
        except BaseException as error:
            future.set_exception(error)

    try:
        start_thread(name, run)
    except RuntimeError:
        run()
    return future
