"""Makes labelled pairs for bench/fidelity.py: a raw photo, and a faithful or a damaging edit of it.

Products: the rendered samples (samples/photos with their masks), the transparent PNGs of
../shared/photos, and drawn packages with printed labels. Everything comes from seeds. Half of the
damaged pairs also got every faithful edit at once ("combo").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np

from bench import scenes
from packshot.fidelity import network, text
from packshot.pictures.arrays import Bytes, Floats, Mask, as_bytes, from_lab, resize, to_lab
from packshot.pictures.imaging import to_array
from packshot.pictures.masks import grow, without_specks
from packshot.pictures.model_file import model_path

Random = np.random.Generator
FAITHFUL = (
    "background", "relight", "white balance", "moved", "redrawn", "perspective", "graded", "jpeg",
    "tone", "combo",
)  # fmt: skip
#: Photos without a known mask, cut out by the network. Nothing is fitted on them.
HELD_OUT = (
    "sy_books.jpg", "sy_mugs.jpg", "sy_caps_cap_04.jpg", "f_coffee.png",
    "g_Arla-Standard-Milk_003.jpg", "g_Bravo-Apple-Juice_003.jpg",
    "g_Tropicana-Juice-Smooth_003.jpg", "so_wine-red.png",
)  # fmt: skip


@dataclass(frozen=True)
class Product:
    """A cut-out (RGBA) and, for the samples, the photo it stands in with the product's cover there
    (RGBA). `family`: other flavours."""

    name: str
    source: str  # samples, photos, drawn, held out
    rgba: Bytes = field(repr=False)
    photo: Bytes | None = field(default=None, repr=False)
    family: str = ""


@dataclass(frozen=True)
class Pair:
    """`kind` is a faithful edit or a damage; `size` of what was changed, as a share of the
    product's longer side (text) or of its area (parts), where that has a meaning."""

    product: Product
    kind: str
    faithful: bool
    combined: bool
    enhanced: bytes = field(repr=False)
    size: float = 0.0


# ---- products


def products(drawn: int) -> list[Product]:
    return [*_samples(), *_shared(), *(_package(number) for number in range(drawn))]


def _samples() -> Iterator[Product]:
    for path in sorted((scenes.SAMPLES / "photos").glob("*.jpg")):
        mask = scenes.SAMPLES / "masks" / f"{path.stem}.png"
        if mask.exists():
            photo = to_array(path.read_bytes(), 1152)[..., :3]
            alpha = resize(to_array(mask.read_bytes())[..., 0], photo.shape[1], photo.shape[0])
            whole = np.dstack([photo, alpha])
            yield Product(path.stem, "samples", trimmed(whole), whole)


def _shared() -> Iterator[Product]:
    for name, rgba in scenes.shared_products().items():
        yield Product(name, "photos", np.ascontiguousarray(rgba))


def trimmed(rgba: Bytes) -> Bytes:
    rows = np.flatnonzero((rgba[..., 3] > 8).any(axis=1))
    columns = np.flatnonzero((rgba[..., 3] > 8).any(axis=0))
    part = rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.ascontiguousarray(part)


BRANDS = ("LAGOON", "Nordwind", "TERRA VITA", "Bjørk & Co", "MAISON ÉLAN", "Tresor", "OLIVETO",
          "Sunmill", "KAFFEEHAUS", "Pure Leaf", "BOTANICAL", "Quinta Real", "ALPENGLÜCK", "Morsel",
          "HARBOUR", "Velvet")  # fmt: skip
KINDS_OF_GOODS = ("Body Lotion", "Olive Oil", "Green Tea", "Dark Roast", "Honey Oats", "Shampoo",
                  "Sea Salt", "Crispbread", "Tomato Soup", "Hand Cream")  # fmt: skip
FLAVOURS = ("Lemon & Mint", "Wild Berry", "Vanilla", "Rosemary", "Sweet Orange", "Lavender",
            "Ginger", "Coconut")  # fmt: skip


def _package(number: int) -> Product:
    """A drawn bottle, box, jar or pouch; two neighbours are flavours of one family."""
    family = np.random.default_rng(5000 + number // 2)
    own = np.random.default_rng(7000 + number)
    rgba = _drawn(family, own)
    return Product(f"package-{number:02d}", "drawn", rgba, family=f"package-{number // 2}")


def _drawn(family: Random, own: Random) -> Bytes:
    height, width = 1000, int(family.integers(420, 820))
    alpha = _outline(family, height, width)
    base = own.uniform(30, 235, 3)
    colour = np.ones((height, width, 3), np.float32) * base.astype(np.float32)
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    top, bottom = int(height * family.uniform(0.3, 0.42)), int(height * family.uniform(0.8, 0.93))
    label = own.uniform(0.75, 1.0, 3) * 255 if family.random() < 0.7 else base * 0.85
    colour[top:bottom] = label
    colour[top : top + 14] = colour[bottom - 14 : bottom] = own.uniform(0, 200, 3)
    ink = np.zeros(3) if label.mean() > 120 else np.full(3, 250.0)
    _print(colour, family, own, (top, bottom), ink)
    cap = int(height * 0.1)
    colour[:cap] = own.uniform(20, 235, 3)
    light = 1.0 - family.uniform(0.15, 0.45) * np.abs(x - family.uniform(-0.5, 0.5)) ** 1.5
    grain = cv2.GaussianBlur(own.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 1.5)
    colour = colour * light + (grain * 3)[..., None]
    return trimmed(np.dstack([as_bytes(colour), alpha]))


def _outline(family: Random, height: int, width: int) -> Bytes:
    mask = np.zeros((height, width), np.uint8)
    kind = int(family.integers(0, 3))
    if kind == 0:  # a bottle: shoulders and a neck
        neck = int(width * family.uniform(0.14, 0.25))
        middle, shoulder = width // 2, int(height * 0.26)
        cv2.rectangle(mask, (middle - neck, 0), (middle + neck, shoulder), 255, -1)
        points = np.array([[0, shoulder + 60], [middle - neck, shoulder - 70],
                           [middle + neck, shoulder - 70], [width - 1, shoulder + 60]])  # fmt: skip
        cv2.fillConvexPoly(mask, points.astype(np.int32), 255, cv2.LINE_AA)
        cv2.rectangle(mask, (0, shoulder + 50), (width - 1, height - 1), 255, -1)
    elif kind == 1:  # a box
        mask[:] = 255
    else:  # a jar, a pouch: round corners
        mask[:] = 255
        corner = int(family.uniform(40, 110))
        mask[:corner, :corner] = mask[:corner, -corner:] = 0
        mask[-corner:, :corner] = mask[-corner:, -corner:] = 0
        for x in (corner, width - corner):
            for y in (corner, height - corner):
                cv2.circle(mask, (x, y), corner, 255, -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 1.0), np.uint8)


def _print(colour: Floats, family: Random, own: Random, rows: tuple[int, int], ink: Floats) -> None:
    width = colour.shape[1]
    top, bottom = rows
    room = bottom - top
    words = [
        (str(family.choice(BRANDS)), family.uniform(0.13, 0.2), 700),
        (str(family.choice(KINDS_OF_GOODS)), family.uniform(0.08, 0.11), 400),
        (str(own.choice(FLAVOURS)), family.uniform(0.07, 0.1), 500),
        (f"{int(family.integers(1, 19)) * 50} ml  e", 0.05, 400),
        ("store in a cool dry place", 0.042, 400),
    ]
    y = top + 0.1 * room
    for word, share, weight in words:
        size = room * share
        y += size * 1.25
        _write(colour, word, (width, int(y)), size, weight, ink)
    where = (int(width * family.uniform(0.3, 0.7)), int(top + 0.86 * room))
    shape = int(family.integers(0, 3))
    fill = tuple(float(v) for v in own.uniform(0, 220, 3))
    radius = int(room * 0.07)
    if shape == 0:
        cv2.circle(colour, where, radius, fill, -1, cv2.LINE_AA)
    elif shape == 1:
        cv2.ellipse(colour, where, (radius * 2, radius), 30, 0, 360, fill, -1, cv2.LINE_AA)
    else:
        cv2.rectangle(colour, where, (where[0] + 2 * radius, where[1] + radius), fill, -1)


def _write(
    colour: Floats, word: str, place: tuple[int, int], size: float, weight: int, ink: Floats
) -> None:
    """Write a centred line, compressed if it is too wide."""
    width, y = place
    face = cv2.FontFace("sans")
    drawn = np.zeros((int(size * 1.8), int(size * len(word)) + 40, 3), np.uint8)
    cv2.putText(drawn, word, (10, int(size * 1.2)), (255, 255, 255), face, int(size), weight)
    columns = np.flatnonzero(drawn.any(axis=(0, 2)))
    if not len(columns):
        return
    drawn = np.ascontiguousarray(drawn[:, columns[0] : columns[-1] + 1])
    if drawn.shape[1] > width * 0.86:
        drawn = resize(drawn, int(width * 0.86), drawn.shape[0])
    left, top = (width - drawn.shape[1]) // 2, y - int(size * 1.2)
    drawn = drawn[: max(0, colour.shape[0] - top)]
    cover = drawn[..., :1].astype(np.float32) / 255
    where = np.s_[top : top + drawn.shape[0], left : left + drawn.shape[1]]
    colour[where] = colour[where] * (1 - cover) + ink.astype(np.float32) * cover


# ---- the raw photo


def raw_photo(product: Product, random: Random) -> tuple[Bytes, Bytes]:
    """The raw picture (RGB) and the product cut out of it by its true mask (RGBA)."""
    whole = whole_photo(product, random)
    return np.ascontiguousarray(whole[..., :3]), trimmed(whole)


def whole_photo(product: Product, random: Random) -> Bytes:
    """The raw picture with the product's cover as its alpha."""
    if product.photo is not None:
        return product.photo
    kind = str(random.choice(scenes.KINDS))
    height, width = (1000, 1000) if random.random() < 0.5 else (1100, 860)
    scene = np.clip(scenes.BACKGROUNDS[kind](random, height, width), 0, 255)
    cast = 1 + random.normal(0, 0.1 if random.random() < 0.3 else 0.03, 3)
    fill = random.uniform(0.55, 0.8)
    layer, cover = _placed(product.rgba, height, width, fill, _nothing, random)
    picture = (layer * cover[..., None] + scene * (1 - cover[..., None])) * cast
    picture = picture + random.normal(0, random.uniform(0.5, 3), picture.shape)
    rgb = coded(as_bytes(picture.astype(np.float32)), int(random.integers(80, 95)))
    return np.dstack([rgb, as_bytes(cover * 255)])


def _nothing(size: tuple[int, int]) -> Floats:
    return np.eye(3, dtype=np.float32)


def coded(rgb: Bytes, quality: int) -> Bytes:
    coded = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))[..., ::-1])


def _placed(
    rgba: Bytes,
    height: int,
    width: int,
    fill: float,
    warp: Callable[[tuple[int, int]], Floats],
    random: Random,
) -> tuple[Floats, Floats]:
    """The product's layer and cover (0..1) on a canvas of this size."""
    scale = fill * min(height / rgba.shape[0], width / rgba.shape[1])
    free = (height - rgba.shape[0] * scale, width - rgba.shape[1] * scale)
    top = free[0] / 2 + random.uniform(-0.3, 0.3) * free[0]
    left = free[1] / 2 + random.uniform(-0.3, 0.3) * free[1]
    put = np.array([[scale, 0, left], [0, scale, top], [0, 0, 1]], np.float32)
    matrix = put @ warp((rgba.shape[1], rgba.shape[0]))
    soft = rgba
    if scale < 0.9:
        sigma = 0.45 * (1 / scale**2 - 1) ** 0.5
        soft = np.asarray(cv2.GaussianBlur(rgba, (0, 0), sigma), np.uint8)
    flat = cv2.warpPerspective(
        np.ascontiguousarray(soft[..., :3]), matrix, (width, height), flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    cover = cv2.warpPerspective(
        np.ascontiguousarray(soft[..., 3]), matrix, (width, height), flags=cv2.INTER_LINEAR
    )
    return flat.astype(np.float32), cover.astype(np.float32) / 255


# ---- faithful edits


def enhance(rgba: Bytes, kind: str, random: Random) -> bytes:
    """A faithful picture of the cut-out: new background, shadow, and the edit of this kind."""
    every = kind == "combo"
    pixels = rgba
    if kind == "redrawn" or (every and random.random() < 0.8):
        pixels = _redrawn(pixels, random)
    if kind == "relight" or every:
        pixels = _relit(pixels, random)
    if kind == "white balance" or every:
        gains = 1 + random.uniform(-0.15, 0.15) * np.array([1.0, 0.0, -1.0])
        gains[1] *= 1 + random.uniform(-0.04, 0.04)
        pixels = _recoloured(pixels, pixels[..., :3] * gains.astype(np.float32))
    if kind in ("graded", "tone") or every:
        pixels = _graded(pixels, random, strong=kind != "combo")
    side = int(random.integers(896, 1153))
    height, width = (side, side) if random.random() < 0.6 else (side, side * 4 // 5)
    warp = _warp_of(kind, random)
    layer, cover = _placed(pixels, height, width, random.uniform(0.5, 0.78), warp, random)
    names = ("plain", "plain", "textured")
    scene = np.clip(scenes.BACKGROUNDS[str(random.choice(names))](random, height, width), 0, 255)
    scene = scene * (1 - scenes.shadow(random, cover))[..., None]
    picture = as_bytes(
        (layer * cover[..., None] + scene * (1 - cover[..., None])).astype(np.float32)
    )
    quality = int(random.integers(60, 76)) if kind == "jpeg" or every else 90
    return cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[
        1
    ].tobytes()


def _warp_of(kind: str, random: Random) -> Callable[[tuple[int, int]], Floats]:
    moved = kind in ("moved", "combo")
    degrees = random.uniform(-4, 4) if moved else 0.0
    tilt = np.radians(random.uniform(-3, 3, 2)) if kind in ("perspective", "combo") else np.zeros(2)

    def warp(size: tuple[int, int]) -> Floats:
        width, height = size
        turn = np.eye(3)
        turn[:2] = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
        to = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1.0]])
        away = 3.0 * max(width, height)
        lean = np.array([[np.cos(tilt[0]), 0, 0], [0, np.cos(tilt[1]), 0],
                         [np.sin(tilt[0]) / away, np.sin(tilt[1]) / away, 1]])  # fmt: skip
        return np.asarray(np.linalg.inv(to) @ lean @ to @ turn, np.float32)

    return warp


def _recoloured(rgba: Bytes, rgb: Floats) -> Bytes:
    return np.dstack([as_bytes(np.asarray(rgb, np.float32)), rgba[..., 3]])


def _redrawn(rgba: Bytes, random: Random) -> Bytes:
    """Imitate a model's redrawing: fewer pixels, sharpened, lines displaced by under a pixel."""
    height, width = rgba.shape[:2]
    share = random.uniform(0.5, 0.7)
    small = resize(rgba, max(8, int(width * share)), max(8, int(height * share)))
    back = resize(small, width, height).astype(np.float32)
    back += 0.8 * (back - cv2.GaussianBlur(back, (0, 0), 1.5))
    wobble = [wave * random.uniform(0.3, 0.8) for wave in _waves(random, (height, width), 12)]
    return _displaced(np.clip(back, 0, 255).astype(np.uint8), *wobble)


def _waves(random: Random, shape: tuple[int, int], sigma: float) -> list[Floats]:
    """Two smooth random fields of deviation 1, for x and y."""
    found = []
    for _ in range(2):
        grain = random.normal(0, 1, shape).astype(np.float32)
        field = cv2.GaussianBlur(grain, (0, 0), sigma)
        found.append(field / max(1e-6, float(field.std())))
    return found


def _displaced(rgba: Bytes, dx: Floats, dy: Floats) -> Bytes:
    height, width = rgba.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.asarray(
        cv2.remap(rgba, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def _relit(rgba: Bytes, random: Random) -> Bytes:
    height, width = rgba.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = random.uniform(0, 2 * np.pi)
    light = 1 + random.uniform(0.08, 0.25) * (np.cos(angle) * x + np.sin(angle) * y)
    return _recoloured(rgba, rgba[..., :3] * light[..., None])


def _graded(rgba: Bytes, random: Random, *, strong: bool) -> Bytes:
    """Brightness, contrast and saturation."""
    much = 1.0 if strong else 0.6
    lab = to_lab(np.ascontiguousarray(rgba[..., :3]))
    lightness = np.clip(lab[..., 0] / 100, 0, 1) ** (2 ** random.uniform(-0.4 * much, 0.3 * much))
    lab[..., 0] = 100 * np.clip(
        0.5 + (lightness - 0.5) * (1 + random.uniform(-0.1, 0.2) * much), 0, 1
    )
    lab[..., 1:] *= 1 + random.uniform(-0.08, 0.15) * much
    return np.dstack([from_lab(lab), rgba[..., 3]])


# ---- damage; each returns the changed cut-out and a size, or None if it can't be done

Damaged = tuple[Bytes, float] | None


def hue(delta: float) -> Callable[[Bytes, Random], Damaged]:
    def change(rgba: Bytes, random: Random) -> Damaged:
        lab = to_lab(np.ascontiguousarray(rgba[..., :3]))
        angle = random.uniform(0, 2 * np.pi)
        lab[..., 1:] += delta * np.array([np.cos(angle), np.sin(angle)], np.float32)
        return np.dstack([from_lab(lab), rgba[..., 3]]), delta

    return change


def stretch(percent: float) -> Callable[[Bytes, Random], Damaged]:
    def change(rgba: Bytes, random: Random) -> Damaged:
        height, width = rgba.shape[:2]
        if random.random() < 0.5:
            width = round(width * (1 + percent / 100))
        else:
            height = round(height * (1 + percent / 100))
        resized = cv2.resize(rgba, (width, height), interpolation=cv2.INTER_CUBIC)
        return np.asarray(resized, np.uint8), percent

    return change


def mirror(rgba: Bytes, random: Random) -> Damaged:
    return np.ascontiguousarray(rgba[:, ::-1]), 1.0


def melt(rgba: Bytes, random: Random) -> Damaged:
    """Distort every line: displacements of 8 px and more that vary over about 30 px."""
    side = max(rgba.shape[:2])
    waves = [
        wave * side * random.uniform(0.009, 0.016)
        for wave in _waves(random, (rgba.shape[0], rgba.shape[1]), side * 0.022)
    ]
    return _displaced(rgba, *waves), 1.0


def blurred(rgba: Bytes, random: Random) -> Damaged:
    sigma = max(rgba.shape[:2]) * random.uniform(0.0035, 0.006)
    rgb = cv2.GaussianBlur(rgba[..., :3].copy(), (0, 0), sigma)
    return np.dstack([np.asarray(rgb, np.uint8), rgba[..., 3]]), sigma


def texture(rgba: Bytes, random: Random) -> Damaged:
    """Change the surface on a third of the product: stripes, weave, grain, or smoothed."""
    height, width = rgba.shape[:2]
    blob = cv2.GaussianBlur(
        random.normal(0, 1, (height, width)).astype(np.float32), (0, 0), max(height, width) * 0.12
    )
    inside = rgba[..., 3] > 128
    limit = float(np.percentile(blob[inside], 60))
    cover = np.clip((blob - limit) / (blob.std() * 0.2), 0, 1)[..., None]
    rgb = rgba[..., :3].astype(np.float32)
    kind = int(random.integers(0, 3))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    step = max(height, width) * random.uniform(0.006, 0.015)
    if kind == 0:
        pattern = np.sin((x * np.cos(1.0) + y * np.sin(1.0)) / step) * 22
    elif kind == 1:
        pattern = np.sin(x / step) * np.sin(y / step) * 28
    else:
        pattern = cv2.GaussianBlur(
            random.normal(0, 1, (height, width)).astype(np.float32), (0, 0), step / 2
        )
        pattern = pattern / max(1e-6, float(pattern.std())) * 14
    changed = rgb + pattern[..., None]
    return _recoloured(rgba, rgb * (1 - cover) + changed * cover), 0.4


def part_added(rgba: Bytes, random: Random) -> Damaged:
    """A button, a strap or a copied piece: 1 to 5 % of the product, on it or at its edge."""
    inside = rgba[..., 3] > 128
    share = random.uniform(0.01, 0.05)
    radius = (share * inside.sum() / np.pi) ** 0.5
    edge = random.random() < 0.4
    margin = int(radius * 2) + 4
    canvas = cv2.copyMakeBorder(rgba, margin, margin, margin, margin, cv2.BORDER_CONSTANT)
    rows, columns = np.nonzero(canvas[..., 3] > 128)
    depth = cv2.distanceTransform((canvas[..., 3] > 128).astype(np.uint8), cv2.DIST_L2, 5)
    near = depth[rows, columns]
    good = near < 3 if edge else near > min(radius * 1.1, float(np.percentile(near, 90)))
    pick = int(random.choice(np.flatnonzero(good)))
    centre = (int(columns[pick]), int(rows[pick]))
    cover = np.zeros(canvas.shape[:2], np.uint8)
    axes = (int(radius * random.uniform(0.8, 1.25)), int(radius / random.uniform(0.8, 1.25)))
    if random.random() < 0.6:
        cv2.ellipse(
            cover, centre, axes, float(random.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA
        )
    else:
        box = cv2.boxPoints((centre, (axes[0] * 1.8, axes[1] * 1.8), float(random.uniform(0, 90))))
        cv2.fillConvexPoly(cover, box.astype(np.int32), 255, cv2.LINE_AA)
    median = np.median(canvas[canvas[..., 3] > 128][:, :3], axis=0)
    fill = np.clip(median + random.choice([-1, 1]) * random.uniform(35, 110, 3), 0, 255)
    y = np.linspace(0.85, 1.15, canvas.shape[0], dtype=np.float32)[:, None, None]
    weight = cv2.GaussianBlur(cover, (0, 0), 1.0)[..., None] / np.float32(255)
    rgb = canvas[..., :3] * (1 - weight) + fill * y * weight
    alpha = np.maximum(canvas[..., 3], (weight[..., 0] * 255).astype(np.uint8))
    return trimmed(np.dstack([as_bytes(rgb.astype(np.float32)), alpha])), share


def part_removed(rgba: Bytes, random: Random) -> Damaged:
    """An end cut off (4 to 12 %), or a bite out of the edge (2 to 6 %)."""
    cut = rgba.copy()
    height, width = cut.shape[:2]
    area = float((cut[..., 3] > 128).sum())
    if random.random() < 0.5:
        share = random.uniform(0.05, 0.14)
        side = int(random.integers(0, 4))
        if side == 0:
            cut[: int(height * share), :, 3] = 0
        elif side == 1:
            cut[height - int(height * share) :, :, 3] = 0
        elif side == 2:
            cut[:, : int(width * share), 3] = 0
        else:
            cut[:, width - int(width * share) :, 3] = 0
    else:
        depth = cv2.distanceTransform((cut[..., 3] > 128).astype(np.uint8), cv2.DIST_L2, 5)
        rows, columns = np.nonzero((depth > 0) & (depth < 3))
        pick = int(random.integers(0, len(rows)))
        radius = int((random.uniform(0.03, 0.09) * area / np.pi) ** 0.5)
        hole = np.zeros((height, width), np.uint8)
        cv2.circle(hole, (int(columns[pick]), int(rows[pick])), radius, 255, -1, cv2.LINE_AA)
        cut[..., 3] = np.minimum(cut[..., 3], 255 - hole)
    lost = 1 - float((cut[..., 3] > 128).sum()) / area
    return (cut, lost) if 0.015 < lost < 0.3 else None


# ---- printed text

TextEdit = Callable[[Bytes, list[tuple[int, int]], Random], Bytes | None]


def on_text(edit: TextEdit) -> Callable[[Bytes, Random], Damaged]:
    """Change one line that the reader found on the cut-out."""

    def change(rgba: Bytes, random: Random) -> Damaged:
        lines = lines_on(rgba)
        if not lines:
            return None
        line = lines[int(random.integers(0, len(lines)))]
        crop, matrix = _rectified(rgba, line.quad)
        changed = edit(crop, _letters(crop, len(text.fold(line.text))), random)
        if changed is None:
            return None
        back = cv2.warpPerspective(
            changed, np.linalg.inv(matrix), rgba.shape[1::-1], flags=cv2.INTER_CUBIC
        )
        cover = np.full(crop.shape[:2], 255, np.uint8)
        cover[:2] = cover[-2:] = 0
        cover[:, :2] = cover[:, -2:] = 0
        weight = cv2.warpPerspective(cover, np.linalg.inv(matrix), rgba.shape[1::-1])
        weight = cv2.GaussianBlur(weight, (0, 0), 1.0)[..., None] / np.float32(255)
        rgb = rgba[..., :3] * (1 - weight) + back * weight
        return _recoloured(rgba, rgb), line.height / max(rgba.shape[:2])

    return change


_LINES: dict[tuple[int, ...], list[text.Line]] = {}


def lines_on(rgba: Bytes) -> list[text.Line]:
    """Read once for each cut-out."""
    key = (*rgba.shape, int(rgba[::7, ::7].astype(np.int64).sum()))
    if key not in _LINES:
        rgb = np.where(rgba[..., 3:] > 127, rgba[..., :3], 128).astype(np.uint8)
        found = text.lines_of(np.ascontiguousarray(rgb), (0, 0, rgb.shape[1], rgb.shape[0]))
        _LINES[key] = [line for line in found or () if len(text.fold(line.text)) >= 4]
    return _LINES[key]


def _rectified(rgba: Bytes, quad: Floats) -> tuple[Bytes, Floats]:
    """The line upright at twice its size (RGB), and the matrix that made it."""
    across = float(np.linalg.norm(quad[0] - quad[1]))
    down = float(np.linalg.norm(quad[0] - quad[3]))
    size = (max(16, round(2 * across)), max(16, round(2 * down)))
    corners = np.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], np.float32)
    matrix = cv2.getPerspectiveTransform(quad.astype(np.float32), corners)
    rgb = np.ascontiguousarray(rgba[..., :3])
    crop = cv2.warpPerspective(
        rgb, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(crop, np.uint8), np.asarray(matrix)


def _letters(crop: Bytes, count: int) -> list[tuple[int, int]]:
    """Columns of each letter: gaps in the ink, or the line in equal parts."""
    ink = _ink(crop)
    filled = ink.any(axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], filled.astype(np.int8), [0]])))
    spans = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= 4]
    if 0.6 * count <= len(spans) <= 1.6 * count:
        return spans
    cuts = np.linspace(0, crop.shape[1], max(2, count) + 1).astype(int)
    return [(int(a), int(b)) for a, b in pairwise(cuts)]


def _ink(crop: Bytes) -> Mask:
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    edge = np.concatenate([grey[:3].ravel(), grey[-3:].ravel()])
    apart = np.abs(grey.astype(np.float32) - float(np.median(edge))).astype(np.uint8)
    _, mask = cv2.threshold(apart, 0, 255, cv2.THRESH_OTSU)
    return np.asarray(mask > 0)


def _without_ink(crop: Bytes, left: int, right: int) -> Bytes:
    mask = np.zeros(crop.shape[:2], np.uint8)
    mask[:, left:right] = cv2.dilate(_ink(crop).astype(np.uint8), np.ones((7, 7), np.uint8))[
        :, left:right
    ]
    return np.asarray(cv2.inpaint(crop, mask, 5, cv2.INPAINT_TELEA), np.uint8)


def erased(crop: Bytes, letters: list[tuple[int, int]], random: Random) -> Bytes | None:
    return _without_ink(crop, 0, crop.shape[1])


def typo(crop: Bytes, letters: list[tuple[int, int]], random: Random) -> Bytes | None:
    """Replace one letter by another one of the line."""
    for _ in range(12):
        a, b = (letters[int(i)] for i in random.choice(len(letters), 2, replace=False))
        wide = a[1] - a[0]
        other = cv2.resize(crop[:, b[0] : b[1]].copy(), (wide, crop.shape[0]))
        here = crop[:, a[0] : a[1]]
        if np.abs(other.astype(int) - here).mean() > 0.15 * max(20.0, float(here.std()) * 2):
            changed = crop.copy()
            changed[:, a[0] : a[1]] = other
            return changed
    return None


def swapped(crop: Bytes, letters: list[tuple[int, int]], random: Random) -> Bytes | None:
    """Swap two neighbouring letters."""
    first = int(random.integers(0, len(letters) - 1))
    a, b = letters[first], letters[first + 1]
    left = crop[:, a[0] : a[1]].copy()
    right = crop[:, b[0] : b[1]].copy()
    gap = crop[:, a[1] : b[0]].copy()
    changed = crop.copy()
    changed[:, a[0] : b[1]] = np.concatenate([right, gap, left], axis=1)
    return changed


def word(crop: Bytes, letters: list[tuple[int, int]], random: Random) -> Bytes | None:
    """Another word: all letters in another order."""
    order = random.permutation(len(letters))
    if (order == np.arange(len(order))).mean() > 0.4:
        order = order[::-1]
    parts = [crop[:, letters[int(i)][0] : letters[int(i)][1]] for i in order]
    line = np.concatenate(parts, axis=1)
    changed = _without_ink(crop, 0, crop.shape[1])
    left, right = letters[0][0], letters[-1][1]
    changed[:, left:right] = cv2.resize(line.copy(), (right - left, crop.shape[0]))
    return changed


def garbled(crop: Bytes, letters: list[tuple[int, int]], random: Random) -> Bytes | None:
    """Garble as models do: half of the letters are turned, halved or stretched."""
    changed = crop.copy()
    for left, right in letters:
        if random.random() < 0.6:
            piece = changed[:, left:right]
            kind = int(random.integers(0, 3))
            if kind == 0:
                piece = piece[::-1]
            elif kind == 1:
                piece = piece[:, ::-1]
            else:
                piece = np.roll(piece, piece.shape[0] // 3, axis=0)
            changed[:, left:right] = piece.copy()
    return changed


def half_melted(crop: Bytes, letters: list[tuple[int, int]], random: Random) -> Bytes | None:
    """Distort half of the line."""
    height, width = crop.shape[:2]
    waves = _waves(random, (height, width), height * 0.12)
    start = random.uniform(0.2, 0.5)
    ramp = np.clip((np.linspace(0, 1, width) - start) * 8, 0, 1)[None]
    waves = [each * height * 0.13 * ramp for each in waves]
    dx, dy = (each.astype(np.float32) for each in waves)
    return _displaced(crop, dx, dy)


def text_mirrored(crop: Bytes, letters: list[tuple[int, int]], random: Random) -> Bytes | None:
    return np.ascontiguousarray(crop[:, ::-1])


DAMAGES: dict[str, Callable[[Bytes, Random], Damaged]] = {
    "hue 6": hue(6), "hue 10": hue(10), "hue 20": hue(20),
    "stretched 5": stretch(5), "stretched 10": stretch(10), "stretched 20": stretch(20),
    "mirrored": mirror, "melted": melt, "blurred": blurred, "texture": texture,
    "part added": part_added, "part removed": part_removed,
    "text: word": on_text(word), "text: typo": on_text(typo), "text: swapped": on_text(swapped),
    "text: garbled": on_text(garbled), "text: half melted": on_text(half_melted),
    "text: erased": on_text(erased), "text: mirrored": on_text(text_mirrored),
}  # fmt: skip


# ---- pairs


def pairs_of(
    product: Product, cut: Bytes, others: list[Product], random: Random, faithful: int, damages: int
) -> Iterator[Pair]:
    """Pairs of one raw photo: the given numbers of random faithful edits and random damages."""
    for kind in random.permutation(FAITHFUL)[:faithful]:
        yield Pair(product, str(kind), True, kind == "combo", enhance(cut, str(kind), random))
    names = [*DAMAGES, "other product", "other flavour"]
    made = 0
    for name in random.permutation(names):
        if made == damages:
            return
        damaged = _damaged(str(name), product, cut, others, random)
        if damaged is not None:
            combined = random.random() < 0.5
            edit = "combo" if combined else "background"
            picture = enhance(damaged[0], edit, random)
            yield Pair(product, str(name), False, combined, picture, damaged[1])
            made += 1


def _damaged(
    name: str, product: Product, cut: Bytes, others: list[Product], random: Random
) -> Damaged:
    if name == "other product":
        strangers = [
            one for one in others if (one.family or one.name) != (product.family or product.name)
        ]
        return strangers[int(random.integers(0, len(strangers)))].rgba, 1.0
    if name == "other flavour":
        kin = [one for one in others if one.family == product.family != "" and one is not product]
        return (kin[0].rgba, 1.0) if kin else None
    return DAMAGES[name](cut, random)


# ---- photos that nothing is fitted on


def held_out() -> list[Product]:
    """Photos without a known mask, cut out by the network, whose errors are noise here."""
    found = []
    for name in HELD_OUT:
        path = scenes.SHARED / name
        if path.exists():
            photo = np.ascontiguousarray(to_array(path.read_bytes(), 1152)[..., :3])
            likely = network.likelihood(photo, model_path(None))
            alpha = cv2.resize(likely, photo.shape[1::-1], interpolation=cv2.INTER_CUBIC)
            alpha = as_bytes(np.clip(alpha * 3 - 1, 0, 1) * 255)
            kept = without_specks(alpha > 127)
            alpha[~grow(kept, 2)] = 0
            whole = np.dstack([photo, alpha])
            found.append(Product(path.stem, "held out", trimmed(whole), whole))
    return found
