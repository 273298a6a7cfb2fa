"""Photos find their products by their names, as cameras, people and marketplaces name them."""

from __future__ import annotations

import io
import struct
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cpu import slowness

from packshot.errors import SpreadsheetError
from packshot.spreadsheets import (
    NO_FIT,
    ArchiveLimits,
    LeftOut,
    MatchedPhotos,
    PhotoArchive,
    ProductRow,
    match_photos,
    name_photos,
    possible_skus,
)
from packshot.spreadsheets.view_words import view_key

ROW = ProductRow(0)
CASES = Path("/work/shared/cases/folder")


def rows(*skus: str) -> list[ProductRow]:
    return [ProductRow(row, category="Cups", sku=sku) for row, sku in enumerate(skus, start=2)]


def matched(photos: MatchedPhotos) -> dict[str, tuple[str | None, str | None]]:
    return {one.photo: (one.product.sku, one.product.view) for one in photos.matched}


@pytest.mark.parametrize(
    ("photo", "sku", "view"),
    [
        ("A1.jpg", "A1", None),
        ("A1.JPEG", "A1", None),
        ("A1.jpg.jpeg", "A1", None),
        ("A1", "A1", None),
        ("A1_2.jpg", "A1", "2"),
        ("A1-2.jfif", "A1", "2"),
        ("A1.2.png", "A1", "2"),
        ("A1 (2).heic", "A1", "2"),
        ("A1(2).heic", "A1", "2"),
        ("A1_02.jpg", "A1", "2"),
        ("A1_main.jpg", "A1", "main"),
        ("A1-front.avif", "A1", "front"),
        ("A1 - Back.tif", "A1", "back"),
        ("A1-detail2.jpg", "A1", "detail2"),
        ("A1_left_2.jpg", "A1", "left-2"),
        ("A1/1.jpg", "A1", "1"),
        ("A1/anything at all.jpg", "A1", "anything at all"),
        ("A1/A1_front.jpg", "A1", "front"),
        ("Shop/2026/A1/front/01.jpg", "A1", "front-1"),
        ("Shop/A1_back.jpg", "A1", "back"),
        ("A1.MAIN.jpg", "A1", "main"),
        ("A1_v2.jpg", "A1", "v2"),
        ("A1-scaled.jpg", "A1", None),
        ("A1_front-1024x768.jpg", "A1", "front"),
        ("A1@2x.jpg", "A1", None),
        ("A1_2@3x.png", "A1", "2"),
        ("A1-2-e1612345678901.jpg", "A1", "2"),
        ("A1_1600px.jpg", "A1", None),
        ("A1-front-min.jpg", "A1", "front"),
        ("A1_thumb.jpg", "A1", "thumb"),
        ("A1_IMG_0001.jpg", "A1", "img-1"),
        ("A1_on_model.jpg", "A1", "on-model"),
        ("A1_45deg.jpg", "A1", "45deg"),
        ("A1.PT01.jpg", "A1", "pt01"),
        ("A1.FRNT", "A1", "front"),
        ("A1 copy 2.jpg", "A1", "copy-2"),
        ("A1 – Kopie (2).jpg", "A1", "kopie-2"),
        ("A1（2）.jpg", "A1", "2"),
        ("A1_Ru\u0308ckseite.jpg", "A1", "rückseite"),
        ("A1-arrière.jpg", "A1", "arrière"),
        ("A1_przód.jpg", "A1", "przód"),
        ("A1_正面.jpg", "A1", "正面"),
        ("A1_önden.jpg", "A1", "önden"),
        ("A1_zepředu.jpg", "A1", "zepředu"),
        ("A1_hátulról.jpg", "A1", "hátulról"),
        ("A1_πίσω.jpg", "A1", "πίσω"),
        ("A1-takaa-2.jpg", "A1", "takaa-2"),
        ("A1-Photoroom.png", "A1", "photoroom"),
        ("A1-removebg-preview.png", "A1", "removebg-preview"),
        ("A1_C1L1.jpg", "A1", "c1l1"),
        ("\u200bA1\u00a0(2).jpg ", "A1", "2"),
        ("A1_2.HIF", "A1", "2"),
        ("x/../A1_2.jpg", "A1", "2"),
        ("A1_2.mpo", "A1", "2"),
        ("SKU-1042.jpg", "SKU-1042", None),
        ("SKU-1042-B.jpg", "SKU-1042-B", None),
        ("SKU-1042-B-2.jpg", "SKU-1042-B", "2"),
        ("SKU-1042-2.jpg", "SKU-1042", "2"),
        ("x.y z.2.jpg", "x.y z", "2"),
        ("x.y z.jpg", "x.y z", None),
        ("Ta\u0308sse_2.jpg", "Tässe", "2"),
        ("x.jpg_2.jpg", "x.jpg", "2"),
    ],
)
def test_names_beside_known_skus(photo: str, sku: str, view: str | None) -> None:
    known = rows("A1", "SKU-1042", "SKU-1042-B", "x.y z", "Tässe", "x.jpg", "SKU")
    found = match_photos([photo], known)
    assert matched(found) == {photo: (sku, view)}
    assert found.matched[0].hint is None
    assert found.matched[0].product.filename == photo.rsplit("/", 1)[-1]


@pytest.mark.parametrize(
    ("photo", "sku", "hint"),
    [
        ("a1_back.jpg", "A1", None),
        ("B-12.jpg", "B/12", "signs such as - and _ differ"),
        ("b_12_front.jpg", "B/12", "signs such as - and _ differ"),
        ("C12_2.jpg", "Ｃ１２", "signs such as - and _ differ"),
    ],
)
def test_what_differs_is_a_hint(photo: str, sku: str, hint: str) -> None:
    found = match_photos([photo], rows("A1", "B/12", "Ｃ１２"))
    assert [(one.product.sku, one.hint) for one in found.matched] == [(sku, hint)]


@pytest.mark.parametrize("name", ["SKU.AI", "M.TEX", "shoe.me"])
def test_a_name_that_only_looks_as_if_it_had_an_ending_may_be_a_photo(name: str) -> None:
    assert matched(match_photos([name], rows(name))) == {name: (name, None)}


def test_the_exact_case_is_preferred() -> None:
    found = match_photos(["a1.jpg", "A1_2.jpg"], rows("A1", "a1"))
    assert matched(found) == {"a1.jpg": ("a1", None), "A1_2.jpg": ("A1", "2")}


@pytest.mark.parametrize(
    ("photo", "skus"),
    [
        ("A1-red.jpg", ("A1",)),
        ("A1/B2_front.jpg", ("B2", "A1")),
        ("B 2.jpg", ("B-2", "B_2")),
    ],
)
def test_what_could_be_several_is_ambiguous(photo: str, skus: tuple[str, ...]) -> None:
    found = match_photos([photo], rows(*dict.fromkeys(("A1", "B2", *skus))))
    assert [(one.photo, one.skus) for one in found.ambiguous] == [(photo, skus)]
    assert found.matched == ()


@pytest.mark.parametrize("photo", ["A1 (Blue)/1.jpg", "A1-blue/front.jpg", "A1 Blue/x/y.jpg"])
def test_a_folder_that_continues_after_the_sku_is_a_question(photo: str) -> None:
    [one] = match_photos([photo], rows("A1", "B1")).ambiguous
    assert (one.skus, "its folder begins with a SKU" in one.why) == (("A1",), True)


def test_many_photos_assigned_by_hand_cost_little() -> None:
    many = rows(*map(str, range(10_000)))
    photos = [f"p{n}.jpg" for n in range(2, 10_002)]
    began = time.process_time()
    found = match_photos(photos, many, {photo: photo[1:-4] for photo in photos})
    assert len(found.matched) == 10_000
    assert time.process_time() - began < 3 * slowness()


def test_every_file_has_its_place() -> None:
    files = ["A1.jpg", "IMG_0001.jpg", "notes.txt", "clip.mov", "._A1.jpg", "Thumbs.db"]
    files += [
        ".DS_Store",
        "a/desktop.ini",
        "__MACOSX/a/._b.jpg",
        "#recycle/a.jpg",
        "raw.CR3",
        "old.gif",
        "p.xlsx",
    ]
    files += ["A1.changes.webp", "a/B2.changes-2.webp"]  # as `packshot fidelity` writes them
    files += [".A1.jpg", "x/.old/B2.jpg", "A1.JPG_original", "A1.jpg~", "A1.jpg.crdownload"]
    found = match_photos(files, rows("A1", "B2"))
    assert matched(found) == {"A1.jpg": ("A1", None)}
    assert [(one.row, one.wanted) for one in found.missing] == [(3, "B2")]
    assert {one.file: one.why for one in found.left_out} == {
        "IMG_0001.jpg": "its name fits no SKU of the spreadsheet",
        "notes.txt": "is a text",
        "clip.mov": "is a video",
        "raw.CR3": "is a camera's raw file: export it as JPEG",
        "old.gif": "is a GIF picture: save it as JPEG or PNG",
        "p.xlsx": "is a spreadsheet",
        ".A1.jpg": "is hidden: its name, or its folder's, begins with a dot",
        "x/.old/B2.jpg": "is hidden: its name, or its folder's, begins with a dot",
        "A1.JPG_original": "is the backup copy of a file that was changed",
        "A1.jpg~": "is the backup copy of a file that was changed",
        "A1.jpg.crdownload": "is not yet fully downloaded",
        "A1.changes.webp": "is a change map of packshot fidelity",
        "a/B2.changes-2.webp": "is a change map of packshot fidelity",
    }
    assert found.system_files == 6


@pytest.mark.parametrize(
    ("files", "skus"),
    [
        (
            "SHOE-1/large/1.jpg SHOE-1/small/1.jpg SHOE-2/large/1.jpg SHOE-2/small/1.jpg",
            "SHOE-1 SHOE-1 SHOE-2 SHOE-2",
        ),
        ("A-16/1.jpg A-16/sub/3.jpg A-17/1.jpg", "A-16 A-16 A-17"),
        ("SS26/Mug/1.jpg SS26/Cup/1.jpg FW26/Mug/2.jpg", "Mug Cup Mug"),
        ("box1/A-1/1.jpg box1/A-2/1.jpg box2/A-1/2.jpg", "A-1 A-2 A-1"),
        ("Autumn/Mug/1.jpg Winter/Mug/2.jpg", "Mug Mug"),
        ("Red/S/1.jpg Red/M/1.jpg Blue/S/1.jpg", "Red/S Red/M Blue/S"),
        ("a/Red/S/1.jpg a/Blue/S/1.jpg a/Red/S/2.jpg", "Red/S Blue/S Red/S"),
        ("box1/A-1/1.jpg box2/A-1/1.jpg", "A-1 A-1"),
        ("web/Mug/1.jpg print/Mug/1.jpg", "Mug Mug"),
    ],
)
def test_a_part_of_a_skus_folder_is_no_sku(files: str, skus: str) -> None:
    """`large` would be one SKU with the photos of all products."""
    found = matched(name_photos(files.split(), replace(ROW, category="Cups")))
    assert [(found[file][0]) for file in files.split()] == skus.split()


@pytest.mark.parametrize(
    ("photo", "name"),
    [
        ("KB-10O7.jpg", "KB-1007"),
        ("new/kb1007_front.jpg", "KB-1007"),
        ("KB-I0l2 (2).jpg", "KB-1012"),
        ("SHO-114.jpg", "SHOE-114"),
        ("SHOES114_2.jpg", "SHOES-114"),
        ("SOHE 114_2.jpg", "SHOE-114"),
        ("Groesse-3_2.jpg", "Größe-3"),
        ("grosse 3.jpg", "Größe-3"),
        ("IMG_O101.jpg", "IMG_0101"),
        ("KB-107.jpg", None),
        ("KB-1008.jpg", None),
        ("TEE-L.jpg", None),
        ("TEE-XM.jpg", None),
    ],
)
def test_a_photo_named_nearly_as_a_row_is_asked_about(photo: str, name: str | None) -> None:
    given = [
        *rows("KB-1007", "KB-1012", "SHOE-114", "SHOES-114", "TEE-M", "Größe-3"),
        replace(ROW, row=9, path="IMG_0101.jpg"),
    ]
    found = match_photos([photo], given)
    number = next((one.row for one in given if one.sku == name), 9)
    shown = name if (name or "").isascii() else f"{name} (in other letters)"
    assert [(one.rows, one.why) for one in found.ambiguous] == (
        [((number,), f"its name is nearly {shown}, which row {number} names")] if name else []
    )
    assert [left.why for left in found.left_out] == ([] if name else [NO_FIT])


def test_a_sku_may_be_a_whole_file_name() -> None:
    found = match_photos(["A1.jpg", "B2.JPG", "C3.png"], rows("A1.jpg", "b2.jpg", "C3.jpg"))
    assert [(one.photo, one.product.sku) for one in found.matched] == [
        ("A1.jpg", "A1.jpg"),
        ("B2.JPG", "b2.jpg"),
    ]


def test_the_same_name_in_every_folder() -> None:
    files = ["A1/01.jpg", "A1/02.jpg", "B2/01.jpg", "B2/02.jpg"]
    found = match_photos(files, rows("A1", "B2"))
    assert list(matched(found).values()) == [("A1", "1"), ("A1", "2"), ("B2", "1"), ("B2", "2")]


def test_rows_that_name_their_file() -> None:
    known = [
        ProductRow(2, sku="A1", path="C:/shop/photos/one.jpg", filename="one.jpg", view="front"),
        ProductRow(3, sku="A1", path="two.jpg", filename="two.jpg"),
        ProductRow(4, sku="B2", path="01.jpg", filename="01.jpg"),
        ProductRow(5, sku="C3", path="01.jpg", filename="01.jpg"),
        ProductRow(6, path="THREE.JPG", filename="THREE.JPG"),
        ProductRow(7, path="four", filename="four"),
        ProductRow(8, path="gone.jpg", filename="gone.jpg"),
    ]
    files = ["photos/one.jpg", "other/one.jpg", "Two.jpg", "B2/01.jpg", "C3/01.jpg", "three.jpg"]
    found = match_photos([*files, "four.png"], known)
    assert [(one.photo, one.product.row) for one in found.matched] == [
        ("photos/one.jpg", 2),
        ("Two.jpg", 3),
        ("B2/01.jpg", 4),
        ("C3/01.jpg", 5),
        ("three.jpg", 6),
        ("four.png", 7),
    ]
    assert [(one.row, one.wanted) for one in found.missing] == [(8, "gone.jpg")]
    assert [one.file for one in found.left_out] == ["other/one.jpg"]


def test_a_file_name_that_two_folders_have_is_ambiguous() -> None:
    found = match_photos(["a/1.jpg", "b/1.jpg"], [ProductRow(2, path="1.jpg", filename="1.jpg")])
    assert [one.photo for one in found.ambiguous] == ["a/1.jpg", "b/1.jpg"]
    assert found.missing == ()


def test_a_view_goes_to_the_row_of_this_view() -> None:
    known = [ProductRow(2, sku="A1", view="Front"), ProductRow(3, sku="A1", view="back")]
    for front in ("A1_front.jpg", "A1_vorne.jpg"):
        found = match_photos(["A1_back.jpg", front], known)
        assert [(one.product.row, one.product.view) for one in found.matched] == [
            (3, "back"),
            (2, "Front"),
        ]


@pytest.mark.parametrize("known", [[], rows("M 2", "A1")])
def test_photos_come_in_the_order_of_their_views(known: list[ProductRow]) -> None:
    files = ["M 2_hinten.png", "A1_2.jpg", "M 2_vorne.png", "A1_main.jpg"]
    found = match_photos(files, known) if known else name_photos(files, ROW)
    wanted = ["M 2_vorne.png", "M 2_hinten.png", "A1_main.jpg", "A1_2.jpg"]
    assert [one.photo for one in found.matched] == wanted


def test_the_same_view_twice_is_reported() -> None:
    found = match_photos(["A1_2.jpg", "A1-2.png"], rows("A1"))
    assert [one.hint for one in found.matched] == [None, "has the same SKU and view as A1_2.jpg"]
    found = match_photos(["A1_2 - Kopie.jpg", "A1_2.jpg", "A1 copy 2.jpg"], rows("A1"))
    assert {one.photo: one.hint for one in found.matched} == {
        "A1_2.jpg": None,
        "A1_2 - Kopie.jpg": "is named as a copy of A1_2.jpg, and skipped if it is the same photo",
        "A1 copy 2.jpg": None,
    }


def test_words_for_one_side_are_one_view_in_every_language() -> None:
    for one, other in (
        ("front", "Vorne"),
        ("R\u00fcckseite 2", "back 2"),
        ("oben-links", "top-left"),
        ("back-view", "back"),
        ("Vue arrière", "hinten"),
        ("front_image_2", "front_2"),
        ("Top left", "top-left"),
        ("detail (2)", "detail_2"),
    ):
        assert view_key(one) == view_key(other)
    for one, other in (("detail", "closeup"), ("side", "profile"), ("front-2", "vorne"), ("", "1")):
        assert view_key(one) != view_key(other)


def test_many_photos_and_skus_cost_little() -> None:
    skus = [f"SKU-{number:05}" for number in range(5_000)]
    files = [f"{sku}_{view}.jpg" for sku in skus for view in ("1", "2")] + [
        "a-" * 120 + ".jpg"
    ] * 50
    start = time.process_time()
    found = match_photos(files, rows(*skus))
    assert len(found.matched) == 10_000
    assert time.process_time() - start < 5 * slowness()


def test_hostile_names_cost_little() -> None:
    known = rows(*(f"S{number}" for number in range(2_000)))
    files = [f"{'S-' * 100}{number}.jpg" for number in range(2_000)]
    files += [f"{'a/' * 500}{number}.jpg" for number in range(2_000)]
    files += [f"S{chr(0x301) * 240}{number}.jpg" for number in range(2_000)]
    start = time.process_time()
    assert match_photos(files, known).matched == ()
    assert time.process_time() - start < 5 * slowness()


def test_many_rows_that_name_the_same_file_cost_little() -> None:
    """As shops have it: every product has a folder, and a photo 01.jpg in it."""
    skus = [f"SKU-{number:05}" for number in range(5_000)]
    named = [ProductRow(2, sku=sku, path="01.jpg", filename="01.jpg") for sku in skus]
    start = time.process_time()
    found = match_photos([f"{sku}/01.jpg" for sku in skus], named)
    assert [one.product.sku for one in found.matched] == skus
    others = match_photos([f"x{sku}/01.jpg" for sku in skus], named)
    assert len(others.ambiguous) == 5_000
    assert time.process_time() - start < 5 * slowness()


def test_names_that_are_too_long_are_left_out() -> None:
    found = match_photos(["n" * 300 + ".jpg", "d/" * 600 + "a.jpg"], rows("A1"))
    assert [one.why for one in found.left_out] == ["has a name that is too long"] * 2


# -- without a spreadsheet ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "pattern", "named"),
    [
        (["SKU-1042_front.jpg"], "{sku}_{view}", [("SKU-1042", "front")]),
        (["SKU-1042.jpg", "SKU-1043.jpg"], "{sku}", [("SKU-1042", None), ("SKU-1043", None)]),
        (["A1.jpg", "A1-2.jpg"], "{sku}-{view}", [("A1", None), ("A1", "2")]),
        (["A1 (1).jpg", "B_2.jpg"], "{sku} ({view}) | {sku}_{view}", [("A1", "1"), ("B", "2")]),
        (["a/01.jpg", "b/01.jpg", "b/x.jpg"], "{sku}/{view}", [("a", "1"), ("b", "1"), ("b", "x")]),
        (["B0.MAIN.jpg", "B0.PT01.jpg"], "{sku}.{view}", [("B0", "main"), ("B0", "pt01")]),
        (["Shoes/red.jpg", "Shoes/blue.jpg"], "{sku}", [("red", None), ("blue", None)]),
        (["DSC_001.jpg", "IMG_0002.jpg"], "{sku}", [(None, None), (None, None)]),
        (["Shoes/A1.jpg", "Bags/front.jpg"], "{sku}", [("A1", None), (None, None)]),
        (["Shoes/IMG_1.jpg", "Bags/IMG_2.jpg"], "{sku}", [(None, None), (None, None)]),
        (["A1/photo.jpg", "B1/photo.jpg"], "{sku}/{view}", [("A1", "photo"), ("B1", "photo")]),
        (["A1-scaled.jpg", "B1-10x20.jpg"], "{sku}-{view}", [("A1", None), ("B1", None)]),
        (
            ["A1/front_1.jpg", "B1/front_1.jpg", "B1/x.jpg", "C1/y.jpg", "C1/z.jpg"],
            "{sku}/{view}",
            [("A1", "front-1"), ("B1", "front-1"), ("B1", "x"), ("C1", "y"), ("C1", "z")],
        ),
        (
            ["top/A1/photo.jpg", "top/B1/photo.jpg"],
            "{sku}/{view}",
            [("A1", "photo"), ("B1", "photo")],
        ),
        (["A1/x.jpg", "B1/x.jpg"], "{sku}/{view}", [("A1", "x"), ("B1", "x")]),
        (
            ["A1/IMG_1.jpg", "B1/DSC0002.jpg"],
            "{sku}/{view}",
            [("A1", "img-1"), ("B1", "DSC0002")],
        ),
        (
            ["A1/front.jpg", "B1/front.jpg", "A1/x.jpg", "B1/y.jpg", "C1/z.jpg"],
            "{sku}/{view}",
            [("A1", "front"), ("B1", "front"), ("A1", "x"), ("B1", "y"), ("C1", "z")],
        ),
        (
            ["A1/front/1.jpg", "A1/back/1.jpg", "B1/front/1.jpg"],
            "{sku}/{view}",
            [("A1", "front-1"), ("A1", "back-1"), ("B1", "front-1")],
        ),
        (
            ["A1/front/1.jpg", "A1/back/1.jpg"],
            "{sku}/{view}",
            [("A1", "front-1"), ("A1", "back-1")],
        ),
        (["A1/images/1.jpg", "B1/images/1.jpg"], "{sku}/{view}", [("A1", "1"), ("B1", "1")]),
    ],
)
def test_the_pattern_that_is_proposed(
    files: list[str], pattern: str, named: list[tuple[str, str | None]]
) -> None:
    found = name_photos(files, ProductRow(0, category="Cups"))
    assert found.pattern == pattern
    named_by_file = matched(found)
    assert [named_by_file[file] for file in files] == named


ALONE: list[tuple[str, tuple[str | None, str | None]]] = [
    ("BOTL-1.jpg", ("BOTL-1", None)),
    ("BOTL-1_2.jpg", ("BOTL-1", "2")),
    ("BOTL-1-front.png", ("BOTL-1", "front")),
    ("BOTL-1 (3).heic", ("BOTL-1", "3")),
    ("BOTL-1.MAIN.jpg", ("BOTL-1", "main")),
    ("BOTL-1_front_2.jpg", ("BOTL-1", "front-2")),
    ("BOTL-1-front-2.jpg", ("BOTL-1", "front-2")),
    ("BOTL-1-800x600.jpg", ("BOTL-1", None)),
    ("SHIRT-B.jpg", ("SHIRT-B", None)),
    ("CAM-V2.jpg", ("CAM-V2", None)),
    ("BOX.12.jpg", ("BOX.12", None)),
    ("BOTL-1(2).jpg", ("BOTL-1", "2")),
    ("BOTL(L).jpg", ("BOTL(L)", None)),
    ("BOTL-1 copy.jpg", ("BOTL-1", "copy")),
    ("BOTL-1 copy 2.jpg", ("BOTL-1", "copy-2")),
    ("BOTL-1 - Kopie (2).jpg", ("BOTL-1", "kopie-2")),
    ("BOTL-1 – Copie.jpg", ("BOTL-1", "copie")),
    ("GIFT-BOX (2).jpg", ("GIFT-BOX", "2")),
    ("GIFT BOX.jpg", ("GIFT BOX", None)),
    ("BOTL-1_Rückseite.jpg", ("BOTL-1", "rückseite")),
    ("SHOE-RETRO.jpg", ("SHOE-RETRO", None)),
    ("4006381333931_A1N1.jpg", ("4006381333931", "a1n1")),
    ("IMG_E1234.jpg", (None, None)),
    ("FB_IMG_1234.jpg", (None, None)),
    ("image (1).jpg", (None, None)),
    ("download (2).jpg", (None, None)),
    ("Scan0001.jpg", (None, None)),
    ("2026-01-02 12.00.00.jpg", (None, None)),
    ("Bildschirmfoto 2026-01-02 um 12.00.00.png", (None, None)),
    ("3F2504E0-4F89-11D3-9A0C-0305E82C3301.jpg", (None, None)),
    ("photo_2026-01-02_12-00-00.jpg", (None, None)),  # Telegram
    ("mmexport1700000000000.jpg", (None, None)),  # WeChat
    ("微信图片_20260102120000.jpg", (None, None)),
    ("Снимок экрана 2026-01-02.png", (None, None)),
    ("スクリーンショット 2026-01-02 12.00.00.png", (None, None)),
    ("Gemini_Generated_Image_1a2b3c.png", (None, None)),
    ("02.01.2026.jpg", (None, None)),
    ("BOTL-1-BACK-VIEW.jpg", ("BOTL-1", "back-view")),
    ("BOTL-1.side.photo.jpg", ("BOTL-1", "side-photo")),
    ("TABLE-TOP-front.jpg", ("TABLE-TOP", "front")),
    ("BOTL-1-left-side.jpg", ("BOTL-1", "left-side")),
    ("BOTL-1 front view.jpg", ("BOTL-1", "front-view")),
    ("BOTL-1 back.jpg", ("BOTL-1", "back")),
    ("Crop top 12 front.jpg", ("Crop top 12", "front")),
    ("Table front.jpg", ("Table front", None)),
    ("BOTL-1_2_edited.jpg", ("BOTL-1", "2-edited")),
    ("BOTL-1_2_1600px.jpg", ("BOTL-1", "2")),
    ("BOTL-1_2_thumb.jpg", ("BOTL-1", "2-thumb")),
    ("BOTL-1_freigestellt.png", ("BOTL-1", "freigestellt")),
    ("Copy of BOTL-1_front.jpg", ("BOTL-1", "front-copy")),
    ("Kopie von BOTL-1.jpg", ("BOTL-1", "kopie")),
    ("BOTL%2D1%20(2).jpg", ("BOTL-1", "2")),
    ("photo_5_2026-01-02_12-00-00.jpg", (None, None)),
    ("Photo 01-02-2026, 12 00 00.jpg", (None, None)),  # Dropbox
    ("Photo on 01-02-26 at 12.00.jpg", (None, None)),  # Photo Booth
    ("CamScanner 01-02-2026 12.00.jpg", (None, None)),
    ("Photoroom-20260102_120000.png", (None, None)),
    ("VID_20260102_120000.jpg", (None, None)),
    ("WIN_20260102_12_00_00_Pro.jpg", (None, None)),
    ("P_20260102_120000.jpg", (None, None)),  # ASUS
    ("wx_camera_1700000000000.jpg", (None, None)),
    ("0f8a3c1e12344f5a9abc1234567890ab.jpg", (None, None)),
    ("71abcDEFghL._AC_SL1500_.jpg", (None, None)),  # Amazon
    ("AdobeStock_123456789.jpeg", (None, None)),
    ("pexels-photo-123456.jpeg", (None, None)),
    ("MG_0001.JPG", (None, None)),
    ("IMGP0001.JPG", (None, None)),  # Pentax
    ("PICT0001.JPG", (None, None)),
    ("Image from iOS.jpg", (None, None)),
    ("Ohne Titel.jpg", (None, None)),
]
BESIDE = ["JAR-1_front.jpg", "CUP-02_front.jpg", "MUG-3-back.jpg", "TEA.jpg", "TEA-2.jpg"]
BESIDE += ["POT-1.jpg", "POT-2.jpg", "VASE (2).jpg", "A.PT01.jpg", "KEY-a.jpg"]


@pytest.mark.parametrize(("photo", "named"), ALONE)
def test_a_name_is_read_the_same_whatever_lies_beside_it(
    photo: str, named: tuple[str | None, str | None]
) -> None:
    for beside in ([], BESIDE[:1], BESIDE[:2], BESIDE[2:], BESIDE):
        assert matched(name_photos([photo, *beside], ProductRow(0)))[photo] == named, beside


@pytest.mark.parametrize(
    ("photo", "beside", "known", "named"),
    [
        ("BOOK-7.jpg", ["A_front.jpg", "B_front.jpg"], ["BOOK-7", "BOOK"], ("BOOK-7", None)),
        ("BOOK-7.jpg", [], ["BOOK"], ("BOOK", "7")),
        ("BOOK-7.jpg", ["BOOK_front.jpg"], [], ("BOOK", "7")),
        ("BOOK-7.jpg", ["BOOK_front.jpg", "BOOK-7_front.jpg"], [], ("BOOK-7", None)),
        ("BOOK-7.jpg", ["BOOK.jpg"], [], ("BOOK", "7")),
        ("SM_58.jpg", [], ["SM_58"], ("SM_58", None)),
        ("SM_58-front.jpg", [], ["SM_58"], ("SM_58", "front")),
        ("JAR-1_front.jpg", [], ["JAR"], ("JAR-1", "front")),
        ("JAR-1-front.jpg", [], ["JAR"], ("JAR-1", "front")),
        ("GIFT-BOX.jpg", ["GIFT-BOX_2.jpg"], [], ("GIFT-BOX", None)),
        ("GIFT-BOX.jpg", [], ["GIFT-BOX"], ("GIFT-BOX", None)),
        ("JAR-1-BACK-VIEW.jpg", [], ["JAR-1"], ("JAR-1", "back-view")),
        ("47-12.jpg", [], ["47/12"], ("47/12", None)),
        ("47_12.jpg", ["47_front.jpg"], ["47/12"], ("47/12", None)),
        ("A-47_12-front.jpg", [], ["A-47/12"], ("A-47/12", "front")),
        ("47-12.jpg", [], ["47-12", "47/12"], ("47-12", None)),
        ("a-47_12.jpg", [], ["A-47/12", "A-47"], ("A-47/12", None)),
        ("a-1.jpg", ["A-1_2.jpg"], ["A-1"], ("A-1", None)),
        ("Abc1-front.jpg", [], ["ABC1"], ("ABC1", "front")),
        ("Abc-1.jpg", [], ["ABC-1", "abc-1"], ("Abc-1", None)),
        ("abc-1.jpg", [], ["ABC-1", "abc-1"], ("abc-1", None)),
        ("front_A1.jpg", [], ["A1"], ("A1", "front")),
        ("Hinten - a1.jpg", [], ["A1"], ("A1", "hinten")),
        ("front_A1.jpg", ["back_A1.jpg"], [], ("A1", "front")),
        ("front_A1.jpg", ["back_A2.jpg"], [], ("front_A1", None)),
        ("TOP-12.jpg", ["BOTTOM-12.jpg"], [], ("TOP-12", None)),
        ("A1front.jpg", [], ["A1"], ("A1", "front")),
        ("A1front.jpg", ["A1Back.jpg"], [], ("A1", "front")),
        ("A1front.jpg", ["A2Back.jpg"], [], ("A1front", None)),
        ("AB-7left.jpg", [], ["AB-7"], ("AB-7", "left")),
        ("A1[2].jpg", [], [], ("A1", "2")),
        ("A1_Foto 2.jpg", [], [], ("A1", "foto-2")),
        ("TOP-12.jpg", [], ["TOP-12", "12"], ("TOP-12", None)),
        ("CUP@2x.jpg", ["CUP-min.jpg"], [], ("CUP", None)),
        ("LAMP-MIN.jpg", ["LAMP-MAX.jpg"], [], ("LAMP-MIN", None)),
        ("CUP-2.jpg", ["CUP_14.jpg"], [], ("CUP-2", None)),
        ("CUP-7-2.jpg", ["CUP-7_1.jpg"], [], ("CUP-7", "2")),
        ("CUP_14.jpg", ["CUP-2.jpg"], [], ("CUP", "14")),
    ],
)
def test_the_longest_sku_that_is_known_wins(
    photo: str, beside: list[str], known: list[str], named: tuple[str, str | None]
) -> None:
    found = name_photos([*beside, photo], ProductRow(0), None, known)
    assert matched(found)[photo] == named
    assert set(known) <= set(possible_skus([photo]))


@pytest.mark.parametrize(
    ("photo", "named"),
    [
        ("front_A1.jpg", ("A1", "front")),
        ("Rückseite - a1.jpg", ("A1", "rückseite")),
        ("shoot 3/top-12.jpg", ("12", "top")),
        ("TOP-13.jpg", ("TOP-13", None)),
        ("A1Rückseite.jpg", ("A1", "rückseite")),
    ],
)
def test_a_view_may_come_before_a_sku_of_the_spreadsheet(
    photo: str, named: tuple[str, str | None]
) -> None:
    assert matched(match_photos([photo], rows("A1", "12", "13", "TOP-13"))) == {photo: named}
    for unclear in ("01_A1.jpg", "A1b.jpg"):
        [asked] = match_photos([unclear], rows("A1")).ambiguous
        assert asked.skus == ("A1",)


@pytest.mark.parametrize(
    ("photos", "skus"),
    [
        (["100CANON/IMG_0001.JPG", "101CANON/IMG_0002.JPG"], [None, None]),
        (["2026-11-01/A1.jpg", "2026-11-01/B1.jpg", "2026-11-02/A1.jpg"], ["A1", "B1", "A1"]),
        (["01.11.2026/IMG_1.jpg", "02.11.2026/IMG_1.jpg"], [None, None]),
        (["1000x1000/A1.jpg", "2000x2000/A1.jpg"], ["A1", "A1"]),
        (["web/A1.jpg", "print/A1.jpg"], ["A1", "A1"]),
        (["300 DPI/A1.jpg", "72dpi/A1.jpg"], ["A1", "A1"]),
        (["300DPI/IMG_0001.jpg"], [None]),
        (["A1/web/1.jpg", "A1/print/1.jpg", "B1/web/1.jpg"], ["A1", "A1", "B1"]),
    ],
)
def test_folders_of_days_cards_and_sizes_are_no_skus(
    photos: list[str], skus: list[str | None]
) -> None:
    named = matched(name_photos(photos, ROW))
    assert [named[photo][0] for photo in photos] == skus


@pytest.mark.parametrize("rows", [[], [ProductRow(2, sku="A1"), ProductRow(3, sku="B1")]])
def test_folders_that_share_a_name_are_views(rows: list[ProductRow]) -> None:
    photos = ["front/A1.jpg", "back/A1.jpg", "Rückseite/B1_2.jpg", "back/B1_2.jpg", "Top/A1-4.jpg"]
    found = match_photos(photos, rows) if rows else name_photos(photos, ROW)
    assert [matched(found)[photo] for photo in photos[:4]] == [
        *(("A1", "front"), ("A1", "back")),
        *(("B1", "rückseite-2"), ("B1", "back-2")),
    ]
    alone = ["Top/A1.jpg", "Bottom/B1.jpg"]
    found = match_photos(alone, rows) if rows else name_photos(alone, ROW)
    assert [matched(found)[photo] for photo in alone] == [("A1", None), ("B1", None)]


def test_names_in_folders_that_may_be_skus_are_said_once() -> None:
    found = name_photos(["red/A1.jpg", "red/A2.jpg", "blue/A1.jpg", "blue/A2.jpg"], ROW)
    assert found.question == (
        "photos' names (A1, A2) are read as views of their folders' SKUs (blue, red);"
        " if the names are SKUs, and the folders are not,"
        " give the pattern {any}/{sku}"
    )
    read = name_photos(["red/A1.jpg", "blue/A1.jpg"], ROW, "{any}/{sku}")
    assert [(one.product.sku, one.product.view) for one in read.matched] == [("A1", None)] * 2
    assert name_photos(["A1/x.jpg", "B1/x.jpg", "A1/IMG_1.jpg"], ROW).question is None


def test_skus_that_differ_in_case_only_are_said() -> None:
    found = name_photos(["SKU1_front.jpg", "sku1_back.jpg", "IMG_1.jpg", "img_1.jpg"], ROW)
    assert found.question == (
        "SKU1, sku1 are read as SKUs of their own, though only upper and lower case differ:"
        " rename the photos if they are one SKU's"
    )
    assert name_photos(["SKU1_front.jpg", "SKU1_back.jpg"], ROW).question is None


@pytest.mark.parametrize(
    ("photo", "named"),
    [
        ("SHOE/IMG_0007.jpg", ("SHOE", "img-7")),
        ("00123/DSC0001.jpg", ("00123", "DSC0001")),
        ("00123/front.jpg", ("00123", "front")),
        ("12/blau.jpg", ("12", "blau")),
        ("2026/web/IMG_1.jpg", ("2026", "img-1")),
        ("SHOE/B-1.jpg", ("B-1", None)),  # may be a SKU itself
    ],
)
@pytest.mark.parametrize("beside", [[], ["A1.jpg", "A2.jpg", "A3.jpg", "A4_front.jpg"]])
def test_a_folder_is_the_sku_that_packshot_has(
    photo: str, named: tuple[str, str | None], beside: list[str]
) -> None:
    photos = [f"all/{name}" for name in (photo, *beside)]
    known = set(possible_skus(photos)) & {"SHOE", "00123", "12", "2026"}
    found = name_photos(photos, ROW, None, known)
    assert (matched(found)[photos[0]], found.question) == (named, None)


def test_a_number_of_photos_names_no_photo_of_another_sku() -> None:
    """A column Photos with 3, 1 and 2, and SKUs that are numbers as well."""
    counted = [
        replace(row, path=n, filename=n) for row, n in zip(rows("1", "2", "3"), "312", strict=True)
    ]
    found = match_photos(["1.jpg", "2.jpg", "3.jpg"], counted)
    assert matched(found) == {f"{sku}.jpg": (sku, None) for sku in "123"}
    named = [
        replace(row, path=n, filename=n) for row, n in zip(rows("A1", "A2"), "21", strict=True)
    ]
    assert matched(match_photos(["1.jpg", "2.jpg"], named)) == {
        "2.jpg": ("A1", None),
        "1.jpg": ("A2", None),
    }


def test_large_numbers_in_a_folder_may_be_skus() -> None:
    found = name_photos(["autumn/101.jpg", "autumn/102.jpg", "autumn/103_back.jpg"], ROW)
    assert found.question == (
        "photos' names (101, 102) are read as views of their folders' SKUs (autumn);"
        " if the names are SKUs, and the folders are not,"
        " give the pattern {any}/{sku}"
    )
    assert name_photos(["A1/001.jpg", "A1/002.jpg", "A1/12.jpg"], ROW).question is None


@pytest.mark.parametrize("folder", ["detail shots", "Studio", "lifestyle shot"])
def test_a_folder_of_shots_is_no_sku(folder: str) -> None:
    read = matched(name_photos([f"A1/{folder}/1.jpg", "A1/1.jpg", "B1/1.jpg"], ROW))
    assert [sku for sku, _ in read.values()] == ["A1", "A1", "B1"]


@pytest.mark.parametrize("folder", ["shop", "spring 2026", "A1"])
@pytest.mark.parametrize("sku", ["101", "47-12", "47/12"])
def test_a_view_of_a_sku_that_packshot_has_is_no_view_of_its_folder(folder: str, sku: str) -> None:
    name = sku.replace("/", "-")
    photos = [f"{folder}/{name}{rest}.jpg" for rest in ("", "_back", " (2)")]
    read = matched(name_photos(photos, ROW, None, [sku]))
    assert [read[photo] for photo in photos] == [(sku, None), (sku, "back"), (sku, "2")]
    assert matched(name_photos(["A1/101_back.jpg"], ROW, None, ["101", "A1"])) == {
        "A1/101_back.jpg": ("A1", "101-back")
    }


@pytest.mark.parametrize("folder", ["SHOE-1", "00123", "HD-7/images", "SHOE-1/front"])
def test_a_lone_folder_of_a_skus_form_is_the_sku_and_is_said(folder: str) -> None:
    found = name_photos([f"Q/{folder}/IMG_0002.jpg", f"Q/{folder}/IMG_0003.jpg"], ROW)
    sku = folder.split("/")[0]
    assert [one.product.sku for one in found.matched] == [sku, sku]
    assert found.question in (
        None,
        f"photos in {sku} get their folder's name as their SKU; if it is none, give the pattern"
        " {sku}",
    )


def test_a_folder_of_photos_named_by_sku_holds_a_folder_of_a_sku() -> None:
    """A camera's name alone would make a SKU of their common folder, and SKUs of `1` and `2`."""
    names = ("KUB-1", "KUB-2", "MUG-3", "POT-4", "IMG_2034")
    loose = [f"photos/{name}.jpg" for name in names]
    found = name_photos([*loose, "photos/CAP-GREY/1.jpg", "photos/CAP-GREY/2.jpg"], ROW)
    skus = {match.photo: match.product.sku for match in found.matched}
    assert skus["photos/CAP-GREY/1.jpg"] == skus["photos/CAP-GREY/2.jpg"] == "CAP-GREY"
    assert [skus[one] for one in loose] == ["KUB-1", "KUB-2", "MUG-3", "POT-4", None]


@pytest.mark.parametrize("folder", ["shoot 3", "shoe-1", "Neue Serie 12"])
def test_a_lone_folder_that_may_be_a_sku_is_a_question(folder: str) -> None:
    found = name_photos([f"{folder}/IMG_0002.jpg"], ROW)
    assert found.matched[0].product.sku is None
    assert found.question == (
        f"photos named by a camera get no SKU; if it is that of their folder ({folder}), give the"
        " pattern {sku}/{view}"
    )
    read = name_photos([f"{folder}/IMG_0002.jpg"], ROW, "{sku}/{view}")
    assert read.matched[0].product.sku == folder


@pytest.mark.parametrize(
    "folder",
    ["Fotos", "Shoes", "100CANON", "2026", "2026-11", "20261130", "SS2026", "30.11.26", "Fotos-2"],
)
def test_a_lone_folder_of_a_time_or_a_usual_word_says_nothing(folder: str) -> None:
    found = name_photos([f"{folder}/IMG_0002.jpg"], ROW)
    assert (found.matched[0].product.sku, found.question) == (None, None)


def test_numbers_that_may_be_views_are_said_once() -> None:
    found = name_photos(["BOTL-1.jpg", "BOTL-2.jpg", "BOTL-3.jpg", "JAR-1_front.jpg"], ROW)
    assert found.question == (
        "BOTL-1, BOTL-2, BOTL-3 are read as SKUs of their own; if they are views of one product"
        " (BOTL), give the pattern {sku}-{view}"
    )
    assert [one.product.sku for one in found.matched] == ["BOTL-1", "BOTL-2", "BOTL-3", "JAR-1"]
    assert name_photos(["BOTL-1.jpg", "JAR-1.jpg"], ROW).question is None
    assert name_photos(["B-1.jpg", "B-2.jpg"], ROW, None, ["B-1", "B-2"]).question is None
    assert name_photos(["B-1.jpg", "B-2.jpg"], ROW, "{sku}-{view}").question is None


def test_a_name_in_its_skus_folder_may_repeat_the_sku() -> None:
    found = name_photos(["A1/A1_front.jpg", "A1/A1_2.jpg", "B1/1.jpg", "B1/2.jpg", "A1/1.jpg"], ROW)
    assert list(matched(found).values())[:3] == [("A1", "front"), ("A1", "1"), ("A1", "2")]


def test_many_photos_without_a_spreadsheet_cost_little() -> None:
    files = [f"S-{number:05}-{view}.jpg" for number in range(5_000) for view in range(4)]
    files[:50] = [f"{'a-' * 110}{number}.jpg" for number in range(50)]
    start = time.process_time()
    assert len(name_photos(files, ROW, None, possible_skus(files)).matched) == len(files)
    assert time.process_time() - start < 5 * slowness()


@pytest.mark.parametrize(
    ("pattern", "photo", "named"),
    [
        ("{sku}_{view}", "SM_58_front.jpg", ("SM_58", "front")),
        ("{view} {sku}", "front A1.jpg", ("A1", "front")),
        ("shop-{sku}-{view}", "shop-A-1-back.jpg", ("A-1", "back")),
        ("{any}/{sku}/{view}", "Spring/A1/01.jpg", ("A1", "1")),
        ("{sku}__{any}", "A1__studio shot.jpg", ("A1", None)),
        ("{any}__{sku}", "cup__A1.jpg", ("A1", None)),
        ("{sku}_{view}", "A1.jpg", ("A1", None)),
    ],
)
def test_a_pattern_of_the_user(pattern: str, photo: str, named: tuple[str, str | None]) -> None:
    found = name_photos([photo], ProductRow(0), pattern)
    assert matched(found) == {photo: named}


@pytest.mark.parametrize(
    "pattern", ["{view}", "{sku}{view}", "{sku}_{sku}", "{sku", "{price}", "{sku.name}", "x" * 201]
)
def test_a_pattern_that_says_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(SpreadsheetError, match="pattern of names"):
        name_photos(["a.jpg"], ProductRow(0), pattern)


@settings(max_examples=100)
@given(st.text("ab_-.{} /()", max_size=30), st.text("ab_-.1 /()", min_size=1, max_size=40))
def test_no_pattern_and_no_name_breaks_it(pattern: str, photo: str) -> None:
    try:
        found = name_photos([photo], ProductRow(0), "{sku}" + pattern)
    except SpreadsheetError:
        return
    assert len(found.matched) + len(found.left_out) + found.system_files == 1


def test_the_folder_of_the_cases() -> None:
    if not CASES.exists():
        pytest.skip(f"no {CASES}")
    files = sorted(str(path.relative_to(CASES)) for path in CASES.rglob("*") if path.is_file())
    found = name_photos(files, ProductRow(0, category="Cups"))
    assert matched(found) == {
        "IMG_0001 (1).JPG": (None, None),
        "a.jpg": ("a", None),
        "b.JFIF": ("b", None),
        "c.jpe": ("c", None),
        "d.jpg.jpeg": ("d", None),
        "f": ("f", None),
        "g.heic": ("g", None),
        "h.avif": ("h", None),
        "i.tif": ("i", None),
        "sub/e.jpg": ("e", None),
    }
    assert (found.left_out, found.system_files) == ((), 1)


# -- ZIPs -----------------------------------------------------------------------------------------


def zipped(*names: str | zipfile.ZipInfo, data: bytes = b"photo") -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, data)
    return file


def test_the_photos_of_a_zip() -> None:
    archive = PhotoArchive(zipped("A1/1.jpg", "ä.jpg", "__MACOSX/A1/._1.jpg", ".DS_Store", "a.txt"))
    assert archive.photos == ["A1/1.jpg", "ä.jpg"]
    assert archive.left_out == [LeftOut("a.txt", "is a text")]
    assert archive.system_files == 2
    assert archive.read("ä.jpg") == b"photo"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("größe.jpg".encode(), "größe.jpg"),
        ("größe.jpg".encode("cp437"), "größe.jpg"),
        (b"A1\\1.jpg", "A1/1.jpg"),
        ("Рубашка_1.jpg".encode("cp866"), "Рубашка_1.jpg"),
        ("Верх.jpg".encode("cp866"), "Верх.jpg"),  # as bytes in Japanese, too
        ("Юбка.jpg".encode("cp866"), "Юбка.jpg"),  # in Korean
        ("Bøtte_1.jpg".encode("cp850"), "Bøtte_1.jpg"),
        ("Křeslo_1.jpg".encode("cp852"), "Křeslo_1.jpg"),
        ("Παπούτσι_1.jpg".encode("cp737"), "Παπούτσι_1.jpg"),
        ("Größe_1.jpg".encode("cp1252"), "Größe_1.jpg"),
        ("マグ表_1.jpg".encode("cp932"), "マグ表_1.jpg"),
        ("红鞋_1.jpg".encode("gbk"), "红鞋_1.jpg"),
        ("파란색 머그컵 정면사진.jpg".encode("cp949"), "파란색 머그컵 정면사진.jpg"),
        ("Pâté_tâche.jpg".encode("cp437"), "Pâté_tâche.jpg"),
    ],
)
def test_names_without_the_flag_of_utf_8(raw: bytes, shown: str) -> None:
    data = zipped("x" * len(raw)).getvalue().replace(b"x" * len(raw), raw)
    assert PhotoArchive(io.BytesIO(data)).photos == [shown]


@pytest.mark.parametrize("raw", ["背包_1.jpg".encode("gbk"), "컵_1.jpg".encode("cp949")])
def test_a_garbled_name_is_left_out_and_named(raw: bytes) -> None:
    data = zipped("x" * len(raw), "a.jpg").getvalue().replace(b"x" * len(raw), raw)
    archive = PhotoArchive(io.BytesIO(data))
    assert archive.photos == ["a.jpg"]
    [left_out] = archive.left_out
    assert left_out.why.startswith("has a name in an unknown encoding")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../../etc/a.jpg", "leads outside the ZIP"),
        ("/etc/a.jpg", "leads outside the ZIP"),
        ("..\\a.jpg", "leads outside the ZIP"),
        ("C:\\a.jpg", "leads outside the ZIP"),
    ],
)
def test_entries_that_leave_the_archives_folder_are_left_out(name: str, why: str) -> None:
    archive = PhotoArchive(zipped(name, "good.jpg"))
    assert archive.photos == ["good.jpg"]
    ((left_out),) = archive.left_out
    assert why in left_out.why


def test_links_and_empty_and_doubled_files() -> None:
    link = zipfile.ZipInfo("link.jpg")
    link.external_attr = 0o120777 << 16
    file = zipped(link, "A.jpg")
    with zipfile.ZipFile(file, "a") as more:
        more.writestr("empty.jpg", b"")
        with pytest.warns(UserWarning, match="Duplicate name"):
            more.writestr("A.jpg", b"other")
    archive = PhotoArchive(file)
    assert archive.photos == ["A.jpg"]
    assert [(one.file, one.why.split(" ")[1]) for one in archive.left_out] == [
        ("link.jpg", "a"),
        ("empty.jpg", "empty"),
        ("A.jpg", "the"),
    ]


def test_a_locked_zip_is_reported() -> None:
    data = bytearray(zipped("a.jpg").getvalue())
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        data[data.find(signature) + offset] |= 1
    archive = PhotoArchive(io.BytesIO(bytes(data)))
    assert archive.left_out[0].why.startswith("is protected with a password")


def test_zip_bombs_are_refused() -> None:
    bomb = zipped("a.jpg", data=b"\0" * 30_000_000)
    assert len(bomb.getvalue()) < 50_000
    (left_out,) = PhotoArchive(bomb).left_out
    assert left_out.why == "is larger than 20,000,000 bytes"
    with pytest.raises(SpreadsheetError, match="unpacks to more than 8 bytes"):
        PhotoArchive(zipped("a.jpg", "b.jpg"), ArchiveLimits(all_bytes=8))
    with pytest.raises(SpreadsheetError, match="more than 1 files"):
        PhotoArchive(zipped("a.jpg", "b.jpg"), ArchiveLimits(files=1))


def test_a_part_that_states_less_than_it_holds_is_damaged() -> None:
    data = bytearray(zipped("a.jpg", data=b"\0" * 1_000_000).getvalue())
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        place = data.find(signature) + offset
        data[place : place + 4] = struct.pack("<L", 10)
    with pytest.raises(SpreadsheetError, match=r"a\.jpg is damaged"):
        PhotoArchive(io.BytesIO(bytes(data))).read("a.jpg")


@pytest.mark.parametrize("data", [b"", b"no zip", None])
def test_damaged_zips_are_refused(data: bytes | None) -> None:
    data = zipped("a.jpg").getvalue()[:-30] if data is None else data
    with pytest.raises(SpreadsheetError, match="the ZIP is damaged"):
        PhotoArchive(io.BytesIO(data))


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["photos/A-1_front.jpg", "photos/A-1_back.jpg"], [("A-1", "front"), ("A-1", "back")]),
        (["mugs/A-1.jpg", "mugs/B-2.jpg"], [("A-1", None), ("B-2", None)]),
        (["photos/101.jpg", "photos/205.jpg"], [("101", None), ("205", None)]),
        (["M-1/a.jpg", "M-1/b.jpg"], [("M-1", "a"), ("M-1", "b")]),
    ],
)
def test_a_short_sku_is_no_view_of_its_folder(
    names: list[str], found: list[tuple[str, str | None]]
) -> None:
    matched = name_photos(names, ProductRow(0)).matched
    assert [(match.product.sku, match.product.view) for match in matched] == found


def test_folders_that_repeat_in_others_are_no_sku_alone() -> None:
    found = name_photos(["Red/S/1.jpg", "Blue/S/1.jpg"], ROW)
    assert found.question == (
        "photos in Red/S, Blue/S get the names of both folders as their SKU, because S is in"
        " several; if it is the SKU alone, give the pattern {sku}/{view}"
    )
    both = {"Red/S/1.jpg": ("Red/S", "1"), "Blue/S/back/2.jpg": ("Blue/S", "back-2")}
    assert matched(match_photos(list(both), rows("Red/S", "Blue/S", "S"))) == both
    three = {"TEE/Red/S/1.jpg": ("TEE/Red/S", "1"), "TEE/Red/M.jpg": ("TEE/Red/M", None)}
    assert matched(match_photos(list(three), rows("TEE/Red/S", "TEE/Red/M", "Red/S"))) == three


@pytest.mark.parametrize(
    ("known", "sku"), [(["Red/S"], "Red/S"), (["S"], "S"), (["S", "Red/S"], "Red/S")]
)
def test_a_sku_of_two_folders_that_packshot_has(known: list[str], sku: str) -> None:
    photos = ["Red/S/1.jpg", "Blue/S/1.jpg"]
    found = name_photos(photos, ROW, None, known)
    assert matched(found)[photos[0]] == (sku, "1")
    assert set(known) <= set(possible_skus(photos))


def test_a_number_behind_another_sign_is_said() -> None:
    found = name_photos(["CUP-2.jpg", "CUP_14.jpg"], ROW)
    assert found.question == (
        "CUP-2 are read as SKUs of their own; if they are views of one product (CUP), give the"
        " pattern {sku}_{view} | {sku}-{view}"
    )


def test_a_sku_with_a_slash_is_a_folder_and_a_name() -> None:
    rows = [ProductRow(2, sku="AB/12"), ProductRow(3, sku="AB/13")]
    found = match_photos(["AB/12.jpg", "AB/13_back.jpg", "AB/14.jpg"], rows)
    views = {match.photo: (match.product.sku, match.product.view) for match in found.matched}
    assert views == {"AB/12.jpg": ("AB/12", None), "AB/13_back.jpg": ("AB/13", "back")}
    assert [left.file for left in found.left_out] == ["AB/14.jpg"]


def test_a_number_that_lost_its_zeros_is_a_question() -> None:
    rows = [ProductRow(2, sku="00123"), ProductRow(3, sku="77"), ProductRow(4, sku="500")]
    found = match_photos(["123.jpg", "0077_2.jpg", "500.jpg", "123A.jpg", "9.jpg"], rows)
    assert [(one.photo, one.skus) for one in found.ambiguous] == [
        ("123.jpg", ("00123",)),
        ("0077_2.jpg", ("77",)),
    ]
    photo_without, sheet_without = (one.why for one in found.ambiguous)
    assert "format that column as text" not in photo_without
    assert "format that column as text" in sheet_without
    assert [match.photo for match in found.matched] == ["500.jpg"]
    assert [left.file for left in found.left_out] == ["123A.jpg", "9.jpg"]


def test_a_sku_behind_other_words_is_a_question() -> None:
    rows = [ProductRow(2, sku="S1"), ProductRow(3, sku="front")]
    found = match_photos(["IMG_S1.jpg", "new-S1_2.jpg", "xS1.jpg", "front.jpg"], rows)
    assert [(one.photo, one.skus) for one in found.ambiguous] == [
        ("IMG_S1.jpg", ("S1",)),
        ("new-S1_2.jpg", ("S1",)),
    ]
    assert [left.file for left in found.left_out] == ["xS1.jpg"]
