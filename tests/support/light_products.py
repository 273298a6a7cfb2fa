"""Light products on light backdrops, drawn: thin, shiny and white ones, at any angle and lightness.

A product is a list of strokes on a canvas of 700 px, each with how much lighter or darker it is
than the product's base, in levels; `shine` lets the base change along x, as polished metal does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.pictures.arrays import Mask

Bytes = NDArray[np.uint8]
SIDE = 700
FINER = 2  # times: drawn larger and made smaller, so that outlines are smooth


@dataclass(frozen=True)
class Stroke:
    """A line of a width through points, or, without a width, what they enclose."""

    points: tuple[tuple[float, float], ...]
    width: float = 0.0
    shade: float = 0.0


@dataclass(frozen=True)
class Product:
    """What it is made of, and how much its base shines: levels, and px from light to dark."""

    strokes: tuple[Stroke, ...]
    shine: tuple[float, float] = (0.0, 1.0)


def line(*points: tuple[float, float], width: float, shade: float = 0.0) -> Stroke:
    return Stroke(points, width, shade)


def area(*points: tuple[float, float], shade: float = 0.0) -> Stroke:
    return Stroke(points, 0.0, shade)


def box(left: float, top: float, right: float, bottom: float, shade: float = 0.0) -> Stroke:
    return area((left, top), (right, top), (right, bottom), (left, bottom), shade=shade)


def ring(
    x: float, y: float, across: float, down: float, width: float = 0.0, shade: float = 0.0
) -> Stroke:
    """An ellipse; without a width a filled one."""
    turns = np.linspace(0, 2 * np.pi, 90)
    points = tuple((x + across * np.cos(t), y + down * np.sin(t)) for t in turns)
    return Stroke(points, width, shade)


def crumpled(left: float, top: float, right: float, bottom: float) -> tuple[Stroke, ...]:
    """A bag with a ragged rim and facets of different light."""
    random = np.random.default_rng(3)
    rim = [(left + (right - left) * n / 6, top + random.uniform(-12, 12)) for n in range(7)]
    shape = area(*rim, (right - 8, bottom), (left + 8, bottom))
    middles = random.uniform((left + 60, top + 65), (right - 60, bottom - 55), (50, 1, 2))
    facets = middles + random.uniform(-48, 48, (50, 3, 2))
    shades = random.uniform(-9, 5, len(facets))
    return (
        shape,
        *(area(*map(tuple, f), shade=float(s)) for f, s in zip(facets, shades, strict=True)),
    )


def chain() -> tuple[Stroke, ...]:
    turns = np.linspace(-0.2, np.pi + 0.2, 46)
    links = (
        ring(350 + 210 * np.cos(t), 180 + 300 * np.sin(t), 10, 9, 4, 14 * np.sin(9 * t))
        for t in turns
    )
    return (*links, ring(350, 510, 38, 46))


def coil() -> tuple[Stroke, ...]:
    turns = np.linspace(0, 6 * np.pi, 300)
    wide = 120 + 10 * np.sin(turns / 3) + 1.3 * turns
    points = tuple(zip(350 + wide * np.cos(turns), 340 + 0.8 * wide * np.sin(turns), strict=True))
    return (
        line(*points, width=9),
        line((480, 380), (560, 500), (580, 600), width=9),
        box(560, 590, 600, 650),
    )


PRODUCTS: dict[str, Product] = {
    "spoon": Product((ring(350, 220, 90, 130), box(335, 340, 365, 620)), (18, 22)),
    "fork": Product(
        (
            *(line((x, 120), (x, 290), width=11) for x in (305, 335, 365, 395)),
            area((299, 270), (401, 270), (385, 340), (365, 370), (335, 370), (315, 340)),
            box(340, 360, 360, 620),
        ),
        (16, 9),
    ),
    "scissors": Product(
        (
            line((300, 120), (400, 440), width=20),
            line((400, 120), (300, 440), width=20),
            ring(270, 520, 55, 75, 20),
            ring(430, 520, 55, 75, 20),
        ),
        (12, 14),
    ),
    "glasses": Product(
        (
            ring(240, 350, 100, 80, 8),
            ring(460, 350, 100, 80, 8),
            line((335, 335), (350, 325), (365, 335), width=7),
            line((140, 335), (90, 320), width=8),
            line((560, 335), (610, 320), width=8),
        ),
        (8, 30),
    ),
    "cable": Product(coil(), (6, 25)),
    "chain": Product(chain(), (10, 6)),
    "hoop": Product((ring(350, 360, 150, 170, 10), ring(350, 180, 12, 16)), (16, 15)),
    "watch": Product(
        (
            box(310, 90, 390, 620),
            *(line((310, y), (390, y), width=3, shade=-14) for y in range(110, 620, 24)),
            ring(350, 350, 95, 95),
            ring(350, 350, 95, 95, 10, -40),
            box(440, 340, 465, 362),
            line((350, 290), (350, 350), (390, 370), width=5, shade=-120),
        )
    ),
    "book": Product(
        (
            box(180, 200, 500, 440, -140),
            box(180, 440, 500, 512, -8),
            box(180, 512, 500, 520, -150),
            *(line((182, y), (498, y), width=2, shade=-9 * (y % 4)) for y in range(442, 512)),
        )
    ),
    "open book": Product(
        (
            area((110, 250), (350, 230), (590, 250), (610, 490), (350, 470), (90, 490)),
            line((350, 230), (350, 470), width=8, shade=-45),
            *(line((140, y), (320, y - 10), width=4, shade=-110) for y in range(280, 440, 18)),
            *(line((380, y - 10), (560, y), width=4, shade=-110) for y in range(280, 440, 18)),
        )
    ),
    "mug": Product(
        (
            ring(450, 360, 70, 80, 24),
            box(220, 220, 440, 520),
            ring(330, 220, 110, 24),
            ring(330, 222, 100, 18, shade=-25),
        ),
        (10, 70),
    ),
    "paper bag": Product(crumpled(210, 180, 495, 605)),
    "stool": Product(
        (
            line((240, 235), (190, 620), width=14, shade=-12),
            line((460, 235), (510, 620), width=14, shade=-12),
            line((350, 250), (350, 600), width=14, shade=-12),
            line((215, 450), (485, 450), width=9, shade=-12),
            ring(350, 220, 150, 36),
        )
    ),
    "candle": Product(
        (box(290, 220, 410, 600), line((350, 222), (352, 185), width=5, shade=-170)), (12, 40)
    ),
}  # fmt: skip


def compose(
    name: str, *, angle: float = 0.0, wall: float = 236.0, lighter: float = 0.0, seed: int = 0
) -> tuple[Bytes, Mask]:
    """The product, turned, in front of a wall of a lightness, with a soft shadow; and its mask."""
    random = np.random.default_rng(seed)
    cover, base = _drawn(PRODUCTS[name], angle)
    y, x = np.mgrid[-0.5 : 0.5 : SIDE * 1j, -0.5 : 0.5 : SIDE * 1j]
    light = wall + random.uniform(-14, 14) * x - random.uniform(0, 14) * y - 8 * (x * x + y * y)
    moved = cv2.warpAffine(cover, np.array([[1, 0, 6], [0, 1, 8]], np.float64), cover.shape)
    behind = light * (1 - random.choice([0.0, 0.2]) * cv2.GaussianBlur(moved, (0, 0), 9))
    tint = random.normal(0, 1.2, 3)
    colour = np.clip(wall + lighter + base, 10, 249)[..., None] + tint
    photo = colour * cover[..., None] + behind[..., None] * (1 - cover[..., None])
    noisy = cv2.GaussianBlur(photo, (0, 0), 0.6) + random.normal(0, 1.5, photo.shape)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8), np.asarray(cover > 0.5)


def _drawn(product: Product, angle: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much of each pixel it covers, 0..1, and its lightness against its base."""
    side = SIDE * FINER
    cover, shade = np.zeros((side, side), np.uint8), np.zeros((side, side), np.float32)
    levels, period = product.shine
    shade[:] = levels * np.sin(np.arange(side) / FINER / period)
    for stroke in product.strokes:
        here = _mark(stroke, side)
        cover = np.maximum(cover, here)
        shade[here > 0] += stroke.shade
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), angle, 0.92)
    turned = (
        cv2.warpAffine(plane, turn, (side, side))
        for plane in (cover.astype(np.float32) / 255, shade)
    )
    small = [cv2.resize(p, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for p in turned]
    return small[0].astype(np.float64), small[1].astype(np.float64)


def _mark(stroke: Stroke, side: int) -> Bytes:
    drawn = np.zeros((side, side), np.uint8)
    points: Sequence[NDArray[np.int32]] = [(FINER * np.array(stroke.points)).astype(np.int32)]
    if stroke.width:
        cv2.polylines(drawn, points, False, 255, round(stroke.width * FINER))
    else:
        cv2.fillPoly(drawn, points, 255)
    return drawn
