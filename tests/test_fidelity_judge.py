"""The second opinion: one cheap call, swapped where the votes differ, once a picture, paid."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from support.fakes import photo_bytes
from support.gemini import MemoryLedger, here
from support.shop import Shop

from packshot.database.models import Call
from packshot.enhancers.contract import Brief, CallRecord, Difference, Judgement, Purchase
from packshot.enhancers.gemini.enhancer import GeminiEnhancer
from packshot.enhancers.gemini.prices import price_of
from packshot.errors import EnhancerError
from packshot.fidelity.verdicts import VERDICTS, Check, CheckResult, Reason
from packshot.fidelity.votes import TABLE, Opinion, Vote, add_opinion
from packshot.products.checks import DueCheck
from packshot.settings import Settings
from packshot.testing.fake_gemini import FakeGemini
from packshot.testing.fake_gemini.painting import decode, paint
from packshot.testing.fake_gemini.scenes import SCENES
from packshot.work.checking.judging import Judging, opinion_of

WARNED = Check(verdict="warn", score=0.4, version="2026-11-28")
DUE = DueCheck(7, 1, "enhanced/1/x.jpg", None, None, None, 1, 1, 0, "Mugs", 1)
A, B = photo_bytes(1), photo_bytes(2)  # boxes of different colours


@pytest.fixture(scope="module")
def gemini() -> Iterator[FakeGemini]:
    with FakeGemini(side=256) as fake:
        yield fake


@pytest.fixture
def shop(sqlite_url: str, tmp_path: Path, gemini: FakeGemini) -> Iterator[Shop]:
    gemini.behave()
    gemini.calls.clear()
    shop = Shop(
        sqlite_url,
        tmp_path / "media",
        gemini_api_key="test",
        google_gemini_base_url=gemini.url,
        fidelity="on",
    )
    shop.create()
    yield shop
    shop.close()


def judging_of(shop: Shop) -> Judging:
    checker = shop.services.checker
    assert checker is not None and checker.judging is not None
    return checker.judging


def test_two_votes_make_every_verdict_and_nothing_turned_passes() -> None:
    votes: tuple[Vote, ...] = ("same", "changed", "unsure")
    assert set(TABLE) == {(verdict, vote) for verdict in VERDICTS for vote in votes}
    assert "pass" not in {TABLE["not_comparable", vote] for vote in votes}
    assert TABLE["fail", "same"] == "fail"
    document = (Path(__file__).parents[1] / "docs/fidelity.md").read_text()
    table = document.split("| measured |")[1]
    for (verdict, vote), made in TABLE.items():
        [row] = [line for line in table.splitlines() if line.startswith(f"| `{verdict}` |")]
        assert row.split("|")[2 + votes.index(vote)].strip() == f"`{made}`"


def test_one_sure_difference_is_a_change_and_a_doubt_is_none() -> None:
    colour = Difference("colour", "the lid", "red", "blue", sure=True)
    said = Judgement("yes", True, (colour,), "gemini-3.5-flash-lite")
    assert opinion_of(said).vote == "changed"
    assert opinion_of(said).reasons[0].words.endswith('the lid): "red" is now "blue"')
    unsure = Difference("colour", "the lid", "red", "dark red", sure=False)
    assert opinion_of(Judgement("yes", True, (unsure,), "m")).vote == "same"
    assert opinion_of(Judgement("yes", False, (), "m")).vote == "unsure"
    assert opinion_of(Judgement("no", True, (), "m")).vote == "changed"


def test_the_same_product_is_asked_about_twice_and_then_passes(
    shop: Shop, gemini: FakeGemini
) -> None:
    made = judging_of(shop).ask_about(DUE, CheckResult(WARNED, None, ((A,), (A,))))
    assert made.verdict == "pass"
    assert made.judge is not None and (made.judge["calls"], made.judge["measured"]) == (2, "warn")
    assert [call.kind for call in gemini.calls] == ["judge", "judge"]
    again = judging_of(shop).ask_about(DUE, CheckResult(WARNED, None, ((A,), (A,))))
    assert again.verdict == "warn" and len(gemini.calls) == 2  # never more than once a picture
    with shop.services.database.read() as session:
        rows = session.scalars(select(Call)).all()
    assert {(row.kind, row.model, row.outcome) for row in rows} == {
        ("judge", "gemini-3.5-flash-lite", "ok")
    }
    assert all(row.cost and Decimal(0) < row.cost < Decimal("0.004") for row in rows)


def test_what_is_noted_of_a_pass_stays_when_a_vote_clears_the_rest() -> None:
    codes = ("colour", "light", "unjudged", "beside")
    reasons = [Reason(code=code, words=code) for code in codes]
    warned = WARNED.model_copy(update={"reasons": reasons})
    cleared = add_opinion(CheckResult(warned), Opinion(vote="same"))
    assert (cleared.verdict, [each.code for each in cleared.reasons]) == ("pass", list(codes[1:]))
    kept = add_opinion(CheckResult(warned), Opinion(vote="unsure"))
    assert (kept.verdict, kept.reasons) == ("warn", reasons)


def test_a_certain_change_is_not_cleared_by_a_model(shop: Shop, gemini: FakeGemini) -> None:
    """Nor is the model paid for a second vote, which could change nothing."""
    certain = CheckResult(WARNED, None, ((A,), (A,)), is_certain=True)
    made = judging_of(shop).ask_about(DUE, certain)
    assert made.verdict == "warn" and len(gemini.calls) == 1
    assert made.judge is not None and made.judge["vote"] == "same"
    assert made.judge["why"] == "the measured change is too certain for a vote to clear it"
    changed = CheckResult(WARNED, None, ((A,), (B,)), is_certain=True)
    assert judging_of(shop).ask_about(replace(DUE, variant=2), changed).verdict == "fail"


def test_the_fake_does_not_call_its_stamped_pictures_the_same(
    shop: Shop, gemini: FakeGemini
) -> None:
    photo = decode(A)
    assert photo is not None
    stamped = paint(photo, SCENES[0], None, 256)
    made = judging_of(shop).ask_about(DUE, CheckResult(WARNED, None, ((A,), (stamped,))))
    assert made.judge is not None and made.judge["vote"] == "unsure" and made.verdict == "warn"


def test_another_colour_is_asked_about_once_and_fails(shop: Shop, gemini: FakeGemini) -> None:
    made = judging_of(shop).ask_about(DUE, CheckResult(WARNED, None, ((A,), (B,))))
    assert made.verdict == "fail"
    assert made.reasons[-1].words.startswith("a model sees a difference (colour, the middle):")
    assert len(gemini.calls) == 1


def test_the_worst_place_is_shown_enlarged_in_the_same_call(shop: Shop, gemini: FakeGemini) -> None:
    """Product of A, of B, place of A, of B; in the call with both swapped, all four swapped."""
    gemini.requests.clear()
    views = (A, photo_bytes(3)), (A, photo_bytes(4))
    judging_of(shop).ask_about(DUE, CheckResult(WARNED, None, views))
    first, second = (pictures_in(body) for body in gemini.requests)
    assert first == [A, A, photo_bytes(3), photo_bytes(4)]
    assert second == [A, A, photo_bytes(4), photo_bytes(3)]
    words = [part["text"] for part in gemini.requests[0]["contents"][0]["parts"] if "text" in part]
    assert "The third and the fourth show one place of A and the same place of B" in words[0]
    assert not re.search(r"\b(original|photo|raw|enhanced|edited|new)\b", words[0].lower())

    judging_of(shop).ask_about(replace(DUE, variant=2), CheckResult(WARNED, None, ((A,), (B,))))
    assert len(pictures_in(gemini.requests[-1])) == 2  # nothing to enlarge: another view


def pictures_in(body: dict[str, Any]) -> list[bytes]:
    parts = body["contents"][0]["parts"]
    return [
        base64.urlsafe_b64decode(part["inlineData"]["data"])
        for part in parts
        if "inlineData" in part
    ]


class Expecting(MemoryLedger):
    """Remembers what each call was expected to cost."""

    def __init__(self) -> None:
        super().__init__()
        self.expected: list[Decimal | None] = []

    @contextmanager
    def call(self, purchase: Purchase) -> Iterator[CallRecord]:
        self.expected.append(purchase.expected)
        with super().call(purchase) as record:
            yield record


def test_four_pictures_are_expected_to_cost_more_than_two(gemini: FakeGemini) -> None:
    """The budget is checked against it before the call: 1,100 tokens a picture."""
    ledger = Expecting()
    settings = Settings(gemini_api_key="test", google_gemini_base_url=gemini.url)
    enhancer = GeminiEnhancer(settings, ledger, here)
    for views in ((A,), (A, B)):
        enhancer.compare(views, views, Brief(1, 1, "Mugs", 1), 0)
    enhancer.close()
    two, four = ledger.expected
    price = price_of(settings.fidelity_judge_model, date.today())
    assert two is not None and four is not None and price is not None
    assert four - two == 2 * 1100 * price.input / 1_000_000


def test_sure_checks_and_those_without_pictures_get_no_second_opinion(
    shop: Shop, gemini: FakeGemini
) -> None:
    for verdict in ("pass", "fail"):
        sure = Check(verdict=verdict, score=0.9)
        assert judging_of(shop).ask_about(DUE, CheckResult(sure, None, ((A,), (B,)))) == sure
    assert judging_of(shop).ask_about(DUE, CheckResult(WARNED)) == WARNED
    assert gemini.calls == []


def test_an_outage_leaves_the_measures_verdict_and_says_so(shop: Shop, gemini: FakeGemini) -> None:
    gemini.misbehave("overloaded", times=1, kind="judge")
    made = judging_of(shop).ask_about(DUE, CheckResult(WARNED, None, ((A,), (B,))))
    assert made.verdict == "warn"
    assert made.judge is not None and made.judge["vote"] is None and made.judge["why"]


def test_other_json_is_refused(gemini: FakeGemini) -> None:
    settings = Settings(gemini_api_key="test", google_gemini_base_url=gemini.url)
    gemini.behave()
    gemini.misbehave("analysis_prose", times=1, kind="judge")
    ledger = MemoryLedger()
    enhancer = GeminiEnhancer(settings, ledger, here)
    with pytest.raises(EnhancerError):
        enhancer.compare((A,), (B,), Brief(1, 1, "Mugs", 1), 0)
    assert [row.kind for row in ledger.rows] == ["judge"]
    enhancer.close()
