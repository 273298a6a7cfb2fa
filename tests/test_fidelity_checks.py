"""Checks in the worker: after the picture, one after the other, and never at its cost."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from click.testing import CliRunner
from conftest import needs_module, only_sqlite
from sqlalchemy import select, update
from support.shop import Shop

from packshot.cli import main
from packshot.cli.fidelity import write_map
from packshot.database.models import Product, ProductImage
from packshot.database.types import now
from packshot.enhancers.contract import Judgement
from packshot.errors import PictureError, SettingsError, Stopping, Unavailable
from packshot.fidelity import scoring
from packshot.fidelity.checking import MEASURED
from packshot.fidelity.fitting import LabelledRow, as_toml, fit
from packshot.fidelity.jobs import FidelityFiles, measure_raw
from packshot.fidelity.verdicts import Check, CheckResult, Reason
from packshot.pictures.imaging import encode_array, to_array
from packshot.pictures.machine_limit import MachineLimit
from packshot.products.answers.doubt import doubt_of
from packshot.products.checks import MAX_TRIES, Checks
from packshot.products.figures import read_counts
from packshot.products.object_keys import changes_key, normalised_key
from packshot.work.checking.checker import Checker, checking_pixels
from packshot.work.checking.judging import Judging

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
FAILED = Check(
    verdict="fail",
    score=0.02,
    reasons=[Reason(code="extra", words="something was added at the top", raw=[0, 0, 1, 1])],
    measures={"extra": 0.2},
    lines=2,
    version="2026-11-28",
)


class FakePixels:
    """Stands in for the pixel process: counts what is asked, and answers or raises."""

    def __init__(self) -> None:
        self.raws = 0
        self.child = False
        self.answer: Callable[[], CheckResult] = lambda: CheckResult(FAILED, b"RIFF the map")

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        if function is measure_raw:
            self.raws += 1
            return b"raw side"
        return self.answer()

    def is_running(self) -> bool:
        return self.child

    def close(self) -> None:
        pass


class Desk:
    """A shop with one product whose three pictures wait for their check."""

    def __init__(self, shop: Shop, folder: Path) -> None:
        self.shop, self.pixels = shop, FakePixels()
        self.product_id, self.image_ids = shop.reviewable()
        network = folder / "u2netp.onnx"
        with network.open("wb") as file:
            file.truncate(4_574_861)
        self.checks = Checks(shop.services.database)
        self.checker = Checker(
            self.checks,
            shop.services.storage,
            self.pixels,  # type: ignore[arg-type]
            FidelityFiles(network),
            threading.Event(),
        )
        self.set(check_due=now())
        self.put_photo()

    def put_photo(self, data: bytes = b"photo") -> None:
        with self.shop.services.database.read() as session:
            namespace = session.get_one(Product, self.product_id).media_namespace
        assert namespace is not None
        key = normalised_key(namespace, self.product_id)
        self.shop.services.storage.put(key, data, "image/jpeg")

    def set(self, **values: Any) -> None:
        with self.shop.services.database.write() as session:
            session.execute(update(ProductImage).values(values))

    def row(self, place: int = 0) -> ProductImage:
        with self.shop.services.database.read() as session:
            return session.get_one(ProductImage, self.image_ids[place])

    def being_checked(self) -> int:
        with self.shop.services.database.read() as session:  # stats are cached when they are slow
            return read_counts(session).being_checked

    def shown(self) -> list[Any]:
        answer = self.shop.ask("GET", f"/api/products/{self.product_id}")
        return list(answer.get_json()["data"]["product"]["images"])


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    shop = Shop(database_url, tmp_path / "media", fidelity="on")
    yield Desk(shop, tmp_path)
    shop.close()


def test_a_doubt_says_each_reason_once_with_its_places() -> None:
    said = [
        "a part is missing at the top",
        "the product is less sharp than in the photo",
        "a detail is gone at the top right",
        "a detail is gone in the middle",
        "the product is less sharp than in the photo",
        "a detail is gone at the left",
    ]
    fidelity = {"reasons": [{"words": words} for words in said]}
    assert doubt_of(ProductImage(verdict="fail", fidelity=fidelity)) == (
        "A part is missing at the top; the product is less sharp than in the photo;"
        " a detail is gone at the top right, in the middle and at the left"
    )


def test_each_picture_is_checked_once_and_its_photo_measured_once(desk: Desk) -> None:
    assert [one["fidelity"]["reasons"][0]["words"] for one in desk.shown()] == [
        "not measured yet"
    ] * 3
    before = desk.shop.services.catalog.product(desk.product_id).version
    assert desk.being_checked() == 3
    desk.checker.run()
    assert (desk.pixels.raws, desk.being_checked()) == (1, 0)
    assert desk.checks.claim_next() is None
    [first, *_] = desk.shown()
    assert first["fidelity"]["verdict"] == "fail"
    assert first["doubt"] == "Something was added at the top"
    key = desk.row().object_key
    assert first["fidelity"]["change_map"] == f"/media/{changes_key(key or '')}"
    assert desk.shop.ask("GET", first["fidelity"]["change_map"]).data == b"RIFF the map"
    assert first["status"] == "pending"  # the machine decides nothing
    assert desk.shop.services.catalog.product(desk.product_id).version > before


@only_sqlite
def test_a_check_that_dies_is_tried_again_and_given_up(desk: Desk) -> None:
    def die() -> CheckResult:
        raise PictureError("the child died", code="picture_crashed", retryable=True)

    desk.pixels.answer = die
    for tries in range(1, MAX_TRIES + 1):
        desk.checker.run()
        assert {desk.row(place).check_tries for place in range(3)} == {tries}
        if tries < MAX_TRIES:
            desk.set(check_due=now())
    [first, *_] = desk.shown()
    assert (first["fidelity"]["verdict"], first["doubt"]) == (None, None)
    assert first["fidelity"]["reasons"][0]["words"] == "the child died"


@only_sqlite
def test_a_process_that_was_killed_gives_its_picture_back(desk: Desk) -> None:
    due = desk.checks.claim_next()
    assert due is not None
    others = [desk.checks.claim_next(), desk.checks.claim_next()]
    assert desk.checks.claim_next() is None  # all three are claimed; now the process dies
    assert None not in others
    for _ in range(MAX_TRIES - 1):
        desk.set(check_due=now())  # the lease is over
        assert desk.checks.claim_next() is not None
    desk.set(check_due=now(), check_tries=MAX_TRIES)
    desk.checker.run()  # whatever kills it is not fed for ever
    assert "gave_up" in {one["fidelity"]["reasons"][0]["code"] for one in desk.shown()}


class SlowJudge:
    """A model that answers after minutes; `meanwhile` is done before it does."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self.meanwhile, self.calls = meanwhile, 0

    def compare(self, *_: Any, swapped: bool = False) -> Judgement:
        self.calls += 1
        self.meanwhile()
        return Judgement("no", True, (), "m")


@only_sqlite
def test_no_other_process_asks_a_model_that_is_slow(desk: Desk) -> None:
    """GEMINI_TIMEOUT alone is longer than the lease of a check."""
    doubtful = FAILED.model_copy(update={"verdict": "warn"})
    desk.pixels.answer = lambda: CheckResult(doubtful, None, ((b"a",), (b"b",)))
    database = desk.shop.services.database

    def meanwhile() -> None:
        with database.read() as session:
            longer = select(ProductImage.id).where(ProductImage.check_due > now(600))
            assert session.scalars(longer).all() == [desk.image_ids[judge.calls - 1]]

    judge = SlowJudge(meanwhile)
    desk.checker.judging = Judging(judge, "doubtful", database)
    desk.checker.run()
    assert judge.calls == 3
    assert {one["fidelity"]["verdict"] for one in desk.shown()} == {"fail"}


@only_sqlite
def test_a_check_whose_picture_another_process_has_asks_no_model(desk: Desk) -> None:
    desk.pixels.answer = lambda: CheckResult(FAILED, None, ((b"a",), (b"b",)))
    judge = SlowJudge(lambda: None)
    desk.checker.judging = Judging(judge, "all", desk.shop.services.database)
    due = desk.checks.claim_next()
    assert due is not None
    desk.set(check_tries=2)  # claimed by another one
    desk.checker.check_one(due)
    assert judge.calls == 0 and desk.row().verdict is None


@only_sqlite
def test_an_outage_costs_no_try(desk: Desk) -> None:
    def away() -> CheckResult:
        raise Unavailable("the storage is away")

    desk.pixels.answer = away
    desk.checker.run()
    assert desk.row().check_tries == 0
    assert desk.row().check_due is not None


@only_sqlite
def test_without_the_network_it_says_so_and_never_passes(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "u2netp.onnx").unlink()
    desk.checker.run()
    found = [picture["fidelity"] for picture in desk.shown()]
    assert {each["verdict"] for each in found} == {None}
    assert all("cutout-model" in each["reasons"][0]["words"] for each in found)


@only_sqlite
def test_a_removed_photo_or_a_bug_leaves_the_picture_alone(desk: Desk) -> None:
    def bug() -> CheckResult:
        raise ZeroDivisionError

    desk.pixels.answer = bug
    desk.set(check_tries=MAX_TRIES - 1)
    desk.checker.run()
    assert {one["fidelity"]["reasons"][0]["code"] for one in desk.shown()} == {"gave_up"}
    assert {one["status"] for one in desk.shown()} == {"pending"}


def test_the_most_doubtful_come_first_and_webhooks_and_exports_say_the_verdict(
    desk: Desk,
) -> None:
    other, _ = desk.shop.reviewable()
    desk.checker.run()
    listed = desk.shop.ask("GET", "/api/products?order=doubt").get_json()["data"]["products"]
    assert [product["id"] for product in listed] == [desk.product_id, other]
    doubtful = desk.shop.ask("GET", "/api/products?doubt=yes").get_json()["data"]["products"]
    assert [product["id"] for product in doubtful] == [desk.product_id]
    body = {"status": "approved", "image_ids": desk.image_ids[:1]}
    path = f"/api/products/{desk.product_id}/review"
    assert desk.shop.ask("POST", path, json=body).status_code == 200
    lines = desk.shop.ask("GET", "/api/export?format=csv").text.splitlines()
    assert '"verdict","fidelity_score"' in lines[0] and '"fail","0.02"' in lines[1]
    metrics = desk.shop.ask("GET", "/metrics").text
    assert 'packshot_fidelity{enhancer="",prompts="",verdict="fail"} 3.0' in metrics


@only_sqlite
def test_processes_of_a_machine_run_onces_with_checks(desk: Desk, tmp_path: Path) -> None:
    """So that four of gunicorn's processes don't need the memory of four children at once."""
    ours, theirs = (MachineLimit("checks", 1, tmp_path) for _ in range(2))
    desk.checker.machine_limit = ours
    services, pixels = desk.shop.services, FakePixels()
    other = Checker(
        desk.checks,
        services.storage,
        pixels,  # type: ignore[arg-type]
        desk.checker.files,
        threading.Event(),
        machine_limit=theirs,
    )
    desk.pixels.child = True  # idle after its last check
    desk.checker.run()
    desk.set(check_due=now(), verdict=None)
    other.run()
    assert desk.row().verdict is None  # the other process still has its child
    desk.pixels.child = False  # ended because it was idle
    desk.checker.run()
    assert desk.row().verdict == "fail" and pixels.raws == 0
    desk.set(check_due=now(), verdict=None)
    other.run()
    assert desk.row().verdict == "fail" and pixels.raws == 1


def test_a_killed_process_no_longer_counts_against_the_limit(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; "
        "from packshot.pictures.machine_limit import MachineLimit; "
        "limit = MachineLimit('checks', 1, Path(sys.argv[1])); print(limit.acquire(), flush=True); "
        "time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    ours, two = MachineLimit("checks", 1, tmp_path), MachineLimit("checks", 2, tmp_path)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"True\n"
        assert not ours.acquire()
        assert two.acquire()  # the second of two
        process.kill()
    assert ours.acquire() and ours.acquire()
    ours.release()
    assert ours.acquire()
    ours.release()
    two.release()


def test_without_a_folder_for_locks_checks_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limit = MachineLimit("checks", 1, tmp_path / "nowhere")
    assert limit.acquire() and limit.acquire()
    assert caplog.text.count("not limited") == 1  # although it is acquired every two seconds


@only_sqlite
def test_a_process_that_ends_leaves_its_question_to_another(desk: Desk) -> None:
    def end() -> None:
        raise Stopping()

    doubtful = FAILED.model_copy(update={"verdict": "warn"})
    desk.pixels.answer = lambda: CheckResult(doubtful, None, ((b"a",), (b"b",)))
    desk.checker.judging = Judging(SlowJudge(end), "doubtful", desk.shop.services.database)
    due = desk.checks.claim_next()
    assert due is not None
    desk.checker.check_one(due)
    row = desk.row()
    assert (row.verdict, row.check_tries, row.check_due is None) == (None, 0, False)


@pytest.mark.extra
@only_sqlite
def test_a_real_child_measures_a_photo_within_its_memory(
    desk: Desk, network: Path, tmp_path: Path
) -> None:
    """The whole way with the real network and reader: a good picture, a cut one, no picture."""
    needs_module("rapidocr")
    photo = (SAMPLES / "photos/bottle-paper.jpg").read_bytes()
    darker = encode_array((to_array(photo)[..., :3] * 0.95).astype(np.uint8))
    pictures = (darker, encode_array(to_array(photo)[:, ::-1, :3]), b"no picture at all")
    storage = desk.shop.services.storage
    desk.put_photo(photo)
    for place, data in enumerate(pictures):
        storage.put(desk.row(place).object_key or "", data, "image/jpeg")
    pixels = checking_pixels()
    checker = Checker(desk.checks, storage, pixels, FidelityFiles(network), threading.Event())
    checker.run()
    most = max(child_peak_mb(child.pid) for child in psutil.Process().children())
    checker.close()
    assert [desk.row(place).verdict for place in range(3)] == ["pass", "fail", None]
    assert desk.shown()[0]["fidelity"]["reasons"] == []
    assert desk.shown()[0]["fidelity"]["lines"] >= 3
    assert desk.shown()[1]["fidelity"]["reasons"][0]["code"] == "mirrored"
    assert desk.shown()[2]["fidelity"]["reasons"][0]["code"] == "unreadable"
    assert most < 900, most


def child_peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    [peak] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(peak) / 1024


def test_a_change_map_takes_no_name_of_another_file(tmp_path: Path) -> None:
    enhanced = tmp_path / "mug.jpg"
    assert write_map(b"1", enhanced, None) == tmp_path / "mug.changes.webp"
    assert write_map(b"2", enhanced, None) == tmp_path / "mug.changes-2.webp"
    assert write_map(b"3", enhanced, tmp_path / "map.webp") == tmp_path / "map.webp"
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == [b"3", b"2", b"1"]


def test_the_command_names_what_is_no_picture_and_the_share_of_decisions(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no picture")
    photo = str(SAMPLES / "photos/mug-oak.jpg")
    run = CliRunner().invoke(main, ["fidelity", str(text), photo])
    assert run.exit_code == 1 and "Traceback" not in run.output
    assert run.output.startswith(f"Error: {text}: The file is text")
    empty = tmp_path / "empty.jpg"
    empty.touch()
    run = CliRunner().invoke(main, ["fidelity", str(empty), photo])
    assert run.exit_code == 1 and f"Error: {empty}: The file is empty." in run.output
    missing = CliRunner().invoke(main, ["fidelity", "nowhere.jpg", photo])
    assert missing.exit_code == 2 and "does not exist" in missing.output


@only_sqlite
def test_without_fidelity_nothing_waits_for_it(database_url: str, tmp_path: Path) -> None:
    shop = Shop(database_url, tmp_path / "media", fidelity="off")
    product_id, _ = shop.reviewable()
    answer = shop.ask("GET", f"/api/products/{product_id}").get_json()
    assert {one["fidelity"] for one in answer["data"]["product"]["images"]} == {None}
    assert shop.services.checker is None
    shop.close()


def test_the_report_compares_verdicts_with_decisions_and_fits_to_enough_of_them(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.checker.run()
    path = f"/api/products/{desk.product_id}/review"
    body = {"status": "approved", "image_ids": desk.image_ids[:1]}
    assert desk.shop.ask("POST", path, json=body).status_code == 200
    told = {"status": "rejected", "reason": "text_damaged"}
    path = f"/api/product-images/{desk.image_ids[1]}"
    assert desk.shop.ask("PATCH", path, json=told).status_code == 200
    labels = [(row["faithful"], row["kind"], row["verdict"]) for row in desk.checks.read_labels()]
    assert sorted(labels) == [(False, "text_damaged", "fail"), (True, "approved", "fail")]
    monkeypatch.setenv("DATABASE_URL", desk.shop.settings.database_url)
    run = CliRunner().invoke(main, ["fidelity", "report"])
    assert run.exit_code == 0, run.output
    assert "1 of 1 approved pictures were flagged" in run.output
    assert "Too few decisions to fit weights" in run.output


def decisions() -> list[LabelledRow]:
    """120 approved pictures without a change, and 40 rejected ones with a changed patch."""
    chance = np.random.default_rng(4)
    rows: list[LabelledRow] = []
    for number in range(160):
        faithful = number < 120
        measures = {name: float(abs(chance.normal(0, 0.001))) for name in MEASURED}
        if not faithful:
            measures["patch"] = 20 + float(chance.normal(0, 2))
        kind = "approved" if faithful else "colour"
        rows.append({"faithful": faithful, "kind": kind, "problem": None, "measures": measures})
    return rows


def test_approved_pictures_beyond_hard_limits_do_not_make_the_score_flag_nothing() -> None:
    """One in twelve shows less than its photo, such as what stood beside the product."""
    rows = decisions()
    for row in rows[:10]:
        row["measures"]["missing"] = 0.02
    rows[10]["measures"]["patch"] = 24.0  # approved by mistake
    found = fit(rows)
    assert "pass" not in [found.verdict(row) for row in rows[120:]]


def test_a_fit_to_decisions_tells_them_apart_and_can_be_read_back(tmp_path: Path) -> None:
    rows = decisions()
    found = fit(rows)
    verdicts = [found.verdict(row) for row in rows]
    assert verdicts[:120].count("pass") >= 114 and "pass" not in verdicts[120:]
    target = tmp_path / "weights.toml"
    target.write_text(as_toml(found.weights, "of a test"))
    read = scoring.load_weights(target)
    assert [read.judge(row["measures"])[0] for row in rows] == verdicts
    target.write_text(target.read_text().replace("cast = ", "green = "))  # of an earlier version
    scoring.load_weights.cache_clear()
    with pytest.raises(SettingsError, match="another version"):
        scoring.load_weights(target)
    (tmp_path / "broken.toml").write_text("version = 1")
    with pytest.raises(SettingsError):
        scoring.load_weights(tmp_path / "broken.toml")
