"""For those who run it: is it alive, is it ready, how much is going on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Final, cast

from apiflask import APIBlueprint
from flask import Flask, Response, current_app
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from packshot.catalog import Catalog, Stats
from packshot.models import IMAGE_STATUSES, PRODUCT_STATUSES
from packshot.web.api import blueprint, needs, probe
from packshot.web.auth import identify
from packshot.web.context import services
from packshot.web.schemas import ReadyAnswer

READY_SECONDS: Final = 5.0
bp: APIBlueprint = blueprint("operations", "Operations")

Health = dict[str, str | None]


class Readiness:
    """The health report, asked for at most every five seconds however many probes there are."""

    def __init__(self, ask: Callable[[], Health], clock: Callable[[], float]) -> None:
        self.ask, self.clock = ask, clock
        self._lock = threading.Lock()
        self._asked_at = -READY_SECONDS
        self._report: Health = {}

    def report(self) -> Health:
        with self._lock:
            if self.clock() - self._asked_at >= READY_SECONDS:
                self._report = self.ask()
                self._asked_at = self.clock()
            return self._report


def register(app: Flask, ask: Callable[[], Health], clock: Callable[[], float]) -> None:
    app.extensions["packshot_readiness"] = Readiness(ask, clock)


@bp.get("/healthz")
@bp.output(ReadyAnswer)
@bp.doc(operation_id="isAlive")
@probe
def healthz() -> Response:
    """Does this process answer? Looks at nothing else"""
    return _told(ReadyAnswer(ok=True), 200)


@bp.get("/readyz")
@bp.output(ReadyAnswer)
@bp.doc(operation_id="isReady", responses=[503])
@probe
def readyz() -> Response:
    """Do the database, the queue, the storage, the enhancer and the worker work?

    What is wrong is told to those who are signed in; anyone else gets the status alone.
    """
    report = cast("Readiness", current_app.extensions["packshot_readiness"]).report()
    told = ReadyAnswer(ok=not any(report.values()))
    if identify() is not None:
        told.parts = {part: problem or "ok" for part, problem in report.items()}
        told.notes = services().notes()
    return _told(told, 200 if told.ok else 503)


def _told(body: ReadyAnswer, status: int) -> Response:
    headers = {"Retry-After": str(round(READY_SECONDS))} if status == 503 else {}
    return Response(body.model_dump_json(), status, headers, mimetype="application/json")


@bp.get("/metrics")
@bp.doc(
    operation_id="getMetrics",
    responses={200: "Prometheus text"},
    extensions={"x-content": "text/plain"},
)
@needs()
def metrics() -> Response:
    """Every figure for Prometheus, read from the database now, so that any process may be asked"""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(services().catalog))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Figures(Collector):
    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def collect(self) -> Iterator[Metric]:
        stats = self.catalog.stats()
        yield _by_status("packshot_products", "Products", stats.products, PRODUCT_STATUSES)
        yield _by_status("packshot_images", "Pictures", stats.images, IMAGE_STATUSES)
        yield _queue(stats)
        yield from _gauges(stats)
        spent = CounterMetricFamily("packshot_spent_dollars", "Paid for calls so far, US dollars")
        spent.add_metric([], float(stats.spent))
        yield spent


def _by_status(
    name: str, what: str, counts: dict[str, int], statuses: tuple[str, ...]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, f"{what} by status", labels=["status"])
    for status in statuses:
        family.add_metric([status], counts.get(status, 0))
    return family


def _queue(stats: Stats) -> GaugeMetricFamily:
    family = GaugeMetricFamily("packshot_queue_products", "The queue", labels=["state"])
    depth = stats.queue
    for state, count in (
        ("waiting", depth.waiting),
        ("in_flight", depth.in_flight),
        ("dead", depth.dead),
    ):
        if count is not None:
            family.add_metric([state], count)
    return family


def _gauges(stats: Stats) -> Iterator[GaugeMetricFamily]:
    for name, what, value in (
        ("packshot_queue_oldest_seconds", "Age of the oldest waiting", stats.queue.oldest_seconds),
        ("packshot_spent_today_dollars", "Paid for calls today (UTC)", float(stats.spent_today)),
        ("packshot_reviewed_last_hour", "Decisions in the last hour", stats.reviewed_last_hour),
        ("packshot_made_last_hour", "Pictures made in the last hour", stats.made_last_hour),
    ):
        if value is not None:
            yield GaugeMetricFamily(name, what, value=value)
