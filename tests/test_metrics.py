"""Metrics: what they say of a shop, and that the dashboard and the alerts ask for what exists."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml  # type: ignore[import-untyped]
from conftest import only_sqlite
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from servers.packshot_process import ROOT
from sqlalchemy import update
from support.fakes import FakeQueue
from support.shop import Json, Shop

from packshot.database.models import APPROVED, BatchJob, Call, Product, ProductImage
from packshot.database.types import now
from packshot.errors import FetchError, Unavailable
from packshot.products.figures import times_of
from packshot.products.lookup import Editor
from packshot.queues.contract import Depth
from packshot.work import pipeline
from packshot.work.claiming.claim import Claim
from packshot.work.making.parts import Parts

Samples = dict[tuple[str, ...], float]


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Shop]:
    url = "https://shop.example/hook"
    secret = "whsec_" + "c2VjcmV0" * 6
    shop = Shop(database_url, tmp_path / "media", webhook_urls=(url,), webhook_secret=secret)
    yield shop
    shop.close()


def samples(shop: Shop) -> list[Sample]:
    answer = shop.ask("GET", "/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    text = answer.get_data(as_text=True)
    return [each for family in text_string_to_metric_families(text) for each in family.samples]


def scrape(shop: Shop) -> Samples:
    """(name, label values in the order of their labels) -> value."""
    return {(each.name, *each.labels.values()): each.value for each in samples(shop)}


def taken(shop: Shop, product_id: int) -> Claim:
    claim = shop.services.parts.claims.claim_next()
    assert isinstance(claim, Claim)
    return claim


def busy_day(shop: Shop) -> None:
    """One of everything."""
    [ready, failed, held, *_] = shop.create(*[_row() for _ in range(4)])
    claims, catalog = shop.services.parts.claims, shop.services.catalog
    claim = taken(shop, ready)
    for step, seconds in {"fetch": [0.2], "generate": [1.0, 2.0, 9.0]}.items():
        claim.progress.seconds[step] = seconds
    claims.complete(claim)
    claims.fail(taken(shop, failed), FetchError("404", code="not_found"))
    taken(shop, held)
    approved, _ = shop.reviewable(variants=2)
    catalog.review(approved, "approved", who="ann")
    redone, _ = shop.reviewable(variants=2)
    catalog.review(redone, "rejected", who="ann", reason="edges")
    catalog.enhance(redone, by=Editor("ann"))
    with shop.services.database.write() as session:
        paid = {"product_id": approved, "round": 1, "model": "m", "cost": Decimal("0.05")}
        session.add(Call(kind="analysis", outcome="ok", **paid))
        job = {"kind": "picture", "model": "m", "display_name": "packshot-1", "state": "running"}
        session.add(BatchJob(**job, deadline=now(60)))
        session.add(Call(kind="image", outcome="ok", **paid))
        session.add(Call(kind="image", outcome=None, **paid | {"cost": None}))
        long_ago = update(Product).where(Product.id > held).values(queued_at=now(-500))
        session.execute(long_ago)
        measured = update(ProductImage).where(ProductImage.product_id == approved)
        session.execute(measured.values(verdict="pass"))


def _row() -> Json:
    from support.shop import row

    return row(discount=0, gst=0)


def test_a_busy_day_in_figures(shop: Shop) -> None:
    busy_day(shop)
    found = scrape(shop)
    wanted = {
        ("packshot_products", "pending"): 3,
        ("packshot_products", "failed"): 1,
        ("packshot_products", "approved"): 1,
        ("packshot_images", "approved"): 2,
        ("packshot_images", "rejected"): 2,
        ("packshot_failed_products", "not_found"): 1,
        ("packshot_rejections_total", "edges"): 2,
        ("packshot_calls_total", "image", "ok"): 1,
        ("packshot_calls_total", "image", "under_way"): 1,
        ("packshot_queue_products", "waiting"): 2,
        ("packshot_queue_products", "in_flight"): 1,
        ("packshot_queue_up",): 1,
        ("packshot_spent_dollars_total",): pytest.approx(0.10),
        ("packshot_spent_today_dollars",): pytest.approx(0.10),
        ("packshot_cost_per_product_dollars",): pytest.approx(0.10),
        ("packshot_cost_per_approved_dollars",): pytest.approx(0.05),
        ("packshot_first_pass_ratio",): 0.5,
        ("packshot_step_seconds", "0.5", "generate"): 2.0,
        ("packshot_step_seconds", "0.95", "generate"): 9.0,
        ("packshot_step_runs", "generate"): 3,
        ("packshot_step_runs", "finish"): 0,
        ("packshot_webhooks", "waiting"): 4,
        ("packshot_reviewed_last_hour",): 4,
        ("packshot_made_last_hour",): 4,
    }
    assert {name: found.get(name) for name in wanted} == wanted
    assert 500 <= found["packshot_queue_oldest_seconds",] < 600
    assert 0 <= found["packshot_ready_seconds", "0.5"] < 60


def test_a_round_that_failed_was_not_sent_back_by_a_reviewer(shop: Shop) -> None:
    """Redone with other words, it came before a reviewer for the first time, and was approved."""
    [product_id] = shop.create(_row())
    claims, catalog = shop.services.parts.claims, shop.services.catalog
    claims.fail(taken(shop, product_id), FetchError("404", code="not_found"))
    catalog.enhance(product_id, by=Editor("ann"), instructions="on white")
    assert "packshot_first_pass_ratio" not in {name for name, *_ in scrape(shop)}
    claim = taken(shop, product_id)
    claims.complete(claim)
    with shop.services.database.write() as session:
        session.execute(update(Product).values(status=APPROVED))
    assert scrape(shop)["packshot_first_pass_ratio",] == 1.0


def test_an_empty_shop_has_no_ratios(shop: Shop) -> None:
    names = {name for name, *_ in scrape(shop)}
    assert "packshot_first_pass_ratio" not in names
    assert "packshot_cost_per_approved_dollars" not in names
    assert "packshot_queue_oldest_seconds" in names


def test_a_queue_that_is_away_hides_nothing_else(shop: Shop) -> None:
    class Away(FakeQueue):
        def depth(self) -> Depth:
            raise Unavailable("SQS does not answer")

    shop.services.queue = Away()
    assert scrape(shop)["packshot_queue_up",] == 0


def test_the_pipeline_times_its_steps(sqlite_url: str, tmp_path: Path) -> None:
    from support.fakes import FakeEnhancer, photo_bytes

    shop = Shop(sqlite_url, tmp_path / "media", enhanced_images_count=1)
    [product_id] = shop.create(_row())
    claim = taken(shop, product_id)
    replaced = {"read_raw": lambda url: photo_bytes(), "enhancer": FakeEnhancer()}
    pipeline.run(claim, Parts(**vars(shop.services.parts) | replaced))
    steps = {"fetch", "normalise", "analyse", "generate", "finish", "store"}
    assert claim.progress.seconds.keys() == steps
    found = scrape(shop)
    assert {found["packshot_step_runs", step] for step in steps} == {1.0}
    shop.close()


def test_quantiles_are_by_the_nearest_rank() -> None:
    assert times_of([]).quantiles == {}
    assert times_of([3.0]).quantiles == {0.5: 3.0, 0.95: 3.0}
    assert times_of([float(n) for n in range(1, 101)]).quantiles == {0.5: 50.0, 0.95: 95.0}


# -- the dashboard and the alerts ------------------------------------------------------------------

ALERTS = ROOT / "deploy" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana-dashboard.json"


def alerts() -> list[Json]:
    [group] = yaml.safe_load(ALERTS.read_text())["groups"]
    rules: list[Json] = group["rules"]
    return rules


def drawn() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


@dataclass(frozen=True)
class Asked:
    """One selector of an expression: what it takes; the functions around it, outermost first."""

    name: str
    labels: dict[str, str]
    grouped_by: frozenset[str]
    within: tuple[str, ...]


def asked(node: Any, by: frozenset[str] = frozenset(), within: tuple[str, ...] = ()) -> list[Asked]:
    """All selectors of a parsed expression."""
    match node:
        case promql.NumberLiteral():
            return []
        case promql.VectorSelector():
            labels = {each.name: each.value for each in node.matchers.matchers}
            return [Asked(node.name or "", labels, by, within)]
        case promql.MatrixSelector():
            return asked(node.vector_selector, by, within)
        case promql.ParenExpr():
            return asked(node.expr, by, within)
        case promql.BinaryExpr():
            return [*asked(node.lhs, by, within), *asked(node.rhs, by, within)]
        case promql.AggregateExpr():
            grouped = frozenset(node.modifier.labels) if node.modifier else frozenset()
            return asked(node.expr, by | grouped, (*within, str(node.op)))
        case promql.Call():
            around = (*within, node.func.name)
            return [each for argument in node.args for each in asked(argument, by, around)]
    raise AssertionError(f"{node!r}: not thought of")


def all_asked(expressions: Iterable[str]) -> list[Asked]:
    return [each for text in expressions for each in asked(promql.parse(text))]


def finds(wanted: Asked, found: list[Sample]) -> bool:
    return any(
        each.name == wanted.name
        and wanted.labels.items() <= each.labels.items()
        and wanted.grouped_by <= each.labels.keys()
        for each in found
    )


DEAD = {"state": "dead"}  # only with SQS


@only_sqlite
def test_the_dashboard_and_the_alerts_ask_for_what_a_scrape_has(shop: Shop) -> None:
    busy_day(shop)
    found = samples(shop)
    everything = all_asked([*drawn(), *(rule["expr"] for rule in alerts())])
    assert [each for each in everything if each.labels != DEAD and not finds(each, found)] == []
    assert {each.name for each in found} <= {each.name for each in everything}  # all is shown


def test_no_expression_counts_a_figure_once_for_each_process() -> None:
    for each in all_asked([*drawn(), *(rule["expr"] for rule in alerts())]):
        assert each.within[0] in {"max", "absent"}, each
        assert ("increase" in each.within) <= each.name.endswith("_total"), each


@only_sqlite
def test_the_alerts_ask_for_series_that_are_there_from_the_start(shop: Shop) -> None:
    """A series that begins with the first failure has no value before it to differ from."""
    found = samples(shop)
    wanted = all_asked(rule["expr"] for rule in alerts())
    assert [each for each in wanted if each.labels != DEAD and not finds(each, found)] == []


def test_every_alert_says_what_to_do() -> None:
    assert len(alerts()) == 5
    for rule in alerts():
        assert rule["annotations"]["what_to_do"], rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert timedelta(minutes=int(rule["for"].removesuffix("m"))) >= timedelta(minutes=5)
