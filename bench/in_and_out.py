"""A catalogue in and out: uploads, the preview of a spreadsheet, a ZIP of what is approved.

    python -m bench in_and_out

One gunicorn process on SQLite and a local folder, on the disk. Each is compared with its lower
limit: uploads with the pixel check alone, and files that are simply written or zipped.
"""

from __future__ import annotations

import hashlib
import time
import zipfile
from collections.abc import Sequence
from contextlib import closing
from functools import cache, partial
from pathlib import Path
from statistics import median

from servers.packshot_process import PackshotProcess, gunicorn
from sqlalchemy import insert, select, update

from bench import pixels
from bench.million import NAMESPACE
from bench.rig import Rig
from bench.table import Line
from packshot.client import Client
from packshot.database.engine import Database
from packshot.database.models import APPROVED, Product, ProductImage
from packshot.database.tables import bring_to_head
from packshot.marketplaces.presets import read_preset
from packshot.marketplaces.rendering import Source, render
from packshot.pictures import imaging
from packshot.pictures.child_processes import Pixels
from packshot.products.object_keys import variant_key
from packshot.storage.local import LocalStorage

UPLOADS, ROWS, PICTURES = 100, 10_000, 5_000
FITTED = 200  # pictures of a ZIP with a preset: each is decoded and encoded again
SIDE = 1024
TURNS = 3  # of a ZIP and a bare one
ROW = {"category": "Shoes", "raw_image": "https://x.example/a.jpg", "mrp": 5, "price": 4}


def run(rig: Rig) -> list[Line]:
    folder = rig.folder / "in-and-out"
    folder.mkdir()
    environment = {
        "DATABASE_URL": f"sqlite:///{folder}/packshot.db",
        "MEDIA_DIR": str(folder / "media"),
        "WORKER_ENABLED": "false",
    }
    bring_to_head(environment["DATABASE_URL"])
    with PackshotProcess(folder, gunicorn(1), environment) as web:
        web.wait_until_serving()
        client = Client(web.url)
        lines = [preview(client, ROWS), *uploads(client, rig)]
        count = rig.size(PICTURES, 100)
        approve(Database(environment["DATABASE_URL"]), folder / "media", client, count)
        return lines + zipped(client, folder, count) + fitted(client, rig.size(FITTED, 10))


def seconds(began: float) -> float:
    return time.monotonic() - began


# --- in -----------------------------------------------------------------------------------------


def preview(client: Client, rows: int) -> Line:
    lines = ["SKU;Product name;Category;MRP;Price"]
    lines += [f"SKU-{n};Product {n};Shoes;1.299,00;999,50" for n in range(rows)]
    data = "\n".join(lines).encode()
    began = time.monotonic()
    plan = client.plan_import([("spreadsheet", ("catalogue.csv", data))])
    taken = seconds(began)
    assert len(plan["rows"]) == rows, plan["problems"][:3]
    return Line(f"preview of a spreadsheet of {rows:,} rows", taken, "s", 3, "less")


def uploads(client: Client, rig: Rig) -> list[Line]:
    """Photos of 12 MP one after another, beside only their pixel checks, and simple writes."""
    count = rig.size(UPLOADS, 4)
    photo = pixels.make_photo(*pixels.PHOTOS["12 MP"])
    path = rig.folder / "photo.jpg"
    path.write_bytes(photo)
    client.upload(path)  # starts the child
    began = time.monotonic()
    for _ in range(count):
        client.upload(path)
    ours = seconds(began)
    with closing(Pixels()) as checking:
        checking.run(imaging.normalise, photo)
        began = time.monotonic()
        for _ in range(count):
            checking.run(imaging.normalise, photo)
        checked = seconds(began)
    began = time.monotonic()
    for n in range(count):
        (rig.folder / f"bare-{n}.jpg").write_bytes(photo)
    bare = seconds(began)
    megabytes = count * len(photo) / 1e6
    return [
        Line(f"upload of {count} photos of {len(photo) / 1e6:.1f} MB", megabytes / ours, "MB/s"),
        Line("the pixel check alone", megabytes / checked, "MB/s"),
        Line("of the time, the pixel check", 100 * checked / ours, "%", 80),
        Line("bare writes of the same files", megabytes / bare, "MB/s"),
    ]


# --- out ----------------------------------------------------------------------------------------


def approve(database: Database, folder: Path, client: Client, count: int) -> None:
    """`count` approved products with a SKU and a picture each."""
    for start in range(0, count, 1000):
        rows = [ROW | {"sku": f"SKU-{n:05}"} for n in range(start, min(count, start + 1000))]
        client.create(rows)
    storage = LocalStorage(folder)
    with database.write() as session:
        values = {"status": APPROVED, "media_namespace": NAMESPACE}
        session.execute(update(Product).values(**values))
        images = [image(storage, id_) for id_ in session.scalars(select(Product.id))]
        session.execute(insert(ProductImage), images)
    database.close()


@cache
def approved_picture() -> imaging.Encoded:
    """A picture with as much detail as a photo has, about 200 KB."""
    return imaging.finish(pixels.make_photo(SIDE, SIDE), imaging.OutputSpec())


def image(storage: LocalStorage, product_id: int) -> dict[str, object]:
    made = approved_picture()
    key = variant_key(NAMESPACE, product_id, 1, 0)
    storage.put(key, made.data, made.mime_type)
    return {
        "product_id": product_id,
        "image_url": storage.url(key),
        "status": APPROVED,
        "round": 1,
        "variant": 0,
        "object_key": key,
        "sha256": hashlib.sha256(made.data).hexdigest(),
    }


def zipped(client: Client, folder: Path, count: int) -> list[Line]:
    """All pictures as one ZIP, beside Python's own of the same files, uncompressed as well. They
    take turns, because the disk is faster at some times than at others."""
    files = sorted((folder / "media" / "enhanced").rglob("*.jpg"))
    target, ours, bare = folder / "approved.zip", [], []
    for _ in range(TURNS):
        began = time.monotonic()
        with target.open("wb") as file:
            file.writelines(client.export("zip"))
        ours.append(seconds(began))
        bare.append(zip_files(files, folder / "bare.zip"))
    with zipfile.ZipFile(target) as archive:
        found = sum(name.endswith(".jpg") for name in archive.namelist())
    assert found == count, f"{found} of {count} pictures in the ZIP"
    taken, least = median(ours), median(bare)
    return [
        Line(f"ZIP of {count:,} pictures", count / taken, "/s", note=f"{taken:.1f} s"),
        Line("a bare ZIP of the same files", len(files) / least, "/s", note=f"{least:.1f} s"),
        Line("of the bare ZIP's speed", 100 * least / taken, "%", 60),
    ]


def zip_files(files: Sequence[Path], target: Path) -> float:
    began = time.monotonic()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for n, path in enumerate(files):
            archive.write(path, f"{n}.jpg")
    return seconds(began)


def fitted(client: Client, count: int) -> list[Line]:
    """A ZIP for a marketplace, beside a pixel process that makes and measures as many pictures."""
    ids = [str(n) for n in range(1, count + 1)]
    download = partial(client.export, "zip", preset="amazon")
    assert list(download(products=ids[0]))  # starts the pixel process
    began = time.monotonic()
    assert list(download(products=",".join(ids)))
    ours = seconds(began)
    source, spec = Source(approved_picture().data), read_preset("amazon", None).render.spec
    with closing(Pixels()) as alone:
        alone.run(render, source, spec)
        began = time.monotonic()
        for _ in range(count):
            alone.run(render, source, spec)
        rendered = seconds(began)
    return [
        Line(f"ZIP of {count} for Amazon", count / ours, "/s"),
        Line("a pixel process that makes as many", count / rendered, "/s"),
        Line("of its speed", 100 * rendered / ours, "%", 90),
    ]
