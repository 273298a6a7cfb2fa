"""A whole shop on this machine that a test may break: its parts, its processes, and the audit."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Literal

from servers.aws import CREDENTIALS, Aws
from servers.packshot_process import PackshotProcess, gunicorn
from servers.photo_host import PhotoHost
from servers.ports import PATIENCE
from servers.postgres import Postgres
from servers.tcp_proxy import TcpProxy
from sqlalchemy import select
from support.fakes import SentCatalog, photo_bytes

from faults.warm import WarmWorker, run_worker
from packshot.database.engine import Database
from packshot.database.models import (
    PENDING,
    Call,
    Product,
    ProductImage,
    Take,
)
from packshot.products.catalog import Catalog
from packshot.products.object_keys import (
    answer_key,
    normalised_key,
    previews,
    variant_key,
    with_previews,
)
from packshot.products.seller_fields import NewProduct
from packshot.products.shop import MARK
from packshot.products.takes import GOING_ON, Remakes, open_next
from packshot.queues.contract import Queue
from packshot.queues.database import DatabaseQueue
from packshot.queues.sqs import SqsQueue
from packshot.storage import LocalStorage
from packshot.testing.fake_gemini import FakeGemini, PaidCall

Kind = Literal["embedded", "cloud"]
LEASE = 3
WANTED = 2
#: Seconds that a busy machine may take from a call's sending to its arrival, and from its answer
#: until that is kept.
SENT, ANSWER_KEPT = 0.5, 1.0


@dataclass
class Audit:
    """What became of everything, counted by hand; see `faults` for what may not be."""

    statuses: Counter[str]
    rows: int
    objects: int
    faults: list[str]
    paid: int
    repeated: dict[str, int]  # product/round/variant -> times it was paid beyond the first
    deaths: int
    reasons: Counter[str] = field(default_factory=Counter)
    takes: Counter[str] = field(default_factory=Counter)  # second ones, by what became of them

    def __str__(self) -> str:
        told = ", ".join(f"{count} {status}" for status, count in sorted(self.statuses.items()))
        return (
            f"{sum(self.statuses.values())} products ({told}), {self.rows} rows, "
            f"{self.objects} objects, {self.paid} paid calls of which "
            f"{sum(self.repeated.values())} repeated, {self.deaths} deaths, "
            f"made again: {dict(self.takes)}, faults: {self.faults}"
        )


@dataclass
class Rig:
    """The parts a program runs on. `environment` leads to them, by way of the proxies."""

    folder: Path
    database: Database  # past the proxy
    queue: Queue
    fake: FakeGemini
    host: PhotoHost
    environment: dict[str, str]
    proxies: dict[str, TcpProxy]
    aws: Aws | None = None
    bucket: str = ""
    deaths: list[float] = field(default_factory=list)  # Unix times
    stack: ExitStack = field(default_factory=ExitStack)

    # -- processes -------------------------------------------------------------------------------

    def worker(self, door: Callable[[], int] = run_worker, **more: str) -> WarmWorker:
        return WarmWorker(self.folder, self.environment | more, door).start()

    def web(self, *options: str, workers: int = 1, **more: str) -> PackshotProcess:
        return PackshotProcess(
            self.folder, gunicorn(workers, *options), self.environment | more
        ).start()

    @contextmanager
    def running(self, *processes: PackshotProcess | WarmWorker) -> Iterator[None]:
        """Stop them at the end, however it ends; say what they wrote when it ends badly."""
        try:
            yield
        except BaseException:
            for process in processes:
                print(f"--- {process.log_path}\n{process.log()[-6000:]}")
            raise
        finally:
            for process in processes:
                process.stop(9)

    def wait_for_death(self, process: WarmWorker, seconds: float = PATIENCE) -> None:
        assert process.wait(seconds) == -9, process.log()
        self.deaths.append(time.time())

    # -- products --------------------------------------------------------------------------------

    def catalog(self) -> Catalog:
        return SentCatalog(self.database, self.queue, WANTED)

    def product(self, path: str = "/photo.jpg") -> NewProduct:
        money = (Decimal(10), Decimal(9), Decimal(1), Decimal(18))
        return NewProduct("Boxes", self.host.url(path), *money)

    def create(self, count: int = 1, path: str = "/photo.jpg") -> list[int]:
        return [one.id for one in self.catalog().create([self.product(path)] * count).products]

    def statuses(self, ids: Sequence[int] | None = None) -> Counter[str]:
        query = select(Product.status)
        query = query if ids is None else query.where(Product.id.in_(ids))
        with self.database.read() as session:
            return Counter(session.scalars(query))

    def wait_done(self, ids: Sequence[int] | None = None, seconds: float = PATIENCE) -> None:
        self.until(lambda: not self.statuses(ids)[PENDING], seconds)

    def until(self, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds} s: {self.statuses()}"
            time.sleep(0.05)

    def fail_check(self, product_id: int) -> None:
        """Record that the product's first picture failed its check: it is to be made again."""
        with self.database.write() as session:
            product = session.get_one(Product, product_id)
            first = select(ProductImage).filter_by(product_id=product_id, variant=0)
            image = session.scalars(first).one()
            image.verdict, image.fidelity_score, image.fidelity = "fail", 0.1, {"reasons": []}
            image.check_due = None
            assert open_next(session, product, image, Remakes("gemini", 1)) is not None

    def takes_to_come(self) -> int:
        with self.database.read() as session:
            return len(session.scalars(select(Take).where(Take.state.in_(GOING_ON))).all())

    # -- the audit -------------------------------------------------------------------------------

    def object_keys(self) -> set[str]:
        if self.aws is None:
            return set(LocalStorage(self.folder / "media").list(""))
        pages = self.aws.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return {each["Key"] for page in pages for each in page.get("Contents", [])}

    def read(self, key: str) -> bytes:
        if self.aws is None:
            return (self.folder / "media" / key).read_bytes()
        return self.aws.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def audit(self) -> Audit:
        """Compare rows, objects and paid calls, each read past the program."""
        with self.database.read() as session:
            products = session.scalars(select(Product)).all()
            images = session.scalars(select(ProductImage)).all()
            takes = session.scalars(select(Take)).all()
        keys = self.object_keys()
        pictures: list[ProductImage | Take] = [*images, *takes]
        faults = [
            *_products_at_odds(products, images),
            *_objects_at_odds(products, pictures, keys, _keys_of_waiting(products, takes)),
        ]
        faults += [
            f"object {image.object_key} is not what its row says"
            for image in pictures
            if image.object_key in keys and self.digest(image.object_key) != image.sha256
        ]
        paid = self.fake.paid()
        times = Counter(call.call for call in paid)
        return Audit(
            statuses=Counter(product.status for product in products),
            rows=len(images),
            objects=len(keys),
            faults=faults,
            paid=len(paid),
            repeated={call: count - 1 for call, count in times.items() if count > 1},
            deaths=len(self.deaths),
            reasons=Counter(product.error_code or "" for product in products),
            takes=Counter(take.outcome or take.state for take in takes if take.number > 1),
        )

    def paid_once(self) -> Audit:
        """The audit of a run without a kill: no fault, and no call paid for twice."""
        audit = self.audit()
        assert audit.faults == []
        # These words are looked for by .ci/run: this is never tried again.
        assert not audit.repeated, f"PAID TWICE: {audit.repeated}\n{self._calls_of(audit.repeated)}"
        return audit

    def _calls_of(self, repeated: dict[str, int]) -> str:
        """What our own ledger and the fake's say of them."""
        ids = {int(call.partition("/")[0]) for call in repeated}
        with self.database.read() as session:
            calls = session.scalars(select(Call).where(Call.product_id.in_(ids))).all()
        ours = [f"{c.product_id}/{c.round}/{c.variant} {c.sent_at} {c.outcome}" for c in calls]
        theirs = [f"{paid.call} {paid.at:.2f} {paid.fault}" for paid in self.fake.paid()]
        return "\n".join([*ours, *(line for line in theirs if line.split()[0] in repeated)])

    def digest(self, key: str) -> str:
        return hashlib.sha256(self.read(key)).hexdigest()

    def repeats_without_a_death(self) -> list[str]:
        """Calls paid again although no process was killed while they were in flight.

        In flight: from its sending until its answer is kept.
        """
        by_call: dict[str, list[PaidCall]] = {}
        for call in sorted(self.fake.paid(), key=lambda paid: paid.at):
            by_call.setdefault(call.call, []).append(call)
        return [
            f"{name} at {first.at:.2f} and {again.at:.2f}"
            for name, calls in by_call.items()
            for first, again in pairwise(calls)
            if not any(first.began - SENT <= at <= first.at + ANSWER_KEPT for at in self.deaths)
        ]


def _products_at_odds(products: Sequence[Product], images: Sequence[ProductImage]) -> Iterator[str]:
    made = Counter((image.product_id, image.round) for image in images)
    for product in products:
        if product.token is not None:
            yield f"product {product.id} is still held"
        if product.status == "pending_review" and made[product.id, product.round] != WANTED:
            yield f"product {product.id} has {made[product.id, product.round]} pictures"
        if product.status == "failed" and not product.error:
            yield f"product {product.id} failed without a reason"


def _objects_at_odds(
    products: Sequence[Product],
    images: Sequence[ProductImage | Take],
    keys: set[str],
    of_waiting: set[str],
) -> Iterator[str]:
    """What must be there and what may be there, both ways."""
    wanted = {image.object_key for image in images if image.object_key}
    finished = [product for product in products if product.status == "pending_review"]
    copies = {normalised_key(str(one.media_namespace), one.id) for one in finished}
    addresses = [previews(key) for key in copies]
    addresses += [
        previews(image.object_key, image.width, image.height)
        for image in images
        if image.object_key
    ]
    wanted |= copies | {url.removeprefix("/media/") for each in addresses for url in each.values()}
    yield from (f"object {key} is missing" for key in sorted(wanted - keys))
    possible = {key for one in products if one.status != "pending_review" for key in _all_keys(one)}
    # Of a picture that was checked, the check may not have come yet; of one that was found again
    # after a crash, previews as large as itself.
    possible |= {
        key for image in images if image.object_key for key in with_previews(image.object_key)
    }
    possible.add(MARK)  # the shop's own
    possible |= of_waiting
    # A worker that is killed while it tries the store may leave its trial object behind.
    possible |= {key for key in keys if key.startswith("uploads/check-")}
    yield from (f"object {key} belongs to nobody" for key in sorted(keys - wanted - possible))


def _keys_of_waiting(products: Sequence[Product], takes: Sequence[Take]) -> set[str]:
    """What a take may have stored before its picture is recorded."""
    namespaces = {product.id: str(product.media_namespace) for product in products}
    places = [
        (namespaces[take.product_id], take.product_id, take.round, take.variant, take.number)
        for take in takes
        if take.state == "waiting"
    ]
    pictures = {key for place in places for key in with_previews(variant_key(*place))}
    return pictures | {answer_key(*place) for place in places}


def _all_keys(product: Product) -> Iterator[str]:
    """Everything an unfinished product may have stored so far."""
    if product.media_namespace is None:
        return
    bases = [normalised_key(product.media_namespace, product.id)]
    bases += [
        variant_key(product.media_namespace, product.id, product.round, n) for n in range(WANTED)
    ]
    for key in bases:
        yield from with_previews(key)


# -- building one ---------------------------------------------------------------------------------


@contextmanager
def embedded(folder: Path, sqlite_url: str, **fake: float) -> Iterator[Rig]:
    """The defaults: SQLite, the queue in it, a local folder; and Gemini, so that money counts."""
    database = Database(sqlite_url)
    with _surroundings(folder, database, DatabaseQueue(database), {}, **fake) as rig:
        rig.environment |= {"DATABASE_URL": sqlite_url}
        yield rig


@contextmanager
def cloud(
    folder: Path, postgres: Postgres, database_url: str, aws: Aws, **fake: float
) -> Iterator[Rig]:
    """PostgreSQL, SQS and S3, each behind a separate proxy."""
    name = database_url.partition("?")[0].rpartition("/")[2]
    database = Database(database_url)
    with (
        TcpProxy(postgres.socket) as to_database,
        TcpProxy(("127.0.0.1", aws.port)) as to_queue,
        TcpProxy(("127.0.0.1", aws.port)) as to_storage,
    ):
        proxies = {"database": to_database, "queue": to_queue, "storage": to_storage}
        url, bucket = aws.queue(), aws.bucket()
        queue = SqsQueue(url, "us-east-1", LEASE, endpoint_url=aws.endpoint)
        with _surroundings(folder, database, queue, proxies, **fake) as rig:
            rig.aws, rig.bucket = aws, bucket
            rig.environment |= CREDENTIALS | {
                "DATABASE_URL": postgres.url(name, to_database.port),
                "SQS_QUEUE_URL": url,
                "S3_BUCKET": bucket,
                "AWS_REGION": "us-east-1",
                "AWS_ENDPOINT_URL_SQS": to_queue.url,
                "AWS_ENDPOINT_URL_S3": to_storage.url,
            }
            yield rig


@contextmanager
def _surroundings(
    folder: Path, database: Database, queue: Queue, proxies: dict[str, TcpProxy], **fake: float
) -> Iterator[Rig]:
    with (
        FakeGemini(side=256, latency=fake.get("latency", 0.1)) as gemini,
        PhotoHost({"/photo.jpg": photo_bytes(side=300)}) as host,
    ):
        environment = {
            "GEMINI_API_KEY": "a-key-for-the-fake",
            "GOOGLE_GEMINI_BASE_URL": gemini.url,
            "RAW_IMAGE_HOSTS": host.address,
            "ENHANCED_IMAGES_COUNT": str(WANTED),
            "LEASE_SECONDS": str(LEASE),
            "GRACE_SECONDS": "10",
        }
        rig = Rig(folder, database, queue, gemini, host, environment, proxies)
        try:
            yield rig
        finally:
            rig.stack.close()
            database.close()
