"""Pictures that kill or hang a process, a full disk, a read-only folder, no file descriptors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest
from servers.packshot_process import BIN
from servers.photo_host import hang
from servers.ports import PATIENCE

from faults.killing import worker_killed_by
from faults.rig import LEASE, WANTED, Rig
from packshot.work.claiming.claims import MAX_ATTEMPTS


def test_a_picture_that_kills_the_process_fails_and_delays_no_other(rig: Rig) -> None:
    """Each worker that touches it dies; a supervisor starts the next one."""
    rig.host.pages["/deadly.jpg"] = rig.host.pages["/photo.jpg"]
    (deadly,) = rig.create(1, "/deadly.jpg")
    others = rig.create(5)
    deaths = 0
    while rig.statuses([deadly])["pending"]:
        worker = rig.worker(partial(worker_killed_by, "/deadly.jpg"))
        with rig.running(worker):
            rig.until(lambda w=worker: not w.alive or not rig.statuses([deadly])["pending"])  # type: ignore[misc]
            deaths += not worker.alive
        assert deaths <= MAX_ATTEMPTS, "it is tried for ever"
    assert rig.statuses(others)["pending_review"] >= 4, "they were held up"
    product = rig.catalog().product(deadly)
    assert (product.status, product.error_code) == ("failed", "worker_died")
    assert product.error is not None
    assert "upload it again" in product.error
    assert deaths == MAX_ATTEMPTS
    worker = rig.worker()
    with rig.running(worker):
        rig.wait_done()
        audit = rig.audit()
        assert audit.faults == []
        assert audit.statuses == {"pending_review": 5, "failed": 1}


def test_a_product_that_hangs_delays_no_other(on_defaults: Rig) -> None:
    rig = on_defaults
    rig.host.pages["/hangs.jpg"] = hang()
    stuck = rig.create(1, "/hangs.jpg")
    others = rig.create(5)
    worker = rig.worker(WORKER_CONCURRENCY="2")
    with rig.running(worker):
        rig.wait_done(others)
        assert rig.statuses(stuck) == {"pending": 1}


# -- the disk --------------------------------------------------------------------------------------


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of one megabyte, if we may mount one."""
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "packshot-test", str(disk)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"no right to mount a small disk: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def remount(disk: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", str(disk)], check=True)


def pictures(media: Path) -> list[Path]:
    """What a reader may see: everything but unfinished files."""
    hidden = {".incoming", "packshot"}  # the second has the mark of the shop
    return [p for p in media.rglob("*") if p.is_file() and hidden.isdisjoint(p.parts)]


def test_a_full_disk_shows_no_half_picture_and_costs_no_second_payment(on_defaults: Rig) -> None:
    rig = on_defaults
    with small_disk(rig.folder) as disk:
        filler = disk / "filler"
        worker = rig.worker(MEDIA_DIR=str(disk / "media"), WORKER_CONCURRENCY="2")
        with rig.running(worker):
            rig.fake.latency = 1.0
            rig.create(2)
            rig.until(lambda: len(rig.fake.paid()) >= 1)  # the first photos are stored
            fill(filler)
            worker_says(rig, worker, "make room, nothing is lost")
            assert all(whole(path) for path in pictures(disk / "media"))
            filler.unlink()
            remount(disk, "size=64m")
            rig.wait_done()
            (rig.folder / "media").symlink_to(disk / "media")
            assert rig.paid_once().statuses == {"pending_review": 2}
            assert worker.stop() == 0


def test_check_names_a_disk_without_room_for_a_picture(tmp_path: Path) -> None:
    """The few bytes that it tries to write find room."""
    with small_disk(tmp_path) as disk:
        (disk / "media").mkdir()
        places = {"DATABASE_URL": f"sqlite:///{tmp_path}/x.db", "MEDIA_DIR": f"{disk}/media"}
        done = subprocess.run(
            [BIN / "packshot", "check", "--json"],
            cwd=tmp_path,
            env=os.environ | places,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    found = json.loads(done.stdout)["parts"]["storage"]
    assert f"the disk of MEDIA_DIR={disk}/media has only 1.0 MB left" in found
    assert done.returncode == 1


def test_a_read_only_folder_is_named_and_recovered_from(on_defaults: Rig) -> None:
    rig = on_defaults
    with small_disk(rig.folder) as disk:
        remount(disk, "size=160m")
        worker = rig.worker(MEDIA_DIR=str(disk / "media"))
        with rig.running(worker):
            rig.create(1)
            rig.wait_done()
            remount(disk, "ro")
            rig.create(2)
            worker_says(rig, worker, f"MEDIA_DIR={disk}/media")
            assert worker.log().count("waiting, nothing is lost") == 1
            remount(disk, "rw")
            rig.wait_done()
            (rig.folder / "media").symlink_to(disk / "media")
            audit = rig.audit()
            assert (audit.faults, audit.statuses) == ([], {"pending_review": 3})
            assert worker.stop() == 0


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass


def whole(path: Path) -> bool:
    return path.read_bytes()[-2:] == b"\xff\xd9"  # JPEG's end of image


def worker_says(rig: Rig, worker, words: str) -> None:  # type: ignore[no-untyped-def]
    rig.until(lambda: words in worker.log())


# -- file descriptors ------------------------------------------------------------------------------


def test_without_file_descriptors_it_waits_and_recovers(rig: Rig) -> None:
    worker = rig.worker(WORKER_CONCURRENCY="4")
    with rig.running(worker):
        rig.create(2)
        rig.wait_done()
        process = psutil.Process(worker.pid)
        before = process.rlimit(psutil.RLIMIT_NOFILE)
        highest = max(int(name) for name in os.listdir(f"/proc/{worker.pid}/fd"))
        process.rlimit(psutil.RLIMIT_NOFILE, (min(highest, process.num_fds()), before[1]))
        rig.create(6)
        worker_says(rig, worker, "nothing is lost")
        process.rlimit(psutil.RLIMIT_NOFILE, before)
        rig.wait_done()
        audit = rig.audit()
        assert (audit.faults, audit.statuses) == ([], {"pending_review": 8})
        assert audit.rows == 8 * WANTED
        assert worker.stop() == 0


def test_sigterm_gives_back_what_can_not_finish_in_time(rig: Rig) -> None:
    rig.fake.misbehave("hang", times=2)
    (product_id,) = rig.create()
    worker = rig.worker(GRACE_SECONDS="6")
    with rig.running(worker):
        rig.until(lambda: len(rig.fake.calls) >= 1 or rig.fake.in_flight >= 1)
        assert worker.stop(signal.SIGTERM, seconds=8) == 0
    product = rig.catalog().product(product_id)
    assert (product.status, product.attempts) == ("pending", 0)
    rig.fake.behave()
    last = rig.worker()
    with rig.running(last):
        rig.wait_done(seconds=30 + LEASE)
        assert rig.audit().statuses == {"pending_review": 1}
