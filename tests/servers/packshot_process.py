"""The real program in a separate process: started in any documented way, watched and stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import urllib3

from packshot.database.tables import bring_to_head
from servers import guard
from servers.ports import PATIENCE, free_port

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


class PackshotProcess:
    """`command` with `{port}` filled in, run from the checkout (or `working_folder`) on a separate
    database.

    The database has its tables already, unless it is to be `empty`: to make them takes as long as
    to start.
    Its output goes to `log`. Leaving the block stops it with SIGTERM; `stop()` gives the exit code.
    """

    def __init__(
        self,
        folder: Path,
        command: Sequence[str],
        environment: dict[str, str] | None = None,
        *,
        empty: bool = False,
        working_folder: Path = ROOT,
    ) -> None:
        database = folder / "packshot.db"
        if not (empty or database.exists() or "DATABASE_URL" in (environment or {})):
            shutil.copy(database_at_head(), database)
        self.folder, self.working_folder = folder, working_folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = folder / f"{Path(command[0]).name}-{self.port}.log"
        self.command = [part.format(port=self.port) for part in command]
        self.environment = (
            clean_environment()
            | {
                "DATABASE_URL": f"sqlite:///{database}",
                "MEDIA_DIR": str(folder / "media"),
                "PORT": str(self.port),
            }
            | (environment or {})
        )
        self.http = urllib3.PoolManager(retries=False, timeout=PATIENCE)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> PackshotProcess:
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.working_folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __enter__(self) -> PackshotProcess:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self.http.clear()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def stop(self, number: int = signal.SIGTERM, seconds: float = PATIENCE) -> int:
        """Send the signal, wait for the end, return the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise AssertionError(f"it did not stop in {seconds} s:\n{self.log()}") from None

    def wait_for_line(self, line: str, times: int = 1, seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while self.log().count(line) < times:
            assert time.monotonic() < deadline, f"no {times} x {line!r} in:\n{self.log()}"
            time.sleep(0.05)

    def wait_until_serving(self, seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                if self.http.request("GET", f"{self.url}/healthz").status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            assert time.monotonic() < deadline, f"it does not serve:\n{self.log()}"
            assert self.process is not None
            assert self.process.poll() is None, f"it ended:\n{self.log()}"
            time.sleep(0.05)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """One JSON request: status and decoded answer."""
        data = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} | headers
        response = self.http.request(method, self.url + path, body=data, headers=sent)
        return response.status, json.loads(response.data or b"null")


@cache
def database_at_head() -> Path:
    """A SQLite file with all tables and no row, to copy."""
    path = guard.folder() / "head.db"
    bring_to_head(f"sqlite:///{path}")
    return path


def clean_environment() -> dict[str, str]:
    """The environment without proxies, and without output buffering."""
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return kept | {"PYTHONUNBUFFERED": "1"}


WORKER = (sys.executable, "-m", "src.worker")
RUN_PY = (sys.executable, "run.py")


def gunicorn(workers: int = 1, *options: str) -> tuple[str, ...]:
    """The specification's production command, on a free port of this host."""
    return (
        str(BIN / "gunicorn"),
        "-w",
        str(workers),
        "-b",
        "127.0.0.1:{port}",
        *options,
        "src.app:create_app()",
    )
