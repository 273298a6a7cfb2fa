"""Two shops on one queue or one storage by mistake are detected and reported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from servers.aws import REGION, Aws
from servers.ports import wait_until
from sqlalchemy import update
from support.shop import Clock, Shop

from packshot.cli import main
from packshot.database.engine import Database
from packshot.database.models import Shop as ShopRow
from packshot.database.tables import bring_to_head
from packshot.errors import Unavailable
from packshot.products.shop import MARK, ShopMark
from packshot.queues.contract import Message
from packshot.queues.sqs import SqsQueue, mark_in, parse_body
from packshot.storage import LocalStorage


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    yield from new_database(tmp_path / "ours.db")


@pytest.fixture
def other_database(tmp_path: Path) -> Iterator[Database]:
    yield from new_database(tmp_path / "theirs.db")


def new_database(file: Path) -> Iterator[Database]:
    bring_to_head(f"sqlite:///{file}")
    database = Database(f"sqlite:///{file}")
    yield database
    database.close()


def mark_of(database: Database, folder: Path, clock: Clock | None = None) -> ShopMark:
    return ShopMark(database, LocalStorage(folder), clock=clock or Clock())


def test_all_processes_of_a_shop_have_one_id(database_url: str, tmp_path: Path) -> None:
    databases = [Database(database_url) for _ in range(2)]
    first, second = (mark_of(each, tmp_path) for each in databases)
    assert first.id() == second.id() == mark_of(databases[0], tmp_path).id()
    for each in databases:
        each.close()


# -- the queue -------------------------------------------------------------------------------------


def queue_of(mark: ShopMark, url: str) -> SqsQueue:
    return SqsQueue(
        url, REGION, 30, wait_seconds=1, shop=mark.id, on_other_shop=mark.found_in_queue
    )


def bodies(aws: Aws, url: str) -> list[str]:
    answer = aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [each["Body"] for each in answer.get("Messages", [])]


def lease_all(queue: SqsQueue, count: int) -> list[Message]:
    found: list[Message] = []
    wait_until(lambda: len(found.__iadd__(queue.lease(10))) >= count)
    return found


def test_anothers_messages_go_back_as_they_were(
    database: Database, other_database: Database, tmp_path: Path, aws: Aws
) -> None:
    url = aws.queue()
    our_mark, their_mark = (mark_of(each, tmp_path) for each in (database, other_database))
    ours, theirs = queue_of(our_mark, url), queue_of(their_mark, url)
    theirs.send([7])
    [sent] = bodies(aws, url)
    assert parse_body(sent) == 7
    ours.send([7, 8])
    assert {each.product_id for each in lease_all(ours, 2)} == {7, 8}
    assert ours.lease(10) == []
    [got] = lease_all(theirs, 1)  # it was hidden for two seconds
    assert got.product_id == 7
    theirs.extend([got], 0)
    assert bodies(aws, url) == [sent]
    [note] = our_mark.notes()
    assert "the queue is used by another shop too" in note
    assert their_mark.id() in note
    assert "SQS_QUEUE_URL" in note
    assert mark_in(sent) == their_mark.id()
    assert their_mark.notes() == []  # it met none


@pytest.mark.parametrize("body", ['{"product_id": 5}', "5", '{"product_id": 5, "shop": null}'])
def test_messages_without_a_mark_are_ours(
    body: str, database: Database, tmp_path: Path, aws: Aws
) -> None:
    url = aws.queue()
    aws.sqs.send_message(QueueUrl=url, MessageBody=body)
    mark = mark_of(database, tmp_path)
    [message] = lease_all(queue_of(mark, url), 1)
    assert message.product_id == 5
    assert mark.notes() == []


def test_a_message_of_another_shop_is_hidden_longer_each_time(
    database: Database, tmp_path: Path, aws: Aws
) -> None:
    """Else two shops would make dead letters of each other's messages within minutes."""
    url = aws.queue()
    queue = queue_of(mark_of(database, tmp_path), url)
    stranger = json.dumps({"product_id": 5, "shop": "another"})
    aws.sqs.send_message(QueueUrl=url, MessageBody=stranger)
    for _ in range(3):
        aws.sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
    assert queue.lease(10) == []  # the fourth time: hidden for 16 s
    for _ in range(4):
        assert queue.lease(10) == []
    [count] = aws.sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
    )["Attributes"].values()
    assert count == "1"


def test_redrive_leaves_anothers_dead_letters(database: Database, tmp_path: Path, aws: Aws) -> None:
    dead = aws.queue()
    policy = json.dumps({"deadLetterTargetArn": aws.arn(dead), "maxReceiveCount": 100})
    url = aws.queue({"RedrivePolicy": policy})
    queue = queue_of(mark_of(database, tmp_path), url)
    stranger = json.dumps({"product_id": 5, "shop": "another"})
    for body in (stranger, queue._body(6)):
        aws.sqs.send_message(QueueUrl=dead, MessageBody=body)
    assert queue.redrive(10) == 1
    assert bodies(aws, dead) == [stranger]
    assert [each.product_id for each in lease_all(queue, 1)] == [6]


# -- the storage -----------------------------------------------------------------------------------


def test_another_shops_storage_is_noticed_until_each_has_its_own(
    database: Database, other_database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ours = mark_of(database, tmp_path / "media")
    theirs = mark_of(other_database, tmp_path / "media")
    theirs.mark_storage()
    ours.mark_storage()
    ours.mark_storage()
    assert theirs.notes() == []
    [note] = ours.notes()
    assert (
        f"the storage is used by another shop too, whose database has the id {theirs.id()}" in note
    )
    assert caplog.text.count("the storage is used") == 1
    moved = mark_of(database, tmp_path / "own")
    moved.mark_storage()
    assert moved.notes() == []
    assert (tmp_path / "media" / MARK).read_text() == theirs.id()


def test_a_shop_that_is_no_longer_seen_is_not_reported(database: Database, tmp_path: Path) -> None:
    mark = mark_of(database, tmp_path)
    mark.found_in_queue("another")
    assert len(mark.notes()) == 1
    with database.write() as session:
        long_ago = {"queue": {"shop": "another", "at": "2026-01-01T00:00:00+00:00"}}
        session.execute(update(ShopRow).values(strangers=long_ago))
    assert mark.notes() == []


def test_readyz_and_check_name_the_other_shop(
    sqlite_url: str, tmp_path: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = aws.bucket()
    aws.s3.put_object(Bucket=bucket, Key=MARK, Body=b"another")
    shop = Shop(sqlite_url, tmp_path, s3_bucket=bucket, aws_region=REGION)
    answer = shop.ask("GET", "/readyz")
    assert answer.status_code == 200  # it works: what is removed is one's own
    assert [
        "the storage is used by another shop too" in each for each in answer.get_json()["notes"]
    ]
    shop.close()
    environment = {"DATABASE_URL": sqlite_url, "S3_BUCKET": bucket, "AWS_REGION": REGION}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert (
        "note the storage is used by another shop too" in CliRunner().invoke(main, ["check"]).output
    )


def test_the_mark_waits_for_a_database_that_is_away(tmp_path: Path) -> None:
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/none")
    mark = mark_of(database, tmp_path)
    with pytest.raises(Unavailable):
        mark.mark_storage()
    assert mark.notes() == []
    assert not (tmp_path / MARK).exists()
    database.close()


# -- a restored backup -----------------------------------------------------------------------------


def test_after_a_restored_backup_no_id_is_given_again(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = tmp_path / "media"
    shop = Shop(sqlite_url, media)
    ids = [shop.reviewable()[0]]
    backup = tmp_path / "backup.db"
    shop.close()
    backup.write_bytes((tmp_path / "packshot.db").read_bytes())
    shop = Shop(sqlite_url, media)
    ids += [shop.reviewable()[0] for _ in range(3)]
    approved = set(shop.services.storage.list(f"enhanced/{ids[1]}/"))
    shop.close()
    backup.replace(tmp_path / "packshot.db")
    for name, value in {"DATABASE_URL": sqlite_url, "MEDIA_DIR": str(media)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["restored"])
    assert result.output == f"The next product gets the id {ids[-1] + 10_001}.\n"
    shop = Shop(sqlite_url, media)
    [made], images = [shop.create()[0]], shop.reviewable()[1]
    assert made > max(ids)
    assert min(images) > 12
    shop.services.deletions.delete_product(made)
    assert set(shop.services.storage.list(f"enhanced/{ids[1]}/")) == approved
    shop.close()


def test_a_backup_beside_the_log_of_a_killed_process_is_not_opened(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite would write the log into it: half of each, and a damaged database."""
    shop = Shop(sqlite_url, tmp_path / "media")
    file, log = tmp_path / "packshot.db", tmp_path / "packshot.db-wal"
    shop.close()
    backup = file.read_bytes()
    shop = Shop(sqlite_url, tmp_path / "media")
    shop.reviewable()
    left = log.read_bytes()
    shop.close()
    file.write_bytes(backup)
    log.write_bytes(left)
    for name, value in {"DATABASE_URL": sqlite_url, "MEDIA_DIR": str(tmp_path / "media")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(main, ["restored"])
    assert refused.exit_code == 1
    assert f"{log} is the log of the database that was here before" in refused.output
    assert file.read_bytes() == backup
    log.unlink()
    assert CliRunner().invoke(main, ["restored"]).exit_code == 0


def test_a_copy_becomes_a_separate_shop(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(sqlite_url)
    before = mark_of(database, tmp_path / "media").id()
    database.close()
    for name, value in {"DATABASE_URL": sqlite_url, "MEDIA_DIR": str(tmp_path / "media")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    output = CliRunner().invoke(main, ["restored", "--copy"]).output
    database = Database(sqlite_url)
    now = mark_of(database, tmp_path / "media").id()
    assert now != before
    assert f"This database has the new shop id {now}." in output
    database.close()
