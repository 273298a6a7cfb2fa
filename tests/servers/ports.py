"""Starting a server as a child process on a free loopback port, and waiting until it answers."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from servers import guard

HOST = "127.0.0.1"
#: Seconds until what should happen counts as failed: ten times what a busy machine takes.
PATIENCE = 150.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Return as soon as the condition holds; AssertionError when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not so within {seconds} s: {condition}")
        time.sleep(0.02)


def start(
    command: Sequence[str], port: int, log: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a server that will listen on `port`; its output goes to `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(log.parent),
                **guard.mark(),
                **environment,
            },
            cwd=log.parent,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: answers(port) or process.poll() is not None)
        if process.poll() is not None:
            raise AssertionError(f"{command[0]} ended: {log.read_text()[-2000:]}")
    except BaseException:
        stop(process)
        raise
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
