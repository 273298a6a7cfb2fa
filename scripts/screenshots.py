"""Makes the README's pictures of the desk: a separate Packshot, the sample photos, a browser.

python scripts/screenshots.py [--out docs/images]
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click
from playwright.sync_api import Browser, Page, expect
from rich.console import Console

from packshot.cli.demo import server
from packshot.cli.progress import wait_with_bar
from packshot.cli.rows import read_rows
from packshot.cli.upload import send
from packshot.client import Client

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.chromium import chromium, find_chromium  # noqa: E402  (the tests know how to start it)

WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
#: The product shown at the desk; its cut-out has a confidence of 0.94.
SHOWN = "shoe-pair"
DECIDED_BEFORE = 5
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
    rows = read_rows([ROOT / "samples" / "products.csv"], {})
    shown = next(place for place, row in enumerate(rows) if SHOWN in str(row.photo))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with server() as url, chromium(chrome) as browser:
            client = Client(url)
            ids = [product["id"] for product in send(client, rows, console).products]
            wait_with_bar(client, ids, console)
            photograph(browser, url, ids[shown], out)
        os.chdir(ROOT)


def photograph(browser: Browser, url: str, product: int, out: Path) -> None:
    page = open_page(browser, url, "light", WIDE)
    decide_some(page, product)
    for scheme in ("light", "dark"):
        page = open_page(browser, f"{url}/?product={product}", scheme, WIDE)
        save(page, out / ("desk.jpg" if scheme == "light" else "desk-dark.jpg"))
    save(open_page(browser, f"{url}/grid", "light", WIDE), out / "grid.jpg")
    save(open_page(browser, f"{url}/?product={product}", "dark", PHONE), out / "desk-phone.jpg")


def open_page(browser: Browser, url: str, scheme: str, viewport: dict[str, int]) -> Page:
    page = browser.new_page(viewport=viewport, color_scheme=scheme, device_scale_factor=2)  # type: ignore[arg-type]
    page.goto(url)
    return page


def decide_some(page: Page, spared: int) -> None:
    """Decide as a reviewer would, so that the desk shows some decisions."""
    for _ in range(DECIDED_BEFORE):
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
