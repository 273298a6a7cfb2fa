"""Messages that SQS gave up delivering, in the dead-letter queue of the redrive policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from packshot.aws import Connection

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

#: Seconds for which a dead letter is hidden while it is sent again.
REDRIVE_SECONDS: Final = 60


@dataclass(frozen=True)
class DeadLetters:
    """The dead-letter queue at `url`; both connections are those of the queue it belongs to."""

    url: str
    poller: Connection[SQSClient]
    sqs: Connection[SQSClient]

    def receive(self, limit: int) -> list[MessageTypeDef]:
        """Up to `limit` messages, at most ten."""
        with self.poller.client_for("sqs:ReceiveMessage on the dead-letter queue") as sqs:
            answer = sqs.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=min(limit, 10),
                WaitTimeSeconds=1,
                VisibilityTimeout=REDRIVE_SECONDS,
            )
        return answer.get("Messages", [])

    def release(self, handles: Sequence[str]) -> None:
        """Leave these messages where they are, to be received again at once."""
        for handle in handles:
            with self.sqs.client_for("sqs:ChangeMessageVisibility on the dead-letter queue") as sqs:
                sqs.change_message_visibility(
                    QueueUrl=self.url, ReceiptHandle=handle, VisibilityTimeout=0
                )
