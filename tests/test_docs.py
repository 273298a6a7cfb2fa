"""The documentation tells the truth: its commands run, its tables equal the program."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner
from servers.aws import Aws
from servers.packshot_process import BIN, ROOT, PackshotProcess, clean_environment
from servers.receiver import Receiver

from packshot.cli import COMMANDS, main
from packshot.settings import Settings

PAGES = [
    "README.md",
    "WORKER_SETUP.md",
    "SECURITY.md",
    "docs/api.md",
    "docs/operate.md",
    "docs/licences.md",
]
#: The real AWS command line lives in an environment of its own: it pins its own botocore.
AWS = os.environ.get("AWS_CLI") or shutil.which("aws") or str(ROOT.parent / "venv-aws/bin/aws")


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
        timeout=110,
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


@pytest.mark.timeout(120)
@pytest.mark.parametrize("page", ["README.md", "docs/api.md", "docs/operate.md"])
def test_the_commands_of_a_page_run(page: str, process: PackshotProcess) -> None:
    script = "\n".join(blocks(page)).replace("http://localhost:5000", process.url)
    assert script
    (process.folder / "samples").mkdir(exist_ok=True)
    for name in ("photos/bottle-paper.jpg",):
        (process.folder / "samples" / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "samples" / name, process.folder / "samples" / name)
    environment = process.environment | {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PACKSHOT_URL": process.url,
    }
    bash(script, process.folder, environment)


# -- WORKER_SETUP.md: the real AWS command line against the emulator -------------------------------


@pytest.mark.skipif(not Path(AWS).exists(), reason="no aws command line: pip install awscli")
@pytest.mark.timeout(120)
def test_the_aws_commands_of_worker_setup_run(aws: Aws, tmp_path: Path) -> None:
    names = {
        "product-image-processing": f"queue-{uuid.uuid4().hex}",
        "YOUR_BUCKET": "a-" + uuid.uuid4().hex,
    }
    script = "\n".join(blocks("WORKER_SETUP.md"))
    queue_url = f"{aws.endpoint}/000000000000/product-image-processing"
    found = aws.sqs.create_queue(QueueName="product-image-processing-probe")["QueueUrl"]
    queue_url = found.replace("product-image-processing-probe", names["product-image-processing"])
    script = script.replace("YOUR_QUEUE_URL", queue_url)
    script = script.replace(
        "setup_sqs_queue.py", "setup_sqs_queue.py --name product-image-processing"
    )
    for name, own in names.items():
        script = script.replace(name, own)
    environment = (
        clean_environment()
        | aws.environment
        | {
            "PATH": f"{Path(AWS).parent}:{BIN}:{os.environ['PATH']}",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_PAGER": "",
            "SQS_QUEUE_URL": queue_url,
            "S3_BUCKET": names["YOUR_BUCKET"],
            "DATABASE_URL": f"sqlite:///{tmp_path}/packshot.db",
        }
    )
    script = script.replace("python scripts/", f"{BIN}/python {ROOT}/scripts/")
    endpoint = 'aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }'
    script = f"{endpoint}\n{script}"
    printed = bash(script, tmp_path, environment)
    assert "ApproximateNumberOfMessages" in printed
    assert "0 messages are in the queue again." in printed


def test_the_policy_is_what_was_tried_under_enforcement() -> None:
    from test_aws_permissions import OBJECT_ACTIONS, QUEUE_ACTIONS

    [policy] = blocks("WORKER_SETUP.md", "json")
    queue, pictures, bucket = json.loads(policy)["Statement"]
    assert queue["Action"] == [action.rstrip("*") for action in QUEUE_ACTIONS]
    assert sorted(pictures["Action"]) == sorted(OBJECT_ACTIONS)
    assert bucket["Action"] == "s3:ListBucket"


# -- what pages say --------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_what_is_not_run_needs_more_than_this_machine(page: str) -> None:
    """A block that is only shown starts with something a test can't have."""
    shown = "\n".join(blocks(page, "sh"))
    commands = [line.split()[0] for line in shown.splitlines() if line and line[0] not in " #"]
    elsewhere = {"sudo", "docker", "iptables", "pg_dump", "pg_restore", "psql", "python", "git"}
    elsewhere |= {"packshot", "pip", "aws", "tail", "gunicorn", "curl", "make", "sqlite3", "export"}
    assert set(commands) <= elsewhere
    assert blocks(page, "bash") == []


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_link_of_ours_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    for command in re.findall(r"`packshot ([a-z]+)", text):
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
