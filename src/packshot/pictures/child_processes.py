"""Runs pixel work in child processes: a picture that crashes or hangs takes nothing with it.

Each child has a memory limit, low priority, no secret in its environment and one socket to its
parent. It does one job at a time, each with a deadline, and ends after a minute without a job; a
new child replaces one that died. This contains crashes, but is not a sandbox: the child runs as the
same user. With a `machine_limit`, only so many children of one machine work at the same time.

Why not a library's pool: with pebble 5.2 a child killed while idle breaks the whole pool, one
killed in the middle of its answer leaves all later jobs waiting for ever, and every child imports
the parent's main module (the web application) again.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import queue
import resource
import select
import signal
import subprocess
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

from packshot.errors import PackshotError, PictureError, Stopping, Unavailable
from packshot.pictures.allocator import give_memory_back
from packshot.pictures.machine_limit import MachineLimit

T = TypeVar("T")

#: The environment variables a child may see: none that could be a secret.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "U2NET_HOME")
#: One thread per child (the pool is the parallelism), and little memory that malloc keeps.
SINGLE_THREADED = {
    "VIPS_CONCURRENCY": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    # Otherwise glibc would soon keep blocks of up to 32 MB: 60 to 84 MB in a child between two
    # photos of 12 MP, instead of 50. Smaller blocks are kept: without them each picture would take
    # 10 % more CPU.
    "MALLOC_MMAP_THRESHOLD_": "8388608",
    "MALLOC_TRIM_THRESHOLD_": "16777216",
    "MALLOC_TOP_PAD_": "4194304",
}
NICENESS = 10
#: Seconds for a job; a hang ends then. Tests hold the costliest photos to 3 s of an ordinary core,
#: and a virtual one may be a sixth as fast, and have others to serve.
DEADLINE_SECONDS = 120.0
#: Seconds after which an idle child ends, which frees 60 to 100 MB; the next job starts another.
IDLE_SECONDS = 60.0
#: Seconds without a job after which a child returns what its last photo left free: 20 MB of 45.
REST_SECONDS = 0.05
#: New objects after which a child looks for garbage. With Python's 700, that took a third of the
#: time for a spreadsheet of 10,000 rows.
GARBAGE = 100_000
#: Seconds for which a job waits for a place on this machine. More children at work than it has
#: cores take more memory and are no faster, but one that hangs must not stop the others.
LIMIT_SECONDS = 5.0
#: The same for a job with a `wait`, for whose answer somebody waits.
HURRIED_SECONDS = 1.0
RETIRED = 70  # the exit code of a child that ended because it was idle
OPENCV_NO_MEMORY = -4  # cv::Error::StsNoMem


class Pixels:
    """A few child processes for pixel work, started at the first job, shared by many threads."""

    def __init__(
        self,
        processes: int = 1,
        memory_mb: int = 1500,
        deadline: float = DEADLINE_SECONDS,
        idle: float = IDLE_SECONDS,
        niceness: int = NICENESS,
        machine_limit: MachineLimit | None = None,
        limit_seconds: float = LIMIT_SECONDS,
    ) -> None:
        """`memory_mb` limits each child's address space; `deadline` is in seconds per job. A child
        ends after `idle` seconds without a job. `machine_limit` includes other processes' jobs."""
        self._machine_limit, self._limit_seconds = machine_limit, limit_seconds
        self._memory_mb, self._idle, self._niceness = memory_mb, idle, niceness
        self._deadline = deadline
        self._free: queue.SimpleQueue[_Child | None] = queue.SimpleQueue()
        for _ in range(processes):
            self._free.put(None)  # a slot whose child has yet to start
        self._children: set[_Child] = set()
        self._lock = threading.Lock()
        self._closed = False
        # Otherwise nothing would reap the children of a Pixels object that was not closed.
        weakref.finalize(self, _stop_all, self._children)

    def run(
        self,
        function: Callable[..., T],
        *args: object,
        deadline: float | None = None,
        wait: float | None = None,
        cpu_seconds: float | None = None,
    ) -> T:
        """Call `function(*args)` in a child: a module-level function, arguments that pickle.

        Exceptions of the function are raised here. Raises PictureError `picture_crashed` when the
        child died, ran out of memory or used `cpu_seconds`, `picture_too_slow` after `deadline`
        seconds (waiting for a free child not counted), both retryable; Unavailable once closed,
        when the machine can't start a child, or when none is free within `wait` seconds (None: no
        limit).
        """
        deadline = self._deadline if deadline is None else deadline
        succeeded, answer = self._ask((function, args, cpu_seconds), deadline, wait)
        if not succeeded:
            raise cast(BaseException, answer)
        return cast(T, answer)

    def is_running(self) -> bool:
        """Whether any child exists, working or idle."""
        with self._lock:
            return any(child.is_running() for child in self._children)

    def close(self) -> None:
        """Stop all children. Jobs under way raise Unavailable, which counts no attempt."""
        with self._lock:
            self._closed = True
            _stop_all(self._children)

    def _ask(
        self, job: tuple[object, ...], deadline: float, wait: float | None
    ) -> tuple[bool, object]:
        try:
            child = self._free.get(timeout=wait)
        except queue.Empty:
            message = f"no pixel process became free in {wait:g} seconds; try again"
            raise Unavailable(message, code="busy", retry_after=5) from None
        try:
            while True:
                child = self._ready(child)
                with contextlib.suppress(_Retired), self._machine_place(hurried=wait is not None):
                    # Not earlier: each waiting thread would have its photo in memory twice.
                    return child.ask(pickle.dumps(job, protocol=pickle.HIGHEST_PROTOCOL), deadline)
        except PictureError:
            if self._closed:
                raise Stopping() from None
            raise
        finally:
            self._free.put(child)

    def _machine_place(self, hurried: bool) -> contextlib.AbstractContextManager[None]:
        if self._machine_limit is None:
            return contextlib.nullcontext()
        longest = min(self._limit_seconds, HURRIED_SECONDS) if hurried else self._limit_seconds
        return self._machine_limit.wait(longest)

    def _ready(self, child: _Child | None) -> _Child:
        """The child if it is alive, otherwise a new one in its place."""
        if child is not None and child.alive():
            return child
        with self._lock:
            if self._closed:
                raise Stopping()
            if child is not None:
                self._children.discard(child)
            fresh = self._start_child()
            self._children.add(fresh)
            return fresh

    def _start_child(self) -> _Child:
        try:
            return _Child(self._memory_mb, self._idle, self._niceness)
        except OSError as error:  # descriptors, memory or processes are used up
            raise Unavailable(f"this machine can't start a pixel process: {error}") from error


class _Retired(Exception):
    """An idle child ended just before the job arrived, and did not begin it."""


class _Child:
    """One child process, and the parent's end of its socket."""

    def __init__(self, memory_mb: int, idle: float, niceness: int) -> None:
        self._socket, theirs = Pipe()
        serve = f"serve({theirs.fileno()}, {memory_mb}, {idle}, {niceness})"
        command = f"from packshot.pictures.child_processes import serve; {serve}"
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, "-P", "-c", command],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=_child_environment(),
            )
        # Reaps a child that ends while idle: nothing waits for it then.
        threading.Thread(target=self._process.wait, daemon=True).start()

    def alive(self) -> bool:
        """Whether the idle child still runs. A child that just died has closed its end."""
        return self.is_running() and not self._socket.poll(0)

    def is_running(self) -> bool:
        return self._process.poll() is None

    def ask(self, job: bytes, deadline: float) -> tuple[bool, object]:
        """Return (succeeded, result or exception); a child that gives no answer is killed.

        Raises PictureError, or _Retired when another child has to do it.
        """
        try:
            self._socket.send_bytes(job)
            if self._socket.poll(deadline):
                return cast(tuple[bool, object], self._socket.recv())
        except (EOFError, OSError) as error:
            raise self._crashed() from error
        self.stop()
        raise _too_slow(deadline)

    def stop(self) -> None:
        """Kill and reap: the child ignores SIGTERM, and has nothing to clean up."""
        self._process.kill()
        self._process.wait()
        # The socket stays open: a thread may be waiting on it, and must see its end.

    def _crashed(self) -> PictureError:
        self.stop()
        if self._process.returncode == RETIRED:
            raise _Retired
        return PictureError(
            "Working on the picture crashed the decoder or took too much memory (exit code "
            f"{self._process.returncode}); save it again with a picture editor if this repeats.",
            code="picture_crashed",
            retryable=True,
        )


def _too_slow(deadline: float) -> PictureError:
    return PictureError(
        f"The picture took longer than {deadline:g} seconds to work on and was given up; "
        "save it again with fewer pixels if this repeats.",
        code="picture_too_slow",
        retryable=True,
    )


def _stop_all(children: set[_Child]) -> None:
    for child in list(children):
        child.stop()


def _child_environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    importable = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    return kept | SINGLE_THREADED | {"PYTHONPATH": importable, "VIPS_BLOCK_UNTRUSTED": "1"}


# ---- the child's side


def serve(descriptor: int, memory_mb: int, idle: float, niceness: int) -> None:
    """The main loop of a child: answer jobs until the parent closes its end or dies, or none comes
    for `idle` seconds."""
    _restrict(memory_mb, niceness)
    gc.set_threshold(GARBAGE)
    threading.Thread(target=_die_with_parent, args=(descriptor,), daemon=True).start()
    socket: Connection[Any, Any] = Connection(descriptor)
    with contextlib.suppress(EOFError, OSError):
        while _is_job_there(socket, idle):
            socket.send(_answer(socket.recv_bytes()))
        os._exit(RETIRED)


def _is_job_there(socket: Connection[Any, Any], idle: float) -> bool:
    """Whether a job comes within `idle` seconds."""
    if not socket.poll(min(REST_SECONDS, idle)):
        give_memory_back()
    return socket.poll(idle)


def _restrict(memory_mb: int, niceness: int) -> None:
    # Ctrl-C and a supervisor's SIGTERM reach the whole group, while the parent still drains: it
    # decides when the child ends, by closing the socket or by SIGKILL.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(niceness)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, memory_mb * 2**20))


def _die_with_parent(descriptor: int) -> NoReturn:
    """End at once when the parent is gone, even in the middle of a job.

    Not PR_SET_PDEATHSIG: that fires when the parent's *thread* which started us ends.
    """
    hangup = select.poll()
    hangup.register(descriptor, 0)  # POLLHUP is reported whatever the mask
    while not hangup.poll():
        pass
    os._exit(0)


def _answer(job: bytes) -> tuple[bool, object]:
    try:
        function, args, cpu_seconds = pickle.loads(job)  # noqa: S301 - our own parent wrote it
        del job  # the photo would be in memory twice
        with _at_most(cpu_seconds):
            return True, function(*args)
    except Exception as error:
        if isinstance(error, MemoryError) or getattr(error, "code", None) == OPENCV_NO_MEMORY:
            os._exit(os.EX_OSERR)  # its state is unknown after that, and a new child is cheap
        return False, _portable(error)


@contextlib.contextmanager
def _at_most(cpu_seconds: float | None) -> Iterator[None]:
    """SIGPROF, which nothing handles, ends the process after these seconds of CPU."""
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds or 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _portable(error: Exception) -> Exception:
    """The error with the child's traceback as a note; a plain one when it can't be pickled."""
    if not isinstance(error, PackshotError):  # the message of our own errors is enough
        error.add_note(f"in a pixel process:\n{traceback.format_exc()}")
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - made in this line
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
