"""Log lines: one JSON object each, with the request's or the product's id; text for people."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path

import pytest
from servers.packshot_process import BIN, PackshotProcess
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from support.shop import API_KEYS, SECRETS, Json, Shop, row

from packshot import logs
from packshot.database.engine import Database


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What the log writes when it is no terminal."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    logs.begin()  # an earlier test of this process may have left fields
    logs.configure(stream)
    yield stream
    root.handlers, root.level = handlers, level
    logs.begin()


def lines(stream: io.StringIO) -> list[Json]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_which_product_it_is_about(stream: io.StringIO) -> None:
    log = logging.getLogger("packshot.worker")
    with logs.about(product_id=7):
        log.info("Received message for product_id: %d", 7)
        thread = threading.Thread(target=copy_context().run, args=(log.info, "beside"))
        thread.start()
        thread.join()
    log.info("afterwards")
    told = [(line["message"], line.get("product_id")) for line in lines(stream)]
    assert told == [
        ("Received message for product_id: 7", 7),
        ("beside", 7),
        ("afterwards", None),
    ]


def test_a_change_is_one_line_with_the_requests_id(
    stream: io.StringIO, sqlite_url: str, tmp_path: Path
) -> None:
    shop = Shop(sqlite_url, tmp_path / "media", api_keys=API_KEYS)
    product_id, _ = shop.reviewable()
    path = f"/api/products/{product_id}/review"
    answer = shop.ask("POST", path, SECRETS["review"], json={"status": "approved"})
    shop.ask("POST", f"{path}?token=hush", SECRETS["review"])
    shop.bulk(row(), secret="wrong-secret")
    shop.ask("GET", "/api/products", SECRETS["review"])
    shop.ask("POST", "/no%0Asuch", SECRETS["review"])
    shop.close()
    about = [line for line in lines(stream) if line["logger"] == "packshot.web"]
    first = about[0]
    assert first["message"].startswith(f"POST {path} 200 in ")
    assert first["request_id"] == answer.headers["X-Request-Id"]
    assert (first["product_id"], first["who"]) == (product_id, "reviewer")
    refused = [(line["status"], line["who"]) for line in about[1:]]
    assert refused == [(422, "reviewer"), (401, None), (404, "reviewer")]
    text = stream.getvalue()
    assert "hush" not in text
    assert "wrong-secret" not in text
    assert "such" not in about[-1]["message"]


def test_for_people_the_documents_lines_have_no_extras(stream: io.StringIO) -> None:
    logs.configure(stream, as_format="text")
    with logs.about(product_id=7):
        logging.getLogger("packshot.worker").info("Successfully processed product 7")
    assert stream.getvalue().endswith(" Successfully processed product 7\n")
    assert "{" not in stream.getvalue()


def test_the_development_servers_lines_have_no_colours(stream: io.StringIO) -> None:
    logging.getLogger("werkzeug").info("\x1b[31m\x1b[1m%s\x1b[0m 100%%", "Press CTRL+C")
    logging.getLogger("packshot").info("it said \x1b[31m")  # strangers' bytes are kept, escaped
    first, second = lines(stream)
    assert first["message"] == "Press CTRL+C 100%"
    assert second["message"] == "it said \x1b[31m"


@pytest.mark.parametrize("as_format", ["json", "text"])
def test_all_log_lines_have_the_same_form(stream: io.StringIO, as_format: logs.LogFormat) -> None:
    """A new line or a terminal's escape in a path or an error stays inside its line."""
    logs.configure(stream, as_format=as_format)
    log = logging.getLogger("packshot.web")
    evil = "x\n12:00:00 INFO    all is well\r\x1b[2J\x85\u2028\u202etxt"
    log.info("GET /media/%s 503", evil)
    try:
        raise RuntimeError(evil)
    except RuntimeError:
        log.exception("product 1 met a fault that should not be")
    text = stream.getvalue()
    assert all(character.isprintable() for character in text.replace("\n", ""))
    starts = [line for line in text.splitlines() if "all is well" in line]
    assert starts and not [line for line in starts if line.startswith("12:00:00")]
    if as_format == "text":
        assert "x\\n12:00:00 INFO" in text
        assert "    RuntimeError: x" in text


def test_a_refused_row_is_not_logged(stream: io.StringIO, postgres_url: str) -> None:
    """PostgreSQL's DETAIL quotes the whole row, the signed address of a photo with it."""
    database = Database(postgres_url)
    try:
        with database.write() as session:
            session.execute(text("INSERT INTO products (category) VALUES ('pl4nted')"))
    except DBAPIError:
        logging.getLogger("packshot.web").exception("request failed unexpectedly")
    database.close()
    assert "NotNullViolation" in stream.getvalue()
    assert "Failing row" not in stream.getvalue()


@pytest.mark.extra
@pytest.mark.parametrize("wanted", ["json", "text"])
def test_gunicorns_own_lines_have_the_same_form(wanted: str, tmp_path: Path) -> None:
    command = [str(BIN / "gunicorn"), "-w", "1", "-b", "127.0.0.1:{port}", "src.app:create_app()"]
    environment = {"LOG_FORMAT": wanted, "WORKER_ENABLED": "false"}
    with PackshotProcess(tmp_path, command, environment) as process:
        process.wait_until_serving()
    log = process.log().splitlines()
    assert any("Listening at" in line for line in log)
    if wanted == "json":
        assert [line for line in log if not line.startswith("{")] == []
    else:
        assert [line for line in log if line.startswith("{")] == []
