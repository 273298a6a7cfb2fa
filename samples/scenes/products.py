"""The goods before the camera, each standing on z = 0, its front towards -y (centimetres)."""

from dataclasses import dataclass

import numpy as np
import prints
from materials import Material, bumpy, clear_glass, glazed, matte, metal, surface
from meshes import (
    Array,
    Mesh,
    capped,
    cushion,
    grid,
    joined,
    oval,
    rounded_box,
    rounded_profile,
    smooth_curve,
    tube,
    turned_solid,
)


@dataclass(frozen=True)
class Part:
    """One mesh with one surface; edges sharper than `crease` degrees stay sharp."""

    mesh: Mesh
    material: Material
    crease: float = 60


Product = list[Part]


def placed(parts: Product, x: float = 0, y: float = 0, z: float = 0, turn: float = 0) -> Product:
    """Turned about z, then moved."""
    return [Part(p.mesh.turned("z", turn).moved(x, y, z), p.material, p.crease) for p in parts]


def tipped(parts: Product, axis: str, degrees: float) -> Product:
    """Rotated about a horizontal axis and set down again on z = 0."""
    turned = [Part(p.mesh.turned(axis, degrees), p.material, p.crease) for p in parts]
    lowest = min(float(p.mesh.vertices[:, 2].min()) for p in turned)
    return placed(turned, z=-lowest)


def wrap(radius: float, low: float, high: float, span: float, depth: float | None = None) -> Mesh:
    """A label round an upright (elliptic) cylinder, centred on -y, `span` degrees wide."""
    angle = np.radians(np.linspace(-90 - span / 2, -90 + span / 2, 120))
    height = np.linspace(low, high, 12)
    x, z = np.meshgrid(radius * np.cos(angle), height)
    y, _ = np.meshgrid((depth or radius) * np.sin(angle), height)
    return grid(np.stack([x, y, z], -1))


def shampoo_bottle() -> Product:
    body = rounded_profile(
        [
            (0, 0.25, 0),
            (2.6, 0, 0.5),
            (3.3, 0, 0.6),
            (3.3, 14.2, 2.2),
            (1.35, 16.4, 1.0),
            (1.35, 17.2, 0),
        ]
    )
    cap = rounded_profile(
        [(1.2, 17.1, 0), (1.75, 17.1, 0.12), (1.7, 20.6, 0.25), (1.3, 20.6, 0.1), (0, 20.5, 0)]
    )
    plastic = surface((0.045, 0.12, 0.075), 0.28, 0.5, clearcoat=0.4, clearcoat_gloss=0.8)
    lid = surface((0.82, 0.80, 0.74), 0.35)
    paper = surface(prints.shampoo_label(), 0.42, 0.4)
    flat = (1.12, 0.84, 1.0)
    seam = tube(ring_path(1.76, 18.9), 0.035)
    return [
        Part(turned_solid(body).scaled(*flat), plastic),
        Part(turned_solid(cap), lid),
        Part(seam, surface((0.45, 0.44, 0.40), 0.5)),
        Part(wrap(3.33 * 1.12, 2.2, 12.6, 172, 3.33 * 0.84), paper),
    ]


def ring_path(radius: float, height: float) -> Array:
    angle = np.linspace(0, 2 * np.pi, 121)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), np.full(121, height)], 1)


def mug(handle_turn: float = 0) -> Product:
    """Stoneware mug, 9.5 cm tall, coloured inside; the handle is on +x."""
    outer = rounded_profile(
        [
            (0, 0.3, 0),
            (2.9, 0.3, 0.1),
            (3.0, 0, 0.1),
            (3.3, 0, 0.25),
            (4.05, 1.2, 0.8),
            (4.1, 9.3, 0.12),
            (3.98, 9.5, 0),
        ]
    )
    inner = rounded_profile([(3.98, 9.5, 0), (3.82, 9.4, 0.12), (3.75, 0.9, 0.9), (0, 0.8, 0)])
    path = smooth_curve(
        [
            (3.75, 0, 7.9),
            (4.8, 0, 8.15),
            (6.5, 0, 7.3),
            (6.9, 0, 5.2),
            (6.0, 0, 3.1),
            (4.7, 0, 2.2),
            (3.7, 0, 1.9),
        ]
    )
    body = turned_solid(outer)
    body = Mesh(
        body.vertices, body.faces, np.stack([body.uv[:, 0] + 0.75, body.vertices[:, 2] / 9.5], 1)
    )
    white = glazed(prints.mug_print())
    glaze = glazed((0.83, 0.79, 0.70))
    handle = swept_handle(path)
    blue = glazed((0.05, 0.13, 0.22))
    return placed(
        [Part(body, white), Part(turned_solid(inner), blue), Part(handle, glaze)], turn=handle_turn
    )


def swept_handle(path: Array) -> Mesh:
    return capped(path, oval(0.95, 1.5, 32, 2.6))


def coffee(level: float, radius: float) -> Product:
    surface_mesh = turned_solid(np.array([[radius, level], [0.0, level]]))
    return [Part(surface_mesh, surface((0.06, 0.03, 0.015), 0.1, 0.5))]


def candle_box() -> Product:
    board = bumpy(surface(prints.box_print(), 0.75, 0.25), prints.bumps(512, 10, 3), 0.01, (9, 6))
    box = rounded_box(16, 9, 13.5, 0.18)
    flap = rounded_box(16.03, 4.49, 0.12, 0.05).moved(y=-2.26, z=13.44)
    other = rounded_box(16.03, 4.47, 0.12, 0.05).moved(y=2.27, z=13.44)
    tape = rounded_box(3.2, 9.1, 0.05, 0.02).moved(z=13.55)
    front_tape = rounded_box(3.2, 0.05, 1.5, 0.02).moved(y=-4.51, z=12.08)
    plain = surface(prints.kraft(1200, 700, 8), 0.75, 0.25)
    film = surface((0.50, 0.33, 0.16), 0.18, 0.5)
    return [
        Part(box, board),
        Part(flap, plain),
        Part(other, plain),
        Part(tape, film),
        Part(front_tape, film),
    ]


def tin_can() -> Product:
    """A 400 g food tin: paper label between two rolled steel rims, ring pull on top."""
    rim = [
        (0, 0.25, 0),
        (3.2, 0.25, 0.1),
        (3.35, 0, 0.08),
        (3.72, 0, 0.12),
        (3.72, 0.4, 0.12),
        (3.6, 0.5, 0.1),
    ]
    top = [
        (3.6, 10.4, 0.1),
        (3.72, 10.5, 0.12),
        (3.72, 10.95, 0.12),
        (3.4, 10.95, 0.08),
        (3.32, 10.5, 0.1),
        (2.7, 10.45, 0.1),
        (2.6, 10.58, 0.08),
        (0, 10.58, 0),
    ]
    shell = rounded_profile([*rim, *top])
    steel = metal("Cr", 0.16)
    label = turned_solid(np.array([[3.63, 0.75], [3.63, 10.15]]))
    label = Mesh(label.vertices, label.faces, label.uv + np.array([0.5, 0]))
    pull = tube(
        smooth_curve(
            [
                (0, -2.3, 10.75),
                (-0.9, -1.6, 10.75),
                (-0.8, -0.3, 10.75),
                (0, 0.1, 10.75),
                (0.8, -0.3, 10.75),
                (0.9, -1.6, 10.75),
                (0, -2.3, 10.75),
            ]
        ),
        0.13,
    )
    return [
        Part(turned_solid(shell), steel, 40),
        Part(label, surface(prints.tin_label(), 0.3, 0.5, clearcoat=0.5, clearcoat_gloss=0.85)),
        Part(pull, steel),
    ]


def book() -> Product:
    """A hardback lying on its back, cover up, spine to the left."""
    cover = prints.book_cover()
    pages = prints.page_edges(900, 900)
    block = rounded_box(13.3, 19.4, 2.3, 0.05).moved(x=0.1, z=0.25)
    cloth = surface((0.05, 0.11, 0.10), 0.6)
    front = rounded_box(14, 20.3, 0.26, 0.09).moved(z=2.55)
    back = rounded_box(14, 20.3, 0.26, 0.09)
    sheet = grid(flat_sheet(13.95, 20.2, 2.815))
    spine = capped(
        np.array([[-6.95, y, 1.4] for y in np.linspace(-10.12, 10.12, 40)]), oval(0.5, 2.8, 40, 3.0)
    )
    return [
        Part(block, surface(pages, 0.8, 0.2)),
        Part(front, cloth),
        Part(back, cloth),
        Part(spine.turned("z", 0), cloth),
        Part(sheet, surface(cover, 0.32, 0.5, clearcoat=0.3, clearcoat_gloss=0.7)),
    ]


def flat_sheet(width: float, depth: float, height: float) -> Array:
    x, y = np.meshgrid(np.linspace(-width / 2, width / 2, 8), np.linspace(-depth / 2, depth / 2, 8))
    return np.stack([x, y, np.full_like(x, height)], -1)


def jar_of_almonds() -> Product:
    glass = rounded_profile(
        [
            (0, 0.35, 0),
            (2.6, 0.3, 0.3),
            (3.0, 0, 0.25),
            (3.9, 0, 0.7),
            (3.9, 9.2, 1.2),
            (3.25, 10.3, 0.5),
            (3.25, 11.4, 0.1),
            (3.0, 11.4, 0.1),
            (3.0, 10.2, 0.5),
            (3.62, 9.1, 1.1),
            (3.62, 0.75, 0.7),
            (0, 0.7, 0),
        ]
    )
    lid = rounded_profile(
        [
            (3.3, 10.5, 0),
            (3.5, 10.45, 0.08),
            (3.5, 11.9, 0.25),
            (2.9, 11.95, 0.15),
            (2.7, 11.8, 0.1),
            (0, 11.8, 0),
        ]
    )
    gold = surface((0.72, 0.50, 0.20), 0.28, metallic=1.0)
    label = surface(prints.almond_label(), 0.6, 0.3)
    return [
        Part(turned_solid(glass), clear_glass()),
        Part(turned_solid(lid), gold, 40),
        Part(wrap(3.93, 2.6, 7.2, 120), label),
        Part(almonds(3.55, 0.75, 8.8), almond_skin()),
    ]


def almond_skin() -> Material:
    return bumpy(surface((0.34, 0.15, 0.06), 0.55, 0.3), prints.bumps(256, 9, 2), 0.04, (1, 1))


def almonds(radius: float, low: float, high: float) -> Mesh:
    """Almonds in random attitudes on a jittered close packing that fills a jar."""
    draw = np.random.default_rng(12)
    kernel = turned_solid(almond_profile(), 18, 16)
    found = []
    for level in np.arange(low + 0.75, high, 0.95):
        for ring, count in ((radius - 0.75, 15), (radius - 1.9, 8), (0.5, 3)):
            for step in range(count):
                angle = 2 * np.pi * (step + draw.uniform(-0.2, 0.2)) / count + level
                seat = kernel.turned("x", draw.uniform(50, 130)).turned("y", draw.uniform(-40, 40))
                seat = seat.turned("z", draw.uniform(0, 360))
                found.append(
                    seat.moved(
                        ring * np.cos(angle), ring * np.sin(angle), level + draw.uniform(-0.2, 0.2)
                    )
                )
    inside = [clipped(mesh, radius) for mesh in found]
    return joined(*inside)


def almond_profile() -> Array:
    t = np.linspace(0, np.pi, 14)
    return np.stack([0.62 * np.sin(t) ** 0.9, -1.05 * np.cos(t) + 0.12 * np.sin(t)], 1)


def clipped(mesh: Mesh, radius: float) -> Mesh:
    """Pushes what would stick through the glass back inside the radius."""
    reach = np.hypot(mesh.vertices[:, 0], mesh.vertices[:, 1])
    shift = np.minimum(1, radius / np.maximum(reach, 1e-9))
    squeezed = mesh.vertices * np.stack([shift, shift, np.ones_like(shift)], 1)
    return Mesh(squeezed, mesh.faces, mesh.uv)


def tumbler() -> Product:
    """A heavy-bottomed drinking glass, two thirds full of iced tea."""
    glass = rounded_profile(
        [
            (0, 0.1, 0),
            (2.4, 0, 0.2),
            (2.9, 0, 0.35),
            (3.75, 11.0, 0.1),
            (3.55, 11.0, 0.1),
            (2.72, 1.6, 0.6),
            (0, 1.5, 0),
        ]
    )
    tea = rounded_profile([(0, 1.52, 0), (2.62, 1.6, 0.5), (3.2, 7.9, 0.05), (0, 7.9, 0)])
    drink: Material = {
        "type": "dielectric",
        "int_ior": 1.33,
        "ext_ior": 1.0,
        "specular_transmittance": {"type": "rgb", "value": [0.93, 0.62, 0.30]},
    }
    return [Part(turned_solid(glass), clear_glass()), Part(turned_solid(tea), drink, 40)]


def perfume() -> Product:
    """A square flask of thick glass with amber scent, a collar and a black cap."""
    flask = rounded_box(6.2, 3.2, 7.6, 0.55)
    scent = rounded_box(5.0, 2.1, 5.4, 0.4).moved(z=0.9)
    amber: Material = {
        "type": "dielectric",
        "int_ior": 1.36,
        "ext_ior": 1.5,
        "specular_transmittance": {"type": "rgb", "value": [0.92, 0.62, 0.34]},
    }
    collar = rounded_profile([(0, 7.5, 0), (1.15, 7.5, 0.08), (1.15, 8.3, 0.08), (0, 8.3, 0)])
    cap = rounded_box(2.9, 2.4, 3.3, 0.22).moved(z=8.3)
    plate = grid(upright_sheet(4.0, 3.1, -1.612, 3.6))
    return [
        Part(flask, clear_glass()),
        Part(scent, amber),
        Part(turned_solid(collar), metal("Au", 0.12), 40),
        Part(cap, surface((0.012, 0.012, 0.014), 0.16, 0.6)),
        Part(plate, surface(prints.perfume_label(), 0.4)),
    ]


def upright_sheet(width: float, height: float, y: float, middle: float) -> Array:
    x, z = np.meshgrid(
        np.linspace(-width / 2, width / 2, 6), np.linspace(-height / 2, height / 2, 6)
    )
    return np.stack([x, np.full_like(x, y), z + middle], -1)


def cushion_cover() -> Product:
    """A stuffed cotton cushion with piping, lying flat."""
    pad = cushion(42, 42, 15, 7).moved(z=7.5)
    cloth = surface(prints.striped_cloth(1600), 0.9, 0.2, sheen=0.4)
    cloth = bumpy(cloth, prints.weave(1024, 160), 0.08, (1, 1))
    t = np.linspace(-1, 1, 120)
    pinch = 1 - 0.09 * (1 - t**2)
    side = np.stack([t * 21, pinch * 21, np.full_like(t, 7.5)], 1)
    piping = [tube(turned_path(side, turn), 0.33) for turn in (0, 90, 180, 270)]
    cord = surface((0.045, 0.06, 0.13), 0.85, 0.2)
    return [Part(pad, cloth, 180), Part(joined(*piping), cord)]


def turned_path(path: Array, degrees: float) -> Array:
    return Mesh(path, np.zeros((0, 3), int), path[:, :2]).turned("z", degrees).vertices


def headphones() -> Product:
    """Over-ear headphones standing on their cups; the band is an arch in the x-z plane."""
    shell = surface((0.022, 0.024, 0.028), 0.38, 0.5)
    leather = bumpy(surface((0.03, 0.028, 0.027), 0.55, 0.4), prints.bumps(512, 6, 4), 0.03, (8, 3))
    copper = surface((0.75, 0.42, 0.27), 0.25, metallic=1.0)
    arch = band_path(8.6, 10.2, 5.6, 180)
    pad = band_path(8.05, 9.75, 5.6, 110)
    parts = [
        Part(capped(arch, oval(0.55, 3.0, 40, 5)), shell),
        Part(capped(pad, oval(0.9, 2.6, 40, 3)), leather),
    ]
    for side in (-1, 1):
        parts.extend(ear_cup(side, shell, leather, copper))
    return parts


def band_path(half_width: float, rise: float, foot: float, span: float) -> Array:
    angle = np.radians(np.linspace(90 + span / 2, 90 - span / 2, 90))
    return np.stack([half_width * np.cos(angle), np.zeros(90), foot + rise * np.sin(angle)], 1)


def ear_cup(side: int, shell: Material, leather: Material, accent: Material) -> Product:
    cup = rounded_profile(
        [(0, 0, 0), (3.5, 0, 0.6), (3.7, 1.9, 0.7), (2.9, 2.7, 0.5), (0, 2.75, 0)]
    )
    ring = rounded_profile(
        [(2.3, 2.72, 0), (2.55, 2.72, 0.1), (2.62, 2.86, 0.06), (2.45, 2.9, 0.06), (2.2, 2.85, 0)]
    )
    pad = rounded_profile(
        [
            (1.6, 0.3, 0),
            (1.8, -1.7, 0.6),
            (3.0, -2.0, 0.6),
            (3.85, -1.4, 0.9),
            (3.6, 0.3, 0.05),
            (1.6, 0.35, 0),
        ]
    )
    yoke = tube(np.array([[0, 3.5, 1.0], [0, 4.4, 1.25], [0, 5.2, 1.2], [0, 6.4, 0.9]]), 0.42)
    parts = [
        Part(turned_solid(cup), shell, 50),
        Part(turned_solid(ring), accent),
        Part(turned_solid(pad), leather),
        Part(yoke, accent),
    ]
    return [Part(standing_cup(p.mesh, side), p.material, p.crease) for p in parts]


def standing_cup(mesh: Mesh, side: int) -> Mesh:
    """Lathe axis z becomes the outward side axis; y becomes up; cup taller than wide."""
    upright = mesh.scaled(0.92, 1.12, 1.0).turned("x", 90).turned("z", 90)
    lean = upright.turned("y", -6)
    turned = lean.turned("z", 180) if side < 0 else lean
    return turned.moved(x=side * 7.6, z=4.4)


def soap_bar() -> Product:
    bar = rounded_box(8.5, 5.6, 2.6, 0.8)
    return [Part(bar, surface((0.72, 0.62, 0.48), 0.5, 0.4))]


def lemon() -> Product:
    t = np.linspace(0, np.pi, 60)
    radius = 2.7 * np.sin(t) ** 0.85
    height = -3.3 * np.cos(t) - 0.5 * np.cos(t) ** 9
    skin = bumpy(surface((0.88, 0.62, 0.06), 0.42, 0.5), prints.bumps(512, 7, 31), 0.05, (3, 2))
    return tipped([Part(turned_solid(np.stack([radius, height], 1)), skin)], "y", 82)


def pencil(colour: tuple[float, float, float]) -> Product:
    body = capped(np.array([[x, 0, 0.36] for x in np.linspace(-8, 7, 12)]), oval(0.72, 0.72, 6))
    tip = (
        turned_solid(np.array([[0.36, 0], [0.04, 1.6], [0.0, 1.7]]), 24)
        .turned("y", 90)
        .moved(x=7, z=0.36)
    )
    return [Part(body, surface(colour, 0.3), 30), Part(tip, surface((0.62, 0.42, 0.24), 0.6))]


def plant_pot() -> Product:
    pot = rounded_profile(
        [
            (0, 0, 0),
            (4.0, 0, 0.3),
            (5.2, 9, 0.2),
            (5.6, 9, 0.1),
            (5.6, 10.5, 0.2),
            (5.0, 10.5, 0.1),
            (4.8, 9, 0),
        ]
    )
    clay = surface((0.50, 0.21, 0.11), 0.8, 0.2)
    soil = turned_solid(np.array([[4.9, 9.4], [0, 9.6]]))
    return [
        Part(turned_solid(pot), clay),
        Part(soil, matte((0.05, 0.035, 0.025))),
        Part(foliage(), surface((0.07, 0.19, 0.055), 0.45, 0.4)),
    ]


def foliage() -> Mesh:
    draw = np.random.default_rng(3)
    return joined(
        *[
            blade(draw.uniform(0, 360), draw.uniform(9, 19), draw.uniform(0.3, 0.9))
            for _ in range(34)
        ]
    )


def blade(turn: float, length: float, bend: float) -> Mesh:
    t = np.linspace(0, 1, 16)
    reach, rise = length * bend * t**1.6, length * (t - 0.55 * bend * t**2.4)
    half = 1.1 * np.sin(np.pi * np.minimum(t * 0.93 + 0.07, 1)) ** 0.8
    s = np.linspace(-1, 1, 5)
    points = np.stack(
        [
            np.broadcast_to(reach[:, None], (16, 5)),
            half[:, None] * s,
            9.4 + rise[:, None] + 0.25 * np.abs(s)[None, :],
        ],
        -1,
    )
    return grid(points).turned("z", turn)
