"""The pages of a shop with 100,000 products: first byte, and when what is seen has been painted.

    python -m bench pages

One gunicorn process on SQLite on the disk; Chromium on the same machine, with an empty cache at
each visit. The products that the pages show have a photo and three pictures of 1,600 px each, as
their previews. Painted is Largest Contentful Paint: the last of the large pictures or texts in
view. Each figure is the median of five visits.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import urllib3
from playwright.sync_api import Browser
from servers.packshot_process import PackshotProcess, gunicorn
from sqlalchemy import select
from support.chromium import chromium, find_chromium
from support.desk_shop import picture

from bench.million import NAMESPACE, fill
from bench.rig import Rig
from bench.table import Line
from packshot.database.engine import Database
from packshot.database.models import PENDING_REVIEW, ProductImage
from packshot.products.lists import Filter, list_products
from packshot.products.object_keys import normalised_key, preview_key
from packshot.storage.local import LocalStorage

PRODUCTS = 100_000
VISITS = 5
SIDE = 1600
SHOWN = 50  # by a page
SEARCHED = "sku-11"
LARGEST = """() => new Promise((done) => {
  let last = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) last = entry.startTime;
  }).observe({ type: "largest-contentful-paint", buffered: true });
  setTimeout(() => done(last), 50);
})"""


def run(rig: Rig) -> list[Line]:
    path = find_chromium()
    if path is None:
        raise SystemExit("Chromium is not installed: make chromium")
    count, folder = PRODUCTS, rig.folder / "pages"
    folder.mkdir()
    url = f"sqlite:///{folder}/packshot.db"
    database = fill(url, count)
    product = store_pictures(database, folder / "media")
    database.close()
    environment = {
        "DATABASE_URL": url,
        "MEDIA_DIR": str(folder / "media"),
        "WORKER_ENABLED": "false",
    }
    pages = {
        "the desk": "/",
        "the grid": "/grid",
        "a product": f"/products/{product}",
        "a search": f"/grid?q={SEARCHED}",
    }
    with PackshotProcess(folder, gunicorn(1), environment) as web, chromium(path) as browser:
        web.wait_until_serving()
        return [line for each in pages.items() for line in measured(web.url, browser, *each)]


def measured(url: str, browser: Browser, name: str, path: str) -> list[Line]:
    first = median(first_byte(url + path) for _ in range(VISITS))
    painted = median(largest_paint(browser, url + path) for _ in range(VISITS))
    return [
        Line(f"{name}: first byte", first, "ms", 100, "less"),
        Line(f"{name}: painted", painted, "ms", 500, "less"),
    ]


def first_byte(url: str) -> float:
    began = time.perf_counter()
    answer = urllib3.request("GET", url, preload_content=False)
    answer.read(1)
    taken = 1000 * (time.perf_counter() - began)
    assert answer.status == 200, answer.status
    answer.drain_conn()
    return taken


def largest_paint(browser: Browser, url: str) -> float:
    """Milliseconds from the start of the visit."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(url)
    page.wait_for_load_state("networkidle")
    painted = float(page.evaluate(LARGEST))
    page.close()
    assert painted > 0, f"{url}: nothing was painted"
    return painted


def store_pictures(database: Database, folder: Path) -> int:
    """Store the previews of the products that the pages show; return one product's id."""
    storage = LocalStorage(folder)
    with database.read() as session:
        waiting, _ = list_products(session, Filter(PENDING_REVIEW), SHOWN, None)
        found, _ = list_products(session, Filter(q=SEARCHED), SHOWN, None)
        shown = {product.id for product in (*waiting, *found)}
        pictures = select(ProductImage.object_key).where(ProductImage.product_id.in_(shown))
        keys = [key for key in session.scalars(pictures) if key]
    made = picture(1, SIDE)
    for key in [*keys, *(normalised_key(NAMESPACE, each) for each in shown)]:
        for side, preview in made.previews.items():
            storage.put(preview_key(key, side), preview, made.mime_type)
    return waiting[0].id
