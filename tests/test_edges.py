"""The outline of a finished cut: smooth before a pale backdrop, whole at the ground, no fringe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from packshot.enhancers.local import compose, findings, recipes
from packshot.enhancers.local.cut import edges
from packshot.enhancers.local.cut.edges import CutProduct
from packshot.enhancers.local.cut.leftovers import remove_leftovers
from packshot.enhancers.local.cut.outline import is_ragged
from packshot.enhancers.local.cut.rim import add_rim
from packshot.enhancers.local.options import PictureOptions
from packshot.pictures.arrays import Mask, as_bytes

Bytes = NDArray[np.uint8]


def small(mask: Mask, side: int = 256) -> Mask:
    """A mask as the network draws it."""
    scale = side / max(mask.shape)
    size = (round(mask.shape[1] * scale), round(mask.shape[0] * scale))
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5)


def whole(product: CutProduct, shape: tuple[int, ...]) -> Mask:
    return product.in_frame(shape, shape[:2]) > 127


def capped_bottle() -> tuple[Bytes, Mask]:
    """Dark green with a white cap, on paper with a grain."""
    random, truth = np.random.default_rng(4), np.zeros((900, 700), np.uint8)
    photo = np.full((900, 700, 3), (203, 204, 200), np.float32)
    cv2.rectangle(truth, (250, 300), (450, 800), 255, -1)
    photo[truth > 0] = (22, 70, 48)
    cap = np.zeros_like(truth)
    cv2.ellipse(cap, (350, 160), (80, 20), 0, 0, 360, 255, -1)
    cv2.rectangle(cap, (270, 160), (430, 310), 255, -1)
    photo[cap > 0] = (232, 231, 229)
    soft = cv2.GaussianBlur(photo, (0, 0), 1.2) + random.normal(0, 2.0, photo.shape)
    return as_bytes(soft), (truth | cap) > 0


def test_a_white_cap_before_pale_paper_is_not_ragged() -> None:
    photo, truth = capped_bottle()
    rough = cv2.dilate(truth.astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
    made = whole(edges.cut(photo, small(np.asarray(rough)), longest=2000), truth.shape)
    beyond = made & ~(cv2.dilate(truth.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0)
    assert beyond.sum() < 0.001 * truth.sum(), beyond.sum() / truth.sum()
    assert (truth & ~made).sum() < 0.01 * truth.sum()


def wooden_floor() -> NDArray[np.float32]:
    random = np.random.default_rng(6)
    grain = cv2.GaussianBlur(random.normal(0, 60, (600, 900)), (0, 0), sigmaX=40, sigmaY=3)
    return np.asarray(np.array([120, 74, 44]) + np.asarray(grain)[..., None] * 2.5, np.float32)


def shoe(tread: int) -> tuple[Bytes, Mask, Mask]:
    """A white sole, with a brown tread of so many pixels, on a floor nearly of its colour: photo,
    the whole, and the tread."""
    photo, whole_mask = wooden_floor(), np.zeros((600, 900), np.uint8)
    cv2.rectangle(whole_mask, (150, 150), (750, 400), 255, -1)
    photo[whole_mask > 0] = (190, 50, 40)
    photo[330:401, 150:751] = (236, 230, 212)
    lower = np.zeros_like(whole_mask)
    if tread:
        lower[401 : 401 + tread, 150:751] = 255
        photo[lower > 0] = (156, 108, 58)
    end = 401 + tread
    photo[end : end + 6, 150:751] *= 0.4
    photo[end + 6 : end + 14, 150:751] *= 0.75
    soft = cv2.GaussianBlur(photo, (0, 0), 1.0)
    return as_bytes(soft), (whole_mask | lower) > 0, lower > 0


def test_a_tread_of_the_floors_colour_stays_on_the_shoe() -> None:
    photo, truth, tread = shoe(12)
    made = whole(edges.cut(photo, small(truth & ~tread), longest=2000), truth.shape)
    assert (made & tread).sum() > 0.8 * tread.sum()
    below = made & ~(cv2.dilate(truth.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0)
    assert below.sum() < 0.002 * truth.sum()


def test_nothing_of_the_floor_is_taken_for_a_tread() -> None:
    photo, truth, _ = shoe(0)
    made = whole(edges.cut(photo, small(truth), longest=2000), truth.shape)
    below = made & ~(cv2.dilate(truth.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0)
    assert below.sum() < 0.001 * truth.sum()


@pytest.mark.parametrize("blur", [1.0, 2.0])
def test_a_soft_edge_brings_no_line_of_the_old_ground(blur: float) -> None:
    """A white dish from dark wood, put on white: nothing brown is left around it."""
    photo, truth = wooden_floor(), np.zeros((600, 900), np.uint8)
    cv2.ellipse(truth, (450, 300), (300, 200), 0, 0, 360, 255, -1)
    photo[truth > 0] = (238, 237, 234)
    soft = as_bytes(cv2.GaussianBlur(photo, (0, 0), blur))
    product = edges.cut(soft, small(truth > 0), longest=2000)
    alpha = product.alpha[..., None] / 255
    on_white = product.colours * alpha + 255 * (1 - alpha)
    assert (on_white.min(axis=2) < 205).sum() < 0.0002 * truth.size


def test_a_shadow_that_the_frame_cuts_fades_out() -> None:
    """A seller's file whose drawn shadow ends at the file's right edge."""
    rgba = np.zeros((400, 400, 4), np.uint8)
    rgba[100:300, 100:250] = (180, 40, 40, 255)
    rgba[285:305, 250:400, 3] = 90
    product = edges.from_alpha(rgba, longest=1700)
    assert product.has_shadow
    made = compose.put_on(compose.prepare(product, 800), compose.white(800)).picture
    steps = np.abs(np.diff(made.astype(int).min(axis=2), axis=1))
    assert steps[:, -120:].max() <= 6


def test_a_dense_shadow_that_the_frame_cuts_fades_out_and_does_not_move_the_product() -> None:
    """A seller's file whose drawn shadow is as dense as a see-through part of the product."""
    rgba = np.zeros((400, 400, 4), np.uint8)
    shadow = np.zeros((400, 600), np.float32)
    shadow[230:280, 200:600] = 230
    rgba[..., 3] = cv2.GaussianBlur(shadow, (0, 0), 12)[:, :400]
    rgba[100:300, 100:250] = (180, 40, 40, 255)
    rgba[120:200, 250:280] = (90, 140, 90, 170)  # a handle of glass
    assert rgba[250, 399, 3] > 160
    product = edges.from_alpha(rgba, longest=1700)
    assert product.has_shadow
    assert product.box.right - product.box.left == pytest.approx(180, abs=3)
    made = compose.put_on(compose.prepare(product, 800), compose.white(800)).picture
    steps = np.abs(np.diff(made.astype(int).min(axis=2), axis=1))
    assert steps[:, -80:].max() <= 6  # beside the product


def test_a_product_that_the_frame_cuts_stays_whole() -> None:
    rgba = np.zeros((400, 400, 4), np.uint8)
    rgba[100:300, 100:400] = (180, 40, 40, 255)
    made = compose.prepare(edges.from_alpha(rgba, longest=1700), 800)
    assert (made.alpha > 250).mean() > 0.98


def tinted_lens() -> Bytes:
    """A seller's file of a round blue lens, a little see-through, in a solid frame with a smooth
    outline, and a wide faint shadow below and to the right of it, larger than the canvas."""
    lens, frame = np.zeros((600, 600), np.uint8), np.zeros((600, 600), np.uint8)
    cv2.circle(lens, (200, 160), 90, 244, -1)
    cv2.circle(frame, (200, 160), 100, 255, 14)
    frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), 0.8), np.uint8)
    shadow = np.zeros((600, 600), np.float32)
    shadow[200:600, 200:600] = 60
    alpha = np.maximum(np.maximum(lens, frame), cv2.GaussianBlur(shadow, (0, 0), 20).astype("u1"))
    blue = np.where((frame > 0)[..., None], (150, 150, 155), (60, 90, 210)) * (alpha > 0)[..., None]
    blue[(lens == 0) & (frame == 0)] = 0
    return np.dstack([blue, alpha]).astype(np.uint8)


def test_a_see_through_lens_and_a_smooth_outline_stay_as_the_file_has_them() -> None:
    product = edges.from_alpha(tinted_lens(), longest=1700)
    assert product.has_shadow
    placed = compose.prepare(product, 800)
    made, lens = placed.alpha, np.pi * (90 * placed.scale) ** 2
    assert np.isin(made, range(240, 249)).sum() > 0.97 * lens
    untouched = compose.prepare(replace(product, has_shadow=False), 800).alpha
    outline = (untouched > 80) & (untouched < 240)  # the shadow is fainter
    assert outline.sum() > 1000
    assert np.abs(made[outline].astype(int) - untouched[outline]).max() <= 8


def test_a_shadow_larger_than_the_canvas_leaves_the_rim_white() -> None:
    product = edges.from_alpha(tinted_lens(), longest=1700)
    made = compose.put_on(compose.prepare(product, 800), compose.white(800)).picture
    for turns in range(4):
        assert np.rot90(made, turns)[:8].min() == 255


def cushion(piping: int, *, shadow: bool = False) -> tuple[Bytes, Mask, Mask]:
    """Ochre with piping of so many pixels, before a dim wall: photo, what a cut by colour finds,
    truth. `shadow`: a dark line of shadow instead of the piping, which is not part of it."""
    random = np.random.default_rng(8)
    truth = np.zeros((800, 900), np.uint8)
    corners = np.array([[230, 200], [690, 170], [720, 620], [200, 640]], np.int32)
    cv2.fillConvexPoly(truth, corners, 255)
    body = np.asarray(cv2.erode(truth, np.ones((2 * piping + 1, 2 * piping + 1), np.uint8)))
    photo = np.full((800, 900, 3), (118, 116, 112), np.float32)
    photo[truth > 0] = (59, 58, 56) if shadow else (32, 36, 78)
    photo[body > 0] = (196, 138, 30)
    soft = cv2.GaussianBlur(photo, (0, 0), 1.0) + random.normal(0, 4.0, photo.shape)
    return as_bytes(soft), body > 0, np.asarray((body if shadow else truth) > 0)


def test_the_piping_of_another_colour_stays_on_the_cushion() -> None:
    photo, found, truth = cushion(5)
    grown = add_rim(photo, found)
    assert (truth & ~grown).sum() < 0.2 * (truth & ~found).sum()
    assert (grown & ~truth).sum() < 0.1 * (truth & ~found).sum()


def book_on_cloth() -> tuple[Bytes, Mask, Mask]:
    """Its dark lower board shows at the right of its light cover, and throws a shadow on a
    chequered cloth: photo, what GrabCut left of it, truth."""
    random = np.random.default_rng(9)
    y, x = np.mgrid[0:800, 0:800]
    white, red = ((x // 170 + k) % 2 * 0.5 + (y // 170 + k) % 2 * 0.5 for k in (0, 1))
    cloth = white[..., None] * (240, 238, 230) + red[..., None] * (170, 60, 65)
    away = np.clip((x - 608) / 40, 0, 1)
    beside = (x >= 600) & (y > 220) & (y < 620)
    photo = np.where(beside[..., None], cloth * (0.45 + 0.55 * away[..., None]), cloth)
    cover = (x >= 200) & (x < 600) & (y >= 200) & (y < 600)
    board = (x >= 600) & (x < 608) & (y >= 240) & (y < 600)
    photo[cover], photo[board] = (232, 206, 142), (26, 42, 40)
    soft = cv2.GaussianBlur(photo, (0, 0), 1.0) + random.normal(0, 3.0, photo.shape)
    found = cover | (board & (y > 430))
    return as_bytes(soft.astype(np.float32)), found, cover | board


def test_a_dark_board_before_its_shadow_on_a_patterned_cloth_stays_on_the_book() -> None:
    """In front of the white square; the red square in shadow has its colour."""
    photo, found, truth = book_on_cloth()
    grown = add_rim(photo, found)
    assert (truth & ~grown).sum() < 0.6 * (truth & ~found).sum()
    assert (grown & ~truth).sum() < 0.3 * (truth & ~found).sum()


def saucer(teeth: int) -> Mask:
    """A round mask with so many teeth of 2 px by 4 along its outline."""
    drawn = np.zeros((500, 500), np.uint8)
    cv2.circle(drawn, (250, 250), 200, 1, -1)
    for angle in np.linspace(0, np.pi, teeth, endpoint=False):
        x, y = 250 + 202 * np.cos(angle), 250 + 202 * np.sin(angle)
        cv2.circle(drawn, (round(x), round(y)), 1, 1, -1)
    return drawn > 0


@pytest.mark.parametrize(("teeth", "said"), [(0, False), (6, False), (40, True)])
def test_many_small_teeth_make_an_outline_ragged(teeth: int, said: bool) -> None:
    assert is_ragged(saucer(teeth)) == said


def test_threads_and_corners_make_no_outline_ragged() -> None:
    drawn = saucer(0).astype(np.uint8)
    for x in range(100, 400, 12):
        cv2.line(drawn, (x, 250), (x, 480), 1, 2)
    assert not is_ragged(drawn > 0)


def test_a_reviewer_is_asked_to_check_a_border_that_was_added(network: Path) -> None:
    sample = Path(__file__).parents[1] / "samples" / "photos" / "cushion-underexposed.jpg"
    found = findings.measure(sample.read_bytes(), PictureOptions("network", network))
    warning = recipes.warning(found, "white", recipes.make(found, "white"))
    assert "border is complete" in (warning or "")


@pytest.mark.parametrize("width", [5, 30])
def test_no_shadow_and_nothing_wider_is_taken_for_piping(width: int) -> None:
    photo, found, _ = cushion(width, shadow=width == 5)
    assert not (add_rim(photo, found) & ~found).any()


def box_beside_shadow(*, foot: bool) -> tuple[Bytes, Mask, Mask]:
    """Brown, on grey paper with a soft shadow at its left: photo, its mask with a smear of that
    shadow, truth. `foot`: a grey part of the same size is there instead, with an edge."""
    random, truth = np.random.default_rng(9), np.zeros((800, 900), np.uint8)
    x = np.arange(900, dtype=np.float32)
    dark = np.where(x < 300, np.exp(-np.maximum(300 - x, 0) / 80) * 0.5, 0)
    photo = np.full((800, 900, 3), (188, 187, 184), np.float32) * (1 - dark)[None, :, None]
    cv2.rectangle(truth, (300, 200), (650, 640), 255, -1)
    photo[truth > 0] = (190, 130, 60)
    smear = np.zeros_like(truth)
    cv2.rectangle(smear, (291, 500), (300, 600), 255, -1)
    if foot:
        photo[smear > 0] = (40, 40, 39)
    soft = cv2.GaussianBlur(photo, (0, 0), 1.0) + random.normal(0, 2.0, photo.shape)
    found = (truth | smear) > 0
    return as_bytes(soft), np.asarray(found), np.asarray(found if foot else truth > 0)


@pytest.mark.parametrize("foot", [False, True])
def test_a_smear_of_shadow_is_removed_and_a_grey_foot_stays(foot: bool) -> None:
    photo, found, truth = box_beside_shadow(foot=foot)
    made = remove_leftovers(photo, found)
    assert (made & ~truth).sum() <= 0.25 * (found & ~truth).sum()
    assert (truth & ~made).sum() < 0.001 * truth.sum()
