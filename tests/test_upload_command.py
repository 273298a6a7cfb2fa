"""`packshot upload`: what it reads, and what it says of it before anything is sent."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import threading
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3
from click.testing import Result
from rich.console import Console
from servers.loopback import Application, losing_answers, served
from servers.packshot_process import ROOT
from servers.ports import free_port
from sqlalchemy import update
from support.commands import run_upload as run
from support.fakes import photo_bytes
from support.shop import API_KEYS, SECRETS, Shop, becomes, row

from packshot.cli.dry_run import check_offline
from packshot.cli.progress import wait_with_bar
from packshot.cli.retry_notices import RetryNotices, print_to_stderr
from packshot.cli.rows import ReadOptions, Row, read_rows
from packshot.cli.sending import find_repeated_photos
from packshot.cli.updating import Updated, update_products
from packshot.client import ApiError, Client
from packshot.database.models import PENDING_REVIEW, Product
from packshot.errors import SpreadsheetError
from packshot.pictures import imaging
from packshot.pictures.imaging import OutputSpec
from packshot.pictures.provenance import EDITED, Provenance
from packshot.products.lookup import Editor
from packshot.spreadsheets import ENDINGS, is_text_table, read_table

PHOTO = sorted((ROOT / "samples" / "photos").glob("*.jpg"))[0]
HEADER = "category,raw_image,mrp,price,discount,gst\n"


def listed(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "products.csv"
    path.write_bytes(text.encode(encoding))
    return path


FAULTS = (
    ("Mugs,{photo},a1,90,,", "mrp: must be a number, not 'a1'\n"),
    ("Mugs,{photo},100,90,,500", "gst: must be from 0 to 100, not 500\n"),
    ("Mugs,{photo},100.0012,90,,", "mrp: must have at most two decimals, not 100.0012\n"),
    ("Mugs,,100,90,,", "has no SKU and no photo\n"),
    ("Mugs,text.jpg,100,90,,", "photo: text.jpg: The file is text, not a JPEG, PNG, WebP"),
    ("Mugs,empty.jpg,100,90,,", "photo: empty.jpg: The file is empty."),
    ("Mugs,nothing.jpg,100,90,,", "no photo was given for nothing.jpg\n"),
    ("Mugs,/media/usb/phone.jpg,100,90,,", "no photo was given for /media/usb/phone.jpg\n"),
    ("Mugs,ftp://shop.example/a.jpg,100,90,,", "photo: "),
    ("Mugs,{photo},100,90,,,,x", "has more cells than the header"),
)
#: Of one that reads its column in another way, and of one that takes the rows below with it.
ALONE = (
    ("Mugs,{photo},100.001,90,,", "mrp: 100.001 can be 100001 or 100.001: say which is"),
    ('"Mugs,{photo},100,90,,', "a quote opens a cell in this row and is never closed"),
)


@pytest.mark.parametrize("faults", [FAULTS, *((fault,) for fault in ALONE)])
def test_a_dry_run_finds_what_the_server_would(
    tmp_path: Path, faults: Sequence[tuple[str, str]]
) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.jpg").touch()
    good = f"Mugs,{PHOTO},100,90,,18\n"
    lines = "\n".join(line.format(photo=PHOTO) for line, _ in faults)
    done = run(listed(tmp_path, HEADER + good + lines), "--dry-run")
    assert done.exit_code == 1
    for number, (_, fault) in enumerate(faults, start=3):
        assert f"would be refused products.csv row {number}: {fault}" in done.output
    assert f"1 of {len(faults) + 1} rows looks good; nothing was sent." in done.output


def test_a_dry_run_shows_what_it_read_and_says_each_fault_once_in_order(tmp_path: Path) -> None:
    for name in ("A1_1.jpg", "A1_2.jpg", "A1_3.jpg"):
        (tmp_path / name).write_bytes(PHOTO.read_bytes())
    rows = "B2,Bowl,Mugs,2,1\nA1,Cup,Mugs,20,10\nC3,Can,Mugs,1,5\n,Lid,Mugs,x1,\n"
    path = listed(tmp_path, f"sku,name,category,mrp,Sale price\n{rows}")
    done = run(path, tmp_path, "--dry-run")
    lines = [line for line in done.output.splitlines() if not line.startswith("note ")]
    refused = "would be refused products.csv row"
    assert lines == [
        *(
            f"read products.csv row 3: SKU A1, view {view}, name Cup, MRP 20, price 10,"
            f" photo A1_{view}.jpg"
            for view in (1, 2, 3)
        ),
        f"{refused} 2: no photo was given for B2",
        f"{refused} 4: no photo was given for C3",
        f"{refused} 5: mrp: must be a number, not 'x1'; has no SKU and no photo",
        "3 products from 1 of 4 rows look good; nothing was sent.",
    ]


def test_a_dry_run_of_good_rows(tmp_path: Path) -> None:
    addresses = ("https://shop.example/a.jpg", "s3://shop/raw/a.jpg", "/media/uploads/4f1c")
    rows = [f"Mugs,{address},100,90,,18\n" for address in (*addresses, PHOTO)]
    done = run(listed(tmp_path, HEADER + "".join(rows)), "--dry-run")
    assert done.exit_code == 0
    assert done.output.endswith("4 of 4 rows look good; nothing was sent.\n")


def test_the_options_are_checked_too() -> None:
    done = run(PHOTO, "--dry-run", "--mrp", "1", "--price", "2")
    assert done.exit_code == 1
    assert "price: 2 is above the mrp of 1" in done.output


def test_an_option_is_an_amount_as_people_write_it() -> None:
    done = run(PHOTO, "--dry-run", "--mrp", "1.299,00 €", "--price", "12,50", "--gst", "19 %")
    assert "MRP 1299.00, price 12.50" in done.output
    wrong = run(PHOTO, "--dry-run", "--price", "1.299")
    assert (wrong.exit_code, "--price: 1.299 can be 1299 or 1.299" in wrong.output) == (2, True)


def only_row(path: Path) -> Row:
    (row,) = read_rows([path])
    return row


def test_a_dry_run_shows_on_a_terminal_how_many_rows_were_checked(tmp_path: Path) -> None:
    """The photos of a large folder are decoded for minutes."""
    row = only_row(listed(tmp_path, "Category,raw_image\nHats,https://shop.example/a.jpg\n"))
    shown = io.StringIO()
    checked = check_offline([row, row], Console(file=shown, force_terminal=True, width=80))
    assert [each.errors for each in checked] == [[], []]
    assert "Checking" in shown.getvalue()
    assert "2/2" in shown.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_spreadsheets_write_is_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    text = "Category,raw_image,mrp,price\r\nCafé,https://shop.example/a.jpg,100,90\r\n,,,\r\n"
    row = only_row(listed(tmp_path, text.replace(",", delimiter), encoding))
    assert row.fields["category"] == "Café"
    assert (row.source, row.photo, row.errors) == ("products.csv row 2", None, [])


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le"])
def test_other_encodings_are_read_and_a_doubt_is_noted(tmp_path: Path, encoding: str) -> None:
    done = run(listed(tmp_path, f"{HEADER}Café,{PHOTO},100,90,,\n", encoding), "--dry-run")
    assert done.exit_code == 0
    doubted = "note products.csv: the file is not in UTF-8 and was read as Windows-1252"
    assert (doubted in done.output) == (encoding == "cp1252")


def test_how_columns_were_understood_is_printed(tmp_path: Path) -> None:
    text = f"Product type,Photo,MRP,Selling price,prise\nMugs,{PHOTO},2,1,x\n"
    done = run(listed(tmp_path, text), "--dry-run")
    assert done.exit_code == 0
    assert "Product type is category, Photo is raw_image, Selling price is price" in done.output
    assert "note products.csv: kept as attributes: prise" in done.output


def test_a_spreadsheet_without_skus_has_one_cause(tmp_path: Path) -> None:
    """Said first, with the column that may be it; not once for each row and photo."""
    for number in range(12):
        (tmp_path / f"A-{number}.jpg").write_bytes(photo_bytes(side=200 + number))
    rows = "".join(f"A-{number};Mugs;5\n" for number in range(12))
    path = listed(tmp_path, f"Nr XY;Gruppe;Preis\n{rows}")
    photos = sorted(tmp_path.glob("*.jpg"))
    done = run(path, *photos, "--dry-run")
    first, *lines = done.output.splitlines()
    assert "products.csv: no column was read as the SKU: photos are named as Nr XY says" in first
    assert "(--column NAME=sku says which it is)" in first
    refused = "would be refused products.csv rows 2-13: has no SKU and no photo"
    assert lines[-2] == refused
    [left_out] = [line for line in lines if "left out" in line]
    assert (
        "left out 12 files: no column was read as the SKU: A-0.jpg, A-1.jpg, A-10.jpg" in left_out
    )
    assert run(path, *photos, "--dry-run", "--column", "Nr XY=sku").exit_code == 0


def test_a_column_and_the_decimals_can_be_said(tmp_path: Path) -> None:
    path = listed(tmp_path, f"category;raw_image;cost\nMugs;{PHOTO};1,299\n")
    assert run(path, "--dry-run", "--column", "cost=price").exit_code == 1
    done = run(path, "--dry-run", "--column", "cost=price", "--decimals", "point")
    assert done.exit_code == 0
    options = ReadOptions(mapping={"cost": "price"}, decimals="point")
    assert read_rows([path], options)[0].fields["price"] == "1299"


@pytest.mark.parametrize("column", ["cost", "cost=money"])
def test_a_column_that_can_not_be(tmp_path: Path, column: str) -> None:
    done = run(listed(tmp_path, HEADER), "--dry-run", "--column", column)
    assert done.exit_code == 2
    assert ("must be NAME=FIELD" in done.output) == (column == "cost")
    assert ("is not a field" in done.output and "mrp" in done.output) == (column == "cost=money")


def test_a_spreadsheet_of_another_kind_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "products.xls"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    done = run(path, "--dry-run")
    assert done.exit_code == 1
    assert "Error: products.xls: the file is an old .xls file: save it as .xlsx" in done.output


@pytest.mark.parametrize("name", ["a.xlsx", "a.ods", "a.xls"])
@pytest.mark.parametrize(
    "text", ["sku\nA1\n", "sku,name\nA1,Mug\n", "sku\tname\nA1\tMug\n", "Артикул\nA1\n"]
)
def test_a_table_may_have_the_name_of_a_workbook(name: str, text: str) -> None:
    """However few columns it has."""
    table = read_table(text.encode(), name)
    assert [",".join(record.cells) for record in table.records] == text.replace("\t", ",").split()


@pytest.mark.parametrize(
    "data",
    [
        b"Access denied\n",
        b"Error: your session has expired, please log in\nhttps://shop.example/login\n",
        "<html><body>Log in</body></html>".encode("utf-16"),
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n",
        b"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n",
    ],
)
def test_a_text_that_names_no_column_is_no_workbook(data: bytes) -> None:
    """Under such names browsers save pages that say why there is no file."""
    with pytest.raises(SpreadsheetError, match="not an Excel file"):
        read_table(data, "products.xlsx")


def test_a_path_of_another_machine_is_looked_for_beside_the_spreadsheet(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    photo = tmp_path / "photos" / "cup.jpg"
    photo.write_bytes(PHOTO.read_bytes())
    text = "sku,category,image\nA1,Cups,photos\\cup.jpg\nB2,Cups,C:\\photos\\cup.jpg\n"
    rows = read_rows([listed(tmp_path, text)])
    assert [(row.photo, row.fields["filename"]) for row in rows] == [(photo, "cup.jpg")] * 2


def test_a_path_may_be_written_as_in_an_address(tmp_path: Path) -> None:
    photo = tmp_path / "my cup.jpg"
    photo.write_bytes(PHOTO.read_bytes())
    path = listed(tmp_path, "sku,category,image\nA1,Cups,Cups/my%20cup.jpg\n")
    for paths in ([path], [path, tmp_path]):
        assert [row.photo for row in read_rows(paths)] == [photo]


def test_a_wrong_address_is_said_once(shop: Shop, tmp_path: Path) -> None:
    path = listed(tmp_path, "sku,category,image\nA1,Cups,ftp://shop.example/a.jpg\n")
    with served(shop.app) as url:
        done = run(path, "--dry-run", "--url", url)
    assert done.output.count("the address must start with https://") == 1


def test_a_category_can_be_given_to_all(tmp_path: Path) -> None:
    path = listed(tmp_path, f"sku,image\nA1,{PHOTO}\n")
    cups = ReadOptions({"category": "Cups"})
    assert [row.fields["category"] for row in read_rows([path], cups)] == ["Cups"]
    assert read_rows([path])[0].errors == ["category: is required"]


def test_a_file_below_media_is_a_file(tmp_path: Path) -> None:
    row = only_row(listed(tmp_path, f"{HEADER}Mugs,/media/usb/phone.jpg,2,1,,"))
    assert row.errors == ["no photo was given for /media/usb/phone.jpg"]


def test_a_folder_without_photos(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    done = run(tmp_path)
    assert done.exit_code == 1
    assert f"there are no photos ({', '.join(ENDINGS)}) in {tmp_path}" in done.output


def test_a_photo_that_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "nowhere")
    done = run(tmp_path, "--dry-run")
    assert done.exit_code == 1
    assert f"photo: can't read {tmp_path}/a.jpg: No such file or directory" in done.output


def test_a_missing_server_is_reported_in_one_line() -> None:
    done = run(PHOTO, "--url", f"http://127.0.0.1:{free_port()}")
    assert done.exit_code == 1
    assert "no Packshot answers at" in done.output
    assert "start one with `packshot serve`" in done.output


def test_without_a_server_the_command_does_not_wait() -> None:
    slept: list[float] = []
    client = Client(f"http://127.0.0.1:{free_port()}", sleep=slept.append)
    with pytest.raises(urllib3.exceptions.NewConnectionError):
        client.stats()
    assert slept == []


def test_a_folder_is_read_with_its_subfolders_and_names_what_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "A-1").mkdir(parents=True)
    for name in (
        "A-1/1.JFIF",
        "A-1/2.jpg",
        "A-1/back.jpg",
        "MUG_front.jpg",
        "no ending",
        "film.mp4",
        "Thumbs.db",
    ):
        (folder / name).write_bytes(PHOTO.read_bytes())
    notes: list[str] = []
    found = read_rows([folder], ReadOptions({"category": "Cups"}), notes.append)
    assert [(row.fields.get("sku"), row.fields.get("view")) for row in found] == [
        ("A-1", "1"),
        ("A-1", "2"),
        ("A-1", "back"),
        ("MUG", "front"),
        ("no ending", None),
    ]
    assert notes == [
        "left out photos/film.mp4: is a video",
        "1 file of operating systems was ignored",
    ]


def test_a_zip_and_a_folder_are_matched_with_a_spreadsheet(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.write(PHOTO, "A-1_back.jpg")
        archive.writestr("film.mp4", "x")
    (tmp_path / "A-1.jpg").write_bytes(PHOTO.read_bytes())
    (tmp_path / "odd.jpg").write_bytes(PHOTO.read_bytes())
    sheet = listed(tmp_path, "sku,category\nA-1,Cups\nB-2,Cups\n")
    paths = [sheet, tmp_path / "p.zip", tmp_path / "A-1.jpg", tmp_path / "odd.jpg"]
    notes: list[str] = []
    rows = read_rows(paths, report=notes.append)
    assert [(row.fields["sku"], row.fields.get("view"), row.errors) for row in rows] == [
        ("A-1", None, []),
        ("A-1", "back", []),
        ("B-2", None, ["no photo was given for B-2"]),
    ]
    assert [row.photo.read_bytes() for row in rows if row.photo] == [PHOTO.read_bytes()] * 2
    assert notes == [
        "left out film.mp4: is a video",
        "left out odd.jpg: its name fits no SKU of the spreadsheet",
    ]


def test_a_dry_run_shows_every_row_on_demand_and_as_json(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(7):
        (folder / f"A-{number}_front.jpg").write_bytes(photo_bytes(side=200 + number))
    (folder / "B.jpg").write_text("no picture")
    first, every = run(folder, "--dry-run"), run(folder, "--dry-run", "--all")
    assert "and 2 more (--all shows them)." in first.output
    assert "read photos/A-6_front.jpg: SKU A-6, view front\n" in every.output
    assert "A-6" not in first.output
    *good, bad = json.loads(run(folder, "--dry-run", "--json").stdout)
    assert [(one["product"]["sku"], one["product"]["view"], one["result"]) for one in good] == [
        (f"A-{number}", "front", "new") for number in range(7)
    ]
    assert good[0]["photo"] == str(folder / "A-0_front.jpg")
    assert (bad["result"], len(bad["errors"])) == ("refused", 1)


# -- twice is once ---------------------------------------------------------------------------------


def test_what_was_uploaded_before_is_skipped_and_named(shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "A-1_front.jpg").write_bytes(photo_bytes())
    (folder / "A-1_back.jpg").write_bytes(photo_bytes(side=300))
    with served(shop.app) as url:
        first = run(folder / "A-1_front.jpg", "--json", "--url", url)
        (front,) = json.loads(first.stdout)
        second = run(folder, "--url", url)
        again = run(folder, "--again", "--json", "--url", url)
    assert (front["sku"], front["view"]) == ("A-1", "front")
    words = f"skipped photos/A-1_front.jpg: product {front['id']} has this photo"
    assert words in second.output
    assert "1 product created, nothing refused, 1 photo skipped." in second.output
    assert f"Review them at {url}" in second.output
    assert "run the same command again" not in second.output
    assert second.exit_code == 0
    assert len(json.loads(again.stdout)) == 2
    uploads = [path for path in (tmp_path / "media" / "uploads").iterdir() if path.is_file()]
    assert len(uploads) == 4, "the photo that was skipped was not uploaded"


def test_a_name_is_read_by_the_skus_that_the_server_has(shop: Shop, tmp_path: Path) -> None:
    """A number after a dash is a view only of a SKU that is known; else it belongs to the SKU."""
    shop.create(row(sku="BOOK"), row(sku="BOOK-7"), row(sku="SM_58"))
    folder = tmp_path / "photos"
    folder.mkdir()
    names = ("BOOK-7", "BOOK-8", "BOTL-1", "BOTL-2", "SM_58", "CUP_front")
    for number, name in enumerate(names):
        (folder / f"{name}.jpg").write_bytes(photo_bytes(side=200 + number))
    with served(shop.app) as url:
        dry = run(folder, "--dry-run", "--all", "--url", url)
    for line in ("BOOK-7.jpg: SKU BOOK-7", "BOOK-8.jpg: SKU BOOK, view 8", "SM_58.jpg: SKU SM_58"):
        assert f"read photos/{line}\n" in dry.output
    assert "BOTL-1, BOTL-2 are read as SKUs of their own" in dry.output
    assert "(--pattern)" in dry.output


@pytest.mark.parametrize("other", ["IMG\u200b 5_x.jpg", "IMG\t5_x.jpg", "E\u0301-2.jpg"])
def test_a_name_that_is_no_sku_hides_no_sku_that_the_server_has(
    shop: Shop, tmp_path: Path, other: str
) -> None:
    shop.create(row(sku="A1"), row(sku="\u00c9"))
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate(("A1-2.jpg", "\u00c9-3.jpg", other)):
        (folder / name).write_bytes(photo_bytes(side=200 + number))
    with served(shop.app) as url:
        dry = run(folder, "--dry-run", "--all", "--url", url)
    assert "read photos/A1-2.jpg: SKU A1, view 2\n" in dry.output
    assert "read photos/\u00c9-3.jpg: SKU \u00c9, view 3\n" in dry.output
    assert other[0] != "E" or f"read photos/{other}: SKU \u00c9, view 2\n" in dry.output


def test_the_same_photo_as_two_views_is_noted(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("BOX7_front.jpg", "BOX7_back.jpg", "BOX8_front.jpg"):
        (folder / name).write_bytes(photo_bytes())
    (folder / "BOX7_left.jpg").write_bytes(photo_bytes(side=200))
    rows = read_rows([folder], ReadOptions({"category": "Boxes"}))
    [note] = find_repeated_photos(rows)
    assert note.count("BOX7_") == 2
    assert "as another view of BOX7" in note


def test_a_copy_of_a_photo_is_made_once(shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("BOX7.jpg", "BOX7 - Kopie.jpg", "BOX7_back.jpg"):
        (folder / name).write_bytes(photo_bytes(side=200 if "back" in name else 220))
    with served(shop.app) as url:
        dry = run(folder, "--dry-run", "--all", "--url", url)
        done = run(folder, "--url", url)
    note = "note photos/BOX7 - Kopie.jpg: the same photo as photos/BOX7.jpg, named as a copy"
    assert note in dry.output
    assert note in done.output
    assert "2 products created, nothing refused, 1 photo skipped" in done.output


def test_a_photo_whose_sku_was_corrected_is_named(shop: Shop, tmp_path: Path) -> None:
    photo = tmp_path / "HOO-WHT_front.jpg"
    photo.write_bytes(photo_bytes())
    with served(shop.app) as url:
        run(photo, "--url", url)
        shop.services.catalog.correct(1, {"sku": "HOO-WHITE"}, by=Editor("ann"))
        dry = run(photo, "--dry-run", "--url", url)
        done = run(photo, "--url", url)
    other = "note HOO-WHT_front.jpg: product 1 (HOO-WHITE, front) has this photo;"
    assert f"{other} it would be made again as HOO-WHT, front\n" in dry.output
    assert f"{other} now also HOO-WHT, front\n" in done.output


def test_an_export_that_is_given_back_replaces_no_photo(shop: Shop, tmp_path: Path) -> None:
    """Its `A-1_1.jpg` lies beside its spreadsheet, as the seller's photo of that name once did."""
    (tmp_path / "A-1_1.jpg").write_bytes(photo_bytes())
    back = tmp_path / "approved"
    back.mkdir()
    made = imaging.finish(photo_bytes(2), OutputSpec(), Provenance(EDITED, "local-2"))
    (back / "A-1_1.jpg").write_bytes(made.data)
    (back / "products.csv").write_text("id,sku,view,filename,price\n1,A-1,1,A-1_1.jpg,9\n")
    with served(shop.app) as url:
        run(tmp_path / "A-1_1.jpg", "--url", url)
        before = shop.services.catalog.product(1).raw_sha256
        dry = run(back / "products.csv", "--update", "--dry-run", "--url", url)
        done = run(back / "products.csv", "--update", "--url", url)
    why = "photo: A-1_1.jpg: Packshot made this picture; give the photo that it was made from."
    assert f"would be refused products.csv row 2: {why}" in dry.output
    assert f"refused products.csv row 2: {why}" in done.output
    after = shop.services.catalog.product(1)
    assert after.raw_sha256 == before
    assert after.price == 9


def test_a_corrected_price_is_not_lost_silently(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "A-1.jpg").write_bytes(photo_bytes())
    sheet = tmp_path / "sheet.csv"
    with served(shop.app) as url:
        for price in (2499, 1999):
            sheet.write_text(f"sku,category,price\nA-1,Pans,{price}\n")
            outcome = run(sheet, tmp_path / "A-1.jpg", "--url", url)
        dry = run(sheet, tmp_path / "A-1.jpg", "--dry-run", "--url", url)
    kept = "price: 2499 is kept, not 1999 (packshot upload --update changes it)"
    assert kept in outcome.output
    assert "differs from A-1 (product 1): price 2499 -> 1999 (--update)" in dry.output
    assert "1 SKU in Packshot already: 1 product would be updated by --update" in dry.output


def test_an_update_corrects_products_that_exist_by_their_sku(shop: Shop, tmp_path: Path) -> None:
    """Without their photos, and without the defaults; a dry run shows it and changes nothing."""
    for name in ("A-1_front.jpg", "A-1_back.jpg", "B-2.jpg"):
        (tmp_path / name).write_bytes(photo_bytes(side=200 + len(name)))
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("sku,category,name,mrp,price\nA-1,Pans,Pan,1200,990\nB-2,Pans,Pot,900,800\n")
    with served(shop.app) as url:
        run(sheet, tmp_path, "--url", url)
        sheet.write_text("sku,price,mrp,colour\nA-1,1090,,red\nB-2,950,940,\nC-3,5,,\n")
        dry = run(sheet, "--update", "--dry-run", "--url", url)
        before = [product.price for product in shop.services.catalog.products().products]
        done = run(sheet, "--update", "--url", url)
    assert dry.exit_code == 1, "a row would be refused"
    line = "A-1 (product 1, front): price 990 -> 1090, colour nothing -> red, discount 210 -> 110"
    assert f"would update {line}" in dry.output
    assert before == [800, 990, 990]
    assert f"updated {line}" in done.output
    assert "2 products updated" in done.output
    assert "not updated B-2: price: 950 is above the mrp of 940" in done.output
    assert (
        "refused sheet.csv row 4: no product has the SKU C-3, and no photo was given to make one"
        in done.output
    )
    assert done.exit_code == 1
    products = shop.services.catalog.products().products
    assert [product.price for product in products] == [800, 1090, 1090]
    assert {product.category for product in products} == {"Pans"}
    assert shop.services.catalog.corrections(1)[0].changes["price"] == ["990.00", "1090.00"]


def updated(shop: Shop, sheet: Path, text: str) -> Result:
    """The result of an update by a spreadsheet with these rows."""
    sheet.write_text(text)
    with served(shop.app) as url:
        return run(sheet, "--update", "--url", url)


def test_an_update_shows_texts_of_digits_as_they_are(shop: Shop, tmp_path: Path) -> None:
    shop.create(row(sku="A-1", attributes={"EAN": "0042", "Fit": "sNaN"}))
    done = updated(shop, tmp_path / "sheet.csv", "sku,EAN,Fit\nA-1,42,inf\n")
    assert "updated A-1 (product 1): EAN 0042 -> 42, Fit sNaN -> inf" in done.output


def test_a_barcode_that_lost_digits_replaces_no_good_one(shop: Shop, tmp_path: Path) -> None:
    shop.create(row(sku="A-1", attributes={"EAN": "4006381333931", "Fit": "slim"}))
    done = updated(shop, tmp_path / "sheet.csv", "SKU;EAN;Fit\nA-1;4,00638E+12;wide\n")
    assert "row 2: EAN: A-1: 4,00638E+12 is left out, because it was shortened" in done.output
    assert "updated A-1 (product 1): Fit slim -> wide" in done.output
    attributes = shop.services.catalog.product(1).attributes
    assert attributes == {"EAN": "4006381333931", "Fit": "wide"}


def test_an_attribute_in_which_rows_of_a_sku_differ_is_not_updated(
    shop: Shop, tmp_path: Path
) -> None:
    """Also where only one of the rows would get the photos of the SKU."""
    shop.create(row(sku="A-1", attributes={"Side": "left"}))
    text = "sku,view,Side,Size\nA-1,front,left,M\nA-1,back,right,\n"
    done = updated(shop, tmp_path / "sheet.csv", text.replace("left", "inside"))
    assert "updated A-1 (product 1): Size nothing -> M" in done.output
    assert shop.services.catalog.product(1).attributes == {"Side": "left", "Size": "M"}


def test_long_texts_in_any_script_are_updated_in_parts(shop: Shop, tmp_path: Path) -> None:
    shop.create(row(sku="A-149"))
    about = "\u0905" * 2_600  # 7,800 bytes, and twice as many as JSON in ASCII
    lines = "".join(f"A-{number},{about}\n" for number in range(150))
    done = updated(shop, tmp_path / "sheet.csv", f"sku,About\n{lines}")
    assert "1 product updated" in done.output
    assert shop.services.catalog.product(1).attributes == {"About": about}


def test_an_update_that_breaks_off_says_what_it_changed(shop: Shop, tmp_path: Path) -> None:
    shop.create(row(sku="A-0", price=990))
    asked: list[str] = []

    def breaking_off(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        asked.append(f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}")
        if asked.count("/api/products/corrections?dry_run=false") > 1:
            start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
            return [b"gone"]
        return shop.app(environ, start_response)

    sheet = tmp_path / "sheet.csv"
    sheet.write_text("sku,price\n" + "".join(f"A-{number},1090\n" for number in range(201)))
    with served(breaking_off) as url:
        done = run(sheet, "--update", "--url", url)
    assert "updated A-0 (product 1): price 990 -> 1090" in done.output
    assert done.exit_code != 0


def test_an_update_reports_what_it_changed_though_the_answer_was_lost(
    shop: Shop, tmp_path: Path
) -> None:
    shop.create(row(sku="A-1", price=990))
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("sku,price\nA-1,1090\n")
    with served(losing_answers(shop.app, "/corrections")) as url:
        done, again = (run(sheet, "--update", "--url", url) for _ in range(2))
    assert "updated A-1 (product 1): price 990 -> 1090\n1 product updated." in done.output
    assert "0 products updated, 1 unchanged." in again.output
    assert len(shop.services.catalog.corrections(1)) == 1


def test_an_update_without_any_answer_says_that_it_may_be_done(shop: Shop, tmp_path: Path) -> None:
    shop.create(row(sku="A-1", price=990))
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("sku,price\nA-1,1090\n")
    rows, updated = read_rows([sheet], ReadOptions({"category": "Pans"})), Updated()
    with (
        served(losing_answers(shop.app, "/corrections")) as url,
        pytest.raises(urllib3.exceptions.HTTPError),
    ):
        update_products(Client(url, tries=1), rows, updated, dry_run=False)
    assert shop.services.catalog.product(1).price == 1090
    words = "0 products updated, 1 SKU without an answer, perhaps updated"
    assert updated.summary("updated") == words


def test_a_dry_run_exits_with_1_for_a_refused_update_alone(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "A-1.jpg").write_bytes(photo_bytes())
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("sku,category,mrp,price\nA-1,Pans,1200,990\n")
    with served(shop.app) as url:
        run(sheet, tmp_path / "A-1.jpg", "--url", url)
        sheet.write_text("sku,price\nA-1,1300\n")
        update = run(sheet, "--update", "--dry-run", "--url", url)
        sheet.write_text("sku,category,price\nA-1,Pans,1300\n")
        create = run(sheet, tmp_path / "A-1.jpg", "--dry-run", "--url", url)
    assert "would not be updated: A-1 (product 1): the price of" in update.output
    assert update.exit_code == 1
    assert "--update would refuse A-1 (product 1): the price of" in create.output
    assert "would not be updated" not in create.output
    assert create.exit_code == 0


def test_a_dry_run_counts_the_new_and_the_existing(shop: Shop, tmp_path: Path) -> None:
    for number in range(7):
        (tmp_path / f"A-{number}.jpg").write_bytes(photo_bytes(side=200 + number))
    sheet = tmp_path / "sheet.csv"
    rows = "".join(f"A-{number},Pans\n" for number in range(7))
    sheet.write_text(f"sku,category\n{rows}")
    with served(shop.app) as url:
        first = [tmp_path / f"A-{number}.jpg" for number in range(3)]
        run(*first, "--category", "Pans", "--url", url)
        done = run(sheet, tmp_path, "--dry-run", "--url", url)
    assert "and 2 more (--all shows them)." in done.output
    look = "7 of 7 rows look good: 4 new, 3 exist already and are skipped; nothing was sent."
    assert look in done.output


def test_a_dry_run_names_the_photos_of_refused_rows(tmp_path: Path) -> None:
    """As the Upload page does."""
    (tmp_path / "A-1.jpg").write_bytes(PHOTO.read_bytes())
    sheet = listed(tmp_path, "sku,category,gst\nA-1,Pans,500\n")
    done = run(sheet, tmp_path / "A-1.jpg", "--dry-run")
    assert "left out A-1.jpg: row 2 must be corrected first" in done.output


#: An ERP's export: stock in `Bestand`, photos under the names of another machine.
ERP = "Artikelnr.;Bezeichnung;VK brutto;Bestand;Bild 1\n"


def erp_export(folder: Path, prices: Iterable[str]) -> Path:
    rows = [(f"47{number:02}-A", price) for number, price in enumerate(prices)]
    lines = [f"{sku};Vase;{price};68;{sku}_01.jpg\n" for sku, price in rows]
    return listed(folder, ERP + "".join(lines), "cp1252")


def test_a_stock_column_is_no_file_name_and_case_needs_no_note(tmp_path: Path) -> None:
    photo = tmp_path / "4700-A_01.JPG"
    photo.write_bytes(PHOTO.read_bytes())
    done = run(erp_export(tmp_path, ["19,90"]), photo, "--dry-run")
    assert "read products.csv row 2: SKU 4700-A, view 1, name Vase" in done.output
    assert "kept as attributes: Bestand" in done.output
    assert "case" not in done.output


def test_many_rows_without_their_photos_share_a_line(tmp_path: Path) -> None:
    done = run(erp_export(tmp_path, ["19,90"] * 30), "--dry-run")
    names = ", ".join(f"470{number}-A_01.jpg" for number in range(5))
    assert f"refused products.csv rows 2-31: no photo was given for {names} and 25 more" in (
        done.output
    )
    few = run(erp_export(tmp_path, ["19,90"] * 2), "--dry-run")
    assert "refused products.csv row 3: no photo was given for 4701-A_01.jpg\n" in few.output


def test_rows_that_wait_for_an_answer_are_not_said_to_lack_their_photos(tmp_path: Path) -> None:
    sheet = erp_export(tmp_path, ["1,299"] * 6)
    photos = [tmp_path / "photos" / f"470{number}-A_01.jpg" for number in range(6)]
    photos[0].parent.mkdir()
    for photo in photos:
        photo.write_bytes(PHOTO.read_bytes())
    done = run(sheet, photos[0].parent, "--dry-run")
    assert "1,299 can be 1299 or 1.299" in done.output
    assert "no photo was given" not in done.output
    assert "left out 6 files: its row waits for the answer to a question: " in done.output


def test_an_update_needs_no_photos_that_a_column_names(shop: Shop, tmp_path: Path) -> None:
    photo = tmp_path / "4700-A_01.jpg"
    photo.write_bytes(photo_bytes())
    with served(shop.app) as url:
        run(erp_export(tmp_path, ["19,90"]), "--url", url)
        photo.unlink()
        same = run(erp_export(tmp_path, ["19,90"]), "--dry-run", "--url", url)
        sheet = erp_export(tmp_path, ["17,50", "5,00"])
        plain = run(sheet, "--dry-run", "--url", url)
        done = run(sheet, "--update", "--url", url)
    assert same.exit_code == 0, same.output
    assert "note 1 row without a photo: its SKU has products, and nothing differs" in same.output
    assert "no photo was given for 4700-A, which Packshot has: --update corrects it" in plain.output
    assert "updated 4700-A (product 1, 1): price 19.90 -> 17.50" in done.output
    assert "row 3: no product has the SKU 4701-A, and no photo was given to make one" in done.output
    assert "1 row refused" in done.output


def test_the_seconds_of_a_replaced_photo_begin_with_the_new_one(shop: Shop, tmp_path: Path) -> None:
    photo = tmp_path / "A1_front.jpg"
    photo.write_bytes(photo_bytes(1))
    with served(shop.app) as url:
        run(photo, "--url", url)
        with shop.services.database.write() as session:
            session.execute(update(Product).values(created_at=datetime(2026, 1, 1, tzinfo=UTC)))
            session.execute(update(Product).values(status=PENDING_REVIEW))
        photo.write_bytes(photo_bytes(2))
        done = run(photo, "--update", "--url", url)
    assert "1 photo replaced" in done.output
    line = next(line for line in done.output.splitlines() if "A1, front" in line)
    assert float(line.split()[-1]) < 60


def test_many_photos_of_views_that_exist_share_a_line(shop: Shop, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(6):
        (photos / f"A{number}_front.png").write_bytes(photo_bytes(number))
    with served(shop.app) as url:
        run(photos, "--url", url)
        again = [run(photos, *how, "--url", url).output for how in ((), ("--dry-run",))]
        for number in range(6):
            (photos / f"A{number}_front.png").write_bytes(photo_bytes(9 + number))
        done = run(photos, "--url", url)
        dry = run(photos, "--dry-run", "--further", "--url", url)
    products = ", ".join(f"product {number + 1}" for number in range(5))
    skipped = f"6 photos: {products} and 1 more have these photos under these SKUs and views"
    for words, output in zip(("skipped", "note would skip"), again, strict=True):
        assert f"{words} {skipped} (packshot upload --again)\n" in output
    views = ", ".join(f"product {number + 1} (A{number}, front)" for number in range(5))
    another = f"6 photos: {views} and 1 more have another photo"
    assert f"refused {another} (packshot upload --update" in done.output
    assert f"note {another}; both would be kept" in dry.output


def test_a_photo_that_fits_no_row_is_no_row(shop: Shop, tmp_path: Path) -> None:
    names = ("A-1.jpg", "A-1_2.jpg", "A-1 blau.jpg", "BOTTL-2.png")
    for name in names:
        (tmp_path / name).write_bytes(PHOTO.read_bytes())
    sheet = listed(tmp_path, "sku,category,price\nA/1,Pans,9.90 PLN\nBOTL-2,Pans,8.00 PLN\n")
    with served(shop.app) as url:
        done = run(sheet, *(tmp_path / name for name in names), "--dry-run", "--url", url)
    refused = "would be refused A-1 blau.jpg: is ambiguous: its name begins with a SKU, but 'blau'"
    assert f"{refused} is not a known view (A/1); name it as A-1_3.jpg if it belongs" in done.output
    assert "which row 3 names (BOTL-2); name it as BOTL-2.png if it belongs there" in done.output
    assert "note A-1.jpg (A/1): signs such as - and _ differ\n" in done.output
    assert (
        "note price: the sheet's prices are in PLN: to show that, set CURRENCY=PLN" in done.output
    )
    assert "2 products from 1 of 2 rows look good" in done.output


def test_a_folder_names_what_is_no_photo_but_not_the_spreadsheet_that_is_read(
    tmp_path: Path,
) -> None:
    (tmp_path / "A-1.jpg").write_bytes(PHOTO.read_bytes())
    (tmp_path / "demo.log").write_text("x")
    done = run(listed(tmp_path, "sku,category\nA-1,Pans\n"), tmp_path, "--dry-run")
    assert "demo.log: is not a photo\n" in done.output
    assert done.output.count("left out") == 1


def test_an_mrp_below_the_price_is_said_once(shop: Shop, tmp_path: Path) -> None:
    """Without --update nothing is said of what --update would refuse for the same reason."""
    (tmp_path / "A-1.jpg").write_bytes(photo_bytes())
    shop.create(row(sku="A-1", price=990))
    sheet = listed(tmp_path, "sku,category,mrp,price\nA-1,Pans,5,8\n")
    with served(shop.app) as url:
        done = run(sheet, tmp_path / "A-1.jpg", "--dry-run", "--url", url)
    assert done.output.count("row 2: mrp: A-1: 5 is left out, below price 8") == 1
    assert "is above the mrp" not in done.output
    assert "--update would refuse" not in done.output


@pytest.mark.parametrize("more", [("--update",), ("--update", "--dry-run"), ("--dry-run",)])
def test_a_sku_that_packshot_has_in_another_spelling_is_noted(
    shop: Shop, tmp_path: Path, more: tuple[str, ...]
) -> None:
    """Else "no product has the SKU" is all that is said, and a photo makes a second product."""
    shop.create(row(sku="A-1", price=990))
    (tmp_path / "a_2.jpg").write_bytes(photo_bytes())
    shop.create(row(sku="A-2", price=990))
    prices = listed(tmp_path, "sku,category,price\na-1,Pans,5\na_2,Pans,5\nC-3,Pans,5\n")
    with served(shop.app) as url:
        done = run(prices, tmp_path / "a_2.jpg", *more, "--url", url)
    noted = "note sku: a-1 (Packshot has A-1), a_2 (Packshot has A-2): only upper and lower case"
    assert done.output.count(noted) == 1, done.output
    assert "C-3 (" not in done.output


def test_a_refused_update_is_said_once(shop: Shop, tmp_path: Path) -> None:
    shop.create(row(sku="A-1", price=990), row(sku="A-2", price=990))
    text = "sku,category,mrp,price\nA-1,Pans,5,8\nA-2,Pans,8,5\nA-5,Pans,8,5\nA-6,Pans,8,5\n"
    with served(shop.app) as url:
        done = run(listed(tmp_path, text), "--update", "--url", url)
    assert done.output.count("not updated") == 1
    assert "not updated A-1: price: 8 is above the mrp of 5" in done.output
    assert "refused products.csv row 4: no product has the SKU A-5" in done.output
    assert done.exit_code == 1


def test_two_prices_of_a_sku_are_a_conflict_with_rows_and_values(tmp_path: Path) -> None:
    (tmp_path / "A-1.jpg").write_bytes(photo_bytes())
    rows = "A-1,Cap,1200,990\nB-2,Hat,1,1\nA-1,Red cap,1200,1090\n"
    path = listed(tmp_path, f"SKU,name,M.R.P.,Selling price\n{rows}")
    done = run(path, tmp_path, "--dry-run")
    refused = "would be refused products.csv row"
    words = "A-1 has 990 in row 2, 1090 in row 4: correct one of them"
    assert f"{refused}s 2, 4: Selling price: {words}\n" in done.output
    assert done.output.count("1090") == 1
    assert "rows 2, 4: name: A-1 has Cap in row 2, Red cap in row 4" in done.output
    assert "A-1.jpg: row 2 must be corrected first" in done.output


def test_a_photo_beside_those_that_rows_name_is_not_left_out_silently(tmp_path: Path) -> None:
    for name in ("CAP-01.jpg", "CAP-04.jpg"):
        (tmp_path / name).write_bytes(photo_bytes())
    path = listed(tmp_path, "sku,category,image\nCAP-01,Caps,CAP-01.jpg\n")
    done = run(path, "--dry-run")
    assert "note left out CAP-04.jpg: no row names it" in done.output
    assert (
        "CAP-04" not in run(path, tmp_path / "CAP-04.jpg", "--dry-run").output.split("fits no")[-1]
    )


def test_a_used_up_limit_stops_it_with_what_was_made(sqlite_url: str, tmp_path: Path) -> None:
    one = photo_bytes()
    shop = Shop(sqlite_url, tmp_path / "media", api_keys=API_KEYS, upload_mb_per_day=1)
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "A-1.jpg").write_bytes(one)
    (folder / "A-2.jpg").write_bytes(one + bytes(999_999))
    (folder / "A-3.jpg").write_bytes(one)
    with served(shop.app) as url:
        done = run(folder, "--url", url, "--key", SECRETS["submit"])
        without = run(folder, "--url", url)
        wrong = run(folder, "--url", url, "--key", "wrong")
    shop.close()
    asked = f"Error: {url} asks for a key: give one with --key or PACKSHOT_API_KEY\n"
    assert without.output.endswith(asked)
    assert wrong.output.endswith("does not know this key: check --key or PACKSHOT_API_KEY\n")
    assert "0 products" not in without.output + wrong.output
    assert "stopped" not in without.output + wrong.output
    assert done.exit_code == 1
    assert (
        "1 product created, nothing refused." in done.output or "2 products created" in done.output
    )
    assert " without a result; the same command continues." in done.output
    assert "the limit of bytes per day is 1,000,000, and this request alone has 1,0" in done.output


def test_prices_are_printed_in_the_currency_of_the_server(sqlite_url: str, tmp_path: Path) -> None:
    shop = Shop(sqlite_url, tmp_path / "media", currency="INR")
    sheet = listed(tmp_path, "sku,category,raw_image,price\nA-1,Mugs,https://shop.example/a,1299\n")
    with served(shop.app) as url:
        done = run(sheet, "--url", url)
        page = shop.client.get("/").text
    shop.close()
    assert "1,299.00 INR" in done.output
    assert 'data-currency="INR"' in page


def test_a_dry_run_of_photos_asks_the_server_too(shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "A-1_front.jpg").write_bytes(photo_bytes())
    (folder / f"{'x' * 90}_front.jpg").write_bytes(photo_bytes(side=300))
    (folder / "damaged.jpg").write_bytes(photo_bytes(side=300)[:-2000])
    with served(shop.app) as url:
        run(folder / "A-1_front.jpg", "--url", url)
        done = run(folder, "--dry-run", "--url", url)
        cheap = run(folder, "--dry-run", "--url", url, "--mrp", "1", "--price", "2")
    words = "would skip photos/A-1_front.jpg: product 1 has this photo under this SKU and view"
    assert words in done.output
    assert "would be refused photos/damaged.jpg: photo: " in done.output
    look = "2 of 3 rows look good: 1 new, 1 exists already and is skipped"
    assert f"{look}; nothing was sent." in done.output
    assert (done.exit_code, cheap.exit_code) == (1, 1)
    assert cheap.output.count("price: 2 is above the mrp of 1") == 3
    assert len(shop.services.catalog.products().products) == 1


def test_long_descriptions_go_in_as_many_requests_as_they_need(shop: Shop, tmp_path: Path) -> None:
    """A shop's export has a page of HTML in each row; a request may have 2 MB."""
    rows = "".join(f"A-{n},Mugs,https://shop.example/{n},{'x' * 6000}\n" for n in range(400))
    sheet = listed(tmp_path, f"sku,category,raw_image,Body (HTML)\n{rows}")
    with served(shop.app) as url:
        done = run(sheet, "--json", "--url", url)
    assert (done.exit_code, len(json.loads(done.stdout))) == (0, 400), done.stderr[-500:]


def test_a_pipe_in_a_folder_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "A1.jpg")
    (tmp_path / "B2").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "A2.jpg").write_bytes(photo_bytes(1))
    notes: list[str] = []
    [row] = read_rows([tmp_path], report=notes.append)
    assert row.fields["sku"] == "A2"
    assert notes == [
        f"left out {tmp_path.name}/A1.jpg: is not an ordinary file",
        f"left out {tmp_path.name}/B2: is a link to a folder: give that folder itself",
    ]


def test_a_name_that_is_not_utf_8_is_left_out_and_named(shop: Shop, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in (b"A1\xff.jpg", b"A2.jpg"):
        Path(os.fsdecode(os.fsencode(photos) + b"/" + name)).write_bytes(photo_bytes(1))
    sheet = Path(os.fsdecode(os.fsencode(tmp_path) + b"/list\xff.csv"))
    sheet.write_text("sku,category\nA2,Mugs\n")
    with served(shop.app) as url:
        alone = run(photos, "--dry-run", "--url", url)
        listed_too = run(sheet, photos, "--dry-run", "--url", url)
    for done in (alone, listed_too):
        assert done.exit_code == 0, done.stderr
        assert "photos/A1?.jpg: has a name that is not UTF-8: rename it" in done.output
        assert "A2" in done.stdout


# -- spreadsheets of other names and places -------------------------------------------------------

LISTING = "item_sku\titem_name\tproduct_type\nA-1\tCup\tMugs\nB-2\tBowl\tMugs\n"


def test_a_text_that_is_a_table_is_a_spreadsheet(tmp_path: Path) -> None:
    """Amazon's Seller Central gives a listing as .txt with tabs."""
    (tmp_path / "listing.txt").write_text(LISTING)
    (tmp_path / "A-1.jpg").write_bytes(PHOTO.read_bytes())
    done = run(tmp_path / "listing.txt", tmp_path / "A-1.jpg", "--dry-run")
    assert "read listing.txt row 2: SKU A-1, name Cup, photo A-1.jpg" in done.output


@pytest.mark.parametrize(
    ("text", "is_table"),
    [
        (LISTING.encode(), True),
        (LISTING.encode("utf-16"), True),
        (b"TemplateType=fptcustom\tVersion=2026\nSKU\tName\tColour\nA\tB\tC\n", True),
        (b"sku;name;price\nA-1;Cup;5\n", True),
        (b"sku,name,price\nA-1,Cup,5\n", True),
        (b"Photos of the autumn collection, by Kim.\nPlease cut them out, thank you.\n", False),
        (b"a\tb\n", False),
        (b"", False),
        (b"\x00\x01\t\t\n\x02\t\t\n", False),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<rss xmlns:g="x">', True),
        (b'<?xml version="1.0"?>\n<Clip><Camera>C100</Camera></Clip>', False),
    ],
)
def test_texts_that_are_tables(text: bytes, is_table: bool) -> None:
    assert is_text_table(text) == is_table


def test_the_spreadsheet_in_a_folder_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "autumn"
    folder.mkdir()
    (folder / "products.csv").write_text("sku,category,name\nA-1,Mugs,Cup\n")
    (folder / "~$products.xlsx").write_text("Excel's own")
    (folder / "A-1.jpg").write_bytes(PHOTO.read_bytes())
    done = run(folder, "--dry-run")
    assert done.exit_code == 0, done.output
    assert "read products.csv row 2: SKU A-1, name Cup, photo A-1.jpg" in done.output
    (folder / "prices.csv").write_text("sku,price\nA-1,5\n")
    two = run(folder, "--dry-run")
    assert two.exit_code == 1
    assert f"as in `packshot upload {folder / 'prices.csv'} {folder}`" in two.output


def test_random_bytes_are_no_web_page(tmp_path: Path) -> None:
    path = tmp_path / "rnd.xlsx"
    path.write_bytes(b"<\x9c\x00\xe1" + bytes(range(256)))
    assert "rnd.xlsx: the file is not an Excel file" in run(path, "--dry-run").output


def test_refused_rows_and_photos_are_counted_apart(shop: Shop, tmp_path: Path) -> None:
    """A row with three photos is one row, and its photos are not rows."""
    for number in (1, 2, 3):
        (tmp_path / f"A-1_{number}.jpg").write_bytes(photo_bytes(side=200 + number))
    path = listed(tmp_path, "sku,category,gst\nA-1,Mugs,500\nB-2,Mugs,500\n")
    (tmp_path / "broken.jpg").write_text("no picture")
    with served(shop.app) as url:
        of_sheet = run(path, *sorted(tmp_path.glob("A-1*")), "--url", url)
        photo = run(tmp_path / "broken.jpg", "--url", url)
    assert "0 products created, 2 rows refused." in of_sheet.output
    assert "0 products created, 1 photo refused." in photo.output
    assert "Correct what was refused, and run the same command again" in photo.output
    assert "Review them" not in photo.output


def test_an_update_that_changes_all_rows_needs_no_photo(shop: Shop, tmp_path: Path) -> None:
    shop.create(row(sku="A-1", price=5))
    path = listed(tmp_path, "sku,price\nA-1,6\n")
    with served(shop.app) as url:
        done = run(path, "--update", "--dry-run", "--url", url)
    assert done.exit_code == 0, done.output
    assert "would update A-1 (product 1): price 5 -> 6" in done.output
    assert "0 of" not in done.output
    with served(shop.app) as url:
        path.write_text("sku,price\nA-1,6\nNEW,7\n")
        done = run(path, "--update", "--dry-run", "--url", url)
    assert done.output.endswith("\n1 row would be refused; nothing was sent.\n")


# -- while the server can't, it says so ------------------------------------------------------------


def refusing_uploads(shop: Shop, times: int, heard: Callable[[], object]) -> Application:
    """The disk is full for so many uploads."""
    left = [times]

    def wrapped(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not environ["PATH_INFO"].endswith("/api/uploads") or not left[0]:
            return shop.app(environ, start_response)
        left[0] -= 1
        heard()
        start_response("503 Service Unavailable", [("Content-Type", "application/problem+json")])
        return [b'{"message": "the disk of MEDIA_DIR=var/media is full: make room"}']

    return wrapped


def test_an_upload_says_once_why_it_waits_and_goes_on(shop: Shop, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"A-{number}.jpg").write_bytes(photo_bytes(side=200 + number))
    with served(refusing_uploads(shop, 5, lambda: None)) as url:
        done = run(*sorted(tmp_path.glob("*.jpg")), "--url", url)
    words = "the disk of MEDIA_DIR=var/media is full: make room; trying again"
    assert done.stderr == f"waiting: {words}\nthe server answers again\n"
    assert done.exit_code == 0
    assert "3 products created" in done.stdout


def test_a_part_that_does_not_work_is_named(shop: Shop) -> None:
    """The API's answer does not say which: `/readyz` does, to those who are signed in."""
    printed: list[str] = []
    shop.services.queue.health = lambda: "the SQS queue q does not exist"  # type: ignore[method-assign]
    shop.services.worker = StuckWorker("the queue is away")
    with served(shop.app) as url:
        notices = RetryNotices(Client(url), printed.append)
        response = urllib3.HTTPResponse(
            b'{"type": "/problems/unavailable", "message": "a part does not answer"}',
            {"Content-Type": "application/problem+json"},
            503,
        )
        notices.begin(ApiError(response, 1))
    assert printed == ["waiting: the SQS queue q does not exist; the queue is away; trying again"]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Where the tests run in a shell's background, Ctrl-C is ignored from the start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_the_pauses_and_says_what_was_sent(shop: Shop, tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"A-{number}.jpg").write_bytes(photo_bytes(side=200 + number))
    main = threading.main_thread().ident or 0

    def press_once(pressed: list[int] = []) -> None:  # noqa: B006 - kept between calls
        if not pressed:
            pressed.append(main)
            threading.Timer(1.0, signal.pthread_kill, (main, signal.SIGINT)).start()

    began = time.monotonic()
    with served(refusing_uploads(shop, 1000, press_once)) as url:
        done = run(*sorted(tmp_path.glob("A*.jpg")), "--url", url)
    assert time.monotonic() - began < 8
    assert done.exit_code == 1
    assert "stopped: 0 products created, 0 photos sent, 6 rows without a result" in done.output
    assert done.output.rstrip().endswith("Aborted!")


def test_waiting_for_pictures_survives_a_restart_and_says_what_is_wrong(
    shop: Shop, tmp_path: Path
) -> None:
    ids = shop.create()
    shop.services.worker = StuckWorker("Gemini refuses the key. Products wait.")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    client = Client(url, tries=1)
    client.outage_wait = 60.0
    notices = RetryNotices(client, print_to_stderr)
    client.before_retry, client.after_retry = notices.begin, notices.end
    printed = io.StringIO()

    def restart() -> None:
        with served(shop.app, port):
            up.set()
            may_stop.wait(20)
        down.wait(0.7)
        with served(shop.app, port):
            becomes(shop, ids, PENDING_REVIEW)
            over.wait(20)

    up, may_stop, down, over = (threading.Event() for _ in range(4))
    thread = threading.Thread(target=restart)
    thread.start()
    assert up.wait(20)
    threading.Timer(1.0, may_stop.set).start()
    with contextlib.redirect_stderr(printed):
        [product] = wait_with_bar(client, ids, Console(file=io.StringIO()))
    over.set()
    thread.join()
    assert product["status"] == PENDING_REVIEW
    said = printed.getvalue()
    assert said.count("waiting: Gemini refuses the key. Products wait.\n") == 1
    assert f"waiting: no Packshot answers at {url}" in said
    assert said.endswith("the server answers again\n")


@dataclass
class StuckWorker:
    """A worker that can't work, and says why."""

    words: str

    def problem(self) -> str:
        return self.words
