"""Turns settings into parts; the only module that chooses an implementation."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Protocol

from packshot.database.engine import Database
from packshot.database.tables import problem_with_tables
from packshot.download.addresses import check_url, receiver_of
from packshot.download.fetcher import Fetcher, FetchLimits
from packshot.download.host_shares import HostShares
from packshot.download.request_headers import RequestHeaders
from packshot.enhancers.contract import BatchLane, Enhancer, Judge, Ledger
from packshot.enhancers.gemini.sizes import longest_side
from packshot.errors import FetchError, PackshotError, SettingsError
from packshot.fidelity.jobs import FidelityFiles
from packshot.marketplaces.names import NameTemplate
from packshot.pictures.child_processes import Pixels
from packshot.pictures.imaging import OutputSpec
from packshot.pictures.machine_limit import MachineLimit
from packshot.pictures.model_file import model_path
from packshot.pictures.signing import Signing, read_signing
from packshot.products.catalog import Catalog
from packshot.products.checks import Checks
from packshot.products.deletions import Deletions
from packshot.products.retention import Retention
from packshot.products.shop import ShopMark
from packshot.products.takes import Remakes
from packshot.queues.contract import Queue
from packshot.queues.database import DatabaseQueue, read_untaken
from packshot.queues.sqs import SqsQueue
from packshot.settings import Settings
from packshot.storage import LocalStorage, RawBuckets, S3Storage, Storage
from packshot.webhooks.deliveries import Webhooks
from packshot.webhooks.outbox import Outbox
from packshot.work.batches.job_rows import BatchJobs
from packshot.work.batches.runner import Batching, notes_of
from packshot.work.checking.checker import Checker, checking_pixels, limit_per_machine
from packshot.work.checking.judging import Judging
from packshot.work.checking.remaking import Remaker
from packshot.work.checking.take_claims import TakeClaims
from packshot.work.claiming.claims import Claims
from packshot.work.keep_trying import KeepTrying
from packshot.work.making.ledger import DatabaseLedger
from packshot.work.making.parts import Parts
from packshot.work.making.pixel_lock import PixelLock
from packshot.work.making.raw_images import RawImages

#: Threads of a process that use the database, in addition to those of products in flight.
OTHER_THREADS = 18
#: Seconds that a product can wait before a note says that no worker takes it.
UNTAKEN_SECONDS = 120
#: Seconds for a webhook's receiver to answer; otherwise the delivery is tried again later.
WEBHOOK_LIMITS = FetchLimits(total=15, redirects=0)


class WorkerState(Protocol):
    """The part of a worker that the health report uses."""

    def problem(self) -> str | None: ...


@dataclass
class Services:
    """All parts of one process; made once, before or after a fork."""

    settings: Settings
    database: Database
    queue: Queue
    storage: Storage
    pixels: Pixels
    enhancer: Enhancer
    catalog: Catalog
    parts: Parts
    webhooks: Webhooks
    retention: Retention
    raw_images: RawImages
    deletions: Deletions
    shop: ShopMark
    batching: Batching
    remaker: Remaker
    checker: Checker | None = None
    worker: WorkerState | None = None

    def health(self) -> dict[str, str | None]:
        """Each part's problem in one sentence that says what to fix; None when it works."""
        report = {
            "database": _problem(partial(problem_with_tables, self.database)),
            "queue": _problem(self.queue.health),
            "storage": _problem(self.storage.health),
            "enhancer": self.enhancer.health().problem,
        }
        if self.worker is not None:
            report["worker"] = self.worker.problem()
        return report

    def problem(self) -> str | None:
        """Why no pictures are being made, as far as this process knows."""
        of_worker = self.untaken() if self.worker is None else self.worker.problem()
        return of_worker or self.enhancer.health().problem

    def untaken(self) -> str | None:
        """A sentence when no worker takes the waiting products, as far as the database shows."""
        with self.database.read() as session:
            seconds = read_untaken(session)
        if seconds is None or seconds < UNTAKEN_SECONDS:
            return None
        return (
            f"the oldest product has waited {seconds / 60:,.0f} minutes and none is being worked"
            " on: start a worker (`packshot worker`), or read its log"
        )

    def notes_now(self) -> list[str]:
        """The notes, and a sentence when no worker takes the waiting products."""
        notes = self.notes()
        with suppress(PackshotError):  # the report on the parts says what the database lacks
            if self.worker is None and problem_with_tables(self.database) is None:
                notes += filter(None, [self.untaken()])
        return notes

    def notes(self) -> list[str]:
        """Notes on unusual settings, logged at the start and shown by `/readyz`."""
        notes = list(self.enhancer.health().notes)
        if self.settings.simulated:
            notes.append("Gemini is a stand-in: its pictures are samples, its costs are simulated")
        if self.settings.sqs_queue_url and not self.settings.s3_bucket:
            notes.append(
                "SQS_QUEUE_URL is set but S3_BUCKET is not: pictures go to the local folder"
                f" {self.settings.media_dir}, which workers on other hosts can't see"
            )
        notes += [
            f"DATABASE_URL: {name} has no effect: it is a setting of other programs"
            for name in self.database.ignored
        ]
        return [*notes, *self.storage.notes(), *self.shop.notes(), *notes_of(self.batching.jobs)]

    def close(self) -> None:
        self.catalog.sender.close()
        self.pixels.close()
        if self.checker is not None:
            self.checker.close()
        self.database.close()


def _problem(check: Callable[[], str | None]) -> str | None:
    try:
        return check()
    except PackshotError as error:
        return error.message


def build(settings: Settings) -> Services:
    """Choose and connect the parts. Opens nothing: connections and pixel processes start at first
    use."""
    return connect(settings, Pixels(settings.pixel_processes, machine_limit=limit_pixel_work()))


def connect(settings: Settings, pixels: Pixels) -> Services:
    """Choose the other parts, and connect all. Opens nothing."""
    check_export_names(settings.export_names)
    check_receivers(settings)
    database = Database(settings.database_url, pool_size=settings.concurrency + OTHER_THREADS)
    storage = choose_storage(settings)
    shop = ShopMark(database, storage)
    queue = choose_queue(settings, database, shop)
    keep_trying, stopping = KeepTrying(), threading.Event()
    ledger = make_ledger(settings, database, keep_trying, stopping)
    enhancer = choose_enhancer(settings, ledger, pixels)
    outbox = Outbox(settings.webhook_urls, settings.script_name or "")
    raw_images = make_raw_images(settings, storage)
    wanted, lease = settings.enhanced_images_count, settings.lease_seconds
    claims = Claims(database, lease, wanted, outbox, settings.gemini_lane_deadline)
    parts = connect_parts(
        settings, claims, raw_images, storage, pixels, enhancer, keep_trying, stopping
    )
    catalog = Catalog(database, queue, wanted, outbox)
    return Services(
        settings=settings,
        database=database,
        queue=queue,
        storage=storage,
        pixels=pixels,
        enhancer=enhancer,
        catalog=catalog,
        parts=parts,
        webhooks=make_webhooks(settings, database),
        retention=Retention(database, storage, settings.raw_keep_days, settings.rejected_keep_days),
        raw_images=raw_images,
        deletions=Deletions(database, storage),
        shop=shop,
        batching=make_batching(settings, ledger, parts, catalog),
        remaker=make_remaker(settings, database, parts),
        checker=choose_checker(settings, database, storage, stopping, enhancer),
    )


def connect_parts(
    settings: Settings,
    claims: Claims,
    raw_images: RawImages,
    storage: Storage,
    pixels: Pixels,
    enhancer: Enhancer,
    keep_trying: KeepTrying,
    stopping: threading.Event,
) -> Parts:
    """What the pipeline works with."""
    return Parts(
        claims=claims,
        read_raw=raw_images.read,
        storage=storage,
        pixels=pixels,
        enhancer=enhancer,
        output=output_spec(settings),
        signing=choose_signing(settings),
        reference_views=settings.gemini_reference_views if enhancer.name == "gemini" else 0,
        locking=PixelLock(settings.pixel_lock == "on", model_path(settings.model_dir)),
        with_checks=settings.fidelity == "on",
        keep_trying=keep_trying,
        # One is read while each pixel process works on another.
        own_readers=threading.Semaphore(settings.pixel_processes + 1),
        batches=choose_batches(enhancer) is not None,
        stopping=stopping,
    )


def limit_pixel_work() -> MachineLimit:
    """As many jobs as the machine has cores, at least two, because one may hang."""
    return MachineLimit("packshot-pixels", max(2, os.cpu_count() or 1))


def check_export_names(names: str) -> None:
    try:
        NameTemplate.parse(names)
    except ValueError as error:
        raise SettingsError(f"EXPORT_NAMES={names}: {error}") from None


def make_raw_images(settings: Settings, storage: Storage) -> RawImages:
    of_hosts = settings.fetch_headers
    headers = RequestHeaders(
        settings.fetch_user_agent, of_hosts.get_secret_value() if of_hosts else None
    )
    fetcher = Fetcher(settings.raw_image_hosts, headers=headers)
    return RawImages(storage, raw_buckets(settings), HostShares(fetcher, settings.concurrency))


def make_batching(
    settings: Settings, ledger: DatabaseLedger, parts: Parts, catalog: Catalog
) -> Batching:
    deadline, most = settings.gemini_lane_deadline, settings.remakes
    jobs = BatchJobs(parts.claims.database, ledger, deadline, most)
    return Batching(jobs, choose_batches(parts.enhancer), parts, catalog.sender.send)


def choose_checker(
    settings: Settings,
    database: Database,
    storage: Storage,
    stopping: threading.Event,
    enhancer: Enhancer,
) -> Checker | None:
    """None with FIDELITY=off. The enhancer gives a second opinion if it can judge."""
    if settings.fidelity == "off":
        return None
    files = FidelityFiles(model_path(settings.model_dir), settings.fidelity_weights)
    judging = None
    if settings.judged_checks != "off" and isinstance(enhancer, Judge):
        judging = Judging(enhancer, settings.judged_checks, database)
    machine_limit = limit_per_machine(settings.database_url)
    checks = Checks(database, Remakes(enhancer.name, settings.remakes))
    return Checker(checks, storage, checking_pixels(), files, stopping, judging, machine_limit)


def make_remaker(settings: Settings, database: Database, parts: Parts) -> Remaker:
    """With FIDELITY=off, FIDELITY_RETRIES=0 and for free enhancers it makes nothing, and ends the
    takes that wait."""
    claims = TakeClaims(database, settings.lease_seconds, settings.gemini_lane_deadline)
    return Remaker(claims, parts, settings.remakes)


def check_receivers(settings: Settings) -> None:
    """Refuse a receiver that could never get anything: it would only be noticed days later."""
    for url in settings.webhook_urls:
        try:
            check_url(url, settings.webhook_hosts)
        except FetchError as error:
            raise SettingsError(
                f"WEBHOOK_URLS: nothing can be sent to {receiver_of(url)}: {error.message}; name a"
                " receiver that is private or has a port of its own in WEBHOOK_HOSTS, as host:port"
            ) from None


def make_webhooks(settings: Settings, database: Database) -> Webhooks:
    fetcher = Fetcher(settings.webhook_hosts, WEBHOOK_LIMITS)
    return Webhooks(database, fetcher.post, settings.webhook_urls, settings.webhook_secrets)


def choose_queue(settings: Settings, database: Database, shop: ShopMark) -> Queue:
    if settings.sqs_queue_url is None:
        return DatabaseQueue(database)
    return SqsQueue(
        settings.sqs_queue_url,
        settings.queue_region,
        settings.lease_seconds,
        shop=shop.id,
        on_other_shop=shop.found_in_queue,
    )


def choose_storage(settings: Settings) -> Storage:
    if settings.s3_bucket is None:
        return LocalStorage(settings.media_dir, settings.public_media_url)
    return S3Storage(
        settings.s3_bucket,
        settings.aws_region,
        public_media_url=settings.public_media_url,
    )


def raw_buckets(settings: Settings) -> RawBuckets:
    """The sellers' buckets; our own bucket is read through the storage, which checks its keys."""
    names = set(settings.s3_raw_buckets) - {settings.s3_bucket}
    return RawBuckets(sorted(names), settings.aws_region)


def make_ledger(
    settings: Settings, database: Database, keep_trying: KeepTrying, stopping: threading.Event
) -> DatabaseLedger:
    budget = settings.gemini_daily_budget
    return DatabaseLedger(
        database,
        keep_trying=keep_trying,
        stopping=stopping,
        rpm=settings.gemini_rpm,
        daily_budget=None if budget is None else Decimal(str(budget)),
    )


def choose_enhancer(settings: Settings, ledger: Ledger, pixels: Pixels) -> Enhancer:
    if settings.enhancer_name == "gemini":
        from packshot.enhancers.gemini.enhancer import GeminiEnhancer

        return GeminiEnhancer(settings, ledger, pixels.run)
    from packshot.enhancers.local.enhancer import LocalEnhancer

    return LocalEnhancer(settings, pixels.run)


def choose_signing(settings: Settings) -> Signing | None:
    """The certificate that signs models' pictures. Raises SettingsError for one that can't sign."""
    if settings.c2pa_cert is None or settings.c2pa_key is None:
        return None
    return read_signing(settings.c2pa_cert, settings.c2pa_key)


def choose_batches(enhancer: Enhancer) -> BatchLane | None:
    """The batch lane of this enhancer; None: it has none."""
    return getattr(enhancer, "batches", None)


def output_spec(settings: Settings) -> OutputSpec:
    """The form of finished pictures. With Gemini every pixel that was paid for is kept."""
    aspect = settings.enhanced_image_aspect
    if settings.enhancer_name == "gemini":
        return OutputSpec(aspect, max_side=longest_side(settings.enhanced_image_size, aspect))
    return OutputSpec(aspect)
