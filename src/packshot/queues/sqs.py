"""The queue at SQS: messages that name a product each."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from packshot.aws import Connection, Resource, unlike_aws
from packshot.backoff import backoff, no_jitter
from packshot.errors import NotConfigured, Unavailable
from packshot.queues.contract import Depth, Message
from packshot.queues.dead_letters import DeadLetters

if TYPE_CHECKING:
    from boto3.session import Session
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_sqs.type_defs import (
        BatchResultErrorEntryTypeDef,
        ChangeMessageVisibilityBatchRequestEntryTypeDef,
        DeleteMessageBatchRequestEntryTypeDef,
        MessageTypeDef,
        SendMessageBatchRequestEntryTypeDef,
    )

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Ids have 32 bits: no product has a larger one, and PostgreSQL would refuse to compare it.
MAX_PRODUCT_ID: Final = 2**31 - 1

# SQS's own limits, from https://docs.aws.amazon.com/AWSSimpleQueueService/latest/
# SQSDeveloperGuide/quotas-messages.html and APIReference/API_ReceiveMessage.html
#: Messages in one request, of any kind.
BATCH: Final = 10
#: The longest wait of a receive.
MAX_WAIT_SECONDS: Final = 20
#: The longest time a message may stay invisible after its receive.
MAX_VISIBILITY_SECONDS: Final = 43_200
#: Error codes for a stale receipt handle: the message was received again, or deleted.
GONE: Final = frozenset({"ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight"})

VISIBLE: Final = "ApproximateNumberOfMessages"
INVISIBLE: Final = "ApproximateNumberOfMessagesNotVisible"
DELAYED: Final = "ApproximateNumberOfMessagesDelayed"

RECEIVES: Final = "ApproximateReceiveCount"
#: Another shop's message is hidden for 2, 4, 8, ... seconds, no longer than this.
STRANGER_SECONDS: Final = 900
#: Seconds for which the name of the dead-letter queue is cached.
POLICY_SECONDS: Final = 300.0
SET_UP: Final = "run python scripts/setup_sqs_queue.py --update"


class SqsQueue:
    """A Standard queue at SQS; received messages stay invisible for `lease_seconds`.

    `wait_seconds` is the long poll of one `lease`; the answer may come `answer_seconds` later. The
    queue's own wait attribute is ignored. A running poll is never interrupted: an aborted poll may
    still receive a message, hidden for a whole lease. Messages are marked with the id that `shop`
    returns. A message with another mark is returned unchanged, and `on_other_shop` is called with
    the mark; a message without one counts as this shop's.
    """

    is_external = True

    def __init__(
        self,
        url: str,
        region: str | None,
        lease_seconds: float,
        *,
        endpoint_url: str | None = None,
        wait_seconds: float = 5.0,
        answer_seconds: float = 10.0,
        threads: int = 64,
        shop: Callable[[], str] | None = None,
        on_other_shop: Callable[[str], None] = lambda other: None,
    ) -> None:
        self.url = url
        self._shop, self._on_other_shop = shop, on_other_shop
        self.wait_seconds = wait_seconds
        self._lease_seconds = lease_seconds
        resource = Resource(f"the SQS queue {url}", "SQS_QUEUE_URL")
        # boto3 must not repeat a poll: the first may have received messages that the second misses.
        poller = partial(
            sqs_client, region, endpoint_url, read_timeout=wait_seconds + answer_seconds, attempts=1
        )
        others = partial(sqs_client, region, endpoint_url, pool=threads)
        # Short timeouts: a request may be waiting, and what is not sent now is sent later.
        sender = partial(
            sqs_client, region, endpoint_url, read_timeout=3.0, attempts=2, pool=threads
        )
        self._poller: Connection[SQSClient] = Connection(poller, resource)
        self._sqs: Connection[SQSClient] = Connection(others, resource)
        self._sender: Connection[SQSClient] = Connection(sender, resource)
        self._dead_letters: tuple[float, str | None] | None = None

    # -- sending ---------------------------------------------------------------------------------

    def send(self, product_ids: Sequence[int]) -> set[int]:
        accepted: set[int] = set()
        for batch in in_batches(product_ids, BATCH):
            try:
                accepted |= self._send_batch(batch)
            except Unavailable as error:
                if not accepted:
                    raise
                log.warning("%d of %d sent: %s", len(accepted), len(product_ids), error)
                break
        return accepted

    def _send_batch(self, ids: Sequence[int]) -> set[int]:
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(position), "MessageBody": self._body(product_id)}
            for position, product_id in enumerate(ids)
        ]
        with self._sender.client_for("sqs:SendMessage") as sqs:
            answer = sqs.send_message_batch(QueueUrl=self.url, Entries=entries)
        for failed in answer.get("Failed", []):
            log.warning("SQS did not accept product %d: %s", ids[int(failed["Id"])], _why(failed))
        return {ids[int(taken["Id"])] for taken in answer.get("Successful", [])}

    def _body(self, product_id: int) -> str:
        mark = {"shop": self._shop()} if self._shop else {}
        return json.dumps({"product_id": product_id} | mark)

    # -- receiving -------------------------------------------------------------------------------

    def lease(self, limit: int) -> list[Message]:
        with self._poller.client_for("sqs:ReceiveMessage") as sqs:
            answer = sqs.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=max(1, min(limit, BATCH)),
                WaitTimeSeconds=min(round(self.wait_seconds), MAX_WAIT_SECONDS),
                VisibilityTimeout=_visibility(self._lease_seconds),
                AttributeNames=[RECEIVES],
            )
        return [
            Message(product_id, raw["ReceiptHandle"])
            for raw in self._without_strangers(answer.get("Messages", []))
            if (product_id := self._product_id(raw)) is not None
        ]

    def _without_strangers(self, messages: Sequence[MessageTypeDef]) -> list[MessageTypeDef]:
        """The messages without another shop's mark; the others are returned to the queue.

        Each time they are hidden for longer, so that the two shops don't exchange them in a loop:
        that costs requests, and after 100 receives they become dead letters.
        """
        ours = []
        for raw in messages:
            other = mark_in(raw.get("Body", ""))
            if self._shop is None or other in {None, self._shop()}:
                ours.append(raw)
                continue
            receives = int(raw.get("Attributes", {}).get(RECEIVES, 1))
            pause = backoff(receives, no_jitter, first=2.0, longest=STRANGER_SECONDS)
            try:
                self.extend([Message(0, raw["ReceiptHandle"])], pause)
                self._on_other_shop(other or "")
            except Unavailable as error:  # it comes back when its lease ends
                log.info("a message of another shop is hidden for a lease: %s", error)
        return ours

    def _product_id(self, raw: MessageTypeDef) -> int | None:
        product_id = parse_body(raw.get("Body", ""))
        if product_id is None:
            try:
                self._move_to_dead_letters(raw)
            except Unavailable as error:  # it comes back when its lease ends
                log.error("malformed message %s stays in the queue: %s", raw["MessageId"], error)
        return product_id

    def _move_to_dead_letters(self, raw: MessageTypeDef) -> None:
        """Move a malformed message to the dead-letter queue; otherwise it returns forever.

        Without such a queue it is not deleted: it is hidden for as long as SQS allows, and is
        received (and logged) twice a day until the queue's retention ends.
        """
        log.error("malformed message %s: %.200r", raw["MessageId"], raw.get("Body"))
        dead = self.dead_letter_url()
        if dead is None:
            log.error("%s has no dead-letter queue: %s", self.url, SET_UP)
            self.extend([Message(0, raw["ReceiptHandle"])], MAX_VISIBILITY_SECONDS - 60)
            return
        with self._sqs.client_for("sqs:SendMessage on the dead-letter queue") as sqs:
            sqs.send_message(QueueUrl=dead, MessageBody=raw["Body"])
        self._delete(self.url, [raw["ReceiptHandle"]])

    # -- hiding and deleting ----------------------------------------------------------------------

    def extend(self, messages: Sequence[Message], seconds: float) -> list[Message]:
        gone: list[Message] = []
        for batch in in_batches([each for each in messages if each.handle], BATCH):
            gone += self._extend_batch(batch, _visibility(seconds))
        return gone

    def _extend_batch(self, batch: Sequence[Message], seconds: int) -> list[Message]:
        entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
            {"Id": str(at), "ReceiptHandle": each.handle or "", "VisibilityTimeout": seconds}
            for at, each in enumerate(batch)
        ]
        with self._sqs.client_for("sqs:ChangeMessageVisibility") as sqs:
            answer = sqs.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)
        failed = answer.get("Failed", [])
        for each in failed:
            product_id = batch[int(each["Id"])].product_id
            log.info("the lease of product %d was not changed: %s", product_id, _why(each))
        return [batch[int(each["Id"])] for each in failed if _short_code(each) in GONE]

    def done(self, messages: Sequence[Message]) -> None:
        self._delete(self.url, [each.handle for each in messages if each.handle])

    def _delete(self, url: str, handles: Sequence[str]) -> None:
        for batch in in_batches(handles, BATCH):
            left = self._delete_batch(url, batch)
            left = self._delete_batch(url, left) if left else left
            if left:
                log.warning("%d messages were not deleted and will be received again", len(left))

    def _delete_batch(self, url: str, handles: Sequence[str]) -> list[str]:
        """Return the handles to try again. A message that is gone counts as deleted."""
        entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
            {"Id": str(at), "ReceiptHandle": handle} for at, handle in enumerate(handles)
        ]
        with self._sqs.client_for("sqs:DeleteMessage") as sqs:
            answer = sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        failed = [each for each in answer.get("Failed", []) if _short_code(each) not in GONE]
        return [handles[int(each["Id"])] for each in failed]

    # -- monitoring ------------------------------------------------------------------------------

    def depth(self) -> Depth:
        counts = self._attributes(self.url)
        waiting = int(counts.get(VISIBLE, 0)) + int(counts.get(DELAYED, 0))
        dead = self.dead_letter_url()
        return Depth(waiting, int(counts.get(INVISIBLE, 0)), self._count(dead), None)

    def _count(self, url: str | None) -> int | None:
        if url is None:
            return None
        try:
            return int(self._attributes(url).get(VISIBLE, 0))
        except Unavailable as error:
            log.warning("the dead-letter queue can't be read: %s", error)
            return None

    def _attributes(self, url: str) -> dict[QueueAttributeNameType, str]:
        with self._sqs.client_for("sqs:GetQueueAttributes") as sqs:
            answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        if not answer.get("Attributes"):
            raise unlike_aws(self._sqs.resource)
        return answer["Attributes"]

    def dead_letter_url(self) -> str | None:
        """The dead-letter queue that the redrive policy names; looked up every few minutes."""
        known = self._dead_letters
        if known is None or known[0] < time.monotonic():
            policy = json.loads(self._attributes(self.url).get("RedrivePolicy") or "{}")
            url = _sibling(self.url, policy.get("deadLetterTargetArn"))
            known = self._dead_letters = (time.monotonic() + POLICY_SECONDS, url)
        return known[1]

    def health(self) -> str | None:
        try:
            self._attributes(self.url)
        except Unavailable as error:
            return error.message
        if self.url.endswith(".fifo"):
            return f"SQS_QUEUE_URL={self.url} is a FIFO queue: Packshot needs a Standard one"
        connections = (self._poller, self._sqs, self._sender)
        return next(filter(None, (each.problem() for each in connections)), None)

    def redrive(self, limit: int) -> int:
        """Send up to `limit` dead letters to the queue again; return how many were sent.

        Malformed ones and another shop's stay there. Raises NotConfigured without a
        dead-letter queue.
        """
        dead = self.dead_letter_url()
        if dead is None:
            raise NotConfigured(f"{self.url} has no dead-letter queue: {SET_UP}")
        sent, malformed, dead_letters = 0, [], DeadLetters(dead, self._poller, self._sqs)
        while sent < limit and (messages := dead_letters.receive(limit - sent)):
            good = {each["ReceiptHandle"]: self._own_id(each) for each in messages}
            malformed += [handle for handle, product_id in good.items() if product_id is None]
            sent += self._send_again(dead, {handle: id_ for handle, id_ in good.items() if id_})
        dead_letters.release(malformed)
        return sent

    def _own_id(self, message: MessageTypeDef) -> int | None:
        other = mark_in(message.get("Body", ""))
        is_other_shops = self._shop is not None and other not in {None, self._shop()}
        return None if is_other_shops else parse_body(message.get("Body", ""))

    def _send_again(self, dead: str, messages: dict[str, int]) -> int:
        """Send messages, then delete the accepted ones: a crash may duplicate, never lose."""
        accepted = self.send(list(messages.values())) if messages else set()
        taken = [handle for handle, product_id in messages.items() if product_id in accepted]
        self._delete(dead, taken)
        return len(taken)


def parse_body(body: str) -> int | None:
    """`{"product_id": 123}` or a bare `123` -> 123; None for anything else."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(content, dict):
        content = content.get("product_id")
    good = type(content) is int and 0 < content <= MAX_PRODUCT_ID
    return content if good else None


def mark_in(body: str) -> str | None:
    """The id of the sender's shop, the `shop` beside the `product_id`; None without one."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    mark = content.get("shop") if isinstance(content, dict) else None
    return mark if isinstance(mark, str) else None


def in_batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _visibility(seconds: float) -> int:
    return max(0, min(math.ceil(seconds), MAX_VISIBILITY_SECONDS))


def _short_code(failed: BatchResultErrorEntryTypeDef) -> str:
    return failed.get("Code", "").rpartition(".")[2]


def _why(failed: BatchResultErrorEntryTypeDef) -> str:
    return f"{failed.get('Code')} {failed.get('Message', '')}".strip()


def _sibling(url: str, arn: str | None) -> str | None:
    """The URL of another queue of the same account and region, from its ARN."""
    if not arn:
        return None
    *_, account, name = arn.split(":")
    return f"{url.rsplit('/', 2)[0]}/{account}/{name}"


def sqs_client(
    region: str | None,
    endpoint_url: str | None,
    session: Session,
    *,
    read_timeout: float = 5.0,
    attempts: int = 3,
    pool: int = 4,
) -> SQSClient:
    from botocore.config import Config

    config = Config(
        connect_timeout=3,
        read_timeout=read_timeout,
        # "standard", not "adaptive", which sleeps inside a call: a late heartbeat is worse than a
        # throttled one. The worker's own pauses slow it down.
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=pool,
    )
    return session.client("sqs", region_name=region, endpoint_url=endpoint_url, config=config)
