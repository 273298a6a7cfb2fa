"""The export: what is approved now, whole, in order, and harmless in a spreadsheet."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from servers.loopback import served
from support.shop import API_KEYS, SECRETS, Json, Shop

from packshot.cli import main
from packshot.products.export import rows
from packshot.products.export.rows import COLUMNS, _cell
from packshot.products.lookup import Editor


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(database_url, tmp_path / "media")
    yield shop
    shop.close()


def approve(shop: Shop, product_id: int, image_ids: list[int] | None = None) -> None:
    shop.services.catalog.review(product_id, "approved", who="ann", image_ids=image_ids)


def lines(shop: Shop, query: str = "") -> list[Json]:
    body = shop.ask("GET", f"/api/export?format=jsonl{query}").get_data(as_text=True)
    return [json.loads(line) for line in body.splitlines()]


def test_only_what_is_approved_now(shop: Shop) -> None:
    approved, [one, _, three] = shop.reviewable(category="Shoes")
    approve(shop, approved, [one, three])
    shop.reviewable()  # waits for a reviewer
    rejected, _ = shop.reviewable()
    shop.services.catalog.review(rejected, "rejected", who="ann")
    redone, _ = shop.reviewable()
    approve(shop, redone)
    shop.services.catalog.enhance(redone, by=Editor("ann"))  # its next round is on the way
    found = lines(shop)
    assert [(line["product_id"], line["image_id"]) for line in found] == [
        (approved, one),
        (approved, three),
    ]
    line = found[0]
    assert tuple(line) == COLUMNS
    assert (line["mrp"], line["price"], line["category"]) == (50000, 45000, "Shoes")
    assert line["approved_by"] == "ann"
    assert line["approved_at"].endswith("Z")
    assert line["image_url"].startswith("/media/enhanced/")


def test_pages_follow_each_other_without_gaps(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "PAGE", 2)
    wanted = []
    for _ in range(3):
        product_id, images = shop.reviewable(variants=3)
        approve(shop, product_id)
        wanted += images
    assert [line["image_id"] for line in lines(shop)] == wanted


def test_the_last_decision_counts(shop: Shop) -> None:
    product_id, images = shop.reviewable(variants=1)
    approve(shop, product_id)
    shop.services.catalog.decide(images[0], "pending", who="bob")
    shop.services.catalog.decide(images[0], "approved", who="eve")
    assert [line["approved_by"] for line in lines(shop)] == ["eve"]


def test_filters(shop: Shop) -> None:
    shoes, _ = shop.reviewable(variants=1, category="Shoes")
    toys, _ = shop.reviewable(variants=1, category="Toys")
    for product_id in (shoes, toys):
        approve(shop, product_id)
    assert [line["product_id"] for line in lines(shop, "&category=Toys")] == [toys]
    batch = shop.services.catalog.product(shoes).batch_id
    assert [line["product_id"] for line in lines(shop, f"&batch={batch}")] == [shoes]


def test_csv_is_quoted_and_runs_nothing(shop: Shop) -> None:
    product_id, _ = shop.reviewable(variants=1, category='=HYPERLINK("http://evil.example")')
    approve(shop, product_id)
    answer = shop.ask("GET", "/api/export")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="approved.csv"'
    [row] = csv.DictReader(io.StringIO(answer.get_data(as_text=True), newline=""))
    assert row["category"] == '\'=HYPERLINK("http://evil.example")'
    assert row["mrp"] == "50000"


def test_an_empty_export_is_a_header_or_nothing(shop: Shop) -> None:
    assert shop.ask("GET", "/api/export").get_data(as_text=True).count("\n") == 1
    assert shop.ask("GET", "/api/export?format=jsonl").get_data() == b""
    assert shop.ask("GET", "/api/export?format=xlsx").status_code == 422


#: What a spreadsheet runs, what it skips before it, and where it may begin a cell.
RUNS = "=+-@＝＋－＠﹦﹢﹣﹫\u2212"
SKIPS = [
    "",
    " ",
    "\t",
    "\r",
    "\n",
    '"',
    "\u00a0",
    "\u3000",
    "\x00",
    "\x1f",
    "\u200d",
    "\ufeff",
    ' "',
]
SPLITS = [
    "",
    ";",
    "a;",
    "a,",
    "a|",
    "a\t",
    "a\r",
    "a\n",
    "a\r\n",
    "a;b;",
    "a\v",
    "a\f",
    ";;",
    "; ;",
]


@pytest.mark.parametrize("run", RUNS)
def test_no_text_runs_wherever_a_spreadsheet_splits_it(run: str) -> None:
    for before, skipped in product(SPLITS, SKIPS):
        written = _cell(f"{before}{skipped}{run}1+1;b")
        for cell in re.split(r"[,;|\t\r\n\v\f]", written):
            assert not cell.lstrip("".join(SKIPS)).startswith(tuple(RUNS)), written


@given(st.text(alphabet=st.sampled_from("=+-@;,|\t\r\n \"'a1＝"), max_size=12))
def test_only_apostrophes_are_added_and_nothing_begins_a_formula(text: str) -> None:
    written = _cell(text)
    assert written.replace("'", "") == text.replace("'", "")
    assert _cell(written) == written
    for cell in re.split(r"[,;|\t\r\n]", written):
        assert not cell.lstrip(' "').startswith(tuple(RUNS))


@pytest.mark.parametrize(
    "text", ["Women's", "a=b", "x - y", "50% off; new", "a-b", "Shoes, red", ""]
)
def test_other_text_is_written_as_it_is(text: str) -> None:
    assert _cell(text) == text


def test_a_spreadsheet_that_splits_at_semicolons_runs_nothing(shop: Shop) -> None:
    """Excel in most of Europe reads the same file so."""
    evil = 'Lamp;=HYPERLINK("http://evil.example";"x")'
    product_id, _ = shop.reviewable(variants=1, category=evil)
    approve(shop, product_id)
    csv_text = shop.ask("GET", "/api/export").get_data(as_text=True)
    for cells in csv.reader(io.StringIO(csv_text, newline=""), delimiter=";"):
        assert not any(cell.lstrip().startswith(("=", '"=')) for cell in cells)
    [line] = lines(shop)
    assert line["category"] == evil  # JSON lines are for programs


def test_a_csv_cell_of_several_values_is_json_that_runs_nothing(shop: Shop) -> None:
    given = {"Lagerort": "A-3", "Größe": 'a;=HYPERLINK("x")', "=1": "-2"}
    product_id, _ = shop.reviewable(variants=1, attributes=given)
    approve(shop, product_id)
    text = shop.ask("GET", "/api/export").get_data(as_text=True)
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert json.loads(row["attributes"]) == given
    assert "Größe" in row["attributes"]
    for cell in re.split(r"[,;|\t\r\n]", row["attributes"]):
        assert not cell.lstrip(' "{').startswith(tuple(RUNS)), cell


def test_no_csv_cell_is_written_as_python_writes_it(shop: Shop) -> None:
    """Booleans as JSON has them, times as ISO 8601, nothing as an empty cell."""
    product_id, _ = shop.reviewable(variants=1, attributes={"a": "b"})
    approve(shop, product_id)
    text = shop.ask("GET", "/api/export").get_data(as_text=True)
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    [line] = lines(shop)
    for name, value in line.items():
        if value is None or isinstance(value, str):
            assert row[name] == (value or ""), name
        else:
            assert json.loads(row[name]) == value, name


def test_the_command_writes_a_whole_file_or_none(sqlite_url: str, tmp_path: Path) -> None:
    shop = Shop(sqlite_url, tmp_path / "media", api_keys=API_KEYS)
    product_id, _ = shop.reviewable(variants=2)
    approve(shop, product_id)
    with served(shop.app) as url:
        run = CliRunner().invoke
        target = tmp_path / "approved.jsonl"
        common = ["export", "--url", url, "--format", "jsonl"]
        refused = run(main, [*common, "-o", str(target)])
        done = run(main, [*common, "-o", str(target), "--key", SECRETS["review"]])
        shown = run(main, [*common, "--key", SECRETS["review"]])
        plain = ["export", "--url", url, "--key", SECRETS["review"], "-o"]
        table = run(main, [*plain, str(tmp_path / "approved.csv")])
        other = run(main, [*plain, str(tmp_path / "a.zip"), "--format", "csv"])
        excel = run(main, [*plain, str(tmp_path / "a.xlsx")])
        with contextlib.chdir(tmp_path):
            dash = run(main, [*plain, "-", "--format", "jsonl"])
            zipped = run(main, [*plain, "-", "--format", "zip"])
    shop.close()
    assert refused.exit_code == 1
    assert "asks for a key: give one with --key or PACKSHOT_API_KEY" in refused.output
    assert f"Wrote {tmp_path / 'approved.csv'}: 2 rows, " in table.output
    assert table.output.endswith((" bytes.\n", " kB.\n"))
    assert "does not fit --format csv: name it .csv" in other.output
    assert "an export is a .csv, .jsonl or .zip file" in excel.output
    assert dash.output == shown.output and not (tmp_path / "-").exists()
    assert "a ZIP goes into a file" in zipped.output
    assert done.exit_code == 0, done.output
    assert target.read_text() == shown.output
    assert len(target.read_text().splitlines()) == 2
    assert not list(tmp_path.glob(".*unfinished"))
