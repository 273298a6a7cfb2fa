"""Scraps of the old background along the outline are removed, and the picture says so."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from packshot.enhancers.local import backdrop, findings, recipes
from packshot.enhancers.local.cut import edges, leftovers, outline
from packshot.enhancers.local.options import PictureOptions
from packshot.pictures.arrays import Floats, Mask, as_bytes
from packshot.pictures.imaging import encode_array

Bytes = NDArray[np.uint8]
SHAPE = (640, 640)
PRODUCT = cv2.rectangle(np.zeros(SHAPE, np.uint8), (150, 120), (500, 480), 1, -1) > 0
SCRAP = cv2.ellipse(np.zeros(SHAPE, np.uint8), (300, 481), (90, 22), 0, 0, 180, 1, -1) > 0


def wood() -> Floats:
    """Brown with stripes of lighter and darker grain."""
    down, across = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    grain = 14 * np.sin(down / 5 + 3 * np.sin(across / 90))
    return np.asarray(np.array([150, 105, 70], np.float32) + grain[..., None], np.float32)


def photo_on(
    ground: Floats, shadow: float = 0.0, colour: tuple[int, int, int] = (240, 238, 244)
) -> Bytes:
    """A light product, with a shadow below it that darkens by this share."""
    dark = np.zeros(SHAPE, np.float32)
    cv2.ellipse(dark, (325, 485), (200, 30), 0, 0, 360, shadow, -1)
    photo = ground * (1 - cv2.GaussianBlur(dark, (0, 0), 8)[..., None])
    photo[PRODUCT] = colour
    noise = np.random.default_rng(5).normal(0, 2, photo.shape)
    return as_bytes(cv2.GaussianBlur(photo, (0, 0), 0.8) + noise)


@pytest.mark.parametrize("shadow", [0.0, 0.5])
@pytest.mark.parametrize("ground", [wood(), np.full((*SHAPE, 3), 120, np.float32)])
def test_a_scrap_of_the_ground_is_removed(ground: Floats, shadow: float) -> None:
    made = leftovers.remove_scraps(photo_on(ground, shadow), PRODUCT | SCRAP).mask
    assert (made & SCRAP & ~PRODUCT).sum() < 0.15 * (SCRAP & ~PRODUCT).sum()
    assert (PRODUCT & ~made).sum() < 0.004 * PRODUCT.sum()


@pytest.mark.parametrize("colour", [(240, 238, 244), (150, 110, 80), (40, 60, 150)])
@pytest.mark.parametrize("shadow", [0.0, 0.5])
def test_nothing_is_removed_from_a_good_mask(colour: tuple[int, int, int], shadow: float) -> None:
    found = leftovers.remove_scraps(photo_on(wood(), shadow, colour), PRODUCT)
    assert found.mask is PRODUCT and not found.maybe_left


def test_a_part_of_another_colour_than_the_ground_stays() -> None:
    photo = photo_on(wood())
    photo[SCRAP & ~PRODUCT] = (30, 90, 200)
    whole: Mask = PRODUCT | SCRAP
    found = leftovers.remove_scraps(photo, whole)
    assert found.mask is whole and not found.maybe_left


@pytest.mark.parametrize(("ground", "reported"), [((176, 140, 96), True), ((150,) * 3, False)])
def test_a_part_of_a_coloured_grounds_colour_that_ends_sharply_is_reported(
    ground: tuple[int, int, int], reported: bool
) -> None:
    photo = photo_on(np.full((*SHAPE, 3), ground, np.float32), colour=(45, 40, 90))
    photo[SCRAP & ~PRODUCT] = np.array(ground) * 0.7  # in the product's hard shadow
    whole: Mask = PRODUCT | SCRAP
    assert leftovers.remove_scraps(photo, whole).maybe_left is reported


def shrunk(mask: Mask) -> Mask:
    return np.asarray(cv2.resize(mask.astype(np.uint8), (256, 256)) > 0)


def test_a_picture_without_its_scraps_says_what_to_check() -> None:
    photo = photo_on(wood(), 0.5)
    small = shrunk(PRODUCT | SCRAP)
    assert edges.cut(photo, small, longest=2000).lost_scraps
    found = findings.measure(encode_array(photo), PictureOptions())
    assert found.cut is not None
    found = replace(found, cut=replace(found.cut, mask=small, parts=None), treatment="cut")
    said = recipes.warning(found, "white", recipes.make(found, "white"))
    assert said is not None and "Pieces of the old background were removed" in said


def said_of(found: findings.Findings) -> str:
    return recipes.warning(found, "white", recipes.make(found, "white")) or ""


def test_a_picture_with_a_faint_outline_says_so() -> None:
    found = findings.measure(
        encode_array(photo_on(np.full((*SHAPE, 3), 120, np.float32))), PictureOptions()
    )
    assert found.treatment == "cut" and not found.faint
    assert "hardly visible" not in said_of(found)
    assert "hardly visible" in said_of(replace(found, faint=True))


def test_an_outline_in_the_backdrops_colour_is_faint() -> None:
    across = np.linspace(236, 150, SHAPE[1], dtype=np.float32)  # 216 at the product's left side
    ground = np.dstack([np.tile(across, (SHAPE[0], 1))] * 3)
    for colour, faint in ((219, True), (245, False)):
        photo = photo_on(ground, colour=(colour, colour, colour))
        product = edges.cut(photo, shrunk(PRODUCT), longest=2000)
        assert outline.find_doubts(photo, backdrop.measure(photo), product).faint == faint
