"""Triangle meshes from numpy: turned, swept, pillowed and implicit shapes (centimetres, z up)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator
from skimage.measure import marching_cubes

Array = NDArray[np.float64]
Field = Callable[[Array, Array, Array], Array]


@dataclass(frozen=True)
class Mesh:
    """Vertices (n, 3), triangles (m, 3) and texture coordinates (n, 2)."""

    vertices: Array
    faces: NDArray[np.int64]
    uv: Array

    def moved(self, x: float = 0, y: float = 0, z: float = 0) -> "Mesh":
        return replace(self, vertices=self.vertices + np.array([x, y, z]))

    def scaled(self, x: float, y: float, z: float) -> "Mesh":
        return replace(self, vertices=self.vertices * np.array([x, y, z]))

    def turned(self, axis: str, degrees: float) -> "Mesh":
        """Rotated about the named axis through the origin, right-handed."""
        return replace(self, vertices=self.vertices @ rotation(axis, degrees).T)

    def flipped(self) -> "Mesh":
        return replace(self, faces=self.faces[:, ::-1])


def rotation(axis: str, degrees: float) -> Array:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = cos
    matrix[first, second], matrix[second, first] = -sin, sin
    return matrix


def joined(*meshes: Mesh) -> Mesh:
    offsets = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([m.faces + at for m, at in zip(meshes, offsets[:-1], strict=True)]),
        np.concatenate([mesh.uv for mesh in meshes]),
    )


def grid(points: Array) -> Mesh:
    """A (rows, columns, 3) lattice as triangles; u runs along the columns, v along the rows."""
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    c, d = index[1:, 1:].ravel(), index[1:, :-1].ravel()
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    u, v = np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows))
    return Mesh(points.reshape(-1, 3), faces, np.stack([u.ravel(), v.ravel()], 1))


def smooth_curve(points: Sequence[tuple[float, ...]], count: int = 120) -> Array:
    """`count` points on a spline through `points`, spaced by arc length."""
    knots = np.asarray(points, float)
    steps = np.r_[0, np.cumsum(np.sqrt(np.linalg.norm(np.diff(knots, axis=0), axis=1)))]
    dense = CubicSpline(steps, knots)(np.linspace(0, steps[-1], count * 8))
    return resampled(dense, count)


def resampled(points: Array, count: int) -> Array:
    lengths = np.r_[0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))]
    wanted = np.linspace(0, lengths[-1], count)
    return np.stack([np.interp(wanted, lengths, column) for column in points.T], 1)


def rounded_profile(corners: list[tuple[float, float, float]], steps: int = 8) -> Array:
    """A polyline of (radius, height, fillet) corners with each corner rounded off by its fillet."""
    points = np.array([corner[:2] for corner in corners], float)
    fillets = fitting(points, np.array([0.0, *(corner[2] for corner in corners[1:-1]), 0.0]))
    result = [points[0]]
    for at in range(1, len(points) - 1):
        before, here, after = points[at - 1 : at + 2]
        result.extend(fillet_arc(before, here, after, fillets[at], steps))
    return np.array([*result, points[-1]])


def fitting(points: Array, fillets: Array) -> Array:
    """Fillets shrunk where two would overlap on the edge they share (the surface would fold)."""
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    room = np.minimum(0.999 * lengths / np.maximum(fillets[:-1] + fillets[1:], 1e-9), 1)
    shrink = np.minimum(np.append(room, 1), np.insert(room, 0, 1))
    return np.asarray(fillets * shrink, np.float64)


def fillet_arc(before: Array, here: Array, after: Array, fillet: float, steps: int) -> list[Array]:
    if fillet == 0:
        return [here]
    back = (before - here) / np.linalg.norm(before - here)
    ahead = (after - here) / np.linalg.norm(after - here)
    start, end = here + back * fillet, here + ahead * fillet
    weights = np.linspace(0, 1, steps)
    return [(1 - t) ** 2 * start + 2 * t * (1 - t) * here + t**2 * end for t in weights]


def turned_solid(profile: Array, segments: int = 192, rows: int = 400) -> Mesh:
    """Lathe: the (radius, height) profile, bottom to top, spun about z; u goes round, v along."""
    dense = resampled(profile, rows)
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    radius, height = dense[:, :1], dense[:, 1:]
    flat = np.broadcast_to(height, (len(dense), len(angle)))
    return grid(np.stack([radius * np.cos(angle), radius * np.sin(angle), flat], -1))


def swept(path: Array, section: Array) -> Mesh:
    """A closed (k, 2) section carried along a (n, 3) path without twist."""
    tangents = np.gradient(path, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    normal = np.cross(tangents[0], [0.123, 0.456, 0.882])
    rings = []
    for point, tangent in zip(path, tangents, strict=True):
        normal = normal - tangent * (normal @ tangent)
        normal /= np.linalg.norm(normal)
        side = np.cross(tangent, normal)
        rings.append(point + section[:, :1] * normal + section[:, 1:] * side)
    return grid(np.array(rings))


def oval(width: float, depth: float, count: int = 24, power: float = 2.0) -> Array:
    """A closed superellipse section (count + 1, 2)."""
    angle = np.linspace(0, 2 * np.pi, count + 1)
    cos, sin = np.cos(angle), np.sin(angle)
    x = width / 2 * np.sign(cos) * np.abs(cos) ** (2 / power)
    y = depth / 2 * np.sign(sin) * np.abs(sin) ** (2 / power)
    return np.stack([x, y], 1)


def tube(points: Array, radius: float, flat: float = 1.0) -> Mesh:
    return capped(points, oval(2 * radius, 2 * radius * flat))


def capped(path: Array, section: Array) -> Mesh:
    """A sweep whose two ends are closed by shrinking the section to a point."""
    body = swept(path, section)
    rings = body.vertices.reshape(len(path), len(section), 3)
    first, last = rings[0].mean(0), rings[-1].mean(0)
    start = np.broadcast_to(first, (1, len(section), 3))
    end = np.broadcast_to(last, (1, len(section), 3))
    return grid(np.concatenate([start, rings, end]))


def rounded_box(width: float, depth: float, height: float, fillet: float, cells: int = 24) -> Mesh:
    """A box standing on z = 0; each face owns one cell of a 3 x 2 texture atlas.

    Atlas, left to right: front (-y), right (+x), back (+y) on top; left (-x), top, bottom below.
    """
    half = np.array([width, depth, height]) / 2
    faces = [box_face(number, half, fillet, cells) for number in range(6)]
    return joined(*faces).moved(z=height / 2)


def box_face(number: int, half: Array, fillet: float, cells: int) -> Mesh:
    axes = [
        ((1, 0, 0), (0, 0, 1)),
        ((0, 1, 0), (0, 0, 1)),
        ((-1, 0, 0), (0, 0, 1)),
        ((0, -1, 0), (0, 0, 1)),
        ((1, 0, 0), (0, 1, 0)),
        ((-1, 0, 0), (0, 1, 0)),
    ]
    across, up = (np.array(axis, float) for axis in axes[number])
    out = np.cross(across, up)
    mesh = grid(lattice(across, up, out, half, fillet, cells))
    inner = half - fillet
    core = np.clip(mesh.vertices, -inner, inner)
    away = mesh.vertices - core
    away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)
    corner = np.array([number % 3 / 3, 0.5 - number // 3 / 2])
    spot = np.stack([mesh.vertices @ across, mesh.vertices @ up], 1)
    size = 2 * np.array([abs(across) @ half, abs(up) @ half])
    uv = corner + (spot / size + 0.5) * np.array([1 / 3, 1 / 2])
    return Mesh(core + away * fillet, mesh.faces, uv)


def lattice(across: Array, up: Array, out: Array, half: Array, fillet: float, cells: int) -> Array:
    """Points on one flat side of a box, denser where the edges will be rounded."""
    u = side_stations(float(abs(across) @ half), fillet, cells)
    v = side_stations(float(abs(up) @ half), fillet, cells)
    plane = u[None, :, None] * across + v[:, None, None] * up
    return plane + out * float(abs(out) @ half)


def side_stations(half: float, fillet: float, cells: int) -> Array:
    bend = np.tan(np.linspace(0, np.pi / 4, 9)) * fillet
    flat = np.linspace(fillet - half, half - fillet, cells)[1:-1]
    return np.concatenate([fillet - half - bend[::-1], flat, half - fillet + bend])


def cushion(width: float, depth: float, thickness: float, seed: int) -> Mesh:
    """A stuffed square lying in the x-y plane, with creases drawn towards the corners."""
    u, v = np.meshgrid(np.linspace(-1, 1, 161), np.linspace(-1, 1, 161))
    pinch_x, pinch_y = 1 - 0.09 * (1 - v**2), 1 - 0.09 * (1 - u**2)
    dome = np.maximum((1 - u**2) * (1 - v**2), 0) ** 0.36
    folds = fold_pattern(u, v, seed)
    top = dome * (1 + folds * 0.075) * thickness / 2
    base = np.stack([u * pinch_x * width / 2, v * pinch_y * depth / 2], -1)
    upper = grid(np.concatenate([base, top[..., None]], -1))
    lower = grid(np.concatenate([base, -top[..., None]], -1)).flipped()
    return joined(upper, lower)


def fold_pattern(u: Array, v: Array, seed: int) -> Array:
    draw = np.random.default_rng(seed)
    total = np.zeros_like(u)
    for corner_u, corner_v in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        distance = np.hypot(u - corner_u, v - corner_v)
        angle = np.arctan2((v - corner_v) * -corner_v, (u - corner_u) * -corner_u)
        waves = np.sin(angle * draw.uniform(9, 13) + draw.uniform(0, 6))
        total += waves * np.exp(-((distance - 0.45) ** 2) / 0.12)
    for _ in range(7):
        slope, turn, phase = draw.uniform(-3, 3), draw.uniform(-3, 3), draw.uniform(0, 6)
        total += 0.35 * np.sin(u * slope + v * turn + phase + np.sin(2 * u + phase))
    return total


def surface_of(field: Field, low: Array, high: Array, step: float) -> Mesh:
    """The zero level of a signed field (negative inside), with x and z + |y| as texture (cm)."""
    axes = [np.arange(a, b + step, step) for a, b in zip(low, high, strict=True)]
    values = field(*np.meshgrid(*axes, indexing="ij"))
    vertices, faces, _, _ = marching_cubes(values, 0.0, spacing=(step,) * 3)
    vertices = vertices.astype(float) + np.asarray(low)
    uv = np.stack([vertices[:, 0], vertices[:, 2] - np.abs(vertices[:, 1])], 1)
    return Mesh(vertices, faces.astype(np.int64), uv)


def stations(points: dict[float, float]) -> Callable[[Array], Array]:
    """A monotone curve through {position: value}, flat beyond its ends."""
    at, values = np.array(list(points)), np.array(list(points.values()))
    curve = PchipInterpolator(at, values)
    return lambda x: np.asarray(curve(np.clip(x, at[0], at[-1])))


def normals_of(mesh: Mesh, crease: float) -> tuple[Mesh, Array]:
    """Smooth normals over vertices that share a place; edges sharper than `crease` degrees stay.

    Returns the mesh with one vertex per triangle corner, and the normals (3 m, 3).
    """
    corners = mesh.vertices[mesh.faces]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    _, place = np.unique(np.round(mesh.vertices, 4), axis=0, return_inverse=True)
    place = place.ravel()[mesh.faces].ravel()
    total = np.zeros((place.max() + 1, 3))
    np.add.at(total, place, np.repeat(facing, 3, axis=0))
    normal = unit(total)[place]
    flat = unit(np.repeat(facing, 3, axis=0))
    sharp = (normal * flat).sum(1) < np.cos(np.radians(crease))
    normal[sharp] = flat[sharp]
    order = np.arange(len(place)).reshape(-1, 3)
    flat_index = mesh.faces.ravel()
    return Mesh(mesh.vertices[flat_index], order, mesh.uv[flat_index]), normal


def unit(vectors: Array) -> Array:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), np.float64)


def write_ply(mesh: Mesh, path: Path, crease: float = 60) -> None:
    """Binary PLY with normals and texture coordinates."""
    loose, normal = normals_of(mesh, crease)
    header = "ply\nformat binary_little_endian 1.0\n"
    header += f"element vertex {len(loose.vertices)}\n"
    header += "".join(
        f"property float {name}\n" for name in ("x", "y", "z", "nx", "ny", "nz", "u", "v")
    )
    header += (
        f"element face {len(loose.faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    flipped = np.stack([loose.uv[:, 0], 1 - loose.uv[:, 1]], 1)  # Mitsuba's v runs down the picture
    rows = np.concatenate([loose.vertices, normal, flipped], 1).astype("<f4")
    faces = np.empty(len(loose.faces), dtype=[("count", "u1"), ("index", "<i4", (3,))])
    faces["count"], faces["index"] = 3, loose.faces
    path.write_bytes(header.encode() + rows.tobytes() + faces.tobytes())


def ring_of(radius: float, thickness: float) -> Mesh:
    """A flat-lying torus about z."""
    angle = np.linspace(0, 2 * np.pi, 25)
    circle = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.zeros(25)], 1)
    return tube(circle, thickness)
