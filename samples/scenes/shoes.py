"""A laced canvas shoe as implicit surfaces: last, panels, sole and laces (x runs heel to toe)."""

from dataclasses import dataclass

import numpy as np
import prints
from materials import Material, bumpy, surface
from meshes import (
    Array,
    Field,
    Mesh,
    joined,
    oval,
    ring_of,
    smooth_curve,
    stations,
    surface_of,
    swept,
    tube,
)
from products import Part, Product

HALF_WIDTH = stations(
    {
        -0.6: 1.9,
        0.3: 2.3,
        1.5: 2.85,
        4: 3.3,
        9: 3.05,
        13: 3.2,
        17: 3.95,
        21: 4.5,
        24.5: 4.25,
        27: 3.2,
        28.6: 1.8,
        29.3: 0.3,
    }
)
MIDDLE = stations({0: 0.0, 9: -0.1, 15: 0.2, 21: 0.5, 29.3: 0.35})
RISE = stations(
    {-0.2: 12.0, 8: 12.0, 11: 9.6, 14: 7.6, 18: 5.7, 22: 4.4, 26: 3.6, 28.2: 2.8, 29.3: 1.4}
)
COLLAR = stations({-1: 8.6, 0.6: 8.3, 3: 7.0, 6: 6.3, 9: 6.9, 11: 8.6, 12.6: 14})
SPRING = stations({0: 0.12, 4: 0.0, 18: 0.0, 24: 0.45, 29.5: 1.7})
FLOOR = 1.7
POWER = 2.5


@dataclass(frozen=True)
class Colours:
    canvas: tuple[float, float, float]
    panel: tuple[float, float, float]
    sole: tuple[float, float, float]
    stripe: tuple[float, float, float]
    lace: tuple[float, float, float]


def smooth_max(first: Array, second: Array, width: float) -> Array:
    blend = np.maximum(width - np.abs(first - second), 0) / width
    return np.maximum(first, second) + blend**2 * width / 4


def last(x: Array, y: Array, z: Array) -> Array:
    """Signed distance (about) to the foot-shaped form the upper is drawn over."""
    lift = z - FLOOR - SPRING(x)
    lean = 1 - 0.20 * np.clip(lift / 9, 0, 1) ** 1.4
    side = np.abs(y - MIDDLE(x)) / (HALF_WIDTH(x) * lean)
    top = np.maximum(lift, 0) / RISE(x)
    radius = (side**POWER + top**POWER) ** (1 / POWER)
    scale = np.minimum(HALF_WIDTH(x), RISE(x))
    ends = smooth_max(-0.05 - x, x - 29.25, 0.5)
    return smooth_max((radius - 1) * scale, ends, 1.2)


def upper(x: Array, y: Array, z: Array) -> Array:
    q = last(x, y, z)
    shell = smooth_max(q, -(q + 0.34), 0.12)
    return smooth_max(smooth_max(shell, z - COLLAR(x), 0.25), 1.2 + SPRING(x) - z, 0.1)


def panel(region: Field, thickness: float) -> Field:
    """A second layer lying on the upper wherever `region` is negative."""

    def field(x: Array, y: Array, z: Array) -> Array:
        q = last(x, y, z)
        layer = smooth_max(q - thickness, -(q + 0.1), 0.08)
        cut = smooth_max(region(x, y, z), z - COLLAR(x) + 0.02, 0.1)
        return smooth_max(layer, smooth_max(cut, 1.2 + SPRING(x) - z, 0.1), 0.1)

    return field


def heel_region(x: Array, y: Array, z: Array) -> Array:
    return x - 3.4 - 0.30 * (z - 2) + 0.05 * (z - 2) ** 2


def eyestay_region(x: Array, y: Array, z: Array) -> Array:
    """Both sides of the throat, running down towards the sole."""
    out = np.abs(y - MIDDLE(x))
    throat = 1.15 - out
    front = x - 20.2 - 0.25 * (z - 5)
    back = 10.4 - x + 0.55 * np.maximum(6.6 - z, 0)
    strip = smooth_max(throat, out - 2.75, 0.3)
    return smooth_max(smooth_max(strip, front, 0.6), back, 0.6)


def toe_region(x: Array, y: Array, z: Array) -> Array:
    return 24.6 - x + 0.055 * (y - MIDDLE(x)) ** 2


def sole(x: Array, y: Array, z: Array) -> Array:
    side = np.abs(y - MIDDLE(x)) - HALF_WIDTH(x) - 0.32
    ends = smooth_max(-0.7 - x, x - 29.75, 0.6)
    height = 2.75 + 0.75 * SPRING(x) + 0.4 * np.clip((x - 22) / 7, 0, 1)
    slab = smooth_max(z - height, SPRING(x) - z, 0.3)
    return smooth_max(smooth_max(side, ends, 1.2), slab, 0.3)


def stripe(x: Array, y: Array, z: Array) -> Array:
    band = np.abs(z - 2.2 - 0.75 * SPRING(x) - 0.4 * np.clip((x - 22) / 7, 0, 1)) - 0.12
    return smooth_max(sole(x, y, z) - 0.05, band, 0.05)


def outsole(x: Array, y: Array, z: Array) -> Array:
    treads = 0.05 * np.sign(np.sin(x * 5.2))
    return smooth_max(sole(x, y, z) - 0.06 - treads, z - 0.55 - SPRING(x), 0.1)


def over_upper(x: float, y: float, lift: float) -> tuple[float, float, float]:
    """The point on the upper above (x, y), raised by `lift`."""
    at = np.array(x, float)
    side = min(abs(y - float(MIDDLE(at))) / (float(HALF_WIDTH(at)) * 0.86), 0.97)
    height = float(RISE(at)) * (1 - side**POWER) ** (1 / POWER)
    return x, y, FLOOR + float(SPRING(at)) + height + lift


def lace_rows() -> list[Mesh]:
    rows = []
    for number, x in enumerate(np.linspace(12.6, 18.9, 6)):
        middle = float(MIDDLE(np.array(x)))
        reach = 1.75 + 0.05 * number
        across = [
            over_upper(x + 0.10 * t, middle + reach * t, 0.12 + 0.22 * (1 - t * t))
            for t in np.linspace(-1, 1, 9)
        ]
        rows.append(swept(smooth_curve(across, 50), oval(0.22, 0.75, 20, 3)))
    return rows


def bow() -> list[Mesh]:
    x, y, z = over_upper(12.4, float(MIDDLE(np.array(12.4))), 0.55)
    meshes = [
        tube(smooth_curve([(x, y - 0.35, z), (x + 0.1, y, z + 0.15), (x, y + 0.35, z)], 20), 0.36)
    ]
    for side in (-1, 1):
        loop = [
            (x, y, z),
            (x - 0.8, y + side * 2.0, z + 0.5),
            (x - 0.2, y + side * 3.7, z - 1.3),
            (x + 1.1, y + side * 3.4, z - 1.6),
            (x + 0.9, y + side * 1.6, z - 0.0),
            (x, y, z),
        ]
        end = [
            (x, y, z),
            (x + 1.4, y + side * 1.7, z - 0.2),
            (x + 2.2, y + side * 3.2, z - 2.2),
            (x + 2.9, y + side * 3.9, z - 3.6),
        ]
        meshes += [swept(smooth_curve(path, 70), oval(0.2, 0.55, 16, 3)) for path in (loop, end)]
    return meshes


def eyelets() -> list[Mesh]:
    found = []
    for number, x in enumerate(np.linspace(12.6, 18.9, 6)):
        middle = float(MIDDLE(np.array(x)))
        for side in (-1, 1):
            centre = np.array(over_upper(x, middle + side * (1.75 + 0.05 * number), 0.12))
            found.append(ring_of(0.24, 0.07).turned("x", side * -35).turned("y", 16).moved(*centre))
    return found


def stitches() -> list[Mesh]:
    """Thread along the collar edge, both sides."""
    found = []
    for side in (-1, 1):
        points = []
        for x in np.linspace(0.9, 10.6, 24):
            z = float(COLLAR(np.array(x))) - 0.45
            points.append((x, side_of(x, z, side), z))
        found.append(tube(smooth_curve(points, 100), 0.05))
    return found


def side_of(x: float, z: float, side: int) -> float:
    at = np.array(x)
    lift = z - FLOOR - float(SPRING(at))
    lean = 1 - 0.20 * float(min(max(lift / 9, 0), 1) ** 1.4)
    reach = float((1 - min(lift / float(RISE(at)), 0.99) ** POWER) ** (1 / POWER))
    return float(MIDDLE(at)) + side * (reach * float(HALF_WIDTH(at)) * lean)


def laced_shoe(colours: Colours, step: float = 0.1) -> Product:
    low, high = np.array([-1.2, -5.8, -0.4]), np.array([30.6, 6.2, 12.2])
    cloth = bumpy(
        surface(colours.canvas, 0.85, 0.25, sheen=0.3), prints.weave(512, 20), 0.06, (0.25, 0.25)
    )
    hide = bumpy(surface(colours.panel, 0.5, 0.4), prints.bumps(512, 8, 9), 0.03, (0.15, 0.15))
    rubber = surface(colours.sole, 0.55, 0.4)
    layers: list[tuple[Field, Material]] = [
        (upper, cloth),
        (panel(heel_region, 0.10), hide),
        (panel(eyestay_region, 0.12), hide),
        (panel(toe_region, 0.14), hide),
        (sole, rubber),
        (stripe, surface(colours.stripe, 0.5)),
        (outsole, surface((0.20, 0.10, 0.04), 0.7)),
    ]
    parts = [Part(surface_of(field, low, high, step), material, 75) for field, material in layers]
    laces = bumpy(surface(colours.lace, 0.85, 0.2), prints.weave(256, 16), 0.05, (3, 30))
    steel = surface((0.6, 0.6, 0.6), 0.3, metallic=1.0)
    return [
        *parts,
        Part(joined(*lace_rows(), *bow()), laces),
        Part(joined(*eyelets()), steel),
        Part(joined(*stitches()), surface(colours.lace, 0.8)),
    ]
