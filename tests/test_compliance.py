"""Each rule of each preset on a picture that passes, and on one that breaks it just so."""

from __future__ import annotations

import json
import math
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import pyvips
from click.testing import CliRunner
from support.pictures import HEIC

from packshot.cli import main
from packshot.errors import PictureError
from packshot.marketplaces.compliance import check
from packshot.marketplaces.measures import PictureMeasures, measure
from packshot.marketplaces.presets import Rule, preset_names, read_preset
from packshot.pictures.imaging import OutputSpec, encode_array, finish
from packshot.pictures.provenance import Provenance
from packshot.web.api.answer_models import ComplianceRowOut

#: The other presets, with rules of the same kinds, run with `make test-extra`.
IN_EVERY_RUN = ("amazon", "myntra", "shopify")
OURS = {name: read_preset(name, None) for name in preset_names(None)}
RED = (180, 30, 40)
KINDS = ("jpeg", "png", "webp", "avif", "heic", "tiff", "gif", "bmp")
#: A picture, its ending, and the photo that it was made of.
Sent = tuple[bytes, str, bytes | None]


def plain(width: int, height: int, level: int = 255) -> Any:
    return np.full((height, width, 3), level, np.uint8)


def product(side: int = 400, fill: float = 0.6, colour: tuple[int, ...] = RED) -> Any:
    """A box that takes `fill` of a white square, to the pixel."""
    pixels = plain(side, side)
    length = round(side * fill)
    start = (side - length) // 2
    pixels[start : start + length, start : start + length] = colour
    return pixels


def as_png(pixels: Any) -> bytes:
    return bytes(cv2.imencode(".png", pixels[..., ::-1])[1])


@cache
def blank(width: int, height: int) -> bytes:
    return encode_array(plain(width, height))


@cache
def in_format(kind: str) -> bytes:
    image = pyvips.Image.new_from_array(product(200), interpretation="srgb")
    if kind == "heic":
        return HEIC
    if kind == "bmp":
        return bytes(cv2.imencode(".bmp", product(200))[1])
    if kind == "avif":
        return bytes(image.heifsave_buffer(compression="av1"))
    return bytes(image.write_to_buffer(f".{kind}"))


def animated(kind: str) -> bytes:
    frames = pyvips.Image.new_from_array(np.concatenate([product(100), product(100, 0.3)]))
    frames = frames.copy(interpretation="srgb")
    frames.set_type(pyvips.GValue.gint_type, "page-height", 100)
    return bytes(frames.write_to_buffer(f".{kind}"))


def header_alone(width: int, height: int) -> bytes:
    """A PNG that is too large to be decoded."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


# -- the pictures for each rule: just within a limit, and just beyond it --------------------------


def sides(rule: Rule, limit: float, beyond: int) -> Iterator[Sent]:
    for side in (round(limit), round(limit) + beyond):
        other = max(24, math.ceil(side / 20)) if rule.measure == "longest_side" else side
        yield blank(side, other), ".jpg", None


def megapixels(rule: Rule, limit: float, beyond: int) -> Iterator[Sent]:
    """What is too large to be decoded is judged by its header."""
    side = round(math.sqrt(limit) * 1000)
    for width in (side, side + beyond):
        data = header_alone(width, side) if limit > 50 else blank(width, side)
        yield data, ".jpg", None


def ratios(rule: Rule, limit: float, beyond: int) -> Iterator[Sent]:
    for width in (round(200 * limit), round(200 * limit) + beyond):
        yield blank(width, 200), ".jpg", None


def sizes(rule: Rule, limit: float, beyond: int) -> Iterator[Sent]:
    for size in (round(limit), round(limit) + beyond):
        data = blank(100, 100)
        yield data + bytes(size - len(data)), ".jpg", None


def fills(rule: Rule, limit: float, beyond: int) -> Iterator[Sent]:
    for length in (round(400 * limit), round(400 * limit) + beyond):
        yield as_png(product(400, length / 400)), ".png", None


def borders(level: int) -> Callable[[Rule, float, int], Iterator[Sent]]:
    """So many pixels of the border are this level, the others white."""

    def pictures(rule: Rule, limit: float, beyond: int) -> Iterator[Sent]:
        deep, side = 4, 400
        border = side * side - (side - 2 * deep) ** 2
        least = math.ceil(round(limit * border, 6)) if beyond < 0 else math.floor(limit * border)
        for white in (least, least + beyond):
            pixels = plain(side, side)
            pixels.reshape(-1, 3)[: side * deep][: border - white] = level
            yield as_png(pixels), ".png", None

    return pictures


def depths(rule: Rule, limit: float, beyond: int) -> Iterator[Sent]:
    yield as_png(plain(60, 60)), ".png", None
    yield as_png(plain(60, 60).astype(np.uint16) * 257), ".png", None


def enlargements(rule: Rule, limit: float, beyond: int) -> Iterator[Sent]:
    for side in (1000, 1000 + beyond):
        yield blank(side, side), ".jpg", blank(1000, 1000)


NUMBERS: dict[str, Callable[[Rule, float, int], Iterator[Sent]]] = {
    "longest_side": sides,
    "shortest_side": sides,
    "megapixels": megapixels,
    "ratio": ratios,
    "bytes": sizes,
    "fill": fills,
    "border_white": borders(254),
    "border_light": borders(199),
    "bit_depth": depths,
    "enlargement": enlargements,
}


def formats(rule: Rule) -> Iterator[tuple[Sent, bool]]:
    for kind in KINDS:
        yield (in_format(kind), f".{kind}", None), kind in rule.allowed


def endings(rule: Rule) -> Iterator[tuple[Sent, bool]]:
    fitting = {"jpeg": "JPG", "tiff": "tif", "heic": "heif", "bmp": "bmp", "gif": "gif"}
    for kind, ending in fitting.items():
        yield (in_format(kind), f".{ending}", None), True
        yield (in_format(kind), ".png", None), False
        yield (in_format(kind), "", None), False


def animations(rule: Rule) -> Iterator[tuple[Sent, bool]]:
    for kind in ("gif", "webp"):
        yield (in_format(kind), f".{kind}", None), True
        yield (animated(kind), f".{kind}", None), False


def profiles(rule: Rule) -> Iterator[tuple[Sent, bool]]:
    image = pyvips.Image.new_from_array(product(100), interpretation="srgb")
    for profile in ("srgb", "p3"):
        data = image.icc_transform(profile, input_profile="srgb").write_to_buffer(".jpg")
        yield (bytes(data), ".jpg", None), profile == "srgb"


def colour_modes(rule: Rule) -> Iterator[tuple[Sent, bool]]:
    image = pyvips.Image.new_from_array(product(100), interpretation="srgb")
    for space, passes in (("srgb", True), ("b-w", False), ("cmyk", False)):
        converted = image.icc_transform("cmyk") if space == "cmyk" else image.colourspace(space)
        yield (bytes(converted.write_to_buffer(".jpg")), ".jpg", None), passes


def contacts(rule: Rule) -> Iterator[tuple[Sent, bool]]:
    for start in (1, 0):
        pixels = plain(400, 400)
        pixels[start:300, 100:300] = RED
        yield (as_png(pixels), ".png", None), start == 1


def frames(rule: Rule) -> Iterator[tuple[Sent, bool]]:
    """One pixel wide, on all sides, or on all but one."""
    pixels = product()
    pixels[0], pixels[-1] = 210, 210
    yield (as_png(product()), ".png", None), True
    yield (as_png(pixels), ".png", None), False


def edge_shadows(rule: Rule) -> Iterator[tuple[Sent, bool]]:
    yield (as_png(shadowed(ends=390)), ".png", None), True
    yield (as_png(shadowed(ends=500)), ".png", None), False


def source_types(rule: Rule) -> Iterator[tuple[Sent, bool]]:
    written = [each for each in rule.allowed if each != "none"]
    for term in (*written, "digitalArt"):
        data = finish(blank(100, 100), OutputSpec(), Provenance(term)).data
        yield (data, ".jpg", None), term in rule.allowed
    yield (blank(100, 100), ".jpg", None), "none" in rule.allowed


WORDS: dict[str, Callable[[Rule], Iterator[tuple[Sent, bool]]]] = {
    "format": formats,
    "ending": endings,
    "animation": animations,
    "profile": profiles,
    "colour_mode": colour_modes,
    "edge_contact": contacts,
    "frame": frames,
    "edge_shadow": edge_shadows,
    "source_type": source_types,
}


def pictures_for(rule: Rule) -> Iterator[tuple[Sent, bool]]:
    """With whether each passes."""
    if rule.allowed:
        yield from WORDS[rule.measure](rule)
    for limit, beyond in ((rule.least, -1), (rule.most, 1)):
        if limit is not None:
            passing, breaking = NUMBERS[rule.measure](rule, limit, beyond)
            yield passing, True
            yield breaking, False


@cache
def measured(data: bytes, ending: str, raw: bytes | None) -> PictureMeasures:
    return measure(data, ending, raw)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in IN_EVERY_RUN else pytest.mark.extra) for name in OURS],
)
def test_each_rule_passes_and_is_broken_just_so(name: str) -> None:
    preset = OURS[name]
    for place, rule in enumerate(preset.rules):
        verdicts = set()
        for sent, passes in pictures_for(rule):
            row = check(measured(*sent), preset)[place]
            assert row.verdict == ("pass" if passes else rule.severity), (row, sent[1])
            verdicts.add(passes)
        takes_all = rule.measure == "format" and set(rule.allowed) == set(KINDS)
        assert verdicts == ({True} if takes_all else {True, False}), rule


# -- what is no product, no shadow and no frame --------------------------------------------------


def shadowed(ends: int, depth: float = 0.5, side: int = 400, colour: tuple[int, ...] = RED) -> Any:
    """A product with a soft shadow below it, which is gone at row `ends`."""
    shadow: Any = np.zeros((2 * side, side), np.float32)
    shadow[200 : ends - 30, 110:290] = depth
    shadow = cv2.GaussianBlur(shadow, (0, 0), 10)[:side]
    pixels = np.rint(255 * (1 - shadow))[..., None].repeat(3, axis=2).astype(np.uint8)
    pixels[100:300, 100:300] = colour
    return pixels


def seen(pixels: Any, quality: int = 92) -> PictureMeasures:
    return measure(encode_array(np.clip(np.rint(pixels), 0, 255).astype(np.uint8), quality))


def vignette(darker: float, side: int = 400) -> Any:
    down, across = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    pixels = plain(side, side) - darker * (down**2 + across**2)[..., None]
    pixels[100:300, 100:300] = RED
    return pixels


def dusty() -> Any:
    pixels, places = product(400, 0.5), np.random.default_rng(3)
    for down, across in places.integers(0, 396, (20, 2)):
        pixels[down : down + 4, across : across + 4] = (80, 70, 60)
    return pixels


def noisy(pixels: Any, deviation: float) -> Any:
    return pixels + np.random.default_rng(1).normal(0, deviation, pixels.shape)


@pytest.mark.parametrize(
    "pixels",
    [
        shadowed(ends=390),
        shadowed(ends=390, colour=(25, 25, 25)),
        shadowed(ends=390, colour=(150, 150, 150)),
        noisy(shadowed(ends=390), 2),
        vignette(12),
        vignette(35),
        dusty(),
    ],
    ids=["shadow", "of a dark one", "of a grey one", "noise", "vignette", "dark vignette", "dust"],
)
@pytest.mark.parametrize("quality", [95, 75])
def test_the_product_is_measured_without_what_is_around_it(pixels: Any, quality: int) -> None:
    """It takes half of the picture, and no side has more than JPEG's noise added."""
    found = seen(pixels, quality)
    assert found.fill == pytest.approx(0.5, abs=0.035)
    assert (found.edge_contact, found.frame) == ("none", "no")


def test_a_floating_products_shadow_is_not_measured() -> None:
    shadow = np.zeros((400, 400), np.float32)
    shadow[330:336, 120:280] = 0.8
    pixels = 255 * (1 - cv2.GaussianBlur(shadow, (0, 0), 6))[..., None].repeat(3, axis=2)
    pixels[100:300, 100:300] = RED
    assert seen(pixels).fill == pytest.approx(0.5, abs=0.01)


def reflected(pixels: Any, share: float, length: int) -> Any:
    """What is below row 300 mirrors what is above, and fades."""
    made = pixels.astype(float)
    for row in range(length):
        made[300 + row] = 255 - (255 - made[299 - row]) * share * (1 - row / length)
    return made


@pytest.mark.parametrize(
    "pixels",
    [
        reflected(product(400, 0.5), 0.4, 60),
        reflected(product(400, 0.5, (20, 20, 20)), 0.6, 99),
        reflected(cv2.ellipse(plain(400, 400), (200, 200), (80, 100), 0, 0, 360, RED, -1), 0.3, 80),
    ],
)
def test_a_reflection_is_not_measured(pixels: Any) -> None:
    assert seen(pixels).fill == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("lower", [(230, 160, 165), (240, 240, 240), (90, 15, 20)])
def test_a_product_of_two_colours_is_measured_whole(lower: tuple[int, ...]) -> None:
    pixels = product(400, 0.5)
    pixels[200:300, 100:300] = lower
    assert seen(pixels).fill == pytest.approx(0.5, abs=0.01)


def test_products_of_any_size_are_measured() -> None:
    for height in (1, 2, 3, 5, 8, 13, 30, 31):
        pixels = plain(60, 60)
        pixels[20 : 20 + height, 10:50] = RED
        found = measure(as_png(pixels))
        assert found.fill == pytest.approx(40 / 60), height


def logo_on(colour: int) -> Any:
    pixels = product(400, 0.6, (colour,) * 3)
    pixels[190:210, 190:210] = (0, 60, 160)
    return pixels


@pytest.mark.parametrize("pixels", [product(400, 0.6, (250,) * 3), logo_on(250), logo_on(245)])
def test_a_white_product_on_white_cant_be_measured(pixels: Any) -> None:
    """Nor is what is printed on it the product."""
    found = seen(pixels, 95)
    assert (found.fill, found.edge_contact) == (None, None)
    rows = check(found, OURS["amazon"])
    [row] = [row for row in rows if row.rule == "fill"]
    assert row.verdict == "unknown"
    assert row.measured.startswith("can't be measured: parts of the picture hardly differ")
    assert row.advice


def cut_out(colour: int, alpha: int = 255) -> Any:
    """A box on nothing, with a soft black shadow below it."""
    pixels = np.zeros((400, 400, 4), np.uint8)
    light = shadowed(ends=390)[..., 0]
    pixels[..., 3] = 255 - light
    pixels[100:300, 100:300] = (colour, colour, colour, alpha)
    return pixels


@pytest.mark.parametrize("pixels", [cut_out(255), cut_out(20), cut_out(120, 200)])
def test_a_see_through_picture_is_measured_by_its_transparency(pixels: Any) -> None:
    found = measure(encode_array(pixels))
    assert found.fill == pytest.approx(0.5, abs=0.015)
    assert (found.edge_contact, found.edge_shadow, found.border_white) == ("none", "no", 1.0)


def at_the_edge(colour: tuple[int, ...], start: int = 100) -> Any:
    pixels = product(400, 0.5)
    pixels[start:, 120:280] = colour
    return pixels


@pytest.mark.parametrize(
    ("pixels", "shadow", "contact"),
    [
        (at_the_edge((20, 20, 20)), "no", "bottom"),
        (at_the_edge((90, 90, 90)), "no", "bottom"),
        (at_the_edge((20, 90, 190)), "no", "bottom"),
        (at_the_edge((190, 190, 190), 310), "yes", "bottom"),  # hard and light, below a product
        (shadowed(ends=460), "yes", "none"),
        (shadowed(ends=460, depth=0.05), "yes", "none"),
        (shadowed(ends=385), "no", "none"),
        (at_the_edge((225, 225, 225)), "no", "bottom"),
        (at_the_edge((238, 238, 238)), "no", "bottom"),
        (vignette(20), "no", "none"),
        (255 - product(400, 0.5), None, "none"),  # on black
    ],
)
def test_a_shadow_at_the_edge_is_distinguished_from_a_product(
    pixels: Any, shadow: str | None, contact: str
) -> None:
    found = seen(pixels)
    assert (found.edge_shadow, found.edge_contact) == (shadow, contact)


def framed(
    colour: tuple[int, ...] | int, widths: tuple[int, ...], inset: int = 0, under: Any = None
) -> Any:
    """Widths at the top, bottom, left and right."""
    pixels = (product() if under is None else under).copy()
    inner = pixels[inset : len(pixels) - inset, inset : len(pixels) - inset]
    top, bottom, left, right = widths
    inner[:top] = colour
    inner[len(inner) - bottom :] = colour
    inner[:, :left] = colour
    inner[:, len(inner) - right :] = colour
    return pixels


def scene(seed: int = 4) -> Any:
    small = np.random.default_rng(seed).integers(0, 255, (9, 9, 3), np.uint8)
    return cv2.resize(small, (400, 400), interpolation=cv2.INTER_CUBIC)


def rounded(width: int, radius: int, colour: int) -> Any:
    pixels, inside = product(), np.zeros((400, 400), np.uint8)
    far = 400 - width - radius - 1
    for down in (width + radius, far):
        for across in (width + radius, far):
            cv2.circle(inside, (across, down), radius, 1, -1)
    inside[width:-width, width + radius : far] = 1
    inside[width + radius : far, width:-width] = 1
    pixels[inside == 0] = colour
    return pixels


FRAMES = {
    "dark": framed(20, (6,) * 4),
    "light": framed(210, (6,) * 4),
    "hardly there": framed(238, (6,) * 4),
    "one pixel": framed(0, (1,) * 4),
    "line inside": framed(0, (1,) * 4, inset=8),
    "light line inside": framed(215, (3,) * 4, inset=12),
    "line in a scene": framed(255, (4,) * 4, inset=8, under=scene()),
    "letterbox": framed(0, (40, 40, 0, 0), under=scene()),
    "white letterbox": framed(255, (50, 50, 0, 0), under=scene()),
    "pillarbox": framed(0, (0, 0, 25, 35)),
    "light bars": framed(212, (30, 30, 0, 0)),
    "blue": framed((0, 80, 200), (8,) * 4),
    "pink": framed((255, 208, 220), (8,) * 4),
    "on a scene": framed((190, 10, 10), (8,) * 4, under=scene()),
    "double": framed(0, (3,) * 4, inset=8, under=framed(0, (4,) * 4)),
    "double light": framed(210, (2,) * 4, inset=8, under=framed(210, (3,) * 4)),
    "unequal": framed(30, (2, 14, 5, 9)),
    "like an instant photo": framed(0, (16, 70, 16, 16)),
    "three sides": framed(0, (0, 8, 8, 8)),
    "rounded": rounded(8, 24, 0),
    "rounded light": rounded(8, 24, 212),
}


def across(start: int, stop: int, colour: int = 20) -> Any:
    pixels = product(400, 0.4)
    pixels[:, start:stop] = colour
    return pixels


def glowing() -> Any:
    shadow: Any = np.zeros((400, 400), np.float32)
    shadow[40:360, 40:360] = 0.5
    pixels = 255 * (1 - cv2.GaussianBlur(shadow, (0, 0), 20))[..., None].repeat(3, axis=2)
    pixels[40:360, 40:360] = RED
    return pixels


NO_FRAMES = {
    "white": plain(400, 400),
    "grey": plain(400, 400, 205),
    "black": plain(400, 400, 0),
    "nearly full": product(400, 0.97),
    "dark and nearly full": product(400, 0.97, (15, 15, 15)),
    "touches two sides": across(120, 280),
    "touches three sides": across(0, 150),
    "stands on the edge": at_the_edge((20, 20, 20)),
    "scene": scene(),
    "noise": noisy(plain(400, 400, 128), 50),
    "on black": product(400, 0.7, (200, 60, 60)) % 255,
    "table": np.concatenate([plain(400, 250), plain(400, 150, 150)]),
    "shadow": shadowed(ends=460),
    "shadow on all sides": glowing(),
    "gradient": np.linspace(255, 170, 400)[:, None, None].repeat(400, 1).repeat(3, 2),
    "round": cv2.circle(plain(400, 400), (200, 200), 198, (30, 30, 30), -1),
}


@pytest.mark.parametrize(
    ("pixels", "frame"),
    [
        *(pytest.param(pixels, "yes", id=name) for name, pixels in FRAMES.items()),
        *(pytest.param(pixels, "no", id=f"no frame: {name}") for name, pixels in NO_FRAMES.items()),
    ],
)
def test_frames_are_found(pixels: Any, frame: str) -> None:
    assert {seen(pixels, quality).frame for quality in (95, 80)} == {frame}


# -- what is measured on files -------------------------------------------------------------------


def test_what_cant_be_decoded_is_judged_by_its_header() -> None:
    found = measure(header_alone(8001, 8000), ".png")
    rows = {row.rule: row for row in check(found, OURS["google"])}
    assert rows["megapixels"].verdict == "fail"
    assert rows["border white"].verdict == "unknown"
    assert rows["border white"].measured == (
        "can't be measured: The picture has 8001 x 8000 pixels; at most 50 million are allowed"
    )


def test_a_model_named_in_a_signature_is_no_metadata() -> None:
    """C2PA's manifest has the same words; marketplaces read the XMP."""
    words = b"digitalSourceTypex{http://cv.iptc.org/newscodes/digitalsourcetype/digitalArt"
    data = blank(100, 100) + words
    assert measure(data).source_type == "none"
    element = words.replace(b"digitalSourceTypex{", b"<Iptc4xmpExt:DigitalSourceType>")
    assert measure(data + element).source_type == "digitalArt"


@pytest.mark.parametrize(
    ("data", "facts"),
    [
        (in_format("gif"), ("gif", 200, "no", "rgb", 8)),
        (in_format("bmp"), ("bmp", 200, "no", "rgb", 8)),
        (in_format("heic"), ("heic", 96, "no", "rgb", 8)),
        (animated("gif"), ("gif", 100, "yes", "rgb", 8)),
        (animated("webp"), ("webp", 100, "yes", "rgb", 8)),
        (as_png(product(60)[..., 0]), ("png", 60, "no", "grey", 8)),
        (as_png(product(60).astype(np.uint16) * 257), ("png", 60, "no", "rgb", 16)),
    ],
)
def test_facts_are_read_from_the_file(data: bytes, facts: tuple[Any, ...]) -> None:
    found = measure(data)
    assert facts == (
        *(found.format, found.longest_side, found.animation),
        *(found.colour_mode, found.bit_depth),
    )


def test_gif_and_bmp_show_what_was_put_in() -> None:
    for kind in ("gif", "bmp"):
        found = measure(in_format(kind))
        assert (found.fill, found.border_white, found.frame) == (0.6, 1.0, "no")


@pytest.mark.parametrize("kind", ["gif", "bmp"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_a_broken_off_picture_is_refused(kind: str, share: float) -> None:
    data = in_format(kind)
    with pytest.raises(PictureError, match="damaged or cut short"):
        measure(data[: round(len(data) * share)])


def comply(*arguments: object) -> tuple[int, str]:
    # Wide enough for a path: rich would break it.
    done = CliRunner(env={"COLUMNS": "400"}).invoke(main, ["comply", *map(str, arguments)])
    return done.exit_code, done.output


def test_the_command_judges_every_format_that_a_preset_names(tmp_path: Path) -> None:
    for kind in KINDS:
        (tmp_path / f"still.{kind}").write_bytes(in_format(kind))
    files = [tmp_path / f"still.{kind}" for kind in KINDS]
    (tmp_path / "moving.gif").write_bytes(animated("gif"))
    code, output = comply(*files, tmp_path / "moving.gif", "--preset", "ebay")
    assert code == 1  # all are too small
    rows = [line.split() for line in output.splitlines() if " animation " in line]
    assert [row[1] for row in rows] == ["pass"] * 8 + ["FAIL"]
    endings = [line.split() for line in output.splitlines() if " ending " in line]
    assert [row[1] for row in endings] == ["pass"] * 9


def test_the_command_names_each_bad_file_and_judges_the_others(tmp_path: Path) -> None:
    good = tmp_path / "good.jpg"
    good.write_bytes(encode_array(product(2000, 0.9), 98))
    (tmp_path / "page.jpg").write_bytes(b"<html>")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "half.bmp").write_bytes(in_format("bmp")[:900])
    (tmp_path / "photo.jxl").write_bytes(b"\xff\x0a" + bytes(50))
    os.mkfifo(tmp_path / "pipe.jpg")
    bad = {
        "page.jpg": "The file is a web page (HTML), which can't be measured",
        "empty.png": "The file is an empty file",
        "half.bmp": "The picture is damaged or cut short",
        "photo.jxl": "The file is a JPEG XL picture, which can't be measured; export it as a JPEG",
        "pipe.jpg": "It is not an ordinary file.",
        "nowhere.jpg": "can't be read: No such file or directory",
        ".": "can't be read: Is a directory",
    }
    code, output = comply(*(tmp_path / name for name in bad), good, "--preset", "amazon")
    assert code == 1
    for name, words in bad.items():
        [line] = [each for each in output.splitlines() if each.startswith(f"{tmp_path / name}: ")]
        assert words in line
    assert f"{good}: Amazon, rules of" in output
    assert "Traceback" not in output
    assert comply(good, "--preset", "amazon")[0] == 0


def test_the_command_prints_the_rows_of_the_api_as_json(tmp_path: Path) -> None:
    good, missing = tmp_path / "good.jpg", tmp_path / "nowhere.jpg"
    good.write_bytes(encode_array(product(2000, 0.9), 98))
    code, output = comply(good, missing, "--preset", "amazon", "--json")
    found = json.loads(output)
    assert code == 1
    assert (found["preset"], found["title"]) == ("amazon", "Amazon")
    first, second = found["pictures"]
    assert (first["file"], first["main"]) == (str(good), True)
    assert set(first["rows"][0]) == set(ComplianceRowOut.model_fields)
    assert second["error"] == "can't be read: No such file or directory"
    assert comply(good, "--preset", "amazon", "--json")[0] == 0
    assert "amazon" in json.loads(comply("--json")[1])


def test_a_file_named_as_one_of_amazons_others_is_judged_as_one(tmp_path: Path) -> None:
    small_in_scene = encode_array(product(2000, 0.5), 98)
    for name in ("A1.MAIN.jpg", "A1.PT01.jpg"):
        (tmp_path / name).write_bytes(small_in_scene)
    assert comply(tmp_path / "A1.MAIN.jpg", "--preset", "Amazon")[0] == 1
    assert comply(tmp_path / "A1.PT01.jpg", "--preset", "Amazon")[0] == 0
