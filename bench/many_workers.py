"""Four gunicorn processes and two workers share 200 products on SQS, S3, PostgreSQL and Gemini's
protocol: every product done and paid once, three rows each, no other object, no deadlock.

    python -m bench many_workers
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from servers.aws import REGION
from servers.packshot_process import WORKER, PackshotProcess, gunicorn
from sqlalchemy import select, text
from support.fakes import photo_bytes

from bench.rig import Rig
from bench.table import Line
from packshot.client import Client
from packshot.database.engine import Database
from packshot.database.models import Product, ProductImage
from packshot.testing.fake_gemini import FakeGemini

VARIANTS = 3
CALLS = VARIANTS + 1  # the analysis


@dataclass(frozen=True)
class Found:
    """What exists when all processes have ended."""

    ready: int
    rows: Counter[int]  # product -> rows
    recorded: Counter[str]  # the object key of each row
    stored: Counter[str]  # the keys in the bucket
    deadlocks: int
    error: str | None


def run(rig: Rig) -> list[Line]:
    count = rig.size(200, 40)
    bucket = rig.aws.bucket()
    rig.aws.s3.put_object(Bucket=bucket, Key="raw/phone.jpg", Body=photo_bytes())
    url = rig.postgres.url(rig.postgres.create())
    with FakeGemini(side=256, latency=0.1) as gemini, ExitStack() as running:
        environment = rig.aws.environment | {
            "DATABASE_URL": url,
            "SQS_QUEUE_URL": rig.aws.queue({"VisibilityTimeout": "300"}),
            "S3_BUCKET": bucket,
            "AWS_REGION": REGION,
            "GEMINI_API_KEY": "test",
            "GOOGLE_GEMINI_BASE_URL": gemini.url,
        }
        web = running.enter_context(PackshotProcess(rig.folder, gunicorn(4), environment))
        alone = [
            running.enter_context(PackshotProcess(rig.folder, WORKER, environment))
            for _ in range(2)
        ]
        web.wait_until_serving()
        web.wait_for_line("Worker thread started", times=4)
        for each in alone:
            each.wait_for_line("Worker thread started")
        began = time.monotonic()
        row = {"category": "x", "raw_image": f"s3://{bucket}/raw/phone.jpg", "mrp": 5, "price": 4}
        ids = [product["id"] for product in Client(web.url).create([row] * count)["products"]]
        Client(web.url).wait(ids, timeout=300)
        seconds = time.monotonic() - began
        calls = Counter(call.call for call in gemini.paid())
    logs = "".join(each.log() for each in (web, *alone))
    done = Counter(map(int, re.findall(r"Successfully processed product (\d+)", logs)))
    lines = verdict(ids, find(rig, url, bucket), calls, done)
    return [*lines, Line("products a second", count / seconds, "/s")]


def find(rig: Rig, url: str, bucket: str) -> Found:
    database = Database(url)
    with database.read() as session:
        statuses = session.execute(select(Product.status, Product.error)).all()
        images = session.execute(select(ProductImage.product_id, ProductImage.object_key)).all()
        deadlocks = session.scalar(
            text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        )
    database.close()
    pages = rig.aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="enhanced/")
    return Found(
        ready=sum(status == "pending_review" for status, _ in statuses),
        rows=Counter(product_id for product_id, _ in images),
        recorded=Counter(str(key) for _, key in images),
        stored=Counter(each["Key"] for page in pages for each in page.get("Contents", [])),
        deadlocks=deadlocks or 0,
        error=next((error for _, error in statuses if error), None),
    )


def verdict(
    ids: Collection[int], found: Found, calls: Mapping[str, int], done: Mapping[int, int]
) -> list[Line]:
    """`calls`: call (product/round/variant) -> times paid; `done`: product -> times finished."""
    paid = Counter(int(call.partition("/")[0]) for call in calls)
    unmatched = (found.stored - found.recorded) + (found.recorded - found.stored)
    wrong = {
        "products without just three rows": not_each(ids, found.rows, VARIANTS),
        "objects without a row, or rows without their object": unmatched.total(),
        "products not finished just once": not_each(ids, done, 1),
        "products not paid just an analysis and three pictures": not_each(ids, paid, CALLS),
        "calls paid twice": sum(times > 1 for times in calls.values()),
        "deadlocks in PostgreSQL": found.deadlocks,
    }
    ready = Line(
        f"of {len(ids)} products ready, 6 processes",
        found.ready,
        "",
        len(ids),
        note=found.error or "",
    )
    return [ready, *(Line(what, count, "", 0, "less") for what, count in wrong.items())]


def not_each(ids: Collection[int], counted: Mapping[int, int], wanted: int) -> int:
    """How many products do not have exactly this count."""
    return sum(counted.get(id_, 0) != wanted for id_ in ids) + len(counted.keys() - set(ids))
