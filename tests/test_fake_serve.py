"""`packshot serve --fake-gemini`: the Gemini path without a key, apart from all that is real."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
import urllib3
from click.testing import CliRunner
from pydantic import SecretStr
from servers.packshot_process import BIN, PackshotProcess
from support.fakes import photo_bytes

from packshot.cli import main
from packshot.cli.run import start_fake_gemini
from packshot.client import Client
from packshot.settings import FAKE_KEY, Settings
from packshot.testing.fake_gemini import FAULTS, painting
from packshot.testing.fake_gemini.faults import read_chance

COMMAND = (str(BIN / "packshot"), "serve", "--fake-gemini")


@pytest.mark.extra
def test_the_gemini_path_is_shown_without_a_key_and_kept_apart(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(photo_bytes())
    real = {"ENHANCER": "local", "ENHANCED_IMAGES_COUNT": "2"}
    with PackshotProcess(tmp_path, COMMAND, real, empty=True) as server:
        server.wait_until_serving()
        client = Client(server.url)
        row = {"category": "Shoes", "raw_image": client.upload(photo), "mrp": 2, "price": 1}
        [product] = client.create([row])["products"]
        (done,) = client.wait([product["id"]], lambda product: None, timeout=60)
        images = client.product(product["id"])["images"]
        pages = [page(server.url, path) for path in ("/", "/grid", "/upload", "/waiting")]
        stats = client.stats()
        listed = CliRunner().invoke(main, ["status", "--url", server.url]).output

    assert done["status"] == "pending_review"
    assert [image["enhancer"] for image in images] == ["gemini", "gemini"]
    assert all("nothing is paid for" in page and "data-simulated" in page for page in pages)
    assert stats["simulated"] is True and "(simulated)" in listed
    assert not (tmp_path / "packshot.db").exists()
    assert not (tmp_path / "media").exists()
    said = next(line for line in server.log().splitlines() if "are kept in" in line)
    assert not Path(said.split()[-4]).exists()


def page(url: str, path: str) -> str:
    return urllib3.request("GET", f"{url}{path}").data.decode()


def test_a_real_key_is_no_simulation() -> None:
    assert Settings(gemini_api_key=SecretStr(FAKE_KEY)).simulated
    assert not Settings(gemini_api_key=SecretStr("AIza-real")).simulated
    assert not Settings().simulated


def test_every_picture_of_the_fake_says_sample() -> None:
    """Where the word lies, many pixels differ from the picture without it."""
    plain = np.full((400, 400, 3), 120, np.uint8)
    marked = painting._sample(plain)
    changed = np.abs(marked.astype(int) - plain).max(axis=2) > 10
    assert 0.03 < changed.mean() < 0.5
    assert np.ptp(np.flatnonzero(changed.any(axis=0))) > 200


def test_faults_go_with_the_fake_only() -> None:
    done = CliRunner().invoke(main, ["serve", "--fake-fault", "overloaded=0.1"])
    assert done.exit_code == 2 and "goes with --fake-gemini" in done.output


def test_the_help_lists_the_faults_and_its_example_is_one() -> None:
    shown = " ".join(CliRunner().invoke(main, ["serve", "--help"]).output.split())
    assert all(name in shown for name in FAULTS)
    [example] = re.findall(r"as in (\S+);", shown)
    assert read_chance(example) == ("overloaded", 0.1)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("busy=0.1", "there is no fault 'busy'; there are aborted, "),
        ("overloaded=often", "the chance of overloaded must be from 0 to 1"),
        ("overloaded=nan", "the chance of overloaded must be from 0 to 1"),
        ("overloaded=2", "as in overloaded=0.1"),
    ],
)
def test_a_wrong_fault_is_refused_before_anything_starts(given: str, says: str) -> None:
    done = CliRunner().invoke(main, ["serve", "--fake-gemini", "--fake-fault", given])
    assert done.exit_code == 2
    assert says in done.output
    assert "packshot.testing" not in done.output and "kept in" not in done.output


def test_it_does_not_write_into_a_real_queue(tmp_path: Path) -> None:
    queue = {"SQS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/q"}
    with PackshotProcess(tmp_path, COMMAND, queue) as server:
        assert server.process is not None
        assert server.process.wait(40) == 2
    assert "unset it" in server.log()


def test_a_fake_that_does_not_start_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import click

    monkeypatch.setattr("sys.executable", "/bin/true")
    with pytest.raises(click.ClickException, match="did not start"):
        start_fake_gemini()
    assert "GEMINI_API_KEY" not in os.environ
