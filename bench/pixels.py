"""How close the pixel work is to bare libjpeg-turbo, beside Pillow and OpenCV.

    python -m bench pixels

The photos are made here, from fixed seeds: noise with the spectrum of
natural pictures, a sensor's grain, JPEG quality 92 with halved chroma, tagged "turn me right" as a
phone does. Each returns an upright JPEG of at most 2,048 px, quality 90, halved chroma. The limit
is libjpeg-turbo decoding the whole photo and encoding an already small one: no turning, no fitting.
CPU time is the best round in a fresh process. "Two threads against one" is how much faster two get
through the same photos, by the clock: it needs an idle machine. Memory is the peak above what the
process used before its first photo.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import ROOT
from bench.rig import Rig
from bench.table import Line
from packshot.pictures import imaging

SIDE = 2048
QUALITY = 90
PHOTOS = {"12 MP": (4032, 3024), "24 MP": (6048, 4032)}
Work = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Measured:
    """CPU milliseconds for one photo, peak memory in MB, and how much faster two threads are."""

    cpu_ms: float
    memory_mb: float
    two_threads: float  # measured of one contestant only


# ---- the contestants: each imports what it needs, in a separate process


def limit() -> Work:
    import simplejpeg

    fitted: dict[int, NDArray[np.uint8]] = {}

    def work(photo: bytes) -> bytes:
        pixels = simplejpeg.decode_jpeg(photo)
        # The first call is the warm-up, outside of what is measured.
        small = fitted.setdefault(len(photo), _halved(pixels))
        encoded: bytes = simplejpeg.encode_jpeg(small, QUALITY, colorsubsampling="420")
        return encoded

    return work


def _halved(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    step = -(-max(pixels.shape) // SIDE)
    return np.ascontiguousarray(pixels[::step, ::step])


def packshot_fit() -> Work:
    return lambda photo: imaging.fit(photo, SIDE)


def packshot_finish() -> Work:
    spec = imaging.OutputSpec(max_side=SIDE, quality=QUALITY)
    return lambda photo: imaging.finish(photo, spec).data


def opencv() -> Work:
    import cv2

    cv2.setNumThreads(1)

    def work(photo: bytes) -> bytes:
        pixels = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR)
        assert pixels is not None
        height, width = pixels.shape[:2]
        scale = SIDE / max(height, width)
        size = (round(width * scale), round(height * scale))
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()

    return work


def pillow_tuned() -> Work:
    """Shrink while loading, then rotate the small picture: what careful code does."""
    from PIL import Image, ImageOps

    def work(photo: bytes) -> bytes:
        image: Any = Image.open(io.BytesIO(photo))
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)  # drafts and reduces by itself
        return _pillow_jpeg(ImageOps.exif_transpose(image))

    return work


def pillow_plain() -> Work:
    """Rotate first, then shrink: what most code does."""
    from PIL import Image, ImageOps

    def work(photo: bytes) -> bytes:
        image: Any = ImageOps.exif_transpose(Image.open(io.BytesIO(photo)))
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        return _pillow_jpeg(image)

    return work


def _pillow_jpeg(image: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


LIMIT, FIT = "bare libjpeg-turbo (the limit)", "packshot: fit"
CONTESTANTS: dict[str, Callable[[], Work]] = {
    LIMIT: limit,
    FIT: packshot_fit,
    "packshot: finish, 2 previews too": packshot_finish,
    "OpenCV": opencv,
    "Pillow, tuned": pillow_tuned,
    "Pillow, plain": pillow_plain,
}


# ---- the photos


def natural_noise(height: int, width: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Noise whose amplitude falls as 1/frequency, as in photos (Field 1987)."""
    spectrum = np.fft.rfft2(random.standard_normal((height, width), dtype=np.float32))
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    spectrum /= np.maximum(np.hypot(down, across), 1 / max(height, width)) ** 1.2
    noise = np.fft.irfft2(spectrum, (height, width))
    scaled: NDArray[np.float32] = ((noise - noise.mean()) / noise.std()).astype(np.float32)
    return scaled


@cache
def make_photo(width: int, height: int, orientation: int = 6) -> bytes:
    import pyvips

    random = np.random.default_rng(12)
    light = natural_noise(height, width, random)
    channels = [
        # The colours differ by the same noise, taken from far away; and each has its own grain.
        128
        + 45 * light
        + 9 * np.roll(light, (700 * turn, 900 * turn), (0, 1))
        + 1.5 * random.standard_normal((height, width), dtype=np.float32)
        for turn in (1, 2, 3)
    ]
    pixels = np.clip(np.dstack(channels), 0, 255).astype(np.uint8)
    image = pyvips.Image.new_from_array(pixels, interpretation="srgb")
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    encoded: bytes = image.jpegsave_buffer(Q=92, subsample_mode="on")
    return encoded


# ---- measuring, in a separate process


def measure(name: str, path: Path, rounds: int) -> Measured:
    photo, work = path.read_bytes(), CONTESTANTS[name]()
    before = memory("VmRSS")
    work(photo)
    alone = [timed(work, photo) for _ in range(rounds)]
    peak = memory("VmHWM") - before
    wall = min(each[1] for each in alone)
    return Measured(
        cpu_ms=1000 * min(each[0] for each in alone),
        memory_mb=peak,
        two_threads=wall / min(in_two_threads(work, photo) for _ in range(3)) if name == FIT else 0,
    )


def timed(work: Work, photo: bytes) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    work(photo)
    return time.process_time() - cpu, time.perf_counter() - wall


def in_two_threads(work: Work, photo: bytes, photos: int = 4) -> float:
    """Wall-clock seconds per photo."""
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(len, [b"", b""]))  # both threads run
        started = time.perf_counter()
        list(threads.map(work, [photo] * photos))
        return (time.perf_counter() - started) / photos


def memory(field: str) -> float:
    found = re.search(rf"{field}:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def measure_apart(name: str, path: Path, rounds: int) -> Measured:
    command = [sys.executable, "-m", "bench.pixels", name, str(path), str(rounds)]
    return Measured(
        **json.loads(subprocess.check_output(command, env=SINGLE | os.environ, cwd=ROOT))
    )


SINGLE = {"VIPS_CONCURRENCY": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def main(name: str, path: str, rounds: str) -> None:
    print(json.dumps(vars(measure(name, Path(path), int(rounds)))))


# ---- the table


def run(rig: Rig) -> list[Line]:
    lines = []
    for kind in PHOTOS:
        path = rig.folder / f"{kind}.jpg"
        path.write_bytes(make_photo(*PHOTOS[kind]))
        lines += of_photo(kind, path, rig.size(4, 2))
    return lines


def of_photo(kind: str, path: Path, rounds: int) -> list[Line]:
    found = {name: measure_apart(name, path, rounds) for name in CONTESTANTS}
    least = found.pop(LIMIT).cpu_ms
    lines = []
    for name, each in found.items():
        note = f"{each.cpu_ms:.0f} ms CPU, {each.memory_mb:.0f} MB"
        aim = 2.3 if name == FIT else None
        lines.append(Line(f"{kind}, {name}", each.cpu_ms / least, "x", aim, "less", note))
    return [*lines, Line(f"{kind}, two threads against one", found[FIT].two_threads, "x", 1.6)]


if __name__ == "__main__":
    main(*sys.argv[1:])
