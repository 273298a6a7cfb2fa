"""The flex lane: the ordinary call in its tier, at half the price, with a deadline of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import update
from support.fakes import analysis_of, photo_bytes
from support.gemini import MemoryLedger, here
from support.products import BOX, LEASE, taken

from packshot.database.engine import Database
from packshot.database.models import Round
from packshot.database.types import now
from packshot.enhancers.contract import Brief, Photo
from packshot.enhancers.gemini.enhancer import GeminiEnhancer
from packshot.enhancers.gemini.prices import price_of
from packshot.errors import NotConfigured, PartlyUnavailable
from packshot.products.catalog import Catalog
from packshot.queues.contract import Message
from packshot.queues.database import DatabaseQueue
from packshot.serving.worker import longest_flex, longest_product
from packshot.settings import Settings
from packshot.testing.fake_gemini import FakeGemini
from packshot.testing.fake_gemini.faults import Fault, Reply, reply_of
from packshot.work.claiming.claims import Claims
from packshot.work.hanging import Hanging
from packshot.work.slots import ProductJob, Slots

TODAY = date(2026, 11, 28)
BRIEF = Brief(product_id=12, round=1, category="Shoes", wanted=1, lane="flex")
PHOTO = Photo(photo_bytes(), "image/jpeg", 120, 120)
FLASH, BANANA = "gemini-3.8-flash", "gemini-nano-banana-2.1"
Make = Callable[..., GeminiEnhancer]


class Clock:
    """Time that passes when someone sleeps."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def fake() -> Iterator[FakeGemini]:
    with FakeGemini(side=300) as serving:
        yield serving


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture
def make(fake: FakeGemini, ledger: MemoryLedger) -> Iterator[Make]:
    made: list[GeminiEnhancer] = []

    def enhancer(**chosen: object) -> GeminiEnhancer:
        settings = Settings(
            gemini_api_key=SecretStr("AIza-key"),
            google_gemini_base_url=fake.url,
            **chosen,  # type: ignore[arg-type]
        )
        clock = Clock()
        given = {"clock": clock, "sleep": clock.sleep, "today": lambda: TODAY}
        made.append(GeminiEnhancer(settings, ledger, here, **given))  # type: ignore[arg-type]
        return made[-1]

    yield enhancer
    for each in made:
        each.close()


def lanes(ledger: MemoryLedger) -> list[tuple[str, str]]:
    return [(row.record.lane, row.record.outcome) for row in ledger.rows]


# -- what is sent, and what it costs ---------------------------------------------------------------


def test_a_call_names_its_tier_and_has_its_own_deadline(fake: FakeGemini, make: Make) -> None:
    enhancer = make(gemini_flex_timeout=1300.0)
    enhancer.analyse(PHOTO, BRIEF)
    enhancer.analyse(PHOTO, replace(BRIEF, lane="standard"))
    flex, standard = fake.requests
    assert (flex["serviceTier"], "serviceTier" in standard) == ("flex", False)
    assert [each["x-server-timeout"] for each in fake.headers] == ["1300", "180"]


def test_a_call_is_booked_at_the_price_of_the_tier_that_the_answer_names(
    fake: FakeGemini, ledger: MemoryLedger, make: Make
) -> None:
    enhancer = make()
    enhancer.analyse(PHOTO, BRIEF)
    [row], [paid] = ledger.rows, fake.paid()
    price = price_of(FLASH, TODAY, "flex")
    assert price is not None and (row.record.lane, paid.lane) == ("flex", "flex")
    assert row.record.cost == price.cost(paid.tokens_in, paid.tokens_out, 0)

    def served_as_standard(good: dict[str, Any], asked: object) -> Reply:
        good["usageMetadata"]["serviceTier"] = "standard"
        return reply_of(good)

    fake.misbehave(Fault(served_as_standard))
    enhancer.analyse(PHOTO, BRIEF)
    full, half = ledger.rows[1].record.cost, ledger.rows[0].record.cost
    assert full is not None and half is not None
    assert (ledger.rows[1].record.lane, full) == ("standard", 2 * half)


# -- what the tier refuses -------------------------------------------------------------------------


def test_a_model_that_refuses_the_tier_is_called_as_standard_with_one_note(
    fake: FakeGemini, ledger: MemoryLedger, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    enhancer = make()
    with caplog.at_level(logging.WARNING):
        for variant in (0, 0, 0):
            enhancer.generate(PHOTO, analysis_of(1), BRIEF, variant)
    assert lanes(ledger) == [("flex", "flex_refused"), *[("standard", "ok")] * 3]
    assert ledger.rows[0].record.cost == 0
    assert [each.lane for each in fake.paid()] == ["standard"] * 3
    assert [each.message for each in caplog.records if "flex lane" in each.message] == [
        *[note for note in enhancer.health().notes if BANANA in note]
    ]
    assert enhancer.health().problem is None


def test_a_refusal_that_does_not_name_the_tier_is_found_by_a_standard_call(
    fake: FakeGemini, ledger: MemoryLedger, make: Make
) -> None:
    enhancer = make()
    fake.misbehave("bad_request", times=1)
    enhancer.analyse(PHOTO, BRIEF)
    assert lanes(ledger) == [("flex", "flex_refused"), ("standard", "ok")]
    enhancer.analyse(PHOTO, BRIEF)
    assert lanes(ledger)[2] == ("standard", "ok")


def test_a_request_that_is_wrong_in_both_lanes_says_nothing_about_the_tier(
    fake: FakeGemini, ledger: MemoryLedger, make: Make
) -> None:
    enhancer = make()
    fake.misbehave("bad_request", times=2)
    with pytest.raises(NotConfigured):
        enhancer.analyse(PHOTO, BRIEF)
    assert not [note for note in enhancer.health().notes if "flex" in note]


# -- what is shed, and what takes too long ---------------------------------------------------------


@pytest.mark.parametrize("fault", ["overloaded", "quota_minute"])
def test_what_is_shed_makes_only_its_product_wait(fake: FakeGemini, make: Make, fault: str) -> None:
    enhancer = make()
    for _ in range(4):
        fake.misbehave(fault)
        with pytest.raises(PartlyUnavailable) as shed:
            enhancer.analyse(PHOTO, BRIEF)
    assert shed.value.retry_after
    assert enhancer.health().problem is None  # it is how this lane works
    fake.behave()
    enhancer.analyse(PHOTO, replace(BRIEF, lane="standard"))  # no pause for the others


def test_a_call_that_took_too_long_is_repeated_as_standard(
    fake: FakeGemini, ledger: MemoryLedger, make: Make
) -> None:
    enhancer = make()
    fake.misbehave("timeout_504")
    enhancer.analyse(PHOTO, BRIEF)
    assert lanes(ledger) == [("flex", "gemini_timeout"), ("standard", "ok")]


# -- what agrees with its deadline -----------------------------------------------------------------


def test_past_its_deadline_a_round_continues_as_standard(database: Database) -> None:
    claims = Claims(database, LEASE, 1, lane_deadline=100)
    queue = DatabaseQueue(database)
    [product] = Catalog(database, queue, 1).create([BOX], lane="flex").products
    claim = taken(claims, product.id)
    assert (claim.lane, claim.brief.lane) == ("flex", "flex")
    claims.give_back(claim)
    with database.write() as session:
        session.execute(update(Round).values(opened_at=now(-101)))
    claim = taken(claims, product.id)
    assert (claim.lane, claim.brief.lane) == ("standard", "standard")


def test_a_product_of_the_flex_lane_hangs_only_after_all_its_calls_could_have_ended(
    database: Database,
) -> None:
    settings, clock = Settings(), [0.0]
    assert longest_flex(settings) > longest_product(settings) + 4 * 900
    longest = (longest_product(settings), longest_flex(settings))
    hanging = Hanging(Slots(1, lambda job: None), longest[0], lambda: clock[0], longest[1])
    queue, claims = DatabaseQueue(database), Claims(database, LEASE, 1)
    for lane, expected in (("standard", True), ("flex", False)):
        [product] = Catalog(database, queue, 1).create([BOX], lane=lane).products  # type: ignore[arg-type]
        job = ProductJob(
            Message(product.id), taken(claims, product.id), threading.current_thread(), 0.0
        )
        clock[0] = longest[0] + 1
        assert hanging.hangs(job) is expected


def test_a_grace_time_that_ends_flex_calls_is_noted(make: Make) -> None:
    def noted(**chosen: object) -> bool:
        notes = make(**chosen).health().notes
        return any("GRACE_SECONDS=25" in note for note in notes)

    assert noted(gemini_lane="flex")
    assert not noted(gemini_lane="flex", grace_seconds=1200)
    assert not noted()


def test_every_lane_stays_within_the_budget(make: Make) -> None:
    assert make(gemini_lane="flex", gemini_daily_budget=1.0, grace_seconds=2000).model == FLASH
