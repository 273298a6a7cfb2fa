"""A part that a cut left out in front of a plain backdrop is found, kept and reported."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from packshot.enhancers.local import backdrop, findings, recipes
from packshot.enhancers.local.cut import cutout, edges, left_out, outline, trust
from packshot.enhancers.local.options import PictureOptions
from packshot.pictures.arrays import Mask, as_bytes
from packshot.pictures.imaging import encode_array

Bytes = NDArray[np.uint8]
Colour = tuple[int, int, int]
SHAPE = (600, 720)
GREY = (212, 210, 206)
BODY = cv2.rectangle(np.zeros(SHAPE, np.uint8), (200, 250), (520, 450), 1, -1) > 0


def bag(handle: Colour | None = None, paper: Colour = GREY, shadow: float = 0.0) -> Bytes:
    """A red-brown bag; `shadow` is the blur of the one below it, in pixels."""
    photo = np.full((*SHAPE, 3), paper, np.float32)
    if shadow:
        dark = np.zeros(SHAPE, np.float32)
        cv2.ellipse(dark, (390, 455), (240, 40), 0, 0, 360, 0.45, -1)
        photo *= 1 - cv2.GaussianBlur(dark, (0, 0), shadow)[..., None]
    if handle is not None:
        cv2.ellipse(photo, (360, 250), (90, 120), 0, 180, 360, handle, 14, cv2.LINE_AA)
    photo[BODY] = (150, 60, 40)
    noise = np.random.default_rng(3).normal(0, 2, photo.shape)
    return as_bytes(cv2.GaussianBlur(photo, (0, 0), 0.8) + noise)


def handle_of(mask: Mask) -> Mask:
    """The part of a mask well above the bag's body."""
    return mask[: len(mask) * 2 // 5]


def cut(photo: Bytes, parts: Mask | None = None) -> edges.CutProduct:
    """Cut out by a mask of the body alone."""
    small = cv2.resize(BODY.astype(np.float32), (256, 213), interpolation=cv2.INTER_AREA) > 0.5
    plain = backdrop.measure(photo)
    if parts is not None:
        size = small.shape[1::-1]
        small |= cv2.resize(parts.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    return edges.cut(photo, small, longest=2000, backdrop=plain, parts=parts)


@pytest.mark.parametrize(
    ("handle", "paper"),
    [((215, 190, 160), GREY), ((150, 60, 40), GREY), ((96, 52, 38), (60, 42, 32))],
    ids=["beige on grey", "red on grey", "brown on dark brown"],
)
def test_a_handle_that_the_mask_lacks_is_kept(handle: Colour, paper: Colour) -> None:
    photo = bag(handle, paper, shadow=9.0)
    parts = left_out.find_left_out(photo, backdrop.measure(photo), cut(photo))
    assert handle_of(parts).any() and not parts[int(0.8 * len(parts)) :].any()
    truth = cv2.ellipse(np.zeros(SHAPE, np.uint8), (360, 250), (90, 120), 0, 180, 360, 1, 14) > 0
    made = cut(photo, parts).in_frame(photo.shape, SHAPE) > 127
    kept, true = handle_of(made), handle_of(truth)
    assert (kept & true).sum() > 0.85 * (kept | true).sum()


@pytest.mark.parametrize("shadow", [0.0, 2.0, 9.0])
@pytest.mark.parametrize("paper", [GREY, (60, 42, 32), (120, 160, 150)])
def test_a_shadow_is_no_part(paper: Colour, shadow: float) -> None:
    photo = bag(None, paper, shadow)
    assert not left_out.find_left_out(photo, backdrop.measure(photo), cut(photo)).any()


@pytest.mark.parametrize(("stain", "kept"), [((12, 6, 12), False), ((40, 20, 40), True)])
def test_what_nobody_can_see_in_the_dark_is_no_part(stain: Colour, kept: bool) -> None:
    photo = np.full((*SHAPE, 3), 1, np.uint8)
    photo[120:250, 270:450] = stain
    photo[BODY] = (150, 60, 90)
    photo = as_bytes(cv2.GaussianBlur(photo.astype(np.float32), (0, 0), 1.2))
    assert left_out.find_left_out(photo, backdrop.measure(photo), cut(photo)).any() == kept


def test_a_picture_with_such_a_part_names_its_place() -> None:
    photo = bag((215, 190, 160))
    found = findings.measure(encode_array(photo), PictureOptions())
    parts = left_out.find_left_out(photo, backdrop.measure(photo), cut(photo))
    assert found.cut is not None
    trusted = replace(found.cut, confidence=1.0, doubts=()).with_parts(parts)
    found = replace(found, cut=trusted, treatment="cut")
    said = recipes.warning(found, "white", recipes.make(found, "white"))
    assert said is not None and "A part at the top was added" in said


@pytest.mark.parametrize(("sole", "doubted"), [((246, 246, 247), True), ((255, 255, 255), False)])
def test_a_photo_on_white_is_not_cut_out_where_much_beside_the_cut_is_not_white(
    sole: Colour, doubted: bool
) -> None:
    """A white sole looks like a shadow there; the photo's own pixels on white lose nothing."""
    photo = np.full((*SHAPE, 3), 255, np.uint8)
    photo[450:500, 200:520] = sole
    photo[BODY] = (150, 60, 40)
    said = outline.find_doubts(photo, backdrop.measure(photo), cut(photo)).doubts
    assert (outline.LEFT_ON_WHITE in said) == doubted


def test_a_part_that_the_frame_cuts_off_is_a_doubt() -> None:
    mask, cord = np.zeros((64, 64), bool), np.zeros((512, 512), bool)
    mask[30:50, 20:40] = True
    cord[:240, 230:250] = True
    whole = cutout.CutOut(mask, "network", 0.9, (), mask)
    assert whole.trusted and not whole.with_parts(cord).trusted
    assert whole.with_parts(cord).doubts == (trust.EDGE,)
