"""A picture whose check failed is made again: paid once, in the budget; the better one is kept."""

from __future__ import annotations

import colorsys
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from servers.ports import wait_until
from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session
from support.fakes import photo_bytes
from support.shop import Shop, row

from packshot.database.models import Call, Product, ProductImage, Take
from packshot.database.types import now
from packshot.enhancers.contract import Enhancer, Picture
from packshot.errors import FetchError
from packshot.fidelity import facts
from packshot.fidelity.jobs import FidelityFiles, measure_raw
from packshot.fidelity.verdicts import Check, CheckResult, FidelityVerdict, Reason
from packshot.pictures.imaging import to_array
from packshot.products import takes
from packshot.products.object_keys import MAX_TAKES, answer_key, variant_key, with_previews
from packshot.products.retention import Retention
from packshot.products.review.decisions import NewDecision, decide_image
from packshot.products.takes import Remakes
from packshot.settings import Settings
from packshot.storage import Storage
from packshot.testing.fake_gemini import FakeGemini
from packshot.testing.fake_gemini.faults import recolour
from packshot.work import pipeline
from packshot.work.batches.runner import Batching
from packshot.work.checking.checker import checking_pixels
from packshot.work.checking.remaking import Remaker
from packshot.work.claiming.claim import Claim
from packshot.work.making.pixel_lock import PixelLock

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
PHOTO = photo_bytes(3, side=300)
FACT = facts.describe_colour("#C03020", "in the middle")


def hue_of(data: bytes) -> float:
    """Degrees, of the mean colour of the middle."""
    pixels = to_array(data)
    height, width = pixels.shape[:2]
    middle = pixels[height // 3 : -height // 3, width // 3 : -width // 3, :3]
    return 360 * colorsys.rgb_to_hsv(*np.asarray(middle, float).mean(axis=(0, 1)) / 255)[0]


class HuePixels:
    """Stands in for the pixel process of checks: a product of another hue was changed."""

    def __init__(self) -> None:
        self.checked = 0

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        if function is measure_raw:
            return args[0]
        self.checked += 1
        turned = abs((hue_of(args[0]) - hue_of(args[1]) + 180) % 360 - 180)
        verdict: FidelityVerdict = "pass" if turned < 25 else "warn" if turned < 45 else "fail"
        reason = Reason(code="colour", words="the product's colour shifted", fact=FACT)
        reasons = [] if verdict == "pass" else [reason]
        score = round(1 - turned / 180, 3) * (1.0 if verdict == "pass" else 0.5)
        return CheckResult(Check(verdict=verdict, score=score, reasons=reasons), b"RIFF the map")

    def is_running(self) -> bool:
        return False

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def gemini() -> Iterator[FakeGemini]:
    with FakeGemini(side=256) as fake:
        yield fake


class Studio:
    """A shop with Gemini, one picture a product, and its checks made by hand."""

    def __init__(self, url: str, folder: Path, gemini: FakeGemini, **settings: Any) -> None:
        given: dict[str, Any] = {
            "gemini_api_key": "test",
            "google_gemini_base_url": gemini.url,
            "fidelity": "on",
            "fidelity_judge": "off",
            "enhanced_images_count": 1,
        }
        self.gemini, self.shop = gemini, Shop(url, folder / "media", **given | settings)
        self.services = self.shop.services
        network = folder / "u2netp.onnx"
        with network.open("wb") as file:
            file.truncate(4_574_861)
        checker, remaker = self.services.checker, self.services.remaker
        assert checker is not None and remaker is not None
        checker.pixels, checker.files = HuePixels(), FidelityFiles(network)  # type: ignore[assignment]
        checker.machine_limit = None
        self.checker, self.remaker = checker, remaker
        self.services.storage.put("uploads/photo", PHOTO, "image/jpeg")
        self.product_id = 0

    def start_over(self) -> None:
        """Without products, faults and calls, and with the default settings."""
        self.gemini.behave()
        for product in self.shop.ask("GET", "/api/products").get_json()["data"]["products"]:
            assert self.shop.ask("DELETE", f"/api/products/{product['id']}").status_code == 200
        with self.services.database.write() as session:
            session.execute(delete(Call))
        self.gemini.calls.clear()
        self.allow(1)
        self.set_budget(None)

    def close(self) -> None:
        cast(Any, self.services.enhancer).close()
        self.shop.close()

    def allow(self, retries: int) -> None:
        """As FIDELITY_RETRIES would."""
        self.remaker.most, self.checker.checks.remakes = retries, Remakes("gemini", retries)
        self.services.batching.jobs.most = retries

    def set_budget(self, dollars: Decimal | None) -> None:
        """As GEMINI_DAILY_BUDGET would."""
        self.services.batching.jobs.ledger.daily_budget = dollars

    def made(self, *faults: Any, lane: str = "standard") -> int:
        """A product whose first pictures are these faults' of Gemini, measured."""
        for fault in faults:
            self.gemini.misbehave(fault, times=1, kind="picture")
        body = {"products": [row(raw_image="/media/uploads/photo")], "lane": lane}
        answer = self.shop.ask("POST", "/api/products/bulk", json=body)
        self.product_id = answer.get_json()["data"]["products"][0]["id"]
        claim = self.services.parts.claims.claim_next()
        assert isinstance(claim, Claim)
        parts = replace(self.services.parts, batches=False)  # jobs have tests of their own
        pipeline.run(claim, parts)
        self.checker.run()
        return self.product_id

    def remake(self) -> None:
        """Make what is due, in this thread, and measure it."""
        while (due := self.remaker.takes.claim_next()) is not None:
            self.remaker.make(due)
        self.checker.run()

    def run_jobs(self) -> None:
        """Make a job of what waits, and take it to its end."""
        jobs, parts = self.services.batching.jobs, self.services.parts
        lane = self.services.batching.lane
        batching = Batching(jobs, lane, parts, list, gather_seconds=0.0, first_look=0.0)
        for _ in range(8):
            batching.run()

    @property
    def product(self) -> dict[str, Any]:
        answer = self.shop.ask("GET", f"/api/products/{self.product_id}").get_json()
        found: dict[str, Any] = answer["data"]["product"]
        return found

    @property
    def picture(self) -> dict[str, Any]:
        [picture] = self.product["images"]
        return dict(picture)

    @property
    def words(self) -> str:
        return str(self.picture["remake"]["words"])

    def asked(self) -> list[str]:
        return [call.call for call in self.gemini.paid() if call.kind == "picture"]

    def calls(self, kind: str) -> list[Call]:
        with self.services.database.read() as session:
            return list(session.scalars(select(Call).where(Call.kind == kind)))

    def objects(self) -> set[str]:
        return set(self.services.storage.list(""))


@pytest.fixture
def studio(database_url: str, tmp_path: Path, gemini: FakeGemini) -> Iterator[Studio]:
    made = Studio(database_url, tmp_path, gemini)
    made.start_over()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, gemini: FakeGemini
) -> Iterator[Studio]:
    """One shop for all tests: each starts a pixel process, which takes a second."""
    folder = tmp_path_factory.mktemp("studio")
    made = Studio(f"sqlite:///{shutil.copy(sqlite_template, folder)}", folder, gemini)
    yield made
    made.close()


@pytest.fixture
def plain(shared: Studio) -> Iterator[Studio]:
    shared.start_over()
    yield shared
    shared.start_over()


# -- the better one is kept ------------------------------------------------------------------------


def test_a_faithful_second_picture_becomes_current_and_both_are_recorded(studio: Studio) -> None:
    product_id = studio.made("changed_product")
    first = studio.picture
    assert first["fidelity"]["verdict"] == "fail"
    assert (first["remake"]["going_on"], first["remake"]["words"]) == (True, "being made again")
    studio.remake()
    second = studio.picture
    assert (second["id"], second["status"]) == (first["id"], "pending")
    assert second["fidelity"]["verdict"] == "pass"
    assert "colour" in first["doubt"] and "colour" not in second["doubt"]
    assert second["image_url"] != first["image_url"] and second["sha256"] != first["sha256"]
    remake = second["remake"]
    assert (remake["going_on"], remake["words"].split(":")[0]) == (False, "made again")
    one, two = remake["takes"]
    assert [(one["stands"], two["stands"]), two["outcome"]] == [(False, True), "better"]
    for name in ("sha256", "prompt", "model", "media_url", "fidelity"):
        assert one[name] == first[name] and one[name]
    for take in (one, two):  # both can be looked at, with their previews
        assert studio.shop.ask("GET", take["media_url"]).data[:2] == b"\xff\xd8"
        assert all(
            studio.shop.ask("GET", url).status_code == 200 for url in take["previews"].values()
        )
    assert studio.asked() == [f"{product_id}/1/0", f"{product_id}/1/0/take2"]


def test_the_second_prompt_says_what_is_so_in_the_photo_and_its_cost_is_shown(
    plain: Studio,
) -> None:
    studio = plain
    studio.made("changed_product")
    before = studio.product["spent"]
    studio.remake()
    one, two = studio.picture["remake"]["takes"]
    assert FACT in two["prompt"] and FACT not in one["prompt"] and two["facts"] == [FACT]
    assert one["prompt"] == two["prompt"].split("\n\nMeasured on the photo")[0]
    [call] = studio.calls("remake")
    assert (call.outcome, call.lane) == ("ok", "standard") and call.cost
    assert Decimal(str(two["cost"])) == call.cost and one["cost"] > 0
    sums = [(studio.product["spent"], before), (studio.picture["cost"], one["cost"])]
    for total, first in sums:  # each is rounded to a millionth of a dollar
        assert abs(Decimal(str(total)) - Decimal(str(first)) - call.cost) <= Decimal("0.000001")
    metrics = studio.shop.ask("GET", "/metrics").text
    assert 'packshot_remakes{outcome="better"} 1.0' in metrics


def test_a_take_is_locked_too_and_has_its_own_record(
    plain: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the cut-out network is missing, which the record says."""
    locking = PixelLock(True, Path("/nowhere/u2netp.onnx"))
    plain.made("changed_product")
    assert not plain.picture["pixel_lock"]
    monkeypatch.setattr(plain.remaker, "parts", replace(plain.remaker.parts, locking=locking))
    plain.remake()
    assert plain.picture["remake"]["takes"][1]["outcome"] == "better"
    assert plain.picture["pixel_lock"]["code"] == "no_network"


@pytest.mark.parametrize("second", [150, 120])
def test_a_second_picture_that_is_no_better_leaves_the_first(plain: Studio, second: int) -> None:
    plain.made(recolour(100), recolour(second) if second != 120 else recolour(100))
    first = plain.picture
    plain.remake()
    picture = plain.picture
    assert {name: picture[name] for name in ("sha256", "media_url", "prompt", "fidelity")} == {
        name: first[name] for name in ("sha256", "media_url", "prompt", "fidelity")
    }
    one, two = picture["remake"]["takes"]
    assert (one["stands"], two["stands"], two["outcome"]) == (True, False, "not_better")
    assert two["fidelity"]["verdict"] == "fail" and "no better" in plain.words
    plain.remake()
    assert len(plain.asked()) == 2  # once is once


def test_it_is_made_again_as_often_as_the_setting_says(
    plain: Studio,
) -> None:
    plain.allow(2)
    plain.made(recolour(90), recolour(150), recolour(70))
    plain.remake()
    plain.remake()
    takes = plain.picture["remake"]["takes"]
    assert [take["outcome"] for take in takes] == [None, "not_better", "better"]
    assert [take["stands"] for take in takes] == [False, False, True]
    assert len(plain.asked()) == 3 and len({take["sha256"] for take in takes}) == 3


@pytest.mark.extra
def test_the_real_check_fails_the_first_and_passes_the_second(
    sqlite_url: str, tmp_path: Path, gemini: FakeGemini, network: Path
) -> None:
    """With the network and, where it is installed, the reader of print: a bottle."""
    studio = Studio(sqlite_url, tmp_path, gemini)
    studio.start_over()
    photo = (SAMPLES / "photos/bottle-paper.jpg").read_bytes()
    studio.services.storage.put("uploads/photo", photo, "image/jpeg")
    studio.checker.pixels, studio.checker.files = checking_pixels(), FidelityFiles(network)
    studio.made("changed_product", "hardly_changed")
    first = studio.picture
    assert (first["fidelity"]["verdict"], first["remake"]["going_on"]) == ("fail", True)
    studio.remake()
    one, two = studio.picture["remake"]["takes"]
    print(one["fidelity"]["reasons"], two["facts"], two["fidelity"])
    assert (one["stands"], two["stands"], two["outcome"]) == (False, True, "better")
    assert two["fidelity"]["verdict"] == "pass"
    assert two["facts"] and all(fact in two["prompt"].replace("\\", "") for fact in two["facts"])
    studio.close()


# -- when it is not made again ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings", [{"fidelity_retries": 0}, {"enhancer": "local"}, {"gemini_api_key": "fake"}]
)
def test_nothing_is_made_again_where_it_is_off_or_free(settings: dict[str, Any]) -> None:
    given = {"gemini_api_key": "test"} | settings
    assert Settings(**given, fidelity="on").remakes == 0
    assert Settings(gemini_api_key="test", fidelity="on").remakes == 1
    assert Settings(gemini_api_key="test", fidelity="off").remakes == 0


def test_with_no_retries_a_failed_picture_is_not_made_again(
    plain: Studio,
) -> None:
    plain.allow(0)
    plain.made("changed_product")
    plain.remake()
    assert plain.picture["remake"] is None and len(plain.asked()) == 1


def test_what_waits_for_a_job_is_not_paid_for_once_it_is_switched_off(plain: Studio) -> None:
    plain.made("changed_product", lane="batch")
    plain.allow(0)
    plain.run_jobs()
    assert not any(call.cost for call in plain.calls("remake"))
    plain.remake()
    assert plain.words.startswith("not made again: FIDELITY") and len(plain.asked()) == 1


def test_with_checks_off_no_picture_waits_for_ever(plain: Studio) -> None:
    plain.made()
    before = plain.product["version"]
    with plain.services.database.write() as session:
        session.execute(update(ProductImage).values(check_due=now(), fidelity=None, verdict=None))
    assert plain.picture["fidelity"]["reasons"][0]["code"] == "not_measured_yet"
    parts = replace(plain.services.parts, with_checks=False)
    Remaker(plain.remaker.takes, parts, 0).run()
    assert plain.picture["fidelity"] is None and plain.product["version"] == before + 1
    assert plain.services.catalog.stats().being_checked == 0


def test_with_checks_off_no_take_waits_for_ever(plain: Studio) -> None:
    plain.made("changed_product")
    while (due := plain.remaker.takes.claim_next()) is not None:
        plain.remaker.make(due)
    parts = replace(plain.services.parts, with_checks=False)
    without = Remaker(plain.remaker.takes, parts, 0)
    without.run()
    remake = plain.picture["remake"]
    assert not remake["going_on"] and "FIDELITY=off" in remake["words"]
    assert remake["takes"][1]["outcome"] == "unchecked" and choose(plain, 2) == 200
    plain.made("changed_product")
    without.run()
    wait_until(lambda: not without.is_busy)
    assert plain.words.startswith("not made again: FIDELITY")


def test_a_faithful_or_doubtful_picture_is_not_made_again(plain: Studio) -> None:
    plain.made()
    assert (plain.picture["fidelity"]["verdict"], plain.picture["remake"]) == ("pass", None)
    plain.made(recolour(34))
    assert (plain.picture["fidelity"]["verdict"], plain.picture["remake"]) == ("warn", None)


def test_a_spent_budget_makes_nothing_again_and_says_so(
    plain: Studio,
) -> None:
    plain.set_budget(Decimal("0.045"))
    plain.made("changed_product")
    plain.remake()
    assert plain.words == "not made again: the day's budget is spent"
    remake = plain.picture["remake"]
    assert (remake["going_on"], remake["takes"][1]["outcome"]) == (False, "budget")
    assert len(plain.asked()) == 1 and plain.picture["fidelity"]["verdict"] == "fail"


def test_a_refusal_leaves_the_picture_and_says_what_gemini_said(plain: Studio) -> None:
    plain.made("changed_product", "finish_IMAGE_SAFETY")
    first = plain.picture
    plain.remake()
    assert plain.picture["sha256"] == first["sha256"] and plain.words.startswith(
        "not made again: G"
    )
    assert plain.picture["remake"]["takes"][1]["outcome"] == "refused_safety"
    plain.remake()
    assert len(plain.asked()) == 2


def test_an_overloaded_gemini_is_asked_again_but_not_after_a_paid_call_broke(
    plain: Studio,
) -> None:
    plain.made("changed_product", "overloaded")
    plain.remake()
    assert plain.words == "being made again"
    due_now(plain)
    plain.remake()
    assert plain.picture["fidelity"]["verdict"] == "pass" and len(plain.asked()) == 2
    plain.made("changed_product", "cut_json")
    plain.remake()
    due_now(plain)
    plain.remake()
    assert plain.words.startswith("not made again: ") and len(plain.asked()) == 4


class Unreadable:
    """A store that can't say whether a picture exists, though it answers for other keys."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def __getattr__(self, name: str) -> object:
        return getattr(self.storage, name)

    def exists(self, key: str) -> bool:
        raise FetchError("the bucket answered 503", code="unreadable_object", retryable=True)


def test_an_object_that_cannot_be_read_only_delays_it(plain: Studio) -> None:
    plain.made("changed_product")
    parts = plain.remaker.parts
    plain.remaker.parts = replace(parts, storage=Unreadable(parts.storage))  # type: ignore[arg-type]
    plain.remake()
    plain.remaker.parts = parts
    assert plain.words == "being made again"
    due_now(plain)
    plain.remake()
    assert plain.picture["fidelity"]["verdict"] == "pass" and len(plain.asked()) == 2


def due_now(plain: Studio) -> None:
    """The pause, or the lease of a process that was killed, is over."""
    with plain.services.database.write() as session:
        session.execute(update(Take).where(Take.due_at.is_not(None)).values(due_at=now(-1)))


def test_a_flex_round_is_made_again_in_its_lane(plain: Studio) -> None:
    plain.gemini.flex_models = [*plain.gemini.flex_models, plain.services.enhancer.image_model]  # type: ignore[attr-defined]
    plain.made("changed_product", lane="flex")
    plain.remake()
    assert [call.lane for call in plain.calls("remake")] == ["flex"]


# -- the batch lane --------------------------------------------------------------------------------


def test_a_picture_of_the_batch_lane_is_made_again_in_a_job(plain: Studio) -> None:
    product_id = plain.made("changed_product", lane="batch")
    plain.remake()  # nothing is due: it waits for its job
    assert plain.words == "being made again" and len(plain.asked()) == 1
    plain.run_jobs()
    plain.remake()
    assert plain.picture["fidelity"]["verdict"] == "pass"
    [call] = plain.calls("remake")
    assert (call.lane, call.outcome) == ("batch", "ok")
    two = plain.picture["remake"]["takes"][1]
    assert FACT in two["prompt"] and Decimal(str(two["cost"])) == call.cost
    assert plain.asked() == [f"{product_id}/1/0", f"{product_id}/1/0/take2"]
    assert [paid.lane for paid in plain.gemini.paid(f"{product_id}/1/0/take2")] == ["batch"]
    assert not [key for key in plain.objects() if key.startswith("answers/")]
    plain.run_jobs()
    assert len(plain.calls("remake")) == 1


def test_a_job_without_its_answer_leaves_the_picture(plain: Studio) -> None:
    plain.made("changed_product", "error_500", lane="batch")
    plain.run_jobs()
    plain.remake()
    assert plain.words == "not made again: its batch job brought no picture"
    assert len(plain.asked()) == 1 and plain.product["status"] == "pending_review"


def test_a_spent_budget_ends_what_waits_for_a_job(plain: Studio) -> None:
    plain.made("changed_product", lane="batch")
    plain.set_budget(Decimal("0.001"))
    plain.run_jobs()
    assert plain.words == "not made again: the day's budget is spent"
    assert not plain.picture["remake"]["going_on"] and plain.calls("remake") == []


def test_what_was_decided_before_its_job_began_is_not_paid_for(plain: Studio) -> None:
    plain.made("changed_product", lane="batch")
    decide(plain, "approved")
    plain.run_jobs()
    plain.remake()
    assert plain.words == "not made again: a reviewer decided first" and len(plain.asked()) == 1


def test_a_product_in_the_making_does_not_wait_for_what_is_made_again(plain: Studio) -> None:
    product_id = plain.made("changed_product", lane="batch")
    with plain.services.database.write() as session:
        waiting = {"status": "pending", "batched_at": now(), "queued_at": None}
        session.execute(update(Product).where(Product.id == product_id).values(waiting))
    assert plain.services.batching.jobs.queue_forgotten(None) == [product_id]


# -- reviewers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["approved", "rejected"])
def test_what_a_reviewer_decided_first_is_not_made_again(plain: Studio, status: str) -> None:
    plain.made("changed_product")
    decide(plain, status)
    plain.remake()
    assert plain.words == "not made again: a reviewer decided first" and len(plain.asked()) == 1


def test_a_reviewer_can_make_the_other_take_current(plain: Studio) -> None:
    plain.made("changed_product")
    assert choose(plain, 1) == 409  # it is being made again
    plain.remake()
    one, two = plain.picture["remake"]["takes"]
    assert choose(plain, 1) == 200
    assert plain.picture["sha256"] == one["sha256"] and "colour" in plain.picture["doubt"]
    assert [take["stands"] for take in plain.picture["remake"]["takes"]] == [True, False]
    [entry] = plain.services.catalog.corrections(plain.product_id)
    assert list(entry.changes.values()) == [[2, 1]]
    assert (choose(plain, 3), choose(plain, 5), choose(plain, 2)) == (404, 422, 200)
    assert plain.picture["sha256"] == two["sha256"]
    decide(plain, "approved")
    assert choose(plain, 1) == 409 and plain.picture["sha256"] == two["sha256"]


def choose(plain: Studio, take: int) -> int:
    path = f"/api/product-images/{plain.picture['id']}"
    return plain.shop.ask("PATCH", path, json={"take": take}).status_code


def test_what_a_reviewer_decided_meanwhile_is_not_replaced(plain: Studio) -> None:
    plain.made("changed_product")
    first = plain.picture
    due = plain.remaker.takes.claim_next()
    assert due is not None
    plain.remaker.make(due)
    decide(plain, "approved")
    plain.checker.run()
    picture = plain.picture
    assert (picture["status"], picture["sha256"]) == ("approved", first["sha256"])
    two = picture["remake"]["takes"][1]
    assert (two["outcome"], two["fidelity"]["verdict"]) == ("decided", "pass")


def test_a_picture_of_a_cancelled_product_is_not_made_again(plain: Studio) -> None:
    plain.made("changed_product")
    with plain.services.database.write() as session:
        session.execute(update(Product).values(status="failed", error_code="cancelled"))
    plain.remake()
    assert plain.words == "not made again: its product was cancelled, or failed, first"
    assert len(plain.asked()) == 1


def test_a_redo_closes_the_round_of_a_take(plain: Studio) -> None:
    plain.made("changed_product")
    path = f"/api/products/{plain.product_id}/enhance"
    assert plain.shop.ask("POST", path, json={}).status_code == 200
    plain.remake()
    with plain.services.database.read() as session:
        take = session.scalars(select(Take).where(Take.number == 2)).one()
    assert (take.state, take.outcome) == ("not_made", "decided")


class WithNewPhoto:
    """An enhancer during whose call the product's photo is replaced."""

    def __init__(self, plain: Studio) -> None:
        self._plain, self._enhancer = plain, plain.services.enhancer

    def __getattr__(self, name: str) -> object:
        return getattr(self._enhancer, name)

    def generate(self, *args: Any) -> Picture:
        picture = self._enhancer.generate(*args)
        self._plain.services.storage.put("uploads/new", photo_bytes(side=300), "image/jpeg")
        path, body = f"/api/products/{self._plain.product_id}/photo", "/media/uploads/new"
        assert self._plain.shop.ask("PUT", path, json={"raw_image": body}).status_code == 200
        return picture


def test_a_take_is_not_compared_with_a_photo_that_came_while_it_was_made(plain: Studio) -> None:
    plain.made("changed_product")
    parts = plain.remaker.parts
    plain.remaker.parts = replace(parts, enhancer=cast(Enhancer, WithNewPhoto(plain)))
    due = plain.remaker.takes.claim_next()
    assert due is not None
    plain.remaker.make(due)
    plain.remaker.parts = parts
    claim = plain.services.parts.claims.claim_next()
    assert isinstance(claim, Claim)
    pipeline.run(claim, plain.services.parts)
    plain.checker.run()
    with plain.services.database.read() as session:
        take = session.scalars(select(Take).where(Take.number == 2)).one()
    assert (take.state, take.outcome, take.verdict) == ("measured", "unchecked", None)


def decide(plain: Studio, status: str) -> None:
    path = f"/api/product-images/{plain.picture['id']}"
    assert plain.shop.ask("PATCH", path, json={"status": status}).status_code == 200


@pytest.fixture
def two(postgres_url: str, tmp_path: Path, gemini: FakeGemini) -> Iterator[Studio]:
    """On PostgreSQL, where transactions wait for each other's rows; a product of two pictures."""
    made = Studio(postgres_url, tmp_path, gemini, enhanced_images_count=2)
    made.start_over()
    made.made("changed_product")
    made.remake()
    yield made
    made.close()


def remade(two: Studio) -> dict[str, Any]:
    return next(dict(each) for each in two.product["images"] if each["remake"])


@contextmanager
def waiting_for_us(two: Studio, other: Callable[[], object]) -> Iterator[tuple[Session, Product]]:
    """A transaction that has the product's row, and `other`, which waits for a row of it."""
    thread = threading.Thread(target=other)
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")

    def is_held() -> bool:
        with two.services.database.read() as session:
            return bool(session.scalar(waiting)) or not thread.is_alive()

    with two.services.database.write() as session:
        product = session.get_one(Product, two.product_id, with_for_update=True)
        yield session, product
        session.flush()
        thread.start()
        wait_until(is_held)
    thread.join()


@pytest.mark.extra
def test_no_take_is_chosen_for_a_picture_that_is_being_approved(two: Studio) -> None:
    before, codes = remade(two), []
    path = f"/api/product-images/{before['id']}"

    def choose_the_first() -> None:
        codes.append(two.shop.ask("PATCH", path, json={"take": 1}).status_code)

    with waiting_for_us(two, choose_the_first) as (session, _):
        approved = NewDecision("approved", "ben")
        decide_image(session, before["id"], approved, None, two.services.catalog.outbox)
    assert (codes, remade(two)["sha256"]) == ([409], before["sha256"])


@pytest.mark.extra
def test_no_take_is_removed_that_is_being_chosen(two: Studio) -> None:
    database = two.services.database
    picture, retention = remade(two), Retention(database, two.services.storage, rejected_days=7)
    with database.write() as session:
        decided = {"status": "approved", "updated_at": now(-8 * 86_400)}
        session.execute(update(ProductImage).values(decided))
    with waiting_for_us(two, retention.prune) as (session, product):
        image = session.get_one(ProductImage, picture["id"])
        image.status = "pending"
        session.flush()
        takes.choose("ben", 1, session, product, image)
    chosen = remade(two)
    assert chosen["sha256"] == picture["remake"]["takes"][0]["sha256"]
    assert two.shop.ask("GET", chosen["media_url"]).status_code == 200


# -- kill -9, step by step (tests/faults kills real processes) -------------------------------------


class Killed(BaseException):
    """Ends the thread as a kill would: nothing after it is done."""


@pytest.mark.parametrize("step", ["finish", "put_new", "record", "save"])
def test_after_a_kill_the_paid_answer_is_used(
    plain: Studio, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the answer was kept, after the picture was stored, before it stands."""
    plain.made("changed_product")
    owner: Any = {
        "finish": plain.services.parts.pixels,
        "put_new": plain.services.storage,
        "record": plain.remaker.takes,
        "save": plain.checker.checks,
    }[step]
    name = "run" if step == "finish" else step
    original = getattr(owner, name)

    def deadly(*args: Any, **named: Any) -> Any:
        if step == "finish" and args[0].__name__ != "finish":
            return original(*args, **named)
        if step == "put_new":
            original(*args, **named)
        raise Killed

    monkeypatch.setattr(owner, name, deadly)
    with pytest.raises(Killed):
        plain.remake()
    monkeypatch.setattr(owner, name, original)
    due_now(plain)
    with plain.services.database.write() as session:
        waiting = update(Take).where(Take.check_due.is_not(None))
        session.execute(waiting.values(check_due=now(-1)))
    plain.remake()
    assert plain.picture["fidelity"]["verdict"] == "pass"
    assert len(plain.asked()) == 2 and len(plain.calls("remake")) == 1
    assert not [key for key in plain.objects() if key.startswith("answers/")]


def test_a_picture_made_again_is_counted_while_it_waits_for_its_check(plain: Studio) -> None:
    plain.made("changed_product")
    due = plain.remaker.takes.claim_next()
    assert due is not None
    plain.remaker.make(due)
    stats = plain.shop.ask("GET", "/api/stats").get_json()["data"]
    assert stats["being_checked"] == 1
    plain.checker.run()


def test_a_call_that_was_in_flight_at_a_kill_is_not_paid_for_again(plain: Studio) -> None:
    plain.made("changed_product")
    due = plain.remaker.takes.claim_next()
    assert due is not None
    with plain.services.database.write() as session:  # sent, and the process ended
        session.add(
            Call(
                product_id=plain.product_id,
                round=1,
                variant=0,
                kind="remake",
                model="m",
                sent_at=now(),
                cost=Decimal("0.039"),
            )
        )
    due_now(plain)
    plain.remake()
    assert plain.words.startswith("not made again: its answer was lost")
    assert len(plain.asked()) == 1 and plain.picture["remake"]["takes"][1]["cost"] == 0.039


def test_two_processes_never_make_the_same_take(plain: Studio) -> None:
    plain.made("changed_product")
    takes = plain.remaker.takes
    mine = takes.claim_next()
    assert mine is not None and takes.claim_next() is None
    takes.renew([mine])
    due_now(plain)  # it froze, and another one takes over
    theirs = takes.claim_next()
    assert theirs is not None
    plain.remaker.make(mine)
    assert plain.asked() == [f"{plain.product_id}/1/0"]
    plain.remaker.make(theirs)
    plain.checker.run()
    assert plain.picture["fidelity"]["verdict"] == "pass"


def test_a_worker_makes_it_beside_its_products(plain: Studio) -> None:
    plain.made("changed_product")
    plain.remaker.run()
    assert plain.remaker.is_busy  # so a worker that ends waits for it
    plain.remaker.renew()
    wait_until(lambda: not plain.remaker.is_busy)
    plain.checker.run()
    assert plain.picture["fidelity"]["verdict"] == "pass"


# -- its objects -----------------------------------------------------------------------------------


def test_deleting_the_product_removes_every_take(plain: Studio) -> None:
    plain.made("changed_product")
    plain.remake()
    assert len([key for key in plain.objects() if key.startswith("enhanced/")]) == 2
    assert plain.shop.ask("DELETE", f"/api/products/{plain.product_id}").status_code == 200
    left = {key for key in plain.objects() if f"/{plain.product_id}/" in key}
    assert left == set()
    with plain.services.database.read() as session:
        assert session.scalars(select(Take)).all() == []


def test_a_take_that_is_not_current_is_removed_like_a_rejected_picture(
    plain: Studio,
) -> None:
    retention = Retention(plain.services.database, plain.services.storage, rejected_days=7)
    plain.made("changed_product")
    plain.remake()
    decide(plain, "approved")
    assert retention.plan().rejected == 0
    with plain.services.database.write() as session:
        session.execute(update(ProductImage).values(updated_at=now(-8 * 86_400)))
    assert retention.plan().rejected == retention.prune().rejected == 1
    one, two = plain.picture["remake"]["takes"]
    assert one["media_url"] is None and one["removed_at"] and two["media_url"]
    kept = {key for key in plain.objects() if key.startswith(("enhanced/", "previews/enhanced"))}
    assert kept <= set(with_previews(two["media_url"].removeprefix("/media/")))
    decide(plain, "rejected")
    with plain.services.database.write() as session:
        session.execute(update(ProductImage).values(updated_at=now(-8 * 86_400)))
    assert retention.prune().rejected == 1
    assert not [key for key in plain.objects() if key.startswith("enhanced/")]


def test_every_take_that_a_setting_allows_has_its_own_keys() -> None:
    most = Settings.model_fields["fidelity_retries"].metadata[1].le
    assert most + 1 == MAX_TAKES
    place = ("0b9f8a52-7c1e-4f0e-9d55-3d2a1c6b7e80", 1, 1, 0)
    keys = [make(*place, take) for make in (variant_key, answer_key) for take in range(1, 5)]
    assert len(set(keys)) == 8


def test_facts_are_of_the_photo_and_never_none() -> None:
    reasons = [
        Reason(code="text", words="differs", fact=facts.describe_text("LAGOON")),
        Reason(code="mirrored", words="the product is mirrored"),
        Reason(code="text", words="again", fact=facts.describe_text("LAGOON")),
    ]
    assert facts.facts_of(reasons) == ['the label reads exactly "LAGOON"', facts.FACTS["mirrored"]]
    assert facts.facts_of([Reason(code="unheard", words="of")]) == [facts.FALLBACK]


def test_a_check_that_was_overtaken_changes_nothing(plain: Studio) -> None:
    """Its process froze, another checked the picture, and its successor stands by now."""
    plain.allow(2)
    plain.made("changed_product", recolour(34))
    with plain.services.database.write() as session:  # as before its check
        session.execute(delete(Take))
        first = {"verdict": None, "fidelity": None, "fidelity_score": None, "check_due": now()}
        session.execute(update(ProductImage).values(first | {"check_tries": 0}))
    checks = plain.checker.checks
    frozen = checks.claim_next()
    assert frozen is not None
    with plain.services.database.write() as session:  # its lease is over
        session.execute(update(ProductImage).values(check_due=now(-1)))
    plain.checker.run()
    late = Check(verdict="fail", score=0.0, reasons=[Reason(code="late", words="late")])
    checks.save(frozen, late, has_map=False)  # while the second take is being made
    plain.remake()
    before = plain.product
    assert before["images"][0]["fidelity"]["verdict"] == "warn"
    checks.save(frozen, late, has_map=False)
    checks.put_back(frozen, 0.0, counted=False)
    assert plain.product == before
    assert len(before["images"][0]["remake"]["takes"]) == 2 and checks.claim_next() is None
