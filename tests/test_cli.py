"""Commands as they are typed: what they print, and what they end with."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from click.testing import CliRunner, Result
from rich.console import Console
from servers.aws import Aws
from servers.loopback import served
from servers.packshot_process import BIN
from servers.ports import PATIENCE
from support.fakes import photo_bytes
from support.shop import Shop, becomes

from packshot.cli import COMMANDS, main
from packshot.cli.progress import print_table, table
from packshot.cli.server_errors import no_answer
from packshot.database.models import FAILED
from packshot.testing.fake_gemini import FakeGemini


def test_a_narrow_table_shows_status_and_numbers_whole() -> None:
    """The seconds were 2 instead of 2.5, or nothing."""
    at = {"created_at": "2026-11-26T00:00:00Z", "updated_at": "2026-11-26T00:00:02.5Z"}
    names = {"sku": "CUSHION-UNDEREXPOSED-2026", "category": "Cushions and curtains", "price": 9000}
    product = {"id": 1, "status": "pending_review", "images": [], "warning": "It is small."}
    console = Console(width=80)
    with console.capture() as shown:
        console.print(table([product | at | names], "EUR"))
    header, _, row, *_ = shown.get().splitlines()
    assert header.split()[-1] == "seconds"
    assert ("pending_review" in row, "9,000.00 EUR" in row, row.split()[-1]) == (True, True, "2.5")


@pytest.mark.parametrize(("sku", "heading"), [("MUG-1", "sku"), (None, "photo")])
def test_a_product_without_a_sku_is_named_by_its_photo(sku: str | None, heading: str) -> None:
    at = {"created_at": "2026-11-26T00:00:00Z", "updated_at": "2026-11-26T00:00:01Z"}
    plain = {"status": "pending", "images": [], "category": "Mugs"} | at
    camera = {"id": 2, "sku": None, "filename": "autumn/DSC_4711.jpg"} | plain
    console = Console(width=80)
    with console.capture() as shown:
        console.print(table([{"id": 1, "sku": sku, "filename": "MUG-1.jpg"} | plain, camera]))
    header, _, first, second, *_ = shown.get().splitlines()
    assert header.split()[1] == heading
    assert (first.split()[1], second.split()[1]) == (sku or "MUG-1.jpg", "DSC_4711.jpg")


def test_notes_stand_below_the_table_in_full() -> None:
    """In a column of a narrow terminal they lost letters."""
    at = {"created_at": "2026-11-26T00:00:00Z", "updated_at": "2026-11-26T00:00:01Z"}
    names = {"sku": "KÄ-100", "view": "1", "category": "Cushions and curtains", "images": []}
    failed = "no connection to cdn.shopify.com could be made: check the address of this picture"
    first = {"id": 7, "status": "failed", "error": failed} | at | names
    others = [{"id": n, "status": "failed", "error": "It is empty."} | at | names for n in (8, 9)]
    console = Console(width=80)
    with console.capture() as shown:
        print_table([first, *others], console)
    *_, note, shared = shown.get().splitlines()
    assert note == f"note product 7 (KÄ-100, 1): {failed}"
    assert shared == "note products 8, 9: It is empty."
    assert "KÄ-100, 1" in shown.get()


@pytest.fixture
def url(shop: Shop) -> Iterator[str]:
    with served(shop.app) as url:
        yield url


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def packshot(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    shown = packshot(command, "--help")
    assert shown.exit_code == 0
    assert f"Usage: main {command}" in shown.output


@pytest.mark.parametrize(
    "words",
    [
        "serve --workers 0",
        "redrive --limit 0",
        "webhooks list --limit 99999999999999999999",
        "webhooks list --limit -1",
        "webhooks replay --product 99999999999999999999",
        "webhooks replay --hours -1",
        "webhooks replay --hours 5e7",
        "retry 0",
    ],
)
def test_a_number_that_means_nothing_is_refused(words: str) -> None:
    refused = packshot(*words.split())
    assert refused.exit_code == 2 and "is not in the range" in refused.output, refused.output


def test_pictures_are_never_passed_without_a_marketplace(tmp_path: Path) -> None:
    (tmp_path / "mug.jpg").write_bytes(photo_bytes())
    refused = packshot("comply", "mug.jpg")
    assert refused.exit_code == 2 and "--preset" in refused.output
    assert "amazon\n" in packshot("comply").output


def test_enhance_writes_into_the_given_folder(tmp_path: Path) -> None:
    (tmp_path / "mug.jpg").write_bytes(photo_bytes())
    (tmp_path / "made").mkdir()
    one = packshot("enhance", "mug.jpg", "--out", "made")
    assert (one.exit_code, len(one.stdout.splitlines())) == (0, 4)
    sheet = packshot("enhance", "mug.jpg", "--sheet", "--out", "made")
    assert (sheet.exit_code, sheet.stdout) == (0, "made/sheet.jpg\n")
    assert {path.name for path in tmp_path.iterdir()} == {"mug.jpg", "made"}


def test_retry_queues_failed_products_again(shop: Shop, url: str) -> None:
    first, second, third = (shop.create()[0] for _ in range(3))
    becomes(shop, [first, second], FAILED)
    one = packshot("retry", str(first), "--url", url)
    assert (one.exit_code, one.output) == (0, "1 product is waiting again.\n")
    rest = packshot("retry", "--all-failed", "--json", "--url", url)
    assert (rest.exit_code, json.loads(rest.output)) == (0, [second])
    waiting = packshot("retry", str(third), "--json", "--url", url)
    assert (waiting.exit_code, waiting.stdout) == (1, "[]\n")
    assert f"product {third}: product {third} is already waiting" in waiting.stderr


def test_retry_leaves_a_product_that_has_not_failed_as_it_is(shop: Shop, url: str) -> None:
    product_id, _ = shop.reviewable()
    shop.services.catalog.review(product_id, "approved", who="ann")
    refused = packshot("retry", str(product_id), "--url", url)
    assert (refused.exit_code, refused.stdout) == (1, "0 products are waiting again.\n")
    assert f"product {product_id}: it is approved, not failed" in refused.stderr
    view = shop.services.catalog.product(product_id)
    assert (view.status, view.round) == ("approved", 1)


@pytest.mark.parametrize("words", [(), ("1", "--all-failed")])
def test_retry_needs_ids_or_all(words: tuple[str, ...]) -> None:
    refused = packshot("retry", *words)
    assert refused.exit_code == 2
    assert "give product ids, or --all-failed" in refused.output


def test_a_missing_server_is_one_line() -> None:
    refused = packshot("status", "--url", "http://127.0.0.1:9")
    assert refused.exit_code == 1
    assert refused.output.startswith("Error: no Packshot answers at http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("scheme", "answer", "words"),
    [
        ("http", b"", "the connection to {url} ended without an answer"),
        ("http", b"SSH-2.0-OpenSSH_9.9\r\n", "the connection to {url} ended without an answer"),
        ("https", b"HTTP/1.1 400 Bad Request\r\n\r\n", "no TLS connection to {url}"),
    ],
)
def test_a_server_that_is_something_else_is_named_as_that(
    scheme: str, answer: bytes, words: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client, contextlib.suppress(OSError):
                client.recv(65_536)
                client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        # Without the client's repeated tries, which take a quarter of a minute.
        with pytest.raises(urllib3.exceptions.HTTPError) as caught:
            urllib3.request("GET", url, retries=urllib3.Retry(0))
        thread.join()
    assert no_answer(url, caught.value).startswith(words.format(url=url))


def test_an_address_may_come_without_its_scheme(shop: Shop, url: str) -> None:
    [product] = shop.create()
    becomes(shop, [product], FAILED)
    told = packshot("status", "--url", url.removeprefix("http://"))
    assert told.exit_code == 0, told.output
    assert f"{url}/failed" in told.output


def test_key_makes_an_entry_that_works(sqlite_url: str, tmp_path: Path) -> None:
    made = packshot("key", "shop", "--scope", "submit")
    assert made.exit_code == 0
    _, entry, _, secret = made.output.splitlines()
    assert entry == f"shop:{secret}:submit"
    shop = Shop(sqlite_url, tmp_path / "media", api_keys=entry)
    assert shop.ask("GET", "/api/stats", secret).status_code == 200
    shop.close()
    assert packshot("key", "a shop").exit_code == 2


@pytest.mark.parametrize(
    "command",
    [
        "prune",
        "prune --delete",
        "webhooks list",
        "webhooks replay",
        "fidelity report",
        "restored",
        "migrate --back-to 0006",
    ],
)
def test_a_command_for_an_existing_shop_creates_none(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    refused = packshot(*command.split())
    assert refused.exit_code == 1
    assert f"there is no database {tmp_path / 'var' / 'packshot.db'}" in refused.output
    assert "or run this in Packshot's folder" in refused.output
    assert list(tmp_path.iterdir()) == []


def test_redrive_without_sqs_says_what_to_do_instead(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    refused = packshot("redrive")
    assert refused.exit_code == 1
    assert "packshot retry" in refused.output


def test_redrive_moves_the_dead_letters(
    aws: Aws, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from packshot.cli.setup_sqs import main as set_up

    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert set_up(["--name", "redriven"]) == 0
    queue = aws.sqs.get_queue_url(QueueName="redriven")["QueueUrl"]
    dead = aws.sqs.get_queue_url(QueueName="redriven-dlq")["QueueUrl"]
    aws.sqs.send_message(QueueUrl=dead, MessageBody='{"product_id": 7}')
    monkeypatch.setenv("SQS_QUEUE_URL", queue)
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    done = packshot("redrive")
    assert (done.exit_code, done.stdout) == (0, "1 message is in the queue again.\n")
    assert "Messages" in aws.sqs.receive_message(QueueUrl=queue)


# -- check ---------------------------------------------------------------------------------------


NOBODY = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("broken", "part", "says"),
    [
        ({"DATABASE_URL": "mysql://shop"}, "settings", "DATABASE_URL must be"),
        ({"DATABASE_URL": "sqlite:///a-file/x.db"}, "settings", "DATABASE_URL: the folder a-file"),
        ({"DATABASE_URL": "sqlite://"}, "settings", "DATABASE_URL must name SQLite's file"),
        ({"DATABASE_URL": "sqlite:///:memory:"}, "settings", "DATABASE_URL must name SQLite's"),
        ({"DATABASE_URL": "sqlite:///a?b.db"}, "settings", "takes no ?"),
        ({"DATABASE_URL": "postgresql://127.0.0.1:9/x"}, "database", "check DATABASE_URL"),
        ({"DATABASE_URL": "sqlite:///no.db"}, "database", "is no SQLite database"),
        ({"DATABASE_URL": "sqlite:///half.db"}, "database", "the file is damaged, or"),
        ({"DATABASE_URL": "sqlite:///new.db"}, "database", "run `packshot migrate`"),
        ({"MEDIA_DIR": "a-file"}, "storage", "MEDIA_DIR=a-file can't be used"),
        ({"S3_BUCKET": "no-such-bucket"}, "storage", "check S3_BUCKET"),
        ({"S3_BUCKET": "shop", "AWS_ENDPOINT_URL_S3": NOBODY}, "storage", "check S3_BUCKET and"),
        ({"S3_BUCKET": "shop", "AWS_REGION": "eu west 1"}, "storage", "set AWS_REGION"),
        (
            {"S3_BUCKET": "shop", "AWS_ENDPOINT_URL_S3": "localhost:9"},
            "storage",
            "AWS_ENDPOINT_URL_S3",
        ),
        ({"SQS_QUEUE_URL": "{aws}/123456789012/none"}, "queue", "check SQS_QUEUE_URL"),
        (
            {"SQS_QUEUE_URL": f"{NOBODY}/1/none", "AWS_ENDPOINT_URL_SQS": NOBODY},
            "queue",
            "check SQS_QUEUE_URL and the network",
        ),
        ({"GEMINI_API_KEY": "bad"}, "enhancer", "set a valid GEMINI_API_KEY"),
        ({"GEMINI_MODEL": "a?b"}, "settings", "GEMINI_MODEL='a?b': must be a model's name"),
        (
            {"GEMINI_API_KEY": "good", "GOOGLE_GEMINI_BASE_URL": "http://[::1"},
            "settings",
            "GOOGLE_GEMINI_BASE_URL",
        ),
        (
            {"GEMINI_API_KEY": "good", "GOOGLE_GEMINI_BASE_URL": "http://host:port"},
            "settings",
            "GOOGLE_GEMINI_BASE_URL",
        ),
        ({"GEMINI_API_KEY": "good", "GEMINI_MODEL": "none"}, "enhancer", "set GEMINI_MODEL"),
        ({}, None, ""),
    ],
)
def test_check_names_the_broken_part_and_what_to_fix(
    broken: dict[str, str],
    part: str | None,
    says: str,
    sqlite_url: str,
    aws: Aws,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("a-file").touch()
    Path("no.db").write_bytes(b"no database" * 1000)
    Path("half.db").write_bytes(Path(sqlite_url.removeprefix("sqlite:///")).read_bytes()[:20_000])
    works = {"DATABASE_URL": sqlite_url, "AWS_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1"}
    with FakeGemini(side=288, key="good") as fake:
        works["GOOGLE_GEMINI_BASE_URL"] = fake.url
        for name, value in (works | broken).items():
            monkeypatch.setenv(name, value.replace("{aws}", aws.endpoint))
        before = set(Path().rglob("*"))
        found = packshot("check", "--json")
        assert set(Path().rglob("*")) == before, "it creates nothing"
    which, *notes = json.loads(found.stdout)["notes"]
    assert f"alone: there is no {Path.cwd() / '.env'}" in which
    if part != "settings":
        keyed = "GEMINI_API_KEY" in broken
        assert notes[0].startswith(f"pictures are made by {'Gemini' if keyed else 'the local'}")
    problems = {name: said for name, said in json.loads(found.stdout)["parts"].items() if said}
    assert found.exit_code == (1 if part else 0), problems
    assert says in problems.get(part or "", "")
    # The embedded queue lies in the database: it is away with it.
    assert not problems.keys() - ({part, "queue"} if part == "database" else {part})


@pytest.mark.parametrize("command", ["fidelity", "status"])
def test_a_command_whose_reader_has_gone_ends_quietly(
    command: str, url: str, tmp_path: Path
) -> None:
    """As in `packshot status | head -1`."""
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(photo_bytes(side=64))
    words = ["--url", url] if command == "status" else [str(photo), str(photo), "--no-map"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [BIN / "packshot", command, *words], stdout=write, stderr=subprocess.PIPE, timeout=PATIENCE
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.extra
def test_the_shell_completes_commands() -> None:
    asked = {"_PACKSHOT_COMPLETE": "bash_complete", "COMP_WORDS": "packshot re", "COMP_CWORD": "1"}
    done = subprocess.run(
        [BIN / "packshot"], env=os.environ | asked, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.stdout.splitlines() == ["plain,retry", "plain,redrive", "plain,restored"]
