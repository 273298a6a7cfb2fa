"""Planted secrets appear nowhere: not in messages, reprs and errors, and not in a whole run."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import ValidationError
from servers.aws import Aws
from servers.packshot_process import PackshotProcess, gunicorn
from servers.photo_host import Behaviour, PhotoHost, redirect, refusal
from servers.receiver import Receiver
from support.fakes import photo_bytes

from packshot.database.engine import Database
from packshot.database.urls import redact_url
from packshot.errors import SettingsError
from packshot.settings import Settings, load_settings
from packshot.testing.fake_gemini import FakeGemini

PLANTED = "pl4nted"


# -- words ---------------------------------------------------------------------------------------


def test_no_secret_is_in_the_settings_repr() -> None:
    settings = Settings(
        database_url=f"postgresql://shop:{PLANTED}@db.example/shop?password={PLANTED}",
        api_keys=f"shop:{PLANTED}",
        fetch_headers=f"cdn.example Authorization: Bearer {PLANTED}",
        gemini_api_key=PLANTED,
        google_gemini_base_url=f"https://user:{PLANTED}@proxy.example",
        webhook_urls=(f"https://hooks.example/{PLANTED}",),
        webhook_secret="whsec_" + "A" * 32,
    )
    assert PLANTED not in repr(settings) + str(settings)
    assert "whsec_" not in repr(settings)
    assert "database_url='(not shown)'" in repr(settings)
    assert "port=5000" in repr(settings)


def test_no_secret_is_in_an_error_about_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(gemini_api_key=PLANTED, port=PLANTED)
    assert PLANTED not in str(caught.value) + repr(caught.value)
    for name in ("DATABASE_URL", "API_KEYS", "GEMINI_API_KEY", "WEBHOOK_SECRET", "WEBHOOK_URLS"):
        monkeypatch.setenv(name, PLANTED)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert PLANTED not in repr(refused.value) + repr(refused.value.__cause__)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql://shop:{PLANTED}@db/shop", "postgresql+psycopg://shop:***@db/shop"),
        (f"postgresql://db/shop?user=a&password={PLANTED}", "postgresql+psycopg://db/shop"),
        ("sqlite:////var/packshot.db", "sqlite:////var/packshot.db"),
    ],
)
def test_a_database_is_named_without_its_password(url: str, shown: str) -> None:
    assert redact_url(url) == shown


def test_a_failed_statement_is_logged_without_its_values(database: Database) -> None:
    """The values of a product hold its raw image's address, which may be signed."""
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    statement = text("INSERT INTO products (category, raw_image) VALUES (:category, NULL)")
    with pytest.raises(DBAPIError) as caught, database.write() as session:
        session.execute(statement, {"category": PLANTED})
    assert f"'{PLANTED}'" not in str(caught.value)


# -- the whole program ---------------------------------------------------------------------------

SUBMIT, REVIEW, ADMIN = (f"{PLANTED}-{scope}-key" for scope in ("submit", "review", "admin"))
API_KEYS = f"seller:{SUBMIT}:submit,reviewer:{REVIEW}:review,boss:{ADMIN}:admin"
GEMINI_KEY = f"AIza{PLANTED}"
WEBHOOK_SECRET = base64.b64encode(f"{PLANTED}-webhook-secret-of-32-bytes".encode()).decode()
#: A signature, which its submitter may see again and nobody else; in no log at all.
SIGNATURE = "s1gn4ture"
PAGES = (
    "/",
    "/grid",
    "/waiting",
    "/failed",
    "/sign-in",
    "/docs",
    "/openapi.json",
    "/metrics",
    "/readyz",
    "/healthz",
    "/session",
    "/desk/state",
    "/api/stats",
    "/api/products",
    "/api/products?status=failed",
    "/api/export?format=jsonl",
    "/nothing",
    "/problems/unauthorized",
    "/media/uploads/nothing",
    "/api/products?cursor=%00",
)


@dataclass
class Run:
    """A whole Packshot, each part with a planted secret; `told` is everything it showed."""

    process: PackshotProcess
    fake: FakeGemini
    photos: PhotoHost
    told: list[str] = field(default_factory=list)

    def ask(
        self, method: str, path: str, key: str | None = None, body: Any = None, **headers: str
    ) -> Any:
        """One request; the answer, which goes to `told` unless the asker may see signatures."""
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        data = None if body is None else json.dumps(body).encode()
        headers |= {"Content-Type": "application/json"} if data else {}
        answer = self.process.http.request(
            method, self.process.url + path, body=data, headers=headers
        )
        text = f"{method} {path}\n{dict(answer.headers)}\n{answer.data.decode(errors='replace')}"
        self.told.append(text if key == REVIEW or key is None else text.replace(SIGNATURE, ""))
        return answer

    def product(self, product_id: int) -> Any:
        return json.loads(self.ask("GET", f"/api/products/{product_id}", ADMIN).data)["data"][
            "product"
        ]

    def wait_for(self, product_ids: Sequence[int]) -> list[str]:
        deadline = time.monotonic() + 60
        while True:
            statuses = [self.product(number)["status"] for number in product_ids]
            if "pending" not in statuses:
                return statuses
            assert time.monotonic() < deadline, self.process.log()
            time.sleep(0.2)

    def send_raw(self, data: bytes) -> None:
        with socket.create_connection(("127.0.0.1", self.process.port), timeout=5) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while piece := sock.recv(65_536):
                self.told.append(piece.decode(errors="replace"))


@pytest.fixture
def whole_run(aws: Aws, postgres_url: str, tmp_path: Path) -> Iterator[Run]:
    pages: dict[str, bytes | Behaviour] = {
        "/ok.jpg": photo_bytes(),
        "/text.jpg": b"no picture",
        "/moved.jpg": redirect(f"/gone.jpg?X-Amz-Signature={SIGNATURE}"),
        "/fault.jpg": refusal(500),
    }
    with (
        FakeGemini(side=288, key=GEMINI_KEY) as fake,
        PhotoHost(pages) as photos,
        Receiver(500) as receiver,
    ):
        environment = {
            "DATABASE_URL": postgres_url.replace("postgres@", f"postgres:{PLANTED}@"),
            "SQS_QUEUE_URL": aws.queue(),
            "S3_BUCKET": aws.bucket(),
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": aws.endpoint,
            "AWS_ACCESS_KEY_ID": f"AKIA{PLANTED}",
            "AWS_SECRET_ACCESS_KEY": PLANTED,
            "AWS_SESSION_TOKEN": PLANTED,
            "API_KEYS": API_KEYS,
            "GEMINI_API_KEY": GEMINI_KEY,
            "GOOGLE_GEMINI_BASE_URL": fake.url,
            "ENHANCED_IMAGES_COUNT": "1",
            "RAW_IMAGE_HOSTS": photos.address,
            "WEBHOOK_URLS": f"{receiver.url}/{PLANTED}?token={PLANTED}",
            "WEBHOOK_SECRET": f"whsec_{WEBHOOK_SECRET}",
            "WEBHOOK_HOSTS": receiver.place,
        }
        command = gunicorn(1, "--log-level", "debug", "--access-logfile", "-")
        with PackshotProcess(tmp_path, command, environment) as process:
            process.wait_until_serving()
            yield Run(process, fake, photos)


@pytest.mark.extra
def test_a_whole_run_shows_no_secret(whole_run: Run) -> None:
    """Good and bad products, every page for everyone, broken requests, a key that is withdrawn."""
    run = whole_run
    run.fake.misbehave("error_500", kind="analysis")
    names = ("ok", "text", "gone", "moved", "fault")
    rows = [
        {"category": "Mugs", "mrp": 2, "price": 1, "raw_image": signed(run.photos, name)}
        for name in names
    ]
    created = json.loads(run.ask("POST", "/api/products/bulk", SUBMIT, {"products": rows}).data)
    ids = [product["id"] for product in created["data"]["products"]]
    assert run.wait_for(ids[:4]) == ["pending_review", "failed", "failed", "failed"]
    walk(run, ids)
    break_requests(run)
    check_processes(run.process.pid)
    run.fake.key = "another"  # Google withdraws the key
    run.ask("POST", f"/api/products/{ids[0]}/enhance", REVIEW, {"instructions": "brighter"})
    run.process.wait_for_line("refuses the key")
    run.ask("GET", "/readyz", REVIEW)
    run.process.stop()
    told = "\n".join(run.told)
    assert PLANTED not in told and WEBHOOK_SECRET not in told
    assert SIGNATURE not in told
    log = run.process.log()
    for met in ("msg_", "404 from", "500 from", "failed: ", "Invalid request", "GET /grid"):
        assert met in log, met  # the run did meet what it was made to meet
    for secret in (PLANTED, WEBHOOK_SECRET, SIGNATURE):
        assert secret not in log, [line for line in log.splitlines() if secret in line]
    sent = json.dumps(run.fake.requests)
    assert PLANTED not in sent and SIGNATURE not in sent


def signed(photos: PhotoHost, name: str) -> str:
    return photos.url(f"/{name}.jpg?X-Amz-Signature={SIGNATURE}&X-Amz-Credential=AKIA{SIGNATURE}")


def walk(run: Run, ids: Sequence[int]) -> None:
    """Every page as a reviewer, without a key, with a wrong key and in a session."""
    signed_in = run.ask("POST", "/session", None, {"key": REVIEW})
    cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
    run.told.pop()  # the answer to a sign-in is the one place that holds the cookie
    ones = [f"/api/products/{ids[0]}/history", *(f"/products/{number}" for number in ids)]
    for page in (*PAGES, *ones):
        assert run.ask("GET", page, REVIEW).status < 500
        run.ask("GET", page)
        run.ask("GET", page, Cookie=cookie, Accept="text/html")
    run.ask("GET", "/api/products", "wrong")
    run.ask("GET", "/api/products", ADMIN)
    run.ask("POST", "/session", None, {"key": f"{PLANTED}-wrong", "more": PLANTED})
    run.ask("DELETE", "/session", Cookie=cookie)
    run.ask("POST", "/api/products/bulk", SUBMIT, {"products": [{"category": PLANTED * 30}]})


def break_requests(run: Run) -> None:
    """What gunicorn itself refuses, and complains of."""
    for line in (
        f"GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN}\x00\r\n\r\n",
        f"GET /healthz HTTP/1.1\r\nHost: x\r\nX-API-Key : {ADMIN}\r\n\r\n",
        f"GET /healthz HTTP/1.1\r\nHost: x\r\nX-API-Key: {ADMIN}\r\n {ADMIN}\r\n\r\n",
        f"GET /healthz HTTP/1.1\r\nHost: x\r\nX-API-Key: {ADMIN}\r\nContent-Length: x\r\n\r\n",
    ):
        run.send_raw(line.encode())


def check_processes(pid: int) -> None:
    """Their titles hold no secret, and the children that decode pictures know none."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    titles = [" ".join(process.cmdline()) for process in family]
    assert not [title for title in titles if PLANTED in title or SIGNATURE in title]
    pixels = [
        process for process, title in zip(family, titles, strict=True) if "child_processes" in title
    ]
    assert pixels
    for process in pixels:
        assert PLANTED not in json.dumps(process.environ())
