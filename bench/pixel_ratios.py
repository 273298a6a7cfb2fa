"""The pixel work as ratios to bare libjpeg-turbo; bench/pixels.py has the rest."""

from __future__ import annotations

from pathlib import Path

from bench import pixels
from bench.rig import Rig
from bench.table import Line

FIT = "packshot: fit"
NAMES = (
    "bare libjpeg-turbo (the limit)",
    FIT,
    "packshot: finish, 2 previews too",
    "OpenCV",
    "Pillow, tuned",
    "Pillow, plain",
)


def run(rig: Rig) -> list[Line]:
    lines = []
    for kind in ("12 MP", "24 MP"):
        path = Path(rig.folder) / f"{kind}.jpg"
        path.write_bytes(pixels.make_photo(*pixels.PHOTOS[kind]))
        lines += of_photo(kind, path, rig.size(4, 2))
    return lines


def of_photo(kind: str, path: Path, rounds: int) -> list[Line]:
    found = {
        name: pixels.measure_apart(name, path, rounds, two_threads=name == FIT) for name in NAMES
    }
    least = found[NAMES[0]].cpu_ms
    lines = []
    for name in NAMES[1:]:
        aim = 2.3 if name == FIT else None
        note = f"{found[name].cpu_ms:.0f} ms CPU, {found[name].memory_mb:.0f} MB"
        lines.append(Line(f"{kind}, {name}", found[name].cpu_ms / least, "x", aim, "less", note))
    two = found[FIT].two_threads
    lines.append(Line(f"{kind}, two threads against one", two, "x", 1.6))
    return lines
