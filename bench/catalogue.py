"""A catalogue of different 12 MP photos through the real program with the local enhancer.

    python -m bench catalogue --share 1      60 photos
    python -m bench catalogue --share 8.33   500 photos

gunicorn with one process, worker and pixel child for each core, SQLite and a local folder, as
`packshot serve` starts them, without fidelity checks. The photos are enlarged from samples/photos;
each is a different part of one, lighter or darker, so that no two are alike. The time is from the
request that creates the products until the last picture is stored: three variants of each photo,
with previews. CPU and memory (PSS) are those of all processes together.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from servers.packshot_process import PackshotProcess, gunicorn

from bench import ROOT
from bench.rig import Rig
from bench.table import Line
from bench.watch import Watch
from packshot.client import Client
from packshot.pictures import imaging
from packshot.pictures.arrays import Bytes

PHOTOS = 60
LONGER, SHORTER = 4000, 3000  # px
MIN_PART = 0.9  # of the photo's sides that a crop keeps
LIGHT = 0.25  # EV, up or down
GRAIN = 2.0  # levels
SETTINGS = {"FIDELITY": "off", "ENHANCED_IMAGES_COUNT": "3", "CUTOUT": "network"}


def run(rig: Rig) -> list[Line]:
    count, cores = rig.size(PHOTOS, 10), os.cpu_count() or 1
    photos = make_photos(rig.folder, count + cores)
    with PackshotProcess(rig.folder, gunicorn(cores), SETTINGS) as web:
        web.wait_until_serving()
        web.wait_for_line("Worker thread started", times=cores)
        client = Client(web.url)
        names = [client.upload(photo) for photo in photos]
        make(client, names[count:])  # starts the children, loads the network
        watch, began = Watch(web.pid, every=0.5), time.monotonic()
        make(client, names[:count])
        seconds, cpu = time.monotonic() - began, watch.cpu()
        peak = watch.stop()
    name = f"a catalogue of {count} photos of 12 MP, three pictures each, {cores} cores"
    note = f"{seconds:,.0f} s in all, load {os.getloadavg()[2]:.1f}"
    return [
        Line(name, count / seconds * 3600, "photos/h", note=note),
        Line("CPU for each of its photos", cpu / count, "s"),
        Line("memory of all its processes at most", peak, "MB", 700 * cores, "less"),
    ]


def make(client: Client, names: list[str]) -> None:
    rows = [{"category": "x", "raw_image": name, "mrp": 5, "price": 4} for name in names]
    ids = [product["id"] for product in client.create(rows)["products"]]
    done = client.wait(ids, timeout=7200)
    assert {product["status"] for product in done} == {"pending_review"}


def make_photos(folder: Path, count: int) -> list[Path]:
    """`count` different 12 MP photos, made of the project's samples."""
    # Spawned: in a forked process libvips waits for threads that were not forked with it.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        sources = sorted((ROOT / "samples" / "photos").glob("*.jpg"))
        of_each = [range(start, count, len(sources)) for start in range(len(sources))]
        made = pool.map(partial(_make_variations, folder), sources, of_each)
        return [path for paths in made for path in paths]


def _make_variations(folder: Path, source: Path, numbers: range) -> list[Path]:
    cv2.setNumThreads(1)
    pixels = imaging.to_array(source.read_bytes())[..., :3]
    size = (LONGER, SHORTER) if pixels.shape[1] >= pixels.shape[0] else (SHORTER, LONGER)
    return list(_vary(folder, np.asarray(cv2.resize(pixels, size), np.uint8), numbers))


def _vary(folder: Path, large: Bytes, numbers: range) -> Iterator[Path]:
    for number in numbers:
        random = np.random.default_rng(number)
        rows, columns = (int(n * random.uniform(MIN_PART, 1)) for n in large.shape[:2])
        top = int(random.integers(0, large.shape[0] - rows + 1))
        left = int(random.integers(0, large.shape[1] - columns + 1))
        part = large[top : top + rows, left : left + columns].astype(np.float32)
        part *= 2 ** random.uniform(-LIGHT, LIGHT)
        noise = random.standard_normal((rows // 4, columns // 4, 1), np.float32) * GRAIN
        part += cv2.resize(noise, (columns, rows))[..., None]
        path = folder / f"photo-{number}.jpg"
        path.write_bytes(imaging.encode_array(np.clip(part, 0, 255).astype(np.uint8), quality=92))
        yield path
