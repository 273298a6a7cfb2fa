"""Docker: what can be tested without an engine, and that the files fit together."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from conftest import missing
from dotenv import dotenv_values
from servers.aws import Aws
from servers.packshot_process import BIN, ROOT, PackshotProcess, gunicorn
from servers.ports import PATIENCE

from packshot.cli import COMMANDS
from packshot.settings import Settings
from packshot.web.requests.thread_shares import QUICK_BYTES

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name for name, service in SERVICES.items() if service.get("build")}
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_image_runs_without_root() -> None:
    assert "USER 10001:10001" in DOCKERFILE
    assert "STOPSIGNAL SIGTERM" in DOCKERFILE
    for name in OURS:
        service = SERVICES[name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_every_foreign_image_has_a_full_version() -> None:
    foreign = {service["image"] for name, service in SERVICES.items() if name not in OURS}
    assert foreign
    for image in foreign:
        assert re.search(r":v?\d+\.\d+(\.\d+)?", image), image


def test_every_command_is_one_of_packshots() -> None:
    commands = {name: SERVICES[name]["command"] for name in ("migrate", "web", "worker")}
    assert {command[0] for command in commands.values()} == {"migrate", "serve", "worker"}
    assert {command[0] for command in commands.values()} <= COMMANDS.keys()
    assert SERVICES["worker"]["deploy"]["replicas"] == 2
    for name in ("web", "worker"):  # longer than the worker's own grace
        grace = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
        assert grace > Settings().grace_seconds + 5


def test_what_is_waited_for_exists_and_profiles_may_be_left_out() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES, name
            if SERVICES[other].get("profiles", []) not in ([], service.get("profiles")):
                assert how["required"] is False, f"{name} -> {other}"
    assert {profile for each in SERVICES.values() for profile in each.get("profiles", [])} == {
        "local",
        "aws",
    }


def test_the_local_profile_fits_together() -> None:
    local = dotenv_values(ROOT / "deploy" / "local.env")
    aws_names = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    overrides = {name.upper() for name in Settings.model_fields} | aws_names
    assert {name for name in local if not name.startswith("AWS_ENDPOINT_URL")} <= overrides
    assert SERVICES["s3"]["environment"]["ROOT_SECRET_KEY"] == local["AWS_SECRET_ACCESS_KEY"]
    assert SERVICES["s3"]["environment"]["ROOT_ACCESS_KEY"] == local["AWS_ACCESS_KEY_ID"]
    queue = (local["SQS_QUEUE_URL"] or "").rpartition("/")[2]
    assert f"  {queue} {{" in (ROOT / "deploy" / "elasticmq.conf").read_text()
    caddyfile = (ROOT / "deploy" / "Caddyfile").read_text()
    assert "web:5000" in caddyfile
    assert f"request_buffers {QUICK_BYTES // 1024}KiB" in caddyfile  # larger ones have a share


# -- systemd ---------------------------------------------------------------------------------------

UNITS = [ROOT / "deploy" / name for name in ("packshot.service", "packshot-worker@.service")]


def options(unit: Path) -> dict[str, str]:
    """The settings of a unit, whose names occur once."""
    lines = [line for line in unit.read_text().splitlines() if re.match(r"\w+=", line)]
    found = dict(line.split("=", 1) for line in lines)
    assert len(found) == len(lines)
    return found


def test_the_units_are_the_pages_and_run_the_documents_commands() -> None:
    [shown] = re.findall(r"```ini\n(.*?)```", (ROOT / "WORKER_SETUP.md").read_text(), re.DOTALL)
    web, worker = map(options, UNITS)
    assert UNITS[1].read_text() == shown
    assert worker["ExecStart"] == "/opt/packshot/.venv/bin/python -m src.worker"
    assert shlex.split(web["ExecStart"]) == [
        "/opt/packshot/.venv/bin/gunicorn",
        *(word.format(port=5000) for word in gunicorn(4)[1:]),
    ]
    for unit in (web, worker):  # a stop lasts longer than gunicorn's, and that than the worker's
        assert int(unit["TimeoutStopSec"]) > math.ceil(Settings().grace_seconds) + 5 + 5
        assert unit["KillMode"] == "mixed"
    hardening = ("NoNewPrivileges", "PrivateTmp", "ProtectSystem", "ProtectHome", "ReadWritePaths")
    assert [web[name] for name in hardening] == [worker[name] for name in hardening]


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """With programs that exist in place of those in /opt, which `verify` looks for."""
    if (program := shutil.which("systemd-analyze")) is None:
        missing("systemd-analyze is not installed")
    copies = [tmp_path / unit.name.replace("@", "@1") for unit in UNITS]
    for unit, copy in zip(UNITS, copies, strict=True):
        copy.write_text(unit.read_text().replace("/opt/packshot/.venv/bin", str(BIN)))
    done = subprocess.run(
        [program, "verify", *map(str, copies)], capture_output=True, text=True, timeout=PATIENCE
    )
    ours = [line for line in done.stderr.splitlines() if "packshot" in line]
    assert ours == []


def test_the_one_shot_makes_the_bucket_once(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    script = SERVICES["bucket"]["entrypoint"][2]
    name = "packshot-compose-test"
    monkeypatch.setenv("S3_BUCKET", name)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    for _ in range(2):
        exec(script, {})
    assert name in [bucket["Name"] for bucket in aws.s3.list_buckets()["Buckets"]]


@pytest.mark.usefixtures("aws")
def test_the_one_shot_makes_the_queue(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with pytest.raises(SystemExit) as ended:
        exec(SERVICES["queue"]["entrypoint"][2], {})
    assert ended.value.code == 0
    assert "product-image-processing" in capsys.readouterr().out


@pytest.mark.extra
def test_the_health_check_finds_a_live_server_and_misses_a_dead_one(tmp_path: Path) -> None:
    [check] = re.findall(r"^    CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    command = [sys.executable, *json.loads(check)[1:]]
    with PackshotProcess(tmp_path, gunicorn(), {"WORKER_ENABLED": "false"}) as process:
        process.wait_until_serving()
        environment = os.environ | {"PORT": str(process.port)}
        assert subprocess.run(command, env=environment, timeout=PATIENCE).returncode == 0
    dead = subprocess.run(command, env=environment, capture_output=True, timeout=PATIENCE)
    assert dead.returncode == 1


@pytest.mark.extra
def test_a_stand_alone_worker_reports_that_it_is_alive(tmp_path: Path) -> None:
    """To Docker by a file that its health check looks at, to systemd by its socket."""
    command = [str(BIN / "packshot"), *SERVICES["worker"]["command"]]
    alive = Path(command.pop())
    check = SERVICES["worker"]["healthcheck"]["test"][1].replace("$$", "$")
    assert str(alive) in check
    file = tmp_path / "alive"
    check = check.replace(str(alive), str(file))
    assert subprocess.run(["sh", "-c", check], capture_output=True).returncode == 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(40)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with PackshotProcess(tmp_path, [*command, str(file)], environment):
            assert systemd.recv(100) == b"WATCHDOG=1"
            assert subprocess.run(["sh", "-c", check]).returncode == 0
    os.utime(file, (time.time() - 130,) * 2)
    assert subprocess.run(["sh", "-c", check]).returncode == 1


def lint(tool: str, *arguments: str) -> None:
    program = BIN / tool
    if not program.exists():
        missing(f"{tool} is not installed: pip install -r requirements-dev.txt")
    done = subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_hadolint_finds_nothing() -> None:
    lint("hadolint", "Dockerfile")


def test_the_image_signs_by_c2pa() -> None:
    """What it installs is copied into the build, is pinned alike, and has what signing imports."""
    lists = re.findall(r"-r (requirements[\w-]*\.txt)", DOCKERFILE)
    [copied] = re.findall(r"^COPY (requirements.*) \./$", DOCKERFILE, re.MULTILINE)
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    pins: dict[str, set[str]] = {}
    for name in copied.split():
        assert f"!{name}" in allowed
        for line in (ROOT / name).read_text().splitlines():
            package, _, version = line.partition("==")
            pins.setdefault(package, set()).add(version)
    assert set(lists) <= set(copied.split())
    assert {"c2pa-python", "cryptography"} <= pins.keys()
    assert {len(versions - {""}) for each, versions in pins.items() if each != "numpy"} <= {0, 1}


def test_compose_accepts_the_file() -> None:
    """By the schema of the Compose specification, as check-jsonschema ships it."""
    lint("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")
