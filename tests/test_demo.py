"""`make demo`: the whole way in one command, on embedded defaults despite the shell's settings."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from servers.packshot_process import clean_environment
from servers.ports import PATIENCE, answers, free_port, wait_until
from support.fakes import photo_bytes

from packshot.cli.demo import USUAL_PORT, choose_port, demo_environment, demo_rows


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with one small photo."""
    folder = tmp_path / "photos"
    folder.mkdir()
    scene = np.full((240, 320, 3), 200, np.uint8)
    cv2.circle(scene, (160, 120), 70, (40, 60, 180), -1)
    cv2.imwrite(str(folder / "ball.jpg"), scene)
    return folder


@contextmanager
def demo(photos: Path, port: int | str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The demo as a user starts it; what still runs at the end is stopped, its server too."""
    with subprocess.Popen(
        [sys.executable, "-m", "packshot.cli", "demo", "--photos", str(photos), *options],
        cwd=photos.parent,
        env=clean_environment() | {"PORT": str(port), "ENHANCED_IMAGES_COUNT": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Ctrl-C, even where the tests themselves ignore it (`make test &`).
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def run_demo(photos: Path, port: int | str, *options: str) -> tuple[int, str]:
    with demo(photos, port, "--once", *options) as process:
        output, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, output


def test_the_demo_invents_no_facts_of_ones_own_photos(photos: Path) -> None:
    rows = demo_rows(photos)
    assert rows
    assert {name for row in rows for name in row.fields} <= {"sku", "view", "filename", "category"}
    assert {row.fields["category"] for row in rows} == {"Products"}


def test_the_demo_reads_the_spreadsheet_beside_the_photos(photos: Path) -> None:
    """What it does not use is named: it left out files of one's own without a word."""
    (photos / "shop.csv").write_text("SKU,Name,Price\nball,Red ball,9.90\n")
    (photos / "list.pdf").write_bytes(b"%PDF-1.4")
    notes: list[str] = []
    [row] = demo_rows(photos, notes.append)
    assert (row.fields["name"], row.fields["price"]) == ("Red ball", "9.90")
    assert any("list.pdf" in note for note in notes), notes


def test_the_demo_of_good_photos_ends_well(photos: Path) -> None:
    code, output = run_demo(photos, free_port())
    assert code == 0, output
    assert "pending_review" in output
    assert "1 picture in" in output


def test_ctrl_c_stops_the_demo_and_its_server(photos: Path) -> None:
    with demo(photos, port := free_port()) as process:
        assert process.stdout is not None
        told = next(line for line in process.stdout if "Ctrl-C" in line)
        assert answers(port), told
        os.killpg(process.pid, signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(60) == 0, rest
    assert "Traceback" not in rest
    assert not answers(port)


@pytest.mark.extra
def test_signals_that_follow_the_first_do_not_leave_the_server_running(photos: Path) -> None:
    """`timeout 9 make demo`: timeout signals make and the demo, make signals the demo once more."""
    with demo(photos, port := free_port()) as process:
        assert process.stdout is not None
        assert any("Ctrl-C" in line for line in process.stdout)
        for _ in range(5):
            process.terminate()
            time.sleep(0.02)
        rest = process.stdout.read()
        assert process.wait(60) == 0, rest
    assert "Stopping the server" in rest
    assert not answers(port)


@pytest.mark.extra
def test_a_server_that_ends_by_itself_ends_the_demo(photos: Path) -> None:
    with demo(photos, free_port()) as process:
        assert process.stdout is not None
        assert any("Ctrl-C" in line for line in process.stdout)
        os.kill(server_of(process), signal.SIGKILL)
        rest = process.stdout.read()
        assert process.wait(30) == 1, rest
    assert "the server ended by itself; the end of its log:" in rest


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals children of a killed one")
def test_a_killed_demo_ends_its_server(photos: Path) -> None:
    with demo(photos, port := free_port()) as process:
        assert process.stdout is not None
        assert any("Ctrl-C" in line for line in process.stdout)
        assert answers(port)
        process.kill()
        wait_until(lambda: not answers(port))


def server_of(process: subprocess.Popen[str]) -> int:
    [server] = psutil.Process(process.pid).children()
    return server.pid


def test_a_port_in_use_is_named_and_nothing_is_deleted(photos: Path) -> None:
    """The other program may be an earlier demo."""
    kept = photos.parent / "var/demo/packshot.db"
    kept.parent.mkdir(parents=True)
    kept.touch()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, output = run_demo(photos, port, "--fresh")
    assert code == 1, output
    assert f"port {port} is in use by another program" in output
    assert kept.exists()


def test_a_usual_port_in_use_is_replaced_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PORT", raising=False)
    with ExitStack() as stack:
        with suppress(OSError):  # another program has it already: as good
            stack.enter_context(socket.create_server(("127.0.0.1", USUAL_PORT)))
        port = choose_port()
    assert port != USUAL_PORT
    told = capsys.readouterr().out
    assert f"Port {USUAL_PORT} is in use by another program: using {port}" in told


def test_a_bad_port_is_reported_in_one_line(photos: Path) -> None:
    code, output = run_demo(photos, "abc")
    assert code == 1
    assert output.splitlines()[-1] == "Error: PORT must be a number from 0 to 65535, not 'abc'"


def test_settings_of_the_shell_do_not_reach_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "WORKER_ENABLED": "false",  # it would wait forever
        "RAW_IMAGE_HOSTS": "shop.example",
        "WEBHOOK_URLS": "https://shop.example/hook",
        "LEASE_SECONDS": "0",
        "DATABASE_URL": "postgresql://shop.example/live",
        "s3_bucket": "live",
        "ENHANCED_IMAGES_COUNT": "2",
        "LANG": "C.UTF-8",
    }.items():
        monkeypatch.setenv(name, value)
    environment = demo_environment(5050)
    assert environment["DATABASE_URL"].startswith("sqlite:///")
    assert environment["ENHANCED_IMAGES_COUNT"] == "2"
    assert environment["LANG"] == "C.UTF-8"
    reached = {"WORKER_ENABLED", "RAW_IMAGE_HOSTS", "WEBHOOK_URLS", "LEASE_SECONDS", "s3_bucket"}
    assert not reached & set(environment)


@pytest.mark.extra
def test_a_demo_keeps_what_an_earlier_one_made_unless_it_begins_again(photos: Path) -> None:
    """A photo that fails is named and ends it with 1."""

    def products() -> int:
        with closing(sqlite3.connect(photos.parent / "var/demo/packshot.db")) as database:
            count: int = database.execute("SELECT COUNT(*) FROM products").fetchone()[0]
        return count

    def run(*options: str) -> tuple[int, str]:
        with demo(photos, free_port(), "--once", *options) as process:
            output, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, output

    ball, cut = photos / "ball.jpg", photos / "cut.jpg"
    cut.write_bytes(ball.read_bytes()[:900])
    code, output = run()
    assert (code, products()) == (1, 1), output
    assert "pending_review" in output
    assert "cut.jpg: photo: " in output
    cut.unlink()
    (photos / "cup.jpg").write_bytes(photo_bytes(1))
    code, output = run()
    assert (code, products()) == (0, 2), output
    assert "skipped photos/ball.jpg: product 1 has this photo" in output
    assert "--fresh" in output
    ball.unlink()
    code, output = run("--fresh")
    assert (code, products()) == (0, 1), output
