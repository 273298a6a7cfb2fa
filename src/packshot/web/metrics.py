"""The figures as Prometheus text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from packshot.database.models import IMAGE_STATUSES, PRODUCT_STATUSES
from packshot.lanes import LANES
from packshot.products.figures import Figures, Times
from packshot.queues.contract import Depth

#: Steps that are always listed, even at zero, so that graphs have no gaps.
STEPS: Final = ("fetch", "normalise", "analyse", "generate", "finish", "store")


def prometheus_text(figures: Figures, depth: Depth | None) -> bytes:
    """The figures as text; `depth` is the queue's report, None when it does not answer."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(figures, depth))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, figures: Figures, depth: Depth | None) -> None:
        self.figures, self.depth = figures, depth

    def collect(self) -> Iterator[Metric]:
        yield from _counts(self.figures)
        yield from _work(self.figures, self.depth)
        yield from _times(self.figures)
        yield from _money(self.figures)


def _counts(figures: Figures) -> Iterator[Metric]:
    yield _gauge("products", "Products by status", "status", figures.products, PRODUCT_STATUSES)
    yield _gauge("images", "Pictures by status", "status", figures.images, IMAGE_STATUSES)
    yield _gauge("failed_products", "Failed products by reason", "reason", figures.failed)
    yield _gauge("batch_jobs", "Jobs of the batch lane by state", "state", figures.batch_jobs)
    yield _one("batched_products", "Products that wait for batch jobs", figures.batched)
    yield _one("being_checked", "Pictures that wait for a fidelity check", figures.being_checked)
    yield _gauge("webhooks", "Webhook events by state", "state", figures.webhooks)
    yield _gauge("pixel_locks", "Pictures locked, or why not", "result", figures.locks)
    rejections = CounterMetricFamily(
        "packshot_rejections", "Pictures rejected so far, by reason", labels=["reason"]
    )
    for reason, count in sorted(figures.rejections.items()):
        rejections.add_metric([reason], count)
    yield rejections
    calls = CounterMetricFamily(
        "packshot_calls", "Paid requests so far, by outcome", labels=["kind", "outcome"]
    )
    for (kind, outcome), count in sorted(figures.calls.items()):
        calls.add_metric([kind, outcome], count)
    yield calls
    yield _gauge("remakes", "Pictures made again, by outcome", "outcome", figures.remakes)
    verdicts = GaugeMetricFamily(
        "packshot_fidelity",
        "Pictures by the verdict of the fidelity check",
        labels=["verdict", "enhancer", "prompts"],
    )
    for labels, count in sorted(figures.verdicts.items()):
        verdicts.add_metric(labels, count)
    yield verdicts


def _work(figures: Figures, depth: Depth | None) -> Iterator[Metric]:
    states = {"waiting": figures.waiting, "in_flight": figures.in_flight}
    if depth is not None and depth.dead is not None:
        states["dead"] = depth.dead
    yield _gauge("queue_products", "Products in the queue, by the database", "state", states)
    yield _one("queue_up", "Whether the queue answers (1 or 0)", int(depth is not None))
    yield _one("queue_oldest_seconds", "Age of the oldest waiting product", figures.oldest_seconds)
    yield _one("made_last_hour", "Pictures made in the last hour", figures.made_last_hour)
    yield _one("reviewed_last_hour", "Decisions in the last hour", figures.reviewed_last_hour)


def _times(figures: Figures) -> Iterator[Metric]:
    seconds = GaugeMetricFamily(
        "packshot_step_seconds", "Time of a step, last hour", labels=["step", "quantile"]
    )
    runs = GaugeMetricFamily("packshot_step_runs", "Steps done, last hour", labels=["step"])
    for step in sorted({*STEPS, *figures.steps}):
        times = figures.steps.get(step, Times(0, {}))
        runs.add_metric([step], times.count)
        for quantile, value in times.quantiles.items():
            seconds.add_metric([step, str(quantile)], value)
    ready = GaugeMetricFamily(
        "packshot_ready_seconds", "Time from request to ready, last hour", labels=["quantile"]
    )
    for quantile, value in figures.ready.quantiles.items():
        ready.add_metric([str(quantile)], value)
    yield from (seconds, runs, ready)


def _money(figures: Figures) -> Iterator[Metric]:
    spent = CounterMetricFamily("packshot_spent_dollars", "Spent on calls so far, US dollars")
    spent.add_metric([], float(sum(figures.paid.values())))
    yield spent
    lanes = CounterMetricFamily(
        "packshot_lane_spent_dollars", "Spent on calls so far, by lane", labels=["lane"]
    )
    for lane in LANES:
        lanes.add_metric([lane], float(figures.paid.get(lane, 0)))
    yield lanes
    for name, words, value in (
        ("spent_today_dollars", "Spent on calls today (UTC)", figures.spent_today),
        ("cost_per_product_dollars", "Spent per product", figures.cost_per_product),
        ("cost_per_approved_dollars", "Spent per approved picture", figures.cost_per_approved),
        ("first_pass_ratio", "Share approved in the first round", figures.first_pass),
    ):
        if value is not None:
            yield _one(name, words, float(value))


def _one(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"packshot_{name}", what, value=value)


def _gauge(
    name: str, what: str, label: str, counts: Mapping[str, int], always: tuple[str, ...] = ()
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"packshot_{name}", what, labels=[label])
    for value in (*always, *sorted(counts.keys() - set(always))):
        family.add_metric([value], counts.get(value, 0))
    return family
