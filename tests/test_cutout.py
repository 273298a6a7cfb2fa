"""Cut-outs: found on plain and busy backgrounds, refused when in doubt, clean at the edge."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from packshot.enhancers.local import backdrop, compose, findings, framing, recipes, sheet
from packshot.enhancers.local.cut import cutout, edges, outline, trust
from packshot.enhancers.local.cut.cutout import CutOut
from packshot.enhancers.local.cut.edges import CutProduct
from packshot.enhancers.local.options import PictureOptions
from packshot.errors import PictureError
from packshot.pictures.arrays import Mask, as_bytes
from packshot.pictures.boxes import Box, box_of
from packshot.pictures.imaging import OutputSpec, encode_array, to_array

Bytes = NDArray[np.uint8]
SAMPLES = Path(__file__).resolve().parents[1] / "samples"
CLASSICAL = PictureOptions("classical")


def scene(background: Bytes, *, at: tuple[int, int] = (150, 120)) -> tuple[Bytes, Mask]:
    """A red bag with a handle and a yellow print on the background, and its mask."""
    drawn = np.zeros(background.shape[:2], np.uint8)
    cv2.rectangle(drawn, at, (at[0] + 200, at[1] + 180), 255, -1)
    cv2.ellipse(drawn, (at[0] + 100, at[1]), (60, 60), 0, 180, 360, 255, 16)
    picture = background.copy()
    picture[drawn > 0] = (170, 40, 45)
    cv2.rectangle(picture, (at[0] + 50, at[1] + 60), (at[0] + 150, at[1] + 120), (235, 200, 70), -1)
    return as_bytes(cv2.GaussianBlur(picture, (0, 0), 0.8)), drawn > 0


def sheet_of_paper(level: int = 225) -> Bytes:
    random = np.random.default_rng(1)
    slope = np.linspace(-12, 12, 500)[None, :, None]
    return as_bytes(level + slope + random.normal(0, 1.5, (400, 500, 1)) + np.zeros(3))


def wood() -> Bytes:
    random = np.random.default_rng(2)
    grain = cv2.GaussianBlur(random.normal(0, 60, (400, 500)), (0, 0), sigmaX=25, sigmaY=1.5)
    return as_bytes(np.array([150, 120, 85]) + np.asarray(grain)[..., None] * 6)


def found_in(picture: Bytes) -> CutOut:
    cut = cutout.find(picture, backdrop.measure(picture))
    assert cut is not None
    return cut


def overlap(small: Mask, truth: Mask) -> float:
    size = (small.shape[1], small.shape[0])
    fitted = cv2.resize(truth.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
    return float((small & fitted).sum() / (small | fitted).sum())


@pytest.mark.parametrize("background", [sheet_of_paper(), sheet_of_paper(60), wood()])
def test_a_clear_product_is_cut_out(background: Bytes) -> None:
    picture, truth = scene(background)
    cut = found_in(picture)
    assert cut.trusted, cut.why()
    assert overlap(cut.mask, truth) > 0.93


def test_a_hard_shadow_is_not_the_product() -> None:
    background = sheet_of_paper()
    _, truth = scene(background)
    cast = np.roll(truth, (25, 40), axis=(0, 1))
    picture, _ = scene(np.where(cast[..., None], (background * 0.6).astype(np.uint8), background))
    assert overlap(found_in(picture).mask, truth) > 0.9


def test_a_product_at_the_frames_edge_is_refused() -> None:
    picture, _ = scene(sheet_of_paper(), at=(330, 120))
    cut = found_in(picture)
    assert not cut.trusted
    assert "the product reaches the frame's edge" in cut.why()


def test_white_on_white_is_refused() -> None:
    background = sheet_of_paper(232)
    picture = background.copy()
    picture[120:280, 150:350] = as_bytes(background[120:280, 150:350] * 0.985)
    picture[180:200, 200:300] = (40, 60, 160)
    cut = cutout.find(picture, backdrop.measure(picture))
    assert cut is None or not cut.trusted


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_an_empty_frame_has_nothing_to_cut(colour: int) -> None:
    flat = np.full((200, 300, 3), colour, np.uint8)
    cut = cutout.find(flat, backdrop.measure(flat))
    assert cut is None or not cut.trusted


# The edge


def test_no_old_background_is_left_in_the_rim() -> None:
    """A red bag from a green background: what is not opaque must be red too."""
    picture, truth = scene(np.full((400, 500, 3), (40, 170, 60), np.uint8))
    small = cv2.resize(truth.astype(np.uint8), (250, 200), interpolation=cv2.INTER_AREA) > 0
    product = edges.cut(picture, small, longest=2000)
    rim = (product.alpha > 40) & (product.alpha < 250)
    assert rim.sum() > 200
    greenish = product.colours[..., 1].astype(int) - product.colours[..., 0] > 0
    assert greenish[rim].mean() < 0.02


def test_the_refined_edge_follows_the_photo() -> None:
    picture, truth = scene(sheet_of_paper())
    rough = cv2.resize(truth.astype(np.uint8), (125, 100), interpolation=cv2.INTER_NEAREST) > 0
    at = framing.scale_box(box_of(rough), rough.shape, picture.shape, edges.MARGIN)
    alpha = edges.cut(picture, rough, longest=2000).alpha > 127
    wanted = truth[at.top : at.bottom, at.left : at.right]
    assert (alpha & wanted).sum() / (alpha | wanted).sum() > 0.975


# What the photo says against a finished cut


def said_of(picture: Bytes, mask: Mask) -> tuple[str, ...]:
    product = edges.cut(picture, mask, longest=2000)
    return outline.find_doubts(picture, backdrop.measure(picture), product).doubts


@pytest.mark.parametrize("background", [sheet_of_paper(), sheet_of_paper(60), wood()])
def test_the_photos_edges_raise_no_doubts_about_a_whole_cut(background: Bytes) -> None:
    assert said_of(*scene(background)) == ()


@pytest.mark.parametrize("background", [sheet_of_paper(), wood()])
def test_a_cut_along_no_edges_is_refused(background: Bytes) -> None:
    """Cut through the bag, where the photo has no edge."""
    picture, truth = scene(background)
    truth[:, :230] = False
    assert trust.EDGELESS in said_of(picture, truth)


def checked_cloth(shape: tuple[int, ...]) -> Bytes:
    """Blue and white checks, as on a tablecloth."""
    y, x = np.indices(shape[:2]) // 14 % 2
    colours = np.array([(238, 240, 244), (120, 150, 200), (50, 85, 150)])
    return as_bytes(cv2.GaussianBlur(colours[y + x].astype(np.float32), (0, 0), 1.0))


@pytest.mark.parametrize(("kept", "doubts"), [(0, ()), (14, (outline.MIXED,))])
def test_a_cut_that_keeps_a_rim_of_the_tablecloth_is_refused(
    kept: int, doubts: tuple[str, ...]
) -> None:
    picture, truth = checked_cloth((400, 500)), np.zeros((400, 500), np.uint8)
    cv2.rectangle(truth, (180, 80), (320, 320), 1, -1)
    picture[truth > 0] = (150, 90, 60)
    mask = truth.copy()
    mask[80:321, 180 - kept : 321 + kept] = 1
    assert said_of(picture, mask > 0) == doubts


@pytest.mark.parametrize("level", [30, 240])
def test_they_refuse_one_that_leaves_a_strap_out(level: int) -> None:
    picture, bag = scene(sheet_of_paper())
    cv2.line(picture, (352, 200), (440, 120), (level,) * 3, 7)
    picture = as_bytes(cv2.GaussianBlur(picture, (0, 0), 0.8))
    assert said_of(picture, bag) == (outline.LEFT_OUT,)


@pytest.mark.parametrize(
    ("cord", "doubts"),
    [(None, ()), ((225, 228, 230), (outline.LEFT_OUT,)), ((12, 16, 18), (outline.LEFT_OUT,))],
    ids=["no cord", "white", "black"],
)
def test_they_name_a_lamps_cord_in_front_of_a_coloured_wall(
    cord: tuple[int, int, int] | None, doubts: tuple[str, ...]
) -> None:
    photo, lamp = np.full((400, 500, 3), (20, 110, 118), np.uint8), np.zeros((400, 500), np.uint8)
    cv2.ellipse(lamp, (250, 300), (110, 70), 0, 180, 360, 1, -1)
    if cord is not None:
        cv2.line(photo, (250, 0), (250, 300), cord, 3, cv2.LINE_AA)
    photo[lamp > 0] = (205, 205, 208)
    noise = np.random.default_rng(5).normal(0, 1.5, photo.shape)
    photo = as_bytes(cv2.GaussianBlur(photo.astype(np.float32), (0, 0), 0.8) + noise)
    assert said_of(photo, lamp > 0) == doubts


# The file's own transparency


def flat_jpeg(*, strap: tuple[int, int, int] | None = None) -> tuple[Bytes, Mask]:
    """A blue cap on a flawless pale wall, saved with coarse colours as most programs do, perhaps
    with a strap that its mask leaves out: photo and mask."""
    wall = (214, 200, 214)
    photo, truth = np.full((700, 700, 3), wall, np.uint8), np.zeros((700, 700), np.uint8)
    cv2.ellipse(truth, (340, 330), (140, 100), 30, 0, 360, 255, -1, cv2.LINE_AA)
    photo = as_bytes(photo + (np.array([20, 80, 235]) - wall) * (truth / 255)[..., None])
    if strap is not None:
        cv2.line(photo, (440, 420), (500, 490), strap, 8, cv2.LINE_AA)
        photo[truth > 0] = (20, 80, 235)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 80]
    coded = cv2.imencode(".jpg", photo[..., ::-1], quality)[1]
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1]), truth > 127


def test_the_ringing_of_a_jpeg_beside_the_product_is_no_part_of_it() -> None:
    assert said_of(*flat_jpeg()) == ()


@pytest.mark.parametrize("strap", [(222, 208, 222), (206, 204, 216), (224, 196, 208)])
def test_a_strap_nearly_of_the_walls_colour_is_no_ringing(strap: tuple[int, int, int]) -> None:
    assert outline.LEFT_OUT in said_of(*flat_jpeg(strap=strap))


def glass() -> Bytes:
    """A half see-through disc with a solid stem."""
    y, x = np.mgrid[0:300, 0:300]
    rgba = np.zeros((300, 300, 4), np.uint8)
    rgba[..., :3] = (120, 160, 200)
    rgba[(x - 150) ** 2 + (y - 120) ** 2 < 90**2, 3] = 140
    rgba[200:280, 140:160, 3] = 255
    return rgba


def test_own_alpha_is_trusted_and_glass_stays_see_through() -> None:
    found = findings.measure(encode_array(glass()), CLASSICAL)
    assert found.treatment == "alpha" and found.tone.neutral
    assert [plan.title for plan in recipes.plan(found, 3)] == ["white", "studio", "natural"]
    white, dark = (recipes.make(found, title).picture for title in ("white", "dark"))
    middle = white.shape[0] // 2
    assert white[middle, middle].astype(int).sum() > dark[middle, middle].astype(int).sum() + 100
    assert white[0, 0].tolist() == [255, 255, 255]


def test_a_fully_opaque_png_is_a_photo_like_any_other() -> None:
    picture, _ = scene(sheet_of_paper())
    opaque = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    assert findings.measure(encode_array(opaque), CLASSICAL).treatment == "cut"


def test_the_cut_that_was_checked_is_the_one_that_is_shown() -> None:
    """It was made a second time, which took a third of the time of all."""
    found = findings.measure(encode_array(scene(sheet_of_paper())[0]), CLASSICAL)
    assert found.treatment == "cut" and "product" in vars(found)


# The canvas


@pytest.mark.parametrize(
    ("pixels", "side"), [(100, 174), (300, 523), (800, 1000), (1500, 1744), (3000, 2048)]
)
def test_small_products_are_enlarged_by_half_at_most(pixels: int, side: int) -> None:
    assert compose.canvas_side(pixels) == side


def standing(height: int = 400, width: int = 300) -> CutProduct:
    colours = np.full((height, width, 3), (200, 30, 30), np.uint8)
    return CutProduct(colours, np.full((height, width), 255, np.uint8), Box(0, 0, width, height))


def test_the_shadow_falls_below_and_fades_to_exact_white() -> None:
    canvas = compose.put_on(compose.prepare(standing(), 1000), compose.white(1000)).picture
    assert (canvas[:40] == 255).all() and (canvas[:, :40] == 255).all()
    below, above = canvas[935, 500].mean(), canvas[65, 500].mean()
    assert below < 225 < 250 < above


def test_a_picture_that_brings_its_shadow_gets_no_second_one() -> None:
    product = standing()
    alone = CutProduct(product.colours, product.alpha, product.box, has_shadow=True)
    canvas = compose.put_on(compose.prepare(alone, 1000), compose.white(1000)).picture
    assert (canvas[930:] == 255).all()


# Real pictures of the project


@pytest.mark.extra
@pytest.mark.parametrize(
    ("name", "treatment"),
    [
        ("box-paper-tilted", "cut"),
        ("glass-paper", "scene"),
        ("headphones-cluttered", "scene"),
        ("perfume-tungsten", "scene"),
    ],
)
def test_the_samples_get_the_treatment_they_allow(name: str, treatment: str) -> None:
    found = findings.measure((SAMPLES / "photos" / f"{name}.jpg").read_bytes(), CLASSICAL)
    assert found.treatment == treatment, found.why


def test_the_contact_sheet_shows_what_could_be_used(tmp_path: Path) -> None:
    picture, _ = scene(sheet_of_paper())
    (tmp_path / "a.jpg").write_bytes(encode_array(picture))
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    heard: list[tuple[str, str]] = []
    photos = [tmp_path / "a.jpg", tmp_path / "b.png"]
    data = sheet.contact_sheet(
        photos,
        CLASSICAL,
        OutputSpec("1:1"),
        wanted=2,
        tile=120,
        notify=lambda path, words: heard.append((path.name, words)),
    )
    assert heard[0] == ("a.jpg", "done") and "damaged" in heard[1][1]
    assert to_array(data).shape[1] == 3 * (120 + sheet.GAP)


def test_a_sheet_without_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="None of the files"):
        sheet.contact_sheet([], CLASSICAL, OutputSpec())
