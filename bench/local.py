"""The local enhancer beside rembg with the same network.

    python -m bench local                the table of docs/performance.md
    REMBG_PYTHON=venv/bin/python ...     rembg beside it: a Python with `pip install "rembg[cpu]"`

12 MP JPEGs, enlarged from samples/photos with a sensor's grain. Each contestant runs in a separate
process with one thread; the first photo warms it up and does not count. rembg makes one picture a
photo: decoded upright, cut out, laid on white, fitted into 2,048 px, JPEG. Packshot makes three,
each as the server finishes it, with previews. Memory is the process's peak.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from bench import ROOT
from bench.rig import Rig
from bench.table import Line
from packshot.enhancers.local.options import PictureOptions
from packshot.pictures import imaging, model_file
from packshot.pictures.child_processes import SINGLE_THREADED

NAMES = ("mug-oak", "bottle-paper", "shoe-pair-floor", "headphones-cluttered", "box-paper-tilted")
SIDES = (4000, 3000)
OPTIONS = PictureOptions("network", model_file.model_path(None), 1.0)
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
    return lines + beside_rembg(photos, one)


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
        shutil.copy(OPTIONS.model, home)
        theirs = measured("rembg", photos, python, U2NET_HOME=home, MODEL_CHECKSUM_DISABLED="1")
    note += f"; rembg {theirs.seconds:.2f} s, {theirs.megabytes:.0f} MB"
    return [
        Line("one finished picture beside rembg's: CPU", one.seconds / theirs.seconds, "x", 1.0,
             "less", note),
        Line("its memory beside rembg's", one.megabytes / theirs.megabytes, "x", 1.0, "less"),
    ]  # fmt: skip


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
