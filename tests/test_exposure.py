"""Exposure: a photo is brightened only where the photo is dark, not what it shows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from packshot.enhancers.local import backdrop, findings, recipes
from packshot.enhancers.local.light import flatfield, tone
from packshot.enhancers.local.light.tone import Tone
from packshot.enhancers.local.options import PictureOptions
from packshot.pictures.arrays import as_bytes, to_lab, to_linear, to_srgb
from packshot.pictures.imaging import encode_array

Bytes = NDArray[np.uint8]
Colour = tuple[int, int, int]


def box(wall: Colour, product: Colour, label: Colour | None, reach: int = 70) -> Bytes:
    """A box with a small label before an even wall."""
    picture = np.full((300, 400, 3), wall, np.uint8)
    picture[150 - reach : 150 + reach, 200 - reach : 200 + reach] = product
    if label is not None:
        picture[140:160, 190:210] = label
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.uint8)


def darker(picture: Bytes, stops: float) -> Bytes:
    return as_bytes(to_srgb(to_linear(picture) * np.float32(2.0**-stops)))


def exposure(picture: Bytes) -> float:
    return tone.measure(picture, backdrop.measure(picture)).exposure


NAVY, BLUE, BLACK, WHITE = (48, 42, 84), (0, 100, 250), (22, 22, 24), (238, 238, 236)
WELL_LIT = {
    "navy mug, white print, grey-brown wall": box((120, 110, 100), NAVY, (225, 222, 215)),
    "navy mug without print, grey-brown wall": box((120, 110, 100), NAVY, None),
    "navy mug without print, mid-grey wall": box((119, 119, 119), NAVY, None),
    "blue beanie, grey-blue wall": box((179, 186, 190), BLUE, WHITE),
    "white product, mid-grey wall": box((120, 120, 120), WHITE, None),
    "white product, light grey wall": box((170, 170, 170), WHITE, None),
    "black product, white print, mid-grey wall": box((125, 125, 125), BLACK, WHITE),
    "black product, white print, black wall": box((30, 30, 32), BLACK, WHITE),
    "black product, coloured wall": box((90, 130, 160), BLACK, None),
    "dark product that fills the frame, white sheet": box((232, 232, 230), NAVY, None, 132),
    "dark product before a window": box((252, 252, 252), BLACK, None),
}


@pytest.mark.parametrize("scene", WELL_LIT)
def test_dark_things_and_dark_walls_are_no_dark_photo(scene: str) -> None:
    assert exposure(WELL_LIT[scene]) == 0.0


def test_a_dark_photo_is_lifted_as_far_as_its_lightest_part_allows() -> None:
    lit = box((170, 168, 172), (150, 60, 40), WHITE)
    assert exposure(lit) == 0.0
    assert 0.4 < exposure(darker(lit, 2.0)) < exposure(darker(lit, 3.0)) <= 1.5


def test_a_scene_of_many_things_without_anything_light_is_dark() -> None:
    """A plain dark wall may be all there is to see; of many things, one is light."""
    random = np.random.default_rng(4)
    colours = random.integers(20, 245, (12, 16, 3)).astype(np.uint8)
    scene = np.asarray(cv2.resize(colours, (640, 480), interpolation=cv2.INTER_NEAREST), np.uint8)
    assert exposure(scene) == exposure(darker(scene, 0.3)) == 0.0
    assert 0.6 < exposure(darker(scene, 1.0)) <= 1.0


def test_grey_sheet_without_anything_lighter_is_taken_for_paper_with_care() -> None:
    dull = darker(box((235, 235, 233), (150, 60, 40), None), 1.5)
    assert 0.5 < exposure(dull) <= 1.0


def with_glint(picture: Bytes, side: int) -> Bytes:
    """A lamp's reflection on the product, clipped, with a soft edge."""
    cover = np.zeros(picture.shape[:2], np.float32)
    cover[120 : 120 + side, 160 : 160 + side] = 1
    soft = np.asarray(cv2.GaussianBlur(cover, (0, 0), 1.0))[..., None]
    return as_bytes(picture * (1 - soft) + 400 * soft)


PAPER = box((240, 240, 238), (150, 60, 40), None)


def test_a_small_glint_does_not_keep_a_dark_photo_dark() -> None:
    """White print of the same size does: the backdrop is darker than white then. A glossy product
    before a grey wall stays as it is, too."""
    dark = darker(PAPER, 0.9)
    small, middling, large = (exposure(with_glint(dark, side)) for side in (12, 22, 34))
    assert small == exposure(dark) > 0.7
    assert small > middling > large == 0
    assert exposure(box((160, 160, 160), NAVY, (225, 222, 215))) == 0
    for wall in ((150, 150, 150), (190, 180, 160)):
        assert exposure(with_glint(box(wall, BLACK, None), 16)) == 0, wall


def test_the_lift_of_dark_paper_fades_and_does_not_jump() -> None:
    steps = [*np.arange(0.5, 1.6, 0.15), *np.arange(1.6, 2.0, 0.05), 2.25]  # it fades from 1.6 on
    found = [exposure(darker(PAPER, stops)) for stops in steps]
    assert max(found) == 1.0 and found[-1] == 0
    assert np.abs(np.diff(found)).max() < 0.3


@pytest.mark.parametrize("product", [NAVY, (128, 128, 128), (190, 40, 40)])
def test_a_tinted_wall_is_hardly_taken_for_paper(product: Colour) -> None:
    """Without anything lighter before it, it might be paper in coloured light, too."""
    for wall in ((179, 186, 190), (190, 180, 160), (170, 185, 200)):
        assert exposure(box(wall, product, None)) <= 0.5, wall


@pytest.mark.parametrize("colour", [(40, 90, 235), (200, 40, 60), (235, 150, 30), (60, 50, 110)])
def test_a_lifted_colour_keeps_its_hue_and_vividness(colour: Colour) -> None:
    """Also where a channel reaches its limit: a bright blue does not turn pale."""
    before = np.full((4, 4, 3), colour, np.uint8)
    was = to_linear(before)[0, 0]
    now = to_linear(tone.curves(before, Tone(exposure=1.0)))[0, 0]
    assert now.sum() >= was.sum()
    assert now / now.max() == pytest.approx(was / was.max(), abs=0.012)


def test_a_lifted_white_stays_white() -> None:
    light = np.array([[[250, 246, 240], [236, 233, 230], [255, 255, 255]]], np.uint8)
    lab = to_lab(tone.curves(light, Tone(exposure=0.6)))
    assert (np.hypot(lab[..., 1], lab[..., 2]) < 4).all()


def warning(picture: Bytes, title: str = "natural", *asked: str) -> str:
    options = PictureOptions("off", adjustments=("keep_background", *asked))
    found = findings.measure(encode_array(picture), options)
    return recipes.warning(found, title, recipes.make(found, title)) or ""


def test_a_product_that_a_correction_changed_much_is_named_for_a_reviewer() -> None:
    dark = darker(box((170, 168, 172), (150, 60, 40), WHITE), 3.0)
    assert "corrected (lighter" in warning(dark) and "compare its colour" in warning(dark)
    assert "compare its colour" not in warning(dark, "plain")
    assert "compare its colour" not in warning(dark, "natural", "darker", "darker", "darker")
    assert "compare its colour" not in warning(dark, "natural", "cooler", "cooler")
    assert "compare its colour" not in warning(WELL_LIT["blue beanie, grey-blue wall"])


def test_a_white_balance_by_a_coloured_wall_is_named_for_a_reviewer_sooner() -> None:
    """By 8 delta E here, which is a good repair if the wall is white paper in warm light."""
    product = (90, 80, 150)
    assert "compare its colour" in warning(box((240, 232, 215), product, None))
    assert "compare its colour" not in warning(box((238, 233, 226), product, None))


def test_what_may_be_dark_paper_or_a_grey_wall_is_named_for_a_reviewer() -> None:
    for dark in (darker(PAPER, 1.8), darker(PAPER, 2.5), with_glint(darker(PAPER, 2.0), 12)):
        assert "may be too dark" in warning(dark) and "may be too dark" in warning(dark, "plain")
        assert "may be too dark" not in warning(dark, "natural", "lighter")
        assert "may be too dark" not in warning(dark, "natural", "keep_light")
    for stops in (0.0, 0.7, 1.4):
        assert "may be too dark" not in warning(darker(PAPER, stops)), stops


@pytest.mark.parametrize("scene", [s for s in WELL_LIT if "without print" not in s])
def test_a_photo_with_something_light_is_not_called_dark(scene: str) -> None:
    assert "may be too dark" not in warning(WELL_LIT[scene])


def test_a_wall_that_the_product_outshines_is_no_white_paper() -> None:
    """Whitened, it would lift the product too: its bright blue would be pale."""
    for wall, product, safe in (((187, 187, 187), BLUE, False), ((215, 215, 215), NAVY, True)):
        photo = box(wall, product, None)
        extent = np.zeros(photo.shape[:2], bool)
        extent[83:217, 133:267] = True
        assert flatfield.is_safe(photo, backdrop.measure(photo), extent) == safe
