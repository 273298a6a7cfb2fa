"""Creates the SQS queue and its dead-letter queue as Packshot needs them, or lists differences."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from packshot.aws import Connection, Resource, code_of
from packshot.errors import NotConfigured, PackshotError
from packshot.queues.sqs import sqs_client
from packshot.serving.process import prepare_process
from packshot.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

NAME: Final = "product-image-processing"
DAY: Final = 24 * 3600

#: The specification's values.
QUEUE: Final[dict[QueueAttributeNameType, str]] = {
    "VisibilityTimeout": "300",
    "MessageRetentionPeriod": str(4 * DAY),
    "ReceiveMessageWaitTimeSeconds": "20",
}
#: Longer than the queue's: a message keeps its age when a Standard queue moves it. 14 days is
#: SQS's maximum.
DEAD_LETTERS: Final[dict[QueueAttributeNameType, str]] = {
    "MessageRetentionPeriod": str(14 * DAY),
}
#: Only a safety net: attempts are counted in the database. Releases, products that another worker
#: has claimed, and polls whose process died use up receives too.
MAX_RECEIVES: Final = 100


class QueueSetup:
    """Creates the two queues of one name, and prints each step."""

    def __init__(self, connection: Connection[SQSClient], name: str, update: bool) -> None:
        self._sqs = connection
        self._name = name
        self._update = update
        self.differs = False

    def run(self) -> str:
        """Return the queue's URL. A second run changes nothing, except with `update`."""
        dead = self._ensure(f"{self._name}-dlq", DEAD_LETTERS)
        policy = {"deadLetterTargetArn": self._arn(dead), "maxReceiveCount": MAX_RECEIVES}
        return self._ensure(self._name, {**QUEUE, "RedrivePolicy": json.dumps(policy)})

    def _ensure(self, name: str, wanted: Mapping[QueueAttributeNameType, str]) -> str:
        url = self._find(name)
        if url is None:
            url = self._create(name, wanted)
            print(f"{name}: created")
            return url
        present = self._attributes(url)
        differing = {k: v for k, v in wanted.items() if _value(present.get(k)) != _value(v)}
        if differing:
            self._repair(name, url, present, differing)
        else:
            print(f"{name}: already there, nothing to change")
        return url

    def _repair(
        self,
        name: str,
        url: str,
        present: Mapping[QueueAttributeNameType, str],
        differing: Mapping[QueueAttributeNameType, str],
    ) -> None:
        if self._update:
            with self._sqs.client_for("sqs:SetQueueAttributes") as sqs:
                sqs.set_queue_attributes(QueueUrl=url, Attributes=dict(differing))
        for attribute, value in differing.items():
            old = present.get(attribute, "not set")
            done = f"changed from {old} to {value}" if self._update else f"{old}, not {value}"
            print(f"{name}: {attribute} {'' if self._update else 'is '}{done}")
        self.differs = self.differs or not self._update

    def _find(self, name: str) -> str | None:
        from botocore.exceptions import ClientError

        with self._sqs.client_for("sqs:GetQueueUrl") as sqs:
            try:
                return sqs.get_queue_url(QueueName=name)["QueueUrl"]
            except ClientError as error:
                if code_of(error).endswith(("NonExistentQueue", "QueueDoesNotExist")):
                    return None
                raise

    def _create(self, name: str, wanted: Mapping[QueueAttributeNameType, str]) -> str:
        from botocore.exceptions import ClientError

        with self._sqs.client_for("sqs:CreateQueue") as sqs:
            try:
                return sqs.create_queue(QueueName=name, Attributes=dict(wanted))["QueueUrl"]
            except ClientError as error:
                if code_of(error).endswith("QueueDeletedRecently"):
                    raise NotConfigured(
                        f"the queue {name} was deleted less than 60 seconds ago: run this again"
                        " in a minute"
                    ) from None
                raise

    def _arn(self, url: str) -> str:
        return self._attributes(url)["QueueArn"]

    def _attributes(self, url: str) -> dict[QueueAttributeNameType, str]:
        with self._sqs.client_for("sqs:GetQueueAttributes") as sqs:
            return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def _value(attribute: str | None) -> object:
    """An attribute's value, independent of the order and the types in a policy's JSON."""
    if attribute is None or not attribute.startswith("{"):
        return attribute
    return {name: str(value) for name, value in json.loads(attribute).items()}


def connect(settings: Settings, name: str) -> Connection[SQSClient]:
    """Connect in the region of SQS_QUEUE_URL once it is set: AWS_REGION may be the bucket's."""
    resource = Resource(f"the SQS queue {name}", setting="AWS_REGION")
    return Connection(partial(sqs_client, settings.queue_region, None), resource)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit with 0 when the queues exist, with their differences printed; with 1 on an error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="repair attributes that differ")
    parser.add_argument("--name", default=NAME, help=f"the queue's name ({NAME})")
    options = parser.parse_args(arguments)
    setup = QueueSetup(connect(prepare_process(), options.name), options.name, options.update)
    try:
        url = setup.run()
    except PackshotError as error:
        print(f"setup_sqs_queue: {error.message}", file=sys.stderr)
        return 1
    print(f"\nQueue URL: {url}\n\nAdd this line to .env:\nSQS_QUEUE_URL={url}")
    if setup.differs:
        print("\nSome attributes differ from the above: --update repairs them.")
    return 0
