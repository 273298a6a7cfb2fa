"""Marketplace presets: read, measured on pictures made to break one rule each, never asserted."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from click.testing import CliRunner
from pydantic import ValidationError
from sqlalchemy import update
from support.shop import Shop

from packshot.cli import main
from packshot.cli.export import name_failures
from packshot.database.models import Product, ProductImage
from packshot.enhancers.local import compose
from packshot.errors import SettingsError
from packshot.marketplaces.compliance import CHOICE_OF_MAIN_PICTURE, RuleResult, check
from packshot.marketplaces.measures import PictureMeasures, measure
from packshot.marketplaces.presets import preset_names, preset_titles, read_preset
from packshot.marketplaces.rendering import Source, render
from packshot.pictures.imaging import encode_array, to_array
from packshot.pictures.provenance import Provenance
from packshot.products.export.numbers import find_main
from packshot.products.lookup import Editor
from packshot.products.object_keys import normalised_key
from packshot.settings import Settings

OURS = [
    *("ajio", "amazon", "ebay", "etsy", "flipkart"),
    *("google", "meesho", "myntra", "shopify", "walmart"),
]


def picture(width: int = 1000, height: int = 1000, fill: float = 0.9) -> Any:
    """A red box on pure white that takes `fill` of the picture."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    down, across = round(height * fill), round(width * fill)
    top, left = (height - down) // 2, (width - across) // 2
    pixels[top : top + down, left : left + across] = (180, 30, 40)
    return pixels


def measured(pixels: Any, ending: str = ".jpg") -> PictureMeasures:
    return measure(encode_array(pixels, 98), ending)


def verdicts(pixels: Any, preset: str, ending: str = ".jpg") -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in check(measured(pixels, ending), read_preset(preset, None)):
        found.setdefault(row.rule, set()).add(row.verdict)
    return found


def test_every_preset_is_read_dated_and_sourced() -> None:
    assert preset_names(None) == OURS
    for name in OURS:
        preset = read_preset(name, None)
        assert preset.checked.year == 2026
        assert all(rule.source and rule.advice for rule in preset.rules)


@pytest.mark.parametrize(
    ("rule", "required", "found"),
    [
        ("border white", "at least 99 %", "100 %"),
        ("fill", "at least 85 %", "79.9944 %"),
        ("longest side", "at least 1,000 px (advised)", "1,601 px"),
        ("ratio", "at least 0.98, at most 1.02 (advised)", "1"),
        ("bytes", "at most 10,000,000 (advised)", "44,000"),
        ("format", "jpeg or png or tiff or gif", "jpeg"),
    ],
)
def test_rules_are_told_with_their_units(rule: str, required: str, found: str) -> None:
    """A seller can't tell 0.99 and 0.5, or which of two limits only advises."""
    preset = read_preset("amazon", None)
    measures = replace(
        GOOD, border_white=1.0, fill=0.7999444, longest_side=1601, ratio=1.0, bytes=44_000
    )
    rows = [row for row in check(measures, preset) if row.rule == rule]
    assert (rows[-1].required, rows[-1].measured) == (required, found)


GOOD = measure(encode_array(np.full((500, 500, 3), 255, np.uint8)), ".jpg")


@pytest.mark.parametrize("name", OURS)
def test_each_rule_of_each_preset_is_judged_just_at_its_limit(name: str) -> None:
    preset = read_preset(name, None)
    for place, rule in enumerate(preset.rules):
        limits: list[tuple[float | str | None, str]] = [(None, "unknown")]
        limits += [(word, "pass") for word in rule.allowed]
        limits += [("something else", rule.severity)] if rule.allowed else []
        if rule.least is not None:
            limits += [(rule.least, "pass"), (rule.least * 0.999, rule.severity)]
        if rule.most is not None:
            limits += [(rule.most, "pass"), (rule.most * 1.001, rule.severity)]
        for value, verdict in limits:
            changed: dict[str, Any] = {rule.measure: value}
            row = check(replace(GOOD, **changed), preset)[place]
            assert (row.verdict, row.rule, value) == (verdict, row.rule, value)
            assert bool(row.advice) == (verdict != "pass")


def test_a_good_picture_passes_amazons_rules() -> None:
    found = verdicts(picture(2000, 2000), "amazon")
    assert {rule for rule, verdict in found.items() if verdict != {"pass"}} == set()


def test_each_rule_is_broken_by_a_picture_made_so() -> None:
    off_white = picture()
    off_white[off_white.min(axis=2) == 255] = (250, 250, 250)
    touching = picture()
    touching[300:600, 0:200] = (180, 30, 40)
    framed = picture()
    for edge in (np.s_[:12], np.s_[-12:], np.s_[:, :12], np.s_[:, -12:]):
        framed[edge] = (20, 20, 20)
    shadow = picture()
    shadow[960:, 200:800] = (190, 190, 190)
    for pixels, rule, verdict in (
        (off_white, "border white", "fail"),
        (picture(fill=0.6), "fill", "fail"),
        (touching, "edge contact", "fail"),
        (framed, "frame", "fail"),
        (shadow, "edge shadow", "warn"),
        (picture(1000, 800), "ratio", "warn"),
        (picture(400, 400), "longest side", "fail"),
    ):
        assert verdict in verdicts(pixels, "amazon")[rule], rule
    assert "fail" in verdicts(picture(), "amazon", ".png")["ending"]


@pytest.mark.parametrize(("fill", "least"), [(0.84, False), (0.86, True)])
def test_fill_is_judged_just_at_its_limit(fill: float, least: bool) -> None:
    assert (verdicts(picture(fill=fill), "amazon")["fill"] == {"pass"}) == least


def test_what_has_no_plain_backdrop_has_no_fill() -> None:
    scene = np.random.default_rng(1).integers(0, 255, (600, 600, 3), np.uint8)
    assert verdicts(scene, "amazon")["fill"] == {"unknown"}
    assert measured(scene).frame == "no"


@pytest.mark.parametrize("share", [0.1, 0.6, 0.9])
def test_a_product_that_is_cut_off_touches_the_edge(share: float) -> None:
    """However much of the side it covers."""
    cut = picture()
    wide = round(1000 * share / 2)
    cut[500:, 500 - wide : 500 + wide] = (180, 30, 40)
    assert measured(cut).edge_contact == "bottom"
    assert verdicts(cut, "amazon")["edge contact"] == {"fail"}


def with_profile(kind: str, profile: str, space: str = "srgb") -> bytes:
    image = pyvips.Image.new_from_array(picture(300, 300), interpretation="srgb")
    image = image.icc_transform(profile, input_profile="srgb")
    assert image.interpretation == space
    return bytes(image.write_to_buffer(f".{kind}"))


def test_the_profile_is_read_and_not_only_looked_for() -> None:
    plain = pyvips.Image.new_from_array(picture(300, 300), interpretation="srgb")
    with_srgb = plain.icc_transform("srgb", input_profile="srgb")
    for kind in ("png", "jpg", "webp"):  # a PNG packs its profile
        assert measure(with_srgb.write_to_buffer(f".{kind}")).profile == "srgb"
        assert measure(plain.write_to_buffer(f".{kind}")).profile == "srgb"
        assert measure(with_profile(kind, "p3")).profile == "other"
    assert measure(with_profile("jpg", "cmyk", "cmyk")).profile == "other"
    assert {row.verdict for row in profile_rows(with_profile("jpg", "p3"))} == {"warn"}


def profile_rows(data: bytes) -> list[RuleResult]:
    found = check(measure(data), read_preset("amazon", None))
    return [row for row in found if row.rule == "profile"]


def test_a_plain_picture_has_no_frame_and_no_contact() -> None:
    plain = measured(np.full((500, 500, 3), 255, np.uint8))
    assert (plain.fill, plain.edge_contact, plain.frame) == (None, None, "no")


def test_a_product_that_fills_the_picture_is_no_frame() -> None:
    assert measured(picture(fill=0.97)).frame == "no"


GENERATED = Provenance("trainedAlgorithmicMedia")


def test_a_render_has_the_marketplaces_shape_and_says_what_made_it() -> None:
    data = encode_array(picture(1500, 1500))
    spec = read_preset("myntra", None).render.spec
    made, measures = render(Source(data, GENERATED), spec)
    assert measures.ratio == pytest.approx(0.75, abs=0.01)
    assert measures.source_type == "trainedAlgorithmicMedia"
    assert measures.ending == "matches"
    assert render(Source(data, GENERATED), spec)[0] == made  # the same bytes
    assert render(Source(data), spec)[1].source_type == "none"


def on_sweep(backdrop: str) -> bytes:
    """A red box on a backdrop of the local enhancer, as it is stored."""
    canvas = compose.BACKDROPS[backdrop](1600).copy()
    canvas[400:1200, 500:1100] = (170, 30, 40)
    return encode_array(canvas, quality=90)


@pytest.mark.parametrize(
    "backdrop", ["studio", "dark", pytest.param("warm", marks=pytest.mark.extra)]
)
@pytest.mark.parametrize("aspect", ["3:4", "4:3"])
def test_a_studio_backdrop_is_continued_without_a_seam(backdrop: str, aspect: str) -> None:
    spec = replace(read_preset("myntra", None).render.spec, aspect=aspect)
    made, measures = render(Source(on_sweep(backdrop)), spec)
    assert measures.frame == "no"
    pixels = to_array(made).astype(float)
    turned = pixels if aspect == "3:4" else pixels.swapaxes(0, 1)
    height, width = turned.shape[:2]
    assert height / width == pytest.approx(4 / 3, abs=0.01)
    padded = (height - width) // 2
    lines = np.stack([part.mean(axis=1) for part in np.array_split(turned[:, :], 8, axis=1)])
    for seam in (padded, height - padded):
        near = lines[:, seam - 12 : seam + 12]
        across = np.abs(near[:, 12:].mean(axis=1) - near[:, :12].mean(axis=1))
        assert across.max() < 2  # of 255: as between other lines of the sweep
        assert np.abs(np.diff(near, axis=1)).max() < 1.5
    tint = turned[..., 0] - turned[..., 2]
    for far, seam in ((slice(0, 24), padded), (slice(-24, None), height - padded)):
        patches = np.array_split(tint[far].mean(axis=0), 16)
        beside = np.array_split(tint[seam - 12 : seam + 12].mean(axis=0), 16)
        shifts = [a.mean() - b.mean() for a, b in zip(patches, beside, strict=True)]
        assert np.abs(shifts).max() < 1.2  # no blotch of another colour far from the seam


def test_what_is_no_plain_backdrop_is_not_continued() -> None:
    spec = read_preset("myntra", None).render.spec
    cut_off = to_array(on_sweep("studio")).copy()
    cut_off[1000:, 500:1100] = (170, 30, 40)  # the product touches a side
    noise = np.random.default_rng(2).integers(90, 160, (800, 800, 3)).astype(np.uint8)
    for pixels in (cut_off, noise, noise[:40, :40]):
        made = to_array(render(Source(encode_array(pixels)), spec)[0])
        assert made.shape[0] == made.shape[1]


@pytest.mark.parametrize("at_side", [0, 20], ids=["touches the side", "ends just before it"])
@pytest.mark.parametrize(
    ("width", "darker"), [(600, 30), (2, 150)], ids=["a grey boot", "a lamp's cord"]
)
def test_a_product_at_the_side_is_not_drawn_out_with_the_backdrop(
    at_side: int, width: int, darker: int
) -> None:
    spec = read_preset("myntra", None).render.spec
    for turns in (0, 2):  # both sides that 3:4 pads
        pixels = compose.BACKDROPS["studio"](1600).copy()
        pixels[at_side:1000, 500 : 500 + width] -= np.uint8(darker)
        pixels = np.ascontiguousarray(np.rot90(pixels, turns))
        made = to_array(render(Source(encode_array(pixels)), spec)[0])
        assert made.shape[0] == made.shape[1]


def test_a_render_is_never_enlarged() -> None:
    small = Source(encode_array(picture(300, 300)))
    _, measures = render(small, read_preset("amazon", None).render.spec)
    assert measures.longest_side == 300


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title = ", "not valid TOML"),
        ('title = "x"', "checked"),
        ('title = "x"\nchecked = 2026-01-01\n[render]\nsize = 3\n[[rule]]\n', "render.size"),
        (
            'title = "x"\nchecked = 2026-01-01\n[render]\n[[rule]]\nmeasure = "fill"\n'
            'severity = "fail"\nadvice = "a"\nsource = "s"\nconfidence = "low"\n',
            "least or most",
        ),
        *(
            (
                f'title = "x"\nchecked = 2026-01-01\n[render]\n{render}\n[[rule]]\n{rule}\n'
                'severity = "fail"\nadvice = "a"\nsource = "s"\nconfidence = "low"\n',
                words,
            )
            for render, rule, words in (
                ('names = "{sku"', 'measure = "fill"\nleast = 1', "render.names: .*brace"),
                ('names = "{colour}"', 'measure = "fill"\nleast = 1', "render.names: .*unknown"),
                ('source_type = "photo"', 'measure = "fill"\nleast = 1', "source_type: .*IPTC"),
                ("", 'measure = "ratio"\nallowed = ["1:1"]', "ratio is a number"),
                ("", 'measure = "ratio"\nleast = 1\nallowed = ["1:1"]', "ratio is a number"),
                ("", 'measure = "format"\nleast = 3', "format is a word"),
                ("", 'measure = "source_type"\nallowed = ["photo"]', "photo is not one of IPTC"),
            )
        ),
    ],
)
def test_a_bad_preset_of_the_shop_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(SettingsError, match=words) as caught:
        read_preset("mine", tmp_path)
    assert "mine.toml" in caught.value.message


def test_a_file_that_is_no_text_is_named_and_harms_no_other_preset(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b'title = "x"\nchecked = "\xff"')
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(SettingsError, match=r"mine\.toml is not UTF-8 \(line 2\)"):
        read_preset("mine", tmp_path)
    with pytest.raises(SettingsError, match=r"folder\.toml can't be read"):
        read_preset("folder", tmp_path)
    assert read_preset("amazon", tmp_path).title.startswith("Amazon")
    titles = preset_titles(tmp_path)
    assert (titles["mine"], titles["etsy"]) == ("mine", "Etsy")


def test_the_folder_of_presets_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="must be an existing folder"):
        Settings(presets_dir=tmp_path / "nowhere")


OWN = """
title = "Our catalogue"
checked = 2026-11-01
[render]
max_side = 500
format = "{format}"
[[rule]]
measure = "format"
allowed = ["{format}"]
severity = "fail"
advice = "Send {format}."
source = "ours"
confidence = "high"
[[rule]]
measure = "enlargement"
most = 1.0
severity = "fail"
advice = "Use a larger photo."
source = "ours"
confidence = "high"
"""


@pytest.mark.parametrize(
    ("kind", "ending"),
    [
        ("webp", ".webp"),
        pytest.param("png", ".png", marks=pytest.mark.extra),
        pytest.param("avif", ".avif", marks=pytest.mark.extra),
    ],
)
def test_a_preset_of_the_shop_in_any_format(
    sqlite_url: str, tmp_path: Path, kind: str, ending: str
) -> None:
    (tmp_path / "Our shop.toml").write_text(OWN.format(format=kind))
    shop = Shop(sqlite_url, tmp_path / "media", presets_dir=tmp_path)
    product_id, _ = with_pictures(shop)
    keep_raw_photo(shop, product_id, 1000)
    shop.services.catalog.review(product_id, "approved", who="ann")
    answers = [shop.ask("GET", "/api/export?format=zip&preset=Our%20shop") for _ in range(2)]
    first, again = (zipfile.ZipFile(io.BytesIO(answer.get_data())) for answer in answers)
    names = [name for name in first.namelist() if name.endswith(ending)]
    assert len(names) == 2
    for name in names:
        assert first.read(name) == again.read(name)
        found = measure(first.read(name), ending)
        assert (found.format, found.ending, found.longest_side) == (kind, "matches", 500)
    [entry, _] = json.loads(first.read("manifest.json"))["pictures"]
    verdicts = {row["rule"]: (row["measured"], row["verdict"]) for row in entry["measured"]}
    assert verdicts == {"format": (kind, "pass"), "enlargement": ("0.5", "pass")}


def keep_raw_photo(shop: Shop, product_id: int, side: int) -> None:
    """The stored copy of the raw photo, with this many pixels."""
    with shop.services.database.read() as session:
        namespace = str(session.get_one(Product, product_id).media_namespace)
    key = normalised_key(namespace, product_id)
    shop.services.storage.put(key, encode_array(picture(side, side)), "image/jpeg")


@pytest.mark.parametrize(("side", "verdict"), [(999, "warn"), (1000, "pass"), (None, "unknown")])
def test_a_picture_larger_than_the_raw_photo_is_noted(
    shop: Shop, side: int | None, verdict: str
) -> None:
    product_id, _ = with_pictures(shop)
    if side is not None:
        keep_raw_photo(shop, product_id, side)
    shop.services.catalog.review(product_id, "approved", who="ann")
    answer = shop.ask("GET", "/api/export?format=zip&preset=google")
    archive = zipfile.ZipFile(io.BytesIO(answer.get_data()))
    rows = csv.DictReader(io.StringIO(archive.read("compliance.csv").decode()))
    assert {row["verdict"] for row in rows if row["rule"] == "enlargement"} == {verdict}


@pytest.mark.parametrize(
    ("raw", "enlargement"), [((1000, 500), 1.0), ((500, 1000), 1.0), ((1000, 250), None)]
)
def test_enlargement_is_measured_only_on_the_shape_of_the_photo(
    raw: tuple[int, int], enlargement: float | None
) -> None:
    """1000x250 may have become 1000x500 by a margin, or by a crop that was enlarged twice."""
    made = encode_array(picture(1000, 500), 90)
    assert measure(made, raw=encode_array(picture(*raw), 90)).enlargement == enlargement


def test_a_picture_that_cant_be_made_for_a_marketplace_is_left_out(shop: Shop) -> None:
    with_pictures(shop)
    broken, _ = shop.reviewable(variants=1)  # what is stored is no picture
    for product in shop.services.catalog.products().products:
        shop.services.catalog.review(product.id, "approved", who="ann")
    answer = shop.ask("GET", "/api/export?format=zip&preset=amazon")
    archive = zipfile.ZipFile(io.BytesIO(answer.get_data()))
    assert len([name for name in archive.namelist() if name.endswith(".jpg")]) == 2
    assert f"{broken}.MAIN.jpg: picture 3 was left out: " in archive.read("LEFT-OUT.txt").decode()


def test_the_command_measures_any_picture(tmp_path: Path) -> None:
    good, bad, broken = (tmp_path / name for name in ("good.jpg", "bad.png", "broken.jpg"))
    good.write_bytes(encode_array(picture(2000, 2000), 98))
    bad.write_bytes(encode_array(picture(fill=0.5), 98))
    broken.write_bytes(b"<html>")
    run = CliRunner().invoke
    assert run(main, ["comply", str(good), "--preset", "amazon"]).exit_code == 0
    failed = run(main, ["comply", str(bad), str(broken), "--preset", "amazon"])
    assert failed.exit_code == 1
    assert "Frame the product" in failed.output
    assert "broken.jpg: " in failed.output
    assert (
        "border white"
        not in run(main, ["comply", str(bad), "--preset", "amazon", "--secondary"]).output
    )
    unknown = run(main, ["comply", str(good), "--preset", "nowhere"])
    assert "known are ajio, amazon" in unknown.output
    assert run(main, ["comply"]).output.split() == OURS


def with_pictures(shop: Shop) -> tuple[int, list[int]]:
    """A product whose two stored pictures are real ones, and not the same file."""
    product_id, image_ids = shop.reviewable(variants=2)
    for place in range(2):
        put_picture(shop, product_id, place, encode_array(picture(), quality=95 - place))
    return product_id, list(image_ids)


def put_picture(shop: Shop, product_id: int, place: int, data: bytes) -> None:
    image = shop.services.catalog.product(product_id).images[place]
    key = str(image.media_url).removeprefix("/media/")
    shop.services.storage.put(key, data, "image/jpeg")
    with shop.services.database.write() as session:
        digest = hashlib.sha256(data).hexdigest()
        changed = update(ProductImage).where(ProductImage.id == image.id)
        session.execute(changed.values(sha256=digest))


def test_an_export_for_a_marketplace_brings_its_table(shop: Shop) -> None:
    product_id, _ = with_pictures(shop)
    shop.services.catalog.correct(product_id, {"sku": "A-1"}, by=Editor("ann"))
    shop.services.catalog.review(product_id, "approved", who="ann")
    answer = shop.ask("GET", "/api/export?format=zip&preset=amazon")
    archive = zipfile.ZipFile(io.BytesIO(answer.get_data()))
    assert "A-1.MAIN.jpg" in archive.namelist()
    rows = list(csv.DictReader(io.StringIO(archive.read("compliance.csv").decode())))
    assert {row["file"] for row in rows} == {"A-1.MAIN.jpg", "A-1.PT01.jpg"}
    assert {row["verdict"] for row in rows} <= {"pass", "warn", "fail", "unknown"}
    unknown = shop.ask("GET", "/api/export?format=zip&preset=nowhere")
    assert (unknown.status_code, unknown.get_json()["errors"][0]["pointer"]) == (
        422,
        "/query/preset",
    )


def test_a_file_by_whose_name_amazon_finds_no_product_or_another_fails(shop: Shop) -> None:
    for sku in ("A/12", "A-12", "B:7"):
        product_id, _ = with_pictures(shop)
        shop.services.catalog.correct(product_id, {"sku": sku}, by=Editor("ann"))
        shop.services.catalog.review(product_id, "approved", who="ann")
    answer = shop.ask("GET", "/api/export?format=zip&preset=amazon")
    table = zipfile.ZipFile(io.BytesIO(answer.get_data())).read("compliance.csv").decode()
    rows = [row for row in csv.DictReader(io.StringIO(table)) if row["rule"] == "name"]
    assert {row["file"]: (row["required"], row["verdict"]) for row in rows} == {
        "A-12.MAIN-1.jpg": ("A/12.MAIN.jpg", "fail"),
        "A-12.PT01_2.jpg": ("A/12.PT01.jpg", "fail"),
        "B-7.MAIN.jpg": ("B:7.MAIN.jpg", "fail"),
        "B-7.PT01.jpg": ("B:7.PT01.jpg", "fail"),
    }
    assert name_failures(table).startswith("4 of 6 pictures fail: ")


def test_only_the_main_picture_is_judged_as_that(shop: Shop) -> None:
    """A scene is fine as another picture of the product; the table says which could be first."""
    product_id, _ = with_pictures(shop)
    shop.services.catalog.correct(product_id, {"sku": "A-1"}, by=Editor("ann"))
    scene = encode_array(np.random.default_rng(1).integers(0, 255, (600, 600, 3), np.uint8))
    put_picture(shop, product_id, 0, scene)
    shop.services.catalog.review(product_id, "approved", who="ann")
    answer = shop.ask("GET", "/api/export?format=zip&preset=amazon")
    assert 'filename="approved.amazon.zip"' in answer.headers["Content-Disposition"]
    archive = zipfile.ZipFile(io.BytesIO(answer.get_data()))
    table = archive.read("compliance.csv").decode()
    rows = list(csv.DictReader(io.StringIO(table)))
    assert {row["file"] for row in rows if row["verdict"] == "fail"} == {"A-1.MAIN.jpg"}
    choice = next(row for row in rows if row["rule"] == CHOICE_OF_MAIN_PICTURE)
    assert choice["measured"] == "A-1.MAIN.jpg fails; A-1.PT01.jpg passes"
    assert name_failures(table).startswith("1 of 2 pictures fail: A-1.MAIN.jpg (border white")
    header, *lines = table.splitlines(keepends=True)
    many = header + "".join(line.replace("A-1", f"A-{n}") for n in range(6) for line in lines)
    assert name_failures(many).startswith("6 of 12 pictures fail: border white")
    assert "(A-0.MAIN.jpg and 5 more); see compliance.csv" in name_failures(many)

    put_picture(shop, product_id, 0, encode_array(picture()))
    put_picture(shop, product_id, 1, scene)
    archive = zipfile.ZipFile(
        io.BytesIO(shop.ask("GET", "/api/export?format=zip&preset=amazon").get_data())
    )
    table = archive.read("compliance.csv").decode()
    assert (name_failures(table), CHOICE_OF_MAIN_PICTURE in table) == ("", False)
    of_product = shop.ask("GET", f"/api/products/{product_id}/compliance?preset=amazon").get_json()
    for each in of_product["data"]["pictures"]:
        assert "fail" not in {row["verdict"] for row in each["rows"]}


def test_the_first_picture_of_a_sku_is_the_main_one(shop: Shop) -> None:
    """Whichever of its products is asked about."""
    back, _ = with_pictures(shop)
    front, _ = shop.reviewable(variants=1)
    shop.services.catalog.correct(back, {"sku": "A-1", "view": "back"}, by=Editor("ann"))
    shop.services.catalog.correct(front, {"sku": "A-1", "view": "front"}, by=Editor("ann"))
    database = shop.services.database
    first = shop.services.catalog.product(front).images[0].id
    assert find_main(database, back) == find_main(database, front) == first
    shop.services.catalog.review(back, "approved", who="ann")
    answer = shop.ask("GET", "/api/export?format=zip&preset=amazon")
    archive = zipfile.ZipFile(io.BytesIO(answer.get_data()))  # number 1 waits for the front
    table = archive.read("compliance.csv").decode()
    assert "1 SKU has no main picture in it: A-1.PT01.jpg; see" in name_failures(table)
    assert find_main(database, back) == first
    answer = shop.ask("GET", "/api/export?format=zip&preset=amazon&since=2026-01-01T00:00:00Z")
    archive = zipfile.ZipFile(io.BytesIO(answer.get_data()))  # only what is new
    assert "no main picture" not in archive.read("compliance.csv").decode()


def test_a_products_compliance_is_requested_by_preset(shop: Shop) -> None:
    product_id, image_ids = with_pictures(shop)
    answer = shop.ask("GET", f"/api/products/{product_id}/compliance?preset=walmart").get_json()
    assert [each["image_id"] for each in answer["data"]["pictures"]] == image_ids
    assert all(row["required"] for each in answer["data"]["pictures"] for row in each["rows"])


def test_a_missing_picture_is_a_row_and_does_not_affect_others(shop: Shop) -> None:
    product_id, _ = with_pictures(shop)
    image = shop.services.catalog.product(product_id).images[0]
    shop.services.storage.delete([str(image.media_url).removeprefix("/media/")])
    answer = shop.ask("GET", f"/api/products/{product_id}/compliance?preset=amazon")
    gone, there = answer.get_json()["data"]["pictures"]
    assert [row["verdict"] for row in gone["rows"]] == ["fail"]
    assert (gone["main"], there["main"]) == (True, False)
    assert "border white" not in {row["rule"] for row in there["rows"]}


@pytest.mark.parametrize("query", ["preset=amazon", "names=%7Bsku%7D"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "shopify", "woocommerce"])
def test_what_only_a_zip_can_do_is_not_ignored(shop: Shop, kind: str, query: str) -> None:
    refused = shop.ask("GET", f"/api/export?format={kind}&{query}")
    assert refused.status_code == 422
    assert "go with the format zip" in refused.get_json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("enhancer", "term"),
    [("gemini", "trainedAlgorithmicMedia"), ("local", "algorithmicallyEnhanced"), (None, "none")],
)
def test_an_export_that_re_encodes_says_how_pictures_were_made(
    shop: Shop, enhancer: str | None, term: str
) -> None:
    product_id, _ = with_pictures(shop)
    with shop.services.database.write() as session:
        session.execute(update(ProductImage).values(enhancer=enhancer, model="a-model"))
    shop.services.catalog.review(product_id, "approved", who="ann")
    answer = shop.ask("GET", "/api/export?format=zip&preset=google")
    archive = zipfile.ZipFile(io.BytesIO(answer.get_data()))
    names = [name for name in archive.namelist() if name.endswith(".jpg")]
    assert names
    for name in names:
        data = archive.read(name)
        assert measure(data).source_type == term
        assert (b'xmp:CreatorTool="Packshot (a-model)"' in data) is (enhancer is not None)
        assert (b"xmp:CreateDate" in data) is (enhancer is not None)
    assert json.loads(archive.read("manifest.json"))["signed"] is False
