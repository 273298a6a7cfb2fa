"""`POST /api/imports`: what a spreadsheet and photos would become, and the same at every door."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from conftest import needs_shared
from support.shop import Json, Shop, row
from werkzeug.test import TestResponse

from packshot.cli.rows import ReadOptions, read_rows
from packshot.errors import PictureError
from packshot.pictures.child_processes import Pixels
from packshot.spreadsheets import ImportChoices, ImportInput, plan_import

SHEET = 'SKU,Product type,MRP,Colour\nA-1,Mugs,"1,299.00",red\nA-2,Mugs,90,\n'


@pytest.fixture(scope="module")
def shop(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One for all: an import creates nothing, and the child process takes a second to start."""
    folder = tmp_path_factory.mktemp("imports")
    url = f"sqlite:///{shutil.copy(sqlite_template, folder / 'packshot.db')}"
    shop = Shop(url, folder / "media", raw_image_hosts="127.0.0.1:47801,shop.example")
    yield shop
    shop.close()


def ask(shop: Shop, **fields: Any) -> TestResponse:
    return shop.ask("POST", "/api/imports", data=fields, content_type="multipart/form-data")


def sheet(text: str | bytes, name: str = "products.csv") -> tuple[io.BytesIO, str]:
    return io.BytesIO(text if isinstance(text, bytes) else text.encode()), name


def planned(shop: Shop, **fields: Any) -> Json:
    response = ask(shop, **fields)
    assert response.status_code == 200, response.get_json()
    data: Json = response.get_json()["data"]
    return data


IN_CHILD = f"""
import sys
from packshot.spreadsheets import ImportInput
from packshot.web.api.import_planning import plan_in_child
plan = plan_in_child(ImportInput({SHEET.encode()!r}, "products.csv", ["A-1.jpg"]), None)
print([row.product.sku for row in plan.rows], {{"flask", "sqlalchemy"}} & sys.modules.keys())
"""


def test_the_process_that_plans_loads_neither_flask_nor_sqlalchemy() -> None:
    """They are two thirds of what importing the application costs, and somebody waits."""
    printed = subprocess.check_output([sys.executable, "-c", IN_CHILD], text=True)
    assert printed == "['A-1', 'A-2'] set()\n"


def test_names_of_a_zip_without_an_encoding(shop: Shop) -> None:
    """A name that may be Chinese as well as Korean is not read."""

    def read(*names: bytes) -> list[str | None]:
        given = {"names": [name.hex() for name in names]}
        response = shop.ask("POST", "/api/imports/names", json=given)
        assert response.status_code == 200, response.get_json()
        found: list[str | None] = response.get_json()["data"]["names"]
        return found

    mug, bag = "マグ_1.jpg".encode("cp932"), "背包_1.jpg".encode("gbk")
    assert read(mug, b"a/") == ["マグ_1.jpg", "a/"]
    assert read("Рубашка.jpg".encode("cp866")) == ["Рубашка.jpg"]
    assert read(bag) == [None]


def test_a_spreadsheet_and_names_become_rows_of_the_bulk_call(shop: Shop) -> None:
    photos = json.dumps(["A-1/1.jpg", "A-1_back.png", "a-2.heic", "B.jpg", "x.mp4", "Thumbs.db"])
    data = planned(shop, spreadsheet=sheet(SHEET), photos=photos)
    assert data["mapping"]["Product type"] == "category"
    assert data["conventions"]["MRP"]["sign"] == "point"
    assert [column["samples"] for column in data["columns"]][3] == ["red"]
    found = {match["photo"]: data["rows"][match["index"]] for match in data["photos"]["matched"]}
    assert found["A-1/1.jpg"] == {
        "category": "Mugs",
        "sku": "A-1",
        "view": "1",
        "filename": "1.jpg",
        "mrp": "1299.00",
        "attributes": {"Colour": "red"},
    }
    assert (found["A-1_back.png"]["view"], found["a-2.heic"]["sku"]) == ("back", "A-2")
    left_out = {each["file"]: each["why"] for each in data["photos"]["left_out"]}
    assert left_out.keys() == {"B.jpg", "x.mp4"}
    assert data["photos"]["system_files"] == 1
    faults = shop.bulk(*data["rows"]).get_json()["errors"]  # only the pictures are missing
    assert {fault["pointer"].rpartition("/")[2] for fault in faults} == {"raw_image"}


def test_planning_an_import_creates_nothing(shop: Shop) -> None:
    planned(shop, spreadsheet=sheet(SHEET), photos="A-1.jpg")
    assert shop.services.catalog.products().products == []


def test_a_currency_that_is_not_shown_is_named(shop: Shop) -> None:
    data = planned(shop, spreadsheet=sheet("SKU,Type,MRP,Price\nA-1,Mugs,₹ 399,₹ 299.50\n"))
    notes = [each for each in data["problems"] if "CURRENCY" in each["detail"]]
    assert [note["level"] for note in notes] == ["note"]
    to_set = "to show that, set CURRENCY=INR in .env, and start Packshot again"
    assert notes[0]["detail"] == f"the sheet's prices are in INR: {to_set}"
    plain = planned(shop, spreadsheet=sheet(SHEET))
    assert not any("CURRENCY" in each["detail"] for each in plain["problems"])


def test_the_choices_of_the_user_are_followed(shop: Shop) -> None:
    text = "code;cost\nA-1;1,299\n"
    asked = planned(
        shop,
        spreadsheet=sheet(text),
        mapping=json.dumps({"cost": "price", "code": "sku"}),
        defaults=json.dumps({"category": "Mugs"}),
        photos="A-1.jpg",
    )
    [question] = [each for each in asked["problems"] if each["level"] == "question"]
    assert (question["row"], question["column"], asked["rows"]) == (2, "cost", [])
    [left] = asked["photos"]["left_out"]
    assert left["why"] == "its row waits for the answer to a question"
    data = planned(
        shop,
        spreadsheet=sheet(text),
        mapping=json.dumps({"cost": "price", "code": "sku"}),
        conventions=json.dumps({"cost": "comma"}),
        defaults=json.dumps({"category": "Mugs"}),
        photos="A-1.jpg",
    )
    assert [problem["detail"] for problem in data["problems"] if problem["level"] == "error"] == [
        "must have at most two decimals, not 1,299: write 1299 if its sign groups thousands"
    ]


def test_photos_alone_are_read_by_a_pattern_that_can_be_changed(shop: Shop) -> None:
    defaults = json.dumps({"category": "Mugs", "price": "90"})
    photos = ["AB-1__left.jpg", "AB-1__2.jpg", "C.jpg"]
    data = planned(shop, photos=photos, pattern="{sku}__{view}", defaults=defaults)
    assert data["photos"]["pattern"] == "{sku}__{view}"
    assert [(row.get("sku"), row.get("view"), row["price"]) for row in data["rows"]] == [
        ("AB-1", "2", "90"),
        ("AB-1", "left", "90"),
        ("C", None, "90"),
    ]
    refused = ask(shop, photos=photos, pattern="{what}", defaults=defaults)
    assert refused.status_code == 422
    assert "may only contain {sku}, {view}" in refused.get_json()["detail"]
    nameless = planned(shop, photos=photos)
    assert nameless["rows"] == []
    assert nameless["problems"] == [
        {"row": None, "column": "category", "detail": "is required", "level": "error"}
    ]


def test_a_known_sku_is_found_in_each_spelling_of_a_name(shop: Shop) -> None:
    shop.create(row(sku="\u00c9TUI"))
    names = json.dumps(["E\u0301TUI-2.jpg", "\u00c9TUI-3.jpg", "IMG\u200b 5_x.jpg"])
    found = planned(shop, photos=names, defaults='{"category": "Cases"}')
    views = [(one["sku"], one.get("view")) for one in found["rows"]]
    assert views[:2] == [("\u00c9TUI", "2"), ("\u00c9TUI", "3")]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("tray-7", "tray-7 (Packshot has TRAY-7)"),
        ("Tray_7", "Tray_7 (Packshot has TRAY-7)"),
        ("TRAY 7", "TRAY 7 (Packshot has TRAY-7)"),
        ("TRAY-7", None),
        ("TRAY-8", None),
    ],
)
def test_a_sku_that_packshot_has_in_another_spelling_is_noted(
    shop: Shop, given: str, said: str | None
) -> None:
    """It would become a second product beside the one that is meant."""
    shop.create(row(sku="TRAY-7"))
    found = planned(shop, spreadsheet=sheet(f"SKU,Category\n{given},Trays\n"), photos="x.jpg")
    notes = [each for each in found["problems"] if "Packshot has" in each["detail"]]
    assert [(each["level"], each["column"]) for each in notes] == [("note", "SKU")] * bool(said)
    assert said is None or notes[0]["detail"].startswith(f"{said}: only upper and lower case")


def test_names_are_read_by_the_skus_that_packshot_has(sqlite_url: str, tmp_path: Path) -> None:
    shop = Shop(sqlite_url, tmp_path / "media")
    shop.create(row(sku="BOOK"), row(sku="BOOK-7"))
    names = ["BOOK-7.jpg", "BOOK-8.jpg", "BOTL-1.jpg", "BOTL-2.jpg", "JAR_front.jpg"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, "photo")
    zipped = (io.BytesIO(packed.getvalue()), "photos.zip")
    for photos in (json.dumps(names), zipped):
        found = planned(shop, photos=photos, defaults='{"category": "Books"}')
        assert [(one["sku"], one.get("view")) for one in found["rows"]] == [
            ("BOOK-7", None),
            ("BOOK", "8"),
            ("BOTL-1", None),
            ("BOTL-2", None),
            ("JAR", "front"),
        ]
        [note] = found["problems"]
        assert (note["level"], note["column"]) == ("note", "Names of photos")
    shop.close()


def test_rows_that_the_bulk_call_would_refuse_are_problems(shop: Shop) -> None:
    text = (
        "sku,category,image,mrp,price\n"
        "A,Mugs,https://shop.example/a.jpg,1e3,100\n"
        "B,Mugs,ftp://shop.example/b.jpg,100,90\n"
        "C,Mugs,https://192.168.0.1/c.jpg,100,90\n"
        "D,Mugs,https://shop.example/d.jpg,100,90\n"
    )
    data = planned(shop, spreadsheet=sheet(text))
    wrong = {each["row"]: (each["column"], each["detail"]) for each in data["problems"]}
    assert wrong[2][0] == "mrp"
    assert wrong.keys() == {2, 3, 4}
    assert [row["sku"] for row in data["rows"]] == ["D"]


def test_a_row_with_an_error_may_lack_its_photo_too(shop: Shop) -> None:
    text = "sku,category,mrp,gst\nA-1,Mugs,5,500\nA-2,Mugs,8,5\n"
    data = planned(shop, spreadsheet=sheet(text))
    assert [problem["row"] for problem in data["problems"]] == [2]
    assert data["photos"]["missing"] == [
        {"row": 2, "wanted": "A-1", "sku": "A-1"},
        {"row": 3, "wanted": "A-2", "sku": "A-2"},
    ]


def test_an_error_is_said_in_the_names_of_the_sheet(shop: Shop) -> None:
    """Of swapped columns: one MRP below its price would be left out."""
    rows = [f"{sku},990,1090,https://shop.example/a.jpg\n" for sku in "ABC"]
    text = f"SKU,M.R.P. (₹),Selling price,Image\n{''.join(rows)}"
    data = planned(shop, spreadsheet=sheet(text), defaults=json.dumps({"category": "Caps"}))
    wrong, *_ = [each for each in data["problems"] if each["level"] == "error"]
    assert wrong["column"] == "Selling price"
    assert wrong["detail"] == "1090 is above the M.R.P. (₹) of 990"


def test_the_facts_of_a_sku_are_those_of_its_own_cells(shop: Shop) -> None:
    """Not the defaults; where rows of a SKU differ, it has no such fact."""
    text = "SKU,Product name,MRP,Colour,Size\nA,Cap,20,red,S\nB,Hat,5,,\nA,Cap,20,red,M\n,Lid,1,,\n"
    defaults = json.dumps({"category": "Caps", "price": "4"})
    data = planned(shop, spreadsheet=sheet(text), photos=["A.jpg"], defaults=defaults)
    assert data["facts"] == [
        {"sku": "A", "mrp": "20", "name": "Cap", "attributes": {"Colour": "red"}},
        {"sku": "B", "mrp": "5", "name": "Hat"},
    ]


def test_a_zip_of_photos_is_looked_into_and_files_are_read_past(shop: Shop) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("photos/A-1/1.jpg", b"x")
        archive.writestr("photos/A-2.txt", b"x")
        archive.writestr("__MACOSX/photos/._A-2.jpg", b"x")
    files = [(io.BytesIO(packed.getvalue()), "a.zip"), (io.BytesIO(b"x" * 100_000), "A-2.jpg")]
    data = planned(shop, spreadsheet=sheet(SHEET), photos=files)
    matched = {each["photo"] for each in data["photos"]["matched"]}
    assert matched == {"photos/A-1/1.jpg", "A-2.jpg"}
    assert [each["file"] for each in data["photos"]["left_out"]] == ["photos/A-2.txt"]
    assert data["photos"]["system_files"] == 1


def test_a_row_without_its_photo_is_missing_and_one_that_shares_a_sku_is_named(shop: Shop) -> None:
    text = "sku,category,size\nA-1,Mugs,S\nA-1,Mugs,M\nA-2,Mugs,S\n"
    data = planned(shop, spreadsheet=sheet(text), photos="A-1.jpg")
    assert data["photos"]["missing"] == [{"row": 4, "wanted": "A-2", "sku": "A-2"}]
    [note] = data["problems"]
    assert (note["row"], note["level"]) == (3, "note")
    assert [row["sku"] for row in data["rows"]] == ["A-1", "A-2"]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({}, 422, "invalid_request"),
        ({"mapping": "{}"}, 422, "invalid_request"),
        ({"photos": "a.jpg", "colour": "x"}, 422, "invalid_request"),
        ({"photos": "[1]"}, 422, "invalid_request"),
        ({"photos": "a.jpg", "mapping": "[]"}, 422, "invalid_request"),
        ({"photos": "a.jpg", "defaults": '{"mrp": "x"}'}, 422, "bad_spreadsheet"),
        ({"photos": "a.jpg", "mapping": "[" * 200_000}, 422, "invalid_request"),
        ({"photos": "a.jpg", "mapping": "x" * 300_000}, 413, "too_large"),
        ({"photos": json.dumps([f"{n}.jpg" for n in range(20_001)])}, 413, "too_large"),
    ],
)
def test_what_can_not_be_used_is_refused(shop: Shop, fields: Json, status: int, code: str) -> None:
    response = shop.ask("POST", "/api/imports", data=fields, content_type="multipart/form-data")
    assert (response.status_code, response.get_json()["type"]) == (status, f"/problems/{code}")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"PK\x03\x04 no archive at all", "a.xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.xls"),
        (b"", "a.csv"),
        (b"%PDF-1.7", "a.csv"),
        (b"no header here", "a.csv"),
    ],
)
def test_files_that_are_no_spreadsheets_are_refused_in_words(
    shop: Shop, data: bytes, name: str
) -> None:
    response = ask(shop, spreadsheet=sheet(data, name))
    assert (response.status_code, response.get_json()["type"]) == (
        422,
        "/problems/bad_spreadsheet",
    )
    damaged = ask(shop, photos=[(io.BytesIO(b"PK no archive"), "photos.zip")])
    assert "ZIP is damaged" in damaged.get_json()["detail"]


# -- the same at every door ------------------------------------------------------------------------

#: What the page and the command take where a row says nothing.
DEFAULTS = {"category": "Products"}


def as_the_page_asks(shop: Shop, **fields: Any) -> Json:
    """See askPlan in upload/plan.js."""
    empty = dict.fromkeys(("mapping", "conventions", "assigned"), "{}")
    return planned(shop, **empty, defaults=json.dumps(DEFAULTS), **fields)


def makable(plan: Json) -> list[Json]:
    """The rows that the page would send; see makable in upload/plan.js."""
    matched = {match["index"] for match in plan["photos"]["matched"]}
    return [row for n, row in enumerate(plan["rows"]) if n in matched or row.get("raw_image")]


def by_the_command(*paths: Path) -> list[Json]:
    return [row.fields for row in read_rows(paths, ReadOptions(DEFAULTS)) if not row.errors]


def test_every_spreadsheet_of_the_cases_gives_the_same_rows_at_every_door(
    shop: Shop, tmp_path: Path
) -> None:
    photo = tmp_path / "good.jpg"
    photo.touch()
    for path in sorted(needs_shared("cases", "csv").iterdir()):
        plan = as_the_page_asks(
            shop, spreadsheet=sheet(path.read_bytes(), path.name), photos='["good.jpg"]'
        )
        wish = ImportInput(
            path.read_bytes(), path.name, ["good.jpg"], ImportChoices(defaults=DEFAULTS)
        )
        read = [row.product.as_product() for row in plan_import(wish).rows]
        assert plan["rows"] == read, path.name
        assert by_the_command(path, photo) == makable(plan), path.name
        levels = [problem["level"] for problem in plan["problems"]]
        assert plan["rows"] or "question" in levels, path.name


def test_the_folder_of_the_cases_gives_the_same_rows_at_every_door(shop: Shop) -> None:
    folder = needs_shared("cases", "folder")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = [f"folder/{path.relative_to(folder).as_posix()}" for path in files]
    plan = as_the_page_asks(shop, photos=json.dumps(names))
    assert by_the_command(folder) == makable(plan)
    assert len(plan["rows"]) == 10, "all but Thumbs.db"
    assert (plan["photos"]["left_out"], plan["photos"]["system_files"]) == ([], 1)


def test_an_ambiguous_photo_can_be_given_to_a_row(shop: Shop) -> None:
    rows = "SKU,Type,Image\nab-1,Cups,\nAB-1,Cups,\n,Cups,one.jpg\n"
    names = ["Ab-1_back.jpg", "x/one.jpg", "y/one.jpg", "AB-1_zettel.jpg"]
    fields: Json = {"photos": json.dumps(names)}

    def ask_with(assigned: dict[str, str]) -> Json:
        body = fields | {"spreadsheet": sheet(rows.encode(), "a.csv")}
        return dict(planned(shop, **body, assigned=json.dumps(assigned))["photos"])

    asked = {one["photo"]: one["rows"] for one in ask_with({})["ambiguous"]}
    assert asked == {"Ab-1_back.jpg": [2, 3], "x/one.jpg": [4], "y/one.jpg": [4], names[3]: [3]}
    choices = {"Ab-1_back.jpg": "2", "y/one.jpg": "4", "x/one.jpg": "0", names[3]: "3"}
    found = ask_with(choices)
    given = {one["photo"]: (one["row"], one["hint"]) for one in found["matched"]}
    by_hand = "assigned by hand"
    assert given == {
        "Ab-1_back.jpg": (2, by_hand),
        "y/one.jpg": (4, by_hand),
        names[3]: (3, by_hand),
    }
    by_choice = {"file": "x/one.jpg", "why": "was left out by hand", "fits_no_row": False}
    assert found["left_out"] == [by_choice]
    assert (found["ambiguous"], found["missing"]) == ([], [])
    nowhere = ask_with({"y/one.jpg": "9"})
    assert "there is no row 9 for it" in [one["why"] for one in nowhere["left_out"]]


def test_a_camera_s_name_is_no_view_of_the_row_that_gets_the_photo(shop: Shop) -> None:
    names = ["IMG_2034.jpg", "IMG_2035.jpg", "BOTTL-1_back.jpg"]

    def ask_with(**assigned: str) -> Json:
        table = sheet(b"SKU,Type\nBOTL-1,Cups\nCUP-2,Cups\n", "a.csv")
        given = json.dumps(assigned)
        return dict(planned(shop, spreadsheet=table, photos=json.dumps(names), assigned=given))

    left = ask_with()["photos"]["left_out"]
    assert [one["file"] for one in left if one["fits_no_row"]] == names[:2]
    plan = ask_with(**dict(zip(names, "332", strict=True)))
    views = {m["photo"]: plan["rows"][m["index"]].get("view") for m in plan["photos"]["matched"]}
    assert views == dict(zip(names, [None, "IMG_2035", "back"], strict=True))


class StarvedPixels(Pixels):
    """As on a machine where other programs leave the child no CPU."""

    def run(self, *args: Any, **options: Any) -> NoReturn:
        raise PictureError("slow", code="picture_too_slow", retryable=True)


def test_a_busy_machine_is_not_blamed_on_the_spreadsheet(sqlite_url: str, tmp_path: Path) -> None:
    shop = Shop(sqlite_url, tmp_path / "media")
    shop.services.pixels = StarvedPixels()
    refused = ask(shop, spreadsheet=sheet(SHEET))
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert "too busy" in refused.text
    shop.close()


def test_a_default_of_another_field_is_refused(shop: Shop) -> None:
    refused = ask(shop, spreadsheet=sheet("SKU\nA\n"), defaults='{"prise": "5"}')
    assert refused.status_code == 422
    [error] = refused.get_json()["errors"]
    assert (error["pointer"], error["code"]) == ("/defaults", "unknown_field")
    assert error["detail"] == 'has an unknown field "prise"; did you mean price?'
