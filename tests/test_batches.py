"""The batch lane: jobs of many requests, nothing lost, nothing paid twice, whatever breaks."""

from __future__ import annotations

import base64
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from conftest import only_sqlite
from pydantic import SecretStr
from sqlalchemy import select, update
from support.fakes import photo_bytes
from support.gemini import here

from packshot.database.models import (
    PENDING,
    BatchItem,
    BatchJob,
    Call,
    Product,
    ProductImage,
    Round,
)
from packshot.database.types import now
from packshot.enhancers.gemini.batch_client import BatchClient
from packshot.enhancers.gemini.prices import price_of
from packshot.errors import Unavailable
from packshot.pictures.child_processes import Pixels
from packshot.products.lookup import Editor
from packshot.products.seller_fields import NewProduct
from packshot.queues.contract import Message
from packshot.settings import Settings
from packshot.testing.fake_gemini import FakeGemini, PaidCall
from packshot.testing.fake_gemini.faults import Fault, Reply, reply_of
from packshot.wiring import Services, build
from packshot.work import pipeline
from packshot.work.batches import job_rows, leftovers, runner
from packshot.work.batches.runner import Batching, notes_of
from packshot.work.claiming.claim import Claim
from packshot.work.far_moments import bring_back
from packshot.work.slots import ProductJob
from packshot.work.worker import Worker

WANTED = 2
RARER_FAULTS = ("quota_minute", "error_500")
Json = dict[str, Any]


class Here(Pixels):
    """Pixels without a child process."""

    def __init__(self) -> None:
        super().__init__(1)

    def run(self, function: Callable[..., Any], *args: object, **_: object) -> Any:
        return here(function, *args)


@dataclass
class Shop:
    """A shop at the fake Gemini, worked on by hand: a product, or a turn of its jobs, at a time."""

    services: Services
    fake: FakeGemini
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        services = self.services
        self.worker = Worker(services.parts, services.queue, 1)
        self.batching = self.process()

    def process(self, **chosen: Any) -> Batching:
        """The jobs as another process has them."""
        services, given = self.services, self.services.batching
        usual: dict[str, Any] = {
            "jobs": given.jobs,
            "lane": given.lane,
            "parts": services.parts,
            "send": services.catalog.sender.send,
            "gather_seconds": 0.0,
            "first_look": 0.0,
            "surely_not_created": 0.0,
        }
        return Batching(**usual | chosen)

    def create(self, count: int = 1, lane: Any = "batch") -> list[int]:
        storage = self.services.storage
        storage.put("uploads/photo", photo_bytes(side=300), "image/jpeg")
        new = NewProduct("Boxes", "/media/uploads/photo", Decimal(10), Decimal(9))
        made = self.services.catalog.create([new] * count, lane=lane)
        return [product.id for product in made.products]

    def work(self) -> int:
        """Work on every product that is due; returns on how many."""
        claims, count = self.services.parts.claims, 0
        while isinstance(claim := claims.claim_next(), Claim):
            job = ProductJob(Message(claim.product_id), claim)
            try:
                pipeline.run(claim, self.services.parts)
            except Exception as error:
                self.worker.retries.end_attempt(job, error)
            count += 1
            assert count < 500
        return count

    def finish(self, turns: int = 12) -> None:
        """Until all products are made."""
        for _ in range(turns):
            self.work()
            if not self.statuses()[PENDING]:
                return
            run_after_the_pause(self)
        raise AssertionError(f"not made: {self.statuses()}, {self.jobs()}")

    # -- what became of it -----------------------------------------------------------------------

    def rows(self, table: Any) -> list[Any]:
        with self.services.database.read() as session:
            return list(session.scalars(select(table)))

    def statuses(self) -> Counter[str]:
        return Counter(product.status for product in self.rows(Product))

    def jobs(self) -> list[tuple[str, str]]:
        return [(job.kind, job.state) for job in self.rows(BatchJob)]

    def outcomes(self) -> Counter[tuple[str, str | None]]:
        return Counter((call.lane, call.outcome) for call in self.rows(Call))

    def change(self, table: Any, **values: Any) -> None:
        with self.services.database.write() as session:
            session.execute(update(table).values(**values))

    def paid(self) -> Counter[tuple[str, str]]:
        return Counter((call.lane, call.call) for call in self.fake.paid())

    def audit(self, products: int, repeated: int = 0) -> None:
        """All are made, no answer is left over, and the ledgers agree."""
        assert self.statuses() == {"pending_review": products}, self.jobs()
        assert len(self.rows(ProductImage)) == products * WANTED
        assert list(self.services.storage.list("answers/")) == []
        assert not [item for item in self.rows(BatchItem) if item.state in {"waiting", "sent"}]
        calls = Counter(call.call for call in self.fake.paid())
        assert sum(count - 1 for count in calls.values()) == repeated, calls
        assert self.spent() >= self.billed()
        if not repeated:
            assert self.spent() == self.billed()

    def spent(self) -> Decimal:
        return sum((call.cost or Decimal(0) for call in self.rows(Call)), Decimal(0))

    def ledgers(self) -> str:
        return f"spent {self.spent()}, billed {self.billed()}, {len(self.fake.paid())} paid calls"

    def billed(self) -> Decimal:
        return sum(map(bill, self.fake.paid()), Decimal(0))


def bill(call: PaidCall) -> Decimal:
    """What Google's bill says of a call, to a millionth of a dollar as our column has it."""
    from datetime import UTC, datetime

    price = price_of(call.model, datetime.now(UTC).date(), cast(Any, call.lane))
    assert price is not None
    cost = price.cost(call.tokens_in, call.tokens_out, call.tokens_image)
    assert cost is not None
    return cost.quantize(Decimal("0.000001"))


@pytest.fixture
def fake() -> Iterator[FakeGemini]:
    with FakeGemini(side=300) as serving:
        yield serving


Make = Callable[..., Shop]


@pytest.fixture
def make(database_url: str, tmp_path: Path, fake: FakeGemini) -> Iterator[Make]:
    made: list[Shop] = []

    def shop(**chosen: Any) -> Shop:
        settings = Settings(
            database_url=database_url,
            media_dir=tmp_path / "media",
            gemini_api_key=SecretStr("AIza-key"),
            google_gemini_base_url=fake.url,
            enhanced_images_count=WANTED,
            **chosen,
        )
        services = build(settings)
        pixels = Here()
        object.__setattr__(services.parts, "pixels", pixels)
        services.enhancer._run_pixels = here  # type: ignore[attr-defined]
        services.enhancer._requests._photos._run_pixels = here  # type: ignore[attr-defined]
        made.append(Shop(services, fake))
        return made[-1]

    yield shop
    for each in made:
        cast(Any, each.services.enhancer).close()
        each.services.close()


@pytest.fixture
def shop(make: Make) -> Shop:
    return make()


# -- the good way ----------------------------------------------------------------------------------


def test_analyses_come_first_then_pictures_and_no_product_is_claimed_meanwhile(shop: Shop) -> None:
    shop.create(3)
    assert shop.work() == 3
    assert (shop.jobs(), shop.work()) == ([], 0)
    waiting = shop.rows(Product)
    assert [(each.status, each.attempts, each.token) for each in waiting] == [
        ("pending", 0, None)
    ] * 3
    assert all(each.batched_at for each in waiting)
    shop.batching.run()
    assert shop.jobs() == [("analysis", "running")]
    shop.batching.run()
    assert shop.jobs() == [("analysis", "done")]
    assert shop.work() == 3
    shop.finish()
    assert sorted(shop.jobs()) == [("analysis", "done"), ("picture", "done")]
    assert shop.outcomes() == {("batch", "ok"): 9}
    assert set(shop.paid().values()) == {1}
    shop.audit(products=3)
    assert_nothing_left_at_google(shop)


def assert_nothing_left_at_google(shop: Shop) -> None:
    assert (shop.fake.batches.files, shop.fake.batches.listed()) == ({}, [])


@pytest.mark.extra
@only_sqlite
def test_a_job_has_at_most_a_hundred_requests(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shown with three: the limit is one number."""
    assert job_rows.LARGEST_JOB == 100
    monkeypatch.setattr(job_rows, "LARGEST_JOB", 3)
    shop.create(4)
    shop.finish()
    assert Counter(kind for kind, _ in shop.jobs()) == {"analysis": 2, "picture": 3}
    assert max(len(job.requests) for job in shop.fake.batches.jobs) == 3
    shop.audit(products=4)


@pytest.mark.extra
@only_sqlite
def test_no_more_jobs_run_than_are_allowed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shown with two of one request each."""
    assert job_rows.MAX_JOBS == 50
    monkeypatch.setattr(job_rows, "LARGEST_JOB", 1)
    monkeypatch.setattr(job_rows, "MAX_JOBS", 2)
    shop.create(3)
    shop.work()
    for _ in range(2):
        shop.batching.jobs.gather("analysis", shop.batching.lane, 0.0)
    assert not shop.batching.jobs.gather("analysis", shop.batching.lane, 0.0)
    assert len(shop.jobs()) == 2


@pytest.mark.extra
@only_sqlite
def test_what_waits_is_gathered_until_it_is_old_enough(shop: Shop) -> None:
    shop.create(1)
    shop.work()
    patient = shop.process(gather_seconds=60.0)
    patient.run()
    assert shop.jobs() == []
    shop.change(BatchItem, asked_at=now(-61))
    patient.run()
    assert shop.jobs() == [("analysis", "running")]


@only_sqlite
def test_a_line_is_what_the_sdk_sends_in_an_ordinary_call(shop: Shop) -> None:
    [batched], [ordinary] = shop.create(1), shop.create(1, lane="standard")
    shop.finish()
    jobs, calls = shop.fake.batches.jobs, shop.fake.requests
    sent = {key: request for job in jobs for key, request in job.requests}
    for place, call in (("analysis", calls[0]), ("0", calls[1]), ("1", calls[2])):
        line = normal(sent[f"{batched}/1/{place}"])
        others = [normal(each) for each in calls]
        assert line in others, (place, line.keys(), call.keys(), ordinary)


def normal(value: Any) -> Any:
    """One spelling of a request: camelCase, one base64 alphabet, no empty parts."""
    from packshot.testing.fake_gemini.strict import _camel

    def plain(each: Any) -> Any:
        if isinstance(each, list):
            return [plain(one) for one in each]
        if not isinstance(each, dict):
            return each
        found = {name: plain(one) for name, one in each.items() if name != "role"}
        if "data" in found:
            found["data"] = base64.urlsafe_b64decode(
                found["data"].replace("+", "-").replace("/", "_")
            )
        return found

    return plain(_camel(value))


@pytest.mark.extra
@only_sqlite
def test_a_batch_is_booked_at_half_the_price(shop: Shop) -> None:
    shop.create(1)
    shop.create(1, lane="standard")
    shop.finish()
    costs = Counter[str]()
    for call in shop.rows(Call):
        costs[call.lane] += call.cost
    assert costs["standard"] == pytest.approx(2 * costs["batch"], abs=Decimal("0.000005"))
    assert shop.spent() == shop.billed()


@only_sqlite
def test_a_job_is_no_larger_than_the_days_budget(make: Make) -> None:
    shop = make(
        gemini_daily_budget=0.006, gemini_reference_views=0
    )  # two analyses of about $0.0027
    shop.create(3)
    shop.work()
    shop.batching.run()
    assert [item.state for item in shop.rows(BatchItem)].count("sent") == 2
    shop.batching.run()
    assert shop.statuses() == {"pending": 3}
    assert len(shop.jobs()) == 1


@pytest.mark.extra
@only_sqlite
def test_a_jobs_calls_take_nothing_from_the_requests_per_minute(make: Make) -> None:
    shop = make(gemini_rpm=3)
    shop.create(5)
    shop.work()
    shop.batching.run()
    shop.create(1, lane="standard")
    shop.work()
    assert shop.outcomes()["standard", "ok"] == 3


# -- what comes back wrong -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        "overloaded",
        *(pytest.param(each, marks=pytest.mark.extra) for each in ("quota_minute", "error_500")),
    ],
)
@only_sqlite
def test_requests_that_failed_go_back_one_by_one(shop: Shop, fault: str) -> None:
    ids = shop.create(2)
    shop.fake.misbehave(fault, call=f"{ids[0]}/1/analysis")
    shop.fake.misbehave(fault, call=f"{ids[1]}/1/1")
    shop.finish()
    assert shop.outcomes()["standard", "ok"] == 2
    assert shop.outcomes()["batch", "batch_error"] == 2
    assert shop.paid()["standard", f"{ids[0]}/1/analysis"] == 1
    shop.audit(products=2)


@pytest.mark.extra
@only_sqlite
def test_a_refusal_for_safety_is_one_in_a_job_too(shop: Shop) -> None:
    [product_id] = shop.create(1)
    shop.fake.misbehave("finish_IMAGE_SAFETY", call=f"{product_id}/1/0")
    shop.finish()
    [product] = shop.rows(Product)
    view = shop.services.catalog.product(product_id)
    assert (product.status, len(view.images)) == ("pending_review", 1)
    assert view.warning is not None and "safety" in view.warning
    assert shop.outcomes() == {("batch", "ok"): 3}


@pytest.mark.parametrize("fault", ["text_only", "analysis_prose"])
@pytest.mark.extra
@only_sqlite
def test_an_unusable_answer_is_requested_again_at_once(shop: Shop, fault: str) -> None:
    [product_id] = shop.create(1)
    place = "analysis" if fault == "analysis_prose" else "0"
    shop.fake.misbehave(fault, call=f"{product_id}/1/{place}")
    shop.finish()
    assert shop.outcomes() == {("batch", "ok"): 3, ("standard", "ok"): 1}
    shop.audit(products=1, repeated=1)


@only_sqlite
def test_lines_that_come_twice_are_saved_once(shop: Shop) -> None:
    shop.create(1)
    shop.fake.batches.misbehave("lines_doubled", times=2)
    shop.finish()
    assert shop.outcomes() == {("batch", "ok"): 3}
    shop.audit(products=1)


@only_sqlite
def test_missing_lines_are_requested_one_by_one(shop: Shop) -> None:
    shop.create(2)
    shop.fake.batches.misbehave("lines_missing", times=2)
    shop.finish(turns=20)
    assert shop.outcomes()["batch", "batch_missing"] == 2
    assert shop.outcomes()["standard", "ok"] == 2
    shop.audit(products=2, repeated=2)  # they were paid in the job, and are not in its answers


@only_sqlite
def test_answers_that_google_deleted_are_logged_and_requested_one_by_one(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.create(1)
    shop.fake.batches.misbehave("results_gone")
    with caplog.at_level(logging.ERROR):
        shop.finish(turns=20)
    assert "no longer kept" in caplog.text
    assert shop.outcomes()["batch", "batch_expired"] == 1
    shop.audit(products=1, repeated=1)


@pytest.mark.extra
@only_sqlite
def test_an_interrupted_download_continues_with_the_unsaved_answers(shop: Shop) -> None:
    shop.create(2)
    shop.fake.batches.misbehave("download_cut", times=2)
    shop.finish()
    assert shop.outcomes() == {("batch", "ok"): 6}
    shop.audit(products=2)


@pytest.mark.parametrize(
    ("fault", "word"),
    [("failed", "internal trouble"), pytest.param("expired", "EXPIRED", marks=pytest.mark.extra)],
)
@only_sqlite
def test_a_job_that_fails_says_why_and_its_products_go_on(
    shop: Shop, caplog: pytest.LogCaptureFixture, fault: str, word: str
) -> None:
    shop.create(2)
    shop.fake.batches.misbehave(fault)
    shop.finish()
    assert word in caplog.text
    assert shop.outcomes()["batch", f"batch_{fault}"] == 2
    assert shop.outcomes()["standard", "ok"] == 2
    shop.audit(products=2)


# -- the deadline ----------------------------------------------------------------------------------


@only_sqlite
def test_a_clock_that_was_years_ahead_stops_no_job(shop: Shop) -> None:
    ahead = now(10 * 365 * 86_400)
    shop.create()
    shop.work()
    shop.change(BatchItem, asked_at=ahead)
    bring_back(shop.services.database, 60.0, 86_400.0)
    shop.batching.run()
    assert shop.jobs() == [("analysis", "running")]
    shop.change(BatchJob, not_before=ahead, changed_at=ahead)
    bring_back(shop.services.database, 60.0, 86_400.0)
    shop.batching.run()
    assert shop.jobs() == [("analysis", "done")]
    shop.finish()
    shop.audit(1)


@only_sqlite
def test_a_late_job_is_cancelled_and_its_missing_answers_are_requested(shop: Shop) -> None:
    shop.create(2)
    shop.work()
    shop.fake.batches.misbehave("stuck")
    shop.fake.batches.answered_before_cancel = 1
    shop.batching.run()
    shop.batching.run()
    assert shop.jobs() == [("analysis", "running")]
    shop.change(BatchJob, deadline=now(-1))
    shop.batching.run()
    assert shop.fake.batches.asked["cancel"] == 1
    shop.fake.batches.answered_before_cancel = 0
    shop.finish()
    assert shop.paid()["standard", "2/1/analysis"] == 1
    assert shop.paid()["batch", "1/1/analysis"] == 1  # it was answered before the end
    shop.audit(products=2)


@pytest.mark.extra
@only_sqlite
def test_requests_in_no_job_by_their_deadline_continue_as_standard(make: Make) -> None:
    shop = make(gemini_lane_deadline=100)
    shop.create(1)
    shop.work()
    shop.change(BatchItem, asked_at=now(-101))
    shop.process(gather_seconds=1000.0).run()
    shop.finish()
    assert shop.jobs() == []
    assert shop.outcomes() == {("standard", "ok"): 3}


@pytest.mark.extra
@only_sqlite
def test_a_job_of_which_nothing_more_can_be_heard_is_given_up(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """Not cancelled, not listed, not answered: its product goes on an hour past the deadline."""
    shop.create(1)
    shop.work()
    shop.batching.run()
    lane = cast(Any, shop.batching.lane)
    reachable, lane._client = lane._client, BatchClient("AIza-key", "http://127.0.0.1:9")
    shop.change(BatchJob, deadline=now(-3500), not_before=now(-1))
    shop.batching.run()
    assert shop.jobs() == [("analysis", "running")]
    shop.change(BatchJob, deadline=now(-3700), not_before=now(-1))
    shop.batching.run()
    assert shop.jobs() == [("analysis", "deleting")]
    assert "is given up" in caplog.text
    lane._client = reachable
    shop.finish()
    run_after_the_pause(shop)
    assert shop.jobs()[0] == ("analysis", "done")
    assert shop.paid()["standard", "1/1/analysis"] == 1


@only_sqlite
def test_a_proxys_404_is_no_missing_model_and_no_lost_job(shop: Shop) -> None:
    shop.create(1)
    shop.fake.batches.misbehave("create_proxy_404")
    shop.fake.batches.misbehave("look_proxy_404", times=runner.LOOKS)
    shop.fake.batches.misbehave("unlisted", times=3)
    shop.finish(turns=20)
    assert shop.outcomes() == {("batch", "ok"): 3}
    shop.audit(products=1)


# -- a create whose answer is lost -----------------------------------------------------------------


@only_sqlite
def test_a_create_whose_answer_is_lost_is_found_by_its_name(shop: Shop) -> None:
    shop.create(2)
    for _ in range(4):  # jobs of others, so that the list has several pages
        shop.fake.batches._add("gemini-3.8-flash", "others", [])
    shop.fake.batches.misbehave("create_lost", times=2)
    shop.finish()
    assert shop.fake.batches.asked["create"] == 2
    shop.audit(products=2)


@pytest.mark.extra
@only_sqlite
def test_a_job_that_the_list_shows_late_is_not_created_twice(make: Make) -> None:
    shop = make()
    shop.create(1)
    shop.work()
    shop.batching = shop.process(surely_not_created=60.0)
    shop.fake.batches.misbehave("create_lost")
    shop.fake.batches.misbehave("unlisted", times=3)
    for _ in range(4):
        shop.batching.run()
    shop.finish()
    assert Counter(job.display_name for job in shop.fake.batches.jobs).most_common(1)[0][1] == 1
    shop.audit(products=1)


@pytest.mark.extra
@only_sqlite
def test_a_job_that_was_surely_not_created_is_created_again(shop: Shop) -> None:
    shop.create(1)
    shop.fake.batches.misbehave("create_overloaded")
    shop.finish(turns=20)
    assert shop.fake.batches.asked["create"] == 3
    shop.audit(products=1)


@only_sqlite
def test_two_jobs_of_one_name_are_suspended_and_reported(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.create(1)
    shop.work()
    shop.fake.batches.misbehave("twins")
    shop.fake.batches.misbehave("create_lost")
    for _ in range(3):
        shop.batching.run()
    assert shop.jobs() == [("analysis", "aside")]
    names = [job.name for job in shop.fake.batches.jobs]
    assert all(name in caplog.text for name in names)
    [note] = notes_of(shop.batching.jobs)
    assert all(name in note for name in names)
    assert shop.fake.batches.asked["create"] == 1
    del shop.fake.batches.jobs[1]  # a person decided
    shop.finish()
    shop.audit(products=1)


@only_sqlite
def test_a_job_that_was_created_twice_is_logged_and_cancelled(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """Google may list a job later than it is created again."""
    shop.create(1)
    shop.work()
    shop.fake.batches.misbehave("twins")
    shop.finish()
    duplicate = shop.fake.batches.jobs[1]
    assert (
        f"beside {shop.fake.batches.jobs[0].name}: {duplicate.name}; it is cancelled" in caplog.text
    )
    assert duplicate.state == "CANCELLED"
    shop.audit(products=1)


@only_sqlite
def test_the_duplicate_of_a_failed_job_is_cancelled_before_its_requests_are_sent_again(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.create(1)
    shop.work()
    shop.fake.batches.misbehave("twins")
    shop.fake.batches.misbehave("failed")
    shop.finish()
    first, duplicate = shop.fake.batches.jobs[:2]
    assert f"{first.display_name} ended as FAILED" in caplog.text
    assert f"beside {first.name}: {duplicate.name}; it is cancelled" in caplog.text
    assert duplicate.state == "CANCELLED"


@pytest.mark.extra
@only_sqlite
def test_a_model_without_jobs_gets_single_requests(shop: Shop) -> None:
    shop.create(2)
    shop.fake.batches.misbehave("create_refused", times=2)
    shop.finish()
    assert shop.outcomes()["standard", "ok"] == 6
    shop.audit(products=2)


@pytest.mark.extra
@only_sqlite
def test_an_outage_makes_jobs_wait_and_nothing_else(shop: Shop) -> None:
    shop.create(1)
    shop.work()
    url = shop.fake.url
    lane = cast(Any, shop.batching.lane)
    lane._client = BatchClient("AIza-key", "http://127.0.0.1:9")
    shop.batching.run()
    assert shop.jobs() == [("analysis", "gathered")]
    lane._client = BatchClient("AIza-key", url)
    shop.finish()
    lane._client.close()
    shop.audit(products=1)


# -- cancelled, deleted, redone --------------------------------------------------------------------


@pytest.mark.extra
@only_sqlite
def test_a_cancelled_product_is_not_sent(shop: Shop) -> None:
    first, second = shop.create(2)
    shop.work()
    shop.services.catalog.cancel(first, by=Editor("ann"))
    shop.batching.run()
    shop.services.catalog.cancel(second, by=Editor("ann"))
    shop.batching.run()
    assert shop.work() == 0
    assert shop.paid() == {("batch", f"{second}/1/analysis"): 1}
    assert shop.statuses() == {"failed": 2}
    shop.services.catalog.enhance(second, by=Editor("ann"))
    shop.finish()
    assert shop.paid()["standard", f"{second}/1/analysis"] == 0  # the job's answer was kept


@only_sqlite
def test_what_was_cancelled_after_it_was_gathered_is_not_sent_either(shop: Shop) -> None:
    first, second = shop.create(2)
    shop.work()
    shop.services.batching.jobs.gather("analysis", shop.batching.lane, 0.0)
    shop.services.catalog.cancel(first, by=Editor("ann"))
    shop.finish()
    assert {call.call.partition("/")[0] for call in shop.fake.paid()} == {str(second)}
    assert shop.outcomes()["batch", "not_sent"] == 1
    assert shop.spent() == shop.billed()


@only_sqlite
def test_a_redo_waits_for_what_is_in_a_job_and_pays_for_the_rest_at_once(shop: Shop) -> None:
    [product_id] = shop.create(1)
    shop.work()
    shop.batching.run()
    shop.services.catalog.cancel(product_id, by=Editor("ann"))
    shop.services.catalog.enhance(product_id, by=Editor("ann"))
    shop.finish()
    assert shop.paid() == {
        ("batch", f"{product_id}/1/analysis"): 1,
        ("standard", f"{product_id}/1/0"): 1,
        ("standard", f"{product_id}/1/1"): 1,
    }
    shop.audit(products=1)


@pytest.mark.extra
@only_sqlite
def test_the_answers_of_a_deleted_product_are_stored_nowhere(shop: Shop) -> None:
    [product_id] = shop.create(1)
    shop.work()
    for _ in range(2):
        shop.batching.run()
    shop.work()
    shop.batching.run()
    shop.services.deletions.delete_product(product_id)
    shop.batching.run()
    assert sorted(shop.jobs()) == [("analysis", "done"), ("picture", "done")]
    assert list(shop.services.storage.list("answers/")) == []
    assert shop.spent() == shop.billed()


@pytest.mark.extra
@only_sqlite
def test_without_gemini_products_stop_waiting_for_jobs(shop: Shop) -> None:
    shop.create(1)
    shop.work()
    assert shop.statuses() == {"pending": 1}
    services = shop.services
    Batching(services.batching.jobs, None, services.parts, services.catalog.sender.send).run()
    [product] = shop.rows(Product)
    assert product.queued_at is not None


@pytest.mark.extra
@only_sqlite
def test_a_copy_of_the_database_leaves_the_jobs_to_the_original(shop: Shop) -> None:
    """It would delete the files that the original still needs."""
    shop.create(1)
    shop.work()
    shop.batching.run()
    assert shop.jobs() == [("analysis", "running")]
    files = dict(shop.fake.batches.files)
    shop.batching.jobs.end_all()
    shop.finish()
    assert shop.fake.batches.files == files
    assert shop.outcomes()["standard", "ok"] == 1


@pytest.mark.extra
@only_sqlite
def test_a_job_is_forgotten_a_week_after_its_end(shop: Shop) -> None:
    shop.create(1)
    shop.finish()
    jobs = shop.batching.jobs
    jobs.forget_old()
    assert len(shop.jobs()) == 2
    shop.change(BatchJob, changed_at=now(-8 * 86_400))
    jobs.forget_old()
    assert (shop.rows(BatchJob), shop.rows(BatchItem)) == ([], [])
    assert shop.spent() == shop.billed()


# -- what Google says late, or for a moment only ---------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        "look_missing",
        *(
            pytest.param(each, marks=pytest.mark.extra)
            for each in ("results_late", "output_early", "lines_late")
        ),
    ],
)
@only_sqlite
def test_what_google_does_not_have_for_a_moment_is_not_paid_for_again(
    shop: Shop, fault: str
) -> None:
    shop.create(2)
    shop.fake.batches.misbehave(fault)
    shop.finish(turns=20)
    assert shop.outcomes() == {("batch", "ok"): 6}
    shop.audit(products=2)


# -- an outage says nothing about a job ------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["results_late", pytest.param("lines_late", marks=pytest.mark.extra)]
)
@only_sqlite
def test_failed_downloads_do_not_give_up_answers_that_come_late(shop: Shop, fault: str) -> None:
    shop.create(1)
    shop.work()
    shop.batching.run()
    shop.fake.batches.misbehave("download_cut", times=runner.LOOKS)
    run_after_the_pause(shop, times=runner.LOOKS)
    assert shop.jobs() == [("analysis", "collecting")]
    shop.fake.batches.misbehave(fault)
    shop.finish()
    assert shop.outcomes() == {("batch", "ok"): 3}
    shop.audit(products=1)


@only_sqlite
def test_failed_polls_do_not_give_up_a_job_that_is_missing_for_a_moment(shop: Shop) -> None:
    shop.create(1)
    shop.work()
    shop.batching.run()
    shop.fake.batches.misbehave("get_overloaded", times=runner.LOOKS)
    run_after_the_pause(shop, times=runner.LOOKS)
    assert shop.jobs() == [("analysis", "running")]
    shop.fake.batches.misbehave("look_missing")
    shop.fake.batches.misbehave("unlisted")
    shop.finish()
    assert shop.outcomes() == {("batch", "ok"): 3}
    shop.audit(products=1)


@only_sqlite
def test_failed_lists_do_not_create_a_job_again(shop: Shop) -> None:
    """Long after it may have been created, the first list that comes does not show it."""
    shop.create(1)
    shop.work()
    shop.fake.batches.misbehave("create_lost")
    shop.batching.run()
    shop.fake.batches.misbehave("get_overloaded", times=runner.FEWEST_LISTS)
    run_after_the_pause(shop, times=runner.FEWEST_LISTS)
    assert shop.jobs() == [("analysis", "creating")]
    shop.fake.batches.misbehave("unlisted")
    shop.finish()
    assert_created_once(shop)
    shop.audit(products=1)


@pytest.mark.extra
@only_sqlite
def test_an_error_of_ours_about_one_answer_stops_no_other(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.create(2)
    shop.work()
    shop.batching.run()
    lane, booked = shop.batching.lane, []

    class Odd:
        def book(self, *given: Any) -> None:
            booked.append(given)
            if len(booked) == 1:
                raise TypeError("a surprise")
            lane.book(*given)

        def __getattr__(self, name: str) -> Any:
            return getattr(lane, name)

    shop.process(lane=Odd()).run()
    assert "a surprise" in caplog.text
    assert shop.jobs() == [("analysis", "done")]
    shop.finish()
    assert shop.outcomes() == {
        ("batch", "ok"): 5,
        ("batch", "unexpected"): 1,
        ("standard", "ok"): 1,
    }
    shop.audit(products=2, repeated=1)


@pytest.mark.extra
@only_sqlite
def test_google_may_take_its_time(shop: Shop) -> None:
    """Longer than the 5 s that the HTTP library waits by itself."""
    shop.create(1)
    shop.work()
    shop.fake.batches.misbehave("look_slow")
    shop.batching.run()
    shop.batching.run()
    assert shop.jobs() == [("analysis", "done")]
    assert shop.fake.batches.asked["look"] == 1


@pytest.mark.extra
@only_sqlite
def test_an_answer_that_cannot_be_read_stops_no_other(shop: Shop) -> None:
    """A lone surrogate, which Python's reader takes and no other does."""
    first, second = shop.create(2)

    def spoil(good: dict[str, Any], asked: object) -> Reply:
        good["candidates"][0]["content"]["parts"][0]["text"] = "\ud800"
        return reply_of(good)

    shop.fake.misbehave(Fault(spoil), call=f"{first}/1/analysis")
    shop.finish()
    assert shop.paid()["standard", f"{first}/1/analysis"] == 1
    assert shop.paid()["batch", f"{second}/1/analysis"] == 1
    shop.audit(products=2, repeated=1)


@pytest.mark.extra
@only_sqlite
def test_pauses_grow_while_google_takes_no_more_jobs(shop: Shop) -> None:
    shop.create(1)
    shop.work()
    slow = shop.process(first_look=10.0)
    shop.fake.batches.misbehave("create_limited", times=3)
    pauses = []
    for _ in range(3):
        slow.run()
        with shop.services.database.read() as session:
            job, moment = session.execute(select(BatchJob, now())).one()
        pauses.append(round((job.not_before - moment).total_seconds(), -1))
        pause = job.not_before - moment  # it passes
        shop.change(BatchJob, not_before=now(-1), changed_at=job.changed_at - pause)
    assert pauses == [10, 10, 20]
    assert shop.jobs() == [("analysis", "uploaded")]
    shop.finish()
    shop.audit(products=1)


@pytest.mark.extra
@only_sqlite
def test_a_job_is_created_again_only_after_a_create_under_way_has_surely_ended(shop: Shop) -> None:
    """The clock jumps while another process creates the job: it is looked for over 70 s more."""
    shop.create(1)
    shop.work()
    other = shop.process(first_look=10.0, surely_not_created=runner.SURELY_NOT_CREATED)
    jobs = shop.batching.jobs
    jobs.gather("analysis", shop.batching.lane, 0.0)
    creating = jobs.lease_next()
    assert creating is not None
    jobs.move(creating, job_rows.CREATING)
    shop.change(BatchJob, lease_until=now(-1), changed_at=now(-3600))
    waited = 0.0
    while shop.fake.batches.asked["create"] == 0 and waited < 1000:
        other.run()
        with shop.services.database.read() as session:
            job, moment = session.execute(select(BatchJob, now())).one()
        if job.state == job_rows.CREATING:
            waited += (job.not_before - moment).total_seconds()
        shop.change(BatchJob, not_before=now(-1))
    assert waited > 65


@pytest.mark.extra
@only_sqlite
def test_the_lease_is_renewed_while_saved_answers_are_read_again(shop: Shop) -> None:
    """And while a file goes up: on a slow line both take longer than a lease."""
    shop.create(2)
    shop.work()
    shop.fake.batches.misbehave("lines_doubled")
    seen: list[bool | None] = []

    class Slow:
        def upload(self, name: str, file: Any, sent: Callable[[], object]) -> str:
            def checked() -> None:
                shop.change(BatchJob, lease_until=now(1))
                sent()
                with shop.services.database.read() as session:
                    seen.append(session.scalar(select(BatchJob.lease_until > now(60))))

            return lane.upload(name, file, checked)

        def results(self, file: str) -> Iterator[Any]:
            for line in lane.results(file):
                shop.change(BatchJob, lease_until=now(1))
                yield line
                with shop.services.database.read() as session:
                    seen.append(session.scalar(select(BatchJob.lease_until > now(60))))

        def __getattr__(self, name: str) -> Any:
            return getattr(lane, name)

    lane = shop.batching.lane
    slow = shop.process(lane=Slow())
    slow.run()
    slow.run()
    assert len(seen) == 2 + 4 and all(seen)  # before and after the one piece, and each line


# -- deadlines of products that are not the same age -----------------------------------------------


@only_sqlite
def test_one_old_product_takes_no_other_to_the_full_price(make: Make) -> None:
    """A photo's host was away for a day: the job of that product has as much time as any."""
    shop = make(gemini_lane_deadline=1000)
    old, _ = shop.create(2)
    with shop.services.database.write() as session:
        mine = update(Round).where(Round.product_id == old)
        session.execute(mine.values(opened_at=now(-2000)))
    shop.finish()
    assert shop.outcomes() == {("batch", "ok"): 6}


@only_sqlite
def test_requests_that_wait_for_the_budget_never_continue_at_the_full_price(make: Make) -> None:
    shop = make(gemini_daily_budget=0.006, gemini_reference_views=0, gemini_lane_deadline=1000)
    shop.create(3)
    shop.work()
    shop.change(BatchItem, asked_at=now(-2000))
    for _ in range(2):
        shop.batching.run()
    assert Counter(item.state for item in shop.rows(BatchItem)) == {"answered": 2, "waiting": 1}
    assert shop.work() == 2  # their pictures wait for the budget, too
    shop.services.batching.jobs.ledger.daily_budget = Decimal(1)
    shop.finish()
    assert shop.outcomes() == {("batch", "ok"): 9}
    shop.audit(products=3)


# -- nobody waits for it any more ------------------------------------------------------------------


@only_sqlite
def test_what_is_cancelled_before_its_job_is_created_is_not_sent(shop: Shop) -> None:
    first, second = shop.create(2)
    shop.work()
    shop.fake.batches.misbehave("create_limited")
    shop.batching.run()
    assert shop.jobs() == [("analysis", "uploaded")]
    shop.services.catalog.cancel(first, by=Editor("ann"))
    shop.finish()
    assert {call.call.partition("/")[0] for call in shop.fake.paid()} == {str(second)}
    assert shop.spent() == shop.billed()
    assert shop.fake.batches.files == {}


@pytest.mark.extra
@only_sqlite
def test_a_refused_job_whose_process_is_killed_is_not_created_later(shop: Shop) -> None:
    shop.create(2)
    shop.work()
    shop.fake.batches.misbehave("create_refused")
    assert run_and_die(shop, "jobs", "hand_to_single_calls", after=True)
    for _ in range(6):
        shop.batching.run()
    shop.finish()
    assert shop.paid()["batch", "1/1/analysis"] == 0
    shop.audit(products=2)


@pytest.mark.parametrize(
    "turns", [3, *(pytest.param(each, marks=pytest.mark.extra) for each in (1, 2))]
)
@only_sqlite
def test_another_photo_gets_nothing_that_was_made_of_the_first_one(shop: Shop, turns: int) -> None:
    """Its analysis is in a job, or answered, or its pictures are in a job."""
    wrong, other = shop.create(2)
    for _ in range(turns):
        shop.work()
        shop.batching.run()
    shop.services.catalog.cancel(wrong, by=Editor("ann"))
    shop.services.storage.put("uploads/right", photo_bytes(side=280), "image/jpeg")
    shop.services.catalog.correct(wrong, {"raw_image": "/media/uploads/right"}, by=Editor("ann"))
    shop.services.catalog.enhance(wrong, by=Editor("ann"))
    shop.finish()
    standard = {key: count for (lane, key), count in shop.paid().items() if lane == "standard"}
    assert standard == {f"{wrong}/1/{place}": 1 for place in ("analysis", 0, 1)}
    assert shop.paid()["batch", f"{other}/1/1"] == 1
    shop.batching.run()
    assert list(shop.services.storage.list("answers/")) == []
    assert shop.spent() >= shop.billed()


@pytest.mark.extra
@only_sqlite
def test_pictures_of_a_round_that_was_replaced_are_stored_nowhere(shop: Shop) -> None:
    [product_id] = shop.create(1)
    shop.work()
    for _ in range(2):
        shop.batching.run()
    shop.work()
    shop.batching.run()
    assert ("picture", "running") in shop.jobs()
    shop.services.catalog.cancel(product_id, by=Editor("ann"))
    shop.services.catalog.enhance(product_id, by=Editor("ann"), instructions="lighter")
    shop.finish()
    shop.batching.run()
    assert set(shop.jobs()) == {("analysis", "done"), ("picture", "done")}
    assert list(shop.services.storage.list("answers/")) == []
    assert shop.spent() == shop.billed()


# -- kills -----------------------------------------------------------------------------------------


class Killed(BaseException):
    """kill -9, as far as the story can tell."""


class Dying:
    """A part in whose `step` the process dies: before its work, or just after it."""

    def __init__(self, part: Any, step: str, after: bool) -> None:
        self.part, self.step, self.after = part, step, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.part, name)
        if name != self.step:
            return method

        def dying(*given: Any, **named: Any) -> Any:
            if self.after:
                method(*given, **named)
            raise Killed

        return dying


PLACES = (
    ("jobs", "gather"),
    ("jobs", "lease_next"),
    ("lane", "upload"),
    ("jobs", "move"),
    ("lane", "create"),
    ("lane", "look"),
    ("lane", "results"),
    ("storage", "put"),
    ("jobs", "save_answer"),
    ("jobs", "hand_to_single_calls"),
    ("lane", "delete"),
    ("jobs", "put_back"),
)


def dying_process(shop: Shop, part: str, step: str, after: bool) -> Batching:
    given = shop.services.batching
    parts = {"jobs": given.jobs, "lane": given.lane, "storage": shop.services.storage}
    assert hasattr(parts[part], step), f"{part} has no {step}"
    parts[part] = Dying(parts[part], step, after)
    story = replace(shop.services.parts, storage=parts["storage"])  # type: ignore[arg-type]
    return shop.process(jobs=parts["jobs"], lane=parts["lane"], parts=story)


def run_and_die(shop: Shop, part: str, step: str, after: bool) -> bool:
    """One turn of a process that dies when it comes to the step; then its leases end."""
    try:
        dying_process(shop, part, step, after).run()
    except Killed:
        return True
    finally:
        shop.change(BatchJob, lease_until=now(-1), not_before=now(-1))
    return False


@only_sqlite
def test_killed_at_every_step_one_after_the_other_nothing_is_lost_or_paid_twice(
    shop: Shop,
) -> None:
    shop.create(2)
    deaths = 0
    for after in (False, True):
        for part, step in PLACES:
            shop.work()
            deaths += run_and_die(shop, part, step, after)
    shop.finish()
    assert deaths >= 8
    shop.audit(products=2)
    assert_created_once(shop)


@pytest.mark.soak
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("part", "step"), PLACES, ids=[step for _, step in PLACES])
@only_sqlite
def test_killed_at_one_step_again_and_again_nothing_is_lost_or_paid_twice(
    shop: Shop, part: str, step: str, after: bool
) -> None:
    """A process dies there whenever it comes to it, three times; then another one goes on. Its job
    of two pictures has a first answer and a last one."""
    shop.create(1)
    deaths = 0
    for _ in range(20):
        shop.work()
        deaths += run_and_die(shop, part, step, after)
        if deaths == 3:
            break
    shop.finish()
    assert deaths or (step, after) == ("hand_to_single_calls", True)
    print(f"{step:>12} {'after' if after else 'before':>6}: {deaths} deaths, {shop.ledgers()}")
    shop.audit(products=1)
    assert_created_once(shop)


class LaneThatDies:
    """A lane whose process dies at the deletion with this number: before, or just after it.

    At each deletion every answer of that job must be safe.
    """

    def __init__(self, shop: Shop, number: int, after: bool) -> None:
        self.shop, self.left, self.after = shop, number, after
        self.lane = shop.services.batching.lane

    def __getattr__(self, name: str) -> Any:
        return getattr(self.lane, name)

    def delete(self, name: str) -> None:
        self.check_answers(name)
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Killed
        self.lane.delete(name)
        if self.left == 0:
            raise Killed

    def check_answers(self, name: str) -> None:
        jobs = self.shop.rows(BatchJob)
        [job] = [each for each in jobs if name in (each.name, each.file, each.results)]
        states = [each.state for each in self.shop.rows(BatchItem) if each.job_id == job.id]
        assert (job.state, set(states)) == ("deleting", {"answered"})
        if job.kind == "analysis":
            assert all(each.answer for each in self.shop.rows(Round))
        else:
            assert len(list(self.shop.services.storage.list("answers/"))) == len(states)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "number", [1, 2, *(pytest.param(number, marks=pytest.mark.extra) for number in (3, 4))]
)
@only_sqlite
def test_killed_while_it_deletes_a_job_at_google_nothing_is_lost_or_left(
    shop: Shop, number: int, after: bool
) -> None:
    """The file of a job's requests, that of its answers, and the job; then those of the next."""
    shop.create(2)
    deaths = 0
    for _ in range(4):
        shop.work()
        try:
            shop.process(lane=LaneThatDies(shop, number, after)).run()
        except Killed:
            deaths += 1
        shop.change(BatchJob, lease_until=now(-1), not_before=now(-1))
    assert deaths or number > 3
    shop.finish()
    shop.batching.run()
    shop.audit(products=2)
    assert set(shop.jobs()) == {("analysis", "done"), ("picture", "done")}
    assert_nothing_left_at_google(shop)


@only_sqlite
def test_what_can_not_be_deleted_at_once_is_deleted_later(shop: Shop) -> None:
    shop.create(1)
    shop.fake.batches.misbehave("delete_overloaded", times=3)
    shop.finish()
    run_after_the_pause(shop)
    shop.audit(products=1)
    assert_nothing_left_at_google(shop)


@only_sqlite
def test_a_refused_job_is_left_with_one_log_line_and_without_its_files(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """The files contain the sellers' photos."""
    shop.create(1)
    shop.fake.batches.misbehave("delete_refused", times=1000)
    shop.finish()
    shop.audit(products=1)
    shop.batching.run()
    assert shop.fake.batches.files == {}
    for _ in range(leftovers.REFUSALS):
        shop.batching.run()
    assert set(shop.jobs()) == {("analysis", "done"), ("picture", "done")}
    assert len(shop.fake.batches.listed()) == 2
    for job in shop.rows(BatchJob):
        assert caplog.text.count(f"{job.display_name} ({job.name}) can't be deleted") == 1


@only_sqlite
def test_an_outage_of_two_days_delays_a_deletion_and_uses_up_no_refusal(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.create(1)
    shop.fake.batches.misbehave("delete_overloaded", times=1000)
    shop.finish()
    run_after_the_pause(shop, times=2 * leftovers.REFUSALS)
    assert set(shop.jobs()) == {("analysis", "deleting"), ("picture", "deleting")}
    shop.change(BatchJob, changed_at=now(-leftovers.OUTAGE_SECONDS + 60))
    run_after_the_pause(shop)
    assert "can't be deleted" not in caplog.text
    shop.fake.batches._orders.clear()  # the outage is over
    shop.fake.batches.misbehave("delete_refused", times=2 * leftovers.REFUSALS)
    run_after_the_pause(shop, times=leftovers.REFUSALS + 1)
    assert set(shop.jobs()) == {("analysis", "done"), ("picture", "done")}
    assert_nothing_left_at_google(shop)


@pytest.mark.extra
@only_sqlite
def test_after_an_outage_of_two_days_a_job_is_left_with_one_log_line(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.create(1)
    shop.fake.batches.misbehave("delete_overloaded", times=1000)
    shop.finish()
    shop.audit(products=1)
    shop.change(BatchJob, changed_at=now(-leftovers.OUTAGE_SECONDS - 60))
    run_after_the_pause(shop, times=2)
    assert set(shop.jobs()) == {("analysis", "done"), ("picture", "done")}
    for job in shop.rows(BatchJob):
        assert caplog.text.count(f"{job.display_name} ({job.name}) can't be deleted") == 1


def run_after_the_pause(shop: Shop, times: int = 1) -> None:
    for _ in range(times):
        shop.change(BatchJob, not_before=now(-1))
        shop.batching.run()


@only_sqlite
def test_a_job_that_names_its_answers_late_is_not_paid_for_again(shop: Shop) -> None:
    """However often it was looked at while it ran."""
    shop.create(1)
    shop.work()
    shop.fake.batches.misbehave("output_late", times=runner.LOOKS)
    shop.batching.run()
    shop.change(BatchJob, looks=100)
    shop.finish()
    shop.batching.run()
    assert shop.outcomes() == {("batch", "ok"): 3}
    shop.audit(products=1)
    assert_nothing_left_at_google(shop)


@only_sqlite
def test_a_paid_job_that_never_names_its_answers_is_not_deleted(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.create(1)
    shop.work()
    shop.fake.batches.misbehave("output_late", times=runner.LOOKS + 3)
    for _ in range(runner.LOOKS + 2):
        shop.batching.run()
    [job] = shop.rows(BatchJob)
    assert job.state == "done"
    assert f"the answers of {job.display_name} were never read" in caplog.text
    assert [each.name for each in shop.fake.batches.listed()] == [job.name]
    shop.finish()
    assert shop.outcomes()["batch", "batch_succeeded"] == 1
    shop.audit(products=1, repeated=1)


@only_sqlite
def test_a_job_that_failed_has_no_answers_and_is_deleted(shop: Shop) -> None:
    shop.create(1)
    shop.work()
    shop.fake.batches.misbehave("failed")
    shop.finish()
    assert_nothing_left_at_google(shop)


@pytest.mark.extra
@only_sqlite
def test_jobs_that_are_being_deleted_keep_no_other_from_beginning(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_rows, "MAX_JOBS", 1)
    shop.create(1)
    shop.fake.batches.misbehave("delete_overloaded", times=1000)
    for _ in range(3):
        shop.work()
        shop.batching.run()
    assert shop.jobs() == [("analysis", "deleting"), ("picture", "running")]


@pytest.mark.extra
@only_sqlite
def test_a_job_that_still_runs_is_not_deleted(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """It was given up: a person finds it in Google's list."""
    shop.create(1)
    shop.work()
    shop.fake.batches.misbehave("stuck")
    shop.batching.run()
    shop.change(BatchJob, deadline=now(-3700), not_before=now(-1))
    shop.batching.run()
    [job] = shop.rows(BatchJob)
    assert job.state == "done"
    assert f"{job.display_name} still runs at Gemini: {job.name}" in caplog.text
    assert [each.name for each in shop.fake.batches.listed()] == [job.name]


def assert_created_once(shop: Shop) -> None:
    names = Counter(job.display_name for job in shop.fake.batches.jobs)
    assert set(names.values()) == {1}


def test_two_processes_never_work_on_one_job(shop: Shop) -> None:
    shop.create(4)
    shop.work()
    first, second = shop.process(), shop.process()
    for _ in range(12):
        both = [threading.Thread(target=each.run) for each in (first, second)]
        for each in both:
            each.start()
        for each in both:
            each.join()
        shop.work()
        if not shop.statuses()[PENDING]:
            break
    assert shop.fake.batches.asked["create"] == len(shop.jobs())
    shop.audit(products=4)


@pytest.mark.extra
@only_sqlite
def test_a_process_that_lost_its_job_writes_nothing_more(shop: Shop) -> None:
    shop.create(1)
    shop.work()
    jobs, lane = shop.batching.jobs, shop.batching.lane
    jobs.gather("analysis", lane, 0.0)
    frozen = jobs.lease_next()
    assert frozen is not None
    shop.change(BatchJob, lease_until=now(-1))
    shop.finish()
    from packshot.errors import LostClaim

    for write in (
        lambda: jobs.move(frozen, job_rows.RUNNING),
        lambda: jobs.put_back(frozen, 0.0),
        lambda: jobs.hand_to_single_calls(frozen, [], "x", paid=True),
    ):
        with pytest.raises(LostClaim):
            write()
    shop.audit(products=1)


@pytest.mark.extra
@only_sqlite
def test_a_turn_ends_with_the_database(shop: Shop) -> None:
    """What is away there is for the loop to wait for, not for the job."""

    class Away:
        def __getattr__(self, name: str) -> Any:
            raise Unavailable("the database is away")

    with pytest.raises(Unavailable):
        shop.process(jobs=Away()).run()
