"""What Packshot asks of IAM, tried on an emulator that enforces policies."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import boto3
import pytest
from conftest import needs_module
from servers.aws import REGION, Aws, start_ministack
from support.aws_rights import OBJECT_ACTIONS, QUEUE_ACTIONS

from packshot.errors import NotConfigured
from packshot.queues.sqs import SqsQueue
from packshot.storage import S3Storage

#: All that a running Packshot needs. A batch needs no right of its own at AWS: there,
#: SendMessage covers SendMessageBatch; the emulator wants it spelt out, hence the stars.


class Shop:
    """A queue, a bucket, and a user whose rights the test sets."""

    def __init__(self, server: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        session = boto3.session.Session("test", "test", region_name=REGION)
        self._iam = session.client("iam", endpoint_url=server.endpoint)
        self._user = f"user-{uuid.uuid4().hex}"
        self._iam.create_user(UserName=self._user)
        key = self._iam.create_access_key(UserName=self._user)["AccessKey"]
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        letters = server.queue()
        policy = {"deadLetterTargetArn": server.arn(letters), "maxReceiveCount": 100}
        url = server.queue({"RedrivePolicy": json.dumps(policy)})
        self._arns = [server.arn(url), server.arn(letters)]
        self.bucket = server.bucket()
        self.queue = SqsQueue(url, REGION, 30, wait_seconds=1)
        self.storage = S3Storage(self.bucket, REGION)

    def allow(self, *but: str) -> None:
        """Grant all that is needed, except what begins with one of these."""
        bucket = f"arn:aws:s3:::{self.bucket}"
        wanted = [(QUEUE_ACTIONS, self._arns), (OBJECT_ACTIONS, [f"{bucket}/*"])]
        wanted.append((["s3:ListBucket"], [bucket]))
        statements = []
        for actions, resources in wanted:
            granted = [each for each in actions if not each.startswith(but or ("-",))]
            if granted:
                statements.append({"Effect": "Allow", "Action": granted, "Resource": resources})
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self._iam.put_user_policy(
            UserName=self._user, PolicyName="packshot", PolicyDocument=document
        )

    def close(self) -> None:
        self._iam.close()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    needs_module("ministack")
    folder = tmp_path_factory.mktemp("guarded")
    server = start_ministack(folder, AUTH="true", SERVICES="sqs,s3,iam,sts")
    yield server
    server.close()


@pytest.fixture
def shop(guarded: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    shop = Shop(guarded, monkeypatch)
    yield shop
    shop.close()


def everything(shop: Shop) -> None:
    """Each thing that Packshot ever asks of SQS and S3."""
    assert shop.queue.send([1, 2]) == {1, 2}
    leased = [*shop.queue.lease(2), *shop.queue.lease(1)]
    assert shop.queue.extend(leased, 60) == []
    shop.queue.done(leased)
    assert shop.queue.depth().dead == 0
    shop.queue.redrive(1)
    shop.storage.put("enhanced/1/a.jpg", b"x", "image/jpeg")
    assert shop.storage.get("enhanced/1/a.jpg") == b"x"
    assert not shop.storage.exists("enhanced/1/b.jpg")
    assert list(shop.storage.list("")) == ["enhanced/1/a.jpg"]
    shop.storage.delete(["enhanced/1/a.jpg"])


def test_the_least_policy_is_enough(shop: Shop) -> None:
    shop.allow()
    everything(shop)
    assert shop.queue.health() is None
    assert shop.storage.health() is None


@pytest.mark.extra
@pytest.mark.parametrize("missing", [*QUEUE_ACTIONS, *OBJECT_ACTIONS, "s3:ListBucket"])
def test_a_missing_right_is_named(missing: str, shop: Shop) -> None:
    name = missing.rstrip("*")
    shop.allow(name)
    with pytest.raises(NotConfigured, match=name):
        everything(shop)
    assert name in f"{shop.queue.health()} {shop.storage.health()}"


@pytest.mark.extra
def test_rights_that_are_granted_later_need_no_restart(shop: Shop) -> None:
    with pytest.raises(NotConfigured):
        everything(shop)
    shop.allow()
    everything(shop)
    assert shop.queue.health() is None
    assert shop.storage.health() is None
