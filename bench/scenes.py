"""Products and backgrounds for the benchmarks of cut-outs and of the fidelity check, and how they
are lit and photographed. What is random comes from a generator with the caller's seed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bench import ROOT
from packshot.pictures.arrays import Bytes, Floats, as_bytes, resize
from packshot.pictures.boxes import box_of
from packshot.pictures.imaging import to_array

SHARED = ROOT.parent / "shared" / "photos"
SAMPLES = ROOT / "samples"
KINDS = ("plain", "textured", "cluttered")
#: Photos whose parts are backgrounds of the cluttered kind.
SCENES = (
    "f_4.webp",
    "f_Channel_digital_image_CMYK_color.jpg",
    "f_coffee.png",
    "f_low-contrast.jpg",
    "g_Arla-Standard-Milk_003.jpg",
    "g_Bravo-Apple-Juice_003.jpg",
    "g_Tropicana-Juice-Smooth_003.jpg",
    "sy_caps_cap_04.jpg",
    "sy_mugs.jpg",
    "x_Landscape_6.jpg",
)


# ---- products


def shared_products() -> dict[str, Bytes]:
    """The transparent PNGs, without drawn shadows."""
    found = {}
    for path in sorted(SHARED.glob("s*.png")):
        pixels = to_array(path.read_bytes(), 1000)
        # The wine's alpha includes a dense drawn shadow, so it is not the truth.
        if pixels.shape[2] == 4 and path.stem != "so_wine-red":
            found[path.stem] = _without_shadow(pixels)
    return found


def _without_shadow(rgba: Bytes) -> Bytes:
    solid = (rgba[..., 3] > 127).astype(np.uint8)
    near = cv2.dilate(solid, np.ones((5, 5), np.uint8)) > 0
    rgba = rgba.copy()
    rgba[..., 3][~near] = 0
    return box_of(near).crop(rgba)


def drawn_products(count: int = 40) -> dict[str, Bytes]:
    """Simple shaded objects of one to four parts, some with print: shapes the PNGs don't have."""
    return {f"drawn-{seed:02d}": _draw(np.random.default_rng(1000 + seed)) for seed in range(count)}


def _draw(random: np.random.Generator, side: int = 700) -> Bytes:
    alpha = np.zeros((side, side), np.uint8)
    colour = np.zeros((side, side, 3), np.float32)
    base = random.uniform(15, 240, 3)
    for part in range(int(random.integers(1, 5))):
        shape = np.zeros_like(alpha)
        _one_part(shape, random, first=part == 0)
        fill = base if random.random() < 0.5 else random.uniform(10, 245, 3)
        colour[shape > 0] = fill
        alpha = np.maximum(alpha, shape)
    if random.random() < 0.6:
        _print_on(colour, random)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    angle = random.uniform(0, 2 * np.pi)
    light = 1 + random.uniform(0.1, 0.45) * (np.cos(angle) * x + np.sin(angle) * y)
    grain = cv2.GaussianBlur(random.normal(0, 1, (side, side)).astype(np.float32), (0, 0), 2) * 8
    colour = colour * light[..., None] + grain[..., None] * random.uniform(0, 2)
    rgba = np.dstack([as_bytes(colour.astype(np.float32)), cv2.GaussianBlur(alpha, (0, 0), 0.9)])
    return np.ascontiguousarray(box_of(rgba[..., 3] > 2).crop(rgba))


def _one_part(shape: NDArray[np.uint8], random: np.random.Generator, *, first: bool) -> None:
    side = shape.shape[0]
    size = random.uniform(0.2, 0.42, 2) if first else random.uniform(0.04, 0.25, 2)
    centre = 0.5 + (0 if first else 1) * random.uniform(-0.25, 0.25, 2)
    middle = tuple(int(v * side) for v in centre)
    half = tuple(max(6, int(v * side)) for v in size)
    kind = random.choice([0, 2, 4]) if first else random.integers(0, 5)
    if kind == 0:
        cv2.ellipse(
            shape, middle, half, float(random.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA
        )
    elif kind == 1:  # a ring: a handle
        cv2.ellipse(shape, middle, half, 0, 0, 360, 255, int(random.integers(8, 30)), cv2.LINE_AA)
    elif kind == 2:
        points = np.array(middle) + random.uniform(-1, 1, (int(random.integers(5, 9)), 2)) * half
        cv2.fillConvexPoly(shape, cv2.convexHull(points.astype(np.int32)), 255, cv2.LINE_AA)
    elif kind == 3:  # a leg, a cable
        end = tuple(int(v) for v in np.array(middle) + random.uniform(-0.3, 0.3, 2) * side)
        cv2.line(shape, middle, end, 255, int(random.integers(4, 16)), cv2.LINE_AA)
    else:
        box = cv2.boxPoints((middle, (2 * half[0], 2 * half[1]), float(random.uniform(-20, 20))))
        cv2.fillConvexPoly(shape, box.astype(np.int32), 255, cv2.LINE_AA)


def _print_on(colour: Floats, random: np.random.Generator) -> None:
    side = colour.shape[0]
    ink = random.uniform(0, 255, 3)
    for line in range(int(random.integers(1, 5))):
        top = int(side * (0.35 + 0.09 * line))
        if random.random() < 0.5:
            colour[top : top + int(random.integers(4, 40))] = ink
        else:
            where = (int(side * random.uniform(0.2, 0.4)), top)
            letters = np.zeros(colour.shape[:2], np.uint8)
            cv2.putText(letters, "PACK 42", where, 0, random.uniform(1, 3), 255, 6)
            colour[letters > 0] = ink


# ---- backgrounds


def plain(random: np.random.Generator, height: int, width: int) -> Floats:
    """A sheet, a wall or a sweep: one colour with a gradient and a vignette."""
    light = random.random() < 0.7
    level = random.uniform(170, 250) if light else random.uniform(25, 170)
    tint = random.normal(0, 6 if light else 14, 3)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    slope = random.uniform(-22, 22, 2)
    field = level + slope[0] * x + slope[1] * y - random.uniform(0, 18) * (x * x + y * y)
    if random.random() < 0.3:  # the crease between table and wall
        field += np.tanh((y - random.uniform(-0.2, 0.5)) * 8) * random.uniform(3, 12)
    return np.asarray(field[..., None] + tint, np.float32)


def textured(random: np.random.Generator, height: int, width: int) -> Floats:
    """Wood, cloth, stone, carpet, tiles or a crumpled sheet."""
    warmth = random.uniform(-0.05, 0.3)  # wood, cloth and stone are greys, beiges and browns
    base = random.uniform(60, 215) * np.array([1, 1 - 0.5 * warmth, 1 - 1.2 * warmth])
    base = base + random.normal(0, 8, 3)
    field = _TEXTURES[int(random.integers(0, len(_TEXTURES)))](random, height, width)
    other = base * (1 + random.uniform(0.06, 0.22)) + random.normal(0, 5, 3)
    return (base + (other - base) * field[..., None]).astype(np.float32)


def _noise(random: np.random.Generator, height: int, width: int, x: float, y: float) -> Floats:
    grain = random.normal(0, 1, (height, width)).astype(np.float32)
    field = cv2.GaussianBlur(grain, (0, 0), sigmaX=x, sigmaY=y)
    return np.asarray(field / max(1e-6, float(field.std())), np.float32)


def _wood(random: np.random.Generator, height: int, width: int) -> Floats:
    warp = _noise(random, height, width, 90, 12) * 3
    y = np.arange(height, dtype=np.float32)[:, None] / random.uniform(5, 14)
    fine = _noise(random, height, width, 30, 0.8) * 0.5
    boards = (np.arange(height) // int(random.integers(120, 300)) % 2)[:, None] * 0.8
    return np.asarray(np.sin(y + warp) * 0.7 + fine + boards, np.float32)


def _cloth(random: np.random.Generator, height: int, width: int) -> Floats:
    step = random.uniform(1.2, 3.0)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    folds = _noise(random, height, width, 60, 110) * random.uniform(0.2, 1.2)
    return np.asarray(np.sin(x / step) * np.sin(y / step) * 0.6 + folds, np.float32)


def _stone(random: np.random.Generator, height: int, width: int) -> Floats:
    layers = [_noise(random, height, width, s, s) / (i + 1) for i, s in enumerate((50, 20, 7, 2))]
    return np.asarray(sum(layers) * 0.7, np.float32)


def _carpet(random: np.random.Generator, height: int, width: int) -> Floats:
    return np.asarray(
        _noise(random, height, width, 1.2, 1.2) + _noise(random, height, width, 6, 6) * 0.5,
        np.float32,
    )


def _tiles(random: np.random.Generator, height: int, width: int) -> Floats:
    step, joint = int(random.integers(90, 260)), int(random.integers(3, 9))
    y, x = np.mgrid[0:height, 0:width]
    lines = ((y % step) < joint) | ((x % step) < joint)
    return np.asarray(-1.6 * lines + 0.25 * _noise(random, height, width, 8, 8), np.float32)


def _crumple(random: np.random.Generator, height: int, width: int) -> Floats:
    ridges = np.abs(_noise(random, height, width, 40, 40)) + np.abs(
        _noise(random, height, width, 18, 30)
    )
    return np.asarray(ridges - 1, np.float32)


_TEXTURES = (_wood, _cloth, _stone, _carpet, _tiles, _crumple)


def cluttered(random: np.random.Generator, height: int, width: int) -> Floats:
    """Part of a real photo, sometimes out of focus; without photos a table full of objects."""
    photos = [path for path in sorted(SHARED.glob("*")) if path.name in SCENES]
    if not photos or random.random() < 0.35:
        return _full_table(random, height, width)
    photo = to_array(photos[int(random.integers(0, len(photos)))].read_bytes(), 1600)[..., :3]
    zoom = random.uniform(0.5, 1.0)
    tall, wide = int(photo.shape[0] * zoom), int(photo.shape[1] * zoom)
    top = int(random.integers(0, photo.shape[0] - tall + 1))
    left = int(random.integers(0, photo.shape[1] - wide + 1))
    scene = resize(np.ascontiguousarray(photo[top : top + tall, left : left + wide]), width, height)
    blur = random.choice([0.0, 1.5, 4.0, 9.0])
    blurred = cv2.GaussianBlur(scene, (0, 0), blur) if blur else scene
    return np.asarray(blurred, np.float32)


def _full_table(random: np.random.Generator, height: int, width: int) -> Floats:
    scene = np.clip(textured(random, height, width), 0, 255)
    for _ in range(int(random.integers(4, 9))):
        thing = _draw(random, 300)
        scale = random.uniform(0.4, 1.0)
        size = (int(thing.shape[1] * scale), int(thing.shape[0] * scale))
        thing = resize(thing, *size)
        top = int(random.integers(-size[1] // 2, height - size[1] // 2))
        left = int(random.integers(-size[0] // 2, width - size[0] // 2))
        y0, x0 = max(0, top), max(0, left)
        part = thing[y0 - top : height - top, x0 - left : width - left].astype(np.float32)
        where = np.s_[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]]
        weight = part[..., 3:] / 255
        scene[where] = part[..., :3] * weight + scene[where] * (1 - weight)
    return scene


BACKGROUNDS = {"plain": plain, "textured": textured, "cluttered": cluttered}


# ---- light and camera


def shadow(random: np.random.Generator, cover: Floats) -> Floats:
    """A soft shadow, a hard one, or none; darkness 0..1."""
    kind, side = random.random(), cover.shape[1]
    if kind < 0.25:
        return np.zeros_like(cover)
    dx, dy = random.uniform(-0.06, 0.06) * side, random.uniform(0.005, 0.05) * side
    blur = random.uniform(0.01, 0.03) * side if kind < 0.8 else 2.5
    moved = cv2.warpAffine(cover, np.array([[1, 0, dx], [0, 1, dy]], np.float32), cover.shape[::-1])
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), blur) * random.uniform(0.15, 0.5), np.float32)


def photographed(random: np.random.Generator, picture: Floats) -> Bytes:
    cast = 1 + random.normal(0, 0.05, 3)
    exposure = 2 ** random.uniform(-0.5, 0.15)
    noisy = picture * cast * exposure + random.normal(0, random.uniform(0.5, 4), picture.shape)
    soft = cv2.GaussianBlur(as_bytes(noisy.astype(np.float32)), (0, 0), random.uniform(0.3, 1.0))
    quality = int(random.integers(78, 95))
    coded = cv2.imencode(".jpg", soft[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])
