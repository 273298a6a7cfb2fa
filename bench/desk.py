"""How fast the desk is: products decided per minute by keys, and the time from key to paint.

    python -m bench desk

First, keys are pressed for 300 products as fast as the desk takes them, which is 200 ms after a
product's pictures are painted: how many a minute? Then for 100 products one every 300 ms, faster
than anybody works: how long from key to paint? Two clocks measure that. Chromium's Event Timing
counts from the key's time stamp to the next paint, in steps of 8 ms; it reports nothing below
16 ms. The page's own clock stops in the first task after the frame that shows the next product,
which is too late on a busy page.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, expect
from support.chromium import chromium, find_chromium
from support.desk_shop import DeskShop, desk_shop

from bench.rig import Rig
from bench.table import Line
from packshot.database.tables import bring_to_head

PRODUCTS = 300
PACED = 100
KEYS = ("a", "a", "a", "r Enter", "a", "r 2", "a", "x a", "a", "r 4")
PERSON_MS = 300
SIDE = 1600  # as large as the desk's previews get
AIM_MS = 50
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


@dataclass
class Review:
    """The results of one batch: seconds until decided and saved, milliseconds from key to paint."""

    products: int
    decided: float = 0.0
    saved: float = 0.0
    undecided: int = 0
    own: list[float] = field(default_factory=list)
    event: list[float] = field(default_factory=list)

    def collect(self, page: Page) -> None:
        page.wait_for_timeout(50)
        own, event = page.evaluate(COLLECT)
        self.own += own
        self.event += event


def run(rig: Rig) -> list[Line]:
    path = find_chromium()
    if path is None:
        raise SystemExit("Chromium is not installed: make chromium")
    with chromium(path) as browser:
        fast = reviewed(browser, rig.folder / "fast", rig.size(PRODUCTS, 10), 0)
        paced = reviewed(browser, rig.folder / "paced", rig.size(PACED, 10), PERSON_MS)
    lost = fast.undecided + paced.undecided
    painted = "key to painted next product"
    return [
        Line("products decided in a minute, keys by script", fast.products / fast.decided * 60),
        Line("the last decision saved after the last key", fast.saved - fast.decided, "s"),
        Line("decisions that were not saved", lost, "", 0, "less"),
        Line(f"{painted}, median", statistics.median(paced.own), "ms"),
        Line(f"{painted}, 95 of 100", _percentile(paced.own, 95), "ms", AIM_MS, "less"),
        Line(f"{painted}, slowest", max(paced.own), "ms"),
        Line(f"{painted}, slowest by Event Timing", max(paced.event, default=0.0), "ms"),
    ]


def reviewed(browser: Browser, folder: Path, products: int, pause_ms: int) -> Review:
    folder.mkdir()
    url = f"sqlite:///{folder}/desk.db"
    bring_to_head(url)
    with desk_shop(url, folder / "media") as shop:
        ids = shop.stock(products, side=SIDE, kinds=10)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("pageerror", lambda error: print(f"the page failed: {error}"))
        review = decide_all(page, shop, ids, pause_ms)
        page.close()
    return review


def decide_all(page: Page, shop: DeskShop, ids: list[int], pause_ms: int) -> Review:
    review = Review(len(ids))
    page.goto(shop.url)
    page.evaluate(WATCH)
    page.wait_for_timeout(1_500)
    started = time.monotonic()
    for place in range(len(ids)):
        page.locator("#stage[aria-busy=true]").wait_for(state="detached")
        for key in KEYS[place % len(KEYS)].split():
            page.keyboard.press(key)
        if pause_ms:
            page.wait_for_timeout(pause_ms)
        if place % 50 == 49:
            review.collect(page)
    expect(page.get_by_role("heading", name="All caught up")).to_be_visible(timeout=60_000)
    review.decided = time.monotonic() - started
    expect(page.locator("#saving")).to_be_hidden(timeout=120_000)
    review.saved = time.monotonic() - started
    review.collect(page)
    review.undecided = shop.statuses(ids).count("pending_review")
    return review


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
