"""SQS and S3 over a socket: ministack, and moto's server as a second opinion."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from servers.ports import HOST, free_port, start, stop

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

REGION = "us-east-1"
ACCOUNT = "123456789012"  # the specification's
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


class Aws:
    """A running emulator. `environment` is what a process needs to talk to it."""

    def __init__(self, name: str, port: int, process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.port = port
        self.endpoint = f"http://{HOST}:{port}"
        self._process = process
        session = boto3.session.Session("test", "test", region_name=REGION)
        path_style = Config(s3={"addressing_style": "path"})
        self.sqs: SQSClient = session.client("sqs", endpoint_url=self.endpoint)
        self.s3: S3Client = session.client("s3", endpoint_url=self.endpoint, config=path_style)

    @property
    def environment(self) -> dict[str, str]:
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": self.endpoint}

    def queue(self, attributes: Mapping[QueueAttributeNameType, str] | None = None) -> str:
        """Make a queue with a new name; return its URL."""
        name = f"queue-{uuid.uuid4().hex}"
        return self.sqs.create_queue(QueueName=name, Attributes=attributes or {})["QueueUrl"]

    def arn(self, url: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return answer["Attributes"]["QueueArn"]

    def bucket(self) -> str:
        """Make a bucket with a new name; return the name."""
        name = f"bucket-{uuid.uuid4().hex}"
        self.s3.create_bucket(Bucket=name)
        return name

    def close(self) -> None:
        self.sqs.close()
        self.s3.close()
        stop(self._process)


def start_ministack(folder: Path, **more: str) -> Aws:
    """`more` is added to its environment, e.g. AUTH="true" to have it check permissions."""
    port = free_port()
    environment = {
        "BIND_HOST": HOST,  # its default is every interface
        "MINISTACK_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "SERVICES": "sqs,s3",
        "LOG_LEVEL": "WARNING",
        "DOCKER_HOST": "unix:///nonexistent",  # it would clean up containers
        "IOT_MTLS_ENABLED": "false",
        **more,
    }
    command = [str(Path(sys.executable).with_name("ministack"))]
    return Aws("ministack", port, start(command, port, folder / "ministack.log", environment))


def start_moto(folder: Path) -> Aws:
    port = free_port()
    command = [str(Path(sys.executable).with_name("moto_server")), "-H", HOST, "-p", str(port)]
    environment = {"MOTO_ACCOUNT_ID": ACCOUNT}
    return Aws("moto", port, start(command, port, folder / "moto.log", environment))
