"""The pixel processes: what crashes, hangs or is killed in one stays in it."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest
from servers.ports import PATIENCE, wait_until

from packshot.errors import FetchError, PictureError, Unavailable
from packshot.pictures.child_processes import NICENESS, Pixels


@pytest.fixture
def pixels() -> Iterator[Pixels]:
    pool = Pixels()
    yield pool
    pool.close()


# ---- jobs, run in the child


def add(left: int, right: int) -> int:
    return left + right


def count_for_ever() -> None:
    while True:
        pass


def echo(data: bytes) -> bytes:
    return data


def fail_to_fetch() -> None:
    raise FetchError("no such file", code="http_404", retryable=True, retry_after=7.5)


def fail_plainly() -> None:
    raise ValueError("seven is not a colour")


class Stubborn(Exception):
    """Pickles, but does not unpickle: its argument is missing."""

    def __init__(self, *, why: str) -> None:
        super().__init__()
        self.why = why


def fail_unpicklably() -> None:
    raise Stubborn(why="x")


def die(signal_number: int) -> None:
    os.kill(os.getpid(), signal_number)


def die_in_mid_answer() -> None:
    socket = next(thing for thing in gc.get_objects() if isinstance(thing, Connection))
    os.write(socket.fileno(), b"\x00\x10\x00\x00half an answer")
    die(signal.SIGKILL)


def eat_memory() -> int:
    return len(bytearray(4_000_000_000))


def sleep(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def surroundings() -> dict[str, object]:
    import packshot.pictures.imaging  # what a job needs

    return {
        "modules": {name.split(".")[0] for name in sys.modules},
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "environment": dict(os.environ),
        "files": [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.exists()],
        "imaging": packshot.pictures.imaging.__name__,
    }


def import_the_cut_out_libraries() -> float:
    """The child's address space in MB after the heaviest imports a job makes."""
    import cv2
    import numpy

    from packshot.pictures import imaging

    cv2.GaussianBlur(numpy.zeros((2000, 2000, 3), numpy.uint8), (0, 0), 3)
    imaging.normalise(imaging.encode_array(numpy.zeros((2000, 2000, 3), numpy.uint8)))
    return float(psutil.Process().memory_info().vms) / 2**20


# ---- answers


def test_a_result_comes_back_from_another_process(pixels: Pixels) -> None:
    assert pixels.run(add, 2, 3) == 5
    assert pixels.run(os.getpid) != os.getpid()


def test_an_idle_child_ends_and_the_next_job_starts_another() -> None:
    with contextlib.closing(Pixels(idle=0.2)) as pixels:
        first = psutil.Process(pixels.run(os.getpid))
        deadline = time.monotonic() + 10
        while first.is_running() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not first.is_running()  # and reaped: no zombie is left
        assert pixels.run(os.getpid) not in {first.pid, os.getpid()}


def test_no_job_is_lost_to_a_child_that_ends_just_then() -> None:
    with contextlib.closing(Pixels(idle=0.01)) as pixels:
        for pause in [0.005, 0.01, 0.015] * 4:
            time.sleep(pause)
            assert pixels.run(add, 2, 3) == 5


def test_pictures_of_twenty_megabytes_pass_both_ways(pixels: Pixels) -> None:
    data = os.urandom(20_000_000)
    assert pixels.run(echo, data) == data


def test_our_own_errors_come_back_whole(pixels: Pixels) -> None:
    with pytest.raises(FetchError, match="no such file") as caught:
        pixels.run(fail_to_fetch)
    assert (caught.value.code, caught.value.retryable) == ("http_404", True)
    assert caught.value.retry_after == 7.5


def test_a_bug_in_a_job_comes_back_with_its_traceback(pixels: Pixels) -> None:
    with pytest.raises(ValueError, match="seven is not a colour") as caught:
        pixels.run(fail_plainly)
    assert "in fail_plainly" in caught.value.__notes__[0]


def test_an_error_that_can_not_be_pickled_arrives_as_text(pixels: Pixels) -> None:
    with pytest.raises(RuntimeError, match="Stubborn"):
        pixels.run(fail_unpicklably)
    assert pixels.run(add, 1, 1) == 2


# ---- crashes and hangs


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_is_a_retryable_error_and_the_next_job_runs(
    pixels: Pixels, number: signal.Signals
) -> None:
    with pytest.raises(PictureError) as caught:
        pixels.run(die, int(number))
    assert (caught.value.code, caught.value.retryable) == ("picture_crashed", True)
    assert pixels.run(add, 1, 1) == 2


def test_a_child_killed_in_the_middle_of_its_answer_blocks_no_one(pixels: Pixels) -> None:
    with pytest.raises(PictureError) as caught:
        pixels.run(die_in_mid_answer)
    assert caught.value.code == "picture_crashed"
    assert pixels.run(add, 1, 1) == 2


def test_a_child_killed_while_idle_is_replaced_unnoticed(pixels: Pixels) -> None:
    child = pixels.run(os.getpid)
    os.kill(child, signal.SIGKILL)
    # Until all its threads are gone: its first one is a zombie before they have closed the socket.
    while psutil.pid_exists(child):
        time.sleep(0.01)
    assert pixels.run(add, 1, 1) == 2


def test_running_out_of_memory_ends_the_child_only(pixels: Pixels) -> None:
    before = pixels.run(os.getpid)
    with pytest.raises(PictureError) as caught:
        pixels.run(eat_memory)
    assert (caught.value.code, caught.value.retryable) == ("picture_crashed", True)
    assert pixels.run(os.getpid) != before


def test_the_memory_limit_leaves_room_for_the_heaviest_imports(pixels: Pixels) -> None:
    assert pixels.run(import_the_cut_out_libraries) < 900


def test_a_job_past_its_deadline_is_killed(pixels: Pixels) -> None:
    child = psutil.Process(pixels.run(os.getpid))
    started = time.monotonic()
    with pytest.raises(PictureError) as caught:
        pixels.run(sleep, 60, deadline=0.2)
    assert time.monotonic() - started < 2
    assert (caught.value.code, caught.value.retryable) == ("picture_too_slow", True)
    assert not child.is_running()
    assert pixels.run(add, 1, 1) == 2


def test_a_job_past_its_cpu_seconds_is_killed_and_waiting_is_free(pixels: Pixels) -> None:
    pixels.run(sleep, 0.5, cpu_seconds=0.3)
    with pytest.raises(PictureError) as caught:
        pixels.run(count_for_ever, cpu_seconds=0.3)
    assert caught.value.code == "picture_crashed"
    assert pixels.run(add, 1, 1) == 2


def test_waiting_for_a_free_child_does_not_count_against_the_deadline(pixels: Pixels) -> None:
    pixels.run(add, 1, 1)
    with ThreadPoolExecutor(3) as threads:
        answers = [threads.submit(pixels.run, sleep, 0.25, deadline=0.6) for _ in range(3)]
        assert len({answer.result() for answer in answers}) == 1


def test_who_waits_too_long_for_a_free_child_is_refused_as_busy(pixels: Pixels) -> None:
    with ThreadPoolExecutor(1) as threads:
        before = psutil.Process().children()
        long = threads.submit(pixels.run, time.sleep, 1.0)
        while psutil.Process().children() == before:
            time.sleep(0.01)
        with pytest.raises(Unavailable) as refused:
            pixels.run(os.getpid, wait=0.1)
        assert (refused.value.code, refused.value.retry_after) == ("busy", 5)
        long.result()
    assert pixels.run(os.getpid, wait=0.1)


def test_many_threads_share_a_few_children() -> None:
    pool = Pixels(processes=2)
    with ThreadPoolExecutor(16) as threads:
        sums = list(threads.map(lambda number: pool.run(add, number, number), range(200)))
        used = set(threads.map(lambda _: pool.run(sleep, 0.02), range(12)))
    pool.close()
    assert sums == [2 * number for number in range(200)]
    assert len(used) == 2


def test_a_child_outlives_the_thread_that_started_it(pixels: Pixels) -> None:
    pids: list[int] = []
    starter = threading.Thread(target=lambda: pids.append(pixels.run(os.getpid)))
    starter.start()
    starter.join()
    assert pixels.run(os.getpid) == pids[0]


# ---- surroundings


def test_no_child_before_the_first_job() -> None:
    before = psutil.Process().children()
    pool = Pixels(processes=2)
    assert psutil.Process().children() == before
    pool.close()


def test_a_pixel_process_gets_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "planted-secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret")
    pool = Pixels()
    child = pool.run(surroundings)
    pool.close()
    assert "planted-secret" not in str(child["environment"])
    assert child["niceness"] == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
    sockets = [name for name in child["files"] if "socket" in name]  # type: ignore[attr-defined]
    assert len(sockets) == 1


BARE_CHILD = """
    import sys
    print("main is loaded")
    from packshot.pictures.child_processes import Pixels
    def main():
        pool = Pixels()
        heavy = ("flask", "sqlalchemy", "boto3", "google", "pydantic", "click")
        print(sorted(pool.run(__import__("test_pixels_jobs").loaded) & set(heavy)))
        print("pyvips" in sys.modules, "numpy" in sys.modules)
    main()
"""


def test_a_child_loads_neither_the_main_module_nor_the_web(tmp_path: Path) -> None:
    """No guard in the script: a library's spawn would run it again in the child, for ever."""
    (tmp_path / "test_pixels_jobs.py").write_text(
        "import sys\nfrom packshot.pictures import imaging\n"
        "def loaded():\n"
        "    return {name.split('.')[0] for name in sys.modules}\n"
    )
    printed = subprocess.check_output([sys.executable, script(tmp_path, BARE_CHILD)], text=True)
    assert printed.splitlines() == ["main is loaded", "[]", "False False"]


ORPHAN = """
    import os, threading, time
    from packshot.pictures.child_processes import Pixels
    pool = Pixels()
    print(pool.run(os.getpid), flush=True)
    threading.Thread(target=pool.run, args=(time.sleep, 60)).start()
    time.sleep(60)
"""


def test_a_busy_child_dies_with_a_killed_parent(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, script(tmp_path, ORPHAN)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        time.sleep(0.2)  # let the long job begin
        parent.kill()
        wait_until_dead(child)


DRAINING = """
    import os, signal, time
    from packshot.pictures.child_processes import Pixels
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pool = Pixels()
    pool.run(os.getpid)
    print("ready", flush=True)
    pool.run(time.sleep, 0.5)
    print("done", flush=True)
"""


def test_signals_to_the_whole_group_leave_the_last_jobs_alone(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, script(tmp_path, DRAINING)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        time.sleep(0.1)
        os.killpg(parent.pid, signal.SIGINT)
        os.killpg(parent.pid, signal.SIGTERM)
        assert parent.stdout.readline() == "done\n"
        assert parent.wait(5) == 0


# ---- closing


def test_closing_ends_children_and_jobs_without_counting_an_attempt(pixels: Pixels) -> None:
    child = psutil.Process(pixels.run(os.getpid))
    with ThreadPoolExecutor(1) as threads:
        busy = threads.submit(pixels.run, sleep, 60)
        time.sleep(0.1)
        pixels.close()
        with pytest.raises(Unavailable):
            busy.result(5)
    with pytest.raises(Unavailable):
        pixels.run(add, 1, 1)
    assert not child.is_running()


def script(folder: Path, source: str) -> str:
    path = folder / "main_script.py"
    path.write_text(textwrap.dedent(source))
    return str(path)


def wait_until_dead(process: psutil.Process) -> None:
    """Dead, or a zombie that nobody reaps in a container without an init."""
    wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


NO_DESCRIPTORS = """
import os, resource
from packshot.errors import Unavailable
from packshot.pictures.child_processes import Pixels

pixels = Pixels()
spare = os.dup(0)
os.close(spare)
resource.setrlimit(resource.RLIMIT_NOFILE, (spare + 1, 4096))
try:
    pixels.run(len, "abc")
except Unavailable as error:
    print(error.message)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 4096))
print(pixels.run(len, "abc"))
pixels.close()
"""


def test_a_machine_that_cant_start_a_child_is_waited_for() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NO_DESCRIPTORS], capture_output=True, text=True, timeout=PATIENCE
    )
    said, answer = done.stdout.splitlines()
    assert said.startswith("this machine can't start a pixel process"), done.stderr
    assert answer == "3"
