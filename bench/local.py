"""The local enhancer beside rembg with the same network, and a whole catalogue on all cores.

    python -m bench local                the table of docs/performance.md, with a catalogue of 500
    python -m bench.local --photos 40    a smaller catalogue
    REMBG_PYTHON=venv/bin/python ...     rembg beside it: a Python with `pip install "rembg[cpu]"`

12 MP JPEGs, enlarged from samples/photos with a sensor's grain. Each contestant runs in a separate
process with one thread; the first photo warms it up and does not count. rembg makes one picture a
photo: decoded upright, cut out, laid on white, fitted into 2,048 px, JPEG. Packshot makes three,
each as the server finishes it, with previews. Memory is the process's peak.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from bench import ROOT
from bench.rig import Rig
from bench.table import Line, show
from packshot.enhancers.local import darkroom
from packshot.enhancers.local.order import Order
from packshot.pictures import imaging, model_file
from packshot.pictures.child_processes import SINGLE_THREADED, Pixels

NAMES = ("mug-oak", "bottle-paper", "shoe-pair-floor", "headphones-cluttered", "box-paper-tilted")
SIDES = (4000, 3000)
OUTPUT = imaging.OutputSpec(aspect="1:1")
ORDER = Order("network", model_file.model_path(None), 1.0)
ONE_CORE = 1.5  # s of CPU for three variants


@dataclass(frozen=True)
class Cost:
    """CPU seconds for each photo, and the process's peak memory in MB."""

    seconds: float
    megabytes: float


def run(rig: Rig) -> list[Line]:
    photos = make_photos(rig.folder)
    three, one = measured("three", photos), measured("one", photos)
    lines = [
        Line("three variants of a 12 MP photo, analysed and made", three.seconds, "s", ONE_CORE,
             "less", "CPU of one core"),
        Line("its memory at most", three.megabytes, "MB", 700, "less"),
    ]  # fmt: skip
    return lines + beside_rembg(photos, one) + catalogue(photos, rig.size(500, 10))


def make_photos(folder: Path) -> list[Path]:
    """12 MP photos of the project's samples."""
    random, made = np.random.default_rng(1), []
    for name in NAMES:
        pixels = imaging.to_array((ROOT / "samples" / "photos" / f"{name}.jpg").read_bytes())
        size = SIDES if pixels.shape[1] >= pixels.shape[0] else SIDES[::-1]
        large = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)
        grain = np.asarray(random.normal(0, 2, large.shape), np.float32)
        noisy = np.clip(large + grain, 0, 255).astype(np.uint8)
        made.append(folder / f"{name}.jpg")
        made[-1].write_bytes(imaging.encode_array(noisy, quality=92))
    return made


def beside_rembg(photos: Sequence[Path], one: Cost) -> list[Line]:
    """One picture on white from each, from bytes to bytes."""
    note = f"{one.seconds:.2f} s CPU, {one.megabytes:.0f} MB"
    python = os.environ.get("REMBG_PYTHON")
    if python is None:
        return [Line("one finished picture, from bytes to bytes", one.seconds, "s", note=note)]
    with tempfile.TemporaryDirectory() as home:
        shutil.copy(ORDER.model, home)
        theirs = measured("rembg", photos, python, U2NET_HOME=home, MODEL_CHECKSUM_DISABLED="1")
    note += f"; rembg {theirs.seconds:.2f} s, {theirs.megabytes:.0f} MB"
    return [
        Line("one finished picture beside rembg's: CPU", one.seconds / theirs.seconds, "x", 1.0,
             "less", note),
        Line("its memory beside rembg's", one.megabytes / theirs.megabytes, "x", 1.0, "less"),
    ]  # fmt: skip


def catalogue(photos: Sequence[Path], count: int) -> list[Line]:
    """Make three finished pictures of each photo, in one pixel process for each core."""
    cores = os.cpu_count() or 1
    data = [path.read_bytes() for path in photos]
    pixels = Pixels(processes=cores)
    try:
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(partial(enhanced_in, pixels), data[:1] * cores))  # start and warm up
            began = time.monotonic()
            list(
                pool.map(partial(enhanced_in, pixels), (data[n % len(data)] for n in range(count)))
            )
            seconds = time.monotonic() - began
    finally:
        pixels.close()
    note = f"{seconds:.0f} s in all, {count / seconds * 3600:,.0f} photos an hour"
    return [Line(f"a catalogue of {count} photos, {cores} cores", seconds / count, "s", note=note)]


def enhanced_in(pixels: Pixels, data: bytes) -> None:
    """What the server does with a photo, without its storage."""
    copy = pixels.run(imaging.normalise, data)
    plans = pixels.run(darkroom.analyse, copy.data, 3, ORDER).variants
    for plan in plans:
        made, _ = pixels.run(darkroom.make, copy.data, plan.title, ORDER)
        pixels.run(imaging.finish, made, OUTPUT)


# ---- one contestant, in a separate process


def measured(
    name: str, photos: Sequence[Path], python: str = sys.executable, **environment: str
) -> Cost:
    done = subprocess.run(
        [python, "-m", "bench.local_alone", name, *map(str, photos)],
        env=os.environ | SINGLE_THREADED | environment,
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--photos", type=int, default=500, help="of the catalogue")
    with Rig(parser.parse_args().photos / 500) as rig:
        show("The local enhancer", run(rig))


if __name__ == "__main__":
    main()
