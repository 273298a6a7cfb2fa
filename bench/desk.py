"""How fast the desk is: 300 products decided by pressed keys, and the time from key to paint.

    python bench/desk.py [--products 300] [--paced 100]

First every product, as fast as keys can be pressed: how many a minute. Then some at a person's
pace (one every 300 ms, which nobody keeps up): how long from key to paint. Two clocks look at the
same thing. `event` is Chromium's Event Timing: from the key's time stamp to the paint after it, in
steps of 8 ms, and nothing below 16 ms is told. `own` is the page's measure: it ends in the first
task after the frame that shows the next product, so it is too long when there is much to do.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from chromium import chromium, find_chromium
from desk_shop import DeskShop, desk_shop
from playwright.sync_api import Browser, Page, expect

from packshot.database import bring_to_head

KEYS = ("a", "a", "a", "r", "a", "2", "a", "x a", "a", "4")
PERSON_MS = 300
SIDE = 1600  # as large as the desk's previews get
#: Copies the numbers out of the page before its buffers are full.
COLLECT = """() => {
  const own = performance.getEntriesByName("decision").map((entry) => entry.duration);
  performance.clearMeasures("decision");
  const event = globalThis.keyEvents ?? [];
  globalThis.keyEvents = [];
  return [own, event];
}"""
WATCH = """() => {
  globalThis.keyEvents = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
      if (entry.name === "keydown") globalThis.keyEvents.push(entry.duration);
  }).observe({ type: "event", durationThreshold: 16, buffered: true });
}"""


@click.command()
@click.option("--products", default=300, show_default=True, help="As fast as it goes.")
@click.option("--paced", default=100, show_default=True, help="One every 300 ms.")
def main(products: int, paced: int) -> None:
    path = find_chromium()
    if path is None:
        raise click.ClickException("Chromium is not installed: make chromium")
    with chromium(path) as browser:
        measure(browser, products, 0)
        measure(browser, paced, PERSON_MS)


def measure(browser: Browser, products: int, pause_ms: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/desk.db"
        bring_to_head(url)
        with desk_shop(url, Path(folder, "media")) as shop:
            ids = shop.stock(products, side=SIDE, kinds=10)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.on("pageerror", lambda error: print(f"the page failed: {error}"))
            print(f"\n{products} products with 3 pictures of {SIDE} px, {pause_ms} ms between keys")
            report(run(page, shop, ids, pause_ms))
            page.close()


def run(page: Page, shop: DeskShop, ids: list[int], pause_ms: int) -> dict[str, Any]:
    page.goto(shop.url)
    page.evaluate(WATCH)
    page.wait_for_timeout(1_500)
    own: list[float] = []
    event: list[float] = []
    started = time.monotonic()
    for place in range(len(ids)):
        for key in KEYS[place % len(KEYS)].split():
            page.keyboard.press(key)
        if pause_ms:
            page.wait_for_timeout(pause_ms)
        if place % 50 == 49:
            _collect(page, own, event)
    expect(page.get_by_role("heading", name="All caught up")).to_be_visible(timeout=60_000)
    decided = time.monotonic() - started
    expect(page.locator("#saving")).to_be_hidden(timeout=120_000)
    saved = time.monotonic() - started
    _collect(page, own, event)
    undecided = shop.statuses(ids).count("pending_review")
    return {
        "products": len(ids),
        "decided": decided,
        "saved": saved,
        "own": own,
        "event": event,
        "undecided": undecided,
    }


def _collect(page: Page, own: list[float], event: list[float]) -> None:
    page.wait_for_timeout(50)
    more_own, more_event = page.evaluate(COLLECT)
    own += more_own
    event += more_event


def report(found: dict[str, Any]) -> None:
    per_minute = found["products"] / found["decided"] * 60
    print(f"decided in {found['decided']:.1f} s: {per_minute:.0f} products a minute")
    print(f"all saved after {found['saved']:.1f} s; left undecided: {found['undecided']}")
    print(f"key to painted next product, own measure:  {_spread(found['own'])}")
    slow = f"{_spread(found['event'])}" if found["event"] else "none"
    print(f"keydown events of 16 ms and more, by Event Timing: {slow}")


def _spread(values: list[float]) -> str:
    tenths = statistics.quantiles(values, n=100)
    return (
        f"n={len(values)}, median {statistics.median(values):.1f} ms, p95 {tenths[94]:.1f} ms,"
        f" p99 {tenths[98]:.1f} ms, max {max(values):.1f} ms"
    )


if __name__ == "__main__":
    main()
