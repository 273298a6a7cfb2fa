"""Programs that take items off a queue and work on them, for bench/waiting.py: Packshot and a plain
loop.

Each runs in a separate process on a separate queue that is filled first. It prints one JSON line
and exits when the last item is done. The work on an item is a sleep of the same length for all;
only the handling around it differs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from servers.aws import REGION

from bench.products import sqs_queue, worker_of
from bench.stopwatch import Work


def batches(items: int) -> list[range]:
    return [range(start, min(start + 10, items)) for start in range(0, items, 10)]


# ---- a plain loop: one poller, threads, deletes in batches; no database, no heartbeat, no retry


def plain(work: Work) -> None:
    import boto3
    from botocore.config import Config

    sqs: Any = boto3.client(
        "sqs", region_name=REGION, config=Config(max_pool_connections=work.slots)
    )
    url = sqs.create_queue(QueueName=f"plain-{uuid.uuid4().hex}")["QueueUrl"]
    for batch in batches(work.items):
        entries = [{"Id": str(i), "MessageBody": json.dumps({"product_id": i})} for i in batch]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)
    work.watch()
    slots, finished, lock = threading.Semaphore(work.slots), [], threading.Lock()

    def delete(handles: list[str]) -> None:
        entries = [{"Id": str(n), "ReceiptHandle": handle} for n, handle in enumerate(handles)]
        sqs.delete_message_batch(QueueUrl=url, Entries=entries)

    def handle(message: Any) -> None:
        work(json.loads(message["Body"])["product_id"])
        slots.release()
        with lock:
            finished.append(message["ReceiptHandle"])
            full = finished[:10] if len(finished) >= 10 or len(work.done) == work.items else []
            del finished[: len(full)]
        if full:
            delete(full)

    with ThreadPoolExecutor(work.slots) as pool:
        while True:
            slots.acquire()
            free = 1
            while free < 10 and slots.acquire(blocking=False):
                free += 1
            answer = sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=free, WaitTimeSeconds=5, VisibilityTimeout=60
            )
            messages = answer.get("Messages", [])
            for _ in range(free - len(messages)):
                slots.release()
            for message in messages:
                pool.submit(handle, message)


# ---- Packshot: the real worker, queue, claims and database; only the product's work is replaced


def packshot(work: Work, queue: str, database_url: str) -> None:
    worker = worker_of(work, database_url, sqs_queue() if queue == "sqs" else None)
    work.watch()
    worker.start()
    threading.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=("plain", "packshot-sqs", "packshot-database"))
    parser.add_argument("--items", type=int, required=True)
    parser.add_argument("--sleep", type=float, required=True)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where the database is")
    options = parser.parse_args()
    work = Work(options.items, options.sleep, options.slots)
    name, _, queue = options.name.partition("-")
    if name == "plain":
        plain(work)
        return
    packshot(work, queue, f"sqlite:///{tempfile.mkdtemp(dir=options.folder)}/packshot.db")


if __name__ == "__main__":
    main()
