"""Makes the README's pictures: a separate Packshot, a catalogue of the sample photos, a browser.

python scripts/screenshots.py [--out docs/images]
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import click
from playwright.sync_api import Browser, Page, expect
from rich.console import Console

from packshot.cli.demo import choose_port, server
from packshot.cli.progress import wait_with_bar
from packshot.cli.rows import read_rows
from packshot.cli.upload import send
from packshot.client import Client

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.chromium import chromium, find_chromium  # noqa: E402  (the tests know how to start it)

WIDE = {"width": 1280, "height": 800}
#: SKU, name, category, price, photo: the sample photos under names like a shop's.
CATALOGUE = (
    ("SHOE-114", "Canvas shoe, pair", "Footwear", "1,799.00", "shoe-pair-floor"),
    ("SNEAK-02", "Sneaker", "Footwear", "2,499.00", "sneaker-paper-offcentre"),
    ("MUG-07", "Mug, glazed", "Kitchen", "399.00", "mug-oak"),
    ("PERF-30", "Perfume, 30 ml", "Beauty", "899.00", "perfume-tungsten"),
    ("CUSH-11", "Cushion", "Home", "649.00", "cushion-underexposed"),
    ("BOTL-05", "Bottle", "Beauty", "279.00", "bottle-paper"),
    ("BOOK-88", "Book", "Books", "350.00", "book-sideways-exif"),
)
DECIDED_BEFORE = 3
DECODED = """Promise.all([...document.querySelectorAll("img:not([loading=lazy])")]
    .map((image) => image.decode()))"""


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "docs" / "images")
def main(out: Path) -> None:
    chrome = find_chromium()
    if chrome is None:
        raise click.ClickException("Chromium is not installed: make chromium")
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        files = write_catalogue(Path(folder) / "catalogue")
        rows = read_rows([files[0], files[0].parent])
        with server(choose_port()) as url, chromium(chrome) as browser:
            save_upload(browser, url, files, out / "upload.jpg")
            client = Client(url)
            ids = [product["id"] for product in send(client, rows, console).products]
            wait_with_bar(client, ids, console)
            photograph(browser, url, client, out)
        os.chdir(ROOT)


def write_catalogue(folder: Path) -> list[Path]:
    """The spreadsheet, and the photos under their SKUs."""
    folder.mkdir()
    listed = folder / "autumn.csv"
    lines = ["Item code;Name;Type;Price"]
    lines += [";".join(row[:4]) for row in CATALOGUE]
    listed.write_text("\n".join(lines) + "\n")
    for sku, *_, sample in CATALOGUE:
        shutil.copy(ROOT / "samples" / "photos" / f"{sample}.jpg", folder / f"{sku}_front.jpg")
    return [listed, *sorted(folder.glob("*.jpg"))]


def save_upload(browser: Browser, url: str, files: list[Path], path: Path) -> None:
    page = open_page(browser, f"{url}/upload", "light", WIDE)
    page.get_by_label("Photos, a ZIP or a spreadsheet").set_input_files(files)
    expect(page.locator("#upload-body [aria-busy]")).to_have_count(0, timeout=60_000)
    page.get_by_text("Columns and numbers").click()
    save(page, path)


def photograph(browser: Browser, url: str, client: Client, out: Path) -> None:
    [shown] = client.products(sku=CATALOGUE[0][0])
    page = open_page(browser, url, "light", WIDE)
    decide_some(page, shown["id"])
    page = open_page(browser, f"{url}/?product={shown['id']}", "light", WIDE)
    waits = page.get_by_text("Product being checked").filter(visible=True)
    expect(waits).to_have_count(0, timeout=120_000)
    save(page, out / "desk.jpg")
    page = open_page(browser, f"{url}/grid?status=approved", "light", WIDE)
    page.get_by_role("button", name="Download").first.click()
    save(page, out / "download.jpg")


def open_page(browser: Browser, url: str, scheme: str, viewport: dict[str, int]) -> Page:
    page = browser.new_page(viewport=viewport, color_scheme=scheme, device_scale_factor=2)  # type: ignore[arg-type]
    page.goto(url)
    return page


def decide_some(page: Page, spared: int) -> None:
    """Decide as a reviewer would, so that the desk shows some decisions."""
    for _ in range(DECIDED_BEFORE):
        page.locator("#stage[aria-busy=true]").wait_for(state="detached")  # it has been seen
        number = page.locator(".number-link").inner_text()
        page.keyboard.press("s" if number == f"#{spared}" else "a")
    expect(page.locator("#saving")).to_be_hidden()


def save(page: Page, path: Path) -> None:
    page.wait_for_load_state("networkidle")
    page.evaluate(DECODED)
    page.screenshot(path=path, type="jpeg", quality=88)
    page.close()
    print(f"wrote {path} ({path.stat().st_size // 1000} kB)")


if __name__ == "__main__":
    main()
