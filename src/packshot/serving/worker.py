"""The worker of a process, and a process that is only a worker."""

from __future__ import annotations

import logging
import math
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from packshot.background import start_thread
from packshot.database.tables import bring_to_head
from packshot.errors import PackshotError
from packshot.serving.process import exit_with_one_line, prepare_process
from packshot.settings import Settings
from packshot.wiring import Services, build
from packshot.work.hanging import LONGEST_PRODUCT_SECONDS
from packshot.work.upkeep import Upkeep
from packshot.work.worker import Worker

log = logging.getLogger("packshot.serving")

#: Seconds between two health signals of a stand-alone worker.
ALIVE_EVERY_SECONDS = 5.0


def make_worker(services: Services) -> Worker:
    worker = Worker(
        services.parts,
        services.queue,
        services.settings.concurrency,
        make_upkeep(services),
        grace=services.settings.grace_seconds,
        longest_product=longest_product(services.settings),
        longest_flex=longest_flex(services.settings),
    )
    services.worker = worker
    start_thread("health", partial(log_health, services))
    return worker


def make_upkeep(services: Services) -> Upkeep:
    return Upkeep(
        services.catalog,
        services.deletions,
        services.webhooks,
        services.batching,
        services.remaker,
        services.checker,
    )


def longest_product(settings: Settings) -> float:
    """Seconds until a product hangs: two analyses, each picture twice, and the rest."""
    return max(LONGEST_PRODUCT_SECONDS, 5 * settings.gemini_timeout)


def longest_flex(settings: Settings) -> float:
    """`longest_product` in the flex lane, where each call may time out before it is sent as
    standard."""
    return longest_product(settings) + 4 * settings.gemini_flex_timeout


def log_health(services: Services) -> None:
    """Log at the start, in the background: doubtful settings, and parts that do not answer."""
    services.enhancer.check()
    with suppress(PackshotError):  # the report below gives the reason
        services.shop.mark_storage()
    for note in services.notes():
        log.warning("%s", note)
    for part, problem in services.health().items():
        if problem and part != "worker":  # the process has only just started
            log.warning("%s: %s", part, problem)


def end(worker: Worker, services: Services) -> None:
    worker.stop()
    services.close()


def drain_at_signals(worker: Worker) -> None:
    """Begin to drain in the signal handler, then call the server's handler."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        before = signal.getsignal(number)
        # Ignored (nohup, `&` in a script): the server continues, and so does the worker.
        if before is not signal.SIG_IGN:
            signal.signal(number, _draining_handler(worker, before))


def _draining_handler(worker: Worker, before: Any) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        worker.begin_stop()
        if callable(before):
            before(number, frame)
        else:
            raise SystemExit(0)

    return handle


@exit_with_one_line()
def run_worker(alive: Path | None = None) -> int:
    """`python -m src.worker`: a stand-alone worker until SIGTERM or Ctrl-C; returns the exit code.

    A worker that hangs exits with 1, so that its supervisor restarts it. While it works, the file
    `alive` is touched every few seconds and systemd's watchdog is notified.
    """
    settings = prepare_process()
    bring_to_head(settings.database_url)
    services = build(settings)
    worker = make_worker(services)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.begin_stop())
    worker.start()
    broken = watch(worker, alive)
    if broken:
        log.critical("%s; this process ends, its products go back to the queue", broken)
        give_up_at(settings.grace_seconds + 5)
    end(worker, services)
    return 1 if broken else 0


def watch(worker: Worker, alive: Path | None) -> str | None:
    """Wait until the worker is to stop (None) or hangs (the reason)."""
    reported_at = -math.inf
    # Polled: the signal may arrive while this thread has the lock of the event that the handler
    # sets.
    while not worker.is_stopping:
        time.sleep(0.2)
        broken = worker.broken()
        if broken and not worker.is_stopping:
            return broken
        if time.monotonic() - reported_at > ALIVE_EVERY_SECONDS:
            report_alive(alive)
            reported_at = time.monotonic()
    return None


def report_alive(file: Path | None) -> None:
    if file is not None:
        with suppress(OSError):  # a full disk must not end the worker
            file.touch()
    if systemd := os.environ.get("NOTIFY_SOCKET"):
        # sd_notify(3): a leading "@" stands for an abstract socket name.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, suppress(OSError):
            notify.sendto(b"WATCHDOG=1", re.sub("^@", "\0", systemd))


def give_up_at(seconds: float) -> None:
    """Exit at the deadline, for a hanging part may block the orderly end, too."""
    timer = threading.Timer(seconds, os._exit, [1])
    timer.daemon = True
    timer.start()
