"""The program in a separate process, forked from one that has done the imports.

It runs what `python -m src.worker` runs, or another door of it. A dozen of them can be killed in a
few seconds this way; the cold start is tested where the start itself matters.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from multiprocessing.context import ForkServerContext
from pathlib import Path

from servers.packshot_process import ROOT, clean_environment
from servers.ports import PATIENCE

IMPORTED = [
    "packshot.serving.server",
    "packshot.queues.sqs",
    "packshot.storage",
    "packshot.enhancers.gemini.enhancer",
    "google.genai",
    "botocore.config",
    "boto3.session",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
]


def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    return context


def run_worker() -> int:
    """`python -m src.worker`."""
    from packshot.serving.worker import run_worker

    return run_worker()


def _run(environment: dict[str, str], log: str, door: Callable[[], int]) -> None:
    """The child: become the process that the command would have started."""
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    sys.exit(door())


class WarmWorker:
    """Like a PackshotProcess of `python -m src.worker`, or of another `door`."""

    _made = 0

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        door: Callable[[], int] = run_worker,
    ) -> None:
        WarmWorker._made += 1
        self.log_path = folder / f"worker-{WarmWorker._made}.log"
        self.log_path.touch()
        defaults = {"MEDIA_DIR": str(folder / "media")}
        whole = clean_environment() | defaults | dict(environment)
        self.process = _server().Process(target=_run, args=(whole, str(self.log_path), door))

    def start(self) -> WarmWorker:
        self.process.start()
        return self

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.is_alive()

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self, seconds: float) -> int | None:
        """The exit code (negative: the signal that ended it); None when it still runs."""
        self.process.join(seconds)
        return self.process.exitcode

    def stop(self, number: int = signal.SIGTERM, seconds: float = PATIENCE) -> int:
        """Send the signal, wait for the end, return the exit code."""
        if self.alive:
            self.send(number)
        code = self.wait(seconds)
        if code is None:
            os.kill(self.pid, signal.SIGKILL)
            raise AssertionError(f"it did not stop in {seconds} s:\n{self.log()}")
        return code

    def wait_for_line(self, line: str, times: int = 1, seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while self.log().count(line) < times:
            assert time.monotonic() < deadline, f"no {times} x {line!r} in:\n{self.log()}"
            time.sleep(0.05)
