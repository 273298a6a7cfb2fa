"""Health, readiness and metrics, for operators."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from apiflask import APIBlueprint
from cachetools import TTLCache, cached
from flask import Flask, Response, current_app

from packshot.errors import Unavailable
from packshot.products.figures import read_figures
from packshot.queues.contract import Depth
from packshot.web.api import examples
from packshot.web.api.answer_models import ReadyAnswer
from packshot.web.requests.auth import identify
from packshot.web.requests.context import services
from packshot.web.requests.endpoints import answer, blueprint, needs, probe

READY_SECONDS: Final = 5.0
bp: APIBlueprint = blueprint("operations", "Operations")

Readiness = dict[str, str | None]


def register(app: Flask, ask: Callable[[], Readiness], clock: Callable[[], float]) -> None:
    """Cache the result of `ask` for five seconds; probes during a call wait for its result."""
    cache: TTLCache[Any, Readiness] = TTLCache(1, READY_SECONDS, timer=clock)
    app.extensions["packshot_readiness"] = cached(cache, condition=threading.Condition())(ask)


@bp.get("/healthz")
@bp.output(ReadyAnswer, example=examples.ALIVE)
@bp.doc(operation_id="isAlive")
@probe
def healthz() -> Response:
    """Answer while this process works; check nothing else"""
    return answer(ReadyAnswer(ok=True))


@bp.get("/readyz")
@bp.output(ReadyAnswer, example=examples.WORKING)
@bp.doc(operation_id="isReady", extensions={"x-not-working": examples.NOT_WORKING})
@probe
def readyz() -> Response:
    """Check the database, the queue, the storage, the enhancer and the worker

    Callers who are signed in see the problems; others only the status.
    """
    report: Readiness = current_app.extensions["packshot_readiness"]()
    body = ReadyAnswer(ok=not any(report.values()))
    if identify() is not None:
        body.parts = {part: problem or "ok" for part, problem in report.items()}
        body.notes = services().notes_now()
    if body.ok:
        return answer(body)
    return answer(body, 503, {"Retry-After": str(round(READY_SECONDS))})


@bp.get("/metrics")
@bp.doc(
    operation_id="getMetrics",
    responses={200: "Prometheus text"},
    extensions={"x-content": {"text/plain": examples.METRICS}},
)
@needs()
def metrics() -> Response:
    """All figures for Prometheus, read from the database: every process gives the same answer"""
    figures = read_figures(services().database)
    # Imported at the first scrape: serving does not need the Prometheus client.
    from packshot.web.metrics import CONTENT_TYPE_LATEST, prometheus_text

    return Response(prometheus_text(figures, _depth()), content_type=CONTENT_TYPE_LATEST)


def _depth() -> Depth | None:
    try:
        return services().queue.depth()
    except Unavailable:
        return None  # the other figures are still useful
