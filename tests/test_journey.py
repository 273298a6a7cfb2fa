"""The whole way on the defaults, over HTTP: upload, create, enhance, look, decide, redo."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from servers.packshot_process import ROOT, PackshotProcess, gunicorn

from packshot.cli import main
from packshot.client import Client, Json
from packshot.pictures import imaging

SAMPLES = sorted((ROOT / "samples" / "photos").glob("*.jpg"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PackshotProcess]:
    with PackshotProcess(tmp_path_factory.mktemp("journey"), gunicorn(1), empty=True) as server:
        server.wait_until_serving()
        yield server


@pytest.fixture(scope="module")
def client(server: PackshotProcess) -> Client:
    return Client(server.url)


def create(client: Client, photo: Path) -> Json:
    row = {
        "category": "Electronics",
        "raw_image": client.upload(photo),
        "mrp": 50000,
        "price": 45000,
        "discount": 5000,
        "gst": 18,
    }
    data = client.create([row])
    assert (data["created"], data["total"]) == (1, 1)
    product: Json = data["products"][0]
    assert product["status"] == "pending"
    return product


@pytest.fixture(scope="module")
def finished(client: Client) -> Json:
    """One sample photo, all the way to its reviewer."""
    product = create(client, SAMPLES[0])
    seen: list[int] = []
    (done,) = client.wait([product["id"]], lambda p: seen.append(len(p["images"])), timeout=90)
    assert seen == sorted(seen), "pictures appear one by one"
    return done


def test_a_photo_becomes_three_pictures_to_review(
    client: Client, finished: Json, tmp_path: Path
) -> None:
    assert finished["status"] == "pending_review", finished
    assert len({image["title"] for image in finished["images"]}) == 3
    for image in finished["images"]:
        header = imaging.read_header(client.download(image, tmp_path).read_bytes())
        assert header.mime_type == "image/jpeg"
        assert (header.width, header.height) == (image["width"], image["height"])
        assert header.width == header.height <= 2048


def test_the_database_holds_what_the_document_says(server: PackshotProcess, finished: Json) -> None:
    with sqlite3.connect(server.folder / "packshot.db") as database:
        (status,) = database.execute(
            "SELECT status FROM products WHERE id = ?", [finished["id"]]
        ).fetchone()
        urls = database.execute(
            "SELECT image_url FROM product_images WHERE product_id = ?", [finished["id"]]
        ).fetchall()
    database.close()
    assert status == "pending_review"
    assert len(urls) == 3
    assert all(url.startswith(f"/media/enhanced/{finished['id']}/") for (url,) in urls)


def test_the_log_has_the_documents_lines(server: PackshotProcess, finished: Json) -> None:
    log = server.log()
    assert "Worker thread started" in log
    assert f"Received message for product_id: {finished['id']}" in log
    assert f"Successfully processed product {finished['id']}" in log


def test_a_reviewer_decides_undoes_and_redoes(client: Client, server: PackshotProcess) -> None:
    product = create(client, SAMPLES[1])
    (done,) = client.wait([product["id"]], timeout=90)
    first, *_ = done["images"]
    path = f"/api/products/{done['id']}/review"
    status, answer = server.call("POST", path, {"status": "approved", "image_ids": [first["id"]]})
    assert (status, answer["data"]["product"]["status"]) == (200, "approved")
    status, answer = server.call(
        "PATCH", f"/api/product-images/{first['id']}", {"status": "pending"}
    )
    assert (status, answer["data"]["product"]["status"]) == (200, "pending_review")
    redone = client.enhance(done["id"], "brighter, please")
    assert (redone["status"], redone["round"]) == ("pending", 2)
    (again,) = client.wait([done["id"]], timeout=90)
    assert (again["status"], len(again["images"])) == ("pending_review", 3)


def test_a_photo_that_can_not_be_had_fails_with_a_reason(client: Client) -> None:
    row = {"category": "x", "raw_image": "https://nowhere.invalid/x.jpg", "mrp": 2, "price": 1}
    (created,) = client.create([row])["products"]
    (failed,) = client.wait([created["id"]], timeout=60)
    assert failed["status"] == "failed"
    assert "nowhere.invalid" in failed["error"]


def test_the_upload_command_takes_a_folder_and_a_csv(
    server: PackshotProcess, tmp_path: Path
) -> None:
    listing = tmp_path / "products.csv"
    listing.write_text(
        "category,raw_image,mrp,price\n"
        f"Mugs,{SAMPLES[0]},100,90\n"
        f"Mugs,{SAMPLES[0]},-90,100\n"
        f"Mugs,nothing.jpg,100,90\n"
    )
    dry = packshot("upload", str(listing), "--dry-run", "--url", server.url)
    assert dry.exit_code == 1
    assert "1 of 3 rows looks good" in dry.stdout
    done = packshot("upload", str(listing), "--json", "--url", server.url)
    assert done.exit_code == 1
    assert len(json.loads(done.stdout)) == 1
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(SAMPLES[0].read_bytes())
    whole = packshot("upload", str(folder), "--wait", "--json", "--url", server.url)
    assert whole.exit_code == 0, whole.stderr
    assert [p["status"] for p in json.loads(whole.stdout)] == ["pending_review"]


def packshot(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)
