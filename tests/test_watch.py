"""`packshot watch`: what is put into a folder becomes products, each once, whatever happens."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from filelock import FileLock
from rich.console import Console
from servers.loopback import losing_answers, refusing, served
from servers.ports import free_port
from support.fakes import photo_bytes
from support.processes import in_a_child
from support.shop import Shop, row

from packshot.cli.rows import ReadOptions
from packshot.cli.watch import Watcher, watch
from packshot.cli.watched_folder import (
    LOCK,
    LONGEST_WAIT,
    PLAN,
    SettledFiles,
    TakenFile,
    WatchedFolder,
)
from packshot.client import Client, Json, Photo

PRODUCTS = {"category": "Mugs"}


@pytest.fixture
def url(shop: Shop) -> Iterator[str]:
    with served(shop.app) as url:
        yield url


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def put(inbox: Path, path: str, data: bytes) -> Path:
    target = inbox / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return target


def run(inbox: Path, url: str, *options: str) -> Result:
    return CliRunner().invoke(
        watch, [str(inbox), "--once", "--settle", "0", "--url", url, *options]
    )


def made(shop: Shop) -> Counter[tuple[str | None, str | None]]:
    found = shop.services.catalog.products(limit=200).products
    return Counter((product.sku, product.view) for product in found)


def below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def left_in(inbox: Path) -> set[str]:
    others = ("done/", "failed/", ".packshot-watch")
    return {path for path in below(inbox) if not path.startswith(others)}


def test_what_is_put_in_is_made_and_moved(shop: Shop, url: str, inbox: Path) -> None:
    put(inbox, "JAR-1_front.jpg", photo_bytes(1))
    put(inbox, "MUG-2/1.jpg", photo_bytes(2))
    put(inbox, "MUG-2/side.jpg", photo_bytes(3))
    put(inbox, "notes.txt", b"none")
    put(inbox, "broken.jpg", b"no picture")
    put(inbox, "Thumbs.db", b"x")
    put(inbox, "coming.jpg.part", photo_bytes(4))
    done = run(inbox, url, "--category", "Kitchen")
    assert done.exit_code == 1, done.output
    assert made(shop) == {("JAR-1", "front"): 1, ("MUG-2", "1"): 1, ("MUG-2", "side"): 1}
    assert below(inbox / "done") == {"JAR-1_front.jpg", "MUG-2/1.jpg", "MUG-2/side.jpg"}
    assert below(inbox / "failed") == {"notes.txt", "notes.txt.txt", "broken.jpg", "broken.jpg.txt"}
    assert (inbox / "failed" / "notes.txt.txt").read_text() == "is a text\n"
    assert "not a JPEG" in (inbox / "failed" / "broken.jpg.txt").read_text()
    assert left_in(inbox) == {"Thumbs.db", "coming.jpg.part"}
    assert "MUG-2/1.jpg: moved to done/" in done.output
    assert shop.services.catalog.products().products[0].category == "Kitchen"


def test_a_photo_that_was_made_before_makes_no_other_product(
    shop: Shop, url: str, inbox: Path
) -> None:
    put(inbox, "JAR-1.jpg", photo_bytes(1))
    run(inbox, url)
    put(inbox, "JAR-1.jpg", photo_bytes(1))
    again = run(inbox, url)
    assert (again.exit_code, made(shop)) == (0, {("JAR-1", None): 1}), again.output
    assert "has this photo under this SKU and view (packshot upload --again)" in again.output
    assert below(inbox / "done") == {"JAR-1.jpg", "JAR-1 (2).jpg"}


def test_a_spreadsheet_takes_the_photos_that_come_with_it(
    shop: Shop, url: str, inbox: Path
) -> None:
    rows = "SKU,Type,Price\nJAR-1,Food,9\nJAR-2,Food,9\nJAR-3,Food,1x\n"
    put(inbox, "list/products.csv", rows.encode())
    put(inbox, "JAR-1_2.jpg", photo_bytes(1))
    put(inbox, "IMG_0001.jpg", photo_bytes(2))
    put(inbox, "JAR-3.jpg", photo_bytes(4))
    with zipfile.ZipFile(inbox / "more.zip", "w") as archive:
        archive.writestr("JAR-1_3.jpg", photo_bytes(3))
    done = run(inbox, url)
    assert made(shop) == {("JAR-1", "2"): 1, ("JAR-1", "3"): 1}
    assert below(inbox / "done") == {"JAR-1_2.jpg", "more.zip"}
    assert "fits no SKU" in (inbox / "failed" / "IMG_0001.jpg.txt").read_text()
    assert "row 4 must be corrected" in (inbox / "failed" / "JAR-3.jpg.txt").read_text()
    reasons = (inbox / "failed" / "list" / "products.csv.txt").read_text()
    assert "no photo was given for JAR-2" in reasons
    assert "must be a number" in reasons
    assert left_in(inbox) == set(), done.output


def test_photos_that_fit_no_row_of_a_spreadsheet_are_read_by_their_names(
    shop: Shop, url: str, inbox: Path
) -> None:
    """As if they had come alone: also those in a ZIP, and beside two spreadsheets."""
    put(inbox, "a.csv", b"SKU,Type,Price\nJAR-1,Food,9\n")
    put(inbox, "b.csv", b"SKU,Type,Price\nJAR-2,Food,9\n")
    for number, name in enumerate(("JAR-1_2.jpg", "JAR-2.jpg", "CUP-7_front.jpg", "BOX-1.jpg")):
        put(inbox, name, photo_bytes(number))
    with zipfile.ZipFile(inbox / "more.zip", "w") as archive:
        archive.writestr("JAR-1_3.jpg", photo_bytes(5))
        archive.writestr("TEA-9_back.jpg", photo_bytes(6))
    done = run(inbox, url, "--category", "Kitchen")
    assert done.exit_code == 0, done.output
    assert made(shop) == {
        ("JAR-1", "2"): 1,
        ("JAR-1", "3"): 1,
        ("JAR-2", None): 1,
        ("CUP-7", "front"): 1,
        ("BOX-1", None): 1,
        ("TEA-9", "back"): 1,
    }
    words = "CUP-7_front.jpg: no SKU of the spreadsheet, so CUP-7 by its name"
    assert words in done.output
    assert "left out" not in done.output
    assert left_in(inbox) == set(), done.output


def test_beside_a_spreadsheet_that_can_not_be_read_no_photo_is_guessed(
    shop: Shop, url: str, inbox: Path
) -> None:
    put(inbox, "products.csv", b"a\0b\nc")
    put(inbox, "JAR-1.jpg", photo_bytes(1))
    run(inbox, url)
    assert made(shop) == {}
    assert "products.csv, which came with it" in (inbox / "failed" / "JAR-1.jpg.txt").read_text()


def test_a_spreadsheet_whose_photos_all_came_is_done(shop: Shop, url: str, inbox: Path) -> None:
    put(inbox, "cat.csv", b"sku,category,price\nA1,Shoes,5\n")
    put(inbox, "A1.jpg", photo_bytes(1))
    done = run(inbox, url)
    assert (done.exit_code, made(shop)) == (0, {("A1", None): 1}), done.output
    assert below(inbox / "done") == {"A1.jpg", "cat.csv"}
    put(inbox, "again.csv", b"sku,category,price\nA1,Shoes,5\n")
    again = run(inbox, url)
    assert again.exit_code == 0, "nothing of it is new"
    assert "1 row without a photo: its SKU has products, and nothing differs" in again.output
    put(inbox, "more.csv", b"sku,category,price\nA1,Shoes,5\nA2,Shoes,6\n")
    put(inbox, "A2.jpg", photo_bytes(2))
    assert run(inbox, url).exit_code == 0
    assert below(inbox / "done") == {"A1.jpg", "cat.csv", "again.csv", "more.csv", "A2.jpg"}


def test_a_spreadsheet_names_photos_of_the_folder_only(
    shop: Shop, url: str, inbox: Path, tmp_path: Path
) -> None:
    other = put(tmp_path, "other.jpg", photo_bytes(1))
    (inbox / ".link.jpg").symlink_to(other)
    (inbox / ".huge.jpg").touch()
    os.truncate(inbox / ".huge.jpg", 20_000_001)
    names = ("/dev/zero", "../other.jpg", str(other), ".link.jpg", ".huge.jpg")
    rows = "".join(f"S{n},Mugs,{name}\n" for n, name in enumerate(names))
    put(inbox, "cat.csv", f"sku,category,image\n{rows}".encode())
    assert run(inbox, url).exit_code == 1
    assert made(shop) == {}
    reasons = (inbox / "failed" / "cat.csv.txt").read_text()
    assert reasons.count("is outside the watched folder") == 3
    assert "/dev/zero is not an ordinary file" in reasons
    assert ".huge.jpg has more than 20 MB" in reasons


def test_a_name_that_is_not_utf_8_keeps_no_other_waiting(shop: Shop, url: str, inbox: Path) -> None:
    odd = os.fsdecode(b"A1\xff.jpg")
    put(inbox, odd, photo_bytes(1))
    put(inbox, "A2.jpg", photo_bytes(2))
    done = run(inbox, url)
    assert (done.exit_code, made(shop)) == (1, {("A2", None): 1}), done.output
    assert "has a name that is not UTF-8" in (inbox / "failed" / f"{odd}.txt").read_text()


def test_a_reason_file_overwrites_nothing(url: str, inbox: Path) -> None:
    put(inbox, "a.jpg.txt", b"mine")
    run(inbox, url)
    put(inbox, "a.jpg", b"no picture")
    run(inbox, url)
    failed = inbox / "failed"
    assert (failed / "a.jpg.txt").read_bytes() == b"mine"
    assert "not a JPEG" in (failed / "a (2).jpg.txt").read_text()
    assert below(failed) == {"a.jpg.txt", "a.jpg.txt.txt", "a (2).jpg", "a (2).jpg.txt"}


@pytest.mark.skipif(os.getuid() == 0, reason="root reads every file")
def test_a_file_that_can_not_be_read_is_said(url: str, inbox: Path) -> None:
    put(inbox, "JAR-1.jpg", photo_bytes(1)).chmod(0)
    run(inbox, url)
    assert "Permission denied" in (inbox / "failed" / "JAR-1.jpg.txt").read_text()


# -- files that are still coming -------------------------------------------------------------------


def test_a_file_is_taken_when_nothing_changes_any_more() -> None:
    now = 0.0
    still = SettledFiles(5, lambda: now)
    growing = {"a.jpg": (1, 1, 1)}
    assert still.take(growing) == {}
    now = 4.0
    growing = {"a.jpg": (2, 2, 1)}
    assert still.take(growing) == {}
    now = 8.0
    assert still.take(growing) == {}
    now = 9.0
    assert still.take(growing) == growing


def test_one_that_never_ends_keeps_others_waiting_for_a_while_only() -> None:
    now = 0
    still = SettledFiles(5, lambda: now)
    for now in range(int(LONGEST_WAIT) + 5):
        assert still.take({"a.jpg": (1, 1, 1), "b.jpg": (now, now, 2)}) == {}
    now += 1
    assert still.take({"a.jpg": (1, 1, 1), "b.jpg": (now, now, 2)}) == {"a.jpg": (1, 1, 1)}


def test_a_photo_that_is_copied_slowly_is_sent_whole(shop: Shop, url: str, inbox: Path) -> None:
    photo, pieces = photo_bytes(1), 8
    target = put(inbox, "JAR-1.jpg", b"")

    def copy() -> None:
        with target.open("ab", buffering=0) as file:
            for n in range(pieces):
                file.write(photo[n * len(photo) // pieces : (n + 1) * len(photo) // pieces])
                time.sleep(0.1)

    writer = threading.Thread(target=copy)
    writer.start()
    watcher(inbox, Client(url), settle=1.0).run(once=True)
    writer.join()
    assert below(inbox / "done") == {"JAR-1.jpg"}
    [product] = shop.services.catalog.products().products
    assert product.raw_sha256 == hashlib.sha256(photo).hexdigest()


class Meddling(Client):
    """While a photo is sent, somebody does something to the folder."""

    def __init__(self, url: str, meddle: Callable[[], object]) -> None:
        super().__init__(url)
        self.meddle = meddle

    def upload(self, photo: Photo) -> str:
        answer = super().upload(photo)
        self.meddle()
        self.meddle = lambda: None
        return answer


def watcher(
    inbox: Path,
    client: Client,
    folder: WatchedFolder | None = None,
    settle: float = 0,
    *,
    console: Console | None = None,
    update: bool = False,
) -> Watcher:
    folder, console = folder or WatchedFolder(inbox), console or Console(quiet=True)
    return Watcher(folder, client, ReadOptions(PRODUCTS), settle, console, update=update)


def test_a_file_that_is_renamed_while_it_is_sent_is_made_under_its_new_name(
    shop: Shop, url: str, inbox: Path
) -> None:
    old = put(inbox, "JAR-1.jpg", photo_bytes(1))
    watcher(inbox, Meddling(url, lambda: old.rename(inbox / "JAR-2.jpg"))).run(once=True)
    assert below(inbox / "done") == {"JAR-2.jpg"}
    assert made(shop)["JAR-2", None] == 1


def test_a_file_that_changes_while_it_is_sent_is_looked_at_again(
    shop: Shop, url: str, inbox: Path
) -> None:
    target = put(inbox, "JAR-1.jpg", photo_bytes(1))
    meddling = Meddling(url, lambda: target.write_bytes(photo_bytes(2)))
    watcher(inbox, meddling).run(once=True)
    assert (inbox / "failed" / "JAR-1.jpg").read_bytes() == photo_bytes(2)
    [product] = shop.services.catalog.products().products
    why = (inbox / "failed" / "JAR-1.jpg.txt").read_text()
    assert f"product {product.id} (JAR-1) has another photo" in why


# -- the server, the folder, signals ---------------------------------------------------------------


def test_while_the_server_is_away_it_waits(shop: Shop, inbox: Path) -> None:
    put(inbox, "JAR-1.jpg", photo_bytes(1))
    port = free_port()
    threads: list[threading.Thread] = []
    client = Client(f"http://127.0.0.1:{port}", tries=1)
    waiting = threading.Event()
    one = watcher(inbox, client)
    client.sleep = lambda _: waiting.set() or time.sleep(0.05)  # type: ignore[func-returns-value]
    threads.append(threading.Thread(target=one.run, args=(True,)))
    threads[0].start()
    assert waiting.wait(20)
    assert left_in(inbox) == {"JAR-1.jpg"}
    with served(shop.app, port):
        threads[0].join(30)
    assert made(shop) == {("JAR-1", None): 1}
    assert below(inbox / "done") == {"JAR-1.jpg"}


@pytest.mark.parametrize("name", ["JAR-1.jpg", "prices.csv"])
def test_a_wrong_key_ends_it_and_moves_nothing(
    sqlite_url: str, tmp_path: Path, inbox: Path, name: str
) -> None:
    put(inbox, name, photo_bytes(1) if name == "JAR-1.jpg" else b"SKU,Type,Price\nJAR-1,Food,12\n")
    shop = Shop(sqlite_url, tmp_path / "media", api_keys="a:secret-secret-1")
    with served(shop.app) as url:
        done = run(inbox, url, "--key", "wrong")
    shop.close()
    assert done.exit_code == 1
    assert "does not know this key" in done.output
    assert left_in(inbox) == {name}


@pytest.mark.parametrize("status", ["200 OK", "301 Moved Permanently"])
@pytest.mark.parametrize("path", ["/", "/api/products/bulk"])
def test_another_program_in_packshots_place_ends_it_and_moves_nothing(
    shop: Shop, inbox: Path, status: str, path: str
) -> None:
    """As a proxy that redirects to https, or shows a page while Packshot is being updated."""
    put(inbox, "JAR-1.jpg", photo_bytes(1))
    put(inbox, "JAR-2.jpg", photo_bytes(2))

    def app(environ: Json, start_response: Any) -> Any:
        if not environ["PATH_INFO"].startswith(path):
            return shop.app(environ, start_response)
        start_response(status, [("Content-Type", "text/html"), ("Location", "https://x.example/")])
        return [b"<h1>Back soon</h1>"]

    with served(app) as url:
        assert run(inbox, url).exit_code == 1
    assert left_in(inbox) == {"JAR-1.jpg", "JAR-2.jpg"}


@pytest.mark.parametrize("url", ["htp://127.0.0.1", "http://[127.0.0.1", "http:///x", "http://a:b"])
def test_what_is_no_address_ends_it_and_moves_nothing(inbox: Path, url: str) -> None:
    """Without the check it would ask a host named `api`, or wait without end."""
    put(inbox, "JAR-1.jpg", photo_bytes(1))
    done = run(inbox, url)
    assert done.exit_code == 1
    assert f"{url} is not an address like http://127.0.0.1:5000" in done.output
    assert left_in(inbox) == {"JAR-1.jpg"}


@pytest.mark.parametrize("status", ["404 Not Found", "409 Conflict", "413 Too Large"])
@pytest.mark.parametrize("path", ["/api/products/bulk", "/api/products/duplicates"])
def test_a_photo_that_the_server_refuses_for_good_keeps_no_other_waiting(
    shop: Shop, inbox: Path, status: str, path: str
) -> None:
    put(inbox, "JAR-1.jpg", photo_bytes(1))
    put(inbox, "JAR-2.jpg", photo_bytes(2))
    with served(refusing(shop.app, path, status, "JAR-1")) as url:
        done = run(inbox, url)
    assert done.exit_code == 1, done.output
    assert made(shop) == {("JAR-2", None): 1}
    assert below(inbox / "done") == {"JAR-2.jpg"}
    assert (inbox / "failed" / "JAR-1.jpg.txt").read_text() == "refused by a rule\n"


def test_photos_whose_skus_the_server_does_not_look_up_fail_unread(shop: Shop, inbox: Path) -> None:
    put(inbox, "JAR-1.jpg", photo_bytes(1))
    path = "/api/products/corrections"
    with served(refusing(shop.app, path, "404 Not Found", "JAR-1")) as url:
        assert run(inbox, url).exit_code == 1
    assert (inbox / "failed" / "JAR-1.jpg.txt").read_text() == "refused by a rule\n"
    assert made(shop) == {}


def test_two_at_one_folder_are_one_too_many(url: str, inbox: Path) -> None:
    with FileLock(inbox / LOCK):
        done = run(inbox, url)
    assert (done.exit_code, "another packshot watch" in done.output) == (1, True)


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, marks=pytest.mark.extra), signal.SIGTERM]
)
def test_a_signal_ends_it_after_what_is_in_hand(
    shop: Shop, url: str, inbox: Path, number: int
) -> None:
    put(inbox, "JAR-1.jpg", photo_bytes(1))
    stopping = Meddling(url, lambda: os.kill(os.getpid(), number))

    def work() -> bool:
        one = watcher(inbox, stopping)
        signal.signal(number, one.ask_to_stop)
        one.run()
        return True

    assert os.waitstatus_to_exitcode(os.waitpid(in_a_child(work), 0)[1]) == 0
    assert below(inbox / "done") == {"JAR-1.jpg"}


# -- corrected spreadsheets -----------------------------------------------------------------------

CORRECTED = b"SKU,Type,Price,MRP\nJAR-1,Food,12,\nJAR-2,Food,30,20\nJAR-3,Food,9,\n"


def with_jars(shop: Shop, *skus: str) -> list[int]:
    return shop.create(*(row(sku=sku, mrp=15, price=9) for sku in skus))


def test_a_corrected_spreadsheet_updates_products_that_exist(
    shop: Shop, url: str, inbox: Path
) -> None:
    first, second = with_jars(shop, "JAR-1", "JAR-2")
    put(inbox, "prices.csv", CORRECTED)
    put(inbox, "JAR-3.jpg", photo_bytes(3))
    done = run(inbox, url, "--update")
    assert f"updated JAR-1 (product {first}): price 9 -> 12" in done.output
    assert "prices.csv: 1 product updated, 1 refused" in done.output
    assert made(shop) == {("JAR-1", None): 1, ("JAR-2", None): 1, ("JAR-3", None): 1}
    assert [shop.services.catalog.product(each).price for each in (first, second)] == [12, 9]
    assert below(inbox / "done") == {"JAR-3.jpg"}
    reasons = (inbox / "failed" / "prices.csv.txt").read_text()
    assert "JAR-2: price: 30 is above the mrp of 20" in reasons
    assert "JAR-1" not in reasons and "JAR-3" not in reasons


def test_a_spreadsheet_of_prices_alone_is_done(shop: Shop, url: str, inbox: Path) -> None:
    [product_id] = with_jars(shop, "JAR-1")
    put(inbox, "prices.csv", b"SKU,Price\nJAR-1,12\n")
    assert run(inbox, url).exit_code == 1, "without --update it is a product without a photo"
    reasons = (inbox / "failed" / "prices.csv.txt").read_text()
    assert "no photo was given for JAR-1, which Packshot has: --update corrects it" in reasons
    (inbox / "failed" / "prices.csv").rename(inbox / "prices.csv")
    assert run(inbox, url, "--update").exit_code == 0
    assert below(inbox / "done") == {"prices.csv"}
    assert shop.services.catalog.product(product_id).price == 12


def test_an_update_that_the_server_refuses_for_good_fails_the_spreadsheet(
    shop: Shop, inbox: Path
) -> None:
    [product_id] = with_jars(shop, "JAR-1")
    put(inbox, "prices.csv", b"SKU,Price\nJAR-1,12\n")
    path = "/api/products/corrections"
    with served(refusing(shop.app, path, "413 Too Large", "12")) as url:
        assert run(inbox, url, "--update").exit_code == 1
    reasons = (inbox / "failed" / "prices.csv.txt").read_text()
    assert "refused by a rule" in reasons and "no product has the SKU" not in reasons
    assert shop.services.catalog.product(product_id).price == 9


def test_an_update_whose_answers_were_lost_is_reported_once_the_server_answers(
    shop: Shop, inbox: Path
) -> None:
    printed = io.StringIO()
    with_jars(shop, "JAR-1")
    put(inbox, "prices.csv", b"SKU,Price\nJAR-1,12\n")
    with served(losing_answers(shop.app, "/corrections")) as url:
        console = Console(file=printed, soft_wrap=True)
        client = Client(url, tries=1)
        one = watcher(inbox, client, console=console, update=True)
        client.sleep = lambda _: None
        one.run(once=True)
    output = printed.getvalue()
    assert "waiting: " in output and "the server answers again" in output
    assert "updated JAR-1 (product 1): price 9 -> 12" in output
    assert "prices.csv: 1 product updated\n" in output


@pytest.mark.parametrize("options", [(), ("--update",)])
def test_what_upload_notes_of_a_spreadsheet_watch_notes_too(
    shop: Shop, url: str, inbox: Path, options: tuple[str, ...]
) -> None:
    with_jars(shop, "JAR-1")
    put(inbox, "prices.csv", b"SKU,Type,Price\njar_1,Food,12.00 PLN\n")
    put(inbox, "jar_1-2.jpg", photo_bytes(2))
    put(inbox, "jar_1-3.jpg", photo_bytes(2))
    done = run(inbox, url, *options)
    assert "SKU: jar_1 (Packshot has JAR-1): only upper and lower case" in done.output
    assert "Price: the sheet's prices are in PLN" in done.output
    assert "jar_1-3.jpg: the same photo as jar_1-2.jpg, as another view of jar_1" in done.output


# -- kill -9 ---------------------------------------------------------------------------------------


class Countdown:
    """Kills this process at the step with this number: before or after something that lasts."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class MortalClient(Client):
    def __init__(self, url: str, step: Countdown) -> None:
        super().__init__(url)
        self.step = step

    def upload(self, photo: Photo) -> str:
        answer = super().upload(photo)
        self.step()
        return answer

    def create(self, products: Sequence[Json], **options: Any) -> Json:
        self.step()
        answer = super().create(products, **options)
        self.step()
        return answer

    def correct_skus(self, facts: Sequence[Json], **options: Any) -> list[Json]:
        self.step()
        answer = super().correct_skus(facts, **options)
        self.step()
        return answer


class MortalFolder(WatchedFolder):
    def __init__(self, path: Path, step: Countdown) -> None:
        super().__init__(path)
        self.step = step

    def save_plan(self, files: Sequence[TakenFile]) -> None:
        self.step()
        super().save_plan(files)
        self.step()

    def move_to_done(self, path: str) -> None:
        super().move_to_done(path)
        self.step()

    def move_to_failed(self, path: str, reasons: Sequence[str]) -> None:
        self.step()
        super().move_to_failed(path, reasons)
        self.step()

    def forget_plan(self) -> None:
        self.step()
        super().forget_plan()


def is_killed_at(step: int, inbox: Path, url: str, *, update: bool = False) -> bool:
    """Run it in a process that is killed at this step; False: it ended before."""

    def work() -> bool:
        countdown = Countdown(step)
        folder = MortalFolder(inbox, countdown)
        watcher(inbox, MortalClient(url, countdown), folder, update=update).run(once=True)
        return True

    status = os.waitstatus_to_exitcode(os.waitpid(in_a_child(work), 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


def fill(inbox: Path, tag: str = "") -> None:
    """A name that would be read as another SKU once the other is gone, a bad file, a spreadsheet's
    rows with an address and no SKU, and a ZIP."""
    put(inbox, f"A1{tag}.jpg", photo_bytes(1))
    put(inbox, f"A1{tag}-2.jpg", photo_bytes(2))
    put(inbox, "bad.jpg", b"no picture")
    with zipfile.ZipFile(inbox / "more.zip", "w") as archive:
        archive.writestr(f"B1{tag}_front.jpg", photo_bytes(3))


def test_killed_at_one_step_after_the_other_it_loses_and_doubles_nothing(
    shop: Shop, url: str, inbox: Path
) -> None:
    fill(inbox)
    kills = 0
    for step in (1, 2, 3, 4, 5, 6, 7, 4, 3, 2):
        kills += is_killed_at(step, inbox, url)
    assert kills > 4
    assert run(inbox, url).exit_code in (0, 1)
    check(shop, inbox)


@pytest.mark.extra
def test_killed_at_each_step_from_the_beginning(shop: Shop, url: str, tmp_path: Path) -> None:
    step, killed = 0, True
    while killed:
        step += 1
        inbox = tmp_path / f"inbox-{step}"
        inbox.mkdir()
        fill(inbox, f"X{step}")
        killed = is_killed_at(step, inbox, url)
        assert run(inbox, url).exit_code in (0, 1)
        assert left_in(inbox) == set()
        skus = {f"A1X{step}", f"B1X{step}"}
        count = Counter({key: n for key, n in made(shop).items() if key[0] in skus})
        assert count == {
            (f"A1X{step}", None): 1,
            (f"A1X{step}", "2"): 1,
            (f"B1X{step}", "front"): 1,
        }
    assert step > 10


def test_killed_with_a_spreadsheet_its_photos_stay_with_their_rows(
    shop: Shop, url: str, inbox: Path
) -> None:
    rows = "SKU,Type,Name,Image\nJAR-1,Food,Jam,\n,Food,Tea,https://shop.example/tea.jpg\n"
    put(inbox, "products.csv", rows.encode())
    put(inbox, "JAR-1.jpg", photo_bytes(1))
    for step in (10, 3, 2):  # the photo is moved; then the rows are created, and not the file moved
        is_killed_at(step, inbox, url)
    run(inbox, url)
    names = Counter(product.name for product in shop.services.catalog.products().products)
    assert names == {"Jam": 1, "Tea": 1}
    assert below(inbox / "done") == {"JAR-1.jpg", "products.csv"}


def test_killed_at_each_step_of_an_update_it_is_done_once(
    shop: Shop, url: str, inbox: Path
) -> None:
    [product_id] = with_jars(shop, "JAR-1")
    for price, step in enumerate((4, 5, 6, 7), start=10):
        put(inbox, "prices.csv", f"SKU,Price\nJAR-1,{price}\n".encode())
        assert is_killed_at(step, inbox, url, update=True)
        assert run(inbox, url, "--update").exit_code == 0
        assert shop.services.catalog.product(product_id).price == price
        assert len(shop.services.catalog.corrections(product_id)) == price - 9
        assert left_in(inbox) == set()


def test_killed_with_a_damaged_zip_it_starts_again(url: str, inbox: Path) -> None:
    put(inbox, "x.zip", b"PK\x03\x04garbage")
    assert is_killed_at(3, inbox, url)
    assert run(inbox, url).exit_code == 1
    assert below(inbox / "failed") == {"x.zip", "x.zip.txt"}


@pytest.mark.parametrize("plan", ['[{"path": "x.zip"}]', "[1]", "{"])
def test_a_plan_that_can_not_be_read_is_made_again(
    shop: Shop, url: str, inbox: Path, plan: str
) -> None:
    put(inbox, PLAN, plan.encode())
    put(inbox, "A1.jpg", photo_bytes(1))
    assert run(inbox, url).exit_code == 0
    assert made(shop) == {("A1", None): 1}


def test_killed_between_rows_with_an_address_and_rows_with_a_file(
    shop: Shop, url: str, inbox: Path
) -> None:
    put(inbox, "done/jam.jpg", photo_bytes(1))
    rows = f",Tea,Tea,https://shop.example/tea.jpg\nJAR-1,Food,Jam,{inbox}/done/jam.jpg\n"
    put(inbox, "cat.csv", f"SKU,Type,Name,Image\n{rows}".encode())
    for step in (10, 2):  # created and answered, and nothing moved
        assert is_killed_at(step, inbox, url)
    run(inbox, url)
    names = Counter(product.name for product in shop.services.catalog.products().products)
    assert names == {"Jam": 1, "Tea": 1}


def check(shop: Shop, inbox: Path) -> None:
    assert made(shop) == {("A1", None): 1, ("A1", "2"): 1, ("B1", "front"): 1}
    assert below(inbox / "done") == {"A1.jpg", "A1-2.jpg", "more.zip"}
    assert below(inbox / "failed") == {"bad.jpg", "bad.jpg.txt"}
    assert left_in(inbox) == set()
    assert not (inbox / PLAN).exists()
