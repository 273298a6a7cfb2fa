"""Requests per minute and the day's budget, kept for all processes by one table."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from support.fakes import analysis_of, photo_bytes

from packshot.database.engine import Database
from packshot.database.models import Call
from packshot.enhancers.contract import Brief, Photo, Purchase
from packshot.errors import RateLimited, Stopping, Unavailable
from packshot.settings import Settings
from packshot.testing.fake_gemini import FakeGemini
from packshot.wiring import Services, build
from packshot.work.making.ledger import DatabaseLedger

BRIEF = Brief(product_id=1, round=1, category="Shoes", wanted=10)
CALLERS = 8  # threads of each process
PRICE = Decimal("0.0414")  # one picture, as expected, on nano-banana-2.1


@pytest.fixture(scope="module")
def gemini() -> Iterator[FakeGemini]:
    with FakeGemini(side=288, latency=0.05) as fake:
        yield fake


Pair = tuple[Services, Services]


@pytest.fixture
def pair(database_url: str, gemini: FakeGemini, tmp_path: Path) -> Iterator[Callable[..., Pair]]:
    """What two processes work with, on one database."""
    made: list[Services] = []

    def two(**overrides: Any) -> Pair:
        settings = Settings(
            database_url=database_url,
            media_dir=tmp_path / "media",
            gemini_api_key="test",
            google_gemini_base_url=gemini.url,
            **overrides,
        )
        made.extend(build(settings) for _ in range(2))
        return made[0], made[1]

    yield two
    for each in made:
        each.close()


def rush(pair: Pair) -> list[str]:
    """Every thread of both asks for one picture at once; how each of them ended."""
    photo = Photo(photo_bytes(), "image/jpeg", 300, 300)

    def attempt(number: int) -> str:
        try:
            enhancer = pair[number % 2].enhancer
            enhancer.generate(photo, analysis_of(10), BRIEF, number % 10)
        except Unavailable as error:
            return error.code
        return "made"

    with ThreadPoolExecutor(2 * CALLERS) as threads:
        return sorted(threads.map(attempt, range(2 * CALLERS)))


def paid(services: Services) -> tuple[int, Decimal]:
    with services.database.read() as session:
        row = session.execute(select(func.count(), func.sum(Call.cost)).select_from(Call)).one()
    return row[0], row[1] or Decimal(0)


def test_once_the_process_is_to_end_no_call_begins(database: Database) -> None:
    """While it waits for anything: its turn, the minute's quota."""
    stopping = threading.Event()
    ledger = DatabaseLedger(database, stopping=stopping)
    stopping.set()
    with pytest.raises(Stopping), ledger.call(picture(None)):
        raise AssertionError("it was begun")
    with database.read() as session:
        assert session.scalars(select(Call)).all() == []


def test_two_processes_stay_within_the_days_budget(pair: Callable[..., Pair]) -> None:
    both = pair(gemini_daily_budget=0.2)

    made = rush(both).count("made")

    calls, spent = paid(both[0])
    assert 4 <= made == calls  # room for four as expected; who comes late finds them cheaper
    assert spent <= Decimal("0.2")
    with pytest.raises(Unavailable, match=r"GEMINI_DAILY_BUDGET=0.2 is reached"):
        for _ in range(3):
            both[1].enhancer.generate(
                Photo(photo_bytes(), "image/jpeg", 300, 300), analysis_of(10), BRIEF, 0
            )
    assert paid(both[0])[1] <= Decimal("0.2")
    assert "GEMINI_DAILY_BUDGET" in (both[1].enhancer.health().problem or "")


def test_two_processes_stay_within_the_minutes_requests(
    pair: Callable[..., Pair], gemini: FakeGemini
) -> None:
    before = len(gemini.calls)

    ends = rush(pair(gemini_rpm=5))

    assert ends == ["made"] * 5 + ["rate_limited"] * 11
    assert len(gemini.calls) - before == 5


def test_the_minute_says_how_long_to_wait(database: Database) -> None:
    ledger = DatabaseLedger(database, rpm=2)
    for _ in range(2):
        call(ledger)
    grow_older(database, 50)
    with pytest.raises(RateLimited, match="GEMINI_RPM=2") as caught:
        call(ledger)
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 10

    grow_older(database, 10)
    call(ledger)


def test_what_another_process_has_under_way_counts_as_expected(database: Database) -> None:
    other, ours = (DatabaseLedger(database, daily_budget=Decimal("0.10")) for _ in range(2))
    with other.call(picture(PRICE)):
        call(ours, expected=PRICE)
        with pytest.raises(Unavailable, match="calls under way included") as caught:
            call(ours, expected=PRICE)
    assert caught.value.code == "budget_reached"


def test_a_day_ends_at_midnight(database: Database) -> None:
    ledger = DatabaseLedger(database, daily_budget=PRICE)
    call(ledger, expected=PRICE)
    with pytest.raises(Unavailable):
        call(ledger, expected=PRICE)

    grow_older(database, 24 * 3600)
    call(ledger, expected=PRICE)


def test_a_call_that_cost_less_makes_room(database: Database) -> None:
    ledger = DatabaseLedger(database, daily_budget=PRICE)
    with ledger.call(picture(PRICE)) as record:
        record.cost = Decimal(0)

    call(ledger, expected=PRICE)


def picture(expected: Decimal | None) -> Purchase:
    return Purchase("picture", "m", BRIEF, 0, expected)


def call(ledger: DatabaseLedger, expected: Decimal | None = None) -> None:
    with ledger.call(picture(expected)) as record:
        record.outcome = "ok"


def grow_older(database: Database, seconds: float) -> None:
    """Let time pass for all calls so far."""
    with database.write() as session:
        for row in session.scalars(select(Call)).all():
            row.sent_at = row.sent_at - timedelta(seconds=seconds)
