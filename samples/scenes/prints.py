"""Everything printed or grown on a surface: labels, covers, wood, cloth and paper."""

from functools import cache
from importlib.resources import files
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Plane = NDArray[np.float32]

FONTS = {
    "sans": ("font_hanken_grotesk", "HankenGrotesk-Regular.otf"),
    "bold": ("font_hanken_grotesk", "HankenGrotesk-Bold.otf"),
    "serif": ("font_source_serif_pro", "SourceSerifPro-Regular.ttf"),
    "serif-bold": ("font_source_serif_pro", "SourceSerifPro-Bold.ttf"),
    "italic": ("font_source_serif_pro", "SourceSerifPro-It.ttf"),
    "round": ("font_fredoka_one", "FredokaOne-Regular.ttf"),
    "hand": ("font_amatic_sc", "AmaticSC-Bold.ttf"),
}


@cache
def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    package, filename = FONTS[name]
    return ImageFont.truetype(str(files(package) / "files" / filename), size)


def sheet(width: int, height: int, colour: Colour) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (width, height), colour)
    return image, ImageDraw.Draw(image)


def write(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    face: str,
    size: int,
    colour: Colour,
    spacing: float = 0,
) -> None:
    """Text centred on `at`, with extra space between the letters (pixels)."""
    letters = font(face, size)
    if spacing == 0:
        draw.text(at, text, colour, letters, anchor="mm", align="center")
        return
    widths = [letters.getlength(letter) + spacing for letter in text]
    x = at[0] - (sum(widths) - spacing) / 2
    for letter, width in zip(text, widths, strict=True):
        draw.text((x, at[1]), letter, colour, letters, anchor="lm")
        x += width


def barcode(draw: ImageDraw.ImageDraw, x: int, y: int, width: int, height: int, seed: int) -> None:
    bars = np.random.default_rng(seed).integers(0, 2, 95)
    draw.rectangle((x - 12, y - 12, x + width + 12, y + height + 12), (250, 250, 248))
    step = width / len(bars)
    for number in np.flatnonzero(bars):
        left = x + number * step
        draw.rectangle((left, y, left + step - 0.5, y + height), (25, 25, 25))


def small_print(
    draw: ImageDraw.ImageDraw, x: int, y: int, lines: list[str], colour: Colour
) -> None:
    for number, line in enumerate(lines):
        draw.text((x, y + number * 30), line, colour, font("sans", 22))


def sprig(
    draw: ImageDraw.ImageDraw, x: float, y: float, length: float, lean: float, colour: Colour
) -> None:
    """A leafy twig growing up from (x, y)."""
    steps = np.linspace(0, 1, 12)
    stem = [(x + lean * t * t * length, y - t * length) for t in steps]
    draw.line(stem, colour, max(2, int(length / 70)))
    for number, (left, top) in enumerate(stem[1:], 1):
        size = length * 0.2 * (1.15 - number / 14)
        side = -1 if number % 2 else 1
        leaf(draw, left, top, size, side * 0.75 + lean * 0.4, colour)


def leaf(
    draw: ImageDraw.ImageDraw, x: float, y: float, size: float, turn: float, colour: Colour
) -> None:
    t = np.linspace(0, 1, 20)
    width = 0.22 * np.sin(np.pi * t)
    outline = np.concatenate([np.stack([width, t], 1), np.stack([-width, t], 1)[::-1]]) * size
    cos, sin = np.cos(turn), np.sin(turn)
    points = [(x + a * cos + b * sin, y + a * sin - b * cos) for a, b in outline]
    draw.polygon(points, colour)


def shampoo_label() -> Image.Image:
    green, ink = (46, 92, 70), (40, 52, 46)
    image, draw = sheet(1500, 1300, (247, 244, 235))
    draw.rectangle((0, 0, 1500, 70), green)
    draw.rectangle((0, 1230, 1500, 1300), green)
    write(draw, (750, 250), "SOLVA", "serif-bold", 210, green, 26)
    write(draw, (750, 400), "BOTANICAL HAIR CARE", "sans", 46, ink, 8)
    for lean, length in ((-0.45, 230), (0.0, 290), (0.45, 230)):
        sprig(draw, 750 + lean * 60, 780, length, lean, (94, 139, 103))
    write(draw, (750, 860), "Neem & Rosemary", "italic", 104, ink)
    write(draw, (750, 970), "STRENGTHENING SHAMPOO", "bold", 50, ink, 5)
    draw.line((560, 1040, 940, 1040), green, 4)
    write(draw, (750, 1115), "250 ml  ·  8.4 fl oz", "sans", 52, ink)
    small_print(
        draw,
        60,
        420,
        [
            "Directions: apply to",
            "wet hair, massage,",
            "rinse well.",
            "",
            "Keep out of reach",
            "of children.",
        ],
        ink,
    )
    barcode(draw, 1240, 500, 190, 210, 3)
    return image


def mug_print() -> Image.Image:
    ink = (28, 58, 92)
    image, draw = sheet(2400, 900, (238, 234, 224))
    x, y = 1200, 400
    draw.ellipse((x - 250, y - 250, x + 250, y + 250), outline=ink, width=14)
    draw.ellipse((x - 222, y - 222, x + 222, y + 222), outline=ink, width=4)
    for side in (-1, 1):
        sprig(draw, x + side * 26, y + 60, 220, side * 0.55, ink)
    write(draw, (x, y + 105), "FERNHILL", "bold", 62, ink, 8)
    write(draw, (x, y + 160), "tea garden", "italic", 50, ink)
    write(draw, (x, y + 345), "EST. 2011", "sans", 44, ink, 12)
    return image


def kraft(width: int, height: int, seed: int) -> Image.Image:
    """Brown board: fibres, flecks and the faint lines of the flutes below."""
    fibres = grain(width, height, 2, 9, seed) * 0.6 + cloud(width, height, 120, seed + 1) * 0.5
    flutes = np.sin(np.arange(width) / 5.2)[None, :] * 0.12
    level = 1 + 0.035 * fibres + 0.03 * flutes
    return tinted(level, (190, 146, 100))


def box_print() -> Image.Image:
    """The 3 x 2 atlas of a rounded box: front, right, back above; left, top, bottom below."""
    image = kraft(2400, 1400, 5)
    draw = ImageDraw.Draw(image)
    box_front(draw, 400, 350)
    box_side(draw, 1200, 350)
    ink = (58, 42, 30)
    write(draw, (1200, 1050), "BRIGHTWICK", "bold", 92, ink, 14)
    draw.rectangle((800, 985, 1600, 990), ink)
    draw.rectangle((800, 1110, 1600, 1115), ink)
    return image


def box_front(draw: ImageDraw.ImageDraw, x: int, y: int) -> None:
    ink, accent = (48, 36, 28), (176, 62, 36)
    draw.ellipse((x - 70, y - 268, x + 70, y - 128), accent)
    flame = [
        (x, y - 250),
        (x + 38, y - 180),
        (x + 20, y - 145),
        (x - 20, y - 145),
        (x - 38, y - 180),
    ]
    draw.polygon(flame, (244, 214, 150))
    write(draw, (x, y - 55), "BRIGHTWICK", "bold", 100, ink, 10)
    write(draw, (x, y + 30), "hand-poured candles", "italic", 58, ink)
    draw.line((x - 240, y + 90, x + 240, y + 90), accent, 6)
    write(draw, (x, y + 150), "12 BEESWAX TEALIGHTS", "bold", 46, ink, 4)
    write(draw, (x, y + 215), "burns 6 hours each · unscented", "sans", 36, ink)


def box_side(draw: ImageDraw.ImageDraw, x: int, y: int) -> None:
    ink = (48, 36, 28)
    write(draw, (x, y - 230), "THIS WAY UP", "bold", 50, ink, 6)
    for side in (-80, 80):
        draw.polygon([(x + side, y - 180), (x + side - 40, y - 120), (x + side + 40, y - 120)], ink)
        draw.rectangle((x + side - 14, y - 120, x + side + 14, y - 50), ink)
    lines = [
        "Never leave a burning candle",
        "unattended. Trim the wick",
        "to 5 mm before lighting.",
    ]
    for number, line in enumerate(lines):
        write(draw, (x, y + 20 + number * 44), line, "sans", 34, ink)
    barcode(draw, x - 140, y + 180, 280, 90, 11)


def tin_label() -> Image.Image:
    red, cream, ink = (178, 34, 30), (246, 236, 208), (44, 38, 30)
    image, draw = sheet(3000, 1250, red)
    for x in (750, 2250):
        draw.rounded_rectangle((x - 560, 110, x + 560, 1140), 60, cream)
        write(draw, (x, 260), "CASA MIRÓ", "serif-bold", 150, red, 10)
        write(draw, (x, 390), "dal 1962", "italic", 66, ink)
        for shift, size in ((-190, 125), (180, 118), (0, 150)):
            tomato(draw, x + shift, 640 + abs(shift) // 8, size)
        write(draw, (x, 900), "CHOPPED TOMATOES", "bold", 84, ink, 4)
        write(draw, (x, 990), "in rich tomato juice", "italic", 62, ink)
        write(draw, (x, 1075), "NET WT 400 g", "sans", 54, ink, 4)
    nutrition_panel(draw, 1330, 330, cream)
    barcode(draw, 1360, 880, 280, 200, 21)
    return image


def tomato(draw: ImageDraw.ImageDraw, x: float, y: float, size: float) -> None:
    for step in range(24):
        t = step / 24
        r = size * (1 - t * 0.85)
        cx, cy = x - t * size * 0.28, y - t * size * 0.3
        draw.ellipse(
            (cx - r, cy - r * 0.92, cx + r, cy + r * 0.92),
            (int(170 + 62 * t), int(28 + 60 * t), int(20 + 36 * t)),
        )
    for turn in np.linspace(-1.4, 1.4, 5):
        leaf(draw, x, y - size * 0.78, size * 0.5, turn, (62, 110, 46))


def nutrition_panel(draw: ImageDraw.ImageDraw, x: int, y: int, colour: Colour) -> None:
    rows = [
        "NUTRITION per 100 g",
        "Energy      92 kJ",
        "Fat            0.1 g",
        "Carbs        3.9 g",
        "Protein      1.1 g",
        "Salt            0.03 g",
    ]
    for number, row in enumerate(rows):
        draw.text((x, y + number * 62), row, colour, font("bold" if number == 0 else "sans", 36))
        draw.line((x, y + 52 + number * 62, x + 350, y + 52 + number * 62), colour, 2)


def book_cover() -> Image.Image:
    """Front cover, 3:4.3: hills, a low sun and an orchard in flat colours."""
    image, draw = sheet(1200, 1720, (233, 196, 142))
    draw.ellipse((700, 420, 1000, 720), (222, 110, 66))
    hills = [((146, 158, 122), 860, 70), ((96, 126, 106), 1010, 90), ((52, 88, 84), 1180, 80)]
    for number, (colour, level, swing) in enumerate(hills):
        x = np.linspace(0, 1200, 80)
        y = level + swing * np.sin(x / (260 - 40 * number) + number * 2)
        draw.polygon([(0, 1720), *zip(x.tolist(), y.tolist(), strict=True), (1200, 1720)], colour)
    orchard(draw)
    write(draw, (600, 190), "THE QUIET", "serif-bold", 150, (40, 52, 58), 10)
    write(draw, (600, 345), "ORCHARD", "serif-bold", 176, (40, 52, 58), 12)
    write(draw, (600, 1560), "LENA FARROW", "bold", 84, (244, 230, 200), 18)
    write(draw, (600, 1650), "a novel", "italic", 58, (244, 230, 200))
    return image


def orchard(draw: ImageDraw.ImageDraw) -> None:
    draw_from = np.random.default_rng(4)
    for row in range(4):
        for x in range(60 + 60 * (row % 2), 1200, 190 - row * 4):
            y, size = 1140 + row * 90 + draw_from.uniform(-10, 10), 38 + row * 9
            draw.rectangle((x - 5, y, x + 5, y + size), (58, 44, 36))
            draw.ellipse(
                (x - size, y - size * 1.3, x + size, y + size * 0.4), (34, 62 + row * 6, 58)
            )
            draw.ellipse(
                (x + size * 0.2, y - size * 0.5, x + size * 0.45, y - size * 0.25), (214, 92, 60)
            )


def book_atlas(cover: Image.Image, spine: Colour, title: str) -> Image.Image:
    """A box atlas: spine on the left side, cover on top, page edges elsewhere."""
    atlas, draw = sheet(2400, 1720 * 2 // 2, spine)
    pages = page_edges(800, 860)
    for column in range(3):
        atlas.paste(pages, (column * 800, 0))
    draw.rectangle((0, 860, 800, 1720), spine)
    write(draw, (400, 1290), title, "serif-bold", 120, (240, 226, 196), 8)
    atlas.paste(cover.resize((800, 860)), (800, 860))
    return atlas


def page_edges(width: int, height: int) -> Image.Image:
    lines = np.random.default_rng(8).normal(0, 1, (height, 1)).astype(np.float32)
    level = 1 + 0.07 * lines + 0.02 * cloud(width, height, 60, 9)
    return tinted(np.broadcast_to(level, (height, width)), (232, 222, 200))


def almond_label() -> Image.Image:
    ink, paper = (72, 46, 30), (240, 228, 204)
    image, draw = sheet(1200, 700, paper)
    draw.rounded_rectangle((24, 24, 1176, 676), 30, outline=ink, width=6)
    write(draw, (600, 190), "Tolly's Pantry", "hand", 210, ink)
    write(draw, (600, 370), "ROASTED ALMONDS", "bold", 92, (150, 70, 34), 5)
    write(draw, (600, 480), "lightly salted", "italic", 68, ink)
    write(draw, (600, 590), "200 g", "bold", 66, ink)
    return image


def perfume_label() -> Image.Image:
    gold, ink = (176, 138, 74), (40, 34, 30)
    image, draw = sheet(900, 700, (250, 247, 240))
    draw.rectangle((26, 26, 874, 674), outline=gold, width=8)
    write(draw, (450, 270), "NOÉMI", "serif", 190, ink, 24)
    draw.line((330, 400, 570, 400), gold, 5)
    write(draw, (450, 470), "EAU DE PARFUM", "sans", 58, ink, 9)
    write(draw, (450, 570), "50 ml", "italic", 56, ink)
    return image


def cloud(width: int, height: int, size: float, seed: int) -> Plane:
    """Smooth noise of zero mean and unit deviation whose blobs are about `size` pixels."""
    return grain(width, height, size, size, seed)


def grain(width: int, height: int, size_x: float, size_y: float, seed: int) -> Plane:
    """Noise with blobs of size_x by size_y pixels; tiles at its edges."""
    shape = (max(2, round(height / max(size_y / 3, 1))), max(2, round(width / max(size_x / 3, 1))))
    noise = np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)
    padded = np.pad(noise, 8, mode="wrap")
    soft = cv2.GaussianBlur(padded, (0, 0), 1.2)
    scale_y, scale_x = height / shape[0], width / shape[1]
    map_x = ((np.arange(width) + 0.5) / scale_x + 7.5).astype(np.float32)
    map_y = ((np.arange(height) + 0.5) / scale_y + 7.5).astype(np.float32)
    grown = cv2.remap(soft, *np.meshgrid(map_x, map_y), cv2.INTER_CUBIC)
    return np.asarray((grown - grown.mean()) / grown.std(), np.float32)


def tinted(level: NDArray[np.floating], colour: Colour) -> Image.Image:
    pixels = np.asarray(level)[..., None] * np.array(colour)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def wood(
    width: int, height: int, dark: Colour, light: Colour, planks: int, seed: int
) -> Image.Image:
    """Planks lying along x with growth rings, pores and gaps between them."""
    image = np.zeros((height, width, 3), np.float32)
    edges = np.linspace(0, height, planks + 1).astype(int)
    for number, (top, bottom) in enumerate(pairwise(edges)):
        image[top:bottom] = plank(width, bottom - top, dark, light, seed + number * 10)
        image[max(top - 2, 0) : top + 2] *= 0.42
    return Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))


def plank(width: int, height: int, dark: Colour, light: Colour, seed: int) -> NDArray[np.float32]:
    draw = np.random.default_rng(seed)
    bend = grain(width, height, width / 2.2, height / 1.6, seed + 1) * 2.0
    fine = grain(width, height, width / 5, height / 9, seed + 2) * 0.35
    across = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * draw.uniform(3, 6)
    rings = 0.5 + 0.5 * np.sin((across + bend + fine) * 4.4 + draw.uniform(0, 6))
    pores = grain(width, height, 90, 2.2, seed + 3)
    mix = 0.55 * rings**1.6 + 0.11 * pores + 0.08 * grain(width, height, 260, 6, seed + 4) + 0.2
    mix = np.clip(mix * draw.uniform(0.82, 1.12), 0, 1.2)[..., None]
    return np.asarray(np.array(light) * (1 - mix) + np.array(dark) * mix, np.float32)


def gingham(size: int, checks: int, colour: Colour) -> Image.Image:
    """Woven check: full colour where both threads are dyed, half where one is."""
    stripe = (np.arange(size) * checks * 2 // size) % 2
    depth = (stripe[:, None] + stripe[None, :]) / 2
    thread = (
        1
        + 0.05
        * np.sin(np.arange(size) * np.pi / 2)[None, :]
        * np.cos(np.arange(size) * np.pi / 2)[:, None]
    )
    white = np.array([243, 240, 232])
    pixels = white * (1 - depth[..., None]) + np.array(colour) * depth[..., None]
    pixels = pixels * (thread + 0.025 * cloud(size, size, 4, 2))[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def tiles(size: int, count: int) -> Image.Image:
    """Patterned cement tiles: a petal in each corner and a ring in the middle."""
    cell = size // count
    image, draw = sheet(size, size, (226, 221, 210))
    blue, sand = (58, 92, 120), (196, 160, 112)
    for row in range(count):
        for column in range(count):
            x, y = column * cell, row * cell
            for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
                cx, cy = x + dx * cell, y + dy * cell
                box = (cx - cell * 0.36, cy - cell * 0.36, cx + cell * 0.36, cy + cell * 0.36)
                start = {(0, 0): 0, (1, 0): 90, (1, 1): 180, (0, 1): 270}[dx, dy]
                draw.pieslice(box, start, start + 90, blue)
            ring(draw, x + cell / 2, y + cell / 2, cell, sand, blue)
            draw.rectangle((x, y, x + cell, y + cell), outline=(150, 146, 138), width=3)
    worn = 1 + 0.035 * cloud(size, size, 160, 6) + 0.02 * cloud(size, size, 6, 7)
    return Image.fromarray(np.clip(np.asarray(image) * worn[..., None], 0, 255).astype(np.uint8))


def ring(
    draw: ImageDraw.ImageDraw, x: float, y: float, cell: float, outer: Colour, inner: Colour
) -> None:
    for radius, colour in ((0.2, outer), (0.13, (226, 221, 210)), (0.08, inner)):
        r = cell * radius
        draw.ellipse((x - r, y - r, x + r, y + r), colour)


def weave(size: int, threads: int, depth: float = 1.0) -> Image.Image:
    """Height map of a plain weave with uneven threads."""
    t = np.arange(size) / size * threads * np.pi
    over = np.abs(np.sin(t))[:, None] * (np.sin(t[None, :] / 1 + np.pi / 2 * 0) > 0)
    across = np.abs(np.sin(t))[None, :] * (np.sin(t)[:, None] <= 0)
    level = 0.55 + 0.4 * np.maximum(over, across) * depth + 0.05 * cloud(size, size, 5, 12)
    return tinted(np.clip(level, 0, 1), (255, 255, 255))


def striped_cloth(size: int) -> Image.Image:
    """Mustard cloth with broken cream and indigo bands."""
    image = np.full((size, size, 3), (196, 142, 52), np.float32)
    bands = [
        (0.12, 0.16, (240, 228, 200)),
        (0.18, 0.20, (44, 56, 92)),
        (0.46, 0.54, (44, 56, 92)),
        (0.485, 0.515, (240, 228, 200)),
        (0.80, 0.82, (44, 56, 92)),
        (0.84, 0.88, (240, 228, 200)),
    ]
    for start, end, colour in bands:
        image[:, int(start * size) : int(end * size)] = colour
    diamonds(image, size)
    image *= (1 + 0.06 * cloud(size, size, 3, 5) + 0.03 * cloud(size, size, 60, 6))[..., None]
    return Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))


def diamonds(image: NDArray[np.float32], size: int) -> None:
    x, y = np.meshgrid(np.arange(size) / size, np.arange(size) / size)
    for centre in (0.33, 0.67):
        inside = np.abs(x - centre) + np.abs((y * 9) % 1 - 0.5) * 0.11 < 0.045
        image[inside] = (240, 228, 200)


def plaster(size: int, colour: Colour, seed: int, uneven: float = 1.0) -> Image.Image:
    blotches = 0.018 * cloud(size, size, 90, seed) + 0.012 * cloud(size, size, 7, seed + 1)
    level = 1 + uneven * blotches
    return tinted(level, colour)


def bumps(size: int, blob: float, seed: int) -> Image.Image:
    """A height map of soft bumps, mid-grey in the mean."""
    return tinted(np.clip(0.5 + 0.16 * cloud(size, size, blob, seed), 0, 1), (255, 255, 255))
