"""The photos: which product stands where, among what, in which light, before which camera."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import mitsuba as mi
import numpy as np
import prints
import products
from camera import Look
from materials import Material, bumpy, matte, surface
from meshes import Array, grid, rotation, rounded_box
from numpy.typing import NDArray
from PIL import Image
from products import Part, Product, placed, tipped
from shoes import Colours, laced_shoe

Lights = dict[str, Any]


@dataclass(frozen=True)
class Camera:
    """Looks at `target` from `distance` cm, `around` degrees right of the front, `above` it."""

    target: tuple[float, float, float]
    distance: float
    around: float = 0
    above: float = 15
    fov: float = 30
    roll: float = 0
    aperture: float = 0.25
    focus_shift: float = 0

    def eye(self) -> Array:
        around, above = np.radians(self.around), np.radians(self.above)
        away = np.array(
            [np.sin(around) * np.cos(above), -np.cos(around) * np.cos(above), np.sin(above)]
        )
        return np.asarray(np.array(self.target) + away * self.distance)

    def up(self) -> list[float]:
        level = rotation("y", self.roll) @ np.array([0, 0, 1.0])
        return list((rotation("z", self.around) @ level).tolist())


@dataclass(frozen=True)
class Scene:
    name: str
    product: Product
    around: Product
    lights: Lights
    camera: Camera
    size: tuple[int, int]
    look: Look = field(default_factory=Look)
    samples: int = 8
    depth: int = 6

    def parts(self) -> Iterator[tuple[str, Part]]:
        for number, part in enumerate(self.product):
            yield f"product_{number}", part
        for number, part in enumerate(self.around):
            yield f"other_{number}", part


# --- Places -----------------------------------------------------------------------------------


def sweep(colour: tuple[int, int, int], depth: float = 45, seed: int = 1) -> Product:
    """A sheet of paper rolling from the table up the wall, slightly wavy."""
    floor = np.stack([np.linspace(-90, depth - 30, 60), np.zeros(60)], 1)
    angle = np.linspace(-np.pi / 2, 0, 50)[1:]
    bend = np.stack([depth - 30 + 30 * np.cos(angle), 30 + 30 * np.sin(angle)], 1)
    wall = np.stack([np.full(40, float(depth)), np.linspace(30, 170, 41)[1:]], 1)
    path = np.concatenate([floor, bend, wall])
    x = np.linspace(-110, 110, 90)
    wave = 0.5 * np.sin(x / 23 + seed)[None, :] * np.clip((path[:, :1] - 18) / 30, 0, 1)
    points = np.stack(
        [
            np.broadcast_to(x, (len(path), 90)),
            path[:, :1] + wave,
            np.broadcast_to(path[:, 1:], (len(path), 90)),
        ],
        -1,
    )
    paper = bumpy(
        matte(prints.plaster(1024, colour, seed, 0.25)), prints.bumps(512, 40, seed), 0.03, (1, 1)
    )
    return [Part(grid(points), paper)]


def table(top: Image.Image, width: float, depth: float, gloss: float, y: float = 0) -> Product:
    """A board whose upper side is z = 0, centred at y."""
    plane = products.flat_sheet(width, depth, 0)
    board = surface(top, gloss, 0.4)
    edge = rounded_box(width + 0.4, depth + 0.4, 3, 0.5).moved(y=y, z=-3.02)
    trim = surface((0.16, 0.08, 0.04), 0.45)
    return [Part(grid(plane).moved(y=y), board), Part(edge, trim)]


def wall(colour: tuple[int, int, int], y: float, seed: int = 3) -> Product:
    sheet = grid(products.upright_sheet(600, 400, 0, 80)).moved(y=y)
    paint = bumpy(
        matte(prints.plaster(1024, colour, seed)), prints.bumps(1024, 9, seed), 0.1, (5, 4)
    )
    return [Part(sheet, paint)]


def oak(seed: int = 1, planks: int = 4) -> Image.Image:
    return prints.wood(4000, 2400, (116, 84, 58), (186, 150, 114), planks, seed)


def walnut(seed: int = 5, planks: int = 5) -> Image.Image:
    return prints.wood(4000, 2400, (58, 38, 27), (108, 76, 54), planks, seed)


# --- Light ------------------------------------------------------------------------------------


def lamp(
    at: tuple[float, float, float],
    towards: tuple[float, float, float],
    size: tuple[float, float],
    colour: tuple[float, float, float],
    power: float,
) -> Material:
    """A rectangle of light; power scales its radiance."""
    frame = mi.ScalarTransform4f().look_at(origin=list(at), target=list(towards), up=[0, 0, 1])
    frame = frame @ mi.ScalarTransform4f().scale([size[0] / 2, size[1] / 2, 1])
    radiance = {"type": "rgb", "value": [power * level for level in colour]}
    return {
        "type": "rectangle",
        "to_world": frame,
        "emitter": {"type": "area", "radiance": radiance},
    }


def window(
    at: tuple[float, float, float],
    towards: tuple[float, float, float],
    size: tuple[float, float],
    power: float,
) -> Material:
    """A window with glazing bars: bright sky above, dimmer garden below."""
    pane = lamp(at, towards, size, (1, 1, 1), 1)
    view = mi.Bitmap(window_view() * np.float32(power))
    pane["emitter"] = {"type": "area", "radiance": {"type": "bitmap", "bitmap": view, "raw": True}}
    return pane


def window_view() -> NDArray[np.float32]:
    rows = np.linspace(0, 1, 240)[:, None, None]
    view = (1 - rows) * np.array([235, 243, 255]) + rows * np.array([120, 132, 104])
    view = np.broadcast_to(view, (240, 180, 3)).copy()
    for bar in (0, 86, 172):
        view[:, bar : bar + 8] = 40
    for bar in (0, 116, 232):
        view[bar : bar + 8] = 40
    return (view / 255).astype(np.float32)


def room(level: float, warm: float = 0.0) -> Material:
    """Light from the rest of the room: bright ceiling, dim floor, a few dark and light shapes."""
    height, width = 128, 256
    rows = np.linspace(0, 1, height)[:, None]
    shade = np.interp(rows, [0, 0.3, 0.5, 0.55, 1], [1.25, 0.95, 0.7, 0.35, 0.3])
    image = np.repeat(np.broadcast_to(shade, (height, width))[..., None], 3, axis=2).copy()
    for left, right, top, bottom, factor in (
        (20, 45, 45, 90, 0.3),
        (70, 110, 50, 75, 0.5),
        (140, 165, 40, 80, 1.9),
        (190, 230, 55, 95, 0.35),
    ):
        image[top:bottom, left:right] *= factor
    image *= np.array([1 + 0.25 * warm, 1.0, 1 - 0.4 * warm]) * level
    turn = mi.ScalarTransform4f().rotate([1, 0, 0], 90)
    return {"type": "envmap", "bitmap": mi.Bitmap(image.astype(np.float32)), "to_world": turn}


# --- Photos -----------------------------------------------------------------------------------


def bottle_on_paper() -> Scene:
    lights = {
        "window": window((-75, -35, 60), (0, 0, 10), (70, 100), 11),
        "bounce": lamp((70, -30, 35), (0, 0, 10), (50, 70), (1, 0.98, 0.95), 0.9),
        "room": room(0.35),
    }
    camera = Camera((0.4, 0, 10.2), 78, around=7, above=11, fov=25, aperture=0.4)
    return Scene(
        "bottle-paper",
        placed(products.shampoo_bottle(), turn=4),
        sweep((222, 219, 212)),
        lights,
        camera,
        (960, 1280),
        Look(exposure=0.35, noise=0.0035),
    )


def mug_on_oak() -> Scene:
    around = [*table(oak(2), 170, 100, 0.42, 15), *wall((196, 190, 178), 130)]
    around += placed(products.plant_pot(), x=26, y=42)
    lights = {"window": window((-90, 10, 55), (0, 0, 5), (90, 110), 10), "room": room(0.3, 0.2)}
    camera = Camera((0.9, 0, 4.6), 62, around=-4, above=19, fov=22, aperture=0.4, focus_shift=-3.5)
    return Scene(
        "mug-oak",
        placed([*products.mug(0), *products.coffee(7.6, 3.74)], turn=8),
        around,
        lights,
        camera,
        (1280, 960),
        Look(noise=0.0035),
    )


def box_on_paper() -> Scene:
    lights = {
        "softbox": lamp((55, -60, 75), (0, 0, 6), (60, 60), (1.0, 0.97, 0.92), 8),
        "room": room(0.45, 0.1),
    }
    camera = Camera((0.5, 0, 6.2), 88, around=27, above=22, fov=22, roll=2.5, aperture=0.35)
    return Scene(
        "box-paper-tilted",
        products.candle_box(),
        sweep((214, 216, 218), 55, 4),
        lights,
        camera,
        (1200, 1200),
        Look(exposure=0.4, noise=0.0035),
    )


def sneaker_on_paper() -> Scene:
    colours = Colours(
        (0.035, 0.09, 0.20),
        (0.72, 0.69, 0.62),
        (0.80, 0.78, 0.72),
        (0.45, 0.07, 0.05),
        (0.78, 0.76, 0.70),
    )
    lights = {
        "window": window((-60, -70, 75), (0, 0, 5), (90, 90), 9),
        "bounce": lamp((80, -20, 40), (0, 0, 5), (60, 60), (1, 1, 1), 0.8),
        "room": room(0.35),
    }
    camera = Camera((8.5, 0, 7.5), 105, around=-14, above=20, fov=25, aperture=0.4)
    shoe = placed(
        [Part(p.mesh.moved(x=-14.5), p.material, p.crease) for p in laced_shoe(colours)],
        x=2,
        turn=14,
    )
    return Scene(
        "sneaker-paper-offcentre",
        shoe,
        sweep((226, 224, 220), 60, 2),
        lights,
        camera,
        (1440, 960),
        Look(exposure=0.45, noise=0.0035),
    )


def jar_on_checks() -> Scene:
    cloth = prints.gingham(2048, 14, (52, 84, 124))
    around = [*table(cloth, 90, 90, 0.9, 10), *wall((176, 160, 140), 110)]
    around += placed(products.mug(40), x=-19, y=24)
    lights = {
        "window": window((80, 20, 55), (0, 0, 6), (80, 90), 10),
        "room": room(0.4, 0.3),
    }
    camera = Camera((-1.5, 0, 6.0), 66, around=6, above=21, fov=25, aperture=0.7)
    return Scene(
        "jar-gingham",
        placed(products.jar_of_almonds(), turn=5),
        around,
        lights,
        camera,
        (960, 1280),
        Look(noise=0.0035),
        samples=16,
        depth=14,
    )


def tumbler_on_paper() -> Scene:
    lights = {
        "softbox": lamp((-60, 25, 45), (0, 0, 6), (60, 80), (1, 1, 1), 7),
        "fill": lamp((60, -40, 50), (0, 0, 6), (40, 40), (1, 0.97, 0.93), 1.5),
        "room": room(0.4),
    }
    camera = Camera((0, 0, 5.6), 60, around=0, above=17, fov=23, aperture=0.25)
    return Scene(
        "glass-paper",
        products.tumbler(),
        sweep((216, 218, 222), 50, 6),
        lights,
        camera,
        (1024, 1280),
        Look(exposure=0.35, noise=0.003),
        samples=16,
        depth=16,
    )


def headphones_on_desk() -> Scene:
    around = [*table(walnut(), 170, 90, 0.38, 20), *wall((148, 156, 160), 95)]
    around += placed(products.book(), x=-24, y=18, turn=24)
    around += placed(products.book(), x=-23, y=19, z=2.85, turn=-8)
    around += placed(products.mug(150), x=25, y=22)
    around += placed([*products.pencil((0.65, 0.35, 0.03))], x=15, y=-8, turn=38)
    around += placed([*products.pencil((0.03, 0.12, 0.3))], x=18.5, y=-5, turn=70)
    around += placed(products.plant_pot(), x=6, y=50)
    lights = {
        "window": window((-85, -25, 60), (0, 0, 8), (80, 100), 10),
        "lamp": lamp((50, 40, 60), (0, 0, 5), (14, 14), (1, 0.72, 0.45), 30),
        "room": room(0.3, 0.3),
    }
    camera = Camera((0, 3, 8.0), 82, around=14, above=17, fov=33, aperture=0.7, focus_shift=-4)
    return Scene(
        "headphones-cluttered",
        placed(products.headphones(), turn=-24),
        around,
        lights,
        camera,
        (1280, 960),
        Look(noise=0.0035),
    )


def perfume_in_lamplight() -> Scene:
    around = [*table(prints.tiles(2048, 7), 84, 84, 0.3, 15), *wall((190, 176, 158), 75)]
    lights = {
        "bulb": lamp((35, -25, 48), (0, 0, 4), (16, 16), (1, 0.82, 0.6), 34),
        "shade": lamp((-50, 20, 40), (0, 0, 4), (30, 50), (1, 0.85, 0.66), 2.2),
        "room": room(0.3, 0.6),
    }
    camera = Camera((0.3, 0, 5.3), 52, around=-18, above=20, fov=23, aperture=0.35)
    return Scene(
        "perfume-tungsten",
        products.perfume(),
        around,
        lights,
        camera,
        (1024, 1280),
        Look(exposure=-0.1, cast=(1.32, 0.92, 0.48), noise=0.0035),
        samples=16,
        depth=14,
    )


def cushion_in_the_dark() -> Scene:
    floor = [*table(oak(9, 7), 260, 180, 0.5, 20), *wall((170, 168, 172), 42)]
    pad = tipped(products.cushion_cover(), "x", 72)
    lights = {"window": window((-120, -60, 90), (0, 0, 15), (70, 100), 9), "room": room(0.22)}
    camera = Camera((1, 8, 18), 150, around=16, above=12, fov=25, aperture=0.5)
    return Scene(
        "cushion-underexposed",
        placed(pad, y=12, turn=6),
        floor,
        lights,
        camera,
        (1200, 1200),
        Look(exposure=-2.3, noise=0.011, vignette=0.35),
    )


def tin_on_counter() -> Scene:
    around = [*table(prints.plaster(2048, (186, 182, 174), 11), 180, 90, 0.35, 20)]
    around += [*wall((205, 196, 176), 90)]
    around += placed(products.lemon(), x=13.5, y=2, turn=30)
    around += placed(products.lemon(), x=18, y=9, turn=-50)
    around += placed(products.jar_of_almonds(), x=-15, y=13, turn=-12)
    around += placed(products.mug(-30), x=17, y=27)
    around += placed(tipped(products.tumbler()[:1], "x", 0), x=-6, y=28)
    around += placed(products.candle_box(), x=-30, y=40, turn=20)
    lights = {
        "window": window((80, 0, 60), (0, 0, 6), (80, 100), 10),
        "room": room(0.45, 0.3),
    }
    camera = Camera(
        (0.8, 2, 6.4), 62, around=-9, above=16, fov=29, roll=-3.5, aperture=0.7, focus_shift=-3
    )
    return Scene(
        "tin-cluttered-tilted",
        placed(products.tin_can(), turn=-14),
        around,
        lights,
        camera,
        (1280, 1024),
        Look(noise=0.003),
        samples=16,
        depth=10,
    )


def book_on_cloth() -> Scene:
    around = [*table(prints.gingham(2048, 9, (150, 40, 44)), 100, 100, 0.9, 10)]
    around += placed(products.pencil((0.03, 0.2, 0.13)), x=13.5, y=-5, turn=82)
    lights = {
        "window": window((-70, 30, 65), (0, 0, 2), (80, 90), 10),
        "room": room(0.4),
    }
    camera = Camera((0.5, 0.3, 1.5), 62, around=8, above=58, fov=30, aperture=0.3)
    return Scene(
        "book-sideways-exif",
        placed(products.book(), turn=-9),
        around,
        lights,
        camera,
        (960, 1280),
        Look(noise=0.003, stored_turn=6),
    )


def pumps_on_rug() -> Scene:
    colours = Colours(
        (0.30, 0.055, 0.045),
        (0.22, 0.04, 0.035),
        (0.74, 0.70, 0.60),
        (0.74, 0.70, 0.60),
        (0.80, 0.77, 0.70),
    )
    shoe = [Part(p.mesh.moved(x=-14.5), p.material, p.crease) for p in laced_shoe(colours, 0.12)]
    mirrored = [Part(p.mesh.scaled(1, -1, 1).flipped(), p.material, p.crease) for p in shoe]
    pair = [*placed(shoe, y=6, turn=22), *placed(mirrored, x=1.5, y=-7, turn=14)]
    around = [*table(walnut(21, 9), 260, 200, 0.45, 30), *wall((160, 150, 138), 85)]
    lights = {
        "lamp": lamp((60, -40, 120), (0, 0, 5), (40, 40), (1, 0.86, 0.68), 14),
        "window": window((-120, 20, 80), (0, 0, 5), (70, 90), 5),
        "room": room(0.3, 0.2),
    }
    camera = Camera((0, 0, 4), 120, around=-24, above=30, fov=25, aperture=0.5)
    return Scene(
        "shoe-pair-floor",
        pair,
        around,
        lights,
        camera,
        (1400, 980),
        Look(exposure=-1.2, cast=(1.06, 1.0, 0.88), noise=0.007),
    )


SCENES: dict[str, Callable[[], Scene]] = {
    "bottle-paper": bottle_on_paper,
    "mug-oak": mug_on_oak,
    "box-paper-tilted": box_on_paper,
    "sneaker-paper-offcentre": sneaker_on_paper,
    "jar-gingham": jar_on_checks,
    "glass-paper": tumbler_on_paper,
    "headphones-cluttered": headphones_on_desk,
    "perfume-tungsten": perfume_in_lamplight,
    "cushion-underexposed": cushion_in_the_dark,
    "tin-cluttered-tilted": tin_on_counter,
    "book-sideways-exif": book_on_cloth,
    "shoe-pair-floor": pumps_on_rug,
}
