"""Gaps between a product's parts: the old backdrop goes, what may be a print stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from packshot.enhancers.local import backdrop, findings, recipes
from packshot.enhancers.local.cut import edges
from packshot.enhancers.local.cut.edges import CutProduct
from packshot.enhancers.local.options import PictureOptions
from packshot.pictures.arrays import Mask, as_bytes

Bytes = NDArray[np.uint8]
PAPER = (225, 222, 216)


def photographed(
    drawn: Bytes, paper: tuple[int, int, int] = PAPER, grain: float = 1.0
) -> tuple[Bytes, Mask]:
    """A drawing with black for the backdrop and grey for what has its colour: photo, and product
    with all that is inside its outline."""
    random = np.random.default_rng(11)
    photo = drawn.astype(np.float32)
    own = drawn.max(axis=2) > 0
    photo[~own | (drawn == 128).all(axis=2)] = paper
    soft = cv2.GaussianBlur(photo, (0, 0), 0.8) + random.normal(0, grain, photo.shape)
    return as_bytes(soft), own


def shrunk(mask: Mask) -> Mask:
    scale = 256 / max(mask.shape)
    return np.asarray(cv2.resize(mask.astype(np.float32), None, fx=scale, fy=scale) > 0.5)


def cut(photo: Bytes, mask: Mask) -> CutProduct:
    measured = backdrop.measure(photo)
    assert measured.plain
    return edges.cut(photo, shrunk(mask), longest=2000, backdrop=measured)


def whole(product: CutProduct, shape: tuple[int, ...]) -> Mask:
    return product.in_frame(shape, shape[:2]) > 127


def shirt(colour: tuple[int, int, int] = (246, 245, 250)) -> tuple[Bytes, Mask, Mask]:
    """With a gap between sleeve and body that opens downwards: photo, a mask that fills the
    gap's upper part, as a network does, and the gap."""
    drawn, gap = np.zeros((900, 900, 3), np.uint8), np.zeros((900, 900), np.uint8)
    cv2.rectangle(drawn, (250, 150), (700, 750), colour, -1)
    cv2.fillConvexPoly(gap, np.array([(560, 330), (540, 760), (615, 760)]), 1)
    drawn[gap > 0] = 0
    photo, own = photographed(drawn)
    filled = own.copy()
    filled[:620][gap[:620] > 0] = True
    return photo, filled, gap[:600] > 0


def test_the_backdrop_between_sleeve_and_body_is_removed() -> None:
    photo, filled, gap = shirt()
    made = whole(cut(photo, filled), filled.shape)
    assert made[:600][gap].mean() < 0.25, made[:600][gap].mean()
    product = filled.copy()
    product[:600][gap] = False
    lost = product & ~made & (np.indices(product.shape)[0] < 600)
    assert lost.sum() < 0.003 * product.sum(), lost.sum() / product.sum()


def test_a_fold_stays_in_a_shirt_that_is_hardly_seen_before_its_backdrop() -> None:
    """There a part of the shirt may look like a gap."""
    photo, filled, gap = shirt((235, 232, 226))
    made = whole(cut(photo, filled), filled.shape)
    assert made[:600][gap].mean() > 0.97


def boxed(draw: Callable[[Bytes], object]) -> tuple[Bytes, Mask]:
    """A blue box with something in the backdrop's colour on it."""
    drawn = np.zeros((900, 900, 3), np.uint8)
    cv2.rectangle(drawn, (250, 150), (650, 750), (40, 80, 150), -1)
    draw(drawn)
    return photographed(drawn)


def label(drawn: Bytes) -> None:
    cv2.rectangle(drawn, (350, 300), (550, 420), (128, 128, 128), -1)


def label_at_the_side(drawn: Bytes) -> None:
    cv2.rectangle(drawn, (450, 300), (650, 420), (128, 128, 128), -1)


def corner(drawn: Bytes) -> None:
    cv2.rectangle(drawn, (500, 600), (650, 750), (128, 128, 128), -1)


def band_around_a_waist(drawn: Bytes) -> None:
    cv2.rectangle(drawn, (250, 300), (330, 600), (0, 0, 0), -1)
    cv2.rectangle(drawn, (570, 300), (650, 600), (0, 0, 0), -1)
    cv2.rectangle(drawn, (330, 420), (570, 470), (128, 128, 128), -1)


@pytest.mark.parametrize("draw", [label, label_at_the_side, corner, band_around_a_waist])
def test_a_part_in_the_backdrops_colour_stays(draw: Callable[[Bytes], object]) -> None:
    photo, truth = boxed(draw)
    small = cut(photo, truth)
    without = edges.cut(photo, shrunk(truth), longest=2000)
    assert (small.alpha == without.alpha).all()
    assert small.kept_gap == (draw is label)


def ring_before_cloth(inner: tuple[int, int, int] | None) -> tuple[Bytes, Mask]:
    """A gold ring before grey, blotchy cloth, a part of which is in its shadow. The cloth shows in
    the ring, or something of another colour; the mask is filled."""
    random = np.random.default_rng(5)
    blotches = cv2.GaussianBlur(random.normal(0, 60, (700, 700, 1)).astype(np.float32), (0, 0), 5)
    cloth = np.full((700, 700, 3), (118, 118, 122), np.float32) + blotches[..., None]
    photo = cloth.copy()
    cv2.circle(photo, (350, 350), 200, (190, 140, 50), -1)
    hole, own = np.zeros((700, 700), np.uint8), np.zeros((700, 700), np.uint8)
    cv2.circle(hole, (350, 350), 165, 1, -1)
    cv2.circle(own, (350, 350), 200, 1, -1)
    cloth[450:] *= 0.8
    photo[hole > 0] = cloth[hole > 0] if inner is None else inner
    soft = cv2.GaussianBlur(photo, (0, 0), 0.8) + random.normal(0, 1, photo.shape)
    return as_bytes(np.asarray(soft, np.float32)), own > 0


@pytest.mark.parametrize("inner", [None, (236, 236, 232), (118, 96, 90), (60, 60, 64)])
def test_cloth_that_shows_in_a_ring_is_asked_about(inner: tuple[int, int, int] | None) -> None:
    photo, filled = ring_before_cloth(inner)
    made = edges.cut(photo, shrunk(filled), longest=2000, backdrop=backdrop.measure(photo))
    assert made.kept_gap == (inner is None)


def small_jpeg(*, alike: bool) -> tuple[Bytes, Mask]:
    """A small dark bag before a pink wall that shows in its handle, or with a label there that is
    nearly of the wall's colour. JPEG's ringing fills the hole."""
    drawn = np.zeros((600, 600, 3), np.uint8)
    cv2.rectangle(drawn, (180, 260), (420, 450), (30, 60, 160), -1)
    cv2.rectangle(drawn, (270, 200), (330, 260), (30, 60, 160), -1)
    inner = (236, 204, 206) if alike else (128, 128, 128)
    cv2.rectangle(drawn, (289, 220), (311, 245), inner, -1)
    photo, truth = photographed(drawn, (240, 206, 204), grain=0.0)
    coded = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1]), truth


@pytest.mark.parametrize("alike", [False, True])
def test_ringing_hides_no_gap_before_a_coloured_wall(alike: bool) -> None:
    assert cut(*small_jpeg(alike=alike)).kept_gap is not alike


def test_a_reviewer_is_asked_about_an_area_in_the_backdrops_colour() -> None:
    photo, truth = boxed(label)
    coded = cv2.imencode(".png", photo[..., ::-1])[1].tobytes()
    found = findings.measure(coded, PictureOptions())
    assert found.cut is not None
    mask = cv2.resize(truth.astype(np.uint8), found.cut.mask.shape[::-1]) > 0
    found = replace(found, treatment="cut", cut=replace(found.cut, mask=mask, extent=mask))
    made = recipes.make(found, "white")
    assert "not a gap" in (recipes.warning(found, "white", made) or "")


def test_a_white_backdrop_needs_no_question() -> None:
    drawn = np.zeros((900, 900, 3), np.uint8)
    cv2.rectangle(drawn, (250, 150), (650, 750), (40, 80, 150), -1)
    label(drawn)
    photo, truth = photographed(drawn, (250, 250, 250))
    assert not cut(photo, truth).kept_gap
