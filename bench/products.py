"""Packshot's worker with its real queue, claims, database and pipeline, but work that only sleeps.

Each product gets an analysis and one picture. Pictures are a few bytes, objects are in memory.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import boto3
import numpy as np
from servers.aws import REGION

from bench.stopwatch import Work
from packshot.database.engine import Database
from packshot.database.tables import bring_to_head
from packshot.enhancers.contract import (
    NO_ANSWERS,
    Analysis,
    Answers,
    Brief,
    Health,
    Photo,
    Picture,
    VariantPlan,
)
from packshot.errors import NotFound
from packshot.pictures.child_processes import Pixels
from packshot.pictures.imaging import Encoded, OutputSpec, encode_array, read_header
from packshot.products.catalog import Catalog
from packshot.products.seller_fields import NewProduct
from packshot.queues.contract import Queue
from packshot.queues.database import DatabaseQueue
from packshot.queues.sqs import SqsQueue
from packshot.storage import Chunks, Storage
from packshot.work.claiming.claims import Claims
from packshot.work.making.parts import Parts
from packshot.work.worker import Worker

JPEG = "image/jpeg"
LEASE_SECONDS = 60.0
ONE = Decimal(1)
ROW = NewProduct("Shoes", "https://x.example/a.jpg", ONE, ONE, ONE, ONE)
HEADER = read_header(encode_array(np.zeros((32, 32, 3), np.uint8)))
PLAN = Analysis(
    product="a box",
    shape="square",
    colours=["red"],
    material="card",
    parts=["1 lid"],
    label_text=["ACME"],
    logo="",
    faults=[],
    variants=[VariantPlan(title="white", prompt="on white")],
)


@dataclass
class SleepingEnhancer:
    """Sleeps for each picture; the analysis costs nothing."""

    work: Work
    name: str = "local"
    parallel: bool = False
    sees_side: int | None = None

    def analyse(self, photo: Photo, brief: Brief, answer: str | None = None) -> Analysis:
        return PLAN

    def generate(
        self,
        photo: Photo,
        analysis: Analysis,
        brief: Brief,
        variant: int,
        answers: Answers = NO_ANSWERS,
    ) -> Picture:
        self.work(brief.product_id)
        return Picture(b"picture", "white", "on white", "none")

    def health(self) -> Health:
        return Health()

    def check(self) -> Health:
        return self.health()


class NoPixels(Pixels):
    """Answers at once, without a child."""

    def run(self, function: Callable[..., Any], *args: Any, **seconds: float | None) -> Any:
        if function.__name__ == "read_header":
            return HEADER
        return Encoded(b"picture", JPEG, 1, 1, {})


@dataclass
class Memory(Storage):
    """Objects in a dictionary."""

    objects: dict[str, bytes] = field(default_factory=dict)
    name = "memory"

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self.objects[key] = data

    def put_new(self, key: str, data: bytes, content_type: str) -> bool:
        return self.objects.setdefault(key, data) is data

    def get(self, key: str) -> bytes:
        if key not in self.objects:
            raise NotFound(key)
        return self.objects[key]

    def exists(self, key: str) -> bool:
        return key in self.objects

    def open(self, key: str) -> Chunks:
        raise NotImplementedError

    def delete(self, keys: Sequence[str]) -> None:
        raise NotImplementedError

    def list(self, prefix: str) -> Iterator[str]:
        return iter(())

    def url(self, key: str) -> str:
        return f"/media/{key}"

    def own_key(self, raw_image: str) -> str | None:
        return None

    def health(self) -> str | None:
        return None

    def notes(self) -> Sequence[str]:
        return ()


def sqs_queue() -> str:
    sqs = boto3.client("sqs", region_name=REGION)
    return str(sqs.create_queue(QueueName=f"packshot-{uuid.uuid4().hex}")["QueueUrl"])


def worker_of(work: Work, database_url: str, queue_url: str | None) -> Worker:
    """A worker with `work.items` waiting products, on SQS or the embedded queue."""
    # Log lines are formatted as in production, and thrown away.
    logging.basicConfig(level=logging.INFO, filename=os.devnull)
    logging.getLogger("botocore").setLevel(logging.WARNING)
    bring_to_head(database_url)
    database = Database(database_url, pool_size=work.slots + 12)
    queue: Queue = DatabaseQueue(database)
    if queue_url is not None:
        queue = SqsQueue(queue_url, REGION, LEASE_SECONDS, threads=work.slots)
    catalog = Catalog(database, queue, wanted=1)
    for start in range(0, work.items, 1000):
        catalog.create([ROW] * min(1000, work.items - start))
    parts = Parts(
        claims=Claims(database, LEASE_SECONDS, 1),
        read_raw=lambda _: b"photo",
        storage=Memory(),
        pixels=NoPixels(),
        enhancer=SleepingEnhancer(work),
        output=OutputSpec(),
    )
    return Worker(parts, queue, work.slots)
