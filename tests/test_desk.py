"""The desk in a real browser: a batch by keyboard, undo, conflicts, the network, uploads, axe."""

from __future__ import annotations

import hashlib
import io
import random
import re
import shutil
import struct
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import missing
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Dialog, Locator, Page, Route, expect
from servers.ports import PATIENCE
from servers.prefix_proxy import PREFIX, prefix_proxy
from sqlalchemy import delete, select, update
from support.chromium import chromium, find_chromium
from support.desk_shop import DeskShop, desk_shop, picture
from support.fakes import FakeEnhancer, photo_bytes

from packshot.cli.export import name_failures
from packshot.client import Client
from packshot.database.models import Product, ProductImage, Round
from packshot.database.types import now
from packshot.errors import PictureError
from packshot.fidelity.verdicts import Check, Reason
from packshot.pictures import imaging
from packshot.pictures.imaging import OutputSpec
from packshot.pictures.provenance import EDITED, Provenance
from packshot.products.checks import Checks
from packshot.products.lookup import Editor
from packshot.products.object_keys import changes_key, lock_key, variant_key
from packshot.products.seller_fields import NewProduct
from packshot.products.takes import Remakes, finish_check, open_next
from packshot.spreadsheets.numbers import NotANumber, read_alone
from packshot.web import desk as desk_pages

#: Milliseconds, as long as a busy machine may take.
BUSY = PATIENCE * 1000
expect.set_options(timeout=BUSY)

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
#: WCAG 2.2, 1.4.10: the narrowest page, which is also 1,280 px at 400 %.
NARROWEST = 320
KEY = "asha:ps_a-secret-of-asha:review+submit"
OTHER_KEY = "ben:ps_a-secret-of-ben:review"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        missing("Chromium is not installed: make chromium")
    with chromium(path) as browser:
        yield browser


@pytest.fixture
def shop(sqlite_url: str, tmp_path: Path) -> Iterator[DeskShop]:
    with desk_shop(sqlite_url, tmp_path / "media") as shop:
        yield shop


@pytest.fixture
def guarded_shop(sqlite_template: Path, tmp_path: Path) -> Iterator[DeskShop]:
    """With API_KEYS: asha and ben review."""
    url = f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'guarded.db')}"
    with desk_shop(url, tmp_path / "guarded-media", f"{KEY},{OTHER_KEY}") as shop:
        yield shop


class Desk:
    """A reviewer's browser. Anything it logs as an error, or a page's fault, fails the test."""

    def __init__(self, browser: Browser, **options: Any) -> None:
        self.context: BrowserContext = browser.new_context(**{"viewport": DESKTOP, **options})
        self.context.set_default_timeout(BUSY)
        self.faults: list[str] = []
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._told)

    def _told(self, message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(message.text)

    def press(self, keys: str) -> None:
        for key in keys.split():
            look(self.page)
            self.page.keyboard.press(key)

    def close(self) -> None:
        self.context.close()
        assert not self.faults


def look(page: Page) -> None:
    """Wait until the product on the desk has been seen for as long as a decision asks."""
    page.locator("#stage[aria-busy=true]").wait_for(state="detached")


Open = Callable[..., Desk]


@pytest.fixture
def open_desk(browser: Browser) -> Iterator[Open]:
    """Opens reviewers' browsers, and looks for faults when they are closed."""
    desks: list[Desk] = []

    def open_one(url: str, **options: Any) -> Desk:
        desk = Desk(browser, **options)
        desks.append(desk)
        desk.page.goto(url)
        look(desk.page)
        return desk

    yield open_one
    for desk in desks:
        desk.close()


def sign_in(desk: Desk, key: str) -> None:
    desk.page.get_by_label("Your key").fill(key.split(":")[1])
    desk.page.get_by_role("button", name="Sign in").click()
    expect(desk.page).to_have_url(re.compile(r"/$"))


def left(page: Page) -> Any:
    return page.locator(".left")


def shown_number(page: Page) -> Any:
    return page.locator(".number-link")


def until(check: Callable[[], bool], page: Page | None = None) -> None:
    """Wait for something outside the browser. With `page`, its events are handled meanwhile."""
    deadline = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        if page is None:
            time.sleep(0.03)
        else:
            page.wait_for_timeout(30)


# -- the API's page ------------------------------------------------------------------------------


@pytest.mark.extra
def test_the_apis_page_shows_every_operation_from_our_own_files(
    shop: DeskShop, open_desk: Open
) -> None:
    """A breach of the policy is an error on the console, which fails the test."""
    page = open_desk(f"{shop.url}/waiting").page
    answers: list[tuple[str, int]] = []
    page.on("response", lambda answer: answers.append((answer.url, answer.status)))
    page.goto(f"{shop.url}/docs")
    document = page.request.get(f"{shop.url}/openapi.json").json()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    expect(page.locator(".opblock")).to_have_count(len(operations))
    for operation in operations:
        expect(page.get_by_text(operation["summary"], exact=True)).to_be_visible()
    page.locator("#operations-Products-createProducts .opblock-summary-control").click()
    expect(page.locator(".opblock.is-open")).to_contain_text("raw/phone.jpg")
    assert len(answers) >= 5  # the page, its style and scripts, and the document
    own = (f"{shop.url}/", "data:")
    assert [found for found in answers if not found[0].startswith(own) or found[1] >= 400] == []


# -- a batch by keyboard -------------------------------------------------------------------------


def test_a_batch_is_reviewed_by_keyboard_alone(shop: DeskShop, open_desk: Open) -> None:
    ids = shop.stock(6)
    desk = open_desk(shop.url)
    expect(left(desk.page)).to_have_text("6 left")
    desk.press("a r Enter r 2 Shift+A x a s")  # newest first: 6 approved, 5 and 4 rejected, ...
    expect(left(desk.page)).to_have_text("1 left")
    desk.press("a")
    expect(desk.page.get_by_role("heading", name="All caught up")).to_be_visible()
    expect(desk.page.locator("#saving")).to_be_hidden()
    expect(desk.page.locator(".toast")).to_have_count(0)
    wanted = ["approved", "approved", "approved", "rejected", "rejected", "approved"]
    assert shop.statuses(ids) == wanted
    pictures = [
        [image.status for image in shop.services.catalog.product(number).images] for number in ids
    ]
    assert pictures[2] == ["approved", "rejected", "rejected"]  # Shift+A: only the first
    assert pictures[1] == ["rejected", "approved", "approved"]  # X: without the first
    reasons = {line.reason for line in shop.services.catalog.history(ids[3])}
    assert reasons == {"colour"}


@pytest.mark.extra
def test_the_last_one_that_is_skipped_stays_and_can_be_decided(
    shop: DeskShop, open_desk: Open
) -> None:
    [number] = shop.stock(1)
    desk = open_desk(shop.url)
    desk.page.evaluate(
        "for (const key of ['s', 'a'])"
        " document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))"
    )  # with nothing in between, as on a busy machine
    until(lambda: shop.statuses([number]) == ["approved"], desk.page)


def test_a_key_is_not_lost_and_only_counts_for_what_was_seen(
    shop: DeskShop, open_desk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_pages, "FIRST_PRODUCTS", 5)
    ids = shop.stock(8, kinds=1, pictures=1)  # three more than come with the page
    desk = open_desk("about:blank")
    page = desk.page
    lists: list[Route] = []
    page.route("**/api/products?*", lambda route: lists.append(route))
    page.goto(shop.url, wait_until="domcontentloaded")
    expect(left(page)).to_have_text("8 left")
    desk.press("a " * 5)
    expect(page.get_by_role("heading", name="Loading the next products")).to_be_visible()
    desk.press("a")  # about nothing
    lists.pop().abort()
    expect(page.get_by_role("heading", name="can't be loaded")).to_be_visible()
    until(lambda: bool(lists), page)
    lists.pop().continue_()
    expect(shown_number(page)).to_have_text(f"#{ids[2]}")
    look(page)
    page.evaluate(
        "const keys = [1, 2].map(() => new KeyboardEvent('keydown', { key: 'a', bubbles: true }));"
        " for (const event of keys) document.body.dispatchEvent(event)"
    )  # the page was busy: the second was pressed while the first product was still shown
    expect(page.locator(".toast")).to_contain_text("You pressed before it came up")
    expect(left(page)).to_have_text("2 left")
    desk.press("a a")
    until(lambda: shop.statuses(ids) == ["approved"] * 8, page)


PRESS_TWICE = """async (pause) => {
    const press = () =>
        document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "a", bubbles: true }));
    press();
    await new Promise((done) => setTimeout(done, pause));
    press();
}"""


def test_a_second_press_at_once_decides_nothing_unseen(shop: DeskShop, open_desk: Open) -> None:
    """An accidental second press comes 80 to 200 ms later: the next one was painted by then."""
    ids = shop.stock(3)
    desk = open_desk(shop.url)
    page = desk.page
    for place, pause in enumerate((60, 120)):
        look(page)
        page.evaluate(PRESS_TWICE, pause)  # timed by the page: a busy machine adds to each request
        toast = page.locator(".toast").filter(has_text=f"Product {ids[1 - place]}")
        expect(toast).to_contain_text("You pressed again before it could be seen")
    expect(left(page)).to_have_text("1 left")
    look(page)
    page.get_by_role("button", name="Approve all 3").dblclick()
    until(lambda: shop.statuses(ids) == ["approved"] * 3, page)


def test_a_product_is_not_decided_before_its_pictures_came(shop: DeskShop, open_desk: Open) -> None:
    [number] = shop.stock(1)
    desk = open_desk("about:blank")
    page = desk.page
    pictures: list[Route] = []
    page.route("**/media/**", lambda route: pictures.append(route))
    page.goto(shop.url, wait_until="domcontentloaded")
    expect(left(page)).to_have_text("1 left")
    page.keyboard.press("a")
    expect(page.locator(".toast")).to_contain_text("Its pictures are not there yet")
    for route in pictures:
        route.continue_()
    desk.press("a")
    until(lambda: shop.statuses([number]) == ["approved"], page)


def test_a_picture_that_can_not_be_loaded_is_not_approved_until_it_is_seen(
    shop: DeskShop, open_desk: Open
) -> None:
    """The key counted although the network was gone; the pictures stayed lost when it was back."""
    [number] = shop.stock(1)
    desk = open_desk("about:blank")
    page = desk.page
    page.route("**/media/**", lambda route: route.abort())
    page.goto(shop.url)
    lost = page.locator(".frame .view > [data-lost]")
    expect(lost).to_have_count(4)
    desk.press("a")
    expect(page.locator(".toast")).to_contain_text("Pictures 1, 2, 3 can't be loaded")
    expect(left(page)).to_have_text("1 left")
    page.unroute("**/media/**")
    desk.context.set_offline(True)
    desk.context.set_offline(False)
    expect(lost).to_have_count(0)
    desk.press("a")
    until(lambda: shop.statuses([number]) == ["approved"], page)


@pytest.mark.extra
def test_the_grid_approves_no_picture_that_can_not_be_loaded(
    shop: DeskShop, open_desk: Open
) -> None:
    gone, there = shop.stock(2)
    desk = open_desk("about:blank")
    page = desk.page
    page.route(f"**/media/**/{gone}/**", lambda route: route.abort())
    page.goto(f"{shop.url}/grid")
    expect(page.locator(f'.tile[data-id="{gone}"] [data-lost]')).to_have_count(4)
    desk.press("Control+a")
    desk.press("a")
    refused = "1 product has pictures that can't be loaded: loading again."
    expect(page.get_by_role("dialog")).to_contain_text(refused)
    page.get_by_role("button", name="Approve 1").click()
    until(lambda: shop.statuses([gone, there]) == ["pending_review", "approved"], page)
    page.unroute(f"**/media/**/{gone}/**")
    page.locator(f'.tile[data-id="{gone}"] .tile-box').check(force=True)
    for _ in range(2):  # the first press loads them again
        desk.press("a")
        expect(page.locator("[data-lost], [data-retried]")).to_have_count(0)
    page.get_by_role("button", name="Approve 1").click()
    until(lambda: shop.statuses([gone]) == ["approved"], page)


@pytest.mark.extra
def test_more_products_are_requested_when_the_server_allows_it_and_after_signing_in(
    guarded_shop: DeskShop, open_desk: Open
) -> None:
    guarded_shop.stock(53, kinds=1)  # three more than come with the page
    desk = open_desk(guarded_shop.url)
    asked_at: list[float] = []

    def answer(route: Route) -> None:
        asked_at.append(time.monotonic())
        match len(asked_at):
            case 1:
                route.fulfill(status=503, headers={"Retry-After": "4"}, json={})
            case 2:
                route.fulfill(status=401, json={})
            case _:
                route.continue_()

    desk.page.route("**/api/products?*cursor*", answer)
    sign_in(desk, KEY)
    expect(desk.page.get_by_label("Your key")).to_be_visible()
    assert asked_at[1] - asked_at[0] > 3.9
    desk.page.wait_for_timeout(3_000)
    assert len(asked_at) == 2  # nobody is signed in: no request
    desk.page.get_by_label("Your key").fill(KEY.split(":")[1])
    desk.page.get_by_role("button", name="Sign in").click()
    until(lambda: len(asked_at) == 3, desk.page)


def test_undo_takes_back_what_was_saved(shop: DeskShop, open_desk: Open) -> None:
    ids = shop.stock(2)
    desk = open_desk(shop.url)
    desk.press("a")
    until(lambda: shop.statuses(ids) == ["pending_review", "approved"])
    desk.press("u")
    expect(shown_number(desk.page)).to_have_text(f"#{ids[1]}")
    expect(left(desk.page)).to_have_text("2 left")
    until(lambda: shop.statuses(ids) == ["pending_review", "pending_review"])
    desk.press("r r")
    until(lambda: shop.statuses(ids) == ["pending_review", "rejected"])
    lines = [line.status for line in shop.services.catalog.history(ids[1])]
    assert lines == ["rejected"] * 3 + ["pending"] * 3 + ["approved"] * 3


@pytest.mark.extra
def test_what_was_just_decided_covers_no_picture_and_moves_no_button(
    shop: DeskShop, open_desk: Open
) -> None:
    """It lay over the slider of Wipe, and over the last pictures of All."""
    shop.stock(3)
    desk = open_desk(shop.url)
    approve = desk.page.get_by_role("button", name="Approve")
    before = approve.bounding_box()
    for mode in ("wipe", "all"):
        desk.page.locator(f"#tools [data-mode={mode}]").click()
        desk.press("a")
        moment = desk.page.locator("#moment")
        expect(moment).to_contain_text("Approved · #")
        box, pictures = moment.bounding_box(), desk.page.locator(".table").bounding_box()
        assert box and pictures and box["x"] >= pictures["x"] + pictures["width"]
        assert approve.bounding_box() == before


@pytest.mark.extra
def test_undoing_an_unsent_decision_sends_nothing(shop: DeskShop, open_desk: Open) -> None:
    ids = shop.stock(6)
    desk = open_desk(shop.url)
    expect(left(desk.page)).to_have_text("6 left")
    held: list[Route] = []
    release = threading.Event()

    def hold(route: Route) -> None:
        if release.is_set():
            route.continue_()
        else:
            held.append(route)

    desk.page.route("**/review", hold)
    desk.press("a a a a a u")  # four are sent together: the fifth was not
    expect(desk.page.locator("#saving")).to_have_text("Saving 4")
    expect(shown_number(desk.page)).to_have_text(f"#{ids[1]}")
    until(lambda: len(held) == 4, desk.page)
    release.set()
    for route in held:
        route.continue_()
    expect(desk.page.locator("#saving")).to_be_hidden()
    assert shop.statuses(ids) == ["pending_review"] * 2 + ["approved"] * 4
    assert shop.services.catalog.history(ids[1]) == []


# -- what was seen is what is decided --------------------------------------------------------------


def statuses_of(shop: DeskShop, number: int) -> list[str]:
    return [image.status for image in shop.services.catalog.product(number).images]


def redo(shop: DeskShop, number: int) -> None:
    """Ben asks for new pictures, and they are made."""
    shop.services.catalog.enhance(number, by=Editor("ben"), instructions="whiter, please")
    with shop.working():
        until(lambda: shop.statuses([number]) == ["pending_review"])


def test_a_new_round_comes_on_the_stage_before_it_is_decided(
    shop: DeskShop, open_desk: Open
) -> None:
    [number] = shop.stock(1)
    desk = open_desk(shop.url)
    expect(left(desk.page)).to_have_text("1 left")
    shop.services.catalog.enhance(number, by=Editor("ben"), instructions="whiter, please")
    expect(desk.page.locator(".badge.big")).to_have_text("New pictures asked for by ben")
    with shop.working():
        expect(left(desk.page)).to_have_text("1 left")
    first = shop.services.catalog.product(number).images[0]
    shown = desk.page.locator(".frame[data-variant='0'] .picture")
    assert shown.get_attribute("src") == first.previews[1600]


@pytest.mark.extra
def test_approving_names_the_pictures_and_the_version_on_the_stage(
    shop: DeskShop, open_desk: Open
) -> None:
    [number] = shop.stock(1)
    desk = open_desk(shop.url)
    with desk.page.expect_request("**/review") as asked:
        desk.press("a")
    product = shop.services.catalog.product(number)
    ids = [image.id for image in product.images]
    assert asked.value.post_data_json == {"status": "approved", "image_ids": ids}
    assert asked.value.headers["if-match"] == '"4"'


def test_a_desk_that_has_not_heard_of_a_redo_approves_none_of_it(
    shop: DeskShop, open_desk: Open
) -> None:
    [number] = shop.stock(1)
    desk = open_desk(shop.url)
    expect(left(desk.page)).to_have_text("1 left")
    desk.page.route("**/desk/state*", lambda route: route.abort())
    redo(shop, number)
    desk.press("a")
    expect(desk.page.locator(".toast")).to_contain_text("ben asked for new pictures of it")
    assert statuses_of(shop, number) == ["pending"] * 3


@pytest.mark.extra
def test_a_picture_rejected_before_stays_rejected(shop: DeskShop, open_desk: Open) -> None:
    [number] = shop.stock(1)
    second = shop.services.catalog.product(number).images[1].id
    shop.services.catalog.decide(second, "rejected", who="ben", reason="edges")
    desk = open_desk(shop.url)
    expect(desk.page.get_by_role("button", name="Approve 2 of 3")).to_be_visible()
    desk.press("2")
    expect(desk.page.get_by_text("Rejected before")).to_be_visible()
    desk.press("a")
    until(lambda: statuses_of(shop, number) == ["approved", "rejected", "approved"])
    expect(desk.page.locator("#saving")).to_be_hidden()
    desk.press("u")
    until(lambda: statuses_of(shop, number) == ["pending", "rejected", "pending"])
    lines = [line for line in shop.services.catalog.history(number) if line.image_id == second]
    assert [(line.who, line.reason) for line in lines] == [("ben", "edges")]


@pytest.mark.extra
def test_the_grid_approves_no_picture_that_was_rejected(shop: DeskShop, open_desk: Open) -> None:
    [number] = shop.stock(1, pictures=5)
    second = shop.services.catalog.product(number).images[1].id
    shop.services.catalog.decide(second, "rejected", who="ben")
    desk = open_desk(f"{shop.url}/grid")
    expect(desk.page.locator(".tile-picture:not(.raw)")).to_have_count(5)
    desk.press("Control+a a")
    dialog = desk.page.get_by_role("dialog")
    expect(dialog).to_contain_text("4 pictures approved; 1 stays rejected")
    dialog.get_by_role("button", name="Approve 1").click()
    wanted = ["approved", "rejected", *["approved"] * 3]
    until(lambda: statuses_of(shop, number) == wanted)


@pytest.mark.extra
def test_undo_of_an_older_toast_takes_back_that_batch(shop: DeskShop, open_desk: Open) -> None:
    ids = shop.stock(2)
    desk = open_desk(f"{shop.url}/grid")
    for place in (0, 1):
        desk.page.locator(".tile-label").nth(place).click()
        desk.press("a")
        desk.page.get_by_role("button", name="Approve 1").click()
        until(lambda place=place: shop.statuses(ids)[1 - place] == "approved")  # type: ignore[misc]
    desk.page.locator(".toast").get_by_role("button", name="Undo").first.click()
    until(lambda: shop.statuses(ids) == ["approved", "pending_review"])


def test_a_reason_with_words_is_kept(shop: DeskShop, open_desk: Open) -> None:
    [number] = shop.stock(1)
    desk = open_desk(shop.url)
    desk.press("r 6")
    desk.page.get_by_label("In a few words").fill("the zip is gone")
    desk.press("Enter")
    until(lambda: shop.statuses([number]) == ["rejected"])
    line = shop.services.catalog.history(number)[0]
    assert (line.reason, line.note) == ("other", "the zip is gone")


def test_a_redo_sends_the_words_to_the_next_round_and_decides_nothing_before(
    shop: DeskShop, open_desk: Open
) -> None:
    [number] = shop.stock(1)
    desk = open_desk(shop.url)
    desk.press("Shift+R")
    desk.page.keyboard.type("a real arrow")  # keys typed into a field
    desk.press("Escape")
    expect(left(desk.page)).to_have_text("1 left")
    assert shop.services.catalog.history(number) == []
    desk.press("Shift+R")
    desk.page.get_by_label("What should be different?").fill("whiter, please")
    desk.press("Enter")
    until(lambda: shop.statuses([number]) == ["pending"])
    product = shop.services.catalog.product(number)
    assert (product.round, product.instructions) == (2, "whiter, please")
    expect(desk.page.get_by_text("1 product on the way")).to_be_visible()


@pytest.mark.extra
def test_what_is_being_made_shortens_before_the_menu_and_is_cut_last(
    shop: DeskShop, open_desk: Open
) -> None:
    page = open_desk(shop.url).page
    cut = page.evaluate("""() => {
        const words = document.createElement("span");
        words.textContent = "1,234 to make, 12 a minute, done at about 16:45 ".repeat(4);
        document.getElementById("pulse").replaceChildren(words);
        const nav = document.querySelector(".nav");
        return [nav.scrollWidth - nav.clientWidth, document.body.scrollWidth - innerWidth];
    }""")
    assert max(cut) <= 0
    # At 1280 px it was "3 to …".
    cut = page.evaluate("""() => {
        const [many, pace] = [0, 1].map(() => document.createElement("span"));
        many.textContent = "1,234 to make";
        pace.textContent = "39 products a minute, less than a minute to go ".repeat(4);
        pace.className = "rate";
        document.getElementById("pulse").replaceChildren(many, pace);
        return [many, pace].map((span) => span.scrollWidth - span.clientWidth);
    }""")
    assert cut[0] <= 0 < cut[1]


def test_if_the_enhancer_reads_no_words_the_first_choice_has_the_focus(
    shop: DeskShop, open_desk: Open
) -> None:
    shop.stock(1)
    with shop.services.database.write() as session:
        session.execute(update(ProductImage).values(enhancer="local"))
    desk = open_desk(shop.url)
    desk.press("Shift+R")
    expect(desk.page.get_by_label("Lighter")).to_be_focused()


@pytest.mark.extra
def test_a_redo_without_words_sends_the_ticked_choices_one_of_each_pair(
    shop: DeskShop, open_desk: Open
) -> None:
    [number] = shop.stock(1)
    desk = open_desk(shop.url)
    desk.press("Shift+R")
    for label in ("Darker", "Lighter", "More room", "Straighten"):
        desk.page.get_by_label(label).check()
    expect(desk.page.get_by_label("Darker")).not_to_be_checked()
    desk.page.get_by_role("button", name="Make it again").click()
    until(lambda: shop.statuses([number]) == ["pending"])
    product = shop.services.catalog.product(number)
    assert (product.round, product.instructions) == (2, None)
    assert product.adjustments == ["lighter", "looser", "straighten"]
    with shop.working():
        expect(desk.page.get_by_text("Lighter, More room, Straighten")).to_be_visible()


@pytest.mark.extra
def test_shortcuts_can_be_turned_off(shop: DeskShop, open_desk: Open) -> None:
    ids = shop.stock(2)
    desk = open_desk(shop.url)
    desk.press("?")
    desk.page.get_by_label("Shortcuts of a single key are on").uncheck()
    desk.page.get_by_role("button", name="Close").click()
    desk.press("a a")
    expect(left(desk.page)).to_have_text("2 left")
    desk.page.get_by_role("button", name="Approve all 3").click()
    expect(left(desk.page)).to_have_text("1 left")
    until(lambda: shop.statuses(ids)[1] == "approved")


# -- what is labelled is what a key or a click does ----------------------------------------------

#: What a keyboard sends for A, by its layout: the code of the place, and the character.
LAYOUTS = {
    "Russian": ("KeyA", "ф"),
    "Greek": ("KeyA", "α"),
    "Arabic": ("KeyA", "ش"),
    "Hindi": ("KeyA", "ो"),
    "French": ("KeyQ", "a"),
    "Dvorak": ("KeyA", "a"),
}


def type_key(page: Page, code: str, key: str, **more: Any) -> None:
    """One key as a keyboard with another layout sends it."""
    page.evaluate(
        "event => document.body.dispatchEvent("
        " new KeyboardEvent('keydown', { bubbles: true, cancelable: true, ...event }))",
        {"code": code, "key": key, **more},
    )


def test_letters_work_on_every_keyboard(shop: DeskShop, open_desk: Open) -> None:
    """By their place where the layout has no Latin letters, else by their character."""
    ids = shop.stock(len(LAYOUTS))
    page = open_desk(shop.url).page
    for done, (code, key) in enumerate(LAYOUTS.values(), start=1):
        look(page)
        type_key(page, code, key)
        expect(left(page)).to_have_text(f"{len(ids) - done} left")
    until(lambda: shop.statuses(ids) == ["approved"] * len(ids), page)


@pytest.mark.parametrize(
    ("code", "key", "happens"),
    [
        ("KeyQ", "q", False),  # a French A is at the place of Q, and its Q is no shortcut
        ("KeyZ", ";", False),  # Dvorak: the place of Z writes a semicolon
        ("KeyZ", "я", True),
        ("KeyY", "z", True),  # German
        ("Slash", "z", True),  # Dvorak
    ],
)
@pytest.mark.extra
def test_zoom_is_where_the_layout_has_its_z(
    shop: DeskShop, open_desk: Open, code: str, key: str, happens: bool
) -> None:
    shop.stock(1)
    page = open_desk(shop.url).page
    expect(left(page)).to_have_text("1 left")
    type_key(page, code, key)
    expect(page.locator("#stage[data-zoomed]")).to_have_count(int(happens))


def test_a_click_or_a_number_selects_and_a_double_click_zooms(
    shop: DeskShop, open_desk: Open
) -> None:
    [number] = shop.stock(1)
    page = open_desk(shop.url).page
    selected = page.locator(".frame[data-selected]")
    page.keyboard.press("2")
    expect(selected).to_have_attribute("data-variant", "1")
    type_key(page, "Digit3", '"')  # the digits of a French keyboard take Shift
    expect(selected).to_have_attribute("data-variant", "2")
    page.keyboard.press("7")  # there is no such picture
    expect(selected).to_have_attribute("data-variant", "2")
    thumb = page.get_by_label("Picture 1: ")
    room = thumb.bounding_box()
    assert room and room["width"] > 140, "the small ones have what the large ones leave"
    thumb.click()
    page.keyboard.press("v")
    page.locator(".frame[data-variant='1'] .view").click()
    expect(selected).to_have_attribute("data-variant", "1")
    expect(page.locator("#stage[data-zoomed]")).to_have_count(0)
    page.locator(".frame[data-variant='0'] .view").dblclick()
    expect(page.locator("#stage[data-zoomed]")).to_have_count(1)
    assert shop.services.catalog.history(number) == []
    with shop.services.database.write() as session:  # as if it had been refused
        session.execute(delete(ProductImage).where(ProductImage.variant == 1))
    page.reload()
    look(page)
    page.keyboard.press("3")
    expect(page.locator(".which")).to_have_text("Picture 3 of 3")
    expect(page.locator(".thumb-number")).to_have_text(["1", "3"])


def test_reasons_open_in_place_and_nothing_is_decided_by_a_digit(
    shop: DeskShop, open_desk: Open
) -> None:
    ids = shop.stock(3)
    desk = open_desk(shop.url)
    page = desk.page
    desk.press("2 5 r")
    expect(page.get_by_role("group", name="Why is it rejected?")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_be_hidden()
    desk.press("a u 9 Escape")  # none of them is on the screen: none does anything
    expect(left(page)).to_have_text("3 left")
    desk.press("r")
    page.get_by_role("button", name="Edges").click()
    expect(page.locator("#moment")).to_contain_text(f"Rejected: edges · #{ids[2]}")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#moment")).to_contain_text("Undone: Rejected: edges")
    expect(left(page)).to_have_text("3 left")
    desk.press("r Enter r 2")
    until(lambda: shop.statuses(ids) == ["pending_review", "rejected", "rejected"], page)
    assert {line.reason for line in shop.services.catalog.history(ids[1])} == {"colour"}


def test_undo_survives_a_reload_and_says_what_it_takes_back(
    guarded_shop: DeskShop, open_desk: Open
) -> None:
    ids = guarded_shop.stock(3)
    desk = open_desk(guarded_shop.url)
    sign_in(desk, KEY)
    expect(left(desk.page)).to_have_text("3 left")
    desk.press("a r 3")
    decided = ["pending_review", "rejected", "approved"]
    until(lambda: guarded_shop.statuses(ids) == decided, desk.page)
    guarded_shop.services.catalog.review(ids[0], "rejected", who="ben")
    desk.page.reload()
    expect(desk.page.locator(".undo-words")).to_have_text(f"Rejected · #{ids[1]}, just now")
    desk.press("u")
    expect(shown_number(desk.page)).to_have_text(f"#{ids[1]}")
    expect(desk.page.locator("#moment")).to_contain_text(f"Undone: Rejected · #{ids[1]}")
    expect(desk.page.locator("#moment").get_by_role("button")).to_be_hidden()
    expect(desk.page.locator(".undo-words")).to_have_text(f"Approved · #{ids[2]}, just now")
    wanted = ["rejected", "pending_review", "approved"]
    until(lambda: guarded_shop.statuses(ids) == wanted, desk.page)
    desk.page.reload()
    expect(desk.page.locator(".undo-words")).to_have_text(f"Approved · #{ids[2]}, just now")
    desk.press("u")
    until(lambda: guarded_shop.statuses(ids)[2] == "pending_review", desk.page)
    desk.page.reload()
    expect(desk.page.get_by_role("button", name="Undo")).to_be_disabled()  # ben's is not asha's


def test_undo_takes_back_nothing_that_this_tab_did_not_decide(
    shop: DeskShop, open_desk: Open
) -> None:
    """Without keys a program and every tab decide under one name."""
    ids = shop.stock(2)
    shop.services.catalog.review(ids[1], "approved", who="local")
    desk = open_desk(shop.url)
    expect(left(desk.page)).to_have_text("1 left")
    for page in ("", "/grid"):
        desk.page.goto(shop.url + page)
        desk.press("u")
        expect(desk.page.locator(".toast")).to_contain_text("nothing to undo")
    desk.page.goto(f"{shop.url}/products/{ids[0]}")
    desk.page.locator(".picture-actions").get_by_role("button", name="Approve").first.click()
    until(lambda: statuses_of(shop, ids[0]) == ["approved", "pending", "pending"], desk.page)
    desk.page.goto(shop.url)
    desk.press("u")
    expect(desk.page.locator("#moment")).to_contain_text(f"· #{ids[0]}")
    until(lambda: statuses_of(shop, ids[0]) == ["pending"] * 3, desk.page)
    assert shop.statuses(ids) == ["pending_review", "approved"]


# -- doubt is opt-in -----------------------------------------------------------------------------


def test_a_doubtful_picture_is_excluded_until_it_is_included(
    shop: DeskShop, open_desk: Open
) -> None:
    ids = shop.stock(2, warning="the label may have changed")
    desk = open_desk(shop.url)
    page = desk.page
    expect(page.get_by_role("button", name="Approve 2 of 3")).to_be_visible()
    expect(page.get_by_role("button", name="Only this")).to_have_attribute("data-none", "")
    desk.press("Shift+A")
    expect(page.locator(".toast")).to_contain_text("Include it (X) before you approve it")
    desk.press("a")
    until(lambda: statuses_of(shop, ids[1]) == ["rejected", "approved", "approved"], page)
    page.get_by_role("button", name="Include").click()
    look(page)
    page.get_by_role("button", name="Approve all 3").click()
    until(lambda: statuses_of(shop, ids[0]) == ["approved"] * 3, page)


@pytest.mark.parametrize("touch", [True, False])
def test_a_tile_says_its_warnings_to_fingers_and_keys(
    shop: DeskShop, open_desk: Open, touch: bool
) -> None:
    shop.stock(1, warning="The cut-out is not certain")
    page = open_desk(f"{shop.url}/grid", has_touch=touch).page
    opens = page.get_by_role("button", name="Warnings of Footwear")
    words = page.get_by_text("Picture 1: The cut-out is not certain")
    expect(opens).to_be_visible()
    expect(words).to_be_hidden()
    if touch:
        opens.tap()
    else:
        opens.focus()
        page.keyboard.press("Enter")
    expect(words).to_be_visible()
    expect(opens).to_have_attribute("aria-expanded", "true")
    expect(page.locator(".chosen")).to_have_text("None chosen")


def test_the_grid_approves_only_products_without_doubt(shop: DeskShop, open_desk: Open) -> None:
    doubtful = shop.stock(2, warning="the label may have changed")
    sure = shop.stock(3)
    desk = open_desk(f"{shop.url}/grid")
    desk.press("Control+a a")
    dialog = desk.page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 products have a warning: look at them one by one.")
    dialog.get_by_role("button", name="Approve 3").click()
    until(lambda: shop.statuses(sure) == ["approved"] * 3, desk.page)
    assert shop.statuses(doubtful) == ["pending_review"] * 2


def check(
    shop: DeskShop,
    product_id: int,
    *,
    judged: float | None = None,
    reasons: Sequence[dict[str, str]] = (),
    **found: Any,
) -> None:
    """As `Checks.save` records it: the product's version is raised, and nobody decided."""
    fidelity = {"reasons": list(reasons), "judged": judged, **found}
    with shop.services.database.write() as session:
        mine = update(ProductImage).where(ProductImage.product_id == product_id)
        session.execute(mine.values(check_due=None, fidelity=fidelity, **found))
        version = {"version": Product.version + 1}
        session.execute(update(Product).where(Product.id == product_id).values(version))


def test_the_grid_approves_nothing_before_its_check_ended(shop: DeskShop, open_desk: Open) -> None:
    waiting, sure = shop.stock(1), shop.stock(1)
    with shop.services.database.write() as session:
        mine = update(ProductImage).where(ProductImage.product_id == waiting[0])
        session.execute(mine.values(check_due=now()))
    desk = open_desk(f"{shop.url}/grid")
    desk.press("Control+a a")
    dialog = desk.page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 product is still being checked: wait, or look at it")
    dialog.get_by_role("button", name="Approve 1").click()
    until(lambda: shop.statuses(sure) == ["approved"], desk.page)
    assert shop.statuses(waiting) == ["pending_review"]


def test_a_check_that_ends_meanwhile_is_nobodys_decision(shop: DeskShop, open_desk: Open) -> None:
    failed, passed = shop.stock(2)
    desk = open_desk(shop.url)
    expect(left(desk.page)).to_have_text("2 left")
    check(shop, passed, verdict="pass")
    check(shop, failed, verdict="fail")
    desk.press("a")
    until(lambda: shop.statuses([passed]) == ["approved"], desk.page)
    desk.press("a")
    toast = desk.page.locator(".toast", has_text="A check found something")
    expect(toast).to_contain_text("The product was changed")
    expect(toast).to_contain_text("was not saved")
    assert shop.statuses([failed]) == ["pending_review"]
    desk.press("r r")
    until(lambda: shop.statuses([failed]) == ["rejected"], desk.page)


def find_later(shop: DeskShop, product_id: int) -> None:
    """A check of its first picture ends, which was approved already."""
    first = shop.services.catalog.product(product_id).images[0].id
    with shop.services.database.write() as session:
        session.execute(
            update(ProductImage).where(ProductImage.id == first).values(check_due=now())
        )
    checks = Checks(shop.services.database)
    due = checks.claim_next()
    assert due is not None
    missing_part = Reason(code="missing", words="a part is missing")
    checks.save(due, Check(verdict="fail", score=0.1, reasons=[missing_part]), has_map=False)


def test_what_a_check_finds_after_the_approval_is_said_and_answered(
    shop: DeskShop, open_desk: Open
) -> None:
    kept, sent_back, fine = shop.stock(3, pictures=2)
    approve(shop, [kept, sent_back, fine])
    page = open_desk(f"{shop.url}/grid").page
    expect(page.locator(".chip.found-later")).to_have_count(0)
    for number in (kept, sent_back):
        find_later(shop, number)
    link = page.locator(".chip.found-later")
    expect(link).to_contain_text("Approved, but the check found a change: 2")
    link.click()
    tiles = page.locator(".tile")
    expect(tiles).to_have_count(2)
    expect(tiles.first).to_contain_text("Approved, but the check found a change")
    page.goto(f"{shop.url}/grid?status=approved")
    page.get_by_role("button", name="Download 3 approved").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 pictures in it were approved before their check finished")
    dialog.get_by_role("link", name="Look first").click()
    expect(tiles).to_have_count(2)
    page.goto(f"{shop.url}/products/{kept}")
    card = page.locator(".picture-card").nth(1)
    expect(card).to_contain_text("It was approved before its check ended")
    card.get_by_role("button", name="Keep it approved").click()
    expect(card).not_to_contain_text("It was approved before its check ended")
    page.goto(f"{shop.url}/products/{sent_back}")
    card.get_by_role("button", name="Reject picture 1", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Reject").click()
    expect(card.locator(".badge").first).to_have_text("Rejected")
    assert shop.services.catalog.facets().doubts["after_approval"] == 0


def test_the_grid_keeps_nothing_approved_that_was_found_later_without_a_look(
    shop: DeskShop, open_desk: Open
) -> None:
    [number] = shop.stock(1)
    approve(shop, [number])
    find_later(shop, number)
    desk = open_desk(f"{shop.url}/grid?status=approved")
    expect(desk.page.locator(".tile")).to_contain_text("the check found a change")
    desk.press("Control+a a")
    expect(desk.page.locator(".toast")).to_contain_text("1 product has a warning: look at it")
    assert shop.services.catalog.facets().doubts["after_approval"] == 1


def test_the_page_of_a_product_says_what_else_is_to_be_decided(
    shop: DeskShop, open_desk: Open
) -> None:
    [number] = shop.stock(1)
    page = open_desk(f"{shop.url}/products/{number}").page
    still = page.get_by_label("Still to decide")
    expect(page.locator(".picture-card")).to_have_count(4)
    expect(still).to_have_count(0)
    page.get_by_role("button", name="Approve picture 1", exact=True).click()
    expect(still).to_contain_text(
        "1 picture is approved, but not the product: 2 pictures are undecided."
    )
    expect(still).to_contain_text("exported once every picture is decided")
    still.get_by_role("button", name="Reject the other 2").click()
    expect(page.locator(".product-heading .badge")).to_have_text("Approved")
    expect(still).to_have_count(0)
    assert statuses_of(shop, number) == ["approved", "rejected", "rejected"]


def test_only_what_was_compared_and_has_no_warning_is_called_unchanged(
    shop: DeskShop, open_desk: Open
) -> None:
    [warned] = shop.stock(1, warning="The cut-out is not certain: compare it with the raw photo")
    clear, half, most, lighter = shop.stock(4)
    words = "the product is 0.9 EV lighter than in the photo"
    for number in (warned, clear):
        check(shop, number, verdict="pass")
    check(shop, half, verdict="pass", judged=0.51)
    check(shop, most, verdict="pass", judged=0.75)
    check(shop, lighter, verdict="pass", reasons=[{"code": "light", "words": words}])
    page = open_desk("about:blank").page
    for number, verdict in [
        (warned, "No change found where compared"),
        (clear, "No change found"),
        (half, "No change found where compared"),
        (most, "No change found"),
        (lighter, "The light changed"),
    ]:
        page.goto(f"{shop.url}/products/{number}")
        expect(page.locator(".verdict").first).to_have_text(verdict)
    expect(page.locator(".fidelity").first).to_contain_text(words)


@pytest.mark.extra
def test_a_long_verdict_leaves_room_for_the_pictures_title(shop: DeskShop, open_desk: Open) -> None:
    """In All mode the captions are narrow: the verdict is cut there, as the panel has it whole."""
    [number] = shop.stock(1, warning="The cut-out is not certain: compare it with the raw photo")
    check(shop, number, verdict="pass")
    page = open_desk(f"{shop.url}/?product={number}").page
    page.set_viewport_size({"width": 1280, "height": 800})
    page.keyboard.press("v")
    expect(page.locator(".frame .verdict").first).to_be_visible()
    cut = "each => each.filter(one => one.scrollWidth > one.clientWidth).length"
    assert page.locator(".panel .button").evaluate_all(cut) == 0
    assert page.locator(".frame .title").evaluate_all(cut) == 0
    sizes = "each => each.map(one => [one.offsetWidth, one.offsetHeight].join())"
    assert set(page.locator(".frame .keep").evaluate_all(sizes)) == {"26,26"}


def test_a_message_that_says_the_same_again_stacks_nothing(shop: DeskShop, open_desk: Open) -> None:
    """It says what to press where a product has nothing to approve."""
    shop.stock(1, pictures=1, warning="The cut-out is not certain")
    desk = open_desk(shop.url)
    page = desk.page
    expect(left(page)).to_have_text("1 left")
    page.get_by_role("button", name="Approve 0 of 1").click()
    page.evaluate(
        "for (const key of ['a', 'a', 'a'])"
        " document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))"
    )
    expect(page.locator("#live")).to_contain_text("It is left out. Include it (X)")
    expect(page.locator(".toast")).to_have_count(0)  # it would cover the photo and the next product
    desk.press("Shift+A")
    desk.press("Shift+A")
    expect(page.locator(".toast")).to_have_count(1)
    expect(page.locator(".toast")).to_contain_text("Include it (X) before you approve it")
    expect(page.locator(".why-not")).to_have_text(
        "It is left out. Include it (X) if it is good, or reject."
    )
    page.keyboard.press("x")
    expect(page.locator(".why-not")).to_be_hidden()
    expect(page.get_by_role("button", name="Approve")).to_be_enabled()


def test_a_key_that_comes_before_the_page_listens_is_not_lost_silently(
    shop: DeskShop, open_desk: Open
) -> None:
    shop.stock(2)
    desk = open_desk("about:blank")
    held: list[Route] = []
    desk.page.route("**/desk/grid.js", lambda route: held.append(route))
    desk.page.goto(f"{shop.url}/grid", wait_until="commit")
    until(lambda: bool(held), desk.page)
    expect(desk.page.locator("#data")).to_be_attached()  # evaluates no text, which the page forbids
    desk.press("Control+a")
    held[0].continue_()
    expect(desk.page.locator(".toast")).to_contain_text("still loading when you pressed Ctrl+A")
    desk.press("Control+a")
    expect(desk.page.locator(".chosen")).to_have_text("2 chosen")
    desk.page.unroute("**/desk/grid.js")
    desk.page.goto(f"{shop.url}/grid?status=all")
    desk.press("Control+a")
    expect(desk.page.locator(".toast")).to_contain_text("choose To review, Approved or Rejected")


def make_again(shop: DeskShop, product_id: int) -> None:
    """As the check of a better second take records it: another picture stands under the same id."""
    with shop.services.database.write() as session:
        product = session.get_one(Product, product_id)
        image = session.scalars(select(ProductImage).filter_by(product_id=product_id)).first()
        assert image is not None and product.media_namespace is not None
        image.verdict, image.fidelity = "fail", {"verdict": "fail", "reasons": []}
        take = open_next(session, product, image, Remakes("local", 1))
        assert take is not None
        session.flush()
        session.refresh(take)
        take.object_key = variant_key(product.media_namespace, product_id, 1, image.variant, 2)
        shop.store(take.object_key, picture(9, 240))
        take.image_url, take.sha256 = f"/media/{take.object_key}", "9" * 64
        take.title, take.width, take.height = image.title, 240, 240
        take.prompt, take.verdict, take.fidelity = "Again.", "pass", {"verdict": "pass"}
        finish_check(session, product, image, take, None)
        product.version += 1


def test_a_picture_that_was_made_again_is_new_to_its_reviewer(
    shop: DeskShop, open_desk: Open
) -> None:
    again, first = shop.stock(2)
    desk = open_desk(shop.url)
    expect(left(desk.page)).to_have_text("2 left")
    make_again(shop, again)
    desk.press("a")
    until(lambda: shop.statuses([first]) == ["approved"], desk.page)
    desk.press("a")  # of the picture before
    toast = desk.page.locator(".toast", has_text="A check found something")
    expect(toast).to_contain_text("picture 1 was made again and is another one now: look at it")
    assert shop.statuses([again]) == ["pending_review"]
    desk.page.goto(f"{shop.url}/products/{again}")
    desk.page.get_by_text("The other take", exact=True).click()
    other = desk.page.locator(".take")
    expect(other).to_contain_text("The first")
    expect(other.locator(".verdict")).to_have_text("Product changed")
    expect(other.locator("img").first).to_have_js_property("complete", True)
    expect(desk.page.locator(".fidelity")).to_contain_text("the new picture is better and was kept")
    other.get_by_role("button", name="Use this one").click()
    expect(desk.page.locator(".fidelity > .verdict").first).to_have_text("Product changed")


def let_it_ask(page: Page, number: int) -> None:
    """The page of a product asks at once for what is new, and has the answer."""
    with page.expect_response(f"**/desk/products/{number}"):
        page.evaluate("dispatchEvent(new Event('online'))")


def test_the_page_of_a_product_saves_no_decision_on_a_picture_it_has_not_drawn(
    shop: DeskShop, open_desk: Open
) -> None:
    """Another take stands since the dialog opened; the page behind it is not drawn again."""
    [number] = shop.stock(1)
    page = open_desk(f"{shop.url}/products/{number}").page
    page.get_by_role("button", name="Reject picture 1", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    make_again(shop, number)
    let_it_ask(page, number)
    dialog.get_by_role("button", name="Reject").click()
    expect(page.locator(".toast")).to_contain_text("Other pictures came up")
    expect(page.locator(".fidelity").first).to_contain_text("the new picture is better")
    assert shop.statuses([number]) == ["pending_review"]


def test_the_page_of_a_product_draws_what_came_while_a_dialog_was_open(
    shop: DeskShop, open_desk: Open
) -> None:
    """Nothing else draws it: an unchanged state is not sent again."""
    [number] = shop.stock(1)
    page = open_desk(f"{shop.url}/products/{number}").page
    page.get_by_role("button", name="Reject picture 1", exact=True).click()
    make_again(shop, number)
    let_it_ask(page, number)
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".fidelity").first).to_contain_text("the new picture is better")


def test_the_page_of_a_product_approves_nothing_that_came_with_the_click_or_did_not_come(
    shop: DeskShop, open_desk: Open
) -> None:
    [number] = shop.stock(1)
    desk = open_desk(f"{shop.url}/products/{number}")
    page = desk.page
    approve = page.get_by_role("button", name="Approve picture 1", exact=True)
    expect(approve).to_be_visible()
    make_again(shop, number)
    page.evaluate(
        """new MutationObserver((changes, observer) => {
            observer.disconnect();
            document.querySelector("[data-focus^=approved]").click();
        }).observe(document.getElementById("product"), {childList: true});
        dispatchEvent(new Event("online"));"""
    )
    expect(page.locator(".toast")).to_contain_text("New pictures have just come")
    assert shop.statuses([number]) == ["pending_review"]
    page.route("**/media/**", lambda route: route.abort())
    page.reload()
    expect(page.get_by_text("This picture can't be loaded").first).to_be_visible()
    approve.click()
    expect(page.locator(".toast")).to_contain_text("can't be loaded, so nothing was approved")
    assert shop.statuses([number]) == ["pending_review"]


def test_the_page_of_a_product_saves_what_is_decided_while_it_saves(
    shop: DeskShop, open_desk: Open
) -> None:
    """Each click counts on a slow network, and a double click is no other reviewer."""
    [number] = shop.stock(1)
    page = open_desk(f"{shop.url}/products/{number}").page
    held: list[Route] = []
    page.route("**/api/product-images/*", lambda route: held.append(route), times=1)
    for picture_number in (1, 2, 3):
        page.get_by_role("button", name=f"Approve picture {picture_number}", exact=True).dblclick()
    until(lambda: bool(held), page)
    held[0].continue_()
    until(lambda: shop.statuses([number]) == ["approved"], page)
    expect(page.locator(".product-heading")).to_contain_text("Approved")
    expect(page.locator(".toast")).to_have_count(0)


def test_a_check_between_the_two_steps_of_a_redo_stops_neither(
    shop: DeskShop, open_desk: Open
) -> None:
    [number] = shop.stock(1)
    desk = open_desk(shop.url)

    def while_it_is_sent(route: Route) -> None:
        check(shop, number, verdict="fail")
        route.continue_()

    desk.page.route("**/enhance", while_it_is_sent, times=1)
    desk.press("Shift+R")
    desk.page.get_by_label("What should be different?").fill("whiter")
    desk.press("Enter")
    until(lambda: shop.statuses([number]) == ["pending"], desk.page)


KEYS = [*"aaaaaAArRsSuUzvbnjk[]123456789", "Enter", "Escape", "Space", "?", "Control+z"]
ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]
#: The one act that takes a picture in, by mouse: these are never clicked. Its key is never pressed.
ACT = ".keep, .button[aria-keyshortcuts='X']"


def press_at_random(page: Page, chance: random.Random, times: int) -> None:
    """Keys and clicks anywhere on the desk, but for the one act that takes a picture in."""
    for _ in range(times):
        if chance.random() < 0.8:  # otherwise it may decide nothing yet
            look(page)
        if chance.random() < 0.7:
            key = chance.choice(KEYS + ARROWS)
            page.keyboard.press(f"Shift+{key}" if key.isupper() else key)
            continue
        x, y = chance.randrange(DESKTOP["width"]), chance.randrange(55, DESKTOP["height"])
        act = page.evaluate(
            "([x, y, act]) => !!document.elementFromPoint(x, y)?.closest(act)", [x, y, ACT]
        )
        if not act:
            page.mouse.click(x, y, click_count=chance.choice([1, 1, 2]))


@pytest.mark.parametrize(
    ("seed", "times"),
    [
        (1, 100),
        pytest.param(2, 300, marks=pytest.mark.soak),
        pytest.param(3, 1_000, marks=[pytest.mark.soak, pytest.mark.timeout(600)]),
    ],
)
def test_random_keys_and_clicks_approve_nothing_doubtful(
    shop: DeskShop, open_desk: Open, seed: int, times: int
) -> None:
    shop.stock(times // 5, kinds=1, warning="the label may have changed")
    page = open_desk(shop.url).page
    page.on("dialog", lambda dialog: dialog.accept())

    def stay(route: Route) -> None:
        if route.request.resource_type == "document":
            route.fulfill(status=204)  # no answer to show: the browser stays on the desk
        else:
            route.continue_()

    page.route(re.compile(r"^(?!.*/(api|media|static)/)"), stay)
    press_at_random(page, random.Random(seed), times)
    page.unroute_all()
    page.goto(shop.url)  # the last press may have asked for a page: what is unsaved outlives that
    expect(page.locator("#saving")).to_be_hidden()
    with shop.services.database.read() as session:
        approved = session.scalars(
            select(ProductImage.warning).where(ProductImage.status == "approved")
        ).all()
    print(f"{times} keys and clicks approved {len(approved)} pictures")
    assert len(approved) > times / 100
    assert set(approved) == {None}


# -- comparing -----------------------------------------------------------------------------------


def test_a_verdict_that_comes_late_leaves_the_picture_out_and_marks_its_places(
    shop: DeskShop, open_desk: Open
) -> None:
    [product_id] = shop.stock(1)
    page = open_desk(shop.url).page
    first, raw = page.locator(".frame[data-selected]"), page.locator(".frame.raw")
    expect(first.locator(".keep")).to_have_attribute("aria-pressed", "true")
    reason = {
        "code": "extra",
        "words": "something was added at the top",
        "raw": [0.2, 0.1, 0.5, 0.3],
    }
    found = {"verdict": "fail", "score": 0.02, "lines": 0, "has_map": True}
    found["reasons"] = [reason | {"enhanced": [0.3, 0.2, 0.6, 0.4]}]
    with shop.services.database.write() as session:
        image = session.scalars(
            select(ProductImage).where(ProductImage.product_id == product_id)
        ).first()
        assert image is not None and image.object_key is not None
        key = changes_key(image.object_key)
        shop.services.storage.put(key, picture(9, 240).data, "image/webp")
        image.verdict, image.fidelity_score, image.fidelity = "fail", 0.02, found
        session.get_one(Product, product_id).touch()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(first.locator(".verdict")).to_have_text("Product changed")
    expect(first.locator(".keep")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#panel .warning")).to_contain_text("Something was added at the top")
    expect(raw.locator(".marks")).to_be_hidden()
    for _ in range(4):
        page.keyboard.press("v")
    for frame in (first, raw):
        expect(frame.locator(".marks rect")).to_have_count(1)
        expect(frame.locator(".marks")).to_be_visible()
    expect(first.locator(".changes")).to_have_js_property("naturalWidth", 240)


@pytest.mark.extra
def test_a_locked_picture_shows_which_pixels_are_the_photos_own(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    [product_id] = shop.stock(1)
    lock = {"locked": True, "share": 0.881, "exact": True, "worst_error": 11.0}
    refused = {"locked": False, "code": "turned", "words": "the product was turned by 2.4°"}
    with shop.services.database.write() as session:
        images = session.scalars(
            select(ProductImage)
            .where(ProductImage.product_id == product_id)
            .order_by(ProductImage.variant)
        ).all()
        key = lock_key(images[0].object_key or "")
        shop.services.storage.put(key, picture(9, 240).data, "image/webp")
        images[0].pixel_lock, images[1].pixel_lock = lock, refused
    page = open_desk(shop.url).page
    panel, stage = page.locator("#panel"), page.locator("#stage")
    expect(panel).to_contain_text("88 % of the product's pixels are the photo's own")
    expect(panel).to_contain_text("at most 11 of 255 levels")
    for _ in range(5):
        page.keyboard.press("v")
    expect(stage).to_have_attribute("data-mode", "lock")
    mask = page.locator(".frame[data-selected] .locked")
    expect(mask).to_be_visible()
    expect(mask).to_have_js_property("naturalWidth", 240)
    page.screenshot(path=tmp_path / "lock.png")
    page.keyboard.press("2")
    expect(panel).to_contain_text("The picture is as it was made: the product was turned by 2.4°.")


def test_the_modes_the_blink_and_one_zoom_for_all(shop: DeskShop, open_desk: Open) -> None:
    shop.stock(1, side=1700)
    page = open_desk(shop.url).page
    stage = page.locator("#stage")
    for mode in ("all", "wipe", "difference", "changes", "pair"):
        page.keyboard.press("v")
        expect(stage).to_have_attribute("data-mode", mode)
    over = page.locator(".frame[data-selected] .over")
    expect(over).to_be_hidden()
    page.keyboard.down("Space")
    expect(over).to_be_visible()
    page.keyboard.up("Space")
    expect(over).to_be_hidden()
    asked: list[str] = []
    expect(page.locator(".frame .picture").first).to_be_visible()
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("z")
    expect(page.locator(".frame:not(.raw) .picture").first).to_have_attribute(
        "src", re.compile("/media/enhanced/")
    )
    transforms = page.locator(".view > img, .view > .over").evaluate_all(
        "images => [...new Set(images.filter(image => image.checkVisibility())"
        ".map(image => getComputedStyle(image).transform))]"
    )
    assert len(transforms) == 1 and transforms[0] != "none"
    assert any("/media/normalised/" in url for url in asked)
    page.keyboard.press("ArrowRight")
    expect(page.locator("#stage")).to_have_attribute("data-zoomed", "")


@pytest.mark.parametrize("degrees", [pytest.param(0, marks=pytest.mark.extra), 90])
def test_wipe_and_difference_lay_the_photo_where_the_check_placed_it(
    shop: DeskShop, open_desk: Open, degrees: int
) -> None:
    """In shares of the picture; a picture without a placement says that it isn't aligned."""
    [product_id] = shop.stock(1)
    box = [-0.5, -0.25, 1.25, 1.5]
    with shop.services.database.write() as session:
        image = session.scalars(
            select(ProductImage).where(ProductImage.product_id == product_id)
        ).first()
        assert image is not None
        image.width, image.height = 400, 200
        image.verdict = "pass"
        placement = {"box": box, "degrees": degrees}
        image.fidelity = {"verdict": "pass", "reasons": [], "placement": placement}
    page = open_desk(shop.url).page
    frame = page.locator(".frame[data-selected]")
    unaligned = frame.get_by_text("Photo not aligned")
    whole, photo = frame.locator(".view"), frame.locator(".over img")
    for _ in range(2):
        page.keyboard.press("v")
    for _ in ("wipe", "difference"):
        assert photo.is_visible() and not unaligned.count()
        view, over = whole.bounding_box(), photo.bounding_box()
        assert view and over
        width, height = (
            min(view["width"], 2 * view["height"]),
            min(view["height"], view["width"] / 2),
        )
        left = view["x"] + (view["width"] - width) / 2
        top = view["y"] + (view["height"] - height) / 2
        # The photo's middle, and its sides, which a quarter turn exchanges.
        assert over["x"] + over["width"] / 2 == pytest.approx(left + 0.375 * width, abs=1)
        assert over["y"] + over["height"] / 2 == pytest.approx(top + 0.625 * height, abs=1)
        sides = (1.75 * width, 1.75 * height)
        assert (over["width"], over["height"]) == pytest.approx(
            sides[::-1] if degrees else sides, abs=1
        )
        page.keyboard.press("v")
    page.keyboard.press("2")
    expect(unaligned).to_be_hidden()
    for _ in range(3):
        page.keyboard.press("v")
    expect(page.locator("#stage")).to_have_attribute("data-mode", "wipe")
    expect(unaligned).to_be_visible()
    expect(photo).to_have_css("object-fit", "contain")


@pytest.mark.extra
def test_wipe_and_difference_fill_a_phone(shop: DeskShop, open_desk: Open) -> None:
    """Without a size of its own the view had none, because pictures lie over it."""
    shop.stock(1)
    page = open_desk(shop.url, viewport=PHONE).page
    stage, frame = page.locator("#stage"), page.locator(".frame[data-selected]")
    for mode in ("wipe", "difference"):
        page.locator(f"#tools [data-mode={mode}]").click()
        expect(stage).to_have_attribute("data-mode", mode)
        view, words = (frame.locator(part).bounding_box() for part in (".view", "figcaption"))
        assert view and words
        assert view["width"] == pytest.approx(view["height"], abs=1)
        assert view["width"] > 0.9 * PHONE["width"]
        assert words["x"] >= 0 and words["x"] + words["width"] <= PHONE["width"]


@pytest.mark.extra
def test_long_words_and_many_pictures_stay_in_reach(shop: DeskShop, open_desk: Open) -> None:
    """A long word was cut off in warnings, and the first of ten thumbs could not be scrolled to."""
    word = "Rindfleischetikettierungsueberwachungsaufgabenuebertragungsgesetz"
    [number] = shop.stock(1, pictures=10, warning=f"The label {word} may have changed")
    shop.services.catalog.correct(number, {"name": f"{word} {word} {word}"}, by=Editor("local"))
    page = open_desk(shop.url, viewport=PHONE).page
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    first, strip = page.locator(".thumb").first, page.locator(".strip")
    strip.evaluate("strip => { strip.scrollLeft = 0; }")
    inside, around = first.bounding_box(), strip.bounding_box()
    assert inside and around and inside["x"] >= around["x"]
    page.keyboard.press("ArrowLeft")
    last = page.locator(".thumb").last.bounding_box()
    assert last and last["x"] + last["width"] <= PHONE["width"]
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.goto(f"{shop.url}/products/{number}")
        words = page.locator(".warning span").first
        assert words.evaluate("span => span.scrollWidth <= span.parentElement.clientWidth")


@pytest.mark.extra
def test_a_warning_is_read_without_scrolling(shop: DeskShop, open_desk: Open) -> None:
    """On a laptop the filters and the picture's title pushed it out of the panel."""
    warning = (
        "The background was kept: the product could not be told apart from it for certain. " * 2
    )
    [number] = shop.stock(1, warning=warning + "Look at its edges, and at what it stands on.")
    facts = {"sku": "TOM-400", "name": "Casa Miró chopped tomatoes, 400 g"}
    shop.services.catalog.correct(number, facts, by=Editor("local"))
    page = open_desk(shop.url, viewport={"width": 1280, "height": 720}).page
    words, panel = (page.locator(part).bounding_box() for part in (".panel .warning", ".panel-top"))
    assert words and panel
    assert words["y"] + words["height"] <= panel["y"] + panel["height"]
    page.set_viewport_size({"width": 844, "height": 390})  # a phone on its side: by scrolling
    words, panel = (page.locator(part).bounding_box() for part in (".panel .warning", ".panel-top"))
    assert words and panel
    assert words["y"] + words["height"] <= panel["y"] + panel["height"]


def test_back_returns_to_the_product_and_to_no_choice(shop: DeskShop, open_desk: Open) -> None:
    """The desk began anew, and the browser ticked boxes of products that were not chosen."""
    ids = shop.stock(3)
    desk = open_desk(shop.url)
    page = desk.page
    desk.press("j")
    page.locator(".number-link").click()
    expect(page).to_have_url(f"{shop.url}/products/{ids[1]}")
    page.go_back()
    expect(shown_number(page)).to_have_text(f"#{ids[1]}")
    page.goto(f"{shop.url}/grid")
    page.locator(".tile-box").first.check()
    expect(page.locator(".chosen")).to_have_text("1 chosen")
    page.locator(".tile-link").nth(1).click()
    expect(page).to_have_url(f"{shop.url}/products/{ids[1]}")
    page.go_back()
    expect(page.locator(".chosen")).to_have_text("None chosen")
    expect(page.locator(".tile-box:checked")).to_have_count(0)


@pytest.mark.extra
def test_a_search_says_its_order_and_what_was_not_found(shop: DeskShop, open_desk: Open) -> None:
    page = open_desk(f"{shop.url}/grid?q=zzz").page
    expect(page.get_by_label("Order")).to_have_value("")
    expect(page.get_by_label("Order").locator("option").first).to_have_text("By the term found")
    expect(page.locator(".empty")).to_contain_text(
        "No SKU, file name, barcode or word of a name begins with “zzz”."
    )


def test_the_next_products_are_decoded_ahead(shop: DeskShop, open_desk: Open) -> None:
    shop.stock(8)
    asked: set[str] = set()
    desk = open_desk("about:blank")
    desk.page.on("request", lambda request: asked.add(request.url))
    desk.page.goto(shop.url)
    desk.page.wait_for_load_state("networkidle")
    shown = {re.sub(r"(-320|-1600)?\.jpg$", "", url) for url in asked if "/media/" in url}
    assert len(shown) == 4 * 4  # this product and the next three: raw, and three pictures


# -- two reviewers -------------------------------------------------------------------------------


def test_the_slower_reviewer_sees_who_was_faster(guarded_shop: DeskShop, open_desk: Open) -> None:
    [number] = guarded_shop.stock(1)
    asha, ben = open_desk(guarded_shop.url), open_desk(guarded_shop.url)
    sign_in(asha, KEY)
    sign_in(ben, OTHER_KEY)
    for desk in (asha, ben):
        expect(left(desk.page)).to_have_text("1 left")
    ben.page.route("**/desk/state*", lambda route: route.abort())  # ben has not heard yet
    asha.press("a")
    until(lambda: guarded_shop.statuses([number]) == ["approved"])
    ben.press("r r")
    toast = ben.page.locator(".toast")
    expect(toast).to_contain_text("asha approved it")
    expect(toast).to_contain_text("Your “Rejected” was not saved.")
    assert guarded_shop.statuses([number]) == ["approved"]
    toast.get_by_role("button", name="Look again").click()
    expect(ben.page.locator(".about .badge").last).to_have_text("Approved")
    ben.press("r r")
    until(lambda: guarded_shop.statuses([number]) == ["rejected"])


def test_two_reviewers_of_one_list_soon_decide_different_products(
    guarded_shop: DeskShop, open_desk: Open
) -> None:
    ids = guarded_shop.stock(20, kinds=1)
    asha, ben = open_desk(guarded_shop.url), open_desk(guarded_shop.url)
    sign_in(asha, KEY)
    sign_in(ben, OTHER_KEY)
    for desk in (asha, ben):
        expect(left(desk.page)).to_have_text("20 left")
    for _ in range(5):
        for desk in (asha, ben):
            desk.press("a")
            expect(desk.page.locator("#saving")).to_be_hidden()
    expect(ben.page.locator(".toast").first).to_contain_text("You go on further down the list.")
    decided = [id_ for id_ in ids if guarded_shop.statuses([id_]) == ["approved"]]
    assert len(decided) >= 7  # of 10 keys few were about the same product
    history = guarded_shop.services.catalog.history
    assert {history(id_)[0].who for id_ in decided} == {"asha", "ben"}


@pytest.mark.extra
def test_what_others_decide_leaves_the_queue(shop: DeskShop, open_desk: Open) -> None:
    ids = shop.stock(3)
    desk = open_desk(shop.url)
    expect(left(desk.page)).to_have_text("3 left")
    shop.services.catalog.review(ids[0], "approved", who="ben")
    shop.services.catalog.review(ids[2], "rejected", who="ben")
    expect(desk.page.locator(".badge.big")).to_have_text("Rejected by ben")
    expect(left(desk.page)).to_have_text("1 left")


def test_a_decision_undone_while_it_is_sent_is_undone(shop: DeskShop, open_desk: Open) -> None:
    ids = shop.stock(3)
    desk = open_desk(shop.url)
    held: list[Route] = []
    desk.page.route("**/review", lambda route: held.append(route), times=1)
    desk.press("r r")
    until(lambda: bool(held), desk.page)
    desk.press("u")
    expect(left(desk.page)).to_have_text("3 left")
    held[0].continue_()
    until(lambda: len(shop.services.catalog.history(ids[2])) == 6, desk.page)
    expect(desk.page.locator("#saving")).to_be_hidden()
    desk.press("j k")  # it is drawn again
    expect(left(desk.page)).to_have_text("3 left")
    desk.press("a a a")
    until(lambda: shop.statuses(ids) == ["approved"] * 3, desk.page)


def test_a_list_from_before_an_undo_does_not_decide_the_product(
    shop: DeskShop, open_desk: Open
) -> None:
    """It was asked for while the product was rejected, and came when that was undone and saved."""
    ids = shop.stock(3)
    desk = open_desk(shop.url)
    page = desk.page
    old: list[tuple[Route, Any]] = []
    page.route("**/api/products?*", lambda route: old.append((route, route.fetch())), times=1)
    desk.press("r r")
    until(lambda: shop.statuses(ids)[2] == "rejected", page)
    shop.services.catalog.review(ids[0], "approved", who="ben")  # so the list is asked for
    until(lambda: bool(old), page)
    desk.press("u")
    until(lambda: shop.statuses(ids)[2] == "pending_review", page)
    expect(page.locator("#saving")).to_be_hidden()
    [(route, answer)] = old
    route.fulfill(response=answer)
    expect(left(page)).to_have_text("2 left")
    expect(shown_number(page)).to_have_text(f"#{ids[2]}")
    page.wait_for_timeout(500)  # what is done with the list is done then
    expect(page.locator(".badge.big")).to_be_hidden()
    desk.press("a a")
    until(lambda: shop.statuses(ids) == ["approved"] * 3, page)


def test_a_conflict_with_a_new_round_is_no_success(shop: DeskShop, open_desk: Open) -> None:
    """The round that is being made has no pictures yet: none of them says otherwise."""
    [number] = shop.stock(1)
    desk = open_desk(shop.url)
    desk.page.route("**/desk/state*", lambda route: route.abort())
    tries: list[str] = []

    def redo_before_the_second(route: Route) -> None:
        tries.append(route.request.url)
        if len(tries) > 1:
            route.continue_()
            return
        shop.services.catalog.enhance(number, by=Editor("ben"), instructions="whiter")
        route.abort()

    desk.page.route("**/review", redo_before_the_second)
    desk.press("r r")
    expect(desk.page.locator(".toast")).to_contain_text("ben asked for new pictures of it")
    expect(desk.page.locator(".toast")).to_contain_text("Your “Rejected” was not saved.")


# -- the network ---------------------------------------------------------------------------------


def test_decisions_made_offline_are_saved_when_it_is_back(shop: DeskShop, open_desk: Open) -> None:
    ids = shop.stock(3)
    desk = open_desk(shop.url)
    expect(left(desk.page)).to_have_text("3 left")
    desk.page.wait_for_load_state("networkidle")
    desk.context.set_offline(True)
    desk.press("a r r a")
    expect(desk.page.locator("#banner")).to_contain_text("3 decisions kept here")
    expect(desk.page.locator("#saving")).to_have_text("Saving 3")
    assert shop.statuses(ids) == ["pending_review"] * 3
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    desk.page.on("dialog", stay)
    desk.page.close(run_before_unload=True)
    until(lambda: asked == ["beforeunload"], desk.page)
    desk.context.set_offline(False)
    expect(desk.page.locator("#saving")).to_be_hidden()
    expect(desk.page.locator("#banner")).to_be_hidden()
    assert shop.statuses(ids) == ["approved", "rejected", "approved"]


@pytest.mark.extra
def test_an_answer_that_got_lost_is_no_conflict(shop: DeskShop, open_desk: Open) -> None:
    [number] = shop.stock(1)
    desk = open_desk(shop.url)
    lost: list[str] = []

    def lose_the_first(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.request.url)
        route.fetch()  # it arrives, and is done ...
        route.abort()  # ... but the answer does not come back

    desk.page.route("**/review", lose_the_first)
    desk.press("a")
    expect(desk.page.locator("#saving")).to_have_text("Saving 1")
    expect(desk.page.locator("#saving")).to_be_hidden()
    assert shop.statuses([number]) == ["approved"]
    assert len(shop.services.catalog.history(number)) == 3
    expect(desk.page.locator(".toast")).to_have_count(0)


@pytest.mark.extra
def test_a_failing_server_is_retried_and_another_is_not_accepted(
    shop: DeskShop, open_desk: Open
) -> None:
    [number] = shop.stock(1)
    desk = open_desk(shop.url)
    hotel = "<!doctype html><h1>Welcome to our Wi-Fi</h1>"  # its sign-in page answers everything
    answers = iter([(503, "{}"), (500, "{}"), (200, hotel)])

    def not_ours(route: Route) -> None:
        status, body = next(answers, (0, ""))
        if status:
            route.fulfill(status=status, body=body)
        else:
            route.continue_()

    desk.page.route("**/review", not_ours)
    desk.press("a")
    until(lambda: shop.statuses([number]) == ["approved"], desk.page)
    assert next(answers, None) is None


@pytest.mark.extra
def test_a_decision_that_hangs_is_sent_again(shop: DeskShop, open_desk: Open) -> None:
    [number] = shop.stock(1)
    desk = open_desk(shop.url)
    hanging: list[Route] = []

    def hang_once(route: Route) -> None:
        if hanging:
            route.continue_()
        else:
            hanging.append(route)

    desk.page.route("**/review", hang_once)
    desk.press("a")
    until(lambda: shop.statuses([number]) == ["approved"], desk.page)
    expect(desk.page.locator(".toast")).to_have_count(0)


@pytest.mark.extra
def test_a_decision_that_was_taken_back_meanwhile_refuses_nothing(
    shop: DeskShop, open_desk: Open
) -> None:
    """What the reviewer saw is what stands."""
    [number] = shop.stock(1)
    desk = open_desk(shop.url)
    desk.page.route("**/desk/state*", lambda route: route.abort())
    shop.services.catalog.review(number, "rejected", who="ben")
    shop.services.catalog.review(number, "pending", who="ben")
    to_review = desk.page.locator("[data-count=pending_review]")
    expect(to_review).to_have_text("1")
    desk.press("a")
    expect(to_review).to_be_hidden()  # like the count of those left, before the server says so
    until(lambda: shop.statuses([number]) == ["approved"], desk.page)


def test_what_can_not_be_saved_delays_nothing_else(shop: DeskShop, open_desk: Open) -> None:
    ids = shop.stock(9)
    desk = open_desk(shop.url)
    expect(left(desk.page)).to_have_text("9 left")
    over = {"detail": "the limit of products per day is used up"}
    desk.page.route(
        "**/enhance",
        lambda route: route.fulfill(status=429, headers={"Retry-After": "40000"}, json=over),
    )
    for number in ids[1:5]:
        desk.page.route(
            f"**/api/products/{number}/review", lambda route: route.fulfill(status=500, json={})
        )
    for done in range(1, 5):
        desk.press("Shift+R")
        desk.page.get_by_label("What should be different?").fill("whiter")
        desk.press("Enter")
        expect(left(desk.page)).to_have_text(f"{9 - done} left")
    told = desk.page.locator(".toast", has_text="It is rejected, but not being made again")
    expect(told).to_have_count(4)
    expect(told.first).to_contain_text("the limit of products per day is used up")
    desk.press("a a a a a")  # of four the server always fails
    until(lambda: shop.statuses([ids[0], *ids[5:]]) == ["approved"] + ["rejected"] * 4, desk.page)
    desk.page.get_by_role("button", name="4 not saved").click()
    unsaved = desk.page.get_by_role("dialog").get_by_role("listitem")
    expect(unsaved).to_have_count(4)
    expect(unsaved.first).to_contain_text(f"Product {ids[4]}Approved")
    expect(unsaved.first).to_contain_text("Packshot answered 500. Tried")
    desk.page.unroute_all()
    desk.page.get_by_role("button", name="Try now").click()
    until(lambda: shop.statuses(ids[1:5]) == ["approved"] * 4, desk.page)


@pytest.mark.extra
def test_decisions_wait_for_who_made_them(guarded_shop: DeskShop, open_desk: Open) -> None:
    [number] = guarded_shop.stock(1)
    history = guarded_shop.services.catalog.history
    desk = open_desk(guarded_shop.url)
    page = desk.page
    sign_in(desk, KEY)
    expect(left(page)).to_have_text("1 left")
    page.route("**/review", lambda route: route.abort())
    desk.press("a")
    expect(page.locator("#saving")).to_have_text("Saving 1")
    page.get_by_title("Sign out").click()
    page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("sign-in"))
    page.unroute("**/review")
    sign_in(desk, OTHER_KEY)
    expect(left(page)).to_have_text("1 left")
    page.wait_for_load_state("networkidle")
    assert history(number) == []
    page.get_by_title("Sign out").click()
    sign_in(desk, KEY)
    until(lambda: guarded_shop.statuses([number]) == ["approved"], page)
    assert {line.who for line in history(number)} == {"asha"}


@pytest.mark.extra
def test_a_page_decides_under_no_other_name(guarded_shop: DeskShop, open_desk: Open) -> None:
    [number] = guarded_shop.stock(1)
    history = guarded_shop.services.catalog.history
    desk = open_desk(guarded_shop.url)
    sign_in(desk, KEY)
    expect(left(desk.page)).to_have_text("1 left")
    desk.context.request.post(
        f"{guarded_shop.url}/session", data={"key": OTHER_KEY.split(":")[1]}
    )  # ben signs in, in another tab of the same browser
    desk.press("a")
    desk.page.get_by_label("Your key").fill(KEY.split(":")[1])
    assert history(number) == []
    desk.page.get_by_role("button", name="Sign in").click()
    until(lambda: guarded_shop.statuses([number]) == ["approved"], desk.page)
    assert {line.who for line in history(number)} == {"asha"}


@pytest.mark.extra
def test_a_proxy_without_packshot_is_recognised(shop: DeskShop, open_desk: Open) -> None:
    shop.stock(1)
    page = open_desk(shop.url).page
    page.route("**/desk/state*", lambda route: route.fulfill(status=502, body="<h1>Bad</h1>"))
    expect(page.locator("#banner")).to_contain_text("Packshot does not answer")
    page.unroute("**/desk/state*")
    expect(page.locator("#banner")).to_be_hidden()


@pytest.mark.extra
@pytest.mark.parametrize(("path", "status"), [("/", 500), ("/grid", 503), ("/failed", 503)])
def test_a_list_that_fails_is_requested_again(
    shop: DeskShop, open_desk: Open, path: str, status: int
) -> None:
    ids = shop.stock(2)
    page = open_desk(shop.url + path).page
    page.route("**/api/products?*", lambda route: route.fulfill(status=status, json={}))
    with page.expect_response("**/api/products?*"):
        shop.services.catalog.review(ids[0], "approved", who="ben")
        with shop.services.database.write() as session:
            session.execute(update(Product).where(Product.id == ids[1]).values(status="failed"))
    page.unroute("**/api/products?*")
    if path == "/":
        expect(left(page)).to_have_text("0 left")
    else:
        expect(page.locator(".tile, .row")).to_have_count(0 if path == "/grid" else 1)


def test_a_session_that_ends_keeps_the_decisions(guarded_shop: DeskShop, open_desk: Open) -> None:
    ids = guarded_shop.stock(2)
    desk = open_desk(guarded_shop.url)
    desk.page.get_by_label("Your key").fill("ps_wrong-wrong-wrong")
    desk.page.get_by_role("button", name="Sign in").click()
    expect(desk.page.get_by_role("alert")).to_contain_text("not known")
    sign_in(desk, KEY)
    expect(left(desk.page)).to_have_text("2 left")
    desk.context.clear_cookies()
    desk.press("a")
    problem = {"type": "/problems/too_many_requests", "detail": "wait for 700 seconds"}
    refusal = {"status": 429, "json": problem, "content_type": "application/problem+json"}
    desk.page.route("**/session", lambda route: route.fulfill(**refusal), times=1)
    desk.page.get_by_label("Your key").fill("not looked at")
    desk.page.get_by_role("button", name="Sign in").click()
    expect(desk.page.get_by_text("Wait for 700 seconds.")).to_be_visible()
    desk.page.get_by_label("Your key").fill(KEY.split(":")[1])
    desk.page.get_by_role("button", name="Sign in").click()
    expect(desk.page.locator("#saving")).to_be_hidden()
    until(lambda: guarded_shop.statuses(ids)[1] == "approved")


# -- the other pages -----------------------------------------------------------------------------


def test_the_grid_decides_a_range_together(shop: DeskShop, open_desk: Open) -> None:
    ids = shop.stock(6)
    desk = open_desk(f"{shop.url}/grid")
    tiles = desk.page.locator(".tile-label")
    tiles.nth(1).click()
    tiles.nth(3).click(modifiers=["Shift"])
    expect(desk.page.locator(".chosen")).to_have_text("3 chosen")
    desk.press("a")
    desk.page.get_by_role("button", name="Approve 3").click()
    until(lambda: shop.statuses(ids).count("approved") == 3)
    assert shop.statuses(ids)[2:5] == ["approved"] * 3
    desk.press("u")
    until(lambda: shop.statuses(ids).count("approved") == 0)


def test_filters_are_in_the_address_with_their_counts(shop: DeskShop, open_desk: Open) -> None:
    ids = shop.stock(5)
    shop.services.catalog.review(ids[0], "approved", who="ben")
    for number, reason in ((ids[3], "edges"), (ids[4], "edges"), (ids[1], "colour")):
        shop.services.catalog.review(number, "rejected", who="ben", reason=reason)
    page = open_desk(f"{shop.url}/grid?category=Footwear").page
    expect(page.locator(".tabs a[aria-current]")).to_have_text("To review0")
    expect(page.get_by_label("Category").locator("option:checked")).to_have_text("Footwear (0)")
    expect(page.get_by_label("Reason")).to_have_count(0)
    page.get_by_role("link", name="Approved").click()
    expect(page).to_have_url(
        re.compile(r"status=approved.*category=Footwear|category=Footwear.*status=approved")
    )
    expect(page.locator(".tile")).to_have_count(1)
    page.goto(f"{shop.url}/grid?status=rejected")
    reasons = page.get_by_label("Reason")
    expect(reasons.locator("option")).to_have_text(["Any reason", "Colour (1)", "Edges (2)"])
    reasons.select_option("edges")
    expect(page).to_have_url(re.compile(r"reason=edges"))
    expect(page.locator(".tile")).to_have_count(2)
    expect(page.get_by_label("Category").locator("option")).to_have_text(
        ["All categories", "Footwear (1)", "Kitchen (1)"]
    )


def test_the_product_page_shows_rounds_history_and_decides_one_picture(
    shop: DeskShop, open_desk: Open
) -> None:
    [number] = shop.stock(1)
    shop.services.catalog.review(number, "rejected", who="ben", reason="edges")
    desk = open_desk(f"{shop.url}/products/{number}")
    page = desk.page
    expect(page.get_by_label("History")).to_contain_text("ben rejected pictures 1, 2, 3")
    expect(page.get_by_label("History")).to_contain_text("Edges")
    page.locator(".picture-card").nth(2).get_by_role("button", name="Approve").click()
    expect(page.locator(".product-heading .badge")).to_have_text("Approved")
    statuses = [image.status for image in shop.services.catalog.product(number).images]
    assert statuses == ["rejected", "approved", "rejected"]
    page.goto(f"{shop.url}/products/77")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()


def test_a_failed_product_says_what_to_do_and_is_tried_again(
    shop: DeskShop, open_desk: Open
) -> None:
    def broken(kind: str, variant: int | None) -> None:
        raise PictureError("the picture is too dark to read; photograph it again with more light")

    [number] = shop.stock(1)
    shop.services.catalog.enhance(number, by=Editor("ben"), instructions="again")
    desk = open_desk(f"{shop.url}/failed")
    expect(desk.page.get_by_role("heading", name="Nothing failed")).to_be_visible()
    with shop.working(FakeEnhancer(broken)):
        expect(desk.page.locator(".row-error")).to_contain_text("photograph it again")
    desk.page.get_by_role("button", name="Try again").first.click()
    until(lambda: shop.statuses([number]) == ["pending"])
    expect(desk.page.get_by_role("heading", name="Nothing failed")).to_be_visible()


def fails(shop: DeskShop, ids: list[int], *, pictures: bool) -> None:
    with shop.services.database.write() as session:
        if not pictures:
            session.execute(delete(ProductImage).where(ProductImage.product_id.in_(ids)))
        failed = update(Product).where(Product.id.in_(ids))
        session.execute(failed.values(status="failed", error="no photo there", error_code="gone"))


def test_waiting_products_are_cancelled_one_by_one_and_all(shop: DeskShop, open_desk: Open) -> None:
    ids = shop.stock(3)
    with shop.services.database.write() as session:
        session.execute(update(Product).values(status="pending", error="the photo is refused"))
    page = open_desk(f"{shop.url}/waiting").page
    expect(page.locator(".row").first).to_contain_text("Last try: The photo is refused.")
    page.get_by_role("button", name="Cancel", exact=True).first.click()
    expect(page.locator(".row")).to_have_count(2)
    assert shop.statuses(ids) == ["pending", "pending", "failed"]
    expect(page.locator("#summary")).to_contain_text("2 products waiting")
    page.get_by_role("button", name="Cancel all…").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel 2").click()
    until(lambda: shop.statuses(ids) == ["failed"] * 3, page)


@pytest.mark.extra
def test_what_waits_for_batch_jobs_has_no_end_at_the_runs_pace(
    shop: DeskShop, open_desk: Open
) -> None:
    """They were "less than a minute to go"; Google answers within a day."""
    ids = shop.stock(9)
    with shop.services.database.write() as session:
        for n, made in enumerate(ids[3:]):
            this = update(Round).where(Round.product_id == made)
            session.execute(this.values(ready_at=now(-10.0 * n), opened_at=now(-100)))
        batched = update(Product).where(Product.id.in_(ids[:3]))
        session.execute(batched.values(status="pending", batched_at=now()))
    page = open_desk(f"{shop.url}/waiting").page
    expect(page.locator("#summary")).to_contain_text("in batch jobs, or waiting for one3")
    expect(page.locator("#pulse")).to_contain_text("3 in batch jobs")
    for place in ("#summary", "#pulse"):
        expect(page.locator(place)).not_to_contain_text("to go")
    with shop.services.database.write() as session:
        one = update(Product).where(Product.id == ids[0])
        session.execute(one.values(batched_at=None))
    expect(page.locator("#summary")).to_contain_text("less than a minute to go")
    expect(page.locator("#pulse")).to_contain_text("1 to make")


@pytest.mark.extra
def test_a_failed_product_gets_another_photo_in_place(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    ids = shop.stock(2)
    fails(shop, ids, pictures=False)
    photo = tmp_path / "new.jpg"
    photo.write_bytes(photo_bytes(1))
    page = open_desk(f"{shop.url}/failed").page
    for place in ("Or a photo from here", "Address of the photo"):
        page.get_by_role("button", name="Another photo…").first.click()
        if place.startswith("Or"):
            page.get_by_label(place).set_input_files(photo)
        else:
            page.get_by_label(place).fill("https://shop.example/new.jpg")
        page.get_by_role("button", name="Try it with this photo").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
    until(lambda: shop.statuses(ids) == ["pending"] * 2, page)
    raw = [shop.services.catalog.product(number).raw_image for number in ids]
    assert raw[0] == "https://shop.example/new.jpg" and raw[1].startswith("/media/uploads/")


def test_products_are_deleted_with_a_confirmation_that_counts(
    shop: DeskShop, open_desk: Open
) -> None:
    ids = shop.stock(3)
    fails(shop, ids, pictures=True)
    page = open_desk(f"{shop.url}/failed").page
    page.get_by_role("button", name="Delete…").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.locator(".row")).to_have_count(3)
    page.get_by_role("button", name="Delete all…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete 3 failed products?")
    dialog.get_by_role("button", name="Delete 3").click()
    until(lambda: shop.services.catalog.products().products == [], page)


@pytest.mark.extra
def test_a_key_without_the_scope_is_offered_no_deletion(
    guarded_shop: DeskShop, open_desk: Open
) -> None:
    fails(guarded_shop, guarded_shop.stock(2), pictures=True)
    desk = open_desk(guarded_shop.url)
    sign_in(desk, KEY)
    desk.page.goto(f"{guarded_shop.url}/failed")
    expect(desk.page.get_by_role("button", name="Try again")).to_have_count(2)
    expect(desk.page.get_by_role("button", name="Delete")).to_have_count(0)


def name_views(shop: DeskShop, ids: list[int]) -> None:
    """Two views of one SKU, and then one of another."""
    names = [("A-1", "front"), ("A-1", "back"), ("B-2", "front")]
    for number, (sku, view) in zip(ids, names, strict=True):
        shop.services.catalog.correct(number, {"sku": sku, "view": view}, by=Editor("local"))


def test_the_desk_and_the_grid_show_a_skus_views_in_their_order(
    shop: DeskShop, open_desk: Open
) -> None:
    ids = shop.stock(3)
    name_views(shop, ids)
    wanted = [f"#{ids[place]}" for place in (2, 0, 1)]
    desk = open_desk(shop.url)
    for number in wanted:
        expect(shown_number(desk.page)).to_have_text(number)
        desk.press("j")
    desk.page.goto(f"{shop.url}/grid")
    tiles = desk.page.locator(".tile")
    expect(tiles).to_contain_text(["B-2", "A-1", "A-1"])
    shown = tiles.evaluate_all("tiles => tiles.map(tile => `#${tile.dataset.id}`)")
    assert shown == wanted
    desk.page.goto(f"{shop.url}/grid?status=all&sku=A-1")
    expect(tiles).to_contain_text(["front", "back"])


def test_the_views_of_a_sku_belong_together(shop: DeskShop, open_desk: Open) -> None:
    ids = shop.stock(3)
    name_views(shop, ids)
    desk = open_desk(f"{shop.url}/?product={ids[0]}")
    page = desk.page
    expect(page.locator(".view-line")).to_contain_text("View 1 of 2")
    desk.press("n")
    expect(shown_number(page)).to_have_text(f"#{ids[1]}")
    expect(page.locator(".view-line")).to_contain_text("View 2 of 2")
    page.goto(f"{shop.url}/products/{ids[0]}")
    expect(page.locator(".view-list li")).to_have_count(2)
    expect(page.get_by_text("Shows the same as")).to_have_count(0)
    shop.services.catalog.correct(
        ids[1], {"view": "Vorne"}, by=Editor("local"), allow_duplicate=True
    )
    page.reload()
    expect(page.get_by_label("Views")).to_contain_text(f"Shows the same as #{ids[1]}")
    page.goto(f"{shop.url}/?product={ids[0]}")
    expect(page.get_by_text(f"Shows the same as #{ids[1]}")).to_be_visible()
    page.goto(f"{shop.url}/grid?status=all&sku=A-1")
    expect(page.locator(".tile")).to_have_count(2)


@pytest.mark.parametrize("sku", ["/A//1/", "..", "A/../1", "A%2F1", "A?b=1&c#d+e", "A\\1"])
def test_the_link_of_an_odd_sku_leads_to_its_products(
    shop: DeskShop, open_desk: Open, sku: str
) -> None:
    ids = shop.stock(2)
    shop.services.catalog.correct(ids[0], {"sku": sku}, by=Editor("local"))
    page = open_desk(f"{shop.url}/products/{ids[0]}").page
    page.get_by_label("Facts").get_by_role("link", name=sku, exact=True).click()
    expect(page.locator(".tile")).to_have_count(1)
    expect(page.locator(".tile")).to_have_attribute("data-id", str(ids[0]))


def test_a_product_is_found_by_sku_name_and_number(shop: DeskShop, open_desk: Open) -> None:
    ids = shop.stock(3)
    name_views(shop, ids)
    shop.services.catalog.correct(ids[0], {"name": "Leather bag"}, by=Editor("local"))
    desk = open_desk(shop.url)
    page = desk.page
    desk.press("/")
    page.keyboard.type("a-1")
    desk.press("Enter")
    expect(page.get_by_role("heading", name="Found for “a-1”")).to_be_visible()
    expect(page.locator(".tile-name strong")).to_have_text(["A-1", "A-1"])
    expect(page.locator(".tile-name", has_text="Leather bag")).to_have_count(1)
    page.get_by_label("Find by SKU").fill(f"#{ids[2]}")
    desk.press("Enter")
    expect(page).to_have_url(re.compile(f"/products/{ids[2]}$"))
    page.goto(f"{shop.url}/grid?q={ids[1]}")
    expect(page).to_have_url(re.compile(f"/products/{ids[1]}$"))


def test_what_is_doubtful_is_filtered_and_comes_first(shop: DeskShop, open_desk: Open) -> None:
    doubtful = shop.stock(2, warning="the label may have changed")
    sure = shop.stock(2)
    page = open_desk(f"{shop.url}/?order=doubt").page
    expect(shown_number(page)).to_have_text(f"#{doubtful[0]}")
    page.goto(f"{shop.url}/grid")
    doubt = page.locator("select", has_text="With or without warnings")
    expect(doubt.locator("option")).to_have_text(
        ["With or without warnings", "With a warning (2)", "Without a warning (2)"]
    )
    doubt.select_option("no")
    expect(page).to_have_url(re.compile("doubt=no"))
    expect(page.locator(".tile")).to_have_count(2)
    assert page.locator(".tile-link").first.get_attribute("href") == f"/products/{sure[1]}"


def choose(page: Page, *files: Path) -> None:
    page.get_by_label("Photos, a ZIP or a spreadsheet").set_input_files(list(files))


def click_when_ready(button: Locator) -> None:
    """Wait for the plan of the chosen files."""
    expect(button).to_be_enabled()
    button.click()


def test_from_upload_to_done(shop: DeskShop, open_desk: Open, tmp_path: Path) -> None:
    """A spreadsheet, its photos, and what the page says of them before anything is sent."""
    names = ("JAR-1_front.jpg", "JAR-1_back.jpg", "other.jpg", "JAR-1_odd.jpg")
    photos = [tmp_path / name for name in names]
    for seed, path in enumerate(photos):
        path.write_bytes(photo_bytes(seed))
    listed = tmp_path / "products.csv"
    listed.write_text("Item code;Type;cost\nJAR-1;Food;1,299\nJAR-2;Food;9\n")
    page = open_desk(f"{shop.url}/upload").page
    held: list[Route] = []
    page.route("**/api/imports", lambda route: held.append(route), times=1)
    with shop.working():
        choose(page, *photos, listed)
        expect(page.get_by_role("status").get_by_text("Reading the files")).to_be_visible()
        until(lambda: bool(held), page)
        held.pop().continue_()
        facts = page.locator(".import-facts")
        expect(facts).to_contain_text("2 photos matched")
        expect(page.locator(".import-list")).to_contain_text(
            ["no photo was given for JAR-2", "fits no SKU"]
        )
        assert shop.services.catalog.products().products == []
        page.get_by_label("JAR-1_odd.jpg belongs to").select_option("JAR-1 (row 2)")
        expect(facts).to_contain_text("3 photos matched")
        page.get_by_text("Assigned by you").click()
        page.get_by_role("button", name="Undo").click()
        page.get_by_label("JAR-1_odd.jpg belongs to").select_option("None: leave it out")
        expect(page.locator("form[aria-busy]")).to_have_count(0)  # the plan is drawn again
        expect(facts).to_contain_text("2 photos matched")
        give = page.get_by_label("other.jpg belongs to")
        give.select_option("JAR-2 (row 3)")
        expect(facts).to_contain_text("3 photos matched")
        page.get_by_text("Assigned by you").click()
        page.locator("li", has_text="other.jpg").get_by_role("button", name="Undo").click()
        expect(give).to_be_visible()
        page.get_by_text("Columns and numbers").click()
        page.get_by_label("cost is").select_option("price")
        expect(page.locator(".import-list").first).to_contain_text("Columns and numbers")
        page.get_by_label("Numbers of cost are written").select_option("point")
        expect(page.locator(".import-row")).to_contain_text(["JAR-1 · front", "JAR-1 · back"])
        expect(page.locator(".import-row").first).to_contain_text("1,299")
        click_when_ready(page.get_by_role("button", name="Make pictures of 2 products"))
        expect(page.locator(".making-words")).to_contain_text("Done: 6 pictures")
        expect(page.locator(".slot img")).to_have_count(8)
        page.get_by_role("link", name="Review them").click()
        expect(left(page)).to_have_text("2 left")
    products = shop.services.catalog.products().products
    found = {(product.sku, product.view, str(product.price)) for product in products}
    assert found == {("JAR-1", "front", "1299.00"), ("JAR-1", "back", "1299.00")}


def test_a_photo_that_another_product_has_is_named(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    """After a corrected SKU, the old name would make the product again. Numbers may be views."""
    for seed, name in enumerate(("HOO-1.jpg", "HOO-2.jpg", "HOO-3_front.jpg")):
        (tmp_path / name).write_bytes(photo_bytes(seed))
    client = Client(shop.url)
    raw = client.upload(tmp_path / "HOO-3_front.jpg")
    created = {"category": "Hoods", "raw_image": raw, "sku": "HOO-WHITE"}
    [made] = client.create([created])["products"]
    page = open_desk(f"{shop.url}/upload").page
    choose(page, *sorted(tmp_path.glob("HOO*.jpg")))
    other = page.locator(".import-list").filter(has_text="Other products have these photos")
    expect(other).to_contain_text(f"Product {made['id']}, HOO-WHITE")
    expect(other).to_contain_text("It would be made again as HOO-3 · front")
    expect(page.locator(".pattern")).to_contain_text("HOO-1, HOO-2 are read as SKUs of their own")
    page.get_by_label("Photos are named").fill("{sku}_{view} | {sku}-{view}")
    page.get_by_label("Photos are named").press("Tab")
    expect(page.locator(".import-row")).to_contain_text(["HOO · 1", "HOO · 2", "HOO-3 · front"])


def test_a_photo_that_is_given_twice_is_named(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    for seed, name in enumerate(("CUP1.jpg", "CUP1 - Kopie.jpg", "CUP1_back.jpg", "CUP2.jpg")):
        (tmp_path / name).write_bytes(photo_bytes(seed if name == "CUP2.jpg" else 0))
    page = open_desk(f"{shop.url}/upload").page
    choose(page, *sorted(tmp_path.glob("CUP*.jpg")))
    twice = page.locator(".import-list").filter(has_text="Photos that are given twice")
    expect(twice.get_by_role("listitem")).to_have_count(1)
    both = "CUP1_back.jpgThe same photo as CUP1.jpg: both are made, as views of CUP1"
    expect(twice).to_contain_text(both)
    copies = page.locator(".import-list").filter(has_text="Copies of other photos")
    expect(copies).to_contain_text("CUP1 - Kopie.jpgthe same photo as CUP1.jpg: it is made once")
    expect(page.get_by_role("button", name="Make pictures of 3 products")).to_be_visible()
    expect(page.locator(".import-row")).to_have_count(3)


def test_another_photo_of_a_sku_and_view_is_a_question(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    """Only a person knows whether it replaces the product's photo or is one more picture."""
    photo = tmp_path / "CUP-1_front.jpg"
    photo.write_bytes(photo_bytes(1))
    client = Client(shop.url)
    fields = {"category": "Cups", "sku": "CUP-1", "view": "front"}
    [product] = client.create([fields | {"raw_image": client.upload(photo)}])["products"]
    number = product["id"]
    photo.write_bytes(photo_bytes(2))
    with shop.working():
        until(lambda: shop.statuses([number]) == ["pending_review"])
        page = open_desk(f"{shop.url}/upload").page
        choose(page, photo)
        found = page.locator(".import-list").filter(has_text="with another photo")
        expect(found).to_contain_text(f"Product {number}, CUP-1 \u00b7 front")
        expect(page.locator("button[type=submit]")).to_be_disabled()
        choice = page.locator("select[name=sameView]")
        choice.select_option("further")
        expect(page.get_by_role("button", name="Make pictures of 1 product")).to_be_enabled()
        choice.select_option("replace")
        click_when_ready(page.get_by_role("button", name="Replace 1 photo"))
        expect(page.get_by_text("Photos replaced")).to_be_visible()
        until(lambda: shop.statuses([number]) == ["pending_review"], page)
    assert shop.services.catalog.product(number).round == 2
    assert len(shop.services.catalog.products().products) == 1


def test_a_page_on_plain_http_from_another_machine_knows_photos_too(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    """Browsers hash only on https and for this machine; the page's own way gives the same digests,
    whether a photo's last block has room for its length or not."""
    old, new = photo_bytes(1), photo_bytes(2)
    photo = tmp_path / "CUP-1_front.jpg"
    photo.write_bytes(old)
    client = Client(shop.url)
    fields = {"category": "Cups", "sku": "CUP-1", "view": "front"}
    client.create([fields | {"raw_image": client.upload(photo)}])
    desk = open_desk(f"{shop.url}/upload")
    page = desk.page
    page.add_init_script("Object.defineProperty(crypto, 'subtle', { value: undefined })")
    page.reload()
    choose(page, photo)
    expect(page.get_by_label("What will happen")).to_contain_text("1 exists already")
    photo.write_bytes(new)
    page.reload()
    choose(page, photo)
    expect(page.locator(".import-list").filter(has_text="with another photo")).to_be_visible()
    lengths = [0, 3, 55, 56, 63, 64, 65, 119, 120, 70_001]
    digests = page.evaluate(
        """async (lengths) => {
          const { sha256 } = await import("/static/any/desk/upload/sha256.js");
          const hex = (byte) => byte.toString(16).padStart(2, "0");
          return lengths.map((n) => [...sha256(new Uint8Array(n).fill(200))].map(hex).join(""));
        }""",
        lengths,
    )
    assert digests == [hashlib.sha256(bytes([200]) * n).hexdigest() for n in lengths]


@pytest.mark.extra
def test_a_spreadsheet_without_skus_is_a_question(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    """Products without a SKU are made only as somebody said so."""
    (tmp_path / "A-1.jpg").write_bytes(photo_bytes(1))
    listed = tmp_path / "products.csv"
    listed.write_text("Nr XY;Typ;Bild\nA-1;Food;A-1.jpg\n")
    page = open_desk(f"{shop.url}/upload").page
    choose(page, tmp_path / "A-1.jpg", listed)
    alert = page.get_by_role("alert").filter(has_text="No column was read as the SKU")
    expect(alert).to_contain_text("photos are named as Nr XY says")
    asking = page.get_by_role("button", name="Which column is the SKU?")
    expect(asking).to_be_disabled()
    page.get_by_label("Make 1 product without a SKU").check()
    expect(page.get_by_role("button", name="Make pictures of 1 product")).to_be_enabled()
    page.get_by_label("Nr XY is").select_option("sku")  # shown without a click
    expect(alert).to_have_count(0)
    expect(page.locator(".import-row")).to_contain_text("A-1")
    expect(page.get_by_role("button", name="Make pictures of 1 product")).to_be_enabled()


def test_a_corrected_spreadsheet_updates_products_that_exist(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    """What exists and what would change is shown before anything is sent."""
    [number] = shop.stock(1)
    shop.services.catalog.correct(
        number, {"sku": "CAP-1", "mrp": 1200, "price": 990}, by=Editor("ann")
    )
    pictures = shop.services.catalog.product(number).images
    listed = tmp_path / "products.csv"
    listed.write_text("sku,category,price\nCAP-1,Caps,1090\nCAP-2,Caps,5\n")
    page = open_desk(f"{shop.url}/upload").page
    choose(page, listed)
    facts = page.locator(".import-facts")
    expect(facts).to_contain_text("1 SKU exists already")
    expect(facts).to_contain_text("1 missing")
    exists = page.locator(".import-list", has_text="Products that exist already")
    expect(exists).to_contain_text(f"Product {number}")
    expect(exists).to_contain_text("price 990 → 1,090")
    expect(page.get_by_role("button", name="Make pictures of 0 products")).to_be_disabled()
    update = page.get_by_label("Update 1 existing product")
    expect(update).to_be_enabled()
    update.check()
    assert shop.services.catalog.product(number).price == 990
    page.get_by_role("button", name="Update 1 product", exact=True).click()
    expect(page.locator(".import-list", has_text="Updated")).to_contain_text("990 → 1,090")
    behind = page.locator(".import-list", has_text="Missing photos")
    expect(behind).to_contain_text("no photo was given for CAP-2")
    product = shop.services.catalog.product(number)
    assert product.price == 1090
    assert (product.category, product.images) == ("Caps", pictures)


@pytest.mark.extra
def test_a_photo_that_only_the_server_refuses_stops_no_other(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    """One click is enough; the report has what every attempt did, and the photos left out."""
    [number] = shop.stock(1)
    shop.services.catalog.correct(
        number, {"sku": "CAP-1", "mrp": 1200, "price": 990}, by=Editor("ann")
    )
    (tmp_path / "CAP-2.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(99))
    (tmp_path / "CAP-3.jpg").write_bytes(photo_bytes(3))
    listed = tmp_path / "products.csv"
    listed.write_text("sku,price\nCAP-1,1090\nCAP-2,5\nCAP-3,5\n")
    page = open_desk(f"{shop.url}/upload").page
    choose(page, listed, tmp_path / "CAP-2.heic", tmp_path / "CAP-3.jpg")
    update = page.get_by_label("Update 1 existing product")
    expect(update).to_be_enabled()
    update.check()
    page.route("**/api/products/bulk*", lambda route: route.abort(), times=1)
    click_when_ready(
        page.get_by_role("button", name="Make pictures of 2 products, update 1 product")
    )
    expect(page.locator(".toast").last).to_contain_text("try again")
    expect(page.locator(".import-refused li")).to_contain_text("CAP-2.heic")
    assert shop.services.catalog.product(number).price == 1090
    page.get_by_role("button", name="Make pictures of the other product, update 1 product").click()
    expect(page.locator(".import-list", has_text="Updated")).to_contain_text("990 → 1,090")
    expect(page.locator(".import-refused li")).to_contain_text("CAP-2.heic")
    skus = [product.sku for product in shop.services.catalog.products().products]
    assert sorted(filter(None, skus)) == ["CAP-1", "CAP-3"]


@pytest.mark.extra
def test_without_a_usable_photo_others_can_be_chosen(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    (tmp_path / "CAP-2.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(99))
    page = open_desk(f"{shop.url}/upload").page
    choose(page, tmp_path / "CAP-2.heic")
    click_when_ready(page.get_by_role("button", name="Make pictures of 1 product"))
    expect(page.locator(".toast")).to_contain_text("1 photo can't be used, and nothing was created")
    (tmp_path / "CAP-2.jpg").write_bytes(photo_bytes(3))
    choose(page, tmp_path / "CAP-2.jpg")
    click_when_ready(page.get_by_role("button", name="Make pictures of the other product"))
    expect(page.locator(".making-card")).to_have_count(1)


def test_an_update_needs_no_photos_that_a_column_names(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    [number] = shop.stock(1)
    shop.services.catalog.correct(
        number, {"sku": "CAP-1", "mrp": 1200, "price": 990}, by=Editor("ann")
    )
    listed = tmp_path / "products.csv"
    listed.write_text("sku,price,image\nCAP-1,1090,cap_1.jpg\nCAP-2,5,cap_2.jpg\n")
    page = open_desk(f"{shop.url}/upload").page
    choose(page, listed)
    expect(page.get_by_label("Update 1 existing product")).to_be_enabled()
    expect(page.locator(".import-facts")).to_contain_text("1 missing")
    missing = page.locator(".import-list", has_text="Missing photos")
    expect(missing).to_contain_text("Row 3, CAP-2")


def test_why_no_product_is_made_is_said_first(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    listed, photo = tmp_path / "products.csv", tmp_path / "A-1.jpg"
    listed.write_text("EAN,Shelf mark\n4006381333931,A-1\n")
    photo.write_bytes(photo_bytes(1))
    page = open_desk(f"{shop.url}/upload").page
    choose(page, listed, photo)
    first = page.locator(".import-list:not(.mapping)").first
    expect(first).to_contain_text("is what the photos are named by")


def test_what_was_sent_is_followed_from_the_top_of_the_page(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    """The button may have been far below, with many columns above it."""
    (tmp_path / "A-1.jpg").write_bytes(photo_bytes(1))
    listed = tmp_path / "products.csv"
    names = [f"c{number}" for number in range(30)]
    lines = [f"B-{number}{',1' * 30}\n" for number in range(30)]
    listed.write_text(f"sku,{','.join(names)}\nA-1{',1' * 30}\n{''.join(lines)}")
    page = open_desk(f"{shop.url}/upload").page
    choose(page, listed, tmp_path / "A-1.jpg")
    page.get_by_text("Columns and numbers").click()
    page.get_by_text("Missing photos").click()
    click_when_ready(page.get_by_role("button", name="Make pictures of 1 product"))
    expect(page.locator(".making-words")).to_be_in_viewport()
    expect(page.get_by_text("no photo was given for B-1", exact=True)).not_to_be_visible()


def test_a_reload_after_an_upload_still_says_what_was_left_out(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    (tmp_path / "A-1.jpg").write_bytes(photo_bytes(1))
    (tmp_path / "B-2.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(99))
    listed = tmp_path / "products.csv"
    rows = "".join(f"{sku},5,{'Of clay. ' * 900}\n" for sku in ("A-1", "B-2", "C-3", "D-4"))
    listed.write_text(f"sku,price,Story\n{rows}")
    page = open_desk(f"{shop.url}/upload").page
    choose(page, listed, tmp_path / "A-1.jpg", tmp_path / "B-2.heic")
    click_when_ready(page.get_by_role("button", name="Make pictures of 2 products"))
    lists = page.locator(".import-list")
    expect(page.get_by_role("link", name="Upload more")).to_be_visible()
    kept = page.evaluate("JSON.stringify(history.state)")  # a browser may refuse a larger one
    assert len(kept) < 2000
    said = lists.all_inner_texts()
    for left_out in ("B-2.heic", "C-3", "D-4"):
        assert left_out in "".join(said)
    page.reload()
    more = page.get_by_role("link", name="Upload more")
    expect(more).to_be_visible()
    assert lists.all_inner_texts() == said
    more.click()
    expect(page.get_by_label("Photos, a ZIP or a spreadsheet")).to_be_attached()
    expect(lists).to_have_count(0)


@pytest.mark.extra
def test_a_sku_that_contradicts_itself_does_not_stop_the_others(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    one, other = shop.stock(2)
    shop.services.catalog.correct(one, {"sku": "CAP-1", "price": 300}, by=Editor("ann"))
    shop.services.catalog.correct(other, {"sku": "CAP-2", "price": 300}, by=Editor("ann"))
    listed = tmp_path / "products.csv"
    listed.write_text("sku,view,price,mrp\nCAP-1,front,500,\nCAP-1,back,,400\nCAP-2,,200,\n")
    page = open_desk(f"{shop.url}/upload").page
    choose(page, listed)
    exists = page.locator(".import-list", has_text="Products that exist already")
    expect(exists).to_contain_text("price: 500 is above the mrp of 400")
    expect(exists).to_contain_text("price 300 → 200")
    update = page.get_by_label("Update 1 existing product")
    expect(update).to_be_enabled()
    update.check()
    page.get_by_role("button", name="Update 1 product", exact=True).click()
    expect(page.locator(".import-list", has_text="Not updated")).to_contain_text(f"Product {one}")
    prices = [shop.services.catalog.product(number).price for number in (one, other)]
    assert prices == [300, 200]


def test_photos_that_have_products_are_counted_before_anything_is_sent(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    for number in (1, 2, 3):
        (tmp_path / f"CAP-{number}.jpg").write_bytes(photo_bytes(number))
    listed = tmp_path / "products.csv"
    listed.write_text("sku,category\nCAP-1,Caps\nCAP-2,Caps\nCAP-3,Caps\nCAP-4,Caps\n")
    page = open_desk(f"{shop.url}/upload").page
    choose(page, listed, tmp_path / "CAP-1.jpg", tmp_path / "CAP-2.jpg")
    click_when_ready(page.get_by_role("button", name="Make pictures of 2 products"))
    expect(page.locator(".making-words")).to_contain_text("2 products")
    behind = page.locator(".import-list", has_text="Missing photos")
    expect(behind).to_contain_text("no photo was given for CAP-4")

    page.goto(f"{shop.url}/upload")
    choose(page, listed, *(tmp_path / f"CAP-{number}.jpg" for number in (1, 2, 3)))
    facts = page.locator(".import-facts")
    expect(facts).to_contain_text("1 new")
    expect(facts).to_contain_text("2 exist already and are skipped")
    expect(page.get_by_role("button", name="Make pictures of 1 new product")).to_be_enabled()
    page.get_by_label("Make photos again").check()
    expect(page.get_by_role("button", name="Make pictures of 3 products")).to_be_enabled()
    page.get_by_label("Make photos again").uncheck()

    click_when_ready(page.get_by_role("button", name="Make pictures of 1 new product"))
    expect(page.locator(".making-words")).to_contain_text("1 product")
    page.goto(f"{shop.url}/upload")
    choose(page, listed, *(tmp_path / f"CAP-{number}.jpg" for number in (1, 2, 3)))
    expect(facts).to_contain_text("3 exist already and are skipped")
    expect(page.get_by_role("button", name="Make pictures of 0 new products")).to_be_disabled()
    assert len(shop.services.catalog.products().products) == 3


def png_of(width: int, height: int) -> bytes:
    packed = io.BytesIO()
    Image.new("1", (width, height)).save(packed, "PNG")
    return packed.getvalue()


def animated(kind: str) -> bytes:
    packed = io.BytesIO()
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save(packed, kind, save_all=True, append_images=frames[1:])
    return packed.getvalue()


def test_what_is_wrong_with_a_photo_is_shown_before_it_is_sent(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    whole = photo_bytes(7)
    png = io.BytesIO()
    Image.new("RGB", (400, 300), "red").save(png, "PNG")
    webp = io.BytesIO()
    Image.effect_noise((400, 300), 90).save(webp, "WEBP")
    dot = io.BytesIO()
    Image.new("RGB", (1, 1)).save(dot, "PNG")
    made = imaging.finish(whole, OutputSpec(), Provenance(EDITED, "local-2"))
    nameless = imaging.finish(whole, OutputSpec(), Provenance(EDITED))
    bad = {
        "text.jpg": (b"no picture at all", "WebP, HEIC, AVIF or TIFF: export it as one"),
        "made.jpg": (made.data, "Packshot made this picture: give the photo"),
        "nameless.jpg": (nameless.data, "Packshot made this picture: give the photo"),
        "empty.jpg": (b"", "is empty"),
        "dot.png": (dot.getvalue(), "1 × 1 pixels: at least 24"),
        "half.jpg": (whole[: len(whole) // 2], "cut short, its end is missing: copy or"),
        "half.png": (png.getvalue()[:-20], "cut short, its end is missing: copy or"),
        "half.webp": (webp.getvalue()[:-200], "cut short, its end is missing: copy or"),
        "band.png": (png_of(24, 600), "24 × 600 pixels: that is too narrow"),
        "large.png": (png_of(8000, 6400), "8000 × 6400 pixels: at most 50 million"),
        "moving.png": (animated("PNG"), "is animated"),
        "moving.webp": (animated("WEBP"), "is animated"),
        "broken.png": (
            png.getvalue().replace(b"IDAT", b"IDXX"),
            "damaged, it can't be shown: copy or",
        ),
    }
    good = {
        "whole.jpg": whole,
        "longer.jpg": whole + b"a movie of the phone" * 999,
        "whole.png": png.getvalue(),
        "whole.webp": webp.getvalue(),
        "phone.heic": b"\0\0\0\x18ftypheic" + bytes(99),
        "scan.tif": b"II*\0" + bytes(99),
    }
    for name, content in {**good, **{name: data for name, (data, _) in bad.items()}}.items():
        (tmp_path / name).write_bytes(content)
    page = open_desk(f"{shop.url}/upload").page
    choose(page, *(tmp_path / name for name in (*good, *bad)))
    refused = page.locator(".import-refused li")
    expect(refused).to_have_count(len(bad))
    for name, (_, words) in bad.items():
        expect(refused.filter(has_text=name)).to_contain_text(words)
    expect(page.locator(".import-facts")).to_contain_text(f"{len(good)} photos matched")
    expect(page.get_by_role("button", name="Make pictures of the other 6")).to_be_enabled()
    repaired = tmp_path / "repaired" / "half.jpg"
    repaired.parent.mkdir()
    repaired.write_bytes(photo_bytes(8))
    choose(page, repaired)
    expect(refused).to_have_count(len(bad) - 1)
    expect(page.locator(".import-facts")).to_contain_text(f"{len(good) + 1} photos matched")
    assert shop.services.catalog.products().products == []


@pytest.mark.extra
def test_a_zip_of_photos_without_a_spreadsheet(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    packed = tmp_path / "photos.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Bücher-1_2.jpg", photo_bytes(1))
        archive.writestr("notes.txt", "none")
    page = open_desk(f"{shop.url}/upload", viewport=PHONE | {"width": NARROWEST}).page
    choose(page, packed)
    expect(page.locator(".import-row")).to_contain_text("Bücher-1 · 2")
    expect(page.locator(".import-list")).to_contain_text("notes.txt")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".defaults").get_by_label("Category").fill("Books")
    click_when_ready(page.get_by_role("button", name="Make pictures of 1 product"))
    expect(page.locator(".making-words")).to_contain_text("0 of 3 pictures made")
    [product] = shop.services.catalog.products().products
    assert (product.sku, product.view, product.category) == ("Bücher-1", "2", "Books")
    page.goto(f"{shop.url}/upload")
    choose(page, packed)
    expect(page.get_by_role("button", name="Make pictures of 0 new products")).to_be_disabled()
    skipped = page.locator(".import-list", has_text="Skipped")
    expect(skipped).to_contain_text(f"Product {product.id}")
    page.get_by_label("Make photos again").check()
    zips = [without_flag("Größe.jpg".encode("cp437")), without_flag(b"x.jpg", "कप.jpg")]
    zips += [without_flag(name.encode(codec)) for name, codec in OLD_NAMES]
    read = page.evaluate(NAMES_IN_A_ZIP, [*map(list, zips)])
    assert read == ["Größe.jpg", "कप.jpg", *(name for name, _ in OLD_NAMES[:-1]), None]
    assert page.evaluate(CHOSEN_UNDER_ONE_PATH) == [1, ["A/1.jpg"]]
    assert page.evaluate(PRICES_IN_YEN) == [
        "¥1,299",
        "¥1,299.50",
        "5%",
        "299.50",
        "299.00",
        "€99.00",
        "€2.10",
    ]
    click_when_ready(page.get_by_role("button", name="Make pictures of 1 product"))
    expect(page.locator(".making-words")).to_contain_text("0 of 3 pictures made")
    assert len(shop.services.catalog.products().products) == 2


@pytest.mark.extra
def test_a_zip_of_more_than_65535_files_or_4_gb_is_read(shop: DeskShop, open_desk: Open) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("A-1.jpg", b"photo")
        archive.writestr("LEFT-OUT.txt", "A-1_2.jpg: is missing")
    large = in_zip64(packed.getvalue())
    assert zipfile.ZipFile(io.BytesIO(large)).read("A-1.jpg") == b"photo"
    page = open_desk(f"{shop.url}/upload").page
    wanted = [["A-1.jpg", "photo", 5], ["LEFT-OUT.txt", "A-1_2.jpg: is missing", 21]]
    assert page.evaluate(FILES_IN_A_ZIP, list(large)) == wanted
    cut = page.evaluate(FILES_IN_A_ZIP, list(large[60:]))
    assert cut == "a.zip is damaged or was cut short: make the ZIP again"


def in_zip64(packed: bytes) -> bytes:
    """The ZIP with the fields of one whose numbers don't fit in the ordinary ones."""
    count, length, start = struct.unpack("<HII", packed[-12:-2])
    entries, at = b"", start
    while at < start + length:
        after = at + 46 + sum(struct.unpack("<HHH", packed[at + 28 : at + 34]))
        head, name = bytearray(packed[at : at + 46]), packed[at + 46 : after]
        sizes, offset = struct.unpack("<II", head[20:28]), head[42:46] + bytes(4)
        field = struct.pack("<HHQQ", 1, 24, *reversed(sizes)) + offset
        head[20:28], head[30:32], head[42:46] = b"\xff" * 8, b"\x1c\0", b"\xff" * 4
        entries, at = entries + head + name + field, after
    numbers = count, count, len(entries), start
    end = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, *numbers)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, start + len(entries), 1)
    return packed[:start] + entries + end + locator + b"PK\5\6" + bytes(4) + b"\xff" * 12 + bytes(2)


FILES_IN_A_ZIP = """async (bytes) => {
  const { entriesOf } = await import("/static/any/desk/upload/zip.js");
  try {
    const entries = await entriesOf(new File([new Uint8Array(bytes)], "a.zip"));
    const read = async (entry) => [entry.path, await (await entry.read()).text(), entry.size];
    return await Promise.all(entries.map(read));
  } catch (error) {
    return error.message;
  }
}"""


def without_flag(name: bytes, utf_8: str | None = None) -> bytes:
    """A ZIP whose photo has this name without the flag of UTF-8; or also Info-ZIP's field."""
    info = zipfile.ZipInfo("n" * len(name))
    if utf_8:
        text = utf_8.encode()
        info.extra = struct.pack("<HHBI", 0x7075, 5 + len(text), 1, 0) + text
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(info, b"photo")
    return packed.getvalue().replace(info.filename.encode(), name)


#: Names in the code pages of countries; the last is too short to be recognised.
OLD_NAMES = (
    ("Рубашка_1.jpg", "cp866"),
    ("Křeslo_1.jpg", "cp852"),
    ("マグ表_1.jpg", "cp932"),
    ("红鞋_1.jpg", "gbk"),
    ("파란색 머그컵 정면사진.jpg", "cp949"),
    ("컵_1.jpg", "cp949"),
)
NAMES_IN_A_ZIP = """async (zips) => {
  const { entriesOf } = await import("/static/any/desk/upload/zip.js");
  const found = [];
  const file = (bytes) => new File([new Uint8Array(bytes)], "a.zip");
  for (const bytes of zips) found.push(...(await entriesOf(file(bytes))));
  return found.map((entry) => entry.path);
}"""
#: Three files of one size under one path: another, and the first again from another folder.
CHOSEN_UNDER_ONE_PATH = """async () => {
  const { Chosen } = await import("/static/any/desk/upload/chosen.js");
  const chosen = new Chosen();
  const file = (text, lastModified) => new File([text], "1.jpg", { lastModified });
  const at = (...given) => ({ path: "A/1.jpg", file: file(...given) });
  await chosen.add([at("one", 1), at("two", 2), at("one", 3)]);
  return [chosen.photos.size, chosen.refused.map(({ file }) => file)];
}"""
#: How a shop with CURRENCY=JPY sees prices: none is rounded, a percentage has no currency.
PRICES_IN_YEN = """async () => {
  document.body.dataset.currency = "JPY";
  const { money, percent } = await import("/static/any/desk/words.js?in-yen");
  document.body.dataset.currency = "EUR";
  const euros = await import("/static/any/desk/words.js?in-euros");
  document.body.dataset.currency = "";
  const plain = await import("/static/any/desk/words.js?without");
  return [money(1299), money(1299.5), percent(5), plain.money(299.5), plain.money(299),
    euros.money(99), euros.money(2.1)];
}"""


@pytest.mark.extra
def test_a_thousand_files_and_two_thousand_rows_stay_usable(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    listed = tmp_path / "products.csv"
    rows = [f"S-{n},Mugs,{n}.00\n" for n in range(2_000)]
    listed.write_text("sku,category,price\n" + "".join(rows))
    photo = photo_bytes(side=100)
    for n in range(1_000):
        (tmp_path / f"S-{n}.jpg").write_bytes(photo)
    page = open_desk(f"{shop.url}/upload").page
    began = time.monotonic()
    choose(page, listed, *tmp_path.glob("*.jpg"))
    facts = page.locator(".import-facts")
    expect(facts).to_contain_text("1,000 photos matched")
    expect(facts).to_contain_text("1,000 missing")
    print(f"planned in {time.monotonic() - began:.1f} s")
    assert page.locator(".import-row").count() == 50
    page.locator(".import-rows + button").click()
    expect(page.locator(".import-row")).to_have_count(550)


@pytest.mark.extra
def test_long_descriptions_are_created_in_several_requests(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    listed = tmp_path / "products.csv"
    rows = [f"S-{n},Mugs,https://shop.example/{n},{'x' * 6000}\n" for n in range(400)]
    listed.write_text("sku,category,image,Body (HTML)\n" + "".join(rows))
    page = open_desk(f"{shop.url}/upload").page
    choose(page, listed)
    click_when_ready(page.get_by_role("button", name="Make pictures of 400 products"))
    words = page.locator(".making-words")
    expect(words).to_contain_text("of 400 products ready")


@pytest.mark.extra
def test_an_upload_waits_for_its_turn_at_a_busy_server(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    photo = tmp_path / "cup.jpg"
    photo.write_bytes(photo_bytes(1))
    busy = '{"type": "/problems/busy", "message": "too many others are uploading now"}'
    answers = iter([(503, busy, "1"), (502, "a proxy's page", "1"), (503, busy, "1")])

    def not_yet(route: Route) -> None:
        status, body, seconds = next(answers, (0, "", ""))
        if status:
            route.fulfill(status=status, body=body, headers={"Retry-After": seconds})
        else:
            route.continue_()

    page = open_desk(f"{shop.url}/upload").page
    page.route("**/api/uploads", not_yet)
    choose(page, photo)
    click_when_ready(page.get_by_role("button", name="Make pictures"))
    words = page.locator(".making-words")
    expect(words).to_contain_text("Waiting for its turn")
    expect(words).to_contain_text("pictures made")
    assert next(answers, None) is None
    assert len(shop.services.catalog.products().products) == 1


@pytest.mark.extra
def test_the_progress_of_many_is_followed_to_the_last(shop: DeskShop, open_desk: Open) -> None:
    money = (Decimal(1), Decimal(1), Decimal(0), Decimal(0))
    batch = [NewProduct("Mugs", f"https://shop.example/{n}.jpg", *money) for n in range(205)]
    created = shop.services.catalog.create(batch)
    page = open_desk(f"{shop.url}/upload?batch={created.batch_id}").page
    words = page.locator(".making-words")
    expect(words).to_contain_text("0 of 205 products ready")  # two pages of many
    with shop.services.database.write() as session:
        session.execute(update(Product).values(status="pending_review", version=2))
    expect(words).to_contain_text("205 of 205 products ready")
    numbers = page.locator(".making-name a").all_text_contents()
    assert numbers == [f"Mugs #{product.id}" for product in created.products]


@pytest.mark.extra
def test_a_photo_that_only_the_server_refuses_is_named_and_nothing_is_created(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.heic"
    bad.write_bytes(b"\0\0\0\x18ftypheic, but not one")
    page = open_desk(f"{shop.url}/upload").page
    choose(page, bad)
    expect(page.locator(".import-row")).to_contain_text("bad")
    click_when_ready(page.get_by_role("button", name="Make pictures"))
    refused = page.locator(".import-refused")
    expect(refused).to_contain_text("bad.heic")
    assert shop.services.catalog.products().products == []


# -- live ----------------------------------------------------------------------------------------


def test_an_unchanged_state_costs_a_304(shop: DeskShop, open_desk: Open) -> None:
    ids = shop.stock(2)
    desk = open_desk("about:blank")
    statuses: list[int] = []
    desk.page.on(
        "response",
        lambda response: (
            statuses.append(response.status) if "/desk/state" in response.url else None
        ),
    )
    desk.page.clock.install()
    desk.page.goto(shop.url)
    for _ in range(3):
        with desk.page.expect_response("**/desk/state*"):
            desk.page.clock.run_for(3_000)
        desk.page.wait_for_timeout(100)
    assert statuses == [200, 304, 304]
    shop.services.catalog.review(ids[0], "approved", who="ben")
    desk.page.clock.run_for(3_000)
    expect(left(desk.page)).to_have_text("1 left")


@pytest.mark.extra
def test_new_products_come_up_by_themselves(shop: DeskShop, open_desk: Open) -> None:
    desk = open_desk(shop.url)
    expect(desk.page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
    [number] = shop.stock(1)
    expect(shown_number(desk.page)).to_have_text(f"#{number}")


@pytest.mark.extra
def test_the_reviewers_own_decisions_do_not_fetch_the_list_again(
    shop: DeskShop, open_desk: Open
) -> None:
    shop.stock(60, kinds=1)  # more than come with the page
    desk = open_desk("about:blank")
    lists: list[str] = []
    desk.page.on(
        "request",
        lambda request: lists.append(request.url) if "/api/products?" in request.url else None,
    )
    desk.page.goto(shop.url)
    expect(left(desk.page)).to_have_text("60 left")
    with desk.page.expect_response(
        lambda response: "/desk/state" in response.url and response.status == 200
    ):
        desk.press("a")
        expect(left(desk.page)).to_have_text("59 left")
        expect(desk.page.locator("#saving")).to_be_hidden()
    expect(left(desk.page)).to_have_text("59 left")
    assert [url for url in lists if "cursor=" not in url] == []


def test_two_uploads_of_one_minute_can_be_told_apart(shop: DeskShop, open_desk: Open) -> None:
    numbers = shop.stock(3)
    batches = ["11111111-first", "22222222-second", "33333333-third"]
    minute = datetime(2026, 11, 30, 9, 5, tzinfo=UTC)
    times = [minute, minute.replace(second=50), minute.replace(hour=11)]
    with shop.services.database.write() as session:
        for number, batch, at in zip(numbers, batches, times, strict=True):
            changes = {"batch_id": batch, "created_at": at}
            session.execute(update(Product).where(Product.id == number).values(changes))
    page = open_desk(f"{shop.url}/grid", timezone_id="UTC", locale="en-GB").page
    third, second, first = page.get_by_label("Batch").locator("option").all_inner_texts()[1:]
    assert third == "Uploaded 30 Nov 2026, 11:05 (1)"
    assert second == "Uploaded 30 Nov 2026, 09:05, Batch 22222222 (1)"
    assert first == "Uploaded 30 Nov 2026, 09:05, Batch 11111111 (1)"


def test_the_desk_can_be_filtered_by_category(shop: DeskShop, open_desk: Open) -> None:
    shop.stock(5)
    page = open_desk(shop.url).page
    page.get_by_text("Filters and order").click()
    page.get_by_label("Category").select_option("Kitchen")
    expect(page).to_have_url(re.compile(r"category=Kitchen"))
    expect(page.locator(".more-filters summary")).to_have_text("Kitchen")
    expect(left(page)).to_have_text("2 left")


@pytest.mark.extra
def test_a_reload_keeps_what_was_not_saved(shop: DeskShop, open_desk: Open) -> None:
    ids = shop.stock(2)
    desk = open_desk(shop.url)
    desk.page.on("dialog", lambda dialog: dialog.accept())
    desk.page.route("**/review", lambda route: route.abort())
    desk.press("a")
    expect(desk.page.locator("#saving")).to_have_text("Saving 1")
    desk.page.reload()
    expect(left(desk.page)).to_have_text("1 left")
    desk.page.unroute("**/review")
    until(lambda: shop.statuses(ids) == ["pending_review", "approved"], desk.page)


# -- strangers' and the model's text --------------------------------------------------------------

HOSTILE = (
    "<script>window.pwned=1</script><img src=x onerror=window.pwned=1>"
    "\"'</title></script><svg/onload=window.pwned=1>${7*7}{{7*7}} &amp;"
)


def poison(shop: DeskShop) -> None:
    """Three products (to review, failed, waiting) with hostile texts in every field."""
    shown = {"category": HOSTILE, "raw_image": "javascript:window.pwned=1", "error": HOSTILE}
    ids = shop.stock(3, warning=HOSTILE)
    with shop.services.database.write() as session:
        session.execute(update(Product).values(**shown))
        session.execute(update(ProductImage).values(title=HOSTILE, prompt=HOSTILE, model=HOSTILE))
        session.execute(
            update(Round).values(instructions=HOSTILE, analysis={"product": HOSTILE, "parts": []})
        )
        for number, status in zip(ids[1:], ("failed", "pending"), strict=True):
            session.execute(update(Product).where(Product.id == number).values(status=status))
    first = shop.services.catalog.product(ids[0])
    image = first.images[0].id
    shop.services.catalog.decide(image, "rejected", who=HOSTILE[:90], reason="other", note=HOSTILE)
    shop.services.catalog.decide(image, "pending", who=HOSTILE[:90])


def test_hostile_text_is_shown_and_never_run(shop: DeskShop, open_desk: Open) -> None:
    poison(shop)
    desk = open_desk(shop.url)
    page = desk.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("/", "/grid", "/failed", "/waiting", "/products/1", "/products/2"):
        page.goto(f"{shop.url}{path}")
        told = page.locator("#main").get_by_text("<script>window.pwned=1")
        expect(told.locator("visible=true").first).to_be_attached()
        assert page.evaluate("window.pwned") is None, path
        assert page.locator("#main script, #main [onerror], #main [onload]").count() == 0
        assert page.locator("a[href^='javascript']").count() == 0
    category = urlencode({"category": HOSTILE[:100], "status": HOSTILE, "product": HOSTILE})
    page.goto(f"{shop.url}/?{category}")
    page.goto(f"{shop.url}/grid?{category}")
    assert page.evaluate("window.pwned") is None
    assert not [url for url in asked if not url.startswith((shop.url, "blob:", "data:"))]


# -- looks and access ------------------------------------------------------------------------------

PAGES = ("/", "/grid", "/upload", "/products/1", "/waiting", "/failed")


def assert_accessible(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def assert_large_enough(page: Page) -> None:
    """WCAG 2.2, 2.5.8: at least 24 by 24 CSS pixels; a link inside a sentence may be smaller."""
    targets = page.locator("button:visible, summary:visible, a:visible, select:visible")
    expect(targets).not_to_have_count(0)
    boxes = targets.evaluate_all(
        "all => all.map(one => [one.outerHTML, one.getBoundingClientRect().toJSON()])"
    )
    small = [
        html[:120]
        for html, box in boxes
        if min(box["left"], box["top"]) >= 0 and 0 < min(box["width"], box["height"]) < 24
    ]
    assert small == []


@pytest.mark.parametrize(
    "path", [*PAGES[:3], *(pytest.param(path, marks=pytest.mark.extra) for path in PAGES[3:])]
)
def test_a_page_is_accessible_in_light_and_dark_on_desk_and_phone(
    shop: DeskShop, open_desk: Open, path: str
) -> None:
    ids = shop.stock(3, warning="the label may have changed")
    with shop.services.database.write() as session:
        for number, status in zip(ids[1:], ("failed", "pending"), strict=True):
            session.execute(update(Product).where(Product.id == number).values(status=status))
    long = "Donaudampfschifffahrtsgesellschaftskapitaensmuetze"
    for number in ids:
        view = {"sku": long.upper(), "view": f"{long[:40]} {number}"}
        facts = view | {"name": long, "category": f"{long}/{long}"}
        shop.services.catalog.correct(number, facts, by=Editor("ann"))
    page = open_desk(shop.url + path, color_scheme="light").page
    assert_accessible(page)
    assert_large_enough(page)
    page.emulate_media(color_scheme="dark")
    assert_accessible(page)
    page.set_viewport_size({"width": NARROWEST, "height": PHONE["height"]})
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROWEST
    assert_accessible(page)
    assert_large_enough(page)


@pytest.mark.parametrize("back", ["grey", "white", "black"])
def test_the_words_while_pictures_load_can_be_read(
    shop: DeskShop, open_desk: Open, back: str
) -> None:
    page = open_desk(shop.url, color_scheme="light").page
    page.route("**/*.js", lambda route: route.abort())
    page.goto(shop.url)
    page.locator("#stage").evaluate("(stage, back) => stage.dataset.back = back", back)
    expect(page.locator(".loading")).to_have_css("opacity", "1")
    assert_accessible(page)


@pytest.mark.extra
def test_each_page_can_be_reached_at_150_percent(guarded_shop: DeskShop, open_desk: Open) -> None:
    guarded_shop.stock(3)
    desk = open_desk(guarded_shop.url, viewport={"width": 853, "height": 533})
    sign_in(desk, KEY)
    expect(desk.page.get_by_role("button", name="Sign out asha")).to_be_visible()
    expect(desk.page.get_by_role("link", name="Upload", exact=True)).to_be_in_viewport(ratio=1)


#: Whether what has the focus is hidden behind something; null at the end of the page.
IS_COVERED = """async () => {
  for (const frame of [1, 2]) await new Promise(requestAnimationFrame);
  const one = document.activeElement;
  if (one === document.body) return null;
  const box = one.getBoundingClientRect();
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return !top || !(one.contains(top) || top.contains(one) || one.closest("label")?.contains(top))
    ? one.outerHTML.slice(0, 120) : "";
}"""


@pytest.mark.parametrize("path", ["/", pytest.param("/grid", marks=pytest.mark.extra)])
def test_the_focus_is_never_behind_a_bar(shop: DeskShop, open_desk: Open, path: str) -> None:
    """WCAG 2.2, 2.4.11, on a page of 1,280 by 800 px at 200 %."""
    shop.stock(5)
    page = open_desk(shop.url + path, viewport={"width": 640, "height": 400}).page
    covered: list[str] = []
    for _ in range(80):
        page.keyboard.press("Tab")
        found = page.evaluate(IS_COVERED)
        if found is None:
            break
        covered.append(found)
    assert len(covered) > 20
    assert set(covered) == {""}


@pytest.mark.extra
def test_nothing_covers_the_words_where_nothing_is_to_review(
    shop: DeskShop, open_desk: Open
) -> None:
    page = open_desk(shop.url, viewport={"width": NARROWEST, "height": 256}).page
    expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
    bar = "getComputedStyle(document.querySelector('main'), '::after').content"
    assert page.evaluate(bar) == "none"


@pytest.mark.extra
def test_buttons_of_several_pictures_say_of_which(shop: DeskShop, open_desk: Open) -> None:
    [number] = shop.stock(1)
    desk = open_desk(f"{shop.url}/products/{number}")
    page = desk.page
    for words in ("Approve picture 2", "Reject picture 3", "Edit… alt text of picture 1"):
        expect(page.get_by_role("button", name=words, exact=True)).to_be_visible()
    page.goto(f"{shop.url}/grid")
    expect(page.get_by_role("link", name=f"Open Footwear #{number}")).to_be_attached()
    [box] = page.get_by_role("checkbox").all()
    expect(box).to_have_accessible_name(re.compile(rf"^(Raw )?Footwear #{number} 900.00$"))


@pytest.mark.extra
def test_axe_finds_nothing_at_sign_in_and_in_dialogs(
    guarded_shop: DeskShop, open_desk: Open
) -> None:
    guarded_shop.stock(1)
    desk = open_desk(guarded_shop.url)
    assert_accessible(desk.page)
    sign_in(desk, KEY)
    for keys in ("?", "Escape Shift+R", "Escape r", "6"):
        desk.press(keys)
        assert_accessible(desk.page)


def test_a_phone_decides_with_thumbs(shop: DeskShop, open_desk: Open) -> None:
    ids = shop.stock(2)
    page = open_desk(shop.url, viewport=PHONE, has_touch=True, is_mobile=True).page
    page.get_by_role("button", name="Approve all 3").tap()
    look(page)
    page.get_by_role("button", name="Reject…").tap()
    page.get_by_role("button", name="Edges").tap()
    until(lambda: shop.statuses(ids) == ["rejected", "approved"])


def test_a_phone_on_its_side_shows_the_pictures_and_the_decisions(
    shop: DeskShop, open_desk: Open
) -> None:
    shop.stock(1)
    side = {"width": 844, "height": 390}
    page = open_desk(shop.url, viewport=side, has_touch=True, is_mobile=True).page
    seen = page.locator(".frame[data-selected] .view").bounding_box()
    assert seen is not None
    assert seen["height"] >= 190  # half of the screen
    for name in ("Approve", "Reject"):
        expect(page.get_by_role("button", name=name).first).to_be_in_viewport(ratio=1)


def test_dark_and_light_follow_the_system_and_the_choice(shop: DeskShop, open_desk: Open) -> None:
    page = open_desk(shop.url, color_scheme="dark").page
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Light or dark").click()
    light = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == light


#: ARIA 1.2: modifiers in full, then one key by its KeyboardEvent.key.
TOKEN = re.compile(
    r"((Control|Shift|Alt|Meta)\+)*([A-Z0-9?/\[\]]|Space|Escape|Arrow(Up|Down|Left|Right))"
)


@pytest.mark.extra
def test_every_button_announces_its_key_to_assistive_technology(
    shop: DeskShop, open_desk: Open
) -> None:
    shop.stock(1)
    page = open_desk(shop.url).page
    keys = page.locator("#panel .button:visible kbd").all_inner_texts()
    decide = ["A", "X", "⇧A", "R", "⇧R", "S", "U"]
    assert keys == ["←", "[", "]", "→", *decide, "K", "↑", "J", "↓"]
    assert page.locator(".tools kbd:visible").all_inner_texts() == ["V", "Space", "Z", "B"]
    assert page.locator(".top kbd:visible").all_inner_texts() == ["G", "/", "?"]
    for path in ("/", "/grid"):
        page.goto(shop.url + path)
        told = page.locator("[aria-keyshortcuts]")
        expect(told).not_to_have_count(0)
        values = told.evaluate_all("all => all.map(one => one.getAttribute('aria-keyshortcuts'))")
        words = [word for value in values for word in value.split()]
        assert [word for word in words if not TOKEN.fullmatch(word)] == []


@pytest.mark.extra
def test_the_next_product_comes_only_on_request(shop: DeskShop, open_desk: Open) -> None:
    ids = shop.stock(2)
    desk = open_desk(shop.url)
    desk.press("?")
    desk.page.get_by_label("After a decision, show the next product automatically").uncheck()
    desk.page.get_by_role("button", name="Close").click()
    desk.press("r r")
    expect(desk.page.locator(".badge.big")).to_have_text("Rejected")
    expect(shown_number(desk.page)).to_have_text(f"#{ids[1]}")
    desk.press("a")  # thought better of it
    until(lambda: shop.statuses(ids) == ["pending_review", "approved"])
    desk.press("j")
    expect(shown_number(desk.page)).to_have_text(f"#{ids[0]}")


def test_no_page_needs_inline_code(shop: DeskShop) -> None:
    """The policy forbids it; here is that it is sent, and nothing in the pages would break it."""
    import urllib.request

    shop.stock(1)
    for path in PAGES:
        with urllib.request.urlopen(shop.url + path) as answer:
            html = answer.read().decode()
            policy = answer.headers["Content-Security-Policy"]
        assert "require-trusted-types-for 'script'" in policy and "'unsafe" not in policy
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", html)


def test_an_address_that_is_not_there_is_a_page_or_a_problem(
    shop: DeskShop, open_desk: Open
) -> None:
    page = open_desk(f"{shop.url}/nothing").page
    expect(page.get_by_text("There is no page with this address.")).to_be_visible()
    page.get_by_role("link", name="To the desk").click()
    expect(page).to_have_url(f"{shop.url}/")
    for path in ("/nothing", "/api/nothing"):
        answer = page.request.get(shop.url + path, headers={"Accept": "*/*"})
        assert (answer.status, answer.json()["type"]) == (404, "/problems/not_found")
    answer = page.request.get(f"{shop.url}/api/nothing", headers={"Accept": "text/html"})
    assert answer.json()["type"] == "/problems/not_found"


# -- under a proxy's path --------------------------------------------------------------------------


@pytest.mark.extra
def test_the_desk_works_under_a_proxys_path(
    guarded_shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    """The proxy answers 404 to anything that does not begin with its prefix."""
    [number] = guarded_shop.stock(1)
    photo = tmp_path / "mug.jpg"
    photo.write_bytes(photo_bytes())
    lost: list[str] = []
    with prefix_proxy(guarded_shop.url) as url:
        desk = open_desk(url)
        page = desk.page
        page.on("response", lambda answer: lost.extend([answer.url] * (answer.status == 404)))
        sign_in(desk, KEY)
        expect(page.locator(".frame .picture").first).to_be_visible()
        look(page)
        page.keyboard.press("a")
        until(lambda: guarded_shop.statuses([number]) == ["approved"], page)
        for words in ("Grid", "Waiting", "Failed", "Upload"):
            page.locator(".nav").get_by_role("link", name=words).click()
            expect(page).to_have_url(re.compile(rf"{PREFIX}/{words.lower()}"))
        choose(page, photo)
        page.locator(".defaults").get_by_label("Category").fill("Mugs")
        click_when_ready(page.get_by_role("button", name="Make pictures of 1 product"))
        expect(page).to_have_url(re.compile(rf"{PREFIX}/upload\?batch="))
        expect(page.locator(".slot.raw img")).to_be_visible()
        page.locator(".making-name a").click()
        expect(page).to_have_url(re.compile(rf"{PREFIX}/products/\d+"))
        expect(page.locator(".picture-box img").first).to_be_visible()
    assert not lost


# -- out again -----------------------------------------------------------------------------------


def approve(shop: DeskShop, ids: list[int]) -> None:
    for number in ids:
        shop.services.catalog.review(number, "approved", who="ann")


THREE_DAYS_AGO = "localStorage[name] = new Date(Date.now() - 3 * 86400000).toISOString()"


def test_what_is_approved_is_downloaded_all_or_chosen(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    ids = shop.stock(4, kinds=1)
    sku = {"sku": shop.services.catalog.product(ids[2]).sku or f"{ids[2]}"}
    for number, view in ((ids[2], "back"), (ids[3], "front")):
        shop.services.catalog.correct(number, sku | {"view": view}, by=Editor("ann"))
    approve(shop, ids[:3])
    page = open_desk(f"{shop.url}/grid?status=approved").page
    page.get_by_role("button", name="Download 3 approved").click()
    saved = downloaded(page, tmp_path)
    assert len([name for name in saved.namelist() if name.endswith(".jpg")]) == 9
    expect(page.locator(".toast")).to_contain_text("approved.zip")
    page.get_by_role("button", name="Download 3 approved").click()
    page.get_by_label("File").select_option("shopify")
    page.locator("select[name=since]").select_option(label="In the last 7 days")
    page.get_by_label("Address of the uploaded pictures").fill("https://cdn.example/f/1_1.jpg")
    for preset in ("amazon", ""):  # the other answers stay
        page.locator("select[name=preset]").select_option(preset)
    expect(page.locator("select[name=since] :checked")).to_have_text("In the last 7 days")
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("button", name="Download").click()
    shop_file = Path(download.value.path()).read_text()
    assert shop_file.count(f'"https://cdn.example/f/{ids[0]}_') == 3
    page.get_by_role("button", name="Download 3 approved").click()
    page.locator("select[name=since]").select_option(
        label="Since this was last downloaded here, just now"
    )
    with page.expect_request(re.compile("export.*&since=2")):
        downloaded(page, tmp_path)
    page.evaluate(f"for (const name in localStorage) if (/downloaded/.test(name)) {THREE_DAYS_AGO}")
    page.get_by_role("button", name="Download 3 approved").click()
    page.locator("select[name=since]").select_option(label="In the last 24 hours")
    downloaded(page, tmp_path)
    page.get_by_role("button", name="Download 3 approved").click()  # what lies between is missing
    since = page.locator("select[name=since] option", has_text="downloaded here, 3 days ago")
    expect(since).to_have_count(1)
    page.keyboard.press("Escape")
    page.locator(".tile-label").nth(1).click()
    page.get_by_role("button", name="Download 1 approved").click()
    page.locator("select[name=preset]").select_option("amazon")
    saved = downloaded(page, tmp_path)
    assert f"{ids[1]}.MAIN.jpg" in saved.namelist()
    expect(page.locator(".toast").last).to_contain_text("approved.amazon.zip")
    failing = name_failures(saved.read("compliance.csv").decode())
    assert failing
    expect(page.locator(".toast").last).to_contain_text(failing.split(": ")[1].split("), ")[0])
    assert "compliance.csv" in saved.namelist()
    page.locator(".tile-label").first.click()  # its front waits
    page.get_by_role("button", name="Download 2 approved").click()
    downloaded(page, tmp_path)
    expect(page.locator(".toast").last).to_contain_text("1 SKU has no main picture in it:")
    page.goto(f"{shop.url}/grid?status=all&q=x")
    expect(page.get_by_role("button", name="Download approved")).to_be_disabled()


@pytest.mark.extra
def test_a_download_is_offered_also_where_nothing_could_be_counted_first(
    shop: DeskShop, open_desk: Open
) -> None:
    [number] = shop.stock(1)
    approve(shop, [number])
    page = open_desk(f"{shop.url}/grid?status=all").page
    page.route("**/api/export*", lambda route: route.abort())
    page.get_by_role("button", name="Download 1 approved").click()
    page.get_by_role("dialog").get_by_role("button", name="Download").click()
    expect(page.locator(".toast")).to_contain_text("Packshot can't be reached. Nothing was saved.")


def test_the_download_names_products_of_one_sku_and_view_first(
    shop: DeskShop, open_desk: Open
) -> None:
    ids = shop.stock(2)
    approve(shop, ids)
    for number in ids:
        facts = {"sku": "CAP-1", "view": "front"}
        shop.services.catalog.correct(number, facts, by=Editor("ann"), allow_duplicate=True)
    page = open_desk(f"{shop.url}/grid?status=approved").page
    page.get_by_role("button", name="Download 2 approved").click()
    warning = page.get_by_role("dialog").locator(".warning")
    expect(warning).to_contain_text("Products with the same SKU, and no views")
    expect(warning.get_by_role("link")).to_have_text([f"#{min(ids)}", f"#{max(ids)}"])


def downloaded(page: Page, folder: Path) -> zipfile.ZipFile:
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("button", name="Download").click()
    path = folder / f"{time.monotonic_ns()}.zip"
    download.value.save_as(path)
    archive = zipfile.ZipFile(path)
    assert archive.testzip() is None
    return archive


def test_a_download_that_is_not_whole_says_so_and_what_was_left_out(
    shop: DeskShop, open_desk: Open, tmp_path: Path
) -> None:
    ids = shop.stock(2, kinds=1)
    approve(shop, ids)
    with shop.services.database.read() as session:
        keys = session.scalars(select(ProductImage.object_key).order_by(ProductImage.id)).all()
    media = shop.services.settings.media_dir
    (media / str(keys[0])).unlink()
    page = open_desk(f"{shop.url}/grid?status=approved").page
    page.get_by_role("button", name="Download 2 approved").click()
    downloaded(page, tmp_path)
    expect(page.locator(".toast.bad")).to_contain_text("1 picture was left out")
    expect(page.locator(".toast.bad")).to_contain_text("is not in the store any more")
    broken = media / str(keys[-1])
    broken.unlink()
    broken.symlink_to(broken)
    shutil.rmtree(media / ".incoming", ignore_errors=True)
    (media / ".incoming").write_text("")  # as a disk that can't be read or written any more
    page.reload()
    page.get_by_role("button", name="Download 2 approved").click()
    page.get_by_role("dialog").get_by_role("button", name="Download").click()
    expect(page.locator(".toast.bad")).to_contain_text("was interrupted")
    expect(page.locator(".toast.bad")).to_contain_text("Nothing was saved")


@pytest.mark.extra
def test_a_cancelled_product_is_not_called_failed(shop: DeskShop, open_desk: Open) -> None:
    new = NewProduct("Mugs", "https://shop.example/a.jpg", Decimal(2), Decimal(1))
    [product] = shop.services.catalog.create([new]).products
    shop.services.catalog.cancel(product.id, by=Editor("ann"))
    page = open_desk(f"{shop.url}/failed").page
    expect(page.locator(".row .badge")).to_have_text("Cancelled")
    page.goto(f"{shop.url}/products/{product.id}")
    expect(page.locator(".badge.big")).to_have_text("Cancelled")
    expect(page.locator(".alert h2")).to_have_text("It was cancelled")


def test_the_grid_undoes_what_was_decided_before_a_reload(shop: DeskShop, open_desk: Open) -> None:
    ids = shop.stock(3, kinds=1)
    desk = open_desk(f"{shop.url}/grid")
    page = desk.page
    desk.press("Control+a a")
    page.get_by_role("button", name="Approve 3").click()
    until(lambda: set(shop.statuses(ids)) == {"approved"}, page)
    page.reload()
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_have_attribute("title", re.compile("Undo: Approved · #"))
    undo.click()
    until(lambda: sorted(shop.statuses(ids)) == ["approved", "approved", "pending_review"], page)
    expect(page.locator(".tile")).to_have_count(1)
    desk.press("Control+a a")
    page.get_by_role("button", name="Approve 1").click()
    approving = page.locator(".toast", has_text="Approving 1")
    by_toast = approving.get_by_role("button", name="Undo").element_handle()
    desk.press("u")
    expect(page.locator(".toast", has_text="Undone: #")).to_be_visible()
    by_toast.evaluate("button => button.click()")  # also if its message is gone by now
    expect(page.locator(".toast", has_text="Nothing to undo")).to_be_visible()  # no older one
    until(lambda: sorted(shop.statuses(ids)) == ["approved", "approved", "pending_review"], page)
    desk.press("u u")
    until(lambda: set(shop.statuses(ids)) == {"pending_review"}, page)
    expect(undo).to_be_disabled()


@pytest.mark.extra
def test_a_list_from_before_an_undo_removes_nothing_from_the_grid(
    shop: DeskShop, open_desk: Open
) -> None:
    ids = shop.stock(3, kinds=1)
    desk = open_desk(f"{shop.url}/grid")
    page = desk.page
    old: list[tuple[Route, Any]] = []
    page.route("**/api/products?*", lambda route: old.append((route, route.fetch())), times=1)
    desk.press("Control+a a")
    page.get_by_role("button", name="Approve 3").click()
    until(lambda: set(shop.statuses(ids)) == {"approved"} and bool(old), page)
    desk.press("u")
    until(lambda: set(shop.statuses(ids)) == {"pending_review"}, page)
    page.wait_for_timeout(300)  # the last answer is read
    [(route, answer)] = old
    assert len(answer.json()["data"]["products"]) < 3
    # A removed tile may be drawn anew.
    page.evaluate("for (const tile of document.querySelectorAll('.tile')) tile.dataset.mine = 1")
    route.fulfill(response=answer)
    page.wait_for_timeout(500)  # what is done with the list is done then
    expect(page.locator(".tile[data-mine]")).to_have_count(3)


def test_the_grid_makes_the_chosen_products_again_with_the_same_wishes(
    shop: DeskShop, open_desk: Open
) -> None:
    ids = shop.stock(3, kinds=1, warning="the background stays")
    with shop.services.database.write() as session:
        session.execute(update(ProductImage).values(enhancer="local"))
    desk = open_desk(f"{shop.url}/grid")
    page = desk.page
    desk.press("Control+a a")
    toast = page.locator(".toast")
    expect(toast).to_contain_text("3 products have a warning")
    toast.get_by_role("button", name="Make again…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Reject and make 3 products again")
    dialog.get_by_label("Cut it out anyway").check()
    dialog.get_by_role("button", name="Make 3 again").click()
    until(lambda: set(shop.statuses(ids)) == {"pending"}, page)
    products = [shop.services.catalog.product(number) for number in ids]
    assert {(each.round, tuple(each.adjustments)) for each in products} == {(2, ("cut_out",))}
    assert {line.note for line in shop.services.catalog.history(ids[0])} == {"Cut it out anyway"}
    expect(page.locator(".tile-end").first).to_contain_text("Waiting")


def tile_of(page: Page, number: int) -> Locator:
    link = page.locator(f'a[href$="/products/{number}"]')
    return page.locator(".tile", has=link).locator(".tile-label")


def make_darker(shop: DeskShop, desk: Desk, number: int) -> None:
    """Have the grid make this product again."""
    tile_of(desk.page, number).click()
    desk.press("Shift+R")
    desk.page.get_by_role("dialog").get_by_label("Darker").check()
    desk.page.get_by_role("button", name="Make it again").click()
    until(lambda: shop.statuses([number]) == ["pending"], desk.page)


def test_undo_in_the_grid_does_not_reach_past_a_redo(shop: DeskShop, open_desk: Open) -> None:
    approved, again = shop.stock(2, kinds=1)
    desk = open_desk(f"{shop.url}/grid")
    page = desk.page
    tile_of(page, approved).click()
    desk.press("a")
    page.get_by_role("button", name="Approve 1").click()
    until(lambda: shop.statuses([approved]) == ["approved"], page)
    make_darker(shop, desk, again)
    desk.press("u")
    expect(page.locator(".toast", has_text="Not undone, already being made again")).to_be_visible()
    assert shop.statuses([approved]) == ["approved"]
    desk.press("u")
    until(lambda: shop.statuses([approved]) == ["pending_review"], page)


def test_undo_in_the_grid_says_what_it_can_not_take_back(shop: DeskShop, open_desk: Open) -> None:
    [number] = shop.stock(1)
    desk = open_desk(f"{shop.url}/grid")
    page = desk.page
    tile_of(page, number).click()
    desk.press("a")
    page.get_by_role("button", name="Approve 1").click()
    until(lambda: shop.statuses([number]) == ["approved"], page)
    make_darker(shop, desk, number)
    expect(page.locator(".tile-end").first).to_contain_text("Waiting")
    desk.press("u u")
    assert page.locator(".toast", has_text="Undone:").count() == 0
    assert page.locator(".toast", has_text="Not undone, already being made again").count() == 1


def test_the_grid_says_how_many_of_the_list_are_chosen_and_chooses_the_rest(
    shop: DeskShop, open_desk: Open
) -> None:
    ids = shop.stock(101, kinds=1, pictures=1)
    desk = open_desk(f"{shop.url}/grid")
    page = desk.page
    chosen, more = page.locator(".chosen"), page.get_by_role("button", name="Choose all 101")
    page.locator(".tile-label").first.click()
    expect(chosen).to_have_text("1 of 101 chosen")
    expect(more).to_be_hidden()
    desk.press("Control+a")
    expect(chosen).to_have_text("50 of 101 chosen")
    more.click()
    expect(chosen).to_have_text("101 chosen")
    expect(more).to_be_hidden()
    desk.press("a")
    page.get_by_role("button", name="Approve 101").click()
    until(lambda: set(shop.statuses(ids)) == {"approved"}, page)


@pytest.mark.extra
def test_the_grid_counts_only_those_with_the_reason_of_its_list(
    shop: DeskShop, open_desk: Open
) -> None:
    for place, number in enumerate(shop.stock(57, kinds=1, pictures=1)):
        reason = "edges" if place < 53 else "color"
        shop.services.catalog.review(number, "rejected", who="ben", reason=reason)
    desk = open_desk(f"{shop.url}/grid?status=rejected&reason=edges")
    desk.press("Control+a")
    expect(desk.page.locator(".chosen")).to_have_text("50 of 53 chosen")
    expect(desk.page.get_by_role("button", name="Choose all 53")).to_be_visible()


def open_editor(shop: DeskShop, open_desk: Open, number: int) -> Page:
    """The page of a product, with the dialog that edits its facts."""
    page = open_desk(f"{shop.url}/products/{number}").page
    page.get_by_label("Facts").get_by_role("button", name="Edit…").click()
    return page


def test_the_products_page_edits_its_facts_and_its_history_says_so(
    shop: DeskShop, open_desk: Open
) -> None:
    [number] = shop.stock(1)
    facts = {"mrp": 1200, "price": 990, "discount": 210, "attributes": {"Colour": "red"}}
    shop.services.catalog.correct(number, facts, by=Editor("ann"))
    page = open_editor(shop, open_desk, number)
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Price").fill("1290")
    dialog.get_by_label("Name").fill("Red cap")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("1,290")  # above the MRP: nothing is lost
    expect(dialog.get_by_label("Name")).to_have_value("Red cap")
    dialog.get_by_label("Price").fill("1090")
    dialog.get_by_label("Colour").fill("")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Facts")).to_contain_text("1,090")
    history = page.get_by_label("History")
    expect(history).to_contain_text("price 990 → 1,090")
    expect(history).to_contain_text("Colour red → nothing")
    product = shop.services.catalog.product(number)
    assert (product.name, product.attributes) == ("Red cap", {})
    assert product.price == 1090
    assert product.discount == 110
    assert [one.status for one in product.images] == ["pending"] * 3


@pytest.mark.parametrize("view", ["front", pytest.param("", marks=pytest.mark.extra)])
def test_a_sku_and_view_of_another_product_is_saved_only_on_purpose(
    shop: DeskShop, open_desk: Open, view: str
) -> None:
    mug, number = shop.stock(2)
    shop.services.catalog.correct(mug, {"sku": "MUG-1", "view": view or None}, by=Editor("ann"))
    page = open_editor(shop, open_desk, number)
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("SKU", exact=True).fill("MUG-1")
    dialog.get_by_label("View").fill(view.title())
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text(f"product {mug}")
    assert shop.services.catalog.product(number).sku != "MUG-1"
    dialog.get_by_role("button", name="Save").click()  # without a tick it is asked again
    expect(dialog.get_by_role("alert")).to_contain_text(f"product {mug}")
    dialog.get_by_label("both are meant to have this SKU").check()
    dialog.get_by_role("button", name="Save").click()
    if view:
        expect(page.get_by_label("Views")).to_contain_text(f"Shows the same as #{mug}")
    expect(page.locator(".toast")).to_contain_text(f"with those of product {mug}")
    assert shop.services.catalog.product(number).sku == "MUG-1"


def test_a_wrong_amount_is_shown_at_its_field(shop: DeskShop, open_desk: Open) -> None:
    [number] = shop.stock(1)
    shop.services.catalog.correct(number, {"price": 990, "mrp": 2000}, by=Editor("ann"))
    page = open_editor(shop, open_desk, number)
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Price").fill("89.505")
    dialog.get_by_label("Name").fill("Red cap")
    dialog.get_by_role("button", name="Save").click()
    price = dialog.get_by_label("Price")
    expect(price).to_have_attribute("aria-invalid", "true")
    expect(price).to_be_focused()
    expect(price).to_have_accessible_description(re.compile("two decimals"))
    expect(dialog).not_to_contain_text("a value is missing or wrong")
    price.fill("1.089,50 €")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_label("History")).to_contain_text("price 990 → 1,089.50")
    assert shop.services.catalog.product(number).price == Decimal("1089.50")


AMOUNTS = ["12,50", "12,50 €", "1.099,00", "₹1,299.5", "1'299.00 CHF", "1,29,900", "Rs. 5", "19 %"]
AMOUNTS += ["1 299,00", "1.299.000", "0,299", "7", "12 34", "1.299", "1,2345.00", "soon", "", "-5"]


def test_the_desk_reads_amounts_as_a_spreadsheets(shop: DeskShop, open_desk: Open) -> None:
    page = open_desk(shop.url).page
    script = """async (texts) => {
      const { readAmount } = await import("/static/any/desk/product/amounts.js");
      return texts.map((text) => readAmount(text, text.endsWith("%")));
    }"""
    for text, read in zip(AMOUNTS, page.evaluate(script, AMOUNTS), strict=True):
        try:
            wanted = f"{read_alone(text, percent=text.endswith('%')):f}"
        except NotANumber:
            wanted = text
        assert read == wanted, text


@pytest.mark.extra
def test_the_desk_says_what_a_marketplace_would_refuse_before_approval(
    shop: DeskShop, open_desk: Open
) -> None:
    """Of each picture as its main one, for any may become it; the choice is remembered."""
    shop.stock(2)
    desk = open_desk(shop.url)
    page = desk.page
    expect(page.locator(".market-found .warning")).to_have_count(0)
    page.get_by_label("Rules of").select_option("amazon")
    warning = page.locator(".market-found .warning").first
    expect(warning).to_contain_text("As its main picture Amazon would refuse it: border white")
    desk.press("ArrowRight")
    expect(page.locator(".which")).to_have_text("Picture 2 of 3")
    expect(warning).to_contain_text("border white")
    desk.press("a")
    expect(left(page)).to_have_text("1 left")
    expect(warning).to_contain_text("border white")
    page.reload()
    expect(warning).to_contain_text("border white")


@pytest.mark.extra
def test_the_products_page_has_alt_texts_and_a_marketplaces_rules(
    shop: DeskShop, open_desk: Open
) -> None:
    [number] = shop.stock(1)
    page = open_desk(f"{shop.url}/products/{number}").page
    page.get_by_role("button", name="Edit…").first.click()
    page.get_by_label("What the picture shows").fill("A red box on white")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".alt-text").first).to_contain_text("A red box on white")
    [product] = shop.services.catalog.products().products
    assert product.images[0].alt_text == "A red box on white"
    expect(page.locator(".history")).to_contain_text("alt text of picture 1 nothing → A red box")
    late: list[Route] = []
    page.route("**/compliance?preset=myntra*", lambda route: late.append(route))
    page.locator(".shop-check select").select_option("myntra")
    until(lambda: bool(late), page)
    page.locator(".shop-check select").select_option("amazon")
    table = page.locator(".measured").first
    expect(table).to_contain_text("Picture 1")
    with page.expect_event("requestfailed"):
        late[0].abort()  # a late failure of another marketplace hides nothing
    page.wait_for_timeout(50)
    expect(table.locator("tr", has_text="border white")).to_contain_text("Fail")
    make_again(shop, number)
    with page.expect_response("**/compliance?*"):  # of the picture that stands there now
        page.evaluate("dispatchEvent(new Event('online'))")  # asks at once
    page.reload()
    expect(page.locator(".measured")).to_have_count(3)  # the marketplace is remembered
