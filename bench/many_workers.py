"""Four gunicorn processes and two workers share 500 products on SQS, S3, PostgreSQL and Gemini's
protocol: every product once, three rows each, no object twice.

    python -m bench many_workers
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack

from fakes import photo_bytes
from servers.aws import REGION
from servers.packshot_process import WORKER, PackshotProcess, gunicorn
from sqlalchemy import func, select

from bench.rig import Rig
from bench.table import Line
from packshot.client import Client
from packshot.database import Database
from packshot.fake_gemini import FakeGemini
from packshot.models import Product, ProductImage

VARIANTS = 3


def run(rig: Rig) -> list[Line]:
    count = rig.size(500, 40)
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
        created = Client(web.url).create([row] * count)["products"]
        Client(web.url).wait([product["id"] for product in created], timeout=300)
        seconds = time.monotonic() - began
        paid = Counter(call.call for call in gemini.calls)
    return verdict(rig, url, bucket, count, paid, seconds)


def verdict(
    rig: Rig, url: str, bucket: str, count: int, paid: Counter[str], seconds: float
) -> list[Line]:
    database = Database(url)
    with database.read() as session:
        ready = session.scalar(
            select(func.count()).select_from(Product).where(Product.status == "pending_review")
        )
        rows = session.scalar(select(func.count()).select_from(ProductImage))
        error = session.scalar(select(Product.error).where(Product.error.is_not(None)).limit(1))
    database.close()
    pages = rig.aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="enhanced/")
    objects = sum(len(page.get("Contents", [])) for page in pages)
    twice = sum(times > 1 for times in paid.values())
    return [
        Line(f"of {count} products ready, 6 processes", ready or 0, "", count, note=error or ""),
        Line("rows too many or too few", abs((rows or 0) - VARIANTS * count), "", 0, "less"),
        Line("objects too many or too few", abs(objects - VARIANTS * count), "", 0, "less"),
        Line("calls paid twice", twice, "", 0, "less"),
        Line("products a second", count / seconds, "/s"),
    ]
