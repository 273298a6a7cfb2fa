"""`python scripts/setup_sqs_queue.py`, as the specification tells people to run it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import uuid
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from servers.aws import ACCOUNT, CREDENTIALS, REGION, Aws
from servers.canned_aws import CannedAws, sqs_error

from packshot.cli.setup_sqs import connect, main
from packshot.settings import Settings

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "setup_sqs_queue.py"
WANTED = {
    "VisibilityTimeout": "300",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "20",
}


class Script:
    """Runs the script in a separate folder with a separate environment."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            **CREDENTIALS,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": endpoint,
        }

    def in_process_of_its_own(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(SCRIPT)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> Done:
        """In this process: the start of another one costs more than all the rest."""
        said, complained = io.StringIO(), io.StringIO()
        before = dict(os.environ)
        os.environ.clear()
        os.environ.update(self.environment | environment)
        try:
            with chdir(self.folder), redirect_stdout(said), redirect_stderr(complained):
                code = main(arguments)
        finally:
            os.environ.clear()
            os.environ.update(before)
        return Done(code, said.getvalue(), complained.getvalue())


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def script(tmp_path: Path, ministack: Aws) -> Script:
    return Script(tmp_path, ministack.endpoint)


@pytest.fixture
def name() -> str:
    return f"queue-{uuid.uuid4().hex}"


def attributes(server: Aws, name: str) -> dict[str, str]:
    url = server.sqs.get_queue_url(QueueName=name)["QueueUrl"]
    answer = server.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return {str(key): value for key, value in answer["Attributes"].items()}


def forget(aws: Aws, *names: str) -> None:
    """The emulator is shared with other tests, and this name is the specification's."""
    for name in names:
        for url in aws.sqs.list_queues(QueueNamePrefix=name).get("QueueUrls", []):
            aws.sqs.delete_queue(QueueUrl=url)


def test_it_makes_the_documents_queue_and_prints_its_url(script: Script, ministack: Aws) -> None:
    forget(ministack, "product-image-processing", "product-image-processing-dlq")
    done = script.in_process_of_its_own()
    assert (done.returncode, done.stderr) == (0, "")
    url = ministack.sqs.get_queue_url(QueueName="product-image-processing")["QueueUrl"]
    assert f"Queue URL: {url}" in done.stdout
    assert f"SQS_QUEUE_URL={url}" in done.stdout.splitlines()
    made = attributes(ministack, "product-image-processing")
    dead = attributes(ministack, "product-image-processing-dlq")
    assert made.items() >= WANTED.items()
    assert dead["MessageRetentionPeriod"] == "1209600"
    policy = json.loads(made["RedrivePolicy"])
    assert policy["deadLetterTargetArn"] == dead["QueueArn"]
    assert int(policy["maxReceiveCount"]) == 100
    assert dead["QueueArn"] == f"arn:aws:sqs:{REGION}:{ACCOUNT}:product-image-processing-dlq"


def test_run_again_it_changes_nothing(script: Script, ministack: Aws, name: str) -> None:
    first = script.run("--name", name)
    before = attributes(ministack, name), attributes(ministack, f"{name}-dlq")
    again = script.run("--name", name, "--update")
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.count("nothing to change") == 2
    assert again.stdout.splitlines()[-1] == first.stdout.splitlines()[-1]
    assert (attributes(ministack, name), attributes(ministack, f"{name}-dlq")) == before


def test_it_looks_where_the_queue_is_not_where_the_bucket_is() -> None:
    settings = Settings(
        sqs_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/product-image-processing",
        aws_region="ap-south-1",
    )
    with connect(settings, "product-image-processing").client_for("sqs:GetQueueUrl") as sqs:
        assert sqs.meta.region_name == "us-east-1"


def test_differences_are_printed_and_repaired_only_on_request(
    script: Script, ministack: Aws, name: str
) -> None:
    url = ministack.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "30"})[
        "QueueUrl"
    ]
    told = script.run("--name", name)
    assert told.returncode == 0
    assert f"{name}: VisibilityTimeout is 30, not 300" in told.stdout
    assert "--update" in told.stdout
    assert f"SQS_QUEUE_URL={url}" in told.stdout
    assert attributes(ministack, name)["VisibilityTimeout"] == "30"
    assert "RedrivePolicy" not in attributes(ministack, name)

    repaired = script.run("--name", name, "--update")
    assert f"{name}: VisibilityTimeout changed from 30 to 300" in repaired.stdout
    assert "RedrivePolicy changed from not set to" in repaired.stdout
    assert attributes(ministack, name).items() >= WANTED.items()
    assert "RedrivePolicy" in attributes(ministack, name)
    assert "nothing to change" in script.run("--name", name).stdout


def test_settings_come_from_the_env_file_too(script: Script, ministack: Aws, name: str) -> None:
    for setting in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del script.environment[setting]
    lines = ["AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"]
    (script.folder / ".env").write_text("\n".join(lines))
    assert script.run("--name", name).returncode == 0
    eu = script.run("--name", name)
    assert "already there" in eu.stdout
    assert "created" in script.run("--name", name, AWS_REGION="us-west-2").stdout


@pytest.mark.parametrize(
    ("unset", "named"),
    [
        (["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], "AWS_SECRET_ACCESS_KEY"),
        (["AWS_SECRET_ACCESS_KEY"], "AWS_SECRET_ACCESS_KEY"),
        (["AWS_REGION"], "AWS_REGION"),
    ],
)
def test_what_is_not_set_is_named_in_one_line(script: Script, unset: list[str], named: str) -> None:
    for setting in unset:
        del script.environment[setting]
    assert_one_line(script.run(), named)


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("AccessDeniedException", "sqs:GetQueueUrl"),
        ("ExpiredToken", "expired"),
        ("InvalidClientTokenId", "AWS_ACCESS_KEY_ID"),
    ],
)
def test_a_refusal_is_explained_in_one_line(tmp_path: Path, code: str, named: str) -> None:
    with CannedAws(sqs_error(code)) as server:
        assert_one_line(Script(tmp_path, server.endpoint).run(), named)


def test_a_queue_deleted_a_moment_ago_is_explained(tmp_path: Path) -> None:
    with CannedAws(sqs_error("QueueDoesNotExist"), sqs_error("QueueDeletedRecently")) as server:
        assert_one_line(Script(tmp_path, server.endpoint).run(), "60 seconds")


def test_an_endpoint_that_is_away_is_explained(tmp_path: Path) -> None:
    assert_one_line(Script(tmp_path, "http://127.0.0.1:9").run(), "no connection to")


def assert_one_line(done: Done, named: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("setup_sqs_queue: ")
    assert named in done.stderr
