"""Light and colour: faults are measured on the frame, corrections stay within bounds."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from conftest import needs_shared
from numpy.typing import NDArray

from packshot.enhancers.local import backdrop, findings, recipes
from packshot.enhancers.local.light import flatfield, tone
from packshot.enhancers.local.light.tone import Tone
from packshot.enhancers.local.options import PictureOptions
from packshot.pictures.arrays import LINEAR, WARM, as_bytes, to_lab, to_linear, to_srgb
from packshot.pictures.imaging import encode_array, to_array

Bytes = NDArray[np.uint8]


def still_life(backdrop_grey: int = 232, product: tuple[int, int, int] = (150, 60, 40)) -> Bytes:
    """A box with a black and a white stripe on a plain sheet."""
    picture = np.full((300, 400, 3), backdrop_grey, np.uint8)
    picture[90:230, 130:270] = product
    picture[120:140, 130:270], picture[160:180, 130:270] = 20, 245
    return picture


def in_light(picture: Bytes, red: float, green: float, blue: float) -> Bytes:
    """The same scene under other light (gains of linear red, green and blue)."""
    return as_bytes(to_srgb(to_linear(picture) * np.array([red, green, blue], np.float32)))


def blurred(picture: Bytes, sigma: float) -> Bytes:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)


def measured(picture: Bytes) -> Tone:
    return tone.measure(picture, backdrop.measure(picture))


def test_a_good_photo_has_no_faults_and_stays() -> None:
    found = measured(still_life())
    assert found.neutral and found.faults == ()
    assert np.array_equal(tone.apply(still_life(), found), still_life())


@pytest.mark.parametrize(
    ("light", "words"), [((1.0, 0.9, 0.76), "warm"), ((0.8, 0.9, 1.0), "cold")]
)
def test_a_plain_sheet_is_a_grey_card(light: tuple[float, float, float], words: str) -> None:
    photo = in_light(still_life(), *light)
    found = measured(photo)
    assert f"{words} colour cast" in found.faults
    sheet = to_lab(tone.apply(photo, found))[10, 10]
    assert np.hypot(sheet[1], sheet[2]) < 2.5 < np.hypot(*to_lab(photo)[10, 10, 1:])


def test_an_underexposed_photo_is_lifted_without_clipping() -> None:
    dark = in_light(still_life(), 0.35, 0.35, 0.35)
    found = measured(dark)
    assert found.faults[0].startswith("underexposed by 1.")
    lifted = tone.apply(dark, found)
    assert lifted.mean() > 1.3 * dark.mean()
    assert (lifted == 255).mean() < 0.01


@pytest.mark.parametrize(("vivid", "hazy"), [((190, 30, 40), False), ((190, 110, 120), True)])
def test_a_vivid_colour_shows_that_there_is_no_haze(
    vivid: tuple[int, int, int], hazy: bool
) -> None:
    cloth = np.full((300, 400, 3), (240, 238, 235), np.uint8)
    cloth[:, ::4], cloth[:, 1::4] = vivid, vivid
    assert (measured(cloth).black > 0) is hazy


def test_a_black_product_on_a_light_sheet_is_not_lifted() -> None:
    found = measured(still_life(product=(18, 18, 20)))
    assert found.exposure == 0.0 and found.contrast == 0.0


def test_one_colour_everywhere_does_not_count_as_light() -> None:
    random = np.random.default_rng(2)
    wood = as_bytes(np.array([150, 95, 50]) + random.normal(0, 12, (300, 400, 1)) * [1, 0.8, 0.6])
    wood[100:200, 150:250] = (235, 235, 232)  # white china in neutral light
    gains = measured(wood).balance
    assert all(0.94 < gain < 1.06 for gain in gains)


BEIGE, GREYS = (200, 185, 165), [(128, 128, 128), (186, 186, 184), (235, 235, 235)]


@pytest.mark.parametrize("product", GREYS)
@pytest.mark.parametrize("wall", [BEIGE, (205, 180, 175), (240, 232, 215), (170, 185, 200)])
def test_a_grey_product_shows_that_the_wall_is_coloured_and_not_the_light(
    wall: tuple[int, int, int], product: tuple[int, int, int]
) -> None:
    photo = np.full((300, 400, 3), wall, np.uint8)
    photo[90:230, 130:270] = product
    assert measured(photo).balance == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("wall", [(140, 215, 220), (176, 124, 78), (235, 150, 160)])
def test_a_vivid_wall_around_a_coloured_product_is_no_coloured_light(
    wall: tuple[int, int, int],
) -> None:
    photo = np.full((300, 400, 3), wall, np.uint8)
    photo[90:230, 130:270] = (45, 40, 90)
    assert measured(photo).balance == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("exposure", [1.0, 1.4])  # the second clips the product's red
def test_a_white_product_before_a_white_wall_in_lamplight_shows_the_light(exposure: float) -> None:
    light = exposure * np.array([1.0, 0.6, 0.22])
    photo = in_light(still_life(180, (238, 238, 236)), *light)
    red, _, blue = measured(photo).balance
    assert red < 0.88 and blue > 1.3


@pytest.mark.parametrize("product", GREYS)
def test_a_grey_product_in_warm_light_becomes_neutral_again(product: tuple[int, int, int]) -> None:
    photo = in_light(still_life(product=product), 0.95, 0.86, 0.72)
    shown = to_lab(tone.apply(photo, measured(photo)))[100, 200]
    assert np.hypot(*shown[1:]) < 3 < np.hypot(*to_lab(photo)[100, 200, 1:])


@pytest.mark.parametrize("wall", [(28, 28, 30), (80, 80, 80), (118, 118, 118)])
def test_before_a_dark_grey_wall_a_vivid_product_is_no_coloured_light(
    wall: tuple[int, int, int],
) -> None:
    photo = np.full((300, 400, 3), wall, np.uint8)
    photo[60:260, 100:300] = (0, 100, 250)
    assert all(0.95 < gain < 1.06 for gain in measured(photo).balance)


def on_gingham(tint: tuple[float, float, float]) -> Bytes:
    """Things of many colours in a light of this tint."""
    random = np.random.default_rng(8)
    tiles = as_bytes(random.uniform(60, 215, (12, 16, 1)) + random.normal(0, 12, (12, 16, 3)))
    return in_light(np.asarray(tiles.repeat(25, 0).repeat(25, 1), np.uint8), *tint)


@pytest.mark.parametrize("tint", [(1.0, 0.72, 0.28), (1.0, 0.95, 0.5), (0.6, 1.0, 0.7)])
def test_what_no_lamp_gives_is_left_to_the_things(tint: tuple[float, float, float]) -> None:
    """A white balance goes from daylight to tungsten light; the check of fidelity takes a step off
    that line for another product's colour."""
    gains = np.log(measured(on_gingham(tint)).balance)
    gains -= gains.mean()
    off = gains - (gains @ WARM) * WARM
    assert np.linalg.norm(off) < 0.07, off


def test_grey_paper_in_poor_light_becomes_as_light_as_paper() -> None:
    dull = in_light(still_life(), 0.7, 0.7, 0.7)
    bright = tone.apply(dull, measured(dull))
    assert dull[10, 10].mean() < 205 and bright[10, 10].mean() > 222
    assert (bright >= tone.WHITE).all(axis=2).mean() < 0.001


def test_the_noise_of_a_flawless_picture_is_zero_not_nan() -> None:
    flat = np.full((200, 200, 3), 128, np.uint8)
    assert measured(flat).noise == 0.0
    white = np.full((200, 200, 3), 255, np.uint8)
    assert measured(white).noise == 0.0


def test_noise_is_measured_and_taken_out_while_print_stays() -> None:
    random = np.random.default_rng(4)
    clean = still_life(200)
    noisy = as_bytes(clean + random.normal(0, 6, clean.shape))
    found = measured(noisy)
    assert 3.2 < found.noise < 4.8  # of luma: 6 per channel are 4.0 there
    calm = tone.apply(noisy, Tone(noise=found.noise))
    assert calm[10:80, 10:380].std() < 0.6 * noisy[10:80, 10:380].std()
    stripe_edge = abs(int(calm[170, 200, 0]) - int(calm[150, 200, 0]))
    assert stripe_edge > 0.9 * abs(int(clean[170, 200, 0]) - int(clean[150, 200, 0]))


@pytest.mark.parametrize("exposure", [-0.5, 0.0, 0.7, 1.5])
def test_curves_never_turn_back(exposure: float) -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    curve = tone.curves(ramp, Tone((0.8, 1.0, 1.3), exposure, 0.03))
    assert (np.diff(curve[0].astype(int), axis=0) >= 0).all()


def test_sharpening_leaves_noise_and_shows_no_halo() -> None:
    random = np.random.default_rng(5)
    edge = np.full((100, 100, 3), 90, np.uint8)
    edge[:, 50:] = 170
    sharp = tone.sharpen(blurred(edge, 1.2), 0.5)
    assert sharp.min() >= 90 - 6 and sharp.max() <= 170 + 6
    grain = as_bytes(128 + random.normal(0, 2, (100, 100, 1)) * np.ones(3))
    assert tone.sharpen(grain, 1.0, noise=2.0).std() < 1.05 * grain.std()


def test_linear_light_and_back_is_the_identity() -> None:
    assert np.array_equal(as_bytes(to_srgb(LINEAR)), np.arange(256))


# Flat field


def test_a_graded_sheet_becomes_pure_white_and_the_product_stays() -> None:
    graded = still_life(205) * np.linspace(0.9, 1.08, 400)[None, :, None]
    photo = as_bytes(graded + np.random.default_rng(6).normal(0, 1, graded.shape))
    found = backdrop.measure(photo)
    assert found.light_grey
    white = flatfield.whiten(photo, found)
    assert (white[:80] == 255).mean() > 0.99
    assert 60 < white[200, 200].mean() < 140


@pytest.mark.parametrize("sheet", [(90, 120, 200), (60, 60, 60), (240, 200, 90)])
def test_a_tinted_or_dark_sheet_is_never_whitened(sheet: tuple[int, int, int]) -> None:
    photo = still_life()
    photo[(photo == 232).all(axis=2)] = sheet
    assert not backdrop.measure(photo).light_grey


# Good photos


GOOD = ["s_beanie-1", "s_mighty-mug", "s_white-hoodie", "so_cl_polo02", "so_sneakers_01_1"]


@pytest.mark.parametrize("name", GOOD)
def test_a_catalogue_shot_comes_out_as_good(name: str) -> None:
    """Inside the product: at most 2 delta E (CIE76) on average, and 0.6 beside sharpening."""
    rgba = to_array(needs_shared("photos", f"{name}.png").read_bytes(), 700)
    part = rgba[..., 3:] / np.float32(255)
    shot = as_bytes(rgba[..., :3] * part + 246 * (1 - part))
    found = findings.measure(encode_array(shot), PictureOptions("off"))
    assert found.tone.neutral
    natural = recipes.make(found, "natural").picture
    inside = cv2.erode((rgba[..., 3] > 250).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert _difference(natural, shot)[inside].mean() < 2.0
    assert _difference(blurred(natural, 3), blurred(shot, 3))[inside].mean() < 0.6


def _difference(first: Bytes, second: Bytes) -> NDArray[np.float32]:
    return np.asarray(np.linalg.norm(to_lab(first) - to_lab(second), axis=2), np.float32)


@pytest.mark.parametrize(
    ("corrections", "effect"),
    [
        (Tone(exposure=1.5), "lighter"),
        (Tone(exposure=-0.3, balance=(0.85, 1.0, 1.27)), "darker and cooler"),
        (Tone(balance=(1.3, 1.0, 0.8), black=0.02, exposure=0.4), "lighter, warmer and less hazy"),
        (Tone(balance=(1.1, 1.0, 1.1)), "less green"),
        (Tone(contrast=0.2), "richer in contrast"),
    ],
)
def test_a_warning_says_in_words_what_was_corrected(corrections: Tone, effect: str) -> None:
    """Gains and EV are photographers' words; they stay in the picture's record."""
    assert corrections.effect() == effect
