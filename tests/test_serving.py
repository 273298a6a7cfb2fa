"""However it is started, each serving process has one worker, which drains at SIGTERM."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from servers.packshot_process import (
    BIN,
    ROOT,
    RUN_PY,
    WORKER,
    PackshotProcess,
    clean_environment,
    gunicorn,
)
from servers.photo_host import PhotoHost, hang
from servers.ports import PATIENCE

from packshot.database.engine import Database
from packshot.database.models import Product
from packshot.errors import SettingsError
from packshot.serving.listening import GIVEN_SOCKET, browser_warning, check_port
from packshot.testing.fake_gemini import FakeGemini

STARTED = "Worker thread started"
FOREIGN_CONF = ("-c", "tests/servers/foreign_gunicorn_conf.py")
SERVE = (str(BIN / "packshot"), "serve")
FLASK = (str(BIN / "flask"), "--app", "src.app", "run", "--port", "{port}")
WAITRESS = (
    *(str(BIN / "waitress-serve"), "--listen", "127.0.0.1:{port}"),
    *("--call", "src.app:create_app"),
)


@pytest.mark.parametrize(
    ("command", "workers"),
    [
        (gunicorn(2), 2),
        pytest.param(gunicorn(2, "--preload"), 2, marks=pytest.mark.extra),
        pytest.param(gunicorn(2, *FOREIGN_CONF), 2, marks=pytest.mark.extra),
        pytest.param(gunicorn(1, "--preload", *FOREIGN_CONF), 1, marks=pytest.mark.extra),
        pytest.param(RUN_PY, 1, marks=pytest.mark.extra),
        pytest.param(FLASK, 1, marks=pytest.mark.extra),
        pytest.param(WAITRESS, 1, marks=pytest.mark.extra),
        (SERVE, 1),
    ],
    ids=[
        "gunicorn",
        "preload",
        "foreign-conf",
        "foreign-preload",
        "run.py",
        "flask",
        "waitress",
        "packshot-serve",
    ],
)
def test_one_worker_per_serving_process(
    tmp_path: Path, command: tuple[str, ...], workers: int
) -> None:
    with PackshotProcess(tmp_path, command, empty=command == gunicorn(2)) as server:
        server.wait_until_serving()
        server.wait_for_line(STARTED, workers)
        time.sleep(0.3)
        assert server.log().count(STARTED) == workers
        if command in (RUN_PY, SERVE):
            server.wait_for_line(f'"Open http://localhost:{server.port}/ in a browser')
            before = server.log().partition('"Open http')[0]  # who opens it at once finds it
            assert command == RUN_PY or '"Listening at' in before
            assert all(line.startswith("{") for line in server.log().splitlines())
        began = time.monotonic()
        assert server.stop() == 0, server.log()
        assert time.monotonic() - began < 25
    assert "Traceback" not in server.log()


@pytest.mark.parametrize(
    "command",
    [RUN_PY, SERVE, pytest.param((*SERVE, "--fake-gemini"), marks=pytest.mark.extra)],
    ids=["run.py", "packshot-serve", "fake-gemini"],
)
def test_a_port_that_is_taken_ends_it_before_anything_starts(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    server = PackshotProcess(tmp_path, (*command, "--port", "{port}"), {"PORT": "1"}, empty=True)
    with socket.create_server(("127.0.0.1", server.port)), server:
        assert server.process is not None
        assert server.process.wait(60) == 1
    [line] = server.log().splitlines()
    assert line.startswith(f"packshot: port {server.port} is in use, perhaps by a Packshot")
    assert "stop that program, or choose another port, as in PORT=" in line
    assert not (tmp_path / "packshot.db").exists()


def test_a_port_just_closed_is_free(tmp_path: Path) -> None:
    """Its connections stay in TIME_WAIT for a minute, which keeps no server from listening."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        caller = socket.create_connection(("127.0.0.1", port))
        accepted, _ = listener.accept()
        accepted.close()  # this end closes first, and keeps the port
        caller.close()
    check_port("127.0.0.1", port)


def test_a_server_that_is_given_its_socket_needs_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """By systemd, or by the gunicorn that it replaces."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(SettingsError, match="is in use, perhaps by a Packshot"):
            check_port("127.0.0.1", port)
        for name in GIVEN_SOCKET:
            monkeypatch.setenv(name, "3")
            check_port("127.0.0.1", port)
            monkeypatch.delenv(name)


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(SettingsError, match=r"HOST=192\.0\.2\.1 is no address of this machine"):
        check_port("192.0.2.1", 5000)


def test_a_port_that_browsers_refuse_is_warned_of() -> None:
    assert [port for port in (5000, 5061, 6000, 6666, 8080, 0) if browser_warning(port)] == [
        5061,
        6000,
        6666,
    ]
    assert "browsers refuse port 6666 as unsafe" in (browser_warning(6666) or "")


@pytest.mark.extra
@pytest.mark.parametrize(
    "command",
    [pytest.param(RUN_PY, marks=pytest.mark.soak), (*FLASK, "--reload")],
    ids=["run.py", "flask"],
)
def test_the_reloaders_parent_has_no_worker(tmp_path: Path, command: tuple[str, ...]) -> None:
    debug = {"FLASK_DEBUG": "1"} if command == RUN_PY else {}
    with PackshotProcess(tmp_path, command, debug) as server:
        server.wait_until_serving()
        server.wait_for_line(STARTED)
        time.sleep(0.5)
        assert server.log().count(STARTED) == 1
        for process in psutil.Process(server.pid).children(recursive=True):
            process.terminate()


@pytest.mark.extra
def test_a_web_process_without_a_worker(tmp_path: Path) -> None:
    with PackshotProcess(tmp_path, RUN_PY, {"WORKER_ENABLED": "false"}) as server:
        server.wait_until_serving()
        time.sleep(0.3)
        assert STARTED not in server.log()


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.extra)]
)
def test_the_worker_on_its_own_ends_with_0(tmp_path: Path, number: int) -> None:
    with PackshotProcess(tmp_path, WORKER, {"WORKER_ENABLED": "false"}) as worker:
        worker.wait_for_line(STARTED)
        assert worker.stop(number) == 0, worker.log()


def test_the_documents_model_is_warned_of_once(tmp_path: Path) -> None:
    """Each process said it twice, and so did every command."""
    with FakeGemini() as fake:
        gemini = {"GEMINI_API_KEY": "key", "GOOGLE_GEMINI_BASE_URL": fake.url}
        chosen = gemini | {"GEMINI_MODEL": "gemini-1.5-flash"}
        with PackshotProcess(tmp_path, WORKER, chosen) as worker:
            worker.wait_for_line("was shut down")
            time.sleep(0.5)
            listed = subprocess.run(
                [str(BIN / "packshot"), "webhooks", "list"],
                cwd=tmp_path,
                env=worker.environment,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
            assert worker.log().count("was shut down") == 1
    assert (listed.returncode, listed.stderr) == (0, "")


@pytest.mark.extra
def test_a_signal_the_server_ignores_does_not_stop_its_worker(tmp_path: Path) -> None:
    """A shell script's `python run.py &` ignores Ctrl-C."""
    ignoring = ("sh", "-c", "trap '' INT; exec \"$0\" run.py", sys.executable)
    with PackshotProcess(tmp_path, ignoring) as server:
        server.wait_until_serving()
        server.wait_for_line(STARTED)
        os.kill(server.pid, signal.SIGINT)
        time.sleep(0.3)
        assert server.call("GET", "/readyz")[1]["parts"]["worker"] == "ok"
        assert server.stop() == 0


@pytest.mark.extra
def test_gunicorn_waits_longer_than_the_worker_may_take(tmp_path: Path) -> None:
    done = subprocess.run(
        [*gunicorn(1, "--print-config")],
        cwd=ROOT,
        env=os.environ | {"GRACE_SECONDS": "120", "DATABASE_URL": f"sqlite:///{tmp_path}/x.db"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    shown = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    limits = {name.strip(): value.strip() for name, value in shown.items()}
    assert (limits["graceful_timeout"], limits["timeout"]) == ("125", "130")


@pytest.mark.extra
def test_gunicorns_error_log_has_our_lines(tmp_path: Path) -> None:
    log = tmp_path / "error.log"
    with PackshotProcess(tmp_path, gunicorn(1, "--error-logfile", str(log))) as server:
        server.wait_until_serving()
        deadline = time.monotonic() + 10
        while STARTED not in log.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_bad_setting_stops_the_start_with_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "run.py"],
        cwd=ROOT,
        env=os.environ | {"ENHANCED_IMAGES_COUNT": "11", "DATABASE_URL": f"sqlite:///{tmp_path}/x"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode != 0
    assert done.stderr.strip().splitlines() == [
        "packshot: ENHANCED_IMAGES_COUNT='11': must be at most 10"
    ]


@pytest.mark.parametrize(
    ("command", "setting", "value", "says"),
    [
        (("run.py",), "API_KEYS", "alice", "API_KEYS"),
        pytest.param(
            ("-m", "src.worker"),
            "RAW_IMAGE_HOSTS",
            "http://a b",
            "RAW_IMAGE_HOSTS: 'http://a b'",
            marks=pytest.mark.extra,
        ),
        pytest.param(
            ("scripts/create_product_images_table.py",),
            "DATABASE_URL",
            "postgresql://me:hush@127.0.0.1:1/x",
            "no connection to the database: connection failed",
            marks=pytest.mark.extra,
        ),
    ],
    ids=["web", "worker", "database"],
)
def test_every_failed_start_prints_one_line(
    tmp_path: Path, command: tuple[str, ...], setting: str, value: str, says: str
) -> None:
    defaults = {"DATABASE_URL": f"sqlite:///{tmp_path}/x.db", "PORT": "0"}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | defaults | {setting: value},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith(f"packshot: {says}")
    assert "hush" not in done.stderr


@pytest.mark.extra
def test_gunicorn_gives_up_on_a_bad_setting_instead_of_trying_for_ever(tmp_path: Path) -> None:
    with PackshotProcess(tmp_path, gunicorn(1), {"LEASE_SECONDS": "0"}) as server:
        assert server.process is not None
        assert server.process.wait(30) == 3
    assert server.log().count("packshot: LEASE_SECONDS='0'") == 1
    assert "Traceback" not in server.log()


@pytest.mark.extra
def test_gunicorn_does_not_try_several_times_a_second_to_reach_a_database(tmp_path: Path) -> None:
    unreachable = {"DATABASE_URL": "postgresql://me:hush@127.0.0.1:1/x"}
    with PackshotProcess(tmp_path, gunicorn(1), unreachable) as server:
        server.wait_for_line("packshot: no connection to the database")
        time.sleep(2)
        assert server.log().count("Booting worker") == 1


@pytest.mark.extra
def test_the_create_script_is_safe_to_run_twice(tmp_path: Path) -> None:
    said = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "scripts/create_product_images_table.py"],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path}/x.db"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert "applied 0001" in said[0]
    assert "nothing to do" in said[1]


def test_a_stop_in_the_middle_gives_the_product_back(tmp_path: Path) -> None:
    """The photo hangs; the worker gives it back within the grace time and ends with 0."""
    with PhotoHost({"/slow.jpg": hang()}) as host:
        environment = {"RAW_IMAGE_HOSTS": host.address, "GRACE_SECONDS": "7"}
        with PackshotProcess(tmp_path, gunicorn(1), environment) as server:
            server.wait_until_serving()
            row = {"category": "x", "raw_image": host.url("/slow.jpg"), "mrp": 2, "price": 1}
            status, answer = server.call("POST", "/api/products/bulk", {"products": [row]})
            assert status == 201, answer
            server.wait_for_line("Received message for product_id: 1")
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < 12
    assert "Traceback" not in server.log()
    database = Database(f"sqlite:///{tmp_path}/packshot.db")
    with database.read() as session:
        product = session.get_one(Product, 1)
        assert (product.status, product.token, product.attempts) == ("pending", None, 0)
    database.close()


@pytest.mark.parametrize(
    ("environment", "imported"),
    [({}, []), ({"GEMINI_API_KEY": "x", "S3_BUCKET": "x"}, ["boto3", "google.genai"])],
    ids=["defaults", "cloud"],
)
def test_gunicorns_master_imports_what_its_processes_share(
    environment: dict[str, str], imported: list[str]
) -> None:
    """Its threads would not outlive the fork."""
    shown = "[name for name in ('boto3', 'google.genai') if name in sys.modules]"
    script = f"import sys, threading, runpy; runpy.run_path('gunicorn.conf.py'); print({shown}, "
    command = [sys.executable, "-c", script + "threading.active_count())"]
    printed = subprocess.check_output(command, cwd=ROOT, env=clean_environment() | environment)
    assert printed.decode().strip() == f"{imported} 1"
