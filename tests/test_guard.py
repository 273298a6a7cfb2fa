"""What the tests start ends with them, and leaves no file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
from servers import guard
from servers.ports import wait_until

STARTS_A_PROCESS = """
import subprocess, sys
from servers import guard
guard.begin()
(guard.folder() / "file").touch()
print(guard.folder(), subprocess.Popen(["sleep", "60"], start_new_session=True).pid, flush=True)
sys.stdin.read()
"""


def test_what_a_killed_process_started_ends_and_its_files_go() -> None:
    command = [sys.executable, "-c", STARTS_A_PROCESS]
    with subprocess.Popen(
        command,
        cwd=Path(guard.__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        folder, pid = process.stdout.readline().split()
        started = psutil.Process(int(pid))
        assert started.is_running() and Path(folder, "file").exists()
        process.kill()
    wait_until(lambda: not started.is_running())
    wait_until(lambda: not Path(folder).exists())
