"""The fidelity measure: what must be flagged, what must pass, and what can't be compared.

The samples' own masks stand in for the cut-out network here; bench/fidelity.py measures with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest
from conftest import needs_module

from packshot.fidelity import close_ups, comparing, explaining, measures, scoring
from packshot.fidelity.checking import judge
from packshot.fidelity.colours import colour_measures
from packshot.fidelity.comparing import RawSide
from packshot.fidelity.jobs import FidelityFiles
from packshot.fidelity.network import SIDE, NoNetwork, likelihood
from packshot.fidelity.sides import prepare, side_of
from packshot.fidelity.text import (
    ALIKE,
    LINE_HEIGHT,
    Line,
    Reader,
    lines_of,
    read_as,
    unlikeness,
)
from packshot.fidelity.verdicts import Check
from packshot.pictures.arrays import (
    Bytes,
    Floats,
    as_bytes,
    from_lab,
    resize,
    to_lab,
    to_linear,
    to_srgb,
)
from packshot.pictures.cutout_network import likelihood_at
from packshot.pictures.imaging import encode_array, to_array

SAMPLES = Path(__file__).resolve().parents[1] / "samples"


def sample(name: str) -> tuple[Bytes, Floats]:
    """A sample photo of 1,000 px, and how much each pixel belongs to the product."""
    photo = to_array((SAMPLES / "photos" / f"{name}.jpg").read_bytes(), 1000)[..., :3]
    mask = to_array((SAMPLES / "masks" / f"{name}.png").read_bytes())[..., 0]
    likely = resize(mask, photo.shape[1], photo.shape[0]).astype(np.float32) / 255
    return np.ascontiguousarray(photo), likely


@pytest.fixture(scope="module")
def bottle() -> RawSide:
    needs_module("rapidocr")
    photo, likely = sample("bottle-paper")
    side = side_of(photo, likely)
    return RawSide(side, lines_of(photo, comparing.product_box(side)), encode_array(photo))


def check(raw: RawSide, rgb: Bytes, likely: Floats) -> Check:
    compared = comparing.compare(raw, side_of(rgb, likely), rgb)
    lines = None if raw.lines is None else len(compared.lines or ())
    return judge(compared, lines, scoring.load_weights())


def on_new_background(rgb: Bytes, likely: Floats) -> Bytes:
    """The product on a pale backdrop, a little lighter: what a good picture does."""
    cover = likely[..., None]
    lit = np.clip(rgb * np.float32(1.06), 0, 255)
    mixed = lit * cover + np.array([226, 222, 214], np.float32) * (1 - cover)
    return np.asarray(mixed, np.uint8)


def shifted_hue(rgb: Bytes) -> Bytes:
    lab = to_lab(rgb)
    lab[..., 1:] += (14, -14)
    return from_lab(lab)


def test_a_new_background_and_light_pass(bottle: RawSide) -> None:
    photo, likely = sample("bottle-paper")
    found = check(bottle, on_new_background(photo, likely), likely)
    assert (found.verdict, found.reasons) == ("pass", [])
    assert found.score is not None and found.score > 0.5
    assert found.lines is not None and found.lines >= 2


@pytest.mark.parametrize("degrees", [0.0, 4.0])
def test_the_placement_of_the_photo_in_the_picture_is_measured(degrees: float) -> None:
    """In shares of the picture: half as large again, moved, and perhaps turned."""
    photo, likely = sample("mug-oak")
    side = side_of(photo, likely)
    height, width = photo.shape[:2]
    canvas, middle = (900, 1100), np.array([430.0, 520.0])
    matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), -degrees, 1.2)
    matrix[:, 2] += middle - (width / 2, height / 2)
    moved = cv2.warpAffine(
        on_new_background(photo, likely), matrix, canvas, borderValue=(226, 222, 214)
    )
    found = check(
        RawSide(side, None, b""),
        np.asarray(moved, np.uint8),
        cv2.warpAffine(likely, matrix, canvas),
    )
    assert found.placement is not None
    half = np.array([width, height]) * 0.6
    corners = np.concatenate([middle - half, middle + half]) / (*canvas, *canvas)
    assert found.placement.box == pytest.approx(corners, abs=0.004)
    assert found.placement.degrees == pytest.approx(degrees, abs=0.2)


def test_a_picture_that_cannot_be_compared_has_no_placement() -> None:
    nothing = comparing.Comparison("no_common_view")
    assert judge(nothing, None, scoring.load_weights()).placement is None


@pytest.mark.parametrize(
    ("stops", "verdict", "words"),
    [(-0.4, "pass", []), (-0.9, "pass", ["0.9 EV darker"]), (-1.6, "warn", ["1.6 EV darker"])],
)
def test_a_product_in_much_other_light_is_not_called_unchanged(
    bottle: RawSide, stops: float, verdict: str, words: list[str]
) -> None:
    photo, likely = sample("bottle-paper")
    lit = as_bytes(to_srgb(to_linear(photo) * np.float32(2.0**stops)))
    found = check(bottle, lit, likely)
    assert found.verdict == verdict
    said = [reason.words for reason in found.reasons if reason.code == "light"]
    assert len(said) == len(words) and all(map(str.__contains__, said, words)), said
    assert found.measures["light"] == pytest.approx(stops, abs=0.1)


def test_another_colour_is_named_with_both_shades(bottle: RawSide) -> None:
    photo, likely = sample("bottle-paper")
    found = check(bottle, on_new_background(shifted_hue(photo), likely), likely)
    assert found.verdict in ("warn", "fail")
    assert any("colour shifted, most" in reason.words for reason in found.reasons)


def test_a_colour_is_quoted_where_it_shifted_most(bottle: RawSide) -> None:
    """Averages of the whole bottle would read as two equal greys."""
    photo, likely = sample("bottle-paper")
    rows = np.flatnonzero((likely > 0.5).any(axis=1))
    foot = rows[-1] - int(0.16 * (rows[-1] - rows[0]))
    changed = photo.copy()
    changed[foot:] = shifted_hue(photo)[foot:]
    found = check(bottle, on_new_background(changed, likely), likely)
    [words] = [reason.words for reason in found.reasons if reason.code == "colour"]
    said = re.search(r"most at the bottom[ a-z]*: (#\w+) is now (#\w+), (\w+)$", words)
    assert said is not None, words
    was, now = (
        to_lab(np.array([[list(bytes.fromhex(said[n][1:]))]], np.uint8))[0, 0] for n in (1, 2)
    )
    assert np.linalg.norm((now - was)[1:]) > 12
    assert said[3] in ("redder", "bluer")


def test_a_shade_where_two_colours_alternate_is_not_quoted_as_one_turned_into_the_other() -> None:
    """The picture is off by one column, so its median there is the other colour."""
    raw = np.full((200, 200, 3), 200, np.uint8)
    raw[:, ::2] = (60, 50, 40)
    warped = np.roll(raw, 1, axis=1) + np.array([9, 0, 0], np.uint8)
    found = measures.most_shifted(raw, warped, np.ones((200, 200), bool))
    assert np.abs(found.now - found.was).max() < 30


def test_a_changed_word_is_quoted_with_its_place_in_both(bottle: RawSide) -> None:
    photo, likely = sample("bottle-paper")
    line = next(one for one in bottle.lines or () if one.text.startswith("SOLVA"))
    left, top = line.quad.min(axis=0).astype(int)
    right, bottom = line.quad.max(axis=0).astype(int)
    changed = photo.copy()
    changed[top:bottom, left:right] = changed[top:bottom, left:right][:, ::-1]
    found = check(bottle, on_new_background(changed, likely), likely)
    assert found.verdict == "fail"
    [reason] = [one for one in found.reasons if one.code == "text"][:1]
    assert reason.words.startswith('printed text differs: "SOLVA" ')
    assert reason.raw is not None and reason.enhanced is not None
    assert np.allclose(reason.raw, reason.enhanced, atol=0.02)  # it stands where it stood


def printed(words: str) -> Bytes:
    """A line as it is read, 48 px high; each letter has the same width."""
    drawn = np.full((LINE_HEIGHT, 26 * len(words) + 12, 3), 235, np.uint8)
    for number, letter in enumerate(words):
        place = (8 + 26 * number, 36)
        cv2.putText(drawn, letter, place, cv2.FONT_HERSHEY_SIMPLEX, 1.0, (40, 40, 40), 3)
    return drawn


@pytest.mark.parametrize(
    ("was", "now"),
    [("COOL", "COAL"), ("STORE IN A COOL DRY PLACE", "STORE IN A COAL DRY PLACE"),
     ("TOLLY'S", "TOLLYIS"), ("SEA SALT", "SEA  ALT"), ("SEA  ALT", "SEA SALT")],
)  # fmt: skip
def test_one_changed_letter_shows_in_a_long_line_as_in_a_short_one(was: str, now: str) -> None:
    grey = np.asarray(cv2.cvtColor(printed(was), cv2.COLOR_RGB2GRAY), np.uint8)
    line = Line(np.zeros((4, 2), np.float32), was, 1.0, float(LINE_HEIGHT), 0.0, grey)
    soft = np.asarray(cv2.GaussianBlur(printed(was), (0, 0), 1.0), np.uint8)
    moved = np.roll(np.clip(soft * 0.8, 0, 255).astype(np.uint8), 2, axis=1)
    assert unlikeness(line, moved) < ALIKE
    assert unlikeness(line, printed(now)) > 0.2


class ReaderOf:
    """Reads every crop as one text, with certainty."""

    def __init__(self, text: str) -> None:
        self.text = text

    def read(self, crop: Bytes) -> tuple[str, float, Floats]:
        return self.text, 1.0, np.zeros((1, 1), np.float32)

    def log_probability(self, text: str, likely: Floats) -> float:
        return 0.0 if text == self.text else -3.0


@pytest.mark.parametrize(("now", "drop"), [("saleor", 0.0), ("5aleor", 0.0), ("sailor", 3.0)])
def test_a_letter_read_in_the_other_case_loses_no_probability(now: str, drop: float) -> None:
    line = Line(np.zeros((4, 2), np.float32), "Saleor", 1.0, 48.0, 0.0, np.zeros((48, 9), np.uint8))
    _, gain, _ = read_as(cast(Reader, ReaderOf(now)), line, printed("Saleor"))
    assert -gain == drop


# ---- colour beyond light


def boxes(*colours: tuple[int, int, int]) -> Bytes:
    """Stripes of these colours, each from its half shade to its full one."""
    light = np.linspace(0.5, 1, 120)[None, :, None]
    return np.vstack([np.full((40, 120, 3), colour) * light for colour in colours]).astype(np.uint8)


def measured_colour(was: Bytes, now: Bytes) -> tuple[float, float]:
    found = colour_measures(was, now, np.ones(was.shape[:2], bool))
    return found["colour"], found["cast"]


def test_light_explains_a_white_balance_but_no_new_colour_of_a_part() -> None:
    was = boxes((40, 80, 180), (225, 220, 215))  # blue, and a white label
    warmer = np.clip(was * (1.1, 1.0, 0.9), 0, 255).astype(np.uint8)
    remains, cast = measured_colour(was, warmer)
    assert remains < 0.7 and 0.5 < cast < 2
    vivid = to_lab(was)
    vivid[..., 1:] *= 1.1
    assert max(measured_colour(was, from_lab(vivid))) < 1.3
    for now in (boxes((90, 70, 180), (225, 220, 215)), shifted_hue(was)):
        assert measured_colour(was, now)[0] > 4


def test_a_shade_between_red_and_green_is_no_likely_light_even_of_one_colour() -> None:
    was = boxes((150, 120, 100))
    green, warm = (was * gains for gains in ((1.0, 1.12, 1.0), (1.1, 1.0, 0.9)))
    assert measured_colour(was, green.astype(np.uint8))[1] > 3
    assert measured_colour(was, warm.astype(np.uint8))[1] < 2  # it equals a white balance


def test_clipped_colours_are_left_out_while_others_are_there() -> None:
    """Grading drives a saturated red out of what sRGB can hold."""
    was = boxes((200, 90, 60), (90, 120, 90))
    was = np.repeat(np.repeat(was, 5, axis=0), 5, axis=1)
    now = was.copy()
    now[:200, 300:] = (255, 0, 0)
    assert max(measured_colour(was, now)) < 1.6  # of its edges
    alone = np.full_like(was, 255)
    assert measured_colour(was, alone)[0] > 5  # all of it is clipped: it counts


def test_a_product_of_a_few_pixels_has_no_colour_measure() -> None:
    was = boxes((200, 90, 60))
    assert colour_measures(was, was, np.zeros(was.shape[:2], bool)) == {"colour": 0.0, "cast": 0.0}


def stretched(rgb: Bytes) -> Bytes:
    return np.asarray(cv2.resize(rgb, None, fx=1.08, fy=1.0), np.uint8)


def lengthened(rgb: Bytes) -> Bytes:
    return np.asarray(cv2.resize(rgb, None, fx=1.0, fy=1.09), np.uint8)


def mirrored(rgb: Bytes) -> Bytes:
    return np.ascontiguousarray(rgb[:, ::-1])


@pytest.mark.parametrize(
    ("damage", "code", "words"),
    [
        (stretched, "stretched", "the product is 8 % wider for its height than in the photo"),
        (lengthened, "stretched", "the product is 9 % narrower for its height than in the photo"),
        (mirrored, "mirrored", "the product is mirrored"),
    ],
)
def test_a_distorted_product_fails(
    bottle: RawSide, damage: Callable[[Bytes], Bytes], code: str, words: str
) -> None:
    photo, likely = sample("bottle-paper")
    as_bytes = np.dstack([on_new_background(photo, likely), (likely * 255).astype(np.uint8)])
    changed = damage(as_bytes)
    found = check(
        bottle, np.ascontiguousarray(changed[..., :3]), changed[..., 3].astype(np.float32) / 255
    )
    said = found.reasons[0]
    assert (found.verdict, said.code, said.words) == ("fail", code, words)


def test_another_texture_is_placed(bottle: RawSide) -> None:
    photo, likely = sample("bottle-paper")
    rows = np.flatnonzero((likely > 0.5).any(axis=1))
    y, x = np.mgrid[: photo.shape[0], : photo.shape[1]]
    weave = 28 * np.sin(x / 6) * np.sin(y / 6) * (y > rows[0] + 0.85 * (rows[-1] - rows[0]))
    woven = np.clip(photo + weave[..., None], 0, 255).astype(np.uint8)
    found = check(bottle, on_new_background(woven, likely), likely)
    assert found.verdict in ("warn", "fail")
    assert "texture or shape differs at the bottom" in [reason.words for reason in found.reasons]


def painted_over(rgb: Bytes) -> Bytes:
    """A box of 2 % of the shoe over its stripes, in the colour around it."""
    changed, place = rgb.copy(), np.s_[387:447, 189:249]
    changed[place] = np.median(rgb[place].reshape(-1, 3), axis=0)
    return changed


def ring_printed_on(rgb: Bytes) -> Bytes:
    changed = rgb.copy()
    cv2.circle(changed, (219, 369), 15, (220, 220, 220), 3, cv2.LINE_AA)
    return changed


@pytest.mark.parametrize(
    ("change", "said"),
    [(painted_over, explaining.GONE), (ring_printed_on, explaining.ADDED)],
)
def test_a_small_place_that_is_completely_another_never_passes(
    change: Callable[[Bytes], Bytes], said: str
) -> None:
    photo, likely = sample("sneaker-paper-offcentre")
    side = RawSide(side_of(photo, likely), None, b"")
    assert check(side, on_new_background(photo, likely), likely).measures["repainted"] == 0
    found = check(side, on_new_background(change(photo), likely), likely)
    assert found.verdict in ("warn", "fail")
    named = [reason.words for reason in found.reasons]
    assert f"{said} at the left" in named and "fine detail differs at the left" not in named


def faint_word(rgb: Bytes, likely: Floats) -> tuple[Bytes, Floats]:
    """A see-through grey word across a dark cushion."""
    ink = np.zeros(rgb.shape[:2], np.uint8)
    cv2.putText(ink, "SAMPLE", (230, 560), cv2.FONT_HERSHEY_SIMPLEX, 3.4, 255, 14, cv2.LINE_AA)
    cover = ink[..., None] * np.float32(0.3 / 255)
    return as_bytes(rgb * (1 - cover) + 60 * cover), likely


def small_bite(rgb: Bytes, likely: Floats) -> tuple[Bytes, Floats]:
    """0.8 % of a cushion gone, out of its edge."""
    left = likely.copy()
    left[140:215, 680:740] = 0
    return rgb, left


@pytest.mark.parametrize("stops", [pytest.param(0.0, marks=pytest.mark.extra), 0.7])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda *photo: photo, None),
        (faint_word, explaining.ADDED),
        (small_bite, "a part of the product is missing at the top right"),
    ],
)
def test_a_dark_product_hides_no_small_change(
    change: Callable[[Bytes, Floats], tuple[Bytes, Floats]], said: str | None, stops: float
) -> None:
    photo, likely = sample("cushion-underexposed")
    side = RawSide(side_of(photo, likely), None, b"")
    changed, left = change(photo, likely)
    lit = as_bytes(to_srgb(to_linear(changed) * np.float32(2.0**stops)))
    found = check(side, on_new_background(lit, left), left)
    named = [reason.words for reason in found.reasons if reason.code != "light"]
    assert found.verdict == ("pass" if said is None else "warn"), (named, found.measures)
    assert not named if said is None else any(said in words for words in named)


def in_half_shadow(rgb: Bytes, edge: int) -> Bytes:
    """All that is left of a column is lit by half as much."""
    cover = np.zeros(rgb.shape[:2], np.float32)
    cover[:, :edge] = 1
    soft = np.asarray(cv2.GaussianBlur(cover, (0, 0), 1.0))[..., None]
    return as_bytes(to_srgb(to_linear(rgb) * (1 - 0.5 * soft)))


@pytest.mark.parametrize(
    ("name", "edge", "inside"),
    [
        ("sneaker-paper-offcentre", 340, np.s_[325:379, 313:367]),
        ("bottle-paper", 309, np.s_[577:665, 319:407]),
    ],
)
def test_the_edge_of_a_hard_shadow_is_no_print(
    name: str, edge: int, inside: tuple[slice, slice]
) -> None:
    """A shadow takes as much from every colour, from the product's outline on."""
    photo, likely = sample(name)
    side = RawSide(side_of(photo, likely), None, b"")
    shadowed = on_new_background(in_half_shadow(photo, edge), likely)
    assert check(side, shadowed, likely).measures["repainted"] < 0.001
    patched = photo.copy()
    patched[inside] = in_half_shadow(photo, photo.shape[1])[inside]
    found = check(side, on_new_background(patched, likely), likely)
    assert found.measures["repainted"] > 0.001


def twice(name: str, turn: float) -> tuple[Bytes, Floats]:
    """The product and, to its right, a copy of it that is darker and turned."""
    photo, likely = sample(name)
    lit = on_new_background(photo, likely)
    size = (photo.shape[1] * 7 // 10, photo.shape[0] * 7 // 10)
    turned = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), turn, 0.9)
    first, mask = resize(lit, *size), resize(likely, *size)
    second = cv2.warpAffine(first, turned, size, borderValue=(226, 222, 214)) * 0.93
    rgb = np.hstack([first, second.astype(np.uint8)])
    return rgb, np.hstack([mask, cv2.warpAffine(mask, turned, size)])


@pytest.mark.parametrize("turn", [pytest.param(0.0, marks=pytest.mark.extra), 8.0])
@pytest.mark.parametrize("name", ["bottle-paper", "mug-oak", "sneaker-paper-offcentre"])
def test_a_product_that_is_shown_twice_fails(name: str, turn: float) -> None:
    photo, likely = sample(name)
    raw = RawSide(side_of(photo, likely), None, encode_array(photo))
    found = check(raw, *twice(name, turn))
    assert (found.verdict, found.reasons[0].code) == ("fail", "shown_twice")


def test_a_pair_in_the_photo_is_no_second_product() -> None:
    rgb, likely = twice("mug-oak", 0.0)
    raw = RawSide(side_of(rgb, likely), None, encode_array(rgb))
    assert check(raw, on_new_background(rgb, likely), likely).verdict == "pass"
    rgb, likely = twice("bottle-paper", 0.0)
    first = likely.copy()
    first[:, likely.shape[1] // 2 :] = 0  # the network saw one of the two
    seen = RawSide(side_of(rgb, first), None, encode_array(rgb))
    reasons = check(seen, on_new_background(rgb, likely), likely).reasons
    assert "shown_twice" not in [reason.code for reason in reasons]
    photo, likely = sample("shoe-pair-floor")
    raw = RawSide(side_of(photo, likely), None, encode_array(photo))
    assert check(raw, on_new_background(photo, likely), likely).verdict == "pass"


def test_a_product_on_its_head_is_not_called_mirrored(bottle: RawSide) -> None:
    """Its outline fits a mirror image of itself, at some 40 points."""
    photo, likely = sample("bottle-paper")
    turned = np.ascontiguousarray(on_new_background(photo, likely)[::-1, ::-1])
    found = check(bottle, turned, np.ascontiguousarray(likely[::-1, ::-1]))
    assert found.verdict == "not_comparable"


def test_another_product_is_never_a_pass(bottle: RawSide) -> None:
    photo, likely = sample("mug-oak")
    found = check(bottle, on_new_background(photo, likely), likely)
    assert found.verdict in ("not_comparable", "fail")
    assert found.reasons


def test_a_missing_part_is_placed(bottle: RawSide) -> None:
    photo, likely = sample("bottle-paper")
    rows = np.flatnonzero((likely > 0.5).any(axis=1))
    cut = likely.copy()
    cut[: rows[0] + int(0.12 * (rows[-1] - rows[0]))] = 0  # the cap
    found = check(bottle, on_new_background(photo, cut), cut)
    assert found.verdict in ("warn", "fail")
    assert "a part of the product is missing at the top" in [
        reason.words for reason in found.reasons
    ]


def without_cap(likely: Floats, share: float = 0.12) -> Floats:
    rows = np.flatnonzero((likely > 0.5).any(axis=1))
    cut = likely.copy()
    cut[: rows[0] + int(share * (rows[-1] - rows[0]))] = 0
    return cut


def test_a_cap_as_light_as_the_backdrop_is_missed_when_it_is_gone(bottle: RawSide) -> None:
    photo, likely = sample("bottle-paper")
    cut = without_cap(likely)
    cap = np.median(photo[(likely > 0.9) & (cut == 0)], axis=0)
    gone = np.asarray(photo * cut[..., None] + cap * (1 - cut[..., None]), np.uint8)
    found = check(bottle, gone, cut)
    assert found.verdict == "fail"
    assert found.measures["missing"] > 0.05
    assert "a part of the product is missing at the top" in [
        reason.words for reason in found.reasons
    ]


def test_a_part_that_is_there_is_not_missed_because_the_network_did_not_see_it(
    bottle: RawSide,
) -> None:
    photo, likely = sample("bottle-paper")
    shown = np.asarray(photo * likely[..., None] + 140 * (1 - likely[..., None]), np.uint8)
    found = check(bottle, shown, without_cap(likely))
    assert (found.verdict, found.reasons) == ("pass", [])


def test_what_the_picture_does_not_show_is_said_and_never_passes(bottle: RawSide) -> None:
    """The picture ends below the cap: nothing differs in what is left."""
    photo, likely = sample("bottle-paper")
    shown = on_new_background(photo, likely)
    rows = np.flatnonzero((likely > 0.5).any(axis=1))
    top = rows[0] + int(0.12 * (rows[-1] - rows[0]))
    found = check(bottle, np.ascontiguousarray(shown[top:]), np.ascontiguousarray(likely[top:]))
    assert found.verdict == "warn"
    [said] = [reason for reason in found.reasons if reason.code == "unjudged"]
    assert re.fullmatch(r"\d+ % of the product could not be judged: at the top", said.words)
    assert found.measures["unjudged"] > 0.05
    assert found.judged is not None and 0.6 < found.judged < 0.9


def with_a_neighbour() -> tuple[Bytes, Floats, Floats]:
    """A photo in which something touches the bottle, with both and with the bottle alone."""
    photo, likely = sample("bottle-paper")
    crowded, swallowed = photo.copy(), likely.copy()
    rows, columns = (np.flatnonzero((likely > 0.5).any(axis=axis)) for axis in (1, 0))
    low, right = int(np.percentile(rows, 80)), int(columns[-1])
    box = np.s_[low : low + 90, right - 2 : right + 110]
    crowded[box], swallowed[box] = (40, 60, 160), 1
    return crowded, swallowed, likely


def test_what_touched_the_product_and_is_gone_never_passes_but_is_no_missing_part() -> None:
    """It may be a neighbour, or a handle of another colour."""
    crowded, swallowed, likely = with_a_neighbour()
    raw = RawSide(side_of(crowded, swallowed), None, encode_array(crowded))
    found = check(raw, on_new_background(crowded, likely), likely)
    assert found.verdict == "warn" and found.measures["missing"] == 0
    assert found.measures["beside"] > 0.02
    [said] = [reason for reason in found.reasons if reason.code == "beside"]
    assert "left out, perhaps another object: at the bottom right" in said.words
    assert not scoring.load_weights().is_certain(found.measures)


@pytest.mark.parametrize(("light", "verdict"), [(None, "warn"), (0.5, "pass"), (0.25, "pass")])
def test_what_the_picture_adds_at_the_edge_is_named_unless_it_is_a_shadow(
    light: float | None, verdict: str
) -> None:
    """The network takes a hard shadow for a part of the product, too."""
    crowded, swallowed, likely = with_a_neighbour()
    photo, _ = sample("bottle-paper")
    shown = on_new_background(photo, likely)
    beside = (swallowed > 0.5) & (likely < 0.5)
    shade = as_bytes(to_srgb(to_linear(shown) * np.float32(light or 1)))
    shown[beside] = (crowded if light is None else shade)[beside]
    found = check(RawSide(side_of(photo, likely), None, b""), shown, swallowed)
    named = [reason.words for reason in found.reasons]
    assert (found.verdict, found.measures["extra"] > 0.02) == (verdict, light is None)
    assert ("something was added at the bottom right" in named) == (light is None), named


def test_background_that_was_kept_beside_the_product_is_named() -> None:
    """It looks as it does in the photo, but there it belongs to all that is around it."""
    photo, likely = sample("bottle-paper")
    _, swallowed, _ = with_a_neighbour()
    cover = np.maximum(likely, swallowed)[..., None]
    shown = np.asarray(photo * cover + np.array([60, 70, 90]) * (1 - cover), np.uint8)
    found = check(RawSide(side_of(photo, likely), None, b""), shown, swallowed)
    assert (found.verdict, found.measures["extra"] > 0.02) == ("warn", True)
    assert [reason.words for reason in found.reasons] == [
        "background of the photo was kept at the bottom right"
    ]


def test_a_part_in_both_is_not_kept_background_where_the_network_missed_it(bottle: RawSide) -> None:
    """In the photo the network did not see the cap."""
    photo, likely = sample("bottle-paper")
    shown = np.asarray(photo * likely[..., None] + 140 * (1 - likely[..., None]), np.uint8)
    found = check(RawSide(side_of(photo, without_cap(likely)), None, b""), shown, likely)
    assert (found.verdict, found.reasons, found.measures["extra"]) == ("pass", [], 0)


def test_a_part_between_others_is_not_kept_background_where_the_network_missed_it() -> None:
    """In the photo the network did not see a part of the shoulder, and was unsure right of it."""
    photo, likely = sample("bottle-paper")
    missed = likely.copy()
    missed[350:425, 290:400], missed[350:425, 400:425] = 0, 0.45
    shown = np.asarray(photo * likely[..., None] + 140 * (1 - likely[..., None]), np.uint8)
    found = check(RawSide(side_of(photo, missed), None, b""), shown, likely)
    assert (found.verdict, found.reasons, found.measures["extra"]) == ("pass", [], 0)


def test_a_handle_in_both_is_not_gone_where_the_network_missed_it() -> None:
    """Most of it is beyond the crop around what the network saw of the picture."""
    photo, likely = sample("bottle-paper")
    rows, columns = (np.flatnonzero((likely > 0.5).any(axis=axis)) for axis in (1, 0))
    right, top = int(columns[-1]), int(np.percentile(rows, 30))
    handle = np.zeros(likely.shape, np.uint8)
    cv2.rectangle(handle, (right - 20, top), (right + 80, top + 360), 1, 26)
    handle[likely > 0.5] = 0
    held, whole = photo.copy(), np.maximum(likely, handle)
    held[handle > 0] = (40, 60, 160)
    raw = RawSide(side_of(held, whole), None, encode_array(held))
    found = check(raw, on_new_background(held, whole), likely)
    assert found.measures["beside"] == 0
    assert check(raw, on_new_background(held, likely), likely).verdict != "pass"


def test_a_model_is_shown_the_worst_place_of_both_enlarged(bottle: RawSide) -> None:
    """A red dot on the label: the place is cut out of both pictures, and it alone has the dot."""
    photo, likely = sample("bottle-paper")
    changed = on_new_background(photo, likely)
    rows, columns = np.nonzero(likely > 0.5)
    middle = (int(np.median(columns)), int(np.percentile(rows, 70)))
    cv2.circle(changed, middle, 25, (230, 20, 30), -1)
    side = side_of(changed, likely)
    compared = comparing.compare(bottle, side, changed)
    reasons = judge(compared, None, scoring.load_weights()).reasons
    raw, enhanced = (
        [to_array(view) for view in views]
        for views in close_ups.draw(bottle, side, changed, compared, reasons)
    )
    assert [max(view.shape[:2]) for view in (*raw, *enhanced)] == [640] * 4
    assert red_share(raw[1]) == 0 and red_share(enhanced[1]) > 0.04
    assert red_share(enhanced[1]) > 4 * red_share(enhanced[0])  # it is enlarged
    unlike = np.abs(raw[1].astype(int) - resize(enhanced[1], *raw[1].shape[1::-1]))
    assert np.median(unlike) < 12  # the same place of both

    nothing = comparing.Comparison("no_common_view")
    assert [len(views) for views in close_ups.draw(bottle, side, changed, nothing, [])] == [1, 1]


def red_share(rgb: Bytes) -> float:
    red, green, blue = (rgb[..., channel].astype(int) for channel in range(3))
    return float(((red > 180) & (green < 80) & (blue < 80)).mean())


def test_a_see_through_picture_is_its_own_mask() -> None:
    """And without the network's file nothing else can be measured."""
    photo, likely = sample("mug-oak")
    nowhere = FidelityFiles(Path("/nowhere/u2netp.onnx"))
    cut_out = encode_array(np.dstack([photo, (likely * 255).astype(np.uint8)]))
    side, _ = prepare(cut_out, nowhere.network)
    assert 0.3 < side.mask.mean() < 0.9
    with pytest.raises(NoNetwork):
        prepare(encode_array(photo), nowhere.network)


@pytest.mark.parametrize("run", [likelihood, partial(likelihood_at, SIDE)])
def test_the_network_finds_the_product_with_either_runtime(
    network: Path, run: Callable[[Bytes, Path], Floats]
) -> None:
    """By onnxruntime where the extra brings it, and by OpenCV."""
    photo, likely = sample("mug-oak")
    found = run(photo, network)
    mask = cv2.resize(found, photo.shape[1::-1], interpolation=cv2.INTER_LINEAR) > 0.5
    truth = likely > 0.5
    assert found.shape == (SIDE, SIDE)
    assert (mask & truth).sum() > 0.9 * (mask | truth).sum()


def test_weights_follow_their_own_rules() -> None:
    used = scoring.load_weights()
    assert 0 < used.warn < used.fail
    for knots in used.measures.values():
        assert knots.low < knots.high and min(knots.weight_low, knots.weight_high) >= 0
    nothing = dict.fromkeys(used.measures, 0.0)
    assert used.judge(nothing)[0] == "pass"
    assert used.judge(nothing | {"stretch": used.stretch_fails + 0.1})[0] == "fail"
    assert used.judge(nothing | {"missing": used.missing_warns + 0.001})[0] != "pass"
    assert used.judge(nothing | {"missing": used.missing_fails + 0.001})[0] == "fail"
    assert used.judge(nothing | {"unjudged": used.unjudged_warns + 0.001})[0] == "warn"
    assert used.judge(nothing | {"repainted": used.repainted_warns + 0.001})[0] == "warn"
    assert used.judge(nothing | {"patch": used.patch_warns + 0.1})[0] != "pass"
    # A model's vote clears doubts, not these.
    for measure in ("missing", "extra", "patch", "repainted"):
        assert used.is_certain(nothing | {measure: getattr(used, f"{measure}_warns") + 0.1})
    assert not used.is_certain(nothing | {"unjudged": used.unjudged_warns + 0.001})
    assert used.is_certain(nothing | {"texture": 0.5}) and not used.is_certain(nothing)
    verdict, score = used.judge(nothing | {"letters": used.letters_fail + 0.01})
    assert verdict == "fail" and score < 0.5
