"""Light products in front of light backdrops: nothing of them is cropped, cut off or tinted."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from packshot.enhancers.local import findings, recipes
from packshot.enhancers.local.findings import Findings
from packshot.enhancers.local.options import PictureOptions
from packshot.pictures.imaging import encode_array

Bytes = NDArray[np.uint8]
HANDLE_ENDS = 810  # px


def measured(photo: Bytes) -> Findings:
    return findings.measure(encode_array(photo), PictureOptions("classical", ratio=1.0))


def mug_from_above() -> Bytes:
    """Coffee in a cup, whose handle is hardly lighter than the table."""
    photo = np.full((600, 900, 3), (226, 225, 223), np.uint8)
    cv2.rectangle(photo, (540, 280), (HANDLE_ENDS, 320), (238, 237, 236), -1)
    cv2.circle(photo, (430, 300), 140, (70, 45, 30), -1)
    grain = np.random.default_rng(2).normal(0, 1, photo.shape)
    return np.clip(cv2.GaussianBlur(photo, (0, 0), 0.8) + grain, 0, 255).astype(np.uint8)


def shirt_on_white() -> Bytes:
    """As a shop shows it: the backdrop is 255 everywhere, the light side of the shirt nearly."""
    photo = np.full((700, 700, 3), 255, np.uint8)
    mask = np.zeros((700, 700), np.uint8)
    cv2.fillPoly(mask, [np.array([(250, 180), (450, 180), (540, 300), (470, 340), (460, 560)])], 1)
    cv2.rectangle(mask, (250, 180), (460, 560), 1, -1)
    shade = np.linspace(262, 205, 210).clip(0, 251).astype(np.uint8)
    fabric = np.full_like(photo, 215)
    fabric[:, 250:460] = shade[None, :, None]
    photo[mask > 0] = fabric[mask > 0]
    return cv2.GaussianBlur(photo, (0, 0), 0.8).astype(np.uint8)


@pytest.mark.parametrize("title", ["natural", "close"])
def test_a_crop_keeps_a_part_that_is_nearly_as_light_as_the_backdrop(title: str) -> None:
    found = measured(mug_from_above())
    assert found.treatment == "scene"
    made = recipes.make(found, title)
    assert made.left + made.picture.shape[1] / made.scale > HANDLE_ENDS
    listed = recipes.titles(found)
    assert listed.index("bright") > listed.index("crisp")


def test_a_backdrop_that_is_white_already_costs_the_product_nothing() -> None:
    photo = shirt_on_white()
    found = measured(photo)
    assert found.treatment == "whiten"
    made = recipes.make(found, "white")
    to_picture = np.array(
        [[made.scale, 0, -made.left * made.scale], [0, made.scale, -made.top * made.scale]]
    )
    size = made.picture.shape[1::-1]
    before = cv2.warpAffine(photo, to_picture, size, borderValue=(255, 255, 255))
    moved = cv2.absdiff(cv2.blur(before, (9, 9)), cv2.blur(made.picture, (9, 9)))
    assert moved.max() <= 4
    assert recipes.warning(found, "white", made) is None


def test_without_a_cut_no_backdrop_colour_is_laid_on_the_product() -> None:
    listed = recipes.titles(measured(shirt_on_white()))
    assert listed[:2] == ["white", "natural"] and not {"studio", "warm"} & set(listed)
