"""How close the pixel work is to bare libjpeg-turbo, beside Pillow and OpenCV.

    python bench/pixels.py                  12 and 24 MP, and 12 MP in Display P3
    python bench/pixels.py --rounds 9       more rounds: the best of each counts

Needs requirements-bench.txt. The photos are made here, from fixed seeds: noise with the spectrum of
natural pictures, a sensor's grain, JPEG quality 92 with halved chroma, tagged "turn me right" as a
phone does. Each returns an upright JPEG of at most 2,048 px, quality 90, halved chroma. The limit
is libjpeg-turbo decoding the whole photo and encoding an already small one: no turning, no fitting.
CPU time is the best round in a fresh process. "2 threads" is how much faster two threads get
through the same photos, by the clock: it needs an idle machine. Memory is the peak above what the
process used before its first photo.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from packshot.pictures import imaging

SIDE = 2048
QUALITY = 90
PHOTOS = {
    "12 MP": (4032, 3024, "srgb"),
    "24 MP": (6048, 4032, "srgb"),
    "12 MP P3": (4032, 3024, "p3"),
}
Work = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Measured:
    """CPU milliseconds for one photo, peak memory in MB, and how much faster two threads are."""

    cpu_ms: float
    memory_mb: float
    two_threads: float  # 0 if it was not asked for


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
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    if profile:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        image = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, icc_profile=None)
    return file.getvalue()


CONTESTANTS: dict[str, Callable[[], Work]] = {
    "bare libjpeg-turbo (the limit)": limit,
    "packshot: fit": packshot_fit,
    "packshot: finish, 2 previews too": packshot_finish,
    "OpenCV": opencv,
    "Pillow, tuned": pillow_tuned,
    "Pillow, plain": pillow_plain,
}
IGNORES_PROFILES = ("bare libjpeg-turbo (the limit)", "OpenCV")


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
def make_photo(width: int, height: int, space: str, orientation: int = 6) -> bytes:
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
    if space != "srgb":
        image = image.icc_transform(space, input_profile="srgb")
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    encoded: bytes = image.jpegsave_buffer(Q=92, subsample_mode="on")
    return encoded


# ---- measuring, in a separate process


def measure(name: str, path: Path, rounds: int, two_threads: bool) -> Measured:
    photo, work = path.read_bytes(), CONTESTANTS[name]()
    before = memory("VmRSS")
    work(photo)
    alone = [timed(work, photo) for _ in range(rounds)]
    peak = memory("VmHWM") - before
    wall = min(each[1] for each in alone)
    return Measured(
        cpu_ms=1000 * min(each[0] for each in alone),
        memory_mb=peak,
        two_threads=wall / min(in_two_threads(work, photo) for _ in range(3)) if two_threads else 0,
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


def measure_apart(name: str, path: Path, rounds: int, *, two_threads: bool = True) -> Measured:
    command = [sys.executable, __file__, "--one", name, str(path), "--rounds", str(rounds)]
    command += ["--two-threads"] if two_threads else []
    return Measured(**json.loads(subprocess.check_output(command, env=SINGLE | os.environ)))


SINGLE = {"VIPS_CONCURRENCY": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


# ---- the table


def print_table(kind: str, path: Path, rounds: int) -> None:
    size = path.stat().st_size / 1e6
    print(f"\n{kind} ({size:.1f} MB)            CPU ms   x limit   2 threads   memory MB")
    least = None
    for name in CONTESTANTS:
        measured = measure_apart(name, path, rounds)
        least = least or measured.cpu_ms
        note = "   profile ignored" if "P3" in kind and name in IGNORES_PROFILES else ""
        print(
            f"{name:32} {measured.cpu_ms:6.0f} {measured.cpu_ms / least:9.2f} "
            f"{measured.two_threads:11.2f} {measured.memory_mb:11.0f}{note}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs=2, metavar=("NAME", "PHOTO"), help=argparse.SUPPRESS)
    parser.add_argument("--two-threads", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, photo = options.one
        measured = measure(name, Path(photo), options.rounds, options.two_threads)
        print(json.dumps(vars(measured)))
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, best of {options.rounds} rounds")
    with tempfile.TemporaryDirectory() as folder:
        for kind, (width, height, space) in PHOTOS.items():
            path = Path(folder) / f"{kind}.jpg"
            path.write_bytes(make_photo(width, height, space))
            print_table(kind, path, options.rounds)


if __name__ == "__main__":
    main()
