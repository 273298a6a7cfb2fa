"""The local enhancer: what it makes of plain, cluttered, good and bad photos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from packshot.enhancers.contract import Analysis, Brief, Photo, Picture
from packshot.enhancers.local import findings, recipes, sheet, upright
from packshot.enhancers.local.cut import trust
from packshot.enhancers.local.enhancer import LocalEnhancer
from packshot.enhancers.local.options import PictureOptions
from packshot.errors import EnhancerError
from packshot.pictures.child_processes import Pixels
from packshot.pictures.imaging import encode_array, to_array
from packshot.pictures.provenance import EDITED
from packshot.settings import Settings

Bytes = NDArray[np.uint8]
Colour = tuple[int, int, int]


def here(function: Callable[..., object], *args: object) -> object:
    """A RunPixels that works in this process: the same functions, without the child's start."""
    return function(*args)


def photo_of(pixels: Bytes) -> Photo:
    kind = "image/png" if pixels.shape[2] == 4 else "image/jpeg"
    return Photo(encode_array(pixels), kind, pixels.shape[1], pixels.shape[0])


@cache
def mug(
    height: int = 480, width: int = 640, backdrop: tuple[int, int, int] = (225, 226, 224)
) -> Bytes:
    """A blue mug with a handle and a print, on a plain sheet with soft noise."""
    picture = np.full((height, width, 3), backdrop, np.uint8)
    cv2.ellipse(picture, (430, 250), (60, 70), 0, 0, 360, (30, 60, 160), 18, cv2.LINE_AA)
    cv2.rectangle(picture, (220, 130), (420, 380), (35, 70, 180), -1)
    cv2.rectangle(picture, (260, 200), (380, 300), (240, 235, 220), -1)
    cv2.putText(picture, "TEA", (272, 265), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (150, 30, 30), 4)
    noise = np.random.default_rng(1).normal(0, 1.2, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def clutter(height: int = 480, width: int = 640) -> Bytes:
    """Coloured blobs everywhere: nothing that could be cut out with any confidence."""
    random = np.random.default_rng(3)
    picture = np.full((height, width, 3), 120, np.uint8)
    for _ in range(160):
        centre = (int(random.integers(0, width)), int(random.integers(0, height)))
        colour = tuple(int(c) for c in random.integers(20, 235, 3))
        cv2.circle(picture, centre, int(random.integers(12, 60)), colour, -1, cv2.LINE_AA)
    return picture


CLASSICAL = Settings(cutout="classical")


def run(
    pixels: Bytes, wanted: int = 3, settings: Settings = CLASSICAL, *asked: str
) -> tuple[Analysis, list[Picture]]:
    enhancer = LocalEnhancer(settings, here)
    photo, brief = photo_of(pixels), Brief(7, 1, "mugs", wanted, adjustments=asked)
    analysis = enhancer.analyse(photo, brief)
    return analysis, [
        enhancer.generate(photo, analysis, brief, n) for n in range(len(analysis.variants))
    ]


@cache
def made_of_the_mug() -> tuple[Analysis, list[Picture]]:
    """Made once for all the tests that only look at it."""
    return run(mug())


def titles(analysis: Analysis) -> list[str]:
    return [variant.title for variant in analysis.variants]


def test_a_product_on_a_plain_sheet_becomes_white_studio_natural() -> None:
    analysis, pictures = made_of_the_mug()
    assert titles(analysis) == ["white", "studio", "natural"]
    assert [picture.title for picture in pictures] == titles(analysis)
    assert not any(picture.made_by_ai for picture in pictures)
    assert {picture.provenance().source_type for picture in pictures} == {EDITED}
    assert all("It is small" in (picture.warning or "") for picture in pictures)
    white = to_array(pictures[0].data)
    assert white.shape[0] == white.shape[1]
    corners = np.stack([white[:20, :20], white[:20, -20:], white[-20:, :20], white[-20:, -20:]])
    assert corners.min() == 255


def test_the_product_fills_85_percent_and_is_centred() -> None:
    _, pictures = made_of_the_mug()
    white = to_array(pictures[0].data)
    dark = white.min(axis=2) < 150  # the mug, not its shadow
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    tall, wide = np.ptp(rows), np.ptp(columns)
    side = white.shape[0]
    assert max(tall, wide) / side == pytest.approx(0.85, abs=0.02)
    assert (columns[0] + columns[-1]) / 2 == pytest.approx(side / 2, abs=0.02 * side)
    assert (rows[0] + rows[-1]) / 2 == pytest.approx(side / 2, abs=0.02 * side)


def test_clutter_keeps_its_background_and_says_why() -> None:
    analysis, pictures = run(clutter())
    assert titles(analysis)[0] == "natural"
    assert not {"white", "studio", "detail"} & set(titles(analysis))
    assert "background kept" in analysis.variants[0].prompt
    assert all(picture.warning and "background was" in picture.warning for picture in pictures)


def photos_without_a_crop() -> dict[str, Bytes]:
    """Photos of which "close" and "soft" can show no other part than "natural"."""
    random = np.random.default_rng(5)
    texture = random.integers(60, 200, (48, 64, 3)).astype(np.uint8)
    tall = np.asarray(cv2.resize(mug(), (480, 640)), np.uint8)[:, 90:400]
    return {
        "clutter": clutter(),
        "texture": np.asarray(cv2.resize(texture, (640, 480)), np.uint8),
        "full": np.ascontiguousarray(tall[100:520]),
    }


@pytest.mark.parametrize("name", photos_without_a_crop())
@pytest.mark.parametrize(
    ("aspect", "asked"),
    [("1:1", ()), pytest.param("3:4", ("keep_background",), marks=pytest.mark.extra)],
)
def test_no_picture_is_made_twice(name: str, aspect: str, asked: tuple[str, ...]) -> None:
    settings = Settings(cutout="classical", enhanced_image_aspect=aspect)
    analysis, pictures = run(photos_without_a_crop()[name], 10, settings, *asked)
    assert len(set(titles(analysis))) == 10
    assert len({picture.data for picture in pictures}) == 10


def test_without_any_mask_no_picture_is_made_twice() -> None:
    _, pictures = run(mug(), 10, Settings(cutout="off"))
    assert len({picture.data for picture in pictures}) == 10


def test_an_unevenly_lit_backdrop_is_evened_and_light_parts_stay_below_white() -> None:
    light = np.linspace(1.15, 0.75, 640)[None, :, None]
    photo = (mug(backdrop=(200, 200, 202)) * light).clip(0, 255).astype(np.uint8)
    found = findings.measure(encode_array(photo), PictureOptions())
    kept = replace(found, treatment="scene")
    assert recipes.titles(kept)[:3] == ["natural", "even", "close"]
    made = recipes.make(kept, "even").picture
    left, right = (int(np.median(made[:, columns])) for columns in (slice(0, 20), slice(620, 640)))
    assert abs(left - right) <= 4 < int(np.median(photo[:, :20])) - int(np.median(photo[:, 620:]))
    assert not (made == 255).all(axis=2).any()
    assert "even" not in recipes.titles(replace(found_mug(), treatment="scene"))


@pytest.mark.parametrize("ends", [((120, 160, 235), (205, 190, 130)), ((255,) * 3, (236,) * 3)])
def test_a_sky_above_sand_and_a_white_sheet_are_not_evened(ends: tuple[Colour, Colour]) -> None:
    """The first became grey and dark, the second got dark corners."""
    down = np.linspace(0, 1, 480)[:, None, None]
    sheet = np.array(ends[0]) * (1 - down) + np.array(ends[1]) * down + np.zeros((480, 640, 1))
    sheet[180:300, 240:400] = (150, 40, 40)
    found = findings.measure(encode_array(sheet.astype(np.uint8)), PictureOptions())
    assert found.backdrop.plain
    assert "even" not in recipes.titles(replace(found, treatment="scene"))


def test_a_doubtful_cut_is_offered_with_its_doubt_and_a_hopeless_one_is_not() -> None:
    found = findings.measure(encode_array(mug(backdrop=(90, 95, 110))), PictureOptions())
    assert found.cut is not None and found.cut.trusted
    for doubt, offered in ((trust.FADING, True), (trust.EDGE, False)):
        cut = replace(found.cut, doubts=(doubt,))
        assert not cut.trusted and cut.offered == offered
    doubted = replace(found, treatment="unsure", cut=replace(found.cut, doubts=(trust.FADING,)))
    assert recipes.titles(doubted)[:2] == ["natural", "white"]
    said = recipes.warning(doubted, "white", recipes.make(doubted, "white"))
    assert said is not None and f"not certain ({trust.FADING})" in said


@cache
def found_mug() -> findings.Findings:
    return findings.measure(encode_array(mug()), PictureOptions())


def test_behind_an_unlikely_outline_nothing_is_blurred() -> None:
    found = found_mug()
    assert found.cut is not None
    kept = replace(found, treatment="scene")
    assert "soft" in recipes.titles(kept)
    unlikely = recipes.titles(replace(kept, cut=replace(found.cut, confidence=0.4)))
    assert "soft" not in unlikely
    assert len(set(unlikely)) == len(unlikely) >= 10


def test_without_any_mask_nothing_is_whitened() -> None:
    analysis, pictures = run(mug(), settings=Settings(cutout="off"))
    assert not {"white", "studio", "detail"} & set(titles(analysis))
    assert all(picture.warning and "background was kept" in picture.warning for picture in pictures)


@pytest.mark.extra
@pytest.mark.parametrize("make", [mug, clutter])
def test_ten_variants_have_ten_names(make: Callable[[], Bytes]) -> None:
    analysis, pictures = run(make(), wanted=10)
    assert len(set(titles(analysis))) == len(pictures) == 10
    for picture in pictures:
        assert max(to_array(picture.data).shape) <= 2048


def test_the_same_photo_gives_the_same_bytes() -> None:
    assert run(mug(), 1)[1][0].data == made_of_the_mug()[1][0].data


def test_a_variant_that_was_never_planned_is_refused() -> None:
    enhancer, photo = LocalEnhancer(CLASSICAL, here), photo_of(mug())
    brief = Brief(7, 1, "mugs", 1)
    analysis = enhancer.analyse(photo, brief)
    with pytest.raises(EnhancerError, match="Product 7 has no plan for variant 2"):
        enhancer.generate(photo, analysis, brief, 1)


def test_it_works_in_a_pixel_child() -> None:
    pixels = Pixels(processes=1)
    try:
        enhancer, photo = LocalEnhancer(Settings(), pixels.run), photo_of(mug())
        brief = Brief(7, 1, "mugs", 1)
        analysis = enhancer.analyse(photo, brief)
        picture = enhancer.generate(photo, analysis, brief, 0)
    finally:
        pixels.close()
    assert to_array(picture.data).shape[2] == 3


def test_a_small_photo_stays_small_and_says_so() -> None:
    _, pictures = run(mug()[::2, ::2])
    white = to_array(pictures[0].data)
    assert max(white.shape) <= 1.5 * 320 / 0.85
    assert f"It is small ({white.shape[1]} x {white.shape[0]} pixels)" in (
        pictures[0].warning or ""
    )


def test_a_scene_that_fits_no_other_shape_keeps_its_own_and_says_so() -> None:
    wide = clutter(height=400, width=900)
    _, pictures = run(wide, 1)
    natural = to_array(pictures[0].data)
    assert natural.shape[1] / natural.shape[0] == pytest.approx(900 / 400, rel=0.01)
    assert "keeps the photo's aspect ratio" in (pictures[0].warning or "")


@pytest.mark.parametrize(
    "name",
    [
        "lighter",
        "cooler",
        "tighter",
        *(pytest.param(name, marks=pytest.mark.extra) for name in ("darker", "warmer", "looser")),
    ],
)
def test_a_redo_changes_what_was_asked_for(name: str) -> None:
    _, before = made_of_the_mug()
    _, after = run(mug(), 1, CLASSICAL, name)
    first, second = to_array(before[0].data), to_array(after[0].data)
    first, second = (cv2.resize(picture, (400, 400)).astype(int) for picture in (first, second))
    product = (first.min(axis=2) < 200) & (second.min(axis=2) < 200)
    changed = {
        "lighter": second[product].mean() - first[product].mean(),
        "darker": first[product].mean() - second[product].mean(),
        "warmer": (second - first)[product][:, 0].mean() - (second - first)[product][:, 2].mean(),
        "cooler": (second - first)[product][:, 2].mean() - (second - first)[product][:, 0].mean(),
        "tighter": ((second.min(axis=2) < 200).sum() / (first.min(axis=2) < 200).sum() - 1) * 20,
        "looser": ((first.min(axis=2) < 200).sum() / (second.min(axis=2) < 200).sum() - 1) * 20,
    }
    assert changed[name] > 2, changed


def middle(picture: Picture) -> NDArray[np.float64]:
    """The mean colour of the mug beside its print, in a picture on white."""
    small = cv2.resize(to_array(picture.data), (400, 400)).astype(float)
    return np.asarray(small[(small.min(axis=2) < 60) & (small[..., 2] > 90)].mean(axis=0))


def test_a_step_that_is_asked_for_again_goes_further() -> None:
    once, twice = (run(mug(), 1, CLASSICAL, *["darker"] * n)[1][0] for n in (1, 2))
    assert middle(twice).mean() < middle(once).mean() - 3
    far = run(mug(), 1, CLASSICAL, *["warmer", "looser"] * 3)
    assert "x1." in far[1][0].prompt


def test_light_and_colour_can_be_left_as_they_are() -> None:
    dull = np.asarray(mug() * np.array([0.8, 0.77, 0.72]), np.uint8)
    corrected, kept = (run(dull, 3, CLASSICAL, *asked)[1] for asked in ((), ("keep_light",)))
    assert "white balance" in corrected[0].prompt and "as they are" in kept[0].prompt
    raw = dull[320:370, 230:410].reshape(-1, 3).mean(axis=0)
    assert np.abs(middle(kept[0]) - raw).max() < 4 < np.abs(middle(corrected[0]) - raw).max()


def test_a_reviewer_decides_whether_it_is_cut_out() -> None:
    kept, pictures = run(mug(), 3, CLASSICAL, "keep_background")
    assert titles(kept)[0] == "natural" and "white" not in titles(kept)
    assert not any("could not be told apart" in (p.warning or "") for p in pictures)
    _, [picture] = run(clutter(), 1, CLASSICAL)
    assert 'A redo with "Cut it out anyway"' in (picture.warning or "")
    cut, pictures = run(clutter(), 1, CLASSICAL, "cut_out")
    assert titles(cut) == ["white"]
    assert "compare the outline" in (pictures[0].warning or "")


def tilted(picture: Bytes, degrees: float = 5.0) -> Bytes:
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(
        cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def test_a_tilted_photo_is_straightened_only_when_it_is_asked() -> None:
    _, as_it_is = run(tilted(mug()), 1)
    _, pictures = run(tilted(mug()), 1, CLASSICAL, "straighten")
    assert abs(upright.tilt(to_array(as_it_is[0].data))) == pytest.approx(5, abs=1)
    assert abs(upright.tilt(to_array(pictures[0].data))) < 1
    assert "straightened" not in (pictures[0].warning or "")
    assert upright.find_rotation(mug()) is None


def test_a_photo_is_not_straightened_where_that_would_cut_the_product() -> None:
    box = np.full((480, 640, 3), 236, np.uint8)
    cv2.rectangle(box, (70, 30), (570, 450), (60, 90, 140), -1)
    wide = tilted(box)[28:452, 30:610]
    _, pictures = run(np.ascontiguousarray(wide), 1, CLASSICAL, "straighten")
    assert "It was not straightened" in (pictures[0].warning or "")
    assert abs(upright.tilt(to_array(pictures[0].data))) > 3


def test_a_cut_out_of_the_seller_is_straightened_whole() -> None:
    alpha = np.full((400, 300), 255, np.uint8)
    alpha[:20] = 0
    turned = upright.Rotation(8).see_through(
        np.dstack([np.full((400, 300, 3), 90, np.uint8), alpha])
    )
    assert (turned[..., 3] > 127).sum() == pytest.approx((alpha > 127).sum(), rel=0.002)
    assert (np.abs(turned[..., :3][turned[..., 3] > 127].astype(int) - 90) <= 2).all()


def test_a_whitened_picture_gets_the_light_that_was_asked_for() -> None:
    photo = encode_array(mug(backdrop=(205, 205, 204)))
    plain, darker, warmer = (
        findings.measure(photo, PictureOptions(adjustments=asked))
        for asked in ((), ("darker",), ("warmer", "warmer"))
    )
    assert_only_the_product_is_relit(*(whitened(each) for each in (plain, darker, warmer)))


def whitened(found: findings.Findings) -> NDArray[np.float32]:
    return recipes.make(replace(found, treatment="whiten"), "white").picture.astype(np.float32)


def assert_only_the_product_is_relit(
    plain: NDArray[np.float32], darker: NDArray[np.float32], warmer: NDArray[np.float32]
) -> None:
    blue = plain[..., 2] > plain[..., 0] + 60  # the mug
    assert darker[blue].mean() < plain[blue].mean() - 5
    assert (warmer - plain)[blue][:, 2].mean() < -5
    backdrop = (slice(0, 20), slice(0, 20))
    assert np.array_equal(darker[backdrop], plain[backdrop])
    assert np.array_equal(warmer[backdrop], plain[backdrop])


def test_notes_on_a_contact_sheet_are_whole_words_in_three_lines() -> None:
    note = "compare the light edges of the product with those of the photo because " * 4
    lines = sheet.wrap(note, 320)
    assert len(lines) == 3 and lines[-1].endswith(" ...")
    words = " ".join(lines).removesuffix(" ...")
    assert note.startswith(words + " ")
    assert sheet.wrap("background kept (0.58 (network))", 320) == [
        "background kept (0.58 (network))"
    ]
