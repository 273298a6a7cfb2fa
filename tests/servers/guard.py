"""Whatever the tests or the benchmarks start ends with them, even if they are killed.

`begin()` marks this process's environment, which everything it starts inherits, and starts a guard:
this file run as a program. When the process is gone, the guard ends all that has the mark, and
removes the folder that the mark names: that of the servers' files.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import psutil

MARK = "ENDS_WITH_ITS_TESTS"
LOOK_SECONDS = 0.5
TO_END_SECONDS = 10.0


def begin() -> None:
    os.environ |= mark()


def mark() -> dict[str, str]:
    """What a process has in its environment that is to end with this one."""
    return {MARK: str(folder())}


def folder() -> Path:
    """Where this process's servers keep their files."""
    return _guarded(os.getpid())


@cache
def _guarded(pid: int) -> Path:
    # A short name: that of a unix socket in it has room for 107 bytes.
    made = Path(tempfile.mkdtemp(prefix="packshot-"))
    made.chmod(0o711)  # as root, PostgreSQL runs as another user
    silent = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in range(3)]
    command = [sys.executable, __file__, str(pid), str(made)]
    starter = os.posix_spawn(sys.executable, command, {}, file_actions=silent, setsid=True)
    os.waitpid(starter, 0)
    return made


def run(pid: int, mark: str) -> None:
    """The guard: no child of the process, which may count its own, nor ended by its Ctrl-C."""
    guarded = psutil.Process(pid)
    if os.fork():
        return
    while guarded.is_running() and guarded.status() != psutil.STATUS_ZOMBIE:
        time.sleep(LOOK_SECONDS)
    end_all(mark)
    shutil.rmtree(mark, ignore_errors=True)


def end_all(mark: str) -> None:
    """Ask them to end, and make those end that still run after a while."""
    for process in marked(mark):
        with contextlib.suppress(psutil.Error):
            process.terminate()
    psutil.wait_procs(marked(mark), TO_END_SECONDS)
    for process in marked(mark):
        with contextlib.suppress(psutil.Error):
            process.kill()


def marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == mark:
                found.append(process)
    return found


if __name__ == "__main__":
    run(int(sys.argv[1]), sys.argv[2])
