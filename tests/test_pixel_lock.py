"""Pixel lock: the photo's own pixels over the generated product, or the reason why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from packshot.fidelity import lockable, locking
from packshot.fidelity.lockable import LockPlan
from packshot.fidelity.locking import Scales, check, lock_and_verify, overlay_product
from packshot.fidelity.locks import REFUSALS, LockRefused, LockResult, is_see_through, no_lock
from packshot.fidelity.sides import side_of
from packshot.pictures.arrays import Bytes, Floats, from_lab, to_lab
from packshot.pictures.imaging import OutputSpec, encode_array, to_array

SIDE = 400
PNG = OutputSpec(format="png")
JPEG = OutputSpec()


def product() -> tuple[Bytes, Floats]:
    """A box with much detail, 200 x 270 px in the middle of the frame, and how much of each px is
    product (0..1)."""
    random = np.random.default_rng(4)
    grain = random.normal(0, 1, (SIDE, SIDE, 3)).astype(np.float32)
    coarse = cv2.GaussianBlur(grain, (0, 0), 4) * 180 + cv2.GaussianBlur(grain, (0, 0), 2) * 60
    rgb = np.clip(np.add(coarse, (120, 90, 70)), 20, 235).astype(np.uint8)
    cover = np.zeros((SIDE, SIDE), np.float32)
    cover[65:335, 100:300] = 1
    return rgb, np.asarray(cv2.GaussianBlur(cover, (0, 0), 1))


def on(background: tuple[int, int, int], rgb: Floats, cover: Floats) -> Bytes:
    mixed = rgb * cover[..., None] + np.array(background, np.float32) * (1 - cover[..., None])
    return np.asarray(np.clip(mixed, 0, 255).round(), np.uint8)


PAPER, SCENE = (190, 186, 178), (92, 120, 138)


class Pair:
    """The photo and a picture made of it; `move` is a 2 x 3 matrix that moves the product."""

    def __init__(self, move: Any = ((1, 0, 0), (0, 1, 0)), **change: Any) -> None:
        rgb, self.cover = product()
        self.photo = on(PAPER, rgb, self.cover)
        self.photo_cover = change.pop("photo_cover", self.cover)
        shown = change.pop("shown", lambda each: each)(rgb)
        there = (SIDE, SIDE)
        matrix = np.array(move, np.float32)
        moved = cv2.warpAffine(shown, matrix, there, flags=cv2.INTER_CUBIC)
        self.there = np.asarray(cv2.warpAffine(self.cover, matrix, there))
        self.there = change.pop("there", lambda each: each)(self.there)
        self.picture = change.pop("picture", lambda each: each)(on(SCENE, moved, self.there))
        assert not change

    def fitted(self, full: float = 1.0) -> LockPlan:
        found = lockable.measure(
            side_of(self.photo, self.photo_cover),
            side_of(self.picture, self.there),
            self.photo,
            self.picture,
            full,
        )
        assert found is not None
        return found

    def lock(self, spec: OutputSpec) -> LockResult:
        whole = Scales((1.0, 1.0), (1.0, 1.0))
        return lock_and_verify(
            encode_array(np.dstack([self.photo, np.full((SIDE, SIDE), 255, np.uint8)])),
            self.picture,
            self.fitted(),
            whole,
            spec,
            None,
        )


def turned(degrees: float, scale: float = 1.0) -> Any:
    return cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), degrees, scale)


# -- equality ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [(30, -20), pytest.param((0, 0), marks=pytest.mark.extra)])
def test_where_nothing_is_resampled_every_locked_pixel_is_the_photos(
    shift: tuple[int, int],
) -> None:
    """Redrawn by the model, wrong in places; a PNG has the photo's pixels, not one level off."""

    def redrawn(rgb: Bytes) -> Bytes:
        soft = cv2.GaussianBlur(rgb, (0, 0), 1.5)
        soft[165:200, 140:220] = (200, 40, 40)  # a label that reads otherwise
        return np.asarray(soft, np.uint8)

    pair = Pair([[1, 0, shift[0]], [0, 1, shift[1]]], shown=redrawn)
    done = pair.lock(PNG)
    assert done.finished is not None and done.lock.locked
    assert (done.lock.exact, done.lock.scale, done.lock.shift) == (True, 1.0, shift)
    assert (done.lock.mean_error, done.lock.worst_error) == (0.0, 0.0)
    across, down = shift
    same = (to_array(done.finished.data) == np.roll(pair.photo, (down, across), (0, 1))).all(2)
    own = float(same[65 + down : 335 + down, 100 + across : 300 + across].mean())
    assert done.lock.share is not None
    assert own >= done.lock.share > 0.85
    shown = to_array(done.finished.data)
    assert (shown[:40, :40] == pair.picture[:40, :40]).all()  # the scene is left alone


def test_a_jpeg_keeps_the_pixels_within_the_bound_that_it_states() -> None:
    pair = Pair(turned(0, 0.83))
    done = pair.lock(JPEG)
    assert done.finished is not None and done.mask is not None and done.made is not None
    overlay = overlay_product(
        encode_array(np.dstack([pair.photo, np.full((SIDE, SIDE), 255, np.uint8)])),
        pair.picture,
        pair.fitted(),
        Scales((1.0, 1.0), (1.0, 1.0)),
    )
    apart = np.abs(to_array(done.finished.data).astype(int) - overlay.pixels)[overlay.core]
    assert done.lock.worst_error == apart.max()
    assert done.lock.most_error is not None and done.lock.most_error <= locking.MAX_ERROR
    assert done.lock.scale == pytest.approx(0.83, abs=0.001)
    assert not done.lock.exact
    assert to_array(done.mask).shape[:2] == (SIDE, SIDE)
    assert done.lock == pair.lock(JPEG).lock  # a killed worker's second try says the same


@pytest.mark.extra
def test_a_scaled_photo_is_moved_to_where_the_picture_shows_it() -> None:
    pair = Pair(turned(0, 0.83))
    overlay = overlay_product(
        encode_array(pair.photo, 100), pair.picture, pair.fitted(), Scales((1.0, 1.0), (1.0, 1.0))
    )
    apart = np.abs(overlay.pixels.astype(int) - pair.picture)[overlay.core]
    assert float(apart.mean()) < 2.5


# -- refusals ----------------------------------------------------------------------------------


def bent(rgb: Bytes) -> Bytes:
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    return np.asarray(cv2.remap(rgb, x + 3 * np.sin(y / 25), y, cv2.INTER_CUBIC), np.uint8)


def lighter(rgb: Bytes) -> Bytes:
    lab = to_lab(rgb)
    lab[..., 0] += 6
    return from_lab(lab)


def warmer(rgb: Bytes) -> Bytes:
    return np.asarray(np.clip(rgb * (1.07, 1.0, 0.86), 0, 255), np.uint8)


def half_lit(rgb: Bytes) -> Bytes:
    """The whole is as light as before; one side is lighter, the other darker."""
    return np.asarray(np.clip(rgb * np.linspace(0.6, 1.4, SIDE)[None, :, None], 0, 255), np.uint8)


def other_print(rgb: Bytes) -> Bytes:
    changed = rgb.copy()
    changed[120:260:24, 130:270] = changed[121:260:24, 130:270] = 255
    changed[122:260:24, 130:270] = changed[123:260:24, 130:270] = 0
    for step in range(4, 14):
        changed[120 + step : 260 : 24, 130:270] = (0, 230, 30)
    return changed


def with_window(background: tuple[int, int, int]) -> Callable[[Bytes], Bytes]:
    def seen(rgb: Bytes) -> Bytes:
        through = rgb.copy()
        through[160:205, 160:220] = background
        return through

    return seen


def without_part(cover: Floats) -> Floats:
    cut = cover.copy()
    cut[295:, 250:] = 0
    return cut


def doubted(cover: Floats) -> Floats:
    return np.asarray(cover * 0.85, np.float32)


def plain(rgb: Bytes) -> Bytes:
    flat = np.full_like(rgb, (120, 90, 70))
    flat[100:155, 120:175] = rgb[100:155, 120:175]
    return flat


class Plain(Pair):
    """A product of one colour with detail in one corner alone."""

    def __init__(self) -> None:
        super().__init__(shown=plain)
        self.photo = on(PAPER, plain(product()[0]), self.cover)


class Window(Pair):
    """Its background is seen through a hole in the product."""

    def __init__(self) -> None:
        super().__init__(shown=with_window(SCENE))
        self.photo = on(PAPER, with_window(PAPER)(product()[0]), self.cover)


EXTRA = {"stretched": pytest.mark.extra}
PAIRS: dict[str, tuple[str, Callable[[], Pair]]] = {
    "turned by 3 degrees": ("turned", lambda: Pair(turned(3))),
    "waves": ("reshaped", lambda: Pair(shown=bent)),
    "stretched": ("reshaped", lambda: Pair([[1.05, 0, -10], [0, 1, 0]])),
    "a corner is gone": ("outline", lambda: Pair(there=without_part)),
    "an unsure mask": ("unsure", lambda: Pair(photo_cover=doubted(product()[1]))),
    "detail in a corner": ("few_points", Plain),
    "a window": ("background_through", Window),
    "other print": ("differs", lambda: Pair(shown=other_print)),
    "warmer": ("cast", lambda: Pair(shown=warmer)),
    "lighter": ("light", lambda: Pair(shown=lighter)),
    "light from the right": ("seam", lambda: Pair(shown=half_lit)),
}


@pytest.mark.parametrize("kind", [pytest.param(k, marks=EXTRA.get(k, ())) for k in PAIRS])
def test_a_picture_that_cannot_be_locked_says_why(kind: str) -> None:
    code, make = PAIRS[kind]
    with pytest.raises(LockRefused) as refusal:
        check(make().fitted().measured)
    assert refusal.value.code == code
    assert no_lock(code, refusal.value.measures).words


def test_an_enlarged_product_is_refused() -> None:
    """The photo has fewer pixels than the finished picture shows it with."""
    fitted = Pair().fitted(full=1.5)
    with pytest.raises(LockRefused) as refusal:
        check(fitted.measured)
    assert refusal.value.code == "enlarged"
    assert "1.5 times" in str(no_lock("enlarged", refusal.value.measures).words)


def test_a_mirrored_product_is_not_found() -> None:
    pair = Pair(shown=lambda rgb: np.ascontiguousarray(rgb[:, ::-1]))
    sides = side_of(pair.photo, pair.cover), side_of(pair.picture, pair.there)
    assert lockable.measure(*sides, pair.photo, pair.picture, 1.0) is None


def test_a_file_that_can_not_keep_the_pixels_is_refused() -> None:
    pair = Pair()
    whole = pair.lock(JPEG).finished
    assert whole is not None
    for limit, code in ((len(whole.data) // 2, "encoding"), (8_000, "too_large")):
        with pytest.raises(LockRefused) as refusal:
            pair.lock(replace(JPEG, max_bytes=limit, min_side=100))
        assert refusal.value.code == code


def test_what_is_see_through_in_the_photo_is_never_called_its_own() -> None:
    pair = Pair()
    clear = np.full((SIDE, SIDE), 255, np.uint8)
    clear[130:200, 130:200] = 120
    photo = encode_array(np.dstack([pair.photo, clear]))
    whole = Scales((1.0, 1.0), (1.0, 1.0))
    overlay = overlay_product(photo, pair.picture, pair.fitted(), whole)
    assert not overlay.core[130:200, 130:200].any() and overlay.core[210:260, 130:200].all()
    assert (overlay.pixels[130:200, 130:200] == pair.picture[130:200, 130:200]).all()


@pytest.mark.parametrize(
    ("material", "found"),
    [
        ("clear glass with a metal cap", True),
        ("Transparent plastic", True),
        ("clear acrylic", True),
        ("fibreglass", False),
        ("glass fibre", False),
        ("acrylic knit", False),
        ("lace-up leather", False),
        ("matte cotton", False),
        ("", False),
    ],
)
def test_materials_that_light_passes_through_are_known(material: str, found: bool) -> None:
    assert is_see_through(material) is found


def test_every_reason_has_words_and_a_test() -> None:
    elsewhere = {"no_network", "no_photo_product", "no_product", "see_through", "failed"}
    here = {code for code, _ in PAIRS.values()} | {"enlarged", "not_found", "encoding", "too_large"}
    assert here | elsewhere == REFUSALS.keys()


def see_through_photo(side: int) -> bytes:
    """A patterned product of `side` px on nothing."""
    pixels = np.zeros((1000, 1000, 4), np.uint8)
    noise = np.random.default_rng(1).integers(40, 220, (side, side, 3), np.uint8)
    pixels[200 : 200 + side, 200 : 200 + side, :3] = noise
    pixels[200 : 200 + side, 200 : 200 + side, 3] = 255
    return cv2.imencode(".png", pixels)[1].tobytes()


def test_without_a_product_in_the_photo_or_in_the_picture_nothing_is_locked(network: Path) -> None:
    far = np.full((800, 800, 3), 240, np.uint8)
    cv2.circle(far, (400, 400), 30, (20, 20, 160), -1)
    for side, code in ((110, "no_photo_product"), (500, "no_product")):
        done = locking.lock(see_through_photo(side), encode_array(far, 95), JPEG, None, network)
        assert (done.lock.locked, done.lock.code) == (False, code)
        assert done.finished is None
