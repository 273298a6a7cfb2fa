"""One suite over every queue, and what is special about each."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from servers.aws import CREDENTIALS, Aws
from servers.canned_aws import Answer, CannedAws, sqs_error
from servers.ports import wait_until
from servers.postgres import Postgres
from servers.tcp_proxy import Mode, TcpProxy
from sqlalchemy import insert, make_url, text, update
from support.plans import plans
from support.processes import in_a_child

from packshot.database.engine import Database
from packshot.database.models import PENDING_REVIEW, Product
from packshot.database.types import now
from packshot.errors import NotConfigured, RateLimited, Unavailable
from packshot.queues.contract import Message, Queue
from packshot.queues.database import DatabaseQueue
from packshot.queues.sqs import SqsQueue, parse_body

LEASE = 30.0
URL = "https://sqs.us-east-1.amazonaws.com/123456789012/product-image-processing"


def add_products(database: Database, count: int, **values: Any) -> list[int]:
    """Queued, pending products; return their ids."""
    row = {"category": "Shoes", "raw_image": "https://example.com/a.jpg", "mrp": 2, "price": 1}
    row |= {"queued_at": now(-1), **values}
    with database.write() as session:
        return [
            session.scalars(insert(Product).values(row).returning(Product.id)).one()
            for _ in range(count)
        ]


def change(database: Database, ids: Sequence[int], **values: Any) -> None:
    with database.write() as session:
        session.execute(update(Product).where(Product.id.in_(ids)).values(values))


# -- the contract ----------------------------------------------------------------------------------


@dataclass
class DatabaseBench:
    """A queue, and the claims of a worker that uses it."""

    queue: DatabaseQueue
    database: Database

    def put(self, count: int) -> list[int]:
        ids = add_products(self.database, count)
        assert self.queue.send(ids) == set(ids)
        return ids

    def hold(self, messages: Sequence[Message], seconds: float) -> None:
        change(self.database, [each.product_id for each in messages], lease_until=now(seconds))

    def finish(self, messages: Sequence[Message]) -> None:
        change(self.database, [each.product_id for each in messages], status=PENDING_REVIEW)

    def release(self, messages: Sequence[Message]) -> None:
        change(self.database, [each.product_id for each in messages], lease_until=None)


@dataclass
class SqsBench:
    queue: SqsQueue

    def put(self, count: int) -> list[int]:
        ids = list(range(1, count + 1))
        assert self.queue.send(ids) == set(ids)
        return ids

    def hold(self, messages: Sequence[Message], seconds: float) -> None:
        assert self.queue.extend(messages, seconds) == []

    def finish(self, messages: Sequence[Message]) -> None:
        """The database is finished first; `done` then deletes the message."""

    def release(self, messages: Sequence[Message]) -> None:
        """As above, by `extend`."""


Bench = DatabaseBench | SqsBench


@pytest.fixture(params=["sqlite", "postgres", "sqs"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "sqs":
        server: Aws = request.getfixturevalue("ministack")
        yield SqsBench(connect(request, server, server.queue()))
        return
    database = Database(request.getfixturevalue(f"{request.param}_url"))
    yield DatabaseBench(DatabaseQueue(database), database)
    database.close()


def connect(request: pytest.FixtureRequest, server: Aws, url: str, **options: Any) -> SqsQueue:
    """A queue that waits one second at most, with this process's environment set for it."""
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return SqsQueue(
        url, "us-east-1", options.pop("lease_seconds", LEASE), wait_seconds=1, **options
    )


def ids_of(messages: Sequence[Message]) -> list[int]:
    return [each.product_id for each in messages]


def lease_all(queue: Queue, count: int) -> list[Message]:
    found: list[Message] = []
    wait_until(lambda: len(found.__iadd__(queue.lease(10))) >= count)
    return found


def test_what_was_sent_is_leased_at_most_limit_at_a_time(bench: Bench) -> None:
    ids = bench.put(3)
    first = bench.queue.lease(2)
    assert len(first) == 2
    assert len(set(ids_of(first))) == 2
    assert set(ids_of(first)) <= set(ids)


def test_a_lease_may_ask_for_more_than_the_queue_gives_at_once(bench: Bench) -> None:
    ids = bench.put(3)
    assert set(ids_of(bench.queue.lease(64))) <= set(ids)


def test_nothing_to_send_is_nothing_sent(bench: Bench) -> None:
    assert bench.queue.send([]) == set()


def test_an_empty_queue_is_waited_on_but_not_for_long(bench: Bench) -> None:
    started = time.monotonic()
    assert bench.queue.lease(5) == []
    assert 0.3 < time.monotonic() - started < bench.queue.wait_seconds + 1


def test_work_that_arrives_during_the_wait_is_leased_by_it(bench: Bench) -> None:
    bench.queue.depth()
    bench.queue.wait_seconds = 5
    timer = threading.Timer(0.1, bench.put, [1])
    timer.start()
    assert len(bench.queue.lease(5)) == 1
    timer.join()


def test_what_is_claimed_is_not_given_to_another_worker(bench: Bench) -> None:
    bench.put(1)
    held = bench.queue.lease(1)
    bench.hold(held, LEASE)
    assert bench.queue.lease(1) == []


def test_what_is_released_comes_back_at_once(bench: Bench) -> None:
    bench.put(1)
    held = bench.queue.lease(1)
    bench.hold(held, LEASE)
    bench.release(held)
    assert bench.queue.extend(held, 0) == []
    assert ids_of(bench.queue.lease(1)) == ids_of(held)


def test_what_a_dead_worker_claimed_comes_back_when_its_lease_ends(bench: Bench) -> None:
    bench.put(1)
    held = bench.queue.lease(1)
    bench.hold(held, 1)
    assert ids_of(lease_all(bench.queue, 1)) == ids_of(held)


def test_a_message_that_is_done_is_deleted(bench: Bench) -> None:
    bench.put(2)
    leased = lease_all(bench.queue, 2)
    bench.finish(leased)
    bench.queue.done(leased)
    bench.queue.done(leased)  # again: fine
    assert bench.queue.lease(5) == []
    assert bench.queue.depth().waiting == 0
    assert bench.queue.depth().in_flight == 0


def test_the_depth_counts_what_waits_and_what_is_in_flight(bench: Bench) -> None:
    bench.put(3)
    bench.hold(bench.queue.lease(1), LEASE)
    depth = bench.queue.depth()
    assert (depth.waiting, depth.in_flight, depth.dead) == (2, 1, None)


def test_a_working_queue_has_no_problem(bench: Bench) -> None:
    assert bench.queue.health() is None


# -- the queue in the database ---------------------------------------------------------------------


@pytest.fixture
def queue(database: Database) -> DatabaseQueue:
    return DatabaseQueue(database)


NOT_NOW: dict[str, dict[str, Any]] = {
    "written by hand": {"queued_at": None},
    "done": {"status": PENDING_REVIEW},
    "paused": {"not_before": now(60)},
    "claimed": {"lease_until": now(LEASE)},
}


@pytest.mark.parametrize("why", NOT_NOW)
def test_products_that_cannot_be_worked_on_now_are_not_leased(
    why: str, database: Database, queue: DatabaseQueue
) -> None:
    add_products(database, 1, **NOT_NOW[why])
    assert queue.lease(1) == []


DUE: dict[str, dict[str, Any]] = {
    "pause over": {"not_before": now(-1)},
    "lease over": {"lease_until": now(-1), "token": "dead"},
}


@pytest.mark.parametrize("why", DUE)
def test_due_products_are_leased(why: str, database: Database, queue: DatabaseQueue) -> None:
    ids = add_products(database, 1, **DUE[why])
    assert ids_of(queue.lease(1)) == ids


def test_the_oldest_come_first(database: Database, queue: DatabaseQueue) -> None:
    add_products(database, 20, queued_at=now(-1))
    old = add_products(database, 4, queued_at=now(-100))
    assert ids_of(queue.lease(4)) == old
    assert 99 < (queue.depth().oldest_seconds or 0) < 110


def test_it_reports_an_unreachable_database_and_continues_afterwards(
    postgres: Postgres, postgres_url: str
) -> None:
    with TcpProxy(postgres.socket) as proxy:
        name = make_url(postgres_url).database or ""
        database = Database(postgres.url(name, port=proxy.port))
        queue = DatabaseQueue(database)
        ids = add_products(database, 1)
        proxy.mode = "refuse"
        assert "database" in (queue.health() or "")
        with pytest.raises(Unavailable):
            queue.lease(1)
        proxy.mode = "pass"
        assert queue.health() is None
        assert ids_of(queue.lease(1)) == ids
        database.close()


MANY = """
INSERT INTO products (category, raw_image, mrp, price, queued_at)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
SELECT 'Shoes', 'https://example.com/a.jpg', 2, 1, {time} FROM n
"""


def test_it_stays_cheap_with_100_000_products_waiting(
    database: Database, queue: DatabaseQueue
) -> None:
    ago = "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-' || i || ' seconds')"
    at = ago if database.is_sqlite else "now() - i * interval '1 second'"
    with database.write() as session:
        session.execute(text(MANY.format(time=at)))
        session.execute(text("ANALYZE products"))
    with plans(database, "products") as found:
        assert [id_ > 99_900 for id_ in ids_of(queue.lease(8))] == [True] * 8
    [plan] = [each for each in found if "ix_products_queue" in each]
    assert "sort" not in plan.lower()
    assert "b-tree" not in plan.lower()  # SQLite's word for sorting


# -- the queue at SQS ------------------------------------------------------------------------------


@pytest.fixture
def letters(ministack: Aws) -> str:
    """The URL of a dead-letter queue."""
    return ministack.queue()


@pytest.fixture
def sqs(request: pytest.FixtureRequest, ministack: Aws, letters: str) -> SqsQueue:
    policy = {"deadLetterTargetArn": ministack.arn(letters), "maxReceiveCount": 100}
    url = ministack.queue({"RedrivePolicy": json.dumps(policy)})
    return connect(request, ministack, url)


def bodies(server: Aws, url: str) -> list[str]:
    answer = server.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [each["Body"] for each in answer.get("Messages", [])]


def post(server: Aws, url: str, *texts: str) -> None:
    for each in texts:
        server.sqs.send_message(QueueUrl=url, MessageBody=each)


def test_a_message_is_the_documents(ministack: Aws, sqs: SqsQueue) -> None:
    sqs.send([123])
    assert bodies(ministack, sqs.url) == ['{"product_id": 123}']


@pytest.mark.parametrize("body", ['{"product_id": 123}', "123", ' {"product_id":123,"v":2} '])
def test_every_form_of_a_body_is_parsed(body: str) -> None:
    assert parse_body(body) == 123


BAD_BODIES = [
    "hello",
    "",
    "{}",
    "null",
    "true",
    "-1",
    "0",
    "1.0",
    '"123"',
    "[123]",
    '{"product_id": "123"}',
    '{"product_id": true}',
    '{"product_id": null}',
    str(2**31),
    "9" * 5000,
    "[" * 100_000,
    "x" * 1_048_576,
]


@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: body[:20])
def test_a_body_is_not_understood(body: str) -> None:
    assert parse_body(body) is None


def test_malformed_messages_go_to_the_dead_letters_and_good_ones_are_leased(
    ministack: Aws, sqs: SqsQueue, letters: str
) -> None:
    largest = "x" * 1_048_576  # 1 MiB is the most that SQS takes
    post(ministack, sqs.url, "hello", "5", largest, '{"product_id": 6}')
    assert set(ids_of(lease_all(sqs, 2))) == {5, 6}
    assert set(bodies(ministack, letters)) == {"hello", largest}
    assert (sqs.depth().waiting, sqs.depth().in_flight, sqs.depth().dead) == (0, 2, 2)


def test_without_dead_letters_a_malformed_message_is_kept_but_hidden(
    request: pytest.FixtureRequest, ministack: Aws, caplog: pytest.LogCaptureFixture
) -> None:
    sqs = connect(request, ministack, ministack.queue(), lease_seconds=0)
    post(ministack, sqs.url, "hello")
    assert sqs.lease(1) == []
    assert sqs.lease(1) == []
    assert sqs.depth().in_flight == 1
    assert "setup_sqs_queue" in caplog.text


def test_a_message_received_too_often_is_a_dead_letter_and_redrive_revives_it(
    request: pytest.FixtureRequest, ministack: Aws, letters: str
) -> None:
    policy = {"deadLetterTargetArn": ministack.arn(letters), "maxReceiveCount": 1}
    url = ministack.queue({"RedrivePolicy": json.dumps(policy)})
    sqs = connect(request, ministack, url)
    sqs.send([7])
    for _ in range(2):
        sqs.extend(sqs.lease(1), 0)
    assert sqs.depth().dead == 1
    assert sqs.redrive(10) == 1
    assert ids_of(sqs.lease(1)) == [7]
    assert sqs.depth().dead == 0


def test_redrive_takes_as_many_as_asked_and_leaves_the_malformed(
    ministack: Aws, sqs: SqsQueue, letters: str
) -> None:
    post(ministack, letters, "hello", *[str(id_) for id_ in range(1, 15)])
    assert sqs.redrive(12) == 12
    assert sqs.redrive(100) == 2
    assert sqs.redrive(100) == 0
    assert bodies(ministack, letters) == ["hello"]
    assert set(ids_of(lease_all(sqs, 14))) == set(range(1, 15))


def test_redrive_without_dead_letters_says_what_to_do(
    request: pytest.FixtureRequest, ministack: Aws
) -> None:
    with pytest.raises(NotConfigured, match=r"scripts/setup_sqs_queue\.py --update"):
        connect(request, ministack, ministack.queue()).redrive(1)


def test_a_stale_handle_counts_as_gone(request: pytest.FixtureRequest, ministack: Aws) -> None:
    sqs = connect(request, ministack, ministack.queue(), lease_seconds=1)
    sqs.send([1])
    mine = sqs.lease(1)
    theirs = lease_all(sqs, 1)  # my lease ended
    assert sqs.extend(mine, 30) == mine
    sqs.done(mine)
    assert sqs.extend(theirs, 30) == []  # mine did them no harm
    assert sqs.depth().in_flight == 1


def test_one_deleted_message_does_not_affect_the_others(sqs: SqsQueue) -> None:
    sqs.send(list(range(1, 13)))
    leased = lease_all(sqs, 12)
    sqs.done(leased[:1])
    assert sqs.extend(leased, LEASE) == leased[:1]


def test_an_extension_is_never_longer_than_sqs_allows(sqs: SqsQueue) -> None:
    sqs.send([1])
    assert sqs.extend(sqs.lease(1), 50_000) == []


def test_the_documents_queue_url_works_unchanged(monkeypatch: pytest.MonkeyPatch, aws: Aws) -> None:
    aws.sqs.create_queue(QueueName="product-image-processing")
    sqs = SqsQueue(URL, "us-east-1", LEASE, wait_seconds=1)
    assert sqs.send([123]) == {123}
    leased = sqs.lease(1)
    assert ids_of(leased) == [123]
    sqs.done(leased)


def test_eight_threads_share_it_and_nothing_is_lost_or_duplicated(sqs: SqsQueue) -> None:
    ids = set(range(1, 201))
    assert sqs.send(sorted(ids)) == ids
    seen: list[int] = []

    def work() -> None:
        while found := sqs.lease(10):
            seen.extend(ids_of(found))
            assert sqs.extend(found, LEASE) == []
            for each in found:
                sqs.done([each])

    with ThreadPoolExecutor(8) as threads:
        for future in [threads.submit(work) for _ in range(8)]:
            future.result()
    assert sorted(seen) == sorted(ids)
    assert sqs.depth().waiting + sqs.depth().in_flight == 0


def test_a_fork_makes_its_own_client(sqs: SqsQueue) -> None:
    """One that is inherited mixes up answers: 2 of 400 sends went wrong (notes/queue.md 2)."""
    sqs.send([1])
    children = [in_a_child(lambda: send_twenty(sqs)) for _ in range(3)]
    assert send_twenty(sqs)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert sqs.depth().waiting == 1 + 4 * 20


def send_twenty(sqs: SqsQueue) -> bool:
    return all(sqs.send([number]) == {number} for number in range(1, 21))


def test_moto_agrees(request: pytest.FixtureRequest, moto: Aws) -> None:
    letters = moto.queue()
    policy = {"deadLetterTargetArn": moto.arn(letters), "maxReceiveCount": 100}
    sqs = connect(request, moto, moto.queue({"RedrivePolicy": json.dumps(policy)}))
    assert sqs.send(list(range(1, 13))) == set(range(1, 13))
    post(moto, sqs.url, "hello")
    leased = lease_all(sqs, 12)
    assert sorted(ids_of(leased)) == list(range(1, 13))
    assert sqs.extend(leased[:1], 0) == []
    sqs.done(leased[1:])
    sqs.done(leased[1:])
    depth = sqs.depth()
    assert (depth.waiting, depth.in_flight, depth.dead) == (1, 0, 1)
    assert sqs.redrive(5) == 0
    assert sqs.health() is None


# -- when SQS is away, refuses, or is not set up ---------------------------------------------------


@pytest.mark.parametrize("mode", ["refuse", "cut"])
def test_a_queue_that_is_away_is_unavailable_and_comes_back(
    request: pytest.FixtureRequest, ministack: Aws, mode: Mode
) -> None:
    with TcpProxy(("127.0.0.1", ministack.port)) as proxy:
        sqs = connect(request, ministack, ministack.queue(), endpoint_url=proxy.url)
        sqs.send([1])
        proxy.mode = mode
        for request_ in (lambda: sqs.send([2]), lambda: sqs.lease(1), sqs.depth):
            with pytest.raises(Unavailable, match=r"no connection to|does not answer") as caught:
                request_()
            assert not isinstance(caught.value, NotConfigured)
        assert re.search("no connection to|does not answer", sqs.health() or "")
        proxy.mode = "pass"
        assert sqs.health() is None
        assert ids_of(sqs.lease(1)) == [1]


def test_a_queue_that_hangs_is_given_up_after_the_read_timeout(
    request: pytest.FixtureRequest, ministack: Aws
) -> None:
    with TcpProxy(("127.0.0.1", ministack.port)) as proxy:
        sqs = connect(
            request, ministack, ministack.queue(), endpoint_url=proxy.url, answer_seconds=0.3
        )
        proxy.mode = "hang"
        started = time.monotonic()
        with pytest.raises(Unavailable, match="does not answer"):
            sqs.lease(1)
        assert 1.2 < time.monotonic() - started < 4  # longer than the poll, and once only
        proxy.mode = "pass"
        assert sqs.send([1]) == {1}


def canned(*answers: Answer) -> tuple[CannedAws, SqsQueue]:
    server = CannedAws(*answers)
    return server, SqsQueue(URL, "us-east-1", LEASE, endpoint_url=server.endpoint, wait_seconds=1)


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


REFUSALS = [
    ("QueueDoesNotExist", 400, "SQS_QUEUE_URL"),
    ("InvalidAddress", 404, "SQS_QUEUE_URL"),
    ("AccessDeniedException", 400, "sqs:SendMessage"),
    ("KmsAccessDenied", 400, "kms:GenerateDataKey"),
    ("ExpiredToken", 403, "expired"),
    ("InvalidClientTokenId", 403, "AWS_ACCESS_KEY_ID"),
    ("SignatureDoesNotMatch", 403, "AWS_SECRET_ACCESS_KEY"),
    ("RequestTimeTooSkewed", 403, "clock"),
]


GOOD = {"Attributes": {"QueueArn": "arn:aws:sqs:us-east-1:123456789012:queue"}}


@pytest.mark.parametrize(("code", "status", "names"), REFUSALS)
@pytest.mark.usefixtures("credentials")
def test_a_refusal_names_what_to_fix(code: str, status: int, names: str) -> None:
    server, sqs = canned(sqs_error(code, status))
    with server:
        with pytest.raises(NotConfigured, match=names) as caught:
            sqs.send([1])
        assert "\n" not in caught.value.message
        server.answers = [Answer(GOOD)]
        assert names in (sqs.health() or "")  # what a request met is reported too...
        server.answers = [Answer({"Successful": [{"Id": "0"}], "Failed": []})]
        sqs.send([1])
        server.answers = [Answer(GOOD)]
        assert sqs.health() is None  # ...until it works again


@pytest.mark.usefixtures("credentials")
def test_a_throttled_queue_is_rate_limited() -> None:
    server, sqs = canned(sqs_error("RequestThrottled"))
    with server, pytest.raises(RateLimited):
        sqs.lease(1)


@pytest.mark.usefixtures("credentials")
def test_a_broken_queue_is_unavailable_and_a_poll_is_not_repeated() -> None:
    server, sqs = canned(sqs_error("InternalFailure", 500))
    with server:
        with pytest.raises(Unavailable, match="500"):
            sqs.lease(1)
        assert len(server.asked) == 1


def test_missing_credentials_are_named_and_picked_up_without_a_restart(
    monkeypatch: pytest.MonkeyPatch, ministack: Aws
) -> None:
    sqs = SqsQueue(ministack.queue(), "us-east-1", LEASE, endpoint_url=ministack.endpoint)
    with pytest.raises(NotConfigured, match="AWS_ACCESS_KEY_ID"):
        sqs.send([1])
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    assert sqs.send([1]) == {1}


@pytest.mark.usefixtures("credentials")
def test_a_missing_region_is_named() -> None:
    with pytest.raises(NotConfigured, match="AWS_REGION"):
        SqsQueue(URL, None, LEASE).lease(1)


@pytest.mark.usefixtures("aws")
def test_a_wrong_queue_url_is_named() -> None:
    sqs = SqsQueue(URL + "-typing-error", "us-east-1", LEASE)
    with pytest.raises(NotConfigured, match="SQS_QUEUE_URL"):
        sqs.lease(1)
    assert "SQS_QUEUE_URL" in (sqs.health() or "")


@pytest.mark.usefixtures("credentials")
def test_a_web_page_in_place_of_sqs_is_named() -> None:
    """Every call seems to succeed, and no product ever comes."""
    with CannedAws(Answer("<html>sign in</html>")) as server:
        queue = SqsQueue(f"{server.endpoint}/1/q", "us-east-1", 60, endpoint_url=server.endpoint)
        assert "not as AWS does; check AWS_ENDPOINT_URL" in (queue.health() or "")


@pytest.mark.usefixtures("credentials")
def test_a_fifo_queue_is_refused_by_the_health_report() -> None:
    with CannedAws(Answer(GOOD)) as server:
        url = "https://sqs.us-east-1.amazonaws.com/123456789012/product.fifo"
        sqs = SqsQueue(url, "us-east-1", LEASE, endpoint_url=server.endpoint)
        assert "Standard" in (sqs.health() or "")


def failure(position: int, code: str) -> dict[str, object]:
    return {"Id": str(position), "Code": code, "SenderFault": False, "Message": "it is"}


def success(*positions: int) -> list[dict[str, str]]:
    return [
        {"Id": str(position), "MessageId": "m", "MD5OfMessageBody": ""} for position in positions
    ]


@pytest.mark.usefixtures("credentials")
def test_entries_that_sqs_refuses_are_not_among_the_sent() -> None:
    half = Answer({"Successful": success(0, 2), "Failed": [failure(1, "InternalError")]})
    server, sqs = canned(half)
    with server:
        assert sqs.send([10, 11, 12]) == {10, 12}


@pytest.mark.usefixtures("credentials")
def test_what_was_sent_before_sqs_went_away_is_reported() -> None:
    server, sqs = canned(Answer({"Successful": success(*range(10))}), sqs_error("AccessDenied"))
    with server:
        assert sqs.send(list(range(1, 26))) == set(range(1, 11))
        assert len(server.asked) == 2


@pytest.mark.usefixtures("credentials")
def test_ids_are_sent_in_batches_of_ten() -> None:
    server, sqs = canned(Answer({"Successful": [], "Failed": []}))
    with server:
        sqs.send(list(range(1, 26)))
        sizes = [len(json.loads(body)["Entries"]) for _, body in server.asked]
        assert sizes == [10, 10, 5]


@pytest.mark.usefixtures("credentials")
def test_a_delete_that_failed_is_tried_once_more_but_not_for_a_stale_handle() -> None:
    first = [failure(0, "InternalError"), failure(1, "ReceiptHandleIsInvalid")]
    server, sqs = canned(
        Answer({"Successful": success(2), "Failed": first}), Answer({"Successful": success(0)})
    )
    with server:
        sqs.done([Message(n, f"handle-{n}") for n in range(3)])
        deleted = [
            [each["ReceiptHandle"] for each in json.loads(body)["Entries"]]
            for _, body in server.asked
        ]
        assert deleted == [["handle-0", "handle-1", "handle-2"], ["handle-0"]]


@pytest.mark.usefixtures("credentials")
def test_only_a_stale_handle_counts_as_gone() -> None:
    failed = [failure(0, "InternalError"), failure(1, "AWS.SimpleQueueService.MessageNotInflight")]
    server, sqs = canned(Answer({"Successful": success(2), "Failed": failed}))
    messages = [Message(n, f"handle-{n}") for n in range(3)]
    with server:
        assert sqs.extend(messages, LEASE) == [messages[1]]


@pytest.mark.usefixtures("credentials")
def test_a_lease_waits_as_configured_and_hides_the_message_for_the_lease() -> None:
    server, sqs = canned(Answer({}))
    with server:
        sqs.lease(64)
        asked = json.loads(server.asked[0][1])
    assert (asked["MaxNumberOfMessages"], asked["WaitTimeSeconds"]) == (10, 1)
    assert asked["VisibilityTimeout"] == LEASE
